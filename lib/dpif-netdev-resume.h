/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on in userspace with packets for which XDP found no flow in a later
 * pass: they have been changed, and must not start again.
 *
 * OVS 4.0 has a callback for that, so this is for OVS 3.1 and 3.5.
 *
 * Thread safety: for the thread 'pmd' that has received the packets.
 */

#ifndef DPIF_NETDEV_RESUME_H
#define DPIF_NETDEV_RESUME_H 1

#include <stdbool.h>

#include "openvswitch/compiler.h"
#include "openvswitch/types.h"

struct dp_netdev_pmd_thread;
struct dp_packet_batch;

#ifdef HAVE_AF_XDP
bool dpif_netdev_xdp_resume(struct dp_netdev_pmd_thread *pmd,
                            struct dp_packet_batch *, odp_port_t port_no);
#else
static inline bool
dpif_netdev_xdp_resume(struct dp_netdev_pmd_thread *pmd OVS_UNUSED,
                       struct dp_packet_batch *batch OVS_UNUSED,
                       odp_port_t port_no OVS_UNUSED)
{
    return false;
}
#endif

/* In dpif-netdev.c: goes on with packets from one port whose metadata are
 * those of a later pass. */
void dp_netdev_recirculate(struct dp_netdev_pmd_thread *,
                           struct dp_packet_batch *);

#endif /* dpif-netdev-resume.h */
