/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "ct-race": see ct-race.h.
 *
 * In its second half one thread runs packets, another one makes, marks,
 * flushes and expires their connections as fast as it can, and a third one
 * makes entries free again.
 */

#include <config.h>

#include "ct-race.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ct.h"
#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "timeval.h"
#include "util.h"
#include "xdp-conn-table.h"

/* The first client's connection is the one that changes, and has packets, most
 * often.  How often a program stops for long, and for how long, in ns. */
#define STOP_ONE_IN 24
#define LONG_STOP 1500000
#define SHORT_STOP 50000

/* Changes of a mark and a label that follow each other at once. */
#define MANY_MARKS 200

/* What takes entries away happens no more often than after so many packets
 * that were carried on average, or else there would be few of them. */
#define CARRIED 500

/* Packets of one kind that are run one after the other now and then. */
#define MAX_TRAIN 12

/* What the first pass of a packet ends with. */
#define RECIRC_ID 77

struct ct_slow *ct_slow;
static ATOMIC(bool) stop;
static ATOMIC(uint64_t) n_carried;

/* Changing connections. */

/* Takes entries away from 'c', or from all. */
static void
disturb(struct ct_client *c)
{
    if (one_in(4)) {
        /* Each comes back with its connection's next packet. */
        xdp_conn_table_withdraw_all();
    } else if (!one_in(3)) {
        ct_client_expire(c);
    } else if (!one_in(8)) {
        ct_client_flush(c);
    } else {
        ct_race_flush_all();
    }
}

/* Returns true if a program has stopped for long. */
static bool
has_stopped(void)
{
    return (__atomic_load_n(&ct_slow->patience, __ATOMIC_RELAXED) > SHORT_STOP
            && (__atomic_load_n(&ct_slow->arrived, __ATOMIC_RELAXED)
                == __atomic_load_n(&ct_slow->run, __ATOMIC_RELAXED)));
}

/* The thread that changes connections. */
static void *
change_main(void *aux OVS_UNUSED)
{
    uint64_t next = 0;

    rng_start(31, 1);
    ct_race_leave_cpu();
    for (;;) {
        struct ct_client *c
            = &ct_clients[one_in(4) ? 0 : rnd(CT_RACE_CLIENTS)];
        uint64_t carried;
        bool stopping;

        atomic_read(&stop, &stopping);
        if (stopping) {
            return NULL;
        }
        atomic_read(&n_carried, &carried);
        if (!ct_client_alive(c)) {
            ct_client_make(c);
        } else if (carried >= next && has_stopped()) {
            disturb(c);
            next = carried + rnd(2 * CARRIED);
        } else if (c == &ct_clients[0]) {
            ct_client_mark(c, MANY_MARKS);
        } else {
            ct_client_commit_mark(c);
        }
        ovsrcu_quiesce();
    }
}

/* The thread that makes entries free. */
static void *
reclaim_main(void *aux OVS_UNUSED)
{
    for (;;) {
        bool stopping;

        atomic_read(&stop, &stopping);
        if (stopping) {
            return NULL;
        }
        ct_race_reclaim();
        ovsrcu_quiesce();
        xnanosleep(50 * 1000);
    }
}

/* Running packets. */

/* Returns where a packet may stop. */
static enum ct_stop
rnd_stop(void)
{
    return 1 + rnd(CT_N_STOPS - 1);
}

/* Runs 'f', of 'c', or if that is NULL a reply, once or several times. */
static void
run_some(const struct frame *f, struct ct_client *c)
{
    int n = one_in(4) ? 1 + rnd(MAX_TRAIN) : 1;

    for (int i = 0; i < n; i++) {
        uint64_t patience = (!one_in(STOP_ONE_IN) ? 0
                             : rnd(one_in(4) ? LONG_STOP : SHORT_STOP));

        if (ct_race_run(f, c, rnd_stop(), patience) == CT_CARRIED) {
            uint64_t carried;

            atomic_read(&n_carried, &carried);
            atomic_store(&n_carried, carried + 1);
        }
    }
}

/* Runs random packets. */
static void
run_any(void)
{
    struct ct_client *c = &ct_clients[one_in(2) ? 0 : rnd(CT_RACE_CLIENTS)];
    const struct frame *f = ct_client_reply(c);

    if (!f || !one_in(3)) {
        run_some(&c->frame, c);
    } else {
        run_some(one_in(4) ? &ct_replies[rnd(CT_RACE_NAT_PORTS)] : f, NULL);
    }
}

/* Runs packets while other threads do what they like. */
static void
run_freely(void)
{
    long long int end = time_msec() + race_seconds * 1000 / 2;
    pthread_t changer, reclaimer;

    atomic_store(&stop, false);
    changer = ovs_thread_create("change", change_main, NULL);
    reclaimer = ovs_thread_create("reclaim", reclaim_main, NULL);

    /* Our packets are no obstacle to the others' memory. */
    ovsrcu_quiesce_start();
    while (time_msec() < end && !part_failures) {
        for (int i = 0; i < 100; i++) {
            run_any();
        }
    }
    atomic_store(&stop, true);
    xpthread_join(changer, NULL);
    xpthread_join(reclaimer, NULL);
    ovsrcu_quiesce_end();
}

