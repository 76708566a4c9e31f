/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-command.h. */

#include <config.h>

#include "xdp-command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "netdev-provider.h"
#include "netdev-vport.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "svec.h"
#include "unixctl.h"
#include "util.h"
#include "xdp-companion.h"
#include "xdp-conn-report.h"
#include "xdp-contract.h"
#include "xdp-custody-private.h"
#include "xdp-port.h"
#include "xdp-program.h"

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
    [XDP_COUNTER_TOO_LARGE]
        = "handed to userspace, too large for an output port",
    [XDP_COUNTER_UNPARSED] = "handed to userspace, too odd to parse",
    [XDP_COUNTER_NESTED] = "handed to userspace, CPU busy with another packet",
    [XDP_COUNTER_CT] = "ct actions",
    [XDP_COUNTER_CT_NO_ENTRY] = "handed to userspace, no such connection",
    [XDP_COUNTER_CT_FLAGS] = "handed to userspace, TCP flags",
    [XDP_COUNTER_CT_WINDOW] = "handed to userspace, outside the TCP window",
    [XDP_COUNTER_CT_MARK] = "handed to userspace, new mark or label",
    [XDP_COUNTER_CT_EXPIRED] = "handed to userspace, connection expired",
    [XDP_COUNTER_CT_FRAGMENT] = "handed to userspace, fragment to track",
    [XDP_COUNTER_CT_FORCE] = "handed to userspace, connection begins anew",
    [XDP_COUNTER_CT_ODD] = "handed to userspace, too odd to track",
    [XDP_COUNTER_COMPANION] = "sent into a companion",
    [XDP_COUNTER_DROP_COMPANION] = "dropped at a companion",
    [XDP_COUNTER_GSO] = "packets of several segments",
    [XDP_COUNTER_GSO_ODD] = "handed to userspace, segments may differ",
    [XDP_COUNTER_GSO_SINGLE] = "handed to userspace, to do by segments",
    [XDP_COUNTER_DROP_TOO_LARGE] = "dropped, too large for userspace",
    [XDP_COUNTER_GSO_TUNNEL] = "handed to userspace, segments in a tunnel",
    [XDP_COUNTER_MPLS_ODD] = "handed to userspace, no place for a label",
    [XDP_COUNTER_SHORTENED] = "handed to userspace, the first piece of TCP",
    [XDP_COUNTER_SET_VLAN] = "VLAN tags overwritten",
    [XDP_COUNTER_CSUM_INNER]
        = "handed to userspace, unfinished inner checksum",
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

    HMAP_FOR_EACH (port, node, xdp_netdev_all()) {
        n_ports += port->object == object;
    }
    ds_put_format(s, "object %s:\n", object->path);
    ds_put_format(s, "  program id: %"PRIu32"\n",
                  xdp_object_program_id(object));
    if (!object->has_table) {
        ds_put_cstr(s, "  flow table: none\n");
        return;
    }

    xdp_contract_format_caps(&object->caps, s);
    if (object->tc_problem) {
        ds_put_format(s, "  tc: not available: %s\n", object->tc_problem);
    }
    limits = xdp_flow_table_get_limits(object->table);
    xdp_flow_table_usage(object->table, &n_flows, &n_masks, &n_groups);
    xdp_flow_table_get_counters(object->table, counters);
    ds_put_format(s, "  ports: %"PRIuSIZE" of %"PRIu32"\n", n_ports,
                  limits->n_ports);
    ds_put_format(s, "  flows: %"PRIu32" of %"PRIu32"\n", n_flows,
                  limits->n_flows);
    ds_put_format(s, "  masks: %"PRIu32" of %"PRIu32"\n", n_masks,
                  limits->n_masks);
    ds_put_format(s, "  hints of a CPU: %"PRIu32" of %"PRIu32"\n",
                  xdp_flow_table_n_hints(object->table), limits->n_hints);
    ds_put_format(s, "  groups of outputs: %"PRIu32" of %d\n", n_groups,
                  XDP_MAX_GROUPS - 1);
    for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
        ds_put_format(s, "  %s: %"PRIu64"\n", counter_names[i], counters[i]);
    }
}

/* Appends to 's' how many megaflows 'port', which may be NULL, has, and how
 * many are in XDP. */
