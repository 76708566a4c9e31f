/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A full table: refused megaflows displace those in XDP that are much less
 * busy.  See xdp-custody.h.
 *
 * That is done in passes over all megaflows, one table at a time.  The first
 * walk looks how busy each is, and gathers the refused ones that are worth a
 * place, by their rate.  From how many there are follows how busy a megaflow
 * in XDP may be at most to be looked at in the second walk.  That one goes
 * where it meets them, for the busiest one that waits, if this is clearly
 * busier.  So nothing has to be sorted, and a pass can be interrupted at any
 * time: by whoever wants the lock, and for a grace period when there are no
 * free slots, since a displaced megaflow's slot is not free at once.  First
 * the table is asked if it is busy, as it is while the kernel makes a map that
 * it needs: then nobody leaves, and the pass goes on in a moment.
 *
 * Equal megaflows never displace each other: one has to be twice as busy as
 * the other, and by CUSTODY_MIN_RATE; both rates are of several seconds; and
 * what has just come stays for a while, and keeps the rate with which it came.
 * A megaflow whose packets go to userspace although it is in XDP, because of
 * what only userspace can do, would look busy as soon as it is out.  So it has
 * to wait before it can come back, and twice as long each time.
 *
 * Without a refused megaflow that is busy, or new, nothing is done at all, and
 * less and less often if nothing can be displaced, until a refused one gets
 * busy.
 */

#include <config.h>

#include "xdp-custody-private.h"

#include <string.h>

#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "timeval.h"
#include "util.h"
#include "xdp-coverage.h"
#include "xdp-program.h"

/* How often there is a pass at most, in ms, and how many times as long as it
 * takes, not counting what it waits, it is to the next one at least. */
#define INTERVAL 1000
#define PAUSE 10

/* After how many passes in vain the interval is not doubled any more. */
#define MAX_FRUITLESS 3

/* A look at the rates of a table that was longer ago than this, in ms, and
 * than twice the time from one pass to the next, says nothing about what is
 * now. */
#define MAX_ELAPSED 15000

/* How many passes it takes to know rates: one to begin to count, and two. */
#define ENOUGH 3

/* How long a pass waits until a busy table is asked again, in ms, and how
 * often in a row. */
#define DELAY 1
#define MAX_DELAYS 100

/* The largest value of 'n_vain'. */
#define MAX_VAIN 6

/* Classes of rates: 0 is one of its own, then each one is a power of 2. */
#define N_CLASSES 33

/* The pass that is under way. */
static struct {
    const struct xdp_flow_table *table; /* NULL between two passes. */
    bool sampling;              /* First walk? */
    size_t position;            /* Of the walk. */
    long long int duration;     /* So far, in ms, without what it waited, and
                                 * before 'resumed'. */
    long long int resumed;      /* When it went on, in ms. */
    unsigned int n_idle[N_CLASSES]; /* Megaflows that can be displaced. */
    struct ovs_list busy[N_CLASSES]; /* Refused ones, by 'refused_node'. */
    unsigned int n_busy;        /* How many of them there were. */
    int last_class;             /* Of what the second walk looks at. */
    bool is_over;               /* None is left, or it has waited for long. */
    bool pausing;               /* Nothing more with this hold of the lock. */
    bool starved;               /* Nor before slots are free, or before the
                                 * table is not busy any more. */
    unsigned int n_delays;      /* How often in a row it was busy. */
    unsigned int n_kicks;       /* custody_n_full_kicks() when it began. */
    bool fruitful;              /* Has it displaced a megaflow, or would have,
                                 * had the table not been busy? */
} pass OVS_GUARDED_BY(xdp_mutex);

/* The table of the last pass, when it began, its number among those of the
 * same table in a row, and when the next one may begin, in ms, and when if it
 * turns out to be urgent. */
static const struct xdp_flow_table *last_table OVS_GUARDED_BY(xdp_mutex);
static long long int last_started OVS_GUARDED_BY(xdp_mutex);
static unsigned int n_in_row OVS_GUARDED_BY(xdp_mutex);
static long long int next_start OVS_GUARDED_BY(xdp_mutex);
static long long int urgent_start OVS_GUARDED_BY(xdp_mutex);

