/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ingress ports of a flow table, and which masks the packets of each are
 * tried with.  See xdp-flow-table-private.h.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xdp_table_port);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Returns true if 'port' is an ingress port. */
bool
xdp_flow_table_has_port(const struct xdp_flow_table *table, uint32_t port)
{
    return table->ports[port].n_flows != NULL;
}

/* Makes the device 'ifindex' ingress port 'port', whose number must be one
 * where xdp-abi.h allows the device's entry and which must be free.  The port
 * of a tunnel has XDP_PORT_TUNNEL + 'port' instead of a device.  Returns 0 or
 * a positive errno value. */
int
xdp_flow_table_add_port(struct xdp_flow_table *table, uint32_t port,
                        uint32_t ifindex, uint32_t vlan_limit)
{
    struct xdp_port_stats *zero;
    struct xdp_port *entry;
    int error = 0;

    ovs_assert(port < table->limits.n_ports && !table->ports[port].n_flows
               && ((port - ifindex) & (table->limits.n_ports - 1))
                  < XDP_PORT_PROBES);

    zero = xcalloc(table->n_cpus, sizeof *zero);
    if (bpf_map_update_elem(table->fds.port_stats, &port, zero, BPF_ANY)) {
        error = errno;
        VLOG_WARN_RL(&rl, "clearing the statistics of port %"PRIu32
                     " failed: %s", port, ovs_strerror(error));
    } else {
        table->ports[port].n_flows
            = xcalloc(table->limits.n_masks,
                      sizeof *table->ports[port].n_flows);
        /* Never another limit than one of the port: if the device was here a
         * moment ago, a program may still be parsing one of its packets. */
        entry = &table->ports_map[port];
        table_publish(&entry->vlan_limit, vlan_limit);
        entry->list = entry->parts = 0;
        entry->companion = entry->companion_max = 0;
        memset(entry->union_bits, 0, sizeof entry->union_bits);
        memset(entry->lists, 0, sizeof entry->lists);
        table_publish(&entry->ifindex, ifindex);
    }
    free(zero);
    return error;
}

/* Has no program take a packet for one of ingress port 'port', whose device is
 * gone: another one may get its number before the flows have left. */
void
xdp_flow_table_close_port(struct xdp_flow_table *table, uint32_t port)
{
    table_publish(&table->ports_map[port].ifindex, 0);
}

/* Removes ingress port 'port', which must have no flows any more. */
void
xdp_flow_table_remove_port(struct xdp_flow_table *table, uint32_t port)
{
    struct xdp_port *entry = &table->ports_map[port];

    ovs_assert(!table_port_masks(table, port)->n);
    table_publish(&entry->ifindex, 0);
    table_publish(&entry->companion, 0);
    free(table->ports[port].n_flows);
    table->ports[port].n_flows = NULL;
}

/* Sets how many VLAN tags of packets from 'port' are parsed, 0 to
 * XDP_VLAN_MAX.  Flows that were made under the old limit must be gone. */
void
xdp_flow_table_set_vlan_limit(struct xdp_flow_table *table, uint32_t port,
                              uint32_t vlan_limit)
{
    table_publish(&table->ports_map[port].vlan_limit, vlan_limit);
}

/* Returns the number of masks that packets from 'port' are tried with. */
uint32_t
xdp_flow_table_port_n_masks(const struct xdp_flow_table *table, uint32_t port)
{
    return table_port_masks(table, port)->n;
}

/* Recomputes the union of the masks of 'port'. */
static void
port_update_union(struct xdp_flow_table *table, uint32_t port)
{
    const struct xdp_port_masks *masks = table_port_masks(table, port);
    struct xdp_port *entry = &table->ports_map[port];
    struct xdp_key bits;
    uint64_t *words = (uint64_t *) &bits;

    memset(&bits, 0, sizeof bits);
    for (uint32_t i = 0; i < masks->n; i++) {
        const uint64_t *mask
            = (const uint64_t *) &table->masks[masks->ids[i]].bits;

        for (size_t j = 0; j < XDP_KEY_WORDS; j++) {
            words[j] |= mask[j];
        }
    }
    memcpy(entry->union_bits, &bits, sizeof bits);
    table_publish(&entry->parts, (table_mask_parts(&bits)
                                | (table->ports[port].n_deep
                                   ? TABLE_ALL_PARTS : 0)));
}

/* Accounts a flow of 'port' whose ops need 'parts'. */
void
table_port_add_parts(struct xdp_flow_table *table, uint32_t port,
                     uint8_t parts)
{
    if (parts && !table->ports[port].n_deep++) {
        port_update_union(table, port);
    }
}

/* Accounts that a flow of 'port' whose ops need 'parts' is gone. */
void
table_port_remove_parts(struct xdp_flow_table *table, uint32_t port,
                        uint8_t parts)
{
    if (parts && !--table->ports[port].n_deep) {
        port_update_union(table, port);
    }
}

/* Accounts a new flow of 'mask' on 'port'. */
void
table_port_add_flow(struct xdp_flow_table *table, uint32_t port, uint32_t mask)
{
    struct xdp_port_masks *masks = table_port_masks(table, port);

    if (!table->ports[port].n_flows[mask]++) {
        masks->ids[masks->n] = mask;
        table_publish(&masks->n, masks->n + 1);
        port_update_union(table, port);
    }
}

/* Accounts that a flow of 'mask' on 'port' is gone.  A program that walks the
 * list meanwhile may miss another mask of the port: that packet then takes the
 * way through userspace. */
void
table_port_remove_flow(struct xdp_flow_table *table, uint32_t port,
                       uint32_t mask)
{
    struct xdp_port_masks *masks = table_port_masks(table, port);

    if (!--table->ports[port].n_flows[mask]) {
        for (uint32_t i = 0; i < masks->n; i++) {
            if (masks->ids[i] == mask) {
                masks->ids[i] = masks->ids[masks->n - 1];
                table_publish(&masks->n, masks->n - 1);
                break;
            }
        }
        port_update_union(table, port);
    }
}
