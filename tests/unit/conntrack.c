/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of what OVS's connection tracker does for XDP: packets go through
 * the tracker, and the part of programs is played here.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "conntrack.h"
#include "conntrack-private.h"
#include "conntrack-tp.h"
#include "crc32c.h"
#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "timeval.h"
#include "unit.h"
#include "util.h"
#include "waits.h"
#include "xdp-abi.h"
#include "xdp-conn-table.h"
#include "xdp-grace.h"
#include "xdp-ovs-compat.h"

#define ZONE 9
#define CLIENT htonl(0x0a000001)
#define SERVER htonl(0x0a000002)
#define NEIGHBOR htonl(0x0a000009)
#define NEIGHBOR_PORT 5000

/* What all cases have. */
static struct conntrack *ct;
static long long int now;
static int conns_fd;

/* Who talks to the server, as begin() sets it, and what happens to its
 * address. */
static ovs_be32 client;
static uint16_t client_port;
static const struct nat_action_info_t *nat;

/* Begins a case, with an empty tracker and the maps. */
static bool
begin(void)
{
    char *message;

    now = time_msec();
    client = CLIENT;
    client_port = 1234;
    nat = NULL;
    conns_fd = xdp_conn_table_open(&message);
    if (conns_fd >= 0 && xdp_conn_table_open_refs(&message) < 0) {
        xdp_conn_table_close();
        conns_fd = -1;
    }
    if (conns_fd < 0) {
        free(message);
        return false;
    }
    ct = conntrack_init();
    return true;
}

/* Ends it. */
static void
end(void)
{
    conntrack_destroy(ct);
    xdp_conn_table_close_refs();
    xdp_conn_table_close();
}

/* Sends a packet with the 'size' bytes of 'l4', whose checksum is at
 * 'csum_ofs', to the server, or if 'reply' from there.  Sets the mark to
 * '*mark' if that is not NULL.  Returns the state that the tracker sees. */
static uint8_t
send_packet(uint8_t proto, bool reply, const void *l4, size_t size,
            size_t csum_ofs, const uint32_t *mark)
{
    const uint32_t set_mark[2] = { mark ? *mark : 0, UINT32_MAX };
    struct dp_packet *packet = dp_packet_new(256);
    struct dp_packet_batch batch;
    struct eth_header *eth;
    struct ip_header *ip;
    struct flow flow;
    uint8_t state;
    char *data;

    eth = dp_packet_put_zeros(packet, sizeof *eth);
    eth->eth_type = htons(ETH_TYPE_IP);
    ip = dp_packet_put_zeros(packet, sizeof *ip);
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tot_len = htons(sizeof *ip + size);
    ip->ip_ttl = 64;
    ip->ip_proto = proto;
    put_16aligned_be32(&ip->ip_src, reply ? SERVER : client);
    put_16aligned_be32(&ip->ip_dst, reply ? client : SERVER);
    ip->ip_csum = csum(ip, sizeof *ip);
    data = dp_packet_put(packet, l4, size);
    if (proto == IPPROTO_SCTP) {
        ovs_be32 sum = crc32c((const uint8_t *) data, size);

        memcpy(data + csum_ofs, &sum, sizeof sum);
    } else {
        ovs_be16 sum = csum_finish(
            csum_continue(packet_csum_pseudoheader(ip), data, size));

        memcpy(data + csum_ofs, &sum, sizeof sum);
    }

    flow_extract(packet, &flow);
    pkt_metadata_init(&packet->md, u32_to_odp(1));
    dp_packet_batch_init_packet(&batch, packet);
    xdp_ovs_conntrack_execute(ct, &batch, htons(ETH_TYPE_IP), false, true,
                              ZONE, mark ? set_mark : NULL, NULL, nat, now);
    state = packet->md.ct_state;
    dp_packet_delete_batch(&batch, true);
    return state;
}

