/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table at tc ingress, for ports where XDP would cost what it saves:
 * the devices of containers, whose packets come as large ones with unfinished
 * checksums, and should leave as such.
 *
 * This is the other translation unit of the object of flowtable_afxdp.c, with
 * the same maps, the same flows and most of the same code (hook.h).  A packet
 * without a flow goes into the companion of its port (upcall_tc.h), where
 * 'xdp_companion' takes it; 'tc_companion' takes what comes back.
 *
 * 'tc_flowtable' is attached to a device where the kernel takes it away with
 * the process (tcx links).  Elsewhere 'tc_entry' is, which does nothing any
 * more when that process is gone: nobody has 'tc_programs' open then, and so
 * the kernel empties it.
 */

#define HOOK_TC 1

#include "maps.h"
#include "actions.h"
#include "fast.h"
#include "guard.h"
#include "hook_tc_ops.h"
#include "outputs_tc.h"
#include "pass.h"
#include "recirc.h"
#include "stats.h"
#include "upcall_tc.h"

char _license[] SEC("license") = "Dual BSD/GPL";

_Static_assert(PARSE_MAX_OFS < HOOK_MAX_HEADERS, "headers may be elsewhere");

/* Decides what becomes of the packet that just came in. */
static __always_inline int
run_first_pass(struct hook_md *ctx, struct xdp_scratch *scratch)
{
    struct xdp_flow *flow;
    struct xdp_port *port;
    __u32 slot, valid;
    __u32 in_port;

    stats_tick(scratch);
    train_end(scratch);
    port = find_port(scratch, ctx->ingress_ifindex, &in_port);
    if (!port) {
        stats_count_rare(XDP_COUNTER_UNKNOWN_PORT);
        return HOOK_PASS;
    }
    recirc_begin(scratch);
    scratch->headers_len = 0;
    flow = find_flow(ctx, port, in_port, scratch, true, &slot, &valid);
    if (!flow) {
        return upcall(ctx, in_port);
    }
    return run_flow(ctx, scratch, in_port, flow, slot,
                    stats_tcp_flags(scratch));
}

SEC("tc")
int
tc_flowtable(struct __sk_buff *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    int verdict;

    stats_count(XDP_COUNTER_PACKETS);
    if (!scratch) {
        return HOOK_PASS;
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
run_later_pass(struct hook_md *ctx, struct xdp_scratch *scratch)
{
    struct xdp_port *port;
    struct xdp_flow *flow;
    __u32 slot, valid;
    __u32 in_port;

    stats_count(XDP_COUNTER_RECIRC);
    in_port = scratch->key.in_port;
    port = bpf_map_lookup_elem(&xdp_ports, &in_port);
    if (!port) {
        return HOOK_DROP;
    }
    flow = find_flow(ctx, port, in_port, scratch, false, &slot, &valid);
    if (!flow) {
        return upcall(ctx, in_port);
    }
    return run_flow(ctx, scratch, in_port, flow, slot,
                    stats_tcp_flags(scratch));
}

/* A later pass of a packet, in the place of the program that began the run. */
SEC("tc")
int
tc_recirc(struct __sk_buff *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    int verdict;

    if (!scratch) {
        return HOOK_DROP;
    }
    verdict = run_later_pass(ctx, scratch);
    guard_leave(scratch);
    return verdict;
}

/* Runs 'tc_flowtable' as long as the process that loaded it does. */
SEC("tc")
int
tc_entry(struct __sk_buff *ctx)
{
    bpf_tail_call(ctx, &tc_programs, HOOK_PROGRAM_FLOWTABLE);
    return HOOK_PASS;
}

/* Run on what userspace sends, at the end of a companion where packets without
 * a flow go in: sends it to the companion's port. */
SEC("tc")
int
tc_companion(struct __sk_buff *ctx)
{
    __u32 ifindex = ctx->ingress_ifindex;
    __u32 *port = bpf_map_lookup_elem(&xdp_companions, &ifindex);
    const struct xdp_target *target = port ? outputs_target(*port) : NULL;

    if (!target) {
        stats_count_rare(XDP_COUNTER_DROP_COMPANION);
        return HOOK_DROP;
    }
    return outputs_redirect(ctx, target);
}

/* What the programs here can do, beside what the other translation unit
 * says. */
struct {
    __uint(tc_max_outputs, XDP_FLOW_MAX_OPS);
    __type(tc_ops, enum hook_tc_op);
} ovs_meta_tc SEC(".ovs_meta");
