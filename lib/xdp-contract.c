/* SPDX-License-Identifier: Apache-2.0 */
/* What an XDP object says about itself.  See xdp-contract.h. */

#include <config.h>

#include "xdp-contract.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "xdp-abi-tc.h"

#define META_SECTION ".ovs_meta"
#define EGRESS_PROGRAM "xdp_egress"
#define RECIRC_PROGRAM "xdp_recirc"
#define COMPANION_PROGRAM "xdp_companion"
#define TC_PROGRAMS_MAP "tc_programs"

/* The members of "struct xdp_key" that an object can match on. */
static const struct key_field {
    const char *name;
    size_t offset;
    size_t size;
} key_fields[] = {
#define KEY_FIELD(NAME) { #NAME, offsetof(struct xdp_key, NAME), \
                          MEMBER_SIZEOF(struct xdp_key, NAME) }
    KEY_FIELD(in_port),
    KEY_FIELD(recirc_id),
    KEY_FIELD(dl_dst),
    KEY_FIELD(dl_type),
    KEY_FIELD(dl_src),
    KEY_FIELD(vlan_tci0),
    KEY_FIELD(vlan_tpid0),
    KEY_FIELD(vlan_tci1),
    KEY_FIELD(vlan_tpid1),
    KEY_FIELD(nw_frag),
    KEY_FIELD(nw_proto),
    KEY_FIELD(nw_src),
    KEY_FIELD(nw_dst),
    KEY_FIELD(nw_tos),
    KEY_FIELD(nw_ttl),
    KEY_FIELD(tcp_flags),
    KEY_FIELD(tp_src),
    KEY_FIELD(tp_dst),
    KEY_FIELD(ipv6_src),
    KEY_FIELD(ipv6_dst),
    KEY_FIELD(nd_target),
    KEY_FIELD(arp_sha),
    KEY_FIELD(arp_tha),
    KEY_FIELD(ipv6_label),
    KEY_FIELD(mpls_lse),
    KEY_FIELD(igmp_group_ip4),
    KEY_FIELD(dp_hash),
    KEY_FIELD(ct_state),
    KEY_FIELD(ct_zone),
    KEY_FIELD(ct_mark),
    KEY_FIELD(ct_label),
    KEY_FIELD(ct_nw_proto),
    KEY_FIELD(ct_nw_src),
    KEY_FIELD(ct_nw_dst),
    KEY_FIELD(ct_tp_src),
    KEY_FIELD(ct_tp_dst),
    KEY_FIELD(ct_ipv6_src),
    KEY_FIELD(ct_ipv6_dst),
    KEY_FIELD(tun_ip_src),
    KEY_FIELD(tun_ip_dst),
    KEY_FIELD(tun_tun_id),
    KEY_FIELD(tun_flags),
    KEY_FIELD(tun_ip_tos),
    KEY_FIELD(tun_ip_ttl),
    KEY_FIELD(tun_tp_src),
    KEY_FIELD(tun_tp_dst),
    KEY_FIELD(tun_erspan_idx),
    KEY_FIELD(tun_erspan_ver),
    KEY_FIELD(tun_opts_len),
    KEY_FIELD(tun_opts),
    KEY_FIELD(tun_ipv6_src),
    KEY_FIELD(tun_ipv6_dst),
#undef KEY_FIELD
};

