/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_XDP ports and their XDP objects.  See xdp-port.h.
 *
 * A port's program is attached with a BPF link, which lives no longer than
 * the process: a crash must not leave a flow cache behind that nobody ages.
 */

#include <config.h>

#include "xdp-port.h"

#include <errno.h>
#include <limits.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "flow.h"
#include "hash.h"
#include "if-notifier.h"
#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "xdp-custody.h"
#include "xdp-device.h"
#include "xdp-ovs-compat.h"
#include "xdp-view.h"
#include "xdp-program.h"

VLOG_DEFINE_THIS_MODULE(xdp_port);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How long after the last socket of a queue was closed by this process the
 * queue is waited for, in ms, and how long between two tries, in ns. */
#define CLOSE_TIME 150
#define CLOSE_INTERVAL (5 * 1000 * 1000)

/* How often the port of a queue that is busy is configured again, and after
 * which time first, in ms: each time is twice the one before. */
#define BUSY_TRIES 8
#define BUSY_INTERVAL 100

struct ovs_mutex xdp_mutex = OVS_MUTEX_INITIALIZER;

/* Held by whoever configures ports, so that 'xdp_mutex' can be released for
 * what takes long.  Meanwhile, ports other than tunnels, 'enabled' and
 * 'limits' do not change, and there are no new objects. */
static struct ovs_mutex config_mutex OVS_ACQ_BEFORE(xdp_mutex)
    = OVS_MUTEX_INITIALIZER;

/* Objects that nobody refers to any more and that are to be unloaded. */
static struct ovs_list unused_objects OVS_GUARDED_BY(xdp_mutex)
    = OVS_LIST_INITIALIZER(&unused_objects);

/* All ports ("struct xdp_netdev"), by netdev. */
static struct hmap ports OVS_GUARDED_BY(xdp_mutex) = HMAP_INITIALIZER(&ports);

/* Is the default object to be used where no other is configured? */
static bool enabled OVS_GUARDED_BY(xdp_mutex);

/* For objects that are loaded from now on. */
static struct xdp_flow_table_limits limits OVS_GUARDED_BY(xdp_mutex);

/* Port numbers.  A number that becomes free is not given to another device
 * before all programs that may know it have ended. */
enum number_state { NUMBER_FREE, NUMBER_USED, NUMBER_RETIRED };
static struct number {
    enum number_state state;
    int ifindex;                /* Of the device that has or had it. */
} *numbers OVS_GUARDED_BY(xdp_mutex);
static uint32_t n_numbers OVS_GUARDED_BY(xdp_mutex);

/* What happened to the AF_XDP sockets of a device.  Times are those of
 * time_msec(), or LLONG_MAX. */
struct device_sockets {
    bool open;                  /* Was one made since 'closed_at'? */
    long long int closed_at;    /* When this process closed the last ones. */
    long long int busy_at;      /* When a queue was last found to be busy... */
    int n_tries;                /* ...and how often in a row. */
    long long int retry_at;     /* When to have the port configured again. */
};

/* "struct device_sockets" by name of the device: the netdev of a port that
 * could not be configured is gone. */
static struct shash all_sockets OVS_GUARDED_BY(xdp_mutex)
    = SHASH_INITIALIZER(&all_sockets);

/* Locks both mutexes. */
static void
lock_config(void)
    OVS_ACQUIRES(config_mutex, xdp_mutex)
{
    ovs_mutex_lock(&config_mutex);
    ovs_mutex_lock(&xdp_mutex);
}

/* Unlocks both mutexes.  Between them, unloads objects that are not used any
 * more. */
static void
unlock_config(void)
    OVS_RELEASES(config_mutex, xdp_mutex)
{
    struct ovs_list unused = OVS_LIST_INITIALIZER(&unused);
    struct xdp_object *object;

    ovs_list_push_back_all(&unused, &unused_objects);
    ovs_mutex_unlock(&xdp_mutex);
    LIST_FOR_EACH_POP (object, list_node, &unused) {
        xdp_object_unload(object);
    }
    ovs_mutex_unlock(&config_mutex);
}

/* Drops a reference to 'object'. */
void
xdp_port_put_object(struct xdp_object *object)
{
    if (xdp_object_put(object)) {
        ovs_list_push_back(&unused_objects, &object->list_node);
    }
}

/* Unloads objects to which the last reference was dropped by
 * xdp_port_put_object(). */
void
xdp_port_unload_objects(void)
{
    bool any;

    ovs_mutex_lock(&xdp_mutex);
    any = !ovs_list_is_empty(&unused_objects);
    ovs_mutex_unlock(&xdp_mutex);
    if (any) {
        lock_config();
        unlock_config();
    }
}

/* Returns the port of 'netdev' or NULL. */
struct xdp_netdev *
xdp_port_lookup(const struct netdev *netdev)
{
    struct xdp_netdev *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_pointer(netdev, 0), &ports) {
        if (port->netdev == netdev) {
            return port;
        }
    }
    return NULL;
}

/* Returns the attached port on device 'ifindex' or NULL. */
static struct xdp_netdev *
find_attached(int ifindex)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, &ports) {
        if (port->object && port->ifindex == ifindex) {
            return port;
        }
    }
    return NULL;
}

/* Returns all ports, "struct xdp_netdev"s by 'node'. */
const struct hmap *
xdp_port_all(void)
{
    return &ports;
}

