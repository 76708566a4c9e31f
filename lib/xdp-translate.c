/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of megaflows.  See xdp-translate.h.
 *
 * Everything that is not known to be right is refused: xdp_translate_match()
 * crosses out each field of the megaflow's mask that it has put into the key,
 * and refuses the megaflow if anything is left.
 */

#include <config.h>

#include "xdp-translate.h"

#include <string.h>

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "packets.h"
#include "util.h"

/* Returns the reason in words that follow "not offloaded: ". */
const char *
xdp_reason_to_string(enum xdp_reason reason)
{
    switch (reason) {
    case XDP_REASON_NONE:
        return "offloaded";
    case XDP_REASON_NO_TABLE:
        return "no flow table on the ingress port";
    case XDP_REASON_RECIRC:
        return "match after recirculation";
    case XDP_REASON_FIELD:
        return "match on a field that the object does not have";
    case XDP_REASON_ACTION:
        return "action that the object cannot run";
    case XDP_REASON_OUTPUTS:
        return "more than one output";
    case XDP_REASON_N_OPS:
        return "too many actions";
    case XDP_REASON_TARGET_TYPE:
        return "output to a port that is not in XDP";
    case XDP_REASON_TARGET:
        return "output to a port that takes no redirected packets";
    case XDP_REASON_FLOWS_FULL:
        return "no free flow slot";
    case XDP_REASON_MASKS_FULL:
        return "no free mask";
    case XDP_REASON_DIGEST:
        return "digest in use by another flow";
    case XDP_REASON_SYSTEM:
        return "system call failed";
    case XDP_N_REASONS:
    default:
        OVS_NOT_REACHED();
    }
}

/* Puts the name of a field that is left in 'rest' into 'tr->detail'. */
static enum xdp_reason
refuse_field(const struct flow *rest, struct xdp_translation *tr)
{
    struct flow_wildcards wc;

    wc.masks = *rest;
    for (int i = 0; i < MFF_N_IDS; i++) {
        const struct mf_field *mf = mf_from_id(i);

        if (!mf_is_all_wild(mf, &wc)) {
            ovs_strlcpy(tr->detail, mf->name, sizeof tr->detail);
            return XDP_REASON_FIELD;
        }
    }
    ovs_strlcpy(tr->detail, "unnamed", sizeof tr->detail);
    return XDP_REASON_FIELD;
}

/* Translates 'match' for packets that the object knows to come from port
 * number 'in_port' into 'tr->key' and 'tr->mask'. */
enum xdp_reason
xdp_translate_match(const struct match *match, uint32_t in_port,
                    const struct xdp_caps *caps, struct xdp_translation *tr)
{
    const struct flow *flow = &match->flow;
    struct flow rest = match->wc.masks;
    uint64_t *key = (uint64_t *) &tr->key;
    uint64_t *mask = (uint64_t *) &tr->mask;
    uint32_t n_words = 0;

    memset(&tr->key, 0, sizeof tr->key);
    memset(&tr->mask, 0, sizeof tr->mask);
    tr->detail[0] = '\0';

    /* What a packet on its first pass from a port always is. */
    if (flow->recirc_id) {
        return XDP_REASON_RECIRC;
    }
    rest.recirc_id = 0;
    if (flow->packet_type != htonl(PT_ETH)) {
        return refuse_field(&rest, tr);
    }
    rest.packet_type = 0;

    tr->key.in_port = in_port;
    tr->mask.in_port = UINT32_MAX;
    memset(&rest.in_port, 0, sizeof rest.in_port);

/* Moves field OVS of the megaflow into member XDP of the key, if the object
 * has that. */
#define FIELD(XDP, OVS)                                                 \
    BUILD_ASSERT_DECL(sizeof tr->key.XDP == sizeof flow->OVS);          \
    if (!is_all_zeros(&caps->fields.XDP, sizeof caps->fields.XDP)) {    \
        memcpy(&tr->key.XDP, &flow->OVS, sizeof tr->key.XDP);           \
        memcpy(&tr->mask.XDP, &rest.OVS, sizeof tr->mask.XDP);          \
        memset(&rest.OVS, 0, sizeof rest.OVS);                          \
    }

    FIELD(dl_dst, dl_dst);
    FIELD(dl_src, dl_src);
    FIELD(dl_type, dl_type);
    FIELD(vlan_tpid0, vlans[0].tpid);
    FIELD(vlan_tci0, vlans[0].tci);
    FIELD(vlan_tpid1, vlans[1].tpid);
    FIELD(vlan_tci1, vlans[1].tci);

    /* The parser looks into IPv4 only, so these fields must not be used
     * unless the megaflow is certain to match nothing else. */
    if (flow->dl_type == htons(ETH_TYPE_IP)
        && tr->mask.dl_type == OVS_BE16_MAX) {
        FIELD(nw_src, nw_src);
        FIELD(nw_dst, nw_dst);
        FIELD(nw_frag, nw_frag);
        FIELD(nw_proto, nw_proto);
        FIELD(nw_tos, nw_tos);
        FIELD(nw_ttl, nw_ttl);
        FIELD(tp_src, tp_src);
        FIELD(tp_dst, tp_dst);

        /* flow_extract() stores something else here for ICMPv6. */
        if (flow->nw_proto == IPPROTO_TCP
            && tr->mask.nw_proto == UINT8_MAX) {
            FIELD(tcp_flags, tcp_flags);
        }
    }
#undef FIELD

    if (!flow_wildcards_is_catchall(&(struct flow_wildcards)
                                    { .masks = rest })) {
        return refuse_field(&rest, tr);
    }

    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        key[i] &= mask[i];
        n_words += mask[i] != 0;
    }
    if (n_words > caps->max_words) {
        ovs_strlcpy(tr->detail, "too many fields", sizeof tr->detail);
        return XDP_REASON_FIELD;
    }
    return XDP_REASON_NONE;
}

