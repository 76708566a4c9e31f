/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens while 'xdp_mutex' is held, and how often it is given back: who
 * watches looks in each time.  With --times, it prints for how long the lock
 * was held, too.
 *
 * There has to be a table of megaflows (see megaflows.h).
 */

#ifndef UNIT_WATCH_H
#define UNIT_WATCH_H 1

#include <stddef.h>
#include <stdint.h>

struct ds;
struct netdev;

/* What was seen since watch_begin(). */
extern struct watch {
    unsigned int n_held;        /* Holds of the lock. */
    unsigned int n_quiesced;    /* How often RCU has quiesced. */
    unsigned int n_walks;       /* Walks over all megaflows that have begun. */

    /* In one hold at most: */
    size_t max_moved;           /* Megaflows that entered or left XDP, */
    uint64_t max_made;          /* masks and groups that the table made, */
    uint64_t max_displaced;     /* megaflows that were displaced, */
    unsigned int max_calls;     /* what takes a system call for a port, */
    unsigned int max_ports;     /* and ports added to 'watch_report'. */

    /* How often the mutex of those who configure ports was given back, and how
     * many megaflows entered or left XDP while who gave 'xdp_mutex' back held
     * it. */
    unsigned int n_configured;
    size_t n_moved_configuring;

    /* How often the port of 'watch_netdev' was open to flows without an
     * obstacle. */
    unsigned int n_open;
} watch;

/* If nonnull, the netdev of a port to look at, and a report, empty when
 * watch_begin() is called, to which ports are added. */
extern const struct netdev *watch_netdev;
extern const struct ds *watch_report;

/* If nonnull, called before the lock is given back. */
extern void (*watch_func)(void);

void watch_begin(void);
void watch_end(const char *what);
uint64_t watch_count_displaced(void);
unsigned int watch_count_ports(const struct ds *report, size_t start);

#endif /* watch.h */
