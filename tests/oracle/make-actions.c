/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random actions: many as ofproto makes them, from a packet's flow and what it
 * should become; others with any fields and masks; and some that cannot be
 * offloaded.
 */

#include <config.h>

#include "make-actions.h"

#include <stdio.h>
#include <string.h>

#include "coverage.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "meters.h"
#include "packets.h"
#include "rng.h"
#include "run-tc.h"
#include "util.h"

/* Coverage: the members of what can be set. */
static struct set_field {
    const char *name;
    enum ovs_key_attr attr;
    size_t ofs, size;           /* In the attribute. */
    unsigned long int n_set;    /* By OVS_ACTION_ATTR_SET. */
    unsigned long int n_masked; /* By OVS_ACTION_ATTR_SET_MASKED. */
} set_fields[] = {
#define F(ATTR, STRUCT, MEMBER) \
    { #ATTR"."#MEMBER, OVS_KEY_ATTR_##ATTR, \
      offsetof(struct STRUCT, MEMBER), MEMBER_SIZEOF(struct STRUCT, MEMBER), \
      0, 0 }
    F(ETHERNET, ovs_key_ethernet, eth_src),
    F(ETHERNET, ovs_key_ethernet, eth_dst),
    F(IPV4, ovs_key_ipv4, ipv4_src),
    F(IPV4, ovs_key_ipv4, ipv4_dst),
    F(IPV4, ovs_key_ipv4, ipv4_tos),
    F(IPV4, ovs_key_ipv4, ipv4_ttl),
    F(IPV6, ovs_key_ipv6, ipv6_src),
    F(IPV6, ovs_key_ipv6, ipv6_dst),
    F(IPV6, ovs_key_ipv6, ipv6_label),
    F(IPV6, ovs_key_ipv6, ipv6_tclass),
    F(IPV6, ovs_key_ipv6, ipv6_hlimit),
    F(TCP, ovs_key_tcp, tcp_src),
    F(TCP, ovs_key_tcp, tcp_dst),
    F(UDP, ovs_key_udp, udp_src),
    F(UDP, ovs_key_udp, udp_dst),
    F(ICMP, ovs_key_icmp, icmp_type),
    F(ICMP, ovs_key_icmp, icmp_code),
    F(ICMPV6, ovs_key_icmpv6, icmpv6_type),
    F(ICMPV6, ovs_key_icmpv6, icmpv6_code),
    F(ARP, ovs_key_arp, arp_sip),
    F(ARP, ovs_key_arp, arp_tip),
    F(ARP, ovs_key_arp, arp_op),
    F(ARP, ovs_key_arp, arp_sha),
    F(ARP, ovs_key_arp, arp_tha),
    F(ND, ovs_key_nd, nd_target),
    F(ND, ovs_key_nd, nd_sll),
    F(ND, ovs_key_nd, nd_tll),
    F(ND_EXTENSIONS, ovs_key_nd_extensions, nd_reserved),
    F(ND_EXTENSIONS, ovs_key_nd_extensions, nd_options_type),
    F(MPLS, ovs_key_mpls, mpls_lse),
#undef F
};

/* Makes 'wc' match what ofproto matches before it lets an action change
 * 'flow': which headers there are. */
void
add_prerequisites(const struct flow *flow, struct flow_wildcards *wc)
{
    WC_MASK_FIELD(wc, dl_type);
    if (is_ip_any(flow)) {
        wc->masks.nw_frag |= FLOW_NW_FRAG_MASK;
        WC_MASK_FIELD(wc, nw_proto);
        if (is_nd(flow, NULL)) {
            WC_MASK_FIELD(wc, tp_src);
            WC_MASK_FIELD(wc, tp_dst);
        }
    } else if (flow->dl_type == htons(ETH_TYPE_ARP)
               || flow->dl_type == htons(ETH_TYPE_RARP)) {
        WC_MASK_FIELD(wc, nw_proto);
    } else if (eth_type_mpls(flow->dl_type)) {
        wc->masks.mpls_lse[0] |= htonl(MPLS_BOS_MASK);
    }
}

/* As ofproto. */

/* Changes the 'size' bytes at 'field' of a flow under a random mask, which
 * becomes part of 'mask'. */
static void
change(void *field_, void *mask_, size_t size)
{
    uint8_t *field = field_, *mask = mask_;

    for (size_t i = 0; i < size; i++) {
        uint8_t bits = one_in(2) ? 0xff : rnd(256);

        mask[i] |= bits;
        field[i] ^= bits & rnd(256);
    }
}

