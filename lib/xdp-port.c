/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_XDP ports and their XDP objects: attaching and detaching.  See
 * xdp-port.h.
 *
 * A port's program is attached with a BPF link, which lives no longer than
 * the process, or so that it does nothing without the process (lib/xdp-tc.h):
 * a crash must not leave a flow cache behind that nobody ages.
 */

#include <config.h>

#include "xdp-port-private.h"

#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"
#include "xdp-companion.h"
#include "xdp-custody.h"
#include "xdp-device.h"
#include "xdp-features.h"
#include "xdp-object-file.h"
#include "xdp-program.h"
#include "xdp-tc.h"

VLOG_DEFINE_THIS_MODULE(xdp_port);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct ovs_mutex xdp_port_config_mutex = OVS_MUTEX_INITIALIZER;

/* Taken before it: who gives that mutex back and takes it again at once lets
 * those have it meanwhile who wait for it. */
static struct ovs_mutex config_turn OVS_ACQ_BEFORE(xdp_port_config_mutex)
    = OVS_MUTEX_INITIALIZER;

/* Was a port lost since xdp_port_take_any_lost() was called? */
static bool any_lost OVS_GUARDED_BY(xdp_mutex);

/* How many ports are made targets with one hold of the lock: each takes a
 * system call or two. */
#define TARGETS_BATCH 64

/* Locks both mutexes. */
void
xdp_port_lock_config(void)
{
    ovs_mutex_lock(&config_turn);
    ovs_mutex_lock(&xdp_port_config_mutex);
    ovs_mutex_unlock(&config_turn);
    xdp_lock();
}

/* Unlocks both mutexes. */
void
xdp_port_unlock_config(void)
{
    xdp_unlock();
    xdp_port_leave_rest();
    ovs_mutex_unlock(&xdp_port_config_mutex);
}

/* Has nothing redirected any more to 'port', which is attached. */
static void
remove_target(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;

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
}

/* Returns true if the device of 'port', which is attached, is gone, whether
 * that is known already or not. */
static bool
is_gone(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    char name[IF_NAMESIZE];

    return port->gone || !if_indextoname(port->ifindex, name);
}

/* Takes the program of 'port' off the device.  Nobody has to wait for the
 * driver, which may stop and start its queues for that: 'xdp_mutex' is
 * released meanwhile.  No flows come to the port any more.
 *
 * If the device is gone, flows that lead there drop their packets at once, as
 * userspace does, and none is found that comes from there: another device may
 * get its number while they leave. */
void
xdp_port_stop(struct xdp_netdev *port)
{
    struct xdp_tc tc = port->tc;
    int fd = port->link_fd;

    if (port->object && is_gone(port)) {
        port->leaving = true;
        remove_target(port);
        if (port->object->has_table) {
            xdp_flow_table_close_port(port->object->table, port->number);
        }
    }
    if (fd >= 0 || tc.ifindex) {
        port->link_fd = -1;
        port->tc = XDP_TC_NONE;
        xdp_unlock();
        if (fd >= 0) {
            close(fd);
        }
        xdp_tc_detach(&tc);
        xdp_lock();
    }
    if (port->object) {
        port->leaving = true;
    }
}

/* Takes the program off 'port', whose device has left, or is another port's.
 * xdp_port_finish_losses() does the rest.  Releases 'xdp_mutex' meanwhile. */
void
xdp_port_lose(struct xdp_netdev *port)
{
    VLOG_INFO("%s: device is gone (deleted, moved to another network "
              "namespace, or another one has its name or its number)",
              netdev_get_name(port->netdev));
    port->gone = true;
    any_lost = true;
    xdp_port_stop(port);
}

/* Returns true if a port was lost since the last call. */
bool
xdp_port_take_any_lost(void)
{
    bool any = any_lost;

    any_lost = false;
    return any;
}

/* Has no other port be attached to the device 'ifindex' of 'port': programs
 * would find its flows, and sockets would get there.  If the number was that
 * of another device, of which it is not yet known that it is gone, that port
 * is lost.  If it is the same device, with two names, or renamed, returns
 * EBUSY, and says why, as an error if 'report'.  Otherwise returns 0.
 * Releases 'xdp_mutex' meanwhile. */
