/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pushing, popping and overwriting VLAN tags.
 */

#ifndef BPF_VLAN_H
#define BPF_VLAN_H 1

#include <linux/if_ether.h>

#include "op.h"
#include "parse_common.h"
#include "stats.h"

#define VLAN_TAG_LEN 4

/* The two MAC addresses at the front of a frame, in as few pieces as
 * possible: smaller ones stall whoever reads them as a whole afterwards. */
struct vlan_macs {
    __u64 start;
    __u32 end;
};

#define VLAN_MACS_LEN (2 * ETH_ALEN)

/* Returns the MAC addresses at 'p'. */
static __always_inline struct vlan_macs
vlan_get_macs(const void *p)
{
    struct vlan_macs macs = {
        .start = *(const __u64 *) p,
        .end = *(const __u32 *) (p + sizeof macs.start),
    };

    return macs;
}

/* Writes 'macs' to 'p'. */
static __always_inline void
vlan_put_macs(void *p, struct vlan_macs macs)
{
    *(__u64 *) p = macs.start;
    *(__u32 *) (p + sizeof macs.start) = macs.end;
}

/* Pushes the VLAN tag 'tpid', 'tci'.  Stores in '*movedp' by how much the
 * headers behind tags have moved. */
static __always_inline int
vlan_push(struct xdp_md *ctx, __be16 tpid, __be16 tci, int *movedp)
{
    struct vlan_macs macs;
    void *data, *end;
    __be16 *tag;

    *movedp = VLAN_TAG_LEN;
    if (bpf_xdp_adjust_head(ctx, -VLAN_TAG_LEN)) {
        return OP_DROP_HEADROOM;
    }

    data = (void *) (long) ctx->data;
    end = (void *) (long) ctx->data_end;
    if (data + VLAN_TAG_LEN + VLAN_MACS_LEN > end) {
        return OP_DROP_HEADROOM;
    }
    macs = vlan_get_macs(data + VLAN_TAG_LEN);
    vlan_put_macs(data, macs);
    tag = data + VLAN_MACS_LEN;
    tag[0] = tpid;
    tag[1] = tci;
    stats_count(XDP_COUNTER_PUSH_VLAN);
    return OP_OK;
}

/* Returns true if the packet from 'data' to 'end' has a complete tag. */
static __always_inline bool
vlan_is_tagged(const void *data, const void *end)
{
    const struct ethhdr *eth = data;

    return (data + sizeof *eth + VLAN_TAG_LEN <= end
            && parse_is_vlan(eth->h_proto));
}

/* Pops the outermost VLAN tag.  As in userspace, that does nothing to a
 * packet without a complete tag.  '*movedp' is as with vlan_push(). */
static __always_inline int
vlan_pop(struct xdp_md *ctx, int *movedp)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct vlan_macs macs;

    *movedp = 0;
    if (!vlan_is_tagged(data, end)) {
        return OP_OK;
    }

    macs = vlan_get_macs(data);
    if (bpf_xdp_adjust_head(ctx, VLAN_TAG_LEN)) {
        return OP_DROP_HEADROOM;
    }
    data = (void *) (long) ctx->data;
    end = (void *) (long) ctx->data_end;
    if (data + VLAN_MACS_LEN > end) {
        return OP_DROP_HEADROOM;
    }
    vlan_put_macs(data, macs);
    stats_count(XDP_COUNTER_POP_VLAN);
    *movedp = -VLAN_TAG_LEN;
    return OP_OK;
}

/* Does what vlan_pop() and then vlan_push() do to a packet with a tag, and
 * moves nothing.  '*movedp' is as with vlan_push(). */
static __always_inline int
vlan_set(struct xdp_md *ctx, __be16 tpid, __be16 tci, int *movedp)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    __be16 *tag = data + VLAN_MACS_LEN;

    *movedp = 0;
    if (!vlan_is_tagged(data, end)) {
        /* Which cannot be: the megaflow has matched on it. */
        return OP_DROP_TOO_SHORT;
    }
    tag[0] = tpid;
    tag[1] = tci;
    stats_count(XDP_COUNTER_SET_VLAN);
    return OP_OK;
}

#endif /* vlan.h */
