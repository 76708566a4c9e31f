/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of meters.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <string.h>

#include "dp-packet.h"
#include "openvswitch/ofp-meter.h"
#include "ovs-thread.h"
#include "random.h"
#include "unit.h"
#include "util.h"
#include "xdp-abi.h"
#include "xdp-meter.h"

#define METER_ID ((ofproto_meter_id) { .uint32 = 77 })

/* Sets the meter to 'n' bands of 'rates' and 'bursts'. */
static void
set_meter(uint16_t flags, size_t n, const uint32_t rates[],
          const uint32_t bursts[])
{
    struct ofputil_meter_band bands[XDP_METER_MAX_BANDS];
    struct ofputil_meter_config config = {
        .flags = flags,
        .n_bands = n,
        .bands = bands,
    };

    for (size_t i = 0; i < n; i++) {
        bands[i] = (struct ofputil_meter_band) {
            .type = OFPMBT13_DROP,
            .rate = rates[i],
            .burst_size = bursts[i],
        };
    }
    xdp_meter_set(METER_ID, &config);
}

/* Stores in '*version' what packets see of the meter. */
static bool
read_meter(struct xdp_meter_version *version)
{
    uint32_t id = METER_ID.uint32;
    struct xdp_meter meter;
    char *error;
    int fd = xdp_meter_open(&error);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = !bpf_map_lookup_elem(fd, &id, &meter);
    *version = meter.versions[meter.current];
    xdp_meter_close();
    return ok;
}

