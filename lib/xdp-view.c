/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-view.h. */

#include <config.h>

#include "xdp-view.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>

#include "netlink.h"
#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"
#include "xdp-ethtool.h"

/* What a device inserts or takes out "in hardware", as ethtool names it. */
static const char *const tx_features[] = {
    "tx-vlan-hw-insert", "tx-vlan-stag-hw-insert"
};
static const char *const rx_features[] = {
    "rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"
};

/* Implements xdp_ethtool_func: is 'name' one of the two at 'names'? */
static bool
is_one_of(const char *name, const void *names_)
{
    const char *const *names = names_;

    return !strcmp(name, names[0]) || !strcmp(name, names[1]);
}

/* Returns where the tags are of what the device 'ifindex' of 'kind' receives:
 * 'kind' is NULL for hardware.  'peer' is as in "struct xdp_view". */
static enum xdp_view_tags
get_tags(int ifindex, const char *kind, int peer)
{
    bool offload;

    if (!kind) {
        return (xdp_ethtool_find(ifindex, is_one_of, rx_features, &offload)
                ? XDP_TAGS_UNKNOWN
                : offload ? XDP_TAGS_RX_OFFLOAD : XDP_TAGS_IN_PACKET);
    } else if (!strcmp(kind, "veth")) {
        return (!peer || xdp_ethtool_find(peer, is_one_of, tx_features,
                                          &offload)
                ? XDP_TAGS_UNKNOWN_PEER
                : offload ? XDP_TAGS_PEER_OFFLOAD : XDP_TAGS_IN_PACKET);
    } else if (!strcmp(kind, "tun")) {
        /* What a process writes has no metadata for tags. */
        return XDP_TAGS_IN_PACKET;
    }
    return XDP_TAGS_UNKNOWN;
}

/* Implements xdp_ethtool_func: is 'name' something that the device leaves to
 * "hardware", so that packets get into it unfinished? */
static bool
leaves_unfinished(const char *name, const void *aux OVS_UNUSED)
{
    return (!strncmp(name, "tx-", 3)
            && (strstr(name, "checksum") || strstr(name, "vlan")));
}

/* Returns true if 'xdp', IFLA_XDP of a device, says that it has a program that
 * is not run in generic mode. */
static bool
has_program(const struct nlattr *xdp)
{
    const struct nlattr *a = (xdp
                              ? nl_attr_find_nested(xdp, IFLA_XDP_ATTACHED)
                              : NULL);
    uint8_t attached = a ? nl_attr_get_u8(a) : XDP_ATTACHED_NONE;

    return attached != XDP_ATTACHED_NONE && attached != XDP_ATTACHED_SKB;
}

/* Fills in what '*device', of index 'ifindex', says of the other end 'link' of
 * a pair, which is in another network namespace if 'netnsid' says so. */
static void
query_peer(int ifindex, bool is_pair, const struct nlattr *link,
           const struct nlattr *netnsid, struct xdp_view *device)
{
    static const struct nl_policy policy[] = {
        [IFLA_ADDRESS] = { .type = NL_A_UNSPEC,
                           .min_len = sizeof(struct eth_addr) },
        [IFLA_XDP] = { .type = NL_A_NESTED, .optional = true },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    struct ofpbuf request, *reply;
    struct ifinfomsg *ifi;

    device->peer_away = 0;
    device->peer_mac = eth_addr_zero;
    device->peer_has_program = false;
    device->leaves_unfinished = false;
    if (!is_pair || !link) {
        return;
    }

    ofpbuf_init(&request, 0);
    nl_msg_put_nlmsghdr(&request, sizeof *ifi, RTM_GETLINK, NLM_F_REQUEST);
    ifi = ofpbuf_put_zeros(&request, sizeof *ifi);
    ifi->ifi_index = nl_attr_get_u32(link);
    if (netnsid) {
        device->peer_away = ifi->ifi_index;
        nl_msg_put_u32(&request, IFLA_IF_NETNSID, nl_attr_get_u32(netnsid));
    }
    if (!nl_transact(NETLINK_ROUTE, &request, &reply)) {
        if (nl_policy_parse(reply, NLMSG_HDRLEN + sizeof *ifi, policy, attrs,
                            ARRAY_SIZE(policy))) {
            if (netnsid) {
                device->peer_mac = nl_attr_get_eth_addr(attrs[IFLA_ADDRESS]);
            }
            device->peer_has_program = has_program(attrs[IFLA_XDP]);
        }
        ofpbuf_delete(reply);
    }
    ofpbuf_uninit(&request);
    if (device->peer_has_program) {
        xdp_ethtool_find(ifindex, leaves_unfinished, NULL,
                         &device->leaves_unfinished);
    }
}

/* Asks what the device 'ifindex' is like.  Returns 0 or a positive errno
 * value. */
int
xdp_view_query(int ifindex, struct xdp_view *device)
{
    static const struct nl_policy policy[] = {
        [IFLA_MTU] = { .type = NL_A_U32 },
        [IFLA_LINK] = { .type = NL_A_U32, .optional = true },
        [IFLA_LINK_NETNSID] = { .type = NL_A_U32, .optional = true },
        [IFLA_LINKINFO] = { .type = NL_A_NESTED, .optional = true },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    struct ofpbuf request, *reply;
    struct ifinfomsg *ifi;
    int error;

    ofpbuf_init(&request, 0);
    nl_msg_put_nlmsghdr(&request, sizeof *ifi, RTM_GETLINK, NLM_F_REQUEST);
    ifi = ofpbuf_put_zeros(&request, sizeof *ifi);
    ifi->ifi_index = ifindex;
    error = nl_transact(NETLINK_ROUTE, &request, &reply);
    ofpbuf_uninit(&request);
    if (error) {
        return error;
    }

    if (nl_policy_parse(reply, NLMSG_HDRLEN + sizeof *ifi, policy, attrs,
                        ARRAY_SIZE(policy))) {
        const char *kind = NULL;

        if (attrs[IFLA_LINKINFO]) {
            const struct nlattr *a
                = nl_attr_find_nested(attrs[IFLA_LINKINFO], IFLA_INFO_KIND);

            kind = a ? nl_attr_get_string(a) : NULL;
        }
        ifi = ofpbuf_at_assert(reply, NLMSG_HDRLEN, sizeof *ifi);
        device->is_ethernet = ifi->ifi_type == ARPHRD_ETHER;
        device->is_pair = kind && (!strcmp(kind, "veth")
                                   || !strcmp(kind, "netkit"));
        query_peer(ifindex, device->is_pair, attrs[IFLA_LINK],
                   attrs[IFLA_LINK_NETNSID], device);
        device->mtu = nl_attr_get_u32(attrs[IFLA_MTU]);
        device->peer = (attrs[IFLA_LINK] && !attrs[IFLA_LINK_NETNSID]
                        ? nl_attr_get_u32(attrs[IFLA_LINK]) : 0);
        device->tags = get_tags(ifindex, kind, device->peer);
    } else {
        error = EPROTO;
    }
    ofpbuf_delete(reply);
    return error;
}
