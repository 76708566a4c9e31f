/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to the drop counters of the userspace datapath (coverage/show) for
 * packets that XDP drops for the same reasons.
 *
 * dpif-netdev.c, where the counters are private, includes this file.  It is
 * not to be included elsewhere.
 */

#ifndef DPIF_NETDEV_DROPS_H
#define DPIF_NETDEV_DROPS_H 1

#include "xdp-coverage.h"

/* Adds to the counters: 'meter' packets dropped by meters, 'invalid_port' for
 * which the output port was gone, and 'recirc_error' that could not be
 * recirculated. */
void
dpif_netdev_count_drops(uint64_t meter, uint64_t invalid_port,
                        uint64_t recirc_error)
{
    COVERAGE_ADD(datapath_drop_meter, meter);
    COVERAGE_ADD(datapath_drop_invalid_port, invalid_port);
    COVERAGE_ADD(datapath_drop_recirc_error, recirc_error);
}

#endif /* dpif-netdev-drops.h */
