/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "passes": random pipelines of several flows, each of which gives its
 * packets to the next one by a recirculation.  What leaves is compared with
 * what OVS makes of the packet, pass by pass.
 */

#include <config.h>

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
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "util.h"
#include "xdp-ovs-compat.h"

/* One more than what is cut. */
#define MAX_FLOWS (XDP_OVS_MAX_PASSES + 1)

/* Masks of the pool that are used: each pass needs one of its own. */
#define N_MASKS MAX_FLOWS

/* Flows of part "actions" for each pipeline here. */
#define ACTIONS_PER_PIPELINE 4

/* A pipeline, and what one packet meets in it. */
struct pipeline {
    struct device *device;
    struct frame frame;
    struct tested_flow flows[MAX_FLOWS];
    size_t n_flows;
    bool repeated;              /* Is the packet to become a train? */
    bool is_short;              /* Does the first pass leave it as it is? */
    uint64_t counters[XDP_COUNTER_MAX]; /* Of all ops. */
    struct executed last;       /* What leaves. */
    struct xdp_flow_table_stats others; /* That only the first flow had. */
};

/* Packets that differ a little from a train. */
#define N_OTHERS 8

static unsigned long int n_pipelines, n_passes;

/* Makes actions that a packet of a train can run: the recirculation
 * 'recirc_id', perhaps behind a hash. */
static void
make_short_pass(struct actions *actions, uint32_t recirc_id)
{
    struct ofpbuf *buf = &actions->buf;

    ofpbuf_use_stub(buf, actions->stub, sizeof actions->stub);
    if (one_in(2)) {
        struct ovs_action_hash hash = {
            .hash_alg = OVS_HASH_ALG_L4,
            .hash_basis = rnd(UINT32_MAX),
        };

        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
    }
    nl_msg_put_u32(buf, OVS_ACTION_ATTR_RECIRC, recirc_id);
}

/* Adds flow number 'i', of 'n', for the 'size' bytes at 'data', to 'p'.
 * Returns false if there is none that the program must treat in one certain
 * way, or that translation accepts. */
static bool
add_flow(struct pipeline *p, size_t i, size_t n, const void *data, size_t size,
         uint32_t *hash, const struct executed *before)
{
    struct tested_flow *t = &p->flows[i];
    struct xdp_translation tr;
    enum xdp_table_error error;
    uint32_t recirc_id;
    struct flow flow;

    init_tested(t, p->device);
    extract(data, size, ODP_BASE + p->device->port, &flow);
    flow.recirc_id = before ? before->recirc_id : 0;
    flow.dp_hash = before ? before->dp_hash : 0;
    if (!before || !before->has_rss_hash) {
        *hash = rss_hash(data, size);
    }
    make_match(&flow, rnd(N_MASKS), &t->match);
    add_prerequisites(&flow, &t->match.wc);
    if (before && one_in(2)) {
        t->match.wc.masks.dp_hash = one_in(2) ? UINT32_MAX : 0xf;
        event_count[EVENT_PASSES_HASH] += flow.dp_hash != 0;
    }
    match_init(&t->match, &flow, &t->match.wc);

    recirc_id = i + 1 < n ? 1 + rnd(UINT32_MAX - 1) : 0;
    if (p->repeated && !i && recirc_id && one_in(2)) {
        p->is_short = true;
        make_short_pass(&t->actions, recirc_id);
    } else {
        make_pass(&t->actions, &flow, &t->match.wc, recirc_id);
    }
    if (put_tested(t, &error, &tr) || error) {
        ofpbuf_uninit(&t->actions.buf);
        return false;
    }
    event_count[EVENT_PASSES_CT] += before && t->match.wc.masks.ct_state;
    p->n_flows++;
    execute_pass(data, size, *hash, flow.dp_hash, &t->actions.buf,
                 &t->ops, &p->last);
    if (p->last.common.is_odd || p->last.common.must_drop
        || p->last.common.odd_csum || is_odd_at_tc(t, data, size)) {
        return false;
    }
    account(t, &flow, size);
    for (size_t j = 0; j < XDP_COUNTER_MAX; j++) {
        p->counters[j] += p->last.common.counters[j];
    }
    return true;
}

/* Makes a pipeline of 'n' flows.  Returns false if that did not work out. */
static bool
make_pipeline(struct pipeline *p, size_t n)
{
    static struct executed before;
    uint32_t hash;

    memset(p->counters, 0, sizeof p->counters);
    memset(&p->others, 0, sizeof p->others);
    p->n_flows = 0;
    p->is_short = false;
    for (size_t i = 0; i < n; i++) {
        if (i) {
            before = p->last;
        }
        if (!add_flow(p, i, n,
                      i ? before.common.data : p->frame.data,
                      i ? before.common.size : p->frame.size,
                      &hash, i ? &before : NULL)) {
            return false;
        }
    }
    return true;
}

