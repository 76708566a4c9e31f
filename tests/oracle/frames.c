/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random packets: valid, odd and truncated ones.
 */

#include <config.h>

#include "frames.h"

#include <string.h>

#include "coverage.h"
#include "dp-packet.h"
#include "flow.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "util.h"

/* Appends 'n' bytes from 'p' to 'f'. */
void
put(struct frame *f, const void *p, size_t n)
{
    ovs_assert(f->size + n <= sizeof f->data);
    memcpy(f->data + f->size, p, n);
    f->size += n;
}

/* Appends 'n' random bytes to 'f'. */
void
put_random(struct frame *f, size_t n)
{
    ovs_assert(f->size + n <= sizeof f->data);
    rnd_bytes(f->data + f->size, n);
    f->size += n;
}

/* Appends a 16-bit number to 'f'. */
void
put16(struct frame *f, uint16_t x)
{
    ovs_be16 be = htons(x);

    put(f, &be, sizeof be);
}

/* Appends neighbour discovery to 'f', with something odd in it if 'odd'. */
static void
put_nd(struct frame *f, bool odd)
{
    size_t start = f->size;

    put_random(f, 24);
    f->data[start] = 135 + rnd(2);
    f->data[start + 1] = odd && one_in(4);
    for (int n = rnd(odd ? 6 : 3); n > 0; n--) {
        /* Source or target address, or something else. */
        uint8_t type = odd && one_in(3) ? rnd(256) : 1 + rnd(2);
        uint8_t len = odd && one_in(3) ? rnd(4) : 1;

        put(f, &type, 1);
        put(f, &len, 1);
        if (odd && one_in(4)) {
            put(f, "\0\0\0\0\0\0", 6);
        } else {
            put_random(f, 6);
        }
        put_random(f, len > 1 ? (len - 1) * 8 : 0);
    }
    if (odd) {
        put_random(f, rnd(10));
    }
}

/* Appends the transport header of IP protocol 'proto' to 'f'. */
static void
put_l4(struct frame *f, uint8_t proto, bool odd_offset)
{
    size_t start = f->size;

    switch (proto) {
    case IPPROTO_TCP: {
        int offset = odd_offset ? rnd(16) : 5 + (one_in(4) ? rnd(4) : 0);

        put_random(f, 20 + (offset > 5 ? 4 * (offset - 5) : 0));
        f->data[start + 12] = offset << 4 | (f->data[start + 12] & 0xf);
        break;
    }
    case IPPROTO_UDP:
        put_random(f, 8);
        break;
    case IPPROTO_SCTP:
        put_random(f, 12);
        break;
    case IPPROTO_ICMP:
    case IPPROTO_IGMP:
        put_random(f, 8);
        break;
    case IPPROTO_ICMPV6:
        /* Often neighbour discovery, with options. */
        if (one_in(2)) {
            put_nd(f, one_in(4));
            return;
        }
        put_random(f, 8);
        break;
    default:
        put_random(f, rnd(24));
        break;
    }
    put_random(f, one_in(16) ? rnd(1000) : rnd(40));
}

