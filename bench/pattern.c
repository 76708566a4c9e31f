/* SPDX-License-Identifier: Apache-2.0 */

/* The frames that the benchmark's programs send.  See pattern.h. */

#include "pattern.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf_endian.h>
#include <bpf/libbpf.h>

#include "bench-util.h"

/* Length of the order of flows: long enough for each flow to come up with
 * several others before it comes again, short enough for caches to hold what
 * is read ahead. */
#define ORDER_MIN (1u << 16)
#define ORDER_MAX (1u << 22)

/* A VLAN tag, after the MAC addresses. */
struct vlan_tag {
    __be16 tpid;
    __be16 tci;
};

#define VLAN_VID 7

/* A VXLAN tunnel (RFC 7348).  The scenario "tunnels" has an end of it. */
#define TUNNEL_SRC 0xac1f0101u  /* 172.31.1.1. */
#define TUNNEL_DST 0xac1f0164u  /* 172.31.1.100. */
#define TUNNEL_SPORT 50000
#define TUNNEL_DPORT 4789
#define TUNNEL_FLAGS 0x08000000u /* There is a key. */
#define TUNNEL_KEY 123u

/* Takes option 'c' with 'arg', if it is one of PATTERN_LONGOPTS.  Returns
 * false if it is not. */
bool
pattern_parse_option(int c, const char *arg, struct pattern_options *o)
{
    switch (c) {
    case PATTERN_OPT_FLOWS:
        o->n_flows = bench_parse_number("--flows", arg, 1, BENCH_MAX_FLOWS);
        return true;
    case PATTERN_OPT_ORDER:
        if (!strcmp(arg, "uniform")) {
            o->order = PATTERN_UNIFORM;
        } else if (!strcmp(arg, "zipf")) {
            o->order = PATTERN_ZIPF;
        } else if (!strcmp(arg, "tenth")) {
            o->order = PATTERN_TENTH;
        } else {
            bench_die(0, "--order: \"%s\" is neither \"uniform\" nor "
                      "\"zipf\" nor \"tenth\"", arg);
        }
        return true;
    case PATTERN_OPT_VLAN:
        o->vlan = true;
        return true;
    case PATTERN_OPT_VXLAN:
        o->vxlan = true;
        return true;
    case PATTERN_OPT_TCP:
        o->tcp = true;
        return true;
    default:
        return false;
    }
}

/* Returns the checksum of what has the sum 'sum' without address 'src'. */
static __be16
make_csum(uint32_t sum, uint32_t src)
{
    return bench_csum(sum + (src >> 16) + (src & 0xffff));
}

/* Returns the IPv4 header of a packet of 'protocol' of 'len' bytes from 'src'
 * to 'dst'.  Stores in '*sump' the sum of its words without checksum and
 * 'src'. */
static struct iphdr
make_ip(uint8_t protocol, uint32_t len, uint32_t src, uint32_t dst,
        uint32_t *sump)
{
    struct iphdr ip = {
        .version = 4,
        .ihl = 5,
        .tot_len = bpf_htons(len),
        .ttl = 64,
        .protocol = protocol,
        .daddr = bpf_htonl(dst),
    };

    *sump = bench_sum(&ip, sizeof ip);
    ip.saddr = bpf_htonl(src);
    ip.check = make_csum(*sump, src);
    return ip;
}

/* Appends the 'size' bytes at 'data' to 'frame'. */
static void
put(struct pattern_frame *frame, const void *data, size_t size)
{
    memcpy(frame->data + frame->len, data, size);
    frame->len += size;
}

/* Appends the headers of a VXLAN tunnel, for an inner frame of 'len' bytes, to
 * 'frame'. */
