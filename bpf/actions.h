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

#include "hash.h"
#include "maps.h"
#include "meter.h"
#include "mpls.h"
#include "outputs.h"
#include "parse.h"
#include "recirc.h"
#include "set.h"
#include "set_ip.h"
#include "set_l2.h"
#include "set_l4.h"
#include "stats.h"
#include "tunnel.h"
#include "verifier.h"

#define ACTIONS_VLAN_LEN 4      /* Bytes of a VLAN tag. */

/* Not XDP verdicts. */
#define ACTIONS_UNDECIDED (-1)  /* The ops have come to their end. */
#define ACTIONS_OUTPUT (-2)     /* The last one that was run is an output. */
#define ACTIONS_RECIRC (-3)     /* The last one is a recirculation. */
#define ACTIONS_TNL_POP (-4)    /* The last one is the pop of a tunnel. */

/* A tag was popped: the headers have moved. */
#define ACTIONS_POPPED (-1)

/* What a run of ops works on.  'verdict' is where the verifier does not keep
 * track of it, in the upper half of a word, or else it looks at everything
 * once for each verdict. */
struct actions_ctx {
    struct xdp_md *ctx;
    const struct xdp_flow_rest *rest;
    struct xdp_layers layers;   /* Of the packet as it is now. */
    __u32 next;                 /* Slot of the next op. */
    int verdict;                /* XDP_* or ACTIONS_*. */
    __u32 egress;               /* Device that this copy is for, or 0. */
};

/* The two MAC addresses at the front of a frame, in as few pieces as
 * possible: smaller ones stall whoever reads them as a whole afterwards. */
struct actions_macs {
    __u64 start;
    __u32 end;
};

#define ACTIONS_MACS_LEN (2 * ETH_ALEN)

/* Redirects the packet to port 'port'. */
static __always_inline int
actions_output(__u32 port)
{
    int verdict = bpf_redirect_map(&tx_ports, port, XDP_DROP);

    stats_count(verdict == XDP_REDIRECT ? XDP_COUNTER_OUTPUT
                                        : XDP_COUNTER_DROP_NO_PORT);
    return verdict;
}

/* Returns the MAC addresses at 'p'. */
static __always_inline struct actions_macs
actions_get_macs(const void *p)
{
    struct actions_macs macs = {
        .start = *(const __u64 *) p,
        .end = *(const __u32 *) (p + sizeof macs.start),
    };

    return macs;
}

/* Writes 'macs' to 'p'. */
static __always_inline void
actions_put_macs(void *p, struct actions_macs macs)
{
    *(__u64 *) p = macs.start;
    *(__u32 *) (p + sizeof macs.start) = macs.end;
}

/* Pushes the VLAN tag 'tpid', 'tci'.  Returns false if there is no room. */
static __always_inline bool
actions_push_vlan(struct xdp_md *ctx, __be16 tpid, __be16 tci)
{
    struct actions_macs macs;
    void *data, *end;
    __be16 *tag;

    if (bpf_xdp_adjust_head(ctx, -ACTIONS_VLAN_LEN)) {
        return false;
    }

    data = (void *) (long) ctx->data;
    end = (void *) (long) ctx->data_end;
    if (data + ACTIONS_VLAN_LEN + ACTIONS_MACS_LEN > end) {
        return false;
    }
    macs = actions_get_macs(data + ACTIONS_VLAN_LEN);
    actions_put_macs(data, macs);
    tag = data + ACTIONS_MACS_LEN;
    tag[0] = tpid;
    tag[1] = tci;
    stats_count(XDP_COUNTER_PUSH_VLAN);
    return true;
}

/* Pops the outermost VLAN tag.  As in userspace, that does nothing to a
 * packet without a complete tag.  Returns ACTIONS_POPPED, SET_OK if there was
 * nothing to pop, or a counter if the packet cannot be changed. */
