/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP side of a companion: see lib/xdp-abi-tc.h.
 */

#ifndef BPF_COMPANION_H
#define BPF_COMPANION_H 1

#include <bpf/bpf_endian.h>

#include "maps.h"
#include "stats.h"
#include "upcall.h"

/* Returns true if the packet begins with the header of a packet in a later
 * pass, and stores what is in there in '*meta'.  The secret is what nobody
 * else can write. */
static __always_inline bool
companion_has_header(struct xdp_md *ctx, struct xdp_upcall_meta *meta)
{
    struct xdp_companion_hdr *hdr = (void *) (long) ctx->data;

    if ((void *) (hdr + 1) > (void *) (long) ctx->data_end
        || hdr->type != bpf_htons(XDP_COMPANION_TYPE)
        || hdr->meta.magic != xdp_upcall_magic) {
        return false;
    }
    *meta = hdr->meta;
    return true;
}

/* Takes the header off the packet and makes 'meta' its metadata.  Returns
 * false if that fails. */
static __always_inline bool
companion_take_header(struct xdp_md *ctx, const struct xdp_upcall_meta *meta)
{
    struct xdp_upcall_meta *p;

    if (bpf_xdp_adjust_head(ctx, sizeof(struct xdp_companion_hdr))
        || bpf_xdp_adjust_meta(ctx, -(int) sizeof *p)) {
        return false;
    }
    p = (void *) (long) ctx->data_meta;
    if ((void *) (p + 1) > (void *) (long) ctx->data) {
        return false;
    }
    *p = *meta;
    return true;
}

/* Counts a packet that is lost here, and returns the verdict for it. */
static __always_inline int
companion_drop(void)
{
    stats_count_rare(XDP_COUNTER_DROP_COMPANION);
    return XDP_DROP;
}

/* Hands the packet, which came out of the companion of 'port', to the AF_XDP
 * socket there. */
static __always_inline int
companion_receive(struct xdp_md *ctx, __u32 port)
{
    struct xdp_port_stats *stats = upcall_stats(port);
    struct xdp_upcall_meta meta;
    __u32 index;

    if (!stats || !upcall_find_socket(port, ctx->rx_queue_index, &index)) {
        return companion_drop();
    }
    if (companion_has_header(ctx, &meta)) {
        if (!companion_take_header(ctx, &meta)) {
            stats_add_to(&stats->no_metadata, 1);
            return companion_drop();
        }
        stats_count(XDP_COUNTER_RESUMED);
    }
    return upcall_redirect(stats, index, XDP_DROP);
}

#endif /* companion.h */
