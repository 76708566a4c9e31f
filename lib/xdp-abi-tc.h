/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the contract between the linux_xdp flow offload and an XDP
 * object that is about programs at tc; see lib/xdp-abi.h.
 *
 * A port at tc has the flow table where packets already are what the kernel's
 * stack works on, at tc ingress of its device, and not at XDP.  Maps and flows
 * are those of the ports at XDP.
 *
 * Companions
 * ----------
 *
 * There is no AF_XDP socket at tc, so each such port has a companion, a pair
 * of devices.  The program at tc redirects packets that it has no flow for to
 * one end of it ('companion' of "struct xdp_port").  On the other end are the
 * AF_XDP sockets of the port, with the program 'xdp_companion' in front of
 * them.  On the way, the kernel segments packets, finishes checksums and
 * writes VLAN tags into packets.
 *
 * What userspace sends goes the other way: through the other end to the first
 * one, where the program 'tc_companion' redirects it to the port's device.
 */

#ifndef XDP_ABI_TC_H
#define XDP_ABI_TC_H 1

#include "xdp-abi.h"

/* Where programs at tc send packets that are output to a port, value of the
 * map 'xdp_targets', whose index is the port's number. */
struct xdp_target {
    __u32 ifindex;      /* 0 if there is no such port. */
    __u32 flags;        /* enum xdp_target_flags. */
    __u8 mac[6];        /* With XDP_TARGET_PEER, of the other end. */
    __u16 pad;
    __u32 via;          /* The device in 'tx_ports', which programs at XDP
                         * redirect to: the same one, or an end of a companion
                         * from which packets get there. */
    __u32 pad2;
};

/* Packets that skip a device, right into its other end, get there as what they
 * were on the ingress device: as ones for another machine, unless the program
 * says otherwise.  So only those to all machines, to groups and to the address
 * of the other end skip the device.  The others leave through it, and the
 * kernel looks at their address again. */
enum xdp_target_flags {
    XDP_TARGET_PEER = 1 << 0,   /* The other end of the device is in another
                                 * network namespace and has the address
                                 * 'mac'. */
};

/* What packets have to be like for the ops of a flow, beside what that
 * matches: 'needs' of "struct xdp_flow_rest".  An object may leave others to
 * userspace, unchanged; at XDP there are none that it has to. */
enum xdp_flow_needs {
    XDP_NEEDS_SINGLE = 1 << 0,      /* A packet that does not stand for several
                                     * segments: METER, PUSH_MPLS and
                                     * POP_MPLS. */
    XDP_NEEDS_PLAIN = 1 << 1,       /* Nothing but tags in front of its network
                                     * header: PUSH_MPLS and POP_MPLS. */
    XDP_NEEDS_NO_TAG_ROOM = 1 << 2, /* Nothing for the tag beside the packet:
                                     * as no op pushes anything, it stays
                                     * there, or goes, and does not count. */
    XDP_NEEDS_OWN_CSUM = 1 << 3,    /* With UDP, no unfinished checksum but
                                     * that of UDP, of which SET_IPV4,
                                     * SET_IPV6_SRC, SET_IPV6_DST and SET_UDP
                                     * change what it covers. */
};

/* What packets have in front of them on their way through a companion, unless
 * this is their first pass: no device carries metadata over.  Each segment of
 * a packet has it.  'xdp_companion' makes upcall metadata of 'meta' and takes
 * the header off.  It leaves what follows: the words of connection tracking
 * and of the tunnel, and the packet, as "struct xdp_upcall_meta" says. */
struct xdp_companion_hdr {
    __u8 zero[12];      /* In the place of MAC addresses. */
    __be16 type;        /* XDP_COMPANION_TYPE. */
    __u16 pad;
    struct xdp_upcall_meta meta;
};

#define XDP_COMPANION_TYPE 0x88b5   /* IEEE 802, local experimental. */

/* Bytes that may be in front of a packet in a companion: that header, all
 * words that may follow it, and VLAN tags. */
#define XDP_COMPANION_ROOM 256

#endif /* xdp-abi-tc.h */
