/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-conntrack.h. */

#include <config.h>

#include "xdp-conntrack.h"

#include <limits.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include "conntrack-private.h"
#include "coverage.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "xdp-abi.h"
#include "xdp-grace.h"
#include "xdp-ovs-compat.h"

COVERAGE_DEFINE(xdp_conn_ambiguous);

#define NS_PER_MS UINT64_C(1000000)

/* Ports for which the tracker looks at the contents of packets. */
#define FTP_PORT    21          /* TCP. */
#define TFTP_PORT   69          /* UDP. */

/* Has this thread removed connections that XDP may have packets of, since
 * xdp_conntrack_flushed()? */
DEFINE_STATIC_PER_THREAD_DATA(bool, removed, false);

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* Trackers that there are: one for each datapath. */
static unsigned int n_trackers OVS_GUARDED_BY(mutex);

/* Returns the connection of 'x'. */
static struct conn *
get_conn(const struct xdp_conntrack *x)
{
    return CONTAINER_OF(CONST_CAST(struct xdp_conntrack *, x), struct conn,
                        xdp);
}

/* Returns true if programs find 'entry'. */
static bool
is_valid(const struct xdp_conn *entry)
{
    return __atomic_load_n(&entry->valid, __ATOMIC_RELAXED) != 0;
}

/* Expiration. */

/* Returns when the connection of 'x' expires as far as its 'entry' knows, or
 * LLONG_MIN if that is of no importance. */
static long long int
entry_expiration(const struct xdp_conntrack *x_, const struct xdp_conn *entry)
{
    struct xdp_conntrack *x = CONST_CAST(struct xdp_conntrack *, x_);
    bool stale, closed;

    atomic_read(&x->owner.stale, &stale);
    atomic_read(&x->owner.closed, &closed);
    return (stale || closed ? LLONG_MIN
            : __atomic_load_n(&entry->expiration, __ATOMIC_RELAXED)
              / NS_PER_MS);
}

/* Makes 'conn' expire not before its entry says, which this function returns,
 * or NULL if there is none: then the caller reads what the last one said.
 * Somebody may make 'conn' expire at once, or otherwise, at the same time,
 * which prevails. */
static const struct xdp_conn *
raise_expiration(struct conn *conn)
{
    const struct xdp_conn *entry;
    long long int own, shared;

    /* Looks for the entry, and whether it counts, after what it is compared
     * with: who changes that says before that the entry is stale. */
    atomic_read(&conn->expiration, &own);
    do {
        entry = xdp_conn_table_get(&conn->xdp.owner);
        shared = entry ? entry_expiration(&conn->xdp, entry) : LLONG_MIN;
    } while (shared > own
             && !atomic_compare_exchange_strong(&conn->expiration, &own,
                                                shared));
    return entry;
}

/* Returns true if the connection of 'x', which has expired at 'now' as far as
 * userspace knows, really has. */
bool
xdp_conntrack_expired(const struct xdp_conntrack *x, long long int now)
{
    struct conn *conn = get_conn(x);
    const struct xdp_conn *entry = raise_expiration(conn);
    long long int expiration;
    bool in_update;

    atomic_read(&conn->xdp.in_update, &in_update);
    atomic_read(&conn->expiration, &expiration);
    if (in_update || now < expiration) {
        return false;
    }

    /* The clock of programs moves once a tick only.  They must not let live on
     * what is dead for us, whose translated port may be another one's now. */
    if (entry) {
        xdp_conn_table_close_owner(&conn->xdp.owner, false);
    }
    return true;
}

long long int
xdp_conntrack_expiration__(const struct xdp_conntrack *x,
                           long long int expiration)
{
    const struct xdp_conn *entry = xdp_conn_table_get(&x->owner);
    long long int shared = entry ? entry_expiration(x, entry) : LLONG_MIN;

    /* MAX() would read it twice, while programs change it. */
    return MAX(expiration, shared);
}

