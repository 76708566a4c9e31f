/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequence numbers of GRE and ERSPAN tunnels, which XDP and userspace take
 * from one counter for each tunnel: a receiver may drop what it takes for an
 * old packet.
 *
 * netdev-native-tnl.c takes numbers; lib/xdp-prepare.c opens and closes the
 * map.  All functions may be called from any thread, with any lock.  Without
 * AF_XDP, a tunnel has only the counter that is its own.
 */

#ifndef XDP_SEQUENCE_H
#define XDP_SEQUENCE_H 1

#include <stdint.h>

#include "openvswitch/compiler.h"
#include "openvswitch/types.h"
#include "xdp-ovs-compat.h"

#ifdef HAVE_AF_XDP
uint32_t xdp_sequence_next(odp_port_t tunnel, xdp_ovs_sequence *own);

int xdp_sequence_open(char **errp);
void xdp_sequence_close(void);
#else
static inline uint32_t
xdp_sequence_next(odp_port_t tunnel OVS_UNUSED, xdp_ovs_sequence *own)
{
    return xdp_ovs_sequence_next(own);
}
#endif

#endif /* xdp-sequence.h */
