/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of ports, on the loopback device of a network namespace of their
 * own.
 */

#include <config.h>

#undef NDEBUG
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loopback.h"
#include "netdev.h"
#include "openvswitch/list.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "unit.h"
#include "util.h"
#include "xdp-companion.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

/* How often a port is attached and detached at most, until it was seen what is
 * to be seen. */
#define MAX_TRIES 100

/* What is being done to the port. */
enum phase { PHASE_NONE, PHASE_ATTACH, PHASE_DETACH, PHASE_END };
static atomic_int phase;

/* How often a thread that had 'xdp_mutex' saw that an object was being loaded,
 * or unloaded. */
static atomic_count n_loading, n_unloading;

/* Returns the number of maps that this process has open. */
static int
count_maps(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int n = 0;

    ovs_assert(dir);
    while ((entry = readdir(dir)) != NULL) {
        char target[64];
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, target,
                                  sizeof target - 1);

        if (size > 0) {
            target[size] = '\0';
            n += strstr(target, "bpf-map") != NULL;
        }
    }
    closedir(dir);
    return n;
}

/* The thread that wants the lock.  Whoever has it sees the objects that are
 * loaded in the list; one that has maps, and is not there, is on its way in or
 * out. */
static void *
lock_main(void *n_maps_)
{
    const int *n_maps = n_maps_;
    int current;

    do {
        xdp_lock();
        atomic_read(&phase, &current);
        if ((current == PHASE_ATTACH || current == PHASE_DETACH)
            && ovs_list_is_empty(xdp_object_list())
            && count_maps() > *n_maps) {
            atomic_count_inc(current == PHASE_ATTACH ? &n_loading
                                                     : &n_unloading);
        }
        xdp_unlock();
        sched_yield();
    } while (current != PHASE_END);
    return NULL;
}

/* Attaches the object to 'netdev' and takes it off again, in each case until
 * the other thread has seen it happen. */
static void
attach_and_detach(struct netdev *netdev)
{
    int ifindex = netdev_get_ifindex(netdev);

    for (int i = 0; i < MAX_TRIES; i++) {
        int error;

        atomic_store(&phase, PHASE_ATTACH);
        error = xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true);
        atomic_store(&phase, PHASE_NONE);
        CHECK(!error && xdp_port_is_attached(netdev));
        xdp_lock();
        CHECK(ovs_list_size(xdp_object_list()) == 1);
        xdp_unlock();

        atomic_store(&phase, PHASE_DETACH);
        CHECK(xdp_port_detach(netdev) && !xdp_port_is_attached(netdev));
        atomic_store(&phase, PHASE_NONE);
        if (atomic_count_get(&n_loading) && atomic_count_get(&n_unloading)) {
            break;
        }
    }
    CHECK(atomic_count_get(&n_loading));
    CHECK(atomic_count_get(&n_unloading));
}

/* Makes the loopback device of a new namespace a port. */
static void *
port_main(void *aux OVS_UNUSED)
{
    const struct xdp_flow_table_limits limits = {
        .n_flows = 65536, .n_slots = 65536 + 2048, .n_masks = 16,
        .n_ports = 1024, .n_hints = 1024,
    };
    const struct xdp_flow_table_limits none = { .n_flows = 0 };
    int n_maps = count_maps();
    struct netdev *netdev;
    pthread_t thread;

    netdev = loopback_open();
    if (!netdev) {
        return NULL;
    }

    xdp_port_configure(true, &limits);
    atomic_store(&phase, PHASE_NONE);
    thread = ovs_thread_create("lock", lock_main, &n_maps);
    attach_and_detach(netdev);
    atomic_store(&phase, PHASE_END);
    xpthread_join(thread, NULL);
    xdp_port_configure(false, &none);
    netdev_close(netdev);

    /* Another thread closes them.  What earlier cases have left to it may
     * have been among those at first. */
    for (int i = 0; i < 600; i++) {
        if (count_maps() <= n_maps) {
            return NULL;
        }
        usleep(100 * 1000);
    }
    fail("some maps are left");
    return NULL;
}

/* While an object is loaded, or unloaded, others can have the lock. */
static void
test_port_lock(void)
{
    /* Only this thread moves to another namespace. */
    xpthread_join(ovs_thread_create("port", port_main, NULL), NULL);
}

