/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the linux_xdp flow offload and an XDP object.
 *
 * Every structure and constant that crosses the kernel boundary is here, or,
 * as far as it is about connections, in lib/xdp-abi-conn.h, about meters, in
 * lib/xdp-abi-meter.h, or about programs at tc, in lib/xdp-abi-tc.h, and
 * nothing else.  These files are compiled twice: into the provider (lib/) by
 * the host's compiler and into the objects (bpf/) by clang for the BPF target.
 * An object says in its '.ovs_meta' BTF section which version of them it was
 * built with; see Documentation/topics/xdp-object.rst.
 *
 * Unless a comment says otherwise, integers are in host byte order, packet
 * fields in network byte order, lengths in bytes, and every pad is zero.
 */

#ifndef XDP_ABI_H
#define XDP_ABI_H 1

#include <linux/types.h>

#include "xdp-abi-conn.h"
#include "xdp-abi-meter.h"

/* To be incremented with every change that an older provider or an older
 * object would misunderstand. */
#define XDP_ABI_VERSION 9

/* Fixed limits.  What an operator can choose (flows, masks, ports) is the
 * 'max_entries' of the respective map instead. */
#define XDP_KEY_WORDS       38  /* 64-bit words of a key, at most 64. */
#define XDP_KEY_BASIC_WORDS 6   /* The first of them: all that IPv4 has. */
#define XDP_KEY_EXT_WORDS   11  /* The extended ones behind. */
#define XDP_KEY_CT_WORDS    9   /* Those behind: connection tracking. */
#define XDP_KEY_CT_BASIC_WORDS 3 /* The first of them: without the tuple. */
#define XDP_KEY_CT_IPV4_WORDS 5 /* All of them that IPv4 has. */
#define XDP_KEY_TUNNEL_WORDS 12 /* The last ones: a header that was popped. */
#define XDP_KEY_TUNNEL_BASIC_WORDS 4 /* The first of them: all that there is
                                      * without options over IPv4. */
#define XDP_MASK_MAX_WORDS  20  /* Words that one mask may touch. */
#define XDP_MASK_MAX_FAR_WORDS 19 /* Of these, far ones: word 0 is none. */
#define XDP_FLOW_MAX_OPS    16  /* Op slots of one flow. */
#define XDP_REST_SLOTS      2048 /* Flow slots of one chunk of their rest. */
#define XDP_FLOW_MAX_CTS    3   /* Of these, XDP_OP_CT. */
#define XDP_MAX_GROUPS      1024 /* Sets of outputs, of which 0 is unused. */
#define XDP_PORT_MAX_MASKS  256 /* Masks in use on one ingress port. */
#define XDP_MASK_HITS       4096 /* Counters of 'xdp_mask_hits' of a CPU. */
#define XDP_PORT_PROBES     8   /* Places where a port's entry may be. */
#define XDP_MIN_HINTS       4   /* Hints of one bucket in 'xdp_hints'. */
#define XDP_PORT_MAX_QUEUES 16  /* AF_XDP sockets of one port. */
#define XDP_VLAN_MAX        2   /* VLAN tags that the parser can look at. */
#define XDP_MPLS_MAX        3   /* Label stack entries of a key. */
#define XDP_TUNNEL_MAX_OPTS 32  /* Bytes of Geneve options of a key. */
#define XDP_TUNNEL_MAX_HEADER 128 /* Bytes of a header to push. */
#define XDP_SEQUENCE_MAX    4096 /* Datapath ports with sequence numbers. */

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
    __u32 recirc_id;    /* 0 on the first pass. */

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
    __u8 nw_frag;       /* FLOW_NW_FRAG_*. */
    __u8 nw_proto;      /* Also ARP and RARP opcode. */

    /* Word 4. */
    __be32 nw_src;      /* Also sender's address in ARP and RARP. */
    __be32 nw_dst;      /* Also target's address in ARP and RARP. */

    /* Word 5. */
    __u8 nw_tos;
    __u8 nw_ttl;
    __be16 tcp_flags;   /* The low 12 bits, as in TCP_FLAGS(); in ND the type
                         * of the link-layer address option. */
    __be16 tp_src;      /* Also ICMP, ICMPv6 and IGMP type. */
    __be16 tp_dst;      /* Also ICMP, ICMPv6 and IGMP code. */

    /* From here on, zero for plain IPv4: XDP_KEY_EXT_WORDS. */

    /* Words 6 to 9. */
    __u8 ipv6_src[16];
    __u8 ipv6_dst[16];

    /* Words 10 and 11. */
    __u8 nd_target[16];

    /* Words 12 and 13. */
    __u8 arp_sha[6];    /* Also link-layer source address in ND. */
    __u8 arp_tha[6];    /* Also link-layer target address in ND. */
    __be32 ipv6_label;  /* 20 bits. */

    /* Words 14 and 15. */
    __be32 mpls_lse[XDP_MPLS_MAX]; /* Outermost first. */
    __be32 igmp_group_ip4; /* Also the reserved field of ND. */

    /* Word 16. */
    __u32 dp_hash;      /* Of XDP_OP_HASH; 0 before. */
    __u32 pad1;

    /* From here on, zero before XDP_OP_CT and after XDP_OP_CT_CLEAR:
     * XDP_KEY_CT_WORDS. */

    /* Word 17. */
    __u8 ct_state;      /* CS_*. */
    __u8 ct_nw_proto;   /* Of the tuple below. */
    __u16 ct_zone;
    __u32 ct_mark;

    /* Words 18 and 19. */
    __u64 ct_label[2];  /* As "ovs_u128" has it. */

    /* The tuple of the connection in its original direction, before any
     * translation of addresses. */

    /* Word 20. */
    __be32 ct_nw_src;
    __be32 ct_nw_dst;

    /* Word 21. */
    __be16 ct_tp_src;   /* Also ICMP type. */
    __be16 ct_tp_dst;   /* Also ICMP code. */
    __u32 pad3;

    /* Words 22 to 25. */
    __u8 ct_ipv6_src[16];
    __u8 ct_ipv6_dst[16];

    /* From here on, zero before XDP_OP_TNL_POP: XDP_KEY_TUNNEL_WORDS, the
     * members of "struct flow_tnl" with the same names after 'tun_'. */

    /* Word 26. */
    __be32 tun_ip_src;
    __be32 tun_ip_dst;

    /* Word 27. */
    __be64 tun_tun_id;

    /* Word 28. */
    __u16 tun_flags;    /* FLOW_TNL_F_*. */
    __u8 tun_ip_tos;
    __u8 tun_ip_ttl;
    __be16 tun_tp_src;
    __be16 tun_tp_dst;

    /* Word 29. */
    __u32 tun_erspan_idx;
    __u8 tun_erspan_ver;
    __u8 tun_opts_len;  /* Bytes of 'tun_opts', a multiple of 4. */
    __u16 pad2;

    /* From here on, zero unless there are options or IPv6 addresses. */

    /* Words 30 to 33. */
    __u8 tun_opts[XDP_TUNNEL_MAX_OPTS]; /* Geneve options as received. */

    /* Words 34 to 37. */
    __u8 tun_ipv6_src[16];
    __u8 tun_ipv6_dst[16];
} __attribute__((aligned(8)));

