/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table of an AF_XDP port: forwards what the userspace datapath has
 * already decided on and hands everything else to it.
 *
 * A packet is parsed into a key (parse.h), the key is looked up among the
 * flows that the provider wrote into the maps (classify.h), and the flow's ops
 * are run (fast.h, or else actions.h).  Without a flow, the packet goes
 * unchanged to the AF_XDP socket (upcall.h), where userspace forwards it and
 * installs the flow for the next one.  One instance of this object serves all
 * ports.
 *
 * A flow with several outputs has its packets copied by the kernel
 * (outputs.h).  Where the copies differ, 'xdp_egress' finishes each of them.
 *
 * A flow may give its packets another pass (recirc.h), in 'xdp_recirc', for
 * instance after it has popped the header of a tunnel (tunnel.h), or sent them
 * through connection tracking (ct.h).
 *
 * Packets with the headers of the one before skip all but the last step
 * (train.h), those of one connection both passes (train_ct.h).
 */

#include "maps.h"
#include "parse.h"
#include "classify.h"
#include "ct.h"
#include "actions.h"
#include "fast.h"
#include "guard.h"
#include "mtu.h"
#include "order.h"
#include "outputs.h"
#include "recirc.h"
#include "train.h"
#include "train_ct.h"
#include "tunnel.h"
#include "upcall.h"
#include "stats.h"

char _license[] SEC("license") = "Dual BSD/GPL";

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
 * its flow, and stores its slot in '*slotp', or returns NULL if the packet
 * must go to userspace.  'is_first' is true in the first pass. */
static __always_inline struct xdp_flow *
find_flow(struct xdp_md *ctx, const struct xdp_port *port, __u32 in_port,
          struct xdp_scratch *scratch, bool is_first, __u32 *slotp)
{
    struct xdp_flow *flow;
    __u32 valid;

