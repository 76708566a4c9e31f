/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the parts of the offload that know no network device:
 * translation of megaflows, the flow table, and checking of objects.
 *
 * Prints one line for each case, "ok NAME", "not ok NAME: why" or "skip NAME:
 * why", and at the end how many there were of each.  Flow tables are made on
 * real maps, created here, which takes the privilege to do so; cases that need
 * it are skipped without it.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "packets.h"
#include "random.h"
#include "unit/unit.h"
#include "util.h"
#include "xdp-flow-table.h"
#include "xdp-machine.h"
#include "xdp-meter.h"
#include "xdp-program.h"
#include "xdp-sequence.h"
#include "xdp-swap.h"
#include "xdp-translate.h"
#include "xdp-upcall.h"

/* Options. */
const char *object_path = "bpf/flowtable_afxdp.o";
static const char *objects_dir = "tests";

/* Why the current case failed, NULL if it has not. */
static char *why;

/* Notes that the current case fails, unless it has already. */
void
fail(const char *format, ...)
{
    if (!why) {
        va_list args;

        va_start(args, format);
        why = xvasprintf(format, args);
        va_end(args);
    }
}

/* Translation. */

#define IN_PORT 7
#define NO_PORT_BASE 900        /* Ports from here on are no targets. */
#define NO_XDP_BASE 950         /* Ports from here on are not in XDP. */

/* Implements xdp_translate_port_func: port N has number N + 1.  The first four
 * ports are tunnels, too, of one type each. */
static enum xdp_reason
lookup_port(odp_port_t odp_port, bool pop, struct xdp_translate_port *port,
            char *detail, size_t size, void *aux)
{
    uint32_t n = odp_to_u32(odp_port);

    ovs_assert(aux == &why);
    if (pop && n < XDP_TUNNEL_ERSPAN) {
        *port = (struct xdp_translate_port) { .number = n + 1,
                                              .tunnel = n + 1 };
        return XDP_REASON_NONE;
    }
    if (n >= NO_PORT_BASE) {
        snprintf(detail, size, "port%"PRIu32, n);
        return n >= NO_XDP_BASE ? XDP_REASON_TARGET_TYPE : XDP_REASON_TARGET;
    }
    *port = (struct xdp_translate_port) { .number = n + 1,
                                          .ifindex = n + 1001 };
    return XDP_REASON_NONE;
}

/* Fills '*caps' with what an object can do that has everything. */
static void
all_caps(struct xdp_caps *caps)
{
    memset(caps, 0, sizeof *caps);
    memset(&caps->fields, 0xff, sizeof caps->fields);
    caps->fields.pad1 = 0;
    caps->fields.pad2 = 0;
    caps->ops = UINT64_MAX;
    caps->max_words = XDP_MASK_MAX_WORDS;
    caps->max_ops = XDP_FLOW_MAX_OPS;
    caps->max_outputs = XDP_FLOW_MAX_OPS;
}

/* Where a field is in "struct flow" and in "struct xdp_key". */
struct field {
    const char *name;           /* In the key. */
    const char *ovs_name;       /* As a refusal names it. */
    size_t flow_ofs;
    size_t key_ofs;
    size_t size;
};

static const struct field fields[] = {
#define FIELD(NAME, OVS, OVS_NAME)                                      \
    { #NAME, OVS_NAME, offsetof(struct flow, OVS),                      \
      offsetof(struct xdp_key, NAME), MEMBER_SIZEOF(struct xdp_key, NAME) }
    FIELD(dp_hash, dp_hash, "dp_hash"),
    FIELD(dl_dst, dl_dst, "eth_dst"),
    FIELD(dl_src, dl_src, "eth_src"),
    FIELD(dl_type, dl_type, "eth_type"),
    FIELD(vlan_tpid0, vlans[0].tpid, "vlan_tpid0"),
    FIELD(vlan_tci0, vlans[0].tci, "vlan_tci"),
    FIELD(vlan_tpid1, vlans[1].tpid, "vlan_tpid1"),
    FIELD(vlan_tci1, vlans[1].tci, "vlan_tci1"),
    FIELD(nw_src, nw_src, "ip_src"),
    FIELD(nw_dst, nw_dst, "ip_dst"),
    FIELD(nw_frag, nw_frag, "ip_frag"),
    FIELD(nw_proto, nw_proto, "nw_proto"),
    FIELD(nw_tos, nw_tos, "nw_tos"),
    FIELD(nw_ttl, nw_ttl, "nw_ttl"),
    FIELD(tcp_flags, tcp_flags, "tcp_flags"),
    FIELD(tp_src, tp_src, "tcp_src"),
    FIELD(tp_dst, tp_dst, "tcp_dst"),
    FIELD(ipv6_src, ipv6_src, "ipv6_src"),
    FIELD(ipv6_dst, ipv6_dst, "ipv6_dst"),
    FIELD(nd_target, nd_target, "nd_target"),
    FIELD(arp_sha, arp_sha, "arp_sha"),
    FIELD(arp_tha, arp_tha, "arp_tha"),
    FIELD(ipv6_label, ipv6_label, "ipv6_label"),
    FIELD(mpls_lse[0], mpls_lse[0], "mpls_label"),
    FIELD(mpls_lse[1], mpls_lse[1], "mpls_lse[1]"),
    FIELD(mpls_lse[2], mpls_lse[2], "mpls_lse[2]"),
    FIELD(igmp_group_ip4, igmp_group_ip4, "nd_reserved"),
    FIELD(tun_ip_src, tunnel.ip_src, "tun_src"),
    FIELD(tun_ip_dst, tunnel.ip_dst, "tun_dst"),
    FIELD(tun_tun_id, tunnel.tun_id, "tun_id"),
    FIELD(tun_flags, tunnel.flags, "tun_flags"),
    FIELD(tun_ip_tos, tunnel.ip_tos, "tun_tos"),
    FIELD(tun_ip_ttl, tunnel.ip_ttl, "tun_ttl"),
    FIELD(tun_tp_src, tunnel.tp_src, "tun_tp_src"),
    FIELD(tun_tp_dst, tunnel.tp_dst, "tun_tp_dst"),
    FIELD(tun_erspan_idx, tunnel.erspan_idx, "tun_erspan_idx"),
    FIELD(tun_erspan_ver, tunnel.erspan_ver, "tun_erspan_ver"),
    FIELD(tun_ipv6_src, tunnel.ipv6_src, "tun_ipv6_src"),
    FIELD(tun_ipv6_dst, tunnel.ipv6_dst, "tun_ipv6_dst"),
#undef FIELD
};

/* Makes '*match' one of TCP over IPv4 that looks at nothing but what it takes
 * to say that, and at what a datapath's megaflow always looks at. */
static void
init_tcp_match(struct match *match)
{
    match_init_catchall(match);
    match->wc.masks.recirc_id = UINT32_MAX;
    match->wc.masks.packet_type = OVS_BE32_MAX;
    match->wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    match->flow.in_port.odp_port = u32_to_odp(100);
    match->flow.dl_type = htons(ETH_TYPE_IP);
    match->wc.masks.dl_type = OVS_BE16_MAX;
    match->flow.nw_proto = IPPROTO_TCP;
    match->wc.masks.nw_proto = UINT8_MAX;
}

/* Checks the refusal of 'match'. */
static void
check_match_refused(const struct match *match, const struct xdp_caps *caps,
                    enum xdp_reason expected, const char *detail)
{
    struct xdp_translation tr;
    enum xdp_reason reason;

    reason = xdp_translate_match(match, IN_PORT, caps, &tr);
    if (reason != expected) {
        fail("%s: expected \"%s\", got \"%s\"", detail,
             xdp_reason_to_string(expected), xdp_reason_to_string(reason));
    } else if (strcmp(tr.detail, detail)) {
        fail("expected detail \"%s\", got \"%s\"", detail, tr.detail);
    }
}

/* Each field goes to its place in the key, with its mask, and nowhere else. */
static void
test_translate_fields(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const struct field *f = &fields[i];
        struct xdp_key key, mask;
        struct xdp_translation tr;
        struct xdp_caps caps;
        enum xdp_reason reason;
        struct match match;

        all_caps(&caps);
        init_tcp_match(&match);
        memset(&key, 0, sizeof key);
        memset(&mask, 0, sizeof mask);
        key.in_port = IN_PORT;
        mask.in_port = UINT32_MAX;
        mask.recirc_id = UINT32_MAX;
        key.dl_type = htons(ETH_TYPE_IP);
        mask.dl_type = OVS_BE16_MAX;
        key.nw_proto = IPPROTO_TCP;
        mask.nw_proto = UINT8_MAX;

        if (strcmp(f->name, "dl_type") && strcmp(f->name, "nw_proto")) {
            for (size_t j = 0; j < f->size; j++) {
                ((uint8_t *) &match.flow)[f->flow_ofs + j] = 0xa1 + j;
                ((uint8_t *) &match.wc.masks)[f->flow_ofs + j] = 0xe3 + j;
                /* In the key, what the mask leaves out is zero. */
                ((uint8_t *) &key)[f->key_ofs + j] = (0xa1 + j) & (0xe3 + j);
                ((uint8_t *) &mask)[f->key_ofs + j] = 0xe3 + j;
            }
        }

        reason = xdp_translate_match(&match, IN_PORT, &caps, &tr);
        if (reason || memcmp(&tr.key, &key, sizeof key)
            || memcmp(&tr.mask, &mask, sizeof mask)) {
            fail("%s: %s %s", f->name, xdp_reason_to_string(reason),
                 tr.detail);
        }
    }
}

/* Each bit of a megaflow is in the key, or known to be true of all packets, or
 * a reason to refuse. */
static void
test_translate_every_bit(void)
{
    size_t n_keyed = 0;

    for (size_t bit = 0; bit < sizeof(struct flow) * 8; bit++) {
        bool expected = false;
        struct xdp_translation tr;
        struct xdp_caps caps;
        enum xdp_reason reason;
        struct match match;

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
            expected |= (bit >= fields[i].flow_ofs * 8
                         && bit < (fields[i].flow_ofs + fields[i].size) * 8);
        }
        n_keyed += expected;
#define IN(FIELD) (bit >= offsetof(struct flow, FIELD) * 8              \
                   && bit < (offsetof(struct flow, FIELD)               \
                             + MEMBER_SIZEOF(struct flow, FIELD)) * 8)
        expected |= IN(recirc_id) || IN(packet_type) || IN(in_port);

        /* Always zero, as the megaflow has it. */
        expected |= (IN(tunnel.gbp_id) || IN(tunnel.gbp_flags)
                     || IN(tunnel.erspan_dir) || IN(tunnel.erspan_hwid)
                     || IN(tunnel.gtpu_flags) || IN(tunnel.gtpu_msgtype)
                     || IN(tunnel.metadata.present)
                     || IN(tunnel.metadata.tab));
#undef IN

        all_caps(&caps);
        init_tcp_match(&match);
        ((uint8_t *) &match.wc.masks)[bit / 8] |= 1 << (bit % 8);
        reason = xdp_translate_match(&match, IN_PORT, &caps, &tr);
        if ((reason == XDP_REASON_NONE) != expected
            || (reason && (reason != XDP_REASON_FIELD || !tr.detail[0]))) {
            fail("bit %"PRIuSIZE" of struct flow: %s %s", bit,
                 xdp_reason_to_string(reason), tr.detail);
        }
    }
    CHECK(n_keyed == 8 * (6 + 6 + 2 + 2 + 2 + 2 + 2 + 4 + 4 + 1 + 1 + 1 + 1
                          + 2 + 2 + 2 + 16 + 16 + 16 + 6 + 6 + 4 + 3 * 4
                          + 4 + 4
                          + 4 + 4 + 8 + 2 + 1 + 1 + 2 + 2 + 4 + 1 + 16 + 16));
}

/* Geneve options, in the form that megaflows of userspace have. */
static void
test_translate_tunnel_opts(void)
{
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct match match;
    uint8_t *opts = match.flow.tunnel.metadata.opts.u8;
    uint8_t *mask = match.wc.masks.tunnel.metadata.opts.u8;

    all_caps(&caps);
    init_tcp_match(&match);
    match.flow.tunnel.flags = FLOW_TNL_F_UDPIF;
    match.wc.masks.tunnel.flags = FLOW_TNL_F_UDPIF;
    match.flow.tunnel.metadata.present.len = 12;
    match.wc.masks.tunnel.metadata.present.len = UINT8_MAX;
    for (size_t i = 0; i < 12; i++) {
        opts[i] = 0x10 + i;
        mask[i] = i < 8 ? 0xff : 0;
    }
    CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &tr));
    CHECK(tr.key.tun_opts_len == 12 && tr.mask.tun_opts_len == UINT8_MAX);
    CHECK(!memcmp(tr.key.tun_opts, opts, 8));
    CHECK(is_all_zeros(&tr.key.tun_opts[8], sizeof tr.key.tun_opts - 8));
    CHECK(!memcmp(tr.mask.tun_opts, mask, sizeof tr.mask.tun_opts));

    /* More than the key holds. */
    match.flow.tunnel.metadata.present.len = XDP_TUNNEL_MAX_OPTS + 4;
    check_match_refused(&match, &caps, XDP_REASON_FIELD, "tun_metadata");
    match.flow.tunnel.metadata.present.len = XDP_TUNNEL_MAX_OPTS;
    CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &tr));

    /* Options by their place in OpenFlow. */
    match.flow.tunnel.flags = match.wc.masks.tunnel.flags = 0;
    match.flow.tunnel.metadata.present.map = 1;
    match.wc.masks.tunnel.metadata.present.map = 1;
    check_match_refused(&match, &caps, XDP_REASON_FIELD, "tun_metadata");

    /* A packet with group policy never gets behind a tunnel in XDP. */
    init_tcp_match(&match);
    match.wc.masks.tunnel.gbp_id = OVS_BE16_MAX;
    CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &tr));
    match.flow.tunnel.gbp_id = htons(1);
    check_match_refused(&match, &caps, XDP_REASON_FIELD, "tun_gbp_id");
}

/* Fields that the key does not have are refused by name. */
static void
test_translate_other_fields(void)
{
    static const struct {
        size_t ofs;
        const char *name;
    } others[] = {
#define OTHER(FIELD, NAME) { offsetof(struct flow, FIELD), NAME }
        OTHER(metadata, "metadata"),
        OTHER(regs[3], "reg3"),
        OTHER(skb_priority, "skb_priority"),
        OTHER(pkt_mark, "pkt_mark"),
        OTHER(ct_state, "ct_state"),
        OTHER(ct_zone, "ct_zone"),
        OTHER(ct_mark, "ct_mark"),
        OTHER(ct_label, "ct_label"),
        OTHER(ct_nw_src, "ct_nw_src"),
        OTHER(ct_nw_proto, "ct_nw_proto"),
        OTHER(ct_tp_dst, "ct_tp_dst"),
        OTHER(nsh.flags, "nsh_flags"),
        OTHER(nsh.path_hdr, "nsh_spi"),
        OTHER(nsh.mdtype, "nsh_mdtype"),
        OTHER(nsh.context[2], "nsh_c3"),
        OTHER(ct_ipv6_dst, "ct_ipv6_dst"),
        OTHER(tunnel.gbp_id, "tun_gbp_id"),
        OTHER(conj_id, "conj_id"),
        OTHER(actset_output, "actset_output"),
#undef OTHER
    };

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        struct xdp_caps caps;
        struct match match;

        all_caps(&caps);
        init_tcp_match(&match);
        ((uint8_t *) &match.flow)[others[i].ofs] = 0xff;
        ((uint8_t *) &match.wc.masks)[others[i].ofs] = 0xff;
        check_match_refused(&match, &caps, XDP_REASON_FIELD, others[i].name);
    }
}

/* Each flow is of one pass. */
static void
test_translate_recirc(void)
{
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct match match;

    all_caps(&caps);
    init_tcp_match(&match);
    match.wc.masks.recirc_id = 0;
    CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &tr));
    CHECK(!tr.key.recirc_id && tr.mask.recirc_id == UINT32_MAX);
    match.flow.recirc_id = 0x12345678;
    CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &tr));
    CHECK(tr.key.recirc_id == 0x12345678 && tr.mask.recirc_id == UINT32_MAX);

    /* An object that knows no passes has the first one only. */
    caps.fields.recirc_id = 0;
    check_match_refused(&match, &caps, XDP_REASON_RECIRC, "");
    match.flow.recirc_id = 0;
    CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &tr));
    CHECK(!tr.mask.recirc_id);
}

/* And has an Ethernet header. */
static void
test_translate_packet_type(void)
{
    struct xdp_caps caps;
    struct match match;

    all_caps(&caps);
    init_tcp_match(&match);
    match.flow.packet_type = PACKET_TYPE_BE(OFPHTN_ETHERTYPE, ETH_TYPE_IP);
    check_match_refused(&match, &caps, XDP_REASON_FIELD, "packet_type");
}

/* A field that the object lacks is refused, and is the one that is named. */
static void
test_translate_smaller_object(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const struct field *f = &fields[i];
        struct xdp_translation tr;
        struct xdp_caps caps;
        struct match match;
        enum xdp_reason reason;

        all_caps(&caps);
        memset((char *) &caps.fields + f->key_ofs, 0, f->size);
        init_tcp_match(&match);
        match.wc.masks.dl_dst = eth_addr_exact;
        memset((uint8_t *) &match.wc.masks + f->flow_ofs, 0xff, f->size);

        reason = xdp_translate_match(&match, IN_PORT, &caps, &tr);
        if (reason != XDP_REASON_FIELD) {
            fail("%s: %s", f->name, xdp_reason_to_string(reason));
        } else if (strcmp(f->name, "dl_type")
                   && strcmp(f->name, "nw_proto")
                   && strcmp(tr.detail, f->ovs_name)) {
            fail("%s: refused for \"%s\"", f->name, tr.detail);
        }

        /* Without it, the match is fine. */
        if (strcmp(f->name, "dl_type") && strcmp(f->name, "nw_proto")
            && strcmp(f->name, "dl_dst")) {
            memset((uint8_t *) &match.wc.masks + f->flow_ofs, 0, f->size);
            reason = xdp_translate_match(&match, IN_PORT, &caps, &tr);
            if (reason) {
                fail("%s: not matched on, but: %s", f->name, tr.detail);
            }
        }
    }
}

/* A mask may have more words than the object can take. */
static void
test_translate_max_words(void)
{
    struct xdp_translation tr;
    struct xdp_caps caps;
    struct match match;

    all_caps(&caps);
    init_tcp_match(&match);     /* in_port, dl_type, nw_proto. */
    caps.max_words = 3;
    CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &tr));
    caps.max_words = 2;
    check_match_refused(&match, &caps, XDP_REASON_FIELD, "too many fields");
}

/* Appends actions to 'b'. */
static void
put_output(struct ofpbuf *b, uint32_t port)
{
    nl_msg_put_odp_port(b, OVS_ACTION_ATTR_OUTPUT, u32_to_odp(port));
}

static void
put_push_vlan(struct ofpbuf *b, uint16_t tpid, uint16_t tci)
{
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(tpid),
        .vlan_tci = htons(tci),
    };

    nl_msg_put_unspec(b, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
}

static void
put_pop_vlan(struct ofpbuf *b)
{
    nl_msg_put_flag(b, OVS_ACTION_ATTR_POP_VLAN);
}

/* What the megaflow matches whose actions are translated. */
static struct xdp_key flow_key;
static struct xdp_key flow_mask;

/* Makes the megaflow match Ethertype 'dl_type', and if 'nw_proto' is nonzero
 * this protocol, in anything but later fragments. */
static void
match_headers(uint16_t dl_type, uint8_t nw_proto)
{
    memset(&flow_key, 0, sizeof flow_key);
    memset(&flow_mask, 0, sizeof flow_mask);
    flow_key.dl_type = htons(dl_type);
    flow_mask.dl_type = OVS_BE16_MAX;
    if (nw_proto) {
        flow_key.nw_proto = nw_proto;
        flow_mask.nw_proto = UINT8_MAX;
        flow_mask.nw_frag = FLOW_NW_FRAG_MASK;
    }
}

/* Translates and clears 'b'. */
static enum xdp_reason
translate_actions(struct ofpbuf *b, const struct xdp_caps *caps,
                  struct xdp_translation *tr)
{
    enum xdp_reason reason;

    memset(tr, 0xcc, sizeof *tr);
    tr->key = flow_key;
    tr->mask = flow_mask;
    reason = xdp_translate_actions(b->data, b->size, caps, lookup_port, &why,
                                   tr);
    ofpbuf_clear(b);
    return reason;
}

/* Checks that 'b' is refused for 'expected' and 'detail', and clears it. */
static void
check_actions_refused(struct ofpbuf *b, const struct xdp_caps *caps,
                      enum xdp_reason expected, const char *detail)
{
    struct xdp_translation tr;
    enum xdp_reason reason;

    reason = translate_actions(b, caps, &tr);
    if (reason != expected) {
        fail("%s: expected \"%s\", got \"%s\"", detail,
             xdp_reason_to_string(expected), xdp_reason_to_string(reason));
    } else if (strcmp(tr.detail, detail)) {
        fail("expected detail \"%s\", got \"%s\"", detail, tr.detail);
    }
}

/* What this issue's flows do. */
static void
test_translate_actions(void)
{
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    put_output(&b, 5);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1);
    CHECK(tr.actions.ops[0].type == XDP_OP_OUTPUT);
    CHECK(tr.actions.ops[0].u.output.port == 6);
    CHECK(tr.actions.ops[0].u.output.ifindex == 1006);
    CHECK(!tr.detail[0]);

    /* What netlink calls "tag present" is not a bit of the packet. */
    put_pop_vlan(&b);
    put_push_vlan(&b, ETH_TYPE_VLAN_8021AD, 0x3000 | 123);
    put_output(&b, 0);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3);
    CHECK(tr.actions.ops[0].type == XDP_OP_POP_VLAN);
    CHECK(!tr.actions.ops[0].u.raw[0]);
    CHECK(tr.actions.ops[1].type == XDP_OP_PUSH_VLAN);
    CHECK(tr.actions.ops[1].u.push_vlan.tpid == htons(ETH_TYPE_VLAN_8021AD));
    CHECK(tr.actions.ops[1].u.push_vlan.tci == htons(0x2000 | 123));
    CHECK(!tr.actions.ops[1].n_data && !tr.actions.ops[1].u.raw[1]);
    CHECK(tr.actions.ops[2].type == XDP_OP_OUTPUT);
    CHECK(tr.actions.ops[2].u.output.port == 1);

    /* Drop. */
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops);
    put_pop_vlan(&b);
    put_push_vlan(&b, ETH_TYPE_VLAN, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops);
    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops);
}

/* Returns true if op slot 'i' of 'tr' is an output to port 'port'. */
static bool
is_output(const struct xdp_translation *tr, size_t i, uint32_t port)
{
    const struct xdp_op *op = &tr->actions.ops[i];

    return (op->type == XDP_OP_OUTPUT && !op->n_data
            && op->u.output.port == port + 1
            && op->u.output.ifindex == port + 1001);
}

