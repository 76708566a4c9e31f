/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Setting fields of IPv4 and IPv6 headers, with the checksums that cover them:
 * IPv4's own, and those of transport headers by way of the pseudo-header.
 */

#ifndef BPF_SET_IP_H
#define BPF_SET_IP_H 1

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "set.h"

#define SET_IPV6_TCLASS_SHIFT 20
#define SET_ICMPV6_CSUM_LEN 4   /* Up to the end of the checksum. */

/* Where checksums are in headers. */
#define SET_TCP_CSUM __builtin_offsetof(struct tcphdr, check)
#define SET_UDP_CSUM __builtin_offsetof(struct udphdr, check)
#define SET_ICMP_CSUM 2

/* Updates the checksum of the transport header that 'l' says, if there is
 * one, for the change 'diff' of the pseudo-header. */
static __always_inline void
set_pseudo_csum(struct hook_md *ctx, const struct xdp_layers *l, __u32 diff)
{
    if (!l->l4_ofs || l->flags & XDP_LAYERS_LATER_FRAG) {
        return;
    }
    if (l->l4_proto == IPPROTO_TCP) {
        struct tcphdr *tcp = parse_at(ctx, l->l4_ofs, sizeof *tcp);

        if (tcp && l->l4_size >= sizeof *tcp) {
            hook_update_csum(ctx, &tcp->check, l->l4_ofs + SET_TCP_CSUM, diff,
                             HOOK_CSUM_PSEUDO);
        }
    } else if (l->l4_proto == IPPROTO_UDP) {
        struct udphdr *udp = parse_at(ctx, l->l4_ofs, sizeof *udp);

        if (udp && l->l4_size >= sizeof *udp) {
            hook_update_csum(ctx, &udp->check, l->l4_ofs + SET_UDP_CSUM, diff,
                             HOOK_CSUM_UDP | HOOK_CSUM_PSEUDO);
        }
    }
}

/* Runs 'op', which is XDP_OP_SET_IPV4. */
static __always_inline int
set_ipv4_inline(struct hook_md *ctx, const struct xdp_op *op, __u64 layers)
{
    struct xdp_layers l = op_layers(layers);
    const struct xdp_op_ipv4 *value, *mask;
    __u32 diff = 0, pseudo_diff = 0;
    __be32 src, dst;
    struct iphdr *ip;
    __u8 tos, ttl;

    ip = parse_at(ctx, l.net_ofs, sizeof *ip);
    if (!ip) {
        return OP_DROP_TOO_SHORT;
    }

    value = &op->u.ipv4;
    mask = &op_data(op, 1)->ipv4;
    src = SET_BITS(ip->saddr, value->src, mask->src);
    dst = SET_BITS(ip->daddr, value->dst, mask->dst);
    tos = SET_BITS(ip->tos, value->tos, mask->tos);
    ttl = SET_BITS(ip->ttl, value->ttl, mask->ttl);
    if (src != ip->saddr) {
        pseudo_diff = csum_diff32(pseudo_diff, ip->saddr, src);
    }
    if (dst != ip->daddr) {
        pseudo_diff = csum_diff32(pseudo_diff, ip->daddr, dst);
    }
    diff = pseudo_diff;
    if (tos != ip->tos) {
        diff = csum_diff16(diff, bpf_htons(ip->tos), bpf_htons(tos));
    }
    if (ttl != ip->ttl) {
        diff = csum_diff16(diff, bpf_htons(ip->ttl << 8),
                           bpf_htons(ttl << 8));
    }
    ip->saddr = src;
    ip->daddr = dst;
    ip->tos = tos;
    ip->ttl = ttl;
    ip->check = csum_apply(ip->check, diff);
    if (pseudo_diff) {
        set_pseudo_csum(ctx, &l, pseudo_diff);
    }
    return OP_OK;
}

/* Runs XDP_OP_SET_IPV4. */
__noinline int
set_ipv4(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
         __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 1);

    return op ? set_ipv4_inline(ctx, op, layers) : OP_DROP_BAD_OP;
}