#define CHANGE(MEMBER) \
    change(&flow->MEMBER, &wc->masks.MEMBER, sizeof flow->MEMBER)

/* Changes something in 'flow' as an OpenFlow action can. */
static void
change_flow(struct flow *flow, struct flow_wildcards *wc)
{
    int n;

    switch (rnd(8)) {
    case 0:
        CHANGE(dl_src);
        return;
    case 1:
        CHANGE(dl_dst);
        return;
    case 2:
        switch (rnd(3)) {
        case 0:
            if (!flow->vlans[1].tci) {
                flow_push_vlan_uninit(flow, wc);
                flow->vlans[0].tpid = htons(one_in(2) ? ETH_TYPE_VLAN_8021Q
                                            : ETH_TYPE_VLAN_8021AD);
                flow->vlans[0].tci = htons(rnd(65536) | VLAN_CFI);
            }
            return;
        case 1:
            flow_pop_vlan(flow, wc);
            return;
        default:
            if (flow->vlans[0].tci) {
                flow->vlans[0].tci = htons(rnd(65536) | VLAN_CFI);
            }
            return;
        }
    case 3:
        n = flow_count_mpls_labels(flow, wc);
        switch (rnd(3)) {
        case 0:
            if (n < FLOW_MAX_MPLS_LABELS) {
                flow_push_mpls(flow, n, htons(one_in(2) ? ETH_TYPE_MPLS
                                              : ETH_TYPE_MPLS_MCAST),
                               wc, false);
            }
            return;
        case 1:
            if (n) {
                flow_pop_mpls(flow, n, htons(one_in(2) ? ETH_TYPE_IP
                                             : ETH_TYPE_IPV6), wc);
            }
            return;
        default:
            if (n) {
                flow->mpls_lse[0] ^= htonl(rnd64() & ~MPLS_BOS_MASK);
            }
            return;
        }
    }

    if (flow->dl_type == htons(ETH_TYPE_IP) && one_in(2)) {
        switch (rnd(4)) {
        case 0: CHANGE(nw_src); break;
        case 1: CHANGE(nw_dst); break;
        case 2: CHANGE(nw_tos); break;
        default: CHANGE(nw_ttl); break;
        }
    } else if (flow->dl_type == htons(ETH_TYPE_IPV6) && one_in(2)) {
        switch (rnd(5)) {
        case 0: CHANGE(ipv6_src); break;
        case 1: CHANGE(ipv6_dst); break;
        case 2: CHANGE(nw_tos); break;
        case 3:
            CHANGE(ipv6_label);
            flow->ipv6_label &= htonl(IPV6_LABEL_MASK);
            wc->masks.ipv6_label &= htonl(IPV6_LABEL_MASK);
            break;
        default: CHANGE(nw_ttl); break;
        }
    } else if (flow->dl_type == htons(ETH_TYPE_ARP)) {
        switch (rnd(5)) {
        case 0: CHANGE(nw_src); break;
        case 1: CHANGE(nw_dst); break;
        case 2: CHANGE(nw_proto); break;
        case 3: CHANGE(arp_sha); break;
        default: CHANGE(arp_tha); break;
        }
    } else if (is_nd(flow, NULL) && one_in(2)) {
        switch (rnd(5)) {
        case 0: CHANGE(nd_target); break;
        case 1: CHANGE(arp_sha); break;
        case 2: CHANGE(arp_tha); break;
        case 3: CHANGE(igmp_group_ip4); break;
        default: flow->tcp_flags = htons(rnd(4)); break;
        }
    } else if (is_icmpv4(flow, NULL) || is_icmpv6(flow, NULL)) {
        if (one_in(2)) {
            flow->tp_src = htons(rnd(256));
        } else {
            flow->tp_dst = htons(rnd(256));
        }
    } else if (is_ip_any(flow)) {
        if (one_in(2)) {
            CHANGE(tp_src);
        } else {
            CHANGE(tp_dst);
        }
    }
}

/* Appends to 'buf' the actions that make of 'base', which is under 'wc', the
 * flow 'flow', and makes 'base' equal to it. */
static void
commit_changes(const struct flow *flow, struct flow *base,
               struct flow_wildcards *wc, struct ofpbuf *buf)
{
    commit_odp_actions(flow, base, buf, wc, !one_in(4), false, false, NULL);
}

/* Any fields. */

/* Appends a set action for the 'size' bytes of attribute 'attr', with random
 * contents. */
