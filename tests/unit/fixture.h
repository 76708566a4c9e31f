/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow tables on maps of their own, flows that are easy to tell apart, and how
 * a program finds them.  What cannot be done ends the whole test program; only
 * what a case is about is returned to it.
 */

#ifndef UNIT_FIXTURE_H
#define UNIT_FIXTURE_H 1

#include <bpf/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp-flow-table.h"

extern const uint64_t secret[XDP_KEY_WORDS];

/* A table and its maps. */
struct fixture {
    struct xdp_flow_table_maps fds;
    struct xdp_flow_table_limits limits;
    struct xdp_flow_table *table;
    int n_cpus;
};

/* Ports of fixture_init(). */
#define MAX_PORTS 4096

/* A flow slot as a program finds it. */
struct found_flow {
    struct xdp_flow flow;
    struct xdp_flow_rest rest;
    struct xdp_mask mask;
};

/* Maps and tables. */
int create_map(enum bpf_map_type, size_t value_size, uint32_t n,
               uint32_t flags, int inner_fd);
int create_inner(uint32_t *idp);
bool read_map(int fd, uint32_t index, void *value);
void fixture_open(struct fixture *, uint32_t n_flows, uint32_t n_masks,
                  uint32_t n_ports, uint32_t n_slots);
void fixture_create(struct fixture *);
void fixture_close(struct fixture *);
void fixture_init(struct fixture *, uint32_t n_flows, uint32_t n_masks);
void fixture_init_groups(struct fixture *, uint32_t n_flows);
void fixture_destroy(struct fixture *);
bool fixture_reclaim(struct fixture *);
bool fixture_sort(struct fixture *, bool begin);

/* Threads that make and replace maps. */
void block_pool(void);
void block_pool_but(unsigned int n);
void unblock_pool(void);


/* What is in a table. */
__u64 mask_bits(const struct xdp_mask *, size_t i);
__u64 *slot_word(struct found_flow *, size_t i);
bool fixture_find(const struct fixture *, const struct xdp_key *,
                  uint32_t *slotp, struct found_flow *);
bool fixture_find_mask(const struct fixture *, const struct xdp_key *,
                       uint32_t *slotp, struct found_flow *,
                       uint32_t *mask_id);
uint32_t find(const struct fixture *, uint32_t port, uint32_t dst,
              uint32_t *slot);
uint32_t mask_of(const struct fixture *, uint32_t dst);
int open_subtable(const struct fixture *, uint32_t dst);
bool usage_is(const struct fixture *, uint32_t n_flows, uint32_t n_masks);
bool target_has_egress(const struct fixture *, uint32_t port, bool egress);
bool n_groups_is(const struct fixture *, uint32_t n);

/* Statistics. */
void set_cpu(const struct fixture *, uint32_t cpu, bool runs);
void count(const struct fixture *, int cpu, uint32_t slot, uint64_t bytes,
           uint64_t used, uint64_t tcp_flags);
bool stats_are(const struct xdp_flow_table_stats *, uint64_t packets,
               uint64_t bytes, long long int used, uint16_t tcp_flags);

/* Flows. */
void make_flow(uint32_t port, uint32_t dst, int n_bits, struct xdp_key *key,
               struct xdp_key *mask);
void make_actions(uint32_t label, struct xdp_flow_actions *);
enum xdp_table_error insert(struct fixture *, uint32_t port, uint32_t dst,
                            int n_bits, uint32_t label,
                            struct xdp_table_flow **);

/* Outputs to any number of ports. */
#define OUTPUTS(...) ((const uint32_t[]) { __VA_ARGS__, 0 })

void make_outputs(const uint32_t *ports, bool differ,
                  struct xdp_flow_actions *);
enum xdp_table_error insert_outputs(struct fixture *, uint32_t dst,
                                    const uint32_t *ports, bool differ,
                                    struct xdp_table_flow **);

#endif /* fixture.h */
