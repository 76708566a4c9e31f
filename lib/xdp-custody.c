/* SPDX-License-Identifier: Apache-2.0 */
/* Megaflows in the custody of the offload.  See xdp-custody.h. */

#include <config.h>

#include "xdp-custody.h"

#include <stdlib.h>
#include <string.h>

#include "dpif.h"
#include "hash.h"
#include "netdev-native-tnl.h"
#include "netdev-offload-provider.h"
#include "netdev-offload-xdp.h"
#include "netdev-offload.h"
#include "netdev-provider.h"
#include "netdev-vport.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/vlog.h"
#include "seq.h"
#include "util.h"
#include "uuid.h"
#include "xdp-coverage.h"
#include "xdp-custody-private.h"
#include "xdp-program.h"

VLOG_DEFINE_THIS_MODULE(xdp_custody);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct hmap custody_ports = HMAP_INITIALIZER(&custody_ports);
struct hmap custody_flows = HMAP_INITIALIZER(&custody_flows);
struct xdp_totals custody_totals;

/* Megaflows that are not in XDP, by their reason, the longest there first. */
static struct ovs_list refused[XDP_N_REASONS] OVS_GUARDED_BY(xdp_mutex);

/* Those of them that xdp_custody_retry() is about to try. */
static struct ovs_list retrying OVS_GUARDED_BY(xdp_mutex)
    = OVS_LIST_INITIALIZER(&retrying);

/* Reasons that may have passed since the worker looked last. */
static uint32_t wanted OVS_GUARDED_BY(xdp_mutex);

/* Ports that got our flow API and have not been offered their flows yet. */
static odp_port_t *new_ports OVS_GUARDED_BY(xdp_mutex);
static size_t n_new_ports OVS_GUARDED_BY(xdp_mutex);
static size_t allocated_new_ports OVS_GUARDED_BY(xdp_mutex);

/* Changed to wake up the worker: some time, or at once to free slots. */
static struct seq *wakeup;
static struct seq *shortage;

/* Taken before 'xdp_mutex' by those who may want it again and again. */
static struct ovs_mutex turn OVS_ACQ_BEFORE(xdp_mutex)
    = OVS_MUTEX_INITIALIZER;

/* Locks 'xdp_mutex' when it is our turn. */
void
xdp_custody_lock(void)
{
    ovs_mutex_lock(&turn);
    ovs_mutex_lock(&xdp_mutex);
    ovs_mutex_unlock(&turn);
}

/* Unlocks it. */
void
xdp_custody_unlock(void)
{
    ovs_mutex_unlock(&xdp_mutex);
}

/* To be called once, before anything else. */
void
xdp_custody_init(void)
{
    wakeup = seq_create();
    shortage = seq_create();
    ovs_mutex_lock(&xdp_mutex);
    xdp_totals_init(&custody_totals);
    for (size_t i = 0; i < XDP_N_REASONS; i++) {
        ovs_list_init(&refused[i]);
    }
    ovs_mutex_unlock(&xdp_mutex);
}

/* Ports of the datapath. */

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
            : xdp_port_lookup(port->netdev));
}

/* Forgets 'port' if there is nothing left to know of it. */
static void
custody_port_gc(struct custody_port *port)
    OVS_REQUIRES(xdp_mutex)
{
    if (!port->netdev && ovs_list_is_empty(&port->flows)) {
        hmap_remove(&custody_ports, &port->node);
        xdp_totals_destroy(&port->totals);
        free(port->name);
        free(port);
    }
}

/* Returns true if 'netdev' can have an XDP object. */
static bool
is_afxdp(const struct netdev *netdev)
{
    const struct netdev_class *class = netdev_get_class(netdev);

    return class == &netdev_afxdp_class || class == &netdev_afxdp_nonpmd_class;
}

/* Returns true if we serve datapaths of 'dpif_type', which may be NULL. */
static bool
serves(const char *dpif_type)
{
    return dpif_type && !strcmp(dpif_type, "netdev");
}

