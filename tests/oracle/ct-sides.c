/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two sides of part "conntrack": one runs the program on a packet and, if
 * that hands it up, goes on in userspace where the program stopped; the other
 * is userspace alone, as dpif-netdev does it.  Each has a connection tracker,
 * and both have the same megaflows.
 *
 * There are no entries in XDP while there is more than one tracker, because
 * tuples do not say which one they belong to.  Here, that is switched off, and
 * no connection can be inserted while the side without XDP runs: so the
 * connections of that never get an entry.
 */

#include <config.h>

#include "ct.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#undef NDEBUG
#include <bpf/bpf.h>

#include "conntrack-private.h"
#include "ct-dpif.h"
#include "dp-packet.h"
#include "flow.h"
#include "ipf.h"
#include "latch.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "packets.h"
#include "random.h"
#include "rng.h"
#include "run-tc.h"
#include "run.h"
#include "util.h"
#include "xdp-conn-table.h"
#include "xdp-ovs-compat.h"
#include "xdp-upcall.h"

/* Room in front of packets, and zeros behind them: userspace may look there
 * when an error of ICMP quotes little of a packet. */
#define HEADROOM 256
#define TAILROOM 64

/* The shortest fragment but for the last one that userspace takes. */
#define MIN_FRAGMENT 400

/* One execution of a list of actions. */
struct execution {
    struct ct_side *side;
    const struct flow *flow;
    const struct ct_actions *actions;
    size_t n_cts;               /* Of them executed. */
    uint32_t recirc_id;         /* Where the packets go, or 0. */
};

struct ct_side ct_sides[2] = {
    { .name = "XDP and userspace", .has_xdp = true },
    { .name = "userspace" },
};

static uint64_t upcall_magic;

/* The time at which both sides run. */
static long long int current_time;

/* Returns the time of XDP programs, in ms. */
long long int
ct_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Gives the devices that packets come from an AF_XDP socket each, on queue 0,
 * or a companion.  It takes no packets: nobody delivers any. */
static void
make_sockets(void)
{
    int map_fd = open_map("xsks_map");

    if (hook_tc) {
        for (size_t i = 0; i < n_devices; i++) {
            make_companion(devices[i].port, upcall_magic);
        }
        return;
    }
    for (size_t i = 0; i < n_devices; i++) {
        uint32_t index = devices[i].port * XDP_PORT_MAX_QUEUES;
        int fd = socket(AF_XDP, SOCK_RAW, 0);
        int n_descs = 64;

        if (fd < 0
            || setsockopt(fd, SOL_XDP, XDP_RX_RING, &n_descs, sizeof n_descs)
            || bpf_map_update_elem(map_fd, &index, &fd, BPF_ANY)) {
            ovs_fatal(errno, "making an AF_XDP socket failed");
        }
    }
}

/* Giving up.
 *
 * OVS 3.1 may find the wrong end of a connection that is translated, and fails
 * by an assertion then.  It has no lock at that point, so this goes on behind
 * the packet. */

static sigjmp_buf behind_packet;
static volatile sig_atomic_t may_give_up;

/* Handles SIGABRT. */
static void
handle_abort(int signr OVS_UNUSED)
{
    if (may_give_up) {
        siglongjmp(behind_packet, 1);
    }
}

/* Lets handle_abort() handle what OVS cannot, if this version is known to. */
static void
catch_aborts(void)
{
    if (!XDP_OVS_TRANSLATES_TWICE) {
        signal(SIGABRT, handle_abort);
    }
}

/* Calls 'run' with 'side' and the other arguments.  Returns false if OVS gave
 * up. */
static bool
run_or_give_up(void (*run)(struct ct_side *, const struct frame *,
                           const struct device *),
               struct ct_side *side, const struct frame *f,
               const struct device *device)
{
    if (sigsetjmp(behind_packet, true)) {
        may_give_up = false;
        return false;
    }
    may_give_up = true;
    run(side, f, device);
    may_give_up = false;
    return true;
}

/* Ends the thread that sweeps away the connections of 'ct' whose time is up,
 * where that makes a difference to packets: each side has its own one, and
 * they would do it between different packets. */
