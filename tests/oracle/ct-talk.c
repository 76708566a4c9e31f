/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of part "conntrack", as their ends see them: each says next what
 * is right, or something that may be wrong.
 */

#include <config.h>

#include "ct.h"

#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "rng.h"
#include "util.h"
#include "xdp-ovs-compat.h"

/* Phases of TCP. */
enum {
    PHASE_SYN,                  /* Comes next. */
    PHASE_SYN_ACK,
    PHASE_ACK,
    PHASE_OPEN,
    PHASE_CLOSED,               /* Both have sent FIN, or one RST. */
};

/* Address 'host' of net 'net'. */
static void
put_addr(uint8_t addr[16], bool is_ipv6, uint8_t net, uint8_t host)
{
    memset(addr, 0, 16);
    if (is_ipv6) {
        addr[0] = 0xfc;
        addr[8] = net;
        addr[15] = host;
    } else {
        addr[0] = 10;
        addr[1] = net;
        addr[3] = host;
    }
}

/* Makes 'reply' the tuple of answers to packets of 'orig'. */
static void
reverse_tuple(const struct ct_tuple *orig, struct ct_tuple *reply)
{
    memcpy(reply->src, orig->dst, sizeof reply->src);
    memcpy(reply->dst, orig->src, sizeof reply->dst);
    reply->sport = orig->dport;
    reply->dport = orig->sport;
}

/* Begins sequence numbers of 't' anew. */
static void
start_tcp(struct ct_talk *t)
{
    for (int i = 0; i < 2; i++) {
        struct ct_endpoint_state *e = &t->ends[i];

        e->next = one_in(3) ? UINT32_MAX - rnd(8000) : rnd64();
        e->win = one_in(4) ? rnd(UINT16_MAX) : 1000 + rnd(60000);
        e->wscale = one_in(4) ? -1 : rnd(one_in(4) ? 16 : 8);
        e->fin = false;
    }
    t->phase = one_in(6) ? PHASE_OPEN : PHASE_SYN;
}

/* Makes 't' a new connection.  If 'other' is not NULL, it is one that began
 * before, and 't' sometimes one that its replies seem to belong to, unless
 * this version of OVS gives up on many of these. */
void
ct_talk_start(struct ct_talk *t, const struct ct_talk *other)
{
    static const uint16_t services[] = { 80, 443, 5000 };
    struct ct_tuple *orig = &t->tuples[0];

    memset(t, 0, sizeof *t);
    t->is_ipv6 = one_in(3);
    switch (rnd(16)) {
    case 0: t->proto = IPPROTO_SCTP; break;
    case 1: case 2: case 3: case 4: t->proto = IPPROTO_UDP; break;
    case 5: case 6:
        t->proto = t->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        break;
    default: t->proto = IPPROTO_TCP; break;
    }
    if (one_in(60)) {
        t->proto = IPPROTO_GRE;
    }
    put_addr(orig->src, t->is_ipv6, 0, 1 + rnd(3));
    put_addr(orig->dst, t->is_ipv6, 1, 1 + rnd(3));
    orig->sport = one_in(50) ? 0 : 1000 + rnd(12);
    orig->dport = (one_in(30) ? (t->proto == IPPROTO_TCP ? 21 : 69)
                   : services[rnd(ARRAY_SIZE(services))]);
    if (XDP_OVS_TRANSLATES_TWICE && other && other != t && one_in(4)) {
        t->is_ipv6 = other->is_ipv6;
        t->proto = other->proto;
        reverse_tuple(&other->tuples[1], orig);
    }
    reverse_tuple(orig, &t->tuples[1]);
    start_tcp(t);
    t->mute = one_in(4);
}

/* TCP. */

/* Makes 's' what comes next on 't' when all goes well.  Returns the
 * direction. */
