/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of what megaflows do.  See xdp-translate.h.
 */

#include <config.h>

#include "xdp-translate.h"

#include <string.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "util.h"

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

/* Translates the 'actions_len' bytes of 'actions' into 'tr->actions', looking
 * up ports with 'lookup_port' and 'aux'. */
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

    memset(&tr->actions, 0, sizeof tr->actions);
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
                                 &op.u.output.ifindex, tr->detail,
                                 sizeof tr->detail, aux);
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
            tr->actions.n_ops = 0;
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
        if (tr->actions.n_ops >= max_ops) {
            return XDP_REASON_N_OPS;
        }
        tr->actions.ops[tr->actions.n_ops++] = op;
    }

    /* Changes to a packet that goes nowhere are not worth their time. */
    if (!done) {
        tr->actions.n_ops = 0;
    }
    return XDP_REASON_NONE;
}
