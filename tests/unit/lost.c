/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of ports whose devices have left, while other devices get their
 * numbers: on the loopback device of a network namespace of their own.
 *
 * Other ports are made up (see megaflows.h).
 */

#include <config.h>

#undef NDEBUG
#include <linux/if_link.h>

#include "loopback.h"
#include "megaflows.h"
#include "netdev.h"
#include "ovs-thread.h"
#include "unit.h"
#include "util.h"
#include "xdp-custody-private.h"
#include "xdp-flow-table-private.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

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

const struct unit_case unit_lost[] = {
    { "lost-number", test_lost_number, NEED_BPF },
    { NULL, NULL, 0 }
};
