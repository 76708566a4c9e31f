/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Megaflows in custody while their table is busy, as one is that needs a map
 * which the kernel does not make for a long time.
 */

#include <config.h>

#undef NDEBUG
#include <stdint.h>
#include <unistd.h>

#include "fixture.h"
#include "megaflows.h"
#include "ovs-thread.h"
#include "unit.h"
#include "util.h"
#include "xdp-custody-private.h"

/* Returns true if megaflow 'i' is in custody. */
static bool
is_in_custody(unsigned int i)
{
    ovs_u128 ufid = megaflow_ufid(i);
    bool is_in;

    xdp_lock();
    is_in = custody_find(PORT_NO(megaflow_in_port(i)), &ufid) != NULL;
    xdp_unlock();
    return is_in;
}

/* Does with the megaflow '*i' what the datapath does: puts it, and deletes it
 * if it was taken. */
static void *
put_and_delete(void *i_)
{
    const unsigned int *i = i_;

    return (void *) (uintptr_t) (megaflow_put(*i) && megaflow_delete(*i));
}

/* The port of a megaflow leaves while the megaflow is waited for.  Whoever
 * comes to have the number of the port must not have the megaflow, too. */
static void
test_custody_leaving(void)
{
    enum { N = 10, EXTRA = N };
    unsigned int extra = EXTRA;
    pthread_t thread;
    void *deleted;

    megaflows.n = N;
    if (!megaflows_begin()) {
        return;
    }
    megaflows.n_masks = N + 1;
    block_pool();
    thread = ovs_thread_create("put", put_and_delete, &extra);
    while (!is_in_custody(extra)) {
        usleep(100);
    }
    xdp_custody_port_removed(PORT_NO(megaflow_in_port(extra)), "netdev");
    xpthread_join(thread, &deleted);
    unblock_pool();
    CHECK(deleted);
    CHECK(!is_in_custody(extra));
    megaflows_end();
}

const struct unit_case unit_custody[] = {
    { "custody-leaving", test_custody_leaving, NEED_BPF },
    { NULL, NULL, 0 }
};