/* Returns a short name of OVS_ACTION_ATTR_* 'type', as in format_odp_actions()
 * where it has one word. */
static const char *
action_name(enum ovs_action_attr type)
{
    switch (type) {
    case OVS_ACTION_ATTR_OUTPUT: return "output";
    case OVS_ACTION_ATTR_USERSPACE: return "userspace";
    case OVS_ACTION_ATTR_SET: return "set";
    case OVS_ACTION_ATTR_PUSH_VLAN: return "push_vlan";
    case OVS_ACTION_ATTR_POP_VLAN: return "pop_vlan";
    case OVS_ACTION_ATTR_SAMPLE: return "sample";
    case OVS_ACTION_ATTR_RECIRC: return "recirc";
    case OVS_ACTION_ATTR_HASH: return "hash";
    case OVS_ACTION_ATTR_PUSH_MPLS: return "push_mpls";
    case OVS_ACTION_ATTR_POP_MPLS: return "pop_mpls";
    case OVS_ACTION_ATTR_SET_MASKED: return "set_masked";
    case OVS_ACTION_ATTR_CT: return "ct";
    case OVS_ACTION_ATTR_TRUNC: return "trunc";
    case OVS_ACTION_ATTR_PUSH_ETH: return "push_eth";
    case OVS_ACTION_ATTR_POP_ETH: return "pop_eth";
    case OVS_ACTION_ATTR_CT_CLEAR: return "ct_clear";
    case OVS_ACTION_ATTR_PUSH_NSH: return "push_nsh";
    case OVS_ACTION_ATTR_POP_NSH: return "pop_nsh";
    case OVS_ACTION_ATTR_METER: return "meter";
    case OVS_ACTION_ATTR_CLONE: return "clone";
    case OVS_ACTION_ATTR_CHECK_PKT_LEN: return "check_pkt_len";
    case OVS_ACTION_ATTR_ADD_MPLS: return "add_mpls";
    case OVS_ACTION_ATTR_TUNNEL_PUSH: return "tnl_push";
    case OVS_ACTION_ATTR_TUNNEL_POP: return "tnl_pop";
    case OVS_ACTION_ATTR_DROP: return "drop";
    case OVS_ACTION_ATTR_LB_OUTPUT: return "lb_output";
    case OVS_ACTION_ATTR_UNSPEC:
    case __OVS_ACTION_ATTR_MAX:
    default:
        return "unknown";
    }
}

/* Translates the 'actions_len' bytes of 'actions' into 'tr->ops', looking up
 * ports with 'lookup_port' and 'aux'. */
