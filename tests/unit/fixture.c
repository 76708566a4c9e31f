/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow tables on maps of their own, and how a program finds a flow in them.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "packets.h"
#include "unit.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "util.h"
#include "xdp-abi-tc.h"
#include "xdp-mutex.h"
#include "xdp-pool.h"

/* Secrets of the tables here.  In word 4 they make it easy to find two keys
 * with one digest. */
const uint64_t secret[XDP_KEY_WORDS] = {
    UINT64_C(0x8f1c3d5e79a2b4c6), UINT64_C(0x13579bdf02468ace),
    UINT64_C(0xfedcba9876543210), UINT64_C(0x0123456789abcdef),
    UINT64_C(0x5555aaaa11112222), UINT64_C(0x9e3779b97f4a7c15),
};

/* Creates a map for a fixture. */
int
create_map(enum bpf_map_type type, size_t value_size, uint32_t n,
           uint32_t flags, int inner_fd)
{
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
    int fd;

    if (inner_fd >= 0) {
        opts.inner_map_fd = inner_fd;
    }
    fd = bpf_map_create(type, "unit", 4, value_size, n, &opts);
    if (fd < 0) {
        ovs_fatal(errno, "creating a BPF map failed");
    }
    return fd;
}

/* Closes the maps of 'f'. */
void
fixture_close(struct fixture *f)
{
    close(f->fds.ports);
    close(f->fds.tx_ports);
    close(f->fds.masks);
    close(f->fds.subtables);
    close(f->fds.flows);
    close(f->fds.flow_rest);
    close(f->fds.flow_stats);
    close(f->fds.port_stats);
    close(f->fds.counters);
    close(f->fds.mask_hits);
    close(f->fds.hint_folds);
    close(f->fds.cpus);
    if (f->fds.targets) {
        close(f->fds.targets);
        close(f->fds.companions);
    }
    if (f->fds.groups) {
        close(f->fds.groups);
        close(f->fds.egress);
    }
}

/* Creates maps with the given limits, those of the flows with 'n_slots'
 * elements. */
void
fixture_open(struct fixture *f, uint32_t n_flows, uint32_t n_masks,
             uint32_t n_ports, uint32_t n_slots)
{
    int inner_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "unit_inner", 8, 4, 1,
                                  NULL);
    int chunk_fd = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct xdp_flow_rest),
                              XDP_REST_SLOTS, BPF_F_MMAPABLE, -1);

    memset(f, 0, sizeof *f);
    f->n_cpus = libbpf_num_possible_cpus();
    f->limits.n_flows = n_flows;
    f->limits.n_slots = n_slots;
    f->limits.n_masks = n_masks;
    f->limits.n_ports = n_ports;
    f->fds.ports = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct xdp_port),
                              n_ports, BPF_F_MMAPABLE, -1);
    f->fds.tx_ports = create_map(BPF_MAP_TYPE_DEVMAP,
                                 sizeof(struct bpf_devmap_val), n_ports, 0,
                                 -1);
    f->fds.masks = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct xdp_mask),
                              n_masks, BPF_F_MMAPABLE, -1);
    f->fds.subtables = create_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, n_masks + 1,
                                  0, inner_fd);
    f->fds.flows = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct xdp_flow),
                              n_slots, BPF_F_MMAPABLE, -1);
    f->fds.flow_rest = create_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4,
                                  DIV_ROUND_UP(n_slots, XDP_REST_SLOTS), 0,
                                  chunk_fd);
    f->fds.flow_stats = create_map(BPF_MAP_TYPE_ARRAY,
                                   sizeof(struct xdp_flow_stats),
                                   n_slots * f->n_cpus, BPF_F_MMAPABLE, -1);
    f->fds.port_stats = create_map(BPF_MAP_TYPE_PERCPU_ARRAY,
                                   sizeof(struct xdp_port_stats), n_ports, 0,
                                   -1);
    f->fds.counters = create_map(BPF_MAP_TYPE_PERCPU_ARRAY, 8,
                                 XDP_COUNTER_MAX, 0, -1);
    f->fds.mask_hits = create_map(BPF_MAP_TYPE_ARRAY, 8,
                                  XDP_MASK_HITS * f->n_cpus, BPF_F_MMAPABLE,
                                  -1);
    f->fds.hint_folds = create_map(BPF_MAP_TYPE_ARRAY, 8, 1, BPF_F_MMAPABLE,
                                   -1);
    f->fds.cpus = create_map(BPF_MAP_TYPE_ARRAY, 8, f->n_cpus, BPF_F_MMAPABLE,
                             -1);
    f->fds.targets = create_map(BPF_MAP_TYPE_ARRAY, sizeof(struct xdp_target),
                                n_ports, BPF_F_MMAPABLE, -1);
    f->fds.companions = create_map(BPF_MAP_TYPE_HASH, 4, 2 * n_ports, 0, -1);
    close(inner_fd);
    close(chunk_fd);
}

