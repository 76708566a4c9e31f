/* SPDX-License-Identifier: Apache-2.0 */
/* See waits.h. */

#include <config.h>

#undef NDEBUG
#include "waits.h"

#include "coverage.h"

/* Of lib/xdp-grace.c. */
extern struct coverage_counter counter_xdp_grace_wait;

/* Returns how often this thread has waited for programs with
 * xdp_grace_wait(). */
uint64_t
count_waits(void)
{
    static uint64_t n;

    n += counter_xdp_grace_wait.count();
    return n;
}
