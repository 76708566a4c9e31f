/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of memory that do not change, and that many have in common: the masks
 * and the actions of megaflows, and what is said about their refusals, of
 * which there are few different ones.
 *
 * Only so many different ones are shared that the table of them is small:
 * nobody waits for it to grow.  Those beyond that belong to one user each.  So
 * equal blobs may be different ones.
 *
 * Thread safety: 'xdp_mutex' protects everything.
 */

#ifndef XDP_BLOB_H
#define XDP_BLOB_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "xdp-netdev.h"

/* The members are read-only for users. */
struct xdp_blob {
    struct hmap_node node;      /* Among those that are shared. */
    uint32_t n_users;
    uint32_t size : 29;         /* Bytes of 'data'. */
    uint32_t kind : 2;          /* enum xdp_blob_kind. */
    uint32_t shared : 1;
    uint64_t data[];
};

/* What a blob is.  Equal ones of different kinds are different blobs, so that
 * many of one kind do not keep the other from being shared. */
enum xdp_blob_kind {
    XDP_BLOB_MASK,
    XDP_BLOB_ACTIONS,
    XDP_BLOB_DETAIL,
    XDP_BLOB_N_KINDS
};

/* Different ones of a kind that are shared at most. */
#define XDP_BLOB_MAX_SHARED 4096

struct xdp_blob *xdp_blob_get(enum xdp_blob_kind, const void *data,
                              size_t size)
    OVS_REQUIRES(xdp_mutex);
struct xdp_blob *xdp_blob_ref(struct xdp_blob *) OVS_REQUIRES(xdp_mutex);
void xdp_blob_unref(struct xdp_blob *) OVS_REQUIRES(xdp_mutex);
bool xdp_blob_equals(const struct xdp_blob *, const void *data, size_t size);

#endif /* xdp-blob.h */
