/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two meters whose verdict is known: one lets everything pass, one nothing.
 */

#ifndef METERS_H
#define METERS_H 1

#include <stdbool.h>
#include <stdint.h>

enum {
    METER_PASS,
    METER_DROP,
    N_METERS
};

/* What came to a meter. */
struct meter_counts {
    uint64_t packets;
    uint64_t bytes;
};

void init_meters(void);
void read_meters(struct meter_counts[N_METERS]);
bool check_meters(const struct meter_counts before[N_METERS],
                  const struct meter_counts expected[N_METERS]);

#endif /* meters.h */
