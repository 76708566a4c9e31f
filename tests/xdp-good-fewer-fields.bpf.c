/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Usable: lacks fields and an op that others have, and sends no copies. */

#include "xdp-abi.h"

struct layer2_key {
    __u32 in_port;
    __u32 pad0;
    __u8 dl_dst[6];
    __be16 dl_type;
    __u8 dl_src[6];
    __u16 pad1;
    __u64 rest[XDP_KEY_WORDS - 3];
};

enum layer2_op_type {
    LAYER2_OP_NONE = XDP_OP_NONE,
    LAYER2_OP_OUTPUT = XDP_OP_OUTPUT,
    LAYER2_OP_POP_VLAN = XDP_OP_POP_VLAN,
};

#define xdp_key layer2_key
#define xdp_op_type layer2_op_type
#define max_outputs layer2_max_outputs
#define xdp_groups layer2_groups
#define xdp_egress layer2_egress

#include "xdp-test-object.h"
