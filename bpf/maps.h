/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps of the flow table and the contract that the object declares.
 *
 * The provider finds the maps by name and sets 'max_entries' of those that
 * have a limit to choose before it loads the object; the numbers here only
 * have to be valid.  lib/xdp-abi.h and its parts describe what is in them and
 * who writes.
 */

#ifndef BPF_MAPS_H
#define BPF_MAPS_H 1

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xdp-abi.h"
#include "xdp-abi-tc.h"

/* The maps and the constants are those of the translation unit with the
 * programs at XDP.  The other one refers to them. */
#ifdef HOOK_TC
#define MAPS_HERE extern
#define MAPS_CONSTANT(TYPE, NAME, VALUE) extern const volatile TYPE NAME
#else
#define MAPS_HERE
#define MAPS_CONSTANT(TYPE, NAME, VALUE) const volatile TYPE NAME = VALUE
#endif

/* XDP_KEY_WORDS rounded up to a power of 2: an index into so many words can
 * be kept in bounds without a branch. */
#define MAPS_KEY_SPACE 64

/* The packet is in a tunnel, and tunnel words behind the basic ones are
 * nonzero. */
#define MAPS_TUNNEL_RARE 2

/* The packet is tracked, and there are IPv6 addresses among the words for
 * that. */
#define MAPS_TRACKED_IPV6 2

/* Words of the header of a tunnel that trains get: see train_push.h. */
#define MAPS_PLAIN_WORDS 7

/* Words of a key that are kept for later passes: see hash.h. */
#define MAPS_KEPT_WORDS 8

/* Ports and groups of which it is kept what fits, half for each hook: see
 * mtu.h. */
#define MAPS_MTU_LIMITS 16

/* Set by the provider before the object is loaded; see xdp_digest_add(). */
MAPS_HERE const volatile __u64 xdp_digest_secret[MAPS_KEY_SPACE];

/* AF_XDP sockets, by port * XDP_PORT_MAX_QUEUES + receive queue. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, XDP_PORT_MAX_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} xsks_map SEC(".maps");

/* Devices to redirect to, by port. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct bpf_devmap_val);
} tx_ports SEC(".maps");

/* A group: the devices that get a copy of the packets of one flow, or of
 * several flows with the same outputs.  (clang leaves a struct that is named
 * first in an inner map out of the BTF, so sizes have to do.) */
struct xdp_group {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct bpf_devmap_val));
};

MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, XDP_MAX_GROUPS);
    __type(key, __u32);
    __array(values, struct xdp_group);
} xdp_groups SEC(".maps");

MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct xdp_port);
} xdp_ports SEC(".maps");

MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct xdp_port_stats);
} xdp_port_stats SEC(".maps");

/* Where programs at tc send packets, by port. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct xdp_target);
} xdp_targets SEC(".maps");

/* Port numbers, by the ifindex of either end of the port's companion. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} xdp_companions SEC(".maps");

MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct xdp_mask);
} xdp_masks SEC(".maps");

/* A subtable: the flows of one mask, digest of the masked key to slot. */
struct xdp_subtable {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u64);
    __type(value, __u32);
};

/* The subtables, by mask id.  The last one is never looked at: the provider
 * replaces it to wait until all running programs have ended. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(values, struct xdp_subtable);
} xdp_subtables SEC(".maps");

MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct xdp_flow);
} xdp_flows SEC(".maps");

/* A chunk: the rest of the flows in so many slots.  (Sizes have to do, as for
 * "struct xdp_group".) */
struct xdp_rest_chunk {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, XDP_REST_SLOTS);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct xdp_flow_rest));
};

/* By slot / XDP_REST_SLOTS. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(values, struct xdp_rest_chunk);
} xdp_flow_rest SEC(".maps");

/* Returns the rest of the flow in 'slot', or NULL if it has none. */
static __always_inline struct xdp_flow_rest *
maps_rest(__u32 slot)
{
    __u32 index = slot / XDP_REST_SLOTS;
    void *chunk = bpf_map_lookup_elem(&xdp_flow_rest, &index);

    index = slot % XDP_REST_SLOTS;
    return chunk ? bpf_map_lookup_elem(chunk, &index) : NULL;
}

/* By CPU * (entries of 'xdp_flows') + slot: a plain array, and not a per-CPU
 * one, because only a plain one can be read without a system call. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct xdp_flow_stats);
} xdp_flow_stats SEC(".maps");

/* By CPU: 1 if a program has run there.  Userspace does not look at the
 * statistics of other CPUs. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u64);
} xdp_cpus SEC(".maps");

/* Hints of one hash, the newest first.  The low MAPS_HINT_SLOT_BITS of a hint
 * are the slot where a packet with this hash was found, plus one, or 0; above
 * them are the bits of the hash that follow those of the bucket, and tell
 * packets apart.  Only hints: whoever follows one compares the packet with the
 * slot. */
