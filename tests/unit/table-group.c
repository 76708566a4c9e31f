/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the flow table: groups, for flows with several outputs.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "packets.h"
#include "unit.h"
#include "util.h"
#include "xdp-flow-table-private.h"
#include "xdp-pool.h"

/* Returns the group of the flow to 'dst', or UINT32_MAX if there is no such
 * flow of 'n_outputs'. */
static uint32_t
find_group(const struct fixture *f, uint32_t dst, uint32_t n_outputs)
{
    struct xdp_key key, mask;
    struct found_flow flow;
    uint32_t slot;

    make_flow(1, dst, 0, &key, &mask);
    return (fixture_find(f, &key, &slot, &flow)
            && flow.rest.n_outputs == n_outputs
            ? flow.rest.group : UINT32_MAX);
}

/* Stores in 'entries' the first elements of the inner map of 'group'. */
static size_t
read_group(const struct fixture *f, uint32_t group,
           struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS])
{
    size_t n = 0;
    uint32_t id;
    int fd;

    if (!read_map(f->fds.groups, group, &id)) {
        return 0;
    }
    fd = bpf_map_get_fd_by_id(id);
    if (fd < 0) {
        ovs_fatal(errno, "opening a group failed");
    }
    while (n < XDP_FLOW_MAX_OPS && read_map(fd, n, &entries[n])) {
        n++;
    }
    close(fd);
    return n;
}

/* Flows with the same outputs share a group. */
static void
test_table_groups(void)
{
    struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS];
    struct xdp_table_flow *a, *b, *c, *d;
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    uint32_t group[3];
    struct fixture f;

    fixture_init_groups(&f, 16);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(5), false, &a));
    CHECK(!find_group(&f, 100, 0));
    CHECK(n_groups_is(&f, 0));
    CHECK(!insert_outputs(&f, 101, OUTPUTS(4, 6), false, &b));
    CHECK(!insert_outputs(&f, 102, OUTPUTS(6, 4), false, &c));
    CHECK(!insert_outputs(&f, 103, OUTPUTS(6, 4, 7), false, &d));
    CHECK(n_groups_is(&f, 2));
    group[0] = find_group(&f, 101, 2);
    CHECK(group[0] && group[0] == find_group(&f, 102, 2));
    group[1] = find_group(&f, 103, 3);
    CHECK(group[1] && group[1] != group[0]);
    CHECK(read_group(&f, group[0], entries) == 2);
    CHECK(!entries[0].bpf_prog.id && !entries[1].bpf_prog.id);
    CHECK(read_group(&f, group[1], entries) == 3);

    CHECK(xdp_flow_table_leads_to(f.table, a, 5));
    CHECK(!xdp_flow_table_leads_to(f.table, a, 4));
    CHECK(xdp_flow_table_leads_to(f.table, d, 7));
    CHECK(xdp_flow_table_leads_to(f.table, d, 4));
    CHECK(!xdp_flow_table_leads_to(f.table, d, 0));

    /* Modification moves a flow from group to group, and out of all. */
    make_outputs(OUTPUTS(4, 6), false, &actions);
    CHECK(!xdp_flow_table_modify(f.table, d, &actions));
    CHECK(find_group(&f, 103, 2) == group[0]);
    CHECK(n_groups_is(&f, 2));
    fixture_reclaim(&f);
    CHECK(n_groups_is(&f, 1));
    make_outputs(OUTPUTS(4), false, &actions);
    CHECK(!xdp_flow_table_modify(f.table, d, &actions));
    CHECK(!find_group(&f, 103, 0));

    /* An unused group is kept. */
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, c, &s);
    CHECK(n_groups_is(&f, 1));
    fixture_reclaim(&f);
    CHECK(n_groups_is(&f, 0));
    CHECK(!insert_outputs(&f, 101, OUTPUTS(4, 6), false, &b));
    CHECK(find_group(&f, 101, 2) == group[0]);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, d, &s);
    fixture_destroy(&f);
}

