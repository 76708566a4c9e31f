/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of ports.  See xdp-netdev.h. */

#include <config.h>

#include "xdp-netdev.h"

#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>

#include "flow.h"
#include "hash.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-companion.h"
#include "xdp-program.h"

VLOG_DEFINE_THIS_MODULE(xdp_netdev);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* All ports ("struct xdp_netdev"), by netdev. */
static struct hmap ports OVS_GUARDED_BY(xdp_mutex) = HMAP_INITIALIZER(&ports);

/* Is the offload switched on? */
static bool offload_on OVS_GUARDED_BY(xdp_mutex);

/* For objects that are loaded from now on. */
static struct xdp_flow_table_limits limits OVS_GUARDED_BY(xdp_mutex);

/* Port numbers.  A number that becomes free is not given to another device
 * before all programs that may know it have ended. */
enum number_state { NUMBER_FREE, NUMBER_USED, NUMBER_RETIRED };
static struct number {
    enum number_state state;
    int ifindex;                /* Of the device that has or had it. */
    uint64_t retired_at;        /* In which epoch, see number_epoch. */
} *numbers OVS_GUARDED_BY(xdp_mutex);
static uint32_t n_numbers OVS_GUARDED_BY(xdp_mutex);
static uint32_t n_retired OVS_GUARDED_BY(xdp_mutex);

/* Whoever waits for programs ends an epoch before.  What was retired in it can
 * be freed then. */
static uint64_t number_epoch OVS_GUARDED_BY(xdp_mutex);

/* Returns the port of 'netdev' or NULL. */
struct xdp_netdev *
xdp_netdev_lookup(const struct netdev *netdev)
{
    struct xdp_netdev *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_pointer(netdev, 0), &ports) {
        if (port->netdev == netdev) {
            return port;
        }
    }
    return NULL;
}

/* Returns the attached port on device 'ifindex', which was not found to have
 * gone, or NULL. */
struct xdp_netdev *
xdp_netdev_find_attached(int ifindex)
{
    struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, &ports) {
        if (port->object && !port->gone && port->ifindex == ifindex) {
            return port;
        }
    }
    return NULL;
}

/* Returns all ports, "struct xdp_netdev"s by 'node'. */
const struct hmap *
xdp_netdev_all(void)
{
    return &ports;
}

/* Adds 'port', of an AF_XDP netdev, to the list of all ports. */
void
xdp_netdev_insert(struct xdp_netdev *port)
{
    hmap_insert(&ports, &port->node, hash_pointer(port->netdev, 0));
}

/* Takes 'port' out of the list of all ports. */
void
xdp_netdev_remove(struct xdp_netdev *port)
{
    hmap_remove(&ports, &port->node);
}

/* The offload as a whole. */

/* Returns true if the offload is switched on. */
bool
xdp_netdev_offload_is_on(void)
{
    return offload_on;
}

/* Returns the limits of tables that are made from now on. */
const struct xdp_flow_table_limits *
xdp_netdev_get_limits(void)
{
    return &limits;
}

/* Sets whether the offload is switched on, and the limits of tables that are
 * made from now on. */
void
xdp_netdev_set_offload(bool on, const struct xdp_flow_table_limits *limits_)
{
    offload_on = on;
    limits = *limits_;
}

/* Returns the number of VLAN tags that flow_extract() parses. */
uint32_t
xdp_netdev_vlan_limit(void)
{
    return MIN(MAX(flow_vlan_limit, 0), XDP_VLAN_MAX);
}

/* Modes. */

/* Returns true if 'port' is attached in generic mode. */
bool
xdp_netdev_is_generic(const struct xdp_netdev *port)
{
    return port->object && port->xdp_flags & XDP_FLAGS_SKB_MODE;
}

/* Returns true if 'port' is attached at tc. */
bool
xdp_netdev_is_tc(const struct xdp_netdev *port)
{
    return port->object && port->xdp_flags & XDP_NETDEV_TC;
}

/* Returns the name of the mode of 'port', which is attached. */
const char *
xdp_netdev_mode_name(const struct xdp_netdev *port)
{
    return (xdp_netdev_is_tc(port) ? "tc"
            : xdp_netdev_is_generic(port) ? "generic" : "native");
}

/* Returns true if a port is attached with 'object' at tc, or if not 'tc', at
 * XDP. */
