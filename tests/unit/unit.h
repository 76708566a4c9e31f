/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of tests/test-xdp-unit share: how a case fails, and flow
 * tables on maps of their own.  See tests/test-xdp-unit.c.
 */

#ifndef UNIT_H
#define UNIT_H 1

#include <bpf/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "xdp-flow-table.h"

extern const char *object_path; /* --object. */

void fail(const char *format, ...) OVS_PRINTF_FORMAT(1, 2);

/* Ends the current case with a failure if 'COND' is false. */
#define CHECK(COND)                                             \
    do {                                                        \
        if (!(COND)) {                                          \
            fail("line %d: not true: %s", __LINE__, #COND);     \
            return;                                             \
        }                                                       \
    } while (0)

/* Flow tables (tests/test-xdp-unit.c). */

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

void fixture_open(struct fixture *, uint32_t n_flows, uint32_t n_masks,
                  uint32_t n_ports, uint32_t n_slots);
void fixture_close(struct fixture *);
void fixture_init(struct fixture *, uint32_t n_flows, uint32_t n_masks);
void fixture_destroy(struct fixture *);
bool fixture_reclaim(struct fixture *);
bool fixture_find(const struct fixture *, const struct xdp_key *,
                  uint32_t *slotp, struct found_flow *);
int create_map(enum bpf_map_type, size_t value_size, uint32_t n,
               uint32_t flags, int inner_fd);
bool read_map(int fd, uint32_t index, void *value);

void make_flow(uint32_t port, uint32_t dst, int n_bits, struct xdp_key *key,
               struct xdp_key *mask);
void make_actions(uint32_t label, struct xdp_flow_actions *);
enum xdp_table_error insert(struct fixture *, uint32_t port, uint32_t dst,
                            int n_bits, uint32_t label,
                            struct xdp_table_flow **);
uint32_t find(const struct fixture *, uint32_t port, uint32_t dst,
              uint32_t *slot);
void count(const struct fixture *, int cpu, uint32_t slot, uint64_t bytes,
           uint64_t used, uint64_t tcp_flags);
bool stats_are(const struct xdp_flow_table_stats *, uint64_t packets,
               uint64_t bytes, long long int used, uint16_t tcp_flags);
bool usage_is(const struct fixture *, uint32_t n_flows, uint32_t n_masks);
uint32_t mask_of(const struct fixture *, uint32_t dst);
int open_subtable(const struct fixture *, uint32_t dst);

/* Outputs to any number of ports. */
#define OUTPUTS(...) ((const uint32_t[]) { __VA_ARGS__, 0 })

void fixture_init_groups(struct fixture *, uint32_t n_flows);
enum xdp_table_error insert_outputs(struct fixture *, uint32_t dst,
                                    const uint32_t *ports, bool differ,
                                    struct xdp_table_flow **);
bool target_has_egress(const struct fixture *, uint32_t port, bool egress);
bool n_groups_is(const struct fixture *, uint32_t n);

/* Cases (tests/unit/refusals.c). */
void test_table_refused_early(void);
void test_table_insert_fails(void);
void test_table_modify_fails(void);

/* Cases (tests/unit/pieces.c). */
void test_table_reclaim_pieces(void);
void test_table_sort_pieces(void);

/* Cases (tests/unit/subtable.c). */
void test_subtable_growth(void);
void test_subtable_changes(void);
void test_subtable_fails(void);

/* Cases (tests/unit/port.c). */
void test_port_lock(void);

#endif /* unit.h */
