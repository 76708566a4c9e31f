/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trains of part "trains" that come out of a tunnel, or go into one, and
 * packets that are nearly like theirs.  What is to become of each packet says
 * userspace, whatever came before it.
 */

#include <config.h>

#include <string.h>

#include "cases.h"
#include "coverage.h"
#include "csum.h"
#include "netdev-native-tnl.h"
#include "netlink.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "tunnels.h"
#include "util.h"
#include "xdp-ovs-compat.h"

#define N_STEPS 30          /* Of a case. */

/* The length of VXLAN's own header, and of a whole one over IPv4. */
#define VXLAN_LEN 8
#define PLAIN_LEN (ETH_HEADER_LEN + IP_HEADER_LEN + UDP_HEADER_LEN + VXLAN_LEN)

/* How many different masks there are of flows behind tunnels. */
#define N_BEHIND_MASKS 16

/* The flows behind the tunnel of a case: that of the train, and one whose
 * packets have another tunnel id. */
#define N_BEHIND 2

/* A flow behind a tunnel. */
struct behind {
    struct tested_flow t;
    uint32_t port;              /* Of its output. */
    size_t growth;              /* Bytes that it pushes. */
};

/* Flips a random bit of one of the 'n' bytes at 'ofs' of 'f', as far as they
 * are there. */
static void
flip(struct frame *f, size_t ofs, size_t n)
{
    size_t i = ofs + rnd(n);

    if (i < f->size) {
        f->data[i] ^= 1u << rnd(8);
    }
}

/* Makes the checksum of the IPv4 header at 'ofs' of 'f' right, if that is
 * there. */
static void
fix_ip_csum(struct frame *f, size_t ofs)
{
    if (f->size >= ofs + IP_HEADER_LEN) {
        struct ip_header *ip = (void *) (f->data + ofs);

        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, sizeof *ip);
    }
}

/* Makes the length in the IPv4 header at 'ofs' of 'f', if that is there,
 * 'len', with the right checksum. */
static void
set_ip_len(struct frame *f, size_t ofs, size_t len)
{
    if (f->size >= ofs + IP_HEADER_LEN) {
        put_unaligned_be16((ovs_be16 *) (void *) (f->data + ofs + 2),
                           htons(len));
        fix_ip_csum(f, ofs);
    }
}

/* Gives the UDP header at 'ofs' of 'f', behind an IPv4 header, a checksum that
 * is right or wrong, or none. */
static void
put_udp_csum(struct frame *f, size_t ofs)
{
    const struct ip_header *ip = (void *) (f->data + ofs - IP_HEADER_LEN);
    uint8_t *to = f->data + ofs + offsetof(struct udp_header, udp_csum);
    ovs_be16 sum;

    if (one_in(3)) {
        flip(f, to - f->data, sizeof sum);
        return;
    }
    memset(to, 0, sizeof sum);
    if (one_in(2)) {
        return;
    }
    sum = csum_finish(csum_continue(packet_csum_pseudoheader(ip),
                                    f->data + ofs, f->size - ofs));
    if (!sum) {
        sum = OVS_BE16_MAX;
    }
    memcpy(to, &sum, sizeof sum);
}

/* Returns where the IP header of 'f', which has at most one VLAN tag, begins,
 * counting from the Ethernet header at 'ofs'. */
static size_t
net_ofs(const struct frame *f, size_t ofs)
{
    const struct eth_header *eth = (void *) (f->data + ofs);

    return (ofs + ETH_HEADER_LEN
            + (eth_type_vlan(eth->eth_type) ? VLAN_HEADER_LEN : 0));
}

/* Makes the packet 'f', which has an IPv4 header at 'ofs', about as long as
 * 'port' takes, if 'growth' bytes are added, or as short as can be. */
static void
resize(struct frame *f, size_t ofs, uint32_t port, int growth)
{
    size_t limit = MIN(target_max_len(port), MAX_PACKET);
    size_t size = (one_in(3) ? ofs + IP_HEADER_LEN + rnd(60)
                   : limit + 6 - rnd(16) - growth);

    if (f->size > size) {
        f->size = size;
    } else {
        put_random(f, size - f->size);
    }
    set_ip_len(f, ofs, f->size - ofs);
}

