/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of XDP objects: where they are, and their contents.
 *
 * A file is opened once and everything after that works on the bytes that were
 * read, so that what was checked is what is loaded.  Only root, or the user
 * that we run as, may be able to write it: whoever controls the database must
 * not be able to make us load what somebody else left on the disk.
 *
 * This module has no state and may be called from any thread; reading takes
 * long, so not with 'xdp_mutex'.
 */

#ifndef XDP_OBJECT_FILE_H
#define XDP_OBJECT_FILE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Identifies the contents of a file. */
struct xdp_object_file_id {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
    struct timespec ctime;
};

char *xdp_object_path(const char *option);
int xdp_object_file_read(const char *path, void **datap, size_t *sizep,
                         struct xdp_object_file_id *, char **errp);
bool xdp_object_file_id_equals(const struct xdp_object_file_id *,
                               const struct xdp_object_file_id *);

#endif /* xdp-object-file.h */
