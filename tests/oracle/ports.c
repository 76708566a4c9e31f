/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices that packets come from, and part "ports": a device becomes a
 * port and ceases to be one.
 */

#include <config.h>

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "flow.h"
#include "flows.h"
#include "netlink-socket.h"
#include "netlink.h"
#include "openvswitch/ofpbuf.h"
#include "oracle.h"
#include "packets.h"
#include "frames.h"
#include "rng.h"
#include "run.h"
#include "util.h"

struct device devices[MAX_DEVICES];
size_t n_devices;

/* Devices that packets can go to, and their MTUs, by port. */
static uint32_t targets[N_PORTS];
static uint32_t target_mtus[N_PORTS];

/* More than any packet has that is not made to be too large. */
#define LARGE_MTU 9000

/* Makes a network namespace of our own with some devices, so that packets can
 * come from several ones that nobody else touches.  Where that does not work,
 * there is still lo. */
void
make_devices(void)
{
    struct if_nameindex *names;
    bool is_own = !unshare(CLONE_NEWNET);
    size_t n_targets = 0;

    if (!is_own) {
        printf("note: no network namespace (%s), using lo only\n",
               ovs_strerror(errno));
    } else {
        for (int i = 0; i < N_PORTS / 2; i++) {
            struct ofpbuf request;
            struct ifinfomsg *msg;
            size_t ofs;
            int error;

            ofpbuf_init(&request, 0);
            nl_msg_put_nlmsghdr(&request, 0, RTM_NEWLINK,
                                NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE
                                | NLM_F_EXCL);
            msg = ofpbuf_put_zeros(&request, sizeof *msg);
            msg->ifi_family = AF_UNSPEC;
            ofs = nl_msg_start_nested(&request, IFLA_LINKINFO);
            nl_msg_put_string(&request, IFLA_INFO_KIND, "veth");
            nl_msg_end_nested(&request, ofs);
            error = nl_transact(NETLINK_ROUTE, &request, NULL);
            ofpbuf_uninit(&request);
            if (error) {
                printf("note: no veth devices (%s)\n", ovs_strerror(error));
                break;
            }
        }
    }

    devices[n_devices++].ifindex = if_nametoindex("lo");
    names = if_nameindex();
    for (struct if_nameindex *n = names; n && n->if_index; n++) {
        if (is_own && !strncmp(n->if_name, "veth", 4)) {
            if (n_devices < MAX_DEVICES) {
                devices[n_devices++].ifindex = n->if_index;
            }
            if (n_targets < N_PORTS) {
                targets[n_targets++] = n->if_index;
            }
        }
    }
    while (n_targets < N_PORTS) {
        targets[n_targets++] = devices[0].ifindex;
    }
    if_freenameindex(names);
    set_small_mtus(false);
    if (!devices[0].ifindex) {
        ovs_fatal(0, "there is no device lo");
    }
}

/* Returns the device that 'port' sends to. */
uint32_t
target_ifindex(uint32_t port)
{
    return targets[port];
}

/* Gives the devices that packets can go to MTUs that are small, or larger than
 * any packet of most parts.  lo keeps its own. */
void
set_small_mtus(bool small)
{
    static const uint32_t mtus[] = { 1400, 1500, LARGE_MTU };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0) {
        ovs_fatal(errno, "opening a socket failed");
    }
    for (uint32_t i = 0; i < N_PORTS; i++) {
        struct ifreq ifr;

        memset(&ifr, 0, sizeof ifr);
        if (!if_indextoname(targets[i], ifr.ifr_name)) {
            ovs_fatal(errno, "a device is gone");
        }
        ifr.ifr_mtu = small ? mtus[i % ARRAY_SIZE(mtus)] : LARGE_MTU;
        if ((targets[i] != devices[0].ifindex && ioctl(fd, SIOCSIFMTU, &ifr))
            || ioctl(fd, SIOCGIFMTU, &ifr)) {
            ovs_fatal(errno, "%s: setting the MTU failed", ifr.ifr_name);
        }
        target_mtus[i] = ifr.ifr_mtu;
    }
    close(fd);

    /* What the program knows lasts for a tick of the clock, of which there are
     * at least 100 in a second. */
    xnanosleep(2 * 10 * 1000 * 1000);
}

