/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room for an MPLS label stack entry, at XDP: the front of the packet moves.
 */

#ifndef BPF_MPLS_ROOM_H
#define BPF_MPLS_ROOM_H 1

#include <linux/if_ether.h>

#include "op.h"
#include "parse_common.h"

/* The longest Ethernet header, with tags and SNAP, in front of a label. */
#define MPLS_MAX_NET_OFS 64

/* Makes 'type' the Ethertype of what is 'net_ofs' bytes behind the start of
 * the packet.  Returns false if the packet is too short. */
static __always_inline bool
mpls_set_ethertype(struct xdp_md *ctx, __u32 net_ofs, __be16 type)
{
    struct ethhdr *eth = parse_at(ctx, 0, sizeof *eth);
    __be16 *p;

    if (!eth || net_ofs < sizeof *eth) {
        return false;
    }
    if (!parse_is_vlan(eth->h_proto)) {
        eth->h_proto = type;
        return true;
    }
    p = parse_at(ctx, net_ofs - sizeof *p, sizeof *p);
    if (!p) {
        return false;
    }
    *p = type;
    return true;
}

/* Moves the front of the packet by 'offset' bytes, and the first 'net_ofs'
 * bytes with it.  Returns OP_OK or OP_DROP_*. */
static __always_inline int
mpls_move_front(struct xdp_md *ctx, __u32 net_ofs, int offset)
{
    /* Kernels before 6.3 want all of it to be initialized. */
    __u8 front[MPLS_MAX_NET_OFS] = { 0 };

    if (net_ofs < sizeof(struct ethhdr) || net_ofs > sizeof front
        || bpf_xdp_load_bytes(ctx, 0, front, net_ofs)) {
        return OP_DROP_TOO_SHORT;
    }
    if (bpf_xdp_adjust_head(ctx, offset)) {
        return OP_DROP_HEADROOM;
    }
    return (bpf_xdp_store_bytes(ctx, 0, front, net_ofs)
            ? OP_DROP_TOO_SHORT : OP_OK);
}

/* Inserts 'lse' 'net_ofs' bytes behind the start of the packet, with the
 * Ethertype 'type' in front of it.  Returns OP_OK or OP_DROP_*. */
static __always_inline int
mpls_insert(struct xdp_md *ctx, __u32 net_ofs, __be16 type, __be32 lse)
{
    __be32 *p;
    int result;

    if (!mpls_set_ethertype(ctx, net_ofs, type)) {
        return OP_DROP_TOO_SHORT;
    }
    result = mpls_move_front(ctx, net_ofs, -MPLS_LSE_LEN);
    if (result < 0) {
        return result;
    }
    p = parse_at(ctx, net_ofs, sizeof *p);
    if (!p) {
        return OP_DROP_TOO_SHORT;
    }
    *p = lse;
    return OP_OK;
}

/* Takes out the label stack entry that is 'net_ofs' bytes behind the start of
 * the packet.  What follows it has Ethertype 'type'.  Returns OP_OK or
 * OP_DROP_*. */
static __always_inline int
mpls_remove(struct xdp_md *ctx, __u32 net_ofs, __be16 type)
{
    return (mpls_set_ethertype(ctx, net_ofs, type)
            ? mpls_move_front(ctx, net_ofs, MPLS_LSE_LEN)
            : OP_DROP_TOO_SHORT);
}

#endif /* mpls_room.h */
