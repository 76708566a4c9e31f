/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what the verifier of the running kernel thinks of XDP programs,
 * and of those at tc.
 *
 *     xdp-load OBJECT...    loads each object, as it is in the file
 *     xdp-load --list       lists the programs that are loaded now
 *
 * For each program one line "KINSNS NAME INSTRUCTIONS", where the number is
 * what the verifier looked at (kernel >= 5.16).  When an object does not
 * load, the end of the verifier's log and an exit status of 1.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* The last part of what libbpf and the verifier have said. */
static char log_tail[4096];

/* Keeps the end of libbpf's messages, in which the verifier's log comes. */
static int
keep_log(enum libbpf_print_level level, const char *format, va_list args)
{
    size_t have = strlen(log_tail);
    char *line = NULL;
    int n;

    if (level == LIBBPF_DEBUG) {
        return 0;
    }
    n = vasprintf(&line, format, args);
    if (n < 0) {
        return 0;
    }

    const char *add = line;
    size_t room = sizeof log_tail - 1;
    size_t len = n;

    if (len > room) {
        add += len - room;
        len = room;
    }
    if (have + len > room) {
        size_t drop = have + len - room;

        memmove(log_tail, log_tail + drop, have - drop);
        have -= drop;
    }
    memcpy(log_tail + have, add, len);
    log_tail[have + len] = '\0';
    free(line);
    return n;
}

/* Prints the line of the program 'fd', named 'object'/'name', or with a null
 * 'name' by what the kernel calls it.  Programs of other types are left
 * out.  Returns true if the kernel gave the number. */
static bool
print_program(int fd, const char *object, const char *name)
{
    struct bpf_prog_info info;
    __u32 len = sizeof info;

    memset(&info, 0, sizeof info);
    if (bpf_obj_get_info_by_fd(fd, &info, &len)) {
        fprintf(stderr, "%s/%s: no information on the program: %s\n",
                object, name ? name : "?", strerror(errno));
        return false;
    }
    if (info.type != BPF_PROG_TYPE_XDP
        && info.type != BPF_PROG_TYPE_SCHED_CLS) {
        return true;
    }
    if (!info.verified_insns) {
        fprintf(stderr, "%s/%s: the kernel does not say how many instructions "
                "it verified\n", object, name ? name : info.name);
        return false;
    }
    printf("KINSNS %s/%s %u\n", object, name ? name : info.name,
           info.verified_insns);
    return true;
}

/* Loads the object in file 'path' and prints its programs.  Returns true if
 * the kernel took all of them. */
static bool
load_object(const char *path)
{
    const char *base = strrchr(path, '/');
    struct bpf_program *program;
    struct bpf_object *object;
    bool ok = true;
    int n = 0;

    base = base ? base + 1 : path;
    log_tail[0] = '\0';
    object = bpf_object__open_file(path, NULL);
    if (!object) {
        fprintf(stderr, "%s: cannot be opened: %s\n%s", path,
                strerror(errno), log_tail);
        return false;
    }
    if (bpf_object__load(object)) {
        fprintf(stderr, "%s: does not load: %s\n%s\n", path,
                strerror(errno), log_tail);
        bpf_object__close(object);
        return false;
    }
    bpf_object__for_each_program (program, object) {
        if (bpf_program__fd(program) < 0) {
            fprintf(stderr, "%s/%s: was not loaded\n", base,
                    bpf_program__name(program));
            ok = false;
        } else {
            ok &= print_program(bpf_program__fd(program), base,
                                bpf_program__name(program));
        }
        n++;
    }
    bpf_object__close(object);
    if (!n) {
        fprintf(stderr, "%s: has no program\n", path);
        ok = false;
    }
    return ok;
}

/* Prints the programs at XDP and tc that are loaded now.  Returns true if
 * successful. */
static bool
list_programs(void)
{
    bool ok = true;
    __u32 id = 0;

    while (!bpf_prog_get_next_id(id, &id)) {
        int fd = bpf_prog_get_fd_by_id(id);

        if (fd >= 0) {
            ok &= print_program(fd, "loaded", NULL);
            close(fd);
        }
    }
    if (errno != ENOENT) {
        fprintf(stderr, "cannot list programs: %s\n", strerror(errno));
        ok = false;
    }
    return ok;
}

int
main(int argc, char *argv[])
{
    bool ok = true;
    int i;

    if (argc < 2) {
        fprintf(stderr, "usage: %s OBJECT... | --list\n", argv[0]);
        return 2;
    }
    libbpf_set_print(keep_log);
    if (!strcmp(argv[1], "--list")) {
        return list_programs() ? 0 : 1;
    }
    for (i = 1; i < argc; i++) {
        ok &= load_object(argv[i]);
    }
    return ok ? 0 : 1;
}