static __always_inline int
actions_pop_vlan(struct xdp_md *ctx)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct actions_macs macs;
    struct ethhdr *eth = data;

    if (data + sizeof *eth + ACTIONS_VLAN_LEN > end
        || !parse_is_vlan(eth->h_proto)) {
        return SET_OK;
    }

    macs = actions_get_macs(data);
    if (bpf_xdp_adjust_head(ctx, ACTIONS_VLAN_LEN)) {
        return XDP_COUNTER_DROP_HEADROOM;
    }
    data = (void *) (long) ctx->data;
    end = (void *) (long) ctx->data_end;
    if (data + ACTIONS_MACS_LEN > end) {
        return XDP_COUNTER_DROP_HEADROOM;
    }
    actions_put_macs(data, macs);
    stats_count(XDP_COUNTER_POP_VLAN);
    return ACTIONS_POPPED;
}

/* Truncates the packet to 'max_len' bytes if it is longer.  Returns false if
 * that is impossible. */
static __always_inline bool
actions_trunc(struct xdp_md *ctx, __u32 max_len)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    __u64 len = end - data;

    if (len <= max_len) {
        return true;
    }
    if (bpf_xdp_adjust_tail(ctx, (int) max_len - (int) len)) {
        return false;
    }
    stats_count(XDP_COUNTER_TRUNC);
    return true;
}

/* Notes that the headers of the packet have moved by 'n' bytes. */
static __always_inline void
actions_move_layers(struct xdp_layers *layers, int n)
{
    layers->net_ofs += n;
    if (layers->l4_ofs) {
        layers->l4_ofs += n;
    }
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

/* Returns 'layers' as a number. */
static __always_inline __u64
actions_layers_word(const struct xdp_layers *layers)
{
    union {
        struct xdp_layers layers;
        __u64 word;
    } u = { .layers = *layers };

    return u.word;
}

/* Runs the op 'type' in slot 'i' that sets a field.  Returns SET_OK or a
 * counter. */
static __always_inline int
actions_set(struct actions_ctx *run, __u32 type, __u32 i)
{
    __u64 layers = actions_layers_word(&run->layers);

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
        return XDP_COUNTER_DROP_BAD_OP;
    }
}

/* Runs the op in slot 'run->next' of the flow, or does nothing if there is
 * none.  Returns 1 to end the run. */
static long
actions_run_op(__u32 i, struct actions_ctx *run)
{
    const struct xdp_op *op;
    __u32 slot = run->next;
    int error = SET_OK;

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
        /* Left to the caller: see outputs.h. */
        run->verdict = ACTIONS_OUTPUT;
        return 1;

    case XDP_OP_PUSH_VLAN:
        if (!actions_push_vlan(run->ctx, op->u.push_vlan.tpid,
                               op->u.push_vlan.tci)) {
            error = XDP_COUNTER_DROP_HEADROOM;
        }
        actions_move_layers(&run->layers, ACTIONS_VLAN_LEN);
        break;

    case XDP_OP_POP_VLAN:
        error = actions_pop_vlan(run->ctx);
        if (error == ACTIONS_POPPED) {
            actions_move_layers(&run->layers, -ACTIONS_VLAN_LEN);
            error = SET_OK;
        }
        break;

    case XDP_OP_PUSH_MPLS:
        error = mpls_push(run->ctx, run->rest, slot,
                          actions_layers_word(&run->layers));
        run->layers.flags |= XDP_LAYERS_MPLS;
        break;

    case XDP_OP_POP_MPLS:
        error = mpls_pop(run->ctx, run->rest, slot,
                         actions_layers_word(&run->layers));
        if (!run->egress) {
            hash_outdate();
        }
        if (error == MPLS_LAST) {
            run->layers.flags &= ~XDP_LAYERS_MPLS;
            error = SET_OK;
        }
        break;

    case XDP_OP_TRUNC:
        if (!actions_trunc(run->ctx, op->u.trunc.max_len)) {
            error = XDP_COUNTER_DROP_TOO_SHORT;
        }
        break;

    case XDP_OP_HASH:
        /* Nobody asks for the hash of a copy. */
        error = run->egress ? SET_OK : hash_run(run->rest, slot);
        break;

    case XDP_OP_RECIRC:
        /* A tail call is possible in the program itself only. */
        run->verdict = ACTIONS_RECIRC;
        return 1;

    case XDP_OP_TNL_PUSH:
        error = tunnel_push(run->ctx, run->rest, slot);
        break;

    case XDP_OP_TNL_POP:
        error = tunnel_pop(run->ctx);
        if (error == SET_OK) {
            run->verdict = ACTIONS_TNL_POP;
            return 1;
        }
        break;

    case XDP_OP_METER:
        error = meter_run(run->ctx, run->rest, slot);
        break;

    default:
        error = actions_set(run, op->type, slot);
        break;
    }

    if (error != SET_OK) {
        stats_count(error);
        run->verdict = (error == XDP_COUNTER_METER_DROPS
                        ? XDP_DROP : XDP_ABORTED);
        return 1;
    }
    return 0;
}

