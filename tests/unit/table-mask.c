/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the flow table: its masks, and the lists of those of a port.
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

/* Lets 'n' walks over the masks of 'port' end at mask 'mask', on the last
 * CPU. */
static void
hit_mask(const struct fixture *f, uint32_t port, uint32_t mask, uint64_t n)
{
    uint32_t index = xdp_mask_hits_index(f->n_cpus - 1, port, mask);
    uint64_t hits;

    if (!read_map(f->fds.mask_hits, index, &hits)) {
        ovs_fatal(errno, "reading a BPF map failed");
    }
    hits += n;
    if (bpf_map_update_elem(f->fds.mask_hits, &index, &hits, BPF_ANY)) {
        ovs_fatal(errno, "writing a BPF map failed");
    }
}

/* Returns the masks of 'port' in their order, one digit each. */
static unsigned int
mask_order(const struct fixture *f, uint32_t port)
{
    const struct xdp_port_masks *masks;
    struct xdp_port entry;
    unsigned int order = 0;

    if (!read_map(f->fds.ports, port, &entry)) {
        ovs_fatal(errno, "reading a BPF map failed");
    }
    masks = &entry.lists[entry.list];
    for (uint32_t i = 0; i < masks->n; i++) {
        order = order * 10 + masks->ids[i];
    }
    return order;
}

/* Sorts the masks as the offload does. */
static void
sort_masks(struct fixture *f)
{
    for (bool begin = true; fixture_sort(f, begin); begin = false) {
        continue;
    }
}

/* The most used masks of a port come first. */
static void
test_table_mask_order(void)
{
    struct xdp_table_flow *flows[5];
    struct xdp_flow_table_stats s;
    struct xdp_port before, after;
    struct fixture f;

    fixture_init(&f, 16, 8);
    for (int i = 0; i < 4; i++) {
        CHECK(!insert(&f, 1, 100 << i, i, 11 + i, &flows[i]));
    }
    CHECK(!insert(&f, 2, 100, 0, 15, &flows[4]));
    CHECK(mask_order(&f, 1) == 123);    /* 0, 1, 2, 3 */
    sort_masks(&f);
    CHECK(mask_order(&f, 1) == 123);
    CHECK(!fixture_reclaim(&f));

    /* The list that is read is not the one that is written. */
    CHECK(read_map(f.fds.ports, 1, &before));
    hit_mask(&f, 1, 2, 100);
    hit_mask(&f, 1, 3, 50);
    sort_masks(&f);
    CHECK(mask_order(&f, 1) / 100 == 23);
    CHECK(mask_order(&f, 2) == 0);
    CHECK(read_map(f.fds.ports, 1, &after));
    CHECK(after.list == !before.list);
    CHECK(!memcmp(&after.lists[before.list], &before.lists[before.list],
                  sizeof after.lists[0]));
    for (int i = 0; i < 4; i++) {
        CHECK(find(&f, 1, 100 << i, NULL) == 11 + i);
    }

    /* Programs may be at the old list, until they have ended. */
    hit_mask(&f, 1, 1, 1000);
    sort_masks(&f);
    CHECK(mask_order(&f, 1) / 100 == 23);
    CHECK(fixture_reclaim(&f));
    CHECK(!fixture_reclaim(&f));
    sort_masks(&f);
    CHECK(mask_order(&f, 1) / 10 == 123);
    CHECK(fixture_reclaim(&f));

    /* Old hits count less and less, and a small difference does not. */
    for (int i = 0; i < 20; i++) {
        sort_masks(&f);
        CHECK(!fixture_reclaim(&f));
    }
    hit_mask(&f, 1, 1, 100);
    hit_mask(&f, 1, 2, 110);
    sort_masks(&f);
    CHECK(mask_order(&f, 1) / 10 == 123);

    /* Masks come and go in the current list. */
    xdp_flow_table_remove(f.table, flows[1], &s);
    CHECK(mask_order(&f, 1) / 100 == 0 && mask_order(&f, 1) % 100 == 23);
    CHECK(!insert(&f, 1, 200, 1, 12, &flows[1]));
    for (int i = 0; i < 4; i++) {
        CHECK(find(&f, 1, 100 << i, NULL) == 11 + i);
    }
    for (int i = 0; i < 5; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_reclaim(&f);
    fixture_destroy(&f);
}

/* More masks than there are. */
static void
test_table_masks_full(void)
{
    struct xdp_table_flow *flows[4], *extra;
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_init(&f, 16, 4);
    for (int i = 0; i < 4; i++) {
        CHECK(!insert(&f, 1, 100 + i, i, 10 + i, &flows[i]));
    }
    CHECK(insert(&f, 1, 200, 4, 99, &extra) == XDP_TABLE_MASKS_FULL);
    CHECK(!extra);
    CHECK(usage_is(&f, 4, 4));
    CHECK(!insert(&f, 1, 201, 3, 98, &extra));
    xdp_flow_table_remove(f.table, extra, &s);
    for (int i = 0; i < 4; i++) {
        CHECK(find(&f, 1, 100 + i, NULL) == 10 + i);
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);
}

/* An unused mask is kept for its next flow, and given to another one when
 * there is no other, the one that is out of use for longest first. */
static void
test_table_masks_reuse(void)
{
    struct xdp_table_flow *a, *b, *c, *d;
    struct xdp_flow_table_stats s;
    uint32_t ma, mb, mc;
    struct fixture f;

    fixture_init(&f, 16, 3);
    CHECK(!insert(&f, 1, 100, 1, 11, &a));
    CHECK(!insert(&f, 1, 101, 2, 12, &b));
    CHECK(!insert(&f, 1, 102, 3, 13, &c));
    ma = mask_of(&f, 100);
    mb = mask_of(&f, 101);
    mc = mask_of(&f, 102);

    xdp_flow_table_remove(f.table, c, &s);
    CHECK(fixture_reclaim(&f));
    xdp_flow_table_remove(f.table, b, &s);
    CHECK(fixture_reclaim(&f));
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(fixture_reclaim(&f));
    CHECK(usage_is(&f, 0, 0));

    /* Its own. */
    CHECK(!insert(&f, 1, 101, 2, 14, &b));
    CHECK(mask_of(&f, 101) == mb);

    /* The one of 'c', then that of 'a', then nothing. */
    CHECK(!insert(&f, 1, 103, 4, 15, &d));
    CHECK(mask_of(&f, 103) == mc);
    CHECK(!insert(&f, 1, 102, 3, 16, &c));
    CHECK(mask_of(&f, 102) == ma);
    CHECK(insert(&f, 1, 100, 1, 17, &a) == XDP_TABLE_MASKS_FULL);
    CHECK(find(&f, 1, 101, NULL) == 14);
    CHECK(find(&f, 1, 102, NULL) == 16);
    CHECK(find(&f, 1, 103, NULL) == 15);
    CHECK(!find(&f, 1, 100, NULL));
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, c, &s);
    xdp_flow_table_remove(f.table, d, &s);
    fixture_destroy(&f);
}

