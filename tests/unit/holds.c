/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long 'xdp_mutex' is held: many megaflows enter or leave XDP, for one
 * reason or another, and the test looks in whenever the lock is given back.
 * What counts is how many of them a hold has moved.  With --times, it prints
 * for how long the lock was held, too.
 *
 * Ports and their devices are made up; the object with its table is real.
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dpif.h"
#include "hash.h"
#include "loopback.h"
#include "netdev-native-tnl.h"
#include "netdev-provider.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-thread.h"
#include "packets.h"
#include "sset.h"
#include "timeval.h"
#include "unit.h"
#include "util.h"
#include "xdp-command.h"
#include "xdp-custody-private.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

unsigned int holds_flows = 3000;
bool holds_times;

/* Megaflows that a hold may move: a batch, and what else is in its last
 * table. */
#define MAX_MOVED (2 * XDP_CUSTODY_BATCH)

/* The lock. */

/* While 'watching': how many megaflows were in XDP when it was last given
 * back, how many more or less at most after a hold, and holds by the binary
 * logarithm of their microseconds. */
static bool watching;
static size_t n_last, max_moved;
static unsigned int n_holds[32];
static long long int taken_at, longest;
static uint64_t taken_at_cpu, longest_cpu;

/* The object of all ports, how many masks and groups its table had made, and
 * how many of them in one hold at most. */
static const struct xdp_object *object;
static uint64_t n_last_made, max_made;

/* If nonnull, a port, and how often it was seen to be open to flows without an
 * obstacle. */
static const struct netdev *watched_netdev;
static unsigned int n_open;

/* If nonnull, a report, its length after the last hold, and of how many ports
 * a hold has added the state at most. */
static const struct ds *watched_report;
static size_t report_len;
static unsigned int max_ports;

void __real_ovs_mutex_lock_at(const struct ovs_mutex *, const char *where);
void __wrap_ovs_mutex_lock_at(const struct ovs_mutex *, const char *where);
void __real_ovs_mutex_unlock(const struct ovs_mutex *);
void __wrap_ovs_mutex_unlock(const struct ovs_mutex *);

/* Returns true if flows may come from the port of 'netdev'. */
static bool
is_open(const struct netdev *netdev)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *xdp = xdp_netdev_lookup(netdev);

    return xdp && xdp->object && !xdp->leaving && !xdp->obstacle;
}

/* Returns the number of ports in what is new in 'report'. */
static unsigned int
count_new_ports(const struct ds *report)
{
    const char *p = report->length > report_len ? report->string + report_len
                                                : "";
    unsigned int n = 0;

    while ((p = strstr(p, "port hold")) != NULL) {
        n++;
        p++;
    }
    report_len = report->length;
    return n;
}

/* Returns the time in microseconds that this thread has been on a CPU. */
static uint64_t
cpu_usec(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * UINT64_C(1000000) + ts.tv_nsec / 1000;
}

/* The linker has everybody call this for ovs_mutex_lock_at(). */
void
__wrap_ovs_mutex_lock_at(const struct ovs_mutex *mutex, const char *where)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    __real_ovs_mutex_lock_at(mutex, where);
    if (mutex == &xdp_mutex && watching) {
        taken_at = time_usec();
        taken_at_cpu = cpu_usec();
    }
}

/* The linker has everybody call this for ovs_mutex_unlock(). */
void
__wrap_ovs_mutex_unlock(const struct ovs_mutex *mutex)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (mutex == &xdp_mutex && watching) {
        long long int usec = time_usec() - taken_at;
        uint64_t cpu = cpu_usec() - taken_at_cpu;
        uint64_t n_made = xdp_flow_table_n_made(object->table);
        size_t n = custody_n_offloaded();

        n_holds[usec > 0 ? log_2_floor(MIN(usec, INT32_MAX)) : 0]++;
        longest = MAX(longest, usec);
        longest_cpu = MAX(longest_cpu, cpu);
        max_moved = MAX(max_moved, n > n_last ? n - n_last : n_last - n);
        n_last = n;
        max_made = MAX(max_made, n_made - n_last_made);
        n_last_made = n_made;
        n_open += watched_netdev && is_open(watched_netdev);
        if (watched_report) {
            unsigned int n_ports = count_new_ports(watched_report);

            max_ports = MAX(max_ports, n_ports);
        }
    }
    __real_ovs_mutex_unlock(mutex);
}

