/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "segments": packets at tc that stand for several.  They leave as they
 * are, in one or two copies, and count as what they stand for, or go to
 * userspace if the segments may match different flows, or need labels.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "coverage.h"
#include "dp-packet.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run-tc.h"
#include "run.h"
#include "util.h"

static unsigned long int n_wholes, n_odds, n_labeled, n_tunnels;

/* What a packet with several segments is to count as. */
struct segments {
    bool is_whole;              /* Or else it goes to userspace... */
    bool is_labeled;            /* ...as it does if it gets labels. */
    uint64_t n_packets;
    uint64_t n_bytes;
};

/* The IP protocols of tunnels that a container may have, but for UDP. */
static const uint8_t tunnels[] = { IPPROTO_GRE, IPPROTO_IPIP, IPPROTO_IPV6 };

static bool
is_tunnel(uint8_t proto)
{
    return memchr(tunnels, proto, sizeof tunnels) != NULL;
}

/* Makes the packet 'f' one of IPv4 with something that looks like a tunnel. */
static void
make_tunnel(struct frame *f)
{
    struct dp_packet packet;
    struct ip_header *ip;
    struct flow flow;

    make_packet(f, KIND_IP_OTHER, rnd(3));
    dp_packet_use_const(&packet, f->data, f->size);
    pkt_metadata_init(&packet.md, u32_to_odp(ODP_BASE));
    flow_extract(&packet, &flow);
    ip = dp_packet_l3(&packet);
    if (ip && flow.dl_type == htons(ETH_TYPE_IP)) {
        ip->ip_proto = tunnels[rnd(ARRAY_SIZE(tunnels))];
    }
    dp_packet_uninit(&packet);
}

/* Returns what 'f' is to count as for 't' if segments have 'size' bytes behind
 * their headers, and the kernel says that there are 'n'. */
static struct segments
expect(const struct tested_flow *t, const struct frame *f, uint32_t size,
       uint32_t n)
{
    const ovs_be16 differing = htons(TCP_FIN | TCP_PSH | TCP_CWR);
    struct segments s = { .is_whole = false };
    size_t l4_ofs, end, headers;
    struct dp_packet packet;
    struct flow flow;

    dp_packet_use_const(&packet, f->data, f->size);
    pkt_metadata_init(&packet.md, u32_to_odp(ODP_BASE));
    flow_extract(&packet, &flow);
    l4_ofs = packet.l4_ofs;
    end = f->size - dp_packet_l2_pad_size(&packet);
    dp_packet_uninit(&packet);

    if (!is_ip_any(&flow) || flow.nw_frag || l4_ofs == UINT16_MAX
        || end != f->size) {
        return s;
    }
    if (flow.nw_proto == IPPROTO_TCP) {
        if (l4_ofs + TCP_HEADER_LEN > f->size
            || (flow.tcp_flags & t->match.wc.masks.tcp_flags & differing)) {
            return s;
        }
        headers = l4_ofs + (f->data[l4_ofs + 12] >> 4) * 4;
        if (headers < l4_ofs + TCP_HEADER_LEN || headers >= f->size) {
            return s;
        }
        n = DIV_ROUND_UP(f->size - headers, size);
    } else if (flow.nw_proto == IPPROTO_UDP && n
               && l4_ofs + UDP_HEADER_LEN < f->size) {
        headers = l4_ofs + UDP_HEADER_LEN;
    } else if (is_tunnel(flow.nw_proto) && n && l4_ofs < f->size) {
        headers = l4_ofs;
        n_tunnels++;
    } else {
        return s;
    }
    s.is_whole = true;
    s.n_packets = n;
    s.n_bytes = f->size + (n - 1) * headers;
    return s;
}

/* Makes the actions of 't' for case 'index': make_label(), in some cases with
 * an output in front, or with the push of an MPLS label. */
static void
make_label_or_copy(struct tested_flow *t, unsigned long int index)
{
    struct ofpbuf *buf = &t->actions.buf;
    uint64_t stub[16];
    struct ofpbuf rest;
    int kind = rnd(4);

    make_label(t, index);
    if (!kind) {
        struct ovs_action_push_mpls push = {
            .mpls_lse = htonl(0x100 | index << 12),
            .mpls_ethertype = htons(ETH_TYPE_MPLS),
        };

        ofpbuf_clear(buf);
        nl_msg_put_unspec(buf, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
        nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(ODP_BASE));
    } else if (kind == 1) {
        ofpbuf_use_stub(&rest, stub, sizeof stub);
        ofpbuf_put(&rest, buf->data, buf->size);
        ofpbuf_clear(buf);
        nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(ODP_BASE + 1));
        ofpbuf_put(buf, rest.data, rest.size);
        ofpbuf_uninit(&rest);
    }
}

/* Checks the copy that was sent before the packet itself, of which 'executed'
 * says what both are.  Returns what is wrong, or NULL. */
