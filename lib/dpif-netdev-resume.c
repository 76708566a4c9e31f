/* SPDX-License-Identifier: Apache-2.0 */
/* See dpif-netdev-resume.h. */

#include <config.h>

#include "dpif-netdev-resume.h"

#include "dp-packet.h"
#include "dpif-netdev-private.h"
#include "util.h"
#include "xdp-upcall.h"

/* Returns true if the packets 'a' and 'b' can be processed together: both in
 * their first pass, or, if both were in a 'later' one, from the same port, of
 * which a popped tunnel header makes another one. */
static bool
go_together(const struct dp_packet *a, bool a_later,
            const struct dp_packet *b, bool b_later)
{
    return (a_later == b_later
            && (!a_later
                || a->md.in_port.odp_port == b->md.in_port.odp_port));
}

/* If XDP was in a later pass with one of the packets of 'batch', which 'pmd'
 * has just received from port 'port_no', processes all of them, in their
 * order, and returns true.  Otherwise leaves them to the caller. */
bool
dpif_netdev_xdp_resume(struct dp_netdev_pmd_thread *pmd,
                       struct dp_packet_batch *batch, odp_port_t port_no)
{
    bool later[NETDEV_MAX_BURST];
    struct dp_packet_batch run;
    struct dp_packet *packet;
    bool resumed = false;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        later[i] = xdp_upcall_resume(packet, port_no);
        resumed |= later[i];
    }
    if (!resumed) {
        return false;
    }

    dp_packet_batch_init(&run);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        dp_packet_batch_add(&run, packet);
        if (i + 1 == dp_packet_batch_size(batch)
            || !go_together(packet, later[i], batch->packets[i + 1],
                            later[i + 1])) {
            if (later[i]) {
                dp_netdev_recirculate(pmd, &run);
            } else {
                dp_netdev_input(pmd, &run, port_no);
            }
            dp_packet_batch_init(&run);
        }
    }
    dp_packet_batch_init(batch);
    return true;
}
