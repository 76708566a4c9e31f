/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of part "conntrack", right or wrong in a certain way.
 */

#include <config.h>

#include "ct.h"

#include <string.h>

#include "crc32c.h"
#include "csum.h"
#include "packets.h"
#include "rng.h"
#include "unaligned.h"
#include "util.h"

/* The shortest Ethernet frame, without its checksum. */
#define MIN_FRAME 60

/* The first fragment of two, in bytes above IP: more than OVS's limit. */
#define FIRST_FRAGMENT 1280

/* Stores 'value' at 'p' in network byte order. */
static void
put_be16(uint8_t *p, uint16_t value)
{
    p[0] = value >> 8;
    p[1] = value;
}

/* As put_be16(). */
static void
put_be32(uint8_t *p, uint32_t value)
{
    put_be16(p, value >> 16);
    put_be16(p + 2, value);
}

/* Returns the sum over the pseudo header of 's' with 'size' bytes above IP. */
static uint32_t
pseudo_sum(const struct ct_spec *s, size_t size)
{
    size_t n = s->is_ipv6 ? 16 : 4;
    uint32_t sum = csum_continue(csum_continue(0, s->src, n), s->dst, n);

    return csum_add16(csum_add16(sum, htons(s->proto)), htons(size));
}

/* Stores the checksum of the 'size' bytes at 'l4' where it belongs. */
static void
put_l4_csum(const struct ct_spec *s, uint8_t *l4, size_t size)
{
    size_t ofs;
    uint32_t sum = s->proto == IPPROTO_ICMP ? 0 : pseudo_sum(s, size);
    ovs_be16 check;

    switch (s->proto) {
    case IPPROTO_TCP: ofs = 16; break;
    case IPPROTO_UDP: ofs = 6; break;
    case IPPROTO_ICMP: case IPPROTO_ICMPV6: ofs = 2; break;
    case IPPROTO_SCTP: {
        ovs_be32 crc = crc32c(l4, size);

        memcpy(l4 + 8, &crc, sizeof crc);
        return;
    }
    default: return;
    }
    if (s->no_csum) {
        return;
    }
    check = csum_finish(csum_continue(sum, l4, size));
    if (s->proto == IPPROTO_UDP && !check) {
        check = htons(0xffff);
    }
    if (s->flaw == CT_FLAW_L4_CSUM) {
        check ^= htons(1u << rnd(16));
    }
    memcpy(l4 + ofs, &check, sizeof check);
}

/* Appends what is above IP of 's' to 'f'. */
static void
put_l4(const struct ct_spec *s, struct frame *f)
{
    uint8_t header[32];
    size_t start = f->size;
    size_t len = 0;

    memset(header, 0, sizeof header);
    put_be16(header, s->sport);
    put_be16(header + 2, s->dport);
    switch (s->proto) {
    case IPPROTO_TCP:
        put_be32(header + 4, s->seq);
        put_be32(header + 8, s->ack);
        len = s->wscale >= 0 ? 24 : !s->plain && one_in(4) ? 32 : 20;
        put_be16(header + 12, (len / 4) << 12 | (s->flags & 0xfff));
        put_be16(header + 14, s->win);
        if (s->wscale >= 0) {
            header[20] = 3;
            header[21] = 3;
            header[22] = s->wscale;
            header[23] = 1;
        } else if (len > 20) {
            memset(header + 20, 1, len - 20);
        }
        if (s->flaw == CT_FLAW_L4_LEN) {
            header[12] = rnd(16) << 4;
        }
        break;

    case IPPROTO_UDP:
        len = 8;
        put_be16(header + 4, 8 + s->len);
        if (s->flaw == CT_FLAW_L4_LEN) {
            put_be16(header + 4, rnd(2 * (8 + s->len)));
        }
        break;

    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        len = 8;
        header[0] = s->type;
        header[1] = s->code;
        put_be16(header + 2, 0);
        put_be16(header + 4, s->sport);
        put_be16(header + 6, s->seq);
        break;

    case IPPROTO_SCTP:
        /* With one chunk, or none. */
        len = s->len ? 16 : 12;
        put_be32(header + 4, 0x12345678);
        put_be16(header + 14, 4 + s->len);
        if (s->flaw == CT_FLAW_L4_LEN) {
            put_be16(header + 14, rnd(2 * (4 + s->len)));
        }
        break;
    }
    put(f, header, len);
    if (s->payload) {
        put(f, s->payload, s->len);
    } else {
        put_random(f, s->len);
    }
    while (s->proto == IPPROTO_SCTP && (f->size - start) % 4) {
        put(f, "", 1);
    }
    put_l4_csum(s, f->data + start, f->size - start);
}

/* Appends the IP header of 's' with 'size' bytes above it to 'f', in IPv4
 * without checksum. */
