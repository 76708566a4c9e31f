/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-totals.h. */

#include <config.h>

#include "xdp-totals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* A reason with its detail. */
struct total {
    struct hmap_node node;      /* In 'reasons' of "struct xdp_totals". */
    enum xdp_reason reason;
    char *detail;               /* Or an empty string. */
    uint64_t n_refused;
    uint64_t n_never;           /* Never offloaded. */
};

/* Makes '*totals' zero. */
void
xdp_totals_init(struct xdp_totals *totals)
{
    totals->n_offered = 0;
    totals->n_offloaded = 0;
    totals->n_displaced = 0;
    hmap_init(&totals->reasons);
}

/* Frees what 'totals' holds. */
void
xdp_totals_destroy(struct xdp_totals *totals)
{
    struct total *total;

    HMAP_FOR_EACH_POP (total, node, &totals->reasons) {
        free(total->detail);
        free(total);
    }
    hmap_destroy(&totals->reasons);
}

/* Returns true if the details of 'reason' are names out of a list that is
 * known beforehand.  The others, like names of ports, are not worth a number
 * of their own, and there can be any number of them. */
static bool
counts_details(enum xdp_reason reason)
{
    switch (reason) {
    case XDP_REASON_FIELD:
    case XDP_REASON_ACTION:
    case XDP_REASON_ORDER:
    case XDP_REASON_OUTPUTS:
    case XDP_REASON_N_OPS:
        return true;

    case XDP_REASON_NONE:
    case XDP_REASON_OFF:
    case XDP_REASON_NO_TABLE:
    case XDP_REASON_RECIRC:
    case XDP_REASON_METER:
    case XDP_REASON_TARGET_TYPE:
    case XDP_REASON_TARGET:
    case XDP_REASON_FLOWS_FULL:
    case XDP_REASON_MASKS_FULL:
    case XDP_REASON_GROUPS_FULL:
    case XDP_REASON_DIGEST:
    case XDP_REASON_BUSY:
    case XDP_REASON_SYSTEM:
    case XDP_N_REASONS:
    default:
        return false;
    }
}

/* Returns the numbers of 'reason' with 'detail', which may be NULL. */
static struct total *
get_total(struct xdp_totals *totals, enum xdp_reason reason,
          const char *detail)
{
    const char *name = detail && counts_details(reason) ? detail : "";
    uint32_t hash = hash_string(name, reason);
    struct total *total;

    HMAP_FOR_EACH_WITH_HASH (total, node, hash, &totals->reasons) {
        if (total->reason == reason && !strcmp(total->detail, name)) {
            return total;
        }
    }
    total = xzalloc(sizeof *total);
    total->reason = reason;
    total->detail = xstrdup(name);
    hmap_insert(&totals->reasons, &total->node, hash);
    return total;
}

/* Counts the refusal of a megaflow for 'reason' with 'detail', which may be
 * NULL. */
void
xdp_totals_refuse(struct xdp_totals *totals, enum xdp_reason reason,
                  const char *detail)
{
    get_total(totals, reason, detail)->n_refused++;
}

/* Adds 'change' to the megaflows that were never offloaded, of which 'reason'
 * with 'detail', which may be NULL, is the last reason. */
void
xdp_totals_never(struct xdp_totals *totals, enum xdp_reason reason,
                 const char *detail, int change)
{
    get_total(totals, reason, detail)->n_never += change;
}

/* Orders two "struct total *" by reason and detail. */
static int
compare_totals(const void *a_, const void *b_)
{
    const struct total *const *a = a_;
    const struct total *const *b = b_;

    return ((*a)->reason != (*b)->reason
            ? ((*a)->reason < (*b)->reason ? -1 : 1)
            : strcmp((*a)->detail, (*b)->detail));
}

/* Appends 'totals' to 's', in lines for people that a script can read, too. */
void
xdp_totals_format(const struct xdp_totals *totals, struct ds *s)
{
    size_t n = hmap_count(&totals->reasons);
    const struct total **array = xmalloc((n + 1) * sizeof *array);
    uint64_t n_refused[XDP_N_REASONS] = { 0 };
    const struct total *total;
    size_t i = 0;

    HMAP_FOR_EACH (total, node, &totals->reasons) {
        n_refused[total->reason] += total->n_refused;
        array[i++] = total;
    }
    qsort(array, n, sizeof *array, compare_totals);

    ds_put_cstr(s, "refused since start:\n");
    i = 0;
    for (int reason = XDP_REASON_NONE + 1; reason < XDP_N_REASONS; reason++) {
        ds_put_format(s, "  %s: %"PRIu64"\n", xdp_reason_to_string(reason),
                      n_refused[reason]);
        for (; i < n && array[i]->reason == reason; i++) {
            if (array[i]->detail[0]) {
                ds_put_format(s, "    %s: %"PRIu64"\n", array[i]->detail,
                              array[i]->n_refused);
            }
        }
    }

    ds_put_format(s, "megaflows since start: %"PRIu64" offered, %"PRIu64" "
                  "offloaded, %"PRIu64" never:\n",
                  totals->n_offered, totals->n_offloaded,
                  totals->n_offered - totals->n_offloaded);
    for (i = 0; i < n; i++) {
        if (array[i]->n_never) {
            ds_put_format(s, "  %"PRIu64" %s%s%s\n", array[i]->n_never,
                          xdp_reason_to_string(array[i]->reason),
                          array[i]->detail[0] ? ": " : "", array[i]->detail);
        }
    }
    free(array);
}
