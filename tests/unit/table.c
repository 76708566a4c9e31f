/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the flow table as a whole: flows come, change and go.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "leaks.h"
#include "packets.h"
#include "unit.h"
#include "util.h"

/* Flows come and go. */
static void
test_table_insert(void)
{
    struct xdp_table_flow *a, *b, *c;
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_init(&f, 16, 4);
    CHECK(xdp_flow_table_get_limits(f.table)->n_flows == 16);
    CHECK(usage_is(&f, 0, 0));
    CHECK(!find(&f, 1, 100, NULL));
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(!insert(&f, 1, 101, 8, 12, &b));
    CHECK(!insert(&f, 2, 100, 0, 13, &c));
    CHECK(usage_is(&f, 3, 2));
    CHECK(xdp_flow_table_port_n_masks(f.table, 1) == 2);
    CHECK(xdp_flow_table_port_n_masks(f.table, 2) == 1);
    CHECK(find(&f, 1, 100, NULL) == 11);
    CHECK(find(&f, 1, 101, NULL) == 12);
    CHECK(find(&f, 2, 100, NULL) == 13);
    CHECK(!find(&f, 2, 101, NULL));
    CHECK(!find(&f, 1, 102, NULL));

    xdp_flow_table_remove(f.table, a, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));
    CHECK(!find(&f, 1, 100, NULL));
    CHECK(find(&f, 1, 101, NULL) == 12);
    CHECK(find(&f, 2, 100, NULL) == 13);
    CHECK(xdp_flow_table_port_n_masks(f.table, 1) == 1);

    /* Again, while the old one is garbage. */
    CHECK(!insert(&f, 1, 100, 0, 14, &a));
    CHECK(find(&f, 1, 100, NULL) == 14);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, c, &s);
    CHECK(usage_is(&f, 0, 0));
    CHECK(!xdp_flow_table_port_n_masks(f.table, 1));
    CHECK(!xdp_flow_table_port_n_masks(f.table, 2));
    CHECK(fixture_reclaim(&f));
    CHECK(!fixture_reclaim(&f));
    fixture_destroy(&f);
}

/* A flow that is stopped lets no packets in, but keeps its place. */
static void
test_table_running(void)
{
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    struct xdp_table_flow *a;
    struct fixture f;

    fixture_init(&f, 4, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    xdp_flow_table_set_running(f.table, a, false);
    CHECK(!find(&f, 1, 100, NULL));
    xdp_flow_table_set_running(f.table, a, true);
    CHECK(find(&f, 1, 100, NULL) == 11);

    /* New actions are those of a flow that runs. */
    xdp_flow_table_set_running(f.table, a, false);
    make_actions(12, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, NULL) == 12);
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(!find(&f, 1, 100, NULL));
    fixture_destroy(&f);
}

/* A modification takes a new slot; the old one is not used before its time. */
static void
test_table_modify(void)
{
    struct xdp_table_flow *a, *b;
    uint32_t slot[3];
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    struct fixture f;

    fixture_init(&f, 2, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(find(&f, 1, 100, &slot[0]) == 11);
    make_actions(12, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[1]) == 12);
    CHECK(slot[0] != slot[1]);
    CHECK(usage_is(&f, 1, 1));

    /* Now there is no slot left, but the flow is as it was. */
    make_actions(13, &actions);
    CHECK(xdp_flow_table_modify(f.table, a, &actions) == XDP_TABLE_FLOWS_FULL);
    CHECK(insert(&f, 1, 101, 0, 14, &b) == XDP_TABLE_FLOWS_FULL);
    CHECK(!b);
    CHECK(find(&f, 1, 100, NULL) == 12);

    CHECK(fixture_reclaim(&f));
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[2]) == 13);
    CHECK(slot[2] == slot[0]);
    xdp_flow_table_remove(f.table, a, &s);
    fixture_destroy(&f);
}

