/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coverage counters of the offload (ovs-appctl coverage/show).
 *
 * OVS collects the coverage counters of a thread when the thread waits in
 * poll_block(), and dpif-netdev's offload threads never do.  So what they
 * count is kept here until a thread that does calls xdp_coverage_publish().
 *
 * Custody counts, lib/xdp-worker.c publishes.  Thread safety: 'xdp_mutex'
 * protects what is kept.
 */

#ifndef XDP_COVERAGE_H
#define XDP_COVERAGE_H 1

#include <stdbool.h>
#include <stdint.h>

#include "xdp-netdev.h"
#include "xdp-translate.h"

void xdp_coverage_offered(void) OVS_REQUIRES(xdp_mutex);
void xdp_coverage_offloaded(void) OVS_REQUIRES(xdp_mutex);
void xdp_coverage_retried(void) OVS_REQUIRES(xdp_mutex);
void xdp_coverage_displaced(void) OVS_REQUIRES(xdp_mutex);
void xdp_coverage_refused(enum xdp_reason) OVS_REQUIRES(xdp_mutex);
void xdp_coverage_dropped(uint32_t drop_reason, uint64_t n_packets)
    OVS_REQUIRES(xdp_mutex);

bool xdp_coverage_publish(void) OVS_EXCLUDED(xdp_mutex);

#endif /* xdp-coverage.h */
