/* SPDX-License-Identifier: Apache-2.0 */
/* See dpif-netdev-reoffer.h. */

#include <config.h>
#define XDP_OVS_WANT_DATAPATH

#include "dpif-netdev-reoffer.h"

#include <stdbool.h>

#include "cmap.h"
#include "dpif-netdev-xdp.h"
#include "openvswitch/match.h"
#include "ovs-thread.h"
#include "xdp-ovs-compat.h"

/* What is to be offered: the flows of 'n' 'ports' that are not in custody, or
 * all flows if 'ports' is NULL. */
struct selection {
    const odp_port_t *ports;
    size_t n;
    unsigned int n_offered;     /* Since the last pause. */
};

/* How many flows of a thread are looked at before it may have its lock. */
#define BATCH 64

/* After how many offers there is a pause, and of how many nanoseconds: they
 * are in a queue, and take memory, until somebody takes them. */
#define MAX_OFFERS 1000
#define PAUSE (1000 * 1000)

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

/* Offers the selected flows of 'pmd', with each of which 'pmd->flow_mutex' is
 * held: a later modification or deletion comes behind it.  It is given back
 * after each BATCH of them, since the thread needs it.  Whoever makes a flow
 * then may move others in 'pmd->flow_table': one may be met twice, or not at
 * all. */
static void
offer_selected(struct dp_netdev_pmd_thread *pmd, void *selection_)
{
    struct selection *selection = selection_;
    struct cmap_position position = { .bucket = 0 };
    bool more = true;

    while (more) {
        ovs_mutex_lock(&pmd->flow_mutex);
        for (int i = 0; i < BATCH && more; i++) {
            struct cmap_node *node = cmap_next_position(&pmd->flow_table,
                                                        &position);
            struct dp_netdev_flow *flow
                = node ? CONTAINER_OF(node, struct dp_netdev_flow, node)
                       : NULL;

            more = flow != NULL;
            if (more && is_selected(selection, flow)) {
                struct match match;

                dpif_netdev_xdp_get_match(flow, &match);
                dpif_netdev_offer_flow(pmd, flow, &match);
                selection->n_offered++;
            }
        }
        ovs_mutex_unlock(&pmd->flow_mutex);
        if (selection->n_offered >= MAX_OFFERS) {
            /* Not quiescent: that may free 'pmd'. */
            xnanosleep_no_quiesce(PAUSE);
            selection->n_offered = 0;
        }
    }
}

/* Offers all flows of all userspace datapaths. */
void
dpif_netdev_reoffer_all(void)
{
    struct selection all = { .ports = NULL };

    dpif_netdev_for_each_pmd(offer_selected, &all);
}

/* Offers the flows of the 'n' 'ports' that the XDP offload does not know.  It
 * may miss some, so this should be done once more, when it has taken the
 * others. */
void
dpif_netdev_reoffer_ports(const odp_port_t *ports, size_t n)
{
    struct selection selection = { .ports = ports, .n = n };

    if (n) {
        dpif_netdev_for_each_pmd(offer_selected, &selection);
    }
}
