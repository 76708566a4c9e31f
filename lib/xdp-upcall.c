/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-upcall.h. */

#include <config.h>

#include "xdp-upcall.h"

#include <string.h>

#include "dp-packet.h"
#include "entropy.h"
#include "openvswitch/packets.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "packets.h"

/* The secret, or 0 as long as nobody has asked for it. */
static atomic_uint64_t secret = 0;

/* Stores the number by which metadata are known in '*magic'.  Returns 0 or a
 * positive errno value, if there are no random numbers. */
int
xdp_upcall_magic(uint64_t *magic)
{
    static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
    int error = 0;

    ovs_mutex_lock(&mutex);
    atomic_read_relaxed(&secret, magic);
    while (!*magic && !error) {
        error = get_entropy(magic, sizeof *magic);
        if (!error) {
            atomic_store_relaxed(&secret, *magic);
        }
    }
    ovs_mutex_unlock(&mutex);
    return error;
}

/* Returns how many bytes the words of connection tracking are that a packet
 * with 'meta' has in front of it. */
static uint32_t
ct_len(const struct xdp_upcall_meta *meta)
{
    return (!(meta->flags & XDP_UPCALL_CT) ? 0
            : meta->flags & XDP_UPCALL_CT_IPV6 ? XDP_KEY_CT_WORDS * 8
            : XDP_KEY_CT_IPV4_WORDS * 8);
}

/* If 'packet' was received from an AF_XDP socket and has metadata, takes them
 * off, stores them in '*meta' and returns true. */
bool
xdp_upcall_take_meta(struct dp_packet *packet, struct xdp_upcall_meta *meta)
{
    uint64_t magic;
    char *p;

    atomic_read_relaxed(&secret, &magic);
    if (!magic || packet->source != DPBUF_AFXDP
        || dp_packet_headroom(packet) < sizeof *meta) {
        return false;
    }
    p = (char *) dp_packet_data(packet) - sizeof *meta;
    memcpy(meta, p, sizeof *meta);
    if (meta->magic != magic
        || meta->tunnel_len > dp_packet_size(packet)
        || ct_len(meta) > dp_packet_size(packet) - meta->tunnel_len) {
        return false;
    }

    /* The next packet in this memory may have none. */
    memset(p, 0, sizeof *meta);
    return true;
}

/* Takes the tunnel words, of 'meta->tunnel_len' bytes, off 'packet' and stores
 * what they say in '*tnl', which is that of a packet without tunnel. */
void
xdp_upcall_take_tunnel(struct dp_packet *packet,
                       const struct xdp_upcall_meta *meta,
                       struct flow_tnl *tnl)
{
    const char *p = dp_packet_pull(packet, meta->tunnel_len);
    struct xdp_key key;
    char *words = (char *) &key.tun_ip_src;

    memset(&key, 0, sizeof key);
    memcpy(words, p, XDP_UPCALL_TUNNEL_WORDS * 8);
    p += XDP_UPCALL_TUNNEL_WORDS * 8;
    if (key.tun_opts_len) {
        memcpy(key.tun_opts, p, sizeof key.tun_opts);
        p += sizeof key.tun_opts;
    }
    if (!key.tun_ip_dst) {
        memcpy(key.tun_ipv6_src, p, sizeof key.tun_ipv6_src);
        memcpy(key.tun_ipv6_dst, p + sizeof key.tun_ipv6_src,
               sizeof key.tun_ipv6_dst);
    }

    tnl->ip_src = key.tun_ip_src;
    tnl->ip_dst = key.tun_ip_dst;
    memcpy(&tnl->ipv6_src, key.tun_ipv6_src, sizeof tnl->ipv6_src);
    memcpy(&tnl->ipv6_dst, key.tun_ipv6_dst, sizeof tnl->ipv6_dst);
    tnl->tun_id = key.tun_tun_id;
    tnl->flags = key.tun_flags;
    tnl->ip_tos = key.tun_ip_tos;
    tnl->ip_ttl = key.tun_ip_ttl;
    tnl->tp_src = key.tun_tp_src;
    tnl->tp_dst = key.tun_tp_dst;
    tnl->erspan_ver = key.tun_erspan_ver;
    tnl->erspan_idx = key.tun_erspan_idx;
    memcpy(tnl->metadata.opts.gnv, key.tun_opts, sizeof key.tun_opts);
    tnl->metadata.present.len = key.tun_opts_len;
}

