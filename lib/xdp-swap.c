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
    uint32_t new_id;            /* Of its map. */
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

/* Returns true if programs that start now find the new map of 'swap', or if it
 * has failed: then xdp_swap_end() does not wait. */
bool
xdp_swap_is_visible(const struct xdp_swap *swap)
{
    uint32_t current;

    return (xdp_swap_is_over(swap)
            || (!bpf_map_lookup_elem(swap->outer_fd, &swap->index, &current)
                && current == swap->new_id));
}

/* Begins to make the map 'new_fd' element 'index' of the map of maps
 * 'outer_fd', in which it must not be yet.  Does not wait: the caller must
 * change neither map before xdp_swap_end(), or both alike: nobody knows which
 * one programs find.
 *
 * On success returns 0 and stores the swap in '*swapp', for xdp_swap_end().
 * On failure returns a positive errno value, and nothing has changed. */
int
xdp_swap_begin(int outer_fd, uint32_t index, int new_fd,
               struct xdp_swap **swapp)
{
    struct bpf_map_info info = { .id = 0 };
    uint32_t size = sizeof info;
    struct xdp_swap *swap;

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
    swap->new_id = info.id;
    swap->old_fd = -1;
    swap->over = false;
    swap->error = 0;

    ovs_refcount_ref(&swap->ref_cnt);
    xdp_pool_run(&swap->job);
    *swapp = swap;
    return 0;
}

/* Waits until programs that start find the new map of 'swap', from
 * xdp_swap_begin(), instead of 'old_fd', or of one that the caller cares for
 * if that is -1.
 *
 * On success returns 0.  'old_fd' belongs to the swap, which closes it.  On
 * failure returns a positive errno value and gives back 'swap', and nothing
 * has changed. */
int
xdp_swap_end(struct xdp_swap *swap, int old_fd)
{
    bool over;
    int error;

    while (!xdp_swap_is_visible(swap)) {
        xnanosleep_no_quiesce(POLL_INTERVAL);
    }

    ovs_mutex_lock(&mutex);
    over = swap->over;
    error = swap->error;
    if (!over) {
        swap->old_fd = old_fd;
    }
    ovs_mutex_unlock(&mutex);
    if (error) {
        xdp_swap_unref(swap);
    } else if (over && old_fd >= 0) {
        close(old_fd);
    }
    return error;
}

/* As xdp_swap_begin() and xdp_swap_end() together.  Afterwards '*swapp' is for
 * xdp_swap_unref(). */
int
xdp_swap_start(int outer_fd, uint32_t index, int new_fd, int old_fd,
               struct xdp_swap **swapp)
{
    int error = xdp_swap_begin(outer_fd, index, new_fd, swapp);

    if (!error) {
        error = xdp_swap_end(*swapp, old_fd);
        if (error) {
            *swapp = NULL;
        }
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
