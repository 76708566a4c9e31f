/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "actions": the packet that leaves against odp_execute_actions(), and
 * which packets a flow takes against flow_equal_except().
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "copies.h"
#include "coverage.h"
#include "dp-packet.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "make-actions.h"
#include "odp-util.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "util.h"

#define N_LISTS 8           /* Action lists that a flow gets, in turn. */
#define N_VARIANTS 5        /* Packets that are tried, the flow's own first. */

/* Masks of the pool that are used.  With what make_actions() needs to know of
 * a packet they become more, and the table has room for so many. */
#define N_MASKS 14

/* Pairs of a packet and an action list. */
static unsigned long int n_pairs;

/* A packet that a flow takes, or not. */
struct variant {
    struct frame frame;
    struct flow flow;
    bool hit;
};

/* Makes the packets for 't', of which 'first' is the one that it was made
 * for. */
static void
make_variants(const struct tested_flow *t, const struct frame *first,
              struct variant variants[N_VARIANTS])
{
    for (size_t i = 0; i < N_VARIANTS; i++) {
        struct variant *v = &variants[i];

        v->frame = *first;
        if (i && one_in(3)) {
            mutate(&v->frame);
        } else if (i) {
            /* Behind the headers, or what is cut off there. */
            size_t ofs = ETH_HEADER_LEN + 20 + rnd(40);

            ofs = MIN(ofs, first->size);
            if (one_in(3)) {
                v->frame.size = ofs;
            } else {
                rnd_bytes(v->frame.data + ofs, first->size - ofs);
            }
        }
        extract(v->frame.data, v->frame.size, ODP_BASE + t->device->port,
                &v->flow);
        v->hit = flow_equal_except(&v->flow, &t->match.flow, &t->match.wc);
        if (i) {
            event_count[v->hit ? EVENT_VARIANT_HIT : EVENT_VARIANT_MISS]++;
        }
    }
}

/* Gives 'v' a transport checksum that becomes a remarkable one by the actions
 * of 't', at least in the first copy. */
static void
aim_checksum(const struct tested_flow *t, struct variant *v)
{
    /* In either byte order. */
    static const uint16_t remarkable[] = { 0, 1, 0x100, 0xfeff, 0xfffe,
                                           0xffff };
    static struct executed executed;
    struct frame *f = &v->frame;
    struct dp_packet packet;
    size_t l4_ofs, ofs;
    struct flow flow;
    uint32_t csum, diff;
    const uint8_t *p;

    dp_packet_use_const(&packet, f->data, f->size);
    pkt_metadata_init(&packet.md, u32_to_odp(ODP_BASE));
    flow_extract(&packet, &flow);
    l4_ofs = packet.l4_ofs;
    dp_packet_uninit(&packet);

    ofs = (flow.nw_proto == IPPROTO_TCP ? l4_ofs + 16
           : flow.nw_proto == IPPROTO_UDP ? l4_ofs + 6
           : l4_ofs + 2);
    if (!is_ip_any(&flow) || ofs + 2 > f->size
        || (flow.nw_proto != IPPROTO_TCP && flow.nw_proto != IPPROTO_UDP
            && flow.nw_proto != IPPROTO_ICMP
            && flow.nw_proto != IPPROTO_ICMPV6)) {
        return;
    }

    /* What the actions do to some checksum, they do to each. */
    f->data[ofs] = f->data[ofs + 1] = 0x5a;
    execute(f->data, f->size, &t->actions.buf, &t->ops, &executed);
    if (!executed.n_copies || executed.common.size + ofs < f->size + 2) {
        return;
    }
    p = executed.common.data + executed.common.size - (f->size - ofs);
    if (p + 2 > executed.common.data + executed.common.size) {
        return;
    }
    diff = 0x5a5a + 0xffff - (p[0] << 8 | p[1]);
    csum = diff + remarkable[rnd(ARRAY_SIZE(remarkable))];
    csum = (csum & 0xffff) + (csum >> 16);
    csum = (csum & 0xffff) + (csum >> 16);
    f->data[ofs] = csum >> 8;
    f->data[ofs + 1] = csum;
}

