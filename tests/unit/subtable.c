/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of subtables: that they have what was inserted, however they
 * grow, and that no call does much at a time.
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hash.h"
#include "random.h"
#include "fixture.h"
#include "unit.h"
#include "util.h"
#include "xdp-subtable.h"
#include "xdp-swap.h"

/* A subtable and what it should have. */
struct subtable_fixture {
    struct xdp_subtable st;
    int outer_fd;
    uint32_t n_entries;         /* Of which 'present' says which it has. */
    struct xdp_subtable_entry *entries;
    bool *present;
};

/* Makes a subtable of up to 'limit' entries, out of 'n_entries'. */
static void
subtable_init(struct subtable_fixture *f, uint32_t n_entries, uint32_t limit)
{
    struct xdp_subtable_creation *none = NULL;
    int inner_fd = xdp_subtable_create_map(1);

    f->outer_fd = create_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 2, 0, inner_fd);
    close(inner_fd);
    f->n_entries = n_entries;
    f->entries = xcalloc(n_entries, sizeof *f->entries);
    f->present = xcalloc(n_entries, sizeof *f->present);
    for (uint32_t i = 0; i < n_entries; i++) {
        f->entries[i].digest = hash_finish(i, 0) | (uint64_t) i << 32;
    }
    xdp_subtable_init(&f->st, f->outer_fd, 1, limit);
    if (xdp_subtable_reset(&f->st, &none)) {
        ovs_fatal(0, "making a subtable failed");
    }
}

/* Inserts entry 'i'. */
static int
subtable_insert(struct subtable_fixture *f, uint32_t i)
{
    int error;

    f->entries[i].slot = i;
    error = xdp_subtable_insert(&f->st, &f->entries[i]);
    f->present[i] = !error;
    return error;
}

/* Removes entry 'i'. */
static int
subtable_remove(struct subtable_fixture *f, uint32_t i)
{
    f->present[i] = false;
    return xdp_subtable_remove(&f->st, &f->entries[i]);
}

/* Frees 'f'. */
static void
subtable_destroy(struct subtable_fixture *f)
{
    for (uint32_t i = 0; i < f->n_entries; i++) {
        if (f->present[i] && subtable_remove(f, i)) {
            fail("an entry is not there when it is removed");
        }
    }
    xdp_subtable_destroy(&f->st);
    close(f->outer_fd);
    free(f->entries);
    free(f->present);
}

/* Checks that the map 'fd' has what 'f' should have. */
static void
subtable_check_map(const struct subtable_fixture *f, int fd)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->n_entries; i++) {
        uint32_t slot;
        bool found = !bpf_map_lookup_elem(fd, &f->entries[i].digest, &slot);

        n += f->present[i];
        CHECK(found == f->present[i]);
        CHECK(!found || slot == f->entries[i].slot);
    }
    CHECK(f->st.n == n);
}

/* Checks that programs find in 'f' what they should. */
static void
subtable_check(const struct subtable_fixture *f)
{
    uint32_t id;
    int fd;

    CHECK(read_map(f->outer_fd, 1, &id));
    fd = bpf_map_get_fd_by_id(id);
    CHECK(fd >= 0);
    subtable_check_map(f, fd);
    close(fd);
}

/* However many entries there are, an insertion copies a few. */
static void
test_subtable_growth(void)
{
    enum { N = 150000 };
    struct subtable_fixture f;
    uint32_t capacity, n_growths = 0;

    subtable_init(&f, N, N);
    capacity = f.st.capacity;
    CHECK(capacity == 1024);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t n = f.st.n_uncopied;
        bool copying = f.st.next_fd >= 0;

        CHECK(!subtable_insert(&f, i));
        if (copying) {
            CHECK(n - f.st.n_uncopied <= XDP_SUBTABLE_COPIES);
        } else if (f.st.next_fd >= 0) {
            CHECK(i - f.st.n_uncopied <= XDP_SUBTABLE_COPIES);
        }
        if (f.st.capacity != capacity) {
            capacity = f.st.capacity;
            n_growths++;
            CHECK(copying && n <= XDP_SUBTABLE_COPIES);
            /* What it takes is not much more than what it has. */
            CHECK(capacity * 10 <= (capacity == 4096 ? 60 : 23) * i);
            subtable_check(&f);
        }
    }
    CHECK(n_growths == 7 && capacity == N);
    subtable_check(&f);

    /* It does not grow beyond its limit. */
    CHECK(!f.st.creation && f.st.next_fd < 0);
    subtable_destroy(&f);
}

