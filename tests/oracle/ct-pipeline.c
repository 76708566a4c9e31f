/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random pipelines of part "conntrack".  As ofproto would, a pipeline answers
 * to a packet that no megaflow takes with one that does: the packet under the
 * mask of its pass, and actions that follow from what the mask covers.
 */

#include <config.h>

#include "ct.h"

#include <string.h>

#include "coverage.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "util.h"
#include "xdp-ovs-compat.h"

#include <stdio.h>

/* Zones that a pipeline can use. */
#define MAX_ZONES 3

/* Pools of addresses for translation that it can have, and where they start:
 * see ct-talk.c for what is below. */
#define N_POOLS 240
#define FIRST_POOL 10

/* What a pass tells packets apart by. */
enum class {
    CLASS_UNTRACKED,            /* Or all. */
    CLASS_INVALID,
    CLASS_NEW,
    CLASS_ESTABLISHED,
    CLASS_REPLY,
    CLASS_RELATED,
    N_CLASSES
};

/* What the "ct" of a zone do with addresses. */
enum nat_style {
    NAT_NONE,
    NAT_EMPTY,
    NAT_SRC,
    NAT_DST,
    N_NAT_STYLES
};

struct zone {
    uint16_t number;
    enum nat_style nat;
};

struct pass {
    bool has_classes;
    struct flow_wildcards wc[2];        /* For IPv4 and IPv6. */

    /* By class, for IPv4 and IPv6, without and with a VLAN tag. */
    struct ct_actions actions[N_CLASSES][2][2];
};

static struct {
    struct zone zones[MAX_ZONES];
    size_t n_zones;
    unsigned int n_pools;       /* Of addresses for translation. */
    uint32_t first_recirc_id;   /* Of the second pass; then they follow. */
    bool is_bare;               /* Only "ct", then only what ends it? */
    bool is_tame;               /* Is no packet translated twice in a zone? */
    bool has_policy;            /* Do "ct" name a timeout policy? */
    bool readdresses;           /* Are addresses set between passes? */
    size_t n_passes;
    struct pass passes[CT_MAX_PASSES];
    struct ct_megaflow megaflows[CT_MAX_MEGAFLOWS];
    size_t n_megaflows;
} pipeline;

/* Returns the class of packets with 'ct_state'. */
static enum class
classify(uint8_t ct_state)
{
    return (ct_state & CS_INVALID ? CLASS_INVALID
            : ct_state & CS_RELATED ? CLASS_RELATED
            : ct_state & CS_NEW ? CLASS_NEW
            : ct_state & CS_REPLY_DIR ? CLASS_REPLY
            : ct_state & CS_ESTABLISHED ? CLASS_ESTABLISHED
            : CLASS_UNTRACKED);
}

/* Masks. */

/* Makes the masks of pass 'i'. */
static void
make_masks(struct pass *pass, size_t i)
{
    struct flow_wildcards *wc = &pass->wc[0];
    struct flow *m = &wc->masks;
    bool tuple = one_in(4);

    pass->has_classes = i && !one_in(5);
    flow_wildcards_init_catchall(wc);
    m->recirc_id = UINT32_MAX;
    m->in_port.odp_port = u32_to_odp(UINT32_MAX);
    m->packet_type = OVS_BE32_MAX;
    m->dl_type = OVS_BE16_MAX;
    m->vlans[0].tci = OVS_BE16_MAX;
    m->nw_frag = FLOW_NW_FRAG_MASK;
    m->nw_proto = one_in(4) ? 0 : UINT8_MAX;
    if (m->nw_proto && one_in(4)) {
        m->tp_dst = OVS_BE16_MAX;
    }
    if (one_in(6)) {
        m->nw_ttl = UINT8_MAX;
    }
    if (m->nw_proto && one_in(8)) {
        m->tcp_flags = htons(0xfff);
    }
    if (i || one_in(4)) {
        m->ct_state = pass->has_classes ? UINT8_MAX : 0;
        if (!m->ct_state) {
            rnd_mask(&m->ct_state, sizeof m->ct_state);
        }
        if (one_in(3)) {
            rnd_mask(&m->ct_zone, sizeof m->ct_zone);
            rnd_mask(&m->ct_mark, sizeof m->ct_mark);
            rnd_mask(&m->ct_label, sizeof m->ct_label);
        }
    }

    pass->wc[1] = *wc;
    if (i && tuple) {
        for (int j = 0; j < 2; j++) {
            m = &pass->wc[j].masks;
            m->ct_nw_proto = UINT8_MAX;
            m->ct_tp_src = m->ct_tp_dst = OVS_BE16_MAX;
            if (j) {
                memset(&m->ct_ipv6_src, 0xff, sizeof m->ct_ipv6_src);
                memset(&m->ct_ipv6_dst, 0xff, sizeof m->ct_ipv6_dst);
            } else {
                m->ct_nw_src = m->ct_nw_dst = OVS_BE32_MAX;
            }
        }
    }
}

