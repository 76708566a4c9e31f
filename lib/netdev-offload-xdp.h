/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow offload provider 'linux_xdp'.
 *
 * Thread safety: see lib/xdp-port.h.
 */

#ifndef NETDEV_OFFLOAD_XDP_H
#define NETDEV_OFFLOAD_XDP_H 1

#include <stdbool.h>

#include "openvswitch/thread.h"
#include "openvswitch/types.h"
#include "xdp-port.h"

struct dpif_flow_stats;
struct netdev_flow_api;

/* What one flow of the userspace datapath has of the statistics of an
 * offloaded megaflow.  PMD threads have a flow each for the same megaflow, and
 * its statistics must be counted once.  Initially zero.  Protected by
 * 'xdp_mutex'. */
struct netdev_offload_xdp_share {
    uint64_t n_packets;
    uint64_t n_bytes;
};

extern const struct netdev_flow_api netdev_offload_xdp;

void netdev_offload_xdp_register(void);

/* For dpif-netdev.c. */
void netdev_offload_xdp_share_stats(const struct netdev *,
                                    const ovs_u128 *ufid,
                                    struct netdev_offload_xdp_share *,
                                    struct dpif_flow_stats *);

void netdev_offload_xdp_stop_flow(const ovs_u128 *ufid);

/* For xdp-port.c. */

void netdev_offload_xdp_evict(const struct xdp_netdev *port, bool ingress)
    OVS_REQUIRES(xdp_mutex);
void netdev_offload_xdp_kick(void) OVS_REQUIRES(xdp_mutex);

#endif /* netdev-offload-xdp.h */
