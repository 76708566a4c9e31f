/* SPDX-License-Identifier: Apache-2.0 */
/* The flow offload provider 'xdp' of OVS 4.0.  See dpif-offload-xdp.h. */

#include <config.h>

#include "dpif-offload-xdp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmap.h"
#include "dpif-netdev-dpcls.h"
#include "dpif-netdev-flow.h"
#include "dpif-offload-provider.h"
#include "dpif-offload-xdp-queue.h"
#include "dpif-offload.h"
#include "hash.h"
#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "smap.h"
#include "util.h"
#include "xdp-custody.h"
#include "xdp-port.h"
#include "xdp-setup.h"
#include "xdp-upcall.h"

VLOG_DEFINE_THIS_MODULE(dpif_offload_xdp);

/* A port of a datapath. */
struct port {
    struct cmap_node node;      /* In 'ports', by 'port_no'. */
    odp_port_t port_no;
    struct netdev *netdev;      /* A reference. */
    struct dpif_offload *offload; /* Of the datapath. */
    bool ours;                  /* Not of another provider, or of none? */
};

/* Protects changes of what follows. */
static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

/* All ports of datapaths of type "netdev", whose numbers custody takes for
 * those of one: if two have a number, the first has it here.  OVS's own list
 * of ports has no room for two with the same netdev, which tunnels have while
 * their UDP port is changed. */
static struct cmap ports = CMAP_INITIALIZER;

/* The last other_config:offload-driver, NULL if unset. */
static char *driver OVS_GUARDED_BY(mutex);

/* Ports. */

/* Returns the hash of 'port_no'. */
static uint32_t
hash_port(odp_port_t port_no)
{
    return hash_int(odp_to_u32(port_no), 0);
}

