/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have 'xdp_mutex' next, and what wakes up the worker.  See
 * xdp-custody.h.
 */

#include <config.h>

#include "xdp-custody-private.h"

#include <pthread.h>

#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "seq.h"
#include "timeval.h"

/* Reasons that may have passed since the worker looked last. */
static uint32_t wanted OVS_GUARDED_BY(xdp_mutex);

/* Changed to wake up the worker: some time, or at once to free slots. */
static struct seq *wakeup;
static struct seq *shortage;

/* Taken before 'xdp_mutex' by those who may want it again and again. */
static struct ovs_mutex turn OVS_ACQ_BEFORE(xdp_mutex)
    = OVS_MUTEX_INITIALIZER;

/* Who gives a mutex back and takes it again at once is faster than a thread
 * that sleeps until then.  So nobody takes 'turn' while somebody has waited
 * for it for PATIENCE microseconds.  (Giving it to whoever waits each time
 * would cost two changes of threads for each megaflow that one of them
 * puts.) */
#define PATIENCE 500
static struct ovs_mutex queue_mutex = OVS_MUTEX_INITIALIZER;
static pthread_cond_t served = PTHREAD_COND_INITIALIZER;
static unsigned int n_waiting OVS_GUARDED_BY(queue_mutex);
static atomic_llong waiting_since = 0; /* time_usec(), or 0 if nobody waits. */

/* Returns true if somebody has waited for 'turn' for too long. */
static bool
is_anyone_impatient(void)
{
    long long int since;

    atomic_read_relaxed(&waiting_since, &since);
    return since && time_usec() >= since + PATIENCE;
}

/* Takes 'turn' from whoever has it, when that one gives it back. */
static void
wait_for_turn(void)
    OVS_ACQUIRES(turn)
{
    ovs_mutex_lock(&queue_mutex);
    if (!n_waiting++) {
        atomic_store_relaxed(&waiting_since, time_usec());
    }
    ovs_mutex_unlock(&queue_mutex);

    ovs_mutex_lock(&turn);

    ovs_mutex_lock(&queue_mutex);
    atomic_store_relaxed(&waiting_since, --n_waiting ? time_usec() : 0);
    xpthread_cond_broadcast(&served);
    ovs_mutex_unlock(&queue_mutex);
}

/* Locks 'xdp_mutex' when it is our turn. */
void
xdp_custody_lock(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (is_anyone_impatient()) {
        ovs_mutex_lock(&queue_mutex);
        while (is_anyone_impatient()) {
            ovs_mutex_cond_wait(&served, &queue_mutex);
        }
        ovs_mutex_unlock(&queue_mutex);
    }
    if (ovs_mutex_trylock(&turn)) {
        wait_for_turn();
    }
    ovs_mutex_lock(&xdp_mutex);
    ovs_mutex_unlock(&turn);
}

/* Unlocks it. */
void
xdp_custody_unlock(void)
{
    ovs_mutex_unlock(&xdp_mutex);
}

/* To be called once, before anything else here. */
void
custody_wake_init(void)
{
    wakeup = seq_create();
    shortage = seq_create();
}

/* Has the worker look at what there is to do. */
void
custody_wake(void)
{
    if (wakeup) {
        seq_change(wakeup);
    }
}

/* Has the worker free slots at once, if 'table' is short of them. */
void
custody_note_shortage(const struct xdp_flow_table *table)
{
    if (xdp_flow_table_is_short(table)) {
        seq_change(shortage);
    }
}

/* For the worker: wake it up when one of these has changed. */
uint64_t
xdp_custody_seq(void)
{
    return seq_read(wakeup);
}

void
xdp_custody_wait(uint64_t seq)
{
    seq_wait(wakeup, seq);
}

uint64_t
xdp_custody_shortage_seq(void)
{
    return seq_read(shortage);
}

void
xdp_custody_shortage_wait(uint64_t seq)
{
    seq_wait(shortage, seq);
}

/* Has megaflows that are refused for one of 'reasons' tried again soon. */
void
xdp_custody_kick(uint32_t reasons)
{
    wanted |= reasons;
    custody_wake();
}

/* Returns the reasons that may have passed since the last call. */
uint32_t
xdp_custody_take_wanted(void)
{
    uint32_t reasons;

    xdp_custody_lock();
    reasons = wanted;
    wanted = 0;
    xdp_custody_unlock();
    return reasons;
}
