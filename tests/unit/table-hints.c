/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of how much of the hint cache is in use.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "fixture.h"
#include "unit.h"
#include "util.h"

/* Hints of a CPU in the tables here, and what is in use without flows. */
#define N_HINTS 131072
#define LEAST 32768

/* Creates a table for 'n_flows' flows with 'n_hints' hints. */
static void
init_hints(struct fixture *f, uint32_t n_flows, uint32_t n_hints)
{
    fixture_open(f, n_flows, 4, MAX_PORTS, n_flows);
    f->limits.n_hints = n_hints;
    fixture_create(f);
    CHECK(!xdp_flow_table_add_port(f->table, 1, 1, 2));
}

/* Returns true if 'n' hints of the table are in use, and programs know. */
static bool
uses(const struct fixture *f, uint32_t n)
{
    uint64_t folds;

    return (xdp_flow_table_n_hints(f->table) == n
            && read_map(f->fds.hint_folds, 0, &folds)
            && f->limits.n_hints >> folds == n);
}

/* Makes the flows of the table, '*n' at 'flows', 'wanted' ones. */
static void
set_n_flows(struct fixture *f, struct xdp_table_flow *flows[], uint32_t *n,
            uint32_t wanted)
{
    struct xdp_flow_table_stats s;

    while (*n < wanted) {
        CHECK(!insert(f, 1, 100 + *n, 0, 11, &flows[*n]));
        ++*n;
    }
    while (*n > wanted) {
        xdp_flow_table_remove(f->table, flows[--*n], &s);
    }
    fixture_reclaim(f);
}

/* Lets programs count 'n_walks' walks among 'n_lookups' packets, and the table
 * look at that, as after a second. */
static void
second_passes(struct fixture *f, uint64_t n_walks, uint64_t n_lookups)
{
    uint64_t *values = xcalloc(f->n_cpus, sizeof *values);
    uint32_t key = XDP_COUNTER_SUBTABLE_HITS;

    CHECK(read_map(f->fds.counters, key, values));
    values[f->n_cpus - 1] += n_walks;
    CHECK(!bpf_map_update_elem(f->fds.counters, &key, values, BPF_ANY));
    key = XDP_COUNTER_PACKETS;
    CHECK(read_map(f->fds.counters, key, values));
    values[0] += n_lookups;
    CHECK(!bpf_map_update_elem(f->fds.counters, &key, values, BPF_ANY));
    free(values);
    xdp_flow_table_fit_hints(f->table);
}

/* There are at least so many hints for each flow, at once, and fewer again
 * when they are far too many. */
static void
test_table_hints_flows(void)
{
    enum { N = N_HINTS / 2 + 10 };
    struct xdp_table_flow **flows = xcalloc(N, sizeof *flows);
    struct fixture f;
    uint32_t n = 0;

    init_hints(&f, N, N_HINTS);
    CHECK(uses(&f, LEAST));
    set_n_flows(&f, flows, &n, LEAST / 2);
    CHECK(uses(&f, LEAST));
    set_n_flows(&f, flows, &n, LEAST / 2 + 1);
    CHECK(uses(&f, 2 * LEAST));
    set_n_flows(&f, flows, &n, LEAST);
    CHECK(uses(&f, 2 * LEAST));
    set_n_flows(&f, flows, &n, LEAST + 1);
    CHECK(uses(&f, N_HINTS));
    set_n_flows(&f, flows, &n, N);
    CHECK(uses(&f, N_HINTS));

    /* From now on a quarter of them would do, but not yet from here on. */
    set_n_flows(&f, flows, &n, LEAST / 2 + 1);
    second_passes(&f, 0, 0);
    CHECK(uses(&f, N_HINTS));
    set_n_flows(&f, flows, &n, 0);
    second_passes(&f, 0, 0);
    CHECK(uses(&f, N_HINTS));
    fixture_destroy(&f);

    /* With twice as many it is so. */
    init_hints(&f, N, 2 * N_HINTS);
    n = 0;
    set_n_flows(&f, flows, &n, N_HINTS / 2 + 1);
    CHECK(uses(&f, 2 * N_HINTS));
    set_n_flows(&f, flows, &n, LEAST / 2 + 1);
    second_passes(&f, 0, 0);
    CHECK(uses(&f, 2 * N_HINTS));
    set_n_flows(&f, flows, &n, LEAST / 2);
    CHECK(uses(&f, 2 * N_HINTS));
    second_passes(&f, 0, 0);
    CHECK(uses(&f, 2 * LEAST));
    second_passes(&f, 0, 0);
    CHECK(uses(&f, 2 * LEAST));
    set_n_flows(&f, flows, &n, 0);
    fixture_destroy(&f);
    free(flows);
}

