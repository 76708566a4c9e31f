/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table of one loaded XDP object: masks, subtables, flow slots,
 * ingress ports and statistics, as lib/xdp-abi.h lays them out in BPF maps.
 *
 * This module knows neither OVS flows nor network devices.  Whoever
 * offers flows (lib/xdp-offer.c) has translated them (lib/xdp-translate.h);
 * lib/xdp-netdev.c and lib/xdp-port*.c tell of ports, lib/xdp-worker.c has
 * slots freed, masks sorted and hints fitted, lib/xdp-custody*.c and
 * lib/xdp-command.c ask.
 *
 * Thread safety
 * =============
 *
 * A table has no lock of its own: the caller serializes all calls for one
 * table, except xdp_flow_table_wait(), which may run beside any other call.
 * xdp_flow_table_sort_masks() needs 'xdp_mutex', to see for how long others
 * have waited for it.
 * XDP programs read the maps at any time; the order of the writes here makes
 * sure that they see a flow wholly or not at all.
 */

#ifndef XDP_FLOW_TABLE_H
#define XDP_FLOW_TABLE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp-abi.h"
#include "xdp-mutex.h"

struct eth_addr;
struct xdp_flow_table;
struct xdp_table_flow;

/* File descriptors of the maps of a loaded object.  Owned by the caller, who
 * keeps them open as long as the table exists. */
struct xdp_flow_table_maps {
    int ports;          /* xdp_ports */
    int tx_ports;       /* tx_ports */
    int masks;          /* xdp_masks */
    int subtables;      /* xdp_subtables */
    int flows;          /* xdp_flows */
    int flow_rest;      /* xdp_flow_rest */
    int flow_stats;     /* xdp_flow_stats */
    int port_stats;     /* xdp_port_stats */
    int counters;       /* debug_stats */

    /* Only of an object that can send a packet to several ports, otherwise
     * 0. */
    int groups;         /* xdp_groups */
    int egress;         /* The program xdp_egress. */

    /* Only of an object that counts where walks over masks end, otherwise
     * 0. */
    int mask_hits;      /* xdp_mask_hits */

    /* Only of an object that asks how much of its hint cache is in use,
     * otherwise 0. */
    int hint_folds;     /* xdp_hint_folds */

    /* Only of an object that says on which CPUs its programs have run,
     * otherwise 0. */
    int cpus;           /* xdp_cpus */

    /* Only of an object that asks for the MTU of a way out without the rest of
     * a flow, or has programs for tc, otherwise 0. */
    int targets;        /* xdp_targets */

    /* Only of an object that has programs for tc, otherwise 0. */
    int companions;     /* xdp_companions */
};

/* How many of each a table holds.  The maps have to be made for this. */
struct xdp_flow_table_limits {
    uint32_t n_flows;   /* Flows, at least 1. */
    uint32_t n_slots;   /* Flow slots, at least 'n_flows'.  What there are more
                         * of is for changes while the table is full, since
                         * slots are not free at once. */
    uint32_t n_masks;   /* Masks, 1 to XDP_PORT_MAX_MASKS. */
    uint32_t n_ports;   /* Ports, a power of 2, >= XDP_PORT_PROBES. */
    uint32_t n_hints;   /* Hints of a CPU: a power of 2, >= XDP_MIN_HINTS, or
                         * 0 for none. */
    uint32_t verify_checksums; /* No limit, but chosen as these are: do the
                                * programs verify checksums above IP in what
                                * they track?  0 or 1. */
};

/* What a flow does with its packets: the members of "struct xdp_flow" and
 * "struct xdp_flow_rest" that have the same names, but for the flags that say
 * that no loop is needed, which the table adds.  The outputs are to different
 * ports, which are targets, and only a table that has groups takes more than
 * one. */
struct xdp_flow_actions {
    struct xdp_op ops[XDP_FLOW_MAX_OPS];
    size_t n_ops;
    uint8_t flags;
    uint8_t parts;              /* enum xdp_key_part that the ops need. */
};

/* Sums over all CPUs. */
struct xdp_flow_table_stats {
    uint64_t n_packets;
    uint64_t n_bytes;
    long long int used; /* As time_msec(), 0 for never. */
    uint16_t tcp_flags; /* Host byte order. */
};

/* Why xdp_flow_table_insert() did not insert. */
enum xdp_table_error {
    XDP_TABLE_OK,
    XDP_TABLE_FLOWS_FULL,       /* No free slot. */
    XDP_TABLE_MASKS_FULL,       /* No free mask, as yet: one without flows is
                                 * free after xdp_flow_table_reclaim(). */
    XDP_TABLE_GROUPS_FULL,      /* No free group of outputs. */
    XDP_TABLE_DIGEST,           /* Another flow has the same digest. */
    XDP_TABLE_SYSTEM,           /* A system call failed; it was logged. */
};

