/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Megaflows in the custody of the offload: what those who hold them put,
 * delete and ask, and trying them again.  See xdp-custody.h.
 */

#include <config.h>

#include "xdp-custody.h"

#include <stdlib.h>
#include <string.h>

#include "dpif.h"
#include "netdev-native-tnl.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"
#include "xdp-coverage.h"
#include "xdp-custody-private.h"
#include "xdp-program.h"
#include "xdp-spare.h"

VLOG_DEFINE_THIS_MODULE(xdp_custody);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How often something is tried again while a flow table is busy, and how many
 * nanoseconds pass between two tries.  A grace period, for which the flow
 * table waits at most, takes 10 to 20 ms, and more on a busy machine. */
#define MAX_BUSY 200
#define BUSY_INTERVAL (500 * 1000)

/* Refused megaflows that xdp_custody_retry() is about to try. */
static struct ovs_list retrying OVS_GUARDED_BY(xdp_mutex)
    = OVS_LIST_INITIALIZER(&retrying);

/* References. */

/* Returns the hold of 'holder' on 'flow', or NULL. */
static struct custody_ref *
find_ref(const struct custody_flow *flow, uintptr_t holder)
{
    for (size_t i = 0; i < flow->n_refs; i++) {
        struct custody_ref *ref = custody_ref_at(flow, i);

        if (ref->holder == holder) {
            return ref;
        }
    }
    return NULL;
}

/* Returns the hold of 'holder' on the megaflow 'ufid' from 'in_port', which it
 * stores in '*flowp', or NULL. */
static struct custody_ref *
find_held(odp_port_t in_port, uintptr_t holder, const ovs_u128 *ufid,
          struct custody_flow **flowp)
    OVS_REQUIRES(xdp_mutex)
{
    *flowp = custody_find(in_port, ufid);
    return *flowp ? find_ref(*flowp, holder) : NULL;
}

/* Returns what 'ref', a hold on 'flow', has to do with others, or NULL if
 * there never were any. */
static struct custody_shared_ref *
get_shared(const struct custody_flow *flow, struct custody_ref *ref)
{
    return (flow->is_shared
            ? CONTAINER_OF(ref, struct custody_shared_ref, ref) : NULL);
}

/* Makes room for more holds on 'flow', which has one.  The statistics up to
 * now, which have just been read, are the share of that one. */
static void
begin_sharing(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_sharing *sharing = xdp_spare_zalloc(sizeof *sharing);

    sharing->allocated = 2;
    sharing->refs = xdp_spare_zalloc(sharing->allocated
                                     * sizeof *sharing->refs);
    sharing->refs[0].ref = flow->one;
    sharing->refs[0].n_packets = sharing->n_packets = flow->n_packets_read;
    sharing->refs[0].n_bytes = sharing->n_bytes = flow->n_bytes_read;
    flow->sharing = sharing;
    flow->is_shared = true;
}

/* Makes room for twice as many holds in 'sharing'. */
static void
grow_sharing(struct custody_sharing *sharing)
    OVS_REQUIRES(xdp_mutex)
{
    size_t size = sharing->allocated * sizeof *sharing->refs;
    void *refs = xdp_spare_zalloc(2 * size);

    memcpy(refs, sharing->refs, size);
    xdp_spare_free(sharing->refs, size);
    sharing->refs = refs;
    sharing->allocated *= 2;
}

/* Returns the hold of 'holder' on 'flow', whose statistics have just been
 * read, a new hold if it has none.  It stays where it is until the next
 * call. */
static struct custody_ref *
add_ref(struct custody_flow *flow, uintptr_t holder)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_ref *ref = find_ref(flow, holder);

    if (!ref) {
        if (!flow->is_shared && flow->n_refs) {
            begin_sharing(flow);
        }
        if (flow->is_shared) {
            struct custody_sharing *sharing = flow->sharing;

            if (flow->n_refs >= sharing->allocated) {
                grow_sharing(sharing);
            }
            memset(&sharing->refs[flow->n_refs], 0, sizeof *sharing->refs);
        }
        ref = custody_ref_at(flow, flow->n_refs++);
        *ref = (struct custody_ref) { .holder = holder };
    }
    return ref;
}