static void
stop_sweeping(struct conntrack *ct)
{
    if (XDP_OVS_TUPLES_OUTLIVE) {
        latch_set(&ct->clean_thread_exit);
        pthread_join(ct->clean_thread, NULL);
    }
}

/* Prepares everything. */
void
ct_sides_init(void)
{
    catch_aborts();

    /* Of ports for translation that run out, and of the second tracker. */
    vlog_set_levels(vlog_module_from_name("conntrack"), VLF_ANY_DESTINATION,
                    VLL_OFF);
    vlog_set_levels(vlog_module_from_name("xdp_conntrack"),
                    VLF_ANY_DESTINATION, VLL_OFF);
    if (xdp_upcall_magic(&upcall_magic)) {
        ovs_fatal(0, "there are no random numbers");
    }
    make_sockets();
    for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
        /* So that both choose the same ports. */
        random_set_seed(1 + (uint32_t) seed);
        ct_sides[i].ct = conntrack_init();
        stop_sweeping(ct_sides[i].ct);
        ipf_set_min_frag(conntrack_ipf_ctx(ct_sides[i].ct), false,
                         MIN_FRAGMENT);
    }
    xdp_conn_table_block(false);
}

/* Stores in the words of connection tracking 'words' what 'md' says. */
static void
take_words(const struct pkt_metadata *md, uint64_t words[XDP_KEY_CT_WORDS])
{
    struct xdp_key key;

    memset(&key, 0, sizeof key);
    if (md->ct_state) {
        key.ct_state = md->ct_state;
        key.ct_zone = md->ct_zone;
        key.ct_mark = md->ct_mark;
        memcpy(key.ct_label, &md->ct_label, sizeof key.ct_label);
        if (md->ct_orig_tuple_ipv6) {
            const struct ovs_key_ct_tuple_ipv6 *t = &md->ct_orig_tuple.ipv6;

            key.ct_nw_proto = t->ipv6_proto;
            memcpy(key.ct_ipv6_src, &t->ipv6_src, sizeof key.ct_ipv6_src);
            memcpy(key.ct_ipv6_dst, &t->ipv6_dst, sizeof key.ct_ipv6_dst);
            key.ct_tp_src = t->src_port;
            key.ct_tp_dst = t->dst_port;
        } else {
            const struct ovs_key_ct_tuple_ipv4 *t = &md->ct_orig_tuple.ipv4;

            key.ct_nw_proto = t->ipv4_proto;
            key.ct_nw_src = t->ipv4_src;
            key.ct_nw_dst = t->ipv4_dst;
            key.ct_tp_src = t->src_port;
            key.ct_tp_dst = t->dst_port;
        }
    }
    memcpy(words, (char *) &key + offsetof(struct xdp_key, ct_state),
           XDP_KEY_CT_WORDS * sizeof *words);
}

/* Adds a packet that goes to 'port' to 'result'. */
static void
add_output(struct ct_result *result, uint32_t port, const void *data,
           size_t size)
{
    struct ct_output *o = &result->outputs[result->n_outputs++];

    ovs_assert(result->n_outputs <= CT_MAX_OUTPUTS
               && size <= sizeof o->data);
    o->port = port;
    o->size = size;
    memcpy(o->data, data, size);
}

/* Tracks 'batch'. */
static void
execute_ct(struct execution *ex, struct dp_packet_batch *batch)
{
    const struct ct_action *c = &ex->actions->cts[ex->n_cts++];
    struct dp_packet *packet;

    ex->side->result.n_cts++;
    conntrack_execute(ex->side->ct, batch, ex->flow->dl_type, c->force,
                      c->commit || c->force, c->zone,
                      c->has_mark ? c->mark : NULL,
                      c->has_label ? c->label : NULL,
                      XDP_OVS_CT_PORTS(ex->flow) NULL,
                      c->has_nat ? &c->nat : NULL, current_time, c->tp_id);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        take_words(&packet->md, ex->side->result.words);
    }
}

