/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long 'xdp_mutex' is held: many megaflows enter or leave XDP, for one
 * reason or another, and the test looks in whenever the lock is given back
 * (see watch.h).  What counts is how many of them a hold has moved, and
 * whether RCU quiesces between holds.
 *
 * Ports and their devices are made up (see megaflows.h).
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <linux/if_link.h>
#include <unistd.h>

#include "clock.h"
#include "dpif.h"
#include "fixture.h"
#include "loopback.h"
#include "megaflows.h"
#include "netdev-native-tnl.h"
#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-thread.h"
#include "unit.h"
#include "util.h"
#include "watch.h"
#include "xdp-command.h"
#include "xdp-companion.h"
#include "xdp-custody-private.h"
#include "xdp-features.h"
#include "xdp-flow-table-private.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

unsigned int holds_flows = 3000;
bool holds_times;

/* Megaflows that a hold may move: a batch, and what else is in its last
 * table. */
#define MAX_MOVED (2 * XDP_CUSTODY_BATCH)

/* For how many ports it may do what takes a system call, and those few that it
 * is about. */
#define MAX_CALLS (64 + 4)

/* Returns true if the port of number 'i' is attached. */
static bool
is_attached(size_t i)
{
    bool attached;

    xdp_lock();
    attached = megaflows_port(i)->object != NULL;
    xdp_unlock();
    return attached;
}

/* Returns true if programs take packets for some of port 'i'. */
static bool
finds_port(size_t i)
{
    const struct xdp_netdev *port;
    bool finds;

    xdp_lock();
    port = megaflows_port(i);
    finds = port->object->table->ports_map[port->number].ifindex != 0;
    xdp_unlock();
    return finds;
}

/* The device of a port is deleted that half of the megaflows come from, and
 * the others lead to. */
static void
test_holds_gone(void)
{

    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    xdp_port_handle_event(XDP_FEATURES_GONE, megaflows_ifindex(0));
    CHECK(!finds_port(0) && finds_port(1));
    xdp_port_finish_losses();
    watch_end("device gone");
    CHECK(watch.n_held > 4 && watch.n_quiesced >= watch.n_held / 2);
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    CHECK(!is_attached(0) && is_attached(1) && is_attached(2));
    megaflows_end();
}

/* The devices of two ports are deleted, to each of which half of the megaflows
 * lead.  One walk is enough, and nobody who configures ports has to wait for
 * that. */
static void
test_holds_gone_together(void)
{
    megaflows.fanned = true;
    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    xdp_port_handle_event(XDP_FEATURES_GONE, megaflows_ifindex(0));
    xdp_port_handle_event(XDP_FEATURES_GONE, megaflows_ifindex(1));
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    xdp_port_finish_losses();
    watch_end("two devices gone");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    CHECK(!watch.n_moved_configuring);
    CHECK(watch.n_walks == 1);
    CHECK(!is_attached(0) && !is_attached(1) && is_attached(2));
    megaflows_end();
}

/* Loses port 1 when the walk for the flows of another port has found them
 * all. */
static void
lose_another(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (custody_n_offloaded() <= (holds_flows + 1) / 2
        && !megaflows_port(1)->gone) {
        xdp_port_lose(megaflows_port(1));
    }
}

/* The device of a port is found to be gone by who configures ports, while
 * there is a walk for another one, which finds hardly any of its flows. */
static void
test_holds_gone_late(void)
{
    megaflows.fanned = true;
    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    xdp_port_handle_event(XDP_FEATURES_GONE, megaflows_ifindex(0));
    watch_func = lose_another;
    xdp_port_finish_losses();
    watch_func = NULL;
    xdp_port_finish_losses();
    watch_end("another device gone");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    CHECK(!is_attached(0) && !is_attached(1) && is_attached(2));
    megaflows_end();
}

/* All devices are looked at, because events were lost: others can configure
 * ports in between.  The devices are gone. */
