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
#include "xdp-mutex.h"
#include "xdp-port.h"

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

        xdp_lock();
        until = time_usec() + 100;
        while (time_usec() < until) {
            continue;
        }
        atomic_add(&n_taken, 1, &orig);
        xdp_unlock();
        atomic_read(&stop_taking, &stop);
    } while (!stop);
    return NULL;
}

/* Takes the lock 'n' times and returns how often the other thread got it many
 * times meanwhile. */
static unsigned int
count_late(int n)
{
    enum { MAX_TAKEN = 20 };
    unsigned int n_late = 0;

    for (int i = 0; i < n; i++) {
        unsigned int before, after;

        usleep(1000);
        atomic_read(&n_taken, &before);
        xdp_lock();
        atomic_read(&n_taken, &after);
        xdp_unlock();
        n_late += after - before > MAX_TAKEN;
    }
    return n_late;
}

/* A thread that gives the lock back and takes it again at once does not do so
 * many times while another one waits.
 *
 * On a busy machine that one may lose its CPU before it has said that it
 * waits.  But if others went ahead as a rule, it would be late each time. */
static void
test_turns(void)
{
    enum { N = 50, MAX_ROUNDS = 40 };
    bool in_turn = false;
    pthread_t thread;

    atomic_init(&stop_taking, false);
    thread = ovs_thread_create("take", take_main, NULL);
    for (int i = 0; i < MAX_ROUNDS && !in_turn; i++) {
        in_turn = count_late(N) <= N / 10;
    }
    atomic_store(&stop_taking, true);
    xpthread_join(thread, NULL);
    CHECK(in_turn);
}

/* Is the main thread about to ask something about ports, as it does all the
 * time? */
static atomic_bool is_asking;

/* That thread. */
static void *
ask_main(void *aux OVS_UNUSED)
{
    atomic_store(&is_asking, true);
    xdp_port_any_at_tc();
    atomic_store(&is_asking, false);
    return NULL;
}

/* Returns true if whoever asks something about ports gets the lock as soon as
 * this thread gives it back, although that takes it again at once. */
static bool
is_next(void)
{
    bool still_asking = false;
    pthread_t thread;

    xdp_lock();
    atomic_store(&is_asking, false);
    thread = ovs_thread_create("ask", ask_main, NULL);
    while (!still_asking) {
        usleep(100);
        atomic_read(&is_asking, &still_asking);
    }
    usleep(2000);
    xdp_unlock();

    xdp_lock();
    usleep(2000);
    atomic_read(&is_asking, &still_asking);
    xdp_unlock();
    xpthread_join(thread, NULL);
    return !still_asking;
}

/* Those who ask about ports wait in turn as well.  On a busy machine, the
 * thread may be late to begin, or to say that it has had its turn.  But
 * without turns, it would hardly ever be next. */
static void
test_turns_ports(void)
{
    enum { N = 20, MOST = 15, MAX_ROUNDS = 20 };
    int n_next = 0;

    for (int i = 0; i < MAX_ROUNDS && n_next < MOST; i++) {
        n_next = 0;
        for (int j = 0; j < N; j++) {
            n_next += is_next();
        }
    }
    CHECK(n_next >= MOST);
}

const struct unit_case unit_turns[] = {
    { "turns", test_turns, 0 },
    { "turns-ports", test_turns_ports, 0 },
    { NULL, NULL, 0 }
};
