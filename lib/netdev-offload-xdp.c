/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow offload provider 'linux_xdp': gives the megaflows of the userspace
 * datapath to the flow tables of the XDP objects, and their statistics back.
 *
 * Custody
 * =======
 *
 * flow_put() accepts every megaflow of an AF_XDP port, whether it can be in
 * XDP now or not, keeps it until flow_del(), and reports through flow_get()
 * whether it is offloaded.  There are two reasons for not returning an error:
 *
 *   - dpif-netdev forgets about a megaflow whose put failed, and neither
 *     offers it again nor tells of its deletion.  But a reason often goes
 *     away: the target becomes able to take redirected packets, the table has
 *     room again, the port gets another object, the offload is switched on
 *     again.  Then refused megaflows are tried again, from here.
 *
 *   - The statistics of a megaflow that was in XDP and had to leave must not
 *     get lost with the put that made it leave.
 *
 * A put that is refused takes the old version of its megaflow out of XDP
 * before it returns.
 *
 * Threads
 * =======
 *
 * dpif-netdev's offload threads put and delete, revalidators get, the main
 * thread flushes and configures.  One thread of our own, "xdp_offload", tries
 * refused flows again, frees flow slots after a grace period, and follows what
 * happens to devices.  'xdp_mutex' protects all data; see lib/xdp-port.h for
 * what must not be called with it.
 */

#include <config.h>

#include "netdev-offload-xdp.h"

#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "coverage.h"
#include "dpif.h"
#include "hash.h"
#include "netdev-linux.h"
#include "netdev-native-tnl.h"
#include "netdev-offload-driver.h"
#include "netdev-offload-provider.h"
#include "netdev-provider.h"
#include "netdev-vport.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "seq.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"
#include "xdp-coverage.h"
#include "xdp-program.h"
#include "xdp-totals.h"
#include "xdp-translate.h"

VLOG_DEFINE_THIS_MODULE(netdev_offload_xdp);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How often refused flows are tried again at most, and how long flow slots
 * wait for a grace period at most, in ms. */
#define RETRY_INTERVAL 200

/* How often the masks of the ports are put into the order of their use, in
 * ms. */
#define SORT_INTERVAL 1000

/* How long a stopped flow waits for its deletion, in ms.  If it has not come
 * by then, other threads of the datapath still have the flow. */
#define STOP_TIME 1000

/* The megaflows of one ingress port. */
struct netdev_flows {
    struct hmap_node node;      /* In 'netdevs', by hash of 'netdev'. */
    const struct netdev *netdev; /* Not a reference. */
    struct ovs_list flows;      /* "struct offload_flow"s by 'netdev_node'. */
};

/* Those of all ports that have megaflows. */
static struct hmap netdevs OVS_GUARDED_BY(xdp_mutex)
    = HMAP_INITIALIZER(&netdevs);

/* A megaflow in our custody. */
struct offload_flow {
    struct hmap_node node;      /* In 'flows', by hash of 'ufid'. */
    ovs_u128 ufid;
    const struct netdev *netdev; /* Ingress port, not a reference. */
    odp_port_t orig_in_port;    /* Behind a tunnel, where the packet came in
                                 * that the flow was made for. */
    struct ovs_list netdev_node; /* In the list of its 'netdev'. */
    struct minimatch match;
    struct nlattr *actions;
    size_t actions_len;

    /* In XDP, if 'table_flow' is nonnull. */
    struct xdp_flow_table *table;
    struct xdp_table_flow *table_flow;
    const struct netdev *home;  /* Whose table that is: 'netdev', or behind a
                                 * tunnel that of 'orig_in_port'. */
    struct ovs_list stopped_node; /* In 'stopped_flows' if 'stopped_at'. */
    long long int stopped_at;   /* When it was stopped, or 0. */

    /* Otherwise. */
    struct ovs_list refused_node; /* In 'refused_flows'. */
    enum xdp_reason reason;
    char *detail;               /* See "struct xdp_translation". */

    bool judged;                /* Is 'reason' more than its initial value? */
    bool was_offloaded;         /* Was it ever in XDP? */

    struct xdp_flow_table_stats base; /* Of its earlier stays in XDP. */
    uint64_t n_packets_read;    /* Of all its life, when last looked at. */
    uint64_t n_packets_shared;  /* Already in some share of the statistics. */
    uint64_t n_bytes_shared;
};

static struct hmap flows OVS_GUARDED_BY(xdp_mutex) = HMAP_INITIALIZER(&flows);

/* Of all ports since start.  Each port has its own, too. */
static struct xdp_totals totals OVS_GUARDED_BY(xdp_mutex);

/* Flows in custody by their 'reason'. */
static size_t n_flows_by_reason[XDP_N_REASONS] OVS_GUARDED_BY(xdp_mutex);

/* Flows in XDP that let no packets in, because a thread of the datapath is
 * about to delete its own, the longest stopped first. */
static struct ovs_list stopped_flows OVS_GUARDED_BY(xdp_mutex)
    = OVS_LIST_INITIALIZER(&stopped_flows);

/* Flows that are not in XDP. */
static struct ovs_list refused_flows OVS_GUARDED_BY(xdp_mutex)
    = OVS_LIST_INITIALIZER(&refused_flows);

/* Set if refused flows may be worth another try. */
static bool retry_wanted OVS_GUARDED_BY(xdp_mutex);

/* Changed to wake up the "xdp_offload" thread: some time, or at once to free
 * slots. */
static struct seq *wakeup;
static struct seq *shortage;

/* Taken before 'xdp_mutex' by those who may want it again and again.  Without,
 * a thread that gives it back and takes it at once leaves others waiting for
 * seconds, those that it depends on among them. */
static struct ovs_mutex turn OVS_ACQ_BEFORE(xdp_mutex)
    = OVS_MUTEX_INITIALIZER;

/* Locks 'xdp_mutex' when it is our turn. */
static void
lock_in_turn(void)
    OVS_ACQUIRES(xdp_mutex)
{
    ovs_mutex_lock(&turn);
    ovs_mutex_lock(&xdp_mutex);
    ovs_mutex_unlock(&turn);
}

/* A datapath port that some action names, looked up without 'xdp_mutex'. */
struct resolved_port {
    struct hmap_node node;      /* By 'odp_port'. */
    odp_port_t odp_port;
    struct netdev *netdev;      /* A reference, or NULL. */
};