static void
show_flows(const struct custody_port *port, struct ds *s)
{
    ds_put_format(s, "  megaflows: %"PRIuSIZE", offloaded: %"PRIuSIZE"\n",
                  port ? port->n_flows : 0, port ? port->n_offloaded : 0);
}

/* Appends to 's' what the megaflows of 'port', which may be NULL, have
 * carried. */
static void
show_carried(const struct custody_port *port, struct ds *s)
{
    ds_put_format(s, "  carried by XDP: packets %"PRIu64", bytes %"PRIu64"\n",
                  port ? port->carried.n_packets : 0,
                  port ? port->carried.n_bytes : 0);
}

/* Returns the port of the datapath that 'xdp' is, or NULL. */
static const struct custody_port *
port_of(const struct xdp_netdev *xdp)
    OVS_REQUIRES(xdp_mutex)
{
    const struct custody_port *port;

    HMAP_FOR_EACH (port, node, &custody_ports) {
        if (xdp->tunnel ? port->tunnel == xdp
            : port->netdev && port->netdev == xdp->netdev) {
            return port;
        }
    }
    return NULL;
}

/* Appends the state of 'xdp' to 's'. */
static void
show_port(const struct xdp_netdev *xdp, struct ds *s)
    OVS_REQUIRES(xdp_mutex)
{
    const struct custody_port *port = port_of(xdp);
    struct ds problems = DS_EMPTY_INITIALIZER;
    struct xdp_port_stats port_stats;
    struct xdp_caps caps;

    ds_put_format(s, "port %s:\n", xdp->name);
    if (xdp->tunnel) {
        ds_put_format(s, "  tunnel: %s\n",
                      port ? netdev_get_type(port->netdev) : "gone");
        show_flows(port, s);
        show_carried(port, s);
        return;
    }
    xdp_port_format_problems(xdp, &problems);
    if (problems.length) {
        ds_put_format(s, "  problem: %s\n", ds_cstr(&problems));
    }
    ds_destroy(&problems);
    if (!xdp->object) {
        ds_put_cstr(s, "  object: none\n");
        return;
    }
    ds_put_format(s, "  object: %s\n", xdp->object->path);
    ds_put_format(s, "  flow table: %s\n",
                  !xdp->object->has_table ? "none"
                  : xdp_netdev_offload_is_on() && !xdp->obstacle
                  ? "in use" : "not used");
    ds_put_format(s, "  mode: %s\n", xdp_netdev_mode_name(xdp));
    if (xdp->companion) {
        ds_put_format(s, "  companion: %s, sockets on %s\n",
                      xdp->companion->port_end, xdp->companion->socket_end);
    }
    ds_put_format(s, "  queues: %d\n", xdp->netdev->n_rxq);
    ds_put_format(s, "  takes redirected packets: %s\n",
                  xdp->can_be_target ? "yes" : "no");
    if (xdp->peer_has_program) {
        ds_put_cstr(s, "  other end: has an XDP program\n");
    }
    if (!xdp->object->has_table) {
        return;
    }
    caps = xdp->object->caps;
    if (xdp_netdev_is_tc(xdp)) {
        xdp_contract_take_tc_caps(&caps);
    }
    ds_put_format(s, "  outputs of a flow: up to %"PRIu32"\n",
                  xdp_netdev_is_generic(xdp) ? 1 : caps.max_outputs);
    ds_put_format(s, "  recirculation: %s\n",
                  !xdp_contract_has_op(&caps, XDP_OP_RECIRC)
                  ? "not in the object"
                  : !xdp_offer_takes_metadata(xdp)
                  ? "no, the driver has no metadata"
                  : "yes");
    show_flows(port, s);
    ds_put_format(s, "  masks: %"PRIu32" of %d\n",
                  xdp_flow_table_port_n_masks(xdp->object->table, xdp->number),
                  XDP_PORT_MAX_MASKS);
    xdp_flow_table_get_port_stats(xdp->object->table, xdp->number,
                                  &port_stats);
    show_carried(port, s);
    ds_put_format(s, "  handed to userspace: packets %llu\n",
                  port_stats.upcalls);
    ds_put_format(s, "  passed to the kernel: packets %llu\n",
                  port_stats.no_socket);
    if (xdp->companion) {
        ds_put_format(s, "  too large for userspace: packets %llu\n",
                      port_stats.too_large);
    }
}

