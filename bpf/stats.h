/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting: named counters, flow statistics and port statistics.
 *
 * All of them are per CPU and an XDP program is never interrupted by another
 * run on its CPU, so that plain additions are enough.
 */

#ifndef BPF_STATS_H
#define BPF_STATS_H 1

#include "maps.h"

/* Adds one to 'counter'. */
static __always_inline void
stats_count(enum xdp_counter counter)
{
    __u32 index = counter;
    __u64 *value = bpf_map_lookup_elem(&debug_stats, &index);

    if (value) {
        (*value)++;
    }
}

/* Accounts one packet of 'bytes' bytes with 'tcp_flags' (network byte order)
 * to flow slot 'slot'. */
static __always_inline void
stats_flow(__u32 slot, __u64 bytes, __be16 tcp_flags)
{
    __u32 index = bpf_get_smp_processor_id() * xdp_n_flows + slot;
    struct xdp_flow_stats *stats;

    stats = bpf_map_lookup_elem(&xdp_flow_stats, &index);
    if (stats) {
        stats->packets++;
        stats->bytes += bytes;
        stats->used = bpf_ktime_get_coarse_ns();
        if (tcp_flags) {
            stats->tcp_flags |= __builtin_bswap16(tcp_flags);
        }
    }
}

#endif /* stats.h */
