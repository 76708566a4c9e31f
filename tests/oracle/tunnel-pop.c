/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Popping the headers of tunnels.
 *
 * A packet to be popped has a random outer header, which in one of some cases
 * has something wrong or unusual about it.  What userspace drops, and what
 * only userspace can pop, XDP must leave alone.  For the others, the key
 * behind the tunnel is compared with flow_extract(), and what a flow there
 * makes of the packet with odp_execute_actions().  In some cases the header
 * is popped in the second pass, after a first one whose hash must not outlive
 * the header.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "coverage.h"
#include "execute.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "keys.h"
#include "make-actions.h"
#include "netdev-native-tnl.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run-tc.h"
#include "run.h"
#include "tunnels.h"
#include "util.h"
#include "xdp-ovs-compat.h"

/* How many different masks there are of flows behind tunnels. */
#define N_SECOND_MASKS 32

/* Packets that differ a little from a train. */
#define N_VARIANTS 8

/* Returns what userspace makes of 'f', which 'o' describes, when it pops tags
 * and header in the pass 'recirc_id' after an earlier one gave it 'dp_hash',
 * or NULL if it drops it.  The caller frees it. */
struct dp_packet *
pop_in_userspace(const struct outer *o, const struct frame *f,
                 uint32_t recirc_id, uint32_t dp_hash)
{
    struct dp_packet *packet = dp_packet_clone_data_with_headroom(
        f->data, f->size, 2);
    struct flow flow;

    pkt_metadata_init(&packet->md, u32_to_odp(ODP_BASE));
    packet->md.recirc_id = recirc_id;
    packet->md.dp_hash = dp_hash;
    flow_extract(packet, &flow);
    for (int i = 0; i < o->n_tags; i++) {
        eth_pop_vlan(packet);
    }
    switch (o->type) {
    case XDP_TUNNEL_VXLAN: packet = netdev_vxlan_pop_header(packet); break;
    case XDP_TUNNEL_GENEVE: packet = netdev_geneve_pop_header(packet); break;
    case XDP_TUNNEL_GRE: packet = netdev_gre_pop_header(packet); break;
    case XDP_TUNNEL_ERSPAN: packet = netdev_erspan_pop_header(packet); break;
    case XDP_TUNNEL_NONE:
    default:
        OVS_NOT_REACHED();
    }
    if (packet) {
        dp_packet_reset_offload(packet);
        pkt_metadata_init_conn(&packet->md);
        packet->md.in_port.odp_port = u32_to_odp(ODP_BASE
                                                 + tunnels[o->type].port);
    }
    return packet;
}

/* Stores in '*key' what the program should make of 'flow', which was extracted
 * behind tunnel 'port'. */
static void
tunnel_key_from_flow(const struct flow *flow, uint32_t port,
                     struct xdp_key *key)
{
    const struct flow_tnl *tnl = &flow->tunnel;

    key_from_flow(flow, port, key);
    key->recirc_id = flow->recirc_id;
    key->dp_hash = flow->dp_hash;
    key->tun_ip_src = tnl->ip_src;
    key->tun_ip_dst = tnl->ip_dst;
    memcpy(key->tun_ipv6_src, &tnl->ipv6_src, sizeof key->tun_ipv6_src);
    memcpy(key->tun_ipv6_dst, &tnl->ipv6_dst, sizeof key->tun_ipv6_dst);
    key->tun_tun_id = tnl->tun_id;
    key->tun_flags = tnl->flags;
    key->tun_ip_tos = tnl->ip_tos;
    key->tun_ip_ttl = tnl->ip_ttl;
    key->tun_tp_src = tnl->tp_src;
    key->tun_tp_dst = tnl->tp_dst;
    key->tun_erspan_ver = tnl->erspan_ver;
    key->tun_erspan_idx = tnl->erspan_idx;
    if (tnl->flags & FLOW_TNL_F_UDPIF) {
        key->tun_opts_len = tnl->metadata.present.len;
        memcpy(key->tun_opts, tnl->metadata.opts.gnv, key->tun_opts_len);
    }
}