/* Returns true if 'netdev' is one that can have an XDP object. */
static bool
is_afxdp(const struct netdev *netdev)
{
    const struct netdev_class *class = netdev_get_class(netdev);

    return class == &netdev_afxdp_class || class == &netdev_afxdp_nonpmd_class;
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

/* Returns the megaflows of 'netdev', or NULL if it has none. */
static struct netdev_flows *
find_netdev_flows(const struct netdev *netdev)
    OVS_REQUIRES(xdp_mutex)
{
    struct netdev_flows *nf;

    HMAP_FOR_EACH_WITH_HASH (nf, node, hash_pointer(netdev, 0), &netdevs) {
        if (nf->netdev == netdev) {
            return nf;
        }
    }
    return NULL;
}

/* Returns the flow 'ufid' of 'netdev', or NULL. */
static struct offload_flow *
find_flow(const struct netdev *netdev, const ovs_u128 *ufid)
    OVS_REQUIRES(xdp_mutex)
{
    struct offload_flow *flow;

    HMAP_FOR_EACH_WITH_HASH (flow, node, hash_bytes(ufid, sizeof *ufid, 0),
                             &flows) {
        if (ovs_u128_equals(flow->ufid, *ufid) && flow->netdev == netdev) {
            return flow;
        }
    }
    return NULL;
}

/* Makes a flow of 'netdev', refused for no reason yet. */
static struct offload_flow *
create_flow(const struct netdev *netdev, const ovs_u128 *ufid,
            const struct match *match)
    OVS_REQUIRES(xdp_mutex)
{
    struct netdev_flows *nf = find_netdev_flows(netdev);
    struct offload_flow *flow = xzalloc(sizeof *flow);

    if (!nf) {
        nf = xzalloc(sizeof *nf);
        nf->netdev = netdev;
        ovs_list_init(&nf->flows);
        hmap_insert(&netdevs, &nf->node, hash_pointer(netdev, 0));
    }
    flow->ufid = *ufid;
    flow->netdev = netdev;
    minimatch_init(&flow->match, match);
    hmap_insert(&flows, &flow->node, hash_bytes(ufid, sizeof *ufid, 0));
    ovs_list_push_back(&nf->flows, &flow->netdev_node);
    ovs_list_push_back(&refused_flows, &flow->refused_node);
    return flow;
}

/* Stores the statistics of all of the life of 'flow' in '*stats'.  Counts the
 * packets that came since the last call if they were dropped by a drop action,
 * so this must be called before 'flow' gets other actions. */
static void
get_stats(struct offload_flow *flow, struct xdp_flow_table_stats *stats)
    OVS_REQUIRES(xdp_mutex)
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
    flow->n_packets_read = stats->n_packets;
    drop = n_packets ? nl_attr_find__(flow->actions, flow->actions_len,
                                      OVS_ACTION_ATTR_DROP) : NULL;
    if (drop) {
        xdp_coverage_dropped(nl_attr_get_u32(drop), n_packets);
        seq_change(wakeup);
    }
}

/* Converts 'stats' to what dpif.h has. */
static void
stats_to_dpif(const struct xdp_flow_table_stats *stats,
              struct dpif_flow_stats *dpif_stats)
{
    memset(dpif_stats, 0, sizeof *dpif_stats);
    dpif_stats->n_packets = stats->n_packets;
    dpif_stats->n_bytes = stats->n_bytes;
    dpif_stats->used = stats->used;
    dpif_stats->tcp_flags = stats->tcp_flags;
}

/* Adds 'change' to the megaflows that were never offloaded, for the reason
 * that 'flow' has, if it is one of them. */
static void
count_never(const struct offload_flow *flow, struct xdp_totals *t, int change)
{
    if (flow->judged && !flow->was_offloaded) {
        xdp_totals_never(t, flow->reason, flow->detail, change);
    }
}

/* Notes that 'flow' is refused for 'reason' and 'detail', or that it is
 * offloaded if 'reason' is XDP_REASON_NONE. */
static void
set_reason(struct offload_flow *flow, enum xdp_reason reason,
           const char *detail)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *port = xdp_port_lookup(flow->netdev);
    struct xdp_totals *both[] = { &totals, port ? &port->totals : NULL };
    bool first = !reason && !flow->was_offloaded;

    if (flow->judged && flow->reason == reason
        && !strcmp(flow->detail ? flow->detail : "", detail ? detail : "")) {
        return;
    }

    for (size_t i = 0; i < ARRAY_SIZE(both) && both[i]; i++) {
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
    seq_change(wakeup);

    n_flows_by_reason[flow->reason] -= flow->judged;
    n_flows_by_reason[reason]++;
    flow->reason = reason;
    free(flow->detail);
    flow->detail = detail && detail[0] ? xstrdup(detail) : NULL;
    flow->judged = true;
    flow->was_offloaded |= first;
    for (size_t i = 0; i < ARRAY_SIZE(both) && both[i]; i++) {
        count_never(flow, both[i], 1);
    }
}

/* Notes that 'flow' is not stopped any more. */
static void
unstop(struct offload_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    if (flow->stopped_at) {
        ovs_list_remove(&flow->stopped_node);
        flow->stopped_at = 0;
    }
}

/* Takes 'flow' out of XDP, if it is there. */
static void
leave_table(struct offload_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    if (flow->table_flow) {
        struct xdp_netdev *port = xdp_port_lookup(flow->netdev);
        struct xdp_flow_table_stats stats;

        unstop(flow);
        xdp_flow_table_remove(flow->table, flow->table_flow, &stats);
        if (xdp_flow_table_is_short(flow->table)) {
            seq_change(shortage);
        }
        flow->table_flow = NULL;
        flow->table = NULL;
        ovs_list_push_back(&refused_flows, &flow->refused_node);
        xdp_flow_table_stats_add(&flow->base, &stats);
        if (port) {
            xdp_flow_table_stats_add(&port->carried, &stats);
        }
        seq_change(wakeup);
    }
}

/* Takes 'flow' out of XDP, if it is there, and notes why. */
static void
withdraw(struct offload_flow *flow, enum xdp_reason reason,
         const char *detail)
    OVS_REQUIRES(xdp_mutex)
{
    leave_table(flow);
    set_reason(flow, reason, detail);
}

/* Takes 'flow' from the list of its netdev, which goes with its last flow. */
static void
forget_netdev_node(struct offload_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    struct netdev_flows *nf = find_netdev_flows(flow->netdev);

    ovs_list_remove(&flow->netdev_node);
    if (ovs_list_is_empty(&nf->flows)) {
        hmap_remove(&netdevs, &nf->node);
        free(nf);
    }
}

/* Forgets 'flow', with its statistics in '*stats'. */
static void
delete_flow(struct offload_flow *flow, struct xdp_flow_table_stats *stats)
    OVS_REQUIRES(xdp_mutex)
{
    leave_table(flow);
    get_stats(flow, stats);
    n_flows_by_reason[flow->reason]--;
    hmap_remove(&flows, &flow->node);
    ovs_list_remove(&flow->refused_node);
    forget_netdev_node(flow);
    minimatch_destroy(&flow->match);
    free(flow->detail);
    free(flow->actions);
    free(flow);
}

/* Offloading. */

/* Returns the port 'odp_port' of 'resolved', or NULL. */
static const struct resolved_port *
find_resolved(const struct hmap *resolved, odp_port_t odp_port)
{
    const struct resolved_port *r;

    HMAP_FOR_EACH_WITH_HASH (r, node, hash_int(odp_to_u32(odp_port), 0),
                             resolved) {
        if (r->odp_port == odp_port) {
            return r;
        }
    }
    return NULL;
}

/* What lookup_target() needs to know. */
struct lookup_aux {
    const struct hmap *resolved; /* "struct resolved_port"s. */
    const struct xdp_netdev *ingress;
};

/* Tells the user, once for each time that 'port' is no target, what to do. */
static void
warn_target(struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    if (!port->target_warned) {
        port->target_warned = true;
        VLOG_WARN("%s: packets cannot be redirected to this port, so flows "
                  "that output to it stay in userspace.  If it is a veth, "
                  "turn GRO on at its peer (ethtool -K PEER gro on) or load "
                  "xdp_noop.o there; otherwise its driver does not support "
                  "it.", netdev_get_name(port->netdev));
    }
}

