/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Busy megaflows displace idle ones in a full table.  Packets are made up:
 * what a program would count is written into the slots, and what userspace
 * would have had is what holders say.  The clock is stopped.
 */

#include <config.h>

#undef NDEBUG
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dpif.h"
#include "fixture.h"
#include "megaflows.h"
#include "timeval.h"
#include "unit.h"
#include "util.h"
#include "xdp-custody-private.h"
#include "xdp-flow-table-private.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

/* Bytes of a packet. */
#define N_BYTES 100

/* By megaflow: packets that it has had, and of these those in userspace. */
static uint64_t *n_sent, *n_userspace;

/* Packets of the last second, and of these those in XDP. */
static uint64_t n_last, n_last_in_xdp;

/* Are packets of megaflow 1 for userspace whether it is in XDP or not? */
static bool in_vain;

/* Nobody asks for its statistics. */
static unsigned int silent = UINT_MAX;

/* How many ms pass while the worker looks at a megaflow. */
static unsigned int step;

/* Returns megaflow 'i'. */
static struct custody_flow *
get_flow(unsigned int i)
    OVS_REQUIRES(xdp_mutex)
{
    ovs_u128 ufid = megaflow_ufid(i);
    struct custody_flow *flow = custody_find(PORT_NO(megaflow_in_port(i)),
                                             &ufid);

    ovs_assert(flow);
    return flow;
}

/* Returns true if megaflow 'i' is in XDP. */
static bool
is_in_xdp(unsigned int i)
{
    bool is_in;

    xdp_lock();
    is_in = get_flow(i)->table_flow;
    xdp_unlock();
    return is_in;
}

/* Returns how many megaflows have been displaced. */
static uint64_t
count_displaced(void)
{
    uint64_t n;

    xdp_lock();
    n = custody_totals.n_displaced;
    xdp_unlock();
    return n;
}

/* Makes megaflows as 'megaflows' says, and stops the clock. */
static bool
begin(void)
{
    clock_stop();
    if (!megaflows_begin()) {
        clock_run();
        return false;
    }
    n_sent = xcalloc(megaflows.n, sizeof *n_sent);
    n_userspace = xcalloc(megaflows.n, sizeof *n_userspace);
    return true;
}

/* Undoes begin(). */
static void
end(void)
{
    megaflows_end();
    clock_run();
    free(n_sent);
    free(n_userspace);
    in_vain = false;
    silent = UINT_MAX;
    step = 0;
}

/* Sends 'n' packets to megaflow 'i'. */
static void
send_packets(unsigned int i, uint64_t n)
{
    const struct custody_flow *flow;

    xdp_lock();
    flow = get_flow(i);
    n_sent[i] += n;
    n_last += n;
    if (flow->table_flow && !(in_vain && i == 1)) {
        struct xdp_flow_stats *stats
            = &flow->table->flow_stats[flow->table_flow->entry.slot];

        flow->table->cpus[0] = 1;
        stats->packets += n;
        stats->bytes += n * N_BYTES;
        n_last_in_xdp += n;
    } else {
        n_userspace[i] += n;
    }
    xdp_unlock();
}

/* Reads the statistics of all megaflows, as revalidators do.  Returns false if
 * a packet is missing or there is one too many. */
static bool
revalidate(void)
{
    bool exact = true;

    for (unsigned int i = 0; i < megaflows.n; i++) {
        ovs_u128 ufid = megaflow_ufid(i);
        struct dpif_flow_stats stats;
        bool offloaded;

        if (i == silent) {
            continue;
        }
        exact &= (xdp_custody_get(PORT_NO(megaflow_in_port(i)), 1, &ufid,
                                  n_userspace[i], &stats, &offloaded)
                  && stats.n_packets + n_userspace[i] == n_sent[i]
                  && stats.n_bytes == stats.n_packets * N_BYTES);
    }
    return exact;
}

/* Does what the worker does: displaces, and waits for slots or for a busy
 * table.  Returns how often it has waited. */
