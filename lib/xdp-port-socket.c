/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AF_XDP sockets of ports: they are made when their queue is free, and put
 * where the program finds them.  See xdp-port.h.
 */

#include <config.h>

#include "xdp-port-private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "if-notifier.h"
#include "netdev-provider.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "xdp-companion.h"
#include "xdp-program.h"

VLOG_DEFINE_THIS_MODULE(xdp_port_socket);

/* How long after the last socket of a queue was closed by this process the
 * queue is waited for, in ms, and how long between two tries, in ns.  It comes
 * back after a few ms, but on a starved machine after some hundreds. */
#define CLOSE_TIME 2000
#define CLOSE_INTERVAL (5 * 1000 * 1000)

/* How often the port of a queue that is busy is configured again, and after
 * which time first, in ms: each time is twice the one before. */
#define BUSY_TRIES 8
#define BUSY_INTERVAL 100

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

/* Returns the attached port whose sockets are on the device 'ifindex', or
 * NULL. */
static struct xdp_netdev *
find_port(int ifindex)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *port = xdp_port_tc_find_companion(ifindex);

    if (!port) {
        port = xdp_netdev_find_attached(ifindex);
    }
    return port;
}

/* Returns the device that the AF_XDP sockets of 'netdev', on the device
 * 'ifindex', must be created on. */
int
xdp_port_socket_device(const struct netdev *netdev, int ifindex)
{
    const struct xdp_netdev *port;

    xdp_lock();
    port = xdp_netdev_lookup(netdev);
    if (port && port->companion) {
        ifindex = port->companion->socket_ifindex;
    }
    xdp_unlock();
    return ifindex;
}

/* Returns how many bytes a packet that the AF_XDP sockets of 'netdev' send may
 * have: as many as fit into a frame, 'frame_size', and into a companion, since
 * the kernel drops what does not without a word. */
uint32_t
xdp_port_max_sent(const struct netdev *netdev, uint32_t frame_size)
{
    const struct xdp_netdev *port;
    uint32_t max = frame_size;

    xdp_lock();
    port = xdp_netdev_lookup(netdev);
    if (port && port->companion) {
        max = MIN(max, port->companion->mtu + VLAN_ETH_HEADER_LEN);
    }
    xdp_unlock();
    return max;
}

/* Returns the flags with which the AF_XDP sockets of device 'ifindex' must be
 * created: without the library's own program where we attached ours. */
uint32_t
xdp_port_socket_flags(int ifindex)
{
    uint32_t flags;

    xdp_lock();
    flags = (find_port(ifindex)
             ? XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD : 0);
    xdp_unlock();
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

/* Notes that 'device', or a queue of it, was found to be busy, as 'why' says,
 * and arranges that its port is configured again. */
void
xdp_port_note_busy(const char *device, const char *why)
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
    VLOG_INFO("%s: %s; trying again in %lld ms", device, why, interval);
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
void
xdp_port_note_closed(const char *device)
{
    struct device_sockets *sockets = shash_find_data(&all_sockets, device);

    if (sockets && sockets->open) {
        sockets->open = false;
        sockets->closed_at = time_msec();
    }
}

/* Returns true if a queue of 'device' was found to be busy, or its companion
 * could not be made, and its port will be configured again for that: no other
 * mode would do better meanwhile. */
bool
xdp_port_is_busy(const char *device)
{
    const struct device_sockets *sockets;
    bool busy;

    xdp_lock();
    sockets = shash_find_data(&all_sockets, device);
    busy = ((sockets && sockets->retry_at != LLONG_MAX)
            || xdp_port_tc_is_pending(device));
    xdp_unlock();
    return busy;
}

/* Has ports whose queues were busy, or whose companions could not be made,
 * configured again when it is time.  To be called each time around the main
 * loop, which it wakes up for that. */
void
xdp_port_retry_busy(void)
{
    long long int next = LLONG_MAX;
    struct shash_node *node;
    bool retry;

    xdp_lock();
    retry = xdp_port_tc_retry(&next);
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
    xdp_unlock();

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

    xdp_lock();
    closed_at = get_sockets(device)->closed_at;
    xdp_unlock();

    for (;;) {
        error = xsk_socket__create(xsk, device, queue, umem, rx, tx, config);
        if (error != -EBUSY || time_msec() - CLOSE_TIME > closed_at) {
            break;
        }
        VLOG_DBG("%s: waiting for queue %"PRIu32", whose socket was just "
                 "closed", device, queue);
        xnanosleep_no_quiesce(CLOSE_INTERVAL);
    }

    xdp_lock();
    if (!error) {
        note_open(device);
    } else if (error == -EBUSY) {
        char *why = xasprintf("no AF_XDP socket for queue %"PRIu32" yet (%s)",
                              queue, ovs_strerror(EBUSY));

        xdp_port_note_busy(device, why);
        free(why);
    }
    xdp_unlock();
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

    ovs_mutex_lock(&xdp_port_config_mutex);
    xdp_lock();
    port = find_port(ifindex);
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
            xdp_port_refresh_obstacle(port, xdp_port_no_pause);
        }
    }
    xdp_unlock();
    ovs_mutex_unlock(&xdp_port_config_mutex);
    return error;
}
