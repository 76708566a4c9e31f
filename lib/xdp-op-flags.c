/* SPDX-License-Identifier: Apache-2.0 */
/* What a flow's list of ops is like.  See xdp-op-flags.h. */

#include <config.h>

#include "xdp-op-flags.h"

#include <stdbool.h>
#include <string.h>

#include "packets.h"
#include "util.h"
#include "xdp-abi-tc.h"

/* A step of a list, which any one op of these may take, or none. */
typedef enum xdp_op_type op_step[2];

/* Returns how many slots at the beginning of 'actions' the 'n' steps of
 * 'steps' take. */
static uint32_t
take_steps(const struct xdp_flow_actions *actions, const op_step steps[],
           size_t n)
{
    const struct xdp_op *ops = actions->ops;
    uint32_t i = 0;

    for (size_t step = 0; step < n && i < actions->n_ops; step++) {
        if (ops[i].type == steps[step][0] || ops[i].type == steps[step][1]) {
            i += 1 + ops[i].n_data;
        }
    }
    return i;
}

/* Returns true if 'actions' are those of XDP_FLOW_REWRITE without
 * XDP_OP_CT. */
static bool
is_rewrite(const struct xdp_flow_actions *actions)
{
    static const op_step steps[] = {
        { XDP_OP_SET_ETHERNET, XDP_OP_SET_ETHERNET },
        { XDP_OP_SET_IPV4, XDP_OP_SET_IPV6 },
        { XDP_OP_SET_TCP, XDP_OP_SET_UDP },
        { XDP_OP_POP_VLAN, XDP_OP_POP_VLAN },
        { XDP_OP_PUSH_VLAN, XDP_OP_SET_VLAN },
    };
    uint32_t i = take_steps(actions, steps, ARRAY_SIZE(steps));

    return (i && i + 1 == actions->n_ops
            && actions->ops[i].type == XDP_OP_OUTPUT);
}

/* Returns true if 'actions' are those of XDP_FLOW_REWRITE with XDP_OP_CT. */
static bool
is_tracked_rewrite(const struct xdp_flow_actions *actions)
{
    static const op_step steps[] = {
        { XDP_OP_CT, XDP_OP_CT },
        { XDP_OP_SET_ETHERNET, XDP_OP_SET_ETHERNET },
        { XDP_OP_SET_IPV4, XDP_OP_SET_IPV6 },
        { XDP_OP_CT, XDP_OP_CT },
    };
    uint32_t i = take_steps(actions, steps, ARRAY_SIZE(steps));
    bool tracked = false;

    for (uint32_t j = 0; j < i; j += 1 + actions->ops[j].n_data) {
        tracked |= actions->ops[j].type == XDP_OP_CT;
    }
    return (tracked && i + 1 == actions->n_ops
            && (actions->ops[i].type == XDP_OP_OUTPUT
                || actions->ops[i].type == XDP_OP_RECIRC));
}

