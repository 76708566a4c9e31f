/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-swap.h.  The system calls are jobs for xdp-pool.h. */

#include <config.h>

#include "xdp-swap.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "util.h"
#include "xdp-pool.h"

/* Nanoseconds between looks whether the new map can be seen, and whether a
 * grace period has passed.  The former is a matter of a thread's waking up;
 * who yields the CPU instead does not get it back so soon. */
#define POLL_INTERVAL (20 * 1000)
#define WAIT_INTERVAL (1000 * 1000)

struct xdp_swap {
    struct xdp_job job;
    struct ovs_refcount ref_cnt; /* Of the caller and of the job. */
    int outer_fd;
    uint32_t index;
    int new_fd;
    int old_fd;                 /* -1 after a swap that has succeeded. */
    bool over;
    int error;                  /* A positive errno value, if over. */
};

/* Guards of all swaps what changes: 'old_fd', 'over' and 'error'. */
static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* The job: replaces the map, and returns when no program uses the old one. */
static void
swap_run(struct xdp_job *job)
    OVS_EXCLUDED(mutex)
{
    struct xdp_swap *swap = CONTAINER_OF(job, struct xdp_swap, job);
    int error = bpf_map_update_elem(swap->outer_fd, &swap->index,
                                    &swap->new_fd, BPF_ANY) ? errno : 0;

    int old_fd = -1;

    ovs_mutex_lock(&mutex);
    swap->over = true;
    swap->error = error;
    if (!error) {
        old_fd = swap->old_fd;
        swap->old_fd = -1;
    }
    ovs_mutex_unlock(&mutex);
    if (old_fd >= 0) {
        close(old_fd);
    }
    xdp_swap_unref(swap);
}

/* Returns true if programs that start now find the new map of 'swap', whose id
 * is 'id'. */
static bool
is_visible(const struct xdp_swap *swap, uint32_t id)
{
    uint32_t current;

    return (!bpf_map_lookup_elem(swap->outer_fd, &swap->index, &current)
            && current == id);
}

/* Makes the map 'new_fd' element 'index' of the map of maps 'outer_fd', in
 * which it must not be yet, instead of 'old_fd', or of one that the caller
 * cares for if that is -1.  When this returns, programs that start find the
 * new map.
 *
 * On success returns 0 and stores the swap in '*swapp', for xdp_swap_unref().
 * 'old_fd' belongs to the swap, which closes it.  On failure returns a
 * positive errno value, and nothing has changed. */
int
xdp_swap_start(int outer_fd, uint32_t index, int new_fd, int old_fd,
               struct xdp_swap **swapp)
{
    struct bpf_map_info info = { .id = 0 };
    uint32_t size = sizeof info;
    struct xdp_swap *swap;
    int error = 0;

    *swapp = NULL;
    if (bpf_obj_get_info_by_fd(new_fd, &info, &size)) {
        return errno;
    }

    swap = xmalloc(sizeof *swap);
    swap->job.run = swap_run;
    ovs_refcount_init(&swap->ref_cnt);
    swap->outer_fd = outer_fd;
    swap->index = index;
    swap->new_fd = new_fd;
    swap->old_fd = old_fd;
    swap->over = false;
    swap->error = 0;

    ovs_refcount_ref(&swap->ref_cnt);
    xdp_pool_run(&swap->job);
    while (!xdp_swap_is_over(swap) && !is_visible(swap, info.id)) {
        xnanosleep_no_quiesce(POLL_INTERVAL);
    }

    ovs_mutex_lock(&mutex);
    error = swap->error;
    ovs_mutex_unlock(&mutex);
    if (error) {
        xdp_swap_unref(swap);
    } else {
        *swapp = swap;
    }
    return error;
}

/* If 'swap' is not over, replaces the value of 'key' in the old map by
 * 'value', if it has one.  Returns true if it was replaced. */
bool
xdp_swap_update_old(struct xdp_swap *swap, const void *key, const void *value)
{
    bool updated;

    ovs_mutex_lock(&mutex);
    updated = (swap->old_fd >= 0
               && !bpf_map_update_elem(swap->old_fd, key, value, BPF_EXIST));
    ovs_mutex_unlock(&mutex);
    return updated;
}

/* Returns true if no program uses the old map of 'swap' any more. */
bool
xdp_swap_is_over(const struct xdp_swap *swap)
{
    bool over;

    ovs_mutex_lock(&mutex);
    over = swap->over;
    ovs_mutex_unlock(&mutex);
    return over;
}

/* Waits until 'swap' is over. */
void
xdp_swap_wait(const struct xdp_swap *swap)
{
    while (!xdp_swap_is_over(swap)) {
        xnanosleep_no_quiesce(WAIT_INTERVAL);
    }
}

/* Gives back 'swap', which may be NULL and need not be over. */
void
xdp_swap_unref(struct xdp_swap *swap)
{
    if (swap && ovs_refcount_unref(&swap->ref_cnt) == 1) {
        free(swap);
    }
}