/* Appends an IPv4 packet of 'kind' to 'f'. */
static void
put_ipv4(struct frame *f, enum packet_kind kind)
{
    static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP,
                                      IPPROTO_ICMP, IPPROTO_IGMP };
    size_t start = f->size;
    uint16_t frag = one_in(2) ? 0x4000 : 0;
    int n_options = 0;
    struct ip_header ip;
    uint8_t proto;
    uint32_t len;
    int ihl;

    switch ((int) kind) {
    case KIND_TCP: case KIND_TCP_OFFSET: proto = IPPROTO_TCP; break;
    case KIND_UDP: proto = IPPROTO_UDP; break;
    case KIND_SCTP: proto = IPPROTO_SCTP; break;
    case KIND_ICMP: proto = IPPROTO_ICMP; break;
    case KIND_IGMP: proto = IPPROTO_IGMP; break;
    case KIND_IP_ICMPV6: proto = IPPROTO_ICMPV6; break;
    case KIND_IP_OTHER: proto = rnd(256); break;
    default: proto = protos[rnd(ARRAY_SIZE(protos))]; break;
    }
    if (kind == KIND_IP_OPTIONS || (kind != KIND_IP_BAD_IHL && one_in(16))) {
        n_options = 1 + rnd(10);
    }
    if (kind == KIND_IP_FRAG_FIRST) {
        frag = 0x2000 | (frag & 0x4000);
    } else if (kind == KIND_IP_FRAG_LATER) {
        frag = (rnd(2) << 13) | (1 + rnd(0x1fff));
    }

    rnd_bytes(&ip, sizeof ip);
    ihl = kind == KIND_IP_BAD_IHL ? rnd(16) : 5 + n_options;
    ip.ip_ihl_ver = IP_IHL_VER(ihl, one_in(64) ? rnd(16) : 4);
    ip.ip_proto = proto;
    ip.ip_frag_off = htons(frag);
    put(f, &ip, sizeof ip);
    put_random(f, n_options * 4);
    put_l4(f, proto, kind == KIND_TCP_OFFSET);

    len = f->size - start;
    if (kind == KIND_IP_BAD_LEN) {
        switch (rnd(4)) {
        case 0: len = rnd(65536); break;            /* Anything. */
        case 1: len = rnd(ihl * 4 + 24); break;     /* Cuts the headers. */
        case 2: len = rnd(len + 1); break;          /* Has a trailer. */
        case 3: len += 1 + rnd(8); break;           /* A bit too long. */
        }
    }
    put_unaligned_be16((ovs_be16 *) (void *) (f->data + start + 2),
                       htons(len));
}

/* Appends 'n' random IPv6 extension headers to 'f', whose last byte that says
 * what follows is at '*next', and makes it the one of the last header.  The
 * first one is a fragment header if 'frag'. */
static void
put_ipv6_ext(struct frame *f, int n, bool frag, size_t *next)
{
    static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING,
                                     IPPROTO_DSTOPTS, IPPROTO_AH,
                                     IPPROTO_FRAGMENT };

    while (n--) {
        uint8_t kind = frag ? IPPROTO_FRAGMENT
                            : kinds[rnd(ARRAY_SIZE(kinds) - !one_in(4))];
        size_t start = f->size;
        int units = one_in(4) ? rnd(4) : 0;

        if (f->size > 1200) {
            break;
        }
        f->data[*next] = kind;
        *next = start;
        put_random(f, 8);
        if (kind == IPPROTO_FRAGMENT) {
            switch (rnd(4)) {
            case 0: /* The whole packet. */
                f->data[start + 2] = f->data[start + 3] = 0;
                break;
            case 1: case 2: /* The first. */
                f->data[start + 2] = 0;
                f->data[start + 3] = 1;
                break;
            }
        } else if (kind == IPPROTO_AH) {
            f->data[start + 1] = units;
            put_random(f, units * 4);
        } else {
            f->data[start + 1] = units;
            if (kind == IPPROTO_ROUTING) {
                /* Segments left. */
                f->data[start + 3] = rnd(3);
            }
            put_random(f, units * 8);
        }
        frag = false;
    }
}

/* Appends an IPv6 packet of 'kind' to 'f'. */
static void
put_ipv6(struct frame *f, enum packet_kind kind)
{
    static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP,
                                      IPPROTO_ICMPV6, IPPROTO_ICMP,
                                      IPPROTO_IGMP, IPPROTO_NONE };
    uint8_t proto = protos[rnd(ARRAY_SIZE(protos))];
    size_t start = f->size;
    size_t next = start + 6;
    uint32_t len;

    put_random(f, 40);
    f->data[start] = 0x60 | (f->data[start] & 0xf);
    if (one_in(64)) {
        f->data[start] ^= 0x20;
    }

    switch ((int) kind) {
    case KIND_IPV6_EXT:
        put_ipv6_ext(f, 1 + rnd(4), false, &next);
        if (one_in(8)) {
            /* The first one is longer than it was made, or shorter. */
            f->data[start + 41] = rnd(one_in(2) ? 16 : 256);
        }
        break;
    case KIND_IPV6_BAD_LEN:
        if (one_in(2)) {
            put_ipv6_ext(f, 1 + rnd(3), false, &next);
        }
        break;
    case KIND_IPV6_MANY:
        put_ipv6_ext(f, rnd(140), false, &next);
        break;
    case KIND_IPV6_FRAG:
        put_ipv6_ext(f, 1 + rnd(2), true, &next);
        break;
    case KIND_ND:
    case KIND_ND_ODD:
        proto = IPPROTO_ICMPV6;
        if (one_in(8)) {
            put_ipv6_ext(f, 1, false, &next);
        }
        break;
    case KIND_IPV6:
        proto = one_in(16) ? rnd(256) : proto;
        break;
    }
    f->data[next] = proto;
    if (kind == KIND_ND || kind == KIND_ND_ODD) {
        put_nd(f, kind == KIND_ND_ODD);
    } else {
        put_l4(f, proto, one_in(8));
    }

    len = f->size - start - 40;
    if (kind != KIND_IPV6 && one_in(4)) {
        /* The rest is a trailer. */
        len = rnd(len + 1);
    }
    if (kind == KIND_IPV6_BAD_LEN) {
        switch (rnd(4)) {
        case 0: len = rnd(65536); break;
        case 1: len = rnd(24); break;
        case 2: len = rnd(len + 1); break;
        case 3: len += 1 + rnd(8); break;
        }
    }
    put_unaligned_be16((ovs_be16 *) (void *) (f->data + start + 4),
                       htons(len));
}