/* Parts of the key that cost the parser time.  A parser fills a part if a mask
 * in use on the ingress port touches it, and says so.  What it fills beyond
 * these, masks do not look at: of IP headers with TCP it always fills the TCP
 * flags, for the statistics.  The Ethernet header, VLAN tags and the ingress
 * port are always there. */
enum xdp_key_part {
    XDP_PART_NETWORK = 1 << 0,   /* What MPLS, ARP, IPv4 and IPv6 headers
                                  * say. */
    XDP_PART_TRANSPORT = 1 << 1, /* What is above IP. */
    XDP_PART_EXTENDED = 1 << 2,  /* The extended words. */
    XDP_PART_TUNNEL = 1 << 3,    /* The tunnel words, which no parser fills:
                                  * the basic ones... */
    XDP_PART_TUNNEL_RARE = 1 << 4, /* ...and the others. */
    XDP_PART_CT = 1 << 5,        /* The words of connection tracking, which no
                                  * parser fills either: the basic ones... */
    XDP_PART_CT_TUPLE = 1 << 6,  /* ...and those of the tuple. */
    XDP_PART_REST = 1 << 7,      /* The mask has bits in words that "struct
                                  * xdp_flow_rest" has, so there is something
                                  * to compare there.  The parts above may
                                  * also be what ops need. */
};

/* Where the headers of a packet are, in bytes from its start.  What a program
 * knows about a packet beside its key, and passes on when it changes it. */
struct xdp_layers {
    __u16 net_ofs;      /* What follows the Ethertype: MPLS, ARP, IP... */
    __u16 l4_ofs;       /* What follows the IP headers; 0 if unknown. */
    __u8 l4_proto;      /* IP protocol there, after IPv6 extensions. */
    __u8 flags;         /* enum xdp_layers_flags. */
    __u16 l4_size;      /* From there to the end of the IP packet. */
};

enum xdp_layers_flags {
    XDP_LAYERS_IPV6_ROUTING = 1 << 0, /* Routing header, segments left. */
    XDP_LAYERS_LATER_FRAG = 1 << 1,   /* No transport header in here. */
    XDP_LAYERS_MPLS = 1 << 2,         /* A label stack is at 'net_ofs'. */
};

/* A mask.  Value of the map 'xdp_masks', whose index is the mask's id.
 * Constant while a flow or a port refers to it, or a program may be running
 * that has seen one that did. */
