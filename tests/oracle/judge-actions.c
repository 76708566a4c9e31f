/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What translation should say to random actions.
 */

#include <config.h>

#include "make-actions.h"

#include <string.h>

#include "coverage.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/match.h"
#include "packets.h"
#include "run-tc.h"
#include "util.h"

#define REASON(NAME) (UINT32_C(1) << XDP_REASON_##NAME)

/* Returns the op slots that a set action on 'key' takes, 'masked' or not. */
static size_t
set_slots(const struct nlattr *key, bool masked)
{
    const uint8_t *mask = NULL;
    struct ovs_key_ipv6 ipv6;
    struct ovs_key_nd nd;

    if (masked) {
        mask = nl_attr_get(key);
        mask += nl_attr_get_size(key) / 2;
    }
    switch ((int) nl_attr_type(key)) {
    case OVS_KEY_ATTR_ETHERNET:
    case OVS_KEY_ATTR_IPV4:
        return 2;
    case OVS_KEY_ATTR_ARP:
        return 4;
    case OVS_KEY_ATTR_IPV6:
        memset(&ipv6, 0xff, sizeof ipv6);
        if (mask) {
            memcpy(&ipv6, mask, sizeof ipv6);
        }
        return ((ipv6.ipv6_label || ipv6.ipv6_tclass || ipv6.ipv6_hlimit)
                + 3 * !is_all_zeros(&ipv6.ipv6_src, sizeof ipv6.ipv6_src)
                + 3 * !is_all_zeros(&ipv6.ipv6_dst, sizeof ipv6.ipv6_dst));
    case OVS_KEY_ATTR_ND:
        memset(&nd, 0xff, sizeof nd);
        if (mask) {
            memcpy(&nd, mask, sizeof nd);
        }
        return (3 * !is_all_zeros(&nd.nd_target, sizeof nd.nd_target)
                + 2 * !(eth_addr_is_zero(nd.nd_sll)
                        && eth_addr_is_zero(nd.nd_tll)));
    default:
        return 1;
    }
}

/* Returns true if a set action on 'key', 'masked' or not, changes what the
 * connection of a packet is found by.  Stores in '*maybe' whether translation
 * may take it for one that does. */
static bool
changes_tuple(const struct nlattr *key, bool masked, bool *maybe)
{
    const char *mask = NULL;
    size_t size;

    if (masked) {
        mask = nl_attr_get(key);
        mask += nl_attr_get_size(key) / 2;
    }
    *maybe = false;
    switch ((int) nl_attr_type(key)) {
    case OVS_KEY_ATTR_ETHERNET:
        return false;

    /* Addresses, ports, or type and code, come first. */
    case OVS_KEY_ATTR_IPV4:
        size = offsetof(struct ovs_key_ipv4, ipv4_proto);
        break;

    case OVS_KEY_ATTR_IPV6:
        size = offsetof(struct ovs_key_ipv6, ipv6_label);
        break;

    case OVS_KEY_ATTR_TCP:
    case OVS_KEY_ATTR_UDP:
    case OVS_KEY_ATTR_ICMP:
    case OVS_KEY_ATTR_ICMPV6:
        *maybe = true;
        size = nl_attr_get_size(key) / (masked ? 2 : 1);
        break;

    default:
        *maybe = true;
        return false;
    }
    return !mask || !is_all_zeros(mask, size);
}

/* Returns the op slots that the "ct" 'a' takes.  Adds to '*must' the reasons
 * for which it must be refused in a megaflow of 'flow' and 'wc', wherever it
 * stands. */
static size_t
judge_ct(const struct nlattr *a, const struct flow *flow,
         const struct flow_wildcards *wc, uint32_t *must)
{
    const struct nlattr *b;
    size_t n_slots = 1;
    size_t left;

    NL_NESTED_FOR_EACH (b, left, a) {
        if (nl_attr_type(b) == OVS_CT_ATTR_HELPER) {
            *must |= REASON(ACTION);
        } else if (nl_attr_type(b) == OVS_CT_ATTR_LABELS) {
            n_slots += 2;
        }
    }
    if (!is_ip_any(flow) || wc->masks.dl_type != OVS_BE16_MAX) {
        *must |= REASON(ACTION);
    }
    return n_slots;
}

/* Adds to '*must' and '*may' the reasons for which a set action on 'key' must
 * and may be refused in a megaflow of 'flow' and 'wc'. */
