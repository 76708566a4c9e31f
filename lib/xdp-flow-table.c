/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table of one loaded XDP object.  See xdp-flow-table.h.
 *
 * Life of a flow slot
 * ===================
 *
 * free -> filled -> published in its subtable -> valid -> withdrawn (not
 * published, not valid) -> garbage -> free.  Garbage becomes free only after
 * xdp_flow_table_wait() has waited for every program that may still hold the
 * slot's number, or have met the slot through a hint.  A modification fills a
 * second slot, makes it valid, and then switches the subtable's entry, so that
 * no packet sees half of each version; the old slot's statistics go on
 * counting for the flow until it is free again.  What was valid for a moment
 * is garbage even if the switch fails.
 *
 * Masks stay in the table after their last flow has gone, because another one
 * may need the same.  They are taken over by a new mask when there is no free
 * one, and no program can be looking at them any more.
 *
 * Groups
 * ======
 *
 * A group is the set of devices that get a copy of a packet.  All flows with
 * the same outputs share one, whatever else they do.  Groups stay in the table
 * like masks.  A slot refers to its group until it is free, so that a group
 * without slots is one that no program can know; it may be taken over.
 *
 * The first flow whose copies differ puts the program 'xdp_egress' into all
 * DEVMAP entries of the devices that it outputs to, and waits for a grace
 * period: struct xdp_flow in xdp-abi.h says why.  They keep it as long as the
 * device stays where it is, because taking it out again would cost the next
 * such flow another grace period.
 */

#include <config.h>

#include "xdp-flow-table.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "packets.h"
#include "util.h"
#include "xdp-subtable.h"
#include "xdp-swap.h"

VLOG_DEFINE_THIS_MODULE(xdp_flow_table);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

static void groups_remove_port(struct xdp_flow_table *, uint32_t port);

/* What is done at a time, so that nobody has to wait for long: counters of
 * masks that are read, and slots that become free, times CPUs. */
#define SORT_COUNTERS 32768
#define RECLAIM_SLOTS 8192

#define ALL_PARTS (XDP_PART_NETWORK | XDP_PART_TRANSPORT | XDP_PART_EXTENDED)

BUILD_ASSERT_DECL(sizeof(struct xdp_key) == XDP_KEY_WORDS * 8);

/* Bytes of a key that a flow slot keeps in 'words', in 'ext_words' and in
 * 'tunnel_words', and where those begin. */
#define BASIC_SIZE (XDP_KEY_BASIC_WORDS * sizeof(uint64_t))
#define EXT_SIZE (XDP_KEY_EXT_WORDS * sizeof(uint64_t))
#define TUNNEL_SIZE (XDP_KEY_TUNNEL_WORDS * sizeof(uint64_t))
#define TUNNEL_OFS (BASIC_SIZE + EXT_SIZE)
#define TUNNEL_RARE_OFS \
    (TUNNEL_OFS + XDP_KEY_TUNNEL_BASIC_WORDS * sizeof(uint64_t))
BUILD_ASSERT_DECL(TUNNEL_OFS == offsetof(struct xdp_key, tun_ip_src));
BUILD_ASSERT_DECL(TUNNEL_OFS + TUNNEL_SIZE == sizeof(struct xdp_key));
BUILD_ASSERT_DECL(TUNNEL_RARE_OFS == offsetof(struct xdp_key, tun_opts));

/* A mask in the table. */
struct table_mask {
    struct hmap_node node;      /* In 'masks_by_bits' of the table. */
    bool in_use;                /* In that hmap? */
    struct xdp_key bits;        /* The full mask. */
    struct xdp_subtable subtable; /* Of its flows. */
    uint64_t unused_since;      /* Epoch in which the last flow left. */
};

/* A flow in the table. */
struct xdp_table_flow {
    struct hmap_node node;      /* In 'flows_by_digest' of the table. */
    struct xdp_subtable_entry entry; /* In the subtable of its mask. */
    uint32_t mask;
    uint32_t in_port;
    uint8_t parts;              /* Of its actions. */
    struct ovs_list old_slots;  /* Its "struct table_garbage"s. */
    struct xdp_flow_table_stats base; /* From slots that are free again. */
};

/* A slot that programs may still look at. */
struct table_garbage {
    struct ovs_list list_node;  /* In 'garbage' of the table. */
    struct ovs_list flow_node;  /* In 'old_slots' of 'flow'. */
    struct xdp_table_flow *flow; /* Whose statistics it has, or NULL. */
    uint32_t slot;
    uint64_t epoch;
};

/* An ingress port and a target. */
struct table_port {
    uint32_t *n_flows;          /* By mask id, NULL if no ingress port. */
    uint32_t n_deep;            /* Flows whose ops need all parts. */
    uint32_t ifindex;           /* Device to redirect to, or 0. */
    uint32_t n_leading;         /* Flows that lead there. */
    bool egress;                /* All its entries have 'xdp_egress'? */
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

struct xdp_flow_table {
    struct xdp_flow_table_maps fds;
    struct xdp_flow_table_limits limits;
    uint64_t digest_secret[XDP_KEY_WORDS];
    unsigned int n_cpus;

    /* The maps in our address space. */
    struct xdp_flow *flows;
    struct xdp_flow_rest *rests;
    struct xdp_flow_stats *flow_stats;
    struct xdp_mask *masks_map;
    struct xdp_port *ports_map;
    uint64_t *mask_hits;        /* NULL if the object does not count them. */

    struct table_mask *masks;   /* By mask id. */
    struct hmap masks_by_bits;
    struct hmap flows_by_digest; /* Never has to grow. */
    struct table_group *groups; /* XDP_MAX_GROUPS, of which 0 is unused. */
    struct hmap groups_by_outputs;
    struct table_port *ports;   /* By port number. */
    int dummy_fd;               /* Inner map for the last subtable. */

