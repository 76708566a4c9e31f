/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of what flow tables know for programs at tc.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "openvswitch/types.h"
#include "packets.h"
#include "unit.h"
#include "util.h"
#include "xdp-abi-tc.h"

/* Returns true if programs at tc of 'f' send packets for 'port' to 'ifindex',
 * and those to 'mac', if that is nonnull, to its other end. */
static bool
target_is(const struct fixture *f, uint32_t port, uint32_t ifindex,
          const struct eth_addr *mac)
{
    struct xdp_target target;

    return (read_map(f->fds.targets, port, &target)
            && target.ifindex == ifindex && target.via == ifindex
            && target.flags == (mac ? XDP_TARGET_PEER : 0)
            && (!mac || !memcmp(target.mac, mac, sizeof target.mac)));
}

/* Devices to send to. */
static void
test_table_tc_targets(void)
{
    const struct eth_addr macs[] = {
        ETH_ADDR_C(02, 00, 00, 00, 00, 01), ETH_ADDR_C(02, 00, 00, 00, 00, 02)
    };
    uint32_t lo = if_nametoindex("lo");
    struct fixture f;

    fixture_init(&f, 16, 4);
    CHECK(target_is(&f, 5, 0, NULL));
    xdp_flow_table_set_peer(f.table, 5, &macs[0]);
    CHECK(target_is(&f, 5, 0, NULL));

    CHECK(!xdp_flow_table_set_target(f.table, 5, lo));
    CHECK(target_is(&f, 5, lo, NULL) && target_is(&f, 4, 0, NULL));
    xdp_flow_table_set_peer(f.table, 5, &macs[0]);
    CHECK(target_is(&f, 5, lo, &macs[0]));
    CHECK(!xdp_flow_table_set_target(f.table, 5, lo));
    CHECK(target_is(&f, 5, lo, &macs[0]));
    xdp_flow_table_set_peer(f.table, 5, &macs[1]);
    CHECK(target_is(&f, 5, lo, &macs[1]));
    xdp_flow_table_set_peer(f.table, 5, NULL);
    CHECK(target_is(&f, 5, lo, NULL));

    /* Another device has another peer. */
    xdp_flow_table_set_peer(f.table, 5, &macs[0]);
    CHECK(!xdp_flow_table_set_target(f.table, 5, 0));
    CHECK(target_is(&f, 5, 0, NULL));
    CHECK(!xdp_flow_table_set_target(f.table, 5, lo));
    CHECK(target_is(&f, 5, lo, NULL));

    /* What programs at XDP do is their business. */
    xdp_flow_table_set_peer(f.table, 5, &macs[0]);
    CHECK(!xdp_flow_table_set_detour(f.table, 5, lo));
    CHECK(xdp_flow_table_set_detour(f.table, 5, INT32_MAX));
    CHECK(target_is(&f, 5, lo, &macs[0]));
    CHECK(xdp_flow_table_has_target(f.table, 5, lo));

    /* One that cannot be a target is none at tc, either. */
    CHECK(xdp_flow_table_set_target(f.table, 6, INT32_MAX));
    CHECK(target_is(&f, 6, 0, NULL));
    fixture_destroy(&f);
}

/* Companions of ports. */
static void
test_table_tc_companions(void)
{
    const uint32_t ends[] = { 1000, 1001 };
    struct xdp_port port;
    struct fixture f;
    uint32_t number;

    fixture_init(&f, 16, 4);
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        CHECK(!xdp_flow_table_set_companion_end(f.table, 1, ends[i], true));
        CHECK(!bpf_map_lookup_elem(f.fds.companions, &ends[i], &number)
              && number == 1);
    }
    CHECK(read_map(f.fds.ports, 1, &port) && !port.companion);
    xdp_flow_table_set_companion(f.table, 1, ends[0], 1500);
    CHECK(read_map(f.fds.ports, 1, &port) && port.companion == ends[0]
          && port.companion_max == 1500);

    /* It goes with the port, and a new port has none. */
    xdp_flow_table_remove_port(f.table, 1);
    CHECK(read_map(f.fds.ports, 1, &port) && !port.companion);
    CHECK(!xdp_flow_table_add_port(f.table, 1, 1, 2));
    CHECK(read_map(f.fds.ports, 1, &port) && !port.companion
          && !port.companion_max);

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        CHECK(!xdp_flow_table_set_companion_end(f.table, 1, ends[i], false));
        CHECK(bpf_map_lookup_elem(f.fds.companions, &ends[i], &number));
        CHECK(xdp_flow_table_set_companion_end(f.table, 1, ends[i], false)
              == ENOENT);
    }
    fixture_destroy(&f);
}

/* A table of an object without programs for tc. */
static void
test_table_tc_none(void)
{
    const struct eth_addr mac = ETH_ADDR_C(02, 00, 00, 00, 00, 01);
    uint32_t lo = if_nametoindex("lo");
    struct fixture f;

    fixture_open(&f, 16, 4, MAX_PORTS, 16);
    close(f.fds.targets);
    close(f.fds.companions);
    f.fds.targets = f.fds.companions = 0;
    fixture_create(&f);
    CHECK(!xdp_flow_table_set_target(f.table, 5, lo));
    xdp_flow_table_set_peer(f.table, 5, &mac);
    CHECK(!xdp_flow_table_set_target(f.table, 5, 0));
    fixture_destroy(&f);
}

const struct unit_case unit_table_tc[] = {
    { "table-tc-targets", test_table_tc_targets, NEED_BPF },
    { "table-tc-companions", test_table_tc_companions, NEED_BPF },
    { "table-tc-none", test_table_tc_none, NEED_BPF },
    { NULL, NULL, 0 }
};
