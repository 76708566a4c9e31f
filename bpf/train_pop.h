/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Trains that come out of a tunnel: the first pass pops the header of VXLAN
 * over IPv4, without VLAN tag and without a checksum of UDP, and the second
 * one has a flow with XDP_FLOW_SIMPLE.
 *
 * Once a packet of the train has gone that way (train.h), those that follow
 * are compared with it as a whole, the inner headers where they are, and need
 * neither a look at what was popped nor the program for later passes.  That is
 * one step, which is taken as a whole or not at all: whatever is not as it was
 * leaves the packet unchanged, for the ordinary way.
 *
 * What tunnel_look_at() asks follows from
 *
 *   - the headers that a train compares: the version of IP, no options, no
 *     fragment, protocol, ToS, TTL, "don't fragment", addresses and ports;
 *   - the flow, which is the same: that it pops VXLAN, and for which port;
 *   - what is compared here: the checksum of UDP, which is not there, and the
 *     VXLAN header.
 *
 * All else is looked at in each packet: lengths, and the checksum of the IP
 * header.  These are also all tunnel words of the key of the second pass.
 */

#ifndef BPF_TRAIN_POP_H
#define BPF_TRAIN_POP_H 1

#include "mtu.h"
#include "stats.h"
#include "train.h"
#include "tunnel_format.h"

/* Offsets as in train.h, without VLAN tag. */
#define TRAIN_VXLAN_FLAGS   42
#define TRAIN_VXLAN_VNI     46

/* Returns the length of the packet, which belongs to the train of the scratch,
 * if what follows the UDP ports and the inner headers are those of the train,
 * and nothing is wrong with the outer ones, otherwise 0.  (The verifier looks
 * at it once.) */
__noinline int
train_pop_compare(struct xdp_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    void *inner = data + TUNNEL_PLAIN_LEN;
    const struct xdp_train *train;
    __u32 diff;

    if (!scratch || inner > end) {
        return 0;
    }
    train = &scratch->train;
    diff = (*(__u16 *) (data + TRAIN_UDP_CSUM)
            | (*(__be32 *) (data + TRAIN_VXLAN_FLAGS)
               ^ bpf_htonl(TUNNEL_VXLAN_FLAGS))
            | (*(__be32 *) (data + TRAIN_VXLAN_VNI) ^ train->vni));
    if (diff
        || (bpf_ntohs(*(__be16 *) (data + TRAIN_TOT_LEN))
            < TUNNEL_PLAIN_LEN - ETH_HLEN)
        || !train_ip_csum_ok(train, data)
        || !train_headers_equal(&train->next_headers, inner, end)) {
        return 0;
    }
    return end - data;
}

/* Does to the packet, which belongs to the train of 'scratch', what its first
 * pass does and what comes before its second one.  Returns the flow of that,
 * into whose device it fits, or NULL if nothing has happened, and the packet
 * has to go the ordinary way. */
static __always_inline struct xdp_flow *
train_pop_run(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    const struct xdp_train *train = &scratch->train;
    struct xdp_flow *flow;
    __u32 len = train->next_valid ? train_pop_compare(ctx) : 0;

    if (!len) {
        return NULL;
    }
    flow = train_flow(train->next_slot, train->next_valid);
    if (!flow
        || !mtu_surely_fits(scratch, flow->port,
                            mtu_len_simple(flow, len - TUNNEL_PLAIN_LEN))
        || bpf_xdp_adjust_head(ctx, TUNNEL_PLAIN_LEN)) {
        return NULL;
    }
    stats_flow(scratch, train->slot, 1, len, 0);
    stats_count(XDP_COUNTER_TNL_POP);
    stats_count(XDP_COUNTER_RECIRC);
    return flow;
}

#endif /* train_pop.h */