/* Implements xdp_translate_port_func. */
static enum xdp_reason
lookup_target(odp_port_t odp_port, bool pop, struct xdp_translate_port *target,
              char *detail, size_t size, void *aux_)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    const struct lookup_aux *aux = aux_;
    const struct resolved_port *resolved = find_resolved(aux->resolved,
                                                         odp_port);
    struct xdp_netdev *port = NULL;

    snprintf(detail, size, "port %"PRIu32, odp_port);
    if (resolved && resolved->netdev) {
        ovs_strlcpy(detail, netdev_get_name(resolved->netdev), size);
        port = xdp_port_lookup(resolved->netdev);
    }

    *target = (struct xdp_translate_port) { .ifindex = 0 };
    if (pop && port && port->tunnel) {
        target->number = port->number;
        target->tunnel = port->tunnel;
        detail[0] = '\0';
        return XDP_REASON_NONE;
    }
    if (!port || !port->object) {
        return XDP_REASON_TARGET_TYPE;
    }
    if (!xdp_port_takes_from(port, aux->ingress)) {
        warn_target(port);
        return XDP_REASON_TARGET;
    }
    target->number = port->number;
    target->ifindex = port->ifindex;
    detail[0] = '\0';
    return XDP_REASON_NONE;
}

/* Converts 'error'. */
static enum xdp_reason
table_error_to_reason(enum xdp_table_error error)
{
    switch (error) {
    case XDP_TABLE_OK: return XDP_REASON_NONE;
    case XDP_TABLE_FLOWS_FULL: return XDP_REASON_FLOWS_FULL;
    case XDP_TABLE_MASKS_FULL: return XDP_REASON_MASKS_FULL;
    case XDP_TABLE_GROUPS_FULL: return XDP_REASON_GROUPS_FULL;
    case XDP_TABLE_DIGEST: return XDP_REASON_DIGEST;
    case XDP_TABLE_SYSTEM: return XDP_REASON_SYSTEM;
    default: OVS_NOT_REACHED();
    }
}

/* Returns true unless an upcall from 'port' found no room for metadata: then
 * packets must not have a second pass, because userspace could not go on with
 * it. */
static bool
takes_metadata(const struct xdp_netdev *port)
{
    struct xdp_port_stats stats;

    xdp_flow_table_get_port_stats(port->object->table, port->number, &stats);
    return !stats.no_metadata;
}

/* Returns the port in whose table 'flow' of 'port' has to be, or NULL. */
static struct xdp_netdev *
find_home(const struct offload_flow *flow, struct xdp_netdev *port,
          const struct hmap *resolved)
    OVS_REQUIRES(xdp_mutex)
{
    if (port && port->tunnel) {
        const struct resolved_port *r = find_resolved(resolved,
                                                      flow->orig_in_port);

        if (flow->table_flow) {
            return xdp_port_lookup(flow->home);
        }
        return r && r->netdev ? xdp_port_lookup(r->netdev) : NULL;
    }
    return port;
}

/* Returns true if 'flow' has an action of OVS_ACTION_ATTR_* 'type'. */
static bool
has_action(const struct offload_flow *flow, uint16_t type)
{
    return nl_attr_find__(flow->actions, flow->actions_len, type) != NULL;
}

/* Puts 'flow' into XDP, or its new actions if it is there, or takes it out and
 * notes why it cannot be there. */
static void
offload(struct offload_flow *flow, const struct hmap *resolved)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *port = xdp_port_lookup(flow->netdev);
    struct xdp_netdev *home = find_home(flow, port, resolved);
    struct lookup_aux aux = { .resolved = resolved, .ingress = port };
    struct xdp_translation tr;
    enum xdp_reason reason;

    tr.detail[0] = '\0';
    if (!home || !home->object || !home->object->has_table) {
        reason = XDP_REASON_NO_TABLE;
    } else {
        struct xdp_caps caps = home->object->caps;
        bool generic = xdp_port_may_be_generic(port);
        struct match match;

        if (generic) {
            /* Copies share their bytes there, and one that cannot be sent
             * costs those after it. */
            caps.max_outputs = 1;
        }
        minimatch_expand(&flow->match, &match);
        if (!port->tunnel
            && (match.flow.recirc_id
                || has_action(flow, OVS_ACTION_ATTR_RECIRC)
                || has_action(flow, OVS_ACTION_ATTR_TUNNEL_POP))
            && !takes_metadata(port)) {
            caps.ops &= ~(UINT64_C(1) << XDP_OP_RECIRC
                          | UINT64_C(1) << XDP_OP_TNL_POP);
            caps.fields.recirc_id = 0;
        }
        reason = xdp_translate_match(&match, port->number, &caps, &tr);
        if (!reason) {
            reason = xdp_translate_actions(flow->actions, flow->actions_len,
                                           &caps, lookup_target, &aux, &tr);
        }
        if (reason == XDP_REASON_OUTPUTS && generic) {
            ovs_strlcpy(tr.detail, "several outputs in generic mode",
                        sizeof tr.detail);
        }
    }

    if (!reason) {
        enum xdp_table_error error;

        if (flow->table_flow) {
            ovs_assert(flow->table == home->object->table);
            unstop(flow);
            error = xdp_flow_table_modify(flow->table, flow->table_flow,
                                          &tr.actions);
            seq_change(wakeup);
        } else {
            error = xdp_flow_table_insert(home->object->table, &tr.key,
                                          &tr.mask, &tr.actions,
                                          &flow->table_flow);
            if (!error) {
                flow->table = home->object->table;
                flow->home = home->netdev;
                ovs_list_remove(&flow->refused_node);
            }
        }
        if (xdp_flow_table_is_short(home->object->table)) {
            seq_change(shortage);
        }
        reason = table_error_to_reason(error);
    }

    if (reason) {
        withdraw(flow, reason, tr.detail);
    } else {
        set_reason(flow, XDP_REASON_NONE, NULL);
    }
}

/* Looking up ports. */

/* Adds 'odp_port' to 'resolved', unresolved. */
static void
collect_port(odp_port_t odp_port, struct hmap *resolved)
{
    if (!find_resolved(resolved, odp_port)) {
        struct resolved_port *r = xzalloc(sizeof *r);

        r->odp_port = odp_port;
        hmap_insert(resolved, &r->node, hash_int(odp_to_u32(odp_port), 0));
    }
}

/* Adds the datapath ports that 'actions' output to, or whose headers they pop,
 * to 'resolved', unresolved. */
static void
collect_ports(const struct nlattr *actions, size_t actions_len,
              struct hmap *resolved)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH (a, left, actions, actions_len) {
        switch (nl_attr_type(a)) {
        case OVS_ACTION_ATTR_OUTPUT:
        case OVS_ACTION_ATTR_TUNNEL_POP:
            collect_port(nl_attr_get_odp_port(a), resolved);
            break;
        case OVS_ACTION_ATTR_CLONE:
            collect_ports(nl_attr_get(a), nl_attr_get_size(a), resolved);
            break;
        }
    }
}

