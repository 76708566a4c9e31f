/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sending a packet to a device, and copies of it to several.
 *
 * Where copies differ, what 'xdp_egress' has to know travels in front of each
 * copy as XDP metadata.  Making room for it is the one thing that a driver may
 * refuse, so it is done before anything else happens to the packet.
 *
 * 'xdp_egress' must not refer to 'tx_ports' and 'xdp_groups', whose entries
 * refer to it: the kernel would never free them.
 */

#ifndef BPF_OUTPUTS_H
#define BPF_OUTPUTS_H 1

#include "maps.h"
#include "stats.h"

/* Redirects the packet to port 'port'. */
static __always_inline int
outputs_send_one(struct xdp_md *ctx, __u32 port)
{
    int verdict = bpf_redirect_map(&tx_ports, port, XDP_DROP);

    stats_count(verdict == XDP_REDIRECT ? XDP_COUNTER_OUTPUT
                                        : XDP_COUNTER_DROP_NO_PORT);
    return verdict;
}

/* Makes room for metadata in front of the packet, instead of what another
 * program may have left there.  Returns false if the driver has none. */
static __always_inline bool
outputs_reserve(struct xdp_md *ctx)
{
    int old = (void *) (long) ctx->data - (void *) (long) ctx->data_meta;

    return !bpf_xdp_adjust_meta(ctx,
                                old - (int) sizeof(struct xdp_egress_meta));
}

/* Sends the packet to all devices of the group of 'flow', whose ops are in
 * 'rest' and which is in 'slot'.  Slot 'op' of the flow has its first output,
 * 'layers' are those of the packet as it is now. */
static __always_inline int
outputs_send(struct xdp_md *ctx, const struct xdp_flow *flow,
             const struct xdp_flow_rest *rest, __u32 slot, __u32 op,
             const struct xdp_layers *layers)
{
    __u32 index = rest->group;
    void *group;

    if (flow->flags & XDP_FLOW_COPIES_DIFFER) {
        struct xdp_egress_meta *meta = (void *) (long) ctx->data_meta;

        if ((void *) (meta + 1) > (void *) (long) ctx->data) {
            stats_count_rare(XDP_COUNTER_DROP_EGRESS);
            return XDP_DROP;
        }
        meta->magic = xdp_egress_magic;
        meta->table = xdp_egress_table;
        meta->slot = slot;
        meta->op = op;
        meta->pad = 0;
        meta->layers = *layers;
    }

    group = bpf_map_lookup_elem(&xdp_groups, &index);
    if (!group) {
        stats_count_rare(XDP_COUNTER_DROP_NO_PORT);
        return XDP_DROP;
    }
    stats_add(XDP_COUNTER_OUTPUT, rest->n_outputs);
    return bpf_redirect_map(group, 0, BPF_F_BROADCAST);
}

/* Takes the metadata off a copy and stores it in '*meta'.  Returns
 * XDP_REDIRECT if the flow's ops are to be run, otherwise what becomes of the
 * packet.  Who gets the copy could look at the memory in front of it, so the
 * secret does not stay there. */
static __always_inline int
outputs_receive(struct xdp_md *ctx, struct xdp_egress_meta *meta)
{
    struct xdp_egress_meta *p = (void *) (long) ctx->data_meta;

    if ((void *) (p + 1) > (void *) (long) ctx->data
        || p->magic != xdp_egress_magic) {
        /* Not one of several copies, or they do not differ. */
        return XDP_PASS;
    }
    *meta = *p;
    p->magic = 0;
    if (bpf_xdp_adjust_meta(ctx, sizeof *meta)
        || meta->table != xdp_egress_table) {
        stats_count_rare(XDP_COUNTER_DROP_EGRESS);
        return XDP_DROP;
    }
    return XDP_REDIRECT;
}

#endif /* outputs.h */
