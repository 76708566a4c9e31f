/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices that a flow table redirects to, one by one and in groups.  See
 * xdp-flow-table-private.h.
 *
 * A group is the set of devices that get a copy of a packet.  All flows with
 * the same outputs share one, whatever else they do.  Groups stay in the table
 * like masks.  A slot refers to its group until it is free, so that a group
 * without slots is one that no program can know; it may be taken over.
 *
 * The first flow whose copies differ puts the program 'xdp_egress' into all
 * DEVMAP entries of the devices that it outputs to, and waits for a grace
 * period: struct xdp_flow in xdp-abi.h says why.  They keep it as long as the
 * device stays where it is, because taking it out again would cost the next
 * such flow another grace period.
 */

#include <config.h>

#include "xdp-flow-table-private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-pool.h"
#include "xdp-swap.h"

VLOG_DEFINE_THIS_MODULE(xdp_table_group);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Devices. */

/* Sets the entry 'index' of the DEVMAP 'fd' to the device 'ifindex', with the
 * program 'xdp_egress' if 'egress', or to none if 'ifindex' is 0.  Returns 0
 * or a positive errno value. */
static int
set_device(const struct xdp_flow_table *table, int fd, uint32_t index,
           uint32_t ifindex, bool egress)
{
    struct bpf_devmap_val val = {
        .ifindex = ifindex,
        .bpf_prog.fd = egress ? table->fds.egress : -1,
    };

    if (ifindex
        ? bpf_map_update_elem(fd, &index, &val, BPF_ANY)
        : bpf_map_delete_elem(fd, &index) && errno != ENOENT) {
        return errno;
    }
    return 0;
}

/* Returns the index of the output to 'port' in 'group', or SIZE_MAX. */
static size_t
group_find_port(const struct table_group *group, uint32_t port)
{
    for (size_t i = 0; i < group->n_outputs; i++) {
        if (group->outputs[i].port == port) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Takes the device of 'port' out of all groups.  They are not used again for
 * new flows; programs may still know those whose slots are not free. */
static void
groups_remove_port(struct xdp_flow_table *table, uint32_t port)
{
    struct table_group *group;

    HMAP_FOR_EACH_SAFE (group, node, &table->groups_by_outputs) {
        size_t i = group_find_port(group, port);

        if (i != SIZE_MAX) {
            set_device(table, group->fd, i, 0, false);
            hmap_remove(&table->groups_by_outputs, &group->node);
            group->in_use = false;
        }
    }
}

/* Makes the device 'ifindex' the one to which 'port' redirects, or none if
 * 'ifindex' is 0.  Flows that output to another device there must be gone.
 * Returns 0 or a positive errno value. */
int
xdp_flow_table_set_target(struct xdp_flow_table *table, uint32_t port,
                          uint32_t ifindex)
{
    struct table_port *p = &table->ports[port];
    int error;

    if (p->ifindex && p->ifindex != ifindex) {
        table_tc_set_target(table, port, 0);
        groups_remove_port(table, port);
        p->ifindex = 0;
        p->egress = false;
        p->egress_since = 0;
    }
    error = set_device(table, table->fds.tx_ports, port, ifindex,
                       p->egress_since != 0);
    if (!error) {
        p->ifindex = ifindex;
        table_tc_set_target(table, port, ifindex);
    }
    return error;
}

/* Makes the device 'ifindex' the one to which programs at XDP redirect what is
 * for 'port', which has a target, instead of the target.  No flow may lead
 * there yet.  Returns 0 or a positive errno value. */
int
xdp_flow_table_set_detour(struct xdp_flow_table *table, uint32_t port,
                          uint32_t ifindex)
{
    struct table_port *p = &table->ports[port];
    int error = set_device(table, table->fds.tx_ports, port, ifindex, false);

    if (!error) {
        groups_remove_port(table, port);
        table_tc_set_via(table, port, ifindex);
        p->ifindex = ifindex;
        p->egress = false;
        p->egress_since = 0;
    }
    return error;
}

/* Returns true if 'port' redirects to the device 'ifindex'. */
bool
xdp_flow_table_has_target(const struct xdp_flow_table *table, uint32_t port,
                          uint32_t ifindex)
{
    return table->ports[port].ifindex == ifindex;
}

/* Returns true if 'port' redirects to a device that has not left the network
 * namespace since: the kernel takes out those that have. */
bool
xdp_flow_table_has_device(const struct xdp_flow_table *table, uint32_t port)
{
    struct bpf_devmap_val val;

    return !bpf_map_lookup_elem(table->fds.tx_ports, &port, &val);
}

/* Groups. */

/* Puts 'xdp_egress' into all entries of the device of 'port', unless it is
 * there.  Returns 0 or a positive errno value. */
static int
port_set_egress(struct xdp_flow_table *table, uint32_t port)
{
    uint32_t ifindex = table->ports[port].ifindex;
    const struct table_group *group;
    int error;

    if (table->ports[port].egress_since) {
        return 0;
    }
    error = set_device(table, table->fds.tx_ports, port, ifindex, true);
    HMAP_FOR_EACH (group, node, &table->groups_by_outputs) {
        size_t i = group_find_port(group, port);

        if (i != SIZE_MAX && !error) {
            error = set_device(table, group->fd, i, ifindex, true);
        }
    }
    if (!error) {
        table->ports[port].egress_since = table->epoch;
    }
    return error;
}

/* Returns the id of a group that no program can know: one that never was in
 * use, or has lost a port, or else the one that has been unused for longest.
 * Returns 0 if there is none. */
static uint32_t
group_find_unused(struct xdp_flow_table *table)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < XDP_MAX_GROUPS; i++) {
        const struct table_group *group = &table->groups[i];

        if (group->n_slots) {
            continue;
        }
        if (!group->in_use) {
            return i;
        }
        if (!best || group->unused_since < table->groups[best].unused_since) {
            best = i;
        }
    }
    return best;
}

