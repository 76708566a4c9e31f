/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small pieces of memory of which hundreds of thousands come and go while
 * 'xdp_mutex' is held: megaflows, flows, and what belongs to them.
 *
 * Pieces that were freed wait here for the next one of their size.  malloc()
 * would look at up to 10,000 of them at a time to find one of another size,
 * and takes milliseconds for that.  Those that nobody has needed for a while
 * are given back little by little.
 *
 * Thread safety: 'xdp_mutex' protects everything.  xdp_spare_trim() takes it,
 * the callers of all others hold it.
 */

#ifndef XDP_SPARE_H
#define XDP_SPARE_H 1

#include <stddef.h>

#include "xdp-mutex.h"

/* Largest size of a piece, in bytes, that waits.  Larger ones are for
 * malloc(). */
#define XDP_SPARE_MAX_SIZE 1016

void *xdp_spare_zalloc(size_t);
void xdp_spare_free(void *, size_t);
size_t xdp_spare_count(void);
size_t xdp_spare_trim(void) OVS_EXCLUDED(xdp_mutex);

#endif /* xdp-spare.h */
