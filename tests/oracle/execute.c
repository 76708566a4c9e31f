/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes actions on a packet as the userspace datapath does, one by one, to
 * know which of them go beyond its end: those are not executed, because the
 * program must drop the packet instead.
 */

#include <config.h>

#include "execute.h"

#include <string.h>

#include "coverage.h"
#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "packets.h"
#include "util.h"

/* Whether a packet is long enough for an action. */
enum fit {
    FIT_YES,                    /* The program does what userspace does. */
    FIT_NO,                     /* The program drops the packet. */
    FIT_ODD,                    /* Userspace looks at what is not there. */
};

/* Returns true if 'packet' has 'n' bytes at offset 'ofs', one of its
 * members. */
static bool
has_bytes(const struct dp_packet *packet, uint16_t ofs, size_t n)
{
    return ofs != UINT16_MAX && ofs + n <= dp_packet_size(packet);
}

/* Returns true if userspace does not look behind the end of the neighbour
 * discovery message 'packet' when it searches its options. */
static bool
nd_is_sane(const struct dp_packet *packet)
{
    const uint8_t *p = (const uint8_t *) dp_packet_l4(packet) + ND_MSG_LEN;
    size_t left = dp_packet_l4_size(packet) - ND_MSG_LEN;

    while (left >= ND_LLA_OPT_LEN) {
        size_t len = p[1] * ND_LLA_OPT_LEN;

        if (!len || len > left) {
            return false;
        }
        if (p[1] == 1 && (p[0] == ND_OPT_SOURCE_LINKADDR
                          || p[0] == ND_OPT_TARGET_LINKADDR)) {
            return true;
        }
        p += len;
        left -= len;
    }
    return !left && !dp_packet_l2_pad_size(packet);
}

/* Says whether 'packet' is long enough for setting 'key', an attribute
 * OVS_KEY_ATTR_*.  An incomplete transport header is no reason to drop a
 * packet: userspace then leaves it alone. */
static enum fit
fit_set(const struct dp_packet *packet, const struct nlattr *key)
{
    size_t l4_size = dp_packet_l4_size(packet);

    switch ((int) nl_attr_type(key)) {
    case OVS_KEY_ATTR_IPV4:
        return (has_bytes(packet, packet->l3_ofs, IP_HEADER_LEN)
                ? FIT_YES : FIT_NO);

    case OVS_KEY_ATTR_IPV6:
        return (has_bytes(packet, packet->l3_ofs, IPV6_HEADER_LEN)
                ? FIT_YES : FIT_NO);

    case OVS_KEY_ATTR_ARP:
        return (has_bytes(packet, packet->l3_ofs, ARP_ETH_HEADER_LEN)
                ? FIT_YES : FIT_NO);

    case OVS_KEY_ATTR_ND:
        return (l4_size < ND_MSG_LEN || nd_is_sane(packet)
                ? FIT_YES : FIT_ODD);

    case OVS_KEY_ATTR_ND_EXTENSIONS:
        return (l4_size < ND_MSG_LEN + ND_LLA_OPT_LEN ? FIT_ODD : FIT_YES);

    case OVS_KEY_ATTR_MPLS:
        return (packet->l2_5_ofs == UINT16_MAX
                || has_bytes(packet, packet->l2_5_ofs, MPLS_HLEN)
                ? FIT_YES : FIT_NO);

    default:
        return FIT_YES;
    }
}