/* Returns the enum xdp_flow_flags of a flow with 'actions'. */
uint8_t
xdp_op_flags(const struct xdp_flow_actions *actions)
{
    const struct xdp_op *ops = actions->ops;
    const struct xdp_op *last;
    bool outputs;

    if (!actions->n_ops) {
        return actions->flags;
    }
    last = &ops[actions->n_ops - 1];
    outputs = last->type == XDP_OP_OUTPUT;
    switch (ops[0].type) {
    case XDP_OP_OUTPUT:
        return actions->flags | (actions->n_ops == 1 ? XDP_FLOW_SIMPLE : 0);
    case XDP_OP_PUSH_VLAN:
        return (actions->flags
                | (actions->n_ops == 2 && outputs && ops[0].u.push_vlan.tpid
                   ? XDP_FLOW_SIMPLE
                   : is_rewrite(actions) ? XDP_FLOW_REWRITE : 0));
    case XDP_OP_POP_VLAN:
    case XDP_OP_SET_VLAN:
        return (actions->flags
                | (actions->n_ops == 2 && outputs
                   && (ops[0].type == XDP_OP_POP_VLAN
                       || ops[0].u.push_vlan.tpid)
                   ? XDP_FLOW_SIMPLE | XDP_FLOW_POP_VLAN
                   : is_rewrite(actions) ? XDP_FLOW_REWRITE : 0));
    case XDP_OP_RECIRC:
    case XDP_OP_TNL_POP:
        return actions->flags | (actions->n_ops == 1 ? XDP_FLOW_SHORT : 0);
    case XDP_OP_HASH:
        return (actions->flags
                | (last == &ops[1] && last->type == XDP_OP_RECIRC
                   ? XDP_FLOW_SHORT : 0));
    case XDP_OP_TNL_PUSH:
        return (actions->flags
                | (last == &ops[1 + ops[0].n_data] && outputs
                   ? XDP_FLOW_SHORT : 0));
    default:
        return (actions->flags
                | (is_rewrite(actions) || is_tracked_rewrite(actions)
                   ? XDP_FLOW_REWRITE : 0));
    }
}

/* Returns by how many bytes a packet of a flow of the masked key 'key' is
 * longer at one of the outputs of 'actions' than it was at first, if anything
 * more than it can be.  A label may not be there to be popped, and a packet
 * not long enough to be truncated.  INT16_MIN without outputs. */
int
xdp_op_growth(const struct xdp_key *key,
              const struct xdp_flow_actions *actions)
{
    int n_tags = ((key->vlan_tci0 & htons(VLAN_CFI) ? 1 : 0)
                  + (key->vlan_tci1 & htons(VLAN_CFI) ? 1 : 0));
    int max = INT16_MIN;
    int growth = 0;

    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        switch (actions->ops[i].type) {
        case XDP_OP_OUTPUT:
            max = MAX(max, growth);
            break;
        case XDP_OP_PUSH_VLAN:
            growth += VLAN_HEADER_LEN;
            n_tags++;
            break;
        case XDP_OP_POP_VLAN:
            if (n_tags) {
                growth -= VLAN_HEADER_LEN;
                n_tags--;
            }
            break;
        case XDP_OP_PUSH_MPLS:
            growth += MPLS_HLEN;
            break;
        case XDP_OP_TNL_PUSH:
            growth += actions->ops[i].u.tnl_push.header_len;
            break;
        }
    }
    return max;
}

/* Returns the enum xdp_flow_needs of a flow with 'actions'. */
uint32_t
xdp_op_needs(const struct xdp_flow_actions *actions)
{
    uint32_t needs = 0;
    bool pushes = false;

    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        const struct xdp_op *op = &actions->ops[i];
        union xdp_op_data mask;

        switch (op->type) {
        case XDP_OP_METER:
            needs |= XDP_NEEDS_SINGLE;
            break;
        case XDP_OP_SET_IPV4:
            memcpy(&mask, op + 1, sizeof mask);
            needs |= mask.ipv4.src | mask.ipv4.dst ? XDP_NEEDS_OWN_CSUM : 0;
            break;
        case XDP_OP_SET_IPV6_SRC:
        case XDP_OP_SET_IPV6_DST:
        case XDP_OP_SET_UDP:
            needs |= XDP_NEEDS_OWN_CSUM;
            break;
        case XDP_OP_PUSH_VLAN:
        case XDP_OP_TNL_PUSH:
            pushes = true;
            break;
        case XDP_OP_PUSH_MPLS:
        case XDP_OP_POP_MPLS:
            needs |= XDP_NEEDS_SINGLE | XDP_NEEDS_PLAIN;
            pushes |= op->type == XDP_OP_PUSH_MPLS;
            break;
        }
    }
    return needs | (pushes ? 0 : XDP_NEEDS_NO_TAG_ROOM);
}
