/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that stands still: what time_msec() returns to everybody while a
 * case has it stopped.  It never goes back from one such case to the next.
 */

#ifndef UNIT_CLOCK_H
#define UNIT_CLOCK_H 1

void clock_stop(void);
void clock_advance(long long int ms);
void clock_set_step(long long int ms);
void clock_run(void);

#endif /* clock.h */
