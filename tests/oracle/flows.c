/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of random masks, put into the table by the provider's own code, and
 * what OVS makes of their packets.
 */

#include <config.h>

#include "flows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "copies.h"
#include "coverage.h"
#include "dp-packet.h"
#include "flow.h"
#include "meters.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "oracle.h"
#include "packets.h"
#include "frames.h"
#include "rng.h"
#include "run-tc.h"
#include "run.h"
#include "timeval.h"
#include "util.h"

static struct flow_wildcards pool[N_POOL];

/* The mask of the pool that has all fields, as a whole. */
#define EXACT_MASK 3

/* Makes the 'size' bytes at 'field' a random mask, or an exact one. */
static void
pool_mask(bool exact, void *field, size_t size)
{
    if (exact) {
        memset(field, 0xff, size);
    } else {
        rnd_mask(field, size);
    }
}

/* Makes half of the masks look at what connection tracking says, which is
 * nothing, in each pass: all that the kernel boundary has of such megaflows is
 * the rest. */
static void
track_pool(void)
{
    for (size_t i = 0; i < N_POOL; i += 2) {
        struct flow *m = &pool[i].masks;

        rnd_mask(&m->ct_state, sizeof m->ct_state);
        if (!m->ct_state) {
            /* Parts that take few of the masks shall have it, too. */
            m->ct_state = CS_TRACKED;
        }
        rnd_mask(&m->ct_zone, sizeof m->ct_zone);
        rnd_mask(&m->ct_mark, sizeof m->ct_mark);
        if (i % 4) {
            /* It has so much else that it would be refused with all. */
            continue;
        }
        rnd_mask(&m->ct_label, sizeof m->ct_label);
        rnd_mask(&m->ct_nw_proto, sizeof m->ct_nw_proto);
        rnd_mask(&m->ct_nw_src, sizeof m->ct_nw_src);
        rnd_mask(&m->ct_nw_dst, sizeof m->ct_nw_dst);
        rnd_mask(&m->ct_ipv6_src, sizeof m->ct_ipv6_src);
        rnd_mask(&m->ct_ipv6_dst, sizeof m->ct_ipv6_dst);
        rnd_mask(&m->ct_tp_src, sizeof m->ct_tp_src);
        rnd_mask(&m->ct_tp_dst, sizeof m->ct_tp_dst);
    }
}

/* Makes the masks that the flows of all cases have. */
void
init_pool(void)
{
    rng_start(10, 0);
    for (size_t i = 0; i < N_POOL; i++) {
        struct flow *m = &pool[i].masks;

        /* So that each field is in some mask. */
        bool exact = i == EXACT_MASK;

        flow_wildcards_init_catchall(&pool[i]);
        m->recirc_id = UINT32_MAX;
        m->in_port.odp_port = u32_to_odp(UINT32_MAX);
        m->packet_type = OVS_BE32_MAX;
        m->dl_type = OVS_BE16_MAX;

        pool_mask(exact, &m->dl_dst, sizeof m->dl_dst);
        pool_mask(exact, &m->dl_src, sizeof m->dl_src);
        for (int j = 0; j < 2; j++) {
            pool_mask(exact, &m->vlans[j].tpid, sizeof m->vlans[j].tpid);
            switch (exact ? 2 : rnd(4)) {
            case 0:
                m->vlans[j].tci = htons(VLAN_CFI);
                break;
            case 1:
                m->vlans[j].tci = htons(VLAN_CFI | VLAN_VID_MASK);
                break;
            default:
                pool_mask(exact, &m->vlans[j].tci, sizeof m->vlans[j].tci);
                break;
            }
        }
        if (i == ETHERNET_MASK) {
            continue;
        }
        pool_mask(exact, &m->nw_src, sizeof m->nw_src);
        pool_mask(exact, &m->nw_dst, sizeof m->nw_dst);
        pool_mask(exact, &m->nw_proto, sizeof m->nw_proto);
        pool_mask(exact, &m->nw_tos, sizeof m->nw_tos);
        pool_mask(exact, &m->nw_ttl, sizeof m->nw_ttl);
        pool_mask(exact, &m->nw_frag, sizeof m->nw_frag);
        pool_mask(exact, &m->tcp_flags, sizeof m->tcp_flags);
        pool_mask(exact, &m->tp_src, sizeof m->tp_src);
        pool_mask(exact, &m->tp_dst, sizeof m->tp_dst);
        if (i % 2) {
            /* As OVS makes them, more or less: exact where it matters. */
            m->nw_proto = UINT8_MAX;
            m->nw_frag = FLOW_NW_FRAG_MASK;
        }
        if (i % 4 < 2) {
            continue;
        }
        pool_mask(exact, &m->ipv6_src, sizeof m->ipv6_src);
        pool_mask(exact, &m->ipv6_dst, sizeof m->ipv6_dst);
        pool_mask(exact, &m->ipv6_label, sizeof m->ipv6_label);
        pool_mask(exact, &m->nd_target, sizeof m->nd_target);
        pool_mask(exact, &m->arp_sha, sizeof m->arp_sha);
        pool_mask(exact, &m->arp_tha, sizeof m->arp_tha);
        pool_mask(exact, &m->igmp_group_ip4, sizeof m->igmp_group_ip4);
        for (int j = 0; j < XDP_MPLS_MAX; j++) {
            pool_mask(exact, &m->mpls_lse[j], sizeof m->mpls_lse[j]);
        }
    }
    track_pool();
}

