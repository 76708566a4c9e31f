/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the cases of a part.  They start without hints, and the slots of the
 * flows that they leave behind are reclaimed before the table runs out of
 * them.
 */

#include <config.h>

#include "cases.h"

#include "flows.h"
#include "oracle.h"
#include "run.h"

/* How many cases leave their slots to the next reclaim. */
#define RECLAIM_INTERVAL 100

/* Runs 'test' for each of the 'n_cases' cases of 'part', or for the one that
 * was asked for.  Returns how many were run. */
unsigned long int
run_cases(const char *part, unsigned long int n_cases,
          void (*test)(unsigned long int index))
{
    unsigned long int n = 0;

    set_hints(NO_HINTS);
    for (unsigned long int i = 0; i < n_cases; i++) {
        if (only_case < 0 || only_case == i) {
            begin_case(part, i);
            test(i);
            if (++n % RECLAIM_INTERVAL == 0) {
                reclaim();
            }
        }
    }
    reclaim();
    return n;
}
