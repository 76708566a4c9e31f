/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Running the ops of a flow, whatever they are, with the results that
 * odp_execute_actions() of OVS's lib/odp-execute.c gives.
 *
 * Nothing is half done: a packet whose op fails after an earlier op changed
 * it is dropped and counted under the failing op's reason.  Of several copies,
 * those whose ops did not fail leave.  At XDP, where each runs its ops itself,
 * each of the others counts; at tc, where copies are sent on the way, all of
 * them together count as one.
 */

#ifndef BPF_ACTIONS_H
#define BPF_ACTIONS_H 1

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include "ct.h"
#include "hash.h"
#include "hook_ops.h"
#include "maps.h"
#include "meter.h"
#include "op.h"
#include "parse.h"
#include "recirc.h"
#include "set_ip.h"
#include "set_l2.h"
#include "set_l4.h"
#include "stats.h"
#include "verifier.h"

/* What a run of ops works on.  'result' is where the verifier does not keep
 * track of it, in the upper half of a word, or else it looks at everything
 * once for each result. */
struct actions_ctx {
    struct hook_md *ctx;
    const struct xdp_flow_rest *rest;
    union {
        struct xdp_layers layers;   /* Of the packet as it is now. */
        __u64 layers_word;
    };
    __u32 next;                 /* Slot of the next op. */
    int result;                 /* enum op_result. */
    __u32 egress;               /* Device that this copy is for, or 0. */
    __u32 copied;               /* Nonzero behind the first of several outputs,
                                 * where the scratch is not this packet's. */
};

/* Notes that the headers of the packet have moved by 'n' bytes. */
static __always_inline void
actions_move_layers(struct xdp_layers *layers, int n)
{
    layers->net_ofs += n;
    if (layers->l4_ofs) {
        layers->l4_ofs += n;
    }
}

/* Notes that a label has made the packet of 'run', which had 'old_len' bytes,
 * 'n' bytes longer.  What there is more or less than that is a tag that came
 * into the packet from beside it, or left it. */
static __always_inline void
actions_note_label(struct actions_ctx *run, __u64 old_len, int n)
{
#ifdef HOOK_TC
    int change = (int) hook_frame_len(run->ctx) - (int) old_len;

    if (change && change != n) {
        actions_move_layers(&run->layers, change - n);
    }
#endif
}

/* Returns where the headers of the packet of 'scratch' are. */
static __always_inline struct xdp_layers
actions_layers(const struct xdp_scratch *scratch)
{
    struct xdp_layers layers = scratch->layers;
    __be16 type = scratch->key.dl_type;

    /* The key has the Ethertype however deep the packet was parsed. */
    if (type == bpf_htons(ETH_P_MPLS_UC) || type == bpf_htons(ETH_P_MPLS_MC)) {
        layers.flags |= XDP_LAYERS_MPLS;
    }
    return layers;
}

/* Runs the op 'type' in slot 'i' that sets a field. */
static __always_inline int
actions_set(struct actions_ctx *run, __u32 type, __u32 i)
{
    __u64 layers = run->layers_word;

    stats_count(XDP_COUNTER_SET_FIELD);
    switch (type) {
    case XDP_OP_SET_ETHERNET:
        return set_ethernet(run->ctx, run->rest, i);
    case XDP_OP_SET_IPV4:
        return set_ipv4(run->ctx, run->rest, i, layers);
    case XDP_OP_SET_IPV6:
        return set_ipv6(run->ctx, run->rest, i, layers);
    case XDP_OP_SET_IPV6_SRC:
    case XDP_OP_SET_IPV6_DST:
        return set_ipv6_addresses(run->ctx, run->rest, i, layers);
    case XDP_OP_SET_TCP:
    case XDP_OP_SET_UDP:
        return set_ports(run->ctx, run->rest, i, layers);
    case XDP_OP_SET_ICMP:
        return set_icmp(run->ctx, run->rest, i, layers);
    case XDP_OP_SET_ARP:
        return set_arp(run->ctx, run->rest, i, layers);
    case XDP_OP_SET_ND_TARGET:
        return set_nd_target(run->ctx, run->rest, i, layers);
    case XDP_OP_SET_ND_LL:
        return set_nd_ll(run->ctx, run->rest, i, layers);
    case XDP_OP_SET_MPLS:
        return mpls_set(run->ctx, run->rest, i, layers);
    default:
        return OP_DROP_BAD_OP;
    }
}

/* Runs the op in slot 'run->next' of the flow, or does nothing if there is
 * none.  Returns 1 to end the run. */
