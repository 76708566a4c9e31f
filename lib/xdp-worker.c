/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of the offload.  See xdp-worker.h. */

#include <config.h>

#include "xdp-worker.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "dpif-netdev-reoffer.h"
#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"
#include "xdp-conn-table.h"
#include "xdp-coverage.h"
#include "xdp-custody.h"
#include "xdp-features.h"
#include "xdp-grace.h"
#include "xdp-port.h"
#include "xdp-program.h"
#include "xdp-spare.h"

/* How often refused megaflows are tried again at most, and how long flow slots
 * wait for a grace period at most, in ms. */
#define RETRY_INTERVAL 200

/* How often the masks of the ports are put into the order of their use, the
 * hint caches are fitted to theirs, and some memory is given back, in ms. */
#define SORT_INTERVAL 1000

/* When flows of a new port are offered for the second time, in ms. */
#define REOFFER_INTERVAL 1000

/* How often megaflows are tried again that a system call has failed for, in
 * ms: nothing tells when it would succeed. */
#define SYSTEM_INTERVAL 2000

/* Returns the 'index'th object, or NULL if there are not so many. */
static struct xdp_object *
nth_object(size_t index)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (!index--) {
            return object;
        }
    }
    return NULL;
}

/* Frees the slots of all tables that were withdrawn before the call, and the
 * port numbers that were retired, when no program can know them any more.
 * Waits for that without 'xdp_mutex', which statistics and puts need
 * meanwhile. */
static void
reclaim(void)
    OVS_EXCLUDED(xdp_mutex)
{
    bool any_numbers, any_table = false;
    uint64_t numbers;

    xdp_lock();
    any_numbers = xdp_netdev_begin_numbers(&numbers);
    for (size_t i = 0; ; i++) {
        struct xdp_object *object = nth_object(i);
        bool any_garbage, waited;
        uint64_t epoch;

        if (!object) {
            break;
        }
        if (!object->has_table) {
            continue;
        }
        any_table = true;
        any_garbage = xdp_flow_table_begin_reclaim(object->table, &epoch);
        if (!any_garbage && !any_numbers) {
            continue;
        }

        xdp_object_ref(object);
        xdp_unlock();
        ovsrcu_quiesce_start();
        waited = !xdp_flow_table_wait(object->table);
        ovsrcu_quiesce_end();
        xdp_lock();
        if (waited && any_numbers) {
            /* The programs of all objects have ended. */
            xdp_netdev_free_numbers(numbers);
            any_numbers = false;
        }
        if (waited && any_garbage) {
            while (xdp_flow_table_reclaim(object->table, epoch)) {
                xdp_unlock();
                ovsrcu_quiesce();
                xdp_lock();
            }
            xdp_custody_room_freed();
        }
        xdp_port_put_object(object);
    }
    if (any_numbers && !any_table) {
        xdp_netdev_free_numbers(numbers);
    }
    xdp_unlock();
}

/* Frees the entries of connections that were withdrawn before the call. */
static void
reclaim_conns(void)
    OVS_EXCLUDED(xdp_mutex)
{
    uint64_t epoch;
    bool waited;

    if (xdp_conn_table_begin_reclaim(&epoch)) {
        ovsrcu_quiesce_start();
        waited = !xdp_grace_wait();
        ovsrcu_quiesce_end();
        if (waited) {
            xdp_conn_table_reclaim(epoch);
        }
    }
}

/* Has the masks of all ports tried in the order of their use, one table after
 * the other: each takes its time. */
static void
sort_masks(void)
    OVS_EXCLUDED(xdp_mutex)
{
    bool any = true;

    for (size_t i = 0; any; i++) {
        bool begin = true;
        bool more;

        do {
            struct xdp_object *object;

            xdp_lock();
            object = nth_object(i);
            any = object != NULL;
            more = (any && object->has_table
                    && xdp_flow_table_sort_masks(object->table, begin));
            xdp_unlock();
            begin = false;
        } while (more);
    }
}

/* Fits the hint caches to what they are used for. */
static void
fit_hints(void)
    OVS_EXCLUDED(xdp_mutex)
{
    struct xdp_object *object;

    xdp_lock();
    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            xdp_flow_table_fit_hints(object->table);
        }
    }
    xdp_unlock();
}