/* Changes the packet of 'v', which has a plain header and goes to 'port', a
 * little: what a train compares, what it looks at in each packet, and what it
 * leaves out. */
static void
change_outer(struct tunnel_case *v, uint32_t port)
{
    struct frame *f = &v->frame;
    size_t ip = v->outer.l3_ofs, udp = v->outer.l4_ofs;
    size_t vxlan = udp + UDP_HEADER_LEN, inner = vxlan + VXLAN_LEN;
    size_t inner_ip = net_ofs(f, inner);

    switch (rnd(14)) {
    case 0: /* The tunnel's number. */
        flip(f, vxlan + 4, 3);
        break;
    case 1: /* Flags and what is reserved. */
        flip(f, vxlan, one_in(2) ? 4 : 8);
        break;
    case 2: /* A checksum of UDP. */
        put_udp_csum(f, udp);
        break;
    case 3: /* A wrong checksum of IP. */
        flip(f, ip + 10, 2);
        break;
    case 4: /* Another identification. */
        flip(f, ip + 4, 2);
        fix_ip_csum(f, ip);
        break;
    case 5: case 6: /* Inner headers. */
        flip(f, inner, 60);
        break;
    case 7: /* Outer headers. */
        flip(f, 0, udp + UDP_HEADER_LEN);
        if (one_in(2)) {
            fix_ip_csum(f, ip);
        }
        break;
    case 8: /* Too short. */
        f->size = ETH_HEADER_LEN + rnd(f->size - ETH_HEADER_LEN);
        if (one_in(2)) {
            set_ip_len(f, ip, f->size - ip);
        }
        break;
    case 9: /* The outer length. */
        set_ip_len(f, ip, rnd(one_in(2) ? 80 : 1600));
        break;
    case 10: /* The inner length. */
        set_ip_len(f, inner_ip, rnd(one_in(2) ? 80 : 1600));
        break;
    case 11: case 12: /* Another length, that fits or not. */
        resize(f, inner_ip, port, -(int) inner);
        set_ip_len(f, ip, f->size - ip);
        break;
    case 13: /* The length of UDP, at which nobody looks. */
        flip(f, udp + 4, 2);
        break;
    }
}

/* Notes in 'v' whether XDP leaves its packet, the flow of whose header is
 * 'flow', alone although userspace can pop that. */
static void
judge_outer(struct tunnel_case *v, const struct flow *flow)
{
    size_t opts_len = (v->outer.type == XDP_TUNNEL_GENEVE
                       ? (v->frame.data[PLAIN_LEN - VXLAN_LEN] & 0x3f) * 4
                       : 0);

    v->outer.is_hard = (v->frame.data[v->outer.l3_ofs] >> 4 != 4
                        || flow->nw_frag || flow->nw_proto != IPPROTO_UDP
                        || opts_len > XDP_TUNNEL_MAX_OPTS
                        || (v->frame.size
                            < PLAIN_LEN + opts_len + ETH_HEADER_LEN));
}

/* Gives 'b' actions of a fast list, of packets like that of 'flow'. */
static void
make_behind_actions(struct behind *b, const struct flow *flow)
{
    struct ofpbuf *buf = &b->t.actions.buf;
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
        .vlan_tci = htons(VLAN_CFI | rnd(4096)),
    };
    bool pops = flow->vlans[0].tci & htons(VLAN_CFI) && one_in(2);
    bool pushes = one_in(2);

    b->port = rnd(N_PORTS);
    b->growth = pushes && !pops ? VLAN_HEADER_LEN : 0;
    ofpbuf_use_stub(buf, b->t.actions.stub, sizeof b->t.actions.stub);
    if (pops) {
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
    }
    if (pushes) {
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
    }
    nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + b->port));
}

/* Puts the flows 'b' behind the tunnel of 'c' into the table.  Returns false
 * if one is refused, as those that look at too much are. */
