/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users see of the connections in XDP.
 *
 * For lib/xdp-command.c.  May be called from any thread, with any lock.
 */

#ifndef XDP_CONN_REPORT_H
#define XDP_CONN_REPORT_H 1

struct ds;
struct xdp_conn;

void xdp_conn_report_entry(const struct xdp_conn *, long long int now,
                           struct ds *);
void xdp_conn_report_all(const unsigned int *zone, struct ds *);
void xdp_conn_report_totals(struct ds *);

#endif /* xdp-conn-report.h */
