/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One pass of a packet, from its port to what becomes of it.  How passes begin
 * and what goes before them is up to the programs.
 */

#ifndef BPF_PASS_H
#define BPF_PASS_H 1

#include "actions.h"
#include "classify.h"
#include "ct.h"
#include "fast.h"
#include "hook.h"
#include "maps.h"
#include "mtu.h"
#include "order.h"
#include "parse.h"
#include "recirc.h"
#include "stats.h"

#ifdef HOOK_TC
#include "csum_own.h"
#include "upcall_tc.h"
#else
#include "upcall.h"
#endif

/* Returns the entry of the port on device 'ifindex' and stores its index in
 * '*indexp', or returns NULL if the device has no entry. */
static __always_inline struct xdp_port *
find_port(struct xdp_scratch *scratch, __u32 ifindex, __u32 *indexp)
{
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < XDP_PORT_PROBES; i++) {
        __u32 index = (ifindex + i) & xdp_port_index_mask;
        struct xdp_port *port = bpf_map_lookup_elem(&xdp_ports, &index);

        if (port && port->ifindex == ifindex) {
            order_reads(scratch);
            *indexp = index;
            return port;
        }
    }
    return NULL;
}

/* Parses the packet that came in on 'port', whose index is 'in_port'.  Returns
 * its flow, and stores its slot in '*slotp', and what that has in 'valid' or 0
 * in '*validp', or returns NULL if the packet must go to userspace.
 * 'is_first' is true in the first pass. */
static __always_inline struct xdp_flow *
find_flow(struct hook_md *ctx, const struct xdp_port *port, __u32 in_port,
          struct xdp_scratch *scratch, bool is_first, __u32 *slotp,
          __u32 *validp)
{
    struct xdp_flow *flow;

    if (!hook_begin(ctx) || !parse_packet(ctx, in_port, port, scratch)) {
        stats_count_rare(XDP_COUNTER_UNPARSED);
        return NULL;
    }
    if (!hook_is_whole(ctx, scratch, port)) {
        stats_count_rare(XDP_COUNTER_GSO_ODD);
        return NULL;
    }
    if (!is_first) {
        recirc_complete_key(scratch);
        if (scratch->tracked && !parse_is_ip(scratch)) {
            /* Userspace shows less of the connection then. */
            stats_count_rare(XDP_COUNTER_MISSES);
            return NULL;
        }
    }

    flow = classify(scratch, port, in_port, slotp, validp);
    if (!flow) {
        stats_count_rare(XDP_COUNTER_MISSES);
        return NULL;
    }
    return flow;
}

/* Gives the packet that came in on port 'in_port', and that is too large for
 * an output of its flow, to userspace.  Its TCP flags were not accounted, as
 * those of packets that a train follows are. */
static __always_inline int
give_up_large(struct hook_md *ctx, struct xdp_scratch *scratch, __u32 in_port)
{
    stats_count_rare(XDP_COUNTER_TOO_LARGE);
    train_end(scratch);
    return upcall(ctx, in_port);
}

/* Runs 'flow', which is in 'slot', on the packet from port 'in_port', with
 * 'tcp_flags' in host byte order. */
static __always_inline int
run_flow(struct hook_md *ctx, struct xdp_scratch *scratch, __u32 in_port,
         const struct xdp_flow *flow, __u32 slot, __u16 tcp_flags)
{
    __u64 bytes = hook_bytes(ctx), packets = hook_packets(ctx);
    const struct xdp_flow_rest *rest;

    if (flow->flags & XDP_FLOW_SIMPLE) {
        if (!mtu_fits_simple(ctx, scratch, flow)) {
            return give_up_large(ctx, scratch, in_port);
        }
        stats_flow(scratch, slot, packets, bytes, tcp_flags);
        return fast_run_simple(ctx, flow);
    }

    rest = maps_rest(slot);
    if (!rest) {
        return upcall(ctx, in_port);
    }
    if (!mtu_fits(ctx, scratch, rest, slot)) {
        return give_up_large(ctx, scratch, in_port);
    }
    if (flow->flags & (XDP_FLOW_TNL_PUSH | XDP_FLOW_TNL_POP)
        && !tunnel_is_ours(ctx, flow, rest)) {
        stats_count_rare(packets > 1 ? XDP_COUNTER_GSO_TUNNEL
                         : XDP_COUNTER_TNL_ODD);
        return upcall(ctx, in_port);
    }
#ifdef HOOK_TC
    if (rest->needs & XDP_NEEDS_SINGLE && ctx->gso_size) {
        /* Each segment has to fit into the bucket of a meter, and needs its
         * label. */
        stats_count_rare(XDP_COUNTER_GSO_SINGLE);
        return upcall(ctx, in_port);
    }
    if (rest->needs & XDP_NEEDS_PLAIN && !mpls_is_plain(ctx)) {
        stats_count_rare(XDP_COUNTER_MPLS_ODD);
        return upcall(ctx, in_port);
    }
#endif
    if (rest->n_cts) {
        int reason = ct_check(ctx, rest, slot);

        if (reason) {
            stats_count_rare(reason);
            return upcall(ctx, in_port);
        }
    }
#ifdef HOOK_TC
    if ((rest->needs & XDP_NEEDS_OWN_CSUM
         || ct_translates(scratch, rest->n_cts))
        && !csum_is_own(ctx)) {
        stats_count_rare(XDP_COUNTER_CSUM_INNER);
        return upcall(ctx, in_port);
    }
#endif
#if HOOK_HAS_ALL_OPS
    if (flow->flags & XDP_FLOW_COPIES_DIFFER && !outputs_reserve(ctx)) {
        stats_count_rare(XDP_COUNTER_NO_METADATA);
        return upcall(ctx, in_port);
    }
#endif

    stats_flow(scratch, slot, packets, bytes, tcp_flags);
    if (flow->flags & XDP_FLOW_REWRITE) {
        return (rest->n_cts
                ? fast_run_tracked(ctx, scratch, rest, scratch->layers_word)
                : fast_run_rewrite(ctx, rest, scratch->layers_word));
    }
    if (flow->flags & XDP_FLOW_SHORT) {
        return fast_run_short(ctx, scratch, rest);
    }
    return actions_run_list(ctx, scratch, flow, rest, slot);
}

/* Gives the packet that just came in to userspace, because there is another
 * run that has 'scratch'. */
static __always_inline int
run_nested(struct hook_md *ctx, struct xdp_scratch *scratch)
{
    __u32 in_port;

    if (!find_port(scratch, ctx->ingress_ifindex, &in_port)) {
        stats_count_rare(XDP_COUNTER_UNKNOWN_PORT);
        return HOOK_PASS;
    }
    stats_count(XDP_COUNTER_NESTED);
    return upcall_untouched(ctx, in_port);
}

#endif /* pass.h */
