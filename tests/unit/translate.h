/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the unit tests of the translation share: ports, an object that can do
 * everything, actions of a megaflow, and checks of what becomes of them.
 */

#ifndef UNIT_TRANSLATE_H
#define UNIT_TRANSLATE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofpbuf.h"
#include "xdp-translate.h"

/* Port N of the datapath has number N + 1 and ifindex N + 1001. */
#define NO_PORT_BASE 900        /* Ports from here on are no targets. */
#define NO_XDP_BASE 950         /* Ports from here on are not in XDP. */

/* What the megaflow matches whose actions are translated. */
extern struct xdp_key flow_key;
extern struct xdp_key flow_mask;

void all_caps(struct xdp_caps *);
void begin_actions(struct ofpbuf *, struct xdp_caps *);
void match_headers(uint16_t dl_type, uint8_t nw_proto);
void match_tags(size_t n);

/* Append actions. */
void put_output(struct ofpbuf *, uint32_t port);
void put_push_vlan(struct ofpbuf *, uint16_t tpid, uint16_t tci);
void put_pop_vlan(struct ofpbuf *);
void put_vxlan_push(struct ofpbuf *);
void put_set(struct ofpbuf *, uint16_t type, const void *value,
             const void *mask, size_t size);

/* Translate them. */
enum xdp_reason translate_actions(struct ofpbuf *, const struct xdp_caps *,
                                  struct xdp_translation *);
void check_actions_refused(struct ofpbuf *, const struct xdp_caps *,
                           enum xdp_reason expected, const char *detail);
bool is_output(const struct xdp_translation *, size_t i, uint32_t port);

#endif /* translate.h */
