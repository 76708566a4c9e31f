/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: promises to do at tc what it cannot do at XDP. */

#include "xdp-abi.h"

enum plain_op_type {
    PLAIN_OP_OUTPUT = XDP_OP_OUTPUT,
};

enum tc_op_type {
    TC_OP_OUTPUT = XDP_OP_OUTPUT,
    TC_OP_POP_VLAN = XDP_OP_POP_VLAN,
};

#define xdp_op_type plain_op_type

#include "xdp-test-object.h"

struct {
    __type(tc_ops, enum tc_op_type);
} ovs_meta_tc SEC(".ovs_meta");