/* Gives 'flow' the 'actions' that the holder of 'ref' has put last.  The other
 * holders keep in mind what they had, until they put the same.  Returns false
 * if they are what 'flow' had. */
static bool
set_actions(struct custody_flow *flow, struct custody_ref *ref,
            const struct nlattr *actions, size_t actions_len)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_shared_ref *shared = get_shared(flow, ref);
    bool differ = (!flow->actions
                   || !xdp_blob_equals(flow->actions, actions, actions_len));

    if (shared) {
        xdp_blob_unref(shared->actions);
        shared->actions = NULL;
    }
    if (!differ) {
        return false;
    }
    for (size_t i = 0; shared && i < flow->n_refs; i++) {
        struct custody_shared_ref *other = &flow->sharing->refs[i];

        if (other != shared && !other->actions) {
            other->actions = xdp_blob_ref(flow->actions);
        }
    }
    xdp_blob_unref(flow->actions);
    flow->actions = xdp_blob_get(XDP_BLOB_ACTIONS, actions, actions_len);
    return true;
}

/* Gives 'flow', which had several holders, actions that some holder has, if
 * none that is left has those of 'flow': the one that put them last has gone,
 * and the others see no reason to put theirs again. */
static void
adopt_actions(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_shared_ref *refs = flow->sharing->refs;
    struct xdp_flow_table_stats stats;
    struct xdp_blob *actions;

    for (size_t i = 0; i < flow->n_refs; i++) {
        if (!refs[i].actions) {
            return;
        }
    }
    custody_get_stats(flow, &stats);
    actions = refs[0].actions;
    refs[0].actions = NULL;
    set_actions(flow, &refs[0].ref, (const struct nlattr *) actions->data,
                actions->size);
    xdp_blob_unref(actions);
    if (custody_all_stopping(flow)) {
        flow->stale = true;
    } else {
        flow->stopped = flow->stale = false;
        xdp_offer(flow, false);
    }
}

/* Lets packets into 'flow' or not, by what its holders are about to do. */
static void
update_stopped(struct custody_flow *flow)
    OVS_REQUIRES(xdp_mutex)
{
    bool stopped = custody_all_stopping(flow);

    if (flow->table_flow && flow->stopped != stopped) {
        flow->stopped = stopped;
        if (stopped || !flow->stale) {
            xdp_flow_table_set_running(flow->table, flow->table_flow,
                                       !stopped);
        } else {
            flow->stale = false;
            xdp_offer(flow, false);
        }
    }
}

/* The range of UDP source ports ("ovs-appctl tnl/egress_port_range") that all
 * flows have that push UDP headers, or will have soon. */
static uint16_t source_port_min OVS_GUARDED_BY(xdp_mutex);
static uint16_t source_port_max OVS_GUARDED_BY(xdp_mutex);

/* Returns true if that is the range of today. */
static bool
has_source_ports(void)
    OVS_REQUIRES(xdp_mutex)
{
    return (source_port_min == tnl_udp_port_min
            && source_port_max == tnl_udp_port_max);
}

/* Has the worker look if the range has changed. */
static void
check_source_ports(void)
    OVS_REQUIRES(xdp_mutex)
{
    if (!has_source_ports()) {
        custody_wake();
    }
}

/* For custody_for_each(): takes 'flow' out of XDP if it pushes UDP headers. */
static unsigned int
withdraw_pushing(struct custody_flow *flow, void *aux OVS_UNUSED)
    OVS_REQUIRES(xdp_mutex)
{
    if (!flow->table_flow
        || !custody_find_action(flow, OVS_ACTION_ATTR_TUNNEL_PUSH)) {
        return CUSTODY_LOOK;
    }
    custody_withdraw(flow, XDP_REASON_ACTION, "tnl_push, to other ports");
    xdp_custody_kick(XDP_REASON_BIT(XDP_REASON_ACTION));
    return CUSTODY_WORK;
}

/* Has the flows that push UDP headers translated again, if the range of source
 * ports has changed since. */
void
xdp_custody_apply_source_ports(void)
{
    bool changed;

    xdp_lock();
    changed = !has_source_ports();
    source_port_min = tnl_udp_port_min;
    source_port_max = tnl_udp_port_max;
    xdp_unlock();
    if (changed) {
        custody_for_each(withdraw_pushing, NULL);
    }
}

