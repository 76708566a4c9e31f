/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the flow table object with OVS's own code, on random packets and
 * random flows.
 *
 * The object is loaded and filled by the code that vswitchd uses for it
 * (lib/xdp-program.h, lib/xdp-translate.h, lib/xdp-flow-table.h) and run with
 * BPF_PROG_RUN, in one process with the functions that say what is right:
 *
 *     keys-vlan-limit-N    the parser's key against flow_extract(), on valid,
 *                          odd, truncated and mutated packets
 *     keys-depth           the same, when less than all is asked for
 *     ports                a device becomes a port and ceases to be one
 *     actions              the packet that leaves against
 *                          odp_execute_actions(), and which packets a flow
 *                          takes against flow_equal_except()
 *     digest               two flows with one digest
 *     classifier           the flow found among many, while flows come, change
 *                          and go, against a linear search
 *     coverage             that the above met everything it should
 *
 * Everything random follows from the seed.  What fails is printed in a form
 * that can be replayed.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dp-packet.h"
#include "entropy.h"
#include "flow.h"
#include "netlink-socket.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "xdp-flow-table.h"
#include "xdp-program.h"
#include "xdp-translate.h"

/* Exit status of a test that could not run. */
#define EXIT_SKIPPED 77

/* Sizes. */
#define MAX_PACKET 1514
#define MAX_OUT 2048        /* A packet with all the tags that ops can push. */
#define N_PORTS 16          /* Port numbers. */
#define N_FLOWS 1024        /* Flow slots. */
#define N_POOL 200          /* Random masks. */
#define MAX_DEVICES 5

/* Datapath port numbers are the table's plus this, so that taking the one for
 * the other does not go unnoticed. */
#define ODP_BASE 1000

/* Failures of one part to print. */
#define MAX_REPORTS 3

/* Options. */
static uint64_t seed;
static unsigned long int n_packets = 600000;
static unsigned long int n_actions;
static long int only_case = -1;
static const char *only_part;
static const char *object_path = "bpf/flowtable_afxdp.o";

/* The loaded object. */
static struct xdp_object *object;
static int prog_fd;
static int scratch_fd;          /* xdp_scratch. */
static uint32_t scratch_size;   /* Of one CPU's value. */
static int hints_fd;            /* xdp_hints. */
static uint32_t n_hints;
static uint64_t digest_secret[XDP_KEY_WORDS];
static int n_cpus;
static int this_cpu;

/* Devices that packets can come from.  The first one is lo. */
static struct device {
    uint32_t ifindex;
    uint32_t port;              /* Number in the table. */
    uint32_t vlan_limit;
} devices[MAX_DEVICES];
static size_t n_devices;

/* Results. */
static unsigned int n_passed, n_failed;
static unsigned long int part_failures;

/* Random numbers (splitmix64). */

static uint64_t rng_state;

/* Returns a random 64-bit number. */
static uint64_t
rnd64(void)
{
    uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Returns a random number from 0 to 'n' - 1. */
static uint32_t
rnd(uint32_t n)
{
    return (rnd64() >> 32) * n >> 32;
}

/* Returns true once in 'n' times. */
static bool
one_in(uint32_t n)
{
    return !rnd(n);
}

/* Makes the following random numbers those of case 'index' of part 'part'. */
static void
rng_start(uint32_t part, uint64_t index)
{
    rng_state = seed;
    rng_state = rnd64() ^ part;
    rng_state = rnd64() ^ index;
}

/* Fills the 'n' bytes at 'p_' with random ones. */
static void
rnd_bytes(void *p_, size_t n)
{
    uint8_t *p = p_;

    while (n--) {
        *p++ = rnd64();
    }
}

/* Fills the 'n' bytes at 'p_' with a mask: often all or no ones, sometimes
 * leading ones, sometimes anything. */
static void
rnd_mask(void *p_, size_t n)
{
    uint8_t *p = p_;

    switch (rnd(8)) {
    case 0: case 1: case 2:
        memset(p, 0, n);
        break;
    case 3: case 4: case 5:
        memset(p, 0xff, n);
        break;
    case 6: {
        size_t n_bits = rnd(n * 8 + 1);

        for (size_t i = 0; i < n; i++) {
            p[i] = (n_bits >= 8 ? 0xff : (0xff00 >> n_bits) & 0xff);
            n_bits -= MIN(n_bits, 8);
        }
        break;
    }
    default:
        rnd_bytes(p, n);
        break;
    }
}

/* Coverage: what must have been met at least once. */

/* The fields of "struct xdp_key". */
static const struct field {
    const char *name;
    size_t ofs;
    size_t size;
} fields[] = {
#define FIELD(NAME) { #NAME, offsetof(struct xdp_key, NAME), \
                      MEMBER_SIZEOF(struct xdp_key, NAME) }
    FIELD(in_port),
    FIELD(dl_dst),
    FIELD(dl_type),
    FIELD(dl_src),
    FIELD(vlan_tci0),
    FIELD(vlan_tpid0),
    FIELD(vlan_tci1),
    FIELD(vlan_tpid1),
    FIELD(nw_frag),
    FIELD(nw_proto),
    FIELD(nw_src),
    FIELD(nw_dst),
    FIELD(nw_tos),
    FIELD(nw_ttl),
    FIELD(tcp_flags),
    FIELD(tp_src),
    FIELD(tp_dst),
    FIELD(ipv6_src),
    FIELD(ipv6_dst),
    FIELD(nd_target),
    FIELD(arp_sha),
    FIELD(arp_tha),
    FIELD(ipv6_label),
    FIELD(mpls_lse[0]),
    FIELD(mpls_lse[1]),
    FIELD(mpls_lse[2]),
    FIELD(igmp_group_ip4),
#undef FIELD
};
static unsigned long int field_nonzero[ARRAY_SIZE(fields)];
static unsigned long int field_matched[ARRAY_SIZE(fields)];

/* What is in a packet. */
#define PACKET_KINDS                            \
    KIND(TCP, "TCP")                            \
    KIND(TCP_OFFSET, "TCP, odd data offset")    \
    KIND(UDP, "UDP")                            \
    KIND(SCTP, "SCTP")                          \
    KIND(ICMP, "ICMP")                          \
    KIND(IGMP, "IGMP")                          \
    KIND(IP_ICMPV6, "ICMPv6 in IPv4")           \
    KIND(IP_OTHER, "other IP protocol")         \
    KIND(IP_OPTIONS, "IP options")              \
    KIND(IP_FRAG_FIRST, "first fragment")       \
    KIND(IP_FRAG_LATER, "later fragment")       \
    KIND(IP_BAD_LEN, "odd IP total length")     \
    KIND(IP_BAD_IHL, "odd IP header length")    \
    KIND(SNAP_IP, "SNAP with IP")               \
    KIND(SNAP, "SNAP")                          \
    KIND(SNAP_ODD, "odd SNAP")                  \
    KIND(LLC, "LLC")                            \
    KIND(ARP, "ARP")                            \
    KIND(RARP, "RARP")                          \
    KIND(IPV6, "IPv6")                          \
    KIND(IPV6_EXT, "IPv6 extension headers")    \
    KIND(IPV6_MANY, "many IPv6 extension headers") \
    KIND(IPV6_FRAG, "IPv6 fragment")            \
    KIND(IPV6_BAD_LEN, "odd IPv6 payload length") \
    KIND(ND, "neighbour discovery")             \
    KIND(ND_ODD, "odd neighbour discovery")     \
    KIND(SNAP_IPV6, "SNAP with IPv6")           \
    KIND(ARP_ODD, "odd ARP")                    \
    KIND(MPLS, "MPLS")                          \
    KIND(MPLS_DEEP, "deep MPLS stack")          \
    KIND(ETHER, "other Ethertype")

enum packet_kind {
#define KIND(ENUM, NAME) KIND_##ENUM,
    PACKET_KINDS
#undef KIND
    N_KINDS
};

static const char *kind_names[N_KINDS] = {
#define KIND(ENUM, NAME) NAME,
    PACKET_KINDS
#undef KIND
};
static unsigned long int kind_count[N_KINDS];

#define MAX_TAGS 3
static unsigned long int tags_count[MAX_TAGS + 1];

/* Other things. */
#define EVENTS                                      \
    EVENT(TRUNCATED, "truncated packet")            \
    EVENT(MUTATED, "mutated packet")                \
    EVENT(PADDED, "padded packet")                  \
    EVENT(OP_OUTPUT, "output")                      \
    EVENT(OP_PUSH, "push_vlan")                     \
    EVENT(OP_POP, "pop_vlan")                       \
    EVENT(OP_POP_NONE, "pop_vlan without tag")      \
    EVENT(OP_POP_SHORT, "pop_vlan, truncated tag")  \
    EVENT(OP_DROP, "drop")                          \
    EVENT(OP_CHANGE_DROP, "change, then drop")      \
    EVENT(TOO_MANY_OPS, "too many ops")             \
    EVENT(PORT_GONE, "output to a port that left")  \
    EVENT(MODIFY, "modified flow")                  \
    EVENT(HIT, "packet of a flow")                  \
    EVENT(VARIANT_HIT, "variant still of a flow")   \
    EVENT(VARIANT_MISS, "variant of no flow")       \
    EVENT(HINT_HIT, "found by hint")                \
    EVENT(SUBTABLE_HIT, "found in a subtable")      \
    EVENT(MISS, "found nowhere")                    \
    EVENT(BAD_HINTS, "hint cache overwritten")      \
    EVENT(RECLAIM, "slots reclaimed")

enum event {
#define EVENT(ENUM, NAME) EVENT_##ENUM,
    EVENTS
#undef EVENT
    N_EVENTS
};

static const char *event_names[N_EVENTS] = {
#define EVENT(ENUM, NAME) NAME,
    EVENTS
#undef EVENT
};
static unsigned long int event_count[N_EVENTS];

/* Reporting. */

/* Prints 'size' bytes in hexadecimal. */
static void
print_hex(const char *title, const void *data_, size_t size)
{
    const uint8_t *data = data_;

    printf("  %s: ", title);
    for (size_t i = 0; i < size; i++) {
        printf("%02x", data[i]);
    }
    printf("\n");
}

/* Counts a failure of the current part.  Returns true if there have not been
 * too many of them to print another one, and has printed the message then. */
static bool OVS_PRINTF_FORMAT(1, 0)
vfailure(const char *format, va_list args)
{
    if (++part_failures > MAX_REPORTS) {
        return false;
    }
    printf("FAILED: ");
    vprintf(format, args);
    printf("\n");
    return true;
}

/* As vfailure(). */
static bool OVS_PRINTF_FORMAT(1, 2)
failure(const char *format, ...)
{
    va_list args;
    bool printed;

    va_start(args, format);
    printed = vfailure(format, args);
    va_end(args);
    return printed;
}

/* As failure(), with how to replay case 'index' of 'part'. */
static bool OVS_PRINTF_FORMAT(3, 4)
case_failure(const char *part, unsigned long int index,
             const char *format, ...)
{
    va_list args;
    bool printed;

    va_start(args, format);
    printed = vfailure(format, args);
    va_end(args);
    if (printed) {
        printf("  replay: --seed %"PRIu64" --actions %lu --part %s "
               "--case %lu\n", seed, n_actions, part, index);
    }
    return printed;
}

/* Ends a part: prints its result, and counts it. */
static void OVS_PRINTF_FORMAT(2, 3)
end_part(const char *name, const char *format, ...)
{
    va_list args;

    printf(part_failures ? "not ok %s: " : "ok %s: ", name);
    if (part_failures) {
        printf("%lu failures, ", part_failures);
        n_failed++;
    } else {
        n_passed++;
    }
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    part_failures = 0;
}

