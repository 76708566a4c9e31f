/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of what is kept of companions that were made in vain.
 *
 * Ports are made up (see megaflows.h).
 */

#include <config.h>

#undef NDEBUG
#include <limits.h>
#include <stdlib.h>

#include "clock.h"
#include "megaflows.h"
#include "unit.h"
#include "util.h"
#include "xdp-port-private.h"
#include "xdp-program.h"

/* Longer than it counts that a companion was made in vain. */
#define LONG_TIME (10 * 60 * 1000)

/* Returns true if it is told of 'port', which other modes have taken, why it
 * is not at tc. */
static bool
has_reason(const struct xdp_netdev *port)
    OVS_REQUIRES(xdp_mutex)
{
    char *problem = xdp_port_tc_problem(port);
    bool has = problem != NULL;

    free(problem);
    return has;
}

/* test_failures() with port 0, and one that is gone. */
static void
check_failures(void)
    OVS_REQUIRES(xdp_mutex)
{
    struct xdp_netdev *port = megaflows_port(0);
    long long int next = LLONG_MAX;
    struct xdp_netdev gone;

    port->others_follow = true;
    port->peer = 1;
    gone = *port;
    gone.name = CONST_CAST(char *, "container");
    xdp_port_tc_note_failure(port, "failed");
    xdp_port_tc_note_failure(&gone, "failed");
    CHECK(has_reason(port) && has_reason(&gone));

    /* As long as it is to be tried again. */
    CHECK(!xdp_port_tc_retry(&next) && next != LLONG_MAX);
    clock_advance(LONG_TIME);
    CHECK(xdp_port_tc_retry(&next));
    CHECK(has_reason(port) && has_reason(&gone));

    clock_advance(LONG_TIME);
    CHECK(!xdp_port_tc_retry(&next));
    CHECK(has_reason(port) && !has_reason(&gone));
}

/* What is known of a companion that was made in vain is kept for the port, but
 * not for ever where there is none. */
static void
test_failures(void)
{
    clock_stop();
    if (megaflows_begin()) {
        if (xdp_contract_has_tc(&megaflows_object->caps)) {
            xdp_lock();
            check_failures();
            xdp_unlock();
        }
        megaflows_end();
    }
    clock_run();
}

const struct unit_case unit_failures[] = {
    { "failures", test_failures, NEED_BPF },
    { NULL, NULL, 0 }
};