/* Describes 'p' after a failure. */
static void
print_pipeline(const struct pipeline *p)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < p->n_flows; i++) {
        const struct tested_flow *t = &p->flows[i];

        ds_clear(&s);
        match_format(&t->match, NULL, &s, OFP_DEFAULT_PRIORITY);
        ds_put_cstr(&s, " actions:");
        format_odp_actions(&s, t->actions.buf.data, t->actions.buf.size,
                           NULL);
        printf("  %s\n", ds_cstr(&s));
    }
    ds_destroy(&s);
    print_hex("packet", p->frame.data, p->frame.size);
}

/* Runs the packet of 'p', of whose flows those before 'missing' are there, and
 * checks what becomes of it.  Returns false and says what is wrong. */
static bool
check_pipeline(unsigned long int index, const struct pipeline *p,
               size_t missing)
{
    uint64_t before[XDP_COUNTER_MAX], after[XDP_COUNTER_MAX];
    const struct copy *expected = &p->last.copies[0];
    size_t n = MIN(missing, p->n_flows);
    bool cut = (n >= XDP_OVS_MAX_PASSES && p->n_flows > XDP_OVS_MAX_PASSES);
    const char *problem = NULL;
    uint32_t expected_verdict;
    uint8_t out[MAX_OUT];
    uint32_t verdict;
    size_t out_size;

    xdp_flow_table_get_counters(object->table, before);
    verdict = run_program(p->device->ifindex, p->frame.data, p->frame.size,
                          out, &out_size);
    xdp_flow_table_get_counters(object->table, after);

#define GREW(COUNTER) (after[XDP_COUNTER_##COUNTER] \
                       - before[XDP_COUNTER_##COUNTER])
    expected_verdict = (!n ? XDP_PASS
                        : cut || n < p->n_flows ? XDP_DROP : XDP_REDIRECT);
    if (verdict != expected_verdict) {
        problem = "verdict";
    } else if (GREW(PACKETS) != 1) {
        problem = "packets that came in";
    } else if (GREW(HINT_HITS) + GREW(SUBTABLE_HITS)
               != MIN(n, XDP_OVS_MAX_PASSES)) {
        problem = "number of passes";
    } else if (GREW(RECIRC) != (cut ? XDP_OVS_MAX_PASSES - 1
                                : n < p->n_flows ? n : n - 1)) {
        problem = "number of recirculations";
    } else if (GREW(DROP_PASSES) != cut) {
        problem = "counter of packets that are cut";
    } else if (GREW(MISSES) != (!cut && n < p->n_flows)) {
        problem = "counter of misses";
    } else if (GREW(DROP_RECIRC) != (!cut && n && n < p->n_flows)) {
        problem = "counter of misses without socket";
    } else if (verdict == XDP_REDIRECT
               && (out_size != expected->size
                   || memcmp(out, expected->data, out_size))) {
        problem = "bytes that leave";
    } else if (verdict == XDP_REDIRECT
               && (GREW(SET_FIELD) != p->counters[XDP_COUNTER_SET_FIELD]
                   || GREW(PUSH_VLAN) != p->counters[XDP_COUNTER_PUSH_VLAN]
                   || GREW(POP_VLAN) != p->counters[XDP_COUNTER_POP_VLAN]
                   || GREW(SET_VLAN) != p->counters[XDP_COUNTER_SET_VLAN]
                   || GREW(PUSH_MPLS) != p->counters[XDP_COUNTER_PUSH_MPLS]
                   || GREW(POP_MPLS) != p->counters[XDP_COUNTER_POP_MPLS])) {
        problem = "counters of ops";
    }
#undef GREW

    if (problem && case_failure("passes", index, "%"PRIuSIZE" of %"PRIuSIZE
                                " flows, %s", n, p->n_flows, problem)) {
        struct xdp_key key;

        read_key(&key);
        print_pipeline(p);
        print_hex("key     ", &key, sizeof key);
        printf("  verdict: expected %"PRIu32", got %"PRIu32"\n",
               expected_verdict, verdict);
        print_hex("expected", expected->data, expected->size);
        print_hex("got     ", out, out_size);
    }
    return !problem;
}

/* Runs packets that differ from that of 'p', a train, in one bit, but find its
 * first flow, too, and then none: each so often that it becomes a train.
 * Returns false and says so if one of them finds the second flow of 'p'. */
static bool
check_others(unsigned long int index, struct pipeline *p)
{
    struct tested_flow *first = &p->flows[0], *second = &p->flows[1];

    for (int i = 0; i < N_OTHERS; i++) {
        struct frame f = p->frame;
        struct flow flow;

        f.data[rnd(MIN(f.size, ETH_HEADER_LEN + 40))] ^= 1u << rnd(8);
        extract(f.data, f.size, ODP_BASE + p->device->port, &flow);
        if (!flow_equal_except(&flow, &first->match.flow, &first->match.wc)) {
            continue;
        }
        flow.recirc_id = second->match.flow.recirc_id;
        if (second->match.wc.masks.dp_hash
            || flow_equal_except(&flow, &second->match.flow,
                                 &second->match.wc)) {
            continue;
        }
        for (int j = 0; j < N_REPEATS + 1; j++) {
            uint8_t out[MAX_OUT];
            size_t out_size;

            if (run_program(p->device->ifindex, f.data, f.size, out, &out_size)
                != XDP_DROP) {
                case_failure("passes", index, "a packet like those of a train "
                             "took the train's second pass");
                print_hex("packet", f.data, f.size);
                print_pipeline(p);
                return false;
            }
            p->others.n_packets++;
            p->others.n_bytes += f.size;
            p->others.tcp_flags |= ntohs(flow.tcp_flags);
        }
        event_count[EVENT_TRAIN_OTHER]++;
    }
    return true;
}

/* Repeats the packet of 'p', all of whose flows are there, until it is a train
 * if it can be one, and as one.  Returns false and says what is wrong. */
static bool
check_train(unsigned long int index, struct pipeline *p)
{
    uint64_t before[XDP_COUNTER_MAX];

    for (int i = 0; i < N_REPEATS; i++) {
        if (!check_pipeline(index, p, SIZE_MAX)) {
            return false;
        }
    }

    set_hints(NO_HINTS);
    xdp_flow_table_get_counters(object->table, before);
    if (!check_pipeline(index, p, SIZE_MAX)) {
        return false;
    }
    event_count[EVENT_TRAIN_PASSES] += (p->n_flows > 1
                                        && passes_in_train(before));
    event_count[EVENT_TRAIN_NEXT] += passes_in_train(before) > 1;
    return !p->is_short || check_others(index, p);
}

/* Runs case 'index'. */
static void
test_one_pipeline(unsigned long int index)
{
    static struct pipeline p;
    struct xdp_flow_table_stats stats;
    size_t n_runs = 1;
    bool ok;

    rng_start(17, index);
    set_vlan_limit(rnd(3));
    p.device = &devices[rnd(n_devices)];
    p.repeated = one_in(2);
    if (p.repeated) {
        make_packet(&p.frame, one_in(2) ? KIND_TCP : KIND_UDP, one_in(8));
    } else {
        make_any_packet(&p.frame, index);
    }
    ok = make_pipeline(&p, p.repeated && one_in(2) ? 2
                           : one_in(10) ? MAX_FLOWS
                           : 1 + rnd(XDP_OVS_MAX_PASSES));
    if (ok) {
        ok = check_pipeline(index, &p, SIZE_MAX);
        if (ok && p.repeated) {
            ok = check_train(index, &p);
            n_runs += N_REPEATS + 1;
        }
        n_pipelines++;
        n_passes += MIN(p.n_flows, XDP_OVS_MAX_PASSES);
        event_count[p.n_flows > XDP_OVS_MAX_PASSES ? EVENT_PASSES_CUT
                    : p.n_flows == XDP_OVS_MAX_PASSES ? EVENT_PASSES_MAX
                    : EVENT_PASSES] += p.n_flows > 1;
        for (size_t i = 0; i < p.n_flows; i++) {
            const struct xdp_flow_actions *ops = &p.flows[i].ops;

            for (size_t j = 0; j < ops->n_ops; j += 1 + ops->ops[j].n_data) {
                op_count[ops->ops[j].type]++;
            }
        }
    }

    /* From the last to the first. */
    for (size_t i = p.n_flows; i-- > 0;) {
        struct tested_flow *t = &p.flows[i];

        xdp_flow_table_remove(object->table, t->flow, &stats);
        if (ok) {
            if (i >= XDP_OVS_MAX_PASSES) {
                memset(&t->stats, 0, sizeof t->stats);
            } else {
                /* It had the packet when the later ones were there, and once
                 * more after each of them. */
                size_t n = n_runs + p.n_flows - 1 - i;

                t->stats.n_packets *= n;
                t->stats.n_bytes *= n;
                if (!i) {
                    t->stats.n_packets += p.others.n_packets;
                    t->stats.n_bytes += p.others.n_bytes;
                    t->stats.tcp_flags |= p.others.tcp_flags;
                }
            }
            if (!check_stats(t, &stats)) {
                case_failure("passes", index, "statistics of pass %"PRIuSIZE
                             ": %"PRIu64" packets, %"PRIu64" bytes instead of "
                             "%"PRIu64", %"PRIu64, i, stats.n_packets,
                             stats.n_bytes, t->stats.n_packets,
                             t->stats.n_bytes);
                ok = false;
            }
        }
        if (ok) {
            ok = check_pipeline(index, &p, i);
            event_count[EVENT_PASSES_MISS] += i > 0;
        }
        ofpbuf_uninit(&t->actions.buf);
    }
}

/* Part "passes". */
void
test_passes(void)
{
    if (!part_wanted("passes")) {
        return;
    }
    run_cases("passes", n_actions / ACTIONS_PER_PIPELINE,
              test_one_pipeline);
    end_part("passes", "%lu passes in %lu pipelines", n_passes, n_pipelines);
}