static unsigned int
work(void)
{
    struct xdp_flow_table *table = megaflows_object->table;
    unsigned int n_waits = 0;

    clock_set_step(step);
    while (xdp_custody_displace()) {
        uint64_t epoch;

        n_waits++;
        if (!xdp_flow_table_begin_reclaim(table, &epoch)) {
            usleep(1000);
            continue;
        }
        ovs_assert(!xdp_flow_table_wait(table));
        while (xdp_flow_table_reclaim(table, epoch)) {
            continue;
        }
    }
    clock_set_step(0);
    return n_waits;
}

/* Lets a second pass in which each megaflow has as many packets as 'get_rate'
 * says.  Returns false if statistics are wrong. */
static bool
pass_second(uint64_t (*get_rate)(unsigned int i))
{
    bool exact;

    n_last = n_last_in_xdp = 0;
    for (unsigned int i = 0; i < megaflows.n; i++) {
        send_packets(i, get_rate(i));
    }
    clock_advance(1000);
    exact = revalidate();
    work();
    return exact && revalidate();
}

/* Passes of seconds, for those rates that change. */
static unsigned int seconds;

/* Cases. */

/* The last 50 megaflows are busy. */
static uint64_t
rate_last(unsigned int i)
{
    return i >= megaflows.n - 50 ? 1000 : 1;
}

/* Busy megaflows get into a full table, idle ones leave it, and all packets
 * are counted once. */
static void
test_displace_idle(void)
{
    uint64_t n_before = count_displaced();
    unsigned int n_refused = 0;

    megaflows.n = 300;
    megaflows.n_places = 100;
    if (!begin()) {
        return;
    }
    CHECK(!is_in_xdp(299));
    for (int i = 0; i < 5; i++) {
        CHECK(pass_second(rate_last));
    }
    CHECK(count_displaced() - n_before == 50);
    CHECK(xdp_custody_n_offloaded() == 100);
    for (unsigned int i = 250; i < 300; i++) {
        CHECK(is_in_xdp(i));
    }
    CHECK(n_last == 50 * 1000 + 250);
    CHECK(n_last_in_xdp == 50 * 1000 + 50);

    /* The reason says so, also when they have been tried again. */
    for (unsigned int i = 0; i < 100; i++) {
        CHECK(megaflow_put(i));
    }
    xdp_lock();
    for (unsigned int i = 0; i < 100; i++) {
        const struct custody_flow *flow = get_flow(i);

        n_refused += (!flow->table_flow
                      && flow->reason == XDP_REASON_FLOWS_FULL
                      && !strcmp(custody_detail(flow),
                                 "displaced by a busier one"));
    }
    xdp_unlock();
    CHECK(n_refused == 50);

    /* That was all. */
    for (int i = 0; i < 20; i++) {
        CHECK(pass_second(rate_last));
    }
    CHECK(count_displaced() - n_before == 50);
    end();
}

/* Walks over all megaflows take seconds, as they may if there are millions and
 * the machine is busy. */
static void
test_displace_slow(void)
{
    uint64_t n_before = count_displaced();

    megaflows.n = 300;
    megaflows.n_places = 100;
    if (!begin()) {
        return;
    }
    step = 10;
    for (int i = 0; i < 300; i++) {
        CHECK(pass_second(rate_last));
    }
    CHECK(count_displaced() - n_before == 50);
    end();
}

/* All have much, those that are refused nearly twice as much as the others. */
static uint64_t
rate_similar(unsigned int i)
{
    return i >= megaflows.n_places ? 1900 : 1000;
}

/* All have the same, but some more in even and the others in odd seconds. */
static uint64_t
rate_bursts(unsigned int i)
{
    return (i + seconds) % 2 ? 1500 : 500;
}

/* All have a little, and one even less. */
static uint64_t
rate_slow(unsigned int i)
{
    return i ? 7 : 0;
}

