/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "trains": packets that come several times in a row, which the program
 * then does not parse any more, and what comes after them: packets that differ
 * a little, and changes of their flow.  train-tunnels.c has those of tunnels.
 */

#include <config.h>

#include <string.h>

#include "cases.h"
#include "coverage.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "make-actions.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "tunnels.h"
#include "util.h"

#define N_STEPS 30          /* Of a case. */

static unsigned long int n_trains;
static unsigned long int n_in_turn;     /* Flows of packets in turn. */

/* Gives 't', a flow for packets like that of 'flow', actions that a train may
 * have, or may not.  If 'rewrites', any field can be set; if 'replaces', they
 * put another VLAN tag in the place of the first one. */
static void
make_train_actions(struct tested_flow *t, const struct flow *flow,
                   bool rewrites, bool replaces)
{
    struct ofpbuf *buf = &t->actions.buf;
    uint32_t what = replaces ? 3 : rnd(rewrites ? 11 : 6);

    if (!what) {
        make_label(t, 1 + rnd(4000));
        return;
    }
    if (what >= 6) {
        make_rewrite(&t->actions, flow);
        return;
    }
    ofpbuf_use_stub(buf, t->actions.stub, sizeof t->actions.stub);
    if (what == 1) {
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
    } else if (what == 3) {
        put_replace_vlan(buf);
    }
    if (what != 2) {
        nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(ODP_BASE + rnd(N_PORTS)));
    }
}

/* Makes a packet of IPv6, most often one with TCP or UDP right behind. */
static void
make_ipv6_packet(struct frame *f)
{
    int n_tags = one_in(2);
    size_t proto = n_tags * VLAN_HEADER_LEN + ETH_HEADER_LEN + 6;

    for (int i = 0; i < 16; i++) {
        make_packet(f, KIND_IPV6, n_tags);
        if (f->size > proto && (f->data[proto] == IPPROTO_TCP
                                || f->data[proto] == IPPROTO_UDP)) {
            break;
        }
    }
}

/* Makes a packet that may become a train. */
static void
make_train_packet(struct frame *f, unsigned long int index)
{
    if (one_in(8)) {
        make_any_packet(f, index);
    } else if (one_in(3)) {
        make_ipv6_packet(f);
    } else {
        make_packet(f, one_in(2) ? KIND_TCP : KIND_UDP, one_in(2));
    }
}

/* Changes 'f' a little, somewhere in the headers: what a train compares, what
 * it leaves out, and the length. */
static void
change_packet(struct frame *f)
{
    const struct eth_header *eth = (void *) f->data;
    bool is_ipv6 = eth->eth_type == htons(ETH_TYPE_IPV6);
    size_t l4_ofs = ETH_HEADER_LEN + (is_ipv6 ? IPV6_HEADER_LEN
                                      : IP_HEADER_LEN);
    size_t len_ofs = ETH_HEADER_LEN + (is_ipv6 ? 4 : 2);
    uint32_t what = rnd(12);

    if (what > 7) {
        /* A bit of what a train compares. */
        f->data[rnd(MIN(f->size, l4_ofs + 20))] ^= 1u << rnd(8);
    } else if (!what) {
        f->size = MIN(f->size, ETH_HEADER_LEN + rnd(l4_ofs + 26));
    } else if (what == 1 && f->size >= len_ofs + 2) {
        /* Total length, or that of the payload. */
        f->data[len_ofs] = 0;
        f->data[len_ofs + 1] = rnd(80);
    } else if (what == 2 && f->size >= l4_ofs + 16) {
        /* TCP data offset and flags. */
        rnd_bytes(f->data + l4_ofs + 12, 2);
    } else {
        mutate(f);
    }
}

/* Runs 'f', of which 'flow' was extracted. */
static bool
run_one(unsigned long int index, struct tested_flow *t, const struct frame *f,
        const struct flow *flow, const char *what)
{
    bool hit = flow_equal_except(flow, &t->match.flow, &t->match.wc);

    if (!check_packet("trains", index, what, t, f, hit, false)) {
        return false;
    }
    if (hit) {
        account(t, flow, f->size);
    }
    return true;
}

/* Runs 'f' so often that it becomes a train, if it can.  Then no subtable and
 * no hint needs to be asked. */
static bool
run_train(unsigned long int index, struct tested_flow *t,
          const struct frame *f, const struct flow *flow)
{
    uint64_t before[XDP_COUNTER_MAX];

    for (int i = 0; i < N_REPEATS; i++) {
        if (!run_one(index, t, f, flow, "packet that is repeated")) {
            return false;
        }
    }

    set_hints(NO_HINTS);
    xdp_flow_table_get_counters(object->table, before);
    if (!run_one(index, t, f, flow, "packet of a train")) {
        return false;
    }
    if (passes_in_train(before)) {
        uint16_t type = t->ops.ops[0].type;

        event_count[EVENT_TRAIN]++;
        event_count[EVENT_TRAIN_IPV6] += flow->dl_type == htons(ETH_TYPE_IPV6);
        event_count[EVENT_TRAIN_REWRITE] += (type >= XDP_OP_SET_ETHERNET
                                             && type <= XDP_OP_SET_UDP);
        event_count[EVENT_TRAIN_SET_VLAN] += type == XDP_OP_SET_VLAN;
        n_trains++;
    }
    return true;
}

