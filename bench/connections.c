/* SPDX-License-Identifier: Apache-2.0 */

/* Both ends of TCP connections, which it opens as fast as packets get through
 * from one device to the other: of 64-byte frames, with a handshake, a
 * request, a response, and the close.  Or, with --keep, the connections that
 * the frames of pattern.h are acknowledgements of, which are left open.
 *
 * Neither end remembers anything of a connection, since each packet says what
 * the next one is.  So a connection of which one is lost stops, and another
 * one begins when nothing has come for a while.
 *
 * Prints the connections that were completed, the seconds that this took, and
 * how many were given up. */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#include "bench-util.h"
#include "frame.h"

/* Packets that are received, and sent, by one system call. */
#define BATCH 64

/* When the connections that are under way are given up: soon where others take
 * their place, and otherwise not because the machine is busy. */
#define TIMEOUT_MS 300
#define KEEP_TIMEOUT_MS 5000

/* Length of requests and of responses. */
#define DATA_LEN 10

/* Bits of the flags of TCP (RFC 9293). */
enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

struct frame {
    struct ethhdr eth;
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t data[DATA_LEN];
} __attribute__((packed));

/* One of the two ends: the socket of its device, and frames to send to it. */
struct end {
    int fd;
    size_t n_out;
    struct frame out[4 * BATCH];
};

/* What the command line asks for, and how far that is. */
struct run {
    uint32_t cpu;
    uint32_t window;            /* Connections at one time. */
    uint32_t first;             /* Number of the first one. */
    uint32_t n;                 /* How many, at most... */
    uint32_t seconds;           /* ...and how long, or 0. */
    bool keep;
    uint32_t n_begun;
    uint32_t n_done;
    uint32_t n_given_up;
    struct end client, server;
};

/* Prints how to use the program and ends it. */
static void __attribute__((noreturn))
usage(void)
{
    printf("usage: %s [OPTION]... CLIENT-DEVICE SERVER-DEVICE\n"
           "Opens TCP connections from one device to the other.\n"
           "  --cpu=N              run on CPU N (default 0)\n"
           "  --window=N           N connections at a time (default 64)\n"
           "  --first=N            begin with flow N (default 0)\n"
           "  --number=N           end after N connections\n"
           "  --seconds=N          end after N seconds (default: never)\n"
           "  --keep               leave them open\n",
           program_invocation_short_name);
    exit(EXIT_SUCCESS);
}

/* Makes 'end' that of 'device'. */
static void
open_end(const char *device, struct end *end)
{
    const int buffer = 8 << 20;
    const int one = 1;
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_IP),
        .sll_ifindex = bench_ifindex(device),
    };

    end->fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
    if (end->fd < 0
        || bind(end->fd, (struct sockaddr *) &address, sizeof address)
        || setsockopt(end->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one,
                      sizeof one)
        || setsockopt(end->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer,
                      sizeof buffer)) {
        bench_die(errno, "%s: cannot open a packet socket", device);
    }
    end->n_out = 0;
}

/* Fills in the checksums of 'frame', which has 'flags', sequence number 'seq'
 * and acknowledges up to 'ack', and sends it from 'end' with the next ones. */
static void
put_frame(struct end *end, const struct frame *frame, uint8_t flags,
          uint32_t seq, uint32_t ack)
{
    struct frame *f = &end->out[end->n_out++];
    uint32_t data_len = flags & PSH ? DATA_LEN : 0;
    uint32_t tcp_len = sizeof f->tcp + data_len;

    *f = *frame;
    f->ip.tot_len = htons(sizeof f->ip + tcp_len);
    f->ip.check = 0;
    f->ip.check = bench_csum(bench_sum(&f->ip, sizeof f->ip));
    f->tcp = (struct tcphdr) {
        .source = frame->tcp.source,
        .dest = frame->tcp.dest,
        .seq = htonl(seq),
        .ack_seq = htonl(ack),
        .doff = sizeof f->tcp / 4,
        .window = htons(BENCH_FRAME_WINDOW),
    };
    ((uint8_t *) &f->tcp)[13] = flags;
    memset(f->data, 0, sizeof f->data);
    f->tcp.check = bench_csum(bench_sum(&f->tcp, tcp_len)
                              + bench_sum(&f->ip.saddr, 8)
                              + IPPROTO_TCP + tcp_len);
}

