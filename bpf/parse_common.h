/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all parsers of packets use: names, places in the key, and the transport
 * headers whose fields are in the basic words of the key.
 */

#ifndef BPF_PARSE_COMMON_H
#define BPF_PARSE_COMMON_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "hook.h"
#include "maps.h"
#include "verifier.h"

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

/* The last offset that is looked at, 2**n - 1.  Where pages have 4096 bytes,
 * only packets in generic mode can be as long. */
#define PARSE_MAX_OFS           4095

/* The last offset where the parser looks for a header or an option, so that
 * ops find it even after as many of them as a flow can have pushed 4 bytes
 * each.  Userspace gets packets with something further behind. */
#define PARSE_LAST_HEADER       (PARSE_MAX_OFS - 4 * XDP_FLOW_MAX_OPS)

/* Result of the functions that the verifier looks at once: the packet cannot
 * be parsed here and must go to userspace.  Otherwise they return 0. */
#define PARSE_FAILED            (-1)

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

/* As PARSE_PLACE(), for the member MEMBER of "struct xdp_layers". */
#define PARSE_LAYER(MEMBER, VALUE) \
    PARSE_PLACE(VALUE, sizeof ((struct xdp_layers *) 0)->MEMBER, \
                __builtin_offsetof(struct xdp_layers, MEMBER))

/* Returns the 8 bytes at 'p' in the packet, of which only 4-byte pieces may be
 * read at once. */
static __always_inline __u64
parse_word(const __be32 *p)
{
    return PARSE_PLACE(p[0], 4, 0) | PARSE_PLACE(p[1], 4, 4);
}

/* Returns the 'len' bytes that are 'ofs' bytes, at most PARSE_MAX_OFS, behind
 * the start of the packet, or NULL if they are not in the packet. */
static __always_inline void *
parse_at(struct hook_md *ctx, __u32 ofs, __u32 len)
{
    void *end = (void *) (long) ctx->data_end;
    void *p;

    p = (void *) (long) ctx->data + verifier_mask(ofs, PARSE_MAX_OFS);
    return p + len > end ? NULL : p;
}

/* Returns the scratch of this CPU, or NULL, which cannot be. */
static __always_inline struct xdp_scratch *
parse_scratch(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&xdp_scratch, &zero);
}

/* Returns true if the packet of 'scratch' is one of IPv4 or IPv6. */
static __always_inline bool
parse_is_ip(const struct xdp_scratch *scratch)
{
    __be16 type = scratch->key.dl_type;

    return type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6);
}

/* Returns the transport fields, of the word with 'tp_src', for protocol
 * 'proto'.  'pos' is where the IP payload begins and 'size' its length
 * according to the IP header, which the caller has checked to be within the
 * packet.  TCP flags are there even without XDP_PART_TRANSPORT in 'parts'. */
static __always_inline __u64
parse_l4(__u8 proto, void *pos, __u32 size, void *end, __u32 parts)
{
    if (!(parts & XDP_PART_TRANSPORT) && proto != IPPROTO_TCP) {
        return 0;
    }

    switch (proto) {
    case IPPROTO_TCP: {
        struct tcphdr *tcp = pos;

        if (size >= sizeof *tcp && (void *) (tcp + 1) <= end) {
            __be16 ctl = *((__be16 *) tcp + 6);
            __u32 len = (bpf_ntohs(ctl) >> 12) * 4;

            if (len >= sizeof *tcp && size >= len) {
                __u64 word = PARSE_FIELD(tcp_flags, ctl & bpf_htons(0xfff));

                if (parts & XDP_PART_TRANSPORT) {
                    word |= (PARSE_FIELD(tp_src, tcp->source)
                             | PARSE_FIELD(tp_dst, tcp->dest));
                }
                return word;
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

#endif /* parse_common.h */
