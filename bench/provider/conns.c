/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of the benchmark's frames, inserted into the table of those in
 * XDP as OVS's connection tracker would have done when they were established.
 *
 * Connection number 'i' is that of flow 'i' (bench/frame.h) with TCP, in one
 * zone as it is, and in another one with its source address translated.
 */

#include <config.h>

#undef NDEBUG
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "provider.h"
#include "util.h"
#include "xdp-conn-table.h"

#include "../frame.h"

#define NAT_SRC 0x0c000000u     /* 12.0.0.0, of connection 0. */
#define TIMEOUT UINT64_C(86400000000000)
#define PLAIN_ZONE 1
#define NAT_ZONE 2

/* Connections of each zone, at most. */
#define MAX_CONNS 2000000

/* Theirs, first those of PLAIN_ZONE. */
static struct xdp_conn_owner *owners[2];

/* Implements xdp_conn_release_func. */
static void
release(struct xdp_conn_owner *owner,
        const struct xdp_conn *entry OVS_UNUSED)
{
    atomic_store(&owner->slot, 0);
}

/* Stores a tuple in direction 'dir' of 'entry'. */
static void
put_tuple(struct xdp_conn *entry, int dir, uint16_t zone, uint32_t src,
          uint16_t sport, uint32_t dst, uint16_t dport)
{
    const union xdp_conn_id id = {
        .src = htons(sport),
        .dst = htons(dport),
        .zone = zone,
        .proto = IPPROTO_TCP,
    };
    const ovs_be32 addresses[2] = { htonl(src), htonl(dst) };

    entry->dirs[dir].id = id.word;
    memcpy(&entry->dirs[dir].address, addresses, sizeof addresses);
}

/* Makes '*entry' connection 'i', with or without 'nat', at the time 'now'. */
static void
make_entry(uint32_t i, bool nat, uint64_t now, struct xdp_conn *entry)
{
    const uint16_t zone = nat ? NAT_ZONE : PLAIN_ZONE;
    const uint32_t src = BENCH_FRAME_SRC + i;

    memset(entry, 0, sizeof *entry);
    entry->flags = nat ? XDP_CONN_SRC_NAT : 0;
    entry->expiration = now + TIMEOUT;
    entry->timeout = TIMEOUT;
    put_tuple(entry, 0, zone, src, BENCH_FRAME_SPORT, BENCH_FRAME_DST,
              BENCH_FRAME_DPORT);
    put_tuple(entry, 1, zone, BENCH_FRAME_DST, BENCH_FRAME_DPORT,
              nat ? NAT_SRC + i : src, BENCH_FRAME_SPORT);
    entry->dirs[0].window = xdp_conn_window(
        BENCH_FRAME_SEQ, BENCH_FRAME_ACK + BENCH_FRAME_WINDOW);
    entry->dirs[1].window = xdp_conn_window(
        BENCH_FRAME_ACK, BENCH_FRAME_SEQ + BENCH_FRAME_WINDOW);
    for (int dir = 0; dir < 2; dir++) {
        entry->dirs[dir].max_win = BENCH_FRAME_WINDOW;
    }
}

/* Returns the owners of the 'n' connections from 'first' on, in the zone with
 * or without 'nat'. */
static struct xdp_conn_owner *
get_owners(bool nat, uint32_t first, uint32_t n)
{
    if (first >= MAX_CONNS || n > MAX_CONNS - first) {
        ovs_fatal(0, "there can be %d connections only", MAX_CONNS);
    }
    if (!owners[nat]) {
        owners[nat] = xcalloc(MAX_CONNS, sizeof *owners[nat]);
        xdp_conn_table_init(release);
    }
    return &owners[nat][first];
}

/* Inserts connections 'first' to 'first' + 'n' - 1, in the zone with or
 * without 'nat', unless there is no room.  Returns the nanoseconds that the
 * longest of these calls took. */
uint64_t
conns_insert(bool nat, uint32_t first, uint32_t n)
{
    struct xdp_conn_owner *mine = get_owners(nat, first, n);
    uint64_t longest = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t start = now_ns();
        struct xdp_conn entry;
        enum xdp_conn_result result;

        make_entry(first + i, nat, start, &entry);
        result = xdp_conn_table_insert(&mine[i], &entry, start);
        if (result != XDP_CONN_OK && result != XDP_CONN_FULL) {
            ovs_fatal(0, "inserting connection %"PRIu32" failed: %d",
                      first + i, result);
        }
        longest = MAX(longest, now_ns() - start);
    }
    return longest;
}

/* Takes what conns_insert() inserted out of the table. */
void
conns_withdraw(bool nat, uint32_t first, uint32_t n)
{
    struct xdp_conn_owner *mine = get_owners(nat, first, n);

    for (uint32_t i = 0; i < n; i++) {
        xdp_conn_table_withdraw(&mine[i]);
    }
}