/* Returns the type of the tunnel 'netdev', or XDP_TUNNEL_NONE if it is none,
 * or one whose header XDP cannot pop. */
static enum xdp_tunnel_type
get_tunnel_type(const struct netdev *netdev)
{
    static const struct {
        const char *name;
        enum xdp_tunnel_type type;
    } types[] = {
        { "vxlan", XDP_TUNNEL_VXLAN },
        { "geneve", XDP_TUNNEL_GENEVE },
        { "gre", XDP_TUNNEL_GRE },
        { "erspan", XDP_TUNNEL_ERSPAN },
    };

    if (netdev_vport_is_vport_class(netdev_get_class(netdev))) {
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
            if (!strcmp(netdev_get_type(netdev), types[i].name)) {
                return types[i].type;
            }
        }
    }
    return XDP_TUNNEL_NONE;
}

/* Takes at most 'max' megaflows of 'port' out of XDP, for 'reason'.  Returns
 * true if there are some left. */
static bool
withdraw_some(struct custody_port *port, size_t max, enum xdp_reason reason)
    OVS_REQUIRES(xdp_mutex)
{
    for (size_t i = 0; port->n_offloaded && i < max; i++) {
        custody_withdraw(CONTAINER_OF(ovs_list_front(&port->flows),
                                      struct custody_flow, port_node),
                         reason, NULL);
    }
    return port->n_offloaded != 0;
}

/* Takes all megaflows of 'port' out of XDP. */
static void
withdraw_flows_of(struct custody_port *port)
    OVS_REQUIRES(xdp_mutex)
{
    withdraw_some(port, SIZE_MAX, XDP_REASON_NO_TABLE);
}

/* Takes out of XDP, for 'reason', all megaflows that come from 'netdev', or
 * all if that is NULL.  Gives the lock back after each XDP_CUSTODY_BATCH of
 * them. */
static void
withdraw_batches(const struct netdev *netdev, enum xdp_reason reason)
    OVS_EXCLUDED(xdp_mutex)
{
    bool more;

    do {
        struct custody_port *port;

        more = false;
        xdp_custody_lock();
        HMAP_FOR_EACH (port, node, &custody_ports) {
            if ((!netdev || port->netdev == netdev)
                && withdraw_some(port, XDP_CUSTODY_BATCH, reason)) {
                more = true;
                break;
            }
        }
        xdp_custody_unlock();
    } while (more);
}

/* Takes our flow API from 'port', whose megaflows leave XDP. */
static void
disable_port(struct custody_port *port)
    OVS_REQUIRES(xdp_mutex)
{
    withdraw_flows_of(port);
    if (port->tunnel) {
        xdp_port_remove_tunnel(port->tunnel);
        port->tunnel = NULL;
    }
    port->enabled = false;
}

/* Makes 'port' one whose megaflows we take, because its netdev has our flow
 * API.  Returns false if it cannot be. */
static bool
enable_port(struct custody_port *port)
    OVS_REQUIRES(xdp_mutex)
{
    enum xdp_tunnel_type type = get_tunnel_type(port->netdev);

    if (port->enabled) {
        return true;
    }
    if (type) {
        port->tunnel = xdp_port_add_tunnel(port->name, type);
        if (!port->tunnel) {
            return false;
        }
    }
    port->enabled = true;

    /* Flows may have been made, and gone by, before we were told. */
    if (n_new_ports >= allocated_new_ports) {
        new_ports = x2nrealloc(new_ports, &allocated_new_ports,
                               sizeof *new_ports);
    }
    new_ports[n_new_ports++] = port->odp_port;
    xdp_custody_kick(XDP_RETRY_PORTS);
    return true;
}

/* Notes that the datapath has the port 'odp_port' with 'netdev', to which the
 * caller has a reference until xdp_custody_port_removed(). */
