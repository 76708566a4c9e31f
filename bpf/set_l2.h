/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Setting Ethernet addresses, and what is in ARP and RARP packets.
 */

#ifndef BPF_SET_L2_H
#define BPF_SET_L2_H 1

#include "parse_other.h"
#include "set.h"

/* Sets bits of the two addresses at 'first' and 'second'. */
static __always_inline void
set_macs(__be16 *first, __be16 *second, const struct xdp_op_macs *value,
         const struct xdp_op_macs *mask)
{
#pragma clang loop unroll(full)
    for (int i = 0; i < 3; i++) {
        first[i] = SET_BITS(first[i], value->first[i], mask->first[i]);
        second[i] = SET_BITS(second[i], value->second[i], mask->second[i]);
    }
}

/* Runs 'op', which is XDP_OP_SET_ETHERNET. */
static __always_inline int
set_ethernet_inline(struct hook_md *ctx, const struct xdp_op *op)
{
    __be16 *macs = parse_at(ctx, 0, 2 * ETH_ALEN);

    if (!macs) {
        return OP_DROP_TOO_SHORT;
    }
    set_macs(macs, macs + 3, &op->u.macs, &op_data(op, 1)->macs);
    return OP_OK;
}

/* Runs XDP_OP_SET_ETHERNET. */
__noinline int
set_ethernet(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i)
{
    const struct xdp_op *op = op_at(rest, i, 1);

    return op ? set_ethernet_inline(ctx, op) : OP_DROP_BAD_OP;
}

/* Runs XDP_OP_SET_ARP. */
__noinline int
set_arp(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
        __u64 layers)
{
    const struct xdp_op *op = op_at(rest, i, 3);
    struct xdp_layers l = op_layers(layers);
    const struct xdp_op_arp *value, *mask;
    struct parse_arp_hdr *arp;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    arp = parse_at(ctx, l.net_ofs, sizeof *arp);
    if (!arp) {
        return OP_DROP_TOO_SHORT;
    }

    value = &op->u.arp;
    mask = &op_data(op, 1)->arp;
    arp->op = SET_BITS(arp->op, value->op, mask->op);
#pragma clang loop unroll(full)
    for (int j = 0; j < 2; j++) {
        arp->spa[j] = SET_BITS(arp->spa[j], ((__be16 *) &value->sip)[j],
                               ((__be16 *) &mask->sip)[j]);
        arp->tpa[j] = SET_BITS(arp->tpa[j], ((__be16 *) &value->tip)[j],
                               ((__be16 *) &mask->tip)[j]);
    }
    set_macs(arp->sha, arp->tha, &op_data(op, 2)->macs,
             &op_data(op, 3)->macs);
    return OP_OK;
}

#endif /* set_l2.h */