/* As xdp_custody_put(), which says it in '*oursp', but if 'may_wait' and the
 * flow table is busy, returns false, to be called again in a moment: then the
 * megaflow is in custody already. */
static bool
put(odp_port_t in_port, uintptr_t holder, const ovs_u128 *ufid,
    const struct match *match, const struct nlattr *actions,
    size_t actions_len, odp_port_t orig_in_port, bool may_wait, bool *oursp)
{
    struct custody_port *port;
    struct custody_flow *flow;
    bool done = true;
    bool ours;

    xdp_lock();
    check_source_ports();

    port = custody_port_find(in_port);
    ours = port && port->netdev && port->enabled;
    flow = custody_find(in_port, ufid);
    if (!flow && ours) {
        flow = custody_create(port, ufid, match);
    } else if (!flow || (!ours && !find_ref(flow, holder))) {
        goto out;
    } else if (!custody_has_match(flow, match)) {
        VLOG_WARN_RL(&rl, "%s: two megaflows have the ufid "UUID_FMT"; only "
                     "the first one is offloaded", port->name,
                     UUID_ARGS((struct uuid *) ufid));
        ours = false;
        goto out;
    } else {
        struct xdp_flow_table_stats stats;

        custody_get_stats(flow, &stats);
    }

    if (set_actions(flow, add_ref(flow, holder), actions, actions_len)
        || !flow->table_flow) {
        flow->orig_in_port = orig_in_port;
        if (custody_all_stopping(flow)) {
            flow->stale = true;
        } else {
            flow->stopped = flow->stale = false;
            done = xdp_offer(flow, may_wait);
        }
    } else {
        update_stopped(flow);
    }
    if (flow->reason) {
        VLOG_DBG_RL(&rl, "%s: "UUID_FMT" not offloaded: %s%s%s",
                    flow->port->name,
                    UUID_ARGS((struct uuid *) &flow->ufid),
                    xdp_reason_to_string(flow->reason),
                    custody_detail(flow)[0] ? ": " : "",
                    custody_detail(flow));
    }
out:
    xdp_unlock();
    *oursp = ours;
    return done;
}

/* Puts the megaflow 'ufid' from 'in_port' of 'holder' into custody, or its new
 * actions.  'match' is that of the holder's own flow, and has the ingress
 * port.  Returns false if that port is not ours to serve, or not any more:
 * then somebody else may have the megaflow, too.
 *
 * Waits for a busy flow table, but not with the lock, and not for long: what
 * is refused then is tried again. */
bool
xdp_custody_put(odp_port_t in_port, uintptr_t holder, const ovs_u128 *ufid,
                const struct match *match, const struct nlattr *actions,
                size_t actions_len, odp_port_t orig_in_port)
{
    unsigned int n = 0;
    bool ours;

    while (!put(in_port, holder, ufid, match, actions, actions_len,
                orig_in_port, n < MAX_BUSY, &ours)) {
        xnanosleep_no_quiesce(BUSY_INTERVAL);
        n++;
    }
    /* The port may have left meanwhile, but the holder has its hold, and has
     * to give it back. */
    return ours || n > 0;
}

/* Takes 'ref' from 'flow'. */
static void
remove_ref(struct custody_flow *flow, struct custody_ref *ref)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_shared_ref *shared = get_shared(flow, ref);

    flow->n_refs--;
    if (shared) {
        xdp_blob_unref(shared->actions);
        *shared = flow->sharing->refs[flow->n_refs];
    }
}

/* Takes from 'holder' its hold on the megaflow 'ufid' from 'in_port'.  The
 * last one takes the megaflow with it.  Returns false if there was none. */
bool
xdp_custody_delete(odp_port_t in_port, uintptr_t holder,
                   const ovs_u128 *ufid)
{
    struct custody_flow *flow;
    struct custody_ref *ref;

    xdp_lock();
    ref = find_held(in_port, holder, ufid, &flow);
    if (ref) {
        remove_ref(flow, ref);
        if (flow->n_refs) {
            adopt_actions(flow);
            update_stopped(flow);
        } else {
            custody_delete(flow);
        }
    }
    xdp_unlock();
    return ref != NULL;
}

/* Makes the packets and bytes of '*total', which are those of all of the life
 * of 'flow', those of the holder of 'ref'.  A holder that has stopped gets no
 * more as long as there is one that has not: nobody may ask again what it
 * had. */
