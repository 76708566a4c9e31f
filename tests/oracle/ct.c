/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "conntrack": random connections through random pipelines, packet by
 * packet through the program and userspace on one side (ct-sides.c), and
 * through userspace alone on the other.  Bytes that leave and what is known of
 * the connection at the end must be equal for each packet; the statistics of
 * megaflows (ct-pipeline.c) and the connections (ct-tables.c) at the end.
 *
 * A case is a sequence of packets of several connections (ct-talk.c) at a
 * time, between which time passes and connections are removed.
 */

#include <config.h>

#include "ct.h"

#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "dp-packet.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "util.h"
#include "xdp-conn-table.h"
#include "xdp-grace.h"
#include "xdp-ovs-compat.h"

/* Packets of one sequence. */
#define SEQUENCE_PACKETS 1000

/* How many sequences leave the slots of their megaflows to the next
 * reclaim. */
#define RECLAIM_INTERVAL 8
BUILD_ASSERT_DECL((RECLAIM_INTERVAL + 1) * CT_MAX_MEGAFLOWS < N_FLOWS);

/* Packets that two connections with a tuple in common live on for.  Older
 * versions may give up on them: see XDP_OVS_TRANSLATES_TWICE. */
#define TWIN_PACKETS (XDP_OVS_TRANSLATES_TWICE ? 30 : 0)

unsigned long int ct_event_count[CT_N_EVENTS];

static unsigned long int n_run;

/* Packets that OVS gave up on. */
static unsigned long int n_given_up;

/* The sequence. */
static struct ct_talk talks[CT_TALKS];
static struct device *ends[2];  /* Where packets come from. */
static bool had_twins;

/* Returns what 'result' has as a key. */
static const struct xdp_key *
result_key(const struct ct_result *result)
{
    static struct xdp_key key;

    memcpy((char *) &key + offsetof(struct xdp_key, ct_state), result->words,
           sizeof result->words);
    return &key;
}

/* Prints 'side' after a failure. */
static void
print_side(const struct ct_side *side)
{
    const struct xdp_key *key = result_key(&side->result);

    printf("  %s:%s ct_state=%#x zone=%u mark=%#x label=%#llx:%#llx proto=%u"
           " tp=%u,%u\n", side->name,
           side->result.carried ? " carried," : side->result.later_pass
           ? " later pass," : "",
           key->ct_state, key->ct_zone, key->ct_mark,
           (unsigned long long int) key->ct_label[1],
           (unsigned long long int) key->ct_label[0], key->ct_nw_proto,
           ntohs(key->ct_tp_src), ntohs(key->ct_tp_dst));
    print_hex("words", side->result.words, sizeof side->result.words);
    for (size_t i = 0; i < side->result.n_outputs; i++) {
        const struct ct_output *o = &side->result.outputs[i];

        printf("  to port %"PRIu32"\n", o->port);
        print_hex("out", o->data, o->size);
    }
}

/* Returns true if 'a' and 'b' are the same packet. */
static bool
is_same_output(const struct ct_output *a, const struct ct_output *b)
{
    return a->size == b->size && !memcmp(a->data, b->data, a->size);
}

/* Compares the results of both sides.  Returns what is wrong, or NULL. */
static const char *
compare_results(const struct ct_result *a, const struct ct_result *b)
{
    if (a->gave_up || b->gave_up) {
        return (!a->gave_up ? "only userspace gave up"
                : !b->gave_up ? "only the side with XDP gave up" : NULL);
    }
    if (a->problem) {
        return a->problem;
    }
    if (memcmp(a->words, b->words, sizeof a->words)) {
        return "state of the connection";
    }
    if (a->carried) {
        /* All copies are equal. */
        if (!a->n_outputs != !b->n_outputs) {
            return "packet dropped or sent";
        }
        for (size_t i = 0; i < b->n_outputs; i++) {
            if (!is_same_output(&a->outputs[0], &b->outputs[i])) {
                return "bytes that leave";
            }
        }
    } else {
        if (a->n_outputs != b->n_outputs) {
            return "number of packets that leave";
        }
        for (size_t i = 0; i < b->n_outputs; i++) {
            if (a->outputs[i].port != b->outputs[i].port
                || !is_same_output(&a->outputs[i], &b->outputs[i])) {
                return "bytes that leave";
            }
        }
    }
    return NULL;
}

