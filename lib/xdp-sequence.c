/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-sequence.h. */

#include <config.h>

#include "xdp-sequence.h"

#include "flow.h"
#include "ovs-thread.h"
#include "util.h"
#include "xdp-abi.h"
#include "xdp-shared.h"

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* By the datapath's number of the tunnel, the next sequence number in the
 * lower 32 bits. */
static struct xdp_shared sequences OVS_GUARDED_BY(mutex)
    = XDP_SHARED_INITIALIZER("xdp_sequences", sizeof(uint64_t),
                             XDP_SEQUENCE_MAX);

/* Returns the counters. */
static uint64_t *
get_sequences(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static uint64_t *values;

    if (ovsthread_once_start(&once)) {
        ovs_mutex_lock(&mutex);
        values = xdp_shared_values(&sequences);
        ovs_mutex_unlock(&mutex);
        ovsthread_once_done(&once);
    }
    return values;
}

/* Returns the next sequence number of the datapath's port 'tunnel', or of
 * '*own' if its number is so large that it has no counter here. */
uint32_t
xdp_sequence_next(odp_port_t tunnel, xdp_ovs_sequence *own)
{
    if (odp_to_u32(tunnel) >= XDP_SEQUENCE_MAX) {
        return xdp_ovs_sequence_next(own);
    }
    return __sync_fetch_and_add(&get_sequences()[odp_to_u32(tunnel)], 1);
}

/* Returns the file descriptor of the map 'xdp_sequences', which the caller
 * must give back with xdp_sequence_close().  On failure, returns -1 with a
 * message in '*errp', which the caller frees. */
int
xdp_sequence_open(char **errp)
{
    int fd;

    ovs_mutex_lock(&mutex);
    fd = xdp_shared_open(&sequences, errp);
    ovs_mutex_unlock(&mutex);
    return fd;
}

/* Gives the map back.  The counters stay. */
void
xdp_sequence_close(void)
{
    ovs_mutex_lock(&mutex);
    xdp_shared_close(&sequences);
    ovs_mutex_unlock(&mutex);
}