/* Returns the length of the longest packet that 'port' sends. */
uint32_t
target_max_len(uint32_t port)
{
    return target_mtus[port] + ETH_HEADER_LEN + VLAN_HEADER_LEN;
}

/* Returns true if all ports send to different devices. */
bool
has_targets(void)
{
    return targets[N_PORTS - 2] != targets[N_PORTS - 1];
}

/* Makes all devices, and flow_extract(), look at 'vlan_limit' tags. */
void
set_vlan_limit(int vlan_limit)
{
    /* Not by flow_limit_vlans(), for which 0 means "no limit". */
    flow_vlan_limit = vlan_limit;
    for (size_t i = 0; i < n_devices; i++) {
        if (devices[i].vlan_limit != vlan_limit) {
            devices[i].vlan_limit = vlan_limit;
            xdp_flow_table_set_vlan_limit(object->table, devices[i].port,
                                          vlan_limit);
        }
    }
}

/* Part "ports": makes the devices ports, for the parts that follow, and opens
 * the ways out of all ports. */
void
test_ports(void)
{
    bool wanted = part_wanted("ports");
    struct tested_flow t;
    struct frame f;

    rng_start(14, 0);
    make_packet(&f, KIND_UDP, 0);
    memset(&t, 0, sizeof t);
    match_init_catchall(&t.match);

    for (size_t i = 0; i < n_devices; i++) {
        struct device *d = &devices[i];
        uint64_t counters[XDP_COUNTER_MAX];
        uint64_t expected[XDP_COUNTER_MAX] = {
            [XDP_COUNTER_PACKETS] = 1,
            [XDP_COUNTER_UNKNOWN_PORT] = 1,
        };
        struct xdp_port_stats stats;
        const char *culprit;
        uint64_t by;
        int error;

        /* A number for the device that no other one has. */
        for (int j = rnd(XDP_PORT_PROBES); ; j++) {
            bool in_use = false;

            d->port = (d->ifindex + j % XDP_PORT_PROBES) % N_PORTS;
            for (size_t k = 0; k < i; k++) {
                in_use |= devices[k].port == d->port;
            }
            if (!in_use) {
                break;
            }
        }

        for (int pass = 0; pass < 2; pass++) {
            xdp_flow_table_get_counters(object->table, counters);
            if (wanted
                && (run_program(d->ifindex, f.data, f.size, NULL, NULL)
                    != XDP_PASS
                    || !check_counters(counters, expected, &culprit, &by))) {
                failure("device %"PRIu32" is no port, but not passed on",
                        d->ifindex);
            }

            error = xdp_flow_table_add_port(object->table, d->port,
                                            d->ifindex, 2);
            if (error) {
                ovs_fatal(error, "adding a port failed");
            }
            d->vlan_limit = 2;
            if (!wanted) {
                break;
            }
            t.device = d;
            check_packet("ports", 0, "packet of a new port", &t, &f, false,
                         false);
            xdp_flow_table_get_port_stats(object->table, d->port, &stats);
            if (stats.no_socket != 1 || stats.upcalls) {
                failure("port %"PRIu32": %llu packets without socket and %llu "
                        "upcalls instead of 1 and 0", d->port,
                        stats.no_socket, stats.upcalls);
            }
            if (!pass) {
                xdp_flow_table_remove_port(object->table, d->port);
            }
        }
    }
    for (uint32_t i = 0; i < N_PORTS; i++) {
        set_target(i, true);
    }
    if (wanted) {
        end_part("ports", "%"PRIuSIZE" devices", n_devices);
    }
}