/* Nothing moves, ever, if nobody is much busier than another. */
static void
test_displace_equal(void)
{
    static uint64_t (*const rates[])(unsigned int) = {
        rate_similar, rate_bursts, rate_slow,
    };
    uint64_t n_before = count_displaced();

    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        megaflows.n = 200;
        megaflows.n_places = 100;
        if (!begin()) {
            return;
        }
        for (seconds = 0; seconds < 60; seconds++) {
            CHECK(pass_second(rates[i]));
        }
        if (count_displaced() != n_before) {
            fail("something has moved with rates %"PRIuSIZE, i);
        }
        end();
    }
}

/* The refused ones have much more than the others. */
static uint64_t
rate_much(unsigned int i)
{
    return i >= megaflows.n_places ? 10000 : 1000;
}

/* While nobody is much busier than another, all are looked at less and less
 * often; but if somebody gets busy, it is still a matter of seconds. */
static void
test_displace_pause(void)
{
    uint64_t n_before = count_displaced();
    unsigned int n_passes = 0;

    megaflows.n = 200;
    megaflows.n_places = 100;
    if (!begin()) {
        return;
    }
    for (seconds = 0; seconds < 100; seconds++) {
        uint32_t n_sampled, n_sampled_before;

        xdp_lock();
        n_sampled_before = get_flow(0)->n_sampled;
        xdp_unlock();
        CHECK(pass_second(rate_similar));
        xdp_lock();
        n_sampled = get_flow(0)->n_sampled;
        xdp_unlock();
        n_passes += n_sampled != n_sampled_before;
    }
    CHECK(n_passes >= 10 && n_passes <= 20);
    CHECK(count_displaced() == n_before);

    CHECK(pass_second(rate_much) && pass_second(rate_much));
    CHECK(count_displaced() - n_before == 100);
    end();
}

/* Megaflow 'busy_one' is busy, much more so if that is 2. */
static unsigned int busy_one;

static uint64_t
rate_one(unsigned int i)
{
    return i != busy_one ? 0 : i == 2 ? 100000 : 1000;
}

/* As begin(), with three megaflows for one place, of which the second one is
 * busy, and has had some seconds to get there. */
static bool
begin_one(void)
{
    megaflows.n = 3;
    megaflows.n_places = 1;
    if (!begin()) {
        return false;
    }
    busy_one = 1;
    for (int i = 0; i < 5 && !is_in_xdp(1) && pass_second(rate_one); i++) {
        continue;
    }
    return true;
}

/* Who has just come stays for a moment, whatever it has. */
static void
test_displace_protected(void)
{
    if (!begin_one()) {
        return;
    }
    CHECK(is_in_xdp(1));
    busy_one = 2;
    CHECK(pass_second(rate_one) && is_in_xdp(1));
    CHECK(pass_second(rate_one) && is_in_xdp(1));
    CHECK(pass_second(rate_one) && is_in_xdp(2));
    end();
}

/* Megaflow 0 is idle after a while, and 2 has more than 1, but not twice as
 * much. */
static uint64_t
rate_unequal(unsigned int i)
{
    return i == 1 ? 1000 : i == 2 ? 1500 : seconds < 3 ? 2000 : 0;
}

/* What has come because there was room counts for what it had outside. */
static void
test_displace_put(void)
{
    uint64_t n_before = count_displaced();

    megaflows.n = 3;
    megaflows.n_places = 1;
    if (!begin()) {
        return;
    }
    clock_advance(1000 - time_msec() % 1000);
    for (seconds = 0; seconds < 3; seconds++) {
        CHECK(pass_second(rate_unequal));
    }
    send_packets(1, 900);
    send_packets(2, 1500);
    clock_advance(900);
    CHECK(megaflow_delete(0) && megaflow_put(1) && megaflow_put(0));
    n_sent[0] = n_userspace[0] = 0;
    CHECK(is_in_xdp(1));
    send_packets(1, 100);
    clock_advance(100);
    CHECK(revalidate());
    work();
    for (; seconds < 20; seconds++) {
        CHECK(pass_second(rate_unequal));
    }
    CHECK(is_in_xdp(1) && count_displaced() == n_before);
    end();
}