bool
xdp_netdev_shares(const struct xdp_object *object, bool tc)
{
    const struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, &ports) {
        if (port->object == object && xdp_netdev_is_tc(port) == tc) {
            return true;
        }
    }
    return false;
}

/* Returns true if some of the packets that come in on 'port' are received in
 * generic mode.  On a tunnel, they may be received by any port. */
bool
xdp_netdev_may_be_generic(const struct xdp_netdev *port)
{
    const struct xdp_netdev *other;

    if (!port->tunnel) {
        return xdp_netdev_is_generic(port);
    }
    HMAP_FOR_EACH (other, node, &ports) {
        if (xdp_netdev_is_generic(other)) {
            return true;
        }
    }
    return false;
}

/* Returns true if the kernel sends what is redirected from 'port', which is
 * attached, like any other packet: in generic mode and at tc. */
static bool
sends_like_others(const struct xdp_netdev *port)
{
    return xdp_netdev_is_generic(port) || xdp_netdev_is_tc(port);
}

/* Returns true if that is so for all of the packets that come in on 'port'. */
static bool
always_sends_like_others(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *other;

    if (!port->tunnel) {
        return sends_like_others(port);
    }
    HMAP_FOR_EACH (other, node, &ports) {
        if (other->object && !sends_like_others(other)) {
            return false;
        }
    }
    return true;
}

/* Returns the device to which programs at XDP redirect what is for 'port',
 * which is attached.  At tc, the other end of the port's device does not take
 * what is redirected there, unless somebody has prepared it.  But that of the
 * companion does, and from there it goes the way of what userspace sends. */
int
xdp_netdev_target_device(const struct xdp_netdev *port)
{
    return (port->companion ? port->companion->socket_ifindex
            : port->ifindex);
}

/* Returns true if some of the packets that come in on 'port' do so at tc, or
 * on any port if that is NULL.  On a tunnel, they may come in on any port. */
static bool
may_be_tc(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *other;

    if (port && !port->tunnel) {
        return xdp_netdev_is_tc(port);
    }
    HMAP_FOR_EACH (other, node, &ports) {
        if (xdp_netdev_is_tc(other)) {
            return true;
        }
    }
    return false;
}

/* Returns true if packets that come in on 'from' can be redirected to 'to':
 * also if they reach there what is behind the device as they are on the wire.
 * At tc they may be unfinished, and through a companion they get there as
 * well. */
bool
xdp_netdev_takes_from(const struct xdp_netdev *to,
                      const struct xdp_netdev *from)
{
    if (to->leaves_unfinished && (xdp_netdev_is_tc(to) || may_be_tc(from))) {
        return false;
    }
    return to->can_be_target || always_sends_like_others(from);
}

/* Returns, in memory that the caller frees, what to do about packets that
 * 'port' would leave unfinished, or NULL if there is nothing. */
char *
xdp_netdev_unfinished_help(const struct xdp_netdev *port)
{
    if (!port->leaves_unfinished || !may_be_tc(NULL)) {
        return NULL;
    }
    return xasprintf("the other end runs an XDP program, which would get "
                     "packets from ports at tc with unfinished checksums and "
                     "without VLAN tags, so flows %sto this one stay in "
                     "userspace%s: have the kernel finish packets (ethtool -K "
                     "%s tx off txvlan off tx-vlan-stag-hw-insert off)",
                     xdp_netdev_is_tc(port) ? "" : "from these ports ",
                     xdp_netdev_is_tc(port)
                     ? ", which keeps checksums right, but not tags" : "",
                     port->name);
}

/* Numbers. */

/* If there are retired numbers, ends the epoch, stores its number in '*epoch',
 * and returns true: after xdp_flow_table_wait() for any table,
 * xdp_netdev_free_numbers() can free those of this epoch. */
bool
xdp_netdev_begin_numbers(uint64_t *epoch)
{
    if (n_retired) {
        *epoch = number_epoch++;
    }
    return n_retired != 0;
}

/* Frees the numbers that were retired in 'epoch' or before. */
void
xdp_netdev_free_numbers(uint64_t epoch)
{
    for (uint32_t i = 0; i < n_numbers && n_retired; i++) {
        if (numbers[i].state == NUMBER_RETIRED
            && numbers[i].retired_at <= epoch) {
            numbers[i].state = NUMBER_FREE;
            n_retired--;
        }
    }
}

