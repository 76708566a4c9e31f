/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-companion.h. */

#include <config.h>

#include "xdp-companion.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "netlink.h"
#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "random.h"
#include "util.h"
#include "xdp-ethtool.h"

VLOG_DEFINE_THIS_MODULE(xdp_companion);

#define KIND "veth"
#define NAME_PREFIX "ovstc"

/* The MTU of companions where the kernel sets no lower limit. */
#define MAX_MTU 65535

/* The alias of a companion, with the name of its port and the token of its
 * process: its process id and a random number, which is also the group of all
 * its companions ("ip link set group"), with which they are deleted at
 * once. */
#define ALIAS_FORMAT "companion of %s, ovs-vswitchd %s"
#define ALIAS_SCAN "companion of %*s ovs-vswitchd %31[0-9a-f-]"
#define TOKEN_FORMAT "%ld-%08"PRIx32
#define TOKEN_SIZE 32

/* A device that may be a companion. */
struct link {
    char name[IFNAMSIZ];
    char token[TOKEN_SIZE];     /* Empty if it is none. */
    int ifindex;
    uint32_t group;
    uint32_t mtu;
    uint32_t max_mtu;           /* 0 if the kernel does not tell. */
    bool up;
};

/* The number in the token of this process, which is nonzero, once there is
 * one. */
static uint32_t own_group;

/* What distinguishes from that the group of companions that are deleted
 * together.  None of both is 0, the group of all other devices. */
#define LEFT_GROUP (UINT32_C(1) << 31)

/* All companions of this process, by 'all_node'. */
static struct ovs_mutex all_mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list all OVS_GUARDED_BY(all_mutex)
    = OVS_LIST_INITIALIZER(&all);

/* The process. */

/* Makes a socket whose abstract name has 'token'.  Returns a file descriptor,
 * or a negative errno value: -EADDRINUSE if there is one already. */
static int
bind_token(const char *token)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int len, error;

    if (fd < 0) {
        return -errno;
    }
    len = snprintf(sun.sun_path + 1, sizeof sun.sun_path - 1,
                   "openvswitch-xdp/%s", token);
    if (bind(fd, (struct sockaddr *) &sun,
             offsetof(struct sockaddr_un, sun_path) + 1 + len)) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* Returns the token of this process, which has a socket for it from then on
 * until it dies, or NULL if that cannot be made. */
static const char *
get_token(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static char token[TOKEN_SIZE];

    if (ovsthread_once_start(&once)) {
        int fd;

        own_group = random_uint32() | 1;
        snprintf(token, sizeof token, TOKEN_FORMAT, (long int) getpid(),
                 own_group);
        fd = bind_token(token);
        if (fd < 0) {
            VLOG_WARN("making a socket that says that this process lives "
                      "failed (%s)", ovs_strerror(-fd));
            token[0] = '\0';
        }
        ovsthread_once_done(&once);
    }
    return token[0] ? token : NULL;
}

/* Returns true if the process of 'token' lives, or that is unknown. */
static bool
is_alive(const char *token)
{
    int fd = bind_token(token);

    if (fd >= 0) {
        close(fd);
    }
    return fd < 0;
}

/* Messages. */

/* Starts the request 'request' of 'type', with 'flags', about the device
 * 'ifindex', or about one with a name if that is 0. */
static struct ifinfomsg *
start_request(struct ofpbuf *request, int type, int flags, int ifindex)
{
    struct ifinfomsg *ifi;

    ofpbuf_init(request, 256);
    nl_msg_put_nlmsghdr(request, sizeof *ifi, type, NLM_F_REQUEST | flags);
    ifi = ofpbuf_put_zeros(request, sizeof *ifi);
    ifi->ifi_family = AF_UNSPEC;
    ifi->ifi_index = ifindex;
    return ifi;
}

/* Sends 'request', which is freed.  Returns 0 or a positive errno value. */
static int
transact(struct ofpbuf *request)
{
    int error = nl_transact(NETLINK_ROUTE, request, NULL);

    ofpbuf_uninit(request);
    return error;
}

/* Parses 'msg' into '*link'.  Returns false if it is none of a companion of
 * anyone. */
