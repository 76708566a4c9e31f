/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: has two fields of its key the other way round. */

#include "xdp-abi.h"

struct swapped_key {
    __u32 in_port;
    __u32 pad0;
    __u8 dl_src[6];
    __be16 dl_type;
    __u8 dl_dst[6];
    __be16 vlan_tci0;
    __u64 rest[XDP_KEY_WORDS - 3];
};

#define xdp_key swapped_key

#include "xdp-test-object.h"
