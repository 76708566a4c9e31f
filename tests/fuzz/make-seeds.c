/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes inputs for fuzz-xdp-translate (see fuzz-input.h) that are megaflows
 * as OVS makes them, each to a file of the directory that is the argument.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "flow.h"
#include "fuzz-input.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "simap.h"
#include "util.h"

/* A megaflow without fragments, which matches 'nw_proto' if that is nonzero.
 * 'first', if nonzero, is an action that odp_actions_from_string() does not
 * know and that comes before the others. */
static const struct seed {
    uint16_t dl_type;
    uint8_t nw_proto;
    enum ovs_action_attr first;
    const char *actions;
} seeds[] = {
    { 0x88b5, 0, 0, "1" },
    { 0x88b5, 0, 0, "" },
    { 0x88b5, 0, OVS_ACTION_ATTR_DROP, "" },
    { 0x88b5, 0, 0, "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17" },
    { 0x88b5, 0, 0, "1,1" },
    { 0x88b5, 0, 0, "40" },
    { 0x88b5, 0, 0, "70" },
    { 0x88b5, 0, 0, "push_vlan(vid=5,pcp=2),1" },
    { 0x88b5, 0, 0, "push_vlan(tpid=0x88a8,vid=5,pcp=2),1,pop_vlan,2" },
    { 0x88b5, 0, 0, "set(eth(src=02:00:00:00:00:01,"
      "dst=02:00:00:00:00:02)),1" },
    { 0x88b5, 0, 0, "set(eth(dst=02:00:00:00:00:02/ff:ff:ff:ff:ff:00)),2" },
    { 0x88b5, 0, 0, "trunc(100),1" },
    { 0x88b5, 0, 0, "trunc(100),push_vlan(vid=5,pcp=2),1" },
    { 0x88b5, 0, OVS_ACTION_ATTR_PUSH_MPLS, "1" },
    { 0x8847, 0, OVS_ACTION_ATTR_POP_MPLS, "1" },
    { 0x8847, 0, 0, "set(mpls(label=7,tc=0,ttl=3,bos=1)),1" },
    { 0x88b5, 0, 0, "ct_clear,1" },
    { 0x88b5, 0, 0, "ct(commit),1" },
    { 0x88b5, 0, 0, "meter(1),1" },
    { 0x88b5, 0, 0, "recirc(5)" },
    { 0x88b5, 0, 0, "lb_output(5)" },
    { 0x88b5, 0, 0, "sample(sample=50.0%,actions(1))" },
    { 0x88b5, 0, 0, "clone(1),2" },
    { 0x88b5, 0, 0, "check_pkt_len(size=200,gt(1),le(2))" },
    { 0x88b5, 0, 0, "userspace(pid=5)" },
    { 0x88b5, 0, 0, "pop_nsh(),1" },
    { 0x0800, 0, 0, "set(ipv4(src=1.1.1.1,dst=2.2.2.2,tos=4,ttl=9)),1" },
    { 0x0800, 0, 0, "set(ipv4(src=1.1.1.0/255.255.255.0,ttl=9)),1" },
    { 0x0800, IPPROTO_TCP, 0, "set(tcp(src=80,dst=90)),1,set(tcp(src=1)),2" },
    { 0x0800, IPPROTO_UDP, 0, "set(udp(src=80,dst=90)),1" },
    { 0x0800, IPPROTO_SCTP, 0, "set(sctp(src=80,dst=90)),1" },
    { 0x0800, IPPROTO_ICMP, 0, "set(icmp(type=8,code=0)),1" },
    { 0x86dd, 0, 0, "set(ipv6(src=::1,dst=::2,label=5,tclass=4,hlimit=3)),1" },
    { 0x86dd, 0, 0, "set(ipv6(dst=fe80::/ffff::,hlimit=3)),1" },
    { 0x86dd, IPPROTO_TCP, 0, "set(tcp(src=80/0xff0)),1" },
    { 0x86dd, IPPROTO_ICMPV6, 0, "set(icmpv6(type=8,code=0)),1" },
    { 0x86dd, IPPROTO_ICMPV6, 0, "set(nd(target=fe80::1,"
      "sll=02:00:00:00:00:01,tll=02:00:00:00:00:02)),1" },
    { 0x0806, 0, 0, "set(arp(sip=1.1.1.1,tip=2.2.2.2,op=2,"
      "sha=02:00:00:00:00:01,tha=02:00:00:00:00:02)),1" },
    { 0x0806, 0, 0, "set(arp(sip=1.1.1.1/255.255.0.0,op=2)),1" },
    { 0x0800, 0, 0, "ct(zone=5),recirc(5)" },
    { 0x0800, 0, 0, "ct(zone=5,nat),ct(zone=6),recirc(5)" },
    { 0x0800, 0, 0, "ct,ct_clear,ct(commit),ct,ct,1" },
    { 0x0800, 0, 0, "ct(commit,mark=0x1/0x3,label=0x5/0xf,timeout=7),1,2" },
    { 0x0800, 0, 0, "ct(force_commit,zone=5,nat(src=10.0.0.1)),1" },
    { 0x0800, 0, 0, "ct(commit,helper=ftp),1" },
    { 0x0800, 0, 0, "set(ipv4(src=1.1.1.1)),ct,recirc(5)" },
    { 0x0800, 0, 0, "1,ct(zone=5),2" },
    { 0x0800, 0, 0, "set(skb_mark(5)),1" },
    { 0x0800, 0, 0, "set(skb_priority(5)),1" },
    { 0x0800, 0, 0, "set(tunnel(tun_id=1,src=1.1.1.1,dst=2.2.2.2,ttl=64,"
      "flags(df|key))),1" },
};