static void
take_share(struct custody_flow *flow, struct custody_ref *ref,
           struct xdp_flow_table_stats *total)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_shared_ref *shared = get_shared(flow, ref);

    if (!shared) {
        return;
    }
    if (!ref->stopping || custody_all_stopping(flow)) {
        shared->n_packets += total->n_packets - flow->sharing->n_packets;
        shared->n_bytes += total->n_bytes - flow->sharing->n_bytes;
        flow->sharing->n_packets = total->n_packets;
        flow->sharing->n_bytes = total->n_bytes;
    }
    total->n_packets = shared->n_packets;
    total->n_bytes = shared->n_bytes;
}

/* Notes that somebody is about to read the last statistics of 'holder' for the
 * megaflow 'ufid' from 'in_port', and to delete it; or, if not 'is_asked', has
 * read them already, so that other holders get what nobody has had yet.  If
 * nobody else has the megaflow, no more packets are let into it in XDP: what
 * XDP would carry until the deletion would be counted by nobody.  Packets take
 * the way through userspace meanwhile. */
void
xdp_custody_stop(odp_port_t in_port, uintptr_t holder,
                 const ovs_u128 *ufid, bool is_asked)
{
    struct custody_flow *flow;
    struct custody_ref *ref;

    xdp_lock();
    ref = find_held(in_port, holder, ufid, &flow);
    if (ref) {
        if (flow->is_shared && is_asked) {
            struct xdp_flow_table_stats share;

            custody_get_stats(flow, &share);
            take_share(flow, ref, &share);
        }
        ref->stopping = true;
        update_stopped(flow);
    }
    xdp_unlock();
}

/* Stores in '*stats' what 'holder', which has had 'n_packets' in userspace,
 * has to report of the megaflow 'ufid' from 'in_port' beside these: the
 * packets and bytes of its share, which are those that it had and what came
 * since any holder was asked for last, so that all shares add up to the total,
 * whichever of them come and go.  '*offloaded' tells whether the megaflow is
 * in XDP.  Returns false if 'holder' has no hold on it. */
bool
xdp_custody_get(odp_port_t in_port, uintptr_t holder, const ovs_u128 *ufid,
                uint64_t n_packets, struct dpif_flow_stats *stats,
                bool *offloaded)
{
    struct custody_flow *flow;
    struct custody_ref *ref;

    xdp_lock();
    check_source_ports();
    ref = find_held(in_port, holder, ufid, &flow);
    if (ref) {
        struct xdp_flow_table_stats share;

        custody_get_stats(flow, &share);
        take_share(flow, ref, &share);

        memset(stats, 0, sizeof *stats);
        stats->n_packets = share.n_packets;
        stats->n_bytes = share.n_bytes;
        stats->used = share.used;
        stats->tcp_flags = share.tcp_flags;
        *offloaded = flow->table_flow != NULL;
        custody_hear(flow, ref, n_packets);
    }
    xdp_unlock();
    return ref != NULL;
}

/* What xdp_custody_netdev_n_flows() counts. */
struct count_aux {
    const struct netdev *netdev;
    unsigned int (*get_index)(const ovs_u128 *ufid);
    uint64_t *n_flows;
};

/* For custody_for_each(). */
static unsigned int
count_flow(struct custody_flow *flow, void *aux_)
{
    struct count_aux *aux = aux_;

    if (flow->table_flow && flow->port->netdev == aux->netdev) {
        aux->n_flows[aux->get_index(&flow->ufid)]++;
    }
    return CUSTODY_LOOK;
}

/* Adds the number of megaflows in XDP that come from 'netdev' to the elements
 * of 'n_flows' that 'get_index' says. */
void
xdp_custody_netdev_n_flows(const struct netdev *netdev,
                           unsigned int (*get_index)(const ovs_u128 *ufid),
                           uint64_t *n_flows)
{
    struct count_aux aux = {
        .netdev = netdev,
        .get_index = get_index,
        .n_flows = n_flows,
    };

    custody_for_each(count_flow, &aux);
}

