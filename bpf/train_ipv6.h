/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Trains of IPv6 packets: as train.h says, but with TCP or UDP right behind
 * the IPv6 header, and of flows with XDP_FLOW_SIMPLE only.
 *
 * All bytes that the parser looks at in such a packet are compared, the whole
 * first word of the IPv6 header included, but for the payload's length, which
 * has to be so that the parser would come to the same result.
 *
 * train6_run() is a function of its own, which the verifier looks at once.
 */

#ifndef BPF_TRAIN_IPV6_H
#define BPF_TRAIN_IPV6_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>

#include "fast.h"
#include "maps.h"
#include "mtu.h"
#include "parse.h"
#include "stats.h"
#include "train_base.h"

/* Offsets in an IPv6 packet, as in train_base.h. */
#define TRAIN6_TYPE     8       /* And what is in front of the Ethertype and
                                 * behind it. */
#define TRAIN6_LABEL    16      /* The lower bits of the label. */
#define TRAIN6_PLEN     18
#define TRAIN6_PROTO    20      /* And the hop limit. */
#define TRAIN6_ADDRESSES 22
#define TRAIN6_PORTS    54
#define TRAIN6_TCP_CTL  66      /* Length of the TCP header, flags. */
#define TRAIN6_LEN      68

/* No verdict. */
#define TRAIN6_OTHER    (-1)

#define TRAIN6_IP_LEN   40

/* Returns true if the packet from 'base' to 'end' is so long that the parser
 * finds the headers of 'train' in it. */
static __always_inline bool
train6_length_ok(const struct xdp_train_ipv6 *train, const void *base,
                 const void *end)
{
    __u32 plen = bpf_ntohs(*(__be16 *) (base + TRAIN6_PLEN));
    __u64 left = end - base - ETH_HLEN - TRAIN6_IP_LEN;

    return plen >= train->min_len && plen <= left && left <= 0xffff;
}

/* Returns true if the packet has the headers of 'train', and stores its length
 * in '*lenp'. */
static __always_inline bool
train6_equal(struct xdp_md *ctx, const struct xdp_train_ipv6 *train,
             __u64 *lenp)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    void *base;
    __u64 diff;

    if (data + TRAIN_TAG > end) {
        return false;
    }
    *lenp = end - data;
    base = train_base_of(data, end, train->tags_len, TRAIN6_LEN);
    if (!base) {
        return false;
    }
    diff = ((*(__u64 *) data ^ train->macs)
            | (*(__u32 *) (data + TRAIN_MAC_END) ^ train->mac_end)
            | (*(__u64 *) (base + TRAIN6_TYPE) ^ train->type)
            | (*(__u16 *) (base + TRAIN6_LABEL) ^ train->label)
            | (*(__u16 *) (base + TRAIN6_PROTO) ^ train->proto)
            | (*(__u32 *) (base + TRAIN6_PORTS) ^ train->ports)
            | ((*(__u16 *) (base + TRAIN6_TCP_CTL) & train->tcp_ctl_mask)
               ^ train->tcp_ctl));
#pragma clang loop unroll(full)
    for (int i = 0; i < MAPS_TRAIN_ADDRESSES; i++) {
        diff |= (*(__u64 *) (base + TRAIN6_ADDRESSES + 8 * i)
                 ^ train->addresses[i]);
    }
    return !diff && train6_length_ok(train, base, end);
}

/* Stores the headers of the packet in '*train', or returns false if a train
 * cannot have them. */
static __always_inline bool
train6_keep(struct xdp_md *ctx, struct xdp_train_ipv6 *train)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    void *base;
    __u8 proto;

    if (data + ETH_HLEN > end) {
        return false;
    }
    train->tags_len = (parse_is_vlan(*(__be16 *) (data + TRAIN_TAG))
                       ? TRAIN_TAG_LEN : 0);
    base = train_base_of(data, end, train->tags_len, TRAIN6_LEN);
    if (!base
        || *(__be16 *) (base + TRAIN_ETH_TYPE) != bpf_htons(ETH_P_IPV6)) {
        return false;
    }

    proto = *(__u8 *) (base + TRAIN6_PROTO);
    if (proto == IPPROTO_TCP) {
        train->tcp_ctl_mask = 0xffff;
        train->min_len = (*(__u8 *) (base + TRAIN6_TCP_CTL) >> 4) * 4;
    } else if (proto == IPPROTO_UDP) {
        train->tcp_ctl_mask = 0;
        train->min_len = TRAIN_UDP_LEN;
    } else {
        return false;
    }
    train->macs = *(__u64 *) data;
    train->mac_end = *(__u32 *) (data + TRAIN_MAC_END);
    train->type = *(__u64 *) (base + TRAIN6_TYPE);
    train->label = *(__u16 *) (base + TRAIN6_LABEL);
    train->proto = *(__u16 *) (base + TRAIN6_PROTO);
    train->ports = *(__u32 *) (base + TRAIN6_PORTS);
    train->tcp_ctl = (*(__u16 *) (base + TRAIN6_TCP_CTL)
                      & train->tcp_ctl_mask);
#pragma clang loop unroll(full)
    for (int i = 0; i < MAPS_TRAIN_ADDRESSES; i++) {
        train->addresses[i] = *(__u64 *) (base + TRAIN6_ADDRESSES + 8 * i);
    }
    return train6_length_ok(train, base, end);
}

/* Runs the flow of the train on the packet, if that belongs to it.  Returns
 * the verdict, or TRAIN6_OTHER if it does not, or is too large for the way
 * out: then nothing has happened to it. */
__noinline int
train6_run(struct xdp_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    const struct xdp_train *train;
    const struct xdp_flow *flow;
    __u64 len = 0;
    __u32 slot;

    if (!scratch || !train6_equal(ctx, &scratch->train.ipv6, &len)) {
        return TRAIN6_OTHER;
    }
    train = &scratch->train;
    slot = train->slot;
    flow = bpf_map_lookup_elem(&xdp_flows, &slot);
    if (!flow || *(volatile const __u32 *) &flow->valid != train->valid
        || !mtu_fits_simple(ctx, scratch, flow)) {
        return TRAIN6_OTHER;
    }
    stats_flow(scratch, slot, 1, len, 0);
    return fast_run_simple(ctx, flow);
}

#endif /* train_ipv6.h */