void
xdp_conntrack_set_timeout__(struct xdp_conntrack *x, long long int now,
                            uint32_t timeout)
{
    struct xdp_conn *entry = xdp_conn_table_get(&x->owner);

    if (is_valid(entry) && entry->timeout == timeout * NS_PER_MS) {
        __atomic_store_n(&entry->expiration, (now + timeout) * NS_PER_MS,
                         __ATOMIC_RELAXED);
    } else {
        /* Another state has another timeout.  Who sees that this entry is
         * stale sees, too, that we are here, or the new expiration, and who
         * sees that one, that the entry is stale. */
        atomic_store(&x->in_update, true);
        atomic_store(&x->owner.stale, true);
        atomic_thread_fence(memory_order_release);
        xdp_conn_table_withdraw(&x->owner);
    }
}

/* Windows. */

/* Sets 'peers' to what 'windows' and 'max_win' say. */
static void
set_peers(const struct xdp_conntrack_peer peers[2],
          const uint64_t windows[2], const uint16_t max_win[2])
{
    for (int i = 0; i < 2; i++) {
        *peers[i].seqlo = windows[i] >> 32;
        *peers[!i].seqhi = windows[i];
        *peers[i].max_win = max_win[i];
    }
}

/* Reads the windows of 'entry'. */
static void
read_windows(const struct xdp_conn *entry, uint64_t windows[2],
             uint16_t max_win[2])
{
    for (int i = 0; i < 2; i++) {
        const struct xdp_conn_dir *dir = &entry->dirs[i];

        uint32_t max = __atomic_load_n(&dir->max_win, __ATOMIC_RELAXED);

        windows[i] = __atomic_load_n(&dir->window, __ATOMIC_RELAXED);
        max_win[i] = MIN(max, UINT16_MAX);
    }
}

/* Before 'peers', of the connection of 'x', whose lock the caller has, are
 * looked at: sets them to what XDP knows. */
void
xdp_conntrack_merge(struct xdp_conntrack *x,
                    const struct xdp_conntrack_peer peers[2])
{
    const struct xdp_conn *entry = xdp_conn_table_get(&x->owner);

    if (entry) {
        uint64_t windows[2];
        uint16_t max_win[2];

        read_windows(entry, windows, max_win);
        set_peers(peers, windows, max_win);
    } else if (x->has_windows) {
        set_peers(peers, x->windows, x->max_win);
        x->has_windows = false;
    }
}

/* Raises the windows of 'entry' to those of 'peers'. */
static void
raise_windows(struct xdp_conn *entry,
              const struct xdp_conntrack_peer peers[2])
{
    for (int i = 0; i < 2; i++) {
        struct xdp_conn_dir *dir = &entry->dirs[i];

        while (!xdp_conn_raise(&dir->window, *peers[i].seqlo,
                               *peers[!i].seqhi)) {
            continue;
        }
        while (!xdp_conn_raise_win(&dir->max_win, *peers[i].max_win)) {
            continue;
        }
    }
}

/* Implements xdp_conn_release_func. */
static void
release_entry(struct xdp_conn_owner *owner, const struct xdp_conn *entry)
{
    struct xdp_conntrack *x = CONTAINER_OF(owner, struct xdp_conntrack, owner);
    struct conn *conn = get_conn(x);

    ovs_mutex_lock(&conn->lock);
    raise_expiration(conn);
    read_windows(entry, x->windows, x->max_win);
    x->has_windows = XDP_OVS_CONN_KEY(conn, 0)->nw_proto == IPPROTO_TCP;
    atomic_store(&owner->slot, 0);
    ovs_mutex_unlock(&conn->lock);
}

/* Inserting. */

