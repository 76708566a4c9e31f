/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on in userspace with packets for which XDP found no flow in a later
 * pass: they have been changed, and must not start again.
 *
 * dpif-netdev.c includes this file in its middle, since it works on structures
 * and functions that are private there.  It is not to be included elsewhere.
 */

#ifndef DPIF_NETDEV_RESUME_H
#define DPIF_NETDEV_RESUME_H 1

#include "xdp-upcall.h"

/* If XDP was in a later pass with one of the packets of 'batch', which come
 * from port 'port_no', processes all of them, in their order, and returns
 * true.  Otherwise leaves them to the caller. */
static bool
dpif_netdev_resume(struct dp_netdev_pmd_thread *pmd,
                   struct dp_packet_batch *batch, odp_port_t port_no)
{
    struct xdp_upcall_meta metas[NETDEV_MAX_BURST];
    struct dp_packet_batch run;
    struct dp_packet *packet;
    bool resumed = false;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (!xdp_upcall_take_meta(packet, &metas[i])) {
            metas[i].recirc_id = 0;
        }
        resumed |= metas[i].recirc_id != 0;
    }
    if (!resumed) {
        return false;
    }

    dp_packet_batch_init(&run);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        bool is_first = !metas[i].recirc_id;

        if (!is_first) {
            pkt_metadata_init(&packet->md, port_no);
            packet->md.recirc_id = metas[i].recirc_id;
            packet->md.dp_hash = metas[i].dp_hash;
            if (metas[i].has_rss_hash) {
                dp_packet_set_rss_hash(packet, metas[i].rss_hash);
            }
        }
        dp_packet_batch_add(&run, packet);
        if (i + 1 == dp_packet_batch_size(batch)
            || is_first != !metas[i + 1].recirc_id) {
            if (is_first) {
                dp_netdev_input(pmd, &run, port_no);
            } else {
                dp_netdev_recirculate(pmd, &run);
            }
            dp_packet_batch_init(&run);
        }
    }
    dp_packet_batch_init(batch);
    return true;
}

#endif /* dpif-netdev-resume.h */
