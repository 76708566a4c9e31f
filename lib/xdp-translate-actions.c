/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of what megaflows do.  See xdp-translate.h.
 *
 * A set action needs the header that it sets.  It is translated only if the
 * megaflow matches on what makes certain that the packet has that header: so a
 * packet that XDP cannot find it in is one that is cut off, and userspace
 * would not do anything sensible with it either.
 *
 * Attributes may have any length: nothing is read that is not there.
 */

#include <config.h>

#include "xdp-translate.h"

#include <netinet/ip6.h>
#include <string.h>

#include "flow.h"
#include "netdev-native-tnl.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "util.h"
#include "xdp-userspace.h"

/* Returns a short name of OVS_ACTION_ATTR_* 'type', as in format_odp_actions()
 * where it has one word. */
static const char *
action_name(enum ovs_action_attr type)
{
    switch (type) {
    case OVS_ACTION_ATTR_OUTPUT: return "output";
    case OVS_ACTION_ATTR_USERSPACE: return "userspace";
    case OVS_ACTION_ATTR_SET: return "set";
    case OVS_ACTION_ATTR_PUSH_VLAN: return "push_vlan";
    case OVS_ACTION_ATTR_POP_VLAN: return "pop_vlan";
    case OVS_ACTION_ATTR_SAMPLE: return "sample";
    case OVS_ACTION_ATTR_RECIRC: return "recirc";
    case OVS_ACTION_ATTR_HASH: return "hash";
    case OVS_ACTION_ATTR_PUSH_MPLS: return "push_mpls";
    case OVS_ACTION_ATTR_POP_MPLS: return "pop_mpls";
    case OVS_ACTION_ATTR_SET_MASKED: return "set_masked";
    case OVS_ACTION_ATTR_CT: return "ct";
    case OVS_ACTION_ATTR_TRUNC: return "trunc";
    case OVS_ACTION_ATTR_PUSH_ETH: return "push_eth";
    case OVS_ACTION_ATTR_POP_ETH: return "pop_eth";
    case OVS_ACTION_ATTR_CT_CLEAR: return "ct_clear";
    case OVS_ACTION_ATTR_PUSH_NSH: return "push_nsh";
    case OVS_ACTION_ATTR_POP_NSH: return "pop_nsh";
    case OVS_ACTION_ATTR_METER: return "meter";
    case OVS_ACTION_ATTR_CLONE: return "clone";
    case OVS_ACTION_ATTR_CHECK_PKT_LEN: return "check_pkt_len";
    case OVS_ACTION_ATTR_ADD_MPLS: return "add_mpls";
    case OVS_ACTION_ATTR_TUNNEL_PUSH: return "tnl_push";
    case OVS_ACTION_ATTR_TUNNEL_POP: return "tnl_pop";
    case OVS_ACTION_ATTR_DROP: return "drop";
    case OVS_ACTION_ATTR_LB_OUTPUT: return "lb_output";
    case OVS_ACTION_ATTR_UNSPEC:
    case __OVS_ACTION_ATTR_MAX:
    default:
        return "unknown";
    }
}

/* As action_name(), for setting OVS_KEY_ATTR_* 'type'. */
static const char *
key_name(enum ovs_key_attr type)
{
    switch (type) {
    case OVS_KEY_ATTR_PRIORITY: return "set(skb_priority)";
    case OVS_KEY_ATTR_ETHERNET: return "set(eth)";
    case OVS_KEY_ATTR_IPV4: return "set(ipv4)";
    case OVS_KEY_ATTR_IPV6: return "set(ipv6)";
    case OVS_KEY_ATTR_TCP: return "set(tcp)";
    case OVS_KEY_ATTR_UDP: return "set(udp)";
    case OVS_KEY_ATTR_ICMP: return "set(icmp)";
    case OVS_KEY_ATTR_ICMPV6: return "set(icmpv6)";
    case OVS_KEY_ATTR_ARP: return "set(arp)";
    case OVS_KEY_ATTR_ND: return "set(nd)";
    case OVS_KEY_ATTR_SKB_MARK: return "set(skb_mark)";
    case OVS_KEY_ATTR_TUNNEL: return "set(tunnel)";
    case OVS_KEY_ATTR_SCTP: return "set(sctp)";
    case OVS_KEY_ATTR_DP_HASH: return "set(dp_hash)";
    case OVS_KEY_ATTR_RECIRC_ID: return "set(recirc_id)";
    case OVS_KEY_ATTR_MPLS: return "set(mpls)";
    case OVS_KEY_ATTR_NSH: return "set(nsh)";
    case OVS_KEY_ATTR_ND_EXTENSIONS: return "set(nd_ext)";
    case OVS_KEY_ATTR_UNSPEC:
    case OVS_KEY_ATTR_ENCAP:
    case OVS_KEY_ATTR_IN_PORT:
    case OVS_KEY_ATTR_VLAN:
    case OVS_KEY_ATTR_ETHERTYPE:
    case OVS_KEY_ATTR_TCP_FLAGS:
    case OVS_KEY_ATTR_CT_STATE:
    case OVS_KEY_ATTR_CT_ZONE:
    case OVS_KEY_ATTR_CT_MARK:
    case OVS_KEY_ATTR_CT_LABELS:
    case OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4:
    case OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6:
    case OVS_KEY_ATTR_PACKET_TYPE:
    case OVS_KEY_ATTR_TUNNEL_INFO:
    case __OVS_KEY_ATTR_MAX:
    default:
        return "set";
    }
}

/* Lists of actions in each other: more than bridges in a row have ports. */
#define MAX_DEPTH 32

/* What hashes are of. */
#define HASH_PARTS (XDP_PART_NETWORK | XDP_PART_TRANSPORT | XDP_PART_EXTENDED)

