/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers, which follow from the seed.
 */

#ifndef RNG_H
#define RNG_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void rng_start(uint32_t part, uint64_t index);
uint64_t rnd64(void);
uint32_t rnd(uint32_t n);
bool one_in(uint32_t n);
void rnd_bytes(void *, size_t n);
void rnd_mask(void *, size_t n);

#endif /* rng.h */
