/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts "keys-vlan-limit-N" and "keys-depth": the parser's key against
 * flow_extract().
 */

#include <config.h>

#include "keys.h"

#include <stdio.h>
#include <string.h>

#include "coverage.h"
#include "flow.h"
#include "flows.h"
#include "oracle.h"
#include "packets.h"
#include "rng.h"
#include "run.h"
#include "util.h"

/* Stores in '*key' what the parser should make of a packet with 'flow' from
 * port 'port'. */
void
key_from_flow(const struct flow *flow, uint32_t port, struct xdp_key *key)
{
    memset(key, 0, sizeof *key);
    key->in_port = port;
    memcpy(key->dl_dst, &flow->dl_dst, ETH_ADDR_LEN);
    memcpy(key->dl_src, &flow->dl_src, ETH_ADDR_LEN);
    key->dl_type = flow->dl_type;
    key->vlan_tpid0 = flow->vlans[0].tpid;
    key->vlan_tci0 = flow->vlans[0].tci;
    key->vlan_tpid1 = flow->vlans[1].tpid;
    key->vlan_tci1 = flow->vlans[1].tci;
    key->nw_src = flow->nw_src;
    key->nw_dst = flow->nw_dst;
    key->nw_frag = flow->nw_frag;
    key->nw_proto = flow->nw_proto;
    key->nw_tos = flow->nw_tos;
    key->nw_ttl = flow->nw_ttl;
    key->tcp_flags = flow->tcp_flags;
    key->tp_src = flow->tp_src;
    key->tp_dst = flow->tp_dst;
    memcpy(key->ipv6_src, &flow->ipv6_src, sizeof key->ipv6_src);
    memcpy(key->ipv6_dst, &flow->ipv6_dst, sizeof key->ipv6_dst);
    memcpy(key->nd_target, &flow->nd_target, sizeof key->nd_target);
    memcpy(key->arp_sha, &flow->arp_sha, sizeof key->arp_sha);
    memcpy(key->arp_tha, &flow->arp_tha, sizeof key->arp_tha);
    key->ipv6_label = flow->ipv6_label;
    memcpy(key->mpls_lse, flow->mpls_lse, sizeof key->mpls_lse);
    key->igmp_group_ip4 = flow->igmp_group_ip4;
}

/* Adds what is special in 'flow' to the coverage. */
static void
count_events(const struct flow *flow)
{
    bool is_ipv4 = flow->dl_type == htons(ETH_TYPE_IP);
    bool is_ipv6 = (flow->dl_type == htons(ETH_TYPE_IPV6)
                    && !is_all_zeros(&flow->ipv6_src, sizeof flow->ipv6_src));
    bool is_nd = ((is_ipv4 || is_ipv6) && flow->nw_proto == IPPROTO_ICMPV6
                  && (flow->tp_src == htons(ND_NEIGHBOR_SOLICIT)
                      || flow->tp_src == htons(ND_NEIGHBOR_ADVERT))
                  && !flow->tp_dst);

    if (is_ipv6) {
        /* 0 is an extension header, with which a chain cannot end. */
        event_count[EVENT_IPV6_CHAIN] += !flow->nw_proto;
        event_count[EVENT_IPV6_FIRST] += flow->nw_frag == FLOW_NW_FRAG_ANY;
        event_count[EVENT_IPV6_LATER] += !!(flow->nw_frag
                                            & FLOW_NW_FRAG_LATER);
    }
    if (is_nd) {
        event_count[EVENT_ND_INVALID] += is_all_zeros(&flow->nd_target,
                                                      sizeof flow->nd_target);
        event_count[EVENT_ND_BOTH] += (!eth_addr_is_zero(flow->arp_sha)
                                       && !eth_addr_is_zero(flow->arp_tha));
        event_count[EVENT_ND_IPV4] += is_ipv4;
    }
    event_count[EVENT_ARP_NO_OP] += ((flow->dl_type == htons(ETH_TYPE_ARP)
                                      || flow->dl_type
                                         == htons(ETH_TYPE_RARP))
                                     && flow->nw_src && !flow->nw_proto);
    event_count[EVENT_MPLS_FULL] += flow->mpls_lse[XDP_MPLS_MAX - 1] != 0;
}