/* A slot says by how much copies are longer than the packet, at most. */
static void
test_table_groups_mtu(void)
{
    static const struct {
        int n_tags;             /* That the flow matches. */
        int growth;
        uint16_t types[7];      /* Of the ops, XDP_OP_NONE at the end. */
    } cases[] = {
        { 0, 0, { XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 0, 4, { XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 0, 4, { XDP_OP_OUTPUT, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT } },
        { 0, 0, { XDP_OP_OUTPUT, XDP_OP_OUTPUT, XDP_OP_PUSH_VLAN } },
        { 0, 8, { XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT, XDP_OP_PUSH_MPLS,
                  XDP_OP_OUTPUT } },
        { 0, 4, { XDP_OP_OUTPUT, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT,
                  XDP_OP_POP_VLAN, XDP_OP_OUTPUT } },
        { 0, 0, { XDP_OP_OUTPUT, XDP_OP_PUSH_VLAN, XDP_OP_POP_VLAN,
                  XDP_OP_OUTPUT } },

        /* Tags are popped only where there are some. */
        { 0, 0, { XDP_OP_POP_VLAN, XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 1, -4, { XDP_OP_POP_VLAN, XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 1, 0, { XDP_OP_OUTPUT, XDP_OP_POP_VLAN, XDP_OP_OUTPUT } },
        { 1, 0, { XDP_OP_POP_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT,
                  XDP_OP_OUTPUT } },
        { 1, 0, { XDP_OP_SET_VLAN, XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 1, -4, { XDP_OP_POP_VLAN, XDP_OP_POP_VLAN, XDP_OP_OUTPUT,
                   XDP_OP_OUTPUT } },
        { 2, -8, { XDP_OP_POP_VLAN, XDP_OP_POP_VLAN, XDP_OP_OUTPUT,
                   XDP_OP_OUTPUT } },
        { 2, -4, { XDP_OP_POP_VLAN, XDP_OP_SET_VLAN, XDP_OP_OUTPUT,
                   XDP_OP_OUTPUT } },
        { 2, 4, { XDP_OP_SET_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT,
                  XDP_OP_OUTPUT } },

        /* Nor does a label or a length to be cut off count. */
        { 0, 0, { XDP_OP_POP_MPLS, XDP_OP_OUTPUT, XDP_OP_TRUNC,
                  XDP_OP_OUTPUT } },

        /* Without a group, and without an output. */
        { 0, 4, { XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT } },
        { 0, INT16_MIN, { XDP_OP_PUSH_VLAN } },
    };
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *tf;
    struct fixture f;

    fixture_init_groups(&f, 16);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct xdp_flow_actions actions;
        struct xdp_key key, mask;
        struct found_flow found;
        uint32_t port = 4;
        uint32_t slot;

        make_flow(1, 100, 0, &key, &mask);
        mask.vlan_tci0 = mask.vlan_tci1 = OVS_BE16_MAX;
        key.vlan_tci0 = cases[i].n_tags ? htons(VLAN_CFI | 5) : 0;
        key.vlan_tci1 = cases[i].n_tags > 1 ? htons(VLAN_CFI | 6) : 0;
        memset(&actions, 0, sizeof actions);
        for (size_t j = 0; cases[i].types[j]; j++) {
            struct xdp_op *op = &actions.ops[actions.n_ops++];

            op->type = cases[i].types[j];
            if (op->type == XDP_OP_OUTPUT) {
                op->u.output.port = port++;
                op->u.output.ifindex = if_nametoindex("lo");
            }
        }
        CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions, &tf));
        CHECK(fixture_find(&f, &key, &slot, &found));
        if (found.rest.growth != cases[i].growth
            || found.rest.n_ops != actions.n_ops) {
            fail("list %"PRIuSIZE": growth %d instead of %d", i,
                 found.rest.growth, cases[i].growth);
        }
        xdp_flow_table_remove(f.table, tf, &s);
        fixture_reclaim(&f);
    }
    fixture_destroy(&f);
}

/* Stores in 'ports' the 'i'th of many sets of outputs and returns how many it
 * has. */
static size_t
make_set(uint32_t i, uint32_t ports[XDP_FLOW_MAX_OPS])
{
    size_t n = 0;

    for (uint32_t port = 1; port <= 11; port++) {
        if (i & 1u << (port - 1)) {
            ports[n++] = port;
        }
    }
    ports[n++] = 12;
    ports[n++] = 13;
    ports[n] = 0;
    return n;
}

/* There is an end of groups, and of waiting for one. */
static void
test_table_groups_full(void)
{
    enum { N = XDP_MAX_GROUPS - 1 };
    struct xdp_table_flow *flows[N], *extra;
    struct xdp_flow_table_stats s;
    uint32_t ports[XDP_FLOW_MAX_OPS];
    uint32_t lo = if_nametoindex("lo");
    uint32_t group;
    struct fixture f;

    fixture_init_groups(&f, N + 4);
    for (uint32_t port = 1; port < 16; port++) {
        CHECK(!xdp_flow_table_set_target(f.table, port, lo));
    }
    for (uint32_t i = 0; i < N; i++) {
        make_set(i, ports);
        CHECK(!insert_outputs(&f, 1000 + i, ports, false, &flows[i]));
    }
    CHECK(n_groups_is(&f, N));
    make_set(N, ports);
    CHECK(insert_outputs(&f, 100, ports, false, &extra)
          == XDP_TABLE_GROUPS_FULL);
    CHECK(!extra);

    /* Not before programs have forgotten the old group; then the one that has
     * been unused for longest goes. */
    group = find_group(&f, 1007, make_set(7, ports));
    make_set(N, ports);
    xdp_flow_table_remove(f.table, flows[7], &s);
    CHECK(insert_outputs(&f, 100, ports, false, &extra)
          == XDP_TABLE_GROUPS_FULL);
    fixture_reclaim(&f);
    xdp_flow_table_remove(f.table, flows[3], &s);
    fixture_reclaim(&f);
    CHECK(!insert_outputs(&f, 100, ports, false, &extra));
    CHECK(find_group(&f, 100, make_set(N, ports)) == group);
    make_set(3, ports);
    CHECK(!insert_outputs(&f, 1003, ports, false, &flows[3]));
    make_set(7, ports);
    CHECK(insert_outputs(&f, 1007, ports, false, &flows[7])
          == XDP_TABLE_GROUPS_FULL);

    xdp_flow_table_remove(f.table, extra, &s);
    for (uint32_t i = 0; i < N; i++) {
        if (flows[i]) {
            xdp_flow_table_remove(f.table, flows[i], &s);
        }
    }
    fixture_destroy(&f);
}

/* A group loses its port, and is not used again. */
static void
test_table_groups_port(void)
{
    struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS];
    uint32_t lo = if_nametoindex("lo");
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    uint32_t group[2];
    struct fixture f;

    fixture_init_groups(&f, 16);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4, 5), true, &a));
    CHECK(!insert_outputs(&f, 101, OUTPUTS(4, 6), true, &b));
    group[0] = find_group(&f, 100, 2);
    group[1] = find_group(&f, 101, 2);
    CHECK(target_has_egress(&f, 5, true));

    xdp_flow_table_remove(f.table, a, &s);
    CHECK(!xdp_flow_table_set_target(f.table, 5, 0));
    CHECK(read_group(&f, group[0], entries) == 1);
    CHECK(read_group(&f, group[1], entries) == 2);

    /* The port comes back, with a group and entries that are new. */
    CHECK(!xdp_flow_table_set_target(f.table, 5, lo));
    CHECK(target_has_egress(&f, 5, false));
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4, 5), false, &a));
    CHECK(find_group(&f, 100, 2) != group[0]);
    CHECK(read_group(&f, find_group(&f, 100, 2), entries) == 2);
    CHECK(entries[0].bpf_prog.id && !entries[1].bpf_prog.id);

    /* Nothing happens when a target is set once more. */
    CHECK(!xdp_flow_table_set_target(f.table, 4, lo));
    CHECK(target_has_egress(&f, 4, true));
    CHECK(read_group(&f, group[1], entries) == 2);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* All entries of a port have the program, or none. */
