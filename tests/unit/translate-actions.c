/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the translation of megaflows: what they do, but for what has a
 * file of its own.
 */

#include <config.h>

#undef NDEBUG
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "translate.h"
#include "unit.h"
#include "util.h"
#include "xdp-ovs-compat.h"

/* Output, VLAN tags, and nothing at all. */
static void
test_translate_actions(void)
{
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;

    begin_actions(&b, &caps);

    put_output(&b, 5);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1);
    CHECK(tr.actions.ops[0].type == XDP_OP_OUTPUT);
    CHECK(tr.actions.ops[0].u.output.port == 6);
    CHECK(tr.actions.ops[0].u.output.ifindex == 1006);
    CHECK(!tr.detail[0]);

    /* What netlink calls "tag present" is not a bit of the packet. */
    put_pop_vlan(&b);
    put_push_vlan(&b, ETH_TYPE_VLAN_8021AD, 0x3000 | 123);
    put_output(&b, 0);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3);
    CHECK(tr.actions.ops[0].type == XDP_OP_POP_VLAN);
    CHECK(!tr.actions.ops[0].u.raw[0]);
    CHECK(tr.actions.ops[1].type == XDP_OP_PUSH_VLAN);
    CHECK(tr.actions.ops[1].u.push_vlan.tpid == htons(ETH_TYPE_VLAN_8021AD));
    CHECK(tr.actions.ops[1].u.push_vlan.tci == htons(0x2000 | 123));
    CHECK(!tr.actions.ops[1].n_data && !tr.actions.ops[1].u.raw[1]);
    CHECK(tr.actions.ops[2].type == XDP_OP_OUTPUT);
    CHECK(tr.actions.ops[2].u.output.port == 1);

    /* Drop. */
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops);
    put_pop_vlan(&b);
    put_push_vlan(&b, ETH_TYPE_VLAN, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops);
    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops);
}

/* Returns true if op slot 'i' of 'tr' pushes the tag 'tpid', 'tci', or puts it
 * in the place of another one, as 'type' says. */
static bool
is_tag(const struct xdp_translation *tr, size_t i, enum xdp_op_type type,
       uint16_t tpid, uint16_t tci)
{
    const struct xdp_op *op = &tr->actions.ops[i];

    return (op->type == type && !op->n_data
            && op->u.push_vlan.tpid == htons(tpid)
            && op->u.push_vlan.tci == htons(tci) && !op->u.raw[1]);
}

