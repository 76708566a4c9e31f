/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the flow table: what it refuses, and what fails.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "unit.h"
#include "util.h"
#include "xdp-flow-table-private.h"

/* What a refused flow must leave alone. */
struct inner_maps {
    uint32_t subtables[8];      /* Ids. */
    uint32_t n_groups;
};

/* Stores in '*maps' the ids of the first subtables and the number of groups
 * that there are. */
static void
read_inner_maps(const struct fixture *f, struct inner_maps *maps)
{
    memset(maps, 0, sizeof *maps);
    for (uint32_t i = 0; i < MIN(f->limits.n_masks, 8); i++) {
        read_map(f->fds.subtables, i, &maps->subtables[i]);
    }
    for (uint32_t i = 0; f->fds.groups && i < XDP_MAX_GROUPS; i++) {
        uint32_t id;

        maps->n_groups += read_map(f->fds.groups, i, &id);
    }
}

/* Returns true if 'f' has the maps that it had when '*old' was read. */
static bool
same_inner_maps(const struct fixture *f, const struct inner_maps *old)
{
    struct inner_maps new;

    read_inner_maps(f, &new);
    return !memcmp(old, &new, sizeof new);
}

/* A flow is refused before anything is made for it. */
static void
test_table_refused_early(void)
{
    struct xdp_table_flow *flows[8], *extra;
    struct xdp_flow_actions actions;
    struct xdp_flow_table_stats s;
    struct xdp_key key, mask;
    struct inner_maps maps;
    struct fixture f;

    /* The table is full, and so is the subtable. */
    fixture_init(&f, 8, 4);
    for (int i = 0; i < 8; i++) {
        CHECK(!insert(&f, 1, 100 + i, 0, 10 + i, &flows[i]));
    }
    read_inner_maps(&f, &maps);
    CHECK(insert(&f, 1, 200, 0, 99, &extra) == XDP_TABLE_FLOWS_FULL);
    CHECK(same_inner_maps(&f, &maps));
    CHECK(insert(&f, 1, 200, 4, 99, &extra) == XDP_TABLE_FLOWS_FULL);
    CHECK(same_inner_maps(&f, &maps));

    /* There are fewer flows, but no slot is free. */
    make_actions(20, &actions);
    xdp_flow_table_remove(f.table, flows[0], &s);
    CHECK(insert(&f, 1, 200, 4, 99, &extra) == XDP_TABLE_FLOWS_FULL);
    CHECK(same_inner_maps(&f, &maps));
    CHECK(xdp_flow_table_modify(f.table, flows[1], &actions)
          == XDP_TABLE_FLOWS_FULL);
    for (int i = 1; i < 8; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);

    /* No slot, and a group would be needed. */
    fixture_init_groups(&f, 1);
    read_inner_maps(&f, &maps);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4), false, &flows[0]));
    read_inner_maps(&f, &maps);
    CHECK(insert_outputs(&f, 101, OUTPUTS(4, 5), true, &extra)
          == XDP_TABLE_FLOWS_FULL);
    CHECK(same_inner_maps(&f, &maps));
    memset(&actions, 0, sizeof actions);
    actions.flags = XDP_FLOW_COPIES_DIFFER;
    actions.n_ops = 2;
    for (int i = 0; i < 2; i++) {
        actions.ops[i].type = XDP_OP_OUTPUT;
        actions.ops[i].u.output.port = 4 + i;
        actions.ops[i].u.output.ifindex = 1;
    }
    CHECK(xdp_flow_table_modify(f.table, flows[0], &actions)
          == XDP_TABLE_FLOWS_FULL);
    CHECK(same_inner_maps(&f, &maps));
    CHECK(target_has_egress(&f, 4, false) && target_has_egress(&f, 5, false));
    xdp_flow_table_remove(f.table, flows[0], &s);
    fixture_destroy(&f);

    /* The digest is there already; the masks are used up. */
    fixture_init_groups(&f, 16);
    for (int i = 0; i < 4; i++) {
        CHECK(!insert(&f, 1, 100 + i, i, 10 + i, &flows[i]));
    }
    read_inner_maps(&f, &maps);
    make_flow(1, 100, 0, &key, &mask);
    CHECK(xdp_flow_table_insert(f.table, &key, &mask, &actions, &extra)
          == XDP_TABLE_DIGEST);
    CHECK(same_inner_maps(&f, &maps));
    make_flow(1, 104, 4, &key, &mask);
    CHECK(xdp_flow_table_insert(f.table, &key, &mask, &actions, &extra)
          == XDP_TABLE_MASKS_FULL);
    CHECK(same_inner_maps(&f, &maps));

    /* One of the outputs is not there: no mask is taken over. */
    xdp_flow_table_remove(f.table, flows[3], &s);
    CHECK(fixture_reclaim(&f));
    actions.ops[1].u.output.port = 9;
    CHECK(xdp_flow_table_insert(f.table, &key, &mask, &actions, &extra)
          == XDP_TABLE_SYSTEM);
    CHECK(same_inner_maps(&f, &maps));
    CHECK(target_has_egress(&f, 4, false));
    for (int i = 0; i < 3; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);
}

