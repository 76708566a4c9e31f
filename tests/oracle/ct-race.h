/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "ct-race": packets of connections run through the program while these
 * are made, marked, flushed and expire, so that their translated ports and
 * their entries get from one to another.
 *
 * Clients, each with one connection at a time, talk to a server, which sees an
 * address and a port that the tracker has chosen.  A logical clock, which
 * ticks at the beginning and at the end of each connection, says what a packet
 * may be translated to: what its client had at the time at which the program
 * did it.  When a command has returned that flushes connections, no program
 * may still be at them.  One that expires may be met by programs that began
 * before.
 *
 * Each packet has two passes, of which the first one tracks it, so that the
 * same packet becomes a train if it comes often enough within one tick of the
 * kernel's clock.  The key that a packet of a train leaves is that of the one
 * which began it.
 *
 * The mark and the two halves of the label of a connection are made of the
 * number of a change.
 *
 * The object is tests/xdp-ct-slow.bpf.c, whose programs stop where they are
 * told to; with others there is no such part.  First, connections change while
 * a program has stopped (ct-race-stops.c), so that everything happens in an
 * order that is known.  A change that takes too long, because the machine is
 * busy, is tried again.  Then everything happens at any time (ct-race.c).
 */

#ifndef CT_RACE_H
#define CT_RACE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../xdp-ct-slow.h"
#include "conntrack-private.h"
#include "frames.h"
#include "ovs-atomic.h"

#define CT_RACE_CLIENTS 24
#define CT_RACE_ZONE 5
#define CT_RACE_SERVER_PORT 53
#define CT_RACE_CLIENT_PORT 1000
#define CT_RACE_FIRST_PORT 2000 /* That clients are translated to. */
#define CT_RACE_NAT_PORTS 200

/* Addresses. */
#define CT_RACE_CLIENT_IP(I) (0x0a000001 + (I))
#define CT_RACE_SERVER_IP 0x0a010001
#define CT_RACE_NAT_IP 0x0a090001

/* Connections of each client that are remembered. */
#define CT_RACE_HISTORY 256

/* As "end" of a stay. */
#define CT_RACE_NEVER UINT64_MAX

/* A connection that a client has or had. */
struct ct_stay {
    ATOMIC(uint64_t) begin;     /* By the logical clock. */
    ATOMIC(uint64_t) end;       /* Or CT_RACE_NEVER. */
    ATOMIC(bool) flushed;       /* By a command that waits for programs. */
    ATOMIC(uint32_t) port;
    ATOMIC(uint32_t) begun;     /* The latest change of the mark begun... */
    ATOMIC(uint32_t) done;      /* ...and done. */
};

struct ct_client {
    struct frame frame;         /* What it sends. */

    /* Written by the thread that changes connections, read by all. */
    ATOMIC(uint32_t) n_stays;
    ATOMIC(bool) alive;         /* Does the last one last? */
    struct ct_stay stays[CT_RACE_HISTORY];
};

/* What happened.  Each is counted by one thread at a time. */
struct ct_race_counts {
    uint64_t made, marked, flushed, expired, refused, reclaims;
    uint64_t carried, replies, handed_up, late, forgotten;
    uint64_t stopped, trains, repeated;
};

extern struct ct_slow *ct_slow; /* What the object and we share. */
extern struct conntrack *ct_race_ct;
extern struct ct_client ct_clients[CT_RACE_CLIENTS];
extern struct frame ct_replies[CT_RACE_NAT_PORTS]; /* To each port. */
extern struct ct_race_counts ct_race_counts;

/* Changing connections (ct-race-conns.c). */
void ct_race_make_frames(void);
uint64_t ct_label_half(uint32_t change, int i);
struct ct_stay *ct_last_stay(struct ct_client *);
bool ct_client_alive(struct ct_client *);
struct frame *ct_client_reply(struct ct_client *);
struct conn *ct_client_conn(const struct ct_client *);
struct xdp_conn *ct_client_entry(const struct ct_client *);
void ct_client_make(struct ct_client *);
void ct_client_talk(struct ct_client *);
void ct_client_flush(struct ct_client *);
void ct_client_expire(struct ct_client *);
void ct_client_commit_mark(struct ct_client *);
void ct_client_mark(struct ct_client *, int n);
uint32_t ct_client_begin_mark(struct ct_client *);
void ct_client_end_mark(struct ct_client *);
void ct_race_flush_all(void);
void ct_race_reclaim(void);

/* Running packets (ct-race-run.c). */
enum ct_outcome {
    CT_UP,                      /* To userspace. */
    CT_CARRIED,
    CT_WRONG                    /* Has been reported. */
};
enum ct_outcome ct_race_run(const struct frame *, struct ct_client *,
                            enum ct_stop, uint64_t patience);

/* Programs that stop (ct-race-stops.c). */
bool ct_race_leave_cpu(void);
bool ct_race_stops(void);

#endif /* ct-race.h */
