/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What handing packets to the userspace datapath has in common at all hooks.
 */

#ifndef BPF_UPCALL_META_H
#define BPF_UPCALL_META_H 1

#include "hash.h"
#include "hook.h"
#include "maps.h"
#include "stats.h"

/* Fills '*meta' with what userspace has to know of the pass of 'scratch' to go
 * on with it, with 'tunnel_len' bytes of tunnel words in front of the
 * packet. */
static __always_inline void
upcall_fill_metadata(struct xdp_upcall_meta *meta, struct xdp_scratch *scratch,
                     __u32 tunnel_len)
{
    bool has_hash = scratch->kept == HASH_KEPT;

    meta->magic = xdp_upcall_magic;
    meta->recirc_id = scratch->recirc_id;
    meta->dp_hash = scratch->dp_hash;
    meta->rss_hash = has_hash ? hash_l4(scratch) : 0;
    meta->flags = ((scratch->pass ? XDP_UPCALL_LATER_PASS : 0)
                   | (has_hash ? XDP_UPCALL_RSS_HASH : 0)
                   | (scratch->tracked ? XDP_UPCALL_CT : 0)
                   | (scratch->tracked == MAPS_TRACKED_IPV6
                      ? XDP_UPCALL_CT_IPV6 : 0));
    meta->tunnel_port = scratch->tunnel_port;
    meta->tunnel_len = tunnel_len;
}

/* Returns the statistics of 'port', or NULL if it is none. */
static __always_inline struct xdp_port_stats *
upcall_stats(__u32 port)
{
    return bpf_map_lookup_elem(&xdp_port_stats, &port);
}

/* Passes the packet, which came in on 'port' and is unchanged, to the kernel's
 * stack for the lack of a socket or a companion. */
static __always_inline int
upcall_pass(struct xdp_port_stats *stats)
{
    stats_count_rare(XDP_COUNTER_NO_SOCKET);
    stats_add_to(&stats->no_socket, 1);
    return HOOK_PASS;
}

#endif /* upcall_meta.h */