/* Makes the mask 'wc' of a flow behind a tunnel look at 'flow''s tunnel, too,
 * in random bits, but in all of its options if 'with_opts'. */
void
mask_tunnel(const struct flow *flow, struct flow_wildcards *wc, bool with_opts)
{
    struct flow_tnl *m = &wc->masks.tunnel;

#define MASK(FIELD)                                     \
    if (one_in(2)) {                                    \
        if (one_in(2)) {                                \
            memset(&m->FIELD, 0xff, sizeof m->FIELD);   \
        } else {                                        \
            rnd_mask(&m->FIELD, sizeof m->FIELD);       \
        }                                               \
    }

    MASK(ip_src);
    MASK(ip_dst);
    if (one_in(2)) {
        MASK(ipv6_src);
        MASK(ipv6_dst);
    }
    MASK(tun_id);
    MASK(flags);
    MASK(ip_tos);
    MASK(ip_ttl);
    MASK(tp_src);
    MASK(tp_dst);
    MASK(erspan_ver);
    MASK(erspan_idx);
#undef MASK
    if (flow->tunnel.flags & FLOW_TNL_F_UDPIF) {
        /* As ofproto always does it. */
        m->metadata.present.len = UINT8_MAX;
        if (with_opts) {
            memset(m->metadata.opts.gnv, 0xff,
                   flow->tunnel.metadata.present.len);
        } else if (one_in(2)) {
            rnd_mask(m->metadata.opts.gnv, flow->tunnel.metadata.present.len);
        }
    }
}

/* Returns true if only userspace can pop the header of 'c', which it does: at
 * tc, too little is behind it, or two tags are. */
bool
is_hard_pop(const struct tunnel_case *c)
{
    const ovs_be16 *types = dp_packet_at(c->popped, 2 * ETH_ADDR_LEN,
                                         3 * sizeof *types);
    size_t least = (ETH_HEADER_LEN + VLAN_HEADER_LEN
                    + (c->outer.is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN));

    return (c->outer.is_hard
            || (hook_tc
                && (dp_packet_size(c->popped) < least
                    || (eth_type_vlan(types[0]) && eth_type_vlan(types[2])))));
}

/* Says what is wrong with 'c', of which 'second' is the flow behind the
 * tunnel, or NULL. */
void
tunnel_failure(const struct tunnel_case *c, const struct tested_flow *second,
               const char *problem)
{
    if (case_failure(c->part, c->index, "%s", problem)) {
        const struct tested_flow *flows[] = { c->recirc_id ? &c->hash : NULL,
                                              &c->first, second };
        struct xdp_key key;

        for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
            struct ds s = DS_EMPTY_INITIALIZER;

            if (!flows[i]) {
                continue;
            }
            match_format(&flows[i]->match, NULL, &s, OFP_DEFAULT_PRIORITY);
            ds_put_cstr(&s, " actions:");
            format_odp_actions(&s, flows[i]->actions.buf.data,
                               flows[i]->actions.buf.size, NULL);
            printf("  %s\n", ds_cstr(&s));
            ds_destroy(&s);
        }
        printf("  tunnel type %d, IPv%d, %d tags%s\n", c->outer.type,
               c->outer.is_ipv6 ? 6 : 4, c->outer.n_tags,
               c->outer.is_hard ? ", for userspace only" : "");
        print_hex("packet", c->frame.data, c->frame.size);
        read_key(&key);
        print_hex("key   ", &key, sizeof key);
    }
}

/* Puts a flow from 'device' into the table that hashes the packet of 'c' and
 * gives it another pass.  Returns false if there is none. */
