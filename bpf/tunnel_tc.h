/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels at tc: what tunnel.h promises.
 */

#ifndef BPF_TUNNEL_TC_H
#define BPF_TUNNEL_TC_H 1

#include "tunnel_pop.h"
#include "tunnel_push_tc.h"

/* As in tunnel.h. */
static __always_inline bool
tunnel_is_ours(struct hook_md *ctx, const struct xdp_flow *flow,
               const struct xdp_flow_rest *rest)
{
    return (flow->flags & XDP_FLOW_TNL_POP
            ? tunnel_prepare_pop(ctx) && tunnel_begin_pop(ctx, rest)
            : tunnel_can_push(ctx, rest));
}

#endif /* tunnel_tc.h */
