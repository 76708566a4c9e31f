/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have 'xdp_mutex' next.  See xdp-mutex.h. */

#include <config.h>

#include "xdp-mutex.h"


#include "ovs-atomic.h"
#include "timeval.h"

struct ovs_mutex xdp_mutex = OVS_MUTEX_INITIALIZER;

/* Taken before 'xdp_mutex'. */
static struct ovs_mutex turn OVS_ACQ_BEFORE(xdp_mutex)
    = OVS_MUTEX_INITIALIZER;

/* Who gives a mutex back and takes it again at once is faster than a thread
 * that sleeps until then.  So nobody takes 'turn' while somebody has waited
 * for it for PATIENCE microseconds.  (Giving it to whoever waits each time
 * would cost two changes of threads for each megaflow that one of them
 * puts.) */
#define PATIENCE 500

/* How often to look whether that is over, in nanoseconds.  (Whoever signals a
 * condition variable may have to wait for a thread that has no CPU.) */
#define POLL_INTERVAL 20000

static struct ovs_mutex queue_mutex = OVS_MUTEX_INITIALIZER;
static unsigned int n_waiting OVS_GUARDED_BY(queue_mutex);
static atomic_llong waiting_since = 0; /* time_usec(), or 0 if nobody waits. */

/* After how many microseconds the lock should be given back by whoever can do
 * the rest later, and when it was taken, as time_usec(). */
#define MAX_HOLD 500
static long long int taken_at OVS_GUARDED_BY(xdp_mutex);

/* Returns 'waiting_since'. */
static long long int
get_waiting_since(void)
{
    long long int since;

    atomic_read_relaxed(&waiting_since, &since);
    return since;
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
    ovs_mutex_unlock(&queue_mutex);
}

/* Locks 'xdp_mutex' when it is our turn.  Waits for one other thread at most
 * to have its turn, even if the next one has lost its patience when this one
 * wakes up: it would have to wait for all of them. */
void
xdp_lock(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    long long int since = get_waiting_since();

    if (since && time_usec() >= since + PATIENCE) {
        while (get_waiting_since() == since) {
            xnanosleep_no_quiesce(POLL_INTERVAL);
        }
    }
    if (ovs_mutex_trylock(&turn)) {
        wait_for_turn();
    }
    ovs_mutex_lock(&xdp_mutex);
    ovs_mutex_unlock(&turn);
    taken_at = time_usec();
}

/* Returns true if this thread has had the lock for so long that it should give
 * it back, if it has done anything at all. */
bool
xdp_lock_is_due(void)
{
    return time_usec() >= taken_at + MAX_HOLD;
}

/* Unlocks it. */
void
xdp_unlock(void)
{
    ovs_mutex_unlock(&xdp_mutex);
}