static bool
put_hash(struct tunnel_case *c, struct device *device)
{
    static struct executed executed;
    struct ovs_action_hash hash = {
        .hash_alg = one_in(2) ? OVS_HASH_ALG_L4 : OVS_HASH_ALG_SYM_L4,
        .hash_basis = rnd(UINT32_MAX),
    };
    struct tested_flow *t = &c->hash;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct flow flow;

    init_tested(t, device);
    extract(c->frame.data, c->frame.size, ODP_BASE + device->port, &flow);
    make_match(&flow, rnd(N_FIRST_MASKS), &t->match);
    ofpbuf_use_stub(&t->actions.buf, t->actions.stub, sizeof t->actions.stub);
    nl_msg_put_unspec(&t->actions.buf, OVS_ACTION_ATTR_HASH, &hash,
                      sizeof hash);
    nl_msg_put_u32(&t->actions.buf, OVS_ACTION_ATTR_RECIRC,
                   1 + rnd(UINT32_MAX - 1));
    if (put_tested(t, &error, &tr) || error) {
        case_failure(c->part, c->index, "flow that hashes was refused");
        return false;
    }
    execute_pass(c->frame.data, c->frame.size,
                 rss_hash(c->frame.data, c->frame.size), 0, &t->actions.buf,
                 &t->ops, &executed);
    c->recirc_id = executed.recirc_id;
    c->dp_hash = executed.dp_hash;
    return true;
}

/* Puts the flow that pops the header of 'c' into the table. */
bool
put_first(struct tunnel_case *c, struct device *device)
{
    struct tested_flow *t = &c->first;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct flow flow;

    init_tested(t, device);
    extract(c->frame.data, c->frame.size, ODP_BASE + device->port, &flow);
    flow.recirc_id = c->recirc_id;
    flow.dp_hash = c->dp_hash;
    make_match(&flow, rnd(N_FIRST_MASKS), &t->match);
    ofpbuf_use_stub(&t->actions.buf, t->actions.stub, sizeof t->actions.stub);
    for (int i = 0; i < c->outer.n_tags; i++) {
        nl_msg_put_flag(&t->actions.buf, OVS_ACTION_ATTR_POP_VLAN);
    }
    nl_msg_put_u32(&t->actions.buf, OVS_ACTION_ATTR_TUNNEL_POP,
                   ODP_BASE + tunnels[c->outer.type].port);
    if (put_tested(t, &error, &tr) || error) {
        tunnel_failure(c, NULL, "flow that pops was refused");
        return false;
    }
    return true;
}

/* Returns true if 'packet' begins with a VLAN tag. */
static bool
is_tagged(const struct dp_packet *packet)
{
    const struct eth_header *eth = dp_packet_at(packet, 0, sizeof *eth);

    return eth && eth_type_vlan(eth->eth_type);
}

/* Runs the packet of 'c'.  Returns the verdict, and stores what leaves in
 * 'out' and '*out_size'. */
static uint32_t
run_case(struct tunnel_case *c, uint8_t out[MAX_OUT], size_t *out_size)
{
    if (c->recirc_id) {
        c->hash.stats.n_packets++;
        c->hash.stats.n_bytes += c->frame.size;
    }
    return run_program(c->first.device->ifindex, c->frame.data, c->frame.size,
                       out, out_size);
}

/* Runs the packet of 'c' when no flow is behind the tunnel, and compares what
 * XDP knows about it with what userspace says.  Returns true if XDP has popped
 * the header as it should. */