void
xdp_custody_port_added(odp_port_t odp_port, struct netdev *netdev)
{
    char name[NETDEV_VPORT_NAME_BUFSIZE];
    struct custody_port *port;

    if (!serves(netdev_get_dpif_type(netdev))) {
        return;
    }

    xdp_custody_lock();
    port = custody_port_find(odp_port);
    if (!port) {
        port = xzalloc(sizeof *port);
        port->odp_port = odp_port;
        ovs_list_init(&port->flows);
        xdp_totals_init(&port->totals);
        hmap_insert(&custody_ports, &port->node,
                    hash_int(odp_to_u32(odp_port), 0));
    }
    free(port->name);
    port->name = xstrdup(netdev_vport_get_dpif_port(netdev, name,
                                                    sizeof name));
    port->netdev = netdev;
    if (ovsrcu_get(const struct netdev_flow_api *, &netdev->flow_api)
        == &netdev_offload_xdp) {
        /* Another port has the same netdev. */
        enable_port(port);
    }
    xdp_custody_unlock();
}

/* Notes that the port 'odp_port' of a datapath of 'dpif_type' is about to go.
 * Its megaflows stay in custody until the datapath deletes them. */
void
xdp_custody_port_removed(odp_port_t odp_port, const char *dpif_type)
{
    struct custody_port *port;

    if (!serves(dpif_type)) {
        return;
    }

    xdp_custody_lock();
    port = custody_port_find(odp_port);
    if (port && port->netdev) {
        disable_port(port);
        port->netdev = NULL;
        custody_port_gc(port);
    }
    xdp_custody_unlock();
}

/* Notes that 'netdev' is about to have our flow API.  Returns false if that is
 * not for it. */
bool
xdp_custody_netdev_enable(struct netdev *netdev)
{
    bool is_tunnel = get_tunnel_type(netdev) != XDP_TUNNEL_NONE;
    struct custody_port *port;
    bool ok;

    if (!serves(netdev_get_dpif_type(netdev))
        || (!is_afxdp(netdev) && !is_tunnel)) {
        return false;
    }

    xdp_custody_lock();
    ok = is_tunnel || xdp_port_lookup(netdev);
    HMAP_FOR_EACH (port, node, &custody_ports) {
        if (ok && port->netdev == netdev) {
            ok = enable_port(port);
        }
    }
    xdp_custody_unlock();
    return ok;
}

/* Notes that 'netdev' does not have our flow API any more. */
void
xdp_custody_netdev_disable(struct netdev *netdev)
{
    struct custody_port *port;

    xdp_custody_netdev_flush(netdev);
    xdp_custody_lock();
    HMAP_FOR_EACH (port, node, &custody_ports) {
        if (port->netdev == netdev) {
            disable_port(port);
        }
    }
    xdp_custody_unlock();
}

/* Takes out of XDP all megaflows that come from 'netdev' now. */
void
xdp_custody_netdev_flush(struct netdev *netdev)
{
    withdraw_batches(netdev, XDP_REASON_NO_TABLE);
}

/* Stores in '*n' the number of ports that got our flow API since the last
 * call, and returns an array of them, which the caller frees. */
odp_port_t *
xdp_custody_take_new_ports(size_t *n)
{
    odp_port_t *ports;

    xdp_custody_lock();
    ports = new_ports;
    *n = n_new_ports;
    new_ports = NULL;
    n_new_ports = allocated_new_ports = 0;
    xdp_custody_unlock();
    return ports;
}

/* Megaflows. */

/* Calls 'cb' for each megaflow, with 'xdp_mutex', which is given back after
 * each XDP_CUSTODY_BATCH of them; so a megaflow that comes or goes meanwhile
 * may be left out, or others be met again. */
