/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "kept": the hash of the packet that came in, for which the program
 * keeps words in the first pass, is asked for by a later pass whose flow was
 * not there when the first one was parsed, and nothing in the first one asked
 * for what the hash is of.
 */

#include <config.h>

#include <string.h>

#include "cases.h"
#include "coverage.h"
#include "execute.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "oracle.h"
#include "rng.h"
#include "run.h"
#include "util.h"

/* The passes: one that recirculates, one that hashes, one that outputs. */
#define N_PASSES 3

static unsigned long int n_kept;

/* Makes the actions of pass 'i', which goes on with 'recirc_id', or outputs if
 * that is 0. */
static void
make_kept_actions(struct actions *actions, size_t i, uint32_t recirc_id)
{
    struct ofpbuf *buf = &actions->buf;

    ofpbuf_use_stub(buf, actions->stub, sizeof actions->stub);
    if (!i && one_in(2)) {
        struct ovs_action_push_vlan vlan = {
            .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
            .vlan_tci = htons(VLAN_CFI | rnd(4096)),
        };

        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
    }
    if (i == 1) {
        struct ovs_action_hash hash = {
            .hash_alg = OVS_HASH_ALG_L4,
            .hash_basis = rnd(UINT32_MAX),
        };

        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
    }
    if (recirc_id) {
        nl_msg_put_u32(buf, OVS_ACTION_ATTR_RECIRC, recirc_id);
    } else {
        nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(ODP_BASE + rnd(N_PORTS)));
    }
}

/* Adds pass 'i' to 'flows', for the packet 'f', or for what '*last' says that
 * the pass before made of it.  Stores in '*last' what this pass makes of that.
 * Returns false if the flow was refused. */
static bool
add_pass(struct tested_flow *flows, size_t i, const struct frame *f,
         struct executed *last)
{
    static struct copy copy;
    struct tested_flow *t = &flows[i];
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct flow flow;

    if (i) {
        copy = last->common;
    } else {
        memcpy(copy.data, f->data, f->size);
        copy.size = f->size;
    }
    extract(copy.data, copy.size, ODP_BASE + t->device->port, &flow);
    flow.recirc_id = i ? last->recirc_id : 0;
    flow.dp_hash = i ? last->dp_hash : 0;
    make_match(&flow, ETHERNET_MASK, &t->match);
    if (i == N_PASSES - 1) {
        t->match.wc.masks.dp_hash = UINT32_MAX;
        match_init(&t->match, &flow, &t->match.wc);
    }
    make_kept_actions(&t->actions, i,
                      i < N_PASSES - 1 ? 1 + rnd(UINT32_MAX - 1) : 0);
    if (put_tested(t, &error, &tr) || error) {
        return false;
    }
    execute_pass(copy.data, copy.size, rss_hash(f->data, f->size),
                 flow.dp_hash, &t->actions.buf, &t->ops, last);
    return true;
}

/* Runs case 'index'. */
static void
test_one_kept(unsigned long int index)
{
    static struct executed last;
    struct tested_flow flows[N_PASSES];
    struct device *device;
    const char *problem = NULL;
    struct frame f;
    size_t n = 0;

    rng_start(28, index);
    set_vlan_limit(XDP_VLAN_MAX);
    device = &devices[rnd(n_devices)];
    make_packet(&f, (enum packet_kind []) { KIND_TCP, KIND_UDP,
                                            KIND_IPV6 }[rnd(3)], 0);
    for (size_t i = 0; i < N_PASSES; i++) {
        init_tested(&flows[i], device);
    }

    while (!problem && n < N_PASSES) {
        uint8_t out[MAX_OUT];
        size_t out_size;

        if (!add_pass(flows, n, &f, &last)) {
            problem = "flow refused";
        }
        n++;
        for (int i = 0; !problem && i < (n == 1 ? N_REPEATS : 1); i++) {
            uint32_t verdict = run_program(device->ifindex, f.data, f.size,
                                           out, &out_size);

            if (verdict != (n < N_PASSES ? XDP_DROP : XDP_REDIRECT)) {
                problem = (n < N_PASSES ? "verdict of a miss"
                           : "another hash than that of the packet that came "
                             "in");
            }
        }
    }
    if (problem && case_failure("kept", index, "%s", problem)) {
        print_hex("packet", f.data, f.size);
    }
    n_kept++;
    while (n-- > 0) {
        struct xdp_flow_table_stats stats;

        if (flows[n].flow) {
            xdp_flow_table_remove(object->table, flows[n].flow, &stats);
        }
        ofpbuf_uninit(&flows[n].actions.buf);
    }
}

/* Part "kept". */
void
test_kept(void)
{
    if (!part_wanted("kept")) {
        return;
    }
    run_cases("kept", n_actions / 40 + 20, test_one_kept);
    end_part("kept", "%lu packets hashed in a second pass that came late",
             n_kept);
}
