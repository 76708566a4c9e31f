/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of objects: which are refused and why, what others declare, and
 * who shares them.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leaks.h"
#include "openvswitch/list.h"
#include "translate.h"
#include "unit.h"
#include "util.h"
#include "xdp-machine.h"
#include "xdp-object-file.h"
#include "xdp-program.h"

static const struct xdp_flow_table_limits object_limits = {
    .n_flows = 64, .n_slots = 64, .n_masks = 8, .n_ports = 16
};

/* Returns the name of a test object.  The caller frees it. */
static char *
test_object(const char *name)
{
    return xasprintf("%s/%s.bpf.o", objects_dir, name);
}

/* Returns the name of a file in 'temp_dir', which does not exist.  The caller
 * frees it. */
static char *
temp_file(const char *name)
{
    char *path = xasprintf("%s/%s", temp_dir, name);

    if (unlink(path) && errno == EISDIR) {
        rmdir(path);
    }
    return path;
}

/* Makes a file 'name' in 'temp_dir' with 'mode' and the first 'size' bytes of
 * file 'from'.  Returns its name, which the caller frees. */
static char *
copy_file(const char *from, const char *name, mode_t mode, size_t size)
{
    char *path = temp_file(name);
    int in = open(from, O_RDONLY);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    char buf[4096];
    ssize_t n;

    if (in < 0 || out < 0) {
        ovs_fatal(errno, "copying %s to %s failed", from, path);
    }
    while (size > 0 && (n = read(in, buf, MIN(size, sizeof buf))) > 0) {
        if (write(out, buf, n) != n) {
            ovs_fatal(errno, "writing %s failed", path);
        }
        size -= n;
    }
    if (fchmod(out, mode)) {
        ovs_fatal(errno, "fchmod failed");
    }
    close(in);
    close(out);
    return path;
}

/* Checks that 'path' is refused with an errno value 'expected' and a message
 * that names the file and contains 'text'. */
static void
check_refused(const char *path, int expected, const char *text)
{
    struct xdp_object *object;
    bool has_table;
    struct xdp_caps caps;
    char *message;
    int error;

    for (int pass = 0; pass < 2; pass++) {
        /* xdp_object_get() makes the same checks. */
        error = (pass
                 ? xdp_object_get(path, &object_limits, false, &object,
                                  &message)
                 : xdp_object_check(path, &has_table, &caps, &message));
        if (error != expected || !message || !strstr(message, text)
            || strncmp(message, path, strlen(path))) {
            fail("expected error %d about \"%s\", got %d: %s", expected, text,
                 error, message ? message : "no message");
        }
        free(message);
        if (pass && !error) {
            xdp_object_unload(xdp_object_put(object));
        }
    }
}

/* Files that are not to be trusted or not what they should be. */
static void
test_object_missing(void)
{
    char *path = temp_file("missing.o");

    check_refused(path, ENOENT, "is the path right");
    free(path);
}

static void
test_object_symlink(void)
{
    char *target = copy_file(object_path, "target.o", 0644, SIZE_MAX);
    char *path = temp_file("symlink.o");

    CHECK(!symlink(target, path));
    check_refused(path, ELOOP, "must not be a symbolic link");
    free(target);
    free(path);
}

static void
test_object_directory(void)
{
    check_refused(temp_dir, EINVAL, "not a regular file");
}

static void
test_object_device(void)
{
    check_refused("/dev/null", EINVAL, "not a regular file");
}

/* Must not wait for somebody who writes. */
static void
test_object_fifo(void)
{
    char *path = temp_file("fifo.o");

    CHECK(!mkfifo(path, 0600));
    check_refused(path, EINVAL, "not a regular file");
    free(path);
}

static void
test_object_writable(void)
{
    static const mode_t modes[] = { 0664, 0646, 0666, 0620, 0602 };

    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        char *path = copy_file(object_path, "writable.o", modes[i], SIZE_MAX);

        check_refused(path, EACCES, "can be written by group or others");
        free(path);
    }
}

static void
test_object_owner(void)
{
    char *path = copy_file(object_path, "owner.o", 0644, SIZE_MAX);

    CHECK(!chown(path, 1000, 0));
    check_refused(path, EACCES, "belongs to user 1000");
    CHECK(!chown(path, 0, 1000));
    CHECK(!xdp_object_check(path, NULL, NULL, &(char *) { NULL }));
    free(path);
}

