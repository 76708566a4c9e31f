/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From packet to key, exactly as flow_extract() of OVS's lib/flow.c sees it,
 * odd and truncated packets included: where flow_extract() stops, this stops,
 * and what it leaves zero is zero here.
 */

#ifndef BPF_PARSE_H
#define BPF_PARSE_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "maps.h"

/* OVS's names (include/openvswitch/flow.h, lib/packets.h). */
#define PARSE_ETH_TYPE_MIN      0x600
#define PARSE_DL_TYPE_NONE      0x5ff
#define PARSE_NW_FRAG_ANY       0x1
#define PARSE_NW_FRAG_LATER     0x2
#define PARSE_VLAN_CFI          0x1000
#define PARSE_IP_MORE_FRAGMENTS 0x2000
#define PARSE_IP_FRAG_OFF_MASK  0x1fff
#define PARSE_SCTP_HEADER_LEN   12
#define PARSE_ICMP_HEADER_LEN   8

/* IEEE 802.1Q-2018, clause 9: what follows a VLAN's TPID. */
struct parse_vlan_hdr {
    __be16 tci;
    __be16 next_type;
};

/* IEEE 802.2 LLC and RFC 1042 SNAP. */
struct parse_snap_hdr {
    __u8 dsap, ssap, control;
    __u8 org[3];
    __be16 type;
} __attribute__((packed));

