/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "race": packets run while another thread inserts, modifies and removes
 * flows as fast as it can, and a third one makes the slots of the latter free
 * again and sorts the masks of the ports, as the provider's threads do.  The
 * hint cache becomes larger and smaller meanwhile.
 *
 * All flows that ever are in the table, the universe, are disjoint, and OVS's
 * classifier says which of them a packet belongs to.  Each insertion and
 * modification makes a new version of a flow, whose number is spread over
 * several ops, so that the packet that leaves shows which version it met, and
 * whether that was one alone.
 *
 * A logical clock, which ticks at the beginning and at the end of each change
 * of the table, says what a packet may meet: a version that was there at some
 * moment of the packet's run, and no miss if its flow was there all the time.
 * Two short gaps are the exception, after which a packet only takes the way
 * through userspace.  They are counted, and must be rare:
 *
 *     - A walk over the masks of a port may miss the one that moves to another
 *       place when a mask leaves the port.
 *     - A walk that has read a slot's number just before a modification
 *       replaces it finds the slot withdrawn, and so does its second try.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coverage.h"
#include "flow.h"
#include "flows.h"
#include "openvswitch/thread.h"
#include "oracle.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "packets.h"
#include "race.h"
#include "rng.h"
#include "run.h"
#include "timeval.h"
#include "util.h"

/* Flows of the universe, at most. */
#define MAX_RACE_FLOWS 4000

/* Masks with a number from here on, in the order in which the universe met
 * them, come and go rarely: a mask that is new in a full table has to wait for
 * a grace period. */
#define N_HOT_MASKS 160
#define COLD_ONE_IN 20000

/* Changes between bursts, which fill or empty one mask. */
#define BURST_ONE_IN 20000

/* How often a packet is repeated to make a train, at most. */
#define MAX_REPEATS 32

/* Guards the flow table, as the provider's mutex does. */
static struct ovs_mutex table_mutex = OVS_MUTEX_INITIALIZER;
static ATOMIC(bool) stop;
static ATOMIC(uint64_t) now;        /* The logical clock. */

/* When, for each port, the latest change that took a mask from it ended. */
static ATOMIC(uint64_t) mask_left[N_PORTS];

/* What happened.  Each is counted by one thread. */
static uint64_t n_inserted, n_modified, n_removed, n_bursts;
static uint64_t n_flows_full, n_masks_full, n_reclaimed;
static uint64_t n_errors;           /* Changes that the table refused. */
static uint64_t n_hits, n_misses, n_mask_gaps, n_modify_gaps, n_forgotten;

/* Advances the logical clock, and returns the new time. */
static uint64_t
tick(void)
{
    uint64_t old;

    atomic_add(&now, 1, &old);
    return old + 1;
}

/* Returns the logical time. */
static uint64_t
get_now(void)
{
    uint64_t t;

    atomic_read(&now, &t);
    return t;
}

/* Returns the value of an atomic 64-bit number. */
static uint64_t
get64(ATOMIC(uint64_t) *p)
{
    uint64_t value;

    atomic_read(p, &value);
    return value;
}

/* Changing the table. */

/* Begins a new version of 'f' and returns it.  Stores its number in
 * '*numberp'. */
static struct race_version *
begin_version(struct race_flow *f, uint32_t *numberp)
{
    struct race_version *v;

    atomic_read(&f->n_versions, numberp);
    v = &f->versions[*numberp % HISTORY];
    atomic_store(&v->installed, NEVER);
    atomic_store(&v->end, NEVER);
    atomic_store(&v->begin, tick());
    atomic_store(&f->n_versions, *numberp + 1);
    return v;
}

/* Notes that the change that makes 'v' has ended. */
static void
end_change(struct race_version *v)
{
    atomic_store(&v->installed, tick());
}

/* Notes that version number 'number' of 'f' cannot be met any more. */
static void
end_version(struct race_flow *f, uint32_t number)
{
    atomic_store(&f->versions[number % HISTORY].end, tick());
}

/* Counts what the table said when it refused a change. */
static void
count_refusal(enum xdp_table_error error)
{
    if (error == XDP_TABLE_FLOWS_FULL) {
        n_flows_full++;
    } else if (error == XDP_TABLE_MASKS_FULL) {
        n_masks_full++;
    } else {
        n_errors++;
    }
}

/* Inserts 'f'.  Returns false if there is no room. */
static bool
insert_flow(struct race_flow *f)
{
    struct race_stay *stay = &f->stays[f->n_stays % HISTORY];
    struct xdp_flow_actions actions;
    enum xdp_table_error error;
    struct race_version *v;
    uint32_t number;

    atomic_store(&stay->since, NEVER);
    atomic_store(&stay->until, NEVER);
    v = begin_version(f, &number);
    make_race_actions(f - race_flows, number, &actions);
    error = xdp_flow_table_insert(object->table, &f->key, &f->mask, &actions,
                                  &f->flow);
    end_change(v);
    if (error) {
        f->flow = NULL;
        end_version(f, number);
        count_refusal(error);
        return error != XDP_TABLE_FLOWS_FULL;
    }
    f->n_stays++;
    atomic_store(&stay->since, get_now());
    n_inserted++;
    return true;
}