/* Returns true if 'port' is attached in generic mode. */
static bool
is_generic(const struct xdp_netdev *port)
{
    return port->object && port->xdp_flags & XDP_FLAGS_SKB_MODE;
}

/* Returns true if some of the packets that come in on 'port' are received in
 * generic mode.  On a tunnel, they may be received by any port. */
bool
xdp_port_may_be_generic(const struct xdp_netdev *port)
{
    const struct xdp_netdev *other;

    if (!port->tunnel) {
        return is_generic(port);
    }
    HMAP_FOR_EACH (other, node, &ports) {
        if (is_generic(other)) {
            return true;
        }
    }
    return false;
}

/* Returns true if all of the packets that come in on 'port' are received in
 * generic mode. */
static bool
is_always_generic(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *other;

    if (!port->tunnel) {
        return is_generic(port);
    }
    HMAP_FOR_EACH (other, node, &ports) {
        if (other->object && !is_generic(other)) {
            return false;
        }
    }
    return true;
}

/* Returns true if packets that come in on 'from' can be redirected to 'to'.
 * In generic mode the kernel sends them like any other packet. */
bool
xdp_port_takes_from(const struct xdp_netdev *to,
                    const struct xdp_netdev *from)
{
    return to->can_be_target || is_always_generic(from);
}

/* Replaces '*p' by a copy of 's', either of which may be NULL. */
static void
replace_string(char **p, const char *s)
{
    char *copy = nullable_xstrdup(s);

    free(*p);
    *p = copy;
}

/* Numbers. */

/* Makes the retired numbers free, when no program can know them any more. */
static void
numbers_reclaim(void)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table && xdp_flow_table_wait(object->table)) {
            return;
        }
    }
    for (uint32_t i = 0; i < n_numbers; i++) {
        if (numbers[i].state == NUMBER_RETIRED) {
            numbers[i].state = NUMBER_FREE;
        }
    }
}

/* Takes a number for the device 'ifindex', where xdp-abi.h allows it to be, or
 * for a tunnel if that is 0: any one, but from the end, where devices with
 * small interface numbers do not look.  Returns false if there is none. */
static bool
number_alloc(int ifindex, uint32_t *number)
    OVS_REQUIRES(xdp_mutex)
{
    uint32_t n_places;
    bool any_retired;

    if (!numbers) {
        n_numbers = limits.n_ports;
        numbers = xcalloc(n_numbers, sizeof *numbers);
    }

    n_places = ifindex ? XDP_PORT_PROBES : n_numbers;
    do {
        any_retired = false;
        for (uint32_t i = 0; i < n_places; i++) {
            uint32_t n = (ifindex ? (ifindex + i) & (n_numbers - 1)
                          : n_numbers - 1 - i);

            if (numbers[n].state == NUMBER_FREE
                || (numbers[n].state == NUMBER_RETIRED && ifindex
                    && numbers[n].ifindex == ifindex)) {
                numbers[n].state = NUMBER_USED;
                numbers[n].ifindex = ifindex;
                *number = n;
                return true;
            }
            any_retired |= numbers[n].state == NUMBER_RETIRED;
        }
        if (any_retired) {
            numbers_reclaim();
        }
    } while (any_retired);
    return false;
}

/* Gives back 'number'. */
static void
number_retire(uint32_t number)
    OVS_REQUIRES(xdp_mutex)
{
    numbers[number].state = NUMBER_RETIRED;
}

/* Obstacles. */

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

/* Returns why no flow of 'port', whose device is 'device', may be in XDP, with
 * what to do in '*help', or NULL. */
static const char *
find_obstacle(const struct xdp_netdev *port, const struct xdp_view *device,
              char **help)
    OVS_REQUIRES(xdp_mutex)
{
    uint32_t max_mtu = (XDP_PORT_MAX_MTU
                        - (port->zerocopy ? XDP_PORT_ZC_TAILROOM : 0));

    *help = NULL;
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
    if (is_generic(port) && port->object->has_table
        && device->tags != XDP_TAGS_IN_PACKET
        && !(port->vlan_visible && (device->tags == XDP_TAGS_UNKNOWN_PEER
                                    || device->tags == XDP_TAGS_UNKNOWN))) {
        *help = get_tags_help(port, device);
        return "generic mode may hide VLAN tags";
    }
    return NULL;
}

/* Looks at the device of 'port', which is attached, and has the flows of the
 * port leave XDP, or come back, if they have to. */
static void
refresh_obstacle(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_view device;
    const char *obstacle;
    char *help;
    int error;

    error = xdp_view_query(port->ifindex, &device);
    if (error == ENODEV) {
        return;
    } else if (error) {
        VLOG_WARN_RL(&rl, "%s: asking what the device is like failed (%s)",
                     netdev_get_name(port->netdev), ovs_strerror(error));
        device = (struct xdp_view) { .tags = XDP_TAGS_UNKNOWN };
    }
    port->peer = device.peer;
    obstacle = find_obstacle(port, &device, &help);
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
        xdp_custody_evict(port, true);
    } else {
        VLOG_INFO("%s: flows of this port may be in XDP from now on",
                  netdev_get_name(port->netdev));
    }
    xdp_custody_kick(XDP_RETRY_PORTS);
}

