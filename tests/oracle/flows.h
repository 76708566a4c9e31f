/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of random masks, and what OVS makes of their packets.
 */

#ifndef FLOWS_H
#define FLOWS_H 1

#include "execute.h"
#include "frames.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "oracle.h"
#include "xdp-flow-table.h"
#include "xdp-translate.h"

#define N_POOL 200          /* Random masks. */

/* The mask of the pool that has nothing behind the Ethernet header. */
#define ETHERNET_MASK 4

/* Actions, as netlink attributes. */
struct actions {
    struct ofpbuf buf;
    uint64_t stub[128];
};

/* A flow in the table and what is known about it. */
struct tested_flow {
    struct match match;
    struct device *device;      /* Where its packets come from. */
    struct actions actions;
    struct xdp_flow_actions ops; /* What they were translated to. */
    struct xdp_table_flow *flow;
    struct xdp_flow_table_stats stats; /* Expected. */
};

/* Masks. */
void init_pool(void);
void make_match(const struct flow *, size_t index, struct match *);
void make_exact_match(const struct flow *, struct match *);

/* Actions. */
void make_label(struct tested_flow *, uint16_t label);

/* The table. */
enum xdp_reason translate_flow(const struct match *, uint32_t port,
                               const struct ofpbuf *actions,
                               struct xdp_translation *);
enum xdp_reason put_flow(const struct match *, uint32_t port,
                         const struct actions *, struct xdp_table_flow **,
                         enum xdp_table_error *, struct xdp_translation *);
void init_tested(struct tested_flow *, struct device *);
enum xdp_reason put_tested(struct tested_flow *, enum xdp_table_error *,
                           struct xdp_translation *);
void reclaim(void);

/* Packets of a flow. */
void account(struct tested_flow *, const struct flow *, size_t size);
bool check_stats(const struct tested_flow *,
                 const struct xdp_flow_table_stats *got);
bool is_tracked(const struct tested_flow *);
bool is_odd_at_tc(const struct tested_flow *, const void *, size_t size);
bool stays_up(const struct tested_flow *, const struct frame *);
enum xdp_counter left_counter(const struct tested_flow *, const struct frame *,
                              const uint64_t before[XDP_COUNTER_MAX],
                              const uint64_t after[XDP_COUNTER_MAX]);
bool check_packet(const char *part, unsigned long int index, const char *what,
                  struct tested_flow *, const struct frame *, bool hit,
                  bool gone);
void finish_tested(const char *part, unsigned long int index,
                   struct tested_flow *, const struct frame *, bool ok);

#endif /* flows.h */
