/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow slots of a table, and how they become free again.  See
 * xdp-flow-table-private.h.
 *
 * Life of a flow slot
 * ===================
 *
 * free -> filled -> published in its subtable -> valid -> withdrawn (not
 * published, not valid) -> garbage -> free.  Garbage becomes free only after
 * xdp_flow_table_wait() has waited for every program that may still hold the
 * slot's number, or have met the slot through a hint.  A modification fills a
 * second slot, makes it valid, and then switches the subtable's entry, so that
 * no packet sees half of each version; the old slot's statistics go on
 * counting for the flow until it is free again.  What was valid for a moment
 * is garbage even if the switch fails.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-op-flags.h"
#include "xdp-spare.h"

VLOG_DEFINE_THIS_MODULE(xdp_table_slot);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What becomes free at a time, so that nobody has to wait for long: a slot
 * costs this much, and as much as there are CPUs if its statistics are read.
 * There may be many more possible CPUs than there are. */
#define RECLAIM_COST 256
#define SLOT_COST 2

/* Memory. */

/* The memory of a flow is that of the garbage that it becomes. */
#define SPARE_SIZE MAX(sizeof(struct xdp_table_flow), \
                       sizeof(struct table_garbage))

/* Returns memory for a flow or for garbage, all zeros. */
void *
table_spare_take(void)
{
    return xdp_spare_zalloc(SPARE_SIZE);
}

/* Gives back memory from table_spare_take(). */
void
table_spare_give(void *memory)
{
    xdp_spare_free(memory, SPARE_SIZE);
}

/* Slots. */

/* Returns true if a flow of 'mask' with 'actions' needs more than what is in
 * "struct xdp_flow". */
bool
table_slot_needs_rest(const struct xdp_key *mask,
                      const struct xdp_flow_actions *actions)
{
    return (!(xdp_op_flags(actions) & XDP_FLOW_SIMPLE)
            || table_mask_parts(mask) & XDP_PART_REST);
}

/* Returns the rest of the flow in 'slot', or NULL if it needs none. */
static const struct xdp_flow_rest *
get_rest(const struct xdp_flow_table *table, uint32_t slot)
{
    const struct xdp_flow *entry = &table->flows[slot];

    return (entry->flags & XDP_FLOW_SIMPLE && !(entry->parts & XDP_PART_REST)
            ? NULL : table_rest(table, slot));
}

/* Gives back 'slot', which no program can know. */
void
table_slot_free(struct xdp_flow_table *table, uint32_t slot)
{
    struct table_group *group = &table->groups[table->slot_groups[slot]];

    if (!--group->n_slots) {
        group->unused_since = table->epoch;
    }
    table_slot_release(table, slot);
}

/* Makes the flow in 'slot' valid, or invalid if 'valid' is false. */
void
table_slot_set_valid(struct xdp_flow_table *table, uint32_t slot, bool valid)
{
    if (valid && !++table->last_valid) {
        table->last_valid = 1;
    }
    table_publish(&table->flows[slot].valid, valid ? table->last_valid : 0);
}

/* Returns true if programs may have counted anything on CPU 'i'.  What they
 * have not is zero: a kernel may have many times as many possible CPUs as
 * there are, and each would cost a read of memory for each flow. */
static bool
cpu_counts(const struct xdp_flow_table *table, unsigned int i)
{
    return !table->cpus || *(const volatile uint64_t *) &table->cpus[i];
}

/* Returns the number of CPUs on which programs may have counted. */
static unsigned int
n_counting_cpus(const struct xdp_flow_table *table)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < table->n_cpus; i++) {
        n += cpu_counts(table, i);
    }
    return n;
}

/* Fills '*rest' for a flow of the masked key 'key' under mask 'mask_id', with
 * 'actions' and 'group'. */
static void
fill_rest(const struct xdp_flow_table *table, struct xdp_flow_rest *rest,
          uint32_t mask_id, const struct xdp_key *key,
          const struct xdp_flow_actions *actions, uint32_t group)
{
    const struct xdp_mask *mask_entry = &table->masks_map[mask_id];
    const uint64_t *words = (const uint64_t *) key;

    memset(rest, 0, sizeof *rest);
    rest->n_ops = actions->n_ops;
    rest->group = group;
    rest->n_outputs = table->groups[group].n_outputs;
    rest->growth = xdp_op_growth(key, actions);
    rest->needs = xdp_op_needs(actions);
    memcpy(rest->ops, actions->ops, actions->n_ops * sizeof *actions->ops);
    for (size_t i = 0; i < rest->n_ops; i += 1 + rest->ops[i].n_data) {
        if (rest->ops[i].type == XDP_OP_CT) {
            ovs_assert(rest->n_cts < XDP_FLOW_MAX_CTS);
            rest->ct_ops[rest->n_cts++] = i;
        } else if (rest->ops[i].type == XDP_OP_TNL_PUSH) {
            rest->push_op = i;
        }
    }
    memcpy(rest->ct_words, &words[TABLE_CT_WORD], sizeof rest->ct_words);
    for (size_t i = 0; i < mask_entry->n_far; i++) {
        rest->far_words[i] = words[mask_entry->word[i]];
    }
}

