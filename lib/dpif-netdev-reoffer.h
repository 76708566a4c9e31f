/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offering the flows of the userspace datapath to the offload once more.
 *
 * dpif-netdev offers a flow when it is made or modified.  Flows that were
 * there before the offload was switched on, or that the former driver had,
 * would otherwise never be offered to linux_xdp while their traffic lasts.
 * (Deleting them is no way out: ofproto would remember them, and not let them
 * be installed again for seconds.)
 *
 * dpif-netdev.c includes this file at its end, since it works on structures
 * that are private there.  It is not to be included elsewhere.
 */

#ifndef DPIF_NETDEV_REOFFER_H
#define DPIF_NETDEV_REOFFER_H 1

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

    memset(&match, 0, sizeof match);
    match.flow = flow->flow;
    miniflow_expand(&flow->cr.mask->mf, &match.wc.masks);
    match.wc.masks.in_port.odp_port = ODPP_NONE;
    match_zero_wildcarded_fields(&match);

    /* Modification is right for flows with and without a mark. */
    queue_netdev_flow_put(pmd, flow, &match, actions->actions, actions->size,
                          DP_NETDEV_FLOW_OFFLOAD_OP_MOD);
}

/* Queues all flows of all userspace datapaths for the offload threads. */
void
dpif_netdev_reoffer_flows(void)
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
                dpif_netdev_reoffer_flow(pmd, flow);
            }
            ovs_mutex_unlock(&pmd->flow_mutex);
        }
    }
    ovs_mutex_unlock(&dp_netdev_mutex);
}

#endif /* dpif-netdev-reoffer.h */
