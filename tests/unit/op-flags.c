/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the flags of a flow's list of ops: the fast lists are told
 * from all others, and what lib/xdp-abi.h says of the flags is true of every
 * list, also of those that translations end with.
 */

#include <config.h>

#undef NDEBUG
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "translate.h"
#include "unit.h"
#include "util.h"
#include "xdp-abi-tc.h"
#include "xdp-op-flags.h"

#define FAST_LISTS (XDP_FLOW_SIMPLE | XDP_FLOW_SHORT | XDP_FLOW_REWRITE)

/* The ops, each with a letter, 'x' for all that no fast list has. */
static const struct letter {
    char name;
    enum xdp_op_type type;
    int n_data;
} letters[] = {
    { 'e', XDP_OP_SET_ETHERNET, 1 },
    { '4', XDP_OP_SET_IPV4, 1 },
    { '6', XDP_OP_SET_IPV6, 0 },
    { 't', XDP_OP_SET_TCP, 0 },
    { 'u', XDP_OP_SET_UDP, 0 },
    { '-', XDP_OP_POP_VLAN, 0 },
    { '+', XDP_OP_PUSH_VLAN, 0 },
    { '=', XDP_OP_SET_VLAN, 0 },
    { 'o', XDP_OP_OUTPUT, 0 },
    { 'h', XDP_OP_HASH, 0 },
    { 'r', XDP_OP_RECIRC, 0 },
    { 'T', XDP_OP_TNL_PUSH, 2 },
    { 'P', XDP_OP_TNL_POP, 0 },
    { 'k', XDP_OP_CT_CLEAR, 0 },
    { 'c', XDP_OP_CT, 0 },
    { 'C', XDP_OP_CT, 2 },      /* Also called 'c'. */
    { 'x', XDP_OP_SET_ICMP, 0 },
    { 'X', XDP_OP_SET_ARP, 3 },
};

/* Returns what 'op' is called, 'x' if it has no letter. */
static char
op_letter(const struct xdp_op *op)
{
    for (size_t i = 0; i < ARRAY_SIZE(letters); i++) {
        if (letters[i].type == op->type) {
            return letters[i].name;
        }
    }
    return 'x';
}

/* Writes the ops of 'actions' to 's', a letter each. */
static void
spell(const struct xdp_flow_actions *actions, char s[XDP_FLOW_MAX_OPS + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        s[n++] = op_letter(&actions->ops[i]);
    }
    s[n] = '\0';
}

/* The fast lists, as lib/xdp-abi.h describes them, and what else the flags
 * say. */
enum pattern {
    SIMPLE, SIMPLE_POP, SHORT, REWRITE, TRACKED, DIFFER, N_PATTERNS
};
static regex_t patterns[N_PATTERNS];

static void
init_patterns(void)
{
    static const char *const sources[] = {
        [SIMPLE] = "^[-+=]?o$",
        [SIMPLE_POP] = "^[-=]o$",
        [SHORT] = "^(h?r|P|To)$",
        [REWRITE] = "^e?[46]?[tu]?-?[+=]?o$",
        [TRACKED] = "^(ce?[46]?c?|e?[46]?c)[or]$",
        [DIFFER] = "o[^o]+o",
    };

    for (size_t i = 0; i < N_PATTERNS; i++) {
        ovs_assert(!regcomp(&patterns[i], sources[i],
                            REG_EXTENDED | REG_NOSUB));
    }
}

static void
destroy_patterns(void)
{
    for (size_t i = 0; i < N_PATTERNS; i++) {
        regfree(&patterns[i]);
    }
}

static bool
matches(const char *s, enum pattern pattern)
{
    return !regexec(&patterns[pattern], s, 0, NULL, 0);
}

/* Returns the flags that the ops 's' must have when they come to a table. */
static uint8_t
own_flags(const char *s)
{
    return ((matches(s, DIFFER) ? XDP_FLOW_COPIES_DIFFER : 0)
            | (strchr(s, 'T') ? XDP_FLOW_TNL_PUSH : 0)
            | (strchr(s, 'P') ? XDP_FLOW_TNL_POP : 0));
}

