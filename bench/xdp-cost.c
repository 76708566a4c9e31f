/* SPDX-License-Identifier: Apache-2.0 */

/* Cost of one packet in an XDP program that is loaded already: runs it with
 * BPF_PROG_RUN on the benchmark's frame, as if the frame had come in on a
 * given device, and prints the nanoseconds per packet of each run and the XDP
 * action that the program returned. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench-util.h"

int
main(int argc, char *argv[])
{
    uint8_t frame[BENCH_FRAME_LEN];
    struct xdp_md ctx = { .data_end = sizeof frame };
    uint32_t id, runs, repeat;
    uint32_t i;
    int fd;

    if (argc != 6) {
        bench_die(0, "usage: xdp-cost PROGRAM-ID DEVICE CPU RUNS REPEAT");
    }
    id = bench_parse_number("PROGRAM-ID", argv[1], 1, UINT32_MAX);
    ctx.ingress_ifindex = bench_ifindex(argv[2]);
    bench_pin_cpu(bench_parse_number("CPU", argv[3], 0, 1023));
    runs = bench_parse_number("RUNS", argv[4], 1, 1000);
    repeat = bench_parse_number("REPEAT", argv[5], 1, INT32_MAX);

    bench_init();
    fd = bpf_prog_get_fd_by_id(id);
    if (fd < 0) {
        bench_die(errno, "no BPF program with id %u", id);
    }
    bench_frame(frame);
    for (i = 0; i < runs && !bench_stop; i++) {
        LIBBPF_OPTS(bpf_test_run_opts, opts,
                    .data_in = frame,
                    .data_size_in = sizeof frame,
                    .ctx_in = &ctx,
                    .ctx_size_in = sizeof ctx,
                    .repeat = repeat);
        int error = bpf_prog_test_run_opts(fd, &opts);

        if (error) {
            bench_die(error, "cannot run program %u on %s", id, argv[2]);
        }
        printf("%u %u\n", opts.duration, opts.retval);
        fflush(stdout);
    }
    return 0;
}
