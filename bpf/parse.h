/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From packet to key, exactly as flow_extract() of OVS's lib/flow.c sees it,
 * odd and truncated packets included: where flow_extract() stops, this stops,
 * and what it leaves zero is zero here.
 *
 * Ethernet, VLAN tags and IPv4 are here, inline; the rest is in functions of
 * its own (parse_ipv6.h, parse_other.h), which the verifier looks at once.
 */

#ifndef BPF_PARSE_H
#define BPF_PARSE_H 1

#include <linux/ip.h>

#include "maps.h"
#include "parse_common.h"
#include "parse_ipv6.h"
#include "parse_other.h"

/* At least the offset of the network header behind VLAN tags and SNAP. */
#define PARSE_NET_OFS_MASK 0x3f

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

/* Adds what is above the IPv4 header at 'ofs', which is sane, if that is IGMP
 * or, where it does not belong, ICMPv6.  Returns 0 or PARSE_FAILED. */
__noinline int
parse_ipv4_rare(struct hook_md *ctx, __u32 ofs, __u32 parts)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    __u32 ip_len, size;
    struct iphdr *ip;

    if (ofs > PARSE_MAX_OFS) {
        return PARSE_FAILED;
    }
    ip = data + ofs;
    if ((void *) (ip + 1) > end) {
        return 0;
    }
    ip_len = ip->ihl * 4;
    size = bpf_ntohs(ip->tot_len) - ip_len;
    return (ip->protocol == IPPROTO_IGMP
            ? parse_igmp(ctx, ofs + ip_len, size, parts)
            : parse_icmpv6(ctx, ofs + ip_len, size, parts));
}

/* Fills the words of 'scratch' for IPv4 and for what is above it from the IPv4
 * header, 'net_ofs' bytes from the start of the packet, as far as 'parts' asks
 * for it.  Nothing if the header is not sane.  Returns 0 or PARSE_FAILED. */
static __always_inline int
parse_ipv4(struct hook_md *ctx, __u32 net_ofs, __u32 parts, __u64 vlan_word,
           struct xdp_scratch *scratch)
{
    void *end = (void *) (long) ctx->data_end;
    struct iphdr *ip = (void *) (long) ctx->data + net_ofs;
    __u32 ip_len, tot_len;
    __u8 nw_frag = 0;
    __u8 proto;
    __u64 left, l4;
    __be16 frag;

    if ((void *) (ip + 1) > end) {
        return 0;
    }
    left = hook_left(ctx, ip, end);
    ip_len = ip->ihl * 4;
    tot_len = bpf_ntohs(ip->tot_len);
    if (ip_len < sizeof *ip || ip_len > tot_len || tot_len > left
        || left - tot_len > 0xffff) {
        return 0;
    }

    proto = ip->protocol;
    frag = ip->frag_off;
    if (frag & bpf_htons(PARSE_IP_MORE_FRAGMENTS | PARSE_IP_FRAG_OFF_MASK)) {
        nw_frag = PARSE_NW_FRAG_ANY;
        if (frag & bpf_htons(PARSE_IP_FRAG_OFF_MASK)) {
            nw_frag |= PARSE_NW_FRAG_LATER;
        }
    }
    scratch->words[PARSE_WORD(nw_frag)] = (vlan_word
                                           | PARSE_FIELD(nw_frag, nw_frag)
                                           | PARSE_FIELD(nw_proto, proto));
    scratch->words[PARSE_WORD(nw_src)] = (PARSE_FIELD(nw_src, ip->saddr)
                                          | PARSE_FIELD(nw_dst, ip->daddr));
    scratch->layers_word = (PARSE_LAYER(net_ofs, net_ofs)
                            | PARSE_LAYER(l4_ofs, net_ofs + ip_len)
                            | PARSE_LAYER(l4_proto, proto)
                            | PARSE_LAYER(l4_size, tot_len - ip_len)
                            | PARSE_LAYER(flags,
                                          nw_frag & PARSE_NW_FRAG_LATER
                                          ? XDP_LAYERS_LATER_FRAG : 0));

    l4 = PARSE_FIELD(nw_tos, ip->tos) | PARSE_FIELD(nw_ttl, ip->ttl);
    if (!(nw_frag & PARSE_NW_FRAG_LATER)) {
        l4 |= parse_l4(proto, (void *) ip + ip_len, tot_len - ip_len, end,
                       parts);
        if (proto == IPPROTO_IGMP || proto == IPPROTO_ICMPV6) {
            scratch->words[PARSE_WORD(tp_src)] = l4;
            return (parts & XDP_PART_TRANSPORT
                    ? parse_ipv4_rare(ctx, net_ofs, parts) : 0);
        }
    }
    scratch->words[PARSE_WORD(tp_src)] = l4;
    return 0;
}

/* What is between the MAC addresses and the network header. */
struct parse_ethertype {
    void *pos;              /* Of the network header. */
    __u64 vlan_word;        /* Word of the key with 'vlan_tpid0'. */
    __be16 tci0;            /* As in the key. */
    __be16 type;            /* As in the key. */
};

/* Stores in '*e' what 'type', the first Ethertype of a packet, means, with
 * what follows it at 'pos', if up to 'vlan_limit' VLAN tags are looked at. */
