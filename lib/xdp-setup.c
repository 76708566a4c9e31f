/* SPDX-License-Identifier: Apache-2.0 */
/* Setting the offload up.  See xdp-setup.h. */

#include <config.h>

#include "xdp-setup.h"

#include <errno.h>
#if HAVE_DECL_MALLOC_TRIM
#include <malloc.h>
#endif
#include <sys/resource.h>

#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "smap.h"
#include "util.h"
#include "xdp-command.h"
#include "xdp-companion.h"
#include "xdp-conn-table.h"
#include "xdp-custody.h"
#include "xdp-flow-table.h"
#include "xdp-port.h"
#include "xdp-worker.h"

VLOG_DEFINE_THIS_MODULE(xdp_setup);

/* Limits of the flow table and their defaults; see vswitch.xml. */
#define DEFAULT_MAX_FLOWS   65536
#define MAX_MAX_FLOWS       (1 << 22)
#define DEFAULT_MAX_MASKS   XDP_PORT_MAX_MASKS
#define DEFAULT_MAX_PORTS   1024
#define MAX_MAX_PORTS       65536
#define HINTS_PER_FLOW      2
#define MAX_HINTS           ROUND_UP_POW2(HINTS_PER_FLOW * MAX_MAX_FLOWS)

/* Flow slots that a table has more than flows, beside a fraction of these: a
 * modified flow needs a second one until a grace period has passed. */
#define SPARE_SLOTS         64

/* Reads a limit named 'key' between 'min' and 'max' from 'other_config'. */
static uint32_t
get_limit(const struct smap *other_config, const char *key, uint32_t min,
          uint32_t max, uint32_t default_value)
{
    const char *s = smap_get(other_config, key);
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 3);
    unsigned int value;

    if (!s) {
        return default_value;
    }
    if (!str_to_uint(s, 10, &value) || value < min || value > max) {
        VLOG_WARN_RL(&rl, "other_config:%s=%s is not a number from %"PRIu32
                     " to %"PRIu32"; using %"PRIu32, key, s, min, max,
                     default_value);
        return default_value;
    }
    return value;
}

/* Reads the number of hints of a CPU from 'other_config', for a table of
 * 'n_flows' flows. */
static uint32_t
get_hints(const struct smap *other_config, uint32_t n_flows)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 3);
    const char *s = smap_get(other_config, "xdp-hints");
    uint32_t default_value = ROUND_UP_POW2(HINTS_PER_FLOW * n_flows);
    unsigned int value;

    if (!s) {
        return default_value;
    }
    if (!str_to_uint(s, 10, &value)
        || (value && (value < XDP_MIN_HINTS || value > MAX_HINTS
                      || !is_pow2(value)))) {
        VLOG_WARN_RL(&rl, "other_config:xdp-hints=%s is neither 0 nor a power "
                     "of 2 from %d to %d; using %"PRIu32, s, XDP_MIN_HINTS,
                     MAX_HINTS, default_value);
        return default_value;
    }
    return value;
}

/* Masks and groups of outputs need a file descriptor each, which vswitchd must
 * not lack for other things.  Permits as many as it may have: the soft limit
 * is often 1024. */
static void
raise_fd_limit(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    const rlim_t wanted = 16 * (XDP_PORT_MAX_MASKS + XDP_MAX_GROUPS);
    struct rlimit limit;

    if (!ovsthread_once_start(&once)) {
        return;
    }
    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < wanted) {
        limit.rlim_cur = MIN(limit.rlim_max, wanted);
        if (setrlimit(RLIMIT_NOFILE, &limit)) {
            VLOG_WARN("raising the limit of open files failed (%s); many "
                      "masks and sets of outputs may need more of them",
                      ovs_strerror(errno));
        }
    }
    ovsthread_once_done(&once);
}

/* Makes the offload and its commands known, once for the life of the
 * process. */
void
xdp_setup_init(void)
{
    xdp_custody_init();
    xdp_command_init();
}

/* Switches the offload on or off, with the limits from 'other_config'. */
void
xdp_setup_configure(bool on, const struct smap *other_config)
{
    uint32_t n_ports = get_limit(other_config, "xdp-max-ports",
                                 XDP_PORT_PROBES, MAX_MAX_PORTS,
                                 DEFAULT_MAX_PORTS);
    uint32_t n_flows = get_limit(other_config, "xdp-max-flows", 1,
                                 MAX_MAX_FLOWS, DEFAULT_MAX_FLOWS);
    struct xdp_flow_table_limits limits = {
        .n_flows = n_flows,
        .n_slots = n_flows + n_flows / 32 + SPARE_SLOTS,
        .n_masks = get_limit(other_config, "xdp-max-masks", 1,
                             XDP_PORT_MAX_MASKS, DEFAULT_MAX_MASKS),
        .n_ports = ROUND_UP_POW2(n_ports),
        .n_hints = get_hints(other_config, n_flows),
        .verify_checksums = smap_get_bool(other_config, "xdp-ct-checksum",
                                          false),
    };

    xdp_companion_remove_stale();
    xdp_conn_table_configure(get_limit(other_config, "xdp-max-conns", 0,
                                       XDP_CONN_MAX, XDP_CONN_DEFAULT_MAX));
    xdp_port_configure(on, &limits);
    xdp_setup_run();
}

/* Starts what works in the background if there is a port at tc, also while the
 * offload is off: the device of such a port may change, too.  To be called
 * each time around the main loop. */
void
xdp_setup_run(void)
{
    if (xdp_port_any_at_tc()) {
        xdp_setup_start();
    }
}

/* Has small pieces of memory joined with their neighbors when they are freed.
 * By default glibc only collects them, and joins them all when somebody wants
 * a large piece: after 100,000 megaflows have gone, that takes 5 ms, which the
 * thread may spend with a lock. */
static void
free_memory_at_once(void)
{
#ifdef M_MXFAST
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        mallopt(M_MXFAST, 0);
        ovsthread_once_done(&once);
    }
#endif
}

/* Starts what works in the background.  To be called when there is a port to
 * offload the flows of. */
void
xdp_setup_start(void)
{
    raise_fd_limit();
    free_memory_at_once();
    xdp_worker_start();
}
