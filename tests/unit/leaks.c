/* SPDX-License-Identifier: Apache-2.0 */
/* See leaks.h. */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "leaks.h"
#include "unit.h"
#include "util.h"

/* What the kernel has of BPF: how fdinfo calls its number, and how to get a
 * file descriptor for that. */
static const struct kind {
    const char *format;
    int (*get_fd)(uint32_t id);
} kinds[] = {
    { "prog_id: %"SCNu32, bpf_prog_get_fd_by_id },
    { "map_id: %"SCNu32, bpf_map_get_fd_by_id },
    { "btf_id: %"SCNu32, bpf_btf_get_fd_by_id },
    { "link_id: %"SCNu32, bpf_link_get_fd_by_id },
};

/* What note_bpf() has seen. */
struct noted {
    const struct kind *kind;
    uint32_t id;
};
static struct noted *noted;
static size_t n_noted, allocated_noted;

/* Returns the number of open file descriptors. */
static int
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    ovs_assert(dir);
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}

/* Notes 'id' of 'kind', unless that is noted. */
static void
note(const struct kind *kind, uint32_t id)
{
    for (size_t i = 0; i < n_noted; i++) {
        if (noted[i].kind == kind && noted[i].id == id) {
            return;
        }
    }
    if (n_noted >= allocated_noted) {
        noted = x2nrealloc(noted, &allocated_noted, sizeof *noted);
    }
    noted[n_noted++] = (struct noted) { .kind = kind, .id = id };
}

/* For a "repeated_func", when everything is there: notes all BPF objects that
 * this process has file descriptors for. */
void
note_bpf(void)
{
    DIR *dir = opendir("/proc/self/fdinfo");
    const struct dirent *entry;

    ovs_assert(dir);
    while ((entry = readdir(dir)) != NULL) {
        char *path = xasprintf("/proc/self/fdinfo/%s", entry->d_name);
        FILE *file = fopen(path, "r");
        char line[128];
        uint32_t id;

        while (file && fgets(line, sizeof line, file)) {
            for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                if (sscanf(line, kinds[i].format, &id) == 1) {
                    note(&kinds[i], id);
                }
            }
        }
        if (file) {
            fclose(file);
        }
        free(path);
    }
    closedir(dir);
}

/* Returns true if this process has a file descriptor for the map 'id'.  Not
 * for a "repeated_func". */
bool
has_map_open(uint32_t id)
{
    n_noted = 0;
    note_bpf();
    for (size_t i = 0; i < n_noted; i++) {
        if (noted[i].kind->get_fd == bpf_map_get_fd_by_id
            && noted[i].id == id) {
            return true;
        }
    }
    return false;
}

/* Returns how many of what note_bpf() has seen are there. */
static int
count_noted(void)
{
    int n = 0;

    for (size_t i = 0; i < n_noted; i++) {
        int fd = noted[i].kind->get_fd(noted[i].id);

        n += fd >= 0 || errno != ENOENT;
        if (fd >= 0) {
            close(fd);
        }
    }
    return n;
}

/* How often things are repeated. */
#define LEAK_TIMES 10

/* Repeats 'func', which may call note_bpf(), and checks that nothing is left
 * of it. */
void
check_leaks(repeated_func *func, const char *arg)
{
    int n_fds = count_fds();
    int before, left;

    n_noted = 0;
    note_bpf();
    before = n_noted;
    for (int i = 0; i < LEAK_TIMES; i++) {
        func(arg);
    }
    if (count_fds() != n_fds) {
        fail("%s: %d file descriptors are left of %d times", arg,
             count_fds() - n_fds, LEAK_TIMES);
    }
    /* The kernel frees them a bit later, and others may hold some: there are
     * tests that look through all that the system has. */
    for (int i = 0; i < 600; i++) {
        left = count_noted() - before;
        if (left < LEAK_TIMES) {
            return;
        }
        usleep(100 * 1000);
    }
    fail("%s: %d BPF objects are left of %d times", arg, left,
         LEAK_TIMES);
}
