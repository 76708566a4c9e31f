/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table of one loaded XDP object: the table as a whole, its flows,
 * and what it reports.  See xdp-flow-table.h.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-spare.h"

VLOG_DEFINE_THIS_MODULE(xdp_flow_table);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Distance of two elements of an mmap()ed array map with 'size' bytes each.
 * The kernel rounds up to 8 bytes; all our structs are already so. */
#define ASSERT_MMAP_SIZE(TYPE) BUILD_ASSERT_DECL(sizeof(TYPE) % 8 == 0)
ASSERT_MMAP_SIZE(struct xdp_flow);
ASSERT_MMAP_SIZE(struct xdp_flow_stats);
ASSERT_MMAP_SIZE(struct xdp_mask);
ASSERT_MMAP_SIZE(struct xdp_port);
ASSERT_MMAP_SIZE(struct xdp_target);

/* Returns the length of the memory of an array map. */
static size_t
map_length(size_t n, size_t size)
{
    return ROUND_UP(n * size, get_page_size());
}

/* Maps the array map 'fd' of 'n' elements of 'size' bytes into memory.
 * Returns NULL and sets '*errp' on failure. */
static void *
map_memory(int fd, const char *name, size_t n, size_t size, int prot,
           char **errp)
{
    void *p = mmap(NULL, map_length(n, size), prot, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED) {
        *errp = xasprintf("mapping the BPF map %s (%"PRIuSIZE" elements of "
                          "%"PRIuSIZE" bytes) into memory failed: %s",
                          name, n, size, ovs_strerror(errno));
        return NULL;
    }
    return p;
}

/* Creates a table on the maps in 'fds', which must be empty and of a loaded
 * object that has 'digest_secret' in its read-only data.  Returns NULL and
 * sets '*errp', to be freed by the caller, on failure. */