static void
test_object_size(void)
{
    char *path = copy_file(object_path, "size.o", 0644, 0);

    check_refused(path, EINVAL, "has 0 bytes");
    CHECK(!truncate(path, 65 * 1024 * 1024));
    check_refused(path, EINVAL, "has 68157440 bytes");
    free(path);
}

static void
test_object_not_elf(void)
{
    char *path;

    /* A page of nothing, a program for this machine, half an object. */
    path = copy_file("/dev/zero", "zero.o", 0644, 4096);
    check_refused(path, EINVAL, "not a BPF object file");
    free(path);
    path = copy_file("/proc/self/exe", "exe.o", 0644, SIZE_MAX);
    check_refused(path, EINVAL, "not a BPF object file");
    free(path);
    path = copy_file(object_path, "half.o", 0644, 8000);
    check_refused(path, EINVAL, "not a BPF object file");
    free(path);
}

/* Objects that say that they are not usable. */
static const struct bad_object {
    const char *name;
    int error;
    const char *text;
} bad_objects[] = {
    { "xdp-bad-no-xsks", EINVAL, "no XSKMAP named xsks_map" },
    { "xdp-bad-xsks-type", EINVAL, "no XSKMAP named xsks_map" },
    { "xdp-bad-no-program", EINVAL, "no program in a section named xdp" },
    { "xdp-bad-version", EPROTONOSUPPORT, "ABI version 4711" },
    { "xdp-bad-no-version", EINVAL, "says no ABI version" },
    { "xdp-bad-max-ops", EINVAL, "larger ones than the ABI has" },
    { "xdp-bad-key-size", EINVAL, "key has 16 bytes instead of" },
    { "xdp-bad-key-field", EINVAL, "field dl_src of the object's key" },
    { "xdp-bad-no-in-port", EINVAL, "has no field in_port" },
    { "xdp-bad-no-groups", EINVAL,
      "map xdp_groups of the flow table is missing" },
    { "xdp-bad-no-egress", EINVAL,
      "no program xdp_egress in a section named xdp/devmap" },
    { "xdp-bad-no-map", EINVAL, "map xdp_masks of the flow table is missing" },
    { "xdp-bad-map-size", EINVAL,
      "map debug_stats of the flow table is of another type or size" },
    { "xdp-bad-inner-size", EINVAL,
      "map xdp_flow_rest of the flow table is of another type or size" },
    { "xdp-bad-tc-ops", EINVAL, "says that it runs more at tc than at XDP" },
    { "xdp-bad-tc-programs", EINVAL,
      "but not all of tc_flowtable, tc_entry, tc_companion" },
};

static void
test_object_contract(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad_objects); i++) {
        char *path = test_object(bad_objects[i].name);

        check_refused(path, bad_objects[i].error, bad_objects[i].text);
        free(path);
    }
}

/* What the default object declares. */
static void
test_object_default(void)
{
    struct xdp_caps caps, all;
    bool has_table;
    char *message;

    if (xdp_object_check(object_path, &has_table, &caps, &message)) {
        fail("%s", message);
        free(message);
        return;
    }
    all_caps(&all);
    CHECK(has_table);
    CHECK(!memcmp(&caps.fields, &all.fields, sizeof caps.fields));
    CHECK(caps.max_words == XDP_MASK_MAX_WORDS);
    CHECK(caps.max_ops == XDP_FLOW_MAX_OPS);
    CHECK(caps.max_outputs == XDP_FLOW_MAX_OPS);
    CHECK(caps.ops == (UINT64_C(2) << XDP_OP_SET_VLAN) - (1 << XDP_OP_OUTPUT));

    /* At tc, less. */
    CHECK(xdp_contract_has_tc(&caps));
    all = caps;
    xdp_contract_take_tc_caps(&all);
    CHECK(xdp_contract_has_op(&all, XDP_OP_OUTPUT)
          && xdp_contract_has_op(&all, XDP_OP_RECIRC)
          && xdp_contract_has_op(&all, XDP_OP_TNL_PUSH)
          && xdp_contract_has_op(&all, XDP_OP_TNL_POP)
          && !(all.ops & ~caps.ops));
    CHECK(all.max_outputs == XDP_FLOW_MAX_OPS);
    xdp_contract_take_common_caps(&caps);
    CHECK(caps.ops == all.ops && caps.max_outputs == all.max_outputs);
}