struct xdp_hints_bucket {
    __u32 hints[XDP_MIN_HINTS];
};

#define MAPS_HINT_SLOT_BITS 23
#define MAPS_HINT_TAG_BITS (32 - MAPS_HINT_SLOT_BITS)

/* By CPU * (buckets of one CPU) + hash.  Not a per-CPU array, whose elements
 * have to be asked from memory where they are. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct xdp_hints_bucket);
} xdp_hints SEC(".maps");

/* How often the part of a CPU in 'xdp_hints' is folded in two: only so much of
 * its beginning is in use.  The provider changes this at any time. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u64);
} xdp_hint_folds SEC(".maps");

/* See xdp_mask_hits_index(). */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u64);
} xdp_mask_hits SEC(".maps");

/* One map for all objects, made by the provider. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, XDP_METER_MAX);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct xdp_meter);
} xdp_meters SEC(".maps");

/* Connections, and how to find them.  One map each for all objects, made by
 * the provider. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct xdp_conn);
} xdp_conns SEC(".maps");

MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct xdp_conn_refs);
} xdp_conn_refs SEC(".maps");

/* The next sequence numbers of tunnels, by the datapath's number of the port,
 * in the lower 32 bits.  One map for all objects, made by the provider. */
MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, XDP_SEQUENCE_MAX);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u64);
} xdp_sequences SEC(".maps");

MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, XDP_COUNTER_MAX);
    __type(key, __u32);
    __type(value, __u64);
} debug_stats SEC(".maps");

/* Headers as they are in packets: see train.h. */
struct xdp_train_headers {
    __u32 tags_len;         /* Of the VLAN tags, 0 or 4. */
    __u32 min_len;          /* Of the IP packet. */
    __u64 macs;             /* 8 bytes of MAC addresses... */
    __u32 mac_end;          /* ...and the rest. */
    __u32 frag_ttl_proto;
    __u64 type_tos;         /* 8 bytes that end with TOS. */
    __u64 addresses;
    __u32 ports;
    __u16 tcp_ctl;
    __u16 tcp_ctl_mask;
};

/* 64-bit words of the addresses of an IPv6 packet. */
#define MAPS_TRAIN_ADDRESSES 4

/* The same of IPv6: see train_ipv6.h. */
struct xdp_train_ipv6 {
    __u32 ifindex;          /* Of the ingress device, 0 without one. */
    __u32 tags_len;         /* Of the VLAN tags, 0 or 4. */
    __u32 min_len;          /* Of the payload. */
    __u32 pad;
    __u64 macs;             /* 8 bytes of MAC addresses... */
    __u32 mac_end;          /* ...and the rest. */
    __u32 ports;
    __u64 type;             /* 8 bytes up to half of the first word of IPv6. */
    __u64 addresses[MAPS_TRAIN_ADDRESSES];
    __u16 label;            /* The other half. */
    __u16 proto;            /* And the hop limit. */
    __u16 tcp_ctl;
    __u16 tcp_ctl_mask;
};

/* What translation makes of IPv4 packets. */
struct xdp_ct_nat {
    __u64 addresses;        /* As in the header. */
    __u32 ports;            /* These, too. */
    __u32 address_diff;     /* What that adds to checksums: see csum.h. */
    __u32 ports_diff;
    __u32 pad;
};

/* What a train knows of the header of a tunnel that its packets get: see
 * train_push.h. */
struct xdp_train_push {
    __u64 words[MAPS_PLAIN_WORDS];  /* The header, but for the lengths. */
    __u32 port;             /* Of the output. */
    __u32 pad;
};

/* What a train knows of the connection that it belongs to, and what becomes of
 * its packets: see train_ct.h. */
struct xdp_train_ct {
    __u32 conn;             /* Index in 'xdp_conns' of that of the last packet,
                             * with or without a train. */
    __u32 valid;            /* What that has in 'valid'... */
    __u32 seq;              /* ...and in 'seq'. */
    __u32 dir;              /* The direction of the packets. */
    __u64 expiration;       /* The least that 'expiration' may be. */
    __u32 what;             /* enum ct_what. */
    __u32 pad;
    struct xdp_ct_nat nat;  /* If they are translated. */
};

