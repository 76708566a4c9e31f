/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the translation of megaflows: tunnels.
 */

#include <config.h>

#undef NDEBUG
#include <string.h>

#include "csum.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "translate.h"
#include "unit.h"
#include "util.h"

/* A header to push, with 'l4' behind an IPv4 header, or with IPv6. */
static void
init_push(struct ovs_action_push_tnl *push, uint32_t type, bool is_ipv6,
          uint8_t proto, const void *l4, size_t l4_size)
{
    uint8_t *p = (uint8_t *) push->header;
    size_t ip_size = is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN;

    memset(push, 0, sizeof *push);
    push->tnl_type = type;
    push->header_len = ETH_HEADER_LEN + ip_size + l4_size;
    p[12] = is_ipv6 ? 0x86 : 0x08;
    p[13] = is_ipv6 ? 0xdd : 0x00;
    p[14] = is_ipv6 ? 0x60 : 0x45;
    p[is_ipv6 ? 20 : 23] = proto;
    memcpy(p + ETH_HEADER_LEN + ip_size, l4, l4_size);
}

static void
put_tnl_push(struct ofpbuf *b, const struct ovs_action_push_tnl *push)
{
    nl_msg_put_unspec(b, OVS_ACTION_ATTR_TUNNEL_PUSH, push,
                      offsetof(struct ovs_action_push_tnl, header)
                      + MIN(push->header_len, sizeof push->header));
}

/* Tunnels. */
static void
test_translate_tunnels(void)
{
    static const uint8_t vxlan[16] = { 0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8 };
    static const uint8_t udp_csum[16] = { 0, 0, 0x12, 0xb5, 0, 0, 0xff, 0xff,
                                          8 };
    static const uint8_t gre[4] = { 0, 0, 0x65, 0x58 };
    static const uint8_t gre_csum[8] = { 0x80, 0, 0x65, 0x58 };
    static const uint8_t gre_key_seq[12] = { 0x30, 0, 0x65, 0x58 };
    static const uint8_t gre_csum_seq[12] = { 0x90, 0, 0x65, 0x58 };
    static const uint8_t erspan[16] = { 0x10, 0, 0x88, 0xbe };
    static const uint8_t erspan_iii[20] = { 0x10, 0, 0x22, 0xeb };
    struct ovs_action_push_tnl push;
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct ip_header *ip;
    struct ofpbuf b;
    size_t ofs;

    begin_actions(&b, &caps);

    init_push(&push, OVS_VPORT_TYPE_VXLAN, false, IPPROTO_UDP, vxlan,
              sizeof vxlan);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].type == XDP_OP_TNL_PUSH);
    CHECK(tr.actions.ops[0].n_data == 4);
    CHECK(tr.actions.ops[0].u.tnl_push.header_len == 50);
    CHECK(tr.actions.ops[0].u.tnl_push.flags == XDP_TUNNEL_PUSH_UDP);
    CHECK(tr.actions.ops[0].u.tnl_push.port_min == 32768);
    CHECK(tr.actions.ops[0].u.tnl_push.n_ports == 61000 - 32768);

    /* The checksum is filled in, if OVS has not done so. */
    ip = (void *) ((uint8_t *) push.header + ETH_HEADER_LEN);
    CHECK(!ip->ip_csum);
    ip->ip_csum = csum(ip, sizeof *ip);
    CHECK(!memcmp(&tr.actions.ops[1], push.header, 50));
    CHECK(is_output(&tr, 5, 1) && tr.actions.n_ops == 6);
    CHECK(tr.actions.flags == XDP_FLOW_TNL_PUSH);
    CHECK(tr.actions.parts & XDP_PART_TRANSPORT);

    /* In a clone, if nothing follows, and with a tag. */
    ofs = nl_msg_start_nested(&b, OVS_ACTION_ATTR_CLONE);
    init_push(&push, OVS_VPORT_TYPE_GENEVE, true, IPPROTO_UDP, udp_csum,
              sizeof udp_csum);
    put_tnl_push(&b, &push);
    put_push_vlan(&b, ETH_TYPE_VLAN, VLAN_CFI | 5);
    put_output(&b, 1);
    nl_msg_end_nested(&b, ofs);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].u.tnl_push.flags
          == (XDP_TUNNEL_PUSH_UDP | XDP_TUNNEL_PUSH_UDP_CSUM
              | XDP_TUNNEL_PUSH_IPV6));
    CHECK(tr.actions.ops[6].type == XDP_OP_PUSH_VLAN && is_output(&tr, 7, 1));
    ofs = nl_msg_start_nested(&b, OVS_ACTION_ATTR_CLONE);
    put_output(&b, 1);
    nl_msg_end_nested(&b, ofs);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "clone before other actions");

    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre, sizeof gre);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.ops[0].u.tnl_push.flags && !tr.actions.parts);
    init_push(&push, OVS_VPORT_TYPE_IP6GRE, true, IPPROTO_GRE, gre_csum,
              sizeof gre_csum);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].u.tnl_push.flags
          == (XDP_TUNNEL_PUSH_GRE_CSUM | XDP_TUNNEL_PUSH_IPV6));

    /* Sequence numbers, of GRE and of ERSPAN, where other fields follow. */
    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre_key_seq,
              sizeof gre_key_seq);
    push.tnl_port = u32_to_odp(7);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].u.tnl_push.flags == XDP_TUNNEL_PUSH_SEQ);
    CHECK(tr.actions.ops[0].u.tnl_push.seq == 7);
    CHECK(tr.actions.ops[0].u.tnl_push.seq_ofs == 34 + 8);
    init_push(&push, OVS_VPORT_TYPE_IP6ERSPAN, true, IPPROTO_GRE, erspan,
              sizeof erspan);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].u.tnl_push.seq_ofs == 54 + 4);
    push.tnl_port = u32_to_odp(XDP_SEQUENCE_MAX);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");

    /* What userspace alone can do. */
    init_push(&push, OVS_VPORT_TYPE_IP6ERSPAN, true, IPPROTO_GRE, erspan_iii,
              sizeof erspan_iii);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre_csum_seq,
              sizeof gre_csum_seq);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre_csum, 4);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    init_push(&push, OVS_VPORT_TYPE_VXLAN, false, IPPROTO_UDP, vxlan, 7);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    init_push(&push, OVS_VPORT_TYPE_VXLAN, false, IPPROTO_UDP, vxlan,
              sizeof vxlan);
    push.header_len = XDP_TUNNEL_MAX_HEADER + 1;
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    push.header_len = 50;
    push.tnl_type = OVS_VPORT_TYPE_GTPU;
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push of this type of tunnel");
    push.tnl_type = OVS_VPORT_TYPE_VXLAN;
    for (size_t size = 0; size < 66; size += 5) {
        nl_msg_put_unspec(&b, OVS_ACTION_ATTR_TUNNEL_PUSH, &push, size);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                              "tnl_push, malformed");
    }
    push.header_len = sizeof push.header + 1;
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push, malformed");
    push.header_len = 50;

    /* The megaflow does not match on the header that was pushed. */
    put_output(&b, 1);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_push after an output");
    put_tnl_push(&b, &push);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_push after tnl_push");
    put_tnl_push(&b, &push);
    put_pop_vlan(&b);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "pop_vlan after tnl_push");
    put_tnl_push(&b, &push);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "recirc after tnl_push");
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_OUTPUTS,
                          "several after tnl_push");
    match_headers(ETH_TYPE_MPLS, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_push after pop_mpls");
    match_headers(0, 0);

    /* Pops. */
    for (uint32_t type = XDP_TUNNEL_VXLAN; type <= XDP_TUNNEL_ERSPAN;
         type++) {
        uint32_t n_tags = type % 3;

        for (uint32_t i = 0; i < n_tags; i++) {
            put_pop_vlan(&b);
        }
        nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, type - 1);
        CHECK(!translate_actions(&b, &caps, &tr));
        CHECK(tr.actions.n_ops == n_tags + 1);
        CHECK(tr.actions.ops[n_tags].type == XDP_OP_TNL_POP);
        CHECK(tr.actions.ops[n_tags].u.tnl_pop.port == type);
        CHECK(tr.actions.ops[n_tags].u.tnl_pop.odp_port == type - 1);
        CHECK(tr.actions.ops[n_tags].u.tnl_pop.type == type);
        CHECK(tr.actions.ops[n_tags].u.tnl_pop.n_tags == n_tags);
        CHECK(tr.actions.flags == XDP_FLOW_TNL_POP);
    }
    put_push_vlan(&b, ETH_TYPE_VLAN, VLAN_CFI | 5);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_pop after other actions");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_pop before other actions");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, NO_XDP_BASE);
    CHECK(translate_actions(&b, &caps, &tr) == XDP_REASON_TARGET_TYPE);
    nl_msg_put_u8(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_pop, malformed");
    caps.ops &= ~(UINT64_C(1) << XDP_OP_TNL_POP);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "tnl_pop");
}

