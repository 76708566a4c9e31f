/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program may take for granted about a flow's list of ops.
 *
 * This module promises that a flow has one of the flags of the fast lists (see
 * enum xdp_flow_flags in lib/xdp-abi.h) only if its ops are such a list, and
 * that no packet grows by more, or needs something else, than it says.
 * lib/xdp-table-slot.c calls it when it fills a slot.  It has no state, and
 * may be called from any thread with any lock.
 */

#ifndef XDP_OP_FLAGS_H
#define XDP_OP_FLAGS_H 1

#include <stdint.h>

#include "xdp-flow-table.h"

uint32_t xdp_op_needs(const struct xdp_flow_actions *);
uint8_t xdp_op_flags(const struct xdp_flow_actions *);
int xdp_op_growth(const struct xdp_key *masked_key,
                  const struct xdp_flow_actions *);

#endif /* xdp-op-flags.h */
