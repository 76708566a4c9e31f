/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel knows about network devices that matters to ports: who
 * else wants their packets, and where they come in.
 *
 * For lib/xdp-port*.c.  All functions may be called from any thread.  They ask
 * the kernel, which may have to wait for whoever is just changing a device.
 */

#ifndef XDP_DEVICE_H
#define XDP_DEVICE_H 1

#include <stdbool.h>

bool xdp_device_runs_on_members(int ifindex);
char *xdp_device_problem(const char *name, int ifindex, int n_rxq);
int xdp_device_of_link(int link_fd);

#endif /* xdp-device.h */