/* A subtable that has all flows of a full table is not made anew, neither for
 * those that are refused, nor for those that take the place of others. */
static void
test_table_refused_many(void)
{
    enum { N = 2000, N_OTHERS = 500 };
    struct xdp_table_flow *flows[N], *extra;
    struct xdp_flow_table_stats s;
    struct inner_maps maps;
    struct fixture f;

    fixture_open(&f, N, 4, MAX_PORTS, N + N_OTHERS);
    fixture_create(&f);
    CHECK(!xdp_flow_table_add_port(f.table, 1, 1, 2));
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    CHECK(xdp_flow_table_is_full(f.table));
    read_inner_maps(&f, &maps);
    for (uint32_t i = 0; i < N_OTHERS; i++) {
        CHECK(insert(&f, 1, N + i, 0, 1, &extra) == XDP_TABLE_FLOWS_FULL);
    }
    CHECK(same_inner_maps(&f, &maps));

    /* As long as half of the slots are left that are not for flows. */
    for (uint32_t i = 0; i < N_OTHERS / 2; i++) {
        CHECK(xdp_flow_table_can_exchange(f.table));
        xdp_flow_table_remove(f.table, flows[i], &s);
        CHECK(!xdp_flow_table_is_full(f.table));
        CHECK(!insert(&f, 1, N + i, 0, 1, &flows[i]));
    }
    CHECK(same_inner_maps(&f, &maps));
    CHECK(!xdp_flow_table_can_exchange(f.table));
    CHECK(fixture_reclaim(&f));
    CHECK(xdp_flow_table_can_exchange(f.table));

    for (uint32_t i = 0; i < N; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);
}

/* Returns what the slot of the flow to 'dst' has in 'valid', or 0. */
static uint32_t
get_valid(const struct fixture *f, uint32_t dst)
{
    struct xdp_key key, mask;
    struct found_flow flow;
    uint32_t slot;

    make_flow(1, dst, 0, &key, &mask);
    return fixture_find(f, &key, &slot, &flow) ? flow.flow.valid : 0;
}

/* Fills the map 'fd' with what no digest leads to.  Returns how much that
 * was. */
static uint64_t
fill_map(int fd)
{
    uint32_t slot = 0;
    uint64_t n = 0;

    while (!bpf_map_update_elem(fd, &n, &slot, BPF_NOEXIST)) {
        n++;
    }
    return n;
}

/* A slot whose insertion failed has not been valid, so that it can be used at
 * once. */