struct xdp_mask {
    /* The basic words as a whole, and those of connection tracking without the
     * tuple, which is faster to compare. */
    __u64 basic[XDP_KEY_BASIC_WORDS];
    __u64 ct_bits[XDP_KEY_CT_BASIC_WORDS];
    /* The words of the key that it touches: first the far ones, which are
     * those that are not above, and then the others, in ascending order. */
    __u64 bits[XDP_MASK_MAX_WORDS];     /* Nonzero in the first n_words. */
    __u8 word[XDP_MASK_MAX_WORDS];      /* Index into the key. */
    __u8 n_words;                       /* 1 to XDP_MASK_MAX_WORDS. */
    __u8 n_far;                         /* Up to XDP_MASK_MAX_FAR_WORDS. */
} __attribute__((aligned(64)));

/* Ops, in the order in which people added them: the numbers are the contract.
 * An object runs the ops that its own definition of this enum has.
 *
 * An op takes one slot of 16 bytes and as many more as its comment says, whose
 * contents are data.  A "value" is zero where its "mask" is zero; the bits of
 * the packet that the mask covers become those of the value. */
enum xdp_op_type {
    XDP_OP_NONE = 0,
    XDP_OP_OUTPUT = 1,      /* To port 'u.output.port'. */
    XDP_OP_PUSH_VLAN = 2,   /* As OVS_ACTION_ATTR_PUSH_VLAN. */
    XDP_OP_POP_VLAN = 3,    /* As OVS_ACTION_ATTR_POP_VLAN. */
    XDP_OP_SET_ETHERNET = 4, /* + 1: mask.  As OVS_KEY_ATTR_ETHERNET. */
    XDP_OP_SET_IPV4 = 5,    /* + 1: mask.  As OVS_KEY_ATTR_IPV4. */
    XDP_OP_SET_IPV6 = 6,    /* Label, traffic class, hop limit. */
    XDP_OP_SET_IPV6_SRC = 7, /* + 2: address, mask. */
    XDP_OP_SET_IPV6_DST = 8, /* + 2: address, mask. */
    XDP_OP_SET_TCP = 9,     /* As OVS_KEY_ATTR_TCP. */
    XDP_OP_SET_UDP = 10,    /* As OVS_KEY_ATTR_UDP. */
    XDP_OP_SET_ICMP = 11,   /* As OVS_KEY_ATTR_ICMP and _ICMPV6. */
    XDP_OP_SET_ARP = 12,    /* + 3: mask, hardware addresses, mask. */
    XDP_OP_SET_ND_TARGET = 13, /* + 2: address, mask. */
    XDP_OP_SET_ND_LL = 14,  /* + 1: mask.  Link-layer addresses. */
    XDP_OP_PUSH_MPLS = 15,  /* As OVS_ACTION_ATTR_PUSH_MPLS. */
    XDP_OP_POP_MPLS = 16,   /* As OVS_ACTION_ATTR_POP_MPLS. */
    XDP_OP_SET_MPLS = 17,   /* As OVS_KEY_ATTR_MPLS. */
    XDP_OP_TRUNC = 18,      /* As OVS_ACTION_ATTR_TRUNC, right before the last
                             * output. */
    XDP_OP_METER = 19,      /* As OVS_ACTION_ATTR_METER. */
    XDP_OP_HASH = 20,       /* As OVS_ACTION_ATTR_HASH, of the packet at the
                             * beginning of the pass; OVS_HASH_ALG_L4 is of
                             * the packet that came in, or of that whose last
                             * MPLS label was popped, as in userspace. */
    XDP_OP_RECIRC = 21,     /* As OVS_ACTION_ATTR_RECIRC, the last op. */
    XDP_OP_TNL_PUSH = 22,   /* + the header.  As OVS_ACTION_ATTR_TUNNEL_PUSH,
                             * of a packet whose ports the key has. */
    XDP_OP_TNL_POP = 23,    /* As OVS_ACTION_ATTR_TUNNEL_POP, the last op,
                             * after nothing but XDP_OP_POP_VLAN. */
    XDP_OP_CT = 24,         /* + 2 with XDP_CT_LABEL: label, mask.  As
                             * OVS_ACTION_ATTR_CT, of a packet that belongs to
                             * a connection in 'xdp_conns'.  Others go to
                             * userspace before any op is run. */
    XDP_OP_CT_CLEAR = 25,   /* As OVS_ACTION_ATTR_CT_CLEAR, where no XDP_OP_CT
                             * follows: see XDP_CT_AFRESH. */
    XDP_OP_SET_VLAN = 26,   /* POP_VLAN and PUSH_VLAN where there is a tag. */
};

