/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part "digest": two flows of one mask and one digest.  They cannot both be in
 * the table, and a packet of the one must not take the way of the other,
 * though the hint cache and the subtable lead there.
 */

#include <config.h>

#include <string.h>

#include "coverage.h"
#include "flows.h"
#include "oracle.h"
#include "packets.h"
#include "frames.h"
#include "rng.h"
#include "run.h"
#include "util.h"

/* Part "digest". */
void
test_digest(void)
{
    struct device *device = &devices[0];
    struct tested_flow t[2];
    struct frame f[2];
    ovs_be32 src = (OVS_FORCE ovs_be32) -(uint32_t) digest_secret[4];
    struct xdp_translation tr;
    struct xdp_flow_table_stats stats;
    enum xdp_table_error error;
    uint64_t digest[2] = { 0, 0 };

    if (!part_wanted("digest")) {
        return;
    }

    rng_start(13, 0);
    set_vlan_limit(2);
    set_hints(NO_HINTS);
    make_packet(&f[0], KIND_UDP, 0);
    f[1] = f[0];
    for (int i = 0; i < 2; i++) {
        ovs_be32 dst = htonl(0x0a000001 + i);
        uint64_t key[XDP_KEY_WORDS], mask[XDP_KEY_WORDS];
        struct flow flow;

        /* The half of the word that has the secret's negative makes its
         * product zero, whatever the other half is. */
        memcpy(f[i].data + 26, &src, sizeof src);
        memcpy(f[i].data + 30, &dst, sizeof dst);
        extract(f[i].data, f[i].size, ODP_BASE + device->port, &flow);

        memset(&t[i].stats, 0, sizeof t[i].stats);
        t[i].device = device;
        t[i].flow = NULL;
        match_init_catchall(&t[i].match);
        match_set_dl_type(&t[i].match, htons(ETH_TYPE_IP));
        match_set_in_port(&t[i].match, OFPP_NONE);
        match_set_nw_src(&t[i].match, src);
        match_set_nw_dst(&t[i].match, dst);
        make_label(&t[i], i);
        xdp_translate_match(&t[i].match, device->port, &object->caps, &tr);
        memcpy(key, &tr.key, sizeof key);
        memcpy(mask, &tr.mask, sizeof mask);
        for (size_t j = 0; j < XDP_KEY_WORDS; j++) {
            if (mask[j]) {
                digest[i] = xdp_digest_add(digest[i], key[j],
                                           digest_secret[j]);
            }
        }
    }
    if (digest[0] != digest[1]) {
        failure("the digests are not equal: this test is wrong");
    }

    if (put_tested(&t[0], &error, &tr) || error) {
        failure("the first flow was refused");
        goto out;
    }
    check_packet("digest", 0, "packet of the first", &t[0], &f[0], true,
                 false);
    check_packet("digest", 0, "packet of the second", &t[0], &f[1], false,
                 false);
    if (put_tested(&t[1], &error, &tr) || error != XDP_TABLE_DIGEST
        || t[1].flow) {
        failure("the second flow was not refused for its digest");
    }
    reason_count[XDP_REASON_DIGEST]++;
    check_packet("digest", 0, "packet of the first, again", &t[0], &f[0],
                 true, false);

    xdp_flow_table_remove(object->table, t[0].flow, &stats);
    if (put_tested(&t[1], &error, &tr) || error) {
        failure("the second flow was refused when the first was gone");
        goto out;
    }
    check_packet("digest", 0, "packet of the second, there", &t[1], &f[1],
                 true, false);
    check_packet("digest", 0, "packet of the first, gone", &t[1], &f[0],
                 false, false);
    xdp_flow_table_remove(object->table, t[1].flow, &stats);
out:
    reclaim();
    ofpbuf_uninit(&t[0].actions.buf);
    ofpbuf_uninit(&t[1].actions.buf);
    end_part("digest", "%#"PRIx64, digest[0]);
}
