/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target: translates a megaflow made of arbitrary bytes (see
 * fuzz-input.h) and checks what must hold for every translation, whether it is
 * refused or not.  Under ASan and UBSan.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "fuzz-input.h"
#include "openvswitch/match.h"
#include "util.h"
#include "xdp-translate.h"

#define IN_PORT 77

/* The part of an input that nobody has taken yet. */
struct input {
    const uint8_t *data;
    size_t size;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, with a backtrace, if 'condition' does not hold. */
#define CHECK(CONDITION) check(CONDITION, #CONDITION)

static void
check(bool holds, const char *condition)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", condition);
        abort();
    }
}

/* Takes 'n' bytes from 'in' to 'dst'. */
static void
take(struct input *in, void *dst, size_t n)
{
    size_t have = MIN(n, in->size);

    memset(dst, 0, n);
    if (have) {
        memcpy(dst, in->data, have);
        in->data += have;
        in->size -= have;
    }
}

/* Takes one byte from 'in'. */
static uint8_t
take_byte(struct input *in)
{
    uint8_t byte;

    take(in, &byte, 1);
    return byte;
}

/* Takes a match from 'in'. */
static void
take_match(struct input *in, struct match *match)
{
    uint8_t *flow = (uint8_t *) &match->flow;
    uint8_t *mask = (uint8_t *) &match->wc.masks;

    memset(match, 0, sizeof *match);
    for (int n = take_byte(in); n && in->size; n--) {
        uint8_t value[FUZZ_PIECE_MAX], bits[FUZZ_PIECE_MAX];
        uint16_t ofs;
        size_t len;

        take(in, &ofs, sizeof ofs);
        ofs %= sizeof match->flow;
        len = 1 + (take_byte(in) - 1) % FUZZ_PIECE_MAX;
        take(in, value, len);
        take(in, bits, len);
        for (size_t i = 0; i < len && ofs + i < sizeof match->flow; i++) {
            flow[ofs + i] = value[i] & bits[i];
            mask[ofs + i] = bits[i];
        }
    }
}

/* Takes what an object can do from 'in'. */
static void
take_caps(struct input *in, struct xdp_caps *caps)
{
    uint8_t flags = take_byte(in);

    memset(caps, 0, sizeof *caps);
    memset(&caps->fields, 0xff,
           flags & FUZZ_CAPS_LAYER2 ? 3 * sizeof(uint64_t)
                                    : sizeof caps->fields);
    caps->ops = UINT64_MAX;
    if (flags & FUZZ_CAPS_OPS) {
        uint32_t ops;

        take(in, &ops, sizeof ops);
        caps->ops = ops;
    }
    caps->max_words = flags & FUZZ_CAPS_MASKS ? 3 : XDP_MASK_MAX_WORDS;
    caps->max_ops = flags & FUZZ_CAPS_SHORT ? 4 : XDP_FLOW_MAX_OPS;
    caps->max_outputs = flags & FUZZ_CAPS_SINGLE ? 1 : XDP_FLOW_MAX_OPS;
}

/* Implements xdp_translate_port_func: half of the first 64 ports are
 * targets, and of the first 8 each is a tunnel, too. */
static enum xdp_reason
lookup_port(odp_port_t odp_port, bool pop, struct xdp_translate_port *port,
            char *detail, size_t size, void *aux OVS_UNUSED)
{
    uint32_t number = odp_to_u32(odp_port);

    *port = (struct xdp_translate_port) { .number = number };
    if (pop && number < 8) {
        port->tunnel = XDP_TUNNEL_VXLAN + number % XDP_TUNNEL_ERSPAN;
        return XDP_REASON_NONE;
    }
    if (pop || number >= 32) {
        snprintf(detail, size, "port %"PRIu32, number);
        return number < 64 ? XDP_REASON_TARGET : XDP_REASON_TARGET_TYPE;
    }
    port->ifindex = number + 1;
    return XDP_REASON_NONE;
}

/* Translates 'match' and 'actions' into '*tr', which has held the byte 'old'
 * all over. */
static enum xdp_reason
translate(const struct match *match, const struct nlattr *actions, size_t len,
          const struct xdp_caps *caps, int old, struct xdp_translation *tr)
{
    enum xdp_reason reason;

    memset(tr, old, sizeof *tr);
    reason = xdp_translate_match(match, IN_PORT, caps, tr);
    return reason ? reason : xdp_translate_actions(actions, len, caps,
                                                   lookup_port, NULL, tr);
}

