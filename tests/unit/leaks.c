/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether something that is done many times leaves anything behind.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "leaks.h"
#include "unit.h"
#include "util.h"

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

/* Returns the number of all BPF programs, maps and BTF objects in the system,
 * or -1 if we may not know. */
static int
count_bpf(void)
{
    static int (*const next[])(uint32_t, uint32_t *) = {
        bpf_prog_get_next_id, bpf_map_get_next_id, bpf_btf_get_next_id,
    };
    int n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(next); i++) {
        uint32_t id = 0;

        while (!next[i](id, &id)) {
            n++;
        }
        if (errno != ENOENT) {
            return -1;
        }
    }
    return n;
}

/* Enough for a leak to stand out from what the rest of the system does. */
#define LEAK_TIMES 30

/* Repeats 'func' and checks that nothing is left of it. */
void
check_leaks(repeated_func *func, const char *arg)
{
    int n_fds = count_fds();
    int n_bpf = count_bpf();
    int left;

    for (int i = 0; i < LEAK_TIMES; i++) {
        func(arg);
    }
    if (count_fds() != n_fds) {
        fail("%s: %d file descriptors are left of %d times", arg,
             count_fds() - n_fds, LEAK_TIMES);
    }
    CHECK(n_bpf >= 0);
    /* The kernel frees them a bit later. */
    for (int i = 0; i < 600; i++) {
        left = count_bpf() - n_bpf;
        if (left < LEAK_TIMES) {
            return;
        }
        usleep(100 * 1000);
    }
    fail("%s: %d BPF objects are left of %d times", arg, left, LEAK_TIMES);
}