/* Says whether 'packet' is long enough for action 'a'. */
static enum fit
fit_action(const struct dp_packet *packet, const struct nlattr *a)
{
    const struct nlattr *key;
    const char *mask;
    enum fit fit;

    switch ((int) nl_attr_type(a)) {
    case OVS_ACTION_ATTR_SET:
        return fit_set(packet, nl_attr_get(a));

    case OVS_ACTION_ATTR_SET_MASKED:
        key = nl_attr_get(a);
        mask = nl_attr_get(key);
        mask += nl_attr_get_size(key) / 2;
        fit = fit_set(packet, key);
        /* Who sets nothing need not look at the packet. */
        return (fit == FIT_NO && is_all_zeros(mask, nl_attr_get_size(key) / 2)
                ? FIT_ODD : fit);

    case OVS_ACTION_ATTR_PUSH_MPLS:
        /* A tag was popped that is none for flow_extract(). */
        return packet->l3_ofs < ETH_HEADER_LEN ? FIT_ODD : FIT_YES;

    case OVS_ACTION_ATTR_POP_MPLS:
        return (packet->l2_5_ofs == UINT16_MAX
                || has_bytes(packet, packet->l2_5_ofs, MPLS_HLEN)
                ? FIT_YES : FIT_NO);

    default:
        return FIT_YES;
    }
}

/* Returns true if the first MPLS label of 'packet' is the last one. */
static bool
is_bos(const struct dp_packet *packet)
{
    const struct mpls_hdr *mh = dp_packet_l2_5(packet);

    return (has_bytes(packet, packet->l2_5_ofs, sizeof *mh)
            && get_16aligned_be32(&mh->mpls_lse) & htonl(MPLS_BOS_MASK));
}

/* Has userspace execute action 'a' on 'packet', the one of 'batch'. */
static void
execute_action(struct dp_packet_batch *batch, struct dp_packet *packet,
               const struct nlattr *a)
{
    bool no_l4 = packet->l4_ofs == UINT16_MAX;

    /* Userspace looks for IPv6 extension headers up to here. */
    if (no_l4) {
        packet->l4_ofs = (dp_packet_size(packet)
                          - dp_packet_l2_pad_size(packet));
    }
    odp_execute_actions(NULL, batch, false, a, NLA_ALIGN(a->nla_len), NULL);
    if (no_l4) {
        packet->l4_ofs = UINT16_MAX;
    }
}

/* Returns true if the ICMPv6 checksum of 'packet' is right. */
static bool
icmp6_csum_is_right(const struct dp_packet *packet)
{
    struct ovs_16aligned_ip6_hdr *nh = dp_packet_l3(packet);

    return !csum_finish(csum_continue(packet_csum_pseudoheader6(nh),
                                      dp_packet_l4(packet),
                                      dp_packet_l4_size(packet)));
}

/* Returns the checksum of the transport header of 'packet', of flow 'flow',
 * that covers IP addresses, or NULL if there is none. */
static ovs_be16 *
find_csum(const struct dp_packet *packet, const struct flow *flow)
{
    size_t size = dp_packet_l4_size(packet);
    struct icmp6_header *icmp6 = dp_packet_l4(packet);
    struct tcp_header *tcp = dp_packet_l4(packet);
    struct udp_header *udp = dp_packet_l4(packet);

    switch (flow->nw_proto) {
    case IPPROTO_TCP:
        return size >= TCP_HEADER_LEN ? &tcp->tcp_csum : NULL;
    case IPPROTO_UDP:
        return size >= UDP_HEADER_LEN && udp->udp_csum ? &udp->udp_csum : NULL;
    case IPPROTO_ICMPV6:
        return size >= sizeof *icmp6 ? &icmp6->icmp6_cksum : NULL;
    default:
        return NULL;
    }
}

/* Has userspace set IPv6 fields by action 'a' of 'packet', the one of 'batch',
 * of flow 'flow', and makes good for what it forgets: it does not update the
 * checksum of a transport header behind a fragment header that says that there
 * is one fragment, nor for a new source address behind a routing header with
 * segments left. */
