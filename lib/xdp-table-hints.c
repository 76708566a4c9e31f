/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the hint cache is in use.  See xdp-flow-table.h.
 *
 * A hint is a guess that programs check, so that the number of hints may
 * change at any time, and no program has to be waited for.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <bpf/bpf.h>
#include <stdlib.h>

#include "util.h"

/* Hints for each flow, and those that are in use at least: with fewer there is
 * nothing to be gained. */
#define HINTS_PER_FLOW 2
#define MIN_USED_HINTS 32768

/* How many times over the flows have to fit before hints are given up. */
#define MAX_ROOMINESS 4

/* Of how many lookups one may end in a walk over the masks before there are
 * more hints, and how many walks there have to be in a second to matter. */
#define LOOKUPS_PER_WALK 64
#define MIN_WALKS 10000

/* Has programs use 'n' hints of a CPU, a power of 2 that is not more than
 * there are. */
static void
set_used(struct xdp_flow_table *table, uint32_t n)
{
    table->hints.n_used = n;
    table->hints.settling = true;
    *(volatile uint64_t *) table->hint_folds
        = log_2_floor(table->limits.n_hints) - log_2_floor(n);
}

/* Returns how many hints 'table' should have in use for its flows. */
static uint32_t
get_wanted(const struct xdp_flow_table *table)
{
    uint64_t n = MAX(HINTS_PER_FLOW * (uint64_t) table->n_flows,
                     MIN_USED_HINTS);

    return MIN(ROUND_UP_POW2(n), table->limits.n_hints);
}

/* Begins with as many hints as an empty 'table' needs, if its object can use
 * fewer than all. */
void
table_hints_init(struct xdp_flow_table *table)
{
    table->hints.n_used = table->limits.n_hints;
    if (table->hint_folds && table->limits.n_hints) {
        set_used(table, get_wanted(table));
    }
}

/* Makes sure that all flows of 'table' find room, after one was added. */
void
table_hints_grow(struct xdp_flow_table *table)
{
    if (table->hints.n_used < HINTS_PER_FLOW * (uint64_t) table->n_flows
        && table->hints.n_used < table->limits.n_hints) {
        set_used(table, get_wanted(table));
    }
}

/* Returns the sum of 'counter' over all CPUs, 0 if reading fails. */
static uint64_t
read_counter(const struct xdp_flow_table *table, enum xdp_counter counter,
             uint64_t *values)
{
    uint32_t key = counter;
    uint64_t sum = 0;

    if (!bpf_map_lookup_elem(table->fds.counters, &key, values)) {
        for (unsigned int i = 0; i < table->n_cpus; i++) {
            sum += values[i];
        }
    }
    return sum;
}

/* Returns true if since the last call so many lookups in 'table' ended in a
 * walk that it should have more hints.  Just after a change of their number,
 * they do in any case: hints are not where they were. */
static bool
many_walks(struct xdp_flow_table *table)
{
    struct table_hints *hints = &table->hints;
    uint64_t *values = xcalloc(table->n_cpus, sizeof *values);
    uint64_t n_walks = read_counter(table, XDP_COUNTER_SUBTABLE_HITS, values);
    uint64_t n_lookups = (read_counter(table, XDP_COUNTER_PACKETS, values)
                          + read_counter(table, XDP_COUNTER_RECIRC, values));
    uint64_t new_walks = n_walks - MIN(hints->n_walks, n_walks);
    uint64_t new_lookups = n_lookups - MIN(hints->n_lookups, n_lookups);
    bool settling = hints->settling;

    free(values);
    hints->n_walks = n_walks;
    hints->n_lookups = n_lookups;
    hints->settling = false;
    return (!settling && new_walks >= MIN_WALKS
            && new_walks > new_lookups / LOOKUPS_PER_WALK);
}

/* Fits the number of hints in use to what 'table' is used for.  To be called
 * once a second.
 *
 * The number of flows does not say how many hints their packets need: where
 * flows look at different fields, each combination of all of these has one.
 * What tells is that packets are not found by hints.  What has grown for that
 * stays so until half of the flows are gone. */
void
xdp_flow_table_fit_hints(struct xdp_flow_table *table)
{
    struct table_hints *hints = &table->hints;
    uint64_t wanted = get_wanted(table);

    if (!table->hint_folds || !table->limits.n_hints) {
        return;
    }

    if (table->n_flows <= hints->n_crowding / 2) {
        hints->n_crowding = 0;
    }
    if (many_walks(table) && hints->n_used < table->limits.n_hints) {
        set_used(table, 2 * hints->n_used);
        hints->n_crowding = table->n_flows;
    } else if (!hints->n_crowding && hints->n_used > MAX_ROOMINESS * wanted) {
        set_used(table, MAX_ROOMINESS / 2 * wanted);
    }
}

/* Returns how many hints of a CPU are in use. */
uint32_t
xdp_flow_table_n_hints(const struct xdp_flow_table *table)
{
    return table->hints.n_used;
}
