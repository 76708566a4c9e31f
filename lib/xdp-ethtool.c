/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-ethtool.h. */

#include <config.h>

#include "xdp-ethtool.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <stdlib.h>

#include "netlink.h"
#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-thread.h"
#include "util.h"

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

/* Starts the request 'request' of 'type' for the device 'ifindex', with
 * 'flags', ETHTOOL_FLAG_*.  Returns false if the kernel has no such
 * requests. */
static bool
start_request(struct ofpbuf *request, int type, int ifindex, uint32_t flags)
{
    int family = get_family();
    size_t header;

    if (!family) {
        return false;
    }
    ofpbuf_init(request, 0);
    nl_msg_put_genlmsghdr(request, 0, family, NLM_F_REQUEST, type,
                          ETHTOOL_GENL_VERSION);
    header = nl_msg_start_nested(request, (ETHTOOL_A_FEATURES_HEADER
                                           | NLA_F_NESTED));
    nl_msg_put_u32(request, ETHTOOL_A_HEADER_DEV_INDEX, ifindex);
    if (flags) {
        nl_msg_put_u32(request, ETHTOOL_A_HEADER_FLAGS, flags);
    }
    nl_msg_end_nested(request, header);
    return true;
}

/* Asks for the features of the device 'ifindex'.  Stores in '*replyp' the
 * answer, which the caller deletes, and in '*bitsp' the list of those that are
 * on, NULL if none is.  Returns 0 or a positive errno value. */
static int
get_features(int ifindex, struct ofpbuf **replyp, const struct nlattr **bitsp)
{
    static const struct nl_policy policy[] = {
        [ETHTOOL_A_FEATURES_ACTIVE] = { .type = NL_A_NESTED },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    struct ofpbuf request, *reply;
    int error;

    if (!start_request(&request, ETHTOOL_MSG_FEATURES_GET, ifindex, 0)) {
        return EOPNOTSUPP;
    }
    error = nl_transact(NETLINK_GENERIC, &request, &reply);
    ofpbuf_uninit(&request);
    if (error) {
        return error;
    }
    if (!nl_policy_parse(reply, NLMSG_HDRLEN + GENL_HDRLEN, policy, attrs,
                         ARRAY_SIZE(policy))) {
        ofpbuf_delete(reply);
        return EPROTO;
    }
    *replyp = reply;
    *bitsp = nl_attr_find_nested(attrs[ETHTOOL_A_FEATURES_ACTIVE],
                                 ETHTOOL_A_BITSET_BITS);
    return 0;
}

/* Returns the name of the feature 'bit' if it is one that 'func' means, or
 * NULL. */
static const char *
match_bit(const struct nlattr *bit, xdp_ethtool_func *func, const void *aux)
{
    const struct nlattr *name;

    name = nl_attr_find_nested(bit, ETHTOOL_A_BITSET_BIT_NAME);
    return (name && func(nl_attr_get_string(name), aux)
            ? nl_attr_get_string(name) : NULL);
}

/* Stores in '*found' whether a feature of the device 'ifindex' is on that
 * 'func' means.  Returns 0 or a positive errno value. */
int
xdp_ethtool_find(int ifindex, xdp_ethtool_func *func, const void *aux,
                 bool *found)
{
    const struct nlattr *bits, *bit;
    struct ofpbuf *reply;
    size_t left;
    int error;

    *found = false;
    error = get_features(ifindex, &reply, &bits);
    if (!error) {
        if (bits) {
            NL_NESTED_FOR_EACH (bit, left, bits) {
                *found |= match_bit(bit, func, aux) != NULL;
            }
        }
        ofpbuf_delete(reply);
    }
    return error;
}

/* Adds the feature 'name', which is to be switched on or off, to the nested
 * list of 'request'. */
static void
put_bit(struct ofpbuf *request, const char *name, bool on)
{
    size_t nested = nl_msg_start_nested(request, (ETHTOOL_A_BITSET_BITS_BIT
                                                  | NLA_F_NESTED));

    nl_msg_put_string(request, ETHTOOL_A_BITSET_BIT_NAME, name);
    if (on) {
        nl_msg_put_flag(request, ETHTOOL_A_BITSET_BIT_VALUE);
    }
    nl_msg_end_nested(request, nested);
}

/* Switches the feature 'name' of the device 'ifindex' on.  Returns 0 or a
 * positive errno value. */
int
xdp_ethtool_switch_on(int ifindex, const char *name)
{
    struct ofpbuf request;
    size_t wanted, list;
    int error;

    if (!start_request(&request, ETHTOOL_MSG_FEATURES_SET, ifindex,
                       ETHTOOL_FLAG_OMIT_REPLY)) {
        return EOPNOTSUPP;
    }
    wanted = nl_msg_start_nested(&request, (ETHTOOL_A_FEATURES_WANTED
                                            | NLA_F_NESTED));
    list = nl_msg_start_nested(&request, (ETHTOOL_A_BITSET_BITS
                                          | NLA_F_NESTED));
    put_bit(&request, name, true);
    nl_msg_end_nested(&request, list);
    nl_msg_end_nested(&request, wanted);
    error = nl_transact(NETLINK_GENERIC, &request, NULL);
    ofpbuf_uninit(&request);
    return error;
}

/* Switches off the features of the device 'ifindex' that 'func' means.
 * Returns 0, or a positive errno value if some may still be on. */
int
xdp_ethtool_switch_off(int ifindex, xdp_ethtool_func *func, const void *aux)
{
    const struct nlattr *bits, *bit;
    struct ofpbuf request, *reply;
    size_t wanted, list, left;
    bool found;
    int error;

    error = get_features(ifindex, &reply, &bits);
    if (error) {
        return error;
    }
    if (!bits || !start_request(&request, ETHTOOL_MSG_FEATURES_SET, ifindex,
                                ETHTOOL_FLAG_OMIT_REPLY)) {
        ofpbuf_delete(reply);
        return 0;
    }
    wanted = nl_msg_start_nested(&request, (ETHTOOL_A_FEATURES_WANTED
                                            | NLA_F_NESTED));
    list = nl_msg_start_nested(&request, (ETHTOOL_A_BITSET_BITS
                                          | NLA_F_NESTED));
    NL_NESTED_FOR_EACH (bit, left, bits) {
        const char *name = match_bit(bit, func, aux);

        if (name) {
            put_bit(&request, name, false);
        }
    }
    nl_msg_end_nested(&request, list);
    nl_msg_end_nested(&request, wanted);
    ofpbuf_delete(reply);

    error = nl_transact(NETLINK_GENERIC, &request, NULL);
    ofpbuf_uninit(&request);
    if (!error) {
        error = xdp_ethtool_find(ifindex, func, aux, &found);
    }
    return error ? error : found ? EOPNOTSUPP : 0;
}