static const char *
check_copy(const struct executed *executed)
{
    const struct copy *copy = &executed->copies[0];
    uint8_t out[MAX_OUT];
    size_t size;

    if (count_tc_copies() != executed->n_copies - 1) {
        return "number of copies";
    }
    return (executed->n_copies > 1
            && (read_tc_copy(0, out, &size) != target_ifindex(copy->port)
                || size != copy->size || memcmp(out, copy->data, size))
            ? "the copy" : NULL);
}

/* Runs case 'index'. */
static void
test_one(unsigned long int index)
{
    uint64_t before[XDP_COUNTER_MAX], after[XDP_COUNTER_MAX];
    static const enum packet_kind kinds[] = {
        KIND_TCP, KIND_TCP, KIND_UDP, KIND_IPV6, KIND_IPV6,
        KIND_IP_OPTIONS, KIND_IPV6_EXT,
    };
    static struct executed executed;
    const struct copy *last;
    struct xdp_flow_table_stats stats;
    const char *problem = NULL;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct segments expected;
    size_t out_size, meta_size;
    uint8_t out[MAX_OUT];
    struct tested_flow t;
    uint32_t size, n, verdict;
    struct frame f;
    struct flow flow;

    rng_start(32, index);
    set_vlan_limit(XDP_VLAN_MAX);
    init_tested(&t, &devices[rnd(n_devices)]);
    if (one_in(4)) {
        make_any_packet(&f, index);
    } else if (one_in(8)) {
        make_tunnel(&f);
    } else {
        make_packet(&f, kinds[rnd(ARRAY_SIZE(kinds))], rnd(3));
    }
    if (!can_run_tc(f.data, f.size)) {
        return;
    }
    extract(f.data, f.size, ODP_BASE + t.device->port, &flow);
    make_match(&flow, rnd(N_POOL), &t.match);
    make_label_or_copy(&t, index);
    if (put_tested(&t, &error, &tr) || error) {
        ofpbuf_uninit(&t.actions.buf);
        return;
    }
    execute(f.data, f.size, &t.actions.buf, &t.ops, &executed);
    size = 1 + rnd(f.size);
    n = one_in(4) ? 0 : 1 + rnd(50);
    expected = expect(&t, &f, size, n);
    expected.is_labeled = (expected.is_whole
                           && t.ops.ops[0].type == XDP_OP_PUSH_MPLS);
    if (expected.is_labeled) {
        expected.n_packets = expected.n_bytes = 0;
    }

    xdp_flow_table_get_counters(object->table, before);
    set_segments(size, n);
    verdict = run_program_meta(-1, t.device->ifindex, f.data, f.size, 0, out,
                               &out_size, &meta_size);
    xdp_flow_table_get_counters(object->table, after);
#define GREW(COUNTER) (after[XDP_COUNTER_##COUNTER] \
                       - before[XDP_COUNTER_##COUNTER])
    last = &executed.copies[executed.n_copies - 1];
    if (verdict != (expected.is_whole && !expected.is_labeled
                    ? XDP_REDIRECT : XDP_PASS)) {
        problem = "verdict";
    } else if (GREW(GSO) != 1 || GREW(GSO_ODD) != !expected.is_whole
               || GREW(GSO_SINGLE) != expected.is_labeled) {
        problem = "counters";
    } else if (expected.is_labeled
               ? out_size != f.size || memcmp(out, f.data, f.size)
               : expected.is_whole
                 && (out_size != last->size
                     || memcmp(out, last->data, out_size))) {
        problem = "bytes that leave";
    } else if (verdict == XDP_REDIRECT) {
        problem = check_copy(&executed);
    }
#undef GREW
    xdp_flow_table_remove(object->table, t.flow, &stats);
    if (!problem && (stats.n_packets != expected.n_packets
                     || stats.n_bytes != expected.n_bytes)) {
        problem = "statistics";
    }
    if (problem && case_failure("segments", index, "%s", problem)) {
        print_hex("packet", f.data, f.size);
        printf("  segments of %"PRIu32" bytes, %"PRIu32" of them; expected "
               "%"PRIu64" packets with %"PRIu64" bytes, got "
               "%"PRIu64" and %"PRIu64"\n",
               size, n, expected.n_packets, expected.n_bytes,
               stats.n_packets, stats.n_bytes);
    }
    *(expected.is_labeled ? &n_labeled : expected.is_whole ? &n_wholes
      : &n_odds) += 1;
    ofpbuf_uninit(&t.actions.buf);
}

/* Part "segments". */
void
test_segments(void)
{
    if (!part_wanted("segments")) {
        return;
    }
    run_cases("segments", n_actions / 2 + 20, test_one);
    if (n_actions >= 500 && (!n_wholes || !n_odds || !n_labeled
                             || !n_tunnels)) {
        failure("never happened: packets of all kinds");
    }
    end_part("segments", "%lu packets of several segments, %lu of them left "
             "to userspace, %lu because of labels",
             n_wholes + n_odds + n_labeled, n_odds + n_labeled, n_labeled);
}
