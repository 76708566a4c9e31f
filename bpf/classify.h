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
#include "order.h"
#include "parse_common.h"
#include "stats.h"

#define CLASSIFY_FIRST_CT_WORD (XDP_KEY_BASIC_WORDS + XDP_KEY_EXT_WORDS)
#define CLASSIFY_FIRST_CT_TUPLE_WORD \
    (CLASSIFY_FIRST_CT_WORD + XDP_KEY_CT_BASIC_WORDS)
#define CLASSIFY_FIRST_CT_IPV6_WORD \
    (CLASSIFY_FIRST_CT_WORD + XDP_KEY_CT_IPV4_WORDS)
#define CLASSIFY_FIRST_TUNNEL_WORD (XDP_KEY_WORDS - XDP_KEY_TUNNEL_WORDS)
#define CLASSIFY_FIRST_RARE_WORD \
    (CLASSIFY_FIRST_TUNNEL_WORD + XDP_KEY_TUNNEL_BASIC_WORDS)

/* The result of a search and what it is passed down to its steps. */
struct classify_ctx {
    struct xdp_scratch *scratch;
    const struct xdp_port *port;
    struct xdp_flow *flow;      /* NULL if there is none. */
    __u32 in_port;
    __u32 list;                 /* Of the port's masks. */
    __u32 slot;
    __u32 valid;
};

/* Compares the packet's key with the words in the rest of the flow in 'slot',
 * which has the mask 'mask_id'.  Returns 0 if they match.  Those of connection
 * tracking are compared in any case: without them, they are zero.
 *
 * Not a part of the caller, which is so large that the verifier would get at
 * its limit. */
__noinline __u64
classify_compare_rest(__u32 slot, __u32 mask_id)
{
    const struct xdp_flow_rest *rest = maps_rest(slot);
    const struct xdp_mask *mask = bpf_map_lookup_elem(&xdp_masks, &mask_id);
    const struct xdp_scratch *scratch = parse_scratch();
    const __u64 *ct;
    __u64 diff = 0;

    if (!rest || !mask || !scratch) {
        return 1;
    }
    ct = &scratch->words[CLASSIFY_FIRST_CT_WORD];
#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_KEY_CT_BASIC_WORDS; i++) {
        diff |= (ct[i] & mask->ct_bits[i]) ^ rest->ct_words[i];
    }
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < XDP_MASK_MAX_FAR_WORDS; i++) {
        if (i >= mask->n_far) {
            break;
        }
        diff |= ((scratch->words[mask->word[i] % MAPS_KEY_SPACE]
                  & mask->bits[i]) ^ rest->far_words[i]);
    }
    return diff;
}

/* Returns the valid flow in 'slot' if the packet's key matches it, and stores
 * what the slot has in 'valid' in '*validp'.  Otherwise returns NULL. */
static __always_inline struct xdp_flow *
classify_check_slot(struct xdp_scratch *scratch, __u32 slot, __u32 *validp)
{
    struct xdp_flow *flow = bpf_map_lookup_elem(&xdp_flows, &slot);
    const struct xdp_mask *mask;
    __u32 mask_id;
    __u64 diff;

    if (!flow) {
        return NULL;
    }
    *validp = *(volatile __u32 *) &flow->valid;
    if (!*validp) {
        return NULL;
    }
    order_reads(scratch);

    /* The port's masks may have come to need more since the packet was
     * parsed. */
    diff = flow->parts & ~scratch->parts;
    mask_id = flow->mask;
    mask = bpf_map_lookup_elem(&xdp_masks, &mask_id);
    if (!mask) {
        return NULL;
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_KEY_BASIC_WORDS; i++) {
        diff |= (scratch->words[i] & mask->basic[i]) ^ flow->words[i];
    }
    if (flow->parts & XDP_PART_REST) {
        diff |= classify_compare_rest(slot, mask_id);
    }
    return diff ? NULL : flow;
}

/* Counts that the walk 'ctx' ended at mask 'mask_id'. */
static __always_inline void
classify_count_mask(const struct classify_ctx *ctx, __u32 mask_id)
{
    __u32 index = xdp_mask_hits_index(ctx->scratch->cpu, ctx->in_port,
                                      mask_id);
    __u64 *hits = bpf_map_lookup_elem(&xdp_mask_hits, &index);

    if (hits) {
        (*hits)++;
    }
}