/* Implements odp_execute_cb. */
static void
execute_cb(void *ex_, struct dp_packet_batch *batch,
           const struct nlattr *action, bool should_steal OVS_UNUSED)
{
    struct execution *ex = ex_;
    struct dp_packet *packet;

    switch ((int) nl_attr_type(action)) {
    case OVS_ACTION_ATTR_OUTPUT:
        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            struct dp_packet *copy = dp_packet_clone(packet);

            xdp_ovs_finish_packet(copy);
            add_output(&ex->side->result,
                       odp_to_u32(nl_attr_get_odp_port(action)) - ODP_BASE,
                       dp_packet_data(copy), dp_packet_size(copy));
            dp_packet_delete(copy);
        }
        break;

    case OVS_ACTION_ATTR_RECIRC:
        ex->recirc_id = nl_attr_get_u32(action);
        break;

    case OVS_ACTION_ATTR_CT:
        execute_ct(ex, batch);
        break;

    default:
        OVS_NOT_REACHED();
    }
}

/* Has userspace of 'side' do with 'packet', which it takes over, what the
 * megaflow of its pass says, and all later ones. */
static void
run_userspace(struct ct_side *side, struct dp_packet *packet)
{
    struct execution ex = { .side = side };
    struct dp_packet_batch batch;
    struct ct_megaflow *m;
    struct flow flow;

    flow_extract(packet, &flow);
    take_words(&packet->md, side->result.words);
    m = ct_pipeline_find(&flow);
    m->n_packets[!side->has_xdp]++;
    m->n_bytes[!side->has_xdp] += dp_packet_size(packet);

    ex.flow = &flow;
    ex.actions = m->actions;
    dp_packet_batch_init_packet(&batch, packet);
    odp_execute_actions(&ex, &batch, false, m->actions->netlink.buf.data,
                        m->actions->netlink.buf.size, execute_cb);

    /* A fragment may stay in the tracker, and come out with others. */
    DP_PACKET_BATCH_FOR_EACH (i, packet, &batch) {
        if (ex.recirc_id) {
            packet->md.recirc_id = ex.recirc_id;
            run_userspace(side, packet);
        } else {
            dp_packet_delete(packet);
        }
    }
}

/* Returns the 'size' bytes at 'data' as a packet. */
static struct dp_packet *
make_packet_of(const void *data, size_t size)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(size + TAILROOM,
                                                           HEADROOM);

    dp_packet_put(packet, data, size);
    memset(dp_packet_tail(packet), 0, TAILROOM);
    return packet;
}

/* Has userspace of 'side' run 'f', from 'device'. */
static void
run_first_pass(struct ct_side *side, const struct frame *f,
               const struct device *device)
{
    struct dp_packet *packet = make_packet_of(f->data, f->size);

    pkt_metadata_init(&packet->md, u32_to_odp(ODP_BASE + device->port));
    run_userspace(side, packet);
}

/* Returns true if the 'meta_size' bytes at 'meta' are those of an upcall. */
static bool
is_upcall(const uint8_t *meta, size_t meta_size)
{
    return (meta_size == sizeof(struct xdp_upcall_meta)
            && !memcmp(meta, &upcall_magic, sizeof upcall_magic));
}

/* Goes on with the 'size' bytes at 'data', with metadata of 'meta_size' bytes,
 * that the program handed up to 'side'. */
static void
resume(struct ct_side *side, const uint8_t *data, size_t size,
       size_t meta_size, const struct device *device)
{
    odp_port_t port = u32_to_odp(ODP_BASE + device->port);
    struct dp_packet *packet = make_packet_of(data, size);
    enum dp_packet_source source = packet->source;

    dp_packet_pull(packet, meta_size);

    /* That there is no frame of AF_XDP is of importance only at its end. */
    packet->source = DPBUF_AFXDP;
    side->result.later_pass = xdp_upcall_resume(packet, port);
    packet->source = source;
    if (!side->result.later_pass) {
        pkt_metadata_init(&packet->md, port);
    }
    run_userspace(side, packet);
}

/* Runs the program on 'f', from 'device', and goes on in userspace if that
 * hands it up. */