static int
next_right_tcp(struct ct_talk *t, struct ct_spec *s)
{
    int dir = rnd(2);

    if (t->phase == PHASE_SYN || t->phase == PHASE_ACK) {
        dir = 0;
    } else if (t->phase == PHASE_SYN_ACK) {
        dir = 1;
    }
    {
        struct ct_endpoint_state *me = &t->ends[dir];

        s->seq = me->next;
        s->ack = t->ends[!dir].next;
        s->flags = TCP_ACK;
        s->win = me->win;
        switch (t->phase) {
        case PHASE_SYN:
        case PHASE_SYN_ACK:
            s->flags = t->phase == PHASE_SYN ? TCP_SYN : TCP_SYN | TCP_ACK;
            s->ack = t->phase == PHASE_SYN ? 0 : s->ack;
            s->wscale = me->wscale;
            me->next++;
            t->phase++;
            break;

        case PHASE_ACK:
            t->phase++;
            break;

        case PHASE_OPEN:
            if (!me->fin && one_in(80)) {
                s->flags |= TCP_FIN;
                me->fin = true;
                me->next++;
                if (t->ends[!dir].fin) {
                    t->phase = PHASE_CLOSED;
                }
            } else if (!me->fin && one_in(2)) {
                s->len = one_in(4) ? rnd(10) : rnd(1000);
                s->flags |= one_in(2) ? TCP_PSH : 0;
                me->next += s->len;
                if (me->next < s->len) {
                    ct_event_count[CT_EVENT_WRAP]++;
                }
            }
            break;

        case PHASE_CLOSED:
            if (one_in(8)) {
                start_tcp(t);
            }
            break;
        }
    }
    return dir;
}

/* Makes 's' something that may be wrong on 't', in direction 'dir'.  Returns
 * that. */
static int
next_odd_tcp(struct ct_talk *t, struct ct_spec *s, int dir)
{
    struct ct_endpoint_state *me = &t->ends[dir];

    s->seq = me->next;
    s->ack = t->ends[!dir].next;
    s->flags = TCP_ACK;
    s->win = me->win;
    switch (rnd(26)) {
    case 0: case 1:             /* Sent before. */
        s->len = 1 + rnd(1000);
        s->seq -= s->len + rnd(one_in(4) ? 100000 : 2000);
        break;
    case 2:                     /* Keep-alive. */
        s->seq--;
        s->len = rnd(2);
        break;
    case 3:                     /* Window closed. */
        s->win = 0;
        break;
    case 4:                     /* Probe of a closed window. */
        s->len = 1;
        break;
    case 5:                     /* Another window. */
        s->win = me->win = one_in(3) ? rnd(100) : rnd(UINT16_MAX);
        break;
    case 6:                     /* Out of all windows. */
        s->len = rnd(500);
        s->seq += rnd64() >> rnd(32);
        break;
    case 7:
        s->len = rnd(500);
        s->seq -= (uint32_t) rnd64() >> rnd(32);
        break;
    case 8:                     /* Of what nobody has sent. */
        s->ack += (uint32_t) rnd64() >> rnd(32);
        break;
    case 9:
        s->ack -= (uint32_t) rnd64() >> rnd(32);
        break;
    case 10:                    /* Something in between got lost. */
    case 11: {
        const struct ct_endpoint_state *peer = &t->ends[!dir];
        uint32_t win = (uint32_t) peer->win << MAX(0, MIN(peer->wscale, 14));

        s->len = rnd(1000);
        s->seq += rnd(one_in(4) ? win + 1 : 3000);
        me->next = s->seq + s->len;
        break;
    }
    case 12:
        s->flags = rnd(one_in(2) ? 0x40 : 0x1000);
        break;
    case 13:
        s->flags |= TCP_FIN;
        s->len = rnd(2) * rnd(100);
        break;
    case 14:
        s->flags = TCP_RST | (one_in(2) ? TCP_ACK : 0);
        if (one_in(3)) {
            t->phase = PHASE_CLOSED;
        } else {
            s->seq += rnd(5) - 2 + rnd(2) * (rnd64() & 0xffff);
        }
        break;
    case 15:
        s->flags = TCP_SYN | (one_in(2) ? TCP_ACK : 0);
        s->seq = one_in(2) ? s->seq : (uint32_t) rnd64();
        s->wscale = (int) rnd(10) - 1;
        break;
    case 16:
        s->flags |= TCP_URG;
        s->len = rnd(20);
        break;
    case 17:
        s->flags |= one_in(2) ? TCP_ECE : TCP_CWR;
        s->len = rnd(100);
        me->next += s->len;
        break;
    case 18:                    /* More than the other end permits. */
        s->len = 1 + rnd(1000);
        s->seq += t->ends[!dir].win;
        break;
    case 19:                    /* FIN and data again, or before. */
        s->flags |= TCP_FIN | TCP_PSH;
        s->seq -= rnd(3);
        s->len = rnd(3);
        break;
    default:                    /* Acknowledged late. */
        s->ack -= rnd(3000);
        break;
    }
    return dir;
}

