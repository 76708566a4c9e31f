/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with the devices of ports: why their flows may not be in XDP,
 * and what the user is told.  See xdp-port.h.
 */

#include <config.h>

#include "xdp-port-private.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-custody.h"
#include "xdp-device.h"
#include "xdp-ethtool.h"
#include "xdp-program.h"
#include "xdp-tc.h"
#include "xdp-view.h"

VLOG_DEFINE_THIS_MODULE(xdp_port_device);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Returns, in memory that the caller frees, what to do about the VLAN tags of
 * packets from 'port' that XDP may not see, as 'device' says. */
static char *
get_tags_help(const struct xdp_netdev *port, const struct xdp_view *device)
{
    const char *name = netdev_get_name(port->netdev);
    char peer[IF_NAMESIZE] = "PEER";
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, "in generic mode XDP does not see VLAN tags that are "
                "beside the packet, so flows of this port stay in userspace");
    switch (device->tags) {
    case XDP_TAGS_RX_OFFLOAD:
        ds_put_format(&s, ": let the device leave tags in packets (ethtool -K "
                      "%s rxvlan off rx-vlan-stag-hw-parse off)", name);
        break;
    case XDP_TAGS_PEER_OFFLOAD:
        if_indextoname(device->peer, peer);
        ds_put_format(&s, ": let the peer of the veth put tags into packets "
                      "(ethtool -K %s txvlan off tx-vlan-stag-hw-insert off)",
                      peer);
        break;
    case XDP_TAGS_UNKNOWN_PEER:
        ds_put_cstr(&s, ": let the peer of the veth, which is in another "
                    "network namespace, put tags into packets (ethtool -K "
                    "PEER txvlan off tx-vlan-stag-hw-insert off), and say so "
                    "with options:xdp-vlan-visible=true");
        break;
    case XDP_TAGS_UNKNOWN:
        ds_put_cstr(&s, ": if all tags of what this device receives are in "
                    "the packets, say so with options:xdp-vlan-visible=true");
        break;
    case XDP_TAGS_IN_PACKET:
    default:
        OVS_NOT_REACHED();
    }
    return ds_steal_cstr(&s);
}

/* Implements xdp_ethtool_func: does the device have its GRO put whole packets
 * together, as lists? */
static bool
is_gro_list(const char *name, const void *aux OVS_UNUSED)
{
    return !strcmp(name, "rx-gro-list");
}

/* Returns why no flow of 'port', whose device is 'device', may be in XDP, with
 * what to do in '*help', or NULL.  'gro_list' says whether is_gro_list() is
 * true of a feature of the device, if that matters. */
static const char *
find_obstacle(const struct xdp_netdev *port, const struct xdp_view *device,
              bool gro_list, char **help)
    OVS_REQUIRES(xdp_mutex)
{
    uint32_t max_mtu = (XDP_PORT_MAX_MTU
                        - (port->zerocopy ? XDP_PORT_ZC_TAILROOM : 0));

    *help = NULL;
    if (!device->is_ethernet) {
        *help = xstrdup("the device carries no Ethernet frames, so flows of "
                        "this port stay in userspace (if it is a tun device, "
                        "make a tap device instead)");
        return "device without Ethernet frames";
    }
    if (xdp_netdev_is_tc(port)) {
        if (!gro_list) {
            return NULL;
        }
        /* The kernel makes packets of such a list again with all that the
         * second one and those after it had in their network headers, but for
         * addresses and ports, and not all kernels change even those. */
        *help = xasprintf("the device puts packets together in lists, of "
                          "which nobody can change more than the first one, "
                          "so flows of this port stay in userspace: switch "
                          "that off (ethtool -K %s rx-gro-list off)",
                          netdev_get_name(port->netdev));
        return "packets in lists (rx-gro-list)";
    }
    if (device->mtu > max_mtu) {
        /* XDP would forward what userspace never gets to see: the traffic
         * would depend on where its flow is. */
        *help = xasprintf("the MTU of the device, %"PRIu32", is larger than "
                          "the %"PRIu32" that AF_XDP sockets take, so larger "
                          "packets are lost, and flows of this port stay in "
                          "userspace: lower it (ip link set dev %s mtu "
                          "%"PRIu32")", device->mtu, max_mtu,
                          netdev_get_name(port->netdev), max_mtu);
        return "MTU larger than AF_XDP sockets take";
    }
    if (xdp_netdev_is_generic(port) && port->object->has_table
        && device->tags != XDP_TAGS_IN_PACKET
        && !(port->vlan_visible && (device->tags == XDP_TAGS_UNKNOWN_PEER
                                    || device->tags == XDP_TAGS_UNKNOWN))) {
        *help = get_tags_help(port, device);
        return "generic mode may hide VLAN tags";
    }
    return NULL;
}