/* Returns true if part 'name' was asked for. */
static bool
part_wanted(const char *name)
{
    return !only_part || !strcmp(name, only_part);
}

/* Packets. */

/* A packet under construction. */
struct frame {
    /* The first byte of the packet, 2 bytes off a multiple of 4 as OVS wants
     * it. */
    uint16_t pad;
    uint8_t data[2 * MAX_PACKET];
    size_t size;
};

/* Appends 'n' bytes from 'p' to 'f'. */
static void
put(struct frame *f, const void *p, size_t n)
{
    ovs_assert(f->size + n <= sizeof f->data);
    memcpy(f->data + f->size, p, n);
    f->size += n;
}

/* Appends 'n' random bytes to 'f'. */
static void
put_random(struct frame *f, size_t n)
{
    ovs_assert(f->size + n <= sizeof f->data);
    rnd_bytes(f->data + f->size, n);
    f->size += n;
}

/* Appends a 16-bit number to 'f'. */
static void
put16(struct frame *f, uint16_t x)
{
    ovs_be16 be = htons(x);

    put(f, &be, sizeof be);
}

/* Appends neighbour discovery to 'f', with something odd in it if 'odd'. */
static void
put_nd(struct frame *f, bool odd)
{
    size_t start = f->size;

    put_random(f, 24);
    f->data[start] = 135 + rnd(2);
    f->data[start + 1] = odd && one_in(4);
    for (int n = rnd(odd ? 6 : 3); n > 0; n--) {
        /* Source or target address, or something else. */
        uint8_t type = odd && one_in(3) ? rnd(256) : 1 + rnd(2);
        uint8_t len = odd && one_in(3) ? rnd(4) : 1;

        put(f, &type, 1);
        put(f, &len, 1);
        if (odd && one_in(4)) {
            put(f, "\0\0\0\0\0\0", 6);
        } else {
            put_random(f, 6);
        }
        put_random(f, len > 1 ? (len - 1) * 8 : 0);
    }
    if (odd) {
        put_random(f, rnd(10));
    }
}

/* Appends the transport header of IP protocol 'proto' to 'f'. */
static void
put_l4(struct frame *f, uint8_t proto, bool odd_offset)
{
    size_t start = f->size;

    switch (proto) {
    case IPPROTO_TCP: {
        int offset = odd_offset ? rnd(16) : 5 + (one_in(4) ? rnd(4) : 0);

        put_random(f, 20 + (offset > 5 ? 4 * (offset - 5) : 0));
        f->data[start + 12] = offset << 4 | (f->data[start + 12] & 0xf);
        break;
    }
    case IPPROTO_UDP:
        put_random(f, 8);
        break;
    case IPPROTO_SCTP:
        put_random(f, 12);
        break;
    case IPPROTO_ICMP:
    case IPPROTO_IGMP:
        put_random(f, 8);
        break;
    case IPPROTO_ICMPV6:
        /* Often neighbour discovery, with options. */
        if (one_in(2)) {
            put_nd(f, one_in(4));
            return;
        }
        put_random(f, 8);
        break;
    default:
        put_random(f, rnd(24));
        break;
    }
    put_random(f, one_in(16) ? rnd(1000) : rnd(40));
}

/* Appends an IPv4 packet of 'kind' to 'f'. */
static void
put_ipv4(struct frame *f, enum packet_kind kind)
{
    static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP,
                                      IPPROTO_ICMP, IPPROTO_IGMP };
    size_t start = f->size;
    uint16_t frag = one_in(2) ? 0x4000 : 0;
    int n_options = 0;
    struct ip_header ip;
    uint8_t proto;
    uint32_t len;
    int ihl;

    switch ((int) kind) {
    case KIND_TCP: case KIND_TCP_OFFSET: proto = IPPROTO_TCP; break;
    case KIND_UDP: proto = IPPROTO_UDP; break;
    case KIND_SCTP: proto = IPPROTO_SCTP; break;
    case KIND_ICMP: proto = IPPROTO_ICMP; break;
    case KIND_IGMP: proto = IPPROTO_IGMP; break;
    case KIND_IP_ICMPV6: proto = IPPROTO_ICMPV6; break;
    case KIND_IP_OTHER: proto = rnd(256); break;
    default: proto = protos[rnd(ARRAY_SIZE(protos))]; break;
    }
    if (kind == KIND_IP_OPTIONS || (kind != KIND_IP_BAD_IHL && one_in(16))) {
        n_options = 1 + rnd(10);
    }
    if (kind == KIND_IP_FRAG_FIRST) {
        frag = 0x2000 | (frag & 0x4000);
    } else if (kind == KIND_IP_FRAG_LATER) {
        frag = (rnd(2) << 13) | (1 + rnd(0x1fff));
    }

    rnd_bytes(&ip, sizeof ip);
    ihl = kind == KIND_IP_BAD_IHL ? rnd(16) : 5 + n_options;
    ip.ip_ihl_ver = IP_IHL_VER(ihl, one_in(64) ? rnd(16) : 4);
    ip.ip_proto = proto;
    ip.ip_frag_off = htons(frag);
    put(f, &ip, sizeof ip);
    put_random(f, n_options * 4);
    put_l4(f, proto, kind == KIND_TCP_OFFSET);

    len = f->size - start;
    if (kind == KIND_IP_BAD_LEN) {
        switch (rnd(4)) {
        case 0: len = rnd(65536); break;            /* Anything. */
        case 1: len = rnd(ihl * 4 + 24); break;     /* Cuts the headers. */
        case 2: len = rnd(len + 1); break;          /* Has a trailer. */
        case 3: len += 1 + rnd(8); break;           /* A bit too long. */
        }
    }
    put_unaligned_be16((ovs_be16 *) (void *) (f->data + start + 2),
                       htons(len));
}

/* Appends 'n' random IPv6 extension headers to 'f', whose last byte that says
 * what follows is at '*next', and makes it the one of the last header.  The
 * first one is a fragment header if 'frag'. */
static void
put_ipv6_ext(struct frame *f, int n, bool frag, size_t *next)
{
    static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING,
                                     IPPROTO_DSTOPTS, IPPROTO_AH,
                                     IPPROTO_FRAGMENT };

    while (n--) {
        uint8_t kind = frag ? IPPROTO_FRAGMENT
                            : kinds[rnd(ARRAY_SIZE(kinds) - !one_in(4))];
        size_t start = f->size;
        int units = one_in(4) ? rnd(4) : 0;

        if (f->size > 1200) {
            break;
        }
        f->data[*next] = kind;
        *next = start;
        put_random(f, 8);
        if (kind == IPPROTO_FRAGMENT) {
            switch (rnd(4)) {
            case 0: /* The whole packet. */
                f->data[start + 2] = f->data[start + 3] = 0;
                break;
            case 1: /* The first. */
                f->data[start + 2] = 0;
                f->data[start + 3] = 1;
                break;
            }
        } else if (kind == IPPROTO_AH) {
            f->data[start + 1] = units;
            put_random(f, units * 4);
        } else {
            f->data[start + 1] = units;
            if (kind == IPPROTO_ROUTING) {
                /* Segments left. */
                f->data[start + 3] = rnd(3);
            }
            put_random(f, units * 8);
        }
        frag = false;
    }
}

/* Appends an IPv6 packet of 'kind' to 'f'. */
static void
put_ipv6(struct frame *f, enum packet_kind kind)
{
    static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP,
                                      IPPROTO_ICMPV6, IPPROTO_ICMP,
                                      IPPROTO_IGMP, IPPROTO_NONE };
    uint8_t proto = protos[rnd(ARRAY_SIZE(protos))];
    size_t start = f->size;
    size_t next = start + 6;
    uint32_t len;

    put_random(f, 40);
    f->data[start] = 0x60 | (f->data[start] & 0xf);
    if (one_in(64)) {
        f->data[start] ^= 0x20;
    }

    switch ((int) kind) {
    case KIND_IPV6_EXT:
        put_ipv6_ext(f, 1 + rnd(4), false, &next);
        break;
    case KIND_IPV6_MANY:
        put_ipv6_ext(f, rnd(140), false, &next);
        break;
    case KIND_IPV6_FRAG:
        put_ipv6_ext(f, 1 + rnd(2), true, &next);
        break;
    case KIND_ND:
    case KIND_ND_ODD:
        proto = IPPROTO_ICMPV6;
        if (one_in(8)) {
            put_ipv6_ext(f, 1, false, &next);
        }
        break;
    case KIND_IPV6:
        proto = one_in(16) ? rnd(256) : proto;
        break;
    }
    f->data[next] = proto;
    if (kind == KIND_ND || kind == KIND_ND_ODD) {
        put_nd(f, kind == KIND_ND_ODD);
    } else {
        put_l4(f, proto, one_in(8));
    }

    len = f->size - start - 40;
    if (kind == KIND_IPV6_BAD_LEN) {
        switch (rnd(4)) {
        case 0: len = rnd(65536); break;
        case 1: len = rnd(24); break;
        case 2: len = rnd(len + 1); break;
        case 3: len += 1 + rnd(8); break;
        }
    }
    put_unaligned_be16((ovs_be16 *) (void *) (f->data + start + 4),
                       htons(len));
}