/* More flows than slots. */
static void
test_table_flows_full(void)
{
    struct xdp_table_flow *flows[8], *extra;
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_init(&f, 8, 4);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++) {
            CHECK(!insert(&f, 1, 100 + i, 0, 10 + i, &flows[i]));
        }
        CHECK(insert(&f, 1, 200, 0, 99, &extra) == XDP_TABLE_FLOWS_FULL);
        CHECK(!extra);
        CHECK(insert(&f, 1, 200, 4, 99, &extra) == XDP_TABLE_FLOWS_FULL);
        CHECK(usage_is(&f, 8, 1));
        for (int i = 0; i < 8; i++) {
            CHECK(find(&f, 1, 100 + i, NULL) == 10 + i);
            xdp_flow_table_remove(f.table, flows[i], &s);
        }
        fixture_reclaim(&f);
    }
    fixture_destroy(&f);
}

/* A full table that has more slots than flows takes changes. */
static void
test_table_spare_slots(void)
{
    struct xdp_table_flow *flows[8], *extra;
    struct xdp_flow_actions actions;
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_open(&f, 8, 4, MAX_PORTS, 12);
    fixture_create(&f);
    CHECK(!xdp_flow_table_add_port(f.table, 1, 1, 2));
    for (int i = 0; i < 8; i++) {
        CHECK(!insert(&f, 1, 100 + i, 0, 10 + i, &flows[i]));
    }
    CHECK(!xdp_flow_table_is_short(f.table));
    CHECK(insert(&f, 1, 200, 0, 99, &extra) == XDP_TABLE_FLOWS_FULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            make_actions(20 + round, &actions);
            CHECK(!xdp_flow_table_modify(f.table, flows[i], &actions));
            CHECK(find(&f, 1, 100 + i, NULL) == 20 + round);
            CHECK(xdp_flow_table_is_short(f.table));
        }
        CHECK(xdp_flow_table_modify(f.table, flows[4], &actions)
              == XDP_TABLE_FLOWS_FULL);
        CHECK(find(&f, 1, 104, NULL) == 14);
        CHECK(fixture_reclaim(&f));
        CHECK(!xdp_flow_table_is_short(f.table));
    }

    /* Statistics of all slots. */
    for (int i = 0; i < 8; i++) {
        uint32_t slot;

        CHECK(find(&f, 1, 100 + i, &slot));
        count(&f, f.n_cpus - 1, slot, 60 + i, 1000000, 0);
        xdp_flow_table_remove(f.table, flows[i], &s);
        CHECK(stats_are(&s, 1, 60 + i, 1, 0));
    }
    fixture_reclaim(&f);
    fixture_destroy(&f);
}

/* Very many flows, which all change while the table is full. */
static void
test_table_scale(void)
{
    enum { N = 100000, N_MASKS = 16, N_SPARE = 4096 };
    struct xdp_table_flow **flows = xcalloc(N, sizeof *flows);
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_open(&f, N, N_MASKS, MAX_PORTS, N + N_SPARE);
    fixture_create(&f);
    CHECK(!xdp_flow_table_add_port(f.table, 1, 1, 2));
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, i % N_MASKS, 1 + i, &flows[i]));
    }
    CHECK(usage_is(&f, N, N_MASKS));

    for (uint32_t i = 0; i < N; i++) {
        struct xdp_flow_actions actions;
        enum xdp_table_error e;

        make_actions(1 + N + i, &actions);
        e = xdp_flow_table_modify(f.table, flows[i], &actions);
        if (e == XDP_TABLE_FLOWS_FULL && fixture_reclaim(&f)) {
            e = xdp_flow_table_modify(f.table, flows[i], &actions);
        }
        CHECK(!e);
    }
    for (uint32_t i = 0; i < N; i += 97) {
        CHECK(find(&f, 1, i, NULL) == 1 + N + i);
    }
    for (uint32_t i = 0; i < N; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    CHECK(usage_is(&f, 0, 0));
    fixture_reclaim(&f);
    fixture_destroy(&f);
    free(flows);
}

