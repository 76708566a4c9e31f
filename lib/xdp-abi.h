/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the linux_xdp flow offload and an XDP object.
 *
 * Every structure and constant that crosses the kernel boundary is here, and
 * nothing else.  The file is compiled twice: into the provider (lib/) by the
 * host's compiler and into the objects (bpf/) by clang for the BPF target.
 * An object says in its '.ovs_meta' BTF section which version of this file it
 * was built with; see Documentation/topics/xdp-object.rst.
 *
 * Unless a comment says otherwise, integers are in host byte order, packet
 * fields in network byte order, lengths in bytes, and every pad is zero.
 */

#ifndef XDP_ABI_H
#define XDP_ABI_H 1

#include <linux/types.h>

/* To be incremented with every change that an older provider or an older
 * object would misunderstand. */
#define XDP_ABI_VERSION 1

/* Fixed limits.  What an operator can choose (flows, masks, ports) is the
 * 'max_entries' of the respective map instead. */
#define XDP_KEY_WORDS       6   /* 64-bit words of a key. */
#define XDP_MASK_MAX_WORDS  16  /* Words that one mask may touch. */
#define XDP_FLOW_MAX_OPS    16  /* Ops of one flow. */
#define XDP_PORT_MAX_MASKS  256 /* Masks in use on one ingress port. */
#define XDP_PORT_PROBES     8   /* Places where a port's entry may be. */
#define XDP_PORT_MAX_QUEUES 16  /* AF_XDP sockets of one port. */
#define XDP_VLAN_MAX        2   /* VLAN tags that the parser can look at. */

/* What a packet is matched on: the fields of OVS's 'struct flow'
 * (include/openvswitch/flow.h) that have the same name, with the values that
 * flow_extract() gives them.  The members are the contract: a provider
 * offloads a flow only if the object's own definition of this struct, read
 * from its BTF, has every field that the flow matches, in the same place.
 *
 * Fields that a megaflow usually matches together share a word, because the
 * cost of a lookup grows with the number of words that a mask touches. */
struct xdp_key {
    /* Word 0. */
    __u32 in_port;      /* Index of the ingress port in 'xdp_ports'. */
    __u32 pad0;

    /* Word 1. */
    __u8 dl_dst[6];
    __be16 dl_type;     /* 0x05ff (FLOW_DL_TYPE_NONE) without Ethertype. */

    /* Word 2. */
    __u8 dl_src[6];
    __be16 vlan_tci0;   /* Outermost tag; bit 0x1000 says "tag present". */

    /* Word 3. */
    __be16 vlan_tpid0;
    __be16 vlan_tci1;
    __be16 vlan_tpid1;
    __u8 nw_frag;       /* FLOW_NW_FRAG_*.  This and the rest: IPv4 only. */
    __u8 nw_proto;

    /* Word 4. */
    __be32 nw_src;
    __be32 nw_dst;

    /* Word 5. */
    __u8 nw_tos;
    __u8 nw_ttl;
    __be16 tcp_flags;   /* The low 12 bits, as in TCP_FLAGS(). */
    __be16 tp_src;      /* Also ICMP and IGMP type. */
    __be16 tp_dst;      /* Also ICMP and IGMP code. */
} __attribute__((aligned(8)));

/* A mask: the words of the key that it touches, in ascending order.  Value of
 * the map 'xdp_masks', whose index is the mask's id.  Constant while any flow
 * or port refers to it. */
struct xdp_mask {
    __u32 n_words;                      /* 1 to XDP_MASK_MAX_WORDS. */
    __u32 pad;
    __u64 bits[XDP_MASK_MAX_WORDS];     /* Nonzero in the first n_words. */
    __u8 word[XDP_MASK_MAX_WORDS];      /* Index into the key. */
};

/* Ops, in the order in which people added them: the numbers are the contract.
 * An object runs the ops that its own definition of this enum has. */
enum xdp_op_type {
    XDP_OP_NONE = 0,
    XDP_OP_OUTPUT = 1,      /* To port 'u.output.port'.  Ends the run. */
    XDP_OP_PUSH_VLAN = 2,   /* As OVS_ACTION_ATTR_PUSH_VLAN. */
    XDP_OP_POP_VLAN = 3,    /* As OVS_ACTION_ATTR_POP_VLAN. */
};

/* One step of a flow's actions. */
struct xdp_op {
    __u32 type;             /* enum xdp_op_type. */
    __u32 pad;
    union {
        struct {
            __u32 port;     /* Index in 'xdp_ports' and 'tx_ports'. */
            __u32 pad;
        } output;
        struct {
            __be16 tpid;
            __be16 tci;     /* Without the "tag present" bit 0x1000. */
            __u32 pad;
        } push_vlan;
        __u64 raw;
    } u;
};

