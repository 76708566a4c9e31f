/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OVS's connection tracker does for XDP.
 *
 * The tracker stays the authority: it tells of connections whose packets
 * change nothing any more but windows and time, and takes back what XDP made
 * of these before it uses them.  A connection that is told of again and again
 * is inserted once.  What each function is called for is said with it; where,
 * in patches/ovs-X.Y/ with "conntrack" in the name.
 *
 * Thread safety: all may be called from any thread.  Those that say so are
 * called with the lock of the connection; the others, except
 * xdp_conntrack_flushed(), may be called with any lock.
 *
 * As long as no XDP object with connections is loaded, all of this costs a
 * look at two variables, and a fence for each new connection.  Without AF_XDP,
 * there is nothing of it.
 */

#ifndef XDP_CONNTRACK_H
#define XDP_CONNTRACK_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/compiler.h"

struct conntrack;

/* One end of a TCP connection, the members of "struct tcp_peer" that have the
 * same names. */
struct xdp_conntrack_peer {
    uint32_t *seqlo;
    uint32_t *seqhi;
    uint16_t *max_win;
    uint8_t scale;              /* By how many bits its windows are scaled. */
    bool established;
};

#ifdef HAVE_AF_XDP

#include "util.h"
#include "xdp-conn-table.h"

/* What a connection has for XDP.  Zeros to begin with. */
struct xdp_conntrack {
    struct xdp_conn_owner owner;
    atomic_bool in_update;      /* Is its expiration about to change? */

    /* What the last entry that it had knew of TCP windows, if nobody has
     * looked at that yet. */
    bool has_windows;
    uint16_t max_win[2];
    uint64_t windows[2];        /* xdp_conn_window(). */
};

void xdp_conntrack_init(void);
void xdp_conntrack_destroy(void);
void xdp_conntrack_created__(const struct xdp_conntrack *);
void xdp_conntrack_offer__(struct conntrack *, struct xdp_conntrack *,
                           bool established, long long int now);
void xdp_conntrack_merge(struct xdp_conntrack *,
                         const struct xdp_conntrack_peer[2]);
void xdp_conntrack_publish(struct conntrack *, struct xdp_conntrack *,
                           const struct xdp_conntrack_peer[2],
                           long long int now);
void xdp_conntrack_set_timeout__(struct xdp_conntrack *, long long int now,
                                 uint32_t timeout);
bool xdp_conntrack_expired(const struct xdp_conntrack *, long long int now);
long long int xdp_conntrack_expiration__(const struct xdp_conntrack *,
                                         long long int expiration);
void xdp_conntrack_set_attrs__(struct xdp_conntrack *);
void xdp_conntrack_remove(struct xdp_conntrack *);
void xdp_conntrack_policy_changed(void);
void xdp_conntrack_flushed(void);

/* Returns true if 'x' has an entry, which may be withdrawn. */
static inline bool
xdp_conntrack_has_entry(const struct xdp_conntrack *x)
{
    uint32_t slot;

    atomic_read_relaxed(&CONST_CAST(struct xdp_conntrack *, x)->owner.slot,
                        &slot);
    return slot != 0;
}

/* Returns true if the connection of 'x', whose lock the caller has, has an
 * entry, had one or may get one: then an update of one of TCP comes between
 * xdp_conntrack_merge() and xdp_conntrack_publish(), which are not needed
 * otherwise. */
static inline bool
xdp_conntrack_matters(const struct xdp_conntrack *x)
{
    bool active;

    atomic_read_relaxed(&xdp_conn_table_active, &active);
    return active || xdp_conntrack_has_entry(x) || x->has_windows;
}

/* After the connection of 'x' was put into the tracker, or has come to life
 * again: XDP must not have another one with a tuple of it. */
static inline void
xdp_conntrack_created(const struct xdp_conntrack *x)
{
    bool active;

    /* Either who inserts another one sees this one, or we see that. */
    atomic_thread_fence(memory_order_seq_cst);
    atomic_read_relaxed(&xdp_conn_table_active, &active);
    if (active) {
        xdp_conntrack_created__(x);
    }
}

/* After a packet that changed nothing but time in the connection of 'x' in
 * 'ct', which is not one of TCP and whose lock the caller has.  'established'
 * is what packets like it are, or else new. */
