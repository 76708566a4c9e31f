/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handing a packet to the userspace datapath through its AF_XDP socket, with
 * what that has to know to go on in the pass that found no flow.
 */

#ifndef BPF_UPCALL_H
#define BPF_UPCALL_H 1

#include "maps.h"
#include "stats.h"
#include "upcall_meta.h"

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

/* Puts the words of connection tracking of 'scratch' in front of the packet as
 * far as "struct xdp_upcall_meta" says.  Returns false if there is no room. */
static __always_inline bool
upcall_put_ct(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    __u32 words = PARSE_WORD(ct_state);
    const int ipv4_len = XDP_KEY_CT_IPV4_WORDS * 8;
    const int len = XDP_KEY_CT_WORDS * 8;

    if (scratch->tracked == MAPS_TRACKED_IPV6) {
        return (!bpf_xdp_adjust_head(ctx, -len)
                && !bpf_xdp_store_bytes(ctx, 0, &scratch->words[words], len));
    }
    return (!bpf_xdp_adjust_head(ctx, -ipv4_len)
            && !bpf_xdp_store_bytes(ctx, 0, &scratch->words[words],
                                    ipv4_len));
}

/* Puts the metadata of the pass of 'scratch' in front of the packet, instead
 * of what may be there.  Returns false if the driver has no room for it. */
static __always_inline bool
upcall_put_metadata(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    bool has_room = !scratch->tracked || upcall_put_ct(ctx, scratch);
    __u32 tunnel_len = scratch->in_tunnel ? upcall_put_tunnel(ctx, scratch)
                                          : 0;
    int old = (void *) (long) ctx->data - (void *) (long) ctx->data_meta;
    struct xdp_upcall_meta *meta;

    if (!has_room || (scratch->in_tunnel && !tunnel_len)
        || bpf_xdp_adjust_meta(ctx, old - (int) sizeof *meta)) {
        return false;
    }
    meta = (void *) (long) ctx->data_meta;
    if ((void *) (meta + 1) > (void *) (long) ctx->data) {
        return false;
    }
    upcall_fill_metadata(meta, scratch, tunnel_len);
    return true;
}

/* Returns true if 'queue' of 'port' has an AF_XDP socket, and stores its index
 * in '*indexp'. */
static __always_inline bool
upcall_find_socket(__u32 port, __u32 queue, __u32 *indexp)
{
    __u32 index = port * XDP_PORT_MAX_QUEUES + queue;

    *indexp = index;
    return (queue < XDP_PORT_MAX_QUEUES
            && bpf_map_lookup_elem(&xsks_map, &index));
}

/* Redirects the packet to the AF_XDP socket at 'index', or does what
 * 'otherwise' says if that is gone. */
static __always_inline int
upcall_redirect(struct xdp_port_stats *stats, __u32 index, int otherwise)
{
    stats_count(XDP_COUNTER_UPCALLS);
    stats_add_to(&stats->upcalls, 1);
    return bpf_redirect_map(&xsks_map, index, otherwise);
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
    __u32 index;
    bool is_first;

    if (!scratch) {
        return XDP_ABORTED;
    }
    is_first = !scratch->pass;
    if (scratch->in_tunnel) {
        port = scratch->rx_port;
    }
    stats = upcall_stats(port);
    if (!stats) {
        return is_first ? XDP_PASS : XDP_DROP;
    }
    if (!upcall_find_socket(port, ctx->rx_queue_index, &index)) {
        if (!is_first) {
            stats_count_rare(XDP_COUNTER_DROP_RECIRC);
            return XDP_DROP;
        }
        return upcall_pass(stats);
    }

    if (!upcall_put_metadata(ctx, scratch)) {
        stats_add_to(&stats->no_metadata, 1);
        if (!is_first) {
            stats_count_rare(XDP_COUNTER_DROP_RECIRC);
            return XDP_DROP;
        }
    }
    if (!is_first) {
        stats_count(XDP_COUNTER_RESUMED);
    }
    return upcall_redirect(stats, index, is_first ? XDP_PASS : XDP_DROP);
}

/* As upcall(), for a packet that just came in on 'port', and without a look at
 * the scratch. */
static __always_inline int
upcall_untouched(struct xdp_md *ctx, __u32 port)
{
    struct xdp_port_stats *stats = upcall_stats(port);
    __u32 index;

    if (!stats) {
        return XDP_PASS;
    }
    return (upcall_find_socket(port, ctx->rx_queue_index, &index)
            ? upcall_redirect(stats, index, XDP_PASS) : upcall_pass(stats));
}

#endif /* upcall.h */
