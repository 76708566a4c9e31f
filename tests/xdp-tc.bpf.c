/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs at tc as the oracle runs them (tests/oracle/run-tc.c), to be
 * linked with the other translation unit of the object.
 *
 * BPF_PROG_RUN neither puts VLAN tags beside packets, as the kernel does
 * before tc, nor says where a packet is redirected to, and does not show the
 * tag that is beside it in the end.
 */

#define HOOK_TC 1

#include "../bpf/maps.h"

/* Notes that the packet is redirected to 'ifindex', in its 'cb', and puts the
 * tag that is beside it into it, and another one, which nobody sees, in its
 * place. */
__noinline int
test_redirect(struct __sk_buff *ctx, __u32 ifindex)
{
    ctx->cb[0] = ifindex;
    if (ctx->vlan_present) {
        bpf_skb_vlan_push(ctx, 0, 0);
    }
    return ifindex ? 7 : 2;     /* TC_ACT_REDIRECT, TC_ACT_SHOT. */
}

#define bpf_redirect(IFINDEX, FLAGS) test_redirect(ctx, IFINDEX)
#define bpf_redirect_peer(IFINDEX, FLAGS) test_redirect(ctx, IFINDEX)

#include "../bpf/flowtable_tc.c"

/* Runs 'tc_flowtable' on the packet after its outermost VLAN tag has come
 * beside it. */
SEC("tc")
int
tc_test(struct __sk_buff *ctx)
{
    struct ethhdr *eth = (void *) (long) ctx->data;
    __be16 *tag = (void *) (eth + 1);

    if ((void *) (tag + 2) <= (void *) (long) ctx->data_end
        && parse_is_vlan(eth->h_proto)) {
        __be16 tpid = eth->h_proto;
        __u16 tci = bpf_ntohs(tag[0]);

        /* If a second tag is not complete, that is an error, but the first one
         * has gone. */
        bpf_skb_vlan_pop(ctx);
        bpf_skb_vlan_push(ctx, tpid, tci);
    }
    bpf_tail_call(ctx, &tc_programs, HOOK_PROGRAM_FLOWTABLE);
    return TC_ACT_SHOT;
}
