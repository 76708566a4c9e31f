/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connection tracking: what XDP_OP_CT does to packets of connections that are
 * established, as conntrack_execute() of OVS's lib/conntrack.c.
 *
 * ct_check() looks, before anything happens to a packet and before it counts,
 * whether all XDP_OP_CT of its flow can be run on it: whether each leads to a
 * connection in 'xdp_conns' that is not changed by the packet but in what
 * userspace and XDP keep together (lib/xdp-abi-conn.h).  Whatever else it is,
 * userspace gets the packet as it is in this pass.  ct_run() then does what
 * ct_check() has found out, in its place among the ops.  What ct_check() looks
 * at, train_ct.h looks at for packets of trains: neither has a condition
 * without the other one.
 *
 * The words of connection tracking of the key are those of the last XDP_OP_CT,
 * in this pass or in an earlier one.
 */

#ifndef BPF_CT_H
#define BPF_CT_H 1

#include "ct_conn.h"
#include "ct_nat.h"
#include "ct_packet.h"
#include "op.h"
#include "order.h"
#include "recirc.h"
#include "stats.h"
#include "verifier.h"

/* OVS's names (lib/packets.h). */
#define CT_CS_NEW               0x01
#define CT_CS_ESTABLISHED       0x02
#define CT_CS_REPLY_DIR         0x08
#define CT_CS_TRACKED           0x20
#define CT_CS_SRC_NAT           0x40
#define CT_CS_DST_NAT           0x80
#define CT_CS_NAT               (CT_CS_SRC_NAT | CT_CS_DST_NAT)

/* By how much acknowledgements may be off (lib/conntrack-tcp.c). */
#define CT_MAX_ACK_WINDOW       (0xffff + 1500)

/* Connections are told that they live on at most so often, in ns. */
#define CT_RENEW_INTERVAL       1000000000ULL

/* Has all bits of indexes below XDP_FLOW_MAX_CTS. */
#define CT_INDEX_MASK           3
_Static_assert(XDP_FLOW_MAX_CTS <= CT_INDEX_MASK + 1, "mask too small");

/* What ct_run() does beside filling the words of the key. */
enum ct_what {
    CT_UPDATE = 1 << 0,         /* Time, counters... */
    CT_UPDATE_TCP = 1 << 1,     /* ...and window. */
    CT_TRANSLATE = 1 << 2,      /* Addresses and ports. */
    CT_REMEMBER = 1 << 3,       /* The connection, for the next XDP_OP_CT. */
};

/* Returns true if an XDP_OP_CT before number 'n' of the flow of 'scratch' will
 * raise the window of TCP that the packet's is compared with at that one. */
static __always_inline bool
ct_raises_before(const struct xdp_scratch *scratch, __u32 n)
{
    const struct xdp_ct_packet *packet = &scratch->ct_packet;

    for (__u32 i = 0; i + 1 < XDP_FLOW_MAX_CTS; i++) {
        const struct xdp_ct_result *before = &scratch->ct_results[i];

        if (i < n && before->what & CT_UPDATE_TCP
            && before->conn == packet->conn - 1
            && before->dir == packet->dir) {
            return true;
        }
    }
    return false;
}

/* Returns true if 'packet' is within the window of TCP that its direction of
 * 'conn' has, and stores in '*result' what it makes of it: tcp_conn_update()
 * of OVS's lib/conntrack-tcp.c for connections that are established.  If
 * 'again', it has been there before. */
static __always_inline bool
ct_check_window(const struct xdp_ct_packet *packet, struct xdp_conn *conn,
                bool again, struct xdp_ct_result *result)
{
    struct xdp_conn_dir *src = ct_dir(conn, packet->dir);
    struct xdp_conn_dir *dst = ct_dir(conn, !packet->dir);
    __u8 src_scale = packet->dir ? conn->scale[1] : conn->scale[0];
    __u8 dst_scale = packet->dir ? conn->scale[0] : conn->scale[1];
    __u64 src_window = *(volatile __u64 *) &src->window;
    __u64 dst_window = *(volatile __u64 *) &dst->window;
    __u32 dst_max_win = *(volatile __u32 *) &dst->max_win;
    __u32 src_sent = src_window >> 32, dst_sent = dst_window >> 32;
    __u32 src_allowed = dst_window;
    __u32 seq = packet->seq, end = packet->end;
    __u32 win = packet->win << (src_scale & 15);
    __s32 skew = dst_sent - packet->ack;

    if (seq == end) {
        seq = end = src_sent;
    } else if (again && (__s32) (end - src_sent) > 0) {
        src_sent = end;
    }
    result->sent = end;
    result->allowed = packet->ack + (win ? win : 1);
    result->win = packet->win;
    return ((__s32) (src_allowed - end) >= 0
            && (__s32) (seq - (src_sent - (dst_max_win << (dst_scale & 15))))
               >= 0
            && skew >= -CT_MAX_ACK_WINDOW
            && skew <= CT_MAX_ACK_WINDOW << (src_scale & 15));
}