static inline void
xdp_conntrack_offer(struct conntrack *ct, struct xdp_conntrack *x,
                    bool established, long long int now)
{
    if (xdp_conntrack_matters(x)) {
        xdp_conntrack_offer__(ct, x, established, now);
    }
}

/* Before the expiration of the connection of 'x', whose lock the caller has,
 * is set to 'timeout' ms from 'now'. */
static inline void
xdp_conntrack_set_timeout(struct xdp_conntrack *x, long long int now,
                          uint32_t timeout)
{
    if (xdp_conntrack_has_entry(x)) {
        xdp_conntrack_set_timeout__(x, now, timeout);
    }
}

/* After that. */
static inline void
xdp_conntrack_prolonged(const struct xdp_conntrack *x_)
{
    struct xdp_conntrack *x = CONST_CAST(struct xdp_conntrack *, x_);
    bool in_update, active, closed;

    atomic_read_relaxed(&x->in_update, &in_update);
    if (in_update) {
        atomic_store_explicit(&x->in_update, false, memory_order_release);
    }
    atomic_read_relaxed(&xdp_conn_table_active, &active);
    if (active) {
        /* Another thread may think that it is dead, and have made another one.
         * Either that thread sees that it is not, or we see what it thinks. */
        atomic_thread_fence(memory_order_seq_cst);
        atomic_read_relaxed(&x->owner.closed, &closed);
        if (closed) {
            xdp_conntrack_created__(x);
        }
    }
}

/* Returns when the connection of 'x' expires, which is at 'expiration' as far
 * as userspace knows. */
static inline long long int
xdp_conntrack_expiration(const struct xdp_conntrack *x,
                         long long int expiration)
{
    return (xdp_conntrack_has_entry(x)
            ? xdp_conntrack_expiration__(x, expiration) : expiration);
}

/* After mark or label of the connection of 'x', whose lock the caller has, may
 * have changed. */
static inline void
xdp_conntrack_set_attrs(struct xdp_conntrack *x)
{
    if (xdp_conntrack_has_entry(x)) {
        xdp_conntrack_set_attrs__(x);
    }
}

/* Before the connection of 'x' is made to expire. */
static inline void
xdp_conntrack_close(struct xdp_conntrack *x)
{
    xdp_conn_table_close_owner(&x->owner, false);
}

#else /* !HAVE_AF_XDP */

struct xdp_conntrack {
    uint8_t unused;
};

static inline void
xdp_conntrack_init(void)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_destroy(void)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_created(const struct xdp_conntrack *x OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_offer(struct conntrack *ct OVS_UNUSED,
                    struct xdp_conntrack *x OVS_UNUSED,
                    bool established OVS_UNUSED, long long int now OVS_UNUSED)
{
    /* Nothing. */
}

static inline bool
xdp_conntrack_matters(const struct xdp_conntrack *x OVS_UNUSED)
{
    return false;
}

static inline void
xdp_conntrack_merge(struct xdp_conntrack *x OVS_UNUSED,
                    const struct xdp_conntrack_peer peers[2] OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_publish(struct conntrack *ct OVS_UNUSED,
                      struct xdp_conntrack *x OVS_UNUSED,
                      const struct xdp_conntrack_peer peers[2] OVS_UNUSED,
                      long long int now OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_set_timeout(struct xdp_conntrack *x OVS_UNUSED,
                          long long int now OVS_UNUSED,
                          uint32_t timeout OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_prolonged(const struct xdp_conntrack *x OVS_UNUSED)
{
    /* Nothing. */
}

static inline bool
xdp_conntrack_expired(const struct xdp_conntrack *x OVS_UNUSED,
                      long long int now OVS_UNUSED)
{
    return true;
}

static inline long long int
xdp_conntrack_expiration(const struct xdp_conntrack *x OVS_UNUSED,
                         long long int expiration)
{
    return expiration;
}

static inline void
xdp_conntrack_set_attrs(struct xdp_conntrack *x OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_close(struct xdp_conntrack *x OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_remove(struct xdp_conntrack *x OVS_UNUSED)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_policy_changed(void)
{
    /* Nothing. */
}

static inline void
xdp_conntrack_flushed(void)
{
    /* Nothing. */
}
#endif

#endif /* xdp-conntrack.h */
