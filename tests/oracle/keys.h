/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing the key of a packet.
 */

#ifndef KEYS_H
#define KEYS_H 1

#include "frames.h"
#include "oracle.h"

struct xdp_table_flow;

/* What to parse. */
struct xdp_table_flow *ask(enum asked);
void unask(struct xdp_table_flow *);

const char *parse_frame(const char *hex, struct frame *);
void check_key(const struct frame *, int vlan_limit, enum asked,
               const char *kind);

#endif /* keys.h */