/* Reads the mark and the label of 'conn', as they belong together, into
 * '*markp' and '*result'.  Returns false if they are just being changed. */
static __always_inline bool
ct_read_mark(struct xdp_scratch *scratch, struct xdp_conn *conn, __u32 *markp,
             struct xdp_ct_result *result)
{
    __u32 seq = *(volatile __u32 *) &conn->seq;

    result->seq = seq;
    CT_STOP(SEQ);
    order_reads(scratch);
    *markp = *(volatile __u32 *) &conn->mark;
    CT_STOP(MARK);
    result->label[0] = *(volatile __u64 *) &conn->label[0];
    CT_STOP(LABEL);
    result->label[1] = *(volatile __u64 *) &conn->label[1];
    order_reads(scratch);
    return !(seq & 1) && seq == *(volatile __u32 *) &conn->seq;
}

/* Returns true if 'op' leaves 'mark' and the label of 'result' as they are. */
static __always_inline bool
ct_keeps_mark(const struct xdp_op *op, __u32 mark,
              const struct xdp_ct_result *result)
{
    if ((op->u.ct.mark | (mark & ~op->u.ct.mark_mask)) != mark) {
        return false;
    }
    if (op->u.ct.flags & XDP_CT_LABEL) {
        const __u64 *value = op_data(op, 1)->label;
        const __u64 *mask = op_data(op, 2)->label;

        return (!(((result->label[0] & mask[0]) ^ value[0])
                  | ((result->label[1] & mask[1]) ^ value[1])));
    }
    return true;
}

/* Looks for the connection of 'packet', as it is at the 'n'th XDP_OP_CT, which
 * it comes to anew, and for what that makes of its state.  Returns 0, and the
 * connection in '*connp', or XDP_COUNTER_CT_*. */
static __always_inline int
ct_check_anew(struct xdp_scratch *scratch, struct xdp_ct_packet *packet,
              const struct xdp_op *op, __u32 n, struct xdp_ct_result *result,
              struct xdp_conn **connp)
{
    struct xdp_conn *conn;
    bool translated;

    if (packet->zone != op->u.ct.zone) {
        packet->state = 0;
    }
    /* A packet whose addresses have been translated here belongs to the
     * connection that its reply would be one of. */
    translated = packet->state & CT_CS_NAT;
    if (translated) {
        ct_reverse(packet);
    }
    conn = ct_find(scratch, packet);
    if (!conn) {
        return XDP_COUNTER_CT_NO_ENTRY;
    }
    if (translated) {
        ct_reverse(packet);
        packet->dir = !packet->dir;
    }
    if (op->u.ct.flags & XDP_CT_FORCE && (packet->dir || translated)) {
        /* OVS 3.1 takes one that is translated for a reply. */
        return XDP_COUNTER_CT_FORCE;
    }
    if (scratch->now >= *(volatile __u64 *) &conn->expiration) {
        return XDP_COUNTER_CT_EXPIRED;
    }
    result->what = CT_UPDATE;
    if (scratch->layers.l4_proto == IPPROTO_TCP) {
        if (!ct_check_window(packet, conn, ct_raises_before(scratch, n),
                             result)) {
            return XDP_COUNTER_CT_WINDOW;
        }
        result->what |= CT_UPDATE_TCP;
    }
    if (conn->flags & XDP_CONN_NEW) {
        if (packet->dir) {
            /* Its first reply, which what has been translated can be although
             * there is no reference to the tuple of replies. */
            return XDP_COUNTER_CT_NO_ENTRY;
        }
        packet->state |= CT_CS_NEW;
    } else {
        packet->state = ((packet->state & ~CT_CS_NEW) | CT_CS_ESTABLISHED
                         | (packet->dir ? CT_CS_REPLY_DIR : 0));
    }
    *connp = conn;
    return 0;
}