/* Actions. */

/* Stores in 'addr' address 'host' of pool 'net'. */
static void
put_pool_addr(union ct_addr *addr, bool is_ipv6, uint8_t net, uint8_t host)
{
    uint8_t *p = (uint8_t *) addr;

    memset(addr, 0, sizeof *addr);
    if (is_ipv6) {
        p[0] = 0xfc;
        p[8] = net;
        p[15] = host;
    } else {
        p[0] = 10;
        p[1] = net;
        p[3] = host;
    }
}

/* Makes 'c' translate addresses in 'style', and adds that to 'buf'.
 *
 * Each action has a pool of its own, and none both commits a connection and
 * says "nat" and nothing more: OVS 3.1 gives up, by an assertion in
 * conn_update_state(), on packets of a connection that is "translated" to what
 * it was. */
static void
add_nat(struct ofpbuf *buf, struct ct_action *c, enum nat_style style,
        bool is_ipv6)
{
    struct nat_action_info_t *nat = &c->nat;
    size_t ofs = nl_msg_start_nested(buf, OVS_CT_ATTR_NAT);
    size_t size = is_ipv6 ? 16 : 4;

    c->has_nat = true;
    if (c->commit) {
        bool is_src = style == NAT_SRC;
        uint8_t net = FIRST_POOL + pipeline.n_pools++ % N_POOLS;
        uint8_t host = 1 + rnd(3);

        nl_msg_put_flag(buf, is_src ? OVS_NAT_ATTR_SRC : OVS_NAT_ATTR_DST);
        nat->nat_action = is_src ? NAT_ACTION_SRC : NAT_ACTION_DST;
        put_pool_addr(&nat->min_addr, is_ipv6, net, host);
        put_pool_addr(&nat->max_addr, is_ipv6, net, host + rnd(2) * rnd(3));
        nl_msg_put_unspec(buf, OVS_NAT_ATTR_IP_MIN, &nat->min_addr, size);
        nl_msg_put_unspec(buf, OVS_NAT_ATTR_IP_MAX, &nat->max_addr, size);
        if (one_in(2)) {
            nat->nat_action |= (is_src ? NAT_ACTION_SRC_PORT
                                : NAT_ACTION_DST_PORT);
            nat->min_port = 2000 + rnd(3);
            nat->max_port = nat->min_port + rnd(2) * rnd(50);
            nl_msg_put_u16(buf, OVS_NAT_ATTR_PROTO_MIN, nat->min_port);
            nl_msg_put_u16(buf, OVS_NAT_ATTR_PROTO_MAX, nat->max_port);
        }
    }
    nl_msg_end_nested(buf, ofs);
}

/* Adds a "ct" of pass 'i' to 'a', for packets of 'class'.  Only those that are
 * 'tagged' begin connections anew, or none would ever be established. */