const struct xdp_contract_map_info xdp_contract_maps[XDP_N_CONTRACT_MAPS] = {
    [XDP_MAP_XSKS] = { "xsks_map", BPF_MAP_TYPE_XSKMAP, 4 },
    [XDP_MAP_TX_PORTS] = { "tx_ports", BPF_MAP_TYPE_DEVMAP,
                       sizeof(struct bpf_devmap_val) },
    [XDP_MAP_PORTS] = { "xdp_ports", BPF_MAP_TYPE_ARRAY,
                    sizeof(struct xdp_port) },
    [XDP_MAP_PORT_STATS] = { "xdp_port_stats", BPF_MAP_TYPE_PERCPU_ARRAY,
                         sizeof(struct xdp_port_stats) },
    [XDP_MAP_MASKS] = { "xdp_masks", BPF_MAP_TYPE_ARRAY,
                    sizeof(struct xdp_mask) },
    [XDP_MAP_SUBTABLES] = { "xdp_subtables", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4 },
    [XDP_MAP_FLOWS] = { "xdp_flows", BPF_MAP_TYPE_ARRAY,
                    sizeof(struct xdp_flow) },
    [XDP_MAP_FLOW_REST] = { "xdp_flow_rest", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4,
                        .inner_value_size = sizeof(struct xdp_flow_rest),
                        .inner_max_entries = XDP_REST_SLOTS },
    [XDP_MAP_FLOW_STATS] = { "xdp_flow_stats", BPF_MAP_TYPE_ARRAY,
                         sizeof(struct xdp_flow_stats) },
    [XDP_MAP_COUNTERS] = { "debug_stats", BPF_MAP_TYPE_PERCPU_ARRAY, 8 },
    [XDP_MAP_GROUPS] = { "xdp_groups", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4,
                     .for_outputs = true },
    [XDP_MAP_METERS] = { "xdp_meters", BPF_MAP_TYPE_ARRAY,
                     sizeof(struct xdp_meter), .for_op = XDP_OP_METER },
    [XDP_MAP_SEQUENCES] = { "xdp_sequences", BPF_MAP_TYPE_ARRAY, 8,
                        .for_op = XDP_OP_TNL_PUSH },
    [XDP_MAP_CONNS] = { "xdp_conns", BPF_MAP_TYPE_ARRAY,
                    sizeof(struct xdp_conn), .for_op = XDP_OP_CT },
    [XDP_MAP_CONN_REFS] = { "xdp_conn_refs", BPF_MAP_TYPE_ARRAY,
                        sizeof(struct xdp_conn_refs), .for_op = XDP_OP_CT },
    [XDP_MAP_PROGRAMS] = { "xdp_programs", BPF_MAP_TYPE_PROG_ARRAY, 4,
                       .for_op = XDP_OP_RECIRC },
    [XDP_MAP_MASK_HITS] = { "xdp_mask_hits", BPF_MAP_TYPE_ARRAY, 8,
                        .optional = true },
    [XDP_MAP_HINT_FOLDS] = { "xdp_hint_folds", BPF_MAP_TYPE_ARRAY, 8,
                         .optional = true },
    [XDP_MAP_CPUS] = { "xdp_cpus", BPF_MAP_TYPE_ARRAY, 8, .optional = true },
    [XDP_MAP_TARGETS] = { "xdp_targets", BPF_MAP_TYPE_ARRAY,
                      sizeof(struct xdp_target), .for_tc = true },
    [XDP_MAP_COMPANIONS] = { "xdp_companions", BPF_MAP_TYPE_HASH, 4,
                         .for_tc = true },
};

/* Programs. */

/* Returns the XDP program of 'bpf' that is to be attached to ports: the first
 * one, without regard to those that run elsewhere (DEVMAP, CPUMAP and
 * companions) or later. */
struct bpf_program *
xdp_contract_entry_program(struct bpf_object *bpf)
{
    struct bpf_program *prog;

    bpf_object__for_each_program (prog, bpf) {
        enum bpf_attach_type attach
            = bpf_program__expected_attach_type(prog);

        if (bpf_program__type(prog) == BPF_PROG_TYPE_XDP
            && attach != BPF_XDP_DEVMAP && attach != BPF_XDP_CPUMAP
            && strcmp(bpf_program__name(prog), RECIRC_PROGRAM)
            && strcmp(bpf_program__name(prog), COMPANION_PROGRAM)) {
            return prog;
        }
    }
    return NULL;
}

/* Returns the program of 'bpf' that finishes copies, or NULL. */
struct bpf_program *
xdp_contract_egress_program(struct bpf_object *bpf)
{
    struct bpf_program *prog
        = bpf_object__find_program_by_name(bpf, EGRESS_PROGRAM);

    return (prog && bpf_program__type(prog) == BPF_PROG_TYPE_XDP
            && bpf_program__expected_attach_type(prog) == BPF_XDP_DEVMAP
            ? prog : NULL);
}

/* Returns the program 'name' of 'bpf', or NULL if there is none of 'type'. */
static struct bpf_program *
find_program(struct bpf_object *bpf, const char *name,
             enum bpf_prog_type type)
{
    struct bpf_program *prog = bpf_object__find_program_by_name(bpf, name);

    return prog && bpf_program__type(prog) == type ? prog : NULL;
}

/* Stores the programs of 'bpf' for ports at tc in '*programs'.  Returns false
 * if one of them is missing. */
