/* SPDX-License-Identifier: Apache-2.0 */
/* See dpif-offload-xdp-queue.h. */

#include <config.h>

#include "dpif-offload-xdp-queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dpif-netdev-xdp.h"
#include "dpif-offload.h"
#include "latch.h"
#include "mpsc-queue.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/types.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"

/* How many items are taken, and for how many ms, before others may go on that
 * wait for RCU: a put may wait for a busy table. */
#define BATCH 32
#define MAX_BATCH_TIME 10

/* What somebody waits for. */
struct signal {
    struct ovs_mutex mutex;
    pthread_cond_t cond;
    bool is_set OVS_GUARDED;
};

/* Something to be done. */
struct item {
    struct mpsc_queue_node node;
    enum { PUT, DEL, TELL } type;

    /* PUT and DEL.  The reference of the flow's first put is given back when
     * it has been deleted, so each item before that can use it. */
    struct dp_netdev_flow *flow;

    /* DEL: whom to tell. */
    unsigned int pmd_id;
    struct dpif_offload_flow_cb_data cb_data;

    /* TELL: somebody waits for this. */
    struct signal *done;

    /* PUT. */
    size_t actions_len;
    struct nlattr actions[];
};

static struct mpsc_queue queue = MPSC_QUEUE_INITIALIZER(&queue);

/* Set when the thread is, or is about to be, waiting for 'wakeup'. */
static atomic_bool sleeping = false;
static struct latch wakeup;

/* Appends 'item', and wakes the thread up if necessary. */
static void
append(struct item *item)
{
    bool was_sleeping;

    mpsc_queue_insert(&queue, &item->node);

    /* Either we see that the thread sleeps, or it sees 'item'. */
    atomic_thread_fence(memory_order_seq_cst);
    atomic_read_relaxed(&sleeping, &was_sleeping);
    if (was_sleeping) {
        latch_set(&wakeup);
    }
}

/* Has 'flow', to which the caller gives a reference if this is its first put,
 * taken into custody with 'actions'. */
void
dpif_offload_xdp_queue_put(struct dp_netdev_flow *flow,
                           const struct nlattr *actions, size_t actions_len)
{
    struct item *item = xmalloc(sizeof *item + actions_len);

    item->type = PUT;
    item->flow = flow;
    item->actions_len = actions_len;
    memcpy(item->actions, actions, actions_len);
    append(item);
}

/* Has the flow of 'del' forgotten, and its callback called when that is
 * done. */
void
dpif_offload_xdp_queue_del(const struct dpif_offload_flow_del *del)
{
    struct item *item = xmalloc(sizeof *item);

    item->type = DEL;
    item->flow = del->flow_reference;
    item->pmd_id = del->pmd_id;
    item->cb_data = del->cb_data;
    append(item);
}

/* Returns when everything has been done that was in the queue before. */
void
dpif_offload_xdp_queue_wait(void)
{
    struct item *item = xmalloc(sizeof *item);
    struct signal done = { .is_set = false };

    ovs_mutex_init(&done.mutex);
    xpthread_cond_init(&done.cond, NULL);
    item->type = TELL;
    item->done = &done;
    append(item);

    ovs_mutex_lock(&done.mutex);
    while (!done.is_set) {
        ovs_mutex_cond_wait(&done.cond, &done.mutex);
    }
    ovs_mutex_unlock(&done.mutex);
    xpthread_cond_destroy(&done.cond);
    ovs_mutex_destroy(&done.mutex);
}

/* Does what 'item' says, and frees it. */
static void
process(struct item *item)
{
    switch (item->type) {
    case PUT:
        dpif_netdev_xdp_put("netdev", item->flow, item->actions,
                            item->actions_len);
        break;

    case DEL:
        dpif_netdev_xdp_del(item->flow);
        dpif_offload_datapath_flow_op_continue(&item->cb_data, NULL,
                                               item->pmd_id, item->flow, NULL,
                                               0);
        break;

    case TELL:
        ovs_mutex_lock(&item->done->mutex);
        item->done->is_set = true;
        xpthread_cond_signal(&item->done->cond);
        ovs_mutex_unlock(&item->done->mutex);
        break;
    }
    free(item);
}

/* Takes and does a batch of items.  Returns false if there are no more. */
static bool
process_batch(void)
    OVS_REQUIRES(queue.read_lock)
{
    long long int end = time_msec() + MAX_BATCH_TIME;

    for (int i = 0; i < BATCH && (!i || time_msec() < end); i++) {
        struct mpsc_queue_node *node = mpsc_queue_pop(&queue);

        if (!node) {
            return false;
        }
        process(CONTAINER_OF(node, struct item, node));
    }
    return true;
}

/* The thread. */
static void *
queue_main(void *aux OVS_UNUSED)
{
    mpsc_queue_acquire(&queue);
    for (;;) {
        while (process_batch()) {
            ovsrcu_quiesce();
        }

        atomic_store_relaxed(&sleeping, true);
        atomic_thread_fence(memory_order_seq_cst);
        if (!mpsc_queue_tail(&queue)) {
            latch_wait(&wakeup);
            poll_block();
            latch_poll(&wakeup);
        }
        atomic_store_relaxed(&sleeping, false);
    }
    OVS_NOT_REACHED();
}

/* Starts the thread, once for the life of the process. */
void
dpif_offload_xdp_queue_start(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        latch_init(&wakeup);
        ovs_thread_create("xdp_flows", queue_main, NULL);
        ovsthread_once_done(&once);
    }
}
