/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands "ovs-appctl xdp/show" and "ovs-appctl xdp/refused".
 *
 * They hold 'xdp_mutex' for a batch of megaflows, or one port, at a time.
 */

#ifndef XDP_COMMAND_H
#define XDP_COMMAND_H 1

struct ds;

/* Makes the commands known.  To be called once. */
void xdp_command_init(void);

void xdp_command_show_all(struct ds *);
void xdp_command_refused_all(struct ds *);

#endif /* xdp-command.h */
