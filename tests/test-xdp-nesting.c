/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of the flow table that begin in the middle of others on the same CPU,
 * as they may on a PREEMPT_RT kernel.  The object xdp-nesting.bpf.o runs the
 * program inside itself, on purpose, so that this needs no such kernel.
 *
 * With the guard of bpf/guard.h, the outer packet must be as if it were alone,
 * and the inner one must be left to userspace, untouched and uncounted.
 * Without the guard, the outer packet must be wrong: or else nothing would be
 * proven.
 *
 * Prints one line for each case, as test-xdp-unit does.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csum.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"
#include "xdp-flow-table.h"
#include "xdp-machine.h"
#include "xdp-program.h"

#include "xdp-nesting.h"

#define N_PORTS 8
#define RECIRC_ID 5
#define OLD_TTL 64
#define NEW_TTL 9
#define PACKET_LEN 64
#define IP_OFS ETH_HEADER_LEN

/* How often a packet is run: it must not become a train, nor find the scratch
 * taken by the run before. */
#define N_RUNS 4

static const struct xdp_flow_table_limits limits = {
    .n_flows = 16,
    .n_slots = 16,
    .n_masks = 8,
    .n_ports = N_PORTS,
    .n_hints = XDP_MIN_HINTS,
};

/* What is wrong with the outer packet if the inner one has spoilt it. */
static const char spoilt[] = "bytes that leave";

static struct xdp_object *object;
static uint32_t in_port, out_port, lo_ifindex;

/* Makes 'data' a packet of UDP over IPv4 with 'ttl', perhaps with a VLAN
 * tag. */
static void
make_packet(uint8_t data[PACKET_LEN], uint8_t ttl, bool tagged)
{
    struct eth_header *eth = (void *) data;
    size_t ofs = IP_OFS + (tagged ? VLAN_HEADER_LEN : 0);
    struct ip_header ip = {
        .ip_ihl_ver = IP_IHL_VER(5, 4),
        .ip_tot_len = htons(PACKET_LEN - ofs),
        .ip_ttl = ttl,
        .ip_proto = IPPROTO_UDP,
    };

    memset(data, 0, PACKET_LEN);
    memset(eth->eth_dst.ea, 2, sizeof eth->eth_dst.ea);
    memset(eth->eth_src.ea, 4, sizeof eth->eth_src.ea);
    eth->eth_type = htons(tagged ? ETH_TYPE_VLAN : ETH_TYPE_IP);
    if (tagged) {
        ovs_be16 type = htons(ETH_TYPE_IP);

        memcpy(data + ofs - sizeof type, &type, sizeof type);
    }
    put_16aligned_be32(&ip.ip_src, htonl(0x0a000001));
    put_16aligned_be32(&ip.ip_dst, htonl(0x0a000002));
    ip.ip_csum = csum(&ip, sizeof ip);
    memcpy(data + ofs, &ip, sizeof ip);
}

/* Adds a flow of IPv4 packets without tag in the pass 'recirc_id'.  It sets
 * the TTL and outputs, or recirculates to 'next' if that is nonzero. */
static struct xdp_table_flow *
add_flow(uint32_t recirc_id, uint32_t next)
{
    struct xdp_key key, mask;
    struct xdp_flow_actions actions;
    struct xdp_table_flow *flow;
    union xdp_op_data ttl_mask;

    memset(&key, 0, sizeof key);
    memset(&mask, 0, sizeof mask);
    key.in_port = in_port;
    key.recirc_id = recirc_id;
    key.dl_type = htons(ETH_TYPE_IP);
    mask.in_port = mask.recirc_id = UINT32_MAX;
    mask.dl_type = OVS_BE16_MAX;
    mask.vlan_tci0 = OVS_BE16_MAX;

    memset(&actions, 0, sizeof actions);
    if (next) {
        actions.ops[0].type = XDP_OP_RECIRC;
        actions.ops[0].u.recirc.id = next;
        actions.n_ops = 1;
        actions.parts = (XDP_PART_NETWORK | XDP_PART_TRANSPORT
                         | XDP_PART_EXTENDED);
    } else {
        actions.ops[0].type = XDP_OP_SET_IPV4;
        actions.ops[0].n_data = 1;
        actions.ops[0].u.ipv4.ttl = NEW_TTL;
        memset(&ttl_mask, 0, sizeof ttl_mask);
        ttl_mask.ipv4.ttl = UINT8_MAX;
        memcpy(&actions.ops[1], &ttl_mask, sizeof ttl_mask);
        actions.ops[2].type = XDP_OP_OUTPUT;
        actions.ops[2].u.output.port = out_port;
        actions.ops[2].u.output.ifindex = lo_ifindex;
        actions.n_ops = 3;
    }
    if (xdp_flow_table_insert(object->table, &key, &mask, &actions, &flow)) {
        ovs_fatal(0, "inserting a flow failed");
    }
    return flow;
}

/* Loads 'path' and adds the ports, as on a machine where runs nest if
 * 'guard'. */
