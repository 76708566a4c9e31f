/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: cannot tell the ports' flows apart. */

#include "xdp-abi.h"

struct portless_key {
    __u64 pad0;
    __u8 dl_dst[6];
    __be16 dl_type;
    __u64 rest[XDP_KEY_WORDS - 2];
};

#define xdp_key portless_key

#include "xdp-test-object.h"
