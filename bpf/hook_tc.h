/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What hook.h promises, at tc.
 *
 * A packet may stand for several: the segments that the kernel makes of it
 * when a device wants that.  They have the same key but for flags of TCP, so
 * it goes the way that each of them would go, and counts as all of them.
 *
 * Its checksums may be unfinished: then there is the sum of the pseudo-header
 * in place of one, and the rest is added when a device wants that.  Or the
 * kernel knows the sum of the whole packet.  Helpers keep all that right.
 */

#ifndef BPF_HOOK_TC_H
#define BPF_HOOK_TC_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "csum.h"
#include "hook_tc_names.h"
#include "maps.h"
#include "stats.h"

/* The context of a program. */
#define hook_md __sk_buff

/* Does the hook have all ops of "enum xdp_op_type"? */
#define HOOK_HAS_ALL_OPS 0

/* Can a copy of the packet be sent in the middle of its ops? */
#define HOOK_CLONES 1

/* Do packets for a port at tc go through its companion? */
#define HOOK_DETOURS 0

/* Verdicts. */
enum hook_verdict {
    HOOK_ABORTED = TC_ACT_SHOT,
    HOOK_DROP = TC_ACT_SHOT,
    HOOK_PASS = TC_ACT_UNSPEC,      /* To what else there is at tc, and the
                                     * kernel's stack. */
    HOOK_REDIRECT = TC_ACT_REDIRECT,
};

/* What a checksum is one of. */
enum hook_csum {
    HOOK_CSUM_UDP = 1 << 0,         /* UDP, where 0 is none. */
    HOOK_CSUM_PSEUDO = 1 << 1,      /* The pseudo-header has changed. */
};

/* How much of a packet parsers may look at. */
#define HOOK_MAX_HEADERS 4096

/* Of a VLAN tag. */
#define HOOK_TAG_LEN 4

/* An inner header of which the kernel says that it is too long, but only if it
 * could make room for another one. */
#define HOOK_TUNNEL_PROBE (BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 \
                           | BPF_F_ADJ_ROOM_ENCAP_L4_UDP \
                           | BPF_F_ADJ_ROOM_FIXED_GSO \
                           | BPF_F_ADJ_ROOM_ENCAP_L2(255))

/* 'gso_size' of packets whose segments have no common length. */
#define HOOK_GSO_BY_FRAGS 0xffff

/* Flags of TCP that the segments of one packet do not have in common: FIN and
 * PSH are those of the last one, CWR that of the first. */
#define HOOK_GSO_TCP_FLAGS bpf_htons(0x001 | 0x008 | 0x080)

/* The programs, by HOOK_PROGRAM_*. */
int tc_flowtable(struct __sk_buff *ctx);
int tc_recirc(struct __sk_buff *ctx);

#define HOOK_PROGRAM_RECIRC 0
#define HOOK_PROGRAM_FLOWTABLE 1

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 2);
    __uint(key_size, sizeof(__u32));
    __array(values, int (struct __sk_buff *));
} tc_programs SEC(".maps") = {
    .values = {
        [HOOK_PROGRAM_RECIRC] = tc_recirc,
        [HOOK_PROGRAM_FLOWTABLE] = tc_flowtable,
    },
};

/* Returns true if all headers of the packet that parsers look at are in front
 * of 'data_end', as with most packets, of which only data are elsewhere. */
static __always_inline bool
hook_has_headers(struct hook_md *ctx)
{
    struct ethhdr *eth = (void *) (long) ctx->data;
    void *end = (void *) (long) ctx->data_end;
    struct ipv6hdr *ip6 = (void *) (eth + 1);
    struct iphdr *ip = (void *) (eth + 1);
    __u8 proto;
    void *l4;

    if ((void *) (ip + 1) > end) {
        return false;
    }
    if (eth->h_proto == bpf_htons(ETH_P_IP)) {
        l4 = ip + 1;
        proto = ip->ihl == 5 ? ip->protocol : 0;
    } else if (eth->h_proto == bpf_htons(ETH_P_IPV6)
               && (void *) (ip6 + 1) <= end) {
        l4 = ip6 + 1;
        proto = ip6->nexthdr;
    } else {
        return false;
    }
    return (proto == IPPROTO_TCP ? l4 + sizeof(struct tcphdr) <= end
            : proto == IPPROTO_UDP && l4 + sizeof(struct udphdr) <= end);
}

/* Puts the headers of the packet, whatever they are, in front of 'data_end',
 * unless they are there.  Returns false if that fails, or if the packet is a
 * list of others, of which nobody could change more than the first, and which
 * older kernels would not find their way in any more.  What tells it from one
 * that stands for segments is that its checksums are known to be right. */
__noinline int
hook_pull(struct hook_md *ctx)
{
    __u32 len = ctx->len;

    if (ctx->gso_size && bpf_csum_level(ctx, BPF_CSUM_LEVEL_QUERY) >= 0) {
        return false;
    }
    return (hook_has_headers(ctx)
            || !bpf_skb_pull_data(ctx, len < HOOK_MAX_HEADERS
                                       ? len : HOOK_MAX_HEADERS));
}