/* How many passes with known rates have displaced nothing since one did, or
 * since one was urgent. */
static unsigned int n_fruitless OVS_GUARDED_BY(xdp_mutex);

/* Since the pass before. */
static uint32_t elapsed OVS_GUARDED_BY(xdp_mutex);

/* Returns the class of 'rate'. */
static int
get_class(uint32_t rate)
{
    return rate ? log_2_floor(rate) + 1 : 0;
}

/* Returns true if a megaflow of rate 'in' may displace one of rate 'out'. */
static bool
is_busier(uint32_t in, uint32_t out)
{
    return in >= UINT64_C(2) * out + CUSTODY_MIN_RATE;
}

/* Returns true if 'flow' is in the table of the pass and may leave it. */
static bool
can_leave(const struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    return (flow->table_flow && flow->table == pass.table && !flow->stopped
            && custody_has_rested(flow));
}

/* Returns true if 'flow' is refused for lack of room and may come back. */
static bool
can_enter(const struct custody_flow *flow)
{
    return (!flow->table_flow && flow->reason == XDP_REASON_FLOWS_FULL
            && flow->n_refs && !custody_all_stopping(flow)
            && (!flow->n_vain || custody_has_rested(flow)));
}

/* For custody_walk(): looks how busy 'flow' is. */
static unsigned int
sample(struct custody_flow *flow, void *aux OVS_UNUSED)
    OVS_REQUIRES(xdp_mutex)
{
    if (flow->table_flow) {
        if (flow->table != pass.table) {
            return CUSTODY_LOOK;
        }
        custody_sample(flow, elapsed, n_in_row == 2);
        pass.n_idle[get_class(flow->rate)] += can_leave(flow);
        return CUSTODY_WORK;
    }
    if (can_enter(flow)) {
        flow->rate = custody_heard_rate(flow);
        if (flow->rate >= CUSTODY_MIN_RATE
            && xdp_offer_table(flow) == pass.table) {
            ovs_list_remove(&flow->refused_node);
            ovs_list_push_back(&pass.busy[get_class(flow->rate)],
                               &flow->refused_node);
            pass.n_busy++;
        }
    }
    return 2 * CUSTODY_LOOK;
}

/* Returns the first of the busiest refused megaflows, or NULL if there is none
 * any more, or if so many had to be looked at that the pass has to pause. */
static struct custody_flow *
get_busiest(void)
    OVS_REQUIRES(xdp_mutex)
{
    unsigned int cost = 0;

    for (int i = N_CLASSES - 1; i >= 0; i--) {
        while (!ovs_list_is_empty(&pass.busy[i])) {
            struct custody_flow *flow
                = CONTAINER_OF(ovs_list_front(&pass.busy[i]),
                               struct custody_flow, refused_node);

            if (can_enter(flow) && xdp_offer_table(flow) == pass.table) {
                return flow;
            }
            cost += 2 * CUSTODY_LOOK;
            if (cost > CUSTODY_BUDGET) {
                pass.pausing = true;
                return NULL;
            }
            ovs_list_remove(&flow->refused_node);
            ovs_list_push_back(&custody_refused[flow->reason],
                               &flow->refused_node);
        }
    }
    return NULL;
}

/* Takes 'flow' out of XDP for a busier one. */
static void
displace(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    uint32_t heard = custody_heard_rate(flow);
    bool in_vain = heard >= CUSTODY_MIN_RATE && heard > flow->rate;

    flow->n_vain = in_vain ? MIN(flow->n_vain + 1, MAX_VAIN) : 0;
    custody_withdraw(flow, XDP_REASON_FLOWS_FULL, "displaced by a busier one");
    pass.fruitful = true;
    custody_totals.n_displaced++;
    flow->port->totals.n_displaced++;
    xdp_coverage_displaced();
}

/* Has the pass wait, since its table was too busy for 'flow', or end if that
 * has been so for long.  Others have their turn before. */
static void
delay(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    struct ovs_list *busy = &pass.busy[get_class(flow->rate)];

    ovs_list_remove(&flow->refused_node);
    ovs_list_push_back(busy, &flow->refused_node);
    pass.fruitful = true;
    pass.is_over = ++pass.n_delays > MAX_DELAYS;
    pass.pausing = pass.starved = !pass.is_over;
}