/* Stores the tuple of 'key' in direction 'dir' of 'entry'. */
static void
put_tuple(const struct conn_key *key, struct xdp_conn *entry, int dir)
{
    union xdp_conn_id id = { .zone = key->zone, .proto = key->nw_proto };

    if (key->nw_proto == IPPROTO_ICMP || key->nw_proto == IPPROTO_ICMPV6) {
        id.src = key->src.icmp_id;
        id.dst = htons(key->src.icmp_type << 8 | key->src.icmp_code);
    } else {
        id.src = key->src.port;
        id.dst = key->dst.port;
    }
    if (key->dl_type == htons(ETH_TYPE_IPV6)) {
        uint64_t words[4];

        id.is_ipv6 = 1;
        memcpy(&words[0], &key->src.addr.ipv6, 16);
        memcpy(&words[2], &key->dst.addr.ipv6, 16);
        entry->dirs[dir].address = words[0];
        for (int i = 0; i < 3; i++) {
            entry->more[dir][i] = words[1 + i];
        }
    } else {
        ovs_be32 addresses[2] = { key->src.addr.ipv4, key->dst.addr.ipv4 };

        memcpy(&entry->dirs[dir].address, addresses, sizeof addresses);
    }
    entry->dirs[dir].id = id.word;
}

/* Returns true if 'port' is one of the ports of 'key'. */
static bool
has_port(const struct conn_key *key, uint16_t port)
{
    return key->src.port == htons(port) || key->dst.port == htons(port);
}

/* Returns true if packets of 'conn' have ports that programs can handle, or
 * are such of ICMP. */
static bool
has_good_protocol(const struct conn *conn)
{
    const struct conn_key *key = XDP_OVS_CONN_KEY(conn, 0);
    const struct conn_key *rev_key = XDP_OVS_CONN_KEY(conn, 1);
    bool is_ipv6 = key->dl_type == htons(ETH_TYPE_IPV6);

    switch (key->nw_proto) {
    case IPPROTO_TCP:
        return !has_port(key, FTP_PORT) && !has_port(rev_key, FTP_PORT);
    case IPPROTO_UDP:
        return !has_port(key, TFTP_PORT) && !has_port(rev_key, TFTP_PORT);
    case IPPROTO_SCTP:
        /* Its checksum covers the whole packet. */
        return (XDP_OVS_KNOWS_SCTP_PORTS
                && !(conn->nat_action & (NAT_ACTION_SRC | NAT_ACTION_DST)));
    case IPPROTO_ICMP:
        return !is_ipv6 && key->src.icmp_type == ICMP4_ECHO_REQUEST;
    case IPPROTO_ICMPV6:
        return is_ipv6 && key->src.icmp_type == ICMP6_ECHO_REQUEST;
    default:
        return false;
    }
}

/* Makes '*entry' what programs have to know of 'conn', whose lock the caller
 * has, without TCP windows.  Returns false if it cannot be in XDP. */
static bool
make_entry(const struct conn *conn_, bool established, long long int now,
           struct xdp_conn *entry)
{
    struct conn *conn = CONST_CAST(struct conn *, conn_);
    long long int expiration;

    atomic_read_relaxed(&conn->expiration, &expiration);
    if (!xdp_conn_table_is_open(&conn->xdp.owner) || conn->alg
        || conn->alg_related || conn->seq_skew || expiration <= now
        || !has_good_protocol(conn)) {
        return false;
    }

    memset(entry, 0, sizeof *entry);
    for (int i = 0; i < 2; i++) {
        put_tuple(XDP_OVS_CONN_KEY(conn, i), entry, i);
    }
    if (entry->dirs[0].id == entry->dirs[1].id
        && entry->dirs[0].address == entry->dirs[1].address
        && !memcmp(entry->more[0], entry->more[1], sizeof entry->more[0])) {
        /* From an address and a port to the same. */
        return false;
    }
    entry->flags = (conn->nat_action & NAT_ACTION_SRC ? XDP_CONN_SRC_NAT
                    : conn->nat_action & NAT_ACTION_DST ? XDP_CONN_DST_NAT
                    : 0);
    if (!established) {
        entry->flags |= XDP_CONN_NEW;
    }
    entry->mark = conn->mark;
    memcpy(entry->label, &conn->label, sizeof entry->label);
    entry->expiration = expiration * NS_PER_MS;
    entry->timeout = (expiration - now) * NS_PER_MS;
    return true;
}

