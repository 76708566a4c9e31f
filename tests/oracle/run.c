/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the program, and reads and writes what only the program knows: the key
 * of a packet, and the hint cache.
 */

#include <config.h>

#include "run.h"

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "oracle.h"
#include "rng.h"
#include "run-tc.h"
#include "util.h"
#include "xdp-program.h"

/* Maps of the program, at most. */
#define MAX_MAPS 32

/* How often there may be no memory for an entry of a DEVMAP, at most. */
#define MAX_DEVMAP_TRIES 100

static int prog_fd;
static int scratch_fd;          /* xdp_scratch. */
static uint32_t scratch_size;   /* Of one CPU's value. */
static int hints_fd;            /* xdp_hints. */
static uint32_t n_hint_buckets; /* Of all CPUs. */
uint64_t digest_secret[XDP_KEY_WORDS];

/* Stores the ids of the maps that the program uses in 'ids' and returns how
 * many there are. */
static uint32_t
read_map_ids(uint32_t ids[MAX_MAPS])
{
    struct bpf_prog_info info = {
        .nr_map_ids = MAX_MAPS,
        .map_ids = (uintptr_t) ids,
    };
    uint32_t size = sizeof info;

    if (bpf_obj_get_info_by_fd(prog_fd, &info, &size)) {
        ovs_fatal(errno, "reading what the program uses failed");
    }
    return MIN(info.nr_map_ids, MAX_MAPS);
}

/* Opens the map 'id', stores in '*map' what it is, and returns its fd. */
static int
open_map_by_id(uint32_t id, struct bpf_map_info *map)
{
    uint32_t size = sizeof *map;
    int fd = bpf_map_get_fd_by_id(id);

    memset(map, 0, sizeof *map);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, map, &size)) {
        ovs_fatal(errno, "opening a map of the program failed");
    }
    return fd;
}

/* Opens the map 'name' of the loaded object.  Returns its fd, or a negative
 * number if the program does not use it. */
int
open_map(const char *name)
{
    uint32_t ids[MAX_MAPS];
    uint32_t n = read_map_ids(ids);

    for (uint32_t i = 0; i < n; i++) {
        struct bpf_map_info map;
        int fd = open_map_by_id(ids[i], &map);

        if (!strncmp(map.name, name, sizeof map.name - 1)
            || (strstr(map.name, ".rodata") && strstr(name, ".rodata"))) {
            return fd;
        }
        close(fd);
    }
    return -1;
}

/* Returns the id of the map xdp_scratch. */
uint32_t
scratch_id(void)
{
    struct bpf_map_info map;
    uint32_t size = sizeof map;

    memset(&map, 0, sizeof map);
    if (bpf_obj_get_info_by_fd(scratch_fd, &map, &size)) {
        ovs_fatal(errno, "reading the id of a map failed");
    }
    return map.id;
}

/* Finds the program and the maps that the offload itself has no use for, by
 * what the kernel knows about the loaded object. */
void
find_internals(void)
{
    uint32_t ids[MAX_MAPS];
    uint32_t n;
    int rodata_fd = -1;
    uint32_t rodata_size = 0;
    uint32_t rodata_btf = 0;

    prog_fd = bpf_prog_get_fd_by_id(xdp_object_program_id(object));
    if (prog_fd < 0) {
        ovs_fatal(errno, "opening the loaded program failed");
    }

    n = read_map_ids(ids);
    scratch_fd = hints_fd = -1;
    for (uint32_t i = 0; i < n; i++) {
        struct bpf_map_info map;
        int fd = open_map_by_id(ids[i], &map);

        if (!strcmp(map.name, "xdp_scratch")) {
            scratch_fd = fd;
            scratch_size = ROUND_UP(map.value_size, 8);
        } else if (!strcmp(map.name, "xdp_hints")) {
            hints_fd = fd;
            n_hint_buckets = map.max_entries;
        } else if (strstr(map.name, ".rodata")) {
            rodata_fd = fd;
            rodata_size = map.value_size;
            rodata_btf = map.btf_id;
        } else {
            close(fd);
        }
    }
    if (scratch_fd < 0 || hints_fd < 0 || rodata_fd < 0) {
        ovs_fatal(0, "the object lacks a map that this test reads");
    }

    /* Where in the read-only data the secret is, says BTF. */
    {
        char *rodata = xmalloc(rodata_size);
        struct btf *btf = btf__load_from_kernel_by_id(rodata_btf);
        const struct btf_var_secinfo *var;
        const struct btf_type *sec;
        uint32_t zero = 0;
        bool found = false;
        int id;

        id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC)
                 : -1;
        if (id < 0 || bpf_map_lookup_elem(rodata_fd, &zero, rodata)) {
            ovs_fatal(0, "reading the constants of the object failed");
        }
        sec = btf__type_by_id(btf, id);
        var = btf_var_secinfos(sec);
        for (int i = 0; i < btf_vlen(sec); i++, var++) {
            const struct btf_type *t = btf__type_by_id(btf, var->type);

            if (!strcmp(btf__name_by_offset(btf, t->name_off),
                        "xdp_digest_secret")) {
                ovs_assert(var->size >= sizeof digest_secret);
                memcpy(digest_secret, rodata + var->offset,
                       sizeof digest_secret);
                found = true;
            }
        }
        if (!found) {
            ovs_fatal(0, "the object has no xdp_digest_secret");
        }
        btf__free(btf);
        free(rodata);
        close(rodata_fd);
    }
}