static int
take_device(struct xdp_netdev *port, int ifindex, bool report)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    struct xdp_netdev *other = xdp_netdev_find_attached(ifindex);

    if (!other || other == port) {
        return 0;
    }
    if (xdp_port_has_device(other, false)) {
        char *why = xasprintf("the device is that of the port %s, too; remove "
                              "one of the two ports", other->name);

        VLOG(report ? VLL_ERR : VLL_DBG, "%s: %s", port->name, why);
        xdp_port_note_busy(port->name, why);
        xdp_port_replace_string(&port->problem, why);
        free(why);
        return EBUSY;
    }
    xdp_port_lose(other);
    xdp_custody_kick(0);
    return 0;
}

/* Takes the program of 'port' off the device, and its flows out of XDP.
 * Releases 'xdp_mutex' meanwhile: there may be many. */
void
xdp_port_take_off(struct xdp_netdev *port)
{
    size_t position = 0;

    xdp_port_stop(port);
    if (port->object) {
        while (xdp_custody_evict_some(port, &position)) {
            xdp_unlock();
            xdp_lock();
        }
    }
}

/* Takes 'port' out of all tables and its program off the device. */
void
xdp_port_take_out(struct xdp_netdev *port)
{
    size_t position = 0;

    if (!port->object) {
        return;
    }

    /* First the packets stop coming, then their flows go. */
    if (port->link_fd >= 0) {
        close(port->link_fd);
    }
    xdp_tc_detach(&port->tc);
    while (xdp_custody_evict_some(port, &position)) {
        continue;
    }

    remove_target(port);
    if (port->companion) {
        xdp_port_note_closed(port->companion->socket_end);
        xdp_port_tc_take_out(port);
        xdp_port_tell_unfinished();
    }
    if (port->object->has_table) {
        xdp_flow_table_remove_port(port->object->table, port->number);
    }
    xdp_netdev_retire_number(port->number);

    VLOG_INFO("%s: detached XDP object %s", netdev_get_name(port->netdev),
              port->object->path);
    xdp_port_put_object(port->object);
    port->object = NULL;
    port->leaving = false;
    port->link_fd = -1;
    port->zerocopy = false;
    port->peer_away = 0;
    port->peer_mac = eth_addr_zero;
    port->peer_has_program = false;
    port->leaves_unfinished = false;
    port->n_too_large = 0;
    port->obstacle = NULL;
    xdp_port_replace_string(&port->obstacle_help, NULL);
}

/* Makes 'port', which is attached, a target of 'object'.  Returns 0 or a
 * positive errno value. */
static int
add_target(const struct xdp_object *object, const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    int error = xdp_flow_table_set_target(object->table, port->number,
                                          port->ifindex);

    if (!error && port->companion) {
        error = xdp_flow_table_set_detour(object->table, port->number,
                                          xdp_netdev_target_device(port));
        if (error) {
            xdp_flow_table_set_target(object->table, port->number, 0);
        }
    }
    return error;
}

/* Makes all attached ports targets of 'own', which has a flow table.  Releases
 * 'xdp_mutex' meanwhile: the other one keeps the ports attached. */
static void
add_others(const struct xdp_object *own)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    const struct hmap *all = xdp_netdev_all();
    const struct xdp_netdev **others = xmalloc(hmap_count(all)
                                               * sizeof *others);
    const struct xdp_netdev *other;
    size_t n = 0;

    HMAP_FOR_EACH (other, node, all) {
        if (other->object && !other->gone
            && !xdp_flow_table_has_target(own->table, other->number,
                                          xdp_netdev_target_device(other))) {
            others[n++] = other;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (i && (!(i % TARGETS_BATCH) || xdp_lock_is_due())) {
            xdp_unlock();
            xdp_lock();
        }
        /* A device that is just being deleted is no reason to fail. */
        if (!others[i]->gone) {
            add_target(own, others[i]);
            xdp_port_tc_set_peer(own, others[i]);
        }
    }
    free(others);
}

/* Makes all attached ports targets of 'own', and the device 'ifindex' the
 * target 'number' of all objects.  Returns 0 or a positive errno value.
 * Releases 'xdp_mutex' meanwhile. */
static int
add_targets(const struct xdp_object *own, uint32_t number, int ifindex)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    struct xdp_object *object;
    int error = 0;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table && !error) {
            error = xdp_flow_table_set_target(object->table, number, ifindex);
        }
    }
    if (own->has_table) {
        add_others(own);
    }
    return error;
}

/* Returns true if another port receives packets in the mode of 'port', and
 * with the same object. */