static void
test_table_groups_egress(void)
{
    struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS];
    struct xdp_table_flow *a, *b, *c;
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    uint32_t group[3];
    struct fixture f;

    fixture_init_groups(&f, 16);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4, 5), false, &a));
    CHECK(!insert_outputs(&f, 101, OUTPUTS(4, 6), false, &b));
    for (uint32_t port = 4; port <= 8; port++) {
        CHECK(target_has_egress(&f, port, false));
    }

    /* With a group of its own. */
    CHECK(!insert_outputs(&f, 102, OUTPUTS(5, 6, 7), true, &c));
    group[0] = find_group(&f, 100, 2);
    group[1] = find_group(&f, 101, 2);
    group[2] = find_group(&f, 102, 3);
    CHECK(read_group(&f, group[0], entries) == 2);
    CHECK(!entries[0].bpf_prog.id && entries[1].bpf_prog.id);
    CHECK(read_group(&f, group[1], entries) == 2);
    CHECK(!entries[0].bpf_prog.id && entries[1].bpf_prog.id);
    CHECK(read_group(&f, group[2], entries) == 3);
    CHECK(entries[0].bpf_prog.id && entries[1].bpf_prog.id
          && entries[2].bpf_prog.id);
    for (uint32_t port = 4; port <= 8; port++) {
        CHECK(target_has_egress(&f, port, port >= 5 && port <= 7));
    }

    /* With one that was there. */
    make_outputs(OUTPUTS(5, 4), true, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find_group(&f, 100, 2) == group[0]);
    CHECK(read_group(&f, group[0], entries) == 2);
    CHECK(entries[0].bpf_prog.id && entries[1].bpf_prog.id);
    CHECK(read_group(&f, group[1], entries) == 2);
    CHECK(entries[0].bpf_prog.id);
    CHECK(target_has_egress(&f, 4, true));
    CHECK(target_has_egress(&f, 8, false));

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, c, &s);
    fixture_destroy(&f);
}

