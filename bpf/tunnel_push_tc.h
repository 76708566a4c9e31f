/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pushing the header of a tunnel at tc.  The kernel is told where the inner
 * packet begins, so that it can segment that, and finish its checksum, when a
 * device wants it.
 */

#ifndef BPF_TUNNEL_PUSH_TC_H
#define BPF_TUNNEL_PUSH_TC_H 1

#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "hook.h"
#include "maps.h"
#include "op.h"
#include "parse.h"
#include "stats.h"
#include "tunnel_port.h"
#include "tunnel_sum.h"
#include "vlan_tc.h"

/* Flags of a header that is not the same for all segments of a packet. */
#define TUNNEL_PUSH_EACH (XDP_TUNNEL_PUSH_UDP_CSUM \
                          | XDP_TUNNEL_PUSH_GRE_CSUM | XDP_TUNNEL_PUSH_SEQ)

/* Flags of a header with a checksum. */
#define TUNNEL_PUSH_CSUM (XDP_TUNNEL_PUSH_UDP_CSUM | XDP_TUNNEL_PUSH_GRE_CSUM)

/* There is something left to do; beside flags of bpf_skb_store_bytes(). */
#define TUNNEL_PUSH_MORE 0x100

/* ENOTSUPP of the kernel, which is not among the numbers for others. */
#define TUNNEL_PUSH_ENOTSUPP 524

/* What all headers have at the same place. */
enum tunnel_push_ofs {
    TUNNEL_PUSH_L3 = ETH_HLEN,
    TUNNEL_PUSH_L4 = TUNNEL_PUSH_L3 + sizeof(struct iphdr),
    TUNNEL_PUSH_L4_IPV6 = TUNNEL_PUSH_L3 + sizeof(struct ipv6hdr),
};

/* A header to be pushed. */
union tunnel_push_header {
    __u64 words[XDP_TUNNEL_MAX_HEADER / 8];
    __be16 halves[XDP_TUNNEL_MAX_HEADER / 2];
    __u8 bytes[XDP_TUNNEL_MAX_HEADER];
};

/* Returns true if the header that the flow with 'rest' pushes comes out right
 * on the packet, of which no op has been run, and on its segments.
 *
 * The kernel leaves the outer checksum of segments alone, and nobody but the
 * kernel can finish an inner one.  It has a place for one inner packet only,
 * which is taken if the sender has used it, and none for one that is not
 * IP. */
__noinline int
tunnel_can_push(struct hook_md *ctx, const struct xdp_flow_rest *rest)
{
    const struct xdp_op *op = rest ? op_at(rest, rest->push_op, 1) : NULL;
    __u64 len = hook_whole_len(ctx);
    bool needs_finished;
    __u32 flags;
    long error;

    if (!op) {
        return false;
    }
    flags = op->u.tnl_push.flags;
    len += op->u.tnl_push.header_len + VLAN_MAX_TAGS * HOOK_TAG_LEN;
    needs_finished = flags & TUNNEL_PUSH_CSUM;
    if (len > (needs_finished ? PARSE_LAST_HEADER : 0xffff)
        || (flags & TUNNEL_PUSH_EACH && ctx->gso_size)) {
        return false;
    }
    error = hook_probe_tunnel(ctx);
    if (error != -EINVAL) {
        if (error != -TUNNEL_PUSH_ENOTSUPP || ctx->gso_size
            || (ctx->vlan_present && parse_is_vlan((__be16) ctx->protocol))) {
            return false;
        }
        needs_finished = true;
    }
    return !needs_finished || !hook_is_unfinished(ctx);
}

/* Returns true if the kernel can be told that the packet, of Ethertype 'type'
 * behind tags that are no longer beside it, is one in a tunnel. */
static __always_inline bool
tunnel_is_known(struct hook_md *ctx, __be16 type)
{
    return ((type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6))
            && (__be16) ctx->protocol == type);
}

/* Makes room for a header of 'len' bytes with 'flags', enum
 * xdp_tunnel_push_flags, and for the 'tags_len' bytes of tags that are no
 * longer beside the packet.  'known' is what tunnel_is_known() says.  Returns
 * an error if that fails. */