bool
check_pop(struct tunnel_case *c)
{
    uint64_t before[XDP_COUNTER_MAX];
    uint64_t expected[XDP_COUNTER_MAX] = { [XDP_COUNTER_PACKETS] = 1 };
    uint64_t n_earlier = c->recirc_id != 0;
    struct xdp_key key, expected_key;
    const char *culprit, *problem = NULL;
    uint8_t out[MAX_OUT];
    size_t out_size;
    uint32_t verdict;
    uint64_t by;

    xdp_flow_table_get_counters(object->table, before);
    if (!c->popped || !is_tagged(c->popped)) {
        know_sum(NULL, 0);
    }
    verdict = run_case(c, out, &out_size);
    expected[XDP_COUNTER_RECIRC] = n_earlier;
    if (!c->popped || is_hard_pop(c)) {
        expected[XDP_COUNTER_TNL_ODD] = 1;
        expected[n_earlier ? XDP_COUNTER_DROP_RECIRC
                 : XDP_COUNTER_NO_SOCKET] = 1;
        if (verdict != (n_earlier ? XDP_DROP : XDP_PASS)
            || !is_left(verdict, c->frame.data, c->frame.size, out,
                        out_size)) {
            problem = "a header for userspace was touched";
        }
    } else {
        expected[XDP_COUNTER_POP_VLAN] = c->outer.n_tags;
        expected[XDP_COUNTER_TNL_POP] = 1;
        expected[XDP_COUNTER_RECIRC]++;
        expected[XDP_COUNTER_MISSES] = 1;
        expected[XDP_COUNTER_DROP_RECIRC] = 1;
        c->first.stats.n_packets++;
        c->first.stats.n_bytes += c->frame.size;
        flow_extract(c->popped, &c->flow);
        tunnel_key_from_flow(&c->flow, tunnels[c->outer.type].port,
                             &expected_key);
        read_key(&key);
        for (size_t i = 0; i < N_FIELDS; i++) {
            field_nonzero[i] += field_is_nonzero(&expected_key, &fields[i]);
        }
        if (verdict != XDP_DROP
            || !is_left(verdict, dp_packet_data(c->popped),
                        dp_packet_size(c->popped), out, out_size)) {
            problem = "the packet behind the tunnel";
        } else if (memcmp(&key, &expected_key, sizeof key)) {
            problem = "the key behind the tunnel";
        }
    }
    if (verdict == BAD_SUM) {
        problem = "the sum that the kernel knows";
    } else if (!problem && !check_hits(before, expected, n_earlier + 1,
                                       &culprit, &by)) {
        problem = culprit;
    }
    if (problem) {
        tunnel_failure(c, NULL, problem);
        if (c->popped && !is_hard_pop(c)) {
            print_hex("expected", &expected_key, sizeof expected_key);
            print_hex("expected packet", dp_packet_data(c->popped),
                      dp_packet_size(c->popped));
        }
        print_hex("got packet     ", out, out_size);
        return false;
    }
    event_count[!c->popped ? EVENT_TUNNEL_BAD
                : is_hard_pop(c) ? EVENT_TUNNEL_HARD
                : EVENT_TUNNEL_POP]++;
    event_count[EVENT_TUNNEL_HASH] += c->popped && c->dp_hash;
    return c->popped && !is_hard_pop(c);
}

/* Puts a flow behind the tunnel of 'c' into the table as 't', of which a bit
 * of the tunnel's match is wrong if 'flip'.  Returns false if that is not
 * possible. */
