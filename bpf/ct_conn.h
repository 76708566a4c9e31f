/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the connection that a packet belongs to is found: what the references in
 * 'xdp_conn_refs' and the entries of 'xdp_conns' are, lib/xdp-abi-conn.h says.
 */

#ifndef BPF_CT_CONN_H
#define BPF_CT_CONN_H 1

#include "maps.h"
#include "order.h"
#include "parse_common.h"
#include "verifier.h"

/* Tests stop programs here and there (tests/xdp-ct-slow.bpf.c). */
#ifndef CT_STOP
#define CT_STOP(STOP)
#endif

/* Returns the connection at 'index', or NULL if there is no such place. */
static __always_inline struct xdp_conn *
ct_conn(__u32 index)
{
    return bpf_map_lookup_elem(&xdp_conns, &index);
}

/* Returns direction 'dir' of 'conn'. */
static __always_inline struct xdp_conn_dir *
ct_dir(struct xdp_conn *conn, __u32 dir)
{
    return dir ? &conn->dirs[1] : &conn->dirs[0];
}

/* Returns true if the tuple of 'packet' is that of direction 'dir' of
 * 'conn'. */
static __always_inline bool
ct_is_of(const struct xdp_ct_packet *packet, struct xdp_conn *conn, __u32 dir)
{
    const struct xdp_conn_dir *d = ct_dir(conn, dir);
    __u64 diff = (d->id ^ packet->id) | (d->address ^ packet->address);

    if (packet->id & PARSE_PLACE(1, 1, 7)) {
        const __u64 *more = dir ? conn->more[1] : conn->more[0];

        diff |= ((more[0] ^ packet->more[0]) | (more[1] ^ packet->more[1])
                 | (more[2] ^ packet->more[2]));
    }
    return !diff;
}

/* Returns the reference with 'tag' in 'refs', without the tag, or 0. */
static __always_inline __u32
ct_find_ref(const __u32 refs[XDP_CONN_REFS], __u32 tag)
{
#pragma clang loop unroll(full)
    for (int i = 0; i < XDP_CONN_REFS; i++) {
        __u32 ref = *(volatile const __u32 *) &refs[i] ^ tag;

        if (ref - 1 < (1u << XDP_CONN_REF_BITS) - 1) {
            return ref;
        }
    }
    return 0;
}

/* Finds the connection that the tuple of 'packet' leads to, and stores it,
 * what it has in 'valid', and the direction there.  Returns it, or NULL if
 * there is none. */
static __always_inline struct xdp_conn *
ct_find(struct xdp_scratch *scratch, struct xdp_ct_packet *packet)
{
    struct xdp_conn_place place;
    struct xdp_conn_refs *refs;
    __u32 bucket;

    place = xdp_conn_place(xdp_conn_hash(packet->id, packet->address,
                                         packet->more,
                                         (packet->id
                                          & PARSE_PLACE(1, 1, 7)) != 0,
                                         xdp_conn_secret),
                           xdp_conn_bits);
    bucket = place.bucket;
    refs = bpf_map_lookup_elem(&xdp_conn_refs, &bucket);
    if (!refs) {
        return NULL;
    }
    for (__u32 i = 0; i < 2; i++) {
        __u64 half = verifier_mask(place.half ^ i, 1);
        __u32 ref = ct_find_ref(refs->refs[half], place.tag);
        struct xdp_conn *conn;

        if (!ref) {
            continue;
        }
        conn = ct_conn((ref - 1) / 2);
        if (!conn) {
            continue;
        }
        CT_STOP(REF);
        packet->valid = *(volatile __u32 *) &conn->valid;
        if (!packet->valid) {
            continue;
        }
        CT_STOP(VALID);
        order_reads(scratch);
        packet->dir = (ref - 1) & 1;
        if (ct_is_of(packet, conn, packet->dir)) {
            packet->conn = (ref - 1) / 2 + 1;
            return conn;
        }
    }
    return NULL;
}

#endif /* ct_conn.h */
