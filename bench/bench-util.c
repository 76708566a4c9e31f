/* SPDX-License-Identifier: Apache-2.0 */

/* Common code of the benchmark's C programs.  Each is a short run in its own
 * process: an error ends the program, and its exit releases what it holds. */

#include "bench-util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

volatile bool bench_stop;

/* Prints 'format' and, if 'error' is not 0, what that errno value means, then
 * ends the program. */
void
bench_die(int error, const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (error) {
        fprintf(stderr, ": %s", strerror(error < 0 ? -error : error));
    }
    putc('\n', stderr);
    exit(EXIT_FAILURE);
}

/* Signal handler: asks the program to end. */
static void
request_stop(int signr)
{
    (void) signr;
    bench_stop = true;
}

/* Makes SIGINT and SIGTERM set 'bench_stop', and sends SIGTERM to this program
 * when its parent dies: nothing may be left over from a killed benchmark. */
void
bench_init(void)
{
    struct sigaction action = { .sa_handler = request_stop };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* Returns the monotonic time in nanoseconds. */
uint64_t
bench_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* Returns the number in 's', the value of the option 'name', which must be
 * between 'min' and 'max'. */
uint64_t
bench_parse_number(const char *name, const char *s, uint64_t min,
                   uint64_t max)
{
    unsigned long long int number;
    char *tail;

    errno = 0;
    number = strtoull(s, &tail, 10);
    if (errno || tail == s || *tail || *s == '-'
        || number < min || number > max) {
        bench_die(0, "%s: \"%s\" is not a number from %llu to %llu", name, s,
                  (unsigned long long int) min,
                  (unsigned long long int) max);
    }
    return number;
}

/* Makes the calling thread run on 'cpu' only. */
void
bench_pin_cpu(unsigned int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        bench_die(errno, "cannot run on CPU %u", cpu);
    }
}

/* Returns the index of the network device 'device'. */
unsigned int
bench_ifindex(const char *device)
{
    unsigned int ifindex = if_nametoindex(device);

    if (!ifindex) {
        bench_die(errno, "%s: no such device in this network namespace",
                  device);
    }
    return ifindex;
}

/* Returns the sum of the 16-bit words of the 'size' bytes at 'data'. */
uint32_t
bench_sum(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < size; i += 2) {
        sum += bytes[i] << 8 | bytes[i + 1];
    }
    return sum;
}

/* Returns the checksum (RFC 1071) of what has the sum 'sum'. */
__be16
bench_csum(uint32_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return htons(~sum & 0xffff);
}

/* Opens the BPF object file 'path'. */
struct bpf_object *
bench_open(const char *path)
{
    struct bpf_object *object = bpf_object__open_file(path, NULL);

    if (!object) {
        bench_die(errno, "%s: cannot open the BPF object", path);
    }
    return object;
}

/* Loads 'object' into the kernel and returns its program called 'name'. */
struct bpf_program *
bench_load(struct bpf_object *object, const char *name)
{
    struct bpf_program *program;
    int error = bpf_object__load(object);

    if (error) {
        bench_die(error, "cannot load the BPF program (are you root?)");
    }
    program = bpf_object__find_program_by_name(object, name);
    if (!program) {
        bench_die(0, "the BPF object has no program \"%s\"", name);
    }
    return program;
}

/* Returns the file descriptor of the map called 'name' of the loaded
 * 'object'. */
int
bench_map_fd(const struct bpf_object *object, const char *name)
{
    int fd = bpf_object__find_map_fd_by_name(object, name);

    if (fd < 0) {
        bench_die(0, "the BPF object has no map \"%s\"", name);
    }
    return fd;
}

/* Makes 'device' element 'index' of the DEVMAP called 'map' of 'object'. */
void
bench_set_devmap(const struct bpf_object *object, const char *map,
                 uint32_t index, const char *device)
{
    uint32_t ifindex = bench_ifindex(device);
    int error;

    error = bpf_map_update_elem(bench_map_fd(object, map), &index, &ifindex,
                                0);
    if (error) {
        bench_die(error, "cannot make %s a redirect target", device);
    }
}

/* Attaches 'program' to 'device' in native mode, until this process ends. */
void
bench_attach(const struct bpf_program *program, const char *device)
{
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
    int fd = bpf_link_create(bpf_program__fd(program), bench_ifindex(device),
                             BPF_XDP, &opts);

    if (fd < 0) {
        bench_die(fd, "%s: cannot attach an XDP program in native mode",
                  device);
    }
}

/* Makes the 'size' bytes at 'data' the constants of 'object', which is not
 * loaded yet. */
void
bench_set_constants(struct bpf_object *object, const void *data, size_t size)
{
    struct bpf_map *rodata = bpf_object__find_map_by_name(object, ".rodata");

    if (!rodata || bpf_map__set_initial_value(rodata, data, size)) {
        bench_die(0, "%s: not the object of this program",
                  bpf_object__name(object));
    }
}

/* Waits until the program is told to end. */
void
bench_wait_for_stop(void)
{
    sigset_t signals, unblocked;

    /* A signal between the check and the wait must not be missed. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &unblocked);
    while (!bench_stop) {
        sigsuspend(&unblocked);
    }
}
