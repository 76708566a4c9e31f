/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow offload provider 'xdp' of OVS 4.0.
 *
 * What lib/dpif-offload.c tells its providers about goes through the class.
 * That is all about the ports that are ours, what is put and deleted, and the
 * packets of a later pass.  The functions here are for what it does not tell:
 * ports that are not ours, which may still be named in actions, puts and
 * deletions after a port has gone, and that time passes.  Statistics do not go
 * through the class, which asks for them without the thread: see
 * lib/dpif-netdev-xdp.h.  Nor do meters, which it would keep from us until
 * other_config:hw-offload is true for the first time: see lib/xdp-meter.h.
 *
 * The reference to a flow that its first put brings is kept until its deletion
 * has come into custody.  All puts succeed: custody takes what cannot be in
 * XDP, too.
 *
 * Thread safety: dpif_offload_xdp_port_noted() is for whoever adds ports to
 * the datapath, and the functions for late puts and deletions for whoever puts
 * or deletes the flow; dpif_offload_xdp_run() is for the main thread.  The
 * others may be called from any thread.
 */

#ifndef DPIF_OFFLOAD_XDP_H
#define DPIF_OFFLOAD_XDP_H 1

#include <errno.h>
#include <stdbool.h>

#include "dp-packet.h"
#include "openvswitch/compiler.h"
#include "openvswitch/types.h"

struct dpif;
struct dpif_offload_class;
struct dpif_offload_flow_del;
struct dpif_offload_flow_put;
struct netdev;

#ifdef HAVE_AF_XDP
extern const struct dpif_offload_class dpif_offload_xdp_class;

void dpif_offload_xdp_run(void);
void dpif_offload_xdp_port_noted(const struct dpif *, struct netdev *,
                                 odp_port_t);
int dpif_offload_xdp_flow_put_late(struct dpif_offload_flow_put *,
                                   void **previous_flow_reference);
int dpif_offload_xdp_flow_del_late(const struct dpif_offload_flow_del *);
#else
static inline void
dpif_offload_xdp_run(void)
{
    /* Nothing. */
}

static inline void
dpif_offload_xdp_port_noted(const struct dpif *dpif OVS_UNUSED,
                            struct netdev *netdev OVS_UNUSED,
                            odp_port_t port_no OVS_UNUSED)
{
    /* Nothing. */
}

static inline int
dpif_offload_xdp_flow_put_late(
    struct dpif_offload_flow_put *put OVS_UNUSED,
    void **previous_flow_reference OVS_UNUSED)
{
    return EOPNOTSUPP;
}

static inline int
dpif_offload_xdp_flow_del_late(
    const struct dpif_offload_flow_del *del OVS_UNUSED)
{
    return EOPNOTSUPP;
}
#endif

/* Returns true if 'packet', received from port 'port_no', starts there, and
 * not in a later pass that a provider has restored. */
static inline bool
dpif_offload_xdp_is_first_pass(const struct dp_packet *packet,
                               odp_port_t port_no)
{
    return (!packet->md.recirc_id
            && packet->md.in_port.odp_port == port_no);
}

#endif /* dpif-offload-xdp.h */