/* Returns true if 'conn' lives at 'now'.  If not, sees
 * to it that XDP never again has it: packets that userspace received before
 * 'now' may still prolong its life. */
static bool
is_alive(struct conn *conn, long long int now)
{
    long long int expiration;

    if (!XDP_OVS_CONN_CAN_EXPIRE(conn)) {
        return true;
    }
    atomic_read(&conn->expiration, &expiration);
    if (now < expiration || !xdp_conntrack_expired(&conn->xdp, now)) {
        return true;
    }
    xdp_conntrack_close(&conn->xdp);
    return false;
}

/* Returns true if a packet that is looked up by the key of direction 'dir' of
 * 'conn' can belong to no other connection of 'ct'.
 *
 * Two of them have a key in common if the replies of one that is translated
 * look like those of one that is not: nobody compares these when the latter is
 * made.  The tracker then takes the one that it comes upon first in its hash
 * table, whose order changes as that grows. */
static bool
is_only_one(struct conntrack *ct, const struct conn *conn, int dir,
            long long int now)
{
    const struct conn_key *key = XDP_OVS_CONN_KEY(conn, dir);
    XDP_OVS_CONN_NODE *node;

    XDP_OVS_FOR_EACH_CONN_NODE (node, ct, key->zone,
                                conn_key_hash(key, ct->hash_basis)) {
        struct conn *other = XDP_OVS_NODE_CONN(node);

        /* Keys have no gaps that are not zeros. */
        if (!XDP_OVS_CONN_HAS(conn, other)
            && (!memcmp(XDP_OVS_CONN_KEY(other, 0), key, sizeof *key)
                || !memcmp(XDP_OVS_CONN_KEY(other, 1), key, sizeof *key))
            && is_alive(other, now)) {
            COVERAGE_INC(xdp_conn_ambiguous);
            return false;
        }
    }
    return true;
}

/* Returns true if the packets of 'conn' can belong to no other connection of
 * 'ct'. */
static bool
is_unambiguous(struct conntrack *ct, const struct conn *conn,
               long long int now)
{
    return is_only_one(ct, conn, 0, now) && is_only_one(ct, conn, 1, now);
}

/* Inserts 'entry' for the connection of 'x' in 'ct', whose lock the caller
 * has, unless userspace might find another one for its packets. */
static void
insert_entry(struct conntrack *ct, struct xdp_conntrack *x,
             const struct xdp_conn *entry, long long int now)
{
    const struct conn *conn = get_conn(x);
    enum xdp_conn_result result;

    if (!xdp_conn_table_has_room(now * NS_PER_MS)
        || !is_unambiguous(ct, conn, now)) {
        return;
    }
    result = xdp_conn_table_insert(&x->owner, entry, now * NS_PER_MS);
    if (result == XDP_CONN_OK) {
        /* Another one may have been made since we looked.  Either its maker
         * has found the entry, or we find it. */
        atomic_thread_fence(memory_order_seq_cst);
        if (!is_unambiguous(ct, conn, now)) {
            xdp_conn_table_withdraw(&x->owner);
        }
    } else if (result == XDP_CONN_AMBIGUOUS) {
        COVERAGE_INC(xdp_conn_ambiguous);
    }
}

void
xdp_conntrack_created__(const struct xdp_conntrack *x)
{
    const struct conn *conn = get_conn(x);
    struct xdp_conn entry;

    memset(&entry, 0, sizeof entry);
    for (int i = 0; i < 2; i++) {
        put_tuple(XDP_OVS_CONN_KEY(conn, i), &entry, i);
    }
    xdp_conn_table_withdraw_others(&x->owner, &entry);
}

