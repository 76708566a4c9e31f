/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is too large for a device that it is to be sent by.
 *
 * The kernel drops a packet that is redirected to a device and longer than the
 * device's MTU, an Ethernet header, and a VLAN tag, and nobody is told.  It
 * does not count a tag that is beside the packet, as long as the device takes
 * it so.  A packet may get too long by what is pushed, or may have come in
 * through a port with a larger MTU.  Sent by userspace it may arrive
 * nevertheless, since nothing but the device looks at it there.  So this looks
 * before anything happens to the packet, and what is too large is left to
 * userspace.
 *
 * Asking the kernel takes as long as finding a flow.  So the scratch has, for
 * some ports and groups of outputs, what is known to fit in this tick of the
 * clock.  Only packets that are not known to fit ask.
 */

#ifndef BPF_MTU_H
#define BPF_MTU_H 1

#include <linux/if_ether.h>

#include "hook.h"
#include "maps.h"
#include "op.h"
#include "parse_common.h"
#include "verifier.h"

#define MTU_TAG_LEN 4

/* What each device takes: the least MTU that Ethernet devices can have, an
 * Ethernet header, and a tag. */
#define MTU_LEAST (68 + ETH_HLEN + MTU_TAG_LEN)

/* More than any device takes. */
#define MTU_MOST 0x7fff0000

/* Tells groups from ports among what MTU limits are kept for... */
#define MTU_GROUP 0x80000000

/* ...and what fits at this hook from what fits at the other one. */
#define MTU_HOOK (HOOK_DETOURS ? 0x40000000 : 0)

/* Where the limit of 'WAY' is kept: the hooks do not share a place, or packets
 * that come in turn would have it asked for each time. */
#define MTU_PLACE(WAY) ((WAY) % (MAPS_MTU_LIMITS / 2) \
                        + (HOOK_DETOURS ? MAPS_MTU_LIMITS / 2 : 0))

/* Returns the last op of 'rest', the output of a flow that has one. */
static __always_inline const struct xdp_op *
mtu_output(const struct xdp_flow_rest *rest)
{
    return &rest->ops[(rest->n_ops - 1U) % XDP_FLOW_MAX_OPS];
}

/* Returns the way on which the packets of 'rest' leave: a port, or a group
 * with MTU_GROUP. */
static __always_inline __u32
mtu_way(const struct xdp_flow_rest *rest)
{
    return (rest->group ? MTU_GROUP | rest->group
            : mtu_output(rest)->u.output.port);
}

/* Returns true if 'len' bytes are known to fit on 'way'. */
static __always_inline bool
mtu_known_to_fit(const struct xdp_scratch *scratch, __u32 way, __s64 len)
{
    __u64 limit = scratch->mtu_limits[MTU_PLACE(way)];

    return limit >> 32 == (way | MTU_HOOK) && len <= (__u32) limit;
}

/* Returns true if 'len' bytes are known to fit on 'way', or do so on each. */
static __always_inline bool
mtu_surely_fits(const struct xdp_scratch *scratch, __u32 way, __s64 len)
{
    return len <= MTU_LEAST || mtu_known_to_fit(scratch, way, len);
}

/* Notes that what fits into 'mtu', with what is in front of it, fits on
 * 'way'. */
static __always_inline void
mtu_note(__u32 way, __u32 mtu)
{
    struct xdp_scratch *scratch = parse_scratch();

    if (scratch) {
        scratch->mtu_limits[MTU_PLACE(way)]
            = (__u64) (way | MTU_HOOK) << 32 | (mtu + ETH_HLEN + MTU_TAG_LEN);
    }
}

/* Returns the lesser one of 'mtu' and that of device 'ifindex', if there is
 * one. */
static __always_inline __u32
mtu_lesser(struct hook_md *ctx, __u32 ifindex, __u32 mtu)
{
    __u32 other = 0;

    return (bpf_check_mtu(ctx, ifindex, &other, 0, 0) >= 0 && other < mtu
            ? other : mtu);
}

/* Returns the least one of 'mtu' and those of the devices through which
 * packets for 'target' leave, of a flow that redirects them to the device
 * 'ifindex'.  From XDP to a port at tc they come to it through another one,
 * which has to take them, too. */
static __always_inline __u32
mtu_lesser_way(struct hook_md *ctx, const struct xdp_target *target,
               __u32 ifindex, __u32 mtu)
{
    __u32 last = target && target->ifindex ? target->ifindex : ifindex;

    if (HOOK_DETOURS && last != ifindex) {
        mtu = mtu_lesser(ctx, ifindex, mtu);
    }
    return mtu_lesser(ctx, last, mtu);
}

