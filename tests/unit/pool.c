/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of the threads for system calls, when no more can be made. */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "unit.h"
#include "util.h"
#include "xdp-pool.h"

/* Does making a thread fail? */
static bool no_threads;

/* Jobs, of which all wait while 'blocked' is locked, and how many have
 * ended. */
static struct xdp_job jobs[64];
static atomic_uint n_ended;
static struct ovs_mutex blocked = OVS_MUTEX_INITIALIZER;

int __real_pthread_create(pthread_t *, const pthread_attr_t *,
                          void *(*start)(void *), void *aux);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *,
                          void *(*start)(void *), void *aux);

/* The linker has everybody call this for pthread_create(). */
int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                      void *(*start)(void *), void *aux)
{
    return (no_threads ? EAGAIN
            : __real_pthread_create(thread, attr, start, aux));
}

/* Implements 'run' of struct xdp_job. */
static void
run(struct xdp_job *job OVS_UNUSED)
{
    unsigned int orig;

    ovs_mutex_lock(&blocked);
    ovs_mutex_unlock(&blocked);
    atomic_add(&n_ended, 1, &orig);
}

/* Waits until 'n' jobs have ended and all threads are idle. */
static void
wait_for(unsigned int n)
{
    unsigned int n_now;

    do {
        usleep(1000);
        atomic_read(&n_ended, &n_now);
    } while (n_now < n || !xdp_pool_has_room(ARRAY_SIZE(jobs)));
}

/* There is only room for as many jobs as there are threads, when no more can
 * be made.  Without any, whoever has a job does it. */
static void
test_pool(void)
{
    unsigned int n_now, n = 0, n_threads;

    for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
        jobs[i].run = run;
    }
    no_threads = true;
    CHECK(xdp_pool_has_room(1));
    xdp_pool_run(&jobs[n++]);
    atomic_read(&n_ended, &n_now);
    CHECK(n_now == n);

    no_threads = false;
    xdp_pool_run(&jobs[n++]);
    wait_for(n);

    no_threads = true;
    ovs_mutex_lock(&blocked);
    n_threads = 0;
    while (n < ARRAY_SIZE(jobs) && xdp_pool_has_room(2)) {
        xdp_pool_run(&jobs[n++]);
        n_threads++;
    }
    if (n < ARRAY_SIZE(jobs) && xdp_pool_has_room(1)) {
        xdp_pool_run(&jobs[n++]);
        n_threads++;
    }
    no_threads = false;
    n_now = n;
    ovs_mutex_unlock(&blocked);
    wait_for(n);
    CHECK(n_threads && n_now < ARRAY_SIZE(jobs));

    /* There may be more again. */
    ovs_mutex_lock(&blocked);
    n = 0;
    while (n < ARRAY_SIZE(jobs) && xdp_pool_has_room(1)) {
        xdp_pool_run(&jobs[n++]);
    }
    ovs_mutex_unlock(&blocked);
    wait_for(n_now + n);
    CHECK(n == ARRAY_SIZE(jobs));
}

const struct unit_case unit_pool[] = {
    { "pool", test_pool, NEED_NOTHING },
    { NULL, NULL, 0 }
};
