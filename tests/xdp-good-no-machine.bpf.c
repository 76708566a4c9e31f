/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Good for most machines: lacks the constants by which it would be told about
 * those that need special care. */

#define xdp_weak_order xdp_number_of_orders
#define xdp_runs_nest xdp_number_of_nests

#include "xdp-test-object.h"
