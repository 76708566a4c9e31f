/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pushing the header of a tunnel that userspace built.
 */

#ifndef BPF_TUNNEL_PUSH_H
#define BPF_TUNNEL_PUSH_H 1

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "maps.h"
#include "op.h"
#include "parse.h"
#include "stats.h"
#include "tunnel_format.h"
#include "tunnel_port.h"
#include "tunnel_sum.h"

/* The longest packet that a header is pushed in front of: a longer one is too
 * long for the checksums of the header. */
#define TUNNEL_PUSH_MAX (PARSE_LAST_HEADER - XDP_TUNNEL_MAX_HEADER)

/* Copies the 'len' bytes of header in the data slots of 'op' to the start of
 * the packet, which has room for them.  Headers have 14 bytes and a multiple
 * of 4.  Returns false if the packet is too short, which cannot be.  (Without
 * a helper, each of which costs as much as the rest.) */
static __always_inline bool
tunnel_copy_header(struct xdp_md *ctx, const struct xdp_op *op, __u32 len)
{
    const __u64 *words = (const __u64 *) (op + 1);
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    __u32 ofs = len & ~7;
    __be16 *rest;

#pragma clang loop unroll(full)
    for (__u32 i = 0; i < XDP_TUNNEL_MAX_HEADER / 8; i++) {
        if (8 * i + 8 <= len) {
            if (data + 8 * i + 8 > end) {
                return false;
            }
            *(__u64 *) (data + 8 * i) = words[i];
        }
    }
    rest = parse_at(ctx, ofs, 8);
    if (!rest) {
        return false;
    }
    words = (const void *) words + ofs;
    rest[0] = ((const __be16 *) words)[0];
    if (len & 4) {
        rest[1] = ((const __be16 *) words)[1];
        rest[2] = ((const __be16 *) words)[2];
    }
    return true;
}

/* Runs XDP_OP_TNL_PUSH. */
__noinline int
tunnel_push(struct xdp_md *ctx, const struct xdp_flow_rest *rest, __u32 i)
{
    const struct xdp_op *op = op_at(rest, i, 1);
    __u32 l3_ofs = sizeof(struct ethhdr);
    __u32 l4_ofs, len, total;
    __u8 flags;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    len = op->u.tnl_push.header_len;
    flags = op->u.tnl_push.flags;
    if (len % 4 != 2 || len > XDP_TUNNEL_MAX_HEADER) {
        return OP_DROP_BAD_OP;
    }
    if (bpf_xdp_adjust_head(ctx, -(int) len)) {
        return OP_DROP_HEADROOM;
    }
    if (!tunnel_copy_header(ctx, op, len)) {
        return OP_DROP_TOO_SHORT;
    }

    total = ctx->data_end - ctx->data;
    if (flags & XDP_TUNNEL_PUSH_IPV6) {
        struct ipv6hdr *ip6 = parse_at(ctx, l3_ofs, sizeof *ip6);

        if (!ip6) {
            return OP_DROP_TOO_SHORT;
        }
        l4_ofs = l3_ofs + sizeof *ip6;
        ip6->payload_len = bpf_htons(total - l4_ofs);
    } else {
        struct iphdr *ip = parse_at(ctx, l3_ofs, sizeof *ip);

        if (!ip) {
            return OP_DROP_TOO_SHORT;
        }
        l4_ofs = l3_ofs + sizeof *ip;
        ip->tot_len = bpf_htons(total - l3_ofs);
        ip->check = csum_apply(ip->check, csum_diff16(0, 0, ip->tot_len));
    }

    if (flags & XDP_TUNNEL_PUSH_UDP) {
        struct udphdr *udp = parse_at(ctx, l4_ofs, sizeof *udp);
        __be16 source = tunnel_source_port(op);

        if (!udp) {
            return OP_DROP_TOO_SHORT;
        }
        udp->source = source;
        udp->len = bpf_htons(total - l4_ofs);
        if (flags & XDP_TUNNEL_PUSH_UDP_CSUM) {
            int csum;

            /* It is 0xffff, which counts as nothing. */
            csum = tunnel_udp_csum(ctx, l3_ofs, l4_ofs,
                                   flags & XDP_TUNNEL_PUSH_IPV6);
            udp = parse_at(ctx, l4_ofs, sizeof *udp);
            if (!udp || csum == PARSE_FAILED) {
                return OP_DROP_TOO_SHORT;
            }
            udp->check = csum ? csum : 0xffff;
        }
    } else if (flags & XDP_TUNNEL_PUSH_GRE_CSUM) {
        int sum = tunnel_sum_packet(ctx, l4_ofs);
        __u16 *csum = parse_at(ctx, l4_ofs + TUNNEL_GRE_LEN, sizeof *csum);

        if (!csum || sum == PARSE_FAILED) {
            return OP_DROP_TOO_SHORT;
        }
        *csum = ~sum;
    } else if (flags & XDP_TUNNEL_PUSH_SEQ) {
        __u32 index = op->u.tnl_push.seq;
        __u64 *next = bpf_map_lookup_elem(&xdp_sequences, &index);
        __be32 *seq = parse_at(ctx, op->u.tnl_push.seq_ofs, sizeof *seq);

        if (!next || !seq) {
            return OP_DROP_TOO_SHORT;
        }
        *seq = bpf_htonl(__sync_fetch_and_add(next, 1));
    }
    stats_count(XDP_COUNTER_TNL_PUSH);
    return OP_OK;
}

#endif /* tunnel_push.h */
