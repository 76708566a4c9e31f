/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the flow table, lib/xdp-flow-table.c and
 * lib/xdp-table-*.c, share.  Not to be included elsewhere.
 *
 * Calls go one way: flows (xdp-flow-table.c) use slots, groups, ports and
 * masks; slots, groups and ports use masks, slots also the room for the rest
 * of flows; groups tell what is for tc; order and reports use what is there,
 * and so do hints, which flows tell when there are more of these.
 *
 * Thread safety: that of lib/xdp-flow-table.h.
 */

#ifndef XDP_FLOW_TABLE_PRIVATE_H
#define XDP_FLOW_TABLE_PRIVATE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "ovs-atomic.h"
#include "util.h"
#include "xdp-abi-tc.h"
#include "xdp-flow-table.h"
#include "xdp-subtable.h"

BUILD_ASSERT_DECL(sizeof(struct xdp_key) == XDP_KEY_WORDS * 8);

/* Where the parts of a key begin. */
#define TABLE_BASIC_SIZE (XDP_KEY_BASIC_WORDS * sizeof(uint64_t))
#define TABLE_EXT_SIZE (XDP_KEY_EXT_WORDS * sizeof(uint64_t))
#define TABLE_CT_SIZE (XDP_KEY_CT_WORDS * sizeof(uint64_t))
#define TABLE_TUNNEL_SIZE (XDP_KEY_TUNNEL_WORDS * sizeof(uint64_t))
#define TABLE_CT_OFS (TABLE_BASIC_SIZE + TABLE_EXT_SIZE)
#define TABLE_TUNNEL_OFS (TABLE_CT_OFS + TABLE_CT_SIZE)
#define TABLE_CT_WORD (XDP_KEY_BASIC_WORDS + XDP_KEY_EXT_WORDS)
#define TABLE_CT_TUPLE_WORD (TABLE_CT_WORD + XDP_KEY_CT_BASIC_WORDS)
BUILD_ASSERT_DECL(TABLE_CT_OFS == offsetof(struct xdp_key, ct_state));
BUILD_ASSERT_DECL(TABLE_TUNNEL_OFS == offsetof(struct xdp_key, tun_ip_src));
BUILD_ASSERT_DECL(TABLE_TUNNEL_OFS + TABLE_TUNNEL_SIZE
                  == sizeof(struct xdp_key));

/* The parts of the key that a flow needs whose ops need any. */
#define TABLE_ALL_PARTS \
    (XDP_PART_NETWORK | XDP_PART_TRANSPORT | XDP_PART_EXTENDED)

/* A mask in the table. */
struct table_mask {
    struct hmap_node node;      /* In 'masks_by_bits' of the table. */
    bool in_use;                /* In that hmap? */
    struct xdp_key bits;        /* The full mask. */
    struct xdp_subtable subtable; /* Of its flows. */
    uint64_t unused_since;      /* Epoch in which the last flow left. */
};

/* What a flow has had slots for before its present one. */
struct table_history {
    struct ovs_list old_slots;  /* Its "struct table_garbage"s. */
    struct xdp_flow_table_stats base; /* From slots that are free again. */
};

/* A flow in the table. */
struct xdp_table_flow {
    struct xdp_subtable_entry entry; /* In the subtable of its mask. */
    struct table_history *history; /* NULL if it was never modified. */
    uint32_t in_port;
    uint16_t mask;
    uint8_t parts;              /* Of its actions. */
};

/* A slot that programs may still look at. */
struct table_garbage {
    struct ovs_list list_node;  /* In 'garbage' of the table. */
    struct ovs_list flow_node;  /* In 'old_slots' of 'history'. */
    struct table_history *history; /* Whose statistics it has, or NULL. */
    uint32_t slot;
    uint64_t epoch;
};

/* An ingress port and a target. */
struct table_port {
    uint32_t *n_flows;          /* By mask id, NULL if no ingress port. */
    uint32_t n_deep;            /* Flows whose ops need all parts. */
    uint32_t ifindex;           /* Device to redirect to, or 0. */
    uint32_t n_leading;         /* Flows that lead there. */
    bool egress;                /* All its entries have 'xdp_egress', and no
                                 * program has seen them without? */
    uint64_t egress_since;      /* Epoch in which all got it, or 0. */
};

