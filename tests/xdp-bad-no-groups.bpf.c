/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: promises several outputs but lacks the map for them. */

#define xdp_groups xdp_other_groups

#include "xdp-test-object.h"
