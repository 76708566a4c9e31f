/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "refusals": megaflows that are refused for what they match, or because
 * the table is full.  Their packets take no other flow's way, and there is
 * room again when others have gone.
 */

#include <config.h>

#include <string.h>

#include "coverage.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "util.h"

/* Makes 't' a flow for packets from 'src' to 10.0.0.1 and '*f' one of them. */
static void
make_flow(struct tested_flow *t, struct frame *f, uint32_t src)
{
    ovs_be32 addresses[2] = { htonl(src), htonl(0x0a000001) };

    make_packet(f, KIND_UDP, 0);
    memcpy(f->data + 26, addresses, sizeof addresses);
    memset(&t->stats, 0, sizeof t->stats);
    t->device = &devices[0];
    t->flow = NULL;
    match_init_catchall(&t->match);
    match_set_in_port(&t->match, OFPP_NONE);
    match_set_dl_type(&t->match, htons(ETH_TYPE_IP));
    match_set_nw_src(&t->match, addresses[0]);
    match_set_nw_dst(&t->match, addresses[1]);
    make_label(t, 1);
}

/* Checks that the refusal of 't' is for 'expected', and that its packet 'f'
 * finds no flow. */
static void
check_refused(struct tested_flow *t, const struct frame *f,
              enum xdp_reason expected)
{
    struct xdp_translation tr;
    enum xdp_table_error error;
    enum xdp_reason reason = put_tested(t, &error, &tr);

    if (reason != expected) {
        failure("\"%s\" instead of \"%s\"", xdp_reason_to_string(reason),
                xdp_reason_to_string(expected));
    } else if (!tr.detail[0] && reason == XDP_REASON_FIELD) {
        failure("a refused field without name");
    }
    reason_count[reason]++;
    check_packet("refusals", reason, "packet of a refused flow", t, f, false,
                 false);
    ofpbuf_uninit(&t->actions.buf);
}

/* Flows that match what no packet's key has. */
static void
test_foreign_matches(void)
{
    struct tested_flow t;
    struct frame f;

#define FOREIGN(SET)                            \
    make_flow(&t, &f, 1);                       \
    SET;                                        \
    check_refused(&t, &f, XDP_REASON_FIELD)

    FOREIGN(match_set_ct_state(&t.match, CS_TRACKED));
    FOREIGN(match_set_ct_zone(&t.match, 1));
    FOREIGN(match_set_ct_mark(&t.match, 0x100));
    FOREIGN(match_set_ct_label(&t.match, OVS_U128_MAX));
    FOREIGN(match_set_pkt_mark(&t.match, 0));
    FOREIGN(match_set_skb_priority(&t.match, 0));
    FOREIGN(match_set_tun_gbp_id(&t.match, htons(1)));
    FOREIGN(match_set_tun_erspan_hwid(&t.match, 1));
    FOREIGN(match_set_metadata(&t.match, 0));
    FOREIGN(match_set_reg(&t.match, 0, 0));
    FOREIGN(match_set_packet_type(&t.match, htonl(PT_NSH)));
#undef FOREIGN
}

/* Two flows that differ in what they say of packets that are not tracked are
 * one and the same to the table.  The second one has to wait until the first
 * has gone. */
static void
test_twins(void)
{
    struct xdp_flow_table_stats stats;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct tested_flow t[2];
    struct frame f;

    make_flow(&t[0], &f, 1);
    match_set_ct_state(&t[0].match, 0);
    make_flow(&t[1], &f, 1);
    match_set_ct_state_masked(&t[1].match, 0, CS_TRACKED);
    match_set_ct_mark_masked(&t[1].match, 0, 1);

    if (put_tested(&t[0], &error, &tr) || error) {
        failure("refused: %s (table error %d)", tr.detail, error);
    } else if (put_tested(&t[1], &error, &tr) || error != XDP_TABLE_DIGEST) {
        failure("the twin: %s (table error %d)", tr.detail, error);
    } else {
        check_packet("refusals", 0, "packet of a flow with a twin", &t[0], &f,
                     true, false);
        xdp_flow_table_remove(object->table, t[0].flow, &stats);
        if (stats.n_packets != 1) {
            failure("statistics of a flow with a twin");
        }
        if (put_tested(&t[1], &error, &tr) || error) {
            failure("the twin, alone: %s (table error %d)", tr.detail, error);
        } else {
            check_packet("refusals", 1, "packet of the twin", &t[1], &f, true,
                         false);
            xdp_flow_table_remove(object->table, t[1].flow, &stats);
            if (stats.n_packets != 1) {
                failure("statistics of the twin");
            }
            event_count[EVENT_TWINS]++;
        }
    }
    ofpbuf_uninit(&t[0].actions.buf);
    ofpbuf_uninit(&t[1].actions.buf);
    reclaim();
}