/* A tag that is popped and pushed again is overwritten. */
static void
test_translate_set_vlan(void)
{
    const enum xdp_op_type set = XDP_OP_SET_VLAN, push = XDP_OP_PUSH_VLAN;
    const uint16_t c_tag = ETH_TYPE_VLAN_8021Q, s_tag = ETH_TYPE_VLAN_8021AD;
    const uint16_t pop = XDP_OP_POP_VLAN;
    struct ovs_key_ethernet eth = { .eth_src = { { { 2 } } } };
    struct ovs_key_ipv6 ipv6 = { .ipv6_hlimit = 1 };
    struct ovs_key_ipv6 nothing = { .ipv6_hlimit = 0 };
    struct ovs_action_push_mpls mpls = {
        .mpls_ethertype = htons(ETH_TYPE_MPLS),
    };
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct ofpbuf b;

    begin_actions(&b, &caps);
    match_headers(ETH_TYPE_IPV6, IPPROTO_UDP);
    match_tags(1);
    put_pop_vlan(&b);
    put_push_vlan(&b, s_tag, 0x3000 | 123);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_tag(&tr, 0, set, s_tag, 0x2000 | 123)
          && is_output(&tr, 1, 1));

    /* Not twice the same: the second pop has nothing known to pop. */
    put_pop_vlan(&b);
    put_pop_vlan(&b);
    put_push_vlan(&b, c_tag, 1);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4 && is_tag(&tr, 2, push, c_tag, 1));

    /* Of two tags the inner one, with the outer one popped before and pushed
     * behind; of one that was pushed itself. */
    match_tags(2);
    put_pop_vlan(&b);
    put_pop_vlan(&b);
    put_push_vlan(&b, c_tag, 1);
    put_push_vlan(&b, s_tag, 2);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4
          && tr.actions.ops[0].type == XDP_OP_POP_VLAN
          && is_tag(&tr, 1, set, c_tag, 1)
          && is_tag(&tr, 2, push, s_tag, 2) && is_output(&tr, 3, 1));
    match_tags(0);
    put_push_vlan(&b, c_tag, 1);
    put_pop_vlan(&b);
    put_push_vlan(&b, s_tag, 2);
    put_pop_vlan(&b);
    put_push_vlan(&b, c_tag, 3);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4 && is_tag(&tr, 0, push, c_tag, 1)
          && is_tag(&tr, 1, set, s_tag, 2) && is_tag(&tr, 2, set, c_tag, 3));

    /* What the megaflow does not match on may not be there.  Nor is a tag with
     * another Ethertype one to a pop. */
    put_pop_vlan(&b);
    put_push_vlan(&b, c_tag, 1);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3 && is_tag(&tr, 1, push, c_tag, 1));
    match_tags(1);
    put_push_vlan(&b, 0x9100, 1);
    put_pop_vlan(&b);
    put_push_vlan(&b, c_tag, 2);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4 && is_tag(&tr, 0, push, 0x9100, 1)
          && tr.actions.ops[1].type == XDP_OP_POP_VLAN
          && is_tag(&tr, 2, push, c_tag, 2));

    /* Nor need it be one any more after a label has come or gone. */
    for (int i = 0; i < 2; i++) {
        if (i) {
            nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
            match_headers(ETH_TYPE_MPLS, 0);
            match_tags(1);
        } else {
            nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &mpls,
                              sizeof mpls);
        }
        put_pop_vlan(&b);
        put_push_vlan(&b, c_tag, 1);
        put_output(&b, 1);
        CHECK(!translate_actions(&b, &caps, &tr));
        CHECK(tr.actions.n_ops == 4 && is_tag(&tr, 2, push, c_tag, 1));
    }
    match_headers(ETH_TYPE_IPV6, IPPROTO_UDP);
    match_tags(1);

    /* An output in between gets the packet without a tag.  So does any other
     * op find it, but not what comes to no op.  Data that look like a pop are
     * none. */
    put_pop_vlan(&b);
    put_output(&b, 1);
    put_push_vlan(&b, c_tag, 1);
    put_output(&b, 2);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4
          && tr.actions.ops[0].type == XDP_OP_POP_VLAN
          && is_output(&tr, 1, 1) && is_tag(&tr, 2, push, c_tag, 1));
    put_pop_vlan(&b);
    put_set(&b, OVS_KEY_ATTR_ETHERNET, &eth, NULL, sizeof eth);
    put_push_vlan(&b, c_tag, 1);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 5 && is_tag(&tr, 3, push, c_tag, 1));
    put_pop_vlan(&b);
    put_set(&b, OVS_KEY_ATTR_IPV6, &ipv6, &nothing, sizeof ipv6);
    put_push_vlan(&b, c_tag, 1);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_tag(&tr, 0, set, c_tag, 1));
    memcpy(&nothing.ipv6_dst, &pop, sizeof pop);
    put_set(&b, OVS_KEY_ATTR_IPV6, &nothing, &nothing, sizeof nothing);
    put_push_vlan(&b, c_tag, 1);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 5 && is_tag(&tr, 3, push, c_tag, 1));

    /* Behind an output, it makes copies differ. */
    put_output(&b, 1);
    put_pop_vlan(&b);
    put_push_vlan(&b, c_tag, 1);
    put_output(&b, 2);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3 && is_tag(&tr, 1, set, c_tag, 1)
          && tr.actions.flags == XDP_FLOW_COPIES_DIFFER);

    /* An object without the op has the two others. */
    caps.ops = ~(UINT64_C(1) << XDP_OP_SET_VLAN);
    put_pop_vlan(&b);
    put_push_vlan(&b, c_tag, 1);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3
          && tr.actions.ops[0].type == XDP_OP_POP_VLAN
          && is_tag(&tr, 1, push, c_tag, 1));
    match_tags(0);
}

/* Outputs. */
static void
test_translate_outputs(void)
{
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;

    begin_actions(&b, &caps);

    put_pop_vlan(&b);
    put_output(&b, 1);
    put_output(&b, 2);
    put_output(&b, 3);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4 && !tr.actions.flags);
    CHECK(tr.actions.ops[0].type == XDP_OP_POP_VLAN);
    CHECK(is_output(&tr, 1, 1) && is_output(&tr, 2, 2)
          && is_output(&tr, 3, 3));

    put_output(&b, 1);
    put_pop_vlan(&b);
    put_output(&b, 2);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3
          && tr.actions.flags == XDP_FLOW_COPIES_DIFFER);
    CHECK(is_output(&tr, 0, 1) && is_output(&tr, 2, 2));

    /* What follows the last output changes nothing. */
    put_output(&b, 1);
    put_output(&b, 2);
    put_pop_vlan(&b);
    put_push_vlan(&b, ETH_TYPE_VLAN, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && !tr.actions.flags);

    put_output(&b, 1);
    put_output(&b, 2);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_OUTPUTS, "two to one port");
    caps.max_outputs = 1;
    put_output(&b, 1);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_OUTPUTS, "more than 1");

    put_output(&b, NO_PORT_BASE);
    check_actions_refused(&b, &caps, XDP_REASON_TARGET, "port900");
    put_output(&b, 1);
    put_output(&b, NO_PORT_BASE);
    check_actions_refused(&b, &caps, XDP_REASON_TARGET, "port900");
    put_pop_vlan(&b);
    put_output(&b, NO_XDP_BASE);
    check_actions_refused(&b, &caps, XDP_REASON_TARGET_TYPE, "port950");
}

