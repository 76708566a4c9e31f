/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: promises several outputs but lacks the program for them. */

#define xdp_egress xdp_other_egress

#include "xdp-test-object.h"
