/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the unit tests of the translation share: ports, an object that can do
 * everything, and actions.
 */

#include <config.h>

#undef NDEBUG
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "dpif.h"
#include "flow.h"
#include "netdev-native-tnl.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "translate.h"
#include "unit.h"
#include "util.h"

/* What xdp_translate_actions() shall hand to lookup_port(). */
static char lookup_aux;

/* Implements xdp_translate_port_func: port N has number N + 1.  The first four
 * ports are tunnels, too, of one type each. */
static enum xdp_reason
lookup_port(odp_port_t odp_port, bool pop, struct xdp_translate_port *port,
            char *detail, size_t size, void *aux)
{
    uint32_t n = odp_to_u32(odp_port);

    ovs_assert(aux == &lookup_aux);
    if (pop && n < XDP_TUNNEL_ERSPAN) {
        *port = (struct xdp_translate_port) { .number = n + 1,
                                              .tunnel = n + 1 };
        return XDP_REASON_NONE;
    }
    if (n >= NO_PORT_BASE) {
        snprintf(detail, size, "port%"PRIu32, n);
        return n >= NO_XDP_BASE ? XDP_REASON_TARGET_TYPE : XDP_REASON_TARGET;
    }
    *port = (struct xdp_translate_port) { .number = n + 1,
                                          .ifindex = n + 1001 };
    return XDP_REASON_NONE;
}

/* Fills '*caps' with what an object can do that has everything. */
void
all_caps(struct xdp_caps *caps)
{
    memset(caps, 0, sizeof *caps);
    memset(&caps->fields, 0xff, sizeof caps->fields);
    caps->fields.pad1 = 0;
    caps->fields.pad2 = 0;
    caps->fields.pad3 = 0;
    caps->ops = UINT64_MAX;
    caps->max_words = XDP_MASK_MAX_WORDS;
    caps->max_ops = XDP_FLOW_MAX_OPS;
    caps->max_outputs = XDP_FLOW_MAX_OPS;
}

/* Begins a case of actions, which go to 'b', for an object of '*caps' that can
 * do everything.  'b' must not be used in the next case any more. */
void
begin_actions(struct ofpbuf *b, struct xdp_caps *caps)
{
    /* For all that a case has at a time. */
    static uint64_t stub[512];

    ofpbuf_use_stub(b, stub, sizeof stub);
    all_caps(caps);
}

/* What the megaflow matches whose actions are translated. */
struct xdp_key flow_key;
struct xdp_key flow_mask;

/* Makes the megaflow match Ethertype 'dl_type', and if 'nw_proto' is nonzero
 * this protocol, in anything but later fragments. */
void
match_headers(uint16_t dl_type, uint8_t nw_proto)
{
    memset(&flow_key, 0, sizeof flow_key);
    memset(&flow_mask, 0, sizeof flow_mask);
    flow_key.dl_type = htons(dl_type);
    flow_mask.dl_type = OVS_BE16_MAX;
    if (nw_proto) {
        flow_key.nw_proto = nw_proto;
        flow_mask.nw_proto = UINT8_MAX;
        flow_mask.nw_frag = FLOW_NW_FRAG_MASK;
    }
}

/* Makes the megaflow match on 'n' VLAN tags, too, up to 2. */
void
match_tags(size_t n)
{
    flow_key.vlan_tci0 = n > 0 ? htons(VLAN_CFI) : 0;
    flow_key.vlan_tci1 = n > 1 ? htons(VLAN_CFI) : 0;
    flow_mask.vlan_tci0 = flow_mask.vlan_tci1 = htons(VLAN_CFI);
}

/* Translates and clears 'b'. */
enum xdp_reason
translate_actions(struct ofpbuf *b, const struct xdp_caps *caps,
                  struct xdp_translation *tr)
{
    enum xdp_reason reason;

    memset(tr, 0xcc, sizeof *tr);
    tr->key = flow_key;
    tr->mask = flow_mask;
    reason = xdp_translate_actions(b->data, b->size, caps, lookup_port,
                                   &lookup_aux, tr);
    ofpbuf_clear(b);
    return reason;
}

/* Checks that 'b' is refused for 'expected' and 'detail', and clears it. */
void
check_actions_refused(struct ofpbuf *b, const struct xdp_caps *caps,
                      enum xdp_reason expected, const char *detail)
{
    struct xdp_translation tr;
    enum xdp_reason reason;

    reason = translate_actions(b, caps, &tr);
    if (reason != expected) {
        fail("%s: expected \"%s\", got \"%s\"", detail,
             xdp_reason_to_string(expected), xdp_reason_to_string(reason));
    } else if (strcmp(tr.detail, detail)) {
        fail("expected detail \"%s\", got \"%s\"", detail, tr.detail);
    }
}

/* Returns true if op slot 'i' of 'tr' is an output to port 'port'. */
bool
is_output(const struct xdp_translation *tr, size_t i, uint32_t port)
{
    const struct xdp_op *op = &tr->actions.ops[i];

    return (op->type == XDP_OP_OUTPUT && !op->n_data
            && op->u.output.port == port + 1
            && op->u.output.ifindex == port + 1001);
}

/* Appends actions to 'b'. */
void
put_output(struct ofpbuf *b, uint32_t port)
{
    nl_msg_put_odp_port(b, OVS_ACTION_ATTR_OUTPUT, u32_to_odp(port));
}

void
put_push_vlan(struct ofpbuf *b, uint16_t tpid, uint16_t tci)
{
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(tpid),
        .vlan_tci = htons(tci),
    };

    nl_msg_put_unspec(b, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
}

void
put_pop_vlan(struct ofpbuf *b)
{
    nl_msg_put_flag(b, OVS_ACTION_ATTR_POP_VLAN);
}

/* Appends a set action for 'value', of 'size' bytes, to 'b', under 'mask' if
 * that is nonnull. */
void
put_set(struct ofpbuf *b, uint16_t type, const void *value, const void *mask,
        size_t size)
{
    size_t ofs = nl_msg_start_nested(b, mask ? OVS_ACTION_ATTR_SET_MASKED
                                             : OVS_ACTION_ATTR_SET);

    if (mask) {
        uint8_t *p = nl_msg_put_unspec_uninit(b, type, 2 * size);

        memcpy(p, value, size);
        memcpy(p + size, mask, size);
    } else {
        nl_msg_put_unspec(b, type, value, size);
    }
    nl_msg_end_nested(b, ofs);
}

/* Appends the push of a VXLAN header to 'actions'. */
void
put_vxlan_push(struct ofpbuf *actions)
{
    static const uint8_t header[] = {
        [12] = 0x08, [14] = 0x45, [23] = IPPROTO_UDP, [36] = 0x12, 0xb5,
        [42] = 8, [49] = 0
    };
    struct ovs_action_push_tnl push;

    memset(&push, 0, sizeof push);
    push.tnl_type = OVS_VPORT_TYPE_VXLAN;
    push.header_len = sizeof header;
    memcpy(push.header, header, sizeof header);
    nl_msg_put_unspec(actions, OVS_ACTION_ATTR_TUNNEL_PUSH, &push,
                      offsetof(struct ovs_action_push_tnl, header)
                      + sizeof header);
}