    uint16_t *slot_groups;      /* By slot, if it is not free. */
    uint32_t *free_slots;       /* Stack. */
    uint32_t n_free_slots;
    uint32_t n_flows;
    uint32_t last_valid;        /* Last number given to a slot's 'valid'. */
    struct ovs_list garbage;    /* Oldest first. */
    bool lists_busy;            /* Are there lists of masks that programs may
                                 * still look at? */
    uint64_t lists_epoch;       /* When the last of them was replaced. */
    uint32_t next_sorted;       /* First port whose masks the current pass has
                                 * not sorted; 'n_ports' between passes. */
    uint64_t epoch;
    uint64_t waited_epoch;      /* Of all epochs before this one, no program
                                 * runs any more. */
};

/* Distance of two elements of an mmap()ed array map with 'size' bytes each.
 * The kernel rounds up to 8 bytes; all our structs are already so. */
#define ASSERT_MMAP_SIZE(TYPE) BUILD_ASSERT_DECL(sizeof(TYPE) % 8 == 0)
ASSERT_MMAP_SIZE(struct xdp_flow);
ASSERT_MMAP_SIZE(struct xdp_flow_rest);
ASSERT_MMAP_SIZE(struct xdp_flow_stats);
ASSERT_MMAP_SIZE(struct xdp_mask);
ASSERT_MMAP_SIZE(struct xdp_port);

/* Returns the length of the memory of an array map. */
static size_t
map_length(size_t n, size_t size)
{
    return ROUND_UP(n * size, get_page_size());
}

/* Maps the array map 'fd' of 'n' elements of 'size' bytes into memory.
 * Returns NULL and sets '*errp' on failure. */
static void *
map_memory(int fd, const char *name, size_t n, size_t size, int prot,
           char **errp)
{
    void *p = mmap(NULL, map_length(n, size), prot, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED) {
        *errp = xasprintf("mapping the BPF map %s (%"PRIuSIZE" elements of "
                          "%"PRIuSIZE" bytes) into memory failed: %s",
                          name, n, size, ovs_strerror(errno));
        return NULL;
    }
    return p;
}

/* Creates a table on the maps in 'fds', which must be empty and of a loaded
 * object that has 'digest_secret' in its read-only data.  Returns NULL and
 * sets '*errp', to be freed by the caller, on failure. */
struct xdp_flow_table *
xdp_flow_table_create(const struct xdp_flow_table_maps *fds,
                      const struct xdp_flow_table_limits *limits,
                      const uint64_t digest_secret[XDP_KEY_WORDS],
                      char **errp)
{
    struct xdp_flow_table *table = xzalloc(sizeof *table);
    int n_cpus = libbpf_num_possible_cpus();
    uint32_t dummy = limits->n_masks;

    ovs_assert(limits->n_flows && limits->n_slots >= limits->n_flows
               && limits->n_masks
               && limits->n_masks <= XDP_PORT_MAX_MASKS
               && is_pow2(limits->n_ports)
               && limits->n_ports >= XDP_PORT_PROBES);

    *errp = NULL;
    table->fds = *fds;
    table->limits = *limits;
    table->n_cpus = MAX(n_cpus, 1);
    table->dummy_fd = -1;
    memcpy(table->digest_secret, digest_secret, sizeof table->digest_secret);
    hmap_init(&table->masks_by_bits);
    hmap_init(&table->flows_by_digest);
    hmap_reserve(&table->flows_by_digest, limits->n_flows);
    hmap_init(&table->groups_by_outputs);
    ovs_list_init(&table->garbage);
    table->masks = xcalloc(limits->n_masks, sizeof *table->masks);
    table->ports = xcalloc(limits->n_ports, sizeof *table->ports);
    table->slot_groups = xcalloc(limits->n_slots, sizeof *table->slot_groups);
    table->free_slots = xcalloc(limits->n_slots, sizeof *table->free_slots);
    for (uint32_t i = 0; i < limits->n_masks; i++) {
        xdp_subtable_init(&table->masks[i].subtable, fds->subtables, i,
                          limits->n_flows);
    }
    table->groups = xcalloc(XDP_MAX_GROUPS, sizeof *table->groups);
    for (uint32_t i = 0; i < XDP_MAX_GROUPS; i++) {
        table->groups[i].fd = -1;
    }
    for (uint32_t i = 0; i < limits->n_slots; i++) {
        table->free_slots[i] = limits->n_slots - 1 - i;
    }
    table->n_free_slots = limits->n_slots;
    table->next_sorted = limits->n_ports;
    /* Of what was never used, as if in epoch 0, no program can know. */
    table->epoch = table->waited_epoch = 1;

    if (n_cpus < 0) {
        *errp = xasprintf("counting the possible CPUs failed: %s",
                          ovs_strerror(-n_cpus));
        goto error;
    }

    table->flows = map_memory(fds->flows, "xdp_flows", limits->n_slots,
                              sizeof *table->flows, PROT_READ | PROT_WRITE,
                              errp);
    if (!table->flows) {
        goto error;
    }
    table->rests = map_memory(fds->flow_rest, "xdp_flow_rest", limits->n_slots,
                              sizeof *table->rests, PROT_READ | PROT_WRITE,
                              errp);
    if (!table->rests) {
        goto error;
    }
    table->flow_stats = map_memory(fds->flow_stats, "xdp_flow_stats",
                                   (size_t) limits->n_slots * table->n_cpus,
                                   sizeof *table->flow_stats,
                                   PROT_READ | PROT_WRITE, errp);
    if (!table->flow_stats) {
        goto error;
    }
    table->masks_map = map_memory(fds->masks, "xdp_masks", limits->n_masks,
                                  sizeof *table->masks_map,
                                  PROT_READ | PROT_WRITE, errp);
    if (!table->masks_map) {
        goto error;
    }
    table->ports_map = map_memory(fds->ports, "xdp_ports", limits->n_ports,
                                  sizeof *table->ports_map,
                                  PROT_READ | PROT_WRITE, errp);
    if (!table->ports_map) {
        goto error;
    }

    if (fds->mask_hits) {
        table->mask_hits = map_memory(fds->mask_hits, "xdp_mask_hits",
                                      (size_t) XDP_MASK_HITS * table->n_cpus,
                                      sizeof *table->mask_hits,
                                      PROT_READ | PROT_WRITE, errp);
        if (!table->mask_hits) {
            goto error;
        }
    }

    table->dummy_fd = xdp_subtable_create_map(1);
    if (table->dummy_fd < 0
        || bpf_map_update_elem(fds->subtables, &dummy, &table->dummy_fd,
                               BPF_ANY)) {
        *errp = xasprintf("creating a subtable failed: %s",
                          ovs_strerror(errno));
        goto error;
    }
    return table;

error:
    xdp_flow_table_destroy(table);
    return NULL;
}

/* Undoes map_memory() with the same 'n' and 'size'; 'p' may be NULL. */
static void
unmap_memory(void *p, size_t n, size_t size)
{
    if (p && munmap(p, map_length(n, size))) {
        VLOG_ERR("munmap failed: %s", ovs_strerror(errno));
    }
}

/* Destroys 'table' and all that it holds.  No program may use its maps any
 * more, and the caller must have removed all flows. */
void
xdp_flow_table_destroy(struct xdp_flow_table *table)
{
    struct table_garbage *garbage;

    if (!table) {
        return;
    }

    LIST_FOR_EACH_POP (garbage, list_node, &table->garbage) {
        free(garbage);
    }
    ovs_assert(hmap_is_empty(&table->flows_by_digest));
    for (uint32_t i = 0; i < table->limits.n_masks; i++) {
        xdp_subtable_destroy(&table->masks[i].subtable);
    }
    for (uint32_t i = 0; i < XDP_MAX_GROUPS; i++) {
        if (table->groups[i].fd >= 0) {
            close(table->groups[i].fd);
        }
    }
    for (uint32_t i = 0; i < table->limits.n_ports; i++) {
        free(table->ports[i].n_flows);
    }
    if (table->dummy_fd >= 0) {
        close(table->dummy_fd);
    }
    unmap_memory(table->flows, table->limits.n_slots, sizeof *table->flows);
    unmap_memory(table->rests, table->limits.n_slots, sizeof *table->rests);
    unmap_memory(table->flow_stats,
                 (size_t) table->limits.n_slots * table->n_cpus,
                 sizeof *table->flow_stats);
    unmap_memory(table->masks_map, table->limits.n_masks,
                 sizeof *table->masks_map);
    unmap_memory(table->ports_map, table->limits.n_ports,
                 sizeof *table->ports_map);
    unmap_memory(table->mask_hits, (size_t) XDP_MASK_HITS * table->n_cpus,
                 sizeof *table->mask_hits);
    hmap_destroy(&table->masks_by_bits);
    hmap_destroy(&table->flows_by_digest);
    hmap_destroy(&table->groups_by_outputs);
    free(table->masks);
    free(table->groups);
    free(table->ports);
    free(table->slot_groups);
    free(table->free_slots);
    free(table);
}

/* Stores 'value' in '*p', which XDP programs read, after all earlier writes.
 * Plain memory in which a 32-bit store is atomic. */
static void
publish_u32(uint32_t *p, uint32_t value)
{
    atomic_thread_fence(memory_order_release);
    *(volatile uint32_t *) p = value;
    atomic_thread_fence(memory_order_release);
}

/* Ports. */

/* Returns true if 'port' is an ingress port. */
bool
xdp_flow_table_has_port(const struct xdp_flow_table *table, uint32_t port)
{
    return table->ports[port].n_flows != NULL;
}

/* Returns the masks of 'port', in the order in which they are tried. */
static struct xdp_port_masks *
port_masks(const struct xdp_flow_table *table, uint32_t port)
{
    struct xdp_port *entry = &table->ports_map[port];

    return &entry->lists[entry->list];
}

/* Makes the device 'ifindex' ingress port 'port', whose number must be one
 * where xdp-abi.h allows the device's entry and which must be free.  The port
 * of a tunnel has XDP_PORT_TUNNEL + 'port' instead of a device.  Returns 0 or
 * a positive errno value. */
int
xdp_flow_table_add_port(struct xdp_flow_table *table, uint32_t port,
                        uint32_t ifindex, uint32_t vlan_limit)
{
    struct xdp_port_stats *zero;
    struct xdp_port *entry;
    int error = 0;

    ovs_assert(port < table->limits.n_ports && !table->ports[port].n_flows
               && ((port - ifindex) & (table->limits.n_ports - 1))
                  < XDP_PORT_PROBES);

    zero = xcalloc(table->n_cpus, sizeof *zero);
    if (bpf_map_update_elem(table->fds.port_stats, &port, zero, BPF_ANY)) {
        error = errno;
        VLOG_WARN_RL(&rl, "clearing the statistics of port %"PRIu32
                     " failed: %s", port, ovs_strerror(error));
    } else {
        table->ports[port].n_flows
            = xcalloc(table->limits.n_masks,
                      sizeof *table->ports[port].n_flows);
        /* Never another limit than one of the port: if the device was here a
         * moment ago, a program may still be parsing one of its packets. */
        entry = &table->ports_map[port];
        publish_u32(&entry->vlan_limit, vlan_limit);
        entry->list = entry->parts = 0;
        memset(entry->union_bits, 0, sizeof entry->union_bits);
        memset(entry->lists, 0, sizeof entry->lists);
        publish_u32(&entry->ifindex, ifindex);
    }
    free(zero);
    return error;
}

/* Removes ingress port 'port', which must have no flows any more. */
void
xdp_flow_table_remove_port(struct xdp_flow_table *table, uint32_t port)
{
    struct xdp_port *entry = &table->ports_map[port];

    ovs_assert(!port_masks(table, port)->n);
    publish_u32(&entry->ifindex, 0);
    free(table->ports[port].n_flows);
    table->ports[port].n_flows = NULL;
}

/* Sets the entry 'index' of the DEVMAP 'fd' to the device 'ifindex', with the
 * program 'xdp_egress' if 'egress', or to none if 'ifindex' is 0.  Returns 0
 * or a positive errno value. */
static int
set_device(const struct xdp_flow_table *table, int fd, uint32_t index,
           uint32_t ifindex, bool egress)
{
    struct bpf_devmap_val val = {
        .ifindex = ifindex,
        .bpf_prog.fd = egress ? table->fds.egress : -1,
    };

    if (ifindex
        ? bpf_map_update_elem(fd, &index, &val, BPF_ANY)
        : bpf_map_delete_elem(fd, &index) && errno != ENOENT) {
        return errno;
    }
    return 0;
}

/* Makes the device 'ifindex' the one to which 'port' redirects, or none if
 * 'ifindex' is 0.  Flows that output to another device there must be gone.
 * Returns 0 or a positive errno value. */
int
xdp_flow_table_set_target(struct xdp_flow_table *table, uint32_t port,
                          uint32_t ifindex)
{
    struct table_port *p = &table->ports[port];
    int error;

    if (p->ifindex && p->ifindex != ifindex) {
        groups_remove_port(table, port);
        p->ifindex = 0;
        p->egress = false;
    }
    error = set_device(table, table->fds.tx_ports, port, ifindex, p->egress);
    if (!error) {
        p->ifindex = ifindex;
    }
    return error;
}

/* Returns true if 'port' redirects to the device 'ifindex'. */
bool
xdp_flow_table_has_target(const struct xdp_flow_table *table, uint32_t port,
                          uint32_t ifindex)
{
    return table->ports[port].ifindex == ifindex;
}

/* Returns true if 'port' redirects to a device that has not left the network
 * namespace since: the kernel takes out those that have. */
bool
xdp_flow_table_has_device(const struct xdp_flow_table *table, uint32_t port)
{
    struct bpf_devmap_val val;

    return !bpf_map_lookup_elem(table->fds.tx_ports, &port, &val);
}

/* Sets how many VLAN tags of packets from 'port' are parsed, 0 to
 * XDP_VLAN_MAX.  Flows that were made under the old limit must be gone. */
void
xdp_flow_table_set_vlan_limit(struct xdp_flow_table *table, uint32_t port,
                              uint32_t vlan_limit)
{
    publish_u32(&table->ports_map[port].vlan_limit, vlan_limit);
}

/* Returns the number of masks that packets from 'port' are tried with. */
uint32_t
xdp_flow_table_port_n_masks(const struct xdp_flow_table *table, uint32_t port)
{
    return port_masks(table, port)->n;
}

/* Returns the parts of the key that a parser must fill for 'mask'. */
static uint32_t
mask_parts(const struct xdp_key *mask)
{
    struct xdp_key rest = *mask;
    uint32_t parts = 0;

    if (!is_all_zeros((const char *) mask + BASIC_SIZE, EXT_SIZE)) {
        parts |= XDP_PART_EXTENDED;
    }
    if (!is_all_zeros((const char *) mask + TUNNEL_OFS, TUNNEL_SIZE)) {
        parts |= XDP_PART_TUNNEL;
        if (!is_all_zeros((const char *) mask + TUNNEL_RARE_OFS,
                          sizeof *mask - TUNNEL_RARE_OFS)) {
            parts |= XDP_PART_TUNNEL_RARE;
        }
        memset((char *) &rest + TUNNEL_OFS, 0, TUNNEL_SIZE);
    }

    /* What is in the Ethernet header, or known already, costs nothing. */
    rest.in_port = 0;
    rest.recirc_id = rest.dp_hash = 0;
    memset(rest.dl_dst, 0, sizeof rest.dl_dst);
    memset(rest.dl_src, 0, sizeof rest.dl_src);
    rest.dl_type = 0;
    rest.vlan_tci0 = rest.vlan_tpid0 = 0;
    rest.vlan_tci1 = rest.vlan_tpid1 = 0;
    if (!is_all_zeros(&rest, sizeof rest)) {
        parts |= XDP_PART_NETWORK;
    }

    /* Neighbour discovery has its addresses where ARP has them. */
    if (mask->tcp_flags || mask->tp_src || mask->tp_dst
        || mask->igmp_group_ip4
        || !is_all_zeros(mask->nd_target, sizeof mask->nd_target)
        || !is_all_zeros(mask->arp_sha, sizeof mask->arp_sha)
        || !is_all_zeros(mask->arp_tha, sizeof mask->arp_tha)) {
        parts |= XDP_PART_TRANSPORT;
    }
    return parts;
}

/* Recomputes the union of the masks of 'port'. */
static void
port_update_union(struct xdp_flow_table *table, uint32_t port)
{
    const struct xdp_port_masks *masks = port_masks(table, port);
    struct xdp_port *entry = &table->ports_map[port];
    struct xdp_key bits;
    uint64_t *words = (uint64_t *) &bits;

    memset(&bits, 0, sizeof bits);
    for (uint32_t i = 0; i < masks->n; i++) {
        const uint64_t *mask
            = (const uint64_t *) &table->masks[masks->ids[i]].bits;

        for (size_t j = 0; j < XDP_KEY_WORDS; j++) {
            words[j] |= mask[j];
        }
    }
    memcpy(entry->union_bits, &bits, sizeof bits);
    publish_u32(&entry->parts, (mask_parts(&bits)
                                | (table->ports[port].n_deep
                                   ? ALL_PARTS : 0)));
}

/* Accounts a flow of 'port' whose ops need 'parts'. */
static void
port_add_parts(struct xdp_flow_table *table, uint32_t port, uint8_t parts)
{
    if (parts && !table->ports[port].n_deep++) {
        port_update_union(table, port);
    }
}

/* Accounts that a flow of 'port' whose ops need 'parts' is gone. */
static void
port_remove_parts(struct xdp_flow_table *table, uint32_t port, uint8_t parts)
{
    if (parts && !--table->ports[port].n_deep) {
        port_update_union(table, port);
    }
}

/* Accounts a new flow of 'mask' on 'port'. */
static void
port_add_flow(struct xdp_flow_table *table, uint32_t port, uint32_t mask)
{
    struct xdp_port_masks *masks = port_masks(table, port);

    if (!table->ports[port].n_flows[mask]++) {
        masks->ids[masks->n] = mask;
        publish_u32(&masks->n, masks->n + 1);
        port_update_union(table, port);
    }
}

/* Accounts that a flow of 'mask' on 'port' is gone.  A program that walks the
 * list meanwhile may miss another mask of the port: that packet then takes the
 * way through userspace. */
static void
port_remove_flow(struct xdp_flow_table *table, uint32_t port, uint32_t mask)
{
    struct xdp_port_masks *masks = port_masks(table, port);

    if (!--table->ports[port].n_flows[mask]) {
        for (uint32_t i = 0; i < masks->n; i++) {
            if (masks->ids[i] == mask) {
                masks->ids[i] = masks->ids[masks->n - 1];
                publish_u32(&masks->n, masks->n - 1);
                break;
            }
        }
        port_update_union(table, port);
    }
}

/* A mask of a port and how often a walk ended there. */
struct mask_hits {
    uint64_t n;
    uint32_t id;
};

/* Returns how often a walk over the masks of 'port' ended at 'mask', and makes
 * it half as often, so that new hits count more than old ones.  What a program
 * counts at the same time may get lost. */
static uint64_t
take_mask_hits(struct xdp_flow_table *table, uint32_t port, uint32_t mask)
{
    uint64_t n = 0;

    for (unsigned int i = 0; i < table->n_cpus; i++) {
        volatile uint64_t *hits
            = &table->mask_hits[xdp_mask_hits_index(i, port, mask)];

        if (*hits) {
            n += *hits;
            *hits /= 2;
        }
    }
    return n;
}

/* Compares for qsort(): the most hits first. */
static int
compare_mask_hits(const void *a_, const void *b_)
{
    const struct mask_hits *a = a_;
    const struct mask_hits *b = b_;

    return a->n < b->n ? 1 : a->n > b->n ? -1 : 0;
}

/* Puts the masks of 'port' into a better order, if that is worth while.
 * Returns the number of its masks. */
static uint32_t
port_sort_masks(struct xdp_flow_table *table, uint32_t port)
{
    const struct xdp_port_masks *masks = port_masks(table, port);
    struct xdp_port *entry = &table->ports_map[port];
    struct xdp_port_masks *new_masks = &entry->lists[!entry->list];
    struct mask_hits hits[XDP_PORT_MAX_MASKS];
    bool is_bad = false;

    if (masks->n < 2) {
        return masks->n;
    }
    for (uint32_t i = 0; i < masks->n; i++) {
        hits[i].id = masks->ids[i];
        hits[i].n = take_mask_hits(table, port, hits[i].id);
        is_bad |= i && hits[i].n > hits[i - 1].n + hits[i - 1].n / 4;
    }
    if (!is_bad) {
        return masks->n;
    }

    qsort(hits, masks->n, sizeof *hits, compare_mask_hits);
    for (uint32_t i = 0; i < masks->n; i++) {
        new_masks->ids[i] = hits[i].id;
    }
    new_masks->n = masks->n;
    publish_u32(&entry->list, !entry->list);
    table->lists_busy = true;
    table->lists_epoch = table->epoch;
    return new_masks->n;
}

/* Has the masks of each port tried in the order of their use.  Does a part of
 * that, which takes no more than about a millisecond, and returns true if
 * there is more to do.  'begin' says that this is the first part.  If programs
 * may still be at a list that was replaced the last time, there is nothing to
 * do. */
bool
xdp_flow_table_sort_masks(struct xdp_flow_table *table, bool begin)
{
    uint32_t n_left = MAX(SORT_COUNTERS / table->n_cpus, 1);

    if (begin && table->mask_hits && !table->lists_busy) {
        table->next_sorted = 0;
    }
    while (table->next_sorted < table->limits.n_ports) {
        uint32_t port = table->next_sorted++;

        if (table->ports[port].n_flows) {
            uint32_t n = port_sort_masks(table, port);

            if (n >= n_left) {
                break;
            }
            n_left -= n;
        }
    }
    return table->next_sorted < table->limits.n_ports;
}

/* Masks. */

/* Returns the id of an unused mask: one that never was in use or else the one
 * that has been unused for longest.  That is on no port's list any more, but a
 * program that looks at it may have been running since; then it is not taken
 * yet.  Returns UINT32_MAX if there is none. */
static uint32_t
mask_find_unused(struct xdp_flow_table *table)
{
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < table->limits.n_masks; i++) {
        struct table_mask *mask = &table->masks[i];

        if (!mask->in_use) {
            return i;
        }
        if (!mask->subtable.n && mask->unused_since < table->waited_epoch
            && (best == UINT32_MAX
                || mask->unused_since < table->masks[best].unused_since)) {
            best = i;
        }
    }
    return best;
}

