/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread "xdp_offload", for all that nobody should have to wait for: it
 * frees flow slots, and entries of connections, after a grace period, tries
 * refused megaflows again, offers those of new ports, keeps masks in the order
 * of their use, follows what happens to devices, deletes what ports have left
 * behind, and publishes coverage counters.
 *
 * The front of OVS's API starts it, without locks of the offload.  It holds
 * 'xdp_mutex' for a batch of megaflows at a time, and waits for grace periods
 * without it.
 */

#ifndef XDP_WORKER_H
#define XDP_WORKER_H 1

/* Starts the thread, once for the life of the process. */
void xdp_worker_start(void);

#endif /* xdp-worker.h */
