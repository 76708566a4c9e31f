/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For the egress hook of tc: gives each packet the VLAN tag 100 as a VLAN
 * device does, beside the packet.  Devices without txvlan put it in.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int
hidden_tag(struct __sk_buff *skb)
{
    bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 100);
    return TC_ACT_OK;
}