/* Makes 'id', from group_find_unused(), the group of the 'n' 'outputs', with
 * 'xdp_egress' in all entries if 'egress'.  Returns 0 or a positive errno
 * value. */
static int
group_set_outputs(struct xdp_flow_table *table, uint32_t id,
                  const struct table_output *outputs, size_t n, bool egress)
{
    struct table_group *group = &table->groups[id];
    struct xdp_swap *swap;
    int error = 0;
    int fd;

    fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP, "xdp_group", sizeof(uint32_t),
                        sizeof(struct bpf_devmap_val), n, NULL);
    if (fd < 0) {
        return errno;
    }
    for (size_t i = 0; i < n && !error; i++) {
        error = set_device(table, fd, i, outputs[i].ifindex,
                           egress
                           || table->ports[outputs[i].port].egress_since);
    }
    if (!error) {
        error = xdp_swap_start(table->fds.groups, id, fd, group->fd, &swap);
    }
    if (error) {
        close(fd);
        return error;
    }
    xdp_swap_unref(swap);

    if (group->in_use) {
        hmap_remove(&table->groups_by_outputs, &group->node);
    }
    group->in_use = true;
    table->n_made++;
    group->fd = fd;
    group->n_outputs = n;
    memcpy(group->outputs, outputs, n * sizeof *outputs);
    hmap_insert(&table->groups_by_outputs, &group->node,
                hash_bytes(outputs, n * sizeof *outputs, 0));
    return 0;
}

/* Stores the outputs of 'actions' in 'outputs', sorted by port, and returns
 * their number. */
static size_t
collect_outputs(const struct xdp_flow_actions *actions,
                struct table_output outputs[XDP_FLOW_MAX_OPS])
{
    size_t n = 0;

    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        const struct xdp_op *op = &actions->ops[i];

        if (op->type == XDP_OP_OUTPUT) {
            size_t j = n++;

            while (j && outputs[j - 1].port > op->u.output.port) {
                outputs[j] = outputs[j - 1];
                j--;
            }
            ovs_assert(!j || outputs[j - 1].port != op->u.output.port);
            outputs[j].port = op->u.output.port;
            outputs[j].ifindex = op->u.output.ifindex;
        }
    }
    return n;
}

