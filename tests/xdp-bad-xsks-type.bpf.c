/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: its xsks_map cannot hold sockets. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int
xdp_test(struct xdp_md *ctx)
{
    return XDP_PASS;
}
