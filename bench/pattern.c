/* SPDX-License-Identifier: Apache-2.0 */

/* The frames that the benchmark's programs send.  See pattern.h. */

#include "pattern.h"

#include <errno.h>
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
        } else {
            bench_die(0, "--order: \"%s\" is neither \"uniform\" nor "
                      "\"zipf\"", arg);
        }
        return true;
    case PATTERN_OPT_VLAN:
        o->vlan = true;
        return true;
    default:
        return false;
    }
}

/* Returns the sum of the 16-bit words of the 'size' bytes at 'data'. */
static uint32_t
sum_words(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < size; i += 2) {
        sum += bytes[i] << 8 | bytes[i + 1];
    }
    return sum;
}

/* Writes the frame of flow 'flow' to 'frame', with a VLAN tag if 'vlan', and
 * what there is to know about its headers to '*pattern'. */
static void
make_frame(uint32_t flow, bool vlan, uint8_t frame[BENCH_FRAME_LEN],
           struct bench_pattern *pattern)
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
    uint32_t ip_ofs = sizeof eth + (vlan ? sizeof tag : 0);
    uint32_t len = BENCH_FRAME_LEN - ip_ofs;
    uint32_t src = BENCH_FRAME_SRC + flow;
    struct iphdr ip = {
        .version = 4,
        .ihl = 5,
        .tot_len = bpf_htons(len),
        .ttl = 64,
        .protocol = IPPROTO_UDP,
        .daddr = bpf_htonl(BENCH_FRAME_DST),
    };
    const struct udphdr udp = {
        .source = bpf_htons(BENCH_FRAME_SPORT),
        .dest = bpf_htons(BENCH_FRAME_DPORT),
        .len = bpf_htons(len - sizeof ip),
    };
    uint32_t sum;

    pattern->ip_ofs = ip_ofs;
    pattern->ip_csum = sum_words(&ip, sizeof ip);
    sum = pattern->ip_csum + (src >> 16) + (src & 0xffff);
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    ip.saddr = bpf_htonl(src);
    ip.check = bpf_htons(~sum & 0xffff);

    memset(frame, 0, BENCH_FRAME_LEN);
    memcpy(frame, &eth, sizeof eth);
    if (vlan) {
        /* The tag comes before the Ethertype of what it is put in front of. */
        memcpy(frame + 2 * ETH_ALEN, &tag, sizeof tag);
        memcpy(frame + 2 * ETH_ALEN + sizeof tag, &eth.h_proto,
               sizeof eth.h_proto);
    }
    memcpy(frame + ip_ofs, &ip, sizeof ip);
    memcpy(frame + ip_ofs + sizeof ip, &udp, sizeof udp);
    memcpy(pattern->headers, frame, sizeof pattern->headers);
}

/* Writes the frame of flow 'flow' to 'frame'. */
void
pattern_frame(uint32_t flow, uint8_t frame[BENCH_FRAME_LEN])
{
    struct bench_pattern pattern;

    make_frame(flow, false, frame, &pattern);
}

/* Returns the length of the order of 'n_flows' flows. */
static uint32_t
order_length(uint32_t n_flows)
{
    uint32_t n = n_flows < ORDER_MAX / 4 ? 4 * n_flows : ORDER_MAX;

    return n_flows == 1 ? 0 : n > ORDER_MIN ? n : ORDER_MIN;
}

/* Opens the BPF object 'path' to be loaded for frames as 'o' says.  Writes the
 * first of them to 'frame'. */
struct bpf_object *
pattern_open(const char *path, const struct pattern_options *o,
             uint8_t frame[BENCH_FRAME_LEN])
{
    struct bpf_object *object = bench_open(path);
    struct bench_pattern pattern = {
        .n_order = order_length(o->n_flows),
        .n_devices = o->n_devices,
        .burst = o->burst,
        .interval = o->interval,
        .moves = o->moves,
    };
    struct bpf_map *order = bpf_object__find_map_by_name(object,
                                                         "bench_order");

    make_frame(0, o->vlan, frame, &pattern);
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
fill_order(uint32_t *order, uint32_t n, const struct pattern_options *o)
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
    uint32_t n = order_length(o->n_flows);
    uint32_t *order;

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
