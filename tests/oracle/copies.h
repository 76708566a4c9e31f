/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copies of a packet that goes to several ports.
 */

#ifndef COPIES_H
#define COPIES_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "execute.h"

void load_egress(const char *object_path);
bool has_egress(void);
bool check_group(const struct executed *);
uint32_t run_egress(uint32_t ifindex, const void *data, size_t size,
                    size_t meta_size, void *out, size_t *out_size,
                    size_t *out_meta_size);

#endif /* copies.h */
