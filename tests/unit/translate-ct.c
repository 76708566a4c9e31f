/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the translation of what tracks connections.
 */

#include <config.h>

#undef NDEBUG
#include <string.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "packets.h"
#include "simap.h"
#include "translate.h"
#include "unit.h"
#include "util.h"

/* Appends 'actions', as "ovs-appctl dpctl/add-flow" takes them, to 'b'. */
static void
put_actions(struct ofpbuf *b, const char *actions)
{
    struct simap ports = SIMAP_INITIALIZER(&ports);

    if (odp_actions_from_string(actions, &ports, b)) {
        fail("bad actions: %s", actions);
    }
}

/* Appends the hash 'alg' to 'b'. */
static void
put_hash(struct ofpbuf *b, enum ovs_hash_alg alg)
{
    struct ovs_action_hash hash = { .hash_alg = alg };

    nl_msg_put_unspec(b, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
}

/* Appends the push of an MPLS label to 'b'. */
static void
put_push_mpls(struct ofpbuf *b)
{
    struct ovs_action_push_mpls mpls = {
        .mpls_ethertype = htons(ETH_TYPE_MPLS),
    };

    nl_msg_put_unspec(b, OVS_ACTION_ATTR_PUSH_MPLS, &mpls, sizeof mpls);
}

/* Begins a case of actions of a megaflow of TCP over IPv4. */
static void
begin_tcp(struct ofpbuf *b, struct xdp_caps *caps)
{
    match_headers(ETH_TYPE_IP, IPPROTO_TCP);
    begin_actions(b, caps);
}

/* Returns true if op slot 'i' of 'tr' tracks the packet in 'zone' with 'flags'
 * and nothing to set but, perhaps, a label. */
static bool
is_ct(const struct xdp_translation *tr, size_t i, uint16_t zone, uint8_t flags)
{
    const struct xdp_op *op = &tr->actions.ops[i];

    return (op->type == XDP_OP_CT && op->u.ct.zone == zone
            && op->u.ct.flags == flags && !op->u.ct.pad
            && op->n_data == (flags & XDP_CT_LABEL ? 2 : 0)
            && !op->u.ct.mark && !op->u.ct.mark_mask);
}

/* What a "ct" says. */
static void
test_translate_ct(void)
{
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct ofpbuf b;

    begin_tcp(&b, &caps);
    put_actions(&b, "ct,recirc(5)");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_ct(&tr, 0, 0, 0));
    CHECK(tr.actions.ops[1].type == XDP_OP_RECIRC && !tr.actions.flags);

    /* Connections are found by what is above IP. */
    put_actions(&b, "ct(zone=65535),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_ct(&tr, 0, 65535, 0)
          && is_output(&tr, 1, 1));
    CHECK(tr.actions.parts == (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                               | XDP_PART_EXTENDED));

    /* What matters for new connections only, userspace makes of them. */
    put_actions(&b, "ct(commit,timeout=5,zone=7),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(is_ct(&tr, 0, 7, 0));
    put_actions(&b, "ct(force_commit,zone=7),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(is_ct(&tr, 0, 7, XDP_CT_FORCE));
    put_actions(&b, "ct(zone=7,nat),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(is_ct(&tr, 0, 7, XDP_CT_NAT));
    put_actions(&b, "ct(commit,nat(src=10.0.0.1-10.0.0.9:5-9,random)),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(is_ct(&tr, 0, 0, XDP_CT_NAT));
    match_headers(ETH_TYPE_IPV6, 0);
    put_actions(&b, "ct(commit,nat(dst=fe80::1)),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(is_ct(&tr, 0, 0, XDP_CT_NAT));

    /* It matters for connections, whatever becomes of the packet. */
    put_actions(&b, "ct(commit)");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1 && is_ct(&tr, 0, 0, 0));
    put_actions(&b, "ct(commit)");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1 && is_ct(&tr, 0, 0, 0)
          && tr.actions.flags == XDP_FLOW_EXPLICIT_DROP);
    put_actions(&b, "clone(ct(zone=3),recirc(5))");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_ct(&tr, 0, 3, 0));
}

/* Marks and labels, where bits of a value count whatever their mask says, as
 * in userspace. */
static void
test_translate_ct_mark(void)
{
    const struct xdp_op *ops;
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct ofpbuf b;

    begin_tcp(&b, &caps);
    ops = tr.actions.ops;
    put_actions(&b, "ct(commit,mark=0x50/0xf0),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(ops[0].type == XDP_OP_CT && !ops[0].n_data && !ops[0].u.ct.flags);
    CHECK(ops[0].u.ct.mark == 0x50 && ops[0].u.ct.mark_mask == 0xf0);
    put_actions(&b, "ct(commit,mark=0x51/0xf0),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(ops[0].u.ct.mark == 0x51 && ops[0].u.ct.mark_mask == 0xf1);

    put_actions(&b, "ct(commit,label=0x20000000000000005/"
                "0x6000000000000000f),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4 && is_ct(&tr, 0, 0, XDP_CT_LABEL)
          && is_output(&tr, 3, 1));
    for (int i = 1; i < 3; i++) {
        ovs_u128 label;

        memcpy(&label, &ops[i], sizeof label);
        CHECK(label.u64.hi == (i == 1 ? 0x2 : 0x6));
        CHECK(label.u64.lo == (i == 1 ? 0x5 : 0xf));
    }

    /* Nothing to set. */
    put_actions(&b, "ct(commit,mark=0/0,label=0/0),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_ct(&tr, 0, 0, 0));
}

/* Appends a "ct" with one attribute of 'type' and 'size' zeros to 'b'. */
static void
put_ct_attr(struct ofpbuf *b, uint16_t type, size_t size)
{
    size_t ofs = nl_msg_start_nested(b, OVS_ACTION_ATTR_CT);

    memset(nl_msg_put_unspec_uninit(b, type, size), 0, size);
    nl_msg_end_nested(b, ofs);
}

/* What there is no op for is refused by name, and so is what is too short. */
static void
test_translate_ct_refused(void)
{
    static const struct {
        uint16_t type;
        size_t size;
        const char *detail;
    } attrs[] = {
        { OVS_CT_ATTR_HELPER, 4, "ct(helper)" },
        { OVS_CT_ATTR_HELPER, 0, "ct(helper)" },
        { OVS_CT_ATTR_UNSPEC, 4, "ct(unknown)" },
        { __OVS_CT_ATTR_MAX, 4, "ct(unknown)" },
        { OVS_CT_ATTR_ZONE, 1, "ct, malformed" },
        { OVS_CT_ATTR_ZONE, 2, NULL },
        { OVS_CT_ATTR_MARK, 7, "ct, malformed" },
        { OVS_CT_ATTR_MARK, 8, NULL },
        { OVS_CT_ATTR_LABELS, 31, "ct, malformed" },
        { OVS_CT_ATTR_LABELS, 32, NULL },
        { OVS_CT_ATTR_COMMIT, 0, NULL },
        { OVS_CT_ATTR_NAT, 0, NULL },
        { OVS_CT_ATTR_EVENTMASK, 0, NULL },
        { OVS_CT_ATTR_TIMEOUT, 0, NULL },
    };
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct ofpbuf b;

    begin_tcp(&b, &caps);
    for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
        put_ct_attr(&b, attrs[i].type, attrs[i].size);
        if (attrs[i].detail) {
            check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                                  attrs[i].detail);
        } else {
            CHECK(!translate_actions(&b, &caps, &tr));
            CHECK(is_ct(&tr, 0, 0, attrs[i].type == OVS_CT_ATTR_NAT
                                   ? XDP_CT_NAT : 0));
        }
    }
    nl_msg_put_unspec_zero(&b, OVS_ACTION_ATTR_CT, 3);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "ct, malformed");
    put_actions(&b, "ct(commit,helper=ftp),1");
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "ct(helper)");

    /* Other packets than those of IP are not tracked, but invalid. */
    match_headers(ETH_TYPE_ARP, 0);
    put_actions(&b, "ct,1");
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "ct without match on eth_type");
    match_headers(ETH_TYPE_IP, 0);
    flow_mask.dl_type = htons(0xff00);
    put_actions(&b, "ct,1");
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "ct without match on eth_type");

    match_headers(ETH_TYPE_IP, 0);
    for (int i = 0; i < XDP_FLOW_MAX_CTS; i++) {
        put_actions(&b, "ct");
    }
    CHECK(!translate_actions(&b, &caps, &tr));
    for (int i = 0; i <= XDP_FLOW_MAX_CTS; i++) {
        put_actions(&b, "ct");
    }
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "ct, more than 3");
    for (int i = 0; i < XDP_FLOW_MAX_OPS - 2; i++) {
        put_pop_vlan(&b);
    }
    put_actions(&b, "ct(label=1)");
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "ct");

    caps.ops &= ~(UINT64_C(1) << XDP_OP_CT);
    put_actions(&b, "ct(helper=ftp),1");
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "ct");
}

