/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of what programs tell userspace about a packet.
 */

#include <config.h>

#undef NDEBUG
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "unit.h"
#include "util.h"
#include "xdp-upcall.h"

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
    meta.tunnel_len = dp_packet_size(&packet) - XDP_KEY_CT_IPV4_WORDS * 8;
    meta.flags = XDP_UPCALL_CT;
    memcpy((char *) dp_packet_data(&packet) - sizeof meta, &meta,
           sizeof meta);
    CHECK(xdp_upcall_take_meta(&packet, &got));
    meta.tunnel_len++;
    memcpy((char *) dp_packet_data(&packet) - sizeof meta, &meta,
           sizeof meta);
    CHECK(!xdp_upcall_take_meta(&packet, &got));
    meta.tunnel_len = dp_packet_size(&packet) - XDP_KEY_CT_WORDS * 8 + 1;
    meta.flags = XDP_UPCALL_CT | XDP_UPCALL_CT_IPV6;
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

/* A packet goes on in its pass with all that XDP knew of it, and with nothing
 * left in front of it, with and without a tunnel and a connection. */
static void
test_upcall_resume(void)
{
    uint64_t magic;

    CHECK(!xdp_upcall_magic(&magic));
    for (int i = 0; i < 6; i++) {
        bool in_tunnel = i & 1, tracked = i >= 2, has_ipv6 = i >= 4;
        struct xdp_upcall_meta meta = {
            .magic = magic,
            .recirc_id = 77,
            .dp_hash = 5,
            .flags = (XDP_UPCALL_LATER_PASS
                      | (tracked ? XDP_UPCALL_CT : 0)
                      | (has_ipv6 ? XDP_UPCALL_CT_IPV6 : 0)),
            .tunnel_port = in_tunnel ? 9 : 0,
            .tunnel_len = in_tunnel ? XDP_UPCALL_TUNNEL_WORDS * 8 : 0,
        };
        const ovs_u128 label = { .u64 = { .hi = 0x1234, .lo = 0x5678 } };
        struct dp_packet packet;
        struct pkt_metadata *md = &packet.md;
        uint64_t buffer[64];
        struct xdp_key key;

        memset(&key, 0, sizeof key);
        key.tun_ip_src = htonl(0x01020304);
        key.tun_ip_dst = htonl(0x05060708);
        key.tun_tun_id = htonll(88);
        key.ct_state = CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR;
        key.ct_nw_proto = IPPROTO_TCP;
        key.ct_zone = 0x4321;
        key.ct_mark = 0x55667788;
        memcpy(key.ct_label, &label, sizeof key.ct_label);
        key.ct_tp_src = htons(0x1122);
        key.ct_tp_dst = htons(0x3344);
        if (has_ipv6) {
            memset(key.ct_ipv6_src, 0x66, sizeof key.ct_ipv6_src);
            memset(key.ct_ipv6_dst, 0x99, sizeof key.ct_ipv6_dst);
        } else {
            key.ct_nw_src = htonl(0x0a0b0c0d);
            key.ct_nw_dst = htonl(0x0e0f1011);
        }

        dp_packet_use_stub(&packet, buffer, sizeof buffer);
        memset(md, 0xcc, sizeof *md);
        dp_packet_put(&packet, &meta, sizeof meta);
        if (in_tunnel) {
            dp_packet_put(&packet, &key.tun_ip_src, meta.tunnel_len);
        }
        if (tracked) {
            dp_packet_put(&packet, &key.ct_state,
                          (has_ipv6 ? XDP_KEY_CT_WORDS
                           : XDP_KEY_CT_IPV4_WORDS) * 8);
        }
        dp_packet_put(&packet, "packet", 6);
        dp_packet_pull(&packet, sizeof meta);
        packet.source = DPBUF_AFXDP;
        CHECK(xdp_upcall_resume(&packet, u32_to_odp(3)));
        packet.source = DPBUF_STUB;

        CHECK(dp_packet_size(&packet) == 6
              && !memcmp(dp_packet_data(&packet), "packet", 6));
        CHECK(md->recirc_id == 77 && md->dp_hash == 5);
        CHECK(md->in_port.odp_port == u32_to_odp(in_tunnel ? 9 : 3));
        CHECK(md->orig_in_port == u32_to_odp(3));
        CHECK(md->tunnel.ip_dst == (in_tunnel ? key.tun_ip_dst : 0));
        CHECK(!in_tunnel || md->tunnel.tun_id == htonll(88));
        CHECK(md->ct_state == (tracked ? key.ct_state : 0) && !md->conn);
        if (tracked) {
            CHECK(md->ct_zone == 0x4321 && md->ct_mark == 0x55667788);
            CHECK(ovs_u128_equals(md->ct_label, label));
            CHECK(md->ct_orig_tuple_ipv6 == has_ipv6);
        }
        if (has_ipv6) {
            const struct ovs_key_ct_tuple_ipv6 *tuple
                = &md->ct_orig_tuple.ipv6;

            CHECK(!memcmp(&tuple->ipv6_src, key.ct_ipv6_src, 16)
                  && !memcmp(&tuple->ipv6_dst, key.ct_ipv6_dst, 16));
            CHECK(tuple->src_port == htons(0x1122)
                  && tuple->dst_port == htons(0x3344)
                  && tuple->ipv6_proto == IPPROTO_TCP);
        } else if (tracked) {
            const struct ovs_key_ct_tuple_ipv4 *tuple
                = &md->ct_orig_tuple.ipv4;

            CHECK(tuple->ipv4_src == key.ct_nw_src
                  && tuple->ipv4_dst == key.ct_nw_dst);
            CHECK(tuple->src_port == htons(0x1122)
                  && tuple->dst_port == htons(0x3344)
                  && tuple->ipv4_proto == IPPROTO_TCP);
        }
        dp_packet_uninit(&packet);
    }
}

const struct unit_case unit_upcall[] = {
    { "upcall-tunnel", test_upcall_tunnel, NEED_NOTHING },
    { "upcall-meta", test_upcall_meta, NEED_NOTHING },
    { "upcall-resume", test_upcall_resume, NEED_NOTHING },
    { NULL, NULL, 0 }
};
