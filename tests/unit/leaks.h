/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether something that is done many times leaves anything behind: a file
 * descriptor of this process, or a BPF program, map, link or BTF object that
 * it had one for.  (What others have at the time is their business.)
 */

#ifndef UNIT_LEAKS_H
#define UNIT_LEAKS_H 1

#include <stdbool.h>
#include <stdint.h>

/* Something to do many times, each time with the same result. */
typedef void repeated_func(const char *arg);

void check_leaks(repeated_func *, const char *arg);
void note_bpf(void);
bool has_map_open(uint32_t id);

#endif /* leaks.h */