/* One output of a flow. */
struct table_output {
    uint32_t port;
    uint32_t ifindex;
};

/* A group. */
struct table_group {
    struct hmap_node node;      /* In 'groups_by_outputs' of the table. */
    bool in_use;                /* In that hmap? */
    struct table_output outputs[XDP_FLOW_MAX_OPS]; /* By port. */
    size_t n_outputs;
    int fd;                     /* The inner map, or -1. */
    uint32_t n_slots;           /* Flow slots that are not free. */
    uint64_t unused_since;      /* Epoch in which the last slot left. */
};

/* How much of the hint cache is in use, and why. */
struct table_hints {
    uint32_t n_used;            /* Hints of a CPU: a power of 2, or 0. */
    uint32_t n_crowding;        /* Flows when the packets of some found no
                                 * room for their hints, and there became
                                 * more of these, or 0. */
    bool settling;              /* Has 'n_used' changed since the walks were
                                 * last looked at? */
    uint64_t n_walks;           /* How many there were then... */
    uint64_t n_lookups;         /* ...and what may have led to one. */
};

struct xdp_flow_table {
    struct xdp_flow_table_maps fds;
    struct xdp_flow_table_limits limits;
    uint64_t digest_secret[XDP_KEY_WORDS];
    unsigned int n_cpus;

    /* The maps in our address space. */
    struct xdp_flow *flows;
    struct xdp_flow_stats *flow_stats;
    struct xdp_mask *masks_map;
    struct xdp_port *ports_map;
    uint64_t *mask_hits;        /* NULL if the object does not count them. */
    struct xdp_target *targets; /* NULL if it does not ask for them. */
    uint64_t *hint_folds;       /* NULL if it does not ask how much of the
                                 * hint cache is in use. */
    uint64_t *cpus;             /* NULL if it does not say on which CPUs its
                                 * programs have run. */

    struct table_mask *masks;   /* By mask id. */
    struct hmap masks_by_bits;
    struct table_group *groups; /* XDP_MAX_GROUPS, of which 0 is unused. */
    struct hmap groups_by_outputs;
    struct table_port *ports;   /* By port number. */
    int dummy_fd;               /* Inner map for the last subtable. */
    struct xdp_subtable_creation *next_map; /* For the next new mask, or
                                             * NULL. */

    uint16_t *slot_groups;      /* By slot, if it is not free. */
    uint32_t *next_free;        /* By slot, if it is free: the next one of its
                                 * chunk that is. */
    uint32_t n_free_slots;

    /* See xdp-table-rest.c. */
    struct table_chunk *chunks;
    uint32_t n_chunks;
    struct ovs_list plain;      /* With free slots, but without room for the
                                 * rest of a flow... */
    struct ovs_list complete;   /* ...and with room. */
    struct ovs_list completing; /* On their way from there to here. */
    uint32_t n_complete;        /* Chunks. */
    uint32_t n_free_complete;   /* Free slots of 'complete'... */
    uint32_t n_free_completing; /* ...and of 'completing'. */
    int complete_error;         /* Why a chunk could not be completed... */
    long long int complete_at;  /* ...and when that may be tried again. */

    uint32_t n_flows;
    uint64_t n_made;            /* Masks and groups, so far. */
    struct table_hints hints;
    uint32_t last_valid;        /* Last number given to a slot's 'valid'. */
    struct ovs_list garbage;    /* Oldest first. */
    bool lists_busy;            /* Are there lists of masks that programs may
                                 * still look at? */
    uint64_t lists_epoch;       /* When the last of them was replaced. */
    bool egress_busy;           /* Does a flow wait until no program has seen
                                 * a port without 'xdp_egress'? */
    uint32_t next_sorted;       /* First port whose masks the current pass has
                                 * not sorted; 'n_ports' between passes. */
    uint64_t epoch;
    uint64_t waited_epoch;      /* Of all epochs before this one, no program
                                 * runs any more. */
};

/* The group of a flow: one that there is, or one to be made. */
struct table_group_choice {
    struct table_output outputs[XDP_FLOW_MAX_OPS]; /* By port. */
    size_t n_outputs;
    bool differ;                /* Do the copies? */
    uint32_t id;                /* 0 if the flow needs none. */
    bool is_new;                /* Must it be made? */
};

