/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handing a packet to the userspace datapath through its AF_XDP socket, with
 * what that has to know to go on in the pass that found no flow.
 */

#ifndef BPF_UPCALL_H
#define BPF_UPCALL_H 1

#include "hash.h"
#include "maps.h"
#include "stats.h"

/* What hash_l4() needs. */
#define UPCALL_HASH_PARTS \
    (XDP_PART_NETWORK | XDP_PART_TRANSPORT | XDP_PART_EXTENDED)

/* Puts the metadata of the pass of 'scratch' in front of the packet, instead
 * of what may be there.  Returns false if the driver has no room for it. */
static __always_inline bool
upcall_put_metadata(struct xdp_md *ctx, const struct xdp_scratch *scratch)
{
    int old = (void *) (long) ctx->data - (void *) (long) ctx->data_meta;
    bool has_hash = (scratch->kept == HASH_KEPT
                     && !(UPCALL_HASH_PARTS & ~scratch->kept_parts));
    struct xdp_upcall_meta *meta;

    if (bpf_xdp_adjust_meta(ctx, old - (int) sizeof *meta)) {
        return false;
    }
    meta = (void *) (long) ctx->data_meta;
    if ((void *) (meta + 1) > (void *) (long) ctx->data) {
        return false;
    }
    meta->magic = xdp_upcall_magic;
    meta->recirc_id = scratch->recirc_id;
    meta->dp_hash = scratch->dp_hash;
    meta->rss_hash = has_hash ? hash_l4() : 0;
    meta->has_rss_hash = has_hash;
    return true;
}

/* Hands the packet of 'scratch' to the AF_XDP socket of 'port' and of the
 * queue on which it arrived.
 *
 * On the first pass, where it is unchanged, a queue without socket goes to the
 * kernel's stack, as with the XDP program that AF_XDP ports have without a
 * flow table.  Later, userspace must know the pass, or the packet is
 * dropped. */
static __always_inline int
upcall(struct xdp_md *ctx, __u32 port, const struct xdp_scratch *scratch)
{
    struct xdp_port_stats *stats;
    __u32 queue = ctx->rx_queue_index;
    __u32 index = port * XDP_PORT_MAX_QUEUES + queue;
    bool is_first = !scratch->pass;

    stats = bpf_map_lookup_elem(&xdp_port_stats, &port);
    if (!stats) {
        return is_first ? XDP_PASS : XDP_DROP;
    }
    if (queue >= XDP_PORT_MAX_QUEUES
        || !bpf_map_lookup_elem(&xsks_map, &index)) {
        if (!is_first) {
            stats_count(XDP_COUNTER_DROP_RECIRC);
            return XDP_DROP;
        }
        stats_count(XDP_COUNTER_NO_SOCKET);
        stats->no_socket++;
        return XDP_PASS;
    }

    if (!upcall_put_metadata(ctx, scratch)) {
        stats->no_metadata++;
        if (!is_first) {
            stats_count(XDP_COUNTER_DROP_RECIRC);
            return XDP_DROP;
        }
    }
    if (!is_first) {
        stats_count(XDP_COUNTER_RESUMED);
    }
    stats_count(XDP_COUNTER_UPCALLS);
    stats->upcalls++;
    return bpf_redirect_map(&xsks_map, index, is_first ? XDP_PASS : XDP_DROP);
}

#endif /* upcall.h */
