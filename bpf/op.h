/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all ops have in common: how one gets at its slots, and how it says what
 * became of the packet.
 *
 * Each op is a function that the verifier looks at once, whoever calls it;
 * those that the lists of fast.h are made of can be had inline as well.
 * 'rest' is of the flow whose op is in slot 'i', 'layers' is the packet's
 * "struct xdp_layers" as a number.  It returns an enum op_result, as a number.
 *
 * Where userspace leaves a packet alone, because a transport header is not
 * complete, the packet is left alone here, too.  Where userspace takes for
 * granted that a header is there, the packet is too short if it is not.
 */

#ifndef BPF_OP_H
#define BPF_OP_H 1

#include "hook.h"
#include "maps.h"
#include "stats.h"
#include "verifier.h"

/* What an op, or a run of several, comes to.  Not verdicts, and no two
 * meanings share a number. */
enum op_result {
    /* Below zero: the packet has to be dropped, as op_drop() does.  Each is
     * the counter for it, negated. */
    OP_DROP_HEADROOM = -XDP_COUNTER_DROP_HEADROOM,
    OP_DROP_BAD_OP = -XDP_COUNTER_DROP_BAD_OP,
    OP_DROP_METER = -XDP_COUNTER_METER_DROPS,
    OP_DROP_TOO_SHORT = -XDP_COUNTER_DROP_TOO_SHORT,

    /* The next op may follow. */
    OP_OK = 0,
    OP_POPPED_LAST_LABEL,       /* The MPLS label stack is empty now. */

    /* A run of a list is over, and whoever began it goes on: what comes now
     * is not possible in a callback, or not worth it. */
    OP_END,                     /* There is no further op. */
    OP_OUTPUT,                  /* The last one that was run is an output. */
    OP_RECIRC,                  /* The last one is a recirculation. */
    OP_TNL_POP,                 /* The last one is the pop of a tunnel. */
};

/* Returns the op in slot 'i' of 'rest', which has 'n_data' data slots, or NULL
 * if there is no room for it, which cannot be. */
static __always_inline const struct xdp_op *
op_at(const struct xdp_flow_rest *rest, __u32 i, __u32 n_data)
{
    return rest && i < XDP_FLOW_MAX_OPS - n_data ? &rest->ops[i] : NULL;
}

/* Returns the op in slot 'i' of 'rest', where there is one. */
static __always_inline const struct xdp_op *
op_known(const struct xdp_flow_rest *rest, __u32 i)
{
    return &rest->ops[verifier_mask(i, XDP_FLOW_MAX_OPS - 1)];
}

/* Returns data slot 'n', from 1 on, of 'op'. */
static __always_inline const union xdp_op_data *
op_data(const struct xdp_op *op, __u32 n)
{
    return (const union xdp_op_data *) (op + n);
}

/* Returns 'layers' as what it is. */
static __always_inline struct xdp_layers
op_layers(__u64 layers)
{
    union {
        __u64 word;
        struct xdp_layers layers;
    } u = { .word = layers };

    return u.layers;
}

/* Counts a packet whose op had 'result', OP_DROP_*, and returns the
 * verdict for it. */
static __always_inline int
op_drop(int result)
{
    stats_count_rare(-result);
    return result == OP_DROP_METER ? HOOK_DROP : HOOK_ABORTED;
}

#endif /* op.h */
