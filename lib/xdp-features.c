/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices can take redirected packets.  See xdp-features.h.
 */

#include <config.h>

#include "xdp-features.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>

#include "netlink.h"
#include "netlink-socket.h"
#include "netnsid.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(xdp_features);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* From linux/netdev.h, which the headers of older systems do not have. */
#define NETDEV_FAMILY           "netdev"
#define NETDEV_MCGRP_MGMT       "mgmt"
#define NETDEV_VERSION          1
#define NETDEV_CMD_GET          1   /* NETDEV_CMD_DEV_GET */
#define NETDEV_ATTR_IFINDEX     1   /* NETDEV_A_DEV_IFINDEX, u32 */
#define NETDEV_ATTR_FEATURES    3   /* NETDEV_A_DEV_XDP_FEATURES, u64 */
#define NETDEV_FEATURE_NDO_XMIT (1 << 2)    /* NETDEV_XDP_ACT_NDO_XMIT */

static const struct nl_policy netdev_policy[] = {
    [NETDEV_ATTR_IFINDEX] = { .type = NL_A_U32 },
    [NETDEV_ATTR_FEATURES] = { .type = NL_A_U64, .optional = true },
};

struct xdp_features_monitor {
    struct nl_sock *genl;       /* NULL without family "netdev". */
    struct nl_sock *route;
};

/* Returns the number of the family "netdev", or 0 if the kernel has none. */
static int
get_family(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static int family;

    if (ovsthread_once_start(&once)) {
        if (nl_lookup_genl_family(NETDEV_FAMILY, &family)) {
            family = 0;
            VLOG_INFO("this kernel (before Linux 6.3) does not say which "
                      "devices take redirected packets: every AF_XDP port is "
                      "trusted to do so.  A veth does only while its peer "
                      "has GRO (ethtool -K PEER gro on) or an XDP program.");
        }
        ovsthread_once_done(&once);
    }
    return family;
}

/* Parses a message of family "netdev".  Returns false if it is malformed. */
static bool
parse_message(const struct ofpbuf *msg, int *ifindex, uint64_t *features)
{
    struct nlattr *attrs[ARRAY_SIZE(netdev_policy)];

    if (!nl_policy_parse(msg, NLMSG_HDRLEN + GENL_HDRLEN, netdev_policy,
                         attrs, ARRAY_SIZE(netdev_policy))) {
        return false;
    }
    *ifindex = nl_attr_get_u32(attrs[NETDEV_ATTR_IFINDEX]);
    *features = (attrs[NETDEV_ATTR_FEATURES]
                 ? nl_attr_get_u64(attrs[NETDEV_ATTR_FEATURES]) : 0);
    return true;
}

/* Asks whether packets can be redirected to the device 'ifindex'.  Returns 0,
 * EOPNOTSUPP if the kernel cannot tell (then '*can_be_target' is true), or
 * another positive errno value. */
int
xdp_features_query(int ifindex, bool *can_be_target)
{
    struct ofpbuf request, *reply;
    int family = get_family();
    uint64_t features = 0;
    int error;

    *can_be_target = false;
    if (!family) {
        *can_be_target = true;
        return EOPNOTSUPP;
    }

    ofpbuf_init(&request, 0);
    nl_msg_put_genlmsghdr(&request, 0, family, NLM_F_REQUEST, NETDEV_CMD_GET,
                          NETDEV_VERSION);
    nl_msg_put_u32(&request, NETDEV_ATTR_IFINDEX, ifindex);
    error = nl_transact(NETLINK_GENERIC, &request, &reply);
    ofpbuf_uninit(&request);
    if (error) {
        return error;
    }
    if (!parse_message(reply, &ifindex, &features)) {
        error = EPROTO;
    }
    ofpbuf_delete(reply);
    *can_be_target = (features & NETDEV_FEATURE_NDO_XMIT) != 0;
    return error;
}