/* Entries come, go and change, most of the time while it grows. */
static void
test_subtable_changes(void)
{
    enum { N = 12000, N_ROUNDS = 20 };
    struct xdp_subtable_creation *none = NULL;
    struct subtable_fixture f;

    random_set_seed(1);
    subtable_init(&f, N, N);
    for (int round = 0; round < N_ROUNDS; round++) {
        uint32_t n_copying = 0;

        for (int i = 0; i < N || !n_copying; i++) {
            uint32_t j = random_range(MIN(N, 1500 + i));

            n_copying += f.st.n_uncopied > 0;
            CHECK(xdp_subtable_has(&f.st, f.entries[j].digest)
                  == f.present[j]);
            if (!f.present[j]) {
                CHECK(!subtable_insert(&f, j));
            } else if (random_range(3)) {
                CHECK(!xdp_subtable_modify(&f.st, &f.entries[j],
                                           random_uint32()));
            } else {
                CHECK(!subtable_remove(&f, j));
            }
            CHECK(i < 10 * N);
        }
        subtable_check(&f);
        for (uint32_t i = 0; i < N; i++) {
            if (f.present[i]) {
                CHECK(!subtable_remove(&f, i));
            }
        }
        CHECK(!xdp_subtable_reset(&f.st, &none));
        CHECK(f.st.next_fd < 0 && !f.st.creation);
        subtable_check(&f);
    }
    subtable_destroy(&f);
}

/* Fills 'f' until entries are being copied, and then makes its next map
 * something else, so that all that is to be written there fails. */
static void
break_growth(struct subtable_fixture *f, uint32_t *n)
{
    int null = open("/dev/null", O_RDONLY);

    while (!f->st.n_uncopied) {
        CHECK(!subtable_insert(f, (*n)++));
    }
    CHECK(null >= 0 && dup2(null, f->st.next_fd) == f->st.next_fd);
    close(null);
}

/* If a subtable cannot grow, nothing is lost, and it is tried again. */
static void
test_subtable_fails(void)
{
    enum { N = 1025 };
    struct rlimit limit, less;
    struct subtable_fixture f;
    uint32_t n = 0;

    subtable_init(&f, N, N);

    /* No more file may be opened. */
    CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
    less = limit;
    less.rlim_cur = 0;
    CHECK(!setrlimit(RLIMIT_NOFILE, &less));
    while (n < N - 1) {
        CHECK(!subtable_insert(&f, n));
        n++;
    }
    CHECK(subtable_insert(&f, n) == EMFILE);
    CHECK(f.st.capacity == N - 1 && f.st.n == n);
    CHECK(subtable_insert(&f, n) == EMFILE);
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
    subtable_check(&f);

    /* It is tried again after a while. */
    for (int i = 0; i < 600 && subtable_insert(&f, n); i++) {
        usleep(100 * 1000);
    }
    CHECK(f.present[n] && f.st.capacity == N);
    subtable_check(&f);
    subtable_destroy(&f);

    /* Copying, an insertion, a modification or a removal fails. */
    for (int what = 0; what < 3; what++) {
        subtable_init(&f, N, N);
        n = 0;
        break_growth(&f, &n);
        if (what == 0) {
            CHECK(!subtable_insert(&f, n++));
        } else if (what == 1) {
            CHECK(!xdp_subtable_modify(&f.st, &f.entries[0], 4711));
        } else {
            CHECK(!subtable_remove(&f, 0));
        }
        CHECK(f.st.next_fd < 0 && f.st.error && !f.st.n_uncopied);
        subtable_check(&f);
        subtable_destroy(&f);
    }
}

