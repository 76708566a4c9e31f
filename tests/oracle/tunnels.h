/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cases of part "tunnels" share.
 */

#ifndef TUNNELS_H
#define TUNNELS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "execute.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "odp-netlink.h"
#include "oracle.h"

struct dp_packet;
struct netdev;

#define N_TYPES (XDP_TUNNEL_ERSPAN + 1)

/* How many different masks there are of flows that pop or push: making a new
 * one in the table takes time. */
#define N_FIRST_MASKS 16

/* Longest outer header, with two tags, IPv6 and GRE or options. */
#define MAX_OUTER 192

/* The tunnels, by type: ports of the table that are no devices. */
extern struct device tunnels[N_TYPES];

/* For pushes that need one. */
extern struct netdev *tunnel_netdev;

/* What happened. */
extern unsigned long int n_tunnel_popped, n_tunnel_left, n_tunnel_pushed;

void begin_tunnels(void);
void end_tunnels(void);
bool check_hits(uint64_t before[XDP_COUNTER_MAX],
                uint64_t expected[XDP_COUNTER_MAX], uint64_t n,
                const char **culprit, uint64_t *by);

/* Headers (tunnel-headers.c). */

/* What is special about an outer header. */
struct outer {
    enum xdp_tunnel_type type;
    bool is_ipv6;
    int n_tags;
    bool has_csum;              /* Of UDP or GRE. */
    bool wrong_csum;
    bool is_hard;               /* Userspace can pop it, XDP cannot. */
    size_t l3_ofs, l4_ofs;
    size_t csum_ofs;            /* Of the checksum of UDP or GRE. */
};

void make_outer(struct outer *, struct frame *, const struct frame *inner);
void make_push(struct ovs_action_push_tnl *);

/* Popping (tunnel-pop.c). */

/* A case of a pop. */
struct tunnel_case {
    const char *part;
    unsigned long int index;
    struct outer outer;
    struct frame inner, frame;
    uint32_t recirc_id;         /* Of the pass that pops the header.  If it is
                                 * not the first one, that is... */
    struct tested_flow hash;    /* ...this flow's, */
    uint32_t dp_hash;           /* which makes this of the packet. */
    struct tested_flow first;   /* Pops the header. */
    struct dp_packet *popped;   /* By userspace, or NULL. */
    struct flow flow;           /* Of 'popped'. */
    bool pushes;                /* Does the flow behind the tunnel push... */
    struct ovs_action_push_tnl push; /* ...this header? */
};

struct dp_packet *pop_in_userspace(const struct outer *, const struct frame *,
                                   uint32_t recirc_id, uint32_t dp_hash);
void mask_tunnel(const struct flow *, struct flow_wildcards *, bool with_opts);
bool is_hard_pop(const struct tunnel_case *);
void tunnel_failure(const struct tunnel_case *,
                    const struct tested_flow *second, const char *problem);
bool put_first(struct tunnel_case *, struct device *);
bool check_pop(struct tunnel_case *);
bool run_both(struct tunnel_case *, struct tested_flow *,
              const struct executed *expected);
void execute_second(struct tunnel_case *, struct tested_flow *,
                    struct executed *);

/* Cases (tunnel-pop.c, tunnel-push.c, and, of part "trains",
 * train-tunnels.c). */
void test_one_pop(unsigned long int index);
void test_one_push(unsigned long int index);
void test_one_pop_train(unsigned long int index);
void test_one_push_train(unsigned long int index);

#endif /* tunnels.h */
