/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "corpus": as the parts "keys-*", on the packets in a file, of which
 * each has a name (see tests/corpus/README.rst).
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "keys.h"
#include "openvswitch/dynamic-string.h"
#include "oracle.h"
#include "util.h"

/* A packet of the file. */
struct named_frame {
    char *name;
    struct frame frame;
};

/* Reads the file 'path'.  Stores the number of packets in '*n'. */
static struct named_frame *
read_corpus(const char *path, size_t *n)
{
    struct named_frame *packets = NULL;
    struct ds line = DS_EMPTY_INITIALIZER;
    size_t allocated = 0;
    FILE *file;

    file = fopen(path, "r");
    if (!file) {
        ovs_fatal(errno, "opening %s failed", path);
    }
    *n = 0;
    while (!ds_get_line(&line, file)) {
        char *hex = strchr(ds_cstr(&line), ' ');
        const char *problem;

        if (*n >= allocated) {
            packets = x2nrealloc(packets, &allocated, sizeof *packets);
        }
        problem = (hex ? parse_frame(hex + 1, &packets[*n].frame)
                       : "this is no name and a packet");
        if (problem) {
            ovs_fatal(0, "%s:%"PRIuSIZE": %s", path, *n + 1, problem);
        }
        *hex = '\0';
        packets[(*n)++].name = xstrdup(ds_cstr(&line));
    }
    if (!*n) {
        ovs_fatal(0, "%s: no packets in there", path);
    }
    ds_destroy(&line);
    fclose(file);
    return packets;
}

/* Part "corpus", with the packets in the file 'path', or nothing if that is
 * NULL. */
void
test_corpus(const char *path)
{
    struct named_frame *packets;
    size_t n;

    if (!path || !part_wanted("corpus")) {
        return;
    }
    packets = read_corpus(path, &n);
    for (int limit = 0; limit <= XDP_VLAN_MAX; limit++) {
        set_vlan_limit(limit);
        for (enum asked asked = 0; asked <= ASK_ALL; asked++) {
            struct xdp_table_flow *flow = ask(asked);

            for (size_t i = 0; i < n; i++) {
                check_key(&packets[i].frame, limit, asked, packets[i].name);
            }
            unask(flow);
        }
    }
    end_part("corpus", "%"PRIuSIZE" packets, each %d times", n,
             (XDP_VLAN_MAX + 1) * (ASK_ALL + 1));
    for (size_t i = 0; i < n; i++) {
        free(packets[i].name);
    }
    free(packets);
}
