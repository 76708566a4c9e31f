/* SPDX-License-Identifier: Apache-2.0 */
/* A translation under way: what it puts, and why it ends.  See
 * xdp-translate-private.h. */

#include <config.h>

#include "xdp-translate-private.h"

#include <stdio.h>
#include <string.h>

#include "packets.h"
#include "util.h"

/* Refuses the action under translation for 'reason', with 'detail' after its
 * name. */
enum xdp_reason
translate_refuse(const struct translator *t, enum xdp_reason reason,
                 const char *detail)
{
    snprintf(t->tr->detail, sizeof t->tr->detail, "%s%s", t->name, detail);
    return reason;
}

/* Returns true if the op 'type' with the data slots 'data' changes nothing by
 * which the connection of a packet is found.  (What address translation does
 * there, the program knows.) */
static bool
keeps_tuple(enum xdp_op_type type, const union xdp_op_data *data)
{
    switch (type) {
    case XDP_OP_OUTPUT:
    case XDP_OP_PUSH_VLAN:
    case XDP_OP_POP_VLAN:
    case XDP_OP_SET_VLAN:
    case XDP_OP_SET_ETHERNET:
    case XDP_OP_SET_IPV6:
    case XDP_OP_TRUNC:
    case XDP_OP_METER:
    case XDP_OP_HASH:
    case XDP_OP_RECIRC:
    case XDP_OP_CT:
    case XDP_OP_CT_CLEAR:
        return true;

    case XDP_OP_SET_IPV4:
        return !data->ipv4.src && !data->ipv4.dst;

    case XDP_OP_NONE:
    case XDP_OP_SET_IPV6_SRC:
    case XDP_OP_SET_IPV6_DST:
    case XDP_OP_SET_TCP:
    case XDP_OP_SET_UDP:
    case XDP_OP_SET_ICMP:
    case XDP_OP_SET_ARP:
    case XDP_OP_SET_ND_TARGET:
    case XDP_OP_SET_ND_LL:
    case XDP_OP_PUSH_MPLS:
    case XDP_OP_POP_MPLS:
    case XDP_OP_SET_MPLS:
    case XDP_OP_TNL_PUSH:
    case XDP_OP_TNL_POP:
    default:
        return false;
    }
}

/* Returns true if the op 'type' with the first slot '*op' leaves the packet as
 * it is. */
static bool
keeps_packet(enum xdp_op_type type, const struct xdp_op *op)
{
    return (type == XDP_OP_OUTPUT || type == XDP_OP_METER
            || type == XDP_OP_HASH || type == XDP_OP_CT_CLEAR
            || (type == XDP_OP_CT && !(op->u.ct.flags & XDP_CT_NAT)));
}

/* Appends the op 'type' with the first slot '*op' and 'n' data slots, from
 * 'data'. */
enum xdp_reason
translate_put_op(struct translator *t, enum xdp_op_type type,
                 const struct xdp_op *op, const union xdp_op_data *data,
                 size_t n)
{
    size_t max_ops = MIN(t->caps->max_ops, XDP_FLOW_MAX_OPS);
    struct xdp_flow_actions *actions = &t->tr->actions;
    struct xdp_op *p = &actions->ops[actions->n_ops];

    BUILD_ASSERT_DECL(sizeof *op == sizeof *data);
    t->popped = NULL;
    if (!(t->caps->ops & UINT64_C(1) << type)) {
        return translate_refuse(t, XDP_REASON_ACTION, "");
    }
    if (t->overflow || actions->n_ops + 1 + n > max_ops) {
        /* It may still turn out not to matter: see translate_output(). */
        t->overflow = t->overflow ? t->overflow : t->name;
        return XDP_REASON_NONE;
    }
    t->changed |= !keeps_packet(type, op);
    if (!t->new_tuple && !keeps_tuple(type, data)) {
        t->new_tuple = t->name;
    }
    *p = *op;
    p->type = type;
    p->n_data = n;
    if (n) {
        memcpy(p + 1, data, n * sizeof *data);
    }
    actions->n_ops += 1 + n;
    return XDP_REASON_NONE;
}

/* As translate_put_op(), for an op that is needed whether an output follows or
 * not. */
enum xdp_reason
translate_put_needed_op(struct translator *t, enum xdp_op_type type,
                        const struct xdp_op *op,
                        const union xdp_op_data *data, size_t n)
{
    enum xdp_reason reason = translate_put_op(t, type, op, data, n);

    if (!reason && t->overflow) {
        ovs_strlcpy(t->tr->detail, t->overflow, sizeof t->tr->detail);
        return XDP_REASON_N_OPS;
    }
    t->end = t->tr->actions.n_ops;
    return reason;
}

/* Returns true if the megaflow takes packets of Ethertype 'dl_type' only. */
bool
translate_is_dl_type(const struct translator *t, uint16_t dl_type)
{
    return (t->tr->mask.dl_type == OVS_BE16_MAX
            && t->tr->key.dl_type == htons(dl_type));
}

/* Returns true if the megaflow takes packets with an MPLS label stack only,
 * apart from what its actions do. */
bool
translate_is_mpls(const struct translator *t)
{
    return (translate_is_dl_type(t, ETH_TYPE_MPLS)
            || translate_is_dl_type(t, ETH_TYPE_MPLS_MCAST));
}
