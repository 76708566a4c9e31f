/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hook at which programs run: XDP, or tc in a translation unit that
 * defines HOOK_TC.  All other headers work at both as long as they use only
 * what has the same name here, beside 'data' and 'data_end' of the context.
 *
 * At tc, a packet is not always in one piece: only what is in front of
 * 'data_end' can be looked at, hook_begin() sees to it that the headers are,
 * and the functions here say how long the packet is.  Its outermost VLAN tag
 * may be beside it, and it may stand for several segments.
 */

#ifndef BPF_HOOK_H
#define BPF_HOOK_H 1

#ifdef HOOK_TC
#include "hook_tc.h"
#else
#include "hook_xdp.h"
#endif

#endif /* hook.h */
