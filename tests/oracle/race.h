/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of part "race" share.  See race.c.
 */

#ifndef RACE_H
#define RACE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "classifier.h"
#include "frames.h"
#include "openvswitch/match.h"
#include "oracle.h"
#include "ovs-atomic.h"
#include "xdp-flow-table.h"

/* Versions and stays of each flow that are remembered. */
#define HISTORY 128

/* The first flows, which are changed, and whose packets are run, more often
 * than others, so that both happen at once.  They have the first device for
 * themselves, so that what its packets have to be parsed for changes, too. */
#define N_BUSY 4

#define NEVER UINT64_MAX

/* When one version of a flow was there, by the logical clock. */
struct race_version {
    ATOMIC(uint64_t) begin;     /* The change that makes it begins. */
    ATOMIC(uint64_t) installed; /* That change has ended, or NEVER. */
    ATOMIC(uint64_t) end;       /* The change that ends it has ended, or
                                 * NEVER. */
};

/* When a flow was there in some version. */
struct race_stay {
    ATOMIC(uint64_t) since;     /* The insertion has ended, or NEVER. */
    ATOMIC(uint64_t) until;     /* The removal begins, or NEVER. */
};

/* A flow of the universe. */
struct race_flow {
    struct cls_rule rule;       /* In the universe. */
    struct match match;
    struct device *device;
    struct xdp_key key, mask;
    size_t mask_number;

    /* Only for the thread that changes the table. */
    struct xdp_table_flow *flow; /* NULL if it is not there. */
    uint32_t n_stays;
    uint64_t n_counted;         /* Packets of all earlier stays. */

    /* Written by that thread, read by all. */
    ATOMIC(uint32_t) n_versions;
    struct race_version versions[HISTORY];
    struct race_stay stays[HISTORY];

    /* Only for the thread that runs packets. */
    uint64_t n_hits;
};

/* A packet and the flow of the universe that it belongs to, if any. */
struct race_packet {
    struct frame frame;
    struct device *device;
    struct race_flow *flow;
};

/* The universe (race-universe.c). */
extern struct race_flow *race_flows;
extern size_t n_race_flows;
extern struct race_packet *race_packets;
extern size_t n_race_packets;
extern size_t n_busy_packets;       /* Of the busy flows: the first ones. */
extern size_t n_race_masks;         /* That are different. */

void make_universe(size_t n);
void destroy_universe(void);

/* Labels (race-label.c). */
void make_race_actions(uint32_t index, uint32_t version,
                       struct xdp_flow_actions *);
bool read_race_label(const struct race_packet *, const uint8_t *data,
                     size_t size, uint32_t *indexp, uint32_t *versionp);

#endif /* race.h */