static bool
has_likeness(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *other;

    HMAP_FOR_EACH (other, node, xdp_netdev_all()) {
        if (other != port && other->object == port->object
            && xdp_netdev_is_tc(other) == xdp_netdev_is_tc(port)
            && xdp_netdev_is_generic(other) == xdp_netdev_is_generic(port)) {
            return true;
        }
    }
    return false;
}

/* Has the flows behind tunnels leave XDP and try again, because what they may
 * do depends on all ports, if there was none like 'port' before.  No flows
 * come from that yet.  Releases 'xdp_mutex' meanwhile. */
static void
evict_tunnels(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    size_t position = 0;

    if (!has_likeness(port)) {
        while (xdp_custody_evict_tunnels_some(&position)) {
            xdp_unlock();
            xdp_lock();
        }
    }
}

/* Attaches the program of 'own' to 'port', as its port 'number', on device
 * 'ifindex' in the mode 'xdp_flags'.  Returns 0, or a positive errno value
 * with a message in '*errp'.  Releases 'xdp_mutex' meanwhile. */
static int
attach_program(struct xdp_netdev *port, const struct xdp_object *own,
               uint32_t number, int ifindex, uint32_t xdp_flags, char **errp)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    int fd;

    if (xdp_flags & XDP_NETDEV_TC) {
        return xdp_port_tc_attach(port, own, number, ifindex, errp);
    }
    xdp_unlock();
    fd = xdp_object_attach(own, ifindex, xdp_flags, errp);
    xdp_lock();
    if (fd < 0) {
        return -fd;
    }
    port->link_fd = fd;
    return 0;
}

/* Waits until no program can know the numbers any more that are retired now,
 * and frees them.  Returns 0 or a positive errno value.  Releases 'xdp_mutex'
 * meanwhile. */
static int
free_numbers(void)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    struct xdp_object *object;
    uint64_t epoch;
    int error = 0;

    if (!xdp_netdev_begin_numbers(&epoch)) {
        return 0;
    }
    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            /* The programs of all others end, too. */
            xdp_object_ref(object);
            xdp_unlock();
            error = xdp_flow_table_wait(object->table);
            xdp_lock();
            xdp_port_put_object(object);
            break;
        }
    }
    if (!error) {
        xdp_netdev_free_numbers(epoch);
    }
    return error;
}

/* Takes a number for device 'ifindex'.  Returns 0, or a positive errno value
 * with a message in '*errp'.  May release 'xdp_mutex' meanwhile. */
static int
alloc_number(int ifindex, uint32_t *number, char **errp)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    int error = xdp_netdev_alloc_number(ifindex, number);

    if (error == EAGAIN && !free_numbers()) {
        error = xdp_netdev_alloc_number(ifindex, number);
    }
    if (error) {
        *errp = xasprintf("no free port number near ifindex %d: too many "
                          "AF_XDP ports; raise other_config:xdp-max-ports "
                          "(now %"PRIu32") and restart ovs-vswitchd", ifindex,
                          xdp_netdev_n_numbers());
    }
    return error;
}

/* Attaches the object that 'option' names to 'port' on device 'ifindex' in
 * the mode 'xdp_flags'.  Returns 0, or a positive errno value with a message
 * in '*errp', and in '*in_mode' whether another mode may do better.  Releases
 * 'xdp_mutex' while it asks about the device, loads the object, makes many
 * ports targets, and while the driver takes the program. */