/* Megaflows of a later pass that match connections, too. */
static const struct seed tracked_seeds[] = {
    { 0x0800, 0, 0, "1" },
    { 0x0800, 0, 0, "ct_clear,recirc(5)" },
    { 0x0800, IPPROTO_TCP, 0, "ct(zone=5),recirc(5)" },
    { 0x86dd, IPPROTO_TCP, 0, "ct_clear,ct(zone=5,nat(dst=::1)),1" },
};

/* Appends a piece of a match to 'b': member MEMBER of "struct flow", which is
 * to have VALUE, exactly. */
#define PUT_PIECE(B, MEMBER, VALUE)                                     \
    put_piece(B, offsetof(struct flow, MEMBER),                         \
              &(OVS_TYPEOF(((struct flow *) NULL)->MEMBER)) { VALUE },  \
              MEMBER_SIZEOF(struct flow, MEMBER))

static void
put_piece(struct ofpbuf *b, uint16_t ofs, const void *value, uint8_t size)
{
    ofpbuf_put(b, &ofs, sizeof ofs);
    ofpbuf_put(b, &size, sizeof size);
    ofpbuf_put(b, value, size);
    memset(ofpbuf_put_uninit(b, size), 0xff, size);
}

/* Appends the action 'type', with some argument, to 'actions'. */
static void
put_action(struct ofpbuf *actions, enum ovs_action_attr type)
{
    if (type == OVS_ACTION_ATTR_PUSH_MPLS) {
        struct ovs_action_push_mpls mpls = {
            .mpls_lse = htonl(0x5140),
            .mpls_ethertype = htons(ETH_TYPE_MPLS),
        };

        nl_msg_put_unspec(actions, type, &mpls, sizeof mpls);
    } else if (type == OVS_ACTION_ATTR_POP_MPLS) {
        nl_msg_put_be16(actions, type, htons(ETH_TYPE_IP));
    } else if (type == OVS_ACTION_ATTR_DROP) {
        nl_msg_put_u32(actions, type, XLATE_OK);
    }
}

/* Writes 'seed', one of 'tracked_seeds' or not, with the byte 'caps' to a file
 * of 'number' in the directory 'dir'. */
static void
write_seed(const struct seed *seed, bool tracked, uint8_t caps,
           const char *dir, size_t number)
{
    char *path = xasprintf("%s/seed-%02"PRIuSIZE, dir, number);
    struct simap port_names = SIMAP_INITIALIZER(&port_names);
    struct ofpbuf actions;
    struct ofpbuf b;
    FILE *file;

    ofpbuf_init(&actions, 0);
    put_action(&actions, seed->first);
    if (seed->actions[0]
        && odp_actions_from_string(seed->actions, &port_names, &actions)) {
        ovs_fatal(0, "bad actions: %s", seed->actions);
    }
    ofpbuf_init(&b, 0);
    ofpbuf_put(&b, &(uint8_t) { 3 + (seed->nw_proto != 0)
                                + (tracked ? 5 : 0) }, 1);
    PUT_PIECE(&b, packet_type, htonl(PT_ETH));
    PUT_PIECE(&b, dl_type, htons(seed->dl_type));
    PUT_PIECE(&b, nw_frag, 0);
    if (seed->nw_proto) {
        PUT_PIECE(&b, nw_proto, seed->nw_proto);
    }
    if (tracked) {
        PUT_PIECE(&b, recirc_id, 4);
        PUT_PIECE(&b, ct_state, CS_TRACKED | CS_ESTABLISHED);
        PUT_PIECE(&b, ct_zone, 5);
        PUT_PIECE(&b, ct_mark, 1);
        PUT_PIECE(&b, ct_nw_src, htonl(0x0a000001));
    }
    ofpbuf_put(&b, &caps, sizeof caps);
    ofpbuf_put(&b, actions.data, actions.size);

    file = fopen(path, "wb");
    if (!file || fwrite(b.data, 1, b.size, file) != b.size || fclose(file)) {
        ovs_fatal(errno, "%s", path);
    }
    ofpbuf_uninit(&b);
    ofpbuf_uninit(&actions);
    free(path);
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    if (argc != 2) {
        ovs_fatal(0, "usage: %s DIRECTORY", argv[0]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(seeds); i++) {
        write_seed(&seeds[i], false, i % 8 == 7 ? FUZZ_CAPS_SHORT : 0,
                   argv[1], i);
    }
    for (size_t i = 0; i < ARRAY_SIZE(tracked_seeds); i++) {
        write_seed(&tracked_seeds[i], true, 0, argv[1],
                   ARRAY_SIZE(seeds) + i);
    }
    return 0;
}
