/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XDP objects: check, load, attach.
 *
 * An object is an ELF file with an XDP program and an XSKMAP named 'xsks_map'.
 * If it also declares the flow table contract (lib/xdp-abi.h) in its BTF, it
 * comes with a "struct xdp_flow_table" and is loaded only once, for all ports
 * that use the same file.  Otherwise each port gets an instance of its own.
 *
 * Thread safety
 * =============
 *
 * xdp_object_check() and xdp_object_unload() may be called from any thread.
 * The rest shares a list of
 * loaded objects that 'xdp_mutex' protects.  What takes long is done without
 * it: xdp_object_get() releases it, and xdp_object_put() leaves unloading to
 * the caller.
 */

#ifndef XDP_PROGRAM_H
#define XDP_PROGRAM_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "xdp-contract.h"
#include "xdp-flow-table.h"

/* A loaded object.  The members are read-only for users. */
struct xdp_object {
    struct ovs_list list_node;  /* Free for use between put and unload. */
    char *path;
    bool has_table;             /* Does it keep the flow table contract? */
    struct xdp_caps caps;       /* If 'has_table'. */
    char *tc_problem;           /* Why its programs for tc were not loaded, or
                                 * NULL if they were, or it has none. */
    struct xdp_flow_table *table; /* If 'has_table'. */
    struct xdp_object_private *private;
};

/* File descriptors of the programs of "struct xdp_tc_programs". */
struct xdp_tc_fds {
    int flow_table;
    int entry;
    int from_userspace;
    int to_userspace;
};

int xdp_object_check(const char *path, bool *has_table,
                     struct xdp_caps *caps, char **errp);

int xdp_object_get(const char *path, const struct xdp_flow_table_limits *,
                   bool locked, struct xdp_object **objectp, char **errp);
void xdp_object_ref(struct xdp_object *);
struct xdp_object *xdp_object_put(struct xdp_object *);
void xdp_object_unload(struct xdp_object *);
const struct ovs_list *xdp_object_list(void);
void xdp_object_take_counters(uint64_t counters[XDP_COUNTER_MAX]);

int xdp_object_attach(const struct xdp_object *, int ifindex, uint32_t flags,
                      char **errp);
void xdp_object_tc_fds(const struct xdp_object *, struct xdp_tc_fds *);
int xdp_object_set_socket(const struct xdp_object *, uint32_t index,
                          int xsk_fd);
uint32_t xdp_object_program_id(const struct xdp_object *);

#endif /* xdp-program.h */
