/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What has to be said differently because of the kernel's verifier.
 */

#ifndef BPF_VERIFIER_H
#define BPF_VERIFIER_H 1

#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/* Returns zero, without the verifier knowing.  'any' is a number that it does
 * not know either.
 *
 * Kernels before 6.7 look at the first call of bpf_loop()'s callback only, and
 * take out what that cannot reach.  So whatever a callback decides by, and
 * changes for its next call, must not start with a value that is known. */
static __always_inline __u64
verifier_zero(__u64 any)
{
    asm volatile("%0 ^= %0" : "+r"(any));
    return any;
}

#endif /* verifier.h */
