/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of custody, lib/xdp-custody*.c, lib/xdp-offer.c and
 * lib/xdp-command.c, share about megaflows.  Not to be included elsewhere.
 *
 * Calls go one way: what puts and retries megaflows (xdp-custody.c), and what
 * displaces them (-displace.c), uses what offers them (xdp-offer.c), ports
 * that come and go (-port.c) use what leaves with them (-leave.c), and all of
 * that uses what is known (-flow.c), how busy they are (-rate.c), and what
 * wakes up the worker (-wake.c).
 *
 * Thread safety: 'xdp_mutex' protects everything.
 */

#ifndef XDP_CUSTODY_PRIVATE_H
#define XDP_CUSTODY_PRIVATE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "util.h"
#include "xdp-blob.h"
#include "xdp-custody.h"
#include "xdp-flow-table.h"
#include "xdp-totals.h"

/* A port number of the datapath: of a port that it has, or of one that is gone
 * and still has megaflows in custody. */
struct custody_port {
    struct hmap_node node;      /* In 'custody_ports', by 'odp_port'. */
    odp_port_t odp_port;
    char *name;                 /* The datapath's, of the last port there: for
                                 * tunnels not that of an OpenFlow port. */
    struct netdev *netdev;      /* Or NULL if there is no port now.  Not a
                                 * reference: OVS's port map has one. */
    bool enabled;               /* Has the netdev our flow API? */
    struct xdp_netdev *tunnel;  /* Of a tunnel that XDP can pop, or NULL. */
    struct ovs_list flows;      /* "struct custody_flow"s by 'port_node', those
                                 * in XDP first. */
    size_t n_flows;
    size_t n_offloaded;         /* Of them, those in XDP. */
    struct xdp_flow_table_stats carried; /* Packets and bytes of all its flows
                                          * when they were last looked at. */
    struct xdp_totals totals;   /* Of its megaflows. */
};

/* The hold of a flow of the datapath on a megaflow. */
struct custody_ref {
    uintptr_t holder;
    uint32_t n_heard;           /* Packets that it has had in userspace, when
                                 * it last said so... */
    uint32_t heard_at;          /* ...as time_msec(). */
    uint32_t rate;              /* Of these: see custody_hear(). */
    uint8_t n_times_heard;      /* Up to 3: then 'rate' is one. */
    bool stopping;              /* Last statistics read, deletion to come. */
};

/* The same, and what it has to do with the holds of others. */
struct custody_shared_ref {
    struct custody_ref ref;
    struct xdp_blob *actions;   /* That it has put last, or NULL if these are
                                 * those of the flow. */
    uint64_t n_packets;         /* Its share of the statistics. */
    uint64_t n_bytes;
};

/* The holds on a megaflow that has several, or had. */
struct custody_sharing {
    struct custody_shared_ref *refs;
    size_t allocated;
    uint64_t n_packets;         /* Already in some share of the statistics. */
    uint64_t n_bytes;
};

/* What few megaflows have. */
struct custody_extra {
    struct xdp_blob *detail;    /* A string, see "struct xdp_translation", or
                                 * NULL for an empty one. */
    struct xdp_flow_table_stats *base; /* Of its earlier stays in XDP, or NULL
                                        * if no packets came then. */
    struct tun_metadata_allocation *tun_md; /* Of the match, or NULL. */
};

/* A megaflow.  There may be a million of them, so what most of them do not
 * have, or have in common, is elsewhere. */
struct custody_flow {
    struct hmap_node node;      /* In 'custody_flows', by hash of 'ufid'. */
    ovs_u128 ufid;
    struct custody_port *port;  /* Ingress. */
    struct ovs_list port_node;  /* In 'flows' of 'port'. */
    odp_port_t orig_in_port;    /* Behind a tunnel, where the packet came in
                                 * that the flow was made for. */
    uint32_t n_refs;
    union {
        struct custody_ref one; /* If 'n_refs' was never more than 1... */
        struct custody_sharing *sharing; /* ...and otherwise. */
    };
    bool is_shared : 1;         /* Which of them? */