/* Makes the megaflow of 'flow' under mask 'index' of the pool. */
void
make_match(const struct flow *flow, size_t index, struct match *match)
{
    match_init(match, flow, &pool[index]);
}

/* Makes '*match' one of packets that equal 'flow' in all that their headers
 * say, but for tunnels. */
void
make_exact_match(const struct flow *flow, struct match *match)
{
    struct flow_wildcards wc;

    flow_wildcards_init_for_packet(&wc, flow);
    memset(&wc.masks.tunnel, 0, sizeof wc.masks.tunnel);
    wc.masks.skb_priority = wc.masks.pkt_mark = 0;
    match_init(match, flow, &wc);
}

/* Makes actions for 't' by which its packets can be told from others: a tag
 * with a number that no other flow of the round has. */
void
make_label(struct tested_flow *t, uint16_t label)
{
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
        .vlan_tci = htons((label & 0xe000) | (label & 0xfff)),
    };

    ofpbuf_use_stub(&t->actions.buf, t->actions.stub, sizeof t->actions.stub);
    nl_msg_put_unspec(&t->actions.buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan,
                      sizeof vlan);
    nl_msg_put_odp_port(&t->actions.buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE));
}

/* Implements xdp_translate_port_func. */
static enum xdp_reason
lookup_port(odp_port_t odp_port, bool pop, struct xdp_translate_port *port,
            char *detail, size_t size, void *aux OVS_UNUSED)
{
    *port = (struct xdp_translate_port) {
        .number = odp_to_u32(odp_port) - ODP_BASE,
    };
    if (pop) {
        port->tunnel = tunnel_type(port->number);
        if (port->tunnel) {
            return XDP_REASON_NONE;
        }
    }
    if (port->number >= N_PORTS) {
        ovs_strlcpy(detail, "no such port", size);
        return (port->number == N_PORTS ? XDP_REASON_TARGET_TYPE
                : XDP_REASON_TARGET);
    }
    port->ifindex = target_ifindex(port->number);
    return XDP_REASON_NONE;
}

/* Translates the megaflow 'match' from 'port' with the netlink attributes
 * 'actions' into '*tr'. */
enum xdp_reason
translate_flow(const struct match *match, uint32_t port,
               const struct ofpbuf *actions, struct xdp_translation *tr)
{
    enum xdp_reason reason;

    reason = xdp_translate_match(match, port, &object->caps, tr);
    if (!reason) {
        reason = xdp_translate_actions(actions->data, actions->size,
                                       &object->caps, lookup_port, NULL, tr);
    }
    if (hook_tc) {
        /* As the provider does: nobody has to make copies differ. */
        tr->actions.flags &= ~XDP_FLOW_COPIES_DIFFER;
    }
    return reason;
}