/* Counts that the program carried the packet of 's', with 'key'. */
static void
count_carried(const struct ct_spec *s, const struct xdp_key *key)
{
    ct_event_count[CT_EVENT_CARRIED]++;
    ct_event_count[CT_EVENT_XDP_SRC_NAT] += !!(key->ct_state & CS_SRC_NAT);
    ct_event_count[CT_EVENT_XDP_DST_NAT] += !!(key->ct_state & CS_DST_NAT);
    ct_event_count[CT_EVENT_XDP_MARK] += key->ct_mark != 0;
    ct_event_count[CT_EVENT_XDP_LABEL] += key->ct_label[0] != 0;
    ct_event_count[CT_EVENT_XDP_NEW] += !!(key->ct_state & CS_NEW);
    ct_event_count[CT_EVENT_XDP_SEVERAL] += ct_sides[1].result.n_cts > 1;
    if (ct_sides[0].result.in_train) {
        ct_event_count[CT_EVENT_XDP_TRAIN]++;
        ct_event_count[CT_EVENT_XDP_TRAIN_NAT]
            += !!(key->ct_state & (CS_SRC_NAT | CS_DST_NAT));
        ct_event_count[CT_EVENT_XDP_TRAIN_UDP] += s->proto == IPPROTO_UDP;
    }
    switch (s->proto) {
    case IPPROTO_TCP:
        ct_event_count[CT_EVENT_XDP_TCP4 + s->is_ipv6]++;
        break;
    case IPPROTO_UDP:
        ct_event_count[CT_EVENT_XDP_UDP4 + s->is_ipv6]++;
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        ct_event_count[CT_EVENT_XDP_ICMP4 + s->is_ipv6]++;
        break;
    }
}

/* Returns true if OVS gave up on the last packet, which ends the sequence. */
static bool
gave_up(void)
{
    return ct_sides[0].result.gave_up || ct_sides[1].result.gave_up;
}

/* Counts what became of the packet of 's'. */
static void
count(const struct ct_spec *s)
{
    const struct ct_result *a = &ct_sides[0].result;
    const struct xdp_key *key = result_key(&ct_sides[1].result);

    n_run++;
    if (gave_up()) {
        n_given_up++;
        return;
    }
    ct_event_count[CT_EVENT_NEW] += !!(key->ct_state & CS_NEW);
    ct_event_count[CT_EVENT_EST] += !!(key->ct_state & CS_ESTABLISHED);
    ct_event_count[CT_EVENT_RPL] += !!(key->ct_state & CS_REPLY_DIR);
    ct_event_count[CT_EVENT_REL] += !!(key->ct_state & CS_RELATED);
    ct_event_count[CT_EVENT_INV] += !!(key->ct_state & CS_INVALID);
    if (!a->carried) {
        ct_event_count[a->later_pass ? CT_EVENT_RESUMED : CT_EVENT_FIRST]++;
    } else if (key->ct_state) {
        count_carried(s, key);
    } else {
        ct_event_count[CT_EVENT_OTHER]++;
    }
}

/* Prints by how much the program's counters, numbers of enum xdp_counter, have
 * grown since 'before'. */
static void
print_counters(const uint64_t before[XDP_COUNTER_MAX])
{
    uint64_t after[XDP_COUNTER_MAX];

    xdp_flow_table_get_counters(object->table, after);
    printf("  counters:");
    for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
        if (after[i] != before[i]) {
            printf(" %"PRIuSIZE":%"PRIu64, i, after[i] - before[i]);
        }
    }
    printf("\n");
}

