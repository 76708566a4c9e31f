/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between the versions of OVS that this can be built into, under
 * one name for all of them.  This is the only file with an "#if" on the
 * version: whoever needs one includes this instead.  Whole files that only one
 * version needs are in a list of their own in lib/xdp-offload.mk, and changes
 * of OVS's files in patches/ovs-X.Y.
 *
 * XDP_OVS_VERSION, in OVS's config.h, comes from the first patch of each
 * series: 301, 305 or 400 for OVS 3.1, 3.5 or 4.0.
 *
 * Everything here may be used from any thread, with any locks.
 */

#ifndef XDP_OVS_COMPAT_H
#define XDP_OVS_COMPAT_H 1

#include <stdbool.h>
#include <stdint.h>

#ifndef XDP_OVS_VERSION
#error "Include <config.h> first."
#endif

#if XDP_OVS_VERSION >= 305
#include "ovs-atomic.h"
#endif

/* The flows and threads of dpif-netdev, for those few who say that they want
 * them. */
#ifdef XDP_OVS_WANT_DATAPATH
#if XDP_OVS_VERSION >= 400
#include "dpif-netdev-dpcls.h"
#include "dpif-netdev-flow.h"
#include "dpif-netdev-thread.h"
#else
#include "dpif-netdev-private.h"
#endif
#endif

/* Sequence numbers: what a GRE or ERSPAN tunnel of OVS's counts with. */
#if XDP_OVS_VERSION >= 305
typedef atomic_count xdp_ovs_sequence;
#else
typedef uint32_t xdp_ovs_sequence;
#endif

/* Returns the next number of '*sequence'. */
static inline uint32_t
xdp_ovs_sequence_next(xdp_ovs_sequence *sequence)
{
#if XDP_OVS_VERSION >= 305
    return atomic_count_inc(sequence);
#else
    return (*sequence)++;
#endif
}

/* What popping the header of a tunnel says of the "don't fragment" bit in the
 * outer IPv4 header: a flag of FLOW_TNL_F_*, or nothing. */
#if XDP_OVS_VERSION >= 400
#define XDP_OVS_TUNNEL_DF FLOW_TNL_F_DONT_FRAGMENT
#else
#define XDP_OVS_TUNNEL_DF 0
#endif

/* Inside DP_PACKET_BATCH_REFILL_FOR_EACH, lets PACKET, that of INDEX, stay in
 * BATCH. */
#if XDP_OVS_VERSION >= 400
#define XDP_OVS_BATCH_KEEP(BATCH, PACKET, INDEX) \
    dp_packet_batch_add(BATCH, PACKET)
#else
#define XDP_OVS_BATCH_KEEP(BATCH, PACKET, INDEX) \
    dp_packet_batch_refill(BATCH, PACKET, INDEX)
#endif

/* Passes that one packet may have in userspace: MAX_RECIRC_DEPTH, which is
 * private to dpif-netdev.c, and the first. */
#if XDP_OVS_VERSION >= 305
#define XDP_OVS_MAX_PASSES 9
#else
#define XDP_OVS_MAX_PASSES 7
#endif

/* conntrack_execute() of packets without helper, with the default timeouts. */
#if XDP_OVS_VERSION >= 305
#define xdp_ovs_conntrack_execute(CT, BATCH, TYPE, FORCE, COMMIT, ZONE, MARK, \
                                  LABEL, NAT, NOW) \
    conntrack_execute(CT, BATCH, TYPE, FORCE, COMMIT, ZONE, MARK, LABEL, \
                      NULL, NAT, NOW, 0)
#else
#define xdp_ovs_conntrack_execute(CT, BATCH, TYPE, FORCE, COMMIT, ZONE, MARK, \
                                  LABEL, NAT, NOW) \
    conntrack_execute(CT, BATCH, TYPE, FORCE, COMMIT, ZONE, MARK, LABEL, \
                      0, 0, NULL, NAT, NOW, 0)
#endif

/* Arguments of conntrack_execute() that only some versions have, of a packet
 * of FLOW, and a comma. */
#if XDP_OVS_VERSION >= 305
#define XDP_OVS_CT_PORTS(FLOW)
#else
#define XDP_OVS_CT_PORTS(FLOW) (FLOW)->tp_src, (FLOW)->tp_dst,
#endif

/* Can a packet that is translated be translated again in the same zone,
 * because its state was reset in between, or be the one with which a
 * connection begins anew?  Older versions may find the wrong end of a
 * connection then, and give up by an assertion in conn_update_state(). */
#define XDP_OVS_TRANSLATES_TWICE (XDP_OVS_VERSION >= 305)

/* Is the reply's tuple of a connection that was translated in use until the
 * connection is swept away, even when its time has long been up? */
#define XDP_OVS_TUPLES_OUTLIVE (XDP_OVS_VERSION < 305)

