/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the translation of megaflows: set actions, and MPLS.
 */

#include <config.h>

#undef NDEBUG
#include <stdio.h>
#include <string.h>

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "translate.h"
#include "unit.h"
#include "util.h"

/* What can be set, and in which packets. */
static const struct set_case {
    const char *name;           /* As a refusal names it. */
    uint16_t attr;              /* OVS_KEY_ATTR_*. */
    size_t size;                /* Of the attribute. */
    uint16_t dl_type;           /* To match, or 0. */
    uint8_t nw_proto;           /* To match, or 0. */
    uint16_t types[3];          /* Ops, when everything is set. */
    uint8_t n_data[3];          /* Data slots of each. */
} set_cases[] = {
#define SET(NAME, ATTR, STRUCT) \
    "set(" NAME ")", OVS_KEY_ATTR_##ATTR, sizeof(struct ovs_key_##STRUCT)
    { SET("eth", ETHERNET, ethernet), 0, 0,
      { XDP_OP_SET_ETHERNET }, { 1 } },
    { SET("ipv4", IPV4, ipv4), ETH_TYPE_IP, 0, { XDP_OP_SET_IPV4 }, { 1 } },
    { SET("ipv6", IPV6, ipv6), ETH_TYPE_IPV6, 0,
      { XDP_OP_SET_IPV6_SRC, XDP_OP_SET_IPV6_DST, XDP_OP_SET_IPV6 },
      { 2, 2, 0 } },
    { SET("tcp", TCP, tcp), ETH_TYPE_IP, IPPROTO_TCP,
      { XDP_OP_SET_TCP }, { 0 } },
    { SET("tcp", TCP, tcp), ETH_TYPE_IPV6, IPPROTO_TCP,
      { XDP_OP_SET_TCP }, { 0 } },
    { SET("udp", UDP, udp), ETH_TYPE_IP, IPPROTO_UDP,
      { XDP_OP_SET_UDP }, { 0 } },
    { SET("udp", UDP, udp), ETH_TYPE_IPV6, IPPROTO_UDP,
      { XDP_OP_SET_UDP }, { 0 } },
    { SET("icmp", ICMP, icmp), ETH_TYPE_IP, IPPROTO_ICMP,
      { XDP_OP_SET_ICMP }, { 0 } },
    { SET("icmpv6", ICMPV6, icmpv6), ETH_TYPE_IPV6, IPPROTO_ICMPV6,
      { XDP_OP_SET_ICMP }, { 0 } },
    { SET("arp", ARP, arp), ETH_TYPE_ARP, 0, { XDP_OP_SET_ARP }, { 3 } },
    { SET("arp", ARP, arp), ETH_TYPE_RARP, 0, { XDP_OP_SET_ARP }, { 3 } },
    { SET("nd", ND, nd), ETH_TYPE_IPV6, IPPROTO_ICMPV6,
      { XDP_OP_SET_ND_TARGET, XDP_OP_SET_ND_LL }, { 2, 1 } },
    { SET("mpls", MPLS, mpls), ETH_TYPE_MPLS, 0, { XDP_OP_SET_MPLS }, { 0 } },
    { SET("mpls", MPLS, mpls), ETH_TYPE_MPLS_MCAST, 0,
      { XDP_OP_SET_MPLS }, { 0 } },
#undef SET
};

#define MAX_SET_SIZE 64         /* More than any attribute there has. */

/* Checks that the ops of 'tr' are those of 'sc' and an output. */
static bool
are_set_ops(const struct xdp_translation *tr, const struct set_case *sc)
{
    size_t slot = 0;

    for (size_t i = 0; i < ARRAY_SIZE(sc->types) && sc->types[i]; i++) {
        const struct xdp_op *op = &tr->actions.ops[slot];

        if (op->type != sc->types[i] || op->n_data != sc->n_data[i]) {
            return false;
        }
        slot += 1 + sc->n_data[i];
    }
    return tr->actions.n_ops == slot + 1 && is_output(tr, slot, 1);
}