/* What can be done at tc, and both there and at XDP. */
static void
test_translate_tc(void)
{
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps, tc;

    begin_actions(&b, &caps);
    CHECK(!xdp_contract_has_tc(&caps));
    caps.tc_ops = (UINT64_C(1) << XDP_OP_OUTPUT
                   | UINT64_C(1) << XDP_OP_PUSH_VLAN);
    caps.tc_max_outputs = 2;
    CHECK(xdp_contract_has_tc(&caps));
    for (int i = 0; i < 2; i++) {
        tc = caps;
        if (i) {
            xdp_contract_take_tc_caps(&tc);
        } else {
            tc.max_outputs = 3;
            xdp_contract_take_common_caps(&tc);
        }
        put_push_vlan(&b, ETH_TYPE_VLAN, 1);
        put_output(&b, 1);
        put_output(&b, 2);
        CHECK(!translate_actions(&b, &tc, &tr));
        CHECK(tr.actions.n_ops == 3);
        put_pop_vlan(&b);
        put_output(&b, 1);
        check_actions_refused(&b, &tc, XDP_REASON_ACTION, "pop_vlan");
        put_output(&b, 1);
        put_output(&b, 2);
        put_output(&b, 3);
        check_actions_refused(&b, &tc, XDP_REASON_OUTPUTS, "more than 2");
        put_output(&b, 1);
        put_push_vlan(&b, ETH_TYPE_VLAN, 1);
        put_output(&b, 2);
        CHECK(!translate_actions(&b, &tc, &tr));
        CHECK(tr.actions.n_ops == 3);
        CHECK(is_output(&tr, 0, 1) && is_output(&tr, 2, 2));
    }

    /* XDP alone can do all that. */
    put_output(&b, 1);
    put_pop_vlan(&b);
    put_output(&b, 2);
    put_output(&b, 3);
    CHECK(!translate_actions(&b, &caps, &tr));
}

/* No output, for a reason. */
static void
test_translate_drop(void)
{
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;
    size_t ofs;

    begin_actions(&b, &caps);

    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops && !tr.actions.flags);

    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops
          && tr.actions.flags == XDP_FLOW_EXPLICIT_DROP);

    put_output(&b, 1);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "drop");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "drop");

    /* Not all packets of these flows, or not seen as such. */
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "drop after meter");
    ofs = nl_msg_start_nested(&b, OVS_ACTION_ATTR_CLONE);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    nl_msg_end_nested(&b, ofs);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "drop in clone");
}

/* Appends a truncation to 'b'. */
static void
put_trunc(struct ofpbuf *b, uint32_t max_len)
{
    struct ovs_action_trunc trunc = { .max_len = max_len };

    nl_msg_put_unspec(b, OVS_ACTION_ATTR_TRUNC, &trunc, sizeof trunc);
}

/* Truncation. */
static void
test_translate_trunc(void)
{
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;

    begin_actions(&b, &caps);

    put_trunc(&b, ETH_HEADER_LEN);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_output(&tr, 1, 1));
    CHECK(tr.actions.ops[0].type == XDP_OP_TRUNC);
    CHECK(tr.actions.ops[0].u.trunc.max_len == ETH_HEADER_LEN);

    put_output(&b, 1);
    put_trunc(&b, 100);
    put_output(&b, 2);
    put_pop_vlan(&b);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3
          && tr.actions.flags == XDP_FLOW_COPIES_DIFFER);

    put_trunc(&b, ETH_HEADER_LEN - 1);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "trunc to less than an Ethernet header");
    put_trunc(&b, 100);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "trunc not right before an output");
    put_trunc(&b, 100);
    put_pop_vlan(&b);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "trunc not right before an output");
    put_trunc(&b, 100);
    put_output(&b, 1);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "output after a truncated one");
}