/* After a failure that lasted until a subtable was full, who asks before each
 * insertion does not copy all entries in one. */
static void
test_subtable_behind(void)
{
    enum { N = 1500 };
    struct rlimit limit, less;
    struct subtable_fixture f;
    uint32_t n = 0, n_left;

    subtable_init(&f, N, N);
    CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
    less = limit;
    less.rlim_cur = 0;
    CHECK(!setrlimit(RLIMIT_NOFILE, &less));
    while (!subtable_insert(&f, n)) {
        n++;
    }
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
    CHECK(n == f.st.capacity);

    f.st.retry_at = 0;
    while (!xdp_subtable_prepare(&f.st)) {
        usleep(1000);
    }
    n_left = f.st.next_fd < 0 ? f.st.n : f.st.n_uncopied;
    CHECK(n_left <= XDP_SUBTABLE_COPIES);
    CHECK(!subtable_insert(&f, n));
    CHECK(f.st.capacity == N);
    subtable_check(&f);
    subtable_destroy(&f);
}

/* Returns true if the next insertion into 'f' would wait until a new map can
 * be seen. */
static bool
would_publish(const struct subtable_fixture *f)
{
    const struct xdp_subtable *st = &f->st;

    if (st->next_fd < 0 || st->n_uncopied > XDP_SUBTABLE_COPIES
        || (st->swap && !xdp_swap_is_over(st->swap))) {
        return false;
    }
    return !st->next_swap || !xdp_swap_is_visible(st->next_swap);
}

/* Who asks before each insertion never waits for a map that is being made, and
 * learns early enough that there will not be room for long. */
static void
test_subtable_prepare(void)
{
    enum { N = 5000 };
    struct subtable_fixture f;
    uint32_t n = 0, n_waits = 0;

    subtable_init(&f, N, N);
    block_pool();
    while (xdp_subtable_prepare(&f.st)) {
        /* This would never return. */
        CHECK(n < f.st.capacity);
        CHECK(!subtable_insert(&f, n++));
    }
    CHECK(n > f.st.capacity / 2);
    CHECK(f.st.creation && f.st.next_fd < 0);
    unblock_pool();

    while (n < N && n_waits < 60000) {
        if (xdp_subtable_prepare(&f.st)) {
            CHECK(!would_publish(&f));
            CHECK(!subtable_insert(&f, n++));
        } else {
            usleep(1000);
            n_waits++;
        }
    }
    CHECK(n == N);
    subtable_check(&f);
    subtable_destroy(&f);
}

/* Fills 'f' until entries are being copied, and removes those that are not,
 * so that all that is left is in the next map. */
static void
copy_all(struct subtable_fixture *f)
{
    uint32_t n = 0;

    while (!f->st.n_uncopied) {
        CHECK(!subtable_insert(f, n++));
    }
    while (f->st.n_uncopied) {
        CHECK(!subtable_remove(f, --n));
    }
    CHECK(f->st.next_fd >= 0 && f->st.n >= XDP_SUBTABLE_COPIES);
}

/* Has programs find the next map of 'f', which copy_all() has filled, as soon
 * as there is a thread for it. */
static void
begin_publishing(struct subtable_fixture *f)
{
    CHECK(!xdp_swap_begin(f->outer_fd, 1, f->st.next_fd, &f->st.next_swap));
}

/* Waits until programs find the next map of 'f'. */
static void
wait_until_visible(const struct subtable_fixture *f)
{
    while (!xdp_swap_is_visible(f->st.next_swap)) {
        usleep(1000);
    }
}

/* While a thread has programs find the next map, a modification and a removal
 * do not wait for that, and it does not matter which map programs find. */