/* Resolves 'resolved' in the datapath of 'dpif_type'. */
static void
resolve_ports(struct hmap *resolved, const char *dpif_type)
    OVS_EXCLUDED(xdp_mutex)
{
    struct resolved_port *r;

    HMAP_FOR_EACH (r, node, resolved) {
        r->netdev = netdev_ports_get(r->odp_port, dpif_type);
    }
}

/* Destroys 'resolved'. */
static void
destroy_resolved(struct hmap *resolved)
    OVS_EXCLUDED(xdp_mutex)
{
    struct resolved_port *r;

    HMAP_FOR_EACH_POP (r, node, resolved) {
        netdev_close(r->netdev);
        free(r);
    }
    hmap_destroy(resolved);
}

/* The provider's functions. */

/* Has the flows that push UDP headers translated again, if the range of source
 * ports has changed since ("ovs-appctl tnl/egress_port_range"). */
static void
check_source_ports(void)
    OVS_REQUIRES(xdp_mutex)
{
    static uint16_t port_min = 0, port_max = 0;
    struct offload_flow *flow;

    if (port_min == tnl_udp_port_min && port_max == tnl_udp_port_max) {
        return;
    }
    port_min = tnl_udp_port_min;
    port_max = tnl_udp_port_max;
    HMAP_FOR_EACH (flow, node, &flows) {
        if (flow->table_flow
            && has_action(flow, OVS_ACTION_ATTR_TUNNEL_PUSH)) {
            withdraw(flow, XDP_REASON_ACTION, "tnl_push, to other ports");
            netdev_offload_xdp_kick();
        }
    }
}

/* Implements flow_put(). */
static int
netdev_offload_xdp_flow_put(struct netdev *netdev, struct match *match,
                            struct nlattr *actions, size_t actions_len,
                            const ovs_u128 *ufid, struct offload_info *info,
                            struct dpif_flow_stats *stats)
{
    struct hmap resolved = HMAP_INITIALIZER(&resolved);
    struct offload_flow *flow;
    struct xdp_netdev *port;
    int error = 0;

    collect_ports(actions, actions_len, &resolved);
    collect_port(info->orig_in_port, &resolved);
    resolve_ports(&resolved, netdev_get_dpif_type(netdev));

    lock_in_turn();
    xdp_port_check_vlan_limit();
    check_source_ports();
    port = xdp_port_lookup(netdev);
    if (!port || !port->offload_initialized) {
        error = EOPNOTSUPP;
        goto out;
    }

    flow = find_flow(netdev, ufid);
    if (!flow) {
        flow = create_flow(netdev, ufid, match);
    } else {
        struct xdp_flow_table_stats s;

        get_stats(flow, &s);
        free(flow->actions);
    }
    flow->actions = xmemdup(actions, actions_len);
    flow->actions_len = actions_len;
    flow->orig_in_port = info->orig_in_port;

    offload(flow, &resolved);
    if (flow->reason) {
        VLOG_DBG_RL(&rl, "%s: "UUID_FMT" not offloaded: %s%s%s",
                    netdev_get_name(netdev),
                    UUID_ARGS((struct uuid *) &flow->ufid),
                    xdp_reason_to_string(flow->reason),
                    flow->detail ? ": " : "",
                    flow->detail ? flow->detail : "");
    }
    if (stats) {
        struct xdp_flow_table_stats s;

        get_stats(flow, &s);
        stats_to_dpif(&s, stats);
    }
out:
    ovs_mutex_unlock(&xdp_mutex);
    destroy_resolved(&resolved);
    return error;
}

/* Lets no more packets into the megaflow 'ufid' in XDP: the caller, a thread
 * of the datapath, is about to read the last statistics of its flow, and to
 * delete it.  What XDP would carry until it learns of that would be counted by
 * nobody.  Packets take the way through userspace meanwhile. */
void
netdev_offload_xdp_stop_flow(const ovs_u128 *ufid)
{
    struct offload_flow *flow;

    lock_in_turn();
    HMAP_FOR_EACH_WITH_HASH (flow, node, hash_bytes(ufid, sizeof *ufid, 0),
                             &flows) {
        if (ovs_u128_equals(flow->ufid, *ufid) && flow->table_flow
            && !flow->stopped_at) {
            xdp_flow_table_set_running(flow->table, flow->table_flow, false);
            flow->stopped_at = time_msec();
            ovs_list_push_back(&stopped_flows, &flow->stopped_node);
            seq_change(wakeup);
        }
    }
    ovs_mutex_unlock(&xdp_mutex);
}

/* Implements flow_del(). */
static int
netdev_offload_xdp_flow_del(struct netdev *netdev, const ovs_u128 *ufid,
                            struct dpif_flow_stats *stats)
{
    struct offload_flow *flow;
    int error = 0;

    lock_in_turn();
    flow = find_flow(netdev, ufid);
    if (flow) {
        struct xdp_flow_table_stats s;

        delete_flow(flow, &s);
        if (stats) {
            stats_to_dpif(&s, stats);
        }
    } else {
        error = ENOENT;
    }
    ovs_mutex_unlock(&xdp_mutex);
    return error;
}

/* Fills '*match', '*actions', '*stats' and '*attrs' from 'flow', with 'buf'
 * for the actions. */
static void
flow_to_dpif(struct offload_flow *flow, struct match *match,
             struct nlattr **actions, struct dpif_flow_stats *stats,
             struct dpif_flow_attrs *attrs, struct ofpbuf *buf)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_flow_table_stats s;
    size_t ofs = buf->size;

    minimatch_expand(&flow->match, match);
    ofpbuf_put(buf, flow->actions, flow->actions_len);
    *actions = ofpbuf_at_assert(buf, ofs, 0);

    get_stats(flow, &s);
    stats_to_dpif(&s, stats);

    memset(attrs, 0, sizeof *attrs);
    attrs->offloaded = flow->table_flow != NULL;
    attrs->dp_layer = flow->table_flow ? "xdp" : "ovs";
}

/* Implements flow_get(). */
static int
netdev_offload_xdp_flow_get(struct netdev *netdev, struct match *match,
                            struct nlattr **actions, const ovs_u128 *ufid,
                            struct dpif_flow_stats *stats,
                            struct dpif_flow_attrs *attrs, struct ofpbuf *buf)
{
    struct offload_flow *flow;
    int error = 0;

    lock_in_turn();
    check_source_ports();
    flow = find_flow(netdev, ufid);
    if (flow) {
        flow_to_dpif(flow, match, actions, stats, attrs, buf);
    } else {
        error = ENOENT;
    }
    ovs_mutex_unlock(&xdp_mutex);
    return error;
}

/* Replaces the packets and bytes in '*stats', which flow_get() returned for
 * megaflow 'ufid' of 'netdev', by those that belong to 'share': what it had,
 * and what came since anybody asked last.  The shares of a megaflow add up to
 * its total, whichever of them come and go.  Does nothing to a megaflow that
 * is not ours. */
void
netdev_offload_xdp_share_stats(const struct netdev *netdev,
                               const ovs_u128 *ufid,
                               struct netdev_offload_xdp_share *share,
                               struct dpif_flow_stats *stats)
{
    struct offload_flow *flow;