/* A translation under way. */
struct translator {
    const struct xdp_caps *caps;
    xdp_translate_port_func *lookup_port;
    void *aux;
    struct xdp_translation *tr;
    const char *name;           /* Of the action under translation. */
    size_t n_outputs;
    size_t end;                 /* Op slots up to the last output. */
    bool changed;               /* Was the packet changed? */
    bool mpls_changed;          /* Was there a push or a pop of MPLS... */
    bool mpls_popped;           /* ...or a pop? */
    bool metered;               /* Was there a meter? */
    int depth;                  /* Of nested lists of actions. */
    bool tunneled;              /* Was a tunnel's header pushed? */
    bool truncates;             /* Was there a truncation... */
    bool truncated;             /* ...and the output that it is for? */
    const char *overflow;       /* First action that did not fit, or NULL. */
};

/* Refuses the action under translation for 'reason', with 'detail' after its
 * name. */
static enum xdp_reason
refuse(const struct translator *t, enum xdp_reason reason, const char *detail)
{
    snprintf(t->tr->detail, sizeof t->tr->detail, "%s%s", t->name, detail);
    return reason;
}

/* Appends the op 'type' with the first slot '*op' and 'n' data slots, from
 * 'data'. */
static enum xdp_reason
put_op(struct translator *t, enum xdp_op_type type, const struct xdp_op *op,
       const union xdp_op_data *data, size_t n)
{
    size_t max_ops = MIN(t->caps->max_ops, XDP_FLOW_MAX_OPS);
    struct xdp_flow_actions *actions = &t->tr->actions;
    struct xdp_op *p = &actions->ops[actions->n_ops];

    BUILD_ASSERT_DECL(sizeof *op == sizeof *data);
    if (!(t->caps->ops & UINT64_C(1) << type)) {
        return refuse(t, XDP_REASON_ACTION, "");
    }
    if (t->overflow || actions->n_ops + 1 + n > max_ops) {
        /* It may still turn out not to matter: see put_output(). */
        t->overflow = t->overflow ? t->overflow : t->name;
        return XDP_REASON_NONE;
    }
    t->changed |= (type != XDP_OP_OUTPUT && type != XDP_OP_METER
                   && type != XDP_OP_HASH);
    *p = *op;
    p->type = type;
    p->n_data = n;
    if (n) {
        memcpy(p + 1, data, n * sizeof *data);
    }
    actions->n_ops += 1 + n;
    return XDP_REASON_NONE;
}

/* Returns true if the megaflow takes packets of Ethertype 'dl_type' only. */
static bool
is_dl_type(const struct translator *t, uint16_t dl_type)
{
    return (t->tr->mask.dl_type == OVS_BE16_MAX
            && t->tr->key.dl_type == htons(dl_type));
}

/* Returns true if the megaflow takes packets of IP protocol 'nw_proto'
 * only. */
static bool
is_nw_proto(const struct translator *t, uint8_t nw_proto)
{
    return (t->tr->mask.nw_proto == UINT8_MAX
            && t->tr->key.nw_proto == nw_proto);
}

/* Returns true if the megaflow takes packets with an MPLS label stack only,
 * apart from what its actions do. */
static bool
is_mpls(const struct translator *t)
{
    return (is_dl_type(t, ETH_TYPE_MPLS)
            || is_dl_type(t, ETH_TYPE_MPLS_MCAST));
}

/* Checks that the header of IP above Ethertype 'dl_type', or of any IP if that
 * is zero, is where the parser found it, and if 'nw_proto' is nonzero that of
 * this protocol above it.  If 'needs_l4', there must be a transport header. */
static enum xdp_reason
check_ip(const struct translator *t, uint16_t dl_type, uint8_t nw_proto,
         bool needs_l4)
{
    if (t->mpls_changed) {
        return refuse(t, XDP_REASON_ORDER, " after a change of MPLS");
    }
    if (dl_type
        ? !is_dl_type(t, dl_type)
        : !is_dl_type(t, ETH_TYPE_IP) && !is_dl_type(t, ETH_TYPE_IPV6)) {
        return refuse(t, XDP_REASON_ACTION, " without match on eth_type");
    }
    if (nw_proto && !is_nw_proto(t, nw_proto)) {
        return refuse(t, XDP_REASON_ACTION, " without match on nw_proto");
    }
    if (needs_l4 && !(t->tr->mask.nw_frag & FLOW_NW_FRAG_LATER)) {
        return refuse(t, XDP_REASON_ACTION, " without match on nw_frag");
    }
    if (needs_l4 && t->tr->key.nw_frag & FLOW_NW_FRAG_LATER) {
        return refuse(t, XDP_REASON_ACTION, " of later fragments");
    }
    return XDP_REASON_NONE;
}

/* Stores 'size' bytes of value and mask of the set action 'k', which has a
 * mask if 'masked', in '*value' and '*mask'.  Returns false if it has another
 * length. */
static bool
get_key(const struct nlattr *k, bool masked, void *value, void *mask,
        size_t size)
{
    uint8_t *v = value;
    uint8_t *m = mask;

    if (nl_attr_get_size(k) != (masked ? 2 * size : size)) {
        return false;
    }
    memcpy(value, nl_attr_get(k), size);
    if (masked) {
        memcpy(mask, (const char *) nl_attr_get(k) + size, size);
    } else {
        memset(mask, 0xff, size);
    }
    for (size_t i = 0; i < size; i++) {
        v[i] &= m[i];
    }
    return true;
}

/* As get_key(), for the key of the type that 'value' points to. */
#define GET_KEY(K, MASKED, VALUE, MASK) \
    get_key(K, MASKED, VALUE, MASK, sizeof *(VALUE))

/* Translates OVS_KEY_ATTR_ETHERNET. */
static enum xdp_reason
set_eth(struct translator *t, const struct ovs_key_ethernet *value,
        const struct ovs_key_ethernet *mask)
{
    union xdp_op_data data = { .address = { 0 } };
    struct xdp_op op = { .type = 0 };

    memcpy(op.u.macs.first, &value->eth_dst, ETH_ADDR_LEN);
    memcpy(op.u.macs.second, &value->eth_src, ETH_ADDR_LEN);
    memcpy(data.macs.first, &mask->eth_dst, ETH_ADDR_LEN);
    memcpy(data.macs.second, &mask->eth_src, ETH_ADDR_LEN);
    return put_op(t, XDP_OP_SET_ETHERNET, &op, &data, 1);
}

