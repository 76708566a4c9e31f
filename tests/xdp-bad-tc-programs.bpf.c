/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: promises to run at tc, but lacks the programs for that. */

#include "xdp-test-object.h"

enum tc_op_type {
    TC_OP_OUTPUT = XDP_OP_OUTPUT,
};

struct {
    __type(tc_ops, enum tc_op_type);
} ovs_meta_tc SEC(".ovs_meta");