/* A train: see train.h. */
struct xdp_train {
    /* The first pass. */
    __u32 ifindex;          /* Of the ingress device, 0 without a train. */
    __u32 in_port;          /* Index of its port. */
    __u32 slot;             /* Where the flow of the last packet was found,
                             * with or without a train. */
    __u32 valid;            /* What that slot has in 'valid'. */
    __u64 last;             /* Of the addresses and ports of the last packet
                             * that was parsed, see train_note(). */
    struct xdp_train_headers headers;
    __u64 layers_word;      /* "struct xdp_layers" without 'l4_size'. */
    __u32 how;              /* enum train_how. */
    __u32 ip_sum;           /* Of those words of the IP header that packets
                             * have in common, with TRAIN_TRACKED and
                             * TRAIN_POPS. */
    struct xdp_train_push push; /* With TRAIN_PUSHES. */
    struct xdp_train_ipv6 ipv6; /* Instead of 'ifindex' and 'headers'. */

    /* The second pass, if it is known. */
    __u32 next_slot;
    __u32 next_valid;       /* 0 if it is not. */
    struct xdp_train_headers next_headers;  /* Behind a tunnel. */
    __u64 tunnel_words[XDP_KEY_TUNNEL_BASIC_WORDS];
    __be32 vni;             /* As in the packet, with TRAIN_POPS. */
    __u32 pad;
    struct xdp_train_ct ct; /* If packets are tracked in between. */
};

/* What ct_check() knows of the packet at one of its XDP_OP_CT: see ct.h. */
struct xdp_ct_packet {
    __u64 id;               /* Its tuple, of the words of xdp_conn_hash(). */
    __u64 address;
    __u64 more[3];
    __u32 state;            /* As in the key. */
    __u32 zone;
    __u32 conn;             /* Connection, as 'ct_conn' of the scratch. */
    __u32 valid;
    __u32 dir;

    /* TCP. */
    __u32 seq, end;         /* Its data: sequence numbers. */
    __u32 ack;
    __u32 win;              /* As in the header. */
    __u32 pad;
};

/* What ct_check() has found out for one XDP_OP_CT, and ct_run() does. */
struct xdp_ct_result {
    __u32 conn;             /* Index in 'xdp_conns'. */
    __u32 valid;            /* What that has in 'valid'. */
    __u32 dir;              /* The packet's direction. */
    __u32 what;             /* enum ct_what. */
    __u32 sent, allowed;    /* For xdp_conn_raise()... */
    __u32 win;              /* ...and xdp_conn_raise_win(). */
    __u32 seq;              /* What the connection has in 'seq'. */
    __u64 state_word;       /* The first word of connection tracking. */
    __u64 label[2];
};

/* What one program run knows about its packet, and what it left for the next
 * run on its CPU.  Only for whoever is in between guard_enter() and
 * guard_leave(), so not for 'xdp_egress'. */
struct xdp_scratch {
    union {
        struct xdp_key key;
        __u64 words[MAPS_KEY_SPACE];
    };
    __u32 parts;        /* enum xdp_key_part that are filled. */
    __u32 extended;     /* Is an extended word nonzero? */
    union {
        struct xdp_layers layers;
        __u64 layers_word;
    };

    /* Passes: the number of this one, counting from 0, and what it knows from
     * those before.  The union is for setting both at once. */
    union {
        struct {
            __u32 pass;
            __u32 dp_hash;
        };
        __u64 pass_word;
    };
    union {
        struct {
            __u32 recirc_id;
            __u32 kept;         /* Do 'kept_*' hold something?  See hash.h. */
        };
        __u64 recirc_word;
    };
    __u8 ip6_next;              /* What the IPv6 header says follows it. */
    __u8 kept_proto;            /* IP protocol for the hash. */
    __u8 has_kept_hash;         /* Is 'kept_hash' set? */
    __u8 kept_pad;
    __u32 kept_hash;
    __u64 kept_words[MAPS_KEPT_WORDS]; /* What the hash is of, from an earlier
                                        * pass, mostly the first one. */

    /* Tunnels: the length of the header to be popped, and once that is known,
     * where the packet came from and where it is. */
    __u32 pop_len;
    __u32 in_tunnel;            /* 0, 1, or MAPS_TUNNEL_RARE. */
    __u32 rx_port;              /* Index of the port with the socket. */
    __u32 tunnel_port;          /* Datapath's number of the tunnel. */