struct xdp_flow_table *
xdp_flow_table_create(const struct xdp_flow_table_maps *fds,
                      const struct xdp_flow_table_limits *limits,
                      const uint64_t digest_secret[XDP_KEY_WORDS],
                      char **errp)
{
    struct xdp_flow_table *table = xzalloc(sizeof *table);
    int n_cpus = libbpf_num_possible_cpus();
    uint32_t dummy = limits->n_masks;

    ovs_assert(limits->n_flows && limits->n_slots >= limits->n_flows
               && limits->n_masks
               && limits->n_masks <= XDP_PORT_MAX_MASKS
               && is_pow2(limits->n_ports)
               && limits->n_ports >= XDP_PORT_PROBES);

    *errp = NULL;
    table->fds = *fds;
    table->limits = *limits;
    table->n_cpus = MAX(n_cpus, 1);
    table->dummy_fd = -1;
    memcpy(table->digest_secret, digest_secret, sizeof table->digest_secret);
    hmap_init(&table->masks_by_bits);
    hmap_init(&table->groups_by_outputs);
    ovs_list_init(&table->garbage);
    table->masks = xcalloc(limits->n_masks, sizeof *table->masks);
    table->ports = xcalloc(limits->n_ports, sizeof *table->ports);
    table->slot_groups = xcalloc(limits->n_slots, sizeof *table->slot_groups);
    table_chunks_init(table);
    for (uint32_t i = 0; i < limits->n_masks; i++) {
        xdp_subtable_init(&table->masks[i].subtable, fds->subtables, i,
                          limits->n_flows);
    }
    table->groups = xcalloc(XDP_MAX_GROUPS, sizeof *table->groups);
    for (uint32_t i = 0; i < XDP_MAX_GROUPS; i++) {
        table->groups[i].fd = -1;
    }
    table->next_sorted = limits->n_ports;
    /* Of what was never used, as if in epoch 0, no program can know. */
    table->epoch = table->waited_epoch = 1;

    if (n_cpus < 0) {
        *errp = xasprintf("counting the possible CPUs failed: %s",
                          ovs_strerror(-n_cpus));
        goto error;
    }

    table->flows = map_memory(fds->flows, "xdp_flows", limits->n_slots,
                              sizeof *table->flows, PROT_READ | PROT_WRITE,
                              errp);
    if (!table->flows) {
        goto error;
    }
    table->flow_stats = map_memory(fds->flow_stats, "xdp_flow_stats",
                                   (size_t) limits->n_slots * table->n_cpus,
                                   sizeof *table->flow_stats,
                                   PROT_READ | PROT_WRITE, errp);
    if (!table->flow_stats) {
        goto error;
    }
    table->masks_map = map_memory(fds->masks, "xdp_masks", limits->n_masks,
                                  sizeof *table->masks_map,
                                  PROT_READ | PROT_WRITE, errp);
    if (!table->masks_map) {
        goto error;
    }
    table->ports_map = map_memory(fds->ports, "xdp_ports", limits->n_ports,
                                  sizeof *table->ports_map,
                                  PROT_READ | PROT_WRITE, errp);
    if (!table->ports_map) {
        goto error;
    }

    if (fds->mask_hits) {
        table->mask_hits = map_memory(fds->mask_hits, "xdp_mask_hits",
                                      (size_t) XDP_MASK_HITS * table->n_cpus,
                                      sizeof *table->mask_hits,
                                      PROT_READ | PROT_WRITE, errp);
        if (!table->mask_hits) {
            goto error;
        }
    }

    if (fds->hint_folds) {
        table->hint_folds = map_memory(fds->hint_folds, "xdp_hint_folds", 1,
                                       sizeof(uint64_t),
                                       PROT_READ | PROT_WRITE, errp);
        if (!table->hint_folds) {
            goto error;
        }
    }
    table_hints_init(table);

    if (fds->cpus) {
        table->cpus = map_memory(fds->cpus, "xdp_cpus", table->n_cpus,
                                 sizeof *table->cpus, PROT_READ | PROT_WRITE,
                                 errp);
        if (!table->cpus) {
            goto error;
        }
    }

    if (fds->targets) {
        table->targets = map_memory(fds->targets, "xdp_targets",
                                    limits->n_ports, sizeof *table->targets,
                                    PROT_READ | PROT_WRITE, errp);
        if (!table->targets) {
            goto error;
        }
    }

    table->dummy_fd = xdp_subtable_create_map(1);
    if (table->dummy_fd < 0
        || bpf_map_update_elem(fds->subtables, &dummy, &table->dummy_fd,
                               BPF_ANY)) {
        *errp = xasprintf("creating a subtable failed: %s",
                          ovs_strerror(errno));
        goto error;
    }
    return table;

error:
    xdp_flow_table_destroy(table);
    return NULL;
}

/* Undoes map_memory() with the same 'n' and 'size'; 'p' may be NULL. */
static void
unmap_memory(void *p, size_t n, size_t size)
{
    if (p && munmap(p, map_length(n, size))) {
        VLOG_ERR("munmap failed: %s", ovs_strerror(errno));
    }
}

/* Destroys 'table' and all that it holds.  No program may use its maps any
 * more, and the caller must have removed all flows. */
void
xdp_flow_table_destroy(struct xdp_flow_table *table)
{
    struct table_garbage *garbage;

    if (!table) {
        return;
    }

    LIST_FOR_EACH_POP (garbage, list_node, &table->garbage) {
        free(garbage);
    }
    ovs_assert(!table->n_flows);
    xdp_subtable_unprepare_map(&table->next_map);
    table_chunks_destroy(table);
    for (uint32_t i = 0; i < table->limits.n_masks; i++) {
        xdp_subtable_destroy(&table->masks[i].subtable);
    }
    for (uint32_t i = 0; i < XDP_MAX_GROUPS; i++) {
        if (table->groups[i].fd >= 0) {
            close(table->groups[i].fd);
        }
    }
    for (uint32_t i = 0; i < table->limits.n_ports; i++) {
        free(table->ports[i].n_flows);
    }
    if (table->dummy_fd >= 0) {
        close(table->dummy_fd);
    }
    unmap_memory(table->flows, table->limits.n_slots, sizeof *table->flows);
    unmap_memory(table->flow_stats,
                 (size_t) table->limits.n_slots * table->n_cpus,
                 sizeof *table->flow_stats);
    unmap_memory(table->masks_map, table->limits.n_masks,
                 sizeof *table->masks_map);
    unmap_memory(table->ports_map, table->limits.n_ports,
                 sizeof *table->ports_map);
    unmap_memory(table->mask_hits, (size_t) XDP_MASK_HITS * table->n_cpus,
                 sizeof *table->mask_hits);
    unmap_memory(table->hint_folds, 1, sizeof(uint64_t));
    unmap_memory(table->cpus, table->n_cpus, sizeof *table->cpus);
    unmap_memory(table->targets, table->limits.n_ports,
                 sizeof *table->targets);
    hmap_destroy(&table->masks_by_bits);
    hmap_destroy(&table->groups_by_outputs);
    free(table->masks);
    free(table->groups);
    free(table->ports);
    free(table->slot_groups);
    free(table);
}

