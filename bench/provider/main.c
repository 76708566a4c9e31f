/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offload provider without the rest of vswitchd, for what the benchmark
 * does more often, or with more flows and ports, than OpenFlow tables and
 * upcalls get it to: the code of lib/ with real devices, the real program, and
 * flows that come directly through xdp_custody_put().  Ports have no AF_XDP
 * socket, so a packet without flow goes to the kernel's stack.
 *
 * Reads commands from its standard input, one a line, and replies to each with
 * one line: "ok", and results as KEY=VALUE, or the reason of a failure, after
 * which it ends.  Times are in nanoseconds.
 *
 *     config [KEY=VALUE]...    other_config, before anything else
 *     add-port DEVICE [OBJECT] and its number, for ACTIONS
 *     del-port DEVICE
 *     close DEVICE             take the port away, but not its flows and those
 *                              that lead there, until:
 *     open DEVICE
 *     put IN OUT FIRST N MASKS [ACTIONS]
 *                              flows FIRST to FIRST + N - 1 from IN to OUT, or
 *                              with ACTIONS as ovs-dpctl(8) has them, with
 *                              MASKS different masks; anew or, where they are
 *                              there already, with these actions; also says
 *                              how long it took to put the slowest one
 *     put-any IN OUT           one flow, number 0, that takes all IPv4 packets
 *     flow IN INDEX RECIRC VLAN ACTIONS [CT-STATE]
 *                              one flow, number INDEX, of all IPv4 packets
 *                              with recirculation id RECIRC, with (1) or
 *                              without (0) a VLAN tag, and with the bits
 *                              CT-STATE in ct_state, with ACTIONS
 *     delete IN FIRST N
 *     read IN FIRST N          statistics of each flow
 *     churn IN OUT FIRST N MASKS RATE
 *                              delete and put flows, RATE a second, until:
 *     churn-stop
 *     conns NAT FIRST N        insert connections FIRST to FIRST + N - 1, of
 *                              zone 1 or, with their source address translated
 *                              (1), of zone 2; also says how long the slowest
 *                              one took, how many there are now, and the bytes
 *                              of the maps
 *     withdraw NAT FIRST N     take them out again
 *     watch IN OUT FIRST N MASKS
 *                              watch the lock of the offload, while another
 *                              thread puts and deletes these flows in turn,
 *                              until:
 *     unwatch                  histograms of holds of the lock and of how long
 *                              that thread has waited, and the longest of
 *                              these, without and with ("wall") the time for
 *                              which the thread had no CPU
 *     hold US MS               take the lock for US microseconds, again and
 *                              again for MS milliseconds, and do nothing
 *     show                     what xdp/show prints, and how long that is
 *     refused                  the same of xdp/refused
 *     flush IN                 take all flows from IN out of XDP
 *     off                      take all flows out of XDP
 *     source-ports MAX         set the largest UDP source port of tunnels
 *     wait IN N                wait until N flows from IN are in XDP, and if
 *                              more are not, have these tried again
 *     counters                 of the program
 *     programs                 the instructions that the verifier looked at in
 *                              the largest program of the object
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "netdev-native-tnl.h"
#include "netdev-offload-driver.h"
#include "netdev-offload.h"
#include "netdev.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "provider.h"
#include "smap.h"
#include "svec.h"
#include "util.h"
#include "xdp-command.h"
#include "xdp-conn-table.h"
#include "xdp-custody.h"
#include "xdp-port.h"
#include "xdp-program.h"

/* Maps of a program, at most. */
#define MAX_MAPS 64

