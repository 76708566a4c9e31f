/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* No object for a port, but a program of somebody at the other end of one. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int
xdp_drop(struct xdp_md *ctx)
{
    return XDP_DROP;
}
