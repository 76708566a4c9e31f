/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections in XDP: the part of lib/xdp-abi.h that is about them.  Included
 * by that, and by nobody else.
 *
 * Userspace's connection tracker (OVS's lib/conntrack.c) is the authority.  It
 * has those that are established in 'xdp_conns', and XDP programs carry their
 * packets as long as nothing but time, TCP windows and statistics change by
 * them.  Whatever a program does not find, or doubts, it leaves to userspace.
 *
 * A tuple is what conntrack looks a packet up by: XDP_CONN_KEY_WORDS words, an
 * 'id' and addresses.  Two tuples lead to a connection: that of the packets in
 * its original direction (0), and that of the replies (1), each as they are
 * before any translation.  If addresses are translated, a packet of one
 * direction becomes what the other tuple says, with source and destination
 * exchanged.
 */

#ifndef XDP_ABI_CONN_H
#define XDP_ABI_CONN_H 1

#include <linux/types.h>

#define XDP_CONN_MAX        4000000 /* Connections that there can be. */
#define XDP_CONN_REFS       8   /* References in one half of a bucket. */
#define XDP_CONN_REF_BITS   23  /* Of a reference that say where it leads. */
#define XDP_CONN_KEY_WORDS  5   /* 64-bit words of a tuple. */

/* The 'id' of a tuple, as a number the first word. */
union xdp_conn_id {
    struct {
        __be16 src;         /* Port; of ICMP the identifier... */
        __be16 dst;         /* ...and type and code, as in the packet. */
        __u16 zone;
        __u8 proto;         /* IPPROTO_*. */
        __u8 is_ipv6;       /* 0 or 1. */
    };
    __u64 word;
};

/* One direction of a connection: what its packets look like, and what they,
 * and only they, change. */
struct xdp_conn_dir {
    __u64 id;               /* union xdp_conn_id. */
    __u64 address;          /* IPv4: source and destination, as word 4 of a
                             * key.  IPv6: the first half of the source. */
    __u64 window;           /* TCP: xdp_conn_window().  Only grows. */
    __u32 max_win;          /* TCP: the largest window, not scaled.  Only
                             * grows. */
    __u32 pad;
    __u64 packets;          /* Carried by XDP.  Some may be missing that */
    __u64 bytes;            /* several CPUs counted at one time. */
    __u64 pad2[2];
} __attribute__((aligned(64)));

/* A connection, value of the map 'xdp_conns'.  One map for all objects, made
 * by the provider, as that of meters.
 *
 * The provider fills an entry that no program can know, sets 'valid', and
 * publishes references in 'xdp_conn_refs'.  It clears 'valid' before it takes
 * the references away, and reuses the entry only when every program run that
 * may have found it has ended.  Until then, what programs still change counts.
 * Except for what comments say, an entry is constant while it is valid. */
struct xdp_conn {
    __u32 valid;            /* 0, or a number that is another one each time
                             * the entry is filled. */
    __u32 seq;              /* Odd while userspace changes 'mark' or 'label'.
                             * Who reads them reads this before and after. */
    __u32 mark;             /* May change, and so may... */
    __u8 flags;             /* enum xdp_conn_flags. */
    __u8 scale[2];          /* TCP: by how many bits windows are scaled that
                             * the packets of each direction say. */
    __u8 pad;
    __u64 label[2];         /* ...this.  As "ovs_u128" has it. */
    __u64 expiration;       /* CLOCK_MONOTONIC, ns: from then on there is no
                             * connection.  Changed by userspace and XDP. */
    __u64 timeout;          /* ns, after a packet. */
    __u64 pad2[2];
    struct xdp_conn_dir dirs[2];
    __u64 more[2][3];       /* IPv6: the rest of the addresses. */
    __u64 pad3[2];
} __attribute__((aligned(64)));

enum xdp_conn_flags {
    /* What happens to packets in the original direction when the action has
     * XDP_CT_NAT; replies get the reverse.  At most one of them. */
    XDP_CONN_SRC_NAT = 1 << 0,
    XDP_CONN_DST_NAT = 1 << 1,

    XDP_CONN_NEW = 1 << 2,      /* Packets are part of no connection that is
                                 * established: no reply has come. */
};

