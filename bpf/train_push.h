/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Trains into a tunnel: what packets of a train get in front is the same but
 * for lengths and the checksum of the IP header.  The source port is, too: it
 * is a hash of what a train compares.  So the header is put together once, if
 * it is a plain one: of TUNNEL_PLAIN_LEN bytes, with IPv4, and with UDP
 * without a checksum.
 */

#ifndef BPF_TRAIN_PUSH_H
#define BPF_TRAIN_PUSH_H 1

#include <linux/if_ether.h>
#include <linux/ip.h>

#include "csum.h"
#include "hash.h"
#include "hook_ops.h"
#include "maps.h"
#include "mtu.h"
#include "op.h"
#include "parse_common.h"
#include "stats.h"
#include "tunnel_format.h"
#include "tunnel_port.h"

/* What train_push_run() returns if nothing has happened. */
#define TRAIN_PUSH_NOTHING (-1)

/* Notes the header that the packet of the scratch, which may become a train,
 * gets by the ops in 'rest', XDP_OP_TNL_PUSH and an output.  Returns false if
 * it is no plain one. */
__noinline int
train_push_note(const struct xdp_flow_rest *rest)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct xdp_train_push *push;
    const struct xdp_op *op;
    const __u64 *header;

    if (!scratch || !rest) {
        return false;
    }
    push = &scratch->train.push;
    op = &rest->ops[0];
    header = (const __u64 *) (op + 1);
    if (op->u.tnl_push.header_len != TUNNEL_PLAIN_LEN
        || op->u.tnl_push.flags != XDP_TUNNEL_PUSH_UDP) {
        return false;
    }

#pragma clang loop unroll(full)
    for (int i = 0; i < MAPS_PLAIN_WORDS; i++) {
        push->words[i] = header[i];
    }
    /* Lengths of IP and UDP are not known yet, the source port is. */
    push->words[2] &= ~PARSE_PLACE(0xffff, 2, 0);
    push->words[4] &= ~(PARSE_PLACE(0xffff, 2, 2) | PARSE_PLACE(0xffff, 2, 6));
    push->words[4] |= PARSE_PLACE(tunnel_source_port(op), 2, 2);
    push->port = mtu_output(rest)->u.output.port;
    return true;
}

/* Puts the header of 'push' in front of the packet. */
static __always_inline int
train_push_header(struct xdp_md *ctx, const struct xdp_train_push *push)
{
    const __u64 *words = push->words;
    __u16 tot_len, udp_len, csum;
    __u32 len;
    void *end;
    __u64 *to;

    if (bpf_xdp_adjust_head(ctx, -TUNNEL_PLAIN_LEN)) {
        return OP_DROP_HEADROOM;
    }
    to = (void *) (long) ctx->data;
    end = (void *) (long) ctx->data_end;
    if ((void *) to + TUNNEL_PLAIN_LEN > end) {
        return OP_DROP_TOO_SHORT;
    }
    len = end - (void *) to;
    tot_len = bpf_htons(len - ETH_HLEN);
    udp_len = bpf_htons(len - ETH_HLEN - sizeof(struct iphdr));
    csum = csum_apply(HASH_TAKE(words[3], 16, 0), csum_diff16(0, 0, tot_len));
    to[0] = words[0];
    to[1] = words[1];
    to[2] = words[2] | PARSE_PLACE(tot_len, 2, 0);
    to[3] = (words[3] & ~PARSE_PLACE(0xffff, 2, 0)) | PARSE_PLACE(csum, 2, 0);
    to[4] = words[4] | PARSE_PLACE(udp_len, 2, 6);
    to[5] = words[5];
    *(__u16 *) (to + 6) = HASH_TAKE(words[6], 16, 0);
    stats_count(XDP_COUNTER_TNL_PUSH);
    return OP_OK;
}

/* Pushes the header of the train of 'scratch' in front of the packet, which
 * belongs to it, and sends it.  Returns the verdict, or TRAIN_PUSH_NOTHING if
 * the packet has to go the ordinary way. */
static __always_inline int
train_push_run(struct xdp_md *ctx, struct xdp_scratch *scratch)
{
    const struct xdp_train *train = &scratch->train;
    __u64 len = ctx->data_end - ctx->data;
    int result;

    if (len > TUNNEL_PUSH_MAX
        || !mtu_surely_fits(scratch, train->push.port,
                            len + TUNNEL_PLAIN_LEN)) {
        return TRAIN_PUSH_NOTHING;
    }
    stats_flow(scratch, train->slot, 1, len, 0);
    result = train_push_header(ctx, &train->push);
    if (result < 0) {
        return op_drop(result);
    }
    return outputs_send_one(ctx, train->push.port);
}

#endif /* train_push.h */