/* Takes a number for the device 'ifindex', where xdp-abi.h allows it to be, or
 * for a tunnel if that is 0: any one, but from the end, where devices with
 * small interface numbers do not look.  Returns 0, ENOSPC if there is none, or
 * EAGAIN if there will be one when those retired now are free. */
int
xdp_netdev_alloc_number(int ifindex, uint32_t *number)
{
    bool any_retired = false;
    uint32_t n_places;

    if (!numbers) {
        n_numbers = limits.n_ports;
        numbers = xcalloc(n_numbers, sizeof *numbers);
    }

    n_places = ifindex ? XDP_PORT_PROBES : n_numbers;
    for (uint32_t i = 0; i < n_places; i++) {
        uint32_t n = (ifindex ? (ifindex + i) & (n_numbers - 1)
                      : n_numbers - 1 - i);
        bool is_retired = numbers[n].state == NUMBER_RETIRED;

        if (numbers[n].state == NUMBER_FREE
            || (is_retired && ifindex && numbers[n].ifindex == ifindex)) {
            n_retired -= is_retired;
            numbers[n].state = NUMBER_USED;
            numbers[n].ifindex = ifindex;
            *number = n;
            return 0;
        }
        any_retired |= is_retired;
    }
    return any_retired ? EAGAIN : ENOSPC;
}

/* Gives back 'number'.  The worker frees it soon. */
void
xdp_netdev_retire_number(uint32_t number)
{
    numbers[number].state = NUMBER_RETIRED;
    numbers[number].retired_at = number_epoch;
    n_retired++;
}

/* Returns how many numbers there are, which does not change any more once
 * there is the first port, or 0 before. */
uint32_t
xdp_netdev_n_numbers(void)
{
    return n_numbers;
}

/* Tunnels. */

/* Makes 'tunnel' an ingress port of 'table', if it is none.  Returns 0 or a
 * positive errno value. */
static int
add_tunnel_to_table(const struct xdp_netdev *tunnel,
                    struct xdp_flow_table *table)
    OVS_REQUIRES(xdp_mutex)
{
    return (xdp_flow_table_has_port(table, tunnel->number)
            ? 0
            : xdp_flow_table_add_port(table, tunnel->number,
                                      XDP_PORT_TUNNEL + tunnel->number,
                                      xdp_netdev_vlan_limit()));
}

/* Makes all tunnels ingress ports of 'table'.  Returns 0 or a positive errno
 * value. */
int
xdp_netdev_add_tunnels(struct xdp_flow_table *table)
{
    const struct xdp_netdev *port;
    int error = 0;

    HMAP_FOR_EACH (port, node, &ports) {
        if (port->tunnel && !error) {
            error = add_tunnel_to_table(port, table);
        }
    }
    return error;
}

/* Makes the tunnel port of the datapath that it calls 'name' one whose packets
 * can be in XDP.  Returns NULL if there are too many ports.  Two of them may
 * share a netdev, so that is not what they are known by. */
struct xdp_netdev *
xdp_netdev_add_tunnel(const char *name, enum xdp_tunnel_type type)
{
    struct xdp_netdev *port;
    struct xdp_object *object;
    uint32_t number;

    if (xdp_netdev_alloc_number(0, &number)) {
        VLOG_WARN_RL(&rl, "%s: no free port number for the tunnel, so its "
                     "packets stay in userspace; raise other_config:"
                     "xdp-max-ports (now %"PRIu32") and restart ovs-vswitchd",
                     name, n_numbers);
        return NULL;
    }

    port = xzalloc(sizeof *port);
    port->name = xstrdup(name);
    port->tunnel = type;
    port->number = number;
    port->link_fd = -1;
    port->tc = XDP_TC_NONE;
    xdp_netdev_insert(port);

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table && add_tunnel_to_table(port, object->table)) {
            xdp_netdev_remove_tunnel(port);
            return NULL;
        }
    }
    return port;
}

/* Forgets the tunnel 'port', which no flow comes from or leads to any more. */
void
xdp_netdev_remove_tunnel(struct xdp_netdev *port)
{
    struct xdp_object *object;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table
            && xdp_flow_table_has_port(object->table, port->number)) {
            xdp_flow_table_remove_port(object->table, port->number);
        }
    }
    xdp_netdev_retire_number(port->number);
    xdp_netdev_remove(port);
    free(port->name);
    free(port);
}
