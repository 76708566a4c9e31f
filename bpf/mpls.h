/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pushing, popping and setting MPLS label stack entries (RFC 3032).
 */

#ifndef BPF_MPLS_H
#define BPF_MPLS_H 1

#include "op.h"
#include "set.h"
#include "stats.h"

#define MPLS_LSE_LEN 4

/* The longest Ethernet header, with tags and SNAP, in front of a label. */
#define MPLS_MAX_NET_OFS 64

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
 * bytes with it.  Returns OP_OK or OP_DROP_*. */
static __always_inline int
mpls_move_front(struct xdp_md *ctx, __u32 net_ofs, int offset)
{
    /* Kernels before 6.3 want all of it to be initialized. */
    __u8 front[MPLS_MAX_NET_OFS] = { 0 };

    if (net_ofs < sizeof(struct ethhdr) || net_ofs > sizeof front
        || bpf_xdp_load_bytes(ctx, 0, front, net_ofs)) {
        return OP_DROP_TOO_SHORT;
    }
    if (bpf_xdp_adjust_head(ctx, offset)) {
        return OP_DROP_HEADROOM;
    }
    return (bpf_xdp_store_bytes(ctx, 0, front, net_ofs)
            ? OP_DROP_TOO_SHORT : OP_OK);
}

/* Runs XDP_OP_PUSH_MPLS. */
__noinline int
mpls_push(struct xdp_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
          __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 0);
    __u32 net_ofs = op_layers(layers).net_ofs;
    __be32 *lse;
    int result;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    if (!mpls_set_ethertype(ctx, net_ofs, op->u.mpls.type)) {
        return OP_DROP_TOO_SHORT;
    }
    result = mpls_move_front(ctx, net_ofs, -MPLS_LSE_LEN);
    if (result < 0) {
        return result;
    }
    lse = parse_at(ctx, net_ofs, sizeof *lse);
    if (!lse) {
        return OP_DROP_TOO_SHORT;
    }
    *lse = op->u.mpls.lse;
    stats_count(XDP_COUNTER_PUSH_MPLS);
    return OP_OK;
}

/* Runs XDP_OP_POP_MPLS.  Returns OP_POPPED_LAST_LABEL if there is no entry
 * left. */
__noinline int
mpls_pop(struct xdp_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
         __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 0);
    __u32 net_ofs = op_layers(layers).net_ofs;
    bool is_last;
    __be32 *lse;
    int result;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    if (!(op_layers(layers).flags & XDP_LAYERS_MPLS)) {
        return OP_OK;
    }
    lse = parse_at(ctx, net_ofs, sizeof *lse);
    if (!lse) {
        return OP_DROP_TOO_SHORT;
    }
    is_last = *lse & bpf_htonl(PARSE_MPLS_BOS);
    if (!mpls_set_ethertype(ctx, net_ofs, op->u.mpls.type)) {
        return OP_DROP_TOO_SHORT;
    }
    result = mpls_move_front(ctx, net_ofs, MPLS_LSE_LEN);
    if (result < 0) {
        return result;
    }
    stats_count(XDP_COUNTER_POP_MPLS);
    return is_last ? OP_POPPED_LAST_LABEL : OP_OK;
}

/* Runs XDP_OP_SET_MPLS. */
__noinline int
mpls_set(struct xdp_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
         __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 0);
    __u32 net_ofs = op_layers(layers).net_ofs;
    __be32 *lse;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    if (!(op_layers(layers).flags & XDP_LAYERS_MPLS)) {
        return OP_OK;
    }
    lse = parse_at(ctx, net_ofs, sizeof *lse);
    if (!lse) {
        return OP_DROP_TOO_SHORT;
    }
    *lse = SET_BITS(*lse, op->u.mpls.lse, op->u.mpls.mask);
    return OP_OK;
}

#endif /* mpls.h */
