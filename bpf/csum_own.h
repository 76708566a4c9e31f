/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which checksum of a packet at tc is the unfinished one.
 *
 * What a container puts into a tunnel of its own has two: the inner one, which
 * the sender leaves to a device, and the outer one of UDP, which its kernel
 * finishes at once, since the sum of what is behind the inner one will be that
 * of the inner pseudo-header.  The kernel's functions know only that there is
 * an unfinished one, and change each as if it were that.  Nothing is wrong
 * with packets that stand for several: there the outer one is unfinished, too.
 */

#ifndef BPF_CSUM_OWN_H
#define BPF_CSUM_OWN_H 1

#include <linux/errno.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "hook.h"
#include "maps.h"
#include "parse.h"
#include "tunnel_sum.h"

/* Returns the sum of the pseudo-header of UDP for 'udp' of the packet with
 * 'l', IPv6 if 'is_ipv6', or 0, which it cannot be, if the packet is too
 * short. */
static __always_inline __u32
csum_pseudo_header(struct hook_md *ctx, const struct xdp_layers *l,
                   const struct udphdr *udp, bool is_ipv6)
{
    __u64 sum = (__u64) bpf_htons(IPPROTO_UDP) + udp->len;

    if (is_ipv6) {
        struct ipv6hdr *ip6 = parse_at(ctx, l->net_ofs, sizeof *ip6);

        return (ip6 ? tunnel_fold(sum + tunnel_sum_words(
                                            (__be32 *) &ip6->saddr, 8))
                : 0);
    } else {
        struct iphdr *ip = parse_at(ctx, l->net_ofs, sizeof *ip);

        return ip ? tunnel_fold(sum + tunnel_sum_words(&ip->saddr, 2)) : 0;
    }
}

/* Returns false if the packet of the scratch, of which no op has been run, is
 * one of UDP, and has an unfinished checksum that is not that of its header,
 * although there is one.
 *
 * An unfinished one is the sum of its pseudo-header.  A finished one may be,
 * too, by chance; but then the kernel takes the packet for one in a tunnel. */
__noinline int
csum_is_own(struct hook_md *ctx)
{
    struct xdp_scratch *scratch = parse_scratch();
    struct udphdr *udp;
    struct xdp_layers l;
    bool is_ipv6;

    if (!scratch || ctx->gso_size) {
        return true;
    }
    l = scratch->layers;
    is_ipv6 = scratch->key.dl_type == bpf_htons(ETH_P_IPV6);
    udp = parse_at(ctx, l.l4_ofs, sizeof *udp);
    if (l.l4_proto != IPPROTO_UDP || !l.l4_ofs || l.l4_size < sizeof *udp
        || l.flags & XDP_LAYERS_LATER_FRAG || !udp || !udp->check) {
        return true;
    }
    return ((udp->check == csum_pseudo_header(ctx, &l, udp, is_ipv6)
             && hook_probe_tunnel(ctx) != -EALREADY)
            || !hook_is_unfinished(ctx));
}

#endif /* csum_own.h */