/* Appends to 's' all that is not as it should be with 'port', in one line. */
void
xdp_port_format_problems(const struct xdp_netdev *port, struct ds *s)
{
    const char *problems[] = {
        port->rejected, port->problem, port->device_problem,
        port->obstacle_help
    };

    for (size_t i = 0; i < ARRAY_SIZE(problems); i++) {
        if (problems[i]) {
            ds_put_format(s, "%s%s", s->length ? "; " : "", problems[i]);
        }
    }
}

/* Attaching and detaching. */

/* Takes the program of 'port' off the device, and its flows out of XDP.
 * Nobody has to wait for the driver, which may stop and start its queues for
 * that, nor for many flows. */
static void
take_off(struct xdp_netdev *port)
    OVS_REQUIRES(config_mutex, xdp_mutex)
{
    struct hmap_position position = { .bucket = 0 };
    int fd = port->link_fd;

    if (fd >= 0) {
        port->link_fd = -1;
        ovs_mutex_unlock(&xdp_mutex);
        close(fd);
        ovs_mutex_lock(&xdp_mutex);
    }
    if (port->object) {
        port->leaving = true;
        while (xdp_custody_evict_some(port, &position)) {
            xdp_custody_unlock();
            xdp_custody_lock();
        }
    }
}

/* Takes 'port' out of all tables and its program off the device. */
static void
detach(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;

    if (!port->object) {
        return;
    }

    /* First the packets stop coming, then their flows go. */
    if (port->link_fd >= 0) {
        close(port->link_fd);
    }
    xdp_custody_evict(port, true);

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            int error = xdp_flow_table_set_target(object->table, port->number,
                                                  0);

            if (error) {
                VLOG_WARN_RL(&rl, "%s: removing the port from the devices to "
                             "redirect to failed (%s)",
                             netdev_get_name(port->netdev),
                             ovs_strerror(error));
            }
        }
    }
    if (port->object->has_table) {
        xdp_flow_table_remove_port(port->object->table, port->number);
    }
    number_retire(port->number);

    VLOG_INFO("%s: detached XDP object %s", netdev_get_name(port->netdev),
              port->object->path);
    xdp_port_put_object(port->object);
    port->object = NULL;
    port->leaving = false;
    port->link_fd = -1;
    port->zerocopy = false;
    port->obstacle = NULL;
    replace_string(&port->obstacle_help, NULL);
}

/* Makes all attached ports targets of 'own', and the device 'ifindex' the
 * target 'number' of all objects.  Returns 0 or a positive errno value. */
static int
add_targets(const struct xdp_object *own, uint32_t number, int ifindex)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;
    struct xdp_netdev *other;
    int error = 0;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table && !error) {
            error = xdp_flow_table_set_target(object->table, number, ifindex);
        }
    }
    if (own->has_table) {
        HMAP_FOR_EACH (other, node, &ports) {
            /* A device that is just being deleted is no reason to fail. */
            if (other->object
                && !xdp_flow_table_has_target(own->table, other->number,
                                              other->ifindex)) {
                xdp_flow_table_set_target(own->table, other->number,
                                          other->ifindex);
            }
        }
    }
    return error;
}

/* Returns the number of VLAN tags that flow_extract() parses. */
static uint32_t
get_vlan_limit(void)
{
    return MIN(MAX(flow_vlan_limit, 0), XDP_VLAN_MAX);
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
                                      get_vlan_limit()));
}

/* Makes all tunnels ingress ports of 'table'.  Returns 0 or a positive errno
 * value. */
static int
add_tunnels(struct xdp_flow_table *table)
    OVS_REQUIRES(xdp_mutex)
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

/* Has the flows behind tunnels leave XDP and try again, because what they may
 * do depends on all ports. */
static void
evict_tunnels(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, &ports) {
        if (port->tunnel) {
            xdp_custody_evict(port, true);
            xdp_custody_kick(XDP_RETRY_PORTS);
        }
    }
}

/* Makes the tunnel port of the datapath that it calls 'name' one whose packets
 * can be in XDP.  Returns NULL if there are too many ports.  Two of them may
 * share a netdev, so that is not what they are known by. */
struct xdp_netdev *
xdp_port_add_tunnel(const char *name, enum xdp_tunnel_type type)
{
    struct xdp_netdev *port;
    struct xdp_object *object;
    uint32_t number;

    if (!number_alloc(0, &number)) {
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
    hmap_insert(&ports, &port->node, hash_pointer(NULL, 0));

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table && add_tunnel_to_table(port, object->table)) {
            xdp_port_remove_tunnel(port);
            return NULL;
        }
    }
    return port;
}

/* Forgets the tunnel 'port'. */
void
xdp_port_remove_tunnel(struct xdp_netdev *port)
{
    struct xdp_object *object;

    xdp_custody_evict(port, true);
    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table
            && xdp_flow_table_has_port(object->table, port->number)) {
            xdp_flow_table_remove_port(object->table, port->number);
        }
    }
    number_retire(port->number);
    hmap_remove(&ports, &port->node);
    free(port->name);
    free(port);
}

/* Attaches the object that 'option' names to 'port' on device 'ifindex' in
 * the mode 'xdp_flags'.  Returns 0, or a positive errno value with a message
 * in '*errp', and in '*in_mode' whether another mode may do better.  Releases
 * 'xdp_mutex' while it asks about the device, loads the object, and while the
 * driver takes the program. */
