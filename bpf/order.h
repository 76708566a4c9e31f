/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The order in which this CPU reads what the provider writes.
 *
 * The provider writes an entry and then, in another word, that it is there.
 * On processors that read out of order, one who sees the word may still have
 * an old entry.  BPF has no plain read with acquire semantics before Linux
 * 6.14, but an atomic exchange is a full barrier on all of them, and its cost
 * is paid only where it is needed.
 *
 * It is not needed where the address of what is read follows from what was
 * read before: all processors keep that order.
 */

#ifndef BPF_ORDER_H
#define BPF_ORDER_H 1

#include "maps.h"

/* Makes what is read after the call at least as new as what was read before
 * it. */
static __always_inline void
order_reads(struct xdp_scratch *scratch)
{
    if (xdp_weak_order) {
        __sync_lock_test_and_set(&scratch->fence, 0);
    }
}

#endif /* order.h */