/* Puts the megaflow 'match' from 'port' with 'actions' into the table, or, if
 * '*flowp' is nonnull, gives the flow these actions. */
enum xdp_reason
put_flow(const struct match *match, uint32_t port,
         const struct actions *actions, struct xdp_table_flow **flowp,
         enum xdp_table_error *error, struct xdp_translation *tr)
{
    enum xdp_reason reason = translate_flow(match, port, &actions->buf, tr);

    *error = XDP_TABLE_OK;
    if (!reason) {
        *error = (*flowp
                  ? xdp_flow_table_modify(object->table, *flowp, &tr->actions)
                  : xdp_flow_table_insert(object->table, &tr->key, &tr->mask,
                                          &tr->actions, flowp));
    }
    return reason;
}

/* Makes 't' a flow from 'device' that is not in the table yet. */
void
init_tested(struct tested_flow *t, struct device *device)
{
    memset(&t->stats, 0, sizeof t->stats);
    t->device = device;
    t->flow = NULL;
}

/* As put_flow(), for 't'. */
enum xdp_reason
put_tested(struct tested_flow *t, enum xdp_table_error *error,
           struct xdp_translation *tr)
{
    enum xdp_reason reason = put_flow(&t->match, t->device->port, &t->actions,
                                      &t->flow, error, tr);

    if (!reason && !*error) {
        t->ops = tr->actions;
    }
    return reason;
}

/* Makes the slots of the flows that are gone free again. */
void
reclaim(void)
{
    uint64_t epoch;

    if (xdp_flow_table_begin_reclaim(object->table, &epoch)) {
        int error = xdp_flow_table_wait(object->table);

        if (error) {
            ovs_fatal(error, "waiting for a grace period failed");
        }
        while (xdp_flow_table_reclaim(object->table, epoch)) {
            continue;
        }
        event_count[EVENT_RECLAIM]++;
    }
}

/* Accounts a packet with 'flow' and 'size' to 't'. */
void
account(struct tested_flow *t, const struct flow *flow, size_t size)
{
    t->stats.n_packets++;
    t->stats.n_bytes += size;
    if (is_ip_any(flow) && flow->nw_proto == IPPROTO_TCP) {
        t->stats.tcp_flags |= ntohs(flow->tcp_flags);
    }
}

/* Checks that 'got' is what 't' should have. */
bool
check_stats(const struct tested_flow *t,
            const struct xdp_flow_table_stats *got)
{
    return (got->n_packets == t->stats.n_packets
            && got->n_bytes == t->stats.n_bytes
            && got->tcp_flags == t->stats.tcp_flags
            && (t->stats.n_packets
                ? got->used <= time_msec() && got->used >= time_msec() - 60000
                : !got->used));
}

/* Returns true if the packet of 'size' bytes at 'data' is 'copy'. */
static bool
is_copy(const struct copy *copy, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && i < copy->size; i++) {
        if (data[i] != copy->data[i]
            && (!copy->odd_csum || i - copy->odd_csum > 1)) {
            return false;
        }
    }
    return size == copy->size;
}

/* Returns true if 'xdp_egress' leaves a packet for 'port' alone of which the
 * secret in the metadata is wrong in one bit.  'data' has 'size' bytes, of
 * which 'meta_size' are metadata, as the main program made them. */
static bool
check_guess(uint32_t port, const uint8_t data[MAX_OUT], size_t size,
            size_t meta_size)
{
    uint8_t in[MAX_OUT], out[MAX_OUT];
    size_t out_size, out_meta_size;

    memcpy(in, data, size);
    in[offsetof(struct xdp_egress_meta, magic)
       + rnd(MEMBER_SIZEOF(struct xdp_egress_meta, magic))] ^= 1u << rnd(8);
    return (run_egress(target_ifindex(port), in, size, meta_size, out,
                       &out_size, &out_meta_size) == XDP_PASS
            && out_meta_size == meta_size && out_size == size
            && !memcmp(in, out, size));
}

