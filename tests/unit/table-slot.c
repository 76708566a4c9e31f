/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the flow table: what is in the slot of a flow, and its
 * statistics.
 */

#include <config.h>

#undef NDEBUG
#include <malloc.h>
#include <string.h>

#include "fixture.h"
#include "packets.h"
#include "unit.h"
#include "util.h"
#include "xdp-abi-tc.h"
#include "xdp-flow-table-private.h"
#include "xdp-spare.h"

/* Words of the key: those of connection tracking, without and with the
 * tuple. */
#define CT_WORD (XDP_KEY_BASIC_WORDS + XDP_KEY_EXT_WORDS)
#define CT_TUPLE_WORD (CT_WORD + XDP_KEY_CT_BASIC_WORDS)

/* A flow's slot is filled completely, and all of the rest is zero. */
static void
test_table_slot(void)
{
    struct found_flow flow, expected;
    struct xdp_key key, mask;
    struct xdp_table_flow *tf;
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions = { .n_ops = XDP_FLOW_MAX_OPS };
    uint64_t words[XDP_KEY_WORDS], bits[XDP_KEY_WORDS];
    struct xdp_mask tmask;
    struct fixture f;
    uint32_t slot, mask_id;
    size_t n = 0;

    fixture_init(&f, 4, 4);
    memset(&key, 0x5a, sizeof key);
    memset(&mask, 0xf7, sizeof mask);
    key.in_port = 1;
    mask.in_port = UINT32_MAX;
    key.pad1 = mask.pad1 = 0;
    key.pad2 = mask.pad2 = 0;
    key.pad3 = mask.pad3 = 0;

    /* Word 2 is left out, and as many as a mask has no room for. */
    mask.dl_src[0] = mask.dl_src[1] = mask.dl_src[2] = 0;
    mask.dl_src[3] = mask.dl_src[4] = mask.dl_src[5] = 0;
    mask.vlan_tci0 = 0;
    memset(mask.ipv6_src, 0, sizeof mask.ipv6_src);
    memset(mask.ipv6_dst, 0, sizeof mask.ipv6_dst);
    memset(mask.nd_target, 0, sizeof mask.nd_target);
    memset(mask.arp_sha, 0, sizeof mask.arp_sha);
    memset(mask.arp_tha, 0, sizeof mask.arp_tha);
    mask.ipv6_label = 0;
    memset(mask.ct_ipv6_src, 0, sizeof mask.ct_ipv6_src);
    memset(mask.ct_ipv6_dst, 0, sizeof mask.ct_ipv6_dst);
    memset(mask.tun_opts, 0, sizeof mask.tun_opts);
    memset(mask.tun_ipv6_src, 0, sizeof mask.tun_ipv6_src);
    for (size_t i = 0; i < XDP_FLOW_MAX_OPS; i++) {
        actions.ops[i].type = XDP_OP_PUSH_VLAN;
        actions.ops[i].u.push_vlan.tci = htons(i);
    }

    CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions, &tf));
    memcpy(words, &key, sizeof words);
    memcpy(bits, &mask, sizeof bits);
    memset(&expected, 0, sizeof expected);
    expected.flow.parts = (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                           | XDP_PART_EXTENDED | XDP_PART_TUNNEL
                           | XDP_PART_TUNNEL_RARE | XDP_PART_CT
                           | XDP_PART_CT_TUPLE | XDP_PART_REST);
    expected.rest.n_ops = actions.n_ops;
    expected.rest.growth = INT16_MIN;
    memcpy(expected.rest.ops, actions.ops, sizeof expected.rest.ops);
    CHECK(fixture_find_mask(&f, &key, &slot, &flow, &mask_id));
    CHECK(flow.flow.valid);
    expected.flow.valid = flow.flow.valid;
    CHECK(read_map(f.fds.masks, mask_id, &tmask));
    expected.flow.mask = mask_id;
    expected.mask = tmask;
    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        __u64 *word = slot_word(&expected, i);

        CHECK(mask_bits(&tmask, i) == bits[i]);
        CHECK(word || !bits[i]);
        if (word) {
            *word = words[i] & bits[i];
        }
        n += bits[i] != 0;
    }
    CHECK(n == XDP_KEY_WORDS - 19 && tmask.n_words == n);

    /* What a digest is of: far words and then the others. */
    CHECK(tmask.n_far && tmask.n_far < n);
    for (size_t i = 0; i < n; i++) {
        bool is_far = (tmask.word[i] >= XDP_KEY_BASIC_WORDS
                       && (tmask.word[i] < CT_WORD
                           || tmask.word[i] >= CT_TUPLE_WORD));

        CHECK(is_far == (i < tmask.n_far));
        CHECK(tmask.bits[i] && tmask.bits[i] == bits[tmask.word[i]]);
        CHECK(!i || i == tmask.n_far || tmask.word[i - 1] < tmask.word[i]);
    }
    CHECK(!memcmp(&flow, &expected, sizeof flow));

    /* No ops. */
    memset(&actions, 0, sizeof actions);
    CHECK(!xdp_flow_table_modify(f.table, tf, &actions));
    memset(expected.rest.ops, 0, sizeof expected.rest.ops);
    expected.rest.n_ops = 0;
    expected.rest.needs = XDP_NEEDS_NO_TAG_ROOM;
    CHECK(fixture_find(&f, &key, &slot, &flow));
    CHECK(flow.flow.valid && flow.flow.valid != expected.flow.valid);
    expected.flow.valid = flow.flow.valid;
    CHECK(!memcmp(&flow, &expected, sizeof flow));
    xdp_flow_table_remove(f.table, tf, &s);
    fixture_destroy(&f);
}

