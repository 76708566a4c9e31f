/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Usable: flowtable_afxdp.o as it is on a driver that has no room for XDP
 * metadata. */

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

/* Implements bpf_xdp_adjust_meta() as the kernel does it there. */
static __always_inline int
no_metadata(struct xdp_md *ctx, int delta)
{
    return -EOPNOTSUPP;
}

#define bpf_xdp_adjust_meta no_metadata

#include "../bpf/flowtable_afxdp.c"