/* Translates OVS_KEY_ATTR_IPV4, from a set action with mask if 'masked'. */
static enum xdp_reason
set_ipv4(struct translator *t, const struct ovs_key_ipv4 *value,
         const struct ovs_key_ipv4 *mask, bool masked)
{
    union xdp_op_data data = { .address = { 0 } };
    struct xdp_op op = { .type = 0 };
    enum xdp_reason reason;

    if (masked && (mask->ipv4_proto || mask->ipv4_frag)) {
        return refuse(t, XDP_REASON_ACTION, " of protocol or fragments");
    }
    reason = check_ip(t, ETH_TYPE_IP, 0, mask->ipv4_src || mask->ipv4_dst);
    if (reason) {
        return reason;
    }
    op.u.ipv4.src = value->ipv4_src;
    op.u.ipv4.dst = value->ipv4_dst;
    op.u.ipv4.tos = value->ipv4_tos;
    op.u.ipv4.ttl = value->ipv4_ttl;
    data.ipv4.src = mask->ipv4_src;
    data.ipv4.dst = mask->ipv4_dst;
    data.ipv4.tos = mask->ipv4_tos;
    data.ipv4.ttl = mask->ipv4_ttl;
    return put_op(t, XDP_OP_SET_IPV4, &op, &data, 1);
}

/* Puts an op that sets the IPv6 address 'value' under 'mask', unless there is
 * nothing to set. */
static enum xdp_reason
set_address(struct translator *t, enum xdp_op_type type,
            const struct in6_addr *value, const struct in6_addr *mask)
{
    struct xdp_op op = { .type = 0 };
    union xdp_op_data data[2];

    if (ipv6_mask_is_any(mask)) {
        return XDP_REASON_NONE;
    }
    memcpy(data[0].address, value, sizeof data[0].address);
    memcpy(data[1].address, mask, sizeof data[1].address);
    return put_op(t, type, &op, data, 2);
}

/* Translates OVS_KEY_ATTR_IPV6, from a set action with mask if 'masked'. */
static enum xdp_reason
set_ipv6(struct translator *t, const struct ovs_key_ipv6 *value,
         const struct ovs_key_ipv6 *mask, bool masked)
{
    bool addresses = (!ipv6_mask_is_any(&mask->ipv6_src)
                      || !ipv6_mask_is_any(&mask->ipv6_dst));
    struct xdp_op op = { .type = 0 };
    enum xdp_reason reason;

    if (masked && (mask->ipv6_proto || mask->ipv6_frag)) {
        return refuse(t, XDP_REASON_ACTION, " of protocol or fragments");
    }
    reason = check_ip(t, ETH_TYPE_IPV6, 0, addresses);
    if (!reason) {
        reason = set_address(t, XDP_OP_SET_IPV6_SRC, &value->ipv6_src,
                             &mask->ipv6_src);
    }
    if (!reason) {
        reason = set_address(t, XDP_OP_SET_IPV6_DST, &value->ipv6_dst,
                             &mask->ipv6_dst);
    }
    if (reason || (!mask->ipv6_label && !mask->ipv6_tclass
                   && !mask->ipv6_hlimit)) {
        return reason;
    }
    op.u.ipv6.label = value->ipv6_label & htonl(IPV6_LABEL_MASK);
    op.u.ipv6.label_mask = mask->ipv6_label & htonl(IPV6_LABEL_MASK);
    op.u.ipv6.tclass = value->ipv6_tclass;
    op.u.ipv6.tclass_mask = mask->ipv6_tclass;
    op.u.ipv6.hlimit = value->ipv6_hlimit;
    op.u.ipv6.hlimit_mask = mask->ipv6_hlimit;
    return put_op(t, XDP_OP_SET_IPV6, &op, NULL, 0);
}

/* Translates OVS_KEY_ATTR_TCP and OVS_KEY_ATTR_UDP, which have the same form,
 * to the op 'type'. */
static enum xdp_reason
set_ports(struct translator *t, enum xdp_op_type type, uint8_t nw_proto,
          const struct ovs_key_tcp *value, const struct ovs_key_tcp *mask)
{
    enum xdp_reason reason = check_ip(t, 0, nw_proto, true);
    struct xdp_op op = { .type = 0 };

    if (reason) {
        return reason;
    }
    op.u.ports.src = value->tcp_src;
    op.u.ports.dst = value->tcp_dst;
    op.u.ports.src_mask = mask->tcp_src;
    op.u.ports.dst_mask = mask->tcp_dst;
    return put_op(t, type, &op, NULL, 0);
}

/* Translates OVS_KEY_ATTR_ICMP and OVS_KEY_ATTR_ICMPV6. */
static enum xdp_reason
set_icmp(struct translator *t, uint16_t dl_type, uint8_t nw_proto,
         const struct ovs_key_icmp *value, const struct ovs_key_icmp *mask)
{
    enum xdp_reason reason = check_ip(t, dl_type, nw_proto, true);
    struct xdp_op op = { .type = 0 };

    if (reason) {
        return reason;
    }
    op.u.icmp.type = value->icmp_type;
    op.u.icmp.code = value->icmp_code;
    op.u.icmp.type_mask = mask->icmp_type;
    op.u.icmp.code_mask = mask->icmp_code;
    return put_op(t, XDP_OP_SET_ICMP, &op, NULL, 0);
}

