/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ops that have their own code at each hook, and those that only one of
 * them has.
 */

#ifndef BPF_HOOK_OPS_H
#define BPF_HOOK_OPS_H 1

#include "mpls.h"

#ifdef HOOK_TC
#include "outputs_tc.h"
#include "tunnel_tc.h"
#include "vlan_tc.h"
#else
#include "outputs.h"
#include "trunc.h"
#include "tunnel.h"
#include "vlan.h"
#endif

#endif /* hook_ops.h */
