/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels: pushing the header that userspace built, and popping one, with the
 * results of OVS's lib/netdev-native-tnl.c.
 *
 * tunnel_is_ours() decides before anything happens to a packet whether this
 * can do what its flow asks for.
 *
 * What was popped is in the tunnel words of the scratch until the next packet
 * comes, or the next header is popped.
 */

#ifndef BPF_TUNNEL_H
#define BPF_TUNNEL_H 1

#include "tunnel_pop.h"
#include "tunnel_push.h"

/* Returns true if the ops for tunnels of 'flow', in 'rest', can be run on the
 * packet of the scratch, and begins a pop then: the packet must not go to
 * userspace in this pass any more.  Otherwise it must. */
static __always_inline bool
tunnel_is_ours(struct xdp_md *ctx, const struct xdp_flow *flow,
               const struct xdp_flow_rest *rest)
{
    if (flow->flags & XDP_FLOW_TNL_POP) {
        return tunnel_begin_pop(ctx, rest);
    }

    return ctx->data_end - ctx->data <= TUNNEL_PUSH_MAX;
}

#endif /* tunnel.h */