/* Translates OVS_KEY_ATTR_ARP. */
static enum xdp_reason
set_arp(struct translator *t, const struct ovs_key_arp *value,
        const struct ovs_key_arp *mask)
{
    struct xdp_op op = { .type = 0 };
    union xdp_op_data data[3];

    if (t->mpls_changed) {
        return refuse(t, XDP_REASON_ORDER, " after a change of MPLS");
    }
    if (!is_dl_type(t, ETH_TYPE_ARP) && !is_dl_type(t, ETH_TYPE_RARP)) {
        return refuse(t, XDP_REASON_ACTION, " without match on eth_type");
    }
    memset(data, 0, sizeof data);
    op.u.arp.sip = value->arp_sip;
    op.u.arp.tip = value->arp_tip;
    op.u.arp.op = value->arp_op;
    data[0].arp.sip = mask->arp_sip;
    data[0].arp.tip = mask->arp_tip;
    data[0].arp.op = mask->arp_op;
    memcpy(data[1].macs.first, &value->arp_sha, ETH_ADDR_LEN);
    memcpy(data[1].macs.second, &value->arp_tha, ETH_ADDR_LEN);
    memcpy(data[2].macs.first, &mask->arp_sha, ETH_ADDR_LEN);
    memcpy(data[2].macs.second, &mask->arp_tha, ETH_ADDR_LEN);
    return put_op(t, XDP_OP_SET_ARP, &op, data, 3);
}

/* Translates OVS_KEY_ATTR_ND. */
static enum xdp_reason
set_nd(struct translator *t, const struct ovs_key_nd *value,
       const struct ovs_key_nd *mask)
{
    enum xdp_reason reason = check_ip(t, ETH_TYPE_IPV6, IPPROTO_ICMPV6, true);
    union xdp_op_data data = { .address = { 0 } };
    struct xdp_op op = { .type = 0 };

    if (!reason) {
        reason = set_address(t, XDP_OP_SET_ND_TARGET, &value->nd_target,
                             &mask->nd_target);
    }
    if (reason || (eth_addr_is_zero(mask->nd_sll)
                   && eth_addr_is_zero(mask->nd_tll))) {
        return reason;
    }
    memcpy(op.u.macs.first, &value->nd_sll, ETH_ADDR_LEN);
    memcpy(op.u.macs.second, &value->nd_tll, ETH_ADDR_LEN);
    memcpy(data.macs.first, &mask->nd_sll, ETH_ADDR_LEN);
    memcpy(data.macs.second, &mask->nd_tll, ETH_ADDR_LEN);
    return put_op(t, XDP_OP_SET_ND_LL, &op, &data, 1);
}

/* Translates OVS_KEY_ATTR_MPLS. */
static enum xdp_reason
set_mpls(struct translator *t, const ovs_be32 *value, const ovs_be32 *mask)
{
    struct xdp_op op = { .type = 0 };

    if (!t->mpls_changed && !is_mpls(t)) {
        return refuse(t, XDP_REASON_ACTION, " without match on eth_type");
    }
    op.u.mpls.lse = *value;
    op.u.mpls.mask = *mask;
    return put_op(t, XDP_OP_SET_MPLS, &op, NULL, 0);
}

/* Translates the set action 'a', which has a mask if 'masked'. */
static enum xdp_reason
translate_set(struct translator *t, const struct nlattr *a, bool masked)
{
    const struct nlattr *k = nl_attr_get(a);
    enum ovs_key_attr type;
    bool ok = false;

    if (nl_attr_get_size(a) < NLA_HDRLEN
        || !nl_attr_is_valid(k, nl_attr_get_size(a))) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    type = nl_attr_type(k);
    t->name = key_name(type);

/* Translates key ATTR of type STRUCT by SET. */
#define KEY(ATTR, STRUCT, SET)                          \
    case OVS_KEY_ATTR_##ATTR: {                         \
        STRUCT value, mask;                             \
                                                        \
        ok = GET_KEY(k, masked, &value, &mask);         \
        if (ok) {                                       \
            return SET;                                 \
        }                                               \
        break;                                          \
    }

    switch (type) {
    KEY(ETHERNET, struct ovs_key_ethernet, set_eth(t, &value, &mask))
    KEY(IPV4, struct ovs_key_ipv4, set_ipv4(t, &value, &mask, masked))
    KEY(IPV6, struct ovs_key_ipv6, set_ipv6(t, &value, &mask, masked))
    KEY(TCP, struct ovs_key_tcp,
        set_ports(t, XDP_OP_SET_TCP, IPPROTO_TCP, &value, &mask))
    KEY(UDP, struct ovs_key_tcp,
        set_ports(t, XDP_OP_SET_UDP, IPPROTO_UDP, &value, &mask))
    KEY(ICMP, struct ovs_key_icmp,
        set_icmp(t, ETH_TYPE_IP, IPPROTO_ICMP, &value, &mask))
    KEY(ICMPV6, struct ovs_key_icmp,
        set_icmp(t, ETH_TYPE_IPV6, IPPROTO_ICMPV6, &value, &mask))
    KEY(ARP, struct ovs_key_arp, set_arp(t, &value, &mask))
    KEY(ND, struct ovs_key_nd, set_nd(t, &value, &mask))
    KEY(MPLS, ovs_be32, set_mpls(t, &value, &mask))

    case OVS_KEY_ATTR_UNSPEC:
    case OVS_KEY_ATTR_ENCAP:
    case OVS_KEY_ATTR_PRIORITY:
    case OVS_KEY_ATTR_IN_PORT:
    case OVS_KEY_ATTR_VLAN:
    case OVS_KEY_ATTR_ETHERTYPE:
    case OVS_KEY_ATTR_SKB_MARK:
    case OVS_KEY_ATTR_TUNNEL:
    case OVS_KEY_ATTR_SCTP:
    case OVS_KEY_ATTR_TCP_FLAGS:
    case OVS_KEY_ATTR_DP_HASH:
    case OVS_KEY_ATTR_RECIRC_ID:
    case OVS_KEY_ATTR_CT_STATE:
    case OVS_KEY_ATTR_CT_ZONE:
    case OVS_KEY_ATTR_CT_MARK:
    case OVS_KEY_ATTR_CT_LABELS:
    case OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4:
    case OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6:
    case OVS_KEY_ATTR_NSH:
    case OVS_KEY_ATTR_PACKET_TYPE:
    case OVS_KEY_ATTR_ND_EXTENSIONS:
    case OVS_KEY_ATTR_TUNNEL_INFO:
    case __OVS_KEY_ATTR_MAX:
    default:
        return refuse(t, XDP_REASON_ACTION, "");
    }