/* Outputs. */
static void
test_translate_outputs(void)
{
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    put_pop_vlan(&b);
    put_output(&b, 1);
    put_output(&b, 2);
    put_output(&b, 3);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4 && !tr.actions.flags);
    CHECK(tr.actions.ops[0].type == XDP_OP_POP_VLAN);
    CHECK(is_output(&tr, 1, 1) && is_output(&tr, 2, 2)
          && is_output(&tr, 3, 3));

    put_output(&b, 1);
    put_pop_vlan(&b);
    put_output(&b, 2);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3
          && tr.actions.flags == XDP_FLOW_COPIES_DIFFER);
    CHECK(is_output(&tr, 0, 1) && is_output(&tr, 2, 2));

    /* What follows the last output changes nothing. */
    put_output(&b, 1);
    put_output(&b, 2);
    put_pop_vlan(&b);
    put_push_vlan(&b, ETH_TYPE_VLAN, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && !tr.actions.flags);

    put_output(&b, 1);
    put_output(&b, 2);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_OUTPUTS, "two to one port");
    caps.max_outputs = 1;
    put_output(&b, 1);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_OUTPUTS, "more than 1");

    put_output(&b, NO_PORT_BASE);
    check_actions_refused(&b, &caps, XDP_REASON_TARGET, "port900");
    put_output(&b, 1);
    put_output(&b, NO_PORT_BASE);
    check_actions_refused(&b, &caps, XDP_REASON_TARGET, "port900");
    put_pop_vlan(&b);
    put_output(&b, NO_XDP_BASE);
    check_actions_refused(&b, &caps, XDP_REASON_TARGET_TYPE, "port950");
}

/* No output, for a reason. */
static void
test_translate_drop(void)
{
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr;
    struct xdp_caps caps;
    size_t ofs;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops && !tr.actions.flags);

    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops
          && tr.actions.flags == XDP_FLOW_EXPLICIT_DROP);

    put_output(&b, 1);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "drop");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "drop");

    /* Not all packets of these flows, or not seen as such. */
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "drop after meter");
    ofs = nl_msg_start_nested(&b, OVS_ACTION_ATTR_CLONE);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_DROP, 3);
    nl_msg_end_nested(&b, ofs);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "drop in clone");

    /* Nothing to clear. */
    nl_msg_put_flag(&b, OVS_ACTION_ATTR_CT_CLEAR);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1 && is_output(&tr, 0, 1));
}

/* Appends a truncation to 'b'. */
static void
put_trunc(struct ofpbuf *b, uint32_t max_len)
{
    struct ovs_action_trunc trunc = { .max_len = max_len };

    nl_msg_put_unspec(b, OVS_ACTION_ATTR_TRUNC, &trunc, sizeof trunc);
}

/* Truncation. */
static void
test_translate_trunc(void)
{
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    put_trunc(&b, ETH_HEADER_LEN);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && is_output(&tr, 1, 1));
    CHECK(tr.actions.ops[0].type == XDP_OP_TRUNC);
    CHECK(tr.actions.ops[0].u.trunc.max_len == ETH_HEADER_LEN);

    put_output(&b, 1);
    put_trunc(&b, 100);
    put_output(&b, 2);
    put_pop_vlan(&b);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3
          && tr.actions.flags == XDP_FLOW_COPIES_DIFFER);

    put_trunc(&b, ETH_HEADER_LEN - 1);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "trunc to less than an Ethernet header");
    put_trunc(&b, 100);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "trunc not right before an output");
    put_trunc(&b, 100);
    put_pop_vlan(&b);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "trunc not right before an output");
    put_trunc(&b, 100);
    put_output(&b, 1);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "output after a truncated one");
}

/* Meters. */
static void
test_translate_meter(void)
{
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, XDP_METER_MAX - 1);
    put_output(&b, 1);
    put_output(&b, 2);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 5 && is_output(&tr, 3, 1));
    CHECK(tr.actions.ops[0].type == XDP_OP_METER);
    CHECK(tr.actions.ops[0].u.meter.id == 5);
    CHECK(tr.actions.ops[2].type == XDP_OP_METER);
    CHECK(tr.actions.ops[2].u.meter.id == XDP_METER_MAX - 1);
    CHECK(!tr.actions.flags);

    /* It counts what goes nowhere, too. */
    put_pop_vlan(&b);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    put_pop_vlan(&b);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2);

    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, XDP_METER_MAX);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_METER,
                          "meter 4096 of the datapath, more than 4095");
    put_output(&b, 1);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "meter after an output");

    for (int i = 0; i < XDP_FLOW_MAX_OPS; i++) {
        put_pop_vlan(&b);
    }
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_METER, 5);
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "meter");
}

/* Appends a hash to 'b'. */
static void
put_hash(struct ofpbuf *b, uint32_t alg, uint32_t basis)
{
    struct ovs_action_hash hash = { .hash_alg = alg, .hash_basis = basis };

    nl_msg_put_unspec(b, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
}

/* Recirculation, and what it needs. */
static void
test_translate_passes(void)
{
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    put_pop_vlan(&b);
    put_hash(&b, OVS_HASH_ALG_L4, 77);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3);
    CHECK(tr.actions.parts == (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                               | XDP_PART_EXTENDED));
    CHECK(tr.actions.ops[1].type == XDP_OP_HASH);
    CHECK(tr.actions.ops[1].u.hash.alg == OVS_HASH_ALG_L4);
    CHECK(tr.actions.ops[1].u.hash.basis == 77);
    CHECK(tr.actions.ops[2].type == XDP_OP_RECIRC);
    CHECK(tr.actions.ops[2].u.recirc.id == 5);

    put_hash(&b, OVS_HASH_ALG_SYM_L4, 0);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, UINT32_MAX);
    CHECK(!translate_actions(&b, &caps, &tr));
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    CHECK(!translate_actions(&b, &caps, &tr));

    /* A later pass may hash what came in. */
    CHECK(tr.actions.parts == (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                               | XDP_PART_EXTENDED));

    /* A hash that nobody looks at is not worth its time. */
    put_hash(&b, OVS_HASH_ALG_SYM_L4, 0);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.n_ops);

    put_pop_vlan(&b);
    put_hash(&b, OVS_HASH_ALG_SYM_L4, 0);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER, "hash after a change");
    match_headers(ETH_TYPE_MPLS, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    put_hash(&b, OVS_HASH_ALG_L4, 0);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "hash after pop_mpls");
    match_headers(0, 0);
    put_hash(&b, 2, 0);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "hash, unknown algorithm");
    put_output(&b, 1);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "recirc after an output");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "recirc before other actions");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "recirc, malformed");
    for (int i = 0; i < XDP_FLOW_MAX_OPS; i++) {
        put_pop_vlan(&b);
    }
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "recirc");
}

/* How many ops there may be. */
static void
test_translate_n_ops(void)
{
    struct ofpbuf b;
    uint64_t stub[128];
    struct xdp_translation tr;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);
    for (int max = 1; max <= XDP_FLOW_MAX_OPS; max++) {
        caps.max_ops = max;
        for (int i = 1; i < max; i++) {
            put_push_vlan(&b, ETH_TYPE_VLAN, i);
        }
        put_output(&b, 3);
        CHECK(!translate_actions(&b, &caps, &tr));
        CHECK(tr.actions.n_ops == max);
        CHECK(tr.actions.ops[max - 1].type == XDP_OP_OUTPUT);

        for (int i = 0; i < max; i++) {
            put_push_vlan(&b, ETH_TYPE_VLAN, i);
        }
        put_output(&b, 3);
        check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "output");
    }

    /* Never more than there is room for, whatever the object says. */
    caps.max_ops = UINT32_MAX;
    for (int i = 0; i <= XDP_FLOW_MAX_OPS; i++) {
        put_pop_vlan(&b);
    }
    put_output(&b, 3);
    check_actions_refused(&b, &caps, XDP_REASON_N_OPS, "pop_vlan");

    /* What follows the last output needs no room. */
    put_output(&b, 3);
    for (int i = 0; i < XDP_FLOW_MAX_OPS; i++) {
        put_pop_vlan(&b);
    }
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1);
}

/* Appends a set action for 'value', of 'size' bytes, to 'b', under 'mask' if
 * that is nonnull. */
static void
put_set(struct ofpbuf *b, uint16_t type, const void *value, const void *mask,
        size_t size)
{
    size_t ofs = nl_msg_start_nested(b, mask ? OVS_ACTION_ATTR_SET_MASKED
                                             : OVS_ACTION_ATTR_SET);

    if (mask) {
        uint8_t *p = nl_msg_put_unspec_uninit(b, type, 2 * size);

        memcpy(p, value, size);
        memcpy(p + size, mask, size);
    } else {
        nl_msg_put_unspec(b, type, value, size);
    }
    nl_msg_end_nested(b, ofs);
}

/* What can be set, and in which packets. */
static const struct set_case {
    const char *name;           /* As a refusal names it. */
    uint16_t attr;              /* OVS_KEY_ATTR_*. */
    size_t size;                /* Of the attribute. */
    uint16_t dl_type;           /* To match, or 0. */
    uint8_t nw_proto;           /* To match, or 0. */
    uint16_t types[3];          /* Ops, when everything is set. */
    uint8_t n_data[3];          /* Data slots of each. */
} set_cases[] = {
#define SET(NAME, ATTR, STRUCT) \
    "set(" NAME ")", OVS_KEY_ATTR_##ATTR, sizeof(struct ovs_key_##STRUCT)
    { SET("eth", ETHERNET, ethernet), 0, 0,
      { XDP_OP_SET_ETHERNET }, { 1 } },
    { SET("ipv4", IPV4, ipv4), ETH_TYPE_IP, 0, { XDP_OP_SET_IPV4 }, { 1 } },
    { SET("ipv6", IPV6, ipv6), ETH_TYPE_IPV6, 0,
      { XDP_OP_SET_IPV6_SRC, XDP_OP_SET_IPV6_DST, XDP_OP_SET_IPV6 },
      { 2, 2, 0 } },
    { SET("tcp", TCP, tcp), ETH_TYPE_IP, IPPROTO_TCP,
      { XDP_OP_SET_TCP }, { 0 } },
    { SET("tcp", TCP, tcp), ETH_TYPE_IPV6, IPPROTO_TCP,
      { XDP_OP_SET_TCP }, { 0 } },
    { SET("udp", UDP, udp), ETH_TYPE_IP, IPPROTO_UDP,
      { XDP_OP_SET_UDP }, { 0 } },
    { SET("udp", UDP, udp), ETH_TYPE_IPV6, IPPROTO_UDP,
      { XDP_OP_SET_UDP }, { 0 } },
    { SET("icmp", ICMP, icmp), ETH_TYPE_IP, IPPROTO_ICMP,
      { XDP_OP_SET_ICMP }, { 0 } },
    { SET("icmpv6", ICMPV6, icmpv6), ETH_TYPE_IPV6, IPPROTO_ICMPV6,
      { XDP_OP_SET_ICMP }, { 0 } },
    { SET("arp", ARP, arp), ETH_TYPE_ARP, 0, { XDP_OP_SET_ARP }, { 3 } },
    { SET("arp", ARP, arp), ETH_TYPE_RARP, 0, { XDP_OP_SET_ARP }, { 3 } },
    { SET("nd", ND, nd), ETH_TYPE_IPV6, IPPROTO_ICMPV6,
      { XDP_OP_SET_ND_TARGET, XDP_OP_SET_ND_LL }, { 2, 1 } },
    { SET("mpls", MPLS, mpls), ETH_TYPE_MPLS, 0, { XDP_OP_SET_MPLS }, { 0 } },
    { SET("mpls", MPLS, mpls), ETH_TYPE_MPLS_MCAST, 0,
      { XDP_OP_SET_MPLS }, { 0 } },
#undef SET
};

#define MAX_SET_SIZE 64         /* More than any attribute there has. */

/* Checks that the ops of 'tr' are those of 'sc' and an output. */
static bool
are_set_ops(const struct xdp_translation *tr, const struct set_case *sc)
{
    size_t slot = 0;

    for (size_t i = 0; i < ARRAY_SIZE(sc->types) && sc->types[i]; i++) {
        const struct xdp_op *op = &tr->actions.ops[slot];

        if (op->type != sc->types[i] || op->n_data != sc->n_data[i]) {
            return false;
        }
        slot += 1 + sc->n_data[i];
    }
    return tr->actions.n_ops == slot + 1 && is_output(tr, slot, 1);
}

/* Set actions, with and without mask, of every kind. */
static void
test_translate_set(void)
{
    uint8_t value[MAX_SET_SIZE], mask[MAX_SET_SIZE];
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr, masked;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);
    memset(value, 0x5a, sizeof value);
    for (size_t i = 0; i < ARRAY_SIZE(set_cases); i++) {
        const struct set_case *sc = &set_cases[i];
        char detail[64];

        match_headers(sc->dl_type, sc->nw_proto);
        flow_mask.nw_frag = FLOW_NW_FRAG_MASK;
        put_set(&b, sc->attr, value, NULL, sc->size);
        put_output(&b, 1);
        if (translate_actions(&b, &caps, &tr) || !are_set_ops(&tr, sc)) {
            fail("%s: refused, or with other ops", sc->name);
            continue;
        }

        /* All ones say the same, except where there is what cannot be set:
         * protocol and fragment type. */
        memset(mask, 0xff, sizeof mask);
        if (sc->attr == OVS_KEY_ATTR_IPV4) {
            mask[offsetof(struct ovs_key_ipv4, ipv4_proto)] = 0;
            mask[offsetof(struct ovs_key_ipv4, ipv4_frag)] = 0;
        } else if (sc->attr == OVS_KEY_ATTR_IPV6) {
            mask[offsetof(struct ovs_key_ipv6, ipv6_proto)] = 0;
            mask[offsetof(struct ovs_key_ipv6, ipv6_frag)] = 0;
        }
        put_set(&b, sc->attr, value, mask, sc->size);
        put_output(&b, 1);
        if (translate_actions(&b, &caps, &masked)
            || memcmp(&tr.actions, &masked.actions, sizeof tr.actions)) {
            fail("%s: differs with a mask", sc->name);
        }

        /* Another size. */
        snprintf(detail, sizeof detail, "%s, malformed", sc->name);
        put_set(&b, sc->attr, value, NULL, sc->size - 1);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        put_set(&b, sc->attr, value, NULL, 2 * sc->size);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        put_set(&b, sc->attr, value, mask, sc->size - 1);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);

        /* Without each of the ops. */
        for (size_t j = 0; j < ARRAY_SIZE(sc->types) && sc->types[j]; j++) {
            caps.ops = ~(UINT64_C(1) << sc->types[j]);
            put_set(&b, sc->attr, value, NULL, sc->size);
            put_output(&b, 1);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, sc->name);
            caps.ops = UINT64_MAX;
        }

        /* Without match on what it needs. */
        if (sc->dl_type) {
            snprintf(detail, sizeof detail, "%s without match on eth_type",
                     sc->name);
            flow_mask.dl_type = htons(0xfffe);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
            match_headers(ETH_TYPE_NSH, sc->nw_proto);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        }
        if (sc->nw_proto) {
            snprintf(detail, sizeof detail, "%s without match on nw_proto",
                     sc->name);
            match_headers(sc->dl_type, sc->nw_proto);
            flow_mask.nw_proto = 0xfe;
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
            match_headers(sc->dl_type, IPPROTO_SCTP);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        }
        if (sc->nw_proto || sc->attr == OVS_KEY_ATTR_IPV4
            || sc->attr == OVS_KEY_ATTR_IPV6) {
            match_headers(sc->dl_type, sc->nw_proto);
            flow_mask.nw_frag = FLOW_NW_FRAG_ANY;
            snprintf(detail, sizeof detail, "%s without match on nw_frag",
                     sc->name);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
            flow_mask.nw_frag = FLOW_NW_FRAG_MASK;
            flow_key.nw_frag = FLOW_NW_FRAG_MASK;
            snprintf(detail, sizeof detail, "%s of later fragments",
                     sc->name);
            put_set(&b, sc->attr, value, NULL, sc->size);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        }
    }
    match_headers(0, 0);
}

/* What set actions become, field by field. */
static void
test_translate_set_fields(void)
{
    struct ovs_key_ethernet eth = { .eth_src = ETH_ADDR_C(1,2,3,4,5,6),
                                    .eth_dst = ETH_ADDR_C(7,8,9,a,b,c) };
    struct ovs_key_ethernet eth_mask = { .eth_dst = ETH_ADDR_C(ff,0,0,0,0,f) };
    struct ovs_key_ipv4 ip = { .ipv4_src = htonl(0x01020304),
                               .ipv4_tos = 0xff, .ipv4_ttl = 63 };
    struct ovs_key_ipv4 ip_mask = { .ipv4_tos = 0xfc, .ipv4_ttl = 0xff };
    struct ovs_key_ipv6 ip6 = { .ipv6_label = OVS_BE32_MAX,
                                .ipv6_tclass = 3, .ipv6_hlimit = 4 };
    struct ovs_key_ipv6 ip6_mask = { .ipv6_label = OVS_BE32_MAX };
    struct ovs_key_udp udp = { .udp_src = htons(53), .udp_dst = htons(54) };
    struct ovs_key_udp udp_mask = { .udp_dst = htons(0xff) };
    struct ovs_key_nd nd = { .nd_tll = ETH_ADDR_C(1,2,3,4,5,6) };
    struct ovs_key_nd nd_mask = { .nd_tll = ETH_ADDR_C(ff,ff,ff,ff,ff,ff) };
    const struct xdp_op *ops;
    const union xdp_op_data *data;
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);
    ops = tr.actions.ops;
    data = (const union xdp_op_data *) ops;

    /* A value is zero where its mask is. */
    match_headers(0, 0);
    put_set(&b, OVS_KEY_ATTR_ETHERNET, &eth, &eth_mask, sizeof eth);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!memcmp(ops[0].u.macs.first,
                  &(struct eth_addr) ETH_ADDR_C(7,0,0,0,0,c), ETH_ADDR_LEN));
    CHECK(is_all_zeros(ops[0].u.macs.second, ETH_ADDR_LEN));
    CHECK(!memcmp(data[1].macs.first, &eth_mask.eth_dst, ETH_ADDR_LEN));
    CHECK(is_all_zeros(data[1].macs.second, ETH_ADDR_LEN));

    /* Later fragments have these fields. */
    match_headers(ETH_TYPE_IP, 0);
    put_set(&b, OVS_KEY_ATTR_IPV4, &ip, &ip_mask, sizeof ip);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!ops[0].u.ipv4.src && !ops[0].u.ipv4.dst);
    CHECK(ops[0].u.ipv4.tos == 0xfc && ops[0].u.ipv4.ttl == 63);
    CHECK(!data[1].ipv4.src && !data[1].ipv4.dst);
    CHECK(data[1].ipv4.tos == 0xfc && data[1].ipv4.ttl == 0xff);

    ip_mask.ipv4_proto = 1;
    put_set(&b, OVS_KEY_ATTR_IPV4, &ip, &ip_mask, sizeof ip);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "set(ipv4) of protocol or fragments");

    /* Only what there is to set. */
    match_headers(ETH_TYPE_IPV6, 0);
    put_set(&b, OVS_KEY_ATTR_IPV6, &ip6, &ip6_mask, sizeof ip6);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 2 && ops[0].type == XDP_OP_SET_IPV6);
    CHECK(ops[0].u.ipv6.label == htonl(IPV6_LABEL_MASK));
    CHECK(ops[0].u.ipv6.label_mask == htonl(IPV6_LABEL_MASK));
    CHECK(!ops[0].u.ipv6.tclass && !ops[0].u.ipv6.tclass_mask);
    CHECK(!ops[0].u.ipv6.hlimit && !ops[0].u.ipv6.hlimit_mask);
    ip6_mask.ipv6_label = 0;
    put_set(&b, OVS_KEY_ATTR_IPV6, &ip6, &ip6_mask, sizeof ip6);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 1);
    ip6_mask.ipv6_frag = 1;
    put_set(&b, OVS_KEY_ATTR_IPV6, &ip6, &ip6_mask, sizeof ip6);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "set(ipv6) of protocol or fragments");

    match_headers(ETH_TYPE_IPV6, IPPROTO_UDP);
    put_set(&b, OVS_KEY_ATTR_UDP, &udp, &udp_mask, sizeof udp);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!ops[0].u.ports.src && !ops[0].u.ports.src_mask);
    CHECK(ops[0].u.ports.dst == htons(54));
    CHECK(ops[0].u.ports.dst_mask == htons(0xff));

    match_headers(ETH_TYPE_IPV6, IPPROTO_ICMPV6);
    put_set(&b, OVS_KEY_ATTR_ND, &nd, &nd_mask, sizeof nd);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 3 && ops[0].type == XDP_OP_SET_ND_LL);
    CHECK(is_all_zeros(ops[0].u.macs.first, ETH_ADDR_LEN));
    CHECK(!memcmp(ops[0].u.macs.second, &nd.nd_tll, ETH_ADDR_LEN));

    match_headers(0, 0);
}

/* MPLS labels come and go. */
static void
test_translate_mpls(void)
{
    struct ovs_action_push_mpls push = {
        .mpls_lse = htonl(0x12345678),
        .mpls_ethertype = htons(ETH_TYPE_MPLS),
    };
    struct ovs_key_ipv4 ip = { .ipv4_ttl = 63 };
    struct ovs_key_arp arp = { .arp_op = htons(1) };
    ovs_be32 lse = htonl(1);
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_translation tr;
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    match_headers(ETH_TYPE_IP, IPPROTO_TCP);
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
    put_set(&b, OVS_KEY_ATTR_MPLS, &lse, &lse, sizeof lse);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.n_ops == 4 && is_output(&tr, 3, 1));
    CHECK(tr.actions.ops[0].type == XDP_OP_PUSH_MPLS);
    CHECK(tr.actions.ops[0].u.mpls.lse == push.mpls_lse);
    CHECK(tr.actions.ops[0].u.mpls.type == push.mpls_ethertype);
    CHECK(tr.actions.ops[1].type == XDP_OP_SET_MPLS);
    CHECK(tr.actions.ops[1].u.mpls.lse == lse);
    CHECK(tr.actions.ops[1].u.mpls.mask == lse);
    CHECK(tr.actions.ops[2].type == XDP_OP_POP_MPLS);
    CHECK(tr.actions.ops[2].u.mpls.type == htons(ETH_TYPE_IP));

    /* Nobody knows what is there then. */
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
    put_set(&b, OVS_KEY_ATTR_IPV4, &ip, NULL, sizeof ip);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "set(ipv4) after a change of MPLS");
    match_headers(ETH_TYPE_MPLS, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_ARP));
    put_set(&b, OVS_KEY_ATTR_ARP, &arp, NULL, sizeof arp);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "set(arp) after a change of MPLS");

    match_headers(ETH_TYPE_IP, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "pop_mpls without match on eth_type");
    nl_msg_put_u8(&b, OVS_ACTION_ATTR_POP_MPLS, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "pop_mpls, malformed");
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push,
                      sizeof push - 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "push_mpls, malformed");
    flow_mask.dl_type = 0;
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "push_mpls without match on eth_type");
    push.mpls_ethertype = htons(ETH_TYPE_IP);
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_PUSH_MPLS, &push, sizeof push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "push_mpls with another eth_type");
    match_headers(0, 0);
}

/* A header to push, with 'l4' behind an IPv4 header, or with IPv6. */
static void
init_push(struct ovs_action_push_tnl *push, uint32_t type, bool is_ipv6,
          uint8_t proto, const void *l4, size_t l4_size)
{
    uint8_t *p = (uint8_t *) push->header;
    size_t ip_size = is_ipv6 ? IPV6_HEADER_LEN : IP_HEADER_LEN;

    memset(push, 0, sizeof *push);
    push->tnl_type = type;
    push->header_len = ETH_HEADER_LEN + ip_size + l4_size;
    p[12] = is_ipv6 ? 0x86 : 0x08;
    p[13] = is_ipv6 ? 0xdd : 0x00;
    p[14] = is_ipv6 ? 0x60 : 0x45;
    p[is_ipv6 ? 20 : 23] = proto;
    memcpy(p + ETH_HEADER_LEN + ip_size, l4, l4_size);
}

