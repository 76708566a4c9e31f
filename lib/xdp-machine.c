/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-machine.h. */

#include <config.h>

#include "xdp-machine.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* "1" if the kernel has PREEMPT_RT; not there on many that do not. */
#define REALTIME_FILE "/sys/kernel/realtime"

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

/* Returns true if a kernel may have PREEMPT_RT of which uname() says 'version'
 * and that has 'realtime' in REALTIME_FILE.  Each is NULL if that is not to be
 * found out. */
bool
xdp_machine_is_realtime(const char *version, const char *realtime)
{
    return (!version || strstr(version, "PREEMPT_RT")
            || (realtime && realtime[0] == '1'));
}

/* Returns true if runs may nest on this kernel.  From Linux 6.18 on, they may
 * with PREEMPT_RT, unless CONFIG_PREEMPT_RT_NEEDS_BH_LOCK is set.  The guard
 * costs little, so neither the version of the kernel, which says nothing about
 * backports, nor its configuration, which is not there on all machines, is
 * relied on. */
static bool
may_runs_nest(void)
{
    FILE *stream = fopen(REALTIME_FILE, "r");
    const char *realtime = NULL;
    struct utsname utsname;
    char line[8];

    if (stream) {
        realtime = fgets(line, sizeof line, stream);
        fclose(stream);
    }
    return xdp_machine_is_realtime(uname(&utsname) ? NULL : utsname.version,
                                   realtime);
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
    machine.runs_nest = may_runs_nest();
    return &machine;
}

/* For tests: makes xdp_machine_get() return 'machine', or what is true if that
 * is NULL.  What is loaded already does not change. */
void
xdp_machine_pretend(const struct xdp_machine *machine)
{
    pretended = machine;
}