/* As the attributes of OVS_ACTION_ATTR_CT. */
enum xdp_ct_flags {
    XDP_CT_NAT = 1 << 0,        /* OVS_CT_ATTR_NAT, whatever is in it: what it
                                 * comes to is known of each connection. */
    XDP_CT_FORCE = 1 << 1,      /* OVS_CT_ATTR_FORCE_COMMIT. */
    XDP_CT_LABEL = 1 << 2,      /* There is a label to set. */
    XDP_CT_AFRESH = 1 << 3,     /* OVS_ACTION_ATTR_CT_CLEAR comes before. */
};

/* What follows the outer IP header.  As in OVS's lib/netdev-native-tnl.c. */
enum xdp_tunnel_type {
    XDP_TUNNEL_NONE = 0,
    XDP_TUNNEL_VXLAN = 1,   /* RFC 7348. */
    XDP_TUNNEL_GENEVE = 2,  /* RFC 8926. */
    XDP_TUNNEL_GRE = 3,     /* RFC 2784 and 2890, with an Ethernet frame. */
    XDP_TUNNEL_ERSPAN = 4,  /* Type II: draft-foschiano-erspan-03. */
};

/* What XDP_OP_TNL_PUSH has to do to the header that it pushes, an Ethernet
 * header, an IPv4 or IPv6 header of minimal length, and what follows. */
enum xdp_tunnel_push_flags {
    XDP_TUNNEL_PUSH_IPV6 = 1 << 0,      /* Outer header is IPv6. */
    XDP_TUNNEL_PUSH_UDP = 1 << 1,       /* Set source port and length. */
    XDP_TUNNEL_PUSH_UDP_CSUM = 1 << 2,  /* Compute UDP's checksum. */
    XDP_TUNNEL_PUSH_GRE_CSUM = 1 << 3,  /* Compute GRE's checksum. */
    XDP_TUNNEL_PUSH_SEQ = 1 << 4,       /* Set the sequence number. */
};

/* MAC addresses as OVS_KEY_ATTR_ETHERNET, OVS_KEY_ATTR_ND and the second half
 * of OVS_KEY_ATTR_ARP have them. */
struct xdp_op_macs {
    __be16 first[3];        /* Destination; sender; source link layer. */
    __be16 second[3];       /* Source; target; target link layer. */
};

struct xdp_op_ipv4 {
    __be32 src;
    __be32 dst;
    __u8 tos;
    __u8 ttl;
    __u16 pad;
};

struct xdp_op_arp {
    __be32 sip;
    __be32 tip;
    __be16 op;
    __u16 pad;
};

/* One slot of a flow's actions. */
struct xdp_op {
    __u16 type;             /* enum xdp_op_type. */
    __u16 n_data;           /* Data slots that follow. */
    union {
        struct {
            __u32 port;     /* Index in 'xdp_ports' and 'tx_ports'. */
            __u32 ifindex;  /* The device there. */
        } output;
        struct {
            __be16 tpid;
            __be16 tci;     /* Without the "tag present" bit 0x1000. */
        } push_vlan;            /* Also SET_VLAN. */
        struct xdp_op_macs macs;    /* SET_ETHERNET, SET_ND_LL. */
        struct xdp_op_ipv4 ipv4;
        struct xdp_op_arp arp;
        struct {
            __be32 label, label_mask;
            __u8 tclass, tclass_mask;
            __u8 hlimit, hlimit_mask;
        } ipv6;
        struct {
            __be16 src, dst;
            __be16 src_mask, dst_mask;
        } ports;
        struct {
            __u8 type, code;
            __u8 type_mask, code_mask;
        } icmp;
        struct {
            __be32 lse;     /* To push, or to set. */
            __be32 mask;    /* To set. */
            __be16 type;    /* Ethertype after a push or a pop. */
            __u16 pad;
        } mpls;
        struct {
            __u32 max_len;  /* At least ETH_HLEN. */
        } trunc;
        struct {
            __u32 id;       /* Index in 'xdp_meters'. */
        } meter;
        struct {
            __u32 alg;      /* OVS_HASH_ALG_*. */
            __u32 basis;
        } hash;
        struct {
            __u32 id;       /* Not 0. */
        } recirc;
        struct {
            __u8 header_len; /* Up to XDP_TUNNEL_MAX_HEADER, 14 bytes and a
                              * multiple of 4. */
            __u8 flags;     /* enum xdp_tunnel_push_flags. */
            __u16 port_min; /* First UDP source port... */
            __u16 n_ports;  /* ...and how many there are. */
            __u8 seq_ofs;   /* Bytes in front of the sequence number. */
            __u8 pad;
            __u32 seq;      /* Its index in 'xdp_sequences'. */
        } tnl_push;
        struct {
            __u32 port;     /* The tunnel's index in 'xdp_ports'. */
            __u32 odp_port; /* Its number in the datapath. */
            __u8 type;      /* enum xdp_tunnel_type. */
            __u8 n_tags;    /* VLAN tags that are popped before. */
            __u16 pad;
        } tnl_pop;
        struct {
            __u16 zone;
            __u8 flags;     /* enum xdp_ct_flags. */
            __u8 pad;
            __u32 mark;     /* Set where 'mark_mask' has ones. */
            __u32 mark_mask;
        } ct;
        __u32 raw[3];
    } u;
};