bool
xdp_contract_tc_programs(struct bpf_object *bpf,
                         struct xdp_tc_programs *programs)
{
    const enum bpf_prog_type tc = BPF_PROG_TYPE_SCHED_CLS;

    programs->flow_table = find_program(bpf, "tc_flowtable", tc);
    programs->entry = find_program(bpf, "tc_entry", tc);
    programs->from_userspace = find_program(bpf, "tc_companion", tc);
    programs->to_userspace = find_program(bpf, COMPANION_PROGRAM,
                                          BPF_PROG_TYPE_XDP);
    return (programs->flow_table && programs->entry
            && programs->from_userspace && programs->to_userspace);
}

/* Has 'bpf', which is not loaded yet, be loaded without its programs for ports
 * at tc. */
void
xdp_contract_leave_out_tc(struct bpf_object *bpf)
{
    struct bpf_program *prog;
    struct bpf_map *map;

    bpf_object__for_each_program (prog, bpf) {
        if (bpf_program__type(prog) == BPF_PROG_TYPE_SCHED_CLS
            || !strcmp(bpf_program__name(prog), COMPANION_PROGRAM)) {
            bpf_program__set_autoload(prog, false);
        }
    }
    /* They would be put into it, even if it is not made either, unless it is
     * of another type. */
    map = bpf_object__find_map_by_name(bpf, TC_PROGRAMS_MAP);
    if (map) {
        bpf_map__set_autocreate(map, false);
        bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY);
    }
}

/* BTF. */

/* Returns the type that 'member' of the contract points to, as __type() and
 * __uint() of bpf_helpers.h make it, or NULL. */
static const struct btf_type *
meta_member(const struct btf *btf, const struct btf_type *meta,
            const char *name)
{
    const struct btf_member *m = btf_members(meta);

    for (int i = 0; i < btf_vlen(meta); i++, m++) {
        if (!strcmp(btf__name_by_offset(btf, m->name_off), name)) {
            const struct btf_type *t = btf__type_by_id(btf, m->type);

            if (!t || !btf_is_ptr(t)) {
                return NULL;
            }
            t = btf__type_by_id(btf, btf__resolve_type(btf, t->type));
            return t;
        }
    }
    return NULL;
}

/* Stores the number that __uint('name', ...) put into 'meta'.  Returns false
 * if there is none. */
static bool
meta_uint(const struct btf *btf, const struct btf_type *meta,
          const char *name, uint32_t *value)
{
    const struct btf_type *t = meta_member(btf, meta, name);

    if (!t || !btf_is_array(t)) {
        return false;
    }
    *value = btf_array(t)->nelems;
    return true;
}

/* Returns what the variable 'var' of 'btf' says of a contract, a struct, or
 * NULL if it is none. */
static const struct btf_type *
get_meta(const struct btf *btf, const struct btf_var_secinfo *var)
{
    const struct btf_type *t = btf__type_by_id(btf, var->type);
    int id;

    if (!t || !btf_is_var(t)) {
        return NULL;
    }
    id = btf__resolve_type(btf, t->type);
    t = id < 0 ? NULL : btf__type_by_id(btf, id);
    return t && btf_is_struct(t) ? t : NULL;
}

/* Returns the part of the contract of 'btf', a struct, that has a member
 * 'name'.  If there is none, returns any part, or NULL if there is no
 * contract.  An object that was linked has one of each unit. */
static const struct btf_type *
find_meta(const struct btf *btf, const char *name)
{
    const struct btf_type *sec, *any = NULL;
    const struct btf_var_secinfo *var;
    int id;

    id = btf ? btf__find_by_name_kind(btf, META_SECTION, BTF_KIND_DATASEC)
             : -1;
    if (id < 0) {
        return NULL;
    }
    sec = btf__type_by_id(btf, id);
    var = btf_var_secinfos(sec);
    for (int i = 0; i < btf_vlen(sec); i++, var++) {
        const struct btf_type *t = get_meta(btf, var);

        if (t && meta_member(btf, t, name)) {
            return t;
        }
        any = any ? any : t;
    }
    return any;
}

/* Sets the bits of 'caps->fields' for the members of 'type', the object's
 * "struct xdp_key".  Returns 0 or a positive errno value. */