/* A slot says which of its ops track the packet, and which one gets it into a
 * tunnel. */
static void
test_table_slot_cts(void)
{
    struct xdp_flow_actions actions = { .n_ops = 0 };
    struct xdp_flow_table_stats s;
    struct xdp_key key, mask;
    struct xdp_table_flow *tf;
    struct found_flow flow;
    struct fixture f;
    uint32_t slot;

    fixture_init(&f, 4, 4);
    make_flow(1, 100, 0, &key, &mask);
    actions.parts = XDP_PART_NETWORK;
    actions.ops[0].type = XDP_OP_SET_ETHERNET;
    actions.ops[0].n_data = 1;
    actions.ops[1].type = XDP_OP_CT;    /* Data that looks like it. */
    actions.ops[2].type = XDP_OP_CT;
    actions.ops[2].n_data = 2;
    actions.ops[3].type = actions.ops[4].type = XDP_OP_CT;
    actions.ops[5].type = XDP_OP_CT_CLEAR;
    actions.ops[6].type = XDP_OP_CT;
    actions.ops[7].type = XDP_OP_CT;
    actions.ops[8].type = XDP_OP_RECIRC;
    actions.n_ops = 9;
    CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions, &tf));
    CHECK(fixture_find(&f, &key, &slot, &flow));
    BUILD_ASSERT_DECL(XDP_FLOW_MAX_CTS == 3);
    CHECK(flow.rest.n_cts == 3);
    CHECK(flow.rest.ct_ops[0] == 2 && flow.rest.ct_ops[1] == 6
          && flow.rest.ct_ops[2] == 7);
    CHECK(!flow.flow.flags);
    CHECK(flow.flow.parts == (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                              | XDP_PART_EXTENDED));

    memset(&actions.ops[6], 0, 2 * sizeof actions.ops[6]);
    actions.ops[6] = actions.ops[8];
    actions.n_ops = 7;
    CHECK(!xdp_flow_table_modify(f.table, tf, &actions));
    CHECK(fixture_find(&f, &key, &slot, &flow));
    CHECK(flow.rest.n_cts == 1 && flow.rest.ct_ops[0] == 2
          && !flow.rest.ct_ops[1] && !flow.rest.ct_ops[2]);
    CHECK(!flow.rest.push_op);

    /* And which one pushes the header of a tunnel. */
    memset(&actions, 0, sizeof actions);
    actions.parts = XDP_PART_NETWORK;
    actions.flags = XDP_FLOW_TNL_PUSH;
    actions.ops[0].type = XDP_OP_SET_ETHERNET;
    actions.ops[0].n_data = 1;
    actions.ops[1].type = XDP_OP_TNL_PUSH;
    actions.ops[2].type = XDP_OP_TNL_PUSH;
    actions.ops[2].n_data = 3;
    actions.ops[4].type = XDP_OP_TNL_PUSH;
    actions.ops[6].type = XDP_OP_OUTPUT;
    actions.n_ops = 7;
    CHECK(!xdp_flow_table_modify(f.table, tf, &actions));
    CHECK(fixture_find(&f, &key, &slot, &flow));
    CHECK(flow.rest.push_op == 2 && !flow.rest.n_cts);
    xdp_flow_table_remove(f.table, tf, &s);
    fixture_destroy(&f);
}