    lock_in_turn();
    flow = find_flow(netdev, ufid);
    if (flow) {
        struct xdp_flow_table_stats total;

        get_stats(flow, &total);
        share->n_packets += total.n_packets - flow->n_packets_shared;
        share->n_bytes += total.n_bytes - flow->n_bytes_shared;
        flow->n_packets_shared = total.n_packets;
        flow->n_bytes_shared = total.n_bytes;
        stats->n_packets = share->n_packets;
        stats->n_bytes = share->n_bytes;
    }
    ovs_mutex_unlock(&xdp_mutex);
}

/* Implements flow_flush(). */
static int
netdev_offload_xdp_flow_flush(struct netdev *netdev)
{
    struct xdp_flow_table_stats stats;
    struct netdev_flows *nf;

    lock_in_turn();
    while ((nf = find_netdev_flows(netdev)) != NULL) {
        delete_flow(CONTAINER_OF(ovs_list_front(&nf->flows),
                                 struct offload_flow, netdev_node), &stats);
    }
    ovs_mutex_unlock(&xdp_mutex);
    return 0;
}

/* Implements flow_get_n_flows(). */
static int
netdev_offload_xdp_flow_get_n_flows(struct netdev *netdev, uint64_t *n_flows)
{
    const struct netdev_flows *nf;
    const struct offload_flow *flow;

    lock_in_turn();
    nf = find_netdev_flows(netdev);
    if (nf) {
        LIST_FOR_EACH (flow, netdev_node, &nf->flows) {
            if (flow->table_flow) {
                n_flows[netdev_offload_ufid_to_thread_id(flow->ufid)]++;
            }
        }
    }
    ovs_mutex_unlock(&xdp_mutex);
    return 0;
}

/* A dump works on the list of the flows that there were at its start. */
struct offload_dump {
    struct netdev_flow_dump up;
    ovs_u128 *ufids;
    size_t n;
    size_t next;
};

/* Implements flow_dump_create(). */
static int
netdev_offload_xdp_flow_dump_create(struct netdev *netdev,
                                    struct netdev_flow_dump **dumpp,
                                    bool terse)
{
    struct offload_dump *dump = xzalloc(sizeof *dump);
    const struct netdev_flows *nf;
    const struct offload_flow *flow;
    size_t allocated = 0;

    dump->up.netdev = netdev_ref(netdev);
    dump->up.terse = terse;
    lock_in_turn();
    nf = find_netdev_flows(netdev);
    if (nf) {
        LIST_FOR_EACH (flow, netdev_node, &nf->flows) {
            if (!flow->table_flow) {
                continue;
            }
            if (dump->n >= allocated) {
                dump->ufids = x2nrealloc(dump->ufids, &allocated,
                                         sizeof *dump->ufids);
            }
            dump->ufids[dump->n++] = flow->ufid;
        }
    }
    ovs_mutex_unlock(&xdp_mutex);
    *dumpp = &dump->up;
    return 0;
}

/* Implements flow_dump_next(). */
static bool
netdev_offload_xdp_flow_dump_next(struct netdev_flow_dump *dump_,
                                  struct match *match,
                                  struct nlattr **actions,
                                  struct dpif_flow_stats *stats,
                                  struct dpif_flow_attrs *attrs,
                                  ovs_u128 *ufid,
                                  struct ofpbuf *rbuffer OVS_UNUSED,
                                  struct ofpbuf *wbuffer)
{
    struct offload_dump *dump = CONTAINER_OF(dump_, struct offload_dump, up);
    bool found = false;

    lock_in_turn();
    while (!found && dump->next < dump->n) {
        struct offload_flow *flow;

        *ufid = dump->ufids[dump->next++];
        flow = find_flow(dump->up.netdev, ufid);
        if (flow && flow->table_flow) {
            flow_to_dpif(flow, match, actions, stats, attrs, wbuffer);
            found = true;
        }
    }
    ovs_mutex_unlock(&xdp_mutex);
    return found;
}

/* Implements flow_dump_destroy(). */
static int
netdev_offload_xdp_flow_dump_destroy(struct netdev_flow_dump *dump_)
{
    struct offload_dump *dump = CONTAINER_OF(dump_, struct offload_dump, up);

    netdev_close(dump->up.netdev);
    free(dump->ufids);
    free(dump);
    return 0;
}

/* Called from xdp-port.c and by the thread. */

/* Returns the number of flows in all tables that lead to 'port'. */
static size_t
count_leading_to(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;
    size_t n = 0;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            n += xdp_flow_table_n_leading_to(object->table, port->number);
        }
    }
    return n;
}

/* Takes out of XDP the flows of 'netdev', or those of them that are in the
 * table of 'home', if that is nonnull. */
static void
withdraw_flows_of(const struct netdev *netdev, const struct netdev *home)
    OVS_REQUIRES(xdp_mutex)
{
    struct netdev_flows *nf = find_netdev_flows(netdev);
    struct offload_flow *flow;

    if (nf) {
        LIST_FOR_EACH (flow, netdev_node, &nf->flows) {
            if (flow->table_flow && (!home || flow->home == home)) {
                withdraw(flow, XDP_REASON_NO_TABLE, NULL);
            }
        }
    }
}

/* Takes out of XDP all flows that output to 'port', or pop the header of the
 * tunnel that it is, and, if 'ingress', those that come from it or are in its
 * table. */
void
netdev_offload_xdp_evict(const struct xdp_netdev *port, bool ingress)
{
    struct offload_flow *flow;
    size_t n_left;

    if (ingress) {
        const struct xdp_netdev *tunnel;

        withdraw_flows_of(port->netdev, NULL);
        HMAP_FOR_EACH (tunnel, node, xdp_port_all()) {
            if (tunnel->tunnel) {
                withdraw_flows_of(tunnel->netdev, port->netdev);
            }
        }
    }

    n_left = count_leading_to(port);
    HMAP_FOR_EACH (flow, node, &flows) {
        const struct xdp_netdev *from;

        if (!n_left) {
            break;
        }
        if (!flow->table_flow
            || !xdp_flow_table_leads_to(flow->table, flow->table_flow,
                                        port->number)) {
            continue;
        }
        n_left--;
        from = xdp_port_lookup(flow->netdev);
        if (ingress || !xdp_port_takes_from(port, from)) {
            withdraw(flow, ingress ? XDP_REASON_TARGET_TYPE
                                   : XDP_REASON_TARGET,
                     netdev_get_name(port->netdev));
        }
    }
}

/* Has refused flows tried again soon. */
void
netdev_offload_xdp_kick(void)
{
    retry_wanted = true;
    if (wakeup) {
        seq_change(wakeup);
    }
}

/* Returns true if what 'reason' stands for can pass without a new put. */
static bool
is_temporary(enum xdp_reason reason)
{
    switch (reason) {
    case XDP_REASON_NO_TABLE:
    case XDP_REASON_TARGET_TYPE:
    case XDP_REASON_TARGET:
    case XDP_REASON_FLOWS_FULL:
    case XDP_REASON_MASKS_FULL:
    case XDP_REASON_GROUPS_FULL:
    case XDP_REASON_DIGEST:
    case XDP_REASON_METER:
    case XDP_REASON_SYSTEM:
        return true;

    /* Another object may be able to. */
    case XDP_REASON_FIELD:
    case XDP_REASON_ACTION:
    case XDP_REASON_OUTPUTS:
    case XDP_REASON_N_OPS:
    case XDP_REASON_RECIRC:
        return true;

    case XDP_REASON_NONE:
    case XDP_REASON_ORDER:
    case XDP_N_REASONS:
    default:
        return false;
    }
}