/* Makes the tuple of 'packet', which is that of its direction of 'conn', what
 * it becomes by translation: that of the other direction, reversed. */
static __always_inline void
ct_translate_tuple(struct xdp_ct_packet *packet, struct xdp_conn *conn)
{
    const struct xdp_conn_dir *other = ct_dir(conn, !packet->dir);
    const __u64 *more = packet->dir ? conn->more[0] : conn->more[1];

    packet->id = other->id;
    packet->address = other->address;
    packet->more[0] = more[0];
    packet->more[1] = more[1];
    packet->more[2] = more[2];
    ct_reverse(packet);
}

/* Takes what connection tracking looks at from the packet, as it is when its
 * pass begins, for the first XDP_OP_CT of its flow.  Returns 0 or
 * XDP_COUNTER_CT_*. */
static __always_inline int
ct_begin(struct hook_md *ctx, struct xdp_scratch *scratch)
{
    struct xdp_ct_packet *packet = &scratch->ct_packet;
    int reason;

    if (!parse_is_ip(scratch)) {
        return XDP_COUNTER_CT_ODD;
    }
    reason = ct_take_packet(ctx, scratch, packet);
    if (reason) {
        return reason;
    }
    packet->conn = 0;
    packet->state = 0;
    packet->zone = 0;
    if (scratch->tracked) {
        __u64 word = scratch->words[PARSE_WORD(ct_state)];

        packet->conn = scratch->ct_conn;
        packet->valid = scratch->ct_valid;
        packet->dir = scratch->ct_dir;
        packet->state = HASH_MEMBER(word, ct_state);
        packet->zone = HASH_MEMBER(word, ct_zone);
    }
    return 0;
}

/* Looks whether the 'n'th XDP_OP_CT of the flow in 'slot' can be run on the
 * packet of the scratch, and what it comes to.  Those before it must have been
 * looked at.  Returns 0 or XDP_COUNTER_CT_*. */
__noinline int
ct_check_op(struct hook_md *ctx, __u32 slot, __u32 n)
{
    struct xdp_scratch *scratch = parse_scratch();
    const struct xdp_flow_rest *rest = maps_rest(slot);
    struct xdp_ct_result *result;
    struct xdp_ct_packet *packet;
    const struct xdp_op *op;
    union xdp_conn_id id;
    struct xdp_conn *conn;
    __u32 mark;
    __u64 i;

    if (!scratch || !rest || n >= XDP_FLOW_MAX_CTS) {
        return XDP_COUNTER_CT_ODD;
    }
    /* The verifier is not to go on twice, with 0 and with others. */
    if (!verifier_mask(n, CT_INDEX_MASK)) {
        int reason = ct_begin(ctx, scratch);

        if (reason) {
            return reason;
        }
    }
    i = verifier_mask(n, CT_INDEX_MASK);
    op = op_known(rest, rest->ct_ops[i]);
    packet = &scratch->ct_packet;
    result = &scratch->ct_results[i];
    result->what = 0;
    if (op->u.ct.flags & XDP_CT_AFRESH) {
        packet->conn = 0;
        packet->state = 0;
    }
    id.word = packet->id;
    id.zone = op->u.ct.zone;
    packet->id = id.word;

    /* Userspace, too, goes on with the connection only as long as nothing has
     * changed addresses or ports since. */
    conn = packet->conn ? ct_conn(packet->conn - 1) : NULL;
    if (conn && packet->zone == op->u.ct.zone
        && !(op->u.ct.flags & XDP_CT_FORCE)
        && ct_is_of(packet, conn, packet->dir)) {
        if (*(volatile __u32 *) &conn->valid != packet->valid) {
            return XDP_COUNTER_CT_NO_ENTRY;
        }
    } else {
        int reason = ct_check_anew(scratch, packet, op, n, result, &conn);

        if (reason) {
            return reason;
        }
    }

    if (!ct_read_mark(scratch, conn, &mark, result)
        || !ct_keeps_mark(op, mark, result)) {
        return XDP_COUNTER_CT_MARK;
    }
    result->conn = packet->conn - 1;
    result->valid = packet->valid;
    result->dir = packet->dir;
    if (!(op->u.ct.flags & XDP_CT_NAT)) {
        result->what |= CT_REMEMBER;
    } else {
        __u8 flags = conn->flags & (XDP_CONN_SRC_NAT | XDP_CONN_DST_NAT);

        if (flags && !(packet->state & CT_CS_NAT)) {
            bool is_src = !!(flags & XDP_CONN_SRC_NAT) == !packet->dir;

            packet->state |= is_src ? CT_CS_SRC_NAT : CT_CS_DST_NAT;
            result->what |= CT_TRANSLATE;
            ct_translate_tuple(packet, conn);
        }
        packet->conn = 0;
    }
    packet->state |= CT_CS_TRACKED;
    packet->zone = op->u.ct.zone;
    result->state_word
        = (PARSE_FIELD(ct_state, packet->state)
           | PARSE_FIELD(ct_nw_proto, scratch->layers.l4_proto)
           | PARSE_FIELD(ct_zone, packet->zone)
           | PARSE_FIELD(ct_mark, mark));
    return 0;
}

