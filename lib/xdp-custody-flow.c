/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the megaflows in custody and of the ports of the datapath
 * that they come from: where each of them is, for which reason, and its
 * statistics.  See xdp-custody-private.h.
 */

#include <config.h>

#include "xdp-custody-private.h"

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "hash.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "util.h"
#include "xdp-coverage.h"
#include "xdp-spare.h"

struct hmap custody_ports = HMAP_INITIALIZER(&custody_ports);
struct hmap custody_flows[CUSTODY_TABLES];
struct xdp_totals custody_totals;
struct ovs_list custody_refused[XDP_N_REASONS];

/* To be called once, before anything else. */
void
xdp_custody_init(void)
{
    custody_wake_init();
    xdp_lock();
    xdp_totals_init(&custody_totals);
    for (size_t i = 0; i < CUSTODY_TABLES; i++) {
        hmap_init(&custody_flows[i]);
    }
    for (size_t i = 0; i < XDP_N_REASONS; i++) {
        ovs_list_init(&custody_refused[i]);
    }
    xdp_unlock();
}

/* Ports. */

/* Returns the port of number 'odp_port', or NULL. */
struct custody_port *
custody_port_find(odp_port_t odp_port)
{
    struct custody_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_int(odp_to_u32(odp_port), 0),
                             &custody_ports) {
        if (port->odp_port == odp_port) {
            return port;
        }
    }
    return NULL;
}

/* Returns the AF_XDP port or the tunnel that 'port' is while it has our flow
 * API, otherwise NULL. */
struct xdp_netdev *
custody_port_xdp(const struct custody_port *port)
{
    return (!port->netdev || !port->enabled ? NULL
            : port->tunnel ? port->tunnel
            : xdp_netdev_lookup(port->netdev));
}

/* Forgets 'port' if there is nothing left to know of it. */
void
custody_port_gc(struct custody_port *port)
{
    if (!port->netdev && ovs_list_is_empty(&port->flows)) {
        hmap_remove(&custody_ports, &port->node);
        xdp_totals_destroy(&port->totals);
        free(port->name);
        free(port);
    }
}

/* Returns the number of megaflows in XDP. */
uint64_t
custody_n_offloaded(void)
{
    const struct custody_port *port;
    uint64_t n = 0;

    HMAP_FOR_EACH (port, node, &custody_ports) {
        n += port->n_offloaded;
    }
    return n;
}

/* Megaflows. */

/* Returns the hash of 'ufid'. */
static uint32_t
hash_ufid(const ovs_u128 *ufid)
{
    return hash_bytes(ufid, sizeof *ufid, 0);
}

/* Returns the table of megaflows whose ufids have 'hash', of which each table
 * uses the lower bits itself. */
static struct hmap *
get_table(uint32_t hash)
    OVS_REQUIRES(xdp_mutex)
{
    return &custody_flows[hash / (UINT32_MAX / CUSTODY_TABLES + 1)];
}

/* Calls 'cb', which returns what it has cost, for megaflows from '*position'
 * on, which is zero at first, until CUSTODY_BUDGET is spent, or 'xdp_mutex'
 * should be given back.  Then the caller may do that before the next part of
 * the walk.  Returns false when the walk is over.  'cb' must not make or
 * delete megaflows.
 *
 * A megaflow that is there all the time is met once, whatever comes and goes
 * meanwhile. */
bool
custody_walk(size_t *position,
             unsigned int (*cb)(struct custody_flow *, void *aux), void *aux)
{
    unsigned int cost = 0;

    while (*position < CUSTODY_TABLES && cost < CUSTODY_BUDGET
           && (!cost || !xdp_lock_is_due())) {
        struct hmap *table = &custody_flows[(*position)++];
        struct custody_flow *flow;

        if (!hmap_is_empty(table)) {
            HMAP_FOR_EACH (flow, node, table) {
                cost += cb(flow, aux);
            }
        }
    }
    return *position < CUSTODY_TABLES;
}

/* Walks over all megaflows as custody_walk() does, and gives back 'xdp_mutex'
 * between the parts. */
void
custody_for_each(unsigned int (*cb)(struct custody_flow *, void *aux),
                 void *aux)
{
    size_t position = 0;
    bool more;

    do {
        xdp_lock();
        more = custody_walk(&position, cb, aux);
        xdp_unlock();
    } while (more);
}

/* Returns the megaflow 'ufid' from the port 'in_port', or NULL. */
struct custody_flow *
custody_find(odp_port_t in_port, const ovs_u128 *ufid)
{
    uint32_t hash = hash_ufid(ufid);
    struct custody_flow *flow;

    HMAP_FOR_EACH_WITH_HASH (flow, node, hash, get_table(hash)) {
        if (ovs_u128_equals(flow->ufid, *ufid)
            && flow->port->odp_port == in_port) {
            return flow;
        }
    }
    return NULL;
}