static void
execute_set_ipv6(struct dp_packet_batch *batch, struct dp_packet *packet,
                 const struct flow *flow, const struct nlattr *a)
{
    struct ovs_16aligned_ip6_hdr *nh = dp_packet_l3(packet);
    struct ovs_16aligned_ip6_hdr old = *nh;
    bool checked = true;
    struct in6_addr addr;
    bool is_routed;
    ovs_be16 *csum;
    uint8_t proto;

    if (packet->l4_ofs == UINT16_MAX
        || flow->dl_type != htons(ETH_TYPE_IPV6)
        || flow->nw_frag & FLOW_NW_FRAG_LATER) {
        execute_action(batch, packet, a);
        return;
    }

    is_routed = packet_rh_present(packet, &proto, &checked);
    csum = find_csum(packet, flow);
    execute_action(batch, packet, a);
    if (!csum || (!is_routed && checked)) {
        return;
    }
    if (memcmp(&old.ip6_src, &nh->ip6_src, sizeof addr)) {
        memcpy(&addr, &nh->ip6_src, sizeof addr);
        *csum = recalc_csum128(*csum, old.ip6_src.be32, &addr);
    }
    if (memcmp(&old.ip6_dst, &nh->ip6_dst, sizeof addr) && !is_routed) {
        memcpy(&addr, &nh->ip6_dst, sizeof addr);
        *csum = recalc_csum128(*csum, old.ip6_dst.be32, &addr);
    }
    if (flow->nw_proto == IPPROTO_UDP && !*csum) {
        *csum = htons(0xffff);
    }
}

/* Returns true if the program does action number 'n', from 0 on, of those that
 * push and pop VLAN tags, by overwriting a tag, together with another one. */
static bool
is_in_set_vlan(const struct xdp_flow_actions *ops, size_t n)
{
    for (size_t i = 0; i < ops->n_ops; i += 1 + ops->ops[i].n_data) {
        switch (ops->ops[i].type) {
        case XDP_OP_PUSH_VLAN:
        case XDP_OP_POP_VLAN:
            if (!n--) {
                return false;
            }
            break;
        case XDP_OP_SET_VLAN:
            if (n < 2) {
                return true;
            }
            n -= 2;
            break;
        }
    }
    return false;
}

/* Adds what action 'a', which changes a packet of 'old_size' bytes to one of
 * 'new_size', counts to 'counters' and to the coverage.  'sets_tag' is what
 * is_in_set_vlan() says. */
static void
count_action(const struct nlattr *a, size_t old_size, size_t new_size,
             bool sets_tag, uint64_t counters[XDP_COUNTER_MAX])
{
    switch ((int) nl_attr_type(a)) {
    case OVS_ACTION_ATTR_PUSH_VLAN:
        counters[sets_tag ? XDP_COUNTER_SET_VLAN : XDP_COUNTER_PUSH_VLAN]++;
        event_count[sets_tag ? EVENT_OP_SET_VLAN : EVENT_OP_PUSH]++;
        break;
    case OVS_ACTION_ATTR_POP_VLAN:
        if (sets_tag) {
            break;
        }
        counters[XDP_COUNTER_POP_VLAN] += new_size < old_size;
        event_count[new_size < old_size ? EVENT_OP_POP
                    : EVENT_OP_POP_NONE]++;
        break;
    case OVS_ACTION_ATTR_PUSH_MPLS:
        counters[XDP_COUNTER_PUSH_MPLS]++;
        break;
    case OVS_ACTION_ATTR_POP_MPLS:
        counters[XDP_COUNTER_POP_MPLS] += new_size < old_size;
        break;
    }
}

/* Stores in '*copy' the packet 'packet' as it leaves now.  If 'from_end' is
 * nonzero, there is an odd checksum so many bytes before the end. */
static void
make_copy(const struct dp_packet *packet, size_t from_end, struct copy *copy)
{
    copy->odd_csum = from_end ? dp_packet_size(packet) - from_end : 0;
    copy->size = dp_packet_get_send_len(packet);
    ovs_assert(copy->size <= MAX_OUT);
    memcpy(copy->data, dp_packet_data(packet), copy->size);
}

/* Counts the set ops among the op slots of 'ops' from 'start' to 'end'. */
static uint64_t
count_sets(const struct xdp_flow_actions *ops, size_t start, size_t end)
{
    uint64_t n = 0;

    for (size_t i = start; i < end; i += 1 + ops->ops[i].n_data) {
        uint16_t type = ops->ops[i].type;

        n += ((type >= XDP_OP_SET_ETHERNET && type <= XDP_OP_SET_ND_LL)
              || type == XDP_OP_SET_MPLS);
    }
    return n;
}

