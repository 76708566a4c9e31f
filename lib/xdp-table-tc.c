/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a flow table knows for programs at tc: the devices that they send
 * packets to, and the companions of ports.  See xdp-flow-table-private.h.
 *
 * A table without these maps, whose object has no programs for tc, does
 * nothing here.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "openvswitch/types.h"
#include "util.h"

/* Makes the device 'ifindex' the one that programs at tc send packets for
 * 'port' to, and those at XDP, too, or none if that is 0. */
void
table_tc_set_target(struct xdp_flow_table *table, uint32_t port,
                    uint32_t ifindex)
{
    if (table->targets && table->targets[port].ifindex != ifindex) {
        struct xdp_target *target = &table->targets[port];

        table_publish(&target->flags, 0);
        table_publish(&target->via, ifindex);
        table_publish(&target->ifindex, ifindex);
    }
}

/* Makes the device 'ifindex' the one that programs at XDP send packets for
 * 'port', which has a target, to. */
void
table_tc_set_via(struct xdp_flow_table *table, uint32_t port, uint32_t ifindex)
{
    if (table->targets) {
        table_publish(&table->targets[port].via, ifindex);
    }
}

/* Has programs at tc put packets for 'port' to the address 'mac' right into
 * the other end of its device, or no packets if 'mac' is NULL. */
void
xdp_flow_table_set_peer(struct xdp_flow_table *table, uint32_t port,
                        const struct eth_addr *mac)
{
    struct xdp_target *target = &table->targets[port];

    if (!table->targets || (!mac && !target->flags)
        || (mac && target->flags && !memcmp(target->mac, mac, sizeof *mac))) {
        return;
    }
    table_publish(&target->flags, 0);
    if (mac && target->ifindex) {
        memcpy(target->mac, mac, sizeof target->mac);
        table_publish(&target->flags, XDP_TARGET_PEER);
    }
}

/* Makes the device 'ifindex' an end of the companion of 'port', or makes it
 * none again if not 'add'.  Returns 0 or a positive errno value. */
int
xdp_flow_table_set_companion_end(struct xdp_flow_table *table, uint32_t port,
                                 uint32_t ifindex, bool add)
{
    if (add
        ? bpf_map_update_elem(table->fds.companions, &ifindex, &port, BPF_ANY)
        : bpf_map_delete_elem(table->fds.companions, &ifindex)) {
        return errno;
    }
    return 0;
}

/* Has programs at tc send what 'port' has no flow for to the device 'ifindex',
 * or to none if that is 0, if it has no more than 'max' bytes. */
void
xdp_flow_table_set_companion(struct xdp_flow_table *table, uint32_t port,
                             uint32_t ifindex, uint32_t max)
{
    struct xdp_port *entry = &table->ports_map[port];

    table_publish(&entry->companion_max, max);
    table_publish(&entry->companion, ifindex);
}