static bool
put_second(struct tunnel_case *c, struct tested_flow *t, bool flip)
{
    struct flow_wildcards wc;
    struct xdp_translation tr;
    enum xdp_table_error error;
    bool is_exact = c->index / N_SECOND_MASKS % 2;
    struct flow flow = c->flow;
    struct match match;

    init_tested(t, &tunnels[c->outer.type]);
    rng_start(25, c->index % N_SECOND_MASKS);
    if (is_exact) {
        make_exact_match(&flow, &match);
        wc = match.wc;
        mask_tunnel(&flow, &wc, true);
        wc.masks.tunnel.tun_id = OVS_BE64_MAX;
    } else {
        make_match(&flow, rnd(N_FIRST_MASKS), &match);
        wc = match.wc;
        add_prerequisites(&flow, &wc);
        mask_tunnel(&flow, &wc, c->index % 4 == 0);
    }
    rng_start(26 + flip, c->index);
    if (flip) {
        uint8_t *byte = (uint8_t *) &flow.tunnel;
        const uint8_t *mask = (uint8_t *) &wc.masks.tunnel;
        size_t n = offsetof(struct flow_tnl, gbp_id), start = rnd(n), i;

        for (i = 0; i < n && !mask[(start + i) % n]; i++) {
            continue;
        }
        if (i == n) {
            return false;
        }
        i = (start + i) % n;
        byte[i] ^= mask[i] & -mask[i];
        if (!flow_tnl_dst_is_set(&flow.tunnel)
            || (i >= offsetof(struct flow_tnl, flags)
                && i < offsetof(struct flow_tnl, ip_tos))) {
            /* It would be another kind of flow. */
            return false;
        }
    }
    match_init(&t->match, &flow, &wc);
    c->pushes = !is_exact && one_in(4);
    if (is_exact) {
        ofpbuf_use_stub(&t->actions.buf, t->actions.stub,
                        sizeof t->actions.stub);
        nl_msg_put_odp_port(&t->actions.buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(ODP_BASE));
    } else if (c->pushes) {
        /* From one tunnel into the next. */
        do {
            make_push(&c->push);
        } while (c->push.tnl_type != OVS_VPORT_TYPE_VXLAN);
        ofpbuf_use_stub(&t->actions.buf, t->actions.stub,
                        sizeof t->actions.stub);
        nl_msg_put_unspec(&t->actions.buf, OVS_ACTION_ATTR_TUNNEL_PUSH,
                          &c->push, sizeof c->push);
        nl_msg_put_odp_port(&t->actions.buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(ODP_BASE));
    } else {
        make_pass(&t->actions, &c->flow, &wc, 0);
    }
    if (put_tested(t, &error, &tr) || error) {
        ofpbuf_uninit(&t->actions.buf);
        return false;
    }
    for (size_t i = 0; i < N_FIELDS; i++) {
        field_matched[i] += field_is_nonzero(&tr.mask, &fields[i]);
    }
    return true;
}

/* Runs the packet of 'c', of which the flow 't' behind the tunnel is to make
 * 'expected', unless it leaves that to userspace, which knows no such pass
 * here.  Returns false and says so if it does not. */
bool
run_both(struct tunnel_case *c, struct tested_flow *t,
         const struct executed *expected)
{
    const struct copy *copy = &expected->copies[0];
    uint8_t out[MAX_OUT];
    size_t out_size;
    uint32_t verdict;

    if (c->pushes && !is_tagged(c->popped)) {
        know_sum(NULL, 0);
    }
    verdict = run_case(c, out, &out_size);
    c->first.stats.n_packets++;
    c->first.stats.n_bytes += c->frame.size;
    n_tunnel_popped++;
    if (is_odd_at_tc(t, dp_packet_data(c->popped),
                     dp_packet_size(c->popped))) {
        if (verdict != XDP_DROP
            || !is_left(verdict, dp_packet_data(c->popped),
                        dp_packet_size(c->popped), out, out_size)) {
            tunnel_failure(c, t, "what was for userspace was touched");
            print_hex("got     ", out, out_size);
            return false;
        }
        return true;
    }
    account(t, &c->flow, dp_packet_size(c->popped));
    if (verdict == BAD_SUM) {
        tunnel_failure(c, t, "the sum that the kernel knows");
        return false;
    }
    if (!expected->common.is_odd && !expected->common.must_drop
        && !expected->common.odd_csum
        && (verdict != XDP_REDIRECT || out_size != copy->size
            || memcmp(out, copy->data, out_size))) {
        tunnel_failure(c, t, "what leaves");
        print_hex("expected", copy->data, copy->size);
        print_hex("got     ", out, out_size);
        return false;
    }
    return true;
}

/* Runs the packet of 'c', which was the last one of a train, with a bit of the
 * tunnel's own header flipped, which a train does not compare, but which makes
 * it a packet for userspace. */