static void
put_tunnel(struct pattern_frame *frame, uint32_t len)
{
    const struct ethhdr eth = {
        .h_dest = { 0x02, 0, 0, 0, 0, 0xee },
        .h_source = { 0x02, 0, 0, 0, 0, 0x99 },
        .h_proto = bpf_htons(ETH_P_IP),
    };
    const __be32 vxlan[2] = {
        bpf_htonl(TUNNEL_FLAGS),
        bpf_htonl(TUNNEL_KEY << 8),
    };
    const uint32_t udp_len = sizeof(struct udphdr) + sizeof vxlan + len;
    const struct udphdr udp = {
        .source = bpf_htons(TUNNEL_SPORT),
        .dest = bpf_htons(TUNNEL_DPORT),
        .len = bpf_htons(udp_len),
    };
    struct iphdr ip;
    uint32_t sum;

    ip = make_ip(IPPROTO_UDP, sizeof ip + udp_len, TUNNEL_SRC, TUNNEL_DST,
                 &sum);
    put(frame, &eth, sizeof eth);
    put(frame, &ip, sizeof ip);
    put(frame, &udp, sizeof udp);
    put(frame, vxlan, sizeof vxlan);
}

/* Makes '*frame' that of flow 'flow', as 'o' says, and stores what there is to
 * know about it in '*pattern'. */
static void
make_frame(uint32_t flow, const struct pattern_options *o,
           struct pattern_frame *frame, struct bench_pattern *pattern)
{
    const struct ethhdr eth = {
        .h_dest = { 0x02, 0, 0, 0, 0, 0x02 },
        .h_source = { 0x02, 0, 0, 0, 0, 0x01 },
        .h_proto = bpf_htons(ETH_P_IP),
    };
    const struct vlan_tag tag = {
        .tpid = bpf_htons(ETH_P_8021Q),
        .tci = bpf_htons(VLAN_VID),
    };
    const uint32_t src = BENCH_FRAME_SRC + flow;
    const uint32_t udp_len = (BENCH_FRAME_LEN - sizeof eth
                              - (o->vlan ? sizeof tag : 0)
                              - sizeof(struct iphdr));
    const struct udphdr udp = {
        .source = bpf_htons(BENCH_FRAME_SPORT),
        .dest = bpf_htons(BENCH_FRAME_DPORT),
        .len = bpf_htons(udp_len),
    };
    const uint32_t l4_len = o->tcp ? sizeof(struct tcphdr) : udp_len;
    struct iphdr ip;

    memset(frame, 0, sizeof *frame);
    if (o->vxlan) {
        put_tunnel(frame, BENCH_FRAME_LEN);
    }

    pattern->headers_len = (o->vxlan ? BENCH_HEADERS_MAX
                            : o->tcp ? BENCH_HEADERS_TCP : BENCH_HEADERS_LEN);
    pattern->frame_len = frame->len + BENCH_FRAME_LEN;
    put(frame, &eth, offsetof(struct ethhdr, h_proto));
    if (o->vlan) {
        put(frame, &tag, sizeof tag);
    }
    put(frame, &eth.h_proto, sizeof eth.h_proto);
    pattern->ip_ofs = frame->len;
    ip = make_ip(o->tcp ? IPPROTO_TCP : IPPROTO_UDP, sizeof ip + l4_len, src,
                 BENCH_FRAME_DST, &pattern->ip_csum);
    put(frame, &ip, sizeof ip);
    if (o->tcp) {
        struct tcphdr tcp = {
            .source = udp.source,
            .dest = udp.dest,
            .seq = bpf_htonl(BENCH_FRAME_SEQ),
            .ack_seq = bpf_htonl(BENCH_FRAME_ACK),
            .doff = sizeof tcp / 4,
            .ack = 1,
            .window = bpf_htons(BENCH_FRAME_WINDOW),
        };

        pattern->tcp_csum = (bench_sum(&tcp, sizeof tcp)
                             + bench_sum(&ip.daddr, sizeof ip.daddr)
                             + IPPROTO_TCP + sizeof tcp);
        tcp.check = make_csum(pattern->tcp_csum, src);
        put(frame, &tcp, sizeof tcp);
    } else {
        put(frame, &udp, sizeof udp);
    }
    frame->len = pattern->frame_len;
    memcpy(pattern->headers, frame->data, sizeof pattern->headers);
}

