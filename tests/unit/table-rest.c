/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of lib/xdp-table-rest.c: slots with and without room for the rest
 * of a flow.
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "fixture.h"
#include "leaks.h"
#include "unit.h"
#include "util.h"
#include "xdp-flow-table-private.h"

/* Chunks of most tables here, of which the last is not a whole one, and
 * slots. */
#define N_CHUNKS 3
#define N_SLOTS (N_CHUNKS * XDP_REST_SLOTS - 100)

/* The flows of a table, by destination: plain ones have an output, others drop
 * packets, which takes the rest of a flow. */
struct rest_fixture {
    struct fixture f;
    uint32_t n_flows;
    struct xdp_table_flow **flows;
    bool *plain;
};

/* Makes a table for 'n_flows' flows with 'n_slots'. */
static struct rest_fixture *
rest_open_slots(uint32_t n_flows, uint32_t n_slots)
{
    struct rest_fixture *r = xzalloc(sizeof *r);

    fixture_open(&r->f, n_flows, 4, MAX_PORTS, n_slots);
    fixture_create(&r->f);
    if (xdp_flow_table_add_port(r->f.table, 1, 1, 2)) {
        ovs_fatal(0, "adding a port failed");
    }
    r->n_flows = n_flows;
    r->flows = xcalloc(n_flows, sizeof *r->flows);
    r->plain = xcalloc(n_flows, sizeof *r->plain);
    return r;
}

/* Makes a table for N_SLOTS flows. */
static struct rest_fixture *
rest_open(void)
{
    return rest_open_slots(N_SLOTS, N_SLOTS);
}

/* Removes all flows of 'r', and frees it. */
static void
rest_close(struct rest_fixture *r)
{
    struct xdp_flow_table_stats s;

    for (uint32_t i = 0; i < r->n_flows; i++) {
        if (r->flows[i]) {
            xdp_flow_table_remove(r->f.table, r->flows[i], &s);
        }
    }
    fixture_destroy(&r->f);
    free(r->flows);
    free(r->plain);
    free(r);
}

/* Makes the actions of flow 'i'. */
static void
rest_actions(uint32_t i, bool plain, struct xdp_flow_actions *actions)
{
    make_actions(1 + i, actions);
    if (!plain) {
        memset(actions, 0, sizeof *actions);
    }
}

/* Inserts flow 'i', a plain one or not. */
static enum xdp_table_error
rest_insert(struct rest_fixture *r, uint32_t i, bool plain)
{
    struct xdp_flow_actions actions;
    struct xdp_key key, mask;

    make_flow(1, i, 0, &key, &mask);
    rest_actions(i, plain, &actions);
    r->plain[i] = plain;
    return xdp_flow_table_insert(r->f.table, &key, &mask, &actions,
                                 &r->flows[i]);
}

/* Asks whether an insertion of a flow, plain or not, would wait. */
static bool
rest_prepare(struct rest_fixture *r, bool plain)
{
    struct xdp_flow_actions actions;
    struct xdp_key key, mask;

    make_flow(1, 0, 0, &key, &mask);
    rest_actions(0, plain, &actions);
    return xdp_flow_table_prepare(r->f.table, true, &mask, &actions);
}

/* Removes flow 'i'. */
static void
rest_remove(struct rest_fixture *r, uint32_t i)
{
    struct xdp_flow_table_stats s;

    xdp_flow_table_remove(r->f.table, r->flows[i], &s);
    r->flows[i] = NULL;
}

