/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage: what must have been met at least once.
 */

#ifndef COVERAGE_H
#define COVERAGE_H 1

#include <stdbool.h>
#include <stddef.h>

#include "xdp-abi.h"
#include "xdp-translate.h"

/* What is in a packet. */
#define PACKET_KINDS                            \
    KIND(TCP, "TCP")                            \
    KIND(TCP_OFFSET, "TCP, odd data offset")    \
    KIND(UDP, "UDP")                            \
    KIND(SCTP, "SCTP")                          \
    KIND(ICMP, "ICMP")                          \
    KIND(IGMP, "IGMP")                          \
    KIND(IP_ICMPV6, "ICMPv6 in IPv4")           \
    KIND(IP_OTHER, "other IP protocol")         \
    KIND(IP_OPTIONS, "IP options")              \
    KIND(IP_FRAG_FIRST, "first fragment")       \
    KIND(IP_FRAG_LATER, "later fragment")       \
    KIND(IP_BAD_LEN, "odd IP total length")     \
    KIND(IP_BAD_IHL, "odd IP header length")    \
    KIND(SNAP_IP, "SNAP with IP")               \
    KIND(SNAP, "SNAP")                          \
    KIND(SNAP_ODD, "odd SNAP")                  \
    KIND(LLC, "LLC")                            \
    KIND(ARP, "ARP")                            \
    KIND(RARP, "RARP")                          \
    KIND(IPV6, "IPv6")                          \
    KIND(IPV6_EXT, "IPv6 extension headers")    \
    KIND(IPV6_MANY, "many IPv6 extension headers") \
    KIND(IPV6_FRAG, "IPv6 fragment")            \
    KIND(IPV6_BAD_LEN, "odd IPv6 payload length") \
    KIND(ND, "neighbour discovery")             \
    KIND(ND_ODD, "odd neighbour discovery")     \
    KIND(SNAP_IPV6, "SNAP with IPv6")           \
    KIND(ARP_ODD, "odd ARP")                    \
    KIND(MPLS, "MPLS")                          \
    KIND(MPLS_DEEP, "deep MPLS stack")          \
    KIND(ETHER, "other Ethertype")

enum packet_kind {
#define KIND(ENUM, NAME) KIND_##ENUM,
    PACKET_KINDS
#undef KIND
    N_KINDS
};

extern const char *kind_names[N_KINDS];
extern unsigned long int kind_count[N_KINDS];

#define MAX_TAGS 3
extern unsigned long int tags_count[MAX_TAGS + 1];

