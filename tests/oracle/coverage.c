/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "coverage": the other parts met everything they should.
 */

#include <config.h>

#include "coverage.h"

#include <stdio.h>

#include "oracle.h"
#include "util.h"

/* The fields of "struct xdp_key". */
const struct field fields[N_FIELDS] = {
#define FIELD(NAME) { #NAME, offsetof(struct xdp_key, NAME), \
                      MEMBER_SIZEOF(struct xdp_key, NAME) }
    FIELD(in_port),
    FIELD(dl_dst),
    FIELD(dl_type),
    FIELD(dl_src),
    FIELD(vlan_tci0),
    FIELD(vlan_tpid0),
    FIELD(vlan_tci1),
    FIELD(vlan_tpid1),
    FIELD(nw_frag),
    FIELD(nw_proto),
    FIELD(nw_src),
    FIELD(nw_dst),
    FIELD(nw_tos),
    FIELD(nw_ttl),
    FIELD(tcp_flags),
    FIELD(tp_src),
    FIELD(tp_dst),
    FIELD(ipv6_src),
    FIELD(ipv6_dst),
    FIELD(nd_target),
    FIELD(arp_sha),
    FIELD(arp_tha),
    FIELD(ipv6_label),
    FIELD(mpls_lse[0]),
    FIELD(mpls_lse[1]),
    FIELD(mpls_lse[2]),
    FIELD(igmp_group_ip4),
    FIELD(tun_ip_src),
    FIELD(tun_ip_dst),
    FIELD(tun_tun_id),
    FIELD(tun_flags),
    FIELD(tun_ip_tos),
    FIELD(tun_ip_ttl),
    FIELD(tun_tp_src),
    FIELD(tun_tp_dst),
    FIELD(tun_erspan_idx),
    FIELD(tun_erspan_ver),
    FIELD(tun_opts_len),
    FIELD(tun_opts),
    FIELD(tun_ipv6_src),
    FIELD(tun_ipv6_dst),
#undef FIELD
};

unsigned long int field_nonzero[N_FIELDS];
unsigned long int field_matched[N_FIELDS];

const char *kind_names[N_KINDS] = {
#define KIND(ENUM, NAME) NAME,
    PACKET_KINDS
#undef KIND
};

unsigned long int kind_count[N_KINDS];
unsigned long int tags_count[MAX_TAGS + 1];

static const char *event_names[N_EVENTS] = {
#define EVENT(ENUM, NAME) NAME,
    EVENTS
#undef EVENT
};

unsigned long int event_count[N_EVENTS];

unsigned long int op_count[N_OP_TYPES];
unsigned long int reason_count[XDP_N_REASONS];

/* Returns true if a megaflow can be refused for 'reason' here: the others are
 * the provider's. */
static bool
can_refuse(enum xdp_reason reason)
{
    switch (reason) {
    case XDP_REASON_OFF:
    case XDP_REASON_NO_TABLE:
    case XDP_REASON_BUSY:
    case XDP_REASON_SYSTEM:
        return false;

    case XDP_REASON_RECIRC:
        return !(object->caps.ops & UINT64_C(1) << XDP_OP_RECIRC);

    case XDP_REASON_OUTPUTS:
    case XDP_REASON_GROUPS_FULL:
        return has_targets();

    case XDP_REASON_NONE:
    case XDP_REASON_FIELD:
    case XDP_REASON_ACTION:
    case XDP_REASON_ORDER:
    case XDP_REASON_N_OPS:
    case XDP_REASON_METER:
    case XDP_REASON_TARGET_TYPE:
    case XDP_REASON_TARGET:
    case XDP_REASON_FLOWS_FULL:
    case XDP_REASON_MASKS_FULL:
    case XDP_REASON_DIGEST:
    case XDP_N_REASONS:
    default:
        return true;
    }
}