/* Makes a random packet of 'kind' with 'n_tags' tags in front. */
static void
make_packet(struct frame *f, enum packet_kind kind, int n_tags)
{
    static const uint16_t tpids[] = { ETH_TYPE_VLAN_8021Q,
                                      ETH_TYPE_VLAN_8021AD };
    size_t length_ofs;

    f->size = 0;
    put_random(f, 2 * ETH_ADDR_LEN);
    for (int i = 0; i < n_tags; i++) {
        /* A third of a kind is not a VLAN for OVS, but for others. */
        put16(f, one_in(16) ? 0x9100 : tpids[rnd(ARRAY_SIZE(tpids))]);
        put16(f, one_in(8) ? 0 : rnd(65536));
    }

    switch (kind) {
    case KIND_TCP:
    case KIND_TCP_OFFSET:
    case KIND_UDP:
    case KIND_SCTP:
    case KIND_ICMP:
    case KIND_IGMP:
    case KIND_IP_ICMPV6:
    case KIND_IP_OTHER:
    case KIND_IP_OPTIONS:
    case KIND_IP_FRAG_FIRST:
    case KIND_IP_FRAG_LATER:
    case KIND_IP_BAD_LEN:
    case KIND_IP_BAD_IHL:
        put16(f, ETH_TYPE_IP);
        put_ipv4(f, kind);
        break;

    case KIND_SNAP_IP:
    case KIND_SNAP_IPV6:
    case KIND_SNAP:
    case KIND_SNAP_ODD:
        length_ofs = f->size;
        put16(f, 0);
        put(f, "\xaa\xaa\x03\0\0\0", 6);
        if (kind == KIND_SNAP_IP) {
            put16(f, ETH_TYPE_IP);
            put_ipv4(f, rnd(KIND_IP_BAD_IHL + 1));
        } else if (kind == KIND_SNAP_IPV6) {
            put16(f, ETH_TYPE_IPV6);
            put_ipv6(f, KIND_IPV6);
        } else if (kind == KIND_SNAP) {
            put16(f, 0x600 + rnd(65536 - 0x600));
            put_random(f, rnd(60));
        } else {
            /* One bit of the header wrong, or no Ethertype. */
            put16(f, one_in(2) ? rnd(0x600) : ETH_TYPE_IP);
            put_ipv4(f, KIND_UDP);
            if (one_in(2)) {
                f->data[length_ofs + 2 + rnd(6)] ^= 1 << rnd(8);
            }
        }
        put_unaligned_be16((ovs_be16 *) (void *) (f->data + length_ofs),
                           htons(MIN(f->size - length_ofs - 2, 0x5ff)));
        break;

    case KIND_LLC:
        put16(f, rnd(0x600));
        put_random(f, rnd(60));
        break;

    case KIND_ARP:
    case KIND_RARP:
        put16(f, kind == KIND_ARP ? ETH_TYPE_ARP : ETH_TYPE_RARP);
        put(f, "\0\1\x08\0\6\4\0", 7);
        put_random(f, 21);
        f->data[f->size - 21] %= 4;
        break;

    case KIND_ARP_ODD:
        put16(f, one_in(2) ? ETH_TYPE_ARP : ETH_TYPE_RARP);
        put(f, "\0\1\x08\0\6\4\0", 7);
        put_random(f, 21);
        /* Often an opcode that does not fit into 8 bits, or a wrong type or
         * length. */
        f->data[f->size - 28 + rnd(8)] ^= 1 << rnd(8);
        break;

    case KIND_IPV6:
    case KIND_IPV6_EXT:
    case KIND_IPV6_MANY:
    case KIND_IPV6_FRAG:
    case KIND_IPV6_BAD_LEN:
    case KIND_ND:
    case KIND_ND_ODD:
        put16(f, ETH_TYPE_IPV6);
        put_ipv6(f, kind);
        break;

    case KIND_MPLS:
    case KIND_MPLS_DEEP: {
        size_t n = kind == KIND_MPLS ? 1 + rnd(3) : 2 + rnd(5);

        put16(f, one_in(2) ? ETH_TYPE_MPLS : ETH_TYPE_MPLS_MCAST);
        for (size_t i = 0; i < n; i++) {
            put_random(f, 4);
            f->data[f->size - 2] &= ~1;
            f->data[f->size - 2] |= i == n - 1 || one_in(8);
        }
        if (kind == KIND_MPLS_DEEP && one_in(4)) {
            /* No bottom of the stack. */
            f->data[f->size - 2] &= ~1;
        }
        put_ipv4(f, KIND_UDP);
        break;
    }

    case KIND_ETHER:
        put16(f, one_in(2) ? rnd(65536) : 0x5ff + rnd(3));
        put_random(f, rnd(60));
        break;

    case N_KINDS:
    default:
        OVS_NOT_REACHED();
    }
    f->size = MIN(f->size, MAX_PACKET);
}

/* Makes the random packet number 'index': each kind occurs equally often, with
 * each number of tags, and often something is wrong with it. */
static void
make_any_packet(struct frame *f, uint64_t index)
{
    enum packet_kind kind = index % N_KINDS;
    int n_tags = index / N_KINDS % (MAX_TAGS + 1);

    make_packet(f, kind, n_tags);
    kind_count[kind]++;
    tags_count[n_tags]++;

    switch (rnd(8)) {
    case 0: case 1:
        event_count[EVENT_TRUNCATED]++;
        f->size = MIN(f->size, ETH_HEADER_LEN + rnd(one_in(2) ? 70 : 30));
        break;

    case 2: case 3:
        event_count[EVENT_MUTATED]++;
        for (int n = 1 + rnd(4); n > 0; n--) {
            size_t ofs = rnd(one_in(4) ? f->size : MIN(f->size, 60));

            switch (rnd(3)) {
            case 0: f->data[ofs] ^= 1 << rnd(8); break;
            case 1: f->data[ofs] = rnd(256); break;
            case 2: f->data[ofs] = one_in(2) ? 0 : 0xff; break;
            }
        }
        break;

    case 4:
        event_count[EVENT_PADDED]++;
        put_random(f, MIN(1 + rnd(60), MAX_PACKET - f->size));
        break;
    }
}

/* Makes a packet from few values, so that many packets are alike. */
static void
make_small_packet(struct frame *f)
{
    size_t start;

    f->size = 0;
    put(f, "\x02\0\0\0\0", 5);
    put_random(f, 1);
    f->data[5] %= 3;
    put(f, "\x02\0\0\0\1", 5);
    put_random(f, 1);
    f->data[11] %= 3;
    for (int n = rnd(3); n > 0; n--) {
        put16(f, one_in(4) ? ETH_TYPE_VLAN_8021AD : ETH_TYPE_VLAN_8021Q);
        put16(f, (rnd(2) << 13) | (10 + rnd(2)));
    }
    if (one_in(8)) {
        put16(f, one_in(2) ? ETH_TYPE_ARP : 0x88cc);
        put(f, "\0\1\x08\0\6\4\0\1", 8);
        put_random(f, 20);
        return;
    }

    put16(f, ETH_TYPE_IP);
    start = f->size;
    put(f, "\x45\0\0\0\0\0\0\0\x40\0\0\0\x0a\0\0\0\x0a\0\0\1", 20);
    f->data[start + 1] = rnd(2) << 2;
    f->data[start + 8] -= rnd(2);
    f->data[start + 9] = one_in(2) ? IPPROTO_TCP : IPPROTO_UDP;
    f->data[start + 15] = rnd(4);
    f->data[start + 18] = rnd(4);
    if (one_in(16)) {
        f->data[start + 6] = 0x20;
    }
    put16(f, 1000 + rnd(3));
    put16(f, 80 + rnd(3));
    put(f, "\0\0\0\0\0\0\0\0\x50\x10\0\0\0\0\0\0", 16);
    f->data[start + 33] = 1 << rnd(5);
    put_random(f, rnd(20));
    put_unaligned_be16((ovs_be16 *) (void *) (f->data + start + 2),
                       htons(f->size - start));
}

/* Extracts the flow of the 'size' bytes at 'data', received from datapath port
 * 'odp_port'. */
static void
extract(const void *data, size_t size, uint32_t odp_port, struct flow *flow)
{
    struct dp_packet packet;

    dp_packet_use_const(&packet, data, size);
    pkt_metadata_init(&packet.md, u32_to_odp(odp_port));
    flow_extract(&packet, flow);
    dp_packet_uninit(&packet);
}

/* Running the program. */

/* Runs the program on the 'size' bytes at 'data' as if they came from
 * 'ifindex'.  Returns its verdict.  If 'out' is nonnull, stores the packet
 * that leaves in the MAX_OUT bytes there and its size in '*out_size'. */
static uint32_t
run_program(uint32_t ifindex, const void *data, size_t size,
            void *out, size_t *out_size)
{
    struct xdp_md ctx = { .data_end = size, .ingress_ifindex = ifindex };
    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = data, .data_size_in = size,
                .data_out = out, .data_size_out = out ? MAX_OUT : 0,
                .ctx_in = &ctx, .ctx_size_in = sizeof ctx,
                .repeat = 1);

    if (bpf_prog_test_run_opts(prog_fd, &opts)) {
        ovs_fatal(errno, "BPF_PROG_RUN with %"PRIuSIZE" bytes from device "
                  "%"PRIu32" failed", size, ifindex);
    }
    if (out) {
        *out_size = opts.data_size_out;
    }
    return opts.retval;
}

/* Reads the key that the last run of the program left. */
static void
read_key(struct xdp_key *key)
{
    uint32_t zero = 0;
    char *values = xmalloc(scratch_size * n_cpus);

    if (bpf_map_lookup_elem(scratch_fd, &zero, values)) {
        ovs_fatal(errno, "reading the map xdp_scratch failed");
    }
    /* The key is the first member. */
    memcpy(key, values + scratch_size * this_cpu, sizeof *key);
    free(values);
}

/* Sets the hint cache: to random slots if 'random', or else to nothing. */
static void
set_hints(bool random)
{
    uint32_t *values = xcalloc(n_cpus, 2 * sizeof *values);

    for (uint32_t i = 0; i < n_hints; i++) {
        for (int j = 0; random && j < n_cpus; j++) {
            /* Per-CPU values are 8 bytes apart.  Often a slot that is or was
             * in use, sometimes one that does not exist. */
            values[2 * j] = rnd(one_in(16) ? N_FLOWS + 3 : 200);
        }
        if (bpf_map_update_elem(hints_fd, &i, values, BPF_ANY)) {
            ovs_fatal(errno, "writing the map xdp_hints failed");
        }
    }
    free(values);
}

/* Checks that since 'before' the counters have grown by 'expected'.  Makes
 * 'before' the current ones. */
static bool
check_counters(uint64_t before[XDP_COUNTER_MAX],
               const uint64_t expected[XDP_COUNTER_MAX],
               const char **culprit, uint64_t *by)
{
    static const char *names[XDP_COUNTER_MAX] = {
#define NAME(COUNTER) [XDP_COUNTER_##COUNTER] = #COUNTER
        NAME(PACKETS), NAME(UPCALLS), NAME(OUTPUT), NAME(HINT_HITS),
        NAME(SUBTABLE_HITS), NAME(MISSES), NAME(PUSH_VLAN), NAME(POP_VLAN),
        NAME(FLOW_DROPS), NAME(DROP_NO_PORT), NAME(DROP_HEADROOM),
        NAME(DROP_BAD_OP), NAME(NO_SOCKET), NAME(UNKNOWN_PORT),
        NAME(EXPLICIT_DROPS), NAME(SET_FIELD), NAME(PUSH_MPLS),
        NAME(POP_MPLS), NAME(TRUNC), NAME(METER_DROPS), NAME(COPIES),
        NAME(DROP_TOO_SHORT), NAME(DROP_EGRESS), NAME(NO_METADATA)
#undef NAME
    };
    uint64_t now[XDP_COUNTER_MAX];
    bool ok = true;

    xdp_flow_table_get_counters(object->table, now);
    for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
        if (now[i] - before[i] != expected[i] && ok) {
            *culprit = names[i] ? names[i] : "unnamed";
            *by = now[i] - before[i];
            ok = false;
        }
        before[i] = now[i];
    }
    return ok;
}

/* Keys. */

/* Stores in '*key' what the parser should make of a packet with 'flow' from
 * port 'port'. */
static void
key_from_flow(const struct flow *flow, uint32_t port, struct xdp_key *key)
{
    memset(key, 0, sizeof *key);
    key->in_port = port;
    memcpy(key->dl_dst, &flow->dl_dst, ETH_ADDR_LEN);
    memcpy(key->dl_src, &flow->dl_src, ETH_ADDR_LEN);
    key->dl_type = flow->dl_type;
    key->vlan_tpid0 = flow->vlans[0].tpid;
    key->vlan_tci0 = flow->vlans[0].tci;
    key->vlan_tpid1 = flow->vlans[1].tpid;
    key->vlan_tci1 = flow->vlans[1].tci;
    key->nw_src = flow->nw_src;
    key->nw_dst = flow->nw_dst;
    key->nw_frag = flow->nw_frag;
    key->nw_proto = flow->nw_proto;
    key->nw_tos = flow->nw_tos;
    key->nw_ttl = flow->nw_ttl;
    key->tcp_flags = flow->tcp_flags;
    key->tp_src = flow->tp_src;
    key->tp_dst = flow->tp_dst;
    memcpy(key->ipv6_src, &flow->ipv6_src, sizeof key->ipv6_src);
    memcpy(key->ipv6_dst, &flow->ipv6_dst, sizeof key->ipv6_dst);
    memcpy(key->nd_target, &flow->nd_target, sizeof key->nd_target);
    memcpy(key->arp_sha, &flow->arp_sha, sizeof key->arp_sha);
    memcpy(key->arp_tha, &flow->arp_tha, sizeof key->arp_tha);
    key->ipv6_label = flow->ipv6_label;
    memcpy(key->mpls_lse, flow->mpls_lse, sizeof key->mpls_lse);
    key->igmp_group_ip4 = flow->igmp_group_ip4;
}

