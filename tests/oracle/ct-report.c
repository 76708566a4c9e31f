/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What part "conntrack" met, and whether that was all it should meet.
 */

#include <config.h>

#include "ct.h"

#include <stdio.h>

#include "run-tc.h"
#include "util.h"

/* Packets with which everything should be met. */
#define MIN_PACKETS 200000

static const struct counter {
    enum xdp_counter index;
    const char *name;
} counters[] = {
    { XDP_COUNTER_CT, "ct run by XDP" },
    { XDP_COUNTER_CT_NO_ENTRY, "handed up: no entry" },
    { XDP_COUNTER_CT_FLAGS, "handed up: TCP flags" },
    { XDP_COUNTER_CT_WINDOW, "handed up: TCP window" },
    { XDP_COUNTER_CT_MARK, "handed up: mark or label" },
    { XDP_COUNTER_CT_EXPIRED, "handed up: expired" },
    { XDP_COUNTER_CT_FRAGMENT, "handed up: fragment" },
    { XDP_COUNTER_CT_FORCE, "handed up: force" },
    { XDP_COUNTER_CT_ODD, "handed up: odd" },
};
BUILD_ASSERT_DECL(ARRAY_SIZE(counters) == XDP_COUNTER_CT_ODD
                                          - XDP_COUNTER_CT + 1);

static const char *event_names[CT_N_EVENTS] = {
#define CT_EVENT(ENUM, NAME) NAME,
    CT_EVENTS
#undef CT_EVENT
};

/* Returns true if 'event' can happen here. */
static bool
can_happen(size_t event)
{
    switch (event) {
    case CT_EVENT_XDP_TRAIN:
    case CT_EVENT_XDP_TRAIN_NAT:
    case CT_EVENT_XDP_TRAIN_UDP:
    case CT_EVENT_TRAIN_ENDED:
    case CT_EVENT_ELSEWHERE:
        return n_hints && !ct_verifies && !hook_tc;

    default:
        return true;
    }
}

/* Notes that something was met 'n' times, after 'n_all' packets. */
static void
report_one(const char *name, uint64_t n, unsigned long int n_all)
{
    printf("  %-40s %10"PRIu64"\n", name, n);
    if (!n && n_all >= MIN_PACKETS) {
        failure("never happened: %s", name);
    }
}

/* Ends the part, which ran 'n' packets, and began when the counters were
 * 'before'. */
void
ct_report(const uint64_t before[XDP_COUNTER_MAX], unsigned long int n)
{
    uint64_t after[XDP_COUNTER_MAX];

    xdp_flow_table_get_counters(object->table, after);
    printf("conntrack:\n");
    for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
        report_one(counters[i].name,
                   after[counters[i].index] - before[counters[i].index], n);
    }
    for (size_t i = 0; i < CT_N_EVENTS; i++) {
        if (can_happen(i)) {
            report_one(event_names[i], ct_event_count[i], n);
        }
    }
    end_part("conntrack", "%lu packets", n);
}
