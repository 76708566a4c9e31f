/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the translation of actions, lib/xdp-translate-*.c, share.
 * Not to be included elsewhere.
 *
 * Calls go one way: the list of actions (-actions.c) uses what sets fields
 * (-set.c), what pushes and pops the headers of tunnels (-tunnel.c), and what
 * tracks connections (-ct.c), and all of them put ops (-op.c).
 *
 * A "struct translator" belongs to one call of xdp_translate_actions(): no
 * lock is needed.
 */

#ifndef XDP_TRANSLATE_PRIVATE_H
#define XDP_TRANSLATE_PRIVATE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp-translate.h"

/* What hashes are of, and how connections are found. */
#define TRANSLATE_ALL_PARTS \
    (XDP_PART_NETWORK | XDP_PART_TRANSPORT | XDP_PART_EXTENDED)

/* A translation under way. */
struct translator {
    const struct xdp_caps *caps;
    xdp_translate_port_func *lookup_port;
    void *aux;
    struct xdp_translation *tr;
    const char *name;           /* Of the action under translation. */
    size_t n_outputs;
    size_t end;                 /* Op slots up to the last output. */
    bool changed;               /* Was the packet changed? */
    size_t n_tags;              /* VLAN tags that it has, as far as known: none
                                 * after MPLS, since a label goes right behind
                                 * the last tag that is looked at. */
    struct xdp_op *popped;      /* If that was the last op: the pop of one of
                                 * them.  Otherwise NULL. */
    bool mpls_changed;          /* Was there a push or a pop of MPLS... */
    bool mpls_popped;           /* ...or a pop? */
    bool metered;               /* Was there a meter? */
    int depth;                  /* Of nested lists of actions. */
    bool tunneled;              /* Was a tunnel's header pushed? */
    bool truncates;             /* Was there a truncation... */
    bool truncated;             /* ...and the output that it is for? */
    size_t n_cts;               /* How often the packet is tracked. */
    bool untracks;              /* Was there a ct_clear since? */
    const char *new_tuple;      /* First action that changed what connections
                                 * are found by, or NULL. */
    const char *overflow;       /* First action that did not fit, or NULL. */
};

/* xdp-translate-op.c. */
enum xdp_reason translate_refuse(const struct translator *, enum xdp_reason,
                                 const char *detail);
enum xdp_reason translate_put_op(struct translator *, enum xdp_op_type,
                                 const struct xdp_op *,
                                 const union xdp_op_data *, size_t n);
enum xdp_reason translate_put_needed_op(struct translator *, enum xdp_op_type,
                                        const struct xdp_op *,
                                        const union xdp_op_data *, size_t n);
bool translate_is_dl_type(const struct translator *, uint16_t dl_type);
bool translate_is_mpls(const struct translator *);

/* xdp-translate-set.c. */
enum xdp_reason translate_set(struct translator *, const struct nlattr *,
                              bool masked);

/* xdp-translate-tunnel.c. */
enum xdp_reason translate_tnl_push(struct translator *, const struct nlattr *);
enum xdp_reason translate_tnl_pop(struct translator *, const struct nlattr *,
                                  const struct nlattr *next);
bool translate_can_follow_push(const struct nlattr *);

/* xdp-translate-ct.c. */
enum xdp_reason translate_ct(struct translator *, const struct nlattr *);
void translate_ct_clear(struct translator *);
enum xdp_reason translate_untrack(struct translator *);

#endif /* xdp-translate-private.h */