enum xdp_reason
xdp_translate_actions(const struct nlattr *actions, size_t actions_len,
                      const struct xdp_caps *caps,
                      xdp_translate_port_func *lookup_port, void *aux,
                      struct xdp_translation *tr)
{
    size_t max_ops = MIN(caps->max_ops, XDP_FLOW_MAX_OPS);
    const struct nlattr *a;
    bool done = false;
    size_t left;

    tr->n_ops = 0;
    tr->detail[0] = '\0';

    NL_ATTR_FOR_EACH (a, left, actions, actions_len) {
        enum ovs_action_attr type = nl_attr_type(a);
        const struct ovs_action_push_vlan *vlan;
        enum xdp_reason reason;
        struct xdp_op op;

        if (done) {
            if (type == OVS_ACTION_ATTR_OUTPUT) {
                return XDP_REASON_OUTPUTS;
            }
            snprintf(tr->detail, sizeof tr->detail, "%s after output",
                     action_name(type));
            return XDP_REASON_ACTION;
        }

        memset(&op, 0, sizeof op);
        switch (type) {
        case OVS_ACTION_ATTR_OUTPUT:
            op.type = XDP_OP_OUTPUT;
            reason = lookup_port(nl_attr_get_odp_port(a), &op.u.output.port,
                                 tr->detail, sizeof tr->detail, aux);
            if (reason) {
                return reason;
            }
            done = true;
            break;

        case OVS_ACTION_ATTR_PUSH_VLAN:
            vlan = nl_attr_get(a);
            op.type = XDP_OP_PUSH_VLAN;
            op.u.push_vlan.tpid = vlan->vlan_tpid;
            op.u.push_vlan.tci = vlan->vlan_tci & htons(~VLAN_CFI);
            break;

        case OVS_ACTION_ATTR_POP_VLAN:
            op.type = XDP_OP_POP_VLAN;
            break;

        case OVS_ACTION_ATTR_DROP:
            /* How ofproto says it; no action at all means the same. */
            tr->n_ops = 0;
            return XDP_REASON_NONE;

        case OVS_ACTION_ATTR_UNSPEC:
        case OVS_ACTION_ATTR_USERSPACE:
        case OVS_ACTION_ATTR_SET:
        case OVS_ACTION_ATTR_SAMPLE:
        case OVS_ACTION_ATTR_RECIRC:
        case OVS_ACTION_ATTR_HASH:
        case OVS_ACTION_ATTR_PUSH_MPLS:
        case OVS_ACTION_ATTR_POP_MPLS:
        case OVS_ACTION_ATTR_SET_MASKED:
        case OVS_ACTION_ATTR_CT:
        case OVS_ACTION_ATTR_TRUNC:
        case OVS_ACTION_ATTR_PUSH_ETH:
        case OVS_ACTION_ATTR_POP_ETH:
        case OVS_ACTION_ATTR_CT_CLEAR:
        case OVS_ACTION_ATTR_PUSH_NSH:
        case OVS_ACTION_ATTR_POP_NSH:
        case OVS_ACTION_ATTR_METER:
        case OVS_ACTION_ATTR_CLONE:
        case OVS_ACTION_ATTR_CHECK_PKT_LEN:
        case OVS_ACTION_ATTR_ADD_MPLS:
        case OVS_ACTION_ATTR_TUNNEL_PUSH:
        case OVS_ACTION_ATTR_TUNNEL_POP:
        case OVS_ACTION_ATTR_LB_OUTPUT:
        case __OVS_ACTION_ATTR_MAX:
        default:
            op.type = XDP_OP_NONE;
            break;
        }

        if (op.type == XDP_OP_NONE || !(caps->ops & UINT64_C(1) << op.type)) {
            ovs_strlcpy(tr->detail, action_name(type), sizeof tr->detail);
            return XDP_REASON_ACTION;
        }
        if (tr->n_ops >= max_ops) {
            return XDP_REASON_N_OPS;
        }
        tr->ops[tr->n_ops++] = op;
    }

    /* Changes to a packet that goes nowhere are not worth their time. */
    if (!done) {
        tr->n_ops = 0;
    }
    return XDP_REASON_NONE;
}
