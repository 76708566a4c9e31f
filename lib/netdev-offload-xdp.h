/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow offload provider 'linux_xdp' of OVS up to 3.6: a thin front.
 *
 * Only ports come through the flow API.  Megaflows go from dpif-netdev
 * directly to lib/xdp-custody.h, which has to know what the flow API does not
 * say: which PMD thread it is about.
 */

#ifndef NETDEV_OFFLOAD_XDP_H
#define NETDEV_OFFLOAD_XDP_H 1

struct netdev_flow_api;

extern const struct netdev_flow_api netdev_offload_xdp;

/* Makes the provider and its commands known to OVS. */
void netdev_offload_xdp_register(void);

#endif /* netdev-offload-xdp.h */
