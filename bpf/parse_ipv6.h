/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv6 (RFC 8200) with all the extension headers that flow_extract() walks,
 * and neighbour discovery (RFC 4861).
 */

#ifndef BPF_PARSE_IPV6_H
#define BPF_PARSE_IPV6_H 1

#include <linux/ipv6.h>

#include "maps.h"
#include "parse_common.h"
#include "parse_other.h"
#include "verifier.h"

#define PARSE_IP6_EXT_MIN       8       /* Bytes of any extension header. */
#define PARSE_IP6_MAX_EXT       (PARSE_MAX_OFS / PARSE_IP6_EXT_MIN)
#define PARSE_IP6_LABEL_MASK    0x000fffff
#define PARSE_IP6F_OFF_MASK     0xfff8
#define PARSE_ND_SOLICIT        135
#define PARSE_ND_ADVERT         136
#define PARSE_ND_OPT_SOURCE     1
#define PARSE_ND_OPT_TARGET     2
#define PARSE_ND_OPT_UNIT       8       /* Of an option's length. */
#define PARSE_ND_MAX_OPTS       (PARSE_MAX_OFS / PARSE_ND_OPT_UNIT)

/* A walk over extension headers. */
struct parse_ext_walk {
    struct hook_md *ctx;
    __u32 ofs;                  /* Of the header to look at. */
    __u32 size;                 /* What is left of the IP payload. */
    __u8 proto;                 /* What kind of header that is. */
    __u8 l4_proto;              /* What is behind a later fragment's header. */
    __u8 nw_frag;
    __u8 flags;                 /* XDP_LAYERS_*. */
    __u8 done;                  /* 1: this is no extension header. */
    __u8 bad;                   /* 1: it does not fit into the packet. */
                                /* Neither: it is too far behind. */
};

/* Looks at one extension header.  Returns 1 to end the walk. */
static long
parse_ext_header(__u32 i, struct parse_ext_walk *w)
{
    void *data = (void *) (long) w->ctx->data;
    void *end = (void *) (long) w->ctx->data_end;
    __u32 ofs = w->ofs;
    __u32 len;
    __u8 *hdr;

    switch (w->proto) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_AH:
    case IPPROTO_FRAGMENT:
        break;
    default:
        w->done = 1;
        return 1;
    }

    if (ofs > PARSE_LAST_HEADER) {
        return 1;
    }
    w->bad = 1;
    if (w->size < PARSE_IP6_EXT_MIN) {
        return 1;
    }
    hdr = data + ofs;
    if ((void *) (hdr + PARSE_IP6_EXT_MIN) > end) {
        return 1;
    }

    len = (hdr[1] + 1) * 8;
    if (w->proto == IPPROTO_AH) {
        len = (hdr[1] + 2) * 4;
    } else if (w->proto == IPPROTO_FRAGMENT) {
        __be16 offlg = *(__be16 *) (hdr + 2);

        len = PARSE_IP6_EXT_MIN;
        if (offlg) {
            w->nw_frag = PARSE_NW_FRAG_ANY;
            if (offlg & bpf_htons(PARSE_IP6F_OFF_MASK)) {
                /* What follows is no header. */
                w->nw_frag |= PARSE_NW_FRAG_LATER;
                w->flags |= XDP_LAYERS_LATER_FRAG;
                w->l4_proto = hdr[0];
                w->proto = IPPROTO_FRAGMENT;
                w->ofs = ofs + len;
                w->size -= len;
                w->bad = 0;
                w->done = 1;
                return 1;
            }
        }
    } else if (w->proto == IPPROTO_ROUTING && hdr[3]) {
        w->flags |= XDP_LAYERS_IPV6_ROUTING;
    }

    if (len > w->size) {
        return 1;
    }
    w->proto = hdr[0];
    w->ofs = ofs + len;
    w->size -= len;
    w->bad = 0;
    return 0;
}

/* A walk over the options of neighbour discovery. */
struct parse_nd_walk {
    struct hook_md *ctx;
    __u32 ofs;                  /* Of the option to look at. */
    __u32 size;                 /* What is left of the IP payload. */
    __u64 sll, tll;             /* Addresses, in the first 6 bytes. */
    __u8 type;                  /* Of the first address option, or 0. */
    __u8 invalid;               /* 1: an option occurs twice. */
    __u8 too_far;               /* 1: this option cannot be looked at. */
};

