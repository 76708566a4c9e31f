/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How busy megaflows are: those in XDP by what their slots count, and the
 * others by what their holders say to have had in userspace.  See
 * xdp-custody-private.h.
 *
 * A rate is in packets a minute.  What is new counts for half, and what was
 * before for the other half, so that a pause of a second, or a burst, does not
 * make another megaflow of it.  It takes two looks before there is a rate.
 */

#include <config.h>

#include "xdp-custody-private.h"

#include "timeval.h"

/* How many milliseconds a holder says nothing new for at least, and how long
 * it counts what it said last.  Revalidators ask for each flow two times a
 * second, or less often if there are many. */
#define MIN_INTERVAL 400
#define MAX_INTERVAL 15000

/* Has a refused megaflow been heard of that is, or may be, worth a place in
 * XDP? */
static bool any_waiting OVS_GUARDED_BY(xdp_mutex);

/* Has one become so, or twice as busy, all at once? */
static bool any_urgent OVS_GUARDED_BY(xdp_mutex);

/* How many seconds a megaflow stays in XDP at least, or nearly one more. */
#define PROTECTION 2

/* Returns the time in seconds, which begins anew after 18 hours. */
uint16_t
custody_seconds(void)
{
    return time_msec() / 1000;
}

/* Returns true if 'flow' may be moved again: it came into XDP, or left after
 * stays in vain, long enough ago. */
bool
custody_has_rested(const struct custody_flow *flow)
{
    uint16_t seconds = (flow->table_flow ? PROTECTION
                        : PROTECTION << flow->n_vain);

    return (uint16_t) (custody_seconds() - flow->moved_at) > seconds;
}

/* Has '*rate' follow 'n' packets in 'elapsed' ms, or become just that if
 * 'first'. */
static void
update_rate(uint32_t *rate, uint32_t n, uint32_t elapsed, bool first)
{
    uint64_t new = MIN(UINT64_C(60000) * n / elapsed, UINT32_MAX);

    *rate = first ? new : (*rate + new) / 2;
}

/* Notes that the holder of 'ref', of 'flow', has had 'n_packets' in userspace
 * up to now. */
void
custody_hear(struct custody_flow *flow, struct custody_ref *ref,
             uint64_t n_packets)
{
    uint32_t now = time_msec();
    uint32_t elapsed = now - ref->heard_at;
    uint32_t n = (uint32_t) n_packets - ref->n_heard;
    uint32_t before = ref->n_times_heard == 3 ? ref->rate : 0;
    bool urgent;

    if (ref->n_times_heard && elapsed < MIN_INTERVAL) {
        return;
    }
    /* The datapath may have begun to count anew. */
    if (ref->n_times_heard && elapsed <= MAX_INTERVAL && n <= INT32_MAX) {
        update_rate(&ref->rate, n, elapsed, ref->n_times_heard == 1);
        ref->n_times_heard = MIN(ref->n_times_heard + 1, 3);
    } else {
        ref->rate = 0;
        ref->n_times_heard = 1;
    }
    ref->n_heard = n_packets;
    ref->heard_at = now;

    if (flow->table_flow || flow->reason != XDP_REASON_FLOWS_FULL
        || (flow->n_vain && !custody_has_rested(flow))) {
        return;
    }
    urgent = (ref->n_times_heard == 3 && ref->rate >= CUSTODY_MIN_RATE
              && ref->rate / 2 >= before);
    if ((urgent && !any_urgent)
        || (!any_waiting
            && (ref->n_times_heard < 3
                || custody_heard_rate(flow) >= CUSTODY_MIN_RATE))) {
        any_waiting = true;
        any_urgent |= urgent;
        custody_wake();
    }
}

/* Returns the rate of 'flow' in userspace, as far as it is known. */
uint32_t
custody_heard_rate(const struct custody_flow *flow)
{
    uint32_t now = time_msec();
    uint64_t rate = 0;

    for (size_t i = 0; i < flow->n_refs; i++) {
        const struct custody_ref *ref = custody_ref_at(flow, i);

        if (ref->n_times_heard == 3
            && now - ref->heard_at <= MAX_INTERVAL) {
            rate += ref->rate;
        }
    }
    return MIN(rate, UINT32_MAX);
}

/* Forgets what holders of 'flow' have said: it was about another time. */
void
custody_forget_heard(struct custody_flow *flow)
{
    for (size_t i = 0; i < flow->n_refs; i++) {
        custody_ref_at(flow, i)->n_times_heard = 0;
    }
}

/* Has the rate of 'flow', which is in XDP, follow its packets of the last
 * 'elapsed' ms, or become just that if 'first'; with 0, only begins to
 * count. */
void
custody_sample(struct custody_flow *flow, uint32_t elapsed, bool first)
{
    struct xdp_flow_table_stats stats;

    xdp_flow_table_get_stats(flow->table, flow->table_flow, &stats);
    if (elapsed) {
        uint16_t seconds = custody_seconds() - flow->moved_at;

        /* Of one that has come since, half would say too little. */
        update_rate(&flow->rate, (uint32_t) stats.n_packets - flow->n_sampled,
                    MIN(elapsed, 1000 * (seconds + 1u)),
                    first || !flow->rate);
    }
    flow->n_sampled = stats.n_packets;
}

/* Returns true if a refused megaflow has been heard of that is, or may be,
 * worth a place in XDP, since the last call with 'forget'. */
bool
custody_any_waiting(bool forget)
{
    bool was_waiting = any_waiting;

    any_waiting &= !forget;
    return was_waiting;
}

/* Returns true if a refused megaflow has got busy since the last call, so that
 * it should not wait for long. */
bool
custody_take_urgent(void)
{
    bool was_urgent = any_urgent;

    any_urgent = false;
    return was_urgent;
}