/* Looks whether all XDP_OP_CT of the flow in 'slot', which has 'rest', can be
 * run on the packet of the scratch.  Returns 0, or XDP_COUNTER_CT_* if the
 * packet must go to userspace. */
static __always_inline int
ct_check(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 slot)
{
    __u32 n = rest->n_cts;
    int reason = 0;

    for (__u32 i = 0; i < XDP_FLOW_MAX_CTS && i < n; i++) {
        reason = ct_check_op(ctx, slot, i);
        if (reason) {
            break;
        }
    }
    return reason;
}

/* Returns true if ct_check() has found out for one of the 'n' XDP_OP_CT of the
 * flow that it changes addresses or ports. */
static __always_inline bool
ct_translates(const struct xdp_scratch *scratch, __u32 n)
{
    __u32 what = 0;

    for (__u32 i = 0; i < XDP_FLOW_MAX_CTS && i < n; i++) {
        what |= scratch->ct_results[i].what;
    }
    return what & CT_TRANSLATE;
}

/* Returns what ct_check() has found out for the op in slot 'i' of 'rest'. */
static __always_inline const struct xdp_ct_result *
ct_result(const struct xdp_scratch *scratch, const struct xdp_flow_rest *rest,
          __u32 i)
{
    return (i == rest->ct_ops[0] ? &scratch->ct_results[0]
            : i == rest->ct_ops[1] ? &scratch->ct_results[1]
            : &scratch->ct_results[2]);
}

/* As ct_raise_window(), of direction 'dir' of the connection at 'index', for a
 * packet of 'window', as xdp_conn_window() returns it, and 'win'. */
__noinline int
ct_raise(__u32 index, __u32 dir, __u64 window, __u32 win)
{
    struct xdp_conn *conn = ct_conn(index);
    struct xdp_conn_dir *d;

    if (!conn) {
        return 0;
    }
    d = ct_dir(conn, dir);
    return (xdp_conn_raise_win(&d->max_win, win)
            && xdp_conn_raise(&d->window, window >> 32, window));
}

/* Raises the window of 'd', direction 'dir' of the connection at 'index', to
 * what 'result' says, if it is not as high already. */
static __always_inline void
ct_raise_window(struct xdp_conn_dir *d, __u32 index, __u32 dir,
                const struct xdp_ct_result *result)
{
    __u64 window = *(volatile __u64 *) &d->window;

    if (*(volatile __u32 *) &d->max_win < result->win
        || (__s32) (result->sent - (__u32) (window >> 32)) > 0
        || (__s32) (result->allowed - (__u32) window) > 0) {
        ct_raise(index, dir, xdp_conn_window(result->sent, result->allowed),
                 result->win);
    }
}

/* Returns how much of the time of 'conn' must be left, or else a packet makes
 * it all of its timeout again. */
static __always_inline __u64
ct_least_left(const struct xdp_conn *conn)
{
    __u64 interval = conn->timeout / 8;

    return (conn->timeout
            - (interval > CT_RENEW_INTERVAL ? CT_RENEW_INTERVAL : interval));
}

/* Counts in 'dir' of a connection that 'packets' packets with 'bytes' bytes
 * went by. */