/* References to connections, value of the map 'xdp_conn_refs'.
 *
 * The hash of a tuple chooses a bucket, a half of it, and a tag.  The
 * reference is in that half or, if there was no room or another one with the
 * same tag, in the other one.  No half has two with the same tag.
 *
 * The lower XDP_CONN_REF_BITS are 2 * index in 'xdp_conns' + direction + 1,
 * above them is the tag, 0 is no reference. */
struct xdp_conn_refs {
    __u32 refs[2][XDP_CONN_REFS];
} __attribute__((aligned(64)));

/* Where references of a hash are. */
struct xdp_conn_place {
    __u32 bucket;
    __u32 half;
    __u32 tag;              /* In the upper bits of a reference. */
};

/* Returns the hash of a tuple of the words 'id', 'address' and, if it is one
 * of IPv6, the three of 'more', which is otherwise not looked at.  'secret'
 * has random odd numbers: multiply-shift hashing, whose upper bits are the
 * good ones. */
static inline __attribute__((always_inline)) __u64
xdp_conn_hash(__u64 id, __u64 address, const __u64 *more, int is_ipv6,
              const volatile __u64 secret[XDP_CONN_KEY_WORDS])
{
    __u64 hash = id * secret[0] + address * secret[1];

    if (is_ipv6) {
        hash += more[0] * secret[2] + more[1] * secret[3]
                + more[2] * secret[4];
    }
    return hash ^ hash >> 32;
}

/* Returns where references of 'hash' are in a map of 2**'bits' buckets. */
static inline __attribute__((always_inline)) struct xdp_conn_place
xdp_conn_place(__u64 hash, __u32 bits)
{
    const int tag_bits = 32 - XDP_CONN_REF_BITS;
    struct xdp_conn_place place;

    hash = hash * 0x9e3779b97f4a7c15ULL;
    place.tag = hash >> (64 - tag_bits) << XDP_CONN_REF_BITS;
    hash <<= tag_bits;
    place.half = hash >> 63;
    place.bucket = hash << 1 >> 1 >> (63 - bits);
    return place;
}

/* Returns 'window' of a direction from the highest sequence number that its
 * sender has sent, plus one, and from the highest one, plus one, that it lets
 * the other end send ("seqlo" of the sender and "seqhi" of the other end in
 * OVS's lib/conntrack-tcp.c). */
static inline __attribute__((always_inline)) __u64
xdp_conn_window(__u32 sent, __u32 allowed)
{
    return (__u64) sent << 32 | allowed;
}

/* How often xdp_conn_raise() and xdp_conn_raise_win() try before they give up.
 * Each failure means that somebody else has raised it in the meantime. */
#define XDP_CONN_TRIES 8

/* Raises both halves of '*window' to at least 'sent' and 'allowed', sequence
 * numbers of TCP (RFC 9293, section 3.4: modulo 2**32).  Returns 1, or 0 if
 * that failed. */
static inline __attribute__((always_inline)) int
xdp_conn_raise(__u64 *window, __u32 sent, __u32 allowed)
{
    __u64 old = *(volatile __u64 *) window;

    for (int i = 0; i < XDP_CONN_TRIES; i++) {
        __u32 old_sent = old >> 32;
        __u32 old_allowed = old;
        __u64 new = xdp_conn_window(
            (__s32) (sent - old_sent) > 0 ? sent : old_sent,
            (__s32) (allowed - old_allowed) > 0 ? allowed : old_allowed);
        __u64 seen;

        if (new == old) {
            return 1;
        }
        seen = __sync_val_compare_and_swap(window, old, new);
        if (seen == old) {
            return 1;
        }
        old = seen;
    }
    return 0;
}

/* Raises '*max_win' to at least 'win'.  Returns 1, or 0 if that failed. */
static inline __attribute__((always_inline)) int
xdp_conn_raise_win(__u32 *max_win, __u32 win)
{
    __u32 old = *(volatile __u32 *) max_win;

    for (int i = 0; i < XDP_CONN_TRIES; i++) {
        __u32 seen;

        if (old >= win) {
            return 1;
        }
        seen = __sync_val_compare_and_swap(max_win, old, win);
        if (seen == old) {
            return 1;
        }
        old = seen;
    }
    return 0;
}

#endif /* xdp-abi-conn.h */
