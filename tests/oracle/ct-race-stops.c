/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections change while a program has stopped: see ct-race.h.
 *
 * A program stops in one place, another thread makes one change, and the
 * program goes on.  A change that must wait for programs is not done before
 * the program goes on by itself, and if it is, the packet shows it.
 */

#include <config.h>

#include "ct-race.h"

#include <sched.h>
#include <string.h>

#include "openvswitch/thread.h"
#include "oracle.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "rng.h"
#include "timeval.h"
#include "util.h"
#include "xdp-conn-table.h"
#include "xdp-conntrack.h"
#include "xdp-grace.h"

/* For how long programs stop, in ns, at most, and if a change must wait for
 * them. */
#define LONG_STOP UINT64_C(1000000000)
#define SHORT_STOP UINT64_C(50000000)

/* How often to make a change where it shows best. */
#define BEST_TIMES 2

/* How often to try to get a connection into XDP. */
#define MAX_TRIES 100

/* Packets after which the same one is part of a train, if the clock does not
 * tick, and how often to try whether that is so. */
#define TRAIN_PACKETS 5
#define TRAIN_TRIES 1000

/* How long to go on trying what does not come to pass, in ms. */
#define MAX_TIME 120000

/* What happens to a connection. */
enum change {
    CHANGE_NOTHING,
    CHANGE_MARK,                /* Its mark and its label change. */
    CHANGE_WITHDRAW,            /* It has no entry, another one gets one. */
    CHANGE_REUSE,               /* The same, when its entry is free. */
    CHANGE_REUSE_SOON,          /* The same, but who frees entries began to
                                 * do so before. */
    CHANGE_EXPIRE,
    CHANGE_FLUSH,
    CHANGE_FLUSH_ALL,
    N_CHANGES
};

/* A change of the connection of 'victim', while that of 'other' has no
 * entry. */
struct step {
    enum change change;
    struct ct_client *victim, *other;
    uint64_t epoch;             /* CHANGE_REUSE_SOON: whose entries are not
                                 * known to programs any more. */
    ATOMIC(uint64_t) run;       /* Number of the run that stops, or 0. */
    ATOMIC(bool) ready;         /* Is the thread on another CPU? */
    ATOMIC(bool) over;          /* Has it ended? */
    bool met;                   /* Did the change begin before? */
};

/* Leaves the CPU that runs programs.  Returns false if there is no other. */
bool
ct_race_leave_cpu(void)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    for (int i = 0; i < MIN(n_cpus, CPU_SETSIZE); i++) {
        if (i != this_cpu) {
            CPU_SET(i, &cpus);
        }
    }
    return !sched_setaffinity(0, sizeof cpus, &cpus);
}

/* Withdraws the entry of 'c'. */
static void
withdraw(struct ct_client *c)
{
    struct conn *conn = ct_client_conn(c);

    if (conn) {
        xdp_conn_table_withdraw(&conn->xdp.owner);
    }
}

/* Changes the connection of 's'. */
static void
change(struct step *s)
{
    switch (s->change) {
    case CHANGE_NOTHING:
        break;

    case CHANGE_MARK:
        ct_client_mark(s->victim, 1);
        break;

    case CHANGE_WITHDRAW:
        withdraw(s->victim);
        ct_client_talk(s->other);
        break;

    case CHANGE_REUSE:
        withdraw(s->victim);
        ct_race_reclaim();
        ovsrcu_barrier();
        ct_client_talk(s->other);
        break;

    case CHANGE_REUSE_SOON:
        withdraw(s->victim);
        xdp_conn_table_reclaim(s->epoch);
        ovsrcu_barrier();
        ct_client_talk(s->other);
        break;

    case CHANGE_EXPIRE:
        ct_client_expire(s->victim);
        break;

    case CHANGE_FLUSH:
        ct_client_flush(s->victim);
        break;

    case CHANGE_FLUSH_ALL:
        ct_race_flush_all();
        break;

    case N_CHANGES:
    default:
        OVS_NOT_REACHED();
    }
}

/* Returns true if 'change_' must wait until the program has ended. */
static bool
must_wait(enum change change_)
{
    return (change_ == CHANGE_REUSE || change_ == CHANGE_FLUSH
            || change_ == CHANGE_FLUSH_ALL);
}

/* Returns true if 'change_' gives another connection an entry. */
static bool
gives_entry(enum change change_)
{
    return (change_ == CHANGE_WITHDRAW || change_ == CHANGE_REUSE
            || change_ == CHANGE_REUSE_SOON);
}

/* Returns true if there is no entry after 'change_'. */
static bool
takes_entry(enum change change_)
{
    return (change_ != CHANGE_NOTHING && change_ != CHANGE_MARK
            && change_ != CHANGE_EXPIRE);
}