/* Takes the words of connection tracking, of which 'meta' says that they are
 * there, off 'packet', and makes its metadata what they say.  Behind a tunnel,
 * the tunnel words must have been taken.  Which connection it is, userspace
 * finds out itself if it has to: 'md.conn' is left alone. */
void
xdp_upcall_take_ct(struct dp_packet *packet,
                   const struct xdp_upcall_meta *meta)
{
    const char *p = dp_packet_pull(packet, ct_len(meta));
    struct pkt_metadata *md = &packet->md;
    struct xdp_key key;

    memset(&key, 0, sizeof key);
    memcpy((char *) &key + offsetof(struct xdp_key, ct_state), p,
           ct_len(meta));
    md->ct_state = key.ct_state;
    md->ct_zone = key.ct_zone;
    md->ct_mark = key.ct_mark;
    BUILD_ASSERT_DECL(sizeof md->ct_label == sizeof key.ct_label);
    memcpy(&md->ct_label, key.ct_label, sizeof md->ct_label);

    memset(&md->ct_orig_tuple, 0, sizeof md->ct_orig_tuple);
    md->ct_orig_tuple_ipv6 = meta->flags & XDP_UPCALL_CT_IPV6;
    if (md->ct_orig_tuple_ipv6) {
        struct ovs_key_ct_tuple_ipv6 *tuple = &md->ct_orig_tuple.ipv6;

        memcpy(&tuple->ipv6_src, key.ct_ipv6_src, sizeof key.ct_ipv6_src);
        memcpy(&tuple->ipv6_dst, key.ct_ipv6_dst, sizeof key.ct_ipv6_dst);
        tuple->src_port = key.ct_tp_src;
        tuple->dst_port = key.ct_tp_dst;
        tuple->ipv6_proto = key.ct_nw_proto;
    } else {
        struct ovs_key_ct_tuple_ipv4 *tuple = &md->ct_orig_tuple.ipv4;

        tuple->ipv4_src = key.ct_nw_src;
        tuple->ipv4_dst = key.ct_nw_dst;
        tuple->src_port = key.ct_tp_src;
        tuple->dst_port = key.ct_tp_dst;
        tuple->ipv4_proto = key.ct_nw_proto;
    }
}

/* Takes the metadata off 'packet', which came from port 'port_no' of the
 * datapath, if it has any.  If XDP was in a later pass with it, makes it what
 * it was there, for userspace to go on, and returns true. */
bool
xdp_upcall_resume(struct dp_packet *packet, odp_port_t port_no)
{
    struct xdp_upcall_meta meta;

    if (!xdp_upcall_take_meta(packet, &meta)
        || !(meta.flags & XDP_UPCALL_LATER_PASS)) {
        return false;
    }

    pkt_metadata_init(&packet->md, port_no);
    if (meta.tunnel_len) {
        pkt_metadata_init_tnl(&packet->md);
        packet->md.in_port.odp_port = u32_to_odp(meta.tunnel_port);
        xdp_upcall_take_tunnel(packet, &meta, &packet->md.tunnel);
    }
    if (meta.flags & XDP_UPCALL_CT) {
        xdp_upcall_take_ct(packet, &meta);
    }
    packet->md.recirc_id = meta.recirc_id;
    packet->md.dp_hash = meta.dp_hash;
    if (meta.flags & XDP_UPCALL_RSS_HASH) {
        dp_packet_set_rss_hash(packet, meta.rss_hash);
    }
    return true;
}
