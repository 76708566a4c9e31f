/* SPDX-License-Identifier: Apache-2.0 */

/* Bare redirect: attaches the program of redirect.bpf.c to a network device,
 * says so, and lets it redirect every packet to another device until it is
 * told to end. */

#include <signal.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "bench-util.h"

int
main(int argc, char *argv[])
{
    struct bpf_program *program;
    struct bpf_object *object;
    sigset_t signals, unblocked;

    if (argc != 4) {
        bench_die(0, "usage: xdp-redirect OBJECT FROM-DEVICE TO-DEVICE "
                  "(OBJECT is redirect.bpf.o)");
    }
    bench_init();
    object = bench_open(argv[1]);
    program = bench_load(object, "bench_redirect");
    bench_set_devmap(object, "redirect_dev", argv[3]);
    bench_attach(program, argv[2]);
    puts("ready");
    fflush(stdout);

    /* A signal between the check and the wait must not be missed. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &unblocked);
    while (!bench_stop) {
        sigsuspend(&unblocked);
    }
    bpf_object__close(object);
    return 0;
}