/* If there are two connections that a tuple does not tell apart, lets them
 * live on for some packets, and removes all.  Which of them a packet belongs
 * to depends on a hash table, which is another one on the other side, so these
 * packets are not compared; but XDP must not carry any.  Returns what is
 * wrong, or NULL. */
static const char *
check_twins(void)
{
    bool in_xdp;

    if (!ct_tables_have_twins(&in_xdp)) {
        return NULL;
    }
    ct_event_count[CT_EVENT_AMBIGUOUS]++;
    had_twins = true;
    for (int i = 0; !in_xdp && i < TWIN_PACKETS && ct_pipeline_has_room();
         i++) {
        static struct frame f;
        struct ct_spec s;
        int dir;

        ct_talk_next(&talks[rnd(CT_TALKS)], &s, &dir);
        ct_frame_make(&s, &f);
        ct_sides_run(&f, ends[dir], ct_now());
        if (gave_up()) {
            break;
        }
        if (one_in(4)) {
            ct_tables_reclaim();
        }
        ct_tables_have_twins(&in_xdp);
    }
    if (in_xdp && only_case >= 0) {
        ct_tables_print();
    }
    ct_tables_flush();
    return in_xdp ? "connections with one tuple" : NULL;
}

/* Runs 'f', packet 'n' of sequence 'index', made of 's', on both sides.
 * Returns false and says so if they differ. */
static bool
check_frame(unsigned long int index, unsigned long int n,
            const struct ct_spec *s, const struct frame *f,
            const struct device *device)
{
    uint64_t before[XDP_COUNTER_MAX];
    const char *problem;

    ct_tables_settle();
    if (only_case >= 0) {
        xdp_flow_table_get_counters(object->table, before);
    }
    ct_sides_run(f, device, ct_now());
    count(s);
    problem = compare_results(&ct_sides[0].result, &ct_sides[1].result);
    if (!problem && gave_up()) {
        return false;
    }
    if (!problem && only_case >= 0 && !had_twins
        && !ct_pipeline_stats_equal()) {
        problem = "megaflows";
    }
    if (problem && case_failure("conntrack", index, "packet %lu, %s", n,
                                problem)) {
        print_hex("packet", f->data, f->size);
        for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
            print_side(&ct_sides[i]);
        }
        if (only_case >= 0) {
            print_counters(before);
            ct_tables_print();
        }
        ct_pipeline_print();
    }
    if (problem) {
        return false;
    }
    problem = check_twins();
    if (problem) {
        case_failure("conntrack", index, "packet %lu, %s", n, problem);
    }
    return !problem && !gave_up();
}

/* The last packet that was made. */
static struct frame f;

/* Runs the next packet of 't', which is 'n' of sequence 'index'.  Returns
 * false if something is wrong. */
static bool
check_next(unsigned long int index, unsigned long int n, struct ct_talk *t)
{
    static struct frame pieces[3];
    bool was_train = ct_sides[0].result.in_train;
    struct ct_spec s;
    size_t n_pieces = 0;
    int dir;

    ct_talk_next(t, &s, &dir);
    if (!s.plain && !s.flaw && !s.options && !s.payload && one_in(40)) {
        s.len = 1400;
        s.padded = false;
        ct_frame_make(&s, &f);
        n_pieces = ct_frame_split(&f, &s, pieces);
    } else {
        ct_frame_make(&s, &f);
    }
    if (n_pieces) {
        size_t first = rnd(n_pieces);

        for (size_t i = 0; i < n_pieces; i++) {
            if (!check_frame(index, n, &s, &pieces[(first + i) % n_pieces],
                             ends[dir])) {
                return false;
            }
        }
        return true;
    }
    if (!check_frame(index, n, &s, &f, ends[dir])) {
        return false;
    }
    ct_event_count[CT_EVENT_TRAIN_ENDED] += (was_train && s.plain
                                             && !ct_sides[0].result.carried);
    if (ct_sides[1].result.n_outputs) {
        ct_talk_heard(t, dir, &s, &ct_sides[1].result.outputs[0]);
    }
    return true;
}

