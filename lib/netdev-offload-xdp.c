/* SPDX-License-Identifier: Apache-2.0 */
/* The flow offload provider 'linux_xdp'.  See netdev-offload-xdp.h. */

#include <config.h>

#include "netdev-offload-xdp.h"

#include <errno.h>

#include "netdev-offload-driver.h"
#include "netdev-offload-provider.h"
#include "netdev-provider.h"
#include "ovs-rcu.h"
#include "xdp-custody.h"
#include "xdp-setup.h"

/* Implements init_flow_api(). */
static int
netdev_offload_xdp_init_flow_api(struct netdev *netdev)
{
    if (!xdp_custody_netdev_enable(netdev)) {
        return EOPNOTSUPP;
    }
    xdp_setup_start();
    return 0;
}

/* Implements uninit_flow_api(). */
static void
netdev_offload_xdp_uninit_flow_api(struct netdev *netdev)
{
    xdp_custody_netdev_disable(netdev);
}

/* Implements flow_flush(). */
static int
netdev_offload_xdp_flow_flush(struct netdev *netdev)
{
    xdp_custody_netdev_flush(netdev);
    return 0;
}

/* Returns the offload thread that does what there is to do for the megaflow
 * 'ufid'. */
static unsigned int
get_thread(const ovs_u128 *ufid)
{
    return netdev_offload_ufid_to_thread_id(*ufid);
}

/* Implements flow_get_n_flows(). */
static int
netdev_offload_xdp_flow_get_n_flows(struct netdev *netdev, uint64_t *n_flows)
{
    xdp_custody_netdev_n_flows(netdev, get_thread, n_flows);
    return 0;
}

const struct netdev_flow_api netdev_offload_xdp = {
    .type = NETDEV_OFFLOAD_DRIVER_XDP,
    .flow_flush = netdev_offload_xdp_flow_flush,
    .flow_get_n_flows = netdev_offload_xdp_flow_get_n_flows,
    .init_flow_api = netdev_offload_xdp_init_flow_api,
    .uninit_flow_api = netdev_offload_xdp_uninit_flow_api,
};

/* Notes that the datapath has the port 'port_no' with 'netdev', before that
 * gets a flow API, unless it has one already. */
void
netdev_offload_xdp_port_added(odp_port_t port_no, struct netdev *netdev)
{
    xdp_custody_port_added(port_no, netdev);
    if (ovsrcu_get(const struct netdev_flow_api *, &netdev->flow_api)
        == &netdev_offload_xdp) {
        /* Another port has the same netdev. */
        xdp_custody_netdev_enable(netdev);
    }
}

/* Notes that the port 'port_no' of a datapath of 'dpif_type' is about to
 * go. */
void
netdev_offload_xdp_port_removed(odp_port_t port_no, const char *dpif_type)
{
    xdp_custody_port_removed(port_no, dpif_type);
}

/* Makes the provider and its commands known to OVS. */
void
netdev_offload_xdp_register(void)
{
    xdp_setup_init();
    netdev_register_flow_api_provider(&netdev_offload_xdp);
}