/* Returns those that the table has to add. */
static uint8_t
fast_flags(const char *s)
{
    return (matches(s, SIMPLE_POP) ? XDP_FLOW_SIMPLE | XDP_FLOW_POP_VLAN
            : matches(s, SIMPLE) ? XDP_FLOW_SIMPLE
            : matches(s, SHORT) ? XDP_FLOW_SHORT
            : matches(s, REWRITE) || matches(s, TRACKED) ? XDP_FLOW_REWRITE
            : 0);
}

/* Returns the first sentence of lib/xdp-abi.h that is not true of the ops 's'
 * with 'flags', or NULL. */
static const char *
broken_invariant(const char *s, uint8_t flags)
{
    uint8_t fast = flags & FAST_LISTS;

    if (fast & (fast - 1)) {
        return "at most one fast list";
    }
    if (flags & XDP_FLOW_POP_VLAN && fast != XDP_FLOW_SIMPLE) {
        return "POP_VLAN with SIMPLE only";
    }
    if (flags & XDP_FLOW_POP_VLAN && strchr(s, '+')) {
        return "a push, or a pop or a tag to set";
    }
    if (flags & XDP_FLOW_COPIES_DIFFER && fast) {
        return "no fast list has copies that differ";
    }
    if (flags & XDP_FLOW_EXPLICIT_DROP && (fast || strpbrk(s, "orTP"))) {
        return "a drop goes nowhere";
    }
    if (!(flags & XDP_FLOW_TNL_PUSH) != !strchr(s, 'T')
        || !(flags & XDP_FLOW_TNL_POP) != !strchr(s, 'P')) {
        return "tunnels exactly with their ops";
    }
    if (flags & (XDP_FLOW_TNL_PUSH | XDP_FLOW_TNL_POP)
        && fast & ~XDP_FLOW_SHORT) {
        return "no tunnel in another fast list than SHORT";
    }
    return NULL;
}

/* Checks the flags of 'actions'. */
static void
check_flags(const struct xdp_flow_actions *actions)
{
    uint8_t flags = xdp_op_flags(actions);
    char s[XDP_FLOW_MAX_OPS + 1];
    const char *broken;

    spell(actions, s);
    if (flags != (actions->flags | fast_flags(s))) {
        fail("%s: flags %#x, not %#x", s, flags,
             actions->flags | fast_flags(s));
    }
    broken = broken_invariant(s, flags);
    if (broken) {
        fail("%s: flags %#x, but %s", s, flags, broken);
    }
}

/* Appends the op of 'letter' to 'actions'.  What its data slots have looks
 * like ops, too, in turn. */
static void
append(struct xdp_flow_actions *actions, const struct letter *letter,
       unsigned int turn)
{
    struct xdp_op *op = &actions->ops[actions->n_ops];

    memset(op, 0, (1 + letter->n_data) * sizeof *op);
    op->type = letter->type;
    op->n_data = letter->n_data;
    if (letter->type == XDP_OP_PUSH_VLAN
        || letter->type == XDP_OP_SET_VLAN) {
        op->u.push_vlan.tpid = htons(ETH_TYPE_VLAN_8021Q);
    }
    for (int i = 1; i <= letter->n_data; i++) {
        op[i].type = letters[(turn + i) % ARRAY_SIZE(letters)].type;
    }
    actions->n_ops += 1 + letter->n_data;
}

/* Returns the letter 'name'. */
static const struct letter *
find_letter(char name)
{
    for (size_t i = 0; i < ARRAY_SIZE(letters); i++) {
        if (letters[i].name == name) {
            return &letters[i];
        }
    }
    OVS_NOT_REACHED();
}

