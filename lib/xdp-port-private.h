/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lib/xdp-port*.c share.  Not to be included elsewhere.
 *
 * Thread safety: 'xdp_mutex' protects ports.  Whoever configures them holds
 * 'xdp_port_config_mutex', too.
 */

#ifndef XDP_PORT_PRIVATE_H
#define XDP_PORT_PRIVATE_H 1

#include <stdlib.h>

#include "openvswitch/thread.h"
#include "util.h"
#include "xdp-port.h"

/* Held by whoever configures ports, so that 'xdp_mutex' can be released for
 * what takes long.  Meanwhile, ports other than tunnels, whether the offload
 * is on and its limits do not change, and there are no new objects. */
extern struct ovs_mutex xdp_port_config_mutex OVS_ACQ_BEFORE(xdp_mutex);

/* xdp-port.c. */
void xdp_port_lock_config(void)
    OVS_ACQUIRES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_unlock_config(void)
    OVS_RELEASES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_stop(struct xdp_netdev *)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_lose(struct xdp_netdev *)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
bool xdp_port_take_any_lost(void) OVS_REQUIRES(xdp_mutex);
void xdp_port_take_off(struct xdp_netdev *)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_take_out(struct xdp_netdev *) OVS_REQUIRES(xdp_mutex);

/* xdp-port-device.c. */
void xdp_port_tell_unfinished(void) OVS_REQUIRES(xdp_mutex);
int xdp_port_index_of(const char *name)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
bool xdp_port_has_device(const struct xdp_netdev *, bool by_name)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_no_pause(void);
void xdp_port_refresh_obstacle(struct xdp_netdev *, void (*pause)(void))
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_check_device(struct xdp_netdev *)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);

/* xdp-port-tc.c. */
bool xdp_port_tc_suits(int ifindex);
bool xdp_port_tc_may_try(const struct xdp_netdev *, char **errp)
    OVS_REQUIRES(xdp_mutex);
void xdp_port_tc_note_failure(const struct xdp_netdev *, const char *message)
    OVS_REQUIRES(xdp_mutex);
bool xdp_port_tc_is_pending(const char *name) OVS_REQUIRES(xdp_mutex);
bool xdp_port_tc_retry(long long int *next) OVS_REQUIRES(xdp_mutex);
int xdp_port_tc_attach(struct xdp_netdev *, const struct xdp_object *,
                       uint32_t number, int ifindex, char **errp)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_tc_take_out(struct xdp_netdev *) OVS_REQUIRES(xdp_mutex);
struct xdp_netdev *xdp_port_tc_find_companion(int ifindex)
    OVS_REQUIRES(xdp_mutex);
void xdp_port_tc_restore(const struct xdp_netdev *, int ifindex)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_tc_set_gro(const struct xdp_netdev *)
    OVS_REQUIRES(xdp_port_config_mutex, xdp_mutex);
void xdp_port_tc_set_peer(const struct xdp_object *,
                          const struct xdp_netdev *)
    OVS_REQUIRES(xdp_mutex);
char *xdp_port_tc_problem(const struct xdp_netdev *) OVS_REQUIRES(xdp_mutex);

/* xdp-port-leftover.c. */
void xdp_port_leave_companion(struct xdp_companion *)
    OVS_REQUIRES(xdp_mutex);
void xdp_port_leave_rest(void) OVS_EXCLUDED(xdp_mutex);
void xdp_port_wait_unloaded(void) OVS_EXCLUDED(xdp_mutex);
void xdp_port_limit_companions(void) OVS_EXCLUDED(xdp_mutex);

/* xdp-port-socket.c. */
void xdp_port_note_closed(const char *device) OVS_REQUIRES(xdp_mutex);
void xdp_port_note_busy(const char *device, const char *why)
    OVS_REQUIRES(xdp_mutex);

/* Replaces '*p' by a copy of 's', either of which may be NULL. */
static inline void
xdp_port_replace_string(char **p, const char *s)
{
    char *copy = nullable_xstrdup(s);

    free(*p);
    *p = copy;
}

#endif /* xdp-port-private.h */
