/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays that userspace and XDP programs change together, with atomic
 * operations.
 *
 * Such an array is in memory of ours; as long as an object is loaded that
 * needs it, that memory is the contents of a BPF map that all objects use.
 * Its address stays the same and always valid, and what is there is replaced
 * as a whole.  So a thread that works on it needs no lock, and nothing of the
 * map is left once its last user is gone.  (What somebody changes at the very
 * moment when it is replaced may be lost.)
 *
 * The values stay when the map goes, those of lib/xdp-meter.c and
 * lib/xdp-sequence.c; or an array is temporary, as for lib/xdp-conn-table.c,
 * whose arrays may be larger than the memory that there is.  Without a map,
 * that one can be read only, has nothing of importance, and takes no memory:
 * its user does not let the map go as long as something may change there.
 *
 * The caller serializes the functions for one array; any thread may call
 * xdp_shared_is_map() at any time.
 */

#ifndef XDP_SHARED_H
#define XDP_SHARED_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ovs-atomic.h"

struct xdp_shared {
    /* Constants. */
    const char *name;           /* Of the map. */
    size_t value_size;          /* A multiple of 8. */
    uint32_t n;                 /* Elements. */
    bool temporary;             /* Do the values go with the map? */

    void *values;               /* NULL until first needed. */
    int map_fd;                 /* If 'n_users' is nonzero. */
    unsigned int n_users;
    atomic_bool is_map;
};

#define XDP_SHARED_INITIALIZER(NAME, VALUE_SIZE, N) \
    { .name = NAME, .value_size = VALUE_SIZE, .n = N, .map_fd = -1, \
      .is_map = ATOMIC_VAR_INIT(false) }

/* Its user sets the number of elements before the first xdp_shared_open(). */
#define XDP_SHARED_TEMPORARY_INITIALIZER(NAME, VALUE_SIZE) \
    { .name = NAME, .value_size = VALUE_SIZE, .temporary = true, \
      .map_fd = -1, .is_map = ATOMIC_VAR_INIT(false) }

void *xdp_shared_values(struct xdp_shared *);
bool xdp_shared_is_map(const struct xdp_shared *);
int xdp_shared_open(struct xdp_shared *, char **errp);
void xdp_shared_close(struct xdp_shared *);

#endif /* xdp-shared.h */
