/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused: lacks a constant of the contract. */

#define xdp_n_flows xdp_number_of_flows

#include "xdp-test-object.h"
