/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dpif-netdev.c calls about the flows of its PMD threads: thin wrappers
 * around lib/xdp-custody.h, which know "struct dp_netdev_flow".
 *
 * Thread safety: dpif_netdev_xdp_put() and dpif_netdev_xdp_del() are for the
 * offload thread of the flow, in the order in which the datapath has put and
 * deleted; dpif_netdev_xdp_stop() for whoever deletes the flow, with the
 * thread's 'flow_mutex'; dpif_netdev_xdp_add_status() for anybody.
 */

#ifndef DPIF_NETDEV_XDP_H
#define DPIF_NETDEV_XDP_H 1

#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/types.h"

struct dp_netdev_flow;
struct dpif_flow_attrs;
struct dpif_flow_stats;
struct match;
struct nlattr;

bool dpif_netdev_xdp_put(const char *dpif_type, struct dp_netdev_flow *,
                         const struct nlattr *actions, size_t actions_len);
bool dpif_netdev_xdp_del(struct dp_netdev_flow *);
void dpif_netdev_xdp_stop(struct dp_netdev_flow *);
void dpif_netdev_xdp_add_status(struct dp_netdev_flow *,
                                struct dpif_flow_stats *,
                                struct dpif_flow_attrs *);
void dpif_netdev_xdp_get_match(const struct dp_netdev_flow *, struct match *);

/* Implemented in lib/dpif-netdev-reoffer.h. */
void dpif_netdev_xdp_offer_ports(const odp_port_t *, size_t n);

#endif /* dpif-netdev-xdp.h */