/* Creates the table of 'f' on its maps. */
void
fixture_create(struct fixture *f)
{
    char *error;

    f->table = xdp_flow_table_create(&f->fds, &f->limits, secret, &error);
    if (!f->table) {
        ovs_fatal(0, "%s", error);
    }
}

/* Creates a table with the given limits and, for convenience, two ports: 1 and
 * 2. */
void
fixture_init(struct fixture *f, uint32_t n_flows, uint32_t n_masks)
{
    fixture_open(f, n_flows, n_masks, MAX_PORTS, n_flows);
    fixture_create(f);
    if (xdp_flow_table_add_port(f->table, 1, 1, 2)
        || xdp_flow_table_add_port(f->table, 2, MAX_PORTS + 1, 2)) {
        ovs_fatal(0, "adding a port failed");
    }
}

/* Destroys 'f', whose flows must be gone. */
void
fixture_destroy(struct fixture *f)
{
    xdp_flow_table_destroy(f->table);
    fixture_close(f);
}

/* Waits and reclaims as the offload does.  Returns true if there was
 * anything. */
bool
fixture_reclaim(struct fixture *f)
{
    uint64_t epoch;

    if (!xdp_flow_table_begin_reclaim(f->table, &epoch)) {
        return false;
    }
    if (xdp_flow_table_wait(f->table)) {
        ovs_fatal(0, "waiting for a grace period failed");
    }
    while (xdp_flow_table_reclaim(f->table, epoch)) {
        continue;
    }
    return true;
}

/* Does a part of sorting the masks, the first one if 'begin', as the offload
 * does.  Returns true if there is more to do. */
bool
fixture_sort(struct fixture *f, bool begin)
{
    bool more;

    xdp_lock();
    more = xdp_flow_table_sort_masks(f->table, begin);
    xdp_unlock();
    return more;
}

/* Reads element 'index' of a map into '*value'.  Returns true if there is
 * one. */
bool
read_map(int fd, uint32_t index, void *value)
{
    return !bpf_map_lookup_elem(fd, &index, value);
}

/* Returns word 'i' of 'mask', as a program that compares the rest of a flow
 * has it. */
__u64
mask_bits(const struct xdp_mask *mask, size_t i)
{
    size_t ct = i - XDP_KEY_BASIC_WORDS - XDP_KEY_EXT_WORDS;

    if (i < XDP_KEY_BASIC_WORDS) {
        return mask->basic[i];
    } else if (ct < XDP_KEY_CT_BASIC_WORDS) {
        return mask->ct_bits[ct];
    }
    for (size_t j = 0; j < mask->n_far; j++) {
        if (mask->word[j] == i) {
            return mask->bits[j];
        }
    }
    return 0;
}

/* Returns where 'found' has word 'i' of the key, or NULL if it has none,
 * because the mask does not touch it. */
__u64 *
slot_word(struct found_flow *found, size_t i)
{
    size_t ct = i - XDP_KEY_BASIC_WORDS - XDP_KEY_EXT_WORDS;

    if (i < XDP_KEY_BASIC_WORDS) {
        return &found->flow.words[i];
    } else if (ct < XDP_KEY_CT_BASIC_WORDS) {
        return &found->rest.ct_words[ct];
    }
    for (size_t j = 0; j < found->mask.n_far; j++) {
        if (found->mask.word[j] == i) {
            return &found->rest.far_words[j];
        }
    }
    return NULL;
}

/* Returns true if packets with the key 'words' match what is in 'found'. */
static bool
slot_matches(struct found_flow *found, const uint64_t words[XDP_KEY_WORDS])
{
    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        const __u64 *word = slot_word(found, i);

        if (word && (words[i] & mask_bits(&found->mask, i)) != *word) {
            return false;
        }
    }
    return true;
}

/* Reads the rest of the flow in 'slot' into 'flow->rest', zeros if it needs
 * none.  Returns false if it should be there but is not. */
