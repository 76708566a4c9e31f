/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Meters, with the result that dp_netdev_run_meter() of OVS's
 * lib/dpif-netdev.c gives for batches of one packet.
 * Userspace takes from the same buckets: see lib/xdp-meter.h.
 */

#ifndef BPF_METER_H
#define BPF_METER_H 1

#include "hook.h"
#include "maps.h"
#include "op.h"

/* Returns the current version of meter 'id', or NULL if there is none. */
static __always_inline struct xdp_meter_version *
meter_lookup(__u32 id)
{
    struct xdp_meter *meter = bpf_map_lookup_elem(&xdp_meters, &id);

    return meter ? &meter->versions[meter->current & 1] : NULL;
}

/* Takes a packet of 'bytes' bytes out of the bucket of band 'i' of meter 'id'
 * at time 'now'.  Returns the band's rate if it is exceeded, otherwise 0. */
__noinline __u64
meter_run_band(__u32 id, __u32 i, __u64 bytes, __u64 now)
{
    struct xdp_meter_version *version = meter_lookup(id);

    if (!version || i >= XDP_METER_MAX_BANDS || i >= version->n_bands) {
        return 0;
    }
    return (xdp_meter_take(&version->bands[i], version->by_packet ? 1 : bytes,
                           now)
            ? 0 : version->bands[i].rate);
}

/* Runs XDP_OP_METER. */
__noinline int
meter_run(struct hook_md *ctx, const struct xdp_flow_rest *rest, __u32 i)
{
    const struct xdp_op *op = op_at(rest, i, 0);
    __u64 bytes = hook_len(ctx);
    struct xdp_meter_version *version;
    __u64 highest = 0;
    __u32 exceeded = 0;
    __u64 now;
    __u32 id;

    if (!op) {
        return OP_DROP_BAD_OP;
    }
    id = op->u.meter.id;
    version = meter_lookup(id);
    if (!version || !version->n_bands) {
        return OP_OK;
    }
    __sync_fetch_and_add(&version->packets, 1);
    __sync_fetch_and_add(&version->bytes, bytes);

    now = xdp_meter_clock(bpf_ktime_get_ns());
    for (__u32 band = 0; band < XDP_METER_MAX_BANDS; band++) {
        __u64 rate = meter_run_band(id, band, bytes, now);

        if (rate > highest) {
            highest = rate;
            exceeded = band;
        }
    }
    if (!highest) {
        return OP_OK;
    }
    __sync_fetch_and_add(&version->bands[exceeded].packets, 1);
    __sync_fetch_and_add(&version->bands[exceeded].bytes, bytes);
    return OP_DROP_METER;
}

#endif /* meter.h */
