/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offering the flows of the userspace datapath to the offload once more.
 *
 * dpif-netdev offers a flow when it is made or modified.  Flows that were
 * there before the offload was switched on, before their port got a provider,
 * or that the former driver had, would otherwise never be offered while their
 * traffic lasts.  (Deleting them is no way out: ofproto would remember them,
 * and not let them be installed again for seconds.)
 *
 * dpif-netdev.c includes this file at its end, since it works on structures
 * that are private there.  It is not to be included elsewhere.
 */

#ifndef DPIF_NETDEV_REOFFER_H
#define DPIF_NETDEV_REOFFER_H 1

#include "dpif-netdev-xdp.h"
#include "netdev-offload-driver.h"

/* Queues 'flow' of 'pmd' for the offload threads.  A later modification or
 * deletion is queued behind it, because 'pmd->flow_mutex' is held. */
static void
dpif_netdev_reoffer_flow(struct dp_netdev_pmd_thread *pmd,
                         struct dp_netdev_flow *flow)
    OVS_REQUIRES(pmd->flow_mutex)
{
    const struct dp_netdev_actions *actions
        = dp_netdev_flow_get_actions(flow);
    struct match match;

    dpif_netdev_xdp_get_match(flow, &match);
    /* Modification is right for flows with and without a mark. */
    queue_netdev_flow_put(pmd, flow, &match, actions->actions, actions->size,
                          DP_NETDEV_FLOW_OFFLOAD_OP_MOD);
}

/* Returns true if 'flow' comes from one of the 'n' 'ports' and is not in the
 * custody of the XDP offload. */
static bool
dpif_netdev_is_new_to_xdp(struct dp_netdev_flow *flow, const odp_port_t *ports,
                          size_t n)
{
    bool known;

    for (size_t i = 0; i < n; i++) {
        if (ports[i] == flow->flow.in_port.odp_port) {
            atomic_read(&flow->xdp_known, &known);
            return !known;
        }
    }
    return false;
}

/* Queues for the offload threads the flows of all userspace datapaths, or only
 * those of 'n' 'ports' that are not in the custody of the XDP offload, if
 * 'ports' is nonnull. */
static void
dpif_netdev_reoffer(const odp_port_t *ports, size_t n)
    OVS_EXCLUDED(dp_netdev_mutex)
{
    struct shash_node *node;

    ovs_mutex_lock(&dp_netdev_mutex);
    SHASH_FOR_EACH (node, &dp_netdevs) {
        struct dp_netdev *dp = node->data;
        struct dp_netdev_pmd_thread *pmd;

        CMAP_FOR_EACH (pmd, node, &dp->poll_threads) {
            struct dp_netdev_flow *flow;

            ovs_mutex_lock(&pmd->flow_mutex);
            CMAP_FOR_EACH (flow, node, &pmd->flow_table) {
                if (!ports || dpif_netdev_is_new_to_xdp(flow, ports, n)) {
                    dpif_netdev_reoffer_flow(pmd, flow);
                }
            }
            ovs_mutex_unlock(&pmd->flow_mutex);
        }
    }
    ovs_mutex_unlock(&dp_netdev_mutex);
}

/* Queues all flows of all userspace datapaths for the offload threads. */
void
dpif_netdev_reoffer_flows(void)
{
    dpif_netdev_reoffer(NULL, 0);
}

/* Queues the flows of the 'n' 'ports' that the XDP offload does not know. */
void
dpif_netdev_xdp_offer_ports(const odp_port_t *ports, size_t n)
{
    dpif_netdev_reoffer(ports, n);
}

#endif /* dpif-netdev-reoffer.h */