void
custody_for_each(void (*cb)(struct custody_flow *, void *aux), void *aux)
{
    struct hmap_position position = { .bucket = 0 };
    bool more = true;

    while (more) {
        xdp_custody_lock();
        for (size_t i = 0; i < XDP_CUSTODY_BATCH && more; i++) {
            struct hmap_node *node = hmap_at_position(&custody_flows,
                                                      &position);

            if (node) {
                cb(CONTAINER_OF(node, struct custody_flow, node), aux);
            } else {
                more = false;
            }
        }
        xdp_custody_unlock();
    }
}

/* Returns the megaflow 'ufid' from the port 'in_port', or NULL. */
static struct custody_flow *
find_flow(odp_port_t in_port, const ovs_u128 *ufid)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_flow *flow;

    HMAP_FOR_EACH_WITH_HASH (flow, node, hash_bytes(ufid, sizeof *ufid, 0),
                             &custody_flows) {
        if (ovs_u128_equals(flow->ufid, *ufid)
            && flow->port->odp_port == in_port) {
            return flow;
        }
    }
    return NULL;
}

/* Makes a megaflow, refused for no reason yet. */
static struct custody_flow *
create_flow(struct custody_port *port, const ovs_u128 *ufid,
            const struct match *match)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_flow *flow = xzalloc(sizeof *flow);

    flow->ufid = *ufid;
    flow->port = port;
    minimatch_init(&flow->match, match);
    hmap_insert(&custody_flows, &flow->node,
                hash_bytes(ufid, sizeof *ufid, 0));
    ovs_list_push_back(&port->flows, &flow->port_node);
    port->n_flows++;
    ovs_list_push_back(&refused[XDP_REASON_NONE], &flow->refused_node);
    return flow;
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

    *stats = flow->base;
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
    drop = n_packets ? nl_attr_find__(flow->actions, flow->actions_len,
                                      OVS_ACTION_ATTR_DROP) : NULL;
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
        xdp_totals_never(t, flow->reason, flow->detail, change);
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
        ovs_list_push_back(&refused[reason], &flow->refused_node);
    }
    if (flow->judged && flow->reason == reason
        && !strcmp(flow->detail ? flow->detail : "", detail ? detail : "")) {
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
    free(flow->detail);
    flow->detail = detail && detail[0] ? xstrdup(detail) : NULL;
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
              struct xdp_table_flow *table_flow, const struct netdev *home)
{
    flow->table = table;
    flow->table_flow = table_flow;
    flow->home = home;
    ovs_list_remove(&flow->refused_node);
    ovs_list_remove(&flow->port_node);
    ovs_list_push_front(&flow->port->flows, &flow->port_node);
    flow->port->n_offloaded++;
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
    flow->table = NULL;
    flow->stopped = flow->stale = false;
    ovs_list_push_back(&refused[XDP_REASON_NONE], &flow->refused_node);
    ovs_list_remove(&flow->port_node);
    ovs_list_push_back(&port->flows, &flow->port_node);
    port->n_offloaded--;
    xdp_flow_table_stats_add(&flow->base, &stats);
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
static void
delete_flow(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_flow_table_stats stats;

    leave_table(flow);
    custody_get_stats(flow, &stats);
    hmap_remove(&custody_flows, &flow->node);
    ovs_list_remove(&flow->refused_node);
    ovs_list_remove(&flow->port_node);
    flow->port->n_flows--;
    custody_port_gc(flow->port);
    minimatch_destroy(&flow->match);
    free(flow->refs);
    free(flow->detail);
    free(flow->actions);
    free(flow);
}

/* References. */

/* Returns the hold of the PMD thread 'pmd_id' on 'flow', or NULL. */
static struct custody_ref *
find_ref(const struct custody_flow *flow, unsigned int pmd_id)
{
    for (size_t i = 0; i < flow->n_refs; i++) {
        if (flow->refs[i].pmd_id == pmd_id) {
            return &flow->refs[i];
        }
    }
    return NULL;
}

/* Gives the PMD thread 'pmd_id' a hold on 'flow', if it has none. */
static void
add_ref(struct custody_flow *flow, unsigned int pmd_id)
    OVS_REQUIRES(xdp_mutex)
{
    if (!find_ref(flow, pmd_id)) {
        if (flow->n_refs >= flow->allocated_refs) {
            flow->refs = x2nrealloc(flow->refs, &flow->allocated_refs,
                                    sizeof *flow->refs);
        }
        flow->refs[flow->n_refs++] = (struct custody_ref) {
            .pmd_id = pmd_id,
        };
    }
}

/* Returns true if all PMD threads that have 'flow' are about to delete it. */
static bool
all_stopping(const struct custody_flow *flow)
{
    for (size_t i = 0; i < flow->n_refs; i++) {
        if (!flow->refs[i].stopping) {
            return false;
        }
    }
    return true;
}

/* Lets packets into 'flow' or not, by what its holders are about to do. */
static void
update_stopped(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    bool stopped = all_stopping(flow);

    if (flow->table_flow && flow->stopped != stopped) {
        flow->stopped = stopped;
        if (stopped || !flow->stale) {
            xdp_flow_table_set_running(flow->table, flow->table_flow,
                                       !stopped);
        } else {
            flow->stale = false;
            xdp_offer(flow);
        }
    }
}

/* Has the flows that push UDP headers translated again, if the range of source
 * ports has changed since ("ovs-appctl tnl/egress_port_range"). */
static void
check_source_ports(void)
    OVS_REQUIRES(xdp_mutex)
{
    static uint16_t port_min = 0, port_max = 0;
    struct custody_flow *flow;

    if (port_min == tnl_udp_port_min && port_max == tnl_udp_port_max) {
        return;
    }
    port_min = tnl_udp_port_min;
    port_max = tnl_udp_port_max;
    HMAP_FOR_EACH (flow, node, &custody_flows) {
        if (flow->table_flow
            && nl_attr_find__(flow->actions, flow->actions_len,
                              OVS_ACTION_ATTR_TUNNEL_PUSH)) {
            custody_withdraw(flow, XDP_REASON_ACTION,
                             "tnl_push, to other ports");
            xdp_custody_kick(XDP_REASON_BIT(XDP_REASON_ACTION));
        }
    }
}

/* Returns true if 'flow' matches on other things than 'match'. */
static bool
has_other_match(const struct custody_flow *flow, const struct match *match)
{
    struct minimatch mini;
    bool differs;

    minimatch_init(&mini, match);
    differs = !minimatch_equal(&flow->match, &mini);
    minimatch_destroy(&mini);
    return differs;
}

/* Puts the megaflow 'ufid' from 'in_port' of the PMD thread 'pmd_id' into
 * custody, or its new actions.  'match' is that of the thread's own flow, and
 * has the ingress port.  Returns false if that port is not ours to serve, or not
 * any more: then somebody else may have the megaflow, too. */
bool
xdp_custody_put(odp_port_t in_port, unsigned int pmd_id, const ovs_u128 *ufid,
                const struct match *match, const struct nlattr *actions,
                size_t actions_len, odp_port_t orig_in_port)
{
    struct custody_port *port;
    struct custody_flow *flow;
    bool ours;

    xdp_custody_lock();
    xdp_port_check_vlan_limit();
    check_source_ports();

    port = custody_port_find(in_port);
    ours = port && port->netdev && port->enabled;
    flow = find_flow(in_port, ufid);
    if (!flow && ours) {
        flow = create_flow(port, ufid, match);
    } else if (!flow || (!ours && !find_ref(flow, pmd_id))) {
        goto out;
    } else if (has_other_match(flow, match)) {
        VLOG_WARN_RL(&rl, "%s: two megaflows have the ufid "UUID_FMT"; only "
                     "the first one is offloaded", port->name,
                     UUID_ARGS((struct uuid *) ufid));
        ours = false;
        goto out;
    } else {
        struct xdp_flow_table_stats stats;

        custody_get_stats(flow, &stats);
    }

    add_ref(flow, pmd_id);
    if (flow->actions_len != actions_len
        || !flow->judged
        || !flow->table_flow
        || memcmp(flow->actions, actions, actions_len)) {
        free(flow->actions);
        flow->actions = xmemdup(actions, actions_len);
        flow->actions_len = actions_len;
        flow->orig_in_port = orig_in_port;
        if (all_stopping(flow)) {
            flow->stale = true;
        } else {
            flow->stopped = flow->stale = false;
            xdp_offer(flow);
        }
    } else {
        update_stopped(flow);
    }
    if (flow->reason) {
        VLOG_DBG_RL(&rl, "%s: "UUID_FMT" not offloaded: %s%s%s",
                    flow->port->name,
                    UUID_ARGS((struct uuid *) &flow->ufid),
                    xdp_reason_to_string(flow->reason),
                    flow->detail ? ": " : "",
                    flow->detail ? flow->detail : "");
    }
out:
    xdp_custody_unlock();
    return ours;
}

/* Takes from the PMD thread 'pmd_id' its hold on the megaflow 'ufid' from
 * 'in_port'.  The last one takes the megaflow with it.  Returns false if there
 * was none. */
bool
xdp_custody_delete(odp_port_t in_port, unsigned int pmd_id,
                   const ovs_u128 *ufid)
{
    struct custody_flow *flow;
    struct custody_ref *ref;

    xdp_custody_lock();
    flow = find_flow(in_port, ufid);
    ref = flow ? find_ref(flow, pmd_id) : NULL;
    if (ref) {
        *ref = flow->refs[--flow->n_refs];
        if (flow->n_refs) {
            update_stopped(flow);
        } else {
            delete_flow(flow);
        }
    }
    xdp_custody_unlock();
    return ref != NULL;
}

/* Notes that the PMD thread 'pmd_id' is about to read the last statistics of
 * its flow for the megaflow 'ufid' from 'in_port', and to delete it.  If no
 * other thread has the megaflow, no more packets are let into it in XDP: what
 * XDP would carry until the deletion would be counted by nobody.  Packets take
 * the way through userspace meanwhile. */
void
xdp_custody_stop(odp_port_t in_port, unsigned int pmd_id,
                 const ovs_u128 *ufid)
{
    struct custody_flow *flow;
    struct custody_ref *ref;

    xdp_custody_lock();
    flow = find_flow(in_port, ufid);
    ref = flow ? find_ref(flow, pmd_id) : NULL;
    if (ref) {
        ref->stopping = true;
        update_stopped(flow);
    }
    xdp_custody_unlock();
}

/* Stores in '*stats' what the PMD thread 'pmd_id' has to report of the
 * megaflow 'ufid' from 'in_port': the packets and bytes of its share, which
 * are those that it had and what came since any thread asked last, so that all
 * shares add up to the total, whichever of them come and go.  '*offloaded'
 * tells whether the megaflow is in XDP.  Returns false if the thread has no
 * hold on it. */
bool
xdp_custody_get(odp_port_t in_port, unsigned int pmd_id, const ovs_u128 *ufid,
                struct dpif_flow_stats *stats, bool *offloaded)
{
    struct custody_flow *flow;
    struct custody_ref *ref;