/* Returns the bytes of the values of 'mini'. */
static size_t
values_size(const struct miniflow *mini)
{
    return miniflow_n_values(mini) * sizeof(uint64_t);
}

/* Returns the rare things of 'flow', which may all be missing. */
static struct custody_extra *
get_extra(struct custody_flow *flow)
{
    if (!flow->extra) {
        flow->extra = xdp_spare_zalloc(sizeof *flow->extra);
    }
    return flow->extra;
}

/* Makes a megaflow, refused for no reason yet. */
struct custody_flow *
custody_create(struct custody_port *port, const ovs_u128 *ufid,
               const struct match *match)
{
    uint32_t hash = hash_ufid(ufid);
    struct custody_flow *flow;
    struct minimatch mini;
    size_t size;

    minimatch_init(&mini, match);
    size = values_size(mini.flow);
    flow = xdp_spare_zalloc(sizeof *flow + size);
    memcpy(flow->key, miniflow_get_values(mini.flow), size);
    flow->mask = xdp_blob_get(XDP_BLOB_MASK, mini.mask,
                              sizeof *mini.mask + size);
    if (mini.tun_md) {
        get_extra(flow)->tun_md = mini.tun_md;
        mini.tun_md = NULL;
    }
    minimatch_destroy(&mini);

    flow->ufid = *ufid;
    flow->port = port;
    hmap_insert(get_table(hash), &flow->node, hash);
    ovs_list_push_back(&port->flows, &flow->port_node);
    port->n_flows++;
    ovs_list_push_back(&custody_refused[XDP_REASON_NONE], &flow->refused_node);
    return flow;
}

/* Stores what 'flow' matches on in '*match'. */
void
custody_get_match(const struct custody_flow *flow, struct match *match)
{
    const struct minimask *mask = (const struct minimask *) flow->mask->data;
    struct {
        struct miniflow mini;
        uint64_t values[FLOW_U64S];
    } key = { .mini = mask->masks };
    struct minimatch mini = {
        .flow = &key.mini,
        .mask = CONST_CAST(struct minimask *, mask),
        .tun_md = flow->extra ? flow->extra->tun_md : NULL,
    };

    memcpy(key.values, flow->key, values_size(&key.mini));
    minimatch_expand(&mini, match);
}

/* Returns true if 'match' is what 'flow' matches on. */
bool
custody_has_match(const struct custody_flow *flow, const struct match *match)
{
    struct minimatch mini;
    size_t size;
    bool equal;

    minimatch_init(&mini, match);
    size = values_size(mini.flow);
    equal = (xdp_blob_equals(flow->mask, mini.mask, sizeof *mini.mask + size)
             && !memcmp(flow->key, miniflow_get_values(mini.flow), size));
    minimatch_destroy(&mini);
    return equal;
}

/* Stores the statistics of all of the life of 'flow' in '*stats'.  Counts the
 * packets that came since the last call for the port, and if they were dropped
 * by a drop action, so this must be called before 'flow' gets other
 * actions. */
void
custody_get_stats(struct custody_flow *flow,
                  struct xdp_flow_table_stats *stats)
{
    const struct nlattr *drop;
    uint64_t n_packets;

    memset(stats, 0, sizeof *stats);
    if (flow->extra && flow->extra->base) {
        *stats = *flow->extra->base;
    }
    if (flow->table_flow) {
        struct xdp_flow_table_stats current;

        xdp_flow_table_get_stats(flow->table, flow->table_flow, &current);
        xdp_flow_table_stats_add(stats, &current);
    }

    n_packets = stats->n_packets - flow->n_packets_read;
    flow->port->carried.n_packets += n_packets;
    flow->port->carried.n_bytes += stats->n_bytes - flow->n_bytes_read;
    flow->n_packets_read = stats->n_packets;
    flow->n_bytes_read = stats->n_bytes;
    drop = (n_packets ? custody_find_action(flow, OVS_ACTION_ATTR_DROP)
            : NULL);
    if (drop) {
        xdp_coverage_dropped(nl_attr_get_u32(drop), n_packets);
        custody_wake();
    }
}

/* Adds 'change' to the megaflows that were never offloaded, for the reason
 * that 'flow' has, if it is one of them. */
static void
count_never(const struct custody_flow *flow, struct xdp_totals *t, int change)
{
    if (flow->judged && !flow->was_offloaded) {
        xdp_totals_never(t, flow->reason, custody_detail(flow), change);
    }
}

/* Gives 'flow' a 'detail', or none if that is NULL or empty. */
static void
set_detail(struct custody_flow *flow, const char *detail)
{
    if (flow->extra) {
        xdp_blob_unref(flow->extra->detail);
        flow->extra->detail = NULL;
    }
    if (detail && detail[0]) {
        get_extra(flow)->detail = xdp_blob_get(XDP_BLOB_DETAIL, detail,
                                               strlen(detail) + 1);
    }
}

/* Notes that 'flow' is refused for 'reason' and 'detail', or that it is
 * offloaded if 'reason' is XDP_REASON_NONE. */