static void
add_ct(struct ct_actions *a, size_t i, enum class class, bool is_ipv6,
       bool tagged)
{
    const struct zone *zone
        = &pipeline.zones[pipeline.is_tame ? MIN(i, pipeline.n_zones - 1)
                          : rnd(pipeline.n_zones)];
    struct ct_action *c = &a->cts[a->n_cts++];
    struct ofpbuf *buf = &a->netlink.buf;
    size_t ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_CT);

    memset(c, 0, sizeof *c);
    c->zone = zone->number;
    c->commit = class == CLASS_NEW ? !one_in(7) : one_in(4);
    c->force = (c->commit && tagged && one_in(3)
                && (!pipeline.is_tame || (!i && a->n_cts == 1)));
    if (c->force) {
        nl_msg_put_flag(buf, OVS_CT_ATTR_FORCE_COMMIT);
    } else if (c->commit) {
        nl_msg_put_flag(buf, OVS_CT_ATTR_COMMIT);
    }
    nl_msg_put_u16(buf, OVS_CT_ATTR_ZONE, c->zone);
    if (one_in(c->commit ? 3 : 20)) {
        c->has_mark = true;
        rnd_mask(&c->mark[1], sizeof c->mark[1]);
        c->mark[0] = c->mark[1] & rnd(3);
        nl_msg_put_unspec(buf, OVS_CT_ATTR_MARK, c->mark, sizeof c->mark);
    }
    if (one_in(c->commit ? 3 : 20)) {
        uint8_t *value = (uint8_t *) &c->label[0];
        const uint8_t *mask = (const uint8_t *) &c->label[1];

        c->has_label = true;
        rnd_mask(&c->label[1], sizeof c->label[1]);
        for (size_t j = 0; j < sizeof c->label[0]; j++) {
            value[j] = mask[j] & (j % 8 ? 0 : rnd(2) * 0x11);
        }
        nl_msg_put_unspec(buf, OVS_CT_ATTR_LABELS, c->label, sizeof c->label);
    }
    if (c->commit && pipeline.has_policy && one_in(2)) {
        c->tp_id = CT_POLICY;
        nl_msg_put_string(buf, OVS_CT_ATTR_TIMEOUT, "1");
        BUILD_ASSERT_DECL(CT_POLICY == 1);
    }
    if ((c->commit ? zone->nat >= NAT_SRC : zone->nat != NAT_NONE)
        && !one_in(5)) {
        add_nat(buf, c, zone->nat, is_ipv6);
    }
    nl_msg_end_nested(buf, ofs);
}

/* Adds a "ct_clear" to 'buf', if that may be. */
static void
add_clear(struct ofpbuf *buf)
{
    if (!pipeline.is_tame) {
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_CT_CLEAR);
    }
}

/* Adds to 'buf' an action that sets 'key' to the 'size' bytes at 'value' where
 * those at 'mask' have ones. */
static void
add_set(struct ofpbuf *buf, enum ovs_key_attr key, const void *value,
        const void *mask, size_t size)
{
    size_t ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_SET_MASKED);
    char *p = nl_msg_put_unspec_uninit(buf, key, 2 * size);

    memcpy(p, value, size);
    memcpy(p + size, mask, size);
    nl_msg_end_nested(buf, ofs);
}

/* Adds to 'buf' what shows in the packet that it was in pass 'i' and of
 * 'class'. */
static void
add_label(struct ofpbuf *buf, size_t i, enum class class)
{
    struct ovs_key_ethernet value, mask;

    memset(&value, 0, sizeof value);
    memset(&mask, 0, sizeof mask);
    ((uint8_t *) &value.eth_src)[1 + i] = 0x40 + class;
    ((uint8_t *) &mask.eth_src)[1 + i] = 0xff;
    add_set(buf, OVS_KEY_ATTR_ETHERNET, &value, &mask, sizeof value);
}

