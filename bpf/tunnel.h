/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels: pushing the header that userspace built, and popping one, with the
 * results of OVS's lib/netdev-native-tnl.c.
 *
 * tunnel_is_ours() decides before anything happens to a packet whether this
 * can do what its flow asks for.  What is odd about a packet is not judged
 * here: userspace gets it, unchanged, and drops it or does not.
 *
 * What was popped is in the tunnel words of the scratch until the next packet
 * comes, or the next header is popped.
 */

#ifndef BPF_TUNNEL_H
#define BPF_TUNNEL_H 1

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "hash.h"
#include "maps.h"
#include "parse.h"
#include "recirc.h"
#include "set.h"
#include "stats.h"

/* OVS's names (lib/packets.h). */
#define TUNNEL_F_OAM            (1 << 0)
#define TUNNEL_F_CSUM           (1 << 2)
#define TUNNEL_F_KEY            (1 << 3)
#define TUNNEL_F_UDPIF          (1 << 4)

#define TUNNEL_VXLAN_FLAGS      0x08000000
#define TUNNEL_GRE_CSUM         0x8000
#define TUNNEL_GRE_KEY          0x2000
#define TUNNEL_GRE_SEQ          0x1000
#define TUNNEL_GENEVE_OAM       0x80
#define TUNNEL_PROTO_TEB        0x6558
#define TUNNEL_PROTO_ERSPAN2    0x88be  /* Type II, which OVS calls 1. */

#define TUNNEL_VXLAN_LEN        8
#define TUNNEL_GENEVE_LEN       8       /* Without options. */
#define TUNNEL_GRE_LEN          4       /* Without optional fields. */
#define TUNNEL_ERSPAN_LEN       16      /* With GRE and sequence number. */

/* What checksums are added up in. */
#define TUNNEL_BLOCK            64

/* RFC 7348, section 5. */
struct tunnel_vxlan {
    __be32 flags;
    __be32 vni;             /* In the upper 24 bits. */
};

/* RFC 8926, section 3.4. */
struct tunnel_geneve {
    __u8 opt_len;           /* Version 0, length of the options / 4. */
    __u8 flags;
    __be16 proto;
    __be32 vni;             /* In the upper 24 bits. */
};

/* RFC 2784. */
struct tunnel_gre {
    __be16 flags;
    __be16 proto;
};

/* An outer header to be popped, and the words of the key behind it that are
 * named after their first member. */
struct tunnel_header {
    __u32 l3_ofs;
    __u32 l4_ofs;
    __u32 len;              /* All of it, from the start of the packet. */
    __u32 opts_len;         /* Of the options, which are at its end. */
    __u64 tun_tun_id;
    __u64 tun_flags;
    __u64 tun_erspan_idx;
};

/* Adding up. */