/* Returns how many data slots 'op' has. */
static size_t
op_n_data(const struct xdp_op *op)
{
    switch (op->type) {
    case XDP_OP_TNL_PUSH:
        return DIV_ROUND_UP(op->u.tnl_push.header_len,
                            sizeof(union xdp_op_data));

    case XDP_OP_SET_ETHERNET:
    case XDP_OP_SET_IPV4:
    case XDP_OP_SET_ND_LL:
        return 1;

    case XDP_OP_SET_IPV6_SRC:
    case XDP_OP_SET_IPV6_DST:
    case XDP_OP_SET_ND_TARGET:
        return 2;

    case XDP_OP_SET_ARP:
        return 3;

    case XDP_OP_CT:
        return op->u.ct.flags & XDP_CT_LABEL ? 2 : 0;

    case XDP_OP_NONE:
    case XDP_OP_OUTPUT:
    case XDP_OP_PUSH_VLAN:
    case XDP_OP_POP_VLAN:
    case XDP_OP_SET_IPV6:
    case XDP_OP_SET_TCP:
    case XDP_OP_SET_UDP:
    case XDP_OP_SET_ICMP:
    case XDP_OP_PUSH_MPLS:
    case XDP_OP_POP_MPLS:
    case XDP_OP_METER:
    case XDP_OP_HASH:
    case XDP_OP_RECIRC:
    case XDP_OP_TNL_POP:
    case XDP_OP_SET_MPLS:
    case XDP_OP_TRUNC:
    case XDP_OP_CT_CLEAR:
    case XDP_OP_SET_VLAN:
    default:
        return 0;
    }
}

/* Checks that 'value' is zero where 'mask' is, for 'size' bytes. */
static void
check_masked(const void *value_, const void *mask_, size_t size)
{
    const uint8_t *value = value_;
    const uint8_t *mask = mask_;

    for (size_t i = 0; i < size; i++) {
        CHECK(!(value[i] & ~mask[i]));
    }
}

/* Checks the values and masks of 'op' and the data slots after it. */
static void
check_op_values(const struct xdp_op *op)
{
    const union xdp_op_data *data = (const union xdp_op_data *) (op + 1);

    switch (op->type) {
    case XDP_OP_SET_ETHERNET:
    case XDP_OP_SET_ND_LL:
        check_masked(&op->u.macs, &data[0].macs, sizeof op->u.macs);
        break;

    case XDP_OP_SET_IPV4:
        check_masked(&op->u.ipv4, &data[0].ipv4, sizeof op->u.ipv4);
        break;

    case XDP_OP_SET_IPV6:
        CHECK(!(op->u.ipv6.label & ~op->u.ipv6.label_mask));
        CHECK(!(op->u.ipv6.tclass & ~op->u.ipv6.tclass_mask));
        CHECK(!(op->u.ipv6.hlimit & ~op->u.ipv6.hlimit_mask));
        break;

    case XDP_OP_SET_IPV6_SRC:
    case XDP_OP_SET_IPV6_DST:
    case XDP_OP_SET_ND_TARGET:
        check_masked(&data[0], &data[1], sizeof data[0]);
        break;

    case XDP_OP_SET_TCP:
    case XDP_OP_SET_UDP:
        CHECK(!(op->u.ports.src & ~op->u.ports.src_mask));
        CHECK(!(op->u.ports.dst & ~op->u.ports.dst_mask));
        break;

    case XDP_OP_SET_ICMP:
        CHECK(!(op->u.icmp.type & ~op->u.icmp.type_mask));
        CHECK(!(op->u.icmp.code & ~op->u.icmp.code_mask));
        break;

    case XDP_OP_SET_ARP:
        check_masked(&op->u.arp, &data[0].arp, sizeof op->u.arp);
        check_masked(&data[1].macs, &data[2].macs, sizeof data[1].macs);
        break;

    case XDP_OP_SET_MPLS:
        CHECK(!(op->u.mpls.lse & ~op->u.mpls.mask));
        break;

    case XDP_OP_TRUNC:
        CHECK(op->u.trunc.max_len >= ETH_HEADER_LEN);
        CHECK(op[1].type == XDP_OP_OUTPUT);
        break;

    case XDP_OP_CT:
        CHECK(!(op->u.ct.mark & ~op->u.ct.mark_mask));
        if (op->u.ct.flags & XDP_CT_LABEL) {
            check_masked(&data[0], &data[1], sizeof data[0]);
        }
        CHECK(!(op->u.ct.flags & ~(XDP_CT_NAT | XDP_CT_FORCE | XDP_CT_LABEL
                                   | XDP_CT_AFRESH)));
        break;

    default:
        break;
    }
}

