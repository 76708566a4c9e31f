/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the words for actions that send packets to userspace.
 */

#include <config.h>

#undef NDEBUG
#include <stdio.h>
#include <string.h>

#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "translate.h"
#include "unit.h"
#include "util.h"

/* Appends a userspace action to 'b', with the first 'size' bytes of 'cookie'
 * unless that is zero. */
static void
put_userspace(struct ofpbuf *b, const struct user_action_cookie *cookie,
              size_t size)
{
    size_t ofs = nl_msg_start_nested(b, OVS_ACTION_ATTR_USERSPACE);

    nl_msg_put_u32(b, OVS_USERSPACE_ATTR_PID, 0);
    if (size) {
        nl_msg_put_unspec(b, OVS_USERSPACE_ATTR_USERDATA, cookie, size);
    }
    nl_msg_end_nested(b, ofs);
}

/* Appends a sample action that has 'cookie' to 'b'. */
static void
put_sample(struct ofpbuf *b, const struct user_action_cookie *cookie)
{
    size_t ofs = nl_msg_start_nested(b, OVS_ACTION_ATTR_SAMPLE);
    size_t actions;

    nl_msg_put_u32(b, OVS_SAMPLE_ATTR_PROBABILITY, 1);
    actions = nl_msg_start_nested(b, OVS_SAMPLE_ATTR_ACTIONS);
    nl_msg_put_u32(b, OVS_ACTION_ATTR_METER, 5);
    put_userspace(b, cookie, sizeof *cookie);
    nl_msg_end_nested(b, actions);
    nl_msg_end_nested(b, ofs);
}

/* The refusal of an action that sends packets to userspace says why it does
 * that. */
static void
test_translate_userspace(void)
{
    static const struct {
        enum user_action_cookie_type type;
        uint32_t slow_path;
        const char *detail;
    } cases[] = {
        { USER_ACTION_COOKIE_UNSPEC, 0, "" },
        { USER_ACTION_COOKIE_SFLOW, 0, ": sFlow" },
        { USER_ACTION_COOKIE_FLOW_SAMPLE, 0, ": IPFIX of a sample action" },
        { USER_ACTION_COOKIE_IPFIX, 0, ": IPFIX" },
        { USER_ACTION_COOKIE_CONTROLLER, 0, ": controller" },
        { USER_ACTION_COOKIE_CONTROLLER + 1, 0, "" },
        { USER_ACTION_COOKIE_SLOW_PATH, 0, ": slow path" },
        { USER_ACTION_COOKIE_SLOW_PATH, SLOW_ACTION, ": slow path (action)" },
        { USER_ACTION_COOKIE_SLOW_PATH, SLOW_LACP | SLOW_MATCH,
          ": slow path (lacp,match)" },
        { USER_ACTION_COOKIE_SLOW_PATH, UINT32_MAX,
          ": slow path (cfm,bfd,lacp,stp,lldp,action,match)" },
    };
    struct user_action_cookie cookie;
    struct ofpbuf b;
    struct xdp_caps caps;

    begin_actions(&b, &caps);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char detail[80];

        memset(&cookie, 0, sizeof cookie);
        cookie.type = cases[i].type;
        cookie.slow_path.reason = cases[i].slow_path;
        snprintf(detail, sizeof detail, "userspace%s", cases[i].detail);
        put_output(&b, 1);
        put_userspace(&b, &cookie, sizeof cookie);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
        snprintf(detail, sizeof detail, "sample%s", cases[i].detail);
        put_sample(&b, &cookie);
        put_output(&b, 1);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, detail);
    }

    /* What other programs than OVS have put there. */
    for (size_t size = 0; size < sizeof cookie; size++) {
        put_userspace(&b, &cookie, size);
        check_actions_refused(&b, &caps, XDP_REASON_ACTION, "userspace");
    }
    nl_msg_put_flag(&b, OVS_ACTION_ATTR_USERSPACE);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "userspace");
    nl_msg_put_flag(&b, OVS_ACTION_ATTR_SAMPLE);
    check_actions_refused(&b, &caps, XDP_REASON_ACTION, "sample");
}

const struct unit_case unit_userspace[] = {
    { "translate-userspace", test_translate_userspace, NEED_NOTHING },
    { NULL, NULL, 0 }
};
