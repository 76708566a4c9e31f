/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the memory that userspace and programs share, when there is
 * little of it.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.h"
#include "unit.h"
#include "util.h"
#include "xdp-shared.h"

/* Elements of the arrays, which have 32 MB. */
#define N (UINT32_C(4) << 20)

/* What this process may take in addition when it has no room. */
#define SLACK (UINT64_C(2) << 20)

/* Returns the number behind 'name' in /proc/self/status, in bytes. */
static uint64_t
get_status(const char *name)
{
    FILE *stream = fopen("/proc/self/status", "r");
    uint64_t value = 0;
    char line[256];

    while (stream && fgets(line, sizeof line, stream)) {
        if (!strncmp(line, name, strlen(name))) {
            value = strtoull(line + strlen(name) + 1, NULL, 10) * 1024;
        }
    }
    if (stream) {
        fclose(stream);
    }
    return value;
}

/* Lets this process have no more addresses than it has, or as many as it
 * wants. */
static void
limit(bool limited)
{
    struct rlimit rlimit;

    getrlimit(RLIMIT_AS, &rlimit);
    rlimit.rlim_cur = (limited ? get_status("VmSize") + SLACK
                       : rlimit.rlim_max);
    setrlimit(RLIMIT_AS, &rlimit);
}

/* Returns true if 'array' cannot be opened, and says why. */
static bool
open_fails(struct xdp_shared *array)
{
    char *message = NULL;
    bool ok = (xdp_shared_open(array, &message) < 0
               && strstr(message, array->name)
               && strstr(message, "bytes of memory"));

    free(message);
    return ok;
}

/* Values that stay when the map goes, even when there is no memory for
 * them. */
static void
test_shared_values(void)
{
    static struct xdp_shared array
        = XDP_SHARED_INITIALIZER("test_values", sizeof(uint64_t), N);
    const uint32_t last = N - 1;
    uint64_t *values = xdp_shared_values(&array);
    char *message;
    uint64_t value;

    values[0] = 1;
    limit(true);
    CHECK(open_fails(&array));
    limit(false);
    for (uint32_t i = 0; i < 2; i++) {
        int fd = xdp_shared_open(&array, &message);

        CHECK(fd >= 0 && xdp_shared_is_map(&array));
        CHECK(array.values == values && values[0] == 1 && values[last] == i);
        CHECK(read_map(fd, 0, &value) && value == 1);
        value = i + 1;
        CHECK(!bpf_map_update_elem(fd, &last, &value, BPF_ANY));
        limit(!i);
        xdp_shared_close(&array);
        limit(false);
        CHECK(!xdp_shared_is_map(&array) && values[last] == i + 1);
        values[0] = 1;
    }
}

/* Values that go with the map, without taking memory. */
static void
test_shared_temporary(void)
{
    static struct xdp_shared array
        = XDP_SHARED_TEMPORARY_INITIALIZER("test_temporary", sizeof(uint64_t));
    const uint64_t before = get_status("RssAnon");
    uint64_t *values;
    char *message;

    array.n = N;
    limit(true);
    CHECK(open_fails(&array));
    limit(false);
    for (int i = 0; i < 2; i++) {
        CHECK(xdp_shared_open(&array, &message) >= 0);
        values = array.values;
        for (uint32_t j = 0; j < N; j++) {
            CHECK(!values[j]);
            values[j] = j + 1;
        }
        limit(true);
        xdp_shared_close(&array);
        limit(false);
        CHECK(array.values == values);
        for (uint32_t j = 0; j < N; j++) {
            CHECK(!values[j]);
        }
        CHECK(get_status("RssAnon") < before + N);
    }
}

const struct unit_case unit_shared[] = {
    { "shared-values", test_shared_values, NEED_BPF },
    { "shared-temporary", test_shared_temporary, NEED_BPF },
    { NULL, NULL, 0 }
};
