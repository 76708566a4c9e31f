/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of what megaflows do: the list of actions.  See xdp-translate.h.
 *
 * Attributes may have any length: nothing is read that is not there.
 */

#include <config.h>

#include "xdp-translate-private.h"

#include <stdio.h>
#include <string.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "util.h"
#include "xdp-ovs-compat.h"
#include "xdp-userspace.h"

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
#define NAME_NEW_ACTION(NAME, STRING) \
    case OVS_ACTION_ATTR_##NAME: return STRING;
    XDP_OVS_NEW_ACTIONS(NAME_NEW_ACTION)
    case OVS_ACTION_ATTR_UNSPEC:
    case __OVS_ACTION_ATTR_MAX:
    default:
        return "unknown";
    }
}

/* Lists of actions in each other: more than bridges in a row have ports. */
#define MAX_DEPTH 32

/* Returns true if 'actions' have an op of 'type'. */
static bool
has_op(const struct xdp_flow_actions *actions, enum xdp_op_type type)
{
    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        if (actions->ops[i].type == type) {
            return true;
        }
    }
    return false;
}

/* Returns true if 'actions' have an output to 'port'. */
static bool
has_output(const struct xdp_flow_actions *actions, uint32_t port)
{
    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        const struct xdp_op *op = &actions->ops[i];

        if (op->type == XDP_OP_OUTPUT && op->u.output.port == port) {
            return true;
        }
    }
    return false;
}

/* Translates an output to 'odp_port'. */
static enum xdp_reason
translate_output(struct translator *t, odp_port_t odp_port)
{
    struct xdp_translation *tr = t->tr;
    struct xdp_op op = { .type = 0 };
    struct xdp_translate_port port;
    enum xdp_reason reason;

    reason = t->lookup_port(odp_port, false, &port, tr->detail,
                            sizeof tr->detail, t->aux);
    if (reason) {
        return reason;
    }
    op.u.output.port = port.number;
    op.u.output.ifindex = port.ifindex;
    if (t->truncated) {
        return translate_refuse(t, XDP_REASON_ORDER, " after a truncated one");
    }
    if (t->n_outputs >= t->caps->max_outputs) {
        snprintf(tr->detail, sizeof tr->detail, "more than %"PRIu32,
                 t->caps->max_outputs);
        return XDP_REASON_OUTPUTS;
    }
    if (t->n_outputs && t->tunneled) {
        /* Whether a copy is too large is known of a single one only. */
        ovs_strlcpy(tr->detail, "several after tnl_push", sizeof tr->detail);
        return XDP_REASON_OUTPUTS;
    }
    if (has_output(&tr->actions, op.u.output.port)) {
        ovs_strlcpy(tr->detail, "two to one port", sizeof tr->detail);
        return XDP_REASON_OUTPUTS;
    }

    if (t->n_outputs && t->end < tr->actions.n_ops) {
        tr->actions.flags |= XDP_FLOW_COPIES_DIFFER;
    }
    reason = translate_put_op(t, XDP_OP_OUTPUT, &op, NULL, 0);
    if (!reason && t->overflow) {
        ovs_strlcpy(tr->detail, t->overflow, sizeof tr->detail);
        return XDP_REASON_N_OPS;
    }
    t->n_outputs++;
    t->truncated = t->truncates;
    t->end = tr->actions.n_ops;
    return reason;
}

static enum xdp_reason translate_list(struct translator *,
                                      const struct nlattr *actions,
                                      size_t actions_len);

/* Returns how many VLAN tags each packet of a megaflow of the masked key 'key'
 * has, at least. */
static size_t
count_tags(const struct xdp_key *key)
{
    return (!(key->vlan_tci0 & htons(VLAN_CFI)) ? 0
            : !(key->vlan_tci1 & htons(VLAN_CFI)) ? 1 : 2);
}

/* Translates the pop of a VLAN tag. */
static enum xdp_reason
translate_pop_vlan(struct translator *t)
{
    struct xdp_flow_actions *actions = &t->tr->actions;
    struct xdp_op op = { .type = 0 };
    enum xdp_reason reason;

    reason = translate_put_op(t, XDP_OP_POP_VLAN, &op, NULL, 0);
    if (t->n_tags) {
        t->n_tags--;
        if (!reason && !t->overflow) {
            t->popped = &actions->ops[actions->n_ops - 1];
        }
    }
    return reason;
}