/* Returns the id of the mask with 'bits', or UINT32_MAX if there is none. */
static uint32_t
mask_find(const struct xdp_flow_table *table, const struct xdp_key *bits)
{
    uint32_t hash = hash_bytes(bits, sizeof *bits, 0);
    const struct table_mask *mask;

    HMAP_FOR_EACH_WITH_HASH (mask, node, hash, &table->masks_by_bits) {
        if (!memcmp(&mask->bits, bits, sizeof *bits)) {
            return mask - table->masks;
        }
    }
    return UINT32_MAX;
}

/* Makes 'id', from mask_find_unused(), the mask with 'bits'. */
static enum xdp_table_error
mask_make(struct xdp_flow_table *table, uint32_t id,
          const struct xdp_key *bits)
{
    const uint64_t *words = (const uint64_t *) bits;
    struct table_mask *mask = &table->masks[id];
    struct xdp_mask *entry;

    if (xdp_subtable_reset(&mask->subtable)) {
        return XDP_TABLE_SYSTEM;
    }

    if (mask->in_use) {
        hmap_remove(&table->masks_by_bits, &mask->node);
    }
    mask->in_use = true;
    mask->bits = *bits;
    hmap_insert(&table->masks_by_bits, &mask->node,
                hash_bytes(bits, sizeof *bits, 0));

    entry = &table->masks_map[id];
    memset(entry, 0, sizeof *entry);
    memcpy(entry->basic, words, sizeof entry->basic);
    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        if (words[i]) {
            ovs_assert(entry->n_words < XDP_MASK_MAX_WORDS);
            entry->word[entry->n_words] = i;
            entry->bits[entry->n_words] = words[i];
            entry->n_words++;
        }
    }
    return XDP_TABLE_OK;
}

