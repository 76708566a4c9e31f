/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-coverage.h. */

#include <config.h>

#include "xdp-coverage.h"

#include <string.h>

#include "coverage.h"
#include "dpif-netdev-hooks.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "util.h"
#include "xdp-program.h"

COVERAGE_DEFINE(xdp_flow_displaced);
COVERAGE_DEFINE(xdp_flow_offered);
COVERAGE_DEFINE(xdp_flow_offloaded);
COVERAGE_DEFINE(xdp_flow_retried);
COVERAGE_DEFINE(xdp_refused_action);
COVERAGE_DEFINE(xdp_refused_digest);
COVERAGE_DEFINE(xdp_refused_busy);
COVERAGE_DEFINE(xdp_refused_field);
COVERAGE_DEFINE(xdp_refused_flows_full);
COVERAGE_DEFINE(xdp_refused_groups_full);
COVERAGE_DEFINE(xdp_refused_masks_full);
COVERAGE_DEFINE(xdp_refused_meter);
COVERAGE_DEFINE(xdp_refused_n_ops);
COVERAGE_DEFINE(xdp_refused_no_table);
COVERAGE_DEFINE(xdp_refused_not_in_xdp);
COVERAGE_DEFINE(xdp_refused_off);
COVERAGE_DEFINE(xdp_refused_order);
COVERAGE_DEFINE(xdp_refused_outputs);
COVERAGE_DEFINE(xdp_refused_recirc);
COVERAGE_DEFINE(xdp_refused_system);
COVERAGE_DEFINE(xdp_refused_target);

/* What was counted and not published yet. */
struct counts {
    uint64_t offered;
    uint64_t offloaded;
    uint64_t retried;
    uint64_t displaced;
    uint64_t refused[XDP_N_REASONS];
    uint64_t dropped[XLATE_MAX + 1]; /* By reason; the last is for all that
                                      * are unknown. */
};

static struct counts kept OVS_GUARDED_BY(xdp_mutex);

/* Counts a megaflow that was offered. */
void
xdp_coverage_offered(void)
{
    kept.offered++;
}

/* Counts a megaflow that got into XDP for the first time. */
void
xdp_coverage_offloaded(void)
{
    kept.offloaded++;
}

/* Counts a refused megaflow that is tried again, without a put. */
void
xdp_coverage_retried(void)
{
    kept.retried++;
}

/* Counts a megaflow that had to leave XDP for a busier one. */
void
xdp_coverage_displaced(void)
{
    kept.displaced++;
}

/* Counts the refusal of a megaflow. */
void
xdp_coverage_refused(enum xdp_reason reason)
{
    kept.refused[reason]++;
}

/* Counts 'n_packets' that XDP dropped for OVS_ACTION_ATTR_DROP with
 * 'drop_reason', an "enum xlate_error", into the counter that userspace has
 * for the packets that it drops for that reason. */
void
xdp_coverage_dropped(uint32_t drop_reason, uint64_t n_packets)
{
    kept.dropped[MIN(drop_reason, XLATE_MAX)] += n_packets;
}

/* Adds 'n' to the counter of 'reason'. */
static void
add_refused(enum xdp_reason reason, uint64_t n)
{
    switch (reason) {
    case XDP_REASON_OFF: COVERAGE_ADD(xdp_refused_off, n); break;
    case XDP_REASON_NO_TABLE: COVERAGE_ADD(xdp_refused_no_table, n); break;
    case XDP_REASON_RECIRC: COVERAGE_ADD(xdp_refused_recirc, n); break;
    case XDP_REASON_FIELD: COVERAGE_ADD(xdp_refused_field, n); break;
    case XDP_REASON_ACTION: COVERAGE_ADD(xdp_refused_action, n); break;
    case XDP_REASON_ORDER: COVERAGE_ADD(xdp_refused_order, n); break;
    case XDP_REASON_OUTPUTS: COVERAGE_ADD(xdp_refused_outputs, n); break;
    case XDP_REASON_N_OPS: COVERAGE_ADD(xdp_refused_n_ops, n); break;
    case XDP_REASON_METER: COVERAGE_ADD(xdp_refused_meter, n); break;
    case XDP_REASON_TARGET_TYPE:
        COVERAGE_ADD(xdp_refused_not_in_xdp, n);
        break;
    case XDP_REASON_TARGET: COVERAGE_ADD(xdp_refused_target, n); break;
    case XDP_REASON_FLOWS_FULL: COVERAGE_ADD(xdp_refused_flows_full, n); break;
    case XDP_REASON_MASKS_FULL: COVERAGE_ADD(xdp_refused_masks_full, n); break;
    case XDP_REASON_GROUPS_FULL:
        COVERAGE_ADD(xdp_refused_groups_full, n);
        break;
    case XDP_REASON_DIGEST: COVERAGE_ADD(xdp_refused_digest, n); break;
    case XDP_REASON_BUSY: COVERAGE_ADD(xdp_refused_busy, n); break;
    case XDP_REASON_SYSTEM: COVERAGE_ADD(xdp_refused_system, n); break;
    case XDP_REASON_NONE:
    case XDP_N_REASONS:
    default:
        OVS_NOT_REACHED();
    }
}

/* Adds what the programs dropped, according to their 'counters', to the
 * counters that userspace has for packets that it drops for the same reason.
 * Drop actions are not among them: see xdp_coverage_dropped(). */
static void
publish_drops(const uint64_t counters[XDP_COUNTER_MAX])
{
    dpif_netdev_count_drops(counters[XDP_COUNTER_METER_DROPS],
                            counters[XDP_COUNTER_DROP_NO_PORT],
                            counters[XDP_COUNTER_DROP_PASSES]
                            + counters[XDP_COUNTER_DROP_RECIRC]);
}

/* Adds what was counted since the last call to the coverage counters of the
 * calling thread, which must go on to call poll_block(), and not before
 * COVERAGE_CLEAR_INTERVAL ms have passed for the last time.  Returns false if
 * there was nothing. */
bool
xdp_coverage_publish(void)
{
    uint64_t counters[XDP_COUNTER_MAX];
    struct counts counts;

    xdp_lock();
    counts = kept;
    memset(&kept, 0, sizeof kept);
    xdp_object_take_counters(counters);
    xdp_unlock();

    if (is_all_zeros(&counts, sizeof counts)
        && is_all_zeros(counters, sizeof counters)) {
        return false;
    }
    publish_drops(counters);
    COVERAGE_ADD(xdp_flow_offered, counts.offered);
    COVERAGE_ADD(xdp_flow_offloaded, counts.offloaded);
    COVERAGE_ADD(xdp_flow_retried, counts.retried);
    COVERAGE_ADD(xdp_flow_displaced, counts.displaced);
    for (int i = XDP_REASON_NONE + 1; i < XDP_N_REASONS; i++) {
        add_refused(i, counts.refused[i]);
    }
    for (int i = 0; i <= XLATE_MAX; i++) {
        if (counts.dropped[i]) {
            dp_update_drop_action_counter(i, counts.dropped[i]);
        }
    }
    return true;
}
