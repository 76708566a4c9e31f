// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

/* Packet source: run by BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES, it
 * sends each frame that the kernel hands to it out of one device.
 *
 * The kernel recycles the frames and does not clean them: one comes back as
 * the last program on its way has left it, perhaps with other addresses or
 * pieces of a VLAN tag.  So the program writes all headers into every
 * frame. */

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

const volatile struct bench_source_config config;
struct bench_source_state state;

/* One element, the device to send to. */
struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} source_dev SEC(".maps");

/* Makes 'h' a frame of flow number 'flow'. */
static __always_inline void
set_flow(struct bench_headers *h, __u32 flow)
{
    if (config.vary == BENCH_VARY_SPORT) {
        h->udp.source = bpf_htons(BENCH_FRAME_SPORT + flow);
    } else {
        __u32 src = BENCH_FRAME_SRC + flow;
        __u32 sum = config.ip_csum + (src >> 16) + (src & 0xffff);

        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        h->ip.saddr = bpf_htonl(src);
        h->ip.check = bpf_htons(~sum & 0xffff);
    }
}

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
    state.due += config.interval;
    return false;
}

SEC("xdp")
int
bench_source(struct xdp_md *ctx)
{
    void *data = (void *) (long) ctx->data;
    void *data_end = (void *) (long) ctx->data_end;
    const void *headers = (const void *) &config.headers;
    struct bench_headers *h = data;

    if (data + sizeof *h > data_end) {
        return XDP_ABORTED;
    }
    if (config.interval && too_early()) {
        return XDP_DROP;
    }

    /* Without the cast, copying takes a loop; with it, the compiler takes the
     * zeros for granted that 'config' has before it is written. */
    barrier_var(headers);
    __builtin_memcpy(h, headers, sizeof *h);
    if (config.n_flows > 1) {
        __u32 flow = state.next_flow;

        set_flow(h, flow);
        state.next_flow = flow + 1 < config.n_flows ? flow + 1 : 0;
    }
    state.n_sent++;
    return bpf_redirect_map(&source_dev, 0, XDP_ABORTED);
}

char _license[] SEC("license") = "Dual BSD/GPL";