/* Prints 'format' as the reply to the command. */
void
reply(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* Returns the monotonic time. */
uint64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* Sleeps until 'when', as now_ns(). */
void
sleep_until(uint64_t when)
{
    const struct timespec ts = {
        .tv_sec = when / 1000000000,
        .tv_nsec = when % 1000000000,
    };

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Returns the number in 's'. */
static uint32_t
parse_number(const char *s)
{
    unsigned int value;

    if (!str_to_uint(s, 10, &value)) {
        ovs_fatal(0, "\"%s\" is not a number", s);
    }
    return value;
}

/* Commands.  'args' starts with the name of the command. */

static void
command_config(const struct svec *args)
{
    struct smap config = SMAP_INITIALIZER(&config);

    smap_add(&config, "hw-offload", "true");
    smap_add(&config, "offload-driver", NETDEV_OFFLOAD_DRIVER_XDP);
    for (size_t i = 1; i < args->n; i++) {
        char *key = xstrdup(args->names[i]);
        char *value = strchr(key, '=');

        if (!value) {
            ovs_fatal(0, "\"%s\" is not KEY=VALUE", key);
        }
        *value++ = '\0';
        smap_replace(&config, key, value);
        free(key);
    }
    netdev_set_flow_api_enabled(&config);
    smap_destroy(&config);
    reply("ok");
}

static void
command_add_port(const struct svec *args)
{
    port_add(args->names[1], args->n > 2 ? args->names[2] : NULL);
}

static void
command_del_port(const struct svec *args)
{
    port_remove(args->names[1]);
}

static void
command_close(const struct svec *args)
{
    port_close(args->names[1]);
}

static void
command_open(const struct svec *args)
{
    port_open(args->names[1]);
}

/* Puts 'set' and replies. */
static void
put(const struct flow_set *set)
{
    uint64_t start = now_ns();
    uint64_t longest = flows_put(set);
    uint64_t end = now_ns();

    reply("ok ns=%"PRIu64" longest=%"PRIu64" offloaded=%"PRIu64, end - start,
          longest, flows_offloaded(set->in));
}

/* Returns the flows that IN OUT FIRST N MASKS in 'args' stand for. */
static struct flow_set
parse_flows(const struct svec *args)
{
    return (struct flow_set) {
        .in = port_get(args->names[1]),
        .out = port_get(args->names[2]),
        .first = parse_number(args->names[3]),
        .n = parse_number(args->names[4]),
        .n_masks = MAX(parse_number(args->names[5]), 1),
    };
}

/* Parses the actions in 's'. */
static void
parse_actions(const char *s, struct ofpbuf *actions)
{
    ofpbuf_init(actions, 0);
    if (odp_actions_from_string(s, NULL, actions)) {
        ovs_fatal(0, "%s: not the actions of a datapath flow", s);
    }
}

static void
command_put(const struct svec *args)
{
    struct flow_set set = parse_flows(args);
    struct ofpbuf actions;

    if (args->n > 6) {
        parse_actions(args->names[6], &actions);
        set.actions = &actions;
    }
    put(&set);
    if (args->n > 6) {
        ofpbuf_uninit(&actions);
    }
}

static void
command_put_any(const struct svec *args)
{
    struct flow_set set = {
        .in = port_get(args->names[1]),
        .out = port_get(args->names[2]),
        .n = 1,
    };

    put(&set);
}

static void
command_flow(const struct svec *args)
{
    struct port *in = port_get(args->names[1]);
    struct ofpbuf actions;

    parse_actions(args->names[5], &actions);
    flows_put_one(in, parse_number(args->names[2]),
                  parse_number(args->names[3]), parse_number(args->names[4]),
                  args->n > 6 ? parse_number(args->names[6]) : 0, &actions);
    ofpbuf_uninit(&actions);
    reply("ok offloaded=%"PRIu64, flows_offloaded(in));
}

/* Returns the flows that IN FIRST N in 'args' stand for. */
static struct flow_set
parse_numbers(const struct svec *args)
{
    return (struct flow_set) {
        .in = port_get(args->names[1]),
        .first = parse_number(args->names[2]),
        .n = parse_number(args->names[3]),
    };
}

static void
command_delete(const struct svec *args)
{
    struct flow_set set = parse_numbers(args);
    uint64_t start = now_ns();

    flows_delete(&set);
    reply("ok ns=%"PRIu64, now_ns() - start);
}

static void
command_read(const struct svec *args)
{
    struct flow_set set = parse_numbers(args);
    uint64_t start = now_ns();
    uint64_t n_packets = flows_read(&set);

    reply("ok ns=%"PRIu64" packets=%"PRIu64, now_ns() - start, n_packets);
}

static void
command_churn(const struct svec *args)
{
    struct flow_set set = parse_flows(args);

    churn_start(&set, parse_number(args->names[6]));
}

static void
command_churn_stop(const struct svec *args OVS_UNUSED)
{
    churn_stop();
}

static void
command_conns(const struct svec *args)
{
    struct xdp_conn_table_stats stats;
    uint64_t start = now_ns();
    uint64_t longest = conns_insert(parse_number(args->names[1]),
                                    parse_number(args->names[2]),
                                    parse_number(args->names[3]));
    uint64_t end = now_ns();

    xdp_conn_table_get_stats(&stats);
    reply("ok ns=%"PRIu64" longest=%"PRIu64" conns=%"PRIu32" memory=%"PRIu64,
          end - start, longest, stats.n_conns, stats.memory);
}

static void
command_withdraw(const struct svec *args)
{
    uint64_t start = now_ns();

    conns_withdraw(parse_number(args->names[1]),
                   parse_number(args->names[2]),
                   parse_number(args->names[3]));
    reply("ok ns=%"PRIu64, now_ns() - start);
}

static void
command_watch(const struct svec *args)
{
    struct flow_set set = parse_flows(args);

    watch_start(&set);
}

static void
command_unwatch(const struct svec *args OVS_UNUSED)
{
    watch_stop();
}

static void
command_hold(const struct svec *args)
{
    uint64_t ns = UINT64_C(1000) * parse_number(args->names[1]);
    uint64_t end = now_ns() + UINT64_C(1000000) * parse_number(args->names[2]);

    while (now_ns() < end) {
        uint64_t until = now_ns() + ns;

        xdp_lock();
        while (now_ns() < until) {
            continue;
        }
        xdp_unlock();
    }
    reply("ok");
}

/* Calls 'report', and replies how long that took and what came of it. */
static void
run_report(void (*report)(struct ds *))
{
    struct ds s = DS_EMPTY_INITIALIZER;
    uint64_t start = now_ns();

    report(&s);
    reply("ok ns=%"PRIu64" bytes=%"PRIuSIZE, now_ns() - start, s.length);
    ds_destroy(&s);
}

static void
command_show(const struct svec *args OVS_UNUSED)
{
    run_report(xdp_command_show_all);
}

static void
command_refused(const struct svec *args OVS_UNUSED)
{
    run_report(xdp_command_refused_all);
}

static void
command_flush(const struct svec *args)
{
    uint64_t start = now_ns();

    netdev_flow_flush(port_get(args->names[1])->netdev);
    reply("ok ns=%"PRIu64, now_ns() - start);
}

static void
command_off(const struct svec *args OVS_UNUSED)
{
    uint64_t start = now_ns();

    xdp_custody_evict_all();
    reply("ok ns=%"PRIu64, now_ns() - start);
}

static void
command_source_ports(const struct svec *args)
{
    tnl_udp_port_max = parse_number(args->names[1]);
    reply("ok");
}

static void
command_wait(const struct svec *args)
{
    uint64_t start = now_ns();

    xdp_lock();
    xdp_custody_kick(XDP_RETRY_PORTS);
    xdp_unlock();
    flows_wait(port_get(args->names[1]), parse_number(args->names[2]));
    reply("ok ns=%"PRIu64, now_ns() - start);
}

/* Returns the loaded object. */
static struct xdp_object *
get_object(void)
    OVS_REQUIRES(xdp_mutex)
{
    const struct ovs_list *objects = xdp_object_list();

    if (ovs_list_is_empty(objects)) {
        ovs_fatal(0, "no port has the object");
    }
    return CONTAINER_OF(ovs_list_front(objects), struct xdp_object,
                        list_node);
}

static void
command_counters(const struct svec *args OVS_UNUSED)
{
    uint64_t counters[XDP_COUNTER_MAX];
    struct xdp_object *object;

    xdp_lock();
    object = get_object();
    xdp_flow_table_get_counters(object->table, counters);
    xdp_unlock();
    printf("ok");
    for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
        printf(" %"PRIuSIZE"=%"PRIu64, i, counters[i]);
    }
    reply("%s", "");
}

/* Opens BPF program 'id' and stores what the kernel knows about it in '*info',
 * and its maps in 'maps'.  Returns false if there is no such program any
 * more. */
static bool
get_program(uint32_t id, struct bpf_prog_info *info, uint32_t maps[MAX_MAPS])
{
    uint32_t size = sizeof *info;
    int fd = bpf_prog_get_fd_by_id(id);
    bool ok;

    memset(info, 0, sizeof *info);
    info->nr_map_ids = MAX_MAPS;
    info->map_ids = (uintptr_t) maps;
    ok = fd >= 0 && !bpf_obj_get_info_by_fd(fd, info, &size);
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void
command_programs(const struct svec *args OVS_UNUSED)
{
    uint32_t maps[MAX_MAPS], other_maps[MAX_MAPS];
    struct bpf_prog_info info, other;
    uint32_t largest = 0, id = 0;

    xdp_lock();
    if (!get_program(xdp_object_program_id(get_object()), &info, maps)) {
        ovs_fatal(errno, "reading what the program uses failed");
    }
    xdp_unlock();

    /* Those that have a map in common with it are of the same object. */
    while (!bpf_prog_get_next_id(id, &id)) {
        bool ours = false;

        if (!get_program(id, &other, other_maps)) {
            continue;
        }
        for (uint32_t i = 0; i < MIN(info.nr_map_ids, MAX_MAPS); i++) {
            for (uint32_t j = 0; j < MIN(other.nr_map_ids, MAX_MAPS); j++) {
                ours |= maps[i] == other_maps[j];
            }
        }
        if (ours) {
            largest = MAX(largest, other.verified_insns);
        }
    }
    reply("ok instructions=%"PRIu32, largest);
}

static const struct command {
    const char *name;
    size_t n_args;              /* At least. */
    void (*run)(const struct svec *args);
} commands[] = {
    { "config", 0, command_config },
    { "add-port", 1, command_add_port },
    { "del-port", 1, command_del_port },
    { "close", 1, command_close },
    { "open", 1, command_open },
    { "put", 5, command_put },
    { "put-any", 2, command_put_any },
    { "flow", 5, command_flow },
    { "delete", 3, command_delete },
    { "read", 3, command_read },
    { "churn", 6, command_churn },
    { "churn-stop", 0, command_churn_stop },
    { "conns", 3, command_conns },
    { "withdraw", 2, command_withdraw },
    { "withdraw", 3, command_withdraw },
    { "watch", 5, command_watch },
    { "unwatch", 0, command_unwatch },
    { "hold", 2, command_hold },
    { "show", 0, command_show },
    { "refused", 0, command_refused },
    { "flush", 1, command_flush },
    { "off", 0, command_off },
    { "source-ports", 1, command_source_ports },
    { "wait", 2, command_wait },
    { "counters", 0, command_counters },
    { "programs", 0, command_programs },
};

/* Runs the command in 'line'. */
static void
run_command(const char *line)
{
    struct svec args = SVEC_EMPTY_INITIALIZER;

    svec_parse_words(&args, line);
    for (size_t i = 0; args.n && i < ARRAY_SIZE(commands); i++) {
        const struct command *command = &commands[i];

        if (!strcmp(command->name, args.names[0])) {
            if (args.n < command->n_args + 1) {
                ovs_fatal(0, "%s: more arguments are needed", command->name);
            }
            command->run(&args);
            svec_destroy(&args);
            return;
        }
    }
    ovs_fatal(0, "unknown command: %s", line);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    char line[1024];

    set_program_name(argv[0]);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_WARN);
    /* There is no kernel datapath to complain about. */
    vlog_set_levels(vlog_module_from_name("dpif"), VLF_CONSOLE, VLL_OFF);
    ports_init();
    while (fgets(line, sizeof line, stdin)) {
        run_command(line);
    }
    return 0;
}