static int
read_key_fields(const char *path, const struct btf *btf,
                const struct btf_type *type, struct xdp_caps *caps,
                char **errp)
{
    const struct btf_member *m = btf_members(type);

    if (type->size != sizeof(struct xdp_key)) {
        *errp = xasprintf("%s: the object's key has %u bytes instead of "
                          "%"PRIuSIZE"; build it with the xdp-abi.h of this "
                          "Open vSwitch", path, type->size,
                          sizeof(struct xdp_key));
        return EINVAL;
    }

    for (int i = 0; i < btf_vlen(type); i++, m++) {
        const char *name = btf__name_by_offset(btf, m->name_off);
        const struct key_field *f;

        for (f = key_fields; f < &key_fields[ARRAY_SIZE(key_fields)]; f++) {
            if (!strcmp(f->name, name)) {
                break;
            }
        }
        if (f >= &key_fields[ARRAY_SIZE(key_fields)]) {
            continue;
        }
        if (btf_member_bit_offset(type, i) != f->offset * 8
            || btf__resolve_size(btf, m->type) != f->size) {
            *errp = xasprintf("%s: field %s of the object's key is not where "
                              "Open vSwitch has it; build the object with "
                              "the xdp-abi.h of this Open vSwitch", path,
                              name);
            return EINVAL;
        }
        memset((char *) &caps->fields + f->offset, 0xff, f->size);
    }
    if (!caps->fields.in_port) {
        *errp = xasprintf("%s: the object's key has no field in_port", path);
        return EINVAL;
    }
    return 0;
}

/* Returns true if an object with 'caps' runs ops of 'type'. */
bool
xdp_contract_has_op(const struct xdp_caps *caps, enum xdp_op_type type)
{
    return caps->ops & UINT64_C(1) << type;
}

/* Returns true if an object with 'caps' has programs for ports at tc. */
bool
xdp_contract_has_tc(const struct xdp_caps *caps)
{
    return caps->tc_ops != 0;
}

/* Makes 'caps' those of an object without programs for ports at tc. */
void
xdp_contract_drop_tc_caps(struct xdp_caps *caps)
{
    caps->tc_ops = 0;
    caps->tc_max_outputs = 0;
}

/* Makes 'caps' what the object can do at tc. */
void
xdp_contract_take_tc_caps(struct xdp_caps *caps)
{
    caps->ops = caps->tc_ops;
    caps->max_outputs = caps->tc_max_outputs;
}

/* Makes 'caps' what the object can do both at XDP and at tc. */
void
xdp_contract_take_common_caps(struct xdp_caps *caps)
{
    caps->ops &= caps->tc_ops;
    caps->max_outputs = MIN(caps->max_outputs, caps->tc_max_outputs);
}

/* Returns the ops that 'type', an enumeration like enum xdp_op_type, has. */
static uint64_t
read_ops(const struct btf_type *type)
{
    const struct btf_enum *e = btf_enum(type);
    uint64_t ops = 0;

    for (int i = 0; i < btf_vlen(type); i++, e++) {
        if (e->val > XDP_OP_NONE && e->val < 64) {
            ops |= UINT64_C(1) << e->val;
        }
    }
    return ops;
}

/* Reads what 'bpf', which has a contract, can do at tc.  Returns 0 or a
 * positive errno value. */
static int
read_tc_caps(const char *path, struct bpf_object *bpf, const struct btf *btf,
             struct xdp_caps *caps, char **errp)
{
    const struct btf_type *meta = find_meta(btf, "tc_ops");
    const struct btf_type *t = meta_member(btf, meta, "tc_ops");
    struct xdp_tc_programs programs;
    struct xdp_caps tc;

    if (!t || !btf_is_enum(t)) {
        return 0;
    }
    caps->tc_ops = read_ops(t);
    if (!meta_uint(btf, meta, "tc_max_outputs", &caps->tc_max_outputs)) {
        caps->tc_max_outputs = 1;
    }
    tc = *caps;
    xdp_contract_take_tc_caps(&tc);
    if (tc.ops & ~caps->ops || tc.max_outputs > XDP_FLOW_MAX_OPS
        || (xdp_contract_has_op(&tc, XDP_OP_TNL_POP)
            && !xdp_contract_has_op(&tc, XDP_OP_RECIRC))) {
        *errp = xasprintf("%s: the object says that it runs more at tc than "
                          "at XDP, or XDP_OP_TNL_POP there without "
                          "XDP_OP_RECIRC", path);
        return EINVAL;
    }
    if (xdp_contract_has_tc(caps)
        && !xdp_contract_tc_programs(bpf, &programs)) {
        *errp = xasprintf("%s: the object says that it has programs for tc, "
                          "but not all of tc_flowtable, tc_entry, "
                          "tc_companion and "COMPANION_PROGRAM" are there",
                          path);
        return EINVAL;
    }
    return 0;
}

