/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What connection tracking looks at in a packet: the tuple, and sequence
 * numbers of TCP, as conn_key_extract() of OVS's lib/conntrack.c.
 *
 * A packet that userspace might call invalid, or whose headers are not plain,
 * is left to it.
 */

#ifndef BPF_CT_PACKET_H
#define BPF_CT_PACKET_H 1

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "hash.h"
#include "parse.h"
#include "tunnel_sum.h"

/* Flags of TCP, in network byte order and where the header has them. */
#define CT_TCP_FIN bpf_htons(0x01)
#define CT_TCP_SYN bpf_htons(0x02)
#define CT_TCP_RST bpf_htons(0x04)
#define CT_TCP_ACK bpf_htons(0x10)
#define CT_TCP_URG bpf_htons(0x20)

/* Chunks of SCTP that are looked at in one packet, and what each begins with:
 * type, flags and length. */
#define CT_SCTP_MAX_CHUNKS      8
#define CT_SCTP_CHUNK_LEN       4

/* Types of ICMP and ICMPv6. */
#define CT_ICMP_ECHO_REPLY      0
#define CT_ICMP_ECHO            8
#define CT_ICMP_TIMESTAMP       13
#define CT_ICMP_INFO_REPLY      16
#define CT_ICMPV6_ECHO          128
#define CT_ICMPV6_ECHO_REPLY    129

/* Returns the type of the message of ICMP or ICMPv6 that answers one of
 * 'type', or that it answers. */
static __always_inline __u8
ct_reverse_icmp_type(__u8 type)
{
    if (type == CT_ICMP_ECHO_REPLY || type == CT_ICMP_ECHO) {
        return type ^ CT_ICMP_ECHO;
    }
    if (type == CT_ICMPV6_ECHO || type == CT_ICMPV6_ECHO_REPLY) {
        return type ^ 1;
    }
    if (type >= CT_ICMP_TIMESTAMP && type <= CT_ICMP_INFO_REPLY) {
        /* 13 and 14, 15 and 16. */
        return ((type - 1) ^ 1) + 1;
    }
    return type;
}

/* Returns 'id', a "union xdp_conn_id" as a number, with source and destination
 * exchanged. */
static __always_inline __u64
ct_reverse_id(__u64 id)
{
    union xdp_conn_id u = { .word = id };
    __be16 src = u.src;

    if (u.proto == IPPROTO_ICMP || u.proto == IPPROTO_ICMPV6) {
        __u8 type = ct_reverse_icmp_type(bpf_ntohs(u.dst) >> 8);

        u.dst = bpf_htons(type << 8 | (bpf_ntohs(u.dst) & 0xff));
    } else {
        u.src = u.dst;
        u.dst = src;
    }
    return u.word;
}

/* Exchanges source and destination in the tuple of 'packet'. */
static __always_inline void
ct_reverse(struct xdp_ct_packet *packet)
{
    __u64 src[2] = { packet->address, packet->more[0] };

    if (packet->id & PARSE_PLACE(1, 1, 7)) {
        packet->address = packet->more[1];
        packet->more[0] = packet->more[2];
        packet->more[1] = src[0];
        packet->more[2] = src[1];
    } else {
        packet->address = src[0] << 32 | src[0] >> 32;
    }
    packet->id = ct_reverse_id(packet->id);
}

/* Returns the sum of the words above IP of the packet, with 'l', without what
 * follows the IP packet in the frame, or PARSE_FAILED. */
static __always_inline int
ct_sum_l4(struct hook_md *ctx, const struct xdp_layers *l)
{
    int all = tunnel_sum_packet(ctx, l->l4_ofs);
    int rest = tunnel_sum_packet(ctx, l->l4_ofs + l->l4_size);

    if (all == PARSE_FAILED || rest == PARSE_FAILED) {
        return PARSE_FAILED;
    }
    if (l->l4_size & 1) {
        /* Its bytes are the other ones of the words of 'all'. */
        rest = (rest << 8 | rest >> 8) & 0xffff;
    }
    return tunnel_fold((__u64) all + (~rest & 0xffff));
}