static __always_inline void
ct_count(struct xdp_conn_dir *dir, __u64 packets, __u64 bytes)
{
    dir->packets += packets;
    dir->bytes += bytes;
}

/* Notes in 'conn' that the packet, of direction 'dir', went by, and lets it
 * live on. */
static __always_inline void
ct_update(struct hook_md *ctx, const struct xdp_scratch *scratch,
          struct xdp_conn *conn, struct xdp_conn_dir *dir)
{
    __u64 left = *(volatile __u64 *) &conn->expiration - scratch->now;

    if (left < ct_least_left(conn)) {
        *(volatile __u64 *) &conn->expiration = scratch->now + conn->timeout;
    }
    ct_count(dir, hook_packets(ctx), hook_bytes(ctx));
}

/* Makes the words of connection tracking of 'scratch' those of a packet of
 * 'conn', for which ct_check() had 'result'. */
static __always_inline void
ct_set_words(struct xdp_scratch *scratch, const struct xdp_conn *conn,
             const struct xdp_ct_result *result)
{
    const struct xdp_conn_dir *orig = &conn->dirs[0];
    union xdp_conn_id id = { .word = orig->id };
    __u64 ports = PARSE_PLACE(HASH_TAKE(id.word, 32, 0), 4, 0);

    if (id.proto == IPPROTO_ICMP || id.proto == IPPROTO_ICMPV6) {
        __u32 type_code = bpf_ntohs(id.dst);

        ports = (PARSE_FIELD(ct_tp_src, bpf_htons(type_code >> 8))
                 | PARSE_FIELD(ct_tp_dst, bpf_htons(type_code & 0xff)));
    }
    scratch->words[PARSE_WORD(ct_state)] = result->state_word;
    scratch->words[PARSE_WORD(ct_label)] = result->label[0];
    scratch->words[PARSE_WORD(ct_label) + 1] = result->label[1];
    scratch->words[PARSE_WORD(ct_tp_src)] = ports;
    if (id.is_ipv6) {
        scratch->words[PARSE_WORD(ct_nw_src)] = 0;
        scratch->words[PARSE_WORD(ct_ipv6_src)] = orig->address;
        scratch->words[PARSE_WORD(ct_ipv6_src) + 1] = conn->more[0][0];
        scratch->words[PARSE_WORD(ct_ipv6_dst)] = conn->more[0][1];
        scratch->words[PARSE_WORD(ct_ipv6_dst) + 1] = conn->more[0][2];
        scratch->tracked = MAPS_TRACKED_IPV6;
    } else {
        scratch->words[PARSE_WORD(ct_nw_src)] = orig->address;
        scratch->tracked = 1;
    }
    scratch->ct_conn = result->what & CT_REMEMBER ? result->conn + 1 : 0;
    scratch->ct_valid = result->valid;
    scratch->ct_dir = result->dir;
}

/* Runs XDP_OP_CT. */
__noinline int
ct_run(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i,
       __u64 layers)
{
    struct xdp_scratch *scratch = parse_scratch();
    const struct xdp_ct_result *result;
    struct xdp_conn_dir *dir;
    struct xdp_conn *conn;

    if (!scratch || !rest) {
        return OP_DROP_BAD_OP;
    }
    result = ct_result(scratch, rest, i);
    conn = ct_conn(result->conn);
    if (!conn) {
        return OP_DROP_BAD_OP;
    }
    CT_STOP(RUN);
    stats_count(XDP_COUNTER_CT);
    if (result->what & CT_UPDATE) {
        dir = ct_dir(conn, result->dir);
        if (result->what & CT_UPDATE_TCP) {
            ct_raise_window(dir, result->conn, result->dir, result);
        }
        ct_update(ctx, scratch, conn, dir);
    }
    ct_set_words(scratch, conn, result);
    return (result->what & CT_TRANSLATE
            ? ct_translate(ctx, conn, result->conn, result->dir, layers)
            : OP_OK);
}

/* Runs XDP_OP_CT_CLEAR. */
__noinline int
ct_clear(void)
{
    struct xdp_scratch *scratch = parse_scratch();

    if (scratch && scratch->tracked) {
        recirc_untrack(scratch);
    }
    return OP_OK;
}

#endif /* ct.h */
