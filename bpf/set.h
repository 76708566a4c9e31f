/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all ops that set fields have in common.
 *
 * Each op is a function that the verifier looks at once, whoever calls it;
 * those that XDP_FLOW_REWRITE is made of can be had inline as well.
 * 'rest' is of the flow whose op is in slot 'i', 'layers' is the packet's
 * "struct xdp_layers" as a number.  It returns SET_OK, or the counter under
 * which the packet has to be dropped.
 *
 * Where userspace leaves a packet alone, because a transport header is not
 * complete, the packet is left alone here, too.  Where userspace takes for
 * granted that a header is there, the packet is too short if it is not.
 */

#ifndef BPF_SET_H
#define BPF_SET_H 1

#include "maps.h"
#include "parse_common.h"

#define SET_OK 0

/* Returns 'old' with the bits in 'mask' replaced by those of 'value', which is
 * zero elsewhere. */
#define SET_BITS(OLD, VALUE, MASK) ((VALUE) | ((OLD) & ~(MASK)))

/* Returns the op in slot 'i' of 'rest', which has 'n_data' data slots, or NULL
 * if there is no room for it, which cannot be. */
static __always_inline const struct xdp_op *
set_op(const struct xdp_flow_rest *rest, __u32 i, __u32 n_data)
{
    return rest && i < XDP_FLOW_MAX_OPS - n_data ? &rest->ops[i] : NULL;
}

/* Returns data slot 'n', from 1 on, of 'op'. */
static __always_inline const union xdp_op_data *
set_data(const struct xdp_op *op, __u32 n)
{
    return (const union xdp_op_data *) (op + n);
}

/* Returns 'layers' as what it is. */
static __always_inline struct xdp_layers
set_layers(__u64 layers)
{
    union {
        __u64 word;
        struct xdp_layers layers;
    } u = { .word = layers };

    return u.layers;
}

#endif /* set.h */