/* Checks all lists of up to 'max' of the ops 'names'. */
static void
check_lists(const char *names, unsigned int max)
{
    const unsigned int base = strlen(names);
    unsigned int digits[XDP_FLOW_MAX_OPS] = { 0 };
    unsigned int n = 0;

    for (unsigned int turn = 0; ; turn++) {
        struct xdp_flow_actions actions;
        char s[XDP_FLOW_MAX_OPS + 1];
        unsigned int i;

        memset(&actions, 0, sizeof actions);
        for (i = 0; i < n; i++) {
            append(&actions, find_letter(names[digits[i]]), turn);
        }
        spell(&actions, s);
        actions.flags = own_flags(s);
        check_flags(&actions);

        /* Add one. */
        for (i = 0; i < n && ++digits[i] == base; i++) {
            digits[i] = 0;
        }
        if (i == n && ++n > max) {
            break;
        }
    }
}

/* All lists of up to four ops, and longer ones of those that can be in the
 * longest fast lists. */
static void
test_op_flags_lists(void)
{
    char all[ARRAY_SIZE(letters) + 1] = "";

    for (size_t i = 0; i < ARRAY_SIZE(letters); i++) {
        all[i] = letters[i].name;
    }
    init_patterns();
    check_lists(all, 4);
    check_lists("e46tu-+=o", 6);
    check_lists("kce46or", 6);
    destroy_patterns();
}

/* A tag to push or to set whose Ethertype is 0 is one that XDP_FLOW_SIMPLE has
 * no place for. */
static void
test_op_flags_no_tpid(void)
{
    struct xdp_flow_actions actions = {
        .ops = { { .type = XDP_OP_PUSH_VLAN }, { .type = XDP_OP_OUTPUT } },
        .n_ops = 2,
    };

    CHECK(xdp_op_flags(&actions) == XDP_FLOW_REWRITE);
    actions.ops[0].u.push_vlan.tpid = htons(ETH_TYPE_VLAN_8021AD);
    CHECK(xdp_op_flags(&actions) == XDP_FLOW_SIMPLE);
    actions.ops[0].type = XDP_OP_SET_VLAN;
    CHECK(xdp_op_flags(&actions) == (XDP_FLOW_SIMPLE | XDP_FLOW_POP_VLAN));
    actions.ops[0].u.push_vlan.tpid = 0;
    CHECK(xdp_op_flags(&actions) == XDP_FLOW_REWRITE);
}

/* What flows need of packets, whatever looks like an op in data slots. */
static void
test_op_flags_needs(void)
{
    struct xdp_flow_actions actions = {
        .ops = {
            { .type = XDP_OP_SET_ETHERNET, .n_data = 1 },
            { .type = XDP_OP_PUSH_MPLS },
            { .type = XDP_OP_SET_MPLS },
            { .type = XDP_OP_TRUNC },
            { .type = XDP_OP_OUTPUT },
        },
        .n_ops = 5,
    };

    CHECK(xdp_op_needs(&actions) == XDP_NEEDS_NO_TAG_ROOM);
    actions.ops[3].type = XDP_OP_METER;
    CHECK(xdp_op_needs(&actions)
          == (XDP_NEEDS_SINGLE | XDP_NEEDS_NO_TAG_ROOM));
    actions.ops[3].type = XDP_OP_PUSH_MPLS;
    CHECK(xdp_op_needs(&actions) == (XDP_NEEDS_SINGLE | XDP_NEEDS_PLAIN));
    actions.ops[3].type = XDP_OP_POP_MPLS;
    CHECK(xdp_op_needs(&actions)
          == (XDP_NEEDS_SINGLE | XDP_NEEDS_PLAIN | XDP_NEEDS_NO_TAG_ROOM));
    actions.ops[3].type = XDP_OP_PUSH_VLAN;
    CHECK(!xdp_op_needs(&actions));
    actions.ops[3].type = XDP_OP_TNL_PUSH;
    CHECK(!xdp_op_needs(&actions));
    actions.ops[3].type = XDP_OP_SET_VLAN;
    CHECK(xdp_op_needs(&actions) == XDP_NEEDS_NO_TAG_ROOM);
    actions.ops[3].type = XDP_OP_POP_VLAN;
    CHECK(xdp_op_needs(&actions) == XDP_NEEDS_NO_TAG_ROOM);
    actions.n_ops = 3;
    CHECK(xdp_op_needs(&actions) == XDP_NEEDS_NO_TAG_ROOM);
}