/* Checks the copies that 'executed' says, of the packet that the main program
 * made the '*size' bytes at 'data', of which '*meta_size' are metadata.
 * Returns what is wrong, or NULL.  Stores in '*badp' the copy that is, and
 * replaces the packet by what was made of that. */
static const char *
check_copies(const struct tested_flow *t, const struct executed *executed,
             uint8_t data[MAX_OUT], size_t *size, size_t *meta_size,
             const struct copy **badp, const char **culprit, uint64_t *by)
{
    bool differ = t->ops.flags & XDP_FLOW_COPIES_DIFFER;

    event_count[EVENT_COPIES]++;
    if (!check_group(executed)) {
        return "devices of the group";
    }
    if (!differ) {
        if (*meta_size) {
            return "metadata where copies are equal";
        }
        for (size_t i = 0; i < executed->n_copies; i++) {
            *badp = &executed->copies[i];
            if (!is_copy(*badp, data, *size)) {
                return "copies that should differ";
            }
        }
        return NULL;
    }

    if (!check_guess(executed->copies[0].port, data, *size, *meta_size)) {
        return "metadata with a secret that is guessed";
    }
    for (size_t i = 0; i < executed->n_copies; i++) {
        const struct copy *copy = &executed->copies[i];
        uint64_t before[XDP_COUNTER_MAX], expected[XDP_COUNTER_MAX];
        size_t out_size, out_meta_size;
        const char *problem = NULL;
        uint8_t out[MAX_OUT];
        uint32_t verdict;

        memcpy(expected, copy->counters, sizeof expected);
        expected[XDP_COUNTER_COPIES]++;
        xdp_flow_table_get_counters(object->table, before);
        verdict = run_egress(target_ifindex(copy->port), data, *size,
                             *meta_size, out, &out_size, &out_meta_size);
        if (copy->is_odd) {
            continue;
        } else if (copy->must_drop) {
            uint64_t after[XDP_COUNTER_MAX];

            xdp_flow_table_get_counters(object->table, after);
            if (verdict == XDP_PASS
                || (after[XDP_COUNTER_DROP_TOO_SHORT]
                    != before[XDP_COUNTER_DROP_TOO_SHORT] + 1)) {
                problem = "a copy that is too short";
            }
        } else if (verdict != XDP_PASS) {
            problem = "verdict on a copy";
        } else if (out_meta_size) {
            problem = "metadata on a copy";
        } else if (!is_copy(copy, out, out_size)) {
            problem = "bytes of a copy";
        } else if (!check_counters(before, expected, culprit, by)) {
            problem = "counters of a copy";
        }
        if (problem) {
            *badp = copy;
            memcpy(data, out, out_size);
            *size = out_size;
            *meta_size = out_meta_size;
            return problem;
        }
    }
    return NULL;
}

/* Checks the copies that 'executed' says against those that the programs at tc
 * sent, of which the last one is the '*size' bytes at 'data', or was dropped
 * if 'dropped'.  Returns what is wrong, as check_copies(). */
static const char *
check_tc_copies(const struct executed *executed, bool dropped,
                uint8_t data[MAX_OUT], size_t *size, const struct copy **badp)
{
    size_t n_sent = count_tc_copies();

    event_count[EVENT_COPIES]++;
    if (!check_group(executed)) {
        return "devices of the group";
    }
    for (size_t i = 0; i < executed->n_copies; i++) {
        const struct copy *copy = &executed->copies[i];
        uint8_t out[MAX_OUT];
        size_t out_size;
        uint32_t ifindex;

        *badp = copy;
        if (copy->is_odd) {
            return NULL;
        } else if (copy->must_drop) {
            return (!dropped ? "verdict on a copy"
                    : n_sent != i ? "number of copies" : NULL);
        } else if (i + 1 == executed->n_copies) {
            return (dropped ? "verdict on the last copy"
                    : n_sent != i ? "number of copies"
                    : !is_copy(copy, data, *size) ? "bytes of the last copy"
                    : NULL);
        } else if (i >= n_sent) {
            return "number of copies";
        }
        ifindex = read_tc_copy(i, out, &out_size);
        if (ifindex != target_ifindex(copy->port)) {
            return "device of a copy";
        } else if (!is_copy(copy, out, out_size)) {
            memcpy(data, out, out_size);
            *size = out_size;
            return "bytes of a copy";
        }
    }
    OVS_NOT_REACHED();
}

