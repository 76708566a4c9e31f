/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Trains: packets of one connection that come one after the other, as most
 * packets do.  Once two packets have met the same flow, the headers of the
 * second one are kept, and those that follow with the same headers are not
 * parsed again.
 *
 * A train has IPv4 packets with at most one VLAN tag and without IP options,
 * with TCP or UDP, or IPv6 packets (train_ipv6.h).  All bytes that the parser
 * looks at are compared, but for the length, which has to be so that the
 * parser would come to the same result.  Equal headers from the same device
 * have equal keys; and as long as the slot has the number in 'valid' that it
 * had when the key was compared with it, it is the same flow.  What that holds
 * was seen then, after order_reads(), and changes only when no run can have
 * the number any more.
 *
 * Only lists of ops that ask for little in the scratch are run so:
 * XDP_FLOW_SIMPLE needs nothing but the time there, and train_restore()
 * restores what XDP_FLOW_SHORT and XDP_FLOW_REWRITE, without XDP_OP_CT, need.
 * With one XDP_OP_CT, a train is something else: see train_ct.h.
 *
 * A second pass follows from the first one, which does not change the packet,
 * or else pops the header of a tunnel.  Behind that, there is another header
 * to compare, and what the popped one says and a train does not compare.
 * Where that is so before it is popped, both passes are one step
 * (train_pop.h).
 */

#ifndef BPF_TRAIN_H
#define BPF_TRAIN_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>

#include "hash.h"
#include "maps.h"
#include "parse.h"
#include "recirc.h"
#include "train_base.h"
#include "train_ipv6.h"
#include "train_push.h"
#include "tunnel_format.h"
#include "tunnel_sum.h"
#include "verifier.h"

/* How packets of a train are run that have a flow without XDP_FLOW_SIMPLE. */
enum train_how {
    TRAIN_RESTORED,             /* As others, after train_restore(). */
    TRAIN_TRACKED,              /* Both passes at once, or none: train_ct.h. */
    TRAIN_POPS,                 /* Both passes at once, if that can be:
                                 * train_pop.h. */
    TRAIN_PUSHES,               /* With a header that is known:
                                 * train_push.h. */
};

/* Offsets in an IPv4 packet without options, as in train_base.h. */
#define TRAIN_TYPE_TOS  8       /* And what is in front of the Ethertype. */
#define TRAIN_VER_IHL   14
#define TRAIN_TOT_LEN   16
#define TRAIN_IP_ID     18
#define TRAIN_FRAG      20      /* And TTL, protocol. */
#define TRAIN_PROTO     23
#define TRAIN_IP_CSUM   24
#define TRAIN_ADDRESSES 26
#define TRAIN_PORTS     34
#define TRAIN_UDP_CSUM  40
#define TRAIN_TCP_CTL   46      /* Length of the TCP header, flags. */
#define TRAIN_LEN       48

#define TRAIN_IP_LEN    20

/* Returns where the offsets of the packet at 'data' count from behind
 * 'tags_len' bytes of VLAN tags, or NULL if it is shorter than TRAIN_LEN from
 * there. */
static __always_inline void *
train_base(void *data, void *end, __u32 tags_len)
{
    return train_base_of(data, end, tags_len, TRAIN_LEN);
}

/* Returns true if the packet from 'base' to 'end' is so long that the parser
 * finds 'headers' in it. */
static __always_inline bool
train_length_ok(const struct xdp_train_headers *headers, const void *base,
                const void *end)
{
    __u32 tot_len = bpf_ntohs(*(__be16 *) (base + TRAIN_TOT_LEN));
    __u64 left = end - base - ETH_HLEN;

    return tot_len >= headers->min_len && tot_len <= left && left <= 0xffff;
}

/* Returns true if the packet from 'data' to 'end' has 'headers'. */
static __always_inline bool
train_headers_equal(const struct xdp_train_headers *headers, void *data,
                    void *end)
{
    void *base;
    __u64 diff;

    if (data + TRAIN_TAG > end) {
        return false;
    }
    base = train_base(data, end, headers->tags_len);
    if (!base) {
        return false;
    }
    diff = ((*(__u64 *) data ^ headers->macs)
            | (*(__u32 *) (data + TRAIN_MAC_END) ^ headers->mac_end)
            | (*(__u64 *) (base + TRAIN_TYPE_TOS) ^ headers->type_tos)
            | (*(__u32 *) (base + TRAIN_FRAG) ^ headers->frag_ttl_proto)
            | (*(__u64 *) (base + TRAIN_ADDRESSES) ^ headers->addresses)
            | (*(__u32 *) (base + TRAIN_PORTS) ^ headers->ports)
            | ((*(__u16 *) (base + TRAIN_TCP_CTL) & headers->tcp_ctl_mask)
               ^ headers->tcp_ctl));
    return !diff && train_length_ok(headers, base, end);
}

