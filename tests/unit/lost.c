/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of ports whose devices have left, while other devices get their
 * numbers: on the loopback device of a network namespace of their own.
 *
 * Other ports are made up (see megaflows.h).
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "loopback.h"
#include "megaflows.h"
#include "netdev.h"
#include "ovs-thread.h"
#include "smap.h"
#include "unit.h"
#include "util.h"
#include "watch.h"
#include "xdp-custody-private.h"
#include "xdp-flow-table-private.h"
#include "xdp-port-private.h"
#include "xdp-program.h"
#include "xdp-tc.h"

/* Where a socket was put last. */
static uint32_t socket_index;

int __wrap_xdp_object_set_socket(const struct xdp_object *, uint32_t index,
                                 int xsk_fd);

/* The linker has everybody call this for xdp_object_set_socket().  Sockets
 * are made up here. */
int
__wrap_xdp_object_set_socket(const struct xdp_object *object OVS_UNUSED,
                             uint32_t index, int xsk_fd OVS_UNUSED)
{
    socket_index = index;
    return 0;
}

/* How often it was asked which device a link is on, and that or which number a
 * name has with 'xdp_mutex'. */
static unsigned int n_asked, n_asked_locked;

/* A name that the loopback device has, too, or NULL, and its number. */
static const char *other_name;
static unsigned int other_ifindex;

int __real_xdp_device_of_link(int link_fd);
int __wrap_xdp_device_of_link(int link_fd);

/* Counts in 'n_asked_locked' if somebody has 'xdp_mutex'. */
static void
count_locked(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (ovs_mutex_trylock(&xdp_mutex)) {
        n_asked_locked++;
    } else {
        ovs_mutex_unlock(&xdp_mutex);
    }
}

/* The linker has everybody call this for xdp_device_of_link(). */
int
__wrap_xdp_device_of_link(int link_fd)
{
    n_asked++;
    count_locked();
    return __real_xdp_device_of_link(link_fd);
}

unsigned int __real_if_nametoindex(const char *name);
unsigned int __wrap_if_nametoindex(const char *name);

/* The linker has everybody call this for if_nametoindex(). */
unsigned int
__wrap_if_nametoindex(const char *name)
{
    count_locked();
    return (other_name && !strcmp(name, other_name)
            ? other_ifindex : __real_if_nametoindex(name));
}

/* Returns true if programs take packets for some of 'port'. */
static bool
finds(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    return port->object->table->ports_map[port->number].ifindex != 0;
}

/* Runs 'cb' with the loopback device of a new namespace, and megaflows from
 * ports that are made up.  Only this thread moves to that namespace. */
static void *
lost_main(void *cb_)
{
    void (*cb)(struct netdev *) = cb_;
    struct netdev *netdev = loopback_open();

    if (netdev && megaflows_begin()) {
        cb(netdev);
        other_name = NULL;
        xdp_port_finish_losses();
        xdp_port_detach(netdev);
        megaflows_end();
    }
    netdev_close(netdev);
    return NULL;
}

/* Runs 'cb' so, in a thread. */
static void
run(void (*cb)(struct netdev *))
{
    xpthread_join(ovs_thread_create("lost", lost_main, cb), NULL);
}

/* test_lost_number() with 'netdev', and port 'i' in the place of the other
 * one. */
static void
check_number(struct netdev *netdev, size_t i)
{
    const int ifindex = netdev_get_ifindex(netdev);
    uint32_t number;
    bool finds_old, finds_new;

    xdp_lock();
    megaflows_port(i)->ifindex = ifindex;
    xdp_unlock();
    CHECK(!xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true));
    xdp_lock();
    finds_old = finds(megaflows_port(i));
    finds_new = finds(xdp_netdev_lookup(netdev));
    number = xdp_netdev_lookup(netdev)->number;
    xdp_unlock();
    CHECK(!finds_old && finds_new);

    /* Its sockets do not get to the other one. */
    CHECK(!xdp_port_add_socket(ifindex, 3, -1));
    CHECK(socket_index == number * XDP_PORT_MAX_QUEUES + 3);

    xdp_port_finish_losses();
    xdp_lock();
    finds_old = megaflows_port(i)->object != NULL;
    finds_new = finds(xdp_netdev_lookup(netdev));
    xdp_unlock();
    CHECK(!finds_old && finds_new);
    CHECK(xdp_port_detach(netdev));
}