static void
put_set(struct ofpbuf *buf, enum ovs_key_attr attr, size_t size)
{
    uint8_t key[64], mask[64];
    bool masked = (attr != OVS_KEY_ATTR_ICMP && attr != OVS_KEY_ATTR_ICMPV6
                   && !one_in(3));
    size_t ofs;

    ovs_assert(size <= sizeof key);
    rnd_bytes(key, size);
    memset(mask, 0, size);
    for (size_t i = 0; i < ARRAY_SIZE(set_fields); i++) {
        const struct set_field *f = &set_fields[i];

        if (f->attr == attr) {
            rnd_mask(mask + f->ofs, f->size);
        }
    }
    if (attr == OVS_KEY_ATTR_IPV6) {
        ((struct ovs_key_ipv6 *) (void *) key)->ipv6_label
            &= htonl(IPV6_LABEL_MASK);
        ((struct ovs_key_ipv6 *) (void *) mask)->ipv6_label
            &= htonl(IPV6_LABEL_MASK);
    }

    ofs = nl_msg_start_nested(buf, masked ? OVS_ACTION_ATTR_SET_MASKED
                              : OVS_ACTION_ATTR_SET);
    if (masked) {
        uint8_t *p = nl_msg_put_unspec_uninit(buf, attr, 2 * size);

        for (size_t i = 0; i < size; i++) {
            p[i] = key[i] & mask[i];
        }
        memcpy(p + size, mask, size);
    } else {
        nl_msg_put_unspec(buf, attr, key, size);
    }
    nl_msg_end_nested(buf, ofs);
}

/* Appends the push of a VLAN tag. */
static void
put_push_vlan(struct ofpbuf *buf)
{
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(one_in(2) ? ETH_TYPE_VLAN_8021Q
                                     : ETH_TYPE_VLAN_8021AD),
        .vlan_tci = htons(rnd(65536)),
    };

    nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
}

/* Appends the push of a VLAN tag in the place of another one. */
void
put_replace_vlan(struct ofpbuf *buf)
{
    nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
    put_push_vlan(buf);
}

/* Appends an action that changes a packet of 'flow', or two, or, if 'any', of
 * anything else. */
static void
put_change(struct ofpbuf *buf, const struct flow *flow, bool any)
{
    bool ip = flow->dl_type == htons(ETH_TYPE_IP);
    bool ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);
    bool mpls = eth_type_mpls(flow->dl_type);

    for (;;) {
        switch (rnd(17)) {
        case 0:
            put_set(buf, OVS_KEY_ATTR_ETHERNET,
                    sizeof(struct ovs_key_ethernet));
            return;
        case 1:
            if (ip || any) {
                put_set(buf, OVS_KEY_ATTR_IPV4, sizeof(struct ovs_key_ipv4));
                return;
            }
            break;
        case 2:
            if (ipv6 || any) {
                put_set(buf, OVS_KEY_ATTR_IPV6, sizeof(struct ovs_key_ipv6));
                return;
            }
            break;
        case 3:
            if (((ip || ipv6) && flow->nw_proto == IPPROTO_TCP) || any) {
                put_set(buf, OVS_KEY_ATTR_TCP, sizeof(struct ovs_key_tcp));
                return;
            }
            break;
        case 4:
            if (((ip || ipv6) && flow->nw_proto == IPPROTO_UDP) || any) {
                put_set(buf, OVS_KEY_ATTR_UDP, sizeof(struct ovs_key_udp));
                return;
            }
            break;
        case 5:
            if (((ip || ipv6) && flow->nw_proto == IPPROTO_SCTP) || any) {
                put_set(buf, OVS_KEY_ATTR_SCTP, sizeof(struct ovs_key_sctp));
                return;
            }
            break;
        case 6:
            if (is_icmpv4(flow, NULL) || any) {
                put_set(buf, OVS_KEY_ATTR_ICMP, sizeof(struct ovs_key_icmp));
                return;
            }
            break;
        case 7:
            if (is_icmpv6(flow, NULL) || any) {
                put_set(buf, OVS_KEY_ATTR_ICMPV6,
                        sizeof(struct ovs_key_icmpv6));
                return;
            }
            break;
        case 8:
            if (flow->dl_type == htons(ETH_TYPE_ARP) || any) {
                put_set(buf, OVS_KEY_ATTR_ARP, sizeof(struct ovs_key_arp));
                return;
            }
            break;
        case 9:
            if (is_nd(flow, NULL) || any) {
                put_set(buf, OVS_KEY_ATTR_ND, sizeof(struct ovs_key_nd));
                return;
            }
            break;
        case 10:
            if ((is_nd(flow, NULL) && one_in(8)) || any) {
                put_set(buf, OVS_KEY_ATTR_ND_EXTENSIONS,
                        sizeof(struct ovs_key_nd_extensions));
                return;
            }
            break;
        case 11:
            if (mpls || any) {
                put_set(buf, OVS_KEY_ATTR_MPLS, sizeof(struct ovs_key_mpls));
                return;
            }
            break;
        case 12:
            put_push_vlan(buf);
            return;
        case 13:
            nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
            return;
        case 14:
            if (any || one_in(4)) {
                struct ovs_action_push_mpls push = {
                    .mpls_lse = htonl(rnd64()),
                    .mpls_ethertype = htons(one_in(2) ? ETH_TYPE_MPLS
                                                      : ETH_TYPE_MPLS_MCAST),
                };

                nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_MPLS, &push,
                                  sizeof push);
                return;
            }
            break;
        case 15:
            if (mpls || any) {
                nl_msg_put_be16(buf, OVS_ACTION_ATTR_POP_MPLS,
                                htons(one_in(2) ? ETH_TYPE_IP
                                                : ETH_TYPE_MPLS));
                return;
            }
            break;
        case 16:
            put_replace_vlan(buf);
            return;
        }
    }
}