/* Begins to watch. */
static void
watch(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    memset(n_holds, 0, sizeof n_holds);
    longest = longest_cpu = 0;
    max_moved = 0;
    max_made = 0;
    n_last_made = xdp_flow_table_n_made(object->table);
    n_open = 0;
    n_last = custody_n_offloaded();
    watching = true;
}

/* Ends that, and prints for how long the lock was held during 'what'. */
static void
unwatch(const char *what)
{
    watching = false;
    if (!holds_times) {
        return;
    }
    printf("%s: longest hold %lld us, %"PRIu64" us on a CPU, %"PRIuSIZE" "
           "megaflows\n", what, longest, longest_cpu, max_moved);
    for (size_t i = 0; i < ARRAY_SIZE(n_holds); i++) {
        if (n_holds[i]) {
            printf("  %u below %llu us\n", n_holds[i], 2ULL << i);
        }
    }
}

/* Ports. */

#define N_PORTS 3               /* Then comes a tunnel. */
#define TUNNEL N_PORTS
#define PORT_NO(I) u32_to_odp(101 + (I))

static struct netdev netdevs[N_PORTS + 1];

/* Returns the port of number 'i'. */
static struct xdp_netdev *
get_port(size_t i)
    OVS_REQUIRES(xdp_mutex)
{
    return xdp_netdev_lookup(&netdevs[i]);
}

/* Returns the number of the device of port 'i', which there is not. */
static int
get_ifindex(size_t i)
{
    return 1000001 + i;
}

/* Makes port 'i' one of the datapath. */
static struct custody_port *
add_custody_port(size_t i)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_port *port = xzalloc(sizeof *port);

    netdevs[i].name = xasprintf("hold%"PRIuSIZE, i);
    netdevs[i].netdev_class = &netdev_afxdp_class;
    port->odp_port = PORT_NO(i);
    port->name = xstrdup(netdevs[i].name);
    port->netdev = &netdevs[i];
    port->enabled = true;
    ovs_list_init(&port->flows);
    xdp_totals_init(&port->totals);
    hmap_insert(&custody_ports, &port->node,
                hash_int(odp_to_u32(port->odp_port), 0));
    return port;
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
    free(netdevs[i].name);
}

/* Makes port 'i', to which 'new_object' is attached. */
static void
add_port(size_t i, struct xdp_object *new_object)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *xdp = xzalloc(sizeof *xdp);

    add_custody_port(i);
    xdp->name = xstrdup(netdevs[i].name);
    xdp->netdev = &netdevs[i];
    xdp->ifindex = get_ifindex(i);
    xdp->link_fd = -1;
    xdp->tc = XDP_TC_NONE;
    xdp->xdp_flags = XDP_FLAGS_DRV_MODE;
    xdp->can_be_target = true;
    ovs_assert(xdp_netdev_alloc_number(xdp->ifindex, &xdp->number));
    ovs_assert(!xdp_flow_table_add_port(new_object->table, xdp->number,
                                        xdp->ifindex,
                                        xdp_netdev_vlan_limit()));
    xdp_object_ref(new_object);
    xdp->object = new_object;
    xdp_netdev_insert(xdp);
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

/* Removes port 'i', whose megaflows are gone. */
static void
remove_port(size_t i)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *xdp = get_port(i);

    remove_custody_port(i);
    xdp_port_take_out(xdp);
    xdp_netdev_remove(xdp);
    free(xdp->name);
    free(xdp->device_problem);
    free(xdp->obstacle_help);
    free(xdp);
}

/* Megaflows. */

/* Returns the ufid of megaflow 'i'. */
static ovs_u128
get_ufid(unsigned int i)
{
    return (ovs_u128) { .u64 = { .lo = i, .hi = 4 } };
}

/* Do megaflows lead into the tunnel, and come from there? */
static bool tunneled;

/* Do they push the header of one? */
static bool pushing;

/* How many masks do they have? */
static unsigned int n_masks = 1;

/* Is the offload off when they come? */
static bool late;

/* Returns the port from which megaflow 'i' comes, every other from 0 and the
 * rest from 2.  They lead to the next one, 1 or 0.  If 'tunneled', the former
 * pop the header of a tunnel, and the latter come from that. */