/* Notes what 'device' says of the other end of 'port', and tells the programs
 * at tc. */
static void
set_peer(struct xdp_netdev *port, const struct xdp_view *device)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;

    port->peer = device->peer;
    port->peer_away = device->peer_away;
    port->peer_mac = device->peer_mac;
    port->peer_has_program = device->peer_has_program;
    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            xdp_port_tc_set_peer(object, port);
        }
    }
}

/* Notes whether packets reach a program behind 'port' unfinished, as 'device'
 * says, and has flows that lead there leave XDP, or come back, if they have
 * to.  Releases 'xdp_mutex' meanwhile, and calls 'pause' then. */
static void
set_unfinished(struct xdp_netdev *port, const struct xdp_view *device,
               void (*pause)(void))
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    size_t position = 0;

    if (port->leaves_unfinished == device->leaves_unfinished) {
        return;
    }
    port->leaves_unfinished = device->leaves_unfinished;
    netdev_change_seq_changed(port->netdev);
    if (port->leaves_unfinished) {
        char *help = xdp_netdev_unfinished_help(port);

        if (help) {
            VLOG_WARN("%s: %s", netdev_get_name(port->netdev), help);
            port->target_warned = true;
            free(help);
        }
        while (xdp_custody_evict_leading_some(port, &position)) {
            xdp_unlock();
            pause();
            xdp_lock();
        }
        xdp_port_tc_set_gro(port);
    } else {
        xdp_port_tc_set_gro(port);
        port->target_warned = false;
        xdp_custody_kick(XDP_RETRY_TARGETS);
    }
}

/* Has it told again, and tried again, what ports leave unfinished: whether
 * that matters depends on whether there are ports at tc. */
void
xdp_port_tell_unfinished(void)
{
    struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        if (port->leaves_unfinished) {
            port->target_warned = false;
            netdev_change_seq_changed(port->netdev);
            xdp_custody_kick(XDP_RETRY_TARGETS);
        }
    }
}

/* Returns the index of the device 'name', or 0 if there is none.  Releases
 * 'xdp_mutex' while it asks the kernel, which may start a program that looks
 * for a module of that name. */
int
xdp_port_index_of(const char *name)
{
    int ifindex;

    xdp_unlock();
    ifindex = if_nametoindex(name);
    xdp_lock();
    return ifindex;
}

/* Returns true if the program of 'port' is still on its device.  Releases
 * 'xdp_mutex' while it asks the kernel, which may have to wait for whoever is
 * just deleting devices. */
static bool
has_program(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    bool has;

    xdp_unlock();
    has = (xdp_netdev_is_tc(port)
           ? xdp_tc_is_attached(&port->tc)
           : xdp_device_of_link(port->link_fd) == port->ifindex);
    xdp_lock();
    return has;
}

/* Returns true if the device to which 'port' is attached is still here, and no
 * other one has the port's name.  If it was moved away and came back, AF_XDP
 * and the tables do not know it any more.
 *
 * One that is only renamed keeps its program, unless 'by_name': where its
 * number is known to have left, another device has it that is here without the
 * port's name, and at tc, the program and the tables do not tell them apart.
 * Releases 'xdp_mutex' meanwhile. */
