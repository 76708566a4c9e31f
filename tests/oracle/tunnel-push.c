/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushing the headers of tunnels.
 */

#include <config.h>

#include <string.h>

#include "cases.h"
#include "coverage.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "keys.h"
#include "netdev-native-tnl.h"
#include "netdev.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run-tc.h"
#include "run.h"
#include "tunnels.h"
#include "util.h"
#include "xdp-ovs-compat.h"

/* If 'packet' has a sequence number, of '*push', makes it the next one: that
 * which XDP will take. */
static void
set_next_sequence(const struct ovs_action_push_tnl *push,
                  struct dp_packet *packet)
{
    const struct gre_base_hdr *gre = dp_packet_l4(packet);
    ovs_be32 *seq = (void *) (gre + 1);

    if (push->tnl_type == OVS_VPORT_TYPE_VXLAN
        || push->tnl_type == OVS_VPORT_TYPE_GENEVE
        || !(gre->flags & htons(GRE_SEQ))) {
        return;
    }
    if (gre->flags & htons(GRE_KEY)) {
        seq++;
    }

    /* Userspace has taken one, XDP is to take that which follows. */
    *seq = htonl(ntohl(*seq) + 1);
}

/* Returns true if nothing can be pushed in front of 'f' at tc: it comes with
 * two tags. */
static bool
is_hard(const struct frame *f)
{
    const ovs_be16 *types = (const void *) &f->data[2 * ETH_ADDR_LEN];

    return (hook_tc && can_run_tc(f->data, f->size)
            && f->size >= ETH_HEADER_LEN + VLAN_HEADER_LEN
            && eth_type_vlan(types[0]) && eth_type_vlan(types[2]));
}