static size_t
get_in_port(unsigned int i)
{
    return i % 2 ? (tunneled ? TUNNEL : 2) : 0;
}

/* Appends the push of a VXLAN header to 'actions'. */
static void
put_tnl_push(struct ofpbuf *actions)
{
    static const uint8_t header[] = {
        [12] = 0x08, [14] = 0x45, [23] = IPPROTO_UDP, [36] = 0x12, 0xb5,
        [42] = 8, [49] = 0
    };
    struct ovs_action_push_tnl push;

    memset(&push, 0, sizeof push);
    push.tnl_type = OVS_VPORT_TYPE_VXLAN;
    push.header_len = sizeof header;
    memcpy(push.header, header, sizeof header);
    nl_msg_put_unspec(actions, OVS_ACTION_ATTR_TUNNEL_PUSH, &push,
                      offsetof(struct ovs_action_push_tnl, header)
                      + sizeof header);
}

/* Puts megaflow 'i'. */
static bool
put(unsigned int i)
{
    ovs_u128 ufid = get_ufid(i);
    size_t in_port = get_in_port(i);
    struct ofpbuf actions;
    uint64_t stub[8];
    struct match match;
    bool taken;

    match_init_catchall(&match);
    match.flow.in_port.odp_port = PORT_NO(in_port);
    match.wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_nw_dst(&match, htonl(i));
    match_set_nw_src_masked(&match, 0, htonl(i % n_masks));
    ofpbuf_use_stub(&actions, stub, sizeof stub);
    if (pushing) {
        put_tnl_push(&actions);
    }
    if (tunneled && !in_port) {
        nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_TUNNEL_POP,
                            PORT_NO(TUNNEL));
    } else {
        nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_OUTPUT,
                            PORT_NO((in_port + 1) % N_PORTS));
    }
    taken = xdp_custody_put(PORT_NO(in_port), 1, &ufid, &match, actions.data,
                            actions.size, PORT_NO(0));
    ofpbuf_uninit(&actions);
    return taken;
}

/* Deletes megaflow 'i'. */
static bool
delete(unsigned int i)
{
    ovs_u128 ufid = get_ufid(i);

    return xdp_custody_delete(PORT_NO(get_in_port(i)), 1, &ufid);
}

/* Switches the offload on or off, and does nothing about it. */
static void
set_offload(bool on)
{
    struct xdp_flow_table_limits limits;

    ovs_mutex_lock(&xdp_mutex);
    limits = *xdp_netdev_get_limits();
    xdp_netdev_set_offload(on, &limits);
    ovs_mutex_unlock(&xdp_mutex);
}

/* Removes megaflows and ports. */
static void
end(void)
{
    const struct xdp_flow_table_limits none = { .n_flows = 0 };

    for (unsigned int i = 0; i < holds_flows; i++) {
        if (!delete(i)) {
            fail("megaflow %u not in custody", i);
        }
    }
    xdp_port_lock_config();
    for (size_t i = 0; i < N_PORTS; i++) {
        remove_port(i);
    }
    remove_custody_port(TUNNEL);
    xdp_port_unlock_config();
    xdp_port_configure(false, &none);
    tunneled = pushing = false;
    n_masks = 1;
    late = false;
}

/* Makes ports and megaflows, all of which are in XDP, or none if 'late'.
 * Returns false, with the case failed, if that cannot be. */
static bool
begin(void)
{
    struct sset types = SSET_INITIALIZER(&types);
    struct xdp_flow_table_limits limits = {
        .n_flows = holds_flows + 1, .n_slots = 2 * holds_flows,
        .n_masks = XDP_PORT_MAX_MASKS, .n_ports = 1024, .n_hints = 1024,
    };
    struct xdp_object *new_object;
    char *message;
    int error;

    /* Either makes the offload known, by the version of OVS. */
    netdev_run();
    dp_enumerate_types(&types);
    sset_destroy(&types);
    xdp_port_configure(true, &limits);
    xdp_custody_apply_source_ports();

    ovs_mutex_lock(&xdp_mutex);
    if (!hmap_is_empty(&custody_ports)) {
        message = xstrdup("an earlier case has left its ports");
        error = EBUSY;
    } else {
        error = xdp_object_get(object_path, &limits, NULL, &new_object,
                               &message);
    }
    if (!error) {
        for (size_t i = 0; i < N_PORTS; i++) {
            add_port(i, new_object);
        }
        add_tunnel();
        xdp_port_put_object(new_object);
        object = new_object;
    } else {
        fail("%s", message);
        free(message);
    }
    ovs_mutex_unlock(&xdp_mutex);
    if (error) {
        return false;
    }

    set_offload(!late);
    for (unsigned int i = 0; i < holds_flows && !error; i++) {
        error = !put(i);
    }
    set_offload(true);
    if (xdp_custody_n_offloaded() != (late ? 0 : holds_flows)) {
        fail("only %"PRIu64" megaflows in XDP", xdp_custody_n_offloaded());
        end();
        error = EINVAL;
    }
    return !error;
}

