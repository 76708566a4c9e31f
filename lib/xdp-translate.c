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
    case XDP_REASON_OFF:
        return "the offload is off";
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
    case XDP_REASON_BUSY:
        return "flow table busy for a moment";
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

/* Crosses out the 'size' bytes of a mask at 'rest' if the value 0 satisfies
 * the match on 'value' under them. */
static void
cross_out_zero(const void *value, void *rest, size_t size)
{
    const uint8_t *v = value;
    const uint8_t *m = rest;

    for (size_t i = 0; i < size; i++) {
        if (v[i] & m[i]) {
            return;
        }
    }
    memset(rest, 0, size);
}

/* Crosses out in '*rest' the matches of 'flow' on what is zero in every packet
 * in XDP, with or without a tunnel, that zero satisfies.  If not 'tracked',
 * that is also true of all that is about connections. */
static void
cross_out_zeros(const struct flow *flow, bool tracked, struct flow *rest)
{
#define ZERO(FIELD) \
    cross_out_zero(&flow->FIELD, &rest->FIELD, sizeof rest->FIELD)

    ZERO(tunnel.gbp_id);
    ZERO(tunnel.gbp_flags);
    ZERO(tunnel.erspan_dir);
    ZERO(tunnel.erspan_hwid);
    ZERO(tunnel.gtpu_flags);
    ZERO(tunnel.gtpu_msgtype);
    if (tracked) {
        return;
    }

    /* What flow_extract() has for packets that are not tracked. */
    ZERO(ct_state);
    ZERO(ct_zone);
    ZERO(ct_mark);
    ZERO(ct_label);
    ZERO(ct_nw_proto);
    ZERO(ct_nw_src);
    ZERO(ct_nw_dst);
    ZERO(ct_ipv6_src);
    ZERO(ct_ipv6_dst);
    ZERO(ct_tp_src);
    ZERO(ct_tp_dst);
#undef ZERO
}

/* Moves the match on Geneve options of 'flow', as they are in a packet, into
 * 'key' and 'mask', and crosses them out in '*rest'.  Returns false if there
 * are more of them than a key has room for.  (Megaflows of the userspace
 * datapath have them in this form.) */
static bool
move_tunnel_opts(const struct flow_tnl *flow, struct flow_tnl *rest,
                 struct xdp_key *key, struct xdp_key *mask)
{
    const uint8_t *opts = (const uint8_t *) flow->metadata.opts.gnv;
    uint8_t *rest_opts = (uint8_t *) rest->metadata.opts.gnv;

    rest->metadata.tab = NULL;
    if (!(flow->flags & FLOW_TNL_F_UDPIF)) {
        if (flow->metadata.present.map) {
            return false;
        }

        /* No option is what a packet without Geneve has, too. */
        mask->tun_opts_len = rest->metadata.present.map ? UINT8_MAX : 0;
        rest->metadata.present.map = 0;
        return is_all_zeros(rest_opts, sizeof rest->metadata.opts);
    }
    if (flow->metadata.present.len > sizeof key->tun_opts) {
        return false;
    }
    if (!rest->metadata.present.map
        && is_all_zeros(rest_opts, sizeof key->tun_opts)) {
        return true;
    }

    key->tun_opts_len = flow->metadata.present.len;
    mask->tun_opts_len = UINT8_MAX;
    rest->metadata.present.map = 0;
    memcpy(key->tun_opts, opts, key->tun_opts_len);
    memcpy(mask->tun_opts, rest_opts, key->tun_opts_len);

    /* What follows the options matches nothing. */
    memset(&rest->metadata.opts, 0, sizeof rest->metadata.opts);
    return true;
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
    bool tracked;

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
    FIELD(tun_ip_src, tunnel.ip_src);
    FIELD(tun_ip_dst, tunnel.ip_dst);
    FIELD(tun_tun_id, tunnel.tun_id);
    FIELD(tun_flags, tunnel.flags);
    FIELD(tun_ip_tos, tunnel.ip_tos);
    FIELD(tun_ip_ttl, tunnel.ip_ttl);
    FIELD(tun_tp_src, tunnel.tp_src);
    FIELD(tun_tp_dst, tunnel.tp_dst);
    FIELD(tun_erspan_idx, tunnel.erspan_idx);
    FIELD(tun_erspan_ver, tunnel.erspan_ver);
    FIELD(tun_ipv6_src, tunnel.ipv6_src);
    FIELD(tun_ipv6_dst, tunnel.ipv6_dst);

    /* Packets come to be tracked in an earlier pass of theirs in XDP, since
     * what has gone to userspace does not come back. */
    tracked = flow->recirc_id && xdp_contract_has_op(caps, XDP_OP_CT);
    if (tracked) {
        FIELD(ct_state, ct_state);
        FIELD(ct_zone, ct_zone);
        FIELD(ct_mark, ct_mark);
        FIELD(ct_label, ct_label);
        FIELD(ct_nw_proto, ct_nw_proto);
        FIELD(ct_nw_src, ct_nw_src);
        FIELD(ct_nw_dst, ct_nw_dst);
        FIELD(ct_tp_src, ct_tp_src);
        FIELD(ct_tp_dst, ct_tp_dst);
        FIELD(ct_ipv6_src, ct_ipv6_src);
        FIELD(ct_ipv6_dst, ct_ipv6_dst);
    }
#undef FIELD

    cross_out_zeros(flow, tracked, &rest);
    if (caps->fields.tun_opts_len
        && !is_all_zeros(&caps->fields.tun_opts, sizeof caps->fields.tun_opts)
        && !move_tunnel_opts(&flow->tunnel, &rest.tunnel, &tr->key,
                             &tr->mask)) {
        ovs_strlcpy(tr->detail, "tun_metadata", sizeof tr->detail);
        return XDP_REASON_FIELD;
    }

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