static void
test_holds_lost_events(void)
{
    struct xdp_object *object;

    if (!megaflows_begin()) {
        return;
    }
    object = CONST_CAST(struct xdp_object *, megaflows_object);
    xdp_lock();
    xdp_object_ref(object);
    xdp_unlock();
    watch_begin();
    xdp_port_handle_event(XDP_FEATURES_LOST, 0);
    CHECK(watch.n_configured >= N_PORTS);
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    xdp_port_finish_losses();
    watch_end("events lost");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    CHECK(!watch.n_moved_configuring);
    CHECK(!is_attached(0) && !is_attached(1) && !is_attached(2));
    xdp_port_lock_config();
    xdp_port_put_object(object);
    xdp_port_unlock_config();
    megaflows_end();
}

/* The datapath removes such a port. */
static void
test_holds_removed(void)
{
    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    xdp_custody_port_removed(PORT_NO(0), "netdev");
    watch_end("port removed");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    megaflows_end();
}

/* A tunnel goes to another driver. */
static void
test_holds_tunnel(void)
{
    bool is_tunnel;

    megaflows.tunneled = true;
    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    xdp_custody_netdev_disable(&megaflow_netdevs[TUNNEL]);
    watch_end("tunnel disabled");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    xdp_lock();
    is_tunnel = custody_port_find(PORT_NO(TUNNEL))->tunnel;
    xdp_unlock();
    CHECK(!is_tunnel);
    megaflows_end();
}

/* A port takes no redirected packets any more: its device, which there is not,
 * says nothing of the kind. */
static void
test_holds_target(void)
{
    bool can_be_target;

    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    xdp_port_handle_event(XDP_FEATURES_CHANGED, megaflows_ifindex(0));
    watch_end("no target");
    if (xdp_features_query(megaflows_ifindex(0), &can_be_target)
        == EOPNOTSUPP) {
        skip("this kernel cannot tell which devices take redirected packets");
    } else {
        CHECK(xdp_custody_n_offloaded() == (holds_flows + 1) / 2);
        CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    }
    megaflows_end();
}

/* The MTU of a port is found to be too large: only what comes from there has
 * to leave. */
static void
test_holds_obstacle(void)
{
    const int lo = 1;
    bool obstacle;

    if (!megaflows_begin()) {
        return;
    }
    xdp_lock();
    megaflows_port(0)->ifindex = lo;
    xdp_unlock();
    watch_begin();
    xdp_port_handle_event(XDP_FEATURES_LINK, lo);
    watch_end("large MTU");
    CHECK(watch.n_held > 4 && watch.n_quiesced >= watch.n_held / 2);
    xdp_lock();
    obstacle = megaflows_port(0)->obstacle;
    xdp_unlock();
    CHECK(obstacle);
    CHECK(xdp_custody_n_offloaded() == holds_flows / 2);
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    megaflows_end();
}

/* The limit of VLAN tags changes: all megaflows leave, and none is put into
 * XDP before the programs know the new limit. */
static void
test_holds_vlan_limit(void)
{
    int old_limit = flow_vlan_limit;
    unsigned int extra = holds_flows;

    if (!megaflows_begin()) {
        return;
    }
    flow_vlan_limit = old_limit == 1 ? 2 : 1;
    watch_begin();
    CHECK(megaflow_put(extra));
    watch_end("put after another vlan-limit");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    watch_begin();
    xdp_custody_apply_vlan_limit();
    watch_end("vlan-limit");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    CHECK(megaflow_delete(extra));
    megaflows_retry(XDP_RETRY_PORTS);
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    flow_vlan_limit = old_limit;
    xdp_custody_apply_vlan_limit();
    megaflows_end();
}

/* The range of UDP source ports changes: what pushes UDP headers leaves. */
static void
test_holds_source_ports(void)
{
    uint16_t old_max = tnl_udp_port_max;

    megaflows.pushing = true;
    if (!megaflows_begin()) {
        return;
    }
    tnl_udp_port_max--;
    watch_begin();
    xdp_custody_apply_source_ports();
    watch_end("UDP source ports");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    megaflows_retry(XDP_REASON_BIT(XDP_REASON_ACTION));
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    tnl_udp_port_max = old_max;
    megaflows_end();
}

/* All refused megaflows are tried again, and many of them need a new mask.
 * After each hold but the first, which takes them from their list, others that
 * wait for RCU can go on. */
static void
test_holds_retry(void)
{
    megaflows.n_masks = 100;
    megaflows.late = true;
    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    megaflows_retry(XDP_REASON_BIT(XDP_REASON_OFF));
    watch_end("retried, many masks");
    CHECK(watch.n_held > 4 && watch.n_quiesced >= watch.n_held / 2);
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    CHECK(watch.max_made == 1);
    megaflows_end();
}