/* Groups. */

/* Returns the index of the output to 'port' in 'group', or SIZE_MAX. */
static size_t
group_find_port(const struct table_group *group, uint32_t port)
{
    for (size_t i = 0; i < group->n_outputs; i++) {
        if (group->outputs[i].port == port) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Takes the device of 'port' out of all groups.  They are not used again for
 * new flows; programs may still know those whose slots are not free. */
static void
groups_remove_port(struct xdp_flow_table *table, uint32_t port)
{
    struct table_group *group;

    HMAP_FOR_EACH_SAFE (group, node, &table->groups_by_outputs) {
        size_t i = group_find_port(group, port);

        if (i != SIZE_MAX) {
            set_device(table, group->fd, i, 0, false);
            hmap_remove(&table->groups_by_outputs, &group->node);
            group->in_use = false;
        }
    }
}

/* Puts 'xdp_egress' into all entries of the device of 'port'.  Returns 0 or a
 * positive errno value. */
static int
port_set_egress(struct xdp_flow_table *table, uint32_t port)
{
    uint32_t ifindex = table->ports[port].ifindex;
    const struct table_group *group;
    int error;

    error = set_device(table, table->fds.tx_ports, port, ifindex, true);
    HMAP_FOR_EACH (group, node, &table->groups_by_outputs) {
        size_t i = group_find_port(group, port);

        if (i != SIZE_MAX && !error) {
            error = set_device(table, group->fd, i, ifindex, true);
        }
    }
    return error;
}

/* Returns the id of a group that no program can know: one that never was in
 * use, or has lost a port, or else the one that has been unused for longest.
 * Returns 0 if there is none. */
static uint32_t
group_find_unused(struct xdp_flow_table *table)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < XDP_MAX_GROUPS; i++) {
        const struct table_group *group = &table->groups[i];

        if (group->n_slots) {
            continue;
        }
        if (!group->in_use) {
            return i;
        }
        if (!best || group->unused_since < table->groups[best].unused_since) {
            best = i;
        }
    }
    return best;
}

