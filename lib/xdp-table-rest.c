/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flow slots are free, and which have room for the rest of a flow.  See
 * xdp-flow-table-private.h.
 *
 * Slots come in chunks of XDP_REST_SLOTS.  At first a chunk is plain: its
 * slots have no room for the rest of a flow, which most flows do not need.
 * When slots with room become few, threads (xdp-pool.h) complete other chunks:
 * each makes a map, and waits until all programs find it.  The flows that are
 * in such a chunk stay where they are.  A chunk that is complete remains so.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"
#include "xdp-pool.h"

VLOG_DEFINE_THIS_MODULE(xdp_table_rest);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Free slots with room below which there are to be more: some, and this part
 * of those that there are, but no more than this part of all free slots. */
#define FEW_SLOTS (XDP_REST_SLOTS / 2)
#define FEW_PART 8
#define FREE_PART 4

/* Milliseconds from a failure to the next try. */
#define RETRY_INTERVAL 1000

/* Nanoseconds between looks whether a chunk has been completed. */
#define POLL_INTERVAL (200 * 1000)

#define NO_SLOT UINT32_MAX

/* Distance of two elements of an array map in memory. */
BUILD_ASSERT_DECL(sizeof(struct xdp_flow_rest) % 8 == 0);

/* The completion of a chunk by a thread. */
struct completion {
    struct xdp_job job;
    int outer_fd;
    uint32_t index;
    int error;                  /* A positive errno value, or 0... */
    struct xdp_flow_rest *rests; /* ...and the map's memory, ... */
    atomic_bool is_over;        /* ...as soon as this is set. */
};

struct table_chunk {
    struct ovs_list list_node;  /* In 'plain' or 'complete' of the table, while
                                 * there are free slots. */
    struct ovs_list completing_node; /* In 'completing' of the table, with */
    struct completion *completion; /* this, which is otherwise NULL. */
    uint32_t first_free;        /* See 'next_free' of the table. */
    uint32_t n_free;
    struct xdp_flow_rest *rests; /* NULL as long as the chunk is plain. */
};

/* Returns the length of the memory of a chunk. */
static size_t
rests_length(void)
{
    return ROUND_UP(XDP_REST_SLOTS * sizeof(struct xdp_flow_rest),
                    get_page_size());
}

/* Makes the map of 'c' and has programs find it.  Returns 0 or a positive
 * errno value.  The map of maps and the memory hold it, so it needs no file
 * descriptor: there may be two thousand of these. */
static int
make_map(struct completion *c)
{
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
    int error = 0;
    void *memory;
    int fd;

    fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xdp_rest", sizeof(uint32_t),
                        sizeof(struct xdp_flow_rest), XDP_REST_SLOTS, &opts);
    if (fd < 0) {
        return errno;
    }
    memory = mmap(NULL, rests_length(), PROT_READ | PROT_WRITE, MAP_SHARED,
                  fd, 0);
    if (memory == MAP_FAILED) {
        error = errno;
    } else if (bpf_map_update_elem(c->outer_fd, &c->index, &fd, BPF_ANY)) {
        error = errno;
        munmap(memory, rests_length());
    } else {
        c->rests = memory;
    }
    close(fd);
    return error;
}

/* The job. */
static void
completion_run(struct xdp_job *job)
{
    struct completion *c = CONTAINER_OF(job, struct completion, job);

    c->error = make_map(c);
    atomic_store_explicit(&c->is_over, true, memory_order_release);
}

/* Returns true if 'c' has a map, or has failed. */
static bool
completion_is_over(struct completion *c)
{
    bool is_over;

    atomic_read_explicit(&c->is_over, &is_over, memory_order_acquire);
    return is_over;
}

/* Gives 'table', whose 'limits' are set, its chunks, all of which are plain
 * and free.  The last one may have fewer slots than others, but its map would
 * be as large, so plain flows get it first. */
