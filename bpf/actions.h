/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Running the ops of a flow, with the results that odp_execute_actions() of
 * OVS's lib/odp-execute.c gives.
 *
 * Nothing is half done: a packet whose op fails after an earlier op changed
 * it is dropped and counted under the failing op's reason.
 */

#ifndef BPF_ACTIONS_H
#define BPF_ACTIONS_H 1

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include "maps.h"
#include "parse.h"
#include "stats.h"

#define ACTIONS_VLAN_LEN 4      /* Bytes of a VLAN tag. */

/* Not an XDP verdict: the ops have not decided yet. */
#define ACTIONS_UNDECIDED (-1)

/* What a run of ops works on. */
struct actions_ctx {
    struct xdp_md *ctx;
    const struct xdp_flow *flow;
    struct xdp_layers layers;   /* Of the packet as it is now. */
    __u32 next;                 /* Slot of the next op. */
    int verdict;                /* XDP_*. */
};

/* The two MAC addresses at the front of a frame. */
struct actions_macs {
    __u8 bytes[2 * ETH_ALEN];
};

/* Redirects the packet to port 'port'. */
static __always_inline int
actions_output(__u32 port)
{
    int verdict = bpf_redirect_map(&tx_ports, port, XDP_DROP);

    stats_count(verdict == XDP_REDIRECT ? XDP_COUNTER_OUTPUT
                                        : XDP_COUNTER_DROP_NO_PORT);
    return verdict;
}

/* Pushes the VLAN tag 'tpid', 'tci'.  Returns false if there is no room. */
static __always_inline bool
actions_push_vlan(struct xdp_md *ctx, __be16 tpid, __be16 tci)
{
    struct actions_macs macs, *old;
    void *data, *end;
    __be16 *tag;

    if (bpf_xdp_adjust_head(ctx, -ACTIONS_VLAN_LEN)) {
        return false;
    }

    data = (void *) (long) ctx->data;
    end = (void *) (long) ctx->data_end;
    old = data + ACTIONS_VLAN_LEN;
    if ((void *) (old + 1) > end) {
        return false;
    }
    macs = *old;
    *(struct actions_macs *) data = macs;
    tag = data + sizeof macs;
    tag[0] = tpid;
    tag[1] = tci;
    stats_count(XDP_COUNTER_PUSH_VLAN);
    return true;
}

/* Pops the outermost VLAN tag.  As in userspace, that does nothing to a
 * packet without a complete tag.  Returns false if the packet cannot be
 * changed. */
static __always_inline bool
actions_pop_vlan(struct xdp_md *ctx)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct actions_macs macs;
    struct ethhdr *eth = data;

    if (data + sizeof *eth + ACTIONS_VLAN_LEN > end
        || !parse_is_vlan(eth->h_proto)) {
        return true;
    }

    macs = *(struct actions_macs *) data;
    if (bpf_xdp_adjust_head(ctx, ACTIONS_VLAN_LEN)) {
        return false;
    }
    data = (void *) (long) ctx->data;
    end = (void *) (long) ctx->data_end;
    if (data + sizeof macs > end) {
        return false;
    }
    *(struct actions_macs *) data = macs;
    stats_count(XDP_COUNTER_POP_VLAN);
    return true;
}

/* Runs the op in slot 'run->next' of the flow, or does nothing if there is
 * none.  Returns 1 to end the run. */
static long
actions_run_op(__u32 i, struct actions_ctx *run)
{
    const struct xdp_op *op;
    __u32 slot = run->next;
    bool ok;

    if (slot >= XDP_FLOW_MAX_OPS || slot >= run->flow->n_ops) {
        return 1;
    }

    op = &run->flow->ops[slot];
    run->next = slot + 1 + op->n_data;
    switch (op->type) {
    case XDP_OP_OUTPUT:
        run->verdict = actions_output(op->u.output.port);
        return 1;

    case XDP_OP_PUSH_VLAN:
        ok = actions_push_vlan(run->ctx, op->u.push_vlan.tpid,
                               op->u.push_vlan.tci);
        break;

    case XDP_OP_POP_VLAN:
        ok = actions_pop_vlan(run->ctx);
        break;

    default:
        stats_count(XDP_COUNTER_DROP_BAD_OP);
        run->verdict = XDP_ABORTED;
        return 1;
    }

    if (!ok) {
        stats_count(XDP_COUNTER_DROP_HEADROOM);
        run->verdict = XDP_ABORTED;
        return 1;
    }
    return 0;
}

/* Runs all ops of 'flow', which is in 'slot', on the packet of 'scratch' and
 * returns what becomes of it. */
static __always_inline int
actions_run(struct xdp_md *ctx, const struct xdp_scratch *scratch,
            const struct xdp_flow *flow, __u32 slot)
{
    struct actions_ctx run = {
        .ctx = ctx,
        .flow = flow,
        .layers = scratch->layers,
        .verdict = ACTIONS_UNDECIDED,
    };

    /* By far the most common list, and twice as fast without the loop. */
    if (flow->n_ops == 1 && flow->ops[0].type == XDP_OP_OUTPUT) {
        return actions_output(flow->ops[0].u.output.port);
    }

    bpf_loop(XDP_FLOW_MAX_OPS, actions_run_op, &run, 0);
    if (run.verdict == ACTIONS_UNDECIDED) {
        stats_count(XDP_COUNTER_FLOW_DROPS);
        return XDP_DROP;
    }
    return run.verdict;
}

#endif /* actions.h */
