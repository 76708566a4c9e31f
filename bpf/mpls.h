/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pushing, popping and setting MPLS label stack entries (RFC 3032).
 */

#ifndef BPF_MPLS_H
#define BPF_MPLS_H 1

#include "set.h"
#include "stats.h"

#define MPLS_LSE_LEN 4

/* The longest Ethernet header, with tags and SNAP, in front of a label. */
#define MPLS_MAX_NET_OFS 64

/* Results of a pop beside the counters of set.h. */
#define MPLS_LAST (-1)          /* The stack is empty now. */

/* Makes 'type' the Ethertype of what is 'net_ofs' bytes behind the start of
 * the packet.  Returns false if the packet is too short. */
static __always_inline bool
mpls_set_ethertype(struct xdp_md *ctx, __u32 net_ofs, __be16 type)
{
    struct ethhdr *eth = parse_at(ctx, 0, sizeof *eth);
    __be16 *p;

    if (!eth || net_ofs < sizeof *eth) {
        return false;
    }
    if (!parse_is_vlan(eth->h_proto)) {
        eth->h_proto = type;
        return true;
    }
    p = parse_at(ctx, net_ofs - sizeof *p, sizeof *p);
    if (!p) {
        return false;
    }
    *p = type;
    return true;
}

/* Moves the front of the packet by 'offset' bytes, and the first 'net_ofs'
 * bytes with it.  Returns SET_OK or a counter. */
static __always_inline int
mpls_move_front(struct xdp_md *ctx, __u32 net_ofs, int offset)
{
    /* Kernels before 6.3 want all of it to be initialized. */
    __u8 front[MPLS_MAX_NET_OFS] = { 0 };

    if (net_ofs < sizeof(struct ethhdr) || net_ofs > sizeof front
        || bpf_xdp_load_bytes(ctx, 0, front, net_ofs)) {
        return XDP_COUNTER_DROP_TOO_SHORT;
    }
    if (bpf_xdp_adjust_head(ctx, offset)) {
        return XDP_COUNTER_DROP_HEADROOM;
    }
    return (bpf_xdp_store_bytes(ctx, 0, front, net_ofs)
            ? XDP_COUNTER_DROP_TOO_SHORT : SET_OK);
}

/* Runs XDP_OP_PUSH_MPLS. */
__noinline int
mpls_push(struct xdp_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
          __u64 layers)
{
    const struct xdp_op *op = set_op(rest, i, 0);
    __u32 net_ofs = set_layers(layers).net_ofs;
    __be32 *lse;
    int error;

    if (!op) {
        return XDP_COUNTER_DROP_BAD_OP;
    }
    if (!mpls_set_ethertype(ctx, net_ofs, op->u.mpls.type)) {
        return XDP_COUNTER_DROP_TOO_SHORT;
    }
    error = mpls_move_front(ctx, net_ofs, -MPLS_LSE_LEN);
    if (error) {
        return error;
    }
    lse = parse_at(ctx, net_ofs, sizeof *lse);
    if (!lse) {
        return XDP_COUNTER_DROP_TOO_SHORT;
    }
    *lse = op->u.mpls.lse;
    stats_count(XDP_COUNTER_PUSH_MPLS);
    return SET_OK;
}

/* Runs XDP_OP_POP_MPLS.  Returns MPLS_LAST if there is no entry left. */
__noinline int
mpls_pop(struct xdp_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
         __u64 layers)
{
    const struct xdp_op *op = set_op(rest, i, 0);
    __u32 net_ofs = set_layers(layers).net_ofs;
    bool is_last;
    __be32 *lse;
    int error;

    if (!op) {
        return XDP_COUNTER_DROP_BAD_OP;
    }
    if (!(set_layers(layers).flags & XDP_LAYERS_MPLS)) {
        return SET_OK;
    }
    lse = parse_at(ctx, net_ofs, sizeof *lse);
    if (!lse) {
        return XDP_COUNTER_DROP_TOO_SHORT;
    }
    is_last = *lse & bpf_htonl(PARSE_MPLS_BOS);
    if (!mpls_set_ethertype(ctx, net_ofs, op->u.mpls.type)) {
        return XDP_COUNTER_DROP_TOO_SHORT;
    }
    error = mpls_move_front(ctx, net_ofs, MPLS_LSE_LEN);
    if (error) {
        return error;
    }
    stats_count(XDP_COUNTER_POP_MPLS);
    return is_last ? MPLS_LAST : SET_OK;
}

/* Runs XDP_OP_SET_MPLS. */
__noinline int
mpls_set(struct xdp_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
         __u64 layers)
{
    const struct xdp_op *op = set_op(rest, i, 0);
    __u32 net_ofs = set_layers(layers).net_ofs;
    __be32 *lse;

    if (!op) {
        return XDP_COUNTER_DROP_BAD_OP;
    }
    if (!(set_layers(layers).flags & XDP_LAYERS_MPLS)) {
        return SET_OK;
    }
    lse = parse_at(ctx, net_ofs, sizeof *lse);
    if (!lse) {
        return XDP_COUNTER_DROP_TOO_SHORT;
    }
    *lse = SET_BITS(*lse, op->u.mpls.lse, op->u.mpls.mask);
    return SET_OK;
}

#endif /* mpls.h */
