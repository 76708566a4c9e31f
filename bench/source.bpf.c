// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

/* Packet source: run by BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES, it
 * sends each frame that the kernel hands to it out of one device, or of
 * several in turn, in bursts as a device delivers them to a poll.
 *
 * The kernel recycles the frames and does not clean them: one comes back as
 * the last program on its way has left it, perhaps with other addresses or
 * pieces of a VLAN tag.  So the program writes all headers into every
 * frame. */

#include "pattern.bpf.h"

struct bench_source_state state;

/* The devices to send from. */
struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, BENCH_MAX_DEVICES);
    __type(key, __u32);
    __type(value, __u32);
} source_devices SEC(".maps");

/* Returns true if the next frame is not to be sent yet. */
static __always_inline bool
too_early(void)
{
    const __u64 max_burst = 100000;
    __u64 now = bpf_ktime_get_ns();

    if (now < state.due) {
        return true;
    }
    if (now > state.due + max_burst) {
        state.due = now;
    }
    state.due += pattern.interval;
    return false;
}

SEC("xdp")
int
bench_source(struct xdp_md *ctx)
{
    __u32 device = 0;

    if (pattern.interval && too_early()) {
        return XDP_DROP;
    }
    if (!pattern_write(ctx, &state.next)) {
        return XDP_ABORTED;
    }
    if (pattern.n_devices > 1) {
        device = state.device;
        if (++state.n_in_burst >= pattern.burst) {
            state.n_in_burst = 0;
            state.device = device + 1 < pattern.n_devices ? device + 1 : 0;
        }
    }
    state.n_sent++;
    return bpf_redirect_map(&source_devices, device, XDP_ABORTED);
}

char _license[] SEC("license") = "Dual BSD/GPL";
