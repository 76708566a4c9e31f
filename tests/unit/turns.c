/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of who gets 'xdp_mutex' next.
 */

#include <config.h>

#undef NDEBUG
#include <unistd.h>

#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "unit.h"
#include "xdp-custody.h"

/* Of a thread that takes the lock again and again. */
static atomic_bool stop_taking;
static atomic_uint n_taken;

/* The thread.  It holds the lock for a tenth of a millisecond each time. */
static void *
take_main(void *aux OVS_UNUSED)
{
    unsigned int orig;
    bool stop;

    do {
        long long int until;

        xdp_custody_lock();
        until = time_usec() + 100;
        while (time_usec() < until) {
            continue;
        }
        atomic_add(&n_taken, 1, &orig);
        xdp_custody_unlock();
        atomic_read(&stop_taking, &stop);
    } while (!stop);
    return NULL;
}

/* A thread that gives the lock back and takes it again at once does not do so
 * many times while another one waits. */
static void
test_turns(void)
{
    enum { N = 100, MAX_TAKEN = 20 };
    unsigned int n_late = 0;
    pthread_t thread;

    atomic_init(&stop_taking, false);
    thread = ovs_thread_create("take", take_main, NULL);
    for (int i = 0; i < N; i++) {
        unsigned int before, after;

        usleep(1000);
        atomic_read(&n_taken, &before);
        xdp_custody_lock();
        atomic_read(&n_taken, &after);
        xdp_custody_unlock();
        n_late += after - before > MAX_TAKEN;
    }
    atomic_store(&stop_taking, true);
    xpthread_join(thread, NULL);
    /* It may lose its CPU before it has said that it waits. */
    CHECK(n_late <= N / 10);
}

const struct unit_case unit_turns[] = {
    { "turns", test_turns, 0 },
    { NULL, NULL, 0 }
};
