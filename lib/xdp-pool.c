/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-pool.h. */

#include <config.h>

#include "xdp-pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "ovs-thread.h"
#include "util.h"

/* Threads at most, and how many are started when there are too few.  When all
 * are busy, a job waits for one. */
#define MAX_THREADS 64
#define MORE_THREADS 8
#define STACK_SIZE (64 * 1024)

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

static struct ovs_list queue OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&queue);
static int n_queued OVS_GUARDED_BY(mutex);
static int n_threads OVS_GUARDED_BY(mutex);
static int n_busy OVS_GUARDED_BY(mutex);    /* Threads with a job. */
static bool creation_failed OVS_GUARDED_BY(mutex); /* That of the last one? */

/* Counts jobs that no thread has woken up for.  Not a condition variable:
 * whoever signals one waits for threads that were woken before and have had no
 * CPU since, and here that would be somebody with a lock. */
static sem_t queued;

/* A thread. */
static void *
worker_main(void *aux OVS_UNUSED)
{
    for (;;) {
        struct xdp_job *job;

        while (sem_wait(&queued)) {
            ovs_assert(errno == EINTR);
        }

        ovs_mutex_lock(&mutex);
        job = CONTAINER_OF(ovs_list_pop_front(&queue), struct xdp_job,
                           list_node);
        n_queued--;
        n_busy++;
        ovs_mutex_unlock(&mutex);

        job->run(job);

        ovs_mutex_lock(&mutex);
        n_busy--;
        ovs_mutex_unlock(&mutex);
    }
    return NULL;
}

/* Starts more threads, as far as that is possible. */
static void
start_threads(void)
    OVS_REQUIRES(mutex)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    pthread_attr_t attr;

    if (ovsthread_once_start(&once)) {
        ovs_assert(!sem_init(&queued, 0, 0));
        ovsthread_once_done(&once);
    }

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, MAX(STACK_SIZE,
                                         (size_t) PTHREAD_STACK_MIN));
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < MORE_THREADS && n_threads < MAX_THREADS; i++) {
        pthread_t thread;

        creation_failed = pthread_create(&thread, &attr, worker_main, NULL);
        if (creation_failed) {
            break;
        }
        n_threads++;
    }
    pthread_attr_destroy(&attr);
}

/* Returns true if none of 'n' jobs would have to wait for a thread that is
 * busy, or if none is busy. */
bool
xdp_pool_has_room(int n)
{
    bool has_room;
    int limit;

    ovs_mutex_lock(&mutex);
    limit = creation_failed && n_threads ? n_threads : MAX_THREADS;
    has_room = (n_busy + n_queued + n <= limit || !(n_busy + n_queued));
    ovs_mutex_unlock(&mutex);
    return has_room;
}

/* Gives 'job' to a thread, or runs it if there is none. */
void
xdp_pool_run(struct xdp_job *job)
{
    bool any;

    ovs_mutex_lock(&mutex);
    if (n_threads - n_busy - n_queued <= 1) {
        /* This one takes the last one that is idle, if there is any. */
        start_threads();
    }
    any = n_threads > 0;
    if (any) {
        ovs_list_push_back(&queue, &job->list_node);
        n_queued++;
    }
    ovs_mutex_unlock(&mutex);
    if (any) {
        sem_post(&queued);
    } else {
        job->run(job);
    }
}
