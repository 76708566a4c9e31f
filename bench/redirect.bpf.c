// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

/* The limit that the offload is measured against: a program that looks at
 * nothing in the packet and redirects it to one port, or, where there are
 * several pairs of ports, to that which belongs to the one where it came
 * in. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Is there more than one pair?  Written before the program is loaded. */
const volatile __u32 many;

/* Devices to redirect to: the only one, or by index of the device where the
 * packet came in. */
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
    return bpf_redirect_map(&redirect_dev, many ? ctx->ingress_ifindex : 0,
                            XDP_ABORTED);
}

char _license[] SEC("license") = "Dual BSD/GPL";
