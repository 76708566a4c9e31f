/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for XDP programs, without regard to the objects that they are of.
 *
 * What programs may still look at must not be reused, or said to be gone,
 * before they have ended.  xdp_flow_table_wait() waits in the same way, with
 * what its object has; here is what it takes without one.
 *
 * For lib/xdp-conn-table.c.  All functions may be called from any thread, with
 * any lock, but xdp_grace_wait() may take some ten milliseconds.
 */

#ifndef XDP_GRACE_H
#define XDP_GRACE_H 1

int xdp_grace_open(void);
void xdp_grace_close(void);
int xdp_grace_wait(void);

#endif /* xdp-grace.h */
