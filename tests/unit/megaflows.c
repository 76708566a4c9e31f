/* SPDX-License-Identifier: Apache-2.0 */
/* See megaflows.h. */

#include <config.h>

#undef NDEBUG
#include "megaflows.h"

#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>

#include "dpif.h"
#include "hash.h"
#include "netdev-provider.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "sset.h"
#include "translate.h"
#include "unit.h"
#include "util.h"
#include "xdp-custody-private.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

struct megaflows megaflows;
const struct xdp_object *megaflows_object;

/* Ports. */

struct netdev megaflow_netdevs[N_PORTS + 1];
static struct netdev *idle_netdevs;

/* Returns the port of number 'i'. */
struct xdp_netdev *
megaflows_port(size_t i)
{
    return xdp_netdev_lookup(&megaflow_netdevs[i]);
}

/* Returns port 'i' of those that are idle. */
struct xdp_netdev *
megaflows_idle_port(size_t i)
{
    return xdp_netdev_lookup(&idle_netdevs[i]);
}

/* Returns the number of the device of port 'i', which there is not. */
int
megaflows_ifindex(size_t i)
{
    return 1000001 + i;
}

/* Makes port 'i', with 'netdev', one of the datapath. */
static struct custody_port *
insert_custody_port(size_t i, struct netdev *netdev)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_port *port = xzalloc(sizeof *port);

    port->odp_port = PORT_NO(i);
    port->name = xstrdup(netdev->name);
    port->netdev = netdev;
    port->enabled = true;
    ovs_list_init(&port->flows);
    xdp_totals_init(&port->totals);
    hmap_insert(&custody_ports, &port->node,
                hash_int(odp_to_u32(port->odp_port), 0));
    return port;
}

/* Makes port 'i' one of the datapath. */
static struct custody_port *
add_custody_port(size_t i)
    OVS_REQUIRES(xdp_mutex)
{
    megaflow_netdevs[i].name = xasprintf("hold%"PRIuSIZE, i);
    megaflow_netdevs[i].netdev_class = &netdev_afxdp_class;
    return insert_custody_port(i, &megaflow_netdevs[i]);
}

/* Forgets port 'i', whose megaflows are gone. */
static void
remove_custody_port(size_t i)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_port *port = custody_port_find(PORT_NO(i));

    if (port) {
        if (port->tunnel) {
            xdp_netdev_remove_tunnel(port->tunnel);
        }
        port->netdev = NULL;
        custody_port_gc(port);
    }
    if (i <= TUNNEL) {
        free(megaflow_netdevs[i].name);
    }
}

/* Makes a port of 'netdev', on the device 'ifindex', to which 'new_object' is
 * attached. */
static void
add_netdev(struct netdev *netdev, int ifindex, struct xdp_object *new_object)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *xdp = xzalloc(sizeof *xdp);

    xdp->name = xstrdup(netdev->name);
    xdp->netdev = netdev;
    xdp->ifindex = ifindex;
    xdp->link_fd = -1;
    xdp->tc = XDP_TC_NONE;
    xdp->xdp_flags = XDP_FLAGS_DRV_MODE;
    xdp->can_be_target = true;
    ovs_assert(!xdp_netdev_alloc_number(xdp->ifindex, &xdp->number));
    ovs_assert(!xdp_flow_table_add_port(new_object->table, xdp->number,
                                        xdp->ifindex,
                                        xdp_netdev_vlan_limit()));
    xdp_object_ref(new_object);
    xdp->object = new_object;
    xdp_netdev_insert(xdp);
}

/* Makes port 'i', to which 'new_object' is attached. */
static void
add_port(size_t i, struct xdp_object *new_object)
    OVS_REQUIRES(xdp_mutex)
{
    add_custody_port(i);
    add_netdev(&megaflow_netdevs[i], megaflows_ifindex(i), new_object);
}

/* Makes the ports that are idle, to which 'new_object' is attached. */
static void
add_idle_ports(struct xdp_object *new_object)
    OVS_REQUIRES(xdp_mutex)
{
    idle_netdevs = xcalloc(megaflows.n_idle, sizeof *idle_netdevs);
    for (size_t i = 0; i < megaflows.n_idle; i++) {
        idle_netdevs[i].name = xasprintf("idle%"PRIuSIZE, i);
        idle_netdevs[i].netdev_class = &netdev_afxdp_class;
        add_netdev(&idle_netdevs[i], megaflows_ifindex(N_PORTS + i),
                   new_object);
    }
}