    xdp_custody_lock();
    check_source_ports();
    flow = find_flow(in_port, ufid);
    ref = flow ? find_ref(flow, pmd_id) : NULL;
    if (ref) {
        struct xdp_flow_table_stats total;

        custody_get_stats(flow, &total);
        ref->n_packets += total.n_packets - flow->n_packets_shared;
        ref->n_bytes += total.n_bytes - flow->n_bytes_shared;
        flow->n_packets_shared = total.n_packets;
        flow->n_bytes_shared = total.n_bytes;

        memset(stats, 0, sizeof *stats);
        stats->n_packets = ref->n_packets;
        stats->n_bytes = ref->n_bytes;
        stats->used = total.used;
        stats->tcp_flags = total.tcp_flags;
        *offloaded = flow->table_flow != NULL;
    }
    xdp_custody_unlock();
    return ref != NULL;
}

/* What xdp_custody_netdev_n_flows() counts. */
struct count_aux {
    const struct netdev *netdev;
    uint64_t *n_flows;
};

/* For custody_for_each(). */
static void
count_flow(struct custody_flow *flow, void *aux_)
{
    struct count_aux *aux = aux_;

    if (flow->table_flow && flow->port->netdev == aux->netdev) {
        aux->n_flows[netdev_offload_ufid_to_thread_id(flow->ufid)]++;
    }
}

/* Adds the number of megaflows in XDP that come from 'netdev' to 'n_flows', by
 * offload thread. */
void
xdp_custody_netdev_n_flows(struct netdev *netdev, uint64_t *n_flows)
{
    struct count_aux aux = { .netdev = netdev, .n_flows = n_flows };

    custody_for_each(count_flow, &aux);
}

/* Leaving. */

/* Takes the megaflows of the tunnel 'port' out of XDP that are in the table of
 * 'home'. */
static void
withdraw_flows_at(struct custody_port *port, const struct netdev *home)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_flow *flow;

