/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offering the flows of the userspace datapath to the offload once more.
 *
 * dpif-netdev offers a flow when it is made or modified.  Flows that were
 * there before the offload was switched on, before their port got a provider,
 * or that the former driver had, would otherwise never be offered while their
 * traffic lasts.  (Deleting them is no way out: ofproto would remember them,
 * and not let them be installed again for seconds.)
 *
 * Thread safety: for any thread that holds no lock of the datapath or of the
 * offload, and no pointers that RCU protects: it quiesces again and again.
 */

#ifndef DPIF_NETDEV_REOFFER_H
#define DPIF_NETDEV_REOFFER_H 1

#include <stddef.h>

#include "openvswitch/types.h"

void dpif_netdev_reoffer_all(void);
void dpif_netdev_reoffer_ports(const odp_port_t *, size_t n);

#endif /* dpif-netdev-reoffer.h */
