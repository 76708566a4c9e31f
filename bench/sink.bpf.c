// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

/* Counting sink: counts the packets that arrive, and drops them. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct bench_sink_count);
} sink_count SEC(".maps");

SEC("xdp")
int
bench_sink(struct xdp_md *ctx)
{
    struct bench_sink_count *count;
    __u32 zero = 0;

    count = bpf_map_lookup_elem(&sink_count, &zero);
    if (count) {
        count->packets++;
        count->bytes += ctx->data_end - ctx->data;
    }
    return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
