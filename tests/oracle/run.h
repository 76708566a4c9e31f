/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the program of the loaded object.
 */

#ifndef RUN_H
#define RUN_H 1

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp-abi.h"

/* Times that a packet is repeated to make it a train for sure, if it can be
 * one. */
#define N_REPEATS 3

/* What set_hints() makes of the hint cache. */
enum set_hints {
    NO_HINTS,
    RANDOM_HINTS,       /* To random slots. */
    EXCHANGED_HINTS,    /* To the slots of each other. */
};

extern uint64_t digest_secret[XDP_KEY_WORDS];

void find_internals(void);

uint32_t run_program(uint32_t ifindex, const void *data, size_t size,
                     void *out, size_t *out_size);
uint32_t run_program_meta(int fd, uint32_t ifindex, const void *data,
                          size_t size, size_t meta_size, void *out,
                          size_t *out_size, size_t *out_meta_size);
uint32_t scratch_id(void);
int open_map(const char *name);
void read_key(struct xdp_key *);
void mark_key(void);
bool key_is_marked(void);
void set_hints(enum set_hints);
uint64_t passes_in_train(const uint64_t before[XDP_COUNTER_MAX]);
void scramble_hints(uint32_t n);
bool fold_hints(void);
void set_target(uint32_t port, bool enable);
void break_target(uint32_t port, bool broken);
bool check_counters_between(const uint64_t before[XDP_COUNTER_MAX],
                            const uint64_t after[XDP_COUNTER_MAX],
                            const uint64_t expected[XDP_COUNTER_MAX],
                            const char **culprit, uint64_t *by);
bool check_counters(uint64_t before[XDP_COUNTER_MAX],
                    const uint64_t expected[XDP_COUNTER_MAX],
                    const char **culprit, uint64_t *by);

#endif /* run.h */
