/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How connections are found: the map 'xdp_conn_refs', as lib/xdp-abi-conn.h
 * lays it out, seen from the side that writes it.
 *
 * This module knows no entry but by the tuples in it, and has no state of its
 * own.  For lib/xdp-conn-table.c, whose lock the caller has, unless it is said
 * that it need not; XDP programs look at references at any time.
 */

#ifndef XDP_CONN_REFS_H
#define XDP_CONN_REFS_H 1

#include <stdbool.h>
#include <stdint.h>

#include "xdp-abi.h"
#include "xdp-conn-slots.h"

/* Slots that references can lead to. */
#define XDP_CONN_MAX_SLOTS ((UINT32_C(1) << (XDP_CONN_REF_BITS - 1)) - 1)

/* What is in memory. */
struct xdp_conn_index {
    const struct xdp_conn *entries;
    struct xdp_conn_refs *buckets;      /* 2**bits of them. */
    uint32_t bits;
    uint64_t secret[XDP_CONN_KEY_WORDS];
};

uint32_t xdp_conn_refs_bits(uint32_t n_conns);
uint32_t xdp_conn_refs_find(const struct xdp_conn_index *,
                            const struct xdp_conn *, int dir);
bool xdp_conn_refs_may_find(const struct xdp_conn_index *,
                            const struct xdp_conn *);
bool xdp_conn_refs_add(const struct xdp_conn_index *, uint32_t slot, int dir);
void xdp_conn_refs_remove(const struct xdp_conn_index *, uint32_t slot,
                          int dir);

#endif /* xdp-conn-refs.h */