/* There are more while many packets find no room for their hints, as long as
 * there are as many flows. */
static void
test_table_hints_walks(void)
{
    struct xdp_table_flow *flows[100];
    struct fixture f;
    uint32_t n = 0;

    init_hints(&f, 100, 8 * LEAST);
    set_n_flows(&f, flows, &n, 100);
    second_passes(&f, 0, 0);
    second_passes(&f, 9999, 10000);
    CHECK(uses(&f, LEAST));
    second_passes(&f, 10000, 640000);
    CHECK(uses(&f, LEAST));
    second_passes(&f, 10001, 640000);
    CHECK(uses(&f, 2 * LEAST));

    /* In the first second after that they only find their new places. */
    second_passes(&f, 10000, 10000);
    CHECK(uses(&f, 2 * LEAST));
    second_passes(&f, 10000, 10000);
    CHECK(uses(&f, 4 * LEAST));
    second_passes(&f, 0, 10000);
    second_passes(&f, 10000, 10000);
    CHECK(uses(&f, 8 * LEAST));
    second_passes(&f, 0, 10000);
    second_passes(&f, 10000, 10000);
    CHECK(uses(&f, 8 * LEAST));

    set_n_flows(&f, flows, &n, 51);
    second_passes(&f, 0, 1000000);
    CHECK(uses(&f, 8 * LEAST));
    set_n_flows(&f, flows, &n, 50);
    second_passes(&f, 0, 1000000);
    CHECK(uses(&f, 2 * LEAST));
    set_n_flows(&f, flows, &n, 0);
    fixture_destroy(&f);
}

/* Few hints, none, and an object that does not ask how many. */
static void
test_table_hints_few(void)
{
    struct xdp_table_flow *flow;
    struct xdp_flow_table_stats s;
    struct fixture f;
    int fd;

    for (uint32_t n = 0; n <= LEAST; n = n ? n * 2 : XDP_MIN_HINTS) {
        init_hints(&f, 4, n);
        CHECK(uses(&f, n));
        CHECK(!insert(&f, 1, 100, 0, 11, &flow));
        second_passes(&f, 0, 0);
        second_passes(&f, 1000000, 1000000);
        CHECK(uses(&f, n));
        xdp_flow_table_remove(f.table, flow, &s);
        fixture_destroy(&f);
    }

    fixture_open(&f, 4, 4, MAX_PORTS, 4);
    f.limits.n_hints = N_HINTS;
    fd = f.fds.hint_folds;
    f.fds.hint_folds = 0;
    fixture_create(&f);
    second_passes(&f, 0, 0);
    second_passes(&f, 1000000, 1000000);
    CHECK(xdp_flow_table_n_hints(f.table) == N_HINTS);
    f.fds.hint_folds = fd;
    CHECK(uses(&f, N_HINTS));
    fixture_destroy(&f);
}

const struct unit_case unit_table_hints[] = {
    { "table-hints-flows", test_table_hints_flows, NEED_BPF },
    { "table-hints-walks", test_table_hints_walks, NEED_BPF },
    { "table-hints-few", test_table_hints_few, NEED_BPF },
    { NULL, NULL, 0 }
};
