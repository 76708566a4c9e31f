/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-subtable.h. */

#include <config.h>

#include "xdp-subtable.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"
#include "xdp-swap.h"
#include "xdp-pool.h"

VLOG_DEFINE_THIS_MODULE(xdp_subtable);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Entries of a new subtable.  The next one is GROWTH times as large, or
 * FIRST_GROWTH times if this is a new one.  An insertion that needs the one
 * after it waits until programs use it, one grace period: before that, there
 * must be room for as many entries as may come meanwhile, more than a
 * thousand. */
#define MIN_CAPACITY 1024
#define FIRST_GROWTH 4
#define GROWTH 2

/* How many times XDP_SUBTABLE_COPIES entries a subtable is given time to copy
 * before an insertion, if it is behind: in a third of a millisecond. */
#define MAX_BATCHES 64

/* Milliseconds from a failure to the next try. */
#define RETRY_INTERVAL 1000

/* Nanoseconds between looks whether a map has been made. */
#define POLL_INTERVAL (20 * 1000)

/* The making of a map by a thread. */
struct xdp_subtable_creation {
    struct xdp_job job;
    struct ovs_refcount ref_cnt; /* Of the subtable and of the job. */
    uint32_t capacity;
    atomic_bool is_over;        /* Is 'fd' set? */
    int fd;                     /* A map, or a negative errno value. */
};

/* Makes a map for 'capacity' entries.  Returns its file descriptor, or a
 * negative errno value. */
int
xdp_subtable_create_map(uint32_t capacity)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "xdp_subtable",
                            sizeof(uint64_t), sizeof(uint32_t), capacity,
                            NULL);

    return fd < 0 ? -errno : fd;
}

/* Creations. */

/* Gives back 'creation', whose map nobody has taken if this is the last
 * reference. */
static void
creation_unref(struct xdp_subtable_creation *creation)
{
    if (creation && ovs_refcount_unref(&creation->ref_cnt) == 1) {
        if (creation->fd >= 0) {
            close(creation->fd);
        }
        free(creation);
    }
}

/* The job. */
static void
creation_run(struct xdp_job *job)
{
    struct xdp_subtable_creation *creation
        = CONTAINER_OF(job, struct xdp_subtable_creation, job);

    creation->fd = xdp_subtable_create_map(creation->capacity);
    atomic_store_explicit(&creation->is_over, true, memory_order_release);
    creation_unref(creation);
}

/* Has a thread make a map for 'capacity' entries. */
static struct xdp_subtable_creation *
creation_start(uint32_t capacity)
{
    struct xdp_subtable_creation *creation = xmalloc(sizeof *creation);

    creation->job.run = creation_run;
    ovs_refcount_init(&creation->ref_cnt);
    ovs_refcount_ref(&creation->ref_cnt);
    creation->capacity = capacity;
    atomic_init(&creation->is_over, false);
    creation->fd = -EINPROGRESS;
    xdp_pool_run(&creation->job);
    return creation;
}

/* Returns true if 'creation' has a map, or has failed. */
static bool
creation_is_over(struct xdp_subtable_creation *creation)
{
    bool is_over;

    atomic_read_explicit(&creation->is_over, &is_over, memory_order_acquire);
    return is_over;
}

/* Waits until 'creation' is over and returns its map, which now belongs to the
 * caller, or a negative errno value.  Gives back 'creation'. */
static int
creation_finish(struct xdp_subtable_creation *creation)
{
    int fd;

    while (!creation_is_over(creation)) {
        xnanosleep_no_quiesce(POLL_INTERVAL);
    }
    fd = creation->fd;
    creation->fd = -EALREADY;
    creation_unref(creation);
    return fd;
}

/* Subtables. */

/* Makes '*st' a subtable of up to 'limit' entries that is to be element
 * 'index' of the map of maps 'outer_fd'.  It has no map before
 * xdp_subtable_reset(). */
void
xdp_subtable_init(struct xdp_subtable *st, int outer_fd, uint32_t index,
                  uint32_t limit)
{
    *st = (struct xdp_subtable) {
        .outer_fd = outer_fd,
        .index = index,
        .limit = limit,
        .fd = -1,
        .next_fd = -1,
    };
    ovs_list_init(&st->entries);
    ovs_list_init(&st->uncopied);
}

/* Has programs find the next map of 'st', which has all entries.  Until
 * finish_publishing(), both maps must be changed alike.  Returns 0 or a
 * positive errno value. */
static int
begin_publishing(struct xdp_subtable *st)
{
    return xdp_swap_begin(st->outer_fd, st->index, st->next_fd,
                          &st->next_swap);
}