/* Translates the push of a VLAN tag 'a'.  If one was popped right before,
 * overwriting that comes to the same. */
static enum xdp_reason
translate_push_vlan(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    struct ovs_action_push_vlan vlan;

    if (nl_attr_get_size(a) < sizeof vlan) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    memcpy(&vlan, nl_attr_get(a), sizeof vlan);
    op.u.push_vlan.tpid = vlan.vlan_tpid;
    op.u.push_vlan.tci = vlan.vlan_tci & htons(~VLAN_CFI);

    /* Under another Ethertype it is none to a pop that follows. */
    t->n_tags = eth_type_vlan(vlan.vlan_tpid) ? t->n_tags + 1 : 0;
    if (t->popped && xdp_contract_has_op(t->caps, XDP_OP_SET_VLAN)) {
        op.type = XDP_OP_SET_VLAN;
        *t->popped = op;
        t->popped = NULL;
        return XDP_REASON_NONE;
    }
    return translate_put_op(t, XDP_OP_PUSH_VLAN, &op, NULL, 0);
}

/* Translates the push of an MPLS label 'a'. */
static enum xdp_reason
translate_push_mpls(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    struct ovs_action_push_mpls mpls;

    if (nl_attr_get_size(a) < sizeof mpls) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    memcpy(&mpls, nl_attr_get(a), sizeof mpls);
    if (!eth_type_mpls(mpls.mpls_ethertype)) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " with another eth_type");
    }
    if (t->tr->mask.dl_type != OVS_BE16_MAX) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " without match on eth_type");
    }
    op.u.mpls.lse = mpls.mpls_lse;
    op.u.mpls.type = mpls.mpls_ethertype;
    t->mpls_changed = true;
    t->n_tags = 0;
    return translate_put_op(t, XDP_OP_PUSH_MPLS, &op, NULL, 0);
}

/* Translates the pop of an MPLS label 'a'. */
static enum xdp_reason
translate_pop_mpls(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };

    if (nl_attr_get_size(a) < sizeof(ovs_be16)) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (!t->mpls_changed && !translate_is_mpls(t)) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " without match on eth_type");
    }
    op.u.mpls.type = nl_attr_get_be16(a);
    t->mpls_changed = t->mpls_popped = true;
    t->n_tags = 0;
    return translate_put_op(t, XDP_OP_POP_MPLS, &op, NULL, 0);
}

/* Translates the truncation 'a', of which 'next' is the following action, or
 * NULL. */
static enum xdp_reason
translate_trunc(struct translator *t, const struct nlattr *a,
                const struct nlattr *next)
{
    struct xdp_op op = { .type = 0 };
    struct ovs_action_trunc trunc;

    if (nl_attr_get_size(a) < sizeof trunc) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    memcpy(&trunc, nl_attr_get(a), sizeof trunc);
    if (trunc.max_len < ETH_HEADER_LEN) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " to less than an Ethernet header");
    }
    if (!next || nl_attr_type(next) != OVS_ACTION_ATTR_OUTPUT) {
        return translate_refuse(t, XDP_REASON_ORDER,
                                " not right before an output");
    }
    op.u.trunc.max_len = trunc.max_len;
    t->truncates = true;
    return translate_put_op(t, XDP_OP_TRUNC, &op, NULL, 0);
}

/* Translates the meter 'a'. */
static enum xdp_reason
translate_meter(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    uint32_t id;

    if (nl_attr_get_size(a) < sizeof id) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (t->n_outputs) {
        /* Each of several copies would be metered. */
        return translate_refuse(t, XDP_REASON_ORDER, " after an output");
    }
    id = nl_attr_get_u32(a);
    if (id >= XDP_METER_MAX) {
        snprintf(t->tr->detail, sizeof t->tr->detail,
                 "meter %"PRIu32" of the datapath, more than %d", id,
                 XDP_METER_MAX - 1);
        return XDP_REASON_METER;
    }
    op.u.meter.id = id;
    t->metered = true;
    return translate_put_needed_op(t, XDP_OP_METER, &op, NULL, 0);
}

