/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What XDP programs have to know about the machine that they run on, and
 * cannot find out themselves.
 *
 * lib/xdp-prepare.c tells the objects.  Any thread may call these functions
 * with any lock, but xdp_machine_pretend(), which is for tests, only before
 * there are objects.
 */

#ifndef XDP_MACHINE_H
#define XDP_MACHINE_H 1

#include <stdbool.h>

struct xdp_machine {
    /* May a processor read out of order? */
    bool weak_order;

    /* May a program begin to run on a CPU while another run of it is under way
     * there? */
    bool runs_nest;
};

const struct xdp_machine *xdp_machine_get(void);
bool xdp_machine_is_realtime(const char *version, const char *realtime);
void xdp_machine_pretend(const struct xdp_machine *);

#endif /* xdp-machine.h */
