/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* The frames that the benchmarks send, shared by the BPF programs and the C
 * programs that load them: 64 bytes of Ethernet, IPv4 and UDP, or an
 * acknowledgement of TCP, with or without a VLAN tag, or in a VXLAN tunnel,
 * which adds to their length.  Flow number N differs from flow 0 in the
 * (inner) IPv4 source address, which is N higher. */

#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>

#define BENCH_FRAME_LEN 64
#define BENCH_FRAME_MAX 128             /* With a tunnel's headers. */
#define BENCH_FRAME_SRC 0x0a000000u     /* 10.0.0.0, of flow 0. */
#define BENCH_FRAME_DST 0x0b000001u     /* 11.0.0.1. */
#define BENCH_FRAME_SPORT 1024
#define BENCH_FRAME_DPORT 9             /* The discard service. */
#define BENCH_FRAME_SEQ 0x10000001u     /* TCP: next from this end... */
#define BENCH_FRAME_ACK 0x20000001u     /* ...and from the other one. */
#define BENCH_FRAME_WINDOW 0xfff0       /* TCP. */
#define BENCH_MAX_FLOWS (1u << 24)

/* Bytes at the front of a frame that are written into each: all headers, and
 * of what follows them, which is zero, enough to make this a round number; of
 * UDP, of TCP, and of UDP with a tunnel. */
#define BENCH_HEADERS_LEN 48
#define BENCH_HEADERS_TCP 56
#define BENCH_HEADERS_MAX 96

#define BENCH_MAX_DEVICES 512       /* From which one source can send. */

/* What the frames look like, and in which order flows follow each other.
 * Constants of the BPF programs, written before these are loaded, so that the
 * verifier sees them and drops the code that they make unreachable. */
struct bench_pattern {
    __u8 headers[BENCH_HEADERS_MAX]; /* Of flow 0. */
    __u32 frame_len;
    __u32 headers_len;              /* BENCH_HEADERS_*. */
    __u32 ip_ofs;                   /* Offset of the (inner) IPv4 header. */
    __u32 ip_csum;                  /* Sum of its 16-bit words, source address
                                     * and checksum left out. */
    __u32 tcp_csum;                 /* As ip_csum, of what a checksum of TCP
                                     * is the sum of.  0 without TCP. */
    __u32 n_order;                  /* Elements of the map 'bench_order', or 0
                                     * for flow 0 only. */
    __u32 n_devices;                /* To send from in turn... */
    __u32 burst;                    /* ...this many frames at a time. */
    __u32 interval;                 /* Nanoseconds between two frames, 0 for
                                     * none. */
    __u32 moves;                    /* Does the measured program push or pop
                                     * headers? */
};

/* Variables of the source program. */
struct bench_source_state {
    __u64 n_sent;                   /* Frames handed to the device. */
    __u64 due;                      /* When to send the next frame. */
    __u32 next;                     /* Index in 'bench_order'. */
    __u32 device;
    __u32 n_in_burst;
    __u32 pad;
};

/* Per-CPU value of the sink's only map element. */
struct bench_sink_count {
    __u64 packets;
    __u64 bytes;
};

#endif /* bench/frame.h */