/* Lists of ops that run without a loop are told from others. */
static void
test_table_flags(void)
{
    static const struct {
        uint16_t types[7];      /* Of the ops, XDP_OP_NONE at the end. */
        uint8_t flags;
    } cases[] = {
        { { 0 }, 0 },
        { { XDP_OP_OUTPUT }, XDP_FLOW_SIMPLE },
        { { XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, XDP_FLOW_SIMPLE },
        { { XDP_OP_POP_VLAN, XDP_OP_OUTPUT },
          XDP_FLOW_SIMPLE | XDP_FLOW_POP_VLAN },
        { { XDP_OP_SET_VLAN, XDP_OP_OUTPUT },
          XDP_FLOW_SIMPLE | XDP_FLOW_POP_VLAN },
        { { XDP_OP_SET_VLAN }, 0 },
        { { XDP_OP_SET_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_SET_VLAN, XDP_OP_OUTPUT },
          XDP_FLOW_REWRITE },
        { { XDP_OP_SET_ETHERNET, XDP_OP_SET_IPV6, XDP_OP_SET_TCP,
            XDP_OP_SET_VLAN, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_PUSH_VLAN }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_POP_VLAN }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT },
          XDP_FLOW_REWRITE },
        { { XDP_OP_PUSH_VLAN, XDP_OP_POP_VLAN, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_PUSH_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_ETHERNET, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_IPV4, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_IPV6, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_TCP, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_UDP, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_ETHERNET, XDP_OP_SET_IPV4, XDP_OP_SET_UDP,
            XDP_OP_POP_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT },
          XDP_FLOW_REWRITE },
        { { XDP_OP_SET_ETHERNET, XDP_OP_SET_IPV6, XDP_OP_SET_TCP,
            XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_IPV4, XDP_OP_SET_ETHERNET, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_IPV4, XDP_OP_SET_IPV6, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_UDP, XDP_OP_SET_IPV4, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_SET_ETHERNET, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_IPV6_SRC, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_IPV4, XDP_OP_SET_ICMP, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_ETHERNET, XDP_OP_RECIRC }, 0 },
        { { XDP_OP_SET_ETHERNET }, 0 },
        { { XDP_OP_RECIRC }, XDP_FLOW_SHORT },
        { { XDP_OP_HASH, XDP_OP_RECIRC }, XDP_FLOW_SHORT },
        { { XDP_OP_HASH, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_HASH, XDP_OP_POP_VLAN, XDP_OP_RECIRC }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_RECIRC }, 0 },
        { { XDP_OP_TNL_POP }, XDP_FLOW_SHORT },
        { { XDP_OP_POP_VLAN, XDP_OP_TNL_POP }, 0 },
        { { XDP_OP_TNL_PUSH, XDP_OP_OUTPUT }, XDP_FLOW_SHORT },
        { { XDP_OP_TNL_PUSH, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_TNL_PUSH, XDP_OP_PUSH_VLAN }, 0 },
        { { XDP_OP_CT, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_ETHERNET, XDP_OP_SET_IPV4, XDP_OP_CT, XDP_OP_RECIRC },
          XDP_FLOW_REWRITE },
        { { XDP_OP_CT_CLEAR, XDP_OP_RECIRC }, 0 },
        { { XDP_OP_PUSH_VLAN, XDP_OP_CT }, 0 },
        { { XDP_OP_HASH, XDP_OP_CT, XDP_OP_RECIRC }, 0 },
    };
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *tf;
    struct xdp_key key, mask;
    struct fixture f;
    uint32_t slot;

    fixture_init(&f, 4, 4);
    make_flow(1, 100, 0, &key, &mask);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct xdp_flow_actions actions;
        struct found_flow found;
        bool pushes;

        memset(&actions, 0, sizeof actions);
        actions.flags = XDP_FLOW_EXPLICIT_DROP;
        for (size_t j = 0; j < ARRAY_SIZE(cases[i].types)
             && cases[i].types[j]; j++) {
            struct xdp_op *op = &actions.ops[actions.n_ops++];

            op->type = cases[i].types[j];
            switch (op->type) {
            case XDP_OP_OUTPUT:
                op->u.output.port = 3;
                break;
            case XDP_OP_PUSH_VLAN:
            case XDP_OP_SET_VLAN:
                op->u.push_vlan.tpid = htons(ETH_TYPE_VLAN_8021Q);
                op->u.push_vlan.tci = htons(7);
                break;
            case XDP_OP_SET_ETHERNET:
            case XDP_OP_SET_IPV4:
            case XDP_OP_TNL_PUSH:
                op->n_data = 1;
                actions.n_ops++;
                break;
            }
        }
        pushes = (cases[i].flags & XDP_FLOW_SIMPLE
                  && (cases[i].types[0] == XDP_OP_PUSH_VLAN
                      || cases[i].types[0] == XDP_OP_SET_VLAN));
        CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions, &tf));
        CHECK(fixture_find(&f, &key, &slot, &found));
        if (found.flow.flags != (XDP_FLOW_EXPLICIT_DROP | cases[i].flags)
            || found.flow.port != (cases[i].flags & XDP_FLOW_SIMPLE ? 3 : 0)
            || found.flow.tpid != (pushes ? htons(ETH_TYPE_VLAN_8021Q) : 0)
            || found.flow.tci != (pushes ? htons(7) : 0)) {
            fail("list %"PRIuSIZE": flags %#x, port %u, tag %#x", i,
                 found.flow.flags, found.flow.port, ntohs(found.flow.tci));
        }
        xdp_flow_table_remove(f.table, tf, &s);
        CHECK(fixture_reclaim(&f));
    }
    fixture_destroy(&f);
}