void
xdp_conntrack_offer__(struct conntrack *ct, struct xdp_conntrack *x,
                      bool established, long long int now)
{
    struct xdp_conn *old = xdp_conn_table_get(&x->owner);
    struct conn *conn = get_conn(x);
    struct xdp_conn entry;

    if (old) {
        if (established && old->flags & XDP_CONN_NEW) {
            xdp_conn_table_withdraw(&x->owner);
        }
    } else if ((established
                || XDP_OVS_CONN_KEY(conn, 0)->nw_proto == IPPROTO_UDP)
               && make_entry(conn, established, now, &entry)) {
        insert_entry(ct, x, &entry, now);
    }
}

/* After 'peers', of the connection of 'x' in 'ct', whose lock the caller has,
 * were updated by a packet. */
void
xdp_conntrack_publish(struct conntrack *ct, struct xdp_conntrack *x,
                      const struct xdp_conntrack_peer peers[2],
                      long long int now)
{
    bool established = peers[0].established && peers[1].established;
    struct xdp_conn *entry = xdp_conn_table_get(&x->owner);
    struct xdp_conn new;

    if (entry) {
        if (!established) {
            atomic_store(&x->owner.stale, true);
            xdp_conn_table_withdraw(&x->owner);
        }
        /* Those that are withdrawn, too: we take them from there. */
        raise_windows(entry, peers);
    } else if (established && make_entry(get_conn(x), true, now, &new)) {
        for (int i = 0; i < 2; i++) {
            new.scale[i] = peers[i].scale;
            new.dirs[i].window = xdp_conn_window(*peers[i].seqlo,
                                                 *peers[!i].seqhi);
            new.dirs[i].max_win = *peers[i].max_win;
        }
        insert_entry(ct, x, &new, now);
    }
}

void
xdp_conntrack_set_attrs__(struct xdp_conntrack *x)
{
    const struct conn *conn = get_conn(x);
    uint64_t label[2];

    memcpy(label, &conn->label, sizeof label);
    xdp_conn_table_set_attrs(&x->owner, conn->mark, label);
}

/* Removal. */

/* Before the connection of 'x' is removed from the tracker, to be freed after
 * a grace period. */
void
xdp_conntrack_remove(struct xdp_conntrack *x)
{
    if (xdp_conn_table_close_owner(&x->owner, true)) {
        *removed_get() = true;
    }
}

/* After a command has removed connections in this thread, one or many: when
 * this returns, no packet is under way in XDP that belongs to them.  Waits for
 * programs if these may have some. */
void
xdp_conntrack_flushed(void)
{
    bool *any = removed_get();
    uint64_t epoch;

    if (*any && xdp_conn_table_begin_reclaim(&epoch)) {
        xdp_grace_wait();
    }
    *any = false;
}

/* Trackers. */

/* For ovsrcu_postpone(). */
static void
withdraw_again(char *aux OVS_UNUSED)
{
    xdp_conn_table_withdraw_all();
}

/* After a timeout policy has changed: the connections come back with their
 * next packets. */
void
xdp_conntrack_policy_changed(void)
{
    xdp_conn_table_withdraw_all();

    /* Threads may be about to insert some with the old timeout. */
    ovsrcu_postpone(withdraw_again, (char *) NULL);
}

/* Changes the number of trackers by 'change', and lets connections into XDP if
 * there is just one now: a tuple does not say which one it belongs to.  That
 * the offload stays off with a second datapath, xdp_port_forbid() says. */
static void
count_trackers(int change)
{
    ovs_mutex_lock(&mutex);
    n_trackers += change;
    xdp_conn_table_block(n_trackers > 1);
    ovs_mutex_unlock(&mutex);
}

/* When a tracker begins to exist. */
void
xdp_conntrack_init(void)
{
    xdp_conn_table_init(release_entry);
    count_trackers(1);
}

/* When a tracker has ceased to exist, and all of its connections have. */
void
xdp_conntrack_destroy(void)
{
    count_trackers(-1);
}