/* Runs program 'fd', or the main program if that is negative, on the 'size'
 * bytes at 'data', of which the first 'meta_size' are metadata, as if they
 * came from 'ifindex'.  Returns its verdict.  If 'out' is nonnull, stores
 * metadata and packet that leave in the MAX_OUT bytes there and their size in
 * '*out_size', of which '*out_meta_size' are metadata. */
uint32_t
run_program_meta(int fd, uint32_t ifindex, const void *data, size_t size,
                 size_t meta_size, void *out, size_t *out_size,
                 size_t *out_meta_size)
{
    struct xdp_md ctx = {
        .data = meta_size,
        .data_end = size,
        .ingress_ifindex = ifindex,
    };
    struct xdp_md ctx_out;

    if (fd < 0 && hook_tc && can_run_tc(data, size)) {
        return run_tc(ifindex, data, size, out, out_size, out_meta_size);
    }
    forget_packet();

    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = data, .data_size_in = size,
                .data_out = out, .data_size_out = out ? MAX_OUT : 0,
                .ctx_in = &ctx, .ctx_size_in = sizeof ctx,
                .ctx_out = out ? &ctx_out : NULL,
                .ctx_size_out = out ? sizeof ctx_out : 0,
                .repeat = 1);

    if (bpf_prog_test_run_opts(fd < 0 ? prog_fd : fd, &opts)) {
        run_failed(errno, ifindex, data, size);
    }
    if (out) {
        *out_size = opts.data_size_out;
        *out_meta_size = ctx_out.data;
    }
    return opts.retval;
}

/* Runs the program on the 'size' bytes at 'data' as if they came from
 * 'ifindex'.  Returns its verdict.  If 'out' is nonnull, stores the packet
 * that leaves in the MAX_OUT bytes there and its size in '*out_size'. */
uint32_t
run_program(uint32_t ifindex, const void *data, size_t size,
            void *out, size_t *out_size)
{
    size_t out_meta_size;

    return run_program_meta(-1, ifindex, data, size, 0, out, out_size,
                            &out_meta_size);
}

/* Reads the key that the last run of the program left. */
void
read_key(struct xdp_key *key)
{
    uint32_t zero = 0;
    char *values = xmalloc(scratch_size * n_cpus);

    if (bpf_map_lookup_elem(scratch_fd, &zero, values)) {
        ovs_fatal(errno, "reading the map xdp_scratch failed");
    }
    /* The key is the first member. */
    memcpy(key, values + scratch_size * this_cpu, sizeof *key);
    free(values);
}

/* No recirculation has this number, since those of the oracle are random. */
#define KEY_MARK 0x5ca1ab1e

/* Makes the key that the last run left one that no run leaves. */
void
mark_key(void)
{
    char *values = xmalloc(scratch_size * n_cpus);
    uint32_t mark = KEY_MARK;
    uint32_t zero = 0;

    if (bpf_map_lookup_elem(scratch_fd, &zero, values)) {
        ovs_fatal(errno, "reading the map xdp_scratch failed");
    }
    memcpy(values + scratch_size * this_cpu
           + offsetof(struct xdp_key, recirc_id), &mark, sizeof mark);
    if (bpf_map_update_elem(scratch_fd, &zero, values, BPF_ANY)) {
        ovs_fatal(errno, "writing the map xdp_scratch failed");
    }
    free(values);
}

/* Returns true if no run has made a key since mark_key(). */
bool
key_is_marked(void)
{
    struct xdp_key key;

    read_key(&key);
    return key.recirc_id == KEY_MARK;
}