struct tunnel_sum {
    struct xdp_md *ctx;
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
tunnel_sum_packet(struct xdp_md *ctx, __u32 ofs)
{
    struct tunnel_sum s = { .ctx = ctx, .ofs = ofs };

    bpf_loop((PARSE_MAX_OFS + 1) / TUNNEL_BLOCK, tunnel_sum_block, &s, 0);
    for (int i = 0; i < TUNNEL_BLOCK / 2; i++) {
        __u16 *word = parse_at(ctx, s.ofs, sizeof *word);

        if (s.ofs > PARSE_MAX_OFS || !word) {
            break;
        }
        s.sum += *word;
        s.ofs += sizeof *word;
    }
    if (s.ofs <= PARSE_MAX_OFS) {
        __u8 *byte = parse_at(ctx, s.ofs, sizeof *byte);

        if (byte) {
            s.sum += bpf_htons(*byte << 8);
            s.ofs++;
        }
    }
    if (s.failed || s.ofs != ctx->data_end - ctx->data) {
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
tunnel_udp_csum(struct xdp_md *ctx, __u32 l3_ofs, __u32 l4_ofs, __u32 is_ipv6)
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

/* Popping. */

/* Returns the number in the upper 24 bits of 'vni' as a tunnel id. */
static __always_inline __u64
tunnel_vni(__be32 vni)
{
    return PARSE_PLACE(bpf_htonl(bpf_ntohl(vni) >> 8), 4, 4);
}

/* Looks at the GRE header at 'h->l4_ofs', with the header of ERSPAN.  Stores
 * its end and what it says in '*h'.  Returns false if it is odd. */
static __always_inline bool
tunnel_look_at_erspan(struct xdp_md *ctx, struct tunnel_header *h)
{
    const struct tunnel_gre *gre = parse_at(ctx, h->l4_ofs, sizeof *gre);
    __be16 *erspan = parse_at(ctx, h->l4_ofs + 8, TUNNEL_ERSPAN_LEN - 8);

    if (!gre || gre->proto != bpf_htons(TUNNEL_PROTO_ERSPAN2)
        || gre->flags != bpf_htons(TUNNEL_GRE_SEQ)
        || !erspan || *(__u8 *) erspan >> 4 != 1) {
        return false;
    }
    h->len = h->l4_ofs + TUNNEL_ERSPAN_LEN;
    h->tun_flags |= PARSE_FIELD(tun_flags, TUNNEL_F_KEY);
    h->tun_tun_id = PARSE_PLACE(erspan[1] & bpf_htons(0x3ff), 2, 6);
    h->tun_erspan_idx = (PARSE_FIELD(tun_erspan_ver, 1)
                         | PARSE_FIELD(tun_erspan_idx,
                                       (__u64) bpf_ntohl(*(__be32 *)
                                                         (erspan + 2))));
    return true;
}

/* Looks at the GRE header at 'h->l4_ofs', with an Ethernet frame.  Stores its
 * end and what it says in '*h'.  Returns false if it is odd. */
static __always_inline bool
tunnel_look_at_gre(struct xdp_md *ctx, struct tunnel_header *h)
{
    const struct tunnel_gre *gre = parse_at(ctx, h->l4_ofs, sizeof *gre);
    __u32 ofs = h->l4_ofs + TUNNEL_GRE_LEN;
    __u16 flags;

    if (!gre) {
        return false;
    }
    flags = bpf_ntohs(gre->flags);
    if (gre->proto != bpf_htons(TUNNEL_PROTO_TEB)
        || flags & ~(TUNNEL_GRE_CSUM | TUNNEL_GRE_KEY | TUNNEL_GRE_SEQ)) {
        return false;
    }

    if (flags & TUNNEL_GRE_CSUM) {
        h->tun_flags |= PARSE_FIELD(tun_flags, TUNNEL_F_CSUM);
        ofs += 4;
    }
    if (flags & TUNNEL_GRE_KEY) {
        __be32 *key = parse_at(ctx, ofs, sizeof *key);

        if (!key) {
            return false;
        }
        h->tun_flags |= PARSE_FIELD(tun_flags, TUNNEL_F_KEY);
        h->tun_tun_id = PARSE_PLACE(*key, 4, 4);
        ofs += 4;
    }
    if (flags & TUNNEL_GRE_SEQ) {
        ofs += 4;
    }
    h->len = ofs;
    return (!(flags & TUNNEL_GRE_CSUM)
            || tunnel_sum_packet(ctx, h->l4_ofs) == 0xffff);
}

/* Looks at the UDP header at 'h->l4_ofs', and at the header of VXLAN or
 * Geneve, 'type', behind it.  Stores their end and what they say in '*h'.
 * Returns false if anything is odd. */
static __always_inline bool
tunnel_look_at_udp(struct xdp_md *ctx, struct tunnel_header *h, __u8 type,
                   bool is_ipv6)
{
    const struct udphdr *udp = parse_at(ctx, h->l4_ofs,
                                        sizeof *udp + TUNNEL_VXLAN_LEN);
    __u16 flags;

    if (!udp) {
        return false;
    }
    h->len = h->l4_ofs + sizeof *udp + TUNNEL_VXLAN_LEN;
    flags = TUNNEL_F_KEY | (udp->check ? TUNNEL_F_CSUM : 0);
    if (type == XDP_TUNNEL_VXLAN) {
        const struct tunnel_vxlan *vxlan = (const void *) (udp + 1);

        if (vxlan->flags != bpf_htonl(TUNNEL_VXLAN_FLAGS)
            || vxlan->vni & bpf_htonl(0xff)) {
            return false;
        }
        h->tun_tun_id = tunnel_vni(vxlan->vni);
    } else {
        const struct tunnel_geneve *geneve = (const void *) (udp + 1);

        /* A version other than 0 makes it too long. */
        h->opts_len = geneve->opt_len * 4;
        if (h->opts_len > XDP_TUNNEL_MAX_OPTS
            || geneve->proto != bpf_htons(TUNNEL_PROTO_TEB)) {
            return false;
        }
        h->len += h->opts_len;
        flags |= (TUNNEL_F_UDPIF
                  | (geneve->flags & TUNNEL_GENEVE_OAM ? TUNNEL_F_OAM : 0));
        h->tun_tun_id = tunnel_vni(geneve->vni);
        h->tun_erspan_idx = PARSE_FIELD(tun_opts_len, (__u64) h->opts_len);
    }
    h->tun_flags |= (PARSE_FIELD(tun_flags, (__u64) flags)
                     | PARSE_FIELD(tun_tp_src, (__u64) udp->source)
                     | PARSE_FIELD(tun_tp_dst, (__u64) udp->dest));
    return !udp->check || !tunnel_udp_csum(ctx, h->l3_ofs, h->l4_ofs, is_ipv6);
}

/* Looks at the header of the packet of 'scratch', from the IP header on, and
 * stores in '*h' what there is to know of it.  Returns true if it can be
 * popped as 'op' says. */
static __always_inline bool
tunnel_look_at(struct xdp_md *ctx, const struct xdp_scratch *scratch,
               const struct xdp_op *op, struct tunnel_header *h)
{
    __u32 tags_len = op->u.tnl_pop.n_tags * sizeof(struct parse_vlan_hdr);
    bool is_ipv6 = scratch->key.dl_type == bpf_htons(ETH_P_IPV6);
    __u8 type = op->u.tnl_pop.type;
    bool is_gre = type == XDP_TUNNEL_GRE || type == XDP_TUNNEL_ERSPAN;

    /* The parser has looked at all lengths of the IP header.  (Linux puts an
     * IPv6 option in front of GRE, and a checksum of UDP would be that of
     * other addresses behind a routing header.) */
    h->l3_ofs = scratch->layers.net_ofs;
    h->l4_ofs = scratch->layers.l4_ofs;
    if (h->l3_ofs != sizeof(struct ethhdr) + tags_len
        || (is_ipv6 && is_gre
            ? h->l4_ofs < h->l3_ofs + sizeof(struct ipv6hdr)
            : h->l4_ofs != h->l3_ofs + (is_ipv6 ? sizeof(struct ipv6hdr)
                                                : sizeof(struct iphdr)))
        || scratch->key.nw_frag
        || scratch->layers.l4_proto != (is_gre ? IPPROTO_GRE : IPPROTO_UDP)) {
        return false;
    }

    /* But nobody else looks at its version. */
    if (is_ipv6) {
        struct ipv6hdr *ip6 = parse_at(ctx, h->l3_ofs, sizeof *ip6);

        if (!ip6 || ip6->version != 6) {
            return false;
        }
        h->tun_flags = (PARSE_FIELD(tun_ip_tos,
                                    (__u8) (bpf_ntohl(*(__be32 *) ip6) >> 20))
                        | PARSE_FIELD(tun_ip_ttl, ip6->hop_limit));
    } else {
        struct iphdr *ip = parse_at(ctx, h->l3_ofs, sizeof *ip);

        if (scratch->key.dl_type != bpf_htons(ETH_P_IP) || !ip
            || ip->version != 4
            || tunnel_fold(tunnel_sum_words((__be32 *) ip, 5)) != 0xffff) {
            return false;
        }
        h->tun_flags = (PARSE_FIELD(tun_ip_tos, ip->tos)
                        | PARSE_FIELD(tun_ip_ttl, ip->ttl));
    }

    if (is_gre) {
        if (!(type == XDP_TUNNEL_GRE ? tunnel_look_at_gre(ctx, h)
                                     : tunnel_look_at_erspan(ctx, h))) {
            return false;
        }
    } else if (scratch->layers.l4_size < (sizeof(struct udphdr)
                                          + TUNNEL_VXLAN_LEN)
               || !tunnel_look_at_udp(ctx, h, type, is_ipv6)) {
        return false;
    }
    return h->len + sizeof(struct ethhdr) <= ctx->data_end - ctx->data;
}

/* Stores the addresses of the IP header 'ofs' bytes behind the start of the
 * packet in the tunnel words of 'scratch'. */
static __always_inline void
tunnel_store_addresses(struct xdp_md *ctx, struct xdp_scratch *scratch,
                       __u32 ofs)
{
    if (scratch->key.dl_type == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr *ip6 = parse_at(ctx, ofs, sizeof *ip6);

        if (ip6) {
            __be32 *addresses = (__be32 *) &ip6->saddr;

#pragma clang loop unroll(full)
            for (int i = 0; i < XDP_UPCALL_IPV6_WORDS; i++) {
                scratch->words[PARSE_WORD(tun_ipv6_src) + i]
                    = parse_word(addresses + 2 * i);
            }
        }
        scratch->in_tunnel = MAPS_TUNNEL_RARE;
    } else {
        struct iphdr *ip = parse_at(ctx, ofs, sizeof *ip);

        if (ip) {
            scratch->words[PARSE_WORD(tun_ip_src)]
                = (PARSE_FIELD(tun_ip_src, (__u64) ip->saddr)
                   | PARSE_FIELD(tun_ip_dst, (__u64) ip->daddr));
        }
    }
}

/* Stores the 'len' bytes of Geneve options 'ofs' bytes behind the start of the
 * packet in the tunnel words of 'scratch'. */
static __always_inline void
tunnel_store_opts(struct xdp_md *ctx, struct xdp_scratch *scratch, __u32 ofs,
                  __u32 len)
{
#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_UPCALL_OPTS_WORDS; i++) {
        __be32 *first = parse_at(ctx, ofs + 8 * i, sizeof *first);
        __be32 *second = parse_at(ctx, ofs + 8 * i + 4, sizeof *second);
        __u64 word = 0;

        if (len > 8 * i && first) {
            word = PARSE_PLACE(*first, 4, 0);
        }
        if (len > 8 * i + 4 && second) {
            word |= PARSE_PLACE(*second, 4, 4);
        }
        scratch->words[PARSE_WORD(tun_opts) + i] = word;
    }
    scratch->in_tunnel = MAPS_TUNNEL_RARE;
}

/* Begins the last op of 'rest', XDP_OP_TNL_POP, if it can be run on the packet
 * of the scratch, which becomes that of a packet that came in on the tunnel.
 * Returns false, and leaves all as it is, if it cannot. */
__noinline int
tunnel_begin_pop(struct xdp_md *ctx, const struct xdp_flow_rest *rest)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct tunnel_header h = { .opts_len = 0 };
    const struct xdp_op *op;

    if (!scratch || !rest) {
        return false;
    }
    op = &rest->ops[(rest->n_ops - 1U) % XDP_FLOW_MAX_OPS];
    if (!tunnel_look_at(ctx, scratch, op, &h)) {
        return false;
    }

    if (scratch->in_tunnel) {
        recirc_leave_tunnel(scratch);
    } else {
        scratch->rx_port = scratch->key.in_port;
    }
    scratch->in_tunnel = 1;
    tunnel_store_addresses(ctx, scratch, h.l3_ofs);
    if (h.opts_len) {
        tunnel_store_opts(ctx, scratch, h.len - h.opts_len, h.opts_len);
    }
    scratch->words[PARSE_WORD(tun_tun_id)] = h.tun_tun_id;
    scratch->words[PARSE_WORD(tun_flags)] = h.tun_flags;
    scratch->words[PARSE_WORD(tun_erspan_idx)] = h.tun_erspan_idx;
    scratch->tunnel_port = op->u.tnl_pop.odp_port;
    scratch->key.in_port = op->u.tnl_pop.port;
    scratch->dp_hash = 0;
    scratch->kept = HASH_OUTDATED;
    scratch->pop_len = (h.len - op->u.tnl_pop.n_tags
                                * sizeof(struct parse_vlan_hdr));
    return true;
}

/* Returns true if the ops for tunnels of 'flow', in 'rest', can be run on the
 * packet of the scratch, and begins a pop then: the packet must not go to
 * userspace in this pass any more.  Otherwise it must. */
static __always_inline bool
tunnel_is_ours(struct xdp_md *ctx, const struct xdp_flow *flow,
               const struct xdp_flow_rest *rest)
{
    if (flow->flags & XDP_FLOW_TNL_POP) {
        return tunnel_begin_pop(ctx, rest);
    }

    /* A longer one is too long for the checksums of the header. */
    return (ctx->data_end - ctx->data
            <= PARSE_LAST_HEADER - XDP_TUNNEL_MAX_HEADER);
}

/* Ends XDP_OP_TNL_POP: takes off the header. */
static __always_inline int
tunnel_pop(struct xdp_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();

    if (!scratch
        || bpf_xdp_adjust_head(ctx, scratch->pop_len & PARSE_MAX_OFS)) {
        return XDP_COUNTER_DROP_HEADROOM;
    }
    stats_count(XDP_COUNTER_TNL_POP);
    return SET_OK;
}

/* Pushing. */

/* Returns the UDP source port for the packet of the scratch, as 'op' says. */
static __always_inline __be16
tunnel_source_port(const struct xdp_op *op)
{
    struct xdp_scratch *scratch = parse_scratch();

    if (!scratch) {
        return 0;
    }
    if (scratch->kept == HASH_NOTHING_KEPT) {
        hash_keep(scratch);
    }
    return bpf_htons(op->u.tnl_push.port_min
                     + ((__u64) hash_l4(scratch)
                        * op->u.tnl_push.n_ports >> 32));
}

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
    const struct xdp_op *op = set_op(rest, i, 1);
    __u32 l3_ofs = sizeof(struct ethhdr);
    __u32 l4_ofs, len, total;
    __u8 flags;