static bool
put_behind(struct tunnel_case *c, struct behind b[N_BEHIND])
{
    bool is_exact = one_in(2);
    struct flow_wildcards wc;
    struct match match;

    rng_start(32, c->index % N_BEHIND_MASKS);
    if (is_exact) {
        make_exact_match(&c->flow, &match);
    } else {
        make_match(&c->flow, rnd(N_BEHIND_MASKS), &match);
    }
    wc = match.wc;
    mask_tunnel(&c->flow, &wc, true);
    wc.masks.tunnel.tun_id = OVS_BE64_MAX;
    wc.masks.vlans[0].tci |= htons(VLAN_CFI);
    rng_start(33, c->index);

    for (size_t i = 0; i < N_BEHIND; i++) {
        init_tested(&b[i].t, &tunnels[c->outer.type]);
    }
    for (size_t i = 0; i < N_BEHIND; i++) {
        struct flow flow = c->flow;
        struct xdp_translation tr;
        enum xdp_table_error error;

        if (i) {
            flow.tunnel.tun_id ^= htonll(1 << rnd(24));
        }
        match_init(&b[i].t.match, &flow, &wc);
        make_behind_actions(&b[i], &flow);
        if (put_tested(&b[i].t, &error, &tr) || error) {
            ofpbuf_uninit(&b[i].t.actions.buf);
            return false;
        }
    }
    return true;
}

/* Checks that the packet of 'c', which its first flow does not take, stays as
 * it is. */
static bool
check_missed(struct tunnel_case *c)
{
    uint64_t expected[XDP_COUNTER_MAX] = {
        [XDP_COUNTER_PACKETS] = 1,
        [XDP_COUNTER_MISSES] = 1,
        [XDP_COUNTER_NO_SOCKET] = 1,
    };
    uint64_t before[XDP_COUNTER_MAX];
    const char *culprit, *problem = NULL;
    uint8_t out[MAX_OUT];
    size_t out_size;
    uint32_t verdict;
    uint64_t by;

    xdp_flow_table_get_counters(object->table, before);
    verdict = run_program(c->first.device->ifindex, c->frame.data,
                          c->frame.size, out, &out_size);
    if (verdict != XDP_PASS || out_size != c->frame.size
        || memcmp(out, c->frame.data, out_size)) {
        problem = "a packet of no flow was touched";
    } else if (!check_hits(before, expected, 0, &culprit, &by)) {
        problem = culprit;
    }
    if (problem) {
        tunnel_failure(c, NULL, problem);
    }
    return !problem;
}

/* Checks that the packet of 'c', which is too large for the device of 'b', is
 * popped and left to userspace, which knows no such pass here. */
static bool
check_large(struct tunnel_case *c, struct behind *b)
{
    uint64_t expected[XDP_COUNTER_MAX] = {
        [XDP_COUNTER_PACKETS] = 1,
        [XDP_COUNTER_RECIRC] = 1,
        [XDP_COUNTER_TNL_POP] = 1,
        [XDP_COUNTER_TOO_LARGE] = 1,
        [XDP_COUNTER_DROP_RECIRC] = 1,
    };
    uint64_t before[XDP_COUNTER_MAX];
    const char *culprit, *problem = NULL;
    uint8_t out[MAX_OUT];
    size_t out_size;
    uint32_t verdict;
    uint64_t by;

    xdp_flow_table_get_counters(object->table, before);
    verdict = run_program(c->first.device->ifindex, c->frame.data,
                          c->frame.size, out, &out_size);
    c->first.stats.n_packets++;
    c->first.stats.n_bytes += c->frame.size;
    if (verdict != XDP_DROP || out_size != dp_packet_size(c->popped)
        || memcmp(out, dp_packet_data(c->popped), out_size)) {
        problem = "a packet that is too large behind the tunnel";
    } else if (!check_hits(before, expected, 2, &culprit, &by)) {
        problem = culprit;
    }
    if (problem) {
        tunnel_failure(c, &b->t, problem);
    }
    event_count[EVENT_TRAIN_POP_LARGE]++;
    return !problem;
}

