/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that XDP programs carry packets of: the maps 'xdp_conns' and
 * 'xdp_conn_refs', as lib/xdp-abi-conn.h lays them out, which all objects
 * share.
 *
 * This module knows entries, not where they come from: each has an owner, in
 * which its number is kept.  lib/xdp-conntrack.c has the owners, connections
 * of OVS's connection tracker.  lib/xdp-prepare.c opens and closes the maps,
 * lib/xdp-worker.c has entries freed, lib/xdp-conn-report.c and
 * lib/xdp-command.c ask.
 *
 * The life of an entry
 * ====================
 *
 * A free entry is inserted for an owner; programs find it, until it is
 * withdrawn.  What programs change that have found it before still counts, so
 * the owner keeps it until xdp_conn_table_reclaim(), when all of them have
 * ended: the owner is told, reads the entry for the last time, and forgets it.
 * Threads that have read its number from the owner may still look at it, so it
 * is free again only after an RCU grace period.
 *
 * Thread safety
 * =============
 *
 * All functions may be called from any thread, with any locks, except that
 * xdp_conn_table_reclaim() takes the locks of owners.  There is one lock here,
 * under which nothing is locked but what is as low.  The caller of
 * xdp_conn_table_insert(), xdp_conn_table_set_attrs() and the function of
 * xdp_conn_table_init() has the lock of the owner, which this module does not
 * know.
 *
 * The memory of the entries is always valid; see lib/xdp-shared.h.
 */

#ifndef XDP_CONN_TABLE_H
#define XDP_CONN_TABLE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ovs-atomic.h"
#include "xdp-abi.h"

/* Connections that there can be unless another number is configured. */
#define XDP_CONN_DEFAULT_MAX 65536

/* Who may have an entry.  Zeros to begin with. */
struct xdp_conn_owner {
    atomic_uint32_t slot;       /* Of its entry, plus 1, or 0.  Changes under
                                 * the lock of the owner. */
    atomic_bool barred;         /* Never again gets one... */
    atomic_bool closed;         /* ...and is to have none. */
    atomic_bool stale;          /* When the entry expires is of no importance
                                 * any more. */
};

/* What became of xdp_conn_table_insert(). */
enum xdp_conn_result {
    XDP_CONN_OK,
    XDP_CONN_OFF,               /* The table is not in use. */
    XDP_CONN_CLOSED,            /* The owner is barred or closed. */
    XDP_CONN_FULL,              /* No room. */
    XDP_CONN_AMBIGUOUS,         /* A tuple is that of another entry, too. */
};

struct xdp_conn_table_stats {
    uint32_t max_conns;         /* Entries that there can be. */
    uint32_t n_conns;           /* Those that programs find. */
    uint64_t n_inserted;        /* Since start... */
    uint64_t n_full;            /* ...not inserted for lack of room, when that
                                 * was looked for... */
    uint64_t n_displaced;       /* ...withdrawn for others. */
    uint64_t memory;            /* Bytes of the maps. */
};

/* Called for an owner that is to forget 'entry', with no lock of this
 * module.  Must set its 'slot' to 0. */
typedef void xdp_conn_release_func(struct xdp_conn_owner *,
                                   const struct xdp_conn *entry);

/* True while programs may find connections here: as long as these can be
 * inserted, and then until the last one is withdrawn. */
extern atomic_bool xdp_conn_table_active;

void xdp_conn_table_init(xdp_conn_release_func *);
void xdp_conn_table_configure(uint32_t max_conns);
void xdp_conn_table_block(bool blocked);

/* The maps. */
int xdp_conn_table_open(char **errp);
void xdp_conn_table_close(void);
int xdp_conn_table_open_refs(char **errp);
void xdp_conn_table_close_refs(void);
uint32_t xdp_conn_table_bits(void);
const uint64_t *xdp_conn_table_secret(void);

/* Entries. */
bool xdp_conn_table_is_open(const struct xdp_conn_owner *);
bool xdp_conn_table_has_room(uint64_t now);
enum xdp_conn_result xdp_conn_table_insert(struct xdp_conn_owner *,
                                           const struct xdp_conn *,
                                           uint64_t now);
struct xdp_conn *xdp_conn_table_get(const struct xdp_conn_owner *);
void xdp_conn_table_set_attrs(struct xdp_conn_owner *, uint32_t mark,
                              const uint64_t label[2]);
void xdp_conn_table_withdraw(struct xdp_conn_owner *);
void xdp_conn_table_withdraw_others(const struct xdp_conn_owner *,
                                    const struct xdp_conn *);
void xdp_conn_table_withdraw_all(void);
bool xdp_conn_table_close_owner(struct xdp_conn_owner *, bool gone);

/* Reuse of what programs may still look at. */
uint64_t xdp_conn_table_seq(void);
void xdp_conn_table_seq_wait(uint64_t seq);
bool xdp_conn_table_begin_reclaim(uint64_t *epoch);
void xdp_conn_table_reclaim(uint64_t epoch);

/* Reporting. */
void xdp_conn_table_get_stats(struct xdp_conn_table_stats *);
bool xdp_conn_table_next(uint32_t *position, struct xdp_conn *);

#endif /* xdp-conn-table.h */