static __always_inline void
parse_ethertype(void *pos, void *end, __be16 type, __u32 vlan_limit,
                struct parse_ethertype *e)
{
    __u64 vlan_word = 0;
    __be16 tci0 = 0;

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
    e->pos = pos;
    e->vlan_word = vlan_word;
    e->tci0 = tci0;
    e->type = type;
}

/* As parse_ethertype(), of a packet whose outermost tag, 'tpid' and 'tci', is
 * beside it. */
static __always_inline void
parse_ethertype_behind(void *pos, void *end, __be16 type, __u32 vlan_limit,
                       __be16 tpid, __be16 tci, struct parse_ethertype *e)
{
    if (!vlan_limit) {
        e->pos = pos;
        e->vlan_word = 0;
        e->tci0 = 0;
        e->type = tpid;
        return;
    }
    parse_ethertype(pos, end, type, vlan_limit - 1, e);
    e->vlan_word = (PARSE_FIELD(vlan_tpid0, tpid)
                    | PARSE_FIELD(vlan_tci1, e->tci0)
                    | (e->tci0 ? PARSE_FIELD(vlan_tpid1, type) : 0));
    e->tci0 = tci | bpf_htons(PARSE_VLAN_CFI);
}

/* Fills the key of 'scratch' from the packet, as far as the masks of 'port',
 * whose number is 'in_port', ask for it.  Returns false if the packet must go
 * to userspace: it is too short to have an Ethernet header, or too odd. */
static __always_inline bool
parse_packet(struct hook_md *ctx, __u32 in_port, const struct xdp_port *port,
             struct xdp_scratch *scratch)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    void *pos = data + ETH_HLEN;
    __u32 parts = *(volatile const __u32 *) &port->parts;
    __u64 vlan_word = 0;
    __be16 tci0 = 0;
    __be16 tpid, tci;
    __u64 src_word;
    __u32 net_ofs;
    __be16 type;

    if (pos > end) {
        return false;
    }

    /* Source address and Ethertype. */
    src_word = *(__u64 *) (data + ETH_ALEN);
    type = ((__be16 *) data)[ETH_ALEN];
    if (hook_has_tag(ctx, &tpid, &tci)) {
        struct parse_ethertype e;

        parse_ethertype_behind(pos, end, type, port->vlan_limit, tpid, tci,
                               &e);
        pos = e.pos;
        type = e.type;
        tci0 = e.tci0;
        vlan_word = e.vlan_word;
    } else if (type != bpf_htons(ETH_P_IP)) {
        struct parse_ethertype e;

        parse_ethertype(pos, end, type, port->vlan_limit, &e);
        pos = e.pos;
        type = e.type;
        tci0 = e.tci0;
        vlan_word = e.vlan_word;
    }

    /* A difference of pointers is just a number to the verifier, and the many
     * ways to get here become one.  No way leads beyond two tags and SNAP. */
    net_ofs = (pos - data) & PARSE_NET_OFS_MASK;
    scratch->words[PARSE_WORD(in_port)] = PARSE_FIELD(in_port, in_port);
    scratch->words[PARSE_WORD(dl_dst)]
        = (PARSE_PLACE(((__be16 *) data)[0], 2, 0)
           | PARSE_PLACE(*(__be32 *) (data + 2), 4, 2)
           | PARSE_FIELD(dl_type, type));
    scratch->words[PARSE_WORD(dl_src)]
        = ((src_word & ~PARSE_FIELD(vlan_tci0, 0xffff))
           | PARSE_FIELD(vlan_tci0, tci0));
    scratch->words[PARSE_WORD(nw_frag)] = vlan_word;
    scratch->words[PARSE_WORD(nw_src)] = 0;
    scratch->words[PARSE_WORD(tp_src)] = 0;
    scratch->layers_word = PARSE_LAYER(net_ofs, net_ofs);
    scratch->parts = parts;
    if (scratch->extended) {
        /* The last packet had extended words. */
        scratch->extended = 0;
#pragma clang loop unroll(full)
        for (int i = 0; i < XDP_KEY_EXT_WORDS; i++) {
            scratch->words[XDP_KEY_BASIC_WORDS + i] = 0;
        }
    }

    /* The statistics of every flow have the TCP flags of its packets. */
    if (!(parts & XDP_PART_NETWORK)
        && type != bpf_htons(ETH_P_IP) && type != bpf_htons(ETH_P_IPV6)) {
        return true;
    }
    switch (type) {
    case bpf_htons(ETH_P_IP):
        return !parse_ipv4(ctx, net_ofs, parts, vlan_word, scratch);

    case bpf_htons(ETH_P_IPV6):
        return !parse_ipv6(ctx, net_ofs, parts);

    case bpf_htons(ETH_P_ARP):
    case bpf_htons(ETH_P_RARP):
        return !parse_arp(ctx, net_ofs, parts);

    case bpf_htons(ETH_P_MPLS_UC):
    case bpf_htons(ETH_P_MPLS_MC):
        return !parse_mpls(ctx, net_ofs, parts);

    default:
        return true;
    }
}

#endif /* parse.h */
