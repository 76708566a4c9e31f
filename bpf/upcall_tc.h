/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handing a packet to the userspace datapath at tc, through the companion of
 * its port, with what that has to know to go on in the pass that found no
 * flow; see lib/xdp-abi-tc.h.
 */

#ifndef BPF_UPCALL_TC_H
#define BPF_UPCALL_TC_H 1

#include <linux/if_ether.h>

#include "hash.h"
#include "hook.h"
#include "maps.h"
#include "parse_common.h"
#include "stats.h"
#include "upcall_meta.h"

/* VLAN tags that are put into a packet before it gets its header.  (Each that
 * is taken from beside a packet makes room for the next one.) */
#define UPCALL_MAX_TAGS 3

#define UPCALL_MACS_LEN (2 * ETH_ALEN)

/* The header of the packet of 'scratch'. */
static __always_inline void
upcall_fill_header(struct xdp_companion_hdr *hdr, struct xdp_scratch *scratch)
{
    __builtin_memset(hdr, 0, sizeof *hdr);
    hdr->type = bpf_htons(XDP_COMPANION_TYPE);
    upcall_fill_metadata(&hdr->meta, scratch, 0);
}

/* Returns the length of the words of connection tracking that belong to the
 * packet of 'scratch'. */
static __always_inline __u32
upcall_words_len(const struct xdp_scratch *scratch)
{
    return (scratch->tracked == MAPS_TRACKED_IPV6 ? XDP_KEY_CT_WORDS * 8
            : scratch->tracked ? XDP_KEY_CT_IPV4_WORDS * 8 : 0);
}

/* Puts the header for the pass of 'scratch', and the words of connection
 * tracking that belong to it, in front of the packet, and the tags that are
 * beside the packet into it.  Returns false if that fails. */
static __always_inline bool
upcall_put_header(struct hook_md *ctx, struct xdp_scratch *scratch)
{
    const __u64 *words = &scratch->words[PARSE_WORD(ct_state)];
    __be16 tags[2 * UPCALL_MAX_TAGS] = { 0 };
    __u32 tags_len = 0, words_len = upcall_words_len(scratch);
    struct xdp_companion_hdr hdr;
    __u8 macs[UPCALL_MACS_LEN];

    if (bpf_skb_load_bytes(ctx, 0, macs, sizeof macs)) {
        return false;
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < UPCALL_MAX_TAGS; i++) {
        if (!hook_has_tag(ctx, &tags[2 * i], &tags[2 * i + 1])) {
            break;
        }
        if (bpf_skb_vlan_pop(ctx)) {
            return false;
        }
        tags_len += HOOK_TAG_LEN;
    }
    if (ctx->vlan_present) {
        return false;
    }

    upcall_fill_header(&hdr, scratch);
    if (bpf_skb_change_head(ctx, sizeof hdr + words_len + tags_len, 0)
        || bpf_skb_store_bytes(ctx, 0, &hdr, sizeof hdr, 0)) {
        return false;
    }
    if (scratch->tracked == MAPS_TRACKED_IPV6) {
        if (bpf_skb_store_bytes(ctx, sizeof hdr, words, XDP_KEY_CT_WORDS * 8,
                                0)) {
            return false;
        }
    } else if (scratch->tracked
               && bpf_skb_store_bytes(ctx, sizeof hdr, words,
                                      XDP_KEY_CT_IPV4_WORDS * 8, 0)) {
        return false;
    }
    if (tags_len) {
        __u32 ofs = sizeof hdr + words_len;

        if (bpf_skb_store_bytes(ctx, ofs, macs, sizeof macs, 0)) {
            return false;
        }
        ofs += sizeof macs;
#pragma clang loop unroll(full)
        for (int i = 0; i < UPCALL_MAX_TAGS; i++) {
            if (i * HOOK_TAG_LEN < tags_len
                && bpf_skb_store_bytes(ctx, ofs + i * HOOK_TAG_LEN,
                                       &tags[2 * i], HOOK_TAG_LEN, 0)) {
                return false;
            }
        }
    }
    return true;
}

/* What the companion of a port is to programs. */
struct upcall_companion {
    __u32 ifindex;              /* 0 if there is none. */
    __u32 max;                  /* 'companion_max' of the port. */
};

/* Returns the companion of 'port'. */
static __always_inline struct upcall_companion
upcall_companion(__u32 port)
{
    struct xdp_port *entry = bpf_map_lookup_elem(&xdp_ports, &port);
    struct upcall_companion companion = { .ifindex = 0 };

    if (entry) {
        companion.ifindex = *(volatile __u32 *) &entry->companion;
        companion.max = *(volatile __u32 *) &entry->companion_max;
    }
    return companion;
}

/* Sends the packet into 'companion', of a port with 'stats', or drops it if
 * the longest packet that becomes of it there, of 'len' bytes, does not get
 * through. */
static __always_inline int
upcall_redirect(struct hook_md *ctx, const struct upcall_companion *companion,
                struct xdp_port_stats *stats, __u64 len)
{
    if (len > companion->max) {
        stats_count_rare(XDP_COUNTER_DROP_TOO_LARGE);
        stats_add_to(&stats->too_large, 1);
        return HOOK_DROP;
    }
    stats_count(XDP_COUNTER_COMPANION);
    return bpf_redirect(companion->ifindex, 0);
}

/* Sends the packet of the scratch into the companion of 'port'.
 *
 * On the first pass, where it is unchanged, the packet of a port without
 * companion goes to the kernel's stack.  Later, userspace must know the pass,
 * or the packet is dropped. */
__noinline int
upcall(struct hook_md *ctx, __u32 port)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct upcall_companion companion = upcall_companion(port);
    struct xdp_port_stats *stats = upcall_stats(port);
    __u64 len = hook_len(ctx);

    if (!scratch || !stats) {
        return HOOK_DROP;
    }
    if (!scratch->pass) {
        return (companion.ifindex
                ? upcall_redirect(ctx, &companion, stats, len)
                : upcall_pass(stats));
    }
    len += sizeof(struct xdp_companion_hdr) + upcall_words_len(scratch);
    if (!companion.ifindex || !upcall_put_header(ctx, scratch)) {
        stats_count_rare(XDP_COUNTER_DROP_RECIRC);
        return HOOK_DROP;
    }
    return upcall_redirect(ctx, &companion, stats, len);
}

/* As upcall(), for a packet that just came in on 'port', and without a look at
 * the scratch. */
static __always_inline int
upcall_untouched(struct hook_md *ctx, __u32 port)
{
    struct upcall_companion companion = upcall_companion(port);
    struct xdp_port_stats *stats = upcall_stats(port);
    __u64 len = ctx->gso_size;

    if (!stats) {
        return HOOK_PASS;
    }
    return (companion.ifindex
            ? upcall_redirect(ctx, &companion, stats,
                              len ? len : hook_whole_len(ctx))
            : upcall_pass(stats));
}

#endif /* upcall_tc.h */