/* Gives 'f' new actions.  Returns false if there is no room. */
static bool
modify_flow(struct race_flow *f)
{
    struct xdp_flow_actions actions;
    enum xdp_table_error error;
    struct race_version *v;
    uint32_t number;

    v = begin_version(f, &number);
    make_race_actions(f - race_flows, number, &actions);
    error = xdp_flow_table_modify(object->table, f->flow, &actions);
    end_change(v);
    if (error) {
        /* The version before lives on, under the number of the new one. */
        ovs_assert(number > 0);
        atomic_store(&f->n_versions, number);
        count_refusal(error);
        return error != XDP_TABLE_FLOWS_FULL;
    }
    end_version(f, number - 1);
    n_modified++;
    return true;
}

/* Removes 'f'. */
static void
remove_flow(struct race_flow *f)
{
    struct race_stay *stay = &f->stays[(f->n_stays - 1) % HISTORY];
    uint32_t port = f->device->port;
    struct xdp_flow_table_stats stats;
    uint32_t n_versions;
    uint32_t n;

    atomic_read(&f->n_versions, &n_versions);
    n = xdp_flow_table_port_n_masks(object->table, port);
    atomic_store(&stay->until, tick());
    xdp_flow_table_remove(object->table, f->flow, &stats);
    f->flow = NULL;
    f->n_counted += stats.n_packets;
    end_version(f, n_versions - 1);
    if (xdp_flow_table_port_n_masks(object->table, port) < n) {
        atomic_store(&mask_left[port], get_now());
    }
    n_removed++;
}

/* Changes 'f' in some way.  Returns false if there is no room. */
static bool
change_flow(struct race_flow *f)
{
    bool ok = true;

    ovs_mutex_lock(&table_mutex);
    if (!f->flow) {
        ok = insert_flow(f);
    } else if (one_in(2)) {
        ok = modify_flow(f);
    } else {
        remove_flow(f);
    }
    ovs_mutex_unlock(&table_mutex);
    return ok;
}

/* Inserts all flows of a random mask, or removes them. */
static void
burst(void)
{
    size_t mask = race_flows[rnd(n_race_flows)].mask_number;
    bool insert = one_in(2);

    n_bursts++;
    for (size_t i = 0; i < n_race_flows; i++) {
        struct race_flow *f = &race_flows[i];

        if (f->mask_number == mask && insert == !f->flow) {
            change_flow(f);
        }
    }
}

/* The thread that changes the table. */
static void *
change_main(void *aux OVS_UNUSED)
{
    cpu_set_t cpus;

    rng_start(15, 1);

    /* Away from the packets, if there is another CPU. */
    CPU_ZERO(&cpus);
    for (int i = 0; i < MIN(n_cpus, CPU_SETSIZE); i++) {
        if (i != this_cpu) {
            CPU_SET(i, &cpus);
        }
    }
    sched_setaffinity(0, sizeof cpus, &cpus);

    for (;;) {
        struct race_flow *f
            = &race_flows[rnd(one_in(4) ? MIN(n_race_flows, N_BUSY)
                              : n_race_flows)];
        bool stopping;

        atomic_read(&stop, &stopping);
        if (stopping) {
            return NULL;
        }

        if (one_in(BURST_ONE_IN)) {
            burst();
        } else if (f->mask_number < N_HOT_MASKS || one_in(COLD_ONE_IN)) {
            if (!change_flow(f)) {
                /* Wait for the other thread to make room. */
                xnanosleep(1000 * 1000);
            }
        }
    }
}

/* The thread that makes slots free, and sorts the masks. */
static void *
reclaim_main(void *aux OVS_UNUSED)
{
    for (;;) {
        bool stopping, garbage, more;
        uint64_t epoch;

        atomic_read(&stop, &stopping);
        if (stopping) {
            return NULL;
        }

        ovs_mutex_lock(&table_mutex);
        xdp_lock();
        for (bool begin = true;
             xdp_flow_table_sort_masks(object->table, begin); begin = false) {
            continue;
        }
        xdp_unlock();
        garbage = xdp_flow_table_begin_reclaim(object->table, &epoch);
        ovs_mutex_unlock(&table_mutex);
        if (garbage && !xdp_flow_table_wait(object->table)) {
            do {
                ovs_mutex_lock(&table_mutex);
                more = xdp_flow_table_reclaim(object->table, epoch);
                ovs_mutex_unlock(&table_mutex);
            } while (more);
            n_reclaimed++;
        } else {
            xnanosleep(1000 * 1000);
        }
    }
}