/* Runs case 'index' of a push. */
void
test_one_push(unsigned long int index)
{
    static struct tested_flow t;
    struct ovs_action_push_tnl push;
    struct ovs_action_push_vlan inner_tag = {
        .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
        .vlan_tci = htons(VLAN_CFI | rnd(4096)),
    };
    struct ovs_action_push_vlan outer_tag = inner_tag;
    uint64_t before[XDP_COUNTER_MAX];
    uint64_t expected[XDP_COUNTER_MAX] = { [XDP_COUNTER_PACKETS] = 1,
                                           [XDP_COUNTER_TNL_PUSH] = 1 };
    const char *culprit, *problem = NULL;
    struct xdp_flow_table_stats stats;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct ofpbuf *buf = &t.actions.buf;
    struct dp_packet *packet;
    uint32_t port = rnd(N_PORTS), verdict;
    uint8_t out[MAX_OUT];
    struct frame f;
    struct flow flow;
    size_t out_size, ofs = 0;
    bool in_clone, too_large, left, pushes_tag;
    int n_runs;
    uint64_t by;

    rng_start(24, index);
    set_vlan_limit(XDP_VLAN_MAX);
    n_runs = one_in(4) ? N_REPEATS + 2 : 1;
    if (n_runs > 1) {
        make_packet(&f, one_in(2) ? KIND_TCP : KIND_UDP, one_in(8));
    } else {
        make_any_packet(&f, index);
    }
    if (one_in(20)) {
        /* Around the MTU, with a header. */
        put_random(&f, MAX_PACKET - f.size - rnd(MIN(100, MAX_PACKET - f.size
                                                         + 1)));
    }
    init_tested(&t, &devices[rnd(n_devices)]);
    extract(f.data, f.size, ODP_BASE + t.device->port, &flow);
    make_match(&flow, rnd(N_FIRST_MASKS), &t.match);
    make_push(&push);

    packet = dp_packet_clone_data_with_headroom(f.data, f.size,
                                                2 + MAX_OUTER);
    pkt_metadata_init(&packet->md, flow.in_port.odp_port);
    flow_extract(packet, &flow);
    dp_packet_set_rss_hash(packet, rss_hash(f.data, f.size));

    ofpbuf_init(buf, 0);
    if (one_in(4)) {
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_VLAN, &inner_tag,
                          sizeof inner_tag);
        eth_push_vlan(packet, inner_tag.vlan_tpid, inner_tag.vlan_tci);
        expected[XDP_COUNTER_PUSH_VLAN]++;
    }
    in_clone = one_in(2);
    if (in_clone) {
        ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_CLONE);
    }
    nl_msg_put_unspec(buf, OVS_ACTION_ATTR_TUNNEL_PUSH, &push, sizeof push);
    if (push.tnl_type == OVS_VPORT_TYPE_GRE
        || push.tnl_type == OVS_VPORT_TYPE_IP6GRE) {
        xdp_ovs_push_header(netdev_gre_push_header, tunnel_netdev, packet,
                            &push);
    } else if (push.tnl_type == OVS_VPORT_TYPE_ERSPAN) {
        xdp_ovs_push_header(netdev_erspan_push_header, tunnel_netdev, packet,
                            &push);
    } else {
        xdp_ovs_push_header(netdev_tnl_push_udp_header, NULL, packet, &push);
    }
    set_next_sequence(&push, packet);
    if (one_in(4)) {
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_VLAN, &outer_tag,
                          sizeof outer_tag);
        eth_push_vlan(packet, outer_tag.vlan_tpid, outer_tag.vlan_tci);
        expected[XDP_COUNTER_PUSH_VLAN]++;
    }
    nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + port));
    if (in_clone) {
        nl_msg_end_nested(buf, ofs);
    }

    xdp_ovs_finish_packet(packet);
    pushes_tag = expected[XDP_COUNTER_PUSH_VLAN];
    too_large = dp_packet_size(packet) > target_max_len(port);
    left = too_large || is_hard(&f);
    if (left) {
        /* Userspace gets it as it was. */
        expected[XDP_COUNTER_TNL_PUSH] = expected[XDP_COUNTER_PUSH_VLAN] = 0;
        expected[too_large ? XDP_COUNTER_TOO_LARGE : XDP_COUNTER_TNL_ODD]++;
        expected[XDP_COUNTER_NO_SOCKET]++;
    } else {
        expected[XDP_COUNTER_OUTPUT]++;
    }
    if (put_tested(&t, &error, &tr) || error) {
        problem = "flow that pushes was refused";
    } else {
        for (int i = 0; !problem && i < n_runs; i++) {
            if (i) {
                set_next_sequence(&push, packet);
                if (i == n_runs - 1) {
                    set_hints(NO_HINTS);
                }
            }
            expected[XDP_COUNTER_HINT_HITS] = 0;
            expected[XDP_COUNTER_SUBTABLE_HITS] = 0;
            xdp_flow_table_get_counters(object->table, before);
            if (!pushes_tag) {
                know_sum(NULL, 0);
            }
            verdict = run_program(t.device->ifindex, f.data, f.size, out,
                                  &out_size);
            event_count[EVENT_TRAIN_PUSH] += (i && i == n_runs - 1
                                              && passes_in_train(before));
            if (!left) {
                account(&t, &flow, f.size);
            }
            if (verdict == BAD_SUM) {
                problem = "the sum that the kernel knows";
            } else if (verdict != (left ? XDP_PASS : XDP_REDIRECT)) {
                problem = "verdict on a packet with a header pushed";
            } else if (left) {
                if (out_size != f.size || memcmp(out, f.data, out_size)) {
                    problem = "packet that no header can be pushed on";
                } else if (!check_hits(before, expected, 1, &culprit, &by)) {
                    problem = culprit;
                }
            } else if (out_size != dp_packet_size(packet)
                       || memcmp(out, dp_packet_data(packet), out_size)) {
                problem = "packet with a header pushed";
            } else if (!check_hits(before, expected, 1, &culprit, &by)) {
                problem = culprit;
            }
        }
        op_count[XDP_OP_TNL_PUSH]++;
        xdp_flow_table_remove(object->table, t.flow, &stats);
        if (!problem && !check_stats(&t, &stats)) {
            problem = "statistics of a flow that pushes";
        }
    }
    event_count[too_large ? EVENT_TUNNEL_MTU : EVENT_TUNNEL_PUSH]++;
    n_tunnel_pushed++;
    if (problem && case_failure("tunnels", index, "%s", problem)) {
        print_hex("packet  ", f.data, f.size);
        print_hex("header  ", push.header, push.header_len);
        print_hex("expected", dp_packet_data(packet),
                  dp_packet_size(packet));
        print_hex("got     ", out, out_size);
    }
    dp_packet_delete(packet);
    ofpbuf_uninit(buf);
}
