/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs at tc as the oracle runs them (tests/oracle/run-tc.c), to be
 * linked with the other translation unit of the object.
 *
 * BPF_PROG_RUN neither puts VLAN tags beside packets, as the kernel does
 * before tc, nor says where a packet is redirected to, and does not show the
 * tag that is beside it in the end, nor copies that are sent on the way.
 */

#define HOOK_TC 1

#include <bpf/bpf_endian.h>

#include "../bpf/maps.h"
#include "../bpf/verifier.h"

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

/* The copies of the last packet: how many there are, and what they are.  See
 * tests/oracle/run-tc.c. */
#define TEST_MAX_COPIES XDP_FLOW_MAX_OPS
#define TEST_MAX_COPY 2048

struct test_copy {
    __u32 ifindex;
    __u32 len;
    __be16 tpid;                /* Of the tag beside it, or 0... */
    __be16 tci;                 /* ...and the rest of that. */
    __u8 data[TEST_MAX_COPY];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} test_n_copies SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, TEST_MAX_COPIES);
    __type(key, __u32);
    __type(value, struct test_copy);
} test_copies SEC(".maps");

/* Notes a copy of the packet for 'ifindex', and makes the scratch one of
 * another packet, which may have come in meanwhile. */
__noinline int
test_clone_redirect(struct __sk_buff *ctx, __u32 ifindex)
{
    __u32 zero = 0, len = ctx->len;
    __u32 *n = bpf_map_lookup_elem(&test_n_copies, &zero);
    struct xdp_scratch *scratch
        = bpf_map_lookup_elem(&xdp_scratch, &zero);
    struct test_copy *copy;

    if (!n || !scratch || !len || len > TEST_MAX_COPY) {
        return -1;
    }
    copy = bpf_map_lookup_elem(&test_copies, n);
    /* The same number, in a way that Linux 6.1 understands. */
    len = verifier_mask(len - 1, TEST_MAX_COPY - 1) + 1;
    if (!copy || bpf_skb_load_bytes(ctx, 0, copy->data, len)) {
        return -1;
    }
    copy->ifindex = ifindex;
    copy->len = len;
    copy->tpid = ctx->vlan_present ? ctx->vlan_proto : 0;
    copy->tci = ctx->vlan_present ? bpf_htons(ctx->vlan_tci) : 0;
    ++*n;

    scratch->key.dl_type = ~scratch->key.dl_type;
    scratch->layers_word = ~scratch->layers_word;
    scratch->kept = ~scratch->kept;
    scratch->tracked = MAPS_TRACKED_IPV6;
    scratch->in_tunnel = MAPS_TUNNEL_RARE;
    return 0;
}

#define bpf_clone_redirect(CTX, IFINDEX, FLAGS) \
    test_clone_redirect(CTX, IFINDEX)
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
