/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hashes of packets, with the values that userspace gives: those of OVS's
 * lib/flow.c, on top of the hash function of lib/hash.h where the processor
 * has none of its own (MurmurHash3 by Austin Appleby).
 */

#ifndef BPF_HASH_H
#define BPF_HASH_H 1

#include "op.h"
#include "parse_common.h"

/* Values of enum ovs_hash_alg. */
#define HASH_ALG_L4 0
#define HASH_ALG_SYM_L4 1

/* Bits of a VLAN tag that are the VLAN's number. */
#define HASH_VLAN_VID 0x0fff

/* The first of the words that hash_keep() keeps for IPv6. */
#define HASH_KEPT_IPV6 4

/* Returns 'x' rotated by 'n' bits to the left. */
static __always_inline __u32
hash_rotate(__u32 x, int n)
{
    return x << n | x >> (32 - n);
}

/* Returns 'hash' with 'data' mixed in. */
static __always_inline __u32
hash_add(__u32 hash, __u32 data)
{
    data *= 0xcc9e2d51;
    data = hash_rotate(data, 15);
    data *= 0x1b873593;
    hash = hash_rotate(hash ^ data, 13);
    return hash * 5 + 0xe6546b64;
}

/* As hash_add(), for a number of 64 bits. */
static __always_inline __u32
hash_add_word(__u32 hash, __u64 data)
{
    return hash_add(hash_add(hash, data), data >> 32);
}

/* Returns the final 'hash', after mixing in 'final'. */
static __always_inline __u32
hash_finish(__u32 hash, __u32 final)
{
    hash ^= final;
    hash ^= hash >> 16;
    hash *= 0x85ebca6b;
    hash ^= hash >> 13;
    hash *= 0xc2b2ae35;
    hash ^= hash >> 16;
    return hash;
}

/* Returns what stands in 'BITS' bits, at most 32, at byte OFFSET of a word in
 * memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HASH_TAKE(WORD, BITS, OFFSET) \
    ((__u32) ((WORD) >> (8 * (OFFSET))) & (__u32) ((1ULL << (BITS)) - 1))
#else
#define HASH_TAKE(WORD, BITS, OFFSET) \
    ((__u32) ((WORD) >> (64 - (BITS) - 8 * (OFFSET))) \
     & (__u32) ((1ULL << (BITS)) - 1))
#endif

/* As HASH_TAKE(), for the member MEMBER of "struct xdp_key" in its word. */
#define HASH_MEMBER(WORD, MEMBER) \
    HASH_TAKE(WORD, 8 * sizeof ((struct xdp_key *) 0)->MEMBER, \
              __builtin_offsetof(struct xdp_key, MEMBER) % 8)

/* Userspace takes OVS_HASH_ALG_L4 from the packet as it came in, or as it was
 * after an MPLS label was popped last.  So the first pass that needs that
 * hash, or gives way to another pass, keeps what it takes to compute it. */
enum hash_kept {
    HASH_NOTHING_KEPT,          /* That of this pass is right. */
    HASH_KEPT,
    HASH_OUTDATED,              /* That of the next pass is right. */
};

/* Returns the IP protocol of the packet of 'scratch' for hash_l4().  For TCP
 * and UDP, if their header is complete, OVS's lib/dp-packet.h takes it from
 * the first header, also if there are extension headers. */
static __always_inline __u8
hash_proto(const struct xdp_scratch *scratch)
{
    __u8 proto = HASH_MEMBER(scratch->words[PARSE_WORD(nw_proto)], nw_proto);
    __u64 l4 = scratch->words[PARSE_WORD(tp_src)];

    if (HASH_MEMBER(scratch->words[PARSE_WORD(dl_type)], dl_type)
        == bpf_htons(ETH_P_IPV6)
        && (proto == IPPROTO_TCP
            ? HASH_TAKE(l4, 32, 4) || HASH_MEMBER(l4, tcp_flags)
            : (proto == IPPROTO_UDP
               && scratch->layers.l4_size >= sizeof(struct udphdr)
               && !(scratch->layers.flags & XDP_LAYERS_LATER_FRAG)))) {
        return scratch->ip6_next;
    }
    return proto;
}

/* Keeps of the key of 'scratch' what hash_l4() needs.  All of that is there:
 * every flow that hashes or recirculates has the parts for it, and so matches
 * no packet whose parser has filled less. */
static __always_inline void
hash_keep(struct xdp_scratch *scratch)
{
    scratch->kept = HASH_KEPT;
    scratch->has_kept_hash = 0;
    scratch->kept_proto = hash_proto(scratch);
    scratch->kept_words[0] = scratch->words[PARSE_WORD(dl_type)];
    scratch->kept_words[1] = scratch->words[PARSE_WORD(nw_proto)];
    scratch->kept_words[2] = scratch->words[PARSE_WORD(nw_src)];
    scratch->kept_words[3] = scratch->words[PARSE_WORD(tp_src)];
    if (scratch->extended) {
        scratch->kept_words[4] = scratch->words[PARSE_WORD(ipv6_src)];
        scratch->kept_words[5] = scratch->words[PARSE_WORD(ipv6_src) + 1];
        scratch->kept_words[6] = scratch->words[PARSE_WORD(ipv6_dst)];
        scratch->kept_words[7] = scratch->words[PARSE_WORD(ipv6_dst) + 1];
    } else {
        scratch->kept_words[4] = scratch->kept_words[5] = 0;
        scratch->kept_words[6] = scratch->kept_words[7] = 0;
    }
}

/* Computes the hash that userspace has of the packet that hash_keep() was
 * called for: miniflow_hash_5tuple(), but see hash_proto(). */