/* Statistics are sums over all CPUs. */
static void
test_table_stats(void)
{
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s, sum;
    uint32_t slot;
    struct fixture f;
    uint64_t bytes = 0;

    fixture_init(&f, 4, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(!insert(&f, 1, 101, 0, 12, &b));
    CHECK(find(&f, 1, 100, &slot) == 11);
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));

    for (int i = 0; i < f.n_cpus; i++) {
        /* The youngest on the first CPU; nanoseconds to milliseconds. */
        count(&f, i, slot, 100 + i, 5000999999 - i * 1000000, 1 << (i % 8));
        bytes += 100 + i;
    }
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(s.n_packets == f.n_cpus && s.n_bytes == bytes && s.used == 5000);
    CHECK(s.tcp_flags == (f.n_cpus >= 8 ? 0xff : (1 << f.n_cpus) - 1));
    xdp_flow_table_get_stats(f.table, b, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));

    memset(&sum, 0, sizeof sum);
    s.n_packets = 2; s.n_bytes = 30; s.used = 400; s.tcp_flags = 5;
    xdp_flow_table_stats_add(&sum, &s);
    s.n_packets = 1; s.n_bytes = 10; s.used = 300; s.tcp_flags = 2;
    xdp_flow_table_stats_add(&sum, &s);
    CHECK(stats_are(&sum, 3, 40, 400, 7));

    xdp_flow_table_remove(f.table, a, &s);
    CHECK(s.n_packets == f.n_cpus && s.n_bytes == bytes && s.used == 5000);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* Statistics of CPUs on which no program has run are not looked at, but where
 * an object does not say that. */