static __always_inline long
tunnel_make_room(struct hook_md *ctx, __u32 len, __u8 flags, __u32 tags_len,
                 bool known)
{
    __u64 encap = (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L2_ETH
                   | BPF_F_ADJ_ROOM_ENCAP_L2((__u64) ETH_HLEN + tags_len));

    if (!known) {
        return (ctx->gso_size ? -TUNNEL_PUSH_ENOTSUPP
                : bpf_skb_change_head(ctx, len + tags_len, 0));
    }
    encap |= (flags & XDP_TUNNEL_PUSH_IPV6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6
              : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
    encap |= (flags & XDP_TUNNEL_PUSH_UDP ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP
              : BPF_F_ADJ_ROOM_ENCAP_L4_GRE);
    return bpf_skb_adjust_room(ctx, len + tags_len, BPF_ADJ_ROOM_MAC, encap);
}

/* Makes '*header' that of 'op' on a packet of 'total' bytes, but for what
 * follows from the bytes of the packet. */
static __always_inline void
tunnel_make_header(union tunnel_push_header *header, const struct xdp_op *op,
                   __u32 total)
{
    const __u64 *words = (const __u64 *) (op + 1);
    __u8 flags = op->u.tnl_push.flags;
    __be16 source = (flags & XDP_TUNNEL_PUSH_UDP ? tunnel_source_port(op)
                     : 0);
    struct iphdr ip;

#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_TUNNEL_MAX_HEADER / 8; i++) {
        header->words[i] = words[i];
    }
#define TUNNEL_HALF(OFS, STRUCT, MEMBER) \
    header->halves[((OFS) + __builtin_offsetof(STRUCT, MEMBER)) / 2]
    if (flags & XDP_TUNNEL_PUSH_IPV6) {
        TUNNEL_HALF(TUNNEL_PUSH_L3, struct ipv6hdr, payload_len)
            = bpf_htons(total - TUNNEL_PUSH_L4_IPV6);
        if (flags & XDP_TUNNEL_PUSH_UDP) {
            TUNNEL_HALF(TUNNEL_PUSH_L4_IPV6, struct udphdr, source)
                = source;
            TUNNEL_HALF(TUNNEL_PUSH_L4_IPV6, struct udphdr, len)
                = bpf_htons(total - TUNNEL_PUSH_L4_IPV6);
        }
        return;
    }
    ip.tot_len = bpf_htons(total - TUNNEL_PUSH_L3);
    TUNNEL_HALF(TUNNEL_PUSH_L3, struct iphdr, tot_len) = ip.tot_len;
    ip.check = TUNNEL_HALF(TUNNEL_PUSH_L3, struct iphdr, check);
    TUNNEL_HALF(TUNNEL_PUSH_L3, struct iphdr, check)
        = csum_apply(ip.check, csum_diff16(0, 0, ip.tot_len));
    if (flags & XDP_TUNNEL_PUSH_UDP) {
        TUNNEL_HALF(TUNNEL_PUSH_L4, struct udphdr, source)
            = source;
        TUNNEL_HALF(TUNNEL_PUSH_L4, struct udphdr, len)
            = bpf_htons(total - TUNNEL_PUSH_L4);
    }
#undef TUNNEL_HALF
}

/* Ends XDP_OP_TNL_PUSH: sets what in the header follows from the bytes of the
 * packet, or from the packets before.  'store' is as tunnel_begin_push() says.
 */
__noinline int
tunnel_finish_push(struct hook_md *ctx, const struct xdp_flow_rest *rest,
                   __u32 i, __u32 store)
{
    const struct xdp_op *op = op_at(rest, i, 1);
    __u32 l4_ofs, diff = 0;
    __u8 flags;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    flags = op->u.tnl_push.flags;
    l4_ofs = (flags & XDP_TUNNEL_PUSH_IPV6 ? TUNNEL_PUSH_L4_IPV6
              : TUNNEL_PUSH_L4);
    if (flags & TUNNEL_PUSH_CSUM && bpf_skb_pull_data(ctx, ctx->len)) {
        return OP_DROP_TOO_SHORT;
    }
    if (flags & XDP_TUNNEL_PUSH_UDP_CSUM) {
        int csum = tunnel_udp_csum(ctx, TUNNEL_PUSH_L3, l4_ofs,
                                   flags & XDP_TUNNEL_PUSH_IPV6);
        struct udphdr *udp = parse_at(ctx, l4_ofs, sizeof *udp);

        if (!udp || csum == PARSE_FAILED) {
            return OP_DROP_TOO_SHORT;
        }
        csum = csum ? csum : 0xffff;
        udp->check = csum;
        diff = csum_diff16(0, 0xffff, csum);
    } else if (flags & XDP_TUNNEL_PUSH_GRE_CSUM) {
        int sum = tunnel_sum_packet(ctx, l4_ofs);
        __u16 *csum = parse_at(ctx, l4_ofs + TUNNEL_GRE_LEN, sizeof *csum);

        if (!csum || sum == PARSE_FAILED) {
            return OP_DROP_TOO_SHORT;
        }
        diff = csum_diff16(0, *csum, ~sum);
        *csum = ~sum;
    } else if (flags & XDP_TUNNEL_PUSH_SEQ) {
        __u32 index = op->u.tnl_push.seq;
        __u64 *next = bpf_map_lookup_elem(&xdp_sequences, &index);
        __be32 seq;

        if (!next) {
            return OP_DROP_TOO_SHORT;
        }
        seq = bpf_htonl(__sync_fetch_and_add(next, 1));
        if (bpf_skb_store_bytes(ctx, op->u.tnl_push.seq_ofs, &seq, sizeof seq,
                                store)) {
            return OP_DROP_TOO_SHORT;
        }
    }
    hook_note_change(ctx, store ? diff : 0);
    return OP_OK;
}