/* Set actions, with and without mask, of every kind. */
static void
test_translate_set(void)
{
    uint8_t value[MAX_SET_SIZE], mask[MAX_SET_SIZE];
    struct ofpbuf b;
    struct xdp_translation tr, masked;
    struct xdp_caps caps;

    begin_actions(&b, &caps);
    memset(value, 0x5a, sizeof value);
    for (size_t i = 0; i < ARRAY_SIZE(set_cases); i++) {
        const struct set_case *sc = &set_cases[i];
        char detail[64];

        match_headers(sc->dl_type, sc->nw_proto);
        flow_mask.nw_frag = FLOW_NW_FRAG_MASK;
        put_set(&b, sc->attr, value, NULL, sc->size);
        put_output(&b, 1);
        if (translate_actions(&b, &caps, &tr) || !are_set_ops(&tr, sc)) {
            fail("%s: refused, or with other ops", sc->name);
            continue;
        }

        /* All ones say the same, except where there is what cannot be set:
         * protocol and fragment type. */
        memset(mask, 0xff, sizeof mask);
        if (sc->attr == OVS_KEY_ATTR_IPV4) {
            mask[offsetof(struct ovs_key_ipv4, ipv4_proto)] = 0;
            mask[offsetof(struct ovs_key_ipv4, ipv4_frag)] = 0;
        } else if (sc->attr == OVS_KEY_ATTR_IPV6) {
            mask[offsetof(struct ovs_key_ipv6, ipv6_proto)] = 0;
            mask[offsetof(struct ovs_key_ipv6, ipv6_frag)] = 0;
        }
        put_set(&b, sc->attr, value, mask, sc->size);
        put_output(&b, 1);
        if (translate_actions(&b, &caps, &masked)
            || memcmp(&tr.actions, &masked.actions, sizeof tr.actions)) {
            fail("%s: differs with a mask", sc->name);
        }

        /* Another size. */
        snprintf(detail, sizeof detail, "%s, malformed", sc->name);
        put_set(&b, sc->attr, value, NULL, sc->size - 1);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        put_set(&b, sc->attr, value, NULL, 2 * sc->size);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        put_set(&b, sc->attr, value, mask, sc->size - 1);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);

        /* Without each of the ops. */
        for (size_t j = 0; j < ARRAY_SIZE(sc->types) && sc->types[j]; j++) {
            caps.ops = ~(UINT64_C(1) << sc->types[j]);
            put_set(&b, sc->attr, value, NULL, sc->size);
            put_output(&b, 1);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, sc->name);
            caps.ops = UINT64_MAX;
        }

        /* Without match on what it needs. */
        if (sc->dl_type) {
            snprintf(detail, sizeof detail, "%s without match on eth_type",
                     sc->name);
            flow_mask.dl_type = htons(0xfffe);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
            match_headers(ETH_TYPE_NSH, sc->nw_proto);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        }
        if (sc->nw_proto) {
            snprintf(detail, sizeof detail, "%s without match on nw_proto",
                     sc->name);
            match_headers(sc->dl_type, sc->nw_proto);
            flow_mask.nw_proto = 0xfe;
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
            match_headers(sc->dl_type, IPPROTO_SCTP);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        }
        if (sc->nw_proto || sc->attr == OVS_KEY_ATTR_IPV4
            || sc->attr == OVS_KEY_ATTR_IPV6) {
            match_headers(sc->dl_type, sc->nw_proto);
            flow_mask.nw_frag = FLOW_NW_FRAG_ANY;
            snprintf(detail, sizeof detail, "%s without match on nw_frag",
                     sc->name);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
            flow_mask.nw_frag = FLOW_NW_FRAG_MASK;
            flow_key.nw_frag = FLOW_NW_FRAG_MASK;
            snprintf(detail, sizeof detail, "%s of later fragments",
                     sc->name);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        }
    }
    match_headers(0, 0);
}

