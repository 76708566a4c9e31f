/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Truncating packets.
 */

#ifndef BPF_TRUNC_H
#define BPF_TRUNC_H 1

#include "op.h"
#include "stats.h"

/* Truncates the packet to 'max_len' bytes if it is longer. */
static __always_inline int
trunc_packet(struct xdp_md *ctx, __u32 max_len)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    __u64 len = end - data;

    if (len <= max_len) {
        return OP_OK;
    }
    if (bpf_xdp_adjust_tail(ctx, (int) max_len - (int) len)) {
        return OP_DROP_TOO_SHORT;
    }
    stats_count(XDP_COUNTER_TRUNC);
    return OP_OK;
}

#endif /* trunc.h */