void
custody_set_reason(struct custody_flow *flow, enum xdp_reason reason,
                   const char *detail)
{
    struct xdp_totals *both[] = { &custody_totals, &flow->port->totals };
    bool first = !reason && !flow->was_offloaded;

    if (!flow->table_flow) {
        ovs_list_remove(&flow->refused_node);
        ovs_list_push_back(&custody_refused[reason], &flow->refused_node);
    }
    if (reason == XDP_REASON_FLOWS_FULL && flow->reason == reason) {
        /* Who was displaced was so, however often there is no room again. */
        return;
    }
    if (flow->judged && flow->reason == reason
        && !strcmp(custody_detail(flow), detail ? detail : "")) {
        return;
    }

    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        count_never(flow, both[i], -1);
        both[i]->n_offered += !flow->judged;
        both[i]->n_offloaded += first;
        if (reason) {
            xdp_totals_refuse(both[i], reason, detail);
        }
    }
    if (!flow->judged) {
        xdp_coverage_offered();
    }
    if (first) {
        xdp_coverage_offloaded();
    }
    if (reason) {
        xdp_coverage_refused(reason);
    }
    custody_wake();

    flow->reason = reason;
    set_detail(flow, detail);
    flow->judged = true;
    flow->was_offloaded |= first;
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        count_never(flow, both[i], 1);
    }
}

/* Notes that 'flow' is in XDP, as 'table_flow' of 'table', which is that of
 * the port 'home'. */
void
custody_enter(struct custody_flow *flow, struct xdp_flow_table *table,
              struct xdp_table_flow *table_flow, struct xdp_netdev *home)
{
    ovs_list_remove(&flow->refused_node);
    flow->table = table;
    flow->table_flow = table_flow;
    flow->home = home;
    home->n_homed++;
    ovs_list_remove(&flow->port_node);
    ovs_list_push_front(&flow->port->flows, &flow->port_node);
    flow->port->n_offloaded++;
    flow->moved_at = custody_seconds();
    flow->n_sampled = 0;
    flow->rate = custody_heard_rate(flow);
    custody_forget_heard(flow);
}

/* Notes that 'stats' are those of a stay of 'flow' in XDP. */
static void
add_to_base(struct custody_flow *flow,
            const struct xdp_flow_table_stats *stats)
{
    struct custody_extra *extra = flow->extra;

    if (stats->n_packets && (!extra || !extra->base)) {
        extra = get_extra(flow);
        extra->base = xdp_spare_zalloc(sizeof *extra->base);
    }
    if (extra && extra->base) {
        xdp_flow_table_stats_add(extra->base, stats);
    }
}

/* Takes 'flow' out of XDP, if it is there. */
static void
leave_table(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_port *port = flow->port;
    struct xdp_flow_table_stats stats;

    if (!flow->table_flow) {
        return;
    }
    xdp_flow_table_remove(flow->table, flow->table_flow, &stats);
    custody_note_shortage(flow->table);
    flow->table_flow = NULL;
    flow->home->n_homed--;
    flow->stopped = flow->stale = false;
    flow->moved_at = custody_seconds();
    ovs_list_push_back(&custody_refused[XDP_REASON_NONE], &flow->refused_node);
    ovs_list_remove(&flow->port_node);
    ovs_list_push_back(&port->flows, &flow->port_node);
    port->n_offloaded--;
    add_to_base(flow, &stats);
    custody_get_stats(flow, &stats);
    custody_wake();
}

/* Takes 'flow' out of XDP, if it is there, and notes why. */
void
custody_withdraw(struct custody_flow *flow, enum xdp_reason reason,
                 const char *detail)
{
    leave_table(flow);
    custody_set_reason(flow, reason, detail);
}

/* Forgets 'flow'. */
void
custody_delete(struct custody_flow *flow)
{
    size_t size = (sizeof *flow + flow->mask->size
                   - sizeof(struct minimask));
    struct xdp_flow_table_stats stats;

    leave_table(flow);
    custody_get_stats(flow, &stats);
    hmap_remove(get_table(flow->node.hash), &flow->node);
    ovs_list_remove(&flow->refused_node);
    ovs_list_remove(&flow->port_node);
    flow->port->n_flows--;
    custody_port_gc(flow->port);
    xdp_blob_unref(flow->mask);
    if (flow->is_shared) {
        xdp_spare_free(flow->sharing->refs, (flow->sharing->allocated
                                             * sizeof *flow->sharing->refs));
        xdp_spare_free(flow->sharing, sizeof *flow->sharing);
    }
    if (flow->extra) {
        xdp_blob_unref(flow->extra->detail);
        xdp_spare_free(flow->extra->base, sizeof *flow->extra->base);
        free(flow->extra->tun_md);
        xdp_spare_free(flow->extra, sizeof *flow->extra);
    }
    xdp_blob_unref(flow->actions);
    xdp_spare_free(flow, size);
}
