/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused by the kernel: reads the packet without a check. */

/* There is no program for copies. */
#define max_outputs other_limit

#include "../bpf/maps.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int
xdp_test(struct xdp_md *ctx)
{
    __u8 *data = (void *) (long) ctx->data;

    return data[14] ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int
xdp_recirc(struct xdp_md *ctx)
{
    return XDP_PASS;
}
