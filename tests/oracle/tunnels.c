/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "tunnels": popping and pushing the headers of tunnels, against the
 * functions of OVS's lib/netdev-native-tnl.c that the userspace datapath uses.
 * tunnel-pop.c and tunnel-push.c have the cases, tunnel-headers.c the headers.
 */

#include <config.h>

#include "cases.h"
#include "flows.h"
#include "keys.h"
#include "netdev.h"
#include "openvswitch/vlog.h"
#include "oracle.h"
#include "run.h"
#include "tunnels.h"
#include "util.h"

/* Flows of part "actions" for each pair of a pop and a push here. */
#define ACTIONS_PER_TUNNEL 1

/* The tunnels, by type: ports of the table that are no devices. */
struct device tunnels[N_TYPES];

/* For pushes that need one. */
struct netdev *tunnel_netdev;

/* The flows that have packets of the tunnels parsed as a whole. */
static struct xdp_table_flow *asked_flows[N_TYPES];

unsigned long int n_tunnel_popped, n_tunnel_left, n_tunnel_pushed;

/* Returns the type of the tunnel that 'port' of the table is, or
 * XDP_TUNNEL_NONE. */
enum xdp_tunnel_type
tunnel_type(uint32_t port)
{
    for (size_t i = 1; i < N_TYPES; i++) {
        if (tunnels[i].ifindex && tunnels[i].port == port) {
            return i;
        }
    }
    return XDP_TUNNEL_NONE;
}

/* Adds the tunnels to the table. */
static void
add_tunnels(void)
{
    uint32_t port = N_PORTS;

    for (size_t i = 1; i < N_TYPES; i++) {
        bool in_use;
        int error;

        do {
            port--;
            in_use = false;
            for (size_t j = 0; j < n_devices; j++) {
                in_use |= devices[j].port == port;
            }
        } while (in_use);
        tunnels[i].port = port;
        tunnels[i].ifindex = XDP_PORT_TUNNEL + port;
        error = xdp_flow_table_add_port(object->table, port,
                                        tunnels[i].ifindex, XDP_VLAN_MAX);
        if (error) {
            ovs_fatal(error, "adding a tunnel failed");
        }
    }
}

/* Takes the tunnels out of the table. */
static void
remove_tunnels(void)
{
    for (size_t i = 1; i < N_TYPES; i++) {
        xdp_flow_table_remove_port(object->table, tunnels[i].port);
        tunnels[i].ifindex = 0;
    }
}

/* As check_counters(), if a packet has found 'n' flows, each with or without a
 * hint. */
bool
check_hits(uint64_t before[XDP_COUNTER_MAX],
           uint64_t expected[XDP_COUNTER_MAX], uint64_t n,
           const char **culprit, uint64_t *by)
{
    uint64_t after[XDP_COUNTER_MAX];
    uint64_t by_hint;

    xdp_flow_table_get_counters(object->table, after);
    by_hint = after[XDP_COUNTER_HINT_HITS] - before[XDP_COUNTER_HINT_HITS];
    expected[XDP_COUNTER_HINT_HITS] = MIN(by_hint, n);
    expected[XDP_COUNTER_SUBTABLE_HITS] = n - MIN(by_hint, n);
    return check_counters(before, expected, culprit, by);
}

/* Runs case 'index', of both. */
static void
test_one_tunnel(unsigned long int index)
{
    test_one_pop(index);
    test_one_push(index);
}

/* Makes the tunnels ports whose packets are parsed as a whole, and has devices
 * with small MTUs. */
void
begin_tunnels(void)
{
    /* What userspace says about the headers that it drops. */
    vlog_set_levels(vlog_module_from_name("native_tnl"), VLF_CONSOLE,
                    VLL_OFF);
    add_tunnels();
    for (size_t i = 1; i < N_TYPES; i++) {
        asked_flows[i] = ask_port(tunnels[i].port, ASK_ALL);
    }
    set_small_mtus(true);
}

/* Undoes what begin_tunnels() has done. */
void
end_tunnels(void)
{
    set_small_mtus(false);
    for (size_t i = 1; i < N_TYPES; i++) {
        unask(asked_flows[i]);
    }
    remove_tunnels();
    reclaim();
}

/* Part "tunnels". */
void
test_tunnels(void)
{
    int error;

    if (!part_wanted("tunnels")) {
        return;
    }

    error = netdev_open("oracle_gre", "gre", &tunnel_netdev);
    if (error) {
        ovs_fatal(error, "making a GRE port failed");
    }
    begin_tunnels();
    run_cases("tunnels", n_actions / ACTIONS_PER_TUNNEL, test_one_tunnel);
    end_tunnels();
    netdev_close(tunnel_netdev);
    end_part("tunnels", "%lu headers popped, %lu left to userspace, %lu "
             "pushed", n_tunnel_popped, n_tunnel_left, n_tunnel_pushed);
}