static void
test_table_stats_cpus(void)
{
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *flow;
    struct fixture f;
    uint32_t slot;
    int fd;

    fixture_init(&f, 4, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &flow));
    CHECK(find(&f, 1, 100, &slot) == 11);
    count(&f, 0, slot, 100, 0, 0);
    set_cpu(&f, 0, false);
    xdp_flow_table_get_stats(f.table, flow, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));
    set_cpu(&f, 0, true);
    xdp_flow_table_get_stats(f.table, flow, &s);
    CHECK(stats_are(&s, 1, 100, 0, 0));
    xdp_flow_table_remove(f.table, flow, &s);
    fixture_destroy(&f);

    fixture_open(&f, 4, 4, MAX_PORTS, 4);
    fd = f.fds.cpus;
    f.fds.cpus = 0;
    fixture_create(&f);
    f.fds.cpus = fd;
    CHECK(!xdp_flow_table_add_port(f.table, 1, 1, 2));
    CHECK(!insert(&f, 1, 100, 0, 11, &flow));
    CHECK(find(&f, 1, 100, &slot) == 11);
    count(&f, 0, slot, 100, 0, 0);
    set_cpu(&f, 0, false);
    xdp_flow_table_get_stats(f.table, flow, &s);
    CHECK(stats_are(&s, 1, 100, 0, 0));
    xdp_flow_table_remove(f.table, flow, &s);
    fixture_destroy(&f);
}

/* Statistics survive a modification, also what a program adds to the old slot
 * while it is garbage, and a new flow does not inherit them. */
static void
test_table_stats_kept(void)
{
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    uint32_t slot[3];
    struct fixture f;

    fixture_init(&f, 3, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(find(&f, 1, 100, &slot[0]) == 11);
    count(&f, 0, slot[0], 100, 1000000, 1);

    make_actions(12, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[1]) == 12);
    count(&f, 0, slot[1], 200, 2000000, 2);
    count(&f, 0, slot[0], 400, 3000000, 4);     /* A late one. */
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 3, 700, 3, 7));

    make_actions(13, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[2]) == 13);
    count(&f, 0, slot[2], 800, 4000000, 8);
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 4, 1500, 4, 15));

    CHECK(fixture_reclaim(&f));
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 4, 1500, 4, 15));

    /* A slot of it is now somebody else's. */
    CHECK(!insert(&f, 1, 101, 0, 14, &b));
    CHECK(find(&f, 1, 101, &slot[0]) == 14);
    xdp_flow_table_get_stats(f.table, b, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));
    count(&f, 0, slot[0], 1600, 5000000, 16);
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 4, 1500, 4, 15));

    /* Removed with garbage that has been counted. */
    make_actions(15, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[1]) == 15);
    count(&f, 0, slot[1], 3200, 6000000, 32);
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(stats_are(&s, 5, 4700, 6, 47));
    CHECK(fixture_reclaim(&f));
    xdp_flow_table_remove(f.table, b, &s);
    CHECK(stats_are(&s, 1, 1600, 5, 16));
    fixture_destroy(&f);
}

/* Flows take no more memory than they need, of their own and in each slot, for
 * there may be a million.  The memory of those that are removed is that of
 * others when their slots are free, and is never one of many free pieces among
 * which malloc() has to look. */
