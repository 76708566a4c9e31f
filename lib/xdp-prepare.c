/* SPDX-License-Identifier: Apache-2.0 */
/* What is set in an object before it is loaded.  See xdp-prepare.h. */

#include <config.h>

#include "xdp-prepare.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entropy.h"
#include "packets.h"
#include "util.h"
#include "xdp-conn-table.h"
#include "xdp-contract.h"
#include "xdp-flow-table.h"
#include "xdp-machine.h"
#include "xdp-meter.h"
#include "xdp-ovs-compat.h"
#include "xdp-sequence.h"
#include "xdp-upcall.h"

#define HINTS_MAP "xdp_hints"

/* Maps of the contract that all objects and userspace share. */
static const struct shared_map {
    enum xdp_contract_map map;
    int (*open)(char **errp);
    void (*close)(void);
} shared_maps[] = {
    { XDP_MAP_METERS, xdp_meter_open, xdp_meter_close },
    { XDP_MAP_SEQUENCES, xdp_sequence_open, xdp_sequence_close },
    { XDP_MAP_CONNS, xdp_conn_table_open, xdp_conn_table_close },
    { XDP_MAP_CONN_REFS, xdp_conn_table_open_refs,
      xdp_conn_table_close_refs },
};
BUILD_ASSERT_DECL(ARRAY_SIZE(shared_maps) == XDP_N_SHARED_MAPS);

/* Sets the constant 'name' of the object, which is not loaded yet, to the
 * 'size' bytes at 'value', and what it has beyond that to zero. */
static int
set_constant(const char *path, struct bpf_object *bpf, const char *name,
             const void *value, size_t size, char **errp)
{
    const struct btf *btf = bpf_object__btf(bpf);
    const struct btf_var_secinfo *var;
    const struct btf_type *sec;
    struct bpf_map *map;
    char *rodata = NULL;
    size_t rodata_size;
    int id;

    bpf_object__for_each_map (map, bpf) {
        if (strstr(bpf_map__name(map), ".rodata")) {
            rodata = CONST_CAST(void *, bpf_map__initial_value(map,
                                                               &rodata_size));
            break;
        }
    }
    id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
    if (rodata && id >= 0) {
        sec = btf__type_by_id(btf, id);
        var = btf_var_secinfos(sec);
        for (int i = 0; i < btf_vlen(sec); i++, var++) {
            const struct btf_type *t = btf__type_by_id(btf, var->type);

            if (!strcmp(btf__name_by_offset(btf, t->name_off), name)
                && var->size >= size
                && var->offset + var->size <= rodata_size) {
                memset(rodata + var->offset, 0, var->size);
                memcpy(rodata + var->offset, value, size);
                return 0;
            }
        }
    }
    *errp = xasprintf("%s: constant %s of the flow table is missing or too "
                      "small; build the object with the xdp-abi.h of "
                      "this Open vSwitch", path, name);
    return EINVAL;
}

/* Tells 'bpf', which is not loaded yet, how userspace knows metadata. */
static int
set_magic(const char *path, struct bpf_object *bpf, char **errp)
{
    uint64_t magic;
    int error = xdp_upcall_magic(&magic);

    if (error) {
        *errp = xasprintf("reading random numbers failed (%s)",
                          ovs_strerror(error));
        return error;
    }
    return set_constant(path, bpf, "xdp_upcall_magic", &magic, sizeof magic,
                        errp);
}

/* Tells 'bpf', which is not loaded yet, how its programs know metadata of
 * copies, and that it made them itself. */
static int
set_egress(const char *path, struct bpf_object *bpf, char **errp)
{
    static uint64_t magic;
    static uint32_t table;
    int error;

    while (!magic) {
        error = get_entropy(&magic, sizeof magic);
        if (error) {
            *errp = xasprintf("reading random numbers failed (%s)",
                              ovs_strerror(error));
            return error;
        }
    }
    table++;
    error = set_constant(path, bpf, "xdp_egress_magic", &magic, sizeof magic,
                         errp);
    return (error ? error
            : set_constant(path, bpf, "xdp_egress_table", &table,
                           sizeof table, errp));
}

/* Tells 'bpf', which is not loaded yet, what it has to know about 'machine'.
 * An object that knows nothing of that is good enough for any other. */
static int
set_machine(const char *path, struct bpf_object *bpf,
            const struct xdp_machine *machine, char **errp)
{
    const struct {
        const char *name;
        uint32_t value;
    } constants[] = {
        { "xdp_weak_order", machine->weak_order },
        { "xdp_runs_nest", machine->runs_nest },
    };
    int error = 0;

    for (size_t i = 0; !error && i < ARRAY_SIZE(constants); i++) {
        if (constants[i].value) {
            error = set_constant(path, bpf, constants[i].name,
                                 &constants[i].value,
                                 sizeof constants[i].value, errp);
        }
    }
    return error;
}