/* Checks that programs find each flow that there is with what it does. */
static void
rest_check(const struct rest_fixture *r)
{
    const uint32_t n_slots = r->f.limits.n_slots;
    bool *taken = xcalloc(n_slots, sizeof *taken);

    for (uint32_t i = 0; i < r->n_flows; i++) {
        struct xdp_key key, mask;
        struct found_flow found;
        uint32_t slot;

        make_flow(1, i, 0, &key, &mask);
        if (fixture_find(&r->f, &key, &slot, &found) == !r->flows[i]) {
            fail("flow %"PRIu32" is not as it should be", i);
            break;
        }
        if (!r->flows[i]) {
            continue;
        }
        if (slot >= n_slots || taken[slot]) {
            fail("flow %"PRIu32" has no slot of its own", i);
            break;
        }
        taken[slot] = true;
        if (r->plain[i]) {
            CHECK(find(&r->f, 1, i, NULL) == 1 + i);
        } else {
            CHECK(!(found.flow.flags & XDP_FLOW_SIMPLE)
                  && !found.rest.n_ops && found.rest.growth < 0);
        }
    }
    free(taken);
}

/* Returns the number of chunks that programs find. */
static uint32_t
count_chunks(const struct rest_fixture *r)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->f.table->n_chunks; i++) {
        uint32_t id;

        n += read_map(r->f.fds.flow_rest, i, &id);
    }
    return n;
}

/* Returns the number of chunks that are being made. */
static size_t
n_completing(const struct rest_fixture *r)
{
    return ovs_list_size(&r->f.table->completing);
}

/* Plain flows need no chunks, however many there are, unless their mask has
 * bits in the rest. */
static void
test_table_rest_none(void)
{
    struct rest_fixture *r = rest_open();
    struct xdp_flow_actions actions;
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *flow;
    struct xdp_key key, mask;

    for (uint32_t i = 0; i < N_SLOTS; i++) {
        CHECK(!rest_insert(r, i, true));
    }
    CHECK(!n_completing(r));
    CHECK(insert(&r->f, 1, N_SLOTS, 0, 1, &flow) == XDP_TABLE_FLOWS_FULL);
    rest_check(r);
    CHECK(!count_chunks(r));

    rest_remove(r, 7);
    CHECK(fixture_reclaim(&r->f));
    make_flow(1, 7, 0, &key, &mask);
    mask.ipv6_src[0] = 0xff;
    make_actions(8, &actions);
    CHECK(!xdp_flow_table_insert(r->f.table, &key, &mask, &actions, &flow));
    CHECK(count_chunks(r) == 1);
    xdp_flow_table_remove(r->f.table, flow, &s);
    rest_close(r);
}

/* Others get slots with room, also where plain ones are in the chunk already,
 * and one may become the other. */
static void
test_table_rest_mix(void)
{
    enum { N_PLAIN = 2 * XDP_REST_SLOTS + 700 };
    struct rest_fixture *r = rest_open();
    struct xdp_flow_actions actions;

    for (uint32_t i = 0; i < N_PLAIN; i++) {
        CHECK(!rest_insert(r, i, true));
    }
    CHECK(!count_chunks(r));
    for (uint32_t i = N_PLAIN; i < N_SLOTS; i++) {
        CHECK(!rest_insert(r, i, false));
    }
    CHECK(count_chunks(r) == 1);
    rest_check(r);

    /* The whole table is of the other kind. */
    for (uint32_t i = 0; i < N_PLAIN; i++) {
        rest_remove(r, i);
    }
    CHECK(fixture_reclaim(&r->f));
    for (uint32_t i = 0; i < N_PLAIN; i++) {
        CHECK(!rest_insert(r, i, false));
    }
    CHECK(count_chunks(r) == N_CHUNKS);
    rest_check(r);

    /* Chunks remain, and plain flows take what there is. */
    for (uint32_t i = 0; i < N_SLOTS; i++) {
        rest_remove(r, i);
    }
    CHECK(fixture_reclaim(&r->f));
    for (uint32_t i = 0; i < N_SLOTS - 1; i++) {
        CHECK(!rest_insert(r, i, i % 3 != 0));
    }
    rest_check(r);
    for (uint32_t i = 0; i < 30; i++) {
        r->plain[i] = !r->plain[i];
        rest_actions(i, r->plain[i], &actions);
        CHECK(!xdp_flow_table_modify(r->f.table, r->flows[i], &actions));
        CHECK(fixture_reclaim(&r->f));
    }
    rest_check(r);
    rest_close(r);
}

