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
 *     corpus               the same, on the packets of a file
 *     ports                a device becomes a port and ceases to be one
 *     actions              the packet that leaves against
 *                          odp_execute_actions(), and which packets a flow
 *                          takes against flow_equal_except()
 *     passes               the same of several passes, with recirculations
 *     tunnels              headers of tunnels that are popped and pushed,
 *                          against lib/netdev-native-tnl.c
 *     kept                 a hash in a later pass of what nothing in the first
 *                          one asked for
 *     mtu                  packets that are, or get, too large for a device
 *     trains               the same of packets that come several times in a
 *                          row, and of such that hardly differ, also through
 *                          tunnels
 *     digest               two flows with one digest
 *     refusals             flows that match something else, and full tables
 *     classifier           the flow found among many, while flows come, change
 *                          and go, against OVS's classifier
 *     race                 as "classifier", with the changes made by another
 *                          thread
 *     ct-race              as "race", with connections: the only part with
 *                          an object made for it, and with no other one
 *     conntrack            packets of connections against userspace alone
 *     coverage             that the above met everything it should
 *
 * Everything random follows from the seed.  What fails is printed in a form
 * that can be replayed.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "copies.h"
#include "entropy.h"
#include "flows.h"
#include "meters.h"
#include "odp-execute.h"
#include "openvswitch/vlog.h"
#include "oracle.h"
#include "run-tc.h"
#include "run.h"
#include "timeval.h"
#include "util.h"
#include "xdp-machine.h"
#include "xdp-ovs-compat.h"
#include "xdp-program.h"

/* Exit status of a test that could not run. */
#define EXIT_SKIPPED 77

/* Options. */
uint64_t seed;
unsigned long int n_packets = 300000;
unsigned long int n_actions;
unsigned long int race_seconds = 20;
unsigned long int n_ct_packets = 1000000;
bool ct_verifies;
uint32_t n_hints = 1024;
long int only_case = -1;
const char *only_part;
static const char *object_path = "bpf/flowtable_afxdp.o";
#define TC_OBJECT "tests/xdp-tc-linked.bpf.o"
static const char *corpus_path;