/* Stores 'value' in '*p', which XDP programs read, after all earlier writes.
 * Plain memory in which a 32-bit store is atomic. */
static inline void
table_publish(uint32_t *p, uint32_t value)
{
    atomic_thread_fence(memory_order_release);
    *(volatile uint32_t *) p = value;
    atomic_thread_fence(memory_order_release);
}

/* Returns the masks of 'port', in the order in which they are tried. */
static inline struct xdp_port_masks *
table_port_masks(const struct xdp_flow_table *table, uint32_t port)
{
    struct xdp_port *entry = &table->ports_map[port];

    return &entry->lists[entry->list];
}

/* Masks: xdp-table-mask.c. */
uint32_t table_mask_parts(const struct xdp_key *mask);
uint32_t table_mask_find_unused(struct xdp_flow_table *);
uint32_t table_mask_find(const struct xdp_flow_table *,
                         const struct xdp_key *bits);
enum xdp_table_error table_mask_make(struct xdp_flow_table *, uint32_t id,
                                     const struct xdp_key *bits);

/* Ingress ports: xdp-table-port.c. */
void table_port_add_parts(struct xdp_flow_table *, uint32_t port,
                          uint8_t parts);
void table_port_remove_parts(struct xdp_flow_table *, uint32_t port,
                             uint8_t parts);
void table_port_add_flow(struct xdp_flow_table *, uint32_t port,
                         uint32_t mask);
void table_port_remove_flow(struct xdp_flow_table *, uint32_t port,
                            uint32_t mask);

/* Targets and groups of them: xdp-table-group.c. */
enum xdp_table_error table_group_choose(struct xdp_flow_table *,
                                        const struct xdp_flow_actions *,
                                        struct table_group_choice *);
bool table_group_prepare(struct xdp_flow_table *,
                         const struct table_group_choice *);
enum xdp_table_error table_group_make(struct xdp_flow_table *,
                                      const struct table_group_choice *);

/* For programs at tc: xdp-table-tc.c. */
void table_tc_set_target(struct xdp_flow_table *, uint32_t port,
                         uint32_t ifindex);
void table_tc_set_via(struct xdp_flow_table *, uint32_t port,
                      uint32_t ifindex);

/* How much of the hint cache is in use: xdp-table-hints.c. */
void table_hints_init(struct xdp_flow_table *);
void table_hints_grow(struct xdp_flow_table *);

/* Free slots, and room for the rest of flows: xdp-table-rest.c. */
void table_chunks_init(struct xdp_flow_table *);
void table_chunks_destroy(struct xdp_flow_table *);
bool table_rest_prepare(struct xdp_flow_table *);
int table_rest_make(struct xdp_flow_table *);
struct xdp_flow_rest *table_rest(const struct xdp_flow_table *, uint32_t slot);
uint32_t table_slot_alloc(struct xdp_flow_table *, bool with_rest);
void table_slot_release(struct xdp_flow_table *, uint32_t slot);

/* Slots: xdp-table-slot.c. */
bool table_slot_needs_rest(const struct xdp_key *mask,
                           const struct xdp_flow_actions *);
void *table_spare_take(void);
void table_spare_give(void *);
void table_slot_free(struct xdp_flow_table *, uint32_t slot);
void table_slot_set_valid(struct xdp_flow_table *, uint32_t slot, bool valid);
void table_slot_fill(struct xdp_flow_table *, uint32_t slot, uint32_t mask_id,
                     const struct xdp_key *, const struct xdp_flow_actions *,
                     uint32_t group);
void table_slot_get_key(const struct xdp_flow_table *, uint32_t slot,
                        struct xdp_key *);
void table_slot_retire(struct xdp_flow_table *, uint32_t slot,
                       struct xdp_table_flow *);
void table_slot_retire_last(struct xdp_flow_table *, struct xdp_table_flow *);
size_t table_slot_get_ports(const struct xdp_flow_table *, uint32_t slot,
                            uint32_t ports[XDP_FLOW_MAX_OPS]);
void table_slot_count_ports(struct xdp_flow_table *, uint32_t slot,
                            int change);
void table_slot_add_stats(const struct xdp_flow_table *, uint32_t slot,
                          struct xdp_flow_table_stats *);

#endif /* xdp-flow-table-private.h */