/* Returns true if the checksum of what is above the IP header of the packet,
 * with 'layers', is right. */
__noinline int
ct_sum_is_right(struct hook_md *ctx, __u64 layers, __u32 is_ipv6)
{
    struct xdp_layers l = op_layers(layers);
    int payload = ct_sum_l4(ctx, &l);
    __u64 sum = 0;

    if (payload == PARSE_FAILED || l.l4_proto == IPPROTO_SCTP) {
        return false;
    }
    if (is_ipv6) {
        struct ipv6hdr *ip6 = parse_at(ctx, l.net_ofs, sizeof *ip6);

        if (!ip6) {
            return false;
        }
        sum = tunnel_sum_words((__be32 *) &ip6->saddr, 8);
    } else {
        struct iphdr *ip = parse_at(ctx, l.net_ofs, sizeof *ip);

        if (!ip) {
            return false;
        }
        sum = tunnel_sum_words(&ip->saddr, 2);
    }
    if (l.l4_proto != IPPROTO_ICMP) {
        sum += bpf_htons(l.l4_proto) + bpf_htons(l.l4_size);
    } else {
        sum = 0;
    }
    if (l.l4_proto == IPPROTO_UDP && !is_ipv6) {
        struct udphdr *udp = parse_at(ctx, l.l4_ofs, sizeof *udp);

        if (udp && !udp->check) {
            return true;
        }
    }
    return tunnel_fold(sum + payload) == 0xffff;
}

/* Returns true if the chunks of SCTP (RFC 9260, section 3.2), which follow the
 * header 'l4_ofs' bytes behind the start of the packet, end where the IP
 * packet does, 'size' bytes behind the start of that header, and there are not
 * too many of them to tell. */
__noinline int
ct_chunks_fit(struct hook_md *ctx, __u32 l4_ofs, __u32 size)
{
    __u32 next = PARSE_SCTP_HEADER_LEN;

    for (int i = 0; i < CT_SCTP_MAX_CHUNKS && next < size; i++) {
        __be16 *chunk = parse_at(ctx, l4_ofs + next, CT_SCTP_CHUNK_LEN);
        __u32 len;

        if (l4_ofs + next > PARSE_MAX_OFS || !chunk) {
            return false;
        }
        len = bpf_ntohs(chunk[1]);
        if (len < CT_SCTP_CHUNK_LEN) {
            return false;
        }
        next += (len + 3) & ~3u;
    }
    return next == size;
}

/* Fills the part of 'packet' that is about TCP, from the header at 'l4_ofs'
 * bytes behind the start of the packet, whose IP payload has 'size' bytes.
 * Returns the ports, as in the header, or -XDP_COUNTER_CT_*. */
static __always_inline __s64
ct_take_tcp(struct hook_md *ctx, __u32 l4_ofs, __u32 size,
            struct xdp_ct_packet *packet)
{
    struct tcphdr *tcp = parse_at(ctx, l4_ofs, sizeof *tcp);
    __u32 len;
    __be16 ctl;

    if (!tcp || size < sizeof *tcp) {
        return -XDP_COUNTER_CT_ODD;
    }
    ctl = *((__be16 *) tcp + 6);
    len = (bpf_ntohs(ctl) >> 12) * 4;
    if (len < sizeof *tcp || len > size) {
        return -XDP_COUNTER_CT_ODD;
    }
    if ((ctl & (CT_TCP_FIN | CT_TCP_SYN | CT_TCP_RST | CT_TCP_ACK
                | CT_TCP_URG)) != CT_TCP_ACK) {
        return -XDP_COUNTER_CT_FLAGS;
    }
    packet->seq = bpf_ntohl(tcp->seq);
    packet->end = packet->seq + (size - len);
    packet->ack = bpf_ntohl(tcp->ack_seq);
    packet->win = bpf_ntohs(tcp->window);
    return *(__be32 *) tcp;
}

/* Returns what the id of the tuple has in its first 4 bytes for the packet
 * with 'l', of which that of TCP fills 'packet', too, or
 * -XDP_COUNTER_CT_*. */