static void
test_table_slot_memory(void)
{
    enum { N = 1000, TOLERANCE = 8 * N, MAX_FLOW = 64, MAX_SLOT = 64,
           MAX_REST = 448 };
    struct xdp_table_flow *flows[N];
    struct xdp_flow_table_stats s;
    size_t start, before, after, n_spares;
    struct fixture f;

    CHECK(sizeof(struct xdp_flow) <= MAX_SLOT);
    CHECK(sizeof(struct xdp_flow_rest) <= MAX_REST);
    CHECK(sizeof(struct xdp_flow_stats) <= 32);
    fixture_init(&f, N, 4);
    while (xdp_spare_count()) {
        xdp_spare_trim();
    }
    start = mallinfo2().uordblks;
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    before = mallinfo2().uordblks;
    n_spares = xdp_spare_count();
    CHECK(before - start < MAX_FLOW * N + TOLERANCE);
    for (uint32_t i = 0; i < N; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    after = mallinfo2().uordblks;
    /* Another thread may have freed something. */
    CHECK(before - TOLERANCE < after && after < before + TOLERANCE);
    CHECK(fixture_reclaim(&f));
    CHECK(xdp_spare_count() - n_spares == N);
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    CHECK(xdp_spare_count() == n_spares);
    for (uint32_t i = 0; i < N; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);
}

/* Frees all slots of 'f' that were withdrawn, as a machine with 'n_cpus'
 * possible CPUs, of which programs have counted on one, would.  Returns how
 * many holds of the lock that takes. */
static int
count_holds(struct fixture *f, unsigned int n_cpus)
{
    const unsigned int real = f->table->n_cpus;
    uint64_t *const cpus = f->table->cpus;
    uint64_t epoch;
    int n = 1;

    if (!xdp_flow_table_begin_reclaim(f->table, &epoch)
        || xdp_flow_table_wait(f->table)) {
        ovs_fatal(0, "reclaiming failed");
    }
    f->table->n_cpus = n_cpus;
    f->table->cpus = xcalloc(n_cpus, sizeof *cpus);
    f->table->cpus[0] = 1;
    while (xdp_flow_table_reclaim(f->table, epoch)) {
        n++;
    }
    f->table->n_cpus = real;
    free(f->table->cpus);
    f->table->cpus = cpus;
    return n;
}

/* Slots become free as many at a time as their statistics permit, which are
 * read only after a modification, and of CPUs that have counted. */
static void
test_table_slot_reclaim(void)
{
    enum { N = 1024 };
    struct xdp_flow_actions actions;
    struct xdp_table_flow *flows[N];
    struct xdp_flow_table_stats s;
    struct fixture f;
    int n_holds[2] = { 0, 0 };

    fixture_init(&f, 2 * N, 4);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < N; i++) {
            CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
        }
        for (uint32_t i = 0; i < N; i++) {
            xdp_flow_table_remove(f.table, flows[i], &s);
        }
        n_holds[round] = count_holds(&f, round ? 256 : f.n_cpus);
    }
    CHECK(n_holds[0] == n_holds[1]);

    for (int round = 0; round < 2; round++) {
        int n;

        for (uint32_t i = 0; i < N; i++) {
            CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
        }
        for (uint32_t i = 0; i < N; i++) {
            make_actions(2 + i, &actions);
            CHECK(!xdp_flow_table_modify(f.table, flows[i], &actions));
        }
        n = count_holds(&f, round ? 256 : f.n_cpus);
        CHECK(n > n_holds[0]);
        CHECK(!round || n == n_holds[1]);
        n_holds[1] = n;
        CHECK(f.table->n_free_slots == N);
        for (uint32_t i = 0; i < N; i++) {
            xdp_flow_table_remove(f.table, flows[i], &s);
        }
        count_holds(&f, f.n_cpus);
    }
    fixture_destroy(&f);
}

const struct unit_case unit_table_slot[] = {
    { "table-slot", test_table_slot, NEED_BPF },
    { "table-slot-cts", test_table_slot_cts, NEED_BPF },
    { "table-slot-memory", test_table_slot_memory, NEED_BPF },
    { "table-slot-reclaim", test_table_slot_reclaim, NEED_BPF },
    { "table-flags", test_table_flags, NEED_BPF },
    { "table-stats", test_table_stats, NEED_BPF },
    { "table-stats-cpus", test_table_stats_cpus, NEED_BPF },
    { "table-stats-kept", test_table_stats_kept, NEED_BPF },
    { NULL, NULL, 0 }
};