/* check_number() with each of the ports, since it may depend on the place of a
 * port in the list of all which of two is found. */
static void
check_numbers(struct netdev *netdev)
{
    for (size_t i = 0; i < N_PORTS; i++) {
        check_number(netdev, i);
    }
}

/* A device gets the number of another one, and is made a port, before it is
 * known that the other one is gone. */
static void
test_lost_number(void)
{
    run(check_numbers);
}

/* Returns true if port 'i' is attached, and not known to have lost its
 * device. */
static bool
is_on_device(size_t i)
{
    const struct xdp_netdev *port;
    bool is;

    xdp_lock();
    port = megaflows_port(i);
    is = port->object && !port->gone;
    xdp_unlock();
    return is;
}

/* Makes port 0 one at tc, on the device 'ifindex', which has not its name. */
static int
put_at_tc(int ifindex)
{
    struct xdp_netdev *port;
    struct xdp_tc_fds fds;
    char *message = NULL;
    int error;

    xdp_lock();
    port = megaflows_port(0);
    port->ifindex = ifindex;
    port->xdp_flags |= XDP_NETDEV_TC;
    xdp_object_tc_fds(port->object, &fds);
    error = xdp_tc_attach(ifindex, fds.flow_table, fds.entry, &port->tc,
                          &message);
    if (!error) {
        error = xdp_flow_table_set_target(port->object->table, port->number,
                                          ifindex);
    }
    xdp_unlock();
    free(message);
    return error;
}

/* test_lost_names() with 'netdev'. */
static void
check_names(struct netdev *netdev)
{
    const int ifindex = netdev_get_ifindex(netdev);

    if (!xdp_contract_has_tc(&megaflows_object->caps)) {
        skip("this kernel cannot run the programs for tc");
        return;
    }
    CHECK(!put_at_tc(ifindex));
    xdp_lock();
    other_name = megaflows_port(0)->name;
    xdp_unlock();

    /* Both names are those of one device, or one is not in use any more. */
    for (int i = 0; i < 2; i++) {
        other_ifindex = i ? 0 : ifindex;
        CHECK(xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true)
              == EBUSY);
        CHECK(xdp_port_is_busy(netdev_get_name(netdev)));
        CHECK(!xdp_port_is_attached(netdev) && is_on_device(0));
    }

    /* Another device has it. */
    other_ifindex = ifindex + 1;
    CHECK(!xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true));
    CHECK(xdp_port_is_attached(netdev) && !is_on_device(0));
}

/* A device that has two names, or was renamed, is made two ports.  The first
 * one keeps it, until its name is that of another one. */
static void
test_lost_names(void)
{
    run(check_names);
}

/* test_lost_plain() with 'netdev'. */
static void
check_plain(struct netdev *netdev)
{
    const int ifindex = netdev_get_ifindex(netdev);
    struct smap options = SMAP_INITIALIZER(&options);
    char *message = NULL;
    int error;

    smap_add(&options, "xdp-mode", "generic");
    error = netdev_set_config(netdev, &options, &message);
    smap_destroy(&options);
    CHECK(!error);
    xdp_lock();
    xdp_netdev_set_offload(false, xdp_netdev_get_limits());
    megaflows_port(0)->ifindex = ifindex;
    xdp_unlock();
    CHECK(is_on_device(0));
    error = xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true);
    xdp_lock();
    xdp_netdev_set_offload(true, xdp_netdev_get_limits());
    xdp_unlock();
    CHECK(!error && !xdp_port_is_attached(netdev) && !is_on_device(0));
}