/* What is let through, against a bucket of unlimited precision. */
static void
test_meter_rate(void)
{
    static const struct {
        uint16_t flags;
        uint32_t rate, burst;
        uint32_t bytes;         /* Of each packet. */
        uint32_t interval;      /* Between two packets, ns. */
    } meters[] = {
        { OFPMF13_PKTPS, 1, 1, 60, 300000000 },
        { OFPMF13_PKTPS, 7, 0, 60, 90000000 },
        { OFPMF13_PKTPS, 1000, 100, 1500, 700000 },
        { OFPMF13_PKTPS, 1000, 100, 1500, 1200000 },
        { OFPMF13_PKTPS, 1000000, 50000, 60, 300 },
        { OFPMF13_PKTPS, 10000000, 1000, 60, 60 },
        { OFPMF13_KBPS, 1, 13, 1500, 900000000 },
        { OFPMF13_KBPS, 1000, 0, 1000, 2500000 },
        { OFPMF13_KBPS, 10000000, 100000, 1500, 700 },
        { 0, 100000000, 1000000, 1500, 100 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(meters); i++) {
        bool by_packet = meters[i].flags & OFPMF13_PKTPS;
        uint32_t burst = (meters[i].burst ? meters[i].burst : meters[i].rate);
        double depth = by_packet ? burst : burst * 125.0;
        double per_ns = (by_packet ? 1 : 125.0) * meters[i].rate / 1e9;
        uint32_t n = by_packet ? 1 : meters[i].bytes;
        uint64_t now = UINT64_C(123456789012);
        struct xdp_meter_version version;
        uint64_t expected = 0, taken = 0;
        double bucket = depth;

        set_meter(meters[i].flags, 1, &meters[i].rate, &meters[i].burst);
        CHECK(read_meter(&version));
        CHECK(version.n_bands == 1 && version.by_packet == by_packet);
        CHECK(version.bands[0].rate == meters[i].rate);

        /* All of the burst at once, and not one more, as far as a sixteenth
         * of a nanosecond for each packet allows. */
        expected = depth / n;
        while (xdp_meter_take(&version.bands[0], n, now)) {
            taken++;
        }
        CHECK(taken >= expected && taken <= expected + expected / 1000);
        bucket -= expected * n;
        expected = taken = 0;

        for (int j = 0; j < 300000; j++) {
            uint32_t step = meters[i].interval / 2
                            + random_range(meters[i].interval);

            now += step;
            bucket = MIN(bucket + step * per_ns, depth);
            if (bucket >= n) {
                bucket -= n;
                expected++;
            }
            taken += xdp_meter_take(&version.bands[0], n, now);
        }
        if (taken + 2 + taken / 500 < expected
            || taken > expected + 2 + expected / 500) {
            fail("meter %"PRIuSIZE": %"PRIu64" taken, expected %"PRIu64, i,
                 taken, expected);
            return;
        }
    }
}

/* Packets that meet a meter twice, and two users of one meter of which one
 * comes with batches, get what they get in OVS: at ten times the rate, half of
 * it, and not much less than half of it. */
static void
test_meter_shares(void)
{
    const uint32_t rate = 100000, burst = 1000, batch = 32;
    struct xdp_meter_version version;
    uint32_t twice = 0, single = 0, batched = 0;
    uint64_t now = UINT64_C(123456789012);

    set_meter(OFPMF13_PKTPS, 1, &rate, &burst);
    CHECK(read_meter(&version));
    for (uint32_t i = 0; i < 10 * rate; i++) {
        uint64_t clock = xdp_meter_clock(now += 1000);

        twice += (xdp_meter_take(&version.bands[0], 1, clock)
                  && xdp_meter_take(&version.bands[0], 1, clock));
    }
    CHECK(twice >= rate / 2 - burst && twice <= rate / 2 + burst);

    set_meter(OFPMF13_PKTPS, 1, &rate, &burst);
    CHECK(read_meter(&version));
    for (uint32_t i = 1; i <= 5 * rate; i++) {
        uint64_t clock = xdp_meter_clock(now += 2000);

        single += xdp_meter_take(&version.bands[0], 1, clock);
        for (uint32_t j = 0; i % batch == 0 && j < batch; j++) {
            batched += xdp_meter_take(&version.bands[0], 1, clock);
        }
    }
    CHECK(single + batched >= rate - burst
          && single + batched <= rate + 2 * burst);
    CHECK(batched >= rate / 3 && single >= rate / 3);
}

/* Threads that take out of one bucket. */
struct meter_taker {
    struct xdp_meter_band *band;
    unsigned int n_taken;
};

static void *
take_from_meter(void *taker_)
{
    struct meter_taker *taker = taker_;

    for (int i = 0; i < 400000; i++) {
        taker->n_taken += xdp_meter_take(taker->band, 1, 1000000);
    }
    return NULL;
}

/* Two threads never get more than there is. */
static void
test_meter_threads(void)
{
    const uint32_t rate = 1000, burst = 500000;
    struct xdp_meter_version version;
    struct meter_taker takers[2];
    pthread_t threads[2];

    set_meter(OFPMF13_PKTPS, 1, &rate, &burst);
    CHECK(read_meter(&version));
    for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
        takers[i] = (struct meter_taker) { .band = &version.bands[0] };
        threads[i] = ovs_thread_create("taker", take_from_meter, &takers[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
        xpthread_join(threads[i], NULL);
    }
    CHECK(takers[0].n_taken + takers[1].n_taken == burst);
}

/* Makes 'batch' 'n' packets, of 101 bytes and so on. */
static void
make_batch(struct dp_packet_batch *batch, size_t n)
{
    dp_packet_batch_init(batch);
    for (size_t i = 0; i < n; i++) {
        struct dp_packet *packet = dp_packet_new(200);

        dp_packet_put_zeros(packet, 101 + i);
        dp_packet_batch_add(batch, packet);
    }
}

/* What userspace makes of a meter, and its statistics. */
static void
test_meter_run(void)
{
    /* The second band is the one that all drops belong to. */
    const uint32_t rates[] = { 1, 2 };
    const uint32_t bursts[] = { 5, 4 };
    struct ofputil_meter_band_stats band_stats[2];
    struct ofputil_meter_stats stats = { .n_bands = 2, .bands = band_stats };
    struct dp_packet_batch batch;
    char *error;

    /* Without a map, userspace has the meters for itself. */
    set_meter(OFPMF13_PKTPS, 2, rates, bursts);
    make_batch(&batch, 8);
    CHECK(xdp_meter_run(METER_ID.uint32, &batch) == -1);
    CHECK(dp_packet_batch_size(&batch) == 8);
    CHECK(xdp_meter_open(&error) >= 0);
    CHECK(xdp_meter_run(METER_ID.uint32, &batch) == 4);
    CHECK(dp_packet_batch_size(&batch) == 4);
    for (size_t i = 0; i < 4; i++) {
        CHECK(dp_packet_size(batch.packets[i]) == 101 + i);
    }
    dp_packet_delete_batch(&batch, true);

    /* They are added to what is there. */
    memset(band_stats, 0, sizeof band_stats);
    stats.packet_in_count = 1000;
    stats.byte_in_count = 0;
    band_stats[1].byte_count = 7;
    xdp_meter_get(METER_ID, &stats);
    CHECK(stats.packet_in_count == 1008);
    CHECK(stats.byte_in_count == 8 * 101 + 28);
    CHECK(!band_stats[0].packet_count && !band_stats[0].byte_count);
    CHECK(band_stats[1].packet_count == 4);
    CHECK(band_stats[1].byte_count == 7 + 4 * 101 + 4 + 5 + 6 + 7);

    /* Meters and statistics outlive the map. */
    xdp_meter_close();
    xdp_meter_get(METER_ID, &stats);
    CHECK(stats.packet_in_count == 1016);
    CHECK(xdp_meter_open(&error) >= 0);
    xdp_meter_get(METER_ID, &stats);
    CHECK(stats.packet_in_count == 1024);
    make_batch(&batch, 8);
    CHECK(xdp_meter_run(METER_ID.uint32, &batch) == 8);
    dp_packet_delete_batch(&batch, true);

    /* A new meter starts again; one without bands does nothing. */
    set_meter(OFPMF13_PKTPS, 1, rates, bursts);
    memset(band_stats, 0, sizeof band_stats);
    stats.packet_in_count = 0;
    xdp_meter_get(METER_ID, &stats);
    CHECK(!stats.packet_in_count);
    make_batch(&batch, 8);
    CHECK(xdp_meter_run(METER_ID.uint32, &batch) == 3);
    dp_packet_delete_batch(&batch, true);

    xdp_meter_del(METER_ID);
    make_batch(&batch, 8);
    CHECK(!xdp_meter_run(METER_ID.uint32, &batch));
    CHECK(dp_packet_batch_size(&batch) == 8);

    /* These are left to userspace. */
    CHECK(xdp_meter_run(XDP_METER_MAX, &batch) == -1);
    dp_packet_delete_batch(&batch, true);
    xdp_meter_close();
}

const struct unit_case unit_meter[] = {
    { "meter-rate", test_meter_rate, NEED_BPF },
    { "meter-shares", test_meter_shares, NEED_BPF },
    { "meter-threads", test_meter_threads, NEED_BPF },
    { "meter-run", test_meter_run, NEED_BPF },
    { NULL, NULL, 0 }
};
