/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting: named counters, flow statistics and port statistics.
 *
 * All of them are per CPU, and as a rule an XDP program is not interrupted by
 * another run on its CPU, so that plain additions are enough.  Where it may be
 * (guard.h), what is counted outside of the guard is counted by atomic ones.
 */

#ifndef BPF_STATS_H
#define BPF_STATS_H 1

#include <linux/in.h>

#include "maps.h"

/* Adds 'n' to '*value', which other CPUs leave alone. */
static __always_inline void
stats_add_to(__u64 *value, __u64 n)
{
    if (xdp_runs_nest) {
        __sync_fetch_and_add(value, n);
    } else {
        *value += n;
    }
}

/* Adds 'n' to 'counter'. */
static __always_inline void
stats_add(enum xdp_counter counter, __u64 n)
{
    __u32 index = counter;
    __u64 *value = bpf_map_lookup_elem(&debug_stats, &index);

    if (value) {
        stats_add_to(value, n);
    }
}

/* Adds one to 'counter'. */
static __always_inline void
stats_count(enum xdp_counter counter)
{
    stats_add(counter, 1);
}

/* As stats_count(), for what happens to few packets: the verifier looks at it
 * once, and not in each place that counts. */
__noinline int
stats_count_rare(__u32 counter)
{
    stats_count(counter);
    return 0;
}

/* Has userspace look at the statistics of CPU 'cpu'.  To be called before
 * anything is counted there. */
static __always_inline void
stats_begin_cpu(__u32 cpu)
{
    volatile __u64 *runs = bpf_map_lookup_elem(&xdp_cpus, &cpu);

    if (runs) {
        *runs = 1;
    }
}

/* Takes over how much of the hint cache is in use.  Whatever 'xdp_hint_folds'
 * has, a hint leads only to a slot that is compared with the packet, and an
 * index beyond the map to none. */
static __always_inline void
stats_take_hint_shift(struct xdp_scratch *scratch)
{
    if (xdp_n_hint_buckets) {
        __u32 zero = 0;
        const volatile __u64 *folds = bpf_map_lookup_elem(&xdp_hint_folds,
                                                          &zero);

        scratch->hint_shift = xdp_hint_shift + (folds ? *folds : 0);
    }
}

/* Brings what 'scratch' knows of the clock and of the CPU up to date.  To be
 * called before anything else asks for it.
 *
 * The coarse clock moves once a tick, so asking once a tick is enough; asking
 * for every packet costs as much as finding its flow.  What depends on the
 * CPU alone is there after the first time, and costs a call on kernels before
 * 6.10. */
static __always_inline void
stats_tick(struct xdp_scratch *scratch)
{
    __u64 tick = bpf_jiffies64();

    if (scratch->tick != tick) {
        __u32 cpu = bpf_get_smp_processor_id();

        scratch->tick = tick;
        scratch->cpu = cpu;
        stats_begin_cpu(cpu);
        scratch->now = bpf_ktime_get_coarse_ns();
        scratch->stats_base = cpu * xdp_n_flows;
        scratch->hints_base = cpu * xdp_n_hint_buckets;
        stats_take_hint_shift(scratch);

        /* A number in 'valid' may come back some day, but not so soon. */
        scratch->train.ifindex = 0;
        scratch->train.ipv6.ifindex = 0;
#pragma clang loop unroll(full)
        for (int i = 0; i < MAPS_MTU_LIMITS; i++) {
            scratch->mtu_limits[i] = 0;
        }
    }
}

/* Accounts 'packets' packets of 'bytes' bytes with 'tcp_flags', in host byte
 * order, to flow slot 'slot'. */
static __always_inline void
stats_flow(const struct xdp_scratch *scratch, __u32 slot, __u64 packets,
           __u64 bytes, __u16 tcp_flags)
{
    __u32 index = scratch->stats_base + slot;
    struct xdp_flow_stats *stats;

    stats = bpf_map_lookup_elem(&xdp_flow_stats, &index);
    if (stats) {
        stats->packets += packets;
        stats->bytes += bytes;
        stats->used = scratch->now;
        if (tcp_flags) {
            stats->tcp_flags |= tcp_flags;
        }
    }
}

/* Returns the TCP flags of the packet of 'scratch' in host byte order, or 0 if
 * it has none. */
static __always_inline __u16
stats_tcp_flags(const struct xdp_scratch *scratch)
{
    __be16 tcp_flags = scratch->key.tcp_flags;

    return (tcp_flags && scratch->key.nw_proto == IPPROTO_TCP
            ? __builtin_bswap16(tcp_flags) : 0);
}

#endif /* stats.h */
