/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash of packets whose tunnel header is about to be pushed: it becomes
 * the UDP source port.
 *
 * The simple match lookup leaves the RSS hash out, and userspace would take
 * what an earlier packet has left in its place.  With this, a connection has
 * the source port that XDP gives it, whichever way its packets take.
 *
 * dpif-netdev.c includes this file.  It is not to be included elsewhere.
 */

#ifndef DPIF_NETDEV_HASH_H
#define DPIF_NETDEV_HASH_H 1

#include "dp-packet.h"
#include "flow.h"

/* Gives the packets of 'batch' that have no hash the one that they would have
 * got in another lookup. */
static void
dpif_netdev_hash_packets(struct dp_packet_batch *batch)
{
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (!dp_packet_rss_valid(packet)) {
            struct flow flow;

            /* That gives most packets one. */
            flow_extract(packet, &flow);
            if (!dp_packet_rss_valid(packet)) {
                dp_packet_set_rss_hash(packet, flow_hash_5tuple(&flow, 0));
            }
        }
    }
}

#endif /* dpif-netdev-hash.h */
