/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Translation of addresses and ports: a packet of one direction of a
 * connection, whose tuple that direction has, gets the tuple of the other one,
 * with source and destination exchanged.
 */

#ifndef BPF_CT_NAT_H
#define BPF_CT_NAT_H 1

#include "csum.h"
#include "ct_conn.h"
#include "ct_packet.h"
#include "hash.h"
#include "op.h"
#include "set_ip.h"
#include "set_l4.h"

/* Which address ct_translate_ipv6() is about. */
enum ct_address {
    CT_REPLY = 1 << 0,          /* Of a packet of direction 1... */
    CT_DST = 1 << 1,            /* ...the destination. */
};

/* Returns what translation makes of IPv4 packets of direction 'dir' of
 * 'conn'. */
static __always_inline struct xdp_ct_nat
ct_nat(struct xdp_conn *conn, __u32 dir)
{
    const struct xdp_conn_dir *own = ct_dir(conn, dir);
    const struct xdp_conn_dir *other = ct_dir(conn, !dir);
    __u64 address = own->address, new_address = other->address;
    union xdp_conn_id id = { .word = own->id }, new_id;
    __be32 old[] = { HASH_TAKE(address, 32, 0), HASH_TAKE(address, 32, 4) };
    __be32 new[] = { HASH_TAKE(new_address, 32, 4),
                     HASH_TAKE(new_address, 32, 0) };
    struct xdp_ct_nat nat = {};
    __u32 diff = 0;

    CT_STOP(ADDRESS);
    new_id.word = ct_reverse_id(other->id);

    /* No zero becomes another one in a checksum where nothing changes. */
    diff = new[0] != old[0] ? csum_diff32(diff, old[0], new[0]) : diff;
    diff = new[1] != old[1] ? csum_diff32(diff, old[1], new[1]) : diff;
    nat.address_diff = diff;
    diff = new_id.src != id.src ? csum_diff16(0, id.src, new_id.src) : 0;
    diff = new_id.dst != id.dst ? csum_diff16(diff, id.dst, new_id.dst) : diff;
    nat.ports_diff = diff;
    nat.addresses = PARSE_PLACE(new[0], 4, 0) | PARSE_PLACE(new[1], 4, 4);
    nat.ports = HASH_TAKE(new_id.word, 32, 0);
    return nat;
}

/* Makes the addresses at 'addresses', with 'csum' of their header, what 'nat'
 * says. */
static __always_inline void
ct_nat_addresses(const struct xdp_ct_nat *nat, void *addresses, __u16 *csum)
{
    *csum = csum_apply(*csum, nat->address_diff);
    *(__u64 *) addresses = nat->addresses;
}

/* As ct_nat_addresses(), with 'ip_csum', and makes the ports at 'ports', with
 * 'csum' of TCP if 'is_tcp', otherwise of UDP, what 'nat' says. */
static __always_inline void
ct_nat_apply(const struct xdp_ct_nat *nat, void *addresses, __u16 *ip_csum,
             void *ports, __u16 *csum, bool is_tcp)
{
    ct_nat_addresses(nat, addresses, ip_csum);
    *csum = (is_tcp
             ? csum_apply(csum_apply(*csum, nat->address_diff),
                          nat->ports_diff)
             : csum_apply_udp(csum_apply_udp(*csum, nat->address_diff),
                              nat->ports_diff));
    *(__u32 *) ports = nat->ports;
}

/* Updates 'csum' of TCP or, if 'what' is HOOK_CSUM_UDP, of UDP, 'ofs' bytes
 * behind the start of the packet, for what 'nat' has changed. */
static __always_inline void
ct_nat_update_csum(struct hook_md *ctx, const struct xdp_ct_nat *nat,
                   __u16 *csum, __u32 ofs, __u32 what)
{
    hook_update_csum(ctx, csum, ofs, nat->address_diff,
                     what | HOOK_CSUM_PSEUDO);
    hook_update_csum(ctx, csum, ofs, nat->ports_diff, what);
}

/* Makes one address of the IPv6 packet, with 'layers', which belongs to the
 * connection at 'index', what it becomes by translation.  'what' is enum
 * ct_address. */
