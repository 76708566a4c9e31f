/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "mtu": packets that are too large for the device that they go to, or
 * get too large by what the flow does to them.  The kernel would drop them
 * without a word, so they must go to userspace, unchanged.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "coverage.h"
#include "execute.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "make-actions.h"
#include "netlink.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "run-tc.h"
#include "util.h"

#define N_MASKS 8           /* Of the pool, that are used. */
#define N_STEPS 12          /* Packets of a case. */

static unsigned long int n_mtu, n_mtu_copies;

/* Makes the packet 'f' about as long as the devices take. */
static void
resize(struct frame *f)
{
    size_t size = (one_in(2) ? 1400 : 1500) + rnd(40);

    if (f->size > size) {
        f->size = size;
    } else {
        put_random(f, size - f->size);
    }
}

/* Returns the most bytes that 'ops' push. */
static size_t
count_pushed(const struct xdp_flow_actions *ops)
{
    size_t n = 0;

    for (size_t i = 0; i < ops->n_ops; i += 1 + ops->ops[i].n_data) {
        uint16_t type = ops->ops[i].type;

        n += (type == XDP_OP_PUSH_VLAN ? VLAN_HEADER_LEN
              : type == XDP_OP_PUSH_MPLS ? MPLS_HLEN : 0);
    }
    return n;
}

/* What may become of a packet. */
enum fate {
    FATE_LEAVES = 1 << 0,
    FATE_USERSPACE = 1 << 1,
};

/* Returns what may become of 'f', of which 't' makes 'executed': the enum
 * fates as a bitmap. */
static int
expected_fates(const struct tested_flow *t, const struct frame *f,
               const struct executed *executed)
{
    size_t n_pushed = count_pushed(&t->ops);
    size_t most = (n_pushed ? f->size + n_pushed
                   : f->size - tag_beside_len(f->data, f->size));
    int fates = FATE_LEAVES;

    for (size_t i = 0; i < executed->n_copies; i++) {
        const struct copy *copy = &executed->copies[i];
        size_t max_len = target_max_len(copy->port);
        size_t beside = tag_beside_len(copy->data, copy->size);

        /* The kernel looks before 'xdp_egress' makes the copies differ, and
         * what that makes has to fit, too. */
        if (copy->size > max_len + beside
            || executed->common.size > max_len + beside) {
            return FATE_USERSPACE;
        } else if (most > max_len) {
            /* Whether tags and labels are there to be popped, or the packet is
             * long enough to be truncated, the program need not know. */
            fates |= FATE_USERSPACE;
        }
    }
    return fates;
}

/* Runs 'f', which 't' takes.  Returns false and says so if something becomes
 * of it that should not. */
