/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subtable of a mask: a hash map from digests to the numbers of flow
 * slots, in which XDP programs look, as an inner map of 'xdp_subtables'.
 *
 * Growth
 * ======
 *
 * A subtable that gets full is replaced by a larger one.  A thread makes that
 * (see xdp-pool.h), each insertion copies a few entries into it, and what
 * changes meanwhile is changed in both.  Then the larger one takes the place
 * of the old one in one step; while a thread does that, both go on being
 * changed.  So no call takes long, however many entries there are: whoever
 * calls may hold a lock.
 *
 * Nobody waits for the programs that have looked up the old one by then (see
 * xdp-swap.h): what they find there is what a program finds that was a little
 * faster.  They miss what is inserted from then on, and the slots of what is
 * removed are invalid.  Only a modification has to be made in both, so that
 * they find one of the flow's slots.
 *
 * Who inserts faster than the kernel makes and replaces maps has to wait.  To
 * wait without a lock, it asks xdp_subtable_prepare() first.
 *
 * For the flow table, lib/xdp-flow-table.c and lib/xdp-table-mask.c.  The
 * caller serializes all calls for one subtable, as for a table.
 */

#ifndef XDP_SUBTABLE_H
#define XDP_SUBTABLE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/list.h"

struct xdp_subtable_creation;

/* An entry.  The caller sets 'digest' and 'slot' before it is inserted. */
struct xdp_subtable_entry {
    struct ovs_list list_node;  /* In 'entries' or 'uncopied'. */
    uint64_t digest;
    uint32_t slot;
};

/* The members are read-only for users. */
struct xdp_subtable {
    int outer_fd;               /* The map of maps, owned by the caller... */
    uint32_t index;             /* ...and the subtable's place there. */
    uint32_t limit;             /* Entries at most. */

    int fd;                     /* The map that programs find, or -1. */
    uint32_t capacity;          /* How many entries it takes. */
    uint32_t n;                 /* Entries. */
    struct ovs_list entries;    /* Those that are not in 'uncopied'. */
    struct xdp_swap *swap;      /* The last growth, which may be over, or
                                 * NULL. */

    /* The next map, first while a thread makes it, then while entries are
     * copied, and until programs find it. */
    struct xdp_subtable_creation *creation; /* Or NULL. */
    int next_fd;                /* Or -1. */
    uint32_t next_capacity;
    struct ovs_list uncopied;   /* Entries that it does not have yet. */
    uint32_t n_uncopied;
    struct xdp_swap *next_swap; /* If it is being published, otherwise NULL. */

    /* After a failure. */
    int error;
    long long int retry_at;     /* When to try again, as time_msec(). */
};

/* Entries that an insertion copies at most.  Of the flows that are put with
 * one hold of a lock, each may belong to another subtable that grows. */
#define XDP_SUBTABLE_COPIES 32

int xdp_subtable_create_map(uint32_t capacity);

void xdp_subtable_init(struct xdp_subtable *, int outer_fd, uint32_t index,
                       uint32_t limit);
void xdp_subtable_destroy(struct xdp_subtable *);
bool xdp_subtable_prepare_reset(struct xdp_subtable *,
                                struct xdp_subtable_creation **);
void xdp_subtable_unprepare_map(struct xdp_subtable_creation **);
int xdp_subtable_reset(struct xdp_subtable *,
                       struct xdp_subtable_creation **);
bool xdp_subtable_has(const struct xdp_subtable *, uint64_t digest);
bool xdp_subtable_prepare(struct xdp_subtable *);
int xdp_subtable_insert(struct xdp_subtable *, struct xdp_subtable_entry *);
int xdp_subtable_modify(struct xdp_subtable *, struct xdp_subtable_entry *,
                        uint32_t slot);
int xdp_subtable_remove(struct xdp_subtable *, struct xdp_subtable_entry *);

#endif /* xdp-subtable.h */
