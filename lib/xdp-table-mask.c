/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masks of a flow table.  See xdp-flow-table-private.h.
 *
 * Masks stay in the table after their last flow has gone, because another one
 * may need the same.  They are taken over by a new mask when there is no free
 * one, and no program can be looking at them any more.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <string.h>

#include "hash.h"
#include "util.h"

/* Where those of the tunnel words begin that most tunnels do not need. */
#define TUNNEL_RARE_OFS \
    (TABLE_TUNNEL_OFS + XDP_KEY_TUNNEL_BASIC_WORDS * sizeof(uint64_t))
BUILD_ASSERT_DECL(TUNNEL_RARE_OFS == offsetof(struct xdp_key, tun_opts));

/* Where, among the words of connection tracking, the tuple begins. */
#define CT_TUPLE_OFS \
    (TABLE_CT_OFS + XDP_KEY_CT_BASIC_WORDS * sizeof(uint64_t))
BUILD_ASSERT_DECL(CT_TUPLE_OFS == offsetof(struct xdp_key, ct_nw_src));

/* Returns the parts of the key that a parser must fill for 'mask'. */
uint32_t
table_mask_parts(const struct xdp_key *mask)
{
    struct xdp_key rest = *mask;
    uint32_t parts = 0;

    if (!is_all_zeros((const char *) mask + TABLE_BASIC_SIZE,
                      TABLE_EXT_SIZE)) {
        parts |= XDP_PART_EXTENDED;
    }
    if (!is_all_zeros((const char *) mask + TABLE_CT_OFS, TABLE_CT_SIZE)) {
        parts |= XDP_PART_CT;
        if (!is_all_zeros((const char *) mask + CT_TUPLE_OFS,
                          TABLE_TUNNEL_OFS - CT_TUPLE_OFS)) {
            parts |= XDP_PART_CT_TUPLE;
        }
        memset((char *) &rest + TABLE_CT_OFS, 0, TABLE_CT_SIZE);
    }
    if (!is_all_zeros((const char *) mask + TABLE_TUNNEL_OFS,
                      TABLE_TUNNEL_SIZE)) {
        parts |= XDP_PART_TUNNEL;
        if (!is_all_zeros((const char *) mask + TUNNEL_RARE_OFS,
                          sizeof *mask - TUNNEL_RARE_OFS)) {
            parts |= XDP_PART_TUNNEL_RARE;
        }
        memset((char *) &rest + TABLE_TUNNEL_OFS, 0, TABLE_TUNNEL_SIZE);
    }
    if (parts) {
        parts |= XDP_PART_REST;
    }

    /* What is in the Ethernet header, or known already, costs nothing. */
    rest.in_port = 0;
    rest.recirc_id = rest.dp_hash = 0;
    memset(rest.dl_dst, 0, sizeof rest.dl_dst);
    memset(rest.dl_src, 0, sizeof rest.dl_src);
    rest.dl_type = 0;
    rest.vlan_tci0 = rest.vlan_tpid0 = 0;
    rest.vlan_tci1 = rest.vlan_tpid1 = 0;
    if (!is_all_zeros(&rest, sizeof rest)) {
        parts |= XDP_PART_NETWORK;
    }

    /* Neighbour discovery has its addresses where ARP has them. */
    if (mask->tcp_flags || mask->tp_src || mask->tp_dst
        || mask->igmp_group_ip4
        || !is_all_zeros(mask->nd_target, sizeof mask->nd_target)
        || !is_all_zeros(mask->arp_sha, sizeof mask->arp_sha)
        || !is_all_zeros(mask->arp_tha, sizeof mask->arp_tha)) {
        parts |= XDP_PART_TRANSPORT;
    }
    return parts;
}

/* Returns the id of an unused mask: one that never was in use or else the one
 * that has been unused for longest.  That is on no port's list any more, but a
 * program that looks at it may have been running since; then it is not taken
 * yet.  Returns UINT32_MAX if there is none. */
uint32_t
table_mask_find_unused(struct xdp_flow_table *table)
{
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < table->limits.n_masks; i++) {
        struct table_mask *mask = &table->masks[i];

        if (!mask->in_use) {
            return i;
        }
        if (!mask->subtable.n && mask->unused_since < table->waited_epoch
            && (best == UINT32_MAX
                || mask->unused_since < table->masks[best].unused_since)) {
            best = i;
        }
    }
    return best;
}

/* Returns the id of the mask with 'bits', or UINT32_MAX if there is none. */
uint32_t
table_mask_find(const struct xdp_flow_table *table, const struct xdp_key *bits)
{
    uint32_t hash = hash_bytes(bits, sizeof *bits, 0);
    const struct table_mask *mask;

    HMAP_FOR_EACH_WITH_HASH (mask, node, hash, &table->masks_by_bits) {
        if (!memcmp(&mask->bits, bits, sizeof *bits)) {
            return mask - table->masks;
        }
    }
    return UINT32_MAX;
}

/* Adds to 'entry' those words of its mask, whose index is at least 'first' and
 * less than 'end'. */
static void
add_words(struct xdp_mask *entry, const uint64_t *words, size_t first,
          size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (words[i]) {
            ovs_assert(entry->n_words < XDP_MASK_MAX_WORDS);
            entry->word[entry->n_words] = i;
            entry->bits[entry->n_words] = words[i];
            entry->n_words++;
        }
    }
}

/* Makes 'id', from table_mask_find_unused(), the mask with 'bits'. */
enum xdp_table_error
table_mask_make(struct xdp_flow_table *table, uint32_t id,
                const struct xdp_key *bits)
{
    const uint64_t *words = (const uint64_t *) bits;
    struct table_mask *mask = &table->masks[id];
    struct xdp_mask *entry;

    if (xdp_subtable_reset(&mask->subtable, &table->next_map)) {
        return XDP_TABLE_SYSTEM;
    }

    if (mask->in_use) {
        hmap_remove(&table->masks_by_bits, &mask->node);
    }
    mask->in_use = true;
    table->n_made++;
    mask->bits = *bits;
    hmap_insert(&table->masks_by_bits, &mask->node,
                hash_bytes(bits, sizeof *bits, 0));

    entry = &table->masks_map[id];
    memset(entry, 0, sizeof *entry);
    memcpy(entry->basic, words, sizeof entry->basic);
    memcpy(entry->ct_bits, &words[TABLE_CT_WORD], sizeof entry->ct_bits);
    add_words(entry, words, XDP_KEY_BASIC_WORDS, TABLE_CT_WORD);
    add_words(entry, words, TABLE_CT_TUPLE_WORD, XDP_KEY_WORDS);
    ovs_assert(entry->n_words <= XDP_MASK_MAX_FAR_WORDS);
    entry->n_far = entry->n_words;
    add_words(entry, words, 0, XDP_KEY_BASIC_WORDS);
    add_words(entry, words, TABLE_CT_WORD, TABLE_CT_TUPLE_WORD);
    return XDP_TABLE_OK;
}
