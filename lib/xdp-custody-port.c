/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of the datapath whose megaflows are in custody.  See
 * xdp-custody.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "netdev-provider.h"
#include "netdev-vport.h"
#include "util.h"
#include "xdp-custody-private.h"

/* Ports that got our flow API and have not been offered their flows yet. */
static odp_port_t *new_ports OVS_GUARDED_BY(xdp_mutex);
static size_t n_new_ports OVS_GUARDED_BY(xdp_mutex);
static size_t allocated_new_ports OVS_GUARDED_BY(xdp_mutex);

/* Returns true if 'netdev' can have an XDP object. */
static bool
is_afxdp(const struct netdev *netdev)
{
    const struct netdev_class *class = netdev_get_class(netdev);

    return class == &netdev_afxdp_class || class == &netdev_afxdp_nonpmd_class;
}

/* Returns true if we serve datapaths of 'dpif_type', which may be NULL. */
static bool
serves(const char *dpif_type)
{
    return dpif_type && !strcmp(dpif_type, "netdev");
}

/* Returns the type of the tunnel 'netdev', or XDP_TUNNEL_NONE if it is none,
 * or one whose header XDP cannot pop. */
static enum xdp_tunnel_type
get_tunnel_type(const struct netdev *netdev)
{
    static const struct {
        const char *name;
        enum xdp_tunnel_type type;
    } types[] = {
        { "vxlan", XDP_TUNNEL_VXLAN },
        { "geneve", XDP_TUNNEL_GENEVE },
        { "gre", XDP_TUNNEL_GRE },
        { "erspan", XDP_TUNNEL_ERSPAN },
    };

    if (netdev_vport_is_vport_class(netdev_get_class(netdev))) {
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
            if (!strcmp(netdev_get_type(netdev), types[i].name)) {
                return types[i].type;
            }
        }
    }
    return XDP_TUNNEL_NONE;
}

/* Takes our flow API from the port 'odp_port', and its netdev if 'removed'.
 * Its megaflows leave XDP, and so do those that pop its header if it is a
 * tunnel, in pieces.  New ones are refused from the beginning. */
static void
disable_port(odp_port_t odp_port, bool removed)
    OVS_EXCLUDED(xdp_mutex)
{
    struct xdp_netdev *tunnel = NULL;
    struct custody_port *port;
    size_t position = 0;
    bool more;

    xdp_lock();
    port = custody_port_find(odp_port);
    if (port) {
        port->enabled = false;
        if (removed) {
            port->netdev = NULL;
        }
        /* Nobody else knows it from here on but the tables. */
        tunnel = port->tunnel;
        port->tunnel = NULL;
    }
    xdp_unlock();

    do {
        size_t n_left = XDP_CUSTODY_BATCH;

        xdp_lock();
        port = custody_port_find(odp_port);
        more = port && custody_port_withdraw_some(port, XDP_REASON_NO_TABLE,
                                                  &n_left);
        if (!more && tunnel) {
            more = xdp_custody_evict_some(tunnel, &position);
            if (!more) {
                xdp_netdev_remove_tunnel(tunnel);
            }
        }
        xdp_unlock();
    } while (more);
}

/* Takes our flow API from all ports with 'netdev'. */
static void
disable_netdev(const struct netdev *netdev)
    OVS_EXCLUDED(xdp_mutex)
{
    const struct custody_port *port;
    odp_port_t *ports;
    size_t n = 0;

    xdp_lock();
    ports = xmalloc((hmap_count(&custody_ports) + 1) * sizeof *ports);
    HMAP_FOR_EACH (port, node, &custody_ports) {
        if (port->netdev == netdev) {
            ports[n++] = port->odp_port;
        }
    }
    xdp_unlock();
    for (size_t i = 0; i < n; i++) {
        disable_port(ports[i], false);
    }
    free(ports);
}

/* Makes 'port' one whose megaflows we take, because its netdev has our flow
 * API.  Returns false if it cannot be. */
static bool
enable_port(struct custody_port *port)
    OVS_REQUIRES(xdp_mutex)
{
    enum xdp_tunnel_type type = get_tunnel_type(port->netdev);

    if (port->enabled) {
        return true;
    }
    if (type) {
        port->tunnel = xdp_netdev_add_tunnel(port->name, type);
        if (!port->tunnel) {
            return false;
        }
    }
    port->enabled = true;

    /* Flows may have been made, and gone by, before we were told. */
    if (n_new_ports >= allocated_new_ports) {
        new_ports = x2nrealloc(new_ports, &allocated_new_ports,
                               sizeof *new_ports);
    }
    new_ports[n_new_ports++] = port->odp_port;
    xdp_custody_kick(XDP_RETRY_PORTS);
    return true;
}

