/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The megaflows of the userspace datapath in the custody of the offload.
 *
 * Custody
 * =======
 *
 * xdp_custody_put() takes every megaflow of a port that has our flow API,
 * whether it can be in XDP now or not, and keeps it until the last of its
 * holders has deleted it.  Whatever happens to ports, drivers and objects in
 * between takes megaflows out of XDP and puts them back, but never out of
 * custody:
 *
 *   - dpif-netdev forgets about a megaflow whose put failed, and does not
 *     offer it again when a port has come back.  But most reasons go away: the
 *     target becomes able to take redirected packets, the table has room
 *     again, the port gets another object, the offload is switched on again.
 *     Then refused megaflows are tried again, from here.
 *
 *   - The statistics of a megaflow that was in XDP and had to leave must not
 *     get lost before somebody has read them, and never decrease.
 *
 * A put that is refused takes the old version of its megaflow out of XDP
 * before it returns.
 *
 * A megaflow is identified by its ufid, which covers match and mask, and its
 * ingress port of the datapath.  Each flow of the datapath that stands for it,
 * of which each PMD thread may have one, and more while it replaces one, is a
 * holder with a share of the statistics.  A holder is known by any number that
 * no other has at the same time: the address of the datapath's flow.  What
 * identifies a port is the datapath's number, not the netdev: the netdevs of
 * ports come and go, and two tunnel ports of the datapath can have one.
 *
 * Only datapaths of the type "netdev" are served.
 *
 * Thread safety
 * =============
 *
 * 'xdp_mutex' (see lib/xdp-mutex.h) protects everything.  Functions without
 * an annotation take it themselves.  Those that put megaflows and try
 * them again wait for a busy flow table, with no lock of ours; none of the
 * others waits for the kernel.  Those that look at many megaflows give the
 * mutex back after each XDP_CUSTODY_BATCH of them, or are called again and
 * again by somebody who does.  xdp_custody_retry() and xdp_custody_displace()
 * quiesce, too, whenever they have given it back: the main thread waits for
 * that.  So their caller must have no pointers that RCU protects.  All others
 * may be called by somebody who has.
 */

#ifndef XDP_CUSTODY_H
#define XDP_CUSTODY_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/thread.h"
#include "openvswitch/types.h"
#include "xdp-netdev.h"
#include "xdp-translate.h"

struct dpif_flow_stats;
struct ds;
struct match;
struct netdev;
struct nlattr;

/* How many megaflows are looked at before 'xdp_mutex' is given back. */
#define XDP_CUSTODY_BATCH 64

/* Sets of reasons, bit i for enum xdp_reason i, that can have passed when
 * something has happened. */
#define XDP_REASON_BIT(REASON) (1u << (REASON))

/* A port of the datapath, its object with its table, or what its driver can
 * do. */
#define XDP_RETRY_PORTS                                                 \
    (XDP_REASON_BIT(XDP_REASON_OFF)                                     \
     | XDP_REASON_BIT(XDP_REASON_NO_TABLE)                              \
     | XDP_REASON_BIT(XDP_REASON_RECIRC)                                \
     | XDP_REASON_BIT(XDP_REASON_FIELD)                                 \
     | XDP_REASON_BIT(XDP_REASON_ACTION)                                \
     | XDP_REASON_BIT(XDP_REASON_OUTPUTS)                               \
     | XDP_REASON_BIT(XDP_REASON_N_OPS)                                 \
     | XDP_REASON_BIT(XDP_REASON_TARGET_TYPE)                           \
     | XDP_REASON_BIT(XDP_REASON_TARGET)                                \
     | XDP_REASON_BIT(XDP_REASON_FLOWS_FULL)                            \
     | XDP_REASON_BIT(XDP_REASON_MASKS_FULL)                            \
     | XDP_REASON_BIT(XDP_REASON_GROUPS_FULL)                           \
     | XDP_REASON_BIT(XDP_REASON_DIGEST)                                \
     | XDP_REASON_BIT(XDP_REASON_SYSTEM))

/* Only whether packets can be redirected to a port. */
#define XDP_RETRY_TARGETS XDP_REASON_BIT(XDP_REASON_TARGET)

void xdp_custody_init(void);

/* What there is of a port, and what XDP has carried that came from it. */
struct xdp_custody_counts {
    odp_port_t port_no;
    uint64_t n_flows;           /* Megaflows. */
    uint64_t n_offloaded;       /* Of them, those in XDP. */
    uint64_t n_packets;
    uint64_t n_bytes;
};

/* Ports of the datapath. */
bool xdp_custody_can_serve(const struct netdev *);
void xdp_custody_port_added(odp_port_t, struct netdev *);
void xdp_custody_port_removed(odp_port_t, const char *dpif_type);
bool xdp_custody_netdev_enable(struct netdev *);
void xdp_custody_netdev_disable(struct netdev *);
void xdp_custody_netdev_flush(struct netdev *);
void xdp_custody_netdev_n_flows(const struct netdev *,
                                unsigned int (*get_index)(const ovs_u128 *),
                                uint64_t *n_flows);
odp_port_t *xdp_custody_take_new_ports(size_t *n);
void xdp_custody_count_port(odp_port_t, struct xdp_custody_counts *);
uint64_t xdp_custody_n_offloaded(void);

/* Megaflows. */
bool xdp_custody_put(odp_port_t in_port, uintptr_t holder,
                     const ovs_u128 *ufid, const struct match *,
                     const struct nlattr *actions, size_t actions_len,
                     odp_port_t orig_in_port);
bool xdp_custody_delete(odp_port_t in_port, uintptr_t holder,
                        const ovs_u128 *ufid);
void xdp_custody_stop(odp_port_t in_port, uintptr_t holder,
                      const ovs_u128 *ufid, bool is_asked);
bool xdp_custody_get(odp_port_t in_port, uintptr_t holder,
                     const ovs_u128 *ufid, uint64_t n_packets,
                     struct dpif_flow_stats *, bool *offloaded);

/* For lib/xdp-port*.c. */
bool xdp_custody_evict_some(const struct xdp_netdev *, size_t *position)
    OVS_REQUIRES(xdp_mutex);
bool xdp_custody_evict_ingress_some(const struct xdp_netdev *,
                                    size_t *position)
    OVS_REQUIRES(xdp_mutex);
bool xdp_custody_evict_leading_some(const struct xdp_netdev *,
                                    size_t *position)
    OVS_REQUIRES(xdp_mutex);
bool xdp_custody_evict_lost_some(size_t *position)
    OVS_REQUIRES(xdp_mutex);
bool xdp_custody_evict_tunnels_some(size_t *position)
    OVS_REQUIRES(xdp_mutex);
void xdp_custody_evict_all(void);
void xdp_custody_kick(uint32_t reasons) OVS_REQUIRES(xdp_mutex);
void xdp_custody_apply_vlan_limit(void) OVS_EXCLUDED(xdp_mutex);

/* For lib/xdp-worker.c. */
void xdp_custody_apply_source_ports(void) OVS_EXCLUDED(xdp_mutex);
void xdp_custody_room_freed(void) OVS_REQUIRES(xdp_mutex);
uint32_t xdp_custody_take_wanted(void);
bool xdp_custody_retry(uint32_t reasons);
bool xdp_custody_displace(void);
void xdp_custody_displace_wait(void);
uint64_t xdp_custody_seq(void);
void xdp_custody_wait(uint64_t seq);
uint64_t xdp_custody_shortage_seq(void);
void xdp_custody_shortage_wait(uint64_t seq);

#endif /* xdp-custody.h */
