/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* Writing the headers of the next flow into a frame, for the BPF programs of
 * the benchmark. */

#ifndef BENCH_PATTERN_BPF_H
#define BENCH_PATTERN_BPF_H 1

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

const volatile struct bench_pattern pattern;

/* Numbers of flows, in the order in which they come.  An array has its values
 * 8 bytes apart, also for whom it is mapped into memory. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u64);
} bench_order SEC(".maps");

/* Returns the checksum of what has the sum 'sum' without address 'src'. */
static __always_inline __be16
pattern_csum(__u32 sum, __u32 src)
{
    sum += (src >> 16) + (src & 0xffff);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return bpf_htons(~sum & 0xffff);
}

/* Makes the frame of 'ctx' one of the next flow; '*next' is the position in
 * 'bench_order'.  Returns false if the frame is too short. */
static __always_inline bool
pattern_write(struct xdp_md *ctx, __u32 *next)
{
    void *data = (void *) (long) ctx->data;
    void *data_end = (void *) (long) ctx->data_end;
    const void *headers = (const void *) &pattern.headers;

    if (data + BENCH_HEADERS_LEN > data_end) {
        return false;
    }

    /* Without the cast, copying takes a loop; with it, the compiler takes the
     * zeros for granted that 'pattern' has before it is written. */
    barrier_var(headers);
    __builtin_memcpy(data, headers, BENCH_HEADERS_LEN);
    if (pattern.headers_len == BENCH_HEADERS_TCP) {
        if (data + BENCH_HEADERS_TCP > data_end) {
            return false;
        }
        __builtin_memcpy(data + BENCH_HEADERS_LEN,
                         headers + BENCH_HEADERS_LEN,
                         BENCH_HEADERS_TCP - BENCH_HEADERS_LEN);
    } else if (pattern.headers_len == BENCH_HEADERS_MAX) {
        if (data + BENCH_HEADERS_MAX > data_end) {
            return false;
        }
        __builtin_memcpy(data + BENCH_HEADERS_LEN,
                         headers + BENCH_HEADERS_LEN,
                         BENCH_HEADERS_MAX - BENCH_HEADERS_LEN);
    }

    if (pattern.n_order) {
        __u32 index = *next;
        __u64 *flow = bpf_map_lookup_elem(&bench_order, &index);
        struct iphdr *ip = data + (pattern.ip_ofs & 127);
        struct tcphdr *tcp = (void *) (ip + 1);
        __u32 src;

        *next = index + 1 < pattern.n_order ? index + 1 : 0;
        if (!flow || (void *) (ip + 1) > data_end) {
            return false;
        }
        src = BENCH_FRAME_SRC + *flow;
        ip->saddr = bpf_htonl(src);
        ip->check = pattern_csum(pattern.ip_csum, src);
        if (pattern.tcp_csum) {
            if ((void *) (tcp + 1) > data_end) {
                return false;
            }
            tcp->check = pattern_csum(pattern.tcp_csum, src);
        }
    }
    return true;
}

#endif /* bench/pattern.bpf.h */
