/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Megaflows in custody while their table is busy, as one is that needs a map
 * which the kernel does not make for a long time.
 */

#include <config.h>

#undef NDEBUG
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "coverage.h"
#include "fixture.h"
#include "megaflows.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "unit.h"
#include "util.h"
#include "xdp-coverage.h"
#include "xdp-custody-private.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

/* Returns true if megaflow 'i' is in custody. */
static bool
is_in_custody(unsigned int i)
{
    ovs_u128 ufid = megaflow_ufid(i);
    bool is_in;

    xdp_lock();
    is_in = custody_find(PORT_NO(megaflow_in_port(i)), &ufid) != NULL;
    xdp_unlock();
    return is_in;
}

/* Has put_and_delete() ended? */
static atomic_bool has_ended;

/* Does with the megaflow '*i' what the datapath does: puts it, and deletes it
 * if it was taken. */
static void *
put_and_delete(void *i_)
{
    const unsigned int *i = i_;
    bool deleted = megaflow_put(*i) && megaflow_delete(*i);

    atomic_store(&has_ended, true);
    return (void *) (uintptr_t) deleted;
}

/* Starts a thread that does put_and_delete() with '*i', and waits until the
 * megaflow is in custody.  Returns false if it never was, or has left before
 * this thread has seen it, as on a busy machine: it is waited for, but not for
 * long. */
static bool
begin_put(unsigned int *i, pthread_t *thread)
{
    bool ended = false;

    atomic_store(&has_ended, false);
    *thread = ovs_thread_create("put", put_and_delete, i);
    while (!is_in_custody(*i)) {
        if (ended) {
            return false;
        }
        usleep(100);
        atomic_read(&has_ended, &ended);
    }
    return true;
}

/* The port of a megaflow leaves while the megaflow is waited for.  Whoever
 * comes to have the number of the port must not have the megaflow, too. */
static void
test_custody_leaving(void)
{
    enum { N = 10, EXTRA = N, MAX_TRIES = 100 };
    unsigned int extra = EXTRA;
    bool waited_for = false;
    void *deleted = NULL;

    megaflows.n = N;
    if (!megaflows_begin()) {
        return;
    }
    megaflows.n_masks = N + 1;
    block_pool();
    for (int i = 0; i < MAX_TRIES && !waited_for; i++) {
        pthread_t thread;

        waited_for = begin_put(&extra, &thread);
        if (waited_for) {
            xdp_custody_port_removed(PORT_NO(megaflow_in_port(extra)),
                                     "netdev");
        }
        xpthread_join(thread, &deleted);
    }
    unblock_pool();
    CHECK(waited_for && deleted);
    CHECK(!is_in_custody(extra));
    megaflows_end();
}

/* Has the table redirect to a device that there is, for all ports. */
static void
make_targets(void)
{
    const int lo = 1;

    xdp_lock();
    for (size_t i = 0; i < N_PORTS; i++) {
        struct xdp_netdev *port = megaflows_port(i);

        port->ifindex = lo;
        ovs_assert(!xdp_flow_table_set_target(port->object->table,
                                              port->number, lo));
    }
    xdp_unlock();
}

/* Megaflows are tried again that wait for what only the worker does, which is
 * who tries them: it does not wait for itself, but does it. */
static void
test_custody_worker(void)
{
    enum { N = 500 };
    bool any_busy;

    megaflows.n = N;
    megaflows.differing = true;
    megaflows.late = true;
    if (!megaflows_begin()) {
        return;
    }
    make_targets();
    xdp_custody_take_wanted();
    CHECK(xdp_custody_retry(XDP_REASON_BIT(XDP_REASON_OFF)));
    CHECK(!xdp_custody_n_offloaded());
    CHECK(xdp_custody_take_wanted() & XDP_REASON_BIT(XDP_REASON_OFF));
    xdp_lock();
    any_busy = !ovs_list_is_empty(&custody_refused[XDP_REASON_BUSY]);
    xdp_unlock();
    CHECK(!any_busy);
    CHECK(megaflows_reclaim());
    /* On a busy machine the table may be a busy one for too long. */
    megaflows_retry(XDP_REASON_BIT(XDP_REASON_OFF));
    CHECK(xdp_custody_n_offloaded() == N);
    megaflows_end();
}

/* For custody_walk(): takes longer than the lock should be held. */
static unsigned int
look_slowly(struct custody_flow *flow OVS_UNUSED, void *n_)
{
    unsigned int *n = n_;

    usleep(1000);
    ++*n;
    return CUSTODY_LOOK;
}

/* A walk over megaflows gives others their turn although it has looked at few,
 * if that takes long. */
static void
test_custody_slow(void)
{
    enum { N = 100 };
    size_t position = 0;
    unsigned int n = 0;
    bool more;

    megaflows.n = N;
    if (!megaflows_begin()) {
        return;
    }
    do {
        unsigned int n_before = n;

        xdp_lock();
        more = custody_walk(&position, look_slowly, &n);
        xdp_unlock();
        /* No table has many of them. */
        CHECK(n - n_before < N / 4);
    } while (more);
    CHECK(n == N);
    megaflows_end();
}

/* Of lib/xdp-coverage.c. */
extern struct coverage_counter counter_xdp_flow_retried;

/* Makes another object with a table.  Returns NULL, with the case failed, if
 * that cannot be. */
static struct xdp_object *
make_object(void)
{
    char *path = xasprintf("%s/another.o", temp_dir);
    char *command = xasprintf("cp %s %s", object_path, path);
    struct xdp_object *object = NULL;
    struct xdp_flow_table_limits limits;
    char *message = NULL;

    ovs_assert(!system(command));
    xdp_lock();
    limits = *xdp_netdev_get_limits();
    limits.n_flows = limits.n_slots = 64;
    if (xdp_object_get(path, &limits, false, &object, &message)) {
        fail("%s", message);
        free(message);
    }
    xdp_unlock();
    free(command);
    free(path);
    return object;
}

/* One of two tables is full.  Megaflows for which it has no room are not
 * translated again each time that there may be some in the other one. */
static void
test_custody_full(void)
{
    enum { N = 100, PLACES = 50 };
    struct xdp_object *another;
    bool more;

    megaflows.n = N;
    megaflows.n_places = PLACES;
    if (!megaflows_begin()) {
        return;
    }
    another = make_object();
    if (another) {
        xdp_coverage_publish();
        counter_xdp_flow_retried.count();
        more = xdp_custody_retry(XDP_REASON_BIT(XDP_REASON_FLOWS_FULL));
        xdp_coverage_publish();
        CHECK(!more && !counter_xdp_flow_retried.count());

        /* But as soon as there is room. */
        CHECK(megaflow_delete(0) && megaflows_reclaim());
        xdp_custody_retry(XDP_REASON_BIT(XDP_REASON_FLOWS_FULL));
        CHECK(xdp_custody_n_offloaded() == PLACES);
        CHECK(megaflow_put(0));
        xdp_port_lock_config();
        xdp_port_put_object(another);
        xdp_port_unlock_config();
    }
    megaflows_end();
}

const struct unit_case unit_custody[] = {
    { "custody-leaving", test_custody_leaving, NEED_BPF },
    { "custody-worker", test_custody_worker, NEED_BPF },
    { "custody-slow", test_custody_slow, NEED_BPF },
    { "custody-full", test_custody_full, NEED_BPF },
    { NULL, NULL, 0 }
};
