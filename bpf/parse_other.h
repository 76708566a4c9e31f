/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ARP and RARP (RFC 826, RFC 903), MPLS label stacks (RFC 3032) and the group
 * of IGMP messages (RFC 2236).
 */

#ifndef BPF_PARSE_OTHER_H
#define BPF_PARSE_OTHER_H 1

#include "maps.h"
#include "parse_common.h"

#define PARSE_ARPHRD_ETHER      1
#define PARSE_MPLS_BOS          0x100   /* Bottom of stack. */

/* ARP for Ethernet and IPv4. */
struct parse_arp_hdr {
    __be16 hrd, pro;
    __u8 hln, pln;
    __be16 op;
    __be16 sha[3];
    __be16 spa[2];
    __be16 tha[3];
    __be16 tpa[2];
};

/* Adds the group of the IGMP message at 'ofs', with 'size' bytes left of the
 * IP payload.  Returns 0 or PARSE_FAILED. */
__noinline int
parse_igmp(struct hook_md *ctx, __u32 ofs, __u32 size, __u32 parts)
{
    struct xdp_scratch *scratch = parse_scratch();
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    __be32 *igmp;

    if (!scratch || ofs > PARSE_MAX_OFS) {
        return PARSE_FAILED;
    }
    igmp = data + ofs;
    if (size >= PARSE_ICMP_HEADER_LEN
        && (void *) igmp + PARSE_ICMP_HEADER_LEN <= end
        && parts & XDP_PART_EXTENDED) {
        scratch->extended = 1;
        scratch->words[PARSE_WORD(igmp_group_ip4)]
            |= PARSE_FIELD(igmp_group_ip4, igmp[1]);
    }
    return 0;
}

/* Adds the ARP or RARP packet at 'ofs'.  Returns 0 or PARSE_FAILED. */
__noinline int
parse_arp(struct hook_md *ctx, __u32 ofs, __u32 parts)
{
    struct xdp_scratch *scratch = parse_scratch();
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct parse_arp_hdr *arp;

    if (!scratch || ofs > PARSE_MAX_OFS) {
        return PARSE_FAILED;
    }
    arp = data + ofs;
    if ((void *) (arp + 1) > end
        || arp->hrd != bpf_htons(PARSE_ARPHRD_ETHER)
        || arp->pro != bpf_htons(ETH_P_IP)
        || arp->hln != ETH_ALEN || arp->pln != sizeof(__be32)) {
        return 0;
    }

    scratch->words[PARSE_WORD(nw_src)] = (PARSE_PLACE(arp->spa[0], 2, 0)
                                          | PARSE_PLACE(arp->spa[1], 2, 2)
                                          | PARSE_PLACE(arp->tpa[0], 2, 4)
                                          | PARSE_PLACE(arp->tpa[1], 2, 6));
    if (bpf_ntohs(arp->op) <= 0xff) {
        scratch->words[PARSE_WORD(nw_proto)]
            |= PARSE_FIELD(nw_proto, (__u8) bpf_ntohs(arp->op));
    }
    if (parts & XDP_PART_EXTENDED) {
        scratch->extended = 1;
        scratch->words[PARSE_WORD(arp_sha)] = (PARSE_PLACE(arp->sha[0], 2, 0)
                                               | PARSE_PLACE(arp->sha[1], 2, 2)
                                               | PARSE_PLACE(arp->sha[2], 2, 4)
                                               | PARSE_PLACE(arp->tha[0], 2,
                                                             6));
        scratch->words[PARSE_WORD(ipv6_label)]
            = (PARSE_PLACE(arp->tha[1], 2, 0)
               | PARSE_PLACE(arp->tha[2], 2, 2));
    }
    return 0;
}

/* Adds the first XDP_MPLS_MAX entries of the MPLS label stack at 'ofs'.
 * Returns 0 or PARSE_FAILED. */
__noinline int
parse_mpls(struct hook_md *ctx, __u32 ofs, __u32 parts)
{
    struct xdp_scratch *scratch = parse_scratch();
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    __be32 lse[XDP_MPLS_MAX] = { 0 };
    __be32 *entry;

    if (!scratch || ofs > PARSE_MAX_OFS) {
        return PARSE_FAILED;
    }
    if (!(parts & XDP_PART_EXTENDED)) {
        return 0;
    }

    entry = data + ofs;
#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_MPLS_MAX; i++) {
        if ((void *) (entry + i + 1) > end) {
            break;
        }
        lse[i] = entry[i];
        if (lse[i] & bpf_htonl(PARSE_MPLS_BOS)) {
            break;
        }
    }
    scratch->extended = 1;
    scratch->words[PARSE_WORD(mpls_lse)] = (PARSE_PLACE(lse[0], 4, 0)
                                            | PARSE_PLACE(lse[1], 4, 4));
    scratch->words[PARSE_WORD(mpls_lse) + 1] = PARSE_PLACE(lse[2], 4, 0);
    return 0;
}

#endif /* parse_other.h */
