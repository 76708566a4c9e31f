/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the front for any API of OVS does to set the offload up: make it known,
 * configure it, and start it when there is something to offload.
 *
 * Thread safety: for the main thread, without any lock, except that
 * xdp_setup_start() may be called from any thread, and with the locks of OVS's
 * ports.
 */

#ifndef XDP_SETUP_H
#define XDP_SETUP_H 1

#include <stdbool.h>

struct smap;

void xdp_setup_init(void);
void xdp_setup_configure(bool on, const struct smap *other_config);
void xdp_setup_run(void);
void xdp_setup_start(void);

#endif /* xdp-setup.h */