/* A megaflow that got idle in XDP was not there in vain only because it was
 * busy before. */
static void
test_displace_worthy(void)
{
    unsigned int n = 0;

    if (!begin_one()) {
        return;
    }
    CHECK(is_in_xdp(1));
    busy_one = 2;
    silent = 1;
    while (!is_in_xdp(2)) {
        CHECK(n++ < 10 && pass_second(rate_one));
    }
    xdp_lock();
    n = get_flow(1)->n_vain;
    xdp_unlock();
    CHECK(!n);
    end();
}

/* The last megaflow is busy. */
static uint64_t
rate_last_one(unsigned int i)
{
    return i == megaflows.n - 1 ? 1000 : 0;
}

/* A busy megaflow that needs a mask for which there is no room does not have
 * another one displaced for nothing all the time. */
static void
test_displace_for_nothing(void)
{
    enum { N_PLACES = 2 * XDP_PORT_MAX_MASKS };
    uint64_t n_before = count_displaced();

    megaflows.n = N_PLACES + 1;
    megaflows.n_places = N_PLACES;
    megaflows.n_masks = XDP_PORT_MAX_MASKS;
    if (!begin()) {
        return;
    }
    megaflows.n_masks = megaflows.n;
    CHECK(megaflow_delete(N_PLACES) && megaflow_put(N_PLACES));
    for (int i = 0; i < 60; i++) {
        CHECK(pass_second(rate_last_one));
        xdp_custody_retry(XDP_REASON_BIT(XDP_REASON_FLOWS_FULL)
                          | XDP_REASON_BIT(XDP_REASON_MASKS_FULL));
        CHECK(xdp_custody_n_offloaded() == N_PLACES);
    }
    CHECK(!is_in_xdp(N_PLACES));
    CHECK(count_displaced() > n_before && count_displaced() <= n_before + 5);
    end();
}

/* The table goes in the middle of a pass: those that wait for places there are
 * tried elsewhere. */
static void
test_displace_gone(void)
{
    unsigned int n = 0;

    megaflows.n = 400;
    megaflows.n_places = 100;
    if (!begin()) {
        return;
    }
    do {
        for (unsigned int i = 0; i < megaflows.n; i++) {
            send_packets(i, i >= 300 ? 1000 : 1);
        }
        clock_advance(1000);
        CHECK(n++ < 5 && revalidate());
    } while (!xdp_custody_displace());

    xdp_port_lock_config();
    for (size_t i = 0; i < N_PORTS; i++) {
        xdp_port_take_out(megaflows_port(i));
    }
    xdp_port_unlock_config();
    xdp_custody_take_wanted();
    CHECK(!xdp_custody_displace());
    CHECK(xdp_custody_take_wanted() & XDP_REASON_BIT(XDP_REASON_FLOWS_FULL));
    end();
}

/* Megaflow 1 is busy, and the others are not quite idle. */
static uint64_t
rate_vain(unsigned int i)
{
    return i == 1 ? 1000 : 100;
}

/* A megaflow that would be of no use in XDP, however busy it is, gets there
 * less and less often. */
static void
test_displace_vain(void)
{
    uint64_t n_before = count_displaced();

    megaflows.n = 3;
    megaflows.n_places = 1;
    if (!begin()) {
        return;
    }
    in_vain = true;
    for (int i = 0; i < 100; i++) {
        CHECK(pass_second(rate_vain));
    }
    CHECK(count_displaced() - n_before >= 4);
    n_before = count_displaced();
    for (int i = 0; i < 500; i++) {
        CHECK(pass_second(rate_vain));
    }
    CHECK(count_displaced() - n_before <= 10);
    end();
}

/* Those that come when the table is full are busy. */
static uint64_t
rate_late(unsigned int i)
{
    return i >= megaflows.n_places ? 1000 : 1;
}

/* Returns true if just those before 'n' are in XDP, or just those from 'n' on
 * if 'others', and all that are not are refused for lack of room. */