/* Notes that the datapath has the port 'odp_port' with 'netdev', to which the
 * caller has a reference until xdp_custody_port_removed(). */
void
xdp_custody_port_added(odp_port_t odp_port, struct netdev *netdev)
{
    char name[NETDEV_VPORT_NAME_BUFSIZE];
    struct custody_port *port;

    if (!serves(netdev_get_dpif_type(netdev))) {
        return;
    }

    xdp_lock();
    port = custody_port_find(odp_port);
    if (!port) {
        port = xzalloc(sizeof *port);
        port->odp_port = odp_port;
        ovs_list_init(&port->flows);
        xdp_totals_init(&port->totals);
        hmap_insert(&custody_ports, &port->node,
                    hash_int(odp_to_u32(odp_port), 0));
    }
    free(port->name);
    port->name = xstrdup(netdev_vport_get_dpif_port(netdev, name,
                                                    sizeof name));
    port->netdev = netdev;
    xdp_unlock();
}

/* Notes that the port 'odp_port' of a datapath of 'dpif_type' is about to go.
 * Its megaflows stay in custody until the datapath deletes them, but neither
 * they nor those that lead to it stay in XDP. */
void
xdp_custody_port_removed(odp_port_t odp_port, const char *dpif_type)
{
    const struct netdev *netdev;
    struct custody_port *port;
    size_t position = 0;
    bool more;

    if (!serves(dpif_type)) {
        return;
    }

    xdp_lock();
    port = custody_port_find(odp_port);
    netdev = port ? port->netdev : NULL;
    xdp_unlock();
    if (!netdev) {
        return;
    }

    disable_port(odp_port, true);
    do {
        const struct xdp_netdev *xdp;

        xdp_lock();
        xdp = xdp_netdev_lookup(netdev);
        more = xdp && xdp_custody_evict_some(xdp, &position);
        if (!more) {
            port = custody_port_find(odp_port);
            if (port) {
                custody_port_gc(port);
            }
            xdp_custody_kick(XDP_RETRY_PORTS);
        }
        xdp_unlock();
    } while (more);
}

/* Returns true if 'netdev' is one of a kind whose flows can be in XDP. */
bool
xdp_custody_can_serve(const struct netdev *netdev)
{
    return (serves(netdev_get_dpif_type(netdev))
            && (is_afxdp(netdev)
                || get_tunnel_type(netdev) != XDP_TUNNEL_NONE));
}

/* Notes that 'netdev' is about to have our flow API.  Returns false if that is
 * not for it. */
bool
xdp_custody_netdev_enable(struct netdev *netdev)
{
    bool is_tunnel = get_tunnel_type(netdev) != XDP_TUNNEL_NONE;
    struct custody_port *port;
    bool ok;

    if (!xdp_custody_can_serve(netdev)) {
        return false;
    }

    xdp_lock();
    ok = is_tunnel || xdp_netdev_lookup(netdev);
    HMAP_FOR_EACH (port, node, &custody_ports) {
        if (ok && port->netdev == netdev) {
            ok = enable_port(port);
        }
    }
    xdp_unlock();
    if (!ok) {
        disable_netdev(netdev);
    }
    return ok;
}

/* Notes that 'netdev' does not have our flow API any more. */
void
xdp_custody_netdev_disable(struct netdev *netdev)
{
    disable_netdev(netdev);
}

/* Stores in '*n' the number of ports that got our flow API since the last
 * call, and returns an array of them, which the caller frees. */
odp_port_t *
xdp_custody_take_new_ports(size_t *n)
{
    odp_port_t *ports;

    xdp_lock();
    ports = new_ports;
    *n = n_new_ports;
    new_ports = NULL;
    n_new_ports = allocated_new_ports = 0;
    xdp_unlock();
    return ports;
}

/* Stores what there is of the port 'odp_port' in '*counts'.  Packets and bytes
 * are those that were carried until its statistics were last read. */
void
xdp_custody_count_port(odp_port_t odp_port, struct xdp_custody_counts *counts)
{
    const struct custody_port *port;

    *counts = (struct xdp_custody_counts) { .port_no = odp_port };
    xdp_lock();
    port = custody_port_find(odp_port);
    if (port) {
        counts->n_flows = port->n_flows;
        counts->n_offloaded = port->n_offloaded;
        counts->n_packets = port->carried.n_packets;
        counts->n_bytes = port->carried.n_bytes;
    }
    xdp_unlock();
}

/* Returns the number of megaflows in XDP. */
uint64_t
xdp_custody_n_offloaded(void)
{
    uint64_t n;

    xdp_lock();
    n = custody_n_offloaded();
    xdp_unlock();
    return n;
}
