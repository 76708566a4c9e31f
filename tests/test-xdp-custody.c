/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of lib/xdp-custody.c: what it knows of ports and megaflows when
 * nothing can be in XDP, and how the datapath gives it flows and takes them
 * back.  (What it does with flow tables is tested on real ports, in
 * tests/system/xdp-custody.at.)
 *
 * Prints one line for each case, "ok NAME" or "not ok NAME: why", and at the
 * end how many there were of each.  Needs no privilege.
 */

#include <config.h>
#define XDP_OVS_WANT_DATAPATH

#undef NDEBUG
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dpdk.h"
#include "dpif.h"
#include "dpif-netdev-xdp.h"
#include "dummy.h"
#include "netdev-provider.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "packets.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "xdp-blob.h"
#include "xdp-custody-private.h"
#include "xdp-ovs-compat.h"
#include "xdp-port.h"
#include "xdp-spare.h"

/* Why the current case failed, NULL if it has not. */
static char *why;

/* Ends the current case with a failure if 'COND' is false. */
#define CHECK(COND)                                             \
    do {                                                        \
        if (!(COND)) {                                          \
            why = xasprintf("line %d: not true: %s", __LINE__,  \
                            #COND);                             \
            return;                                             \
        }                                                       \
    } while (0)

/* The ports, and what is in all megaflows. */
#define TUNNEL_PORT u32_to_odp(5)
#define OTHER_PORT u32_to_odp(6)
static const ovs_u128 ufid = { .u64 = { .lo = 1, .hi = 2 } };

/* Returns a tunnel netdev of a datapath of 'dpif_type'. */
static struct netdev *
open_tunnel(const char *dpif_type)
{
    struct netdev *netdev;
    int error = netdev_open("vx0", "vxlan", &netdev);

    if (error) {
        ovs_fatal(error, "opening a tunnel failed");
    }
    netdev_set_dpif_type(netdev, dpif_normalize_type(dpif_type));
    return netdev;
}

/* Puts the megaflow 'id' from 'in_port' of thread 'pmd_id', of packets with
 * Ethertype 'dl_type', with an output to 'out_port'. */
static bool
put_other(odp_port_t in_port, const ovs_u128 *id, unsigned int pmd_id,
          uint16_t dl_type, odp_port_t out_port)
{
    uint64_t stub[8];
    struct ofpbuf actions;
    struct match match;
    bool taken;

    match_init_catchall(&match);
    match.flow.in_port.odp_port = in_port;
    match.wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    match_set_dl_type(&match, htons(dl_type));
    ofpbuf_use_stub(&actions, stub, sizeof stub);
    nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_OUTPUT, out_port);
    taken = xdp_custody_put(in_port, pmd_id, id, &match, actions.data,
                            actions.size, in_port);
    ofpbuf_uninit(&actions);
    return taken;
}

/* As put_other() for the megaflow 'ufid'. */
static bool
put(odp_port_t in_port, unsigned int pmd_id, uint16_t dl_type,
    odp_port_t out_port)
{
    return put_other(in_port, &ufid, pmd_id, dl_type, out_port);
}

/* Returns true if thread 'pmd_id' has a hold on the megaflow from
 * 'in_port'. */
static bool
holds(odp_port_t in_port, unsigned int pmd_id)
{
    struct dpif_flow_stats stats;
    bool offloaded;

    return xdp_custody_get(in_port, pmd_id, &ufid, 0, &stats, &offloaded);
}