/* As send_packet(), of a segment of TCP without data. */
static uint8_t
send_tcp(bool reply, uint16_t flags, uint32_t seq, uint32_t ack)
{
    struct tcp_header tcp = {
        .tcp_src = htons(reply ? 80 : client_port),
        .tcp_dst = htons(reply ? client_port : 80),
        .tcp_ctl = TCP_CTL(flags, 5),
        .tcp_winsz = htons(60000),
    };

    put_16aligned_be32(&tcp.tcp_seq, htonl(seq));
    put_16aligned_be32(&tcp.tcp_ack, htonl(ack));
    return send_packet(IPPROTO_TCP, reply, &tcp, sizeof tcp,
                       offsetof(struct tcp_header, tcp_csum), NULL);
}

/* As send_packet(), of a datagram of UDP. */
static uint8_t
send_udp(bool reply, const uint32_t *mark)
{
    struct udp_header udp = {
        .udp_src = htons(reply ? 53 : client_port),
        .udp_dst = htons(reply ? client_port : 53),
        .udp_len = htons(sizeof udp),
    };

    return send_packet(IPPROTO_UDP, reply, &udp, sizeof udp,
                       offsetof(struct udp_header, udp_csum), mark);
}

/* As send_packet(), of SCTP with one chunk. */
static uint8_t
send_sctp(bool reply)
{
    struct {
        struct sctp_header header;
        uint8_t chunk[4];
    } sctp = {
        .header.sctp_src = htons(reply ? 80 : client_port),
        .header.sctp_dst = htons(reply ? client_port : 80),
        .chunk = { 11, 0, 0, 4 },   /* COOKIE ACK. */
    };

    return send_packet(IPPROTO_SCTP, reply, &sctp, sizeof sctp,
                       offsetof(struct sctp_header, sctp_csum), NULL);
}

/* Stores in '*entry' the only connection that programs find, and its place.
 * Returns false if there is not just one. */
static bool
get_only(struct xdp_conn *entry, uint32_t *index)
{
    struct xdp_conn other;
    uint32_t position = 0;

    if (!xdp_conn_table_next(&position, entry)) {
        return false;
    }
    *index = position - 1;
    return !xdp_conn_table_next(&position, &other);
}

/* Returns true if there is none. */
static bool
is_empty(void)
{
    struct xdp_conn entry;
    uint32_t position = 0;

    return !xdp_conn_table_next(&position, &entry);
}

/* Returns the only connection from the client to port 'dst' of the server. */
static struct conn *
get_conn(uint8_t proto, uint16_t dst)
{
    XDP_OVS_CONN_NODE *node;
    struct conn_key key;

    memset(&key, 0, sizeof key);
    key.dl_type = htons(ETH_TYPE_IP);
    key.zone = ZONE;
    key.nw_proto = proto;
    key.src.addr.ipv4 = client;
    key.src.port = htons(client_port);
    key.dst.addr.ipv4 = SERVER;
    key.dst.port = htons(dst);
    XDP_OVS_FOR_EACH_CONN_NODE (node, ct, ZONE,
                                conn_key_hash(&key, ct->hash_basis)) {
        struct conn *conn = XDP_OVS_NODE_CONN(node);

        if (!memcmp(XDP_OVS_CONN_KEY(conn, 0), &key, sizeof key)) {
            return conn;
        }
    }
    return NULL;
}

/* Returns when 'conn' expires as far as userspace knows. */
static long long int
get_expiration(struct conn *conn)
{
    long long int expiration;

    atomic_read(&conn->expiration, &expiration);
    return expiration;
}

/* What the worker does. */
static bool
reclaim(void)
{
    uint64_t epoch;

    if (!xdp_conn_table_begin_reclaim(&epoch) || xdp_grace_wait()) {
        return false;
    }
    xdp_conn_table_reclaim(epoch);
    return true;
}

