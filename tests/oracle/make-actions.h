/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random actions, and what translation should say to them.
 */

#ifndef MAKE_ACTIONS_H
#define MAKE_ACTIONS_H 1

#include <stdbool.h>
#include <stdint.h>

#include "flows.h"

struct flow;
struct flow_wildcards;

void add_prerequisites(const struct flow *, struct flow_wildcards *);
void put_replace_vlan(struct ofpbuf *);
void make_actions(struct actions *, const struct flow *,
                  const struct flow_wildcards *);
void make_rewrite(struct actions *, const struct flow *);
void make_pass(struct actions *, const struct flow *,
               const struct flow_wildcards *, uint32_t recirc_id);
void count_fields(const struct actions *);
void report_actions(void);

/* judge-actions.c. */
bool is_refusal_right(const struct actions *, const struct flow *,
                      const struct flow_wildcards *, enum xdp_reason);

#endif /* make-actions.h */
