/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: the maps in a map of maps of the contract have another size. */

#define xdp_flow_rest real_flow_rest

#include "xdp-test-object.h"

#undef xdp_flow_rest

struct other_chunk {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct real_flow_rest));
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(values, struct other_chunk);
} xdp_flow_rest SEC(".maps");
