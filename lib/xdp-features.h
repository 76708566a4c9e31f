/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices can take redirected packets, and when that changes.
 *
 * Linux >= 6.3 says it through generic netlink, family "netdev"
 * (Documentation/netlink/specs/netdev.yaml of the kernel).
 *
 * lib/xdp-port*.c ask, lib/xdp-worker.c follows events.  Thread safety:
 * xdp_features_query() may be called from any thread, with any lock.  A
 * "struct xdp_features_monitor" belongs to one thread.
 */

#ifndef XDP_FEATURES_H
#define XDP_FEATURES_H 1

#include <stdbool.h>

struct xdp_features_monitor;

/* What happened to a device. */
enum xdp_features_event {
    XDP_FEATURES_CHANGED,       /* Its features may have changed. */
    XDP_FEATURES_GONE,          /* It left our network namespace. */
    XDP_FEATURES_LINK,          /* It appeared, or something changed. */
    XDP_FEATURES_AWAY,          /* As XDP_FEATURES_GONE or _LINK, but in
                                 * another network namespace that has to do
                                 * with ours. */
    XDP_FEATURES_LOST           /* Events were lost: anything may have. */
};

/* How many events of a kind xdp_features_monitor_run() passes on at most:
 * while more and more of them come, there is other work. */
#define XDP_FEATURES_MAX_EVENTS 64

/* Receives an event of the device 'ifindex' (0 with XDP_FEATURES_LOST). */
typedef void xdp_features_func(enum xdp_features_event, int ifindex,
                               void *aux);

int xdp_features_query(int ifindex, bool *can_be_target);

struct xdp_features_monitor *xdp_features_monitor_create(void);
void xdp_features_monitor_run(struct xdp_features_monitor *,
                              xdp_features_func *, void *aux);
void xdp_features_monitor_wait(struct xdp_features_monitor *);

#endif /* xdp-features.h */