/* Makes the tunnel. */
static void
add_tunnel(void)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_port *port = add_custody_port(TUNNEL);

    port->tunnel = xdp_netdev_add_tunnel(port->name, XDP_TUNNEL_VXLAN);
    ovs_assert(port->tunnel);
}

/* Removes 'xdp', whose megaflows are gone. */
static void
remove_netdev(struct xdp_netdev *xdp)
    OVS_REQUIRES(xdp_mutex)
{
    xdp_port_take_out(xdp);
    xdp_netdev_remove(xdp);
    free(xdp->name);
    free(xdp->device_problem);
    free(xdp->obstacle_help);
    free(xdp);
}

/* Removes port 'i', whose megaflows are gone. */
static void
remove_port(size_t i)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *xdp = megaflows_port(i);

    remove_custody_port(i);
    remove_netdev(xdp);
}

/* Removes the ports that are idle. */
static void
remove_idle_ports(void)
    OVS_REQUIRES(xdp_mutex)
{
    for (size_t i = 0; i < megaflows.n_idle; i++) {
        remove_netdev(megaflows_idle_port(i));
        free(idle_netdevs[i].name);
    }
    free(idle_netdevs);
}

/* Megaflows. */

/* Returns the ufid of megaflow 'i'. */
ovs_u128
megaflow_ufid(unsigned int i)
{
    return (ovs_u128) { .u64 = { .lo = i, .hi = 4 } };
}

/* Returns the port from which megaflow 'i' comes, every other from 0 and the
 * rest from 2.  They lead to the next one, 1 or 0.  If 'tunneled', the former
 * pop the header of a tunnel, and the latter come from that.  With 'n_alike',
 * they come from these ports and lead to 1.  If 'fanned', all come from 2. */
size_t
megaflow_in_port(unsigned int i)
{
    return (megaflows.n_alike ? TUNNEL + 1 + i % megaflows.n_alike
            : megaflows.fanned ? 2
            : i % 2 ? (megaflows.tunneled ? TUNNEL : 2)
            : 0);
}

/* Puts megaflow 'i'. */
bool
megaflow_put(unsigned int i)
{
    ovs_u128 ufid = megaflow_ufid(i);
    size_t in_port = megaflow_in_port(i);
    size_t from = in_port > TUNNEL ? 0 : in_port;
    struct ofpbuf actions;
    uint64_t stub[8];
    struct match match;
    bool taken;

    match_init_catchall(&match);
    match.flow.in_port.odp_port = PORT_NO(in_port);
    match.wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_nw_dst(&match, htonl(i));
    match_set_nw_src_masked(&match, 0, htonl(i % MAX(megaflows.n_masks, 1)));
    ofpbuf_use_stub(&actions, stub, sizeof stub);
    if (megaflows.pushing) {
        put_vxlan_push(&actions);
    }
    if (megaflows.tunneled && !from) {
        nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_TUNNEL_POP,
                            PORT_NO(TUNNEL));
    } else {
        nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_OUTPUT,
                            PORT_NO(megaflows.fanned ? i % 2
                                    : (from + 1) % N_PORTS));
    }
    if (megaflows.differing) {
        put_push_vlan(&actions, ETH_TYPE_VLAN, VLAN_CFI | 1);
        nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_OUTPUT,
                            PORT_NO((from + 2) % N_PORTS));
    }
    taken = xdp_custody_put(PORT_NO(in_port), 1, &ufid, &match, actions.data,
                            actions.size, PORT_NO(0));
    ofpbuf_uninit(&actions);
    return taken;
}

/* Deletes megaflow 'i'. */
bool
megaflow_delete(unsigned int i)
{
    ovs_u128 ufid = megaflow_ufid(i);

    return xdp_custody_delete(PORT_NO(megaflow_in_port(i)), 1, &ufid);
}

/* Switches the offload on or off, and does nothing about it. */
static void
megaflows_set_offload(bool on)
{
    struct xdp_flow_table_limits limits;

    xdp_lock();
    limits = *xdp_netdev_get_limits();
    xdp_netdev_set_offload(on, &limits);
    xdp_unlock();
}