/* Translates the hash 'a'. */
static enum xdp_reason
translate_hash(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    struct ovs_action_hash hash;

    if (nl_attr_get_size(a) < sizeof hash) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    memcpy(&hash, nl_attr_get(a), sizeof hash);
#if defined(__SSE4_2__) || defined(__ARM_FEATURE_CRC32)
    return translate_refuse(t, XDP_REASON_ACTION,
                            " by this processor's instructions");
#endif
    switch ((enum ovs_hash_alg) hash.hash_alg) {
    case OVS_HASH_ALG_L4:
        if (t->mpls_popped) {
            return translate_refuse(t, XDP_REASON_ORDER, " after pop_mpls");
        }
        break;
    case OVS_HASH_ALG_SYM_L4:
        if (t->changed) {
            return translate_refuse(t, XDP_REASON_ORDER, " after a change");
        }
        break;
    case __OVS_HASH_MAX:
    default:
        return translate_refuse(t, XDP_REASON_ACTION, ", unknown algorithm");
    }
    op.u.hash.alg = hash.hash_alg;
    op.u.hash.basis = hash.hash_basis;
    t->tr->actions.parts = TRANSLATE_ALL_PARTS;
    return translate_put_op(t, XDP_OP_HASH, &op, NULL, 0);
}

/* Translates the recirculation 'a', of which 'next' is the following action,
 * or NULL. */
static enum xdp_reason
translate_recirc(struct translator *t, const struct nlattr *a,
                 const struct nlattr *next)
{
    struct xdp_op op = { .type = 0 };
    enum xdp_reason reason;

    if (nl_attr_get_size(a) < sizeof op.u.recirc.id || !nl_attr_get_u32(a)) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (t->n_outputs) {
        return translate_refuse(t, XDP_REASON_ORDER, " after an output");
    }
    if (next) {
        return translate_refuse(t, XDP_REASON_ORDER, " before other actions");
    }
    op.u.recirc.id = nl_attr_get_u32(a);
    reason = translate_untrack(t);
    if (reason) {
        return reason;
    }

    /* A later pass, here or in userspace, may ask for the hash of the packet
     * as it is now. */
    t->tr->actions.parts = TRANSLATE_ALL_PARTS;
    return translate_put_needed_op(t, XDP_OP_RECIRC, &op, NULL, 0);
}

/* Refuses the userspace or sample action 'a', and says what it is for. */
static enum xdp_reason
refuse_userspace(const struct translator *t, const struct nlattr *a)
{
    char purpose[sizeof t->tr->detail];

    xdp_userspace_describe(a, purpose, sizeof purpose);
    return translate_refuse(t, XDP_REASON_ACTION, purpose);
}