/* A connection of TCP that XDP carries 3 gigabytes of. */
static void
test_conntrack_tcp(void)
{
    const uint32_t received = 5001 + 2500000000u;
    const uint32_t sent = 1001 + 3000000000u;
    struct xdp_conn entry;
    uint32_t index;

    CHECK(begin());
    CHECK(send_tcp(false, TCP_SYN, 1000, 0) == (CS_TRACKED | CS_NEW));
    CHECK(send_tcp(true, TCP_SYN | TCP_ACK, 5000, 1001)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    CHECK(is_empty());
    CHECK(send_tcp(false, TCP_ACK, 1001, 5001)
          == (CS_TRACKED | CS_ESTABLISHED));
    CHECK(get_only(&entry, &index));
    CHECK(entry.timeout == UINT64_C(86400000000000));
    CHECK(entry.expiration == now * 1000000 + entry.timeout);
    CHECK(!entry.flags && !entry.scale[0] && !entry.scale[1]);
    CHECK(entry.dirs[0].window == xdp_conn_window(1000, 5001 + 60000));
    CHECK(entry.dirs[1].window == xdp_conn_window(5001, 1001 + 60000));
    CHECK(entry.dirs[0].max_win == 60000);

    /* What userspace carries is published. */
    CHECK(send_tcp(true, TCP_ACK, 5001, 1002)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    CHECK(get_only(&entry, &index));
    CHECK(entry.dirs[1].window == xdp_conn_window(5001, 1002 + 60000));

    /* It is not in the window yet... */
    CHECK(send_tcp(false, TCP_FIN | TCP_ACK, sent, 5001)
          == (CS_TRACKED | CS_INVALID));
    CHECK(get_only(&entry, &index));

    /* ...but when XDP has been there. */
    entry.dirs[0].window = xdp_conn_window(sent, 5001 + 60000);
    entry.dirs[1].window = xdp_conn_window(5001, sent + 60000);
    CHECK(!bpf_map_update_elem(conns_fd, &index, &entry, BPF_ANY));
    CHECK(send_tcp(false, TCP_FIN | TCP_ACK, sent, 5001)
          == (CS_TRACKED | CS_ESTABLISHED));
    CHECK(is_empty());

    /* What XDP was still at counts, too. */
    entry.valid = 0;
    entry.dirs[0].window = xdp_conn_window(sent + 1, received + 60000);
    entry.dirs[1].window = xdp_conn_window(received, sent + 60001);
    CHECK(!bpf_map_update_elem(conns_fd, &index, &entry, BPF_ANY));
    CHECK(reclaim());
    CHECK(send_tcp(true, TCP_FIN | TCP_ACK, received, sent + 1)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    CHECK(send_tcp(false, TCP_ACK, sent + 1, received + 1)
          == (CS_TRACKED | CS_ESTABLISHED));
    CHECK(is_empty());
    end();
}

/* A connection of TCP goes on when the last object has gone. */
static void
test_conntrack_closed(void)
{
    const uint32_t sent = 1001 + 1000000;
    struct xdp_conn entry;
    char *message;
    uint32_t index;

    CHECK(begin());
    send_tcp(false, TCP_SYN, 1000, 0);
    send_tcp(true, TCP_SYN | TCP_ACK, 5000, 1001);
    send_tcp(false, TCP_ACK, 1001, 5001);
    CHECK(get_only(&entry, &index));
    xdp_conn_table_close_refs();
    xdp_conn_table_close();
    CHECK(is_empty());

    /* What a program was still at is not lost, nor what we are at. */
    entry.valid = 0;
    entry.dirs[0].window = xdp_conn_window(sent, 5001 + 60000);
    entry.dirs[1].window = xdp_conn_window(5001, sent + 60000);
    CHECK(!bpf_map_update_elem(conns_fd, &index, &entry, BPF_ANY));
    CHECK(send_tcp(true, TCP_ACK, 5001, sent)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));

    /* Opened again before it was over, it is the same map. */
    CHECK(xdp_conn_table_open(&message) == conns_fd);
    CHECK(xdp_conn_table_open_refs(&message) >= 0);
    CHECK(reclaim());
    CHECK(send_tcp(false, TCP_ACK, sent, 5001)
          == (CS_TRACKED | CS_ESTABLISHED));
    CHECK(get_only(&entry, &index));
    CHECK(entry.dirs[0].window == xdp_conn_window(sent, 5001 + 60000));
    CHECK(entry.dirs[1].window == xdp_conn_window(5001, sent + 60000));
    end();
}

/* A connection of UDP, from its second packet on. */
static void
test_conntrack_udp(void)
{
    struct timeout_policy policy = { .policy.id = 0 };
    struct conntrack *other;
    struct xdp_conn entry;
    uint32_t mark = 7;
    uint32_t index;

    CHECK(begin());
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_NEW));
    CHECK(is_empty());
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_NEW));
    CHECK(get_only(&entry, &index) && entry.flags == XDP_CONN_NEW);
    CHECK(entry.timeout == UINT64_C(60000000000));

    /* Another state, another entry. */
    CHECK(send_udp(true, NULL)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    CHECK(is_empty() && reclaim());
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_ESTABLISHED));
    CHECK(get_only(&entry, &index) && !entry.flags);
    CHECK(entry.timeout == UINT64_C(30000000000));

    /* It lives as long as XDP says, in the table and after that. */
    entry.expiration += UINT64_C(40000000000);
    CHECK(!bpf_map_update_elem(conns_fd, &index, &entry, BPF_ANY));
    now += 60000;
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_ESTABLISHED));
    CHECK(get_only(&entry, &index));
    CHECK(entry.expiration == (now + 30000) * UINT64_C(1000000));
    entry.expiration += UINT64_C(40000000000);
    CHECK(!bpf_map_update_elem(conns_fd, &index, &entry, BPF_ANY));
    timeout_policy_update(ct, &policy);
    CHECK(is_empty() && reclaim());
    now += 60000;
    CHECK(send_udp(false, &mark) == (CS_TRACKED | CS_ESTABLISHED));

    /* The mark was set after it was inserted. */
    CHECK(get_only(&entry, &index));
    CHECK(entry.mark == 7 && !(entry.seq & 1));

    /* It dies, too. */
    now += 30000;
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_NEW));

    /* A program whose clock is late does not bring it back. */
    CHECK(is_empty());
    entry.valid = 0;
    entry.expiration += UINT64_C(30000000000);
    CHECK(!bpf_map_update_elem(conns_fd, &index, &entry, BPF_ANY));
    CHECK(reclaim());
    CHECK(send_udp(true, NULL)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    CHECK(get_only(&entry, &index) && !entry.mark);

    /* With a second datapath, and without it. */
    other = conntrack_init();
    CHECK(is_empty() && reclaim());
    CHECK(send_udp(true, NULL)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    CHECK(is_empty());
    conntrack_destroy(other);
    CHECK(send_udp(true, NULL)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    CHECK(get_only(&entry, &index));

    CHECK(!conntrack_flush(ct, NULL));
    CHECK(is_empty());
    end();
}

/* As send_udp(), from NEIGHBOR, which has the address and port that those of
 * the client are translated to.  Returns true if XDP then has no
 * connection. */
static bool
interfere(void)
{
    const struct nat_action_info_t *old_nat = nat;
    bool ok;

    client = NEIGHBOR;
    client_port = NEIGHBOR_PORT;
    nat = NULL;
    ok = send_udp(false, NULL) == (CS_TRACKED | CS_NEW) && is_empty();
    client = CLIENT;
    client_port = 1234;
    nat = old_nat;
    return ok;
}

/* Two connections whose replies look the same: the one of a client whose
 * address is translated, and that of who has this address. */
static void
test_conntrack_twins(void)
{
    const struct nat_action_info_t snat = {
        .min_addr.ipv4 = NEIGHBOR,
        .max_addr.ipv4 = NEIGHBOR,
        .min_port = NEIGHBOR_PORT,
        .max_port = NEIGHBOR_PORT,
        .nat_action = NAT_ACTION_SRC | NAT_ACTION_SRC_PORT,
    };
    struct xdp_conn entry;
    uint32_t index;

    CHECK(begin());
    nat = &snat;
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
    client = NEIGHBOR;
    client_port = NEIGHBOR_PORT;
    CHECK(send_udp(true, NULL)
          == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR | CS_DST_NAT));
    CHECK(get_only(&entry, &index) && entry.flags == XDP_CONN_SRC_NAT);

    /* It goes when the other one is made, before that one could have an entry,
     * and neither gets one as long as there are both. */
    CHECK(interfere());
    CHECK(reclaim());
    client = CLIENT;
    client_port = 1234;
    for (int i = 0; i < 3; i++) {
        CHECK(send_udp(false, NULL)
              == (CS_TRACKED | CS_ESTABLISHED | CS_SRC_NAT));
        CHECK(is_empty());
        now += 25000;
        CHECK(i == 2 || interfere());
    }

    /* Then only one is left. */
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_ESTABLISHED | CS_SRC_NAT));
    CHECK(is_empty());
    for (int i = 0; i < 2; i++) {
        now += 25000;
        CHECK(send_udp(false, NULL)
              == (CS_TRACKED | CS_ESTABLISHED | CS_SRC_NAT));
    }
    CHECK(get_only(&entry, &index) && entry.flags == XDP_CONN_SRC_NAT);

    /* One that comes while the client is silent takes its place only when that
     * has been cleaned up. */
    CHECK(!conntrack_flush(ct, NULL));
    nat = &snat;
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_NEW | CS_SRC_NAT));
    for (int i = 0; i < 3; i++) {
        CHECK(interfere());
    }
    CHECK(!conntrack_flush(ct, NULL));
    CHECK(interfere());
    client = NEIGHBOR;
    client_port = NEIGHBOR_PORT;
    nat = NULL;
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_NEW));
    CHECK(get_only(&entry, &index) && entry.flags == XDP_CONN_NEW);
    end();
}

