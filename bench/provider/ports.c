/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports: what netdev-afxdp.c and dpif-netdev.c do to a port, as far as the
 * offload is concerned.
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>

#include "dpif.h"
#include "netdev-offload.h"
#include "netdev.h"
#include "openvswitch/shash.h"
#include "provider.h"
#include "smap.h"
#include "util.h"
#include "xdp-port.h"

/* All "struct port"s by name. */
static struct shash ports = SHASH_INITIALIZER(&ports);

/* Of the last port. */
static uint32_t last_odp_port;

/* Makes the types of devices, and so the provider, known. */
void
ports_init(void)
{
    netdev_run();
}

/* Returns the port 'name'. */
struct port *
port_get(const char *name)
{
    struct port *port = shash_find_data(&ports, name);

    if (!port) {
        ovs_fatal(0, "%s: no such port", name);
    }
    return port;
}

/* Opens the device 'name' for 'port', with the XDP object 'object', or the
 * default one if that is NULL.  Returns the nanoseconds that it took to attach
 * that. */
static uint64_t
open_device(struct port *port, const char *name, const char *object)
{
    struct smap options = SMAP_INITIALIZER(&options);
    struct dpif_port dpif_port = {
        .name = CONST_CAST(char *, name),
        .type = CONST_CAST(char *, "afxdp"),
        .port_no = port->odp_port,
    };
    uint64_t start, attached;
    char *message = NULL;
    int error;

    smap_add(&options, "xdp-mode", "native");
    if (object) {
        smap_add(&options, "xdp-obj", object);
    }

    error = netdev_open(name, "afxdp", &port->netdev);
    if (error) {
        ovs_fatal(error, "%s: opening the device failed", name);
    }
    /* Types are compared by address. */
    netdev_set_dpif_type(port->netdev, dpif_normalize_type("netdev"));
    error = netdev_set_config(port->netdev, &options, &message);
    if (error) {
        ovs_fatal(error, "%s: %s", name, message ? message : "bad options");
    }
    smap_destroy(&options);

    start = now_ns();
    error = xdp_port_attach(port->netdev, netdev_get_ifindex(port->netdev),
                            XDP_FLAGS_DRV_MODE, true);
    attached = now_ns();
    if (error) {
        ovs_fatal(error, "%s: attaching the object failed", name);
    }
    error = netdev_ports_insert(port->netdev, &dpif_port);
    if (error) {
        ovs_fatal(error, "%s: inserting the port failed", name);
    }
    return attached - start;
}

/* Closes the device of 'port'. */
static void
close_device(struct port *port)
{
    netdev_flow_flush(port->netdev);
    netdev_ports_remove(port->odp_port, netdev_get_dpif_type(port->netdev));
    xdp_port_detach(port->netdev);
    netdev_close(port->netdev);
    port->netdev = NULL;
}

/* Makes the device 'name' a port, with the XDP object 'object', or the default
 * one if that is NULL. */
void
port_add(const char *name, const char *object)
{
    struct port *port = xzalloc(sizeof *port);
    uint64_t ns;

    port->odp_port = u32_to_odp(++last_odp_port);
    ns = open_device(port, name, object);
    shash_add_once(&ports, name, port);
    reply("ok ns=%"PRIu64" port=%"PRIu32, ns, odp_to_u32(port->odp_port));
}

/* Makes the device 'name' no port any more. */
void
port_remove(const char *name)
{
    struct port *port = port_get(name);
    uint64_t start = now_ns();

    close_device(port);
    shash_find_and_delete(&ports, name);
    free(port);
    reply("ok ns=%"PRIu64, now_ns() - start);
}

/* Takes the port 'name' away from the datapath, which still has its flows and
 * those that lead there. */
void
port_close(const char *name)
{
    uint64_t start = now_ns();

    close_device(port_get(name));
    reply("ok ns=%"PRIu64, now_ns() - start);
}

/* Gives it back under its number. */
void
port_open(const char *name)
{
    reply("ok ns=%"PRIu64, open_device(port_get(name), name, NULL));
}
