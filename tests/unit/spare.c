/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of memory that wait for the next one of their size. */

#include <config.h>

#undef NDEBUG
#include <string.h>

#include "unit.h"
#include "util.h"
#include "xdp-spare.h"

/* More pieces than are given back at a time. */
#define N 5000

/* Gives all pieces back that wait.  Returns how many times that took. */
static int
trim_all(void)
{
    int n = 0;

    while (xdp_spare_count()) {
        xdp_spare_trim();
        n++;
    }
    return n;
}

/* A piece is the next one of its size, and all zeros. */
static void
test_spare(void)
{
    static const size_t sizes[] = { 1, 8, 9, 24, 25, 168, 1000,
                                    XDP_SPARE_MAX_SIZE };
    static const char zeros[XDP_SPARE_MAX_SIZE + 1];
    char *pieces[ARRAY_SIZE(sizes)];
    char *large;

    trim_all();
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        pieces[i] = xdp_spare_zalloc(sizes[i]);
        CHECK(!memcmp(pieces[i], zeros, sizes[i]));
        memset(pieces[i], 0xff, sizes[i]);
    }
    CHECK(!xdp_spare_count());
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        xdp_spare_free(pieces[i], sizes[i]);
        CHECK(xdp_spare_count() == 1);
        CHECK(xdp_spare_zalloc(sizes[i]) == pieces[i]);
        CHECK(!memcmp(pieces[i], zeros, sizes[i]));
        CHECK(!xdp_spare_count());
    }

    /* The last one is the first. */
    xdp_spare_free(pieces[3], sizes[3]);
    xdp_spare_free(pieces[2], sizes[2]);
    CHECK(xdp_spare_zalloc(sizes[3]) == pieces[2]);
    CHECK(xdp_spare_zalloc(sizes[2]) == pieces[3]);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        xdp_spare_free(pieces[i], sizes[i]);
    }
    CHECK(xdp_spare_count() == ARRAY_SIZE(sizes));

    /* Large ones do not wait. */
    large = xdp_spare_zalloc(sizeof zeros);
    CHECK(!memcmp(large, zeros, sizeof zeros));
    xdp_spare_free(large, sizeof zeros);
    xdp_spare_free(NULL, 8);
    xdp_spare_free(NULL, sizeof zeros);
    CHECK(xdp_spare_count() == ARRAY_SIZE(sizes));
    trim_all();
}

/* What nobody has needed goes, little by little, and no more than that. */
static void
test_spare_trim(void)
{
    static void *pieces[N];
    size_t n;

    trim_all();
    for (size_t i = 0; i < N; i++) {
        pieces[i] = xdp_spare_zalloc(100);
    }
    for (size_t i = 0; i < N; i++) {
        xdp_spare_free(pieces[i], 100);
    }
    CHECK(!xdp_spare_trim());
    CHECK(xdp_spare_count() == N);

    /* All but ten are needed. */
    for (size_t i = 0; i < N - 10; i++) {
        pieces[i] = xdp_spare_zalloc(100);
    }
    for (size_t i = 0; i < N - 10; i++) {
        xdp_spare_free(pieces[i], 100);
    }
    CHECK(xdp_spare_trim() == 10);
    CHECK(xdp_spare_count() == N - 10);

    n = xdp_spare_trim();
    CHECK(n && n < N - 10);
    CHECK(xdp_spare_count() == N - 10 - n);
    CHECK(trim_all() > 1);
}

const struct unit_case unit_spare[] = {
    { "spare", test_spare, 0 },
    { "spare-trim", test_spare_trim, 0 },
    { NULL, NULL, 0 }
};
