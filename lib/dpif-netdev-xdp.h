/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dpif-netdev.c and the XDP offload call of each other.  Without AF_XDP
 * there is no offload, and what dpif-netdev.c calls does nothing.
 *
 * Thread safety: dpif_netdev_xdp_put() and dpif_netdev_xdp_del() are for one
 * thread at a time for each flow, in the order in which the datapath has put
 * and deleted: its offload thread, or in OVS 4.0 that of
 * lib/dpif-offload-xdp-queue.c.  dpif_netdev_xdp_stop() is for whoever deletes
 * the flow.  Those about datapaths are for whoever holds the lock of the list
 * of datapaths, and the others for anybody.  They wait for 'xdp_mutex', except
 * dpif_netdev_xdp_is_known(), which the thread's 'flow_mutex' may be held for.
 */

#ifndef DPIF_NETDEV_XDP_H
#define DPIF_NETDEV_XDP_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dpif-netdev-hooks.h"
#include "openvswitch/compiler.h"
#include "openvswitch/types.h"

struct dp_netdev_flow;
struct dp_netdev_pmd_thread;
struct dpif_flow_attrs;
struct dpif_flow_stats;
struct match;
struct nlattr;

#ifdef HAVE_AF_XDP
/* For dpif-netdev.c: thin wrappers around lib/xdp-custody.h that know "struct
 * dp_netdev_flow". */
void dpif_netdev_xdp_datapath_made(const char *name, const char *dpif_type);
void dpif_netdev_xdp_datapath_gone(const char *dpif_type);
bool dpif_netdev_xdp_put(const char *dpif_type, struct dp_netdev_flow *,
                         const struct nlattr *actions, size_t actions_len);
bool dpif_netdev_xdp_del(struct dp_netdev_flow *);
void dpif_netdev_xdp_stop(struct dp_netdev_flow *);
void dpif_netdev_xdp_add_status(struct dp_netdev_flow *,
                                struct dpif_flow_stats *,
                                struct dpif_flow_attrs *);
bool dpif_netdev_xdp_is_known(const struct dp_netdev_flow *);

/* For the offload. */
void dpif_netdev_xdp_get_match(const struct dp_netdev_flow *, struct match *);
#else
static inline void
dpif_netdev_xdp_datapath_made(const char *name OVS_UNUSED,
                              const char *dpif_type OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
dpif_netdev_xdp_datapath_gone(const char *dpif_type OVS_UNUSED)
{
    /* Nothing. */
}

static inline bool
dpif_netdev_xdp_put(const char *dpif_type OVS_UNUSED,
                    struct dp_netdev_flow *flow OVS_UNUSED,
                    const struct nlattr *actions OVS_UNUSED,
                    size_t actions_len OVS_UNUSED)
{
    return false;
}

static inline bool
dpif_netdev_xdp_del(struct dp_netdev_flow *flow OVS_UNUSED)
{
    return false;
}

static inline void
dpif_netdev_xdp_stop(struct dp_netdev_flow *flow OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
dpif_netdev_xdp_add_status(struct dp_netdev_flow *flow OVS_UNUSED,
                           struct dpif_flow_stats *stats OVS_UNUSED,
                           struct dpif_flow_attrs *attrs OVS_UNUSED)
{
    /* Nothing. */
}

static inline bool
dpif_netdev_xdp_is_known(const struct dp_netdev_flow *flow OVS_UNUSED)
{
    return false;
}
#endif

#endif /* dpif-netdev-xdp.h */