bool
xdp_port_has_device(const struct xdp_netdev *port, bool by_name)
{
    int ifindex = xdp_port_index_of(netdev_get_name(port->netdev));
    char name[IF_NAMESIZE];

    return ((ifindex || by_name
             ? ifindex == port->ifindex
             : if_indextoname(port->ifindex, name) != NULL)
            && has_program(port)
            && (!port->object->has_table
                || xdp_flow_table_has_device(port->object->table,
                                             port->number)));
}

/* For xdp_port_refresh_obstacle(): does nothing. */
void
xdp_port_no_pause(void)
{
}

/* Looks at the device of 'port', which is attached, and has the flows of the
 * port leave XDP, or come back, if they have to.  Releases 'xdp_mutex'
 * meanwhile, and calls 'pause' between two pieces of that: whoever has no
 * pointers that RCU protects has it quiesce. */
void
xdp_port_refresh_obstacle(struct xdp_netdev *port, void (*pause)(void))
{
    bool tc = xdp_netdev_is_tc(port), gro_list = false;
    size_t position = 0;
    struct xdp_view device;
    const char *obstacle;
    char *help;
    int error;

    xdp_unlock();
    error = xdp_view_query(port->ifindex, &device);
    if (tc) {
        /* A device of which nobody knows the features has none. */
        xdp_ethtool_find(port->ifindex, is_gro_list, NULL, &gro_list);
    }
    xdp_lock();

    if (error == ENODEV) {
        return;
    } else if (error) {
        VLOG_WARN_RL(&rl, "%s: asking what the device is like failed (%s)",
                     netdev_get_name(port->netdev), ovs_strerror(error));
        device = (struct xdp_view) {
            .is_ethernet = true,
            .tags = XDP_TAGS_UNKNOWN,
            .peer_has_program = port->peer_has_program,
            .leaves_unfinished = port->leaves_unfinished,
        };
    }
    set_peer(port, &device);
    set_unfinished(port, &device, pause);
    obstacle = find_obstacle(port, &device, gro_list, &help);
    if (nullable_string_is_equal(port->obstacle_help, help)) {
        free(help);
        return;
    }
    free(port->obstacle_help);
    port->obstacle = obstacle;
    port->obstacle_help = help;
    netdev_change_seq_changed(port->netdev);
    if (obstacle) {
        VLOG_WARN("%s: %s", netdev_get_name(port->netdev), help);
        while (xdp_custody_evict_ingress_some(port, &position)) {
            xdp_unlock();
            pause();
            xdp_lock();
        }
    } else {
        VLOG_INFO("%s: flows of this port may be in XDP from now on",
                  netdev_get_name(port->netdev));
    }
    xdp_custody_kick(XDP_RETRY_PORTS);
}

/* Looks for what is wrong about the device of 'port', and tells the user when
 * that changes.  Releases 'xdp_mutex' meanwhile. */
void
xdp_port_check_device(struct xdp_netdev *port)
{
    const char *name = netdev_get_name(port->netdev);
    bool tc = port->xdp_flags & XDP_NETDEV_TC;
    int n_queues = tc ? INT_MAX : port->netdev->n_rxq;
    int ifindex = port->ifindex;
    char *problem;

    xdp_unlock();
    problem = xdp_device_problem(name, ifindex, n_queues);
    xdp_lock();

    if (nullable_string_is_equal(problem, port->device_problem)) {
        free(problem);
        return;
    }
    if (problem) {
        VLOG_WARN("%s: %s", name, problem);
    }
    free(port->device_problem);
    port->device_problem = problem;
    netdev_change_seq_changed(port->netdev);
}

/* Appends to 's' all that is not as it should be with 'port', in one line. */
void
xdp_port_format_problems(const struct xdp_netdev *port, struct ds *s)
{
    char *unfinished = xdp_netdev_unfinished_help(port);
    char *tc_problem = xdp_port_tc_problem(port);
    const char *problems[] = {
        port->rejected, port->problem, port->device_problem,
        port->obstacle_help, tc_problem, unfinished
    };

    for (size_t i = 0; i < ARRAY_SIZE(problems); i++) {
        if (problems[i]) {
            ds_put_format(s, "%s%s", s->length ? "; " : "", problems[i]);
        }
    }
    free(tc_problem);
    free(unfinished);
}