/* What fails leaves everything as it was. */
static void
test_table_groups_fail(void)
{
    struct xdp_flow_actions actions;
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    struct fixture f;
    int groups, null;

    fixture_init_groups(&f, 16);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4, 5), false, &a));

    /* Port 9 is no target, port 4 is another device. */
    make_outputs(OUTPUTS(4, 9), true, &actions);
    CHECK(xdp_flow_table_modify(f.table, a, &actions) == XDP_TABLE_SYSTEM);
    make_outputs(OUTPUTS(4, 5), false, &actions);
    actions.ops[0].u.output.ifindex++;
    CHECK(xdp_flow_table_modify(f.table, a, &actions) == XDP_TABLE_SYSTEM);
    CHECK(find_group(&f, 100, 2) && n_groups_is(&f, 1));

    /* The kernel takes no group. */
    groups = dup(f.fds.groups);
    null = open("/dev/null", O_RDONLY);
    CHECK(dup2(null, f.fds.groups) == f.fds.groups);
    CHECK(insert_outputs(&f, 101, OUTPUTS(5, 6), true, &b)
          == XDP_TABLE_SYSTEM);
    CHECK(!b && n_groups_is(&f, 1));
    CHECK(dup2(groups, f.fds.groups) == f.fds.groups);
    close(groups);
    close(null);
    CHECK(!insert_outputs(&f, 101, OUTPUTS(5, 6), true, &b));
    CHECK(target_has_egress(&f, 6, true));

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* Who asks before an insertion never waits for programs that have seen a port
 * without 'xdp_egress', nor for a thread to make a group. */