/* What set actions become, field by field. */
static void
test_translate_set_fields(void)
{
    struct ovs_key_ethernet eth = { .eth_src = ETH_ADDR_C(1,2,3,4,5,6),
                                    .eth_dst = ETH_ADDR_C(7,8,9,a,b,c) };
    struct ovs_key_ethernet eth_mask = { .eth_dst = ETH_ADDR_C(ff,0,0,0,0,f) };
    struct ovs_key_ipv4 ip = { .ipv4_src = htonl(0x01020304),
                               .ipv4_tos = 0xff, .ipv4_ttl = 63 };
    struct ovs_key_ipv4 ip_mask = { .ipv4_tos = 0xfc, .ipv4_ttl = 0xff };
    struct ovs_key_ipv6 ip6 = { .ipv6_label = OVS_BE32_MAX,
                                .ipv6_tclass = 3, .ipv6_hlimit = 4 };
    struct ovs_key_ipv6 ip6_mask = { .ipv6_label = OVS_BE32_MAX };
    struct ovs_key_udp udp = { .udp_src = htons(53), .udp_dst = htons(54) };
    struct ovs_key_udp udp_mask = { .udp_dst = htons(0xff) };
    struct ovs_key_nd nd = { .nd_tll = ETH_ADDR_C(1,2,3,4,5,6) };
    struct ovs_key_nd nd_mask = { .nd_tll = ETH_ADDR_C(ff,ff,ff,ff,ff,ff) };
    const struct xdp_op *ops;
    const union xdp_op_data *data;
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;

    begin_actions(&b, &caps);
    ops = tr.actions.ops;
    data = ALIGNED_CAST(const union xdp_op_data *, ops);

    /* A value is zero where its mask is. */
    match_headers(0, 0);
    put_set(&b, OVS_KEY_ATTR_ETHERNET, &eth, &eth_mask, sizeof eth);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!memcmp(ops[0].u.macs.first,
                  &(struct eth_addr) ETH_ADDR_C(7,0,0,0,0,c), ETH_ADDR_LEN));
    CHECK(is_all_zeros(ops[0].u.macs.second, ETH_ADDR_LEN));
    CHECK(!memcmp(data[1].macs.first, &eth_mask.eth_dst, ETH_ADDR_LEN));
    CHECK(is_all_zeros(data[1].macs.second, ETH_ADDR_LEN));

    /* Later fragments have these fields. */
    match_headers(ETH_TYPE_IP, 0);
    put_set(&b, OVS_KEY_ATTR_IPV4, &ip, &ip_mask, sizeof ip);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!ops[0].u.ipv4.src && !ops[0].u.ipv4.dst);
    CHECK(ops[0].u.ipv4.tos == 0xfc && ops[0].u.ipv4.ttl == 63);
    CHECK(!data[1].ipv4.src && !data[1].ipv4.dst);
    CHECK(data[1].ipv4.tos == 0xfc && data[1].ipv4.ttl == 0xff);

    ip_mask.ipv4_proto = 1;
    put_set(&b, OVS_KEY_ATTR_IPV4, &ip, &ip_mask, sizeof ip);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "set(ipv4) of protocol or fragments");

    /* Only what there is to set. */
    match_headers(ETH_TYPE_IPV6, 0);
    put_set(&b, OVS_KEY_ATTR_IPV6, &ip6, &ip6_mask, sizeof ip6);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && ops[0].type == XDP_OP_SET_IPV6);
    CHECK(ops[0].u.ipv6.label == htonl(IPV6_LABEL_MASK));
    CHECK(ops[0].u.ipv6.label_mask == htonl(IPV6_LABEL_MASK));
    CHECK(!ops[0].u.ipv6.tclass && !ops[0].u.ipv6.tclass_mask);
    CHECK(!ops[0].u.ipv6.hlimit && !ops[0].u.ipv6.hlimit_mask);
    ip6_mask.ipv6_label = 0;
    put_set(&b, OVS_KEY_ATTR_IPV6, &ip6, &ip6_mask, sizeof ip6);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1);
    ip6_mask.ipv6_frag = 1;
    put_set(&b, OVS_KEY_ATTR_IPV6, &ip6, &ip6_mask, sizeof ip6);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "set(ipv6) of protocol or fragments");

    match_headers(ETH_TYPE_IPV6, IPPROTO_UDP);
    put_set(&b, OVS_KEY_ATTR_UDP, &udp, &udp_mask, sizeof udp);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!ops[0].u.ports.src && !ops[0].u.ports.src_mask);
    CHECK(ops[0].u.ports.dst == htons(54));
    CHECK(ops[0].u.ports.dst_mask == htons(0xff));

    match_headers(ETH_TYPE_IPV6, IPPROTO_ICMPV6);
    put_set(&b, OVS_KEY_ATTR_ND, &nd, &nd_mask, sizeof nd);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3 && ops[0].type == XDP_OP_SET_ND_LL);
    CHECK(is_all_zeros(ops[0].u.macs.first, ETH_ADDR_LEN));
    CHECK(!memcmp(ops[0].u.macs.second, &nd.nd_tll, ETH_ADDR_LEN));

    match_headers(0, 0);
}