/* Makes 'id', from group_find_unused(), the group of the 'n' 'outputs', with
 * 'xdp_egress' in all entries if 'egress'.  Returns 0 or a positive errno
 * value. */
static int
group_set_outputs(struct xdp_flow_table *table, uint32_t id,
                  const struct table_output *outputs, size_t n, bool egress)
{
    struct table_group *group = &table->groups[id];
    struct xdp_swap *swap;
    int error = 0;
    int fd;

    fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP, "xdp_group", sizeof(uint32_t),
                        sizeof(struct bpf_devmap_val), n, NULL);
    if (fd < 0) {
        return errno;
    }
    for (size_t i = 0; i < n && !error; i++) {
        error = set_device(table, fd, i, outputs[i].ifindex,
                           egress || table->ports[outputs[i].port].egress);
    }
    if (!error) {
        error = xdp_swap_start(table->fds.groups, id, fd, group->fd, &swap);
    }
    if (error) {
        close(fd);
        return error;
    }
    xdp_swap_unref(swap);

    if (group->in_use) {
        hmap_remove(&table->groups_by_outputs, &group->node);
    }
    group->in_use = true;
    group->fd = fd;
    group->n_outputs = n;
    memcpy(group->outputs, outputs, n * sizeof *outputs);
    hmap_insert(&table->groups_by_outputs, &group->node,
                hash_bytes(outputs, n * sizeof *outputs, 0));
    return 0;
}

/* Stores the outputs of 'actions' in 'outputs', sorted by port, and returns
 * their number. */
static size_t
collect_outputs(const struct xdp_flow_actions *actions,
                struct table_output outputs[XDP_FLOW_MAX_OPS])
{
    size_t n = 0;

    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        const struct xdp_op *op = &actions->ops[i];

        if (op->type == XDP_OP_OUTPUT) {
            size_t j = n++;

            while (j && outputs[j - 1].port > op->u.output.port) {
                outputs[j] = outputs[j - 1];
                j--;
            }
            ovs_assert(!j || outputs[j - 1].port != op->u.output.port);
            outputs[j].port = op->u.output.port;
            outputs[j].ifindex = op->u.output.ifindex;
        }
    }
    return n;
}

/* The group of a flow: one that there is, or one to be made. */
struct group_choice {
    struct table_output outputs[XDP_FLOW_MAX_OPS]; /* By port. */
    size_t n_outputs;
    bool differ;                /* Do the copies? */
    uint32_t id;                /* 0 if the flow needs none. */
    bool is_new;                /* Must it be made? */
};

/* Notes that the group of 'choice' cannot be made because of 'error'. */
static enum xdp_table_error
group_failed(const struct group_choice *choice, int error)
{
    VLOG_WARN_RL(&rl, "creating a group of %"PRIuSIZE" outputs failed: %s",
                 choice->n_outputs, ovs_strerror(error));
    return XDP_TABLE_SYSTEM;
}

/* Stores in '*choice' the group for 'actions'.  Changes nothing. */
static enum xdp_table_error
group_choose(struct xdp_flow_table *table,
             const struct xdp_flow_actions *actions,
             struct group_choice *choice)
{
    struct table_group *group;
    size_t n;

    n = collect_outputs(actions, choice->outputs);
    choice->n_outputs = n;
    choice->differ = actions->flags & XDP_FLOW_COPIES_DIFFER;
    choice->id = 0;
    choice->is_new = false;
    if (n < 2) {
        return XDP_TABLE_OK;
    }
    ovs_assert(table->fds.groups > 0 && table->fds.egress > 0);

    for (size_t i = 0; i < n; i++) {
        if (table->ports[choice->outputs[i].port].ifindex
            != choice->outputs[i].ifindex) {
            return group_failed(choice, ENODEV);
        }
    }

    HMAP_FOR_EACH_WITH_HASH (group, node,
                             hash_bytes(choice->outputs,
                                        n * sizeof *choice->outputs, 0),
                             &table->groups_by_outputs) {
        if (group->n_outputs == n
            && !memcmp(group->outputs, choice->outputs,
                       n * sizeof *choice->outputs)) {
            choice->id = group - table->groups;
            return XDP_TABLE_OK;
        }
    }
    choice->id = group_find_unused(table);
    choice->is_new = true;
    return choice->id ? XDP_TABLE_OK : XDP_TABLE_GROUPS_FULL;
}

/* Makes the group of 'choice', from group_choose(), if that is needed, and
 * puts 'xdp_egress' where its copies need that. */
static enum xdp_table_error
group_make(struct xdp_flow_table *table, const struct group_choice *choice)
{
    bool set_egress = false;
    int error = 0;

    if (!choice->id) {
        return XDP_TABLE_OK;
    }
    for (size_t i = 0; i < choice->n_outputs && choice->differ; i++) {
        uint32_t port = choice->outputs[i].port;

        if (!table->ports[port].egress && !error) {
            error = port_set_egress(table, port);
            set_egress = true;
        }
    }
    if (choice->is_new && !error) {
        error = group_set_outputs(table, choice->id, choice->outputs,
                                  choice->n_outputs, choice->differ);
    }
    if (set_egress && !error) {
        error = xdp_flow_table_wait(table);
    }
    if (error) {
        return group_failed(choice, error);
    }

    for (size_t i = 0; i < choice->n_outputs && choice->differ; i++) {
        table->ports[choice->outputs[i].port].egress = true;
    }
    return XDP_TABLE_OK;
}

/* Slots. */

/* Takes a free slot, of which there must be one. */
static uint32_t
slot_alloc(struct xdp_flow_table *table)
{
    ovs_assert(table->n_free_slots);
    return table->free_slots[--table->n_free_slots];
}

/* Gives back 'slot', which no program can know. */
static void
slot_free(struct xdp_flow_table *table, uint32_t slot)
{
    struct table_group *group = &table->groups[table->slot_groups[slot]];

    if (!--group->n_slots) {
        group->unused_since = table->epoch;
    }
    table->free_slots[table->n_free_slots++] = slot;
}

/* Makes the flow in 'slot' valid, or invalid if 'valid' is false. */
static void
slot_set_valid(struct xdp_flow_table *table, uint32_t slot, bool valid)
{
    if (valid && !++table->last_valid) {
        table->last_valid = 1;
    }
    publish_u32(&table->flows[slot].valid, valid ? table->last_valid : 0);
}

/* Returns true if 'actions' are those of XDP_FLOW_REWRITE. */
static bool
is_rewrite(const struct xdp_flow_actions *actions)
{
    static const enum xdp_op_type steps[][2] = {
        { XDP_OP_SET_ETHERNET, XDP_OP_SET_ETHERNET },
        { XDP_OP_SET_IPV4, XDP_OP_SET_IPV6 },
        { XDP_OP_SET_TCP, XDP_OP_SET_UDP },
        { XDP_OP_POP_VLAN, XDP_OP_POP_VLAN },
        { XDP_OP_PUSH_VLAN, XDP_OP_PUSH_VLAN },
    };
    const struct xdp_op *ops = actions->ops;
    uint32_t i = 0;

    for (size_t step = 0; step < ARRAY_SIZE(steps) && i < actions->n_ops;
         step++) {
        if (ops[i].type == steps[step][0] || ops[i].type == steps[step][1]) {
            i += 1 + ops[i].n_data;
        }
    }
    return i && i + 1 == actions->n_ops && ops[i].type == XDP_OP_OUTPUT;
}

