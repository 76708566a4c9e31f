/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "ct-race": packets of connections run through the program while a
 * thread makes, marks, flushes and expires these as fast as it can, so that
 * translated ports get from one to another, and a third one makes entries free
 * again.
 *
 * Clients, each with one connection at a time, talk to a server, which sees an
 * address and a port that the tracker has chosen.  A logical clock, which
 * ticks at the beginning and at the end of each connection, says what a packet
 * may be translated to: what its client had at the time at which the program
 * did it, after a pause that makes it likely that much happens meanwhile.  The
 * object for that is tests/xdp-ct-slow.bpf.c; with others there is no such
 * part.  When a command has returned that flushes connections, no
 * program may still be at them.  One that expires may be met by programs that
 * began before.
 *
 * The mark and the two halves of the label of a connection are made of the
 * number of a change.  The tracker sets the label after the mark, but both
 * halves of a label at once.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conntrack-private.h"
#include "ct.h"
#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "timeval.h"
#include "util.h"
#include "xdp-conn-table.h"
#include "xdp-conntrack.h"
#include "xdp-grace.h"
#include "xdp-ovs-compat.h"

#define N_CLIENTS 24
#define ZONE 5
#define SERVER_PORT 53
#define CLIENT_PORT 1000
#define FIRST_PORT 2000         /* That clients are translated to. */
#define N_NAT_PORTS 200

/* Connections of each client that are remembered. */
#define HISTORY 256

/* The first client's connection is the one that changes, and has packets, most
 * often.  How often a packet is under way for long, and how long. */
#define PAUSE_ONE_IN 24
#define LONG_PAUSE 30000

/* Changes of a mark and a label that follow each other at once. */
#define MANY_MARKS 200

/* In every second period of this length, in ms, entries come and go as fast as
 * programs let them, which leaves few packets to carry. */
#define PERIOD 250

/* How often something happens that waits for programs. */
#define FLUSH_ONE_IN 4000

#define NEVER UINT64_MAX

/* A connection that a client has or had. */
struct stay {
    ATOMIC(uint64_t) begin;     /* By the logical clock. */
    ATOMIC(uint64_t) end;       /* Or NEVER. */
    ATOMIC(bool) flushed;       /* By a command that waits for programs. */
    ATOMIC(uint32_t) port;
    ATOMIC(uint32_t) begun;     /* The latest change of the mark begun... */
    ATOMIC(uint32_t) done;      /* ...and done. */
};

struct client {
    struct frame frame;         /* What it sends. */

    /* Written by the thread that changes connections, read by all. */
    ATOMIC(uint32_t) n_stays;
    ATOMIC(bool) alive;         /* Does the last one last? */
    struct stay stays[HISTORY];
};

/* What the object and we share. */
struct ct_pause {
    uint64_t now;               /* The logical clock. */
    uint64_t seen;              /* What that showed when ct_run() began. */
    uint64_t looks;             /* How long programs pause before that. */
};

static struct ct_pause *ct_pause;
static struct client clients[N_CLIENTS];
static struct frame replies[N_NAT_PORTS]; /* To each port. */
static struct conntrack *ct;
static ATOMIC(bool) stop;

/* What happened.  Each is counted by one thread. */
static uint64_t n_made, n_marked, n_flushed, n_expired, n_refused;
static uint64_t n_carried, n_replies, n_handed_up, n_late, n_forgotten;
static uint64_t n_reclaims;

/* Advances the logical clock, and returns the new time. */
static uint64_t
tick(void)
{
    return __atomic_add_fetch(&ct_pause->now, 1, __ATOMIC_SEQ_CST);
}

/* Returns the logical time. */
static uint64_t
get_now(void)
{
    return __atomic_load_n(&ct_pause->now, __ATOMIC_SEQ_CST);
}

/* Returns half 'i' of the label of change number 'n'. */
static uint64_t
label_half(uint32_t n, int i)
{
    return n * (i ? UINT64_C(0x9e3779b97f4a7c15)
                : UINT64_C(0xd1342543de82ef95));
}

