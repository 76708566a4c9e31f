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

/* Makes 'packet', from port 'port_no', what it was in XDP in the pass that
 * 'meta' is of. */
static void
dpif_netdev_restore_pass(struct dp_packet *packet,
                         const struct xdp_upcall_meta *meta,
                         odp_port_t port_no)
{
    pkt_metadata_init(&packet->md, port_no);
    if (meta->tunnel_len) {
        pkt_metadata_init_tnl(&packet->md);
        packet->md.in_port.odp_port = u32_to_odp(meta->tunnel_port);
        xdp_upcall_take_tunnel(packet, meta, &packet->md.tunnel);
    }
    packet->md.recirc_id = meta->recirc_id;
    packet->md.dp_hash = meta->dp_hash;
    if (meta->flags & XDP_UPCALL_RSS_HASH) {
        dp_packet_set_rss_hash(packet, meta->rss_hash);
    }
}

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
            metas[i].flags = 0;
        }
        resumed |= (metas[i].flags & XDP_UPCALL_LATER_PASS) != 0;
    }
    if (!resumed) {
        return false;
    }

    dp_packet_batch_init(&run);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        uint32_t later = metas[i].flags & XDP_UPCALL_LATER_PASS;

        if (later) {
            dpif_netdev_restore_pass(packet, &metas[i], port_no);
        }
        dp_packet_batch_add(&run, packet);
        if (i + 1 == dp_packet_batch_size(batch)
            || later != (metas[i + 1].flags & XDP_UPCALL_LATER_PASS)) {
            if (later) {
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

#endif /* dpif-netdev-resume.h */