/* Translates the action 'a', of which 'next' is the following one, or NULL. */
static enum xdp_reason
translate_action(struct translator *t, const struct nlattr *a,
                 const struct nlattr *next)
{
    enum ovs_action_attr type = nl_attr_type(a);

    t->name = action_name(type);
    if (t->tunneled && !translate_can_follow_push(a)) {
        return translate_refuse(t, XDP_REASON_ORDER, " after tnl_push");
    }
    switch (type) {
    case OVS_ACTION_ATTR_OUTPUT:
        if (nl_attr_get_size(a) < sizeof(uint32_t)) {
            return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
        }
        return translate_output(t, nl_attr_get_odp_port(a));

    case OVS_ACTION_ATTR_PUSH_VLAN:
        return translate_push_vlan(t, a);

    case OVS_ACTION_ATTR_POP_VLAN:
        return translate_pop_vlan(t);

    case OVS_ACTION_ATTR_SET:
        return translate_set(t, a, false);

    case OVS_ACTION_ATTR_SET_MASKED:
        return translate_set(t, a, true);

    case OVS_ACTION_ATTR_PUSH_MPLS:
        return translate_push_mpls(t, a);

    case OVS_ACTION_ATTR_POP_MPLS:
        return translate_pop_mpls(t, a);

    case OVS_ACTION_ATTR_TRUNC:
        return translate_trunc(t, a, next);

    case OVS_ACTION_ATTR_METER:
        return translate_meter(t, a);

    case OVS_ACTION_ATTR_HASH:
        return translate_hash(t, a);

    case OVS_ACTION_ATTR_RECIRC:
        return translate_recirc(t, a, next);

    case OVS_ACTION_ATTR_TUNNEL_PUSH:
        return translate_tnl_push(t, a);

    case OVS_ACTION_ATTR_TUNNEL_POP:
        return translate_tnl_pop(t, a, next);

    case OVS_ACTION_ATTR_CLONE:
        /* What follows would get the packet as it was before. */
        if (next) {
            return translate_refuse(t, XDP_REASON_ORDER,
                                    " before other actions");
        }
        if (++t->depth > MAX_DEPTH) {
            return translate_refuse(t, XDP_REASON_N_OPS,
                                    " in too many others");
        }
        return translate_list(t, nl_attr_get(a), nl_attr_get_size(a));

    case OVS_ACTION_ATTR_CT:
        return translate_ct(t, a);

    case OVS_ACTION_ATTR_CT_CLEAR:
        translate_ct_clear(t);
        return XDP_REASON_NONE;

    case OVS_ACTION_ATTR_DROP:
        /* How ofproto says it; no action at all means nearly the same. */
        if (next || t->n_outputs) {
            return translate_refuse(t, XDP_REASON_ORDER, "");
        }

        /* All packets of the flow count as dropped for that reason, which is
         * looked for among its outermost actions. */
        if (t->metered) {
            return translate_refuse(t, XDP_REASON_ORDER, " after meter");
        }
        if (t->depth) {
            return translate_refuse(t, XDP_REASON_ORDER, " in clone");
        }
        t->tr->actions.flags |= XDP_FLOW_EXPLICIT_DROP;
        return XDP_REASON_NONE;

    case OVS_ACTION_ATTR_USERSPACE:
    case OVS_ACTION_ATTR_SAMPLE:
        return refuse_userspace(t, a);

    case OVS_ACTION_ATTR_UNSPEC:
    case OVS_ACTION_ATTR_PUSH_ETH:
    case OVS_ACTION_ATTR_POP_ETH:
    case OVS_ACTION_ATTR_PUSH_NSH:
    case OVS_ACTION_ATTR_POP_NSH:
    case OVS_ACTION_ATTR_CHECK_PKT_LEN:
    case OVS_ACTION_ATTR_ADD_MPLS:
    case OVS_ACTION_ATTR_LB_OUTPUT:
#define REFUSE_NEW_ACTION(NAME, STRING) case OVS_ACTION_ATTR_##NAME:
    XDP_OVS_NEW_ACTIONS(REFUSE_NEW_ACTION)
    case __OVS_ACTION_ATTR_MAX:
    default:
        return translate_refuse(t, XDP_REASON_ACTION, "");
    }
}

/* Translates the 'actions_len' bytes of 'actions'. */
static enum xdp_reason
translate_list(struct translator *t, const struct nlattr *actions,
               size_t actions_len)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH (a, left, actions, actions_len) {
        size_t len = NLA_ALIGN(a->nla_len);
        const struct nlattr *next = nl_attr_next(a);
        enum xdp_reason reason;

        if (left <= len || !nl_attr_is_valid(next, left - len)) {
            next = NULL;
        }
        reason = translate_action(t, a, next);
        if (reason) {
            return reason;
        }
    }
    if (left) {
        ovs_strlcpy(t->tr->detail, "malformed", sizeof t->tr->detail);
        return XDP_REASON_ACTION;
    }
    return XDP_REASON_NONE;
}

/* Translates the 'actions_len' bytes of 'actions' into 'tr->actions', looking
 * up ports with 'lookup_port' and 'aux'.  'tr->key' and 'tr->mask' must be
 * those of the megaflow, from xdp_translate_match(). */
enum xdp_reason
xdp_translate_actions(const struct nlattr *actions, size_t actions_len,
                      const struct xdp_caps *caps,
                      xdp_translate_port_func *lookup_port, void *aux,
                      struct xdp_translation *tr)
{
    struct translator t = {
        .caps = caps,
        .lookup_port = lookup_port,
        .aux = aux,
        .tr = tr,
        .n_tags = count_tags(&tr->key),
    };
    enum xdp_reason reason;

    memset(&tr->actions, 0, sizeof tr->actions);
    tr->detail[0] = '\0';
    reason = translate_list(&t, actions, actions_len);
    if (reason) {
        return reason;
    }

    /* Changes to a packet that goes nowhere are not worth their time. */
    tr->actions.n_ops = t.end;
    if (!has_op(&tr->actions, XDP_OP_TNL_PUSH)) {
        tr->actions.flags &= ~XDP_FLOW_TNL_PUSH;
    }
    return XDP_REASON_NONE;
}
