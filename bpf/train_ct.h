/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Trains whose packets are tracked: the first pass has one XDP_OP_CT, with or
 * without translation, and a recirculation, and the second one a flow with
 * XDP_FLOW_SIMPLE.
 *
 * Once a packet of the train has gone that way (train.h), those that follow
 * with the same headers need not be looked up, neither in the flow table nor
 * among the connections, nor need the second pass begin.  That is one step,
 * which is taken as a whole or not at all: train_ct_find() changes nothing,
 * and if it is not sure, the packet goes the ordinary way, from the start.  So
 * it is never handed to userspace from here.
 *
 * Of what ct_check() asks, the answer is the same as for the packet that was
 * noted, if it follows from
 *
 *   - the headers that a train compares: that the packet is no fragment and
 *     has no options; TCP flags; the tuple;
 *   - the flow, which is the same: zone, flags, mark and label of the op;
 *   - the connection, if it has the same number in 'valid': the tuple still
 *     leads there, since a tuple leads to one connection only; the direction;
 *     whether packets are new or established; what translation does;
 *   - 'seq' of the connection: mark and label, and so the words of the key in
 *     the second pass.
 *
 * These are compared.  All else is looked at in each packet, as ct_check()
 * does: the checksum of the IP header, lengths, the TCP window, and the time
 * that is left.  If that is so short that it has to be set anew, the packet
 * goes the ordinary way, too.
 */

#ifndef BPF_TRAIN_CT_H
#define BPF_TRAIN_CT_H 1

#include "ct.h"
#include "mtu.h"
#include "stats.h"
#include "train.h"
#include "tunnel_sum.h"

/* Offsets as in train.h. */
#define TRAIN_TCP_SEQ   38
#define TRAIN_TCP_ACK   42
#define TRAIN_TCP_WIN   48
#define TRAIN_TCP_CSUM  50
#define TRAIN_TCP_END   54
#define TRAIN_UDP_LENGTH 38

/* Notes what became of the packet of the scratch, which began the train, at
 * the XDP_OP_CT of its first pass.  Returns false if those that follow cannot
 * do without a look. */
__noinline int
train_ct_note(void)
{
    struct xdp_scratch *scratch = parse_scratch();
    const struct xdp_ct_result *result;
    struct xdp_train *train;
    struct xdp_train_ct *ct;
    struct xdp_conn *conn;

    if (!scratch || scratch->tracked != 1 || scratch->in_tunnel) {
        return false;
    }
    train = &scratch->train;
    ct = &train->ct;
    result = &scratch->ct_results[0];
    conn = ct_conn(result->conn);
    if (!conn) {
        return false;
    }
    ct->valid = result->valid;
    ct->seq = result->seq;
    ct->dir = result->dir;
    ct->what = result->what;
    ct->expiration = scratch->now + ct_least_left(conn);
    train->ip_sum = train_ip_sum(&train->headers);
    if (ct->what & CT_TRANSLATE) {
        ct->nat = ct_nat(conn, ct->dir);
    }

    /* A timeout of 0 leaves nothing. */
    return ct->expiration > scratch->now;
}

/* As train_note_next(), but for trains whose packets are tracked as well. */
static __always_inline void
train_ct_note_next(struct xdp_md *ctx, struct xdp_scratch *scratch,
                   const struct xdp_flow *flow, __u32 slot, __u32 valid)
{
    struct xdp_train *train = &scratch->train;

    if (train->how == TRAIN_TRACKED) {
        __u32 conn = scratch->ct_results[0].conn;

        if (train->ct.conn != conn) {
            /* A first packet is no train yet. */
            train->ct.conn = conn;
            return;
        }
        if (!train->ifindex || !train_ct_note()) {
            return;
        }
    }
    train_note_next(ctx, scratch, flow, slot, valid);
}

/* Returns the connection of the train, if nothing has changed but what is
 * looked at in each packet, otherwise NULL. */
static __always_inline struct xdp_conn *
train_ct_conn(const struct xdp_train_ct *ct)
{
    struct xdp_conn *conn = ct_conn(ct->conn);

    CT_STOP(TRAIN);
    if (!conn || *(volatile __u32 *) &conn->valid != ct->valid) {
        return NULL;
    }
    CT_STOP(TRAIN_VALID);
    return (*(volatile __u32 *) &conn->seq == ct->seq
            && *(volatile __u64 *) &conn->expiration >= ct->expiration
            ? conn : NULL);
}