static int
attach(struct xdp_netdev *port, const char *option, int ifindex,
       uint32_t xdp_flags, bool *in_mode, char **errp)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex)
{
    struct xdp_flow_table_limits limits = *xdp_netdev_get_limits();
    char *path = xdp_object_path(option);
    struct xdp_object *object, *own;
    bool can_be_target;
    bool on_members;
    uint32_t number;
    int target;
    int error;

    *in_mode = false;
    xdp_unlock();
    xdp_port_wait_unloaded();
    on_members = (!(xdp_flags & (XDP_FLAGS_SKB_MODE | XDP_NETDEV_TC))
                  && xdp_device_runs_on_members(ifindex));
    xdp_lock();
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

    error = xdp_object_get(path, &limits, true, &own, errp);
    free(path);
    if (error) {
        return error;
    }
    if (xdp_flags & XDP_NETDEV_TC
        && !(own->has_table && xdp_contract_has_tc(&own->caps))) {
        *in_mode = true;
        *errp = (own->tc_problem
                 ? xasprintf("%s: %s; use another options:xdp-mode, or a "
                             "newer kernel", own->path, own->tc_problem)
                 : xasprintf("%s has no programs for tc; use another "
                             "options:xdp-mode, or an object that has them",
                             own->path));
        error = EOPNOTSUPP;
        goto error_object;
    }

    error = alloc_number(ifindex, &number, errp);
    if (error) {
        goto error_object;
    }

    if (own->has_table) {
        error = xdp_netdev_add_tunnels(own->table);
        if (!error) {
            error = xdp_flow_table_add_port(own->table, number, ifindex,
                                            xdp_netdev_vlan_limit());
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
    error = attach_program(port, own, number, ifindex, xdp_flags, errp);
    if (error) {
        *in_mode = true;
        goto error_target;
    }
    port->ifindex = ifindex;
    target = xdp_netdev_target_device(port);
    xdp_unlock();
    xdp_features_query(target, &can_be_target);
    xdp_lock();

    /* Before it is known what is in the way of flows, there are none. */
    port->leaving = true;
    port->can_be_target = can_be_target;
    port->object = own;
    port->number = number;
    port->gone = false;
    port->stale = false;
    if (own->has_table) {
        /* It may have changed meanwhile. */
        xdp_flow_table_set_vlan_limit(own->table, number,
                                      xdp_netdev_vlan_limit());
    }
    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table && port->companion && !error) {
            error = add_target(object, port);
        }
    }
    if (error) {
        /* Packets would be redirected where nobody takes them. */
        *errp = xasprintf("adding the companion to the devices to redirect to "
                          "failed (%s)", ovs_strerror(error));
        *in_mode = true;
        xdp_port_stop(port);
        xdp_port_take_out(port);
        xdp_port_tc_note_failure(port, *errp);
        return error;
    }
    xdp_port_refresh_obstacle(port, xdp_port_no_pause);
    evict_tunnels(port);
    port->leaving = false;
    if (port->companion) {
        xdp_port_tell_unfinished();
    }
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
    xdp_netdev_retire_number(number);
error_object:
    xdp_port_put_object(own);
    return error;
}

/* Called before the AF_XDP sockets of 'netdev', device 'ifindex', are made in
 * the mode 'xdp_flags'.  Attaches the object that the port is to use, if it is
 * not attached already.  Returns 0, also if the port is to use no object of
 * ours, or a positive errno value if no socket shall be made.  Failures are
 * logged as errors if 'report_failures', otherwise, while best-effort mode has
 * others to try, for debugging.
 *
 * At tc, the sockets are made on a companion, so there it is an error if the
 * port is to use no object.  Best-effort mode takes it only for devices and
 * objects that it suits, while the offload is on. */
