/* SPDX-License-Identifier: Apache-2.0 */
/* The flow offload provider 'linux_xdp'.  See netdev-offload-xdp.h. */

#include <config.h>

#include "netdev-offload-xdp.h"

#include <errno.h>
#include <sys/resource.h>

#include "netdev-offload-driver.h"
#include "netdev-offload-provider.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"
#include "xdp-command.h"
#include "xdp-custody.h"
#include "xdp-worker.h"

VLOG_DEFINE_THIS_MODULE(netdev_offload_xdp);

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

/* Implements init_flow_api(). */
static int
netdev_offload_xdp_init_flow_api(struct netdev *netdev)
{
    if (!xdp_custody_netdev_enable(netdev)) {
        return EOPNOTSUPP;
    }
    raise_fd_limit();
    xdp_worker_start();
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

/* Implements flow_get_n_flows(). */
static int
netdev_offload_xdp_flow_get_n_flows(struct netdev *netdev, uint64_t *n_flows)
{
    xdp_custody_netdev_n_flows(netdev, n_flows);
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
 * gets a flow API. */
void
netdev_offload_xdp_port_added(odp_port_t port_no, struct netdev *netdev)
{
    xdp_custody_port_added(port_no, netdev);
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
    xdp_custody_init();
    netdev_register_flow_api_provider(&netdev_offload_xdp);
    xdp_command_init();
}
