/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "conntrack": packets of connections, through the program and userspace
 * on one side, and through userspace alone on the other.  See ct.c.
 */

#ifndef CT_H
#define CT_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conntrack.h"
#include "flows.h"
#include "frames.h"
#include "openvswitch/match.h"
#include "oracle.h"
#include "xdp-abi.h"

struct dp_packet;

#define CT_MAX_PASSES 4         /* Of a pipeline. */
#define CT_MAX_ACTIONS 5        /* "ct" in one list of actions. */
#define CT_MAX_MEGAFLOWS 600    /* Of a pipeline. */
#define CT_ROOM 32              /* Megaflows that one packet can need. */
#define CT_MAX_OUTPUTS 16       /* Packets that one can set free. */
#define CT_TALKS 8              /* Connections at a time. */
#define CT_POLICY 1             /* Number of a timeout policy. */
#define CT_ENTRIES 1024         /* Of the table in XDP. */

/* What a sequence met (ct-report.c). */
#define CT_EVENTS                                       \
    CT_EVENT(CARRIED, "carried by XDP, through ct")     \
    CT_EVENT(RESUMED, "handed up in a later pass")      \
    CT_EVENT(FIRST, "handed up in the first pass")      \
    CT_EVENT(OTHER, "carried by XDP, without ct")       \
    CT_EVENT(NEW, "new at the end")                     \
    CT_EVENT(EST, "established at the end")             \
    CT_EVENT(RPL, "replies at the end")                 \
    CT_EVENT(REL, "related at the end")                 \
    CT_EVENT(INV, "invalid at the end")                 \
    CT_EVENT(XDP_SRC_NAT, "source translated by XDP")   \
    CT_EVENT(XDP_DST_NAT, "destination translated by XDP") \
    CT_EVENT(XDP_MARK, "carried by XDP, with a mark")   \
    CT_EVENT(XDP_LABEL, "carried by XDP, with a label") \
    CT_EVENT(XDP_NEW, "carried by XDP, new")            \
    CT_EVENT(XDP_TCP4, "TCP over IPv4 carried by XDP")  \
    CT_EVENT(XDP_TCP6, "TCP over IPv6 carried by XDP")  \
    CT_EVENT(XDP_UDP4, "UDP over IPv4 carried by XDP")  \
    CT_EVENT(XDP_UDP6, "UDP over IPv6 carried by XDP")  \
    CT_EVENT(XDP_ICMP4, "ICMP carried by XDP")          \
    CT_EVENT(XDP_ICMP6, "ICMPv6 carried by XDP")        \
    CT_EVENT(XDP_SEVERAL, "several ct of one packet in XDP") \
    CT_EVENT(XDP_TRAIN, "trains through ct, carried by XDP")  \
    CT_EVENT(XDP_TRAIN_NAT, "the same, translated")     \
    CT_EVENT(XDP_TRAIN_UDP, "the same, of UDP")         \
    CT_EVENT(TRAIN_ENDED, "handed up instead of going on with a train") \
    CT_EVENT(ELSEWHERE, "a train, and userspace at its connections") \
    CT_EVENT(WRAP, "sequence numbers that wrap")        \
    CT_EVENT(AGE, "time passed")                        \
    CT_EVENT(FLUSH, "all, a zone or a tuple flushed")   \
    CT_EVENT(POLICY, "timeout policy changed")          \
    CT_EVENT(SEQ_CHK, "check of TCP windows off")       \
    CT_EVENT(AMBIGUOUS, "two connections with one tuple")   \
    CT_EVENT(SMALL, "table of connections too small")   \
    CT_EVENT(RECLAIMED, "entries reclaimed")            \
    CT_EVENT(CONNS, "connections compared")

enum ct_event {
#define CT_EVENT(ENUM, NAME) CT_EVENT_##ENUM,
    CT_EVENTS
#undef CT_EVENT
    CT_N_EVENTS
};

extern unsigned long int ct_event_count[CT_N_EVENTS];

/* Pipelines (ct-pipeline.c). */

/* An OVS_ACTION_ATTR_CT, as conntrack_execute() wants it. */
struct ct_action {
    uint16_t zone;
    bool commit, force;
    bool has_mark, has_label, has_nat;
    uint32_t mark[2];           /* Value and mask. */
    struct ovs_key_ct_labels label[2];
    struct nat_action_info_t nat;
    uint32_t tp_id;
};

/* A list of actions. */
struct ct_actions {
    struct actions netlink;
    struct ct_action cts[CT_MAX_ACTIONS];
    size_t n_cts;
};

/* A megaflow.  Both sides use it, in userspace or in XDP. */
struct ct_megaflow {
    struct match match;
    struct minimatch minimatch;  /* The same, which is found faster. */
    const struct ct_actions *actions;
    struct xdp_table_flow *flow; /* In the table, or NULL. */
    struct xdp_flow_actions ops; /* What it was translated to, if it is. */

