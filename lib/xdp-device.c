/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-device.h. */

#include <config.h>

#include "xdp-device.h"

#include <bpf/bpf.h>
#include <string.h>

/* Returns the index of the device whose XDP program the BPF link 'link_fd'
 * holds, or 0 if that device has been deleted. */
int
xdp_device_of_link(int link_fd)
{
    struct bpf_link_info info;
    uint32_t size = sizeof info;

    memset(&info, 0, sizeof info);
    return (bpf_obj_get_info_by_fd(link_fd, &info, &size)
            ? 0 : info.xdp.ifindex);
}