static int
attach(struct xdp_netdev *port, const char *option, int ifindex,
       uint32_t xdp_flags, bool *in_mode, char **errp)
    OVS_REQUIRES(config_mutex, xdp_mutex)
{
    struct xdp_flow_table_limits object_limits = limits;
    char *path = xdp_object_path(option);
    struct xdp_object *object, *own;
    bool on_members;
    uint32_t number;
    int error;
    int fd;

    *in_mode = false;
    ovs_mutex_unlock(&xdp_mutex);
    on_members = (!(xdp_flags & XDP_FLAGS_SKB_MODE)
                  && xdp_device_runs_on_members(ifindex));
    ovs_mutex_lock(&xdp_mutex);
    if (on_members) {
        free(path);
        *in_mode = true;
        *errp = xstrdup("in native mode the program of this device, as of any "
                        "bond, would run on its members, whose packets would "
                        "go to the host instead of the bridge; use options:"
                        "xdp-mode=generic or best-effort, or make the members "
                        "ports of a bond of Open vSwitch (ovs-vsctl "
                        "add-bond)");
        return EOPNOTSUPP;
    }

    error = xdp_object_get(path, &object_limits, &xdp_mutex, &own, errp);
    free(path);
    if (error) {
        return error;
    }

    if (!number_alloc(ifindex, &number)) {
        *errp = xasprintf("no free port number near ifindex %d: too many "
                          "AF_XDP ports; raise other_config:xdp-max-ports "
                          "(now %"PRIu32") and restart ovs-vswitchd", ifindex,
                          n_numbers);
        error = ENOSPC;
        goto error_object;
    }

    if (own->has_table) {
        error = add_tunnels(own->table);
        if (!error) {
            error = xdp_flow_table_add_port(own->table, number, ifindex,
                                            get_vlan_limit());
        }
        if (error) {
            *errp = xasprintf("adding the port to the flow table failed (%s)",
                              ovs_strerror(error));
            goto error_number;
        }
    }

    error = add_targets(own, number, ifindex);
    if (error) {
        *errp = xasprintf("adding the port to the devices to redirect to "
                          "failed (%s)", ovs_strerror(error));
        goto error_port;
    }

    /* Without 'object', no flow comes to the port or leads there yet. */
    ovs_mutex_unlock(&xdp_mutex);
    fd = xdp_object_attach(own, ifindex, xdp_flags, errp);
    ovs_mutex_lock(&xdp_mutex);
    if (fd < 0) {
        error = -fd;
        *in_mode = true;
        goto error_target;
    }
    port->object = own;
    port->number = number;
    port->ifindex = ifindex;
    port->xdp_flags = xdp_flags;
    port->link_fd = fd;
    port->gone = false;
    port->stale = false;
    if (own->has_table) {
        /* It may have changed meanwhile. */
        xdp_flow_table_set_vlan_limit(own->table, number, get_vlan_limit());
    }
    xdp_features_query(ifindex, &port->can_be_target);
    refresh_obstacle(port);
    evict_tunnels();
    return 0;

error_target:
    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            xdp_flow_table_set_target(object->table, number, 0);
        }
    }
error_port:
    if (own->has_table) {
        xdp_flow_table_remove_port(own->table, number);
    }
error_number:
    number_retire(number);
error_object:
    xdp_port_put_object(own);
    return error;
}

/* Looks for what is wrong about the device of 'port', and tells the user when
 * that changes. */