static void
put_tnl_push(struct ofpbuf *b, const struct ovs_action_push_tnl *push)
{
    nl_msg_put_unspec(b, OVS_ACTION_ATTR_TUNNEL_PUSH, push,
                      offsetof(struct ovs_action_push_tnl, header)
                      + MIN(push->header_len, sizeof push->header));
}

/* Tunnels. */
static void
test_translate_tunnels(void)
{
    static const uint8_t vxlan[16] = { 0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8 };
    static const uint8_t csum[16] = { 0, 0, 0x12, 0xb5, 0, 0, 0xff, 0xff, 8 };
    static const uint8_t gre[4] = { 0, 0, 0x65, 0x58 };
    static const uint8_t gre_csum[8] = { 0x80, 0, 0x65, 0x58 };
    static const uint8_t gre_key_seq[12] = { 0x30, 0, 0x65, 0x58 };
    static const uint8_t gre_csum_seq[12] = { 0x90, 0, 0x65, 0x58 };
    static const uint8_t erspan[16] = { 0x10, 0, 0x88, 0xbe };
    static const uint8_t erspan_iii[20] = { 0x10, 0, 0x22, 0xeb };
    struct ovs_action_push_tnl push;
    struct xdp_translation tr;
    struct xdp_caps caps;
    uint64_t stub[512];
    struct ofpbuf b;
    size_t ofs;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    init_push(&push, OVS_VPORT_TYPE_VXLAN, false, IPPROTO_UDP, vxlan,
              sizeof vxlan);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].type == XDP_OP_TNL_PUSH);
    CHECK(tr.actions.ops[0].n_data == 4);
    CHECK(tr.actions.ops[0].u.tnl_push.header_len == 50);
    CHECK(tr.actions.ops[0].u.tnl_push.flags == XDP_TUNNEL_PUSH_UDP);
    CHECK(tr.actions.ops[0].u.tnl_push.port_min == 32768);
    CHECK(tr.actions.ops[0].u.tnl_push.n_ports == 61000 - 32768);
    CHECK(!memcmp(&tr.actions.ops[1], push.header, 50));
    CHECK(is_output(&tr, 5, 1) && tr.actions.n_ops == 6);
    CHECK(tr.actions.flags == XDP_FLOW_TNL_PUSH);
    CHECK(tr.actions.parts & XDP_PART_TRANSPORT);

    /* In a clone, if nothing follows, and with a tag. */
    ofs = nl_msg_start_nested(&b, OVS_ACTION_ATTR_CLONE);
    init_push(&push, OVS_VPORT_TYPE_GENEVE, true, IPPROTO_UDP, csum,
              sizeof csum);
    put_tnl_push(&b, &push);
    put_push_vlan(&b, ETH_TYPE_VLAN, VLAN_CFI | 5);
    put_output(&b, 1);
    nl_msg_end_nested(&b, ofs);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].u.tnl_push.flags
          == (XDP_TUNNEL_PUSH_UDP | XDP_TUNNEL_PUSH_UDP_CSUM
              | XDP_TUNNEL_PUSH_IPV6));
    CHECK(tr.actions.ops[6].type == XDP_OP_PUSH_VLAN && is_output(&tr, 7, 1));
    ofs = nl_msg_start_nested(&b, OVS_ACTION_ATTR_CLONE);
    put_output(&b, 1);
    nl_msg_end_nested(&b, ofs);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "clone before other actions");

    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre, sizeof gre);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(!tr.actions.ops[0].u.tnl_push.flags && !tr.actions.parts);
    init_push(&push, OVS_VPORT_TYPE_IP6GRE, true, IPPROTO_GRE, gre_csum,
              sizeof gre_csum);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].u.tnl_push.flags
          == (XDP_TUNNEL_PUSH_GRE_CSUM | XDP_TUNNEL_PUSH_IPV6));

    /* Sequence numbers, of GRE and of ERSPAN, where other fields follow. */
    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre_key_seq,
              sizeof gre_key_seq);
    push.tnl_port = u32_to_odp(7);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].u.tnl_push.flags == XDP_TUNNEL_PUSH_SEQ);
    CHECK(tr.actions.ops[0].u.tnl_push.seq == 7);
    CHECK(tr.actions.ops[0].u.tnl_push.seq_ofs == 34 + 8);
    init_push(&push, OVS_VPORT_TYPE_IP6ERSPAN, true, IPPROTO_GRE, erspan,
              sizeof erspan);
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    CHECK(!translate_actions(&b, &caps, &tr));
    CHECK(tr.actions.ops[0].u.tnl_push.seq_ofs == 54 + 4);
    push.tnl_port = u32_to_odp(XDP_SEQUENCE_MAX);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");

    /* What userspace alone can do. */
    init_push(&push, OVS_VPORT_TYPE_IP6ERSPAN, true, IPPROTO_GRE, erspan_iii,
              sizeof erspan_iii);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre_csum_seq,
              sizeof gre_csum_seq);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    init_push(&push, OVS_VPORT_TYPE_GRE, false, IPPROTO_GRE, gre_csum, 4);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    init_push(&push, OVS_VPORT_TYPE_VXLAN, false, IPPROTO_UDP, vxlan, 7);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    init_push(&push, OVS_VPORT_TYPE_VXLAN, false, IPPROTO_UDP, vxlan,
              sizeof vxlan);
    push.header_len = XDP_TUNNEL_MAX_HEADER + 1;
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push with such a header");
    push.header_len = 50;
    push.tnl_type = OVS_VPORT_TYPE_GTPU;
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push of this type of tunnel");
    push.tnl_type = OVS_VPORT_TYPE_VXLAN;
    for (size_t size = 0; size < 66; size += 5) {
        nl_msg_put_unspec(&b, OVS_ACTION_ATTR_TUNNEL_PUSH, &push, size);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                              "tnl_push, malformed");
    }
    push.header_len = sizeof push.header + 1;
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_push, malformed");
    push.header_len = 50;

    /* The megaflow does not match on the header that was pushed. */
    put_output(&b, 1);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_push after an output");
    put_tnl_push(&b, &push);
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_push after tnl_push");
    put_tnl_push(&b, &push);
    put_pop_vlan(&b);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "pop_vlan after tnl_push");
    put_tnl_push(&b, &push);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_RECIRC, 5);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "recirc after tnl_push");
    put_tnl_push(&b, &push);
    put_output(&b, 1);
    put_output(&b, 2);
    check_actions_refused(&b, &caps, XDP_REASON_OUTPUTS,
                          "several after tnl_push");
    match_headers(ETH_TYPE_MPLS, 0);
    nl_msg_put_be16(&b, OVS_ACTION_ATTR_POP_MPLS, htons(ETH_TYPE_IP));
    put_tnl_push(&b, &push);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_push after pop_mpls");
    match_headers(0, 0);

    /* Pops. */
    for (uint32_t type = XDP_TUNNEL_VXLAN; type <= XDP_TUNNEL_ERSPAN;
         type++) {
        uint32_t n_tags = type % 3;

        for (uint32_t i = 0; i < n_tags; i++) {
            put_pop_vlan(&b);
        }
        nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, type - 1);
        CHECK(!translate_actions(&b, &caps, &tr));
        CHECK(tr.actions.n_ops == n_tags + 1);
        CHECK(tr.actions.ops[n_tags].type == XDP_OP_TNL_POP);
        CHECK(tr.actions.ops[n_tags].u.tnl_pop.port == type);
        CHECK(tr.actions.ops[n_tags].u.tnl_pop.odp_port == type - 1);
        CHECK(tr.actions.ops[n_tags].u.tnl_pop.type == type);
        CHECK(tr.actions.ops[n_tags].u.tnl_pop.n_tags == n_tags);
        CHECK(tr.actions.flags == XDP_FLOW_TNL_POP);
    }
    put_push_vlan(&b, ETH_TYPE_VLAN, VLAN_CFI | 5);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_pop after other actions");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ORDER,
                          "tnl_pop before other actions");
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, NO_XDP_BASE);
    CHECK(translate_actions(&b, &caps, &tr) == XDP_REASON_TARGET_TYPE);
    nl_msg_put_u8(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "tnl_pop, malformed");
    caps.ops &= ~(UINT64_C(1) << XDP_OP_TNL_POP);
    nl_msg_put_u32(&b, OVS_ACTION_ATTR_TUNNEL_POP, 0);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "tnl_pop");
    ofpbuf_uninit(&b);
}

/* What no object can do is refused by name. */
static void
test_translate_other_actions(void)
{
    static const char *names[OVS_ACTION_ATTR_MAX + 1] = {
        [OVS_ACTION_ATTR_USERSPACE] = "userspace",
        [OVS_ACTION_ATTR_SAMPLE] = "sample",
        [OVS_ACTION_ATTR_CT] = "ct",
        [OVS_ACTION_ATTR_PUSH_ETH] = "push_eth",
        [OVS_ACTION_ATTR_POP_ETH] = "pop_eth",
        [OVS_ACTION_ATTR_PUSH_NSH] = "push_nsh",
        [OVS_ACTION_ATTR_POP_NSH] = "pop_nsh",
        [OVS_ACTION_ATTR_CHECK_PKT_LEN] = "check_pkt_len",
        [OVS_ACTION_ATTR_ADD_MPLS] = "add_mpls",
        [OVS_ACTION_ATTR_LB_OUTPUT] = "lb_output",
    };
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);
    for (uint16_t type = 0; type <= OVS_ACTION_ATTR_MAX + 5; type++) {
        const char *name = (type <= OVS_ACTION_ATTR_MAX ? names[type]
                            : "unknown");

        if ((!name && type && type <= OVS_ACTION_ATTR_DROP)
            || type == OVS_ACTION_ATTR_CLONE
            || type == OVS_ACTION_ATTR_TUNNEL_PUSH
            || type == OVS_ACTION_ATTR_TUNNEL_POP) {
            continue;
        }
        name = name ? name : "unknown";
        nl_msg_put_u32(&b, type, 0);
        put_output(&b, 1);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, name);

        put_output(&b, 1);
        nl_msg_put_u32(&b, type, 0);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, name);
    }
}

/* Appends a userspace action to 'b', with the first 'size' bytes of 'cookie'
 * unless that is zero. */
static void
put_userspace(struct ofpbuf *b, const struct user_action_cookie *cookie,
              size_t size)
{
    size_t ofs = nl_msg_start_nested(b, OVS_ACTION_ATTR_USERSPACE);

    nl_msg_put_u32(b, OVS_USERSPACE_ATTR_PID, 0);
    if (size) {
        nl_msg_put_unspec(b, OVS_USERSPACE_ATTR_USERDATA, cookie, size);
    }
    nl_msg_end_nested(b, ofs);
}

/* Appends a sample action that has 'cookie' to 'b'. */
static void
put_sample(struct ofpbuf *b, const struct user_action_cookie *cookie)
{
    size_t ofs = nl_msg_start_nested(b, OVS_ACTION_ATTR_SAMPLE);
    size_t actions;

    nl_msg_put_u32(b, OVS_SAMPLE_ATTR_PROBABILITY, 1);
    actions = nl_msg_start_nested(b, OVS_SAMPLE_ATTR_ACTIONS);
    nl_msg_put_u32(b, OVS_ACTION_ATTR_METER, 5);
    put_userspace(b, cookie, sizeof *cookie);
    nl_msg_end_nested(b, actions);
    nl_msg_end_nested(b, ofs);
}

/* The refusal of an action that sends packets to userspace says why it does
 * that. */
static void
test_translate_userspace(void)
{
    static const struct {
        enum user_action_cookie_type type;
        uint32_t slow_path;
        const char *detail;
    } cases[] = {
        { USER_ACTION_COOKIE_UNSPEC, 0, "" },
        { USER_ACTION_COOKIE_SFLOW, 0, ": sFlow" },
        { USER_ACTION_COOKIE_FLOW_SAMPLE, 0, ": IPFIX of a sample action" },
        { USER_ACTION_COOKIE_IPFIX, 0, ": IPFIX" },
        { USER_ACTION_COOKIE_CONTROLLER, 0, ": controller" },
        { USER_ACTION_COOKIE_CONTROLLER + 1, 0, "" },
        { USER_ACTION_COOKIE_SLOW_PATH, 0, ": slow path" },
        { USER_ACTION_COOKIE_SLOW_PATH, SLOW_ACTION, ": slow path (action)" },
        { USER_ACTION_COOKIE_SLOW_PATH, SLOW_LACP | SLOW_MATCH,
          ": slow path (lacp,match)" },
        { USER_ACTION_COOKIE_SLOW_PATH, UINT32_MAX,
          ": slow path (cfm,bfd,lacp,stp,lldp,action,match)" },
    };
    struct user_action_cookie cookie;
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char detail[80];

        memset(&cookie, 0, sizeof cookie);
        cookie.type = cases[i].type;
        cookie.slow_path.reason = cases[i].slow_path;
        snprintf(detail, sizeof detail, "userspace%s", cases[i].detail);
        put_output(&b, 1);
        put_userspace(&b, &cookie, sizeof cookie);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        snprintf(detail, sizeof detail, "sample%s", cases[i].detail);
        put_sample(&b, &cookie);
        put_output(&b, 1);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
    }

    /* What other programs than OVS have put there. */
    for (size_t size = 0; size < sizeof cookie; size++) {
        put_userspace(&b, &cookie, size);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, "userspace");
    }
    nl_msg_put_flag(&b, OVS_ACTION_ATTR_USERSPACE);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "userspace");
    nl_msg_put_flag(&b, OVS_ACTION_ATTR_SAMPLE);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "sample");
    ofpbuf_uninit(&b);
}

/* Set actions that no object can run are refused by name. */
static void
test_translate_other_sets(void)
{
    static const char *names[OVS_KEY_ATTR_MAX + 1] = {
        [OVS_KEY_ATTR_PRIORITY] = "set(skb_priority)",
        [OVS_KEY_ATTR_SKB_MARK] = "set(skb_mark)",
        [OVS_KEY_ATTR_TUNNEL] = "set(tunnel)",
        [OVS_KEY_ATTR_SCTP] = "set(sctp)",
        [OVS_KEY_ATTR_DP_HASH] = "set(dp_hash)",
        [OVS_KEY_ATTR_RECIRC_ID] = "set(recirc_id)",
        [OVS_KEY_ATTR_NSH] = "set(nsh)",
        [OVS_KEY_ATTR_ND_EXTENSIONS] = "set(nd_ext)",
    };
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_caps caps;
    size_t ofs;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);
    for (uint16_t type = 0; type <= OVS_KEY_ATTR_MAX + 5; type++) {
        const char *name = type <= OVS_KEY_ATTR_MAX ? names[type] : NULL;
        uint64_t value = 0;
        bool can = false;

        for (size_t i = 0; i < ARRAY_SIZE(set_cases); i++) {
            can |= set_cases[i].attr == type;
        }
        if (!can) {
            put_set(&b, type, &value, NULL, sizeof value);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                                  name ? name : "set");
            put_set(&b, type, &value, &value, sizeof value);
            check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                                  name ? name : "set");
        }
    }

    /* No attribute, and half of one. */
    ofs = nl_msg_start_nested(&b, OVS_ACTION_ATTR_SET);
    nl_msg_end_nested(&b, ofs);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "set, malformed");
    nl_msg_put_u16(&b, OVS_ACTION_ATTR_SET_MASKED, 0xffff);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                          "set_masked, malformed");
}

/* Actions that are too short, or not whole. */
static void
test_translate_malformed(void)
{
    static const struct {
        uint16_t type;
        const char *detail;
    } too_short[] = {
        { OVS_ACTION_ATTR_OUTPUT, "output, malformed" },
        { OVS_ACTION_ATTR_PUSH_VLAN, "push_vlan, malformed" },
        { OVS_ACTION_ATTR_SET, "set, malformed" },
        { OVS_ACTION_ATTR_PUSH_MPLS, "push_mpls, malformed" },
        { OVS_ACTION_ATTR_TRUNC, "trunc, malformed" },
    };
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);
    for (size_t i = 0; i < ARRAY_SIZE(too_short); i++) {
        nl_msg_put_u16(&b, too_short[i].type, 0);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION,
                              too_short[i].detail);
    }

    put_output(&b, 1);
    b.size--;
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "malformed");
    put_output(&b, 1);
    put_output(&b, 2);
    b.size -= 5;
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "malformed");
}

/* Ops that the object does not have are refused by name. */
static void
test_translate_missing_ops(void)
{
    struct ofpbuf b;
    uint64_t stub[64];
    struct xdp_caps caps;

    all_caps(&caps);
    ofpbuf_use_stub(&b, stub, sizeof stub);

    caps.ops = ~(UINT64_C(1) << XDP_OP_PUSH_VLAN);
    put_push_vlan(&b, ETH_TYPE_VLAN, 1);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "push_vlan");
    caps.ops = ~(UINT64_C(1) << XDP_OP_POP_VLAN);
    put_pop_vlan(&b);
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "pop_vlan");
    caps.ops = 0;
    put_output(&b, 1);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "output");
}

/* Each reason has words of its own. */
static void
test_translate_reasons(void)
{
    for (int i = 0; i < XDP_N_REASONS; i++) {
        CHECK(xdp_reason_to_string(i)[0]);
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(xdp_reason_to_string(i), xdp_reason_to_string(j)));
        }
    }
}

/* Flow table. */

/* Secrets of the tables here.  In word 4 they make it easy to find two keys
 * with one digest. */
const uint64_t secret[XDP_KEY_WORDS] = {
    UINT64_C(0x8f1c3d5e79a2b4c6), UINT64_C(0x13579bdf02468ace),
    UINT64_C(0xfedcba9876543210), UINT64_C(0x0123456789abcdef),
    UINT64_C(0x5555aaaa11112222), UINT64_C(0x9e3779b97f4a7c15),
};

/* Creates a map for a fixture. */
int
create_map(enum bpf_map_type type, size_t value_size, uint32_t n,
           uint32_t flags, int inner_fd)
{
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
    int fd;

    if (inner_fd >= 0) {
        opts.inner_map_fd = inner_fd;
    }
    fd = bpf_map_create(type, "unit", 4, value_size, n, &opts);
    if (fd < 0) {
        ovs_fatal(errno, "creating a BPF map failed");
    }
    return fd;
}

/* Closes the maps of 'f'. */
void
fixture_close(struct fixture *f)
{
    close(f->fds.ports);
    close(f->fds.tx_ports);
    close(f->fds.masks);
    close(f->fds.subtables);
    close(f->fds.flows);
    close(f->fds.flow_rest);
    close(f->fds.flow_stats);
    close(f->fds.port_stats);
    close(f->fds.counters);
    close(f->fds.mask_hits);
    if (f->fds.groups) {
        close(f->fds.groups);
        close(f->fds.egress);
    }
}

/* Creates maps with the given limits, those of the flows with 'n_slots'
 * elements. */
void
fixture_open(struct fixture *f, uint32_t n_flows, uint32_t n_masks,
             uint32_t n_ports, uint32_t n_slots)
{
    int inner_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "unit_inner", 8, 4, 1,
                                  NULL);

    memset(f, 0, sizeof *f);
    f->n_cpus = libbpf_num_possible_cpus();
    f->limits.n_flows = n_flows;
    f->limits.n_slots = n_slots;
    f->limits.n_masks = n_masks;
    f->limits.n_ports = n_ports;
    f->fds.ports = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct xdp_port),
                              n_ports, BPF_F_MMAPABLE, -1);
    f->fds.tx_ports = create_map(BPF_MAP_TYPE_DEVMAP,
                                 sizeof(struct bpf_devmap_val), n_ports, 0,
                                 -1);
    f->fds.masks = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct xdp_mask),
                              n_masks, BPF_F_MMAPABLE, -1);
    f->fds.subtables = create_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, n_masks + 1,
                                  0, inner_fd);
    f->fds.flows = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct xdp_flow),
                              n_slots, BPF_F_MMAPABLE, -1);
    f->fds.flow_rest = create_map(BPF_MAP_TYPE_ARRAY,
                                  sizeof(struct xdp_flow_rest), n_slots,
                                  BPF_F_MMAPABLE, -1);
    f->fds.flow_stats = create_map(BPF_MAP_TYPE_ARRAY,
                                   sizeof(struct xdp_flow_stats),
                                   n_slots * f->n_cpus, BPF_F_MMAPABLE, -1);
    f->fds.port_stats = create_map(BPF_MAP_TYPE_PERCPU_ARRAY,
                                   sizeof(struct xdp_port_stats), n_ports, 0,
                                   -1);
    f->fds.counters = create_map(BPF_MAP_TYPE_PERCPU_ARRAY, 8,
                                 XDP_COUNTER_MAX, 0, -1);
    f->fds.mask_hits = create_map(BPF_MAP_TYPE_ARRAY, 8,
                                  XDP_MASK_HITS * f->n_cpus, BPF_F_MMAPABLE,
                                  -1);
    close(inner_fd);
}

/* Creates a table with the given limits and, for convenience, two ports: 1 and
 * 2. */
void
fixture_init(struct fixture *f, uint32_t n_flows, uint32_t n_masks)
{
    char *error;

    fixture_open(f, n_flows, n_masks, MAX_PORTS, n_flows);
    f->table = xdp_flow_table_create(&f->fds, &f->limits, secret, &error);
    if (!f->table) {
        ovs_fatal(0, "%s", error);
    }
    if (xdp_flow_table_add_port(f->table, 1, 1, 2)
        || xdp_flow_table_add_port(f->table, 2, MAX_PORTS + 1, 2)) {
        ovs_fatal(0, "adding a port failed");
    }
}

/* Destroys 'f', whose flows must be gone. */
void
fixture_destroy(struct fixture *f)
{
    xdp_flow_table_destroy(f->table);
    fixture_close(f);
}

/* Waits and reclaims as the offload does.  Returns true if there was
 * anything. */
bool
fixture_reclaim(struct fixture *f)
{
    uint64_t epoch;

    if (!xdp_flow_table_begin_reclaim(f->table, &epoch)) {
        return false;
    }
    if (xdp_flow_table_wait(f->table)) {
        ovs_fatal(0, "waiting for a grace period failed");
    }
    while (xdp_flow_table_reclaim(f->table, epoch)) {
        continue;
    }
    return true;
}

/* Reads element 'index' of a map into '*value'.  Returns true if there is
 * one. */
bool
read_map(int fd, uint32_t index, void *value)
{
    return !bpf_map_lookup_elem(fd, &index, value);
}

/* Returns word 'i' of the mask in 'found'. */
static __u64 *
slot_bits(struct found_flow *found, size_t i)
{
    size_t ext = i - XDP_KEY_BASIC_WORDS;

    return (i < XDP_KEY_BASIC_WORDS ? &found->mask.basic[i]
            : ext < XDP_KEY_EXT_WORDS ? &found->rest.ext_bits[ext]
            : &found->rest.tunnel_bits[ext - XDP_KEY_EXT_WORDS]);
}

/* Returns word 'i' of the key in 'found'. */
static __u64 *
slot_words(struct found_flow *found, size_t i)
{
    size_t ext = i - XDP_KEY_BASIC_WORDS;

    return (i < XDP_KEY_BASIC_WORDS ? &found->flow.words[i]
            : ext < XDP_KEY_EXT_WORDS ? &found->rest.ext_words[ext]
            : &found->rest.tunnel_words[ext - XDP_KEY_EXT_WORDS]);
}

/* Searches the maps of 'f' for the flow of a packet with 'key', the way a
 * program does, and stores what it finds, and the id of the mask that it was
 * found under.  Returns false if there is none. */