/* Returns the enum xdp_flow_flags of a flow with 'actions'. */
static uint8_t
flow_flags(const struct xdp_flow_actions *actions)
{
    const struct xdp_op *ops = actions->ops;
    const struct xdp_op *last;
    bool outputs;

    if (!actions->n_ops) {
        return actions->flags;
    }
    last = &ops[actions->n_ops - 1];
    outputs = last->type == XDP_OP_OUTPUT;
    switch (ops[0].type) {
    case XDP_OP_OUTPUT:
        return actions->flags | (actions->n_ops == 1 ? XDP_FLOW_SIMPLE : 0);
    case XDP_OP_PUSH_VLAN:
        return (actions->flags
                | (actions->n_ops == 2 && outputs && ops[0].u.push_vlan.tpid
                   ? XDP_FLOW_SIMPLE
                   : is_rewrite(actions) ? XDP_FLOW_REWRITE : 0));
    case XDP_OP_POP_VLAN:
        return (actions->flags
                | (actions->n_ops == 2 && outputs
                   ? XDP_FLOW_SIMPLE | XDP_FLOW_POP_VLAN
                   : is_rewrite(actions) ? XDP_FLOW_REWRITE : 0));
    case XDP_OP_RECIRC:
    case XDP_OP_TNL_POP:
        return actions->flags | XDP_FLOW_SHORT;
    case XDP_OP_HASH:
        return (actions->flags
                | (last == &ops[1] && last->type == XDP_OP_RECIRC
                   ? XDP_FLOW_SHORT : 0));
    case XDP_OP_TNL_PUSH:
        return (actions->flags
                | (last == &ops[1 + ops[0].n_data] && outputs
                   ? XDP_FLOW_SHORT : 0));
    default:
        return actions->flags | (is_rewrite(actions) ? XDP_FLOW_REWRITE : 0);
    }
}

/* Returns by how many bytes a packet of a flow of the masked key 'key' is
 * longer at one of the outputs of 'actions' than it was at first, if anything
 * more than it can be.  A label may not be there to be popped, and a packet
 * not long enough to be truncated.  INT16_MIN without outputs. */
static int
max_growth(const struct xdp_key *key, const struct xdp_flow_actions *actions)
{
    int n_tags = ((key->vlan_tci0 & htons(VLAN_CFI) ? 1 : 0)
                  + (key->vlan_tci1 & htons(VLAN_CFI) ? 1 : 0));
    int max = INT16_MIN;
    int growth = 0;

    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        switch (actions->ops[i].type) {
        case XDP_OP_OUTPUT:
            max = MAX(max, growth);
            break;
        case XDP_OP_PUSH_VLAN:
            growth += VLAN_HEADER_LEN;
            n_tags++;
            break;
        case XDP_OP_POP_VLAN:
            if (n_tags) {
                growth -= VLAN_HEADER_LEN;
                n_tags--;
            }
            break;
        case XDP_OP_PUSH_MPLS:
            growth += MPLS_HLEN;
            break;
        case XDP_OP_TNL_PUSH:
            growth += actions->ops[i].u.tnl_push.header_len;
            break;
        }
    }
    return max;
}

/* Fills 'slot', which no program can know, with the flow of the masked key
 * 'key' under mask 'mask_id', with 'actions' and 'group'.  It is not valid
 * yet. */
static void
slot_fill(struct xdp_flow_table *table, uint32_t slot, uint32_t mask_id,
          const struct xdp_key *key, const struct xdp_flow_actions *actions,
          uint32_t group)
{
    const struct xdp_key *mask = &table->masks[mask_id].bits;
    struct xdp_flow_rest *rest = &table->rests[slot];
    struct xdp_flow *entry = &table->flows[slot];

    memset(entry, 0, sizeof *entry);
    entry->mask = mask_id;
    entry->parts = mask_parts(mask) | (actions->parts ? ALL_PARTS : 0);
    entry->flags = flow_flags(actions);
    if (entry->flags & XDP_FLOW_SIMPLE) {
        entry->port = actions->ops[actions->n_ops - 1].u.output.port;
        if (actions->ops[0].type == XDP_OP_PUSH_VLAN) {
            entry->tpid = actions->ops[0].u.push_vlan.tpid;
            entry->tci = actions->ops[0].u.push_vlan.tci;
        }
    }
    memcpy(entry->words, key, BASIC_SIZE);

    memset(rest, 0, sizeof *rest);
    rest->n_ops = actions->n_ops;
    rest->group = group;
    rest->n_outputs = table->groups[group].n_outputs;
    rest->growth = max_growth(key, actions);
    memcpy(rest->ops, actions->ops, actions->n_ops * sizeof *actions->ops);
    memcpy(rest->ext_bits, (const char *) mask + BASIC_SIZE, EXT_SIZE);
    memcpy(rest->ext_words, (const char *) key + BASIC_SIZE, EXT_SIZE);
    memcpy(rest->tunnel_bits, (const char *) mask + TUNNEL_OFS, TUNNEL_SIZE);
    memcpy(rest->tunnel_words, (const char *) key + TUNNEL_OFS, TUNNEL_SIZE);

    table->slot_groups[slot] = group;
    table->groups[group].n_slots++;
    for (unsigned int i = 0; i < table->n_cpus; i++) {
        memset(&table->flow_stats[(size_t) i * table->limits.n_slots + slot],
               0, sizeof *table->flow_stats);
    }
}

/* Withdraws the unpublished 'slot' and makes it garbage that counts for
 * 'flow', or for nobody if 'flow' is NULL. */
static void
slot_retire(struct xdp_flow_table *table, uint32_t slot,
            struct xdp_table_flow *flow)
{
    struct table_garbage *garbage = xmalloc(sizeof *garbage);

    slot_set_valid(table, slot, false);
    garbage->flow = flow;
    garbage->slot = slot;
    garbage->epoch = table->epoch;
    ovs_list_push_back(&table->garbage, &garbage->list_node);
    if (flow) {
        ovs_list_push_back(&flow->old_slots, &garbage->flow_node);
    }
}

/* If 'op' leads packets to a port, by an output or by popping the header of a
 * tunnel, stores that in '*portp' and returns true. */
static bool
op_leads_to(const struct xdp_op *op, uint32_t *portp)
{
    switch (op->type) {
    case XDP_OP_OUTPUT:
        *portp = op->u.output.port;
        return true;
    case XDP_OP_TNL_POP:
        *portp = op->u.tnl_pop.port;
        return true;
    default:
        return false;
    }
}

/* Adds 'change' to the number of flows that lead to each port that the flow in
 * 'slot' leads to. */
static void
slot_count_ports(struct xdp_flow_table *table, uint32_t slot, int change)
{
    const struct xdp_flow_rest *rest = &table->rests[slot];
    uint32_t port;

    for (size_t i = 0; i < rest->n_ops; i += 1 + rest->ops[i].n_data) {
        if (op_leads_to(&rest->ops[i], &port)) {
            table->ports[port].n_leading += change;
        }
    }
}

/* Adds the statistics of 'slot' to '*stats'. */
static void
slot_add_stats(const struct xdp_flow_table *table, uint32_t slot,
               struct xdp_flow_table_stats *stats)
{
    for (unsigned int i = 0; i < table->n_cpus; i++) {
        const volatile struct xdp_flow_stats *s
            = &table->flow_stats[(size_t) i * table->limits.n_slots + slot];

        stats->n_packets += s->packets;
        stats->n_bytes += s->bytes;
        stats->used = MAX(stats->used, (long long int) (s->used / 1000000));
        stats->tcp_flags |= s->tcp_flags;
    }
}

