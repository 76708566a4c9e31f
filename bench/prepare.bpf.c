// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

/* Makes a frame ready for the program whose cost is measured by BPF_PROG_RUN,
 * and goes on in that program: with headers of the next flow, and at the place
 * where a frame begins.
 *
 * BPF_PROG_RUN runs a program on one frame again and again, so that it comes
 * back as the program has left it.  Where the program pushes or pops headers,
 * the front of the frame is moved back, by two calls in any case, so that this
 * takes as long for a program that moves nothing. */

#include "pattern.bpf.h"

__u32 next;

/* One element, the program to measure. */
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} prepare_target SEC(".maps");

SEC("xdp")
int
bench_prepare(struct xdp_md *ctx)
{
    const int step = 2;

    if (pattern.moves) {
        long len = (long) ctx->data_end - (long) ctx->data;
        int grown;

        /* Only a difference of pointers is a number to the verifier. */
        barrier_var(len);
        grown = len - (long) pattern.frame_len;
        if (bpf_xdp_adjust_head(ctx, grown - step)
            || bpf_xdp_adjust_head(ctx, step)) {
            return XDP_ABORTED;
        }
    }
    if (!pattern_write(ctx, &next)) {
        return XDP_ABORTED;
    }
    bpf_tail_call(ctx, &prepare_target, 0);
    return XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
