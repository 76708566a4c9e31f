/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device lets XDP see of packets: how large they may be, and whether
 * all of their VLAN tags are in them.
 *
 * A tag can be beside the packet, in its metadata in the kernel: a network
 * card takes tags out (rxvlan), and a veth does not put them in where its peer
 * says that it inserts tags in hardware (txvlan).  XDP sees none of these.  In
 * native mode such a tag is lost when the packet is redirected; in generic
 * mode it goes on with the packet.
 *
 * At tc, tags beside the packet are seen like any other.
 *
 * For lib/xdp-port*.c.  Thread safety: all functions may be called from
 * any thread, with any lock.
 */

#ifndef XDP_VIEW_H
#define XDP_VIEW_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

/* Where the VLAN tags are of the packets that a device receives. */
enum xdp_view_tags {
    XDP_TAGS_IN_PACKET,         /* All of them in the packets. */
    XDP_TAGS_RX_OFFLOAD,        /* The device takes them out. */
    XDP_TAGS_PEER_OFFLOAD,      /* The peer of the veth leaves them out. */
    XDP_TAGS_UNKNOWN_PEER,      /* It may, in another network namespace. */
    XDP_TAGS_UNKNOWN            /* Another kind of device, or no answer. */
};

struct xdp_view {
    uint32_t mtu;
    bool is_ethernet;           /* Does it carry Ethernet frames? */
    bool is_pair;               /* One of two ends, as of a veth? */
    int peer;                   /* The other end of a veth, if it is in this
                                 * network namespace, otherwise 0. */
    int peer_away;              /* The other end of a pair, if it is in another
                                 * namespace, otherwise 0... */
    struct eth_addr peer_mac;   /* ...and its address, zero if unknown. */
    enum xdp_view_tags tags;
    bool peer_has_program;      /* Does the other end run an XDP program where
                                 * packets that skip the device would not meet
                                 * it?  (In generic mode they do.) */
    bool leaves_unfinished;     /* If so, does the device give that packets
                                 * with unfinished checksums, or without the
                                 * tags that are beside them? */
};

int xdp_view_query(int ifindex, struct xdp_view *);

#endif /* xdp-view.h */
