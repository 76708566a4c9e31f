/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the entries of the map 'xdp_conns', of which each has a slot
 * here: who has it, and when it can be used again.
 *
 * A slot is free; then it is valid, for programs find its entry, on behalf of
 * an owner; then it is withdrawn, since programs that began before may still
 * be at the entry, until all of them have ended; then it is released, since
 * threads of ours may still look at it, and after an RCU grace period it is
 * free again.  In all states but the first, it is in use.
 *
 * Slots that are withdrawn get the number of the current epoch.  Who waits for
 * programs ends the epoch before, and afterwards releases those of that epoch:
 * what is withdrawn meanwhile has to wait for the next time.
 *
 * This module knows numbers and owners only, neither the entries nor how they
 * are found, and waits for nobody.  For lib/xdp-conn-table.c, whose lock
 * protects all of it.  The owners are not looked at, and belong to the
 * caller.
 */

#ifndef XDP_CONN_SLOTS_H
#define XDP_CONN_SLOTS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xdp_conn_owner;

/* No slot. */
#define XDP_CONN_NO_SLOT UINT32_MAX

/* Members are of lib/xdp-conn-slots.c, but those that others may read. */
struct xdp_conn_slots {
    uint32_t n;                 /* All of them.  Others may read this... */
    uint32_t n_used;            /* ...this... */
    uint32_t n_valid;           /* ...and this. */
    struct xdp_conn_slot *slots;
    uint32_t free;              /* First that is free... */
    uint32_t first, last;       /* ...and that is withdrawn. */
    uint64_t epoch;             /* The current one. */
};

/* None yet. */
#define XDP_CONN_SLOTS_INITIALIZER \
    { .free = XDP_CONN_NO_SLOT, .first = XDP_CONN_NO_SLOT, \
      .last = XDP_CONN_NO_SLOT }

bool xdp_conn_slots_init(struct xdp_conn_slots *, uint32_t n);

/* The life of a slot. */
bool xdp_conn_slots_any_free(const struct xdp_conn_slots *);
uint32_t xdp_conn_slots_take(struct xdp_conn_slots *,
                             struct xdp_conn_owner *);
bool xdp_conn_slots_withdraw(struct xdp_conn_slots *, uint32_t slot);
size_t xdp_conn_slots_release(struct xdp_conn_slots *, uint64_t epoch,
                              uint32_t slots[],
                              struct xdp_conn_owner *owners[], size_t max);
void xdp_conn_slots_free(struct xdp_conn_slots *, uint32_t slot);

/* Epochs. */
bool xdp_conn_slots_any_withdrawn(const struct xdp_conn_slots *);
bool xdp_conn_slots_end_epoch(struct xdp_conn_slots *, uint64_t *epoch);

/* What a slot is. */
bool xdp_conn_slots_is_valid(const struct xdp_conn_slots *, uint32_t slot);
struct xdp_conn_owner *xdp_conn_slots_owner(const struct xdp_conn_slots *,
                                            uint32_t slot);
void xdp_conn_slots_forget_owner(struct xdp_conn_slots *, uint32_t slot);

#endif /* xdp-conn-slots.h */