/* Returns true if the field 'f' of 'key' has a bit that is one. */
static bool
field_is_nonzero(const struct xdp_key *key, const struct field *f)
{
    return !is_all_zeros((const char *) key + f->ofs, f->size);
}

/* Makes all devices, and flow_extract(), look at 'vlan_limit' tags. */
static void
set_vlan_limit(int vlan_limit)
{
    /* Not by flow_limit_vlans(), for which 0 means "no limit". */
    flow_vlan_limit = vlan_limit;
    for (size_t i = 0; i < n_devices; i++) {
        if (devices[i].vlan_limit != vlan_limit) {
            devices[i].vlan_limit = vlan_limit;
            xdp_flow_table_set_vlan_limit(object->table, devices[i].port,
                                          vlan_limit);
        }
    }
}

/* Makes the slots of the flows that are gone free again. */
static void
reclaim(void)
{
    uint64_t epoch;

    if (xdp_flow_table_begin_reclaim(object->table, &epoch)) {
        int error = xdp_flow_table_wait(object->table);

        if (error) {
            ovs_fatal(error, "waiting for a grace period failed");
        }
        xdp_flow_table_reclaim(object->table, epoch);
        event_count[EVENT_RECLAIM]++;
    }
}

/* What a flow asks the parser for. */
enum asked {
    ASK_NOTHING,                /* The Ethernet header only. */
    ASK_NETWORK,
    ASK_TRANSPORT,              /* And network. */
    ASK_EXTENDED,               /* And network. */
    ASK_ALL
};

/* Puts a flow into the table that no packet matches, so that the packets from
 * the first device are parsed as far as 'asked' says. */
static struct xdp_table_flow *
ask(enum asked asked)
{
    static const struct xdp_flow_actions drop;
    struct xdp_table_flow *flow;
    struct xdp_key key, mask;

    memset(&key, 0, sizeof key);
    memset(&mask, 0, sizeof mask);
    key.in_port = devices[0].port;
    mask.in_port = UINT32_MAX;
    rnd_bytes(key.dl_dst, sizeof key.dl_dst);
    rnd_bytes(key.dl_src, sizeof key.dl_src);
    memset(mask.dl_dst, 0xff, sizeof mask.dl_dst);
    memset(mask.dl_src, 0xff, sizeof mask.dl_src);
    mask.nw_proto = asked == ASK_NETWORK ? UINT8_MAX : 0;
    mask.tp_src = (asked == ASK_TRANSPORT || asked == ASK_ALL
                   ? OVS_BE16_MAX : 0);
    mask.ipv6_label = (asked == ASK_EXTENDED || asked == ASK_ALL
                       ? OVS_BE32_MAX : 0);
    if (xdp_flow_table_insert(object->table, &key, &mask, &drop, &flow)) {
        ovs_fatal(0, "inserting a flow failed");
    }
    return flow;
}

/* Undoes ask(). */
static void
unask(struct xdp_table_flow *flow)
{
    struct xdp_flow_table_stats stats;

    xdp_flow_table_remove(object->table, flow, &stats);
}

/* Makes zero what is in 'key' without having been asked for. */
static void
reduce_key(struct xdp_key *key, enum asked asked)
{
    bool is_ip = (key->dl_type == htons(ETH_TYPE_IP)
                  || key->dl_type == htons(ETH_TYPE_IPV6));

    if (asked == ASK_NOTHING) {
        memset((char *) key + offsetof(struct xdp_key, nw_frag), 0,
               sizeof *key - offsetof(struct xdp_key, nw_frag));
    }
    if (asked != ASK_TRANSPORT && asked != ASK_ALL) {
        key->tp_src = key->tp_dst = 0;
        if (!is_ip || key->nw_proto != IPPROTO_TCP) {
            key->tcp_flags = 0;
        }
        memset(key->nd_target, 0, sizeof key->nd_target);
        key->igmp_group_ip4 = 0;
        if (is_ip) {
            memset(key->arp_sha, 0, sizeof key->arp_sha);
            memset(key->arp_tha, 0, sizeof key->arp_tha);
        }
    }
    if (asked != ASK_EXTENDED && asked != ASK_ALL) {
        memset((char *) key + offsetof(struct xdp_key, ipv6_src), 0,
               sizeof *key - offsetof(struct xdp_key, ipv6_src));
    }
}

/* Compares the keys of one packet from the first device, after ask(). */
static void
check_key(const struct frame *f, int vlan_limit, enum asked asked,
          const char *kind)
{
    struct xdp_key expected, got;
    struct flow flow;
    uint32_t verdict;

    extract(f->data, f->size, ODP_BASE + devices[0].port, &flow);
    key_from_flow(&flow, devices[0].port, &expected);
    reduce_key(&expected, asked);
    verdict = run_program(devices[0].ifindex, f->data, f->size, NULL, NULL);
    read_key(&got);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        field_nonzero[i] += field_is_nonzero(&expected, &fields[i]);
    }

    if (verdict == XDP_PASS && !memcmp(&expected, &got, sizeof got)) {
        return;
    }
    if (failure("keys differ (%s)", kind)) {
        print_hex("flow_extract", &expected, sizeof expected);
        print_hex("XDP         ", &got, sizeof got);
        printf("  verdict: %"PRIu32"; fields:", verdict);
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
            const struct field *field = &fields[i];

            if (memcmp((char *) &expected + field->ofs,
                       (char *) &got + field->ofs, field->size)) {
                printf(" %s", field->name);
            }
        }
        printf("\n  replay: --vlan-limit %d --asked %d --replay ", vlan_limit,
               asked);
        for (size_t i = 0; i < f->size; i++) {
            printf("%02x", f->data[i]);
        }
        printf("\n");
    }
}

/* Checks 'n' packets under 'vlan_limit' and 'asked'.  Returns the number of
 * times that each kind of packet occurred at each length. */
static unsigned long int
check_keys(int vlan_limit, enum asked asked, unsigned long int n)
{
    struct xdp_table_flow *flow;
    unsigned long int n_sweeps = 0;
    unsigned long int sweep = 0;
    struct frame f, whole;

    set_vlan_limit(vlan_limit);
    rng_start(20, asked);
    flow = ask(asked);
    f.size = whole.size = 0;
    for (unsigned long int i = 0; i < n; i++) {
        const char *kind;

        rng_start(1 + vlan_limit, i);
        if (i % 8) {
            make_any_packet(&f, i - i / 8);
            kind = kind_names[(i - i / 8) % N_KINDS];
        } else {
            /* One packet of each kind and with each number of tags, byte by
             * byte shorter. */
            if (!f.size || whole.size <= ETH_HEADER_LEN) {
                make_packet(&whole, sweep % N_KINDS,
                            sweep / N_KINDS % (MAX_TAGS + 1));
                whole.size = MIN(whole.size, 100);
                sweep++;
                n_sweeps += sweep % (N_KINDS * (MAX_TAGS + 1)) == 0;
            } else {
                whole.size--;
            }
            memcpy(&f, &whole, sizeof f);
            event_count[EVENT_TRUNCATED]++;
            kind = "shortened";
        }
        check_key(&f, vlan_limit, asked, kind);
    }
    unask(flow);
    reclaim();
    return n_sweeps;
}

/* Part "keys-vlan-limit-N". */
static void
test_keys(int vlan_limit)
{
    unsigned long int n_sweeps;
    char name[32];

    snprintf(name, sizeof name, "keys-vlan-limit-%d", vlan_limit);
    if (part_wanted(name)) {
        n_sweeps = check_keys(vlan_limit, ASK_ALL, n_packets);
        end_part(name, "%lu packets%s", n_packets,
                 n_sweeps ? ", each kind at each length" : "");
    }
}

/* Part "keys-depth": parsing no deeper than the port's flows ask for. */
static void
test_depth(void)
{
    unsigned long int n = n_packets / 8 + 1;

    if (part_wanted("keys-depth")) {
        for (enum asked asked = 0; asked < ASK_ALL; asked++) {
            check_keys(XDP_VLAN_MAX, asked, n);
        }
        end_part("keys-depth", "%lu packets", n * ASK_ALL);
    }
}

/* Masks and actions. */

static struct flow_wildcards pool[N_POOL];

/* Makes the masks that the flows of all cases have. */
static void
init_pool(void)
{
    rng_start(10, 0);
    for (size_t i = 0; i < N_POOL; i++) {
        struct flow *m = &pool[i].masks;

        flow_wildcards_init_catchall(&pool[i]);
        m->recirc_id = UINT32_MAX;
        m->in_port.odp_port = u32_to_odp(UINT32_MAX);
        m->packet_type = OVS_BE32_MAX;
        m->dl_type = OVS_BE16_MAX;

        rnd_mask(&m->dl_dst, sizeof m->dl_dst);
        rnd_mask(&m->dl_src, sizeof m->dl_src);
        for (int j = 0; j < 2; j++) {
            rnd_mask(&m->vlans[j].tpid, sizeof m->vlans[j].tpid);
            switch (rnd(4)) {
            case 0: m->vlans[j].tci = htons(VLAN_CFI); break;
            case 1: m->vlans[j].tci = htons(VLAN_CFI | VLAN_VID_MASK); break;
            default: rnd_mask(&m->vlans[j].tci, sizeof m->vlans[j].tci); break;
            }
        }
        rnd_mask(&m->nw_src, sizeof m->nw_src);
        rnd_mask(&m->nw_dst, sizeof m->nw_dst);
        rnd_mask(&m->nw_proto, sizeof m->nw_proto);
        rnd_mask(&m->nw_tos, sizeof m->nw_tos);
        rnd_mask(&m->nw_ttl, sizeof m->nw_ttl);
        rnd_mask(&m->nw_frag, sizeof m->nw_frag);
        rnd_mask(&m->tcp_flags, sizeof m->tcp_flags);
        rnd_mask(&m->tp_src, sizeof m->tp_src);
        rnd_mask(&m->tp_dst, sizeof m->tp_dst);
        if (i % 2) {
            /* As OVS makes them, more or less: exact where it matters. */
            m->nw_proto = UINT8_MAX;
            m->nw_frag = FLOW_NW_FRAG_MASK;
        }
        if (i % 4 < 2) {
            continue;
        }
        rnd_mask(&m->ipv6_src, sizeof m->ipv6_src);
        rnd_mask(&m->ipv6_dst, sizeof m->ipv6_dst);
        rnd_mask(&m->ipv6_label, sizeof m->ipv6_label);
        rnd_mask(&m->nd_target, sizeof m->nd_target);
        rnd_mask(&m->arp_sha, sizeof m->arp_sha);
        rnd_mask(&m->arp_tha, sizeof m->arp_tha);
        rnd_mask(&m->igmp_group_ip4, sizeof m->igmp_group_ip4);
        for (int j = 0; j < XDP_MPLS_MAX; j++) {
            rnd_mask(&m->mpls_lse[j], sizeof m->mpls_lse[j]);
        }
    }
}

/* Makes the megaflow of 'flow' under mask 'index' of the pool. */
static void
make_match(const struct flow *flow, size_t index, struct match *match)
{
    match_init(match, flow, &pool[index]);
}