/* Cases. */

/* The device of a port is deleted that half of the megaflows come from, and
 * the others lead to. */
static void
test_holds_gone(void)
{
    bool attached;

    if (!begin()) {
        return;
    }
    watch();
    xdp_port_handle_event(XDP_FEATURES_GONE, get_ifindex(0));
    unwatch("device gone");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    ovs_mutex_lock(&xdp_mutex);
    attached = get_port(0)->object;
    ovs_mutex_unlock(&xdp_mutex);
    CHECK(!attached);
    end();
}

/* The datapath removes such a port. */
static void
test_holds_removed(void)
{
    if (!begin()) {
        return;
    }
    watch();
    xdp_custody_port_removed(PORT_NO(0), "netdev");
    unwatch("port removed");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    end();
}

/* A tunnel goes to another driver. */
static void
test_holds_tunnel(void)
{
    bool is_tunnel;

    tunneled = true;
    if (!begin()) {
        return;
    }
    watch();
    xdp_custody_netdev_disable(&netdevs[TUNNEL]);
    unwatch("tunnel disabled");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    ovs_mutex_lock(&xdp_mutex);
    is_tunnel = custody_port_find(PORT_NO(TUNNEL))->tunnel;
    ovs_mutex_unlock(&xdp_mutex);
    CHECK(!is_tunnel);
    end();
}

/* A port takes no redirected packets any more: its device, which there is not,
 * says nothing of the kind. */
static void
test_holds_target(void)
{
    bool can_be_target;

    if (!begin()) {
        return;
    }
    watch();
    xdp_port_handle_event(XDP_FEATURES_CHANGED, get_ifindex(0));
    unwatch("no target");
    ovs_mutex_lock(&xdp_mutex);
    can_be_target = get_port(0)->can_be_target;
    ovs_mutex_unlock(&xdp_mutex);
    if (!can_be_target) {
        /* Not an old kernel, which cannot tell. */
        CHECK(xdp_custody_n_offloaded() == (holds_flows + 1) / 2);
        CHECK(max_moved && max_moved <= MAX_MOVED);
    }
    end();
}

/* The MTU of a port is found to be too large: only what comes from there has
 * to leave. */
static void
test_holds_obstacle(void)
{
    const int lo = 1;
    bool obstacle;

    if (!begin()) {
        return;
    }
    ovs_mutex_lock(&xdp_mutex);
    get_port(0)->ifindex = lo;
    ovs_mutex_unlock(&xdp_mutex);
    watch();
    xdp_port_handle_event(XDP_FEATURES_LINK, lo);
    unwatch("large MTU");
    ovs_mutex_lock(&xdp_mutex);
    obstacle = get_port(0)->obstacle;
    ovs_mutex_unlock(&xdp_mutex);
    CHECK(obstacle);
    CHECK(xdp_custody_n_offloaded() == holds_flows / 2);
    CHECK(max_moved && max_moved <= MAX_MOVED);
    end();
}

/* The limit of VLAN tags changes: all megaflows leave, and none is put into
 * XDP before the programs know the new limit. */
static void
test_holds_vlan_limit(void)
{
    int old_limit = flow_vlan_limit;
    unsigned int extra = holds_flows;

    if (!begin()) {
        return;
    }
    flow_vlan_limit = old_limit == 1 ? 2 : 1;
    watch();
    CHECK(put(extra));
    unwatch("put after another vlan-limit");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    watch();
    xdp_custody_apply_vlan_limit();
    unwatch("vlan-limit");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    CHECK(delete(extra));
    xdp_custody_retry(XDP_RETRY_PORTS);
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    flow_vlan_limit = old_limit;
    xdp_custody_apply_vlan_limit();
    end();
}