static bool
parse_link(const struct ofpbuf *msg, struct link *link)
{
    static const struct nl_policy policy[] = {
        [IFLA_IFNAME] = { .type = NL_A_STRING },
        [IFLA_IFALIAS] = { .type = NL_A_STRING, .optional = true },
        [IFLA_GROUP] = { .type = NL_A_U32, .optional = true },
        [IFLA_MTU] = { .type = NL_A_U32, .optional = true },
        [IFLA_MAX_MTU] = { .type = NL_A_U32, .optional = true },
        [IFLA_LINKINFO] = { .type = NL_A_NESTED, .optional = true },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    const struct ifinfomsg *ifi;
    const struct nlattr *kind;

    ifi = ofpbuf_at(msg, NLMSG_HDRLEN, sizeof *ifi);
    if (!ifi || !nl_policy_parse(msg, NLMSG_HDRLEN + sizeof *ifi, policy,
                                 attrs, ARRAY_SIZE(policy))
        || !attrs[IFLA_IFALIAS] || !attrs[IFLA_LINKINFO]) {
        return false;
    }
    kind = nl_attr_find_nested(attrs[IFLA_LINKINFO], IFLA_INFO_KIND);
    link->ifindex = ifi->ifi_index;
    link->up = ifi->ifi_flags & IFF_UP;
    link->mtu = attrs[IFLA_MTU] ? nl_attr_get_u32(attrs[IFLA_MTU]) : 0;
    link->group = (attrs[IFLA_GROUP] ? nl_attr_get_u32(attrs[IFLA_GROUP]) : 0);
    link->max_mtu = (attrs[IFLA_MAX_MTU]
                     ? nl_attr_get_u32(attrs[IFLA_MAX_MTU]) : 0);
    ovs_strlcpy(link->name, nl_attr_get_string(attrs[IFLA_IFNAME]),
                sizeof link->name);
    return (kind && !strcmp(nl_attr_get_string(kind), KIND)
            && ovs_scan(nl_attr_get_string(attrs[IFLA_IFALIAS]), ALIAS_SCAN,
                        link->token));
}

/* Asks about the device 'ifindex'.  Returns 0, or a positive errno value:
 * ENODEV also if it is no companion of this process. */
static int
query_link(int ifindex, struct link *link)
{
    struct ofpbuf request, *reply;
    const char *token = get_token();
    int error;

    start_request(&request, RTM_GETLINK, 0, ifindex);
    error = nl_transact(NETLINK_ROUTE, &request, &reply);
    ofpbuf_uninit(&request);
    if (!error) {
        if (!token || !parse_link(reply, link)
            || strcmp(link->token, token)) {
            error = ENODEV;
        }
        ofpbuf_delete(reply);
    }
    return error;
}

/* Deletes the device 'ifindex', and the other end with it. */
static void
delete_link(int ifindex)
{
    struct ofpbuf request;
    int error;

    start_request(&request, RTM_DELLINK, 0, ifindex);
    error = transact(&request);
    if (error && error != ENODEV) {
        VLOG_WARN("deleting the companion with ifindex %d failed (%s)",
                  ifindex, ovs_strerror(error));
    }
}

/* Deletes the devices of 'c' that are still here, also if somebody has moved
 * one of them to another network namespace: with one goes the other. */
static void
delete_pair(const struct xdp_companion *c)
{
    const int ends[] = { c->port_ifindex, c->socket_ifindex };
    char name[IF_NAMESIZE];
    struct link link;

    /* Whether there is any device of that number does not take rtnl_lock. */
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (ends[i] && if_indextoname(ends[i], name)
            && !query_link(ends[i], &link)) {
            delete_link(ends[i]);
        }
    }
}

/* Deletes all devices of 'group', which are companions of one process, at
 * once, if the kernel can do that: one by one takes long. */
static void
delete_group(uint32_t group)
{
    struct ofpbuf request;
    int error;

    start_request(&request, RTM_DELLINK, 0, 0);
    nl_msg_put_u32(&request, IFLA_GROUP, group);
    error = transact(&request);
    if (error && error != ENODEV) {
        VLOG_DBG("deleting the group %"PRIu32" of companions failed (%s)",
                 group, ovs_strerror(error));
    }
}

/* Moves an end of 'c' that is still here to 'group'; when that is deleted, the
 * other one goes, too.  Returns true if there is any. */