/* Flows. */

/* Computes the masked key and its digest. */
static uint64_t
flow_digest(const struct xdp_flow_table *table, const struct xdp_key *key,
            const struct xdp_key *mask, struct xdp_key *masked)
{
    const uint64_t *k = (const uint64_t *) key;
    const uint64_t *m = (const uint64_t *) mask;
    uint64_t *words = (uint64_t *) masked;
    uint64_t digest = 0;

    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        words[i] = k[i] & m[i];
        if (m[i]) {
            digest = xdp_digest_add(digest, words[i],
                                    table->digest_secret[i]);
        }
    }
    return digest;
}

/* Prepares what an insertion of a flow with 'mask' and 'actions', or its
 * modification if not 'is_new', would wait for.  Returns false if it would
 * have to wait all the same, for the kernel or for programs: the caller, who
 * holds a lock, should rather come back in a moment.  What cannot be at all is
 * no reason to wait; but a full table is taken for one from which a flow will
 * be removed first. */
bool
xdp_flow_table_prepare(struct xdp_flow_table *table, bool is_new,
                       const struct xdp_key *mask,
                       const struct xdp_flow_actions *actions)
{
    struct table_group_choice group;
    bool ready = true;
    uint32_t id;

    if (!table->n_free_slots || table_group_choose(table, actions, &group)) {
        return true;
    }
    /* What needs threads without asking for room comes before what asks. */
    if (table_slot_needs_rest(mask, actions)) {
        ready = table_rest_prepare(table);
    }
    if (!table_group_prepare(table, &group) || !ready) {
        return false;
    }
    if (!is_new) {
        return true;
    }
    id = table_mask_find(table, mask);
    if (id != UINT32_MAX) {
        return xdp_subtable_prepare(&table->masks[id].subtable);
    }
    id = table_mask_find_unused(table);
    return (id == UINT32_MAX
            || xdp_subtable_prepare_reset(&table->masks[id].subtable,
                                          &table->next_map));
}

/* Takes a free slot, of which there must be one, for a flow of 'mask' with
 * 'actions', and stores it in '*slotp'. */
static enum xdp_table_error
take_slot(struct xdp_flow_table *table, const struct xdp_key *mask,
          const struct xdp_flow_actions *actions, uint32_t *slotp)
{
    bool needs_rest = table_slot_needs_rest(mask, actions);

    if (needs_rest && table_rest_make(table)) {
        return XDP_TABLE_SYSTEM;
    }
    *slotp = table_slot_alloc(table, needs_rest);
    return XDP_TABLE_OK;
}

/* Inserts the flow of packets that equal 'key' in the bits of 'mask', whose
 * in_port must be exact and an ingress port of 'table', with 'actions'.  On
 * success stores the new flow, owned by 'table', in '*flowp'. */
enum xdp_table_error
xdp_flow_table_insert(struct xdp_flow_table *table,
                      const struct xdp_key *key, const struct xdp_key *mask,
                      const struct xdp_flow_actions *actions,
                      struct xdp_table_flow **flowp)
{
    struct table_group_choice group;
    struct xdp_key masked;
    struct xdp_table_flow *flow;
    enum xdp_table_error error;
    bool new_mask = false;
    uint32_t mask_id;
    uint64_t digest;
    int system_error;
    uint32_t slot;

