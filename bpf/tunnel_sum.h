/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checksums over a whole packet, for the headers of tunnels: computed anew,
 * while csum.h updates what is there.
 */

#ifndef BPF_TUNNEL_SUM_H
#define BPF_TUNNEL_SUM_H 1

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "parse.h"

/* What checksums are added up in. */
#define TUNNEL_BLOCK            64

/* A packet that is being added up. */
struct tunnel_sum {
    struct hook_md *ctx;
    __u32 ofs;              /* Of the next block. */
    __u32 failed;
    __u64 sum;
};

/* Adds the next block of the packet.  Returns 1 to end: there is no other. */
static long
tunnel_sum_block(__u32 i, struct tunnel_sum *s)
{
    __be32 *block = parse_at(s->ctx, s->ofs, TUNNEL_BLOCK);
    __s64 sum;

    if (s->ofs > PARSE_MAX_OFS || !block) {
        return 1;
    }
    sum = bpf_csum_diff(NULL, 0, block, TUNNEL_BLOCK, 0);
    if (sum < 0) {
        s->failed = 1;
        return 1;
    }
    s->sum += (__u32) sum;
    s->ofs += TUNNEL_BLOCK;
    return 0;
}

/* Returns 'sum' added up in 16 bits. */
static __always_inline __u32
tunnel_fold(__u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* Returns the one's complement sum of the 16-bit words from 'ofs' bytes behind
 * the start of the packet to its end, of at most 16 bits, or PARSE_FAILED if
 * the packet is too long for that. */
__noinline int
tunnel_sum_packet(struct hook_md *ctx, __u32 ofs)
{
    struct tunnel_sum s = { .ctx = ctx, .ofs = ofs };
    __u64 left;

    bpf_loop((PARSE_MAX_OFS + 1) / TUNNEL_BLOCK, tunnel_sum_block, &s, 0);
    left = hook_frame_len(ctx) - s.ofs;
    if (left) {
        __be32 block[TUNNEL_BLOCK / 4] = { 0 };
        __s64 sum;

        if (left >= TUNNEL_BLOCK
            || hook_load_bytes(ctx, s.ofs, block,
                               verifier_mask(left - 1, TUNNEL_BLOCK - 1)
                               + 1)) {
            return PARSE_FAILED;
        }
        sum = bpf_csum_diff(NULL, 0, block, TUNNEL_BLOCK, 0);
        s.failed |= sum < 0;
        s.sum += (__u32) sum;
    }
    if (s.failed) {
        return PARSE_FAILED;
    }
    return tunnel_fold(s.sum);
}

/* Returns the sum of the 'n' words of 32 bits at 'p'. */
static __always_inline __u64
tunnel_sum_words(const __be32 *p, int n)
{
    __u64 sum = 0;

#pragma clang loop unroll(full)
    for (int i = 0; i < n; i++) {
        sum += p[i];
    }
    return sum;
}

/* Returns the checksum, as it is in a packet, of UDP from 'l4_ofs' on above
 * the IP header at 'l3_ofs', IPv6 if 'is_ipv6', or PARSE_FAILED.  It is zero
 * if a checksum is there already, and right. */
__noinline int
tunnel_udp_csum(struct hook_md *ctx, __u32 l3_ofs, __u32 l4_ofs, __u32 is_ipv6)
{
    int payload = tunnel_sum_packet(ctx, l4_ofs);
    __u64 sum = bpf_htons(IPPROTO_UDP);

    if (payload == PARSE_FAILED) {
        return PARSE_FAILED;
    }
    if (is_ipv6) {
        struct ipv6hdr *ip6 = parse_at(ctx, l3_ofs, sizeof *ip6);

        if (!ip6) {
            return PARSE_FAILED;
        }
        sum += ip6->payload_len;
        sum += tunnel_sum_words((__be32 *) &ip6->saddr, 8);
    } else {
        struct iphdr *ip = parse_at(ctx, l3_ofs, sizeof *ip);

        if (!ip) {
            return PARSE_FAILED;
        }
        sum += bpf_htons(bpf_ntohs(ip->tot_len) - sizeof *ip);
        sum += tunnel_sum_words(&ip->saddr, 2);
    }
    return (__u16) ~tunnel_fold(sum + payload);
}

#endif /* tunnel_sum.h */
