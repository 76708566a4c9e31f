/* SPDX-License-Identifier: Apache-2.0 */

/* The command line of a program that works with the frames of pattern.h. */

#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern_options;

/* An option that not all of these programs have. */
struct bench_option {
    const char *name;           /* With "--". */
    bool *flag;                 /* If nonnull, the option takes no argument
                                 * and makes this true. */
    uint32_t *number;           /* Otherwise its argument is stored here, */
    uint32_t min, max;          /* if it is between these. */
};

int bench_parse_options(int argc, char *argv[],
                        const struct bench_option[], size_t n,
                        struct pattern_options *, void (*usage)(void));

#endif /* bench/options.h */
