/* SPDX-License-Identifier: Apache-2.0 */
/* See watch.h. */

#include <config.h>

#undef NDEBUG
#include "watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "megaflows.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "unit.h"
#include "util.h"
#include "xdp-custody-private.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

struct watch watch;
const struct netdev *watch_netdev;
const struct ds *watch_report;
void (*watch_func)(void);

/* While 'watching': how many megaflows were in XDP when the lock was last
 * given back, and holds by the binary logarithm of their microseconds. */
static bool watching;
static size_t n_last;
static unsigned int n_holds[32];
static long long int taken_at, longest;
static uint64_t taken_at_cpu, longest_cpu;

/* How many masks and groups the table had made, and megaflows been
 * displaced. */
static uint64_t n_last_made;
static uint64_t n_first_displaced, n_last_displaced;

/* Does this thread hold the mutex of those who configure ports? */
static bool is_configuring;

/* The length of 'watch_report' after the last hold. */
static size_t report_len;

/* How often this hold has done what takes a system call for a port. */
static unsigned int n_calls;

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

/* Returns the number of ports in 'report', of which the first 'start' bytes do
 * not count. */
unsigned int
watch_count_ports(const struct ds *report, size_t start)
{
    const char *p = report->length > start ? report->string + start : "";
    unsigned int n = 0;

    while ((p = strstr(p, "port hold")) != NULL) {
        n++;
        p++;
    }
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

        watch.n_held++;
        n_holds[usec > 0 ? log_2_floor(MIN(usec, INT32_MAX)) : 0]++;
        longest = MAX(longest, usec);
        longest_cpu = MAX(longest_cpu, cpu);
        watch.max_moved = MAX(watch.max_moved, n_moved);
        watch.n_moved_configuring += is_configuring ? n_moved : 0;
        n_last = n;
        watch.max_made = MAX(watch.max_made, n_made - n_last_made);
        n_last_made = n_made;
        watch.max_displaced = MAX(watch.max_displaced,
                                  n_displaced - n_last_displaced);
        n_last_displaced = n_displaced;
        watch.max_calls = MAX(watch.max_calls, n_calls);
        n_calls = 0;
        watch.n_open += watch_netdev && is_open(watch_netdev);
        if (watch_func) {
            watch_func();
        }
        if (watch_report) {
            unsigned int n_ports = watch_count_ports(watch_report, report_len);

            watch.max_ports = MAX(watch.max_ports, n_ports);
            report_len = watch_report->length;
        }
    } else if (mutex == &xdp_port_config_mutex && watching) {
        is_configuring = false;
        watch.n_configured++;
    }
    __real_ovs_mutex_unlock(mutex);
}

/* The linker has everybody call this for custody_walk(). */
bool
__wrap_custody_walk(size_t *position,
                    unsigned int (*cb)(struct custody_flow *, void *),
                    void *aux)
{
    watch.n_walks += !*position;
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
    watch.n_quiesced++;
    __real_ovsrcu_quiesce();
}

/* Begins to watch. */
void
watch_begin(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    memset(&watch, 0, sizeof watch);
    memset(n_holds, 0, sizeof n_holds);
    longest = longest_cpu = 0;
    n_first_displaced = n_last_displaced = custody_totals.n_displaced;
    n_last_made = xdp_flow_table_n_made(megaflows_object->table);
    is_configuring = false;
    report_len = 0;
    n_calls = 0;
    n_last = custody_n_offloaded();
    watching = true;
}

/* Ends that, and prints for how long the lock was held during 'what'. */
void
watch_end(const char *what)
{
    watching = false;
    if (!holds_times) {
        return;
    }
    printf("%s: longest hold %lld us, %"PRIu64" us on a CPU, %"PRIuSIZE" "
           "megaflows\n", what, longest, longest_cpu, watch.max_moved);
    for (size_t i = 0; i < ARRAY_SIZE(n_holds); i++) {
        if (n_holds[i]) {
            printf("  %u below %llu us\n", n_holds[i], 2ULL << i);
        }
    }
}

/* Returns how many megaflows have been displaced since watch_begin(). */
uint64_t
watch_count_displaced(void)
{
    uint64_t n;

    xdp_lock();
    n = custody_totals.n_displaced - n_first_displaced;
    xdp_unlock();
    return n;
}