/* For custody_for_each(): reads the statistics of 'flow', so that those of its
 * port are new. */
static unsigned int
refresh(struct custody_flow *flow, void *aux OVS_UNUSED)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_flow_table_stats stats;

    if (!flow->table_flow) {
        return CUSTODY_LOOK;
    }
    custody_get_stats(flow, &stats);
    return CUSTODY_WORK;
}

/* Returns the port of the name 'name', or NULL. */
static const struct xdp_netdev *
find_port(const char *name)
    OVS_REQUIRES(xdp_mutex)
{
    const struct xdp_netdev *xdp;

    HMAP_FOR_EACH (xdp, node, xdp_netdev_all()) {
        if (!strcmp(xdp->name, name)) {
            return xdp;
        }
    }
    return NULL;
}

/* Appends the state of all ports to 's', sorted by name.  Others get the lock
 * between two of them. */
static void
show_ports(struct ds *s)
    OVS_EXCLUDED(xdp_mutex)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    const struct xdp_netdev *xdp;
    const char *name;
    size_t i;

    xdp_lock();
    HMAP_FOR_EACH (xdp, node, xdp_netdev_all()) {
        svec_add(&names, xdp->name);
    }
    xdp_unlock();

    svec_sort(&names);
    SVEC_FOR_EACH (i, name, &names) {
        xdp_lock();
        xdp = find_port(name);
        if (xdp) {
            show_port(xdp, s);
        }
        xdp_unlock();
    }
    svec_destroy(&names);
}

/* Returns the name that the datapath has for the port 'name', in a string that
 * the caller frees: tunnels of OpenFlow share one port of the datapath. */
static char *
datapath_name(const char *name)
    OVS_EXCLUDED(xdp_mutex)
{
    char buffer[NETDEV_VPORT_NAME_BUFSIZE];
    struct netdev *netdev;
    bool is_port;
    char *dp_name;

    xdp_lock();
    is_port = find_port(name) != NULL;
    xdp_unlock();

    netdev = is_port ? NULL : netdev_from_name(name);
    dp_name = xstrdup(netdev ? netdev_vport_get_dpif_port(netdev, buffer,
                                                          sizeof buffer)
                      : name);
    netdev_close(netdev);
    return dp_name;
}

/* Replies to 'conn' that there is no port 'name'. */
static void
reply_no_port(struct unixctl_conn *conn, const char *name)
{
    char *message = xasprintf("%s: no such AF_XDP port or tunnel (xdp/show "
                              "without argument lists them)", name);

    unixctl_command_reply_error(conn, message);
    free(message);
}

/* Appends the state of the offload, its objects and all ports to 's'. */
void
xdp_command_show_all(struct ds *s)
{
    const struct xdp_object *object;

    custody_for_each(refresh, NULL);
    xdp_lock();
    ds_put_format(s, "offload: %s\n",
                  xdp_netdev_offload_is_on() ? "on" : "off");
    ds_put_format(s, "flows offered: %"PRIu64"\n", custody_totals.n_offered);
    ds_put_format(s, "flows offloaded: %"PRIu64"\n",
                  custody_totals.n_offloaded);
    ds_put_format(s, "flows displaced by busier ones: %"PRIu64"\n",
                  custody_totals.n_displaced);
    xdp_conn_report_totals(s);
    LIST_FOR_EACH (object, list_node, xdp_object_list()) {
        show_object(object, s);
    }
    xdp_unlock();
    show_ports(s);
}

/* Appends the state of the port that the datapath calls 'name', and of its
 * object, to 's'.  Returns false if there is none. */
static bool
show_one(const char *name, struct ds *s)
    OVS_EXCLUDED(xdp_mutex)
{
    const struct xdp_netdev *port;

    custody_for_each(refresh, NULL);
    xdp_lock();
    port = find_port(name);
    if (port) {
        if (port->object) {
            show_object(port->object, s);
        }
        show_port(port, s);
    }
    xdp_unlock();
    return port != NULL;
}

/* Implements "ovs-appctl xdp/show [PORT]". */
static void
unixctl_show(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    bool found = true;

    if (argc > 1) {
        char *name = datapath_name(argv[1]);

        found = show_one(name, &s);
        free(name);
    } else {
        xdp_command_show_all(&s);
    }
    if (found) {
        unixctl_command_reply(conn, ds_cstr(&s));
    } else {
        reply_no_port(conn, argv[1]);
    }
    ds_destroy(&s);
}