    bool stopped : 1;           /* In XDP, does it let no packets in? */
    bool stale : 1;             /* New actions came while it was stopped. */
    bool judged : 1;            /* Is 'reason' more than its initial value? */
    bool was_offloaded : 1;     /* Was it ever in XDP? */
    uint8_t reason;             /* enum xdp_reason: why it is not in XDP. */

    /* For who displaces whom, see xdp-custody-displace.c. */
    uint8_t n_vain;             /* Stays in XDP that were of little use. */
    uint16_t moved_at;          /* When it came into XDP, or left, in
                                 * custody_seconds(). */
    uint32_t n_sampled;         /* In XDP: packets of this stay, when last
                                 * looked at. */
    uint32_t rate;              /* Packets a minute that XDP carries, or could
                                 * carry, when last looked at. */

    struct custody_extra *extra; /* NULL if it never had any. */

    struct xdp_blob *actions;   /* "struct nlattr"s.  NULL only while the
                                 * megaflow is being made. */
    struct xdp_table_flow *table_flow; /* In XDP, otherwise NULL. */
    union {
        struct {                /* In XDP. */
            struct xdp_flow_table *table;
            struct xdp_netdev *home; /* Whose table that is: the port's, or
                                      * behind a tunnel that of some AF_XDP
                                      * port. */
        };
        struct ovs_list refused_node; /* Otherwise: in 'refused',
                                       * 'retrying' or 'busy'. */
    };

    uint64_t n_packets_read;    /* Of all its life, when last looked at. */
    uint64_t n_bytes_read;

    /* The match, as "struct minimatch" has it, without the map of the flow,
     * which is that of the mask, and 'tun_md'. */
    struct xdp_blob *mask;      /* A "struct minimask". */
    uint64_t key[];             /* Values of a "struct miniflow". */
};

/* Returns hold 'i' of the 'n_refs' holds on 'flow'. */
static inline struct custody_ref *
custody_ref_at(const struct custody_flow *flow, size_t i)
{
    return flow->is_shared ? &flow->sharing->refs[i].ref
           : CONST_CAST(struct custody_ref *, &flow->one);
}

/* Returns true if all holders of 'flow' are about to go. */
static inline bool
custody_all_stopping(const struct custody_flow *flow)
{
    for (size_t i = 0; i < flow->n_refs; i++) {
        if (!custody_ref_at(flow, i)->stopping) {
            return false;
        }
    }
    return true;
}

/* Returns the detail of 'flow', which may be an empty string. */
static inline const char *
custody_detail(const struct custody_flow *flow)
{
    return (flow->extra && flow->extra->detail
            ? (const char *) flow->extra->detail->data : "");
}

/* Returns the first action of 'flow' of OVS_ACTION_ATTR_* 'type', or NULL. */
static inline const struct nlattr *
custody_find_action(const struct custody_flow *flow, uint16_t type)
{
    return nl_attr_find__((const struct nlattr *) flow->actions->data,
                          flow->actions->size, type);
}

/* The slowest megaflow that is worth the place of another one, in packets a
 * minute. */
#define CUSTODY_MIN_RATE (8 * 60)

extern struct hmap custody_ports OVS_GUARDED_BY(xdp_mutex);

/* The megaflows, in so many tables that each is small even if there are a
 * million of them: nobody waits for one to grow, and one can be looked at as a
 * whole before the lock is given back.  A megaflow stays in its table. */
#define CUSTODY_TABLES 16384
extern struct hmap custody_flows[CUSTODY_TABLES] OVS_GUARDED_BY(xdp_mutex);

/* What a look at a megaflow costs, and work on one, and how much of that there
 * is in one hold of the lock. */
#define CUSTODY_LOOK 1
#define CUSTODY_WORK 16
#define CUSTODY_BUDGET (XDP_CUSTODY_BATCH * CUSTODY_WORK)

/* How many megaflows the making of a mask or group counts for: a map is made
 * for it, and a thread publishes that, in more than half a millisecond. */
#define CUSTODY_MADE_COST XDP_CUSTODY_BATCH

/* How long the worker goes on with megaflows at least before it frees slots of
 * which a table is short, in ms. */
#define CUSTODY_MIN_TURN 50

/* Megaflows that are not in XDP, by their reason, the longest there first. */
extern struct ovs_list custody_refused[XDP_N_REASONS]
    OVS_GUARDED_BY(xdp_mutex);

