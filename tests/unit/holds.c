/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long 'xdp_mutex' is held: many megaflows enter or leave XDP, for one
 * reason or another, and the test looks in whenever the lock is given back.
 * What counts is how many of them a hold has moved, and whether RCU quiesces
 * between holds.  With --times, it prints for how long the lock was held, too.
 *
 * Ports and their devices are made up (see megaflows.h).
 */

#include <config.h>

#undef NDEBUG
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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
#include "timeval.h"
#include "unit.h"
#include "util.h"
#include "xdp-command.h"
#include "xdp-companion.h"
#include "xdp-custody-private.h"
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

/* The lock. */

/* While 'watching': how many megaflows were in XDP when it was last given
 * back, how many more or less at most after a hold, and holds by the binary
 * logarithm of their microseconds. */
static bool watching;
static size_t n_last, max_moved;
static unsigned int n_holds[32];
static long long int taken_at, longest;
static uint64_t taken_at_cpu, longest_cpu;

/* How many masks and groups the table had made, and megaflows been displaced,
 * and how many in one hold at most. */
static uint64_t n_last_made, max_made;
static uint64_t n_first_displaced, n_last_displaced, max_displaced;

/* Does this thread hold the mutex of those who configure ports, how often was
 * that given back, and how many megaflows left or came while it was held? */
static bool is_configuring;
static unsigned int n_configured;
static size_t n_moved_configuring;

/* How many walks over all megaflows have begun. */
static unsigned int n_walks;

/* If nonnull, a port, and how often it was seen to be open to flows without an
 * obstacle. */
static const struct netdev *watched_netdev;
static unsigned int n_open;

/* If nonnull, a report, its length after the last hold, and of how many ports
 * a hold has added the state at most. */
static const struct ds *watched_report;
static size_t report_len;
static unsigned int max_ports;

/* How often this hold, and one of them at most, has done what takes a system
 * call for a port. */
static unsigned int n_calls, max_calls;

void __real_xdp_flow_table_get_port_stats(const struct xdp_flow_table *,
                                          uint32_t port,
                                          struct xdp_port_stats *);
void __wrap_xdp_flow_table_get_port_stats(const struct xdp_flow_table *,
                                          uint32_t port,
                                          struct xdp_port_stats *);

int __real_xdp_flow_table_set_target(struct xdp_flow_table *, uint32_t port,
                                     uint32_t ifindex);
int __wrap_xdp_flow_table_set_target(struct xdp_flow_table *, uint32_t port,
                                     uint32_t ifindex);

/* How many holds there were, and how often RCU has quiesced. */
static unsigned int n_held, n_quiesced;

void __real_ovsrcu_quiesce(void);
void __wrap_ovsrcu_quiesce(void);
void __real_ovs_mutex_lock_at(const struct ovs_mutex *, const char *where);
void __wrap_ovs_mutex_lock_at(const struct ovs_mutex *, const char *where);
void __real_ovs_mutex_unlock(const struct ovs_mutex *);
void __wrap_ovs_mutex_unlock(const struct ovs_mutex *);
bool __real_custody_walk(size_t *position,
                         unsigned int (*)(struct custody_flow *, void *),
                         void *);
bool __wrap_custody_walk(size_t *position,
                         unsigned int (*)(struct custody_flow *, void *),
                         void *);

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
    } else if (mutex == &xdp_port_config_mutex && watching) {
        is_configuring = true;
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
        uint64_t n_made = xdp_flow_table_n_made(megaflows_object->table);
        uint64_t n_displaced = custody_totals.n_displaced;
        size_t n = custody_n_offloaded();
        size_t n_moved = n > n_last ? n - n_last : n_last - n;

        n_held++;
        n_holds[usec > 0 ? log_2_floor(MIN(usec, INT32_MAX)) : 0]++;
        longest = MAX(longest, usec);
        longest_cpu = MAX(longest_cpu, cpu);
        max_moved = MAX(max_moved, n_moved);
        n_moved_configuring += is_configuring ? n_moved : 0;
        n_last = n;
        max_made = MAX(max_made, n_made - n_last_made);
        n_last_made = n_made;
        max_displaced = MAX(max_displaced, n_displaced - n_last_displaced);
        n_last_displaced = n_displaced;
        max_calls = MAX(max_calls, n_calls);
        n_calls = 0;
        n_open += watched_netdev && is_open(watched_netdev);
        if (watched_report) {
            unsigned int n_ports = count_new_ports(watched_report);

            max_ports = MAX(max_ports, n_ports);
        }
    } else if (mutex == &xdp_port_config_mutex && watching) {
        is_configuring = false;
        n_configured++;
    }
    __real_ovs_mutex_unlock(mutex);
}