static bool
fixture_find_mask(const struct fixture *f, const struct xdp_key *key,
                  uint32_t *slotp, struct found_flow *flow,
                  uint32_t *mask_id)
{
    uint64_t words[XDP_KEY_WORDS];
    const struct xdp_port_masks *masks;
    struct xdp_port port;
    bool found = false;

    memcpy(words, key, sizeof words);
    if (!read_map(f->fds.ports, key->in_port, &port) || !port.ifindex) {
        return false;
    }
    masks = &port.lists[port.list];
    for (uint32_t i = 0; i < masks->n && !found; i++) {
        uint64_t digest = 0;
        struct xdp_mask mask;
        uint32_t slot, id;
        int fd;

        if (!read_map(f->fds.masks, masks->ids[i], &mask)
            || !read_map(f->fds.subtables, masks->ids[i], &id)) {
            continue;
        }
        for (uint32_t j = 0; j < mask.n_words; j++) {
            digest = xdp_digest_add(digest,
                                    words[mask.word[j]] & mask.bits[j],
                                    secret[mask.word[j]]);
            if (mask.bits[j] & ~port.union_bits[mask.word[j]]) {
                fail("the union of the port's masks lacks bits");
            }
        }
        fd = bpf_map_get_fd_by_id(id);
        if (fd >= 0 && !bpf_map_lookup_elem(fd, &digest, &slot)
            && read_map(f->fds.flows, slot, &flow->flow) && flow->flow.valid
            && read_map(f->fds.flow_rest, slot, &flow->rest)
            && read_map(f->fds.masks, flow->flow.mask, &flow->mask)) {
            found = true;
            for (size_t j = 0; j < XDP_KEY_WORDS; j++) {
                found &= ((words[j] & *slot_bits(flow, j))
                          == *slot_words(flow, j));
            }
            if (flow->flow.parts & ~port.parts) {
                fail("the port's parts lack some of the flow");
            }
            *slotp = slot;
            *mask_id = masks->ids[i];
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    return found;
}

/* As fixture_find_mask(). */
bool
fixture_find(const struct fixture *f, const struct xdp_key *key,
             uint32_t *slotp, struct found_flow *flow)
{
    uint32_t mask_id;

    return fixture_find_mask(f, key, slotp, flow, &mask_id);
}

/* Makes the key and mask of a flow from 'port' to IPv4 address 'dst'.  Flows
 * of different 'n_bits' have different masks. */
void
make_flow(uint32_t port, uint32_t dst, int n_bits, struct xdp_key *key,
          struct xdp_key *mask)
{
    memset(key, 0, sizeof *key);
    memset(mask, 0, sizeof *mask);
    key->in_port = port;
    mask->in_port = UINT32_MAX;
    key->nw_dst = htonl(dst);
    mask->nw_dst = OVS_BE32_MAX;
    mask->nw_src = be32_prefix_mask(n_bits);
}

/* Makes actions that are recognizable by 'label'. */
void
make_actions(uint32_t label, struct xdp_flow_actions *actions)
{
    memset(actions, 0, sizeof *actions);
    actions->n_ops = 2;
    actions->ops[0].type = XDP_OP_POP_VLAN;
    actions->ops[1].type = XDP_OP_OUTPUT;
    actions->ops[1].u.output.port = label % MAX_PORTS;
    actions->ops[1].u.output.ifindex = label;
}

/* Inserts such a flow with such ops. */
enum xdp_table_error
insert(struct fixture *f, uint32_t port, uint32_t dst, int n_bits,
       uint32_t label, struct xdp_table_flow **flowp)
{
    struct xdp_key key, mask;
    struct xdp_flow_actions actions;

    make_flow(port, dst, n_bits, &key, &mask);
    make_actions(label, &actions);
    return xdp_flow_table_insert(f->table, &key, &mask, &actions, flowp);
}

/* Returns the label of the flow that a packet from 'port' to 'dst' finds, and
 * stores its slot, or returns 0 if there is none. */
uint32_t
find(const struct fixture *f, uint32_t port, uint32_t dst, uint32_t *slot)
{
    struct xdp_key key, mask;
    struct found_flow flow;
    uint32_t slot_;

    make_flow(port, dst, 0, &key, &mask);
    if (!fixture_find(f, &key, slot ? slot : &slot_, &flow)) {
        return 0;
    }
    if (flow.rest.n_ops != 2 || flow.rest.ops[0].type != XDP_OP_POP_VLAN
        || flow.rest.ops[1].type != XDP_OP_OUTPUT
        || flow.flow.flags != (XDP_FLOW_SIMPLE | XDP_FLOW_POP_VLAN)
        || flow.flow.port != flow.rest.ops[1].u.output.port) {
        fail("the flow has other ops");
    }
    return flow.rest.ops[1].u.output.ifindex;
}

/* Adds a packet of 'bytes' bytes on 'cpu' to the statistics of 'slot'. */
void
count(const struct fixture *f, int cpu, uint32_t slot, uint64_t bytes,
      uint64_t used, uint64_t tcp_flags)
{
    uint32_t index = cpu * f->limits.n_slots + slot;
    struct xdp_flow_stats s;

    if (!read_map(f->fds.flow_stats, index, &s)) {
        ovs_fatal(errno, "reading statistics failed");
    }
    s.packets++;
    s.bytes += bytes;
    s.used = used;
    s.tcp_flags |= tcp_flags;
    if (bpf_map_update_elem(f->fds.flow_stats, &index, &s, BPF_ANY)) {
        ovs_fatal(errno, "writing statistics failed");
    }
}

/* Returns true if '*s' is that. */
bool
stats_are(const struct xdp_flow_table_stats *s, uint64_t packets,
          uint64_t bytes, long long int used, uint16_t tcp_flags)
{
    return (s->n_packets == packets && s->n_bytes == bytes && s->used == used
            && s->tcp_flags == tcp_flags);
}

/* Returns true if 'f' has that many flows and masks in use. */
bool
usage_is(const struct fixture *f, uint32_t n_flows, uint32_t n_masks)
{
    uint32_t flows, masks, groups;

    xdp_flow_table_usage(f->table, &flows, &masks, &groups);
    return flows == n_flows && masks == n_masks;
}

/* Flows come and go. */
static void
test_table_insert(void)
{
    struct xdp_table_flow *a, *b, *c;
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_init(&f, 16, 4);
    CHECK(xdp_flow_table_get_limits(f.table)->n_flows == 16);
    CHECK(usage_is(&f, 0, 0));
    CHECK(!find(&f, 1, 100, NULL));
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(!insert(&f, 1, 101, 8, 12, &b));
    CHECK(!insert(&f, 2, 100, 0, 13, &c));
    CHECK(usage_is(&f, 3, 2));
    CHECK(xdp_flow_table_port_n_masks(f.table, 1) == 2);
    CHECK(xdp_flow_table_port_n_masks(f.table, 2) == 1);
    CHECK(find(&f, 1, 100, NULL) == 11);
    CHECK(find(&f, 1, 101, NULL) == 12);
    CHECK(find(&f, 2, 100, NULL) == 13);
    CHECK(!find(&f, 2, 101, NULL));
    CHECK(!find(&f, 1, 102, NULL));

    xdp_flow_table_remove(f.table, a, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));
    CHECK(!find(&f, 1, 100, NULL));
    CHECK(find(&f, 1, 101, NULL) == 12);
    CHECK(find(&f, 2, 100, NULL) == 13);
    CHECK(xdp_flow_table_port_n_masks(f.table, 1) == 1);

    /* Again, while the old one is garbage. */
    CHECK(!insert(&f, 1, 100, 0, 14, &a));
    CHECK(find(&f, 1, 100, NULL) == 14);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, c, &s);
    CHECK(usage_is(&f, 0, 0));
    CHECK(!xdp_flow_table_port_n_masks(f.table, 1));
    CHECK(!xdp_flow_table_port_n_masks(f.table, 2));
    CHECK(fixture_reclaim(&f));
    CHECK(!fixture_reclaim(&f));
    fixture_destroy(&f);
}

/* Lets 'n' walks over the masks of 'port' end at mask 'mask', on the last
 * CPU. */
static void
hit_mask(const struct fixture *f, uint32_t port, uint32_t mask, uint64_t n)
{
    uint32_t index = xdp_mask_hits_index(f->n_cpus - 1, port, mask);
    uint64_t hits;

    if (!read_map(f->fds.mask_hits, index, &hits)) {
        ovs_fatal(errno, "reading a BPF map failed");
    }
    hits += n;
    if (bpf_map_update_elem(f->fds.mask_hits, &index, &hits, BPF_ANY)) {
        ovs_fatal(errno, "writing a BPF map failed");
    }
}

/* Returns the masks of 'port' in their order, one digit each. */
static unsigned int
mask_order(const struct fixture *f, uint32_t port)
{
    const struct xdp_port_masks *masks;
    struct xdp_port entry;
    unsigned int order = 0;

    if (!read_map(f->fds.ports, port, &entry)) {
        ovs_fatal(errno, "reading a BPF map failed");
    }
    masks = &entry.lists[entry.list];
    for (uint32_t i = 0; i < masks->n; i++) {
        order = order * 10 + masks->ids[i];
    }
    return order;
}

/* Sorts the masks as the offload does. */
static void
sort_masks(struct fixture *f)
{
    for (bool begin = true; xdp_flow_table_sort_masks(f->table, begin);
         begin = false) {
        continue;
    }
}

/* The most used masks of a port come first. */
static void
test_table_mask_order(void)
{
    struct xdp_table_flow *flows[5];
    struct xdp_flow_table_stats s;
    struct xdp_port before, after;
    struct fixture f;

    fixture_init(&f, 16, 8);
    for (int i = 0; i < 4; i++) {
        CHECK(!insert(&f, 1, 100 << i, i, 11 + i, &flows[i]));
    }
    CHECK(!insert(&f, 2, 100, 0, 15, &flows[4]));
    CHECK(mask_order(&f, 1) == 123);    /* 0, 1, 2, 3 */
    sort_masks(&f);
    CHECK(mask_order(&f, 1) == 123);
    CHECK(!fixture_reclaim(&f));

    /* The list that is read is not the one that is written. */
    CHECK(read_map(f.fds.ports, 1, &before));
    hit_mask(&f, 1, 2, 100);
    hit_mask(&f, 1, 3, 50);
    sort_masks(&f);
    CHECK(mask_order(&f, 1) / 100 == 23);
    CHECK(mask_order(&f, 2) == 0);
    CHECK(read_map(f.fds.ports, 1, &after));
    CHECK(after.list == !before.list);
    CHECK(!memcmp(&after.lists[before.list], &before.lists[before.list],
                  sizeof after.lists[0]));
    for (int i = 0; i < 4; i++) {
        CHECK(find(&f, 1, 100 << i, NULL) == 11 + i);
    }

    /* Programs may be at the old list, until they have ended. */
    hit_mask(&f, 1, 1, 1000);
    sort_masks(&f);
    CHECK(mask_order(&f, 1) / 100 == 23);
    CHECK(fixture_reclaim(&f));
    CHECK(!fixture_reclaim(&f));
    sort_masks(&f);
    CHECK(mask_order(&f, 1) / 10 == 123);
    CHECK(fixture_reclaim(&f));

    /* Old hits count less and less, and a small difference does not. */
    for (int i = 0; i < 20; i++) {
        sort_masks(&f);
        CHECK(!fixture_reclaim(&f));
    }
    hit_mask(&f, 1, 1, 100);
    hit_mask(&f, 1, 2, 110);
    sort_masks(&f);
    CHECK(mask_order(&f, 1) / 10 == 123);

    /* Masks come and go in the current list. */
    xdp_flow_table_remove(f.table, flows[1], &s);
    CHECK(mask_order(&f, 1) / 100 == 0 && mask_order(&f, 1) % 100 == 23);
    CHECK(!insert(&f, 1, 200, 1, 12, &flows[1]));
    for (int i = 0; i < 4; i++) {
        CHECK(find(&f, 1, 100 << i, NULL) == 11 + i);
    }
    for (int i = 0; i < 5; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_reclaim(&f);
    fixture_destroy(&f);
}

/* A flow's slot is filled completely, and all of the rest is zero. */
static void
test_table_slot(void)
{
    struct found_flow flow, expected;
    struct xdp_key key, mask;
    struct xdp_table_flow *tf;
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions = { .n_ops = XDP_FLOW_MAX_OPS };
    uint64_t words[XDP_KEY_WORDS], bits[XDP_KEY_WORDS];
    struct xdp_mask tmask;
    struct fixture f;
    uint32_t slot, mask_id;
    size_t n = 0;

    fixture_init(&f, 4, 4);
    memset(&key, 0x5a, sizeof key);
    memset(&mask, 0xf7, sizeof mask);
    key.in_port = 1;
    mask.in_port = UINT32_MAX;
    key.pad1 = mask.pad1 = 0;
    key.pad2 = mask.pad2 = 0;

    /* Word 2 is left out, and as many as a mask has no room for. */
    mask.dl_src[0] = mask.dl_src[1] = mask.dl_src[2] = 0;
    mask.dl_src[3] = mask.dl_src[4] = mask.dl_src[5] = 0;
    mask.vlan_tci0 = 0;
    memset(mask.ipv6_src, 0, sizeof mask.ipv6_src);
    memset(mask.ipv6_dst, 0, sizeof mask.ipv6_dst);
    memset(mask.nd_target, 0, sizeof mask.nd_target);
    memset(mask.tun_opts, 0, sizeof mask.tun_opts);
    memset(mask.tun_ipv6_src, 0, sizeof mask.tun_ipv6_src);
    for (size_t i = 0; i < XDP_FLOW_MAX_OPS; i++) {
        actions.ops[i].type = XDP_OP_PUSH_VLAN;
        actions.ops[i].u.push_vlan.tci = htons(i);
    }

    CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions, &tf));
    memcpy(words, &key, sizeof words);
    memcpy(bits, &mask, sizeof bits);
    memset(&expected, 0, sizeof expected);
    expected.flow.parts = (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                           | XDP_PART_EXTENDED | XDP_PART_TUNNEL
                           | XDP_PART_TUNNEL_RARE);
    expected.rest.n_ops = actions.n_ops;
    expected.rest.growth = INT16_MIN;
    memcpy(expected.rest.ops, actions.ops, sizeof expected.rest.ops);
    CHECK(fixture_find_mask(&f, &key, &slot, &flow, &mask_id));
    CHECK(flow.flow.valid);
    expected.flow.valid = flow.flow.valid;
    CHECK(read_map(f.fds.masks, mask_id, &tmask));
    expected.flow.mask = mask_id;
    expected.mask = tmask;
    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        *slot_bits(&expected, i) = bits[i];
        *slot_words(&expected, i) = words[i] & bits[i];
        if (bits[i]) {
            CHECK(tmask.word[n] == i && tmask.bits[n] == bits[i]);
            n++;
        }
    }
    CHECK(n == XDP_KEY_WORDS - 13 && tmask.n_words == n);
    CHECK(!memcmp(&flow, &expected, sizeof flow));

    /* No ops. */
    memset(&actions, 0, sizeof actions);
    CHECK(!xdp_flow_table_modify(f.table, tf, &actions));
    memset(expected.rest.ops, 0, sizeof expected.rest.ops);
    expected.rest.n_ops = 0;
    CHECK(fixture_find(&f, &key, &slot, &flow));
    CHECK(flow.flow.valid && flow.flow.valid != expected.flow.valid);
    expected.flow.valid = flow.flow.valid;
    CHECK(!memcmp(&flow, &expected, sizeof flow));
    xdp_flow_table_remove(f.table, tf, &s);
    fixture_destroy(&f);
}

/* Lists of ops that run without a loop are told from others. */
static void
test_table_flags(void)
{
    static const struct {
        uint16_t types[7];      /* Of the ops, XDP_OP_NONE at the end. */
        uint8_t flags;
    } cases[] = {
        { { 0 }, 0 },
        { { XDP_OP_OUTPUT }, XDP_FLOW_SIMPLE },
        { { XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, XDP_FLOW_SIMPLE },
        { { XDP_OP_POP_VLAN, XDP_OP_OUTPUT },
          XDP_FLOW_SIMPLE | XDP_FLOW_POP_VLAN },
        { { XDP_OP_PUSH_VLAN }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_POP_VLAN }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT },
          XDP_FLOW_REWRITE },
        { { XDP_OP_PUSH_VLAN, XDP_OP_POP_VLAN, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_PUSH_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_ETHERNET, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_IPV4, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_IPV6, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_TCP, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_UDP, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_ETHERNET, XDP_OP_SET_IPV4, XDP_OP_SET_UDP,
            XDP_OP_POP_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT },
          XDP_FLOW_REWRITE },
        { { XDP_OP_SET_ETHERNET, XDP_OP_SET_IPV6, XDP_OP_SET_TCP,
            XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, XDP_FLOW_REWRITE },
        { { XDP_OP_SET_IPV4, XDP_OP_SET_ETHERNET, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_IPV4, XDP_OP_SET_IPV6, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_UDP, XDP_OP_SET_IPV4, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_SET_ETHERNET, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_IPV6_SRC, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_IPV4, XDP_OP_SET_ICMP, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_SET_ETHERNET, XDP_OP_RECIRC }, 0 },
        { { XDP_OP_SET_ETHERNET }, 0 },
        { { XDP_OP_RECIRC }, XDP_FLOW_SHORT },
        { { XDP_OP_HASH, XDP_OP_RECIRC }, XDP_FLOW_SHORT },
        { { XDP_OP_HASH, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_HASH, XDP_OP_POP_VLAN, XDP_OP_RECIRC }, 0 },
        { { XDP_OP_POP_VLAN, XDP_OP_RECIRC }, 0 },
        { { XDP_OP_TNL_POP }, XDP_FLOW_SHORT },
        { { XDP_OP_POP_VLAN, XDP_OP_TNL_POP }, 0 },
        { { XDP_OP_TNL_PUSH, XDP_OP_OUTPUT }, XDP_FLOW_SHORT },
        { { XDP_OP_TNL_PUSH, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT }, 0 },
        { { XDP_OP_TNL_PUSH, XDP_OP_PUSH_VLAN }, 0 },
    };
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *tf;
    struct xdp_key key, mask;
    struct fixture f;
    uint32_t slot;

    fixture_init(&f, 4, 4);
    make_flow(1, 100, 0, &key, &mask);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct xdp_flow_actions actions;
        struct found_flow found;
        bool pushes;

        memset(&actions, 0, sizeof actions);
        actions.flags = XDP_FLOW_EXPLICIT_DROP;
        for (size_t j = 0; j < ARRAY_SIZE(cases[i].types)
             && cases[i].types[j]; j++) {
            struct xdp_op *op = &actions.ops[actions.n_ops++];

            op->type = cases[i].types[j];
            switch (op->type) {
            case XDP_OP_OUTPUT:
                op->u.output.port = 3;
                break;
            case XDP_OP_PUSH_VLAN:
                op->u.push_vlan.tpid = htons(ETH_TYPE_VLAN_8021Q);
                op->u.push_vlan.tci = htons(7);
                break;
            case XDP_OP_SET_ETHERNET:
            case XDP_OP_SET_IPV4:
            case XDP_OP_TNL_PUSH:
                op->n_data = 1;
                actions.n_ops++;
                break;
            }
        }
        pushes = (cases[i].flags & XDP_FLOW_SIMPLE
                  && cases[i].types[0] == XDP_OP_PUSH_VLAN);
        CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions, &tf));
        CHECK(fixture_find(&f, &key, &slot, &found));
        if (found.flow.flags != (XDP_FLOW_EXPLICIT_DROP | cases[i].flags)
            || found.flow.port != (cases[i].flags & XDP_FLOW_SIMPLE ? 3 : 0)
            || found.flow.tpid != (pushes ? htons(ETH_TYPE_VLAN_8021Q) : 0)
            || found.flow.tci != (pushes ? htons(7) : 0)) {
            fail("list %"PRIuSIZE": flags %#x, port %u, tag %#x", i,
                 found.flow.flags, found.flow.port, ntohs(found.flow.tci));
        }
        xdp_flow_table_remove(f.table, tf, &s);
        CHECK(fixture_reclaim(&f));
    }
    fixture_destroy(&f);
}

/* A flow that is stopped lets no packets in, but keeps its place. */
static void
test_table_running(void)
{
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    struct xdp_table_flow *a;
    struct fixture f;

    fixture_init(&f, 4, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    xdp_flow_table_set_running(f.table, a, false);
    CHECK(!find(&f, 1, 100, NULL));
    xdp_flow_table_set_running(f.table, a, true);
    CHECK(find(&f, 1, 100, NULL) == 11);

    /* New actions are those of a flow that runs. */
    xdp_flow_table_set_running(f.table, a, false);
    make_actions(12, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, NULL) == 12);
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(!find(&f, 1, 100, NULL));
    fixture_destroy(&f);
}

/* A modification takes a new slot; the old one is not used before its time. */
static void
test_table_modify(void)
{
    struct xdp_table_flow *a, *b;
    uint32_t slot[3];
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    struct fixture f;

    fixture_init(&f, 2, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(find(&f, 1, 100, &slot[0]) == 11);
    make_actions(12, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[1]) == 12);
    CHECK(slot[0] != slot[1]);
    CHECK(usage_is(&f, 1, 1));

    /* Now there is no slot left, but the flow is as it was. */
    make_actions(13, &actions);
    CHECK(xdp_flow_table_modify(f.table, a, &actions) == XDP_TABLE_FLOWS_FULL);
    CHECK(insert(&f, 1, 101, 0, 14, &b) == XDP_TABLE_FLOWS_FULL);
    CHECK(!b);
    CHECK(find(&f, 1, 100, NULL) == 12);

    CHECK(fixture_reclaim(&f));
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[2]) == 13);
    CHECK(slot[2] == slot[0]);
    xdp_flow_table_remove(f.table, a, &s);
    fixture_destroy(&f);
}

/* More flows than slots. */
static void
test_table_flows_full(void)
{
    struct xdp_table_flow *flows[8], *extra;
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_init(&f, 8, 4);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++) {
            CHECK(!insert(&f, 1, 100 + i, 0, 10 + i, &flows[i]));
        }
        CHECK(insert(&f, 1, 200, 0, 99, &extra) == XDP_TABLE_FLOWS_FULL);
        CHECK(!extra);
        CHECK(insert(&f, 1, 200, 4, 99, &extra) == XDP_TABLE_FLOWS_FULL);
        CHECK(usage_is(&f, 8, 1));
        for (int i = 0; i < 8; i++) {
            CHECK(find(&f, 1, 100 + i, NULL) == 10 + i);
            xdp_flow_table_remove(f.table, flows[i], &s);
        }
        fixture_reclaim(&f);
    }
    fixture_destroy(&f);
}

/* A full table that has more slots than flows takes changes. */
static void
test_table_spare_slots(void)
{
    struct xdp_table_flow *flows[8], *extra;
    struct xdp_flow_actions actions;
    struct xdp_flow_table_stats s;
    struct fixture f;
    char *error;

    fixture_open(&f, 8, 4, MAX_PORTS, 12);
    f.table = xdp_flow_table_create(&f.fds, &f.limits, secret, &error);
    CHECK(f.table && !xdp_flow_table_add_port(f.table, 1, 1, 2));
    for (int i = 0; i < 8; i++) {
        CHECK(!insert(&f, 1, 100 + i, 0, 10 + i, &flows[i]));
    }
    CHECK(!xdp_flow_table_is_short(f.table));
    CHECK(insert(&f, 1, 200, 0, 99, &extra) == XDP_TABLE_FLOWS_FULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            make_actions(20 + round, &actions);
            CHECK(!xdp_flow_table_modify(f.table, flows[i], &actions));
            CHECK(find(&f, 1, 100 + i, NULL) == 20 + round);
            CHECK(xdp_flow_table_is_short(f.table));
        }
        CHECK(xdp_flow_table_modify(f.table, flows[4], &actions)
              == XDP_TABLE_FLOWS_FULL);
        CHECK(find(&f, 1, 104, NULL) == 14);
        CHECK(fixture_reclaim(&f));
        CHECK(!xdp_flow_table_is_short(f.table));
    }

    /* Statistics of all slots. */
    for (int i = 0; i < 8; i++) {
        uint32_t slot;

        CHECK(find(&f, 1, 100 + i, &slot));
        count(&f, f.n_cpus - 1, slot, 60 + i, 1000000, 0);
        xdp_flow_table_remove(f.table, flows[i], &s);
        CHECK(stats_are(&s, 1, 60 + i, 1, 0));
    }
    fixture_reclaim(&f);
    fixture_destroy(&f);
}

