/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XDP objects: find, check, load, attach.  See xdp-program.h.
 *
 * The file is opened once and everything after that works on the bytes that
 * were read, so that what was checked is what is loaded.  Only root, or the
 * user that we run as, may be able to write it: whoever controls the database
 * must not be able to make us load what somebody else left on the disk.
 */

#include <config.h>

#include "xdp-program.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirs.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "entropy.h"
#include "util.h"
#include "xdp-machine.h"
#include "xdp-meter.h"
#include "xdp-sequence.h"
#include "xdp-upcall.h"

VLOG_DEFINE_THIS_MODULE(xdp_program);

#define DEFAULT_OBJECT "flowtable_afxdp.o"
#define META_SECTION ".ovs_meta"
#define EGRESS_PROGRAM "xdp_egress"
#define RECIRC_PROGRAM "xdp_recirc"
#define HINTS_MAP "xdp_hints"

/* More than any sensible object has; an ELF file is read into memory. */
#define MAX_FILE_SIZE (64 * 1024 * 1024)

/* Room for the verifier's log of the largest program, and how many of its
 * last lines are worth reporting. */
#define VERIFIER_LOG_SIZE (16 * 1024 * 1024)
#define VERIFIER_LOG_LINES 12

/* Identifies the contents of a file. */
struct file_id {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
    struct timespec ctime;
};

/* Maps that all objects and userspace share. */
#define N_SHARED_MAPS 2

struct xdp_object_private {
    unsigned int n_refs;
    struct file_id id;
    struct xdp_flow_table_limits limits;
    struct bpf_object *bpf;
    struct bpf_program *prog;
    struct bpf_map *xsks_map;
    bool has_shared[N_SHARED_MAPS]; /* Does it use this one? */
    uint64_t taken[XDP_COUNTER_MAX]; /* By xdp_object_take_counters(). */
};

/* All objects, in order of loading. */
static struct ovs_list objects = OVS_LIST_INITIALIZER(&objects);

/* What objects that are unloaded have counted, until it is taken. */
static uint64_t left_counters[XDP_COUNTER_MAX];

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

/* The maps of the contract. */
enum table_map {
    MAP_XSKS,
    MAP_TX_PORTS,
    MAP_PORTS,
    MAP_PORT_STATS,
    MAP_MASKS,
    MAP_SUBTABLES,
    MAP_FLOWS,
    MAP_FLOW_REST,
    MAP_FLOW_STATS,
    MAP_COUNTERS,
    MAP_GROUPS,
    MAP_METERS,
    MAP_SEQUENCES,
    MAP_PROGRAMS,
    MAP_MASK_HITS,
    N_TABLE_MAPS
};

static const struct table_map_info {
    const char *name;
    enum bpf_map_type type;
    uint32_t value_size;
    bool for_outputs;           /* Only for more than one output? */
    bool optional;              /* May an object do without it? */
    enum xdp_op_type for_op;    /* Only for this op? */
} table_maps[N_TABLE_MAPS] = {
    [MAP_XSKS] = { "xsks_map", BPF_MAP_TYPE_XSKMAP, 4 },
    [MAP_TX_PORTS] = { "tx_ports", BPF_MAP_TYPE_DEVMAP,
                       sizeof(struct bpf_devmap_val) },
    [MAP_PORTS] = { "xdp_ports", BPF_MAP_TYPE_ARRAY,
                    sizeof(struct xdp_port) },
    [MAP_PORT_STATS] = { "xdp_port_stats", BPF_MAP_TYPE_PERCPU_ARRAY,
                         sizeof(struct xdp_port_stats) },
    [MAP_MASKS] = { "xdp_masks", BPF_MAP_TYPE_ARRAY,
                    sizeof(struct xdp_mask) },
    [MAP_SUBTABLES] = { "xdp_subtables", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4 },
    [MAP_FLOWS] = { "xdp_flows", BPF_MAP_TYPE_ARRAY,
                    sizeof(struct xdp_flow) },
    [MAP_FLOW_REST] = { "xdp_flow_rest", BPF_MAP_TYPE_ARRAY,
                        sizeof(struct xdp_flow_rest) },
    [MAP_FLOW_STATS] = { "xdp_flow_stats", BPF_MAP_TYPE_ARRAY,
                         sizeof(struct xdp_flow_stats) },
    [MAP_COUNTERS] = { "debug_stats", BPF_MAP_TYPE_PERCPU_ARRAY, 8 },
    [MAP_GROUPS] = { "xdp_groups", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4,
                     .for_outputs = true },
    [MAP_METERS] = { "xdp_meters", BPF_MAP_TYPE_ARRAY,
                     sizeof(struct xdp_meter), .for_op = XDP_OP_METER },
    [MAP_SEQUENCES] = { "xdp_sequences", BPF_MAP_TYPE_ARRAY, 8,
                        .for_op = XDP_OP_TNL_PUSH },
    [MAP_PROGRAMS] = { "xdp_programs", BPF_MAP_TYPE_PROG_ARRAY, 4,
                       .for_op = XDP_OP_RECIRC },
    [MAP_MASK_HITS] = { "xdp_mask_hits", BPF_MAP_TYPE_ARRAY, 8,
                        .optional = true },
};

