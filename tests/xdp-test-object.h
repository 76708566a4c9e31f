/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An object with the maps and the contract of the flow table but with
 * programs that only pass packets on.  The files that include this change one
 * thing by redefining a name first, and say what is wrong then.
 */

#ifndef XDP_TEST_OBJECT_H
#define XDP_TEST_OBJECT_H 1

#include "../bpf/maps.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int
xdp_test(struct xdp_md *ctx)
{
    return XDP_PASS;
}

SEC("xdp")
int
xdp_recirc(struct xdp_md *ctx)
{
    return XDP_PASS;
}

SEC("xdp/devmap")
int
xdp_egress(struct xdp_md *ctx)
{
    return XDP_PASS;
}

#endif /* xdp-test-object.h */
