/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-conn-report.h. */

#include <config.h>

#include "xdp-conn-report.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "ct-dpif.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "xdp-abi.h"
#include "xdp-conn-table.h"

/* Makes '*tuple' that of direction 'dir' of 'entry'. */
static void
get_tuple(const struct xdp_conn *entry, int dir, struct ct_dpif_tuple *tuple)
{
    const union xdp_conn_id id = { .word = entry->dirs[dir].id };

    memset(tuple, 0, sizeof *tuple);
    tuple->ip_proto = id.proto;
    if (id.is_ipv6) {
        uint64_t words[4] = { entry->dirs[dir].address, entry->more[dir][0],
                              entry->more[dir][1], entry->more[dir][2] };

        tuple->l3_type = AF_INET6;
        memcpy(&tuple->src.in6, &words[0], sizeof tuple->src.in6);
        memcpy(&tuple->dst.in6, &words[2], sizeof tuple->dst.in6);
    } else {
        ovs_be32 addresses[2];

        memcpy(addresses, &entry->dirs[dir].address, sizeof addresses);
        tuple->l3_type = AF_INET;
        tuple->src.ip = addresses[0];
        tuple->dst.ip = addresses[1];
    }
    if (id.proto == IPPROTO_ICMP || id.proto == IPPROTO_ICMPV6) {
        tuple->icmp_id = id.src;
        tuple->icmp_type = ntohs(id.dst) >> 8;
        tuple->icmp_code = ntohs(id.dst) & 0xff;
    } else {
        tuple->src_port = id.src;
        tuple->dst_port = id.dst;
    }
}

/* Appends direction 'dir' of 'entry' to 's'. */
static void
format_dir(const char *name, const struct xdp_conn *entry, int dir,
           struct ds *s)
{
    struct ct_dpif_tuple tuple;

    get_tuple(entry, dir, &tuple);
    ds_put_format(s, ",%s=(", name);
    ct_dpif_format_tuple(s, &tuple);
    ds_put_format(s, ",packets=%"PRIu64",bytes=%"PRIu64")",
                  (uint64_t) entry->dirs[dir].packets,
                  (uint64_t) entry->dirs[dir].bytes);
}

/* Appends a line about 'entry' to 's', in the form of "dpctl/dump-conntrack".
 * 'now' is as time_msec(). */
void
xdp_conn_report_entry(const struct xdp_conn *entry, long long int now,
                      struct ds *s)
{
    const union xdp_conn_id id = { .word = entry->dirs[0].id };
    long long int expiration = entry->expiration / 1000000;

    ct_dpif_format_ipproto(s, id.proto);
    format_dir("orig", entry, 0, s);
    format_dir("reply", entry, 1, s);
    if (id.zone) {
        ds_put_format(s, ",zone=%u", id.zone);
    }
    ds_put_format(s, ",state=%s",
                  entry->flags & XDP_CONN_NEW ? "new" : "established");
    if (entry->flags & XDP_CONN_SRC_NAT) {
        ds_put_cstr(s, ",nat=src");
    } else if (entry->flags & XDP_CONN_DST_NAT) {
        ds_put_cstr(s, ",nat=dst");
    }
    if (entry->mark) {
        ds_put_format(s, ",mark=0x%"PRIx32, entry->mark);
    }
    if (entry->label[0] || entry->label[1]) {
        ovs_u128 label;
        ovs_be128 value;

        memcpy(&label, entry->label, sizeof label);
        value = hton128(label);
        ds_put_cstr(s, ",labels=");
        ds_put_hex(s, &value, sizeof value);
    }
    ds_put_format(s, ",timeout=%lld\n", MAX(expiration - now, 0) / 1000);
}

/* Appends to 's' the connections of 'zone', or if that is NULL all, that
 * packets find in XDP, in no order. */
void
xdp_conn_report_all(const unsigned int *zone, struct ds *s)
{
    struct xdp_conn entry;
    uint32_t position = 0;

    while (xdp_conn_table_next(&position, &entry)) {
        const union xdp_conn_id id = { .word = entry.dirs[0].id };

        if (!zone || id.zone == *zone) {
            xdp_conn_report_entry(&entry, time_msec(), s);
        }
    }
}

/* Appends to 's' how many connections there are in XDP. */
void
xdp_conn_report_totals(struct ds *s)
{
    struct xdp_conn_table_stats stats;

    xdp_conn_table_get_stats(&stats);
    ds_put_cstr(s, "connections:\n");
    ds_put_format(s, "  in XDP: %"PRIu32" of %"PRIu32"\n", stats.n_conns,
                  stats.max_conns);
    ds_put_format(s, "  inserted: %"PRIu64"\n", stats.n_inserted);
    ds_put_format(s, "  not inserted, table full: %"PRIu64"\n", stats.n_full);
    ds_put_format(s, "  idle ones displaced: %"PRIu64"\n", stats.n_displaced);
    ds_put_format(s, "  bytes of memory: %"PRIu64"\n", stats.memory);
}
