/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-blob.h. */

#include <config.h>

#include "xdp-blob.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"

/* Those that are shared. */
static struct hmap blobs OVS_GUARDED_BY(xdp_mutex) = HMAP_INITIALIZER(&blobs);

/* Returns true if 'blob' is the 'size' bytes at 'data'. */
bool
xdp_blob_equals(const struct xdp_blob *blob, const void *data, size_t size)
{
    return blob->size == size && !memcmp(blob->data, data, size);
}

/* Returns a blob of the 'size' bytes at 'data', which the caller must give
 * back. */
struct xdp_blob *
xdp_blob_get(const void *data, size_t size)
{
    uint32_t hash = hash_bytes(data, size, 0);
    struct xdp_blob *blob;

    HMAP_FOR_EACH_WITH_HASH (blob, node, hash, &blobs) {
        if (xdp_blob_equals(blob, data, size)) {
            return xdp_blob_ref(blob);
        }
    }
    blob = xmalloc(sizeof *blob + size);
    blob->n_users = 1;
    blob->size = size;
    blob->shared = hmap_count(&blobs) < XDP_BLOB_MAX_SHARED;
    memcpy(blob->data, data, size);
    if (blob->shared) {
        hmap_insert(&blobs, &blob->node, hash);
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
            hmap_remove(&blobs, &blob->node);
        }
        free(blob);
    }
}