/* What cannot be offloaded. */

/* Appends an action that XDP does not have. */
static void
put_foreign(struct ofpbuf *buf)
{
    struct ovs_action_push_eth eth;
    struct ovs_action_add_mpls mpls;
    size_t ofs;

    switch (rnd(10)) {
    case 0:
        ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_USERSPACE);
        nl_msg_put_u32(buf, OVS_USERSPACE_ATTR_PID, 0);
        nl_msg_end_nested(buf, ofs);
        break;
    case 1:
        ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_SAMPLE);
        nl_msg_put_u32(buf, OVS_SAMPLE_ATTR_PROBABILITY, UINT32_MAX);
        nl_msg_end_nested(buf, ofs);
        break;
    case 2:
        ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_CLONE);
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_NSH);
        nl_msg_end_nested(buf, ofs);
        break;
    case 3:
        ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_CT);
        nl_msg_put_flag(buf, OVS_CT_ATTR_COMMIT);
        nl_msg_put_string(buf, OVS_CT_ATTR_HELPER, "ftp");
        nl_msg_end_nested(buf, ofs);
        break;
    case 4:
        ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_CHECK_PKT_LEN);
        nl_msg_put_u16(buf, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, 100);
        nl_msg_end_nested(buf, ofs);
        break;
    case 5:
        memset(&eth, 0, sizeof eth);
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_ETH, &eth, sizeof eth);
        break;
    case 6:
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_ETH);
        break;
    case 7:
        memset(&mpls, 0, sizeof mpls);
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_ADD_MPLS, &mpls, sizeof mpls);
        break;
    case 8:
        nl_msg_put_u32(buf, OVS_ACTION_ATTR_LB_OUTPUT, 1);
        break;
    case 9:
        ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_SET);
        nl_msg_put_u32(buf, one_in(2) ? OVS_KEY_ATTR_PRIORITY
                                      : OVS_KEY_ATTR_SKB_MARK, 1);
        nl_msg_end_nested(buf, ofs);
        break;
    }
}

/* Appends an output to a random one of 'ports', or to one that does not
 * exist. */
static void
put_output(struct ofpbuf *buf, const uint8_t ports[], size_t n)
{
    uint32_t port = ODP_BASE + ports[rnd(n)];

    if (one_in(200)) {
        port = ODP_BASE + N_PORTS + rnd(2);
    }
    nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT, u32_to_odp(port));
}

/* Appends one of the meters, or one of too large a number. */
static void
put_meter(struct ofpbuf *buf)
{
    nl_msg_put_u32(buf, OVS_ACTION_ATTR_METER,
                   one_in(20) ? XDP_METER_MAX + rnd(2)
                   : one_in(3) ? METER_DROP : METER_PASS);
}

