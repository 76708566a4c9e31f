/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the header of a tunnel is taken off at XDP.
 */

#ifndef BPF_TUNNEL_POP_XDP_H
#define BPF_TUNNEL_POP_XDP_H 1

#include "maps.h"
#include "op.h"
#include "parse_common.h"
#include "stats.h"
#include "tunnel_format.h"

/* Returns true if 'h' can be taken off the packet. */
static __always_inline bool
tunnel_can_pop(struct xdp_md *ctx, const struct tunnel_header *h)
{
    return true;
}

/* Ends XDP_OP_TNL_POP: takes off the header. */
static __always_inline int
tunnel_pop(struct hook_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();

    if (!scratch
        || bpf_xdp_adjust_head(ctx, scratch->pop_len & PARSE_MAX_OFS)) {
        return OP_DROP_HEADROOM;
    }
    stats_count(XDP_COUNTER_TNL_POP);
    return OP_OK;
}

#endif /* tunnel_pop_xdp.h */