/* What actions do. */
struct actions {
    struct ofpbuf buf;          /* Netlink attributes. */
    uint64_t stub[64];
    size_t n_ops;
    bool changes;               /* Is there a push or a pop? */
    uint32_t output;            /* Port number, or UINT32_MAX to drop. */
};

/* Makes random actions.  The caller must have them until ofpbuf_uninit() of
 * 'actions->buf'. */
static void
make_actions(struct actions *actions, unsigned long int index)
{
    size_t n = one_in(3) ? 0 : one_in(4) ? rnd(15) : 1 + rnd(3);

    if (index % 50 == 49) {
        n = XDP_FLOW_MAX_OPS;
    }
    ofpbuf_use_stub(&actions->buf, actions->stub, sizeof actions->stub);
    actions->n_ops = n;
    actions->changes = n > 0;
    while (n--) {
        if (one_in(2)) {
            nl_msg_put_flag(&actions->buf, OVS_ACTION_ATTR_POP_VLAN);
        } else {
            struct ovs_action_push_vlan vlan = {
                .vlan_tpid = htons(one_in(2) ? ETH_TYPE_VLAN_8021Q
                                             : ETH_TYPE_VLAN_8021AD),
                .vlan_tci = htons(rnd(65536)),
            };

            nl_msg_put_unspec(&actions->buf, OVS_ACTION_ATTR_PUSH_VLAN,
                              &vlan, sizeof vlan);
        }
    }
    actions->output = UINT32_MAX;
    if (!one_in(6)) {
        actions->output = rnd(N_PORTS);
        actions->n_ops++;
        nl_msg_put_odp_port(&actions->buf, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(ODP_BASE + actions->output));
    } else if (one_in(2)) {
        nl_msg_put_u32(&actions->buf, OVS_ACTION_ATTR_DROP, 0);
    }
}

/* Implements xdp_translate_port_func. */
static enum xdp_reason
lookup_port(odp_port_t odp_port, uint32_t *port, uint32_t *ifindex,
            char *detail, size_t size, void *aux OVS_UNUSED)
{
    *port = odp_to_u32(odp_port) - ODP_BASE;
    *ifindex = devices[0].ifindex;
    if (*port >= N_PORTS) {
        ovs_strlcpy(detail, "no such port", size);
        return XDP_REASON_TARGET_TYPE;
    }
    return XDP_REASON_NONE;
}

/* Puts the megaflow 'match' from 'port' with 'actions' into the table, or, if
 * '*flowp' is nonnull, gives the flow these actions. */
static enum xdp_reason
put_flow(const struct match *match, uint32_t port,
         const struct actions *actions, struct xdp_table_flow **flowp,
         enum xdp_table_error *error, struct xdp_translation *tr)
{
    enum xdp_reason reason;

    *error = XDP_TABLE_OK;
    reason = xdp_translate_match(match, port, &object->caps, tr);
    if (!reason) {
        reason = xdp_translate_actions(actions->buf.data, actions->buf.size,
                                       &object->caps, lookup_port, NULL, tr);
    }
    if (!reason) {
        *error = (*flowp
                  ? xdp_flow_table_modify(object->table, *flowp, &tr->actions)
                  : xdp_flow_table_insert(object->table, &tr->key, &tr->mask,
                                          &tr->actions, flowp));
    }
    return reason;
}

/* What odp_execute_actions() made of a packet. */
struct executed {
    unsigned int n_outputs;
    uint32_t port;              /* Number in the table. */
    uint8_t data[MAX_OUT];
    size_t size;
};

/* Implements odp_execute_cb. */
static void
execute_cb(void *executed_, struct dp_packet_batch *batch,
           const struct nlattr *a, bool should_steal)
{
    struct executed *executed = executed_;
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        ovs_assert(nl_attr_type(a) == OVS_ACTION_ATTR_OUTPUT);
        executed->n_outputs++;
        executed->port = odp_to_u32(nl_attr_get_odp_port(a)) - ODP_BASE;
        executed->size = dp_packet_size(packet);
        ovs_assert(executed->size <= MAX_OUT);
        memcpy(executed->data, dp_packet_data(packet), executed->size);
    }
    dp_packet_delete_batch(batch, should_steal);
}

/* Executes 'actions' on the 'size' bytes at 'data' as the userspace datapath
 * does. */
static void
execute(const void *data, size_t size, const struct actions *actions,
        struct executed *executed)
{
    struct dp_packet_batch batch;
    struct dp_packet *packet;
    struct flow flow;

    executed->n_outputs = 0;
    executed->size = 0;
    packet = dp_packet_clone_data_with_headroom(data, size, 128);
    pkt_metadata_init(&packet->md, u32_to_odp(ODP_BASE));
    flow_extract(packet, &flow);
    dp_packet_batch_init_packet(&batch, packet);
    odp_execute_actions(executed, &batch, true, actions->buf.data,
                        actions->buf.size, execute_cb);
}

/* Follows 'actions' on the 'size' bytes at 'data', adding what they do to
 * 'counters' and to the coverage. */
static void
count_ops(const uint8_t *data, size_t size, const struct actions *actions,
          uint64_t counters[XDP_COUNTER_MAX])
{
    ovs_be16 outer[XDP_FLOW_MAX_OPS + 1];
    size_t n_pushed = 0, n_popped = 0;
    const struct nlattr *a;
    size_t left;

    if (actions->output == UINT32_MAX) {
        /* The object is not asked to change what is dropped. */
        counters[XDP_COUNTER_FLOW_DROPS]++;
        event_count[EVENT_OP_DROP]++;
        event_count[EVENT_OP_CHANGE_DROP] += actions->changes;
        return;
    }

    NL_ATTR_FOR_EACH (a, left, actions->buf.data, actions->buf.size) {
        if (nl_attr_type(a) == OVS_ACTION_ATTR_PUSH_VLAN) {
            const struct ovs_action_push_vlan *vlan = nl_attr_get(a);

            counters[XDP_COUNTER_PUSH_VLAN]++;
            event_count[EVENT_OP_PUSH]++;
            outer[n_pushed++] = vlan->vlan_tpid;
        } else if (nl_attr_type(a) == OVS_ACTION_ATTR_POP_VLAN) {
            size_t ofs = 2 * ETH_ADDR_LEN + 4 * n_popped;
            ovs_be16 type = 0;

            if (n_pushed) {
                ovs_assert(eth_type_vlan(outer[n_pushed - 1]));
                n_pushed--;
                counters[XDP_COUNTER_POP_VLAN]++;
                event_count[EVENT_OP_POP]++;
                continue;
            }
            if (ofs + 2 <= size) {
                memcpy(&type, data + ofs, sizeof type);
            }
            if (!eth_type_vlan(type)) {
                event_count[EVENT_OP_POP_NONE]++;
            } else if (ofs + 6 > size) {
                event_count[EVENT_OP_POP_SHORT]++;
            } else {
                n_popped++;
                counters[XDP_COUNTER_POP_VLAN]++;
                event_count[EVENT_OP_POP]++;
            }
        }
    }
    event_count[EVENT_OP_OUTPUT]++;
}

/* Opens or closes the way out of port 'port'. */
static void
set_target(uint32_t port, bool enable)
{
    int error = xdp_flow_table_set_target(object->table, port,
                                          enable ? devices[0].ifindex : 0);

    if (error) {
        ovs_fatal(error, "writing the map tx_ports failed");
    }
}

/* Actions. */

/* A flow in the table and what is known about it. */
struct tested_flow {
    struct match match;
    struct device *device;      /* Where its packets come from. */
    struct actions actions;
    struct xdp_table_flow *flow;
    struct xdp_flow_table_stats stats; /* Expected. */
};

/* Accounts a packet with 'flow' and 'size' to 't'. */
static void
account(struct tested_flow *t, const struct flow *flow, size_t size)
{
    t->stats.n_packets++;
    t->stats.n_bytes += size;
    if (is_ip_any(flow) && flow->nw_proto == IPPROTO_TCP) {
        t->stats.tcp_flags |= ntohs(flow->tcp_flags);
    }
}

/* Checks that 'got' is what 't' should have. */
static bool
check_stats(const struct tested_flow *t,
            const struct xdp_flow_table_stats *got)
{
    return (got->n_packets == t->stats.n_packets
            && got->n_bytes == t->stats.n_bytes
            && got->tcp_flags == t->stats.tcp_flags
            && (t->stats.n_packets
                ? got->used <= time_msec() && got->used >= time_msec() - 60000
                : !got->used));
}

/* Runs packet 'f' and checks that 't' takes it or, if 'hit' is false, that no
 * flow does.  'gone' closes the output port for the packet.  Returns false
 * and says why if anything is not as it should be. */
static bool
check_packet(const char *part, unsigned long int index, const char *what,
             struct tested_flow *t, const struct frame *f, bool hit, bool gone)
{
    uint64_t counters[XDP_COUNTER_MAX], expected[XDP_COUNTER_MAX] = { 0 };
    struct executed executed;
    uint8_t out[MAX_OUT];
    size_t out_size;
    uint32_t verdict, expected_verdict;
    const char *problem = NULL;
    const char *culprit = "";
    uint64_t by = 0;
    bool was_hint;

    if (hit) {
        execute(f->data, f->size, &t->actions, &executed);
        ovs_assert(executed.n_outputs == (t->actions.output != UINT32_MAX));
        count_ops(f->data, f->size, &t->actions, expected);
    } else {
        /* Unchanged to the socket, of which there is none. */
        executed.n_outputs = 0;
        executed.size = f->size;
        memcpy(executed.data, f->data, f->size);
        expected[XDP_COUNTER_MISSES]++;
        expected[XDP_COUNTER_NO_SOCKET]++;
    }
    expected[XDP_COUNTER_PACKETS]++;
    expected_verdict = XDP_PASS;
    if (hit) {
        expected_verdict = XDP_DROP;
        if (executed.n_outputs && gone) {
            expected[XDP_COUNTER_DROP_NO_PORT]++;
            event_count[EVENT_PORT_GONE]++;
        } else if (executed.n_outputs) {
            expected[XDP_COUNTER_OUTPUT]++;
            expected_verdict = XDP_REDIRECT;
        }
    }

    /* Only the right output is open: a redirection is one to there. */
    if (executed.n_outputs && !gone) {
        set_target(executed.port, true);
    }
    xdp_flow_table_get_counters(object->table, counters);
    was_hint = counters[XDP_COUNTER_HINT_HITS] & 1;
    verdict = run_program(t->device->ifindex, f->data, f->size, out,
                          &out_size);
    if (executed.n_outputs && !gone) {
        set_target(executed.port, false);
    }

    /* Hint or subtable: either will do. */
    if (hit) {
        uint64_t now[XDP_COUNTER_MAX];

        xdp_flow_table_get_counters(object->table, now);
        if ((now[XDP_COUNTER_HINT_HITS] & 1) != was_hint) {
            expected[XDP_COUNTER_HINT_HITS]++;
            event_count[EVENT_HINT_HIT]++;
        } else {
            expected[XDP_COUNTER_SUBTABLE_HITS]++;
            event_count[EVENT_SUBTABLE_HIT]++;
        }
    }

