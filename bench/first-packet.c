/* SPDX-License-Identifier: Apache-2.0 */

/* Latency of the first packet of a flow, which goes up to userspace, and of a
 * later one, for which the flow is installed: sends frames of one flow after
 * the other out of one device, and waits until each arrives at another one.
 *
 * Prints a line for each flow, with the microseconds of both. */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include "bench-util.h"
#include "pattern.h"

/* How long a frame may take. */
#define TIMEOUT_US 500000

/* Returns a packet socket for 'device' that receives frames of IPv4, or none
 * at all if 'protocol' is 0. */
static int
open_socket(const char *device, uint16_t protocol)
{
    const struct timeval timeout = { .tv_usec = TIMEOUT_US };
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(protocol),
        .sll_ifindex = bench_ifindex(device),
    };
    int fd = socket(AF_PACKET, SOCK_RAW, htons(protocol));

    if (fd < 0
        || bind(fd, (struct sockaddr *) &address, sizeof address)
        || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
                      sizeof timeout)) {
        bench_die(errno, "%s: cannot open a packet socket", device);
    }
    return fd;
}

/* Sends 'frame' to 'out' and waits until it comes from 'in'.  Returns the
 * microseconds between. */
static double
round_trip(int out, int in, const struct pattern_frame *frame)
{
    uint64_t start = bench_now_ns();
    uint8_t received[2048];
    ssize_t n;

    if (send(out, frame->data, frame->len, 0) != frame->len) {
        bench_die(errno, "cannot send");
    }
    do {
        n = recv(in, received, sizeof received, 0);
        if (n < 0) {
            bench_die(errno, "a frame did not arrive within %d ms",
                      TIMEOUT_US / 1000);
        }
    } while (n != frame->len || memcmp(received, frame->data, n));
    return (bench_now_ns() - start) / 1e3;
}

int
main(int argc, char *argv[])
{
    struct pattern_frame frame;
    uint32_t n_flows, pause_ms, i;
    struct timespec pause;
    int out, in;

    if (argc != 5) {
        bench_die(0, "usage: first-packet FROM-DEVICE TO-DEVICE FLOWS "
                  "PAUSE-MS");
    }
    n_flows = bench_parse_number("FLOWS", argv[3], 1, BENCH_MAX_FLOWS);
    pause_ms = bench_parse_number("PAUSE-MS", argv[4], 1, 999);
    pause.tv_sec = 0;
    pause.tv_nsec = pause_ms * 1000000;
    bench_init();
    out = open_socket(argv[1], 0);
    in = open_socket(argv[2], ETH_P_IP);
    for (i = 0; i < n_flows && !bench_stop; i++) {
        double first, later;

        pattern_frame(i, &frame);
        first = round_trip(out, in, &frame);
        nanosleep(&pause, NULL);
        later = round_trip(out, in, &frame);
        nanosleep(&pause, NULL);
        printf("%.1f %.1f\n", first, later);
        fflush(stdout);
    }
    close(out);
    close(in);
    return 0;
}