/* Puts a flow into the table that no packet matches, so that the packets from
 * 'port' are parsed as far as 'asked' says. */
struct xdp_table_flow *
ask_port(uint32_t port, enum asked asked)
{
    static const struct xdp_flow_actions drop;
    struct xdp_table_flow *flow;
    enum xdp_table_error error;
    struct xdp_key key, mask;

    memset(&key, 0, sizeof key);
    memset(&mask, 0, sizeof mask);
    key.in_port = port;
    mask.in_port = UINT32_MAX;
    rnd_bytes(key.dl_dst, sizeof key.dl_dst);
    rnd_bytes(key.dl_src, sizeof key.dl_src);
    memset(mask.dl_dst, 0xff, sizeof mask.dl_dst);
    memset(mask.dl_src, 0xff, sizeof mask.dl_src);
    mask.nw_proto = asked == ASK_NETWORK ? UINT8_MAX : 0;
    mask.tp_src = (asked == ASK_TRANSPORT || asked == ASK_ALL
                   ? OVS_BE16_MAX : 0);
    mask.ipv6_label = (asked == ASK_EXTENDED || asked == ASK_ALL
                       ? OVS_BE32_MAX : 0);
    error = xdp_flow_table_insert(object->table, &key, &mask, &drop, &flow);
    if (error) {
        ovs_fatal(0, "inserting a flow failed (table error %d)", error);
    }
    return flow;
}

/* As ask_port(), for the first device. */
struct xdp_table_flow *
ask(enum asked asked)
{
    return ask_port(devices[0].port, asked);
}

/* Undoes ask(). */
void
unask(struct xdp_table_flow *flow)
{
    struct xdp_flow_table_stats stats;

    xdp_flow_table_remove(object->table, flow, &stats);
}

/* Makes zero what is in 'key' without having been asked for.  The IP header
 * never needs to be, because of the TCP flags behind it. */
static void
reduce_key(struct xdp_key *key, enum asked asked)
{
    bool is_ip = (key->dl_type == htons(ETH_TYPE_IP)
                  || key->dl_type == htons(ETH_TYPE_IPV6));

    if (asked == ASK_NOTHING && !is_ip) {
        memset((char *) key + offsetof(struct xdp_key, nw_frag), 0,
               (offsetof(struct xdp_key, tun_ip_src)
                - offsetof(struct xdp_key, nw_frag)));
    }
    if (asked != ASK_TRANSPORT && asked != ASK_ALL) {
        key->tp_src = key->tp_dst = 0;
        if (!is_ip || key->nw_proto != IPPROTO_TCP) {
            key->tcp_flags = 0;
        }
        memset(key->nd_target, 0, sizeof key->nd_target);
        key->igmp_group_ip4 = 0;
        if (is_ip) {
            memset(key->arp_sha, 0, sizeof key->arp_sha);
            memset(key->arp_tha, 0, sizeof key->arp_tha);
        }
    }
    if (asked != ASK_EXTENDED && asked != ASK_ALL) {
        memset((char *) key + offsetof(struct xdp_key, ipv6_src), 0,
               (offsetof(struct xdp_key, tun_ip_src)
                - offsetof(struct xdp_key, ipv6_src)));
    }
}

/* Compares the keys of one packet from the first device, after ask(). */
void
check_key(const struct frame *f, int vlan_limit, enum asked asked,
          const char *kind)
{
    struct xdp_key expected, got;
    struct flow flow;
    uint32_t verdict;

    extract(f->data, f->size, ODP_BASE + devices[0].port, &flow);
    count_events(&flow);
    key_from_flow(&flow, devices[0].port, &expected);
    reduce_key(&expected, asked);
    verdict = run_program(devices[0].ifindex, f->data, f->size, NULL, NULL);
    read_key(&got);
    for (size_t i = 0; i < N_FIELDS; i++) {
        field_nonzero[i] += field_is_nonzero(&expected, &fields[i]);
    }

    if (verdict == XDP_PASS && !memcmp(&expected, &got, sizeof got)) {
        return;
    }
    if (failure("keys differ (%s)", kind)) {
        print_hex("flow_extract", &expected, sizeof expected);
        print_hex("XDP         ", &got, sizeof got);
        printf("  verdict: %"PRIu32"; fields:", verdict);
        for (size_t i = 0; i < N_FIELDS; i++) {
            const struct field *field = &fields[i];

            if (memcmp((char *) &expected + field->ofs,
                       (char *) &got + field->ofs, field->size)) {
                printf(" %s", field->name);
            }
        }
        printf("\n  replay: --vlan-limit %d --asked %d --replay ", vlan_limit,
               asked);
        for (size_t i = 0; i < f->size; i++) {
            printf("%02x", f->data[i]);
        }
        printf("\n");
    }
}

