/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Megaflows in custody that leave XDP, because a port, a driver or the whole
 * offload does.  See xdp-custody.h.
 */

#include <config.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "xdp-custody-private.h"
#include "xdp-program.h"

/* Takes '*n_left' megaflows of 'port' out of XDP for 'reason', or fewer if
 * there are no more, or if the lock should be given back.  Subtracts their
 * number from '*n_left', which is XDP_CUSTODY_BATCH when the lock is taken.
 * Returns true if there may be some left. */
bool
custody_port_withdraw_some(struct custody_port *port, enum xdp_reason reason,
                           size_t *n_left)
{
    for (; port->n_offloaded && *n_left; --*n_left) {
        if (*n_left < XDP_CUSTODY_BATCH && xdp_lock_is_due()) {
            *n_left = 0;
            break;
        }
        custody_withdraw(CONTAINER_OF(ovs_list_front(&port->flows),
                                      struct custody_flow, port_node),
                         reason, NULL);
    }
    return !*n_left;
}

/* Takes out of XDP, for 'reason', all megaflows that come from 'netdev', or
 * all if that is NULL.  Gives the lock back after each XDP_CUSTODY_BATCH of
 * them. */
static void
withdraw_batches(const struct netdev *netdev, enum xdp_reason reason)
    OVS_EXCLUDED(xdp_mutex)
{
    bool more;

    do {
        size_t n_left = XDP_CUSTODY_BATCH;
        struct custody_port *port;

        more = false;
        xdp_lock();
        HMAP_FOR_EACH (port, node, &custody_ports) {
            if ((!netdev || port->netdev == netdev)
                && custody_port_withdraw_some(port, reason, &n_left)) {
                more = true;
                break;
            }
        }
        xdp_unlock();
    } while (more);
}

/* Takes out of XDP all megaflows that come from 'netdev' now. */
void
xdp_custody_netdev_flush(struct netdev *netdev)
{
    withdraw_batches(netdev, XDP_REASON_NO_TABLE);
}

/* Takes some megaflows out of XDP that come from 'xdp'.  Returns true if there
 * may be some left. */
static bool
withdraw_some_from(const struct xdp_netdev *xdp)
    OVS_REQUIRES(xdp_mutex)
{
    size_t n_left = XDP_CUSTODY_BATCH;
    struct custody_port *port;

    HMAP_FOR_EACH (port, node, &custody_ports) {
        if ((xdp->tunnel ? port->tunnel == xdp : port->netdev == xdp->netdev)
            && custody_port_withdraw_some(port, XDP_REASON_NO_TABLE,
                                          &n_left)) {
            return true;
        }
    }
    return false;
}

/* Returns the number of flows in all tables that lead to 'xdp'. */
static size_t
count_leading_to(const struct xdp_netdev *xdp)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;
    size_t n = 0;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            n += xdp_flow_table_n_leading_to(object->table, xdp->number);
        }
    }
    return n;
}

/* Whose megaflows leave XDP. */
struct eviction {
    const struct xdp_netdev *xdp;
    bool from;                  /* Those that are in its table? */
    bool to;                    /* Those that lead there... */
    bool always;                /* ...or only from where it takes none? */
};

/* For custody_walk(): takes 'flow' out of XDP if 'eviction' says so. */
static unsigned int
evict_flow(struct custody_flow *flow, void *eviction_)
    OVS_REQUIRES(xdp_mutex)
{
    const struct eviction *eviction = eviction_;
    const struct xdp_netdev *xdp = eviction->xdp;
    const struct xdp_netdev *from;

    if (!flow->table_flow) {
        return CUSTODY_LOOK;
    }
    if (eviction->from && flow->home == xdp) {
        /* Behind a tunnel.  There may be another table for it. */
        custody_withdraw(flow, XDP_REASON_NO_TABLE, NULL);
        xdp_custody_kick(XDP_RETRY_PORTS);
        return CUSTODY_WORK;
    }
    if (!eviction->to
        || !xdp_flow_table_leads_to(flow->table, flow->table_flow,
                                    xdp->number)) {
        return CUSTODY_LOOK;
    }
    from = custody_port_xdp(flow->port);
    if (eviction->always || !from || !xdp_netdev_takes_from(xdp, from)) {
        custody_withdraw(flow, eviction->always ? XDP_REASON_TARGET_TYPE
                                                : XDP_REASON_TARGET,
                         xdp->name);
    }
    return CUSTODY_WORK;
}

/* Takes some megaflows out of XDP that come from 'xdp', are in its table,
 * output to it, or pop the header of the tunnel that it is.  The caller can
 * give the lock back before the next part, with the same '*position', which is
 * zero at first.  No new flows may come to 'xdp' any more.  Returns false when
 * there is nothing left to do. */
bool
xdp_custody_evict_some(const struct xdp_netdev *xdp, size_t *position)
{
    struct eviction eviction = {
        .xdp = xdp, .from = true, .to = true, .always = true,
    };

    return (withdraw_some_from(xdp)
            || ((xdp->n_homed || count_leading_to(xdp))
                && custody_walk(position, evict_flow, &eviction)));
}

/* As xdp_custody_evict_some(), but leaves alone what only leads to 'xdp',
 * which must be no tunnel. */
bool
xdp_custody_evict_ingress_some(const struct xdp_netdev *xdp, size_t *position)
{
    struct eviction eviction = { .xdp = xdp, .from = true };

    return (withdraw_some_from(xdp)
            || (xdp->n_homed
                && custody_walk(position, evict_flow, &eviction)));
}