#undef KEY
    ovs_assert(!ok);
    return refuse(t, XDP_REASON_ACTION, ", malformed");
}

/* Returns true if 'actions' have an output to 'port'. */
static bool
has_output(const struct xdp_flow_actions *actions, uint32_t port)
{
    for (size_t i = 0; i < actions->n_ops; i += 1 + actions->ops[i].n_data) {
        const struct xdp_op *op = &actions->ops[i];

        if (op->type == XDP_OP_OUTPUT && op->u.output.port == port) {
            return true;
        }
    }
    return false;
}

/* Translates an output to 'odp_port'. */
static enum xdp_reason
translate_output(struct translator *t, odp_port_t odp_port)
{
    struct xdp_translation *tr = t->tr;
    struct xdp_op op = { .type = 0 };
    struct xdp_translate_port port;
    enum xdp_reason reason;

    reason = t->lookup_port(odp_port, false, &port, tr->detail,
                            sizeof tr->detail, t->aux);
    if (reason) {
        return reason;
    }
    op.u.output.port = port.number;
    op.u.output.ifindex = port.ifindex;
    if (t->truncated) {
        return refuse(t, XDP_REASON_ORDER, " after a truncated one");
    }
    if (t->n_outputs >= t->caps->max_outputs) {
        snprintf(tr->detail, sizeof tr->detail, "more than %"PRIu32,
                 t->caps->max_outputs);
        return XDP_REASON_OUTPUTS;
    }
    if (t->n_outputs && t->tunneled) {
        /* Whether a copy is too large is known of a single one only. */
        ovs_strlcpy(tr->detail, "several after tnl_push", sizeof tr->detail);
        return XDP_REASON_OUTPUTS;
    }
    if (has_output(&tr->actions, op.u.output.port)) {
        ovs_strlcpy(tr->detail, "two to one port", sizeof tr->detail);
        return XDP_REASON_OUTPUTS;
    }

    if (t->n_outputs && t->end < tr->actions.n_ops) {
        tr->actions.flags |= XDP_FLOW_COPIES_DIFFER;
    }
    reason = put_op(t, XDP_OP_OUTPUT, &op, NULL, 0);
    if (!reason && t->overflow) {
        ovs_strlcpy(tr->detail, t->overflow, sizeof tr->detail);
        return XDP_REASON_N_OPS;
    }
    t->n_outputs++;
    t->truncated = t->truncates;
    t->end = tr->actions.n_ops;
    return reason;
}

static enum xdp_reason translate_list(struct translator *,
                                      const struct nlattr *actions,
                                      size_t actions_len);

/* Translates the push of a VLAN tag 'a'. */
static enum xdp_reason
translate_push_vlan(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    struct ovs_action_push_vlan vlan;

    if (nl_attr_get_size(a) < sizeof vlan) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    memcpy(&vlan, nl_attr_get(a), sizeof vlan);
    op.u.push_vlan.tpid = vlan.vlan_tpid;
    op.u.push_vlan.tci = vlan.vlan_tci & htons(~VLAN_CFI);
    return put_op(t, XDP_OP_PUSH_VLAN, &op, NULL, 0);
}

/* Translates the push of an MPLS label 'a'. */
static enum xdp_reason
translate_push_mpls(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    struct ovs_action_push_mpls mpls;

    if (nl_attr_get_size(a) < sizeof mpls) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    memcpy(&mpls, nl_attr_get(a), sizeof mpls);
    if (!eth_type_mpls(mpls.mpls_ethertype)) {
        return refuse(t, XDP_REASON_ACTION, " with another eth_type");
    }
    if (t->tr->mask.dl_type != OVS_BE16_MAX) {
        return refuse(t, XDP_REASON_ACTION, " without match on eth_type");
    }
    op.u.mpls.lse = mpls.mpls_lse;
    op.u.mpls.type = mpls.mpls_ethertype;
    t->mpls_changed = true;
    return put_op(t, XDP_OP_PUSH_MPLS, &op, NULL, 0);
}

/* Translates the pop of an MPLS label 'a'. */
static enum xdp_reason
translate_pop_mpls(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };

    if (nl_attr_get_size(a) < sizeof(ovs_be16)) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (!t->mpls_changed && !is_mpls(t)) {
        return refuse(t, XDP_REASON_ACTION, " without match on eth_type");
    }
    op.u.mpls.type = nl_attr_get_be16(a);
    t->mpls_changed = t->mpls_popped = true;
    return put_op(t, XDP_OP_POP_MPLS, &op, NULL, 0);
}

/* Translates the truncation 'a', of which 'next' is the following action, or
 * NULL. */
static enum xdp_reason
translate_trunc(struct translator *t, const struct nlattr *a,
                const struct nlattr *next)
{
    struct xdp_op op = { .type = 0 };
    struct ovs_action_trunc trunc;

    if (nl_attr_get_size(a) < sizeof trunc) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    memcpy(&trunc, nl_attr_get(a), sizeof trunc);
    if (trunc.max_len < ETH_HEADER_LEN) {
        return refuse(t, XDP_REASON_ACTION,
                      " to less than an Ethernet header");
    }
    if (!next || nl_attr_type(next) != OVS_ACTION_ATTR_OUTPUT) {
        return refuse(t, XDP_REASON_ORDER, " not right before an output");
    }
    op.u.trunc.max_len = trunc.max_len;
    t->truncates = true;
    return put_op(t, XDP_OP_TRUNC, &op, NULL, 0);
}