/* Makes a random packet of 'kind' with 'n_tags' tags in front. */
void
make_packet(struct frame *f, enum packet_kind kind, int n_tags)
{
    static const uint16_t tpids[] = { ETH_TYPE_VLAN_8021Q,
                                      ETH_TYPE_VLAN_8021AD };
    size_t length_ofs;

    f->size = 0;
    put_random(f, 2 * ETH_ADDR_LEN);
    for (int i = 0; i < n_tags; i++) {
        /* A third of a kind is not a VLAN for OVS, but for others. */
        put16(f, one_in(16) ? 0x9100 : tpids[rnd(ARRAY_SIZE(tpids))]);
        put16(f, one_in(8) ? 0 : rnd(65536));
    }

    switch (kind) {
    case KIND_TCP:
    case KIND_TCP_OFFSET:
    case KIND_UDP:
    case KIND_SCTP:
    case KIND_ICMP:
    case KIND_IGMP:
    case KIND_IP_ICMPV6:
    case KIND_IP_OTHER:
    case KIND_IP_OPTIONS:
    case KIND_IP_FRAG_FIRST:
    case KIND_IP_FRAG_LATER:
    case KIND_IP_BAD_LEN:
    case KIND_IP_BAD_IHL:
        put16(f, ETH_TYPE_IP);
        put_ipv4(f, kind);
        break;

    case KIND_SNAP_IP:
    case KIND_SNAP_IPV6:
    case KIND_SNAP:
    case KIND_SNAP_ODD:
        length_ofs = f->size;
        put16(f, 0);
        put(f, "\xaa\xaa\x03\0\0\0", 6);
        if (kind == KIND_SNAP_IP) {
            put16(f, ETH_TYPE_IP);
            put_ipv4(f, rnd(KIND_IP_BAD_IHL + 1));
        } else if (kind == KIND_SNAP_IPV6) {
            put16(f, ETH_TYPE_IPV6);
            put_ipv6(f, KIND_IPV6);
        } else if (kind == KIND_SNAP) {
            put16(f, 0x600 + rnd(65536 - 0x600));
            put_random(f, rnd(60));
        } else {
            /* One bit of the header wrong, or no Ethertype. */
            put16(f, one_in(2) ? rnd(0x600) : ETH_TYPE_IP);
            put_ipv4(f, KIND_UDP);
            if (one_in(2)) {
                f->data[length_ofs + 2 + rnd(6)] ^= 1 << rnd(8);
            }
        }
        put_unaligned_be16((ovs_be16 *) (void *) (f->data + length_ofs),
                           htons(MIN(f->size - length_ofs - 2, 0x5ff)));
        break;

    case KIND_LLC:
        put16(f, rnd(0x600));
        put_random(f, rnd(60));
        break;

    case KIND_ARP:
    case KIND_RARP:
        put16(f, kind == KIND_ARP ? ETH_TYPE_ARP : ETH_TYPE_RARP);
        put(f, "\0\1\x08\0\6\4\0", 7);
        put_random(f, 21);
        f->data[f->size - 21] %= 4;
        break;

    case KIND_ARP_ODD:
        put16(f, one_in(2) ? ETH_TYPE_ARP : ETH_TYPE_RARP);
        put(f, "\0\1\x08\0\6\4\0", 7);
        put_random(f, 21);
        /* Often an opcode that does not fit into 8 bits, or a wrong type or
         * length. */
        f->data[f->size - 28 + rnd(8)] ^= 1 << rnd(8);
        break;

    case KIND_IPV6:
    case KIND_IPV6_EXT:
    case KIND_IPV6_MANY:
    case KIND_IPV6_FRAG:
    case KIND_IPV6_BAD_LEN:
    case KIND_ND:
    case KIND_ND_ODD:
        put16(f, ETH_TYPE_IPV6);
        put_ipv6(f, kind);
        break;

    case KIND_MPLS:
    case KIND_MPLS_DEEP: {
        size_t n = kind == KIND_MPLS ? 1 + rnd(3) : 2 + rnd(5);

        put16(f, one_in(2) ? ETH_TYPE_MPLS : ETH_TYPE_MPLS_MCAST);
        for (size_t i = 0; i < n; i++) {
            put_random(f, 4);
            f->data[f->size - 2] &= ~1;
            f->data[f->size - 2] |= i == n - 1 || one_in(8);
        }
        if (kind == KIND_MPLS_DEEP && one_in(4)) {
            /* No bottom of the stack. */
            f->data[f->size - 2] &= ~1;
        }
        put_ipv4(f, KIND_UDP);
        break;
    }

    case KIND_ETHER:
        put16(f, one_in(2) ? rnd(65536) : 0x5ff + rnd(3));
        put_random(f, rnd(60));
        break;

    case N_KINDS:
    default:
        OVS_NOT_REACHED();
    }
    f->size = MIN(f->size, MAX_PACKET);
}

