/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the translation of megaflows: what they match.
 */

#include <config.h>

#undef NDEBUG
#include <string.h>

#include "flow.h"
#include "openvswitch/match.h"
#include "packets.h"
#include "translate.h"
#include "unit.h"
#include "util.h"

#define IN_PORT 7

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
    FIELD(ct_state, ct_state, "ct_state"),
    FIELD(ct_zone, ct_zone, "ct_zone"),
    FIELD(ct_mark, ct_mark, "ct_mark"),
    FIELD(ct_label, ct_label, "ct_label"),
    FIELD(ct_nw_proto, ct_nw_proto, "ct_nw_proto"),
    FIELD(ct_nw_src, ct_nw_src, "ct_nw_src"),
    FIELD(ct_nw_dst, ct_nw_dst, "ct_nw_dst"),
    FIELD(ct_tp_src, ct_tp_src, "ct_tp_src"),
    FIELD(ct_tp_dst, ct_tp_dst, "ct_tp_dst"),
    FIELD(ct_ipv6_src, ct_ipv6_src, "ct_ipv6_src"),
    FIELD(ct_ipv6_dst, ct_ipv6_dst, "ct_ipv6_dst"),
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

/* Each field goes to its place in the key, with its mask, and nowhere else.
 * (In a later pass, as there are packets without a connection only in the
 * first one.) */
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
        match.flow.recirc_id = 1;
        memset(&key, 0, sizeof key);
        memset(&mask, 0, sizeof mask);
        key.recirc_id = 1;
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
check_every_bit(uint32_t recirc_id)
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
        match.flow.recirc_id = recirc_id;
        ((uint8_t *) &match.wc.masks)[bit / 8] |= 1 << (bit % 8);
        reason = xdp_translate_match(&match, IN_PORT, &caps, &tr);
        if ((reason == XDP_REASON_NONE) != expected
            || (reason && (reason != XDP_REASON_FIELD || !tr.detail[0]))) {
            fail("pass %"PRIu32", bit %"PRIuSIZE" of struct flow: %s %s",
                 recirc_id, bit, xdp_reason_to_string(reason), tr.detail);
        }
    }
    CHECK(n_keyed == 8 * (6 + 6 + 2 + 2 + 2 + 2 + 2 + 4 + 4 + 1 + 1 + 1 + 1
                          + 2 + 2 + 2 + 16 + 16 + 16 + 6 + 6 + 4 + 3 * 4
                          + 4 + 4
                          + 1 + 2 + 4 + 16 + 1 + 4 + 4 + 2 + 2 + 16 + 16
                          + 4 + 4 + 8 + 2 + 1 + 1 + 2 + 2 + 4 + 1 + 16 + 16));
}

/* So in each pass, whether packets can have a connection there or not. */
static void
test_translate_every_bit(void)
{
    check_every_bit(0);
    check_every_bit(1);
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
        OTHER(ct_nw_dst, "ct_nw_dst"),
        OTHER(ct_nw_proto, "ct_nw_proto"),
        OTHER(ct_tp_src, "ct_tp_src"),
        OTHER(ct_tp_dst, "ct_tp_dst"),
        OTHER(nsh.flags, "nsh_flags"),
        OTHER(nsh.path_hdr, "nsh_spi"),
        OTHER(nsh.mdtype, "nsh_mdtype"),
        OTHER(nsh.context[2], "nsh_c3"),
        OTHER(ct_ipv6_src, "ct_ipv6_src"),
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

/* On the first pass, no packet is tracked, and in an object without "ct" none
 * in any pass: what matches on that takes them as what does not look, and what
 * matches on more takes none of them. */
static void
test_translate_untracked(void)
{
    struct xdp_translation plain, tr;
    struct xdp_caps caps;
    struct match match;

    all_caps(&caps);
    for (uint32_t recirc_id = 0; recirc_id < 2; recirc_id++) {
        if (recirc_id) {
            caps.ops &= ~(UINT64_C(1) << XDP_OP_CT);
        }
        init_tcp_match(&match);
        match.flow.recirc_id = recirc_id;
        CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &plain));

        /* As all of it, and in part.  What the mask leaves out is nothing to
         * look at. */
        match.flow.ct_state = CS_REPLY_DIR;
        match.wc.masks.ct_state = UINT8_MAX & ~CS_REPLY_DIR;
        match.wc.masks.ct_zone = UINT16_MAX;
        match.flow.ct_mark = 0x100;
        match.wc.masks.ct_mark = 0x1;
        match.wc.masks.ct_label = OVS_U128_MAX;
        match.wc.masks.ct_nw_proto = UINT8_MAX;
        match.wc.masks.ct_nw_src = match.wc.masks.ct_nw_dst = OVS_BE32_MAX;
        match.wc.masks.ct_ipv6_src = in6addr_exact;
        match.wc.masks.ct_ipv6_dst = in6addr_exact;
        match.wc.masks.ct_tp_src = match.wc.masks.ct_tp_dst = OVS_BE16_MAX;
        CHECK(!xdp_translate_match(&match, IN_PORT, &caps, &tr));
        CHECK(!memcmp(&tr.key, &plain.key, sizeof tr.key));
        CHECK(!memcmp(&tr.mask, &plain.mask, sizeof tr.mask));

        /* One bit is enough to take none, whatever else is zero. */
        match.flow.ct_mark = 0x101;
        check_match_refused(&match, &caps, XDP_REASON_FIELD, "ct_mark");
        match.flow.ct_mark = 0;
        match.flow.ct_label.u64.hi = 0x1;
        check_match_refused(&match, &caps, XDP_REASON_FIELD, "ct_label");
        match.flow.ct_label.u64.hi = 0;
        match.flow.ct_state = CS_TRACKED;
        check_match_refused(&match, &caps, XDP_REASON_FIELD, "ct_state");
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
        match.flow.recirc_id = 1;
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

const struct unit_case unit_translate_match[] = {
    { "translate-fields", test_translate_fields, NEED_NOTHING },
    { "translate-every-bit", test_translate_every_bit, NEED_NOTHING },
    { "translate-other-fields", test_translate_other_fields, NEED_NOTHING },
    { "translate-untracked", test_translate_untracked, NEED_NOTHING },
    { "translate-tunnel-opts", test_translate_tunnel_opts, NEED_NOTHING },
    { "translate-recirc", test_translate_recirc, NEED_NOTHING },
    { "translate-packet-type", test_translate_packet_type, NEED_NOTHING },
    { "translate-smaller-object", test_translate_smaller_object,
      NEED_NOTHING },
    { "translate-max-words", test_translate_max_words, NEED_NOTHING },
    { "translate-reasons", test_translate_reasons, NEED_NOTHING },
    { NULL, NULL, 0 }
};
