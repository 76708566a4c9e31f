/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copies of a packet that goes to several ports: which devices get one,
 * and what 'xdp_egress' makes of it.
 *
 * BPF_PROG_RUN refuses programs that belong into a DEVMAP.  So 'xdp_egress' is
 * loaded a second time as an ordinary XDP program, with the same maps.  Such a
 * one may not ask for the device that the packet is sent to; the instructions
 * that do are changed to ask for the one that it came from.  Which ones they
 * are is what the verifier says.
 */

#include <config.h>

#include "copies.h"

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oracle.h"
#include "run.h"
#include "util.h"

#define EGRESS "xdp_egress"
#define MAX_FUNCTIONS 64
#define MAX_LOG_TAIL 400        /* Of the verifier's log, to print. */

static int egress_fd = -1;
static int groups_fd = -1;          /* xdp_groups. */
static const struct xdp_flow *flows;    /* xdp_flows. */
static int rest_fd = -1;                /* xdp_flow_rest. */

/* The functions of a program. */
struct functions {
    int btf_fd;
    struct bpf_func_info info[MAX_FUNCTIONS];
    uint32_t n;
};

/* Compares two "struct bpf_func_info"s by instruction. */
static int
compare_functions(const void *a_, const void *b_)
{
    const struct bpf_func_info *a = a_, *b = b_;

    return a->insn_off < b->insn_off ? -1 : a->insn_off > b->insn_off;
}

/* Finds the functions of program 'fd', which was loaded from the 'n'
 * instructions 'insns'. */
static void
find_functions(int fd, const struct bpf_insn *insns, size_t n,
               struct functions *f)
{
    struct bpf_func_info types[MAX_FUNCTIONS];
    struct bpf_prog_info info = {
        .nr_func_info = MAX_FUNCTIONS,
        .func_info_rec_size = sizeof *types,
        .func_info = (uintptr_t) types,
    };
    uint32_t size = sizeof info;

    if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
        ovs_fatal(errno, "reading the functions of %s failed", EGRESS);
    }
    f->btf_fd = bpf_btf_get_fd_by_id(info.btf_id);

    /* The kernel knows them in the same order, but it has changed the
     * instructions.  Each begins where a call or a reference leads. */
    f->info[0].insn_off = 0;
    f->n = 1;
    for (size_t i = 0; i < n; i++) {
        const struct bpf_insn *insn = &insns[i];
        uint32_t target = i + insn->imm + 1;
        bool known = false;

        if ((insn->code == (BPF_JMP | BPF_CALL)
             && insn->src_reg == BPF_PSEUDO_CALL)
            || (insn->code == (BPF_LD | BPF_IMM | BPF_DW)
                && insn->src_reg == BPF_PSEUDO_FUNC)) {
            for (uint32_t j = 0; j < f->n; j++) {
                known |= f->info[j].insn_off == target;
            }
            if (!known) {
                ovs_assert(f->n < MAX_FUNCTIONS);
                f->info[f->n++].insn_off = target;
            }
        }
        i += insn->code == (BPF_LD | BPF_IMM | BPF_DW);
    }
    qsort(f->info, f->n, sizeof *f->info, compare_functions);
    if (f->n != info.nr_func_info) {
        ovs_fatal(0, "%s has %"PRIu32" functions and not %"PRIu32, EGRESS,
                  info.nr_func_info, f->n);
    }
    for (uint32_t i = 0; i < f->n; i++) {
        f->info[i].type_id = types[i].type_id;
    }
}

/* Loads 'n' instructions with 'functions' as an ordinary XDP program.  Returns
 * its fd, or a negative number after changing the instruction that the kernel
 * does not like, or fails. */
static int
try_load(struct bpf_insn *insns, size_t n, const struct functions *functions)
{
    /* libbpf asks for it only after a failure: a program that is accepted need
     * not be one of which it holds all. */
    static char log[16 * 1024 * 1024];
    LIBBPF_OPTS(bpf_prog_load_opts, opts,
                .prog_btf_fd = functions->btf_fd,
                .func_info = functions->info,
                .func_info_cnt = functions->n,
                .func_info_rec_size = sizeof *functions->info,
                .log_buf = log, .log_size = sizeof log);
    const char *complaint;
    const char *line;
    int fd, error;
    int i;

    log[0] = '\0';
    fd = bpf_prog_load(BPF_PROG_TYPE_XDP, EGRESS, "GPL", insns, n, &opts);
    if (fd >= 0) {
        return fd;
    }
    error = errno;

    /* The line before the complaint has the number of the instruction. */
    complaint = strstr(log, "invalid bpf_context access off=");
    if (complaint) {
        line = complaint - 1;
        while (line > log && line[-1] != '\n') {
            line--;
        }
        i = atoi(line);
        if (i >= 0 && i < n
            && insns[i].code == (BPF_LDX | BPF_MEM | BPF_W)
            && insns[i].off == offsetof(struct xdp_md, egress_ifindex)) {
            insns[i].off = offsetof(struct xdp_md, ingress_ifindex);
            return -1;
        }
    }
    ovs_fatal(0, "loading %s as an ordinary program failed (%s): %s", EGRESS,
              ovs_strerror(error),
              log + MAX(strlen(log), MAX_LOG_TAIL) - MAX_LOG_TAIL);
}

