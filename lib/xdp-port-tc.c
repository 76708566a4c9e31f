/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports at tc: their program, and their companions.  See xdp-port.h.
 */

#include <config.h>

#include "xdp-port-private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "netdev-provider.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "xdp-abi-tc.h"
#include "xdp-companion.h"
#include "xdp-custody.h"
#include "xdp-program.h"
#include "xdp-tc.h"
#include "xdp-view.h"

VLOG_DEFINE_THIS_MODULE(xdp_port_tc);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How long after a companion was made in vain no other is made, in ms, for the
 * first time: each time is twice the one before, up to a limit.  Devices that
 * come and go have OVS configure again what it could not configure, so without
 * that it would go on for ever.  What made it fail may pass, so then the port
 * is configured again. */
#define FAILURE_INTERVAL 500
#define FAILURE_MAX_SHIFT 7
#define FAILURE_MAX_INTERVAL (FAILURE_INTERVAL << FAILURE_MAX_SHIFT)

/* How often in a row until best-effort mode goes on with other modes. */
#define FAILURE_TRIES 3

#define NO_SOCKETS "no AF_XDP sockets on the companion"

/* For how many ports it is looked with one hold of the lock whether they have
 * lost packets, which takes a system call if they have a companion. */
#define LOSSES_BATCH 64

/* A companion that was made in vain. */
struct failure {
    long long int next_try;     /* time_msec() from when on to try again. */
    bool retry;                 /* Is the port to be configured then? */
    unsigned int n;             /* How often in a row. */
    char *message;              /* What was wrong. */
};

/* "struct failure" by name of the port: the netdev of one that could not be
 * configured is gone. */
static struct shash failures OVS_GUARDED_BY(xdp_mutex)
    = SHASH_INITIALIZER(&failures);

/* Failures. */

/* Returns true if 'failure' does not count any more when the next one
 * comes. */
static bool
is_over(const struct failure *failure, long long int now)
{
    return failure->next_try < now - FAILURE_MAX_INTERVAL;
}

/* Notes that a companion for 'port' was made in vain, because of 'message',
 * unless that is known already. */
void
xdp_port_tc_note_failure(const struct xdp_netdev *port, const char *message)
{
    struct failure *failure = shash_find_data(&failures, port->name);
    long long int now = time_msec();

    if (!failure) {
        failure = xzalloc(sizeof *failure);
        shash_add(&failures, port->name, failure);
    } else if (failure->retry && failure->next_try > now) {
        return;
    } else if (is_over(failure, now)) {
        failure->n = 0;
    }
    failure->next_try = now + MIN(FAILURE_INTERVAL << failure->n,
                                  FAILURE_MAX_INTERVAL);
    failure->retry = true;
    failure->n = MIN(failure->n + 1, FAILURE_MAX_SHIFT);
    xdp_port_replace_string(&failure->message, message);
}

/* Notes that the AF_XDP sockets of 'netdev' could not be made, for whatever
 * reason. */
void
xdp_port_note_failure(const struct netdev *netdev)
{
    const struct xdp_netdev *port;

    xdp_lock();
    port = xdp_netdev_lookup(netdev);
    if (port && port->companion) {
        xdp_port_tc_note_failure(port, NO_SOCKETS);
    }
    xdp_unlock();
}

/* Returns false, with a message in '*errp', if it is too early to make another
 * companion for 'port'. */
bool
xdp_port_tc_may_try(const struct xdp_netdev *port, char **errp)
{
    const struct failure *failure = shash_find_data(&failures, port->name);

    if (failure && time_msec() < failure->next_try) {
        *errp = xasprintf("%s (a moment ago; not tried again yet)",
                          failure->message);
        return false;
    }
    return true;
}

/* Returns true if the port of the device 'name', which was just configured in
 * vain, will be configured again because its companion was of no use, and no
 * other mode is to be tried meanwhile, in which it would stay. */
