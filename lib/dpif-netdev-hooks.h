/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dpif-netdev.c does for the offload: what works on things that are
 * private there.  The patches of OVS have it, so this header has no source
 * file, and knows nothing of the offload.
 *
 * Thread safety: for any thread, without locks of the offload, and of the
 * datapath's with those only that a function names.
 */

#ifndef DPIF_NETDEV_HOOKS_H
#define DPIF_NETDEV_HOOKS_H 1

#include <stdbool.h>
#include <stdint.h>

struct dp_netdev_flow;
struct dp_netdev_pmd_thread;
struct match;

/* Calls 'cb' for each thread of each datapath, without a lock.  What there is
 * in memory of the thread stays meanwhile, also if it ends. */
void dpif_netdev_for_each_pmd(void (*cb)(struct dp_netdev_pmd_thread *,
                                         void *aux),
                              void *aux);

/* Locks the list of datapaths, for which the main thread waits whenever it has
 * nothing to do, and 'pmd->flow_mutex'.  So the flows of 'pmd' stay, and its
 * datapath.  Returns false, without a lock, if 'pmd' has ended. */
bool dpif_netdev_lock_pmd(struct dp_netdev_pmd_thread *pmd);

/* Unlocks them. */
void dpif_netdev_unlock_pmd(struct dp_netdev_pmd_thread *pmd);

/* Offers 'flow' of 'pmd', which matches on 'match', to the offload, as for a
 * modification.  The caller has locked 'pmd'. */
void dpif_netdev_offer_flow(struct dp_netdev_pmd_thread *pmd,
                            struct dp_netdev_flow *, struct match *);

/* Adds to the drop counters of coverage/show: 'meter' packets dropped by
 * meters, 'invalid_port' for which the output port was gone, and
 * 'recirc_error' that could not be recirculated. */
void dpif_netdev_count_drops(uint64_t meter, uint64_t invalid_port,
                             uint64_t recirc_error);

#endif /* dpif-netdev-hooks.h */