/* Checks the actions of a megaflow that was not refused. */
static void
check_actions(const struct xdp_flow_actions *actions,
              const struct xdp_caps *caps)
{
    bool outputs[32] = { false };
    size_t n_outputs = 0;
    bool differ = false;
    bool later = false, pushed = false, popped = false, cleared = false;
    size_t n_cts = 0;
    size_t i = 0;

    CHECK(actions->n_ops <= caps->max_ops);
    CHECK(actions->n_ops <= XDP_FLOW_MAX_OPS);
    while (i < actions->n_ops) {
        const struct xdp_op *op = &actions->ops[i];

        CHECK(op->type != XDP_OP_NONE && op->type < 64);
        CHECK(caps->ops & UINT64_C(1) << op->type);
        CHECK(op->n_data == op_n_data(op));
        i += 1 + op->n_data;
        CHECK(i <= actions->n_ops);
        check_op_values(op);

        if (op->type == XDP_OP_RECIRC || op->type == XDP_OP_TNL_POP) {
            CHECK(i == actions->n_ops && !n_outputs);
        }
        if (op->type == XDP_OP_TNL_POP) {
            CHECK(op->u.tnl_pop.n_tags == actions->n_ops - 1);
            CHECK(op->u.tnl_pop.port == op->u.tnl_pop.odp_port);
            CHECK(op->u.tnl_pop.type >= XDP_TUNNEL_VXLAN
                  && op->u.tnl_pop.type <= XDP_TUNNEL_ERSPAN);
        }
        if (op->type == XDP_OP_TNL_PUSH) {
            CHECK(!n_outputs && !pushed);
            CHECK(op->u.tnl_push.header_len <= XDP_TUNNEL_MAX_HEADER);
            pushed = true;
        }
        popped |= op->type == XDP_OP_TNL_POP;
        if (op->type == XDP_OP_CT) {
            CHECK(!n_outputs && ++n_cts <= XDP_FLOW_MAX_CTS);
        }
        CHECK(!cleared || op->type == XDP_OP_RECIRC);
        cleared = op->type == XDP_OP_CT_CLEAR;
        if (op->type == XDP_OP_OUTPUT) {
            CHECK(op->u.output.port < ARRAY_SIZE(outputs));
            CHECK(op->u.output.ifindex == op->u.output.port + 1);
            CHECK(!outputs[op->u.output.port]);
            outputs[op->u.output.port] = true;
            n_outputs++;
            differ |= later;
        } else {
            later |= n_outputs > 0;
        }
    }
    CHECK(!cleared);
    CHECK(!n_cts || actions->parts);
    CHECK(n_outputs <= caps->max_outputs);
    CHECK(!(actions->flags & ~(XDP_FLOW_COPIES_DIFFER
                               | XDP_FLOW_EXPLICIT_DROP
                               | XDP_FLOW_TNL_PUSH
                               | XDP_FLOW_TNL_POP)));
    CHECK(!(actions->flags & XDP_FLOW_TNL_PUSH) == !pushed);
    CHECK(!(actions->flags & XDP_FLOW_TNL_POP) == !popped);
    CHECK(!pushed || n_outputs <= 1);
    CHECK(!(actions->flags & XDP_FLOW_COPIES_DIFFER) == !differ);
    CHECK(!(actions->flags & XDP_FLOW_EXPLICIT_DROP) || !n_outputs);
}

/* Checks a translation that was not refused. */
static void
check_translation(const struct xdp_translation *tr,
                  const struct xdp_caps *caps)
{
    const uint64_t *mask = (const uint64_t *) &tr->mask;
    size_t n_words = 0;

    check_masked(&tr->key, &tr->mask, sizeof tr->key);
    check_masked(&tr->mask, &caps->fields, sizeof tr->mask);
    CHECK(!tr->mask.pad1);
    CHECK(tr->mask.recirc_id == caps->fields.recirc_id);
    CHECK(tr->key.in_port == IN_PORT && tr->mask.in_port == UINT32_MAX);
    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        n_words += mask[i] != 0;
    }
    CHECK(n_words <= caps->max_words);
    if (!tr->key.recirc_id) {
        CHECK(is_all_zeros(&tr->mask.ct_state,
                           XDP_KEY_CT_WORDS * sizeof *mask));
    }
    check_actions(&tr->actions, caps);
}

/* Checks the reason of a refusal. */
static void
check_refusal(enum xdp_reason reason, const struct xdp_translation *tr)
{
    CHECK(reason < XDP_N_REASONS);
    CHECK(xdp_reason_to_string(reason)[0]);
    CHECK(memchr(tr->detail, '\0', sizeof tr->detail));
    CHECK(reason == XDP_REASON_RECIRC || tr->detail[0]);
}

/* See the libFuzzer documentation. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { .data = data, .size = size };
    struct xdp_translation a, b;
    struct nlattr *actions;
    enum xdp_reason reason;
    struct xdp_caps caps;
    struct match match;

    take_match(&in, &match);
    take_caps(&in, &caps);
    /* A buffer of its own, so that ASan sees what is read after its end. */
    actions = xmalloc(in.size);
    memcpy(actions, in.data, in.size);

    reason = translate(&match, actions, in.size, &caps, 0, &a);
    if (reason) {
        check_refusal(reason, &a);
    } else {
        check_translation(&a, &caps);
    }

    CHECK(translate(&match, actions, in.size, &caps, 0xff, &b) == reason);
    if (reason) {
        CHECK(!strcmp(a.detail, b.detail));
    } else {
        CHECK(!memcmp(&a.key, &b.key, sizeof a.key));
        CHECK(!memcmp(&a.mask, &b.mask, sizeof a.mask));
        CHECK(a.actions.n_ops == b.actions.n_ops);
        CHECK(a.actions.flags == b.actions.flags);
        CHECK(!memcmp(a.actions.ops, b.actions.ops,
                      a.actions.n_ops * sizeof a.actions.ops[0]));
    }
    free(actions);
    return 0;
}
