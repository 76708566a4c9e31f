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

/* Puts the tunnel words of 'scratch' in front of the packet as far as "struct
 * xdp_upcall_meta" says.  Returns their length, or 0 if there is no room. */
static __always_inline __u32
upcall_put_tunnel(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    __u32 words = XDP_KEY_WORDS - XDP_KEY_TUNNEL_WORDS;
    bool has_opts = scratch->key.tun_opts_len;
    bool has_ipv6 = !scratch->key.tun_ip_dst;
    __u32 len = XDP_UPCALL_TUNNEL_WORDS * 8;

    len += has_opts ? XDP_UPCALL_OPTS_WORDS * 8 : 0;
    len += has_ipv6 ? XDP_UPCALL_IPV6_WORDS * 8 : 0;
    if (bpf_xdp_adjust_head(ctx, -(int) len)
        || bpf_xdp_store_bytes(ctx, 0, &scratch->words[words],
                               XDP_UPCALL_TUNNEL_WORDS * 8)) {
        return 0;
    }
    words += XDP_UPCALL_TUNNEL_WORDS;
    if (has_opts
        && bpf_xdp_store_bytes(ctx, XDP_UPCALL_TUNNEL_WORDS * 8,
                               &scratch->words[words],
                               XDP_UPCALL_OPTS_WORDS * 8)) {
        return 0;
    }
    words += XDP_UPCALL_OPTS_WORDS;
    if (has_ipv6
        && bpf_xdp_store_bytes(ctx, len - XDP_UPCALL_IPV6_WORDS * 8,
                               &scratch->words[words],
                               XDP_UPCALL_IPV6_WORDS * 8)) {
        return 0;
    }
    return len;
}

/* Puts the metadata of the pass of 'scratch' in front of the packet, instead
 * of what may be there.  Returns false if the driver has no room for it. */
static __always_inline bool
upcall_put_metadata(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    __u32 tunnel_len = scratch->in_tunnel ? upcall_put_tunnel(ctx, scratch)
                                          : 0;
    int old = (void *) (long) ctx->data - (void *) (long) ctx->data_meta;
    bool has_hash = scratch->kept == HASH_KEPT;
    struct xdp_upcall_meta *meta;

    if ((scratch->in_tunnel && !tunnel_len)
        || bpf_xdp_adjust_meta(ctx, old - (int) sizeof *meta)) {
        return false;
    }
    meta = (void *) (long) ctx->data_meta;
    if ((void *) (meta + 1) > (void *) (long) ctx->data) {
        return false;
    }
    meta->magic = xdp_upcall_magic;
    meta->recirc_id = scratch->recirc_id;
    meta->dp_hash = scratch->dp_hash;
    meta->rss_hash = has_hash ? hash_l4(scratch) : 0;
    meta->flags = ((scratch->pass ? XDP_UPCALL_LATER_PASS : 0)
                   | (has_hash ? XDP_UPCALL_RSS_HASH : 0));
    meta->tunnel_port = scratch->tunnel_port;
    meta->tunnel_len = tunnel_len;
    return true;
}

/* Hands the packet of the scratch to the AF_XDP socket of 'port' and of the
 * queue on which it arrived.
 *
 * On the first pass, where it is unchanged, a queue without socket goes to the
 * kernel's stack, as with the XDP program that AF_XDP ports have without a
 * flow table.  Later, userspace must know the pass, or the packet is
 * dropped. */
__noinline int
upcall(struct xdp_md *ctx, __u32 port)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct xdp_port_stats *stats;
    __u32 queue = ctx->rx_queue_index;
    __u32 index;
    bool is_first;

    if (!scratch) {
        return XDP_ABORTED;
    }
    is_first = !scratch->pass;
    if (scratch->in_tunnel) {
        port = scratch->rx_port;
    }
    index = port * XDP_PORT_MAX_QUEUES + queue;

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
