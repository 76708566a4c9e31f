/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the program share.  See main.c.
 */

#ifndef PROVIDER_H
#define PROVIDER_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct netdev;
struct ofpbuf;

/* Replies (main.c). */
void reply(const char *format, ...) OVS_PRINTF_FORMAT(1, 2);
uint64_t now_ns(void);
void sleep_until(uint64_t when);

/* Ports (ports.c). */
struct port {
    struct netdev *netdev;      /* NULL while it is closed. */
    odp_port_t odp_port;
};

void ports_init(void);
void port_add(const char *name, const char *object);
void port_remove(const char *name);
void port_close(const char *name);
void port_open(const char *name);
struct port *port_get(const char *name);

/* Flows (flows.c).  Flow number 'i' takes the packets of flow 'i' of the
 * benchmark's frames (bench/frame.h) from one port. */
struct flow_set {
    struct port *in;
    struct port *out;
    uint32_t first;
    uint32_t n;
    uint32_t n_masks;           /* 0 if one flow takes all packets. */
    const struct ofpbuf *actions; /* Or NULL: an output to 'out'. */
};

uint64_t flows_put(const struct flow_set *);
void flows_put_one(struct port *in, uint32_t index, uint32_t recirc_id,
                   bool vlan, uint32_t ct_state,
                   const struct ofpbuf *actions);
void flows_delete(const struct flow_set *);
uint64_t flows_read(const struct flow_set *);
uint64_t flows_offloaded(const struct port *);
void flows_wait(const struct port *, uint64_t n);

/* Connections (conns.c). */
uint64_t conns_insert(bool nat, uint32_t first, uint32_t n);
void conns_withdraw(bool nat, uint32_t first, uint32_t n);

/* Replacing flows while packets are forwarded (churn.c). */
void churn_start(const struct flow_set *, uint32_t rate);
void churn_stop(void);

/* Watching the lock, with a thread that must not notice anything (watch.c). */
void watch_start(const struct flow_set *);
void watch_stop(void);

#endif /* provider.h */