static bool
move_pair(const struct xdp_companion *c, uint32_t group)
{
    const int ends[] = { c->port_ifindex, c->socket_ifindex };
    struct link link;

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (ends[i] && !query_link(ends[i], &link)) {
            struct ofpbuf request;

            start_request(&request, RTM_SETLINK, 0, ends[i]);
            nl_msg_put_u32(&request, IFLA_GROUP, group);
            if (!transact(&request)) {
                return true;
            }
        }
    }
    return false;
}

/* Returns true if 'link' is in the group that its token says. */
static bool
is_in_group(const struct link *link)
{
    const char *number = strchr(link->token, '-');

    return (link->group && number
            && strtoul(number + 1, NULL, 16) == link->group);
}

/* Deletes the companions in this network namespace whose process has died,
 * once in the life of this one. */
void
xdp_companion_remove_stale(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    struct ofpbuf request, reply, buf;
    size_t n = 0, allocated = 0;
    struct link *links = NULL;
    struct nl_dump dump;

    if (!ovsthread_once_start(&once)) {
        return;
    }
    start_request(&request, RTM_GETLINK, 0, 0);
    nl_dump_start(&dump, NETLINK_ROUTE, &request);
    ofpbuf_uninit(&request);
    ofpbuf_init(&buf, NL_DUMP_BUFSIZE);
    while (nl_dump_next(&dump, &reply, &buf)) {
        if (n >= allocated) {
            links = x2nrealloc(links, &allocated, sizeof *links);
        }
        n += parse_link(&reply, &links[n]);
    }
    ofpbuf_uninit(&buf);
    nl_dump_done(&dump);

    for (size_t i = 0; i < n; i++) {
        char name[IFNAMSIZ];

        /* With one goes its other end, or its whole group. */
        if (!strncmp(links[i].name, NAME_PREFIX, strlen(NAME_PREFIX))
            && if_indextoname(links[i].ifindex, name)
            && !is_alive(links[i].token)) {
            VLOG_INFO("deleting %s, the companion of a port of a process "
                      "that died", links[i].name);
            if (is_in_group(&links[i])) {
                delete_group(links[i].group);
            }
            if (if_indextoname(links[i].ifindex, name)) {
                delete_link(links[i].ifindex);
            }
        }
    }
    free(links);
    ovsthread_once_done(&once);
}

/* Called when the process ends: deletes its companions. */
static void
delete_all(void *aux OVS_UNUSED)
{
    const struct xdp_companion *c;

    ovs_mutex_lock(&all_mutex);
    if (!ovs_list_is_empty(&all)) {
        delete_group(own_group);
    }
    LIST_FOR_EACH (c, all_node, &all) {
        delete_pair(c);
    }
    ovs_mutex_unlock(&all_mutex);
}

/* Notes that there is 'c'. */
static void
remember(struct xdp_companion *c)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        fatal_signal_add_hook(delete_all, NULL, NULL, true);
        ovsthread_once_done(&once);
    }
    ovs_mutex_lock(&all_mutex);
    ovs_list_push_back(&all, &c->all_node);
    ovs_mutex_unlock(&all_mutex);
}

/* Making companions. */

/* Puts into 'request' the name 'name' and 'n_queues' queues of a new
 * device. */
static void
put_device(struct ofpbuf *request, const char *name, int n_queues)
{
    nl_msg_put_string(request, IFLA_IFNAME, name);
    nl_msg_put_u32(request, IFLA_GROUP, own_group);
    nl_msg_put_u32(request, IFLA_NUM_TX_QUEUES, n_queues);
    nl_msg_put_u32(request, IFLA_NUM_RX_QUEUES, n_queues);
}