/* MPLS labels come and go. */
static void
test_translate_mpls(void)
{
    struct ovs_action_push_mpls push = {
        .mpls_lse = htonl(0x12345678),
        .mpls_ethertype = htons(ETH_TYPE_MPLS),
    };
    struct ovs_key_ipv4 ip = { .ipv4_ttl = 63 };
    struct ovs_key_arp arp = { .arp_op = htons(1) };
    ovs_be32 lse = htonl(1);
    struct ofpbuf b;
    struct xdp_translation tr;
    struct xdp_caps caps;

    begin_actions(&b, &caps);

    match_headers(ETH_TYPE_IP, IPPROTO_TCP);
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
    put_set(&b, OVS_KEY_ATTR_MPLS, &lse, &lse, sizeof lse);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4 && is_output(&tr, 3, 1));
    CHECK(tr.actions.ops[0].type == XDP_OP_PUSH_MPLS);
    CHECK(tr.actions.ops[0].u.mpls.lse == push.mpls_lse);
    CHECK(tr.actions.ops[0].u.mpls.type == push.mpls_ethertype);
    CHECK(tr.actions.ops[1].type == XDP_OP_SET_MPLS);
    CHECK(tr.actions.ops[1].u.mpls.lse == lse);
    CHECK(tr.actions.ops[1].u.mpls.mask == lse);
    CHECK(tr.actions.ops[2].type == XDP_OP_POP_MPLS);
    CHECK(tr.actions.ops[2].u.mpls.type == htons(ETH_TYPE_IP));

    /* Nobody knows what is there then. */
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
    put_set(&b, OVS_KEY_ATTR_IPV4, &ip, NULL, sizeof ip);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "set(ipv4) after a change of MPLS");
    match_headers(ETH_TYPE_MPLS, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_ARP));
    put_set(&b, OVS_KEY_ATTR_ARP, &arp, NULL, sizeof arp);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "set(arp) after a change of MPLS");

    match_headers(ETH_TYPE_IP, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "pop_mpls without match on eth_type");
    nl_msg_put_u8(&b, OVS_ACTION_ATTR_POP_MPLS, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "pop_mpls, malformed");
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push,
                      sizeof push - 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "push_mpls, malformed");
    flow_mask.dl_type = 0;
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "push_mpls without match on eth_type");
    push.mpls_ethertype = htons(ETH_TYPE_IP);
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "push_mpls with another eth_type");
    match_headers(0, 0);
}

/* Set actions that no object can run are refused by name. */
static void
test_translate_other_sets(void)
{
    static const char *names[OVS_KEY_ATTR_MAX + 1] = {
        [OVS_KEY_ATTR_PRIORITY] = "set(skb_priority)",
        [OVS_KEY_ATTR_SKB_MARK] = "set(skb_mark)",
        [OVS_KEY_ATTR_TUNNEL] = "set(tunnel)",
        [OVS_KEY_ATTR_SCTP] = "set(sctp)",
        [OVS_KEY_ATTR_DP_HASH] = "set(dp_hash)",
        [OVS_KEY_ATTR_RECIRC_ID] = "set(recirc_id)",
        [OVS_KEY_ATTR_NSH] = "set(nsh)",
        [OVS_KEY_ATTR_ND_EXTENSIONS] = "set(nd_ext)",
    };
    struct ofpbuf b;
    struct xdp_caps caps;
    size_t ofs;

    begin_actions(&b, &caps);
    for (uint16_t type = 0; type <= OVS_KEY_ATTR_MAX + 5; type++) {
        const char *name = type <= OVS_KEY_ATTR_MAX ? names[type] : NULL;
        uint64_t value = 0;
        bool can = false;

        for (size_t i = 0; i < ARRAY_SIZE(set_cases); i++) {
            can |= set_cases[i].attr == type;
        }
        if (!can) {
            put_set(&b, type, &value, NULL, sizeof value);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                                  name ? name : "set");
            put_set(&b, type, &value, &value, sizeof value);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                                  name ? name : "set");
        }
    }

    /* No attribute, and half of one. */
    ofs = nl_msg_start_nested(&b, OVS_ACTION_ATTR_SET);
    nl_msg_end_nested(&b, ofs);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "set, malformed");
    nl_msg_put_u16(&b, OVS_ACTION_ATTR_SET_MASKED, 0xffff);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "set_masked, malformed");
}

const struct unit_case unit_translate_set[] = {
    { "translate-set", test_translate_set, NEED_NOTHING },
    { "translate-set-fields", test_translate_set_fields, NEED_NOTHING },
    { "translate-mpls", test_translate_mpls, NEED_NOTHING },
    { "translate-other-sets", test_translate_other_sets, NEED_NOTHING },
    { NULL, NULL, 0 }
};
