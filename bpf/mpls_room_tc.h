/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room for an MPLS label stack entry, at tc.
 *
 * No helper makes or takes 4 bytes behind the MAC addresses of whatever a
 * packet is, and none tells the kernel that it has another protocol now, which
 * decides who finishes its checksum.  But those for VLAN tags do both: a tag
 * comes into the packet when the next one is pushed, and when it leaves it,
 * the kernel takes what follows for the protocol.  A tag behind its TPID and
 * the Ethertype behind that are as long as an Ethertype and a label.  So
 * labels come and go as tags; the Ethertype is written where the kernel's sum
 * of the packet does not cover it, and all else the kernel moves.
 *
 * Segments would need more than that, so this is not for packets that stand
 * for several.
 */

#ifndef BPF_MPLS_ROOM_TC_H
#define BPF_MPLS_ROOM_TC_H 1

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include "hook.h"
#include "op.h"
#include "parse_common.h"
#include "vlan_tc.h"

/* More tags than packets come with and a flow pushes: a power of 2. */
#define MPLS_MAX_TAGS XDP_FLOW_MAX_OPS

/* Tags that a packet is without for a while, the outermost first.  Kernels
 * before 6.3 want all of it to be initialized. */
struct mpls_tags {
    __u32 n;
    struct {
        __be16 tpid;
        __be16 tci;
    } tags[MPLS_MAX_TAGS];
};

/* Takes the tags off that are in front of what is 'net_ofs' bytes behind the
 * start of the packet (less than an Ethernet header if the tag beside it is
 * not in front of that), and stores them in '*tags', which is empty.  Returns
 * false if that fails. */
__noinline int
mpls_take_tags(struct hook_md *ctx, __u32 net_ofs, struct mpls_tags *tags)
{
    __u32 ofs = net_ofs + (ctx->vlan_present ? HOOK_TAG_LEN : 0);
    __u32 n = (ofs - ETH_HLEN) / HOOK_TAG_LEN;

    if (!tags || ofs < ETH_HLEN || n > MPLS_MAX_TAGS) {
        return false;
    }
    for (__u32 i = 0; i < MPLS_MAX_TAGS && i < n; i++) {
        if (!hook_has_tag(ctx, &tags->tags[i].tpid, &tags->tags[i].tci)
            || !vlan_take(ctx)) {
            return false;
        }
    }
    tags->n = n;
    return true;
}

/* Puts 'tags' on again.  Returns false if that fails. */
__noinline int
mpls_put_tags(struct hook_md *ctx, const struct mpls_tags *tags)
{
    if (!tags) {
        return false;
    }
    for (__u32 i = 0; i < MPLS_MAX_TAGS && i < tags->n; i++) {
        __u32 j = verifier_mask(tags->n - 1 - i, MPLS_MAX_TAGS - 1);

        if (bpf_skb_vlan_push(ctx, tags->tags[j].tpid,
                              bpf_ntohs(tags->tags[j].tci))) {
            return false;
        }
    }
    return true;
}

/* Pushes a tag that has only 'tci'.  Returns false if that fails. */
static __always_inline bool
mpls_push_tag(struct hook_md *ctx, __be16 tci)
{
    return !bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021Q), bpf_ntohs(tci));
}

/* Makes 'type' the Ethertype that follows the MAC addresses in the packet.
 * Returns false if the packet is too short. */
static __always_inline bool
mpls_write_type(struct hook_md *ctx, __be16 type)
{
    struct ethhdr *eth = parse_at(ctx, 0, sizeof *eth);

    if (eth) {
        eth->h_proto = type;
    }
    return eth != NULL;
}

/* Takes the tag away that is beside the packet, and has the kernel look at the
 * Ethertype that follows the MAC addresses.  Returns false if that fails. */
static __always_inline bool
mpls_settle(struct hook_md *ctx)
{
    return (mpls_push_tag(ctx, 0) && !bpf_skb_vlan_pop(ctx)
            && vlan_take(ctx));
}

/* Inserts 'lse' 'net_ofs' bytes behind the start of the packet, with the
 * Ethertype 'type' in front of it.  Returns OP_OK or OP_DROP_*. */
static __always_inline int
mpls_insert(struct hook_md *ctx, __u32 net_ofs, __be16 type, __be32 lse)
{
    union {
        __be32 lse;
        __be16 halves[2];
    } u = { .lse = lse };
    struct mpls_tags tags = { .n = 0 };

    return (mpls_take_tags(ctx, net_ofs, &tags)
            && mpls_push_tag(ctx, u.halves[0])
            && mpls_write_type(ctx, u.halves[1])
            && mpls_push_tag(ctx, 0)
            && mpls_write_type(ctx, type)
            && mpls_settle(ctx)
            && mpls_put_tags(ctx, &tags)
            ? OP_OK : OP_DROP_HEADROOM);
}

/* Takes out the label stack entry that is 'net_ofs' bytes behind the start of
 * the packet.  What follows it has Ethertype 'type'.  Returns OP_OK or
 * OP_DROP_*. */
static __always_inline int
mpls_remove(struct hook_md *ctx, __u32 net_ofs, __be16 type)
{
    struct mpls_tags tags = { .n = 0 };

    return (mpls_take_tags(ctx, net_ofs, &tags)
            && !ctx->vlan_present
            && mpls_write_type(ctx, bpf_htons(ETH_P_8021Q))
            && mpls_push_tag(ctx, 0)
            && mpls_push_tag(ctx, 0)
            && !bpf_skb_vlan_pop(ctx)
            && !bpf_skb_vlan_pop(ctx)
            && mpls_write_type(ctx, type)
            && mpls_settle(ctx)
            && mpls_put_tags(ctx, &tags)
            ? OP_OK : OP_DROP_HEADROOM);
}

/* Returns true if nothing but tags is between the MAC addresses of the packet
 * of the scratch and its network header, and the parser has looked at all
 * tags in front of that. */
__noinline int
mpls_is_plain(struct hook_md *ctx)
{
    const struct xdp_scratch *scratch = parse_scratch();
    __u32 ofs = ETH_HLEN;

    if (!scratch
        || (ctx->vlan_present
            && !(scratch->key.vlan_tci0 & bpf_htons(PARSE_VLAN_CFI)))) {
        return false;
    }
    for (int i = 0; i < XDP_VLAN_MAX; i++) {
        __be16 *type = parse_at(ctx, ofs - sizeof *type, sizeof *type);

        if (ofs == scratch->layers.net_ofs) {
            return true;
        }
        if (!type || !parse_is_vlan(*type)) {
            return false;
        }
        ofs += HOOK_TAG_LEN;
    }
    return ofs == scratch->layers.net_ofs;
}

#endif /* mpls_room_tc.h */
