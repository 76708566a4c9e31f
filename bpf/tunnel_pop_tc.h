/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the header of a tunnel is taken off at tc.
 *
 * The kernel goes on taking a packet that stands for several for one of the
 * tunnel, and nobody can tell it that it is none any more.  The same is true
 * of one whose inner checksum the sender has left to a device.  So both go to
 * userspace, through the companion, where they become plain packets.
 */

#ifndef BPF_TUNNEL_POP_TC_H
#define BPF_TUNNEL_POP_TC_H 1

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "hook.h"
#include "maps.h"
#include "op.h"
#include "parse_common.h"
#include "stats.h"
#include "tunnel_format.h"

/* An inner Ethernet header, perhaps with a tag. */
struct tunnel_inner {
    __u8 macs[2 * ETH_ALEN];
    __be16 type;            /* Or TPID of... */
    __be16 tci;             /* ...a tag... */
    __be16 next_type;       /* ...and what follows it. */
};

/* Returns true if 'h' can be taken off the packet: the kernel leaves at least
 * the length of an outer IP header behind the inner Ethernet header.  And of
 * two tags only one could be put beside the packet, where ops look for it. */
static __always_inline bool
tunnel_can_pop(struct hook_md *ctx, const struct tunnel_header *h)
{
    __u32 least = h->len + ETH_HLEN + HOOK_TAG_LEN;
    struct tunnel_inner *inner = parse_at(ctx, h->len, sizeof *inner);

    least += (h->l4_ofs - h->l3_ofs < sizeof(struct ipv6hdr)
              ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
    return (inner && least <= hook_frame_len(ctx)
            && !(parse_is_vlan(inner->type)
                 && parse_is_vlan(inner->next_type)));
}

/* Prepares the packet, which has been parsed, for a look at the header of a
 * tunnel.  Returns false if that must not be taken off. */
static __always_inline bool
tunnel_prepare_pop(struct hook_md *ctx)
{
    __u32 len = ctx->len;

    return (!ctx->gso_size && !hook_is_unfinished(ctx)
            && (ctx->data_end - ctx->data >= len
                || !bpf_skb_pull_data(ctx, len < HOOK_MAX_HEADERS
                                           ? len : HOOK_MAX_HEADERS)));
}

/* Ends XDP_OP_TNL_POP: takes off the header, and puts the tag behind it beside
 * the packet.
 *
 * What the kernel knows of checksums begins with the outer one, if there can
 * be one. */
static __always_inline int
tunnel_pop(struct hook_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct tunnel_inner inner;
    __be16 tpid = 0;
    __u32 len;

    if (!scratch) {
        return OP_DROP_HEADROOM;
    }
    len = scratch->pop_len & PARSE_MAX_OFS;
    if (bpf_skb_load_bytes(ctx, len, &inner, sizeof inner)) {
        return OP_DROP_TOO_SHORT;
    }
    if (scratch->key.tun_tp_dst || scratch->key.tun_flags & TUNNEL_F_CSUM) {
        bpf_csum_level(ctx, BPF_CSUM_LEVEL_DEC);
    }
    if (parse_is_vlan(inner.type)) {
        tpid = inner.type;
        inner.type = inner.next_type;
        len += HOOK_TAG_LEN;
    }
    if (bpf_skb_adjust_room(ctx, -(int) len, BPF_ADJ_ROOM_MAC,
                            BPF_F_ADJ_ROOM_NO_CSUM_RESET)
        || bpf_skb_store_bytes(ctx, 0, &inner, ETH_HLEN, 0)
        || (tpid && bpf_skb_vlan_push(ctx, tpid, bpf_ntohs(inner.tci)))) {
        return OP_DROP_HEADROOM;
    }
    stats_count(XDP_COUNTER_TNL_POP);
    return OP_OK;
}

#endif /* tunnel_pop_tc.h */