    /* Of the side with XDP, in userspace, and of the one without. */
    uint64_t n_packets[2], n_bytes[2];
};

void ct_pipeline_make(void);
void ct_pipeline_check_stats(unsigned long int index, bool ok);
struct ct_megaflow *ct_pipeline_find(const struct flow *);
bool ct_pipeline_has_room(void);
uint16_t ct_pipeline_zone(void);
bool ct_pipeline_stats_equal(void);
void ct_pipeline_print(void);

/* Both sides (ct-sides.c). */

/* What became of a packet. */
struct ct_result {
    struct ct_output {
        uint32_t port;
        size_t size;
        uint8_t data[2 * MAX_PACKET];
    } outputs[CT_MAX_OUTPUTS];
    size_t n_outputs;
    size_t n_cts;               /* "ct" executed by userspace. */
    uint64_t words[XDP_KEY_CT_WORDS]; /* At the end. */
    bool carried;               /* By XDP, all the way. */
    bool later_pass;            /* Was it handed up in one? */
    bool in_train;              /* Of all passes, so that none was begun? */
    const char *problem;        /* What no packet may become, or NULL. */
    bool gave_up;               /* OVS failed: see ct-sides.c. */
};

struct ct_side {
    const char *name;
    struct conntrack *ct;
    bool has_xdp;
    struct ct_result result;
};

extern struct ct_side ct_sides[2];

void ct_sides_init(void);
long long int ct_now(void);
void ct_sides_run(const struct frame *, const struct device *,
                  long long int now);
void ct_sides_run_elsewhere(const struct frame *, long long int now);

/* Time and tables (ct-tables.c). */
void ct_tables_settle(void);
void ct_tables_age(long long int ms);
bool ct_tables_have_twins(bool *in_xdp);
void ct_tables_flush(void);
bool ct_tables_compare(unsigned long int index);
void ct_tables_reclaim(void);
void ct_tables_init_policy(void);
void ct_tables_disturb(void);
void ct_tables_flush_one(void);
void ct_tables_clear(void);
void ct_tables_print(void);

/* Packets (ct-frames.c). */
enum ct_flaw {
    CT_FLAW_NONE,
    CT_FLAW_IP_CSUM,
    CT_FLAW_L4_CSUM,
    CT_FLAW_L4_LEN,             /* Data offset, length of UDP or a chunk. */
    CT_FLAW_CUT,                /* The frame ends too early. */
    CT_FLAW_SHORT,              /* So does the IP packet. */
    CT_FLAW_BIT,                /* Some bit is wrong. */
    CT_N_FLAWS
};

/* What to make a packet of. */
struct ct_spec {
    bool is_ipv6;
    uint8_t proto;
    uint8_t src[16], dst[16];   /* IPv4: the first four bytes. */
    uint16_t sport, dport;      /* ICMP: the first one is the identifier. */

    uint32_t seq, ack;          /* TCP. */
    uint16_t flags, win;
    int wscale;                 /* Option, or -1. */

    uint8_t type, code;         /* ICMP. */

    size_t len;                 /* Of the payload, */
    const uint8_t *payload;     /* which is random if this is NULL. */

    enum ct_flaw flaw;
    bool padded, tagged, options, no_csum;
    bool plain;                 /* TCP without options. */
};

void ct_frame_make(const struct ct_spec *, struct frame *);
size_t ct_frame_split(const struct frame *, const struct ct_spec *,
                      struct frame pieces[3]);

/* Those who talk (ct-talk.c). */
struct ct_endpoint_state {
    uint32_t next;              /* Sequence number. */
    uint16_t win;
    int wscale;                 /* Or -1. */
    bool fin;
};

struct ct_talk {
    bool is_ipv6;
    uint8_t proto;

    /* What packets in each direction look like when they are sent. */
    struct ct_tuple {
        uint8_t src[16], dst[16];
        uint16_t sport, dport;
    } tuples[2];

    /* Packets that are still to follow at once, and whose. */
    unsigned int burst;
    int burst_dir;

    unsigned int phase;         /* Of TCP. */
    struct ct_endpoint_state ends[2];
    bool mute;                  /* No replies. */

    /* The last packet that came out, for errors. */
    uint8_t last[2][128];
    size_t last_len[2];
};

void ct_talk_start(struct ct_talk *, const struct ct_talk *other);
void ct_talk_next(struct ct_talk *, struct ct_spec *, int *dir);
void ct_talk_heard(struct ct_talk *, int dir, const struct ct_spec *,
                   const struct ct_output *);

/* ct-report.c. */
void ct_report(const uint64_t before[XDP_COUNTER_MAX], unsigned long int n);

#endif /* ct.h */
