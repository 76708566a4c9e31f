/* SPDX-License-Identifier: Apache-2.0 */
/* Files of XDP objects.  See xdp-object-file.h. */

#include <config.h>

#include "xdp-object-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirs.h"
#include "util.h"

#define DEFAULT_OBJECT "flowtable_afxdp.o"

/* More than any sensible object has; an ELF file is read into memory. */
#define MAX_FILE_SIZE (64 * 1024 * 1024)

/* Returns the path that 'option', the value of options:xdp-obj, stands for:
 * itself if absolute, otherwise relative to the installed objects.  NULL and
 * the empty string stand for the default object.  The caller frees it. */
char *
xdp_object_path(const char *option)
{
    if (option && option[0] == '/') {
        return xstrdup(option);
    }
    return xasprintf("%s/bpf/%s", ovs_pkgdatadir(),
                     option && option[0] ? option : DEFAULT_OBJECT);
}

/* Reads the object file 'path' into memory that the caller frees.  Returns 0
 * and sets '*datap', '*sizep' and '*id', or returns a positive errno value and
 * sets '*errp'. */
int
xdp_object_file_read(const char *path, void **datap, size_t *sizep,
                     struct xdp_object_file_id *id, char **errp)
{
    char *data = NULL;
    size_t n = 0;
    struct stat s;
    int error = 0;
    int fd;

    /* O_NONBLOCK, for the case that it is a FIFO. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        error = errno;
        *errp = xasprintf("%s: cannot open XDP object (%s)%s", path,
                          ovs_strerror(error),
                          error == ELOOP ? "; it must not be a symbolic link"
                          : error == ENOENT ? "; is the path right and the "
                                              "package installed?"
                          : "");
        return error;
    }

    if (fstat(fd, &s)) {
        error = errno;
        *errp = xasprintf("%s: cannot examine XDP object (%s)", path,
                          ovs_strerror(error));
    } else if (!S_ISREG(s.st_mode)) {
        error = EINVAL;
        *errp = xasprintf("%s: XDP object is not a regular file", path);
    } else if (s.st_uid && s.st_uid != geteuid()) {
        error = EACCES;
        *errp = xasprintf("%s: XDP object belongs to user %ju; it must belong "
                          "to root (chown root)", path, (uintmax_t) s.st_uid);
    } else if (s.st_mode & (S_IWGRP | S_IWOTH)) {
        error = EACCES;
        *errp = xasprintf("%s: XDP object can be written by group or others "
                          "(mode %04o); remove that (chmod go-w)", path,
                          (unsigned int) s.st_mode & 07777);
    } else if (s.st_size <= 0 || s.st_size > MAX_FILE_SIZE) {
        error = EINVAL;
        *errp = xasprintf("%s: XDP object has %jd bytes, which no such file "
                          "has", path, (intmax_t) s.st_size);
    }

    if (!error) {
        data = xmalloc(s.st_size);
        while (n < s.st_size) {
            ssize_t retval = read(fd, data + n, s.st_size - n);

            if (retval > 0) {
                n += retval;
            } else if (retval == 0 || errno != EINTR) {
                error = retval ? errno : EIO;
                *errp = xasprintf("%s: cannot read XDP object (%s)", path,
                                  ovs_strerror(error));
                break;
            }
        }
    }
    close(fd);

    if (error) {
        free(data);
        return error;
    }
    *datap = data;
    *sizep = n;
    *id = (struct xdp_object_file_id) {
        .dev = s.st_dev,
        .ino = s.st_ino,
        .size = s.st_size,
        .mtime = s.st_mtim,
        .ctime = s.st_ctim,
    };
    return 0;
}

/* Returns true if 'a' and 'b' identify the same contents. */
bool
xdp_object_file_id_equals(const struct xdp_object_file_id *a,
                          const struct xdp_object_file_id *b)
{
    return (a->dev == b->dev && a->ino == b->ino && a->size == b->size
            && a->mtime.tv_sec == b->mtime.tv_sec
            && a->mtime.tv_nsec == b->mtime.tv_nsec
            && a->ctime.tv_sec == b->ctime.tv_sec
            && a->ctime.tv_nsec == b->ctime.tv_nsec);
}
