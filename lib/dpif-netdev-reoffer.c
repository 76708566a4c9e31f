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
};

/* How many flows of a thread are offered, and looked at, with one hold of the
 * locks, and how many nanoseconds pass until the next one: who takes a lock
 * again at once is faster than who sleeps until then.  And what was offered is
 * in a queue, and takes memory, until somebody takes it. */
#define MAX_OFFERS 64
#define MAX_LOOKS 256
#define PAUSE (10 * 1000)

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

/* Offers selected flows of 'pmd' from '*position' on, as many as one hold of
 * the locks may.  Returns true if there may be more. */
static bool
offer_some(struct dp_netdev_pmd_thread *pmd, const struct selection *selection,
           struct cmap_position *position)
{
    unsigned int n_offered = 0;
    bool more = true;

    if (!dpif_netdev_lock_pmd(pmd)) {
        return false;
    }
    for (unsigned int i = 0;
         i < MAX_LOOKS && n_offered < MAX_OFFERS && more; i++) {
        struct cmap_node *node = cmap_next_position(&pmd->flow_table,
                                                    position);
        struct dp_netdev_flow *flow
            = node ? CONTAINER_OF(node, struct dp_netdev_flow, node) : NULL;

        more = flow != NULL;
        if (more && is_selected(selection, flow)) {
            struct match match;

            dpif_netdev_xdp_get_match(flow, &match);
            dpif_netdev_offer_flow(pmd, flow, &match);
            n_offered++;
        }
    }
    dpif_netdev_unlock_pmd(pmd);
    return more;
}

/* Offers the selected flows of 'pmd', with each of which its flows are locked:
 * a later modification or deletion comes behind it.  They are unlocked again
 * and again, since the thread needs the lock.  Whoever makes a flow then may
 * move others in 'pmd->flow_table': one may be met twice, or not at all. */
static void
offer_selected(struct dp_netdev_pmd_thread *pmd, void *selection)
{
    struct cmap_position position = { .bucket = 0 };

    while (offer_some(pmd, selection, &position)) {
        xnanosleep(PAUSE);
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