/* Does something, in the middle of a burst before packet 'n' of sequence
 * 'index', that no packet shows which comes to the CPU of the program.
 * Returns false if something is wrong. */
static bool
disturb_burst(unsigned long int index, unsigned long int n)
{
    const char *problem;
    struct ct_spec s;
    int dir;

    ct_tables_settle();
    if (one_in(3)) {
        ct_tables_disturb();
        return true;
    }
    ct_event_count[CT_EVENT_ELSEWHERE] += ct_sides[0].result.in_train;
    if (one_in(2)) {
        /* The mark of the connection. */
        ct_sides_run_elsewhere(&f, ct_now());
    } else {
        /* Another connection may get the place of this one. */
        ct_tables_flush_one();
        if (one_in(4)) {
            ct_tables_reclaim();
            ct_talk_next(&talks[rnd(CT_TALKS)], &s, &dir);
            ct_frame_make(&s, &f);
            ct_sides_run_elsewhere(&f, ct_now());
            ct_sides_run_elsewhere(&f, ct_now());
        }
    }
    if (gave_up()) {
        return false;
    }
    problem = check_twins();
    if (problem) {
        case_failure("conntrack", index, "before packet %lu, %s", n, problem);
    }
    return !problem && !gave_up();
}

/* Runs sequence 'index'. */
static void
test_sequence(unsigned long int index)
{
    struct ct_talk *t = &talks[0];
    bool ok = true;

    had_twins = false;
    rng_start(30, index);
    set_hints(NO_HINTS);
    ct_pipeline_make();
    ct_tables_init_policy();
    for (size_t i = 0; i < CT_TALKS; i++) {
        ct_talk_start(&talks[i], NULL);
    }
    for (int i = 0; i < 2; i++) {
        ends[i] = &devices[rnd(n_devices)];
    }

    for (unsigned long int n = 0; ok && n < SEQUENCE_PACKETS
         && ct_pipeline_has_room(); n++) {
        if (t->burst) {
            ok = !one_in(10) || disturb_burst(index, n);
        } else {
            t = &talks[rnd(CT_TALKS)];
            if (one_in(100)) {
                ct_tables_disturb();
            }
            if (one_in(60)) {
                ct_talk_start(t, &talks[rnd(CT_TALKS)]);
            }
            if (n_hints && one_in(20)) {
                /* Some lead to flows of other states. */
                set_hints(EXCHANGED_HINTS);
            }
        }
        ok = ok && check_next(index, n, t);
    }
    ok = ok && ct_tables_compare(index);
    ct_pipeline_check_stats(index, ok && !had_twins);
    ct_tables_clear();
    if (index % RECLAIM_INTERVAL == 0) {
        reclaim();
    }
}

/* To be called before the object is loaded. */
void
prepare_conntrack(void)
{
    xdp_conn_table_configure(CT_ENTRIES);
}

/* Part "conntrack". */
void
test_conntrack(void)
{
    uint64_t before[XDP_COUNTER_MAX];
    int error;

    if (!n_ct_packets || !part_wanted("conntrack")) {
        return;
    }
    ct_sides_init();
    set_vlan_limit(XDP_VLAN_MAX);
    xdp_flow_table_get_counters(object->table, before);

    /* No thread but this one runs programs, so none is to be waited for, which
     * would take most of the time.  There is a user for each of the maps. */
    xdp_grace_close();
    xdp_grace_close();
    run_cases("conntrack", DIV_ROUND_UP(n_ct_packets, SEQUENCE_PACKETS),
              test_sequence);
    error = xdp_grace_open();
    error = error ? error : xdp_grace_open();
    if (error) {
        ovs_fatal(error, "preparing to wait for programs failed");
    }
    if (n_given_up) {
        printf("note: OVS gave up on %lu packets, with and without XDP\n",
               n_given_up);
    }
    ct_report(before, n_run);
}