/* In a table that is full, and in which flows come and go, the free slots are
 * in all chunks; few flows that are not plain do not need all of these. */
static void
test_table_rest_full(void)
{
    enum { N = 8 * XDP_REST_SLOTS, N_SPARE = 576, STEP = 33, N_ROUNDS = 8 };
    struct rest_fixture *r = rest_open_slots(N, N + N_SPARE);
    uint32_t n = 0;

    for (uint32_t i = 0; i < N; i++) {
        CHECK(!rest_insert(r, i, true));
    }
    for (int round = 0; round < N_ROUNDS; round++) {
        for (uint32_t i = round; i < N; i += STEP) {
            rest_remove(r, i);
        }
        CHECK(fixture_reclaim(&r->f));
        for (uint32_t i = round; i < N; i += STEP) {
            CHECK(!rest_insert(r, i, n++ % STEP != 0));
        }
    }
    CHECK(xdp_flow_table_is_full(r->f.table) && n / STEP > 100);
    CHECK(count_chunks(r) == 1);
    rest_check(r);
    rest_close(r);
}

/* The first chunk that is made is a whole one. */
static void
test_table_rest_whole(void)
{
    enum { N = 2 * XDP_REST_SLOTS + 64 };
    struct rest_fixture *r = rest_open_slots(N, N);

    CHECK(!rest_insert(r, 0, false));
    CHECK(r->f.table->n_free_complete == XDP_REST_SLOTS - 1);
    rest_check(r);
    rest_close(r);
}

/* Of a chunk that is being made, only those slots count that are free. */
static void
test_table_rest_scattered(void)
{
    enum { N_LAST = 10, N_FIRST = 200 };
    struct rest_fixture *r = rest_open();
    const struct xdp_flow_table *t = r->f.table;
    uint32_t n;

    for (uint32_t i = 0; i < N_SLOTS; i++) {
        CHECK(!rest_insert(r, i, true));
    }
    for (uint32_t i = 0; i < N_LAST; i++) {
        rest_remove(r, N_SLOTS - 1 - i);
    }
    for (uint32_t i = 0; i < N_FIRST; i++) {
        rest_remove(r, i);
    }
    CHECK(fixture_reclaim(&r->f));
    block_pool();
    CHECK(!rest_prepare(r, false));
    CHECK(n_completing(r) == 2);
    n = t->n_free_completing;
    CHECK(n == N_LAST + N_FIRST);

    /* Such slots may be taken, and become free again. */
    for (uint32_t i = 0; i < N_FIRST; i++) {
        CHECK(!rest_insert(r, i, true));
    }
    CHECK(t->n_free_completing == N_LAST);
    rest_remove(r, 0);
    CHECK(fixture_reclaim(&r->f));
    CHECK(t->n_free_completing == N_LAST + 1);
    unblock_pool();
    while (n_completing(r)) {
        rest_prepare(r, false);
        usleep(1000);
    }
    CHECK(!t->n_free_completing && t->n_free_complete == N_LAST + 1);
    CHECK(t->n_free_slots == N_LAST + 1 && count_chunks(r) == 2);
    for (uint32_t i = 0; i < N_LAST; i++) {
        CHECK(!rest_insert(r, N_SLOTS - 1 - i, false));
    }
    CHECK(!rest_insert(r, 0, false));
    rest_check(r);
    rest_close(r);
}