/* A data slot, in the place of a "struct xdp_op". */
union xdp_op_data {
    __be32 address[4];      /* SET_IPV6_*, SET_ND_TARGET. */
    __u8 bytes[16];         /* TNL_PUSH. */
    __u64 label[2];         /* CT. */
    struct xdp_op_macs macs; /* SET_ETHERNET, SET_ARP, SET_ND_LL. */
    struct xdp_op_ipv4 ipv4;
    struct xdp_op_arp arp;
};

/* A flow slot: what most packets need, value of the map 'xdp_flows', and the
 * rest.  They are apart because what many flows need of the caches is what
 * limits their speed.
 *
 * The rest has seven times the size, and is there only for flows that need it:
 * those without XDP_FLOW_SIMPLE, and those with XDP_PART_REST.  That of slot I
 * is in element I / XDP_REST_SLOTS of 'xdp_flow_rest', a map of maps, and in
 * there value I % XDP_REST_SLOTS.  Such an inner map, a chunk, is made before
 * the first slot of it is filled that needs it, and stays.
 *
 * The provider fills a slot that no packet can reach, and then sets 'valid'
 * and publishes the slot's number in the subtable, in either order.  It clears
 * 'valid' when it withdraws the flow and reuses the slot only when every
 * program run that may have found it, with 'valid' set, has ended.  A reader
 * that finds 'valid' set, has filled all 'parts', and whose packet's key
 * equals 'words' in all bits of the mask's 'basic', 'ct_words' in all of
 * 'ct_bits', and 'far_words' in those of the far words that the mask touches,
 * may therefore run 'ops'.
 *
 * More than one output
 * --------------------
 *
 * The ops before the first output are run once.  Then the packet is sent to
 * all devices of the group.  If copies differ, the program 'xdp_egress' runs
 * the remaining ops on each copy, up to the output to that copy's device,
 * which no other output of the flow has.
 *
 * The kernel collects the packets that one device is to send and runs the
 * program of the first one's DEVMAP entry on all of them.  So all entries of a
 * device, in 'tx_ports' and in all groups, have 'xdp_egress' before the first
 * flow whose copies differ outputs to that device; it lets packets without its
 * metadata pass. */
struct xdp_flow {
    __u32 valid;                    /* 0, or a number that is another one each
                                     * time the slot is filled. */
    __u16 mask;                     /* Index in 'xdp_masks'. */
    __u8 parts;                     /* enum xdp_key_part that the mask has. */
    __u8 flags;                     /* enum xdp_flow_flags. */

    /* With XDP_FLOW_SIMPLE, of its ops. */
    __u32 port;                     /* Of the output. */
    __be16 tpid;                    /* Of the VLAN tag to push or set, or 0. */
    __be16 tci;

    __u64 words[XDP_KEY_BASIC_WORDS];   /* Of the masked key. */
} __attribute__((aligned(64)));     /* One cache line. */

/* Filled before 'valid' of the slot is set, and left alone as long as the slot
 * is not reused. */
struct xdp_flow_rest {
    __u16 n_ops;                    /* 0 (drop) to XDP_FLOW_MAX_OPS slots. */
    __s16 growth;                   /* Bytes that the packet is longer, at
                                     * most, at one of its outputs than it was
                                     * at first.  Very negative without
                                     * outputs. */
    __u16 group;                    /* Index in 'xdp_groups', or 0. */
    __u16 n_outputs;                /* Of the group, or 0. */
    __u8 n_cts;                     /* How many of the ops are XDP_OP_CT... */
    __u8 ct_ops[XDP_FLOW_MAX_CTS];  /* ...and in which slots. */
    __u16 push_op;                  /* The slot of XDP_OP_TNL_PUSH, or 0. */
    __u16 needs;                    /* See lib/xdp-abi-tc.h. */
    /* Of the masked key.  Far ones as in 'word' of the mask. */
    __u64 ct_words[XDP_KEY_CT_BASIC_WORDS];
    struct xdp_op ops[XDP_FLOW_MAX_OPS];
    __u64 far_words[XDP_MASK_MAX_FAR_WORDS];
} __attribute__((aligned(64)));

