/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract that an XDP object keeps, as its BTF and its maps say: from an
 * object that is open to what it is able to do (struct xdp_caps).
 *
 * This module promises that an object with a contract that it accepts has all
 * maps and programs of lib/xdp-abi.h that its capabilities need, of the right
 * types and sizes.  It knows neither files nor the kernel, has no state, and
 * may be called from any thread with any lock: by lib/xdp-program.c and
 * lib/xdp-prepare.c, which load objects, and by whoever reports about them.
 */

#ifndef XDP_CONTRACT_H
#define XDP_CONTRACT_H 1

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "xdp-abi.h"

struct bpf_object;
struct bpf_program;
struct ds;

/* What an object can do. */
struct xdp_caps {
    struct xdp_key fields;      /* Ones in the bits that it has. */
    uint64_t ops;               /* Bit i: it runs op i of xdp_op_type. */
    uint32_t max_words;         /* Words of the largest mask. */
    uint32_t max_ops;           /* Op slots of a flow. */
    uint32_t max_outputs;       /* Outputs of a flow. */

    /* The same at tc. */
    uint64_t tc_ops;            /* 0 if there are no programs for tc. */
    uint32_t tc_max_outputs;
};

/* The programs for ports at tc. */
struct xdp_tc_programs {
    struct bpf_program *flow_table; /* At tc ingress of the port's device... */
    struct bpf_program *entry;  /* ...or, without BPF links there, this. */
    struct bpf_program *from_userspace; /* At tc ingress of a companion. */
    struct bpf_program *to_userspace; /* At XDP of its other end. */
};

/* The maps of the contract. */
enum xdp_contract_map {
    XDP_MAP_XSKS,
    XDP_MAP_TX_PORTS,
    XDP_MAP_PORTS,
    XDP_MAP_PORT_STATS,
    XDP_MAP_MASKS,
    XDP_MAP_SUBTABLES,
    XDP_MAP_FLOWS,
    XDP_MAP_FLOW_REST,
    XDP_MAP_FLOW_STATS,
    XDP_MAP_COUNTERS,
    XDP_MAP_GROUPS,
    XDP_MAP_METERS,
    XDP_MAP_SEQUENCES,
    XDP_MAP_CONNS,
    XDP_MAP_CONN_REFS,
    XDP_MAP_PROGRAMS,
    XDP_MAP_MASK_HITS,
    XDP_MAP_HINT_FOLDS,
    XDP_MAP_CPUS,
    XDP_MAP_TARGETS,
    XDP_MAP_COMPANIONS,
    XDP_N_CONTRACT_MAPS
};

struct xdp_contract_map_info {
    const char *name;
    enum bpf_map_type type;
    uint32_t value_size;
    uint32_t inner_value_size;  /* Of the maps in a map of maps, if they are
                                 * ARRAYs... */
    uint32_t inner_max_entries; /* ...with so many elements. */
    bool for_outputs;           /* Only for more than one output? */
    bool optional;              /* May an object do without it? */
    bool for_tc;                /* Only for programs at tc? */
    enum xdp_op_type for_op;    /* Only for this op? */
};

extern const struct xdp_contract_map_info
    xdp_contract_maps[XDP_N_CONTRACT_MAPS];

int xdp_contract_read(const char *path, struct bpf_object *, bool *has_table,
                      struct xdp_caps *, char **errp);
bool xdp_contract_has_op(const struct xdp_caps *, enum xdp_op_type);
bool xdp_contract_has_tc(const struct xdp_caps *);
void xdp_contract_drop_tc_caps(struct xdp_caps *);
void xdp_contract_take_tc_caps(struct xdp_caps *);
void xdp_contract_take_common_caps(struct xdp_caps *);
struct bpf_program *xdp_contract_entry_program(struct bpf_object *);
struct bpf_program *xdp_contract_egress_program(struct bpf_object *);
bool xdp_contract_tc_programs(struct bpf_object *, struct xdp_tc_programs *);
void xdp_contract_leave_out_tc(struct bpf_object *);
const char *xdp_op_to_string(enum xdp_op_type);
void xdp_contract_format_caps(const struct xdp_caps *, struct ds *);

#endif /* xdp-contract.h */