/* Makes 'f' a packet from one end to the other. */
static void
make_frame(struct frame *f, uint32_t src, uint16_t sport, uint32_t dst,
           uint16_t dport)
{
    struct ct_spec s = { .proto = IPPROTO_UDP, .sport = sport, .dport = dport,
                         .len = 20, .wscale = -1 };
    ovs_be32 addresses[2] = { htonl(src), htonl(dst) };

    memcpy(s.src, &addresses[0], sizeof addresses[0]);
    memcpy(s.dst, &addresses[1], sizeof addresses[1]);
    ct_frame_make(&s, f);
}

/* Addresses. */
#define CLIENT_IP(I) (0x0a000001 + (I))
#define SERVER_IP 0x0a010001
#define NAT_IP 0x0a090001

/* Changing connections. */

/* Sends 'f' through the tracker, with change number 'change' of mark and label
 * if that is not 0.  Returns the state that it sees, and stores the source
 * port that the packet leaves with in '*port' if that is not NULL. */
static uint8_t
send_frame(const struct frame *f, uint32_t change, uint16_t *port)
{
    const struct nat_action_info_t nat = {
        .min_addr.ipv4 = htonl(NAT_IP),
        .max_addr.ipv4 = htonl(NAT_IP),
        .min_port = FIRST_PORT,
        .max_port = FIRST_PORT + N_NAT_PORTS - 1,
        .nat_action = NAT_ACTION_SRC | NAT_ACTION_SRC_PORT,
    };
    const uint32_t mark[2] = { change, UINT32_MAX };
    struct dp_packet *packet = dp_packet_new(MAX_PACKET);
    struct ovs_key_ct_labels label[2];
    struct dp_packet_batch batch;
    struct flow flow;
    uint8_t state;

    for (int i = 0; i < 2; i++) {
        uint64_t half = label_half(change, i);

        memcpy((char *) &label[0] + 8 * i, &half, sizeof half);
    }
    memset(&label[1], 0xff, sizeof label[1]);
    dp_packet_put(packet, f->data, f->size);
    pkt_metadata_init(&packet->md, u32_to_odp(ODP_BASE));
    flow_extract(packet, &flow);
    dp_packet_batch_init_packet(&batch, packet);
    xdp_ovs_conntrack_execute(ct, &batch, htons(ETH_TYPE_IP), false, true,
                              ZONE, change ? mark : NULL,
                              change ? label : NULL, &nat, time_msec());
    state = packet->md.ct_state;
    if (port) {
        *port = ntohs(((struct udp_header *) dp_packet_l4(packet))->udp_src);
    }
    dp_packet_delete_batch(&batch, true);
    return state;
}

/* Returns the latest stay of 'c'. */
static struct stay *
last_stay(struct client *c)
{
    uint32_t n;

    atomic_read(&c->n_stays, &n);
    return &c->stays[(n + HISTORY - 1) % HISTORY];
}

/* Notes that the connection of 'c' has ended, by a command if 'flushed'. */
static void
end_stay(struct client *c, bool flushed)
{
    struct stay *stay = last_stay(c);

    atomic_store(&c->alive, false);
    atomic_store(&stay->flushed, flushed);
    atomic_store(&stay->end, tick());
}

/* Notes that 'c' has a new connection, with 'port', which nobody knows yet. */
static void
begin_stay(struct client *c, uint16_t port)
{
    struct stay *stay;
    uint32_t n;

    atomic_read(&c->n_stays, &n);
    stay = &c->stays[n % HISTORY];
    atomic_store(&stay->begun, 0);
    atomic_store(&stay->done, 0);
    atomic_store(&stay->port, port);
    atomic_store(&stay->flushed, false);
    atomic_store(&stay->end, NEVER);
    atomic_store(&stay->begin, tick());
    atomic_store(&c->n_stays, n + 1);
    atomic_store(&c->alive, true);
    n_made++;
}

/* Has the connection of 'c' established, and inserted. */
static void
establish(struct client *c)
{
    uint32_t port;

    atomic_read(&last_stay(c)->port, &port);
    send_frame(&replies[port - FIRST_PORT], 0, NULL);
    send_frame(&c->frame, 0, NULL);
}

/* Removes all connections. */
static void
flush_all(void)
{
    uint16_t zone = ZONE;

    conntrack_flush(ct, one_in(2) ? &zone : NULL);
    for (size_t i = 0; i < N_CLIENTS; i++) {
        bool is_alive;

        atomic_read(&clients[i].alive, &is_alive);
        if (is_alive) {
            end_stay(&clients[i], true);
        }
    }
    n_flushed++;
}