static bool
read_rest(const struct fixture *f, uint32_t slot, struct found_flow *flow)
{
    uint32_t id;
    bool ok;
    int fd;

    memset(&flow->rest, 0, sizeof flow->rest);
    if (flow->flow.flags & XDP_FLOW_SIMPLE
        && !(flow->flow.parts & XDP_PART_REST)) {
        return true;
    }
    if (!read_map(f->fds.flow_rest, slot / XDP_REST_SLOTS, &id)) {
        return false;
    }
    fd = bpf_map_get_fd_by_id(id);
    ok = fd >= 0 && read_map(fd, slot % XDP_REST_SLOTS, &flow->rest);
    close(fd);
    return ok;
}

/* Searches the maps of 'f' for the flow of a packet with 'key', the way a
 * program does, and stores what it finds, and the id of the mask that it was
 * found under.  Returns false if there is none. */
bool
fixture_find_mask(const struct fixture *f, const struct xdp_key *key,
                  uint32_t *slotp, struct found_flow *flow,
                  uint32_t *mask_id)
{
    uint64_t words[XDP_KEY_WORDS];
    const struct xdp_port_masks *masks;
    struct xdp_port port;
    bool found = false;

    memcpy(words, key, sizeof words);
    if (!read_map(f->fds.ports, key->in_port, &port) || !port.ifindex) {
        return false;
    }
    masks = &port.lists[port.list];
    for (uint32_t i = 0; i < masks->n && !found; i++) {
        uint64_t digest = 0;
        struct xdp_mask mask;
        uint32_t slot, id;
        int fd;

        if (!read_map(f->fds.masks, masks->ids[i], &mask)
            || !read_map(f->fds.subtables, masks->ids[i], &id)) {
            continue;
        }
        for (uint32_t j = 0; j < mask.n_words; j++) {
            digest = xdp_digest_add(digest,
                                    words[mask.word[j]] & mask.bits[j],
                                    secret[mask.word[j]]);
            if (mask.bits[j] & ~port.union_bits[mask.word[j]]) {
                fail("the union of the port's masks lacks bits");
            }
        }
        fd = bpf_map_get_fd_by_id(id);
        if (fd >= 0 && !bpf_map_lookup_elem(fd, &digest, &slot)
            && read_map(f->fds.flows, slot, &flow->flow) && flow->flow.valid
            && read_rest(f, slot, flow)
            && read_map(f->fds.masks, flow->flow.mask, &flow->mask)) {
            found = slot_matches(flow, words);
            if (flow->flow.parts & ~port.parts) {
                fail("the port's parts lack some of the flow");
            }
            *slotp = slot;
            *mask_id = masks->ids[i];
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    return found;
}

/* As fixture_find_mask(). */
bool
fixture_find(const struct fixture *f, const struct xdp_key *key,
             uint32_t *slotp, struct found_flow *flow)
{
    uint32_t mask_id;

    return fixture_find_mask(f, key, slotp, flow, &mask_id);
}

/* Returns the id of the mask of the flow from port 1 to 'dst'. */
uint32_t
mask_of(const struct fixture *f, uint32_t dst)
{
    struct xdp_key key, mask;
    struct found_flow flow;
    uint32_t slot, mask_id;

    make_flow(1, dst, 0, &key, &mask);
    return (fixture_find_mask(f, &key, &slot, &flow, &mask_id)
            ? mask_id : UINT32_MAX);
}

/* Opens the subtable of the mask of the flow from port 1 to 'dst'. */
int
open_subtable(const struct fixture *f, uint32_t dst)
{
    uint32_t id;

    return (read_map(f->fds.subtables, mask_of(f, dst), &id)
            ? bpf_map_get_fd_by_id(id) : -1);
}

/* Creates a map like a subtable and stores its id in '*idp'. */
int
create_inner(uint32_t *idp)
{
    struct bpf_map_info info = { 0 };
    uint32_t size = sizeof info;
    int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "unit_inner", 8, 4, 4, NULL);

    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size)) {
        ovs_fatal(errno, "creating a map failed");
    }
    *idp = info.id;
    return fd;
}

/* Makes the key and mask of a flow from 'port' to IPv4 address 'dst'.  Flows
 * of different 'n_bits' have different masks. */
void
make_flow(uint32_t port, uint32_t dst, int n_bits, struct xdp_key *key,
          struct xdp_key *mask)
{
    memset(key, 0, sizeof *key);
    memset(mask, 0, sizeof *mask);
    key->in_port = port;
    mask->in_port = UINT32_MAX;
    key->nw_dst = htonl(dst);
    mask->nw_dst = OVS_BE32_MAX;
    mask->nw_src = be32_prefix_mask(n_bits);
}

