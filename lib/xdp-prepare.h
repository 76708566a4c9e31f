/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is set in an object between opening and loading it: the sizes of its
 * maps, its constants, and the maps that all objects share.
 *
 * This module promises that an object that was prepared has all that its
 * programs take for granted.  Only lib/xdp-program.c calls it, for one object
 * at a time; no lock is needed, and none should be held, since it may take
 * long.
 */

#ifndef XDP_PREPARE_H
#define XDP_PREPARE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "xdp-abi.h"

struct bpf_object;
struct xdp_caps;
struct xdp_flow_table_limits;

/* Maps that all objects and userspace share. */
#define XDP_N_SHARED_MAPS 4

/* What a prepared object holds until it is closed. */
struct xdp_prepared {
    bool has_shared[XDP_N_SHARED_MAPS]; /* Does it use this one? */
};

int xdp_prepare(const char *path, struct bpf_object *, const struct xdp_caps *,
                const struct xdp_flow_table_limits *,
                const uint64_t digest_secret[XDP_KEY_WORDS],
                struct xdp_prepared *, char **errp);
void xdp_prepare_undo(const struct xdp_prepared *);

#endif /* xdp-prepare.h */
