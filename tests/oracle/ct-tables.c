/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of connections of both sides of part "conntrack": how time passes
 * for them, what else happens to them, and whether they are equal.
 *
 * Time
 * ====
 *
 * Programs go by the kernel's clock, so this is not stopped: both sides run
 * with what it showed before the packet.  When time is to pass, it is taken
 * off the expiration of all connections, and of all entries in XDP, instead.
 *
 * A program renews the expiration of a connection when a second of its
 * timeout, or an eighth of that if this is less, is gone.  So the side with
 * XDP may call a connection expired by so much too early, and that is the
 * difference between timeouts that is permitted.  Whether a packet comes
 * before or after that must not be left to chance: before each one,
 * ct_tables_settle() lets time pass until no connection is about to expire.
 */

#include <config.h>

#include "ct.h"

#include <stdio.h>
#include <string.h>

#include "conntrack-private.h"
#include "conntrack-tp.h"
#include "ct-dpif.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "rculist.h"
#include "rng.h"
#include "util.h"
#include "xdp-conn-table.h"
#include "xdp-conntrack.h"
#include "xdp-grace.h"
#include "xdp-ovs-compat.h"

#define NS_PER_MS 1000000

/* How much sooner than the other side the one with XDP may see a connection
 * expire, in ms, and what the clock may go on while one packet is run. */
#define MAX_LAG 1000
#define MAX_RUN 1000

/* Connections that a sequence can make. */
#define MAX_CONNS 4096

/* Calls 'func' for each connection of 'side', and returns how often that
 * returned true. */
static size_t
for_each_conn(const struct ct_side *side,
              bool (*func)(struct conn *, long long int arg),
              long long int arg)
{
    size_t n = 0;

    for (size_t i = 0; i < N_EXP_LISTS; i++) {
        struct conn *conn;

        RCULIST_FOR_EACH (conn, node, &side->ct->exp_lists[i]) {
            n += func(conn, arg);
        }
    }
    return n;
}

/* Takes 'ms' off the expiration of 'conn'.  That may be more than the machine
 * is up and the connection was to live: then it is dead. */
static bool
age_conn(struct conn *conn, long long int ms)
{
    struct xdp_conn *entry = xdp_conn_table_get(&conn->xdp.owner);
    long long int expiration;

    atomic_read_relaxed(&conn->expiration, &expiration);
    atomic_store_relaxed(&conn->expiration, MAX(expiration - ms, 0));
    if (entry) {
        entry->expiration -= MIN(entry->expiration, ms * NS_PER_MS);
    }
    return true;
}

/* Returns true if one side may have 'conn' expired at 'now' and the other one
 * not. */
static bool
is_unsettled(struct conn *conn, long long int now)
{
    long long int left;

    atomic_read_relaxed(&conn->expiration, &left);
    left -= now;
    return left > -MAX_RUN && left < MAX_LAG + MAX_RUN;
}

/* Lets 'ms' pass. */
void
ct_tables_age(long long int ms)
{
    for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
        for_each_conn(&ct_sides[i], age_conn, ms);
    }
    ct_event_count[CT_EVENT_AGE]++;
}

/* Lets time pass until no connection is about to expire. */
void
ct_tables_settle(void)
{
    while (for_each_conn(&ct_sides[1], is_unsettled, ct_now())) {
        ct_tables_age(MAX_LAG + MAX_RUN);
    }
}

/* Makes entries free that were withdrawn, as the offload's thread does. */
void
ct_tables_reclaim(void)
{
    uint64_t epoch;

    if (xdp_conn_table_begin_reclaim(&epoch) && !xdp_grace_wait()) {
        xdp_conn_table_reclaim(epoch);
        ct_event_count[CT_EVENT_RECLAIMED]++;
    }
    ovsrcu_quiesce();
}

/* Gives the timeout policy CT_POLICY random timeouts on both sides. */
void
ct_tables_init_policy(void)
{
    struct timeout_policy policy;

    memset(&policy, 0, sizeof policy);
    policy.policy.id = CT_POLICY;
    for (size_t i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        policy.policy.present |= 1u << i;
        policy.policy.attrs[i] = 5 + rnd(40);
    }
    for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
        timeout_policy_update(ct_sides[i].ct, &policy);
    }
    ct_event_count[CT_EVENT_POLICY]++;
}

/* Removes the connection 'entry' from both sides, with all others of its zone
 * if it is one of ICMPv6: OVS 3.1 gives up on the tuples of these. */