/* Tells 'bpf', which is not loaded yet, how userspace pops tunnel headers.  An
 * object that knows nothing of the flag is good enough where there is none. */
static int
set_tunnel_df(const char *path, struct bpf_object *bpf, char **errp)
{
    uint32_t flag = XDP_OVS_TUNNEL_DF;

    return flag ? set_constant(path, bpf, "xdp_tunnel_df", &flag, sizeof flag,
                               errp) : 0;
}

/* Tells 'bpf', which is not loaded yet and shares the maps with connections,
 * how to find these, and whether to verify the checksums of their packets. */
static int
set_conns(const char *path, struct bpf_object *bpf, uint32_t verify_checksums,
          char **errp)
{
    const uint64_t *secret = xdp_conn_table_secret();
    uint32_t bits = xdp_conn_table_bits();
    int error;

    error = set_constant(path, bpf, "xdp_conn_bits", &bits, sizeof bits, errp);
    if (!error) {
        error = set_constant(path, bpf, "xdp_conn_secret", secret,
                             XDP_CONN_KEY_WORDS * sizeof *secret, errp);
    }
    if (!error) {
        error = set_constant(path, bpf, "xdp_ct_checksum", &verify_checksums,
                             sizeof verify_checksums, errp);
    }
    return error;
}

/* Makes 'bpf', which is not loaded yet, use the map 'shared'.  After success,
 * the caller must give that back. */
static int
share_map(const char *path, struct bpf_object *bpf,
          const struct shared_map *shared, char **errp)
{
    const char *name = xdp_contract_maps[shared->map].name;
    struct bpf_map *map = bpf_object__find_map_by_name(bpf, name);
    char *reason;
    int error;
    int fd;

    fd = shared->open(&reason);
    if (fd < 0) {
        *errp = xasprintf("%s: %s", path, reason);
        free(reason);
        return ENOMEM;
    }
    error = bpf_map__reuse_fd(map, fd) ? errno : 0;
    if (error) {
        *errp = xasprintf("%s: sharing map %s failed (%s)", path,
                          bpf_map__name(map), ovs_strerror(error));
        shared->close();
    }
    return error;
}

/* Gives back what the object of 'prepared' shares with others. */
void
xdp_prepare_undo(const struct xdp_prepared *prepared)
{
    for (size_t i = 0; i < XDP_N_SHARED_MAPS; i++) {
        if (prepared->has_shared[i]) {
            shared_maps[i].close();
        }
    }
}

/* Sizes the hint cache of 'bpf', which is not loaded yet, and sets its
 * constants.  Does nothing to an object that has none. */
static int
prepare_hints(const char *path, struct bpf_object *bpf, uint32_t n_hints,
              char **errp)
{
    struct bpf_map *map = bpf_object__find_map_by_name(bpf, HINTS_MAP);
    int n_cpus = libbpf_num_possible_cpus();
    uint32_t n_buckets = n_hints / XDP_MIN_HINTS;
    uint64_t n_entries = (uint64_t) MAX(n_buckets, 1) * MAX(n_cpus, 1);
    uint64_t secret[XDP_KEY_WORDS];
    uint32_t shift;
    int error;

    if (!map) {
        return 0;
    }
    if (n_entries > UINT32_MAX) {
        *errp = xasprintf("%s: %"PRIu32" hints for each of %d CPUs do not fit "
                          "into a map; lower other_config:xdp-hints", path,
                          n_hints, n_cpus);
        return EINVAL;
    }
    if (bpf_map__set_max_entries(map, n_entries)) {
        error = errno;
        *errp = xasprintf("%s: sizing map "HINTS_MAP" failed (%s)", path,
                          ovs_strerror(error));
        return error;
    }
    error = get_entropy(secret, sizeof secret);
    if (error) {
        *errp = xasprintf("reading random numbers failed (%s)",
                          ovs_strerror(error));
        return error;
    }
    for (size_t i = 0; i < ARRAY_SIZE(secret); i++) {
        secret[i] |= 1;
    }

    shift = 63 - (n_buckets ? log_2_floor(n_buckets) : 0);
    error = set_constant(path, bpf, "xdp_n_hint_buckets", &n_buckets,
                         sizeof n_buckets, errp);
    if (!error) {
        error = set_constant(path, bpf, "xdp_hint_shift", &shift,
                             sizeof shift, errp);
    }
    if (!error) {
        error = set_constant(path, bpf, "xdp_hint_secret", secret,
                             sizeof secret, errp);
    }
    return error;
}

/* Sizes the maps and sets the constants of the flow table in 'bpf', which is
 * not loaded yet. */
