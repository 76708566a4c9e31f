/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Setting ports of TCP and UDP, type and code of ICMP and ICMPv6, and what is
 * in neighbour discovery messages, with their checksums.
 */

#ifndef BPF_SET_L4_H
#define BPF_SET_L4_H 1

#include "csum.h"
#include "parse_ipv6.h"
#include "set.h"
#include "set_ip.h"

#define SET_ND_LEN 24           /* Of a message without options. */
#define SET_ND_MAX_OPTS PARSE_ND_MAX_OPTS

/* Runs 'op', which is XDP_OP_SET_TCP or XDP_OP_SET_UDP. */
static __always_inline int
set_ports_inline(struct hook_md *ctx, const struct xdp_op *op, __u64 layers)
{
    struct xdp_layers l = op_layers(layers);
    __be16 src, dst;
    __be16 *ports;
    __u32 diff = 0;

    ports = parse_at(ctx, l.l4_ofs, sizeof(struct udphdr));
    if (!ports || !l.l4_ofs || l.l4_size < sizeof(struct udphdr)) {
        return OP_OK;
    }

    src = SET_BITS(ports[0], op->u.ports.src, op->u.ports.src_mask);
    dst = SET_BITS(ports[1], op->u.ports.dst, op->u.ports.dst_mask);
    if (src != ports[0]) {
        diff = csum_diff16(diff, ports[0], src);
    }
    if (dst != ports[1]) {
        diff = csum_diff16(diff, ports[1], dst);
    }

    if (op->type == XDP_OP_SET_UDP) {
        struct udphdr *udp = (void *) ports;

        ports[0] = src;
        ports[1] = dst;
        hook_update_csum(ctx, &udp->check, l.l4_ofs + SET_UDP_CSUM, diff,
                         HOOK_CSUM_UDP);
    } else {
        struct tcphdr *tcp = parse_at(ctx, l.l4_ofs, sizeof *tcp);
        __u32 len;

        if (!tcp) {
            return OP_OK;
        }
        len = tcp->doff * 4;
        if (len < sizeof *tcp || len > l.l4_size) {
            return OP_OK;
        }
        ports[0] = src;
        ports[1] = dst;
        hook_update_csum(ctx, &tcp->check, l.l4_ofs + SET_TCP_CSUM, diff, 0);
    }
    return OP_OK;
}

/* Runs XDP_OP_SET_TCP and XDP_OP_SET_UDP. */
__noinline int
set_ports(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
          __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 0);

    return op ? set_ports_inline(ctx, op, layers) : OP_DROP_BAD_OP;
}

/* Runs XDP_OP_SET_ICMP. */
__noinline int
set_icmp(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
         __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 0);
    struct xdp_layers l = op_layers(layers);
    __be16 type_code;
    __be16 *icmp;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    icmp = parse_at(ctx, l.l4_ofs, PARSE_ICMP_HEADER_LEN);
    if (!icmp || !l.l4_ofs || l.l4_size < PARSE_ICMP_HEADER_LEN) {
        return OP_OK;
    }

    type_code = SET_BITS(icmp[0],
                         bpf_htons(op->u.icmp.type << 8 | op->u.icmp.code),
                         bpf_htons(op->u.icmp.type_mask << 8
                                   | op->u.icmp.code_mask));
    if (type_code != icmp[0]) {
        __u32 diff = csum_diff16(0, icmp[0], type_code);

        icmp[0] = type_code;
        hook_update_csum(ctx, &icmp[1], l.l4_ofs + SET_ICMP_CSUM, diff, 0);
    }
    return OP_OK;
}

/* Runs XDP_OP_SET_ND_TARGET. */
__noinline int
set_nd_target(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
              __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 2);
    struct xdp_layers l = op_layers(layers);
    __be32 *nd;
    __u32 diff;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    nd = parse_at(ctx, l.l4_ofs, SET_ND_LEN);
    if (!nd || !l.l4_ofs || l.l4_size < SET_ND_LEN) {
        return OP_OK;
    }

    diff = set_ipv6_address(nd + 2, op_data(op, 1)->address,
                            op_data(op, 2)->address);
    if (diff) {
        hook_update_csum(ctx, (__be16 *) nd + 1, l.l4_ofs + SET_ICMP_CSUM,
                         diff, 0);
    }
    return OP_OK;
}

/* A search for the first option with a link-layer address. */
struct set_nd_walk {
    struct hook_md *ctx;
    __u32 ofs;                  /* Of the option to look at. */
    __u32 size;                 /* What is left of the IP payload. */
    __u8 type;                  /* Of the option that was found, or 0. */
};

/* Looks at one option.  Returns 1 to end the search. */
static long
set_nd_option(__u32 i, struct set_nd_walk *w)
{
    __u8 *opt = parse_at(w->ctx, w->ofs, PARSE_ND_OPT_UNIT);

    if (!opt || w->ofs > PARSE_MAX_OFS || w->size < PARSE_ND_OPT_UNIT
        || !opt[1] || opt[1] * PARSE_ND_OPT_UNIT > w->size) {
        return 1;
    }
    if (opt[1] == 1 && (opt[0] == PARSE_ND_OPT_SOURCE
                        || opt[0] == PARSE_ND_OPT_TARGET)) {
        w->type = opt[0];
        return 1;
    }
    w->ofs += opt[1] * PARSE_ND_OPT_UNIT;
    w->size -= opt[1] * PARSE_ND_OPT_UNIT;
    return 0;
}

/* Runs XDP_OP_SET_ND_LL.  A message has one of the two addresses. */
__noinline int
set_nd_ll(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
          __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 1);
    struct xdp_layers l = op_layers(layers);
    struct set_nd_walk w = {
        .ctx = ctx,
        .ofs = l.l4_ofs + SET_ND_LEN,
        .size = l.l4_size - SET_ND_LEN,
    };
    const __be16 *value, *mask;
    __u32 diff = 0;
    __be16 *csum, *mac;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    if (!l.l4_ofs || l.l4_size < SET_ND_LEN) {
        return OP_OK;
    }
    bpf_loop(SET_ND_MAX_OPTS, set_nd_option, &w, 0);
    if (w.ofs > PARSE_MAX_OFS && w.size >= PARSE_ND_OPT_UNIT) {
        /* It may be there, where nobody can look. */
        return OP_DROP_TOO_SHORT;
    }
    csum = parse_at(ctx, l.l4_ofs, SET_ND_LEN);
    mac = parse_at(ctx, w.ofs, PARSE_ND_OPT_UNIT);
    if (!w.type || !csum || !mac) {
        return OP_OK;
    }
    csum += 1;
    mac += 1;
    if (w.type == PARSE_ND_OPT_SOURCE) {
        value = op->u.macs.first;
        mask = op_data(op, 1)->macs.first;
    } else {
        value = op->u.macs.second;
        mask = op_data(op, 1)->macs.second;
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < 3; j++) {
        __be16 new = SET_BITS(mac[j], value[j], mask[j]);

        if (new != mac[j]) {
            diff = csum_diff16(diff, mac[j], new);
            mac[j] = new;
        }
    }
    hook_update_csum(ctx, csum, l.l4_ofs + SET_ICMP_CSUM, diff, 0);
    return OP_OK;
}

#endif /* set_l4.h */