/* Returns true if 'event' can happen here. */
static bool
can_happen(size_t event)
{
    switch (event) {
    case EVENT_COPIES:
    case EVENT_TUNNEL_MTU:
    case EVENT_TRAIN_POP_LARGE:
    case EVENT_TRAIN_PUSH_LARGE:
    case EVENT_TOO_LARGE:
    case EVENT_TOO_LARGE_COPIES:
        return has_targets();

    case EVENT_TRAIN:
    case EVENT_TRAIN_REWRITE:
    case EVENT_TRAIN_SET_VLAN:
    case EVENT_TRAIN_IPV6:
    case EVENT_TRAIN_PASSES:
    case EVENT_TRAIN_NEXT:
    case EVENT_TRAIN_OTHER:
    case EVENT_TRAIN_POP:
    case EVENT_TRAIN_BEHIND:
    case EVENT_TRAIN_VARIANT:
    case EVENT_TRAIN_POP_ONCE:
    case EVENT_TRAIN_PUSH:
    case EVENT_TRAIN_PUSH_ONCE:
    case EVENT_HINT_HIT:
        return n_hints;

    case EVENT_FOLD_HINTS:
        return n_hints > XDP_MIN_HINTS;

    default:
        return true;
    }
}

/* Returns true if an op of 'type' can be run here. */
static bool
can_run(size_t type)
{
    return (n_ct_packets
            || (type != XDP_OP_CT && type != XDP_OP_CT_CLEAR));
}

/* Returns true if the field 'f' of 'key' has a bit that is one. */
bool
field_is_nonzero(const struct xdp_key *key, const struct field *f)
{
    return !is_all_zeros((const char *) key + f->ofs, f->size);
}

/* Part "coverage". */
void
test_coverage(void)
{
    size_t n_ops = 0, n_reasons = 0;

    if (only_part) {
        return;
    }
    printf("coverage:\n");
    for (size_t i = 0; i < N_FIELDS; i++) {
        printf("  field %-14s  nonzero in %8lu keys, matched by %6lu flows\n",
               fields[i].name, field_nonzero[i], field_matched[i]);
        if (!field_nonzero[i] || !field_matched[i]) {
            failure("field %s was not met", fields[i].name);
        }
    }
    for (size_t i = 0; i < N_KINDS; i++) {
        printf("  %-30s %8lu\n", kind_names[i], kind_count[i]);
        if (!kind_count[i]) {
            failure("there was no packet: %s", kind_names[i]);
        }
    }
    for (size_t i = 0; i <= MAX_TAGS; i++) {
        printf("  %"PRIuSIZE" VLAN tags                    %8lu\n", i,
               tags_count[i]);
        if (!tags_count[i]) {
            failure("there was no packet with %"PRIuSIZE" tags", i);
        }
    }
    for (size_t i = 0; i < N_EVENTS; i++) {
        printf("  %-30s %8lu\n", event_names[i], event_count[i]);
        if (!event_count[i] && can_happen(i)
            && n_actions >= MIN_ACTIONS_FOR_EVENTS) {
            failure("never happened: %s", event_names[i]);
        }
    }
    for (size_t i = 0; i < N_OP_TYPES; i++) {
        if (xdp_op_to_string(i)) {
            n_ops++;
            printf("  op %-27s %8lu\n", xdp_op_to_string(i), op_count[i]);
            if (!op_count[i] && can_run(i) && n_actions >= MIN_ACTIONS) {
                failure("op was not run: %s", xdp_op_to_string(i));
            }
        }
    }
    for (size_t i = 0; i < XDP_N_REASONS; i++) {
        if (can_refuse(i)) {
            n_reasons++;
            printf("  %-55s %8lu\n", xdp_reason_to_string(i),
                   reason_count[i]);
            if (!reason_count[i] && n_actions >= MIN_ACTIONS) {
                failure("no megaflow was refused because of: %s",
                        xdp_reason_to_string(i));
            }
        }
    }
    end_part("coverage", "%"PRIuSIZE" items",
             2 * N_FIELDS + N_KINDS + MAX_TAGS + 1 + N_EVENTS + n_ops
             + n_reasons);
}
