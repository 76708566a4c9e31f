/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of all megaflows that were offered since some start, in numbers
 * for the user: how many of them were offloaded, and for which reasons the
 * rest was not.
 *
 * There are two numbers for each reason.  "Refused" is how often some megaflow
 * was refused for it, anew or for the first time; a megaflow can be refused
 * for one reason after another.  "Never offloaded" is the number of megaflows
 * that never were in XDP and whose last reason it is; with those that were,
 * they add up to all that were offered.
 *
 * For custody and lib/xdp-command.c.  Thread safety: none; they hold
 * 'xdp_mutex'.
 */

#ifndef XDP_TOTALS_H
#define XDP_TOTALS_H 1

#include <stdint.h>

#include "openvswitch/hmap.h"
#include "xdp-translate.h"

struct ds;

struct xdp_totals {
    uint64_t n_offered;         /* Megaflows. */
    uint64_t n_offloaded;       /* Of them, those that ever were in XDP. */
    uint64_t n_displaced;       /* How often one left for a busier one. */
    struct hmap reasons;        /* Of the rest. */
};

void xdp_totals_init(struct xdp_totals *);
void xdp_totals_destroy(struct xdp_totals *);
void xdp_totals_refuse(struct xdp_totals *, enum xdp_reason,
                       const char *detail);
void xdp_totals_never(struct xdp_totals *, enum xdp_reason,
                      const char *detail, int change);
void xdp_totals_format(const struct xdp_totals *, struct ds *);

#endif /* xdp-totals.h */