/* Stores the headers of the packet in '*headers', or returns false if a train
 * cannot have them. */
static __always_inline bool
train_headers_keep(struct xdp_md *ctx, struct xdp_train_headers *headers)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    void *base;
    __u8 proto;

    if (data + ETH_HLEN > end) {
        return false;
    }
    headers->tags_len = (parse_is_vlan(*(__be16 *) (data + TRAIN_TAG))
                         ? TRAIN_TAG_LEN : 0);
    base = train_base(data, end, headers->tags_len);
    if (!base
        || *(__be16 *) (base + TRAIN_ETH_TYPE) != bpf_htons(ETH_P_IP)
        || *(__u8 *) (base + TRAIN_VER_IHL) != 0x45) {
        return false;
    }

    proto = *(__u8 *) (base + TRAIN_PROTO);
    if (proto == IPPROTO_TCP) {
        headers->tcp_ctl_mask = 0xffff;
        headers->min_len = (TRAIN_IP_LEN
                            + (*(__u8 *) (base + TRAIN_TCP_CTL) >> 4) * 4);
    } else if (proto == IPPROTO_UDP) {
        headers->tcp_ctl_mask = 0;
        headers->min_len = TRAIN_IP_LEN + TRAIN_UDP_LEN;
    } else {
        return false;
    }
    headers->macs = *(__u64 *) data;
    headers->mac_end = *(__u32 *) (data + TRAIN_MAC_END);
    headers->type_tos = *(__u64 *) (base + TRAIN_TYPE_TOS);
    headers->frag_ttl_proto = *(__u32 *) (base + TRAIN_FRAG);
    headers->addresses = *(__u64 *) (base + TRAIN_ADDRESSES);
    headers->ports = *(__u32 *) (base + TRAIN_PORTS);
    headers->tcp_ctl = (*(__u16 *) (base + TRAIN_TCP_CTL)
                        & headers->tcp_ctl_mask);
    return train_length_ok(headers, base, end);
}

/* Returns the sum of those words of the IP header that packets with 'headers'
 * have in common. */
static __always_inline __u32
train_ip_sum(const struct xdp_train_headers *headers)
{
    return tunnel_fold((__u64) HASH_TAKE(headers->type_tos, 16, 6)
                       + headers->frag_ttl_proto
                       + HASH_TAKE(headers->addresses, 32, 0)
                       + HASH_TAKE(headers->addresses, 32, 4));
}

/* Returns true if the checksum of the IP header is right in the packet from
 * 'base', which belongs to 'train'. */