/* Tries the refused flows again. */
static void
retry_flows(void)
    OVS_EXCLUDED(xdp_mutex)
{
    struct hmap resolved = HMAP_INITIALIZER(&resolved);
    const char *dpif_type = NULL;
    struct offload_flow *flow;
    bool is_full = false;

    lock_in_turn();
    retry_wanted = false;
    LIST_FOR_EACH (flow, refused_node, &refused_flows) {
        if (is_temporary(flow->reason)) {
            collect_ports(flow->actions, flow->actions_len, &resolved);
            collect_port(flow->orig_in_port, &resolved);
            dpif_type = netdev_get_dpif_type(flow->netdev);
        }
    }
    ovs_mutex_unlock(&xdp_mutex);

    if (!dpif_type) {
        hmap_destroy(&resolved);
        return;
    }
    resolve_ports(&resolved, dpif_type);

    lock_in_turn();
    LIST_FOR_EACH_SAFE (flow, refused_node, &refused_flows) {
        if (is_temporary(flow->reason)
            && !(is_full && flow->reason == XDP_REASON_FLOWS_FULL)) {
            offload(flow, &resolved);
            is_full |= flow->reason == XDP_REASON_FLOWS_FULL;
        }
    }
    ovs_mutex_unlock(&xdp_mutex);
    destroy_resolved(&resolved);
}

/* Starts the flows again that have waited too long for their deletion.
 * Returns when to call this again. */
static long long int
start_flows(void)
    OVS_EXCLUDED(xdp_mutex)
{
    long long int next = LLONG_MAX;
    struct offload_flow *flow;

    lock_in_turn();
    LIST_FOR_EACH_SAFE (flow, stopped_node, &stopped_flows) {
        if (time_msec() < flow->stopped_at + STOP_TIME) {
            next = flow->stopped_at + STOP_TIME;
            break;
        }
        unstop(flow);
        xdp_flow_table_set_running(flow->table, flow->table_flow, true);
    }
    ovs_mutex_unlock(&xdp_mutex);
    return next;
}

/* Returns the 'index'th object, or NULL if there are not so many. */
static struct xdp_object *
nth_object(size_t index)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_object *object;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (!index--) {
            return object;
        }
    }
    return NULL;
}

/* Frees the slots of all tables that were withdrawn before the call, when no
 * program can know them any more.  Waits for that without 'xdp_mutex', which
 * statistics and puts need meanwhile. */
static void
reclaim(void)
    OVS_EXCLUDED(xdp_mutex)
{
    lock_in_turn();
    for (size_t i = 0; ; i++) {
        struct xdp_object *object = nth_object(i);
        uint64_t epoch;
        bool waited;

        if (!object) {
            break;
        }
        if (!object->has_table
            || !xdp_flow_table_begin_reclaim(object->table, &epoch)) {
            continue;
        }

        xdp_object_ref(object);
        ovs_mutex_unlock(&xdp_mutex);
        waited = !xdp_flow_table_wait(object->table);
        lock_in_turn();
        if (waited) {
            xdp_flow_table_reclaim(object->table, epoch);
            retry_wanted |= (n_flows_by_reason[XDP_REASON_FLOWS_FULL]
                             || n_flows_by_reason[XDP_REASON_MASKS_FULL]
                             || n_flows_by_reason[XDP_REASON_GROUPS_FULL]
                             || n_flows_by_reason[XDP_REASON_DIGEST]);
        }
        xdp_object_put(object);
    }
    ovs_mutex_unlock(&xdp_mutex);
}

/* Has the masks of all ports tried in the order of their use. */
static void
sort_masks(void)
    OVS_EXCLUDED(xdp_mutex)
{
    struct xdp_object *object;

    lock_in_turn();
    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        if (object->has_table) {
            xdp_flow_table_sort_masks(object->table);
        }
    }
    ovs_mutex_unlock(&xdp_mutex);
}

/* Implements xdp_features_func. */
static void
handle_event(enum xdp_features_event event, int ifindex, void *aux OVS_UNUSED)
{
    xdp_port_handle_event(event, ifindex);
}

/* The "xdp_offload" thread. */
static void *
offload_main(void *monitor_)
{
    struct xdp_features_monitor *monitor = monitor_;
    long long int published = LLONG_MIN;
    long long int next_sort = LLONG_MIN;
    long long int next = LLONG_MIN;
    uint64_t last_shortage = seq_read(shortage);

    for (;;) {
        uint64_t seqno = seq_read(wakeup);
        uint64_t shortage_seqno = seq_read(shortage);
        bool pending;

        xdp_features_monitor_run(monitor, handle_event, NULL);

        if (time_msec() >= next) {
            bool retry;

            if (time_msec() >= next_sort) {
                sort_masks();
                next_sort = time_msec() + SORT_INTERVAL;
            }
            reclaim();
            lock_in_turn();
            retry = retry_wanted;
            ovs_mutex_unlock(&xdp_mutex);
            if (retry) {
                retry_flows();
            }
            if (xdp_coverage_publish()) {
                published = time_msec();
            }
            next = time_msec() + RETRY_INTERVAL;
            pending = false;
        } else {
            if (shortage_seqno != last_shortage) {
                reclaim();
            }
            pending = true;
        }
        last_shortage = shortage_seqno;

        seq_wait(shortage, shortage_seqno);
        poll_timer_wait_until(start_flows());
        xdp_features_monitor_wait(monitor);
        if (pending) {
            poll_timer_wait_until(next);
        } else {
            seq_wait(wakeup, seqno);
            poll_timer_wait_until(next_sort);
        }
        if (time_msec() < published + 2 * COVERAGE_CLEAR_INTERVAL) {
            /* Then at the latest poll_block() collects what was published. */
            poll_timer_wait_until(published + 2 * COVERAGE_CLEAR_INTERVAL);
        }
        poll_block();
    }
    return NULL;
}

/* Masks and groups of outputs need a file descriptor each, which vswitchd must
 * not lack for other things.  Permits as many as it may have: the soft limit
 * is often 1024. */
static void
raise_fd_limit(void)
{
    const rlim_t wanted = 16 * (XDP_PORT_MAX_MASKS + XDP_MAX_GROUPS);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = MIN(limit.rlim_max, wanted);
    if (setrlimit(RLIMIT_NOFILE, &limit)) {
        VLOG_WARN("raising the limit of open files failed (%s); many masks "
                  "and sets of outputs may need more of them",
                  ovs_strerror(errno));
    }
}

