/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing the key of a packet.
 */

#ifndef KEYS_H
#define KEYS_H 1

#include "frames.h"
#include "oracle.h"

struct flow;
struct xdp_table_flow;

/* What to parse. */
struct xdp_table_flow *ask(enum asked);
struct xdp_table_flow *ask_port(uint32_t port, enum asked);
void unask(struct xdp_table_flow *);

void key_from_flow(const struct flow *, uint32_t port, struct xdp_key *);
const char *parse_frame(const char *hex, struct frame *);
void check_key(const struct frame *, int vlan_limit, enum asked,
               const char *kind);

#endif /* keys.h */