/* Running packets. */

/* Returns what is wrong with the fact that a packet of 'f', run from 't0' to
 * 't1', met 'version', or NULL if nothing is. */
static const char *
judge_version(struct race_flow *f, uint32_t version, uint64_t t0, uint64_t t1)
{
    struct race_version *v = &f->versions[version % HISTORY];
    uint64_t begin = get64(&v->begin);
    uint64_t end = get64(&v->end);
    uint32_t n;

    atomic_read(&f->n_versions, &n);
    if (version >= n) {
        return "a version that was never made";
    }
    if (n - version >= HISTORY) {
        /* Not remembered any more.  If the run was so long that this is no
         * wonder, nothing can be said. */
        if (get64(&f->versions[(n - HISTORY / 2) % HISTORY].begin) <= t0) {
            return "a version long gone";
        }
        n_forgotten++;
        return NULL;
    }
    if (begin > t1) {
        return "a version from the future";
    }
    if (end <= t0) {
        return "a version that was gone";
    }
    return NULL;
}

/* Returns what is wrong with the fact that a packet of 'f', run from 't0' to
 * 't1', met no flow, or NULL if nothing is. */
static const char *
judge_miss(struct race_flow *f, uint64_t t0, uint64_t t1)
{
    bool there = false;
    uint32_t n;

    for (size_t i = 0; i < HISTORY && !there; i++) {
        struct race_stay *stay = &f->stays[i];
        uint64_t since = get64(&stay->since);

        /* The other thread may be making it a new one. */
        there = (since <= t0 && get64(&stay->until) > t1
                 && get64(&stay->since) == since);
    }
    if (!there) {
        return NULL;
    }

    /* Wait for a change that is under way, and find out what it was. */
    ovs_mutex_lock(&table_mutex);
    ovs_mutex_unlock(&table_mutex);
    if (get64(&mask_left[f->device->port]) > t0) {
        n_mask_gaps++;
        return NULL;
    }
    atomic_read(&f->n_versions, &n);
    for (uint32_t i = 1; i <= MIN(n, HISTORY / 2); i++) {
        struct race_version *v = &f->versions[(n - i) % HISTORY];

        if (get64(&v->begin) <= t1 && get64(&v->installed) > t0) {
            n_modify_gaps++;
            return NULL;
        }
    }
    return "no flow";
}

/* Runs packet 'p' and checks what it met.  If 'still', nobody changes the
 * table, and it must be the latest version. */
static void
run_race_packet(struct race_packet *p, bool still)
{
    uint32_t index = UINT32_MAX, version = UINT32_MAX;
    const char *problem = NULL;
    uint8_t out[MAX_OUT];
    uint64_t t0, t1;
    uint32_t verdict;
    size_t out_size;

    t0 = get_now();
    verdict = run_program(p->device->ifindex, p->frame.data, p->frame.size,
                          out, &out_size);
    t1 = get_now();

    if (verdict == XDP_REDIRECT) {
        n_hits++;
        if (!read_race_label(p, out, out_size, &index, &version)) {
            problem = "what is no label, or a mix of several";
        } else if (!p->flow || index != p->flow - race_flows) {
            problem = "a wrong flow";
        } else {
            p->flow->n_hits++;
            problem = judge_version(p->flow, version, t0, t1);
            if (!problem && still) {
                uint32_t n;

                atomic_read(&p->flow->n_versions, &n);
                if (!p->flow->flow) {
                    problem = "a removed flow";
                } else if (version != n - 1) {
                    problem = "an old version";
                }
            }
        }
    } else if (verdict != XDP_PASS || out_size != p->frame.size
               || memcmp(out, p->frame.data, out_size)) {
        problem = "something strange";
    } else {
        n_misses++;
        if (p->flow) {
            problem = (still ? (p->flow->flow ? "no flow" : NULL)
                       : judge_miss(p->flow, t0, t1));
        }
    }

    if (problem && failure("a packet met %s", problem)) {
        printf("  time %"PRIu64" to %"PRIu64", verdict %"PRIu32"%s\n", t0, t1,
               verdict, still ? ", table at rest" : "");
        printf("  flow %"PRIu32", version %"PRIu32"; right flow %"PRIdSIZE
               "\n", index, version, p->flow ? p->flow - race_flows : -1);
        if (p->flow) {
            struct ds s = DS_EMPTY_INITIALIZER;
            uint32_t n;

            match_format(&p->flow->match, NULL, &s, OFP_DEFAULT_PRIORITY);
            printf("  match: %s\n", ds_cstr(&s));
            ds_destroy(&s);

            atomic_read(&p->flow->n_versions, &n);
            for (uint32_t i = n - MIN(n, 5); i < n; i++) {
                struct race_version *v = &p->flow->versions[i % HISTORY];

                printf("  version %"PRIu32": begins %"PRIu64", installed "
                       "%"PRIu64", ends %"PRIu64"\n", i, get64(&v->begin),
                       get64(&v->installed), get64(&v->end));
            }
        }
        print_hex("packet", p->frame.data, p->frame.size);
        print_hex("got   ", out, out_size);
    }
}