/* What a flow's ops are like.
 *
 * Whoever makes the ops says the first four, and the table adds those of the
 * fast lists (lib/xdp-op-flags.h), for which a program decides by them what
 * else it has to look at.  So of each flow it is true that
 *
 *   - it has at most one of XDP_FLOW_SIMPLE, XDP_FLOW_SHORT and
 *     XDP_FLOW_REWRITE, and XDP_FLOW_POP_VLAN with XDP_FLOW_SIMPLE only;
 *   - with XDP_FLOW_SIMPLE, 'port', 'tpid' and 'tci' of "struct xdp_flow" are
 *     all that has to be known of its ops: there is a tag to push exactly if
 *     'tpid' is nonzero, or, with XDP_FLOW_POP_VLAN, one for SET_VLAN;
 *   - XDP_FLOW_COPIES_DIFFER comes with none of these: they have one output
 *     at most, and no program leaves room for metadata on their account;
 *   - XDP_FLOW_EXPLICIT_DROP comes with none of these, and with no output,
 *     recirculation or tunnel: drops are counted after the loop;
 *   - it has XDP_FLOW_TNL_PUSH or XDP_FLOW_TNL_POP exactly if it has the op:
 *     a program looks for what tunnels need only then, and with XDP_FLOW_SHORT
 *     tells by them what a packet of a train needs. */
enum xdp_flow_flags {
    XDP_FLOW_COPIES_DIFFER = 1 << 0, /* There are ops after the first output
                                      * that are no outputs, at XDP. */
    XDP_FLOW_EXPLICIT_DROP = 1 << 1, /* As OVS_ACTION_ATTR_DROP. */
    XDP_FLOW_TNL_PUSH = 1 << 2,     /* There is XDP_OP_TNL_PUSH. */
    XDP_FLOW_TNL_POP = 1 << 3,      /* There is XDP_OP_TNL_POP. */

    /* Lists of ops that a program can run without a loop. */
    XDP_FLOW_SIMPLE = 1 << 4,       /* An output, perhaps after one push of a
                                     * VLAN tag... */
    XDP_FLOW_POP_VLAN = 1 << 5,     /* ...or after one pop or SET_VLAN. */
    XDP_FLOW_SHORT = 1 << 6,        /* A recirculation, perhaps after a hash;
                                     * the pop of a tunnel's header; or the
                                     * push of one, and an output. */
    XDP_FLOW_REWRITE = 1 << 7,      /* Any of these, in this order, but at
                                     * least one, and an output: SET_ETHERNET;
                                     * SET_IPV4 or SET_IPV6; SET_TCP or
                                     * SET_UDP; POP_VLAN; PUSH_VLAN or
                                     * SET_VLAN.  With XDP_OP_CT: any of CT;
                                     * SET_ETHERNET; SET_IPV4 or SET_IPV6; CT;
                                     * and an output or a recirculation. */
};

/* What 'xdp_flowtable' leaves in front of a packet, as XDP metadata, for
 * 'xdp_egress', which takes it away, if copies differ. */
struct xdp_egress_meta {
    __u64 magic;                    /* 'xdp_egress_magic' of all objects. */
    __u32 table;                    /* 'xdp_egress_table' of this one. */
    __u32 slot;                     /* Of the flow. */
    __u32 op;                       /* Its first output. */
    __u32 pad;
    struct xdp_layers layers;
};

/* What an upcall has in front of the packet as XDP metadata, where the driver
 * has room for it, so that userspace can go on with the pass in which XDP
 * found no flow.  Metadata with another magic number are none.
 *
 * Behind a tunnel, the packet begins with 'tunnel_len' bytes that do not
 * belong to it: the tunnel words of its key, but only the first four, those
 * with Geneve options if 'tun_opts_len' is nonzero, and those with IPv6
 * addresses if 'tun_ip_dst' is zero.  (Kernels before 6.8 have no room for
 * more than 32 bytes of metadata.)  That is not more than was popped, or
 * little.
 *
 * With XDP_UPCALL_CT, the words of connection tracking follow, and belong to
 * the packet as little: the first XDP_KEY_CT_IPV4_WORDS, and with
 * XDP_UPCALL_CT_IPV6 all. */
struct xdp_upcall_meta {
    __u64 magic;        /* 'xdp_upcall_magic' of the object. */
    __u32 recirc_id;    /* Of that pass; 0 on the first, or if a tunnel's
                         * header was popped last. */
    __u32 dp_hash;
    __u32 rss_hash;     /* Hash of the packet that came in, as userspace gives
                         * it one (see bpf/hash.h), if there is one. */
    __u32 flags;        /* enum xdp_upcall_flags. */
    __u32 tunnel_port;  /* Datapath's number of the tunnel, if... */
    __u32 tunnel_len;   /* ...this is nonzero. */
};

enum xdp_upcall_flags {
    XDP_UPCALL_LATER_PASS = 1 << 0, /* Not the first one. */
    XDP_UPCALL_RSS_HASH = 1 << 1,   /* There is a hash. */
    XDP_UPCALL_CT = 1 << 2,         /* The packet is tracked... */
    XDP_UPCALL_CT_IPV6 = 1 << 3,    /* ...and by its IPv6 addresses. */
};