/* Translates the meter 'a'. */
static enum xdp_reason
translate_meter(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    enum xdp_reason reason;
    uint32_t id;

    if (nl_attr_get_size(a) < sizeof id) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (t->n_outputs) {
        /* Each of several copies would be metered. */
        return refuse(t, XDP_REASON_ORDER, " after an output");
    }
    id = nl_attr_get_u32(a);
    if (id >= XDP_METER_MAX) {
        snprintf(t->tr->detail, sizeof t->tr->detail,
                 "meter %"PRIu32" of the datapath, more than %d", id,
                 XDP_METER_MAX - 1);
        return XDP_REASON_METER;
    }
    op.u.meter.id = id;
    t->metered = true;
    reason = put_op(t, XDP_OP_METER, &op, NULL, 0);
    if (!reason && t->overflow) {
        ovs_strlcpy(t->tr->detail, t->overflow, sizeof t->tr->detail);
        return XDP_REASON_N_OPS;
    }

    /* It counts packets, whether they go anywhere or not. */
    t->end = t->tr->actions.n_ops;
    return reason;
}

/* Translates the hash 'a'. */
static enum xdp_reason
translate_hash(struct translator *t, const struct nlattr *a)
{
    struct xdp_op op = { .type = 0 };
    struct ovs_action_hash hash;

    if (nl_attr_get_size(a) < sizeof hash) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    memcpy(&hash, nl_attr_get(a), sizeof hash);
#if defined(__SSE4_2__) || defined(__ARM_FEATURE_CRC32)
    return refuse(t, XDP_REASON_ACTION, " by this processor's instructions");
#endif
    switch ((enum ovs_hash_alg) hash.hash_alg) {
    case OVS_HASH_ALG_L4:
        if (t->mpls_popped) {
            return refuse(t, XDP_REASON_ORDER, " after pop_mpls");
        }
        break;
    case OVS_HASH_ALG_SYM_L4:
        if (t->changed) {
            return refuse(t, XDP_REASON_ORDER, " after a change");
        }
        break;
    case __OVS_HASH_MAX:
    default:
        return refuse(t, XDP_REASON_ACTION, ", unknown algorithm");
    }
    op.u.hash.alg = hash.hash_alg;
    op.u.hash.basis = hash.hash_basis;
    t->tr->actions.parts = HASH_PARTS;
    return put_op(t, XDP_OP_HASH, &op, NULL, 0);
}

/* Appends the op 'type', 'op', which gives the packet another pass. */
static enum xdp_reason
put_last_op(struct translator *t, enum xdp_op_type type,
            const struct xdp_op *op)
{
    enum xdp_reason reason = put_op(t, type, op, NULL, 0);

    if (!reason && t->overflow) {
        ovs_strlcpy(t->tr->detail, t->overflow, sizeof t->tr->detail);
        return XDP_REASON_N_OPS;
    }
    t->end = t->tr->actions.n_ops;
    return reason;
}

/* Translates the recirculation 'a', of which 'next' is the following action,
 * or NULL. */
static enum xdp_reason
translate_recirc(struct translator *t, const struct nlattr *a,
                 const struct nlattr *next)
{
    struct xdp_op op = { .type = 0 };

    if (nl_attr_get_size(a) < sizeof op.u.recirc.id || !nl_attr_get_u32(a)) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (t->n_outputs) {
        return refuse(t, XDP_REASON_ORDER, " after an output");
    }
    if (next) {
        return refuse(t, XDP_REASON_ORDER, " before other actions");
    }
    op.u.recirc.id = nl_attr_get_u32(a);

    /* A later pass, here or in userspace, may ask for the hash of the packet
     * as it is now. */
    t->tr->actions.parts = HASH_PARTS;
    return put_last_op(t, XDP_OP_RECIRC, &op);
}

/* Returns the enum xdp_tunnel_push_flags of the header in 'data', or -1 if it
 * is one that XDP cannot finish.  Stores where its sequence number is, if it
 * has one, in '*seq_ofs'. */
static int
get_push_flags(const struct ovs_action_push_tnl *data, uint8_t *seq_ofs)
{
    const struct eth_header *eth = (const void *) data->header;
    const uint8_t *l3 = (const uint8_t *) (eth + 1);
    const uint8_t *l4;
    size_t l4_size;
    uint8_t proto;
    int flags;

    if (data->header_len > XDP_TUNNEL_MAX_HEADER
        || data->header_len % 4 != ETH_HEADER_LEN % 4) {
        return -1;
    }
    if (eth->eth_type == htons(ETH_TYPE_IP) && l3[0] == IP_IHL_VER(5, 4)) {
        flags = 0;
        proto = l3[offsetof(struct ip_header, ip_proto)];
        l4 = l3 + IP_HEADER_LEN;
    } else if (eth->eth_type == htons(ETH_TYPE_IPV6) && l3[0] >> 4 == 6) {
        flags = XDP_TUNNEL_PUSH_IPV6;
        proto = l3[offsetof(struct ovs_16aligned_ip6_hdr, ip6_nxt)];
        l4 = l3 + IPV6_HEADER_LEN;
    } else {
        return -1;
    }
    if (l4 > (const uint8_t *) eth + data->header_len) {
        return -1;
    }
    l4_size = (const uint8_t *) eth + data->header_len - l4;

    if (proto == IPPROTO_UDP && l4_size >= UDP_HEADER_LEN) {
        struct udp_header udp;

        memcpy(&udp, l4, sizeof udp);
        flags |= XDP_TUNNEL_PUSH_UDP;
        return udp.udp_csum ? flags | XDP_TUNNEL_PUSH_UDP_CSUM : flags;
    }
    if (proto == IPPROTO_GRE && l4_size >= sizeof(struct gre_base_hdr)) {
        struct gre_base_hdr gre;

        memcpy(&gre, l4, sizeof gre);
        switch (ntohs(gre.flags) & (GRE_CSUM | GRE_SEQ)) {
        case 0:
            return flags;

        case GRE_CSUM:
            return (l4_size >= sizeof gre + 4
                    ? flags | XDP_TUNNEL_PUSH_GRE_CSUM : -1);

        case GRE_SEQ:
            /* The last field of GRE, which nothing or ERSPAN follows.  Type
             * III of that has the time, too. */
            if (gre.protocol == htons(ETH_TYPE_ERSPAN2)
                || l4_size < sizeof gre + 4) {
                return -1;
            }
            *seq_ofs = (gre.protocol == htons(ETH_TYPE_ERSPAN1)
                        ? data->header_len - l4_size + sizeof gre
                        : data->header_len - 4);
            return flags | XDP_TUNNEL_PUSH_SEQ;

        default:
            /* Userspace computes the checksum without the number. */
            return -1;
        }
    }
    return -1;
}

