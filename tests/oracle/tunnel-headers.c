/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random outer headers: such as XDP is to pop, with something wrong or unusual
 * about some of them, and such as userspace builds for it to push.
 */

#include <config.h>

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "csum.h"
#include "flow.h"
#include "odp-netlink.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "tunnels.h"
#include "util.h"

/* Appends 'value' to 'f'. */
static void
put32(struct frame *f, uint32_t value)
{
    ovs_be32 be = htonl(value);

    put(f, &be, sizeof be);
}

/* Appends an IPv4 header of the protocol 'proto' to 'f'. */
static void
put_ipv4(struct outer *o, struct frame *f, uint8_t proto)
{
    bool has_options = one_in(40);
    bool is_fragment = one_in(40);
    uint8_t ttl_proto[2] = { rnd(256), proto };
    uint8_t first[2] = { has_options ? 0x46 : 0x45, rnd(256) };

    if (one_in(40)) {
        /* Whatever version it says, the Ethertype says IPv4. */
        first[0] ^= 1 << (4 + rnd(4));
        o->is_hard = true;
    }
    put(f, first, sizeof first);
    put16(f, 0);
    put16(f, rnd(65536));
    put16(f, (one_in(2) ? IP_DF : 0) | (is_fragment ? IP_MORE_FRAGMENTS : 0));
    put(f, ttl_proto, sizeof ttl_proto);
    put16(f, 0);
    put_random(f, 8);
    if (has_options) {
        put32(f, 0x01010101);
    }
    o->is_hard |= is_fragment;
}

/* Appends an IPv6 header of the protocol 'proto' to 'f'. */
static void
put_ipv6(struct outer *o, struct frame *f, uint8_t proto)
{
    bool has_extension = one_in(20);
    uint32_t version = 6;
    uint8_t next_hops[2] = { has_extension ? 0 : proto, rnd(256) };

    if (one_in(40)) {
        version ^= 1 << rnd(4);
        o->is_hard = true;
    }
    put32(f, version << 28 | rnd(1 << 28));
    put16(f, 0);
    put(f, next_hops, sizeof next_hops);
    put_random(f, 32);
    if (has_extension) {
        uint8_t hop_by_hop[8] = { proto, 0, 1, 4 };

        put(f, hop_by_hop, sizeof hop_by_hop);
        o->is_hard |= proto == IPPROTO_UDP;
    }
}

/* Appends the header of UDP and of what is above it to 'f'. */
static void
put_udp(struct outer *o, struct frame *f)
{
    put16(f, rnd(65536));
    put16(f, o->type == XDP_TUNNEL_VXLAN ? 4789 : 6081);
    put16(f, 0);
    o->csum_ofs = f->size;
    put16(f, 0);
    if (o->type == XDP_TUNNEL_VXLAN) {
        uint32_t flags = 0x08000000;

        if (one_in(30)) {
            flags ^= UINT32_C(1) << rnd(32);
            /* GPE, with protocol 0, is dropped, and so is all else. */
        } else if (one_in(30)) {
            /* GPE with an Ethernet frame. */
            flags |= 0x04000003;
            o->is_hard = true;
        }
        put32(f, flags);
        put32(f, rnd(1 << 24) << 8 | (one_in(30) ? rnd(256) : 0));
    } else {
        size_t opts_len = 4 * (one_in(3) ? 0 : rnd(one_in(8) ? 17 : 9));
        uint8_t first[2] = { opts_len / 4, one_in(2) ? 0 : rnd(256) };

        first[0] |= one_in(30) ? 0x40 : 0;
        put(f, first, sizeof first);
        put16(f, one_in(30) ? ETH_TYPE_IP : ETH_TYPE_TEB);
        put32(f, rnd(1 << 24) << 8 | rnd(256));
        put_random(f, opts_len);
        o->is_hard |= opts_len > XDP_TUNNEL_MAX_OPTS;
    }
}