/* A bucket of hints, as in bpf/maps.h: the low bits of a hint are a slot, plus
 * one, the others come from the hash. */
struct hints_bucket {
    uint32_t hints[XDP_MIN_HINTS];
};
#define HINT_SLOT_BITS 23

/* Gives 'bucket' random slots: often one that is or was in use, sometimes one
 * that does not exist.  What a hint has from the hash of a packet is left, so
 * that such a packet follows it. */
static void
scramble_bucket(struct hints_bucket *bucket)
{
    for (size_t i = 0; i < XDP_MIN_HINTS; i++) {
        uint32_t *hint = &bucket->hints[i];

        if (!*hint) {
            *hint = rnd(1 << (32 - HINT_SLOT_BITS)) << HINT_SLOT_BITS;
        }
        *hint &= ~((1 << HINT_SLOT_BITS) - 1);
        *hint |= rnd(one_in(16) ? N_FLOWS + 3 : 200);
    }
}

/* Returns how many passes of the packet that was run since the counters were
 * 'before', right after set_hints(NO_HINTS), belonged to a train: they have
 * found a flow, but not by a subtable. */
uint64_t
passes_in_train(const uint64_t before[XDP_COUNTER_MAX])
{
    uint64_t after[XDP_COUNTER_MAX];

    xdp_flow_table_get_counters(object->table, after);
    return after[XDP_COUNTER_HINT_HITS] - before[XDP_COUNTER_HINT_HITS];
}

/* Makes each hint in the 'n' buckets lead where another one does. */
static void
exchange_hints(struct hints_bucket *buckets, uint32_t n)
{
    const uint32_t slot_bits = (1 << HINT_SLOT_BITS) - 1;
    uint32_t *last = NULL;

    for (uint32_t i = 0; i < n * XDP_MIN_HINTS; i++) {
        uint32_t *hint = &buckets[i / XDP_MIN_HINTS].hints[i % XDP_MIN_HINTS];

        if (*hint && last && one_in(2)) {
            uint32_t diff = (*hint ^ *last) & slot_bits;

            *hint ^= diff;
            *last ^= diff;
        }
        if (*hint && (!last || one_in(2))) {
            last = hint;
        }
    }
}

/* Sets the hint cache: to what 'hints' says. */
void
set_hints(enum set_hints hints)
{
    static struct hints_bucket *buckets;
    static uint32_t *indexes;
    uint32_t n = n_hint_buckets;
    uint32_t last;

    if (!buckets) {
        buckets = xcalloc(n, sizeof *buckets);
        indexes = xcalloc(n, sizeof *indexes);
        for (uint32_t i = 0; i < n; i++) {
            indexes[i] = i;
        }
    }
    if (hints == NO_HINTS) {
        memset(buckets, 0, n * sizeof *buckets);
    } else if (bpf_map_lookup_batch(hints_fd, NULL, &last, indexes, buckets,
                                    &n, NULL) && errno != ENOENT) {
        ovs_fatal(errno, "reading the map xdp_hints failed");
    }
    if (hints == EXCHANGED_HINTS) {
        exchange_hints(buckets, n);
    }
    for (uint32_t i = 0; hints == RANDOM_HINTS && i < n; i++) {
        scramble_bucket(&buckets[i]);
    }
    if (bpf_map_update_batch(hints_fd, indexes, buckets, &n, NULL)) {
        ovs_fatal(errno, "writing the map xdp_hints failed");
    }
}

/* Sets 'n' random buckets of the hint cache to random slots. */
void
scramble_hints(uint32_t n)
{
    while (n--) {
        uint32_t i = rnd(n_hint_buckets);
        struct hints_bucket bucket;

        if (bpf_map_lookup_elem(hints_fd, &i, &bucket)) {
            ovs_fatal(errno, "reading the map xdp_hints failed");
        }
        scramble_bucket(&bucket);
        if (bpf_map_update_elem(hints_fd, &i, &bucket, BPF_ANY)) {
            ovs_fatal(errno, "writing the map xdp_hints failed");
        }
    }
}

/* Has programs use a random part of the hint cache, from the next tick of the
 * clock on, as the provider does when it fits it to the flows.  Returns false
 * if the cache is too small for that. */
bool
fold_hints(void)
{
    static int fd = -1;
    uint32_t zero = 0;
    uint64_t folds;

    if (n_hints <= XDP_MIN_HINTS) {
        return false;
    }
    folds = rnd(log_2_floor(n_hints / XDP_MIN_HINTS) + 1);
    if (fd < 0) {
        fd = open_map("xdp_hint_folds");
    }
    if (bpf_map_update_elem(fd, &zero, &folds, BPF_ANY)) {
        ovs_fatal(errno, "writing the map xdp_hint_folds failed");
    }
    return true;
}