/* Megaflows need a map that the kernel does not make for a long time: nobody
 * waits for that with the lock, and they are tried again. */
static void
test_holds_busy(void)
{
    unsigned int extra = holds_flows | 1;

    if (!megaflows_begin()) {
        return;
    }
    megaflows.n_masks = 2;
    block_pool();
    watch_begin();
    CHECK(megaflow_put(extra));
    watch_end("put into a busy table");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(watch.n_held > 100);
    unblock_pool();
    megaflows_retry(XDP_REASON_BIT(XDP_REASON_BUSY));
    CHECK(xdp_custody_n_offloaded() == holds_flows + 1);
    CHECK(megaflow_delete(extra));
    megaflows_end();
}

/* Megaflows that have a table for themselves that is too small for all of them
 * are displaced by the others, which are busy, and many of which need a new
 * mask. */
static void
test_holds_displace(void)
{
    struct dpif_flow_stats stats;
    unsigned int n_spare, n_wanted;
    bool offloaded, unfinished;

    megaflows.n = MAX(holds_flows, 400);
    megaflows.n_places = megaflows.n / 2;
    megaflows.n_masks = 100;
    /* As many as there are slots to spare, but half of them for others. */
    n_spare = megaflows.n_places / 32 + 64;
    n_wanted = n_spare - n_spare / 2;
    clock_stop();
    if (!megaflows_begin()) {
        clock_run();
        return;
    }
    /* Five seconds, or more on a machine that is so busy that a pass loses its
     * patience with one of the masks. */
    watch_begin();
    for (unsigned int seconds = 0;
         seconds < 5 || (seconds < 60 && watch_count_displaced() < n_wanted);
         seconds++) {
        clock_advance(1000);
        for (unsigned int i = megaflows.n_places; i < megaflows.n; i++) {
            ovs_u128 ufid = megaflow_ufid(i);

            CHECK(xdp_custody_get(PORT_NO(megaflow_in_port(i)), 1, &ufid,
                                  1000 * seconds, &stats, &offloaded));
        }
        /* Until there are no slots, or it is over: the table is busy while
         * masks are made. */
        do {
            watch.n_held = watch.n_quiesced = 0;
            unfinished = xdp_custody_displace();
            CHECK(watch.n_quiesced == watch.n_held);
            usleep(1000);
        } while (unfinished && watch_count_displaced() < n_wanted);
    }
    watch_end("displaced");
    CHECK(watch_count_displaced() == n_wanted);
    CHECK(xdp_custody_n_offloaded() == megaflows.n_places);
    CHECK(watch.max_displaced && watch.max_displaced <= MAX_MOVED / 2);
    CHECK(watch.max_made <= 1);
    megaflows_end();
    clock_run();
}

/* The offload is switched off.  Whoever does that may have pointers that RCU
 * protects. */
static void
test_holds_off(void)
{
    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    xdp_custody_evict_all();
    watch_end("offload off");
    CHECK(!watch.n_quiesced);
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    megaflows_end();
}

/* So it is when there are many ports with few megaflows. */
static void
test_holds_many_ports(void)
{
    megaflows.n_alike = 200;
    megaflows.n = 60 * megaflows.n_alike;
    if (!megaflows_begin()) {
        return;
    }
    watch_begin();
    xdp_custody_evict_all();
    watch_end("offload off, many ports");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    megaflows_end();
}

/* The state of all ports is reported. */
static void
test_holds_show(void)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!megaflows_begin()) {
        return;
    }
    watch_report = &s;
    watch_begin();
    xdp_command_show_all(&s);
    watch_end("xdp/show");
    watch_report = NULL;
    CHECK(watch.max_ports == 1);
    CHECK(watch_count_ports(&s, 0) == N_PORTS + 1);
    ds_destroy(&s);
    megaflows_end();
}