/* Makes the random packet number 'index': each kind occurs equally often, with
 * each number of tags, and often something is wrong with it. */
void
make_any_packet(struct frame *f, uint64_t index)
{
    enum packet_kind kind = index % N_KINDS;
    int n_tags = index / N_KINDS % (MAX_TAGS + 1);

    make_packet(f, kind, n_tags);
    kind_count[kind]++;
    tags_count[n_tags]++;

    switch (rnd(8)) {
    case 0: case 1:
        event_count[EVENT_TRUNCATED]++;
        f->size = MIN(f->size, ETH_HEADER_LEN + rnd(one_in(2) ? 70 : 30));
        break;

    case 2: case 3:
        event_count[EVENT_MUTATED]++;
        for (int n = 1 + rnd(4); n > 0; n--) {
            size_t ofs = rnd(one_in(4) ? f->size : MIN(f->size, 60));

            switch (rnd(3)) {
            case 0: f->data[ofs] ^= 1 << rnd(8); break;
            case 1: f->data[ofs] = rnd(256); break;
            case 2: f->data[ofs] = one_in(2) ? 0 : 0xff; break;
            }
        }
        break;

    case 4:
        event_count[EVENT_PADDED]++;
        put_random(f, MIN(1 + rnd(60), MAX_PACKET - f->size));
        break;
    }
}

/* Appends an ARP packet with few values to 'f'. */
static void
put_small_arp(struct frame *f)
{
    size_t start = f->size;

    put(f, "\0\1\x08\0\6\4\0\1\x02\0\0\0\1\0\x0a\0\0\0"
           "\0\0\0\0\0\0\x0a\0\0\1", 28);
    f->data[start + 7] += rnd(2);
    f->data[start + 13] = rnd(3);
    f->data[start + 17] = rnd(4);
    f->data[start + 23] = rnd(2);
    f->data[start + 27] = rnd(4);
}

