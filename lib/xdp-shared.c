/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-shared.h. */

#include <config.h>

#include "xdp-shared.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util.h"

/* Returns the bytes of 'array'. */
static size_t
shared_size(const struct xdp_shared *array)
{
    return array->value_size * array->n;
}

/* Maps the map 'fd', or if that is negative zeros, of the size of 'array' into
 * memory: in place of what is at 'where', or anywhere if that is NULL.
 * Returns NULL on failure.  Not from malloc(): see alloc_log() in
 * xdp-program.c. */
static void *
map_values(const struct xdp_shared *array, int fd, void *where)
{
    /* Memory that is never written is never taken, and not counted. */
    int prot = (fd < 0 && array->temporary ? PROT_READ
                : PROT_READ | PROT_WRITE);
    int flags = ((fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED)
                 | (where ? MAP_FIXED : 0));
    void *p = mmap(where, shared_size(array), prot, flags, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Makes the map 'fd', or if that is negative memory of our own, that of
 * 'array', with the values that stay.  On failure, returns false, and the
 * memory is the one that it was. */
static bool
replace_values(struct xdp_shared *array, int fd)
{
    size_t size = shared_size(array);
    void *p;

    if (fd < 0 && array->temporary) {
        return map_values(array, fd, array->values) != NULL;
    }
    p = map_values(array, fd, NULL);
    if (!p) {
        return false;
    }
    if (!array->temporary) {
        memcpy(p, array->values, size);
    }
    if (mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, array->values)
        == MAP_FAILED) {
        int error = errno;

        munmap(p, size);
        errno = error;
        return false;
    }
    return true;
}

/* Gives 'array' an address.  Returns false on failure. */
static bool
reserve_values(struct xdp_shared *array)
{
    if (!array->values) {
        array->values = map_values(array, -1, NULL);
    }
    return array->values != NULL;
}

/* Returns the values of 'array', which are few enough to be allocated like
 * others. */
void *
xdp_shared_values(struct xdp_shared *array)
{
    if (!reserve_values(array)) {
        out_of_memory();
    }
    return array->values;
}

/* Returns true if the values of 'array', of which somebody has asked for the
 * values before, are in a map. */
bool
xdp_shared_is_map(const struct xdp_shared *array)
{
    bool is_map;

    atomic_read_explicit(&CONST_CAST(struct xdp_shared *, array)->is_map,
                         &is_map, memory_order_acquire);
    return is_map;
}

/* Returns the file descriptor of the map of 'array', which this function
 * creates if nobody uses it yet.  The caller must give it back with
 * xdp_shared_close().  On failure, returns -1 with a message in '*errp', which
 * the caller frees. */
int
xdp_shared_open(struct xdp_shared *array, char **errp)
{
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

    if (!array->n_users) {
        int fd = -1;

        if (reserve_values(array)) {
            fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, array->name,
                                sizeof(uint32_t), array->value_size, array->n,
                                &opts);
        }
        if (fd < 0 || !replace_values(array, fd)) {
            *errp = xasprintf("creating the map %s failed (%s); it needs "
                              "%"PRIuSIZE" bytes of memory", array->name,
                              ovs_strerror(errno), shared_size(array));
            if (fd >= 0) {
                close(fd);
            }
            return -1;
        }
        atomic_store_explicit(&array->is_map, true, memory_order_release);
        array->map_fd = fd;
    }
    array->n_users++;
    return array->map_fd;
}

/* Gives the map of 'array' back, which goes with its last user. */
void
xdp_shared_close(struct xdp_shared *array)
{
    ovs_assert(array->n_users);
    if (!--array->n_users) {
        atomic_store_relaxed(&array->is_map, false);

        /* If there is no memory for that, we go on with that of the map, which
         * is ours alone then. */
        replace_values(array, -1);
        close(array->map_fd);
        array->map_fd = -1;
    }
}