/* What others declare. */
static void
test_object_custom(void)
{
    char *path = test_object("xdp-good-plain");
    struct xdp_key fields_;
    struct xdp_caps caps;
    bool has_table;
    char *message;

    has_table = true;
    CHECK(!xdp_object_check(path, &has_table, &caps, &message));
    CHECK(!has_table);
    free(path);

    path = test_object("xdp-good-fewer-fields");
    CHECK(!xdp_object_check(path, &has_table, &caps, &message));
    CHECK(has_table);
    memset(&fields_, 0, sizeof fields_);
    fields_.in_port = UINT32_MAX;
    memset(fields_.dl_dst, 0xff, sizeof fields_.dl_dst);
    memset(fields_.dl_src, 0xff, sizeof fields_.dl_src);
    fields_.dl_type = OVS_BE16_MAX;
    CHECK(!memcmp(&caps.fields, &fields_, sizeof fields_));
    CHECK(caps.max_outputs == 1);
    CHECK(caps.ops == (UINT64_C(1) << XDP_OP_OUTPUT
                       | UINT64_C(1) << XDP_OP_POP_VLAN));
    CHECK(!xdp_contract_has_tc(&caps));
    free(path);
}

/* Where objects are looked for. */
static void
test_object_path(void)
{
    static const struct {
        const char *option, *path;
    } paths[] = {
        { NULL, "/share/bpf/flowtable_afxdp.o" },
        { "", "/share/bpf/flowtable_afxdp.o" },
        { "mine.o", "/share/bpf/mine.o" },
        { "/tmp/mine.o", "/tmp/mine.o" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        char *path = xdp_object_path(paths[i].option);

        CHECK(!strcmp(path, paths[i].path));
        free(path);
    }
}

/* Loads 'path', which must work. */
static struct xdp_object *
get_object(const char *path, const struct xdp_flow_table_limits *limits)
{
    struct xdp_object *object;
    char *message;

    if (xdp_object_get(path, limits, false, &object, &message)) {
        fail("%s", message);
        free(message);
        return NULL;
    }
    return object;
}

/* The kernel refuses a program: the message says why. */
static void
test_object_verifier(void)
{
    char *path = test_object("xdp-bad-verifier");
    struct xdp_object *object = (void *) -1;
    int n_lines = 0;
    char *message;
    bool has_table;

    /* There is nothing wrong with the file itself. */
    CHECK(!xdp_object_check(path, &has_table, NULL, &message));
    CHECK(has_table);
    CHECK(xdp_object_get(path, &object_limits, false, &object, &message)
          == EACCES);
    CHECK(!object);
    for (const char *p = message; (p = strchr(p, '\n')) != NULL; p++) {
        n_lines++;
    }
    if (strncmp(message, path, strlen(path))
        || !strstr(message, "the kernel refused the XDP object")
        || !strstr(message, "the verifier's last lines")
        || !strstr(message, "invalid access to packet")
        || n_lines < 1 || n_lines > 20) {
        fail("the verifier's lines are not as they should be: %s", message);
    }
    free(message);
    free(path);
}

/* The kernel refuses a program for tc only: the others do without. */
static void
test_object_tc_refused(void)
{
    char *path = test_object("xdp-tc-refused-linked");
    struct xdp_object *object, *whole;
    struct xdp_caps caps;
    char *message;

    CHECK(!xdp_object_check(path, NULL, &caps, &message));
    CHECK(xdp_contract_has_tc(&caps));
    object = get_object(path, &object_limits);
    CHECK(object && object->has_table && xdp_object_program_id(object));
    CHECK(!xdp_contract_has_tc(&object->caps));
    CHECK(object->caps.ops == caps.ops);
    CHECK(object->tc_problem
          && strstr(object->tc_problem,
                    "refuses the programs for tc (Permission denied)"));
    CHECK(get_object(path, &object_limits) == object);
    xdp_object_unload(xdp_object_put(object));
    xdp_object_unload(xdp_object_put(object));

    whole = get_object(object_path, &object_limits);
    CHECK(whole && xdp_contract_has_tc(&whole->caps) && !whole->tc_problem);
    xdp_object_unload(xdp_object_put(whole));
    free(path);
}

/* A constant that the flow table needs is missing. */
static void
test_object_constant(void)
{
    char *path = test_object("xdp-bad-no-constant");
    struct xdp_object *object;
    char *message;

    CHECK(xdp_object_get(path, &object_limits, false, &object, &message)
          == EINVAL);
    CHECK(strstr(message, "constant xdp_n_flows of the flow table"));
    free(message);
    free(path);
}

/* Returns how many atomic exchanges the program of the default object has as
 * the kernel runs it on 'machine', or -1 if that is not to be found out. */
static int
count_exchanges(const struct xdp_machine *machine)
{
    struct bpf_prog_info info = { 0 };
    uint32_t size = sizeof info;
    struct xdp_object *object;
    struct bpf_insn *insns;
    int n = -1;
    int fd;

    xdp_machine_pretend(machine);
    object = get_object(object_path, &object_limits);
    xdp_machine_pretend(NULL);
    if (!object) {
        return -1;
    }
    fd = bpf_prog_get_fd_by_id(xdp_object_program_id(object));
    if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size)
        && info.xlated_prog_len) {
        insns = xmalloc(info.xlated_prog_len);
        info = (struct bpf_prog_info) {
            .xlated_prog_len = info.xlated_prog_len,
            .xlated_prog_insns = (uintptr_t) insns,
        };
        if (!bpf_obj_get_info_by_fd(fd, &info, &size)
            && info.xlated_prog_insns) {
            n = 0;
            for (size_t i = 0; i < info.xlated_prog_len / sizeof *insns;
                 i++) {
                n += (BPF_CLASS(insns[i].code) == BPF_STX
                      && BPF_MODE(insns[i].code) == BPF_ATOMIC
                      && insns[i].imm == BPF_XCHG);
            }
        }
        free(insns);
    }
    close(fd);
    xdp_object_unload(xdp_object_put(object));
    return n;
}