/* Returns true if the packet from 'base', which belongs to 'train', is one
 * that ct_check() finds nothing wrong with, and stores in '*result' what
 * it makes of the window of 'conn', if it is one of TCP. */
static __always_inline bool
train_ct_check(const struct xdp_train *train, const void *base,
               struct xdp_conn *conn, struct xdp_ct_result *result)
{
    const struct xdp_train_ct *ct = &train->ct;
    __u16 tot_len = *(__u16 *) (base + TRAIN_TOT_LEN);

    if (!train_ip_csum_ok(train, base)) {
        return false;
    }
    if (ct->what & CT_UPDATE_TCP) {
        struct xdp_ct_packet packet = {
            .dir = ct->dir,
            .seq = bpf_ntohl(*(__be32 *) (base + TRAIN_TCP_SEQ)),
            .ack = bpf_ntohl(*(__be32 *) (base + TRAIN_TCP_ACK)),
            .win = bpf_ntohs(*(__be16 *) (base + TRAIN_TCP_WIN)),
        };

        packet.end = (packet.seq + bpf_ntohs(tot_len)
                      - train->headers.min_len);
        return ct_check_window(&packet, conn, false, result);
    }
    {
        __u32 len = bpf_ntohs(*(__be16 *) (base + TRAIN_UDP_LENGTH));

        return (len >= TRAIN_UDP_LEN
                && len <= bpf_ntohs(tot_len) - TRAIN_IP_LEN);
    }
}

/* Makes addresses and ports of the packet from 'base' what ct_translate()
 * makes of them. */
static __always_inline void
train_ct_translate(const struct xdp_train_ct *ct, void *base)
{
    __u16 *ip_csum = base + TRAIN_IP_CSUM;

    if (ct->what & CT_UPDATE_TCP) {
        ct_nat_apply(&ct->nat, base + TRAIN_ADDRESSES, ip_csum,
                     base + TRAIN_PORTS, base + TRAIN_TCP_CSUM, true);
    } else {
        ct_nat_apply(&ct->nat, base + TRAIN_ADDRESSES, ip_csum,
                     base + TRAIN_PORTS, base + TRAIN_UDP_CSUM, false);
    }
}

/* Does to the packet, which belongs to the train of 'scratch', what its first
 * pass does and what comes before its second one.  Returns the flow of that,
 * into whose device it fits, or NULL if nothing has happened, and the packet
 * has to go the ordinary way. */
static __always_inline struct xdp_flow *
train_ct_run(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    const struct xdp_train *train = &scratch->train;
    const struct xdp_train_ct *ct = &train->ct;
    struct xdp_ct_result result = {};
    struct xdp_conn_dir *dir;
    struct xdp_flow *flow;
    struct xdp_conn *conn;
    void *base, *end;
    __u64 len;

    if (!train->next_valid) {
        return NULL;
    }
    flow = train_flow(train->next_slot, train->next_valid);
    conn = train_ct_conn(ct);
    if (!flow || !conn
        || !mtu_fits_simple(ctx, scratch, flow)) {
        return NULL;
    }
    end = (void *) (long) ctx->data_end;
    base = train_base((void *) (long) ctx->data, end,
                      train->headers.tags_len);
    if (!base || base + TRAIN_TCP_END > end
        || !train_ct_check(train, base, conn, &result)) {
        return NULL;
    }

    CT_STOP(TRAIN_RUN);
    len = ctx->data_end - ctx->data;
    dir = ct_dir(conn, ct->dir);
    ct_count(dir, 1, len);
    if (ct->what & CT_TRANSLATE) {
        train_ct_translate(ct, base);
    }
    if (ct->what & CT_UPDATE_TCP) {
        ct_raise_window(dir, ct->conn, ct->dir, &result);
    }
    stats_count(XDP_COUNTER_CT);
    stats_count(XDP_COUNTER_RECIRC);
    stats_flow(scratch, train->slot, 1, len, 0);
    return flow;
}

#endif /* train_ct.h */