static bool
are_in_xdp(unsigned int n, bool others)
{
    bool good = true;

    xdp_lock();
    for (unsigned int i = 0; i < megaflows.n; i++) {
        const struct custody_flow *flow = get_flow(i);

        good &= ((i < n) != others
                 ? flow->table_flow && flow->reason == XDP_REASON_NONE
                 : (!flow->table_flow
                    && flow->reason == XDP_REASON_FLOWS_FULL));
    }
    xdp_unlock();
    return good;
}

/* Busy megaflows need maps that the kernel does not make for a long time:
 * nobody is displaced before that, and each for one of them then. */
static void
test_displace_wait(void)
{
    enum { N_PLACES = 10 };
    uint64_t n_before = count_displaced();

    megaflows.n = 2 * N_PLACES;
    megaflows.n_places = N_PLACES;
    megaflows.n_masks = 2 * N_PLACES;
    if (!begin()) {
        return;
    }
    block_pool();
    for (int i = 0; i < 5; i++) {
        CHECK(pass_second(rate_late));
    }
    CHECK(count_displaced() == n_before);
    CHECK(are_in_xdp(N_PLACES, false));
    xdp_lock();
    CHECK(ovs_list_size(&custody_refused[XDP_REASON_FLOWS_FULL]) == N_PLACES);
    xdp_unlock();

    /* On a busy machine a pass may lose its patience with one of the maps. */
    unblock_pool();
    for (int i = 0; i < 60 && count_displaced() - n_before < N_PLACES; i++) {
        CHECK(pass_second(rate_late));
    }
    CHECK(count_displaced() - n_before == N_PLACES);
    CHECK(are_in_xdp(N_PLACES, true));
    end();
}

/* Every tenth of 100,000 megaflows has 95 of 100 packets. */
enum { N_GOAL = 100000 };

static uint64_t
rate_goal(unsigned int i)
{
    return i % 10 == 9 ? 95 : (i / 10 + i + seconds) % 9 < 5;
}

/* Within five seconds most packets are in XDP, though only every sixth
 * megaflow has room there. */
static void
test_displace_goal(void)
{
    megaflows.n = N_GOAL;
    megaflows.n_places = 16384;
    if (!begin()) {
        return;
    }
    for (seconds = 0; seconds <= 5; seconds++) {
        long long int start;
        unsigned int n_waits;

        n_last = n_last_in_xdp = 0;
        for (unsigned int i = 0; i < N_GOAL; i++) {
            send_packets(i, rate_goal(i));
        }
        clock_advance(1000);
        CHECK(revalidate());
        start = time_usec();
        n_waits = work();
        if (holds_times) {
            printf("second %u: %.1f %% in XDP, then %lld us, %u waits\n",
                   seconds, 100.0 * n_last_in_xdp / n_last,
                   time_usec() - start, n_waits);
        }
    }
    CHECK(n_last_in_xdp >= n_last * 9 / 10);
    CHECK(xdp_custody_n_offloaded() == 16384);
    CHECK(revalidate());
    end();
}

const struct unit_case unit_displace[] = {
    { "displace-idle", test_displace_idle, NEED_BPF },
    { "displace-slow", test_displace_slow, NEED_BPF },
    { "displace-equal", test_displace_equal, NEED_BPF },
    { "displace-pause", test_displace_pause, NEED_BPF },
    { "displace-protected", test_displace_protected, NEED_BPF },
    { "displace-put", test_displace_put, NEED_BPF },
    { "displace-worthy", test_displace_worthy, NEED_BPF },
    { "displace-for-nothing", test_displace_for_nothing, NEED_BPF },
    { "displace-gone", test_displace_gone, NEED_BPF },
    { "displace-vain", test_displace_vain, NEED_BPF },
    { "displace-wait", test_displace_wait, NEED_BPF },
    { "displace-goal", test_displace_goal, NEED_BPF },
    { NULL, NULL, 0 }
};
