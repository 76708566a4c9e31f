/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often programs are waited for: whoever does that without need takes
 * milliseconds each time, and whoever does not though there is need works on
 * what programs still use.
 */

#ifndef UNIT_WAITS_H
#define UNIT_WAITS_H 1

#include <stdint.h>

uint64_t count_waits(void);

#endif /* waits.h */
