/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choice of the flow offload driver: other_config:offload-driver.
 *
 * lib/netdev-offload.c tells us which providers there are, asks which of them
 * may be used, and passes on the configuration.  Without offload-driver it
 * works as it does without us, and 'linux_xdp' is not used.  So it does
 * without AF_XDP, whatever offload-driver is.
 *
 * Thread safety: all functions may be called from any thread, except that only
 * the main thread calls netdev_offload_driver_configure() and _apply().
 */

#ifndef NETDEV_OFFLOAD_DRIVER_H
#define NETDEV_OFFLOAD_DRIVER_H 1

#include <stdbool.h>

#include "openvswitch/compiler.h"

struct smap;

#define NETDEV_OFFLOAD_DRIVER_XDP "linux_xdp"

#ifdef HAVE_AF_XDP
void netdev_offload_driver_register(const char *type);
bool netdev_offload_driver_allows(const char *type);
void netdev_offload_driver_configure(const struct smap *other_config);
void netdev_offload_driver_apply(void);
#else
static inline void
netdev_offload_driver_register(const char *type OVS_UNUSED)
{
    /* Nothing. */
}

static inline bool
netdev_offload_driver_allows(const char *type OVS_UNUSED)
{
    return true;
}

static inline void
netdev_offload_driver_configure(const struct smap *other_config OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
netdev_offload_driver_apply(void)
{
    /* Nothing. */
}
#endif

#endif /* netdev-offload-driver.h */
