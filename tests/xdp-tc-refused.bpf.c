/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One of the programs at tc is refused by the kernel: it reads the packet
 * without a check.  To be linked with the other translation unit of the
 * object, with whose programs there is nothing wrong.
 */

#define tc_companion tc_companion_accepted

#include "../bpf/flowtable_tc.c"

#undef tc_companion

SEC("tc")
int
tc_companion(struct __sk_buff *ctx)
{
    __u8 *data = (void *) (long) ctx->data;

    return data[14] ? TC_ACT_OK : TC_ACT_SHOT;
}
