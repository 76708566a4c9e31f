/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For the ingress hook of tc: takes all VLAN tags off, two at most.
 */

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int
hidden_untag(struct __sk_buff *skb)
{
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
        if (skb->vlan_present) {
            bpf_skb_vlan_pop(skb);
        }
    }
    return TC_ACT_OK;
}
