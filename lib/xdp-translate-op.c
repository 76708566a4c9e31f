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
    if (!(t->caps->ops & UINT64_C(1) << type)) {
        return translate_refuse(t, XDP_REASON_ACTION, "");
    }
    if (t->overflow || actions->n_ops + 1 + n > max_ops) {
        /* It may still turn out not to matter: see translate_output(). */
        t->overflow = t->overflow ? t->overflow : t->name;
        return XDP_REASON_NONE;
    }
    t->changed |= (type != XDP_OP_OUTPUT && type != XDP_OP_METER
                   && type != XDP_OP_HASH);
    *p = *op;
    p->type = type;
    p->n_data = n;
    if (n) {
        memcpy(p + 1, data, n * sizeof *data);
    }
    actions->n_ops += 1 + n;
    return XDP_REASON_NONE;
}

/* Appends the op 'type', 'op', which gives the packet another pass. */
enum xdp_reason
translate_put_last_op(struct translator *t, enum xdp_op_type type,
                      const struct xdp_op *op)
{
    enum xdp_reason reason = translate_put_op(t, type, op, NULL, 0);

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