/* Other things. */
#define EVENTS                                      \
    EVENT(TRUNCATED, "truncated packet")            \
    EVENT(MUTATED, "mutated packet")                \
    EVENT(PADDED, "padded packet")                  \
    EVENT(IPV6_CHAIN, "IPv6 header that runs out")  \
    EVENT(IPV6_FIRST, "IPv6, first fragment")       \
    EVENT(IPV6_LATER, "IPv6, later fragment")       \
    EVENT(ND_INVALID, "ND, invalid")                \
    EVENT(ND_BOTH, "ND, both addresses")            \
    EVENT(ND_IPV4, "ND in IPv4")                    \
    EVENT(ARP_NO_OP, "ARP, opcode does not fit")    \
    EVENT(MPLS_FULL, "MPLS, as many labels as fit") \
    EVENT(OP_OUTPUT, "output")                      \
    EVENT(OP_PUSH, "push_vlan")                     \
    EVENT(OP_POP, "pop_vlan")                       \
    EVENT(OP_POP_NONE, "pop_vlan without tag")      \
    EVENT(OP_SET_VLAN, "VLAN tag overwritten")      \
    EVENT(TOO_SHORT, "too short for an action")     \
    EVENT(ODD, "too odd for an action")             \
    EVENT(COPIES, "several outputs")                \
    EVENT(OP_DROP, "drop")                          \
    EVENT(UNTRACKED, "to be tracked, no connection") \
    EVENT(UNTRACKED_LARGE, "the same, of large packets") \
    EVENT(PASSES, "output in a later pass")         \
    EVENT(PASSES_MAX, "output in the last pass")    \
    EVENT(PASSES_CUT, "too many passes")            \
    EVENT(PASSES_MISS, "miss in a later pass")      \
    EVENT(PASSES_HASH, "match on dp_hash")          \
    EVENT(PASSES_CT, "match on no tracking in a later pass") \
    EVENT(TWINS, "flows that differ in ct fields")  \
    EVENT(TUNNEL_POP, "tunnel header popped")       \
    EVENT(TUNNEL_HASH, "tunnel header popped after a hash") \
    EVENT(TUNNEL_HARD, "header only userspace pops") \
    EVENT(TUNNEL_BAD, "header userspace drops")     \
    EVENT(TUNNEL_MISS, "miss behind a tunnel")      \
    EVENT(TUNNEL_PUSH, "tunnel header pushed")      \
    EVENT(TUNNEL_MTU, "too large with tunnel header") \
    EVENT(TOO_LARGE, "too large for the port")      \
    EVENT(TOO_LARGE_COPIES, "too large for one of the ports") \
    EVENT(METERED, "dropped by a meter")            \
    EVENT(PORT_GONE, "output to a port that left")  \
    EVENT(MODIFY, "modified flow")                  \
    EVENT(TRAIN, "packet of a train")               \
    EVENT(TRAIN_REWRITE, "train whose fields are set") \
    EVENT(TRAIN_SET_VLAN, "train whose tag is overwritten") \
    EVENT(TRAIN_IPV6, "train of IPv6")              \
    EVENT(TRAIN_PASSES, "train with later passes")  \
    EVENT(TRAIN_NEXT, "train in the second pass")   \
    EVENT(TRAIN_OTHER, "other train, other pass")   \
    EVENT(TRAIN_POP, "train out of a tunnel")       \
    EVENT(TRAIN_BEHIND, "train behind a tunnel")    \
    EVENT(TRAIN_VARIANT, "other packet behind it")  \
    EVENT(TRAIN_POP_ONCE, "both passes of it at once") \
    EVENT(TRAIN_POP_NEAR, "packet nearly like it")  \
    EVENT(TRAIN_POP_LARGE, "packet too large behind it") \
    EVENT(TRAIN_PUSH, "train into a tunnel")        \
    EVENT(TRAIN_PUSH_ONCE, "with a header that is known") \
    EVENT(TRAIN_PUSH_LARGE, "packet too large for it") \
    EVENT(HIT, "packet of a flow")                  \
    EVENT(VARIANT_HIT, "variant still of a flow")   \
    EVENT(VARIANT_MISS, "variant of no flow")       \
    EVENT(HINT_HIT, "found by hint")                \
    EVENT(SUBTABLE_HIT, "found in a subtable")      \
    EVENT(MISS, "found nowhere")                    \
    EVENT(BAD_HINTS, "hint cache overwritten")      \
    EVENT(FOLD_HINTS, "hint cache resized")         \
    EVENT(RECLAIM, "slots reclaimed")

enum event {
#define EVENT(ENUM, NAME) EVENT_##ENUM,
    EVENTS
#undef EVENT
    N_EVENTS
};

extern unsigned long int event_count[N_EVENTS];

/* The fields of "struct xdp_key". */
struct field {
    const char *name;
    size_t ofs;
    size_t size;
};

#define N_FIELDS 41
extern const struct field fields[N_FIELDS];
extern unsigned long int field_nonzero[N_FIELDS];
extern unsigned long int field_matched[N_FIELDS];

/* Flows of part "actions" with which everything should be met. */
#define MIN_ACTIONS 5000

/* The same for other things. */
#define MIN_ACTIONS_FOR_EVENTS 1000

/* Ops that were run, and megaflows that were refused, or not. */
#define N_OP_TYPES 64
extern unsigned long int op_count[N_OP_TYPES];
extern unsigned long int reason_count[XDP_N_REASONS];

bool field_is_nonzero(const struct xdp_key *, const struct field *);

#endif /* coverage.h */