static void
run_spoiled(struct tunnel_case *c)
{
    uint64_t n_earlier = c->recirc_id != 0;
    uint64_t expected[XDP_COUNTER_MAX] = {
        [XDP_COUNTER_PACKETS] = 1,
        [XDP_COUNTER_TNL_ODD] = 1,
        [XDP_COUNTER_RECIRC] = n_earlier,
        [XDP_COUNTER_DROP_RECIRC] = n_earlier,
        [XDP_COUNTER_NO_SOCKET] = !n_earlier,
    };
    bool is_gre = (c->outer.type == XDP_TUNNEL_GRE
                   || c->outer.type == XDP_TUNNEL_ERSPAN);
    uint64_t before[XDP_COUNTER_MAX];
    uint8_t out[MAX_OUT];
    const char *culprit;
    uint8_t *flags;
    size_t out_size;
    uint32_t verdict;
    uint64_t by;

    flags = &c->frame.data[c->outer.l4_ofs + (is_gre ? 0 : UDP_HEADER_LEN)];
    *flags ^= 0x40;
    xdp_flow_table_get_counters(object->table, before);
    verdict = run_case(c, out, &out_size);
    if (verdict != (n_earlier ? XDP_DROP : XDP_PASS)
        || !is_left(verdict, c->frame.data, c->frame.size, out, out_size)) {
        tunnel_failure(c, NULL, "a spoiled header in a train was popped");
    } else if (!check_hits(before, expected, n_earlier + 1, &culprit, &by)) {
        tunnel_failure(c, NULL, culprit);
    }
    *flags ^= 0x40;
}

/* Stores in '*expected' what the flow 't' behind the tunnel is to make of the
 * packet of 'c'. */
void
execute_second(struct tunnel_case *c, struct tested_flow *t,
               struct executed *expected)
{
    struct copy *copy = &expected->copies[0];
    uint32_t hash = rss_hash(dp_packet_data(c->popped),
                             dp_packet_size(c->popped));

    if (c->pushes) {
        struct dp_packet *packet = dp_packet_clone_with_headroom(c->popped,
                                                                 MAX_OUTER);

        memset(&expected->common, 0, sizeof expected->common);
        dp_packet_set_rss_hash(packet, hash);
        xdp_ovs_push_header(netdev_tnl_push_udp_header, NULL, packet,
                            &c->push);
        xdp_ovs_finish_packet(packet);
        copy->size = dp_packet_size(packet);
        memcpy(copy->data, dp_packet_data(packet), copy->size);
        dp_packet_delete(packet);
    } else {
        execute_pass(dp_packet_data(c->popped), dp_packet_size(c->popped),
                     hash, c->flow.dp_hash, &t->actions.buf, &t->ops,
                     expected);
    }
}

/* Runs a packet that differs from that of 'c', the last one of a train, only
 * in what a train does not see before it pops the header: in the number of the
 * tunnel, or in the header behind.  't' is the only flow there.  Returns false
 * and says so if anything is wrong. */
static bool
run_variant(const struct tunnel_case *c, struct tested_flow *t,
            struct tunnel_case *v)
{
    static struct executed executed;
    size_t inner = c->frame.size - c->inner.size;
    uint32_t ofs = (one_in(3)
                    ? c->outer.l4_ofs + UDP_HEADER_LEN + 4 + rnd(3)
                    : inner + rnd(MIN(c->inner.size, 60)));
    bool ok;

    *v = *c;
    v->frame.data[ofs] ^= 1u << rnd(8);
    v->popped = pop_in_userspace(&v->outer, &v->frame, v->recirc_id,
                                 v->dp_hash);
    if (!v->popped) {
        return true;
    }
    flow_extract(v->popped, &v->flow);
    if (!is_hard_pop(v)
        && flow_equal_except(&v->flow, &t->match.flow, &t->match.wc)) {
        execute_second(v, t, &executed);
        ok = run_both(v, t, &executed);
        event_count[EVENT_TRAIN_VARIANT]++;
    } else {
        ok = check_pop(v);
    }
    dp_packet_delete(v->popped);
    return ok;
}

/* Checks what the flow 't' behind the tunnel makes of the packet of 'c', and
 * of a train of them. */