/* Fills 'slot', which no program can know, and which has room for the rest of
 * the flow if it needs one, with the flow of the masked key 'key' under mask
 * 'mask_id', with 'actions' and 'group'.  It is not valid yet. */
void
table_slot_fill(struct xdp_flow_table *table, uint32_t slot, uint32_t mask_id,
                const struct xdp_key *key,
                const struct xdp_flow_actions *actions, uint32_t group)
{
    const struct xdp_key *mask = &table->masks[mask_id].bits;
    struct xdp_flow *entry = &table->flows[slot];

    memset(entry, 0, sizeof *entry);
    entry->mask = mask_id;
    entry->parts = (table_mask_parts(mask)
                    | (actions->parts ? TABLE_ALL_PARTS : 0));
    entry->flags = xdp_op_flags(actions);
    if (entry->flags & XDP_FLOW_SIMPLE) {
        entry->port = actions->ops[actions->n_ops - 1].u.output.port;
        if (actions->ops[0].type == XDP_OP_PUSH_VLAN
            || actions->ops[0].type == XDP_OP_SET_VLAN) {
            entry->tpid = actions->ops[0].u.push_vlan.tpid;
            entry->tci = actions->ops[0].u.push_vlan.tci;
        }
    }
    memcpy(entry->words, key, TABLE_BASIC_SIZE);
    if (get_rest(table, slot)) {
        fill_rest(table, table_rest(table, slot), mask_id, key, actions,
                  group);
    }

    table->slot_groups[slot] = group;
    table->groups[group].n_slots++;
    for (unsigned int i = 0; i < table->n_cpus; i++) {
        if (cpu_counts(table, i)) {
            memset(&table->flow_stats[(size_t) i * table->limits.n_slots
                                      + slot],
                   0, sizeof *table->flow_stats);
        }
    }
}

/* Stores in '*key' the masked key of the flow in 'slot', which has one. */
void
table_slot_get_key(const struct xdp_flow_table *table, uint32_t slot,
                   struct xdp_key *key)
{
    const struct xdp_flow_rest *rest = get_rest(table, slot);
    const struct xdp_flow *entry = &table->flows[slot];
    const struct xdp_mask *mask = &table->masks_map[entry->mask];
    uint64_t *words = (uint64_t *) key;

    memset(key, 0, sizeof *key);
    memcpy(words, entry->words, sizeof entry->words);
    if (!rest) {
        return;
    }
    memcpy(&words[TABLE_CT_WORD], rest->ct_words, sizeof rest->ct_words);
    for (size_t i = 0; i < mask->n_far; i++) {
        words[mask->word[i]] = rest->far_words[i];
    }
}

/* Withdraws the unpublished 'slot' and makes it 'garbage', which counts for
 * the flow with 'history', or for nobody if that is NULL. */
static void
retire(struct xdp_flow_table *table, uint32_t slot,
       struct table_history *history, struct table_garbage *garbage)
{
    table_slot_set_valid(table, slot, false);
    garbage->history = history;
    garbage->slot = slot;
    garbage->epoch = table->epoch;
    ovs_list_push_back(&table->garbage, &garbage->list_node);
    if (history) {
        ovs_list_push_back(&history->old_slots, &garbage->flow_node);
    }
}

/* Withdraws the unpublished 'slot', which has been one of 'flow', and goes on
 * counting for it. */
void
table_slot_retire(struct xdp_flow_table *table, uint32_t slot,
                  struct xdp_table_flow *flow)
{
    if (!flow->history) {
        flow->history = xdp_spare_zalloc(sizeof *flow->history);
        ovs_list_init(&flow->history->old_slots);
    }
    retire(table, slot, flow->history, table_spare_take());
}

/* Withdraws the unpublished slot of 'flow', for good.  The memory of 'flow' is
 * that of the garbage from here on. */
void
table_slot_retire_last(struct xdp_flow_table *table,
                       struct xdp_table_flow *flow)
{
    retire(table, flow->entry.slot, NULL, (void *) flow);
}

/* Stores in 'ports' those that the flow in 'slot' leads packets to, by outputs
 * or by popping the header of a tunnel.  Returns their number. */
size_t
table_slot_get_ports(const struct xdp_flow_table *table, uint32_t slot,
                     uint32_t ports[XDP_FLOW_MAX_OPS])
{
    const struct xdp_flow_rest *rest = get_rest(table, slot);
    size_t n = 0;

    if (!rest) {
        ports[n++] = table->flows[slot].port;
        return n;
    }
    for (size_t i = 0; i < rest->n_ops; i += 1 + rest->ops[i].n_data) {
        const struct xdp_op *op = &rest->ops[i];

        if (op->type == XDP_OP_OUTPUT) {
            ports[n++] = op->u.output.port;
        } else if (op->type == XDP_OP_TNL_POP) {
            ports[n++] = op->u.tnl_pop.port;
        }
    }
    return n;
}

