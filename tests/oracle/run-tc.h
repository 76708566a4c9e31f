/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the programs at tc of the loaded object.
 */

#ifndef RUN_TC_H
#define RUN_TC_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp-abi.h"

struct nlattr;

/* Are they run, and not those at XDP? */
extern bool hook_tc;

/* The ops that programs at tc do not have. */
#define TC_OP(OP) (UINT64_C(1) << XDP_OP_##OP)
#define TC_MISSING_OPS TC_OP(TRUNC)

/* Verdict of a run after which the sum that the kernel knows (know_sum()) is
 * not that of the packet any more.  Nothing else is known of such a run. */
#define BAD_SUM UINT32_MAX

void find_tc(uint32_t scratch_id);
void set_tc_target(uint32_t port, uint32_t ifindex);
void make_companion(uint32_t port, uint64_t magic);
uint32_t count_tc_copies(void);
uint32_t read_tc_copy(uint32_t i, uint8_t *out, size_t *size);
void set_segments(uint32_t size, uint32_t n);
void know_sum(const struct nlattr *actions, size_t actions_len);
void forget_packet(void);
size_t tag_beside_len(const void *data, size_t size);
bool can_run_tc(const void *data, size_t size);
bool is_left(uint32_t verdict, const void *data, size_t size, const void *out,
             size_t out_size);
uint32_t run_tc(uint32_t ifindex, const void *data, size_t size, void *out,
                size_t *out_size, size_t *out_meta_size);

#endif /* run-tc.h */