static void
check_second(struct tunnel_case *c, struct tested_flow *t)
{
    static struct executed executed;
    static struct tunnel_case variant;
    uint64_t before[XDP_COUNTER_MAX];
    bool ok;

    execute_second(c, t, &executed);
    op_count[XDP_OP_TNL_POP]++;
    if (!run_both(c, t, &executed) || one_in(2)) {
        return;
    }
    for (int i = 0; i < N_REPEATS; i++) {
        if (!run_both(c, t, &executed)) {
            return;
        }
    }
    set_hints(NO_HINTS);
    xdp_flow_table_get_counters(object->table, before);
    if (!run_both(c, t, &executed)) {
        return;
    }
    ok = true;
    if (passes_in_train(before)) {
        event_count[EVENT_TRAIN_POP]++;
        event_count[EVENT_TRAIN_BEHIND] += (!c->recirc_id
                                            && passes_in_train(before) > 1);
        for (int i = 0; ok && !c->outer.has_csum && i < N_VARIANTS; i++) {
            ok = run_variant(c, t, &variant);
            c->first.stats = variant.first.stats;
            c->hash.stats = variant.hash.stats;
            for (int j = rnd(3); ok && j > 0; j--) {
                ok = run_both(c, t, &executed);
            }
        }
    }
    if (ok) {
        run_spoiled(c);
    }
}

/* Runs case 'index' of a pop. */
void
test_one_pop(unsigned long int index)
{
    static struct tunnel_case c;
    static struct tested_flow t;
    struct xdp_flow_table_stats stats;
    struct device *device;
    bool repeated, popped;

    rng_start(23, index);
    set_vlan_limit(XDP_VLAN_MAX);
    c.part = "tunnels";
    c.index = index;
    c.recirc_id = c.dp_hash = 0;
    repeated = one_in(2);
    if (repeated) {
        make_packet(&c.inner, one_in(2) ? KIND_TCP : KIND_UDP, one_in(8));
    } else {
        make_any_packet(&c.inner, index);
    }
    c.inner.size = MIN(c.inner.size, MAX_PACKET - MAX_OUTER);
    do {
        make_outer(&c.outer, &c.frame, &c.inner);
    } while (repeated && (c.outer.is_ipv6 || c.outer.type == XDP_TUNNEL_GRE
                          || c.outer.type == XDP_TUNNEL_ERSPAN));
    device = &devices[rnd(n_devices)];
    if ((one_in(4) && !put_hash(&c, device)) || !put_first(&c, device)) {
        return;
    }
    c.popped = pop_in_userspace(&c.outer, &c.frame, c.recirc_id, c.dp_hash);
    popped = check_pop(&c);
    n_tunnel_left += !popped;
    for (int i = 0; !popped && i < N_REPEATS; i++) {
        /* In a train, it is as odd. */
        check_pop(&c);
    }
    if (popped && put_second(&c, &t, false)) {
        check_second(&c, &t);
        xdp_flow_table_remove(object->table, t.flow, &stats);
        if (!check_stats(&t, &stats)) {
            tunnel_failure(&c, &t, "statistics behind the tunnel");
        }
        ofpbuf_uninit(&t.actions.buf);
        if (one_in(16)) {
            /* The next flow gets the slot that a hint leads to. */
            reclaim();
        }
    }
    if (popped && put_second(&c, &t, true)) {
        if (check_pop(&c)) {
            event_count[EVENT_TUNNEL_MISS]++;
        }
        xdp_flow_table_remove(object->table, t.flow, &stats);
        ofpbuf_uninit(&t.actions.buf);
    }
    xdp_flow_table_remove(object->table, c.first.flow, &stats);
    if (!popped) {
        c.first.stats.n_packets = c.first.stats.n_bytes = 0;
    }
    c.first.stats.tcp_flags = 0;
    if (!check_stats(&c.first, &stats)) {
        tunnel_failure(&c, NULL, "statistics before the tunnel");
    }
    if (c.recirc_id) {
        xdp_flow_table_remove(object->table, c.hash.flow, &stats);
        if (!check_stats(&c.hash, &stats)) {
            tunnel_failure(&c, NULL, "statistics of the pass that hashes");
        }
    }
    dp_packet_delete(c.popped);
}
