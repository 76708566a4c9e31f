/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Incremental updates of Internet checksums (RFC 1624, equation 3), with the
 * results of OVS's lib/csum.c, down to which of the two zeros comes out.
 *
 * What changes is first added up, in a "difference" of any size: each old 16
 * bits complemented, and the new ones.  One's complement arithmetic does not
 * care for byte order.
 */

#ifndef BPF_CSUM_H
#define BPF_CSUM_H 1

#include "maps.h"

/* Returns 'diff' with the change of 16 bits from 'old' to 'new'. */
static __always_inline __u32
csum_diff16(__u32 diff, __u16 old, __u16 new)
{
    return diff + (__u16) ~old + new;
}

/* Returns 'diff' with the change of 32 bits from 'old' to 'new'. */
static __always_inline __u32
csum_diff32(__u32 diff, __u32 old, __u32 new)
{
    return csum_diff16(csum_diff16(diff, old, new), old >> 16, new >> 16);
}

/* Returns checksum 'csum' after the change 'diff'. */
static __always_inline __u16
csum_apply(__u16 csum, __u32 diff)
{
    __u32 sum = (__u16) ~csum + diff;

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

/* As csum_apply(), for UDP (RFC 768): without checksum, 'csum' is zero and
 * stays so, and a checksum is never zero. */
static __always_inline __u16
csum_apply_udp(__u16 csum, __u32 diff)
{
    if (csum) {
        csum = csum_apply(csum, diff);
        if (!csum) {
            csum = 0xffff;
        }
    }
    return csum;
}

#endif /* csum.h */
