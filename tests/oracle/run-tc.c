/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the programs at tc in the place of the one at XDP, with the results
 * that this would have: verdicts, and what is in front of packets for
 * userspace.
 */

#include <config.h>

#include "run-tc.h"

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "netlink.h"
#include "oracle.h"
#include "packets.h"
#include "util.h"
#include "xdp-abi-tc.h"

/* The program that the oracle runs (tests/xdp-tc.bpf.c). */
#define TC_PROGRAM "tc_test"

/* The device that packets without a flow are sent to, which no port has. */
#define COMPANION 0x7fff0000

/* Maps of a program, at most. */
#define MAX_MAPS 32

bool hook_tc;

static int prog_fd = -1;
static int targets_fd = -1;     /* xdp_targets. */
static int ports_fd = -1;       /* xdp_ports. */
static int n_copies_fd = -1;    /* test_n_copies. */
static int copies_fd = -1;      /* test_copies. */
static uint64_t upcall_magic;

/* Of the next packet. */
static uint32_t gso_size, gso_segs;
static bool sum_is_known;

/* BPF_F_TEST_SKB_CHECKSUM_COMPLETE, which older headers do not have: the
 * kernel knows the sum of the packet that comes in, as of a card that adds it
 * up, and checks that it is the one of what leaves.  That takes a packet
 * without VLAN tags, from the beginning to the end: others are not as at tc
 * ingress. */
#define KNOWN_SUM (1U << 2)

/* KNOWN_SUM, or 0 if this kernel, before Linux 6.16, cannot do that. */
static uint32_t known_sum;

/* Returns the fd of the map 'name' of the program 'fd', or a negative number
 * if it uses none.  Stores its id in '*idp'. */
static int
open_map_of(int fd, const char *name, uint32_t *idp)
{
    uint32_t ids[MAX_MAPS];
    struct bpf_prog_info info = {
        .nr_map_ids = MAX_MAPS,
        .map_ids = (uintptr_t) ids,
    };
    uint32_t size = sizeof info;

    if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
        ovs_fatal(errno, "reading what a program uses failed");
    }
    for (uint32_t i = 0; i < MIN(info.nr_map_ids, MAX_MAPS); i++) {
        struct bpf_map_info map;
        uint32_t map_size = sizeof map;
        int map_fd = bpf_map_get_fd_by_id(ids[i]);

        memset(&map, 0, sizeof map);
        if (map_fd >= 0 && !bpf_obj_get_info_by_fd(map_fd, &map, &map_size)
            && !strcmp(map.name, name)) {
            *idp = ids[i];
            return map_fd;
        }
        if (map_fd >= 0) {
            close(map_fd);
        }
    }
    return -1;
}

/* Returns the fd of the program 'name' whose map 'map' has the id 'map_id'.
 * (Others may have loaded programs of this name.) */
static int
open_program(const char *name, const char *map, uint32_t map_id)
{
    uint32_t id = 0;

    while (!bpf_prog_get_next_id(id, &id)) {
        struct bpf_prog_info info;
        uint32_t size = sizeof info;
        int fd = bpf_prog_get_fd_by_id(id);
        uint32_t its_map_id = 0;
        int map_fd = -1;

        memset(&info, 0, sizeof info);
        if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size)
            && !strcmp(info.name, name)) {
            map_fd = open_map_of(fd, map, &its_map_id);
        }
        if (map_fd >= 0) {
            close(map_fd);
        }
        if (map_fd >= 0 && its_map_id == map_id) {
            return fd;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    ovs_fatal(0, "the object has no program %s", name);
}

/* Returns KNOWN_SUM if the kernel takes it, otherwise 0. */
static uint32_t
probe_known_sum(void)
{
    static const uint8_t packet[64];
    LIBBPF_OPTS(bpf_test_run_opts, opts, .flags = KNOWN_SUM,
                .data_in = packet, .data_size_in = sizeof packet,
                .repeat = 1);

    return bpf_prog_test_run_opts(prog_fd, &opts) ? 0 : KNOWN_SUM;
}

/* Finds the programs at tc of the object whose map xdp_scratch has the id
 * 'scratch_id'. */
void
find_tc(uint32_t scratch_id)
{
    int fd = open_program("tc_recirc", "xdp_scratch", scratch_id);
    uint32_t id, programs_id = 0;
    int programs_fd;

    targets_fd = open_map_of(fd, "xdp_targets", &id);
    n_copies_fd = open_map_of(fd, "test_n_copies", &id);
    copies_fd = open_map_of(fd, "test_copies", &id);
    ports_fd = open_map_of(fd, "xdp_ports", &id);
    programs_fd = open_map_of(fd, "tc_programs", &programs_id);
    if (targets_fd < 0 || ports_fd < 0 || programs_fd < 0 || n_copies_fd < 0
        || copies_fd < 0) {
        ovs_fatal(0, "the programs at tc lack a map that this test needs");
    }
    prog_fd = open_program(TC_PROGRAM, "tc_programs", programs_id);
    close(programs_fd);
    close(fd);
    known_sum = probe_known_sum();
}