static void
test_subtable_publishing(void)
{
    enum { N = 1024 };
    struct subtable_fixture f;
    int old_fd;

    subtable_init(&f, N, 2 * N);
    copy_all(&f);
    old_fd = dup(f.st.fd);
    block_pool();
    begin_publishing(&f);
    for (int round = 0; round < 2; round++) {
        /* With a pool that is blocked, to wait would be to wait for ever. */
        CHECK(!xdp_subtable_modify(&f.st, &f.entries[round], 4711));
        CHECK(!xdp_subtable_modify(&f.st, &f.entries[round + 2], 4712));
        CHECK(!xdp_subtable_modify(&f.st, &f.entries[round + 2], 4713));
        CHECK(!subtable_remove(&f, round + 4));
        CHECK(f.st.next_swap && !f.st.n_uncopied);
        subtable_check(&f);
        subtable_check_map(&f, old_fd);
        subtable_check_map(&f, f.st.next_fd);
        if (!round) {
            CHECK(!xdp_swap_is_visible(f.st.next_swap));
            unblock_pool();
            wait_until_visible(&f);
        }
    }
    CHECK(!subtable_insert(&f, 4));
    CHECK(!f.st.next_swap && f.st.next_fd < 0 && f.st.capacity == 2 * N);
    subtable_check(&f);
    close(old_fd);
    subtable_destroy(&f);
}

/* If the next map fails at last, nothing has changed, whatever happened in
 * between. */
static void
test_subtable_publishing_fails(void)
{
    int null = open("/dev/null", O_RDONLY);
    enum { N = 1024 };
    struct subtable_fixture f;
    uint32_t slot;

    subtable_init(&f, N, 2 * N);
    copy_all(&f);
    slot = f.entries[0].slot;
    block_pool();
    begin_publishing(&f);
    CHECK(null >= 0 && dup2(null, f.st.next_fd) == f.st.next_fd);
    close(null);
    CHECK(xdp_subtable_modify(&f.st, &f.entries[0], slot + 1));
    CHECK(f.entries[0].slot == slot);
    subtable_check(&f);

    /* Programs might find it there, for all one knows. */
    CHECK(subtable_remove(&f, 1));
    subtable_check(&f);
    unblock_pool();

    CHECK(!subtable_insert(&f, 1));
    CHECK(!f.st.next_swap && f.st.next_fd < 0 && f.st.error);
    CHECK(!xdp_subtable_modify(&f.st, &f.entries[0], slot + 1));
    subtable_check(&f);
    subtable_destroy(&f);
}

/* Who empties a subtable while its next map is being published, and gives it
 * to another mask, finds it empty, and does not wait if it asks first. */
static void
test_subtable_publishing_reset(void)
{
    enum { N = 1024 };

    for (int asks = 0; asks < 2; asks++) {
        struct xdp_subtable_creation *map = NULL;
        struct subtable_fixture f;

        subtable_init(&f, N, 2 * N);
        copy_all(&f);
        block_pool();
        begin_publishing(&f);
        for (uint32_t i = 0; i < N; i++) {
            if (f.present[i]) {
                CHECK(!subtable_remove(&f, i));
            }
        }
        CHECK(!f.st.n);
        CHECK(!asks || !xdp_subtable_prepare_reset(&f.st, &map));
        unblock_pool();
        while (asks && !xdp_subtable_prepare_reset(&f.st, &map)) {
            usleep(1000);
        }
        CHECK(!asks || xdp_swap_is_visible(f.st.next_swap));
        CHECK(!xdp_subtable_reset(&f.st, &map));
        CHECK(!map && !f.st.next_swap && f.st.next_fd < 0 && !f.st.swap);
        subtable_check(&f);

        for (uint32_t i = 0; i < N; i++) {
            CHECK(!subtable_insert(&f, i));
        }
        subtable_check(&f);
        subtable_destroy(&f);
    }
}

const struct unit_case unit_subtable[] = {
    { "subtable-growth", test_subtable_growth, NEED_BPF },
    { "subtable-changes", test_subtable_changes, NEED_BPF },
    { "subtable-fails", test_subtable_fails, NEED_BPF },
    { "subtable-behind", test_subtable_behind, NEED_BPF },
    { "subtable-prepare", test_subtable_prepare, NEED_BPF },
    { "subtable-publishing", test_subtable_publishing, NEED_BPF },
    { "subtable-publishing-fails", test_subtable_publishing_fails, NEED_BPF },
    { "subtable-publishing-reset", test_subtable_publishing_reset, NEED_BPF },
    { NULL, NULL, 0 }
};