/* Returns true if the packet, which becomes 'len' bytes long, will not be too
 * large for the device of 'port', which is all that its flow outputs to. */
__noinline int
mtu_ask_port(struct hook_md *ctx, __u32 port, __s64 len)
{
    const struct xdp_target *target = bpf_map_lookup_elem(&xdp_targets, &port);
    __u32 mtu;

    if (!target || !target->ifindex) {
        return true;
    }
    mtu = mtu_lesser_way(ctx, target, target->via, MTU_MOST);
    mtu_note(port, mtu);
    return len <= mtu + ETH_HLEN + MTU_TAG_LEN;
}

/* What mtu_ask() asks for. */
struct mtu_ctx {
    struct hook_md *ctx;
    const struct xdp_flow_rest *rest;
    __u32 next;                 /* Slot of the next op. */
    __u32 mtu;                  /* The least one so far. */
};

/* Looks at the op in slot 'ask->next' of the flow, if there is one.  Returns 1
 * if there is none. */
static long
mtu_ask_op(__u32 i, struct mtu_ctx *ask)
{
    const struct xdp_op *op;

    if (ask->next >= ask->rest->n_ops) {
        return 1;
    }
    op = op_known(ask->rest, ask->next);
    if (op->type == XDP_OP_OUTPUT) {
        __u32 port = op->u.output.port;

        ask->mtu = mtu_lesser_way(ask->ctx,
                                  bpf_map_lookup_elem(&xdp_targets, &port),
                                  op->u.output.ifindex, ask->mtu);
    }
    ask->next += 1 + op->n_data;
    return 0;
}

/* Returns true if no copy of the packet, of which no op of the flow in 'slot'
 * has been run yet, and which becomes 'len' bytes long at most, will be too
 * large for its device.  (The verifier would look at a loop once for each way
 * through it.) */
__noinline int
mtu_ask(struct hook_md *ctx, __u32 slot, __s64 len)
{
    struct mtu_ctx ask = { .ctx = ctx };

    ask.rest = maps_rest(slot);
    if (!ask.rest) {
        return true;
    }
    ask.next = verifier_zero(slot);
    ask.mtu = MTU_MOST | verifier_zero(slot);
    bpf_loop(XDP_FLOW_MAX_OPS, mtu_ask_op, &ask, 0);
    mtu_note(mtu_way(ask.rest), ask.mtu);
    return len <= ask.mtu + ETH_HLEN + MTU_TAG_LEN;
}

/* Returns true if the packet, of which no op of the flow in 'slot' has been
 * run yet, will not be too large for the devices that it goes to.  'rest' is
 * the flow's. */
static __always_inline bool
mtu_fits(struct hook_md *ctx, const struct xdp_scratch *scratch,
         const struct xdp_flow_rest *rest, __u32 slot)
{
    __s64 len = (__s64) hook_len(ctx), tag_len = hook_tag_len(ctx);

    /* Without a push, the packet is not longer than it is now without the tag
     * beside it, which may be the one that is popped. */
    len += (rest->needs & XDP_NEEDS_NO_TAG_ROOM && rest->growth > -tag_len
            ? -tag_len : rest->growth);
    return (mtu_surely_fits(scratch, mtu_way(rest), len)
            || mtu_ask(ctx, slot, len));
}

/* Returns the most bytes that a packet of 'len' gets by 'flow', which has
 * XDP_FLOW_SIMPLE. */
static __always_inline __s64
mtu_len_simple(const struct xdp_flow *flow, __s64 len)
{
    return len + (flow->tpid && !(flow->flags & XDP_FLOW_POP_VLAN)
                  ? MTU_TAG_LEN : 0);
}

/* As mtu_fits(), for 'flow', which has XDP_FLOW_SIMPLE: a tag that is beside
 * the packet gets into it only if another one is pushed, and not in its
 * place. */
static __always_inline bool
mtu_fits_simple(struct hook_md *ctx, const struct xdp_scratch *scratch,
                const struct xdp_flow *flow)
{
    __s64 len = mtu_len_simple(flow, (__s64) hook_len(ctx)
                                     - hook_tag_len(ctx));

    return (mtu_surely_fits(scratch, flow->port, len)
            || mtu_ask_port(ctx, flow->port, len));
}

#endif /* mtu.h */