/* Returns true if 'type' is the TPID of a VLAN tag. */
static __always_inline bool
parse_is_vlan(__be16 type)
{
    return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Returns 'value', of 'size' bytes in memory order, as it has to be added to a
 * 64-bit word to stand at byte 'offset' of it.
 *
 * The key is put together in registers, in whole words: reading a word that
 * was just written in pieces stalls the processor. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PARSE_PLACE(VALUE, SIZE, OFFSET) \
    ((__u64) (VALUE) << (8 * (OFFSET)))
#else
#define PARSE_PLACE(VALUE, SIZE, OFFSET) \
    ((__u64) (VALUE) << (64 - 8 * ((OFFSET) + (SIZE))))
#endif

/* As PARSE_PLACE(), for the member MEMBER of "struct xdp_key" in its word. */
#define PARSE_FIELD(MEMBER, VALUE) \
    PARSE_PLACE(VALUE, sizeof ((struct xdp_key *) 0)->MEMBER, \
                __builtin_offsetof(struct xdp_key, MEMBER) % 8)

/* The index of the word of "struct xdp_key" with member MEMBER. */
#define PARSE_WORD(MEMBER) (__builtin_offsetof(struct xdp_key, MEMBER) / 8)

/* Returns the transport fields, of the word with 'tp_src', for protocol
 * 'proto'.  'pos' is where the IP payload begins and 'size' its length
 * according to the IP header, which the caller has checked to be within the
 * packet. */
static __always_inline __u64
parse_l4(__u8 proto, void *pos, __u32 size, void *end)
{
    switch (proto) {
    case IPPROTO_TCP: {
        struct tcphdr *tcp = pos;

        if (size >= sizeof *tcp && (void *) (tcp + 1) <= end) {
            __be16 ctl = *((__be16 *) tcp + 6);
            __u32 len = (bpf_ntohs(ctl) >> 12) * 4;

            if (len >= sizeof *tcp && size >= len) {
                return (PARSE_FIELD(tcp_flags, ctl & bpf_htons(0xfff))
                        | PARSE_FIELD(tp_src, tcp->source)
                        | PARSE_FIELD(tp_dst, tcp->dest));
            }
        }
        break;
    }

    case IPPROTO_UDP: {
        struct udphdr *udp = pos;

        if (size >= sizeof *udp && (void *) (udp + 1) <= end) {
            return (PARSE_FIELD(tp_src, udp->source)
                    | PARSE_FIELD(tp_dst, udp->dest));
        }
        break;
    }

    case IPPROTO_SCTP: {
        __be16 *sctp = pos;

        if (size >= PARSE_SCTP_HEADER_LEN
            && pos + PARSE_SCTP_HEADER_LEN <= end) {
            return (PARSE_FIELD(tp_src, sctp[0])
                    | PARSE_FIELD(tp_dst, sctp[1]));
        }
        break;
    }

    case IPPROTO_ICMP:
    case IPPROTO_IGMP:
    case IPPROTO_ICMPV6: {
        /* All have an 8-byte header that starts with type and code, and OVS
         * looks at ICMPv6 in IPv4, too. */
        __u8 *icmp = pos;

        if (size >= PARSE_ICMP_HEADER_LEN
            && pos + PARSE_ICMP_HEADER_LEN <= end) {
            return (PARSE_FIELD(tp_src, bpf_htons(icmp[0]))
                    | PARSE_FIELD(tp_dst, bpf_htons(icmp[1])));
        }
        break;
    }
    }
    return 0;
}

/* Sets the words of IPv4 and of what is above it from the IPv4 header at
 * 'pos'; adds to '*frag_word', which has other fields.  Nothing if the header
 * is not sane. */
static __always_inline void
parse_ipv4(void *pos, void *end, __u64 *frag_word, __u64 *addr_word,
           __u64 *l4_word)
{
    struct iphdr *ip = pos;
    __u64 left = end - pos;
    __u32 ip_len, tot_len;
    __u8 nw_frag = 0;
    __be16 frag;

    if ((void *) (ip + 1) > end) {
        return;
    }

    ip_len = ip->ihl * 4;
    tot_len = bpf_ntohs(ip->tot_len);
    if (ip_len < sizeof *ip || ip_len > left
        || tot_len > left || ip_len > tot_len
        || left - tot_len > 0xffff) {
        return;
    }

    *addr_word = (PARSE_FIELD(nw_src, ip->saddr)
                  | PARSE_FIELD(nw_dst, ip->daddr));
    *l4_word = PARSE_FIELD(nw_tos, ip->tos) | PARSE_FIELD(nw_ttl, ip->ttl);

    frag = ip->frag_off;
    if (frag & bpf_htons(PARSE_IP_MORE_FRAGMENTS | PARSE_IP_FRAG_OFF_MASK)) {
        nw_frag = PARSE_NW_FRAG_ANY;
        if (frag & bpf_htons(PARSE_IP_FRAG_OFF_MASK)) {
            nw_frag |= PARSE_NW_FRAG_LATER;
        }
    }
    *frag_word |= (PARSE_FIELD(nw_frag, nw_frag)
                   | PARSE_FIELD(nw_proto, ip->protocol));

    if (!(nw_frag & PARSE_NW_FRAG_LATER)) {
        *l4_word |= parse_l4(ip->protocol, pos + ip_len, tot_len - ip_len,
                             end);
    }
}

/* Fills the key of 'scratch' from the packet.  Returns false if the packet is
 * too short to have an Ethernet header. */
static __always_inline bool
parse_packet(struct xdp_md *ctx, __u32 in_port, __u32 vlan_limit,
             struct xdp_scratch *scratch)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct ethhdr *eth = data;
    void *pos = data + sizeof *eth;
    __u64 vlan_word = 0, addr_word = 0, l4_word = 0;
    __be16 tci0 = 0;
    __be16 *macs;
    __be16 type;

    if (pos > end) {
        return false;
    }
    type = eth->h_proto;

    if (parse_is_vlan(type) && vlan_limit) {
        struct parse_vlan_hdr *vlan = pos;

        if ((void *) (vlan + 1) <= end) {
            tci0 = vlan->tci | bpf_htons(PARSE_VLAN_CFI);
            vlan_word = PARSE_FIELD(vlan_tpid0, type);
            type = vlan->next_type;
            pos = vlan + 1;

            if (parse_is_vlan(type) && vlan_limit > 1) {
                vlan = pos;
                if ((void *) (vlan + 1) <= end) {
                    vlan_word |= (PARSE_FIELD(vlan_tpid1, type)
                                  | PARSE_FIELD(vlan_tci1, vlan->tci
                                                | bpf_htons(PARSE_VLAN_CFI)));
                    type = vlan->next_type;
                    pos = vlan + 1;
                }
            }
        }
    }

    if (bpf_ntohs(type) < PARSE_ETH_TYPE_MIN) {
        struct parse_snap_hdr *snap = pos;

        type = bpf_htons(PARSE_DL_TYPE_NONE);
        if ((void *) (snap + 1) <= end
            && snap->dsap == 0xaa && snap->ssap == 0xaa
            && snap->control == 0x03
            && !snap->org[0] && !snap->org[1] && !snap->org[2]) {
            pos = snap + 1;
            if (bpf_ntohs(snap->type) >= PARSE_ETH_TYPE_MIN) {
                type = snap->type;
            }
        }
    }

    if (type == bpf_htons(ETH_P_IP)) {
        parse_ipv4(pos, end, &vlan_word, &addr_word, &l4_word);
    }

    macs = data;
    scratch->words[PARSE_WORD(in_port)] = PARSE_FIELD(in_port, in_port);
    scratch->words[PARSE_WORD(dl_dst)] = (PARSE_PLACE(macs[0], 2, 0)
                                          | PARSE_PLACE(macs[1], 2, 2)
                                          | PARSE_PLACE(macs[2], 2, 4)
                                          | PARSE_FIELD(dl_type, type));
    scratch->words[PARSE_WORD(dl_src)] = (PARSE_PLACE(macs[3], 2, 0)
                                          | PARSE_PLACE(macs[4], 2, 2)
                                          | PARSE_PLACE(macs[5], 2, 4)
                                          | PARSE_FIELD(vlan_tci0, tci0));
    scratch->words[PARSE_WORD(nw_frag)] = vlan_word;
    scratch->words[PARSE_WORD(nw_src)] = addr_word;
    scratch->words[PARSE_WORD(tp_src)] = l4_word;
    return true;
}

#endif /* parse.h */
