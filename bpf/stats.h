/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting: named counters, flow statistics and port statistics.
 *
 * All of them are per CPU and an XDP program is never interrupted by another
 * run on its CPU, so that plain additions are enough.
 */

#ifndef BPF_STATS_H
#define BPF_STATS_H 1

#include <linux/in.h>

#include "maps.h"

/* Adds 'n' to 'counter'. */
static __always_inline void
stats_add(enum xdp_counter counter, __u64 n)
{
    __u32 index = counter;
    __u64 *value = bpf_map_lookup_elem(&debug_stats, &index);

    if (value) {
        *value += n;
    }
}

/* Adds one to 'counter'. */
static __always_inline void
stats_count(enum xdp_counter counter)
{
    stats_add(counter, 1);
}

/* Returns the time as bpf_ktime_get_coarse_ns() does.  That clock moves once a
 * tick, so asking once a tick is enough; asking for every packet costs as much
 * as finding its flow. */
static __always_inline __u64
stats_now(struct xdp_scratch *scratch)
{
    __u64 tick = bpf_jiffies64();

    if (scratch->tick != tick) {
        scratch->tick = tick;
        scratch->now = bpf_ktime_get_coarse_ns();
    }
    return scratch->now;
}

/* Accounts the packet of 'scratch', of 'bytes' bytes, to flow slot 'slot'. */
static __always_inline void
stats_flow(struct xdp_scratch *scratch, __u32 slot, __u64 bytes)
{
    __be16 tcp_flags = scratch->key.tcp_flags;
    __u32 index = bpf_get_smp_processor_id() * xdp_n_flows + slot;
    struct xdp_flow_stats *stats;

    stats = bpf_map_lookup_elem(&xdp_flow_stats, &index);
    if (stats) {
        stats->packets++;
        stats->bytes += bytes;
        stats->used = stats_now(scratch);
        if (tcp_flags && scratch->key.nw_proto == IPPROTO_TCP) {
            stats->tcp_flags |= __builtin_bswap16(tcp_flags);
        }
    }
}

#endif /* stats.h */
