/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-pool.h. */

#include <config.h>

#include "xdp-pool.h"

#include <pthread.h>
#include <stdbool.h>

#include "ovs-thread.h"

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
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;

/* A thread. */
static void *
worker_main(void *aux OVS_UNUSED)
{
    ovs_mutex_lock(&mutex);
    for (;;) {
        struct xdp_job *job;

        while (ovs_list_is_empty(&queue)) {
            ovs_mutex_cond_wait(&queued, &mutex);
        }
        job = CONTAINER_OF(ovs_list_pop_front(&queue), struct xdp_job,
                           list_node);
        n_queued--;
        n_busy++;
        ovs_mutex_unlock(&mutex);

        job->run(job);

        ovs_mutex_lock(&mutex);
        n_busy--;
    }
    return NULL;
}

/* Starts more threads, as far as that is possible. */
static void
start_threads(void)
    OVS_REQUIRES(mutex)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < MORE_THREADS && n_threads < MAX_THREADS; i++) {
        pthread_t thread;

        if (pthread_create(&thread, &attr, worker_main, NULL)) {
            break;
        }
        n_threads++;
    }
    pthread_attr_destroy(&attr);
}

/* Returns true if a job would have to wait for a thread that is busy. */
bool
xdp_pool_is_full(void)
{
    bool is_full;

    ovs_mutex_lock(&mutex);
    is_full = n_busy + n_queued >= MAX_THREADS;
    ovs_mutex_unlock(&mutex);
    return is_full;
}

/* Gives 'job' to a thread, or runs it if there is none. */
void
xdp_pool_run(struct xdp_job *job)
{
    bool any;

    ovs_mutex_lock(&mutex);
    if (n_threads - n_busy <= n_queued) {
        start_threads();
    }
    any = n_threads > 0;
    if (any) {
        ovs_list_push_back(&queue, &job->list_node);
        n_queued++;
    }
    ovs_mutex_unlock(&mutex);
    if (any) {
        xpthread_cond_signal(&queued);
    } else {
        job->run(job);
    }
}