/* Checks what 'b' makes of the packet of 'c', and what is counted. */
static bool
check_behind(struct tunnel_case *c, struct behind *b)
{
    static struct executed executed;
    uint64_t before[XDP_COUNTER_MAX], expected[XDP_COUNTER_MAX];
    const char *culprit;
    uint64_t by;

    execute_second(c, &b->t, &executed);
    memcpy(expected, executed.common.counters, sizeof expected);
    expected[XDP_COUNTER_PACKETS]++;
    expected[XDP_COUNTER_RECIRC]++;
    expected[XDP_COUNTER_TNL_POP]++;
    expected[XDP_COUNTER_OUTPUT]++;
    xdp_flow_table_get_counters(object->table, before);
    if (!run_both(c, &b->t, &executed)) {
        return false;
    }
    if (!executed.common.is_odd && !executed.common.must_drop
        && !check_hits(before, expected, 2, &culprit, &by)) {
        tunnel_failure(c, &b->t, culprit);
        return false;
    }
    return true;
}

/* Runs the packet of 'v', which is that of 'c' or nearly so.  Returns false
 * and says so if anything is wrong. */
static bool
run_pop(struct tunnel_case *c, struct behind b[N_BEHIND],
        struct tunnel_case *v)
{
    struct device *device = c->first.device;
    struct behind *hit = NULL;
    struct flow flow;
    bool ok;

    extract(v->frame.data, v->frame.size, ODP_BASE + device->port, &flow);
    if (!flow_equal_except(&flow, &c->first.match.flow,
                           &c->first.match.wc)) {
        return check_missed(v);
    }
    judge_outer(v, &flow);
    v->first.stats = c->first.stats;
    v->popped = pop_in_userspace(&v->outer, &v->frame, 0, 0);
    if (v->popped && !is_hard_pop(v)) {
        flow_extract(v->popped, &v->flow);
        for (size_t i = 0; i < N_BEHIND; i++) {
            if (flow_equal_except(&v->flow, &b[i].t.match.flow,
                                  &b[i].t.match.wc)) {
                hit = &b[i];
            }
        }
    }
    ok = (!hit ? (check_pop(v), !part_failures)
          : dp_packet_size(v->popped) + hit->growth
            > target_max_len(hit->port) ? check_large(v, hit)
          : check_behind(v, hit));
    c->first.stats = v->first.stats;
    dp_packet_delete(v->popped);
    return ok;
}

/* Runs the packet of 'c' until it is run in one step, if it can be.  Returns
 * false and says so if anything is wrong. */
static bool
run_pop_train(struct tunnel_case *c, struct behind b[N_BEHIND],
              struct tunnel_case *v)
{
    for (int i = 0; i < N_REPEATS; i++) {
        *v = *c;
        if (!run_pop(c, b, v)) {
            return false;
        }
    }
    mark_key();
    *v = *c;
    if (!run_pop(c, b, v)) {
        return false;
    }
    event_count[EVENT_TRAIN_POP_ONCE] += key_is_marked();
    return true;
}

