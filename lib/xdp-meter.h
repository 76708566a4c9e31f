/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meters that XDP and userspace share.
 *
 * The packets of a metered flow may take both ways at the same time, and a
 * meter limits their sum.  So as long as an object with meters is loaded, all
 * meters are in the map 'xdp_meters' of all objects, and userspace takes from
 * the buckets there, too.  At other times it takes from its own, and those
 * here fill.
 *
 * The statistics of a meter are those that dpif-netdev keeps, and to them it
 * adds what xdp_meter_get() says.
 *
 * dpif-netdev.c makes, reads and runs meters; lib/xdp-prepare.c opens and
 * closes the map.  All functions may be called from any thread, with any lock
 * of OVS or of the offload.  Without AF_XDP, userspace has the meters for
 * itself.
 */

#ifndef XDP_METER_H
#define XDP_METER_H 1

#include <stdint.h>

#include "openvswitch/compiler.h"
#include "openvswitch/ofp-meter.h"

struct dp_packet_batch;

#ifdef HAVE_AF_XDP
int xdp_meter_open(char **errp);
void xdp_meter_close(void);

void xdp_meter_set(ofproto_meter_id, const struct ofputil_meter_config *);
void xdp_meter_get(ofproto_meter_id, struct ofputil_meter_stats *);
void xdp_meter_del(ofproto_meter_id);
int xdp_meter_run(uint32_t meter_id, struct dp_packet_batch *);
#else
static inline void
xdp_meter_set(ofproto_meter_id id OVS_UNUSED,
              const struct ofputil_meter_config *config OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_meter_get(ofproto_meter_id id OVS_UNUSED,
              struct ofputil_meter_stats *stats OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_meter_del(ofproto_meter_id id OVS_UNUSED)
{
    /* Nothing. */
}

static inline int
xdp_meter_run(uint32_t id OVS_UNUSED, struct dp_packet_batch *batch OVS_UNUSED)
{
    return -1;
}
#endif

#endif /* xdp-meter.h */