    LIST_FOR_EACH_SAFE (flow, port_node, &port->flows) {
        if (!flow->table_flow) {
            break;
        }
        if (flow->home == home) {
            custody_withdraw(flow, XDP_REASON_NO_TABLE, NULL);
            xdp_custody_kick(XDP_RETRY_PORTS);
        }
    }
}

/* Returns the number of flows in all tables that lead to 'xdp'. */
static size_t
count_leading_to(const struct xdp_netdev *xdp)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;
    size_t n = 0;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            n += xdp_flow_table_n_leading_to(object->table, xdp->number);
        }
    }
    return n;
}

/* Takes out of XDP all megaflows that output to 'xdp', or pop the header of
 * the tunnel that it is, and, if 'ingress', those that come from it or are in
 * its table. */
void
xdp_custody_evict(const struct xdp_netdev *xdp, bool ingress)
{
    struct custody_flow *flow;
    struct custody_port *port;
    size_t n_left;

    if (ingress) {
        HMAP_FOR_EACH (port, node, &custody_ports) {
            if (xdp->tunnel ? port->tunnel == xdp
                : port->netdev == xdp->netdev) {
                withdraw_flows_of(port);
            } else if (port->tunnel && !xdp->tunnel) {
                withdraw_flows_at(port, xdp->netdev);
            }
        }
    }

    n_left = count_leading_to(xdp);
    HMAP_FOR_EACH (flow, node, &custody_flows) {
        const struct xdp_netdev *from;

        if (!n_left) {
            break;
        }
        if (!flow->table_flow
            || !xdp_flow_table_leads_to(flow->table, flow->table_flow,
                                        xdp->number)) {
            continue;
        }
        n_left--;
        from = custody_port_xdp(flow->port);
        if (ingress || !from || !xdp_port_takes_from(xdp, from)) {
            custody_withdraw(flow, ingress ? XDP_REASON_TARGET_TYPE
                                           : XDP_REASON_TARGET, xdp->name);
        }
    }
}

