/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: xdp-counter PID SLOT
 *
 * Prints the sum over CPUs of a slot (enum xdp_counter of xdp-abi.h) of the
 * maps "debug_stats" that process PID holds; 0 if it holds none.
 *
 * The system tests ask for counters over and over while they wait, a few times
 * a second each: this takes a fraction of what bpftool in a script takes.
 *
 * BPF objects are known to all of the machine; only maps of PID are touched,
 * and only those of this type, so that other tests can run beside.
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "debug_stats"

/* As many as a process may hold of its several objects. */
#define MAX_MAPS 64

static void
fail(const char *what)
{
    fprintf(stderr, "xdp-counter: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* Returns the id of the per-CPU array that file descriptor 'fd' of process
 * 'pid' refers to, or 0 if it is something else, or was closed meanwhile. */
static uint32_t
array_id(const char *pid, const char *fd)
{
    char path[PATH_MAX], line[128];
    uint32_t type = 0, id = 0;
    FILE *stream;

    snprintf(path, sizeof path, "/proc/%s/fdinfo/%s", pid, fd);
    stream = fopen(path, "r");
    if (!stream) {
        return 0;
    }
    while (fgets(line, sizeof line, stream)) {
        sscanf(line, "map_type: %"SCNu32, &type);
        sscanf(line, "map_id: %"SCNu32, &id);
    }
    fclose(stream);
    return type == BPF_MAP_TYPE_PERCPU_ARRAY ? id : 0;
}

/* Returns the sum over CPUs of 'slot' of the map with the id 'id', or 0 if it
 * is another map, or has gone. */
static uint64_t
sum_of(uint32_t id, uint32_t slot)
{
    struct bpf_map_info info = { .id = 0 };
    int n_cpus = libbpf_num_possible_cpus();
    uint32_t len = sizeof info;
    uint64_t *values, sum = 0;
    int fd;

    fd = bpf_map_get_fd_by_id(id);
    if (fd < 0 && errno == ENOENT) {
        return 0;
    } else if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len)) {
        fail("looking at a map");
    }
    if (!strcmp(info.name, NAME)) {
        values = n_cpus > 0 ? calloc(n_cpus, sizeof *values) : NULL;
        if (!values || info.value_size != sizeof *values
            || bpf_map_lookup_elem(fd, &slot, values)) {
            fail("reading " NAME);
        }
        for (int i = 0; i < n_cpus; i++) {
            sum += values[i];
        }
        free(values);
    }
    close(fd);
    return sum;
}

/* Returns true if 'id' is one of the 'n' in 'ids'. */
static bool
is_in(uint32_t id, const uint32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

int
main(int argc, char *argv[])
{
    uint32_t ids[MAX_MAPS];
    char path[PATH_MAX];
    struct dirent *entry;
    uint64_t sum = 0;
    char *end = NULL;
    uint32_t slot;
    size_t n = 0;
    DIR *dir;

    slot = argc == 3 ? strtoul(argv[2], &end, 10) : 0;
    if (!end || end == argv[2] || *end) {
        fprintf(stderr, "usage: xdp-counter PID SLOT\n");
        return EXIT_FAILURE;
    }
    snprintf(path, sizeof path, "/proc/%s/fdinfo", argv[1]);
    dir = opendir(path);
    if (!dir) {
        fail(path);
    }
    while ((entry = readdir(dir))) {
        uint32_t id = array_id(argv[1], entry->d_name);

        if (id && !is_in(id, ids, n)) {
            if (n == MAX_MAPS) {
                errno = E2BIG;
                fail(path);
            }
            ids[n++] = id;
            sum += sum_of(id, slot);
        }
    }
    closedir(dir);
    printf("%"PRIu64"\n", sum);
    return EXIT_SUCCESS;
}