void
table_chunks_init(struct xdp_flow_table *table)
{
    const uint32_t n_slots = table->limits.n_slots;

    ovs_list_init(&table->plain);
    ovs_list_init(&table->complete);
    ovs_list_init(&table->completing);
    table->n_chunks = DIV_ROUND_UP(n_slots, XDP_REST_SLOTS);
    table->chunks = xcalloc(table->n_chunks, sizeof *table->chunks);
    table->next_free = xcalloc(n_slots, sizeof *table->next_free);
    table->n_free_slots = n_slots;
    for (uint32_t i = 0; i < table->n_chunks; i++) {
        struct table_chunk *chunk = &table->chunks[i];
        uint32_t first = i * XDP_REST_SLOTS;
        uint32_t end = MIN(first + XDP_REST_SLOTS, n_slots);

        chunk->first_free = first;
        chunk->n_free = end - first;
        for (uint32_t slot = first; slot < end; slot++) {
            table->next_free[slot] = slot + 1 < end ? slot + 1 : NO_SLOT;
        }
        if (chunk->n_free < XDP_REST_SLOTS) {
            ovs_list_push_front(&table->plain, &chunk->list_node);
        } else {
            ovs_list_push_back(&table->plain, &chunk->list_node);
        }
    }
}

/* Frees the chunks of 'table'.  Waits for those that are being completed. */
void
table_chunks_destroy(struct xdp_flow_table *table)
{
    for (uint32_t i = 0; i < table->n_chunks; i++) {
        struct table_chunk *chunk = &table->chunks[i];

        if (chunk->completion) {
            while (!completion_is_over(chunk->completion)) {
                xnanosleep_no_quiesce(POLL_INTERVAL);
            }
            chunk->rests = chunk->completion->rests;
            free(chunk->completion);
        }
        if (chunk->rests) {
            munmap(chunk->rests, rests_length());
        }
    }
    free(table->chunks);
    free(table->next_free);
}

/* Takes over the chunks that have been completed. */
static void
collect(struct xdp_flow_table *table)
{
    struct table_chunk *chunk;

    LIST_FOR_EACH_SAFE (chunk, completing_node, &table->completing) {
        struct completion *c = chunk->completion;

        if (!completion_is_over(c)) {
            continue;
        }
        ovs_list_remove(&chunk->completing_node);
        chunk->completion = NULL;
        table->n_free_completing -= chunk->n_free;
        if (c->error) {
            table->complete_error = c->error;
            table->complete_at = time_msec() + RETRY_INTERVAL;
            VLOG_WARN_RL(&rl, "creating a map for the rest of %d flows "
                         "failed: %s; flows that do more than output stay in "
                         "userspace until there is memory, and file "
                         "descriptors, for it",
                         XDP_REST_SLOTS, ovs_strerror(c->error));
        } else {
            chunk->rests = c->rests;
            table->n_complete++;
            table->n_free_complete += chunk->n_free;
            if (chunk->n_free) {
                ovs_list_remove(&chunk->list_node);
                ovs_list_push_back(&table->complete, &chunk->list_node);
            }
        }
        free(c);
    }
}

/* Returns the plain chunk that is to be completed next, or NULL if there is
 * none with free slots: the one whose slots are taken last. */
static struct table_chunk *
find_plain(struct xdp_flow_table *table)
{
    struct table_chunk *chunk;

    LIST_FOR_EACH_REVERSE (chunk, list_node, &table->plain) {
        if (!chunk->completion) {
            return chunk;
        }
    }
    return NULL;
}

/* Returns the number of free slots with room below which there are few.  A
 * table that is full has not many free slots, and these are everywhere: to
 * have most of them in chunks that are complete would take all chunks. */
static uint32_t
few_slots(const struct xdp_flow_table *table)
{
    uint32_t few = (FEW_SLOTS
                    + table->n_complete * (XDP_REST_SLOTS / FEW_PART));

    return MIN(few, MAX(table->n_free_slots / FREE_PART, 1));
}

