// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

/* The limit that the offload is measured against: a program that looks at
 * nothing and redirects every packet to one port. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} redirect_dev SEC(".maps");

SEC("xdp")
int
bench_redirect(struct xdp_md *ctx)
{
    (void) ctx;
    return bpf_redirect_map(&redirect_dev, 0, XDP_ABORTED);
}

char _license[] SEC("license") = "Dual BSD/GPL";