/* A megaflow lives until the last thread that has it has deleted it. */
static void
test_references(void)
{
    struct netdev *netdev = open_tunnel("netdev");

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(!put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    CHECK(xdp_custody_netdev_enable(netdev));
    CHECK(put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    CHECK(put(TUNNEL_PORT, 1, 0x0800, OTHER_PORT));
    CHECK(put(TUNNEL_PORT, 0, 0x0800, TUNNEL_PORT));
    CHECK(holds(TUNNEL_PORT, 0) && holds(TUNNEL_PORT, 1));
    CHECK(!holds(TUNNEL_PORT, 2) && !holds(OTHER_PORT, 0));

    xdp_custody_stop(TUNNEL_PORT, 0, &ufid, true);
    CHECK(xdp_custody_delete(TUNNEL_PORT, 0, &ufid));
    CHECK(!xdp_custody_delete(TUNNEL_PORT, 0, &ufid));
    CHECK(!holds(TUNNEL_PORT, 0) && holds(TUNNEL_PORT, 1));

    /* A new flow of the first thread between the two deletions. */
    xdp_custody_stop(TUNNEL_PORT, 1, &ufid, true);
    CHECK(put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    CHECK(xdp_custody_delete(TUNNEL_PORT, 1, &ufid));
    CHECK(holds(TUNNEL_PORT, 0) && !holds(TUNNEL_PORT, 1));
    CHECK(xdp_custody_delete(TUNNEL_PORT, 0, &ufid));
    CHECK(!holds(TUNNEL_PORT, 0));

    xdp_custody_netdev_disable(netdev);
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    netdev_close(netdev);
}

/* Returns true if the megaflow from TUNNEL_PORT outputs to 'out_port'. */
static bool
outputs_to(odp_port_t out_port)
{
    const struct custody_flow *flow;
    bool found;

    xdp_lock();
    flow = custody_find(TUNNEL_PORT, &ufid);
    found = (flow && nl_attr_get_odp_port((const struct nlattr *)
                                          flow->actions->data) == out_port);
    xdp_unlock();
    return found;
}

/* A megaflow does what the thread does that has put last, as long as that one
 * has it. */
static void
test_actions(void)
{
    struct netdev *netdev = open_tunnel("netdev");

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    CHECK(put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    CHECK(put(TUNNEL_PORT, 1, 0x0800, OTHER_PORT));
    CHECK(put(TUNNEL_PORT, 2, 0x0800, OTHER_PORT));

    /* The second one comes late with what the others do not do any more. */
    CHECK(put(TUNNEL_PORT, 0, 0x0800, TUNNEL_PORT));
    CHECK(put(TUNNEL_PORT, 2, 0x0800, TUNNEL_PORT));
    CHECK(outputs_to(TUNNEL_PORT));
    CHECK(put(TUNNEL_PORT, 1, 0x0800, OTHER_PORT));
    CHECK(outputs_to(OTHER_PORT));
    CHECK(xdp_custody_delete(TUNNEL_PORT, 1, &ufid));
    CHECK(outputs_to(TUNNEL_PORT));

    /* Another one still does the same. */
    CHECK(xdp_custody_delete(TUNNEL_PORT, 0, &ufid));
    CHECK(outputs_to(TUNNEL_PORT));
    CHECK(xdp_custody_delete(TUNNEL_PORT, 2, &ufid));
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    netdev_close(netdev);
}

/* A second megaflow with the ufid of another one is not taken for it. */
static void
test_other_match(void)
{
    struct netdev *netdev = open_tunnel("netdev");

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    CHECK(put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    CHECK(!put(TUNNEL_PORT, 1, 0x86dd, OTHER_PORT));
    CHECK(holds(TUNNEL_PORT, 0) && !holds(TUNNEL_PORT, 1));
    CHECK(xdp_custody_delete(TUNNEL_PORT, 0, &ufid));
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    netdev_close(netdev);
}

/* Megaflows stay in custody while their port comes and goes, and while it has
 * another driver. */
static void
test_ports(void)
{
    struct netdev *netdev = open_tunnel("netdev");
    odp_port_t *new_ports;
    size_t n;

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    free(xdp_custody_take_new_ports(&n));
    CHECK(put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));

    xdp_custody_netdev_disable(netdev);
    CHECK(holds(TUNNEL_PORT, 0));
    /* It goes to the next driver, but only that of the thread we know. */
    CHECK(!put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    CHECK(!put(TUNNEL_PORT, 1, 0x0800, OTHER_PORT));
    CHECK(holds(TUNNEL_PORT, 0) && !holds(TUNNEL_PORT, 1));

    xdp_custody_port_removed(TUNNEL_PORT, "system");
    CHECK(xdp_custody_netdev_enable(netdev));
    CHECK(put(TUNNEL_PORT, 1, 0x0800, OTHER_PORT));
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    CHECK(holds(TUNNEL_PORT, 0) && holds(TUNNEL_PORT, 1));

    /* Under its number there is now another port. */
    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    new_ports = xdp_custody_take_new_ports(&n);
    CHECK(n == 2 && new_ports[1] == TUNNEL_PORT);
    free(new_ports);
    CHECK(xdp_custody_delete(TUNNEL_PORT, 0, &ufid));
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    CHECK(xdp_custody_delete(TUNNEL_PORT, 1, &ufid));
    CHECK(!holds(TUNNEL_PORT, 1));
    netdev_close(netdev);
}

/* Two ports of the datapath with one netdev are two ports. */
static void
test_shared_netdev(void)
{
    struct netdev *netdev = open_tunnel("netdev");

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    xdp_custody_port_added(OTHER_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    CHECK(put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    CHECK(put(OTHER_PORT, 0, 0x86dd, TUNNEL_PORT));
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    CHECK(!put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    CHECK(put(OTHER_PORT, 0, 0x86dd, TUNNEL_PORT));
    CHECK(xdp_custody_delete(TUNNEL_PORT, 0, &ufid));
    CHECK(xdp_custody_delete(OTHER_PORT, 0, &ufid));
    xdp_custody_port_removed(OTHER_PORT, "netdev");
    netdev_close(netdev);
}

/* Tunnels of the kernel's datapath are nothing that we see packets of. */
static void
test_kernel_datapath(void)
{
    struct netdev *netdev = open_tunnel("system");

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(!xdp_custody_netdev_enable(netdev));
    CHECK(!put(TUNNEL_PORT, 0, 0x0800, OTHER_PORT));
    xdp_custody_port_removed(TUNNEL_PORT, "system");
    netdev_close(netdev);
}

/* Many megaflows. */
enum { N_MANY = 20000 };

/* Returns the ufid of number 'i' of them. */
static ovs_u128
many_ufid(unsigned int i)
{
    return (ovs_u128) { .u64 = { .lo = i, .hi = 3 } };
}

/* Puts number 'i' of them. */
static bool
put_many(unsigned int i)
{
    ovs_u128 id = many_ufid(i);

    return put_other(TUNNEL_PORT, &id, 0, 0x0800, OTHER_PORT);
}

/* Deletes it. */
static bool
delete_many(unsigned int i)
{
    ovs_u128 id = many_ufid(i);

    return xdp_custody_delete(TUNNEL_PORT, 0, &id);
}

/* For custody_walk(): counts how often each of them is met. */
static unsigned int
count_met(struct custody_flow *flow, void *n_met_)
{
    unsigned int *n_met = n_met_;

    n_met[flow->ufid.u64.lo]++;
    return CUSTODY_WORK;
}

/* A walk over many megaflows meets each that stays once, whatever comes and
 * goes between its parts, and none of these is long. */
static void
test_walk(void)
{
    struct netdev *netdev = open_tunnel("netdev");
    unsigned int *n_met = xcalloc(2 * N_MANY, sizeof *n_met);
    unsigned int n_max = 0, n_before = 0;
    size_t position = 0;
    bool more;

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    for (unsigned int i = 0; i < N_MANY; i++) {
        CHECK(put_many(i));
    }
    for (unsigned int i = 0; ; i++) {
        unsigned int n = 0;

        xdp_lock();
        more = custody_walk(&position, count_met, n_met);
        xdp_unlock();
        for (unsigned int j = 0; j < 2 * N_MANY; j++) {
            n += n_met[j];
        }
        n_max = MAX(n_max, n - n_before);
        n_before = n;
        if (!more) {
            break;
        }
        /* Every fourth goes, some time, and as many come. */
        if (4 * i + 3 < N_MANY) {
            CHECK(delete_many(4 * i + 3));
        }
        for (unsigned int j = 0; j < 50 && 50 * i + j < N_MANY; j++) {
            CHECK(put_many(N_MANY + 50 * i + j));
        }
    }
    CHECK(n_max >= XDP_CUSTODY_BATCH && n_max < 2 * XDP_CUSTODY_BATCH);
    for (unsigned int i = 0; i < N_MANY; i++) {
        CHECK(n_met[i] == 1 || (i % 4 == 3 && !n_met[i]));
    }
    for (unsigned int i = 0; i < 2 * N_MANY; i++) {
        CHECK(n_met[i] <= 1);
        delete_many(i);
    }
    free(n_met);
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    netdev_close(netdev);
}

/* A megaflow of UDP packets between two addresses takes no more memory than
 * this, beside what it has in a flow table: there may be a million, and they
 * have masks and actions in common. */
#define MAX_MEMORY 256

static void
test_memory(void)
{
    struct netdev *netdev = open_tunnel("netdev");
    struct ofpbuf actions;
    size_t before, after;
    uint64_t stub[8];

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    ofpbuf_use_stub(&actions, stub, sizeof stub);
    nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_OUTPUT, OTHER_PORT);
    before = mallinfo2().uordblks;
    for (unsigned int i = 0; i < N_MANY; i++) {
        ovs_u128 id = { .u64 = { .lo = i, .hi = 6 } };
        struct match match;

        match_init_catchall(&match);
        match.flow.in_port.odp_port = TUNNEL_PORT;
        match.wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
        match_set_recirc_id(&match, 0);
        match_set_packet_type(&match, htonl(PT_ETH));
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        match_set_nw_frag(&match, 0);
        match_set_nw_proto(&match, IPPROTO_UDP);
        match_set_nw_src(&match, htonl(i));
        match_set_tp_dst(&match, htons(i));
        CHECK(xdp_custody_put(TUNNEL_PORT, 0, &id, &match, actions.data,
                              actions.size, TUNNEL_PORT));
    }
    after = mallinfo2().uordblks;
    CHECK(after - before <= (size_t) MAX_MEMORY * N_MANY);

    for (unsigned int i = 0; i < N_MANY; i++) {
        ovs_u128 id = { .u64 = { .lo = i, .hi = 6 } };

        CHECK(xdp_custody_delete(TUNNEL_PORT, 0, &id));
    }
    /* malloc() never gets many pieces at a time.  The tables of megaflows stay
     * as large as they are. */
    CHECK(xdp_spare_count() >= N_MANY);
    while (xdp_spare_count()) {
        xdp_spare_trim();
    }
    CHECK(mallinfo2().uordblks < before + 64 * N_MANY);
    xdp_custody_netdev_disable(netdev);
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    netdev_close(netdev);
}

/* Pieces of memory are shared as long as there are not too many different
 * ones, and come back to nothing. */
static void
check_blobs(void)
    OVS_REQUIRES(xdp_mutex)
{
    enum { N = XDP_BLOB_MAX_SHARED + 10 };
    struct xdp_blob **blobs = xcalloc(N, sizeof *blobs);
    struct xdp_blob *mask;

    for (unsigned int i = 0; i < N; i++) {
        uint32_t words[2] = { i, 1 };

        blobs[i] = xdp_blob_get(XDP_BLOB_ACTIONS, words, i % 2 ? 8 : 4);
        CHECK(xdp_blob_equals(blobs[i], words, i % 2 ? 8 : 4));
        CHECK(!xdp_blob_equals(blobs[i], words, i % 2 ? 4 : 8));
        words[0]++;
        CHECK(!xdp_blob_equals(blobs[i], words, i % 2 ? 8 : 4));
    }
    for (unsigned int i = 0; i < N; i++) {
        uint32_t words[2] = { i, 1 };
        struct xdp_blob *other = xdp_blob_get(XDP_BLOB_ACTIONS, words,
                                              i % 2 ? 8 : 4);

        CHECK((other == blobs[i]) == other->shared);
        CHECK(i > N / 2 || other->shared);
        CHECK(i < N - 10 || !other->shared);
        xdp_blob_unref(other);
        CHECK(xdp_blob_equals(blobs[i], words, i % 2 ? 8 : 4));
    }

    /* For others there is. */
    mask = xdp_blob_get(XDP_BLOB_MASK, "", 0);
    CHECK(mask->shared);
    xdp_blob_unref(mask);

    for (unsigned int i = 0; i < N; i++) {
        xdp_blob_unref(blobs[i]);
    }
    xdp_blob_unref(NULL);

    /* There is room again. */
    blobs[0] = xdp_blob_get(XDP_BLOB_ACTIONS, "", 0);
    CHECK(blobs[0]->shared && xdp_blob_get(XDP_BLOB_ACTIONS, "", 0) == blobs[0]
          && blobs[0]->n_users == 2);
    xdp_blob_unref(blobs[0]);
    xdp_blob_unref(blobs[0]);
    free(blobs);
}

static void
test_blobs(void)
{
    xdp_lock();
    check_blobs();
    xdp_unlock();
}

/* A datapath without devices of the kernel, and one flow of it, from
 * TUNNEL_PORT. */
static struct dpif *dpif;
static struct ofpbuf flow_key, flow_actions;

/* Makes the datapath, and what the flow is like. */
static void
open_datapath(void)
{
    struct flow flow = { .packet_type = htonl(PT_ETH) };
    const struct odp_flow_key_parms parms = { .flow = &flow, .mask = &flow };
    int error = dpif_create_and_open("unit", "netdev", &dpif);

    if (error) {
        ovs_fatal(error, "making a datapath failed");
    }
    flow.in_port.odp_port = TUNNEL_PORT;
    flow.dl_type = htons(0x88b5);
    ofpbuf_init(&flow_key, 0);
    odp_flow_key_from_flow(&parms, &flow_key);
    ofpbuf_init(&flow_actions, 0);
    nl_msg_put_odp_port(&flow_actions, OVS_ACTION_ATTR_OUTPUT, OTHER_PORT);
}

/* Deletes the datapath. */
static void
close_datapath(void)
{
    dpif_delete(dpif);
    dpif_close(dpif);
    ofpbuf_uninit(&flow_key);
    ofpbuf_uninit(&flow_actions);
}

/* Makes the flow.  Returns 0, EEXIST if it is there, or another positive errno
 * value. */
static int
make_flow(void)
{
    return dpif_flow_put(dpif, DPIF_FP_CREATE, flow_key.data, flow_key.size,
                         NULL, 0, flow_actions.data, flow_actions.size, &ufid,
                         NON_PMD_CORE_ID, NULL);
}

/* For dpif_netdev_for_each_pmd(): stores the flow in '*flowp'. */
static void
find_flow(struct dp_netdev_pmd_thread *pmd, void *flowp_)
{
    struct dp_netdev_flow **flowp = flowp_;
    struct dp_netdev_flow *flow;

    CMAP_FOR_EACH (flow, node, &pmd->flow_table) {
        *flowp = flow;
    }
}

/* Threads. */

/* Waits for 'flag', but not for ever.  Returns its value. */
static bool
wait_for(atomic_bool *flag)
{
    long long int end = time_msec() + 10 * 1000;
    bool value;

    do {
        usleep(1000);
        atomic_read(flag, &value);
    } while (!value && time_msec() < end);
    return value;
}

/* A thread that deletes the flow, as a revalidator does. */
static void *
delete_main(void *error_)
{
    struct dpif_flow_stats stats;
    int *error = error_;

    *error = dpif_flow_del(dpif, flow_key.data, flow_key.size, &ufid,
                           NON_PMD_CORE_ID, &stats);
    return NULL;
}

/* A thread that makes the flow again as soon as it has gone, as one does that
 * has a packet of it. */
static void *
make_main(void *made_)
{
    atomic_bool *made = made_;
    int error;

    do {
        usleep(100);
        error = make_flow();
    } while (error == EEXIST);
    atomic_store(made, !error);
    return NULL;
}

/* While whoever deletes a flow waits for 'xdp_mutex', to read its last
 * statistics, others can make flows. */
static void
test_deletion(void)
{
    struct netdev *netdev = open_tunnel("netdev");
    struct dp_netdev_flow *flow = NULL;
    atomic_bool made = false;
    pthread_t deleting, making;
    bool in_time;
    int error;

    xdp_custody_port_added(TUNNEL_PORT, netdev);
    CHECK(xdp_custody_netdev_enable(netdev));
    open_datapath();
    CHECK(!make_flow());
    dpif_netdev_for_each_pmd(find_flow, &flow);
    CHECK(flow);
    CHECK(dpif_netdev_xdp_put("netdev", flow, flow_actions.data,
                              flow_actions.size));

    xdp_lock();
    deleting = ovs_thread_create("delete", delete_main, &error);
    making = ovs_thread_create("make", make_main, &made);
    in_time = wait_for(&made);
    xdp_unlock();
    xpthread_join(deleting, NULL);
    xpthread_join(making, NULL);
    CHECK(in_time && !error);
    CHECK(dpif_netdev_xdp_del(flow) && !dpif_netdev_xdp_del(flow));

    /* One that nobody knows. */
    delete_main(&error);
    CHECK(!error);
    flow = NULL;
    dpif_netdev_for_each_pmd(find_flow, &flow);
    CHECK(!flow);
    close_datapath();
    xdp_custody_netdev_disable(netdev);
    xdp_custody_port_removed(TUNNEL_PORT, "netdev");
    netdev_close(netdev);
}

/* What a walk over the threads of the datapath has seen. */
struct walk {
    pthread_t listing;
    atomic_bool listed;
    bool in_time;               /* Could another thread list datapaths? */
    bool was_there, is_gone;
};

/* A thread that lists the datapaths. */
static void *
list_main(void *listed_)
{
    struct sset names = SSET_INITIALIZER(&names);
    atomic_bool *listed = listed_;

    dp_enumerate_names("netdev", &names);
    sset_destroy(&names);
    atomic_store(listed, true);
    return NULL;
}

/* For dpif_netdev_for_each_pmd(): deletes the datapath, unless others have to
 * wait for the end of the walk. */
static void
visit_pmd(struct dp_netdev_pmd_thread *pmd, void *walk_)
{
    struct walk *walk = walk_;

    walk->listing = ovs_thread_create("list", list_main, &walk->listed);
    walk->in_time = wait_for(&walk->listed);
    if (walk->in_time) {
        walk->was_there = dpif_netdev_lock_pmd(pmd);
        if (walk->was_there) {
            dpif_netdev_unlock_pmd(pmd);
        }
        close_datapath();
        walk->is_gone = !dpif_netdev_lock_pmd(pmd);
    }
}

/* While something is done with each thread of each datapath, others can have
 * the list of datapaths, and even delete one of them. */
static void
test_walk_threads(void)
{
    struct walk walk = { .in_time = false };

    open_datapath();
    dpif_netdev_for_each_pmd(visit_pmd, &walk);
    xpthread_join(walk.listing, NULL);
    CHECK(walk.in_time);
    CHECK(walk.was_there && walk.is_gone);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    static const struct {
        const char *name;
        void (*func)(void);
    } cases[] = {
        { "references", test_references },
        { "actions", test_actions },
        { "other match", test_other_match },
        { "ports", test_ports },
        { "shared netdev", test_shared_netdev },
        { "kernel datapath", test_kernel_datapath },
        { "walk", test_walk },
        { "memory", test_memory },
        { "blobs", test_blobs },
        { "deletion", test_deletion },
        { "walk over threads", test_walk_threads },
    };
    const struct xdp_flow_table_limits limits = {
        .n_flows = 1, .n_slots = 1, .n_masks = 1, .n_ports = 64,
    };
    struct sset types = SSET_INITIALIZER(&types);
    unsigned int n_failed = 0;

    set_program_name(argv[0]);
    /* What is expected to fail would be reported. */
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    /* Either makes the offload known, by the version of OVS. */
    netdev_run();
    dp_enumerate_types(&types);
    sset_destroy(&types);
    netdev_dummy_register(DUMMY_OVERRIDE_NONE);
    dpif_dummy_register(DUMMY_OVERRIDE_ALL);
    xdp_port_configure(true, &limits);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cases[i].func();
        if (why) {
            printf("not ok %s: %s\n", cases[i].name, why);
            n_failed++;
        } else {
            printf("ok %s\n", cases[i].name);
        }
        free(why);
        why = NULL;
    }
    printf("custody: %"PRIuSIZE" passed, %u failed, 0 skipped\n",
           ARRAY_SIZE(cases) - n_failed, n_failed);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
