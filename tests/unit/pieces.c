/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the flow table: what is a lot to do is done in pieces, between
 * which other things happen.
 */

#include <config.h>

#undef NDEBUG
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "unit.h"
#include "util.h"
#include "xdp-mutex.h"

/* Slots become free. */
static void
test_table_reclaim_pieces(void)
{
    enum { N = 20000, N_LATER = 100 };
    struct xdp_table_flow **flows = xcalloc(N, sizeof *flows);
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *extra;
    uint64_t epoch, next_epoch;
    uint32_t n_pieces;
    struct fixture f;

    /* All slots are garbage, some of it of a later epoch. */
    fixture_init(&f, N, 4);
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    for (uint32_t i = 0; i < N - N_LATER; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch));
    for (uint32_t i = N - N_LATER; i < N; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    CHECK(!xdp_flow_table_wait(f.table));

    /* Between the pieces other things can happen. */
    CHECK(insert(&f, 1, 0, 0, 1, &flows[0]) == XDP_TABLE_FLOWS_FULL);
    CHECK(xdp_flow_table_reclaim(f.table, epoch));
    CHECK(!insert(&f, 1, 0, 0, 1, &flows[0]));
    xdp_flow_table_remove(f.table, flows[0], &s);
    for (n_pieces = 2; xdp_flow_table_reclaim(f.table, epoch); n_pieces++) {
        CHECK(n_pieces < N);
    }
    CHECK(n_pieces > N / 1024);

    /* All is free but what is of a later epoch. */
    for (uint32_t i = 0; i < N - N_LATER - 1; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    CHECK(insert(&f, 1, N, 0, 1, &extra) == XDP_TABLE_FLOWS_FULL);
    CHECK(xdp_flow_table_begin_reclaim(f.table, &next_epoch));
    CHECK(next_epoch > epoch);
    for (uint32_t i = 0; i < N - N_LATER - 1; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);
    free(flows);
}

/* Has most packets of 'port', which has 'n' masks, found under the last one,
 * and returns that. */
static uint16_t
hit_last(const struct fixture *f, uint32_t port, uint32_t n)
{
    uint64_t hits = UINT64_C(1) << 40;
    struct xdp_port entry;
    uint32_t index;
    uint16_t last;

    if (!read_map(f->fds.ports, port, &entry)
        || entry.lists[entry.list].n != n) {
        fail("port %"PRIu32" does not have %"PRIu32" masks", port, n);
    }
    last = entry.lists[entry.list].ids[n - 1];
    index = xdp_mask_hits_index(0, port, last);
    if (bpf_map_update_elem(f->fds.mask_hits, &index, &hits, BPF_ANY)) {
        fail("writing hits failed");
    }
    return last;
}

/* Returns true if 'mask' is the first of 'port'. */
static bool
is_first(const struct fixture *f, uint32_t port, uint16_t mask)
{
    struct xdp_port entry;

    return (read_map(f->fds.ports, port, &entry)
            && entry.lists[entry.list].ids[0] == mask);
}

/* Masks are sorted. */
static void
test_table_sort_pieces(void)
{
    enum { N_PORTS = 250, FIRST = 1000, LAST = FIRST + N_PORTS - 1,
           N_MASKS = 150 };
    struct xdp_table_flow **flows = xcalloc(N_PORTS * N_MASKS, sizeof *flows);
    uint16_t least_first, least_second, least;
    struct xdp_flow_table_stats s;
    uint32_t n_pieces = 1;
    struct fixture f;
    size_t n = 0;
    bool more;

    fixture_init(&f, N_PORTS * N_MASKS, N_MASKS);
    for (uint32_t i = FIRST; i <= LAST; i++) {
        CHECK(!xdp_flow_table_add_port(f.table, i, i, 2));
        for (uint32_t j = 0; j < N_MASKS; j++) {
            struct xdp_flow_actions actions;
            struct xdp_key key, mask;

            make_flow(i, 100, 0, &key, &mask);
            mask.nw_src = htonl(j);
            make_actions(1, &actions);
            CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions,
                                         &flows[n++]));
        }
    }

    least_first = hit_last(&f, FIRST, N_MASKS);
    least_second = hit_last(&f, FIRST + 1, N_MASKS);
    least = hit_last(&f, LAST, N_MASKS);

    /* One port, if the caller has had the lock for a millisecond. */
    xdp_lock();
    usleep(1000);
    more = xdp_flow_table_sort_masks(f.table, true);
    xdp_unlock();
    CHECK(more && is_first(&f, FIRST, least_first));
    CHECK(!is_first(&f, FIRST + 1, least_second));

    /* All others. */
    while (fixture_sort(&f, false)) {
        CHECK(n_pieces++ <= N_PORTS);
    }
    CHECK(n_pieces > 1);
    CHECK(is_first(&f, FIRST + 1, least_second));
    CHECK(is_first(&f, LAST, least));

    /* The pass is over, and there is no other before a grace period. */
    CHECK(!fixture_sort(&f, false));
    CHECK(!fixture_sort(&f, true));
    CHECK(fixture_reclaim(&f));
    CHECK(fixture_sort(&f, true));

    for (size_t i = 0; i < n; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);
    free(flows);
}

const struct unit_case unit_table_pieces[] = {
    { "table-reclaim-pieces", test_table_reclaim_pieces, NEED_BPF },
    { "table-sort-pieces", test_table_sort_pieces, NEED_BPF },
    { NULL, NULL, 0 }
};
