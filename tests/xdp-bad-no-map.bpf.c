/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: lacks a map of the contract. */

#define xdp_masks xdp_other_masks

#include "xdp-test-object.h"