static void
flush_entry(const struct ct_dpif_entry *entry)
{
    for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
        if (entry->tuple_orig.ip_proto == IPPROTO_ICMPV6) {
            conntrack_flush(ct_sides[i].ct, &entry->zone);
        } else {
            conntrack_flush_tuple(ct_sides[i].ct, &entry->tuple_orig,
                                  entry->zone);
        }
    }
}

/* Removes a random connection from both sides. */
void
ct_tables_flush_one(void)
{
    struct conntrack_dump dump;
    struct ct_dpif_entry entry, chosen;
    size_t n = 0;
    int buckets;

    conntrack_dump_start(ct_sides[1].ct, &dump, NULL, &buckets);
    while (!conntrack_dump_next(&dump, &entry)) {
        if (entry.timeout && one_in(++n)) {
            chosen = entry;
        }
    }
    conntrack_dump_done(&dump);
    if (n) {
        flush_entry(&chosen);
    }
    ct_event_count[CT_EVENT_FLUSH]++;
}

/* Does something to both tables that changes what becomes of packets, or to
 * entries in XDP, which must not. */
void
ct_tables_disturb(void)
{
    static const int times[] = { 1, 5, 25, 40, 70, 150, 90000 };
    uint16_t zone = ct_pipeline_zone();

    switch (rnd(16)) {
    case 0:
        for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
            conntrack_flush(ct_sides[i].ct, &zone);
        }
        ct_event_count[CT_EVENT_FLUSH]++;
        break;

    case 1:
        ct_tables_flush_one();
        break;

    case 2: {
        bool check = one_in(2);

        for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
            conntrack_set_tcp_seq_chk(ct_sides[i].ct, check);
        }
        ct_event_count[CT_EVENT_SEQ_CHK] += !check;
        break;
    }

    case 3:
        ct_tables_init_policy();
        break;

    case 4:
        xdp_conn_table_withdraw_all();
        break;

    case 5: {
        bool is_small = one_in(2);

        xdp_conn_table_configure(is_small ? rnd(4) : CT_ENTRIES);
        ct_event_count[CT_EVENT_SMALL] += is_small;
        break;
    }

    case 6: case 7: case 8:
        ct_tables_reclaim();
        break;

    default:
        ct_tables_age(times[rnd(ARRAY_SIZE(times))] * 1000LL
                      + rnd(1000));
        break;
    }
}

/* Removes all connections of both sides, and makes everything as it is at the
 * beginning of a sequence. */
void
ct_tables_clear(void)
{
    ct_tables_flush();
    for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
        conntrack_set_tcp_seq_chk(ct_sides[i].ct, true);
    }
    xdp_conn_table_configure(CT_ENTRIES);
    ct_tables_reclaim();
}

/* Returns less than, equal to or more than 0 as 'a' is less than, equal to or
 * more than 'b' in what is constant of a connection. */
static int
compare_entries(const void *a_, const void *b_)
{
    const struct ct_dpif_entry *a = a_;
    const struct ct_dpif_entry *b = b_;
    int d = memcmp(&a->tuple_orig, &b->tuple_orig, sizeof a->tuple_orig);

    if (!d) {
        d = memcmp(&a->tuple_reply, &b->tuple_reply, sizeof a->tuple_reply);
    }
    return d ? d : a->zone < b->zone ? -1 : a->zone > b->zone;
}

/* Stores the connections of 'side', in order, in 'entries' and returns how
 * many there are. */
static size_t
dump(const struct ct_side *side, struct ct_dpif_entry entries[MAX_CONNS])
{
    struct conntrack_dump d;
    size_t n = 0;
    int buckets;

    conntrack_dump_start(side->ct, &d, NULL, &buckets);
    memset(&entries[0], 0, sizeof entries[0]);
    while (n < MAX_CONNS - 1 && !conntrack_dump_next(&d, &entries[n])) {
        n += entries[n].timeout > 0;
        memset(&entries[n], 0, sizeof entries[n]);
    }
    conntrack_dump_done(&d);
    qsort(entries, n, sizeof *entries, compare_entries);
    return n;
}

/* Connections that ct_tables_have_twins() looks at. */
static const struct conn *alive[MAX_CONNS];
static size_t n_alive;

/* Adds 'conn' to them, if it is there at 'now'. */
static bool
add_alive(struct conn *conn, long long int now)
{
    long long int expiration;

    atomic_read_relaxed(&conn->expiration, &expiration);
    if (expiration > now && n_alive < MAX_CONNS) {
        alive[n_alive++] = conn;
    }
    return true;
}