/* Sends the reply to 'frame', which came to 'end'. */
static void
put_reply(struct end *end, const struct frame *frame, uint8_t flags,
          uint32_t seq, uint32_t ack)
{
    struct frame reply = *frame;

    memcpy(reply.eth.h_dest, frame->eth.h_source, ETH_ALEN);
    memcpy(reply.eth.h_source, frame->eth.h_dest, ETH_ALEN);
    reply.ip.saddr = frame->ip.daddr;
    reply.ip.daddr = frame->ip.saddr;
    reply.tcp.source = frame->tcp.dest;
    reply.tcp.dest = frame->tcp.source;
    put_frame(end, &reply, flags, seq, ack);
}

/* Begins one more connection, unless there are enough. */
static void
begin(struct run *run)
{
    struct frame frame = {
        .eth = {
            .h_dest = { 0x02, 0, 0, 0, 0, 0x02 },
            .h_source = { 0x02, 0, 0, 0, 0, 0x01 },
            .h_proto = htons(ETH_P_IP),
        },
        .ip = {
            .version = 4,
            .ihl = 5,
            .ttl = 64,
            .protocol = IPPROTO_TCP,
            .saddr = htonl(BENCH_FRAME_SRC + run->first + run->n_begun),
            .daddr = htonl(BENCH_FRAME_DST),
        },
        .tcp = {
            .source = htons(BENCH_FRAME_SPORT),
            .dest = htons(BENCH_FRAME_DPORT),
        },
    };

    if (run->n_begun < run->n) {
        put_frame(&run->client, &frame, SYN, BENCH_FRAME_SEQ - 1, 0);
        run->n_begun++;
    }
}

/* One connection is complete. */
static void
complete(struct run *run)
{
    run->n_done++;
    begin(run);
}

/* Does what 'frame' asks for, which came to 'end'. */
static void
take_frame(struct run *run, struct end *end, const struct frame *frame)
{
    const bool is_client = end == &run->client;
    const uint8_t flags = ((const uint8_t *) &frame->tcp)[13];
    const uint32_t seq = ntohl(frame->tcp.seq);
    const uint32_t ack = ntohl(frame->tcp.ack_seq);

    switch (flags) {
    case SYN:
        put_reply(end, frame, SYN | ACK, BENCH_FRAME_ACK - 1, seq + 1);
        break;
    case SYN | ACK:
        put_reply(end, frame, ACK, ack, seq + 1);
        if (!run->keep) {
            put_reply(end, frame, PSH | ACK, ack, seq + 1);
        }
        break;
    case PSH | ACK:
        put_reply(end, frame, (is_client ? FIN : PSH) | ACK, ack,
                  seq + DATA_LEN);
        break;
    case FIN | ACK:
        if (is_client) {
            put_reply(end, frame, ACK, ack, seq + 1);
            complete(run);
        } else {
            put_reply(end, frame, FIN | ACK, ack, seq + 1);
        }
        break;
    case ACK:
        if (run->keep) {
            complete(run);
        }
        break;
    }
}