/* Translates the push of a tunnel's header 'a'. */
static enum xdp_reason
translate_tnl_push(struct translator *t, const struct nlattr *a)
{
    union xdp_op_data data[XDP_TUNNEL_MAX_HEADER / sizeof(union xdp_op_data)];
    struct ovs_action_push_tnl push;
    struct xdp_op op = { .type = 0 };
    int flags;

    /* The rest of the header may be missing. */
    memset(&push, 0, sizeof push);
    memcpy(&push, nl_attr_get(a), MIN(nl_attr_get_size(a), sizeof push));
    if (nl_attr_get_size(a) < offsetof(struct ovs_action_push_tnl, header)
        || push.header_len > sizeof push.header
        || (nl_attr_get_size(a) - offsetof(struct ovs_action_push_tnl, header)
            < push.header_len)) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (push.tnl_type != OVS_VPORT_TYPE_VXLAN
        && push.tnl_type != OVS_VPORT_TYPE_GENEVE
        && push.tnl_type != OVS_VPORT_TYPE_GRE
        && push.tnl_type != OVS_VPORT_TYPE_IP6GRE
        && push.tnl_type != OVS_VPORT_TYPE_ERSPAN
        && push.tnl_type != OVS_VPORT_TYPE_IP6ERSPAN) {
        return refuse(t, XDP_REASON_ACTION, " of this type of tunnel");
    }
    if (t->n_outputs) {
        return refuse(t, XDP_REASON_ORDER, " after an output");
    }
    if (t->truncates) {
        return refuse(t, XDP_REASON_ORDER, " after trunc");
    }
    if (t->tunneled) {
        return refuse(t, XDP_REASON_ORDER, " after tnl_push");
    }
    flags = get_push_flags(&push, &op.u.tnl_push.seq_ofs);
    if (flags < 0
        || (flags & XDP_TUNNEL_PUSH_SEQ
            && odp_to_u32(push.tnl_port) >= XDP_SEQUENCE_MAX)) {
        return refuse(t, XDP_REASON_ACTION, " with such a header");
    }
    if (flags & XDP_TUNNEL_PUSH_SEQ) {
        op.u.tnl_push.seq = odp_to_u32(push.tnl_port);
    }

    op.u.tnl_push.header_len = push.header_len;
    op.u.tnl_push.flags = flags;
    if (flags & XDP_TUNNEL_PUSH_UDP) {
#if defined(__SSE4_2__) || defined(__ARM_FEATURE_CRC32)
        return refuse(t, XDP_REASON_ACTION,
                      ": hash by this processor's instructions");
#endif
        if (t->mpls_popped) {
            return refuse(t, XDP_REASON_ORDER, " after pop_mpls");
        }
        op.u.tnl_push.port_min = tnl_udp_port_min;
        op.u.tnl_push.n_ports = tnl_udp_port_max - tnl_udp_port_min;
        t->tr->actions.parts = HASH_PARTS;
    }
    memset(data, 0, sizeof data);
    memcpy(data, push.header, push.header_len);
    t->tunneled = true;
    t->tr->actions.flags |= XDP_FLOW_TNL_PUSH;
    return put_op(t, XDP_OP_TNL_PUSH, &op, data,
                  DIV_ROUND_UP(push.header_len, sizeof *data));
}

/* Translates the pop of a tunnel's header 'a', of which 'next' is the
 * following action, or NULL. */