/* Prepares the packet for being parsed.  Returns false if that fails. */
static __always_inline bool
hook_begin(struct hook_md *ctx)
{
    return ctx->data_end - ctx->data >= ctx->len || hook_pull(ctx);
}

/* Returns true if the outermost VLAN tag of the packet is beside it, in
 * '*tpidp' and '*tcip'. */
static __always_inline bool
hook_has_tag(struct hook_md *ctx, __be16 *tpidp, __be16 *tcip)
{
    if (!ctx->vlan_present) {
        return false;
    }
    *tpidp = ctx->vlan_proto;
    *tcip = bpf_htons(ctx->vlan_tci);
    return true;
}

/* Returns the number of bytes from 'p' in the packet to its end; 'end' is what
 * 'data_end' says. */
static __always_inline __u64
hook_left(struct hook_md *ctx, const void *p, const void *end)
{
    __u64 ofs = p - (void *) (long) ctx->data;

    /* The compiler would take 'p' from the length first, which may not be. */
    asm volatile("" : "+r"(ofs));
    return ctx->len - ofs;
}

/* Copies the 'len' bytes 'ofs' bytes behind the start of the packet to 'to'.
 * Returns an error if they are not there. */
static __always_inline long
hook_load_bytes(struct hook_md *ctx, __u32 ofs, void *to, __u32 len)
{
    return bpf_skb_load_bytes(ctx, ofs, to, len);
}

/* Returns the length of the packet, without a tag beside it. */
static __always_inline __u64
hook_frame_len(struct hook_md *ctx)
{
    return ctx->len;
}

/* Returns the length of the tag beside the packet, or 0. */
static __always_inline __u32
hook_tag_len(struct hook_md *ctx)
{
    return ctx->vlan_present ? HOOK_TAG_LEN : 0;
}

/* Returns the length of the packet with its tags. */
static __always_inline __u64
hook_whole_len(struct hook_md *ctx)
{
    return ctx->len + hook_tag_len(ctx);
}

/* Returns the scratch of this CPU, or NULL, which cannot be. */
static __always_inline struct xdp_scratch *
hook_scratch(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&xdp_scratch, &zero);
}

/* Returns the length of the longest packet that this one stands for, at least
 * of what is behind the headers if nobody knows what these are.  It has been
 * parsed, or there was nothing to parse. */
static __always_inline __u64
hook_len(struct hook_md *ctx)
{
    __u64 size = ctx->gso_size;

    if (size) {
        struct xdp_scratch *scratch = hook_scratch();

        return size + (scratch ? scratch->headers_len : 0);
    }
    return hook_whole_len(ctx);
}

/* Returns how many packets this one stands for.  It has been parsed. */
static __always_inline __u64
hook_packets(struct hook_md *ctx)
{
    struct xdp_scratch *scratch = ctx->gso_size ? hook_scratch() : NULL;

    return scratch ? scratch->segments : 1;
}

/* Returns the number of bytes of all packets that this one stands for.  It has
 * been parsed. */
static __always_inline __u64
hook_bytes(struct hook_md *ctx)
{
    struct xdp_scratch *scratch = ctx->gso_size ? hook_scratch() : NULL;
    __u64 len = hook_whole_len(ctx);

    return (scratch ? len + (scratch->segments - 1ULL) * scratch->headers_len
            : len);
}

/* Notes in the scratch what the packet, which stands for several and has been
 * parsed, stands for.  'union_word' has the bits of flags of TCP that flows
 * match.  Returns false if the segments may match different flows, or nobody
 * knows what they are like.
 *
 * UDP without a number of segments may become fragments of IP: only packets of
 * virtual machines can be like that, and they have no number.
 *
 * Of what a container has put into a tunnel of its own, the headers that count
 * are those in front of the tunnel's.  The kernel does not say how long the
 * others are, and each segment has as many of these as of those. */
