/* SPDX-License-Identifier: Apache-2.0 */
/* See dpif-netdev-xdp.h. */

#include <config.h>
#define XDP_OVS_WANT_DATAPATH

#include "dpif-netdev-xdp.h"

#include <string.h>

#include "dpif.h"
#include "openvswitch/match.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "util.h"
#include "xdp-custody.h"
#include "xdp-ovs-compat.h"
#include "xdp-port.h"

VLOG_DEFINE_THIS_MODULE(dpif_netdev_xdp);

/* How many datapaths there are that we serve.  OVS's lock of the list of
 * datapaths protects it. */
static unsigned int n_datapaths;

/* Returns true if we serve datapaths of 'dpif_type'. */
static bool
serves(const char *dpif_type)
{
    return !strcmp(dpif_type, "netdev");
}

/* Stores in '*match' what 'flow' matches on.  (That of a modification may be
 * another one: the datapath looks for the flow with a packet.) */
void
dpif_netdev_xdp_get_match(const struct dp_netdev_flow *flow,
                          struct match *match)
{
    memset(match, 0, sizeof *match);
    match->flow = flow->flow;
    miniflow_expand(&flow->cr.mask->mf, &match->wc.masks);
    match->wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    match_zero_wildcarded_fields(match);
}

/* Returns what 'flow' is known as in custody. */
static uintptr_t
get_holder(const struct dp_netdev_flow *flow)
{
    return (uintptr_t) flow;
}

/* Returns true if 'flow' may be in custody. */
bool
dpif_netdev_xdp_is_known(const struct dp_netdev_flow *flow)
{
    bool known;

    atomic_read(&CONST_CAST(struct dp_netdev_flow *, flow)->xdp_known, &known);
    return known;
}

/* Offers 'flow' of a datapath of 'dpif_type', with new 'actions'.  Returns
 * false if it is not for us, or if it is dead already, and we never had it.
 *
 * The mask of a dead flow may have been freed.  That of another one stays
 * until the thread is quiescent. */
bool
dpif_netdev_xdp_put(const char *dpif_type, struct dp_netdev_flow *flow,
                    const struct nlattr *actions, size_t actions_len)
{
    odp_port_t in_port = flow->flow.in_port.odp_port;
    struct match match;

    if (!serves(dpif_type)) {
        return false;
    }
    if (flow->dead) {
        return dpif_netdev_xdp_is_known(flow);
    }
    dpif_netdev_xdp_get_match(flow, &match);
    if (!xdp_custody_put(in_port, get_holder(flow), &flow->mega_ufid, &match,
                         actions, actions_len, flow->orig_in_port)) {
        return false;
    }
    atomic_store(&flow->xdp_known, true);
    atomic_thread_fence(memory_order_seq_cst);
    if (flow->dead) {
        /* dpif_netdev_xdp_stop() may have come too early, and so may who asked
         * for the statistics. */
        xdp_custody_stop(in_port, get_holder(flow), &flow->mega_ufid, false);
    }
    return true;
}

/* Forgets 'flow'.  Returns false if it was not in custody. */
bool
dpif_netdev_xdp_del(struct dp_netdev_flow *flow)
{
    return (dpif_netdev_xdp_is_known(flow)
            && xdp_custody_delete(flow->flow.in_port.odp_port,
                                  get_holder(flow), &flow->mega_ufid));
}

/* To be called before the last statistics of 'flow', which is dead, are
 * read. */
void
dpif_netdev_xdp_stop(struct dp_netdev_flow *flow)
{
    /* Either we see that it is known, or dpif_netdev_xdp_put() that it is
     * dead. */
    atomic_thread_fence(memory_order_seq_cst);
    if (dpif_netdev_xdp_is_known(flow)) {
        xdp_custody_stop(flow->flow.in_port.odp_port, get_holder(flow),
                         &flow->mega_ufid, true);
    }
}

/* Adds what XDP has carried of 'flow' to '*stats', which has the packets of
 * userspace, and says in '*attrs', if that is nonnull, if it is in XDP. */
void
dpif_netdev_xdp_add_status(struct dp_netdev_flow *flow,
                           struct dpif_flow_stats *stats,
                           struct dpif_flow_attrs *attrs)
{
    struct dpif_flow_stats carried;
    bool offloaded;

    if (!dpif_netdev_xdp_is_known(flow)
        || !xdp_custody_get(flow->flow.in_port.odp_port, get_holder(flow),
                            &flow->mega_ufid, stats->n_packets, &carried,
                            &offloaded)) {
        return;
    }
    stats->n_packets += carried.n_packets;
    stats->n_bytes += carried.n_bytes;
    stats->used = MAX(stats->used, carried.used);
    stats->tcp_flags |= carried.tcp_flags;
    if (attrs && offloaded) {
        attrs->offloaded = true;
        attrs->dp_layer = "xdp";
    }
}

/* Notes that the datapath 'name' of 'dpif_type' is made.
 *
 * Each datapath counts its ports on its own, and OVS does not say of which
 * datapath a port is that it tells us about.  So there is nothing in XDP any
 * more once there are two: packets of one would leave through ports of the
 * other.  Nor when one of them has gone, because OVS may keep the ports of
 * that in mind.  (Bridges share one datapath.  Only "ovs-appctl dpctl/add-dp"
 * makes another.) */
void
dpif_netdev_xdp_datapath_made(const char *name, const char *dpif_type)
{
    if (serves(dpif_type) && ++n_datapaths > 1) {
        VLOG_WARN("%s is a second userspace datapath, so no flows are "
                  "offloaded to XDP until ovs-vswitchd is restarted; do not "
                  "make it again then", name);
        xdp_port_forbid();
    }
}

/* Notes that a datapath of 'dpif_type' has gone. */
void
dpif_netdev_xdp_datapath_gone(const char *dpif_type)
{
    n_datapaths -= serves(dpif_type);
}