/* Implements init_flow_api(). */
static int
netdev_offload_xdp_init_flow_api(struct netdev *netdev)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    enum xdp_tunnel_type tunnel = get_tunnel_type(netdev);
    struct xdp_netdev *port;
    int error = 0;

    if (!is_afxdp(netdev) && !tunnel) {
        return EOPNOTSUPP;
    }

    if (ovsthread_once_start(&once)) {
        raise_fd_limit();
        ovs_thread_create("xdp_offload", offload_main,
                          xdp_features_monitor_create());
        ovsthread_once_done(&once);
    }

    lock_in_turn();
    port = (!tunnel || xdp_port_add_tunnel(netdev, tunnel)
            ? xdp_port_lookup(netdev) : NULL);
    if (port) {
        port->offload_initialized = true;
    } else {
        error = EOPNOTSUPP;
    }
    ovs_mutex_unlock(&xdp_mutex);
    return error;
}

/* Implements uninit_flow_api(). */
static void
netdev_offload_xdp_uninit_flow_api(struct netdev *netdev)
{
    struct xdp_netdev *port;

    lock_in_turn();
    port = xdp_port_lookup(netdev);
    if (port) {
        port->offload_initialized = false;
    }
    ovs_mutex_unlock(&xdp_mutex);

    netdev_offload_xdp_flow_flush(netdev);

    ovs_mutex_lock(&xdp_mutex);
    xdp_port_remove_tunnel(netdev);
    ovs_mutex_unlock(&xdp_mutex);
}

const struct netdev_flow_api netdev_offload_xdp = {
    .type = NETDEV_OFFLOAD_DRIVER_XDP,
    .flow_flush = netdev_offload_xdp_flow_flush,
    .flow_dump_create = netdev_offload_xdp_flow_dump_create,
    .flow_dump_destroy = netdev_offload_xdp_flow_dump_destroy,
    .flow_dump_next = netdev_offload_xdp_flow_dump_next,
    .flow_put = netdev_offload_xdp_flow_put,
    .flow_get = netdev_offload_xdp_flow_get,
    .flow_del = netdev_offload_xdp_flow_del,
    .flow_get_n_flows = netdev_offload_xdp_flow_get_n_flows,
    .init_flow_api = netdev_offload_xdp_init_flow_api,
    .uninit_flow_api = netdev_offload_xdp_uninit_flow_api,
};

/* Commands. */

/* What each counter of 'debug_stats' means to the user. */
static const char *counter_names[XDP_COUNTER_MAX] = {
    [XDP_COUNTER_PACKETS] = "packets seen",
    [XDP_COUNTER_UPCALLS] = "handed to userspace",
    [XDP_COUNTER_OUTPUT] = "redirected",
    [XDP_COUNTER_HINT_HITS] = "hint cache hits",
    [XDP_COUNTER_SUBTABLE_HITS] = "subtable hits",
    [XDP_COUNTER_MISSES] = "misses",
    [XDP_COUNTER_PUSH_VLAN] = "VLAN tags pushed",
    [XDP_COUNTER_POP_VLAN] = "VLAN tags popped",
    [XDP_COUNTER_FLOW_DROPS] = "dropped by a flow",
    [XDP_COUNTER_DROP_NO_PORT] = "dropped, output port gone",
    [XDP_COUNTER_DROP_HEADROOM] = "dropped, no headroom",
    [XDP_COUNTER_DROP_BAD_OP] = "dropped, unknown op",
    [XDP_COUNTER_NO_SOCKET] = "passed, queue without socket",
    [XDP_COUNTER_UNKNOWN_PORT] = "passed, unknown port",
    [XDP_COUNTER_EXPLICIT_DROPS] = "dropped by a drop action",
    [XDP_COUNTER_SET_FIELD] = "set actions",
    [XDP_COUNTER_PUSH_MPLS] = "MPLS labels pushed",
    [XDP_COUNTER_POP_MPLS] = "MPLS labels popped",
    [XDP_COUNTER_TRUNC] = "truncated",
    [XDP_COUNTER_COPIES] = "copies sent",
    [XDP_COUNTER_METER_DROPS] = "dropped by a meter",
    [XDP_COUNTER_DROP_EGRESS] = "copies dropped",
    [XDP_COUNTER_DROP_TOO_SHORT] = "dropped, too short for an action",
    [XDP_COUNTER_NO_METADATA] = "handed to userspace, no metadata",
    [XDP_COUNTER_RECIRC] = "recirculations",
    [XDP_COUNTER_RESUMED] = "handed to userspace in a later pass",
    [XDP_COUNTER_DROP_PASSES] = "dropped, too many passes",
    [XDP_COUNTER_DROP_RECIRC] = "dropped, recirculation failed",
    [XDP_COUNTER_TNL_PUSH] = "tunnel headers pushed",
    [XDP_COUNTER_TNL_POP] = "tunnel headers popped",
    [XDP_COUNTER_TNL_ODD] = "handed to userspace, odd tunnel header",
    [XDP_COUNTER_DROP_MTU] = "dropped, too large with a tunnel header",
    [XDP_COUNTER_UNPARSED] = "handed to userspace, too odd to parse",
};

/* Appends the state of 'object' to 's'. */
static void
show_object(const struct xdp_object *object, struct ds *s)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_flow_table_limits *limits;
    uint64_t counters[XDP_COUNTER_MAX];
    const struct xdp_netdev *port;
    uint32_t n_flows, n_masks, n_groups;
    size_t n_ports = 0;

    HMAP_FOR_EACH (port, node, xdp_port_all()) {
        n_ports += port->object == object;
    }
    ds_put_format(s, "object %s:\n", object->path);
    ds_put_format(s, "  program id: %"PRIu32"\n",
                  xdp_object_program_id(object));
    if (!object->has_table) {
        ds_put_cstr(s, "  flow table: none\n");
        return;
    }

    xdp_object_format_caps(object, s);
    limits = xdp_flow_table_get_limits(object->table);
    xdp_flow_table_usage(object->table, &n_flows, &n_masks, &n_groups);
    xdp_flow_table_get_counters(object->table, counters);
    ds_put_format(s, "  ports: %"PRIuSIZE" of %"PRIu32"\n", n_ports,
                  limits->n_ports);
    ds_put_format(s, "  flows: %"PRIu32" of %"PRIu32"\n", n_flows,
                  limits->n_flows);
    ds_put_format(s, "  masks: %"PRIu32" of %"PRIu32"\n", n_masks,
                  limits->n_masks);
    ds_put_format(s, "  hints of a CPU: %"PRIu32"\n", limits->n_hints);
    ds_put_format(s, "  groups of outputs: %"PRIu32" of %d\n", n_groups,
                  XDP_MAX_GROUPS - 1);
    for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
        ds_put_format(s, "  %s: %"PRIu64"\n", counter_names[i], counters[i]);
    }
}

/* Appends to 's' how many megaflows a port has, and how many are in XDP. */
static void
show_flows(size_t n_flows, size_t n_offloaded, struct ds *s)
{
    ds_put_format(s, "  megaflows: %"PRIuSIZE", offloaded: %"PRIuSIZE"\n",
                  n_flows, n_offloaded);
}

/* Appends to 's' what the flows of a port have carried. */
static void
show_carried(const struct xdp_flow_table_stats *carried, struct ds *s)
{
    ds_put_format(s, "  carried by XDP: packets %"PRIu64", bytes %"PRIu64"\n",
                  carried->n_packets, carried->n_bytes);
}