static __always_inline bool
train_ip_csum_ok(const struct xdp_train *train, const void *base)
{
    __u32 sum = (train->ip_sum + *(__u16 *) (base + TRAIN_TOT_LEN)
                 + *(__u16 *) (base + TRAIN_IP_ID)
                 + *(__u16 *) (base + TRAIN_IP_CSUM));

    /* Each of the four has at most 16 bits. */
    return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* Returns the flow in 'slot', if it has 'valid' there, otherwise NULL. */
static __always_inline struct xdp_flow *
train_flow(__u32 slot, __u32 valid)
{
    struct xdp_flow *flow = bpf_map_lookup_elem(&xdp_flows, &slot);

    return (flow && *(volatile __u32 *) &flow->valid == valid ? flow : NULL);
}

/* Returns the flow of the packet, from device 'ifindex', if it belongs to the
 * train of 'scratch', otherwise NULL. */
static __always_inline struct xdp_flow *
train_find(struct xdp_md *ctx, const struct xdp_scratch *scratch,
           __u32 ifindex)
{
    const struct xdp_train *train = &scratch->train;

    return (train->ifindex == ifindex
            && train_headers_equal(&train->headers, (void *) (long) ctx->data,
                                   (void *) (long) ctx->data_end)
            ? train_flow(train->slot, train->valid) : NULL);
}

/* Returns the layers, as a number, of the packet, which belongs to 'train'.
 * Only the length of the IP packet differs from one to the next. */
static __always_inline __u64
train_layers(struct xdp_md *ctx, const struct xdp_train *train)
{
    void *data = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    void *base = train_base(data, end, train->headers.tags_len);
    __u32 tot_len;

    if (!base) {
        return 0;
    }
    tot_len = bpf_ntohs(*(__be16 *) (base + TRAIN_TOT_LEN));
    return train->layers_word | PARSE_LAYER(l4_size, tot_len - TRAIN_IP_LEN);
}

/* Makes 'scratch' what the ops of 'flow' need for the packet, which belongs to
 * its train.  What hash_keep() keeps is still there, or recirc_start() would
 * have ended the train. */
static __always_inline void
train_restore(struct xdp_md *ctx, struct xdp_scratch *scratch,
              const struct xdp_flow *flow)
{
    const struct xdp_train *train = &scratch->train;

    if (flow->flags & XDP_FLOW_REWRITE) {
        scratch->layers_word = train_layers(ctx, train);
        return;
    }
    recirc_begin(scratch);
    scratch->words[PARSE_WORD(in_port)] = PARSE_FIELD(in_port, train->in_port);
    if (flow->flags & XDP_FLOW_TNL_POP) {
        scratch->layers_word = train_layers(ctx, train);
        scratch->words[PARSE_WORD(dl_type)]
            = PARSE_FIELD(dl_type, (__u64) bpf_htons(ETH_P_IP));
        scratch->words[PARSE_WORD(nw_frag)] = 0;
    } else {
        scratch->kept = HASH_KEPT;
    }
}

/* Returns true if packets of a train can be tracked by the flow with 'rest',
 * which does so. */
static __always_inline bool
train_can_track(const struct xdp_flow_rest *rest)
{
    return (!xdp_ct_checksum && rest->n_cts == 1
            && rest->ops[0].type == XDP_OP_CT
            && op_known(rest, 1 + rest->ops[0].n_data)->type
               == XDP_OP_RECIRC);
}

/* Returns true if a packet of a train, with the key in 'scratch', can run the
 * ops of the flow with 'flags' in 'slot', and keeps what train_restore()
 * needs. */
static __always_inline bool
train_can_run(struct xdp_scratch *scratch, __u32 slot, __u32 flags)
{
    const struct xdp_flow_rest *rest;

    scratch->train.how = TRAIN_RESTORED;
    if (flags & XDP_FLOW_SIMPLE) {
        return true;
    }
    if (!(flags & (XDP_FLOW_SHORT | XDP_FLOW_REWRITE))) {
        return false;
    }
    scratch->train.layers_word = (scratch->layers_word
                                  & ~PARSE_LAYER(l4_size, 0xffff));
    if (flags & XDP_FLOW_TNL_POP) {
        return !scratch->key.nw_frag;
    }
    rest = maps_rest(slot);
    if (!rest) {
        return false;
    }
    if (flags & XDP_FLOW_REWRITE) {
        if (rest->n_cts) {
            scratch->train.how = TRAIN_TRACKED;
            return train_can_track(rest);
        }
        return true;
    }
    if (rest->ops[0].type == XDP_OP_HASH
        && rest->ops[0].u.hash.alg != HASH_ALG_L4) {
        return false;
    }
    hash_keep(scratch);
    if (flags & XDP_FLOW_TNL_PUSH && train_push_note(rest)) {
        scratch->train.how = TRAIN_PUSHES;
    }
    return true;
}

/* Makes the packet, which has met the flow with 'flags' in 'slot', on port
 * 'in_port', the one whose headers those of the train are compared with, if
 * there can be one.  (The verifier looks at it once.) */
__noinline int
train_begin(struct xdp_md *ctx, __u32 in_port, __u32 slot, __u32 valid,
            __u32 flags)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct xdp_train *train;

    if (!scratch) {
        return 0;
    }
    train = &scratch->train;
    if (scratch->key.dl_type == bpf_htons(ETH_P_IPV6)) {
        if (flags & XDP_FLOW_SIMPLE && train6_keep(ctx, &train->ipv6)) {
            train->valid = valid;
            train->ipv6.ifindex = ctx->ingress_ifindex;
        }
    } else if (train_headers_keep(ctx, &train->headers)
               && train_can_run(scratch, slot, flags)) {
        train->valid = valid;
        train->in_port = in_port;
        train->ifindex = ctx->ingress_ifindex;
    }
    return 0;
}