/* Of all ports since start.  Each port has its own, too. */
extern struct xdp_totals custody_totals OVS_GUARDED_BY(xdp_mutex);

/* xdp-custody-wake.c. */
void custody_wake_init(void);
void custody_wake(void) OVS_REQUIRES(xdp_mutex);
unsigned int custody_n_full_kicks(void) OVS_REQUIRES(xdp_mutex);
void custody_note_shortage(const struct xdp_flow_table *)
    OVS_REQUIRES(xdp_mutex);

/* xdp-custody-flow.c. */
struct custody_port *custody_port_find(odp_port_t) OVS_REQUIRES(xdp_mutex);
struct xdp_netdev *custody_port_xdp(const struct custody_port *)
    OVS_REQUIRES(xdp_mutex);
void custody_port_gc(struct custody_port *) OVS_REQUIRES(xdp_mutex);
uint64_t custody_n_offloaded(void) OVS_REQUIRES(xdp_mutex);
bool custody_walk(size_t *position,
                  unsigned int (*)(struct custody_flow *, void *aux),
                  void *aux) OVS_REQUIRES(xdp_mutex);
void custody_for_each(unsigned int (*)(struct custody_flow *, void *aux),
                      void *aux) OVS_EXCLUDED(xdp_mutex);
struct custody_flow *custody_find(odp_port_t in_port, const ovs_u128 *ufid)
    OVS_REQUIRES(xdp_mutex);
struct custody_flow *custody_create(struct custody_port *,
                                    const ovs_u128 *ufid,
                                    const struct match *)
    OVS_REQUIRES(xdp_mutex);
void custody_delete(struct custody_flow *) OVS_REQUIRES(xdp_mutex);
void custody_get_match(const struct custody_flow *, struct match *);
bool custody_has_match(const struct custody_flow *, const struct match *);
void custody_get_stats(struct custody_flow *, struct xdp_flow_table_stats *)
    OVS_REQUIRES(xdp_mutex);
void custody_enter(struct custody_flow *, struct xdp_flow_table *,
                   struct xdp_table_flow *, struct xdp_netdev *home)
    OVS_REQUIRES(xdp_mutex);
void custody_withdraw(struct custody_flow *, enum xdp_reason,
                      const char *detail) OVS_REQUIRES(xdp_mutex);
void custody_set_reason(struct custody_flow *, enum xdp_reason,
                        const char *detail) OVS_REQUIRES(xdp_mutex);

/* xdp-custody-rate.c. */
uint16_t custody_seconds(void);
void custody_hear(struct custody_flow *, struct custody_ref *,
                  uint64_t n_packets) OVS_REQUIRES(xdp_mutex);
uint32_t custody_heard_rate(const struct custody_flow *)
    OVS_REQUIRES(xdp_mutex);
void custody_forget_heard(struct custody_flow *) OVS_REQUIRES(xdp_mutex);
void custody_sample(struct custody_flow *, uint32_t elapsed, bool first)
    OVS_REQUIRES(xdp_mutex);
bool custody_any_waiting(bool forget) OVS_REQUIRES(xdp_mutex);
bool custody_take_urgent(void) OVS_REQUIRES(xdp_mutex);
bool custody_has_rested(const struct custody_flow *);

/* xdp-custody-leave.c. */
bool custody_port_withdraw_some(struct custody_port *, enum xdp_reason,
                                size_t *n_left) OVS_REQUIRES(xdp_mutex);
bool custody_has_vlan_limit(void) OVS_REQUIRES(xdp_mutex);

/* xdp-offer.c. */
bool xdp_offer(struct custody_flow *, bool may_wait)
    OVS_REQUIRES(xdp_mutex);
enum xdp_reason xdp_offer_ask(const struct custody_flow *)
    OVS_REQUIRES(xdp_mutex);
const struct xdp_flow_table *xdp_offer_table(const struct custody_flow *)
    OVS_REQUIRES(xdp_mutex);
bool xdp_offer_takes_metadata(const struct xdp_netdev *)
    OVS_REQUIRES(xdp_mutex);

#endif /* xdp-custody-private.h */
