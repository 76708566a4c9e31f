/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may use the scratch.
 *
 * The kernel runs programs with bottom halves disabled, and as a rule that
 * keeps other runs off the CPU.  With PREEMPT_RT, from Linux 6.18 on, it may
 * not: a run can be preempted by another one on its CPU, and go on in the
 * middle of that.  There, the first one takes the scratch until it has decided
 * what becomes of its packet, all passes included, and one that finds it taken
 * leaves everything alone, and its packet to userspace.
 *
 * Elsewhere the provider leaves 'xdp_runs_nest' at 0 and the verifier takes
 * all of this out of the program.
 */

#ifndef BPF_GUARD_H
#define BPF_GUARD_H 1

#include "maps.h"

/* Begins a run with 'scratch'.  Returns false if another one is at it. */
static __always_inline bool
guard_enter(struct xdp_scratch *scratch)
{
    return !xdp_runs_nest || !__sync_lock_test_and_set(&scratch->busy, 1);
}

/* Ends a run with 'scratch', after everything else that it does there. */
static __always_inline void
guard_leave(struct xdp_scratch *scratch)
{
    if (xdp_runs_nest) {
        *(volatile __u32 *) &scratch->busy = 0;
    }
}

#endif /* guard.h */
