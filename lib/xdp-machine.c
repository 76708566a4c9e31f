/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-machine.h. */

#include <config.h>

#include "xdp-machine.h"

#include <stddef.h>

/* What a test wants to be true of the machine, or NULL. */
static const struct xdp_machine *pretended;

/* Returns true if processors of this kind may read out of order. */
static bool
has_weak_order(void)
{
#if defined(__i386__) || defined(__x86_64__) || defined(__s390__)
    return false;
#else
    return true;
#endif
}

/* Returns what is known about this machine. */
const struct xdp_machine *
xdp_machine_get(void)
{
    static struct xdp_machine machine;

    if (pretended) {
        return pretended;
    }
    machine.weak_order = has_weak_order();
    return &machine;
}

/* For tests: makes xdp_machine_get() return 'machine', or what is true if that
 * is NULL.  What is loaded already does not change. */
void
xdp_machine_pretend(const struct xdp_machine *machine)
{
    pretended = machine;
}
