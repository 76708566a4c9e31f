/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: hands nothing to AF_XDP. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int
xdp_test(struct xdp_md *ctx)
{
    return XDP_PASS;
}
