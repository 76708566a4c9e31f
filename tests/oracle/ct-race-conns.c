/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of part "ct-race", and what becomes of them: see ct-race.h. */

#include <config.h>

#include "ct-race.h"

#include <string.h>

#include "ct.h"
#include "dp-packet.h"
#include "flow.h"
#include "odp-netlink.h"
#include "oracle.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "rng.h"
#include "timeval.h"
#include "util.h"
#include "xdp-conn-table.h"
#include "xdp-conntrack.h"
#include "xdp-grace.h"
#include "xdp-ovs-compat.h"

struct conntrack *ct_race_ct;
struct ct_client ct_clients[CT_RACE_CLIENTS];
struct frame ct_replies[CT_RACE_NAT_PORTS];
struct ct_race_counts ct_race_counts;

/* The latest change of a mark. */
static uint32_t last_change;

/* Advances the logical clock, and returns the new time. */
static uint64_t
tick(void)
{
    return __atomic_add_fetch(&ct_slow->now, 1, __ATOMIC_SEQ_CST);
}

/* Returns half 'i' of the label of change number 'change'. */
uint64_t
ct_label_half(uint32_t change, int i)
{
    return change * (i ? UINT64_C(0x9e3779b97f4a7c15)
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

/* Makes all packets. */
void
ct_race_make_frames(void)
{
    for (size_t i = 0; i < CT_RACE_CLIENTS; i++) {
        make_frame(&ct_clients[i].frame, CT_RACE_CLIENT_IP(i),
                   CT_RACE_CLIENT_PORT, CT_RACE_SERVER_IP,
                   CT_RACE_SERVER_PORT);
    }
    for (size_t i = 0; i < CT_RACE_NAT_PORTS; i++) {
        make_frame(&ct_replies[i], CT_RACE_SERVER_IP, CT_RACE_SERVER_PORT,
                   CT_RACE_NAT_IP, CT_RACE_FIRST_PORT + i);
    }
}

/* Sends 'f' through the tracker, with change number 'change' of mark and label
 * if that is not 0.  Returns the state that it sees, and stores the source
 * port that the packet leaves with in '*port' if that is not NULL. */
static uint8_t
send_frame(const struct frame *f, uint32_t change, uint16_t *port)
{
    const struct nat_action_info_t nat = {
        .min_addr.ipv4 = htonl(CT_RACE_NAT_IP),
        .max_addr.ipv4 = htonl(CT_RACE_NAT_IP),
        .min_port = CT_RACE_FIRST_PORT,
        .max_port = CT_RACE_FIRST_PORT + CT_RACE_NAT_PORTS - 1,
        .nat_action = NAT_ACTION_SRC | NAT_ACTION_SRC_PORT,
    };
    const uint32_t mark[2] = { change, UINT32_MAX };
    struct dp_packet *packet = dp_packet_new(MAX_PACKET);
    struct ovs_key_ct_labels label[2];
    struct dp_packet_batch batch;
    struct flow flow;
    uint8_t state;

    for (int i = 0; i < 2; i++) {
        uint64_t half = ct_label_half(change, i);

        memcpy((char *) &label[0] + 8 * i, &half, sizeof half);
    }
    memset(&label[1], 0xff, sizeof label[1]);
    dp_packet_put(packet, f->data, f->size);
    pkt_metadata_init(&packet->md, u32_to_odp(ODP_BASE));
    flow_extract(packet, &flow);
    dp_packet_batch_init_packet(&batch, packet);
    xdp_ovs_conntrack_execute(ct_race_ct, &batch, htons(ETH_TYPE_IP), false,
                              true, CT_RACE_ZONE, change ? mark : NULL,
                              change ? label : NULL, &nat, time_msec());
    state = packet->md.ct_state;
    if (port) {
        *port = ntohs(((struct udp_header *) dp_packet_l4(packet))->udp_src);
    }
    dp_packet_delete_batch(&batch, true);
    return state;
}

/* What clients have. */

/* Returns the latest stay of 'c'. */
struct ct_stay *
ct_last_stay(struct ct_client *c)
{
    uint32_t n;

    atomic_read(&c->n_stays, &n);
    return &c->stays[(n + CT_RACE_HISTORY - 1) % CT_RACE_HISTORY];
}

/* Returns true if 'c' has a connection as far as is known here. */
bool
ct_client_alive(struct ct_client *c)
{
    bool alive;

    atomic_read(&c->alive, &alive);
    return alive;
}

/* Returns a reply to 'c', whose connection may have ended, or NULL if there
 * never was one. */
struct frame *
ct_client_reply(struct ct_client *c)
{
    uint32_t port;

    atomic_read(&ct_last_stay(c)->port, &port);
    return port ? &ct_replies[port - CT_RACE_FIRST_PORT] : NULL;
}

/* Returns the connection of 'c', or NULL. */
struct conn *
ct_client_conn(const struct ct_client *c)
{
    ovs_be32 src = htonl(CT_RACE_CLIENT_IP(c - ct_clients));
    long long int now = time_msec();
    struct conn *conn;

    for (size_t i = 0; i < N_EXP_LISTS; i++) {
        RCULIST_FOR_EACH (conn, node, &ct_race_ct->exp_lists[i]) {
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

/* Returns the entry of the connection of 'c', or NULL. */
struct xdp_conn *
ct_client_entry(const struct ct_client *c)
{
    struct conn *conn = ct_client_conn(c);

    return conn ? xdp_conn_table_get(&conn->xdp.owner) : NULL;
}

/* Notes that the connection of 'c' has ended, by a command if 'flushed'. */
static void
end_stay(struct ct_client *c, bool flushed)
{
    struct ct_stay *stay = ct_last_stay(c);

    atomic_store(&c->alive, false);
    atomic_store(&stay->flushed, flushed);
    atomic_store(&stay->end, tick());
}

/* Notes that 'c' has a new connection, with 'port', which nobody knows yet. */
static void
begin_stay(struct ct_client *c, uint16_t port)
{
    struct ct_stay *stay;
    uint32_t n;

    atomic_read(&c->n_stays, &n);
    stay = &c->stays[n % CT_RACE_HISTORY];
    atomic_store(&stay->begun, 0);
    atomic_store(&stay->done, 0);
    atomic_store(&stay->port, port);
    atomic_store(&stay->flushed, false);
    atomic_store(&stay->end, CT_RACE_NEVER);
    atomic_store(&stay->begin, tick());
    atomic_store(&c->n_stays, n + 1);
    atomic_store(&c->alive, true);
    ct_race_counts.made++;
}

/* Making connections. */

/* Has the connection of 'c' established, and inserted if it has no entry. */
void
ct_client_talk(struct ct_client *c)
{
    send_frame(ct_client_reply(c), 0, NULL);
    send_frame(&c->frame, 0, NULL);
}

/* Makes the connection that 'c' has got, by a packet that saw 'state' and left
 * with 'port', an established one, unless there was no port left. */
static void
finish_making(struct ct_client *c, uint8_t state, uint16_t port)
{
    if (state & CS_SRC_NAT) {
        begin_stay(c, port);
        ct_client_talk(c);
    } else {
        /* Those that have expired keep their ports for a while. */
        ct_race_counts.refused++;
        ct_race_flush_all();
    }
}

/* Makes 'c', which has none, a connection. */
void
ct_client_make(struct ct_client *c)
{
    uint16_t port;
    uint8_t state = send_frame(&c->frame, 0, &port);

    finish_making(c, state, port);
}

/* Removing connections. */

/* Removes all connections. */
void
ct_race_flush_all(void)
{
    uint16_t zone = CT_RACE_ZONE;

    conntrack_flush(ct_race_ct, one_in(2) ? &zone : NULL);
    for (size_t i = 0; i < CT_RACE_CLIENTS; i++) {
        if (ct_client_alive(&ct_clients[i])) {
            end_stay(&ct_clients[i], true);
        }
    }
    ct_race_counts.flushed++;
}

/* Removes the connection of 'c' by a command, as ct_dpif_flush() does. */
void
ct_client_flush(struct ct_client *c)
{
    struct ct_dpif_tuple tuple = {
        .l3_type = AF_INET,
        .ip_proto = IPPROTO_UDP,
        .src_port = htons(CT_RACE_CLIENT_PORT),
        .dst_port = htons(CT_RACE_SERVER_PORT),
        .src.ip = htonl(CT_RACE_CLIENT_IP(c - ct_clients)),
        .dst.ip = htonl(CT_RACE_SERVER_IP),
    };

    conntrack_flush_tuple(ct_race_ct, &tuple, CT_RACE_ZONE);
    xdp_conntrack_flushed();
    end_stay(c, true);
    ct_race_counts.flushed++;
}

/* Has the connection of 'c' expire, and another one take its place. */
void
ct_client_expire(struct ct_client *c)
{
    struct conn *conn = ct_client_conn(c);
    struct xdp_conn *entry = ct_client_entry(c);
    uint16_t port;
    uint8_t state;

    if (conn) {
        atomic_store_relaxed(&conn->expiration, 1);
    }
    if (entry) {
        __atomic_store_n(&entry->expiration, 1, __ATOMIC_RELAXED);
    }
    state = send_frame(&c->frame, 0, &port);
    if (state & CS_NEW) {
        end_stay(c, false);
        ct_race_counts.expired++;
        finish_making(c, state, port);
    } else {
        /* A program has let it live on. */
    }
}

/* Makes entries free that were withdrawn, as the offload's thread does. */
void
ct_race_reclaim(void)
{
    uint64_t epoch;

    if (xdp_conn_table_begin_reclaim(&epoch) && !xdp_grace_wait()) {
        xdp_conn_table_reclaim(epoch);
        ct_race_counts.reclaims++;
    }
}

/* Changing marks. */

/* Notes that another change of the mark of 'c' begins, and returns its
 * number. */
uint32_t
ct_client_begin_mark(struct ct_client *c)
{
    atomic_store(&ct_last_stay(c)->begun, ++last_change);
    return last_change;
}

/* Notes that the change is done. */
void
ct_client_end_mark(struct ct_client *c)
{
    atomic_store(&ct_last_stay(c)->done, last_change);
    ct_race_counts.marked++;
}

/* Changes the mark and then the label of the connection of 'c' by a packet. */
void
ct_client_commit_mark(struct ct_client *c)
{
    send_frame(&c->frame, ct_client_begin_mark(c), NULL);
    ct_client_end_mark(c);
}

/* Changes the mark together with the label of the connection of 'c', 'n'
 * times, as the tracker does it, but without packets. */
void
ct_client_mark(struct ct_client *c, int n)
{
    struct conn *conn = ct_client_conn(c);

    if (!conn) {
        return;
    }
    ovs_mutex_lock(&conn->lock);
    for (int i = 0; i < n; i++) {
        uint32_t change = ct_client_begin_mark(c);
        uint64_t label[2] = { ct_label_half(change, 0),
                              ct_label_half(change, 1) };

        conn->mark = change;
        memcpy(&conn->label, label, sizeof conn->label);
        xdp_conntrack_set_attrs(&conn->xdp);
        ct_client_end_mark(c);
    }
    ovs_mutex_unlock(&conn->lock);
}