__noinline __u32
hash_compute_l4(void)
{
    const struct xdp_scratch *scratch = parse_scratch();
    __u32 hash = 0;
    __u8 proto;

    if (!scratch) {
        return 0;
    }
    proto = HASH_MEMBER(scratch->kept_words[1], nw_proto);
    switch (HASH_MEMBER(scratch->kept_words[0], dl_type)) {
    case bpf_htons(ETH_P_IPV6):
#pragma clang loop unroll(full)
        for (int i = HASH_KEPT_IPV6; i < MAPS_KEPT_WORDS; i++) {
            hash = hash_add_word(hash, scratch->kept_words[i]);
        }
        break;

    case bpf_htons(ETH_P_IP):
    case bpf_htons(ETH_P_ARP):
        hash = hash_add(hash, HASH_TAKE(scratch->kept_words[2], 32, 0));
        hash = hash_add(hash, HASH_TAKE(scratch->kept_words[2], 32, 4));
        break;

    default:
        return hash_finish(hash, 42);
    }

    hash = hash_add(hash, scratch->kept_proto);
    switch (proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        hash = hash_add(hash, HASH_TAKE(scratch->kept_words[3], 32, 4));
        break;
    }
    return hash_finish(hash, 42);
}

/* Returns the same hash, which is computed only once for what was kept. */
static __always_inline __u32
hash_l4(struct xdp_scratch *scratch)
{
    if (!scratch->has_kept_hash) {
        scratch->kept_hash = hash_compute_l4();
        scratch->has_kept_hash = 1;
    }
    return scratch->kept_hash;
}

/* Returns flow_hash_symmetric_l2() of the key in 'scratch'. */
static __always_inline __u32
hash_symmetric_l2(const struct xdp_scratch *scratch, __u32 basis)
{
    __u64 dst = scratch->words[PARSE_WORD(dl_dst)];
    __u64 src = scratch->words[PARSE_WORD(dl_src)];
    __u64 tags = scratch->words[PARSE_WORD(vlan_tci1)];
    __u32 hash = basis;
    __u64 word;
    __u16 vid;

    vid = ((HASH_MEMBER(src, vlan_tci0) ^ HASH_MEMBER(tags, vlan_tci1))
           & bpf_htons(HASH_VLAN_VID));
    word = (PARSE_PLACE(HASH_MEMBER(dst, dl_type), 2, 0)
            | PARSE_PLACE(vid, 2, 2));
    hash = hash_add(hash, HASH_TAKE(word, 32, 0));
    hash = hash_add(hash, HASH_TAKE(src ^ dst, 32, 0));
    word = PARSE_PLACE(HASH_TAKE(src ^ dst, 16, 4), 2, 0);
    hash = hash_add(hash, HASH_TAKE(word, 32, 0));
    return hash_finish(hash, basis);
}

/* Returns flow_hash_symmetric_l3l4(), without UDP ports, of the key of this
 * pass. */
__noinline __u32
hash_symmetric_l4(__u32 basis)
{
    const struct xdp_scratch *scratch = parse_scratch();
    __u32 hash = basis;
    __u64 addresses, frag, ports;
    __u8 proto;

    if (!scratch) {
        return 0;
    }
    switch (HASH_MEMBER(scratch->words[PARSE_WORD(dl_type)], dl_type)) {
    case bpf_htons(ETH_P_IP):
        addresses = scratch->words[PARSE_WORD(nw_src)];
        hash = hash_add(hash, HASH_MEMBER(addresses, nw_src)
                        ^ HASH_MEMBER(addresses, nw_dst));
        break;

    case bpf_htons(ETH_P_IPV6):
#pragma clang loop unroll(full)
        for (int i = 0; i < 2; i++) {
            hash = hash_add_word(hash,
                                 scratch->words[PARSE_WORD(ipv6_src) + i]
                                 ^ scratch->words[PARSE_WORD(ipv6_dst) + i]);
        }
        break;

    default:
        return hash_symmetric_l2(scratch, basis);
    }

    frag = scratch->words[PARSE_WORD(nw_proto)];
    ports = scratch->words[PARSE_WORD(tp_src)];
    proto = HASH_MEMBER(frag, nw_proto);
    hash = hash_add(hash, proto);
    if (!HASH_MEMBER(frag, nw_frag)
        && (proto == IPPROTO_TCP || proto == IPPROTO_SCTP)) {
        hash = hash_add(hash, HASH_MEMBER(ports, tp_src)
                        ^ HASH_MEMBER(ports, tp_dst));
    }
    return hash_finish(hash, basis);
}

/* Notes that an MPLS label was popped. */
static __always_inline void
hash_outdate(void)
{
    struct xdp_scratch *scratch = parse_scratch();

    if (scratch) {
        scratch->kept = HASH_OUTDATED;
    }
}

/* Runs XDP_OP_HASH. */
__noinline int
hash_run(const struct xdp_flow_rest *rest, __u32 i)
{
    struct xdp_scratch *scratch = parse_scratch();
    const struct xdp_op *op = op_at(rest, i, 0);

    if (!op || !scratch) {
        return OP_DROP_BAD_OP;
    }
    if (op->u.hash.alg == HASH_ALG_SYM_L4) {
        scratch->dp_hash = hash_symmetric_l4(op->u.hash.basis);
        return OP_OK;
    }
    if (scratch->kept == HASH_NOTHING_KEPT) {
        hash_keep(scratch);
    }
    scratch->dp_hash = hash_finish(hash_add(hash_add(hash_l4(scratch), 0),
                                            op->u.hash.basis), 8);
    return OP_OK;
}

#endif /* hash.h */
