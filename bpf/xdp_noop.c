/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An XDP program that passes every packet on.
 *
 * A veth device takes redirected packets only while its peer has an XDP
 * program or GRO.  Load this on the peer where GRO is not wanted:
 *
 *     ip link set dev PEER xdp object xdp_noop.o section xdp
 */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int
xdp_noop(struct xdp_md *ctx)
{
    return XDP_PASS;
}
