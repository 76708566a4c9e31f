/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table in a program that is run once more, on another packet, while
 * it is in the middle of one, as a PREEMPT_RT kernel may do it.
 *
 * In front of each packet is a "struct nest_headers", the first bytes of the
 * inner packet.  They are taken off, and put in the place of the outer
 * packet's first bytes while the inner run lasts.
 */

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../bpf/maps.h"
#include "../bpf/parse.h"
#include "../bpf/actions.h"
#include "../bpf/guard.h"
#include "../bpf/pass.h"

#include "xdp-nesting.h"

/* From flowtable_afxdp.c. */
static __always_inline int run_first_pass(struct xdp_md *,
                                          struct xdp_scratch *);
static __always_inline int run_nested(struct xdp_md *, struct xdp_scratch *);

/* The first bytes of the packet that is not at its turn.  (There is hardly any
 * room on the stack.) */
static volatile struct nest_headers other;

/* Swaps the first bytes of the packet with 'other'. */
__noinline int
nest_swap(struct xdp_md *ctx)
{
    struct nest_headers *p = (void *) (long) ctx->data;

    if ((void *) (p + 1) > (void *) (long) ctx->data_end) {
        return false;
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < NEST_WORDS; i++) {
        __u64 word = p->words[i];

        p->words[i] = other.words[i];
        other.words[i] = word;
    }
    return true;
}

/* The inner run: all that xdp_flowtable() does. */
__noinline int
nest_inner(struct xdp_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    int verdict;

    stats_count(XDP_COUNTER_PACKETS);
    if (!scratch) {
        return XDP_ABORTED;
    }
    if (!guard_enter(scratch)) {
        return run_nested(ctx, scratch);
    }
    verdict = run_first_pass(ctx, scratch);
    guard_leave(scratch);
    return verdict;
}

/* The outer run up to its flow, in a frame that has gone when the inner run
 * needs the stack.  Returns NULL if there is no flow. */
static __noinline struct xdp_flow *
nest_find(struct xdp_md *ctx, struct xdp_scratch *scratch, __u32 *in_port,
          __u32 *slot)
{
    struct xdp_port *port;
    __u32 valid;

    stats_tick(scratch);
    train_end(scratch);
    port = find_port(scratch, ctx->ingress_ifindex, in_port);
    if (!port) {
        return NULL;
    }
    recirc_begin(scratch);
    return find_flow(ctx, port, *in_port, scratch, true, slot, &valid);
}

/* The rest of the outer run, in a frame of its own. */
static __noinline int
nest_finish(struct xdp_md *ctx, struct xdp_scratch *scratch, __u32 in_port,
            struct xdp_flow *flow, __u32 slot)
{
    return run_flow(ctx, scratch, in_port, flow, slot,
                    stats_tcp_flags(scratch));
}

/* The outer run: as xdp_flowtable() without a train, with the inner one at the
 * place where it would do the most harm.  Returns the outer verdict, but
 * XDP_ABORTED if the inner packet was not left to userspace. */
SEC("xdp")
int
xdp_nesting(struct xdp_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct xdp_flow *flow;
    __u32 in_port, slot;
    int verdict, inner;

    if (!scratch || !nest_swap(ctx)
        || bpf_xdp_adjust_head(ctx, sizeof(struct nest_headers))) {
        return XDP_ABORTED;
    }

    stats_count(XDP_COUNTER_PACKETS);
    if (!guard_enter(scratch)) {
        return XDP_ABORTED;
    }
    flow = nest_find(ctx, scratch, &in_port, &slot);
    if (!flow) {
        guard_leave(scratch);
        return XDP_ABORTED;
    }

    if (!nest_swap(ctx)) {
        return XDP_ABORTED;
    }
    inner = nest_inner(ctx);
    if (!nest_swap(ctx)) {
        return XDP_ABORTED;
    }
    verdict = nest_finish(ctx, scratch, in_port, flow, slot);
    guard_leave(scratch);
    return inner == XDP_PASS ? verdict : XDP_ABORTED;
}

#include "../bpf/flowtable_afxdp.c"