static void
test_table_insert_fails(void)
{
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    struct fixture f;
    uint32_t valid;
    uint64_t n;
    int fd;

    fixture_init(&f, 2, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    valid = get_valid(&f, 100);
    fd = open_subtable(&f, 100);
    CHECK(fd >= 0);
    n = fill_map(fd);
    CHECK(n && errno == E2BIG);
    for (int i = 0; i < 3; i++) {
        CHECK(insert(&f, 1, 101, 0, 12, &b) == XDP_TABLE_SYSTEM && !b);
        CHECK(usage_is(&f, 1, 1));
        CHECK(!find(&f, 1, 101, NULL));
        CHECK(find(&f, 1, 100, NULL) == 11);
    }
    CHECK(!fixture_reclaim(&f));

    while (n--) {
        CHECK(!bpf_map_delete_elem(fd, &n));
    }
    CHECK(!insert(&f, 1, 101, 0, 12, &b));
    CHECK(find(&f, 1, 101, NULL) == 12);
    CHECK(get_valid(&f, 101) == valid + 1);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    close(fd);
    fixture_destroy(&f);
}

/* A slot that was valid until its publication failed is used again only after
 * a grace period, and what it counted counts for the flow. */
static void
test_table_modify_fails(void)
{
    struct xdp_flow_actions actions;
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *a;
    uint32_t slot, other;
    uint64_t digest;
    struct fixture f;
    char *error;
    int fd;

    fixture_open(&f, 1, 4, MAX_PORTS, 2);
    f.table = xdp_flow_table_create(&f.fds, &f.limits, secret, &error);
    CHECK(f.table && !xdp_flow_table_add_port(f.table, 1, 1, 2));
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(find(&f, 1, 100, &slot) == 11);
    other = !slot;
    fd = open_subtable(&f, 100);
    CHECK(fd >= 0 && !bpf_map_get_next_key(fd, NULL, &digest));
    CHECK(!bpf_map_delete_elem(fd, &digest));

    make_actions(12, &actions);
    CHECK(xdp_flow_table_modify(f.table, a, &actions) == XDP_TABLE_SYSTEM);
    CHECK(xdp_flow_table_modify(f.table, a, &actions)
          == XDP_TABLE_FLOWS_FULL);
    count(&f, 0, other, 60, 1000000, 0);
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 1, 60, 1, 0));

    CHECK(fixture_reclaim(&f));
    CHECK(!bpf_map_update_elem(fd, &digest, &slot, BPF_ANY));
    CHECK(find(&f, 1, 100, NULL) == 11);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot) == 12 && slot == other);
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(stats_are(&s, 1, 60, 1, 0));
    close(fd);
    fixture_destroy(&f);
}

/* What could not be taken out of a subtable leads nowhere, and keeps flows out
 * that have its digest, until it is gone. */
static void
test_table_remove_fails(void)
{
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    struct fixture f;
    uint64_t digest;
    uint32_t slot;
    int fd;

    fixture_init(&f, 4, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(!insert(&f, 1, 101, 0, 12, &b));
    CHECK(find(&f, 1, 100, &slot) == 11);
    fd = open_subtable(&f, 100);
    digest = a->entry.digest;
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(fd >= 0 && !bpf_map_update_elem(fd, &digest, &slot, BPF_NOEXIST));

    CHECK(insert(&f, 1, 100, 0, 11, &a) == XDP_TABLE_DIGEST && !a);
    CHECK(usage_is(&f, 1, 1));
    CHECK(!find(&f, 1, 100, NULL) && find(&f, 1, 101, NULL) == 12);
    CHECK(!bpf_map_delete_elem(fd, &digest));
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(find(&f, 1, 100, NULL) == 11);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    close(fd);
    fixture_destroy(&f);
}

const struct unit_case unit_table_refusals[] = {
    { "table-refused-early", test_table_refused_early, NEED_BPF },
    { "table-refused-many", test_table_refused_many, NEED_BPF },
    { "table-insert-fails", test_table_insert_fails, NEED_BPF },
    { "table-modify-fails", test_table_modify_fails, NEED_BPF },
    { "table-remove-fails", test_table_remove_fails, NEED_BPF },
    { NULL, NULL, 0 }
};