/* Tries the 'i'th mask of the port.  Returns 1 to end the walk. */
static long
classify_try_mask(__u32 i, struct classify_ctx *ctx)
{
    const struct xdp_port *port = ctx->port;
    struct xdp_scratch *scratch = ctx->scratch;
    const struct xdp_mask *mask;
    __u64 digest = 0;
    void *subtable;
    __u32 mask_id;
    __u32 *slot;

    if (i >= XDP_PORT_MAX_MASKS) {
        return 1;
    }
    mask_id = port->lists[ctx->list & 1].ids[i];
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
        ctx->flow = classify_check_slot(scratch, ctx->slot, &ctx->valid);
        if (ctx->flow) {
            classify_count_mask(ctx, mask_id);
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
    struct classify_ctx ctx = { .flow = NULL, .in_port = in_port };
    __u32 zero = 0;

    ctx.scratch = bpf_map_lookup_elem(&xdp_scratch, &zero);
    ctx.port = bpf_map_lookup_elem(&xdp_ports, &in_port);
    if (!ctx.scratch || !ctx.port) {
        return 0;
    }
    ctx.list = *(volatile const __u32 *) &ctx.port->list;
    bpf_loop(ctx.port->lists[ctx.list & 1].n, classify_try_mask, &ctx, 0);
    return ctx.flow ? ctx.slot + 1 : 0;
}

/* Returns what the original tuple of the packet's connection adds to its
 * hash. */
static __always_inline __u64
classify_hash_tuple(const struct xdp_scratch *scratch,
                    const struct xdp_port *port)
{
    __u64 hash = 0;

#pragma clang loop unroll(full)
    for (int i = CLASSIFY_FIRST_CT_TUPLE_WORD; i < CLASSIFY_FIRST_CT_IPV6_WORD;
         i++) {
        hash += (scratch->words[i] & port->union_bits[i]) * xdp_hint_secret[i];
    }
    if (scratch->tracked == MAPS_TRACKED_IPV6) {
#pragma clang loop unroll(full)
        for (int i = CLASSIFY_FIRST_CT_IPV6_WORD;
             i < CLASSIFY_FIRST_TUNNEL_WORD; i++) {
            hash += ((scratch->words[i] & port->union_bits[i])
                     * xdp_hint_secret[i]);
        }
    }
    return hash;
}

/* Returns a hash of the bits of the packet's key that some flow of 'port'
 * looks at.  Multiply-shift hashing: good enough to choose among hints, and
 * half as expensive as a digest.  The high bits are the best. */
static __always_inline __u64
classify_hash(const struct xdp_scratch *scratch, const struct xdp_port *port)
{
    __u64 hash = 0;

#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_KEY_BASIC_WORDS; i++) {
        hash += (scratch->words[i] & port->union_bits[i]) * xdp_hint_secret[i];
    }
    if (scratch->extended) {
#pragma clang loop unroll(full)
        for (int i = XDP_KEY_BASIC_WORDS; i < CLASSIFY_FIRST_CT_WORD; i++) {
            hash += ((scratch->words[i] & port->union_bits[i])
                     * xdp_hint_secret[i]);
        }
    }
    if (scratch->tracked) {
#pragma clang loop unroll(full)
        for (int i = CLASSIFY_FIRST_CT_WORD; i < CLASSIFY_FIRST_CT_TUPLE_WORD;
             i++) {
            hash += ((scratch->words[i] & port->union_bits[i])
                     * xdp_hint_secret[i]);
        }
        if (port->parts & XDP_PART_CT_TUPLE) {
            hash += classify_hash_tuple(scratch, port);
        }
    }
    if (scratch->in_tunnel) {
#pragma clang loop unroll(full)
        for (int i = CLASSIFY_FIRST_TUNNEL_WORD; i < CLASSIFY_FIRST_RARE_WORD;
             i++) {
            hash += ((scratch->words[i] & port->union_bits[i])
                     * xdp_hint_secret[i]);
        }
        if (scratch->in_tunnel == MAPS_TUNNEL_RARE) {
#pragma clang loop unroll(full)
            for (int i = CLASSIFY_FIRST_RARE_WORD; i < XDP_KEY_WORDS; i++) {
                hash += ((scratch->words[i] & port->union_bits[i])
                         * xdp_hint_secret[i]);
            }
        }
    }
    return hash;
}

/* Returns true if 'hint', without its bits of the hash, leads to a slot. */
static __always_inline bool
classify_is_hint(__u32 hint)
{
    return hint - 1 < (1u << MAPS_HINT_SLOT_BITS) - 1;
}

/* Finds the flow of the packet's key among those of 'port', whose number is
 * 'in_port'.  Stores its slot number in '*slotp', and what the slot had in
 * 'valid' or 0 in '*validp', and returns it, or returns NULL if there is
 * none. */
static __always_inline struct xdp_flow *
classify(struct xdp_scratch *scratch, const struct xdp_port *port,
         __u32 in_port, __u32 *slotp, __u32 *validp)
{
    struct xdp_hints_bucket *bucket = NULL;
    struct xdp_flow *flow;
    __u32 index, tag = 0;

    if (xdp_n_hint_buckets) {
        __u64 hash = classify_hash(scratch, port);
        __u32 hint;

        index = scratch->hints_base + (hash >> 1 >> scratch->hint_shift);
        bucket = bpf_map_lookup_elem(&xdp_hints, &index);
        if (!bucket) {
            return NULL;
        }
        tag = ((__u32) (hash >> 1
                        >> (scratch->hint_shift - MAPS_HINT_TAG_BITS))
               << MAPS_HINT_SLOT_BITS);
        hint = bucket->hints[0] ^ tag;
        if (!classify_is_hint(hint)) {
            hint = bucket->hints[1] ^ tag;
            if (!classify_is_hint(hint)) {
                hint = bucket->hints[2] ^ tag;
                if (!classify_is_hint(hint)) {
                    hint = bucket->hints[3] ^ tag;
                }
            }
        }
        *slotp = hint - 1;
        flow = classify_check_slot(scratch, *slotp, validp);
        if (flow) {
            return flow;
        }
    }

    index = classify_walk(in_port);
    if (!index) {
        return NULL;
    }
    stats_count(XDP_COUNTER_SUBTABLE_HITS);
    if (bucket) {
        bucket->hints[3] = bucket->hints[2];
        bucket->hints[2] = bucket->hints[1];
        bucket->hints[1] = bucket->hints[0];
        bucket->hints[0] = index ^ tag;
    }
    *slotp = index - 1;
    *validp = 0;
    return bpf_map_lookup_elem(&xdp_flows, slotp);
}

#endif /* classify.h */