/* Fills 'request' with that for a pair with 'n_queues' queues. */
static void
put_pair(struct ofpbuf *request, const struct xdp_companion *c, int n_queues)
{
    size_t info, data, peer;

    start_request(request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    put_device(request, c->port_end, n_queues);
    info = nl_msg_start_nested(request, IFLA_LINKINFO);
    nl_msg_put_string(request, IFLA_INFO_KIND, KIND);
    data = nl_msg_start_nested(request, IFLA_INFO_DATA);
    peer = nl_msg_start_nested(request, VETH_INFO_PEER);
    ofpbuf_put_zeros(request, sizeof(struct ifinfomsg));
    put_device(request, c->socket_end, n_queues);
    nl_msg_end_nested(request, peer);
    nl_msg_end_nested(request, data);
    nl_msg_end_nested(request, info);
}

/* Fills 'request' with that to give the device 'name' the alias 'alias'. */
static void
put_alias(struct ofpbuf *request, const char *name, const char *alias)
{
    start_request(request, RTM_SETLINK, 0, 0);
    nl_msg_put_string(request, IFLA_IFNAME, name);
    nl_msg_put_unspec(request, IFLA_IFALIAS, alias, strlen(alias));
}

/* Makes the pair of 'c', with names that nobody has.  All in one call of the
 * kernel, so that there is never one without alias, even if the process is
 * killed.  Returns 0 or a positive errno value. */
static int
make_pair(struct xdp_companion *c, const char *alias, int n_queues)
{
    struct nl_transaction steps[3], *array[3];
    struct ofpbuf requests[3];
    int error = 0;

    put_pair(&requests[0], c, n_queues);
    put_alias(&requests[1], c->port_end, alias);
    put_alias(&requests[2], c->socket_end, alias);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        steps[i] = (struct nl_transaction) { .request = &requests[i] };
        array[i] = &steps[i];
    }
    nl_transact_multiple(NETLINK_ROUTE, array, ARRAY_SIZE(array));
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        error = error ? error : steps[i].error;
        ofpbuf_uninit(&requests[i]);
    }
    return error;
}

/* Has IPv6 give no address to the device 'name', whose index is 'ifindex', and
 * send nothing there, if there is IPv6: a machine that forwards would report
 * its groups, without an address, to the port.  Returns 0 or a positive errno
 * value. */