    if (verdict != expected_verdict) {
        problem = "verdict";
    } else if (expected_verdict != XDP_DROP
               && (out_size != executed.size
                   || memcmp(out, executed.data, out_size))) {
        problem = "bytes that leave";
    } else if (!check_counters(counters, expected, &culprit, &by)) {
        problem = "counters";
    }
    if (problem && case_failure(part, index, "%s, %s", what, problem)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        match_format(&t->match, NULL, &s, OFP_DEFAULT_PRIORITY);
        printf("  match: %s\n", ds_cstr(&s));
        ds_destroy(&s);
        print_hex("actions", t->actions.buf.data, t->actions.buf.size);
        print_hex("packet", f->data, f->size);
        printf("  verdict: expected %"PRIu32", got %"PRIu32"\n",
               expected_verdict, verdict);
        print_hex("expected", executed.data, executed.size);
        print_hex("got     ", out, out_size);
        if (culprit[0]) {
            printf("  counter: %s grew by %"PRIu64"\n", culprit, by);
        }
    }
    return !problem;
}

/* Changes something in packet 'f'. */
static void
mutate(struct frame *f)
{
    if (one_in(8)) {
        f->size = MIN(f->size, ETH_HEADER_LEN + rnd(40));
    } else if (one_in(8)) {
        put_random(f, MIN(4, MAX_PACKET - f->size));
    } else {
        f->data[rnd(MIN(f->size, 60))] ^= 1 << rnd(8);
    }
}

/* Runs case 'index' of part "actions": one flow, from its insertion to its
 * removal. */
static void
test_one_flow(unsigned long int index)
{
    static const char part[] = "actions";
    struct xdp_flow_table_stats stats;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct tested_flow t;
    enum xdp_reason reason;
    struct frame f;
    struct flow flow;
    size_t mask;
    bool ok;

    rng_start(11, index);
    memset(&t.stats, 0, sizeof t.stats);
    set_vlan_limit(rnd(3));
    t.device = &devices[rnd(n_devices)];
    t.flow = NULL;
    if (index % 16) {
        make_any_packet(&f, index - index / 16);
        mask = rnd(N_POOL);
    } else {
        /* TCP flags are matched with few packets and masks only. */
        make_packet(&f, KIND_TCP, rnd(2));
        mask = rnd(N_POOL) | 1;
    }
    extract(f.data, f.size, ODP_BASE + t.device->port, &flow);
    make_match(&flow, mask, &t.match);
    make_actions(&t.actions, index);

    reason = put_flow(&t.match, t.device->port, &t.actions, &t.flow, &error,
                      &tr);
    if (t.actions.n_ops > XDP_FLOW_MAX_OPS) {
        event_count[EVENT_TOO_MANY_OPS]++;
        if (reason != XDP_REASON_N_OPS) {
            case_failure(part, index, "%"PRIuSIZE" ops: expected a refusal, "
                         "got: %s", t.actions.n_ops,
                         xdp_reason_to_string(reason));
        }
        goto out;
    }
    if (reason || error) {
        case_failure(part, index, "not offloaded: %s: %s (table error %d)",
                     xdp_reason_to_string(reason), tr.detail, error);
        goto out;
    }
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        field_matched[i] += field_is_nonzero(&tr.mask, &fields[i]);
    }

    ok = check_packet(part, index, "packet of the flow", &t, &f, true, false);
    event_count[EVENT_HIT]++;
    account(&t, &flow, f.size);

    for (int i = 0; ok && i < 4; i++) {
        struct frame variant;
        bool hit;

        memcpy(&variant, &f, sizeof variant);
        mutate(&variant);
        extract(variant.data, variant.size, ODP_BASE + t.device->port, &flow);
        hit = flow_equal_except(&flow, &t.match.flow, &t.match.wc);
        event_count[hit ? EVENT_VARIANT_HIT : EVENT_VARIANT_MISS]++;
        ok = check_packet(part, index, hit ? "variant of the flow"
                                           : "variant of no flow",
                          &t, &variant, hit, false);
        if (hit) {
            account(&t, &flow, variant.size);
        }
    }

    extract(f.data, f.size, ODP_BASE + t.device->port, &flow);
    if (ok && one_in(4)) {
        ok = check_packet(part, index, "packet for a port that left", &t, &f,
                          true, true);
        account(&t, &flow, f.size);
    }

    if (ok && one_in(3)) {
        event_count[EVENT_MODIFY]++;
        ofpbuf_uninit(&t.actions.buf);
        make_actions(&t.actions, 0);
        if (put_flow(&t.match, t.device->port, &t.actions, &t.flow, &error,
                     &tr) || error) {
            case_failure(part, index, "modification refused");
            ok = false;
        } else {
            ok = check_packet(part, index, "packet after a modification", &t,
                              &f, true, false);
            account(&t, &flow, f.size);
        }
    }

    if (ok && one_in(4)) {
        xdp_flow_table_get_stats(object->table, t.flow, &stats);
        if (!check_stats(&t, &stats)) {
            case_failure(part, index, "statistics while there");
        }
    }
    xdp_flow_table_remove(object->table, t.flow, &stats);
    if (ok && !check_stats(&t, &stats)
        && case_failure(part, index, "statistics at the end")) {
        printf("  expected: packets %"PRIu64", bytes %"PRIu64", "
               "flags %#"PRIx16"\n"
               "  got:      packets %"PRIu64", bytes %"PRIu64", "
               "flags %#"PRIx16", used %lld\n",
               t.stats.n_packets, t.stats.n_bytes, t.stats.tcp_flags,
               stats.n_packets, stats.n_bytes, stats.tcp_flags, stats.used);
    }
    if (ok) {
        check_packet(part, index, "packet after the removal", &t, &f, false,
                     false);
    }
out:
    ofpbuf_uninit(&t.actions.buf);
}

/* Part "actions". */
static void
test_actions(void)
{
    unsigned long int n = 0;

    if (!part_wanted("actions")) {
        return;
    }
    for (unsigned long int i = 0; i < n_actions; i++) {
        if (only_case < 0 || only_case == i) {
            test_one_flow(i);
            if (++n % 400 == 0) {
                reclaim();
            }
        }
    }
    reclaim();
    end_part("actions", "%lu flows", n);
}

/* Classifier. */

#define MAX_TESTED 120      /* Flows at a time. */
#define N_STEPS 600         /* Of a round. */

/* The flows of a round, and how many of the elements are used. */
static struct tested_flow tested[MAX_TESTED];
static size_t n_tested;

/* Returns true if some packet is in both 'a' and 'b'. */
static bool
matches_overlap(const struct match *a, const struct match *b)
{
    const uint64_t *fa = (const uint64_t *) &a->flow;
    const uint64_t *fb = (const uint64_t *) &b->flow;
    const uint64_t *ma = (const uint64_t *) &a->wc.masks;
    const uint64_t *mb = (const uint64_t *) &b->wc.masks;

    for (size_t i = 0; i < FLOW_U64S; i++) {
        if ((fa[i] ^ fb[i]) & ma[i] & mb[i]) {
            return false;
        }
    }
    return true;
}

/* Makes actions for 't' by which its packets can be told from others: a tag
 * with a number that no other flow of the round has. */
static void
make_label(struct tested_flow *t, uint16_t label)
{
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
        .vlan_tci = htons((label & 0xe000) | (label & 0xfff)),
    };

    ofpbuf_use_stub(&t->actions.buf, t->actions.stub, sizeof t->actions.stub);
    t->actions.n_ops = 2;
    t->actions.changes = true;
    t->actions.output = 0;
    nl_msg_put_unspec(&t->actions.buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan,
                      sizeof vlan);
    nl_msg_put_odp_port(&t->actions.buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + t->actions.output));
}

/* Tries to add a flow to the round.  Does nothing if that would overlap with
 * another one. */
static void
add_tested(unsigned long int round, uint16_t label)
{
    struct tested_flow *t = &tested[n_tested];
    enum xdp_table_error error;
    struct xdp_translation tr;
    struct frame f;
    struct flow flow;

    t->device = &devices[rnd(n_devices)];
    t->flow = NULL;
    memset(&t->stats, 0, sizeof t->stats);
    make_small_packet(&f);
    extract(f.data, f.size, ODP_BASE + t->device->port, &flow);
    make_match(&flow, rnd(N_POOL), &t->match);
    for (size_t i = 0; i < n_tested; i++) {
        if (matches_overlap(&t->match, &tested[i].match)) {
            return;
        }
    }

    make_label(t, label);
    if (put_flow(&t->match, t->device->port, &t->actions, &t->flow, &error,
                 &tr) || error) {
        case_failure("classifier", round, "flow refused: %s (table error %d)",
                     tr.detail, error);
        ofpbuf_uninit(&t->actions.buf);
        return;
    }
    n_tested++;
}

/* Removes flow 'i' of the round, and checks what it counted. */
static void
remove_tested(unsigned long int round, size_t i)
{
    struct xdp_flow_table_stats stats;
    struct tested_flow *t = &tested[i];

    xdp_flow_table_remove(object->table, t->flow, &stats);
    if (!check_stats(t, &stats)) {
        case_failure("classifier", round, "statistics: %"PRIu64" packets "
                     "instead of %"PRIu64, stats.n_packets,
                     t->stats.n_packets);
    }
    ofpbuf_uninit(&t->actions.buf);
    if (i != --n_tested) {
        struct tested_flow *last = &tested[n_tested];

        /* The actions point into their own stub. */
        *t = *last;
        ofpbuf_use_stub(&t->actions.buf, t->actions.stub,
                        sizeof t->actions.stub);
        ofpbuf_put_uninit(&t->actions.buf, last->actions.buf.size);
    }
}

/* Runs one packet of a round and checks that the right flow takes it. */
static void
check_search(unsigned long int round, struct device *device,
             const struct frame *f, bool again)
{
    uint64_t before[XDP_COUNTER_MAX], after[XDP_COUNTER_MAX];
    struct tested_flow *t = NULL;
    struct executed executed;
    uint8_t out[MAX_OUT];
    size_t out_size;
    uint32_t verdict;
    struct flow flow;
    bool ok;

    extract(f->data, f->size, ODP_BASE + device->port, &flow);
    for (size_t i = 0; i < n_tested; i++) {
        if (tested[i].device == device
            && flow_equal_except(&flow, &tested[i].match.flow,
                                 &tested[i].match.wc)) {
            ovs_assert(!t);
            t = &tested[i];
        }
    }

    if (t) {
        execute(f->data, f->size, &t->actions, &executed);
        account(t, &flow, f->size);
    } else {
        executed.size = f->size;
        memcpy(executed.data, f->data, f->size);
    }

    xdp_flow_table_get_counters(object->table, before);
    verdict = run_program(device->ifindex, f->data, f->size, out, &out_size);
    xdp_flow_table_get_counters(object->table, after);
    for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
        after[i] -= before[i];
    }
    event_count[EVENT_HINT_HIT] += after[XDP_COUNTER_HINT_HITS];
    event_count[EVENT_SUBTABLE_HIT] += after[XDP_COUNTER_SUBTABLE_HITS];
    event_count[EVENT_MISS] += after[XDP_COUNTER_MISSES];

    ok = (verdict == (t ? XDP_REDIRECT : XDP_PASS)
          && out_size == executed.size
          && !memcmp(out, executed.data, out_size)
          && (after[XDP_COUNTER_HINT_HITS] + after[XDP_COUNTER_SUBTABLE_HITS]
              == (t != NULL))
          && after[XDP_COUNTER_MISSES] == !t
          /* The second of two equal packets must not walk. */
          && !(again && after[XDP_COUNTER_SUBTABLE_HITS]));
    if (!ok && case_failure("classifier", round, "%s",
                            t ? "packet of a flow" : "packet of no flow")) {
        printf("  device: %"PRIu32"%s\n", device->ifindex,
               again ? ", second time" : "");
        printf("  verdict: %"PRIu32", hint hits %"PRIu64", subtable hits "
               "%"PRIu64", misses %"PRIu64"\n", verdict,
               after[XDP_COUNTER_HINT_HITS],
               after[XDP_COUNTER_SUBTABLE_HITS], after[XDP_COUNTER_MISSES]);
        if (t) {
            struct ds s = DS_EMPTY_INITIALIZER;

            match_format(&t->match, NULL, &s, OFP_DEFAULT_PRIORITY);
            printf("  match: %s\n", ds_cstr(&s));
            ds_destroy(&s);
        }
        print_hex("packet", f->data, f->size);
        print_hex("expected", executed.data, executed.size);
        print_hex("got     ", out, out_size);
    }
}