/* Appends a "ct". */
static void
put_ct(struct ofpbuf *buf)
{
    size_t ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_CT);

    if (one_in(2)) {
        nl_msg_put_flag(buf, one_in(4) ? OVS_CT_ATTR_FORCE_COMMIT
                                       : OVS_CT_ATTR_COMMIT);
    }
    if (one_in(2)) {
        nl_msg_put_u16(buf, OVS_CT_ATTR_ZONE, rnd(4));
    }
    if (one_in(4)) {
        uint32_t mark[2] = { rnd(4), 3 };

        nl_msg_put_unspec(buf, OVS_CT_ATTR_MARK, mark, sizeof mark);
    }
    if (one_in(4)) {
        uint32_t label[8] = { [0] = rnd(4), [4] = 3 };

        nl_msg_put_unspec(buf, OVS_CT_ATTR_LABELS, label, sizeof label);
    }
    if (one_in(4)) {
        size_t nat_ofs = nl_msg_start_nested(buf, OVS_CT_ATTR_NAT);

        if (one_in(2)) {
            nl_msg_put_flag(buf, one_in(2) ? OVS_NAT_ATTR_SRC
                                           : OVS_NAT_ATTR_DST);
        }
        nl_msg_end_nested(buf, nat_ofs);
    }
    nl_msg_end_nested(buf, ofs);
}

/* Makes actions for packets of 'flow' that a program can run without a loop,
 * as XDP_FLOW_REWRITE, in most cases.  The caller must have them until
 * ofpbuf_uninit() of 'actions->buf'. */
void
make_rewrite(struct actions *actions, const struct flow *flow)
{
    struct ofpbuf *buf = &actions->buf;

    ofpbuf_use_stub(buf, actions->stub, sizeof actions->stub);
    if (one_in(2)) {
        put_set(buf, OVS_KEY_ATTR_ETHERNET, sizeof(struct ovs_key_ethernet));
    }
    if (flow->dl_type == htons(ETH_TYPE_IP) && !one_in(3)) {
        put_set(buf, OVS_KEY_ATTR_IPV4, sizeof(struct ovs_key_ipv4));
    } else if (flow->dl_type == htons(ETH_TYPE_IPV6) && !one_in(3)) {
        put_set(buf, OVS_KEY_ATTR_IPV6, sizeof(struct ovs_key_ipv6));
    }
    if (is_ip_any(flow) && flow->nw_proto == IPPROTO_TCP && one_in(2)) {
        put_set(buf, OVS_KEY_ATTR_TCP, sizeof(struct ovs_key_tcp));
    } else if (is_ip_any(flow) && flow->nw_proto == IPPROTO_UDP
               && one_in(2)) {
        put_set(buf, OVS_KEY_ATTR_UDP, sizeof(struct ovs_key_udp));
    }
    if (one_in(4)) {
        put_replace_vlan(buf);
    } else if (one_in(4)) {
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
    }
    if (one_in(4)) {
        put_push_vlan(buf);
    }
    nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + rnd(N_PORTS)));
}

/* Makes random actions for packets of 'flow' that 'wc' matches.  The caller
 * must have them until ofpbuf_uninit() of 'actions->buf'.
 *
 * Several outputs are to one of few sets of ports, because each set takes a
 * grace period when it occurs first. */
void
make_actions(struct actions *actions, const struct flow *flow,
             const struct flow_wildcards *wc)
{
    static const uint8_t sets[][3] = { { 0, 1, 2 }, { 3, 4, 5 }, { 6, 7, 8 } };
    struct flow_wildcards commit_wc = *wc;
    struct flow base = *flow, goal = *flow;
    struct ofpbuf *buf = &actions->buf;
    bool as_ofproto = one_in(2);
    bool tracks = one_in(12);
    bool odd = one_in(12);
    size_t n_outputs = one_in(10) ? 0 : one_in(5) ? 2 + rnd(2) : 1;
    uint32_t set = rnd(ARRAY_SIZE(sets));

    if (one_in(6)) {
        make_rewrite(actions, flow);
        return;
    }
    if (!has_targets()) {
        n_outputs = MIN(n_outputs, 1);
    }
    ofpbuf_use_stub(buf, actions->stub, sizeof actions->stub);
    if (one_in(30)) {
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_CT_CLEAR);
    }
    if (one_in(15)) {
        put_meter(buf);
    }
    if (tracks && one_in(2)) {
        put_ct(buf);
    }
    for (size_t i = 0; i < MAX(n_outputs, 1); i++) {
        if (as_ofproto) {
            if (!i || one_in(2)) {
                for (int n = rnd(5); n > 0; n--) {
                    change_flow(&goal, &commit_wc);
                }
                commit_changes(&goal, &base, &commit_wc, buf);
            }
        } else {
            int n = one_in(20) ? rnd(16) : rnd(i ? 2 : 4);

            while (n-- > 0) {
                put_change(buf, flow, odd && one_in(2));
            }
        }
        if (odd && one_in(2)) {
            put_foreign(buf);
        }
        while (tracks && one_in(i ? 20 : 2)) {
            put_ct(buf);
        }
        if (n_outputs && one_in(i ? 100 : 15)) {
            put_meter(buf);
        }
        if (one_in(i + 1 == n_outputs ? 12 : 100)) {
            struct ovs_action_trunc trunc = { .max_len = 14 + rnd(100) };

            nl_msg_put_unspec(buf, OVS_ACTION_ATTR_TRUNC, &trunc,
                              sizeof trunc);
        }
        if (n_outputs == 1) {
            uint8_t port = rnd(N_PORTS);

            put_output(buf, &port, 1);
        } else if (n_outputs) {
            /* Once in a while two to one port. */
            put_output(buf, one_in(100) ? sets[set] : &sets[set][i],
                       1);
        }
    }
    if (!n_outputs && one_in(2)) {
        nl_msg_put_u32(buf, OVS_ACTION_ATTR_DROP, 0);
    } else if (one_in(50)) {
        put_change(buf, flow, false);
    }
}