/* Very many flows, which all change while the table is full. */
static void
test_table_scale(void)
{
    enum { N = 100000, N_MASKS = 16, N_SPARE = 4096 };
    struct xdp_table_flow **flows = xcalloc(N, sizeof *flows);
    struct xdp_flow_table_stats s;
    struct fixture f;
    char *error;

    fixture_open(&f, N, N_MASKS, MAX_PORTS, N + N_SPARE);
    f.table = xdp_flow_table_create(&f.fds, &f.limits, secret, &error);
    CHECK(f.table && !xdp_flow_table_add_port(f.table, 1, 1, 2));
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, i % N_MASKS, 1 + i, &flows[i]));
    }
    CHECK(usage_is(&f, N, N_MASKS));

    for (uint32_t i = 0; i < N; i++) {
        struct xdp_flow_actions actions;
        enum xdp_table_error e;

        make_actions(1 + N + i, &actions);
        e = xdp_flow_table_modify(f.table, flows[i], &actions);
        if (e == XDP_TABLE_FLOWS_FULL && fixture_reclaim(&f)) {
            e = xdp_flow_table_modify(f.table, flows[i], &actions);
        }
        CHECK(!e);
    }
    for (uint32_t i = 0; i < N; i += 97) {
        CHECK(find(&f, 1, i, NULL) == 1 + N + i);
    }
    for (uint32_t i = 0; i < N; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    CHECK(usage_is(&f, 0, 0));
    fixture_reclaim(&f);
    fixture_destroy(&f);
    free(flows);
}

/* Slots of flows that are gone wait for a grace period. */
static void
test_table_reclaim(void)
{
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    uint64_t epoch[2];
    struct fixture f;

    fixture_init(&f, 2, 4);
    CHECK(!xdp_flow_table_begin_reclaim(f.table, &epoch[0]));
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(!insert(&f, 1, 101, 0, 12, &b));
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(insert(&f, 1, 102, 0, 13, &a) == XDP_TABLE_FLOWS_FULL);
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch[0]));
    CHECK(insert(&f, 1, 102, 0, 13, &a) == XDP_TABLE_FLOWS_FULL);

    /* What is removed after the start of the wait is not covered by it. */
    xdp_flow_table_remove(f.table, b, &s);
    CHECK(!xdp_flow_table_wait(f.table));
    CHECK(insert(&f, 1, 102, 0, 13, &a) == XDP_TABLE_FLOWS_FULL);
    xdp_flow_table_reclaim(f.table, epoch[0]);
    CHECK(!insert(&f, 1, 102, 0, 13, &a));
    CHECK(insert(&f, 1, 103, 0, 14, &b) == XDP_TABLE_FLOWS_FULL);
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch[1]));
    CHECK(epoch[1] > epoch[0]);
    CHECK(!xdp_flow_table_wait(f.table));
    xdp_flow_table_reclaim(f.table, epoch[1]);
    CHECK(!insert(&f, 1, 103, 0, 14, &b));
    CHECK(find(&f, 1, 102, NULL) == 13 && find(&f, 1, 103, NULL) == 14);
    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* More masks than there are. */
static void
test_table_masks_full(void)
{
    struct xdp_table_flow *flows[4], *extra;
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_init(&f, 16, 4);
    for (int i = 0; i < 4; i++) {
        CHECK(!insert(&f, 1, 100 + i, i, 10 + i, &flows[i]));
    }
    CHECK(insert(&f, 1, 200, 4, 99, &extra) == XDP_TABLE_MASKS_FULL);
    CHECK(!extra);
    CHECK(usage_is(&f, 4, 4));
    CHECK(!insert(&f, 1, 201, 3, 98, &extra));
    xdp_flow_table_remove(f.table, extra, &s);
    for (int i = 0; i < 4; i++) {
        CHECK(find(&f, 1, 100 + i, NULL) == 10 + i);
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    fixture_destroy(&f);
}

/* Returns the id of the mask of the flow from port 1 to 'dst'. */
uint32_t
mask_of(const struct fixture *f, uint32_t dst)
{
    struct xdp_key key, mask;
    struct found_flow flow;
    uint32_t slot, mask_id;

    make_flow(1, dst, 0, &key, &mask);
    return (fixture_find_mask(f, &key, &slot, &flow, &mask_id)
            ? mask_id : UINT32_MAX);
}

/* An unused mask is kept for its next flow, and given to another one when
 * there is no other, the one that is out of use for longest first. */
static void
test_table_masks_reuse(void)
{
    struct xdp_table_flow *a, *b, *c, *d;
    struct xdp_flow_table_stats s;
    uint32_t ma, mb, mc;
    struct fixture f;

    fixture_init(&f, 16, 3);
    CHECK(!insert(&f, 1, 100, 1, 11, &a));
    CHECK(!insert(&f, 1, 101, 2, 12, &b));
    CHECK(!insert(&f, 1, 102, 3, 13, &c));
    ma = mask_of(&f, 100);
    mb = mask_of(&f, 101);
    mc = mask_of(&f, 102);

    xdp_flow_table_remove(f.table, c, &s);
    CHECK(fixture_reclaim(&f));
    xdp_flow_table_remove(f.table, b, &s);
    CHECK(fixture_reclaim(&f));
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(fixture_reclaim(&f));
    CHECK(usage_is(&f, 0, 0));

    /* Its own. */
    CHECK(!insert(&f, 1, 101, 2, 14, &b));
    CHECK(mask_of(&f, 101) == mb);

    /* The one of 'c', then that of 'a', then nothing. */
    CHECK(!insert(&f, 1, 103, 4, 15, &d));
    CHECK(mask_of(&f, 103) == mc);
    CHECK(!insert(&f, 1, 102, 3, 16, &c));
    CHECK(mask_of(&f, 102) == ma);
    CHECK(insert(&f, 1, 100, 1, 17, &a) == XDP_TABLE_MASKS_FULL);
    CHECK(find(&f, 1, 101, NULL) == 14);
    CHECK(find(&f, 1, 102, NULL) == 16);
    CHECK(find(&f, 1, 103, NULL) == 15);
    CHECK(!find(&f, 1, 100, NULL));
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, c, &s);
    xdp_flow_table_remove(f.table, d, &s);
    fixture_destroy(&f);
}

/* Many flows of one mask. */
static void
test_table_growth(void)
{
    enum { N = 20000 };
    struct xdp_table_flow **flows = xcalloc(N, sizeof *flows);
    struct xdp_flow_table_stats s;
    struct fixture f;
    uint32_t id;
    struct bpf_map_info info = { 0 };
    uint32_t size = sizeof info;
    int fd;

    fixture_init(&f, N, 4);
    for (int i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    CHECK(usage_is(&f, N, 1));
    for (int i = 0; i < N; i++) {
        CHECK(find(&f, 1, i, NULL) == 1 + i);
    }
    CHECK(read_map(f.fds.subtables, mask_of(&f, 0), &id));
    fd = bpf_map_get_fd_by_id(id);
    CHECK(fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size));
    CHECK(info.max_entries == N);
    close(fd);

    for (int i = 0; i < N; i++) {
        if (i % 3) {
            xdp_flow_table_remove(f.table, flows[i], &s);
        }
    }
    for (int i = 0; i < N; i++) {
        CHECK(find(&f, 1, i, NULL) == (i % 3 ? 0 : 1 + i));
    }
    for (int i = 0; i < N; i += 3) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    CHECK(fixture_reclaim(&f));
    for (int i = 0; i < N; i++) {
        CHECK(!insert(&f, 1, i, 0, 1 + i, &flows[i]));
    }
    for (int i = 0; i < N; i++) {
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    free(flows);
    fixture_destroy(&f);
}

/* Opens the subtable of the mask of the flow from port 1 to 'dst'. */
int
open_subtable(const struct fixture *f, uint32_t dst)
{
    uint32_t id;

    return (read_map(f->fds.subtables, mask_of(f, dst), &id)
            ? bpf_map_get_fd_by_id(id) : -1);
}

/* Returns true if the map 'fd' is the subtable of the mask of the flow from
 * port 1 to 'dst'. */
static bool
is_subtable(const struct fixture *f, uint32_t dst, int fd)
{
    struct bpf_map_info info = { 0 };
    uint32_t size = sizeof info;
    uint32_t id;

    if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
        ovs_fatal(errno, "asking for the id of a map failed");
    }
    return read_map(f->fds.subtables, mask_of(f, dst), &id) && id == info.id;
}

/* Returns true if the subtable 'fd' leads to 'slot'. */
static bool
leads_to_slot(int fd, uint32_t slot)
{
    uint64_t digest, *prev = NULL;
    uint32_t value;

    while (!bpf_map_get_next_key(fd, prev, &digest)) {
        if (!bpf_map_lookup_elem(fd, &digest, &value) && value == slot) {
            return true;
        }
        prev = &digest;
    }
    return false;
}

/* A program that has looked up a subtable before it grew meets each of its
 * flows that is still there, also one that was modified since. */
static void
test_table_growth_modify(void)
{
    enum { N_MASKS = 8, N = 1025 };
    struct xdp_table_flow **flows = xcalloc(N_MASKS * N, sizeof *flows);
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    struct fixture f;
    int n_both = 0;

    fixture_init(&f, N_MASKS * N + 64, N_MASKS);
    for (int i = 0; i < N_MASKS; i++) {
        uint32_t first = i * N;
        uint32_t last, before, slot;
        bool both;
        int fd;

        CHECK(!insert(&f, 1, first, 1 + i, 1 + first, &flows[first]));
        CHECK(find(&f, 1, first, &before) == 1 + first);
        fd = open_subtable(&f, first);
        CHECK(fd >= 0);
        for (last = first + 1; ; last++) {
            CHECK(last < first + N);
            CHECK(!insert(&f, 1, last, 1 + i, 1 + last, &flows[last]));
            if (!is_subtable(&f, first, fd)) {
                break;
            }
        }

        make_actions(9999, &actions);
        CHECK(!xdp_flow_table_modify(f.table, flows[first], &actions));
        CHECK(find(&f, 1, first, &slot) == 9999);
        CHECK(slot != before);
        both = leads_to_slot(fd, slot);
        CHECK(leads_to_slot(fd, before) == !both);
        n_both += both;

        /* What is new, and what is removed, is not changed there. */
        CHECK(find(&f, 1, last, &slot) == 1 + last);
        CHECK(!leads_to_slot(fd, slot));
        CHECK(find(&f, 1, first + 1, &slot) == 2 + first);
        CHECK(leads_to_slot(fd, slot));
        xdp_flow_table_remove(f.table, flows[first + 1], &s);
        CHECK(leads_to_slot(fd, slot));
        CHECK(!find(&f, 1, first + 1, NULL));
        CHECK(!insert(&f, 1, first + 1, 1 + i, 2 + first, &flows[first + 1]));
        close(fd);
        while (++last < first + N) {
            CHECK(!insert(&f, 1, last, 1 + i, 1 + last, &flows[last]));
        }
    }
    /* Unless the grace period was over at once, which can be by chance. */
    CHECK(n_both > 0);

    CHECK(fixture_reclaim(&f));
    for (uint32_t i = 0; i < N_MASKS * N; i++) {
        CHECK(find(&f, 1, i, NULL) == (i % N ? 1 + i : 9999));
        xdp_flow_table_remove(f.table, flows[i], &s);
    }
    free(flows);
    fixture_destroy(&f);
}

/* Creates a map like a subtable and stores its id in '*idp'. */
static int
create_inner(uint32_t *idp)
{
    struct bpf_map_info info = { 0 };
    uint32_t size = sizeof info;
    int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "unit_inner", 8, 4, 4, NULL);

    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size)) {
        ovs_fatal(errno, "creating a map failed");
    }
    *idp = info.id;
    return fd;
}

/* A mask is given to another one only when no program can be looking at it
 * any more. */
static void
test_table_masks_wait(void)
{
    struct xdp_table_flow *a, *b, *c;
    struct xdp_flow_table_stats s;
    uint32_t last, id, other;
    uint64_t epoch;
    struct fixture f;
    int fd;

    fixture_init(&f, 16, 2);
    last = f.limits.n_masks;
    fd = create_inner(&other);
    CHECK(!insert(&f, 1, 100, 1, 11, &a));

    /* Waiting replaces the last subtable.  A mask that is new needs none. */
    CHECK(!bpf_map_update_elem(f.fds.subtables, &last, &fd, BPF_ANY));
    CHECK(!insert(&f, 1, 101, 2, 12, &b));
    CHECK(read_map(f.fds.subtables, last, &id) && id == other);

    /* One that was in use a moment ago cannot be had.  Nobody waits for it,
     * who may hold a lock. */
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(insert(&f, 1, 102, 3, 13, &c) == XDP_TABLE_MASKS_FULL && !c);
    CHECK(read_map(f.fds.subtables, last, &id) && id == other);

    /* Its own flow can have it at once. */
    CHECK(!insert(&f, 1, 100, 1, 11, &a));
    xdp_flow_table_remove(f.table, a, &s);

    /* Here it has been waited for. */
    CHECK(fixture_reclaim(&f));
    CHECK(!insert(&f, 1, 102, 3, 13, &c));
    CHECK(find(&f, 1, 102, NULL) == 13);

    /* Here not since its last flow left. */
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch) == false);
    xdp_flow_table_remove(f.table, b, &s);
    CHECK(xdp_flow_table_begin_reclaim(f.table, &epoch));
    CHECK(!insert(&f, 1, 101, 2, 12, &b));
    CHECK(!xdp_flow_table_wait(f.table));
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_reclaim(f.table, epoch);
    CHECK(insert(&f, 1, 100, 1, 14, &a) == XDP_TABLE_MASKS_FULL);
    CHECK(fixture_reclaim(&f));
    CHECK(!insert(&f, 1, 100, 1, 14, &a));
    CHECK(find(&f, 1, 100, NULL) == 14);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, c, &s);
    close(fd);
    fixture_destroy(&f);
}

/* Replacing inner maps without waiting. */
static void
test_swap(void)
{
    /* More than there are threads. */
    enum { N = 80, KEY = 7 };
    uint64_t key = KEY, other = KEY + 1;
    struct xdp_swap *swaps[N], *swap;
    int old[N], copies[N], fds[N];
    int n_early = 0, n_updated = 0;
    uint32_t value, id, ids[N];
    int outer;

    for (int i = 0; i < N; i++) {
        old[i] = create_inner(&id);
        fds[i] = create_inner(&ids[i]);
        copies[i] = dup(old[i]);
        value = 1;
        CHECK(!bpf_map_update_elem(old[i], &key, &value, BPF_ANY));
    }
    outer = create_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, N, 0, old[0]);
    for (uint32_t i = 0; i < N; i++) {
        CHECK(!bpf_map_update_elem(outer, &i, &old[i], BPF_ANY));
    }

    for (int i = 0; i < N; i++) {
        bool updated;

        CHECK(!xdp_swap_start(outer, i, fds[i], old[i], &swaps[i]));
        CHECK(read_map(outer, i, &id) && id == ids[i]);
        n_early += !xdp_swap_is_over(swaps[i]);

        value = 2;
        CHECK(!xdp_swap_update_old(swaps[i], &other, &value));
        updated = xdp_swap_update_old(swaps[i], &key, &value);
        CHECK(!bpf_map_lookup_elem(copies[i], &key, &value));
        CHECK(value == 1 + updated);
        CHECK(bpf_map_lookup_elem(copies[i], &other, &value));
        n_updated += updated;
    }
    CHECK(n_early > 0);
    CHECK(n_updated > 0);

    for (int i = 0; i < N; i++) {
        xdp_swap_wait(swaps[i]);
        CHECK(xdp_swap_is_over(swaps[i]));
        CHECK(fcntl(old[i], F_GETFD) < 0 && errno == EBADF);
        CHECK(!xdp_swap_update_old(swaps[i], &key, &value));
        CHECK(read_map(outer, i, &id) && id == ids[i]);
        xdp_swap_unref(swaps[i]);
        close(copies[i]);
    }

    /* Nothing there before, and given back before it is over. */
    CHECK(!xdp_swap_start(outer, 0, fds[1], -1, &swap));
    CHECK(read_map(outer, 0, &id) && id == ids[1]);
    xdp_swap_unref(swap);
    xdp_swap_unref(NULL);

    /* Failures. */
    CHECK(xdp_swap_start(outer, N, fds[0], fds[1], &swap) == E2BIG && !swap);
    CHECK(xdp_swap_start(outer, 0, -1, fds[1], &swap) && !swap);
    CHECK(xdp_swap_start(outer, 0, outer, fds[1], &swap) == EINVAL && !swap);
    CHECK(fcntl(fds[1], F_GETFD) >= 0);
    CHECK(read_map(outer, 0, &id) && id == ids[1]);

    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    close(outer);
}

/* Two flows with one digest. */
static void
test_table_digest(void)
{
    struct xdp_key key[2], mask, other_mask;
    struct xdp_table_flow *flow[2], *other;
    struct xdp_flow_table_stats s;
    struct found_flow found;
    struct xdp_flow_actions actions;
    struct fixture f;
    uint32_t slot;

    fixture_init(&f, 16, 4);
    memset(key, 0, sizeof key);
    memset(&mask, 0, sizeof mask);
    mask.in_port = UINT32_MAX;
    mask.nw_src = mask.nw_dst = OVS_BE32_MAX;
    for (int i = 0; i < 2; i++) {
        key[i].in_port = 1;
        /* The first half of word 4 cancels the secret's. */
        key[i].nw_src = (OVS_FORCE ovs_be32) -(uint32_t) secret[4];
        key[i].nw_dst = htonl(100 + i);
    }

    make_actions(11, &actions);
    CHECK(!xdp_flow_table_insert(f.table, &key[0], &mask, &actions, &flow[0]));
    make_actions(12, &actions);
    CHECK(xdp_flow_table_insert(f.table, &key[1], &mask, &actions, &flow[1])
          == XDP_TABLE_DIGEST);
    CHECK(!flow[1]);
    CHECK(usage_is(&f, 1, 1));
    CHECK(fixture_find(&f, &key[0], &slot, &found));
    CHECK(found.rest.ops[1].u.output.port == 11);
    CHECK(!fixture_find(&f, &key[1], &slot, &found));

    /* The same flow once more is the same. */
    CHECK(xdp_flow_table_insert(f.table, &key[0], &mask, &actions, &other)
          == XDP_TABLE_DIGEST);

    /* Another mask has a subtable of its own. */
    other_mask = mask;
    other_mask.dl_type = OVS_BE16_MAX;
    CHECK(!xdp_flow_table_insert(f.table, &key[1], &other_mask, &actions,
                                 &other));
    CHECK(fixture_find(&f, &key[1], &slot, &found));
    CHECK(found.rest.ops[1].u.output.port == 12);
    xdp_flow_table_remove(f.table, other, &s);

    /* When the first has gone there is room. */
    make_actions(13, &actions);
    CHECK(!xdp_flow_table_modify(f.table, flow[0], &actions));
    xdp_flow_table_remove(f.table, flow[0], &s);
    make_actions(12, &actions);
    CHECK(!xdp_flow_table_insert(f.table, &key[1], &mask, &actions, &flow[1]));
    CHECK(!fixture_find(&f, &key[0], &slot, &found));
    CHECK(fixture_find(&f, &key[1], &slot, &found));
    CHECK(found.rest.ops[1].u.output.port == 12);
    xdp_flow_table_remove(f.table, flow[1], &s);
    fixture_destroy(&f);
}

/* Statistics are sums over all CPUs. */
static void
test_table_stats(void)
{
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s, sum;
    uint32_t slot;
    struct fixture f;
    uint64_t bytes = 0;

    fixture_init(&f, 4, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(!insert(&f, 1, 101, 0, 12, &b));
    CHECK(find(&f, 1, 100, &slot) == 11);
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));

    for (int i = 0; i < f.n_cpus; i++) {
        /* The youngest on the first CPU; nanoseconds to milliseconds. */
        count(&f, i, slot, 100 + i, 5000999999 - i * 1000000, 1 << (i % 8));
        bytes += 100 + i;
    }
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(s.n_packets == f.n_cpus && s.n_bytes == bytes && s.used == 5000);
    CHECK(s.tcp_flags == (f.n_cpus >= 8 ? 0xff : (1 << f.n_cpus) - 1));
    xdp_flow_table_get_stats(f.table, b, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));

    memset(&sum, 0, sizeof sum);
    s.n_packets = 2; s.n_bytes = 30; s.used = 400; s.tcp_flags = 5;
    xdp_flow_table_stats_add(&sum, &s);
    s.n_packets = 1; s.n_bytes = 10; s.used = 300; s.tcp_flags = 2;
    xdp_flow_table_stats_add(&sum, &s);
    CHECK(stats_are(&sum, 3, 40, 400, 7));

    xdp_flow_table_remove(f.table, a, &s);
    CHECK(s.n_packets == f.n_cpus && s.n_bytes == bytes && s.used == 5000);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* Statistics survive a modification, also what a program adds to the old slot
 * while it is garbage, and a new flow does not inherit them. */
static void
test_table_stats_kept(void)
{
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    uint32_t slot[3];
    struct fixture f;

    fixture_init(&f, 3, 4);
    CHECK(!insert(&f, 1, 100, 0, 11, &a));
    CHECK(find(&f, 1, 100, &slot[0]) == 11);
    count(&f, 0, slot[0], 100, 1000000, 1);

    make_actions(12, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[1]) == 12);
    count(&f, 0, slot[1], 200, 2000000, 2);
    count(&f, 0, slot[0], 400, 3000000, 4);     /* A late one. */
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 3, 700, 3, 7));

    make_actions(13, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[2]) == 13);
    count(&f, 0, slot[2], 800, 4000000, 8);
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 4, 1500, 4, 15));

    CHECK(fixture_reclaim(&f));
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 4, 1500, 4, 15));

    /* A slot of it is now somebody else's. */
    CHECK(!insert(&f, 1, 101, 0, 14, &b));
    CHECK(find(&f, 1, 101, &slot[0]) == 14);
    xdp_flow_table_get_stats(f.table, b, &s);
    CHECK(stats_are(&s, 0, 0, 0, 0));
    count(&f, 0, slot[0], 1600, 5000000, 16);
    xdp_flow_table_get_stats(f.table, a, &s);
    CHECK(stats_are(&s, 4, 1500, 4, 15));

    /* Removed with garbage that has been counted. */
    make_actions(15, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find(&f, 1, 100, &slot[1]) == 15);
    count(&f, 0, slot[1], 3200, 6000000, 32);
    xdp_flow_table_remove(f.table, a, &s);
    CHECK(stats_are(&s, 5, 4700, 6, 47));
    CHECK(fixture_reclaim(&f));
    xdp_flow_table_remove(f.table, b, &s);
    CHECK(stats_are(&s, 1, 1600, 5, 16));
    fixture_destroy(&f);
}