/* Trying again. */

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
        if (reasons & XDP_REASON_BIT(i)
            && !ovs_list_is_empty(&custody_refused[i])) {
            xdp_custody_kick(XDP_REASON_BIT(i));
        }
    }
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
 * that the rest, which is refused for 'reason', too, need not be tried.  If
 * its table is busy, it goes to the end of 'retrying', and '*n_busy' is
 * counted down. */
static bool
retry_one(enum xdp_reason reason, unsigned int *n_busy)
    OVS_REQUIRES(xdp_mutex)
{
    struct custody_flow *flow = CONTAINER_OF(ovs_list_front(&retrying),
                                             struct custody_flow,
                                             refused_node);
    bool full = false;

    if (reason == XDP_REASON_FLOWS_FULL) {
        /* It may be another table that has room. */
        const struct xdp_flow_table *table = xdp_offer_table(flow);

        full = table && xdp_flow_table_is_full(table);
    }
    if (!flow->n_refs || custody_all_stopping(flow) || full) {
        ovs_list_remove(&flow->refused_node);
        ovs_list_push_back(&custody_refused[reason], &flow->refused_node);
        return !full || count_tables() > 1;
    }
    if (!xdp_offer(flow, true)) {
        ovs_list_remove(&flow->refused_node);
        ovs_list_push_back(&retrying, &flow->refused_node);
        --*n_busy;
        return true;
    }
    xdp_coverage_retried();
    return flow->reason != reason || count_tables() > 1
           || (reason != XDP_REASON_FLOWS_FULL
               && reason != XDP_REASON_SYSTEM);
}

/* Returns how many masks and groups have been made in all tables. */
static uint64_t
count_made(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_object *object;
    uint64_t n = 0;

    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        n += object->has_table ? xdp_flow_table_n_made(object->table) : 0;
    }
    return n;
}

/* Tries the first megaflows of 'retrying', as retry_one() does, as many as one
 * hold of the lock takes, or until the table is busy. */
static bool
retry_some(enum xdp_reason reason, unsigned int *n_busy)
    OVS_REQUIRES(xdp_mutex)
{
    unsigned int n_before = *n_busy;
    uint64_t n_made = count_made();
    bool more = true;

    for (uint64_t cost = 0;
         cost < XDP_CUSTODY_BATCH && more && *n_busy == n_before
         && (!cost || !xdp_lock_is_due()); cost++) {
        more = !ovs_list_is_empty(&retrying) && retry_one(reason, n_busy);
        cost += CUSTODY_MADE_COST * (count_made() - n_made);
        n_made = count_made();
    }
    return more;
}

/* Tries megaflows again that are refused for one of 'reasons'.  Returns true
 * if there are some left, to be tried again as soon as the caller has freed
 * slots: a table is short of them, or a megaflow has waited for a busy table
 * for long, maybe for what only the caller does.  Then their reasons are among
 * those of xdp_custody_take_wanted(). */
bool
xdp_custody_retry(uint32_t reasons)
{
    uint64_t shortage = xdp_custody_shortage_seq();
    long long int start = time_msec();
    unsigned int n_busy = MAX_BUSY;
    bool stop = false;

    for (enum xdp_reason reason = 0; reason < XDP_N_REASONS && !stop;
         reason++) {
        bool more = reasons & XDP_REASON_BIT(reason);

        if (more) {
            /* What is refused again goes back to its own list. */
            xdp_lock();
            ovs_list_push_back_all(&retrying, &custody_refused[reason]);
            xdp_unlock();
        }
        while (more && !stop) {
            unsigned int n_before = n_busy;

            xdp_lock();
            more = retry_some(reason, &n_busy);
            stop = more && (!n_busy
                            || (xdp_custody_shortage_seq() != shortage
                                && time_msec() >= start + CUSTODY_MIN_TURN));
            if (!more || stop) {
                /* Their turn comes before that of those that were tried. */
                ovs_list_push_back_all(&retrying, &custody_refused[reason]);
                ovs_list_push_back_all(&custody_refused[reason], &retrying);
            }
            if (stop) {
                xdp_custody_kick(reasons >> reason << reason);
            }
            xdp_unlock();
            ovsrcu_quiesce();
            if (n_busy == n_before) {
                n_busy = MAX_BUSY;
            } else if (!stop) {
                xnanosleep_no_quiesce(BUSY_INTERVAL);
            }
        }
    }
    return stop;
}
