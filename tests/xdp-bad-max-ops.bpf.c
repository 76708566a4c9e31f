/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: promises more ops than a flow slot has. */

#include "xdp-abi.h"

enum { REAL_MAX_OPS = XDP_FLOW_MAX_OPS };

#undef XDP_FLOW_MAX_OPS
#define XDP_FLOW_MAX_OPS (REAL_MAX_OPS + 1)

#include "xdp-test-object.h"