/* Many ports are asked whether they have lost packets. */
static void
test_holds_losses(void)
{
    struct xdp_companion companion = { .mtu = 0 };
    struct xdp_object *object;

    megaflows.n_idle = 3 * MAX_CALLS;
    if (!megaflows_begin()) {
        return;
    }
    xdp_lock();
    for (size_t i = 0; i < megaflows.n_idle; i++) {
        megaflows_idle_port(i)->companion = &companion;
    }
    /* This one is just being attached. */
    object = megaflows_idle_port(0)->object;
    megaflows_idle_port(0)->object = NULL;
    xdp_unlock();
    watch_begin();
    xdp_port_check_losses();
    watch_end("losses");
    CHECK(watch.max_calls && watch.max_calls <= MAX_CALLS);
    xdp_lock();
    megaflows_idle_port(0)->object = object;
    for (size_t i = 0; i < megaflows.n_idle; i++) {
        megaflows_idle_port(i)->companion = NULL;
    }
    xdp_unlock();
    megaflows_end();
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
    megaflows.tunneled = true;
    if (!megaflows_begin()) {
        return;
    }
    watch_netdev = netdev;
    watch_begin();
    CHECK(attach(netdev));
    watch_end("port attached");
    CHECK(!watch.n_open);
    CHECK(!xdp_custody_n_offloaded());
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);
    watch_begin();
    megaflows_retry(XDP_RETRY_PORTS);
    watch_end("retried");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(watch.max_moved && watch.max_moved <= MAX_MOVED);

    /* Another one in generic mode changes nothing for the tunnel. */
    CHECK(xdp_port_detach(netdev));
    xdp_lock();
    megaflows_port(1)->xdp_flags = XDP_FLAGS_SKB_MODE;
    xdp_unlock();
    CHECK(attach(netdev));
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(xdp_port_detach(netdev));
    megaflows_end();
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
    watch_netdev = NULL;
    netdev_close(netdev);
    return NULL;
}

/* Sets another limit for objects, so that the next one that is attached is a
 * new one. */
static void
change_limits(void)
{
    struct xdp_flow_table_limits limits;

    xdp_lock();
    limits = *xdp_netdev_get_limits();
    limits.n_hints *= 2;
    xdp_netdev_set_offload(true, &limits);
    xdp_unlock();
}

/* Makes the loopback device of a new namespace a port with an object of its
 * own. */
static void *
targets_main(void *aux OVS_UNUSED)
{
    struct netdev *netdev;

    netdev = loopback_open();
    megaflows.n_idle = 3 * MAX_CALLS;
    if (!netdev || !megaflows_begin()) {
        return NULL;
    }
    change_limits();
    watch_begin();
    if (!attach(netdev)) {
        fail("attaching the object failed");
    }
    watch_end("port attached, many targets");
    if (!watch.max_calls || watch.max_calls > MAX_CALLS) {
        fail("%u targets made with one hold of the lock", watch.max_calls);
    }
    xdp_port_detach(netdev);
    megaflows_end();
    netdev_close(netdev);
    return NULL;
}

/* A port is attached with a new object, of which many others become
 * targets. */
static void
test_holds_targets(void)
{
    /* Only this thread moves to another namespace. */
    xpthread_join(ovs_thread_create("targets", targets_main, NULL), NULL);
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
    { "holds-gone-together", test_holds_gone_together, NEED_BPF },
    { "holds-gone-late", test_holds_gone_late, NEED_BPF },
    { "holds-lost-events", test_holds_lost_events, NEED_BPF },
    { "holds-removed", test_holds_removed, NEED_BPF },
    { "holds-tunnel", test_holds_tunnel, NEED_BPF },
    { "holds-target", test_holds_target, NEED_BPF },
    { "holds-obstacle", test_holds_obstacle, NEED_BPF },
    { "holds-vlan-limit", test_holds_vlan_limit, NEED_BPF },
    { "holds-source-ports", test_holds_source_ports, NEED_BPF },
    { "holds-retry", test_holds_retry, NEED_BPF },
    { "holds-busy", test_holds_busy, NEED_BPF },
    { "holds-displace", test_holds_displace, NEED_BPF },
    { "holds-off", test_holds_off, NEED_BPF },
    { "holds-many-ports", test_holds_many_ports, NEED_BPF },
    { "holds-show", test_holds_show, NEED_BPF },
    { "holds-losses", test_holds_losses, NEED_BPF },
    { "holds-attach", test_holds_attach, NEED_BPF },
    { "holds-targets", test_holds_targets, NEED_BPF },
    { NULL, NULL, 0 }
};
