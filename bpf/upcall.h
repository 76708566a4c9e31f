/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handing a packet to the userspace datapath through its AF_XDP socket.
 */

#ifndef BPF_UPCALL_H
#define BPF_UPCALL_H 1

#include "maps.h"
#include "stats.h"

/* Hands the unchanged packet to the AF_XDP socket of 'port' and of the queue
 * on which it arrived.  A queue without socket goes to the kernel's stack, as
 * with the XDP program that AF_XDP ports have without a flow table. */
static __always_inline int
upcall(struct xdp_md *ctx, __u32 port)
{
    struct xdp_port_stats *stats;
    __u32 queue = ctx->rx_queue_index;
    __u32 index = port * XDP_PORT_MAX_QUEUES + queue;

    stats = bpf_map_lookup_elem(&xdp_port_stats, &port);
    if (!stats) {
        return XDP_PASS;
    }
    if (queue >= XDP_PORT_MAX_QUEUES
        || !bpf_map_lookup_elem(&xsks_map, &index)) {
        stats_count(XDP_COUNTER_NO_SOCKET);
        stats->no_socket++;
        return XDP_PASS;
    }

    stats_count(XDP_COUNTER_UPCALLS);
    stats->upcalls++;
    return bpf_redirect_map(&xsks_map, index, XDP_PASS);
}

#endif /* upcall.h */