__noinline int
hook_take_segments(struct hook_md *ctx, __u64 union_word)
{
    struct xdp_scratch *scratch = hook_scratch();
    __u32 size = ctx->gso_size, n = ctx->gso_segs;
    bool differ = false;
    __u32 l4_ofs, len;

    if (!scratch || !size) {
        return false;
    }
    scratch->segments = 1;
    scratch->headers_len = 0;
    if (!scratch->pass) {
        stats_count(XDP_COUNTER_GSO);
    }
    if (size == HOOK_GSO_BY_FRAGS || scratch->key.nw_frag) {
        return false;
    }
    l4_ofs = scratch->layers.l4_ofs;
    if (!l4_ofs || l4_ofs + scratch->layers.l4_size != ctx->len) {
        return false;
    }
    switch (scratch->layers.l4_proto) {
    case IPPROTO_TCP: {
        union {
            __u64 word;
            struct {
                __u8 tos_ttl[2];
                __be16 tcp_flags;
            };
        } u = { .word = union_word };
        __be16 ctl;

        if (bpf_skb_load_bytes(ctx, l4_ofs + 12, &ctl, sizeof ctl)) {
            return false;
        }
        len = l4_ofs + (bpf_ntohs(ctl) >> 12) * 4;
        if (len < l4_ofs + sizeof(struct tcphdr)) {
            return false;
        }
        n = (ctx->len - len + size - 1) / size;
        differ = scratch->key.tcp_flags & u.tcp_flags & HOOK_GSO_TCP_FLAGS;
        break;
    }

    case IPPROTO_UDP:
        len = l4_ofs + sizeof(struct udphdr);
        break;

    case IPPROTO_GRE:
    case IPPROTO_IPIP:
    case IPPROTO_IPV6:
        len = l4_ofs;
        break;

    default:
        return false;
    }
    if (!n || len >= ctx->len) {
        return false;
    }
    scratch->segments = n;
    scratch->headers_len = len + hook_tag_len(ctx);
    return !differ;
}

/* Returns true if the packet of 'scratch', which has been parsed, can be run
 * through the flows of 'port' as a whole. */
static __always_inline bool
hook_is_whole(struct hook_md *ctx, struct xdp_scratch *scratch,
              const struct xdp_port *port)
{
    const int word = __builtin_offsetof(struct xdp_key, tcp_flags) / 8;

    return (!ctx->gso_size
            || hook_take_segments(ctx, port->union_bits[word]));
}

/* Notes that the sum of what follows the Ethernet header has changed by
 * 'diff', which no checksum in there makes up for. */
static __always_inline void
hook_note_change(struct hook_md *ctx, __u32 diff)
{
    if (diff) {
        bpf_csum_update(ctx, diff);
    }
}

/* Returns true if there is no checksum of UDP 'ofs' bytes behind the start of
 * the packet. */
static __always_inline bool
hook_lacks_udp_csum(struct hook_md *ctx, __u32 ofs)
{
    __u16 csum;

    return !bpf_skb_load_bytes(ctx, ofs, &csum, sizeof csum) && !csum;
}

/* Updates the checksum 'ofs' bytes behind the start of the packet, of 'what',
 * enum hook_csum, for the change 'diff'.  Pointers into the packet are void
 * afterwards.
 *
 * An unfinished one covers the pseudo-header only.  The sum of the whole
 * packet does not change with what a checksum makes up for.  With addresses,
 * the kernel's function takes it for granted that another one, that of an IPv4
 * header, has made up for them already: of IPv6 the caller has noted them. */
static __always_inline void
hook_update_csum(struct hook_md *ctx, const __u16 *csum, __u32 ofs,
                 __u32 diff, __u32 what)
{
    if (!diff) {
        return;
    }
    if (what == HOOK_CSUM_UDP && hook_lacks_udp_csum(ctx, ofs)) {
        hook_note_change(ctx, diff);
        return;
    }
    bpf_l4_csum_replace(ctx, ofs, 0, diff,
                        (what & HOOK_CSUM_UDP ? BPF_F_MARK_MANGLED_0 : 0)
                        | (what & HOOK_CSUM_PSEUDO ? BPF_F_PSEUDO_HDR : 0));
}

/* Returns true if a checksum of the packet, which is not empty, is unfinished.
 * Pointers into the packet are void afterwards.
 *
 * The kernel says only if it is not: it is known to be right.  But of two
 * kinds of checksums a helper changes those that are finished, whatever really
 * is where it looks for one. */
static __always_inline bool
hook_is_unfinished(struct hook_md *ctx)
{
    __u16 *p = (void *) (long) ctx->data;
    __u16 old;

    if (bpf_csum_level(ctx, BPF_CSUM_LEVEL_QUERY) >= 0
        || (void *) (p + 1) > (void *) (long) ctx->data_end) {
        return false;
    }
    old = *p;
    if (bpf_l4_csum_replace(ctx, 0, 0, 1, 0)) {
        return true;
    }
    p = (void *) (long) ctx->data;
    if ((void *) (p + 1) > (void *) (long) ctx->data_end || *p == old) {
        return true;
    }
    *p = old;
    return false;
}

/* Asks the kernel to take the packet for one in a tunnel, which fails: with
 * -EINVAL, because of an inner header that is too long, only if that was the
 * reason, and with -EALREADY if it does that already.  Returns the error.
 * Pointers into the packet are void afterwards. */
static __always_inline long
hook_probe_tunnel(struct hook_md *ctx)
{
    return bpf_skb_adjust_room(ctx, 1, BPF_ADJ_ROOM_MAC, HOOK_TUNNEL_PROBE);
}

/* Runs the program for later passes.  Returns if that fails. */
static __always_inline void
hook_recirc(struct hook_md *ctx)
{
    bpf_tail_call(ctx, &tc_programs, HOOK_PROGRAM_RECIRC);
}

#endif /* hook_tc.h */
