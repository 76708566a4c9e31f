/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dpif-netdev has put and deleted, on its way into custody.
 *
 * In OVS 4.0 a flow is put and deleted by whoever does so in the datapath,
 * which may be a PMD thread that holds its 'flow_mutex'.  Custody may let its
 * callers wait, and a PMD thread must not.  So here is a queue, and a thread
 * that takes everything in the order in which it came.  Only that order counts
 * for a flow: dpif-netdev puts a flow as often as it likes and then deletes it
 * once.
 *
 * Thread safety: all functions may be called from any thread.  Those that
 * append neither wait for anybody nor take a lock;
 * dpif_offload_xdp_queue_wait() must not be called with a lock that custody
 * takes (see lib/xdp-netdev.h), or in a callback of a deletion.
 */

#ifndef DPIF_OFFLOAD_XDP_QUEUE_H
#define DPIF_OFFLOAD_XDP_QUEUE_H 1

#include <stddef.h>

struct dp_netdev_flow;
struct dpif_offload_flow_del;
struct nlattr;

void dpif_offload_xdp_queue_start(void);
void dpif_offload_xdp_queue_put(struct dp_netdev_flow *,
                                const struct nlattr *actions,
                                size_t actions_len);
void dpif_offload_xdp_queue_del(const struct dpif_offload_flow_del *);
void dpif_offload_xdp_queue_wait(void);

#endif /* dpif-offload-xdp-queue.h */
