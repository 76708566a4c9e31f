/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What hook.h promises, at XDP.  A packet is what is between 'data' and
 * 'data_end', so there is little to do.
 */

#ifndef BPF_HOOK_XDP_H
#define BPF_HOOK_XDP_H 1

#include "csum.h"
#include "maps.h"

/* The context of a program. */
#define hook_md xdp_md

/* Does the hook have all ops of "enum xdp_op_type"? */
#define HOOK_HAS_ALL_OPS 1

/* Can a copy of the packet be sent in the middle of its ops? */
#define HOOK_CLONES 0

/* Do packets for a port at tc go through its companion? */
#define HOOK_DETOURS 1

/* Verdicts. */
enum hook_verdict {
    HOOK_ABORTED = XDP_ABORTED,
    HOOK_DROP = XDP_DROP,
    HOOK_PASS = XDP_PASS,           /* To the kernel's stack. */
    HOOK_REDIRECT = XDP_REDIRECT,
};

/* What a checksum is one of. */
enum hook_csum {
    HOOK_CSUM_UDP = 1 << 0,         /* UDP, where 0 is none. */
    HOOK_CSUM_PSEUDO = 1 << 1,      /* The pseudo-header has changed. */
};

/* Prepares the packet for being parsed.  Returns false if that fails. */
static __always_inline bool
hook_begin(struct hook_md *ctx)
{
    return true;
}

/* Returns true if the outermost VLAN tag of the packet is beside it, in
 * '*tpidp' and '*tcip'. */
static __always_inline bool
hook_has_tag(struct hook_md *ctx, __be16 *tpidp, __be16 *tcip)
{
    return false;
}

/* Returns the length of the tag beside the packet, or 0. */
static __always_inline __u32
hook_tag_len(struct hook_md *ctx)
{
    return 0;
}

/* Returns the number of bytes from 'p' in the packet to its end; 'end' is what
 * 'data_end' says. */
static __always_inline __u64
hook_left(struct hook_md *ctx, const void *p, const void *end)
{
    return end - p;
}

/* Copies the 'len' bytes 'ofs' bytes behind the start of the packet to 'to'.
 * Returns an error if they are not there. */
static __always_inline long
hook_load_bytes(struct hook_md *ctx, __u32 ofs, void *to, __u32 len)
{
    return bpf_xdp_load_bytes(ctx, ofs, to, len);
}

/* Returns the length of the packet, without a tag beside it. */
static __always_inline __u64
hook_frame_len(struct hook_md *ctx)
{
    return ctx->data_end - ctx->data;
}

/* Returns the length of the packet with its tags. */
static __always_inline __u64
hook_whole_len(struct hook_md *ctx)
{
    return ctx->data_end - ctx->data;
}

/* Returns the length of the longest packet that this one stands for.  It has
 * been parsed. */
static __always_inline __u64
hook_len(struct hook_md *ctx)
{
    return ctx->data_end - ctx->data;
}

/* Returns how many packets this one stands for.  It has been parsed. */
static __always_inline __u64
hook_packets(struct hook_md *ctx)
{
    return 1;
}

/* Returns the number of bytes of all packets that this one stands for.  It has
 * been parsed. */
static __always_inline __u64
hook_bytes(struct hook_md *ctx)
{
    return ctx->data_end - ctx->data;
}

/* Returns true if the packet of 'scratch', which has been parsed, can be run
 * through the flows of 'port' as a whole. */
static __always_inline bool
hook_is_whole(struct hook_md *ctx, struct xdp_scratch *scratch,
              const struct xdp_port *port)
{
    return true;
}

/* Updates 'csum', the checksum 'ofs' bytes behind the start of the packet and
 * of 'what', enum hook_csum, for the change 'diff'.  Pointers into the packet
 * are void afterwards. */
static __always_inline void
hook_update_csum(struct hook_md *ctx, __u16 *csum, __u32 ofs, __u32 diff,
                 __u32 what)
{
    *csum = (what & HOOK_CSUM_UDP ? csum_apply_udp(*csum, diff)
             : csum_apply(*csum, diff));
}

/* Notes that the sum of what follows the Ethernet header has changed by
 * 'diff', which no checksum in there makes up for. */
static __always_inline void
hook_note_change(struct hook_md *ctx, __u32 diff)
{
}

/* Runs the program for later passes.  Returns if that fails. */
static __always_inline void
hook_recirc(struct hook_md *ctx)
{
    bpf_tail_call(ctx, &xdp_programs, 0);
}

#endif /* hook_xdp.h */
