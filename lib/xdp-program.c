/* SPDX-License-Identifier: Apache-2.0 */
/* XDP objects: check, load, attach.  See xdp-program.h. */

#include <config.h>

#include "xdp-program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "entropy.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-contract.h"
#include "xdp-mutex.h"
#include "xdp-object-file.h"
#include "xdp-prepare.h"

VLOG_DEFINE_THIS_MODULE(xdp_program);

/* Room for the verifier's log of the largest program, and how many of its
 * last lines are worth reporting. */
#define VERIFIER_LOG_SIZE (16 * 1024 * 1024)
#define VERIFIER_LOG_LINES 12

struct xdp_object_private {
    unsigned int n_refs;
    struct xdp_object_file_id id;
    struct xdp_flow_table_limits limits;
    struct bpf_object *bpf;
    struct bpf_program *prog;
    struct bpf_map *xsks_map;
    struct xdp_prepared prepared;
    uint64_t taken[XDP_COUNTER_MAX]; /* By xdp_object_take_counters(). */
};

/* All objects, in order of loading. */
static struct ovs_list objects = OVS_LIST_INITIALIZER(&objects);

/* What objects that are unloaded have counted, until it is taken. */
static uint64_t left_counters[XDP_COUNTER_MAX];

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
    } else if (!xdp_contract_entry_program(bpf)) {
        *errp = xasprintf("%s: XDP object has no program in a section named "
                          "xdp", path);
    } else {
        *bpfp = bpf;
        return 0;
    }
    bpf_object__close(bpf);
    return EINVAL;
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
    struct xdp_object_file_id id;
    size_t size;
    void *data;
    int error;

    *errp = NULL;
    error = xdp_object_file_read(path, &data, &size, &id, errp);
    if (error) {
        return error;
    }
    error = open_bpf(path, data, size, NULL, &bpf, errp);
    if (!error) {
        error = xdp_contract_read(path, bpf,
                                  has_table ? has_table : &has_table_,
                                  caps ? caps : &caps_, errp);
        bpf_object__close(bpf);
    }
    free(data);
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
table_map_fd(struct bpf_object *bpf, enum xdp_contract_map which)
{
    const char *name = xdp_contract_maps[which].name;

    return bpf_map__fd(bpf_object__find_map_by_name(bpf, name));
}

/* Creates the flow table of the loaded 'bpf', which has 'caps'. */
static struct xdp_flow_table *
create_table(struct bpf_object *bpf, const struct xdp_caps *caps,
             const struct xdp_flow_table_limits *limits,
             const uint64_t *digest_secret, char **errp)
{
    struct xdp_flow_table_maps maps = {
        .ports = table_map_fd(bpf, XDP_MAP_PORTS),
        .tx_ports = table_map_fd(bpf, XDP_MAP_TX_PORTS),
        .masks = table_map_fd(bpf, XDP_MAP_MASKS),
        .subtables = table_map_fd(bpf, XDP_MAP_SUBTABLES),
        .flows = table_map_fd(bpf, XDP_MAP_FLOWS),
        .flow_rest = table_map_fd(bpf, XDP_MAP_FLOW_REST),
        .flow_stats = table_map_fd(bpf, XDP_MAP_FLOW_STATS),
        .port_stats = table_map_fd(bpf, XDP_MAP_PORT_STATS),
        .counters = table_map_fd(bpf, XDP_MAP_COUNTERS),
    };

    if (caps->max_outputs > 1) {
        maps.groups = table_map_fd(bpf, XDP_MAP_GROUPS);
        maps.egress = bpf_program__fd(xdp_contract_egress_program(bpf));
    }
    if (bpf_object__find_map_by_name(
            bpf, xdp_contract_maps[XDP_MAP_MASK_HITS].name)) {
        maps.mask_hits = table_map_fd(bpf, XDP_MAP_MASK_HITS);
    }
    if (bpf_object__find_map_by_name(
            bpf, xdp_contract_maps[XDP_MAP_HINT_FOLDS].name)) {
        maps.hint_folds = table_map_fd(bpf, XDP_MAP_HINT_FOLDS);
    }
    if (bpf_object__find_map_by_name(
            bpf, xdp_contract_maps[XDP_MAP_CPUS].name)) {
        maps.cpus = table_map_fd(bpf, XDP_MAP_CPUS);
    }
    if (bpf_object__find_map_by_name(
            bpf, xdp_contract_maps[XDP_MAP_TARGETS].name)) {
        maps.targets = table_map_fd(bpf, XDP_MAP_TARGETS);
    }
    if (xdp_contract_has_tc(caps)) {
        maps.companions = table_map_fd(bpf, XDP_MAP_COMPANIONS);
    }
    return xdp_flow_table_create(&maps, limits, digest_secret, errp);
}

/* Returns true if 'error' of loading may be because of a program. */
static bool
may_be_refusal(int error)
{
    return (error != ENOMEM && error != EPERM && error != EMFILE
            && error != ENFILE && error != EAGAIN && error != EINTR);
}

/* Loads the opened 'bpf', of the file 'path', without its programs for ports
 * at tc unless 'with_tc', and stores the result in '*objectp'.  Takes
 * ownership of 'bpf' on success only.  After a failure, '*may_lack_tc' is true
 * if it may be because of those programs. */
