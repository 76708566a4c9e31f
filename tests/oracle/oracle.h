/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all parts of the oracle share: options, the loaded object, the devices
 * that packets come from, results.  See main.c.
 */

#ifndef ORACLE_H
#define ORACLE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"
#include "xdp-abi.h"
#include "xdp-program.h"

/* Sizes. */
#define MAX_PACKET 1514
#define MAX_OUT 2048        /* A packet with all that ops can push. */
#define N_PORTS 16          /* Port numbers. */
#define N_FLOWS 8192        /* Flow slots. */
#define MAX_DEVICES 5

/* Datapath port numbers are the table's plus this, so that taking the one for
 * the other does not go unnoticed. */
#define ODP_BASE 1000

/* Options (main.c). */
extern uint64_t seed;
extern unsigned long int n_packets;
extern unsigned long int n_actions;
extern unsigned long int race_seconds;
extern unsigned long int n_ct_packets;
extern bool ct_verifies;
extern uint32_t n_hints;
extern long int only_case;
extern const char *only_part;

/* The loaded object (main.c). */
extern struct xdp_object *object;
extern int n_cpus;
extern int this_cpu;

/* Devices that packets can come from (ports.c).  The first one is lo. */
struct device {
    uint32_t ifindex;
    uint32_t port;              /* Number in the table. */
    uint32_t vlan_limit;
};
extern struct device devices[MAX_DEVICES];
extern size_t n_devices;

void make_devices(void);
uint32_t target_ifindex(uint32_t port);
uint32_t target_max_len(uint32_t port);
void set_small_mtus(bool small);
bool has_targets(void);
void set_vlan_limit(int vlan_limit);

/* Tunnels (tunnels.c). */
enum xdp_tunnel_type tunnel_type(uint32_t port);

/* Results (report.c). */
extern unsigned int n_passed, n_failed, n_skipped;
extern unsigned long int part_failures;

void print_hex(const char *title, const void *data, size_t size);
bool failure(const char *format, ...) OVS_PRINTF_FORMAT(1, 2);
void begin_case(const char *part, unsigned long int index);
OVS_NO_RETURN void case_fatal(int error, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);
OVS_NO_RETURN void run_failed(int error, uint32_t ifindex, const void *data,
                              size_t size);
bool case_failure(const char *part, unsigned long int index,
                  const char *format, ...) OVS_PRINTF_FORMAT(3, 4);
void end_part(const char *name, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);
void skip_part(const char *name, const char *why);
bool part_wanted(const char *name);

/* What a flow asks the parser for. */
enum asked {
    ASK_NOTHING,                /* The Ethernet header only. */
    ASK_NETWORK,
    ASK_TRANSPORT,              /* And network. */
    ASK_EXTENDED,               /* And network. */
    ASK_ALL
};

/* Parts. */
void test_ports(void);
void test_keys(int vlan_limit);
void test_depth(void);
void test_corpus(const char *path);
void test_actions(void);
void test_digest(void);
void test_refusals(void);
void test_passes(void);
void test_kept(void);
void test_mtu(void);
void test_segments(void);
void test_tunnels(void);
void test_trains(void);
void test_classifier(void);
void test_race(void);
void prepare_conntrack(void);
void test_conntrack(void);
bool ct_race_open(void);
void test_ct_race(void);
void test_coverage(void);
void replay(const char *hex, int vlan_limit, enum asked);

#endif /* oracle.h */
