/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which the masks of a port are tried.  See xdp-flow-table.h.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <stdlib.h>

#include "util.h"
#include "xdp-mutex.h"

/* How many counters of masks, times CPUs, are read at a time, so that nobody
 * has to wait for long. */
#define SORT_COUNTERS 32768

/* A mask of a port and how often a walk ended there. */
struct mask_hits {
    uint64_t n;
    uint32_t id;
};

/* Returns how often a walk over the masks of 'port' ended at 'mask', and makes
 * it half as often, so that new hits count more than old ones.  What a program
 * counts at the same time may get lost. */
static uint64_t
take_mask_hits(struct xdp_flow_table *table, uint32_t port, uint32_t mask)
{
    uint64_t n = 0;

    for (unsigned int i = 0; i < table->n_cpus; i++) {
        volatile uint64_t *hits
            = &table->mask_hits[xdp_mask_hits_index(i, port, mask)];

        if (*hits) {
            n += *hits;
            *hits /= 2;
        }
    }
    return n;
}

/* Compares for qsort(): the most hits first. */
static int
compare_mask_hits(const void *a_, const void *b_)
{
    const struct mask_hits *a = a_;
    const struct mask_hits *b = b_;

    return a->n < b->n ? 1 : a->n > b->n ? -1 : 0;
}

/* Puts the masks of 'port' into a better order, if that is worth while.
 * Returns the number of its masks. */
static uint32_t
port_sort_masks(struct xdp_flow_table *table, uint32_t port)
{
    const struct xdp_port_masks *masks = table_port_masks(table, port);
    struct xdp_port *entry = &table->ports_map[port];
    struct xdp_port_masks *new_masks = &entry->lists[!entry->list];
    struct mask_hits hits[XDP_PORT_MAX_MASKS];
    bool is_bad = false;

    if (masks->n < 2) {
        return masks->n;
    }
    for (uint32_t i = 0; i < masks->n; i++) {
        hits[i].id = masks->ids[i];
        hits[i].n = take_mask_hits(table, port, hits[i].id);
        is_bad |= i && hits[i].n > hits[i - 1].n + hits[i - 1].n / 4;
    }
    if (!is_bad) {
        return masks->n;
    }

    qsort(hits, masks->n, sizeof *hits, compare_mask_hits);
    for (uint32_t i = 0; i < masks->n; i++) {
        new_masks->ids[i] = hits[i].id;
    }
    new_masks->n = masks->n;
    table_publish(&entry->list, !entry->list);
    table->lists_busy = true;
    table->lists_epoch = table->epoch;
    return new_masks->n;
}

/* Has the masks of each port tried in the order of their use.  Does a part of
 * that, which takes no more than about a millisecond, or one port if the
 * caller has had the lock for long, and returns true if there is more to do.
 * 'begin' says that this is the first part.  If programs may still be at a
 * list that was replaced the last time, there is nothing to do. */
bool
xdp_flow_table_sort_masks(struct xdp_flow_table *table, bool begin)
    OVS_REQUIRES(xdp_mutex)
{
    uint32_t n_left = MAX(SORT_COUNTERS / table->n_cpus, 1);

    if (begin && table->mask_hits && !table->lists_busy) {
        table->next_sorted = 0;
    }
    while (table->next_sorted < table->limits.n_ports) {
        uint32_t port = table->next_sorted++;

        if (table->ports[port].n_flows) {
            uint32_t n = port_sort_masks(table, port);

            if (n >= n_left || (n && xdp_lock_is_due())) {
                break;
            }
            n_left -= n;
        }
    }
    return table->next_sorted < table->limits.n_ports;
}