/* Makes actions that are recognizable by 'label', which has 28 bits, and need
 * nothing but "struct xdp_flow". */
void
make_actions(uint32_t label, struct xdp_flow_actions *actions)
{
    memset(actions, 0, sizeof *actions);
    actions->n_ops = 2;
    actions->ops[0].type = XDP_OP_PUSH_VLAN;
    actions->ops[0].u.push_vlan.tpid = htons(ETH_TYPE_VLAN);
    actions->ops[0].u.push_vlan.tci = htons(label / MAX_PORTS);
    actions->ops[1].type = XDP_OP_OUTPUT;
    actions->ops[1].u.output.port = label % MAX_PORTS;
}

/* Inserts such a flow with such ops. */
enum xdp_table_error
insert(struct fixture *f, uint32_t port, uint32_t dst, int n_bits,
       uint32_t label, struct xdp_table_flow **flowp)
{
    struct xdp_key key, mask;
    struct xdp_flow_actions actions;

    make_flow(port, dst, n_bits, &key, &mask);
    make_actions(label, &actions);
    return xdp_flow_table_insert(f->table, &key, &mask, &actions, flowp);
}

/* Returns the label of the flow that a packet from 'port' to 'dst' finds, and
 * stores its slot, or returns 0 if there is none. */
uint32_t
find(const struct fixture *f, uint32_t port, uint32_t dst, uint32_t *slot)
{
    struct xdp_key key, mask;
    struct found_flow flow;
    uint32_t slot_;

    make_flow(port, dst, 0, &key, &mask);
    if (!fixture_find(f, &key, slot ? slot : &slot_, &flow)) {
        return 0;
    }
    if (flow.flow.flags != XDP_FLOW_SIMPLE
        || flow.flow.tpid != htons(ETH_TYPE_VLAN)) {
        fail("the flow has other ops");
    }
    return ntohs(flow.flow.tci) * MAX_PORTS + flow.flow.port;
}

/* Notes whether programs have run on 'cpu'. */
void
set_cpu(const struct fixture *f, uint32_t cpu, bool runs)
{
    uint64_t value = runs;

    if (bpf_map_update_elem(f->fds.cpus, &cpu, &value, BPF_ANY)) {
        ovs_fatal(errno, "writing the map xdp_cpus failed");
    }
}

/* Adds a packet of 'bytes' bytes on 'cpu' to the statistics of 'slot'. */
void
count(const struct fixture *f, int cpu, uint32_t slot, uint64_t bytes,
      uint64_t used, uint64_t tcp_flags)
{
    uint32_t index = cpu * f->limits.n_slots + slot;
    struct xdp_flow_stats s;

    if (!read_map(f->fds.flow_stats, index, &s)) {
        ovs_fatal(errno, "reading statistics failed");
    }
    set_cpu(f, cpu, true);
    s.packets++;
    s.bytes += bytes;
    s.used = used;
    s.tcp_flags |= tcp_flags;
    if (bpf_map_update_elem(f->fds.flow_stats, &index, &s, BPF_ANY)) {
        ovs_fatal(errno, "writing statistics failed");
    }
}

/* Returns true if '*s' is that. */
bool
stats_are(const struct xdp_flow_table_stats *s, uint64_t packets,
          uint64_t bytes, long long int used, uint16_t tcp_flags)
{
    return (s->n_packets == packets && s->n_bytes == bytes && s->used == used
            && s->tcp_flags == tcp_flags);
}

/* Returns true if 'f' has that many flows and masks in use. */
bool
usage_is(const struct fixture *f, uint32_t n_flows, uint32_t n_masks)
{
    uint32_t flows, masks, groups;

    xdp_flow_table_usage(f->table, &flows, &masks, &groups);
    return flows == n_flows && masks == n_masks;
}

/* Loads a program as 'xdp_egress' that passes everything on. */
static int
load_egress(void)
{
    static const struct bpf_insn insns[] = {
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
          .imm = XDP_PASS },
        { .code = BPF_JMP | BPF_EXIT },
    };
    LIBBPF_OPTS(bpf_prog_load_opts, opts,
                .expected_attach_type = BPF_XDP_DEVMAP);
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "unit_egress", "GPL", insns,
                           ARRAY_SIZE(insns), &opts);

    if (fd < 0) {
        ovs_fatal(errno, "loading a program failed");
    }
    return fd;
}

/* Like fixture_init(), with groups, and with ports 4 to 8 as targets, all of
 * which are the loopback device. */
