/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ports leave behind: companions, and objects that nobody refers to any
 * more.  See xdp-port.h.
 *
 * To delete a companion, or to unload an object, takes long.  Who removes a
 * port may hold locks of OVS, so that is left to the worker, once that runs,
 * and done in pieces.  Before that there are no flows of which anybody could
 * wait for the statistics, and it is done at once.
 *
 * The kernel forgets objects when the process ends, and xdp-companion.c has
 * companions deleted then.
 */

#include <config.h>

#include "xdp-port-private.h"

#include "openvswitch/list.h"
#include "xdp-companion.h"
#include "xdp-custody.h"
#include "xdp-program.h"

/* Held by whoever deletes or unloads something. */
static struct ovs_mutex clean_mutex OVS_ACQ_AFTER(xdp_port_config_mutex)
    OVS_ACQ_BEFORE(xdp_mutex) = OVS_MUTEX_INITIALIZER;

/* What there is of that: how many companions wait for it, and how many of the
 * objects are still loaded. */
static struct ovs_list companions OVS_GUARDED_BY(xdp_mutex)
    = OVS_LIST_INITIALIZER(&companions);
static struct ovs_list objects OVS_GUARDED_BY(xdp_mutex)
    = OVS_LIST_INITIALIZER(&objects);
static size_t n_companions OVS_GUARDED_BY(xdp_mutex);
static size_t n_objects OVS_GUARDED_BY(xdp_mutex);

/* How many companions are deleted at a time, which takes tens of ms, during
 * which nobody else can change devices. */
#define N_DELETED 32

/* Companions that may be there when another one is made. */
#define MAX_COMPANIONS 16

/* Is somebody there who calls xdp_port_clean_up()? */
static bool has_cleaner OVS_GUARDED_BY(xdp_mutex);

/* Has 'companion' deleted, which no port has any more. */
void
xdp_port_leave_companion(struct xdp_companion *companion)
{
    ovs_list_push_back(&companions, &companion->list_node);
    n_companions++;
    xdp_custody_kick(0);
}

/* Drops a reference to 'object'. */
void
xdp_port_put_object(struct xdp_object *object)
{
    if (xdp_object_put(object)) {
        ovs_list_push_back(&objects, &object->list_node);
        n_objects++;
        xdp_custody_kick(0);
    }
}

/* Deletes some companions or, if there is none that was left, unloads an
 * object.  Returns true if there is more to do. */
static bool
clean_up(void)
    OVS_REQUIRES(clean_mutex)
{
    struct ovs_list some = OVS_LIST_INITIALIZER(&some);
    struct xdp_object *object = NULL;
    bool more;

    xdp_lock();
    if (!ovs_list_is_empty(&companions)) {
        for (int i = 0; i < N_DELETED && n_companions; i++) {
            ovs_list_push_back(&some, ovs_list_pop_front(&companions));
            n_companions--;
        }
    } else if (!ovs_list_is_empty(&objects)) {
        object = CONTAINER_OF(ovs_list_pop_front(&objects),
                              struct xdp_object, list_node);
    }
    xdp_unlock();

    /* The programs of a companion are those of its object. */
    if (!ovs_list_is_empty(&some)) {
        xdp_companion_destroy_all(&some);
    }
    xdp_object_unload(object);

    xdp_lock();
    n_objects -= object != NULL;
    more = !ovs_list_is_empty(&companions) || !ovs_list_is_empty(&objects);
    xdp_unlock();
    return more;
}

/* The same, when nobody else is at it. */
bool
xdp_port_clean_up(void)
{
    bool more;

    ovs_mutex_lock(&clean_mutex);
    more = clean_up();
    ovs_mutex_unlock(&clean_mutex);
    return more;
}

/* Says whether the caller calls xdp_port_clean_up() from now on, each time it
 * is woken up by xdp_custody_wait(), until there is nothing more to do. */
void
xdp_port_set_cleaner(bool on)
{
    xdp_lock();
    has_cleaner = on;
    xdp_unlock();
}

/* Cleans up at once, unless somebody else will do so. */
void
xdp_port_leave_rest(void)
{
    bool leave;

    xdp_lock();
    leave = has_cleaner;
    xdp_unlock();
    while (!leave && xdp_port_clean_up()) {
        continue;
    }
}

/* Waits until all objects are unloaded that nobody refers to: they have large
 * maps, and another one is going to be loaded. */
void
xdp_port_wait_unloaded(void)
{
    bool more;

    xdp_lock();
    more = n_objects != 0;
    xdp_unlock();
    while (more) {
        more = xdp_port_clean_up();
    }
}

/* Deletes some companions if there are many.  Where many ports are made anew,
 * each leaves one, and the worker may not come to them as fast.  Those that
 * are left then, or all if the worker is just at it, are for the worker, or
 * for who makes the next one. */
void
xdp_port_limit_companions(void)
{
    bool many;

    xdp_lock();
    many = n_companions > MAX_COMPANIONS;
    xdp_unlock();
    if (many && !ovs_mutex_trylock(&clean_mutex)) {
        clean_up();
        ovs_mutex_unlock(&clean_mutex);
    }
}
