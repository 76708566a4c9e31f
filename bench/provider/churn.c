/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacing flows at a given rate, in a thread of its own.
 */

#include <config.h>

#undef NDEBUG
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "provider.h"
#include "util.h"

static struct flow_set set;
static uint32_t rate;
static uint64_t n_replaced;
static uint64_t n_ns;
static atomic_bool stop;
static pthread_t thread;

/* Deletes and puts one flow after the other, in bursts of a millisecond. */
static void *
churn_main(void *aux OVS_UNUSED)
{
    const uint64_t interval = 1000000;
    const uint32_t burst = MAX(rate / 1000, 1);
    uint64_t start = now_ns();
    uint64_t next = start;
    uint32_t i = 0;
    bool stopped;

    do {
        for (uint32_t j = 0; j < burst; j++) {
            struct flow_set one = set;

            one.first = set.first + i++ % set.n;
            one.n = 1;
            flows_delete(&one);
            flows_put(&one);
            n_replaced++;
        }
        next += interval;
        sleep_until(next);
        atomic_read_relaxed(&stop, &stopped);
    } while (!stopped);
    n_ns = now_ns() - start;
    return NULL;
}

/* Starts to replace the flows in 'set_', 'rate_' of them a second. */
void
churn_start(const struct flow_set *set_, uint32_t rate_)
{
    set = *set_;
    rate = rate_;
    n_replaced = 0;
    atomic_init(&stop, false);
    thread = ovs_thread_create("churn", churn_main, NULL);
    reply("ok");
}

/* Ends what churn_start() began. */
void
churn_stop(void)
{
    atomic_store_relaxed(&stop, true);
    xpthread_join(thread, NULL);
    reply("ok replaced=%"PRIu64" ns=%"PRIu64, n_replaced, n_ns);
}