static void
run_xdp(struct ct_side *side, const struct frame *f,
        const struct device *device)
{
    struct ct_result *result = &side->result;
    static uint8_t out[2 * MAX_PACKET];
    size_t size, meta_size;
    uint32_t verdict;

    mark_key();
    know_sum(NULL, 0);
    verdict = run_program_meta(-1, device->ifindex, f->data, f->size, 0, out,
                               &size, &meta_size);
    if (verdict == XDP_REDIRECT && is_upcall(out, meta_size)) {
        resume(side, out, size, meta_size, device);
        return;
    }

    result->carried = true;
    if (verdict == XDP_REDIRECT) {
        add_output(result, 0, out + meta_size, size - meta_size);
    } else if (verdict != XDP_DROP) {
        result->problem = (verdict == BAD_SUM
                           ? "the sum that the kernel knows" : "verdict");
    }
    {
        struct xdp_key key;

        read_key(&key);
        result->in_train = key_is_marked();
        memcpy(result->words,
               (char *) &key + offsetof(struct xdp_key, ct_state),
               sizeof result->words);
    }
}

/* Empties 'result'. */
static void
clear_result(struct ct_result *result)
{
    result->n_outputs = result->n_cts = 0;
    result->carried = result->later_pass = result->in_train = false;
    result->problem = NULL;
    memset(result->words, 0, sizeof result->words);
}

/* Runs 'f' from 'device' on both sides, at 'now'. */
void
ct_sides_run(const struct frame *f, const struct device *device,
             long long int now)
{
    uint32_t choice = 1 + rnd(UINT32_MAX - 1);
    bool active;

    current_time = now;
    clear_result(&ct_sides[0].result);
    random_set_seed(choice);
    ct_sides[0].result.gave_up = !run_or_give_up(run_xdp, &ct_sides[0], f,
                                                 device);

    clear_result(&ct_sides[1].result);
    random_set_seed(choice);
    atomic_read(&xdp_conn_table_active, &active);
    atomic_store(&xdp_conn_table_active, false);
    ct_sides[1].result.gave_up = !run_or_give_up(run_first_pass, &ct_sides[1],
                                                 f, device);
    atomic_store(&xdp_conn_table_active, active);
}

/* A packet of ct_sides_run_elsewhere(): what it is to do. */
static struct {
    uint32_t mark[2];
    uint16_t zone;
} elsewhere;

/* Has userspace of 'side' track 'f' as ct_sides_run_elsewhere() says. */
static void
run_elsewhere(struct ct_side *side, const struct frame *f,
              const struct device *device OVS_UNUSED)
{
    struct dp_packet *packet = make_packet_of(f->data, f->size);
    struct dp_packet_batch batch;
    struct flow flow;

    pkt_metadata_init(&packet->md, u32_to_odp(ODP_BASE));
    flow_extract(packet, &flow);
    dp_packet_batch_init_packet(&batch, packet);
    conntrack_execute(side->ct, &batch, flow.dl_type, false, true,
                      elsewhere.zone, elsewhere.mark, NULL,
                      XDP_OVS_CT_PORTS(&flow) NULL, NULL, current_time,
                      DEFAULT_TP_ID);
    dp_packet_delete_batch(&batch, true);
}

/* Has userspace of both sides track 'f' at 'now', as if it had come to another
 * CPU, through a megaflow that XDP does not have: one that begins a connection
 * or changes the mark of one. */
void
ct_sides_run_elsewhere(const struct frame *f, long long int now)
{
    uint32_t choice = 1 + rnd(UINT32_MAX - 1);

    elsewhere.mark[0] = rnd(3);
    elsewhere.mark[1] = 3;
    elsewhere.zone = ct_pipeline_zone();
    current_time = now;
    for (size_t i = 0; i < ARRAY_SIZE(ct_sides); i++) {
        struct ct_side *side = &ct_sides[i];
        bool active;

        atomic_read(&xdp_conn_table_active, &active);
        atomic_store(&xdp_conn_table_active, active && side->has_xdp);
        random_set_seed(choice);
        side->result.gave_up = !run_or_give_up(run_elsewhere, side, f, NULL);
        atomic_store(&xdp_conn_table_active, active);
    }
}
