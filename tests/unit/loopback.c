/* SPDX-License-Identifier: Apache-2.0 */
/* See loopback.h. */

#include <config.h>

#include "loopback.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "netdev.h"
#include "smap.h"
#include "unit.h"
#include "util.h"

/* Moves the calling thread to a new network namespace, and returns its
 * loopback device, which the caller closes, with the default object in generic
 * mode.  Returns NULL, and has the case fail, if that does not work. */
struct netdev *
loopback_open(void)
{
    struct smap options = SMAP_INITIALIZER(&options);
    struct netdev *netdev;
    char *message = NULL;

    if (unshare(CLONE_NEWNET)) {
        fail("making a network namespace failed: %s", ovs_strerror(errno));
        return NULL;
    }
    netdev_run();
    if (netdev_open("lo", "afxdp", &netdev)) {
        fail("opening the loopback device failed");
        return NULL;
    }
    smap_add(&options, "xdp-mode", "generic");
    smap_add_nocopy(&options, xstrdup("xdp-obj"), realpath(object_path, NULL));
    if (netdev_set_config(netdev, &options, &message)) {
        fail("%s", message);
        free(message);
    }
    smap_destroy(&options);
    return netdev;
}