/* Appends a GRE header, or that of ERSPAN, to 'f'. */
static void
put_gre(struct outer *o, struct frame *f)
{
    uint16_t flags = 0;

    if (o->type == XDP_TUNNEL_ERSPAN) {
        bool is_type_iii = one_in(10);
        bool has_seq = !one_in(20);

        put16(f, has_seq ? GRE_SEQ : 0);
        put16(f, is_type_iii ? ETH_TYPE_ERSPAN2 : ETH_TYPE_ERSPAN1);
        put32(f, rnd(UINT32_MAX));
        put16(f, (is_type_iii ? 2 : one_in(30) ? 3 : 1) << 12 | rnd(1 << 12));
        put16(f, rnd(65536));
        put32(f, rnd(UINT32_MAX));
        if (is_type_iii) {
            put32(f, rnd(UINT32_MAX));
        }
        o->is_hard |= is_type_iii || !has_seq;
        return;
    }

    flags |= o->has_csum ? GRE_CSUM : 0;
    flags |= one_in(2) ? GRE_KEY : 0;
    flags |= one_in(4) ? GRE_SEQ : 0;
    put16(f, flags | (one_in(30) ? 0x4000 : 0));
    if (one_in(20)) {
        put16(f, one_in(2) ? ETH_TYPE_IP : 5);
        o->is_hard = true;
    } else {
        put16(f, ETH_TYPE_TEB);
    }
    if (flags & GRE_CSUM) {
        o->csum_ofs = f->size;
        put32(f, 0);
    }
    if (flags & GRE_KEY) {
        put32(f, rnd(UINT32_MAX));
    }
    if (flags & GRE_SEQ) {
        put32(f, rnd(UINT32_MAX));
    }
}

/* Sets the lengths and checksums of the outer header of 'f', which are right
 * in most cases. */
static void
finish_outer(struct outer *o, struct frame *f)
{
    bool is_udp = o->type != XDP_TUNNEL_GRE && o->type != XDP_TUNNEL_ERSPAN;
    uint8_t *l3 = f->data + o->l3_ofs;
    uint8_t *l4 = f->data + o->l4_ofs;
    size_t l4_size = f->size - o->l4_ofs;
    int wrong_len = (one_in(20) ? -rnd(20) : one_in(30) ? 1 : 0);
    uint32_t sum = 0;

    if (o->is_ipv6) {
        struct ovs_16aligned_ip6_hdr *ip6 = (void *) l3;

        ip6->ip6_plen = htons(f->size - o->l3_ofs - IPV6_HEADER_LEN
                              + wrong_len);
        if (is_udp) {
            sum = packet_csum_pseudoheader6(ip6);
        }
    } else {
        struct ip_header *ip = (void *) l3;

        ip->ip_tot_len = htons(f->size - o->l3_ofs + wrong_len);
        ip->ip_csum = csum(ip, IP_IHL(ip->ip_ihl_ver) * 4);
        if (one_in(30)) {
            ip->ip_csum ^= htons(1 << rnd(16));
        }
        if (is_udp) {
            sum = packet_csum_pseudoheader(ip);
        }
    }

    if (is_udp) {
        ovs_be16 udp_len = htons(l4_size);

        memcpy(l4 + offsetof(struct udp_header, udp_len), &udp_len,
               sizeof udp_len);
    }
    if (o->has_csum && o->csum_ofs) {
        /* Userspace adds up all that is there, padding included. */
        ovs_be16 result = csum_finish(csum_continue(sum, l4, l4_size));

        if (!result) {
            result = OVS_BE16_MAX;
        }
        if (one_in(20)) {
            result ^= htons(1 << rnd(16));
        }
        memcpy(f->data + o->csum_ofs, &result, sizeof result);
    }
}

/* Makes 'f' a packet with 'inner' behind a random outer header, of which '*o'
 * tells what is special. */