/* The loaded object. */
struct xdp_object *object;
int n_cpus;
int this_cpu;

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
           "  --corpus PATH    packets for part \"corpus\" (default: none)\n"
           "  --packets N      packets for each VLAN limit (default: %lu)\n"
           "  --actions N      flows (default: a tenth of the packets, at "
           "least 500)\n"
           "  --seed N         where random numbers start (default: random)\n"
           "  --part NAME      run this part only\n"
           "  --case N         run this case of parts \"actions\" and "
           "\"classifier\" only\n"
           "  --race-seconds N how long part \"race\" or \"ct-race\" takes, 0 "
           "for not at\n"
           "                   all (default: %lu)\n"
           "  --ct-packets N   packets for part \"conntrack\" (default: %lu)\n"
           "  --ct-checksum    with programs that verify the checksums of "
           "tracked packets\n"
           "  --hints N        hints of a CPU: a power of 2 from %d, or 0 "
           "(default: %"PRIu32")\n"
           "  --hook tc        the programs at tc; --object is %s\n"
           "  --strange        as on a machine that needs special care\n"
           "  --replay HEX     compare the keys of this packet only\n"
           "  --vlan-limit N   VLAN tags that --replay looks at "
           "(default: 2)\n"
           "  --asked N        what --replay parses (default: all)\n",
           object_path, n_packets, race_seconds, n_ct_packets,
           XDP_MIN_HINTS, n_hints, TC_OBJECT);
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
    enum { OPT_OBJECT = 1, OPT_CORPUS, OPT_PACKETS, OPT_ACTIONS, OPT_SEED,
           OPT_PART, OPT_CASE, OPT_RACE_SECONDS, OPT_CT_PACKETS,
           OPT_CT_CHECKSUM, OPT_HINTS,
           OPT_HOOK, OPT_STRANGE, OPT_REPLAY, OPT_VLAN_LIMIT, OPT_ASKED,
           OPT_HELP };
    static const struct option options[] = {
        { "object", required_argument, NULL, OPT_OBJECT },
        { "corpus", required_argument, NULL, OPT_CORPUS },
        { "packets", required_argument, NULL, OPT_PACKETS },
        { "actions", required_argument, NULL, OPT_ACTIONS },
        { "seed", required_argument, NULL, OPT_SEED },
        { "part", required_argument, NULL, OPT_PART },
        { "case", required_argument, NULL, OPT_CASE },
        { "race-seconds", required_argument, NULL, OPT_RACE_SECONDS },
        { "ct-packets", required_argument, NULL, OPT_CT_PACKETS },
        { "ct-checksum", no_argument, NULL, OPT_CT_CHECKSUM },
        { "hints", required_argument, NULL, OPT_HINTS },
        { "hook", required_argument, NULL, OPT_HOOK },
        { "strange", no_argument, NULL, OPT_STRANGE },
        { "replay", required_argument, NULL, OPT_REPLAY },
        { "vlan-limit", required_argument, NULL, OPT_VLAN_LIMIT },
        { "asked", required_argument, NULL, OPT_ASKED },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    static const struct xdp_machine strange = {
        .weak_order = true,
        .runs_nest = true,
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
        case OPT_CORPUS: corpus_path = optarg; break;
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
        case OPT_RACE_SECONDS:
            race_seconds = parse_number("race-seconds", optarg, 0, 86400);
            break;
        case OPT_CT_PACKETS:
            n_ct_packets = parse_number("ct-packets", optarg, 0, 1000000000);
            break;
        case OPT_CT_CHECKSUM: ct_verifies = true; break;
        case OPT_HINTS:
            n_hints = parse_number("hints", optarg, 0, 1 << 20);
            if (n_hints && (n_hints < XDP_MIN_HINTS || !is_pow2(n_hints))) {
                ovs_fatal(0, "--hints: \"%s\" is neither 0 nor a power of 2 "
                          "from %d", optarg, XDP_MIN_HINTS);
            }
            break;
        case OPT_HOOK:
            if (strcmp(optarg, "tc")) {
                ovs_fatal(0, "--hook: there is no \"%s\", only \"tc\"",
                          optarg);
            }
            hook_tc = true;
            break;
        case OPT_STRANGE: xdp_machine_pretend(&strange); break;
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

/* Permits as many file descriptors as a full table needs. */
static void
raise_fd_limit(void)
{
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int
main(int argc, char *argv[])
{
    struct xdp_flow_table_limits limits = {
        .n_flows = N_FLOWS,
        .n_slots = N_FLOWS,
        .n_masks = XDP_PORT_MAX_MASKS,
        .n_ports = N_PORTS,
    };
    cpu_set_t cpus;
    const char *hex;
    int vlan_limit, asked;
    char *message;

    /* So that what ends the oracle is the last that it says. */
    setvbuf(stdout, NULL, _IOLBF, 0);
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
    xdp_ovs_init_actions();
    n_cpus = libbpf_num_possible_cpus();
    this_cpu = sched_getcpu();
    CPU_ZERO(&cpus);
    CPU_SET(this_cpu, &cpus);
    if (n_cpus < 1 || this_cpu < 0
        || sched_setaffinity(0, sizeof cpus, &cpus)) {
        ovs_fatal(errno, "staying on one CPU failed");
    }

    raise_fd_limit();
    make_devices();
    limits.n_hints = n_hints;
    limits.verify_checksums = ct_verifies;
    prepare_conntrack();
    if (xdp_object_get(object_path, &limits, NULL, &object, &message)) {
        ovs_fatal(0, "%s", message);
    }
    if (!object->has_table) {
        ovs_fatal(0, "%s: the object has no flow table", object_path);
    }
    find_internals();
    if (hook_tc) {
        find_tc(scratch_id());
        object->caps.ops &= ~TC_MISSING_OPS;
    }
    init_meters();
    if (ct_race_open()) {
        only_part = "ct-race";
    } else {
        load_egress(object_path);
    }
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
        test_corpus(corpus_path);
        test_actions();
        test_passes();
        test_kept();
        test_mtu();
        test_tunnels();
        if (hook_tc) {
            test_segments();
        } else {
            test_trains();
            test_digest();
            test_refusals();
        }
        test_classifier();
        if (!hook_tc) {
            test_race();
            test_ct_race();
        }
        test_conntrack();
        if (!hook_tc) {
            test_coverage();
        }
    }
    if (!n_passed && !n_failed && !n_skipped) {
        ovs_fatal(0, "--part: there is no part \"%s\"", only_part);
    }

    for (size_t i = 0; i < n_devices; i++) {
        xdp_flow_table_remove_port(object->table, devices[i].port);
    }
    xdp_object_unload(xdp_object_put(object));
    printf("oracle: %u passed, %u failed\n", n_passed, n_failed);
    return n_failed ? EXIT_FAILURE : n_passed ? EXIT_SUCCESS : EXIT_SKIPPED;
}