/* Appends an IPv6 packet with few values to 'f'. */
static void
put_small_ipv6(struct frame *f)
{
    static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP,
                                      IPPROTO_ICMPV6 };
    uint8_t proto = protos[rnd(ARRAY_SIZE(protos))];
    size_t start = f->size;

    put(f, "\x60\0\0\0\0\x28\0\x40", 8);
    f->data[start + 3] = rnd(2);
    f->data[start + 6] = proto;
    put(f, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    f->data[start + 23] = rnd(4);
    put(f, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    f->data[start + 33] = rnd(2);
    f->data[start + 39] = rnd(4);
    if (proto == IPPROTO_ICMPV6) {
        /* Neighbour solicitation or advertisement, with one option. */
        put(f, "\x87\0\0\0\0\0\0\0", 8);
        f->data[start + 40] += rnd(2);
        put(f, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        f->data[start + 63] = rnd(3);
        put(f, "\1\1\x02\0\0\0\1\0", 8);
        f->data[start + 64] += rnd(2);
        f->data[start + 71] = rnd(3);
        put_random(f, 8);
        f->data[start + 5] = 32;
    } else {
        put16(f, 1000 + rnd(3));
        put16(f, 80 + rnd(3));
        put(f, "\0\0\0\0\0\0\0\0\x50\x10\0\0\0\0\0\0", 16);
        f->data[start + 53] = 1 << rnd(5);
        put_random(f, 20);
    }
}

/* Makes a packet from few values, so that many packets are alike. */
void
make_small_packet(struct frame *f)
{
    size_t start;

    f->size = 0;
    put(f, "\x02\0\0\0\0", 5);
    put_random(f, 1);
    f->data[5] %= 3;
    put(f, "\x02\0\0\0\1", 5);
    put_random(f, 1);
    f->data[11] %= 3;
    for (int n = rnd(3); n > 0; n--) {
        put16(f, one_in(4) ? ETH_TYPE_VLAN_8021AD : ETH_TYPE_VLAN_8021Q);
        put16(f, (rnd(2) << 13) | (10 + rnd(2)));
    }
    switch (rnd(8)) {
    case 0:
        put16(f, one_in(4) ? 0x88cc : ETH_TYPE_ARP);
        put_small_arp(f);
        return;
    case 1:
        put16(f, ETH_TYPE_MPLS);
        for (int n = rnd(3); n > 0; n--) {
            put(f, "\0\1\x10\x40", 4);
            f->data[f->size - 2] = rnd(3) << 4;
        }
        put(f, "\0\1\x11\x40", 4);
        put_random(f, 20);
        return;
    case 2:
    case 3:
        put16(f, ETH_TYPE_IPV6);
        put_small_ipv6(f);
        return;
    }

    put16(f, ETH_TYPE_IP);
    start = f->size;
    put(f, "\x45\0\0\0\0\0\0\0\x40\0\0\0\x0a\0\0\0\x0a\0\0\1", 20);
    f->data[start + 1] = rnd(2) << 2;
    f->data[start + 8] -= rnd(2);
    f->data[start + 9] = one_in(2) ? IPPROTO_TCP : IPPROTO_UDP;
    f->data[start + 15] = rnd(4);
    f->data[start + 18] = rnd(4);
    if (one_in(16)) {
        f->data[start + 6] = 0x20;
    }
    put16(f, 1000 + rnd(3));
    put16(f, 80 + rnd(3));
    put(f, "\0\0\0\0\0\0\0\0\x50\x10\0\0\0\0\0\0", 16);
    f->data[start + 33] = 1 << rnd(5);
    put_random(f, rnd(20));
    put_unaligned_be16((ovs_be16 *) (void *) (f->data + start + 2),
                       htons(f->size - start));
}

/* Changes something in packet 'f'. */
void
mutate(struct frame *f)
{
    if (one_in(8)) {
        f->size = MIN(f->size, ETH_HEADER_LEN + rnd(40));
    } else if (one_in(8)) {
        put_random(f, MIN(4, MAX_PACKET - f->size));
    } else {
        f->data[rnd(MIN(f->size, 60))] ^= 1 << rnd(8);
    }
}

/* Extracts the flow of the 'size' bytes at 'data', received from datapath port
 * 'odp_port'. */
void
extract(const void *data, size_t size, uint32_t odp_port, struct flow *flow)
{
    struct dp_packet packet;

    dp_packet_use_const(&packet, data, size);
    pkt_metadata_init(&packet.md, u32_to_odp(odp_port));
    flow_extract(&packet, flow);
    dp_packet_uninit(&packet);
}

/* Returns the hash that the userspace datapath gives the packet of 'size'
 * bytes at 'data', as in dpif_netdev_packet_get_rss_hash(). */
uint32_t
rss_hash(const void *data, size_t size)
{
    struct dp_packet *packet = dp_packet_clone_data_with_headroom(data, size,
                                                                  2);
    struct flow flow;
    uint32_t hash;

    pkt_metadata_init(&packet->md, u32_to_odp(ODP_BASE));
    flow_extract(packet, &flow);
    hash = (dp_packet_rss_valid(packet) ? dp_packet_get_rss_hash(packet)
            : flow_hash_5tuple(&flow, 0));
    dp_packet_delete(packet);
    return hash;
}
