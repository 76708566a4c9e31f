/* SPDX-License-Identifier: Apache-2.0 */
/* See dpif-netdev-reoffer.h. */

#include <config.h>
#define XDP_OVS_WANT_DATAPATH

#include "dpif-netdev-reoffer.h"

#include <stdbool.h>

#include "dpif-netdev-xdp.h"
#include "openvswitch/match.h"
#include "ovs-thread.h"
#include "xdp-ovs-compat.h"

/* What is to be offered: the flows of 'n' 'ports' that are not in custody, or
 * all flows if 'ports' is NULL. */
struct selection {
    const odp_port_t *ports;
    size_t n;
};

/* Returns true if 'flow' is to be offered. */
static bool
is_selected(const struct selection *selection,
            const struct dp_netdev_flow *flow)
{
    if (!selection->ports) {
        return true;
    }
    for (size_t i = 0; i < selection->n; i++) {
        if (selection->ports[i] == flow->flow.in_port.odp_port) {
            return !dpif_netdev_xdp_is_known(flow);
        }
    }
    return false;
}

/* Offers the selected flows of 'pmd'.  A later modification or deletion comes
 * behind it, because 'pmd->flow_mutex' is held. */
static void
offer_selected(struct dp_netdev_pmd_thread *pmd, void *selection_)
{
    const struct selection *selection = selection_;
    struct dp_netdev_flow *flow;

    ovs_mutex_lock(&pmd->flow_mutex);
    CMAP_FOR_EACH (flow, node, &pmd->flow_table) {
        if (is_selected(selection, flow)) {
            struct match match;

            dpif_netdev_xdp_get_match(flow, &match);
            dpif_netdev_offer_flow(pmd, flow, &match);
        }
    }
    ovs_mutex_unlock(&pmd->flow_mutex);
}

/* Offers all flows of all userspace datapaths. */
void
dpif_netdev_reoffer_all(void)
{
    struct selection all = { .ports = NULL };

    dpif_netdev_for_each_pmd(offer_selected, &all);
}

/* Offers the flows of the 'n' 'ports' that the XDP offload does not know. */
void
dpif_netdev_reoffer_ports(const odp_port_t *ports, size_t n)
{
    struct selection selection = { .ports = ports, .n = n };

    if (n) {
        dpif_netdev_for_each_pmd(offer_selected, &selection);
    }
}