/* Looks at one option.  Returns 1 to end the walk. */
static long
parse_nd_option(__u32 i, struct parse_nd_walk *w)
{
    void *data = (void *) (long) w->ctx->data;
    void *end = (void *) (long) w->ctx->data_end;
    __u32 ofs = w->ofs;
    __u32 len;
    __u16 *opt;
    __u8 type;

    if (w->size < PARSE_ND_OPT_UNIT) {
        return 1;
    }
    if (ofs > PARSE_LAST_HEADER) {
        w->too_far = 1;
        return 1;
    }
    opt = data + ofs;
    if ((void *) opt + PARSE_ND_OPT_UNIT > end) {
        return 1;
    }
    type = *(__u8 *) opt;
    len = *((__u8 *) opt + 1) * PARSE_ND_OPT_UNIT;
    if (!len || len > w->size) {
        return 1;
    }

    if (len == PARSE_ND_OPT_UNIT && (type == PARSE_ND_OPT_SOURCE
                                     || type == PARSE_ND_OPT_TARGET)) {
        __u64 mac = (PARSE_PLACE(opt[1], 2, 0) | PARSE_PLACE(opt[2], 2, 2)
                     | PARSE_PLACE(opt[3], 2, 4));
        __u64 *address = type == PARSE_ND_OPT_SOURCE ? &w->sll : &w->tll;

        if (*address) {
            w->invalid = 1;
            return 1;
        }
        *address = mac;
        if (!w->type) {
            w->type = type;
        }
    }
    w->ofs = ofs + len;
    w->size -= len;
    return 0;
}

/* Adds what ICMPv6 has beyond type and code: the fields of neighbour
 * discovery.  The ICMPv6 header is at 'ofs', with 'size' bytes left of the IP
 * payload.  Returns 0 or PARSE_FAILED. */
