/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sending a packet to a port at tc, and copies of it to several, each as soon
 * as the ops in front of its output have been run.
 *
 * A packet for the machine behind a pair of devices can skip the device that
 * it would leave through, which saves a way through the kernel's queues.  But
 * then nobody looks at its address, and what it was at the ingress device it
 * remains: see "enum xdp_target_flags".
 */

#ifndef BPF_OUTPUTS_TC_H
#define BPF_OUTPUTS_TC_H 1

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "maps.h"
#include "op.h"
#include "parse_common.h"
#include "stats.h"

/* Returns true if 'type', the Ethertype in a packet, is one of those that come
 * in pieces of 4 bytes behind the MAC addresses.  Some kernels, 6.1 for
 * instance, take one that a flow has pushed for part of the Ethernet header,
 * and the other end of a device that is skipped would not look at it. */
static __always_inline bool
outputs_has_tag_or_label(__be16 type)
{
    return (type != bpf_htons(ETH_P_IP) && type != bpf_htons(ETH_P_IPV6)
            && (parse_is_vlan(type) || type == bpf_htons(ETH_P_MPLS_UC)
                || type == bpf_htons(ETH_P_MPLS_MC)));
}

/* Returns true if the packet may skip the device of 'target', and makes it
 * what it is to the other end.  What the kernel takes it for is not looked at
 * again there, and not always right where a tunnel begins or ends. */
static __always_inline bool
outputs_may_skip(struct hook_md *ctx, const struct xdp_target *target)
{
    __be16 *dst = parse_at(ctx, 0, ETH_HLEN);
    const __be16 *mac = (const __be16 *) target->mac;
    __u32 type = PACKET_HOST;

    if (!dst || dst[ETH_ALEN] != (__be16) ctx->protocol
        || outputs_has_tag_or_label(dst[ETH_ALEN])) {
        return false;
    }
    if (dst[0] & bpf_htons(0x0100)) {
        type = ((dst[0] & dst[1] & dst[2]) == 0xffff
                ? PACKET_BROADCAST : PACKET_MULTICAST);
    } else if ((dst[0] ^ mac[0]) | (dst[1] ^ mac[1]) | (dst[2] ^ mac[2])) {
        return false;
    }
    return ctx->pkt_type == type || !bpf_skb_change_type(ctx, type);
}

/* Redirects the packet to 'target'. */
static __always_inline int
outputs_redirect(struct hook_md *ctx, const struct xdp_target *target)
{
    __u32 ifindex = target->ifindex;

    return (target->flags & XDP_TARGET_PEER && outputs_may_skip(ctx, target)
            ? bpf_redirect_peer(ifindex, 0) : bpf_redirect(ifindex, 0));
}

/* Returns where packets for 'port' go, or NULL if it is no port. */
static __always_inline const struct xdp_target *
outputs_target(__u32 port)
{
    const struct xdp_target *target = bpf_map_lookup_elem(&xdp_targets, &port);

    return target && target->ifindex ? target : NULL;
}

/* Redirects the packet to port 'port'. */
static __always_inline int
outputs_send_one(struct hook_md *ctx, __u32 port)
{
    const struct xdp_target *target = outputs_target(port);

    if (!target) {
        stats_count(XDP_COUNTER_DROP_NO_PORT);
        return HOOK_DROP;
    }
    stats_count(XDP_COUNTER_OUTPUT);
    return outputs_redirect(ctx, target);
}

/* Sends a copy of the packet, as it is now, to port 'port'.  Pointers into the
 * packet are void afterwards, and the scratch may be that of another packet.
 *
 * The kernel gives the packet its headers for itself again, so that what is
 * written there later is not in the copy. */
static __always_inline void
outputs_send_copy(struct hook_md *ctx, __u32 port)
{
    const struct xdp_target *target = outputs_target(port);

    if (!target) {
        stats_count(XDP_COUNTER_DROP_NO_PORT);
        return;
    }
    bpf_clone_redirect(ctx, target->ifindex, 0);
    stats_count(XDP_COUNTER_OUTPUT);
}

/* Sends the packet to the last output of the flow with 'rest', in slot 'op',
 * after outputs_send_copy() for the others. */
static __always_inline int
outputs_send(struct hook_md *ctx, const struct xdp_flow *flow,
             const struct xdp_flow_rest *rest, __u32 slot, __u32 op,
             const struct xdp_layers *layers)
{
    return outputs_send_one(ctx, op_known(rest, op)->u.output.port);
}

#endif /* outputs_tc.h */