/* Notes that the packet, in its first pass, has met 'flow' on port 'in_port',
 * which is in 'slot' and which had 'valid' there when the key was compared, or
 * 0 if nobody knows that. */
static __always_inline void
train_note(struct xdp_md *ctx, struct xdp_scratch *scratch, __u32 in_port,
           const struct xdp_flow *flow, __u32 slot, __u32 valid)
{
    __u64 last = (scratch->words[PARSE_WORD(nw_src)]
                  ^ HASH_TAKE(scratch->words[PARSE_WORD(tp_src)], 32, 4));

    if (scratch->train.slot != slot || scratch->train.last != last) {
        /* A first packet is no train yet, nor are packets of connections that
         * come in turn. */
        scratch->train.slot = slot;
        scratch->train.last = last;
    } else if (valid) {
        train_begin(ctx, in_port, slot, valid, flow->flags);
    }
}

/* Second passes. */

/* Returns the flow of the packet of 'scratch' in its second pass, if that
 * follows from the train, otherwise NULL. */
static __always_inline struct xdp_flow *
train_find_next(struct xdp_md *ctx, const struct xdp_scratch *scratch)
{
    const struct xdp_train *train = &scratch->train;

    if (!train->next_valid || scratch->pass != 1) {
        return NULL;
    }
    if (scratch->in_tunnel) {
        const __u64 *words
            = &scratch->words[XDP_KEY_WORDS - XDP_KEY_TUNNEL_WORDS];
        __u64 diff = scratch->in_tunnel == MAPS_TUNNEL_RARE;

#pragma clang loop unroll(full)
        for (int i = 0; i < XDP_KEY_TUNNEL_BASIC_WORDS; i++) {
            diff |= words[i] ^ train->tunnel_words[i];
        }
        if (diff || !train_headers_equal(&train->next_headers,
                                         (void *) (long) ctx->data,
                                         (void *) (long) ctx->data_end)) {
            return NULL;
        }
    }
    return train_flow(train->next_slot, train->next_valid);
}

/* Notes of the packet of 'scratch', which belongs to its train and has come
 * out of a tunnel, how those that follow can be run. */
static __always_inline void
train_pop_note(struct xdp_scratch *scratch)
{
    struct xdp_train *train = &scratch->train;
    __u16 flags = HASH_MEMBER(scratch->words[PARSE_WORD(tun_flags)],
                              tun_flags);
    __u64 vni = scratch->words[PARSE_WORD(tun_tun_id)];

    train->how = TRAIN_RESTORED;
    if (scratch->pop_len == TUNNEL_PLAIN_LEN && !train->headers.tags_len
        && !(flags & (TUNNEL_F_CSUM | TUNNEL_F_UDPIF))) {
        /* It is VXLAN: see tunnel_look_at_udp().  GRE is in no train. */
        train->how = TRAIN_POPS;
        train->vni = bpf_htonl(bpf_ntohl(HASH_TAKE(vni, 32, 4)) << 8);
        train->ip_sum = train_ip_sum(&train->headers);
    }
}

/* Notes that the packet of 'scratch', in its second pass, has met 'flow',
 * which is in 'slot' and which had 'valid' there when the key was compared, or
 * 0 if nobody knows that.  The first pass is that of the train, if there is
 * one now: of a packet that does not belong to it, that has ended. */
static __always_inline void
train_note_next(struct xdp_md *ctx, struct xdp_scratch *scratch,
                const struct xdp_flow *flow, __u32 slot, __u32 valid)
{
    struct xdp_train *train = &scratch->train;

    if (!train->ifindex || !valid || !(flow->flags & XDP_FLOW_SIMPLE)) {
        return;
    }
    if (scratch->in_tunnel) {
        const __u64 *words
            = &scratch->words[XDP_KEY_WORDS - XDP_KEY_TUNNEL_WORDS];

        /* What is there without being valid is not used. */
        train->next_valid = 0;
        if (scratch->in_tunnel == MAPS_TUNNEL_RARE
            || !train_headers_keep(ctx, &train->next_headers)) {
            return;
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < XDP_KEY_TUNNEL_BASIC_WORDS; i++) {
            train->tunnel_words[i] = words[i];
        }
        train_pop_note(scratch);
    }
    train->next_slot = slot;
    train->next_valid = valid;
}

#endif /* train.h */
