/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: does not say for which ABI it is. */

#define abi_version abi_revision

#include "xdp-test-object.h"
