/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Companions: for each port at tc a pair of veth devices, through which its
 * packets come to AF_XDP sockets and back.  lib/xdp-abi-tc.h says what for.
 *
 * Their names begin with "ovstc".  Each end has an alias that says which port
 * it is for and which process has made it.  As long as that process lives, it
 * has a socket whose name in the network namespace is in the alias: so
 * companions are known that a process has left behind.  One that ends by
 * itself leaves none.
 *
 * For lib/xdp-port*.c.  Thread safety: all functions may be called from any
 * thread, but a companion belongs to its owner.  They ask the kernel, and take
 * long.
 */

#ifndef XDP_COMPANION_H
#define XDP_COMPANION_H 1

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/list.h"
#include "xdp-tc.h"

/* The pair.  The members are read-only for users. */
struct xdp_companion {
    struct ovs_list all_node;   /* In the list of all companions. */
    struct ovs_list list_node;  /* Free for use. */
    char port_end[IFNAMSIZ];    /* Where the programs at tc are... */
    char socket_end[IFNAMSIZ];  /* ...and where the sockets are. */
    int port_ifindex;
    int socket_ifindex;
    uint32_t mtu;               /* Of both ends. */
    bool gro;                   /* Is the port's end to merge packets? */
    struct xdp_tc tc;           /* The program on the port's end... */
    int link_fd;                /* ...and the link of the other one's. */
};

void xdp_companion_remove_stale(void);
int xdp_companion_create(const char *port, int n_queues,
                         struct xdp_companion **, char **errp);
int xdp_companion_start(struct xdp_companion *, int tc_fd, int xdp_fd,
                        char **errp);
bool xdp_companion_restore(const struct xdp_companion *, int ifindex,
                           int *error);
int xdp_companion_set_gro(struct xdp_companion *, bool on);
void xdp_companion_destroy(struct xdp_companion *);
void xdp_companion_destroy_all(struct ovs_list *companions);

#endif /* xdp-companion.h */
