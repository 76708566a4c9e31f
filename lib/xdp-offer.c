/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trying to put a megaflow in custody into XDP: which table it belongs to,
 * which ports its actions name, and what the outcome means.
 *
 * Thread safety: 'xdp_mutex' protects everything.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "netdev.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/match.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-custody-private.h"
#include "xdp-companion.h"
#include "xdp-program.h"

VLOG_DEFINE_THIS_MODULE(xdp_offer);

/* Tells the user, once for each time that 'xdp' is no target, what to do. */
static void
warn_target(struct xdp_netdev *xdp)
    OVS_REQUIRES(xdp_mutex)
{
    char *help;

    if (xdp->target_warned) {
        return;
    }
    xdp->target_warned = true;
    help = xdp_netdev_unfinished_help(xdp);
    if (help) {
        VLOG_WARN("%s: %s", xdp->name, help);
        free(help);
    } else if (xdp->companion) {
        VLOG_WARN("%s: packets cannot be redirected to this port, so flows "
                  "that output to it stay in userspace.  Turn GRO of its "
                  "companion on again (ethtool -K %s gro on).", xdp->name,
                  xdp->companion->port_end);
    } else {
        VLOG_WARN("%s: packets cannot be redirected to this port, so flows "
                  "that output to it stay in userspace.  If it is a veth, "
                  "turn GRO on at its peer (ethtool -K PEER gro on) or load "
                  "xdp_noop.o there; otherwise its driver does not support "
                  "it.", xdp->name);
    }
}

/* Implements xdp_translate_port_func. */
static enum xdp_reason
lookup_target(odp_port_t odp_port, bool pop, struct xdp_translate_port *target,
              char *detail, size_t size, void *ingress)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    const struct custody_port *port = custody_port_find(odp_port);
    struct xdp_netdev *xdp = NULL;

    *target = (struct xdp_translate_port) { .ifindex = 0 };
    snprintf(detail, size, "port %"PRIu32, odp_port);
    if (port && port->netdev) {
        ovs_strlcpy(detail, port->name, size);
        if (pop && port->tunnel) {
            target->number = port->tunnel->number;
            target->tunnel = port->tunnel->tunnel;
            detail[0] = '\0';
            return XDP_REASON_NONE;
        }
        xdp = xdp_netdev_lookup(port->netdev);
    }
    if (!xdp || !xdp->object || xdp->leaving) {
        return XDP_REASON_TARGET_TYPE;
    }
    if (!xdp_netdev_takes_from(xdp, ingress)) {
        warn_target(xdp);
        return XDP_REASON_TARGET;
    }
    target->number = xdp->number;
    target->ifindex = xdp_netdev_target_device(xdp);
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

/* Returns true unless an upcall from 'xdp' found no room for metadata: then
 * packets must not have a second pass, because userspace could not go on with
 * it. */
bool
xdp_offer_takes_metadata(const struct xdp_netdev *xdp)
{
    struct xdp_port_stats stats;

    xdp_flow_table_get_port_stats(xdp->object->table, xdp->number, &stats);
    return !stats.no_metadata;
}

/* Returns true if 'xdp', which may be NULL, has a flow table, and not just for
 * a moment. */
static bool
has_table(const struct xdp_netdev *xdp)
{
    return (xdp && xdp->object && xdp->object->has_table
            && !xdp->leaving);
}

/* Returns the port in whose table 'flow', from 'xdp', has to be, or NULL.
 * That is 'xdp' itself, or if it is a tunnel, the port where the first packet
 * came in, or if that has no table to use, another one: the tables of all
 * objects know the tunnel. */
static struct xdp_netdev *
find_home(const struct custody_flow *flow, struct xdp_netdev *xdp)
    OVS_REQUIRES(xdp_mutex)
{
    const struct custody_port *port;
    struct xdp_netdev *home;

    if (!xdp || !xdp->tunnel) {
        return xdp;
    }
    if (flow->table_flow) {
        return flow->home;
    }
    port = custody_port_find(flow->orig_in_port);
    home = port && !port->tunnel ? custody_port_xdp(port) : NULL;
    if (has_table(home) && !home->obstacle) {
        return home;
    }
    HMAP_FOR_EACH (port, node, &custody_ports) {
        home = port->tunnel ? NULL : custody_port_xdp(port);
        if (has_table(home) && !home->obstacle) {
            return home;
        }
    }
    return NULL;
}

/* Returns true if 'flow' has an action of OVS_ACTION_ATTR_* 'type'. */
static bool
has_action(const struct custody_flow *flow, uint16_t type)
{
    return custody_find_action(flow, type) != NULL;
}