/* Opens the way out of 'port' to 'ifindex', or closes it if that is 0. */
void
set_tc_target(uint32_t port, uint32_t ifindex)
{
    struct xdp_target target = { .ifindex = ifindex };

    if (bpf_map_update_elem(targets_fd, &port, &target, BPF_ANY)) {
        ovs_fatal(errno, "writing the map xdp_targets failed");
    }
}

/* Gives 'port' a companion, through which packets go that have 'magic'. */
void
make_companion(uint32_t port, uint64_t magic)
{
    struct xdp_port entry;

    upcall_magic = magic;
    if (bpf_map_lookup_elem(ports_fd, &port, &entry)) {
        ovs_fatal(errno, "reading the map xdp_ports failed");
    }
    entry.companion_max = UINT32_MAX;
    entry.companion = COMPANION;
    if (bpf_map_update_elem(ports_fd, &port, &entry, BPF_ANY)) {
        ovs_fatal(errno, "writing the map xdp_ports failed");
    }
}

/* Makes the next packet one that stands for 'n' segments with up to 'size'
 * bytes behind their headers each, where the kernel knows 'n', or, if 'size'
 * is 0, one that stands for itself. */
void
set_segments(uint32_t size, uint32_t n)
{
    gso_size = size;
    gso_segs = n;
}

/* Makes the next packet one whose sum the kernel knows, if it can do that, and
 * if neither the packet, which 'actions' (in netlink attributes) are for, nor
 * they have a VLAN tag, which is also what labels come and go as. */
void
know_sum(const struct nlattr *actions, size_t actions_len)
{
    const struct nlattr *a;
    size_t left;

    sum_is_known = true;
    NL_ATTR_FOR_EACH (a, left, actions, actions_len) {
        sum_is_known &= (nl_attr_type(a) != OVS_ACTION_ATTR_PUSH_VLAN
                         && nl_attr_type(a) != OVS_ACTION_ATTR_PUSH_MPLS
                         && nl_attr_type(a) != OVS_ACTION_ATTR_POP_MPLS);
    }
}

/* Takes back what was said of the next packet, which has been run. */
void
forget_packet(void)
{
    set_segments(0, 0);
    sum_is_known = false;
}

/* Returns true if the packet at 'data' begins with a VLAN tag. */
static bool
is_tagged(const void *data)
{
    const struct eth_header *eth = data;

    return eth_type_vlan(eth->eth_type);
}

/* A copy as the program notes it. */
struct test_copy {
    uint32_t ifindex;
    uint32_t len;
    ovs_be16 tpid;
    ovs_be16 tci;
    uint8_t data[2048];
};

/* Returns how many copies of the last packet were sent before the packet
 * itself. */
uint32_t
count_tc_copies(void)
{
    uint32_t zero = 0, n;

    if (bpf_map_lookup_elem(n_copies_fd, &zero, &n)) {
        ovs_fatal(errno, "reading the map test_n_copies failed");
    }
    return n;
}

/* Stores copy 'i' of the last packet, from 0 on, in 'out', which has MAX_OUT
 * bytes, and its size in '*size'.  Returns the device that it was sent to. */
uint32_t
read_tc_copy(uint32_t i, uint8_t *out, size_t *size)
{
    struct test_copy copy;
    size_t macs_len = 2 * ETH_ADDR_LEN;

    if (bpf_map_lookup_elem(copies_fd, &i, &copy)) {
        ovs_fatal(errno, "reading the map test_copies failed");
    }
    ovs_assert(copy.len >= macs_len
               && copy.len + VLAN_HEADER_LEN <= MAX_OUT);
    *size = copy.len;
    if (copy.tpid) {
        memcpy(out, copy.data, macs_len);
        memcpy(out + macs_len, &copy.tpid, sizeof copy.tpid);
        memcpy(out + macs_len + sizeof copy.tpid, &copy.tci, sizeof copy.tci);
        memcpy(out + macs_len + VLAN_HEADER_LEN, copy.data + macs_len,
               copy.len - macs_len);
        *size += VLAN_HEADER_LEN;
    } else {
        memcpy(out, copy.data, copy.len);
    }
    return copy.ifindex;
}

/* Makes the '*size' bytes at 'out', a packet that went into a companion, what
 * comes out of it: metadata of '*meta_size' bytes, and the packet. */