/* Meters. */
static void
test_translate_meter(void)
{
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;

    begin_actions(&b, &caps);

    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, XDP_METER_MAX - 1);
    put_output(&b, 1);
    put_output(&b, 2);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 5 && is_output(&tr, 3, 1));
    CHECK(tr.actions.ops[0].type == XDP_OP_METER);
    CHECK(tr.actions.ops[0].u.meter.id == 5);
    CHECK(tr.actions.ops[2].type == XDP_OP_METER);
    CHECK(tr.actions.ops[2].u.meter.id == XDP_METER_MAX - 1);
    CHECK(!tr.actions.flags);

    /* It counts what goes nowhere, too. */
    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    put_pop_vlan(&b);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2);

    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, XDP_METER_MAX);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_METER,
                          "meter 4096 of the datapath, more than 4095");
    put_output(&b, 1);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "meter after an output");

    for (int i = 0; i < XDP_FLOW_MAX_OPS; i++) {
        put_pop_vlan(&b);
    }
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "meter");
}

/* Appends a hash to 'b'. */
static void
put_hash(struct ofpbuf *b, uint32_t alg, uint32_t basis)
{
    struct ovs_action_hash hash = { .hash_alg = alg, .hash_basis = basis };

    nl_msg_put_unspec(b, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
}

/* Recirculation, and what it needs. */
static void
test_translate_passes(void)
{
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;

    begin_actions(&b, &caps);

    put_pop_vlan(&b);
    put_hash(&b, OVS_HASH_ALG_L4, 77);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3);
    CHECK(tr.actions.parts == (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                               | XDP_PART_EXTENDED));
    CHECK(tr.actions.ops[1].type == XDP_OP_HASH);
    CHECK(tr.actions.ops[1].u.hash.alg == OVS_HASH_ALG_L4);
    CHECK(tr.actions.ops[1].u.hash.basis == 77);
    CHECK(tr.actions.ops[2].type == XDP_OP_RECIRC);
    CHECK(tr.actions.ops[2].u.recirc.id == 5);

    put_hash(&b, OVS_HASH_ALG_SYM_L4, 0);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, UINT32_MAX);
    CHECK(!translate_actions(&b, &caps, &tr));
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    CHECK(!translate_actions(&b, &caps, &tr));

    /* A later pass may hash what came in. */
    CHECK(tr.actions.parts == (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                               | XDP_PART_EXTENDED));

    /* A hash that nobody looks at is not worth its time. */
    put_hash(&b, OVS_HASH_ALG_SYM_L4, 0);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops);

    put_pop_vlan(&b);
    put_hash(&b, OVS_HASH_ALG_SYM_L4, 0);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "hash after a change");
    match_headers(ETH_TYPE_MPLS, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    put_hash(&b, OVS_HASH_ALG_L4, 0);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "hash after pop_mpls");
    match_headers(0, 0);
    put_hash(&b, 2, 0);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "hash, unknown algorithm");
    put_output(&b, 1);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "recirc after an output");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "recirc before other actions");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "recirc, malformed");
    for (int i = 0; i < XDP_FLOW_MAX_OPS; i++) {
        put_pop_vlan(&b);
    }
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "recirc");
}

/* How many ops there may be. */
static void
test_translate_n_ops(void)
{
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;

    begin_actions(&b, &caps);
    for (int max = 1; max <= XDP_FLOW_MAX_OPS; max++) {
        caps.max_ops = max;
        for (int i = 1; i < max; i++) {
            put_push_vlan(&b, ETH_TYPE_VLAN, i);
        }
        put_output(&b, 3);
        CHECK(!translate_actions(&b, &caps, &tr));
        CHECK(tr.actions.n_ops == max);
        CHECK(tr.actions.ops[max - 1].type == XDP_OP_OUTPUT);

        for (int i = 0; i < max; i++) {
            put_push_vlan(&b, ETH_TYPE_VLAN, i);
        }
        put_output(&b, 3);
        check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "output");
    }

    /* Never more than there is room for, whatever the object says. */
    caps.max_ops = UINT32_MAX;
    for (int i = 0; i <= XDP_FLOW_MAX_OPS; i++) {
        put_pop_vlan(&b);
    }
    put_output(&b, 3);
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "pop_vlan");

    /* What follows the last output needs no room. */
    put_output(&b, 3);
    for (int i = 0; i < XDP_FLOW_MAX_OPS; i++) {
        put_pop_vlan(&b);
    }
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1);
}

