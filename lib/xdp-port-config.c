/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration and status of ports, and what they take from that of the
 * offload.  See xdp-port.h.
 */

#include <config.h>

#include "xdp-port-private.h"

#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>

#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "util.h"
#include "xdp-companion.h"
#include "xdp-custody.h"
#include "xdp-object-file.h"
#include "xdp-ovs-compat.h"
#include "xdp-program.h"

VLOG_DEFINE_THIS_MODULE(xdp_port_config);

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

    xdp_companion_remove_stale();
    if (option && !option[0]) {
        option = NULL;
    }

    xdp_port_lock_config();
    port = xdp_netdev_lookup(netdev);
    if (port && nullable_string_is_equal(port->option, option)) {
        xdp_port_replace_string(&port->rejected, NULL);
        goto out;
    }

    if (option) {
        char *path = xdp_object_path(option);

        xdp_unlock();
        error = xdp_object_check(path, NULL, NULL, &message);
        xdp_lock();
        free(path);
    }
    if (error && port) {
        /* OVS configures ports again and again. */
        VLOG(nullable_string_is_equal(port->rejected, message)
             ? VLL_DBG : VLL_ERR, "%s: options:xdp-obj not changed: %s",
             netdev_get_name(netdev), message);
        xdp_port_replace_string(&port->rejected, message);
        error = 0;
    } else if (!error) {
        if (!port) {
            port = xzalloc(sizeof *port);
            port->name = xstrdup(netdev_get_name(netdev));
            port->netdev = netdev;
            port->link_fd = -1;
            port->tc = XDP_TC_NONE;
            xdp_netdev_insert(port);
        }
        xdp_port_replace_string(&port->option, option);
        xdp_port_replace_string(&port->rejected, NULL);
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
            xdp_port_refresh_obstacle(port, xdp_port_no_pause);
        }
    }
    xdp_port_unlock_config();
    return error;
}

/* Returns true if 'netdev' must be reconfigured on our account. */
bool
xdp_port_needs_reconfigure(const struct netdev *netdev)
{
    const struct xdp_netdev *port;
    bool stale;

    xdp_lock();
    port = xdp_netdev_lookup(netdev);
    stale = port && port->stale;
    xdp_unlock();
    return stale;
}

/* Adds our part of the configuration of 'netdev' to 'args'. */
void
xdp_port_get_config(const struct netdev *netdev, struct smap *args)
{
    const struct xdp_netdev *port;

    xdp_lock();
    port = xdp_netdev_lookup(netdev);
    if (port && port->object) {
        smap_add(args, "xdp-obj", port->object->path);
    } else if (port && port->option) {
        smap_add(args, "xdp-obj", port->option);
    }
    if (port && port->vlan_visible) {
        smap_add(args, "xdp-vlan-visible", "true");
    }
    xdp_unlock();
}

/* Adds our part of the status of 'netdev', if it is an AF_XDP port, to
 * 'status'. */
void
xdp_port_get_status(const struct netdev *netdev, struct smap *status)
{
    const struct xdp_netdev *port;

    xdp_lock();
    port = xdp_netdev_lookup(netdev);
    if (port) {
        bool has_table = (xdp_netdev_offload_is_on() && port->object
                          && port->object->has_table && !port->obstacle);
        struct ds problems = DS_EMPTY_INITIALIZER;

        if (port->object) {
            smap_add(status, "xdp-obj", port->object->path);
            if (!xdp_ovs_reports_mode()) {
                smap_add(status, "xdp-mode",
                         xdp_netdev_mode_name(port));
            }
            if (port->companion) {
                smap_add(status, "xdp-companion", port->companion->port_end);
            }
        }
        smap_add(status, "xdp-flow-table", has_table ? "in use" : "not used");
        xdp_port_format_problems(port, &problems);
        if (problems.length) {
            smap_add(status, "xdp-problem", ds_cstr(&problems));
        }
        ds_destroy(&problems);
    }
    xdp_unlock();
}