static void
judge_set(const struct nlattr *key, bool masked, const struct flow *flow,
          const struct flow_wildcards *wc, bool mpls_changed,
          uint32_t *must, uint32_t *may)
{
    bool later_frag = (flow->nw_frag & FLOW_NW_FRAG_LATER
                       || !(wc->masks.nw_frag & FLOW_NW_FRAG_LATER));
    bool exact_proto = wc->masks.nw_proto == UINT8_MAX;
    const uint8_t *mask = NULL;
    ovs_be16 dl_type = flow->dl_type;
    bool fits = false;

    if (masked) {
        mask = nl_attr_get(key);
        mask += nl_attr_get_size(key) / 2;
    }
    switch ((int) nl_attr_type(key)) {
    case OVS_KEY_ATTR_ETHERNET:
        return;

    case OVS_KEY_ATTR_IPV4:
        fits = dl_type == htons(ETH_TYPE_IP);
        if (fits && later_frag && (!mask || !is_all_zeros(mask, 8))) {
            *must |= REASON(ACTION);
        }
        break;

    case OVS_KEY_ATTR_IPV6:
        fits = dl_type == htons(ETH_TYPE_IPV6);
        if (later_frag) {
            *may |= REASON(ACTION);
        }
        break;

    case OVS_KEY_ATTR_TCP:
    case OVS_KEY_ATTR_UDP:
    case OVS_KEY_ATTR_SCTP:
        fits = (is_ip_any(flow) && exact_proto
                && (flow->nw_proto
                    == (nl_attr_type(key) == OVS_KEY_ATTR_TCP ? IPPROTO_TCP
                        : nl_attr_type(key) == OVS_KEY_ATTR_UDP ? IPPROTO_UDP
                        : IPPROTO_SCTP)));
        if (later_frag) {
            *must |= REASON(ACTION);
        }
        if (nl_attr_type(key) == OVS_KEY_ATTR_SCTP) {
            *may |= REASON(ACTION);
        }
        break;

    case OVS_KEY_ATTR_ICMP:
        fits = is_icmpv4(flow, NULL) && exact_proto;
        if (later_frag) {
            *must |= REASON(ACTION);
        }
        break;

    case OVS_KEY_ATTR_ICMPV6:
        fits = is_icmpv6(flow, NULL) && exact_proto;
        if (later_frag) {
            *must |= REASON(ACTION);
        }
        break;

    case OVS_KEY_ATTR_ARP:
        fits = dl_type == htons(ETH_TYPE_ARP);
        break;

    case OVS_KEY_ATTR_ND:
    case OVS_KEY_ATTR_ND_EXTENSIONS:
        fits = (is_nd(flow, NULL) && exact_proto
                && wc->masks.tp_src == OVS_BE16_MAX
                && wc->masks.tp_dst == OVS_BE16_MAX);
        if (later_frag) {
            *must |= REASON(ACTION);
        }
        if (nl_attr_type(key) == OVS_KEY_ATTR_ND_EXTENSIONS) {
            *may |= REASON(ACTION);
        }
        break;

    case OVS_KEY_ATTR_MPLS:
        fits = eth_type_mpls(dl_type) && !mpls_changed;
        break;

    default:
        *must |= REASON(ACTION);
        break;
    }
    if (!fits || (mpls_changed && nl_attr_type(key) != OVS_KEY_ATTR_MPLS)) {
        *may |= REASON(ACTION) | REASON(ORDER);
    }
}

/* Returns true if programs at tc may not have the ops that it takes to run
 * 'actions'. */
static bool
is_for_xdp(const struct actions *actions)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH (a, left, actions->buf.data, actions->buf.size) {
        if (nl_attr_type(a) == OVS_ACTION_ATTR_TRUNC) {
            return true;
        }
    }
    return false;
}

/* Returns true if translation may answer 'reason' to a megaflow of 'flow' and
 * 'wc' with 'actions'. */