static int
keep_ipv6_off(const char *name, int ifindex)
{
    char *file = xasprintf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
    FILE *stream = fopen(file, "w");
    struct ofpbuf request;
    size_t spec, inet6;
    int error;

    /* Not everybody who may make devices may write there. */
    if (!stream || fputs("1", stream) < 0 || fflush(stream)) {
        VLOG(errno == ENOENT ? VLL_DBG : VLL_INFO,
             "%s: %s; what the kernel sends there by IPv6 comes from the port",
             file, ovs_strerror(errno));
    }
    if (stream) {
        fclose(stream);
    }
    free(file);

    start_request(&request, RTM_SETLINK, 0, ifindex);
    spec = nl_msg_start_nested(&request, IFLA_AF_SPEC);
    inet6 = nl_msg_start_nested(&request, AF_INET6);
    nl_msg_put_u8(&request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    nl_msg_end_nested(&request, inet6);
    nl_msg_end_nested(&request, spec);
    error = transact(&request);
    return error == EAFNOSUPPORT ? 0 : error;
}

/* Implements xdp_ethtool_func: is 'name' a feature because of which packets
 * would not get into the device as they will be on the wire? */
static bool
leaves_packets_unfinished(const char *name, const void *aux OVS_UNUSED)
{
    return (!strncmp(name, "tx-", 3)
            && strcmp(name, "tx-generic-segmentation")
            && (strstr(name, "segmentation") || strstr(name, "checksum")
                || strstr(name, "vlan") || strstr(name, "gso")));
}

/* Implements xdp_ethtool_func: is 'name' GRO? */
static bool
is_gro(const char *name, const void *aux OVS_UNUSED)
{
    return !strcmp(name, "rx-gro");
}

/* Has the port's end of 'c' merge packets, or not.  Returns 0 or a positive
 * errno value. */
int
xdp_companion_set_gro(struct xdp_companion *c, bool on)
{
    c->gro = on;
    return (on ? xdp_ethtool_switch_on(c->port_ifindex, "rx-gro")
            : xdp_ethtool_switch_off(c->port_ifindex, is_gro, NULL));
}

/* Makes the device 'name' an end of a companion.  Stores its index in
 * '*ifindex'.  Returns 0 or a positive errno value. */
static int
prepare_end(const char *name, int *ifindex)
{
    int error;

    *ifindex = if_nametoindex(name);
    error = *ifindex ? keep_ipv6_off(name, *ifindex) : errno;
    return (error ? error
            : xdp_ethtool_switch_off(*ifindex, leaves_packets_unfinished,
                                     NULL));
}

/* Makes a companion with 'n_queues' queues for the port 'port', which is not
 * up yet.  Returns 0, or a positive errno value with a message in '*errp'. */
int
xdp_companion_create(const char *port, int n_queues,
                     struct xdp_companion **cp, char **errp)
{
    const char *token = get_token();
    struct xdp_companion *c;
    char *alias;
    int error;

    *cp = NULL;
    if (!token) {
        *errp = xstrdup("no companion, because the log says that a socket "
                        "could not be made");
        return ENOTSOCK;
    }

    c = xzalloc(sizeof *c);
    ovs_list_init(&c->all_node);
    c->tc = XDP_TC_NONE;
    c->link_fd = -1;
    do {
        uint32_t number = random_uint32();

        snprintf(c->port_end, sizeof c->port_end, NAME_PREFIX"%08"PRIx32"-p",
                 number);
        snprintf(c->socket_end, sizeof c->socket_end,
                 NAME_PREFIX"%08"PRIx32"-s", number);
    } while (if_nametoindex(c->port_end) || if_nametoindex(c->socket_end));

    alias = xasprintf(ALIAS_FORMAT, port, token);
    error = make_pair(c, alias, n_queues);
    free(alias);
    if (error) {
        *errp = xasprintf("making a companion, a veth pair, failed (%s)%s",
                          ovs_strerror(error),
                          error == EPERM ? "; it takes CAP_NET_ADMIN"
                          : error == EOPNOTSUPP
                          ? "; the kernel needs CONFIG_VETH" : "");
        c->port_ifindex = if_nametoindex(c->port_end);
        xdp_companion_destroy(c);
        return error;
    }
    error = prepare_end(c->port_end, &c->port_ifindex);
    remember(c);
    if (!error) {
        error = prepare_end(c->socket_end, &c->socket_ifindex);
    }
    if (error) {
        *errp = xasprintf("switching off IPv6 and the offloads of the "
                          "companion %s failed (%s)", c->port_end,
                          ovs_strerror(error));
        xdp_companion_destroy(c);
        return error;
    }

    /* Then packets can be redirected to the other end, and those that come in
     * there go on as large ones.  Without it they go through userspace. */
    error = xdp_companion_set_gro(c, true);
    if (error) {
        VLOG_INFO("switching on GRO of the companion %s failed (%s)",
                  c->port_end, ovs_strerror(error));
    }
    *cp = c;
    return 0;
}

/* Makes 'mtu' the MTU of the device 'ifindex'.  Returns 0 or a positive errno
 * value. */
static int
set_mtu(int ifindex, uint32_t mtu)
{
    struct ofpbuf request;

    start_request(&request, RTM_SETLINK, 0, ifindex);
    nl_msg_put_u32(&request, IFLA_MTU, mtu);
    return transact(&request);
}

/* Gives both ends of 'c' the largest MTU that they can have, whatever that of
 * the port is.  Returns 0 or a positive errno value. */
static int
set_largest_mtu(struct xdp_companion *c)
{
    const int ends[] = { c->port_ifindex, c->socket_ifindex };
    struct link link;
    int error;

    /* Without multi-buffer XDP on the other end, a page is the limit. */
    error = query_link(c->port_ifindex, &link);
    if (error) {
        return error;
    }
    c->mtu = link.max_mtu ? MIN(MAX_MTU, link.max_mtu) : MAX_MTU;
    for (size_t i = 0; !error && i < ARRAY_SIZE(ends); i++) {
        error = set_mtu(ends[i], c->mtu);
    }
    return error;
}

/* Takes the device 'ifindex' up.  Returns 0 or a positive errno value. */
static int
take_up(int ifindex)
{
    struct ofpbuf request;
    struct ifinfomsg *ifi;

    ifi = start_request(&request, RTM_SETLINK, 0, ifindex);
    ifi->ifi_flags = ifi->ifi_change = IFF_UP | IFF_NOARP;
    return transact(&request);
}

/* Makes the end 'ifindex' of 'c', which xdp_companion_start() has started,
 * what it was before somebody took it down, changed its MTU, switched
 * offloads on, with which packets would get through that are not as on the
 * wire, or GRO off, without which the kernel would drop what XDP sends there.
 * Returns true if something had to be changed.  Stores in '*error' 0 or a
 * positive errno value. */
bool
xdp_companion_restore(const struct xdp_companion *c, int ifindex, int *error)
{
    bool offloads, lacks_gro = false;
    struct link link;
    bool gro;

    *error = query_link(ifindex, &link);
    if (*error) {
        return false;
    }
    xdp_ethtool_find(ifindex, leaves_packets_unfinished, NULL, &offloads);
    if (ifindex == c->port_ifindex && c->gro
        && !xdp_ethtool_find(ifindex, is_gro, NULL, &gro)) {
        lacks_gro = !gro;
    }
    if (link.up && link.mtu == c->mtu && !offloads && !lacks_gro) {
        return false;
    }
    if (offloads) {
        *error = xdp_ethtool_switch_off(ifindex, leaves_packets_unfinished,
                                        NULL);
    }
    /* Whatever fails, the rest is of use. */
    if (lacks_gro) {
        int gro_error = xdp_ethtool_switch_on(ifindex, "rx-gro");

        *error = *error ? *error : gro_error;
    }
    if (link.mtu != c->mtu) {
        int mtu_error = set_mtu(ifindex, c->mtu);

        *error = *error ? *error : mtu_error;
    }
    if (!link.up) {
        int up_error = take_up(ifindex);

        *error = *error ? *error : up_error;
    }
    return true;
}

/* Attaches to 'c', which xdp_companion_create() made, the programs 'tc_fd', at
 * the port's end, and 'xdp_fd', at the other one, gives it its MTU, and takes
 * it up.  Returns 0, or a positive errno value with a message in '*errp'. */
int
xdp_companion_start(struct xdp_companion *c, int tc_fd, int xdp_fd,
                    char **errp)
{
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
    int error;

    error = xdp_tc_attach(c->port_ifindex, tc_fd, tc_fd, &c->tc, errp);
    if (error) {
        return error;
    }
    c->link_fd = bpf_link_create(xdp_fd, c->socket_ifindex, BPF_XDP, &opts);
    error = c->link_fd < 0 ? errno : 0;
    if (error) {
        *errp = xasprintf("attaching the XDP program to %s failed (%s)",
                          c->socket_end, ovs_strerror(error));
        return error;
    }
    error = set_largest_mtu(c);
    if (!error) {
        error = take_up(c->socket_ifindex);
    }
    if (!error) {
        error = take_up(c->port_ifindex);
    }
    if (error) {
        *errp = xasprintf("setting the companion %s up failed (%s)",
                          c->port_end, ovs_strerror(error));
    }
    return error;
}

/* Deletes the pair 'c', which may be NULL, with its programs. */
void
xdp_companion_destroy(struct xdp_companion *c)
{
    struct ovs_list one = OVS_LIST_INITIALIZER(&one);

    if (c) {
        ovs_list_push_back(&one, &c->list_node);
        xdp_companion_destroy_all(&one);
    }
}

/* Deletes the pairs in 'companions', by 'list_node', with their programs, and
 * makes 'companions' empty.  A hundred at a time take not much longer than
 * two, and a thirtieth of what they take one by one. */
void
xdp_companion_destroy_all(struct ovs_list *companions)
{
    uint32_t group = own_group ^ LEFT_GROUP;
    struct xdp_companion *c;
    bool any = false;

    if (!ovs_list_is_short(companions)) {
        LIST_FOR_EACH (c, list_node, companions) {
            any |= move_pair(c, group);
        }
    }
    if (any) {
        delete_group(group);
    }
    LIST_FOR_EACH_POP (c, list_node, companions) {
        delete_pair(c);
        /* With the device its filter has gone, too, and a program is taken off
         * faster. */
        if (c->tc.link_fd >= 0) {
            xdp_tc_detach(&c->tc);
        }
        if (c->link_fd >= 0) {
            close(c->link_fd);
        }
        ovs_mutex_lock(&all_mutex);
        ovs_list_remove(&c->all_node);
        ovs_mutex_unlock(&all_mutex);
        free(c);
    }
}
