/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/* What part "ct-race" of the oracle (tests/oracle/ct-race.h) and
 * tests/xdp-ct-slow.bpf.c agree on. */

#ifndef XDP_CT_SLOW_H
#define XDP_CT_SLOW_H 1

#include <linux/types.h>

/* Where a program can stop: at CT_STOP() in bpf/ct.h, and those of trains in
 * bpf/train_ct.h. */
enum ct_stop {
    CT_STOP_NONE,
    CT_STOP_REF,                /* It has a reference to a connection... */
    CT_STOP_VALID,              /* ...has seen that this is valid... */
    CT_STOP_SEQ,                /* ...has its 'seq'... */
    CT_STOP_MARK,               /* ...and its mark... */
    CT_STOP_LABEL,              /* ...and half of its label. */
    CT_STOP_RUN,                /* All ops of the flow can be run. */
    CT_STOP_ADDRESS,            /* Addresses are translated, ports not. */
    CT_STOP_TRAIN,              /* It has the headers of a train, and its
                                 * connection... */
    CT_STOP_TRAIN_VALID,        /* ...has seen that this is valid... */
    CT_STOP_TRAIN_RUN,          /* ...and all else that is to be seen. */
    CT_N_STOPS
};

/* Value of the map 'ct_slow', which has one. */
struct ct_slow {
    __u64 now;                  /* The oracle's logical clock. */

    /* Set before the program runs: a number of this run, where to stop, and
     * for how many ns at most. */
    __u64 run, stop, patience;

    /* The program stops, and says so by setting 'arrived' to 'run', until
     * somebody sets 'go' to 'run'.  Then it notes what 'now' is. */
    __u64 arrived, go, seen;
};

#endif /* xdp-ct-slow.h */
