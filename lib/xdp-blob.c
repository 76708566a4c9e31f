/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-blob.h. */

#include <config.h>

#include "xdp-blob.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"
#include "xdp-spare.h"

/* Those that are shared, by kind. */
static struct hmap blobs[XDP_BLOB_N_KINDS] OVS_GUARDED_BY(xdp_mutex) = {
    HMAP_INITIALIZER(&blobs[XDP_BLOB_MASK]),
    HMAP_INITIALIZER(&blobs[XDP_BLOB_ACTIONS]),
    HMAP_INITIALIZER(&blobs[XDP_BLOB_DETAIL]),
};

/* Returns true if 'blob' is the 'size' bytes at 'data'. */
bool
xdp_blob_equals(const struct xdp_blob *blob, const void *data, size_t size)
{
    return blob->size == size && !memcmp(blob->data, data, size);
}

/* Returns a blob of 'kind' of the 'size' bytes at 'data', which the caller
 * must give back. */
struct xdp_blob *
xdp_blob_get(enum xdp_blob_kind kind, const void *data, size_t size)
{
    uint32_t hash = hash_bytes(data, size, 0);
    struct xdp_blob *blob;

    HMAP_FOR_EACH_WITH_HASH (blob, node, hash, &blobs[kind]) {
        if (xdp_blob_equals(blob, data, size)) {
            return xdp_blob_ref(blob);
        }
    }
    blob = xdp_spare_zalloc(sizeof *blob + size);
    blob->n_users = 1;
    blob->size = size;
    blob->kind = kind;
    blob->shared = hmap_count(&blobs[kind]) < XDP_BLOB_MAX_SHARED;
    memcpy(blob->data, data, size);
    if (blob->shared) {
        hmap_insert(&blobs[kind], &blob->node, hash);
    }
    return blob;
}

/* Returns 'blob', which has one more user now. */
struct xdp_blob *
xdp_blob_ref(struct xdp_blob *blob)
{
    blob->n_users++;
    return blob;
}

/* Gives 'blob' back, if it is nonnull. */
void
xdp_blob_unref(struct xdp_blob *blob)
{
    if (blob && !--blob->n_users) {
        if (blob->shared) {
            hmap_remove(&blobs[blob->kind], &blob->node);
        }
        xdp_spare_free(blob, sizeof *blob + blob->size);
    }
}
