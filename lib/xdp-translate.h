/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an OVS megaflow ("struct match" and netlink actions) to what an XDP
 * object understands (key, mask and ops of lib/xdp-abi.h), or to the reason
 * why that is impossible.
 *
 * For lib/xdp-offer.c.  This module knows neither maps nor network devices,
 * has no state, and may be called from any thread, with any lock.
 */

#ifndef XDP_TRANSLATE_H
#define XDP_TRANSLATE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "xdp-abi.h"
#include "xdp-contract.h"
#include "xdp-flow-table.h"

struct match;
struct nlattr;

/* Why a megaflow is not in XDP.  The names are in xdp_reason_to_string(). */
enum xdp_reason {
    XDP_REASON_NONE,            /* It is. */
    XDP_REASON_OFF,             /* The offload is off. */
    XDP_REASON_NO_TABLE,        /* Its port has no flow table. */
    XDP_REASON_RECIRC,          /* It follows a recirculation. */
    XDP_REASON_FIELD,           /* It matches on a field. */
    XDP_REASON_ACTION,          /* It has an action. */
    XDP_REASON_ORDER,           /* It has an action in the wrong place. */
    XDP_REASON_OUTPUTS,         /* Its outputs do not go together. */
    XDP_REASON_N_OPS,           /* It has too many actions. */
    XDP_REASON_METER,           /* It has a meter with too large a number. */
    XDP_REASON_TARGET_TYPE,     /* Its output is not an AF_XDP port. */
    XDP_REASON_TARGET,          /* Its output cannot be redirected to. */
    XDP_REASON_FLOWS_FULL,      /* The table has no room for the flow. */
    XDP_REASON_MASKS_FULL,      /* The table has no room for its mask. */
    XDP_REASON_GROUPS_FULL,     /* The table has no room for its outputs. */
    XDP_REASON_DIGEST,          /* Another flow has the same digest. */
    XDP_REASON_BUSY,            /* The kernel or programs must be waited
                                 * for. */
    XDP_REASON_SYSTEM,          /* A system call failed. */
    XDP_N_REASONS
};

/* A translated megaflow. */
struct xdp_translation {
    struct xdp_key key;         /* Zero where 'mask' is zero. */
    struct xdp_key mask;
    struct xdp_flow_actions actions;

    /* Details of a refusal: the name of the field, action or port that is to
     * blame, or an empty string. */
    char detail[64];
};

/* A port that an action names. */
struct xdp_translate_port {
    uint32_t number;            /* As the object knows it. */
    uint32_t ifindex;           /* Of the device, or 0 if it is a tunnel. */
    enum xdp_tunnel_type tunnel; /* Or XDP_TUNNEL_NONE. */
};

/* Looks up datapath port 'odp_port', to output to it or, if 'pop', to pop the
 * header of the tunnel that it has to be.  Fills in '*port' and returns
 * XDP_REASON_NONE, or returns the reason why XDP cannot do that, and puts the
 * port's name into 'detail', which has room for 'size' bytes. */
typedef enum xdp_reason
xdp_translate_port_func(odp_port_t odp_port, bool pop,
                        struct xdp_translate_port *port, char *detail,
                        size_t size, void *aux);

enum xdp_reason xdp_translate_match(const struct match *, uint32_t in_port,
                                    const struct xdp_caps *,
                                    struct xdp_translation *);
enum xdp_reason xdp_translate_actions(const struct nlattr *actions,
                                      size_t actions_len,
                                      const struct xdp_caps *,
                                      xdp_translate_port_func *, void *aux,
                                      struct xdp_translation *);
const char *xdp_reason_to_string(enum xdp_reason);

#endif /* xdp-translate.h */
