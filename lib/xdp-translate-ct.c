/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of what tracks connections, and what ends that.  See
 * xdp-translate-private.h.
 *
 * A program finds out whether it can carry a packet before it runs any op (see
 * Documentation/topics/conntrack.rst).  So what connections are found by must
 * be, at each "ct", as it was at the beginning of the pass, apart from address
 * translation.
 */

#include <config.h>

#include "xdp-translate-private.h"

#include <stdio.h>
#include <string.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "util.h"

/* A number and its mask, as OVS_CT_ATTR_MARK has them. */
struct ct_mark {
    uint32_t value;
    uint32_t mask;
};

/* As OVS_CT_ATTR_LABELS. */
struct ct_label {
    uint64_t value[2];
    uint64_t mask[2];
};

/* Takes what the attribute 'b' of the action says into 'op' and 'data', which
 * has room for label and mask.  It may come after others of its type.
 *
 * What only matters for new connections is left out: those are made in
 * userspace. */
static enum xdp_reason
translate_ct_attr(struct translator *t, const struct nlattr *b,
                  struct xdp_op *op, union xdp_op_data data[2])
{
    enum ovs_ct_attr type = nl_attr_type(b);
    size_t size = nl_attr_get_size(b);
    struct ct_label label;
    struct ct_mark mark;

    switch (type) {
    case OVS_CT_ATTR_COMMIT:
    case OVS_CT_ATTR_EVENTMASK:
    case OVS_CT_ATTR_TIMEOUT:
        return XDP_REASON_NONE;

    case OVS_CT_ATTR_FORCE_COMMIT:
        op->u.ct.flags |= XDP_CT_FORCE;
        return XDP_REASON_NONE;

    case OVS_CT_ATTR_NAT:
        op->u.ct.flags |= XDP_CT_NAT;
        return XDP_REASON_NONE;

    case OVS_CT_ATTR_ZONE:
        if (size < sizeof op->u.ct.zone) {
            break;
        }
        op->u.ct.zone = nl_attr_get_u16(b);
        return XDP_REASON_NONE;

    case OVS_CT_ATTR_MARK:
        if (size < sizeof mark) {
            break;
        }
        memcpy(&mark, nl_attr_get(b), sizeof mark);

        /* Userspace does not mask the value. */
        op->u.ct.mark = mark.value;
        op->u.ct.mark_mask = mark.mask | mark.value;
        return XDP_REASON_NONE;

    case OVS_CT_ATTR_LABELS:
        if (size < sizeof label) {
            break;
        }
        memcpy(&label, nl_attr_get(b), sizeof label);
        for (int i = 0; i < 2; i++) {
            data[0].label[i] = label.value[i];
            data[1].label[i] = label.mask[i] | label.value[i];
        }
        return XDP_REASON_NONE;

    case OVS_CT_ATTR_HELPER:
        return translate_refuse(t, XDP_REASON_ACTION, "(helper)");

    case OVS_CT_ATTR_UNSPEC:
    case __OVS_CT_ATTR_MAX:
    default:
        return translate_refuse(t, XDP_REASON_ACTION, "(unknown)");
    }
    return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
}

/* Translates what the action 'a' says into 'op' and 'data'. */
static enum xdp_reason
translate_ct_attrs(struct translator *t, const struct nlattr *a,
                   struct xdp_op *op, union xdp_op_data data[2])
{
    const struct nlattr *b;
    size_t left;

    NL_ATTR_FOR_EACH (b, left, nl_attr_get(a), nl_attr_get_size(a)) {
        enum xdp_reason reason = translate_ct_attr(t, b, op, data);

        if (reason) {
            return reason;
        }
    }
    return (left ? translate_refuse(t, XDP_REASON_ACTION, ", malformed")
            : XDP_REASON_NONE);
}

/* Checks that the packet can be tracked where the action stands. */
static enum xdp_reason
check_place(const struct translator *t)
{
    char detail[sizeof t->tr->detail];

    if (t->n_outputs) {
        /* Each of several copies would be tracked. */
        return translate_refuse(t, XDP_REASON_ORDER, " after an output");
    }
    if (t->new_tuple) {
        snprintf(detail, sizeof detail, " after %s", t->new_tuple);
        return translate_refuse(t, XDP_REASON_ORDER, detail);
    }
    if (!translate_is_dl_type(t, ETH_TYPE_IP)
        && !translate_is_dl_type(t, ETH_TYPE_IPV6)) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " without match on eth_type");
    }
    if (t->n_cts >= XDP_FLOW_MAX_CTS) {
        snprintf(detail, sizeof detail, ", more than %d", XDP_FLOW_MAX_CTS);
        return translate_refuse(t, XDP_REASON_N_OPS, detail);
    }
    return XDP_REASON_NONE;
}

/* Translates the action 'a', which tracks the packet. */
enum xdp_reason
translate_ct(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    union xdp_op_data data[2];
    enum xdp_reason reason;
    size_t n_data = 0;

    if (!xdp_contract_has_op(t->caps, XDP_OP_CT)) {
        return translate_refuse(t, XDP_REASON_ACTION, "");
    }
    memset(data, 0, sizeof data);
    reason = translate_ct_attrs(t, a, &op, data);
    if (!reason) {
        reason = check_place(t);
    }
    if (reason) {
        return reason;
    }
    if (t->untracks) {
        op.u.ct.flags |= XDP_CT_AFRESH;
        t->untracks = false;
    }
    if (!is_all_zeros(&data[1], sizeof data[1])) {
        op.u.ct.flags |= XDP_CT_LABEL;
        n_data = ARRAY_SIZE(data);
    }
    t->n_cts++;
    t->tr->actions.parts = TRANSLATE_ALL_PARTS;
    return translate_put_needed_op(t, XDP_OP_CT, &op, data, n_data);
}

/* Notes that the packet is to be tracked no longer.  What asks next for the
 * state of the connection says so: another "ct" by a flag, since what it finds
 * is known before any op is run, and a recirculation by
 * translate_untrack(). */
void
translate_ct_clear(struct translator *t)
{
    t->untracks |= (xdp_contract_has_op(t->caps, XDP_OP_CT)
                    && (t->n_cts || t->tr->key.recirc_id));
}

/* Puts the op of translate_ct_clear(), if one is still to be put, in front of
 * a recirculation. */
enum xdp_reason
translate_untrack(struct translator *t)
{
    const char *name = t->name;
    struct xdp_op op = { .type = 0 };
    enum xdp_reason reason;

    if (!t->untracks) {
        return XDP_REASON_NONE;
    }
    t->untracks = false;
    t->name = "ct_clear";
    reason = translate_put_op(t, XDP_OP_CT_CLEAR, &op, NULL, 0);
    t->name = name;
    return reason;
}
