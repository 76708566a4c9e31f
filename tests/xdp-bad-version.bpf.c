/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: built for another ABI. */

#include "xdp-abi.h"

#undef XDP_ABI_VERSION
#define XDP_ABI_VERSION 4711

#include "xdp-test-object.h"
