/* SPDX-License-Identifier: Apache-2.0 */
/* See clock.h. */

#include <config.h>

#undef NDEBUG
#include "clock.h"

#include <stdbool.h>

#include "timeval.h"
#include "util.h"

static bool stopped;
static long long int now;
static long long int step;      /* Whenever somebody looks, in ms. */

long long int __real_time_msec(void);
long long int __wrap_time_msec(void);

/* The linker has everybody call this for time_msec(). */
long long int
__wrap_time_msec(void)
{
    return stopped ? now += step : __real_time_msec();
}

/* Stops the clock. */
void
clock_stop(void)
{
    now = MAX(now, __real_time_msec());
    stopped = true;
}

/* Has the clock, which is stopped, go on by 'ms' milliseconds. */
void
clock_advance(long long int ms)
{
    now += ms;
}

/* Has the clock, which is stopped, go on by 'ms' milliseconds whenever
 * somebody looks at it. */
void
clock_set_step(long long int ms)
{
    step = ms;
}

/* Has the clock run again. */
void
clock_run(void)
{
    stopped = false;
    step = 0;
}