/* Tunnels at tc, of an object that has the ops there, or has not. */
static void
test_translate_tunnels_tc(void)
{
    const uint64_t tunnels = (UINT64_C(1) << XDP_OP_TNL_PUSH
                              | UINT64_C(1) << XDP_OP_TNL_POP);
    static const uint8_t gre[4] = { 0, 0, 0x65, 0x58 };
    struct ovs_action_push_tnl push;
    struct xdp_caps caps, tc;
    struct xdp_translation tr;
    struct ofpbuf b;

    begin_actions(&b, &caps);
    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre, sizeof gre);
    caps.tc_ops = caps.ops & ~tunnels;
    caps.tc_max_outputs = caps.max_outputs;
    for (int common = 0; common < 2; common++) {
        for (int has = 0; has < 2; has++) {
            tc = caps;
            tc.tc_ops |= has ? tunnels : 0;
            if (common) {
                xdp_contract_take_common_caps(&tc);
            } else {
                xdp_contract_take_tc_caps(&tc);
            }
            put_tnl_push(&b, &push);
            put_output(&b, 1);
            if (has) {
                CHECK(!translate_actions(&b, &tc, &tr));
                CHECK(tr.actions.ops[0].type == XDP_OP_TNL_PUSH
                      && tr.actions.flags == XDP_FLOW_TNL_PUSH);
            } else {
                check_actions_refused(&b, &tc, XDP_REASON_ACTION, "tnl_push");
            }
            nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
            if (has) {
                CHECK(!translate_actions(&b, &tc, &tr));
                CHECK(tr.actions.ops[0].type == XDP_OP_TNL_POP
                      && tr.actions.flags == XDP_FLOW_TNL_POP);
            } else {
                check_actions_refused(&b, &tc, XDP_REASON_ACTION, "tnl_pop");
            }
        }
    }
}

const struct unit_case unit_translate_tunnel[] = {
    { "translate-tunnels", test_translate_tunnels, NEED_NOTHING },
    { "translate-tunnels-tc", test_translate_tunnels_tc, NEED_NOTHING },
    { NULL, NULL, 0 }
};
