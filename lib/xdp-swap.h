/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacing an inner map of a map of maps while XDP programs use it, without
 * waiting for them.
 *
 * The kernel makes the new map visible at once, but returns from the system
 * call only after a grace period, which takes 10 to 20 ms.  So another thread
 * does the call (xdp-pool.h), and whoever wants the map replaced waits only
 * until the new one can be seen, or asks whether it can: on a busy machine,
 * the other thread may have to wait for a CPU.
 *
 * Until the swap is over, that is, until the grace period has passed, programs
 * that were running already may go on with the old map.
 *
 * For lib/xdp-subtable.c and lib/xdp-table-group.c.  All functions may be
 * called from any thread, with any lock.
 */

#ifndef XDP_SWAP_H
#define XDP_SWAP_H 1

#include <stdbool.h>
#include <stdint.h>

struct xdp_swap;

int xdp_swap_begin(int outer_fd, uint32_t index, int new_fd,
                   struct xdp_swap **swapp);
bool xdp_swap_is_visible(const struct xdp_swap *);
int xdp_swap_end(struct xdp_swap *, int old_fd);
int xdp_swap_start(int outer_fd, uint32_t index, int new_fd, int old_fd,
                   struct xdp_swap **swapp);
bool xdp_swap_update_old(struct xdp_swap *, const void *key,
                         const void *value);
bool xdp_swap_is_over(const struct xdp_swap *);
void xdp_swap_wait(const struct xdp_swap *);
void xdp_swap_unref(struct xdp_swap *);

#endif /* xdp-swap.h */
