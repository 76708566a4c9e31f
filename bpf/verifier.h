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

/* Returns the bits of 'number' that are in 'mask', a constant, without the
 * compiler knowing what that can be.  Where 'number' has no others it is for
 * the verifier alone, and the compiler would leave it out.
 *
 * Linux 6.1 does not apply what it learns of a number by a comparison to a
 * copy of it on the stack, and knows nothing of what is exclusive-or'd with
 * what it does not know.  The compiler does know, and makes use of both. */
static __always_inline __u64
verifier_mask(__u64 number, const __u64 mask)
{
    asm volatile("%0 &= %1" : "+r"(number) : "i"(mask));
    return number;
}

#endif /* verifier.h */
