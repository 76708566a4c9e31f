/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-view.h. */

#include <config.h>

#include "xdp-view.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>

#include "netlink.h"
#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-thread.h"
#include "util.h"

/* What a device inserts or takes out "in hardware", as ethtool names it. */
static const char *const tx_features[] = {
    "tx-vlan-hw-insert", "tx-vlan-stag-hw-insert"
};
static const char *const rx_features[] = {
    "rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"
};

/* Returns the number of the family "ethtool", or 0 if the kernel has none. */
static int
get_family(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static int family;

    if (ovsthread_once_start(&once)) {
        if (nl_lookup_genl_family(ETHTOOL_GENL_NAME, &family)) {
            family = 0;
        }
        ovsthread_once_done(&once);
    }
    return family;
}

/* Returns true if 'bitset', which has names and no mask, has one of the two
 * bits 'names'. */
static bool
bitset_has(const struct nlattr *bitset, const char *const names[2])
{
    const struct nlattr *bits, *bit;
    size_t left;

    bits = nl_attr_find_nested(bitset, ETHTOOL_A_BITSET_BITS);
    if (!bits) {
        return false;
    }
    NL_NESTED_FOR_EACH (bit, left, bits) {
        const struct nlattr *name;

        name = nl_attr_find_nested(bit, ETHTOOL_A_BITSET_BIT_NAME);
        for (size_t i = 0; name && i < 2; i++) {
            if (!strcmp(nl_attr_get_string(name), names[i])) {
                return true;
            }
        }
    }
    return false;
}

/* Stores in '*has' whether one of the two features 'names' of the device
 * 'ifindex' is on.  Returns 0 or a positive errno value. */
static int
query_features(int ifindex, const char *const names[2], bool *has)
{
    static const struct nl_policy policy[] = {
        [ETHTOOL_A_FEATURES_ACTIVE] = { .type = NL_A_NESTED },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    struct ofpbuf request, *reply;
    int family = get_family();
    size_t header;
    int error;

    if (!family) {
        return EOPNOTSUPP;
    }

    ofpbuf_init(&request, 0);
    nl_msg_put_genlmsghdr(&request, 0, family, NLM_F_REQUEST,
                          ETHTOOL_MSG_FEATURES_GET, ETHTOOL_GENL_VERSION);
    header = nl_msg_start_nested(&request, (ETHTOOL_A_FEATURES_HEADER
                                            | NLA_F_NESTED));
    nl_msg_put_u32(&request, ETHTOOL_A_HEADER_DEV_INDEX, ifindex);
    nl_msg_end_nested(&request, header);
    error = nl_transact(NETLINK_GENERIC, &request, &reply);
    ofpbuf_uninit(&request);
    if (error) {
        return error;
    }
    if (nl_policy_parse(reply, NLMSG_HDRLEN + GENL_HDRLEN, policy, attrs,
                        ARRAY_SIZE(policy))) {
        *has = bitset_has(attrs[ETHTOOL_A_FEATURES_ACTIVE], names);
    } else {
        error = EPROTO;
    }
    ofpbuf_delete(reply);
    return error;
}

/* Returns where the tags are of what the device 'ifindex' of 'kind' receives:
 * 'kind' is NULL for hardware.  'peer' is as in "struct xdp_view". */
static enum xdp_view_tags
get_tags(int ifindex, const char *kind, int peer)
{
    bool offload;

    if (!kind) {
        return (query_features(ifindex, rx_features, &offload)
                ? XDP_TAGS_UNKNOWN
                : offload ? XDP_TAGS_RX_OFFLOAD : XDP_TAGS_IN_PACKET);
    } else if (!strcmp(kind, "veth")) {
        return (!peer || query_features(peer, tx_features, &offload)
                ? XDP_TAGS_UNKNOWN_PEER
                : offload ? XDP_TAGS_PEER_OFFLOAD : XDP_TAGS_IN_PACKET);
    } else if (!strcmp(kind, "tun")) {
        /* What a process writes has no metadata for tags. */
        return XDP_TAGS_IN_PACKET;
    }
    return XDP_TAGS_UNKNOWN;
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
        const struct nlattr *kind = NULL;

        if (attrs[IFLA_LINKINFO]) {
            kind = nl_attr_find_nested(attrs[IFLA_LINKINFO], IFLA_INFO_KIND);
        }
        device->mtu = nl_attr_get_u32(attrs[IFLA_MTU]);
        device->peer = (attrs[IFLA_LINK] && !attrs[IFLA_LINK_NETNSID]
                        ? nl_attr_get_u32(attrs[IFLA_LINK]) : 0);
        device->tags = get_tags(ifindex,
                                kind ? nl_attr_get_string(kind) : NULL,
                                device->peer);
    } else {
        error = EPROTO;
    }
    ofpbuf_delete(reply);
    return error;
}
