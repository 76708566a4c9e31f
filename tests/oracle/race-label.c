/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "race": labels, which tell the version of a flow that a packet met.
 * The number of a version is spread over several ops.
 */

#include <config.h>

#include <string.h>

#include "flow.h"
#include "flows.h"
#include "hash.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "oracle.h"
#include "packets.h"
#include "race.h"
#include "util.h"

/* What a label consists of: these tags, and up to MAX_FILLER others. */
#define LABEL_TAGS 3
#define MAX_FILLER 9

/* The first of the busy flows have one tag only, as trains must, with the
 * flow's number and the low bits of the version's. */
#define N_SIMPLE 2
#define SIMPLE_BITS 13

/* What tells version 'version' of flow number 'index' from others. */
struct label {
    struct ovs_key_ethernet macs;
    ovs_be16 tcis[LABEL_TAGS + MAX_FILLER]; /* In the order of pushing. */
    size_t n_tags;
};

/* Returns the 15 bits 'x' as a VLAN TCI, around the bit that push_vlan does
 * not keep. */
static ovs_be16
tci_from_number(uint32_t x)
{
    return htons((x & 0x7000) << 1 | (x & 0xfff));
}

/* Undoes tci_from_number(). */
static uint32_t
number_from_tci(ovs_be16 tci)
{
    return (ntohs(tci) >> 1 & 0x7000) | (ntohs(tci) & 0xfff);
}

/* Makes the label of version 'version' of flow number 'index'. */
static void
make_race_label(uint32_t index, uint32_t version, struct label *label)
{
    uint32_t hash = hash_2words(index, version);

    if (index < N_SIMPLE) {
        label->n_tags = 1;
        label->tcis[0] = tci_from_number(index << SIMPLE_BITS
                                         | (version
                                            & ((1 << SIMPLE_BITS) - 1)));
        return;
    }
    label->n_tags = LABEL_TAGS + hash % (MAX_FILLER + 1);
    label->tcis[0] = tci_from_number(index);
    label->tcis[1] = tci_from_number(version);
    label->tcis[2] = tci_from_number(version >> 15);
    for (size_t i = LABEL_TAGS; i < label->n_tags; i++) {
        label->tcis[i] = tci_from_number(hash_add(hash, i));
    }
    eth_addr_from_uint64(hash_add(hash, 100), &label->macs.eth_src);
    eth_addr_from_uint64(hash_add(hash, 200), &label->macs.eth_dst);
}

/* Translates into '*actions' what gives a packet the label of version
 * 'version' of flow number 'index'. */
void
make_race_actions(uint32_t index, uint32_t version,
                  struct xdp_flow_actions *actions)
{
    const struct race_flow *f = &race_flows[index];
    struct xdp_translation tr;
    struct label label;
    struct ofpbuf buf;
    uint64_t stub[64];
    size_t ofs;

    make_race_label(index, version, &label);
    ofpbuf_use_stub(&buf, stub, sizeof stub);
    if (index >= N_SIMPLE) {
        ofs = nl_msg_start_nested(&buf, OVS_ACTION_ATTR_SET);
        nl_msg_put_unspec(&buf, OVS_KEY_ATTR_ETHERNET, &label.macs,
                          sizeof label.macs);
        nl_msg_end_nested(&buf, ofs);
    }
    for (size_t i = 0; i < label.n_tags; i++) {
        struct ovs_action_push_vlan vlan = {
            .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
            .vlan_tci = label.tcis[i],
        };

        nl_msg_put_unspec(&buf, OVS_ACTION_ATTR_PUSH_VLAN, &vlan,
                          sizeof vlan);
    }
    nl_msg_put_odp_port(&buf, OVS_ACTION_ATTR_OUTPUT, u32_to_odp(ODP_BASE));

    if (translate_flow(&f->match, f->device->port, &buf, &tr)) {
        ovs_fatal(0, "the actions of part \"race\" are refused: %s",
                  tr.detail);
    }
    *actions = tr.actions;
    ofpbuf_uninit(&buf);
}

/* Returns the number of the version of flow 'index' that has 'low' in its low
 * bits and is the latest one, or will be one of the next. */
static uint32_t
complete_version(uint32_t index, uint32_t low)
{
    const uint32_t soon = 64;
    uint32_t n;

    atomic_read(&race_flows[index].n_versions, &n);
    return n + soon - ((n + soon - low) & ((1 << SIMPLE_BITS) - 1));
}

/* Reads the label of the 'size' bytes at 'data', which packet 'p' became.
 * Returns false if it is not the label of one version, or if anything else in
 * the packet has changed. */
bool
read_race_label(const struct race_packet *p, const uint8_t *data, size_t size,
                uint32_t *indexp, uint32_t *versionp)
{
    const size_t macs_len = 2 * ETH_ADDR_LEN;
    size_t n_tags = (size - p->frame.size) / VLAN_HEADER_LEN;
    ovs_be16 tcis[LABEL_TAGS + MAX_FILLER];
    struct label label;

    if (size < p->frame.size
        || size != p->frame.size + n_tags * VLAN_HEADER_LEN
        || (n_tags != 1 && n_tags < LABEL_TAGS) || n_tags > ARRAY_SIZE(tcis)
        || memcmp(data + macs_len + n_tags * VLAN_HEADER_LEN,
                  p->frame.data + macs_len, p->frame.size - macs_len)) {
        return false;
    }
    for (size_t i = 0; i < n_tags; i++) {
        ovs_be16 tag[2];

        memcpy(tag, data + macs_len + i * VLAN_HEADER_LEN, sizeof tag);
        if (tag[0] != htons(ETH_TYPE_VLAN_8021Q)) {
            return false;
        }
        /* The last one pushed comes first. */
        tcis[n_tags - 1 - i] = tag[1];
    }

    if (n_tags == 1) {
        uint32_t number = number_from_tci(tcis[0]);

        *indexp = number >> SIMPLE_BITS;
        if (*indexp >= N_SIMPLE || memcmp(data, p->frame.data, macs_len)) {
            return false;
        }
        *versionp = complete_version(*indexp,
                                     number & ((1 << SIMPLE_BITS) - 1));
        return true;
    }

    *indexp = number_from_tci(tcis[0]);
    *versionp = number_from_tci(tcis[1]) | number_from_tci(tcis[2]) << 15;
    make_race_label(*indexp, *versionp, &label);
    return (*indexp >= N_SIMPLE && label.n_tags == n_tags
            && !memcmp(label.tcis, tcis, n_tags * sizeof *tcis)
            && !memcmp(data, &label.macs.eth_dst, ETH_ADDR_LEN)
            && !memcmp(data + ETH_ADDR_LEN, &label.macs.eth_src,
                       ETH_ADDR_LEN));
}
