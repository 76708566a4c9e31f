/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to the devices of ports while they are attached, or after they
 * have left.  See xdp-port.h.
 */

#include <config.h>

#include "xdp-port-private.h"

#include <net/if.h>
#include <string.h>

#include "netdev-provider.h"
#include "ovs-rcu.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-companion.h"
#include "xdp-custody.h"
#include "xdp-program.h"
#include "xdp-view.h"

VLOG_DEFINE_THIS_MODULE(xdp_port_event);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What has happened. */
struct change {
    enum xdp_features_event event;
    int ifindex;                /* To this device... */
    char name[IF_NAMESIZE];     /* ...which has this name, or none any more. */
    int peer;                   /* Its peer, if that may be the device of a
                                 * port, or 0. */
};

/* Calls 'cb' for each AF_XDP port that 'change' concerns.  Gives both mutexes
 * back after each: there may be a thousand, and the main thread waits for
 * them. */
static void
for_each_port(bool (*is_concerned)(const struct xdp_netdev *,
                                   const struct change *),
              void (*cb)(struct xdp_netdev *, const struct change *),
              const struct change *change)
    OVS_EXCLUDED(xdp_port_config_mutex, xdp_mutex)
{
    const struct netdev **netdevs;
    struct xdp_netdev *port;
    size_t n = 0;

    xdp_lock();
    netdevs = xmalloc((hmap_count(xdp_netdev_all()) + 1) * sizeof *netdevs);
    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        if (!port->tunnel && is_concerned(port, change)) {
            netdevs[n++] = port->netdev;
        }
    }
    xdp_unlock();
    for (size_t i = 0; i < n; i++) {
        xdp_port_lock_config();
        /* Another one that has got its address does no harm. */
        port = xdp_netdev_lookup(netdevs[i]);
        if (port && is_concerned(port, change)) {
            cb(port, change);
        }
        xdp_port_unlock_config();
        ovsrcu_quiesce();
    }
    free(netdevs);
}

/* Returns true if 'port' is attached, and its device was not found to have
 * gone. */
static bool
is_on_device(const struct xdp_netdev *port)
{
    return port->object && !port->gone;
}

/* Asks again whether packets can be redirected to 'port', and acts if that
 * changed.  Releases 'xdp_mutex' meanwhile. */
static void
refresh_target(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    int ifindex = xdp_netdev_target_device(port);
    bool could = port->can_be_target;
    size_t position = 0;
    bool can;

    xdp_unlock();
    xdp_features_query(ifindex, &can);
    xdp_lock();

    port->can_be_target = can;
    if (could && !can) {
        VLOG_INFO("%s: takes no redirected packets any more",
                  netdev_get_name(port->netdev));
        while (xdp_custody_evict_leading_some(port, &position)) {
            xdp_unlock();
            ovsrcu_quiesce();
            xdp_lock();
        }
    } else if (!could && can) {
        VLOG_INFO("%s: takes redirected packets from now on",
                  netdev_get_name(port->netdev));
        port->target_warned = false;
        xdp_custody_kick(XDP_RETRY_TARGETS);
    }
}

/* Returns the peer of the device 'ifindex', if that may be the one of a port,
 * or 0. */
static int
get_peer(int ifindex)
    OVS_EXCLUDED(xdp_mutex)
{
    const struct xdp_netdev *port;
    struct xdp_view device;
    bool maybe = false;

    xdp_lock();
    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        maybe |= is_on_device(port) && !port->peer;
    }
    xdp_unlock();
    return maybe && !xdp_view_query(ifindex, &device) ? device.peer : 0;
}

/* Returns true if the device of 'port', which is attached, may be another one
 * to XDP after 'change': also that of a veth's peer is of importance, which
 * may have come in from elsewhere. */
static bool
may_look_different(const struct xdp_netdev *port, const struct change *change)
{
    int ifindex = change->ifindex;

    return (is_on_device(port)
            && (change->event == XDP_FEATURES_LOST
                || (change->event == XDP_FEATURES_AWAY
                    ? port->peer_away == ifindex
                    : (port->ifindex == ifindex
                       || port->peer == ifindex
                       || port->ifindex == change->peer))));
}

/* Looks again at the device of 'port'. */
static void
refresh_obstacle(struct xdp_netdev *port,
                 const struct change *change OVS_UNUSED)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    xdp_port_refresh_obstacle(port, ovsrcu_quiesce);
}

/* Has 'port', whose companion somebody has deleted, configured again with
 * another. */
static void
lose_companion(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    VLOG_WARN("%s: somebody has deleted the companion %s of the port; making "
              "another", netdev_get_name(port->netdev),
              port->companion->port_end);
    port->stale = true;
    netdev_request_reconfigure(port->netdev);
}

/* Returns true if the companion of 'port', if it has one, is still here. */
static bool
has_companion(const struct xdp_netdev *port)
{
    char name[IF_NAMESIZE];

    return (!port->companion
            || (if_indextoname(port->companion->port_ifindex, name)
                && if_indextoname(port->companion->socket_ifindex, name)));
}

/* If 'port' is not on the device that has its name now, has it configured
 * again, with that device.  Releases 'xdp_mutex' meanwhile. */