/* Sends what 'end' has to send. */
static void
flush(struct end *end)
{
    struct mmsghdr messages[4 * BATCH];
    struct iovec iov[4 * BATCH];
    size_t done = 0;

    memset(messages, 0, end->n_out * sizeof messages[0]);
    for (size_t i = 0; i < end->n_out; i++) {
        iov[i].iov_base = &end->out[i];
        iov[i].iov_len = sizeof end->out[i];
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    while (done < end->n_out) {
        int n = sendmmsg(end->fd, &messages[done], end->n_out - done, 0);

        if (n > 0) {
            done += n;
        } else if (errno != EINTR && errno != ENOBUFS) {
            bench_die(errno, "cannot send");
        } else if (bench_stop) {
            break;
        }
    }
    end->n_out = 0;
}

/* Receives what has come to 'end', and does what it asks for.  Returns false
 * if nothing has. */
static bool
receive(struct run *run, struct end *end)
{
    static struct frame frames[BATCH];
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    int n;

    memset(messages, 0, sizeof messages);
    for (size_t i = 0; i < BATCH; i++) {
        iov[i].iov_base = &frames[i];
        iov[i].iov_len = sizeof frames[i];
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    n = recvmmsg(end->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        if (messages[i].msg_len >= offsetof(struct frame, data)
            && frames[i].ip.protocol == IPPROTO_TCP) {
            take_frame(run, end, &frames[i]);
        }
    }
    flush(&run->client);
    flush(&run->server);
    return n > 0;
}

/* Opens connections as 'run' says. */
static void
connect_all(struct run *run)
{
    struct pollfd fds[] = {
        { .fd = run->client.fd, .events = POLLIN },
        { .fd = run->server.fd, .events = POLLIN },
    };
    const int timeout = run->keep ? KEEP_TIMEOUT_MS : TIMEOUT_MS;
    uint64_t start = bench_now_ns();
    uint64_t end = start + run->seconds * UINT64_C(1000000000);
    uint64_t now = start;

    while (!bench_stop && run->n_done + run->n_given_up < run->n
           && (!run->seconds || now < end)) {
        uint32_t in_flight = run->n_begun - run->n_done - run->n_given_up;
        bool busy;

        if (!in_flight) {
            while (run->n_begun < run->n && in_flight++ < run->window) {
                begin(run);
            }
            flush(&run->client);
        }
        busy = receive(run, &run->server);
        busy |= receive(run, &run->client);
        if (!busy && !poll(fds, 2, timeout)) {
            run->n_given_up = run->n_begun - run->n_done;
        }
        now = bench_now_ns();
    }
    printf("%u %.6f %u\n", run->n_done, (now - start) / 1e9,
           run->n_given_up);
}

int
main(int argc, char *argv[])
{
    static struct run run = {
        .window = BATCH,
        .n = BENCH_MAX_FLOWS,
    };
    enum { HELP = 256, CPU, WINDOW, FIRST, NUMBER, SECONDS, KEEP };
    static const struct option options[] = {
        {"help", no_argument, NULL, HELP},
        {"cpu", required_argument, NULL, CPU},
        {"window", required_argument, NULL, WINDOW},
        {"first", required_argument, NULL, FIRST},
        {"number", required_argument, NULL, NUMBER},
        {"seconds", required_argument, NULL, SECONDS},
        {"keep", no_argument, NULL, KEEP},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case HELP:
            usage();
        case CPU:
            run.cpu = bench_parse_number("--cpu", optarg, 0, BENCH_MAX_CPU);
            break;
        case WINDOW:
            run.window = bench_parse_number("--window", optarg, 1, BATCH);
            break;
        case FIRST:
            run.first = bench_parse_number("--first", optarg, 0,
                                           BENCH_MAX_FLOWS);
            break;
        case NUMBER:
            run.n = bench_parse_number("--number", optarg, 1,
                                       BENCH_MAX_FLOWS);
            break;
        case SECONDS:
            run.seconds = bench_parse_number("--seconds", optarg, 1, 86400);
            break;
        case KEEP:
            run.keep = true;
            break;
        default:
            exit(EXIT_FAILURE);
        }
    }
    if (argc - optind != 2) {
        bench_die(0, "CLIENT-DEVICE and SERVER-DEVICE are needed (see "
                  "--help)");
    }
    bench_init();
    bench_pin_cpu(run.cpu);
    open_end(argv[optind], &run.client);
    open_end(argv[optind + 1], &run.server);
    connect_all(&run);
    return 0;
}
