/* SPDX-License-Identifier: Apache-2.0 */

/* Counting sink: attaches the program of sink.bpf.c to one or more network
 * devices, and prints a line with the time (monotonic, in nanoseconds), the
 * packets and the bytes received so far by all of them, again and again until
 * it is told to end. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench-util.h"
#include "frame.h"

/* Adds up what the CPUs counted in the map behind 'fd', where 'values' has
 * room for 'n_cpus' of them. */
static struct bench_sink_count
read_count(int fd, struct bench_sink_count *values, int n_cpus)
{
    struct bench_sink_count total = { 0, 0 };
    uint32_t zero = 0;
    int i;

    if (bpf_map_lookup_elem(fd, &zero, values)) {
        bench_die(errno, "cannot read the packet counter");
    }
    for (i = 0; i < n_cpus; i++) {
        total.packets += values[i].packets;
        total.bytes += values[i].bytes;
    }
    return total;
}

int
main(int argc, char *argv[])
{
    int n_cpus = libbpf_num_possible_cpus();
    struct bench_sink_count *values;
    struct bpf_program *program;
    struct bpf_object *object;
    struct timespec interval;
    uint64_t ms;
    int fd, i;

    if (argc < 4) {
        bench_die(0, "usage: xdp-sink OBJECT INTERVAL-MS DEVICE... "
                  "(OBJECT is sink.bpf.o)");
    }
    if (n_cpus <= 0) {
        bench_die(n_cpus, "cannot tell the number of CPUs");
    }
    ms = bench_parse_number("INTERVAL-MS", argv[2], 1, 60000);
    interval.tv_sec = ms / 1000;
    interval.tv_nsec = ms % 1000 * 1000000;
    values = calloc(n_cpus, sizeof *values);
    if (!values) {
        bench_die(errno, "out of memory");
    }

    bench_init();
    object = bench_open(argv[1]);
    program = bench_load(object, "bench_sink");
    fd = bench_map_fd(object, "sink_count");
    for (i = 3; i < argc; i++) {
        bench_attach(program, argv[i]);
    }
    while (!bench_stop) {
        struct bench_sink_count count = read_count(fd, values, n_cpus);

        printf("%llu %llu %llu\n", (unsigned long long int) bench_now_ns(),
               (unsigned long long int) count.packets,
               (unsigned long long int) count.bytes);
        fflush(stdout);
        nanosleep(&interval, NULL);
    }
    free(values);
    bpf_object__close(object);
    return 0;
}