/* Part "race". */
void
test_race(void)
{
    size_t wanted = MIN(MAX_RACE_FLOWS, MAX(n_packets / 20, 200));
    uint64_t n_runs = 0, n_counted = 0, n_gaps;
    long long int begin, end;
    pthread_t changer, reclaimer;
    struct xdp_flow_table_stats stats;

    if (!part_wanted("race") || !race_seconds) {
        return;
    }

    rng_start(15, 0);
    set_vlan_limit(XDP_VLAN_MAX);
    set_hints(NO_HINTS);
    make_universe(wanted);
    for (size_t i = 0; i < n_race_flows; i++) {
        for (size_t j = 0; j < HISTORY; j++) {
            atomic_init(&race_flows[i].stays[j].since, NEVER);
        }
    }

    begin = time_msec();
    end = begin + race_seconds * 1000;
    atomic_store(&stop, false);
    changer = ovs_thread_create("change", change_main, NULL);
    reclaimer = ovs_thread_create("reclaim", reclaim_main, NULL);
    while (time_msec() < end && !part_failures) {
        /* In the second half, hints are worse than none. */
        bool bad_hints = time_msec() - begin > race_seconds * 500;

        for (int i = 0; i < 1000; i++) {
            uint32_t n = one_in(2) ? n_race_packets : n_busy_packets;
            struct race_packet *p = &race_packets[rnd(n)];
            uint32_t repeats = one_in(MAX_REPEATS) ? 1 + rnd(MAX_REPEATS) : 1;

            for (uint32_t j = 0; j < repeats; j++) {
                run_race_packet(p, false);
                n_runs++;
            }
            if (i % 100 == 50) {
                event_count[EVENT_FOLD_HINTS] += fold_hints();
            }
            if (bad_hints && i % 100 == 0) {
                event_count[EVENT_BAD_HINTS]++;
                scramble_hints(50);
            }
        }
    }
    atomic_store(&stop, true);
    xpthread_join(changer, NULL);
    xpthread_join(reclaimer, NULL);
    event_count[EVENT_RECLAIM] += n_reclaimed;

    /* At rest, everything is exactly as it should be. */
    for (size_t i = 0; i < n_race_packets; i++) {
        run_race_packet(&race_packets[i], true);
    }
    for (size_t i = 0; i < n_race_flows; i++) {
        struct race_flow *f = &race_flows[i];

        if (f->flow) {
            xdp_flow_table_remove(object->table, f->flow, &stats);
            f->n_counted += stats.n_packets;
        }
        n_counted += f->n_counted;
        if (f->n_counted > f->n_hits) {
            failure("flow %"PRIuSIZE" counted %"PRIu64" packets and has had "
                    "%"PRIu64, i, f->n_counted, f->n_hits);
        }
    }
    reclaim();

    /* A packet that is under way when its flow is removed may be counted too
     * late. */
    if (n_hits - n_counted > n_removed / 100) {
        failure("%"PRIu64" of %"PRIu64" packets were not counted, with "
                "%"PRIu64" removals", n_hits - n_counted, n_hits, n_removed);
    }
    if (n_errors) {
        failure("the table refused %"PRIu64" changes", n_errors);
    }
    n_gaps = n_mask_gaps + n_modify_gaps;
    if (n_gaps > n_hits / 1000 + 10) {
        failure("%"PRIu64" packets out of %"PRIu64" fell into gaps", n_gaps,
                n_hits);
    }
    if (!n_inserted || !n_modified || !n_removed || !n_hits || !n_misses) {
        failure("something never happened");
    }
    end_part("race", "%"PRIu64" packets: %"PRIu64" hits, %"PRIu64" misses, of "
             "which %"PRIu64" while a mask left and %"PRIu64" during a "
             "modification (%"PRIu64" forgotten, %"PRIu64" not counted); "
             "%"PRIuSIZE" flows of %"PRIuSIZE" masks, %"PRIu64" insertions, "
             "%"PRIu64" modifications, %"PRIu64" removals, %"PRIu64" bursts, "
             "%"PRIu64" times reclaimed, full %"PRIu64"/%"PRIu64" times",
             n_runs, n_hits, n_misses, n_mask_gaps, n_modify_gaps, n_forgotten,
             n_hits - n_counted, n_race_flows, n_race_masks, n_inserted,
             n_modified, n_removed, n_bursts, n_reclaimed, n_flows_full,
             n_masks_full);
    destroy_universe();
}