/* Adds to 'buf' a change of something that connections are not found by. */
static void
add_harmless(struct ofpbuf *buf, bool is_ipv6)
{
    if (is_ipv6) {
        struct ovs_key_ipv6 value, mask;

        memset(&value, 0, sizeof value);
        memset(&mask, 0, sizeof mask);
        if (one_in(2)) {
            value.ipv6_hlimit = 1 + rnd(200);
            mask.ipv6_hlimit = UINT8_MAX;
        } else {
            value.ipv6_tclass = mask.ipv6_tclass = 0xb8;
        }
        add_set(buf, OVS_KEY_ATTR_IPV6, &value, &mask, sizeof value);
    } else {
        struct ovs_key_ipv4 value, mask;

        memset(&value, 0, sizeof value);
        memset(&mask, 0, sizeof mask);
        if (one_in(2)) {
            value.ipv4_ttl = 1 + rnd(200);
            mask.ipv4_ttl = UINT8_MAX;
        } else {
            value.ipv4_tos = mask.ipv4_tos = 0xb8;
        }
        add_set(buf, OVS_KEY_ATTR_IPV4, &value, &mask, sizeof value);
    }
}

/* Adds to 'buf' a change of an address. */
static void
add_address(struct ofpbuf *buf, bool is_ipv6)
{
    if (is_ipv6) {
        struct ovs_key_ipv6 value, mask;

        memset(&value, 0, sizeof value);
        memset(&mask, 0, sizeof mask);
        ((uint8_t *) &value.ipv6_dst)[15] = rnd(4);
        ((uint8_t *) &mask.ipv6_dst)[15] = 3;
        add_set(buf, OVS_KEY_ATTR_IPV6, &value, &mask, sizeof value);
    } else {
        struct ovs_key_ipv4 value, mask;

        memset(&value, 0, sizeof value);
        memset(&mask, 0, sizeof mask);
        value.ipv4_dst = htonl(rnd(4));
        mask.ipv4_dst = htonl(3);
        add_set(buf, OVS_KEY_ATTR_IPV4, &value, &mask, sizeof value);
    }
}

/* Adds the outputs that end a list of actions, or none. */
static void
add_outputs(struct ofpbuf *buf, bool is_ipv6)
{
    uint32_t port = rnd(N_PORTS);

    if (one_in(12)) {
        return;
    }
    if (one_in(8)) {
        add_harmless(buf, is_ipv6);
    }
    if (one_in(16)) {
        add_address(buf, is_ipv6);
    }
    if (one_in(8)) {
        add_clear(buf);
    }
    nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + port));
    if (one_in(6)) {
        nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(ODP_BASE + (port + 1) % N_PORTS));
    }
}

/* Makes 'a' the actions of pass 'i' of two for 'class', and packets that are
 * 'tagged' or not: those of a firewall, whose packets can be trains. */
static void
make_bare_actions(struct ct_actions *a, size_t i, enum class class,
                  bool is_ipv6, bool tagged)
{
    struct ofpbuf *buf = &a->netlink.buf;

    if (!i) {
        add_ct(a, i, class, is_ipv6, tagged);
        nl_msg_put_u32(buf, OVS_ACTION_ATTR_RECIRC, pipeline.first_recirc_id);
        return;
    }
    if (class == CLASS_NEW || one_in(10)) {
        add_ct(a, i, class, is_ipv6, tagged);
    }
    if (one_in(6)) {
        nl_msg_put_flag(buf, OVS_ACTION_ATTR_POP_VLAN);
    }
    nl_msg_put_odp_port(buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + rnd(N_PORTS)));
}

/* Makes 'a' the actions of pass 'i' for 'class', and packets that are 'tagged'
 * or not. */
