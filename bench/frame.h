/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* The frame that the benchmarks send, shared by the BPF programs and the C
 * programs that load them: 64 bytes of Ethernet, IPv4 and UDP. */

#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H 1

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/types.h>
#include <linux/udp.h>

#define BENCH_FRAME_LEN 64
#define BENCH_FRAME_SRC 0x0a010000u     /* 10.1.0.0, of flow 0. */
#define BENCH_FRAME_DST 0x0a020001u     /* 10.2.0.1. */
#define BENCH_FRAME_SPORT 1024          /* Of flow 0. */
#define BENCH_FRAME_DPORT 9             /* The discard service. */

/* The headers at the front of the frame; zeros follow them. */
struct bench_headers {
    struct ethhdr eth;
    struct iphdr ip;
    struct udphdr udp;
} __attribute__((packed));

/* What tells one flow from the next. */
enum bench_vary {
    BENCH_VARY_SPORT,           /* UDP source port, at most 64,512 flows. */
    BENCH_VARY_SRC,             /* IPv4 source address. */
};

/* Constants of the source program, written before it is loaded, so that the
 * verifier sees them and drops the code that they make unreachable. */
struct bench_source_config {
    struct bench_headers headers;   /* What every frame starts with. */
    __u16 pad;
    __u32 ip_csum;                  /* Sum of the IPv4 header's 16-bit words,
                                     * source address and checksum left out. */
    __u32 n_flows;
    __u32 vary;                     /* An enum bench_vary. */
    __u32 interval;                 /* Nanoseconds between two frames, 0 for
                                     * none. */
};

/* Variables of the source program. */
struct bench_source_state {
    __u64 n_sent;                   /* Frames handed to the device. */
    __u64 due;                      /* When to send the next frame. */
    __u32 next_flow;
    __u32 pad;
};

/* Per-CPU value of the sink's only map element. */
struct bench_sink_count {
    __u64 packets;
    __u64 bytes;
};

#endif /* bench/frame.h */
