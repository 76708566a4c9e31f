/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OVS makes of a packet with given actions, and what the program should
 * therefore do and count.
 */

#ifndef EXECUTE_H
#define EXECUTE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meters.h"
#include "openvswitch/ofpbuf.h"
#include "oracle.h"
#include "xdp-flow-table.h"

/* A packet that leaves. */
struct copy {
    uint32_t port;              /* Number in the table. */
    uint8_t data[MAX_OUT];
    size_t size;

    /* If nonzero, the offset of a checksum that was wrong and that userspace
     * repaired. */
    size_t odd_csum;

    bool is_odd;                /* Nobody knows what userspace does. */
    bool must_drop;             /* Too short for an op. */
    uint64_t counters[XDP_COUNTER_MAX]; /* From the first output on. */
};

struct executed {
    /* The packet at the first output: what is common to all copies.
     * 'counters' is for the ops before. */
    struct copy common;

    struct copy copies[XDP_FLOW_MAX_OPS];
    size_t n_copies;
    bool explicit_drop;
    bool metered;               /* Dropped by a meter. */
    uint32_t recirc_id;         /* Of the last action, or 0: then 'common' is
                                 * the packet of the next pass. */
    uint32_t dp_hash;           /* At the end. */
    bool has_rss_hash;          /* Is it still known? */
    struct meter_counts meters[N_METERS];
};

void execute(const void *data, size_t size, const struct ofpbuf *actions,
             const struct xdp_flow_actions *ops, struct executed *);
void execute_pass(const void *data, size_t size, uint32_t rss_hash,
                  uint32_t dp_hash, const struct ofpbuf *actions,
                  const struct xdp_flow_actions *ops, struct executed *);

#endif /* execute.h */
