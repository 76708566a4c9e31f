/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-conn-slots.h. */

#include <config.h>

#include "xdp-conn-slots.h"

#include <stdlib.h>


enum slot_state {
    SLOT_FREE,
    SLOT_VALID,                 /* Programs find the entry. */
    SLOT_WITHDRAWN,             /* Those may that began before. */
    SLOT_RELEASED,              /* Our own threads may know it. */
};

struct xdp_conn_slot {
    struct xdp_conn_owner *owner; /* NULL if it is gone. */
    uint64_t epoch;             /* In which it was withdrawn. */
    uint32_t next;              /* That is free, or withdrawn. */
    enum slot_state state;
};

/* Puts 'slot' in front of those that are free. */
static void
put_free(struct xdp_conn_slots *s, uint32_t slot)
{
    s->slots[slot].state = SLOT_FREE;
    s->slots[slot].next = s->free;
    s->free = slot;
}

/* Gives '*s', which has none, 'n' free slots, for the life of the process.
 * Returns false if there is no memory for them, which are many. */
bool
xdp_conn_slots_init(struct xdp_conn_slots *s, uint32_t n)
{
    s->slots = calloc(n, sizeof *s->slots);
    if (!s->slots) {
        return false;
    }
    s->n = n;
    while (n > 0) {
        put_free(s, --n);
    }
    return true;
}

/* Returns true if xdp_conn_slots_take() may be called. */
bool
xdp_conn_slots_any_free(const struct xdp_conn_slots *s)
{
    return s->free != XDP_CONN_NO_SLOT;
}

/* Takes a slot that is free for 'owner', as a valid one, and returns it. */
uint32_t
xdp_conn_slots_take(struct xdp_conn_slots *s, struct xdp_conn_owner *owner)
{
    uint32_t slot = s->free;

    s->free = s->slots[slot].next;
    s->slots[slot].state = SLOT_VALID;
    s->slots[slot].owner = owner;
    s->n_used++;
    s->n_valid++;
    return slot;
}

/* Makes 'slot', which is valid and whose entry no program finds any more,
 * withdrawn.  Returns true if it is the first one of its epoch: who ends that,
 * or has just done so, does not know yet that there is one. */
bool
xdp_conn_slots_withdraw(struct xdp_conn_slots *s, uint32_t slot)
{
    bool is_first;

    s->slots[slot].state = SLOT_WITHDRAWN;
    s->slots[slot].epoch = s->epoch;
    s->slots[slot].next = XDP_CONN_NO_SLOT;
    if (s->last == XDP_CONN_NO_SLOT) {
        is_first = true;
        s->first = slot;
    } else {
        is_first = s->slots[s->last].epoch != s->epoch;
        s->slots[s->last].next = slot;
    }
    s->last = slot;
    s->n_valid--;
    return is_first;
}

/* Releases up to 'max' slots that were withdrawn in 'epoch' or before, and
 * stores them in 'slots', and in 'owners' who had them, or NULL for those that
 * are gone.  Returns how many. */
size_t
xdp_conn_slots_release(struct xdp_conn_slots *s, uint64_t epoch,
                       uint32_t slots[], struct xdp_conn_owner *owners[],
                       size_t max)
{
    size_t n = 0;

    while (n < max && s->first != XDP_CONN_NO_SLOT
           && s->slots[s->first].epoch <= epoch) {
        struct xdp_conn_slot *slot = &s->slots[s->first];

        slots[n] = s->first;
        owners[n++] = slot->owner;
        slot->owner = NULL;
        slot->state = SLOT_RELEASED;
        s->first = slot->next;
    }
    if (s->first == XDP_CONN_NO_SLOT) {
        s->last = XDP_CONN_NO_SLOT;
    }
    return n;
}

/* Makes 'slot', which is released, free. */
void
xdp_conn_slots_free(struct xdp_conn_slots *s, uint32_t slot)
{
    put_free(s, slot);
    s->n_used--;
}

/* Returns true if slots are withdrawn. */
bool
xdp_conn_slots_any_withdrawn(const struct xdp_conn_slots *s)
{
    return s->first != XDP_CONN_NO_SLOT;
}

/* Stores the number of the current epoch in '*epoch' and, if there are slots
 * to release, ends it and returns true. */
bool
xdp_conn_slots_end_epoch(struct xdp_conn_slots *s, uint64_t *epoch)
{
    bool any = xdp_conn_slots_any_withdrawn(s);

    *epoch = s->epoch;
    s->epoch += any;
    return any;
}

/* Returns true if 'slot' is valid. */
bool
xdp_conn_slots_is_valid(const struct xdp_conn_slots *s, uint32_t slot)
{
    return s->slots[slot].state == SLOT_VALID;
}

/* Returns the owner of 'slot', which is valid or withdrawn, or NULL if it is
 * gone. */
struct xdp_conn_owner *
xdp_conn_slots_owner(const struct xdp_conn_slots *s, uint32_t slot)
{
    return s->slots[slot].owner;
}

/* Makes 'slot' one whose owner is gone. */
void
xdp_conn_slots_forget_owner(struct xdp_conn_slots *s, uint32_t slot)
{
    s->slots[slot].owner = NULL;
}
