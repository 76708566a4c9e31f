/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-grace.h. */

#include <config.h>

#include "xdp-grace.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "coverage.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xdp_grace);

COVERAGE_DEFINE(xdp_grace_wait);

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* A map of maps, and one to put into it, while there are users. */
static int outer_fd OVS_GUARDED_BY(mutex) = -1;
static int inner_fd OVS_GUARDED_BY(mutex) = -1;
static unsigned int n_users OVS_GUARDED_BY(mutex);

/* Creates the maps.  Returns 0 or a positive errno value. */
static int
create_maps(void)
    OVS_REQUIRES(mutex)
{
    LIBBPF_OPTS(bpf_map_create_opts, opts);
    int error = 0;

    inner_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xdp_grace_inner",
                              sizeof(uint32_t), sizeof(uint32_t), 1, NULL);
    if (inner_fd < 0) {
        return errno;
    }
    opts.inner_map_fd = inner_fd;
    outer_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "xdp_grace",
                              sizeof(uint32_t), sizeof(uint32_t), 1, &opts);
    if (outer_fd < 0) {
        error = errno;
        close(inner_fd);
    }
    return error;
}

/* Prepares for xdp_grace_wait(), until xdp_grace_close() is called as often as
 * this has succeeded.  Returns 0 or a positive errno value. */
int
xdp_grace_open(void)
{
    int error;

    ovs_mutex_lock(&mutex);
    error = n_users ? 0 : create_maps();
    n_users += !error;
    ovs_mutex_unlock(&mutex);
    return error;
}

/* Takes xdp_grace_open() back. */
void
xdp_grace_close(void)
{
    ovs_mutex_lock(&mutex);
    ovs_assert(n_users);
    if (!--n_users) {
        close(outer_fd);
        close(inner_fd);
        outer_fd = inner_fd = -1;
    }
    ovs_mutex_unlock(&mutex);
}

/* Waits until every program run that was under way at the time of the call has
 * ended, if anybody has called xdp_grace_open().  Returns 0 or a positive
 * errno value.
 *
 * The kernel waits so on its own behalf before an update of a map of maps
 * returns (maybe_wait_bpf_programs() in kernel/bpf/syscall.c), and does not
 * look which programs use the map. */
int
xdp_grace_wait(void)
{
    const uint32_t index = 0;
    int outer = -1, inner = -1;
    int error = 0;
    bool any;

    /* The maps may be closed meanwhile. */
    ovs_mutex_lock(&mutex);
    any = n_users != 0;
    if (any) {
        outer = fcntl(outer_fd, F_DUPFD_CLOEXEC, 0);
        inner = fcntl(inner_fd, F_DUPFD_CLOEXEC, 0);
    }
    ovs_mutex_unlock(&mutex);

    if (any) {
        COVERAGE_INC(xdp_grace_wait);
    }
    if (any && (outer < 0 || inner < 0
                || bpf_map_update_elem(outer, &index, &inner, BPF_ANY))) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

        error = errno;
        VLOG_WARN_RL(&rl, "waiting for XDP programs failed: %s",
                     ovs_strerror(error));
    }
    if (outer >= 0) {
        close(outer);
    }
    if (inner >= 0) {
        close(inner);
    }
    return error;
}