/* A program does what its machine needs, and pays for nothing else. */
static void
test_object_machine(void)
{
    static const struct xdp_machine plain, machines[] = {
        { .weak_order = true },
        { .runs_nest = true },
    };
    char *path = test_object("xdp-good-no-machine");
    struct xdp_object *object;
    char *message;

    CHECK(xdp_machine_is_realtime("#1 SMP PREEMPT_RT Debian", NULL));
    CHECK(xdp_machine_is_realtime("#1 SMP PREEMPT Debian", "1\n"));
    CHECK(xdp_machine_is_realtime(NULL, NULL));
    CHECK(!xdp_machine_is_realtime("#1 SMP PREEMPT_DYNAMIC Debian", NULL));
    CHECK(!xdp_machine_is_realtime("#1 SMP PREEMPT_DYNAMIC Debian", "0\n"));

    CHECK(!count_exchanges(&plain));
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        CHECK(count_exchanges(&machines[i]) > 0);

        /* An object that cannot do it is refused, elsewhere it works. */
        xdp_machine_pretend(&machines[i]);
        CHECK(xdp_object_get(path, &object_limits, false, &object, &message)
              == EINVAL);
        CHECK(strstr(message, "build the object with the xdp-abi.h"));
        free(message);
        xdp_machine_pretend(&plain);
        object = get_object(path, &object_limits);
        CHECK(object);
        xdp_object_unload(xdp_object_put(object));
    }
    xdp_machine_pretend(NULL);
    free(path);
}

/* Objects without a flow table are not shared. */
static void
test_object_plain(void)
{
    char *path = test_object("xdp-good-plain");
    struct xdp_object *a = get_object(path, &object_limits);
    struct xdp_object *b = get_object(path, &object_limits);

    CHECK(a && b && a != b);
    CHECK(!a->has_table && !a->table);
    CHECK(xdp_object_program_id(a)
          && xdp_object_program_id(a) != xdp_object_program_id(b));
    CHECK(ovs_list_size(xdp_object_list()) == 2);
    xdp_object_unload(xdp_object_put(a));
    xdp_object_unload(xdp_object_put(b));
    CHECK(ovs_list_is_empty(xdp_object_list()));
    free(path);
}

/* Objects with a flow table are. */
static void
test_object_sharing(void)
{
    struct xdp_flow_table_limits more = object_limits;
    char *path = copy_file(object_path, "shared.o", 0644, SIZE_MAX);
    char *path2 = copy_file(object_path, "copy.o", 0644, SIZE_MAX);
    struct xdp_object *a, *b, *c, *d, *e;
    struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    uint32_t id;

    a = get_object(path, &object_limits);
    b = get_object(path, &object_limits);
    CHECK(a && a == b);
    CHECK(a->has_table && !strcmp(a->path, path));
    CHECK(xdp_flow_table_get_limits(a->table)->n_flows
          == object_limits.n_flows);
    id = xdp_object_program_id(a);
    CHECK(id);

    /* Other limits, another file with the same contents, the file changed. */
    more.n_flows++;
    more.n_slots++;
    c = get_object(path, &more);
    CHECK(c && c != a);
    CHECK(xdp_flow_table_get_limits(c->table)->n_flows == more.n_flows);
    d = get_object(path2, &object_limits);
    CHECK(d && d != a && d != c);
    CHECK(!utimensat(AT_FDCWD, path, times, 0));
    e = get_object(path, &object_limits);
    CHECK(e && e != a && e != c && e != d);
    CHECK(ovs_list_size(xdp_object_list()) == 4);

    /* The last user unloads it. */
    xdp_object_ref(a);
    xdp_object_unload(xdp_object_put(a));
    xdp_object_unload(xdp_object_put(b));
    CHECK(xdp_object_program_id(a) == id);
    xdp_object_unload(xdp_object_put(a));
    CHECK(ovs_list_size(xdp_object_list()) == 3);
    xdp_object_unload(xdp_object_put(c));
    xdp_object_unload(xdp_object_put(d));
    xdp_object_unload(xdp_object_put(e));
    CHECK(ovs_list_is_empty(xdp_object_list()));
    xdp_object_unload(xdp_object_put(NULL));
    free(path);
    free(path2);
}