    /* Connection tracking: see ct.h. */
    __u32 tracked;              /* 0, 1, or MAPS_TRACKED_IPV6. */
    __u32 ct_conn;              /* Index in 'xdp_conns' plus one of the
                                 * connection that another XDP_OP_CT of its
                                 * zone goes on with, or 0. */
    __u32 ct_valid;             /* What that has in 'valid'. */
    __u32 ct_dir;               /* The packet's direction in it. */
    struct xdp_ct_packet ct_packet;
    struct xdp_ct_result ct_results[XDP_FLOW_MAX_CTS];

    /* What bpf_ktime_get_coarse_ns() returned in this tick of the clock, and
     * what follows from the number of the CPU: see stats.h. */
    __u64 tick;
    __u64 now;
    __u32 stats_base;           /* First index into 'xdp_flow_stats'. */
    __u32 hints_base;           /* First index into 'xdp_hints'... */
    __u32 hint_shift;           /* ...and how a hash becomes one from there. */
    __u32 cpu;
    __u32 fence;                /* Always 0: see order.h. */
    __u32 busy;                 /* Is a run at it?  See guard.h. */

    struct xdp_train train;

    /* Longest packets that fit, in the lower halves, and of which port or
     * group, in the upper ones. */
    __u64 mtu_limits[MAPS_MTU_LIMITS];

    /* If the packet stands for several: see hook_tc.h. */
    __u32 segments;             /* How many... */
    __u32 headers_len;          /* ...and the length of what each begins with,
                                 * VLAN tags included. */
};

MAPS_HERE struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct xdp_scratch);
} xdp_scratch SEC(".maps");

/* Number of flow slots, for the index into 'xdp_flow_stats'. */
MAPS_CONSTANT(__u32, xdp_n_flows, 1);

/* Buckets that each CPU has in 'xdp_hints', 2**(63 - xdp_hint_shift), or 0 for
 * not looking there; and random odd numbers for the hash.  How many of the
 * buckets are in use, 'xdp_hint_folds' says. */
MAPS_CONSTANT(__u32, xdp_n_hint_buckets, 1);
MAPS_CONSTANT(__u32, xdp_hint_shift, 63);
MAPS_HERE const volatile __u64 xdp_hint_secret[MAPS_KEY_SPACE];

/* 'xdp_conn_refs' has 2**xdp_conn_bits buckets; and random odd numbers for
 * xdp_conn_hash(). */
MAPS_CONSTANT(__u32, xdp_conn_bits, 0);
MAPS_HERE const volatile __u64 xdp_conn_secret[XDP_CONN_KEY_WORDS];

/* Set by the provider if checksums of what is above IP have to be right. */
MAPS_CONSTANT(__u32, xdp_ct_checksum, 0);

/* Passes that one packet may have, as many as in userspace. */
MAPS_CONSTANT(__u32, xdp_max_passes, 1);

/* Mask that turns a number into an index into 'xdp_ports', whose number of
 * entries is a power of two. */
MAPS_CONSTANT(__u32, xdp_port_index_mask, 0);

/* Set by the provider: tells metadata from what else may be in front of a
 * packet. */
MAPS_CONSTANT(__u64, xdp_upcall_magic, 0);

/* Set by the provider: what metadata of copies begin with, and what tells this
 * object from others that it loaded. */
MAPS_CONSTANT(__u64, xdp_egress_magic, 0);
MAPS_CONSTANT(__u32, xdp_egress_table, 0);

/* Set by the provider if processors like this one may read out of order. */
MAPS_CONSTANT(__u32, xdp_weak_order, 0);

/* Set by the provider if one run may begin on a CPU while another one is under
 * way there. */
MAPS_CONSTANT(__u32, xdp_runs_nest, 0);

/* The flag that the key of a packet from a tunnel has if its outer IPv4 header
 * must not be fragmented, or 0 if userspace does not tell. */
MAPS_CONSTANT(__u32, xdp_tunnel_df, 0);

#ifndef HOOK_TC
/* The program for all passes but the first. */
int xdp_recirc(struct xdp_md *ctx);

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __array(values, int (struct xdp_md *));
} xdp_programs SEC(".maps") = {
    .values = { [0] = xdp_recirc },
};

/* The contract, read by the provider from BTF; never loaded as data. */
struct {
    __uint(abi_version, XDP_ABI_VERSION);
    __uint(max_words, XDP_MASK_MAX_WORDS);
    __uint(max_ops, XDP_FLOW_MAX_OPS);
    __uint(max_outputs, XDP_FLOW_MAX_OPS);
    __type(key, struct xdp_key);
    __type(ops, enum xdp_op_type);
    __type(counters, enum xdp_counter);
} ovs_meta SEC(".ovs_meta");
#endif

#endif /* maps.h */