/* Waits until programs find the next map of 'st', if they are about to, and
 * makes it the current one.  Returns 0 or a positive errno value; then there
 * is a next map still. */
static int
finish_publishing(struct xdp_subtable *st)
{
    int error = 0;

    if (st->next_swap) {
        error = xdp_swap_end(st->next_swap, st->fd);
        if (!error) {
            xdp_swap_unref(st->swap);
            st->swap = st->next_swap;
            st->fd = st->next_fd;
            st->capacity = st->next_capacity;
            st->next_fd = -1;
        }
        st->next_swap = NULL;
    }
    return error;
}

/* Stops the growth of 'st', if it grows. */
static void
stop_growth(struct xdp_subtable *st)
{
    finish_publishing(st);
    creation_unref(st->creation);
    st->creation = NULL;
    if (st->next_fd >= 0) {
        close(st->next_fd);
        st->next_fd = -1;
    }
    ovs_list_push_back_all(&st->entries, &st->uncopied);
    st->n_uncopied = 0;
}

/* Frees what 'st' has, which must be empty.  No program may use its map any
 * more. */
void
xdp_subtable_destroy(struct xdp_subtable *st)
{
    ovs_assert(!st->n);
    stop_growth(st);
    xdp_swap_unref(st->swap);
    if (st->fd >= 0) {
        close(st->fd);
    }
}

/* Notes in the log that 'st' got no map because of 'error', and returns
 * that. */
static int
creation_failed(const struct xdp_subtable *st, int error)
{
    VLOG_WARN_RL(&rl, "creating a subtable for more than %"PRIu32" flows "
                 "failed: %s", st->n, ovs_strerror(error));
    return error;
}

/* Takes '*mapp', or makes a map if that is NULL, and has programs find that in
 * 'st'.  Returns 0 or a positive errno value; then nothing has changed. */
static int
begin_reset(struct xdp_subtable *st, struct xdp_subtable_creation **mapp)
{
    int fd, error;

    stop_growth(st);
    st->next_capacity = MIN(MIN_CAPACITY, st->limit);
    if (*mapp) {
        fd = creation_finish(*mapp);
        *mapp = NULL;
    } else {
        fd = xdp_subtable_create_map(st->next_capacity);
    }
    if (fd < 0) {
        return -fd;
    }
    st->next_fd = fd;
    error = begin_publishing(st);
    if (error) {
        stop_growth(st);
    }
    return error;
}

/* Prepares xdp_subtable_reset() of 'st', for which that may be called: has a
 * thread make a map, '*mapp', which is NULL at first, and has programs find
 * that.  Returns false if xdp_subtable_reset() would have to wait for one or
 * the other. */
bool
xdp_subtable_prepare_reset(struct xdp_subtable *st,
                           struct xdp_subtable_creation **mapp)
{
    if (!st->next_swap) {
        if (!*mapp) {
            *mapp = creation_start(MIN_CAPACITY);
        }
        if (!creation_is_over(*mapp) || !xdp_pool_has_room(1)) {
            return false;
        }
        if (begin_reset(st, mapp)) {
            /* It will not wait, but fail. */
            return true;
        }
    }
    return xdp_swap_is_visible(st->next_swap);
}

/* Gives back '*mapp', if it is not NULL. */
void
xdp_subtable_unprepare_map(struct xdp_subtable_creation **mapp)
{
    creation_unref(*mapp);
    *mapp = NULL;
}

/* Gives 'st', which must be empty and which no program may be looking at, a
 * new map of the smallest size: '*mapp', if that is not NULL, waiting for it
 * if need be.  Returns 0 or a positive errno value. */
int
xdp_subtable_reset(struct xdp_subtable *st,
                   struct xdp_subtable_creation **mapp)
{
    int error;

    ovs_assert(!st->n);
    error = st->next_swap ? 0 : begin_reset(st, mapp);
    if (!error) {
        error = finish_publishing(st);
    }
    if (error) {
        stop_growth(st);
        return creation_failed(st, error);
    }
    /* Nothing will have to be changed in the old map. */
    xdp_swap_unref(st->swap);
    st->swap = NULL;
    stop_growth(st);
    st->retry_at = 0;
    return 0;
}

/* Stops the growth of 'st', which has failed with 'error', for a while.
 * Returns 'error' if there is no room without it, otherwise 0. */
static int
growth_failed(struct xdp_subtable *st, int error)
{
    creation_failed(st, error);
    stop_growth(st);
    st->error = error;
    st->retry_at = time_msec() + RETRY_INTERVAL;
    return st->n < st->capacity ? 0 : error;
}

