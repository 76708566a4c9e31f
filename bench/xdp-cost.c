/* SPDX-License-Identifier: Apache-2.0 */

/* Cost of one packet in an XDP program that is loaded already, by BPF_PROG_RUN
 * on the benchmark's frames, as if they had come in on a given device.
 *
 * The bare redirect is measured in turn with it and in the same way: each run
 * prints a line with the nanoseconds per packet of the bare redirect, those of
 * the program, and the XDP action that the program returned.  Both contain
 * what prepare.bpf.c does to the frame before each run, so that the difference
 * is what counts. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench-util.h"
#include "options.h"
#include "pattern.h"

/* Room for what a program pushes. */
#define MAX_OUT 512

/* What the command line asks for. */
struct options {
    struct pattern_options pattern;
    uint32_t cpu;
    uint32_t runs;
    uint32_t repeat;
    const char *prepare;
    const char *redirect;
    unsigned int program;
    const char *device;
};

/* Prints how to use the program and ends it. */
static void __attribute__((noreturn))
usage(void)
{
    printf("usage: %s [OPTION]... PREPARE REDIRECT PROGRAM-ID DEVICE\n"
           "Measures an XDP program on frames from DEVICE and compares it\n"
           "with a bare redirect.  PREPARE is prepare.bpf.o, REDIRECT is\n"
           "redirect.bpf.o.\n"
           "  --cpu=N              run on CPU N (default 0)\n"
           "  --runs=N             measure N times (default 5)\n"
           "  --repeat=N           frames each time (default 1000000)\n"
           "  --moves              the program pushes or pops headers\n"
           PATTERN_USAGE, program_invocation_short_name);
    exit(EXIT_SUCCESS);
}

/* Returns what 'argv' asks for. */
static struct options
parse_options(int argc, char *argv[])
{
    struct options o = {
        .pattern = PATTERN_DEFAULTS,
        .runs = 5,
        .repeat = 1000000,
    };
    const struct bench_option options[] = {
        {"--cpu", NULL, &o.cpu, 0, BENCH_MAX_CPU},
        {"--runs", NULL, &o.runs, 1, 1000},
        {"--repeat", NULL, &o.repeat, 1, INT32_MAX},
        {"--moves", &o.pattern.moves, NULL, 0, 0},
    };
    int i = bench_parse_options(argc, argv, options,
                                sizeof options / sizeof options[0],
                                &o.pattern, usage);

    if (argc - i != 4) {
        bench_die(0, "PREPARE, REDIRECT, PROGRAM-ID and DEVICE are needed "
                  "(see --help)");
    }
    o.prepare = argv[i];
    o.redirect = argv[i + 1];
    o.program = bench_parse_number("PROGRAM-ID", argv[i + 2], 1, UINT32_MAX);
    o.device = argv[i + 3];
    return o;
}

/* Loads the bare redirect and returns its program.  It redirects to the
 * device of 'o' itself, which makes no difference: BPF_PROG_RUN does not send
 * anything. */
static int
load_redirect(const struct options *o)
{
    struct bpf_object *object = bench_open(o->redirect);
    int fd = bpf_program__fd(bench_load(object, "bench_redirect"));

    bench_set_devmap(object, "redirect_dev", 0, o->device);
    return fd;
}

/* Returns the time that this thread has run, in nanoseconds: what else runs on
 * its CPU does not count. */
static uint64_t
cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* Makes 'target' the program that program 'fd' goes on in, by way of the map
 * behind 'target_fd', and runs it.  Returns the nanoseconds for one frame and
 * stores in '*action' what the program returned. */
static double
run_once(const struct options *o, int fd, int target_fd, int target,
         const struct pattern_frame *frame, uint32_t *action)
{
    struct xdp_md ctx = {
        .data_end = frame->len,
        .ingress_ifindex = bench_ifindex(o->device),
    };
    uint8_t out[MAX_OUT];
    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = frame->data,
                .data_size_in = frame->len,
                .data_out = out,
                .data_size_out = sizeof out,
                .ctx_in = &ctx,
                .ctx_size_in = sizeof ctx,
                .repeat = o->repeat);
    uint32_t zero = 0;
    uint64_t start;
    int error;

    if (bpf_map_update_elem(target_fd, &zero, &target, 0)) {
        bench_die(errno, "cannot tail-call the program to measure");
    }
    start = cpu_ns();
    error = bpf_prog_test_run_opts(fd, &opts);
    if (error && error != -EINTR) {
        bench_die(error, "cannot run program %u on %s", o->program,
                  o->device);
    }
    *action = opts.retval;
    return (double) (cpu_ns() - start) / o->repeat;
}

int
main(int argc, char *argv[])
{
    struct options o = parse_options(argc, argv);
    struct pattern_frame frame;
    struct bpf_object *object;
    int prepare, redirect, measured;
    unsigned int i;
    int target_fd;

    bench_init();
    bench_pin_cpu(o.cpu);
    measured = bpf_prog_get_fd_by_id(o.program);
    if (measured < 0) {
        bench_die(errno, "no BPF program with id %u", o.program);
    }
    redirect = load_redirect(&o);
    object = pattern_open(o.prepare, &o.pattern, &frame);
    prepare = bpf_program__fd(bench_load(object, "bench_prepare"));
    pattern_loaded(object, &o.pattern);
    target_fd = bench_map_fd(object, "prepare_target");

    for (i = 0; i < o.runs && !bench_stop; i++) {
        uint32_t action;
        double bare = run_once(&o, prepare, target_fd, redirect, &frame,
                               &action);
        double cost = run_once(&o, prepare, target_fd, measured, &frame,
                               &action);

        printf("%.2f %.2f %u\n", bare, cost, action);
        fflush(stdout);
    }
    bpf_object__close(object);
    return 0;
}
