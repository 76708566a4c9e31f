/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock of the offload.
 *
 * 'xdp_mutex' protects everything that the offload keeps in memory: ports,
 * objects, flow tables, and the provider's flows.  It may be taken while
 * "dev->mutex" of netdev-linux, 'netdev_mutex', the lock of netdev-offload.c's
 * port map or the datapath's 'port_rwlock' is held; none of these may be
 * taken, nor any function called that does so (netdev_ref(), netdev_close(),
 * netdev_ports_get()), while it is held.
 *
 * PMD threads and revalidators wait for it, so nobody does with it what takes
 * long, and everybody takes it in turn: without that, a thread that gives it
 * back and takes it at once, again and again, would leave others waiting for
 * seconds, those that it depends on among them.  Whoever works on many things
 * gives it back after so many of them as take a millisecond, and asks
 * xdp_lock_is_due() before that: on some machines, and whenever the thread
 * loses its CPU, they take longer.
 */

#ifndef XDP_MUTEX_H
#define XDP_MUTEX_H 1

#include <stdbool.h>

#include "openvswitch/thread.h"
#include "ovs-thread.h"

extern struct ovs_mutex xdp_mutex;

void xdp_lock(void) OVS_ACQUIRES(xdp_mutex);
void xdp_unlock(void) OVS_RELEASES(xdp_mutex);
bool xdp_lock_is_due(void) OVS_REQUIRES(xdp_mutex);

#endif /* xdp-mutex.h */