/* For custody_walk(): has the busiest of the refused megaflows displace
 * 'flow', if it is clearly busier. */
static unsigned int
exchange(struct custody_flow *flow, void *aux OVS_UNUSED)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_flow *busiest;
    enum xdp_reason reason;
    uint64_t n_made;
    uint32_t rate;

    if (!can_leave(flow) || get_class(flow->rate) > pass.last_class
        || pass.pausing || pass.is_over) {
        return CUSTODY_LOOK;
    }
    busiest = get_busiest();
    if (!busiest) {
        pass.is_over = !pass.pausing;
        return CUSTODY_BUDGET;
    }
    if (!is_busier(busiest->rate, flow->rate)) {
        return CUSTODY_LOOK;
    }
    pass.starved = !xdp_flow_table_can_exchange(pass.table);
    if (pass.starved) {
        pass.pausing = true;
        return CUSTODY_BUDGET;
    }
    reason = xdp_offer_ask(busiest);
    if (reason == XDP_REASON_BUSY) {
        delay(busiest);
        return CUSTODY_BUDGET;
    }

    n_made = xdp_flow_table_n_made(pass.table);
    rate = busiest->rate;
    if (!reason && xdp_flow_table_is_full(pass.table)) {
        displace(flow);
    }
    if (!xdp_offer(busiest, true)) {
        delay(busiest);
        return CUSTODY_BUDGET;
    }
    if (busiest->table_flow) {
        busiest->rate = rate;
    } else {
        /* Once it has reached for a place in vain, others should not have to
         * leave again for that. */
        busiest->n_vain = MIN(busiest->n_vain + 1, MAX_VAIN);
        busiest->moved_at = custody_seconds();
    }
    pass.n_delays = 0;
    n_made = xdp_flow_table_n_made(pass.table) - n_made;
    pass.pausing = n_made * CUSTODY_MADE_COST >= XDP_CUSTODY_BATCH;
    return CUSTODY_WORK * (2 + n_made * CUSTODY_MADE_COST);
}

/* Returns true if 'table' is that of a loaded object. */
static bool
is_loaded(const struct xdp_flow_table *table)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_object *object;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table && object->table == table) {
            return true;
        }
    }
    return false;
}

/* Returns the full table whose turn it is, or NULL if there is none.  Each
 * gets as many passes in a row as it takes to know rates. */
static const struct xdp_flow_table *
choose_table(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_flow_table *first = NULL, *next = NULL;
    const struct xdp_object *object;
    bool is_behind = false;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        const struct xdp_flow_table *table
            = object->has_table ? object->table : NULL;

        if (table && xdp_flow_table_is_full(table)) {
            if (table == last_table && n_in_row < ENOUGH) {
                return table;
            }
            first = first ? first : table;
            next = next || !is_behind ? next : table;
        }
        is_behind |= table && table == last_table;
    }
    return next ? next : first;
}

/* Begins a pass, if it is time for one, and there is a reason. */
static void
begin_pass(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_flow_table *table;
    long long int now = time_msec();

    if (custody_take_urgent()) {
        n_fruitless = 0;
        next_start = MIN(next_start, urgent_start);
    }
    if (now < next_start || !custody_any_waiting(true)) {
        return;
    }
    table = choose_table();
    if (!table) {
        return;
    }
    elapsed = MIN(now - last_started, UINT32_MAX);
    n_in_row = (table == last_table
                && elapsed <= MAX(MAX_ELAPSED, 2 * (next_start - last_started))
                ? MIN(n_in_row + 1, ENOUGH) : 1);
    if (n_in_row == 1) {
        elapsed = 0;
    }
    last_table = table;
    last_started = now;

    memset(&pass, 0, sizeof pass);
    for (size_t i = 0; i < N_CLASSES; i++) {
        ovs_list_init(&pass.busy[i]);
    }
    pass.table = table;
    pass.sampling = true;
    pass.n_kicks = custody_n_full_kicks();
}

/* Ends the pass.  Megaflows that are still refused are the first to be tried
 * when there is room, the busiest before the others. */