static void
make_ct_actions(struct ct_actions *a, size_t i, enum class class, bool is_ipv6,
                bool tagged)
{
    bool is_last = i + 1 == pipeline.n_passes || (i && one_in(10));
    struct ofpbuf *buf = &a->netlink.buf;
    size_t n_cts;

    ofpbuf_use_stub(buf, a->netlink.stub, sizeof a->netlink.stub);
    a->n_cts = 0;
    if (pipeline.is_bare) {
        make_bare_actions(a, i, class, is_ipv6, tagged);
        return;
    }
    add_label(buf, i, class);
    if (one_in(6)) {
        add_harmless(buf, is_ipv6);
    }
    if (one_in(40)) {
        /* Translation refuses a "ct" behind that. */
        add_address(buf, is_ipv6);
    }
    if (i && one_in(10)) {
        add_clear(buf);
    }

    n_cts = (is_last ? (class == CLASS_NEW ? !one_in(6) : one_in(4))
             : one_in(60) ? 4 : one_in(8) ? 2 + rnd(2) : !one_in(16));
    while (n_cts--) {
        add_ct(a, i, class, is_ipv6, tagged);
        if (one_in(12)) {
            add_harmless(buf, is_ipv6);
        }
        if (one_in(16)) {
            add_clear(buf);
        }
    }
    if (is_last) {
        add_outputs(buf, is_ipv6);
    } else {
        if (pipeline.readdresses && one_in(2)) {
            add_address(buf, is_ipv6);
        }
        nl_msg_put_u32(buf, OVS_ACTION_ATTR_RECIRC,
                       pipeline.first_recirc_id + i);
    }
}

/* Makes a new pipeline, without megaflows. */
void
ct_pipeline_make(void)
{
    pipeline.n_megaflows = 0;
    pipeline.n_pools = 0;
    pipeline.is_bare = one_in(3);
    pipeline.n_zones = (pipeline.is_bare || one_in(2) ? 1
                        : 1 + rnd(MAX_ZONES));
    pipeline.readdresses = !pipeline.is_bare && pipeline.n_zones == 1
                           && one_in(3);
    pipeline.n_passes = pipeline.is_bare ? 2 : 2 + rnd(CT_MAX_PASSES - 1);
    pipeline.first_recirc_id = 1 + rnd(UINT32_MAX - CT_MAX_PASSES - 1);
    pipeline.has_policy = one_in(4);
    pipeline.is_tame = false;
    for (size_t i = 0; i < pipeline.n_zones; i++) {
        pipeline.zones[i].number = i && one_in(2) ? rnd(UINT16_MAX) : i;
        pipeline.zones[i].nat = rnd(N_NAT_STYLES);
        pipeline.is_tame |= (pipeline.zones[i].nat >= NAT_SRC
                             && !XDP_OVS_TRANSLATES_TWICE);
    }
    for (size_t i = 0; i < pipeline.n_passes; i++) {
        struct pass *pass = &pipeline.passes[i];

        make_masks(pass, i);
        for (size_t class = 0; class < N_CLASSES; class++) {
            for (int j = 0; j < 2; j++) {
                for (int k = 0; k < 2; k++) {
                    make_ct_actions(&pass->actions[class][j][k], i, class, j,
                                    k);
                }
            }
        }
    }
}

/* Returns one of the zones of the pipeline. */
uint16_t
ct_pipeline_zone(void)
{
    return pipeline.zones[rnd(pipeline.n_zones)].number;
}

/* Megaflows. */

/* Those of packets that are not IP. */
static struct ct_actions no_actions;

/* Returns the pass that 'flow' is in. */
static size_t
find_pass(const struct flow *flow)
{
    return (flow->recirc_id
            ? flow->recirc_id - pipeline.first_recirc_id + 1 : 0);
}

/* Makes a megaflow for packets like 'flow' and puts it into the table if it
 * can be in there. */
static struct ct_megaflow *
make_megaflow(const struct flow *flow)
{
    struct ct_megaflow *m = &pipeline.megaflows[pipeline.n_megaflows++];
    struct pass *pass = &pipeline.passes[find_pass(flow)];
    bool is_ipv6 = flow->dl_type == htons(ETH_TYPE_IPV6);
    struct xdp_translation tr;
    enum xdp_table_error error;

    ovs_assert(pipeline.n_megaflows <= CT_MAX_MEGAFLOWS);
    memset(m->n_packets, 0, sizeof m->n_packets);
    memset(m->n_bytes, 0, sizeof m->n_bytes);
    match_init(&m->match, flow, &pass->wc[is_ipv6]);
    minimatch_init(&m->minimatch, &m->match);
    m->actions = (!is_ip_any(flow) ? &no_actions
                  : &pass->actions[pass->has_classes
                                   ? classify(flow->ct_state)
                                   : CLASS_UNTRACKED][is_ipv6]
                                  [flow->vlans[0].tci != 0]);
    m->flow = NULL;
    put_flow(&m->match, odp_to_u32(flow->in_port.odp_port) - ODP_BASE,
             &m->actions->netlink, &m->flow, &error, &tr);
    if (m->flow) {
        m->ops = tr.actions;
    }
    return m;
}