/* Tunnel words that are always there, those of the options, and those of the
 * addresses. */
#define XDP_UPCALL_TUNNEL_WORDS 4
#define XDP_UPCALL_OPTS_WORDS (XDP_TUNNEL_MAX_OPTS / 8)
#define XDP_UPCALL_IPV6_WORDS 4

/* Statistics of one flow slot on one CPU, value of the map 'xdp_flow_stats'
 * at index CPU * (number of slots) + slot.  Written by that CPU only. */
struct xdp_flow_stats {
    __u64 packets;
    __u64 bytes;        /* As received, without the Ethernet FCS. */
    __u64 used;         /* CLOCK_MONOTONIC_COARSE, ns; 0 for never. */
    __u64 tcp_flags;    /* Bitwise OR, host byte order. */
};

/* The masks to try on a port, in order. */
struct xdp_port_masks {
    __u32 n;
    __u16 ids[XDP_PORT_MAX_MASKS];
};

/* An ingress port, value of the map 'xdp_ports'.
 *
 * The entry of the device with ifindex I is at one of the indexes
 * (I + n) % max_entries, 0 <= n < XDP_PORT_PROBES.  That index is the port's
 * number everywhere else: in keys, in 'tx_ports', and, times
 * XDP_PORT_MAX_QUEUES plus the receive queue, in 'xsks_map'.
 *
 * Behind XDP_OP_TNL_POP, packets come in on the tunnel.  It has an entry at
 * any index I, and XDP_PORT_TUNNEL + I instead of a device.
 *
 * A mask is added at the end of the current list; the place of one that leaves
 * is taken by the last.  When the order is to change, the other list is
 * written and becomes the current one, and the old one is left alone until all
 * programs that may be at it have ended. */
struct xdp_port {
    __u32 ifindex;      /* 0 in a free entry. */
    __u32 vlan_limit;   /* VLAN tags to parse, 0 to XDP_VLAN_MAX. */
    __u32 list;         /* The current one of 'lists', 0 or 1. */
    __u32 parts;        /* enum xdp_key_part that these masks touch. */
    __u32 companion;    /* Device that programs at tc send packets without a
                         * flow to, or 0: see lib/xdp-abi-tc.h. */
    __u32 companion_max; /* Bytes of the largest packet that gets through it
                          * into a socket, with what is put in front of it:
                          * others are dropped and counted. */
    __u64 union_bits[XDP_KEY_WORDS];    /* Bitwise OR of these masks. */
    struct xdp_port_masks lists[2];
};

#define XDP_PORT_TUNNEL 0x80000000

/* Returns the index in the map 'xdp_mask_hits', which says how often a walk
 * over the masks of 'port' on CPU 'cpu' ended at 'mask'.  Others may share the
 * counter: it is there to choose a good order, and to be set to anything by
 * userspace. */
static inline __attribute__((always_inline)) __u32
xdp_mask_hits_index(__u32 cpu, __u32 port, __u32 mask)
{
    return (cpu * XDP_MASK_HITS
            + ((port * 37 + mask) & (XDP_MASK_HITS - 1)));
}

/* Packets of one ingress port on one CPU, value of the per-CPU map
 * 'xdp_port_stats'.  What the flow table carried is in 'xdp_flow_stats'. */
struct xdp_port_stats {
    __u64 upcalls;      /* Handed to an AF_XDP socket. */
    __u64 no_socket;    /* Queue without socket: passed to the kernel. */
    __u64 no_metadata;  /* Upcalls without metadata: no room for it. */
    __u64 too_large;    /* Dropped, or shortened: see 'companion_max'. */
};

/* Indexes of the per-CPU map 'debug_stats', each a packet count since the
 * object was loaded. */