bool
xdp_port_tc_is_pending(const char *name)
{
    const struct failure *failure;
    const struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        if (port->companion && !strcmp(port->name, name)) {
            xdp_port_tc_note_failure(port, NO_SOCKETS);
        }
    }
    failure = shash_find_data(&failures, name);
    return failure && failure->retry && failure->n <= FAILURE_TRIES;
}

/* Forgets failures that do not count any more, if there is no port of which
 * somebody could ask why it is not at tc: names of containers do not come
 * again. */
static void
forget_failures(long long int now)
    OVS_REQUIRES(xdp_mutex)
{
    struct sset names = SSET_INITIALIZER(&names);
    const struct xdp_netdev *port;
    struct shash_node *node;

    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        sset_add(&names, port->name);
    }
    SHASH_FOR_EACH_SAFE (node, &failures) {
        struct failure *failure = node->data;

        if (!failure->retry && is_over(failure, now)
            && !sset_contains(&names, node->name)) {
            free(failure->message);
            free(failure);
            shash_delete(&failures, node);
        }
    }
    sset_destroy(&names);
}

/* Returns true if it is time to configure ports again for which a companion
 * was made in vain.  Lessens '*next' to the next such time. */
bool
xdp_port_tc_retry(long long int *next)
{
    static long long int next_forget = LLONG_MIN;
    long long int now = time_msec();
    struct shash_node *node;
    bool retry = false;

    if (now >= next_forget) {
        forget_failures(now);
        next_forget = now + FAILURE_MAX_INTERVAL;
    }
    SHASH_FOR_EACH (node, &failures) {
        struct failure *failure = node->data;

        if (failure->retry && failure->next_try <= now) {
            failure->retry = false;
            retry = true;
        } else if (failure->retry) {
            *next = MIN(*next, failure->next_try);
        }
    }
    return retry;
}

/* Companions. */

/* Returns the largest packet that gets through 'companion' into a socket. */
static uint32_t
max_packet(const struct xdp_companion *companion)
{
    return MIN(companion->mtu + ETH_HEADER_LEN,
               XDP_PORT_MAX_MTU + VLAN_ETH_HEADER_LEN);
}

/* Makes both ends of 'companion' known in 'table' as those of the port
 * 'number', or not any more if not 'add'.  Returns 0 or a positive errno
 * value. */
static int
set_ends(struct xdp_flow_table *table, uint32_t number,
         const struct xdp_companion *companion, bool add)
{
    int error = xdp_flow_table_set_companion_end(
        table, number, companion->port_ifindex, add);

    return ((error && add) ? error
            : xdp_flow_table_set_companion_end(
                table, number, companion->socket_ifindex, add));
}

/* Ports. */

/* Returns true if best-effort mode is to try tc for the device 'ifindex': a
 * container or a virtual machine is behind a device of this kind. */
bool
xdp_port_tc_suits(int ifindex)
{
    struct xdp_view device;

    return (!xdp_view_query(ifindex, &device)
            && device.is_pair && device.is_ethernet);
}

/* Does for xdp_port_tc_attach() what takes long.  Stores what it has made in
 * '*tc' and '*companionp'. */
static int
make_companion(const struct xdp_netdev *port, const struct xdp_object *object,
               uint32_t number, int ifindex, struct xdp_tc *tc,
               struct xdp_companion **companionp, char **errp)
{
    struct xdp_companion *companion;
    struct xdp_view device;
    struct xdp_tc_fds fds;
    int error;

