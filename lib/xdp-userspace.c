/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-userspace.h. */

#include <config.h>

#include "xdp-userspace.h"

#include <stdio.h>
#include <string.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "util.h"

/* Stores the names of 'reasons', SLOW_*, in 'purpose', which has room for
 * 'size' bytes. */
static void
describe_slow_path(uint32_t reasons, char *purpose, size_t size)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } bits[] = {
#define SPR(ENUM, NAME, EXPLANATION) { ENUM, NAME },
        SLOW_PATH_REASONS
#undef SPR
    };
    const char *separator = " (";

    ovs_strlcpy(purpose, ": slow path", size);
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        if (reasons & bits[i].bit) {
            size_t length = strlen(purpose);

            snprintf(purpose + length, size - length, "%s%s", separator,
                     bits[i].name);
            separator = ",";
        }
    }
    if (*separator == ',') {
        size_t length = strlen(purpose);

        snprintf(purpose + length, size - length, ")");
    }
}

/* Stores what the packets of 'a', a userspace or sample action of any form,
 * go to userspace for in 'purpose', which has room for 'size' bytes: text to
 * follow the name of the action, or an empty string if 'a' does not say. */
void
xdp_userspace_describe(const struct nlattr *a, char *purpose, size_t size)
{
    struct user_action_cookie cookie;
    const struct nlattr *userdata;

    purpose[0] = '\0';
    if (nl_attr_type(a) == OVS_ACTION_ATTR_SAMPLE) {
        const struct nlattr *actions
            = nl_attr_find_nested(a, OVS_SAMPLE_ATTR_ACTIONS);

        a = (actions ? nl_attr_find_nested(actions, OVS_ACTION_ATTR_USERSPACE)
             : NULL);
        if (!a) {
            return;
        }
    }

    userdata = nl_attr_find_nested(a, OVS_USERSPACE_ATTR_USERDATA);
    if (!userdata || nl_attr_get_size(userdata) != sizeof cookie) {
        return;
    }
    memcpy(&cookie, nl_attr_get(userdata), sizeof cookie);
    switch ((enum user_action_cookie_type) cookie.type) {
    case USER_ACTION_COOKIE_SFLOW:
        ovs_strlcpy(purpose, ": sFlow", size);
        break;

    case USER_ACTION_COOKIE_SLOW_PATH:
        describe_slow_path(cookie.slow_path.reason, purpose, size);
        break;

    case USER_ACTION_COOKIE_FLOW_SAMPLE:
        ovs_strlcpy(purpose, ": IPFIX of a sample action", size);
        break;

    case USER_ACTION_COOKIE_IPFIX:
        ovs_strlcpy(purpose, ": IPFIX", size);
        break;

    case USER_ACTION_COOKIE_CONTROLLER:
        ovs_strlcpy(purpose, ": controller", size);
        break;

    case USER_ACTION_COOKIE_UNSPEC:
    default:
        break;
    }
}
