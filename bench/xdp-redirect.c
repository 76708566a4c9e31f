/* SPDX-License-Identifier: Apache-2.0 */

/* Bare redirect: attaches the program of redirect.bpf.c to one or more network
 * devices, says so, and lets it redirect every packet to the device that was
 * named after the one where it came in, until it is told to end. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "bench-util.h"

int
main(int argc, char *argv[])
{
    struct bpf_program *program;
    struct bpf_object *object;
    uint32_t many = argc > 4;
    struct bpf_map *devices;
    uint32_t last = 0;
    int i;

    if (argc < 4 || argc % 2) {
        bench_die(0, "usage: xdp-redirect OBJECT {FROM-DEVICE TO-DEVICE}... "
                  "(OBJECT is redirect.bpf.o)");
    }
    bench_init();
    for (i = 2; many && i < argc; i += 2) {
        uint32_t ifindex = bench_ifindex(argv[i]);

        last = ifindex > last ? ifindex : last;
    }
    object = bench_open(argv[1]);
    bench_set_constants(object, &many, sizeof many);
    devices = bpf_object__find_map_by_name(object, "redirect_dev");
    if (!devices || bpf_map__set_max_entries(devices, last + 1)) {
        bench_die(errno, "%s: not the object of this program", argv[1]);
    }
    program = bench_load(object, "bench_redirect");
    for (i = 2; i < argc; i += 2) {
        bench_set_devmap(object, "redirect_dev",
                         many ? bench_ifindex(argv[i]) : 0, argv[i + 1]);
        bench_attach(program, argv[i]);
    }
    puts("ready");
    fflush(stdout);
    bench_wait_for_stop();
    bpf_object__close(object);
    return 0;
}