    *companionp = NULL;
    error = xdp_view_query(ifindex, &device);
    if (error) {
        *tc = XDP_TC_NONE;
        *errp = xasprintf("asking what the device is like failed (%s)",
                          ovs_strerror(error));
        return error;
    }
    if (!device.is_ethernet) {
        *tc = XDP_TC_NONE;
        *errp = xstrdup("the device carries no Ethernet frames (if it is a "
                        "tun device, make a tap device instead)");
        return EPROTONOSUPPORT;
    }
    /* That takes its time, in which packets would be lost that come in while
     * there is no companion. */
    xdp_port_limit_companions();
    xdp_object_tc_fds(object, &fds);
    error = xdp_tc_attach(ifindex, fds.flow_table, fds.entry, tc, errp);
    if (error) {
        return error;
    }
    error = xdp_companion_create(port->name, port->netdev->n_rxq,
                                 companionp, errp);
    if (error) {
        return error;
    }
    companion = *companionp;
    error = set_ends(object->table, number, companion, true);
    if (error) {
        *errp = xasprintf("making the companion known to the object failed "
                          "(%s)%s", ovs_strerror(error),
                          error == E2BIG
                          ? "; raise other_config:xdp-max-ports and restart "
                            "ovs-vswitchd" : "");
        return error;
    }
    return xdp_companion_start(companion, fds.from_userspace,
                               fds.to_userspace, errp);
}

/* Attaches 'object', which has a flow table and programs for tc, to 'port' on
 * device 'ifindex', as its port 'number', and makes a companion.  Returns 0,
 * or a positive errno value with a message in '*errp'.  Releases 'xdp_mutex'
 * meanwhile. */
int
xdp_port_tc_attach(struct xdp_netdev *port, const struct xdp_object *object,
                   uint32_t number, int ifindex, char **errp)
{
    struct xdp_companion *companion;
    struct xdp_tc tc;
    bool tried;
    int error;

    xdp_unlock();
    error = make_companion(port, object, number, ifindex, &tc, &companion,
                           errp);
    tried = tc.ifindex != 0;
    if (error) {
        xdp_tc_detach(&tc);
        if (companion) {
            set_ends(object->table, number, companion, false);
            xdp_companion_destroy(companion);
        }
    }
    xdp_lock();
    if (error) {
        /* Without a program on the device, for instance because it has gone,
         * no companion was made. */
        if (tried) {
            xdp_port_tc_note_failure(port, *errp);
        }
        return error;
    }
    port->tc = tc;
    port->companion = companion;
    xdp_flow_table_set_companion(object->table, number,
                                 companion->port_ifindex,
                                 max_packet(companion));
    return 0;
}

/* Takes the companion from 'port', whose program is not attached any more, and
 * which is still in the table. */
void
xdp_port_tc_take_out(struct xdp_netdev *port)
{
    xdp_flow_table_set_companion(port->object->table, port->number, 0, 0);
    set_ends(port->object->table, port->number, port->companion, false);
    xdp_port_leave_companion(port->companion);
    port->companion = NULL;
}

/* Returns the attached port of whose companion the device 'ifindex' is an end,
 * or NULL. */
struct xdp_netdev *
xdp_port_tc_find_companion(int ifindex)
{
    struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        if (port->companion
            && (port->companion->port_ifindex == ifindex
                || port->companion->socket_ifindex == ifindex)) {
            return port;
        }
    }
    return NULL;
}

/* Makes the end 'ifindex' of the companion of 'port', which has one, what it
 * was before somebody changed it: packets would get lost there, or be broken.
 * Releases 'xdp_mutex' meanwhile. */
void
xdp_port_tc_restore(const struct xdp_netdev *port, int ifindex)
{
    bool restored;
    int error;

    xdp_unlock();
    restored = xdp_companion_restore(port->companion, ifindex, &error);
    xdp_lock();

    if (restored) {
        VLOG_WARN_RL(&rl, "%s: somebody has taken down the companion %s of "
                     "the port, or changed its MTU or offloads; undoing that: "
                     "%s", port->name, port->companion->port_end,
                     error ? ovs_strerror(error) : "done");
    }
}

/* Has the companion of 'port', if it has one, merge the packets of TCP that
 * userspace sends, unless that would leave their checksums unfinished for a
 * program behind the device.  Releases 'xdp_mutex' meanwhile. */
void
xdp_port_tc_set_gro(const struct xdp_netdev *port)
{
    bool on = !port->leaves_unfinished;
    int error;

    if (!port->companion) {
        return;
    }
    xdp_unlock();
    error = xdp_companion_set_gro(port->companion, on);
    xdp_lock();

    if (error) {
        VLOG_WARN_RL(&rl, "%s: switching GRO of the companion %s %s failed "
                     "(%s)", port->name, port->companion->port_end,
                     on ? "on" : "off", ovs_strerror(error));
    }
}