static void
check_device(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    const char *name = netdev_get_name(port->netdev);
    char *problem = xdp_device_problem(name, port->ifindex,
                                       port->netdev->n_rxq);

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

/* Called before the AF_XDP sockets of 'netdev', device 'ifindex', are made in
 * the mode 'xdp_flags'.  Attaches the object that the port is to use, if it is
 * not attached already.  Returns 0, also if the port is to use no object of
 * ours, or a positive errno value if no socket shall be made.  Failures are
 * logged as errors if 'report_failures', otherwise for debugging. */
int
xdp_port_attach(struct netdev *netdev, int ifindex, uint32_t xdp_flags,
                bool report_failures)
{
    bool in_mode = false;
    struct xdp_netdev *port;
    char *message = NULL;
    int error = 0;

    lock_config();
    port = xdp_port_lookup(netdev);
    if (!port || (!port->option && !enabled)) {
        if (port) {
            take_off(port);
            detach(port);
            port->stale = false;
            port->has_good = true;
            replace_string(&port->good_option, NULL);
            replace_string(&port->problem, NULL);
            replace_string(&port->device_problem, NULL);
        }
        goto out;
    }

    if (!port->stale && (port->object
                         ? (port->ifindex == ifindex
                            && port->xdp_flags == xdp_flags)
                         : port->problem != NULL)) {
        /* Done, or known to be in vain, since an earlier queue. */
        goto out;
    }
    take_off(port);
    detach(port);
    port->ifindex = ifindex;
    check_device(port);

    error = attach(port, port->option, ifindex, xdp_flags, &in_mode,
                   &message);
    if (error && port->option && port->has_good
        && !(in_mode && !report_failures)
        && !nullable_string_is_equal(port->option, port->good_option)) {
        bool plain = !port->good_option && !enabled;

        /* A bad new value must not cost a working port. */
        VLOG(nullable_string_is_equal(port->problem, message)
             ? VLL_DBG : VLL_ERR,
             "%s: keeping XDP object %s, because the configured one "
             "cannot be used: %s", netdev_get_name(netdev),
             (port->good_option ? port->good_option
              : plain ? "of AF_XDP itself" : "of the installation"),
             message);
        replace_string(&port->problem, message);
        free(message);
        message = NULL;
        if (plain) {
            port->stale = false;
            error = 0;
            goto out;
        }
        error = attach(port, port->good_option, ifindex, xdp_flags, &in_mode,
                       &message);
    } else if (!error) {
        port->has_good = true;
        replace_string(&port->good_option, port->option);
        replace_string(&port->problem, NULL);
    }

    if (error && in_mode && !report_failures) {
        /* Another mode comes next. */
        VLOG_DBG("%s: %s", netdev_get_name(netdev), message);
    } else if (error) {
        bool fall_back = !port->option
                         && (!in_mode || (error != EBUSY
                                          && error != EOPNOTSUPP));

        VLOG(report_failures || fall_back ? VLL_ERR : VLL_DBG, "%s: %s%s",
             netdev_get_name(netdev), message,
             !fall_back ? ""
             : in_mode ? "; trying without a flow table"
             : "; flows of this port stay in userspace");
        replace_string(&port->problem, message);
        if (fall_back) {
            /* Nobody asked for this object by name: plain AF_XDP will do. */
            port->stale = false;
            error = 0;
        }
    } else {
        VLOG_INFO("%s: attached XDP object %s%s", netdev_get_name(netdev),
                  port->object->path,
                  port->object->has_table ? " with a flow table" : "");
        xdp_custody_kick(XDP_RETRY_PORTS);
    }
    free(message);
out:
    unlock_config();
    return error;
}

/* Returns the flags with which the AF_XDP sockets of device 'ifindex' must be
 * created: without the library's own program where we attached ours. */
uint32_t
xdp_port_socket_flags(int ifindex)
{
    uint32_t flags;

    ovs_mutex_lock(&xdp_mutex);
    flags = (find_attached(ifindex)
             ? XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD : 0);
    ovs_mutex_unlock(&xdp_mutex);
    return flags;
}

/* Returns what is known of the sockets of 'device'. */
static struct device_sockets *
get_sockets(const char *device)
    OVS_REQUIRES(xdp_mutex)
{
    struct device_sockets *sockets = shash_find_data(&all_sockets, device);

    if (!sockets) {
        sockets = xzalloc(sizeof *sockets);
        sockets->closed_at = LLONG_MIN;
        sockets->busy_at = LLONG_MIN;
        sockets->retry_at = LLONG_MAX;
        shash_add(&all_sockets, device, sockets);
    }
    return sockets;
}

/* Notes that 'queue' of 'device' was found to be busy, and arranges that its
 * port is configured again. */
static void
note_busy(const char *device, uint32_t queue)
    OVS_REQUIRES(xdp_mutex)
{
    struct device_sockets *sockets = get_sockets(device);
    long long int now = time_msec();
    long long int interval;

    if (sockets->retry_at != LLONG_MAX) {
        return;
    }
    interval = BUSY_INTERVAL << BUSY_TRIES;
    if (sockets->busy_at < now - interval) {
        sockets->n_tries = 0;
    }
    sockets->busy_at = now;
    if (sockets->n_tries >= BUSY_TRIES) {
        return;
    }
    interval = BUSY_INTERVAL << sockets->n_tries++;
    sockets->retry_at = now + interval;
    VLOG_INFO("%s: no AF_XDP socket for queue %"PRIu32" yet (%s); trying "
              "again in %lld ms", device, queue, ovs_strerror(EBUSY),
              interval);
}

/* Notes that a socket of 'device' was made.  Other queues may be busy all the
 * same, so that does not begin their tries anew. */
static void
note_open(const char *device)
    OVS_REQUIRES(xdp_mutex)
{
    struct device_sockets *sockets = get_sockets(device);

    sockets->open = true;
    sockets->retry_at = LLONG_MAX;
}

/* Notes that there are no sockets of 'device' any more. */
static void
note_closed(const char *device)
    OVS_REQUIRES(xdp_mutex)
{
    struct device_sockets *sockets = shash_find_data(&all_sockets, device);

    if (sockets && sockets->open) {
        sockets->open = false;
        sockets->closed_at = time_msec();
    }
}

/* Returns true if a queue of 'device' was found to be busy, and its port will
 * be configured again for that: no other mode would do better meanwhile. */
bool
xdp_port_is_busy(const char *device)
{
    const struct device_sockets *sockets;
    bool busy;

    ovs_mutex_lock(&xdp_mutex);
    sockets = shash_find_data(&all_sockets, device);
    busy = sockets && sockets->retry_at != LLONG_MAX;
    ovs_mutex_unlock(&xdp_mutex);
    return busy;
}

/* Has ports whose queues were busy configured again when it is time. */
static void
retry_busy(void)
    OVS_EXCLUDED(xdp_mutex)
{
    long long int next = LLONG_MAX;
    struct shash_node *node;
    bool retry = false;

    ovs_mutex_lock(&xdp_mutex);
    SHASH_FOR_EACH_SAFE (node, &all_sockets) {
        struct device_sockets *sockets = node->data;

        if (sockets->retry_at <= time_msec()) {
            sockets->retry_at = LLONG_MAX;
            retry = true;
        }
        next = MIN(next, sockets->retry_at);
        if (!sockets->open && sockets->retry_at == LLONG_MAX
            && MAX(sockets->closed_at, sockets->busy_at)
               < time_msec() - (BUSY_INTERVAL << BUSY_TRIES)) {
            free(sockets);
            shash_delete(&all_sockets, node);
        }
    }
    ovs_mutex_unlock(&xdp_mutex);

    if (retry) {
        /* The netdev of such a port is gone: only the bridge knows it. */
        if_notifier_manual_report();
    }
    poll_timer_wait_until(next);
}

/* As xsk_socket__create() of libxdp, but waits a moment for a queue whose last
 * socket this process has just closed: the kernel gives it back some time
 * later.  For any other queue that is busy, it arranges that the port is
 * configured again.  Returns 0 or a negative errno value, and sets errno to
 * the positive one. */
int
xdp_port_create_socket(struct xsk_socket **xsk, const char *device,
                       uint32_t queue, struct xsk_umem *umem,
                       struct xsk_ring_cons *rx, struct xsk_ring_prod *tx,
                       const struct xsk_socket_config *config)
{
    long long int closed_at;
    int error;

    ovs_mutex_lock(&xdp_mutex);
    closed_at = get_sockets(device)->closed_at;
    ovs_mutex_unlock(&xdp_mutex);

    for (;;) {
        error = xsk_socket__create(xsk, device, queue, umem, rx, tx, config);
        if (error != -EBUSY || time_msec() - CLOSE_TIME > closed_at) {
            break;
        }
        VLOG_DBG("%s: waiting for queue %"PRIu32", whose socket was just "
                 "closed", device, queue);
        xnanosleep_no_quiesce(CLOSE_INTERVAL);
    }

    ovs_mutex_lock(&xdp_mutex);
    if (!error) {
        note_open(device);
    } else if (error == -EBUSY) {
        note_busy(device, queue);
    }
    ovs_mutex_unlock(&xdp_mutex);
    errno = -error;
    return error;
}

/* Returns true if the socket 'xsk_fd' works with zero copy. */
static bool
is_zerocopy(int xsk_fd)
{
    struct xdp_options options = { .flags = 0 };
    socklen_t size = sizeof options;

    return (!getsockopt(xsk_fd, SOL_XDP, XDP_OPTIONS, &options, &size)
            && options.flags & XDP_OPTIONS_ZEROCOPY);
}

/* Makes the program on device 'ifindex' hand the packets of 'queue' to the
 * socket 'xsk_fd', if it is ours.  Returns 0 or a positive errno value. */
int
xdp_port_add_socket(int ifindex, uint32_t queue, int xsk_fd)
{
    struct xdp_netdev *port;
    int error = 0;

    ovs_mutex_lock(&xdp_mutex);
    port = find_attached(ifindex);
    if (port) {
        uint32_t index = queue;

        if (port->object->has_table) {
            index += port->number * XDP_PORT_MAX_QUEUES;
        }
        error = (queue < XDP_PORT_MAX_QUEUES
                 ? xdp_object_set_socket(port->object, index, xsk_fd)
                 : E2BIG);
        if (error) {
            VLOG_ERR("%s: adding the socket of queue %"PRIu32" to the "
                     "xsks_map of %s failed (%s)",
                     netdev_get_name(port->netdev), queue, port->object->path,
                     ovs_strerror(error));
        } else if (is_zerocopy(xsk_fd)) {
            port->zerocopy = true;
            refresh_obstacle(port);
        }
    }
    ovs_mutex_unlock(&xdp_mutex);
    return error;
}

/* Detaches the object of 'netdev', whose sockets are closed.  Returns false if
 * the port has none of ours, and whatever is on the device is the caller's
 * business. */
bool
xdp_port_detach(struct netdev *netdev)
{
    struct xdp_netdev *port;
    bool detached = false;

    lock_config();
    port = xdp_port_lookup(netdev);
    if (port) {
        detached = port->object || port->gone;
        port->gone = false;
        port->stale = true;
        take_off(port);
        detach(port);
    }
    note_closed(netdev_get_name(netdev));
    unlock_config();
    return detached;
}

/* Returns true if our program is on the device of 'netdev'. */
bool
xdp_port_is_attached(const struct netdev *netdev)
{
    const struct xdp_netdev *port;
    bool attached;

    ovs_mutex_lock(&xdp_mutex);
    port = xdp_port_lookup(netdev);
    attached = port && port->object;
    ovs_mutex_unlock(&xdp_mutex);
    return attached;
}

/* Forgets 'netdev', which is being destroyed. */
void
xdp_port_destroy(struct netdev *netdev)
{
    struct xdp_netdev *port;

    lock_config();
    port = xdp_port_lookup(netdev);
    if (port) {
        take_off(port);
        detach(port);
        hmap_remove(&ports, &port->node);
        free(port->option);
        free(port->good_option);
        free(port->rejected);
        free(port->problem);
        free(port->device_problem);
        free(port->name);
        free(port);
    }
    unlock_config();
}

/* Configuration. */

/* Takes options:xdp-obj and xdp-vlan-visible of 'netdev' from 'args'.  Returns
 * 0, or a positive errno value with a message in '*errp' (if 'errp' is
 * nonnull), which the caller frees.  A bad object is an error for a new port
 * only: a port that runs keeps what it has. */
int
xdp_port_set_config(struct netdev *netdev, const struct smap *args,
                    char **errp)
{
    bool vlan_visible = smap_get_bool(args, "xdp-vlan-visible", false);
    const char *option = smap_get(args, "xdp-obj");
    struct xdp_netdev *port;
    char *message = NULL;
    int error = 0;

    if (option && !option[0]) {
        option = NULL;
    }

    lock_config();
    port = xdp_port_lookup(netdev);
    if (port && nullable_string_is_equal(port->option, option)) {
        replace_string(&port->rejected, NULL);
        goto out;
    }

    if (option) {
        char *path = xdp_object_path(option);

        ovs_mutex_unlock(&xdp_mutex);
        error = xdp_object_check(path, NULL, NULL, &message);
        ovs_mutex_lock(&xdp_mutex);
        free(path);
    }
    if (error && port) {
        /* OVS configures ports again and again. */
        VLOG(nullable_string_is_equal(port->rejected, message)
             ? VLL_DBG : VLL_ERR, "%s: options:xdp-obj not changed: %s",
             netdev_get_name(netdev), message);
        replace_string(&port->rejected, message);
        error = 0;
    } else if (!error) {
        if (!port) {
            port = xzalloc(sizeof *port);
            port->name = xstrdup(netdev_get_name(netdev));
            port->netdev = netdev;
            port->link_fd = -1;
            hmap_insert(&ports, &port->node, hash_pointer(netdev, 0));
        }
        replace_string(&port->option, option);
        replace_string(&port->rejected, NULL);
        port->stale = true;
        netdev_request_reconfigure(netdev);
    } else {
        VLOG_ERR("%s: %s", netdev_get_name(netdev), message);
        if (errp) {
            *errp = message;
            message = NULL;
        }
    }
    free(message);
out:
    if (port && port->vlan_visible != vlan_visible) {
        port->vlan_visible = vlan_visible;
        if (port->object) {
            refresh_obstacle(port);
        }
    }
    unlock_config();
    return error;
}

/* Returns true if 'netdev' must be reconfigured on our account. */
bool
xdp_port_needs_reconfigure(const struct netdev *netdev)
{
    const struct xdp_netdev *port;
    bool stale;

    ovs_mutex_lock(&xdp_mutex);
    port = xdp_port_lookup(netdev);
    stale = port && port->stale;
    ovs_mutex_unlock(&xdp_mutex);
    return stale;
}

/* Adds our part of the configuration of 'netdev' to 'args'. */
void
xdp_port_get_config(const struct netdev *netdev, struct smap *args)
{
    const struct xdp_netdev *port;

    ovs_mutex_lock(&xdp_mutex);
    port = xdp_port_lookup(netdev);
    if (port && port->object) {
        smap_add(args, "xdp-obj", port->object->path);
    } else if (port && port->option) {
        smap_add(args, "xdp-obj", port->option);
    }
    if (port && port->vlan_visible) {
        smap_add(args, "xdp-vlan-visible", "true");
    }
    ovs_mutex_unlock(&xdp_mutex);
}

/* Adds our part of the status of 'netdev', if it is an AF_XDP port, to
 * 'status'. */
void
xdp_port_get_status(const struct netdev *netdev, struct smap *status)
{
    const struct xdp_netdev *port;

    ovs_mutex_lock(&xdp_mutex);
    port = xdp_port_lookup(netdev);
    if (port) {
        bool has_table = (enabled && port->object
                          && port->object->has_table && !port->obstacle);
        struct ds problems = DS_EMPTY_INITIALIZER;

        if (port->object) {
            smap_add(status, "xdp-obj", port->object->path);
            if (!xdp_ovs_reports_mode()) {
                smap_add(status, "xdp-mode",
                         port->xdp_flags & XDP_FLAGS_SKB_MODE ? "generic"
                                                              : "native");
            }
        }
        smap_add(status, "xdp-flow-table", has_table ? "in use" : "not used");
        xdp_port_format_problems(port, &problems);
        if (problems.length) {
            smap_add(status, "xdp-problem", ds_cstr(&problems));
        }
        ds_destroy(&problems);
    }
    ovs_mutex_unlock(&xdp_mutex);
}

/* Returns true if 'port' has the object that is configured for it, which does
 * not depend on whether the offload is on. */
static bool
has_own_object(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    return (port->object && port->option
            && nullable_string_is_equal(port->option, port->good_option));
}

/* Sets whether ports use the default object where no other is configured, and
 * the limits of its table, and has the ports reconfigured if that changed.  On
 * a port that keeps its object, flows leave XDP or come back.
 * The main thread calls this in each of its rounds, so that a change of the
 * VLAN limit is noticed here even if no flow is put, and ports whose queues
 * were busy get another try. */
void
xdp_port_configure(bool enabled_, const struct xdp_flow_table_limits *limits_)
{
    bool switched_off = false;
    struct xdp_netdev *port;

    lock_config();
    if (numbers && limits_->n_ports != n_numbers) {
        static struct vlog_rate_limit once = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_WARN_RL(&once, "other_config:xdp-max-ports=%"PRIu32" takes "
                     "effect when ovs-vswitchd is restarted",
                     limits_->n_ports);
    }

    struct xdp_flow_table_limits new_limits = *limits_;
    if (numbers) {
        new_limits.n_ports = n_numbers;
    }
    bool new_tables = memcmp(&limits, &new_limits, sizeof limits) != 0;
    if (enabled != enabled_ || new_tables) {
        switched_off = enabled && !enabled_;
        if (!enabled && enabled_) {
            xdp_custody_kick(XDP_RETRY_PORTS);
        }
        enabled = enabled_;
        limits = new_limits;
        HMAP_FOR_EACH (port, node, &ports) {
            if (!port->tunnel && (new_tables || !has_own_object(port))) {
                port->stale = true;
                netdev_request_reconfigure(port->netdev);
            }
        }
    }
    xdp_port_check_vlan_limit();
    unlock_config();
    if (switched_off) {
        xdp_custody_evict_all();
    }
    retry_busy();
}

/* Returns true if the offload is switched on. */
bool
xdp_port_is_enabled(void)
{
    return enabled;
}

/* Has the packets of all ports parsed as flow_extract() does, if its limit of
 * VLAN tags (other_config:vlan-limit) has changed.  All flows leave XDP first:
 * their keys were made under the old limit. */
void
xdp_port_check_vlan_limit(void)
{
    static uint32_t vlan_limit = UINT32_MAX;
    struct xdp_netdev *port;

    if (vlan_limit == get_vlan_limit()) {
        return;
    }
    vlan_limit = get_vlan_limit();

    HMAP_FOR_EACH (port, node, &ports) {
        struct xdp_object *object;

        if (!port->tunnel && !port->object) {
            continue;
        }
        xdp_custody_evict(port, true);
        LIST_FOR_EACH (object, list_node, xdp_object_list()) {
            if (object->has_table
                && (port->tunnel || port->object == object)) {
                xdp_flow_table_set_vlan_limit(object->table, port->number,
                                              vlan_limit);
            }
        }
    }
    xdp_custody_kick(XDP_RETRY_PORTS);
}

/* Events. */

/* Asks again whether packets can be redirected to 'port', and acts if that
 * changed. */
static void
refresh_target(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    bool could = port->can_be_target;

    xdp_features_query(port->ifindex, &port->can_be_target);
    if (could && !port->can_be_target) {
        VLOG_INFO("%s: takes no redirected packets any more",
                  netdev_get_name(port->netdev));
        xdp_custody_evict(port, false);
    } else if (!could && port->can_be_target) {
        VLOG_INFO("%s: takes redirected packets from now on",
                  netdev_get_name(port->netdev));
        port->target_warned = false;
        xdp_custody_kick(XDP_RETRY_TARGETS);
    }
}

/* Looks again at the devices of the ports that 'event' of the device 'ifindex'
 * may be of importance to: also that of a veth's peer is. */
static void
refresh_obstacles(enum xdp_features_event event, int ifindex)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, &ports) {
        if (port->object && (event == XDP_FEATURES_LOST
                             || port->ifindex == ifindex
                             || port->peer == ifindex
                             /* A peer that comes in from elsewhere. */
                             || (is_generic(port) && !port->peer))) {
            refresh_obstacle(port);
        }
    }
}