/* A flow slot, value of the map 'xdp_flows'.
 *
 * The provider fills a slot that no packet can reach, sets 'valid' last, and
 * then publishes the slot's number in the subtable.  It clears 'valid' when it
 * withdraws the flow and reuses the slot only when every program run that may
 * have seen the number has ended.  A reader that finds 'valid' set and
 * 'words' equal to the packet's key in all of 'bits' may therefore run
 * 'ops'. */
struct xdp_flow {
    __u32 valid;                    /* 0 or 1. */
    __u32 n_ops;                    /* 0 (drop) to XDP_FLOW_MAX_OPS. */
    __u64 bits[XDP_KEY_WORDS];      /* The mask... */
    __u64 words[XDP_KEY_WORDS];     /* ...and the masked key, as a whole: */
                                    /* comparing all is faster than a loop. */
    struct xdp_op ops[XDP_FLOW_MAX_OPS];
};

/* Statistics of one flow slot on one CPU, value of the map 'xdp_flow_stats'
 * at index CPU * (number of slots) + slot.  Written by that CPU only. */
struct xdp_flow_stats {
    __u64 packets;
    __u64 bytes;        /* As received, without the Ethernet FCS. */
    __u64 used;         /* CLOCK_MONOTONIC_COARSE, ns; 0 for never. */
    __u64 tcp_flags;    /* Bitwise OR, host byte order. */
};

/* An ingress port, value of the map 'xdp_ports'.
 *
 * The entry of the device with ifindex I is at one of the indexes
 * (I + n) % max_entries, 0 <= n < XDP_PORT_PROBES.  That index is the port's
 * number everywhere else: in keys, in 'tx_ports', and, times
 * XDP_PORT_MAX_QUEUES plus the receive queue, in 'xsks_map'. */
struct xdp_port {
    __u32 ifindex;      /* 0 in a free entry. */
    __u32 vlan_limit;   /* VLAN tags to parse, 0 to XDP_VLAN_MAX. */
    __u32 n_masks;      /* Entries of 'masks' in use. */
    __u32 pad;
    __u64 union_bits[XDP_KEY_WORDS];    /* Bitwise OR of these masks. */
    __u16 masks[XDP_PORT_MAX_MASKS];    /* The masks to try, in order. */
};

/* Packets of one ingress port on one CPU, value of the per-CPU map
 * 'xdp_port_stats'.  What the flow table carried is in 'xdp_flow_stats'. */
struct xdp_port_stats {
    __u64 upcalls;      /* Handed to an AF_XDP socket. */
    __u64 no_socket;    /* Queue without socket: passed to the kernel. */
};

/* Indexes of the per-CPU map 'debug_stats', each a packet count since the
 * object was loaded. */
enum xdp_counter {
    XDP_COUNTER_PACKETS = 0,        /* Seen by the program. */
    XDP_COUNTER_UPCALLS = 1,        /* Handed to an AF_XDP socket. */
    XDP_COUNTER_OUTPUT = 2,         /* Redirected to a port by a flow. */
    XDP_COUNTER_HINT_HITS = 3,      /* Found through the hint cache. */
    XDP_COUNTER_SUBTABLE_HITS = 4,  /* Found by walking the subtables. */
    XDP_COUNTER_MISSES = 5,         /* No flow. */
    XDP_COUNTER_PUSH_VLAN = 6,      /* VLAN tags pushed. */
    XDP_COUNTER_POP_VLAN = 7,       /* VLAN tags popped. */
    XDP_COUNTER_FLOW_DROPS = 8,     /* Dropped by a flow without output. */
    XDP_COUNTER_DROP_NO_PORT = 9,   /* Output to a port that is gone. */
    XDP_COUNTER_DROP_HEADROOM = 10, /* No room in front to push a header. */
    XDP_COUNTER_DROP_BAD_OP = 11,   /* An op that the object cannot run. */
    XDP_COUNTER_NO_SOCKET = 12,     /* No AF_XDP socket: passed on. */
    XDP_COUNTER_UNKNOWN_PORT = 13,  /* Device without entry: passed on. */
    XDP_COUNTER_MAX
};

/* Returns 'digest' extended by masked key word 'word'.  'secret' is the
 * random number that belongs to the word's place in the key.  Start with 0;
 * the order of words is of no importance, and a word that is left out counts
 * as one that is not in the mask.
 *
 * This is the NH universal hash (RFC 4418, section 5.2.2): for two different
 * keys of one mask, whoever chose them, the digests are equal with a
 * probability of at most 2**-32 over the choice of the secrets. */
static inline __attribute__((always_inline)) __u64
xdp_digest_add(__u64 digest, __u64 word, __u64 secret)
{
    __u32 lo = (__u32) word + (__u32) secret;
    __u32 hi = (__u32) (word >> 32) + (__u32) (secret >> 32);

    return digest + (__u64) lo * hi;
}

#endif /* xdp-abi.h */
