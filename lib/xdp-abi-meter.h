/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Meters in XDP: the part of lib/xdp-abi.h that is about them.  Included by
 * that, and by nobody else.
 *
 * All objects and userspace share the meters, whichever of them a packet comes
 * to: they take from the same buckets, by atomic operations.
 */

#ifndef XDP_ABI_METER_H
#define XDP_ABI_METER_H 1

#include <linux/types.h>

#define XDP_METER_MAX       4096 /* Meters, by the datapath's number. */
#define XDP_METER_MAX_BANDS 8   /* Bands of one meter. */

/* A band of a meter: a token bucket of which only the time is kept at which
 * it will be full again (the generic cell rate algorithm of ITU-T I.371).
 * What changes is changed by atomic operations, by anyone. */
struct xdp_meter_band {
    __u64 cost;         /* How long it takes to fill in what one packet, or
                         * one byte, has taken out; in 2**-24 ns. */
    __u64 depth;        /* How long it takes to fill an empty bucket, in
                         * 2**-4 ns. */
    __u64 full_at;      /* CLOCK_MONOTONIC, in 2**-4 ns. */
    __u64 packets;      /* Dropped by this band. */
    __u64 bytes;
    __u32 rate;         /* As in OpenFlow: the highest one counts the drop. */
    __u32 pad;
};

/* A meter, value of the map 'xdp_meters', whose index is the number that the
 * datapath has for it.  All objects and userspace share the map.
 *
 * The provider changes a meter by writing the version that is not current, and
 * then 'current'.  A meter without bands lets all packets pass. */
struct xdp_meter {
    __u32 current;      /* 0 or 1. */
    __u32 pad;
    struct xdp_meter_version {
        __u32 n_bands;      /* 0 to XDP_METER_MAX_BANDS. */
        __u32 by_packet;    /* Is the cost for a packet, or for a byte? */
        __u64 packets;      /* That came to the meter. */
        __u64 bytes;
        struct xdp_meter_band bands[XDP_METER_MAX_BANDS];
    } versions[2];
};

/* How often xdp_meter_take() tries before it gives up.  Each failure means
 * that somebody else has taken something in the meantime. */
#define XDP_METER_TRIES 32

/* Returns 'ns', CLOCK_MONOTONIC, as the clock of meters shows it.  That ticks
 * in milliseconds like the one of dpif-netdev: at each tick the buckets get
 * what is due.  If packets came one by one at the very moment when there is
 * enough for one of them, a flow that meets a meter twice would never get
 * through, and of two users that share a meter the one that comes with several
 * packets at a time would get next to nothing. */
static inline __attribute__((always_inline)) __u64
xdp_meter_clock(__u64 ns)
{
    return ns - ns % 1000000;
}

/* Takes 'n' packets or bytes, whatever its 'cost' is for, out of the bucket of
 * 'band', at 'now_ns', a time of xdp_meter_clock().  Returns 1, or 0 if that
 * much was not in there, which leaves the bucket as it is. */
static inline __attribute__((always_inline)) int
xdp_meter_take(struct xdp_meter_band *band, __u64 n, __u64 now_ns)
{
    __u64 amount = band->cost * n >> 20;
    __u64 now = now_ns << 4;
    __u64 full_at = *(volatile __u64 *) &band->full_at;

    for (int i = 0; i < XDP_METER_TRIES; i++) {
        __u64 next = (full_at > now ? full_at : now) + amount;
        __u64 seen;

        if (next - now > band->depth) {
            return 0;
        }
        seen = __sync_val_compare_and_swap(&band->full_at, full_at, next);
        if (seen == full_at) {
            return 1;
        }
        full_at = seen;
    }
    return 0;
}

#endif /* xdp-abi-meter.h */
