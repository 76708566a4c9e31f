/* SPDX-License-Identifier: Apache-2.0 */

/* What the benchmark's C programs have in common: errors that end the
 * program, options, CPU pinning, and BPF objects. */

#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

struct bpf_object;
struct bpf_program;

#define BENCH_MAX_CPU 1023          /* As many as a cpu_set_t has. */

/* Set by SIGINT and SIGTERM after bench_init(). */
extern volatile bool bench_stop;

void bench_die(int error, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));
void bench_init(void);
uint64_t bench_now_ns(void);
uint64_t bench_parse_number(const char *name, const char *s, uint64_t min,
                            uint64_t max);
void bench_pin_cpu(unsigned int cpu);
unsigned int bench_ifindex(const char *device);

uint32_t bench_sum(const void *, size_t);
__be16 bench_csum(uint32_t sum);

struct bpf_object *bench_open(const char *path);
struct bpf_program *bench_load(struct bpf_object *, const char *name);
int bench_map_fd(const struct bpf_object *, const char *name);
void bench_set_devmap(const struct bpf_object *, const char *map,
                      uint32_t index, const char *device);
void bench_set_constants(struct bpf_object *, const void *, size_t size);
void bench_wait_for_stop(void);
void bench_attach(const struct bpf_program *, const char *device);

#endif /* bench/bench-util.h */