/* One thread looks whether a connection has expired while another one takes
 * its entry back, or changes its state. */
static void
test_conntrack_expiry(void)
{
    struct timeout_policy policy = { .policy.id = 0 };
    struct xdp_conn entry;
    struct conn *conn;
    uint32_t index;

    /* What is no longer in the entry is in the connection, which looked
     * expired before. */
    CHECK(begin());
    send_udp(false, NULL);
    send_udp(true, NULL);
    send_udp(false, NULL);
    CHECK(get_only(&entry, &index) && !entry.flags);
    conn = get_conn(IPPROTO_UDP, 53);
    entry.expiration += UINT64_C(60000000000);
    CHECK(!bpf_map_update_elem(conns_fd, &index, &entry, BPF_ANY));
    now += 45000;
    CHECK(now >= get_expiration(conn));
    timeout_policy_update(ct, &policy);
    CHECK(is_empty() && reclaim());
    CHECK(!xdp_conntrack_expired(&conn->xdp, now));
    CHECK(get_expiration(conn) == now + 45000);
    CHECK(xdp_conntrack_expired(&conn->xdp, now + 45000));
    end();

    /* XDP has carried it for a day, then it is reset. */
    CHECK(begin());
    send_tcp(false, TCP_SYN, 1000, 0);
    send_tcp(true, TCP_SYN | TCP_ACK, 5000, 1001);
    send_tcp(false, TCP_ACK, 1001, 5001);
    CHECK(get_only(&entry, &index));
    conn = get_conn(IPPROTO_TCP, 80);
    now += 86400000 + 1000;
    entry.expiration = (now + 86400000) * UINT64_C(1000000);
    CHECK(!bpf_map_update_elem(conns_fd, &index, &entry, BPF_ANY));
    CHECK(now >= get_expiration(conn));

    /* Neither is it dead before its time is set anew, nor does the old one
     * count after that. */
    xdp_conntrack_set_timeout(&conn->xdp, now, 10000);
    CHECK(!xdp_conntrack_expired(&conn->xdp, now));
    atomic_store(&conn->expiration, now + 10000);
    CHECK(!xdp_conntrack_expired(&conn->xdp, now));
    xdp_conntrack_prolonged(&conn->xdp);
    CHECK(!xdp_conntrack_expired(&conn->xdp, now + 9999));
    CHECK(get_expiration(conn) == now + 10000);
    CHECK(xdp_conntrack_expired(&conn->xdp, now + 10000));
    CHECK(reclaim() && get_expiration(conn) == now + 10000);
    end();
}