/* The thread that makes the change of the step 's_'. */
static void *
change_main(void *s_)
{
    struct step *s = s_;
    bool over = false;
    uint64_t run;

    /* It is not, to begin with, and the program keeps its CPU to itself. */
    ct_race_leave_cpu();
    rng_start(31, ct_slow->run);
    atomic_store(&s->ready, true);
    do {
        sched_yield();
        atomic_read(&s->over, &over);
        atomic_read(&s->run, &run);
    } while (!over && (!run || __atomic_load_n(&ct_slow->arrived,
                                               __ATOMIC_ACQUIRE) != run));
    if (!over) {
        s->met = true;
        change(s);
        __atomic_store_n(&ct_slow->go, run, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* Gets the connection of 'c' into XDP, as an established one.  Returns false,
 * and says so, if it does not. */
static bool
bring(struct ct_client *c)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        const struct xdp_conn *entry;

        if (!ct_client_alive(c)) {
            ct_client_make(c);
        } else if (!ct_client_conn(c)) {
            ct_client_expire(c);
        }
        entry = ct_client_entry(c);
        if (entry && entry->valid && !(entry->flags & XDP_CONN_NEW)) {
            return true;
        }
        ct_race_reclaim();
        ovsrcu_barrier();
        if (ct_client_alive(c)) {
            ct_client_talk(c);
        }
    }
    failure("a connection does not get into XDP");
    return false;
}

/* Runs a packet of 'c', a reply if 'reply', while nothing happens, and stops
 * nowhere. */
static enum ct_outcome
run_quietly(struct ct_client *c, bool reply)
{
    return ct_race_run(reply ? ct_client_reply(c) : &c->frame,
                       reply ? NULL : c, CT_STOP_NONE, 0);
}

/* Returns true if no packet of 'c', which has no entry, is carried, first a
 * reply if 'reply', or says that one was. */
static bool
is_left_alone(struct ct_client *c, bool reply)
{
    if (run_quietly(c, reply) == CT_UP && run_quietly(c, !reply) == CT_UP) {
        return true;
    }
    failure("a packet was carried without an entry");
    return false;
}

/* Returns true if no packet was counted in the entry of 'c', which has just
 * got one if that could be, or says that one was. */
static bool
is_untouched(struct ct_client *c)
{
    const struct xdp_conn *entry = ct_client_entry(c);

    if (!entry || !entry->valid
        || (!entry->dirs[0].packets && !entry->dirs[1].packets)) {
        return true;
    }
    failure("a packet was counted for another connection");
    return false;
}

/* Returns true if only packets of trains come to 'stop'. */
static bool
is_of_train(enum ct_stop stop)
{
    return stop >= CT_STOP_TRAIN && stop <= CT_STOP_TRAIN_RUN;
}

/* Runs packets so that the next 'f', of 'c', or if that is NULL a reply, can
 * come to 'stop': as many as make it one of a train, or, if it must not be
 * that, one of 'other'. */
static void
lead_to(enum ct_stop stop, const struct frame *f, struct ct_client *c,
        struct ct_client *other)
{
    if (!is_of_train(stop)) {
        run_quietly(other, false);
        return;
    }
    for (int i = 0; i < TRAIN_PACKETS; i++) {
        ct_race_run(f, c, CT_STOP_NONE, 0);
    }
}

/* Gets everything ready for 's'. */
static bool
prepare(struct step *s)
{
    if (!bring(s->victim)) {
        return false;
    }
    if (!gives_entry(s->change)) {
        return true;
    }
    if (!bring(s->other)) {
        return false;
    }
    withdraw(s->other);
    if (!is_left_alone(s->other, false)) {
        return false;
    }
    if (s->change == CHANGE_REUSE_SOON) {
        return xdp_conn_table_begin_reclaim(&s->epoch) && !xdp_grace_wait();
    }
    ct_race_reclaim();
    ovsrcu_barrier();
    return true;
}

/* Makes 'change_' while a packet, a reply if 'reply', has stopped at 'stop'.
 * Returns false if that did not come to pass. */
static bool
run_step(enum change change_, enum ct_stop stop, bool reply)
{
    struct step s = {
        .change = change_,
        .victim = &ct_clients[0],
        .other = &ct_clients[1],
    };
    enum ct_outcome outcome;
    const struct frame *f;
    struct ct_client *c;
    pthread_t changer;
    bool ready = false;

    if (!prepare(&s)) {
        return false;
    }
    f = reply ? ct_client_reply(s.victim) : &s.victim->frame;
    c = reply ? NULL : s.victim;
    changer = ovs_thread_create("change", change_main, &s);
    ovsrcu_quiesce_start();
    while (!ready) {
        sched_yield();
        atomic_read(&s.ready, &ready);
    }
    lead_to(stop, f, c, s.other);
    atomic_store(&s.run, ct_slow->run + 1);
    outcome = ct_race_run(f, c, stop,
                          must_wait(change_) ? SHORT_STOP : LONG_STOP);
    atomic_store(&s.over, true);
    xpthread_join(changer, NULL);
    ovsrcu_quiesce_end();

    /* The next packet, which may still be of the train. */
    if (!s.met || !takes_entry(change_)) {
        ct_race_run(f, c, CT_STOP_NONE, 0);
    } else if ((gives_entry(change_) && !is_untouched(s.other))
               || !is_left_alone(s.victim, reply)) {
        return false;
    }
    if (s.met) {
        ct_race_counts.stopped++;
        ct_race_counts.trains += is_of_train(stop);
    } else {
        ct_race_counts.repeated++;
    }
    return s.met && (change_ != CHANGE_NOTHING || outcome != CT_UP);
}

/* Runs packets while a mark and a label are half written. */
static void
test_half_written(void)
{
    struct ct_client *c = &ct_clients[0];
    struct xdp_conn *entry;
    struct conn *conn;
    uint32_t number;

    if (!bring(c)) {
        return;
    }
    conn = ct_client_conn(c);
    entry = ct_client_entry(c);
    if (!conn || !entry) {
        return;
    }
    ovs_mutex_lock(&conn->lock);
    number = ct_client_begin_mark(c);
    __atomic_store_n(&entry->seq, entry->seq + 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&entry->mark, number, __ATOMIC_SEQ_CST);
    run_quietly(c, false);
    __atomic_store_n(&entry->label[0], ct_label_half(number, 0),
                     __ATOMIC_SEQ_CST);
    run_quietly(c, false);
    run_quietly(c, true);
    __atomic_store_n(&entry->label[1], ct_label_half(number, 1),
                     __ATOMIC_SEQ_CST);
    __atomic_store_n(&entry->seq, entry->seq + 1, __ATOMIC_SEQ_CST);
    conn->mark = number;
    memcpy(&conn->label, entry->label, sizeof conn->label);
    ct_client_end_mark(c);
    ovs_mutex_unlock(&conn->lock);
    run_quietly(c, false);
}

/* Returns true if packets become trains, which they may not if the clock
 * ticks, or says that they do not. */
static bool
can_be_trains(void)
{
    struct ct_client *c = &ct_clients[0];

    for (int i = 0; i < TRAIN_TRIES; i++) {
        if (!bring(c)) {
            return false;
        }
        lead_to(CT_STOP_TRAIN_RUN, &c->frame, c, NULL);
        ct_race_run(&c->frame, c, CT_STOP_TRAIN_RUN, 0);
        if (ct_slow->arrived == ct_slow->run) {
            return true;
        }
    }
    failure("packets do not become trains");
    return false;
}

/* Returns true if what can go wrong by 'change_' shows best at 'stop'. */
static bool
is_best(enum change change_, enum ct_stop stop)
{
    return (is_of_train(stop)
            || (change_ == CHANGE_MARK
                ? stop >= CT_STOP_SEQ && stop <= CT_STOP_LABEL
                : stop == CT_STOP_RUN));
}

/* Makes 'change_' at 'stop', in one direction or the other, until that comes
 * to pass.  Returns false if something fails or it is 'give_up' before. */
static bool
make_step(enum change change_, enum ct_stop stop, long long int give_up)
{
    bool met = false;

    while (!met && !part_failures && time_msec() < give_up) {
        met = run_step(change_, stop, one_in(2));
    }
    return met;
}

/* Makes changes while programs have stopped: each for sure where it shows
 * best, and then any for half of the time.  Returns false if the machine is
 * too busy for that. */
bool
ct_race_stops(void)
{
    long long int end = time_msec() + race_seconds * 1000 / 2;
    long long int give_up = time_msec() + MAX_TIME;

    if (!can_be_trains()) {
        return true;
    }
    test_half_written();
    for (int i = 0; i < N_CHANGES; i++) {
        for (int stop = CT_STOP_NONE + 1; stop < CT_N_STOPS; stop++) {
            for (int n = 0; n < BEST_TIMES && is_best(i, stop); n++) {
                if (!make_step(i, stop, give_up)) {
                    return part_failures > 0;
                }
            }
        }
    }
    while (!part_failures && time_msec() < end) {
        make_step(rnd(N_CHANGES), 1 + rnd(CT_N_STOPS - 1), end);
        if (one_in(10)) {
            test_half_written();
        }
    }
    return true;
}