static long
actions_run_op(__u32 i, struct actions_ctx *run)
{
    const struct xdp_op *op;
    __u32 slot = run->next;
    int result = OP_OK;
    int moved;
    __u64 len;

    if (slot >= XDP_FLOW_MAX_OPS || slot >= run->rest->n_ops) {
        return 1;
    }

    op = &run->rest->ops[slot];
    run->next = slot + 1 + op->n_data;
    switch (op->type) {
    case XDP_OP_OUTPUT:
        if (run->egress && run->egress != op->u.output.ifindex) {
            return 0;   /* Another copy's. */
        }
#if HOOK_CLONES
        if (run->next < run->rest->n_ops) {
            outputs_send_copy(run->ctx, op->u.output.port);
            run->copied = 1;
            return 0;
        }
#endif
        /* Left to the caller: see outputs.h. */
        run->result = OP_OUTPUT;
        return 1;

    case XDP_OP_PUSH_VLAN:
        result = vlan_push(run->ctx, op->u.push_vlan.tpid,
                           op->u.push_vlan.tci, &moved);
        actions_move_layers(&run->layers, moved);
        break;

    case XDP_OP_POP_VLAN:
        result = vlan_pop(run->ctx, &moved);
        if (moved) {
            actions_move_layers(&run->layers, moved);
        }
        break;

    case XDP_OP_SET_VLAN:
        result = vlan_set(run->ctx, op->u.push_vlan.tpid,
                          op->u.push_vlan.tci, &moved);
        actions_move_layers(&run->layers, moved);
        break;

    case XDP_OP_PUSH_MPLS:
        len = hook_frame_len(run->ctx);
        result = mpls_push(run->ctx, run->rest, slot, run->layers_word);
        run->layers.flags |= XDP_LAYERS_MPLS;
        actions_note_label(run, len, MPLS_LSE_LEN);
        break;

    case XDP_OP_POP_MPLS:
        len = hook_frame_len(run->ctx);
        result = mpls_pop(run->ctx, run->rest, slot, run->layers_word);
        if (!run->copied) {
            hash_outdate();
        }
        if (result == OP_POPPED_LAST_LABEL) {
            run->layers.flags &= ~XDP_LAYERS_MPLS;
        }
        actions_note_label(run, len, -MPLS_LSE_LEN);
        break;

#if HOOK_HAS_ALL_OPS
    case XDP_OP_TRUNC:
        result = trunc_packet(run->ctx, op->u.trunc.max_len);
        break;
#endif

    case XDP_OP_TNL_PUSH:
        result = tunnel_push(run->ctx, run->rest, slot);
        break;

    case XDP_OP_TNL_POP:
        result = tunnel_pop(run->ctx);
        if (result == OP_OK) {
            run->result = OP_TNL_POP;
            return 1;
        }
        break;

    case XDP_OP_HASH:
        /* Nobody asks for the hash of a copy. */
        result = run->copied ? OP_OK : hash_run(run->rest, slot);
        break;

    case XDP_OP_RECIRC:
        /* A tail call is possible in the program itself only. */
        run->result = OP_RECIRC;
        return 1;

    case XDP_OP_METER:
        result = meter_run(run->ctx, run->rest, slot);
        break;

    case XDP_OP_CT:
        result = ct_run(run->ctx, run->rest, slot, run->layers_word);
        break;

    case XDP_OP_CT_CLEAR:
        result = ct_clear();
        break;

    default:
        result = actions_set(run, op->type, slot);
        break;
    }

    if (result < 0) {
        run->result = result;
        return 1;
    }
    return 0;
}

/* Runs the ops of 'flow', which is in 'slot' and has them in 'rest', whatever
 * they are. */
static __always_inline int
actions_run_list(struct hook_md *ctx, struct xdp_scratch *scratch,
                 const struct xdp_flow *flow, const struct xdp_flow_rest *rest,
                 __u32 slot)
{
    struct actions_ctx run = {
        .ctx = ctx,
        .rest = rest,
        .layers = actions_layers(scratch),
        .next = verifier_zero(slot),
        .copied = HOOK_CLONES ? verifier_zero(slot) : 0,
        .result = OP_END,
    };

    bpf_loop(XDP_FLOW_MAX_OPS, actions_run_op, &run, 0);
    if (run.result == OP_OUTPUT) {
        __u32 op = run.next - 1;

        if (rest->group) {
            return outputs_send(ctx, flow, rest, slot, op, &run.layers);
        }
        if (op >= XDP_FLOW_MAX_OPS) {
            return HOOK_ABORTED;
        }
        return outputs_send_one(ctx, rest->ops[op].u.output.port);
    }
    if (run.result == OP_TNL_POP) {
        return recirc_start(ctx, scratch, 0);
    }
    if (run.result == OP_RECIRC) {
        __u32 op = run.next - 1;

        return (op < XDP_FLOW_MAX_OPS
                ? recirc_start(ctx, scratch, rest->ops[op].u.recirc.id)
                : HOOK_ABORTED);
    }
    if (run.result < 0) {
        return op_drop(run.result);
    }
    stats_count(flow->flags & XDP_FLOW_EXPLICIT_DROP
                ? XDP_COUNTER_EXPLICIT_DROPS : XDP_COUNTER_FLOW_DROPS);
    return HOOK_DROP;
}

#if HOOK_HAS_ALL_OPS
/* Runs the ops in 'rest' from the first output on, as 'meta' says, on the copy
 * of a packet that device 'egress' is to send, up to the output there, and
 * returns what becomes of the copy. */
static __always_inline int
actions_run_copy(struct hook_md *ctx, const struct xdp_flow_rest *rest,
                 const struct xdp_egress_meta *meta, __u32 egress)
{
    struct actions_ctx run = {
        .ctx = ctx,
        .rest = rest,
        .layers = meta->layers,
        .next = meta->op,
        .egress = egress,
        .copied = 1,
        .result = OP_END,
    };

    bpf_loop(XDP_FLOW_MAX_OPS, actions_run_op, &run, 0);
    if (run.result == OP_OUTPUT) {
        stats_count(XDP_COUNTER_COPIES);
        return XDP_PASS;
    }
    if (run.result < 0) {
        op_drop(run.result);
    } else if (run.result == OP_END) {
        /* The flow has no output to this device, which cannot be. */
        stats_count_rare(XDP_COUNTER_DROP_EGRESS);
    }
    return XDP_DROP;
}
#endif

#endif /* actions.h */