/* Copies up to XDP_SUBTABLE_COPIES entries of 'st' into its next map.  Returns
 * 0 or a positive errno value. */
static int
copy_some(struct xdp_subtable *st)
{
    uint64_t digests[XDP_SUBTABLE_COPIES];
    uint32_t slots[XDP_SUBTABLE_COPIES];
    uint32_t n = 0, n_copied;
    struct ovs_list *node;

    for (node = ovs_list_front(&st->uncopied);
         node != &st->uncopied && n < XDP_SUBTABLE_COPIES;
         node = node->next) {
        const struct xdp_subtable_entry *entry
            = CONTAINER_OF(node, struct xdp_subtable_entry, list_node);

        digests[n] = entry->digest;
        slots[n] = entry->slot;
        n++;
    }
    n_copied = n;
    if (bpf_map_update_batch(st->next_fd, digests, slots, &n_copied, NULL)) {
        return errno;
    }
    ovs_list_splice(&st->entries, ovs_list_front(&st->uncopied), node);
    st->n_uncopied -= n;
    return 0;
}

/* Takes the map that has been made for 'st', or waits for it, and makes it the
 * next one.  Returns 0 or a positive errno value. */
static int
take_next_map(struct xdp_subtable *st)
{
    int fd = creation_finish(st->creation);

    st->creation = NULL;
    if (fd < 0) {
        return -fd;
    }
    st->next_fd = fd;
    ovs_list_push_back_all(&st->uncopied, &st->entries);
    st->n_uncopied = st->n;
    return 0;
}

/* Returns true if nothing can be copied into the next map of 'st' yet, as
 * there is none, and some has to be at the next insertion: so many are left
 * that these are just enough to copy all entries. */
static bool
needs_map(const struct xdp_subtable *st)
{
    return (st->capacity - st->n <= st->n / XDP_SUBTABLE_COPIES
            && !creation_is_over(st->creation));
}

/* Returns how many entries are left in 'st' when its next map is to be made:
 * as few as possible, since the kernel takes the memory of all elements of a
 * map when it is made.  Three quarters of these insertions are enough to copy
 * all entries.  During the others, the map is made.  If that takes longer, as
 * it may on a busy machine, insertions wait; a few hundred of them are worth
 * no memory. */
static uint32_t
reserve(const struct xdp_subtable *st)
{
    return MAX(st->capacity / XDP_SUBTABLE_COPIES * 4 / 3,
               MIN(st->capacity / 4, 512));
}

/* Has 'st' begin to grow, if it should.  Returns 0, or a positive errno value
 * if there is no room and no hope. */
static int
begin_growth(struct xdp_subtable *st)
{
    uint32_t left = st->capacity - st->n;

    if (!st->creation && st->next_fd < 0) {
        if (left > reserve(st) || st->capacity >= st->limit) {
            return left ? 0 : E2BIG;
        }
        if (time_msec() < st->retry_at) {
            return left ? 0 : st->error;
        }
        st->next_capacity = MIN((uint64_t) st->capacity
                                * (st->capacity <= MIN_CAPACITY
                                   ? FIRST_GROWTH : GROWTH), st->limit);
        st->creation = creation_start(st->next_capacity);
    }
    return 0;
}

/* If a map could not be made for some time, so that few insertions can come
 * before 'st' is full, and could not copy all entries as they usually do,
 * copies some without them.  A map that is being made must be there.  Returns
 * false if there are more to copy. */
static bool
catch_up(struct xdp_subtable *st)
{
    uint32_t n_later = XDP_SUBTABLE_COPIES * (st->capacity - st->n + 1);
    int error = 0;

    if (st->creation && st->n > n_later) {
        error = take_next_map(st);
    }
    for (int i = 0; i < MAX_BATCHES && st->n_uncopied > n_later && !error;
         i++) {
        error = copy_some(st);
    }
    if (error) {
        growth_failed(st, error);
    }
    return st->n_uncopied <= n_later;
}

/* Has 'st' begin to grow, if it should.  Returns false if the next insertion
 * would have to wait: for a map, for programs, or for a thread to publish a
 * map. */
