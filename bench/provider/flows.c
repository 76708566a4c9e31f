/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Megaflows for the benchmark's frames.
 *
 * Flows differ in the source address, which all of them match exactly, so that
 * they cannot overlap, whatever else their masks have: some bits of the
 * destination port that differ from mask to mask.
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "dpif.h"
#include "flow.h"
#include "netdev-offload.h"
#include "netdev.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "provider.h"
#include "util.h"
#include "xdp-custody.h"

#include "../frame.h"

/* In the mask of the destination port of all flows, so that no mask is
 * cheaper than the others. */
#define PORT_BIT 0x8000

/* The PMD thread that has all flows. */
#define PMD_ID 0

/* Returns the identifier of flow 'index' of 'port'. */
static ovs_u128
make_ufid(const struct port *port, uint32_t index)
{
    ovs_u128 ufid = {
        .u64 = { .lo = index, .hi = odp_to_u32(port->odp_port) }
    };

    return ufid;
}

/* Makes '*match' what every megaflow has, here one of IPv4 packets from
 * 'in'. */
static void
init_match(const struct port *in, uint32_t recirc_id, struct match *match)
{
    match_init_catchall(match);
    match_set_recirc_id(match, recirc_id);
    match->flow.in_port.odp_port = in->odp_port;
    match->wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    match_set_packet_type(match, htonl(PT_ETH));
    match_set_dl_type(match, htons(ETH_P_IP));
    match_set_nw_frag(match, 0);
}

/* Makes '*match' that of flow 'index' of 'set'. */
static void
make_match(const struct flow_set *set, uint32_t index, struct match *match)
{
    init_match(set->in, 0, match);
    if (set->n_masks) {
        ovs_be16 port_mask = htons(PORT_BIT | index % set->n_masks);

        match_set_nw_proto(match, IPPROTO_UDP);
        match_set_nw_src(match, htonl(BENCH_FRAME_SRC + index));
        match_set_tp_dst_masked(match, htons(BENCH_FRAME_DPORT) & port_mask,
                                port_mask);
    }
}

/* Puts flow 'index' of 'in' with 'match' and 'actions'. */
static void
put_flow(struct port *in, uint32_t index, struct match *match,
         const struct ofpbuf *actions)
{
    ovs_u128 ufid = make_ufid(in, index);

    if (!xdp_custody_put(in->odp_port, PMD_ID, &ufid, match, actions->data,
                         actions->size, in->odp_port)) {
        ovs_fatal(0, "putting flow %"PRIu32" failed", index);
    }
}

/* Puts the flows of 'set'.  Returns the nanoseconds that the longest of these
 * calls took. */
uint64_t
flows_put(const struct flow_set *set)
{
    struct ofpbuf actions;
    uint64_t longest = 0;
    uint64_t stub[8];

    ofpbuf_use_stub(&actions, stub, sizeof stub);
    nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_OUTPUT,
                        set->out->odp_port);
    for (uint32_t i = 0; i < set->n; i++) {
        struct match match;
        uint64_t start;

        make_match(set, set->first + i, &match);
        start = now_ns();
        put_flow(set->in, set->first + i, &match,
                 set->actions ? set->actions : &actions);
        longest = MAX(longest, now_ns() - start);
    }
    ofpbuf_uninit(&actions);
    return longest;
}

/* Puts flow 'index' of all IPv4 packets from 'in', after recirculation
 * 'recirc_id' if that is not 0, with or without a VLAN tag, and with the bits
 * 'ct_state' of the state of their connection, with 'actions'. */
void
flows_put_one(struct port *in, uint32_t index, uint32_t recirc_id, bool vlan,
              uint32_t ct_state, const struct ofpbuf *actions)
{
    struct match match;

    init_match(in, recirc_id, &match);
    if (vlan) {
        match_set_dl_tci_masked(&match, htons(VLAN_CFI), htons(VLAN_CFI));
    } else {
        match_set_dl_tci(&match, 0);
    }
    if (ct_state) {
        match_set_ct_state_masked(&match, ct_state, ct_state);
    }
    put_flow(in, index, &match, actions);
}

/* Deletes the flows of 'set'. */
void
flows_delete(const struct flow_set *set)
{
    for (uint32_t i = 0; i < set->n; i++) {
        ovs_u128 ufid = make_ufid(set->in, set->first + i);

        if (!xdp_custody_delete(set->in->odp_port, PMD_ID, &ufid)) {
            ovs_fatal(0, "deleting flow %"PRIu32" failed", set->first + i);
        }
    }
}

/* Reads the statistics of the flows of 'set', one after the other, as
 * revalidators do.  Returns the sum of their packets. */
uint64_t
flows_read(const struct flow_set *set)
{
    uint64_t n_packets = 0;

    for (uint32_t i = 0; i < set->n; i++) {
        ovs_u128 ufid = make_ufid(set->in, set->first + i);
        struct dpif_flow_stats stats;
        bool offloaded;

        if (!xdp_custody_get(set->in->odp_port, PMD_ID, &ufid, 0, &stats,
                             &offloaded)) {
            ovs_fatal(0, "reading flow %"PRIu32" failed", set->first + i);
        }
        n_packets += stats.n_packets;
    }
    return n_packets;
}

/* Returns how many of the flows of 'port' are in XDP. */
uint64_t
flows_offloaded(const struct port *port)
{
    uint64_t n_flows[16] = { 0 };   /* By thread, of which there is one. */
    int error = netdev_flow_get_n_flows(port->netdev, n_flows);

    if (error) {
        ovs_fatal(error, "counting the offloaded flows failed");
    }
    return n_flows[0];
}

/* Waits until 'n' flows of 'port' are in XDP, for a minute at most. */
void
flows_wait(const struct port *port, uint64_t n)
{
    const uint64_t interval = 10000000;
    struct xdp_custody_counts counts;
    uint64_t end = now_ns() + UINT64_C(60000000000);

    for (;;) {
        xdp_custody_count_port(port->odp_port, &counts);
        if (counts.n_offloaded == n) {
            break;
        }
        if (now_ns() > end) {
            ovs_fatal(0, "%"PRIu64" flows are in XDP instead of %"PRIu64,
                      counts.n_offloaded, n);
        }
        sleep_until(now_ns() + interval);
    }
}
