/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all ops that set fields have in common beside op.h.
 */

#ifndef BPF_SET_H
#define BPF_SET_H 1

#include "op.h"

/* Returns 'old' with the bits in 'mask' replaced by those of 'value', which is
 * zero elsewhere. */
#define SET_BITS(OLD, VALUE, MASK) ((VALUE) | ((OLD) & ~(MASK)))

#endif /* set.h */