/* What no object can do is refused by name. */
static void
test_translate_other_actions(void)
{
    static const char *names[OVS_ACTION_ATTR_MAX + 1] = {
        [OVS_ACTION_ATTR_USERSPACE] = "userspace",
        [OVS_ACTION_ATTR_SAMPLE] = "sample",
        [OVS_ACTION_ATTR_PUSH_ETH] = "push_eth",
        [OVS_ACTION_ATTR_POP_ETH] = "pop_eth",
        [OVS_ACTION_ATTR_PUSH_NSH] = "push_nsh",
        [OVS_ACTION_ATTR_POP_NSH] = "pop_nsh",
        [OVS_ACTION_ATTR_CHECK_PKT_LEN] = "check_pkt_len",
        [OVS_ACTION_ATTR_ADD_MPLS] = "add_mpls",
        [OVS_ACTION_ATTR_LB_OUTPUT] = "lb_output",
#define NAME_NEW_ACTION(NAME, STRING) [OVS_ACTION_ATTR_##NAME] = STRING,
        XDP_OVS_NEW_ACTIONS(NAME_NEW_ACTION)
    };
    struct ofpbuf b;
    struct xdp_caps caps;

    begin_actions(&b, &caps);
    for (uint16_t type = 0; type <= OVS_ACTION_ATTR_MAX + 5; type++) {
        const char *name = (type <= OVS_ACTION_ATTR_MAX ? names[type]
                            : "unknown");

        if ((!name && type && type <= OVS_ACTION_ATTR_DROP)
            || type == OVS_ACTION_ATTR_CLONE
            || type == OVS_ACTION_ATTR_TUNNEL_PUSH
            || type == OVS_ACTION_ATTR_TUNNEL_POP) {
            continue;
        }
        name = name ? name : "unknown";
        nl_msg_put_u32(&b, type, 0);
        put_output(&b, 1);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, name);

        put_output(&b, 1);
        nl_msg_put_u32(&b, type, 0);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, name);
    }
}

/* Actions that are too short, or not whole. */
static void
test_translate_malformed(void)
{
    static const struct {
        uint16_t type;
        const char *detail;
    } too_short[] = {
        { OVS_ACTION_ATTR_OUTPUT, "output, malformed" },
        { OVS_ACTION_ATTR_PUSH_VLAN, "push_vlan, malformed" },
        { OVS_ACTION_ATTR_SET, "set, malformed" },
        { OVS_ACTION_ATTR_PUSH_MPLS, "push_mpls, malformed" },
        { OVS_ACTION_ATTR_TRUNC, "trunc, malformed" },
    };
    struct ofpbuf b;
    struct xdp_caps caps;

    begin_actions(&b, &caps);
    for (size_t i = 0; i < ARRAY_SIZE(too_short); i++) {
        nl_msg_put_u16(&b, too_short[i].type, 0);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                              too_short[i].detail);
    }

    put_output(&b, 1);
    b.size--;
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "malformed");
    put_output(&b, 1);
    put_output(&b, 2);
    b.size -= 5;
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "malformed");
}

/* Ops that the object does not have are refused by name. */
static void
test_translate_missing_ops(void)
{
    struct ofpbuf b;
    struct xdp_caps caps;

    begin_actions(&b, &caps);

    caps.ops = ~(UINT64_C(1) << XDP_OP_PUSH_VLAN);
    put_push_vlan(&b, ETH_TYPE_VLAN, 1);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "push_vlan");
    caps.ops = ~(UINT64_C(1) << XDP_OP_POP_VLAN);
    put_pop_vlan(&b);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "pop_vlan");
    caps.ops = 0;
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "output");
}

const struct unit_case unit_translate_actions[] = {
    { "translate-actions", test_translate_actions, NEED_NOTHING },
    { "translate-set-vlan", test_translate_set_vlan, NEED_NOTHING },
    { "translate-outputs", test_translate_outputs, NEED_NOTHING },
    { "translate-tc", test_translate_tc, NEED_NOTHING },
    { "translate-drop", test_translate_drop, NEED_NOTHING },
    { "translate-trunc", test_translate_trunc, NEED_NOTHING },
    { "translate-meter", test_translate_meter, NEED_NOTHING },
    { "translate-passes", test_translate_passes, NEED_NOTHING },
    { "translate-n-ops", test_translate_n_ops, NEED_NOTHING },
    { "translate-other-actions", test_translate_other_actions, NEED_NOTHING },
    { "translate-malformed", test_translate_malformed, NEED_NOTHING },
    { "translate-missing-ops", test_translate_missing_ops, NEED_NOTHING },
    { NULL, NULL, 0 }
};