static __always_inline __s64
ct_take_l4(struct hook_md *ctx, const struct xdp_layers *l,
           struct xdp_ct_packet *packet)
{
    switch (l->l4_proto) {
    case IPPROTO_TCP:
        return ct_take_tcp(ctx, l->l4_ofs, l->l4_size, packet);

    case IPPROTO_UDP: {
        struct udphdr *udp = parse_at(ctx, l->l4_ofs, sizeof *udp);

        return (!udp || bpf_ntohs(udp->len) < sizeof *udp
                || bpf_ntohs(udp->len) > l->l4_size
                ? -XDP_COUNTER_CT_ODD : *(__be32 *) udp);
    }

    case IPPROTO_SCTP: {
        __be32 *sctp = parse_at(ctx, l->l4_ofs, PARSE_SCTP_HEADER_LEN);
        __s64 ports = sctp ? *sctp : 0;

        return (sctp && ct_chunks_fit(ctx, l->l4_ofs, l->l4_size)
                ? ports : -XDP_COUNTER_CT_ODD);
    }

    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
        __be16 *icmp = parse_at(ctx, l->l4_ofs, PARSE_ICMP_HEADER_LEN);

        return (!icmp || l->l4_size < PARSE_ICMP_HEADER_LEN
                ? -XDP_COUNTER_CT_ODD
                : HASH_TAKE(PARSE_PLACE(icmp[2], 2, 0)
                            | PARSE_PLACE(icmp[0], 2, 2), 32, 0));
    }

    default:
        return -XDP_COUNTER_CT_ODD;
    }
}

/* Fills 'packet' but for what is about connections.  The zone of the tuple is
 * 0.  Returns 0 or XDP_COUNTER_CT_*. */
static __always_inline int
ct_take_packet(struct hook_md *ctx, struct xdp_scratch *scratch,
               struct xdp_ct_packet *packet)
{
    struct xdp_layers l = scratch->layers;
    bool is_ipv6 = scratch->key.dl_type == bpf_htons(ETH_P_IPV6);
    __s64 ports;

    if (HASH_MEMBER(scratch->words[PARSE_WORD(nw_frag)], nw_frag)) {
        return XDP_COUNTER_CT_FRAGMENT;
    }
    if (is_ipv6) {
        struct ipv6hdr *ip6 = parse_at(ctx, l.net_ofs, sizeof *ip6);

        if (!ip6 || l.l4_ofs != l.net_ofs + sizeof *ip6
            || l.l4_proto == IPPROTO_ICMP) {
            return XDP_COUNTER_CT_ODD;
        }
        packet->address = parse_word(ip6->saddr.in6_u.u6_addr32);
        packet->more[0] = parse_word(&ip6->saddr.in6_u.u6_addr32[2]);
        packet->more[1] = parse_word(ip6->daddr.in6_u.u6_addr32);
        packet->more[2] = parse_word(&ip6->daddr.in6_u.u6_addr32[2]);
    } else {
        struct iphdr *ip = parse_at(ctx, l.net_ofs, sizeof *ip);

        if (!ip || l.l4_ofs != l.net_ofs + sizeof *ip
            || l.l4_proto == IPPROTO_ICMPV6
            || tunnel_fold(tunnel_sum_words((__be32 *) ip, 5)) != 0xffff) {
            return XDP_COUNTER_CT_ODD;
        }
        packet->address = scratch->words[PARSE_WORD(nw_src)];
    }

    ports = ct_take_l4(ctx, &l, packet);
    if (ports < 0) {
        return -ports;
    }
    if (xdp_ct_checksum
        && !ct_sum_is_right(ctx, scratch->layers_word, is_ipv6)) {
        return XDP_COUNTER_CT_ODD;
    }
    packet->id = (PARSE_PLACE((__u32) ports, 4, 0)
                  | PARSE_PLACE(l.l4_proto, 1, 6)
                  | PARSE_PLACE(is_ipv6, 1, 7));
    return 0;
}

#endif /* ct_packet.h */
