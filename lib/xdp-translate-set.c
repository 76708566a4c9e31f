/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of set actions.  See xdp-translate-private.h.
 *
 * A set action needs the header that it sets.  It is translated only if the
 * megaflow matches on what makes certain that the packet has that header: so a
 * packet that XDP cannot find it in is one that is cut off, and userspace
 * would not do anything sensible with it either.
 */

#include <config.h>

#include "xdp-translate-private.h"

#include <netinet/ip6.h>
#include <string.h>

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "util.h"

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

/* Returns true if the megaflow takes packets of IP protocol 'nw_proto'
 * only. */
static bool
is_nw_proto(const struct translator *t, uint8_t nw_proto)
{
    return (t->tr->mask.nw_proto == UINT8_MAX
            && t->tr->key.nw_proto == nw_proto);
}

/* Checks that the header of IP above Ethertype 'dl_type', or of any IP if that
 * is zero, is where the parser found it, and if 'nw_proto' is nonzero that of
 * this protocol above it.  If 'needs_l4', there must be a transport header. */
static enum xdp_reason
check_ip(const struct translator *t, uint16_t dl_type, uint8_t nw_proto,
         bool needs_l4)
{
    if (t->mpls_changed) {
        return translate_refuse(t, XDP_REASON_ORDER,
                                " after a change of MPLS");
    }
    if (dl_type
        ? !translate_is_dl_type(t, dl_type)
        : (!translate_is_dl_type(t, ETH_TYPE_IP)
           && !translate_is_dl_type(t, ETH_TYPE_IPV6))) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " without match on eth_type");
    }
    if (nw_proto && !is_nw_proto(t, nw_proto)) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " without match on nw_proto");
    }
    if (needs_l4 && !(t->tr->mask.nw_frag & FLOW_NW_FRAG_LATER)) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " without match on nw_frag");
    }
    if (needs_l4 && t->tr->key.nw_frag & FLOW_NW_FRAG_LATER) {
        return translate_refuse(t, XDP_REASON_ACTION, " of later fragments");
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
    return translate_put_op(t, XDP_OP_SET_ETHERNET, &op, &data, 1);
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
        return translate_refuse(t, XDP_REASON_ACTION,
                                " of protocol or fragments");
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
    return translate_put_op(t, XDP_OP_SET_IPV4, &op, &data, 1);
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
    return translate_put_op(t, type, &op, data, 2);
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
        return translate_refuse(t, XDP_REASON_ACTION,
                                " of protocol or fragments");
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
    return translate_put_op(t, XDP_OP_SET_IPV6, &op, NULL, 0);
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
    return translate_put_op(t, type, &op, NULL, 0);
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
    return translate_put_op(t, XDP_OP_SET_ICMP, &op, NULL, 0);
}

/* Translates OVS_KEY_ATTR_ARP. */
static enum xdp_reason
set_arp(struct translator *t, const struct ovs_key_arp *value,
        const struct ovs_key_arp *mask)
{
    struct xdp_op op = { .type = 0 };
    union xdp_op_data data[3];

    if (t->mpls_changed) {
        return translate_refuse(t, XDP_REASON_ORDER,
                                " after a change of MPLS");
    }
    if (!translate_is_dl_type(t, ETH_TYPE_ARP)
        && !translate_is_dl_type(t, ETH_TYPE_RARP)) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " without match on eth_type");
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
    return translate_put_op(t, XDP_OP_SET_ARP, &op, data, 3);
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
    return translate_put_op(t, XDP_OP_SET_ND_LL, &op, &data, 1);
}

/* Translates OVS_KEY_ATTR_MPLS. */
static enum xdp_reason
set_mpls(struct translator *t, const ovs_be32 *value, const ovs_be32 *mask)
{
    struct xdp_op op = { .type = 0 };

    if (!t->mpls_changed && !translate_is_mpls(t)) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " without match on eth_type");
    }
    op.u.mpls.lse = *value;
    op.u.mpls.mask = *mask;
    return translate_put_op(t, XDP_OP_SET_MPLS, &op, NULL, 0);
}

/* Translates the set action 'a', which has a mask if 'masked'. */
enum xdp_reason
translate_set(struct translator *t, const struct nlattr *a, bool masked)
{
    const struct nlattr *k = nl_attr_get(a);
    enum ovs_key_attr type;
    bool ok = false;

    if (nl_attr_get_size(a) < NLA_HDRLEN
        || !nl_attr_is_valid(k, nl_attr_get_size(a))) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
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
        return translate_refuse(t, XDP_REASON_ACTION, "");
    }
#undef KEY
    ovs_assert(!ok);
    return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
}
