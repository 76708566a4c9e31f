/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The UDP source port of the header of a tunnel, which tells the connections
 * in the tunnel from each other, as userspace chooses it.
 */

#ifndef BPF_TUNNEL_PORT_H
#define BPF_TUNNEL_PORT_H 1

#include "hash.h"
#include "maps.h"
#include "parse_common.h"

/* Returns the UDP source port for the packet of the scratch, as 'op' says. */
static __always_inline __be16
tunnel_source_port(const struct xdp_op *op)
{
    struct xdp_scratch *scratch = parse_scratch();

    if (!scratch) {
        return 0;
    }
    if (scratch->kept == HASH_NOTHING_KEPT) {
        hash_keep(scratch);
    }
    return bpf_htons(op->u.tnl_push.port_min
                     + ((__u64) hash_l4(scratch)
                        * op->u.tnl_push.n_ports >> 32));
}

#endif /* tunnel_port.h */
