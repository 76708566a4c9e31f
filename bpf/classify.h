/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From key to flow: the hint cache, then the subtables of the ingress port.
 *
 * Neither a hint nor a digest is ever believed: a slot counts as found only
 * if it is valid and its own masked key equals the packet's.
 */

#ifndef BPF_CLASSIFY_H
#define BPF_CLASSIFY_H 1

#include "maps.h"
#include "stats.h"

#define CLASSIFY_HINT_BITS 13   /* For MAPS_N_HINTS. */
#define CLASSIFY_FIRST_TUNNEL_WORD (XDP_KEY_WORDS - XDP_KEY_TUNNEL_WORDS)

/* The result of a search and what it is passed down to its steps. */
struct classify_ctx {
    const struct xdp_scratch *scratch;
    const struct xdp_port *port;
    struct xdp_flow *flow;      /* NULL if there is none. */
    __u32 slot;
};

/* Returns the valid flow in 'slot' if the packet's key matches it, otherwise
 * NULL. */
static __always_inline struct xdp_flow *
classify_check_slot(const struct xdp_scratch *scratch, __u32 slot)
{
    struct xdp_flow *flow = bpf_map_lookup_elem(&xdp_flows, &slot);
    __u64 diff;

    if (!flow || !*(volatile __u32 *) &flow->valid) {
        return NULL;
    }

    /* The port's masks may have come to need more since the packet was
     * parsed. */
    diff = flow->parts & ~scratch->parts;
#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_KEY_BASIC_WORDS; i++) {
        diff |= (scratch->words[i] & flow->bits[i]) ^ flow->words[i];
    }
    if (flow->parts & XDP_PART_EXTENDED) {
#pragma clang loop unroll(full)
        for (int i = 0; i < XDP_KEY_EXT_WORDS; i++) {
            diff |= ((scratch->words[XDP_KEY_BASIC_WORDS + i]
                      & flow->ext_bits[i])
                     ^ flow->ext_words[i]);
        }
    }
    if (flow->parts & XDP_PART_TUNNEL) {
#pragma clang loop unroll(full)
        for (int i = 0; i < XDP_KEY_TUNNEL_WORDS; i++) {
            diff |= ((scratch->words[CLASSIFY_FIRST_TUNNEL_WORD + i]
                      & flow->tunnel_bits[i])
                     ^ flow->tunnel_words[i]);
        }
    }
    return diff ? NULL : flow;
}

/* Tries the 'i'th mask of the port.  Returns 1 to end the walk. */
static long
classify_try_mask(__u32 i, struct classify_ctx *ctx)
{
    const struct xdp_port *port = ctx->port;
    const struct xdp_scratch *scratch = ctx->scratch;
    const struct xdp_mask *mask;
    __u64 digest = 0;
    void *subtable;
    __u32 mask_id;
    __u32 *slot;

    if (i >= XDP_PORT_MAX_MASKS) {
        return 1;
    }
    mask_id = port->masks[i];
    mask = bpf_map_lookup_elem(&xdp_masks, &mask_id);
    if (!mask) {
        return 0;
    }

#pragma clang loop unroll(disable)
    for (__u32 j = 0; j < XDP_MASK_MAX_WORDS; j++) {
        __u32 word;

        if (j >= mask->n_words) {
            break;
        }
        word = mask->word[j] % MAPS_KEY_SPACE;
        digest = xdp_digest_add(digest,
                                scratch->words[word] & mask->bits[j],
                                xdp_digest_secret[word]);
    }

    subtable = bpf_map_lookup_elem(&xdp_subtables, &mask_id);
    if (!subtable) {
        return 0;
    }

    /* The flow may have moved to another slot since its number was read, but
     * hardly twice. */
#pragma clang loop unroll(full)
    for (int try = 0; try < 2; try++) {
        slot = bpf_map_lookup_elem(subtable, &digest);
        if (!slot) {
            return 0;
        }
        ctx->slot = *slot;
        ctx->flow = classify_check_slot(scratch, ctx->slot);
        if (ctx->flow) {
            return 1;
        }
    }
    return 0;
}

/* Walks the masks of port 'in_port'.  Returns the number of the slot of the
 * packet's flow plus one, or 0 if there is none. */
__noinline int
classify_walk(__u32 in_port)
{
    struct classify_ctx ctx = { .flow = NULL };
    __u32 zero = 0;

    ctx.scratch = bpf_map_lookup_elem(&xdp_scratch, &zero);
    ctx.port = bpf_map_lookup_elem(&xdp_ports, &in_port);
    if (!ctx.scratch || !ctx.port) {
        return 0;
    }
    bpf_loop(ctx.port->n_masks, classify_try_mask, &ctx, 0);
    return ctx.flow ? ctx.slot + 1 : 0;
}

/* Finds the flow of the packet's key among those of 'port', whose number is
 * 'in_port'.  Stores its slot number in '*slotp' and returns it, or returns
 * NULL if there is none. */
static __always_inline struct xdp_flow *
classify(const struct xdp_scratch *scratch, const struct xdp_port *port,
         __u32 in_port, __u32 *slotp)
{
    struct xdp_flow *flow;
    __u32 *hint, index;
    __u64 hash = 0;

    /* Multiply-shift hashing: good enough to choose among hints, and half as
     * expensive as a digest. */
#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_KEY_BASIC_WORDS; i++) {
        hash += ((scratch->words[i] & port->union_bits[i])
                 * (xdp_digest_secret[i] | 1));
    }
    if (scratch->extended) {
#pragma clang loop unroll(full)
        for (int i = XDP_KEY_BASIC_WORDS; i < CLASSIFY_FIRST_TUNNEL_WORD;
             i++) {
            hash += ((scratch->words[i] & port->union_bits[i])
                     * (xdp_digest_secret[i] | 1));
        }
    }
    if (scratch->in_tunnel) {
#pragma clang loop unroll(full)
        for (int i = CLASSIFY_FIRST_TUNNEL_WORD; i < XDP_KEY_WORDS; i++) {
            hash += ((scratch->words[i] & port->union_bits[i])
                     * (xdp_digest_secret[i] | 1));
        }
    }
    index = hash >> (64 - CLASSIFY_HINT_BITS);

    hint = bpf_map_lookup_elem(&xdp_hints, &index);
    if (!hint) {
        return NULL;
    }
    if (*hint) {
        *slotp = *hint - 1;
        flow = classify_check_slot(scratch, *slotp);
        if (flow) {
            stats_count(XDP_COUNTER_HINT_HITS);
            return flow;
        }
    }

    index = classify_walk(in_port);
    if (!index) {
        return NULL;
    }
    stats_count(XDP_COUNTER_SUBTABLE_HITS);
    *hint = index;
    *slotp = index - 1;
    return bpf_map_lookup_elem(&xdp_flows, slotp);
}

#endif /* classify.h */
