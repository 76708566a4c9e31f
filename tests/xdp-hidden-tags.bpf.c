/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As xdp-hidden-tag.bpf.c, with two tags: 5 of 802.1ad beside the packet, and
 * 8 behind it, in the packet.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int
hidden_tags(struct __sk_buff *skb)
{
    bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 8);
    bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 5);
    return TC_ACT_OK;
}