static void
test_table_groups_prepare(void)
{
    struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS];
    struct xdp_flow_actions differ, plain;
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    struct xdp_key key, mask;
    struct fixture f;

    fixture_init_groups(&f, 16);
    make_flow(1, 100, 0, &key, &mask);
    CHECK(!insert(&f, 1, 99, 0, 1, &b));
    xdp_flow_table_remove(f.table, b, &s);
    make_outputs(OUTPUTS(4, 5), true, &differ);
    CHECK(!xdp_flow_table_prepare(f.table, true, &mask, &differ));
    CHECK(target_has_egress(&f, 4, true) && target_has_egress(&f, 5, true));
    CHECK(!xdp_flow_table_prepare(f.table, true, &mask, &differ));
    CHECK(xdp_flow_table_is_short(f.table));

    /* A group that is made meanwhile has it, too. */
    CHECK(!insert_outputs(&f, 101, OUTPUTS(5, 6), false, &b));
    CHECK(read_group(&f, find_group(&f, 101, 2), entries) == 2);
    CHECK(entries[0].bpf_prog.id && !entries[1].bpf_prog.id);

    CHECK(fixture_reclaim(&f));
    CHECK(xdp_flow_table_prepare(f.table, true, &mask, &differ));
    CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &differ, &a));
    CHECK(find_group(&f, 100, 2));

    /* Another one of these is ready at once, but not if no thread is. */
    CHECK(xdp_flow_table_prepare(f.table, false, &mask, &differ));
    make_outputs(OUTPUTS(6, 7), false, &plain);
    block_pool();
    CHECK(xdp_flow_table_prepare(f.table, false, &mask, &differ));
    CHECK(!xdp_flow_table_prepare(f.table, false, &mask, &plain));
    unblock_pool();
    CHECK(xdp_flow_table_prepare(f.table, false, &mask, &plain));

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* Nor does it wait for one if a chunk and a subtable need threads, too. */
static void
test_table_groups_threads(void)
{
    enum { N_PLAIN = 768, N_REST = 769, N_FLOWS = N_PLAIN + N_REST };
    struct xdp_table_flow *flows[N_FLOWS];
    struct xdp_flow_actions actions;
    struct xdp_flow_table_stats s;
    struct xdp_key key, mask;
    const struct xdp_flow_table *t;
    struct fixture f;

    /* As many flows of two masks as there can be until one of the first mask
     * that needs a rest has a chunk begun, and a larger subtable. */
    fixture_init_groups(&f, 16384);
    t = f.table;
    memset(&actions, 0, sizeof actions);
    for (uint32_t i = 0; i < N_FLOWS; i++) {
        if (i < N_PLAIN) {
            CHECK(!insert_outputs(&f, i, OUTPUTS(5), false, &flows[i]));
        } else {
            make_flow(1, i, 1, &key, &mask);
            CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions,
                                         &flows[i]));
        }
    }
    CHECK(ovs_list_is_empty(&t->completing));
    CHECK(!t->masks[mask_of(&f, 0)].subtable.creation);

    make_flow(1, N_FLOWS, 0, &key, &mask);
    make_outputs(OUTPUTS(4, 6), false, &actions);
    block_pool_but(2);
    CHECK(!xdp_flow_table_prepare(f.table, true, &mask, &actions)
          || xdp_pool_has_room(1));
    CHECK(!ovs_list_is_empty(&t->completing));
    unblock_pool();
    while (!xdp_flow_table_prepare(f.table, true, &mask, &actions)) {
        usleep(1000);
    }
    CHECK(t->masks[mask_of(&f, 0)].subtable.creation);
    for (uint32_t i = 0; i < N_FLOWS; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);
}

const struct unit_case unit_table_group[] = {
    { "table-groups", test_table_groups, NEED_BPF },
    { "table-groups-mtu", test_table_groups_mtu, NEED_BPF },
    { "table-groups-full", test_table_groups_full, NEED_BPF },
    { "table-groups-port", test_table_groups_port, NEED_BPF },
    { "table-groups-egress", test_table_groups_egress, NEED_BPF },
    { "table-groups-fail", test_table_groups_fail, NEED_BPF },
    { "table-groups-prepare", test_table_groups_prepare, NEED_BPF },
    { "table-groups-threads", test_table_groups_threads, NEED_BPF },
    { NULL, NULL, 0 }
};
