/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: its key is shorter. */

#include "xdp-abi.h"

struct short_key {
    __u32 in_port;
    __u32 pad0;
    __u8 dl_dst[6];
    __be16 dl_type;
};

#define xdp_key short_key

#include "xdp-test-object.h"