    if (!op) {
        return XDP_COUNTER_DROP_BAD_OP;
    }
    len = op->u.tnl_push.header_len;
    flags = op->u.tnl_push.flags;
    if (len % 4 != 2 || len > XDP_TUNNEL_MAX_HEADER) {
        return XDP_COUNTER_DROP_BAD_OP;
    }
    if (bpf_xdp_adjust_head(ctx, -(int) len)) {
        return XDP_COUNTER_DROP_HEADROOM;
    }
    if (!tunnel_copy_header(ctx, op, len)) {
        return XDP_COUNTER_DROP_TOO_SHORT;
    }

    total = ctx->data_end - ctx->data;
    if (flags & XDP_TUNNEL_PUSH_IPV6) {
        struct ipv6hdr *ip6 = parse_at(ctx, l3_ofs, sizeof *ip6);

        if (!ip6) {
            return XDP_COUNTER_DROP_TOO_SHORT;
        }
        l4_ofs = l3_ofs + sizeof *ip6;
        ip6->payload_len = bpf_htons(total - l4_ofs);
    } else {
        struct iphdr *ip = parse_at(ctx, l3_ofs, sizeof *ip);

        if (!ip) {
            return XDP_COUNTER_DROP_TOO_SHORT;
        }
        l4_ofs = l3_ofs + sizeof *ip;
        ip->tot_len = bpf_htons(total - l3_ofs);
        ip->check = csum_apply(ip->check, csum_diff16(0, 0, ip->tot_len));
    }