/* Returns true if programs find 'conn' by its key of direction 'dir'. */
static bool
is_in_xdp(const struct conn *conn, int dir)
{
    const struct xdp_conn *entry = xdp_conn_table_get(&conn->xdp.owner);

    return (entry && entry->valid
            && (dir == 0 || !(entry->flags & XDP_CONN_NEW)));
}

/* Returns true if a packet may belong to 'a' as well as to 'b'.  If programs
 * find one of them for it, sets '*in_xdp' to true. */
static bool
are_twins(const struct conn *a, const struct conn *b, bool *in_xdp)
{
    bool any = false;

    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            const struct conn_key *key = XDP_OVS_CONN_KEY(a, i);

            if (!memcmp(key, XDP_OVS_CONN_KEY(b, j), sizeof *key)) {
                any = true;
                *in_xdp |= is_in_xdp(a, i) || is_in_xdp(b, j);
            }
        }
    }
    return any;
}

/* Returns true if the side with XDP has two connections that a tuple does not
 * tell apart: with address translation, OVS makes one whose replies look like
 * packets of another one, and which of them it finds follows from its hash
 * table.  Stores in '*in_xdp' whether programs find one of them. */
bool
ct_tables_have_twins(bool *in_xdp)
{
    bool any = false;

    *in_xdp = false;
    n_alive = 0;
    for_each_conn(&ct_sides[0], add_alive, ct_now());
    for (size_t i = 0; i < n_alive; i++) {
        for (size_t j = i + 1; j < n_alive; j++) {
            any |= are_twins(alive[i], alive[j], in_xdp);
        }
    }
    return any;
}

/* Removes all connections of both sides. */
void
ct_tables_flush(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
        conntrack_flush(ct_sides[i].ct, NULL);
    }
}

/* Returns true if 'a', of the side with XDP, and 'b' are the same connection
 * in the same state. */
static bool
is_same(const struct ct_dpif_entry *a, const struct ct_dpif_entry *b)
{
    int later = (int) b->timeout - (int) a->timeout;

    return (!compare_entries(a, b)
            && a->mark == b->mark
            && !memcmp(&a->labels, &b->labels, sizeof a->labels)
            && !memcmp(&a->protoinfo, &b->protoinfo, sizeof a->protoinfo)
            && later >= -(MAX_RUN / 1000)
            && later <= (MAX_LAG + MAX_RUN) / 1000);
}

/* Prints 'entry' of 'side'. */
static void
print_entry(const struct ct_side *side, const struct ct_dpif_entry *entry)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ct_dpif_format_entry(entry, &s, true, true);
    printf("  %s: %s\n", side->name, ds_cstr(&s));
    ds_destroy(&s);
}

/* Prints the connections of both sides, and the entries in XDP. */
void
ct_tables_print(void)
{
    uint32_t position = 0;
    struct xdp_conn entry;

    for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
        struct conntrack_dump d;
        struct ct_dpif_entry e;
        int buckets;

        conntrack_dump_start(ct_sides[i].ct, &d, NULL, &buckets);
        while (!conntrack_dump_next(&d, &e)) {
            print_entry(&ct_sides[i], &e);
        }
        conntrack_dump_done(&d);
    }
    while (xdp_conn_table_next(&position, &entry)) {
        printf("  entry %"PRIu32", left %lld ms of %llu, flags %#x\n",
               position - 1,
               (long long int) (entry.expiration / NS_PER_MS) - ct_now(),
               (unsigned long long int) entry.timeout / NS_PER_MS,
               entry.flags);
        print_hex("dirs", entry.dirs, sizeof entry.dirs);
    }
}

/* Compares the connections of both sides after case 'index'.  Returns false
 * and says so if they differ. */
bool
ct_tables_compare(unsigned long int index)
{
    static struct ct_dpif_entry entries[2][MAX_CONNS];
    size_t n[2], i;

    ct_tables_settle();
    for (i = 0; i < 2; i++) {
        n[i] = dump(&ct_sides[i], entries[i]);
    }
    ct_event_count[CT_EVENT_CONNS] += n[1];
    for (i = 0; i < n[0] && i < n[1]; i++) {
        if (!is_same(&entries[0][i], &entries[1][i])) {
            break;
        }
    }
    if (i == n[0] && i == n[1]) {
        return true;
    }
    if (case_failure("conntrack", index, "connections at the end, %"PRIuSIZE
                     " and %"PRIuSIZE, n[0], n[1])) {
        for (size_t j = 0; j < 2; j++) {
            if (i < n[j]) {
                print_entry(&ct_sides[j], &entries[j][i]);
            }
        }
    }
    return false;
}
