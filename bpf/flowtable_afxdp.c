/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table of an AF_XDP port: forwards what the userspace datapath has
 * already decided on and hands everything else to it.
 *
 * A packet is parsed into a key (parse.h), the key is looked up among the
 * flows that the provider wrote into the maps (classify.h), and the flow's ops
 * are run (pass.h, with fast.h, or else actions.h).  Without a flow, the
 * packet goes unchanged to the AF_XDP socket (upcall.h), where userspace
 * forwards it and installs the flow for the next one.  One instance of this
 * object serves all ports.
 *
 * A flow with several outputs has its packets copied by the kernel
 * (outputs.h).  Where the copies differ, 'xdp_egress' finishes each of them.
 *
 * A flow may give its packets another pass (recirc.h), in 'xdp_recirc', for
 * instance after it has popped the header of a tunnel (tunnel.h), or sent them
 * through connection tracking (ct.h).
 *
 * Packets with the headers of the one before skip all but the last step
 * (train.h, train_ipv6.h), and both passes are one, of packets of one
 * connection (train_ct.h), and of those that come out of a tunnel
 * (train_pop.h).
 */

#include "maps.h"
#include "parse.h"
#include "actions.h"
#include "companion.h"
#include "fast.h"
#include "guard.h"
#include "mtu.h"
#include "outputs.h"
#include "pass.h"
#include "recirc.h"
#include "train.h"
#include "train_ct.h"
#include "train_ipv6.h"
#include "train_pop.h"
#include "train_push.h"
#include "upcall.h"
#include "stats.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* Decides what becomes of the packet that just came in. */
static __always_inline int
run_first_pass(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    struct xdp_flow *flow, *simple = NULL;
    __u32 ifindex = ctx->ingress_ifindex;
    __u16 tcp_flags = 0;
    __u32 in_port = 0;
    bool fits = false;
    __u32 slot, valid;
    int verdict;

    stats_tick(scratch);
    if (scratch->train.ipv6.ifindex == ifindex) {
        verdict = train6_run(ctx);
        if (verdict != TRAIN6_OTHER) {
            return verdict;
        }
    }
    flow = train_find(ctx, scratch, ifindex);
    if (flow) {
        /* TCP flags are the same as before. */
        slot = scratch->train.slot;
        if (flow->flags & XDP_FLOW_SIMPLE) {
            simple = flow;
        } else {
            switch (scratch->train.how) {
            case TRAIN_TRACKED:
                simple = flow = train_ct_run(ctx, scratch);
                break;
            case TRAIN_POPS:
                simple = train_pop_run(ctx, scratch);
                break;
            case TRAIN_PUSHES:
                verdict = train_push_run(ctx, scratch);
                if (verdict != TRAIN_PUSH_NOTHING) {
                    return verdict;
                }
                break;
            }
            if (simple) {
                /* It has looked whether the packet fits. */
                slot = scratch->train.next_slot;
                fits = true;
            }
        }
    }
    if (simple) {
        if (!fits && !mtu_fits_simple(ctx, scratch, simple)) {
            recirc_begin(scratch);
            return give_up_large(ctx, scratch, scratch->train.in_port);
        }
        stats_flow(scratch, slot, 1, ctx->data_end - ctx->data, 0);
        return fast_run_simple(ctx, simple);
    }
    if (flow) {
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
        flow = find_flow(ctx, port, in_port, scratch, true, &slot, &valid);
        if (!flow) {
            return upcall(ctx, in_port);
        }
        train_note(ctx, scratch, in_port, flow, slot, valid);
        tcp_flags = stats_tcp_flags(scratch);
    }
    return run_flow(ctx, scratch, in_port, flow, slot, tcp_flags);
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
    __u32 slot, valid;
    __u32 in_port;

    stats_count(XDP_COUNTER_RECIRC);
    flow = train_find_next(ctx, scratch);
    if (flow) {
        slot = scratch->train.next_slot;
        if (mtu_fits_simple(ctx, scratch, flow)) {
            stats_flow(scratch, slot, 1, ctx->data_end - ctx->data, 0);
            return fast_run_simple(ctx, flow);
        }
    }
    in_port = scratch->key.in_port;
    port = bpf_map_lookup_elem(&xdp_ports, &in_port);
    if (!port) {
        return XDP_DROP;
    }
    flow = find_flow(ctx, port, in_port, scratch, false, &slot, &valid);
    if (!flow) {
        return upcall(ctx, in_port);
    }
    if (scratch->pass == 1) {
        train_ct_note_next(ctx, scratch, flow, slot, valid);
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

    rest = maps_rest(meta.slot);
    if (!rest) {
        stats_count_rare(XDP_COUNTER_DROP_EGRESS);
        return XDP_DROP;
    }
    return actions_run_copy(ctx, rest, &meta, ctx->egress_ifindex);
}

/* Run on the end of a companion where the AF_XDP sockets of a port at tc are:
 * hands them what 'tc_flowtable' found no flow for.  Nothing else may come
 * from there to the kernel's stack. */
SEC("xdp")
int
xdp_companion(struct xdp_md *ctx)
{
    __u32 ifindex = ctx->ingress_ifindex;
    __u32 *port = bpf_map_lookup_elem(&xdp_companions, &ifindex);

    return port ? companion_receive(ctx, *port) : companion_drop();
}