/* Where packets meet a flow. */
enum hooks {
    HOOK_XDP = 1 << 0,
    HOOK_TC = 1 << 1
};

/* Returns where packets meet a flow from 'xdp' in the table of 'home'.  If
 * 'xdp' is a tunnel, that is where its header can be popped: at XDP, at tc,
 * both or none. */
static enum hooks
get_hooks(const struct xdp_netdev *xdp, const struct xdp_netdev *home)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_object *object = home->object;
    enum hooks hooks = 0;

    if (!xdp->tunnel) {
        return xdp_netdev_is_tc(home) ? HOOK_TC : HOOK_XDP;
    }
    if (xdp_netdev_shares(object, false)) {
        hooks |= HOOK_XDP;
    }
    if (xdp_netdev_shares(object, true)
        && object->caps.tc_ops & UINT64_C(1) << XDP_OP_TNL_POP) {
        hooks |= HOOK_TC;
    }
    return hooks;
}

/* Translates the actions of 'flow', from 'xdp', for an object with 'caps', as
 * translate() does. */
static enum xdp_reason
translate_actions(const struct custody_flow *flow, const struct xdp_caps *caps,
                  struct xdp_netdev *xdp, struct xdp_translation *tr)
    OVS_REQUIRES(xdp_mutex)
{
    return xdp_translate_actions((const struct nlattr *) flow->actions->data,
                                 flow->actions->size, caps, lookup_target,
                                 xdp, tr);
}

/* Appends to 'tr->detail' that 'flow' is refused for 'reason' at tc only, if
 * so: an object with 'caps' can do it at XDP. */
static void
note_tc(const struct custody_flow *flow, struct xdp_netdev *xdp,
        const struct xdp_caps *caps, enum xdp_reason reason,
        struct xdp_translation *tr)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_translation at_xdp = *tr;

    if ((reason == XDP_REASON_ACTION || reason == XDP_REASON_OUTPUTS)
        && translate_actions(flow, caps, xdp, &at_xdp) != reason) {
        size_t len = strlen(tr->detail);

        snprintf(tr->detail + len, sizeof tr->detail - len, " at tc");
    }
}

/* Translates 'flow', from 'xdp' and with the table of 'home', into '*tr'.
 * Returns the reason why that cannot be, or XDP_REASON_NONE. */
static enum xdp_reason
translate(const struct custody_flow *flow, struct xdp_netdev *xdp,
          const struct xdp_netdev *home, struct xdp_translation *tr)
    OVS_REQUIRES(xdp_mutex)
{
    bool generic = xdp_netdev_may_be_generic(xdp);
    struct xdp_caps caps = home->object->caps;
    enum xdp_reason reason;
    enum hooks hooks = get_hooks(xdp, home);
    struct match match;

    if (!hooks) {
        ovs_strlcpy(tr->detail, "tnl_pop at tc", sizeof tr->detail);
        return XDP_REASON_ACTION;
    } else if (hooks == HOOK_TC) {
        xdp_contract_take_tc_caps(&caps);
    } else if (hooks & HOOK_TC) {
        xdp_contract_take_common_caps(&caps);
    }
    if (generic) {
        /* Copies share their bytes there, and one that cannot be sent costs
         * those after it. */
        caps.max_outputs = 1;
    }
    custody_get_match(flow, &match);
    if (!xdp->tunnel
        && (match.flow.recirc_id
            || has_action(flow, OVS_ACTION_ATTR_RECIRC)
            || has_action(flow, OVS_ACTION_ATTR_TUNNEL_POP))
        && !xdp_offer_takes_metadata(xdp)) {
        caps.ops &= ~(UINT64_C(1) << XDP_OP_RECIRC
                      | UINT64_C(1) << XDP_OP_TNL_POP);
        caps.fields.recirc_id = 0;
    }
    reason = xdp_translate_match(&match, xdp->number, &caps, tr);
    if (!reason) {
        reason = translate_actions(flow, &caps, xdp, tr);
    }
    if (hooks == HOOK_TC) {
        /* Copies are sent on the way: nobody has to make them differ. */
        tr->actions.flags &= ~XDP_FLOW_COPIES_DIFFER;
    }
    if (reason == XDP_REASON_OUTPUTS && generic) {
        ovs_strlcpy(tr->detail, "several outputs in generic mode",
                    sizeof tr->detail);
    } else if (hooks & HOOK_TC) {
        note_tc(flow, xdp, &home->object->caps, reason, tr);
    }
    return reason;
}

/* Returns the table that 'flow' is in, or would be in if nothing else were in
 * the way, or NULL. */
