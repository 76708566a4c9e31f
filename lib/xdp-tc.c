/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-tc.h. */

#include <config.h>

#include "xdp-tc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-device.h"

VLOG_DEFINE_THIS_MODULE(xdp_tc);

/* BPF_TCX_INGRESS, which the headers of older systems do not have. */
#define TCX_INGRESS ((enum bpf_attach_type) 46)

/* By what a filter of ours is known.  OVS's own, for policing, has priority
 * 1. */
#define FILTER_HANDLE   0x584450
#define FILTER_PRIORITY 2

/* How the names of our programs for tc begin. */
#define PROGRAM_PREFIX "tc_"

/* Stores in 'name' that of the program 'id', or an empty string. */
static void
get_program_name(uint32_t id, char name[BPF_OBJ_NAME_LEN])
{
    struct bpf_prog_info info;
    uint32_t size = sizeof info;
    int fd = bpf_prog_get_fd_by_id(id);

    memset(&info, 0, sizeof info);
    if (fd >= 0) {
        if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
            info.name[0] = '\0';
        }
        close(fd);
    }
    ovs_strlcpy(name, info.name, BPF_OBJ_NAME_LEN);
}

/* Returns the id of the program of the filter of ours on the device 'ifindex',
 * or 0. */
static uint32_t
query_filter(int ifindex)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
                .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
                .priority = FILTER_PRIORITY);

    return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

/* Takes the filter of ours off the device 'ifindex'. */
static void
remove_filter(int ifindex)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
                .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
                .priority = FILTER_PRIORITY);
    int error = bpf_tc_detach(&hook, &opts);

    if (error && error != -ENODEV) {
        VLOG_WARN("taking the filter off device %d failed (%s)", ifindex,
                  ovs_strerror(-error));
    }
}

/* Attaches the program 'fd' to the device 'ifindex' as a filter, instead of
 * what a process has left that died.  Returns 0, or a positive errno value
 * with a message in '*errp'. */
static int
attach_filter(int ifindex, int fd, struct xdp_tc *tc, char **errp)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
                .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
                .priority = FILTER_PRIORITY, .prog_fd = fd,
                .flags = BPF_TC_F_REPLACE);
    int error = bpf_tc_hook_create(&hook);

    if (error == -EEXIST) {
        uint32_t id = query_filter(ifindex);
        char name[BPF_OBJ_NAME_LEN];

        get_program_name(id, name);
        if (id && strncmp(name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX))) {
            *errp = xasprintf("another filter (priority %d, handle 0x%x, "
                              "program %s) is at tc ingress of the device; "
                              "remove it (tc filter del dev DEVICE ingress "
                              "prio %d)", FILTER_PRIORITY, FILTER_HANDLE,
                              name, FILTER_PRIORITY);
            return EBUSY;
        }
    } else if (error) {
        *errp = xasprintf("this kernel has neither BPF links for tc (Linux "
                          "6.6) nor the qdisc clsact (%s)",
                          ovs_strerror(-error));
        return -error;
    }
    error = bpf_tc_attach(&hook, &opts);
    if (error) {
        *errp = xasprintf("attaching the program to tc ingress failed (%s); "
                          "the kernel needs CONFIG_NET_CLS_BPF",
                          ovs_strerror(-error));
        return -error;
    }
    *tc = (struct xdp_tc) { .ifindex = ifindex, .link_fd = -1,
                            .prog_id = opts.prog_id };
    return 0;
}

/* Attaches the program 'prog_fd' to tc ingress of the device 'ifindex', or if
 * it has to be a filter, 'filter_fd'.  Stores in '*tc' what xdp_tc_detach()
 * needs.  Returns 0, or a positive errno value with a message in '*errp'. */
int
xdp_tc_attach(int ifindex, int prog_fd, int filter_fd, struct xdp_tc *tc,
              char **errp)
{
    int fd, error;

    *tc = XDP_TC_NONE;
    fd = bpf_link_create(prog_fd, ifindex, TCX_INGRESS, NULL);
    if (fd >= 0) {
        *tc = (struct xdp_tc) { .ifindex = ifindex, .link_fd = fd };
        return 0;
    }
    error = errno;
    if (error == EINVAL) {
        return attach_filter(ifindex, filter_fd, tc, errp);
    }
    *errp = xasprintf("attaching the program to tc ingress failed (%s)%s",
                      ovs_strerror(error),
                      error == EPERM ? "; it takes CAP_BPF and CAP_NET_ADMIN"
                      : "");
    return error;
}

/* Takes the program of 'tc' off its device, if there is one. */
void
xdp_tc_detach(struct xdp_tc *tc)
{
    if (tc->link_fd >= 0) {
        close(tc->link_fd);
    } else if (tc->ifindex && xdp_tc_is_attached(tc)) {
        remove_filter(tc->ifindex);
    }
    *tc = XDP_TC_NONE;
}

/* Returns true if the program of 'tc' is still on its device. */
bool
xdp_tc_is_attached(const struct xdp_tc *tc)
{
    return (tc->link_fd >= 0
            ? xdp_device_of_link(tc->link_fd) == tc->ifindex
            : tc->ifindex && query_filter(tc->ifindex) == tc->prog_id);
}