void
make_outer(struct outer *o, struct frame *f, const struct frame *inner)
{
    uint8_t proto;

    memset(o, 0, sizeof *o);
    o->type = 1 + rnd(N_TYPES - 1);
    o->is_ipv6 = one_in(2);
    o->has_csum = one_in(2);
    o->n_tags = one_in(4) ? 1 + rnd(2) : 0;
    proto = (o->type == XDP_TUNNEL_GRE || o->type == XDP_TUNNEL_ERSPAN
             ? IPPROTO_GRE : IPPROTO_UDP);

    f->size = 0;
    put_random(f, 2 * ETH_ADDR_LEN);
    for (int i = 0; i < o->n_tags; i++) {
        put16(f, one_in(2) ? ETH_TYPE_VLAN_8021Q : ETH_TYPE_VLAN_8021AD);
        put16(f, rnd(65536));
    }
    put16(f, o->is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    o->l3_ofs = f->size;
    if (o->is_ipv6) {
        put_ipv6(o, f, proto);
    } else {
        put_ipv4(o, f, proto);
    }
    o->l4_ofs = f->size;
    if (proto == IPPROTO_UDP) {
        put_udp(o, f);
    } else {
        put_gre(o, f);
    }
    if (inner->size < ETH_HEADER_LEN) {
        o->is_hard = true;
    }
    put(f, inner->data, inner->size);
    finish_outer(o, f);
}

/* Makes '*push' a header to push, as the functions of userspace that build one
 * do. */
void
make_push(struct ovs_action_push_tnl *push)
{
    struct frame f = { .size = 0 };
    struct outer o = { .type = 1 + rnd(XDP_TUNNEL_ERSPAN) };
    bool is_udp = o.type != XDP_TUNNEL_GRE && o.type != XDP_TUNNEL_ERSPAN;

    o.is_ipv6 = one_in(2);
    o.has_csum = one_in(2);
    put_random(&f, 2 * ETH_ADDR_LEN);
    put16(&f, o.is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    if (o.is_ipv6) {
        uint8_t next_hops[2] = { is_udp ? IPPROTO_UDP : IPPROTO_GRE,
                                 rnd(256) };

        put32(&f, UINT32_C(6) << 28 | rnd(256) << 20);
        put16(&f, 0);
        put(&f, next_hops, sizeof next_hops);
        put_random(&f, 32);
    } else {
        struct ip_header *ip = (void *) (f.data + f.size);
        uint8_t first[2] = { 0x45, rnd(256) };
        uint8_t ttl_proto[2] = { rnd(256),
                                 is_udp ? IPPROTO_UDP : IPPROTO_GRE };

        put(&f, first, sizeof first);
        put32(&f, 0);
        put16(&f, one_in(2) ? IP_DF : 0);
        put(&f, ttl_proto, sizeof ttl_proto);
        put16(&f, 0);
        put_random(&f, 8);
        ip->ip_csum = csum(ip, sizeof *ip);
    }
    if (is_udp) {
        put16(&f, 0);
        put16(&f, rnd(65536));
        put16(&f, 0);
        put16(&f, o.has_csum ? UINT16_MAX : 0);
        put_random(&f, 8 + (o.type == XDP_TUNNEL_GENEVE ? 4 * rnd(8) : 0));
    } else if (o.type == XDP_TUNNEL_GRE) {
        bool has_key = one_in(2), has_seq = !o.has_csum && one_in(2);

        put16(&f, ((o.has_csum ? GRE_CSUM : 0) | (has_key ? GRE_KEY : 0)
                   | (has_seq ? GRE_SEQ : 0)));
        put16(&f, ETH_TYPE_TEB);
        if (o.has_csum) {
            put32(&f, 0);
        }
        if (has_key) {
            put_random(&f, 4);
        }
        if (has_seq) {
            put32(&f, 0);
        }
    } else {
        put16(&f, GRE_SEQ);
        put16(&f, ETH_TYPE_ERSPAN1);
        put32(&f, 0);
        put16(&f, 0x1000 | rnd(1 << 12));
        put_random(&f, 6);
    }

    memset(push, 0, sizeof *push);
    push->tnl_port = u32_to_odp(rnd(XDP_SEQUENCE_MAX));
    push->tnl_type = (o.type == XDP_TUNNEL_VXLAN ? OVS_VPORT_TYPE_VXLAN
                      : o.type == XDP_TUNNEL_GENEVE ? OVS_VPORT_TYPE_GENEVE
                      : o.type == XDP_TUNNEL_ERSPAN ? OVS_VPORT_TYPE_ERSPAN
                      : o.is_ipv6 ? OVS_VPORT_TYPE_IP6GRE
                      : OVS_VPORT_TYPE_GRE);
    push->header_len = f.size;
    memcpy(push->header, f.data, f.size);
}