static void
leave_companion(uint8_t *out, size_t *size, size_t *meta_size)
{
    const struct xdp_companion_hdr *hdr = (void *) out;
    struct xdp_upcall_meta meta = { .magic = upcall_magic };

    if (*size >= sizeof *hdr && hdr->type == htons(XDP_COMPANION_TYPE)
        && hdr->meta.magic == upcall_magic) {
        meta = hdr->meta;
        *size -= sizeof *hdr;
        memmove(out + sizeof meta, out + sizeof *hdr, *size);
    } else {
        memmove(out + sizeof meta, out, *size);
    }
    memcpy(out, &meta, sizeof meta);
    *size += sizeof meta;
    *meta_size = sizeof meta;
}

/* Returns the length of the tag that is beside the packet with the 'size'
 * bytes at 'data', including that tag, or 0. */
size_t
tag_beside_len(const void *data, size_t size)
{
    return (hook_tc && size >= ETH_HEADER_LEN && is_tagged(data)
            ? VLAN_HEADER_LEN : 0);
}

/* Returns true if the 'out_size' bytes at 'out' are the 'size' bytes at
 * 'data', but for a VLAN tag that is beside the packet now. */
static bool
is_unchanged(const uint8_t *data, size_t size, const uint8_t *out,
             size_t out_size)
{
    size_t tag_len = (size >= ETH_HEADER_LEN + VLAN_HEADER_LEN
                      && is_tagged(data) ? VLAN_HEADER_LEN : 0);

    return (out_size + tag_len == size
            && !memcmp(out, data, 2 * ETH_ADDR_LEN)
            && !memcmp(out + 2 * ETH_ADDR_LEN,
                       data + 2 * ETH_ADDR_LEN + tag_len,
                       out_size - 2 * ETH_ADDR_LEN));
}

/* Returns true if the 'out_size' bytes at 'out', which a run with 'verdict'
 * has left, are the 'size' bytes at 'data'.  Of a packet that is dropped at tc
 * nobody sees the tag that is beside it. */
bool
is_left(uint32_t verdict, const void *data, size_t size, const void *out,
        size_t out_size)
{
    return ((out_size == size && !memcmp(out, data, size))
            || (hook_tc && verdict == XDP_DROP
                && is_unchanged(data, size, out, out_size)));
}

/* Returns true if the kernel lets programs at tc run on the 'size' bytes at
 * 'data'.  It does not if a header of IP is not complete, unless there is a
 * VLAN tag in front of it. */
bool
can_run_tc(const void *data, size_t size)
{
    const struct eth_header *eth = data;

    return size >= ETH_HEADER_LEN + (eth->eth_type == htons(ETH_TYPE_IP)
                                     ? IP_HEADER_LEN
                                     : eth->eth_type == htons(ETH_TYPE_IPV6)
                                     ? IPV6_HEADER_LEN : 1);
}

/* As run_program_meta(), for the programs at tc, and without metadata in front
 * of the packet at 'data'. */
uint32_t
run_tc(uint32_t ifindex, const void *data, size_t size, void *out,
       size_t *out_size, size_t *out_meta_size)
{
    struct __sk_buff ctx = {
        .ingress_ifindex = ifindex,
        .gso_size = gso_size,
        .gso_segs = gso_segs,
    };
    static uint8_t spare[MAX_OUT];
    struct __sk_buff ctx_out;
    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = data, .data_size_in = size,
                .data_out = out ? out : spare, .data_size_out = MAX_OUT,
                .ctx_in = &ctx, .ctx_size_in = sizeof ctx,
                .ctx_out = &ctx_out, .ctx_size_out = sizeof ctx_out,
                .flags = sum_is_known && !is_tagged(data) ? known_sum : 0,
                .repeat = 1);
    uint32_t zero = 0, none = 0;
    size_t meta_size = 0;
    uint32_t verdict;

    forget_packet();
    if (bpf_map_update_elem(n_copies_fd, &zero, &none, BPF_ANY)) {
        ovs_fatal(errno, "writing the map test_n_copies failed");
    }
    if (bpf_prog_test_run_opts(prog_fd, &opts)) {
        if (errno != EBADMSG || !opts.flags) {
            run_failed(errno, ifindex, data, size);
        }
        if (out) {
            *out_size = *out_meta_size = 0;
        }
        return BAD_SUM;
    }
    size = opts.data_size_out;
    switch ((int) opts.retval) {
    case TC_ACT_UNSPEC:
        verdict = is_unchanged(data, opts.data_size_in, opts.data_out, size)
                  ? XDP_PASS : XDP_TX;
        if (out) {
            memcpy(out, data, opts.data_size_in);
        }
        size = opts.data_size_in;
        break;
    case TC_ACT_REDIRECT:
        verdict = XDP_REDIRECT;
        if (ctx_out.cb[0] == COMPANION && out) {
            leave_companion(out, &size, &meta_size);
        }
        break;
    case TC_ACT_SHOT:
    default:
        verdict = XDP_DROP;
        break;
    }
    if (out) {
        *out_size = size;
        *out_meta_size = meta_size;
    }
    return verdict;
}