/* Slots of flows that are gone wait for a grace period. */
static void
test_table_reclaim(void)
{
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    uint64_t epoch[2];
    struct fixture f;

    fixture_init(&f, 2, 4);
    CHECK(!xdp_flow_table_begin_reclaim(f.table, &epoch[0]));
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(!insert(&f, 1, 101, 0, 12, &b));
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(insert(&f, 1, 102, 0, 13, &a) == XDP_TABLE_FLOWS_FULL);
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch[0]));
    CHECK(insert(&f, 1, 102, 0, 13, &a) == XDP_TABLE_FLOWS_FULL);

    /* What is removed after the start of the wait is not covered by it. */
    xdp_flow_table_remove(f.table, b, &s);
    CHECK(!xdp_flow_table_wait(f.table));
    CHECK(insert(&f, 1, 102, 0, 13, &a) == XDP_TABLE_FLOWS_FULL);
    xdp_flow_table_reclaim(f.table, epoch[0]);
    CHECK(!insert(&f, 1, 102, 0, 13, &a));
    CHECK(insert(&f, 1, 103, 0, 14, &b) == XDP_TABLE_FLOWS_FULL);
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch[1]));
    CHECK(epoch[1] > epoch[0]);
    CHECK(!xdp_flow_table_wait(f.table));
    xdp_flow_table_reclaim(f.table, epoch[1]);
    CHECK(!insert(&f, 1, 103, 0, 14, &b));
    CHECK(find(&f, 1, 102, NULL) == 13 && find(&f, 1, 103, NULL) == 14);
    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* Many flows of one mask. */
