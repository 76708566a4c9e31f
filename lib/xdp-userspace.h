/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What for packets go to userspace by an action of their megaflow: the slow
 * path, the controller, sampling.  OVS notes it in a cookie of the action.
 *
 * For the translation, lib/xdp-translate-actions.c.  This module has no state,
 * and may be called from any thread.
 */

#ifndef XDP_USERSPACE_H
#define XDP_USERSPACE_H 1

#include <stddef.h>

struct nlattr;

void xdp_userspace_describe(const struct nlattr *, char *purpose, size_t size);

#endif /* xdp-userspace.h */
