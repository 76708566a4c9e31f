/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several holders of a megaflow: what each has to report of its packets in
 * XDP.  These are made up, as in displace.c.
 */

#include <config.h>

#undef NDEBUG
#include <string.h>

#include "dpif.h"
#include "megaflows.h"
#include "openvswitch/match.h"
#include "unit.h"
#include "util.h"
#include "xdp-custody-private.h"
#include "xdp-flow-table-private.h"

/* Bytes of a packet. */
#define N_BYTES 100

/* Returns the megaflow. */
static struct custody_flow *
get_flow(void)
    OVS_REQUIRES(xdp_mutex)
{
    ovs_u128 ufid = megaflow_ufid(0);
    struct custody_flow *flow = custody_find(PORT_NO(megaflow_in_port(0)),
                                             &ufid);

    ovs_assert(flow);
    return flow;
}

/* Sends 'n' packets to the megaflow, which is in XDP. */
static void
send_packets(uint64_t n)
{
    const struct custody_flow *flow;
    struct xdp_flow_stats *stats;

    ovs_mutex_lock(&xdp_mutex);
    flow = get_flow();
    stats = &flow->table->flow_stats[flow->table_flow->entry.slot];
    flow->table->cpus[0] = 1;
    stats->packets += n;
    stats->bytes += n * N_BYTES;
    ovs_mutex_unlock(&xdp_mutex);
}

/* Has 'holder' put the megaflow, too. */
static bool
hold(uintptr_t holder)
{
    const struct custody_flow *flow;
    struct xdp_blob *actions;
    struct match match;
    bool taken;
    ovs_u128 ufid;
    odp_port_t in_port;

    ovs_mutex_lock(&xdp_mutex);
    flow = get_flow();
    ufid = flow->ufid;
    in_port = flow->port->odp_port;
    custody_get_match(flow, &match);
    actions = xdp_blob_ref(flow->actions);
    ovs_mutex_unlock(&xdp_mutex);
    taken = xdp_custody_put(in_port, holder, &ufid, &match,
                            (const struct nlattr *) actions->data,
                            actions->size, in_port);
    ovs_mutex_lock(&xdp_mutex);
    xdp_blob_unref(actions);
    ovs_mutex_unlock(&xdp_mutex);
    return taken;
}

/* Has 'holder' delete it. */
static bool
let_go(uintptr_t holder)
{
    ovs_u128 ufid = megaflow_ufid(0);

    return xdp_custody_delete(PORT_NO(megaflow_in_port(0)), holder, &ufid);
}

/* Has 'holder' stop it, which is asked for its share then, or is not any
 * more. */
static void
stop(uintptr_t holder, bool is_asked)
{
    ovs_u128 ufid = megaflow_ufid(0);

    xdp_custody_stop(PORT_NO(megaflow_in_port(0)), holder, &ufid, is_asked);
}

/* Returns the packets that 'holder' has to report, or UINT64_MAX if their
 * bytes are others. */
static uint64_t
share(uintptr_t holder)
{
    ovs_u128 ufid = megaflow_ufid(0);
    struct dpif_flow_stats stats;
    bool offloaded;

    return (xdp_custody_get(PORT_NO(megaflow_in_port(0)), holder, &ufid, 0,
                            &stats, &offloaded)
            && stats.n_bytes == stats.n_packets * N_BYTES
            ? stats.n_packets : UINT64_MAX);
}

/* The shares of all holders add up to the total, whoever comes and goes. */
static void
test_shares(void)
{
    megaflows.n = 1;
    if (!megaflows_begin()) {
        return;
    }
    send_packets(5);
    CHECK(share(1) == 5 && share(1) == 5);

    /* What there was belongs to the first holder, asked for or not. */
    send_packets(3);
    CHECK(hold(2));
    CHECK(share(2) == 0 && share(1) == 8);

    /* Who asks first gets what has come since. */
    send_packets(4);
    CHECK(share(2) == 4 && share(1) == 8);
    send_packets(2);
    CHECK(hold(3) && hold(2));
    CHECK(share(1) == 10 && share(2) == 4 && share(3) == 0);
    send_packets(7);
    CHECK(share(3) == 7);

    /* Those that are left keep theirs, also when one has it alone. */
    CHECK(let_go(2));
    send_packets(1);
    CHECK(share(1) == 11 && share(3) == 7);
    CHECK(let_go(3));
    send_packets(2);
    CHECK(share(1) == 13);

    /* Who has stopped has asked for the last time, even if asked again. */
    CHECK(hold(5));
    send_packets(3);
    stop(5, true);
    CHECK(share(5) == 3);
    send_packets(4);
    CHECK(share(5) == 3 && share(1) == 17);
    CHECK(let_go(5));
    send_packets(1);
    CHECK(share(1) == 18);

    /* Who stops too late to be asked leaves all of it to others. */
    CHECK(hold(6) && hold(7));
    send_packets(3);
    stop(6, false);
    CHECK(let_go(6));
    CHECK(share(1) == 21);
    send_packets(2);
    stop(7, false);
    CHECK(share(7) == 0 && share(1) == 23);
    CHECK(let_go(7));

    /* The megaflow leaves XDP, and nobody loses anything. */
    xdp_custody_netdev_flush(&megaflow_netdevs[megaflow_in_port(0)]);
    CHECK(hold(4));
    CHECK(share(1) == 23 && share(4) == 0);
    CHECK(let_go(4));
    megaflows_end();
}

/* A megaflow that has left XDP, and has one holder only, has a share that is
 * all of it, however often it comes and goes. */
static void
test_shares_one(void)
{
    megaflows.n = 1;
    megaflows.n_places = 1;
    if (!megaflows_begin()) {
        return;
    }
    for (int i = 1; i <= 3; i++) {
        send_packets(5);
        xdp_custody_netdev_flush(&megaflow_netdevs[megaflow_in_port(0)]);
        CHECK(share(1) == 5 * i);
        CHECK(megaflow_put(0));
        CHECK(share(1) == 5 * i);
    }
    CHECK(hold(2));
    CHECK(share(2) == 0 && share(1) == 15);
    CHECK(let_go(2));
    megaflows_end();
}

const struct unit_case unit_shares[] = {
    { "shares", test_shares, NEED_BPF },
    { "shares-one", test_shares_one, NEED_BPF },
    { NULL, NULL, 0 }
};
