/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port numbers: when one that has become free is given to another device.
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <stdint.h>

#include "unit.h"
#include "xdp-flow-table.h"
#include "xdp-netdev.h"

/* Devices whose numbers are in the same places. */
#define N_NUMBERS 1024
#define DEVICE (N_NUMBERS / 2)
#define OTHER (DEVICE + N_NUMBERS)

/* Frees what is retired, and returns how many numbers the other device gets
 * then, which it keeps. */
static unsigned int
free_and_count(uint64_t epoch)
    OVS_REQUIRES(xdp_mutex)
{
    uint32_t number;
    unsigned int n = 0;

    xdp_netdev_free_numbers(epoch);
    while (!xdp_netdev_alloc_number(OTHER, &number)) {
        n++;
    }
    return n;
}

/* A retired number is for the same device at once, and for others when those
 * who may know it have been waited for.  Nobody is waited for with the
 * lock. */
static void
check_numbers(void)
    OVS_REQUIRES(xdp_mutex)
{
    uint32_t numbers[XDP_PORT_PROBES], number;
    uint64_t first, second;

    while (xdp_netdev_begin_numbers(&first)) {
        xdp_netdev_free_numbers(first);
    }
    for (size_t i = 0; i < XDP_PORT_PROBES; i++) {
        CHECK(!xdp_netdev_alloc_number(DEVICE, &numbers[i]));
    }
    CHECK(xdp_netdev_n_numbers() == N_NUMBERS);
    CHECK(xdp_netdev_alloc_number(DEVICE, &number) == ENOSPC);
    CHECK(xdp_netdev_alloc_number(OTHER, &number) == ENOSPC);
    CHECK(!xdp_netdev_begin_numbers(&first));

    xdp_netdev_retire_number(numbers[0]);
    CHECK(xdp_netdev_alloc_number(OTHER, &number) == EAGAIN);
    CHECK(!xdp_netdev_alloc_number(DEVICE, &number) && number == numbers[0]);
    CHECK(!xdp_netdev_begin_numbers(&first));

    /* What is retired while somebody waits is for the next one. */
    xdp_netdev_retire_number(numbers[0]);
    xdp_netdev_retire_number(numbers[1]);
    CHECK(xdp_netdev_begin_numbers(&first));
    xdp_netdev_retire_number(numbers[2]);
    CHECK(xdp_netdev_begin_numbers(&second));
    CHECK(free_and_count(first) == 2);
    CHECK(xdp_netdev_alloc_number(OTHER, &number) == EAGAIN);
    CHECK(free_and_count(second) == 1);
    CHECK(xdp_netdev_alloc_number(OTHER, &number) == ENOSPC);

    for (size_t i = 0; i < XDP_PORT_PROBES; i++) {
        xdp_netdev_retire_number(numbers[i]);
    }
}

static void
test_numbers(void)
{
    const struct xdp_flow_table_limits limits = { .n_ports = N_NUMBERS };

    xdp_lock();
    if (!xdp_netdev_n_numbers()) {
        xdp_netdev_set_offload(false, &limits);
    }
    check_numbers();
    xdp_unlock();
}

const struct unit_case unit_numbers[] = {
    { "numbers", test_numbers, NEED_NOTHING },
    { NULL, NULL, 0 }
};