/* Makes random actions for one of several passes of packets of 'flow' that
 * 'wc' matches: at the end, the recirculation 'recirc_id', or an output if
 * that is 0.  The caller must have them until ofpbuf_uninit() of
 * 'actions->buf'. */
void
make_pass(struct actions *actions, const struct flow *flow,
          const struct flow_wildcards *wc, uint32_t recirc_id)
{
    struct ofpbuf *buf = &actions->buf;
    int n_changes = rnd(3);
    uint8_t port = rnd(N_PORTS);

    ofpbuf_use_stub(buf, actions->stub, sizeof actions->stub);
    if (recirc_id && one_in(2)) {
        struct ovs_action_hash hash = {
            .hash_alg = one_in(2) ? OVS_HASH_ALG_L4 : OVS_HASH_ALG_SYM_L4,
            .hash_basis = one_in(2) ? 0 : rnd(UINT32_MAX),
        };

        if (hash.hash_alg == OVS_HASH_ALG_L4 && one_in(2)) {
            put_change(buf, flow, false);
            n_changes = 0;
        }
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
    }
    if (one_in(2)) {
        struct flow_wildcards commit_wc = *wc;
        struct flow base = *flow, goal = *flow;

        while (n_changes-- > 0) {
            change_flow(&goal, &commit_wc);
        }
        commit_changes(&goal, &base, &commit_wc, buf);
    } else {
        while (n_changes-- > 0) {
            put_change(buf, flow, false);
        }
    }
    if (recirc_id) {
        nl_msg_put_u32(buf, OVS_ACTION_ATTR_RECIRC, recirc_id);
    } else {
        put_output(buf, &port, 1);
    }
}

/* Coverage. */

/* Counts the fields that 'actions', which have been executed, set. */
void
count_fields(const struct actions *actions)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH (a, left, actions->buf.data, actions->buf.size) {
        bool masked = nl_attr_type(a) == OVS_ACTION_ATTR_SET_MASKED;
        const struct nlattr *key;
        const uint8_t *mask;

        if (!masked && nl_attr_type(a) != OVS_ACTION_ATTR_SET) {
            continue;
        }
        key = nl_attr_get(a);
        mask = nl_attr_get(key);
        mask += nl_attr_get_size(key) / 2;
        for (size_t i = 0; i < ARRAY_SIZE(set_fields); i++) {
            struct set_field *f = &set_fields[i];

            if (f->attr != nl_attr_type(key)) {
                continue;
            }
            if (!masked) {
                f->n_set++;
            } else if (!is_all_zeros(mask + f->ofs, f->size)) {
                f->n_masked++;
            }
        }
    }
}

/* Prints which fields part "actions" set, and fails if there was one that it
 * did not set. */
void
report_actions(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(set_fields); i++) {
        const struct set_field *f = &set_fields[i];
        bool icmp = (f->attr == OVS_KEY_ATTR_ICMP
                     || f->attr == OVS_KEY_ATTR_ICMPV6);

        printf("  %-30s set %8lu, set_masked %8lu\n", f->name, f->n_set,
               f->n_masked);
        if ((!f->n_set || (!f->n_masked && !icmp))
            && f->attr != OVS_KEY_ATTR_ND_EXTENSIONS
            && n_actions >= MIN_ACTIONS) {
            failure("%s was not set", f->name);
        }
    }
}
