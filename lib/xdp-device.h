/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel knows about network devices that matters to ports.
 *
 * All functions may be called from any thread.  They ask the kernel, which may
 * have to wait for whoever is just changing a device.
 */

#ifndef XDP_DEVICE_H
#define XDP_DEVICE_H 1

int xdp_device_of_link(int link_fd);

#endif /* xdp-device.h */