/* What may be in front of a "ct". */
static void
test_translate_ct_order(void)
{
    static const struct {
        uint16_t dl_type;
        uint8_t nw_proto;
        const char *actions;
        const char *detail;     /* Of a refusal, or NULL. */
    } cases[] = {
        { ETH_TYPE_IP, 0, "set(eth(dst=02:00:00:00:00:01))", NULL },
        { ETH_TYPE_IP, 0, "set(ipv4(tos=4/0xfc,ttl=9))", NULL },
        { ETH_TYPE_IPV6, 0, "set(ipv6(hlimit=9))", NULL },
        { ETH_TYPE_IP, 0, "push_vlan(vid=5,pcp=0)", NULL },
        { ETH_TYPE_IP, 0, "pop_vlan", NULL },
        { ETH_TYPE_IP, 0, "meter(3)", NULL },
        { ETH_TYPE_IP, 0, "ct_clear", NULL },
        { ETH_TYPE_IP, 0, "ct(zone=8,nat)", NULL },
        { ETH_TYPE_IP, IPPROTO_TCP, "set(ipv4(src=10.0.0.1))",
          "ct after set(ipv4)" },
        { ETH_TYPE_IP, IPPROTO_TCP, "set(ipv4(dst=10.0.0.1/0.0.0.1))",
          "ct after set(ipv4)" },
        { ETH_TYPE_IPV6, IPPROTO_TCP, "set(ipv6(src=::1))",
          "ct after set(ipv6)" },
        { ETH_TYPE_IPV6, IPPROTO_TCP, "set(ipv6(dst=::1/::1))",
          "ct after set(ipv6)" },
        { ETH_TYPE_IP, IPPROTO_TCP, "set(tcp(src=5))", "ct after set(tcp)" },
        { ETH_TYPE_IP, IPPROTO_UDP, "set(udp(dst=5)),set(ipv4(src=1.1.1.1))",
          "ct after set(udp)" },
        { ETH_TYPE_IP, IPPROTO_ICMP, "set(icmp(type=8,code=0))",
          "ct after set(icmp)" },
        { ETH_TYPE_IPV6, IPPROTO_ICMPV6, "set(icmpv6(type=128,code=0))",
          "ct after set(icmpv6)" },
        { ETH_TYPE_IPV6, IPPROTO_ICMPV6, "set(nd(target=::1))",
          "ct after set(nd)" },
        { ETH_TYPE_IP, 0, "1", "ct after an output" },
    };
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct ofpbuf b;

    begin_tcp(&b, &caps);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        match_headers(cases[i].dl_type, cases[i].nw_proto);
        put_actions(&b, cases[i].actions);
        put_actions(&b, "ct,2");
        if (cases[i].detail) {
            check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                                  cases[i].detail);
        } else if (translate_actions(&b, &caps, &tr)) {
            fail("%s: refused, %s", cases[i].actions, tr.detail);
        }
    }

    match_headers(ETH_TYPE_MPLS, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    put_actions(&b, "ct,2");
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "ct after pop_mpls");
    match_headers(ETH_TYPE_IP, IPPROTO_TCP);
    put_push_mpls(&b);
    put_actions(&b, "ct,2");
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "ct after push_mpls");

    /* Behind it, all of that can be done. */
    put_actions(&b, "ct(nat),set(ipv4(src=1.1.1.1)),set(tcp(src=5))");
    put_push_mpls(&b);
    put_actions(&b, "1,2");
    CHECK(!translate_actions(&b, &caps, &tr));
}

