/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of part "ct-race", and what is right: see ct-race.h. */

#include <config.h>

#include "ct-race.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oracle.h"
#include "packets.h"
#include "run.h"
#include "util.h"

/* A run of the program. */
struct ct_run {
    uint64_t begin;             /* By the logical clock, as all of these. */
    uint64_t first, last;       /* When the connection was used: from when, */
                                /* and until when. */

    /* Of each client, before the run: its stays, and its latest change. */
    uint32_t n_stays[CT_RACE_CLIENTS];
    uint32_t done[CT_RACE_CLIENTS];
};

/* Returns the logical time. */
static uint64_t
get_now(void)
{
    return __atomic_load_n(&ct_slow->now, __ATOMIC_SEQ_CST);
}

/* Returns what is wrong with the fact that a packet was translated from or to
 * 'port' for 'c' in 'run', or NULL if nothing is. */
static const char *
judge_port(struct ct_client *c, uint16_t port, const struct ct_run *run)
{
    bool gone = false;
    uint32_t n;

    atomic_read(&c->n_stays, &n);
    for (uint32_t i = 1; i <= MIN(n, CT_RACE_HISTORY); i++) {
        struct ct_stay *stay = &c->stays[(n - i) % CT_RACE_HISTORY];
        uint64_t begin, end;
        uint32_t stay_port;
        bool flushed;

        atomic_read(&stay->port, &stay_port);
        atomic_read(&stay->begin, &begin);
        atomic_read(&stay->end, &end);
        atomic_read(&stay->flushed, &flushed);
        if (stay_port == port && begin <= run->last) {
            if (end > (flushed ? run->first : run->begin)) {
                return NULL;
            }
            gone = true;
        }
    }
    atomic_read(&c->n_stays, &n);
    if (n - run->n_stays[c - ct_clients] > CT_RACE_HISTORY / 2) {
        ct_race_counts.forgotten++;
        return NULL;
    }
    return gone ? "of a connection that has gone" : "of no connection";
}

/* Returns what is wrong with the mark and the label of a packet of 'c' that
 * was carried in 'run', or NULL if nothing is. */
static const char *
judge_mark(struct ct_client *c, const struct ct_run *run)
{
    const uint64_t inverse = UINT64_C(0xf1de83e19937733d);
    uint32_t done = run->done[c - ct_clients];
    uint32_t begun, change, n;
    struct xdp_key key;

    read_key(&key);
    change = key.ct_label[1] * inverse;
    if (key.ct_label[0] != ct_label_half(change, 0)
        || key.ct_label[1] != ct_label_half(change, 1)) {
        return "half of a label";
    }
    if (c == &ct_clients[0] && key.ct_mark != change) {
        /* The others' labels are set after their marks. */
        return "a mark and the label of another one";
    }
    atomic_read(&ct_last_stay(c)->begun, &begun);
    atomic_read(&c->n_stays, &n);
    if (n == run->n_stays[c - ct_clients]) {
        if (key.ct_mark < done || change < done) {
            return "an old mark or label";
        }
        if (key.ct_mark > begun || change > begun) {
            return "a mark or label from the future";
        }
    }
    return NULL;
}

/* Returns what is wrong with the 'size' bytes at 'out' that the program made
 * of 'f' in 'run', of 'c', or if that is NULL of a reply, or NULL if nothing
 * is. */
static const char *
judge_carried(const struct frame *f, struct ct_client *c, const uint8_t *out,
              size_t size, const struct ct_run *run)
{
    const struct ip_header *ip;
    const struct udp_header *udp;
    const char *problem;
    uint16_t port;

    ip = ALIGNED_CAST(const struct ip_header *, out + ETH_HEADER_LEN);
    udp = (const struct udp_header *) (ip + 1);
    if (size != f->size || memcmp(out, f->data, ETH_HEADER_LEN)) {
        return "strange";
    }
    if (c) {
        port = ntohs(udp->udp_src);
        if (ntohl(get_16aligned_be32(&ip->ip_src)) != CT_RACE_NAT_IP
            || ntohl(get_16aligned_be32(&ip->ip_dst)) != CT_RACE_SERVER_IP
            || udp->udp_dst != htons(CT_RACE_SERVER_PORT)) {
            return "to a strange address";
        }
        ct_race_counts.carried++;
    } else {
        const struct udp_header *old
            = ALIGNED_CAST(const struct udp_header *,
                           f->data + ETH_HEADER_LEN + IP_HEADER_LEN);
        uint32_t i = (ntohl(get_16aligned_be32(&ip->ip_dst))
                      - CT_RACE_CLIENT_IP(0));

        port = ntohs(old->udp_dst);
        if (i >= CT_RACE_CLIENTS || udp->udp_dst != htons(CT_RACE_CLIENT_PORT)
            || (ntohl(get_16aligned_be32(&ip->ip_src))
                != CT_RACE_SERVER_IP)) {
            return "to a strange client";
        }
        c = &ct_clients[i];
        ct_race_counts.replies++;
    }
    if (run->first != run->begin) {
        ct_race_counts.late++;
    }
    problem = judge_port(c, port, run);
    return problem ? problem : judge_mark(c, run);
}

/* Runs 'f', of 'c', or if that is NULL a reply.  The program stops for up to
 * 'patience' ns at 'stop'. */
enum ct_outcome
ct_race_run(const struct frame *f, struct ct_client *c, enum ct_stop stop,
            uint64_t patience)
{
    const char *problem;
    uint8_t out[MAX_OUT];
    size_t size, meta_size;
    struct ct_run run;
    uint32_t verdict;

    for (size_t i = 0; i < CT_RACE_CLIENTS; i++) {
        atomic_read(&ct_clients[i].n_stays, &run.n_stays[i]);
        atomic_read(&ct_last_stay(&ct_clients[i])->done, &run.done[i]);
    }
    ct_slow->run++;
    ct_slow->patience = patience;
    ct_slow->stop = stop;
    run.begin = get_now();
    verdict = run_program_meta(-1, devices[0].ifindex, f->data, f->size, 0,
                               out, &size, &meta_size);
    run.first = run.begin;
    run.last = get_now();
    if (ct_slow->arrived == ct_slow->run) {
        run.first = run.last = ct_slow->seen;
    }
    if (verdict == XDP_REDIRECT && !meta_size) {
        problem = judge_carried(f, c, out, size, &run);
        if (!problem) {
            return CT_CARRIED;
        }
    } else if (verdict == XDP_DROP) {
        problem = "lost";
    } else {
        ct_race_counts.handed_up++;
        return CT_UP;
    }
    if (failure("a packet was translated to what is %s", problem)) {
        printf("  time %"PRIu64", then %"PRIu64" to %"PRIu64", stop %d\n",
               run.begin, run.first, run.last, stop);
        print_hex("packet", f->data, f->size);
        print_hex("got   ", out, size);
    }
    return CT_WRONG;
}