/* Returns true if 'port' has the object that is configured for it, which does
 * not depend on whether the offload is on. */
static bool
has_own_object(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    return (port->object && (port->option || port->must_be_tc)
            && nullable_string_is_equal(port->option, port->good_option));
}

/* Is the offload off, whatever is configured? */
static bool forbidden OVS_GUARDED_BY(xdp_mutex);

/* Makes 'limits' those that new tables can have: the number of ports does not
 * change any more once there is one. */
static void
fit_limits(struct xdp_flow_table_limits *limits)
    OVS_REQUIRES(xdp_mutex)
{
    uint32_t n_numbers = xdp_netdev_n_numbers();

    if (n_numbers && limits->n_ports != n_numbers) {
        static struct vlog_rate_limit once = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_WARN_RL(&once, "other_config:xdp-max-ports=%"PRIu32" takes "
                     "effect when ovs-vswitchd is restarted",
                     limits->n_ports);
        limits->n_ports = n_numbers;
    }
}

/* Returns true if the offload is switched on, or off if not 'on', and its
 * tables have 'limits'. */
static bool
is_configured(bool on, const struct xdp_flow_table_limits *limits)
    OVS_REQUIRES(xdp_mutex)
{
    return (xdp_netdev_offload_is_on() == on
            && !memcmp(xdp_netdev_get_limits(), limits, sizeof *limits));
}

/* Switches the offload on or off, with 'limits', and has the ports
 * reconfigured.  Returns true if it was on before, and is not any more. */
static bool
change_configuration(bool on, const struct xdp_flow_table_limits *limits)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    bool was_on = xdp_netdev_offload_is_on();
    bool new_tables = memcmp(xdp_netdev_get_limits(), limits,
                             sizeof *limits) != 0;
    struct xdp_netdev *port;

    if (!was_on && on) {
        xdp_custody_kick(XDP_RETRY_PORTS);
    }
    xdp_netdev_set_offload(on, limits);
    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        if (!port->tunnel && (new_tables || !has_own_object(port))) {
            port->stale = true;
            netdev_request_reconfigure(port->netdev);
        }
    }
    return was_on && !on;
}

/* Sets whether ports use the default object where no other is configured, and
 * the limits of its table, and has the ports reconfigured if that changed.  On
 * a port that keeps its object, flows leave XDP or come back.
 * The main thread calls this in each of its rounds, or in OVS 4.0 whenever the
 * configuration may have changed, after the VLAN limit was set: so a change of
 * that is noticed here even if no flow is put.  Ports whose queues were busy
 * get another try.  As long as nothing changes, it waits for nobody who
 * configures ports or handles events of their devices. */
void
xdp_port_configure(bool on, const struct xdp_flow_table_limits *limits_)
{
    struct xdp_flow_table_limits limits = *limits_;
    bool switched_off = false;
    bool unchanged;

    xdp_lock();
    fit_limits(&limits);
    unchanged = is_configured(on && !forbidden, &limits);
    xdp_unlock();

    if (!unchanged) {
        xdp_port_lock_config();
        fit_limits(&limits);
        on = on && !forbidden;
        if (!is_configured(on, &limits)) {
            switched_off = change_configuration(on, &limits);
        }
        xdp_port_unlock_config();
    }
    if (switched_off) {
        xdp_custody_evict_all();
    }
    xdp_custody_apply_vlan_limit();
    xdp_port_retry_busy();
}

/* Switches the offload off for the rest of the life of the process, whatever
 * is configured. */
void
xdp_port_forbid(void)
{
    struct xdp_flow_table_limits limits;

    xdp_lock();
    forbidden = true;
    limits = *xdp_netdev_get_limits();
    xdp_unlock();

    xdp_port_configure(false, &limits);
}

/* Returns true if the offload is switched on. */
bool
xdp_port_offload_is_on(void)
{
    bool on;

    xdp_lock();
    on = xdp_netdev_offload_is_on();
    xdp_unlock();
    return on;
}
