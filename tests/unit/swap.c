/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of replacing inner maps without waiting.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fixture.h"
#include "unit.h"
#include "xdp-swap.h"

/* Replacing inner maps without waiting. */
static void
test_swap(void)
{
    /* More than there are threads. */
    enum { N = 80, KEY = 7 };
    uint64_t key = KEY, other = KEY + 1;
    struct xdp_swap *swaps[N], *swap;
    int old[N], copies[N], fds[N];
    int n_early = 0, n_updated = 0;
    uint32_t value, id, ids[N];
    int outer;

    for (int i = 0; i < N; i++) {
        old[i] = create_inner(&id);
        fds[i] = create_inner(&ids[i]);
        copies[i] = dup(old[i]);
        value = 1;
        CHECK(!bpf_map_update_elem(old[i], &key, &value, BPF_ANY));
    }
    outer = create_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, N, 0, old[0]);
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!bpf_map_update_elem(outer, &i, &old[i], BPF_ANY));
    }

    for (int i = 0; i < N; i++) {
        bool updated;

        CHECK(!xdp_swap_start(outer, i, fds[i], old[i], &swaps[i]));
        CHECK(read_map(outer, i, &id) && id == ids[i]);
        n_early += !xdp_swap_is_over(swaps[i]);

        value = 2;
        CHECK(!xdp_swap_update_old(swaps[i], &other, &value));
        updated = xdp_swap_update_old(swaps[i], &key, &value);
        CHECK(!bpf_map_lookup_elem(copies[i], &key, &value));
        CHECK(value == 1 + updated);
        CHECK(bpf_map_lookup_elem(copies[i], &other, &value));
        n_updated += updated;
    }
    CHECK(n_early > 0);
    CHECK(n_updated > 0);

    for (int i = 0; i < N; i++) {
        xdp_swap_wait(swaps[i]);
        CHECK(xdp_swap_is_over(swaps[i]));
        CHECK(fcntl(old[i], F_GETFD) < 0 && errno == EBADF);
        CHECK(!xdp_swap_update_old(swaps[i], &key, &value));
        CHECK(read_map(outer, i, &id) && id == ids[i]);
        xdp_swap_unref(swaps[i]);
        close(copies[i]);
    }

    /* Nothing there before, and given back before it is over. */
    CHECK(!xdp_swap_start(outer, 0, fds[1], -1, &swap));
    CHECK(read_map(outer, 0, &id) && id == ids[1]);
    xdp_swap_unref(swap);
    xdp_swap_unref(NULL);

    /* Failures. */
    CHECK(xdp_swap_start(outer, N, fds[0], fds[1], &swap) == E2BIG && !swap);
    CHECK(xdp_swap_start(outer, 0, -1, fds[1], &swap) && !swap);
    CHECK(xdp_swap_start(outer, 0, outer, fds[1], &swap) == EINVAL && !swap);
    CHECK(fcntl(fds[1], F_GETFD) >= 0);
    CHECK(read_map(outer, 0, &id) && id == ids[1]);

    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    close(outer);
}

const struct unit_case unit_swap[] = {
    { "swap", test_swap, NEED_BPF },
    { NULL, NULL, 0 }
};