/* As execute_pass(), for a packet of which nothing is known before. */
void
execute(const void *data, size_t size, const struct ofpbuf *actions,
        const struct xdp_flow_actions *ops, struct executed *executed)
{
    execute_pass(data, size, 0, 0, actions, ops, executed);
}

/* Executes 'actions', of which translation made 'ops', on the 'size' bytes at
 * 'data', which are a packet that the flow takes.  'rss_hash' is the hash of
 * the packet when it was received, 'dp_hash' what earlier passes left. */
void
execute_pass(const void *data, size_t size, uint32_t rss_hash,
             uint32_t dp_hash, const struct ofpbuf *actions,
             const struct xdp_flow_actions *ops, struct executed *executed)
{
    struct dp_packet_batch batch;
    struct dp_packet packet;
    uint64_t *counters = executed->common.counters;
    uint64_t later[XDP_COUNTER_MAX] = { 0 };
    bool is_odd = false, must_drop = false;
    size_t first_output = 0, slot = 0, n_vlan_actions = 0;

    /* Once the bottom-of-stack bits are wrong, as they never are in what
     * ofproto makes, userspace is not sure where the label stack ends. */
    bool bad_bos = false;

    uint32_t buffer[MAX_OUT / 2];
    const struct nlattr *a;
    size_t from_end = 0;
    struct flow flow;
    size_t left;

    memset(&executed->common, 0, sizeof executed->common);
    executed->n_copies = 0;
    executed->explicit_drop = executed->metered = false;
    executed->recirc_id = 0;
    memset(executed->meters, 0, sizeof executed->meters);

    /* Zeros behind the packet: userspace may look there. */
    memset(buffer, 0, sizeof buffer);
    dp_packet_use_stub(&packet, buffer, sizeof buffer);
    dp_packet_reserve(&packet, 126);
    dp_packet_put(&packet, data, size);
    pkt_metadata_init(&packet.md, u32_to_odp(ODP_BASE));
    flow_extract(&packet, &flow);
    dp_packet_set_rss_hash(&packet, rss_hash);
    packet.md.dp_hash = dp_hash;
    dp_packet_batch_init_packet(&batch, &packet);

    NL_ATTR_FOR_EACH (a, left, actions->data, actions->size) {
        size_t old_size = dp_packet_size(&packet);
        bool sets_ipv6 = false, sets_tag = false;
        bool was_mpls, old_bos;
        struct copy *copy;

        switch ((int) nl_attr_type(a)) {
        case OVS_ACTION_ATTR_OUTPUT:
            while (slot < ops->n_ops
                   && ops->ops[slot].type != XDP_OP_OUTPUT) {
                slot += 1 + ops->ops[slot].n_data;
            }
            if (!executed->n_copies) {
                make_copy(&packet, from_end, &executed->common);
                executed->common.is_odd = is_odd;
                executed->common.must_drop = must_drop;
                counters[XDP_COUNTER_SET_FIELD] = count_sets(ops, 0, slot);
                first_output = slot;
            }
            copy = &executed->copies[executed->n_copies++];
            make_copy(&packet, from_end, copy);
            copy->port = odp_to_u32(nl_attr_get_odp_port(a)) - ODP_BASE;
            copy->is_odd = is_odd;
            copy->must_drop = must_drop;
            if (executed->n_copies == 1) {
                memset(copy->counters, 0, sizeof copy->counters);
            } else {
                memcpy(copy->counters, counters, sizeof copy->counters);
            }
            copy->counters[XDP_COUNTER_SET_FIELD]
                = count_sets(ops, first_output, slot);
            if (executed->n_copies == 1) {
                /* What follows is for copies. */
                counters = later;
            }
            dp_packet_reset_cutlen(&packet);
            slot++;
            continue;

        case OVS_ACTION_ATTR_DROP:
            executed->explicit_drop = true;
            goto out;

        case OVS_ACTION_ATTR_HASH:
            odp_execute_actions(NULL, &batch, false, a,
                                NLA_ALIGN(a->nla_len), NULL);
            continue;

        case OVS_ACTION_ATTR_RECIRC:
            make_copy(&packet, from_end, &executed->common);
            executed->common.is_odd = is_odd;
            executed->common.must_drop = must_drop;
            counters[XDP_COUNTER_SET_FIELD] = count_sets(ops, 0, ops->n_ops);
            executed->recirc_id = nl_attr_get_u32(a);
            goto out;

        case OVS_ACTION_ATTR_METER: {
            uint32_t id = nl_attr_get_u32(a);

            if (must_drop) {
                continue;
            }
            while (ops->ops[slot].type != XDP_OP_METER) {
                slot += 1 + ops->ops[slot].n_data;
            }
            executed->meters[id].packets++;
            executed->meters[id].bytes += dp_packet_size(&packet);
            if (id == METER_DROP) {
                executed->metered = true;
                executed->common.is_odd = is_odd;
                counters[XDP_COUNTER_SET_FIELD] = count_sets(ops, 0, slot);
                counters[XDP_COUNTER_METER_DROPS]++;
                goto out;
            }
            slot++;
            continue;
        }

        case OVS_ACTION_ATTR_TRUNC: {
            const struct ovs_action_trunc *trunc = nl_attr_get(a);

            counters[XDP_COUNTER_TRUNC]
                += dp_packet_set_cutlen(&packet, trunc->max_len) > 0;
            continue;
        }

        case OVS_ACTION_ATTR_PUSH_VLAN:
        case OVS_ACTION_ATTR_POP_VLAN:
            sets_tag = is_in_set_vlan(ops, n_vlan_actions++);
            break;

        case OVS_ACTION_ATTR_SET:
        case OVS_ACTION_ATTR_SET_MASKED: {
            const struct nlattr *key = nl_attr_get(a);

            if (nl_attr_type(key) == OVS_KEY_ATTR_ND_EXTENSIONS
                && dp_packet_l4_size(&packet) >= ND_MSG_LEN
                && !icmp6_csum_is_right(&packet)) {
                /* Userspace makes a checksum right that was wrong. */
                from_end = (dp_packet_size(&packet) - packet.l4_ofs
                            - offsetof(struct icmp6_header, icmp6_cksum));
            }
            sets_ipv6 = nl_attr_type(key) == OVS_KEY_ATTR_IPV6;
            break;
        }
        }

        if (must_drop) {
            continue;
        }
        switch (fit_action(&packet, a)) {
        case FIT_ODD:
            is_odd = true;
            event_count[EVENT_ODD]++;
            break;
        case FIT_NO:
            must_drop = true;
            event_count[EVENT_TOO_SHORT]++;
            continue;
        case FIT_YES:
            was_mpls = packet.l2_5_ofs != UINT16_MAX;
            old_bos = is_bos(&packet);
            if (sets_ipv6) {
                execute_set_ipv6(&batch, &packet, &flow, a);
            } else {
                execute_action(&batch, &packet, a);
            }
            switch ((int) nl_attr_type(a)) {
            case OVS_ACTION_ATTR_SET:
            case OVS_ACTION_ATTR_SET_MASKED:
                bad_bos |= is_bos(&packet) != old_bos;
                break;
            case OVS_ACTION_ATTR_PUSH_MPLS:
                is_odd |= bad_bos;
                bad_bos |= is_bos(&packet) == was_mpls;
                break;
            case OVS_ACTION_ATTR_POP_MPLS:
                is_odd |= bad_bos;
                break;
            }
            break;
        }
        count_action(a, old_size, dp_packet_size(&packet), sets_tag,
                     counters);
    }
out:
    executed->dp_hash = packet.md.dp_hash;
    executed->has_rss_hash = dp_packet_rss_valid(&packet);
    dp_packet_uninit(&packet);
}