static void
load(const char *path, bool guard)
{
    const struct xdp_machine machine = { .runs_nest = guard };
    char *error;

    xdp_machine_pretend(&machine);
    if (xdp_object_get(path, &limits, NULL, &object, &error)) {
        ovs_fatal(0, "%s", error);
    }
    xdp_machine_pretend(NULL);
    if (!object->has_table
        || xdp_flow_table_add_port(object->table, in_port, lo_ifindex, 2)
        || xdp_flow_table_set_target(object->table, out_port, lo_ifindex)) {
        ovs_fatal(0, "%s: adding ports failed", path);
    }
}

/* Runs the program on a packet, with another one in the middle of it.  Returns
 * NULL if all is as it should be, otherwise what is wrong. */
static const char *
run_nested(const struct xdp_table_flow *flow)
{
    int fd = bpf_prog_get_fd_by_id(xdp_object_program_id(object));
    uint8_t expected[PACKET_LEN], inner[PACKET_LEN];
    uint8_t in[sizeof(struct nest_headers) + PACKET_LEN], out[sizeof in];
    uint64_t before[XDP_COUNTER_MAX], after[XDP_COUNTER_MAX];
    struct xdp_flow_table_stats stats;
    const char *problem = NULL;

    if (fd < 0) {
        ovs_fatal(errno, "opening the loaded program failed");
    }
    make_packet(inner, OLD_TTL, true);
    make_packet(expected, NEW_TTL, false);
    memcpy(in, inner, sizeof(struct nest_headers));
    make_packet(in + sizeof(struct nest_headers), OLD_TTL, false);
    for (int i = 0; !problem && i < N_RUNS; i++) {
        struct xdp_md ctx = {
            .data_end = sizeof in,
            .ingress_ifindex = lo_ifindex,
        };
        LIBBPF_OPTS(bpf_test_run_opts, opts,
                    .data_in = in, .data_size_in = sizeof in,
                    .data_out = out, .data_size_out = sizeof out,
                    .ctx_in = &ctx, .ctx_size_in = sizeof ctx,
                    .repeat = 1);

        xdp_flow_table_get_counters(object->table, before);
        if (bpf_prog_test_run_opts(fd, &opts)) {
            ovs_fatal(errno, "BPF_PROG_RUN failed");
        }
        xdp_flow_table_get_counters(object->table, after);
        xdp_flow_table_get_stats(object->table, flow, &stats);
        if (opts.retval != XDP_REDIRECT) {
            problem = "verdict";
        } else if (opts.data_size_out != sizeof expected
                   || memcmp(out, expected, sizeof expected)) {
            problem = spoilt;
        } else if (after[XDP_COUNTER_PACKETS] - before[XDP_COUNTER_PACKETS]
                   != 2
                   || (after[XDP_COUNTER_NESTED] - before[XDP_COUNTER_NESTED]
                       != 1)
                   || (after[XDP_COUNTER_NO_SOCKET]
                       - before[XDP_COUNTER_NO_SOCKET] != 1)
                   || (after[XDP_COUNTER_MISSES]
                       != before[XDP_COUNTER_MISSES])) {
            problem = "counters";
        } else if (stats.n_packets != i + 1
                   || stats.n_bytes != (i + 1) * PACKET_LEN) {
            problem = "statistics";
        }
    }
    close(fd);
    return problem;
}

/* Runs case 'name', with one pass or two.  Returns true if it passes. */
static bool
run_case(const char *path, const char *name, bool guard, bool recirculate)
{
    struct xdp_table_flow *first, *second = NULL;
    struct xdp_flow_table_stats stats;
    const char *problem;

    load(path, guard);
    first = add_flow(0, recirculate ? RECIRC_ID : 0);
    if (recirculate) {
        second = add_flow(RECIRC_ID, 0);
    }
    problem = run_nested(first);
    if (!guard) {
        problem = problem == spoilt ? NULL : "not spoilt without the guard";
    }
    printf("%s %s%s%s\n", problem ? "not ok" : "ok", name,
           problem ? ": " : "", problem ? problem : "");

    xdp_flow_table_remove(object->table, first, &stats);
    if (second) {
        xdp_flow_table_remove(object->table, second, &stats);
    }
    xdp_flow_table_remove_port(object->table, in_port);
    xdp_object_unload(xdp_object_put(object));
    return !problem;
}

int
main(int argc, char *argv[])
{
    bool ok;
    int fd;

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    libbpf_set_print(NULL);
    if (argc != 2) {
        ovs_fatal(0, "usage: %s PATH/xdp-nesting.bpf.o", argv[0]);
    }
    fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP, "probe", 4, 4, 1, NULL);
    if (fd < 0) {
        printf("skip nesting: creating BPF maps takes CAP_BPF and "
               "CAP_NET_ADMIN\n");
        return 77;
    }
    close(fd);

    lo_ifindex = if_nametoindex("lo");
    in_port = lo_ifindex % N_PORTS;
    out_port = (in_port + 1) % N_PORTS;
    ok = run_case(argv[1], "nesting-guarded", true, false);
    ok &= run_case(argv[1], "nesting-guarded-passes", true, true);
    ok &= run_case(argv[1], "nesting-unguarded", false, false);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
