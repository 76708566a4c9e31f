/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bytes of an input of fuzz-xdp-translate mean.
 *
 *     1 byte       N, the number of pieces of the match that follow
 *     N pieces:
 *       2 bytes    offset in "struct flow", modulo its size, host byte order
 *       1 byte     length, 1 to FUZZ_PIECE_MAX, more wraps around
 *       L bytes    value
 *       L bytes    mask
 *     1 byte       what the object can do, FUZZ_CAPS_*
 *     4 bytes      only with FUZZ_CAPS_OPS: bits 0 to 31 of 'ops'
 *     the rest     netlink actions
 *
 * An input that ends early is continued with zeros.
 */

#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H 1

#define FUZZ_PIECE_MAX 16

/* Otherwise the object can do all there is. */
#define FUZZ_CAPS_OPS    0x01   /* It runs the ops that the input says. */
#define FUZZ_CAPS_LAYER2 0x02   /* It has the first three words of the key. */
#define FUZZ_CAPS_SHORT  0x04   /* A flow has 4 op slots. */
#define FUZZ_CAPS_SINGLE 0x08   /* A flow has one output. */
#define FUZZ_CAPS_MASKS  0x10   /* A mask has three words. */

#endif /* fuzz-input.h */