const struct xdp_flow_table *
xdp_offer_table(const struct custody_flow *flow)
{
    const struct xdp_netdev *home = find_home(flow,
                                              custody_port_xdp(flow->port));

    return has_table(home) ? home->object->table : NULL;
}

/* Stores in '*tr' what 'flow' is in XDP, and in '*homep' the port whose table
 * would have it.  Returns why it cannot be there, with details in
 * 'tr->detail', as far as that does not depend on what is in the table. */
static enum xdp_reason
prepare(const struct custody_flow *flow, struct xdp_netdev **homep,
        struct xdp_translation *tr)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *xdp = custody_port_xdp(flow->port);
    struct xdp_netdev *home = find_home(flow, xdp);
    enum xdp_reason reason = XDP_REASON_NO_TABLE;

    *homep = home;
    tr->detail[0] = '\0';
    if (!xdp_netdev_offload_is_on()) {
        reason = XDP_REASON_OFF;
    } else if (has_table(home) && home->obstacle) {
        ovs_strlcpy(tr->detail, home->obstacle, sizeof tr->detail);
    } else if (has_table(home) && !custody_has_vlan_limit()) {
        ovs_strlcpy(tr->detail, "another vlan-limit in a moment",
                    sizeof tr->detail);
        xdp_custody_kick(XDP_RETRY_PORTS);
    } else if (has_table(home)) {
        reason = translate(flow, xdp, home, tr);
    }
    return reason;
}

/* Returns true if 'table' would have to wait before it has 'flow', which 'tr'
 * describes, or its new actions.  Room is not what this is about. */
static bool
is_busy(const struct custody_flow *flow, struct xdp_flow_table *table,
        const struct xdp_translation *tr)
    OVS_REQUIRES(xdp_mutex)
{
    bool busy = !xdp_flow_table_prepare(table, !flow->table_flow, &tr->mask,
                                        &tr->actions);

    if (busy) {
        custody_note_shortage(table);
    }
    return busy;
}

/* Returns why 'flow', which is not in XDP, could not be there even if another
 * one left, or XDP_REASON_NONE if nothing is known.  Changes nothing about
 * it. */
enum xdp_reason
xdp_offer_ask(const struct custody_flow *flow)
{
    struct xdp_translation tr;
    struct xdp_netdev *home;
    enum xdp_reason reason = prepare(flow, &home, &tr);

    return (!reason && is_busy(flow, home->object->table, &tr)
            ? XDP_REASON_BUSY : reason);
}

/* Tries to put 'flow' into XDP, or its new actions if it is there.  Returns
 * true if that was done.  Otherwise returns false and stores in '*reasonp' why
 * it cannot be there, and in 'tr->detail' what that is about. */
static bool
try(struct custody_flow *flow, enum xdp_reason *reasonp,
    struct xdp_translation *tr)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *home;
    enum xdp_reason reason = prepare(flow, &home, tr);

    /* What is refused for lack of room need not wait. */
    if (!reason
        && (flow->table_flow || !xdp_flow_table_is_full(home->object->table))
        && is_busy(flow, home->object->table, tr)) {
        reason = XDP_REASON_BUSY;
    }
    if (!reason) {
        struct xdp_flow_table *table = home->object->table;
        enum xdp_table_error error;

        if (flow->table_flow) {
            ovs_assert(flow->table == table);
            error = xdp_flow_table_modify(table, flow->table_flow,
                                          &tr->actions);
            custody_wake();
        } else {
            struct xdp_table_flow *table_flow;

            error = xdp_flow_table_insert(table, &tr->key, &tr->mask,
                                          &tr->actions, &table_flow);
            if (!error) {
                custody_enter(flow, table, table_flow, home);
            }
        }
        custody_note_shortage(table);
        reason = table_error_to_reason(error);
    }
    *reasonp = reason;
    return !reason;
}

/* Puts 'flow' into XDP, or its new actions if it is there, or takes it out and
 * notes why it cannot be there.  If 'may_wait' and this is because its table
 * is busy, and it is not there, changes nothing and returns false: the caller
 * should try again in a moment, without the lock meanwhile. */
bool
xdp_offer(struct custody_flow *flow, bool may_wait)
{
    struct xdp_translation tr;
    enum xdp_reason reason;

    if (try(flow, &reason, &tr)) {
        custody_set_reason(flow, XDP_REASON_NONE, NULL);
    } else if (reason == XDP_REASON_BUSY && may_wait && !flow->table_flow) {
        return false;
    } else {
        custody_withdraw(flow, reason, tr.detail);
        if (reason == XDP_REASON_BUSY) {
            xdp_custody_kick(XDP_REASON_BIT(XDP_REASON_BUSY));
            return !may_wait;
        }
    }
    return true;
}