/* The linker has everybody call this for custody_walk(). */
bool
__wrap_custody_walk(size_t *position,
                    unsigned int (*cb)(struct custody_flow *, void *),
                    void *aux)
{
    n_walks += !*position;
    return __real_custody_walk(position, cb, aux);
}

/* The linker has everybody call this for xdp_flow_table_get_port_stats(). */
void
__wrap_xdp_flow_table_get_port_stats(const struct xdp_flow_table *table,
                                     uint32_t port,
                                     struct xdp_port_stats *stats)
{
    n_calls++;
    __real_xdp_flow_table_get_port_stats(table, port, stats);
}

/* The linker has everybody call this for xdp_flow_table_set_target(). */
int
__wrap_xdp_flow_table_set_target(struct xdp_flow_table *table, uint32_t port,
                                 uint32_t ifindex)
{
    n_calls++;
    return __real_xdp_flow_table_set_target(table, port, ifindex);
}

/* The linker has everybody call this for ovsrcu_quiesce(). */
void
__wrap_ovsrcu_quiesce(void)
{
    n_quiesced++;
    __real_ovsrcu_quiesce();
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
    max_displaced = 0;
    n_first_displaced = n_last_displaced = custody_totals.n_displaced;
    n_last_made = xdp_flow_table_n_made(megaflows_object->table);
    n_open = 0;
    is_configuring = false;
    n_configured = 0;
    n_moved_configuring = 0;
    n_walks = 0;
    n_calls = max_calls = 0;
    n_held = n_quiesced = 0;
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

/* Cases. */

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

/* The device of a port is deleted that half of the megaflows come from, and
 * the others lead to. */
static void
test_holds_gone(void)
{

    if (!megaflows_begin()) {
        return;
    }
    watch();
    xdp_port_handle_event(XDP_FEATURES_GONE, megaflows_ifindex(0));
    xdp_port_finish_losses();
    unwatch("device gone");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
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
    watch();
    xdp_port_handle_event(XDP_FEATURES_GONE, megaflows_ifindex(0));
    xdp_port_handle_event(XDP_FEATURES_GONE, megaflows_ifindex(1));
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    xdp_port_finish_losses();
    unwatch("two devices gone");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    CHECK(!n_moved_configuring);
    CHECK(n_walks == 1);
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
    watch();
    xdp_port_handle_event(XDP_FEATURES_LOST, 0);
    CHECK(n_configured >= N_PORTS);
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    xdp_port_finish_losses();
    unwatch("events lost");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    CHECK(!n_moved_configuring);
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
    watch();
    xdp_custody_port_removed(PORT_NO(0), "netdev");
    unwatch("port removed");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
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
    watch();
    xdp_custody_netdev_disable(&megaflow_netdevs[TUNNEL]);
    unwatch("tunnel disabled");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
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
    watch();
    xdp_port_handle_event(XDP_FEATURES_CHANGED, megaflows_ifindex(0));
    unwatch("no target");
    xdp_lock();
    can_be_target = megaflows_port(0)->can_be_target;
    xdp_unlock();
    if (!can_be_target) {
        /* Not an old kernel, which cannot tell. */
        CHECK(xdp_custody_n_offloaded() == (holds_flows + 1) / 2);
        CHECK(max_moved && max_moved <= MAX_MOVED);
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
    watch();
    xdp_port_handle_event(XDP_FEATURES_LINK, lo);
    unwatch("large MTU");
    xdp_lock();
    obstacle = megaflows_port(0)->obstacle;
    xdp_unlock();
    CHECK(obstacle);
    CHECK(xdp_custody_n_offloaded() == holds_flows / 2);
    CHECK(max_moved && max_moved <= MAX_MOVED);
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
    watch();
    CHECK(megaflow_put(extra));
    unwatch("put after another vlan-limit");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    watch();
    xdp_custody_apply_vlan_limit();
    unwatch("vlan-limit");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
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
    watch();
    xdp_custody_apply_source_ports();
    unwatch("UDP source ports");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
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
    watch();
    megaflows_retry(XDP_REASON_BIT(XDP_REASON_OFF));
    unwatch("retried, many masks");
    CHECK(n_held > 4 && n_quiesced >= n_held / 2);
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(max_moved && max_moved <= MAX_MOVED);
    CHECK(max_made == 1);
    megaflows_end();
}

/* Megaflows need a map that the kernel does not make for a long time: nobody
 * waits for that with the lock, and they are tried again. */
static void
test_holds_busy(void)
{
    unsigned int extra = holds_flows | 1;
    unsigned int n = 0;

    if (!megaflows_begin()) {
        return;
    }
    megaflows.n_masks = 2;
    block_pool();
    watch();
    CHECK(megaflow_put(extra));
    unwatch("put into a busy table");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    for (size_t i = 0; i < ARRAY_SIZE(n_holds); i++) {
        n += n_holds[i];
    }
    CHECK(n > 100);
    unblock_pool();
    megaflows_retry(XDP_REASON_BIT(XDP_REASON_BUSY));
    CHECK(xdp_custody_n_offloaded() == holds_flows + 1);
    CHECK(megaflow_delete(extra));
    megaflows_end();
}

/* Returns how many megaflows have been displaced since watch(). */
static uint64_t
count_displaced(void)
{
    uint64_t n;

    xdp_lock();
    n = custody_totals.n_displaced - n_first_displaced;
    xdp_unlock();
    return n;
}

/* Megaflows that have a table for themselves that is too small for all of them
 * are displaced by the others, which are busy, and many of which need a new
 * mask. */
static void
test_holds_displace(void)
{
    struct dpif_flow_stats stats;
    unsigned int n_spare;
    bool offloaded, unfinished;

    megaflows.n = MAX(holds_flows, 400);
    megaflows.n_places = megaflows.n / 2;
    megaflows.n_masks = 100;
    /* As many as there are slots to spare, but half of them for others. */
    n_spare = megaflows.n_places / 32 + 64;
    clock_stop();
    if (!megaflows_begin()) {
        clock_run();
        return;
    }
    watch();
    for (unsigned int seconds = 0; seconds < 5; seconds++) {
        clock_advance(1000);
        for (unsigned int i = megaflows.n_places; i < megaflows.n; i++) {
            ovs_u128 ufid = megaflow_ufid(i);

            CHECK(xdp_custody_get(PORT_NO(megaflow_in_port(i)), 1, &ufid,
                                  1000 * seconds, &stats, &offloaded));
        }
        /* Until there are no slots, or it is over: the table is busy while
         * masks are made. */
        do {
            n_held = n_quiesced = 0;
            unfinished = xdp_custody_displace();
            CHECK(n_quiesced == n_held);
            usleep(1000);
        } while (unfinished && count_displaced() < n_spare - n_spare / 2);
    }
    unwatch("displaced");
    CHECK(count_displaced() == n_spare - n_spare / 2);
    CHECK(xdp_custody_n_offloaded() == megaflows.n_places);
    CHECK(max_displaced && max_displaced <= MAX_MOVED / 2);
    CHECK(max_made <= 1);
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
    watch();
    xdp_custody_evict_all();
    unwatch("offload off");
    CHECK(!n_quiesced);
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
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
    watch();
    xdp_custody_evict_all();
    unwatch("offload off, many ports");
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
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
    megaflows_end();
}

/* Many ports are asked whether they have lost packets. */
static void
test_holds_losses(void)
{
    struct xdp_companion companion = { .mtu = 0 };

    megaflows.n_idle = 3 * MAX_CALLS;
    if (!megaflows_begin()) {
        return;
    }
    xdp_lock();
    for (size_t i = 0; i < megaflows.n_idle; i++) {
        megaflows_idle_port(i)->companion = &companion;
    }
    xdp_unlock();
    watch();
    xdp_port_check_losses();
    unwatch("losses");
    CHECK(max_calls && max_calls <= MAX_CALLS);
    xdp_lock();
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
    watched_netdev = netdev;
    watch();
    CHECK(attach(netdev));
    unwatch("port attached");
    CHECK(!n_open);
    CHECK(!xdp_custody_n_offloaded());
    CHECK(max_moved && max_moved <= MAX_MOVED);
    watch();
    megaflows_retry(XDP_RETRY_PORTS);
    unwatch("retried");
    CHECK(xdp_custody_n_offloaded() == holds_flows);
    CHECK(max_moved && max_moved <= MAX_MOVED);

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
    watched_netdev = NULL;
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
    watch();
    if (!attach(netdev)) {
        fail("attaching the object failed");
    }
    unwatch("port attached, many targets");
    if (!max_calls || max_calls > MAX_CALLS) {
        fail("%u targets made with one hold of the lock", max_calls);
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