static int
prepare_table(const char *path, struct bpf_object *bpf,
              const struct xdp_flow_table_limits *limits,
              const uint64_t *digest_secret, char **errp)
{
    uint32_t index_mask = limits->n_ports - 1;
    uint32_t max_passes = XDP_OVS_MAX_PASSES;
    int n_cpus = libbpf_num_possible_cpus();
    uint64_t n_stats = (uint64_t) limits->n_slots * MAX(n_cpus, 1);
    const uint32_t max_entries[XDP_N_CONTRACT_MAPS] = {
        [XDP_MAP_XSKS] = limits->n_ports * XDP_PORT_MAX_QUEUES,
        [XDP_MAP_TX_PORTS] = limits->n_ports,
        [XDP_MAP_PORTS] = limits->n_ports,
        [XDP_MAP_PORT_STATS] = limits->n_ports,
        [XDP_MAP_MASKS] = limits->n_masks,
        [XDP_MAP_SUBTABLES] = limits->n_masks + 1,
        [XDP_MAP_FLOWS] = limits->n_slots,
        [XDP_MAP_FLOW_REST] = DIV_ROUND_UP(limits->n_slots, XDP_REST_SLOTS),
        [XDP_MAP_FLOW_STATS] = n_stats,
        [XDP_MAP_GROUPS] = XDP_MAX_GROUPS,
        [XDP_MAP_MASK_HITS] = XDP_MASK_HITS * MAX(n_cpus, 1),
        [XDP_MAP_CPUS] = MAX(n_cpus, 1),
        [XDP_MAP_TARGETS] = limits->n_ports,
        [XDP_MAP_COMPANIONS] = 2 * limits->n_ports,
    };
    int error;

    if (n_stats > UINT32_MAX) {
        *errp = xasprintf("%s: statistics of %"PRIu32" flows on %d CPUs do "
                          "not fit into a map; lower "
                          "other_config:xdp-max-flows", path,
                          limits->n_flows, n_cpus);
        return EINVAL;
    }

    for (size_t i = 0; i < XDP_N_CONTRACT_MAPS; i++) {
        struct bpf_map *map
            = bpf_object__find_map_by_name(bpf, xdp_contract_maps[i].name);

        if (map && max_entries[i]
            && bpf_map__set_max_entries(map, max_entries[i])) {
            error = errno;
            *errp = xasprintf("%s: sizing map %s failed (%s)", path,
                              xdp_contract_maps[i].name, ovs_strerror(error));
            return error;
        }
    }

    error = set_constant(path, bpf, "xdp_digest_secret", digest_secret,
                         XDP_KEY_WORDS * sizeof *digest_secret, errp);
    if (!error) {
        error = set_constant(path, bpf, "xdp_n_flows", &limits->n_slots,
                             sizeof limits->n_slots, errp);
    }
    if (!error) {
        error = set_constant(path, bpf, "xdp_max_passes", &max_passes,
                             sizeof max_passes, errp);
    }
    if (!error) {
        error = set_constant(path, bpf, "xdp_port_index_mask", &index_mask,
                             sizeof index_mask, errp);
    }
    if (!error) {
        error = prepare_hints(path, bpf, limits->n_hints, errp);
    }
    return error;
}

/* Prepares 'bpf', of the file 'path', which has a flow table and 'caps' and is
 * not loaded yet, for a table with 'limits' and 'digest_secret'.  Stores in
 * '*prepared' what the caller must give back with xdp_prepare_undo(), also
 * after a failure.  Returns 0, or a positive errno value with a message in
 * '*errp'. */
int
xdp_prepare(const char *path, struct bpf_object *bpf,
            const struct xdp_caps *caps,
            const struct xdp_flow_table_limits *limits,
            const uint64_t digest_secret[XDP_KEY_WORDS],
            struct xdp_prepared *prepared, char **errp)
{
    int error;

    memset(prepared, 0, sizeof *prepared);
    error = prepare_table(path, bpf, limits, digest_secret, errp);
    if (!error) {
        error = set_machine(path, bpf, xdp_machine_get(), errp);
    }
    if (!error && caps->max_outputs > 1) {
        error = set_egress(path, bpf, errp);
    }
    if (!error && xdp_contract_has_op(caps, XDP_OP_RECIRC)) {
        error = set_magic(path, bpf, errp);
    }
    if (!error && xdp_contract_has_op(caps, XDP_OP_TNL_POP)) {
        error = set_tunnel_df(path, bpf, errp);
    }
    for (size_t i = 0; i < XDP_N_SHARED_MAPS; i++) {
        enum xdp_op_type op = xdp_contract_maps[shared_maps[i].map].for_op;

        if (!error && xdp_contract_has_op(caps, op)) {
            error = share_map(path, bpf, &shared_maps[i], errp);
            prepared->has_shared[i] = !error;
        }
    }
    if (!error && xdp_contract_has_op(caps, XDP_OP_CT)) {
        error = set_conns(path, bpf, limits->verify_checksums, errp);
    }
    return error;
}
