/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs at tc ingress of devices.
 *
 * Where the kernel has BPF links there (Linux 6.6, "tcx"), they are attached
 * by one, which lives no longer than the process.  Elsewhere they are filters
 * of a qdisc "clsact", which stay when the process dies, with a handle and a
 * priority by which the next one finds and replaces them.  Until then they
 * must do nothing without the process.  The qdisc goes with the program, if it
 * was made for that and nobody else has filters there.
 *
 * For lib/xdp-port*.c and lib/xdp-companion.c.  Thread safety: a "struct
 * xdp_tc" belongs to its owner.  All functions may be called from any thread,
 * and ask the kernel, which may have to wait for whoever is just changing a
 * device.
 */

#ifndef XDP_TC_H
#define XDP_TC_H 1

#include <stdbool.h>
#include <stdint.h>

/* A program on a device.  No program: XDP_TC_NONE. */
struct xdp_tc {
    int ifindex;                /* Of the device, or 0. */
    int link_fd;                /* The link, or -1 if it is a filter... */
    uint32_t prog_id;           /* ...with this program... */
    bool own_qdisc;             /* ...and is the qdisc ours? */
};

#define XDP_TC_NONE ((struct xdp_tc) { .link_fd = -1 })

int xdp_tc_attach(int ifindex, int prog_fd, int filter_fd, struct xdp_tc *,
                  char **errp);
void xdp_tc_detach(struct xdp_tc *);
bool xdp_tc_is_attached(const struct xdp_tc *);

#endif /* xdp-tc.h */
