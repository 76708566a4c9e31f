/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for system calls that take long, so that nobody waits for them who
 * holds a lock: those that end only after a grace period, and those that make
 * large maps.
 *
 * There are as many threads as there ever were jobs at a time, and some more,
 * up to a limit.  They stay: a busy CPU turns sooner to a thread that wakes up
 * than to one that is new.  They are no threads of OVS, whose RCU would wait
 * for them, and have small stacks, which may be locked in memory.
 *
 * For lib/xdp-subtable.c and lib/xdp-swap.c.  May be called from any thread,
 * with any lock; a job runs without any.
 */

#ifndef XDP_POOL_H
#define XDP_POOL_H 1

#include <stdbool.h>

#include "openvswitch/list.h"

/* Something to do.  Belongs to a thread until 'run' has been called, which may
 * free it. */
struct xdp_job {
    struct ovs_list list_node;
    void (*run)(struct xdp_job *);
};

bool xdp_pool_has_room(int n);
void xdp_pool_run(struct xdp_job *);

#endif /* xdp-pool.h */