    ovs_assert(actions->n_ops <= XDP_FLOW_MAX_OPS
               && mask->in_port == UINT32_MAX
               && table->ports[key->in_port].n_flows);
    *flowp = NULL;

    /* First all that can refuse the flow, then what takes time: refused flows
     * are tried again and again. */
    if (table->n_flows >= table->limits.n_flows || !table->n_free_slots) {
        return XDP_TABLE_FLOWS_FULL;
    }
    digest = flow_digest(table, key, mask, &masked);
    mask_id = table_mask_find(table, mask);
    if (mask_id == UINT32_MAX) {
        mask_id = table_mask_find_unused(table);
        if (mask_id == UINT32_MAX) {
            return XDP_TABLE_MASKS_FULL;
        }
        new_mask = true;
    }
    if (!new_mask
        && xdp_subtable_has(&table->masks[mask_id].subtable, digest)) {
        return XDP_TABLE_DIGEST;
    }
    error = table_group_choose(table, actions, &group);
    if (error) {
        return error;
    }

    error = table_group_make(table, &group);
    if (!error && new_mask) {
        error = table_mask_make(table, mask_id, mask);
    }
    if (!error) {
        error = take_slot(table, mask, actions, &slot);
    }
    if (error) {
        return error;
    }

    /* A slot that could not be published has never been valid, so that no
     * program can have met it, through a hint that is left of its last flow
     * either.  It is free at once. */
    table_slot_fill(table, slot, mask_id, &masked, actions, group.id);
    flow = table_spare_take();
    flow->entry.digest = digest;
    flow->entry.slot = slot;
    system_error = xdp_subtable_insert(&table->masks[mask_id].subtable,
                                       &flow->entry);
    if (system_error) {
        VLOG_WARN_RL(&rl, "inserting a flow into a subtable failed: %s",
                     ovs_strerror(system_error));
        table_slot_free(table, slot);
        table_spare_give(flow);
        return XDP_TABLE_SYSTEM;
    }
    table_slot_set_valid(table, slot, true);

    flow->mask = mask_id;
    flow->in_port = key->in_port;
    flow->parts = actions->parts;
    table_port_add_flow(table, flow->in_port, mask_id);
    table_port_add_parts(table, flow->in_port, flow->parts);
    table_slot_count_ports(table, slot, 1);
    table->n_flows++;
    table_hints_grow(table);
    *flowp = flow;
    return XDP_TABLE_OK;
}

/* Replaces the actions of 'flow', in one step for every packet.  On failure
 * 'flow' is as it was. */
enum xdp_table_error
xdp_flow_table_modify(struct xdp_flow_table *table,
                      struct xdp_table_flow *flow,
                      const struct xdp_flow_actions *actions)
{
    const uint32_t old_slot = flow->entry.slot;
    struct table_group_choice group;
    enum xdp_table_error error;
    struct xdp_key key;
    int system_error;
    uint32_t slot;

    ovs_assert(actions->n_ops <= XDP_FLOW_MAX_OPS);
    if (!table->n_free_slots) {
        return XDP_TABLE_FLOWS_FULL;
    }
    error = table_group_choose(table, actions, &group);
    if (!error) {
        error = table_group_make(table, &group);
    }
    if (!error) {
        error = take_slot(table, &table->masks[flow->mask].bits, actions,
                          &slot);
    }
    if (error) {
        return error;
    }

    table_slot_get_key(table, old_slot, &key);
    table_slot_fill(table, slot, flow->mask, &key, actions, group.id);
    /* No packet shall miss, so the new slot is valid before it is published.
     * If that fails, a program may have met it through a hint that is left of
     * its last flow, and run the actions. */
    table_slot_set_valid(table, slot, true);
    system_error = xdp_subtable_modify(&table->masks[flow->mask].subtable,
                                       &flow->entry, slot);
    if (system_error) {
        VLOG_WARN_RL(&rl, "switching a flow to its new slot failed: %s",
                     ovs_strerror(system_error));
        table_slot_retire(table, slot, flow);
        return XDP_TABLE_SYSTEM;
    }
    table_slot_count_ports(table, slot, 1);
    table_slot_count_ports(table, old_slot, -1);
    table_slot_retire(table, old_slot, flow);
    table_port_add_parts(table, flow->in_port, actions->parts);
    table_port_remove_parts(table, flow->in_port, flow->parts);
    flow->parts = actions->parts;
    return XDP_TABLE_OK;
}