/* Puts flows from 'make' into the table until that refuses one, for 'expected'
 * and after 'room' of them.  Then removes all, and puts the refused one in. */
static void
fill_table(void (*make)(struct tested_flow *, struct frame *, uint32_t i),
           uint32_t room, enum xdp_table_error expected,
           enum xdp_reason reason)
{
    struct tested_flow *t = xcalloc(room + 1, sizeof *t);
    struct xdp_flow_table_stats stats;
    struct xdp_translation tr;
    enum xdp_table_error error;
    struct frame f;
    uint32_t n;

    for (n = 0; n <= room; n++) {
        make(&t[n], &f, n);
        if (put_tested(&t[n], &error, &tr)) {
            failure("flow %"PRIu32" was refused: %s", n, tr.detail);
            break;
        }
        if (error) {
            break;
        }
        if (reason != XDP_REASON_GROUPS_FULL) {
            /* Of several outputs, only those of a single flow are known. */
            check_packet("refusals", reason, "packet of a flow", &t[n], &f,
                         true, false);
        }
    }
    if (n != room || error != expected) {
        failure("error %d after %"PRIu32" of %"PRIu32" flows", error, n, room);
    } else {
        reason_count[reason]++;
        check_packet("refusals", reason, "packet of a flow without room",
                     &t[n], &f, false, false);
    }

    /* The newest first, so that nothing is left of the oldest when its turn
     * has come. */
    for (uint32_t i = n; i-- > 0;) {
        xdp_flow_table_remove(object->table, t[i].flow, &stats);
    }
    reclaim();
    if (n == room) {
        if (put_tested(&t[n], &error, &tr) || error) {
            failure("still refused when there is room: %d", error);
        } else {
            check_packet("refusals", reason, "packet of a flow with room",
                         &t[n], &f, true, false);
            xdp_flow_table_remove(object->table, t[n].flow, &stats);
        }
    }
    for (uint32_t i = 0; i <= MIN(n, room); i++) {
        ofpbuf_uninit(&t[i].actions.buf);
    }
    free(t);
    reclaim();
}

/* One more slot. */
static void
make_slot(struct tested_flow *t, struct frame *f, uint32_t i)
{
    make_flow(t, f, 0x0b000000 + i);
}

/* One more mask, by the bits of the source MAC address that it has. */
static void
make_mask(struct tested_flow *t, struct frame *f, uint32_t i)
{
    struct eth_addr mask = { .be16 = { 0, 0, htons(i + 1) } };
    struct eth_addr dl_src;

    make_flow(t, f, 0x0c000000 + i);
    memcpy(&dl_src, f->data + ETH_ADDR_LEN, sizeof dl_src);
    match_set_dl_src_masked(&t->match, dl_src, mask);
}

/* One more group: the ports among the first 12 that have a one in 'i', of
 * which there are at least two. */
static void
make_group(struct tested_flow *t, struct frame *f, uint32_t i)
{
    static uint32_t bits;

    bits = i ? bits + 1 : 3;
    while (count_1bits(bits) < 2) {
        bits++;
    }
    make_flow(t, f, 0x0d000000 + i);
    ofpbuf_clear(&t->actions.buf);
    for (uint32_t port = 0; port < 12; port++) {
        if (bits & UINT32_C(1) << port) {
            nl_msg_put_odp_port(&t->actions.buf, OVS_ACTION_ATTR_OUTPUT,
                                u32_to_odp(ODP_BASE + port));
        }
    }
}

/* Part "refusals". */
void
test_refusals(void)
{
    if (!part_wanted("refusals")) {
        return;
    }
    rng_start(16, 0);
    set_vlan_limit(XDP_VLAN_MAX);
    set_hints(NO_HINTS);
    test_foreign_matches();
    test_twins();
    fill_table(make_slot, N_FLOWS, XDP_TABLE_FLOWS_FULL,
               XDP_REASON_FLOWS_FULL);
    fill_table(make_mask, XDP_PORT_MAX_MASKS, XDP_TABLE_MASKS_FULL,
               XDP_REASON_MASKS_FULL);
    if (has_targets()) {
        fill_table(make_group, XDP_MAX_GROUPS - 1, XDP_TABLE_GROUPS_FULL,
                   XDP_REASON_GROUPS_FULL);
    }
    end_part("refusals", "%d flows, %d masks, %d groups", N_FLOWS,
             XDP_PORT_MAX_MASKS, has_targets() ? XDP_MAX_GROUPS - 1 : 0);
}