/* The range of UDP source ports changes: what pushes UDP headers leaves. */
static void
test_holds_source_ports(void)
{
    uint16_t old_max = tnl_udp_port_max;

    pushing = true;
    if (!begin()) {
        return;
    }
    tnl_udp_port_max--;
    watch();
    xdp_custody_apply_source_ports();
    unwatch("UDP source ports");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    xdp_custody_retry(XDP_REASON_BIT(XDP_REASON_ACTION));
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    tnl_udp_port_max = old_max;
    end();
}

/* All refused megaflows are tried again, and many of them need a new mask. */
static void
test_holds_retry(void)
{
    n_masks = 100;
    late = true;
    if (!begin()) {
        return;
    }
    watch();
    xdp_custody_retry(XDP_REASON_BIT(XDP_REASON_OFF));
    unwatch("retried, many masks");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(max_moved && max_moved <= MAX_MOVED);
    CHECK(max_made && max_made <= 4);
    end();
}

/* The offload is switched off. */
static void
test_holds_off(void)
{
    if (!begin()) {
        return;
    }
    watch();
    xdp_custody_evict_all();
    unwatch("offload off");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    end();
}

/* The state of all ports is reported. */
static void
test_holds_show(void)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!begin()) {
        return;
    }
    watched_report = &s;
    report_len = max_ports = 0;
    watch();
    xdp_command_show_all(&s);
    unwatch("xdp/show");
    watched_report = NULL;
    CHECK(max_ports == 1);
    report_len = 0;
    CHECK(count_new_ports(&s) == N_PORTS + 1);
    ds_destroy(&s);
    end();
}

/* Attaches the object to 'netdev' in generic mode. */
static bool
attach(struct netdev *netdev)
{
    return !xdp_port_attach(netdev, netdev_get_ifindex(netdev),
                            XDP_FLAGS_SKB_MODE, true);
}

/* test_holds_attach() with 'netdev', whose MTU is too large. */
static void
check_attach(struct netdev *netdev)
{
    tunneled = true;
    if (!begin()) {
        return;
    }
    watched_netdev = netdev;
    watch();
    CHECK(attach(netdev));
    unwatch("port attached");
    CHECK(!n_open);
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    watch();
    xdp_custody_retry(XDP_RETRY_PORTS);
    unwatch("retried");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(max_moved && max_moved <= MAX_MOVED);

    /* Another one in generic mode changes nothing for the tunnel. */
    CHECK(xdp_port_detach(netdev));
    ovs_mutex_lock(&xdp_mutex);
    get_port(1)->xdp_flags = XDP_FLAGS_SKB_MODE;
    ovs_mutex_unlock(&xdp_mutex);
    CHECK(attach(netdev));
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(xdp_port_detach(netdev));
    end();
}

/* Makes the loopback device of a new namespace a port. */
static void *
attach_main(void *aux OVS_UNUSED)
{
    struct netdev *netdev;

    netdev = loopback_open();
    if (!netdev) {
        return NULL;
    }
    check_attach(netdev);
    watched_netdev = NULL;
    netdev_close(netdev);
    return NULL;
}

/* A port is attached in a mode that no other has: what is behind tunnels has
 * to be translated again, and no flow comes to the port before it is known
 * what is in the way of that. */
static void
test_holds_attach(void)
{
    /* Only this thread moves to another namespace. */
    xpthread_join(ovs_thread_create("attach", attach_main, NULL), NULL);
}

const struct unit_case unit_holds[] = {
    { "holds-gone", test_holds_gone, NEED_BPF },
    { "holds-removed", test_holds_removed, NEED_BPF },
    { "holds-tunnel", test_holds_tunnel, NEED_BPF },
    { "holds-target", test_holds_target, NEED_BPF },
    { "holds-obstacle", test_holds_obstacle, NEED_BPF },
    { "holds-vlan-limit", test_holds_vlan_limit, NEED_BPF },
    { "holds-source-ports", test_holds_source_ports, NEED_BPF },
    { "holds-retry", test_holds_retry, NEED_BPF },
    { "holds-off", test_holds_off, NEED_BPF },
    { "holds-show", test_holds_show, NEED_BPF },
    { "holds-attach", test_holds_attach, NEED_BPF },
    { NULL, NULL, 0 }
};