/* Returns true if 't' sends its packets through connection tracking. */
bool
is_tracked(const struct tested_flow *t)
{
    for (size_t i = 0; i < t->ops.n_ops; i += 1 + t->ops.ops[i].n_data) {
        if (t->ops.ops[i].type == XDP_OP_CT) {
            return true;
        }
    }
    return false;
}

/* Returns true if 't' pushes or pops labels, and programs at tc leave the
 * 'size' bytes at 'data', a packet of its, to userspace because of what is in
 * front of the network header: SNAP, or a tag that the parser does not look
 * at. */
bool
is_odd_at_tc(const struct tested_flow *t, const void *data, size_t size)
{
    const struct eth_header *eth = data;
    bool beside = (size >= ETH_HEADER_LEN + VLAN_HEADER_LEN
                   && eth_type_vlan(eth->eth_type));
    struct dp_packet packet;
    bool changes = false;
    struct flow flow;
    size_t ofs;

    for (size_t i = 0; i < t->ops.n_ops; i += 1 + t->ops.ops[i].n_data) {
        changes |= (t->ops.ops[i].type == XDP_OP_PUSH_MPLS
                    || t->ops.ops[i].type == XDP_OP_POP_MPLS);
    }
    if (!hook_tc || !changes || !can_run_tc(data, size)) {
        return false;
    }
    dp_packet_use_const(&packet, data, size);
    pkt_metadata_init(&packet.md, u32_to_odp(ODP_BASE));
    flow_extract(&packet, &flow);
    ofs = (packet.l2_5_ofs != UINT16_MAX ? packet.l2_5_ofs
           : packet.l3_ofs);
    dp_packet_uninit(&packet);

    for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
        ofs -= flow.vlans[i].tci & htons(VLAN_CFI) ? VLAN_HEADER_LEN : 0;
    }
    return (ofs != ETH_HEADER_LEN
            || (beside && !(flow.vlans[0].tci & htons(VLAN_CFI))));
}

/* Returns true if 't' leaves its packet 'f' to userspace, unless that is too
 * large. */
bool
stays_up(const struct tested_flow *t, const struct frame *f)
{
    return is_tracked(t) || is_odd_at_tc(t, f->data, f->size);
}

/* Returns the counter, other than of what is too large, that says why 'f',
 * which 't' leaves to userspace, was handed there while the counters grew from
 * 'before' to 'after': no connection is known, or it is odd. */
enum xdp_counter
left_counter(const struct tested_flow *t, const struct frame *f,
             const uint64_t before[XDP_COUNTER_MAX],
             const uint64_t after[XDP_COUNTER_MAX])
{
    struct flow flow;

    if (is_odd_at_tc(t, f->data, f->size)) {
        return XDP_COUNTER_MPLS_ODD;
    }
    extract(f->data, f->size, ODP_BASE, &flow);
    return (flow.nw_frag ? XDP_COUNTER_CT_FRAGMENT
#define GREW(COUNTER) (after[COUNTER] != before[COUNTER])
            : GREW(XDP_COUNTER_CT_ODD) ? XDP_COUNTER_CT_ODD
            : GREW(XDP_COUNTER_CT_FLAGS) ? XDP_COUNTER_CT_FLAGS
#undef GREW
            : XDP_COUNTER_CT_NO_ENTRY);
}