/* Notes that the group of 'choice' cannot be made because of 'error'. */
static enum xdp_table_error
group_failed(const struct table_group_choice *choice, int error)
{
    VLOG_WARN_RL(&rl, "creating a group of %"PRIuSIZE" outputs failed: %s",
                 choice->n_outputs, ovs_strerror(error));
    return XDP_TABLE_SYSTEM;
}

/* Stores in '*choice' the group for 'actions'.  Changes nothing. */
enum xdp_table_error
table_group_choose(struct xdp_flow_table *table,
                   const struct xdp_flow_actions *actions,
                   struct table_group_choice *choice)
{
    struct table_group *group;
    size_t n;

    n = collect_outputs(actions, choice->outputs);
    choice->n_outputs = n;
    choice->differ = actions->flags & XDP_FLOW_COPIES_DIFFER;
    choice->id = 0;
    choice->is_new = false;
    if (n < 2) {
        return XDP_TABLE_OK;
    }
    ovs_assert(table->fds.groups > 0 && table->fds.egress > 0);

    for (size_t i = 0; i < n; i++) {
        if (table->ports[choice->outputs[i].port].ifindex
            != choice->outputs[i].ifindex) {
            return group_failed(choice, ENODEV);
        }
    }

    HMAP_FOR_EACH_WITH_HASH (group, node,
                             hash_bytes(choice->outputs,
                                        n * sizeof *choice->outputs, 0),
                             &table->groups_by_outputs) {
        if (group->n_outputs == n
            && !memcmp(group->outputs, choice->outputs,
                       n * sizeof *choice->outputs)) {
            choice->id = group - table->groups;
            return XDP_TABLE_OK;
        }
    }
    choice->id = group_find_unused(table);
    choice->is_new = true;
    return choice->id ? XDP_TABLE_OK : XDP_TABLE_GROUPS_FULL;
}

/* Puts 'xdp_egress' where the copies of 'choice' need that.  Returns false if
 * programs may still have seen a port without it, or if there is no thread to
 * make the group.  Errors are left to table_group_make(). */
bool
table_group_prepare(struct xdp_flow_table *table,
                    const struct table_group_choice *choice)
{
    /* The flow may need another thread for its subtable. */
    bool ready = !choice->is_new || xdp_pool_has_room(2);

    for (size_t i = 0; i < choice->n_outputs && choice->id && choice->differ;
         i++) {
        uint32_t port = choice->outputs[i].port;
        struct table_port *p = &table->ports[port];

        if (!p->egress && !port_set_egress(table, port)) {
            p->egress = p->egress_since < table->waited_epoch;
            if (!p->egress) {
                table->egress_busy = true;
                ready = false;
            }
        }
    }
    return ready;
}

/* Makes the group of 'choice', from table_group_choose(), if that is needed,
 * and puts 'xdp_egress' where its copies need that. */
enum xdp_table_error
table_group_make(struct xdp_flow_table *table,
                 const struct table_group_choice *choice)
{
    bool set_egress = false;
    int error = 0;

    if (!choice->id) {
        return XDP_TABLE_OK;
    }
    for (size_t i = 0; i < choice->n_outputs && choice->differ; i++) {
        uint32_t port = choice->outputs[i].port;

        if (!table->ports[port].egress && !error) {
            error = port_set_egress(table, port);
            set_egress = true;
        }
    }
    if (choice->is_new && !error) {
        error = group_set_outputs(table, choice->id, choice->outputs,
                                  choice->n_outputs, choice->differ);
    }
    if (set_egress && !error) {
        error = xdp_flow_table_wait(table);
    }
    if (error) {
        return group_failed(choice, error);
    }

    for (size_t i = 0; i < choice->n_outputs && choice->differ; i++) {
        table->ports[choice->outputs[i].port].egress = true;
    }
    return XDP_TABLE_OK;
}