/* Appends the state of 'port' to 's'. */
static void
show_port(const struct xdp_netdev *port, struct ds *s)
    OVS_REQUIRES(xdp_mutex)
{
    bool generic = port->xdp_flags & XDP_FLAGS_SKB_MODE;
    const struct netdev_flows *nf = find_netdev_flows(port->netdev);
    const struct offload_flow *flow;
    struct xdp_flow_table_stats carried = port->carried;
    struct xdp_port_stats port_stats;
    size_t n_flows = 0, n_offloaded = 0;

    if (nf) {
        LIST_FOR_EACH (flow, netdev_node, &nf->flows) {
            n_flows++;
            if (flow->table_flow) {
                struct xdp_flow_table_stats stats;

                n_offloaded++;
                xdp_flow_table_get_stats(flow->table, flow->table_flow,
                                         &stats);
                xdp_flow_table_stats_add(&carried, &stats);
            }
        }
    }

    ds_put_format(s, "port %s:\n", netdev_get_name(port->netdev));
    if (port->tunnel) {
        ds_put_format(s, "  tunnel: %s\n", netdev_get_type(port->netdev));
        show_flows(n_flows, n_offloaded, s);
        show_carried(&carried, s);
        return;
    }
    if (port->problem) {
        ds_put_format(s, "  problem: %s\n", port->problem);
    }
    if (!port->object) {
        ds_put_cstr(s, "  object: none\n");
        return;
    }
    ds_put_format(s, "  object: %s\n", port->object->path);
    ds_put_format(s, "  flow table: %s\n",
                  port->object->has_table ? "in use" : "none");
    ds_put_format(s, "  mode: %s\n", generic ? "generic" : "native");
    ds_put_format(s, "  queues: %d\n", port->netdev->n_rxq);
    ds_put_format(s, "  takes redirected packets: %s\n",
                  port->can_be_target ? "yes" : "no");
    if (!port->object->has_table) {
        return;
    }
    ds_put_format(s, "  outputs of a flow: up to %"PRIu32"\n",
                  generic ? 1 : port->object->caps.max_outputs);
    ds_put_format(s, "  recirculation: %s\n",
                  !(port->object->caps.ops & UINT64_C(1) << XDP_OP_RECIRC)
                  ? "not in the object"
                  : !takes_metadata(port) ? "no, the driver has no metadata"
                  : "yes");
    show_flows(n_flows, n_offloaded, s);
    ds_put_format(s, "  masks: %"PRIu32" of %d\n",
                  xdp_flow_table_port_n_masks(port->object->table,
                                              port->number),
                  XDP_PORT_MAX_MASKS);
    xdp_flow_table_get_port_stats(port->object->table, port->number,
                                  &port_stats);
    show_carried(&carried, s);
    ds_put_format(s, "  handed to userspace: packets %llu\n",
                  port_stats.upcalls);
    ds_put_format(s, "  passed to the kernel: packets %llu\n",
                  port_stats.no_socket);
}

/* Returns all ports sorted by name, in an array of hmap_count() elements that
 * the caller frees. */
static const struct xdp_netdev **
sorted_ports(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct hmap *all = xdp_port_all();
    const struct xdp_netdev **array = xmalloc((hmap_count(all) + 1)
                                              * sizeof *array);
    const struct xdp_netdev *port;
    size_t n = 0;

    HMAP_FOR_EACH (port, node, all) {
        size_t i = n++;

        while (i && strcmp(netdev_get_name(array[i - 1]->netdev),
                           netdev_get_name(port->netdev)) > 0) {
            array[i] = array[i - 1];
            i--;
        }
        array[i] = port;
    }
    return array;
}

/* Returns the port of the name 'name', or NULL. */
static const struct xdp_netdev *
find_port(const char *name)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *port;

    HMAP_FOR_EACH (port, node, xdp_port_all()) {
        if (!strcmp(netdev_get_name(port->netdev), name)) {
            return port;
        }
    }
    return NULL;
}

/* Replies to 'conn' that there is no port 'name'. */
static void
reply_no_port(struct unixctl_conn *conn, const char *name)
{
    char *message = xasprintf("%s: no such AF_XDP port (xdp/show without "
                              "argument lists them)", name);

    unixctl_command_reply_error(conn, message);
    free(message);
}

/* Implements "ovs-appctl xdp/show [PORT]". */
static void
unixctl_show(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    struct ds s = DS_EMPTY_INITIALIZER;
    bool enabled = xdp_port_is_enabled();
    const struct xdp_netdev **array;
    const struct xdp_netdev *port;
    struct xdp_object *object;

    lock_in_turn();
    port = name ? find_port(name) : NULL;
    if (name && !port) {
        ovs_mutex_unlock(&xdp_mutex);
        reply_no_port(conn, name);
        return;
    }

    if (port) {
        if (port->object) {
            show_object(port->object, &s);
        }
        show_port(port, &s);
    } else {
        ds_put_format(&s, "offload: %s\n", enabled ? "on" : "off");
        ds_put_format(&s, "flows offered: %"PRIu64"\n", totals.n_offered);
        ds_put_format(&s, "flows offloaded: %"PRIu64"\n",
                      totals.n_offloaded);
        LIST_FOR_EACH (object, list_node, xdp_object_list()) {
            show_object(object, &s);
        }
        array = sorted_ports();
        for (size_t i = 0; i < hmap_count(xdp_port_all()); i++) {
            show_port(array[i], &s);
        }
        free(array);
    }
    ovs_mutex_unlock(&xdp_mutex);

    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

/* Implements "ovs-appctl xdp/refused [PORT]". */
static void
unixctl_refused(struct unixctl_conn *conn, int argc, const char *argv[],
                void *aux OVS_UNUSED)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct offload_flow *flow;
    const struct xdp_netdev *port;

    lock_in_turn();
    port = name ? find_port(name) : NULL;
    if (name && !port) {
        ovs_mutex_unlock(&xdp_mutex);
        reply_no_port(conn, name);
        return;
    }

    LIST_FOR_EACH (flow, refused_node, &refused_flows) {
        struct match match;

        if (port && flow->netdev != port->netdev) {
            continue;
        }
        minimatch_expand(&flow->match, &match);
        ds_put_format(&s, "%s: ", netdev_get_name(flow->netdev));
        match_format(&match, NULL, &s, OFP_DEFAULT_PRIORITY);
        ds_put_cstr(&s, ", actions:");
        format_odp_actions(&s, flow->actions, flow->actions_len, NULL);
        ds_put_format(&s, ", not offloaded: %s%s%s\n",
                      xdp_reason_to_string(flow->reason),
                      flow->detail ? ": " : "",
                      flow->detail ? flow->detail : "");
    }
    xdp_totals_format(port ? &port->totals : &totals, &s);
    ovs_mutex_unlock(&xdp_mutex);

    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

/* Makes the provider and its commands known to OVS. */
void
netdev_offload_xdp_register(void)
{
    wakeup = seq_create();
    shortage = seq_create();
    ovs_mutex_lock(&xdp_mutex);
    xdp_totals_init(&totals);
    ovs_mutex_unlock(&xdp_mutex);
    netdev_register_flow_api_provider(&netdev_offload_xdp);
    unixctl_command_register("xdp/show", "[port]", 0, 1, unixctl_show, NULL);
    unixctl_command_register("xdp/refused", "[port]", 0, 1, unixctl_refused,
                             NULL);
}