/* Loads an object, if possible, and unloads it. */
static void
get_and_put(const char *path)
{
    struct xdp_object *object;
    char *message;

    if (xdp_object_get(path, &object_limits, false, &object, &message)) {
        free(message);
    } else {
        note_bpf();
        xdp_object_unload(xdp_object_put(object));
    }
}

/* Nothing is left of objects that were refused, or unloaded. */
static void
test_object_leaks(void)
{
    static const char *others[] = {
        "xdp-bad-verifier", "xdp-bad-no-constant", "xdp-good-plain",
        "xdp-good-fewer-fields", "xdp-tc-refused-linked",
    };
    char *path;

    for (size_t i = 0; i < ARRAY_SIZE(bad_objects); i++) {
        path = test_object(bad_objects[i].name);
        check_leaks(get_and_put, path);
        free(path);
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        path = test_object(others[i]);
        check_leaks(get_and_put, path);
        free(path);
    }
    check_leaks(get_and_put, object_path);
    check_leaks(get_and_put, "/dev/null");

    path = temp_file("missing.o");
    check_leaks(get_and_put, path);
    free(path);
    path = copy_file(object_path, "writable.o", 0666, SIZE_MAX);
    check_leaks(get_and_put, path);
    free(path);
}

/* The kernel's verifier looks at few enough instructions of each program of
 * the default object that there is room for what later kernels look at. */
static void
test_object_instructions(void)
{
    enum { MAX_INSNS = 50000 };
    struct bpf_object *bpf = bpf_object__open_file(object_path, NULL);
    struct bpf_program *prog;
    unsigned int n = 0;

    CHECK(bpf && !bpf_object__load(bpf));
    bpf_object__for_each_program (prog, bpf) {
        struct bpf_prog_info info;
        uint32_t size = sizeof info;

        memset(&info, 0, sizeof info);
        CHECK(!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size));
        CHECK(info.verified_insns);
        if (info.verified_insns > MAX_INSNS) {
            fail("%s: the verifier looks at %u instructions instead of %d",
                 bpf_program__name(prog), info.verified_insns, MAX_INSNS);
        }
        n++;
    }
    CHECK(n);
    bpf_object__close(bpf);
}

const struct unit_case unit_object[] = {
    { "object-path", test_object_path, NEED_NOTHING },
    { "object-missing", test_object_missing, NEED_NOTHING },
    { "object-symlink", test_object_symlink, NEED_NOTHING },
    { "object-directory", test_object_directory, NEED_NOTHING },
    { "object-device", test_object_device, NEED_NOTHING },
    { "object-fifo", test_object_fifo, NEED_NOTHING },
    { "object-writable", test_object_writable, NEED_NOTHING },
    { "object-owner", test_object_owner, NEED_ROOT },
    { "object-size", test_object_size, NEED_NOTHING },
    { "object-not-elf", test_object_not_elf, NEED_NOTHING },
    { "object-contract", test_object_contract, NEED_NOTHING },
    { "object-default", test_object_default, NEED_NOTHING },
    { "object-custom", test_object_custom, NEED_NOTHING },
    { "object-verifier", test_object_verifier, NEED_BPF },
    { "object-tc-refused", test_object_tc_refused, NEED_BPF },
    { "object-constant", test_object_constant, NEED_BPF },
    { "object-machine", test_object_machine, NEED_BPF },
    { "object-instructions", test_object_instructions, NEED_BPF },
    { "object-plain", test_object_plain, NEED_BPF },
    { "object-sharing", test_object_sharing, NEED_BPF },
    { "object-leaks", test_object_leaks, NEED_BPF },
    { NULL, NULL, 0 }
};