/* Makes packets find 'flow', or as if it were not there if 'runs' is false.
 * A packet that has just found it may still be under way. */
void
xdp_flow_table_set_running(struct xdp_flow_table *table,
                           struct xdp_table_flow *flow, bool runs)
{
    table_slot_set_valid(table, flow->entry.slot, runs);
}

/* Removes 'flow', which becomes invalid, and stores its last statistics in
 * '*stats'.  Allocates no memory, and frees none of a flow that was never
 * modified. */
void
xdp_flow_table_remove(struct xdp_flow_table *table,
                      struct xdp_table_flow *flow,
                      struct xdp_flow_table_stats *stats)
{
    struct table_mask *mask = &table->masks[flow->mask];
    struct table_garbage *garbage;
    int error;

    /* From here on no hint and no digest leads to the flow, even if taking it
     * out of the subtable should fail. */
    table_slot_set_valid(table, flow->entry.slot, false);
    error = xdp_subtable_remove(&mask->subtable, &flow->entry);
    if (error) {
        VLOG_WARN_RL(&rl, "removing a flow from its subtable failed: %s",
                     ovs_strerror(error));
    }
    table_port_remove_flow(table, flow->in_port, flow->mask);
    table_port_remove_parts(table, flow->in_port, flow->parts);
    if (!mask->subtable.n) {
        mask->unused_since = table->epoch;
    }

    xdp_flow_table_get_stats(table, flow, stats);
    if (flow->history) {
        LIST_FOR_EACH_POP (garbage, flow_node, &flow->history->old_slots) {
            garbage->history = NULL;
        }
        xdp_spare_free(flow->history, sizeof *flow->history);
    }
    table_slot_count_ports(table, flow->entry.slot, -1);
    table_slot_retire_last(table, flow);
    table->n_flows--;
}

/* Stores the statistics of 'flow' since its insertion in '*stats'. */
void
xdp_flow_table_get_stats(const struct xdp_flow_table *table,
                         const struct xdp_table_flow *flow,
                         struct xdp_flow_table_stats *stats)
{
    const struct table_garbage *garbage;

    memset(stats, 0, sizeof *stats);
    table_slot_add_stats(table, flow->entry.slot, stats);
    if (flow->history) {
        xdp_flow_table_stats_add(stats, &flow->history->base);
        LIST_FOR_EACH (garbage, flow_node, &flow->history->old_slots) {
            table_slot_add_stats(table, garbage->slot, stats);
        }
    }
}

/* Stores in 'ports' those that 'flow' outputs to, and the tunnels whose
 * headers it pops.  Returns their number. */
size_t
xdp_flow_table_get_ports(const struct xdp_flow_table *table,
                         const struct xdp_table_flow *flow,
                         uint32_t ports[XDP_FLOW_MAX_OPS])
{
    return table_slot_get_ports(table, flow->entry.slot, ports);
}

/* Returns true if 'port' is one of these. */
bool
xdp_flow_table_leads_to(const struct xdp_flow_table *table,
                        const struct xdp_table_flow *flow, uint32_t port)
{
    uint32_t ports[XDP_FLOW_MAX_OPS];
    size_t n = xdp_flow_table_get_ports(table, flow, ports);

    for (size_t i = 0; i < n; i++) {
        if (ports[i] == port) {
            return true;
        }
    }
    return false;
}

/* Returns the number of flows that lead to 'port'. */
uint32_t
xdp_flow_table_n_leading_to(const struct xdp_flow_table *table, uint32_t port)
{
    return table->ports[port].n_leading;
}