/* Flows. */

/* Computes the masked key and its digest. */
static uint64_t
flow_digest(const struct xdp_flow_table *table, const struct xdp_key *key,
            const struct xdp_key *mask, struct xdp_key *masked)
{
    const uint64_t *k = (const uint64_t *) key;
    const uint64_t *m = (const uint64_t *) mask;
    uint64_t *words = (uint64_t *) masked;
    uint64_t digest = 0;

    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        words[i] = k[i] & m[i];
        if (m[i]) {
            digest = xdp_digest_add(digest, words[i],
                                    table->digest_secret[i]);
        }
    }
    return digest;
}

/* Inserts the flow of packets that equal 'key' in the bits of 'mask', whose
 * in_port must be exact and an ingress port of 'table', with 'actions'.  On
 * success stores the new flow, owned by 'table', in '*flowp'. */
enum xdp_table_error
xdp_flow_table_insert(struct xdp_flow_table *table,
                      const struct xdp_key *key, const struct xdp_key *mask,
                      const struct xdp_flow_actions *actions,
                      struct xdp_table_flow **flowp)
{
    struct group_choice group;
    struct xdp_key masked;
    struct xdp_table_flow *flow;
    enum xdp_table_error error;
    bool new_mask = false;
    uint32_t mask_id, hash;
    uint64_t digest;
    int system_error;
    uint32_t slot;

    ovs_assert(actions->n_ops <= XDP_FLOW_MAX_OPS
               && mask->in_port == UINT32_MAX
               && table->ports[key->in_port].n_flows);
    *flowp = NULL;

    /* First all that can refuse the flow, then what takes time: refused flows
     * are tried again and again. */
    if (table->n_flows >= table->limits.n_flows || !table->n_free_slots) {
        return XDP_TABLE_FLOWS_FULL;
    }
    digest = flow_digest(table, key, mask, &masked);
    mask_id = mask_find(table, mask);
    if (mask_id == UINT32_MAX) {
        mask_id = mask_find_unused(table);
        if (mask_id == UINT32_MAX) {
            return XDP_TABLE_MASKS_FULL;
        }
        new_mask = true;
    }
    hash = hash_uint64_basis(digest, mask_id);
    HMAP_FOR_EACH_WITH_HASH (flow, node, hash, &table->flows_by_digest) {
        if (flow->entry.digest == digest && flow->mask == mask_id) {
            return XDP_TABLE_DIGEST;
        }
    }
    error = group_choose(table, actions, &group);
    if (error) {
        return error;
    }

    error = group_make(table, &group);
    if (!error && new_mask) {
        error = mask_make(table, mask_id, mask);
    }
    if (error) {
        return error;
    }

    /* A slot that could not be published has never been valid, so that no
     * program can have met it, through a hint that is left of its last flow
     * either.  It is free at once. */
    slot = slot_alloc(table);
    slot_fill(table, slot, mask_id, &masked, actions, group.id);
    flow = xzalloc(sizeof *flow);
    flow->entry.digest = digest;
    flow->entry.slot = slot;
    system_error = xdp_subtable_insert(&table->masks[mask_id].subtable,
                                       &flow->entry);
    if (system_error) {
        VLOG_WARN_RL(&rl, "inserting a flow into a subtable failed: %s",
                     ovs_strerror(system_error));
        slot_free(table, slot);
        free(flow);
        return XDP_TABLE_SYSTEM;
    }
    slot_set_valid(table, slot, true);

    flow->mask = mask_id;
    flow->in_port = key->in_port;
    flow->parts = actions->parts;
    ovs_list_init(&flow->old_slots);
    hmap_insert_fast(&table->flows_by_digest, &flow->node, hash);
    port_add_flow(table, flow->in_port, mask_id);
    port_add_parts(table, flow->in_port, flow->parts);
    slot_count_ports(table, slot, 1);
    table->n_flows++;
    *flowp = flow;
    return XDP_TABLE_OK;
}

/* Replaces the actions of 'flow', in one step for every packet.  On failure
 * 'flow' is as it was. */
enum xdp_table_error
xdp_flow_table_modify(struct xdp_flow_table *table,
                      struct xdp_table_flow *flow,
                      const struct xdp_flow_actions *actions)
{
    const uint32_t old_slot = flow->entry.slot;
    const struct xdp_flow_rest *old_rest = &table->rests[old_slot];
    const struct xdp_flow *old = &table->flows[old_slot];
    struct group_choice group;
    enum xdp_table_error error;
    struct xdp_key key;
    int system_error;
    uint32_t slot;

    ovs_assert(actions->n_ops <= XDP_FLOW_MAX_OPS);
    if (!table->n_free_slots) {
        return XDP_TABLE_FLOWS_FULL;
    }
    error = group_choose(table, actions, &group);
    if (!error) {
        error = group_make(table, &group);
    }
    if (error) {
        return error;
    }

    memcpy(&key, old->words, BASIC_SIZE);
    memcpy((char *) &key + BASIC_SIZE, old_rest->ext_words, EXT_SIZE);
    memcpy((char *) &key + TUNNEL_OFS, old_rest->tunnel_words, TUNNEL_SIZE);
    slot = slot_alloc(table);
    slot_fill(table, slot, flow->mask, &key, actions, group.id);
    /* No packet shall miss, so the new slot is valid before it is published.
     * If that fails, a program may have met it through a hint that is left of
     * its last flow, and run the actions. */
    slot_set_valid(table, slot, true);
    system_error = xdp_subtable_modify(&table->masks[flow->mask].subtable,
                                       &flow->entry, slot);
    if (system_error) {
        VLOG_WARN_RL(&rl, "switching a flow to its new slot failed: %s",
                     ovs_strerror(system_error));
        slot_retire(table, slot, flow);
        return XDP_TABLE_SYSTEM;
    }
    slot_count_ports(table, slot, 1);
    slot_count_ports(table, old_slot, -1);
    slot_retire(table, old_slot, flow);
    port_add_parts(table, flow->in_port, actions->parts);
    port_remove_parts(table, flow->in_port, flow->parts);
    flow->parts = actions->parts;
    return XDP_TABLE_OK;
}

/* Makes packets find 'flow', or as if it were not there if 'runs' is false.
 * A packet that has just found it may still be under way. */
void
xdp_flow_table_set_running(struct xdp_flow_table *table,
                           struct xdp_table_flow *flow, bool runs)
{
    slot_set_valid(table, flow->entry.slot, runs);
}

/* Removes 'flow', which becomes invalid, and stores its last statistics in
 * '*stats'. */
void
xdp_flow_table_remove(struct xdp_flow_table *table,
                      struct xdp_table_flow *flow,
                      struct xdp_flow_table_stats *stats)
{
    struct table_mask *mask = &table->masks[flow->mask];
    struct table_garbage *garbage;
    int error;

    /* From here on no hint and no digest leads to the flow, even if taking it
     * out of the subtable should fail. */
    slot_set_valid(table, flow->entry.slot, false);
    error = xdp_subtable_remove(&mask->subtable, &flow->entry);
    if (error) {
        VLOG_WARN_RL(&rl, "removing a flow from its subtable failed: %s",
                     ovs_strerror(error));
    }
    hmap_remove(&table->flows_by_digest, &flow->node);
    port_remove_flow(table, flow->in_port, flow->mask);
    port_remove_parts(table, flow->in_port, flow->parts);
    if (!mask->subtable.n) {
        mask->unused_since = table->epoch;
    }

    xdp_flow_table_get_stats(table, flow, stats);
    LIST_FOR_EACH_POP (garbage, flow_node, &flow->old_slots) {
        garbage->flow = NULL;
    }
    slot_count_ports(table, flow->entry.slot, -1);
    slot_retire(table, flow->entry.slot, NULL);
    table->n_flows--;
    free(flow);
}