/* How often the worker, or who has its place, has unloaded an object, and
 * deleted a companion. */
static unsigned int n_unloaded, n_deleted;

void __real_xdp_object_unload(struct xdp_object *);
void __wrap_xdp_object_unload(struct xdp_object *);
void __real_xdp_companion_destroy_all(struct ovs_list *);
void __wrap_xdp_companion_destroy_all(struct ovs_list *);

/* The linker has everybody call this for xdp_object_unload(). */
void
__wrap_xdp_object_unload(struct xdp_object *object)
{
    n_unloaded += object != NULL;
    __real_xdp_object_unload(object);
}

/* The linker has everybody call this for xdp_companion_destroy_all(). */
void
__wrap_xdp_companion_destroy_all(struct ovs_list *companions)
{
    n_deleted += ovs_list_size(companions);
    __real_xdp_companion_destroy_all(companions);
}

/* Has somebody who configures ports leave a companion, which is made up. */
static void
leave_companion(void)
{
    struct xdp_companion *companion = xzalloc(sizeof *companion);

    ovs_list_init(&companion->all_node);
    companion->tc = XDP_TC_NONE;
    companion->link_fd = -1;
    xdp_port_lock_config();
    xdp_port_leave_companion(companion);
    xdp_port_unlock_config();
}

/* Attaches the object to 'netdev' and takes it off again, while somebody is
 * there who cleans up. */
static void
check_leftovers(struct netdev *netdev)
{
    int ifindex = netdev_get_ifindex(netdev);

    n_unloaded = n_deleted = 0;
    CHECK(!xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true));

    /* Another device that had its number is gone, not this one. */
    xdp_port_handle_event(XDP_FEATURES_GONE, ifindex);
    xdp_port_finish_losses();
    CHECK(xdp_port_is_attached(netdev));

    leave_companion();
    leave_companion();
    CHECK(xdp_port_detach(netdev) && !xdp_port_is_attached(netdev));
    CHECK(!n_unloaded && !n_deleted);

    /* Companions first. */
    CHECK(xdp_port_clean_up());
    CHECK(!n_unloaded && n_deleted == 2);
    CHECK(!xdp_port_clean_up());
    CHECK(n_unloaded == 1);

    /* Before an object is loaded, those that were left are unloaded. */
    CHECK(!xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true));
    CHECK(xdp_port_detach(netdev) && n_unloaded == 1);
    CHECK(!xdp_port_attach(netdev, ifindex, XDP_FLAGS_SKB_MODE, true));
    CHECK(n_unloaded == 2);
    CHECK(xdp_port_detach(netdev) && n_unloaded == 2);

    /* When nobody is there any more, what is left goes, too. */
    leave_companion();
    xdp_port_set_cleaner(false);
    leave_companion();
    CHECK(n_unloaded == 3 && n_deleted == 2 + 2);
    xdp_port_set_cleaner(true);
}

/* Has companions made while there are many that were left. */
static void
check_many_leftovers(void)
{
    enum { N = 100 };

    n_deleted = 0;
    for (int i = 0; i < N; i++) {
        leave_companion();
    }
    CHECK(!n_deleted);

    /* Nobody has to wait until all of them are gone. */
    xdp_port_limit_companions();
    CHECK(n_deleted > 1 && n_deleted < N / 2);

    /* They do not pile up, even if each port that is made has left one. */
    for (int i = 0; i < N; i++) {
        leave_companion();
        xdp_port_limit_companions();
    }
    CHECK(n_deleted >= 2 * N - 20 && n_deleted < 2 * N);
}

/* Makes the loopback device of a new namespace a port. */
static void *
leftovers_main(void *aux OVS_UNUSED)
{
    const struct xdp_flow_table_limits limits = {
        .n_flows = 64, .n_slots = 128, .n_masks = 16, .n_ports = 1024,
        .n_hints = 64,
    };
    const struct xdp_flow_table_limits none = { .n_flows = 0 };
    struct netdev *netdev = loopback_open();

    if (netdev) {
        xdp_port_configure(true, &limits);
        xdp_port_set_cleaner(true);
        check_leftovers(netdev);
        check_many_leftovers();
        xdp_port_set_cleaner(false);
        xdp_port_configure(false, &none);
        netdev_close(netdev);
    }
    return NULL;
}

