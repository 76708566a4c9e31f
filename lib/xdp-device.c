/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-device.h. */

#include <config.h>

#include "xdp-device.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"
#include "netlink-socket.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "rtnetlink.h"
#include "util.h"

/* A device, as "ip link" shows it. */
struct device {
    char name[IFNAMSIZ];
    char kind[IFNAMSIZ];        /* For instance "bond"; or empty. */
    int master;                 /* Index of its master, or 0. */
};

/* Starts the request 'request' for the device 'ifindex', or for all if that is
 * 0. */
static void
start_request(struct ofpbuf *request, int ifindex)
{
    struct ifinfomsg *ifi;

    ofpbuf_init(request, 0);
    nl_msg_put_nlmsghdr(request, sizeof *ifi + NL_A_U32_SIZE, RTM_GETLINK,
                        NLM_F_REQUEST);
    ifi = ofpbuf_put_zeros(request, sizeof *ifi);
    ifi->ifi_family = AF_UNSPEC;
    ifi->ifi_index = ifindex;
}

/* Fills '*device' for the device 'ifindex'.  Returns false if there is none,
 * or the kernel does not tell. */
static bool
query(int ifindex, struct device *device)
{
    struct rtnetlink_change link;
    struct ofpbuf request, *reply;
    bool ok;

    start_request(&request, ifindex);
    ok = !nl_transact(NETLINK_ROUTE, &request, &reply);
    ofpbuf_uninit(&request);
    if (!ok) {
        return false;
    }

    ok = rtnetlink_parse(reply, &link);
    if (ok) {
        ovs_strlcpy(device->name, link.ifname, sizeof device->name);
        ovs_strlcpy(device->kind, link.primary ? link.primary : "",
                    sizeof device->kind);
        device->master = link.master_ifindex;
    }
    ofpbuf_delete(reply);
    return ok;
}

/* Returns true if any device has 'ifindex' as its master. */
static bool
has_members(int ifindex)
{
    uint64_t stub[4096 / 8];
    struct ofpbuf request, reply, buf;
    struct nl_dump dump;
    bool found = false;

    /* Kernels that do not know the filter show all devices. */
    start_request(&request, 0);
    nl_msg_put_u32(&request, IFLA_MASTER, ifindex);
    nl_dump_start(&dump, NETLINK_ROUTE, &request);
    ofpbuf_uninit(&request);

    ofpbuf_use_stub(&buf, stub, sizeof stub);
    while (nl_dump_next(&dump, &reply, &buf)) {
        struct rtnetlink_change link;

        found |= (rtnetlink_parse(&reply, &link)
                  && link.master_ifindex == ifindex);
    }
    ofpbuf_uninit(&buf);
    nl_dump_done(&dump);
    return found;
}

/* Returns true if the driver of device 'ifindex' would run an XDP program on
 * the devices that this one is made of, of which the program does not know
 * that they are part of it.  A bond does that, and the virtual device of a
 * Hyper-V guest that has a real one behind it. */
bool
xdp_device_runs_on_members(int ifindex)
{
    struct device device;

    return ((query(ifindex, &device) && !strcmp(device.kind, "bond"))
            || has_members(ifindex));
}

/* Returns the number of receive queues of the device 'ifindex' with name
 * 'name', or 0 if the kernel does not tell. */
static int
count_rx_queues(const char *name, int ifindex)
{
    char path[64 + IFNAMSIZ];
    const struct dirent *entry;
    int index = 0, n = 0;
    FILE *file;
    DIR *dir;

    /* /sys may be that of another network namespace. */
    snprintf(path, sizeof path, "/sys/class/net/%s/ifindex", name);
    file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%d", &index) != 1) {
            index = 0;
        }
        fclose(file);
    }
    if (index != ifindex) {
        return 0;
    }

    snprintf(path, sizeof path, "/sys/class/net/%s/queues", name);
    dir = opendir(path);
    if (dir) {
        while ((entry = readdir(dir)) != NULL) {
            n += !strncmp(entry->d_name, "rx-", 3);
        }
        closedir(dir);
    }
    return n;
}

/* Returns which packets a port on device 'ifindex' with name 'name' and
 * 'n_rxq' AF_XDP sockets keeps from whom, in words for the user, which the
 * caller frees, or NULL if all is well. */
char *
xdp_device_problem(const char *name, int ifindex, int n_rxq)
{
    int n = count_rx_queues(name, ifindex);
    struct device device, master;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (n > n_rxq) {
        ds_put_format(&s, "the device has %d receive queues, but the port has "
                      "AF_XDP sockets for the first %d only (options:n_rxq), "
                      "so packets that arrive at the others go to the host "
                      "instead of the bridge; make the numbers equal "
                      "(options:n_rxq=%d, or ethtool -L)", n, n_rxq, n);
    }
    if (query(ifindex, &device) && device.master
        && query(device.master, &master)) {
        ds_put_format(&s, "%sthe device is a member of %s%s%s%s, which gets "
                      "none of its packets, and sends through it past the "
                      "bridge; take it out there (ip link set dev %s nomaster)"
                      ", or remove the port", s.length ? "; " : "",
                      master.name, master.kind[0] ? " (" : "", master.kind,
                      master.kind[0] ? ")" : "", name);
    }
    return s.length ? ds_steal_cstr(&s) : NULL;
}

/* Returns the index of the device whose program, at XDP or at tc, the BPF link
 * 'link_fd' holds, or 0 if that device has been deleted. */
int
xdp_device_of_link(int link_fd)
{
    struct bpf_link_info info;
    uint32_t size = sizeof info;

    /* Links at tc, which older headers do not know, have it in the same
     * place. */
    memset(&info, 0, sizeof info);
    return (bpf_obj_get_info_by_fd(link_fd, &info, &size)
            ? 0 : info.xdp.ifindex);
}