enum xdp_counter {
    XDP_COUNTER_PACKETS = 0,        /* Seen by the program. */
    XDP_COUNTER_UPCALLS = 1,        /* Handed to an AF_XDP socket. */
    XDP_COUNTER_OUTPUT = 2,         /* Redirected to a port by a flow, each
                                     * of several copies. */
    XDP_COUNTER_HINT_HITS = 3,      /* Found through the hint cache.  Not
                                     * counted, but calculated by userspace:
                                     * all passes without one of the others
                                     * that a pass can begin with. */
    XDP_COUNTER_SUBTABLE_HITS = 4,  /* Found by walking the subtables. */
    XDP_COUNTER_MISSES = 5,         /* No flow. */
    XDP_COUNTER_PUSH_VLAN = 6,      /* VLAN tags pushed. */
    XDP_COUNTER_POP_VLAN = 7,       /* VLAN tags popped. */
    XDP_COUNTER_FLOW_DROPS = 8,     /* Dropped by a flow without action. */
    XDP_COUNTER_DROP_NO_PORT = 9,   /* Output to a port that is gone. */
    XDP_COUNTER_DROP_HEADROOM = 10, /* No room in front to push a header. */
    XDP_COUNTER_DROP_BAD_OP = 11,   /* An op that the object cannot run. */
    XDP_COUNTER_NO_SOCKET = 12,     /* No AF_XDP socket: passed on. */
    XDP_COUNTER_UNKNOWN_PORT = 13,  /* Device without entry: passed on. */
    XDP_COUNTER_EXPLICIT_DROPS = 14, /* Dropped by a flow's drop action. */
    XDP_COUNTER_SET_FIELD = 15,     /* Set ops run. */
    XDP_COUNTER_PUSH_MPLS = 16,     /* MPLS label stack entries pushed. */
    XDP_COUNTER_POP_MPLS = 17,      /* MPLS label stack entries popped. */
    XDP_COUNTER_TRUNC = 18,         /* Packets truncated. */
    XDP_COUNTER_METER_DROPS = 19,   /* Dropped by a meter. */
    XDP_COUNTER_COPIES = 20,        /* Made differ by 'xdp_egress', sent. */
    XDP_COUNTER_DROP_TOO_SHORT = 21, /* Too short for an op. */
    XDP_COUNTER_DROP_EGRESS = 22,   /* Copies that lost their metadata. */
    XDP_COUNTER_NO_METADATA = 23,   /* No room for metadata: upcall. */
    XDP_COUNTER_RECIRC = 24,        /* Recirculations. */
    XDP_COUNTER_RESUMED = 25,       /* Upcalls in a later pass. */
    XDP_COUNTER_DROP_PASSES = 26,   /* More passes than there may be. */
    XDP_COUNTER_DROP_RECIRC = 27,   /* Recirculation failed, or a later pass
                                     * could not be handed to userspace. */
    XDP_COUNTER_TNL_PUSH = 28,      /* Tunnel headers pushed. */
    XDP_COUNTER_TNL_POP = 29,       /* Tunnel headers popped. */
    XDP_COUNTER_TNL_ODD = 30,       /* Tunnel header left to userspace. */
    XDP_COUNTER_TOO_LARGE = 31,     /* For an output device: upcall. */
    XDP_COUNTER_UNPARSED = 32,      /* Too odd, or too short, to be parsed:
                                     * upcall. */
    XDP_COUNTER_NESTED = 33,        /* CPU busy with another packet: upcall. */
    XDP_COUNTER_CT = 34,            /* XDP_OP_CT run. */
    /* Why packets of flows with XDP_OP_CT went to userspace. */
    XDP_COUNTER_CT_NO_ENTRY = 35,   /* No connection in 'xdp_conns'. */
    XDP_COUNTER_CT_FLAGS = 36,      /* TCP flags other than ACK and PSH. */
    XDP_COUNTER_CT_WINDOW = 37,     /* Outside the TCP window. */
    XDP_COUNTER_CT_MARK = 38,       /* To change the mark or the label. */
    XDP_COUNTER_CT_EXPIRED = 39,    /* The connection's time is up. */
    XDP_COUNTER_CT_FRAGMENT = 40,   /* Part of an IP packet. */
    XDP_COUNTER_CT_FORCE = 41,      /* The connection is to begin anew. */
    XDP_COUNTER_CT_ODD = 42,        /* Nothing that may be in 'xdp_conns', or
                                     * with headers that userspace may call
                                     * invalid. */

    /* At tc. */
    XDP_COUNTER_COMPANION = 43,     /* Sent into a companion, segments as one
                                     * packet.  Those that arrive are among
                                     * XDP_COUNTER_UPCALLS. */
    XDP_COUNTER_DROP_COMPANION = 44, /* Lost on the way to or from userspace:
                                     * no such port, socket or room. */
    XDP_COUNTER_GSO = 45,           /* Packets that stand for several
                                     * segments. */
    XDP_COUNTER_GSO_ODD = 46,       /* Of these, those that a flow cannot be
                                     * found for as a whole: upcall. */
    XDP_COUNTER_GSO_SINGLE = 47,    /* Those of XDP_NEEDS_SINGLE: upcall. */
    XDP_COUNTER_DROP_TOO_LARGE = 48, /* For companion or socket; no flow. */
    XDP_COUNTER_GSO_TUNNEL = 49,    /* Those too odd for a tunnel: upcall. */
    XDP_COUNTER_MPLS_ODD = 50,      /* Label behind other than tags: upcall. */
    XDP_COUNTER_SET_VLAN = 51,      /* VLAN tags overwritten. */
    XDP_COUNTER_SHORTENED = 52,     /* First piece of TCP, at tc: upcall. */
    XDP_COUNTER_CSUM_INNER = 53,    /* Unfinished inner checksum: upcall. */
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
