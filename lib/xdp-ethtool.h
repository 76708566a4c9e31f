/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The features of network devices ("ethtool -k"), through generic netlink,
 * family "ethtool" (Documentation/networking/ethtool-netlink.rst of the
 * kernel).
 *
 * For lib/xdp-view.c, lib/xdp-port-device.c and lib/xdp-companion.c.  Thread
 * safety: all functions may be called from any thread, with any lock.  They
 * ask the kernel, which may have to wait for whoever is just changing a
 * device.
 */

#ifndef XDP_ETHTOOL_H
#define XDP_ETHTOOL_H 1

#include <stdbool.h>

/* Receives the name of a feature that is on.  Returns true if it is one of
 * those that the caller means. */
typedef bool xdp_ethtool_func(const char *name, const void *aux);

int xdp_ethtool_find(int ifindex, xdp_ethtool_func *, const void *aux,
                     bool *found);
int xdp_ethtool_switch_off(int ifindex, xdp_ethtool_func *, const void *aux);
int xdp_ethtool_switch_on(int ifindex, const char *name);

#endif /* xdp-ethtool.h */
