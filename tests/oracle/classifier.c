/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "classifier": the flow found among many, while flows come, change and
 * go, against OVS's classifier.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"
#include "coverage.h"
#include "flow.h"
#include "flows.h"
#include "oracle.h"
#include "frames.h"
#include "rng.h"
#include "run.h"
#include "util.h"
#include "xdp-ovs-compat.h"

#define MAX_TESTED 120      /* Flows at a time. */
#define N_STEPS 600         /* Of a round. */

/* A flow of a round. */
struct classified_flow {
    struct tested_flow t;
    struct cls_rule rule;       /* In 'classifier'. */
};

/* The flows of a round. */
static struct classified_flow *tested[MAX_TESTED];
static size_t n_tested;
static struct classifier classifier;

/* Fields that the program compares apart from the others.  (Of tunnels and of
 * connections there is nothing in the first pass.) */
#define REST_FIELD(FIELD) { offsetof(struct flow, FIELD), \
                            sizeof(((struct flow *) 0)->FIELD) }
static const struct {
    size_t ofs, size;
} rest_fields[] = {
    REST_FIELD(nd_target), REST_FIELD(arp_sha), REST_FIELD(arp_tha),
    REST_FIELD(ipv6_label), REST_FIELD(mpls_lse), REST_FIELD(igmp_group_ip4),
};

/* Makes 't' a flow for almost the same packets as 'other': the only difference
 * is in one of 'rest_fields', if the mask of 'other' has bits in it.  A wrong
 * hint may lead from one to the other. */
static void
make_twin(const struct tested_flow *other, struct tested_flow *t)
{
    size_t i = rnd(ARRAY_SIZE(rest_fields));
    const uint8_t *mask = ((const uint8_t *) &other->match.wc.masks
                           + rest_fields[i].ofs);
    uint8_t *value = (uint8_t *) &t->match.flow + rest_fields[i].ofs;

    t->device = other->device;
    t->match = other->match;
    for (size_t j = 0; j < rest_fields[i].size; j++) {
        value[j] ^= mask[j] & -mask[j];
    }
}

/* Tries to add a flow to the round.  Does nothing if that would overlap with
 * another one. */
static void
add_tested(unsigned long int round, uint16_t label)
{
    struct classified_flow *c = xzalloc(sizeof *c);
    struct tested_flow *t = &c->t;
    enum xdp_table_error error;
    struct xdp_translation tr;
    struct frame f;
    struct flow flow;

    if (n_tested && one_in(3)) {
        make_twin(&tested[rnd(n_tested)]->t, t);
    } else {
        t->device = &devices[rnd(n_devices)];
        make_small_packet(&f);
        extract(f.data, f.size, ODP_BASE + t->device->port, &flow);
        make_match(&flow, rnd(N_POOL), &t->match);
    }
    cls_rule_init(&c->rule, &t->match, 0);
    if (classifier_rule_overlaps(&classifier, &c->rule, OVS_VERSION_MIN)) {
        goto error;
    }

    make_label(t, label);
    if (put_tested(t, &error, &tr) || error) {
        case_failure("classifier", round, "flow refused: %s (table error %d)",
                     tr.detail, error);
        ofpbuf_uninit(&t->actions.buf);
        goto error;
    }
    classifier_insert(&classifier, &c->rule, OVS_VERSION_MIN, NULL, 0);
    tested[n_tested++] = c;
    return;

error:
    cls_rule_destroy(&c->rule);
    free(c);
}

/* Removes flow 'i' of the round, and checks what it counted. */
static void
remove_tested(unsigned long int round, size_t i)
{
    struct classified_flow *c = tested[i];
    struct xdp_flow_table_stats stats;

    xdp_flow_table_remove(object->table, c->t.flow, &stats);
    if (!check_stats(&c->t, &stats)) {
        case_failure("classifier", round, "statistics: %"PRIu64" packets "
                     "instead of %"PRIu64, stats.n_packets,
                     c->t.stats.n_packets);
    }
    ofpbuf_uninit(&c->t.actions.buf);
    classifier_remove_assert(&classifier, &c->rule);
    cls_rule_destroy(&c->rule);
    free(c);
    tested[i] = tested[--n_tested];
}