/* Returns true if 'map' is what 'info' says. */
static bool
is_as_expected(struct bpf_map *map, const struct xdp_contract_map_info *info)
{
    const struct bpf_map *inner = bpf_map__inner_map(map);

    return (bpf_map__type(map) == info->type
            && bpf_map__value_size(map) == info->value_size
            && (!info->inner_value_size
                || (inner
                    && bpf_map__type(inner) == BPF_MAP_TYPE_ARRAY
                    && bpf_map__map_flags(inner) == BPF_F_MMAPABLE
                    && bpf_map__value_size(inner) == info->inner_value_size
                    && (bpf_map__max_entries(inner)
                        == info->inner_max_entries))));
}

/* Reads the contract of 'bpf'.  Sets '*has_table' to whether there is one, and
 * '*caps' to what it says.  Returns 0, or a positive errno value if it is one
 * that we cannot work with. */
int
xdp_contract_read(const char *path, struct bpf_object *bpf, bool *has_table,
                  struct xdp_caps *caps, char **errp)
{
    const struct btf *btf = bpf_object__btf(bpf);
    const struct btf_type *meta, *t;
    uint32_t version;
    int error;

    memset(caps, 0, sizeof *caps);
    *has_table = false;
    meta = find_meta(btf, "abi_version");
    if (!meta) {
        return 0;
    }

    if (!meta_uint(btf, meta, "abi_version", &version)) {
        *errp = xasprintf("%s: section "META_SECTION" says no ABI version",
                          path);
        return EINVAL;
    }
    if (version != XDP_ABI_VERSION) {
        *errp = xasprintf("%s: XDP object has flow table ABI version "
                          "%"PRIu32", this Open vSwitch has %d; build the "
                          "object with the xdp-abi.h of this Open vSwitch",
                          path, version, XDP_ABI_VERSION);
        return EPROTONOSUPPORT;
    }
    if (!meta_uint(btf, meta, "max_outputs", &caps->max_outputs)) {
        caps->max_outputs = 1;
    }
    if (!meta_uint(btf, meta, "max_words", &caps->max_words)
        || !meta_uint(btf, meta, "max_ops", &caps->max_ops)
        || caps->max_words > XDP_MASK_MAX_WORDS
        || caps->max_ops > XDP_FLOW_MAX_OPS
        || caps->max_outputs > XDP_FLOW_MAX_OPS) {
        *errp = xasprintf("%s: section "META_SECTION" says no limits, or "
                          "larger ones than the ABI has", path);
        return EINVAL;
    }

    t = meta_member(btf, meta, "key");
    if (!t || !btf_is_struct(t)) {
        *errp = xasprintf("%s: section "META_SECTION" says no key", path);
        return EINVAL;
    }
    error = read_key_fields(path, btf, t, caps, errp);
    if (error) {
        return error;
    }

    t = meta_member(btf, meta, "ops");
    if (!t || !btf_is_enum(t)) {
        *errp = xasprintf("%s: section "META_SECTION" says no ops", path);
        return EINVAL;
    }
    caps->ops = read_ops(t);
    if (xdp_contract_has_op(caps, XDP_OP_TNL_POP)
        && !xdp_contract_has_op(caps, XDP_OP_RECIRC)) {
        *errp = xasprintf("%s: the object says that it runs XDP_OP_TNL_POP, "
                          "which takes XDP_OP_RECIRC, too", path);
        return EINVAL;
    }
    error = read_tc_caps(path, bpf, btf, caps, errp);
    if (error) {
        return error;
    }

