/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_XDP ports and their XDP objects: which object a port uses, its place in
 * the tables of all objects, and whether packets can be redirected to it.
 *
 * lib/netdev-afxdp.c calls the functions of the first group at the points
 * where it configures a port; the offload provider uses the second group.
 *
 * Thread safety
 * =============
 *
 * 'xdp_mutex' protects everything that the offload keeps in memory: ports,
 * objects, flow tables, and the provider's flows.  The functions of the first
 * group take it themselves.  It may be taken while "dev->mutex" of
 * netdev-linux, 'netdev_mutex', the lock of netdev-offload.c's port map or the
 * datapath's 'port_rwlock' is held; none of these may be taken, nor any
 * function called that does so (netdev_ref(), netdev_close(),
 * netdev_ports_get()), while it is held.
 *
 * PMD threads and revalidators wait for it, so nobody does with it what takes
 * long.  Those functions here that configure ports, or handle events of their
 * devices, take a mutex of their own before it, in the same places, and hold
 * it for as long as they need, so that only one of them runs at a time.  They
 * release 'xdp_mutex' while they load and unload objects, and put programs on
 * devices and take them off.  Meanwhile the flow API, tunnels included, goes
 * on, and finds a port that is being attached without an object.
 */

#ifndef XDP_PORT_H
#define XDP_PORT_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/thread.h"
#include "xdp-features.h"
#include "xdp-flow-table.h"

struct ds;
struct netdev;
struct smap;
struct xdp_object;
struct xsk_ring_cons;
struct xsk_ring_prod;
struct xsk_socket;
struct xsk_socket_config;
struct xsk_umem;

extern struct ovs_mutex xdp_mutex;

/* The largest MTU of a device whose packets fit the frames of AF_XDP sockets,
 * and by how much it is smaller with zero copy, where recent kernels keep room
 * for themselves at the end of a frame. */
#define XDP_PORT_MAX_MTU 3694
#define XDP_PORT_ZC_TAILROOM 320

/* An AF_XDP netdev, from its first configuration to its destruction, or a
 * tunnel port of the datapath whose header XDP can pop, as long as its netdev
 * has our flow API.
 * Protected by 'xdp_mutex'; only xdp-port.c writes what has no other note.
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
    bool gone;                  /* Device left; 'object' is NULL since. */
    int ifindex;                /* Without 'object', when last configured. */
    int link_fd;
    uint32_t xdp_flags;         /* XDP_FLAGS_*_MODE. */
    uint32_t number;            /* In all tables; also of a tunnel. */
    bool leaving;               /* Its flows leave XDP, no new ones come. */
    bool can_be_target;
    bool zerocopy;              /* Do its sockets work with zero copy? */
    int peer;                   /* Of a veth, in our namespace, or 0. */
    const char *obstacle;       /* Why no flow of the port may be in XDP
                                 * whatever the object can do, or NULL. */
    char *obstacle_help;        /* The same at length, with what to do. */

    /* The provider's. */
    bool target_warned;         /* Log said that it is no target. */
};

/* For netdev-afxdp.c and netdev-linux.c. */
int xdp_port_set_config(struct netdev *, const struct smap *args,
                        char **errp);
void xdp_port_get_config(const struct netdev *, struct smap *args);
void xdp_port_get_status(const struct netdev *, struct smap *status);
bool xdp_port_needs_reconfigure(const struct netdev *);
int xdp_port_attach(struct netdev *, int ifindex, uint32_t xdp_flags,
                    bool report_failures);
uint32_t xdp_port_socket_flags(int ifindex);
int xdp_port_create_socket(struct xsk_socket **, const char *device,
                           uint32_t queue, struct xsk_umem *,
                           struct xsk_ring_cons *, struct xsk_ring_prod *,
                           const struct xsk_socket_config *);
bool xdp_port_is_busy(const char *device);
int xdp_port_add_socket(int ifindex, uint32_t queue, int xsk_fd);
bool xdp_port_detach(struct netdev *);
bool xdp_port_is_attached(const struct netdev *);
void xdp_port_destroy(struct netdev *);

/* For the provider.  Tunnels are added and removed with 'xdp_mutex', like
 * everything else that is done to them. */
void xdp_port_configure(bool enabled, const struct xdp_flow_table_limits *);
bool xdp_port_is_enabled(void) OVS_REQUIRES(xdp_mutex);
void xdp_port_put_object(struct xdp_object *) OVS_REQUIRES(xdp_mutex);
void xdp_port_unload_objects(void);
void xdp_port_handle_event(enum xdp_features_event, int ifindex);
struct xdp_netdev *xdp_port_lookup(const struct netdev *)
    OVS_REQUIRES(xdp_mutex);
const struct hmap *xdp_port_all(void) OVS_REQUIRES(xdp_mutex);
void xdp_port_check_vlan_limit(void) OVS_REQUIRES(xdp_mutex);
struct xdp_netdev *xdp_port_add_tunnel(const char *name, enum xdp_tunnel_type)
    OVS_REQUIRES(xdp_mutex);
void xdp_port_remove_tunnel(struct xdp_netdev *) OVS_REQUIRES(xdp_mutex);
bool xdp_port_may_be_generic(const struct xdp_netdev *)
    OVS_REQUIRES(xdp_mutex);
void xdp_port_format_problems(const struct xdp_netdev *, struct ds *)
    OVS_REQUIRES(xdp_mutex);
bool xdp_port_takes_from(const struct xdp_netdev *to,
                         const struct xdp_netdev *from)
    OVS_REQUIRES(xdp_mutex);

#endif /* xdp-port.h */