/* Runs one packet of a round and checks that the right flow takes it. */
static void
check_search(unsigned long int round, struct device *device,
             const struct frame *f, bool again)
{
    uint64_t before[XDP_COUNTER_MAX], after[XDP_COUNTER_MAX];
    const struct cls_rule *rule;
    struct tested_flow *t = NULL;
    static struct executed executed;
    const struct copy *common = &executed.common;
    uint8_t out[MAX_OUT];
    size_t out_size;
    uint32_t verdict;
    struct flow flow;
    bool ok;

    extract(f->data, f->size, ODP_BASE + device->port, &flow);
    rule = xdp_ovs_classifier_lookup(&classifier, OVS_VERSION_MIN, &flow);
    if (rule) {
        t = &CONTAINER_OF(rule, struct classified_flow, rule)->t;
    }

    if (t) {
        execute(f->data, f->size, &t->actions.buf, &t->ops, &executed);
        account(t, &flow, f->size);
    } else {
        executed.common.size = f->size;
        memcpy(executed.common.data, f->data, f->size);
    }

    xdp_flow_table_get_counters(object->table, before);
    verdict = run_program(device->ifindex, f->data, f->size, out, &out_size);
    xdp_flow_table_get_counters(object->table, after);
    for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
        after[i] -= before[i];
    }
    event_count[EVENT_HINT_HIT] += after[XDP_COUNTER_HINT_HITS];
    event_count[EVENT_SUBTABLE_HIT] += after[XDP_COUNTER_SUBTABLE_HITS];
    event_count[EVENT_MISS] += after[XDP_COUNTER_MISSES];

    ok = (verdict == (t ? XDP_REDIRECT : XDP_PASS)
          && out_size == common->size
          && !memcmp(out, common->data, out_size)
          && (after[XDP_COUNTER_HINT_HITS] + after[XDP_COUNTER_SUBTABLE_HITS]
              == (t != NULL))
          && after[XDP_COUNTER_MISSES] == !t
          /* The second of two equal packets must not walk. */
          && !(again && n_hints && after[XDP_COUNTER_SUBTABLE_HITS]));
    if (!ok && case_failure("classifier", round, "%s",
                            t ? "packet of a flow" : "packet of no flow")) {
        printf("  device: %"PRIu32"%s\n", device->ifindex,
               again ? ", second time" : "");
        printf("  verdict: %"PRIu32", hint hits %"PRIu64", subtable hits "
               "%"PRIu64", misses %"PRIu64"\n", verdict,
               after[XDP_COUNTER_HINT_HITS],
               after[XDP_COUNTER_SUBTABLE_HITS], after[XDP_COUNTER_MISSES]);
        if (t) {
            struct ds s = DS_EMPTY_INITIALIZER;

            match_format(&t->match, NULL, &s, OFP_DEFAULT_PRIORITY);
            printf("  match: %s\n", ds_cstr(&s));
            ds_destroy(&s);
        }
        print_hex("packet", f->data, f->size);
        print_hex("expected", common->data, common->size);
        print_hex("got     ", out, out_size);
    }
}

/* Runs round 'index' of part "classifier". */
static void
test_round(unsigned long int index)
{
    uint16_t label = 0;
    size_t n_wanted;

    classifier_init(&classifier, NULL);
    rng_start(12, index);
    set_vlan_limit(rnd(3));
    set_hints(NO_HINTS);
    n_wanted = 1 + rnd(one_in(2) ? 10 : MAX_TESTED);
    for (int i = 0; i < 4 * MAX_TESTED && n_tested < n_wanted; i++) {
        add_tested(index, ++label);
    }

    for (int i = 0; i < N_STEPS && !part_failures; i++) {
        uint32_t what = rnd(100);

        if (what < 5 && n_tested < MAX_TESTED) {
            add_tested(index, ++label);
        } else if (what < 10 && n_tested) {
            remove_tested(index, rnd(n_tested));
        } else if (what < 15 && n_tested) {
            struct tested_flow *t = &tested[rnd(n_tested)]->t;
            enum xdp_table_error error;
            struct xdp_translation tr;

            event_count[EVENT_MODIFY]++;
            ofpbuf_uninit(&t->actions.buf);
            make_label(t, ++label);
            if (put_tested(t, &error, &tr) || error) {
                case_failure("classifier", index, "modification refused");
            }
        } else if (what == 15 && one_in(4)) {
            reclaim();
        } else if (what == 16) {
            event_count[EVENT_BAD_HINTS]++;
            set_hints(RANDOM_HINTS);
        } else {
            struct device *device = &devices[rnd(n_devices)];
            struct frame f;

            make_small_packet(&f);
            check_search(index, device, &f, false);
            for (int n = one_in(2) ? 1 + rnd(3) : 0; n > 0; n--) {
                check_search(index, device, &f, true);
            }
        }
    }

    while (n_tested) {
        remove_tested(index, n_tested - 1);
    }
    classifier_destroy(&classifier);
    if (index % 4 == 3) {
        reclaim();
    }
}

/* Part "classifier". */
void
test_classifier(void)
{
    unsigned long int n_rounds = n_actions / 200 + 5;
    unsigned long int n = 0;

    if (!part_wanted("classifier")) {
        return;
    }
    for (unsigned long int i = 0; i < n_rounds; i++) {
        if (only_case < 0 || only_case == i) {
            begin_case("classifier", i);
            test_round(i);
            n++;
        }
    }
    reclaim();
    end_part("classifier", "%lu rounds of %d steps", n, N_STEPS);
}