/* Runs case 'index' of trains that come out of a tunnel. */
void
test_one_pop_train(unsigned long int index)
{
    static struct tunnel_case c, v;
    static struct behind b[N_BEHIND];
    struct xdp_flow_table_stats stats;
    struct xdp_translation tr;
    enum xdp_table_error error;
    bool ok;

    rng_start(30, index);
    set_vlan_limit(XDP_VLAN_MAX);
    c.part = "trains";
    c.index = index;
    c.recirc_id = c.dp_hash = 0;
    c.pushes = false;
    make_packet(&c.inner, one_in(2) ? KIND_TCP : KIND_UDP, one_in(4));
    c.inner.size = MIN(c.inner.size, MAX_PACKET - MAX_OUTER);
    do {
        make_outer(&c.outer, &c.frame, &c.inner);
    } while (c.outer.is_ipv6 || c.outer.n_tags
             || (c.outer.type != XDP_TUNNEL_VXLAN
                 && (c.outer.type != XDP_TUNNEL_GENEVE || !one_in(16)))
             || (c.outer.has_csum && !one_in(4)));
    c.popped = pop_in_userspace(&c.outer, &c.frame, 0, 0);
    if (!c.popped || is_hard_pop(&c)) {
        dp_packet_delete(c.popped);
        return;
    }
    flow_extract(c.popped, &c.flow);
    dp_packet_delete(c.popped);
    c.popped = NULL;
    if (!put_first(&c, &devices[rnd(n_devices)])) {
        return;
    }
    ok = put_behind(&c, b);
    for (int i = 0; ok && i < N_STEPS; i++) {
        ok = run_pop_train(&c, b, &v);
        v = c;
        if (one_in(10)) {
            ofpbuf_uninit(&b[0].t.actions.buf);
            make_behind_actions(&b[0], &c.flow);
            if (put_tested(&b[0].t, &error, &tr) || error) {
                tunnel_failure(&c, &b[0].t, "modification refused");
                break;
            }
            event_count[EVENT_MODIFY]++;
            ok = ok && run_pop(&c, b, &v);
            continue;
        }
        if (one_in(4)) {
            /* A packet that finds the other flow, as a train or between. */
            ovs_be32 vni = htonl(ntohll(b[1].t.match.flow.tunnel.tun_id) << 8);

            memcpy(v.frame.data + c.outer.l4_ofs + UDP_HEADER_LEN + 4, &vni,
                   3);
        } else {
            change_outer(&v, b[0].port);
        }
        for (int j = rnd(4); ok && j >= 0; j--) {
            ok = run_pop(&c, b, &v);
            if (ok && one_in(4)) {
                static struct tunnel_case same;

                same = c;
                ok = run_pop(&c, b, &same);
            }
        }
        event_count[EVENT_TRAIN_POP_NEAR]++;
    }

    for (size_t i = 0; i < N_BEHIND && b[i].t.flow; i++) {
        xdp_flow_table_remove(object->table, b[i].t.flow, &stats);
        if (ok && !check_stats(&b[i].t, &stats)) {
            tunnel_failure(&c, &b[i].t, "statistics behind the tunnel");
        }
        ofpbuf_uninit(&b[i].t.actions.buf);
    }
    xdp_flow_table_remove(object->table, c.first.flow, &stats);
    c.first.stats.tcp_flags = 0;
    if (ok && !check_stats(&c.first, &stats)) {
        tunnel_failure(&c, NULL, "statistics before the tunnel");
    }
}

/* A case of a push. */
struct push_case {
    unsigned long int index;
    struct tested_flow t;
    struct ovs_action_push_tnl push;
    uint32_t port;              /* Of the output. */
};

/* Returns true if the header of 'push', of VXLAN or Geneve, is a plain one,
 * without a checksum of UDP. */
static bool
is_plain(const struct ovs_action_push_tnl *push)
{
    const struct udp_header *udp
        = (void *) (push->header + ETH_HEADER_LEN + IP_HEADER_LEN);

    return push->header_len == PLAIN_LEN && !udp->udp_csum;
}

/* Gives the flow of 'c' a header to push, which is a plain one in most
 * cases.  Returns false if that is refused. */
static bool
put_push(struct push_case *c)
{
    struct ofpbuf *buf = &c->t.actions.buf;
    struct xdp_translation tr;
    enum xdp_table_error error;

    do {
        make_push(&c->push);
    } while ((c->push.tnl_type != OVS_VPORT_TYPE_VXLAN
              && c->push.tnl_type != OVS_VPORT_TYPE_GENEVE)
             || (!is_plain(&c->push) && !one_in(32)));
    c->port = rnd(N_PORTS);
    ofpbuf_use_stub(buf, c->t.actions.stub, sizeof c->t.actions.stub);
    nl_msg_put_unspec(buf, OVS_ACTION_ATTR_TUNNEL_PUSH, &c->push,
                      sizeof c->push);
    nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + c->port));
    return !put_tested(&c->t, &error, &tr) && !error;
}

/* Runs 'f', which is the packet of 'c' or nearly so.  Returns false and says
 * so if anything is wrong. */
