/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a pair of netkit devices of mode l2: "ip link" of the distributions
 * that we build on knows no options of netkit, and without any its devices
 * have no Ethernet addresses.
 *
 *     netkit-pair PRIMARY PEER
 *
 * Ends with 0 if the pair is there, 77 if the kernel has no netkit, and 1
 * after any other error.  The formats are those of linux/rtnetlink.h and
 * linux/if_link.h; netkit came with Linux 6.7.
 */

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* From newer versions of linux/if_link.h. */
#define NETKIT_PEER_INFO 1
#define NETKIT_MODE 5
#define NETKIT_MODE_L2 0

static struct {
    struct nlmsghdr header;
    struct ifinfomsg link;
    char attributes[512];
} request;

/* Appends an attribute to the request, and returns it.  There is room. */
static struct rtattr *
put(unsigned short type, const void *data, size_t len)
{
    struct rtattr *a = (void *) ((char *) &request
                                 + NLMSG_ALIGN(request.header.nlmsg_len));

    a->rta_type = type;
    a->rta_len = RTA_LENGTH(len);
    if (len) {
        memcpy(RTA_DATA(a), data, len);
    }
    request.header.nlmsg_len = (NLMSG_ALIGN(request.header.nlmsg_len)
                                + RTA_SPACE(len));
    return a;
}

/* Ends the nested attribute 'a', which has all that came after it. */
static void
end(struct rtattr *a)
{
    a->rta_len = (char *) &request + request.header.nlmsg_len - (char *) a;
}

/* Sends the request.  Returns 0 or a positive errno value. */
static int
transact(void)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } reply;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int error = 0;

    if (fd < 0
        || send(fd, &request, request.header.nlmsg_len, 0) < 0
        || recv(fd, &reply, sizeof reply, 0) < 0) {
        error = errno;
    } else if (reply.header.nlmsg_type != NLMSG_ERROR) {
        error = EPROTO;
    } else {
        error = -reply.error.error;
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

int
main(int argc, char *argv[])
{
    static const struct ifinfomsg peer;
    const unsigned int mode = NETKIT_MODE_L2;
    struct rtattr *info, *data, *other;
    int error;

    if (argc != 3 || strlen(argv[1]) >= IFNAMSIZ
        || strlen(argv[2]) >= IFNAMSIZ) {
        fprintf(stderr, "usage: %s PRIMARY PEER\n", argv[0]);
        return 1;
    }

    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.link);
    request.header.nlmsg_type = RTM_NEWLINK;
    request.header.nlmsg_flags = (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE
                                  | NLM_F_EXCL);
    put(IFLA_IFNAME, argv[1], strlen(argv[1]) + 1);
    info = put(IFLA_LINKINFO, NULL, 0);
    put(IFLA_INFO_KIND, "netkit", strlen("netkit") + 1);
    data = put(IFLA_INFO_DATA, NULL, 0);
    put(NETKIT_MODE, &mode, sizeof mode);
    other = put(NETKIT_PEER_INFO, &peer, sizeof peer);
    put(IFLA_IFNAME, argv[2], strlen(argv[2]) + 1);
    end(other);
    end(data);
    end(info);

    error = transact();
    if (error == EOPNOTSUPP) {
        fprintf(stderr, "the kernel has no netkit\n");
        return 77;
    } else if (error) {
        fprintf(stderr, "making the pair %s, %s failed: %s\n", argv[1],
                argv[2], strerror(error));
        return 1;
    }
    return 0;
}