bool
xdp_subtable_prepare(struct xdp_subtable *st)
{
    if (begin_growth(st)) {
        /* It will not wait, but fail. */
        return true;
    }
    if (st->creation && !creation_is_over(st->creation)) {
        return !needs_map(st);
    }
    if (!catch_up(st)) {
        return false;
    }
    if (st->next_fd < 0 || st->n_uncopied > XDP_SUBTABLE_COPIES) {
        return true;
    }
    if (!st->next_swap) {
        int error;

        if (st->swap && !xdp_swap_is_over(st->swap)) {
            return st->n < st->capacity;
        }
        if (!xdp_pool_has_room(1)) {
            return false;
        }
        error = st->n_uncopied ? copy_some(st) : 0;
        if (!error) {
            error = begin_publishing(st);
        }
        if (error) {
            growth_failed(st, error);
            return true;
        }
    }
    return xdp_swap_is_visible(st->next_swap);
}

/* Makes room for another entry in 'st', and does a step of its growth, if it
 * grows.  Returns 0, or a positive errno value if there is no room. */
static int
grow(struct xdp_subtable *st)
{
    uint32_t left = st->capacity - st->n;
    int error;

    if (st->next_swap) {
        error = finish_publishing(st);
        return error ? growth_failed(st, error) : 0;
    }
    error = begin_growth(st);
    if (error || (!st->creation && st->next_fd < 0)) {
        return error;
    }
    if (st->creation) {
        /* As long as the insertions for which there is room are enough to copy
         * all entries, there is time. */
        if (!needs_map(st) && !creation_is_over(st->creation)) {
            return 0;
        }
        error = take_next_map(st);
        if (error) {
            return growth_failed(st, error);
        }
    }

    do {
        error = st->n_uncopied ? copy_some(st) : 0;
    } while (!error && !left && st->n_uncopied);

    if (!error && !st->n_uncopied) {
        /* Modifications know of one old map. */
        if (st->swap && !xdp_swap_is_over(st->swap)) {
            if (left) {
                return 0;
            }
            xdp_swap_wait(st->swap);
        }
        error = begin_publishing(st);
        if (!error) {
            error = finish_publishing(st);
        }
    }
    return error ? growth_failed(st, error) : 0;
}

/* Returns true if programs find 'digest' in 'st': there is an entry with it,
 * or one that could not be taken out. */
bool
xdp_subtable_has(const struct xdp_subtable *st, uint64_t digest)
{
    uint32_t slot;

    return !bpf_map_lookup_elem(st->fd, &digest, &slot);
}

/* Inserts 'entry' into 'st', where its digest must not be.  Returns 0 or a
 * positive errno value. */
int
xdp_subtable_insert(struct xdp_subtable *st, struct xdp_subtable_entry *entry)
{
    int error = grow(st);

    if (error) {
        return error;
    }
    if (bpf_map_update_elem(st->fd, &entry->digest, &entry->slot,
                            BPF_NOEXIST)) {
        return errno;
    }
    ovs_list_push_back(&st->entries, &entry->list_node);
    st->n++;
    if (st->next_fd >= 0
        && bpf_map_update_elem(st->next_fd, &entry->digest, &entry->slot,
                               BPF_NOEXIST)) {
        growth_failed(st, errno);
    }
    return 0;
}

/* Makes 'entry' of 'st' lead to 'slot'.  Does not wait until programs find the
 * next map.  Returns 0 or a positive errno value; then nothing has changed. */
int
xdp_subtable_modify(struct xdp_subtable *st, struct xdp_subtable_entry *entry,
                    uint32_t slot)
{
    if (bpf_map_update_elem(st->fd, &entry->digest, &slot, BPF_EXIST)) {
        return errno;
    }
    if (st->next_fd >= 0
        && bpf_map_update_elem(st->next_fd, &entry->digest, &slot,
                               BPF_EXIST)) {
        int error = errno;

        if (st->next_swap) {
            /* To stop the growth would be to wait. */
            bpf_map_update_elem(st->fd, &entry->digest, &entry->slot,
                                BPF_EXIST);
            return error;
        } else if (error != ENOENT) {
            growth_failed(st, error);
        }
    }
    if (st->swap) {
        xdp_swap_update_old(st->swap, &entry->digest, &slot);
    }
    entry->slot = slot;
    return 0;
}

/* Takes 'entry' out of 'st'.  Does not wait until programs find the next map.
 * Returns 0, or a positive errno value if programs may still find it. */
int
xdp_subtable_remove(struct xdp_subtable *st, struct xdp_subtable_entry *entry)
{
    int error = bpf_map_delete_elem(st->fd, &entry->digest) ? errno : 0;

    if (st->next_fd >= 0 && bpf_map_delete_elem(st->next_fd, &entry->digest)) {
        if (st->next_swap) {
            error = errno;
        } else if (errno == ENOENT) {
            st->n_uncopied--;
        } else {
            growth_failed(st, errno);
        }
    }
    ovs_list_remove(&entry->list_node);
    st->n--;
    return error;
}