/* Who removes a port leaves what takes long to who cleans up. */
static void
test_port_leftovers(void)
{
    /* Only this thread moves to another namespace. */
    xpthread_join(ovs_thread_create("left", leftovers_main, NULL), NULL);
}

/* Counts events in 'n'. */
static void
count_event(enum xdp_features_event event OVS_UNUSED, int ifindex OVS_UNUSED,
            void *n)
{
    ++*(unsigned int *) n;
}

/* Takes the loopback device of a new namespace up and down. */
static void *
events_main(void *aux OVS_UNUSED)
{
    enum { N = 3 * XDP_FEATURES_MAX_EVENTS };
    struct xdp_features_monitor *monitor;
    struct ifreq ifr = { .ifr_name = "lo" };
    unsigned int n, total = 0;
    int fd;

    if (unshare(CLONE_NEWNET)) {
        fail("making a network namespace failed: %s", ovs_strerror(errno));
        return NULL;
    }
    monitor = xdp_features_monitor_create();
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    ovs_assert(fd >= 0);
    for (int i = 0; i < N; i++) {
        ifr.ifr_flags = i % 2 ? 0 : IFF_UP;
        ovs_assert(!ioctl(fd, SIOCSIFFLAGS, &ifr));
    }
    close(fd);
    do {
        n = 0;
        xdp_features_monitor_run(monitor, count_event, &n);
        total += n;
        if (n > XDP_FEATURES_MAX_EVENTS) {
            fail("%u events at once", n);
        }
    } while (n);
    if (total < N) {
        fail("only %u events", total);
    }
    return NULL;
}

/* A lot of events is handled in pieces. */
static void
test_port_events(void)
{
    /* Only this thread moves to another namespace. */
    xpthread_join(ovs_thread_create("events", events_main, NULL), NULL);
}

/* Who configures what is so already does not wait for who configures ports: it
 * would for itself here. */
static void
test_port_configure(void)
{
    struct xdp_flow_table_limits limits;
    bool on;

    xdp_port_lock_config();
    on = xdp_netdev_offload_is_on();
    limits = *xdp_netdev_get_limits();
    xdp_unlock();
    xdp_port_configure(on, &limits);
    xdp_lock();
    xdp_port_unlock_config();
}

/* The thread that waits for who configures ports, once it does, or is about
 * to, and how often one has had the mutex. */
static atomic_int waiting_thread;
static int n_served OVS_GUARDED_BY(xdp_port_config_mutex);

/* That thread. */
static void *
wait_main(void *aux OVS_UNUSED)
{
    atomic_store(&waiting_thread, (int) syscall(SYS_gettid));
    xdp_port_lock_config();
    n_served++;
    xdp_port_unlock_config();
    return NULL;
}

/* Returns true if the thread 'tid' sleeps. */
static bool
is_sleeping(int tid)
{
    char *name = xasprintf("/proc/self/task/%d/stat", tid);
    FILE *stream = fopen(name, "r");
    char state = '\0';

    free(name);
    if (stream) {
        ovs_assert(fscanf(stream, "%*d (%*[^)]) %c", &state) == 1);
        fclose(stream);
    }
    return state == 'S';
}

/* Who gives the mutex back and takes it again at once lets those have it who
 * wait for it. */
static void
test_port_turns(void)
{
    enum { N = 20 };

    for (int i = 0; i < N; i++) {
        pthread_t thread;
        int n, tid;

        atomic_store(&waiting_thread, 0);
        xdp_port_lock_config();
        n = n_served;
        thread = ovs_thread_create("wait", wait_main, NULL);
        do {
            sched_yield();
            atomic_read(&waiting_thread, &tid);
        } while (!tid || !is_sleeping(tid));
        xdp_port_unlock_config();

        xdp_port_lock_config();
        n = n_served - n;
        xdp_port_unlock_config();
        xpthread_join(thread, NULL);
        CHECK(n == 1);
    }
}

const struct unit_case unit_port[] = {
    { "port-configure", test_port_configure, NEED_NOTHING },
    { "port-events", test_port_events, NEED_ROOT },
    { "port-leftovers", test_port_leftovers, NEED_BPF },
    { "port-lock", test_port_lock, NEED_BPF },
    { "port-turns", test_port_turns, NEED_NOTHING },
    { NULL, NULL, 0 }
};