/* Stores 'eth', the inner Ethernet header, with 'tags' in it, 'ofs' bytes
 * behind the start of the packet, with 'store'.  Returns false if that
 * fails. */
static __always_inline bool
tunnel_store_inner(struct hook_md *ctx, __u32 ofs, const struct ethhdr *eth,
                   const struct vlan_tags *tags, __u64 store)
{
    if (bpf_skb_store_bytes(ctx, ofs, eth, ETH_HLEN, store)) {
        return false;
    }
    ofs += 2 * ETH_ALEN;
#pragma clang loop unroll(full)
    for (int i = 0; i < VLAN_MAX_TAGS; i++) {
        if (i * HOOK_TAG_LEN < tags->len
            && bpf_skb_store_bytes(ctx, ofs + i * HOOK_TAG_LEN,
                                   &tags->tags[2 * i], HOOK_TAG_LEN, store)) {
            return false;
        }
    }
    return (!tags->len
            || !bpf_skb_store_bytes(ctx, ofs + tags->len, &eth->h_proto,
                                    sizeof eth->h_proto, store));
}

/* Begins XDP_OP_TNL_PUSH.  Returns TUNNEL_PUSH_MORE if tunnel_finish_push()
 * has something to do, with the flags for storing what follows the outer
 * Ethernet header: a sum of the packet that the kernel may have covers that,
 * unless the kernel does not know that it is in a tunnel. */
__noinline int
tunnel_begin_push(struct hook_md *ctx, const struct xdp_flow_rest *rest,
                  __u32 i)
{
    const struct xdp_op *op = op_at(rest, i, 1);
    union tunnel_push_header header;
    struct vlan_tags tags = { .len = 0 };
    struct ethhdr eth;
    __u64 store;
    bool known;
    __u32 len;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    len = op->u.tnl_push.header_len;
    if (len % 4 != 2 || len > XDP_TUNNEL_MAX_HEADER || len < TUNNEL_PUSH_L4) {
        return OP_DROP_BAD_OP;
    }
    if (!vlan_take_tags(ctx, &tags)
        || bpf_skb_load_bytes(ctx, 0, &eth, sizeof eth)) {
        return OP_DROP_HEADROOM;
    }
    known = tunnel_is_known(ctx, eth.h_proto);
    store = known ? BPF_F_RECOMPUTE_CSUM : 0;
    if (tunnel_make_room(ctx, len, op->u.tnl_push.flags, tags.len, known)) {
        return OP_DROP_HEADROOM;
    }
    tunnel_make_header(&header, op, ctx->len);
    if (bpf_skb_store_bytes(ctx, 0, &header, ETH_HLEN, 0)
        || bpf_skb_store_bytes(ctx, ETH_HLEN, &header.bytes[ETH_HLEN],
                               len - ETH_HLEN, store)
        || !tunnel_store_inner(ctx, len, &eth, &tags, store)) {
        return OP_DROP_TOO_SHORT;
    }
    stats_count(XDP_COUNTER_TNL_PUSH);
    return (op->u.tnl_push.flags & TUNNEL_PUSH_EACH
            ? TUNNEL_PUSH_MORE | store : OP_OK);
}

/* Runs XDP_OP_TNL_PUSH. */
static __always_inline int
tunnel_push(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i)
{
    int result = tunnel_begin_push(ctx, rest, i);

    return (result > 0
            ? tunnel_finish_push(ctx, rest, i, result & BPF_F_RECOMPUTE_CSUM)
            : result);
}

#endif /* tunnel_push_tc.h */
