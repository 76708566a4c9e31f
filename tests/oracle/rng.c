/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers (splitmix64), which follow from the seed.
 */

#include <config.h>

#include <string.h>

#include "oracle.h"
#include "rng.h"
#include "util.h"

static __thread uint64_t rng_state;

/* Returns a random 64-bit number. */
uint64_t
rnd64(void)
{
    uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Returns a random number from 0 to 'n' - 1. */
uint32_t
rnd(uint32_t n)
{
    return (rnd64() >> 32) * n >> 32;
}

/* Returns true once in 'n' times. */
bool
one_in(uint32_t n)
{
    return !rnd(n);
}

/* Makes the following random numbers those of case 'index' of part 'part'. */
void
rng_start(uint32_t part, uint64_t index)
{
    rng_state = seed;
    rng_state = rnd64() ^ part;
    rng_state = rnd64() ^ index;
}

/* Fills the 'n' bytes at 'p_' with random ones. */
void
rnd_bytes(void *p_, size_t n)
{
    uint8_t *p = p_;

    while (n--) {
        *p++ = rnd64();
    }
}

/* Fills the 'n' bytes at 'p_' with a mask: often all or no ones, sometimes
 * leading ones, sometimes anything. */
void
rnd_mask(void *p_, size_t n)
{
    uint8_t *p = p_;

    switch (rnd(8)) {
    case 0: case 1: case 2:
        memset(p, 0, n);
        break;
    case 3: case 4: case 5:
        memset(p, 0xff, n);
        break;
    case 6: {
        size_t n_bits = rnd(n * 8 + 1);

        for (size_t i = 0; i < n; i++) {
            p[i] = (n_bits >= 8 ? 0xff : (0xff00 >> n_bits) & 0xff);
            n_bits -= MIN(n_bits, 8);
        }
        break;
    }
    default:
        rnd_bytes(p, n);
        break;
    }
}
