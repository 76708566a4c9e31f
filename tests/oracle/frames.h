/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets to run the program on.
 */

#ifndef FRAMES_H
#define FRAMES_H 1

#include <stddef.h>
#include <stdint.h>

#include "coverage.h"
#include "oracle.h"

struct flow;

/* A packet under construction. */
struct frame {
    /* The first byte of the packet, 2 bytes off a multiple of 4 as OVS wants
     * it. */
    uint16_t pad;
    uint8_t data[2 * MAX_PACKET];
    size_t size;
};

/* Putting one together. */
void put(struct frame *, const void *, size_t n);
void put_random(struct frame *, size_t n);
void put16(struct frame *, uint16_t);

/* Whole packets. */
void make_packet(struct frame *, enum packet_kind, int n_tags);
void make_any_packet(struct frame *, uint64_t index);
void make_small_packet(struct frame *);
void mutate(struct frame *);

void extract(const void *data, size_t size, uint32_t odp_port, struct flow *);
uint32_t rss_hash(const void *data, size_t size);

#endif /* frames.h */
