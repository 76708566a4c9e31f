/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pushing, popping and setting MPLS label stack entries (RFC 3032).  How room
 * for one is made depends on the hook.
 */

#ifndef BPF_MPLS_H
#define BPF_MPLS_H 1

#include "op.h"
#include "set.h"
#include "stats.h"

#define MPLS_LSE_LEN 4

#ifdef HOOK_TC
#include "mpls_room_tc.h"
#else
#include "mpls_room.h"
#endif

/* Runs XDP_OP_PUSH_MPLS. */
__noinline int
mpls_push(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
          __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 0);
    int result;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    result = mpls_insert(ctx, op_layers(layers).net_ofs, op->u.mpls.type,
                         op->u.mpls.lse);
    if (result >= 0) {
        stats_count(XDP_COUNTER_PUSH_MPLS);
    }
    return result;
}

/* Runs XDP_OP_POP_MPLS.  Returns OP_POPPED_LAST_LABEL if there is no entry
 * left. */
__noinline int
mpls_pop(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
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
    result = mpls_remove(ctx, net_ofs, op->u.mpls.type);
    if (result < 0) {
        return result;
    }
    stats_count(XDP_COUNTER_POP_MPLS);
    return is_last ? OP_POPPED_LAST_LABEL : OP_OK;
}

/* Runs XDP_OP_SET_MPLS. */
__noinline int
mpls_set(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
         __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 0);
    __u32 net_ofs = op_layers(layers).net_ofs;
    __be32 *lse, old, new;

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
    old = *lse;
    new = SET_BITS(old, op->u.mpls.lse, op->u.mpls.mask);
    *lse = new;
    hook_note_change(ctx, csum_diff32(0, old, new));
    return OP_OK;
}

#endif /* mpls.h */