__noinline int
parse_icmpv6(struct hook_md *ctx, __u32 ofs, __u32 size, __u32 parts)
{
    struct xdp_scratch *scratch = parse_scratch();
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct parse_nd_walk w = { .ctx = ctx };
    __u64 target[2] = { 0, 0 };
    __be32 reserved;
    __be32 *icmp;

    if (!scratch || ofs > PARSE_MAX_OFS) {
        return PARSE_FAILED;
    }
    icmp = data + ofs;
    if (size < PARSE_ICMP_HEADER_LEN
        || (void *) icmp + PARSE_ICMP_HEADER_LEN > end
        || *((__u8 *) icmp + 1)
        || (*(__u8 *) icmp != PARSE_ND_SOLICIT
            && *(__u8 *) icmp != PARSE_ND_ADVERT)) {
        return 0;
    }
    reserved = icmp[1];
    size -= PARSE_ICMP_HEADER_LEN;
    icmp += 2;
    if (size >= sizeof target && (void *) icmp + sizeof target <= end) {
        target[0] = parse_word(icmp);
        target[1] = parse_word(icmp + 2);
        w.ofs = ofs + PARSE_ICMP_HEADER_LEN + sizeof target;
        w.size = size - sizeof target;
        w.sll = w.tll = w.type = verifier_zero(size);
        bpf_loop(PARSE_ND_MAX_OPTS, parse_nd_option, &w, 0);
        if (w.too_far) {
            return PARSE_FAILED;
        }
        if (w.invalid) {
            target[0] = target[1] = 0;
            w.sll = w.tll = 0;
        }
    }

    scratch->words[PARSE_WORD(tcp_flags)]
        |= PARSE_FIELD(tcp_flags, bpf_htons(w.type));
    if (parts & XDP_PART_EXTENDED) {
        scratch->extended = 1;
        scratch->words[PARSE_WORD(nd_target)] = target[0];
        scratch->words[PARSE_WORD(nd_target) + 1] = target[1];
        /* The second address begins in the word of the first one. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        scratch->words[PARSE_WORD(arp_sha)] |= w.sll | w.tll << 48;
        scratch->words[PARSE_WORD(ipv6_label)] |= w.tll >> 16;
#else
        scratch->words[PARSE_WORD(arp_sha)] |= w.sll | w.tll >> 48;
        scratch->words[PARSE_WORD(ipv6_label)] |= w.tll << 16;
#endif
        scratch->words[PARSE_WORD(igmp_group_ip4)]
            |= PARSE_FIELD(igmp_group_ip4, reserved);
    }
    return 0;
}

/* Adds IPv6, whose header is at 'ofs', and what is above it, as far as 'parts'
 * asks for it.  Returns 0 or PARSE_FAILED. */
__noinline int
parse_ipv6(struct hook_md *ctx, __u32 ofs, __u32 parts)
{
    struct xdp_scratch *scratch = parse_scratch();
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct parse_ext_walk w = { .ctx = ctx };
    __u32 tc_flow, plen;
    struct ipv6hdr *ip6;
    __u64 left, l4;
    void *pos;

    if (!scratch || ofs > PARSE_MAX_OFS) {
        return PARSE_FAILED;
    }
    ip6 = data + ofs;
    if ((void *) (ip6 + 1) > end) {
        return 0;
    }
    left = hook_left(ctx, ip6 + 1, end);
    plen = bpf_ntohs(ip6->payload_len);
    if (plen > left || left - plen > 0xffff) {
        return 0;
    }

    if (parts & XDP_PART_EXTENDED) {
        scratch->extended = 1;
        scratch->words[PARSE_WORD(ipv6_src)]
            = parse_word(ip6->saddr.in6_u.u6_addr32);
        scratch->words[PARSE_WORD(ipv6_src) + 1]
            = parse_word(ip6->saddr.in6_u.u6_addr32 + 2);
        scratch->words[PARSE_WORD(ipv6_dst)]
            = parse_word(ip6->daddr.in6_u.u6_addr32);
        scratch->words[PARSE_WORD(ipv6_dst) + 1]
            = parse_word(ip6->daddr.in6_u.u6_addr32 + 2);
    }

    tc_flow = bpf_ntohl(*(__be32 *) ip6);
    l4 = (PARSE_FIELD(nw_tos, (__u8) (tc_flow >> 20))
          | PARSE_FIELD(nw_ttl, ip6->hop_limit));

    w.ofs = ofs + sizeof *ip6;
    w.size = plen;
    w.proto = ip6->nexthdr;
    scratch->ip6_next = w.proto;
    switch (w.proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_ICMPV6:
        break;
    default:
        bpf_loop(PARSE_IP6_MAX_EXT, parse_ext_header, &w, 0);
        if (w.bad) {
            return 0;
        }
        if (!w.done) {
            return PARSE_FAILED;
        }
    }

    scratch->words[PARSE_WORD(nw_frag)] |= (PARSE_FIELD(nw_frag, w.nw_frag)
                                            | PARSE_FIELD(nw_proto, w.proto));
    if (parts & XDP_PART_EXTENDED) {
        scratch->words[PARSE_WORD(ipv6_label)]
            |= PARSE_FIELD(ipv6_label,
                           bpf_htonl(tc_flow & PARSE_IP6_LABEL_MASK));
    }
    scratch->layers_word
        |= (PARSE_LAYER(l4_ofs, w.ofs)
            | PARSE_LAYER(l4_proto, w.nw_frag & PARSE_NW_FRAG_LATER
                                    ? w.l4_proto : w.proto)
            | PARSE_LAYER(flags, w.flags) | PARSE_LAYER(l4_size, w.size));

    /* A walk that has got here is within the packet. */
    if (w.ofs > PARSE_LAST_HEADER) {
        return PARSE_FAILED;
    }
    if (!(w.nw_frag & PARSE_NW_FRAG_LATER)) {
        data = (void *) (long) ctx->data;
        end = (void *) (long) ctx->data_end;
        pos = data + w.ofs;
        l4 |= parse_l4(w.proto, pos, w.size, end, parts);
    }
    scratch->words[PARSE_WORD(tp_src)] = l4;
    if (w.proto == IPPROTO_IGMP && parts & XDP_PART_TRANSPORT) {
        return parse_igmp(ctx, w.ofs, w.size, parts);
    }
    return (w.proto == IPPROTO_ICMPV6 && parts & XDP_PART_TRANSPORT
            ? parse_icmpv6(ctx, w.ofs, w.size, parts) : 0);
}

#endif /* parse_ipv6.h */