/* Runs 'op', which is XDP_OP_SET_IPV6. */
static __always_inline int
set_ipv6_inline(struct hook_md *ctx, const struct xdp_op *op, __u64 layers)
{
    struct xdp_layers l = op_layers(layers);
    struct ipv6hdr *ip6;
    __be32 *word, old;
    __u8 hop_limit;

    ip6 = parse_at(ctx, l.net_ofs, sizeof *ip6);
    if (!ip6) {
        return OP_DROP_TOO_SHORT;
    }

    word = (__be32 *) ip6;
    old = *word;
    *word = SET_BITS(*word,
                     op->u.ipv6.label
                     | bpf_htonl((__u32) op->u.ipv6.tclass
                                 << SET_IPV6_TCLASS_SHIFT),
                     op->u.ipv6.label_mask
                     | bpf_htonl((__u32) op->u.ipv6.tclass_mask
                                 << SET_IPV6_TCLASS_SHIFT));
    hop_limit = ip6->hop_limit;
    ip6->hop_limit = SET_BITS(hop_limit, op->u.ipv6.hlimit,
                              op->u.ipv6.hlimit_mask);
    hook_note_change(ctx, csum_diff16(csum_diff32(0, old, *word),
                                      bpf_htons(hop_limit),
                                      bpf_htons(ip6->hop_limit)));
    return OP_OK;
}

/* Runs XDP_OP_SET_IPV6. */
__noinline int
set_ipv6(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
         __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 0);

    return op ? set_ipv6_inline(ctx, op, layers) : OP_DROP_BAD_OP;
}

/* Sets bits of the IPv6 address at 'address'.  Returns the difference for
 * checksums, or 0 if nothing changed. */
static __always_inline __u32
set_ipv6_address(__be32 address[4], const __be32 value[4],
                 const __be32 mask[4])
{
    __u32 changed = 0;
    __u32 diff = 0;

#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        __be32 new = SET_BITS(address[i], value[i], mask[i]);

        changed |= new ^ address[i];
        diff = csum_diff32(diff, address[i], new);
        address[i] = new;
    }
    return changed ? diff : 0;
}

/* Runs 'op', which is XDP_OP_SET_IPV6_SRC or XDP_OP_SET_IPV6_DST. */
static __always_inline int
set_ipv6_addresses_inline(struct hook_md *ctx, const struct xdp_op *op,
                          __u64 layers)
{
    struct xdp_layers l = op_layers(layers);
    struct ipv6hdr *ip6;
    __u32 diff;

    ip6 = parse_at(ctx, l.net_ofs, sizeof *ip6);
    if (!ip6) {
        return OP_DROP_TOO_SHORT;
    }

    if (op->type == XDP_OP_SET_IPV6_SRC) {
        diff = set_ipv6_address(ip6->saddr.in6_u.u6_addr32,
                                op_data(op, 1)->address,
                                op_data(op, 2)->address);
        hook_note_change(ctx, diff);
    } else {
        diff = set_ipv6_address(ip6->daddr.in6_u.u6_addr32,
                                op_data(op, 1)->address,
                                op_data(op, 2)->address);
        hook_note_change(ctx, diff);
        /* On the way to the hops that a routing header names, the checksum
         * covers another destination: the last of these (RFC 8200, section
         * 8.1). */
        if (l.flags & XDP_LAYERS_IPV6_ROUTING) {
            diff = 0;
        }
    }
    if (diff) {
        set_pseudo_csum(ctx, &l, diff);
        if (l.l4_proto == IPPROTO_ICMPV6 && l.l4_ofs
            && l.l4_size >= SET_ICMPV6_CSUM_LEN
            && !(l.flags & XDP_LAYERS_LATER_FRAG)) {
            __be16 *icmp = parse_at(ctx, l.l4_ofs, SET_ICMPV6_CSUM_LEN);

            if (icmp) {
                hook_update_csum(ctx, &icmp[1], l.l4_ofs + SET_ICMP_CSUM, diff,
                                 HOOK_CSUM_PSEUDO);
            }
        }
    }
    return OP_OK;
}

/* Runs XDP_OP_SET_IPV6_SRC and XDP_OP_SET_IPV6_DST. */
__noinline int
set_ipv6_addresses(struct hook_md *ctx, const struct xdp_flow_rest *rest,
                   __u32 i, __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 2);

    return op ? set_ipv6_addresses_inline(ctx, op, layers) : OP_DROP_BAD_OP;
}

#endif /* set_ip.h */