/* Takes all megaflows out of XDP, because the offload has been switched
 * off. */
void
xdp_custody_evict_all(void)
{
    withdraw_batches(NULL, XDP_REASON_OFF);
}

/* Trying again. */

/* Has the worker look at what there is to do. */
void
custody_wake(void)
{
    if (wakeup) {
        seq_change(wakeup);
    }
}

/* Has the worker free slots at once, if 'table' is short of them. */
void
custody_note_shortage(const struct xdp_flow_table *table)
{
    if (xdp_flow_table_is_short(table)) {
        seq_change(shortage);
    }
}

/* For the worker: wake it up when one of these has changed. */
uint64_t
xdp_custody_seq(void)
{
    return seq_read(wakeup);
}

void
xdp_custody_wait(uint64_t seq)
{
    seq_wait(wakeup, seq);
}

uint64_t
xdp_custody_shortage_seq(void)
{
    return seq_read(shortage);
}

void
xdp_custody_shortage_wait(uint64_t seq)
{
    seq_wait(shortage, seq);
}

/* Has megaflows that are refused for one of 'reasons' tried again soon. */
void
xdp_custody_kick(uint32_t reasons)
{
    wanted |= reasons;
    custody_wake();
}

/* To be called when a table may have room again: has the megaflows tried again
 * for which there was none. */