    if (!parse_packet(ctx, in_port, port, scratch)) {
        stats_count_rare(XDP_COUNTER_UNPARSED);
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

    flow = classify(scratch, port, in_port, slotp, &valid);
    if (!flow) {
        stats_count_rare(XDP_COUNTER_MISSES);
        return NULL;
    }
    if (is_first) {
        train_note(ctx, scratch, in_port, flow, *slotp, valid);
    } else if (scratch->pass == 1) {
        train_ct_note_next(ctx, scratch, flow, *slotp, valid);
    }
    return flow;
}

/* Gives the packet that came in on port 'in_port', and that is too large for
 * an output of its flow, to userspace.  Its TCP flags were not accounted, as
 * those of packets that a train follows are. */
static __always_inline int
give_up_large(struct xdp_md *ctx, struct xdp_scratch *scratch, __u32 in_port)
{
    stats_count_rare(XDP_COUNTER_TOO_LARGE);
    train_end(scratch);
    return upcall(ctx, in_port);
}

/* Runs 'flow', which is in 'slot', on the packet from port 'in_port', with
 * 'tcp_flags' in host byte order. */
static __always_inline int
run_flow(struct xdp_md *ctx, struct xdp_scratch *scratch, __u32 in_port,
         const struct xdp_flow *flow, __u32 slot, __u16 tcp_flags)
{
    __u64 length = ctx->data_end - ctx->data;
    const struct xdp_flow_rest *rest;

    if (flow->flags & XDP_FLOW_SIMPLE) {
        if (!mtu_fits_simple(ctx, scratch, flow, slot)) {
            return give_up_large(ctx, scratch, in_port);
        }
        stats_flow(scratch, slot, length, tcp_flags);
        return fast_run_simple(ctx, flow);
    }

    rest = bpf_map_lookup_elem(&xdp_flow_rest, &slot);
    if (!rest) {
        return upcall(ctx, in_port);
    }
    if (!mtu_fits(ctx, scratch, rest, slot)) {
        return give_up_large(ctx, scratch, in_port);
    }
    if (flow->flags & (XDP_FLOW_TNL_PUSH | XDP_FLOW_TNL_POP)
        && !tunnel_is_ours(ctx, flow, rest)) {
        stats_count_rare(XDP_COUNTER_TNL_ODD);
        return upcall(ctx, in_port);
    }
    if (rest->n_cts) {
        int reason = ct_check(ctx, rest, slot);

        if (reason) {
            stats_count_rare(reason);
            return upcall(ctx, in_port);
        }
    }
    if (flow->flags & XDP_FLOW_COPIES_DIFFER && !outputs_reserve(ctx)) {
        stats_count_rare(XDP_COUNTER_NO_METADATA);
        return upcall(ctx, in_port);
    }

    stats_flow(scratch, slot, length, tcp_flags);
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

/* Decides what becomes of the packet that just came in. */
static __always_inline int
run_first_pass(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    struct xdp_flow *flow;
    __u32 ifindex = ctx->ingress_ifindex;
    __u16 tcp_flags = 0;
    __u32 in_port = 0;
    bool fits = false;
    __u32 slot;

    stats_tick(scratch);
    flow = train_find(ctx, scratch, ifindex);
    if (flow) {
        /* TCP flags are the same as before. */
        slot = scratch->train.slot;
        if (!(flow->flags & XDP_FLOW_SIMPLE) && scratch->train.tracked) {
            /* Both passes, or none.  It has looked whether the packet fits. */
            flow = train_ct_run(ctx, scratch);
            slot = scratch->train.next_slot;
            fits = true;
        }
    }
    if (flow) {
        if (flow->flags & XDP_FLOW_SIMPLE) {
            if (!fits && !mtu_fits_simple(ctx, scratch, flow, slot)) {
                recirc_begin(scratch);
                return give_up_large(ctx, scratch, scratch->train.in_port);
            }
            stats_flow(scratch, slot, ctx->data_end - ctx->data, 0);
            return fast_run_simple(ctx, flow);
        }
        in_port = scratch->train.in_port;
        train_restore(ctx, scratch, flow);
    } else {
        struct xdp_port *port;

        train_end(scratch);

        /* A device without entry is one that userspace is about to take the
         * program from, for instance because it moved to another
         * namespace. */
        port = find_port(scratch, ifindex, &in_port);
        if (!port) {
            stats_count_rare(XDP_COUNTER_UNKNOWN_PORT);
            return XDP_PASS;
        }
        recirc_begin(scratch);
        flow = find_flow(ctx, port, in_port, scratch, true, &slot);
        if (!flow) {
            return upcall(ctx, in_port);
        }
        tcp_flags = stats_tcp_flags(scratch);
    }
    return run_flow(ctx, scratch, in_port, flow, slot, tcp_flags);
}

/* Gives the packet that just came in to userspace, because there is another
 * run that has 'scratch'. */
static __always_inline int
run_nested(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    __u32 in_port;

    if (!find_port(scratch, ctx->ingress_ifindex, &in_port)) {
        stats_count_rare(XDP_COUNTER_UNKNOWN_PORT);
        return XDP_PASS;
    }
    stats_count(XDP_COUNTER_NESTED);
    return upcall_untouched(ctx, in_port);
}

SEC("xdp")
int
xdp_flowtable(struct xdp_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    int verdict;

    stats_count(XDP_COUNTER_PACKETS);
    if (!scratch) {
        return XDP_PASS;
    }
    if (!guard_enter(scratch)) {
        return run_nested(ctx, scratch);
    }
    verdict = run_first_pass(ctx, scratch);
    guard_leave(scratch);
    return verdict;
}

/* Decides what becomes of the packet in a later pass. */
static __always_inline int
run_later_pass(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    struct xdp_port *port;
    struct xdp_flow *flow;
    __u32 in_port;
    __u32 slot;

    stats_count(XDP_COUNTER_RECIRC);
    flow = train_find_next(ctx, scratch);
    if (flow) {
        slot = scratch->train.next_slot;
        if (mtu_fits_simple(ctx, scratch, flow, slot)) {
            stats_flow(scratch, slot, ctx->data_end - ctx->data, 0);
            return fast_run_simple(ctx, flow);
        }
    }
    in_port = scratch->key.in_port;
    port = bpf_map_lookup_elem(&xdp_ports, &in_port);
    if (!port) {
        return XDP_DROP;
    }
    flow = find_flow(ctx, port, in_port, scratch, false, &slot);
    if (!flow) {
        return upcall(ctx, in_port);
    }
    return run_flow(ctx, scratch, in_port, flow, slot,
                    stats_tcp_flags(scratch));
}

/* A later pass of a packet, in the place of the program that began the run. */
SEC("xdp")
int
xdp_recirc(struct xdp_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    int verdict;

    if (!scratch) {
        return XDP_DROP;
    }
    verdict = run_later_pass(ctx, scratch);
    guard_leave(scratch);
    return verdict;
}

/* Run on what a device is about to send: makes a copy what its port is to
 * get.  The flow may have been withdrawn since 'xdp_flowtable' found it, but
 * its slot has not changed: the kernel sends the copies before that run counts
 * as ended. */
SEC("xdp/devmap")
int
xdp_egress(struct xdp_md *ctx)
{
    struct xdp_egress_meta meta;
    struct xdp_flow_rest *rest;
    int verdict;

    verdict = outputs_receive(ctx, &meta);
    if (verdict != XDP_REDIRECT) {
        return verdict;
    }

    rest = bpf_map_lookup_elem(&xdp_flow_rest, &meta.slot);
    if (!rest) {
        stats_count_rare(XDP_COUNTER_DROP_EGRESS);
        return XDP_DROP;
    }
    return actions_run_copy(ctx, rest, &meta, ctx->egress_ifindex);
}