/* Returns a socket that receives multicast group 'group' of 'protocol', or
 * NULL if that fails. */
static struct nl_sock *
subscribe(int protocol, unsigned int group)
{
    struct nl_sock *sock;
    int error;

    error = nl_sock_create(protocol, &sock);
    if (!error) {
        error = nl_sock_join_mcgroup(sock, group);
        if (!error) {
            return sock;
        }
        nl_sock_destroy(sock);
    }
    VLOG_WARN("no notifications about devices (%s): the offload will not "
              "notice when a port becomes able or unable to take redirected "
              "packets", ovs_strerror(error));
    return NULL;
}

/* Starts to watch all devices. */
struct xdp_features_monitor *
xdp_features_monitor_create(void)
{
    struct xdp_features_monitor *monitor = xzalloc(sizeof *monitor);
    unsigned int group;

    if (get_family()
        && !nl_lookup_genl_mcgroup(NETDEV_FAMILY, NETDEV_MCGRP_MGMT,
                                   &group)) {
        monitor->genl = subscribe(NETLINK_GENERIC, group);
    }
    monitor->route = subscribe(NETLINK_ROUTE, RTNLGRP_LINK);
    if (monitor->route && nl_sock_listen_all_nsid(monitor->route, true)) {
        VLOG_INFO("no notifications about devices in other network "
                  "namespaces");
    }
    return monitor;
}

/* Passes the events that 'sock', which may be NULL, has received to 'cb', but
 * not more than XDP_FEATURES_MAX_EVENTS. */
static void
drain(struct nl_sock *sock, bool route, xdp_features_func *cb, void *aux)
{
    uint64_t stub[4096 / 8];
    struct ofpbuf msg;
    int error = 0;
    int nsid;

    if (!sock) {
        return;
    }

    ofpbuf_use_stub(&msg, stub, sizeof stub);
    for (int i = 0; i < XDP_FEATURES_MAX_EVENTS && !error; i++) {
        error = nl_sock_recv(sock, &msg, &nsid, false);
        if (error == ENOBUFS) {
            cb(XDP_FEATURES_LOST, 0, aux);
            error = 0;
        } else if (!error && route) {
            const struct nlmsghdr *nlh = msg.data;
            const struct ifinfomsg *ifi;

            ifi = ofpbuf_at(&msg, NLMSG_HDRLEN, sizeof *ifi);
            if (ifi && ifi->ifi_family == AF_UNSPEC) {
                cb(!netnsid_is_local(nsid)
                   ? XDP_FEATURES_AWAY
                   : nlh->nlmsg_type == RTM_DELLINK
                   ? XDP_FEATURES_GONE : XDP_FEATURES_LINK,
                   ifi->ifi_index, aux);
            }
        } else if (!error) {
            uint64_t features;
            int ifindex;

            if (parse_message(&msg, &ifindex, &features)) {
                cb(XDP_FEATURES_CHANGED, ifindex, aux);
            }
        }
    }
    if (error && error != EAGAIN) {
        VLOG_WARN_RL(&rl, "receiving notifications about devices failed "
                     "(%s)", ovs_strerror(error));
        cb(XDP_FEATURES_LOST, 0, aux);
    }
    ofpbuf_uninit(&msg);
}

/* Passes the events since the last call to 'cb'.  If there are many, the rest
 * wait for the next call, and xdp_features_monitor_wait() does not. */
void
xdp_features_monitor_run(struct xdp_features_monitor *monitor,
                         xdp_features_func *cb, void *aux)
{
    drain(monitor->route, true, cb, aux);
    drain(monitor->genl, false, cb, aux);
}

/* Arranges for the next poll_block() to wake up when there are events. */
void
xdp_features_monitor_wait(struct xdp_features_monitor *monitor)
{
    if (monitor->route) {
        nl_sock_wait(monitor->route, POLLIN);
    }
    if (monitor->genl) {
        nl_sock_wait(monitor->genl, POLLIN);
    }
}
