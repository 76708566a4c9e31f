/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_XDP ports and their XDP objects: which object a port uses, and when it is
 * attached to the device and put into the tables of all objects.
 *
 * The parts are lib/xdp-port.c (attaching and detaching), -config.c, -device.c
 * (what is wrong with devices), -event.c, -leftover.c (what stays behind),
 * -socket.c and -tc.c (ports at tc).
 * lib/netdev-afxdp.c calls the functions of the first group at the points
 * where it configures a port; those who configure the offload, its worker and
 * its commands use the second group.
 *
 * Thread safety
 * =============
 *
 * The functions of the first group take 'xdp_mutex' (see lib/xdp-netdev.h)
 * themselves.  Those here that configure ports, or handle events of their
 * devices, take a mutex of their own before it, in the same places, and hold
 * it for as long as they need, so that only one of them runs at a time.  They
 * release 'xdp_mutex' while they load objects, and put programs on devices and
 * take them off.  Meanwhile the flow API, tunnels included, goes on, and finds
 * a port that is being attached without an object.  Objects are unloaded, and
 * companions deleted, without that mutex, if there is a worker.
 */

#ifndef XDP_PORT_H
#define XDP_PORT_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/thread.h"
#include "xdp-features.h"
#include "xdp-netdev.h"

struct ds;
struct netdev;
struct smap;
struct xdp_flow_table_limits;
struct xdp_object;
struct xsk_ring_cons;
struct xsk_ring_prod;
struct xsk_socket;
struct xsk_socket_config;
struct xsk_umem;

/* In the place of XDP_FLAGS_*_MODE: the flow table is at tc.  The sockets are
 * on a companion (lib/xdp-companion.h), whose XDP is native. */
#define XDP_PORT_FLAGS_TC (XDP_FLAGS_DRV_MODE | XDP_NETDEV_TC)

/* The largest MTU of a device whose packets fit the frames of AF_XDP sockets,
 * and by how much it is smaller with zero copy, where recent kernels keep room
 * for themselves at the end of a frame. */
#define XDP_PORT_MAX_MTU 3694
#define XDP_PORT_ZC_TAILROOM 320

/* For netdev-afxdp.c and netdev-linux.c. */
int xdp_port_set_config(struct netdev *, const struct smap *args,
                        char **errp);
void xdp_port_get_config(const struct netdev *, struct smap *args);
void xdp_port_get_status(const struct netdev *, struct smap *status);
bool xdp_port_needs_reconfigure(const struct netdev *);
int xdp_port_attach(struct netdev *, int ifindex, uint32_t xdp_flags,
                    bool report_failures);
bool xdp_port_takes_any_mtu(const struct netdev *);
int xdp_port_socket_device(const struct netdev *, int ifindex);
uint32_t xdp_port_max_sent(const struct netdev *, uint32_t frame_size);
uint32_t xdp_port_socket_flags(int ifindex);
int xdp_port_create_socket(struct xsk_socket **, const char *device,
                           uint32_t queue, struct xsk_umem *,
                           struct xsk_ring_cons *, struct xsk_ring_prod *,
                           const struct xsk_socket_config *);
bool xdp_port_is_busy(const char *device);
int xdp_port_add_socket(int ifindex, uint32_t queue, int xsk_fd);
void xdp_port_note_failure(const struct netdev *);
bool xdp_port_detach(struct netdev *);
bool xdp_port_is_attached(const struct netdev *);
void xdp_port_destroy(struct netdev *);

/* For the fronts, xdp-setup.c, xdp-worker.c and xdp-command.c. */
void xdp_port_configure(bool on, const struct xdp_flow_table_limits *);
void xdp_port_forbid(void);
bool xdp_port_offload_is_on(void);
bool xdp_port_any_at_tc(void) OVS_EXCLUDED(xdp_mutex);
void xdp_port_check_losses(void) OVS_EXCLUDED(xdp_mutex);
void xdp_port_retry_busy(void) OVS_EXCLUDED(xdp_mutex);
void xdp_port_put_object(struct xdp_object *) OVS_REQUIRES(xdp_mutex);
bool xdp_port_clean_up(void) OVS_EXCLUDED(xdp_mutex);
void xdp_port_set_cleaner(bool) OVS_EXCLUDED(xdp_mutex);
void xdp_port_handle_event(enum xdp_features_event, int ifindex);
void xdp_port_finish_losses(void) OVS_EXCLUDED(xdp_mutex);
void xdp_port_format_problems(const struct xdp_netdev *, struct ds *)
    OVS_REQUIRES(xdp_mutex);

#endif /* xdp-port.h */
