/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets of TCP that are too large for the companion of their port.
 *
 * Without a flow they would be lost, and so would be whatever is sent again
 * instead of them, since that is as large: a connection whose flow was away
 * for a moment would wait for ever.  So the packet is made the first piece of
 * itself, as if its sender had sent two of which the second was lost.  That
 * piece makes a flow, and gets to the receiver, and what is sent again has the
 * flow.
 */

#ifndef BPF_SHORTEN_TC_H
#define BPF_SHORTEN_TC_H 1

#include <stddef.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>

#include "hook.h"
#include "parse_common.h"
#include "verifier.h"

/* How much data is left: what fits with any headers and any front. */
#define SHORTEN_DATA_LEN 1024

#define SHORTEN_MAX_TAGS 2

/* Flags of TCP that are about the end of the data. */
#define SHORTEN_FLAGS_OF_END (0x01 | 0x08)
#define SHORTEN_FLAGS_OFS 13

/* A packet of TCP. */
struct shorten_packet {
    __u32 net_ofs;              /* Of the IP header, in the packet... */
    __u32 l4_ofs;               /* ...and of that of TCP. */
    __u32 l4_len;               /* From there to the end of the packet. */
    __u32 headers_len;          /* Where its data begin. */
    bool is_ipv6;
    __be16 ip_len;              /* As the IP header has it. */
};

/* Finds the headers of the packet, in 'p'.  Returns false if they are not
 * those of TCP, as it comes from a stack of TCP. */
static __always_inline bool
shorten_parse(struct hook_md *ctx, struct shorten_packet *p)
{
    __u32 ofs = ETH_HLEN;
    __be16 type, ctl;

    if (bpf_skb_load_bytes(ctx, ofs - sizeof type, &type, sizeof type)) {
        return false;
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < SHORTEN_MAX_TAGS; i++) {
        if (parse_is_vlan(type)) {
            ofs += HOOK_TAG_LEN;
            if (bpf_skb_load_bytes(ctx, ofs - sizeof type, &type,
                                   sizeof type)) {
                return false;
            }
        }
    }
    p->net_ofs = ofs;
    if (type == bpf_htons(ETH_P_IP)) {
        struct iphdr ip;

        if (bpf_skb_load_bytes(ctx, ofs, &ip, sizeof ip)
            || ip.version != 4 || ip.ihl < 5 || ip.protocol != IPPROTO_TCP
            || ip.frag_off & bpf_htons(0x3fff)) {
            return false;
        }
        p->is_ipv6 = false;
        p->ip_len = ip.tot_len;
        p->l4_ofs = ofs + ip.ihl * 4;
    } else if (type == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr ip6;

        if (bpf_skb_load_bytes(ctx, ofs, &ip6, sizeof ip6)
            || ip6.version != 6 || ip6.nexthdr != IPPROTO_TCP) {
            return false;
        }
        p->is_ipv6 = true;
        p->ip_len = ip6.payload_len;
        p->l4_ofs = ofs + sizeof ip6;
    } else {
        return false;
    }

    if (p->l4_ofs > ctx->len
        || bpf_skb_load_bytes(ctx, p->l4_ofs + 12, &ctl, sizeof ctl)) {
        return false;
    }
    p->l4_len = ctx->len - p->l4_ofs;
    p->headers_len = p->l4_ofs + (bpf_ntohs(ctl) >> 12) * 4;
    return (p->headers_len >= p->l4_ofs + sizeof(struct tcphdr)
            && p->headers_len + SHORTEN_DATA_LEN < ctx->len);
}

/* Makes the header of IP and the unfinished checksum of TCP what they are for
 * packet 'p' with 'l4_len' bytes from the header of TCP on.  Returns false if
 * that fails. */
static __always_inline bool
shorten_set_lengths(struct hook_md *ctx, const struct shorten_packet *p,
                    __u32 l4_len)
{
    __be16 ip_len = bpf_htons(p->is_ipv6 ? l4_len
                              : p->l4_ofs - p->net_ofs + l4_len);
    __u32 len_ofs = p->net_ofs + (p->is_ipv6
                                  ? offsetof(struct ipv6hdr, payload_len)
                                  : offsetof(struct iphdr, tot_len));

    return ((p->is_ipv6
             || !bpf_l3_csum_replace(ctx, (p->net_ofs
                                           + offsetof(struct iphdr, check)),
                                     p->ip_len, ip_len, sizeof ip_len))
            && !bpf_skb_store_bytes(ctx, len_ofs, &ip_len, sizeof ip_len, 0)
            && !bpf_l4_csum_replace(ctx, (p->l4_ofs
                                          + offsetof(struct tcphdr, check)),
                                    bpf_htonl(p->l4_len), bpf_htonl(l4_len),
                                    BPF_F_PSEUDO_HDR | sizeof(__be32)));
}

/* Makes the packet its first piece, if it is one of TCP with an unfinished
 * checksum.  Returns false if it is not, or if that fails, after which the
 * packet is of no use. */
__noinline int
shorten(struct hook_md *ctx)
{
    struct shorten_packet p;
    __u8 flags;

    if (!shorten_parse(ctx, &p) || !hook_is_unfinished(ctx)
        || bpf_skb_change_tail(ctx, p.headers_len + SHORTEN_DATA_LEN, 0)
        || !shorten_set_lengths(ctx, &p, (p.headers_len - p.l4_ofs
                                          + SHORTEN_DATA_LEN))
        || bpf_skb_load_bytes(ctx, p.l4_ofs + SHORTEN_FLAGS_OFS, &flags,
                              sizeof flags)) {
        return false;
    }
    flags &= ~SHORTEN_FLAGS_OF_END;
    return !bpf_skb_store_bytes(ctx, p.l4_ofs + SHORTEN_FLAGS_OFS, &flags,
                                sizeof flags, 0);
}

#endif /* shorten_tc.h */