/* Returns the megaflow of packets like 'flow', which may be a new one. */
struct ct_megaflow *
ct_pipeline_find(const struct flow *flow)
{
    for (size_t i = 0; i < pipeline.n_megaflows; i++) {
        struct ct_megaflow *m = &pipeline.megaflows[i];

        if (m->match.flow.recirc_id == flow->recirc_id
            && minimatch_matches_flow(&m->minimatch, flow)) {
            return m;
        }
    }
    return make_megaflow(flow);
}

/* Returns true if there is room for the megaflows of one more packet. */
bool
ct_pipeline_has_room(void)
{
    return pipeline.n_megaflows + CT_ROOM <= CT_MAX_MEGAFLOWS;
}

/* Prints the megaflows. */
void
ct_pipeline_print(void)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < pipeline.n_megaflows; i++) {
        const struct ct_megaflow *m = &pipeline.megaflows[i];

        ds_clear(&s);
        match_format(&m->match, NULL, &s, OFP_DEFAULT_PRIORITY);
        ds_put_cstr(&s, " actions:");
        format_odp_actions(&s, m->actions->netlink.buf.data,
                           m->actions->netlink.buf.size, NULL);
        printf("  %s %s\n", m->flow ? "XDP" : "   ", ds_cstr(&s));
    }
    ds_destroy(&s);
}

/* Returns true if both sides have sent the same packets through each megaflow
 * so far. */
bool
ct_pipeline_stats_equal(void)
{
    for (size_t i = 0; i < pipeline.n_megaflows; i++) {
        const struct ct_megaflow *m = &pipeline.megaflows[i];
        struct xdp_flow_table_stats stats = { .n_packets = 0 };

        if (m->flow) {
            xdp_flow_table_get_stats(object->table, m->flow, &stats);
        }
        if (m->n_packets[0] + stats.n_packets != m->n_packets[1]) {
            return false;
        }
    }
    return true;
}

/* Removes the megaflows.  If 'ok', checks that both sides have sent the same
 * packets through each of them; 'index' is that of the case. */
void
ct_pipeline_check_stats(unsigned long int index, bool ok)
{
    for (size_t i = 0; i < pipeline.n_megaflows; i++) {
        struct ct_megaflow *m = &pipeline.megaflows[i];
        struct xdp_flow_table_stats stats;

        if (m->flow) {
            xdp_flow_table_remove(object->table, m->flow, &stats);
            for (size_t j = 0; j < m->ops.n_ops;
                 j += 1 + m->ops.ops[j].n_data) {
                op_count[m->ops.ops[j].type] += stats.n_packets;
            }
            m->n_packets[0] += stats.n_packets;
            m->n_bytes[0] += stats.n_bytes;
        }
        if (ok && (m->n_packets[0] != m->n_packets[1]
                   || m->n_bytes[0] != m->n_bytes[1])
            && case_failure("conntrack", index, "statistics of megaflow "
                            "%"PRIuSIZE": %"PRIu64" packets, %"PRIu64" bytes "
                            "instead of %"PRIu64", %"PRIu64, i,
                            m->n_packets[0], m->n_bytes[0], m->n_packets[1],
                            m->n_bytes[1])) {
            ct_pipeline_print();
        }
        minimatch_destroy(&m->minimatch);
    }
    pipeline.n_megaflows = 0;
}
