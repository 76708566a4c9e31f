/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The object, but slow between what ct_check() finds out about a connection
 * and what ct_run() does for it, for part "ct-race" of the oracle: see
 * tests/oracle/ct-race.c.
 */

#include "../bpf/stats.h"

/* What this object and the oracle share, as "struct ct_pause" there. */
struct ct_pause {
    __u64 now, seen, looks;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct ct_pause);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
} ct_pause SEC(".maps");

/* The longest pause, in looks at the clock. */
#define MAX_LOOKS 30000

/* Pauses, and then notes what the logical clock shows. */
__noinline int
pause(void)
{
    __u32 zero = 0;
    struct ct_pause *p = bpf_map_lookup_elem(&ct_pause, &zero);
    __u64 looks;

    if (!p) {
        return 0;
    }
    looks = p->looks;
    for (__u32 i = 0; i < MAX_LOOKS && i < looks; i++) {
        bpf_ktime_get_ns();
    }
    *(volatile __u64 *) &p->seen = *(volatile __u64 *) &p->now;
    return 0;
}

/* ct_run() begins by counting itself. */
#define stats_count(COUNTER) \
    do { \
        if ((COUNTER) == XDP_COUNTER_CT) { \
            pause(); \
        } \
        stats_count(COUNTER); \
    } while (0)

#include "../bpf/flowtable_afxdp.c"