/* Adds '*src' to '*dst'. */
void
xdp_flow_table_stats_add(struct xdp_flow_table_stats *dst,
                         const struct xdp_flow_table_stats *src)
{
    dst->n_packets += src->n_packets;
    dst->n_bytes += src->n_bytes;
    dst->used = MAX(dst->used, src->used);
    dst->tcp_flags |= src->tcp_flags;
}

/* Reporting. */

/* Stores the number of flows in 'table', of masks that have flows, and of
 * groups that have flows or had some until a moment ago. */
void
xdp_flow_table_usage(const struct xdp_flow_table *table, uint32_t *n_flows,
                     uint32_t *n_masks, uint32_t *n_groups)
{
    *n_flows = table->n_flows;
    *n_masks = 0;
    for (uint32_t i = 0; i < table->limits.n_masks; i++) {
        *n_masks += table->masks[i].subtable.n > 0;
    }
    *n_groups = 0;
    for (uint32_t i = 1; i < XDP_MAX_GROUPS; i++) {
        *n_groups += table->groups[i].n_slots > 0;
    }
}

/* Returns the limits that 'table' was created with. */
const struct xdp_flow_table_limits *
xdp_flow_table_get_limits(const struct xdp_flow_table *table)
{
    return &table->limits;
}

/* Returns how many masks and groups have been made in 'table' so far, each of
 * which has taken as long as some insertions do that need none. */
uint64_t
xdp_flow_table_n_made(const struct xdp_flow_table *table)
{
    return table->n_made;
}

/* Returns XDP_COUNTER_HINT_HITS, which follows from the other 'counters': what
 * began a pass and neither ended before the hint cache nor missed there. */
static uint64_t
count_hint_hits(const uint64_t counters[XDP_COUNTER_MAX])
{
    uint64_t passes = (counters[XDP_COUNTER_PACKETS]
                       + counters[XDP_COUNTER_RECIRC]);
    uint64_t others = (counters[XDP_COUNTER_UNKNOWN_PORT]
                       + counters[XDP_COUNTER_UNPARSED]
                       + counters[XDP_COUNTER_NESTED]
                       + counters[XDP_COUNTER_GSO_ODD]
                       + counters[XDP_COUNTER_SUBTABLE_HITS]
                       + counters[XDP_COUNTER_MISSES]);

    /* They are not all of one moment. */
    return passes > others ? passes - others : 0;
}

/* Stores the sum of each counter over all CPUs, zero where reading fails. */
void
xdp_flow_table_get_counters(const struct xdp_flow_table *table,
                            uint64_t counters[XDP_COUNTER_MAX])
{
    size_t n_values = (size_t) XDP_COUNTER_MAX * table->n_cpus;
    uint64_t *values = xcalloc(n_values, sizeof *values);
    uint32_t keys[XDP_COUNTER_MAX], last;
    uint32_t n = XDP_COUNTER_MAX;

    memset(counters, 0, XDP_COUNTER_MAX * sizeof *counters);
    if (bpf_map_lookup_batch(table->fds.counters, NULL, &last, keys, values,
                             &n, NULL)
        && errno != ENOENT) {
        n = 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (unsigned int j = 0; j < table->n_cpus; j++) {
            counters[keys[i]] += values[(size_t) i * table->n_cpus + j];
        }
    }
    if (table->limits.n_hints) {
        counters[XDP_COUNTER_HINT_HITS] = count_hint_hits(counters);
    }
    free(values);
}

/* Stores the statistics of 'port' in '*stats', zero if reading fails. */
void
xdp_flow_table_get_port_stats(const struct xdp_flow_table *table,
                              uint32_t port, struct xdp_port_stats *stats)
{
    struct xdp_port_stats *values = xcalloc(table->n_cpus, sizeof *values);

    memset(stats, 0, sizeof *stats);
    if (!bpf_map_lookup_elem(table->fds.port_stats, &port, values)) {
        for (unsigned int i = 0; i < table->n_cpus; i++) {
            stats->upcalls += values[i].upcalls;
            stats->no_socket += values[i].no_socket;
            stats->no_metadata += values[i].no_metadata;
            stats->too_large += values[i].too_large;
        }
    }
    free(values);
}