/* As xdp_custody_evict_some(), but only for megaflows that lead to 'xdp' from
 * where packets may not be redirected there any more. */
bool
xdp_custody_evict_leading_some(const struct xdp_netdev *xdp, size_t *position)
{
    struct eviction eviction = { .xdp = xdp, .to = true };

    return (count_leading_to(xdp)
            && custody_walk(position, evict_flow, &eviction));
}

/* For custody_walk(): takes 'flow' out of XDP if it is in the table of a port
 * whose device is gone, or leads to one.  'lost' has these by number. */
static unsigned int
evict_lost(struct custody_flow *flow, void *lost_)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev **lost = lost_;
    uint32_t ports[XDP_FLOW_MAX_OPS];
    size_t n;

    if (!flow->table_flow) {
        return CUSTODY_LOOK;
    }
    if (flow->home->gone) {
        custody_withdraw(flow, XDP_REASON_NO_TABLE, NULL);
        xdp_custody_kick(XDP_RETRY_PORTS);
        return CUSTODY_WORK;
    }
    n = xdp_flow_table_get_ports(flow->table, flow->table_flow, ports);
    for (size_t i = 0; i < n; i++) {
        if (lost[ports[i]]) {
            custody_withdraw(flow, XDP_REASON_TARGET_TYPE,
                             lost[ports[i]]->name);
            return CUSTODY_WORK;
        }
    }
    return CUSTODY_LOOK;
}

/* As xdp_custody_evict_some(), for all AF_XDP ports together whose devices are
 * gone, and which are still attached. */
bool
xdp_custody_evict_lost_some(size_t *position)
{
    const struct xdp_netdev **lost = NULL;
    size_t n_left = XDP_CUSTODY_BATCH;
    const struct xdp_netdev *xdp;
    struct custody_port *port;
    bool more = false;

    HMAP_FOR_EACH (port, node, &custody_ports) {
        xdp = port->netdev ? xdp_netdev_lookup(port->netdev) : NULL;
        if (xdp && xdp->gone
            && custody_port_withdraw_some(port, XDP_REASON_NO_TABLE,
                                          &n_left)) {
            return true;
        }
    }
    HMAP_FOR_EACH (xdp, node, xdp_netdev_all()) {
        if (xdp->object && xdp->gone) {
            if (!lost) {
                lost = xcalloc(xdp_netdev_n_numbers(), sizeof *lost);
            }
            lost[xdp->number] = xdp;
            more |= xdp->n_homed || count_leading_to(xdp);
        }
    }
    more = more && custody_walk(position, evict_lost, lost);
    free(lost);
    return more;
}

/* For custody_walk(): takes 'flow' out of XDP if it is behind a tunnel, or
 * leads there. */
static unsigned int
evict_tunneled(struct custody_flow *flow, void *aux OVS_UNUSED)
    OVS_REQUIRES(xdp_mutex)
{
    if (!flow->table_flow
        || !(flow->port->tunnel
             || custody_find_action(flow, OVS_ACTION_ATTR_TUNNEL_POP))) {
        return CUSTODY_LOOK;
    }
    custody_withdraw(flow, XDP_REASON_NO_TABLE, NULL);
    xdp_custody_kick(XDP_RETRY_PORTS);
    return CUSTODY_WORK;
}

/* As xdp_custody_evict_some(), for all megaflows that are there at the
 * beginning and come from tunnels, or lead there. */
bool
xdp_custody_evict_tunnels_some(size_t *position)
{
    const struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        if (port->tunnel) {
            return custody_walk(position, evict_tunneled, NULL);
        }
    }
    return false;
}

/* Takes all megaflows out of XDP, because the offload has been switched
 * off. */
void
xdp_custody_evict_all(void)
{
    withdraw_batches(NULL, XDP_REASON_OFF);
}

/* The limit of VLAN tags with which the packets of all ports are parsed, and
 * under which the keys of all megaflows in XDP were made, once it is known. */
static uint32_t vlan_limit OVS_GUARDED_BY(xdp_mutex) = UINT32_MAX;

/* Returns true if that is flow_extract()'s limit (other_config:vlan-limit).
 * If not, xdp_custody_apply_vlan_limit() will soon be called, and no megaflow
 * may enter XDP before that. */
bool
custody_has_vlan_limit(void)
{
    return vlan_limit == xdp_netdev_vlan_limit();
}

/* Has the packets of all ports parsed under that limit.  No megaflow may be in
 * XDP. */
static void
set_vlan_limit(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *port;
    struct xdp_object *object;

    vlan_limit = xdp_netdev_vlan_limit();
    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        LIST_FOR_EACH (object, list_node, xdp_object_list()) {
            if (object->has_table
                && (port->tunnel || port->object == object)) {
                xdp_flow_table_set_vlan_limit(object->table, port->number,
                                              vlan_limit);
            }
        }
    }
}

/* Has the packets of all ports parsed as flow_extract() does, if its limit of
 * VLAN tags has changed.  All flows leave XDP first, in pieces: their keys
 * were made under the old limit. */
void
xdp_custody_apply_vlan_limit(void)
{
    bool any_refused = false;
    bool done;

    do {
        xdp_lock();
        done = custody_has_vlan_limit();
        if (!done && !custody_n_offloaded()) {
            set_vlan_limit();
            done = true;
        }
        if (done && any_refused) {
            xdp_custody_kick(XDP_RETRY_PORTS);
        }
        xdp_unlock();
        if (!done) {
            withdraw_batches(NULL, XDP_REASON_NO_TABLE);
            any_refused = true;
        }
    } while (!done);
}