/* Checks that the counters have grown by 'expected' from 'before' to
 * 'after'.  Otherwise stores the name of one that has not and by how much it
 * has grown. */
bool
check_counters_between(const uint64_t before[XDP_COUNTER_MAX],
                       const uint64_t after[XDP_COUNTER_MAX],
                       const uint64_t expected[XDP_COUNTER_MAX],
                       const char **culprit, uint64_t *by)
{
    static const char *names[XDP_COUNTER_MAX] = {
#define NAME(COUNTER) [XDP_COUNTER_##COUNTER] = #COUNTER
        NAME(PACKETS), NAME(UPCALLS), NAME(OUTPUT), NAME(HINT_HITS),
        NAME(SUBTABLE_HITS), NAME(MISSES), NAME(PUSH_VLAN), NAME(POP_VLAN),
        NAME(FLOW_DROPS), NAME(DROP_NO_PORT), NAME(DROP_HEADROOM),
        NAME(DROP_BAD_OP), NAME(NO_SOCKET), NAME(UNKNOWN_PORT),
        NAME(EXPLICIT_DROPS), NAME(SET_FIELD), NAME(PUSH_MPLS),
        NAME(POP_MPLS), NAME(TRUNC), NAME(METER_DROPS), NAME(COPIES),
        NAME(DROP_TOO_SHORT), NAME(DROP_EGRESS), NAME(NO_METADATA),
        NAME(UNPARSED), NAME(TOO_LARGE), NAME(NESTED), NAME(CT),
        NAME(CT_NO_ENTRY), NAME(CT_FLAGS), NAME(CT_FRAGMENT), NAME(CT_ODD),
        NAME(SET_VLAN)
#undef NAME
    };

    for (size_t i = 0; i < XDP_COUNTER_MAX; i++) {
        if (after[i] - before[i] != expected[i]) {
            *culprit = names[i] ? names[i] : "unnamed";
            *by = after[i] - before[i];
            return false;
        }
    }
    return true;
}

/* Checks that since 'before' the counters have grown by 'expected'.  Makes
 * 'before' the current ones. */
bool
check_counters(uint64_t before[XDP_COUNTER_MAX],
               const uint64_t expected[XDP_COUNTER_MAX],
               const char **culprit, uint64_t *by)
{
    uint64_t now[XDP_COUNTER_MAX];
    bool ok;

    xdp_flow_table_get_counters(object->table, now);
    ok = check_counters_between(before, now, expected, culprit, by);
    memcpy(before, now, sizeof now);
    return ok;
}

/* Opens or closes the way out of port 'port'. */
void
set_target(uint32_t port, bool enable)
{
    int error = xdp_flow_table_set_target(object->table, port,
                                          enable ? target_ifindex(port) : 0);

    if (hook_tc) {
        set_tc_target(port, enable ? target_ifindex(port) : 0);
    }
    if (error) {
        case_fatal(error, "writing the map tx_ports");
    }
}

/* Puts 'val' into the DEVMAP 'fd' for 'port'.  The kernel takes memory for it
 * without waiting until there is some, so that is done here.  Returns 0 or a
 * positive errno value. */
static int
update_devmap(int fd, uint32_t port, const struct bpf_devmap_val *val)
{
    for (int i = 1; ; i++) {
        if (!bpf_map_update_elem(fd, &port, val, BPF_ANY)) {
            return 0;
        } else if (errno != ENOMEM || i >= MAX_DEVMAP_TRIES) {
            return errno;
        }
        xnanosleep(1000 * 1000);
    }
}

/* Closes the way out of port 'port', which is open, behind the back of the
 * flow table, or opens it again. */
void
break_target(uint32_t port, bool broken)
{
    static int fd = -1;
    static struct bpf_devmap_val val;
    int error;

    if (hook_tc) {
        set_tc_target(port, broken ? 0 : target_ifindex(port));
    }
    if (fd < 0) {
        fd = open_map("tx_ports");
    }
    if (!broken) {
        val.bpf_prog.fd = -1;
        error = update_devmap(fd, port, &val);
    } else {
        error = (bpf_map_lookup_elem(fd, &port, &val)
                 || bpf_map_delete_elem(fd, &port) ? errno : 0);
    }
    if (error) {
        case_fatal(error, "changing the map tx_ports");
    }
}