/* Who asks first does not wait for a map, and learns when it is there. */
static void
test_table_rest_prepare(void)
{
    struct rest_fixture *r = rest_open();
    uint32_t n = 0;

    /* Its mask is there, and has room for all that fits into a chunk. */
    do {
        CHECK(!rest_insert(r, n++, true));
    } while (r->f.table->masks[mask_of(&r->f, 0)].subtable.capacity
             < 2 * XDP_REST_SLOTS);
    block_pool();
    CHECK(!rest_prepare(r, false));
    CHECK(!rest_prepare(r, false));
    CHECK(rest_prepare(r, true) && !rest_insert(r, n++, true));
    CHECK(n_completing(r) == 1 && !count_chunks(r));
    unblock_pool();
    for (int i = 0; i < 60000 && !rest_prepare(r, false); i++) {
        usleep(1000);
    }
    CHECK(rest_prepare(r, false) && count_chunks(r) == 1);

    /* The next one is made before the first is full, and while nobody can make
     * another one there is the room of this one. */
    block_pool();
    while (rest_prepare(r, false)) {
        /* This would never return. */
        CHECK(r->f.table->n_free_complete);
        CHECK(!rest_insert(r, n++, false));
    }
    CHECK(!r->f.table->n_free_complete && n_completing(r));
    unblock_pool();
    CHECK(!rest_insert(r, n++, false));
    rest_check(r);
    rest_close(r);
}

/* If a chunk cannot be made, nothing is lost, and it is tried again. */
static void
test_table_rest_fails(void)
{
    struct rest_fixture *r = rest_open();
    struct rlimit limit, none;
    uint32_t n_free;

    clock_stop();
    CHECK(!rest_insert(r, 0, true));
    n_free = r->f.table->n_free_slots;
    CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
    none = limit;
    none.rlim_cur = 0;
    CHECK(!setrlimit(RLIMIT_NOFILE, &none));
    CHECK(rest_insert(r, 1, false) == XDP_TABLE_SYSTEM && !r->flows[1]);
    CHECK(r->f.table->n_free_slots == n_free);

    /* There is no reason to wait for it, and others are not affected. */
    CHECK(rest_prepare(r, false));
    CHECK(!rest_insert(r, 2, true));
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
    CHECK(rest_insert(r, 1, false) == XDP_TABLE_SYSTEM);
    rest_check(r);

    clock_advance(1000);
    CHECK(!rest_insert(r, 1, false));
    rest_check(r);
    clock_run();
    rest_close(r);
}

/* A chunk needs no file descriptor, as there may be many, and goes with its
 * table all the same. */
static void
test_table_rest_descriptors(void)
{
    struct rest_fixture *r = rest_open();
    bool gone = false;
    uint32_t id, mask;

    CHECK(!rest_insert(r, 0, false));
    CHECK(read_map(r->f.fds.subtables, mask_of(&r->f, 0), &mask));
    CHECK(has_map_open(mask));
    for (uint32_t i = 0; i < N_CHUNKS; i++) {
        CHECK(!read_map(r->f.fds.flow_rest, i, &id) || !has_map_open(id));
    }
    CHECK(count_chunks(r) == 1);
    CHECK(read_map(r->f.fds.flow_rest, r->f.table->n_chunks - 2, &id));
    rest_check(r);
    rest_close(r);

    /* The kernel frees it a bit later. */
    for (int i = 0; i < 600 && !gone; i++) {
        int fd = bpf_map_get_fd_by_id(id);

        gone = fd < 0 && errno == ENOENT;
        if (fd >= 0) {
            close(fd);
            usleep(100 * 1000);
        }
    }
    CHECK(gone);
}

/* A table may go while a chunk is being made. */
static void
test_table_rest_destroyed(void)
{
    struct rest_fixture *r = rest_open();

    CHECK(!rest_insert(r, 0, true));
    CHECK(!rest_prepare(r, false));
    rest_close(r);
}

const struct unit_case unit_table_rest[] = {
    { "table-rest-none", test_table_rest_none, NEED_BPF },
    { "table-rest-mix", test_table_rest_mix, NEED_BPF },
    { "table-rest-full", test_table_rest_full, NEED_BPF },
    { "table-rest-whole", test_table_rest_whole, NEED_BPF },
    { "table-rest-scattered", test_table_rest_scattered, NEED_BPF },
    { "table-rest-prepare", test_table_rest_prepare, NEED_BPF },
    { "table-rest-fails", test_table_rest_fails, NEED_BPF },
    { "table-rest-descriptors", test_table_rest_descriptors, NEED_BPF },
    { "table-rest-destroyed", test_table_rest_destroyed, NEED_BPF },
    { NULL, NULL, 0 }
};