/* Ports. */
static void
test_table_ports(void)
{
    struct bpf_devmap_val target;
    struct xdp_table_flow *flow;
    struct xdp_flow_table_stats s;
    struct xdp_port_stats *values, sum;
    struct xdp_port port;
    uint32_t number = 9;
    uint32_t lo = if_nametoindex("lo");
    struct fixture f;

    fixture_init(&f, 16, 4);
    values = xcalloc(f.n_cpus, sizeof *values);
    for (int i = 0; i < 50; i++) {
        uint32_t ifindex = number - 1 + (i + 1) * MAX_PORTS;

        CHECK(read_map(f.fds.ports, number, &port) && !port.ifindex);
        CHECK(!xdp_flow_table_add_port(f.table, number, ifindex, i % 3));
        CHECK(read_map(f.fds.ports, number, &port));
        CHECK(port.ifindex == ifindex && port.vlan_limit == i % 3
              && !port.lists[port.list].n);
        CHECK(is_all_zeros(port.union_bits, sizeof port.union_bits));
        xdp_flow_table_set_vlan_limit(f.table, number, 2);
        CHECK(read_map(f.fds.ports, number, &port) && port.vlan_limit == 2);

        /* Statistics start at zero. */
        xdp_flow_table_get_port_stats(f.table, number, &sum);
        CHECK(!sum.upcalls && !sum.no_socket && !sum.no_metadata);
        for (int j = 0; j < f.n_cpus; j++) {
            values[j].upcalls = 3;
            values[j].no_socket = 5;
            values[j].no_metadata = 7;
        }
        CHECK(!bpf_map_update_elem(f.fds.port_stats, &number, values, 0));
        xdp_flow_table_get_port_stats(f.table, number, &sum);
        CHECK(sum.upcalls == 3 * f.n_cpus && sum.no_socket == 5 * f.n_cpus
              && sum.no_metadata == 7 * f.n_cpus);

        /* Targets; removing one that is not there is no error. */
        CHECK(!xdp_flow_table_set_target(f.table, number, lo));
        CHECK(read_map(f.fds.tx_ports, number, &target));
        CHECK(target.ifindex == lo);
        CHECK(!xdp_flow_table_set_target(f.table, number, 0));
        CHECK(!xdp_flow_table_set_target(f.table, number, 0));
        CHECK(!read_map(f.fds.tx_ports, number, &target));
        CHECK(xdp_flow_table_set_target(f.table, number, INT32_MAX) != 0);

        CHECK(!insert(&f, number, 100, 0, 11, &flow));
        CHECK(find(&f, number, 100, NULL) == 11);
        CHECK(!find(&f, 1, 100, NULL));
        xdp_flow_table_remove(f.table, flow, &s);
        xdp_flow_table_remove_port(f.table, number);
        if (i % 10 == 9) {
            fixture_reclaim(&f);
        }
    }
    free(values);
    fixture_destroy(&f);
}

/* Groups. */

/* Loads a program as 'xdp_egress' that passes everything on. */
static int
load_egress(void)
{
    static const struct bpf_insn insns[] = {
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
          .imm = XDP_PASS },
        { .code = BPF_JMP | BPF_EXIT },
    };
    LIBBPF_OPTS(bpf_prog_load_opts, opts,
                .expected_attach_type = BPF_XDP_DEVMAP);
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "unit_egress", "GPL", insns,
                           ARRAY_SIZE(insns), &opts);

    if (fd < 0) {
        ovs_fatal(errno, "loading a program failed");
    }
    return fd;
}

/* Like fixture_init(), with groups, and with ports 4 to 8 as targets, all of
 * which are the loopback device. */
void
fixture_init_groups(struct fixture *f, uint32_t n_flows)
{
    uint32_t lo = if_nametoindex("lo");
    char *error;
    int inner_fd;

    fixture_open(f, n_flows, 4, 16, n_flows);
    inner_fd = create_map(BPF_MAP_TYPE_DEVMAP, sizeof(struct bpf_devmap_val),
                          1, 0, -1);
    f->fds.groups = create_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, XDP_MAX_GROUPS,
                               0, inner_fd);
    close(inner_fd);
    f->fds.egress = load_egress();
    f->table = xdp_flow_table_create(&f->fds, &f->limits, secret, &error);
    if (!f->table) {
        ovs_fatal(0, "%s", error);
    }
    if (xdp_flow_table_add_port(f->table, 1, 1, 2)) {
        ovs_fatal(0, "adding a port failed");
    }
    for (uint32_t port = 4; port <= 8; port++) {
        if (xdp_flow_table_set_target(f->table, port, lo)) {
            ovs_fatal(0, "setting a target failed");
        }
    }
}

/* Makes actions with outputs to 'ports', which ends with 0.  Copies differ if
 * 'differ'. */
static void
make_outputs(const uint32_t *ports, bool differ,
             struct xdp_flow_actions *actions)
{
    memset(actions, 0, sizeof *actions);
    for (; *ports; ports++) {
        struct xdp_op *op = &actions->ops[actions->n_ops++];

        op->type = XDP_OP_OUTPUT;
        op->u.output.port = *ports;
        op->u.output.ifindex = if_nametoindex("lo");
        if (differ) {
            /* With data that looks like an output, and is none. */
            op = &actions->ops[actions->n_ops++];
            op->type = XDP_OP_SET_ETHERNET;
            op->n_data = 1;
            op = &actions->ops[actions->n_ops++];
            op->type = XDP_OP_OUTPUT;
            op->u.output.port = 9;
            actions->flags = XDP_FLOW_COPIES_DIFFER;
        }
    }
}

/* Inserts a flow to 'dst' with such actions. */
enum xdp_table_error
insert_outputs(struct fixture *f, uint32_t dst, const uint32_t *ports,
               bool differ, struct xdp_table_flow **flowp)
{
    struct xdp_flow_actions actions;
    struct xdp_key key, mask;

    make_flow(1, dst, 0, &key, &mask);
    make_outputs(ports, differ, &actions);
    return xdp_flow_table_insert(f->table, &key, &mask, &actions, flowp);
}

/* Returns the group of the flow to 'dst', or UINT32_MAX if there is no such
 * flow of 'n_outputs'. */
static uint32_t
find_group(const struct fixture *f, uint32_t dst, uint32_t n_outputs)
{
    struct xdp_key key, mask;
    struct found_flow flow;
    uint32_t slot;

    make_flow(1, dst, 0, &key, &mask);
    return (fixture_find(f, &key, &slot, &flow)
            && flow.rest.n_outputs == n_outputs
            ? flow.rest.group : UINT32_MAX);
}

/* Stores in 'entries' the first elements of the inner map of 'group'. */
static size_t
read_group(const struct fixture *f, uint32_t group,
           struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS])
{
    size_t n = 0;
    uint32_t id;
    int fd;

    if (!read_map(f->fds.groups, group, &id)) {
        return 0;
    }
    fd = bpf_map_get_fd_by_id(id);
    if (fd < 0) {
        ovs_fatal(errno, "opening a group failed");
    }
    while (n < XDP_FLOW_MAX_OPS && read_map(fd, n, &entries[n])) {
        n++;
    }
    close(fd);
    return n;
}

/* Returns true if 'port' redirects with the program, as 'egress' says. */
bool
target_has_egress(const struct fixture *f, uint32_t port, bool egress)
{
    struct bpf_devmap_val target;

    return (read_map(f->fds.tx_ports, port, &target)
            && (target.bpf_prog.id != 0) == egress);
}

/* Returns true if that many groups are in use. */
bool
n_groups_is(const struct fixture *f, uint32_t n)
{
    uint32_t flows, masks, groups;

    xdp_flow_table_usage(f->table, &flows, &masks, &groups);
    return groups == n;
}

/* Flows with the same outputs share a group. */
static void
test_table_groups(void)
{
    struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS];
    struct xdp_table_flow *a, *b, *c, *d;
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    uint32_t group[3];
    struct fixture f;

    fixture_init_groups(&f, 16);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(5), false, &a));
    CHECK(!find_group(&f, 100, 0));
    CHECK(n_groups_is(&f, 0));
    CHECK(!insert_outputs(&f, 101, OUTPUTS(4, 6), false, &b));
    CHECK(!insert_outputs(&f, 102, OUTPUTS(6, 4), false, &c));
    CHECK(!insert_outputs(&f, 103, OUTPUTS(6, 4, 7), false, &d));
    CHECK(n_groups_is(&f, 2));
    group[0] = find_group(&f, 101, 2);
    CHECK(group[0] && group[0] == find_group(&f, 102, 2));
    group[1] = find_group(&f, 103, 3);
    CHECK(group[1] && group[1] != group[0]);
    CHECK(read_group(&f, group[0], entries) == 2);
    CHECK(!entries[0].bpf_prog.id && !entries[1].bpf_prog.id);
    CHECK(read_group(&f, group[1], entries) == 3);

    CHECK(xdp_flow_table_leads_to(f.table, a, 5));
    CHECK(!xdp_flow_table_leads_to(f.table, a, 4));
    CHECK(xdp_flow_table_leads_to(f.table, d, 7));
    CHECK(xdp_flow_table_leads_to(f.table, d, 4));
    CHECK(!xdp_flow_table_leads_to(f.table, d, 0));

    /* Modification moves a flow from group to group, and out of all. */
    make_outputs(OUTPUTS(4, 6), false, &actions);
    CHECK(!xdp_flow_table_modify(f.table, d, &actions));
    CHECK(find_group(&f, 103, 2) == group[0]);
    CHECK(n_groups_is(&f, 2));
    fixture_reclaim(&f);
    CHECK(n_groups_is(&f, 1));
    make_outputs(OUTPUTS(4), false, &actions);
    CHECK(!xdp_flow_table_modify(f.table, d, &actions));
    CHECK(!find_group(&f, 103, 0));

    /* An unused group is kept. */
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, c, &s);
    CHECK(n_groups_is(&f, 1));
    fixture_reclaim(&f);
    CHECK(n_groups_is(&f, 0));
    CHECK(!insert_outputs(&f, 101, OUTPUTS(4, 6), false, &b));
    CHECK(find_group(&f, 101, 2) == group[0]);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, d, &s);
    fixture_destroy(&f);
}

/* A slot says by how much copies are longer than the packet, at most. */
static void
test_table_groups_mtu(void)
{
    static const struct {
        int n_tags;             /* That the flow matches. */
        int growth;
        uint16_t types[7];      /* Of the ops, XDP_OP_NONE at the end. */
    } cases[] = {
        { 0, 0, { XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 0, 4, { XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 0, 4, { XDP_OP_OUTPUT, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT } },
        { 0, 0, { XDP_OP_OUTPUT, XDP_OP_OUTPUT, XDP_OP_PUSH_VLAN } },
        { 0, 8, { XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT, XDP_OP_PUSH_MPLS,
                  XDP_OP_OUTPUT } },
        { 0, 4, { XDP_OP_OUTPUT, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT,
                  XDP_OP_POP_VLAN, XDP_OP_OUTPUT } },
        { 0, 0, { XDP_OP_OUTPUT, XDP_OP_PUSH_VLAN, XDP_OP_POP_VLAN,
                  XDP_OP_OUTPUT } },

        /* Tags are popped only where there are some. */
        { 0, 0, { XDP_OP_POP_VLAN, XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 1, -4, { XDP_OP_POP_VLAN, XDP_OP_OUTPUT, XDP_OP_OUTPUT } },
        { 1, 0, { XDP_OP_OUTPUT, XDP_OP_POP_VLAN, XDP_OP_OUTPUT } },
        { 1, 0, { XDP_OP_POP_VLAN, XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT,
                  XDP_OP_OUTPUT } },
        { 1, -4, { XDP_OP_POP_VLAN, XDP_OP_POP_VLAN, XDP_OP_OUTPUT,
                   XDP_OP_OUTPUT } },
        { 2, -8, { XDP_OP_POP_VLAN, XDP_OP_POP_VLAN, XDP_OP_OUTPUT,
                   XDP_OP_OUTPUT } },

        /* Nor does a label or a length to be cut off count. */
        { 0, 0, { XDP_OP_POP_MPLS, XDP_OP_OUTPUT, XDP_OP_TRUNC,
                  XDP_OP_OUTPUT } },

        /* Without a group, and without an output. */
        { 0, 4, { XDP_OP_PUSH_VLAN, XDP_OP_OUTPUT } },
        { 0, INT16_MIN, { XDP_OP_PUSH_VLAN } },
    };
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *tf;
    struct fixture f;

    fixture_init_groups(&f, 16);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct xdp_flow_actions actions;
        struct xdp_key key, mask;
        struct found_flow found;
        uint32_t port = 4;
        uint32_t slot;

        make_flow(1, 100, 0, &key, &mask);
        mask.vlan_tci0 = mask.vlan_tci1 = OVS_BE16_MAX;
        key.vlan_tci0 = cases[i].n_tags ? htons(VLAN_CFI | 5) : 0;
        key.vlan_tci1 = cases[i].n_tags > 1 ? htons(VLAN_CFI | 6) : 0;
        memset(&actions, 0, sizeof actions);
        for (size_t j = 0; cases[i].types[j]; j++) {
            struct xdp_op *op = &actions.ops[actions.n_ops++];

            op->type = cases[i].types[j];
            if (op->type == XDP_OP_OUTPUT) {
                op->u.output.port = port++;
                op->u.output.ifindex = if_nametoindex("lo");
            }
        }
        CHECK(!xdp_flow_table_insert(f.table, &key, &mask, &actions, &tf));
        CHECK(fixture_find(&f, &key, &slot, &found));
        if (found.rest.growth != cases[i].growth
            || found.rest.n_ops != actions.n_ops) {
            fail("list %"PRIuSIZE": growth %d instead of %d", i,
                 found.rest.growth, cases[i].growth);
        }
        xdp_flow_table_remove(f.table, tf, &s);
        fixture_reclaim(&f);
    }
    fixture_destroy(&f);
}

/* Stores in 'ports' the 'i'th of many sets of outputs and returns how many it
 * has. */
static size_t
make_set(uint32_t i, uint32_t ports[XDP_FLOW_MAX_OPS])
{
    size_t n = 0;

    for (uint32_t port = 1; port <= 11; port++) {
        if (i & 1u << (port - 1)) {
            ports[n++] = port;
        }
    }
    ports[n++] = 12;
    ports[n++] = 13;
    ports[n] = 0;
    return n;
}

/* There is an end of groups, and of waiting for one. */
static void
test_table_groups_full(void)
{
    enum { N = XDP_MAX_GROUPS - 1 };
    struct xdp_table_flow *flows[N], *extra;
    struct xdp_flow_table_stats s;
    uint32_t ports[XDP_FLOW_MAX_OPS];
    uint32_t lo = if_nametoindex("lo");
    uint32_t group;
    struct fixture f;

    fixture_init_groups(&f, N + 4);
    for (uint32_t port = 1; port < 16; port++) {
        CHECK(!xdp_flow_table_set_target(f.table, port, lo));
    }
    for (uint32_t i = 0; i < N; i++) {
        make_set(i, ports);
        CHECK(!insert_outputs(&f, 1000 + i, ports, false, &flows[i]));
    }
    CHECK(n_groups_is(&f, N));
    make_set(N, ports);
    CHECK(insert_outputs(&f, 100, ports, false, &extra)
          == XDP_TABLE_GROUPS_FULL);
    CHECK(!extra);

    /* Not before programs have forgotten the old group; then the one that has
     * been unused for longest goes. */
    group = find_group(&f, 1007, make_set(7, ports));
    make_set(N, ports);
    xdp_flow_table_remove(f.table, flows[7], &s);
    CHECK(insert_outputs(&f, 100, ports, false, &extra)
          == XDP_TABLE_GROUPS_FULL);
    fixture_reclaim(&f);
    xdp_flow_table_remove(f.table, flows[3], &s);
    fixture_reclaim(&f);
    CHECK(!insert_outputs(&f, 100, ports, false, &extra));
    CHECK(find_group(&f, 100, make_set(N, ports)) == group);
    make_set(3, ports);
    CHECK(!insert_outputs(&f, 1003, ports, false, &flows[3]));
    make_set(7, ports);
    CHECK(insert_outputs(&f, 1007, ports, false, &flows[7])
          == XDP_TABLE_GROUPS_FULL);

    xdp_flow_table_remove(f.table, extra, &s);
    for (uint32_t i = 0; i < N; i++) {
        if (flows[i]) {
            xdp_flow_table_remove(f.table, flows[i], &s);
        }
    }
    fixture_destroy(&f);
}

/* A group loses its port, and is not used again. */
static void
test_table_groups_port(void)
{
    struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS];
    uint32_t lo = if_nametoindex("lo");
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    uint32_t group[2];
    struct fixture f;

    fixture_init_groups(&f, 16);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4, 5), true, &a));
    CHECK(!insert_outputs(&f, 101, OUTPUTS(4, 6), true, &b));
    group[0] = find_group(&f, 100, 2);
    group[1] = find_group(&f, 101, 2);
    CHECK(target_has_egress(&f, 5, true));

    xdp_flow_table_remove(f.table, a, &s);
    CHECK(!xdp_flow_table_set_target(f.table, 5, 0));
    CHECK(read_group(&f, group[0], entries) == 1);
    CHECK(read_group(&f, group[1], entries) == 2);

    /* The port comes back, with a group and entries that are new. */
    CHECK(!xdp_flow_table_set_target(f.table, 5, lo));
    CHECK(target_has_egress(&f, 5, false));
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4, 5), false, &a));
    CHECK(find_group(&f, 100, 2) != group[0]);
    CHECK(read_group(&f, find_group(&f, 100, 2), entries) == 2);
    CHECK(entries[0].bpf_prog.id && !entries[1].bpf_prog.id);

    /* Nothing happens when a target is set once more. */
    CHECK(!xdp_flow_table_set_target(f.table, 4, lo));
    CHECK(target_has_egress(&f, 4, true));
    CHECK(read_group(&f, group[1], entries) == 2);

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* All entries of a port have the program, or none. */
static void
test_table_groups_egress(void)
{
    struct bpf_devmap_val entries[XDP_FLOW_MAX_OPS];
    struct xdp_table_flow *a, *b, *c;
    struct xdp_flow_table_stats s;
    struct xdp_flow_actions actions;
    uint32_t group[3];
    struct fixture f;

    fixture_init_groups(&f, 16);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4, 5), false, &a));
    CHECK(!insert_outputs(&f, 101, OUTPUTS(4, 6), false, &b));
    for (uint32_t port = 4; port <= 8; port++) {
        CHECK(target_has_egress(&f, port, false));
    }

    /* With a group of its own. */
    CHECK(!insert_outputs(&f, 102, OUTPUTS(5, 6, 7), true, &c));
    group[0] = find_group(&f, 100, 2);
    group[1] = find_group(&f, 101, 2);
    group[2] = find_group(&f, 102, 3);
    CHECK(read_group(&f, group[0], entries) == 2);
    CHECK(!entries[0].bpf_prog.id && entries[1].bpf_prog.id);
    CHECK(read_group(&f, group[1], entries) == 2);
    CHECK(!entries[0].bpf_prog.id && entries[1].bpf_prog.id);
    CHECK(read_group(&f, group[2], entries) == 3);
    CHECK(entries[0].bpf_prog.id && entries[1].bpf_prog.id
          && entries[2].bpf_prog.id);
    for (uint32_t port = 4; port <= 8; port++) {
        CHECK(target_has_egress(&f, port, port >= 5 && port <= 7));
    }

    /* With one that was there. */
    make_outputs(OUTPUTS(5, 4), true, &actions);
    CHECK(!xdp_flow_table_modify(f.table, a, &actions));
    CHECK(find_group(&f, 100, 2) == group[0]);
    CHECK(read_group(&f, group[0], entries) == 2);
    CHECK(entries[0].bpf_prog.id && entries[1].bpf_prog.id);
    CHECK(read_group(&f, group[1], entries) == 2);
    CHECK(entries[0].bpf_prog.id);
    CHECK(target_has_egress(&f, 4, true));
    CHECK(target_has_egress(&f, 8, false));

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    xdp_flow_table_remove(f.table, c, &s);
    fixture_destroy(&f);
}

/* What fails leaves everything as it was. */
static void
test_table_groups_fail(void)
{
    struct xdp_flow_actions actions;
    struct xdp_table_flow *a, *b;
    struct xdp_flow_table_stats s;
    struct fixture f;
    int groups, null;

    fixture_init_groups(&f, 16);
    CHECK(!insert_outputs(&f, 100, OUTPUTS(4, 5), false, &a));

    /* Port 9 is no target, port 4 is another device. */
    make_outputs(OUTPUTS(4, 9), true, &actions);
    CHECK(xdp_flow_table_modify(f.table, a, &actions) == XDP_TABLE_SYSTEM);
    make_outputs(OUTPUTS(4, 5), false, &actions);
    actions.ops[0].u.output.ifindex++;
    CHECK(xdp_flow_table_modify(f.table, a, &actions) == XDP_TABLE_SYSTEM);
    CHECK(find_group(&f, 100, 2) && n_groups_is(&f, 1));

    /* The kernel takes no group. */
    groups = dup(f.fds.groups);
    null = open("/dev/null", O_RDONLY);
    CHECK(dup2(null, f.fds.groups) == f.fds.groups);
    CHECK(insert_outputs(&f, 101, OUTPUTS(5, 6), true, &b)
          == XDP_TABLE_SYSTEM);
    CHECK(!b && n_groups_is(&f, 1));
    CHECK(dup2(groups, f.fds.groups) == f.fds.groups);
    close(groups);
    close(null);
    CHECK(!insert_outputs(&f, 101, OUTPUTS(5, 6), true, &b));
    CHECK(target_has_egress(&f, 6, true));

    xdp_flow_table_remove(f.table, a, &s);
    xdp_flow_table_remove(f.table, b, &s);
    fixture_destroy(&f);
}

/* The masks that packets from a port are tried with, and their union. */
static void
test_table_port_masks(void)
{
    enum { N = 20 };
    struct xdp_table_flow *flows[N];
    struct xdp_flow_table_stats s;
    struct fixture f;

    fixture_init(&f, 64, 32);
    for (int i = 0; i < N; i++) {
        CHECK(!insert(&f, 1 + i % 2, 100 + i, i, 10 + i, &flows[i]));
    }
    CHECK(xdp_flow_table_port_n_masks(f.table, 1) == N / 2);
    for (int i = 0; i < N; i++) {
        /* In an order that is not that of insertion. */
        int j = i * 7 % N;
        struct xdp_key bits, key, mask;
        struct xdp_port port;

        CHECK(find(&f, 1 + j % 2, 100 + j, NULL) == 10 + j);
        xdp_flow_table_remove(f.table, flows[j], &s);
        flows[j] = NULL;
        memset(&bits, 0, sizeof bits);
        for (int k = 0; k < N; k++) {
            if (flows[k] && k % 2 == j % 2) {
                CHECK(find(&f, 1 + k % 2, 100 + k, NULL) == 10 + k);
                make_flow(1, 0, k, &key, &mask);
                bits.in_port |= mask.in_port;
                bits.nw_src |= mask.nw_src;
                bits.nw_dst |= mask.nw_dst;
            }
        }
        CHECK(read_map(f.fds.ports, 1 + j % 2, &port));
        CHECK(!memcmp(port.union_bits, &bits, sizeof bits));
    }
    fixture_destroy(&f);
}