/* Errors. */

/* Makes 's' an error in the direction opposite to 'dir' about the last packet
 * that came out in that one. */
static void
next_error(struct ct_talk *t, struct ct_spec *s, int dir)
{
    static const uint8_t types4[] = { 3, 4, 5, 11, 12 };
    static const uint8_t types6[] = { 1, 2, 3, 4 };
    const uint8_t *ip = t->last[dir];

    s->proto = t->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    s->type = (t->is_ipv6 ? types6[rnd(ARRAY_SIZE(types6))]
               : types4[rnd(ARRAY_SIZE(types4))]);
    s->code = rnd(4);
    s->sport = 0;
    s->seq = 1400;
    if (t->is_ipv6) {
        memcpy(s->dst, ip + 8, 16);
        memcpy(s->src, ip + 24, 16);
    } else {
        memcpy(s->dst, ip + 12, 4);
        memcpy(s->src, ip + 16, 4);
    }
    if (one_in(2)) {
        put_addr(s->src, t->is_ipv6, 9, 1);
    }
    s->payload = ip;
    s->len = one_in(4) ? rnd(t->last_len[dir] + 1) : t->last_len[dir];
}

/* Makes 's' the next packet of a burst of TCP on 't': data, acknowledgements,
 * and now and then something that may be wrong. */
static void
next_tcp_of_burst(struct ct_talk *t, struct ct_spec *s)
{
    struct ct_endpoint_state *me = &t->ends[t->burst_dir];

    if (one_in(6)) {
        next_odd_tcp(t, s, t->burst_dir);
        return;
    }
    s->seq = me->next;
    s->ack = t->ends[!t->burst_dir].next;
    s->flags = TCP_ACK;
    s->win = me->win;
    s->len = one_in(3) ? 0 : rnd(600);
    me->next += s->len;
}

/* Returns true if the next packet on 't' is one of a burst. */
static bool
is_burst(struct ct_talk *t)
{
    if (t->burst) {
        t->burst--;
    } else if (one_in(12)
               && (t->proto == IPPROTO_UDP
                   || (t->proto == IPPROTO_TCP && t->phase == PHASE_OPEN))) {
        t->burst = 3 + rnd(10);
        t->burst_dir = t->mute ? 0 : rnd(2);
    }
    return t->burst;
}

/* Gives 's' a flaw, sometimes. */
static void
spoil(struct ct_spec *s)
{
    s->padded = one_in(2);
    if (!s->plain) {
        s->tagged = one_in(10);
        s->options = one_in(40);
    }
    if (one_in(30)) {
        s->flaw = 1 + rnd(CT_N_FLAWS - 1);
    }
    if (s->flaw == CT_FLAW_CUT) {
        s->padded = false;
    }
    if (!ct_verifies && (s->flaw == CT_FLAW_L4_CSUM
                         || s->flaw == CT_FLAW_SHORT
                         || s->flaw == CT_FLAW_BIT)) {
        /* The difference that is permitted: programs do not look at what is
         * in a packet. */
        s->flaw = CT_FLAW_IP_CSUM;
    }
    if (s->proto == IPPROTO_UDP && one_in(10)
        && (ct_verifies || !s->is_ipv6)) {
        s->no_csum = true;
    }
}