/* Makes 'c', which has none, a connection. */
static void
make_conn(struct client *c)
{
    uint16_t port;
    uint8_t state = send_frame(&c->frame, 0, &port);

    if (state & CS_SRC_NAT) {
        begin_stay(c, port);
        establish(c);
    } else {
        /* Those that have expired keep their ports for a while. */
        n_refused++;
        flush_all();
    }
}

/* Removes the connection of 'c' by a command, as ct_dpif_flush() does. */
static void
flush_conn(struct client *c)
{
    struct ct_dpif_tuple tuple = {
        .l3_type = AF_INET,
        .ip_proto = IPPROTO_UDP,
        .src_port = htons(CLIENT_PORT),
        .dst_port = htons(SERVER_PORT),
        .src.ip = htonl(CLIENT_IP(c - clients)),
        .dst.ip = htonl(SERVER_IP),
    };

    conntrack_flush_tuple(ct, &tuple, ZONE);
    xdp_conntrack_flushed();
    end_stay(c, true);
    n_flushed++;
}

/* Returns the connection of 'c', or NULL. */
static struct conn *
find_conn(const struct client *c)
{
    ovs_be32 src = htonl(CLIENT_IP(c - clients));
    long long int now = time_msec();
    struct conn *conn;

    for (size_t i = 0; i < N_EXP_LISTS; i++) {
        RCULIST_FOR_EACH (conn, node, &ct->exp_lists[i]) {
            long long int expiration;

            atomic_read_relaxed(&conn->expiration, &expiration);
            if (expiration > now
                && XDP_OVS_CONN_KEY(conn, 0)->src.addr.ipv4 == src) {
                return conn;
            }
        }
    }
    return NULL;
}

/* Lets time pass for the connection of 'c' alone, until it is no more. */
static void
age_conn(struct client *c)
{
    struct conn *conn = find_conn(c);
    struct xdp_conn *entry
        = conn ? xdp_conn_table_get(&conn->xdp.owner) : NULL;

    if (conn) {
        atomic_store_relaxed(&conn->expiration, 1);
    }
    if (entry) {
        __atomic_store_n(&entry->expiration, 1, __ATOMIC_RELAXED);
    }
}

/* Has the connection of 'c' expire, and another one take its place. */
static void
expire_conn(struct client *c)
{
    uint16_t port;
    uint8_t state;

    age_conn(c);
    state = send_frame(&c->frame, 0, &port);
    if (!(state & CS_NEW)) {
        /* A program has let it live on. */
        return;
    }
    end_stay(c, false);
    n_expired++;
    if (state & CS_SRC_NAT) {
        begin_stay(c, port);
        establish(c);
    } else {
        n_refused++;
        flush_all();
    }
}

/* The latest change of a mark. */
static uint32_t last_change;

/* Changes the mark and the label of the connection of 'c'. */
static void
mark_conn(struct client *c)
{
    struct stay *stay = last_stay(c);

    atomic_store(&stay->begun, ++last_change);
    send_frame(&c->frame, last_change, NULL);
    atomic_store(&stay->done, last_change);
    n_marked++;
}

/* Does so again and again, as the tracker does it, but without packets. */
static void
mark_often(struct client *c)
{
    struct stay *stay = last_stay(c);
    struct conn *conn = find_conn(c);

    if (!conn) {
        return;
    }
    ovs_mutex_lock(&conn->lock);
    for (int i = 0; i < MANY_MARKS; i++) {
        uint64_t label[2] = { label_half(++last_change, 0),
                              label_half(last_change, 1) };

        atomic_store(&stay->begun, last_change);
        conn->mark = last_change;
        memcpy(&conn->label, label, sizeof conn->label);
        xdp_conntrack_set_attrs(&conn->xdp);
        atomic_store(&stay->done, last_change);
    }
    ovs_mutex_unlock(&conn->lock);
    n_marked += MANY_MARKS;
}

