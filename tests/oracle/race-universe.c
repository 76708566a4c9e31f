/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "race": the universe, which are all flows that ever are in the table,
 * and packets of each of them, and of none.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "classifier.h"
#include "flow.h"
#include "flows.h"
#include "frames.h"
#include "oracle.h"
#include "packets.h"
#include "race.h"
#include "rng.h"
#include "util.h"
#include "xdp-ovs-compat.h"

#define MAX_RACE_MASKS 400

struct race_flow *race_flows;
size_t n_race_flows;
struct race_packet *race_packets;
size_t n_race_packets;
size_t n_busy_packets;
size_t n_race_masks;

static struct classifier race_universe;
static struct xdp_key *masks;       /* Of all flows, each once. */

/* Returns the number of the mask 'mask', which it gets if it is new, or
 * MAX_RACE_MASKS if there are too many. */
static size_t
number_mask(const struct xdp_key *mask)
{
    for (size_t i = 0; i < n_race_masks; i++) {
        if (!memcmp(&masks[i], mask, sizeof *mask)) {
            return i;
        }
    }
    if (n_race_masks >= MAX_RACE_MASKS) {
        return MAX_RACE_MASKS;
    }
    masks[n_race_masks] = *mask;
    return n_race_masks++;
}

/* Adds packet 'f' from 'device' to those to run. */
static void
add_packet(const struct frame *f, struct device *device)
{
    struct race_packet *p = &race_packets[n_race_packets++];

    p->frame = *f;
    p->device = device;
}

/* Makes the wildcards of a mask that has very many flows, whose subtable has
 * to grow. */
static void
init_big_mask(struct flow_wildcards *wc)
{
    flow_wildcards_init_catchall(wc);
    wc->masks.recirc_id = UINT32_MAX;
    wc->masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    wc->masks.packet_type = OVS_BE32_MAX;
    wc->masks.dl_type = OVS_BE16_MAX;
    wc->masks.nw_src = wc->masks.nw_dst = OVS_BE32_MAX;
    wc->masks.nw_frag = UINT8_MAX;
    wc->masks.nw_proto = UINT8_MAX;
    wc->masks.tp_src = wc->masks.tp_dst = OVS_BE16_MAX;
}

/* Adds flow 'f', whose match and device are set, to the universe, unless it
 * overlaps with another one.  Returns true if successful. */
static bool
add_flow(struct race_flow *f)
{
    struct xdp_translation tr;

    cls_rule_init(&f->rule, &f->match, 0);
    if (classifier_rule_overlaps(&race_universe, &f->rule, OVS_VERSION_MIN)
        || xdp_translate_match(&f->match, f->device->port, &object->caps, &tr)
        || number_mask(&tr.mask) >= MAX_RACE_MASKS) {
        cls_rule_destroy(&f->rule);
        return false;
    }
    classifier_insert(&race_universe, &f->rule, OVS_VERSION_MIN, NULL, 0);
    f->key = tr.key;
    f->mask = tr.mask;
    f->mask_number = number_mask(&tr.mask);
    n_race_flows++;
    return true;
}

/* Makes the busy flows: some that look at Ethernet only, and some that take
 * what is no fragment, with packets of both kinds.  To a parser that is not
 * asked for more than Ethernet, nothing is a fragment. */
static void
make_busy_flows(void)
{
    for (size_t i = 0; i < N_BUSY; i++) {
        struct race_flow *f = &race_flows[n_race_flows];
        struct flow_wildcards wc;
        struct frame frame;
        struct flow flow;

        flow_wildcards_init_catchall(&wc);
        wc.masks.recirc_id = UINT32_MAX;
        wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
        wc.masks.packet_type = OVS_BE32_MAX;
        WC_MASK_FIELD(&wc, dl_type);
        WC_MASK_FIELD(&wc, dl_src);
        if (i % 2) {
            wc.masks.nw_frag = FLOW_NW_FRAG_MASK;
        } else {
            wc.masks.dl_dst.ea[5] = i;
        }

        f->device = &devices[0];
        make_packet(&frame, KIND_UDP, 0);
        extract(frame.data, frame.size, ODP_BASE + f->device->port, &flow);
        match_init(&f->match, &flow, &wc);
        if (add_flow(f)) {
            add_packet(&frame, f->device);
            frame.data[ETH_HEADER_LEN + 7] = 1;     /* Fragment offset. */
            add_packet(&frame, f->device);
        }
    }
    n_busy_packets = n_race_packets;
}

/* Makes about 'n' flows, and packets that belong to them and to none. */
void
make_universe(size_t n)
{
    struct flow_wildcards big;

    classifier_init(&race_universe, NULL);
    init_big_mask(&big);
    race_flows = xcalloc(n, sizeof *race_flows);
    race_packets = xcalloc(2 * n + 500, sizeof *race_packets);
    masks = xcalloc(MAX_RACE_MASKS, sizeof *masks);

    make_busy_flows();
    for (size_t i = 0; i < 8 * n && n_race_flows < n; i++) {
        struct race_flow *f = &race_flows[n_race_flows];
        struct frame frame;
        struct flow flow;

        /* Many flows of one mask, many of few values, many of any kind. */
        f->device = &devices[n_devices > 1 ? 1 + rnd(n_devices - 1) : 0];
        if (one_in(2)) {
            make_packet(&frame, KIND_UDP, 0);
        } else if (one_in(4)) {
            make_small_packet(&frame);
        } else {
            make_any_packet(&frame, i);
        }
        extract(frame.data, frame.size, ODP_BASE + f->device->port, &flow);
        if (flow.dl_type == htons(ETH_TYPE_IP)
            && flow.nw_proto == IPPROTO_UDP && !one_in(8)) {
            match_init(&f->match, &flow, &big);
        } else {
            make_match(&flow, rnd(N_POOL), &f->match);
            if (one_in(4)) {
                /* More masks than the table has room for. */
                WC_MASK_FIELD(&f->match.wc, dl_src);
                f->match.wc.masks.dl_src.ea[5] <<= rnd(8);
                match_zero_wildcarded_fields(&f->match);
            }
        }

        if (!add_flow(f)) {
            continue;
        }
        add_packet(&frame, f->device);
        if (one_in(4)) {
            mutate(&frame);
            add_packet(&frame, f->device);
        }
    }
    for (size_t i = 0; i < 500; i++) {
        struct frame frame;

        make_any_packet(&frame, i);
        add_packet(&frame, &devices[rnd(n_devices)]);
    }

    for (size_t i = 0; i < n_race_packets; i++) {
        struct race_packet *p = &race_packets[i];
        const struct cls_rule *rule;
        struct flow flow;

        extract(p->frame.data, p->frame.size, ODP_BASE + p->device->port,
                &flow);
        rule = xdp_ovs_classifier_lookup(&race_universe, OVS_VERSION_MIN,
                                         &flow);
        p->flow = rule ? CONTAINER_OF(rule, struct race_flow, rule) : NULL;
    }
}

/* Undoes make_universe(). */
void
destroy_universe(void)
{
    for (size_t i = 0; i < n_race_flows; i++) {
        classifier_remove_assert(&race_universe, &race_flows[i].rule);
        cls_rule_destroy(&race_flows[i].rule);
    }
    classifier_destroy(&race_universe);
    free(race_flows);
    free(race_packets);
    free(masks);
}
