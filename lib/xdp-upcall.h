/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What XDP programs tell userspace about a packet: see "struct
 * xdp_upcall_meta".
 *
 * The memory in front of a packet may have anything in it, also what somebody
 * sent us in an earlier packet.  So the metadata are known by a secret number.
 *
 * All functions may be called from any thread.
 */

#ifndef XDP_UPCALL_H
#define XDP_UPCALL_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "xdp-abi.h"

struct dp_packet;
struct flow_tnl;

int xdp_upcall_magic(uint64_t *magic);
bool xdp_upcall_take_meta(struct dp_packet *, struct xdp_upcall_meta *);
void xdp_upcall_take_tunnel(struct dp_packet *, const struct xdp_upcall_meta *,
                            struct flow_tnl *);
void xdp_upcall_take_ct(struct dp_packet *, const struct xdp_upcall_meta *);
bool xdp_upcall_resume(struct dp_packet *, odp_port_t port_no);

#endif /* xdp-upcall.h */
