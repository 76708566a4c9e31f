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

/* Fills the transport fields of 'key'.  'pos' is where the IP payload begins
 * and 'size' its length according to the IP header, which the caller has
 * checked to be within the packet. */
static __always_inline void
parse_l4(struct xdp_key *key, void *pos, __u32 size, void *end)
{
    switch (key->nw_proto) {
    case IPPROTO_TCP: {
        struct tcphdr *tcp = pos;

        if (size >= sizeof *tcp && (void *) (tcp + 1) <= end) {
            __be16 ctl = *((__be16 *) tcp + 6);
            __u32 len = (bpf_ntohs(ctl) >> 12) * 4;

            if (len >= sizeof *tcp && size >= len) {
                key->tcp_flags = ctl & bpf_htons(0xfff);
                key->tp_src = tcp->source;
                key->tp_dst = tcp->dest;
            }
        }
        break;
    }

    case IPPROTO_UDP: {
        struct udphdr *udp = pos;

        if (size >= sizeof *udp && (void *) (udp + 1) <= end) {
            key->tp_src = udp->source;
            key->tp_dst = udp->dest;
        }
        break;
    }

    case IPPROTO_SCTP: {
        __be16 *sctp = pos;

        if (size >= PARSE_SCTP_HEADER_LEN
            && pos + PARSE_SCTP_HEADER_LEN <= end) {
            key->tp_src = sctp[0];
            key->tp_dst = sctp[1];
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
            key->tp_src = bpf_htons(icmp[0]);
            key->tp_dst = bpf_htons(icmp[1]);
        }
        break;
    }
    }
}

/* Fills the IPv4 fields of 'key' and those above from the IPv4 header at
 * 'pos'.  Nothing if the header is not sane. */
static __always_inline void
parse_ipv4(struct xdp_key *key, void *pos, void *end)
{
    struct iphdr *ip = pos;
    __u64 left = end - pos;
    __u32 ip_len, tot_len;
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

    key->nw_src = ip->saddr;
    key->nw_dst = ip->daddr;
    key->nw_tos = ip->tos;
    key->nw_ttl = ip->ttl;
    key->nw_proto = ip->protocol;

    frag = ip->frag_off;
    if (frag & bpf_htons(PARSE_IP_MORE_FRAGMENTS | PARSE_IP_FRAG_OFF_MASK)) {
        key->nw_frag = PARSE_NW_FRAG_ANY;
        if (frag & bpf_htons(PARSE_IP_FRAG_OFF_MASK)) {
            key->nw_frag |= PARSE_NW_FRAG_LATER;
            return;
        }
    }

    parse_l4(key, pos + ip_len, tot_len - ip_len, end);
}

/* Fills the key of this run from the packet.  Returns 0, or -1 if the packet
 * is too short to have an Ethernet header.
 *
 * A global function, which the verifier checks once by itself: the many ways
 * through a packet would otherwise multiply with those through the rest of the
 * program. */
__noinline int
parse_packet(struct xdp_md *ctx, __u32 in_port, __u32 vlan_limit)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct ethhdr *eth = data;
    void *pos = data + sizeof *eth;
    struct xdp_scratch *scratch;
    struct xdp_key *key;
    __u32 zero = 0;
    __be16 type;

    scratch = bpf_map_lookup_elem(&xdp_scratch, &zero);
    if (!scratch || pos > end) {
        return -1;
    }
    key = &scratch->key;

    __builtin_memset(key, 0, sizeof *key);
    key->in_port = in_port;
    __builtin_memcpy(key->dl_dst, eth->h_dest, sizeof key->dl_dst);
    __builtin_memcpy(key->dl_src, eth->h_source, sizeof key->dl_src);
    type = eth->h_proto;

    if (parse_is_vlan(type) && vlan_limit) {
        struct parse_vlan_hdr *vlan = pos;

        if ((void *) (vlan + 1) <= end) {
            key->vlan_tpid0 = type;
            key->vlan_tci0 = vlan->tci | bpf_htons(PARSE_VLAN_CFI);
            type = vlan->next_type;
            pos = vlan + 1;

            if (parse_is_vlan(type) && vlan_limit > 1) {
                vlan = pos;
                if ((void *) (vlan + 1) <= end) {
                    key->vlan_tpid1 = type;
                    key->vlan_tci1 = vlan->tci | bpf_htons(PARSE_VLAN_CFI);
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
    key->dl_type = type;

    if (type == bpf_htons(ETH_P_IP)) {
        parse_ipv4(key, pos, end);
    }
    return 0;
}

#endif /* parse.h */