static int
load_object(const char *path, struct bpf_object *bpf, const char *log,
            const struct xdp_flow_table_limits *limits, bool with_tc,
            bool *may_lack_tc, struct xdp_object **objectp, char **errp)
{
    uint64_t digest_secret[XDP_KEY_WORDS];
    struct xdp_object *object = xzalloc(sizeof *object);
    struct xdp_object_private *private = xzalloc(sizeof *private);
    int error;

    *may_lack_tc = false;
    error = xdp_contract_read(path, bpf, &object->has_table, &object->caps,
                              errp);
    if (!error && !with_tc) {
        xdp_contract_leave_out_tc(bpf);
        xdp_contract_drop_tc_caps(&object->caps);
    }
    if (!error && object->has_table) {
        error = get_entropy(digest_secret, sizeof digest_secret);
        if (error) {
            *errp = xasprintf("reading random numbers failed (%s)",
                              ovs_strerror(error));
        } else {
            error = xdp_prepare(path, bpf, &object->caps, limits,
                                digest_secret, &private->prepared, errp);
        }
    }
    if (!error) {
        error = bpf_object__load(bpf) ? errno : 0;
        if (error) {
            *errp = load_error(path, error, log);
            error = libbpf_to_errno(error);
            *may_lack_tc = (xdp_contract_has_tc(&object->caps)
                            && may_be_refusal(error));
        }
    }
    if (!error && object->has_table) {
        object->table = create_table(bpf, &object->caps, limits,
                                     digest_secret, errp);
        error = object->table ? 0 : ENOMEM;
    }
    if (error) {
        xdp_prepare_undo(&private->prepared);
        free(private);
        free(object);
        return error;
    }

    private->n_refs = 1;
    private->limits = *limits;
    private->bpf = bpf;
    private->prog = xdp_contract_entry_program(bpf);
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
find_loaded(const struct xdp_object_file_id *id,
            const struct xdp_flow_table_limits *limits)
{
    struct xdp_object *object;

    LIST_FOR_EACH (object, list_node, &objects) {
        struct xdp_object_private *private = object->private;

        if (object->has_table && xdp_object_file_id_equals(&private->id, id)
            && !memcmp(&private->limits, limits, sizeof *limits)) {
            private->n_refs++;
            return object;
        }
    }
    return NULL;
}

/* Opens the object in the 'size' bytes at 'data', of the file 'path', and
 * loads it, as load_object() does.  The verifier's log goes to 'log'. */
static int
open_and_load(const char *path, const void *data, size_t size, char *log,
              const struct xdp_flow_table_limits *limits, bool with_tc,
              bool *may_lack_tc, struct xdp_object **objectp, char **errp)
{
    struct bpf_object *bpf;
    int error;

    *may_lack_tc = false;
    if (log) {
        log[0] = '\0';
    }
    error = open_bpf(path, data, size, log, &bpf, errp);
    if (!error) {
        error = load_object(path, bpf, log, limits, with_tc, may_lack_tc,
                            objectp, errp);
        if (error) {
            bpf_object__close(bpf);
        }
    }
    return error;
}

/* Loads the object in the 'size' bytes at 'data', which are the file 'id' at
 * 'path'.  A kernel that refuses its programs for tc may take the others. */
static int
load_file(const char *path, const void *data, size_t size,
          const struct xdp_object_file_id *id,
          const struct xdp_flow_table_limits *limits,
          struct xdp_object **objectp, char **errp)
{
    char *log = alloc_log();
    char *refusal = NULL;
    bool may_lack_tc;
    int error, tc_error;

    error = tc_error = open_and_load(path, data, size, log, limits, true,
                                     &may_lack_tc, objectp, errp);
    if (error && may_lack_tc) {
        refusal = *errp;
        *errp = NULL;
        error = open_and_load(path, data, size, log, limits, false,
                              &may_lack_tc, objectp, errp);
    }
    if (!error) {
        (*objectp)->private->id = *id;
        if (refusal) {
            VLOG_WARN("%s; going on without its programs for tc", refusal);
            (*objectp)->tc_problem
                = xasprintf("this kernel refuses the programs for tc (%s), "
                            "and the log says more",
                            ovs_strerror(tc_error));
        }
        VLOG_INFO("loaded XDP object %s%s", path,
                  (*objectp)->has_table ? " with a flow table" : "");
    }
    free(refusal);
    free_log(log);
    return error;
}

/* Stores in '*objectp' a reference to the loaded object 'path': one that is
 * there already, if it keeps a flow table with 'limits' and the file has not
 * changed, otherwise a new one.  Returns 0, or a positive errno value with a
 * message in '*errp', which the caller frees.
 *
 * If 'locked', the caller holds 'xdp_mutex', which is released meanwhile:
 * reading and loading take long.  Only one thread may be here at a time. */
int
xdp_object_get(const char *path, const struct xdp_flow_table_limits *limits,
               bool locked, struct xdp_object **objectp, char **errp)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct xdp_object_file_id id;
    size_t size;
    void *data;
    int error;

    *objectp = NULL;
    *errp = NULL;
    if (locked) {
        xdp_unlock();
    }
    error = xdp_object_file_read(path, &data, &size, &id, errp);
    if (locked) {
        xdp_lock();
    }
    if (error) {
        return error;
    }

    *objectp = find_loaded(&id, limits);
    if (!*objectp) {
        if (locked) {
            xdp_unlock();
        }
        error = load_file(path, data, size, &id, limits, objectp, errp);
        if (locked) {
            xdp_lock();
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
        xdp_prepare_undo(&object->private->prepared);
        free(object->private);
        free(object->tc_problem);
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

/* Stores the programs of 'object', which has such, for ports at tc in
 * '*fds'. */
void
xdp_object_tc_fds(const struct xdp_object *object, struct xdp_tc_fds *fds)
{
    struct xdp_tc_programs programs;

    xdp_contract_tc_programs(object->private->bpf, &programs);
    fds->flow_table = bpf_program__fd(programs.flow_table);
    fds->entry = bpf_program__fd(programs.entry);
    fds->from_userspace = bpf_program__fd(programs.from_userspace);
    fds->to_userspace = bpf_program__fd(programs.to_userspace);
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