struct xdp_flow_table *xdp_flow_table_create(
    const struct xdp_flow_table_maps *, const struct xdp_flow_table_limits *,
    const uint64_t digest_secret[XDP_KEY_WORDS], char **errp);
void xdp_flow_table_destroy(struct xdp_flow_table *);

/* Ports. */
bool xdp_flow_table_has_port(const struct xdp_flow_table *, uint32_t port);
int xdp_flow_table_add_port(struct xdp_flow_table *, uint32_t port,
                            uint32_t ifindex, uint32_t vlan_limit);
void xdp_flow_table_close_port(struct xdp_flow_table *, uint32_t port);
void xdp_flow_table_remove_port(struct xdp_flow_table *, uint32_t port);
int xdp_flow_table_set_target(struct xdp_flow_table *, uint32_t port,
                              uint32_t ifindex);
bool xdp_flow_table_has_device(const struct xdp_flow_table *, uint32_t port);
int xdp_flow_table_set_detour(struct xdp_flow_table *, uint32_t port,
                              uint32_t ifindex);
bool xdp_flow_table_has_target(const struct xdp_flow_table *, uint32_t port,
                               uint32_t ifindex);
void xdp_flow_table_set_peer(struct xdp_flow_table *, uint32_t port,
                             const struct eth_addr *mac);
int xdp_flow_table_set_companion_end(struct xdp_flow_table *, uint32_t port,
                                     uint32_t ifindex, bool add);
void xdp_flow_table_set_companion(struct xdp_flow_table *, uint32_t port,
                                  uint32_t ifindex, uint32_t max);
void xdp_flow_table_set_vlan_limit(struct xdp_flow_table *, uint32_t port,
                                   uint32_t vlan_limit);
uint32_t xdp_flow_table_port_n_masks(const struct xdp_flow_table *,
                                     uint32_t port);
bool xdp_flow_table_sort_masks(struct xdp_flow_table *, bool begin)
    OVS_REQUIRES(xdp_mutex);
void xdp_flow_table_fit_hints(struct xdp_flow_table *);

/* Flows. */
bool xdp_flow_table_prepare(struct xdp_flow_table *, bool is_new,
                            const struct xdp_key *mask,
                            const struct xdp_flow_actions *);
enum xdp_table_error xdp_flow_table_insert(
    struct xdp_flow_table *, const struct xdp_key *key,
    const struct xdp_key *mask, const struct xdp_flow_actions *,
    struct xdp_table_flow **flowp);
enum xdp_table_error xdp_flow_table_modify(
    struct xdp_flow_table *, struct xdp_table_flow *,
    const struct xdp_flow_actions *);
void xdp_flow_table_set_running(struct xdp_flow_table *,
                                struct xdp_table_flow *, bool runs);
void xdp_flow_table_remove(struct xdp_flow_table *, struct xdp_table_flow *,
                           struct xdp_flow_table_stats *);
void xdp_flow_table_get_stats(const struct xdp_flow_table *,
                              const struct xdp_table_flow *,
                              struct xdp_flow_table_stats *);
size_t xdp_flow_table_get_ports(const struct xdp_flow_table *,
                                const struct xdp_table_flow *,
                                uint32_t ports[XDP_FLOW_MAX_OPS]);
bool xdp_flow_table_leads_to(const struct xdp_flow_table *,
                             const struct xdp_table_flow *, uint32_t port);
uint32_t xdp_flow_table_n_leading_to(const struct xdp_flow_table *,
                                     uint32_t port);
void xdp_flow_table_stats_add(struct xdp_flow_table_stats *dst,
                              const struct xdp_flow_table_stats *src);

/* Reuse of what programs may still look at. */
bool xdp_flow_table_is_short(const struct xdp_flow_table *);
bool xdp_flow_table_is_full(const struct xdp_flow_table *);
bool xdp_flow_table_can_exchange(const struct xdp_flow_table *);
bool xdp_flow_table_begin_reclaim(struct xdp_flow_table *, uint64_t *epoch);
int xdp_flow_table_wait(const struct xdp_flow_table *);
bool xdp_flow_table_reclaim(struct xdp_flow_table *, uint64_t epoch);

/* Reporting. */
void xdp_flow_table_usage(const struct xdp_flow_table *, uint32_t *n_flows,
                          uint32_t *n_masks, uint32_t *n_groups);
const struct xdp_flow_table_limits *xdp_flow_table_get_limits(
    const struct xdp_flow_table *);
uint32_t xdp_flow_table_n_hints(const struct xdp_flow_table *);
uint64_t xdp_flow_table_n_made(const struct xdp_flow_table *);
void xdp_flow_table_get_counters(const struct xdp_flow_table *,
                                 uint64_t counters[XDP_COUNTER_MAX]);
void xdp_flow_table_get_port_stats(const struct xdp_flow_table *,
                                   uint32_t port, struct xdp_port_stats *);

#endif /* xdp-flow-table.h */