/* Removes megaflows and ports. */
void
megaflows_end(void)
{
    const struct xdp_flow_table_limits none = { .n_flows = 0 };

    for (unsigned int i = 0; i < megaflows.n; i++) {
        if (!megaflow_delete(i)) {
            fail("megaflow %u not in custody", i);
        }
    }
    xdp_port_lock_config();
    for (size_t i = 0; i < megaflows.n_alike; i++) {
        remove_custody_port(TUNNEL + 1 + i);
    }
    for (size_t i = 0; i < N_PORTS; i++) {
        remove_port(i);
    }
    remove_custody_port(TUNNEL);
    remove_idle_ports();
    xdp_port_unlock_config();
    xdp_port_configure(false, &none);
    megaflows = (struct megaflows) { .n = 0 };
}

/* Returns the limits of the table. */
static struct xdp_flow_table_limits
get_limits(void)
{
    uint32_t n = megaflows.n_places;

    return (struct xdp_flow_table_limits) {
        .n_flows = n ? n : megaflows.n + 1,
        .n_slots = n ? n + n / 32 + 64 : 2 * megaflows.n,
        .n_masks = XDP_PORT_MAX_MASKS,
        .n_ports = 1024,
        .n_hints = 1024,
    };
}

/* Puts megaflow 'i'.  On a busy machine, the table may be a busy one for too
 * long; the place is its own nevertheless, and not that of a later one.
 * Returns 0 or a positive errno value. */
static int
put_in_order(unsigned int i)
{
    bool any_busy;

    if (!megaflow_put(i)) {
        return EINVAL;
    }
    xdp_lock();
    any_busy = !ovs_list_is_empty(&custody_refused[XDP_REASON_BUSY]);
    xdp_unlock();
    if (any_busy) {
        megaflows_retry(XDP_REASON_BIT(XDP_REASON_BUSY));
    }
    return 0;
}

/* Makes ports and the megaflows that 'megaflows' describes, all of which are
 * in XDP, or as many as the table holds, or none if 'late'.  Returns false,
 * with the case failed, if that cannot be. */
bool
megaflows_begin(void)
{
    struct sset types = SSET_INITIALIZER(&types);
    struct xdp_flow_table_limits limits;
    struct xdp_object *new_object;
    uint64_t n_offloaded;
    char *message;
    int error;

    megaflows.n = megaflows.n ? megaflows.n : holds_flows;
    limits = get_limits();

    /* Either makes the offload known, by the version of OVS. */
    netdev_run();
    dp_enumerate_types(&types);
    sset_destroy(&types);
    xdp_port_configure(true, &limits);
    xdp_custody_apply_source_ports();

    xdp_lock();
    if (!hmap_is_empty(&custody_ports)) {
        message = xstrdup("an earlier case has left its ports");
        error = EBUSY;
    } else {
        error = xdp_object_get(object_path, &limits, false, &new_object,
                               &message);
    }
    if (!error) {
        for (size_t i = 0; i < N_PORTS; i++) {
            add_port(i, new_object);
        }
        add_tunnel();
        add_idle_ports(new_object);
        for (size_t i = 0; i < megaflows.n_alike; i++) {
            insert_custody_port(TUNNEL + 1 + i, &megaflow_netdevs[0]);
        }
        xdp_port_put_object(new_object);
        megaflows_object = new_object;
    } else {
        fail("%s", message);
        free(message);
    }
    xdp_unlock();
    if (error) {
        return false;
    }

    megaflows_set_offload(!megaflows.late);
    for (unsigned int i = 0; i < megaflows.n && !error; i++) {
        error = put_in_order(i);
    }
    megaflows_set_offload(true);
    n_offloaded = megaflows.late ? 0 : MIN(megaflows.n, limits.n_flows);
    if (xdp_custody_n_offloaded() != n_offloaded) {
        fail("only %"PRIu64" megaflows in XDP", xdp_custody_n_offloaded());
        megaflows_end();
        error = EINVAL;
    }
    return !error;
}

/* Does what the worker does when slots are wanted at once.  Returns false if
 * there was no reason for that. */
bool
megaflows_reclaim(void)
{
    struct xdp_flow_table *table;
    uint64_t epoch;
    bool any;

    xdp_lock();
    table = megaflows_port(0)->object->table;
    any = xdp_flow_table_begin_reclaim(table, &epoch);
    if (any) {
        ovs_assert(!xdp_flow_table_wait(table));
        while (xdp_flow_table_reclaim(table, epoch)) {
            continue;
        }
    }
    xdp_unlock();
    return any;
}

/* Tries all megaflows again that are refused for one of 'reasons'.  Where a
 * busy machine makes the table a busy one, that takes several times. */
void
megaflows_retry(uint32_t reasons)
{
    while (xdp_custody_retry(reasons)) {
        megaflows_reclaim();
    }
}