/* A connection of SCTP, which programs find by its ports. */
static void
test_conntrack_sctp(void)
{
    struct xdp_conn entry;
    uint32_t index;

    CHECK(begin());
    CHECK(send_sctp(false) == (CS_TRACKED | CS_NEW));
    CHECK(send_sctp(true) == (CS_TRACKED | CS_ESTABLISHED | CS_REPLY_DIR));
    CHECK(send_sctp(false) == (CS_TRACKED | CS_ESTABLISHED));
    if (XDP_OVS_KNOWS_SCTP_PORTS) {
        union xdp_conn_id id = { .zone = ZONE, .proto = IPPROTO_SCTP };

        id.src = htons(client_port);
        id.dst = htons(80);
        CHECK(get_only(&entry, &index) && entry.dirs[0].id == id.word);
    } else {
        CHECK(is_empty());
    }
    end();
}

/* A connection that may be translated, but to no address, leaves nothing in
 * the tracker when it goes. */
static void
test_conntrack_no_address(void)
{
    const struct nat_action_info_t none = { .nat_action = 0 };
    XDP_OVS_CONN_NODE *node;
    uint32_t hashes[2];

    CHECK(begin());
    nat = &none;
    CHECK(send_udp(false, NULL) == (CS_TRACKED | CS_NEW));
    for (int i = 0; i < 2; i++) {
        const struct conn *conn = get_conn(IPPROTO_UDP, 53);

        hashes[i] = conn_key_hash(XDP_OVS_CONN_KEY(conn, i), ct->hash_basis);
    }
    CHECK(!conntrack_flush(ct, NULL));
    for (int i = 0; i < 2; i++) {
        XDP_OVS_FOR_EACH_CONN_NODE (node, ct, ZONE, hashes[i]) {
            fail("direction %d is left", i);
        }
    }
    end();
}

