/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-meter.h. */

#include <config.h>

#include "xdp-meter.h"

#include <time.h>

#include "dp-packet.h"
#include "openflow/openflow.h"
#include "ovs-thread.h"
#include "util.h"
#include "xdp-abi.h"
#include "xdp-ovs-compat.h"
#include "xdp-shared.h"

/* Longer than any meter will be in use: so much that nothing overflows. */
#define MAX_DEPTH (UINT64_C(1) << 60)

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* The meters of the datapath, by its number. */
static struct xdp_shared shared OVS_GUARDED_BY(mutex)
    = XDP_SHARED_INITIALIZER("xdp_meters", sizeof(struct xdp_meter),
                             XDP_METER_MAX);

/* Returns the array that has the meters. */
static struct xdp_meter *
get_meters(void)
    OVS_REQUIRES(mutex)
{
    return xdp_shared_values(&shared);
}

/* Returns the version of 'meter' that packets use. */
static struct xdp_meter_version *
get_version(struct xdp_meter *meter)
{
    return &meter->versions[*(volatile uint32_t *) &meter->current & 1];
}

/* Makes 'version' the one of 'meter' that packets use.  Those on their way may
 * still use the other one until they have passed the meter. */
static void
publish(struct xdp_meter *meter, const struct xdp_meter_version *version)
    OVS_REQUIRES(mutex)
{
    uint32_t other = !(meter->current & 1);

    meter->versions[other] = *version;
    atomic_thread_fence(memory_order_release);
    *(volatile uint32_t *) &meter->current = other;
}

/* Returns the file descriptor of the map 'xdp_meters', which the caller must
 * give back with xdp_meter_close().  On failure, returns -1 with a message in
 * '*errp', which the caller frees. */
int
xdp_meter_open(char **errp)
{
    int fd;

    ovs_mutex_lock(&mutex);
    fd = xdp_shared_open(&shared, errp);
    ovs_mutex_unlock(&mutex);
    return fd;
}

/* Gives the map back.  The meters and their statistics stay. */
void
xdp_meter_close(void)
{
    ovs_mutex_lock(&mutex);
    xdp_shared_close(&shared);
    ovs_mutex_unlock(&mutex);
}

/* Converts 'band' of a meter with 'flags', OFPMF13_*.  As in dpif-netdev, a
 * band without burst size has that of one second. */
static struct xdp_meter_band
make_band(const struct ofputil_meter_band *band, uint16_t flags)
{
    uint32_t burst = band->burst_size ? band->burst_size : band->rate;

    /* In 2**-24 ns: of a packet, or of 8 bits at 1000 bits per second. */
    uint64_t unit = ((flags & OFPMF13_PKTPS ? UINT64_C(1000000000)
                                            : UINT64_C(8000000)) << 24);

    if (!band->rate) {
        /* Not valid in OpenFlow. */
        return (struct xdp_meter_band) { .cost = 0 };
    }
    return (struct xdp_meter_band) {
        .cost = unit / band->rate,
        .depth = MIN(16e9 * burst / band->rate, MAX_DEPTH),
        .rate = band->rate,
    };
}

/* Sets meter 'id' to 'config', with full buckets and statistics that start
 * again.  A meter whose number is too large is left to dpif-netdev, and the
 * flows that use it stay in userspace. */
void
xdp_meter_set(ofproto_meter_id id, const struct ofputil_meter_config *config)
{
    struct xdp_meter_version version = {
        .n_bands = MIN(config->n_bands, XDP_METER_MAX_BANDS),
        .by_packet = !!(config->flags & OFPMF13_PKTPS),
    };

    if (id.uint32 >= XDP_METER_MAX) {
        return;
    }
    for (size_t i = 0; i < version.n_bands; i++) {
        version.bands[i] = make_band(&config->bands[i], config->flags);
    }

    ovs_mutex_lock(&mutex);
    publish(&get_meters()[id.uint32], &version);
    ovs_mutex_unlock(&mutex);
}

/* Adds to 'stats' what meter 'id' has counted here since it was set. */
void
xdp_meter_get(ofproto_meter_id id, struct ofputil_meter_stats *stats)
{
    const struct xdp_meter_version *version;

    if (id.uint32 >= XDP_METER_MAX) {
        return;
    }

    ovs_mutex_lock(&mutex);
    version = get_version(&get_meters()[id.uint32]);
    stats->packet_in_count += version->packets;
    stats->byte_in_count += version->bytes;
    for (size_t i = 0; i < MIN(stats->n_bands, version->n_bands); i++) {
        stats->bands[i].packet_count += version->bands[i].packets;
        stats->bands[i].byte_count += version->bands[i].bytes;
    }
    ovs_mutex_unlock(&mutex);
}

/* Deletes meter 'id' and its statistics: it lets all packets pass. */
void
xdp_meter_del(ofproto_meter_id id)
{
    struct ofputil_meter_config none = { .n_bands = 0 };

    xdp_meter_set(id, &none);
}

/* Takes a packet of 'bytes' bytes out of the buckets of 'version' at time
 * 'now'.  Returns false if it is to be dropped, which is counted. */
static bool
take_packet(struct xdp_meter_version *version, uint32_t bytes, uint64_t now)
{
    struct xdp_meter_band *exceeded = NULL;

    __sync_fetch_and_add(&version->packets, 1);
    __sync_fetch_and_add(&version->bytes, bytes);
    for (size_t i = 0; i < MIN(version->n_bands, XDP_METER_MAX_BANDS); i++) {
        struct xdp_meter_band *band = &version->bands[i];

        if (!xdp_meter_take(band, version->by_packet ? 1 : bytes, now)
            && (!exceeded || band->rate > exceeded->rate)) {
            exceeded = band;
        }
    }
    if (exceeded) {
        __sync_fetch_and_add(&exceeded->packets, 1);
        __sync_fetch_and_add(&exceeded->bytes, bytes);
    }
    return !exceeded;
}

/* Applies meter 'id' to 'batch' in userspace.  Returns how many packets it has
 * dropped, or -1 if that is left to the caller, because the meter is not
 * shared with XDP. */
int
xdp_meter_run(uint32_t id, struct dp_packet_batch *batch)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    const size_t size = dp_packet_batch_size(batch);
    struct xdp_meter_version *version;
    struct dp_packet *packet;
    struct timespec ts;
    uint64_t now;
    size_t i;

    if (!xdp_shared_is_map(&shared) || id >= XDP_METER_MAX) {
        return -1;
    }
    version = get_version((struct xdp_meter *) shared.values + id);
    if (!version->n_bands) {
        return 0;
    }

    /* The clock of bpf_ktime_get_ns(). */
    clock_gettime(CLOCK_MONOTONIC, &ts);
    now = xdp_meter_clock(ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec);
    DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
        if (take_packet(version, dp_packet_size(packet), now)) {
            XDP_OVS_BATCH_KEEP(batch, packet, i);
        } else {
            dp_packet_delete(packet);
        }
    }
    return size - dp_packet_batch_size(batch);
}
