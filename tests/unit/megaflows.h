/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Megaflows in custody, from ports that are made up, with a real object and
 * its table.  What fails has the case fail.
 */

#ifndef UNIT_MEGAFLOWS_H
#define UNIT_MEGAFLOWS_H 1

#include <stdbool.h>
#include <stddef.h>

#include "netdev-provider.h"
#include "xdp-netdev.h"

struct xdp_object;

/* The ports. */
#define N_PORTS 3               /* Then comes a tunnel, and those alike. */
#define TUNNEL N_PORTS
#define PORT_NO(I) u32_to_odp(101 + (I))

/* What a case wants, to be set before megaflows_begin(), and zero again after
 * megaflows_end(). */
extern struct megaflows {
    unsigned int n;             /* How many; with 0, as --flows says. */
    unsigned int n_places;      /* Flows that the table holds; with 0, all. */
    unsigned int n_masks;       /* With 0, one. */
    unsigned int n_alike;       /* If nonzero, they come from so many ports of
                                 * the datapath, all with the netdev of port
                                 * 0. */
    unsigned int n_idle;        /* So many more ports have the object. */
    bool tunneled;              /* Do they lead into the tunnel, and come from
                                 * there? */
    bool pushing;               /* Do they push the header of one? */
    bool differing;             /* Do they lead to two ports, and packets leave
                                 * with a VLAN tag at the second? */
    bool fanned;                /* Do they all come from port 2, and lead to 0
                                 * and 1 in turn? */
    bool late;                  /* Is the offload off when they come? */
} megaflows;

/* The object of all ports, and their netdevs. */
extern const struct xdp_object *megaflows_object;
extern struct netdev megaflow_netdevs[N_PORTS + 1];

bool megaflows_begin(void);
void megaflows_end(void);
struct xdp_netdev *megaflows_port(size_t) OVS_REQUIRES(xdp_mutex);
struct xdp_netdev *megaflows_idle_port(size_t) OVS_REQUIRES(xdp_mutex);
int megaflows_ifindex(size_t);

ovs_u128 megaflow_ufid(unsigned int);
size_t megaflow_in_port(unsigned int);
bool megaflow_put(unsigned int);
bool megaflow_delete(unsigned int);
bool megaflows_reclaim(void);
void megaflows_retry(uint32_t reasons);

#endif /* megaflows.h */
