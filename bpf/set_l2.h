/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Setting Ethernet addresses, and what is in ARP and RARP packets.
 */

#ifndef BPF_SET_L2_H
#define BPF_SET_L2_H 1

#include "csum.h"
#include "parse_other.h"
#include "set.h"

/* Sets the bits 'mask' of '*p' to 'value'.  Returns 'diff' with the change. */
static __always_inline __u32
set_bits(__be16 *p, __be16 value, __be16 mask, __u32 diff)
{
    __be16 old = *p;

    *p = SET_BITS(old, value, mask);
    return csum_diff16(diff, old, *p);
}

/* Sets bits of the two addresses at 'first' and 'second'.  Returns 'diff' with
 * the changes. */
static __always_inline __u32
set_macs(__be16 *first, __be16 *second, const struct xdp_op_macs *value,
         const struct xdp_op_macs *mask, __u32 diff)
{
#pragma clang loop unroll(full)
    for (int i = 0; i < 3; i++) {
        diff = set_bits(&first[i], value->first[i], mask->first[i], diff);
        diff = set_bits(&second[i], value->second[i], mask->second[i], diff);
    }
    return diff;
}

/* Runs 'op', which is XDP_OP_SET_ETHERNET. */
static __always_inline int
set_ethernet_inline(struct hook_md *ctx, const struct xdp_op *op)
{
    __be16 *macs = parse_at(ctx, 0, 2 * ETH_ALEN);

    if (!macs) {
        return OP_DROP_TOO_SHORT;
    }
    set_macs(macs, macs + 3, &op->u.macs, &op_data(op, 1)->macs, 0);
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
    __u32 diff;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    arp = parse_at(ctx, l.net_ofs, sizeof *arp);
    if (!arp) {
        return OP_DROP_TOO_SHORT;
    }

    value = &op->u.arp;
    mask = &op_data(op, 1)->arp;
    diff = set_bits(&arp->op, value->op, mask->op, 0);
#pragma clang loop unroll(full)
    for (int j = 0; j < 2; j++) {
        diff = set_bits(&arp->spa[j], ((__be16 *) &value->sip)[j],
                        ((__be16 *) &mask->sip)[j], diff);
        diff = set_bits(&arp->tpa[j], ((__be16 *) &value->tip)[j],
                        ((__be16 *) &mask->tip)[j], diff);
    }
    diff = set_macs(arp->sha, arp->tha, &op_data(op, 2)->macs,
                    &op_data(op, 3)->macs, diff);
    hook_note_change(ctx, diff);
    return OP_OK;
}

#endif /* set_l2.h */
