/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: a map of the contract has another value. */

#define debug_stats real_debug_stats

#include "xdp-test-object.h"

#undef debug_stats

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, XDP_COUNTER_MAX);
    __type(key, __u32);
    __type(value, __u32);
} debug_stats SEC(".maps");