/* Counters are sums over all CPUs. */
static void
test_table_counters(void)
{
    uint64_t counters[XDP_COUNTER_MAX];
    struct fixture f;
    uint64_t *values;

    fixture_init(&f, 4, 4);
    values = xcalloc(f.n_cpus, sizeof *values);
    for (uint32_t i = 0; i < XDP_COUNTER_MAX; i++) {
        for (int j = 0; j < f.n_cpus; j++) {
            values[j] = i + 1;
        }
        CHECK(!bpf_map_update_elem(f.fds.counters, &i, values, 0));
    }
    xdp_flow_table_get_counters(f.table, counters);
    for (uint32_t i = 0; i < XDP_COUNTER_MAX; i++) {
        CHECK(counters[i] == (i + 1) * f.n_cpus);
    }
    free(values);
    fixture_destroy(&f);
}

/* Leaks. */

/* Returns the number of open file descriptors. */
static int
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    ovs_assert(dir);
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}

/* Returns the number of all BPF programs, maps and BTF objects in the system,
 * or -1 if we may not know. */
static int
count_bpf(void)
{
    static int (*const next[])(uint32_t, uint32_t *) = {
        bpf_prog_get_next_id, bpf_map_get_next_id, bpf_btf_get_next_id,
    };
    int n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(next); i++) {
        uint32_t id = 0;

        while (!next[i](id, &id)) {
            n++;
        }
        if (errno != ENOENT) {
            return -1;
        }
    }
    return n;
}

/* Something to do LEAK_TIMES times, each time with the same result. */
typedef void repeated_func(const char *arg);

/* Enough for a leak to stand out from what the rest of the system does. */
#define LEAK_TIMES 30

/* Repeats 'func' and checks that nothing is left of it. */
static void
check_leaks(repeated_func *func, const char *arg)
{
    int n_fds = count_fds();
    int n_bpf = count_bpf();
    int left;

    for (int i = 0; i < LEAK_TIMES; i++) {
        func(arg);
    }
    if (count_fds() != n_fds) {
        fail("%s: %d file descriptors are left of %d times", arg,
             count_fds() - n_fds, LEAK_TIMES);
    }
    CHECK(n_bpf >= 0);
    /* The kernel frees them a bit later. */
    for (int i = 0; i < 600; i++) {
        left = count_bpf() - n_bpf;
        if (left < LEAK_TIMES) {
            return;
        }
        usleep(100 * 1000);
    }
    fail("%s: %d BPF objects are left of %d times", arg, left, LEAK_TIMES);
}

/* Fails to create a table, because its maps are too small. */
static void
create_bad_table(const char *arg OVS_UNUSED)
{
    struct xdp_flow_table *table;
    struct fixture f;
    char *error;

    fixture_open(&f, 64, 4, 16, 1);
    f.limits.n_flows = f.limits.n_slots = 65536;
    table = xdp_flow_table_create(&f.fds, &f.limits, secret, &error);
    if (table || !error || !strstr(error, "xdp_flows")) {
        fail("expected an error about xdp_flows, got: %s", error);
    }
    free(error);
    fixture_close(&f);
}

/* Creates and uses a table. */
static void
create_table(const char *arg OVS_UNUSED)
{
    struct xdp_flow_table_stats s;
    struct xdp_table_flow *flow;
    struct xdp_flow_actions actions;
    struct fixture f;

    fixture_init(&f, 4, 4);
    make_actions(11, &actions);
    for (int i = 0; i < 4; i++) {
        CHECK(!insert(&f, 1, 100, i, 10, &flow));
        xdp_flow_table_modify(f.table, flow, &actions);
        xdp_flow_table_remove(f.table, flow, &s);
        fixture_reclaim(&f);
    }
    CHECK(!insert(&f, 1, 100, 0, 10, &flow));
    xdp_flow_table_remove(f.table, flow, &s);
    fixture_destroy(&f);
}

/* Creating a table fails, or succeeds, without a trace. */
static void
test_table_create(void)
{
    check_leaks(create_bad_table, "bad table");
    check_leaks(create_table, "table");
}

/* Objects. */

/* A directory of this process for files to load. */
static char *temp_dir;

static const struct xdp_flow_table_limits object_limits = {
    .n_flows = 64, .n_slots = 64, .n_masks = 8, .n_ports = 16
};

/* Returns the name of a test object.  The caller frees it. */
static char *
test_object(const char *name)
{
    return xasprintf("%s/%s.bpf.o", objects_dir, name);
}

/* Returns the name of a file in 'temp_dir', which does not exist.  The caller
 * frees it. */
static char *
temp_file(const char *name)
{
    char *path = xasprintf("%s/%s", temp_dir, name);

    if (unlink(path) && errno == EISDIR) {
        rmdir(path);
    }
    return path;
}

/* Makes a file 'name' in 'temp_dir' with 'mode' and the first 'size' bytes of
 * file 'from'.  Returns its name, which the caller frees. */
static char *
copy_file(const char *from, const char *name, mode_t mode, size_t size)
{
    char *path = temp_file(name);
    int in = open(from, O_RDONLY);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    char buf[4096];
    ssize_t n;

    if (in < 0 || out < 0) {
        ovs_fatal(errno, "copying %s to %s failed", from, path);
    }
    while (size > 0 && (n = read(in, buf, MIN(size, sizeof buf))) > 0) {
        if (write(out, buf, n) != n) {
            ovs_fatal(errno, "writing %s failed", path);
        }
        size -= n;
    }
    if (fchmod(out, mode)) {
        ovs_fatal(errno, "fchmod failed");
    }
    close(in);
    close(out);
    return path;
}

/* Checks that 'path' is refused with an errno value 'expected' and a message
 * that names the file and contains 'text'. */
static void
check_refused(const char *path, int expected, const char *text)
{
    struct xdp_object *object;
    bool has_table;
    struct xdp_caps caps;
    char *message;
    int error;

    for (int pass = 0; pass < 2; pass++) {
        /* xdp_object_get() makes the same checks. */
        error = (pass
                 ? xdp_object_get(path, &object_limits, NULL, &object,
                                  &message)
                 : xdp_object_check(path, &has_table, &caps, &message));
        if (error != expected || !message || !strstr(message, text)
            || strncmp(message, path, strlen(path))) {
            fail("expected error %d about \"%s\", got %d: %s", expected, text,
                 error, message ? message : "no message");
        }
        free(message);
        if (pass && !error) {
            xdp_object_unload(xdp_object_put(object));
        }
    }
}

/* Files that are not to be trusted or not what they should be. */
static void
test_object_missing(void)
{
    char *path = temp_file("missing.o");

    check_refused(path, ENOENT, "is the path right");
    free(path);
}

static void
test_object_symlink(void)
{
    char *target = copy_file(object_path, "target.o", 0644, SIZE_MAX);
    char *path = temp_file("symlink.o");

    CHECK(!symlink(target, path));
    check_refused(path, ELOOP, "must not be a symbolic link");
    free(target);
    free(path);
}

static void
test_object_directory(void)
{
    check_refused(temp_dir, EINVAL, "not a regular file");
}

static void
test_object_device(void)
{
    check_refused("/dev/null", EINVAL, "not a regular file");
}

/* Must not wait for somebody who writes. */
static void
test_object_fifo(void)
{
    char *path = temp_file("fifo.o");

    CHECK(!mkfifo(path, 0600));
    check_refused(path, EINVAL, "not a regular file");
    free(path);
}

static void
test_object_writable(void)
{
    static const mode_t modes[] = { 0664, 0646, 0666, 0620, 0602 };

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        char *path = copy_file(object_path, "writable.o", modes[i], SIZE_MAX);

        check_refused(path, EACCES, "can be written by group or others");
        free(path);
    }
}

static void
test_object_owner(void)
{
    char *path = copy_file(object_path, "owner.o", 0644, SIZE_MAX);

    CHECK(!chown(path, 1000, 0));
    check_refused(path, EACCES, "belongs to user 1000");
    CHECK(!chown(path, 0, 1000));
    CHECK(!xdp_object_check(path, NULL, NULL, &(char *) { NULL }));
    free(path);
}

static void
test_object_size(void)
{
    char *path = copy_file(object_path, "size.o", 0644, 0);

    check_refused(path, EINVAL, "has 0 bytes");
    CHECK(!truncate(path, 65 * 1024 * 1024));
    check_refused(path, EINVAL, "has 68157440 bytes");
    free(path);
}

static void
test_object_not_elf(void)
{
    char *path;

    /* A page of nothing, a program for this machine, half an object. */
    path = copy_file("/dev/zero", "zero.o", 0644, 4096);
    check_refused(path, EINVAL, "not a BPF object file");
    free(path);
    path = copy_file("/proc/self/exe", "exe.o", 0644, SIZE_MAX);
    check_refused(path, EINVAL, "not a BPF object file");
    free(path);
    path = copy_file(object_path, "half.o", 0644, 8000);
    check_refused(path, EINVAL, "not a BPF object file");
    free(path);
}

/* Objects that say that they are not usable. */
static const struct bad_object {
    const char *name;
    int error;
    const char *text;
} bad_objects[] = {
    { "xdp-bad-no-xsks", EINVAL, "no XSKMAP named xsks_map" },
    { "xdp-bad-xsks-type", EINVAL, "no XSKMAP named xsks_map" },
    { "xdp-bad-no-program", EINVAL, "no program in a section named xdp" },
    { "xdp-bad-version", EPROTONOSUPPORT, "ABI version 4711" },
    { "xdp-bad-no-version", EINVAL, "says no ABI version" },
    { "xdp-bad-max-ops", EINVAL, "larger ones than the ABI has" },
    { "xdp-bad-key-size", EINVAL, "key has 16 bytes instead of" },
    { "xdp-bad-key-field", EINVAL, "field dl_src of the object's key" },
    { "xdp-bad-no-in-port", EINVAL, "has no field in_port" },
    { "xdp-bad-no-groups", EINVAL,
      "map xdp_groups of the flow table is missing" },
    { "xdp-bad-no-egress", EINVAL,
      "no program xdp_egress in a section named xdp/devmap" },
    { "xdp-bad-no-map", EINVAL, "map xdp_masks of the flow table is missing" },
    { "xdp-bad-map-size", EINVAL,
      "map debug_stats of the flow table is of another type or size" },
};

static void
test_object_contract(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad_objects); i++) {
        char *path = test_object(bad_objects[i].name);

        check_refused(path, bad_objects[i].error, bad_objects[i].text);
        free(path);
    }
}

/* What the default object declares. */
static void
test_object_default(void)
{
    struct xdp_caps caps, all;
    bool has_table;
    char *message;

    if (xdp_object_check(object_path, &has_table, &caps, &message)) {
        fail("%s", message);
        free(message);
        return;
    }
    all_caps(&all);
    CHECK(has_table);
    CHECK(!memcmp(&caps.fields, &all.fields, sizeof caps.fields));
    CHECK(caps.max_words == XDP_MASK_MAX_WORDS);
    CHECK(caps.max_ops == XDP_FLOW_MAX_OPS);
    CHECK(caps.max_outputs == XDP_FLOW_MAX_OPS);
    CHECK(caps.ops == (UINT64_C(2) << XDP_OP_TNL_POP) - (1 << XDP_OP_OUTPUT));
}

/* What others declare. */
static void
test_object_custom(void)
{
    char *path = test_object("xdp-good-plain");
    struct xdp_key fields_;
    struct xdp_caps caps;
    bool has_table;
    char *message;

    has_table = true;
    CHECK(!xdp_object_check(path, &has_table, &caps, &message));
    CHECK(!has_table);
    free(path);

    path = test_object("xdp-good-fewer-fields");
    CHECK(!xdp_object_check(path, &has_table, &caps, &message));
    CHECK(has_table);
    memset(&fields_, 0, sizeof fields_);
    fields_.in_port = UINT32_MAX;
    memset(fields_.dl_dst, 0xff, sizeof fields_.dl_dst);
    memset(fields_.dl_src, 0xff, sizeof fields_.dl_src);
    fields_.dl_type = OVS_BE16_MAX;
    CHECK(!memcmp(&caps.fields, &fields_, sizeof fields_));
    CHECK(caps.max_outputs == 1);
    CHECK(caps.ops == (UINT64_C(1) << XDP_OP_OUTPUT
                       | UINT64_C(1) << XDP_OP_POP_VLAN));
    free(path);
}

/* Where objects are looked for. */
static void
test_object_path(void)
{
    static const struct {
        const char *option, *path;
    } paths[] = {
        { NULL, "/share/bpf/flowtable_afxdp.o" },
        { "", "/share/bpf/flowtable_afxdp.o" },
        { "mine.o", "/share/bpf/mine.o" },
        { "/tmp/mine.o", "/tmp/mine.o" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        char *path = xdp_object_path(paths[i].option);

        CHECK(!strcmp(path, paths[i].path));
        free(path);
    }
}

/* Loads 'path', which must work. */
static struct xdp_object *
get_object(const char *path, const struct xdp_flow_table_limits *limits)
{
    struct xdp_object *object;
    char *message;

    if (xdp_object_get(path, limits, NULL, &object, &message)) {
        fail("%s", message);
        free(message);
        return NULL;
    }
    return object;
}

/* The kernel refuses a program: the message says why. */
static void
test_object_verifier(void)
{
    char *path = test_object("xdp-bad-verifier");
    struct xdp_object *object = (void *) -1;
    int n_lines = 0;
    char *message;
    bool has_table;

    /* There is nothing wrong with the file itself. */
    CHECK(!xdp_object_check(path, &has_table, NULL, &message));
    CHECK(has_table);
    CHECK(xdp_object_get(path, &object_limits, NULL, &object, &message)
          == EACCES);
    CHECK(!object);
    for (const char *p = message; (p = strchr(p, '\n')) != NULL; p++) {
        n_lines++;
    }
    if (strncmp(message, path, strlen(path))
        || !strstr(message, "the kernel refused the XDP object")
        || !strstr(message, "the verifier's last lines")
        || !strstr(message, "invalid access to packet")
        || n_lines < 1 || n_lines > 20) {
        fail("the verifier's lines are not as they should be: %s", message);
    }
    free(message);
    free(path);
}

/* A constant that the flow table needs is missing. */
static void
test_object_constant(void)
{
    char *path = test_object("xdp-bad-no-constant");
    struct xdp_object *object;
    char *message;

    CHECK(xdp_object_get(path, &object_limits, NULL, &object, &message)
          == EINVAL);
    CHECK(strstr(message, "constant xdp_n_flows of the flow table"));
    free(message);
    free(path);
}

/* Returns how many atomic exchanges the program of the default object has as
 * the kernel runs it on 'machine', or -1 if that is not to be found out. */
static int
count_exchanges(const struct xdp_machine *machine)
{
    struct bpf_prog_info info = { 0 };
    uint32_t size = sizeof info;
    struct xdp_object *object;
    struct bpf_insn *insns;
    int n = -1;
    int fd;

    xdp_machine_pretend(machine);
    object = get_object(object_path, &object_limits);
    xdp_machine_pretend(NULL);
    if (!object) {
        return -1;
    }
    fd = bpf_prog_get_fd_by_id(xdp_object_program_id(object));
    if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size)
        && info.xlated_prog_len) {
        insns = xmalloc(info.xlated_prog_len);
        info = (struct bpf_prog_info) {
            .xlated_prog_len = info.xlated_prog_len,
            .xlated_prog_insns = (uintptr_t) insns,
        };
        if (!bpf_obj_get_info_by_fd(fd, &info, &size)
            && info.xlated_prog_insns) {
            n = 0;
            for (size_t i = 0; i < info.xlated_prog_len / sizeof *insns;
                 i++) {
                n += (BPF_CLASS(insns[i].code) == BPF_STX
                      && BPF_MODE(insns[i].code) == BPF_ATOMIC
                      && insns[i].imm == BPF_XCHG);
            }
        }
        free(insns);
    }
    close(fd);
    xdp_object_unload(xdp_object_put(object));
    return n;
}

/* A program does what its machine needs, and pays for nothing else. */
static void
test_object_machine(void)
{
    static const struct xdp_machine plain, machines[] = {
        { .weak_order = true },
        { .runs_nest = true },
    };
    char *path = test_object("xdp-good-no-machine");
    struct xdp_object *object;
    char *message;

    CHECK(xdp_machine_is_realtime("#1 SMP PREEMPT_RT Debian", NULL));
    CHECK(xdp_machine_is_realtime("#1 SMP PREEMPT Debian", "1\n"));
    CHECK(xdp_machine_is_realtime(NULL, NULL));
    CHECK(!xdp_machine_is_realtime("#1 SMP PREEMPT_DYNAMIC Debian", NULL));
    CHECK(!xdp_machine_is_realtime("#1 SMP PREEMPT_DYNAMIC Debian", "0\n"));

    CHECK(!count_exchanges(&plain));
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        CHECK(count_exchanges(&machines[i]) > 0);

        /* An object that cannot do it is refused, elsewhere it works. */
        xdp_machine_pretend(&machines[i]);
        CHECK(xdp_object_get(path, &object_limits, NULL, &object, &message)
              == EINVAL);
        CHECK(strstr(message, "build the object with the xdp-abi.h"));
        free(message);
        xdp_machine_pretend(&plain);
        object = get_object(path, &object_limits);
        CHECK(object);
        xdp_object_unload(xdp_object_put(object));
    }
    xdp_machine_pretend(NULL);
    free(path);
}

/* Objects without a flow table are not shared. */
static void
test_object_plain(void)
{
    char *path = test_object("xdp-good-plain");
    struct xdp_object *a = get_object(path, &object_limits);
    struct xdp_object *b = get_object(path, &object_limits);

    CHECK(a && b && a != b);
    CHECK(!a->has_table && !a->table);
    CHECK(xdp_object_program_id(a)
          && xdp_object_program_id(a) != xdp_object_program_id(b));
    CHECK(ovs_list_size(xdp_object_list()) == 2);
    xdp_object_unload(xdp_object_put(a));
    xdp_object_unload(xdp_object_put(b));
    CHECK(ovs_list_is_empty(xdp_object_list()));
    free(path);
}

/* Objects with a flow table are. */
static void
test_object_sharing(void)
{
    struct xdp_flow_table_limits more = object_limits;
    char *path = copy_file(object_path, "shared.o", 0644, SIZE_MAX);
    char *path2 = copy_file(object_path, "copy.o", 0644, SIZE_MAX);
    struct xdp_object *a, *b, *c, *d, *e;
    struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    uint32_t id;

    a = get_object(path, &object_limits);
    b = get_object(path, &object_limits);
    CHECK(a && a == b);
    CHECK(a->has_table && !strcmp(a->path, path));
    CHECK(xdp_flow_table_get_limits(a->table)->n_flows
          == object_limits.n_flows);
    id = xdp_object_program_id(a);
    CHECK(id);

    /* Other limits, another file with the same contents, the file changed. */
    more.n_flows++;
    more.n_slots++;
    c = get_object(path, &more);
    CHECK(c && c != a);
    CHECK(xdp_flow_table_get_limits(c->table)->n_flows == more.n_flows);
    d = get_object(path2, &object_limits);
    CHECK(d && d != a && d != c);
    CHECK(!utimensat(AT_FDCWD, path, times, 0));
    e = get_object(path, &object_limits);
    CHECK(e && e != a && e != c && e != d);
    CHECK(ovs_list_size(xdp_object_list()) == 4);

    /* The last user unloads it. */
    xdp_object_ref(a);
    xdp_object_unload(xdp_object_put(a));
    xdp_object_unload(xdp_object_put(b));
    CHECK(xdp_object_program_id(a) == id);
    xdp_object_unload(xdp_object_put(a));
    CHECK(ovs_list_size(xdp_object_list()) == 3);
    xdp_object_unload(xdp_object_put(c));
    xdp_object_unload(xdp_object_put(d));
    xdp_object_unload(xdp_object_put(e));
    CHECK(ovs_list_is_empty(xdp_object_list()));
    xdp_object_unload(xdp_object_put(NULL));
    free(path);
    free(path2);
}

/* Loads an object, if possible, and unloads it. */
static void
get_and_put(const char *path)
{
    struct xdp_object *object;
    char *message;

    if (xdp_object_get(path, &object_limits, NULL, &object, &message)) {
        free(message);
    } else {
        xdp_object_unload(xdp_object_put(object));
    }
}

/* Nothing is left of objects that were refused, or unloaded. */
static void
test_object_leaks(void)
{
    static const char *others[] = {
        "xdp-bad-verifier", "xdp-bad-no-constant", "xdp-good-plain",
        "xdp-good-fewer-fields",
    };
    char *path;

    for (size_t i = 0; i < ARRAY_SIZE(bad_objects); i++) {
        path = test_object(bad_objects[i].name);
        check_leaks(get_and_put, path);
        free(path);
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        path = test_object(others[i]);
        check_leaks(get_and_put, path);
        free(path);
    }
    check_leaks(get_and_put, object_path);
    check_leaks(get_and_put, "/dev/null");

    path = temp_file("missing.o");
    check_leaks(get_and_put, path);
    free(path);
    path = copy_file(object_path, "writable.o", 0666, SIZE_MAX);
    check_leaks(get_and_put, path);
    free(path);
}

/* Meters. */

#define METER_ID ((ofproto_meter_id) { .uint32 = 77 })

/* Sets the meter to 'n' bands of 'rates' and 'bursts'. */
static void
set_meter(uint16_t flags, size_t n, const uint32_t rates[],
          const uint32_t bursts[])
{
    struct ofputil_meter_band bands[XDP_METER_MAX_BANDS];
    struct ofputil_meter_config config = {
        .flags = flags,
        .n_bands = n,
        .bands = bands,
    };

    for (size_t i = 0; i < n; i++) {
        bands[i] = (struct ofputil_meter_band) {
            .type = OFPMBT13_DROP,
            .rate = rates[i],
            .burst_size = bursts[i],
        };
    }
    xdp_meter_set(METER_ID, &config);
}

/* Stores in '*version' what packets see of the meter. */
static bool
read_meter(struct xdp_meter_version *version)
{
    uint32_t id = METER_ID.uint32;
    struct xdp_meter meter;
    char *error;
    int fd = xdp_meter_open(&error);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = !bpf_map_lookup_elem(fd, &id, &meter);
    *version = meter.versions[meter.current];
    xdp_meter_close();
    return ok;
}

