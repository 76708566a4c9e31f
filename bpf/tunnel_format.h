/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the headers of tunnels look like, in packets and in the key.
 */

#ifndef BPF_TUNNEL_FORMAT_H
#define BPF_TUNNEL_FORMAT_H 1

#include <linux/types.h>

/* OVS's names (lib/packets.h). */
#define TUNNEL_F_OAM            (1 << 0)
#define TUNNEL_F_CSUM           (1 << 2)
#define TUNNEL_F_KEY            (1 << 3)
#define TUNNEL_F_UDPIF          (1 << 4)

#define TUNNEL_VXLAN_FLAGS      0x08000000
#define TUNNEL_GRE_CSUM         0x8000
#define TUNNEL_GRE_KEY          0x2000
#define TUNNEL_GRE_SEQ          0x1000
#define TUNNEL_GENEVE_OAM       0x80
#define TUNNEL_IP_DF            0x4000
#define TUNNEL_PROTO_TEB        0x6558
#define TUNNEL_PROTO_ERSPAN2    0x88be  /* Type II, which OVS calls 1. */

#define TUNNEL_VXLAN_LEN        8
#define TUNNEL_GENEVE_LEN       8       /* Without options. */
#define TUNNEL_GRE_LEN          4       /* Without optional fields. */
#define TUNNEL_ERSPAN_LEN       16      /* With GRE and sequence number. */

/* By far the most common header: Ethernet, IPv4, UDP, and VXLAN, or Geneve
 * without options. */
#define TUNNEL_PLAIN_LEN        50

/* RFC 7348, section 5. */
struct tunnel_vxlan {
    __be32 flags;
    __be32 vni;             /* In the upper 24 bits. */
};

/* RFC 8926, section 3.4. */
struct tunnel_geneve {
    __u8 opt_len;           /* Version 0, length of the options / 4. */
    __u8 flags;
    __be16 proto;
    __be32 vni;             /* In the upper 24 bits. */
};

/* RFC 2784. */
struct tunnel_gre {
    __be16 flags;
    __be16 proto;
};

/* An outer header to be popped, and the words of the key behind it that are
 * named after their first member. */
struct tunnel_header {
    __u32 l3_ofs;
    __u32 l4_ofs;
    __u32 len;              /* All of it, from the start of the packet. */
    __u32 opts_len;         /* Of the options, which are at its end. */
    __u64 tun_tun_id;
    __u64 tun_flags;
    __u64 tun_erspan_idx;
};

#endif /* tunnel_format.h */