/* Makes 's' what is said next on 't', and stores in '*dir' by whom. */
void
ct_talk_next(struct ct_talk *t, struct ct_spec *s, int *dir)
{
    const struct ct_tuple *tuple;

    memset(s, 0, sizeof *s);
    s->is_ipv6 = t->is_ipv6;
    s->proto = t->proto;
    s->wscale = -1;
    *dir = rnd(2);
    s->plain = is_burst(t);
    if (!s->plain && t->last_len[!*dir] && one_in(40)) {
        next_error(t, s, !*dir);
        spoil(s);
        return;
    }

    if (s->plain) {
        *dir = t->burst_dir;
        s->len = rnd(400);
        if (t->proto == IPPROTO_TCP) {
            next_tcp_of_burst(t, s);
        }
    } else if (t->proto == IPPROTO_TCP) {
        *dir = (one_in(t->phase == PHASE_OPEN ? 3 : 10)
                ? next_odd_tcp(t, s, rnd(2)) : next_right_tcp(t, s));
    } else {
        if (t->mute) {
            *dir = 0;
            t->mute = !one_in(10);
        }
        s->len = rnd(400);
        s->seq = rnd(100);
        s->code = one_in(40);
        s->type = (t->is_ipv6 ? ICMP6_ECHO_REQUEST
                   : one_in(20) ? ICMP4_TIMESTAMP : ICMP4_ECHO_REQUEST);
        if (*dir) {
            s->type = (t->is_ipv6 ? ICMP6_ECHO_REPLY
                       : s->type == ICMP4_TIMESTAMP ? ICMP4_TIMESTAMPREPLY
                       : ICMP4_ECHO_REPLY);
        }
    }
    tuple = &t->tuples[*dir];
    memcpy(s->src, tuple->src, sizeof s->src);
    memcpy(s->dst, tuple->dst, sizeof s->dst);
    s->sport = tuple->sport;
    s->dport = tuple->dport;
    if (*dir && (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6)) {
        s->sport = tuple->dport;
    }
    spoil(s);
}

/* Tells 't' that of 's', which was said in direction 'dir', the other end has
 * heard 'o'. */
void
ct_talk_heard(struct ct_talk *t, int dir, const struct ct_spec *s,
              const struct ct_output *o)
{
    struct dp_packet packet;
    struct flow flow;
    uint8_t *l4;

    if (s->flaw || s->payload || s->proto != t->proto) {
        return;
    }
    dp_packet_use_const(&packet, o->data, o->size);
    pkt_metadata_init(&packet.md, u32_to_odp(ODP_BASE));
    flow_extract(&packet, &flow);
    l4 = dp_packet_l4(&packet);
    if (!l4 || flow.nw_proto != t->proto) {
        return;
    }

    t->last_len[dir] = MIN(dp_packet_l3_size(&packet), sizeof t->last[dir]);
    memcpy(t->last[dir], dp_packet_l3(&packet), t->last_len[dir]);
    if (!dir) {
        struct ct_tuple seen;

        memset(&seen, 0, sizeof seen);
        if (t->is_ipv6) {
            memcpy(seen.src, &flow.ipv6_src, 16);
            memcpy(seen.dst, &flow.ipv6_dst, 16);
        } else {
            memcpy(seen.src, &flow.nw_src, 4);
            memcpy(seen.dst, &flow.nw_dst, 4);
        }
        if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) {
            seen.sport = l4[4] << 8 | l4[5];
        } else {
            seen.sport = ntohs(flow.tp_src);
            seen.dport = ntohs(flow.tp_dst);
        }
        reverse_tuple(&seen, &t->tuples[1]);
    }
}