/* A mask is given to another one only when no program can be looking at it
 * any more. */
static void
test_table_masks_wait(void)
{
    struct xdp_table_flow *a, *b, *c;
    struct xdp_flow_table_stats s;
    uint32_t last, id, other;
    uint64_t epoch;
    struct fixture f;
    int fd;

    fixture_init(&f, 16, 2);
    last = f.limits.n_masks;
    fd = create_inner(&other);
    CHECK(!insert(&f, 1, 100, 1, 11, &a));

    /* Waiting replaces the last subtable.  A mask that is new needs none. */
    CHECK(!bpf_map_update_elem(f.fds.subtables, &last, &fd, BPF_ANY));
    CHECK(!insert(&f, 1, 101, 2, 12, &b));
    CHECK(read_map(f.fds.subtables, last, &id) && id == other);

    /* One that was in use a moment ago cannot be had.  Nobody waits for it,
     * who may hold a lock. */
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(insert(&f, 1, 102, 3, 13, &c) == XDP_TABLE_MASKS_FULL && !c);
    CHECK(read_map(f.fds.subtables, last, &id) && id == other);

    /* Its own flow can have it at once. */
    CHECK(!insert(&f, 1, 100, 1, 11, &a));
    xdp_flow_table_remove(f.table, a, &s);

    /* Here it has been waited for. */
    CHECK(fixture_reclaim(&f));
    CHECK(!insert(&f, 1, 102, 3, 13, &c));
    CHECK(find(&f, 1, 102, NULL) == 13);

    /* Here not since its last flow left. */
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch) == false);
    xdp_flow_table_remove(f.table, b, &s);
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch));
    CHECK(!insert(&f, 1, 101, 2, 12, &b));
    CHECK(!xdp_flow_table_wait(f.table));
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_reclaim(f.table, epoch);
    CHECK(insert(&f, 1, 100, 1, 14, &a) == XDP_TABLE_MASKS_FULL);
    CHECK(fixture_reclaim(&f));
    CHECK(!insert(&f, 1, 100, 1, 14, &a));
    CHECK(find(&f, 1, 100, NULL) == 14);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, c, &s);
    close(fd);
    fixture_destroy(&f);
}

/* The masks that packets from a port are tried with, and their union. */
static void
test_table_port_masks(void)
{
    enum { N = 20 };
    struct xdp_table_flow *flows[N];
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_init(&f, 64, 32);
    for (int i = 0; i < N; i++) {
        CHECK(!insert(&f, 1 + i % 2, 100 + i, i, 10 + i, &flows[i]));
    }
    CHECK(xdp_flow_table_port_n_masks(f.table, 1) == N / 2);
    for (int i = 0; i < N; i++) {
        /* In an order that is not that of insertion. */
        int j = i * 7 % N;
        struct xdp_key bits, key, mask;
        struct xdp_port port;

        CHECK(find(&f, 1 + j % 2, 100 + j, NULL) == 10 + j);
        xdp_flow_table_remove(f.table, flows[j], &s);
        flows[j] = NULL;
        memset(&bits, 0, sizeof bits);
        for (int k = 0; k < N; k++) {
            if (flows[k] && k % 2 == j % 2) {
                CHECK(find(&f, 1 + k % 2, 100 + k, NULL) == 10 + k);
                make_flow(1, 0, k, &key, &mask);
                bits.in_port |= mask.in_port;
                bits.nw_src |= mask.nw_src;
                bits.nw_dst |= mask.nw_dst;
            }
        }
        CHECK(read_map(f.fds.ports, 1 + j % 2, &port));
        CHECK(!memcmp(port.union_bits, &bits, sizeof bits));
    }
    fixture_destroy(&f);
}

const struct unit_case unit_table_mask[] = {
    { "table-mask-order", test_table_mask_order, NEED_BPF },
    { "table-masks-full", test_table_masks_full, NEED_BPF },
    { "table-masks-reuse", test_table_masks_reuse, NEED_BPF },
    { "table-masks-wait", test_table_masks_wait, NEED_BPF },
    { "table-port-masks", test_table_port_masks, NEED_BPF },
    { NULL, NULL, 0 }
};
