/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of ports: which AF_XDP netdevs and tunnels there are, under
 * which number the tables of all objects know each, in which mode it receives
 * packets, and whether the offload is on for all of them.
 *
 * This module calls nothing above the flow tables: it knows neither megaflows
 * nor how a port is attached.  lib/xdp-port*.c write what it keeps;
 * lib/xdp-custody*.c, lib/xdp-offer.c and lib/xdp-command.c look things up,
 * and add and remove tunnels.
 *
 * Thread safety: the caller of any function here holds 'xdp_mutex'.
 */

#ifndef XDP_NETDEV_H
#define XDP_NETDEV_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/thread.h"
#include "openvswitch/types.h"
#include "xdp-abi.h"
#include "xdp-mutex.h"
#include "xdp-tc.h"

struct netdev;
struct xdp_companion;
struct xdp_flow_table;
struct xdp_flow_table_limits;
struct xdp_object;

/* Beside XDP_FLAGS_*_MODE: the flow table is at tc, not at XDP. */
#define XDP_NETDEV_TC (UINT32_C(1) << 31)

/* An AF_XDP netdev, from its first configuration to its destruction, or a
 * tunnel port of the datapath whose header XDP can pop, as long as its netdev
 * has our flow API.
 * Protected by 'xdp_mutex'; only lib/xdp-port*.c write what has no other note.
 *
 * A tunnel never has an 'object': it is an ingress port of the tables of all
 * objects, whose packets pop its header.  A flow behind it is in the table of
 * the port where the flow's first packet came in. */
struct xdp_netdev {
    struct hmap_node node;      /* In the list of all ports, by 'netdev'. */
    char *name;                 /* Of the device, or the datapath's name of the
                                 * tunnel. */
    struct netdev *netdev;      /* Not a reference; NULL for a tunnel. */
    enum xdp_tunnel_type tunnel; /* Or XDP_TUNNEL_NONE. */

    /* Configuration. */
    char *option;               /* options:xdp-obj or NULL. */
    bool has_good;              /* Has any configuration worked? */
    char *good_option;          /* The last 'option' that did, may be NULL. */
    char *rejected;             /* Why a value for 'option' was refused since,
                                 * or NULL. */
    bool vlan_visible;          /* options:xdp-vlan-visible. */
    bool stale;                 /* Must be reconfigured. */
    char *problem;              /* Why it is not as configured, or NULL. */
    char *device_problem;       /* See xdp_device_problem(). */

    /* State, while 'object' is nonnull. */
    struct xdp_object *object;
    bool gone;                  /* Device left; 'object' is NULL since, or will
                                 * be as soon as all flows have left. */
    int ifindex;                /* Without 'object', when last configured. */
    int link_fd;                /* At XDP, otherwise -1. */
    uint32_t xdp_flags;         /* XDP_FLAGS_*_MODE, XDP_NETDEV_TC; without
                                 * 'object', those that were tried last. */
    struct xdp_tc tc;           /* At tc, otherwise XDP_TC_NONE... */
    struct xdp_companion *companion; /* ...and NULL. */
    uint64_t n_too_large;       /* When the log last said what was lost. */
    bool must_be_tc;            /* At tc whether the offload is on or off? */
    bool others_follow;         /* Would best-effort mode try other modes,
                                 * after that of 'xdp_flags'? */
    uint32_t number;            /* In all tables; also of a tunnel. */
    bool leaving;               /* Its flows leave XDP, no new ones come. */
    bool can_be_target;
    bool zerocopy;              /* Do its sockets work with zero copy? */
    int peer;                   /* Of a veth, in our namespace, or 0... */
    int peer_away;              /* ...but then in another one, by its index
                                 * there, or 0... */
    struct eth_addr peer_mac;   /* ...with this address, if that is known. */
    bool peer_has_program;      /* See "struct xdp_view". */
    bool leaves_unfinished;
    const char *obstacle;       /* Why no flow of the port may be in XDP
                                 * whatever the object can do, or NULL. */
    char *obstacle_help;        /* The same at length, with what to do. */

    /* The provider's. */
    bool target_warned;         /* Log said that it is no target. */
    size_t n_homed;             /* Megaflows in XDP that are in its table. */
};

/* All ports. */
struct xdp_netdev *xdp_netdev_lookup(const struct netdev *)
    OVS_REQUIRES(xdp_mutex);
struct xdp_netdev *xdp_netdev_find_attached(int ifindex)
    OVS_REQUIRES(xdp_mutex);
const struct hmap *xdp_netdev_all(void) OVS_REQUIRES(xdp_mutex);
void xdp_netdev_insert(struct xdp_netdev *) OVS_REQUIRES(xdp_mutex);
void xdp_netdev_remove(struct xdp_netdev *) OVS_REQUIRES(xdp_mutex);

/* The offload as a whole. */
bool xdp_netdev_offload_is_on(void) OVS_REQUIRES(xdp_mutex);
const struct xdp_flow_table_limits *xdp_netdev_get_limits(void)
    OVS_REQUIRES(xdp_mutex);
void xdp_netdev_set_offload(bool on, const struct xdp_flow_table_limits *)
    OVS_REQUIRES(xdp_mutex);
uint32_t xdp_netdev_vlan_limit(void);

/* Modes. */
bool xdp_netdev_is_generic(const struct xdp_netdev *);
bool xdp_netdev_is_tc(const struct xdp_netdev *);
int xdp_netdev_target_device(const struct xdp_netdev *);
const char *xdp_netdev_mode_name(const struct xdp_netdev *);
bool xdp_netdev_shares(const struct xdp_object *, bool tc)
    OVS_REQUIRES(xdp_mutex);
bool xdp_netdev_may_be_generic(const struct xdp_netdev *)
    OVS_REQUIRES(xdp_mutex);
bool xdp_netdev_takes_from(const struct xdp_netdev *to,
                           const struct xdp_netdev *from)
    OVS_REQUIRES(xdp_mutex);
char *xdp_netdev_unfinished_help(const struct xdp_netdev *)
    OVS_REQUIRES(xdp_mutex);

/* Numbers. */
int xdp_netdev_alloc_number(int ifindex, uint32_t *number)
    OVS_REQUIRES(xdp_mutex);
void xdp_netdev_retire_number(uint32_t number) OVS_REQUIRES(xdp_mutex);
bool xdp_netdev_begin_numbers(uint64_t *epoch) OVS_REQUIRES(xdp_mutex);
void xdp_netdev_free_numbers(uint64_t epoch) OVS_REQUIRES(xdp_mutex);
uint32_t xdp_netdev_n_numbers(void) OVS_REQUIRES(xdp_mutex);

/* Tunnels. */
int xdp_netdev_add_tunnels(struct xdp_flow_table *) OVS_REQUIRES(xdp_mutex);
struct xdp_netdev *xdp_netdev_add_tunnel(const char *name,
                                         enum xdp_tunnel_type)
    OVS_REQUIRES(xdp_mutex);
void xdp_netdev_remove_tunnel(struct xdp_netdev *) OVS_REQUIRES(xdp_mutex);

#endif /* xdp-netdev.h */