    if (flags & XDP_TUNNEL_PUSH_UDP) {
        struct udphdr *udp = parse_at(ctx, l4_ofs, sizeof *udp);
        __be16 source = tunnel_source_port(op);

        if (!udp) {
            return XDP_COUNTER_DROP_TOO_SHORT;
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
                return XDP_COUNTER_DROP_TOO_SHORT;
            }
            udp->check = csum ? csum : 0xffff;
        }
    } else if (flags & XDP_TUNNEL_PUSH_GRE_CSUM) {
        int sum = tunnel_sum_packet(ctx, l4_ofs);
        __u16 *csum = parse_at(ctx, l4_ofs + TUNNEL_GRE_LEN, sizeof *csum);

        if (!csum || sum == PARSE_FAILED) {
            return XDP_COUNTER_DROP_TOO_SHORT;
        }
        *csum = ~sum;
    } else if (flags & XDP_TUNNEL_PUSH_SEQ) {
        __u32 index = op->u.tnl_push.seq;
        __u64 *next = bpf_map_lookup_elem(&xdp_sequences, &index);
        __be32 *seq = parse_at(ctx, op->u.tnl_push.seq_ofs, sizeof *seq);

        if (!next || !seq) {
            return XDP_COUNTER_DROP_TOO_SHORT;
        }
        *seq = bpf_htonl(__sync_fetch_and_add(next, 1));
    }
    stats_count(XDP_COUNTER_TNL_PUSH);
    return SET_OK;
}

#endif /* tunnel.h */