void
xdp_custody_room_freed(void)
{
    struct xdp_object *object;
    uint32_t reasons = 0;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        const struct xdp_flow_table_limits *limits;
        uint32_t n_flows, n_masks, n_groups;

        if (!object->has_table) {
            continue;
        }
        limits = xdp_flow_table_get_limits(object->table);
        xdp_flow_table_usage(object->table, &n_flows, &n_masks, &n_groups);
        if (n_flows < limits->n_flows) {
            reasons |= XDP_REASON_BIT(XDP_REASON_FLOWS_FULL);
        }
        if (n_masks < limits->n_masks) {
            reasons |= XDP_REASON_BIT(XDP_REASON_MASKS_FULL);
        }
        if (n_groups < XDP_MAX_GROUPS - 1) {
            reasons |= XDP_REASON_BIT(XDP_REASON_GROUPS_FULL);
        }
        reasons |= XDP_REASON_BIT(XDP_REASON_DIGEST);
    }
    for (enum xdp_reason i = 0; i < XDP_N_REASONS; i++) {
        if (reasons & XDP_REASON_BIT(i) && !ovs_list_is_empty(&refused[i])) {
            xdp_custody_kick(XDP_REASON_BIT(i));
        }
    }
}

/* Returns the reasons that may have passed since the last call. */
uint32_t
xdp_custody_take_wanted(void)
{
    uint32_t reasons;

    xdp_custody_lock();
    reasons = wanted;
    wanted = 0;
    xdp_custody_unlock();
    return reasons;
}

/* Tries the first megaflow of 'retrying'.  Returns false if that has shown
 * that the rest, which is refused for 'reason', too, need not be tried. */
static bool
retry_one(enum xdp_reason reason)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_flow *flow = CONTAINER_OF(ovs_list_front(&retrying),
                                             struct custody_flow,
                                             refused_node);

    if (!flow->n_refs || all_stopping(flow)) {
        ovs_list_remove(&flow->refused_node);
        ovs_list_push_back(&refused[reason], &flow->refused_node);
        return true;
    }
    xdp_coverage_retried();
    xdp_offer(flow);
    return flow->reason != reason || (reason != XDP_REASON_FLOWS_FULL
                                      && reason != XDP_REASON_SYSTEM);
}

/* Tries the megaflows again that are refused for one of 'reasons'. */
void
xdp_custody_retry(uint32_t reasons)
{
    for (enum xdp_reason reason = 0; reason < XDP_N_REASONS; reason++) {
        bool more = reasons & XDP_REASON_BIT(reason);

        if (more) {
            /* What is refused again goes back to its own list. */
            xdp_custody_lock();
            ovs_list_push_back_all(&retrying, &refused[reason]);
            xdp_custody_unlock();
        }
        while (more) {
            xdp_custody_lock();
            for (size_t i = 0; i < XDP_CUSTODY_BATCH && more; i++) {
                more = !ovs_list_is_empty(&retrying) && retry_one(reason);
            }
            if (!more) {
                /* Their turn comes before that of those that were tried. */
                ovs_list_push_back_all(&retrying, &refused[reason]);
                ovs_list_push_back_all(&refused[reason], &retrying);
            }
            xdp_custody_unlock();
        }
    }
}