/* What changes what a checksum of UDP covers, and what does not. */
static void
test_op_flags_csum(void)
{
    static const struct {
        enum xdp_op_type type;
        uint32_t src, dst;      /* Of the mask of SET_IPV4. */
        bool needs;
    } cases[] = {
        { XDP_OP_SET_ETHERNET, 0, 0, false },
        { XDP_OP_SET_IPV4, 0, 0, false },
        { XDP_OP_SET_IPV4, 1, 0, true },
        { XDP_OP_SET_IPV4, 0, 1, true },
        { XDP_OP_SET_IPV6, 0, 0, false },
        { XDP_OP_SET_IPV6_SRC, 0, 0, true },
        { XDP_OP_SET_IPV6_DST, 0, 0, true },
        { XDP_OP_SET_TCP, 0, 0, false },
        { XDP_OP_SET_UDP, 0, 0, true },
        { XDP_OP_CT, 0, 0, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        union xdp_op_data mask = {
            .ipv4 = { .src = cases[i].src, .dst = cases[i].dst, .ttl = 0xff }
        };
        struct xdp_flow_actions actions = {
            .ops = { { .type = cases[i].type, .n_data = 1 } },
            .n_ops = 3,
        };

        memcpy(&actions.ops[1], &mask, sizeof mask);
        actions.ops[2].type = XDP_OP_OUTPUT;
        if (!(xdp_op_needs(&actions) & XDP_NEEDS_OWN_CSUM)
            != !cases[i].needs) {
            fail("case %"PRIuSIZE, i);
        }
    }
}

/* Actions of megaflows. */
enum action {
    ACTION_OUTPUT_1, ACTION_OUTPUT_2, ACTION_PUSH_VLAN, ACTION_POP_VLAN,
    ACTION_SET_ETH, ACTION_SET_IPV4, ACTION_SET_UDP, ACTION_HASH,
    ACTION_RECIRC, ACTION_TNL_PUSH, ACTION_TNL_POP, ACTION_METER,
    ACTION_TRUNC, ACTION_DROP, ACTION_CT, N_ACTIONS
};

/* Appends 'action' to 'b'. */
static void
put_action(struct ofpbuf *b, enum action action)
{
    static const struct ovs_key_ethernet eth = { .eth_src = { { { 2 } } } };
    static const struct ovs_key_ipv4 ipv4 = { .ipv4_ttl = 3 };
    static const struct ovs_key_udp udp = { .udp_src = CONSTANT_HTONS(4) };
    static const struct ovs_action_hash hash = { .hash_basis = 5 };
    static const struct ovs_action_trunc trunc = { .max_len = 60 };
    static const uint8_t header[] = {
        [12] = 0x08, [14] = 0x45, [23] = IPPROTO_GRE, [36] = 0x65, 0x58
    };
    struct ovs_action_push_tnl push = {
        .tnl_type = OVS_VPORT_TYPE_GRE,
        .header_len = sizeof header,
    };

    switch (action) {
    case ACTION_OUTPUT_1:
        put_output(b, 1);
        break;
    case ACTION_OUTPUT_2:
        put_output(b, 2);
        break;
    case ACTION_PUSH_VLAN:
        put_push_vlan(b, ETH_TYPE_VLAN_8021Q, 6 | VLAN_CFI);
        break;
    case ACTION_POP_VLAN:
        put_pop_vlan(b);
        break;
    case ACTION_SET_ETH:
        put_set(b, OVS_KEY_ATTR_ETHERNET, &eth, NULL, sizeof eth);
        break;
    case ACTION_SET_IPV4:
        put_set(b, OVS_KEY_ATTR_IPV4, &ipv4, NULL, sizeof ipv4);
        break;
    case ACTION_SET_UDP:
        put_set(b, OVS_KEY_ATTR_UDP, &udp, NULL, sizeof udp);
        break;
    case ACTION_HASH:
        nl_msg_put_unspec(b, OVS_ACTION_ATTR_HASH, &hash, sizeof hash);
        break;
    case ACTION_RECIRC:
        nl_msg_put_u32(b, OVS_ACTION_ATTR_RECIRC, 7);
        break;
    case ACTION_TNL_PUSH:
        memcpy(push.header, header, sizeof header);
        nl_msg_put_unspec(b, OVS_ACTION_ATTR_TUNNEL_PUSH, &push,
                          offsetof(struct ovs_action_push_tnl, header)
                          + sizeof header);
        break;
    case ACTION_TNL_POP:
        nl_msg_put_odp_port(b, OVS_ACTION_ATTR_TUNNEL_POP, u32_to_odp(1));
        break;
    case ACTION_METER:
        nl_msg_put_u32(b, OVS_ACTION_ATTR_METER, 8);
        break;
    case ACTION_TRUNC:
        nl_msg_put_unspec(b, OVS_ACTION_ATTR_TRUNC, &trunc, sizeof trunc);
        break;
    case ACTION_DROP:
        nl_msg_put_u32(b, OVS_ACTION_ATTR_DROP, 9);
        break;
    case ACTION_CT:
        nl_msg_put_flag(b, OVS_ACTION_ATTR_CT);
        break;
    case N_ACTIONS:
    default:
        OVS_NOT_REACHED();
    }
}

/* Whatever up to four actions are translated to, its flags are those of its
 * ops. */
static void
test_op_flags_translated(void)
{
    enum { MAX_ACTIONS = 4 };
    unsigned int digits[MAX_ACTIONS] = { 0 };
    unsigned int n = 0, n_drops = 0, n_tags_set = 0;
    uint8_t seen = 0;
    struct xdp_caps caps;
    struct ofpbuf b;

    match_headers(ETH_TYPE_IP, IPPROTO_UDP);
    match_tags(1);
    begin_actions(&b, &caps);
    init_patterns();
    for (;;) {
        struct xdp_translation tr;
        unsigned int i;

        for (i = 0; i < n; i++) {
            put_action(&b, digits[i]);
        }
        if (!translate_actions(&b, &caps, &tr)) {
            uint8_t drop = tr.actions.flags & XDP_FLOW_EXPLICIT_DROP;
            char s[XDP_FLOW_MAX_OPS + 1];

            spell(&tr.actions, s);
            if (tr.actions.flags != (own_flags(s) | drop)) {
                fail("%s: flags %#x, not %#x", s, tr.actions.flags,
                     own_flags(s) | drop);
            }
            n_drops += drop != 0;
            n_tags_set += strchr(s, '=') != NULL;
            check_flags(&tr.actions);
            seen |= xdp_op_flags(&tr.actions);
        }

        for (i = 0; i < n && ++digits[i] == N_ACTIONS; i++) {
            digits[i] = 0;
        }
        if (i == n && ++n > MAX_ACTIONS) {
            break;
        }
    }
    destroy_patterns();
    match_tags(0);

    /* All of them were there. */
    CHECK(seen == UINT8_MAX);
    CHECK(n_drops > 1 && n_tags_set > 1);
}

const struct unit_case unit_op_flags[] = {
    { "op-flags-lists", test_op_flags_lists, NEED_NOTHING },
    { "op-flags-no-tpid", test_op_flags_no_tpid, NEED_NOTHING },
    { "op-flags-needs", test_op_flags_needs, NEED_NOTHING },
    { "op-flags-csum", test_op_flags_csum, NEED_NOTHING },
    { "op-flags-translated", test_op_flags_translated, NEED_NOTHING },
    { NULL, NULL, 0 }
};