/* Hashes beside a "ct". */
static void
test_translate_ct_hash(void)
{
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct ofpbuf b;

    begin_tcp(&b, &caps);
    put_hash(&b, OVS_HASH_ALG_SYM_L4);
    put_actions(&b, "ct(nat),recirc(5)");
    CHECK(!translate_actions(&b, &caps, &tr));
    put_actions(&b, "ct");
    put_hash(&b, OVS_HASH_ALG_SYM_L4);
    put_actions(&b, "recirc(5)");
    CHECK(!translate_actions(&b, &caps, &tr));
    put_actions(&b, "ct(nat)");
    put_hash(&b, OVS_HASH_ALG_L4);
    put_actions(&b, "recirc(5)");
    CHECK(!translate_actions(&b, &caps, &tr));

    /* This one goes by the packet as it is, with its new addresses. */
    put_actions(&b, "ct(nat)");
    put_hash(&b, OVS_HASH_ALG_SYM_L4);
    put_actions(&b, "recirc(5)");
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "hash after a change");
}

/* Forgetting the connection takes an op where there can be one and something
 * asks for it. */
static void
test_translate_ct_clear(void)
{
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct ofpbuf b;

    begin_tcp(&b, &caps);
    put_actions(&b, "ct_clear,ct_clear,ct,ct_clear,1,ct_clear");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_ct(&tr, 0, 0, 0)
          && is_output(&tr, 1, 1));

    put_actions(&b, "ct,ct_clear,pop_vlan,ct_clear,ct,ct,ct_clear,recirc(5)");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 6 && is_ct(&tr, 0, 0, 0));
    CHECK(tr.actions.ops[1].type == XDP_OP_POP_VLAN);
    CHECK(is_ct(&tr, 2, 0, XDP_CT_AFRESH) && is_ct(&tr, 3, 0, 0));
    CHECK(tr.actions.ops[4].type == XDP_OP_CT_CLEAR);
    CHECK(tr.actions.ops[5].type == XDP_OP_RECIRC);

    put_actions(&b, "ct_clear,recirc(5)");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1);
    flow_key.recirc_id = 4;
    flow_mask.recirc_id = UINT32_MAX;
    put_actions(&b, "ct_clear,recirc(5)");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2
          && tr.actions.ops[0].type == XDP_OP_CT_CLEAR);
    put_actions(&b, "ct_clear,ct(zone=3),1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_ct(&tr, 0, 3, XDP_CT_AFRESH));
    put_actions(&b, "ct_clear,clone(recirc(5))");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2);
    put_actions(&b, "ct_clear,1");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1 && is_output(&tr, 0, 1));

    /* An object that cannot run it, and one that needs not. */
    caps.ops &= ~(UINT64_C(1) << XDP_OP_CT_CLEAR);
    put_actions(&b, "ct_clear,recirc(5)");
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "ct_clear");
    caps.ops &= ~(UINT64_C(1) << XDP_OP_CT);
    put_actions(&b, "ct_clear,recirc(5)");
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1);

    all_caps(&caps);
    for (int i = 0; i < XDP_FLOW_MAX_OPS - 1; i++) {
        put_pop_vlan(&b);
    }
    put_actions(&b, "ct_clear,recirc(5)");
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "recirc");
    match_headers(0, 0);
}

const struct unit_case unit_translate_ct[] = {
    { "translate-ct", test_translate_ct, NEED_NOTHING },
    { "translate-ct-mark", test_translate_ct_mark, NEED_NOTHING },
    { "translate-ct-refused", test_translate_ct_refused, NEED_NOTHING },
    { "translate-ct-order", test_translate_ct_order, NEED_NOTHING },
    { "translate-ct-hash", test_translate_ct_hash, NEED_NOTHING },
    { "translate-ct-clear", test_translate_ct_clear, NEED_NOTHING },
    { NULL, NULL, 0 }
};