/* Has threads complete chunks, if there are few slots with room, or will
 * be. */
static void
complete_some(struct xdp_flow_table *table)
{
    const uint32_t few = few_slots(table);

    if (time_msec() < table->complete_at) {
        return;
    }
    while (table->n_free_complete + table->n_free_completing < few) {
        struct table_chunk *chunk = find_plain(table);
        struct completion *c;

        if (!chunk) {
            return;
        }
        c = xzalloc(sizeof *c);
        c->job.run = completion_run;
        c->outer_fd = table->fds.flow_rest;
        c->index = chunk - table->chunks;
        atomic_init(&c->is_over, false);
        chunk->completion = c;
        ovs_list_push_back(&table->completing, &chunk->completing_node);
        table->n_free_completing += chunk->n_free;
        xdp_pool_run(&c->job);
    }
}

/* Has threads make room for the rest of flows, if there is little.  Returns
 * false if table_rest_make() would have to wait for them. */
bool
table_rest_prepare(struct xdp_flow_table *table)
{
    collect(table);
    complete_some(table);
    return table->n_free_complete || ovs_list_is_empty(&table->completing);
}

/* Makes sure that 'table', which has a free slot, has one with room for the
 * rest of a flow, and waits for it if need be.  Returns 0 or a positive errno
 * value. */
int
table_rest_make(struct xdp_flow_table *table)
{
    while (!table_rest_prepare(table)) {
        xnanosleep_no_quiesce(POLL_INTERVAL);
    }
    return table->n_free_complete ? 0 : table->complete_error;
}

/* Returns the chunk of 'slot'. */
static struct table_chunk *
get_chunk(const struct xdp_flow_table *table, uint32_t slot)
{
    return &table->chunks[slot / XDP_REST_SLOTS];
}

/* Returns the place for the rest of the flow in 'slot', or NULL if there is
 * none. */
struct xdp_flow_rest *
table_rest(const struct xdp_flow_table *table, uint32_t slot)
{
    struct xdp_flow_rest *rests = get_chunk(table, slot)->rests;

    return rests ? &rests[slot % XDP_REST_SLOTS] : NULL;
}

/* Adds 'change' to the number of free slots of 'chunk', which is one of
 * 'table'. */
static void
count_free(struct xdp_flow_table *table, struct table_chunk *chunk, int change)
{
    chunk->n_free += change;
    table->n_free_slots += change;
    if (chunk->rests) {
        table->n_free_complete += change;
    } else if (chunk->completion) {
        table->n_free_completing += change;
    }
}

/* Takes a free slot, of which there must be one, and with room for the rest of
 * a flow if 'with_rest'.  Others get one without as long as there is any. */
uint32_t
table_slot_alloc(struct xdp_flow_table *table, bool with_rest)
{
    struct ovs_list *list = (with_rest || ovs_list_is_empty(&table->plain)
                             ? &table->complete : &table->plain);
    struct table_chunk *chunk = CONTAINER_OF(ovs_list_front(list),
                                             struct table_chunk, list_node);
    uint32_t slot = chunk->first_free;

    ovs_assert(!ovs_list_is_empty(list));
    chunk->first_free = table->next_free[slot];
    count_free(table, chunk, -1);
    if (!chunk->n_free) {
        ovs_list_remove(&chunk->list_node);
    }
    return slot;
}

/* Makes 'slot' free. */
void
table_slot_release(struct xdp_flow_table *table, uint32_t slot)
{
    struct table_chunk *chunk = get_chunk(table, slot);

    if (!chunk->n_free) {
        ovs_list_push_front(chunk->rests ? &table->complete : &table->plain,
                            &chunk->list_node);
    }
    count_free(table, chunk, 1);
    table->next_free[slot] = chunk->first_free;
    chunk->first_free = slot;
}