/* Returns the port 'port_no', or NULL. */
static struct port *
find_port(odp_port_t port_no)
{
    struct port *port;

    CMAP_FOR_EACH_WITH_HASH (port, node, hash_port(port_no), &ports) {
        if (port->port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

/* Has the flows of 'port', which is ours, and the packets that it receives
 * come to us, because hardware offload is enabled. */
static void
enable(const struct port *port)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    /* The packets first: those of a later pass may come as soon as there are
     * flows. */
    atomic_store_relaxed(&port->netdev->hw_info.post_process_api_supported,
                         true);
    dpif_offload_set_netdev_offload(port->netdev, port->offload);

    dpif_offload_xdp_queue_start();
    if (!xdp_custody_netdev_enable(port->netdev)) {
        VLOG_WARN_RL(&rl, "%s: there is no room for this port in XDP, so its "
                     "flows stay in userspace (see "
                     "other_config:xdp-max-ports)",
                     netdev_get_name(port->netdev));
        return;
    }
    xdp_setup_start();
}

/* Returns true if a port of ours has 'netdev'. */
static bool
is_used(const struct netdev *netdev)
{
    const struct port *port;

    CMAP_FOR_EACH (port, node, &ports) {
        if (port->ours && port->netdev == netdev) {
            return true;
        }
    }
    return false;
}

/* Forgets 'port'. */
static void
remove_port(struct port *port)
    OVS_REQUIRES(mutex)
{
    cmap_remove(&ports, &port->node, hash_port(port->port_no));

    /* The flows first, so that no more packets of a later pass come. */
    xdp_custody_port_removed(port->port_no, "netdev");
    if (port->ours && !is_used(port->netdev)) {
        dpif_offload_set_netdev_offload(port->netdev, NULL);
    }

    /* Not later: the device may become a port again at once, and must not be
     * in use then.  Nobody who has found 'port' meanwhile uses the netdev, for
     * the callbacks here do not. */
    netdev_close(port->netdev);
    ovsrcu_postpone(free, port);
}

/* Returns our instance for 'dpif', or NULL. */
static struct dpif_offload *
find_offload(const struct dpif *dpif)
{
    struct dpif_offload *found = NULL;
    struct dpif_offload *offload;
    void *state;

    DPIF_OFFLOAD_FOR_EACH (offload, state, dpif) {
        if (offload->class == &dpif_offload_xdp_class) {
            found = offload;
        }
    }
    return found;
}

/* Notes that 'dpif' has got the port 'port_no' with 'netdev', whichever
 * provider that will get.  To be called before the providers are asked. */
void
dpif_offload_xdp_port_noted(const struct dpif *dpif, struct netdev *netdev,
                            odp_port_t port_no)
{
    struct dpif_offload *offload = find_offload(dpif);
    struct port *port;

    if (!offload) {
        return;
    }
    ovs_mutex_lock(&mutex);
    port = find_port(port_no);
    if (port && strcmp(port->offload->name, offload->name)) {
        /* Another datapath has the number. */
        goto out;
    }
    if (port && port->netdev != netdev) {
        remove_port(port);
        port = NULL;
    }
    if (!port) {
        port = xzalloc(sizeof *port);
        port->port_no = port_no;
        port->netdev = netdev_ref(netdev);
        port->offload = offload;
        xdp_custody_port_added(port_no, netdev);
        cmap_insert(&ports, &port->node, hash_port(port_no));
    }
    /* The former instance of a datapath that was closed and opened again may
     * not have been closed yet. */
    port->offload = offload;
out:
    ovs_mutex_unlock(&mutex);
}

/* Implements can_offload(). */
static bool
can_offload(struct dpif_offload *offload OVS_UNUSED, struct netdev *netdev)
{
    return xdp_custody_can_serve(netdev);
}

/* Implements port_add(). */
static int
port_add(struct dpif_offload *offload, struct netdev *netdev,
         odp_port_t port_no)
{
    struct port *port;
    int error = 0;

    ovs_mutex_lock(&mutex);
    port = find_port(port_no);
    if (port && port->offload == offload && port->netdev == netdev) {
        port->ours = true;
        if (dpif_offload_enabled()) {
            enable(port);
        }
    } else {
        error = EEXIST;
    }
    ovs_mutex_unlock(&mutex);
    return error;
}

/* Implements port_del(), which is also called for ports that are not ours. */
static int
port_del(struct dpif_offload *offload, odp_port_t port_no)
{
    struct port *port;

    ovs_mutex_lock(&mutex);
    port = find_port(port_no);
    if (port && port->offload == offload) {
        remove_port(port);
    }
    ovs_mutex_unlock(&mutex);
    return 0;
}

/* Implements get_netdev(). */
static struct netdev *
get_netdev(const struct dpif_offload *offload, odp_port_t port_no)
{
    const struct port *port = find_port(port_no);

    return (port && port->ours && port->offload == offload
            ? port->netdev : NULL);
}

/* The provider. */

/* Implements init(). */
static int
init(void)
{
    xdp_setup_init();
    return 0;
}

/* Implements open(). */
static int
open_offload(const struct dpif_offload_class *class, struct dpif *dpif,
             struct dpif_offload **offloadp)
{
    *offloadp = xmalloc(sizeof **offloadp);
    dpif_offload_init(*offloadp, class, dpif);
    return 0;
}

/* Implements close(). */
static void
close_offload(struct dpif_offload *offload)
{
    struct port *port;

    /* The datapath has not deleted all of its ports. */
    ovs_mutex_lock(&mutex);
    CMAP_FOR_EACH (port, node, &ports) {
        if (port->offload == offload) {
            remove_port(port);
        }
    }
    ovs_mutex_unlock(&mutex);
    dpif_offload_destroy(offload);
    free(offload);
}

/* Returns true if 'name' is a name of ours for other_config:offload-driver, or
 * NULL. */
static bool
is_our_driver(const char *name)
{
    return !name || !strcmp(name, "linux_xdp") || !strcmp(name, "xdp");
}

/* Implements set_config(). */
static void
set_config(struct dpif_offload *offload, const struct smap *other_config)
{
    const char *new_driver = smap_get(other_config, "offload-driver");
    struct port *port;
    bool on;

    if (new_driver && !new_driver[0]) {
        new_driver = NULL;
    }
    on = (is_our_driver(new_driver)
          && smap_get_bool(other_config, "hw-offload", false));

    ovs_mutex_lock(&mutex);
    if (!nullable_string_is_equal(driver, new_driver)) {
        free(driver);
        driver = nullable_xstrdup(new_driver);
        if (!is_our_driver(driver)) {
            VLOG_WARN("other_config:offload-driver=%s is not linux_xdp, so "
                      "the flows of AF_XDP ports stay in userspace", driver);
        }
    }
    if (dpif_offload_enabled()) {
        CMAP_FOR_EACH (port, node, &ports) {
            if (port->ours && port->offload == offload) {
                enable(port);
            }
        }
    }
    ovs_mutex_unlock(&mutex);

    xdp_setup_configure(on, other_config);
}

/* Does what is due.  To be called each time around the main loop. */
void
dpif_offload_xdp_run(void)
{
    xdp_port_retry_busy();
    xdp_setup_run();
}

/* Returns the ports of 'offload', by name. */
static struct shash *
list_ports(const struct dpif_offload *offload)
{
    struct shash *list = xmalloc(sizeof *list);
    const struct port *port;

    shash_init(list);
    ovs_mutex_lock(&mutex);
    CMAP_FOR_EACH (port, node, &ports) {
        if (port->ours && port->offload == offload) {
            struct xdp_custody_counts *counts = xmalloc(sizeof *counts);

            xdp_custody_count_port(port->port_no, counts);
            shash_add(list, netdev_get_name(port->netdev), counts);
        }
    }
    ovs_mutex_unlock(&mutex);
    return list;
}

/* Implements get_debug(). */
static void
get_debug(const struct dpif_offload *offload, struct ds *ds,
          struct json *json)
{
    struct shash *list = list_ports(offload);
    const struct shash_node **nodes = shash_sort(list);
    struct json *json_ports = json ? json_object_create() : NULL;
    bool on = xdp_port_offload_is_on();

    if (json) {
        json_object_put(json, "on", json_boolean_create(on));
        json_object_put(json, "ports", json_ports);
    } else if (ds) {
        ds_put_format(ds, "    flows are offloaded: %s\n", on ? "yes" : "no");
    }
    for (size_t i = 0; i < shash_count(list); i++) {
        const struct xdp_custody_counts *counts = nodes[i]->data;
        const struct {
            const char *name;
            uint64_t value;
        } counters[] = {
            { "port_no", counts->port_no },
            { "megaflows", counts->n_flows },
            { "offloaded", counts->n_offloaded },
            { "packets", counts->n_packets },
            { "bytes", counts->n_bytes },
        };
        struct json *json_port = json ? json_object_create() : NULL;

        if (json) {
            json_object_put(json_ports, nodes[i]->name, json_port);
        } else if (ds) {
            ds_put_format(ds, "  - %s:\n", nodes[i]->name);
        }
        for (size_t j = 0; j < ARRAY_SIZE(counters); j++) {
            if (json) {
                json_object_put(json_port, counters[j].name,
                                json_integer_create(counters[j].value));
            } else if (ds) {
                ds_put_format(ds, "    %-9s: %"PRIu64"\n", counters[j].name,
                              counters[j].value);
            }
        }
    }
    free(nodes);
    shash_destroy_free_data(list);
    free(list);
}

/* Implements get_global_stats(). */
static int
get_global_stats(const struct dpif_offload *offload,
                 struct netdev_custom_stats *stats)
{
    struct shash *list = list_ports(offload);
    const struct shash_node *node;
    uint64_t n_flows = 0, n_offloaded = 0;

    SHASH_FOR_EACH (node, list) {
        const struct xdp_custody_counts *counts = node->data;

        n_flows += counts->n_flows;
        n_offloaded += counts->n_offloaded;
    }
    stats->label = xstrdup(dpif_offload_name(offload));
    stats->size = 3;
    stats->counters = xcalloc(stats->size, sizeof *stats->counters);
    ovs_strzcpy(stats->counters[0].name, "Offloaded port count",
                sizeof stats->counters[0].name);
    stats->counters[0].value = shash_count(list);
    ovs_strzcpy(stats->counters[1].name, "Megaflow count",
                sizeof stats->counters[1].name);
    stats->counters[1].value = n_flows;
    ovs_strzcpy(stats->counters[2].name, "Offloaded megaflow count",
                sizeof stats->counters[2].name);
    stats->counters[2].value = n_offloaded;
    shash_destroy_free_data(list);
    free(list);
    return 0;
}

/* Flows. */

/* Implements flow_flush(): dpif-netdev has deleted all flows, so they just
 * have to come into custody. */
static int
flow_flush(const struct dpif_offload *offload OVS_UNUSED)
{
    if (dpif_offload_enabled()) {
        dpif_offload_xdp_queue_start();
        dpif_offload_xdp_queue_wait();
    }
    return 0;
}

/* Implements flow_count(). */
static uint64_t
flow_count(const struct dpif_offload *offload OVS_UNUSED)
{
    return xdp_custody_n_offloaded();
}

/* Puts the flow of 'put'.  The caller has the 'flow_mutex' of the thread, and
 * waits for nobody here. */
static int
put_flow(struct dpif_offload_flow_put *put, void **previous_flow_reference)
{
    struct dp_netdev_flow *flow = put->flow_reference;

    dpif_offload_xdp_queue_put(flow, put->actions, put->actions_len);
    *previous_flow_reference = flow->xdp_referenced ? flow : NULL;
    flow->xdp_referenced = true;
    return 0;
}

/* Implements netdev_flow_put(). */
static int
netdev_flow_put(const struct dpif_offload *offload OVS_UNUSED,
                struct netdev *netdev OVS_UNUSED,
                struct dpif_offload_flow_put *put,
                void **previous_flow_reference)
{
    return put_flow(put, previous_flow_reference);
}

/* Puts the flow of 'put', which no provider has got, because its port or the
 * whole datapath has gone.  Returns 0, or EOPNOTSUPP if it was not put here
 * before.  (dpif-netdev takes a flow whose last put has failed for one that
 * need not be deleted.) */
int
dpif_offload_xdp_flow_put_late(struct dpif_offload_flow_put *put,
                               void **previous_flow_reference)
{
    const struct dp_netdev_flow *flow = put->flow_reference;

    return (flow->xdp_referenced
            ? put_flow(put, previous_flow_reference) : EOPNOTSUPP);
}

/* Deletes the flow of 'del', if it was put.  The reference to it is given back
 * in the callback. */
static int
delete_flow(const struct dpif_offload_flow_del *del)
{
    struct dp_netdev_flow *flow = del->flow_reference;

    if (!flow->xdp_referenced) {
        return EOPNOTSUPP;
    }
    flow->xdp_referenced = false;
    dpif_offload_xdp_queue_del(del);
    return EINPROGRESS;
}

/* Implements netdev_flow_del(). */
static int
netdev_flow_del(const struct dpif_offload *offload OVS_UNUSED,
                struct netdev *netdev OVS_UNUSED,
                struct dpif_offload_flow_del *del)
{
    return delete_flow(del);
}

/* Deletes the flow of 'del', which no provider has got, because its port or
 * the whole datapath has gone before.  Returns EINPROGRESS, or EOPNOTSUPP if
 * it was not put here. */
int
dpif_offload_xdp_flow_del_late(const struct dpif_offload_flow_del *del)
{
    return delete_flow(del);
}

/* Implements netdev_hw_post_process(). */
static int
netdev_hw_post_process(const struct dpif_offload *offload OVS_UNUSED,
                       struct netdev *netdev OVS_UNUSED,
                       unsigned int pmd_id OVS_UNUSED,
                       struct dp_packet *packet, void **flow_reference)
{
    *flow_reference = NULL;
    xdp_upcall_resume(packet, packet->md.in_port.odp_port);
    return 0;
}

const struct dpif_offload_class dpif_offload_xdp_class = {
    .type = "xdp",
    .supported_dpif_types = (const char *const[]) { "netdev", NULL },
    .impl_type = DPIF_OFFLOAD_IMPL_FLOWS_DPIF_SYNCED,
    .init = init,
    .open = open_offload,
    .close = close_offload,
    .set_config = set_config,
    .get_debug = get_debug,
    .get_global_stats = get_global_stats,
    .can_offload = can_offload,
    .port_add = port_add,
    .port_del = port_del,
    .get_netdev = get_netdev,
    .flow_flush = flow_flush,
    .flow_count = flow_count,
    .netdev_hw_post_process = netdev_hw_post_process,
    .netdev_flow_put = netdev_flow_put,
    .netdev_flow_del = netdev_flow_del,
};
