/* SPDX-License-Identifier: Apache-2.0 */
/* Megaflows in the custody of the offload.  See xdp-custody.h. */

#include <config.h>

#include "xdp-custody.h"

#include <stdlib.h>
#include <string.h>

#include "dpif.h"
#include "hash.h"
#include "netdev-native-tnl.h"
#include "netdev-offload.h"
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

struct hmap custody_flows = HMAP_INITIALIZER(&custody_flows);
struct xdp_totals custody_totals;

/* Megaflows that are not in XDP, by their reason, the longest there first. */
static struct ovs_list refused[XDP_N_REASONS] OVS_GUARDED_BY(xdp_mutex);

/* Those of them that xdp_custody_retry() is about to try. */
static struct ovs_list retrying OVS_GUARDED_BY(xdp_mutex)
    = OVS_LIST_INITIALIZER(&retrying);

/* Reasons that may have passed since the worker looked last. */
static uint32_t wanted OVS_GUARDED_BY(xdp_mutex);

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

/* Returns the hold of the PMD thread 'pmd_id' on the megaflow 'ufid' from
 * 'in_port', which it stores in '*flowp', or NULL. */
static struct custody_ref *
find_held(odp_port_t in_port, unsigned int pmd_id, const ovs_u128 *ufid,
          struct custody_flow **flowp)
    OVS_REQUIRES(xdp_mutex)
{
    *flowp = find_flow(in_port, ufid);
    return *flowp ? find_ref(*flowp, pmd_id) : NULL;
}

/* Returns the hold of the PMD thread 'pmd_id' on 'flow', a new one if it has
 * none.  It stays where it is until the next call. */
static struct custody_ref *
add_ref(struct custody_flow *flow, unsigned int pmd_id)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_ref *ref = find_ref(flow, pmd_id);

    if (!ref) {
        if (flow->n_refs >= flow->allocated_refs) {
            flow->refs = x2nrealloc(flow->refs, &flow->allocated_refs,
                                    sizeof *flow->refs);
        }
        ref = &flow->refs[flow->n_refs++];
        *ref = (struct custody_ref) { .pmd_id = pmd_id };
    }
    return ref;
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

/* Gives 'flow' the 'actions' that the PMD thread of 'ref' has put last.  Those
 * of the other threads keep in mind what they had, until they put the same.
 * Returns false if they are what 'flow' had. */
static bool
set_actions(struct custody_flow *flow, struct custody_ref *ref,
            const struct nlattr *actions, size_t actions_len)
    OVS_REQUIRES(xdp_mutex)
{
    bool differ = (flow->actions_len != actions_len
                   || !flow->actions
                   || memcmp(flow->actions, actions, actions_len));

    free(ref->actions);
    ref->actions = NULL;
    if (!differ) {
        return false;
    }
    for (size_t i = 0; i < flow->n_refs; i++) {
        struct custody_ref *other = &flow->refs[i];

        if (other != ref && !other->actions && flow->actions) {
            other->actions = xmemdup(flow->actions, flow->actions_len);
            other->actions_len = flow->actions_len;
        }
    }
    free(flow->actions);
    flow->actions = xmemdup(actions, actions_len);
    flow->actions_len = actions_len;
    return true;
}

/* Gives 'flow' actions that some PMD thread has, if none that is left has
 * those of 'flow': the one that put them last has deleted its flow, and the
 * others see no reason to put theirs again. */
static void
adopt_actions(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_ref *ref = &flow->refs[0];
    struct xdp_flow_table_stats stats;
    struct nlattr *actions;

    for (size_t i = 0; i < flow->n_refs; i++) {
        if (!flow->refs[i].actions) {
            return;
        }
    }
    custody_get_stats(flow, &stats);
    actions = ref->actions;
    ref->actions = NULL;
    set_actions(flow, ref, actions, ref->actions_len);
    free(actions);
    if (all_stopping(flow)) {
        flow->stale = true;
    } else {
        flow->stopped = flow->stale = false;
        xdp_offer(flow);
    }
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
 * has the ingress port.  Returns false if that port is not ours to serve, or
 * not any more: then somebody else may have the megaflow, too. */
bool
xdp_custody_put(odp_port_t in_port, unsigned int pmd_id, const ovs_u128 *ufid,
                const struct match *match, const struct nlattr *actions,
                size_t actions_len, odp_port_t orig_in_port)
{
    struct custody_port *port;
    struct custody_flow *flow;
    bool ours;

    xdp_custody_lock();
    xdp_custody_check_vlan_limit();
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

    if (set_actions(flow, add_ref(flow, pmd_id), actions, actions_len)
        || !flow->table_flow) {
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
    ref = find_held(in_port, pmd_id, ufid, &flow);
    if (ref) {
        free(ref->actions);
        *ref = flow->refs[--flow->n_refs];
        if (flow->n_refs) {
            adopt_actions(flow);
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
    ref = find_held(in_port, pmd_id, ufid, &flow);
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
    ref = find_held(in_port, pmd_id, ufid, &flow);
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

/* Returns the number of flow tables. */
static size_t
count_tables(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_object *object;
    size_t n = 0;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        n += object->has_table;
    }
    return n;
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
    return flow->reason != reason || count_tables() > 1
           || (reason != XDP_REASON_FLOWS_FULL
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