static void
end_pass(void)
    OVS_REQUIRES(xdp_mutex)
{
    struct ovs_list *refused = &custody_refused[XDP_REASON_FLOWS_FULL];
    struct ovs_list all = OVS_LIST_INITIALIZER(&all);
    long long int duration = pass.duration + time_msec() - pass.resumed;
    long long int interval = INTERVAL;

    for (int i = N_CLASSES - 1; i >= 0; i--) {
        ovs_list_push_back_all(&all, &pass.busy[i]);
    }
    if (!ovs_list_is_empty(&all)
        && (!is_loaded(pass.table) || !xdp_flow_table_is_full(pass.table)
            || pass.n_kicks != custody_n_full_kicks())) {
        /* Nobody tried them while they were in 'busy'. */
        xdp_custody_kick(XDP_REASON_BIT(XDP_REASON_FLOWS_FULL));
    }
    ovs_list_push_back_all(&all, refused);
    ovs_list_push_back_all(refused, &all);

    urgent_start = last_started + MAX(interval, PAUSE * duration);
    if (n_in_row == ENOUGH) {
        n_fruitless = (pass.fruitful ? 0
                       : MIN(n_fruitless + 1, MAX_FRUITLESS));
        interval <<= n_fruitless;
    }
    next_start = last_started + MAX(interval, PAUSE * duration);
    pass.table = NULL;
}

/* Ends the first walk.  Returns true if there is something to do for the
 * second one, or if it has to be called again with the next hold of the
 * lock. */
static bool
end_sampling(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct custody_flow *busiest = get_busiest();
    unsigned int n = 0;
    int class = 0;

    if (pass.pausing) {
        return true;
    }
    pass.sampling = false;
    pass.position = 0;
    if (n_in_row < ENOUGH || !busiest) {
        return false;
    }
    while (class < N_CLASSES - 1 && !pass.n_idle[class]) {
        class++;
    }
    if (!is_busier(busiest->rate, class ? 1u << (class - 1) : 0)) {
        return false;
    }
    while (class < N_CLASSES - 1 && (n += pass.n_idle[class]) < pass.n_busy) {
        class++;
    }
    pass.last_class = class;
    return true;
}

/* Goes on with the pass for one hold of the lock.  Returns true if it can go
 * on at once. */
static bool
continue_pass(void)
    OVS_REQUIRES(xdp_mutex)
{
    bool more;

    pass.pausing = pass.starved = false;
    if (!is_loaded(pass.table)) {
        more = false;
    } else if (pass.sampling) {
        more = (custody_walk(&pass.position, sample, NULL)
                || end_sampling());
    } else {
        more = (custody_walk(&pass.position, exchange, NULL)
                && !pass.is_over);
        if (pass.pausing) {
            /* The last ones have to be looked at again. */
            pass.position--;
            return !pass.starved;
        }
    }
    if (!more) {
        end_pass();
    }
    return more;
}

/* Has refused megaflows displace less busy ones in full tables, if it is time
 * for that.  Returns true if the rest has to wait until slots are free, which
 * xdp_custody_shortage_seq() has told, too, or until a table is not busy any
 * more. */
bool
xdp_custody_displace(void)
{
    uint64_t shortage = xdp_custody_shortage_seq();
    long long int start = time_msec();
    bool more, unfinished;

    do {
        xdp_lock();
        if (!pass.table) {
            begin_pass();
        }
        pass.resumed = time_msec();
        more = pass.table && continue_pass();
        pass.duration += time_msec() - pass.resumed;
        unfinished = pass.table != NULL;
        xdp_unlock();
        ovsrcu_quiesce();
    } while (more && (xdp_custody_shortage_seq() == shortage
                      || time_msec() < start + CUSTODY_MIN_TURN));
    return unfinished;
}

/* Wakes up poll_block() when it is time for xdp_custody_displace(). */
void
xdp_custody_displace_wait(void)
{
    xdp_lock();
    if (pass.table && pass.n_delays) {
        poll_timer_wait_until(time_msec() + DELAY);
    } else if (!pass.table && custody_any_waiting(false)) {
        poll_timer_wait_until(next_start);
    }
    xdp_unlock();
}
