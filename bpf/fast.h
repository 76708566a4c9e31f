/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lists of ops that run without a loop, several times as fast as in one, with
 * the results of actions.h for the same list.  A flow with XDP_FLOW_SIMPLE,
 * XDP_FLOW_SHORT or XDP_FLOW_REWRITE has no other ops than those that "enum
 * xdp_flow_flags" says, which is not checked again.
 */

#ifndef BPF_FAST_H
#define BPF_FAST_H 1

#include "ct.h"
#include "hash.h"
#include "hook_ops.h"
#include "mtu.h"
#include "op.h"
#include "recirc.h"
#include "set_ip.h"
#include "set_l2.h"
#include "set_l4.h"
#include "stats.h"
#include "verifier.h"

/* Runs the ops of 'flow', which has XDP_FLOW_SIMPLE: by far the most common
 * lists, and several times as fast as in a loop. */
static __always_inline int
fast_run_simple(struct hook_md *ctx, const struct xdp_flow *flow)
{
    int result = OP_OK;
    int moved;

    if (flow->tpid) {
        result = (flow->flags & XDP_FLOW_POP_VLAN
                  ? vlan_set(ctx, flow->tpid, flow->tci, &moved)
                  : vlan_push(ctx, flow->tpid, flow->tci, &moved));
    } else if (flow->flags & XDP_FLOW_POP_VLAN) {
        result = vlan_pop(ctx, &moved);
    }
    if (result < 0) {
        return op_drop(result);
    }
    return outputs_send_one(ctx, flow->port);
}

/* Runs the ops in 'rest' of a flow that has XDP_FLOW_SHORT: what ends the
 * first pass of most packets that have several, and what gets them into a
 * tunnel.  Much faster than in a loop, too. */
static __always_inline int
fast_run_short(struct hook_md *ctx, struct xdp_scratch *scratch,
               const struct xdp_flow_rest *rest)
{
    __u32 recirc_id = 0;
    int result = OP_OK;

    switch (rest->ops[0].type) {
    case XDP_OP_TNL_PUSH:
        result = tunnel_push(ctx, rest, 0);
        if (result >= 0) {
            return outputs_send_one(ctx, mtu_output(rest)->u.output.port);
        }
        break;
    case XDP_OP_TNL_POP:
        result = tunnel_pop(ctx);
        break;
    case XDP_OP_HASH:
        result = hash_run(rest, 0);
        recirc_id = rest->ops[1].u.recirc.id;
        break;
    default:
        recirc_id = rest->ops[0].u.recirc.id;
        break;
    }
    if (result < 0) {
        return op_drop(result);
    }
    return recirc_start(ctx, scratch, recirc_id);
}

/* Runs the ops in 'rest' of a flow that has XDP_FLOW_REWRITE: what routers and
 * address translation do.  'layers' are those of the packet, as a number. */
static __always_inline int
fast_run_rewrite(struct hook_md *ctx, const struct xdp_flow_rest *rest,
                 __u64 layers)
{
    const struct xdp_op *op;
    int result = OP_OK;
    __u32 n_sets = 0;
    __u32 i = verifier_zero(layers);
    int moved;

    op = op_known(rest, i);
    if (op->type == XDP_OP_SET_ETHERNET) {
        result = set_ethernet_inline(ctx, op);
        i += 2;
        n_sets++;
    }
    op = op_known(rest, i);
    if (result >= 0 && op->type == XDP_OP_SET_IPV4) {
        result = set_ipv4_inline(ctx, op, layers);
        i += 2;
        n_sets++;
    } else if (result >= 0 && op->type == XDP_OP_SET_IPV6) {
        result = set_ipv6_inline(ctx, op, layers);
        i++;
        n_sets++;
    }
    op = op_known(rest, i);
    if (result >= 0
        && (op->type == XDP_OP_SET_TCP || op->type == XDP_OP_SET_UDP)) {
        result = set_ports_inline(ctx, op, layers);
        i++;
        n_sets++;
    }
    stats_add(XDP_COUNTER_SET_FIELD, n_sets);

    op = op_known(rest, i);
    if (result >= 0 && op->type == XDP_OP_POP_VLAN) {
        result = vlan_pop(ctx, &moved);
        i++;
    }
    op = op_known(rest, i);
    if (result >= 0 && op->type == XDP_OP_PUSH_VLAN) {
        result = vlan_push(ctx, op->u.push_vlan.tpid, op->u.push_vlan.tci,
                           &moved);
        i++;
    } else if (result >= 0 && op->type == XDP_OP_SET_VLAN) {
        result = vlan_set(ctx, op->u.push_vlan.tpid, op->u.push_vlan.tci,
                          &moved);
        i++;
    }
    if (result < 0) {
        return op_drop(result);
    }
    return outputs_send_one(ctx, op_known(rest, i)->u.output.port);
}

/* As fast_run_rewrite(), of a flow with XDP_OP_CT.  The verifier has looked at
 * each op before. */
static __always_inline int
fast_run_tracked(struct hook_md *ctx, struct xdp_scratch *scratch,
                 const struct xdp_flow_rest *rest, __u64 layers)
{
    __u32 i = verifier_zero(layers);
    const struct xdp_op *op;
    int result = OP_OK;
    __u32 n_sets = 0;

    op = op_known(rest, i);
    if (op->type == XDP_OP_CT) {
        result = ct_run(ctx, rest, i, layers);
        i += 1 + op->n_data;
        op = op_known(rest, i);
        if (op->type == XDP_OP_RECIRC) {
            goto end;
        }
    }
    if (result >= 0 && op->type == XDP_OP_SET_ETHERNET) {
        result = set_ethernet(ctx, rest, i);
        i += 2;
        n_sets++;
    }
    op = op_known(rest, i);
    if (result >= 0 && op->type == XDP_OP_SET_IPV4) {
        result = set_ipv4(ctx, rest, i, layers);
        i += 2;
        n_sets++;
    } else if (result >= 0 && op->type == XDP_OP_SET_IPV6) {
        result = set_ipv6(ctx, rest, i, layers);
        i++;
        n_sets++;
    }
    op = op_known(rest, i);
    if (result >= 0 && op->type == XDP_OP_CT) {
        result = ct_run(ctx, rest, i, layers);
        i += 1 + op->n_data;
        op = op_known(rest, i);
    }
    stats_add(XDP_COUNTER_SET_FIELD, n_sets);

end:
    if (result < 0) {
        return op_drop(result);
    }
    return (op->type == XDP_OP_RECIRC
            ? recirc_start(ctx, scratch, op->u.recirc.id)
            : outputs_send_one(ctx, op->u.output.port));
}

#endif /* fast.h */
