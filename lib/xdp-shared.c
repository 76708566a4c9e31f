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

/* Maps the map 'fd', or if that is negative zero bytes, of the size of 'array'
 * into memory.  Returns NULL on failure.  Not from malloc(): see alloc_log()
 * in xdp-program.c. */
static void *
map_values(const struct xdp_shared *array, int fd)
{
    void *p = mmap(NULL, shared_size(array), PROT_READ | PROT_WRITE,
                   fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Makes what is mapped at 'p' that of 'array', with the values that it has. */
static void
replace_values(struct xdp_shared *array, void *p)
{
    size_t size = shared_size(array);

    memcpy(p, array->values, size);
    if (mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, array->values)
        == MAP_FAILED) {
        out_of_memory();
    }
}

/* Returns the values of 'array'. */
void *
xdp_shared_values(struct xdp_shared *array)
{
    if (!array->values) {
        array->values = map_values(array, -1);
        if (!array->values) {
            out_of_memory();
        }
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
    void *p;
    int fd;

    if (!array->n_users) {
        xdp_shared_values(array);
        fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, array->name, sizeof(uint32_t),
                            array->value_size, array->n, &opts);
        p = fd < 0 ? NULL : map_values(array, fd);
        if (!p) {
            *errp = xasprintf("creating the map %s failed (%s); it needs "
                              "%"PRIuSIZE" bytes of memory", array->name,
                              ovs_strerror(errno), shared_size(array));
            if (fd >= 0) {
                close(fd);
            }
            return -1;
        }
        replace_values(array, p);
        atomic_store_explicit(&array->is_map, true, memory_order_release);
        array->map_fd = fd;
    }
    array->n_users++;
    return array->map_fd;
}

/* Gives the map of 'array' back, which goes with its last user.  The values
 * stay. */
void
xdp_shared_close(struct xdp_shared *array)
{
    ovs_assert(array->n_users);
    if (!--array->n_users) {
        void *p = map_values(array, -1);

        if (!p) {
            out_of_memory();
        }
        atomic_store_relaxed(&array->is_map, false);
        replace_values(array, p);
        close(array->map_fd);
        array->map_fd = -1;
    }
}