/* Loads 'xdp_egress' of the object at 'object_path', if it has that. */
void
load_egress(const char *object_path)
{
    struct bpf_object *obj = bpf_object__open_file(object_path, NULL);
    struct bpf_program *prog, *egress = NULL;
    struct functions functions;
    struct bpf_insn *insns;
    struct bpf_map *map;
    size_t n;
    int fd;

    if (!obj) {
        ovs_fatal(errno, "opening %s failed", object_path);
    }
    bpf_object__for_each_program (prog, obj) {
        bool is_egress = !strcmp(bpf_program__name(prog), EGRESS);

        /* 'xdp_recirc' because libbpf fills 'xdp_programs' in any case. */
        bpf_program__set_autoload(prog, (is_egress
                                         || !strcmp(bpf_program__name(prog),
                                                    "xdp_recirc")));
        if (is_egress) {
            egress = prog;
        }
    }
    if (!egress) {
        bpf_object__close(obj);
        return;
    }
    bpf_object__for_each_map (map, obj) {
        fd = open_map(bpf_map__name(map));
        if (fd < 0) {
            bpf_map__set_autocreate(map, false);
            if (bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY) {
                /* 'tc_programs', which libbpf would fill as well. */
                bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY);
            }
        } else if (bpf_map__reuse_fd(map, fd)) {
            ovs_fatal(errno, "sharing the map %s failed", bpf_map__name(map));
        }
    }
    if (bpf_object__load(obj)) {
        ovs_fatal(errno, "loading %s failed", EGRESS);
    }

    n = bpf_program__insn_cnt(egress);
    insns = xmemdup(bpf_program__insns(egress), n * sizeof *insns);
    find_functions(bpf_program__fd(egress), insns, n, &functions);
    do {
        egress_fd = try_load(insns, n, &functions);
    } while (egress_fd < 0);
    free(insns);
    close(functions.btf_fd);
    bpf_object__close(obj);

    groups_fd = open_map("xdp_groups");
    fd = open_map("xdp_flows");
    flows = mmap(NULL, ROUND_UP(N_FLOWS * sizeof *flows, get_page_size()),
                 PROT_READ, MAP_SHARED, fd, 0);
    rest_fd = open_map("xdp_flow_rest");
    if (groups_fd < 0 || rest_fd < 0 || flows == MAP_FAILED) {
        ovs_fatal(errno, "reading the groups failed");
    }
}

/* Returns true if there is the program 'xdp_egress'. */
bool
has_egress(void)
{
    return egress_fd >= 0;
}

/* Checks that the group of the only flow in the table has the devices of the
 * ports of 'executed', and no others. */
bool
check_group(const struct executed *executed)
{
    uint32_t slot, index, group, inner_id, i;
    struct xdp_flow_rest rest;
    bool ok = true;
    int fd;

    for (slot = 0; slot < N_FLOWS && !flows[slot].valid; slot++) {
        continue;
    }
    if (slot == N_FLOWS) {
        return false;
    }
    index = slot / XDP_REST_SLOTS;
    if (bpf_map_lookup_elem(rest_fd, &index, &inner_id)) {
        return false;
    }
    fd = bpf_map_get_fd_by_id(inner_id);
    index = slot % XDP_REST_SLOTS;
    ok = fd >= 0 && !bpf_map_lookup_elem(fd, &index, &rest);
    close(fd);
    if (!ok) {
        return false;
    }
    group = rest.group;
    if (rest.n_outputs != executed->n_copies
        || bpf_map_lookup_elem(groups_fd, &group, &inner_id)) {
        return false;
    }
    fd = bpf_map_get_fd_by_id(inner_id);
    for (i = 0; ; i++) {
        struct bpf_devmap_val val;

        if (bpf_map_lookup_elem(fd, &i, &val)) {
            break;
        }
        ok = ok && i < executed->n_copies;
        for (size_t j = 0; ; j++) {
            if (j >= executed->n_copies) {
                ok = false;
                break;
            }
            if (target_ifindex(executed->copies[j].port) == val.ifindex) {
                break;
            }
        }
    }
    close(fd);
    return ok && i == executed->n_copies;
}

/* As run_program_meta(), for 'xdp_egress' and the device that the packet is
 * sent to. */
uint32_t
run_egress(uint32_t ifindex, const void *data, size_t size, size_t meta_size,
           void *out, size_t *out_size, size_t *out_meta_size)
{
    return run_program_meta(egress_fd, ifindex, data, size, meta_size, out,
                            out_size, out_meta_size);
}
