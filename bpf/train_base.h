/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What trains of IPv4 (train.h) and IPv6 (train_ipv6.h) have in common: where
 * the headers of a packet begin that has one VLAN tag or none.
 */

#ifndef BPF_TRAIN_BASE_H
#define BPF_TRAIN_BASE_H 1

#include "maps.h"
#include "verifier.h"

/* Offsets in a packet... */
#define TRAIN_MAC_END   8
#define TRAIN_TAG       12

/* ...and behind its VLAN tag, if it has one, of TRAIN_TAG_LEN bytes. */
#define TRAIN_TAG_LEN   4
#define TRAIN_ETH_TYPE  12

#define TRAIN_UDP_LEN   8

/* Returns where the offsets of the packet at 'data' count from behind
 * 'tags_len' bytes of VLAN tags, or NULL if it is shorter than 'len' from
 * there. */
static __always_inline void *
train_base_of(void *data, void *end, __u32 tags_len, __u32 len)
{
    void *base = data + verifier_mask(tags_len, TRAIN_TAG_LEN);

    return base + len > end ? NULL : base;
}

#endif /* train_base.h */
