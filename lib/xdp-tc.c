/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-tc.h. */

#include <config.h>

#include "xdp-tc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "netlink.h"
#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-device.h"

VLOG_DEFINE_THIS_MODULE(xdp_tc);

/* BPF_TCX_INGRESS, which the headers of older systems do not have. */
#define TCX_INGRESS ((enum bpf_attach_type) 46)

/* By what a filter of ours is known: its handle also tells whether the qdisc
 * is ours, so that a process knows that of one that died.  OVS's own filter,
 * for policing, has priority 1. */
#define FILTER_HANDLE    0x584450
#define FILTER_OWN_QDISC 0x000001
#define FILTER_PRIORITY  2

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

/* Returns the handle of a filter, on a qdisc of ours or on another one. */
static uint32_t
filter_handle(bool own_qdisc)
{
    return FILTER_HANDLE | (own_qdisc ? FILTER_OWN_QDISC : 0);
}

/* Returns the id of the program of the filter of ours on the device 'ifindex',
 * on a qdisc of ours or on another one, or 0. */
static uint32_t
query_filter(int ifindex, bool own_qdisc)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
                .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .handle = filter_handle(own_qdisc),
                .priority = FILTER_PRIORITY);

    return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

/* Takes the filter of ours off the device 'ifindex', on a qdisc of ours or on
 * another one. */
static void
remove_filter(int ifindex, bool own_qdisc)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
                .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .handle = filter_handle(own_qdisc),
                .priority = FILTER_PRIORITY);
    int error = bpf_tc_detach(&hook, &opts);

    if (error && error != -ENODEV) {
        VLOG_WARN("taking the filter off device %d failed (%s)", ifindex,
                  ovs_strerror(-error));
    }
}

/* Returns true if there may be filters at 'parent' of the device 'ifindex'. */
static bool
may_have_filters(int ifindex, uint32_t parent)
{
    struct ofpbuf request, reply, buf;
    struct tcmsg *tcm;
    struct nl_dump dump;
    bool any;
    int error;

    ofpbuf_init(&request, 64);
    nl_msg_put_nlmsghdr(&request, sizeof *tcm, RTM_GETTFILTER,
                        NLM_F_REQUEST);
    tcm = ofpbuf_put_zeros(&request, sizeof *tcm);
    tcm->tcm_family = AF_UNSPEC;
    tcm->tcm_ifindex = ifindex;
    tcm->tcm_parent = parent;
    nl_dump_start(&dump, NETLINK_ROUTE, &request);
    ofpbuf_uninit(&request);
    ofpbuf_init(&buf, NL_DUMP_BUFSIZE);
    any = nl_dump_next(&dump, &reply, &buf);
    error = nl_dump_done(&dump);
    ofpbuf_uninit(&buf);
    return any || error;
}

/* Takes the qdisc, which we have made, off the device 'ifindex', unless others
 * have filters there by now. */
static void
remove_qdisc(int ifindex)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
                .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
    int error;

    if (may_have_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS))
        || may_have_filters(ifindex,
                            TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS))) {
        return;
    }
    error = bpf_tc_hook_destroy(&hook);
    if (error && error != -ENODEV) {
        VLOG_WARN("taking the qdisc clsact off device %d failed (%s)",
                  ifindex, ovs_strerror(-error));
    }
}

/* Finds out what is on the qdisc that the device 'ifindex' has already: stores
 * in '*own_qdisc' whether the qdisc is one of ours that a process has left
 * that died.  Returns 0, or a positive errno value with a message in '*errp'
 * if a filter of others is where ours would be. */
static int
inherit_filter(int ifindex, bool *own_qdisc, char **errp)
{
    uint32_t id = query_filter(ifindex, true);
    char name[BPF_OBJ_NAME_LEN];

    *own_qdisc = id != 0;
    if (!id) {
        id = query_filter(ifindex, false);
    }
    get_program_name(id, name);
    if (id && strncmp(name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX))) {
        *errp = xasprintf("another filter (priority %d, handle 0x%x, program "
                          "%s) is at tc ingress of the device; remove it (tc "
                          "filter del dev DEVICE ingress prio %d)",
                          FILTER_PRIORITY, filter_handle(*own_qdisc), name,
                          FILTER_PRIORITY);
        return EBUSY;
    }
    return 0;
}

/* Attaches the program 'fd' to the device 'ifindex' as a filter, instead of
 * what a process has left that died.  Returns 0, or a positive errno value
 * with a message in '*errp'. */
static int
attach_filter(int ifindex, int fd, struct xdp_tc *tc, char **errp)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
                .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .priority = FILTER_PRIORITY, .prog_fd = fd,
                .flags = BPF_TC_F_REPLACE);
    int error = bpf_tc_hook_create(&hook);
    bool own_qdisc = !error;

    if (error == -EEXIST) {
        error = inherit_filter(ifindex, &own_qdisc, errp);
        if (error) {
            return error;
        }
    } else if (error) {
        *errp = xasprintf("this kernel has neither BPF links for tc (Linux "
                          "6.6) nor the qdisc clsact (%s)",
                          ovs_strerror(-error));
        return -error;
    }
    opts.handle = filter_handle(own_qdisc);
    error = bpf_tc_attach(&hook, &opts);
    if (error) {
        *errp = xasprintf("attaching the program to tc ingress failed (%s); "
                          "the kernel needs CONFIG_NET_CLS_BPF",
                          ovs_strerror(-error));
        if (own_qdisc) {
            remove_qdisc(ifindex);
        }
        return -error;
    }
    *tc = (struct xdp_tc) { .ifindex = ifindex, .link_fd = -1,
                            .prog_id = opts.prog_id,
                            .own_qdisc = own_qdisc };
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
        remove_filter(tc->ifindex, tc->own_qdisc);
        if (tc->own_qdisc) {
            remove_qdisc(tc->ifindex);
        }
    }
    *tc = XDP_TC_NONE;
}

/* Returns true if the program of 'tc' is still on its device. */
bool
xdp_tc_is_attached(const struct xdp_tc *tc)
{
    return (tc->link_fd >= 0
            ? xdp_device_of_link(tc->link_fd) == tc->ifindex
            : (tc->ifindex
               && query_filter(tc->ifindex, tc->own_qdisc) == tc->prog_id));
}