    for (size_t i = 0; i < XDP_N_CONTRACT_MAPS; i++) {
        const struct xdp_contract_map_info *info = &xdp_contract_maps[i];
        struct bpf_map *map = bpf_object__find_map_by_name(bpf, info->name);

        if ((info->for_outputs && caps->max_outputs <= 1)
            || (info->for_op && !xdp_contract_has_op(caps, info->for_op))
            || (info->for_tc && !xdp_contract_has_tc(caps) && !map)
            || (info->optional && !map)) {
            continue;
        }
        if (!map || !is_as_expected(map, info)) {
            *errp = xasprintf("%s: map %s of the flow table is %s; build the "
                              "object with the xdp-abi.h of this Open "
                              "vSwitch", path, info->name,
                              map ? "of another type or size" : "missing");
            return EINVAL;
        }
    }
    if (caps->max_outputs > 1 && !xdp_contract_egress_program(bpf)) {
        *errp = xasprintf("%s: the object says that it can send a packet to "
                          "several ports, but has no program "EGRESS_PROGRAM
                          " in a section named xdp/devmap", path);
        return EINVAL;
    }
    *has_table = true;
    return 0;
}

/* For people. */

/* Returns the name of op 'type', or NULL if there is no such op. */
const char *
xdp_op_to_string(enum xdp_op_type type)
{
    switch (type) {
    case XDP_OP_OUTPUT: return "output";
    case XDP_OP_PUSH_VLAN: return "push_vlan";
    case XDP_OP_POP_VLAN: return "pop_vlan";
    case XDP_OP_SET_ETHERNET: return "set_eth";
    case XDP_OP_SET_IPV4: return "set_ipv4";
    case XDP_OP_SET_IPV6: return "set_ipv6";
    case XDP_OP_SET_IPV6_SRC: return "set_ipv6_src";
    case XDP_OP_SET_IPV6_DST: return "set_ipv6_dst";
    case XDP_OP_SET_TCP: return "set_tcp";
    case XDP_OP_SET_UDP: return "set_udp";
    case XDP_OP_SET_ICMP: return "set_icmp";
    case XDP_OP_SET_ARP: return "set_arp";
    case XDP_OP_SET_ND_TARGET: return "set_nd_target";
    case XDP_OP_SET_ND_LL: return "set_nd_ll";
    case XDP_OP_PUSH_MPLS: return "push_mpls";
    case XDP_OP_POP_MPLS: return "pop_mpls";
    case XDP_OP_SET_MPLS: return "set_mpls";
    case XDP_OP_TRUNC: return "trunc";
    case XDP_OP_METER: return "meter";
    case XDP_OP_HASH: return "hash";
    case XDP_OP_RECIRC: return "recirc";
    case XDP_OP_TNL_PUSH: return "tnl_push";
    case XDP_OP_TNL_POP: return "tnl_pop";
    case XDP_OP_CT: return "ct";
    case XDP_OP_CT_CLEAR: return "ct_clear";
    case XDP_OP_SET_VLAN: return "set_vlan";
    case XDP_OP_NONE:
    default:
        return NULL;
    }
}

/* Appends to 's' a line 'title' with the names of what is missing, from
 * 'missing', which starts with a space or is empty. */
static void
format_missing(const char *title, const struct ds *missing, struct ds *s)
{
    ds_put_format(s, "  %s: all%s%s\n", title, missing->length ? " but" : "",
                  missing->length ? missing->string : "");
}

/* Appends to 's' a line 'title' with the names of the ops that are not in
 * 'ops'. */
static void
format_ops(const char *title, uint64_t ops, struct ds *s)
{
    struct ds missing = DS_EMPTY_INITIALIZER;

    for (int i = 0; i < 64; i++) {
        if (xdp_op_to_string(i) && !(ops & UINT64_C(1) << i)) {
            ds_put_format(&missing, " %s", xdp_op_to_string(i));
        }
    }
    format_missing(title, &missing, s);
    ds_destroy(&missing);
}

/* Appends to 's', in two lines, or three if it has programs for tc, what an
 * object with 'caps' can match and which ops it can run, compared with what
 * this version of the contract has. */
void
xdp_contract_format_caps(const struct xdp_caps *caps, struct ds *s)
{
    struct ds missing = DS_EMPTY_INITIALIZER;
    const struct key_field *f;

    for (f = key_fields; f < &key_fields[ARRAY_SIZE(key_fields)]; f++) {
        if (is_all_zeros((const char *) &caps->fields + f->offset,
                         f->size)) {
            ds_put_format(&missing, " %s", f->name);
        }
    }
    format_missing("fields", &missing, s);
    ds_destroy(&missing);

    format_ops("actions", caps->ops, s);
    if (xdp_contract_has_tc(caps)) {
        format_ops("actions at tc", caps->tc_ops, s);
    }
}
