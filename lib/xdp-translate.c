/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of what megaflows match.  See xdp-translate.h.
 *
 * Everything that is not known to be right is refused: xdp_translate_match()
 * crosses out each field of the megaflow's mask that it has put into the key,
 * and refuses the megaflow if anything is left.
 */

#include <config.h>

#include "xdp-translate.h"

#include <string.h>

#include "flow.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "packets.h"
#include "util.h"

/* Returns the reason in words that follow "not offloaded: ". */
const char *
xdp_reason_to_string(enum xdp_reason reason)
{
    switch (reason) {
    case XDP_REASON_NONE:
        return "offloaded";
    case XDP_REASON_NO_TABLE:
        return "no flow table on the ingress port";
    case XDP_REASON_RECIRC:
        return "match after recirculation";
    case XDP_REASON_FIELD:
        return "match on a field that the object does not have";
    case XDP_REASON_ACTION:
        return "action that the object cannot run";
    case XDP_REASON_ORDER:
        return "action in a place where the object cannot run it";
    case XDP_REASON_OUTPUTS:
        return "outputs that the object cannot combine";
    case XDP_REASON_N_OPS:
        return "too many actions";
    case XDP_REASON_METER:
        return "meter that XDP does not have";
    case XDP_REASON_TARGET_TYPE:
        return "output to a port that is not in XDP";
    case XDP_REASON_TARGET:
        return "output to a port that takes no redirected packets";
    case XDP_REASON_FLOWS_FULL:
        return "no free flow slot";
    case XDP_REASON_MASKS_FULL:
        return "no free mask";
    case XDP_REASON_GROUPS_FULL:
        return "no free group of outputs";
    case XDP_REASON_DIGEST:
        return "digest in use by another flow";
    case XDP_REASON_SYSTEM:
        return "system call failed";
    case XDP_N_REASONS:
    default:
        OVS_NOT_REACHED();
    }
}

/* Puts the name of a field that is left in 'rest' into 'tr->detail'.  If OVS
 * has no name for it, as for an inner VLAN tag, it is 'other'. */
static enum xdp_reason
refuse_field(const struct flow *rest, const char *other,
             struct xdp_translation *tr)
{
    struct flow_wildcards wc;

    wc.masks = *rest;
    for (int i = 0; i < MFF_N_IDS; i++) {
        const struct mf_field *mf = mf_from_id(i);

        if (!mf_is_all_wild(mf, &wc)) {
            ovs_strlcpy(tr->detail, mf->name, sizeof tr->detail);
            return XDP_REASON_FIELD;
        }
    }
    ovs_strlcpy(tr->detail, other, sizeof tr->detail);
    return XDP_REASON_FIELD;
}

/* Translates 'match' for packets that the object knows to come from port
 * number 'in_port' into 'tr->key' and 'tr->mask'. */
enum xdp_reason
xdp_translate_match(const struct match *match, uint32_t in_port,
                    const struct xdp_caps *caps, struct xdp_translation *tr)
{
    const struct flow *flow = &match->flow;
    struct flow rest = match->wc.masks;
    uint64_t *key = (uint64_t *) &tr->key;
    uint64_t *mask = (uint64_t *) &tr->mask;
    const char *lacking = "unnamed";
    uint32_t n_words = 0;

    memset(&tr->key, 0, sizeof tr->key);
    memset(&tr->mask, 0, sizeof tr->mask);
    tr->detail[0] = '\0';

    if (caps->fields.recirc_id) {
        rest.recirc_id = UINT32_MAX;
    } else if (flow->recirc_id) {
        return XDP_REASON_RECIRC;
    } else {
        rest.recirc_id = 0;
    }

    /* What a packet from a port always is. */
    if (flow->packet_type != htonl(PT_ETH)) {
        ovs_strlcpy(tr->detail, "packet_type", sizeof tr->detail);
        return XDP_REASON_FIELD;
    }
    rest.packet_type = 0;

    tr->key.in_port = in_port;
    tr->mask.in_port = UINT32_MAX;
    memset(&rest.in_port, 0, sizeof rest.in_port);

/* Moves field OVS of the megaflow into member XDP of the key, if the object
 * has that.  Whatever else the megaflow matches: for every packet, the parser
 * gives the key the values that flow_extract() gives the flow. */
#define FIELD(XDP, OVS)                                                 \
    BUILD_ASSERT_DECL(sizeof tr->key.XDP == sizeof flow->OVS);          \
    if (!is_all_zeros(&caps->fields.XDP, sizeof caps->fields.XDP)) {    \
        memcpy(&tr->key.XDP, &flow->OVS, sizeof tr->key.XDP);           \
        memcpy(&tr->mask.XDP, &rest.OVS, sizeof tr->mask.XDP);          \
        memset(&rest.OVS, 0, sizeof rest.OVS);                          \
    } else if (!is_all_zeros(&rest.OVS, sizeof rest.OVS)) {             \
        lacking = #XDP;                                                 \
    }

    FIELD(recirc_id, recirc_id);
    FIELD(dp_hash, dp_hash);
    FIELD(dl_dst, dl_dst);
    FIELD(dl_src, dl_src);
    FIELD(dl_type, dl_type);
    FIELD(vlan_tpid0, vlans[0].tpid);
    FIELD(vlan_tci0, vlans[0].tci);
    FIELD(vlan_tpid1, vlans[1].tpid);
    FIELD(vlan_tci1, vlans[1].tci);
    FIELD(nw_src, nw_src);
    FIELD(nw_dst, nw_dst);
    FIELD(nw_frag, nw_frag);
    FIELD(nw_proto, nw_proto);
    FIELD(nw_tos, nw_tos);
    FIELD(nw_ttl, nw_ttl);
    FIELD(tcp_flags, tcp_flags);
    FIELD(tp_src, tp_src);
    FIELD(tp_dst, tp_dst);
    FIELD(ipv6_src, ipv6_src);
    FIELD(ipv6_dst, ipv6_dst);
    FIELD(nd_target, nd_target);
    FIELD(arp_sha, arp_sha);
    FIELD(arp_tha, arp_tha);
    FIELD(ipv6_label, ipv6_label);
    FIELD(mpls_lse[0], mpls_lse[0]);
    FIELD(mpls_lse[1], mpls_lse[1]);
    FIELD(mpls_lse[2], mpls_lse[2]);
    FIELD(igmp_group_ip4, igmp_group_ip4);
#undef FIELD

    if (!flow_wildcards_is_catchall(&(struct flow_wildcards)
                                    { .masks = rest })) {
        return refuse_field(&rest, lacking, tr);
    }

    for (size_t i = 0; i < XDP_KEY_WORDS; i++) {
        key[i] &= mask[i];
        n_words += mask[i] != 0;
    }
    if (n_words > caps->max_words) {
        ovs_strlcpy(tr->detail, "too many fields", sizeof tr->detail);
        return XDP_REASON_FIELD;
    }
    return XDP_REASON_NONE;
}