/* Puts a flow for all packets of pass 'pass' into the table. */
static struct xdp_table_flow *
make_flow(int pass, const struct actions *actions)
{
    struct xdp_table_flow *table_flow = NULL;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct dp_packet packet;
    struct flow_wildcards wc;
    struct match match;
    struct flow flow;

    dp_packet_use_const(&packet, ct_clients[0].frame.data,
                        ct_clients[0].frame.size);
    pkt_metadata_init(&packet.md, u32_to_odp(ODP_BASE + devices[0].port));
    flow_extract(&packet, &flow);
    flow.recirc_id = pass ? RECIRC_ID : 0;
    flow_wildcards_init_catchall(&wc);
    wc.masks.recirc_id = UINT32_MAX;
    wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    wc.masks.packet_type = OVS_BE32_MAX;
    wc.masks.dl_type = OVS_BE16_MAX;
    wc.masks.nw_frag = FLOW_NW_FRAG_MASK;
    match_init(&match, &flow, &wc);
    if (put_flow(&match, devices[0].port, actions, &table_flow, &error, &tr)
        || error) {
        ovs_fatal(0, "a flow of part \"ct-race\" is refused: %s", tr.detail);
    }
    return table_flow;
}

/* Makes the packets, and the flows that they take, of which two are enough for
 * trains. */
static void
prepare(struct xdp_table_flow *flows[2])
{
    static struct actions actions[2];
    struct ofpbuf *buf = &actions[0].buf;
    size_t ofs;

    ct_race_make_frames();
    for (int i = 0; i < 2; i++) {
        ofpbuf_use_stub(&actions[i].buf, actions[i].stub,
                        sizeof actions[i].stub);
    }
    ofs = nl_msg_start_nested(buf, OVS_ACTION_ATTR_CT);
    nl_msg_put_u16(buf, OVS_CT_ATTR_ZONE, CT_RACE_ZONE);
    nl_msg_end_nested(buf, nl_msg_start_nested(buf, OVS_CT_ATTR_NAT));
    nl_msg_end_nested(buf, ofs);
    nl_msg_put_u32(buf, OVS_ACTION_ATTR_RECIRC, RECIRC_ID);
    nl_msg_put_odp_port(&actions[1].buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + 1));
    for (int i = 0; i < 2; i++) {
        flows[i] = make_flow(i, &actions[i]);
    }
}

/* Returns true if the object is the one for this part. */
bool
ct_race_open(void)
{
    int map = open_map("ct_slow");

    if (map < 0) {
        return false;
    }
    ct_slow = mmap(NULL, sizeof *ct_slow, PROT_READ | PROT_WRITE, MAP_SHARED,
                   map, 0);
    if (ct_slow == MAP_FAILED) {
        ovs_fatal(errno, "mapping the map ct_slow failed");
    }
    close(map);
    return true;
}

/* Makes the tracker.  Its thread, and that of RCU, must not run where programs
 * do, which let nobody in.  Returns false if that is the only CPU. */
static bool
init_tracker(void)
{
    cpu_set_t cpus;
    bool ok;

    sched_getaffinity(0, sizeof cpus, &cpus);
    ok = ct_race_leave_cpu();
    if (ok) {
        ct_race_ct = conntrack_init();
        ovsrcu_quiesce();
        sched_setaffinity(0, sizeof cpus, &cpus);
    }
    return ok;
}

/* Part "ct-race". */
void
test_ct_race(void)
{
    const struct ct_race_counts *n = &ct_race_counts;
    struct xdp_flow_table_stats stats;
    struct xdp_table_flow *flows[2];
    bool done;

    if (!ct_slow || !part_wanted("ct-race") || !race_seconds) {
        return;
    }
    if (!init_tracker()) {
        skip_part("ct-race", "it takes two CPUs");
        return;
    }

    rng_start(31, 0);
    set_vlan_limit(XDP_VLAN_MAX);
    vlog_set_levels(vlog_module_from_name("conntrack"), VLF_ANY_DESTINATION,
                    VLL_OFF);
    vlog_set_levels(vlog_module_from_name("timeval"), VLF_ANY_DESTINATION,
                    VLL_OFF);
    prepare(flows);
    done = ct_race_stops();
    if (done && !part_failures) {
        run_freely();
    }
    munmap(ct_slow, sizeof *ct_slow);
    for (int i = 0; i < 2; i++) {
        xdp_flow_table_remove(object->table, flows[i], &stats);
    }
    conntrack_destroy(ct_race_ct);
    reclaim();
    ct_tables_reclaim();
    if (!done) {
        skip_part("ct-race", "the machine is too busy");
        return;
    }
    end_part("ct-race", "%"PRIu64" changes while a program stopped (%"PRIu64
             " of a train, %"PRIu64" repeated); %"PRIu64" packets carried, %"
             PRIu64" replies, %"PRIu64" handed up; %"PRIu64" while something "
             "happened (%"PRIu64" forgotten); %"PRIu64" connections made, %"
             PRIu64" marked, %"PRIu64" expired, %"PRIu64" without a port, %"
             PRIu64" flushes, %"PRIu64" times reclaimed", n->stopped,
             n->trains, n->repeated, n->carried, n->replies, n->handed_up,
             n->late, n->forgotten, n->made, n->marked, n->expired, n->refused,
             n->flushed, n->reclaims);
}