void
fixture_init_groups(struct fixture *f, uint32_t n_flows)
{
    uint32_t lo = if_nametoindex("lo");
    int inner_fd;

    fixture_open(f, n_flows, 4, 16, n_flows);
    inner_fd = create_map(BPF_MAP_TYPE_DEVMAP, sizeof(struct bpf_devmap_val),
                          1, 0, -1);
    f->fds.groups = create_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, XDP_MAX_GROUPS,
                               0, inner_fd);
    close(inner_fd);
    f->fds.egress = load_egress();
    fixture_create(f);
    if (xdp_flow_table_add_port(f->table, 1, 1, 2)) {
        ovs_fatal(0, "adding a port failed");
    }
    for (uint32_t port = 4; port <= 8; port++) {
        if (xdp_flow_table_set_target(f->table, port, lo)) {
            ovs_fatal(0, "setting a target failed");
        }
    }
}

/* Makes actions with outputs to 'ports', which ends with 0.  Copies differ if
 * 'differ'. */
void
make_outputs(const uint32_t *ports, bool differ,
             struct xdp_flow_actions *actions)
{
    memset(actions, 0, sizeof *actions);
    for (; *ports; ports++) {
        struct xdp_op *op = &actions->ops[actions->n_ops++];

        op->type = XDP_OP_OUTPUT;
        op->u.output.port = *ports;
        op->u.output.ifindex = if_nametoindex("lo");
        if (differ) {
            /* With data that looks like an output, and is none. */
            op = &actions->ops[actions->n_ops++];
            op->type = XDP_OP_SET_ETHERNET;
            op->n_data = 1;
            op = &actions->ops[actions->n_ops++];
            op->type = XDP_OP_OUTPUT;
            op->u.output.port = 9;
            actions->flags = XDP_FLOW_COPIES_DIFFER;
        }
    }
}

/* Inserts a flow to 'dst' with such actions. */
enum xdp_table_error
insert_outputs(struct fixture *f, uint32_t dst, const uint32_t *ports,
               bool differ, struct xdp_table_flow **flowp)
{
    struct xdp_flow_actions actions;
    struct xdp_key key, mask;

    make_flow(1, dst, 0, &key, &mask);
    make_outputs(ports, differ, &actions);
    return xdp_flow_table_insert(f->table, &key, &mask, &actions, flowp);
}

/* Returns true if 'port' redirects with the program, as 'egress' says. */
bool
target_has_egress(const struct fixture *f, uint32_t port, bool egress)
{
    struct bpf_devmap_val target;

    return (read_map(f->fds.tx_ports, port, &target)
            && (target.bpf_prog.id != 0) == egress);
}

/* Returns true if that many groups are in use. */
bool
n_groups_is(const struct fixture *f, uint32_t n)
{
    uint32_t flows, masks, groups;

    xdp_flow_table_usage(f->table, &flows, &masks, &groups);
    return groups == n;
}

/* Jobs that keep the threads of lib/xdp-pool.c busy, while 'blocked' is
 * locked. */
static struct xdp_job blockers[64]; /* As many as there are threads. */
static atomic_uint n_blockers;
static struct ovs_mutex blocked = OVS_MUTEX_INITIALIZER;

/* Implements 'run' of struct xdp_job. */
static void
wait_until_unblocked(struct xdp_job *job OVS_UNUSED)
{
    unsigned int orig;

    ovs_mutex_lock(&blocked);
    ovs_mutex_unlock(&blocked);
    atomic_sub(&n_blockers, 1, &orig);
}

/* Has no thread of lib/xdp-pool.c do anything, until unblock_pool(). */
void
block_pool(void)
    OVS_ACQUIRES(blocked)
{
    block_pool_but(0);
}

/* The same, but for 'n' threads. */
void
block_pool_but(unsigned int n)
    OVS_ACQUIRES(blocked)
{
    const unsigned int n_jobs = ARRAY_SIZE(blockers) - n;

    ovs_mutex_lock(&blocked);
    atomic_store(&n_blockers, n_jobs);
    for (unsigned int i = 0; i < n_jobs; i++) {
        blockers[i].run = wait_until_unblocked;
        xdp_pool_run(&blockers[i]);
    }
    ovs_assert(!xdp_pool_has_room(n + 1));
}

/* Has them go on. */
void
unblock_pool(void)
    OVS_RELEASES(blocked)
{
    unsigned int n;

    ovs_mutex_unlock(&blocked);
    do {
        usleep(1000);
        atomic_read(&n_blockers, &n);
    } while (n);
}