bool
is_refusal_right(const struct actions *actions, const struct flow *flow,
                 const struct flow_wildcards *wc, enum xdp_reason reason)
{
    uint32_t must = 0, may = 0, ports = 0;
    size_t n_slots = 0, n_spared = 0, n_outputs = 0;
    bool mpls_changed = false;
    bool truncated = false, was_truncated = false;
    bool new_tuple = false, maybe_new_tuple = false;
    size_t n_cts = 0;
    bool popped = false;
    const struct nlattr *a;
    size_t left;

    if (hook_tc && is_for_xdp(actions) && reason == XDP_REASON_ACTION) {
        return true;
    }
    NL_ATTR_FOR_EACH (a, left, actions->buf.data, actions->buf.size) {
        enum ovs_action_attr type = nl_attr_type(a);
        size_t old_n_slots = n_slots;

        switch ((int) type) {
        case OVS_ACTION_ATTR_OUTPUT: {
            uint32_t port = odp_to_u32(nl_attr_get_odp_port(a)) - ODP_BASE;

            if (port >= N_PORTS) {
                must |= (port == N_PORTS ? REASON(TARGET_TYPE)
                         : REASON(TARGET));
                break;
            }
            if (ports & UINT32_C(1) << port
                || n_outputs >= object->caps.max_outputs) {
                must |= REASON(OUTPUTS);
            }
            if (was_truncated) {
                /* There only before the last output. */
                must |= REASON(ORDER) | REASON(ACTION);
            }
            ports |= UINT32_C(1) << port;
            n_outputs++;
            n_slots++;
            if (n_slots - n_spared > XDP_FLOW_MAX_OPS) {
                must |= REASON(N_OPS);
            }
            was_truncated = truncated;
            truncated = false;
            break;
        }

        case OVS_ACTION_ATTR_DROP:
            may |= REASON(ACTION) | REASON(ORDER);
            break;

        case OVS_ACTION_ATTR_CT_CLEAR:
            break;

        case OVS_ACTION_ATTR_CT:
            n_slots += judge_ct(a, flow, wc, &must);
            if (n_outputs || new_tuple) {
                must |= REASON(ORDER);
            } else if (maybe_new_tuple) {
                may |= REASON(ORDER);
            }
            if (++n_cts > XDP_FLOW_MAX_CTS
                || n_slots - n_spared > XDP_FLOW_MAX_OPS) {
                must |= REASON(N_OPS);
            }
            break;

        case OVS_ACTION_ATTR_TRUNC:
            truncated = true;
            n_slots++;
            break;

        case OVS_ACTION_ATTR_METER:
            n_slots++;
            if (n_slots - n_spared > XDP_FLOW_MAX_OPS) {
                must |= REASON(N_OPS);
            }
            if (n_outputs) {
                must |= REASON(ORDER);
            }
            if (nl_attr_get_u32(a) >= XDP_METER_MAX) {
                must |= REASON(METER);
            }
            break;

        case OVS_ACTION_ATTR_SET:
        case OVS_ACTION_ATTR_SET_MASKED: {
            const struct nlattr *key = nl_attr_get(a);
            bool masked = type == OVS_ACTION_ATTR_SET_MASKED;
            bool maybe;

            judge_set(key, masked, flow, wc, mpls_changed, &must, &may);
            n_slots += set_slots(key, masked);
            new_tuple |= changes_tuple(key, masked, &maybe);
            maybe_new_tuple |= maybe;
            break;
        }

        case OVS_ACTION_ATTR_PUSH_VLAN:
            /* It may share the slot of the pop. */
            n_spared += popped;
            n_slots++;
            break;

        case OVS_ACTION_ATTR_POP_VLAN:
            n_slots++;
            break;

        case OVS_ACTION_ATTR_PUSH_MPLS:
        case OVS_ACTION_ATTR_POP_MPLS:
            if (mpls_changed || !eth_type_mpls(flow->dl_type)) {
                may |= REASON(ACTION) | REASON(ORDER);
            }
            mpls_changed = new_tuple = true;
            n_slots++;
            break;

        case OVS_ACTION_ATTR_CLONE:
            must |= REASON(ACTION) | REASON(ORDER);
            break;

        default:
            must |= REASON(ACTION);
            break;
        }
        popped = (type == OVS_ACTION_ATTR_POP_VLAN
                  || (popped && n_slots == old_n_slots));
        if (truncated && type != OVS_ACTION_ATTR_TRUNC
            && type != OVS_ACTION_ATTR_OUTPUT) {
            must |= REASON(ORDER) | REASON(ACTION);
        }
    }
    if (truncated) {
        may |= REASON(ORDER) | REASON(ACTION);
    }
    if (n_slots > XDP_FLOW_MAX_OPS) {
        may |= REASON(N_OPS);
    }

    reason_count[reason]++;
    if (must) {
        may |= must;
    } else {
        may |= REASON(NONE);
    }
    return may & UINT32_C(1) << reason;
}