/* Checks 'n' packets under 'vlan_limit' and 'asked'.  Returns the number of
 * times that each kind of packet occurred at each length. */
static unsigned long int
check_keys(int vlan_limit, enum asked asked, unsigned long int n)
{
    struct xdp_table_flow *flow;
    unsigned long int n_sweeps = 0;
    unsigned long int sweep = 0;
    struct frame f, whole;

    set_vlan_limit(vlan_limit);
    rng_start(20, asked);
    flow = ask(asked);
    f.size = whole.size = 0;
    for (unsigned long int i = 0; i < n; i++) {
        const char *kind;

        rng_start(1 + vlan_limit, i);
        if (i % 8) {
            make_any_packet(&f, i - i / 8);
            kind = kind_names[(i - i / 8) % N_KINDS];
        } else {
            /* One packet of each kind and with each number of tags, byte by
             * byte shorter. */
            if (!f.size || whole.size <= ETH_HEADER_LEN) {
                make_packet(&whole, sweep % N_KINDS,
                            sweep / N_KINDS % (MAX_TAGS + 1));
                whole.size = MIN(whole.size, 100);
                sweep++;
                n_sweeps += sweep % (N_KINDS * (MAX_TAGS + 1)) == 0;
            } else {
                whole.size--;
            }
            memcpy(&f, &whole, sizeof f);
            event_count[EVENT_TRUNCATED]++;
            kind = "shortened";
        }
        check_key(&f, vlan_limit, asked, kind);
    }
    unask(flow);
    reclaim();
    return n_sweeps;
}

/* Part "keys-vlan-limit-N". */
void
test_keys(int vlan_limit)
{
    unsigned long int n_sweeps;
    char name[32];

    snprintf(name, sizeof name, "keys-vlan-limit-%d", vlan_limit);
    if (part_wanted(name)) {
        n_sweeps = check_keys(vlan_limit, ASK_ALL, n_packets);
        end_part(name, "%lu packets%s", n_packets,
                 n_sweeps ? ", each kind at each length" : "");
    }
}

/* Part "keys-depth": parsing no deeper than the port's flows ask for. */
void
test_depth(void)
{
    unsigned long int n = n_packets / 8 + 1;

    if (part_wanted("keys-depth")) {
        for (enum asked asked = 0; asked < ASK_ALL; asked++) {
            check_keys(XDP_VLAN_MAX, asked, n);
        }
        end_part("keys-depth", "%lu packets", n * ASK_ALL);
    }
}

/* Makes 'f' the packet in hexadecimal 'hex'.  Returns NULL, or what is wrong
 * with it. */
const char *
parse_frame(const char *hex, struct frame *f)
{
    f->size = 0;
    for (const char *p = hex; *p; p += 2) {
        bool ok;

        if (f->size >= MAX_PACKET) {
            return "packet is too long";
        }
        f->data[f->size++] = hexits_value(p, p[1] ? 2 : 1, &ok);
        if (!ok || !p[1]) {
            return "packet is not in hexadecimal";
        }
    }
    return f->size < ETH_HEADER_LEN ? "packet is too short" : NULL;
}

/* Checks the packet in hexadecimal 'hex'. */
void
replay(const char *hex, int vlan_limit, enum asked asked)
{
    struct xdp_table_flow *flow;
    const char *problem;
    struct frame f;

    problem = parse_frame(hex, &f);
    if (problem) {
        ovs_fatal(0, "--replay: %s", problem);
    }

    set_vlan_limit(vlan_limit);
    flow = ask(asked);
    check_key(&f, vlan_limit, asked, "replayed");
    if (!part_failures) {
        struct xdp_key key;

        read_key(&key);
        print_hex("key", &key, sizeof key);
    }
    unask(flow);
    end_part("replay", "%"PRIuSIZE" bytes", f.size);
}
