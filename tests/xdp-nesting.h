/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/* What tests/test-xdp-nesting.c and tests/xdp-nesting.bpf.c agree on. */

#ifndef XDP_NESTING_H
#define XDP_NESTING_H 1

#include <linux/types.h>

/* The first bytes of the inner packet.  They are in front of the outer packet,
 * which is longer. */
#define NEST_WORDS 6
struct nest_headers {
    __u64 words[NEST_WORDS];
};

#endif /* xdp-nesting.h */
