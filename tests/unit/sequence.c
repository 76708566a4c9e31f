/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the sequence numbers of tunnels.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>

#include "fixture.h"
#include "flow.h"
#include "unit.h"
#include "xdp-ovs-compat.h"
#include "xdp-sequence.h"

/* Sequence numbers go on, whoever takes them, as the map comes and goes. */
static void
test_sequences(void)
{
    const odp_port_t port = u32_to_odp(XDP_SEQUENCE_MAX - 1);
    uint32_t index = XDP_SEQUENCE_MAX - 1;
    xdp_ovs_sequence own = { 0 };
    uint32_t first = xdp_sequence_next(port, &own);
    uint64_t value;
    char *message;
    int fd;

    CHECK(xdp_sequence_next(port, &own) == first + 1);
    CHECK(xdp_ovs_sequence_next(&own) == 0);
    for (uint32_t i = 0; i < 2; i++) {
        fd = xdp_sequence_open(&message);
        CHECK(fd >= 0);
        CHECK(xdp_sequence_open(&message) == fd);
        CHECK(read_map(fd, index, &value) && value == first + 2 + 4 * i);
        CHECK(xdp_sequence_next(port, &own) == first + 2 + 4 * i);

        /* As a program does. */
        value += 2;
        CHECK(!bpf_map_update_elem(fd, &index, &value, BPF_ANY));
        CHECK(xdp_sequence_next(port, &own) == first + 4 + 4 * i);
        xdp_sequence_close();
        xdp_sequence_close();
        CHECK(xdp_sequence_next(port, &own) == first + 5 + 4 * i);
    }

    CHECK(xdp_sequence_next(u32_to_odp(XDP_SEQUENCE_MAX), &own) == 1);
    CHECK(xdp_ovs_sequence_next(&own) == 2);
}

const struct unit_case unit_sequence[] = {
    { "sequences", test_sequences, NEED_BPF },
    { NULL, NULL, 0 }
};