/* Has the programs at tc of 'object', which has a flow table, put packets to
 * 'port' into the other end of its device, if they may. */
void
xdp_port_tc_set_peer(const struct xdp_object *object,
                     const struct xdp_netdev *port)
{
    bool known = (port->peer_away && !eth_addr_is_zero(port->peer_mac)
                  && !port->peer_has_program);

    xdp_flow_table_set_peer(object->table, port->number,
                            known ? &port->peer_mac : NULL);
}

/* Returns how many packets without a flow were lost because they were too
 * large for the companion of 'port'. */
static uint64_t
count_too_large(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_port_stats stats;

    /* A port that is being attached has only a companion at first. */
    if (!port->object || !port->companion) {
        return 0;
    }
    xdp_flow_table_get_port_stats(port->object->table, port->number, &stats);
    return stats.too_large;
}

/* Has the status of 'port' told again if it has lost packets for the first
 * time, or twice as many as then, because these were too large for the
 * companion. */
static void
check_losses(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    uint64_t n = count_too_large(port);

    if (n >= 2 * port->n_too_large + !port->n_too_large) {
        port->n_too_large = n;
        VLOG_WARN_RL(&rl, "%s: %"PRIu64" packets without a flow were too "
                     "large for userspace, and lost, but for the first "
                     "piece of TCP", port->name, n);
        netdev_change_seq_changed(port->netdev);
    }
}

/* Does so for the ports from '*position' on, as many as one hold of the lock
 * may.  Returns false if there are no more. */
static bool
check_some_losses(struct hmap_position *position)
    OVS_REQUIRES(xdp_mutex)
{
    for (int i = 0; i < LOSSES_BATCH && (!i || !xdp_lock_is_due()); i++) {
        struct hmap_node *node = hmap_at_position(xdp_netdev_all(), position);

        if (!node) {
            return false;
        }
        check_losses(CONTAINER_OF(node, struct xdp_netdev, node));
    }
    return true;
}

/* Does so for all ports.  One may be missed that comes, or while others come
 * or go: the next call is a moment later. */
void
xdp_port_check_losses(void)
{
    struct hmap_position position = { .bucket = 0 };
    bool more;

    do {
        xdp_lock();
        more = check_some_losses(&position);
        xdp_unlock();
    } while (more);
}

/* Returns in words for the user, which the caller frees, why 'port' is not at
 * tc if that would be best, or NULL. */
static char *
why_not_tc(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    const struct failure *failure = shash_find_data(&failures, port->name);

    if (!port->object || !port->others_follow || xdp_netdev_is_tc(port)
        || !(port->peer || port->peer_away)) {
        return NULL;
    } else if (port->object->tc_problem) {
        return xasprintf("not at tc, as would be best for this device: %s; "
                         "see to it that the other end suits XDP, or use a "
                         "newer kernel", port->object->tc_problem);
    } else if (failure && xdp_contract_has_tc(&port->object->caps)) {
        return xasprintf("not at tc, as would be best for this device: %s; "
                         "configure the port again", failure->message);
    }
    return NULL;
}

/* Returns what is wrong with 'port' because of its companion, or because it is
 * not at tc, in words for the user, which the caller frees, or NULL. */
char *
xdp_port_tc_problem(const struct xdp_netdev *port)
{
    uint64_t n = count_too_large(port);
    uint32_t max;

    if (!n) {
        return why_not_tc(port);
    }
    max = max_packet(port->companion);
    return xasprintf("%"PRIu64" packets without a flow were lost, but for the "
                     "first piece of TCP, because they were larger than the "
                     "%"PRIu32" bytes that get to userspace: lower the MTU "
                     "where they come from, or here (ip link set dev %s mtu "
                     "%"PRIu32")", n, max, port->name,
                     max - VLAN_ETH_HEADER_LEN - XDP_COMPANION_ROOM);
}