/* Makes '*frame' the plain one of flow 'flow'. */
void
pattern_frame(uint32_t flow, struct pattern_frame *frame)
{
    const struct pattern_options o = PATTERN_DEFAULTS;
    struct bench_pattern pattern;

    make_frame(flow, &o, frame, &pattern);
}

/* Returns the length of the order of the flows of 'o'. */
static uint32_t
order_length(const struct pattern_options *o)
{
    uint32_t each = o->order == PATTERN_TENTH ? 40 : 4;
    uint32_t n = (o->n_flows < ORDER_MAX / each ? each * o->n_flows
                  : ORDER_MAX);

    return o->n_flows == 1 ? 0 : n > ORDER_MIN ? n : ORDER_MIN;
}

/* Opens the BPF object 'path' to be loaded for frames as 'o' says.  Stores the
 * first of them in '*frame'. */
struct bpf_object *
pattern_open(const char *path, const struct pattern_options *o,
             struct pattern_frame *frame)
{
    struct bpf_object *object = bench_open(path);
    struct bench_pattern pattern = {
        .n_order = order_length(o),
        .n_devices = o->n_devices,
        .burst = o->burst,
        .interval = o->interval,
        .moves = o->moves,
    };
    struct bpf_map *order = bpf_object__find_map_by_name(object,
                                                         "bench_order");

    if (o->tcp && (o->vlan || o->vxlan)) {
        bench_die(0, "--tcp goes neither with --vlan nor with --vxlan");
    }
    make_frame(0, o, frame, &pattern);
    bench_set_constants(object, &pattern, sizeof pattern);
    if (!order || (pattern.n_order
                   && bpf_map__set_max_entries(order, pattern.n_order))) {
        bench_die(0, "%s: not the object of this program", path);
    }
    return object;
}

/* Returns a random number below 2**53, the same ones in each run: the
 * generator "xorshift64*" of Marsaglia and Vigna. */
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (*state * UINT64_C(0x2545f4914f6cdd1d)) >> 11;
}

/* Fills 'order', of 'n' elements, with flows as 'o' says. */
static void
fill_order(uint64_t *order, uint32_t n, const struct pattern_options *o)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    double *below = NULL;       /* Sum of the weights of the flows up to this
                                 * one. */
    double total = 0;
    uint32_t i;

    if (o->order == PATTERN_ZIPF) {
        below = malloc(o->n_flows * sizeof *below);
        if (!below) {
            bench_die(errno, "out of memory");
        }
        for (i = 0; i < o->n_flows; i++) {
            total += 1.0 / (i + 1);
            below[i] = total;
        }
    }
    for (i = 0; i < n; i++) {
        double part = next_random(&state) / (double) (UINT64_C(1) << 53);

        if (below) {
            uint32_t low = 0, high = o->n_flows - 1;

            while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (below[middle] > part * total) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            order[i] = low;
        } else if (o->order == PATTERN_TENTH && part < 0.95) {
            order[i] = 10 * (uint64_t) (part / 0.95 * (o->n_flows / 10.0));
        } else if (o->order == PATTERN_TENTH) {
            order[i] = (part - 0.95) / 0.05 * o->n_flows;
        } else {
            order[i] = part * o->n_flows;
        }
    }
    free(below);
}

/* Finishes what pattern_open() began, after 'object' was loaded. */
void
pattern_loaded(const struct bpf_object *object,
               const struct pattern_options *o)
{
    uint32_t n = order_length(o);
    uint64_t *order;

    if (!n) {
        return;
    }
    order = mmap(NULL, n * sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED,
                 bench_map_fd(object, "bench_order"), 0);
    if (order == MAP_FAILED) {
        bench_die(errno, "cannot write the order of flows");
    }
    fill_order(order, n, o);
    munmap(order, n * sizeof *order);
}