/* Does the tracker find connections of SCTP by their ports?  Otherwise these
 * are zeros in its keys. */
#define XDP_OVS_KNOWS_SCTP_PORTS (XDP_OVS_VERSION >= 305)

/* Connections, "struct conn", and how the tracker CT finds them.
 *
 * XDP_OVS_CONN_KEY() is the key of direction DIR, 0 or 1, of CONN.
 * XDP_OVS_FOR_EACH_CONN_NODE() is a loop over what has the hash HASH of a key
 * of zone ZONE in CT, each a XDP_OVS_CONN_NODE, which leads to
 * XDP_OVS_NODE_CONN().  Older versions have a second "struct conn" for the
 * replies of one that is translated, which XDP_OVS_CONN_HAS() knows as one of
 * CONN, and which, alone, lives until it is freed: XDP_OVS_CONN_CAN_EXPIRE().
 */
#if XDP_OVS_VERSION >= 305
#define XDP_OVS_CONN_KEY(CONN, DIR) (&(CONN)->key_node[DIR].key)
#define XDP_OVS_CONN_NODE struct conn_key_node
#define XDP_OVS_FOR_EACH_CONN_NODE(NODE, CT, ZONE, HASH) \
    CMAP_FOR_EACH_WITH_HASH (NODE, cm_node, HASH, &(CT)->conns[ZONE])
#define XDP_OVS_NODE_CONN(NODE) \
    CONTAINER_OF((NODE) - (NODE)->dir, struct conn, key_node[0])
#define XDP_OVS_CONN_HAS(CONN, OTHER) ((OTHER) == (CONN))
#define XDP_OVS_CONN_CAN_EXPIRE(CONN) ((void) (CONN), true)
#else
#define XDP_OVS_CONN_KEY(CONN, DIR) \
    ((DIR) ? &(CONN)->rev_key : &(CONN)->key)
#define XDP_OVS_CONN_NODE struct conn
#define XDP_OVS_FOR_EACH_CONN_NODE(NODE, CT, ZONE, HASH) \
    CMAP_FOR_EACH_WITH_HASH (NODE, cm_node, HASH, &(CT)->conns)
#define XDP_OVS_NODE_CONN(NODE) (NODE)
#define XDP_OVS_CONN_HAS(CONN, OTHER) \
    ((OTHER) == (CONN) || (OTHER) == (CONN)->nat_conn)
#define XDP_OVS_CONN_CAN_EXPIRE(CONN) \
    ((CONN)->conn_type == CT_CONN_TYPE_DEFAULT)
#endif

/* Actions that not all versions know: ACTION(NAME, STRING) for each, where
 * NAME is that behind OVS_ACTION_ATTR_, and STRING what users see. */
#if XDP_OVS_VERSION >= 305
#define XDP_OVS_NEW_ACTIONS(ACTION) \
    ACTION(DEC_TTL, "dec_ttl") \
    ACTION(PSAMPLE, "psample")
#else
#define XDP_OVS_NEW_ACTIONS(ACTION)
#endif

/* classifier_lookup() without 'wc'. */
#if XDP_OVS_VERSION >= 305
#define xdp_ovs_classifier_lookup(CLS, VERSION, FLOW) \
    classifier_lookup(CLS, VERSION, FLOW, NULL, NULL)
#else
#define xdp_ovs_classifier_lookup(CLS, VERSION, FLOW) \
    classifier_lookup(CLS, VERSION, FLOW, NULL)
#endif

/* Computes what actions may leave to the moment in which PACKET is sent: its
 * checksums. */
#if XDP_OVS_VERSION >= 305
#define xdp_ovs_finish_packet(PACKET) dp_packet_ol_send_prepare(PACKET, 0)
#else
#define xdp_ovs_finish_packet(PACKET) ((void) (PACKET))
#endif

/* To be called before actions are executed. */
#if XDP_OVS_VERSION >= 400
#define xdp_ovs_init_actions() ((void) 0)
#else
#define xdp_ovs_init_actions() odp_execute_init()
#endif

/* Calls FUNCTION, one of those that push the header DATA of the tunnel NETDEV
 * to PACKET, which comes from nowhere. */
#if XDP_OVS_VERSION >= 400
#define xdp_ovs_push_header(FUNCTION, NETDEV, PACKET, DATA) \
    FUNCTION(NETDEV, NULL, PACKET, DATA)
#else
#define xdp_ovs_push_header(FUNCTION, NETDEV, PACKET, DATA) \
    FUNCTION(NETDEV, PACKET, DATA)
#endif

/* Returns true if OVS itself adds the key "xdp-mode" to the status of AF_XDP
 * ports. */
static inline bool
xdp_ovs_reports_mode(void)
{
    return XDP_OVS_VERSION >= 305;
}

#endif /* xdp-ovs-compat.h */
