/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequence numbers of GRE and ERSPAN tunnels, which XDP and userspace take
 * from one counter for each tunnel: a receiver may drop what it takes for an
 * old packet.
 *
 * All functions may be called from any thread.
 */

#ifndef XDP_SEQUENCE_H
#define XDP_SEQUENCE_H 1

#include <stdint.h>

#include "openvswitch/types.h"
#include "xdp-ovs-compat.h"

uint32_t xdp_sequence_next(odp_port_t tunnel, xdp_ovs_sequence *own);

int xdp_sequence_open(char **errp);
void xdp_sequence_close(void);

#endif /* xdp-sequence.h */