static void
test_table_growth(void)
{
    enum { N = 20000 };
    struct xdp_table_flow **flows = xcalloc(N, sizeof *flows);
    struct xdp_flow_table_stats s;
    struct fixture f;
    uint32_t id;
    struct bpf_map_info info = { 0 };
    uint32_t size = sizeof info;
    int fd;

    fixture_init(&f, N, 4);
    for (int i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    CHECK(usage_is(&f, N, 1));
    for (int i = 0; i < N; i++) {
        CHECK(find(&f, 1, i, NULL) == 1 + i);
    }
    CHECK(read_map(f.fds.subtables, mask_of(&f, 0), &id));
    fd = bpf_map_get_fd_by_id(id);
    CHECK(fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size));
    CHECK(info.max_entries == N);
    close(fd);

    for (int i = 0; i < N; i++) {
        if (i % 3) {
            xdp_flow_table_remove(f.table, flows[i], &s);
        }
    }
    for (int i = 0; i < N; i++) {
        CHECK(find(&f, 1, i, NULL) == (i % 3 ? 0 : 1 + i));
    }
    for (int i = 0; i < N; i += 3) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    CHECK(fixture_reclaim(&f));
    for (int i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    for (int i = 0; i < N; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    free(flows);
    fixture_destroy(&f);
}

/* Returns true if the map 'fd' is the subtable of the mask of the flow from
 * port 1 to 'dst'. */
static bool
is_subtable(const struct fixture *f, uint32_t dst, int fd)
{
    struct bpf_map_info info = { 0 };
    uint32_t size = sizeof info;
    uint32_t id;

    if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
        ovs_fatal(errno, "asking for the id of a map failed");
    }
    return read_map(f->fds.subtables, mask_of(f, dst), &id) && id == info.id;
}

/* Returns true if the subtable 'fd' leads to 'slot'. */
static bool
leads_to_slot(int fd, uint32_t slot)
{
    uint64_t digest, *prev = NULL;
    uint32_t value;

    while (!bpf_map_get_next_key(fd, prev, &digest)) {
        if (!bpf_map_lookup_elem(fd, &digest, &value) && value == slot) {
            return true;
        }
        prev = &digest;
    }
    return false;
}

/* A program that has looked up a subtable before it grew meets each of its
 * flows that is still there, also one that was modified since. */
static void
test_table_growth_modify(void)
{
    enum { N_MASKS = 8, N = 1025 };
    struct xdp_table_flow **flows = xcalloc(N_MASKS * N, sizeof *flows);
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    struct fixture f;
    int n_both = 0;

    fixture_init(&f, N_MASKS * N + 64, N_MASKS);
    for (int i = 0; i < N_MASKS; i++) {
        uint32_t first = i * N;
        uint32_t last, before, slot;
        bool both;
        int fd;

        CHECK(!insert(&f, 1, first, 1 + i, 1 + first, &flows[first]));
        CHECK(find(&f, 1, first, &before) == 1 + first);
        fd = open_subtable(&f, first);
        CHECK(fd >= 0);
        for (last = first + 1; ; last++) {
            CHECK(last < first + N);
            CHECK(!insert(&f, 1, last, 1 + i, 1 + last, &flows[last]));
            if (!is_subtable(&f, first, fd)) {
                break;
            }
        }

        make_actions(9999, &actions);
        CHECK(!xdp_flow_table_modify(f.table, flows[first], &actions));
        CHECK(find(&f, 1, first, &slot) == 9999);
        CHECK(slot != before);
        both = leads_to_slot(fd, slot);
        CHECK(leads_to_slot(fd, before) == !both);
        n_both += both;

        /* What is new, and what is removed, is not changed there. */
        CHECK(find(&f, 1, last, &slot) == 1 + last);
        CHECK(!leads_to_slot(fd, slot));
        CHECK(find(&f, 1, first + 1, &slot) == 2 + first);
        CHECK(leads_to_slot(fd, slot));
        xdp_flow_table_remove(f.table, flows[first + 1], &s);
        CHECK(leads_to_slot(fd, slot));
        CHECK(!find(&f, 1, first + 1, NULL));
        CHECK(!insert(&f, 1, first + 1, 1 + i, 2 + first, &flows[first + 1]));
        close(fd);
        while (++last < first + N) {
            CHECK(!insert(&f, 1, last, 1 + i, 1 + last, &flows[last]));
        }
    }
    /* Unless the grace period was over at once, which can be by chance. */
    CHECK(n_both > 0);

    CHECK(fixture_reclaim(&f));
    for (uint32_t i = 0; i < N_MASKS * N; i++) {
        CHECK(find(&f, 1, i, NULL) == (i % N ? 1 + i : 9999));
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    free(flows);
    fixture_destroy(&f);
}

/* Two flows with one digest. */
static void
test_table_digest(void)
{
    struct xdp_key key[2], mask, other_mask;
    struct xdp_table_flow *flow[2], *other;
    struct xdp_flow_table_stats s;
    struct found_flow found;
    struct xdp_flow_actions actions;
    struct fixture f;
    uint32_t slot;

    fixture_init(&f, 16, 4);
    memset(key, 0, sizeof key);
    memset(&mask, 0, sizeof mask);
    mask.in_port = UINT32_MAX;
    mask.nw_src = mask.nw_dst = OVS_BE32_MAX;
    for (int i = 0; i < 2; i++) {
        key[i].in_port = 1;
        /* The first half of word 4 cancels the secret's. */
        key[i].nw_src = (OVS_FORCE ovs_be32) -(uint32_t) secret[4];
        key[i].nw_dst = htonl(100 + i);
    }

    make_actions(11, &actions);
    CHECK(!xdp_flow_table_insert(f.table, &key[0], &mask, &actions, &flow[0]));
    make_actions(12, &actions);
    CHECK(xdp_flow_table_insert(f.table, &key[1], &mask, &actions, &flow[1])
          == XDP_TABLE_DIGEST);
    CHECK(!flow[1]);
    CHECK(usage_is(&f, 1, 1));
    CHECK(fixture_find(&f, &key[0], &slot, &found));
    CHECK(found.flow.port == 11);
    CHECK(!fixture_find(&f, &key[1], &slot, &found));

    /* The same flow once more is the same. */
    CHECK(xdp_flow_table_insert(f.table, &key[0], &mask, &actions, &other)
          == XDP_TABLE_DIGEST);

    /* Another mask has a subtable of its own. */
    other_mask = mask;
    other_mask.dl_type = OVS_BE16_MAX;
    CHECK(!xdp_flow_table_insert(f.table, &key[1], &other_mask, &actions,
                                 &other));
    CHECK(fixture_find(&f, &key[1], &slot, &found));
    CHECK(found.flow.port == 12);
    xdp_flow_table_remove(f.table, other, &s);

    /* When the first has gone there is room. */
    make_actions(13, &actions);
    CHECK(!xdp_flow_table_modify(f.table, flow[0], &actions));
    xdp_flow_table_remove(f.table, flow[0], &s);
    make_actions(12, &actions);
    CHECK(!xdp_flow_table_insert(f.table, &key[1], &mask, &actions, &flow[1]));
    CHECK(!fixture_find(&f, &key[0], &slot, &found));
    CHECK(fixture_find(&f, &key[1], &slot, &found));
    CHECK(found.flow.port == 12);
    xdp_flow_table_remove(f.table, flow[1], &s);
    fixture_destroy(&f);
}

/* Ports. */
static void
test_table_ports(void)
{
    struct bpf_devmap_val target;
    struct xdp_table_flow *flow;
    struct xdp_flow_table_stats s;
    struct xdp_port_stats *values, sum;
    struct xdp_port port;
    uint32_t number = 9;
    uint32_t lo = if_nametoindex("lo");
    struct fixture f;

    fixture_init(&f, 16, 4);
    values = xcalloc(f.n_cpus, sizeof *values);
    for (int i = 0; i < 50; i++) {
        uint32_t ifindex = number - 1 + (i + 1) * MAX_PORTS;

        CHECK(read_map(f.fds.ports, number, &port) && !port.ifindex);
        CHECK(!xdp_flow_table_add_port(f.table, number, ifindex, i % 3));
        CHECK(read_map(f.fds.ports, number, &port));
        CHECK(port.ifindex == ifindex && port.vlan_limit == i % 3
              && !port.lists[port.list].n);
        CHECK(is_all_zeros(port.union_bits, sizeof port.union_bits));
        xdp_flow_table_set_vlan_limit(f.table, number, 2);
        CHECK(read_map(f.fds.ports, number, &port) && port.vlan_limit == 2);

        /* Statistics start at zero. */
        xdp_flow_table_get_port_stats(f.table, number, &sum);
        CHECK(!sum.upcalls && !sum.no_socket && !sum.no_metadata);
        for (int j = 0; j < f.n_cpus; j++) {
            values[j].upcalls = 3;
            values[j].no_socket = 5;
            values[j].no_metadata = 7;
            values[j].too_large = 9;
        }
        CHECK(!bpf_map_update_elem(f.fds.port_stats, &number, values, 0));
        xdp_flow_table_get_port_stats(f.table, number, &sum);
        CHECK(sum.upcalls == 3 * f.n_cpus && sum.no_socket == 5 * f.n_cpus
              && sum.no_metadata == 7 * f.n_cpus
              && sum.too_large == 9 * f.n_cpus);

        /* Targets; removing one that is not there is no error. */
        CHECK(!xdp_flow_table_set_target(f.table, number, lo));
        CHECK(read_map(f.fds.tx_ports, number, &target));
        CHECK(target.ifindex == lo);
        CHECK(!xdp_flow_table_set_target(f.table, number, 0));
        CHECK(!xdp_flow_table_set_target(f.table, number, 0));
        CHECK(!read_map(f.fds.tx_ports, number, &target));
        CHECK(xdp_flow_table_set_target(f.table, number, INT32_MAX) != 0);

        CHECK(!insert(&f, number, 100, 0, 11, &flow));
        CHECK(find(&f, number, 100, NULL) == 11);
        CHECK(!find(&f, 1, 100, NULL));
        xdp_flow_table_remove(f.table, flow, &s);
        xdp_flow_table_remove_port(f.table, number);
        if (i % 10 == 9) {
            fixture_reclaim(&f);
        }
    }
    free(values);
    fixture_destroy(&f);
}

/* Counters are sums over all CPUs. */
static void
test_table_counters(void)
{
    uint64_t counters[XDP_COUNTER_MAX];
    struct fixture f;
    uint64_t *values;

    fixture_init(&f, 4, 4);
    values = xcalloc(f.n_cpus, sizeof *values);
    for (uint32_t i = 0; i < XDP_COUNTER_MAX; i++) {
        for (int j = 0; j < f.n_cpus; j++) {
            values[j] = i + 1;
        }
        CHECK(!bpf_map_update_elem(f.fds.counters, &i, values, 0));
    }
    xdp_flow_table_get_counters(f.table, counters);
    for (uint32_t i = 0; i < XDP_COUNTER_MAX; i++) {
        CHECK(counters[i] == (i + 1) * f.n_cpus);
    }
    free(values);
    fixture_destroy(&f);
}

/* Fails to create a table, because its maps are too small. */
static void
create_bad_table(const char *arg OVS_UNUSED)
{
    struct xdp_flow_table *table;
    struct fixture f;
    char *error;

    fixture_open(&f, 64, 4, 16, 1);
    f.limits.n_flows = f.limits.n_slots = 65536;
    table = xdp_flow_table_create(&f.fds, &f.limits, secret, &error);
    if (table || !error || !strstr(error, "xdp_flows")) {
        fail("expected an error about xdp_flows, got: %s", error);
    }
    free(error);
    fixture_close(&f);
}

/* Creates and uses a table. */
static void
create_table(const char *arg OVS_UNUSED)
{
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *flow;
    struct xdp_flow_actions actions;
    struct fixture f;

    fixture_init(&f, 4, 4);
    make_actions(11, &actions);
    for (int i = 0; i < 4; i++) {
        CHECK(!insert(&f, 1, 100, i, 10, &flow));
        xdp_flow_table_modify(f.table, flow, &actions);
        xdp_flow_table_remove(f.table, flow, &s);
        fixture_reclaim(&f);
    }
    CHECK(!insert(&f, 1, 100, 0, 10, &flow));
    note_bpf();
    xdp_flow_table_remove(f.table, flow, &s);
    fixture_destroy(&f);
}

/* Creating a table fails, or succeeds, without a trace. */
static void
test_table_create(void)
{
    check_leaks(create_bad_table, "bad table");
    check_leaks(create_table, "table");
}

const struct unit_case unit_table[] = {
    { "table-insert", test_table_insert, NEED_BPF },
    { "table-running", test_table_running, NEED_BPF },
    { "table-modify", test_table_modify, NEED_BPF },
    { "table-flows-full", test_table_flows_full, NEED_BPF },
    { "table-spare-slots", test_table_spare_slots, NEED_BPF },
    { "table-scale", test_table_scale, NEED_BPF },
    { "table-reclaim", test_table_reclaim, NEED_BPF },
    { "table-growth", test_table_growth, NEED_BPF },
    { "table-growth-modify", test_table_growth_modify, NEED_BPF },
    { "table-digest", test_table_digest, NEED_BPF },
    { "table-ports", test_table_ports, NEED_BPF },
    { "table-counters", test_table_counters, NEED_BPF },
    { "table-create", test_table_create, NEED_BPF },
    { NULL, NULL, 0 }
};
