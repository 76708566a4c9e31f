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
#include "shorten_tc.h"
#include "stats.h"
#include "upcall_meta.h"
#include "vlan_tc.h"

#define UPCALL_MACS_LEN (2 * ETH_ALEN)

/* What is put between the header of a packet and the packet. */
struct upcall_front {
    __u32 tunnel_len;           /* Of the tunnel words... */
    __u32 words_len;            /* ...and of those of connection tracking. */
};

/* Returns what belongs to the packet of 'scratch'. */
static __always_inline struct upcall_front
upcall_front(const struct xdp_scratch *scratch)
{
    struct upcall_front front = {
        .words_len = (scratch->tracked == MAPS_TRACKED_IPV6
                      ? XDP_KEY_CT_WORDS * 8
                      : scratch->tracked ? XDP_KEY_CT_IPV4_WORDS * 8 : 0),
    };

    if (scratch->in_tunnel) {
        front.tunnel_len = (XDP_UPCALL_TUNNEL_WORDS * 8
                            + (scratch->key.tun_opts_len
                               ? XDP_UPCALL_OPTS_WORDS * 8 : 0)
                            + (scratch->key.tun_ip_dst
                               ? 0 : XDP_UPCALL_IPV6_WORDS * 8));
    }
    return front;
}

/* Stores 'n' words of 'scratch' from 'word' on in the packet, '*ofsp' bytes
 * behind its start, and makes that the place behind them.  Returns false if
 * that fails. */
static __always_inline bool
upcall_store_words(struct hook_md *ctx, const struct xdp_scratch *scratch,
                   __u32 word, __u32 n, __u32 *ofsp)
{
    __u32 ofs = *ofsp;

    *ofsp += n * 8;
    return !bpf_skb_store_bytes(ctx, ofs, &scratch->words[word], n * 8, 0);
}

/* Stores the words of 'scratch' that belong to the packet behind its header,
 * and stores in '*ofsp' where they end.  Returns false if that fails. */
static __always_inline bool
upcall_store_front(struct hook_md *ctx, const struct xdp_scratch *scratch,
                   __u32 *ofsp)
{
    *ofsp = sizeof(struct xdp_companion_hdr);
    if (scratch->in_tunnel
        && (!upcall_store_words(ctx, scratch, PARSE_WORD(tun_ip_src),
                                XDP_UPCALL_TUNNEL_WORDS, ofsp)
            || (scratch->key.tun_opts_len
                && !upcall_store_words(ctx, scratch, PARSE_WORD(tun_opts),
                                       XDP_UPCALL_OPTS_WORDS, ofsp))
            || (!scratch->key.tun_ip_dst
                && !upcall_store_words(ctx, scratch, PARSE_WORD(tun_ipv6_src),
                                       XDP_UPCALL_IPV6_WORDS, ofsp)))) {
        return false;
    }
    if (scratch->tracked == MAPS_TRACKED_IPV6) {
        return upcall_store_words(ctx, scratch, PARSE_WORD(ct_state),
                                  XDP_KEY_CT_WORDS, ofsp);
    }
    return (!scratch->tracked
            || upcall_store_words(ctx, scratch, PARSE_WORD(ct_state),
                                  XDP_KEY_CT_IPV4_WORDS, ofsp));
}

/* Puts the header for the pass of 'scratch', and 'front', which belongs to it,
 * in front of the packet, and the tags that are beside the packet into it.
 * Returns false if that fails. */
static __always_inline bool
upcall_put_header(struct hook_md *ctx, struct xdp_scratch *scratch,
                  const struct upcall_front *front)
{
    struct xdp_companion_hdr hdr;
    __u8 macs[UPCALL_MACS_LEN];
    struct vlan_tags tags = { .len = 0 };
    __u32 ofs;

    if (bpf_skb_load_bytes(ctx, 0, macs, sizeof macs)
        || !vlan_take_tags(ctx, &tags)) {
        return false;
    }
    __builtin_memset(&hdr, 0, sizeof hdr);
    hdr.type = bpf_htons(XDP_COMPANION_TYPE);
    upcall_fill_metadata(&hdr.meta, scratch, front->tunnel_len);
    if (bpf_skb_change_head(ctx, sizeof hdr + front->tunnel_len
                                 + front->words_len + tags.len, 0)
        || bpf_skb_store_bytes(ctx, 0, &hdr, sizeof hdr, 0)
        || !upcall_store_front(ctx, scratch, &ofs)) {
        return false;
    }
    if (!tags.len) {
        return true;
    }
    if (bpf_skb_store_bytes(ctx, ofs, macs, sizeof macs, 0)) {
        return false;
    }
    ofs += sizeof macs;
#pragma clang loop unroll(full)
    for (int i = 0; i < VLAN_MAX_TAGS; i++) {
        if (i * HOOK_TAG_LEN < tags.len
            && bpf_skb_store_bytes(ctx, ofs + i * HOOK_TAG_LEN,
                                   &tags.tags[2 * i], HOOK_TAG_LEN, 0)) {
            return false;
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

/* Returns true if the longest packet that becomes of this one in 'companion',
 * of 'len' bytes and with 'front_len' bytes in front of them, gets through, or
 * if only a part of it does, and the packet is that now.  The rest is a loss
 * for 'stats', those of the port. */
static __always_inline bool
upcall_fits(struct hook_md *ctx, const struct upcall_companion *companion,
            struct xdp_port_stats *stats, __u64 len, __u64 front_len)
{
    if (len + front_len <= companion->max) {
        return true;
    }
    if (!shorten(ctx) || hook_whole_len(ctx) + front_len > companion->max) {
        return false;
    }
    stats_count_rare(XDP_COUNTER_SHORTENED);
    stats_add_to(&stats->too_large, 1);
    return true;
}

/* Sends the packet into 'companion', of a port with 'stats', or drops it if
 * it does not fit, as 'fits' says. */
static __always_inline int
upcall_redirect(struct hook_md *ctx, const struct upcall_companion *companion,
                struct xdp_port_stats *stats, bool fits)
{
    if (!fits) {
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
    struct upcall_companion companion;
    struct xdp_port_stats *stats;
    struct upcall_front front;
    __u64 len = hook_len(ctx);
    bool fits;

    if (!scratch) {
        return HOOK_DROP;
    }
    if (scratch->in_tunnel) {
        port = scratch->rx_port;
    }
    stats = upcall_stats(port);
    if (!stats) {
        return HOOK_DROP;
    }
    companion = upcall_companion(port);
    if (!scratch->pass) {
        return (companion.ifindex
                ? upcall_redirect(ctx, &companion, stats,
                                  upcall_fits(ctx, &companion, stats, len,
                                              0))
                : upcall_pass(stats));
    }
    front = upcall_front(scratch);
    fits = upcall_fits(ctx, &companion, stats, len,
                       (sizeof(struct xdp_companion_hdr) + front.tunnel_len
                        + front.words_len));
    if (!companion.ifindex
        || (fits && !upcall_put_header(ctx, scratch, &front))) {
        stats_count_rare(XDP_COUNTER_DROP_RECIRC);
        return HOOK_DROP;
    }
    return upcall_redirect(ctx, &companion, stats, fits);
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
                              upcall_fits(ctx, &companion, stats,
                                          len ? len : hook_whole_len(ctx), 0))
            : upcall_pass(stats));
}

#endif /* upcall_tc.h */
