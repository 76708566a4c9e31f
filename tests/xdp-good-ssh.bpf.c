/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A custom object without a flow table: keeps SSH and the ARP that it needs in
 * the kernel and gives everything else to Open vSwitch.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SSH_PORT 22

char _license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int
ssh_to_kernel(struct xdp_md *ctx)
{
    void *end = (void *) (long) ctx->data_end;
    struct ethhdr *eth = (void *) (long) ctx->data;
    struct iphdr *ip = (void *) (eth + 1);
    struct tcphdr *tcp = (void *) (ip + 1);

    if ((void *) (tcp + 1) <= end && eth->h_proto == bpf_htons(ETH_P_IP)
        && ip->ihl == sizeof *ip / 4 && ip->protocol == IPPROTO_TCP
        && tcp->dest == bpf_htons(SSH_PORT)) {
        return XDP_PASS;
    }
    if ((void *) (eth + 1) <= end && eth->h_proto == bpf_htons(ETH_P_ARP)) {
        return XDP_PASS;
    }
    return bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
}
