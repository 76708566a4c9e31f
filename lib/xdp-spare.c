/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-spare.h. */

#include <config.h>

#include "xdp-spare.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Pieces are as large as malloc() of glibc makes them: a multiple of UNIT
 * bytes, of which HEAD are its own. */
#define UNIT 16
#define HEAD 8

/* How many pieces xdp_spare_trim() gives back, and takes out with one hold of
 * the lock. */
#define TRIM_MAX 2000
#define TRIM_BATCH 250

/* A piece that waits. */
struct spare {
    struct spare *next;
};

/* Pieces of one size, the last one that was freed first. */
struct spares {
    struct spare *first;
    size_t n;
    size_t n_unused;            /* Least 'n' since the last trim. */
};

/* By size in units.  No piece has size 0. */
static struct spares spares[(XDP_SPARE_MAX_SIZE + HEAD) / UNIT + 1];
static size_t n_spares;

/* Returns the size of a piece of 'size' bytes in units. */
static size_t
n_units(size_t size)
{
    return DIV_ROUND_UP(size + HEAD, UNIT);
}

/* Takes a piece out of 's', which is not empty. */
static struct spare *
take(struct spares *s)
{
    struct spare *spare = s->first;

    s->first = spare->next;
    s->n--;
    s->n_unused = MIN(s->n_unused, s->n);
    n_spares--;
    return spare;
}

/* Returns 'size' bytes of memory, all zeros, which the caller must give back
 * by xdp_spare_free() or free(). */
void *
xdp_spare_zalloc(size_t size)
{
    size_t units = n_units(size);

    if (size > XDP_SPARE_MAX_SIZE) {
        return xzalloc(size);
    }
    return (spares[units].first
            ? memset(take(&spares[units]), 0, size)
            : xzalloc(units * UNIT - HEAD));
}

/* Gives back 'memory' of 'size' bytes from xdp_spare_zalloc(), if it is
 * nonnull. */
void
xdp_spare_free(void *memory, size_t size)
{
    if (size > XDP_SPARE_MAX_SIZE) {
        free(memory);
    } else if (memory) {
        struct spares *s = &spares[n_units(size)];
        struct spare *spare = memory;

        spare->next = s->first;
        s->first = spare;
        s->n++;
        n_spares++;
    }
}

/* Returns how many pieces wait. */
size_t
xdp_spare_count(void)
{
    return n_spares;
}

/* Gives some of the pieces to malloc() that have waited since the last call.
 * Returns how many. */
size_t
xdp_spare_trim(void)
{
    struct spare *unused = NULL;
    size_t n = 0;

    xdp_lock();
    for (size_t i = 0; i < ARRAY_SIZE(spares); i++) {
        struct spares *s = &spares[i];
        size_t n_left = MIN(s->n_unused, TRIM_MAX - n);

        for (; n_left && s->first; n_left--) {
            struct spare *spare = take(s);

            spare->next = unused;
            unused = spare;
            if (!(++n % TRIM_BATCH)) {
                xdp_unlock();
                xdp_lock();
            }
        }
        s->n_unused = s->n;
    }
    xdp_unlock();

    /* It may wait for the kernel. */
    while (unused) {
        struct spare *next = unused->next;

        free(unused);
        unused = next;
    }
    return n;
}