/* Runs packet 'f' and checks that 't' takes it or, if 'hit' is false, that no
 * flow does.  If 't' is to track it, it must be handed to userspace, since no
 * connection is known, and must not count.  'gone' closes the output port for
 * the packet.  Returns false and says why if anything is not as it should
 * be. */
bool
check_packet(const char *part, unsigned long int index, const char *what,
             struct tested_flow *t, const struct frame *f, bool hit, bool gone)
{
    static struct executed executed;
    uint64_t before[XDP_COUNTER_MAX], expected[XDP_COUNTER_MAX] = { 0 };
    uint64_t after[XDP_COUNTER_MAX];
    struct meter_counts meters[N_METERS];
    const struct copy *common = &executed.common;
    const struct copy *bad = common;
    size_t out_size, meta_size, n_copies;
    uint32_t verdict, expected_verdict;
    const char *problem = NULL;
    const char *culprit = "";
    uint8_t out[MAX_OUT];
    uint64_t by = 0;
    bool tracked = hit && stays_up(t, f);
    const struct copy *last = NULL;

    if (hit && !tracked) {
        execute(f->data, f->size, &t->actions.buf, &t->ops, &executed);
        memcpy(expected, common->counters, sizeof expected);
        n_copies = executed.n_copies;
        if (common->must_drop) {
            expected_verdict = XDP_ABORTED;
        } else if (executed.metered) {
            expected_verdict = XDP_DROP;
            event_count[EVENT_METERED]++;
        } else if (!n_copies) {
            expected_verdict = XDP_DROP;
            memset(expected, 0, sizeof expected);
            expected[executed.explicit_drop ? XDP_COUNTER_EXPLICIT_DROPS
                     : XDP_COUNTER_FLOW_DROPS]++;
            event_count[EVENT_OP_DROP]++;
        } else if (gone && n_copies == 1) {
            expected_verdict = XDP_DROP;
            expected[XDP_COUNTER_DROP_NO_PORT]++;
            event_count[EVENT_PORT_GONE]++;
        } else {
            expected_verdict = XDP_REDIRECT;
            expected[XDP_COUNTER_OUTPUT] += n_copies;
            event_count[EVENT_OP_OUTPUT]++;
        }
        if (hook_tc && n_copies > 1 && can_run_tc(f->data, f->size)) {
            /* All ops are run at once. */
            last = &executed.copies[n_copies - 1];
            for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
                expected[i] += last->counters[i];
            }
        }
    } else {
        /* Unchanged to the socket, of which there is none. */
        memset(&executed, 0, offsetof(struct executed, copies));
        executed.n_copies = n_copies = 0;
        memset(executed.meters, 0, sizeof executed.meters);
        executed.common.size = f->size;
        memcpy(executed.common.data, f->data, f->size);
        expected_verdict = XDP_PASS;
        expected[XDP_COUNTER_MISSES] += !hit;
        expected[XDP_COUNTER_NO_SOCKET]++;
    }
    expected[XDP_COUNTER_PACKETS]++;

    gone = gone && n_copies == 1;
    if (gone) {
        break_target(executed.copies[0].port, true);
    }
    read_meters(meters);
    xdp_flow_table_get_counters(object->table, before);
    know_sum(t->actions.buf.data, t->actions.buf.size);
    verdict = run_program_meta(-1, t->device->ifindex, f->data, f->size, 0,
                               out, &out_size, &meta_size);
    xdp_flow_table_get_counters(object->table, after);
    if (gone) {
        break_target(executed.copies[0].port, false);
    }

    /* Hint or subtable: either will do. */
    if (hit) {
        if (after[XDP_COUNTER_HINT_HITS] != before[XDP_COUNTER_HINT_HITS]) {
            expected[XDP_COUNTER_HINT_HITS]++;
            event_count[EVENT_HINT_HIT]++;
        } else {
            expected[XDP_COUNTER_SUBTABLE_HITS]++;
            event_count[EVENT_SUBTABLE_HIT]++;
        }
    }
    if (tracked) {
        expected[left_counter(t, f, before, after)]++;
        event_count[EVENT_UNTRACKED]++;
    }

    if (verdict == BAD_SUM) {
        problem = "the sum that the kernel knows";
    } else if (common->is_odd) {
        /* Anything will do but to pass it on in some other way. */
        if (verdict != XDP_REDIRECT && verdict != XDP_ABORTED
            && verdict != XDP_DROP) {
            problem = "verdict";
        }
    } else if (common->must_drop) {
        /* What was counted before the packet was found too short is of no
         * interest. */
        if (verdict != XDP_ABORTED && verdict != XDP_DROP) {
            problem = "verdict";
        } else if (after[XDP_COUNTER_DROP_TOO_SHORT]
                   != before[XDP_COUNTER_DROP_TOO_SHORT] + 1
                   || after[XDP_COUNTER_OUTPUT]
                   != before[XDP_COUNTER_OUTPUT]) {
            problem = "counters of a packet that is too short";
        }
    } else if (last && (last->is_odd || last->must_drop)) {
        if (last->must_drop && !last->is_odd
            && (after[XDP_COUNTER_DROP_TOO_SHORT]
                != before[XDP_COUNTER_DROP_TOO_SHORT] + 1)) {
            problem = "counters of a copy that is too short";
        } else {
            problem = check_tc_copies(&executed, verdict != XDP_REDIRECT, out,
                                      &out_size, &bad);
        }
    } else if (verdict != expected_verdict) {
        problem = "verdict";
    } else if (last
               && (problem = check_tc_copies(&executed, false, out, &out_size,
                                             &bad))) {
        /* There is nothing to add to that. */
    } else if (!last && expected_verdict != XDP_DROP
               && !is_copy(common, out + meta_size, out_size - meta_size)) {
        problem = "bytes that leave";
    } else if (!check_counters_between(before, after, expected, &culprit,
                                       &by)) {
        problem = "counters";
    } else if (!check_meters(meters, executed.meters)) {
        problem = "statistics of meters";
    } else if (n_copies > 1 && !hook_tc) {
        problem = check_copies(t, &executed, out, &out_size, &meta_size, &bad,
                               &culprit, &by);
    }
    if (problem && case_failure(part, index, "%s, %s", what, problem)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        match_format(&t->match, NULL, &s, OFP_DEFAULT_PRIORITY);
        printf("  match: %s\n", ds_cstr(&s));
        ds_clear(&s);
        if (hit) {
            format_odp_actions(&s, t->actions.buf.data, t->actions.buf.size,
                               NULL);
            printf("  actions: %s\n", ds_cstr(&s));
        }
        ds_destroy(&s);
        print_hex("packet", f->data, f->size);
        printf("  verdict: expected %"PRIu32", got %"PRIu32"\n",
               expected_verdict, verdict);
        print_hex("expected", bad->data, bad->size);
        print_hex("got     ", out + meta_size, out_size - meta_size);
        if (culprit[0]) {
            printf("  counter: %s grew by %"PRIu64"\n", culprit, by);
        }
    }
    return !problem;
}

/* Takes 't' out of the table.  If 'ok', that is, if nothing was wrong with it
 * so far, also checks its statistics, and that its packet 'f' does not find it
 * any more. */
void
finish_tested(const char *part, unsigned long int index,
              struct tested_flow *t, const struct frame *f, bool ok)
{
    struct xdp_flow_table_stats stats;

    xdp_flow_table_remove(object->table, t->flow, &stats);
    if (!ok) {
        return;
    }
    if (!check_stats(t, &stats)
        && case_failure(part, index, "statistics at the end")) {
        printf("  expected: packets %"PRIu64", bytes %"PRIu64", "
               "flags %#"PRIx16"\n"
               "  got:      packets %"PRIu64", bytes %"PRIu64", "
               "flags %#"PRIx16", used %lld\n",
               t->stats.n_packets, t->stats.n_bytes, t->stats.tcp_flags,
               stats.n_packets, stats.n_bytes, stats.tcp_flags, stats.used);
    }
    check_packet(part, index, "packet after the removal", t, f, false, false);
}