__noinline int
ct_translate_ipv6(struct hook_md *ctx, __u32 index, __u32 what, __u64 layers)
{
    __u32 dir = what & CT_REPLY;
    struct xdp_conn *conn = ct_conn(index);
    struct xdp_op ops[3] = {};
    union xdp_op_data *value = (union xdp_op_data *) &ops[1];
    union xdp_op_data *mask = (union xdp_op_data *) &ops[2];
    const __u64 *more;

    if (!conn) {
        return OP_DROP_BAD_OP;
    }
    more = dir ? conn->more[0] : conn->more[1];
    mask->label[0] = mask->label[1] = ~0ULL;
    if (what & CT_DST) {
        ops[0].type = XDP_OP_SET_IPV6_DST;
        value->label[0] = ct_dir(conn, !dir)->address;
        value->label[1] = more[0];
    } else {
        ops[0].type = XDP_OP_SET_IPV6_SRC;
        value->label[0] = more[1];
        value->label[1] = more[2];
    }
    return set_ipv6_addresses_inline(ctx, ops, layers);
}

/* Makes the ports of the IPv6 packet, with 'layers', those of the tuple with
 * 'word'. */
__noinline int
ct_translate_ports(struct hook_md *ctx, __u64 word, __u64 layers)
{
    union xdp_conn_id id = { .word = word };
    struct xdp_op ops[1] = {};

    if (id.proto != IPPROTO_TCP && id.proto != IPPROTO_UDP) {
        return OP_OK;
    }
    ops[0].type = id.proto == IPPROTO_TCP ? XDP_OP_SET_TCP : XDP_OP_SET_UDP;
    ops[0].u.ports.src = id.src;
    ops[0].u.ports.dst = id.dst;
    ops[0].u.ports.src_mask = ops[0].u.ports.dst_mask = 0xffff;
    return set_ports_inline(ctx, ops, layers);
}

/* As ct_translate(), for IPv4. */
static __always_inline int
ct_translate_ipv4(struct hook_md *ctx, struct xdp_conn *conn, __u32 dir,
                  __u64 layers)
{
    struct xdp_layers l = op_layers(layers);
    struct xdp_ct_nat nat = ct_nat(conn, dir);
    struct iphdr *ip = parse_at(ctx, l.net_ofs, sizeof *ip);
    struct udphdr *udp = parse_at(ctx, l.l4_ofs, sizeof *udp);
    __u64 ports = PARSE_PLACE(nat.ports, 4, 0);
    struct tcphdr *tcp;
    __be16 *icmp;

    if (!ip || !udp) {
        return OP_DROP_TOO_SHORT;
    }
    switch (l.l4_proto) {
    case IPPROTO_TCP:
        tcp = parse_at(ctx, l.l4_ofs, sizeof *tcp);
        if (!tcp) {
            return OP_DROP_TOO_SHORT;
        }
        ct_nat_addresses(&nat, &ip->saddr, &ip->check);
        *(__u32 *) tcp = nat.ports;
        ct_nat_update_csum(ctx, &nat, &tcp->check, l.l4_ofs + SET_TCP_CSUM,
                           0);
        return OP_OK;

    case IPPROTO_UDP:
        ct_nat_addresses(&nat, &ip->saddr, &ip->check);
        *(__u32 *) udp = nat.ports;
        ct_nat_update_csum(ctx, &nat, &udp->check, l.l4_ofs + SET_UDP_CSUM,
                           HOOK_CSUM_UDP);
        return OP_OK;

    default:
        /* An ICMP header is as long. */
        icmp = (__be16 *) udp;
        ct_nat_addresses(&nat, &ip->saddr, &ip->check);
        icmp[2] = HASH_TAKE(ports, 16, 0);
        hook_update_csum(ctx, &icmp[1], l.l4_ofs + SET_ICMP_CSUM,
                         nat.ports_diff, 0);
        return OP_OK;
    }
}

/* Makes addresses and ports of the packet, with 'layers', which belongs to
 * direction 'dir' of 'conn' at 'index', what they become by translation. */
static __always_inline int
ct_translate(struct hook_md *ctx, struct xdp_conn *conn, __u32 index,
             __u32 dir, __u64 layers)
{
    __u64 id = ct_dir(conn, !dir)->id;
    int result;

    if (!(id & PARSE_PLACE(1, 1, 7))) {
        return ct_translate_ipv4(ctx, conn, dir, layers);
    }
    dir = dir ? CT_REPLY : 0;
    result = ct_translate_ipv6(ctx, index, dir, layers);
    if (result >= 0) {
        result = ct_translate_ipv6(ctx, index, dir | CT_DST, layers);
    }
    CT_STOP(ADDRESS);
    return (result < 0 ? result
            : ct_translate_ports(ctx, ct_reverse_id(id), layers));
}

#endif /* ct_nat.h */
