/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port that needs nothing of the machine: the loopback device of a network
 * namespace of its own.
 */

#ifndef UNIT_LOOPBACK_H
#define UNIT_LOOPBACK_H 1

struct netdev;

struct netdev *loopback_open(void);

#endif /* loopback.h */
