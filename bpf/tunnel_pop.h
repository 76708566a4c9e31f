/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Popping the header of a tunnel.  It begins before anything else happens to
 * the packet, with a look at the header, which also notes what that says.
 * What is odd about a packet is not judged here: userspace gets it, unchanged,
 * and drops it or does not.  It ends where the op is run.
 */

#ifndef BPF_TUNNEL_POP_H
#define BPF_TUNNEL_POP_H 1

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "hash.h"
#include "maps.h"
#include "op.h"
#include "parse.h"
#include "recirc.h"
#include "stats.h"
#include "tunnel_format.h"
#include "tunnel_sum.h"

#ifdef HOOK_TC
#include "tunnel_pop_tc.h"
#else
#include "tunnel_pop_xdp.h"
#endif

/* Returns the number in the upper 24 bits of 'vni' as a tunnel id. */
static __always_inline __u64
tunnel_vni(__be32 vni)
{
    return PARSE_PLACE(bpf_htonl(bpf_ntohl(vni) >> 8), 4, 4);
}

/* Looks at the GRE header at 'h->l4_ofs', with the header of ERSPAN.  Stores
 * its end and what it says in '*h'.  Returns false if it is odd. */
static __always_inline bool
tunnel_look_at_erspan(struct hook_md *ctx, struct tunnel_header *h)
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
tunnel_look_at_gre(struct hook_md *ctx, struct tunnel_header *h)
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
tunnel_look_at_udp(struct hook_md *ctx, struct tunnel_header *h, __u8 type,
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

/* Returns the length of the VLAN tags in the packet that are popped before
 * 'op'. */
static __always_inline __u32
tunnel_tags_len(struct hook_md *ctx, const struct xdp_op *op)
{
    return (op->u.tnl_pop.n_tags * sizeof(struct parse_vlan_hdr)
            - (hook_whole_len(ctx) - hook_frame_len(ctx)));
}

/* Looks at the header of the packet of 'scratch', from the IP header on, and
 * stores in '*h' what there is to know of it.  Returns true if it can be
 * popped as 'op' says. */
static __always_inline bool
tunnel_look_at(struct hook_md *ctx, const struct xdp_scratch *scratch,
               const struct xdp_op *op, struct tunnel_header *h)
{
    __u32 tags_len = tunnel_tags_len(ctx, op);
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
        if (ip->frag_off & bpf_htons(TUNNEL_IP_DF)) {
            h->tun_flags |= PARSE_FIELD(tun_flags, xdp_tunnel_df);
        }
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
    return h->len + sizeof(struct ethhdr) <= hook_frame_len(ctx);
}

/* Stores the addresses of the IP header 'ofs' bytes behind the start of the
 * packet in the tunnel words of 'scratch'. */
static __always_inline void
tunnel_store_addresses(struct hook_md *ctx, struct xdp_scratch *scratch,
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
 * packet, which are there, 1 to XDP_TUNNEL_MAX_OPTS, in the tunnel words of
 * 'scratch'. */
static __always_inline void
tunnel_store_opts(struct hook_md *ctx, struct xdp_scratch *scratch, __u32 ofs,
                  __u32 len)
{
#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_UPCALL_OPTS_WORDS; i++) {
        scratch->words[PARSE_WORD(tun_opts) + i] = 0;
    }
    hook_load_bytes(ctx, ofs, &scratch->words[PARSE_WORD(tun_opts)],
                    verifier_mask(len - 1, XDP_TUNNEL_MAX_OPTS - 1) + 1);
    scratch->in_tunnel = MAPS_TUNNEL_RARE;
}

/* Begins the last op of 'rest', XDP_OP_TNL_POP, if it can be run on the packet
 * of the scratch, which becomes that of a packet that came in on the tunnel.
 * Returns false, and leaves all as it is, if it cannot. */
__noinline int
tunnel_begin_pop(struct hook_md *ctx, const struct xdp_flow_rest *rest)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct tunnel_header h = { .opts_len = 0 };
    const struct xdp_op *op;

    if (!scratch || !rest) {
        return false;
    }
    op = &rest->ops[(rest->n_ops - 1U) % XDP_FLOW_MAX_OPS];
    if (!tunnel_look_at(ctx, scratch, op, &h) || !tunnel_can_pop(ctx, &h)) {
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
    scratch->pop_len = h.len - tunnel_tags_len(ctx, op);
    return true;
}

#endif /* tunnel_pop.h */
