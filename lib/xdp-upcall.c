/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-upcall.h. */

#include <config.h>

#include "xdp-upcall.h"

#include <string.h>

#include "dp-packet.h"
#include "entropy.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"

/* The secret, or 0 as long as nobody has asked for it. */
static atomic_uint64_t secret = 0;

/* Stores the number by which metadata are known in '*magic'.  Returns 0 or a
 * positive errno value, if there are no random numbers. */
int
xdp_upcall_magic(uint64_t *magic)
{
    static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
    int error = 0;

    ovs_mutex_lock(&mutex);
    atomic_read_relaxed(&secret, magic);
    while (!*magic && !error) {
        error = get_entropy(magic, sizeof *magic);
        if (!error) {
            atomic_store_relaxed(&secret, *magic);
        }
    }
    ovs_mutex_unlock(&mutex);
    return error;
}

/* If 'packet' was received from an AF_XDP socket and has metadata, takes them
 * off, stores them in '*meta' and returns true. */
bool
xdp_upcall_take_meta(struct dp_packet *packet, struct xdp_upcall_meta *meta)
{
    uint64_t magic;
    char *p;

    atomic_read_relaxed(&secret, &magic);
    if (!magic || packet->source != DPBUF_AFXDP
        || dp_packet_headroom(packet) < sizeof *meta) {
        return false;
    }
    p = (char *) dp_packet_data(packet) - sizeof *meta;
    memcpy(meta, p, sizeof *meta);
    if (meta->magic != magic) {
        return false;
    }

    /* The next packet in this memory may have none. */
    memset(p, 0, sizeof *meta);
    return true;
}