static bool
run_push(struct push_case *c, const struct frame *f)
{
    uint64_t expected[XDP_COUNTER_MAX] = { [XDP_COUNTER_PACKETS] = 1 };
    uint64_t before[XDP_COUNTER_MAX];
    const char *culprit, *problem = NULL;
    struct dp_packet *packet;
    uint8_t out[MAX_OUT];
    bool hit, leaves;
    struct flow flow;
    size_t out_size;
    uint32_t verdict;
    uint64_t by;

    packet = dp_packet_clone_data_with_headroom(f->data, f->size,
                                                2 + MAX_OUTER);
    pkt_metadata_init(&packet->md,
                      u32_to_odp(ODP_BASE + c->t.device->port));
    flow_extract(packet, &flow);
    hit = flow_equal_except(&flow, &c->t.match.flow, &c->t.match.wc);
    leaves = (hit && (f->size + c->push.header_len
                      <= target_max_len(c->port)));
    if (leaves) {
        dp_packet_set_rss_hash(packet, rss_hash(f->data, f->size));
        xdp_ovs_push_header(netdev_tnl_push_udp_header, NULL, packet,
                            &c->push);
        xdp_ovs_finish_packet(packet);
        expected[XDP_COUNTER_TNL_PUSH]++;
        expected[XDP_COUNTER_OUTPUT]++;
        account(&c->t, &flow, f->size);
    } else {
        expected[XDP_COUNTER_NO_SOCKET]++;
        expected[hit ? XDP_COUNTER_TOO_LARGE : XDP_COUNTER_MISSES]++;
        event_count[EVENT_TRAIN_PUSH_LARGE] += hit;
    }

    xdp_flow_table_get_counters(object->table, before);
    verdict = run_program(c->t.device->ifindex, f->data, f->size, out,
                          &out_size);
    if (verdict != (leaves ? XDP_REDIRECT : XDP_PASS)) {
        problem = "verdict on a packet of a train into a tunnel";
    } else if (out_size != dp_packet_size(packet)
               || memcmp(out, dp_packet_data(packet), out_size)) {
        problem = "packet of a train into a tunnel";
    } else if (!check_hits(before, expected, hit, &culprit, &by)) {
        problem = culprit;
    }
    if (problem && case_failure("trains", c->index, "%s", problem)) {
        print_hex("packet  ", f->data, f->size);
        print_hex("header  ", c->push.header, c->push.header_len);
        print_hex("expected", dp_packet_data(packet),
                  dp_packet_size(packet));
        print_hex("got     ", out, out_size);
    }
    dp_packet_delete(packet);
    return !problem;
}

/* Changes 'f', which goes to 'port' with a plain header, a little. */
static void
change_inner(struct frame *f, uint32_t port)
{
    size_t ip = net_ofs(f, 0);

    switch (rnd(6)) {
    case 0: case 1:
        flip(f, 0, ip + 36);
        break;
    case 2: case 3:
        resize(f, ip, port, PLAIN_LEN);
        break;
    case 4:
        set_ip_len(f, ip, rnd(one_in(2) ? 80 : 1600));
        break;
    case 5:
        mutate(f);
        break;
    }
}

/* Runs case 'index' of trains that go into a tunnel. */
void
test_one_push_train(unsigned long int index)
{
    static struct push_case c;
    struct xdp_flow_table_stats stats;
    struct frame f;
    struct flow flow;
    bool ok;

    rng_start(31, index);
    set_vlan_limit(XDP_VLAN_MAX);
    c.index = index;
    init_tested(&c.t, &devices[rnd(n_devices)]);
    make_packet(&f, one_in(2) ? KIND_TCP : KIND_UDP, one_in(4));
    extract(f.data, f.size, ODP_BASE + c.t.device->port, &flow);
    if (one_in(2)) {
        make_exact_match(&flow, &c.t.match);
    } else {
        make_match(&flow, rnd(N_FIRST_MASKS), &c.t.match);
    }
    ok = put_push(&c);
    for (int i = 0; ok && i < N_STEPS; i++) {
        struct frame changed = f;

        for (int j = 0; ok && j < N_REPEATS; j++) {
            ok = run_push(&c, &f);
        }
        mark_key();
        ok = ok && run_push(&c, &f);
        event_count[EVENT_TRAIN_PUSH_ONCE] += key_is_marked();
        if (one_in(10)) {
            ofpbuf_uninit(&c.t.actions.buf);
            ok = ok && put_push(&c) && run_push(&c, &f);
            continue;
        }
        change_inner(&changed, c.port);
        for (int j = rnd(4); ok && j >= 0; j--) {
            ok = run_push(&c, &changed);
        }
    }
    xdp_flow_table_remove(object->table, c.t.flow, &stats);
    if (ok && !check_stats(&c.t, &stats)) {
        case_failure("trains", index, "statistics of a flow that pushes");
    }
    ofpbuf_uninit(&c.t.actions.buf);
}
