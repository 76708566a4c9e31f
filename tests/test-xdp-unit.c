/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the parts of the offload, one by one; tests/unit/ has the
 * cases.
 *
 * Prints one line for each case, "ok NAME", "not ok NAME: why" or "skip NAME:
 * why", and at the end how many there were of each.  Flow tables are made on
 * real maps, created here, which takes the privilege to do so; cases that need
 * it are skipped without it.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "unit/unit.h"
#include "util.h"

/* Options. */
const char *object_path = "bpf/flowtable_afxdp.o";
const char *objects_dir = "tests";

char *temp_dir;

/* All cases, in the order in which they run. */
static const struct unit_case *const suites[] = {
    unit_pool,                  /* Before there are threads. */
    unit_translate_match,
    unit_translate_actions,
    unit_translate_set,
    unit_translate_tunnel,
    unit_translate_ct,
    unit_op_flags,
    unit_userspace,
    unit_port,                  /* Before what leaves maps to be closed. */
    unit_numbers,
    unit_holds,
    unit_failures,
    unit_lost,
    unit_turns,
    unit_custody,
    unit_displace,
    unit_table,
    unit_table_hints,
    unit_table_mask,
    unit_table_slot,
    unit_table_rest,
    unit_table_group,
    unit_table_tc,
    unit_table_refusals,
    unit_table_pieces,
    unit_swap,
    unit_subtable,
    unit_meter,
    unit_sequence,
    unit_shared,
    unit_shares,
    unit_spare,
    unit_conns,
    unit_conntrack,
    unit_upcall,
    unit_object,
};

/* How the current case, and all of them, went. */
static char *why;               /* Why it failed, NULL if it has not. */
static const char *why_skipped; /* Why it could not tell, NULL if it could. */
static unsigned int n_passed, n_failed, n_skipped;

/* Notes that the current case fails, unless it has already. */
void
fail(const char *format, ...)
{
    if (!why) {
        va_list args;

        va_start(args, format);
        why = xvasprintf(format, args);
        va_end(args);
    }
}

/* Notes that the current case has found out that it cannot tell, because of
 * 'reason', a constant. */
void
skip(const char *reason)
{
    why_skipped = reason;
}

/* Prints the help. */
static void
usage(void)
{
    printf("usage: test-xdp-unit [OPTION]... [CASE]...\n"
           "Runs all cases, or those whose names begin with CASE.\n\n"
           "  --object PATH    the default object (default: %s)\n"
           "  --objects DIR    where the other objects are (default: %s)\n"
           "  --flows N        megaflows of the holds- cases (default: %u)\n"
           "  --times          have these print how long xdp_mutex is held\n"
           "  --list           only print the names of the cases\n",
           object_path, objects_dir, holds_flows);
}

/* Prints the names of the cases. */
static void
list_cases(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
        for (const struct unit_case *t = suites[i]; t->name; t++) {
            printf("%s\n", t->name);
        }
    }
}

/* Returns true if 't' is one of the cases in 'names', or if those are none. */
static bool
is_wanted(const struct unit_case *t, char *names[])
{
    bool wanted = !*names;

    for (; *names; names++) {
        wanted |= !strncmp(t->name, *names, strlen(*names));
    }
    return wanted;
}

/* Returns true if this process may create maps. */
static bool
has_bpf(void)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP, "probe", 4, 4, 1, NULL);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Runs 't', or skips it, and says so. */
static void
run_case(const struct unit_case *t)
{
    if (t->need == NEED_BPF && !has_bpf()) {
        printf("skip %s: creating BPF maps takes CAP_BPF and "
               "CAP_NET_ADMIN\n", t->name);
        n_skipped++;
    } else if (t->need == NEED_ROOT && geteuid()) {
        printf("skip %s: needs root\n", t->name);
        n_skipped++;
    } else {
        t->func();
        if (why) {
            printf("not ok %s: %s\n", t->name, why);
            n_failed++;
        } else if (why_skipped) {
            printf("skip %s: %s\n", t->name, why_skipped);
            n_skipped++;
        } else {
            printf("ok %s\n", t->name);
            n_passed++;
        }
        free(why);
        why = NULL;
        why_skipped = NULL;
    }
    fflush(stdout);
}

/* Makes 'temp_dir'. */
static void
make_temp_dir(void)
{
    const char *tmp = getenv("TMPDIR");

    temp_dir = xasprintf("%s/xdp-unit.XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(temp_dir)) {
        ovs_fatal(errno, "%s: creating a directory failed", temp_dir);
    }
}

/* Removes 'temp_dir'. */
static void
remove_temp_dir(void)
{
    DIR *dir = opendir(temp_dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        char *path = xasprintf("%s/%s", temp_dir, entry->d_name);

        unlink(path);
        free(path);
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(temp_dir);
}

/* Implements libbpf_print_fn_t. */
static int
print_nothing(enum libbpf_print_level level OVS_UNUSED,
              const char *format OVS_UNUSED, va_list args OVS_UNUSED)
{
    return 0;
}

int
main(int argc, char *argv[])
{
    enum { OPT_OBJECT = 1, OPT_OBJECTS, OPT_FLOWS, OPT_TIMES, OPT_LIST,
           OPT_HELP };
    static const struct option options[] = {
        { "object", required_argument, NULL, OPT_OBJECT },
        { "objects", required_argument, NULL, OPT_OBJECTS },
        { "flows", required_argument, NULL, OPT_FLOWS },
        { "times", no_argument, NULL, OPT_TIMES },
        { "list", no_argument, NULL, OPT_LIST },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    int c;

    set_program_name(argv[0]);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case OPT_OBJECT: object_path = optarg; break;
        case OPT_OBJECTS: objects_dir = optarg; break;
        case OPT_FLOWS:
            if (!str_to_uint(optarg, 10, &holds_flows) || !holds_flows) {
                ovs_fatal(0, "%s is no number of megaflows", optarg);
            }
            break;
        case OPT_TIMES: holds_times = true; break;
        case OPT_LIST:
            list_cases();
            return EXIT_SUCCESS;
        case OPT_HELP:
            usage();
            return EXIT_SUCCESS;
        default:
            usage();
            return EXIT_FAILURE;
        }
    }

    /* What is expected to fail would be reported. */
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    libbpf_set_print(print_nothing);
    setenv("OVS_PKGDATADIR", "/share", 1);
    make_temp_dir();
    for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
        for (const struct unit_case *t = suites[i]; t->name; t++) {
            if (is_wanted(t, argv + optind)) {
                run_case(t);
            }
        }
    }
    remove_temp_dir();
    printf("unit: %u passed, %u failed, %u skipped\n", n_passed, n_failed,
           n_skipped);
    return n_failed || !(n_passed + n_skipped) ? EXIT_FAILURE : EXIT_SUCCESS;
}