/* A port that uses no object of ours gets the number of one that does: sockets
 * go by it. */
static void
test_lost_plain(void)
{
    run(check_plain);
}

/* test_lost_at_tc() with 'netdev'. */
static void
check_at_tc(struct netdev *netdev)
{
    const int ifindex = netdev_get_ifindex(netdev);

    if (!xdp_contract_has_tc(&megaflows_object->caps)) {
        skip("this kernel cannot run the programs for tc");
        return;
    }
    CHECK(!put_at_tc(ifindex));

    /* It may have been renamed. */
    xdp_port_handle_event(XDP_FEATURES_LOST, 0);
    CHECK(is_on_device(0) && !is_on_device(1));

    xdp_port_handle_event(XDP_FEATURES_GONE, ifindex);
    CHECK(!is_on_device(0));
}

/* The device of a port at tc is gone, and another one, which is no port, has
 * its number.  A link at tc goes with a device to another namespace, and says
 * its number there, so it looks as if the port were on the new device. */
static void
test_lost_at_tc(void)
{
    run(check_at_tc);
}

/* test_lost_waiting() with 'netdev'. */
static void
check_waiting(struct netdev *netdev)
{
    const int ifindex = netdev_get_ifindex(netdev);

    CHECK(!xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true));
    n_asked = n_asked_locked = 0;
    xdp_port_handle_event(XDP_FEATURES_LOST, 0);
    CHECK(n_asked == 1);
    xdp_port_handle_event(XDP_FEATURES_GONE, ifindex);
    CHECK(n_asked == 2);
    xdp_port_handle_event(XDP_FEATURES_LINK, ifindex);
    CHECK(xdp_port_is_attached(netdev));

    /* Those that are made up have lost their devices. */
    xdp_port_finish_losses();
    CHECK(!n_asked_locked);
}

/* Who asks the kernel about links or names may have to wait, so it is done
 * without the lock. */
static void
test_lost_waiting(void)
{
    run(check_waiting);
}

/* How often the lock was given back while programs sent packets to the device
 * of port 0, or took some for those of the port. */
static unsigned int n_used;

/* Counts that. */
static void
count_used(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *port = megaflows_port(0);
    const struct xdp_target *target;

    if (port && port->object) {
        target = &port->object->table->targets[port->number];
        n_used += target->ifindex || finds(port);
    }
}

/* test_lost_removed() with 'netdev', the device of which is there, but has
 * another number. */
static void
check_removed(struct netdev *netdev)
{
    const int ifindex = netdev_get_ifindex(netdev);
    const struct xdp_netdev *port;
    int error;

    if (!megaflows_object->table->targets) {
        skip("this kernel cannot run the programs for tc");
        return;
    }
    xdp_lock();
    port = megaflows_port(0);
    error = xdp_flow_table_set_target(port->object->table, port->number,
                                      ifindex);
    n_used = 0;
    count_used();
    xdp_unlock();
    CHECK(!error && n_used == 1);

    n_used = 0;
    watch_func = count_used;
    watch_begin();
    CHECK(xdp_port_detach(&megaflow_netdevs[0]));
    watch_end("port without a device removed");
    watch_func = NULL;
    CHECK(watch.n_held > 4 && !xdp_custody_n_offloaded());
    CHECK(!n_used);
}

/* A port is removed whose device is gone, which nobody has read yet: before
 * its flows leave, nothing is sent to the number, which another device may
 * get. */
static void
test_lost_removed(void)
{
    run(check_removed);
}

const struct unit_case unit_lost[] = {
    { "lost-at-tc", test_lost_at_tc, NEED_BPF },
    { "lost-names", test_lost_names, NEED_BPF },
    { "lost-number", test_lost_number, NEED_BPF },
    { "lost-plain", test_lost_plain, NEED_BPF },
    { "lost-removed", test_lost_removed, NEED_BPF },
    { "lost-waiting", test_lost_waiting, NEED_BPF },
    { NULL, NULL, 0 }
};