/* What is let through, against a bucket of unlimited precision. */
static void
test_meter_rate(void)
{
    static const struct {
        uint16_t flags;
        uint32_t rate, burst;
        uint32_t bytes;         /* Of each packet. */
        uint32_t interval;      /* Between two packets, ns. */
    } meters[] = {
        { OFPMF13_PKTPS, 1, 1, 60, 300000000 },
        { OFPMF13_PKTPS, 7, 0, 60, 90000000 },
        { OFPMF13_PKTPS, 1000, 100, 1500, 700000 },
        { OFPMF13_PKTPS, 1000, 100, 1500, 1200000 },
        { OFPMF13_PKTPS, 1000000, 50000, 60, 300 },
        { OFPMF13_PKTPS, 10000000, 1000, 60, 60 },
        { OFPMF13_KBPS, 1, 13, 1500, 900000000 },
        { OFPMF13_KBPS, 1000, 0, 1000, 2500000 },
        { OFPMF13_KBPS, 10000000, 100000, 1500, 700 },
        { 0, 100000000, 1000000, 1500, 100 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(meters); i++) {
        bool by_packet = meters[i].flags & OFPMF13_PKTPS;
        uint32_t burst = (meters[i].burst ? meters[i].burst : meters[i].rate);
        double depth = by_packet ? burst : burst * 125.0;
        double per_ns = (by_packet ? 1 : 125.0) * meters[i].rate / 1e9;
        uint32_t n = by_packet ? 1 : meters[i].bytes;
        uint64_t now = UINT64_C(123456789012);
        struct xdp_meter_version version;
        uint64_t expected = 0, taken = 0;
        double bucket = depth;

        set_meter(meters[i].flags, 1, &meters[i].rate, &meters[i].burst);
        CHECK(read_meter(&version));
        CHECK(version.n_bands == 1 && version.by_packet == by_packet);
        CHECK(version.bands[0].rate == meters[i].rate);

        /* All of the burst at once, and not one more, as far as a sixteenth
         * of a nanosecond for each packet allows. */
        expected = depth / n;
        while (xdp_meter_take(&version.bands[0], n, now)) {
            taken++;
        }
        CHECK(taken >= expected && taken <= expected + expected / 1000);
        bucket -= expected * n;
        expected = taken = 0;

        for (int j = 0; j < 300000; j++) {
            uint32_t step = meters[i].interval / 2
                            + random_range(meters[i].interval);

            now += step;
            bucket = MIN(bucket + step * per_ns, depth);
            if (bucket >= n) {
                bucket -= n;
                expected++;
            }
            taken += xdp_meter_take(&version.bands[0], n, now);
        }
        if (taken + 2 + taken / 500 < expected
            || taken > expected + 2 + expected / 500) {
            fail("meter %"PRIuSIZE": %"PRIu64" taken, expected %"PRIu64, i,
                 taken, expected);
            return;
        }
    }
}

/* Packets that meet a meter twice, and two users of one meter of which one
 * comes with batches, get what they get in OVS: at ten times the rate, half of
 * it, and not much less than half of it. */
static void
test_meter_shares(void)
{
    const uint32_t rate = 100000, burst = 1000, batch = 32;
    struct xdp_meter_version version;
    uint32_t twice = 0, single = 0, batched = 0;
    uint64_t now = UINT64_C(123456789012);

    set_meter(OFPMF13_PKTPS, 1, &rate, &burst);
    CHECK(read_meter(&version));
    for (uint32_t i = 0; i < 10 * rate; i++) {
        uint64_t clock = xdp_meter_clock(now += 1000);

        twice += (xdp_meter_take(&version.bands[0], 1, clock)
                  && xdp_meter_take(&version.bands[0], 1, clock));
    }
    CHECK(twice >= rate / 2 - burst && twice <= rate / 2 + burst);

    set_meter(OFPMF13_PKTPS, 1, &rate, &burst);
    CHECK(read_meter(&version));
    for (uint32_t i = 1; i <= 5 * rate; i++) {
        uint64_t clock = xdp_meter_clock(now += 2000);

        single += xdp_meter_take(&version.bands[0], 1, clock);
        for (uint32_t j = 0; i % batch == 0 && j < batch; j++) {
            batched += xdp_meter_take(&version.bands[0], 1, clock);
        }
    }
    CHECK(single + batched >= rate - burst
          && single + batched <= rate + 2 * burst);
    CHECK(batched >= rate / 3 && single >= rate / 3);
}

/* Threads that take out of one bucket. */
struct meter_taker {
    struct xdp_meter_band *band;
    unsigned int n_taken;
};

static void *
take_from_meter(void *taker_)
{
    struct meter_taker *taker = taker_;

    for (int i = 0; i < 400000; i++) {
        taker->n_taken += xdp_meter_take(taker->band, 1, 1000000);
    }
    return NULL;
}

/* Two threads never get more than there is. */
static void
test_meter_threads(void)
{
    const uint32_t rate = 1000, burst = 500000;
    struct xdp_meter_version version;
    struct meter_taker takers[2];
    pthread_t threads[2];

    set_meter(OFPMF13_PKTPS, 1, &rate, &burst);
    CHECK(read_meter(&version));
    for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
        takers[i] = (struct meter_taker) { .band = &version.bands[0] };
        threads[i] = ovs_thread_create("taker", take_from_meter, &takers[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
        xpthread_join(threads[i], NULL);
    }
    CHECK(takers[0].n_taken + takers[1].n_taken == burst);
}

/* Makes 'batch' 'n' packets, of 101 bytes and so on. */
static void
make_batch(struct dp_packet_batch *batch, size_t n)
{
    dp_packet_batch_init(batch);
    for (size_t i = 0; i < n; i++) {
        struct dp_packet *packet = dp_packet_new(200);

        dp_packet_put_zeros(packet, 101 + i);
        dp_packet_batch_add(batch, packet);
    }
}

/* What userspace makes of a meter, and its statistics. */
static void
test_meter_run(void)
{
    /* The second band is the one that all drops belong to. */
    const uint32_t rates[] = { 1, 2 };
    const uint32_t bursts[] = { 5, 4 };
    struct ofputil_meter_band_stats band_stats[2];
    struct ofputil_meter_stats stats = { .n_bands = 2, .bands = band_stats };
    struct dp_packet_batch batch;
    char *error;

    /* Without a map, userspace has the meters for itself. */
    set_meter(OFPMF13_PKTPS, 2, rates, bursts);
    make_batch(&batch, 8);
    CHECK(xdp_meter_run(METER_ID.uint32, &batch) == -1);
    CHECK(dp_packet_batch_size(&batch) == 8);
    CHECK(xdp_meter_open(&error) >= 0);
    CHECK(xdp_meter_run(METER_ID.uint32, &batch) == 4);
    CHECK(dp_packet_batch_size(&batch) == 4);
    for (size_t i = 0; i < 4; i++) {
        CHECK(dp_packet_size(batch.packets[i]) == 101 + i);
    }
    dp_packet_delete_batch(&batch, true);

    /* They are added to what is there. */
    memset(band_stats, 0, sizeof band_stats);
    stats.packet_in_count = 1000;
    stats.byte_in_count = 0;
    band_stats[1].byte_count = 7;
    xdp_meter_get(METER_ID, &stats);
    CHECK(stats.packet_in_count == 1008);
    CHECK(stats.byte_in_count == 8 * 101 + 28);
    CHECK(!band_stats[0].packet_count && !band_stats[0].byte_count);
    CHECK(band_stats[1].packet_count == 4);
    CHECK(band_stats[1].byte_count == 7 + 4 * 101 + 4 + 5 + 6 + 7);

    /* Meters and statistics outlive the map. */
    xdp_meter_close();
    xdp_meter_get(METER_ID, &stats);
    CHECK(stats.packet_in_count == 1016);
    CHECK(xdp_meter_open(&error) >= 0);
    xdp_meter_get(METER_ID, &stats);
    CHECK(stats.packet_in_count == 1024);
    make_batch(&batch, 8);
    CHECK(xdp_meter_run(METER_ID.uint32, &batch) == 8);
    dp_packet_delete_batch(&batch, true);

    /* A new meter starts again; one without bands does nothing. */
    set_meter(OFPMF13_PKTPS, 1, rates, bursts);
    memset(band_stats, 0, sizeof band_stats);
    stats.packet_in_count = 0;
    xdp_meter_get(METER_ID, &stats);
    CHECK(!stats.packet_in_count);
    make_batch(&batch, 8);
    CHECK(xdp_meter_run(METER_ID.uint32, &batch) == 3);
    dp_packet_delete_batch(&batch, true);

    xdp_meter_del(METER_ID);
    make_batch(&batch, 8);
    CHECK(!xdp_meter_run(METER_ID.uint32, &batch));
    CHECK(dp_packet_batch_size(&batch) == 8);

    /* These are left to userspace. */
    CHECK(xdp_meter_run(XDP_METER_MAX, &batch) == -1);
    dp_packet_delete_batch(&batch, true);
    xdp_meter_close();
}

/* Sequence numbers go on, whoever takes them, as the map comes and goes. */
static void
test_sequences(void)
{
    const odp_port_t port = u32_to_odp(XDP_SEQUENCE_MAX - 1);
    uint32_t index = XDP_SEQUENCE_MAX - 1, own = 77;
    uint32_t first = xdp_sequence_next(port, &own);
    uint64_t value;
    char *message;
    int fd;

    CHECK(xdp_sequence_next(port, &own) == first + 1);
    CHECK(own == 77);
    for (uint32_t i = 0; i < 2; i++) {
        fd = xdp_sequence_open(&message);
        CHECK(fd >= 0);
        CHECK(xdp_sequence_open(&message) == fd);
        CHECK(read_map(fd, index, &value) && value == first + 2 + 4 * i);
        CHECK(xdp_sequence_next(port, &own) == first + 2 + 4 * i);

        /* As a program does. */
        value += 2;
        CHECK(!bpf_map_update_elem(fd, &index, &value, BPF_ANY));
        CHECK(xdp_sequence_next(port, &own) == first + 4 + 4 * i);
        xdp_sequence_close();
        xdp_sequence_close();
        CHECK(xdp_sequence_next(port, &own) == first + 5 + 4 * i);
    }

    CHECK(xdp_sequence_next(u32_to_odp(XDP_SEQUENCE_MAX), &own) == 77);
    CHECK(own == 78);
}

/* Metadata. */

/* What programs tell about a packet is found, once, and nothing else is taken
 * for it. */
static void
test_upcall_meta(void)
{
    struct xdp_upcall_meta meta = { .recirc_id = 77, .dp_hash = 5 }, got;
    struct dp_packet packet;
    uint64_t magic, again;
    uint64_t buffer[64];
    char *p;

    CHECK(!xdp_upcall_magic(&magic) && magic);
    CHECK(!xdp_upcall_magic(&again) && again == magic);
    memset(buffer, 0, sizeof buffer);
    dp_packet_use_stub(&packet, buffer, sizeof buffer);
    dp_packet_reserve(&packet, 128);
    p = dp_packet_put_zeros(&packet, 100);
    meta.magic = magic;
    memcpy(p - sizeof meta, &meta, sizeof meta);

    /* Only AF_XDP packets have any. */
    CHECK(!xdp_upcall_take_meta(&packet, &got));
    packet.source = DPBUF_AFXDP;
    CHECK(xdp_upcall_take_meta(&packet, &got));
    CHECK(!memcmp(&got, &meta, sizeof got));
    CHECK(!xdp_upcall_take_meta(&packet, &got));
    CHECK(is_all_zeros(p - sizeof meta, sizeof meta));

    meta.magic ^= 1;
    memcpy(p - sizeof meta, &meta, sizeof meta);
    CHECK(!xdp_upcall_take_meta(&packet, &got));

    /* There must be room for them. */
    meta.magic = magic;
    memcpy(buffer, &meta, sizeof meta);
    dp_packet_set_data(&packet, (char *) buffer + sizeof meta - 1);
    CHECK(!xdp_upcall_take_meta(&packet, &got));
    dp_packet_set_data(&packet, (char *) buffer + sizeof meta);
    CHECK(xdp_upcall_take_meta(&packet, &got));

    /* Nor may they say that there is more in front than there is. */
    meta.tunnel_len = dp_packet_size(&packet) + 1;
    memcpy((char *) dp_packet_data(&packet) - sizeof meta, &meta,
           sizeof meta);
    CHECK(!xdp_upcall_take_meta(&packet, &got));
    packet.source = DPBUF_STUB;
    dp_packet_uninit(&packet);
}

/* Tunnel words come in three parts, of which two may be missing. */
static void
test_upcall_tunnel(void)
{
    for (int i = 0; i < 4; i++) {
        bool has_opts = i & 1, has_ipv6 = i & 2;
        struct xdp_upcall_meta meta = { .tunnel_port = 5 };
        struct dp_packet packet;
        uint64_t buffer[64];
        struct flow_tnl tnl;
        struct xdp_key key;
        const char *words = (const char *) &key.tun_ip_src;

        memset(&key, 0, sizeof key);
        memset(&tnl, 0, sizeof tnl);
        key.tun_ip_src = has_ipv6 ? 0 : htonl(0x01020304);
        key.tun_ip_dst = has_ipv6 ? 0 : htonl(0x05060708);
        key.tun_tun_id = htonll(77);
        key.tun_flags = FLOW_TNL_F_KEY | (has_opts ? FLOW_TNL_F_UDPIF : 0);
        key.tun_ip_tos = 9;
        key.tun_ip_ttl = 10;
        key.tun_tp_src = htons(11);
        key.tun_tp_dst = htons(12);
        key.tun_erspan_idx = 13;
        key.tun_erspan_ver = 1;
        key.tun_opts_len = has_opts ? 12 : 0;
        memset(key.tun_opts, 0x33, key.tun_opts_len);
        memset(key.tun_ipv6_src, 0x44, sizeof key.tun_ipv6_src);
        memset(key.tun_ipv6_dst, 0x55, sizeof key.tun_ipv6_dst);

        dp_packet_use_stub(&packet, buffer, sizeof buffer);
        dp_packet_put(&packet, words, 32);
        if (has_opts) {
            dp_packet_put(&packet, key.tun_opts, sizeof key.tun_opts);
        }
        if (has_ipv6) {
            dp_packet_put(&packet, key.tun_ipv6_src, 32);
        }
        meta.tunnel_len = dp_packet_size(&packet);
        dp_packet_put(&packet, "packet", 6);
        xdp_upcall_take_tunnel(&packet, &meta, &tnl);
        CHECK(dp_packet_size(&packet) == 6
              && !memcmp(dp_packet_data(&packet), "packet", 6));
        CHECK(tnl.ip_src == key.tun_ip_src && tnl.ip_dst == key.tun_ip_dst);
        CHECK(tnl.tun_id == key.tun_tun_id && tnl.flags == key.tun_flags);
        CHECK(tnl.ip_tos == 9 && tnl.ip_ttl == 10);
        CHECK(tnl.tp_src == htons(11) && tnl.tp_dst == htons(12));
        CHECK(tnl.erspan_idx == 13 && tnl.erspan_ver == 1);
        CHECK(tnl.metadata.present.len == key.tun_opts_len);
        CHECK(!memcmp(tnl.metadata.opts.u8, key.tun_opts,
                      sizeof key.tun_opts));
        CHECK(has_ipv6
              ? (!memcmp(&tnl.ipv6_src, key.tun_ipv6_src, 16)
                 && !memcmp(&tnl.ipv6_dst, key.tun_ipv6_dst, 16))
              : (ipv6_mask_is_any(&tnl.ipv6_src)
                 && ipv6_mask_is_any(&tnl.ipv6_dst)));
        dp_packet_uninit(&packet);
    }
}

/* What a case needs. */
enum need {
    NEED_NOTHING,
    NEED_BPF,
    NEED_ROOT,
};

static const struct test_case {
    const char *name;
    void (*func)(void);
    enum need need;
} cases[] = {
    { "translate-fields", test_translate_fields, NEED_NOTHING },
    { "translate-every-bit", test_translate_every_bit, NEED_NOTHING },
    { "translate-other-fields", test_translate_other_fields, NEED_NOTHING },
    { "translate-tunnel-opts", test_translate_tunnel_opts, NEED_NOTHING },
    { "translate-recirc", test_translate_recirc, NEED_NOTHING },
    { "translate-packet-type", test_translate_packet_type, NEED_NOTHING },
    { "translate-smaller-object", test_translate_smaller_object,
      NEED_NOTHING },
    { "translate-max-words", test_translate_max_words, NEED_NOTHING },
    { "translate-actions", test_translate_actions, NEED_NOTHING },
    { "translate-outputs", test_translate_outputs, NEED_NOTHING },
    { "translate-drop", test_translate_drop, NEED_NOTHING },
    { "translate-trunc", test_translate_trunc, NEED_NOTHING },
    { "translate-meter", test_translate_meter, NEED_NOTHING },
    { "translate-passes", test_translate_passes, NEED_NOTHING },
    { "translate-tunnels", test_translate_tunnels, NEED_NOTHING },
    { "translate-n-ops", test_translate_n_ops, NEED_NOTHING },
    { "translate-set", test_translate_set, NEED_NOTHING },
    { "translate-set-fields", test_translate_set_fields, NEED_NOTHING },
    { "translate-mpls", test_translate_mpls, NEED_NOTHING },
    { "translate-other-actions", test_translate_other_actions, NEED_NOTHING },
    { "translate-userspace", test_translate_userspace, NEED_NOTHING },
    { "translate-other-sets", test_translate_other_sets, NEED_NOTHING },
    { "translate-malformed", test_translate_malformed, NEED_NOTHING },
    { "translate-missing-ops", test_translate_missing_ops, NEED_NOTHING },
    { "translate-reasons", test_translate_reasons, NEED_NOTHING },
    { "table-insert", test_table_insert, NEED_BPF },
    { "table-mask-order", test_table_mask_order, NEED_BPF },
    { "table-slot", test_table_slot, NEED_BPF },
    { "table-flags", test_table_flags, NEED_BPF },
    { "table-running", test_table_running, NEED_BPF },
    { "table-modify", test_table_modify, NEED_BPF },
    { "table-flows-full", test_table_flows_full, NEED_BPF },
    { "table-spare-slots", test_table_spare_slots, NEED_BPF },
    { "table-scale", test_table_scale, NEED_BPF },
    { "table-reclaim", test_table_reclaim, NEED_BPF },
    { "table-masks-full", test_table_masks_full, NEED_BPF },
    { "table-masks-reuse", test_table_masks_reuse, NEED_BPF },
    { "table-masks-wait", test_table_masks_wait, NEED_BPF },
    { "table-growth", test_table_growth, NEED_BPF },
    { "table-growth-modify", test_table_growth_modify, NEED_BPF },
    { "swap", test_swap, NEED_BPF },
    { "subtable-growth", test_subtable_growth, NEED_BPF },
    { "subtable-changes", test_subtable_changes, NEED_BPF },
    { "subtable-fails", test_subtable_fails, NEED_BPF },
    { "table-digest", test_table_digest, NEED_BPF },
    { "table-stats", test_table_stats, NEED_BPF },
    { "table-stats-kept", test_table_stats_kept, NEED_BPF },
    { "table-ports", test_table_ports, NEED_BPF },
    { "table-port-masks", test_table_port_masks, NEED_BPF },
    { "table-groups", test_table_groups, NEED_BPF },
    { "table-groups-mtu", test_table_groups_mtu, NEED_BPF },
    { "table-groups-full", test_table_groups_full, NEED_BPF },
    { "table-groups-port", test_table_groups_port, NEED_BPF },
    { "table-groups-egress", test_table_groups_egress, NEED_BPF },
    { "table-groups-fail", test_table_groups_fail, NEED_BPF },
    { "table-counters", test_table_counters, NEED_BPF },
    { "table-refused-early", test_table_refused_early, NEED_BPF },
    { "table-insert-fails", test_table_insert_fails, NEED_BPF },
    { "table-modify-fails", test_table_modify_fails, NEED_BPF },
    { "table-reclaim-pieces", test_table_reclaim_pieces, NEED_BPF },
    { "table-sort-pieces", test_table_sort_pieces, NEED_BPF },
    { "table-create", test_table_create, NEED_BPF },
    { "port-lock", test_port_lock, NEED_BPF },
    { "meter-rate", test_meter_rate, NEED_BPF },
    { "meter-shares", test_meter_shares, NEED_BPF },
    { "meter-threads", test_meter_threads, NEED_BPF },
    { "meter-run", test_meter_run, NEED_BPF },
    { "sequences", test_sequences, NEED_BPF },
    { "upcall-tunnel", test_upcall_tunnel, NEED_NOTHING },
    { "upcall-meta", test_upcall_meta, NEED_NOTHING },
    { "object-path", test_object_path, NEED_NOTHING },
    { "object-missing", test_object_missing, NEED_NOTHING },
    { "object-symlink", test_object_symlink, NEED_NOTHING },
    { "object-directory", test_object_directory, NEED_NOTHING },
    { "object-device", test_object_device, NEED_NOTHING },
    { "object-fifo", test_object_fifo, NEED_NOTHING },
    { "object-writable", test_object_writable, NEED_NOTHING },
    { "object-owner", test_object_owner, NEED_ROOT },
    { "object-size", test_object_size, NEED_NOTHING },
    { "object-not-elf", test_object_not_elf, NEED_NOTHING },
    { "object-contract", test_object_contract, NEED_NOTHING },
    { "object-default", test_object_default, NEED_NOTHING },
    { "object-custom", test_object_custom, NEED_NOTHING },
    { "object-verifier", test_object_verifier, NEED_BPF },
    { "object-constant", test_object_constant, NEED_BPF },
    { "object-machine", test_object_machine, NEED_BPF },
    { "object-plain", test_object_plain, NEED_BPF },
    { "object-sharing", test_object_sharing, NEED_BPF },
    { "object-leaks", test_object_leaks, NEED_BPF },
};

/* Returns true if this process may create maps. */
static bool
has_bpf(void)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP, "probe", 4, 4, 1, NULL);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Removes 'temp_dir'. */
static void
remove_temp_dir(void)
{
    DIR *dir = opendir(temp_dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        char *path = xasprintf("%s/%s", temp_dir, entry->d_name);

        unlink(path);
        free(path);
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(temp_dir);
}

/* Implements libbpf_print_fn_t. */
static int
print_nothing(enum libbpf_print_level level OVS_UNUSED,
              const char *format OVS_UNUSED, va_list args OVS_UNUSED)
{
    return 0;
}

/* Prints the help. */
static void
usage(void)
{
    printf("usage: test-xdp-unit [OPTION]... [CASE]...\n"
           "Runs all cases, or those whose names begin with CASE.\n\n"
           "  --object PATH    the default object (default: %s)\n"
           "  --objects DIR    where the other objects are (default: %s)\n"
           "  --list           only print the names of the cases\n",
           object_path, objects_dir);
}

int
main(int argc, char *argv[])
{
    enum { OPT_OBJECT = 1, OPT_OBJECTS, OPT_LIST, OPT_HELP };
    static const struct option options[] = {
        { "object", required_argument, NULL, OPT_OBJECT },
        { "objects", required_argument, NULL, OPT_OBJECTS },
        { "list", no_argument, NULL, OPT_LIST },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    unsigned int n_passed = 0, n_failed = 0, n_skipped = 0;
    const char *tmp = getenv("TMPDIR");
    int c;

    set_program_name(argv[0]);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case OPT_OBJECT: object_path = optarg; break;
        case OPT_OBJECTS: objects_dir = optarg; break;
        case OPT_LIST:
            for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                printf("%s\n", cases[i].name);
            }
            return EXIT_SUCCESS;
        case OPT_HELP:
            usage();
            return EXIT_SUCCESS;
        default:
            usage();
            return EXIT_FAILURE;
        }
    }

    /* What is expected to fail would be reported. */
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    libbpf_set_print(print_nothing);
    setenv("OVS_PKGDATADIR", "/share", 1);
    temp_dir = xasprintf("%s/xdp-unit.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(temp_dir)) {
        ovs_fatal(errno, "%s: creating a directory failed", temp_dir);
    }

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct test_case *t = &cases[i];
        bool wanted = optind >= argc;

        for (int j = optind; j < argc; j++) {
            wanted |= !strncmp(t->name, argv[j], strlen(argv[j]));
        }
        if (!wanted) {
            continue;
        }
        if (t->need == NEED_BPF && !has_bpf()) {
            printf("skip %s: creating BPF maps takes CAP_BPF and "
                   "CAP_NET_ADMIN\n", t->name);
            n_skipped++;
        } else if (t->need == NEED_ROOT && geteuid()) {
            printf("skip %s: needs root\n", t->name);
            n_skipped++;
        } else {
            t->func();
            if (why) {
                printf("not ok %s: %s\n", t->name, why);
                n_failed++;
            } else {
                printf("ok %s\n", t->name);
                n_passed++;
            }
            free(why);
            why = NULL;
        }
        fflush(stdout);
    }
    remove_temp_dir();
    printf("unit: %u passed, %u failed, %u skipped\n", n_passed, n_failed,
           n_skipped);
    return n_failed || !(n_passed + n_skipped) ? EXIT_FAILURE : EXIT_SUCCESS;
}
