/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choice of the flow offload driver.  See netdev-offload-driver.h.
 */

#include <config.h>

#include "netdev-offload-driver.h"

#include <string.h>

#include "dpif-netdev-reoffer.h"
#include "dpif.h"
#include "netdev-offload-provider.h"
#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "smap.h"
#include "sset.h"
#include "util.h"
#include "xdp-flow-table.h"
#include "xdp-port.h"

VLOG_DEFINE_THIS_MODULE(netdev_offload_driver);

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

/* Protects what follows. */
static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* The types of all providers. */
static struct sset known OVS_GUARDED_BY(mutex) = SSET_INITIALIZER(&known);

/* other_config:offload-driver, NULL if unset. */
static char *driver OVS_GUARDED_BY(mutex);

/* other_config:hw-offload. */
static bool hw_offload OVS_GUARDED_BY(mutex);

/* Has 'driver' changed since the last netdev_offload_driver_apply()? */
static bool changed OVS_GUARDED_BY(mutex);

/* Notes that there is a provider of 'type'. */
void
netdev_offload_driver_register(const char *type)
{
    ovs_mutex_lock(&mutex);
    sset_add(&known, type);
    ovs_mutex_unlock(&mutex);
}

/* Returns true if ports may use the provider of 'type'. */
bool
netdev_offload_driver_allows(const char *type)
{
    bool allows;

    ovs_mutex_lock(&mutex);
    allows = (driver
              ? !strcmp(type, driver)
              : strcmp(type, NETDEV_OFFLOAD_DRIVER_XDP) != 0);
    ovs_mutex_unlock(&mutex);
    return allows;
}

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

/* Logs that there is no driver of the configured name. */
static void
log_unknown_driver(void)
    OVS_REQUIRES(mutex)
{
    char *names;

    names = sset_join(&known, ", ", "");
    VLOG_ERR("other_config:offload-driver=%s is not a known driver, so "
             "nothing is offloaded; known are: %s", driver, names);
    free(names);
}

/* Takes the driver's name and the limits from 'other_config'. */
void
netdev_offload_driver_configure(const struct smap *other_config)
{
    const char *new_driver = smap_get(other_config, "offload-driver");
    struct xdp_flow_table_limits limits;
    uint32_t n_flows, n_ports;
    bool use_xdp;

    n_ports = get_limit(other_config, "xdp-max-ports", XDP_PORT_PROBES,
                        MAX_MAX_PORTS, DEFAULT_MAX_PORTS);
    n_flows = get_limit(other_config, "xdp-max-flows", 1, MAX_MAX_FLOWS,
                        DEFAULT_MAX_FLOWS);
    limits = (struct xdp_flow_table_limits) {
        .n_flows = n_flows,
        .n_slots = n_flows + n_flows / 32 + SPARE_SLOTS,
        .n_masks = get_limit(other_config, "xdp-max-masks", 1,
                             XDP_PORT_MAX_MASKS, DEFAULT_MAX_MASKS),
        .n_ports = ROUND_UP_POW2(n_ports),
        .n_hints = get_hints(other_config, n_flows),
    };

    ovs_mutex_lock(&mutex);
    hw_offload = smap_get_bool(other_config, "hw-offload", false);
    if (new_driver && !new_driver[0]) {
        new_driver = NULL;
    }
    if (!nullable_string_is_equal(driver, new_driver)) {
        free(driver);
        driver = nullable_xstrdup(new_driver);
        changed = true;
        if (driver && !sset_contains(&known, driver)) {
            log_unknown_driver();
        }
    }
    use_xdp = hw_offload && driver
              && !strcmp(driver, NETDEV_OFFLOAD_DRIVER_XDP);
    ovs_mutex_unlock(&mutex);

    xdp_port_configure(use_xdp, &limits);
}

/* Gives the provider of 'netdev' up if it may not be used any more, and looks
 * for one if it has none. */
static bool
reassign_provider(struct netdev *netdev, odp_port_t port_no OVS_UNUSED,
                  void *aux OVS_UNUSED)
{
    const struct netdev_flow_api *api
        = ovsrcu_get(const struct netdev_flow_api *, &netdev->flow_api);

    if (api && !netdev_offload_driver_allows(api->type)) {
        netdev_flow_flush(netdev);
        netdev_uninit_flow_api(netdev);
    }
    netdev_init_flow_api(netdev);
    return false;
}

/* Applies the choice to the ports of the datapath 'name' of 'type'. */
static void
apply_to_datapath(const char *name, const char *type)
{
    struct dpif *dpif;

    if (!dpif_open(name, type, &dpif)) {
        /* The port map compares types by address. */
        netdev_ports_traverse(dpif_normalize_type(dpif_type(dpif)),
                              reassign_provider, NULL);
        dpif_close(dpif);
    }
}

/* Puts a changed choice of driver into effect, once offloading is on. */
void
netdev_offload_driver_apply(void)
{
    struct sset types = SSET_INITIALIZER(&types);
    const char *type;
    bool apply;

    ovs_mutex_lock(&mutex);
    apply = changed && hw_offload && netdev_is_flow_api_enabled();
    if (apply) {
        changed = false;
    }
    ovs_mutex_unlock(&mutex);
    if (!apply) {
        return;
    }

    dp_enumerate_types(&types);
    SSET_FOR_EACH (type, &types) {
        struct sset names = SSET_INITIALIZER(&names);
        const char *name;

        dp_enumerate_names(type, &names);
        SSET_FOR_EACH (name, &names) {
            apply_to_datapath(name, type);
        }
        sset_destroy(&names);
    }
    sset_destroy(&types);
    dpif_netdev_reoffer_all();
}
