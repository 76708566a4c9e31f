/* SPDX-License-Identifier: Apache-2.0 */
/* See meters.h. */

#include <config.h>

#include "meters.h"

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "openflow/openflow.h"
#include "util.h"
#include "xdp-abi.h"
#include "xdp-meter.h"

/* Creates the meters. */
void
init_meters(void)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP,
        .rate = UINT32_MAX,
        .burst_size = UINT32_MAX,
    };
    struct ofputil_meter_config config = {
        .flags = OFPMF13_PKTPS,
        .n_bands = 1,
        .bands = &band,
    };
    struct xdp_meter meter;
    uint32_t id = METER_DROP;
    char *error = NULL;
    int fd;

    for (uint32_t i = 0; i < N_METERS; i++) {
        xdp_meter_set((ofproto_meter_id) { .uint32 = i }, &config);
    }

    /* A bucket that will not be full for some years, of less than that. */
    fd = xdp_meter_open(&error);
    if (fd < 0) {
        ovs_fatal(0, "%s", error);
    }
    if (bpf_map_lookup_elem(fd, &id, &meter)) {
        ovs_fatal(errno, "reading a meter failed");
    }
    meter.versions[meter.current].bands[0].full_at = UINT64_C(1) << 62;
    if (bpf_map_update_elem(fd, &id, &meter, BPF_ANY)) {
        ovs_fatal(errno, "writing a meter failed");
    }
    xdp_meter_close();
}

/* Reads what came to the meters so far. */
void
read_meters(struct meter_counts counts[N_METERS])
{
    for (uint32_t i = 0; i < N_METERS; i++) {
        struct ofputil_meter_band_stats band = { .packet_count = 0 };
        struct ofputil_meter_stats stats = { .n_bands = 1, .bands = &band };

        xdp_meter_get((ofproto_meter_id) { .uint32 = i }, &stats);
        counts[i].packets = stats.packet_in_count;
        counts[i].bytes = stats.byte_in_count;

        /* All of it, or nothing. */
        if (band.packet_count != (i == METER_DROP ? counts[i].packets : 0)
            || band.byte_count != (i == METER_DROP ? counts[i].bytes : 0)) {
            counts[i].packets = UINT64_MAX;
        }
    }
}

/* Returns true if since 'before' what came to the meters is 'expected'. */
bool
check_meters(const struct meter_counts before[N_METERS],
             const struct meter_counts expected[N_METERS])
{
    struct meter_counts now[N_METERS];

    read_meters(now);
    for (uint32_t i = 0; i < N_METERS; i++) {
        if (now[i].packets - before[i].packets != expected[i].packets
            || now[i].bytes - before[i].bytes != expected[i].bytes) {
            return false;
        }
    }
    return true;
}