/* Stores the statistics of 'flow' since its insertion in '*stats'. */
void
xdp_flow_table_get_stats(const struct xdp_flow_table *table,
                         const struct xdp_table_flow *flow,
                         struct xdp_flow_table_stats *stats)
{
    const struct table_garbage *garbage;

    *stats = flow->base;
    slot_add_stats(table, flow->entry.slot, stats);
    LIST_FOR_EACH (garbage, flow_node, &flow->old_slots) {
        slot_add_stats(table, garbage->slot, stats);
    }
}

/* Returns true if 'flow' outputs to 'port', or if that is the tunnel whose
 * headers it pops. */
bool
xdp_flow_table_leads_to(const struct xdp_flow_table *table,
                          const struct xdp_table_flow *flow, uint32_t port)
{
    const struct xdp_flow_rest *rest = &table->rests[flow->entry.slot];
    uint32_t other;

    for (size_t i = 0; i < rest->n_ops; i += 1 + rest->ops[i].n_data) {
        if (op_leads_to(&rest->ops[i], &other) && other == port) {
            return true;
        }
    }
    return false;
}

/* Returns the number of flows that lead to 'port'. */
uint32_t
xdp_flow_table_n_leading_to(const struct xdp_flow_table *table, uint32_t port)
{
    return table->ports[port].n_leading;
}

/* Adds '*src' to '*dst'. */
void
xdp_flow_table_stats_add(struct xdp_flow_table_stats *dst,
                         const struct xdp_flow_table_stats *src)
{
    dst->n_packets += src->n_packets;
    dst->n_bytes += src->n_bytes;
    dst->used = MAX(dst->used, src->used);
    dst->tcp_flags |= src->tcp_flags;
}

/* Garbage. */

/* Returns true if there are few free slots, and garbage that could become
 * some: then it should not wait. */
bool
xdp_flow_table_is_short(const struct xdp_flow_table *table)
{
    const struct xdp_flow_table_limits *limits = &table->limits;

    return (table->n_free_slots <= MAX(limits->n_slots - limits->n_flows,
                                       limits->n_slots / 32)
            && !ovs_list_is_empty(&table->garbage));
}

/* If there is garbage, or a list of masks that was replaced, ends the epoch,
 * stores its number in '*epoch', and returns true: after
 * xdp_flow_table_wait(), xdp_flow_table_reclaim() can free what there is of
 * this epoch. */
bool
xdp_flow_table_begin_reclaim(struct xdp_flow_table *table, uint64_t *epoch)
{
    if (ovs_list_is_empty(&table->garbage) && !table->lists_busy) {
        return false;
    }
    *epoch = table->epoch++;
    return true;
}

/* Waits until every program run that was under way at the time of the call
 * has ended.  Returns 0 or a positive errno value; then nothing may be
 * reclaimed.
 *
 * The kernel waits so on its own behalf before an update of a map of maps
 * returns (maybe_wait_bpf_programs() in kernel/bpf/syscall.c). */
int
xdp_flow_table_wait(const struct xdp_flow_table *table)
{
    uint32_t dummy = table->limits.n_masks;

    if (bpf_map_update_elem(table->fds.subtables, &dummy, &table->dummy_fd,
                            BPF_ANY)) {
        int error = errno;

        VLOG_WARN_RL(&rl, "waiting for XDP programs failed: %s",
                     ovs_strerror(error));
        return error;
    }
    return 0;
}

/* Frees slots that became garbage in 'epoch' or before, and the lists of masks
 * that were replaced then.  Does a part of that, which takes no more than
 * about a millisecond, and returns true if there is more to do. */
bool
xdp_flow_table_reclaim(struct xdp_flow_table *table, uint64_t epoch)
{
    uint32_t n_left = MAX(RECLAIM_SLOTS / table->n_cpus, 1);
    struct table_garbage *garbage;

    table->waited_epoch = MAX(table->waited_epoch, epoch + 1);
    table->lists_busy &= table->lists_epoch > epoch;
    LIST_FOR_EACH_SAFE (garbage, list_node, &table->garbage) {
        if (garbage->epoch > epoch) {
            break;
        }
        if (!n_left--) {
            return true;
        }
        if (garbage->flow) {
            slot_add_stats(table, garbage->slot, &garbage->flow->base);
            ovs_list_remove(&garbage->flow_node);
        }
        slot_free(table, garbage->slot);
        ovs_list_remove(&garbage->list_node);
        free(garbage);
    }
    return false;
}

/* Reporting. */

/* Stores the number of flows in 'table', of masks that have flows, and of
 * groups that have flows or had some until a moment ago. */
void
xdp_flow_table_usage(const struct xdp_flow_table *table, uint32_t *n_flows,
                     uint32_t *n_masks, uint32_t *n_groups)
{
    *n_flows = table->n_flows;
    *n_masks = 0;
    for (uint32_t i = 0; i < table->limits.n_masks; i++) {
        *n_masks += table->masks[i].subtable.n > 0;
    }
    *n_groups = 0;
    for (uint32_t i = 1; i < XDP_MAX_GROUPS; i++) {
        *n_groups += table->groups[i].n_slots > 0;
    }
}

/* Returns the limits that 'table' was created with. */
const struct xdp_flow_table_limits *
xdp_flow_table_get_limits(const struct xdp_flow_table *table)
{
    return &table->limits;
}

/* Returns XDP_COUNTER_HINT_HITS, which follows from the other 'counters': what
 * began a pass and neither ended before the hint cache nor missed there. */
static uint64_t
count_hint_hits(const uint64_t counters[XDP_COUNTER_MAX])
{
    uint64_t passes = (counters[XDP_COUNTER_PACKETS]
                       + counters[XDP_COUNTER_RECIRC]);
    uint64_t others = (counters[XDP_COUNTER_UNKNOWN_PORT]
                       + counters[XDP_COUNTER_UNPARSED]
                       + counters[XDP_COUNTER_NESTED]
                       + counters[XDP_COUNTER_SUBTABLE_HITS]
                       + counters[XDP_COUNTER_MISSES]);

    /* They are not all of one moment. */
    return passes > others ? passes - others : 0;
}

/* Stores the sum of each counter over all CPUs, zero where reading fails. */
void
xdp_flow_table_get_counters(const struct xdp_flow_table *table,
                            uint64_t counters[XDP_COUNTER_MAX])
{
    size_t n_values = (size_t) XDP_COUNTER_MAX * table->n_cpus;
    uint64_t *values = xcalloc(n_values, sizeof *values);
    uint32_t keys[XDP_COUNTER_MAX], last;
    uint32_t n = XDP_COUNTER_MAX;

    memset(counters, 0, XDP_COUNTER_MAX * sizeof *counters);
    if (bpf_map_lookup_batch(table->fds.counters, NULL, &last, keys, values,
                             &n, NULL)
        && errno != ENOENT) {
        n = 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (unsigned int j = 0; j < table->n_cpus; j++) {
            counters[keys[i]] += values[(size_t) i * table->n_cpus + j];
        }
    }
    if (table->limits.n_hints) {
        counters[XDP_COUNTER_HINT_HITS] = count_hint_hits(counters);
    }
    free(values);
}

/* Stores the statistics of 'port' in '*stats', zero if reading fails. */
void
xdp_flow_table_get_port_stats(const struct xdp_flow_table *table,
                              uint32_t port, struct xdp_port_stats *stats)
{
    struct xdp_port_stats *values = xcalloc(table->n_cpus, sizeof *values);

    memset(stats, 0, sizeof *stats);
    if (!bpf_map_lookup_elem(table->fds.port_stats, &port, values)) {
        for (unsigned int i = 0; i < table->n_cpus; i++) {
            stats->upcalls += values[i].upcalls;
            stats->no_socket += values[i].no_socket;
            stats->no_metadata += values[i].no_metadata;
        }
    }
    free(values);
}
