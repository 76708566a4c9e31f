/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Recirculation: another pass for the packet, by a tail call to the program
 * for later passes.  What one pass knows from those before is in the scratch.
 */

#ifndef BPF_RECIRC_H
#define BPF_RECIRC_H 1

#include "hash.h"
#include "maps.h"
#include "stats.h"

/* Ends the train (train.h), if there is one. */
static __always_inline void
train_end(struct xdp_scratch *scratch)
{
    scratch->train.ifindex = 0;
    scratch->train.ipv6.ifindex = 0;
    scratch->train.next_valid = 0;
}

/* Makes the tunnel words of 'scratch' those of a packet that came through no
 * tunnel. */
static __always_inline void
recirc_leave_tunnel(struct xdp_scratch *scratch)
{
    __u64 *words = &scratch->words[XDP_KEY_WORDS - XDP_KEY_TUNNEL_WORDS];

#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_KEY_TUNNEL_BASIC_WORDS; i++) {
        words[i] = 0;
    }
    if (scratch->in_tunnel == MAPS_TUNNEL_RARE) {
#pragma clang loop unroll(full)
        for (int i = XDP_KEY_TUNNEL_BASIC_WORDS; i < XDP_KEY_TUNNEL_WORDS;
             i++) {
            words[i] = 0;
        }
    }
    scratch->in_tunnel = 0;
}

/* Makes the words of connection tracking of 'scratch' those of a packet that
 * is not tracked. */
static __always_inline void
recirc_untrack(struct xdp_scratch *scratch)
{
    __u64 *words = &scratch->words[PARSE_WORD(ct_state)];

#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_KEY_CT_IPV4_WORDS; i++) {
        words[i] = 0;
    }
    if (scratch->tracked == MAPS_TRACKED_IPV6) {
#pragma clang loop unroll(full)
        for (int i = XDP_KEY_CT_IPV4_WORDS; i < XDP_KEY_CT_WORDS; i++) {
            words[i] = 0;
        }
    }
    scratch->tracked = 0;
    scratch->ct_conn = 0;
}

/* Makes 'scratch' that of a packet's first pass. */
static __always_inline void
recirc_begin(struct xdp_scratch *scratch)
{
    scratch->pass_word = 0;
    scratch->recirc_word = 0;
    if (scratch->in_tunnel) {
        /* The last packet was. */
        recirc_leave_tunnel(scratch);
    }
    if (scratch->tracked) {
        recirc_untrack(scratch);
    }
}

/* Adds to the key of 'scratch', a later pass's, what the packet does not
 * tell. */
static __always_inline void
recirc_complete_key(struct xdp_scratch *scratch)
{
    scratch->words[PARSE_WORD(recirc_id)]
        |= PARSE_FIELD(recirc_id, (__u64) scratch->recirc_id);
    if (scratch->dp_hash) {
        scratch->words[PARSE_WORD(dp_hash)]
            = PARSE_FIELD(dp_hash, (__u64) scratch->dp_hash);
        scratch->extended = 1;
    }
}

/* Starts the next pass of the packet of 'scratch', with 'id', which is 0 if a
 * tunnel's header was popped.  Returns only if that fails, with what becomes
 * of the packet. */
static __always_inline int
recirc_start(struct hook_md *ctx, struct xdp_scratch *scratch, __u32 id)
{
    if (scratch->kept == HASH_NOTHING_KEPT) {
        hash_keep(scratch);
    } else if (scratch->kept == HASH_OUTDATED) {
        scratch->kept = HASH_NOTHING_KEPT;
        if (scratch->pass) {
            /* What a train needs from the first pass is about to go. */
            scratch->train.ifindex = 0;
        }
    }
    if (scratch->pass + 1 >= xdp_max_passes) {
        stats_count_rare(XDP_COUNTER_DROP_PASSES);
        return HOOK_DROP;
    }
    if (!id && scratch->tracked) {
        /* Userspace forgets it with the header. */
        recirc_untrack(scratch);
    }
    scratch->pass++;
    scratch->recirc_id = id;
    hook_recirc(ctx);
    stats_count_rare(XDP_COUNTER_DROP_RECIRC);
    return HOOK_DROP;
}

#endif /* recirc.h */