/* Those of them that all objects and userspace share. */
static const struct shared_map {
    enum table_map map;
    int (*open)(char **errp);
    void (*close)(void);
} shared_maps[] = {
    { MAP_METERS, xdp_meter_open, xdp_meter_close },
    { MAP_SEQUENCES, xdp_sequence_open, xdp_sequence_close },
};
BUILD_ASSERT_DECL(ARRAY_SIZE(shared_maps) == N_SHARED_MAPS);

/* Returns the path that 'option', the value of options:xdp-obj, stands for:
 * itself if absolute, otherwise relative to the installed objects.  NULL and
 * the empty string stand for the default object.  The caller frees it. */
char *
xdp_object_path(const char *option)
{
    if (option && option[0] == '/') {
        return xstrdup(option);
    }
    return xasprintf("%s/bpf/%s", ovs_pkgdatadir(),
                     option && option[0] ? option : DEFAULT_OBJECT);
}

/* Reads the object file 'path' into memory that the caller frees.  Returns 0
 * and sets '*datap', '*sizep' and '*id', or returns a positive errno value and
 * sets '*errp'. */
static int
read_file(const char *path, void **datap, size_t *sizep, struct file_id *id,
          char **errp)
{
    char *data = NULL;
    size_t n = 0;
    struct stat s;
    int error = 0;
    int fd;

    /* O_NONBLOCK, for the case that it is a FIFO. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        error = errno;
        *errp = xasprintf("%s: cannot open XDP object (%s)%s", path,
                          ovs_strerror(error),
                          error == ELOOP ? "; it must not be a symbolic link"
                          : error == ENOENT ? "; is the path right and the "
                                              "package installed?"
                          : "");
        return error;
    }

    if (fstat(fd, &s)) {
        error = errno;
        *errp = xasprintf("%s: cannot examine XDP object (%s)", path,
                          ovs_strerror(error));
    } else if (!S_ISREG(s.st_mode)) {
        error = EINVAL;
        *errp = xasprintf("%s: XDP object is not a regular file", path);
    } else if (s.st_uid && s.st_uid != geteuid()) {
        error = EACCES;
        *errp = xasprintf("%s: XDP object belongs to user %ju; it must belong "
                          "to root (chown root)", path, (uintmax_t) s.st_uid);
    } else if (s.st_mode & (S_IWGRP | S_IWOTH)) {
        error = EACCES;
        *errp = xasprintf("%s: XDP object can be written by group or others "
                          "(mode %04o); remove that (chmod go-w)", path,
                          (unsigned int) s.st_mode & 07777);
    } else if (s.st_size <= 0 || s.st_size > MAX_FILE_SIZE) {
        error = EINVAL;
        *errp = xasprintf("%s: XDP object has %jd bytes, which no such file "
                          "has", path, (intmax_t) s.st_size);
    }

    if (!error) {
        data = xmalloc(s.st_size);
        while (n < s.st_size) {
            ssize_t retval = read(fd, data + n, s.st_size - n);

            if (retval > 0) {
                n += retval;
            } else if (retval == 0 || errno != EINTR) {
                error = retval ? errno : EIO;
                *errp = xasprintf("%s: cannot read XDP object (%s)", path,
                                  ovs_strerror(error));
                break;
            }
        }
    }
    close(fd);

    if (error) {
        free(data);
        return error;
    }
    *datap = data;
    *sizep = n;
    *id = (struct file_id) {
        .dev = s.st_dev,
        .ino = s.st_ino,
        .size = s.st_size,
        .mtime = s.st_mtim,
        .ctime = s.st_ctim,
    };
    return 0;
}

/* Returns true if 'a' and 'b' identify the same contents. */
static bool
file_id_equals(const struct file_id *a, const struct file_id *b)
{
    return (a->dev == b->dev && a->ino == b->ino && a->size == b->size
            && a->mtime.tv_sec == b->mtime.tv_sec
            && a->mtime.tv_nsec == b->mtime.tv_nsec
            && a->ctime.tv_sec == b->ctime.tv_sec
            && a->ctime.tv_nsec == b->ctime.tv_nsec);
}

/* Returns the XDP program of 'bpf' that is to be attached to ports: the first
 * one, without regard to those that run elsewhere (DEVMAP and CPUMAP) or
 * later. */
static struct bpf_program *
find_entry_program(struct bpf_object *bpf)
{
    struct bpf_program *prog;

    bpf_object__for_each_program (prog, bpf) {
        enum bpf_attach_type attach
            = bpf_program__expected_attach_type(prog);

        if (bpf_program__type(prog) == BPF_PROG_TYPE_XDP
            && attach != BPF_XDP_DEVMAP && attach != BPF_XDP_CPUMAP
            && strcmp(bpf_program__name(prog), RECIRC_PROGRAM)) {
            return prog;
        }
    }
    return NULL;
}

/* Returns the program of 'bpf' that finishes copies, or NULL. */
static struct bpf_program *
find_egress_program(struct bpf_object *bpf)
{
    struct bpf_program *prog
        = bpf_object__find_program_by_name(bpf, EGRESS_PROGRAM);

    return (prog && bpf_program__type(prog) == BPF_PROG_TYPE_XDP
            && bpf_program__expected_attach_type(prog) == BPF_XDP_DEVMAP
            ? prog : NULL);
}

/* Returns an errno value for 'error', which is one already or one of the
 * numbers that libbpf adds to them. */
static int
libbpf_to_errno(int error)
{
    return error >= __LIBBPF_ERRNO__START ? EINVAL : error;
}

/* Opens the ELF file in the 'size' bytes at 'data', without loading it.
 * 'log' has room for VERIFIER_LOG_SIZE bytes, or is NULL. */
static int
open_bpf(const char *path, const void *data, size_t size, char *log,
         struct bpf_object **bpfp, char **errp)
{
    char *name = base_name(path);
    char *dot = strchr(name, '.');
    struct bpf_object *bpf;
    struct bpf_map *map;
    int error;

    if (dot) {
        *dot = '\0';
    }
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name,
                .kernel_log_buf = log,
                .kernel_log_size = log ? VERIFIER_LOG_SIZE : 0);

    bpf = bpf_object__open_mem(data, size, &opts);
    error = bpf ? 0 : errno;
    free(name);
    if (error) {
        char reason[128];

        libbpf_strerror(error, reason, sizeof reason);
        *errp = xasprintf("%s: not a BPF object file (%s); compile it with "
                          "clang -g -target bpf", path, reason);
        return libbpf_to_errno(error);
    }

    map = bpf_object__find_map_by_name(bpf, "xsks_map");
    if (!map || bpf_map__type(map) != BPF_MAP_TYPE_XSKMAP) {
        *errp = xasprintf("%s: XDP object has no XSKMAP named xsks_map, "
                          "through which it would hand packets to Open "
                          "vSwitch", path);
    } else if (!find_entry_program(bpf)) {
        *errp = xasprintf("%s: XDP object has no program in a section named "
                          "xdp", path);
    } else {
        *bpfp = bpf;
        return 0;
    }
    bpf_object__close(bpf);
    return EINVAL;
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

/* Returns the contract of 'btf', a struct, or NULL if it has none. */
static const struct btf_type *
find_meta(const struct btf *btf)
{
    const struct btf_var_secinfo *var;
    const struct btf_type *sec, *t;
    int id;

    id = btf ? btf__find_by_name_kind(btf, META_SECTION, BTF_KIND_DATASEC)
             : -1;
    if (id < 0) {
        return NULL;
    }
    sec = btf__type_by_id(btf, id);
    if (btf_vlen(sec) < 1) {
        return NULL;
    }
    var = btf_var_secinfos(sec);
    t = btf__type_by_id(btf, var->type);
    if (!t || !btf_is_var(t)) {
        return NULL;
    }
    id = btf__resolve_type(btf, t->type);
    t = id < 0 ? NULL : btf__type_by_id(btf, id);
    return t && btf_is_struct(t) ? t : NULL;
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
static bool
has_op(const struct xdp_caps *caps, enum xdp_op_type type)
{
    return caps->ops & UINT64_C(1) << type;
}

/* Reads the contract of 'bpf'.  Sets '*has_table' to whether there is one, and
 * '*caps' to what it says.  Returns 0, or a positive errno value if it is one
 * that we cannot work with. */
static int
read_contract(const char *path, struct bpf_object *bpf, bool *has_table,
              struct xdp_caps *caps, char **errp)
{
    const struct btf *btf = bpf_object__btf(bpf);
    const struct btf_type *meta, *t;
    const struct btf_enum *e;
    uint32_t version;
    int error;

    memset(caps, 0, sizeof *caps);
    *has_table = false;
    meta = find_meta(btf);
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
    e = btf_enum(t);
    for (int i = 0; i < btf_vlen(t); i++, e++) {
        if (e->val > XDP_OP_NONE && e->val < 64) {
            caps->ops |= UINT64_C(1) << e->val;
        }
    }
    if (has_op(caps, XDP_OP_TNL_POP) && !has_op(caps, XDP_OP_RECIRC)) {
        *errp = xasprintf("%s: the object says that it runs XDP_OP_TNL_POP, "
                          "which takes XDP_OP_RECIRC, too", path);
        return EINVAL;
    }

    for (size_t i = 0; i < N_TABLE_MAPS; i++) {
        const struct table_map_info *info = &table_maps[i];
        struct bpf_map *map = bpf_object__find_map_by_name(bpf, info->name);

        if ((info->for_outputs && caps->max_outputs <= 1)
            || (info->for_op && !has_op(caps, info->for_op))
            || (info->optional && !map)) {
            continue;
        }
        if (!map || bpf_map__type(map) != info->type
            || bpf_map__value_size(map) != info->value_size) {
            *errp = xasprintf("%s: map %s of the flow table is %s; build the "
                              "object with the xdp-abi.h of this Open "
                              "vSwitch", path, info->name,
                              map ? "of another type or size" : "missing");
            return EINVAL;
        }
    }
    if (caps->max_outputs > 1 && !find_egress_program(bpf)) {
        *errp = xasprintf("%s: the object says that it can send a packet to "
                          "several ports, but has no program "EGRESS_PROGRAM
                          " in a section named xdp/devmap", path);
        return EINVAL;
    }
    *has_table = true;
    return 0;
}

/* Checks whether 'path' is an object that could be loaded.  Sets '*has_table'
 * and '*caps', if they are nonnull, from its contract.  Returns 0, or a
 * positive errno value with a message in '*errp', which the caller frees. */
int
xdp_object_check(const char *path, bool *has_table, struct xdp_caps *caps,
                 char **errp)
{
    struct bpf_object *bpf;
    struct xdp_caps caps_;
    bool has_table_;
    struct file_id id;
    size_t size;
    void *data;
    int error;

    *errp = NULL;
    error = read_file(path, &data, &size, &id, errp);
    if (error) {
        return error;
    }
    error = open_bpf(path, data, size, NULL, &bpf, errp);
    if (!error) {
        error = read_contract(path, bpf, has_table ? has_table : &has_table_,
                              caps ? caps : &caps_, errp);
        bpf_object__close(bpf);
    }
    free(data);
    return error;
}

/* Loading. */

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

/* Makes 'bpf', which is not loaded yet, use the map 'shared'.  After success,
 * the caller must give that back. */
static int
share_map(const char *path, struct bpf_object *bpf,
          const struct shared_map *shared, char **errp)
{
    struct bpf_map *map
        = bpf_object__find_map_by_name(bpf, table_maps[shared->map].name);
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

/* Gives the shared maps of 'private' back. */
static void
unshare_maps(const struct xdp_object_private *private)
{
    for (size_t i = 0; i < N_SHARED_MAPS; i++) {
        if (private->has_shared[i]) {
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
    int n_cpus = libbpf_num_possible_cpus();
    uint64_t n_stats = (uint64_t) limits->n_slots * MAX(n_cpus, 1);
    const uint32_t max_entries[N_TABLE_MAPS] = {
        [MAP_XSKS] = limits->n_ports * XDP_PORT_MAX_QUEUES,
        [MAP_TX_PORTS] = limits->n_ports,
        [MAP_PORTS] = limits->n_ports,
        [MAP_PORT_STATS] = limits->n_ports,
        [MAP_MASKS] = limits->n_masks,
        [MAP_SUBTABLES] = limits->n_masks + 1,
        [MAP_FLOWS] = limits->n_slots,
        [MAP_FLOW_REST] = limits->n_slots,
        [MAP_FLOW_STATS] = n_stats,
        [MAP_GROUPS] = XDP_MAX_GROUPS,
        [MAP_MASK_HITS] = XDP_MASK_HITS * MAX(n_cpus, 1),
    };
    int error;

    if (n_stats > UINT32_MAX) {
        *errp = xasprintf("%s: statistics of %"PRIu32" flows on %d CPUs do "
                          "not fit into a map; lower "
                          "other_config:xdp-max-flows", path,
                          limits->n_flows, n_cpus);
        return EINVAL;
    }

    for (size_t i = 0; i < N_TABLE_MAPS; i++) {
        struct bpf_map *map
            = bpf_object__find_map_by_name(bpf, table_maps[i].name);

        if (map && max_entries[i]
            && bpf_map__set_max_entries(map, max_entries[i])) {
            error = errno;
            *errp = xasprintf("%s: sizing map %s failed (%s)", path,
                              table_maps[i].name, ovs_strerror(error));
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
        error = set_constant(path, bpf, "xdp_port_index_mask", &index_mask,
                             sizeof index_mask, errp);
    }
    if (!error) {
        error = prepare_hints(path, bpf, limits->n_hints, errp);
    }
    return error;
}

/* Returns the message for an object that the kernel refused with 'error',
 * with the last lines of the verifier's 'log'. */
static char *
load_error(const char *path, int error, const char *log)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char reason[128];

    libbpf_strerror(error, reason, sizeof reason);
    ds_put_format(&s, "%s: the kernel refused the XDP object (%s)", path,
                  reason);
    if (log && log[0]) {
        const char *p = log + strlen(log);
        int n_lines = 0;

        while (p > log) {
            if (p[-1] == '\n' && p[0] && ++n_lines >= VERIFIER_LOG_LINES) {
                break;
            }
            p--;
        }
        ds_put_format(&s, "; the verifier's last lines:\n%s", p);
        ds_chomp(&s, '\n');
    } else if (error == EPERM) {
        ds_put_cstr(&s, "; loading it takes CAP_BPF and CAP_NET_ADMIN");
    }
    return ds_steal_cstr(&s);
}

/* Returns the file descriptor of map 'which' of the flow table in 'bpf'. */
static int
table_map_fd(struct bpf_object *bpf, enum table_map which)
{
    return bpf_map__fd(bpf_object__find_map_by_name(bpf,
                                                    table_maps[which].name));
}

/* Creates the flow table of the loaded 'bpf', which has 'caps'. */
static struct xdp_flow_table *
create_table(struct bpf_object *bpf, const struct xdp_caps *caps,
             const struct xdp_flow_table_limits *limits,
             const uint64_t *digest_secret, char **errp)
{
    struct xdp_flow_table_maps maps = {
        .ports = table_map_fd(bpf, MAP_PORTS),
        .tx_ports = table_map_fd(bpf, MAP_TX_PORTS),
        .masks = table_map_fd(bpf, MAP_MASKS),
        .subtables = table_map_fd(bpf, MAP_SUBTABLES),
        .flows = table_map_fd(bpf, MAP_FLOWS),
        .flow_rest = table_map_fd(bpf, MAP_FLOW_REST),
        .flow_stats = table_map_fd(bpf, MAP_FLOW_STATS),
        .port_stats = table_map_fd(bpf, MAP_PORT_STATS),
        .counters = table_map_fd(bpf, MAP_COUNTERS),
    };

    if (caps->max_outputs > 1) {
        maps.groups = table_map_fd(bpf, MAP_GROUPS);
        maps.egress = bpf_program__fd(find_egress_program(bpf));
    }
    if (bpf_object__find_map_by_name(bpf, table_maps[MAP_MASK_HITS].name)) {
        maps.mask_hits = table_map_fd(bpf, MAP_MASK_HITS);
    }
    return xdp_flow_table_create(&maps, limits, digest_secret, errp);
}

/* Loads the opened 'bpf', of the file 'path', and stores the result in
 * '*objectp'.  Takes ownership of 'bpf' on success only. */
static int
load_object(const char *path, struct bpf_object *bpf, const char *log,
            const struct xdp_flow_table_limits *limits,
            struct xdp_object **objectp, char **errp)
{
    uint64_t digest_secret[XDP_KEY_WORDS];
    struct xdp_object *object = xzalloc(sizeof *object);
    struct xdp_object_private *private = xzalloc(sizeof *private);
    int error;

    error = read_contract(path, bpf, &object->has_table, &object->caps, errp);
    if (!error && object->has_table) {
        error = get_entropy(digest_secret, sizeof digest_secret);
        if (error) {
            *errp = xasprintf("reading random numbers failed (%s)",
                              ovs_strerror(error));
        } else {
            error = prepare_table(path, bpf, limits, digest_secret, errp);
        }
    }
    if (!error && object->has_table) {
        error = set_machine(path, bpf, xdp_machine_get(), errp);
    }
    if (!error && object->caps.max_outputs > 1) {
        error = set_egress(path, bpf, errp);
    }
    if (!error && has_op(&object->caps, XDP_OP_RECIRC)) {
        error = set_magic(path, bpf, errp);
    }
    for (size_t i = 0; i < N_SHARED_MAPS; i++) {
        if (!error
            && has_op(&object->caps, table_maps[shared_maps[i].map].for_op)) {
            error = share_map(path, bpf, &shared_maps[i], errp);
            private->has_shared[i] = !error;
        }
    }
    if (!error) {
        error = bpf_object__load(bpf) ? errno : 0;
        if (error) {
            *errp = load_error(path, error, log);
            error = libbpf_to_errno(error);
        }
    }
    if (!error && object->has_table) {
        object->table = create_table(bpf, &object->caps, limits,
                                     digest_secret, errp);
        error = object->table ? 0 : ENOMEM;
    }
    if (error) {
        unshare_maps(private);
        free(private);
        free(object);
        return error;
    }

    private->n_refs = 1;
    private->limits = *limits;
    private->bpf = bpf;
    private->prog = find_entry_program(bpf);
    private->xsks_map = bpf_object__find_map_by_name(bpf, "xsks_map");
    object->private = private;
    object->path = xstrdup(path);
    *objectp = object;
    return 0;
}

/* Returns VERIFIER_LOG_SIZE zero bytes for the verifier's log, or NULL.
 *
 * Not from malloc(): freeing so large a block makes glibc raise the size from
 * which it asks the kernel for memory of its own, for good, and then the
 * packet pools of AF_XDP ports come to lie in the heap and leave holes. */
static char *
alloc_log(void)
{
    void *p = mmap(NULL, VERIFIER_LOG_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Frees 'log', from alloc_log(). */
static void
free_log(char *log)
{
    if (log) {
        munmap(log, VERIFIER_LOG_SIZE);
    }
}

/* Returns a new reference to the loaded object of the file 'id', if it keeps a
 * flow table with 'limits', or NULL if there is none. */
static struct xdp_object *
find_loaded(const struct file_id *id,
            const struct xdp_flow_table_limits *limits)
{
    struct xdp_object *object;

    LIST_FOR_EACH (object, list_node, &objects) {
        struct xdp_object_private *private = object->private;

        if (object->has_table && file_id_equals(&private->id, id)
            && !memcmp(&private->limits, limits, sizeof *limits)) {
            private->n_refs++;
            return object;
        }
    }
    return NULL;
}

/* Loads the object in the 'size' bytes at 'data', which are the file 'id' at
 * 'path'. */
static int
load_file(const char *path, const void *data, size_t size,
          const struct file_id *id,
          const struct xdp_flow_table_limits *limits,
          struct xdp_object **objectp, char **errp)
{
    char *log = alloc_log();
    struct bpf_object *bpf;
    int error;

    error = open_bpf(path, data, size, log, &bpf, errp);
    if (!error) {
        error = load_object(path, bpf, log, limits, objectp, errp);
        if (error) {
            bpf_object__close(bpf);
        } else {
            (*objectp)->private->id = *id;
            VLOG_INFO("loaded XDP object %s%s", path,
                      (*objectp)->has_table ? " with a flow table" : "");
        }
    }
    free_log(log);
    return error;
}

/* Stores in '*objectp' a reference to the loaded object 'path': one that is
 * there already, if it keeps a flow table with 'limits' and the file has not
 * changed, otherwise a new one.  Returns 0, or a positive errno value with a
 * message in '*errp', which the caller frees.
 *
 * 'mutex', if nonnull, is the lock of the list of objects.  The caller holds
 * it; it is released meanwhile, since reading and loading take long.  Only one
 * thread may be here at a time. */
int
xdp_object_get(const char *path, const struct xdp_flow_table_limits *limits,
               struct ovs_mutex *mutex, struct xdp_object **objectp,
               char **errp)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct file_id id;
    size_t size;
    void *data;
    int error;

    *objectp = NULL;
    *errp = NULL;
    if (mutex) {
        ovs_mutex_unlock(mutex);
    }
    error = read_file(path, &data, &size, &id, errp);
    if (mutex) {
        ovs_mutex_lock(mutex);
    }
    if (error) {
        return error;
    }

    *objectp = find_loaded(&id, limits);
    if (!*objectp) {
        if (mutex) {
            ovs_mutex_unlock(mutex);
        }
        error = load_file(path, data, size, &id, limits, objectp, errp);
        if (mutex) {
            ovs_mutex_lock(mutex);
        }
        if (!error) {
            ovs_list_push_back(&objects, &(*objectp)->list_node);
        }
    }
    free(data);
    return error;
}

/* Takes another reference to 'object'. */
void
xdp_object_ref(struct xdp_object *object)
{
    object->private->n_refs++;
}

/* Adds to 'counters' what 'object' has counted since the last call. */
static void
take_counters(const struct xdp_object *object,
              uint64_t counters[XDP_COUNTER_MAX])
{
    uint64_t now[XDP_COUNTER_MAX];

    if (!object->has_table) {
        return;
    }
    xdp_flow_table_get_counters(object->table, now);
    for (int i = 0; i < XDP_COUNTER_MAX; i++) {
        uint64_t *taken = &object->private->taken[i];

        /* After a failure to read there is zero, which says nothing. */
        if (now[i] > *taken) {
            counters[i] += now[i] - *taken;
            *taken = now[i];
        }
    }
}

/* Stores what all objects have counted since the last call in 'counters', also
 * those that were unloaded in the meantime. */
void
xdp_object_take_counters(uint64_t counters[XDP_COUNTER_MAX])
{
    struct xdp_object *object;

    memcpy(counters, left_counters, sizeof left_counters);
    memset(left_counters, 0, sizeof left_counters);
    LIST_FOR_EACH (object, list_node, &objects) {
        take_counters(object, counters);
    }
}

/* Drops a reference to 'object', which may be NULL.  If that was the last one,
 * returns 'object', and the caller must unload it.  Otherwise returns NULL. */
struct xdp_object *
xdp_object_put(struct xdp_object *object)
{
    if (!object || --object->private->n_refs) {
        return NULL;
    }
    ovs_list_remove(&object->list_node);
    take_counters(object, left_counters);
    return object;
}

/* Unloads 'object', from xdp_object_put(), which may be NULL.  That takes long
 * if its maps are large. */
void
xdp_object_unload(struct xdp_object *object)
{
    if (object) {
        VLOG_INFO("unloading XDP object %s", object->path);
        xdp_flow_table_destroy(object->table);
        bpf_object__close(object->private->bpf);
        unshare_maps(object->private);
        free(object->private);
        free(object->path);
        free(object);
    }
}

/* Returns the list of all loaded objects ("struct xdp_object"). */
const struct ovs_list *
xdp_object_list(void)
{
    return &objects;
}

/* Attaches the program of 'object' to the device 'ifindex' in the mode that
 * 'flags', XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE or 0, say.  Returns the
 * file descriptor of a link, owned by the caller, whose closing detaches the
 * program, or a negative errno value with a message in '*errp'. */
int
xdp_object_attach(const struct xdp_object *object, int ifindex,
                  uint32_t flags, char **errp)
{
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
    int fd, error;

    *errp = NULL;
    fd = bpf_link_create(bpf_program__fd(object->private->prog), ifindex,
                         BPF_XDP, &opts);
    if (fd >= 0) {
        return fd;
    }

    error = errno;
    if (error == EBUSY || error == EEXIST) {
        uint32_t id = 0;

        bpf_xdp_query_id(ifindex, flags, &id);
        *errp = xasprintf("another XDP program (id %"PRIu32") is on the "
                          "device; remove it (ip link set dev DEVICE xdp off, "
                          "or bpftool link)", id);
    } else if (error == EOPNOTSUPP && flags & XDP_FLAGS_DRV_MODE) {
        *errp = xstrdup("the driver has no native XDP; use "
                        "options:xdp-mode=generic or best-effort");
    } else {
        *errp = xasprintf("attaching the XDP program failed (%s); the "
                          "kernel's log may say why",
                          ovs_strerror(error));
    }
    return -error;
}

/* Puts the AF_XDP socket 'xsk_fd' at 'index' of the xsks_map of 'object'.  The
 * kernel takes it out when the socket is closed.  Returns 0 or a positive
 * errno value. */
int
xdp_object_set_socket(const struct xdp_object *object, uint32_t index,
                      int xsk_fd)
{
    return bpf_map_update_elem(bpf_map__fd(object->private->xsks_map), &index,
                               &xsk_fd, BPF_ANY) ? errno : 0;
}

/* Returns the kernel's id of the program of 'object', 0 if unknown. */
uint32_t
xdp_object_program_id(const struct xdp_object *object)
{
    struct bpf_prog_info info = { 0 };
    uint32_t size = sizeof info;

    return (bpf_obj_get_info_by_fd(bpf_program__fd(object->private->prog),
                                   &info, &size)
            ? 0 : info.id);
}

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

/* Appends to 's', in two lines, what 'object' can match and which ops it can
 * run, compared with what this version of the contract has. */
void
xdp_object_format_caps(const struct xdp_object *object, struct ds *s)
{
    struct ds missing = DS_EMPTY_INITIALIZER;
    const struct key_field *f;

    for (f = key_fields; f < &key_fields[ARRAY_SIZE(key_fields)]; f++) {
        if (is_all_zeros((const char *) &object->caps.fields + f->offset,
                         f->size)) {
            ds_put_format(&missing, " %s", f->name);
        }
    }
    format_missing("fields", &missing, s);

    ds_clear(&missing);
    for (int i = 0; i < 64; i++) {
        if (xdp_op_to_string(i)
            && !(object->caps.ops & UINT64_C(1) << i)) {
            ds_put_format(&missing, " %s", xdp_op_to_string(i));
        }
    }
    format_missing("actions", &missing, s);
    ds_destroy(&missing);
}
