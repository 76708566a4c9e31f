/* SPDX-License-Identifier: Apache-2.0 */

/* Packet source: sends 64-byte UDP frames out of one or more network devices
 * as fast as one CPU can, by letting the kernel run the program of
 * source.bpf.c on live frames.  On a veth device the frames come out of its
 * peer, where the XDP program of the peer meets them in the same softirq as it
 * would meet packets from a wire.
 *
 * Prints the number of frames sent.  That is the offered load; how many get
 * through is for the sink to say. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench-util.h"
#include "options.h"
#include "pattern.h"

/* What the command line asks for. */
struct options {
    struct pattern_options pattern;
    const char *object;
    char **devices;             /* 'pattern.n_devices' of them. */
    uint32_t cpu;
    uint32_t seconds;
    uint32_t batch;
};

/* Signal handler that does nothing but interrupt the kernel's test run. */
static void
interrupt(int signr)
{
    (void) signr;
}

/* Prints how to use the program and ends it. */
static void __attribute__((noreturn))
usage(void)
{
    printf("usage: %s [OPTION]... OBJECT DEVICE...\n"
           "Sends 64-byte UDP frames out of each DEVICE in turn; OBJECT is\n"
           "source.bpf.o.\n"
           "  --cpu=N              send from CPU N (default 0)\n"
           "  --seconds=N          stop after N seconds (default 5)\n"
           "  --batch=N            frames in a batch, 1 to 256 (default 64)\n"
           "  --rate=N             send N packets a second (default: as many\n"
           "                       as possible)\n"
           PATTERN_USAGE, program_invocation_short_name);
    exit(EXIT_SUCCESS);
}

/* Returns what 'argv' asks for. */
static struct options
parse_options(int argc, char *argv[])
{
    struct options o = {
        .pattern = PATTERN_DEFAULTS,
        .seconds = 5,
        .batch = 64,
    };
    uint32_t packets_per_second = 0;
    const struct bench_option options[] = {
        {"--cpu", NULL, &o.cpu, 0, BENCH_MAX_CPU},
        {"--seconds", NULL, &o.seconds, 1, 86400},
        {"--batch", NULL, &o.batch, 1, 256},
        {"--rate", NULL, &packets_per_second, 1, 100000000},
    };
    int i = bench_parse_options(argc, argv, options,
                                sizeof options / sizeof options[0],
                                &o.pattern, usage);

    if (argc - i < 2 || argc - i - 1 > BENCH_MAX_DEVICES) {
        bench_die(0, "OBJECT and 1 to %d DEVICEs are needed (see --help)",
                  BENCH_MAX_DEVICES);
    }
    o.object = argv[i];
    o.devices = argv + i + 1;
    o.pattern.n_devices = argc - i - 1;
    o.pattern.burst = o.batch;
    if (packets_per_second) {
        o.pattern.interval = 1000000000 / packets_per_second;
    }
    return o;
}

/* Loads the source program for 'o' and stores the frame that it is to be run
 * on in '*frame'.  Stores in '*state_fd' the map that holds the program's
 * variables. */
static struct bpf_program *
load(const struct options *o, struct pattern_frame *frame, int *state_fd)
{
    struct bpf_object *object = pattern_open(o->object, &o->pattern, frame);
    struct bpf_program *program = bench_load(object, "bench_source");
    uint32_t i;

    pattern_loaded(object, &o->pattern);
    for (i = 0; i < o->pattern.n_devices; i++) {
        bench_set_devmap(object, "source_devices", i, o->devices[i]);
    }
    *state_fd = bench_map_fd(object, ".bss");
    return program;
}

/* Runs the program behind 'fd' on 'frame', in batches of 'o->batch', until a
 * signal arrives. */
static void
send_frames(int fd, const struct options *o,
            const struct pattern_frame *frame)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = frame->data,
                .data_size_in = frame->len,
                .repeat = 1u << 30,
                .batch_size = o->batch,
                .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
    int error = bpf_prog_test_run_opts(fd, &opts);

    if (error && error != -EINTR) {
        bench_die(error, "%s: cannot send (kernel older than 5.18?)",
                  o->devices[0]);
    }
}

/* Sends for 'o->seconds' seconds.  That is one test run, ended by a timer: to
 * set one up and down the kernel waits for RCU grace periods, so that several
 * short ones would leave gaps in the traffic.  The timer fires again lest the
 * first signal comes just before the test run. */
static void
send_for_seconds(int fd, const struct options *o,
                 const struct pattern_frame *frame)
{
    struct sigaction action = { .sa_handler = interrupt };
    struct itimerval timer = {
        .it_interval.tv_usec = 50000,
        .it_value.tv_sec = o->seconds,
    };
    uint64_t end = bench_now_ns() + o->seconds * UINT64_C(1000000000);

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    while (!bench_stop && bench_now_ns() < end) {
        send_frames(fd, o, frame);
    }
}

int
main(int argc, char *argv[])
{
    struct options o = parse_options(argc, argv);
    struct pattern_frame frame;
    struct bench_source_state state;
    uint64_t start, end;
    uint32_t zero = 0;
    int state_fd;
    int fd;

    bench_init();
    bench_pin_cpu(o.cpu);
    fd = bpf_program__fd(load(&o, &frame, &state_fd));

    start = bench_now_ns();
    send_for_seconds(fd, &o, &frame);
    end = bench_now_ns();

    if (bpf_map_lookup_elem(state_fd, &zero, &state)) {
        bench_die(errno, "cannot read the number of frames sent");
    }
    printf("%llu packets in %.3f seconds\n",
           (unsigned long long int) state.n_sent, (end - start) / 1e9);
    return 0;
}
