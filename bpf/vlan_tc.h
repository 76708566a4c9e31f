/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pushing, popping and overwriting VLAN tags at tc, where the outermost tag of
 * a packet may be beside it.  The kernel sees to where tags are.
 */

#ifndef BPF_VLAN_TC_H
#define BPF_VLAN_TC_H 1

#include <linux/if_ether.h>

#include "op.h"
#include "parse_common.h"
#include "stats.h"

/* VLAN tags of a packet that gets another header in front of them.  (Each that
 * is taken from beside a packet makes room for the next one.) */
#define VLAN_MAX_TAGS 3

/* Tags that were taken off a packet, outermost first. */
struct vlan_tags {
    __be16 tags[2 * VLAN_MAX_TAGS];     /* TPID and TCI of each. */
    __u32 len;                          /* In bytes. */
};

/* Takes the tag beside the packet, and those that come there in its place, off
 * it and adds them to '*tags', which is empty.  Returns false if that fails,
 * or there are too many. */
__noinline int
vlan_take_tags(struct hook_md *ctx, struct vlan_tags *tags)
{
    if (!tags) {
        return false;
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < VLAN_MAX_TAGS; i++) {
        if (!hook_has_tag(ctx, &tags->tags[2 * i], &tags->tags[2 * i + 1])) {
            return true;
        }
        if (bpf_skb_vlan_pop(ctx) && ctx->vlan_present) {
            /* What is left in the packet need not be a complete tag. */
            return false;
        }
        tags->len += HOOK_TAG_LEN;
    }
    return !ctx->vlan_present;
}

/* Pushes the VLAN tag 'tpid', 'tci'.  Stores in '*movedp' by how much the
 * headers behind tags have moved. */
static __always_inline int
vlan_push(struct hook_md *ctx, __be16 tpid, __be16 tci, int *movedp)
{
    __u32 len = ctx->len;
    long error = bpf_skb_vlan_push(ctx, tpid, bpf_ntohs(tci));

    *movedp = ctx->len - len;
    if (error) {
        return OP_DROP_HEADROOM;
    }
    stats_count(XDP_COUNTER_PUSH_VLAN);
    return OP_OK;
}

/* Takes the tag away that is beside the packet.  Returns false if that fails.
 *
 * The next tag comes in its place, if that can be.  It is complete, or nothing
 * happens to it. */
static __always_inline bool
vlan_take(struct hook_md *ctx)
{
    return !bpf_skb_vlan_pop(ctx) || !ctx->vlan_present;
}

/* Takes the outermost VLAN tag off the packet, wherever it is.  Returns
 * OP_DROP_TOO_SHORT, and does nothing, if there is no complete tag. */
static __always_inline int
vlan_take_off(struct hook_md *ctx)
{
    void *end = (void *) (long) ctx->data_end;
    struct ethhdr *eth = (void *) (long) ctx->data;
    __u32 len = ctx->len;

    if (ctx->vlan_present) {
        return vlan_take(ctx) ? OP_OK : OP_DROP_HEADROOM;
    }
    if ((void *) (eth + 1) + HOOK_TAG_LEN > end
        || !parse_is_vlan(eth->h_proto)) {
        return OP_DROP_TOO_SHORT;
    }
    return (bpf_skb_vlan_pop(ctx) || ctx->len == len
            ? OP_DROP_HEADROOM : OP_OK);
}

/* Pops the outermost VLAN tag.  As in userspace, that does nothing to a
 * packet without a complete tag.  '*movedp' is as with vlan_push(). */
static __always_inline int
vlan_pop(struct hook_md *ctx, int *movedp)
{
    __u32 len = ctx->len;
    int result = vlan_take_off(ctx);

    *movedp = ctx->len - len;
    if (result == OP_DROP_TOO_SHORT) {
        return OP_OK;
    }
    if (result == OP_OK) {
        stats_count(XDP_COUNTER_POP_VLAN);
    }
    return result;
}

/* Does what vlan_pop() and then vlan_push() do to a packet with a tag, which
 * the megaflow has matched on.  There is no other helper that changes what is
 * beside a packet, and none of these is slow with one tag.  '*movedp' is as
 * with vlan_push(). */
static __always_inline int
vlan_set(struct hook_md *ctx, __be16 tpid, __be16 tci, int *movedp)
{
    __u32 len = ctx->len;
    int result = vlan_take_off(ctx);

    if (result == OP_OK && bpf_skb_vlan_push(ctx, tpid, bpf_ntohs(tci))) {
        result = OP_DROP_HEADROOM;
    }
    *movedp = ctx->len - len;
    if (result == OP_OK) {
        stats_count(XDP_COUNTER_SET_VLAN);
    }
    return result;
}

#endif /* vlan_tc.h */
