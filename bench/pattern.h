/* SPDX-License-Identifier: Apache-2.0 */

/* The frames that the benchmark's programs send or measure with: options that
 * describe them, and handing them to a BPF object with pattern.bpf.h. */

#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H 1

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

struct bpf_object;

/* How the flows follow each other. */
enum pattern_order {
    PATTERN_UNIFORM,            /* Each time any of them. */
    PATTERN_ZIPF,               /* The Nth with a probability like 1 / N. */
    PATTERN_TENTH,              /* Every tenth 19 times out of 20. */
};

/* What a command line asks for. */
struct pattern_options {
    uint32_t n_flows;
    enum pattern_order order;
    bool vlan;                  /* With a VLAN tag? */
    bool vxlan;                 /* In a VXLAN tunnel? */
    bool tcp;                   /* Acknowledgements of TCP instead of UDP? */
    uint32_t n_devices;         /* As in "struct bench_pattern". */
    uint32_t burst;             /* As in "struct bench_pattern". */
    uint32_t interval;          /* As in "struct bench_pattern". */
    bool moves;                 /* As in "struct bench_pattern". */
};

#define PATTERN_DEFAULTS { .n_flows = 1, .n_devices = 1 }

#define PATTERN_USAGE \
    "  --flows=N            number of flows (default 1)\n" \
    "  --order=ORDER        how often each comes: uniform (default), zipf,\n" \
    "                       or tenth: every tenth has 95 of 100 frames\n" \
    "  --vlan               frames have a VLAN tag\n" \
    "  --vxlan              frames come through a VXLAN tunnel\n" \
    "  --tcp                frames are acknowledgements of TCP\n"

/* For the options of getopt_long() and what it returns for them. */
enum {
    PATTERN_OPT_FLOWS = 1024,
    PATTERN_OPT_ORDER,
    PATTERN_OPT_VLAN,
    PATTERN_OPT_VXLAN,
    PATTERN_OPT_TCP,
};

#define PATTERN_LONGOPTS \
    {"flows", required_argument, NULL, PATTERN_OPT_FLOWS}, \
    {"order", required_argument, NULL, PATTERN_OPT_ORDER}, \
    {"vlan", no_argument, NULL, PATTERN_OPT_VLAN}, \
    {"vxlan", no_argument, NULL, PATTERN_OPT_VXLAN}, \
    {"tcp", no_argument, NULL, PATTERN_OPT_TCP}

/* A frame to start from. */
struct pattern_frame {
    uint8_t data[BENCH_FRAME_MAX];
    uint32_t len;
};

void pattern_frame(uint32_t flow, struct pattern_frame *);

bool pattern_parse_option(int c, const char *arg, struct pattern_options *);
struct bpf_object *pattern_open(const char *path,
                                const struct pattern_options *,
                                struct pattern_frame *);
void pattern_loaded(const struct bpf_object *,
                    const struct pattern_options *);

#endif /* bench/pattern.h */
