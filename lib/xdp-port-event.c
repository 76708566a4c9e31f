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
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-companion.h"
#include "xdp-custody.h"
#include "xdp-device.h"
#include "xdp-program.h"
#include "xdp-tc.h"
#include "xdp-view.h"

VLOG_DEFINE_THIS_MODULE(xdp_port_event);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Returns all AF_XDP ports in an array of '*n', which the caller frees.  They
 * stay while 'xdp_mutex' is released, unlike the place of each in the hmap of
 * all ports, to and from which tunnels come and go. */
static struct xdp_netdev **
collect_ports(size_t *n)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    struct xdp_netdev **ports = xmalloc((hmap_count(xdp_netdev_all()) + 1)
                                        * sizeof *ports);
    struct xdp_netdev *port;

    *n = 0;
    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        if (!port->tunnel) {
            ports[(*n)++] = port;
        }
    }
    return ports;
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
 * or 0.  Releases 'xdp_mutex' meanwhile. */
static int
get_peer(int ifindex)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    const struct xdp_netdev *port;
    struct xdp_view device;
    bool maybe = false;

    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        maybe |= port->object && !port->peer;
    }
    if (!maybe) {
        return 0;
    }
    xdp_unlock();
    if (xdp_view_query(ifindex, &device)) {
        device.peer = 0;
    }
    xdp_lock();
    return device.peer;
}

/* Looks again at the devices of the ports that 'event' of the device 'ifindex'
 * may be of importance to: also that of a veth's peer is, which may have come
 * in from elsewhere. */
static void
refresh_obstacles(enum xdp_features_event event, int ifindex)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    int peer = event == XDP_FEATURES_LINK ? get_peer(ifindex) : 0;
    size_t n;
    struct xdp_netdev **ports = collect_ports(&n);

    for (size_t i = 0; i < n; i++) {
        struct xdp_netdev *port = ports[i];

        if (port->object && (event == XDP_FEATURES_LOST
                             || (event == XDP_FEATURES_AWAY
                                 ? port->peer_away == ifindex
                                 : (port->ifindex == ifindex
                                    || port->peer == ifindex
                                    || port->ifindex == peer)))) {
            xdp_port_refresh_obstacle(port);
        }
    }
    free(ports);
}

/* Takes the program off 'port', whose device has left.  Releases 'xdp_mutex'
 * meanwhile. */
static void
lose_device(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    VLOG_INFO("%s: device is gone (deleted, moved to another network "
              "namespace, or another one has its name)",
              netdev_get_name(port->netdev));
    port->gone = true;
    xdp_port_take_off(port);
    xdp_port_take_out(port);
    xdp_port_replace_string(&port->device_problem, NULL);
}

/* Returns true if the program of 'port' is still on its device. */
static bool
has_program(const struct xdp_netdev *port)
{
    return (xdp_netdev_is_tc(port)
            ? xdp_tc_is_attached(&port->tc)
            : xdp_device_of_link(port->link_fd) == port->ifindex);
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

/* Returns true if the device to which 'port' is attached is still here, and no
 * other one has the port's name.  If it was moved away and came back, AF_XDP
 * and the tables do not know it any more. */
static bool
has_device(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    int ifindex = if_nametoindex(netdev_get_name(port->netdev));
    char name[IF_NAMESIZE];

    /* One that is only renamed keeps its program. */
    return ((ifindex ? ifindex == port->ifindex
             : if_indextoname(port->ifindex, name) != NULL)
            && has_program(port)
            && (!port->object->has_table
                || xdp_flow_table_has_device(port->object->table,
                                             port->number)));
}

/* If 'port' is not on the device that has its name now, has it configured
 * again, with that device. */
static void
revive(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    int ifindex;

    if (port->object
        || !(port->gone || port->option || xdp_netdev_offload_is_on())) {
        return;
    }
    ifindex = if_nametoindex(netdev_get_name(port->netdev));
    if (ifindex && (port->gone
                    || (port->ifindex && ifindex != port->ifindex))) {
        VLOG_INFO("%s: device is back", netdev_get_name(port->netdev));
        port->gone = false;
        port->ifindex = 0;
        port->stale = true;
        netdev_request_reconfigure(port->netdev);
    }
}

/* Handles a change of the device 'ifindex', which may be a new one with the
 * name of a port, in the place of another. */
static void
handle_link(int ifindex)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    struct xdp_netdev **ports;
    char name[IF_NAMESIZE];
    size_t n;

    if (hmap_is_empty(xdp_netdev_all()) || !if_indextoname(ifindex, name)) {
        return;
    }
    ports = collect_ports(&n);
    for (size_t i = 0; i < n; i++) {
        struct xdp_netdev *port = ports[i];

        if (strcmp(name, netdev_get_name(port->netdev))) {
            continue;
        }
        if (port->object && port->ifindex == ifindex) {
            xdp_port_check_device(port);
        } else if (port->object) {
            lose_device(port);
        } else if (port->device_problem && port->ifindex == ifindex) {
            xdp_port_check_device(port);
        }
        revive(port);
    }
    free(ports);
}

/* Looks at the devices of all ports, because there may have been events that
 * nobody got. */
static void
handle_lost_events(void)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    size_t n;
    struct xdp_netdev **ports = collect_ports(&n);

    for (size_t i = 0; i < n; i++) {
        struct xdp_netdev *port = ports[i];

        if (port->object && !has_device(port)) {
            lose_device(port);
        } else if (port->object) {
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
    free(ports);
}

/* Handles 'event' of the device 'ifindex'. */
void
xdp_port_handle_event(enum xdp_features_event event, int ifindex)
{
    struct xdp_netdev *port;

    xdp_port_lock_config();
    switch (event) {
    case XDP_FEATURES_CHANGED:
        port = xdp_netdev_find_attached(ifindex);
        if (!port) {
            port = xdp_port_tc_find_companion(ifindex);
        }
        if (port) {
            refresh_target(port);
        }
        break;

    case XDP_FEATURES_GONE:
        port = xdp_netdev_find_attached(ifindex);
        if (port) {
            lose_device(port);
            revive(port);
        }
        port = xdp_port_tc_find_companion(ifindex);
        if (port && !port->stale) {
            lose_companion(port);
        }
        break;

    case XDP_FEATURES_LINK:
        handle_link(ifindex);
        port = xdp_port_tc_find_companion(ifindex);
        if (port) {
            xdp_port_tc_restore(port, ifindex);
        }
        break;

    case XDP_FEATURES_AWAY:
        break;

    case XDP_FEATURES_LOST:
        VLOG_INFO_RL(&rl, "notifications about devices were lost; looking at "
                     "the devices of all ports");
        handle_lost_events();
        break;

    default:
        OVS_NOT_REACHED();
    }
    refresh_obstacles(event, ifindex);
    xdp_port_unlock_config();
}