/* Checks the packets of 't', after it got new actions. */
static bool
check_variants(const char *part, unsigned long int index,
               struct tested_flow *t, struct variant variants[N_VARIANTS],
               bool misses)
{
    for (size_t i = 0; i < N_VARIANTS; i++) {
        struct variant *v = &variants[i];

        if (!v->hit && !misses) {
            continue;
        }
        if (!check_packet(part, index, (!v->hit ? "variant of no flow"
                                        : i ? "variant of the flow"
                                        : "packet of the flow"),
                          t, &v->frame, v->hit, false)) {
            return false;
        }
        if (v->hit && !stays_up(t, &v->frame)) {
            event_count[EVENT_HIT]++;
            for (size_t j = 0; j < t->ops.n_ops;
                 j += 1 + t->ops.ops[j].n_data) {
                op_count[t->ops.ops[j].type]++;
            }
            n_pairs++;
            account(t, &v->flow, v->frame.size);
        }
    }
    return true;
}

/* Prints what 't' was refused for, or not. */
static void
report_refusal(const char *part, unsigned long int index,
               const struct tested_flow *t, enum xdp_reason reason,
               const struct xdp_translation *tr)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (case_failure(part, index, "wrongly %s: %s: %s",
                     reason ? "refused" : "accepted",
                     xdp_reason_to_string(reason), tr->detail)) {
        match_format(&t->match, NULL, &s, OFP_DEFAULT_PRIORITY);
        printf("  match: %s\n", ds_cstr(&s));
        ds_clear(&s);
        format_odp_actions(&s, t->actions.buf.data, t->actions.buf.size,
                           NULL);
        printf("  actions: %s\n", ds_cstr(&s));
    }
    ds_destroy(&s);
}

/* Runs case 'index' of part "actions": one flow, from its insertion to its
 * removal. */
static void
test_one_flow(unsigned long int index)
{
    static const char part[] = "actions";
    static struct variant variants[N_VARIANTS];
    struct xdp_flow_table_stats stats;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct tested_flow t;
    struct frame f;
    struct flow flow;
    bool ok = true;

    rng_start(11, index);
    set_vlan_limit(rnd(3));
    init_tested(&t, &devices[rnd(n_devices)]);
    make_any_packet(&f, index);
    extract(f.data, f.size, ODP_BASE + t.device->port, &flow);
    make_match(&flow, rnd(N_MASKS), &t.match);
    if (!one_in(12)) {
        add_prerequisites(&flow, &t.match.wc);
        match_init(&t.match, &flow, &t.match.wc);
    }
    make_variants(&t, &f, variants);

    for (int i = 0; ok && i < N_LISTS; i++) {
        bool is_new = !t.flow;
        enum xdp_reason reason;

        make_actions(&t.actions, &flow, &t.match.wc);
        reason = put_tested(&t, &error, &tr);
        if (!is_refusal_right(&t.actions, &flow, &t.match.wc, reason)) {
            report_refusal(part, index, &t, reason, &tr);
            ok = false;
        } else if (!reason && error) {
            case_failure(part, index, "table error %d", error);
            ok = false;
        } else if (!reason) {
            if (is_new) {
                for (size_t j = 0; j < N_FIELDS; j++) {
                    field_matched[j] += field_is_nonzero(&tr.mask, &fields[j]);
                }
            } else {
                event_count[EVENT_MODIFY]++;
            }
            count_fields(&t.actions);
            aim_checksum(&t, &variants[N_VARIANTS - 1]);
            ok = check_variants(part, index, &t, variants, is_new);
            if (ok && one_in(4) && !stays_up(&t, &f)) {
                ok = check_packet(part, index, "packet for a port that left",
                                  &t, &f, true, true);
                account(&t, &flow, f.size);
            }
        }
        ofpbuf_uninit(&t.actions.buf);
    }
    if (!t.flow) {
        return;
    }

    if (ok && one_in(4)) {
        xdp_flow_table_get_stats(object->table, t.flow, &stats);
        if (!check_stats(&t, &stats)) {
            case_failure(part, index, "statistics while there");
        }
    }
    finish_tested(part, index, &t, &f, ok);
}

/* Part "actions". */
void
test_actions(void)
{
    unsigned long int n;

    if (!part_wanted("actions")) {
        return;
    }
    n = run_cases("actions", n_actions, test_one_flow);
    if (only_case < 0) {
        report_actions();
    }
    end_part("actions", "%lu pairs of a packet and an action list, %lu flows",
             n_pairs, n);
}
