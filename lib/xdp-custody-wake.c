/* SPDX-License-Identifier: Apache-2.0 */
/* What wakes up the worker.  See xdp-custody.h. */

#include <config.h>

#include "xdp-custody-private.h"

#include "seq.h"

/* Reasons that may have passed since the worker looked last. */
static uint32_t wanted OVS_GUARDED_BY(xdp_mutex);

/* How often lack of room was among the reasons that may have. */
static unsigned int n_full_kicks OVS_GUARDED_BY(xdp_mutex);

/* Changed to wake up the worker: some time, or at once to free slots. */
static struct seq *wakeup;
static struct seq *shortage;

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

/* Has megaflows that are refused for one of 'reasons' tried again soon, and
 * wakes up the worker in any case. */
void
xdp_custody_kick(uint32_t reasons)
{
    wanted |= reasons;
    n_full_kicks += (reasons & XDP_REASON_BIT(XDP_REASON_FLOWS_FULL)) != 0;
    custody_wake();
}

/* Returns how often megaflows that are refused for lack of room were to be
 * tried again. */
unsigned int
custody_n_full_kicks(void)
{
    return n_full_kicks;
}

/* Returns the reasons that may have passed since the last call. */
uint32_t
xdp_custody_take_wanted(void)
{
    uint32_t reasons;

    xdp_lock();
    reasons = wanted;
    wanted = 0;
    xdp_unlock();
    return reasons;
}