static void
put_ip(const struct ct_spec *s, size_t size, struct frame *f)
{
    uint8_t header[48];

    memset(header, 0, sizeof header);
    if (s->is_ipv6) {
        header[0] = 0x60;
        put_be16(header + 4, size + (s->options ? 8 : 0));
        header[6] = s->options ? IPPROTO_DSTOPTS : s->proto;
        header[7] = 64;
        memcpy(header + 8, s->src, 16);
        memcpy(header + 24, s->dst, 16);
        header[40] = s->proto;
        header[42] = 1;
        header[43] = 4;
        put(f, header, s->options ? 48 : 40);
    } else {
        size_t len = s->options ? 24 : 20;

        header[0] = 0x40 | len / 4;
        put_be16(header + 2, len + size);
        put_be16(header + 4, rnd64());
        header[8] = 64;
        header[9] = s->proto;
        memcpy(header + 12, s->src, 4);
        memcpy(header + 16, s->dst, 4);
        memset(header + 20, 1, 4);
        put(f, header, len);
    }
}

/* Returns the offset of the IP header in a frame of 's'. */
static size_t
ip_ofs(const struct ct_spec *s)
{
    return ETH_HEADER_LEN + (s->tagged ? VLAN_HEADER_LEN : 0);
}

/* Makes the checksum of the IPv4 header in 'f', a frame of 's', right, or
 * wrong. */
static void
put_ip_csum(const struct ct_spec *s, struct frame *f)
{
    uint8_t *ip = f->data + ip_ofs(s);
    ovs_be16 check;

    memset(ip + 10, 0, 2);
    check = csum(ip, (ip[0] & 15) * 4);
    if (s->flaw == CT_FLAW_IP_CSUM) {
        check ^= htons(1u << rnd(16));
    }
    memcpy(ip + 10, &check, sizeof check);
}

/* Appends the Ethernet header of 's' to 'f'. */
static void
put_eth(const struct ct_spec *s, struct frame *f)
{
    static const uint8_t macs[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

    f->size = 0;
    put(f, macs, sizeof macs);
    if (s->tagged) {
        put16(f, ETH_TYPE_VLAN);
        put16(f, 5);
    }
    put16(f, s->is_ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
}

/* Makes 'f' a packet of 's'. */
void
ct_frame_make(const struct ct_spec *s, struct frame *f)
{
    static struct frame l4;
    size_t headers;

    l4.size = 0;
    put_l4(s, &l4);

    put_eth(s, f);
    put_ip(s, l4.size, f);
    headers = f->size;
    put(f, l4.data, l4.size);

    switch (s->flaw) {
    case CT_FLAW_CUT:
        f->size = headers + rnd(f->size - headers);
        break;
    case CT_FLAW_SHORT:
        put_be16(f->data + ip_ofs(s) + (s->is_ipv6 ? 4 : 2),
                 (s->is_ipv6 ? 0 : headers - ip_ofs(s)) + rnd(l4.size));
        break;
    case CT_FLAW_BIT:
        f->data[ip_ofs(s) + rnd(headers - ip_ofs(s) + 8)] ^= 1u << rnd(8);
        break;
    case CT_FLAW_NONE:
    case CT_FLAW_IP_CSUM:
    case CT_FLAW_L4_CSUM:
    case CT_FLAW_L4_LEN:
    case CT_N_FLAWS:
        break;
    }
    if (!s->is_ipv6 && s->flaw != CT_FLAW_BIT) {
        put_ip_csum(s, f);
    }
    if (s->padded) {
        while (f->size < MIN_FRAME) {
            put(f, "", 1);
        }
    }
}

/* Makes 'piece' the bytes from 'start' to 'end' above IP of 'f', a frame of
 * 's' without options. */
static void
make_fragment(const struct frame *f, const struct ct_spec *s, size_t start,
              size_t end, uint16_t id, struct frame *piece)
{
    size_t l3 = ip_ofs(s);
    size_t l4 = l3 + (s->is_ipv6 ? 40 : 20);
    bool more = l4 + end < f->size;

    memcpy(piece->data, f->data, l4);
    piece->size = l4;
    if (s->is_ipv6) {
        uint8_t header[8] = { s->proto };

        put_be16(piece->data + l3 + 4, end - start + sizeof header);
        piece->data[l3 + 6] = IPPROTO_FRAGMENT;
        put_be16(header + 2, start | more);
        put_be32(header + 4, id);
        put(piece, header, sizeof header);
    } else {
        put_be16(piece->data + l3 + 2, 20 + end - start);
        put_be16(piece->data + l3 + 4, id);
        put_be16(piece->data + l3 + 6, start / 8 | (more ? 0x2000 : 0));
    }
    put(piece, f->data + l4 + start, end - start);
    if (!s->is_ipv6) {
        put_ip_csum(s, piece);
    }
}

/* Makes 'f', a frame of 's' without options and flaws, fragments.  Returns how
 * many, or 0 if it is too short. */
size_t
ct_frame_split(const struct frame *f, const struct ct_spec *s,
               struct frame pieces[3])
{
    size_t size = f->size - ip_ofs(s) - (s->is_ipv6 ? 40 : 20);
    size_t first = s->is_ipv6 ? FIRST_FRAGMENT : FIRST_FRAGMENT / 2;
    uint16_t id = rnd64();
    size_t n = 0;

    if (size <= first) {
        return 0;
    }
    for (size_t start = 0; start < size; start += first) {
        make_fragment(f, s, start, MIN(start + first, size), id,
                      &pieces[n++]);
    }
    return n;
}
