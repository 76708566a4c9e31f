/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The object, but it stops where it is told to while it finds a connection and
 * uses it, for part "ct-race" of the oracle: see tests/oracle/ct-race.h.
 */

#include "../bpf/maps.h"
#include "xdp-ct-slow.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct ct_slow);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
} ct_slow SEC(".maps");

/* How often a program that has stopped looks whether it may go on, which takes
 * more than a tenth of a second.  The verifier permits no longer loops, but
 * each function has its own. */
#define ROUNDS 3000
#define LOOKS 2000

/* Reads 'MEMBER', which the oracle writes. */
#define CT_SLOW_READ(SLOW, MEMBER) (*(volatile __u64 *) &(SLOW)->MEMBER)

/* Returns true if the program that has stopped may go on, or it is 'until',
 * and looks again if not. */
__noinline int
ct_slow_may_go(__u64 until)
{
    __u32 zero = 0;
    struct ct_slow *slow = bpf_map_lookup_elem(&ct_slow, &zero);

    for (__u32 i = 0; slow && i < LOOKS; i++) {
        if (CT_SLOW_READ(slow, go) == CT_SLOW_READ(slow, run)
            || bpf_ktime_get_ns() >= until) {
            return true;
        }
    }
    return false;
}

/* Stops at 'stop' if the oracle wants that. */
__noinline int
ct_slow_stop(__u32 stop)
{
    __u32 zero = 0;
    struct ct_slow *slow = bpf_map_lookup_elem(&ct_slow, &zero);
    __u64 until;

    if (!slow || CT_SLOW_READ(slow, stop) != stop
        || CT_SLOW_READ(slow, arrived) == CT_SLOW_READ(slow, run)) {
        return 0;
    }
    until = bpf_ktime_get_ns() + CT_SLOW_READ(slow, patience);
    __sync_lock_test_and_set(&slow->arrived, slow->run);
    for (__u32 i = 0; i < ROUNDS && !ct_slow_may_go(until); i++) {
        continue;
    }
    CT_SLOW_READ(slow, seen) = CT_SLOW_READ(slow, now);
    return 0;
}

#define CT_STOP(STOP) ct_slow_stop(CT_STOP_##STOP)

#include "../bpf/flowtable_afxdp.c"