/* Removes the connection of UDP as a command does.  Returns true if there was
 * one. */
static bool
flush_udp(void)
{
    const struct ct_dpif_tuple tuple = {
        .l3_type = AF_INET,
        .ip_proto = IPPROTO_UDP,
        .src.ip = client,
        .dst.ip = SERVER,
        .src_port = htons(client_port),
        .dst_port = htons(53),
    };
    bool ok = !conntrack_flush_tuple(ct, &tuple, ZONE);

    xdp_conntrack_flushed();
    return ok;
}

/* Commands wait for programs if these can have packets of what is removed. */
static void
test_conntrack_flush(void)
{
    struct xdp_conn entry;
    uint64_t n_waits;
    uint32_t index;

    CHECK(begin());
    send_udp(false, NULL);
    send_udp(false, NULL);
    CHECK(get_only(&entry, &index));
    client_port++;
    send_udp(false, NULL);
    xdp_conn_table_withdraw_all();
    n_waits = count_waits();
    CHECK(flush_udp() && count_waits() == n_waits);
    client_port--;
    CHECK(flush_udp() && count_waits() == n_waits + 1);
    CHECK(!flush_udp() && count_waits() == n_waits + 1);

    /* All, and again. */
    CHECK(reclaim());
    send_udp(false, NULL);
    send_udp(false, NULL);
    CHECK(get_only(&entry, &index));
    n_waits = count_waits();
    CHECK(!conntrack_flush(ct, NULL) && count_waits() == n_waits + 1);
    CHECK(!conntrack_flush(ct, NULL) && count_waits() == n_waits + 1);
    CHECK(is_empty());
    end();
}

const struct unit_case unit_conntrack[] = {
    { "conntrack-tcp", test_conntrack_tcp, NEED_BPF },
    { "conntrack-closed", test_conntrack_closed, NEED_BPF },
    { "conntrack-udp", test_conntrack_udp, NEED_BPF },
    { "conntrack-expiry", test_conntrack_expiry, NEED_BPF },
    { "conntrack-sctp", test_conntrack_sctp, NEED_BPF },
    { "conntrack-no-address", test_conntrack_no_address, NEED_BPF },
    { "conntrack-flush", test_conntrack_flush, NEED_BPF },
    { "conntrack-twins", test_conntrack_twins, NEED_BPF },
    { NULL, NULL, 0 }
};