int
xdp_port_attach(struct netdev *netdev, int ifindex, uint32_t xdp_flags,
                bool report_failures)
{
    bool tc = xdp_flags & XDP_NETDEV_TC;
    bool must_be_tc = tc && report_failures;
    bool suits = !tc || must_be_tc || xdp_port_tc_suits(ifindex);
    bool in_mode = false;
    struct xdp_netdev *port;
    char *message = NULL;
    int error = 0;

    xdp_port_lock_config();
    port = xdp_netdev_lookup(netdev);
    error = port ? take_device(port, ifindex, report_failures) : 0;
    if (error) {
        goto out;
    }
    if (tc && (!port || !suits
               || (!must_be_tc && !xdp_netdev_offload_is_on()))) {
        error = EOPNOTSUPP;
        goto out;
    }
    if (!port || (!port->option && !must_be_tc
                  && !xdp_netdev_offload_is_on())) {
        if (port) {
            xdp_port_take_off(port);
            xdp_port_take_out(port);
            port->stale = false;
            port->has_good = true;
            xdp_port_replace_string(&port->good_option, NULL);
            xdp_port_replace_string(&port->problem, NULL);
            xdp_port_replace_string(&port->device_problem, NULL);
        }
        goto out;
    }

    if (!port->stale && (port->object
                         ? (port->ifindex == ifindex && !port->gone
                            && port->xdp_flags == xdp_flags)
                         : port->problem != NULL)) {
        /* Done, or known to be in vain, since an earlier queue. */
        error = tc && !port->object ? EINVAL : 0;
        goto out;
    }
    xdp_port_take_off(port);
    xdp_port_take_out(port);
    port->ifindex = ifindex;
    port->xdp_flags = xdp_flags;
    port->must_be_tc = must_be_tc;
    port->others_follow = !report_failures;
    xdp_port_check_device(port);

    error = (tc && !xdp_port_tc_may_try(port, &message) ? EAGAIN
             : attach(port, port->option, ifindex, xdp_flags, &in_mode,
                      &message));
    in_mode |= error && tc;
    if (error && error != EAGAIN && port->option && port->has_good
        && !(in_mode && !report_failures)
        && !nullable_string_is_equal(port->option, port->good_option)) {
        bool plain = (!port->good_option && !tc
                      && !xdp_netdev_offload_is_on());

        /* A bad new value must not cost a working port. */
        VLOG(nullable_string_is_equal(port->problem, message)
             ? VLL_DBG : VLL_ERR,
             "%s: keeping XDP object %s, because the configured one "
             "cannot be used: %s", netdev_get_name(netdev),
             (port->good_option ? port->good_option
              : plain ? "of AF_XDP itself" : "of the installation"),
             message);
        xdp_port_replace_string(&port->problem, message);
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
        xdp_port_replace_string(&port->good_option, port->option);
        xdp_port_replace_string(&port->problem, NULL);
    }

    if (error && in_mode && !report_failures) {
        /* Another mode comes next. */
        VLOG_DBG("%s: %s", netdev_get_name(netdev), message);
    } else if (error) {
        bool fall_back = !port->option && !tc
                         && (!in_mode || (error != EBUSY
                                          && error != EOPNOTSUPP));

        VLOG(report_failures || fall_back ? VLL_ERR : VLL_DBG, "%s: %s%s",
             netdev_get_name(netdev), message,
             !fall_back ? ""
             : in_mode ? "; trying without a flow table"
             : "; flows of this port stay in userspace");
        xdp_port_replace_string(&port->problem, message);
        if (fall_back) {
            /* Nobody asked for this object by name: plain AF_XDP will do. */
            port->stale = false;
            error = 0;
        }
    } else {
        VLOG_INFO("%s: attached XDP object %s%s%s", netdev_get_name(netdev),
                  port->object->path,
                  port->object->has_table ? " with a flow table" : "",
                  tc ? " at tc" : "");
        xdp_custody_kick(XDP_RETRY_PORTS);
    }
    free(message);
out:
    xdp_port_unlock_config();
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

    xdp_port_lock_config();
    port = xdp_netdev_lookup(netdev);
    if (port) {
        detached = port->object || port->gone;
        port->stale = true;
        xdp_port_take_off(port);
        xdp_port_take_out(port);
        port->gone = false;
    }
    xdp_port_note_closed(netdev_get_name(netdev));
    xdp_port_unlock_config();
    return detached;
}

/* Returns true if our program is on the device of 'netdev'. */
bool
xdp_port_is_attached(const struct netdev *netdev)
{
    const struct xdp_netdev *port;
    bool attached;

    xdp_lock();
    port = xdp_netdev_lookup(netdev);
    attached = port && port->object;
    xdp_unlock();
    return attached;
}

/* Forgets 'netdev', which is being destroyed. */
void
xdp_port_destroy(struct netdev *netdev)
{
    struct xdp_netdev *port;

    xdp_port_lock_config();
    port = xdp_netdev_lookup(netdev);
    if (port) {
        xdp_port_take_off(port);
        xdp_port_take_out(port);
        xdp_netdev_remove(port);
        free(port->option);
        free(port->good_option);
        free(port->rejected);
        free(port->problem);
        free(port->device_problem);
        free(port->name);
        free(port);
    }
    xdp_port_unlock_config();
}

/* Returns true if a port is attached at tc. */
bool
xdp_port_any_at_tc(void)
{
    const struct xdp_netdev *port;
    bool any = false;

    xdp_lock();
    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        any |= xdp_netdev_is_tc(port);
    }
    xdp_unlock();
    return any;
}

/* Returns true if the device of 'netdev' may have a larger MTU than AF_XDP
 * sockets take. */
bool
xdp_port_takes_any_mtu(const struct netdev *netdev)
{
    const struct xdp_netdev *port;
    bool any;

    xdp_lock();
    port = xdp_netdev_lookup(netdev);
    any = port && xdp_netdev_is_tc(port);
    xdp_unlock();
    return any;
}
