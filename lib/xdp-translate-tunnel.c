/* SPDX-License-Identifier: Apache-2.0 */
/* Translation of what pushes and pops the headers of tunnels.  See
 * xdp-translate-private.h. */

#include <config.h>

#include "xdp-translate-private.h"

#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>

#include "csum.h"
#include "netdev-native-tnl.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "packets.h"
#include "util.h"

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

/* Sets the checksum of the IPv4 header in 'data', the header of a tunnel, to
 * that of a packet without length.  Later versions than OVS 3.1 leave it open
 * until a packet is sent. */
static void
set_ip_csum(void *data)
{
    struct ip_header *ip = (void *) ((struct eth_header *) data + 1);

    ip->ip_tot_len = 0;
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, sizeof *ip);
}

/* Translates the push of a tunnel's header 'a'. */
enum xdp_reason
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
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (push.tnl_type != OVS_VPORT_TYPE_VXLAN
        && push.tnl_type != OVS_VPORT_TYPE_GENEVE
        && push.tnl_type != OVS_VPORT_TYPE_GRE
        && push.tnl_type != OVS_VPORT_TYPE_IP6GRE
        && push.tnl_type != OVS_VPORT_TYPE_ERSPAN
        && push.tnl_type != OVS_VPORT_TYPE_IP6ERSPAN) {
        return translate_refuse(t, XDP_REASON_ACTION,
                                " of this type of tunnel");
    }
    if (t->n_outputs) {
        return translate_refuse(t, XDP_REASON_ORDER, " after an output");
    }
    if (t->truncates) {
        return translate_refuse(t, XDP_REASON_ORDER, " after trunc");
    }
    if (t->tunneled) {
        return translate_refuse(t, XDP_REASON_ORDER, " after tnl_push");
    }
    flags = get_push_flags(&push, &op.u.tnl_push.seq_ofs);
    if (flags < 0
        || (flags & XDP_TUNNEL_PUSH_SEQ
            && odp_to_u32(push.tnl_port) >= XDP_SEQUENCE_MAX)) {
        return translate_refuse(t, XDP_REASON_ACTION, " with such a header");
    }
    if (flags & XDP_TUNNEL_PUSH_SEQ) {
        op.u.tnl_push.seq = odp_to_u32(push.tnl_port);
    }

    op.u.tnl_push.header_len = push.header_len;
    op.u.tnl_push.flags = flags;
    if (flags & XDP_TUNNEL_PUSH_UDP) {
#if defined(__SSE4_2__) || defined(__ARM_FEATURE_CRC32)
        return translate_refuse(t, XDP_REASON_ACTION,
                                ": hash by this processor's instructions");
#endif
        if (t->mpls_popped) {
            return translate_refuse(t, XDP_REASON_ORDER, " after pop_mpls");
        }
        op.u.tnl_push.port_min = tnl_udp_port_min;
        op.u.tnl_push.n_ports = tnl_udp_port_max - tnl_udp_port_min;
        t->tr->actions.parts = TRANSLATE_ALL_PARTS;
    }
    memset(data, 0, sizeof data);
    memcpy(data, push.header, push.header_len);
    if (!(flags & XDP_TUNNEL_PUSH_IPV6)) {
        set_ip_csum(data);
    }
    t->tunneled = true;
    t->tr->actions.flags |= XDP_FLOW_TNL_PUSH;
    return translate_put_op(t, XDP_OP_TNL_PUSH, &op, data,
                            DIV_ROUND_UP(push.header_len, sizeof *data));
}

/* Translates the pop of a tunnel's header 'a', of which 'next' is the
 * following action, or NULL. */
enum xdp_reason
translate_tnl_pop(struct translator *t, const struct nlattr *a,
                  const struct nlattr *next)
{
    struct xdp_flow_actions *actions = &t->tr->actions;
    struct xdp_op op = { .type = 0 };
    struct xdp_translate_port port;
    enum xdp_reason reason;

    if (nl_attr_get_size(a) < sizeof(uint32_t)) {
        return translate_refuse(t, XDP_REASON_ACTION, ", malformed");
    }
    if (next) {
        return translate_refuse(t, XDP_REASON_ORDER, " before other actions");
    }
    for (size_t i = 0; i < actions->n_ops; i++) {
        if (actions->ops[i].type != XDP_OP_POP_VLAN) {
            return translate_refuse(t, XDP_REASON_ORDER,
                                    " after other actions");
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
    actions->parts = TRANSLATE_ALL_PARTS;
    return translate_put_needed_op(t, XDP_OP_TNL_POP, &op, NULL, 0);
}

/* Returns true if an action of 'type' can follow the push of a tunnel's
 * header, which the megaflow does not match on. */
bool
translate_can_follow_push(const struct nlattr *a)
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