static enum xdp_reason
translate_tnl_pop(struct translator *t, const struct nlattr *a,
                  const struct nlattr *next)
{
    struct xdp_flow_actions *actions = &t->tr->actions;
    struct xdp_op op = { .type = 0 };
    struct xdp_translate_port port;
    enum xdp_reason reason;

    if (nl_attr_get_size(a) < sizeof(uint32_t)) {
        return refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (next) {
        return refuse(t, XDP_REASON_ORDER, " before other actions");
    }
    for (size_t i = 0; i < actions->n_ops; i++) {
        if (actions->ops[i].type != XDP_OP_POP_VLAN) {
            return refuse(t, XDP_REASON_ORDER, " after other actions");
        }
    }
    reason = t->lookup_port(nl_attr_get_odp_port(a), true, &port,
                            t->tr->detail, sizeof t->tr->detail, t->aux);
    if (reason) {
        return reason;
    }
    op.u.tnl_pop.port = port.number;
    op.u.tnl_pop.odp_port = odp_to_u32(nl_attr_get_odp_port(a));
    op.u.tnl_pop.type = port.tunnel;
    op.u.tnl_pop.n_tags = actions->n_ops;
    actions->flags |= XDP_FLOW_TNL_POP;
    actions->parts = HASH_PARTS;
    return put_last_op(t, XDP_OP_TNL_POP, &op);
}

/* Refuses the userspace or sample action 'a', and says what it is for. */
static enum xdp_reason
refuse_userspace(const struct translator *t, const struct nlattr *a)
{
    char purpose[sizeof t->tr->detail];

    xdp_userspace_describe(a, purpose, sizeof purpose);
    return refuse(t, XDP_REASON_ACTION, purpose);
}

/* Returns true if an action of 'type' can follow the push of a tunnel's
 * header, which the megaflow does not match on. */
static bool
can_follow_push(const struct nlattr *a)
{
    switch (nl_attr_type(a)) {
    case OVS_ACTION_ATTR_OUTPUT:
    case OVS_ACTION_ATTR_PUSH_VLAN:
    case OVS_ACTION_ATTR_METER:
    case OVS_ACTION_ATTR_DROP:
    case OVS_ACTION_ATTR_CT_CLEAR:
        return true;

    default:
        return false;
    }
}

/* Translates the action 'a', of which 'next' is the following one, or NULL. */
static enum xdp_reason
translate_action(struct translator *t, const struct nlattr *a,
                 const struct nlattr *next)
{
    enum ovs_action_attr type = nl_attr_type(a);
    struct xdp_op op = { .type = 0 };

    t->name = action_name(type);
    if (t->tunneled && !can_follow_push(a)) {
        return refuse(t, XDP_REASON_ORDER, " after tnl_push");
    }
    switch (type) {
    case OVS_ACTION_ATTR_OUTPUT:
        if (nl_attr_get_size(a) < sizeof(uint32_t)) {
            return refuse(t, XDP_REASON_ACTION, ", malformed");
        }
        return translate_output(t, nl_attr_get_odp_port(a));

    case OVS_ACTION_ATTR_PUSH_VLAN:
        return translate_push_vlan(t, a);

    case OVS_ACTION_ATTR_POP_VLAN:
        return put_op(t, XDP_OP_POP_VLAN, &op, NULL, 0);

    case OVS_ACTION_ATTR_SET:
        return translate_set(t, a, false);

    case OVS_ACTION_ATTR_SET_MASKED:
        return translate_set(t, a, true);

    case OVS_ACTION_ATTR_PUSH_MPLS:
        return translate_push_mpls(t, a);

    case OVS_ACTION_ATTR_POP_MPLS:
        return translate_pop_mpls(t, a);

    case OVS_ACTION_ATTR_TRUNC:
        return translate_trunc(t, a, next);

    case OVS_ACTION_ATTR_METER:
        return translate_meter(t, a);

    case OVS_ACTION_ATTR_HASH:
        return translate_hash(t, a);

    case OVS_ACTION_ATTR_RECIRC:
        return translate_recirc(t, a, next);

    case OVS_ACTION_ATTR_TUNNEL_PUSH:
        return translate_tnl_push(t, a);

    case OVS_ACTION_ATTR_TUNNEL_POP:
        return translate_tnl_pop(t, a, next);

    case OVS_ACTION_ATTR_CLONE:
        /* What follows would get the packet as it was before. */
        if (next) {
            return refuse(t, XDP_REASON_ORDER, " before other actions");
        }
        if (++t->depth > MAX_DEPTH) {
            return refuse(t, XDP_REASON_N_OPS, " in too many others");
        }
        return translate_list(t, nl_attr_get(a), nl_attr_get_size(a));

    case OVS_ACTION_ATTR_CT_CLEAR:
        /* No packet in XDP has connection tracking state. */
        return XDP_REASON_NONE;

    case OVS_ACTION_ATTR_DROP:
        /* How ofproto says it; no action at all means nearly the same. */
        if (next || t->n_outputs) {
            return refuse(t, XDP_REASON_ORDER, "");
        }

        /* All packets of the flow count as dropped for that reason, which is
         * looked for among its outermost actions. */
        if (t->metered) {
            return refuse(t, XDP_REASON_ORDER, " after meter");
        }
        if (t->depth) {
            return refuse(t, XDP_REASON_ORDER, " in clone");
        }
        t->tr->actions.flags |= XDP_FLOW_EXPLICIT_DROP;
        return XDP_REASON_NONE;

    case OVS_ACTION_ATTR_USERSPACE:
    case OVS_ACTION_ATTR_SAMPLE:
        return refuse_userspace(t, a);

    case OVS_ACTION_ATTR_UNSPEC:
    case OVS_ACTION_ATTR_CT:
    case OVS_ACTION_ATTR_PUSH_ETH:
    case OVS_ACTION_ATTR_POP_ETH:
    case OVS_ACTION_ATTR_PUSH_NSH:
    case OVS_ACTION_ATTR_POP_NSH:
    case OVS_ACTION_ATTR_CHECK_PKT_LEN:
    case OVS_ACTION_ATTR_ADD_MPLS:
    case OVS_ACTION_ATTR_LB_OUTPUT:
    case __OVS_ACTION_ATTR_MAX:
    default:
        return refuse(t, XDP_REASON_ACTION, "");
    }
}

/* Translates the 'actions_len' bytes of 'actions'. */
static enum xdp_reason
translate_list(struct translator *t, const struct nlattr *actions,
               size_t actions_len)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH (a, left, actions, actions_len) {
        size_t len = NLA_ALIGN(a->nla_len);
        const struct nlattr *next = nl_attr_next(a);
        enum xdp_reason reason;

        if (left <= len || !nl_attr_is_valid(next, left - len)) {
            next = NULL;
        }
        reason = translate_action(t, a, next);
        if (reason) {
            return reason;
        }
    }
    if (left) {
        ovs_strlcpy(t->tr->detail, "malformed", sizeof t->tr->detail);
        return XDP_REASON_ACTION;
    }
    return XDP_REASON_NONE;
}

/* Translates the 'actions_len' bytes of 'actions' into 'tr->actions', looking
 * up ports with 'lookup_port' and 'aux'.  'tr->key' and 'tr->mask' must be
 * those of the megaflow, from xdp_translate_match(). */
enum xdp_reason
xdp_translate_actions(const struct nlattr *actions, size_t actions_len,
                      const struct xdp_caps *caps,
                      xdp_translate_port_func *lookup_port, void *aux,
                      struct xdp_translation *tr)
{
    struct translator t = {
        .caps = caps,
        .lookup_port = lookup_port,
        .aux = aux,
        .tr = tr,
    };
    enum xdp_reason reason;

    memset(&tr->actions, 0, sizeof tr->actions);
    tr->detail[0] = '\0';
    reason = translate_list(&t, actions, actions_len);
    if (reason) {
        return reason;
    }

    /* Changes to a packet that goes nowhere are not worth their time. */
    tr->actions.n_ops = t.end;
    return XDP_REASON_NONE;
}
