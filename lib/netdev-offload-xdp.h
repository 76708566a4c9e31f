/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow offload provider 'linux_xdp' of OVS up to 3.6: a thin front.
 *
 * Only ports come through the flow API.  Megaflows go from dpif-netdev
 * directly to lib/xdp-custody.h, which has to know what the flow API does not
 * say: which PMD thread it is about.
 *
 * Thread safety: netdev_offload_xdp_register() once, before there are netdevs;
 * the other functions for lib/netdev-offload.c, with the lock of its ports.
 */

#ifndef NETDEV_OFFLOAD_XDP_H
#define NETDEV_OFFLOAD_XDP_H 1

#include "openvswitch/compiler.h"
#include "openvswitch/types.h"

struct netdev;
struct netdev_flow_api;

extern const struct netdev_flow_api netdev_offload_xdp;

#ifdef HAVE_AF_XDP
void netdev_offload_xdp_register(void);
void netdev_offload_xdp_port_added(odp_port_t, struct netdev *);
void netdev_offload_xdp_port_removed(odp_port_t, const char *dpif_type);
#else
static inline void
netdev_offload_xdp_port_added(odp_port_t port_no OVS_UNUSED,
                              struct netdev *netdev OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
netdev_offload_xdp_port_removed(odp_port_t port_no OVS_UNUSED,
                                const char *dpif_type OVS_UNUSED)
{
    /* Nothing. */
}
#endif

#endif /* netdev-offload-xdp.h */