/* Runs round 'index' of part "classifier". */
static void
test_round(unsigned long int index)
{
    uint16_t label = 0;
    size_t n_wanted;

    rng_start(12, index);
    set_vlan_limit(rnd(3));
    set_hints(false);
    set_target(0, true);
    n_wanted = 1 + rnd(one_in(2) ? 10 : MAX_TESTED);
    for (int i = 0; i < 4 * MAX_TESTED && n_tested < n_wanted; i++) {
        add_tested(index, ++label);
    }

    for (int i = 0; i < N_STEPS && !part_failures; i++) {
        uint32_t what = rnd(100);

        if (what < 5 && n_tested < MAX_TESTED) {
            add_tested(index, ++label);
        } else if (what < 10 && n_tested) {
            remove_tested(index, rnd(n_tested));
        } else if (what < 15 && n_tested) {
            struct tested_flow *t = &tested[rnd(n_tested)];
            enum xdp_table_error error;
            struct xdp_translation tr;

            event_count[EVENT_MODIFY]++;
            ofpbuf_uninit(&t->actions.buf);
            make_label(t, ++label);
            if (put_flow(&t->match, t->device->port, &t->actions, &t->flow,
                         &error, &tr) || error) {
                case_failure("classifier", index, "modification refused");
            }
        } else if (what == 15 && one_in(4)) {
            reclaim();
        } else if (what == 16) {
            event_count[EVENT_BAD_HINTS]++;
            set_hints(true);
        } else {
            struct device *device = &devices[rnd(n_devices)];
            struct frame f;

            make_small_packet(&f);
            check_search(index, device, &f, false);
            if (one_in(2)) {
                check_search(index, device, &f, true);
            }
        }
    }

    while (n_tested) {
        remove_tested(index, n_tested - 1);
    }
    set_target(0, false);
    if (index % 4 == 3) {
        reclaim();
    }
}

/* Part "classifier". */
static void
test_classifier(void)
{
    unsigned long int n_rounds = n_actions / 200 + 5;
    unsigned long int n = 0;

    if (!part_wanted("classifier")) {
        return;
    }
    for (unsigned long int i = 0; i < n_rounds; i++) {
        if (only_case < 0 || only_case == i) {
            test_round(i);
            n++;
        }
    }
    reclaim();
    end_part("classifier", "%lu rounds of %d steps", n, N_STEPS);
}

/* Part "digest": two flows of one mask and one digest.  They cannot both be in
 * the table, and a packet of the one must not take the way of the other,
 * though the hint cache and the subtable lead there. */
static void
test_digest(void)
{
    struct device *device = &devices[0];
    struct tested_flow t[2];
    struct frame f[2];
    ovs_be32 src = (OVS_FORCE ovs_be32) -(uint32_t) digest_secret[4];
    struct xdp_translation tr;
    struct xdp_flow_table_stats stats;
    enum xdp_table_error error;
    uint64_t digest[2] = { 0, 0 };

    if (!part_wanted("digest")) {
        return;
    }

    rng_start(13, 0);
    set_vlan_limit(2);
    set_hints(false);
    make_packet(&f[0], KIND_UDP, 0);
    f[1] = f[0];
    for (int i = 0; i < 2; i++) {
        ovs_be32 dst = htonl(0x0a000001 + i);
        uint64_t key[XDP_KEY_WORDS], mask[XDP_KEY_WORDS];
        struct flow flow;

        /* The half of the word that has the secret's negative makes its
         * product zero, whatever the other half is. */
        memcpy(f[i].data + 26, &src, sizeof src);
        memcpy(f[i].data + 30, &dst, sizeof dst);
        extract(f[i].data, f[i].size, ODP_BASE + device->port, &flow);

        memset(&t[i].stats, 0, sizeof t[i].stats);
        t[i].device = device;
        t[i].flow = NULL;
        match_init_catchall(&t[i].match);
        match_set_dl_type(&t[i].match, htons(ETH_TYPE_IP));
        match_set_in_port(&t[i].match, OFPP_NONE);
        match_set_nw_src(&t[i].match, src);
        match_set_nw_dst(&t[i].match, dst);
        make_label(&t[i], i);
        xdp_translate_match(&t[i].match, device->port, &object->caps, &tr);
        memcpy(key, &tr.key, sizeof key);
        memcpy(mask, &tr.mask, sizeof mask);
        for (size_t j = 0; j < XDP_KEY_WORDS; j++) {
            if (mask[j]) {
                digest[i] = xdp_digest_add(digest[i], key[j],
                                           digest_secret[j]);
            }
        }
    }
    if (digest[0] != digest[1]) {
        failure("the digests are not equal: this test is wrong");
    }

    if (put_flow(&t[0].match, device->port, &t[0].actions, &t[0].flow, &error,
                 &tr) || error) {
        failure("the first flow was refused");
        goto out;
    }
    check_packet("digest", 0, "packet of the first", &t[0], &f[0], true,
                 false);
    check_packet("digest", 0, "packet of the second", &t[0], &f[1], false,
                 false);
    if (put_flow(&t[1].match, device->port, &t[1].actions, &t[1].flow, &error,
                 &tr) || error != XDP_TABLE_DIGEST || t[1].flow) {
        failure("the second flow was not refused for its digest");
    }
    check_packet("digest", 0, "packet of the first, again", &t[0], &f[0],
                 true, false);

    xdp_flow_table_remove(object->table, t[0].flow, &stats);
    if (put_flow(&t[1].match, device->port, &t[1].actions, &t[1].flow, &error,
                 &tr) || error) {
        failure("the second flow was refused when the first was gone");
        goto out;
    }
    check_packet("digest", 0, "packet of the second, there", &t[1], &f[1],
                 true, false);
    check_packet("digest", 0, "packet of the first, gone", &t[1], &f[0],
                 false, false);
    xdp_flow_table_remove(object->table, t[1].flow, &stats);
out:
    reclaim();
    ofpbuf_uninit(&t[0].actions.buf);
    ofpbuf_uninit(&t[1].actions.buf);
    end_part("digest", "%#"PRIx64, digest[0]);
}

/* Setting up. */

/* Makes a network namespace of our own with some devices, so that packets can
 * come from several ones that nobody else touches.  Where that does not work,
 * there is still lo. */
static void
make_devices(void)
{
    struct if_nameindex *names;

    if (unshare(CLONE_NEWNET)) {
        printf("note: no network namespace (%s), using lo only\n",
               ovs_strerror(errno));
    } else {
        for (int i = 0; i < MAX_DEVICES / 2; i++) {
            struct ofpbuf request;
            struct ifinfomsg *msg;
            size_t ofs;
            int error;

            ofpbuf_init(&request, 0);
            nl_msg_put_nlmsghdr(&request, 0, RTM_NEWLINK,
                                NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE
                                | NLM_F_EXCL);
            msg = ofpbuf_put_zeros(&request, sizeof *msg);
            msg->ifi_family = AF_UNSPEC;
            ofs = nl_msg_start_nested(&request, IFLA_LINKINFO);
            nl_msg_put_string(&request, IFLA_INFO_KIND, "veth");
            nl_msg_end_nested(&request, ofs);
            error = nl_transact(NETLINK_ROUTE, &request, NULL);
            ofpbuf_uninit(&request);
            if (error) {
                printf("note: no veth devices (%s)\n", ovs_strerror(error));
                break;
            }
        }
    }

    devices[n_devices++].ifindex = if_nametoindex("lo");
    names = if_nameindex();
    for (struct if_nameindex *n = names; n && n->if_index; n++) {
        if (!strncmp(n->if_name, "veth", 4) && n_devices < MAX_DEVICES) {
            devices[n_devices++].ifindex = n->if_index;
        }
    }
    if_freenameindex(names);
    if (!devices[0].ifindex) {
        ovs_fatal(0, "there is no device lo");
    }
}

/* Finds the program and the maps that the offload itself has no use for, by
 * what the kernel knows about the loaded object. */
static void
find_internals(void)
{
    struct bpf_prog_info info = { 0 };
    uint32_t size = sizeof info;
    uint32_t ids[32];
    int rodata_fd = -1;
    uint32_t rodata_size = 0;
    uint32_t rodata_btf = 0;

    prog_fd = bpf_prog_get_fd_by_id(xdp_object_program_id(object));
    if (prog_fd < 0) {
        ovs_fatal(errno, "opening the loaded program failed");
    }
    info.nr_map_ids = ARRAY_SIZE(ids);
    info.map_ids = (uintptr_t) ids;
    if (bpf_obj_get_info_by_fd(prog_fd, &info, &size)) {
        ovs_fatal(errno, "reading what the program uses failed");
    }

    scratch_fd = hints_fd = -1;
    for (uint32_t i = 0; i < MIN(info.nr_map_ids, ARRAY_SIZE(ids)); i++) {
        struct bpf_map_info map = { 0 };
        int fd = bpf_map_get_fd_by_id(ids[i]);

        size = sizeof map;
        if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &size)) {
            ovs_fatal(errno, "opening a map of the program failed");
        }
        if (!strcmp(map.name, "xdp_scratch")) {
            scratch_fd = fd;
            scratch_size = ROUND_UP(map.value_size, 8);
        } else if (!strcmp(map.name, "xdp_hints")) {
            hints_fd = fd;
            n_hints = map.max_entries;
        } else if (strstr(map.name, ".rodata")) {
            rodata_fd = fd;
            rodata_size = map.value_size;
            rodata_btf = map.btf_id;
        } else {
            close(fd);
        }
    }
    if (scratch_fd < 0 || hints_fd < 0 || rodata_fd < 0) {
        ovs_fatal(0, "the object lacks a map that this test reads");
    }

    /* Where in the read-only data the secret is, says BTF. */
    {
        char *rodata = xmalloc(rodata_size);
        struct btf *btf = btf__load_from_kernel_by_id(rodata_btf);
        const struct btf_var_secinfo *var;
        const struct btf_type *sec;
        uint32_t zero = 0;
        bool found = false;
        int id;

        id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC)
                 : -1;
        if (id < 0 || bpf_map_lookup_elem(rodata_fd, &zero, rodata)) {
            ovs_fatal(0, "reading the constants of the object failed");
        }
        sec = btf__type_by_id(btf, id);
        var = btf_var_secinfos(sec);
        for (int i = 0; i < btf_vlen(sec); i++, var++) {
            const struct btf_type *t = btf__type_by_id(btf, var->type);

            if (!strcmp(btf__name_by_offset(btf, t->name_off),
                        "xdp_digest_secret")) {
                ovs_assert(var->size >= sizeof digest_secret);
                memcpy(digest_secret, rodata + var->offset,
                       sizeof digest_secret);
                found = true;
            }
        }
        if (!found) {
            ovs_fatal(0, "the object has no xdp_digest_secret");
        }
        btf__free(btf);
        free(rodata);
        close(rodata_fd);
    }
}