/* Adds 'change' to the number of flows that lead to each port that the flow in
 * 'slot' leads to. */
void
table_slot_count_ports(struct xdp_flow_table *table, uint32_t slot, int change)
{
    uint32_t ports[XDP_FLOW_MAX_OPS];
    size_t n = table_slot_get_ports(table, slot, ports);

    for (size_t i = 0; i < n; i++) {
        table->ports[ports[i]].n_leading += change;
    }
}

/* Adds the statistics of 'slot' to '*stats'. */
void
table_slot_add_stats(const struct xdp_flow_table *table, uint32_t slot,
                     struct xdp_flow_table_stats *stats)
{
    for (unsigned int i = 0; i < table->n_cpus; i++) {
        const volatile struct xdp_flow_stats *s
            = &table->flow_stats[(size_t) i * table->limits.n_slots + slot];

        if (!cpu_counts(table, i)) {
            continue;
        }
        stats->n_packets += s->packets;
        stats->n_bytes += s->bytes;
        stats->used = MAX(stats->used, (long long int) (s->used / 1000000));
        stats->tcp_flags |= s->tcp_flags;
    }
}

/* Garbage. */

/* Returns true if there are few free slots, and garbage that could become
 * some, or if a flow waits for programs: then these should not wait. */
bool
xdp_flow_table_is_short(const struct xdp_flow_table *table)
{
    const struct xdp_flow_table_limits *limits = &table->limits;

    return (table->egress_busy
            || (table->n_free_slots <= MAX(limits->n_slots - limits->n_flows,
                                           limits->n_slots / 32)
                && !ovs_list_is_empty(&table->garbage)));
}

/* Returns true if there are as many flows as 'table' may hold. */
bool
xdp_flow_table_is_full(const struct xdp_flow_table *table)
{
    return table->n_flows >= table->limits.n_flows;
}

/* Returns true if a flow may be removed and another one inserted at once:
 * there are free slots, more than half of those that modifications of a full
 * table rely on. */
bool
xdp_flow_table_can_exchange(const struct xdp_flow_table *table)
{
    const struct xdp_flow_table_limits *limits = &table->limits;

    return table->n_free_slots > (limits->n_slots - limits->n_flows) / 2;
}

/* If there is garbage, a list of masks that was replaced, or a flow that waits
 * for programs, ends the epoch, stores its number in '*epoch', and returns
 * true: after
 * xdp_flow_table_wait(), xdp_flow_table_reclaim() can free what there is of
 * this epoch. */
bool
xdp_flow_table_begin_reclaim(struct xdp_flow_table *table, uint64_t *epoch)
{
    if (ovs_list_is_empty(&table->garbage) && !table->lists_busy
        && !table->egress_busy) {
        return false;
    }
    table->egress_busy = false;
    *epoch = table->epoch++;
    return true;
}

/* Waits until every program run that was under way at the time of the call
 * has ended.  Returns 0 or a positive errno value; then nothing may be
 * reclaimed.
 *
 * The kernel waits so on its own behalf before an update of a map of maps
 * returns (maybe_wait_bpf_programs() in kernel/bpf/syscall.c). */
int
xdp_flow_table_wait(const struct xdp_flow_table *table)
{
    uint32_t dummy = table->limits.n_masks;

    if (bpf_map_update_elem(table->fds.subtables, &dummy, &table->dummy_fd,
                            BPF_ANY)) {
        int error = errno;

        VLOG_WARN_RL(&rl, "waiting for XDP programs failed: %s",
                     ovs_strerror(error));
        return error;
    }
    return 0;
}

/* Frees slots that became garbage in 'epoch' or before, and the lists of masks
 * that were replaced then.  Does a part of that, which takes no more than
 * some hundred microseconds, and returns true if there is more to do. */
bool
xdp_flow_table_reclaim(struct xdp_flow_table *table, uint64_t epoch)
{
    unsigned int n_cpus = n_counting_cpus(table);
    struct table_garbage *garbage;
    uint32_t cost = 0;

    table->waited_epoch = MAX(table->waited_epoch, epoch + 1);
    table->lists_busy &= table->lists_epoch > epoch;
    LIST_FOR_EACH_SAFE (garbage, list_node, &table->garbage) {
        if (garbage->epoch > epoch) {
            break;
        }
        if (cost >= RECLAIM_COST) {
            return true;
        }
        cost += SLOT_COST;
        if (garbage->history) {
            cost += n_cpus;
            table_slot_add_stats(table, garbage->slot,
                                 &garbage->history->base);
            ovs_list_remove(&garbage->flow_node);
        }
        table_slot_free(table, garbage->slot);
        ovs_list_remove(&garbage->list_node);
        table_spare_give(garbage);
    }
    return false;
}