/* The thread that changes connections. */
static void *
change_main(void *aux OVS_UNUSED)
{
    cpu_set_t cpus;

    rng_start(31, 1);

    /* Away from the packets, if there is another CPU. */
    CPU_ZERO(&cpus);
    for (int i = 0; i < MIN(n_cpus, CPU_SETSIZE); i++) {
        if (i != this_cpu) {
            CPU_SET(i, &cpus);
        }
    }
    sched_setaffinity(0, sizeof cpus, &cpus);

    for (;;) {
        struct client *c = &clients[one_in(4) ? 0 : rnd(N_CLIENTS)];
        bool stopping, is_alive;

        atomic_read(&stop, &stopping);
        if (stopping) {
            return NULL;
        }
        atomic_read(&c->alive, &is_alive);
        if (!is_alive) {
            make_conn(c);
        } else if (one_in(FLUSH_ONE_IN)) {
            if (one_in(16)) {
                flush_all();
            } else {
                flush_conn(c);
            }
        } else if (one_in(300)) {
            expire_conn(c);
        } else if (one_in(time_msec() / PERIOD % 2 ? 16 : 30000)) {
            /* Each comes back with its connection's next packet. */
            xdp_conn_table_withdraw_all();
        } else if (c == &clients[0]) {
            mark_often(c);
        } else {
            mark_conn(c);
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
        uint64_t epoch;

        atomic_read(&stop, &stopping);
        if (stopping) {
            return NULL;
        }
        if (xdp_conn_table_begin_reclaim(&epoch) && !xdp_grace_wait()) {
            xdp_conn_table_reclaim(epoch);
            n_reclaims++;
        }
        ovsrcu_quiesce();
        xnanosleep(50 * 1000);
    }
}

/* Running packets. */

/* Returns what is wrong with the fact that a packet that was run from 't0' on
 * was translated from or to 'port' for 'c' at 'seen', or NULL if nothing is.
 * 'n_before' is how many stays there were at 't0'. */
static const char *
judge_port(struct client *c, uint16_t port, uint64_t t0, uint64_t seen,
           uint32_t n_before)
{
    bool gone = false;
    uint32_t n;

    atomic_read(&c->n_stays, &n);
    for (uint32_t i = 1; i <= MIN(n, HISTORY); i++) {
        struct stay *stay = &c->stays[(n - i) % HISTORY];
        uint64_t begin, end;
        uint32_t stay_port;
        bool flushed;

        atomic_read(&stay->port, &stay_port);
        atomic_read(&stay->begin, &begin);
        atomic_read(&stay->end, &end);
        atomic_read(&stay->flushed, &flushed);
        if (stay_port == port && begin <= seen) {
            if (end > (flushed ? seen : t0)) {
                return NULL;
            }
            gone = true;
        }
    }
    atomic_read(&c->n_stays, &n);
    if (n - n_before > HISTORY / 2) {
        n_forgotten++;
        return NULL;
    }
    return gone ? "of a connection that has gone" : "of no connection";
}

/* Returns what is wrong with mark and label of 'key', of a packet of 'c' that
 * changes 'done' to 'begun' may have been made for, or NULL if nothing is. */
static const char *
judge_mark(const struct xdp_key *key, uint32_t done, uint32_t begun)
{
    const uint64_t inverse = UINT64_C(0xf1de83e19937733d);
    uint32_t change = key->ct_label[1] * inverse;

    if (key->ct_label[0] != label_half(change, 0)
        || key->ct_label[1] != label_half(change, 1)) {
        return "half of a label";
    }
    if (key->ct_mark < done || change < done) {
        return "an old mark or label";
    }
    if (key->ct_mark > begun || change > begun) {
        return "a mark or label from the future";
    }
    return NULL;
}

/* Returns what is wrong with the 'size' bytes at 'out' that the program made
 * of 'f' from 't0' on, of 'c', or if that is NULL of a reply, or NULL if
 * nothing is.  'n_stays' has the stays of all clients at 't0', 'done' the
 * latest change of 'c'. */
static const char *
judge_carried(const struct frame *f, struct client *c, const uint8_t *out,
              size_t size, uint64_t t0, const uint32_t n_stays[N_CLIENTS],
              const uint32_t done[N_CLIENTS])
{
    uint64_t seen = __atomic_load_n(&ct_pause->seen, __ATOMIC_SEQ_CST);
    const struct ip_header *ip;
    const struct udp_header *udp;
    uint32_t begun, n;
    struct xdp_key key;
    const char *problem;
    uint16_t port;

    ip = ALIGNED_CAST(const struct ip_header *, out + ETH_HEADER_LEN);
    udp = (const struct udp_header *) (ip + 1);
    if (size != f->size || memcmp(out, f->data, ETH_HEADER_LEN)) {
        return "strange";
    }
    if (c) {
        port = ntohs(udp->udp_src);
        if (ntohl(get_16aligned_be32(&ip->ip_src)) != NAT_IP
            || ntohl(get_16aligned_be32(&ip->ip_dst)) != SERVER_IP
            || udp->udp_dst != htons(SERVER_PORT)) {
            return "to a strange address";
        }
        n_carried++;
    } else {
        const struct udp_header *old
            = ALIGNED_CAST(const struct udp_header *,
                           f->data + ETH_HEADER_LEN + IP_HEADER_LEN);
        uint32_t i = ntohl(get_16aligned_be32(&ip->ip_dst)) - CLIENT_IP(0);

        port = ntohs(old->udp_dst);
        if (i >= N_CLIENTS || udp->udp_dst != htons(CLIENT_PORT)
            || ntohl(get_16aligned_be32(&ip->ip_src)) != SERVER_IP) {
            return "to a strange client";
        }
        c = &clients[i];
        n_replies++;
    }

    problem = judge_port(c, port, t0, seen, n_stays[c - clients]);
    atomic_read(&last_stay(c)->begun, &begun);
    atomic_read(&c->n_stays, &n);
    read_key(&key);
    if (!problem && (key.ct_mark || key.ct_label[0] || key.ct_label[1])) {
        bool is_same = n == n_stays[c - clients];

        problem = judge_mark(&key, is_same ? done[c - clients] : 0,
                             is_same ? begun : UINT32_MAX);
    }
    if (seen != t0) {
        n_late++;
    }
    return problem;
}

/* Runs 'f', of 'c', or if that is NULL a reply. */
static void
run_one(const struct frame *f, struct client *c)
{
    uint32_t n_stays[N_CLIENTS], done[N_CLIENTS];
    const char *problem = NULL;
    uint8_t out[MAX_OUT];
    size_t size, meta_size;
    uint32_t verdict;
    uint64_t t0;

    for (size_t i = 0; i < N_CLIENTS; i++) {
        atomic_read(&clients[i].n_stays, &n_stays[i]);
        atomic_read(&last_stay(&clients[i])->done, &done[i]);
    }
    ct_pause->looks = (!one_in(PAUSE_ONE_IN) ? rnd(8)
                       : one_in(4) ? rnd(LONG_PAUSE) : rnd(1000));
    t0 = get_now();
    verdict = run_program_meta(-1, devices[0].ifindex, f->data, f->size, 0,
                               out, &size, &meta_size);
    if (verdict == XDP_REDIRECT && !meta_size) {
        problem = judge_carried(f, c, out, size, t0, n_stays, done);
    } else if (verdict == XDP_DROP) {
        problem = "lost";
    } else {
        n_handed_up++;
    }
    if (problem && failure("a packet was translated to what is %s", problem)) {
        printf("  time %"PRIu64", then %"PRIu64"\n", t0, ct_pause->seen);
        print_hex("packet", f->data, f->size);
        print_hex("got   ", out, size);
    }
}

/* Makes the packets, and the flow that they take. */
static struct xdp_table_flow *
prepare(void)
{
    static struct actions actions;
    struct xdp_table_flow *table_flow = NULL;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct dp_packet packet;
    struct flow_wildcards wc;
    struct match match;
    struct flow flow;
    size_t ofs;

    for (size_t i = 0; i < N_CLIENTS; i++) {
        make_frame(&clients[i].frame, CLIENT_IP(i), CLIENT_PORT, SERVER_IP,
                   SERVER_PORT);
    }
    for (size_t i = 0; i < N_NAT_PORTS; i++) {
        make_frame(&replies[i], SERVER_IP, SERVER_PORT, NAT_IP,
                   FIRST_PORT + i);
    }

    dp_packet_use_const(&packet, clients[0].frame.data,
                        clients[0].frame.size);
    pkt_metadata_init(&packet.md, u32_to_odp(ODP_BASE + devices[0].port));
    flow_extract(&packet, &flow);
    flow_wildcards_init_catchall(&wc);
    wc.masks.recirc_id = UINT32_MAX;
    wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    wc.masks.packet_type = OVS_BE32_MAX;
    wc.masks.dl_type = OVS_BE16_MAX;
    wc.masks.nw_frag = FLOW_NW_FRAG_MASK;
    match_init(&match, &flow, &wc);

    ofpbuf_use_stub(&actions.buf, actions.stub, sizeof actions.stub);
    ofs = nl_msg_start_nested(&actions.buf, OVS_ACTION_ATTR_CT);
    nl_msg_put_u16(&actions.buf, OVS_CT_ATTR_ZONE, ZONE);
    nl_msg_end_nested(&actions.buf,
                      nl_msg_start_nested(&actions.buf, OVS_CT_ATTR_NAT));
    nl_msg_end_nested(&actions.buf, ofs);
    nl_msg_put_odp_port(&actions.buf, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(ODP_BASE + 1));
    if (put_flow(&match, devices[0].port, &actions, &table_flow, &error, &tr)
        || error) {
        ovs_fatal(0, "the flow of part \"ct-race\" is refused: %s", tr.detail);
    }
    return table_flow;
}

/* Returns true if the object is the one for this part. */
bool
ct_race_open(void)
{
    int map = open_map("ct_pause");

    if (map < 0) {
        return false;
    }
    ct_pause = mmap(NULL, sizeof *ct_pause, PROT_READ | PROT_WRITE, MAP_SHARED,
                    map, 0);
    if (ct_pause == MAP_FAILED) {
        ovs_fatal(errno, "mapping the map ct_pause failed");
    }
    close(map);
    return true;
}

/* Part "ct-race". */
void
test_ct_race(void)
{
    struct xdp_flow_table_stats stats;
    struct xdp_table_flow *flow;
    pthread_t changer, reclaimer;
    long long int end;

    if (!ct_pause || !part_wanted("ct-race") || !race_seconds) {
        return;
    }

    rng_start(31, 0);
    set_vlan_limit(XDP_VLAN_MAX);
    vlog_set_levels(vlog_module_from_name("conntrack"), VLF_ANY_DESTINATION,
                    VLL_OFF);
    flow = prepare();
    ct = conntrack_init();
    atomic_store(&stop, false);
    changer = ovs_thread_create("change", change_main, NULL);
    reclaimer = ovs_thread_create("reclaim", reclaim_main, NULL);

    /* Our packets are no obstacle to the others' memory. */
    ovsrcu_quiesce_start();
    end = time_msec() + race_seconds * 1000;
    while (time_msec() < end && !part_failures) {
        for (int i = 0; i < 100; i++) {
            struct client *c = &clients[one_in(2) ? 0 : rnd(N_CLIENTS)];
            uint32_t port;

            atomic_read(&last_stay(c)->port, &port);
            if (!port || !one_in(3)) {
                run_one(&c->frame, c);
            } else {
                run_one(&replies[one_in(4) ? rnd(N_NAT_PORTS)
                                 : port - FIRST_PORT], NULL);
            }
        }
    }
    atomic_store(&stop, true);
    xpthread_join(changer, NULL);
    xpthread_join(reclaimer, NULL);
    ovsrcu_quiesce_end();

    munmap(ct_pause, sizeof *ct_pause);
    xdp_flow_table_remove(object->table, flow, &stats);
    conntrack_destroy(ct);
    reclaim();
    ct_tables_reclaim();
    if (!n_made || !n_marked || !n_flushed || !n_expired || !n_reclaims
        || !n_carried || !n_replies || !n_handed_up || !n_late) {
        failure("something never happened");
    }
    end_part("ct-race", "%"PRIu64" packets carried, %"PRIu64" replies, "
             "%"PRIu64" handed up; %"PRIu64" while something happened "
             "(%"PRIu64" forgotten); %"PRIu64" connections made, %"PRIu64
             " marked, %"PRIu64" expired, %"PRIu64" without a port, %"PRIu64
             " flushes, %"PRIu64" times reclaimed", n_carried, n_replies,
             n_handed_up, n_late, n_forgotten, n_made, n_marked, n_expired,
             n_refused, n_flushed, n_reclaims);
}