/* Has the datapath offer the flows of the ports that got our flow API, and
 * once more when REOFFER_INTERVAL has passed, since it may miss some. */
static void
offer_new_ports(void)
{
    static long long int again_at = LLONG_MAX;
    static odp_port_t *again;
    static size_t n_again;
    odp_port_t *ports;
    size_t n;

    if (time_msec() >= again_at) {
        dpif_netdev_reoffer_ports(again, n_again);
        free(again);
        again = NULL;
        n_again = 0;
        again_at = LLONG_MAX;
    }
    ports = xdp_custody_take_new_ports(&n);
    dpif_netdev_reoffer_ports(ports, n);
    if (n) {
        again = xrealloc(again, (n_again + n) * sizeof *again);
        memcpy(again + n_again, ports, n * sizeof *again);
        n_again += n;
        again_at = time_msec() + REOFFER_INTERVAL;
    }
    free(ports);
}

/* Cleans up a piece of what ports have left behind.  The next time around
 * comes the next.  Nobody has to wait for this thread meanwhile. */
static void
clean_up(void)
    OVS_EXCLUDED(xdp_mutex)
{
    bool more;

    ovsrcu_quiesce_start();
    more = xdp_port_clean_up();
    ovsrcu_quiesce_end();
    if (more) {
        poll_immediate_wake();
    }
}

/* Implements xdp_features_func.  There may be many events, each of which takes
 * long, and the main thread waits until all others quiesce. */
static void
handle_event(enum xdp_features_event event, int ifindex, void *aux OVS_UNUSED)
{
    xdp_port_handle_event(event, ifindex);
    ovsrcu_quiesce();
}

/* The thread. */
static void *
worker_main(void *monitor_)
{
    struct xdp_features_monitor *monitor = monitor_;
    long long int published = LLONG_MIN;
    long long int next_system = LLONG_MIN;
    long long int next_sort = LLONG_MIN;
    long long int next = LLONG_MIN;
    uint64_t last_shortage = xdp_custody_shortage_seq();

    xdp_port_set_cleaner(true);
    for (;;) {
        uint64_t seq = xdp_custody_seq();
        uint64_t shortage = xdp_custody_shortage_seq();
        uint64_t conns = xdp_conn_table_seq();
        bool pending;

        xdp_features_monitor_run(monitor, handle_event, NULL);
        xdp_port_finish_losses();

        if (time_msec() >= next) {
            uint32_t reasons;
            bool unfinished;

            if (time_msec() >= next_sort) {
                sort_masks();
                fit_hints();
                xdp_port_check_losses();
                xdp_spare_trim();
                next_sort = time_msec() + SORT_INTERVAL;
            }
            reclaim();
            reclaim_conns();
            offer_new_ports();
            xdp_custody_apply_vlan_limit();
            xdp_custody_apply_source_ports();
            reasons = xdp_custody_take_wanted();
            if (time_msec() >= next_system) {
                reasons |= XDP_REASON_BIT(XDP_REASON_SYSTEM);
                next_system = time_msec() + SYSTEM_INTERVAL;
            }
            unfinished = xdp_custody_retry(reasons);
            if (xdp_coverage_publish()) {
                published = time_msec();
            }
            next = time_msec() + (unfinished ? 0 : RETRY_INTERVAL);
            pending = false;
        } else {
            if (shortage != last_shortage) {
                reclaim();
            }
            pending = true;
        }
        last_shortage = shortage;
        xdp_custody_displace();
        clean_up();

        xdp_custody_displace_wait();
        xdp_custody_shortage_wait(shortage);
        xdp_features_monitor_wait(monitor);
        if (pending) {
            poll_timer_wait_until(next);
        } else {
            xdp_custody_wait(seq);
            xdp_conn_table_seq_wait(conns);
            poll_timer_wait_until(next_sort);
        }
        if (time_msec() < published + 2 * COVERAGE_CLEAR_INTERVAL) {
            /* Then at the latest poll_block() collects what was published. */
            poll_timer_wait_until(published + 2 * COVERAGE_CLEAR_INTERVAL);
        }
        poll_block();
    }
    return NULL;
}

void
xdp_worker_start(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        ovs_thread_create("xdp_offload", worker_main,
                          xdp_features_monitor_create());
        ovsthread_once_done(&once);
    }
}
