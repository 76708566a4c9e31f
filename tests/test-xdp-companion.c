/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of lib/xdp-companion.c on real devices, in a network namespace of its
 * own: what is deleted, and that nothing else is.  (What companions are for is
 * tested on real ports, in tests/system/xdp-tc*.at.)
 *
 * Prints one line for each case, "ok NAME" or "not ok NAME: why".
 */

#include <config.h>

#undef NDEBUG
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "netlink-socket.h"
#include "openvswitch/list.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp-companion.h"

/* Companions that are made. */
#define N 5

/* Ends the current case with a failure if 'COND' is false. */
#define CHECK(COND)                     \
    do {                                \
        if (!(COND)) {                  \
            return #COND;               \
        }                               \
    } while (0)

/* Requests to delete devices, and all requests. */
static unsigned int n_requests, n_all;

int __real_nl_transact(int protocol, const struct ofpbuf *request,
                       struct ofpbuf **replyp);
int __wrap_nl_transact(int protocol, const struct ofpbuf *request,
                       struct ofpbuf **replyp);

/* The linker has everybody call this for nl_transact(). */
int
__wrap_nl_transact(int protocol, const struct ofpbuf *request,
                   struct ofpbuf **replyp)
{
    const struct nlmsghdr *header = request->data;

    n_all++;
    n_requests += header->nlmsg_type == RTM_DELLINK;
    return __real_nl_transact(protocol, request, replyp);
}

/* Runs "ip" with the arguments that 'format' describes. */
static void OVS_PRINTF_FORMAT(1, 2)
ip(const char *format, ...)
{
    char *arguments, *command;
    va_list args;

    va_start(args, format);
    arguments = xvasprintf(format, args);
    va_end(args);
    command = xasprintf("ip %s", arguments);
    if (system(command)) {
        ovs_fatal(0, "\"%s\" failed", command);
    }
    free(command);
    free(arguments);
}

/* Returns how many ends of 'c' there are. */
static int
n_ends(const struct xdp_companion *c)
{
    return !!if_nametoindex(c->port_end) + !!if_nametoindex(c->socket_end);
}

/* Makes 'n' companions. */
static void
make(struct xdp_companion *companions[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *port = xasprintf("port%"PRIuSIZE, i);
        char *message = NULL;

        if (xdp_companion_create(port, 1, &companions[i], &message)) {
            ovs_fatal(0, "making a companion failed: %s", message);
        }
        free(port);
    }
    n_requests = n_all = 0;
}

/* Deletes those of 'companions' from 'first' to the one before 'last'
 * together. */
static void
delete(struct xdp_companion *companions[], size_t first, size_t last)
{
    struct ovs_list list = OVS_LIST_INITIALIZER(&list);

    for (size_t i = first; i < last; i++) {
        ovs_list_push_back(&list, &companions[i]->list_node);
    }
    xdp_companion_destroy_all(&list);
    ovs_assert(ovs_list_is_empty(&list));
}

/* One goes with both of its ends, and without any other. */
static const char *
test_one(void)
{
    struct xdp_companion *c[2];
    struct xdp_companion copy;

    make(c, 2);
    CHECK(n_ends(c[0]) == 2 && n_ends(c[1]) == 2);
    copy = *c[0];
    xdp_companion_destroy(c[0]);
    CHECK(!n_ends(&copy) && n_ends(c[1]) == 2);
    copy = *c[1];
    delete(c, 1, 2);
    CHECK(!n_ends(&copy));
    xdp_companion_destroy(NULL);
    delete(c, 0, 0);
    return NULL;
}

/* Many go with one request, and nothing else does. */
static const char *
test_many(void)
{
    struct xdp_companion *c[N], copies[N];

    make(c, N);
    for (size_t i = 0; i < N; i++) {
        copies[i] = *c[i];
    }
    delete(c, 0, N - 1);
    CHECK(n_requests == 1 && n_all <= 2 * (N - 1) + 1);
    for (size_t i = 0; i < N - 1; i++) {
        CHECK(!n_ends(&copies[i]));
    }
    CHECK(n_ends(c[N - 1]) == 2);
    CHECK(if_nametoindex("other") && if_nametoindex("lo"));
    xdp_companion_destroy(c[N - 1]);
    return NULL;
}

/* Those that somebody else has deleted do not matter, nor does a device that
 * has got their number. */
static const char *
test_gone(void)
{
    struct xdp_companion *c[N], copies[N];

    make(c, N);
    for (size_t i = 0; i < N; i++) {
        copies[i] = *c[i];
    }
    ip("link del %s", c[0]->port_end);
    ip("link del %s", c[1]->socket_end);
    ip("link add heir index %d type veth peer name heir-peer",
       c[1]->port_ifindex);
    delete(c, 0, N);
    for (size_t i = 0; i < N; i++) {
        CHECK(!n_ends(&copies[i]));
    }
    CHECK(if_nametoindex("heir") == copies[1].port_ifindex);
    CHECK(if_nametoindex("other"));
    ip("link del heir");

    /* The same if nothing is left at all. */
    make(c, 2);
    ip("link del %s", c[0]->port_end);
    ip("link del %s", c[1]->port_end);
    delete(c, 0, 2);
    CHECK(!n_requests && if_nametoindex("other"));
    return NULL;
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    static const struct {
        const char *name;
        const char *(*func)(void);
    } cases[] = {
        { "companion-one", test_one },
        { "companion-many", test_many },
        { "companion-gone", test_gone },
    };
    unsigned int n_failed = 0;

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    if (unshare(CLONE_NEWNET)) {
        printf("skip companion: making a network namespace failed (%s)\n",
               ovs_strerror(errno));
        return 77;
    }
    ip("link add other type veth peer name other-peer");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *why = cases[i].func();

        printf("%s %s%s%s\n", why ? "not ok" : "ok", cases[i].name,
               why ? ": not true: " : "", why ? why : "");
        n_failed += why != NULL;
    }
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