/* Takes the program off 'port', whose device has left. */
static void
lose_device(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    VLOG_INFO("%s: device is gone (deleted, moved to another network "
              "namespace, or another one has its name)",
              netdev_get_name(port->netdev));
    detach(port);
    port->gone = true;
    replace_string(&port->device_problem, NULL);
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
            && xdp_device_of_link(port->link_fd) == port->ifindex
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

    if (port->object || !(port->gone || port->option || enabled)) {
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
    OVS_REQUIRES(xdp_mutex)
{
    char name[IF_NAMESIZE];
    struct xdp_netdev *port;

    if (hmap_is_empty(&ports) || !if_indextoname(ifindex, name)) {
        return;
    }
    HMAP_FOR_EACH (port, node, &ports) {
        if (port->tunnel || strcmp(name, netdev_get_name(port->netdev))) {
            continue;
        }
        if (port->object && port->ifindex == ifindex) {
            check_device(port);
        } else if (port->object) {
            lose_device(port);
        } else if (port->device_problem && port->ifindex == ifindex) {
            check_device(port);
        }
        revive(port);
    }
}

/* Looks at the devices of all ports, because there may have been events that
 * nobody got. */
static void
handle_lost_events(void)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, &ports) {
        if (port->tunnel) {
            continue;
        }
        if (port->object && !has_device(port)) {
            lose_device(port);
        } else if (port->object) {
            refresh_target(port);
            check_device(port);
        } else if (port->device_problem) {
            check_device(port);
        }
        revive(port);
    }
}

/* Handles 'event' of the device 'ifindex'. */
void
xdp_port_handle_event(enum xdp_features_event event, int ifindex)
{
    struct xdp_netdev *port;

    lock_config();
    switch (event) {
    case XDP_FEATURES_CHANGED:
        port = find_attached(ifindex);
        if (port) {
            refresh_target(port);
        }
        break;

    case XDP_FEATURES_GONE:
        port = find_attached(ifindex);
        if (port) {
            lose_device(port);
            revive(port);
        }
        break;

    case XDP_FEATURES_LINK:
        handle_link(ifindex);
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
    unlock_config();
}