/* Part "ports": makes the devices ports, for the parts that follow. */
static void
test_ports(void)
{
    bool wanted = part_wanted("ports");
    struct tested_flow t;
    struct frame f;

    rng_start(14, 0);
    make_packet(&f, KIND_UDP, 0);
    memset(&t, 0, sizeof t);
    match_init_catchall(&t.match);

    for (size_t i = 0; i < n_devices; i++) {
        struct device *d = &devices[i];
        uint64_t counters[XDP_COUNTER_MAX];
        uint64_t expected[XDP_COUNTER_MAX] = {
            [XDP_COUNTER_PACKETS] = 1,
            [XDP_COUNTER_UNKNOWN_PORT] = 1,
        };
        struct xdp_port_stats stats;
        const char *culprit;
        uint64_t by;
        int error;

        /* A number for the device that no other one has. */
        for (int j = rnd(XDP_PORT_PROBES); ; j++) {
            bool in_use = false;

            d->port = (d->ifindex + j % XDP_PORT_PROBES) % N_PORTS;
            for (size_t k = 0; k < i; k++) {
                in_use |= devices[k].port == d->port;
            }
            if (!in_use) {
                break;
            }
        }

        for (int pass = 0; pass < 2; pass++) {
            xdp_flow_table_get_counters(object->table, counters);
            if (wanted
                && (run_program(d->ifindex, f.data, f.size, NULL, NULL)
                    != XDP_PASS
                    || !check_counters(counters, expected, &culprit, &by))) {
                failure("device %"PRIu32" is no port, but not passed on",
                        d->ifindex);
            }

            error = xdp_flow_table_add_port(object->table, d->port,
                                            d->ifindex, 2);
            if (error) {
                ovs_fatal(error, "adding a port failed");
            }
            d->vlan_limit = 2;
            if (!wanted) {
                break;
            }
            t.device = d;
            check_packet("ports", 0, "packet of a new port", &t, &f, false,
                         false);
            xdp_flow_table_get_port_stats(object->table, d->port, &stats);
            if (stats.no_socket != 1 || stats.upcalls) {
                failure("port %"PRIu32": %llu packets without socket and %llu "
                        "upcalls instead of 1 and 0", d->port,
                        stats.no_socket, stats.upcalls);
            }
            if (!pass) {
                xdp_flow_table_remove_port(object->table, d->port);
            }
        }
    }
    if (wanted) {
        end_part("ports", "%"PRIuSIZE" devices", n_devices);
    }
}

/* Part "coverage". */
static void
test_coverage(void)
{
    if (only_part) {
        return;
    }
    printf("coverage:\n");
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        printf("  field %-12s  nonzero in %8lu keys, matched by %6lu flows\n",
               fields[i].name, field_nonzero[i], field_matched[i]);
        if (!field_nonzero[i] || !field_matched[i]) {
            failure("field %s was not met", fields[i].name);
        }
    }
    for (size_t i = 0; i < N_KINDS; i++) {
        printf("  %-30s %8lu\n", kind_names[i], kind_count[i]);
        if (!kind_count[i]) {
            failure("there was no packet: %s", kind_names[i]);
        }
    }
    for (size_t i = 0; i <= MAX_TAGS; i++) {
        printf("  %"PRIuSIZE" VLAN tags                    %8lu\n", i,
               tags_count[i]);
        if (!tags_count[i]) {
            failure("there was no packet with %"PRIuSIZE" tags", i);
        }
    }
    for (size_t i = 0; i < N_EVENTS; i++) {
        printf("  %-30s %8lu\n", event_names[i], event_count[i]);
        if (!event_count[i]) {
            failure("never happened: %s", event_names[i]);
        }
    }
    end_part("coverage", "%"PRIuSIZE" items",
             2 * ARRAY_SIZE(fields) + N_KINDS + MAX_TAGS + 1 + N_EVENTS);
}

/* Checks the packet in hexadecimal 'hex'. */
static void
replay(const char *hex, int vlan_limit, enum asked asked)
{
    struct xdp_table_flow *flow;
    struct frame f;

    memset(&f, 0, sizeof f);
    for (const char *p = hex; *p; p += 2) {
        bool ok;

        if (f.size >= MAX_PACKET) {
            ovs_fatal(0, "--replay: packet is longer than %d bytes",
                      MAX_PACKET);
        }
        f.data[f.size++] = hexits_value(p, p[1] ? 2 : 1, &ok);
        if (!ok || !p[1]) {
            ovs_fatal(0, "--replay: \"%s\" is not a hexadecimal byte", p);
        }
    }
    if (f.size < ETH_HEADER_LEN) {
        ovs_fatal(0, "--replay: packet is shorter than %d bytes",
                  ETH_HEADER_LEN);
    }

    set_vlan_limit(vlan_limit);
    flow = ask(asked);
    check_key(&f, vlan_limit, asked, "replayed");
    if (!part_failures) {
        struct xdp_key key;

        read_key(&key);
        print_hex("key", &key, sizeof key);
    }
    unask(flow);
    end_part("replay", "%"PRIuSIZE" bytes", f.size);
}

/* Implements libbpf_print_fn_t. */
static int OVS_PRINTF_FORMAT(2, 0)
print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
    return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

/* Prints the help. */
static void
usage(void)
{
    printf("usage: test-xdp-oracle [OPTION]...\n"
           "Compares a flow table object with what OVS's own code does.\n\n"
           "  --object PATH    the object (default: %s)\n"
           "  --packets N      packets for each VLAN limit (default: %lu)\n"
           "  --actions N      flows (default: a tenth of the packets, at "
           "least 500)\n"
           "  --seed N         where random numbers start (default: random)\n"
           "  --part NAME      run this part only\n"
           "  --case N         run this case of parts \"actions\" and "
           "\"classifier\" only\n"
           "  --replay HEX     compare the keys of this packet only\n"
           "  --vlan-limit N   VLAN tags that --replay looks at "
           "(default: 2)\n"
           "  --asked N        what --replay parses (default: all)\n",
           object_path, n_packets);
}

/* Returns the number in 'arg' of option 'name', which must be 'min' to
 * 'max'. */
static uint64_t
parse_number(const char *name, const char *arg, uint64_t min, uint64_t max)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(arg, &end, 0);
    if (errno || !arg[0] || *end || arg[0] == '-'
        || value < min || value > max) {
        ovs_fatal(0, "--%s: \"%s\" is not a number from %"PRIu64" to %"PRIu64,
                  name, arg, min, max);
    }
    return value;
}

/* Parses the command line.  Returns the packet to replay, or NULL. */
static const char *
parse_options(int argc, char *argv[], int *vlan_limit, int *asked)
{
    enum { OPT_OBJECT = 1, OPT_PACKETS, OPT_ACTIONS, OPT_SEED, OPT_PART,
           OPT_CASE, OPT_REPLAY, OPT_VLAN_LIMIT, OPT_ASKED, OPT_HELP };
    static const struct option options[] = {
        { "object", required_argument, NULL, OPT_OBJECT },
        { "packets", required_argument, NULL, OPT_PACKETS },
        { "actions", required_argument, NULL, OPT_ACTIONS },
        { "seed", required_argument, NULL, OPT_SEED },
        { "part", required_argument, NULL, OPT_PART },
        { "case", required_argument, NULL, OPT_CASE },
        { "replay", required_argument, NULL, OPT_REPLAY },
        { "vlan-limit", required_argument, NULL, OPT_VLAN_LIMIT },
        { "asked", required_argument, NULL, OPT_ASKED },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    const char *hex = NULL;
    int c;

    *vlan_limit = XDP_VLAN_MAX;
    *asked = ASK_ALL;
    seed = 0;
    if (get_entropy(&seed, 4)) {
        seed = time_wall_msec();
    }
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case OPT_OBJECT: object_path = optarg; break;
        case OPT_PACKETS:
            n_packets = parse_number("packets", optarg, 1, 1000000000);
            break;
        case OPT_ACTIONS:
            n_actions = parse_number("actions", optarg, 1, 1000000000);
            break;
        case OPT_SEED:
            seed = parse_number("seed", optarg, 0, UINT64_MAX);
            break;
        case OPT_PART: only_part = optarg; break;
        case OPT_CASE:
            only_case = parse_number("case", optarg, 0, 1000000000);
            break;
        case OPT_REPLAY: hex = optarg; break;
        case OPT_VLAN_LIMIT:
            *vlan_limit = parse_number("vlan-limit", optarg, 0, XDP_VLAN_MAX);
            break;
        case OPT_ASKED:
            *asked = parse_number("asked", optarg, 0, ASK_ALL);
            break;
        case OPT_HELP:
            usage();
            exit(EXIT_SUCCESS);
        default:
            usage();
            exit(EXIT_FAILURE);
        }
    }
    if (optind < argc) {
        ovs_fatal(0, "unexpected argument \"%s\"; try --help", argv[optind]);
    }
    if (only_case >= 0 && !only_part) {
        only_part = "actions";
    }
    if (!n_actions) {
        n_actions = MAX(n_packets / 10, 500);
    }
    return hex;
}

/* Returns true if this process may load programs. */
static bool
is_privileged(void)
{
    struct bpf_insn insns[] = {
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
        { .code = BPF_JMP | BPF_EXIT },
    };
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "probe", "GPL", insns,
                           ARRAY_SIZE(insns), NULL);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 || errno != EPERM;
}

int
main(int argc, char *argv[])
{
    const struct xdp_flow_table_limits limits = {
        .n_flows = N_FLOWS,
        .n_masks = XDP_PORT_MAX_MASKS,
        .n_ports = N_PORTS,
    };
    cpu_set_t cpus;
    const char *hex;
    int vlan_limit, asked;
    char *message;

    set_program_name(argv[0]);
    hex = parse_options(argc, argv, &vlan_limit, &asked);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_WARN);
    libbpf_set_print(print_libbpf);

    if (!is_privileged()) {
        printf("skip oracle: loading programs takes CAP_BPF and "
               "CAP_NET_ADMIN; run it as root\n");
        return EXIT_SKIPPED;
    }

    printf("seed: %"PRIu64"\n", seed);
    fflush(stdout);
    odp_execute_init();
    n_cpus = libbpf_num_possible_cpus();
    this_cpu = sched_getcpu();
    CPU_ZERO(&cpus);
    CPU_SET(this_cpu, &cpus);
    if (n_cpus < 1 || this_cpu < 0
        || sched_setaffinity(0, sizeof cpus, &cpus)) {
        ovs_fatal(errno, "staying on one CPU failed");
    }

    make_devices();
    if (xdp_object_get(object_path, &limits, &object, &message)) {
        ovs_fatal(0, "%s", message);
    }
    if (!object->has_table) {
        ovs_fatal(0, "%s: the object has no flow table", object_path);
    }
    find_internals();
    init_pool();

    if (hex) {
        only_part = "replay";
    }
    test_ports();
    if (hex) {
        replay(hex, vlan_limit, asked);
    } else {
        for (int i = 0; i <= XDP_VLAN_MAX; i++) {
            test_keys(i);
        }
        test_depth();
        test_actions();
        test_digest();
        test_classifier();
        test_coverage();
    }
    if (!n_passed && !n_failed) {
        ovs_fatal(0, "--part: there is no part \"%s\"", only_part);
    }

    for (size_t i = 0; i < n_devices; i++) {
        xdp_flow_table_remove_port(object->table, devices[i].port);
    }
    xdp_object_put(object);
    printf("oracle: %u passed, %u failed\n", n_passed, n_failed);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