/* Runs 'f' in turn with a packet from another address that has the same flow,
 * if there can be one.  None of these is a train, and the program keeps no
 * headers in vain. */
static bool
run_in_turn(unsigned long int index, struct tested_flow *t,
            const struct frame *f, const struct flow *flow)
{
    const struct eth_header *eth = (void *) f->data;
    size_t ofs = (ETH_HEADER_LEN + offsetof(struct ip_header, ip_src) + 3
                  + (eth_type_vlan(eth->eth_type) ? VLAN_HEADER_LEN : 0));
    uint64_t before[XDP_COUNTER_MAX];
    struct frame other = *f;
    struct flow other_flow;

    if (flow->dl_type != htons(ETH_TYPE_IP) || f->size <= ofs) {
        return true;
    }
    other.data[ofs] ^= 1;
    extract(other.data, other.size, ODP_BASE + t->device->port, &other_flow);
    if (other_flow.nw_src == flow->nw_src
        || !flow_equal_except(&other_flow, &t->match.flow, &t->match.wc)) {
        return true;
    }

    for (int i = 0; i < N_REPEATS; i++) {
        if (!run_one(index, t, &other, &other_flow, "one packet in turn")
            || !run_one(index, t, f, flow, "the other packet in turn")) {
            return false;
        }
    }
    set_hints(NO_HINTS);
    xdp_flow_table_get_counters(object->table, before);
    if (!run_one(index, t, f, flow, "packet after packets in turn")) {
        return false;
    }
    if (passes_in_train(before)) {
        case_failure("trains", index, "packets in turn became a train");
        return false;
    }
    n_in_turn++;
    return true;
}

/* Runs 'f', a packet of the train, as if it came from another device than that
 * of 't'. */
static bool
run_elsewhere(unsigned long int index, const struct tested_flow *t,
              const struct frame *f)
{
    struct tested_flow other = *t;

    other.device = &devices[rnd(n_devices)];
    return (other.device == t->device
            || check_packet("trains", index, "packet from another device",
                            &other, f, false, false));
}

/* Runs case 'index'. */
static void
test_one_train(unsigned long int index)
{
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct tested_flow t;
    struct frame f;
    struct flow flow;
    bool rewrites, replaces;
    bool ok;

    rng_start(18, index);
    set_vlan_limit(rnd(3));
    init_tested(&t, &devices[rnd(n_devices)]);
    make_train_packet(&f, index);
    extract(f.data, f.size, ODP_BASE + t.device->port, &flow);
    if (one_in(2)) {
        make_exact_match(&flow, &t.match);
    } else {
        make_match(&flow, rnd(N_POOL), &t.match);
    }
    rewrites = one_in(2) && !(flow.nw_frag & FLOW_NW_FRAG_LATER);
    if (rewrites) {
        add_prerequisites(&flow, &t.match.wc);
    }
    replaces = flow.vlans[0].tci & htons(VLAN_CFI) && one_in(2);
    if (replaces) {
        t.match.wc.masks.vlans[0].tci |= htons(VLAN_CFI);
    }
    if (rewrites || replaces) {
        match_init(&t.match, &flow, &t.match.wc);
    }
    make_train_actions(&t, &flow, rewrites, replaces);
    if (put_tested(&t, &error, &tr) || error) {
        /* The pool's masks do not have what every action needs. */
        ofpbuf_uninit(&t.actions.buf);
        return;
    }

    ok = (run_train(index, &t, &f, &flow)
          && run_in_turn(index, &t, &f, &flow)
          && run_train(index, &t, &f, &flow));
    for (int i = 0; ok && i < N_STEPS; i++) {
        struct frame changed = f;
        struct flow changed_flow;

        if (one_in(10)) {
            ofpbuf_uninit(&t.actions.buf);
            make_train_actions(&t, &flow, rewrites, replaces && one_in(2));
            if (put_tested(&t, &error, &tr) || error) {
                case_failure("trains", index, "modification refused");
                break;
            }
            event_count[EVENT_MODIFY]++;
            ok = run_one(index, &t, &f, &flow, "packet after a modification");
            continue;
        }

        change_packet(&changed);
        extract(changed.data, changed.size, ODP_BASE + t.device->port,
                &changed_flow);
        ok = (run_one(index, &t, &changed, &changed_flow,
                      "packet that differs from the train")
              && (one_in(2)
                  ? run_train(index, &t, &changed, &changed_flow) : true)
              && run_train(index, &t, &f, &flow)
              && run_elsewhere(index, &t, &f));
    }

    finish_tested("trains", index, &t, &f, ok);
    ofpbuf_uninit(&t.actions.buf);
}

/* Part "trains". */
void
test_trains(void)
{
    unsigned long int n_cases = n_actions / 40 + 20;
    unsigned long int n;

    if (!part_wanted("trains")) {
        return;
    }
    n = run_cases("trains", n_cases, test_one_train);
    begin_tunnels();
    n += run_cases("trains", n_cases, test_one_pop_train);
    n += run_cases("trains", n_cases, test_one_push_train);
    end_tunnels();
    end_part("trains", "%lu trains of %lu flows, %lu out of a tunnel in one "
             "step, %lu into one; %lu flows of packets in turn", n_trains, n,
             event_count[EVENT_TRAIN_POP_ONCE],
             event_count[EVENT_TRAIN_PUSH_ONCE], n_in_turn);
}