/* Runs the ops of 'flow', which is in 'slot' and has them in 'rest', whatever
 * they are. */
static __always_inline int
actions_run_list(struct xdp_md *ctx, struct xdp_scratch *scratch,
                 const struct xdp_flow *flow, const struct xdp_flow_rest *rest,
                 __u32 slot)
{
    struct actions_ctx run = {
        .ctx = ctx,
        .rest = rest,
        .layers = actions_layers(scratch),
        .next = verifier_zero(slot),
        .verdict = ACTIONS_UNDECIDED,
    };

    bpf_loop(XDP_FLOW_MAX_OPS, actions_run_op, &run, 0);
    if (run.verdict == ACTIONS_OUTPUT) {
        __u32 op = run.next - 1;

        if (rest->group) {
            return outputs_send(ctx, flow, rest, slot, op, &run.layers);
        }
        if (op >= XDP_FLOW_MAX_OPS) {
            return XDP_ABORTED;
        }
        return actions_output(rest->ops[op].u.output.port);
    }
    if (run.verdict == ACTIONS_TNL_POP) {
        return recirc_start(ctx, scratch, 0);
    }
    if (run.verdict == ACTIONS_RECIRC) {
        __u32 op = run.next - 1;

        return (op < XDP_FLOW_MAX_OPS
                ? recirc_start(ctx, scratch, rest->ops[op].u.recirc.id)
                : XDP_ABORTED);
    }
    if (run.verdict == ACTIONS_UNDECIDED) {
        stats_count(flow->flags & XDP_FLOW_EXPLICIT_DROP
                    ? XDP_COUNTER_EXPLICIT_DROPS : XDP_COUNTER_FLOW_DROPS);
        return XDP_DROP;
    }
    return run.verdict;
}

/* Returns the op in slot 'i' of 'rest', where there is one.  The mask is for
 * the verifier alone, and hidden from the compiler, which would leave it
 * out. */
static __always_inline const struct xdp_op *
actions_op(const struct xdp_flow_rest *rest, __u32 i)
{
    __u64 bounded = i;

    asm volatile("%0 &= %1" : "+r"(bounded) : "i"(XDP_FLOW_MAX_OPS - 1));
    return &rest->ops[bounded];
}

/* Runs the ops of 'flow', which has XDP_FLOW_SIMPLE: by far the most common
 * lists, and several times as fast as in a loop. */
static __always_inline int
actions_run_simple(struct xdp_md *ctx, const struct xdp_flow *flow)
{
    int error = SET_OK;

    if (flow->tpid) {
        if (!actions_push_vlan(ctx, flow->tpid, flow->tci)) {
            error = XDP_COUNTER_DROP_HEADROOM;
        }
    } else if (flow->flags & XDP_FLOW_POP_VLAN) {
        error = actions_pop_vlan(ctx);
        if (error == ACTIONS_POPPED) {
            error = SET_OK;
        }
    }
    if (error != SET_OK) {
        stats_count(error);
        return XDP_ABORTED;
    }
    return actions_output(flow->port);
}

/* Runs the ops in 'rest' of a flow that has XDP_FLOW_SHORT: what ends the
 * first pass of most packets that have several, and what gets them into a
 * tunnel.  Much faster than in a loop, too. */