static bool
check_fate(unsigned long int index, struct tested_flow *t,
           const struct frame *f)
{
    static struct executed executed;
    uint64_t before[XDP_COUNTER_MAX], after[XDP_COUNTER_MAX];
    const char *problem = NULL;
    uint8_t out[MAX_OUT];
    size_t out_size, meta_size;
    bool tracked = stays_up(t, f);
    struct flow flow;
    uint32_t verdict;
    uint64_t n_large, n_untracked = 0;
    int small, fates, fate;

    execute(f->data, f->size, &t->actions.buf, &t->ops, &executed);
    if (!executed.n_copies || executed.metered || executed.common.must_drop) {
        return true;
    }
    for (size_t i = 0; i < executed.n_copies; i++) {
        if (executed.copies[i].is_odd || executed.copies[i].must_drop) {
            return true;
        }
    }

    /* What is small enough goes to userspace nevertheless if it is to be
     * tracked. */
    small = expected_fates(t, f, &executed);
    fates = tracked ? FATE_USERSPACE : small;
    xdp_flow_table_get_counters(object->table, before);
    verdict = run_program_meta(-1, t->device->ifindex, f->data, f->size, 0,
                               out, &out_size, &meta_size);
    xdp_flow_table_get_counters(object->table, after);
#define GREW(COUNTER) (after[XDP_COUNTER_##COUNTER] \
                       - before[XDP_COUNTER_##COUNTER])
    n_large = GREW(TOO_LARGE);
    if (tracked) {
        enum xdp_counter counter = left_counter(t, f, before, after);

        n_untracked = after[counter] - before[counter];
    }
    fate = (verdict == XDP_REDIRECT ? FATE_LEAVES
            : verdict == XDP_PASS ? FATE_USERSPACE : 0);
    if (!(fate & fates)) {
        problem = "verdict";
    } else if (GREW(OUTPUT) != (fate == FATE_LEAVES ? executed.n_copies : 0)
               || n_large + n_untracked != (fate == FATE_USERSPACE)
               || GREW(NO_SOCKET) != (fate == FATE_USERSPACE)) {
        problem = "counters";
    } else if (n_untracked && !(small & FATE_LEAVES)) {
        problem = "too large, but said to be for another reason";
    } else if (n_large && tracked && small == FATE_LEAVES) {
        problem = "said to be too large";
    } else if (fate == FATE_USERSPACE
               && (meta_size || out_size != f->size
                   || memcmp(out, f->data, f->size))) {
        problem = "packet for userspace changed";
    }
#undef GREW

    if (fate != FATE_USERSPACE) {
        extract(f->data, f->size, ODP_BASE + t->device->port, &flow);
        account(t, &flow, f->size);
    }
    event_count[executed.n_copies > 1 ? EVENT_TOO_LARGE_COPIES
                : EVENT_TOO_LARGE] += n_large;
    event_count[EVENT_UNTRACKED_LARGE] += n_untracked;
    n_mtu++;
    n_mtu_copies += executed.n_copies > 1;
    if (problem && case_failure("mtu", index, "%s", problem)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        format_odp_actions(&s, t->actions.buf.data, t->actions.buf.size,
                           NULL);
        printf("  actions: %s\n", ds_cstr(&s));
        ds_destroy(&s);
        print_hex("packet", f->data, f->size);
        printf("  verdict %"PRIu32", fates %d\n", verdict, fates);
        for (size_t i = 0; i < executed.n_copies; i++) {
            printf("  %"PRIuSIZE" bytes to a port that takes %"PRIu32"\n",
                   executed.copies[i].size,
                   target_max_len(executed.copies[i].port));
        }
    }
    return !problem;
}

/* Runs case 'index'. */
static void
test_one_mtu(unsigned long int index)
{
    struct xdp_flow_table_stats stats;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct tested_flow t;
    struct frame f;
    struct flow flow;
    bool ok = true;

    rng_start(29, index);
    set_vlan_limit(XDP_VLAN_MAX);
    init_tested(&t, &devices[rnd(n_devices)]);
    make_any_packet(&f, index);
    resize(&f);
    extract(f.data, f.size, ODP_BASE + t.device->port, &flow);
    make_match(&flow, rnd(N_MASKS), &t.match);
    add_prerequisites(&flow, &t.match.wc);
    match_init(&t.match, &flow, &t.match.wc);
    make_actions(&t.actions, &flow, &t.match.wc);
    if (put_tested(&t, &error, &tr) || error) {
        ofpbuf_uninit(&t.actions.buf);
        return;
    }

    for (int i = 0; ok && i < N_STEPS; i++) {
        /* Some have the length of the one before: a train, or what is known
         * to fit. */
        if (!one_in(3)) {
            resize(&f);
        }
        extract(f.data, f.size, ODP_BASE + t.device->port, &flow);
        if (flow_equal_except(&flow, &t.match.flow, &t.match.wc)) {
            ok = check_fate(index, &t, &f);
        }
    }
    xdp_flow_table_remove(object->table, t.flow, &stats);
    if (ok && !check_stats(&t, &stats)) {
        case_failure("mtu", index, "statistics");
    }
    ofpbuf_uninit(&t.actions.buf);
}

/* Part "mtu". */
void
test_mtu(void)
{
    if (!part_wanted("mtu")) {
        return;
    }
    set_small_mtus(true);
    run_cases("mtu", n_actions / 4, test_one_mtu);
    set_small_mtus(false);
    end_part("mtu", "%lu large packets, %lu of them for several ports", n_mtu,
             n_mtu_copies);
}
