/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See xdp-swap.h.
 *
 * A thread can wait for one grace period at a time, and those who want
 * something replaced do not come one by one: a new set of OpenFlow tables may
 * bring a hundred masks in a few milliseconds.  So there are as many threads
 * as there ever were swaps at a time, and some more, up to a limit.  They
 * stay: a busy CPU turns sooner to a thread that wakes up than to one that is
 * new.
 *
 * They do nothing but sleep in the kernel.  They are no threads of OVS, whose
 * RCU would wait for them, and have small stacks, which may be locked in
 * memory.
 */

#include <config.h>

#include "xdp-swap.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "openvswitch/list.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "util.h"

/* Threads at most, and how many are started when there are too few.  When all
 * are busy, a swap waits for one. */
#define MAX_THREADS 64
#define MORE_THREADS 8
#define STACK_SIZE (64 * 1024)

/* Nanoseconds between looks whether the new map can be seen, and whether a
 * grace period has passed.  The former is a matter of a thread's waking up;
 * who yields the CPU instead does not get it back so soon. */
#define POLL_INTERVAL (20 * 1000)
#define WAIT_INTERVAL (1000 * 1000)

struct xdp_swap {
    struct ovs_list list_node;  /* In 'queue', if no thread has it yet. */
    struct ovs_refcount ref_cnt; /* Of the caller and of the thread. */
    int outer_fd;
    uint32_t index;
    int new_fd;
    int old_fd;                 /* -1 after a swap that has succeeded. */
    bool over;
    int error;                  /* A positive errno value, if over. */
};

/* Guards what follows, and of all swaps what changes: 'list_node', 'old_fd',
 * 'over' and 'error'. */
static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

static struct ovs_list queue OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&queue);
static int n_queued OVS_GUARDED_BY(mutex);
static int n_threads OVS_GUARDED_BY(mutex);
static int n_busy OVS_GUARDED_BY(mutex);    /* Threads with a swap. */
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;

/* Replaces the map, and returns when no program uses the old one. */
static void
swap_run(struct xdp_swap *swap)
    OVS_EXCLUDED(mutex)
{
    int error = bpf_map_update_elem(swap->outer_fd, &swap->index,
                                    &swap->new_fd, BPF_ANY) ? errno : 0;

    ovs_mutex_lock(&mutex);
    swap->over = true;
    swap->error = error;
    if (!error && swap->old_fd >= 0) {
        close(swap->old_fd);
        swap->old_fd = -1;
    }
    ovs_mutex_unlock(&mutex);
}

/* A thread. */
static void *
swap_main(void *aux OVS_UNUSED)
{
    ovs_mutex_lock(&mutex);
    for (;;) {
        struct xdp_swap *swap;

        while (ovs_list_is_empty(&queue)) {
            ovs_mutex_cond_wait(&queued, &mutex);
        }
        swap = CONTAINER_OF(ovs_list_pop_front(&queue), struct xdp_swap,
                            list_node);
        n_queued--;
        n_busy++;
        ovs_mutex_unlock(&mutex);

        swap_run(swap);
        xdp_swap_unref(swap);

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

        if (pthread_create(&thread, &attr, swap_main, NULL)) {
            break;
        }
        n_threads++;
    }
    pthread_attr_destroy(&attr);
}

/* Gives 'swap' to a thread.  Returns false if there is none. */
static bool
enqueue(struct xdp_swap *swap)
    OVS_EXCLUDED(mutex)
{
    bool any;

    ovs_mutex_lock(&mutex);
    if (n_threads - n_busy <= n_queued) {
        start_threads();
    }
    any = n_threads > 0;
    if (any) {
        ovs_refcount_ref(&swap->ref_cnt);
        ovs_list_push_back(&queue, &swap->list_node);
        n_queued++;
    }
    ovs_mutex_unlock(&mutex);
    if (any) {
        xpthread_cond_signal(&queued);
    }
    return any;
}

/* Returns true if programs that start now find the new map of 'swap', whose id
 * is 'id'. */
static bool
is_visible(const struct xdp_swap *swap, uint32_t id)
{
    uint32_t current;

    return (!bpf_map_lookup_elem(swap->outer_fd, &swap->index, &current)
            && current == id);
}

/* Makes the map 'new_fd' element 'index' of the map of maps 'outer_fd', in
 * which it must not be yet, instead of 'old_fd', or of one that the caller
 * cares for if that is -1.  When this returns, programs that start find the
 * new map.
 *
 * On success returns 0 and stores the swap in '*swapp', for xdp_swap_unref().
 * 'old_fd' belongs to the swap, which closes it.  On failure returns a
 * positive errno value, and nothing has changed. */
int
xdp_swap_start(int outer_fd, uint32_t index, int new_fd, int old_fd,
               struct xdp_swap **swapp)
{
    struct bpf_map_info info = { .id = 0 };
    uint32_t size = sizeof info;
    struct xdp_swap *swap;
    int error = 0;

    *swapp = NULL;
    if (bpf_obj_get_info_by_fd(new_fd, &info, &size)) {
        return errno;
    }

    swap = xmalloc(sizeof *swap);
    ovs_refcount_init(&swap->ref_cnt);
    swap->outer_fd = outer_fd;
    swap->index = index;
    swap->new_fd = new_fd;
    swap->old_fd = old_fd;
    swap->over = false;
    swap->error = 0;

    if (!enqueue(swap)) {
        swap_run(swap);
    }
    while (!xdp_swap_is_over(swap) && !is_visible(swap, info.id)) {
        xnanosleep_no_quiesce(POLL_INTERVAL);
    }

    ovs_mutex_lock(&mutex);
    error = swap->error;
    ovs_mutex_unlock(&mutex);
    if (error) {
        xdp_swap_unref(swap);
    } else {
        *swapp = swap;
    }
    return error;
}

/* If 'swap' is not over, replaces the value of 'key' in the old map by
 * 'value', if it has one.  Returns true if it was replaced. */
bool
xdp_swap_update_old(struct xdp_swap *swap, const void *key, const void *value)
{
    bool updated;

    ovs_mutex_lock(&mutex);
    updated = (swap->old_fd >= 0
               && !bpf_map_update_elem(swap->old_fd, key, value, BPF_EXIST));
    ovs_mutex_unlock(&mutex);
    return updated;
}

/* Returns true if no program uses the old map of 'swap' any more. */
bool
xdp_swap_is_over(const struct xdp_swap *swap)
{
    bool over;

    ovs_mutex_lock(&mutex);
    over = swap->over;
    ovs_mutex_unlock(&mutex);
    return over;
}

/* Waits until 'swap' is over. */
void
xdp_swap_wait(const struct xdp_swap *swap)
{
    while (!xdp_swap_is_over(swap)) {
        xnanosleep_no_quiesce(WAIT_INTERVAL);
    }
}

/* Gives back 'swap', which may be NULL and need not be over. */
void
xdp_swap_unref(struct xdp_swap *swap)
{
    if (swap && ovs_refcount_unref(&swap->ref_cnt) == 1) {
        free(swap);
    }
}