static __always_inline int
actions_run_short(struct xdp_md *ctx, struct xdp_scratch *scratch,
                  const struct xdp_flow_rest *rest)
{
    __u32 last = (rest->n_ops - 1U) % XDP_FLOW_MAX_OPS;
    __u32 recirc_id = 0;
    int error = SET_OK;

    switch (rest->ops[0].type) {
    case XDP_OP_TNL_PUSH:
        error = tunnel_push(ctx, rest, 0);
        if (error == SET_OK) {
            return actions_output(rest->ops[last].u.output.port);
        }
        break;
    case XDP_OP_TNL_POP:
        error = tunnel_pop(ctx);
        break;
    case XDP_OP_HASH:
        error = hash_run(rest, 0);
        recirc_id = rest->ops[1].u.recirc.id;
        break;
    default:
        recirc_id = rest->ops[0].u.recirc.id;
        break;
    }
    if (error != SET_OK) {
        stats_count(error);
        return XDP_ABORTED;
    }
    return recirc_start(ctx, scratch, recirc_id);
}

/* Runs the ops in 'rest' of a flow that has XDP_FLOW_REWRITE: what routers and
 * address translation do.  'layers' are those of the packet, as a number. */
static __always_inline int
actions_run_rewrite(struct xdp_md *ctx, const struct xdp_flow_rest *rest,
                    __u64 layers)
{
    const struct xdp_op *op;
    int error = SET_OK;
    __u32 n_sets = 0;
    __u32 i = verifier_zero(layers);

    op = actions_op(rest, i);
    if (op->type == XDP_OP_SET_ETHERNET) {
        error = set_ethernet_inline(ctx, op);
        i += 2;
        n_sets++;
    }
    op = actions_op(rest, i);
    if (error == SET_OK && op->type == XDP_OP_SET_IPV4) {
        error = set_ipv4_inline(ctx, op, layers);
        i += 2;
        n_sets++;
    } else if (error == SET_OK && op->type == XDP_OP_SET_IPV6) {
        error = set_ipv6_inline(ctx, op, layers);
        i++;
        n_sets++;
    }
    op = actions_op(rest, i);
    if (error == SET_OK
        && (op->type == XDP_OP_SET_TCP || op->type == XDP_OP_SET_UDP)) {
        error = set_ports_inline(ctx, op, layers);
        i++;
        n_sets++;
    }
    stats_add(XDP_COUNTER_SET_FIELD, n_sets);

    op = actions_op(rest, i);
    if (error == SET_OK && op->type == XDP_OP_POP_VLAN) {
        error = actions_pop_vlan(ctx);
        if (error == ACTIONS_POPPED) {
            error = SET_OK;
        }
        i++;
    }
    op = actions_op(rest, i);
    if (error == SET_OK && op->type == XDP_OP_PUSH_VLAN) {
        if (!actions_push_vlan(ctx, op->u.push_vlan.tpid,
                               op->u.push_vlan.tci)) {
            error = XDP_COUNTER_DROP_HEADROOM;
        }
        i++;
    }
    if (error != SET_OK) {
        stats_count(error);
        return XDP_ABORTED;
    }
    return actions_output(actions_op(rest, i)->u.output.port);
}

/* Runs the ops in 'rest' from the first output on, as 'meta' says, on the copy
 * of a packet that device 'egress' is to send, up to the output there, and
 * returns what becomes of the copy. */
static __always_inline int
actions_run_copy(struct xdp_md *ctx, const struct xdp_flow_rest *rest,
                 const struct xdp_egress_meta *meta, __u32 egress)
{
    struct actions_ctx run = {
        .ctx = ctx,
        .rest = rest,
        .layers = meta->layers,
        .next = meta->op,
        .egress = egress,
        .verdict = ACTIONS_UNDECIDED,
    };

    bpf_loop(XDP_FLOW_MAX_OPS, actions_run_op, &run, 0);
    if (run.verdict == ACTIONS_OUTPUT) {
        stats_count(XDP_COUNTER_COPIES);
        return XDP_PASS;
    }
    if (run.verdict == ACTIONS_UNDECIDED) {
        /* The flow has no output to this device, which cannot be. */
        stats_count(XDP_COUNTER_DROP_EGRESS);
    }
    return XDP_DROP;
}

#endif /* actions.h */