static void
revive(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    int ifindex;

    if (port->object
        || !(port->gone || port->option || xdp_netdev_offload_is_on())) {
        return;
    }
    ifindex = xdp_port_index_of(netdev_get_name(port->netdev));
    if (ifindex && (port->gone
                    || (port->ifindex && ifindex != port->ifindex))) {
        VLOG_INFO("%s: device is back", netdev_get_name(port->netdev));
        port->gone = false;
        port->ifindex = 0;
        port->stale = true;
        netdev_request_reconfigure(port->netdev);
    }
}

/* Returns true if 'port' has the name of the device that has changed. */
static bool
has_its_name(const struct xdp_netdev *port, const struct change *change)
{
    return !strcmp(change->name, netdev_get_name(port->netdev));
}

/* Handles a change of the device with the name of 'port', which may be a new
 * one, in the place of another. */
static void
handle_link(struct xdp_netdev *port, const struct change *change)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    int ifindex = change->ifindex;

    if (is_on_device(port) && port->ifindex != ifindex
        && xdp_port_index_of(change->name) == ifindex) {
        xdp_port_lose(port);
    } else if (is_on_device(port)
               || (port->device_problem && port->ifindex == ifindex)) {
        xdp_port_check_device(port);
    }
    revive(port);
}

/* Returns true. */
static bool
is_any(const struct xdp_netdev *port OVS_UNUSED,
       const struct change *change OVS_UNUSED)
{
    return true;
}

/* Looks at the device of 'port', because there may have been events that
 * nobody got. */
static void
handle_lost_events(struct xdp_netdev *port,
                   const struct change *change OVS_UNUSED)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    if (is_on_device(port) && !xdp_port_has_device(port, false)) {
        xdp_port_lose(port);
    } else if (is_on_device(port)) {
        refresh_target(port);
        xdp_port_check_device(port);
        if (!has_companion(port)) {
            lose_companion(port);
        } else if (port->companion) {
            xdp_port_tc_restore(port, port->companion->port_ifindex);
            xdp_port_tc_restore(port, port->companion->socket_ifindex);
        }
    } else if (port->device_problem) {
        xdp_port_check_device(port);
    }
    revive(port);
}

/* Handles a change of one device. */
static void
handle_device_event(enum xdp_features_event event, int ifindex)
    OVS_EXCLUDED(xdp_port_config_mutex, xdp_mutex)
{
    struct xdp_netdev *port, *at_tc;

    xdp_port_lock_config();
    port = xdp_netdev_find_attached(ifindex);
    at_tc = xdp_port_tc_find_companion(ifindex);
    switch (event) {
    case XDP_FEATURES_CHANGED:
        if (port || at_tc) {
            refresh_target(port ? port : at_tc);
        }
        break;

    case XDP_FEATURES_GONE:
        /* The port may be on a device that has got the number since. */
        if (port && !xdp_port_has_device(port, true)) {
            xdp_port_lose(port);
        }
        if (at_tc && is_on_device(at_tc) && !at_tc->stale) {
            lose_companion(at_tc);
        }
        break;

    case XDP_FEATURES_LINK:
        if (at_tc) {
            xdp_port_tc_restore(at_tc, ifindex);
        }
        break;

    case XDP_FEATURES_AWAY:
        break;

    case XDP_FEATURES_LOST:
    default:
        OVS_NOT_REACHED();
    }
    xdp_port_unlock_config();
}

/* Handles 'event' of the device 'ifindex'.  When there are no more events for
 * the moment, or many have been handled, xdp_port_finish_losses() must be
 * called. */
void
xdp_port_handle_event(enum xdp_features_event event, int ifindex)
{
    struct change change = { .event = event, .ifindex = ifindex };

    if (event == XDP_FEATURES_LOST) {
        VLOG_INFO_RL(&rl, "notifications about devices were lost; looking at "
                     "the devices of all ports");
        for_each_port(is_any, handle_lost_events, &change);
    } else {
        if (event == XDP_FEATURES_LINK
            && if_indextoname(ifindex, change.name)) {
            for_each_port(has_its_name, handle_link, &change);
        }
        handle_device_event(event, ifindex);
    }
    if (event == XDP_FEATURES_LINK) {
        change.peer = get_peer(ifindex);
    }
    for_each_port(may_look_different, refresh_obstacle, &change);
}

/* Returns true if the device of 'port' is gone, and the port still
 * attached. */
static bool
is_lost(const struct xdp_netdev *port, const struct change *change OVS_UNUSED)
{
    return port->object && port->gone;
}

/* Takes 'port' out of all tables.  Its flows have left XDP, or, if it was lost
 * during the walk, some of them. */
static void
finish_loss(struct xdp_netdev *port, const struct change *change OVS_UNUSED)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    xdp_port_take_off(port);
    xdp_port_take_out(port);
    xdp_port_replace_string(&port->device_problem, NULL);
    revive(port);
}

/* Has the flows of all ports leave XDP whose devices were found to have gone,
 * in one walk over all of them, and detaches the ports.  Whoever removes one
 * of them meanwhile, or configures it again, does not have to wait for
 * that. */
void
xdp_port_finish_losses(void)
{
    size_t position = 0;
    bool any, more;

    xdp_lock();
    any = xdp_port_take_any_lost();
    xdp_unlock();
    if (!any) {
        return;
    }
    do {
        xdp_lock();
        more = xdp_custody_evict_lost_some(&position);
        xdp_unlock();
        ovsrcu_quiesce();
    } while (more);
    for_each_port(is_lost, finish_loss, NULL);
}
