/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choice of the flow offload driver: other_config:offload-driver.
 *
 * lib/netdev-offload.c tells us which providers there are, asks which of them
 * may be used, and passes on the configuration.  Without offload-driver it
 * works as it does without us, and 'linux_xdp' is not used.
 *
 * Thread safety: all functions may be called from any thread, except that only
 * the main thread calls netdev_offload_driver_configure() and _apply().
 */

#ifndef NETDEV_OFFLOAD_DRIVER_H
#define NETDEV_OFFLOAD_DRIVER_H 1

#include <stdbool.h>

struct smap;

#define NETDEV_OFFLOAD_DRIVER_XDP "linux_xdp"

void netdev_offload_driver_register(const char *type);
bool netdev_offload_driver_allows(const char *type);
void netdev_offload_driver_configure(const struct smap *other_config);
void netdev_offload_driver_apply(void);

/* In dpif-netdev.c, from lib/dpif-netdev-reoffer.h. */
void dpif_netdev_reoffer_flows(void);

#endif /* netdev-offload-driver.h */
