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
#include "xdp-setup.h"

VLOG_DEFINE_THIS_MODULE(netdev_offload_driver);

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

/* Takes the driver's name from 'other_config', and passes that on. */
void
netdev_offload_driver_configure(const struct smap *other_config)
{
    const char *new_driver = smap_get(other_config, "offload-driver");
    bool use_xdp;

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

    xdp_setup_configure(use_xdp, other_config);
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
