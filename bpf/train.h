/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Trains: packets of one connection that come one after the other, as most
 * packets do.  Once two packets have met the same flow, the headers of the
 * second one are kept, and those that follow with the same headers are not
 * parsed again.
 *
 * A train has IPv4 packets without VLAN tags or IP options, with TCP or UDP.
 * All bytes that the parser looks at are compared, but for the length, which
 * has to be so that the parser would come to the same result.  Equal headers
 * from the same device have equal keys; and as long as the slot has the number
 * in 'valid' that it had when the key was compared with it, it is the same
 * flow.
 *
 * Only lists of ops that ask for nothing in the scratch but the time are run
 * so: actions_is_simple() says which.
 */

#ifndef BPF_TRAIN_H
#define BPF_TRAIN_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>

#include "actions.h"
#include "maps.h"
#include "stats.h"

/* Offsets in an IPv4 packet without tags and options. */
#define TRAIN_ETH_TYPE  12
#define TRAIN_VER_IHL   14
#define TRAIN_TOT_LEN   16
#define TRAIN_FRAG      20      /* And TTL, protocol. */
#define TRAIN_PROTO     23
#define TRAIN_ADDRESSES 26
#define TRAIN_PORTS     34
#define TRAIN_TCP_CTL   46      /* Length of the TCP header, flags. */
#define TRAIN_LEN       48

#define TRAIN_IP_LEN    20
#define TRAIN_UDP_LEN   8

/* Ends the train, if there is one. */
static __always_inline void
train_end(struct xdp_scratch *scratch)
{
    scratch->train.ifindex = 0;
}

/* Returns true if the packet of 'length' bytes at 'data' is so long that the
 * parser finds the headers of the train in it. */
static __always_inline bool
train_length_ok(const struct xdp_train *train, const void *data,
                __u64 length)
{
    __u32 tot_len = bpf_ntohs(*(__be16 *) (data + TRAIN_TOT_LEN));
    __u64 left = length - ETH_HLEN;

    return tot_len >= train->min_len && tot_len <= left && left <= 0xffff;
}

/* Returns the flow of the packet, from device 'ifindex', if it belongs to the
 * train of 'scratch', otherwise NULL. */
static __always_inline struct xdp_flow *
train_find(struct xdp_md *ctx, const struct xdp_scratch *scratch,
           __u32 ifindex)
{
    const struct xdp_train *train = &scratch->train;
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct xdp_flow *flow;
    __u32 slot;
    __u64 diff;

    if (train->ifindex != ifindex || data + TRAIN_LEN > end) {
        return NULL;
    }
    diff = ((*(__u64 *) data ^ train->macs)
            | (*(__u64 *) (data + 8) ^ train->mac_type_tos)
            | (*(__u32 *) (data + TRAIN_FRAG) ^ train->frag_ttl_proto)
            | (*(__u64 *) (data + TRAIN_ADDRESSES) ^ train->addresses)
            | (*(__u32 *) (data + TRAIN_PORTS) ^ train->ports)
            | ((*(__u16 *) (data + TRAIN_TCP_CTL) & train->tcp_ctl_mask)
               ^ train->tcp_ctl));
    if (diff || !train_length_ok(train, data, end - data)) {
        return NULL;
    }

    slot = train->slot;
    flow = bpf_map_lookup_elem(&xdp_flows, &slot);
    if (!flow || *(volatile __u32 *) &flow->valid != train->valid) {
        return NULL;
    }
    return flow;
}

/* Notes that the packet, in its first pass, has met 'flow', which is in 'slot'
 * and which had 'valid' there when the key was compared, or 0 if nobody knows
 * that. */
static __always_inline void
train_note(struct xdp_md *ctx, struct xdp_scratch *scratch,
           const struct xdp_flow *flow, __u32 slot, __u32 valid)
{
    struct xdp_train *train = &scratch->train;
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    __u8 proto;

    if (train->slot != slot) {
        /* A first packet is no train yet. */
        train->slot = slot;
        return;
    }
    if (!valid || data + TRAIN_LEN > end
        || *(__be16 *) (data + TRAIN_ETH_TYPE) != bpf_htons(ETH_P_IP)
        || *(__u8 *) (data + TRAIN_VER_IHL) != 0x45
        || !actions_is_simple(flow)) {
        return;
    }

    proto = *(__u8 *) (data + TRAIN_PROTO);
    if (proto == IPPROTO_TCP) {
        train->tcp_ctl_mask = 0xffff;
        train->min_len = (TRAIN_IP_LEN
                          + (*(__u8 *) (data + TRAIN_TCP_CTL) >> 4) * 4);
    } else if (proto == IPPROTO_UDP) {
        train->tcp_ctl_mask = 0;
        train->min_len = TRAIN_IP_LEN + TRAIN_UDP_LEN;
    } else {
        return;
    }
    if (!train_length_ok(train, data, end - data)) {
        return;
    }
    train->macs = *(__u64 *) data;
    train->mac_type_tos = *(__u64 *) (data + 8);
    train->frag_ttl_proto = *(__u32 *) (data + TRAIN_FRAG);
    train->addresses = *(__u64 *) (data + TRAIN_ADDRESSES);
    train->ports = *(__u32 *) (data + TRAIN_PORTS);
    train->tcp_ctl = (*(__u16 *) (data + TRAIN_TCP_CTL)
                      & train->tcp_ctl_mask);
    train->valid = valid;
    train->ifindex = ctx->ingress_ifindex;
}

#endif /* train.h */