/* What format_refused() needs. */
struct refused_aux {
    const char *name;           /* Of the port, or NULL for all. */
    struct ds *s;
};

/* For custody_walk(): appends a line about 'flow', if it is refused. */
static unsigned int
format_refused(struct custody_flow *flow, void *aux_)
{
    const struct refused_aux *aux = aux_;
    struct ds *s = aux->s;
    struct match match;

    if (flow->table_flow
        || (aux->name && strcmp(flow->port->name, aux->name))) {
        return CUSTODY_LOOK;
    }
    custody_get_match(flow, &match);
    ds_put_format(s, "%s: ", flow->port->name);
    match_format(&match, NULL, s, OFP_DEFAULT_PRIORITY);
    ds_put_cstr(s, ", actions:");
    format_odp_actions(s, (const struct nlattr *) flow->actions->data,
                       flow->actions->size, NULL);
    ds_put_format(s, ", not offloaded: %s%s%s\n",
                  xdp_reason_to_string(flow->reason),
                  custody_detail(flow)[0] ? ": " : "",
                  custody_detail(flow));
    return CUSTODY_WORK;
}

/* Appends the refused megaflows of the port 'name', or of all if that is NULL,
 * to 's'.  That may become so long that making room in it takes milliseconds,
 * so others get the lock meanwhile. */
static void
format_all_refused(const char *name, struct ds *s)
    OVS_EXCLUDED(xdp_mutex)
{
    struct ds part = DS_EMPTY_INITIALIZER;
    struct refused_aux refused = { .name = name, .s = &part };
    size_t position = 0;
    bool more;

    do {
        xdp_lock();
        more = custody_walk(&position, format_refused, &refused);
        xdp_unlock();
        ds_put_buffer(s, ds_cstr(&part), part.length);
        ds_clear(&part);
    } while (more);
    ds_destroy(&part);
}

/* Appends all refused megaflows to 's', and how many were refused, offered and
 * offloaded. */
void
xdp_command_refused_all(struct ds *s)
{
    format_all_refused(NULL, s);
    xdp_lock();
    xdp_totals_format(&custody_totals, s);
    xdp_unlock();
}

/* Appends those of the port that the datapath calls 'name' to 's'.  Returns
 * false if there is none. */
static bool
refused_one(const char *name, struct ds *s)
    OVS_EXCLUDED(xdp_mutex)
{
    const struct custody_port *port;
    const struct xdp_netdev *xdp;

    format_all_refused(name, s);
    xdp_lock();
    xdp = find_port(name);
    port = xdp ? port_of(xdp) : NULL;
    if (port) {
        xdp_totals_format(&port->totals, s);
    }
    xdp_unlock();
    return xdp != NULL;
}

/* Implements "ovs-appctl xdp/refused [PORT]". */
static void
unixctl_refused(struct unixctl_conn *conn, int argc, const char *argv[],
                void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    bool found = true;

    if (argc > 1) {
        char *name = datapath_name(argv[1]);

        found = refused_one(name, &s);
        free(name);
    } else {
        xdp_command_refused_all(&s);
    }
    if (found) {
        unixctl_command_reply(conn, ds_cstr(&s));
    } else {
        reply_no_port(conn, argv[1]);
    }
    ds_destroy(&s);
}

/* Implements "ovs-appctl xdp/conns [ZONE]". */
static void
unixctl_conns(struct unixctl_conn *conn, int argc, const char *argv[],
              void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    unsigned int zone = 0;

    if (argc > 1 && (!str_to_uint(argv[1], 10, &zone) || zone > UINT16_MAX)) {
        unixctl_command_reply_error(conn, "a zone is a number from 0 to "
                                    "65535");
        return;
    }
    xdp_conn_report_all(argc > 1 ? &zone : NULL, &s);
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

void
xdp_command_init(void)
{
    unixctl_command_register("xdp/show", "[port]", 0, 1, unixctl_show, NULL);
    unixctl_command_register("xdp/refused", "[port]", 0, 1, unixctl_refused,
                             NULL);
    unixctl_command_register("xdp/conns", "[zone]", 0, 1, unixctl_conns, NULL);
}
