/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-conn-table.h. */

#include <config.h>

#include "xdp-conn-table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "entropy.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "seq.h"
#include "util.h"
#include "xdp-conn-refs.h"
#include "xdp-conn-slots.h"
#include "xdp-grace.h"
#include "xdp-shared.h"

VLOG_DEFINE_THIS_MODULE(xdp_conn_table);

/* An entry that carried nothing for so long, in ns, may have to make room.
 * More than a second, to which its last use is known. */
#define IDLE_TIME UINT64_C(2000000000)

/* Entries that are looked at for one to displace. */
#define DISPLACE_STEPS 64

/* How long nobody looks for one again when none was found, in ns. */
#define FULL_TIME UINT64_C(1000000)

/* Entries that are withdrawn under one lock, and the pause after that, in ns,
 * which lets others have it. */
#define WITHDRAW_BATCH 1024
#define WITHDRAW_PAUSE 20000

/* Slots that are given back at a time, under one lock. */
#define RECLAIM_BATCH 64

/* Slots that xdp_conn_table_next() looks at under one lock. */
#define NEXT_BATCH 1024

/* Slots that are free after a grace period. */
struct released {
    size_t n, allocated;
    uint32_t *slots;
};

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

static struct xdp_shared conns OVS_GUARDED_BY(mutex)
    = XDP_SHARED_TEMPORARY_INITIALIZER("xdp_conns", sizeof(struct xdp_conn));
static struct xdp_shared refs OVS_GUARDED_BY(mutex)
    = XDP_SHARED_TEMPORARY_INITIALIZER("xdp_conn_refs",
                                       sizeof(struct xdp_conn_refs));

/* Once the maps have been opened these stay as they are.  'entries' is the
 * memory of 'conns'. */
static struct xdp_conn *entries;
static struct xdp_conn_index conn_index;
static struct xdp_conn_slots slots OVS_GUARDED_BY(mutex)
    = XDP_CONN_SLOTS_INITIALIZER;
static uint32_t most_conns OVS_GUARDED_BY(mutex); /* That the maps are for. */

/* As configured. */
static uint32_t wanted_conns OVS_GUARDED_BY(mutex) = XDP_CONN_DEFAULT_MAX;

static bool is_blocked OVS_GUARDED_BY(mutex);
static bool is_on OVS_GUARDED_BY(mutex);    /* Can connections be inserted? */
static uint32_t hand OVS_GUARDED_BY(mutex);         /* Next to displace. */
static uint32_t last_valid OVS_GUARDED_BY(mutex);   /* Last 'valid' given. */
static uint64_t n_inserted OVS_GUARDED_BY(mutex);
static uint64_t n_full OVS_GUARDED_BY(mutex);
static uint64_t n_displaced OVS_GUARDED_BY(mutex);
static xdp_conn_release_func *release OVS_GUARDED_BY(mutex);

atomic_bool xdp_conn_table_active = ATOMIC_VAR_INIT(false);

/* Until then there is no room, unless an entry is withdrawn.  CLOCK_MONOTONIC,
 * ns. */
static ATOMIC(uint64_t) full_until = ATOMIC_VAR_INIT(0);

/* Returns how many connections there can be. */
static uint32_t
get_max_conns(void)
    OVS_REQUIRES(mutex)
{
    return slots.n ? MIN(wanted_conns, most_conns) : wanted_conns;
}

/* Returns what changes when entries are withdrawn. */
static struct seq *
get_seq(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    static struct seq *seq;

    if (ovsthread_once_start(&once)) {
        seq = seq_create();
        ovsthread_once_done(&once);
    }
    return seq;
}

/* Slots. */

/* Makes sure that no program finds 'slot' any more, which some do now. */
static void
withdraw_slot(uint32_t slot)
    OVS_REQUIRES(mutex)
{
    __atomic_store_n(&entries[slot].valid, 0, __ATOMIC_SEQ_CST);
    for (int dir = 0; dir < 2; dir++) {
        xdp_conn_refs_remove(&conn_index, slot, dir);
    }
    if (xdp_conn_slots_withdraw(&slots, slot)) {
        seq_change(get_seq());
    }
    atomic_store_relaxed(&full_until, 0);
}

/* Withdraws all entries that there are at the time of the call.  Gives up the
 * lock meanwhile if there are many, because who receives packets needs it. */
static void
withdraw_all(void)
    OVS_REQUIRES(mutex)
{
    uint32_t n = 0;

    for (uint32_t i = 0; slots.n_valid && i < slots.n; i++) {
        if (xdp_conn_slots_is_valid(&slots, i)) {
            withdraw_slot(i);
            if (++n % WITHDRAW_BATCH == 0) {
                ovs_mutex_unlock(&mutex);
                xnanosleep_no_quiesce(WITHDRAW_PAUSE);
                ovs_mutex_lock(&mutex);
            }
        }
    }
}

/* Withdraws an entry that carried nothing of late, if one is found soon. */
static bool
displace(uint64_t now)
    OVS_REQUIRES(mutex)
{
    for (size_t i = 0; i < DISPLACE_STEPS; i++) {
        const struct xdp_conn *entry = &entries[hand];
        uint32_t slot = hand;

        hand = (hand + 1) % slots.n;
        if (xdp_conn_slots_is_valid(&slots, slot)
            && (__atomic_load_n(&entry->expiration, __ATOMIC_RELAXED)
                + IDLE_TIME < now + entry->timeout)) {
            withdraw_slot(slot);
            n_displaced++;
            return true;
        }
    }
    return false;
}

/* Returns true if there is a slot that is free, and may be taken. */
static bool
find_room(uint64_t now)
    OVS_REQUIRES(mutex)
{
    if (!xdp_conn_slots_any_free(&slots)) {
        return false;
    }
    if (slots.n_valid >= get_max_conns() && !displace(now)) {
        atomic_store_relaxed(&full_until, now + FULL_TIME);
        return false;
    }
    return true;
}

/* Sees to it that no other entry has a tuple of 'entry': conntrack can have an
 * old connection that has expired, and a new one.  If one of the two ways in
 * which a packet can be looked up depends on what no program knows, returns
 * false, and leaves both to userspace for good. */
static bool
make_unique(const struct xdp_conn *entry, uint64_t now)
    OVS_REQUIRES(mutex)
{
    bool unique = true;

    for (int dir = 0; dir < 2; dir++) {
        uint32_t other = xdp_conn_refs_find(&conn_index, entry, dir);

        if (other != XDP_CONN_NO_SLOT) {
            /* What is about to expire may have already for our caller. */
            if (entries[other].expiration > now + IDLE_TIME) {
                atomic_store(&xdp_conn_slots_owner(&slots, other)->barred,
                             true);
                unique = false;
            }
            withdraw_slot(other);
        }
    }
    return unique;
}

/* The maps. */

/* Takes a slot that is free for 'owner'.  As long as one is in use, the maps
 * stay, where its owner and programs may write at any time, and programs can
 * be waited for. */
static uint32_t
take_slot(struct xdp_conn_owner *owner)
    OVS_REQUIRES(mutex)
{
    if (!slots.n_used) {
        char *message;

        /* They are open, all three. */
        xdp_shared_open(&conns, &message);
        xdp_shared_open(&refs, &message);
        xdp_grace_open();
    }
    return xdp_conn_slots_take(&slots, owner);
}

/* Makes 'slot', which was in use, free. */
static void
free_slot(uint32_t slot)
    OVS_REQUIRES(mutex)
{
    xdp_conn_slots_free(&slots, slot);
    if (!slots.n_used) {
        xdp_shared_close(&conns);
        xdp_shared_close(&refs);
        xdp_grace_close();
    }
}

/* Returns how many others than slots use 'array'. */
static unsigned int
count_users(const struct xdp_shared *array)
    OVS_REQUIRES(mutex)
{
    return array->n_users - (slots.n_used != 0);
}

/* Decides whether connections can be inserted.  If not, withdraws all. */
static void
update_active(void)
    OVS_REQUIRES(mutex)
{
    is_on = (count_users(&conns) && count_users(&refs) && wanted_conns
             && !is_blocked);
    if (!is_on) {
        withdraw_all();
    }

    /* Others may have been here meanwhile. */
    atomic_store(&xdp_conn_table_active, is_on || slots.n_valid);
}

/* Chooses sizes and secrets, and makes all slots free, once for the life of
 * the process.  Returns 0 or a positive errno value. */
static int
prepare(void)
    OVS_REQUIRES(mutex)
{
    int error;

    if (slots.n) {
        return 0;
    }
    error = get_entropy(conn_index.secret, sizeof conn_index.secret);
    if (error) {
        return error;
    }
    for (size_t i = 0; i < XDP_CONN_KEY_WORDS; i++) {
        conn_index.secret[i] |= 1;
    }

    /* A slot that was withdrawn is not free at once. */
    most_conns = MAX(wanted_conns, 1);
    if (!xdp_conn_slots_init(&slots, MIN(most_conns + most_conns / 8 + 64,
                                         XDP_CONN_MAX_SLOTS))) {
        return ENOMEM;
    }
    conns.n = slots.n;
    conn_index.bits = xdp_conn_refs_bits(most_conns);
    refs.n = UINT32_C(1) << conn_index.bits;
    return 0;
}

/* Has 'func' told of owners that are to forget their entry. */
void
xdp_conn_table_init(xdp_conn_release_func *func)
{
    ovs_mutex_lock(&mutex);
    release = func;
    ovs_mutex_unlock(&mutex);
}

/* Lets there be up to 'n' connections, or none.  The size of the maps is
 * chosen when they are first opened; later on there can only be fewer. */
void
xdp_conn_table_configure(uint32_t n)
{
    ovs_mutex_lock(&mutex);
    if (n != wanted_conns) {
        if (slots.n && n > most_conns) {
            VLOG_WARN("xdp-max-conns is %"PRIu32" now, but there is room for "
                      "%"PRIu32" connections until ovs-vswitchd is restarted",
                      n, most_conns);
        }
        wanted_conns = n;
        atomic_store_relaxed(&full_until, 0);
        if (slots.n_valid > get_max_conns()) {
            withdraw_all();
        }
        update_active();
    }
    ovs_mutex_unlock(&mutex);
}

/* Has no connections inserted while 'blocked' is true. */
void
xdp_conn_table_block(bool blocked)
{
    ovs_mutex_lock(&mutex);
    is_blocked = blocked;
    update_active();
    ovs_mutex_unlock(&mutex);
}

/* Returns the file descriptor of 'array', which the caller must give back with
 * close_map().  On failure, returns -1 with a message in '*errp', which the
 * caller frees. */
static int
open_map(struct xdp_shared *array, char **errp)
    OVS_REQUIRES(mutex)
{
    int error = prepare();
    int fd = -1;

    if (!error) {
        error = xdp_grace_open();
    }
    if (error) {
        *errp = xasprintf("preparing the map %s failed (%s)", array->name,
                          ovs_strerror(error));
    } else {
        fd = xdp_shared_open(array, errp);
        entries = conns.values;
        conn_index.entries = entries;
        conn_index.buckets = refs.values;
        if (fd < 0) {
            xdp_grace_close();
        }
        update_active();
    }
    return fd;
}

/* Gives 'array' back. */
static void
close_map(struct xdp_shared *array)
    OVS_REQUIRES(mutex)
{
    xdp_shared_close(array);
    update_active();
    xdp_grace_close();
}

/* Returns the file descriptor of the map 'xdp_conns', which the caller must
 * give back with xdp_conn_table_close().  On failure, returns -1 with a
 * message in '*errp', which the caller frees. */
int
xdp_conn_table_open(char **errp)
{
    int fd;

    ovs_mutex_lock(&mutex);
    fd = open_map(&conns, errp);
    ovs_mutex_unlock(&mutex);
    return fd;
}

/* Gives the map back. */
void
xdp_conn_table_close(void)
{
    ovs_mutex_lock(&mutex);
    close_map(&conns);
    ovs_mutex_unlock(&mutex);
}

/* As xdp_conn_table_open(), for the map 'xdp_conn_refs' and
 * xdp_conn_table_close_refs(). */
int
xdp_conn_table_open_refs(char **errp)
{
    int fd;

    ovs_mutex_lock(&mutex);
    fd = open_map(&refs, errp);
    ovs_mutex_unlock(&mutex);
    return fd;
}

/* Gives the map back. */
void
xdp_conn_table_close_refs(void)
{
    ovs_mutex_lock(&mutex);
    close_map(&refs);
    ovs_mutex_unlock(&mutex);
}

/* Returns the logarithm of the number of buckets, once a map was opened. */
uint32_t
xdp_conn_table_bits(void)
{
    return conn_index.bits;
}

/* Returns the random numbers of the hash, XDP_CONN_KEY_WORDS, once a map was
 * opened. */
const uint64_t *
xdp_conn_table_secret(void)
{
    return conn_index.secret;
}

/* Entries. */

/* Returns true if 'owner' may have an entry. */
bool
xdp_conn_table_is_open(const struct xdp_conn_owner *owner_)
{
    struct xdp_conn_owner *owner = CONST_CAST(struct xdp_conn_owner *, owner_);
    bool barred, closed;

    atomic_read(&owner->barred, &barred);
    atomic_read(&owner->closed, &closed);
    return !barred && !closed;
}

/* Returns false if xdp_conn_table_insert() would find no room at 'now'
 * anyway: somebody has just looked for some. */
bool
xdp_conn_table_has_room(uint64_t now)
{
    uint64_t until;

    atomic_read_relaxed(&full_until, &until);
    return now >= until;
}

/* Inserts 'entry', in which 'valid' and 'seq' are of no importance, for
 * 'owner', which has none and whose lock the caller has.  With XDP_CONN_NEW,
 * only its direction 0 is found.  'now' is CLOCK_MONOTONIC in ns. */
enum xdp_conn_result
xdp_conn_table_insert(struct xdp_conn_owner *owner,
                      const struct xdp_conn *entry, uint64_t now)
{
    enum xdp_conn_result result = XDP_CONN_OK;
    bool closed;
    uint32_t slot;

    ovs_mutex_lock(&mutex);
    if (!is_on) {
        result = XDP_CONN_OFF;
        goto out;
    }
    if (!xdp_conn_table_is_open(owner)) {
        result = XDP_CONN_CLOSED;
        goto out;
    }
    if (!make_unique(entry, now)) {
        atomic_store(&owner->barred, true);
        result = XDP_CONN_AMBIGUOUS;
        goto out;
    }
    if (!find_room(now)) {
        n_full++;
        result = XDP_CONN_FULL;
        goto out;
    }
    slot = take_slot(owner);

    /* 'seq' is even. */
    memcpy(&entries[slot].mark, &entry->mark,
           sizeof *entry - offsetof(struct xdp_conn, mark));
    last_valid += last_valid == UINT32_MAX ? 2 : 1;
    __atomic_store_n(&entries[slot].valid, last_valid, __ATOMIC_RELEASE);

    atomic_store(&owner->slot, slot + 1);
    atomic_store(&owner->stale, false);

    /* Who closes the owner without our lock either sees 'slot' or is seen, and
     * may not wait for us to free the owner. */
    atomic_read(&owner->closed, &closed);
    if (closed) {
        withdraw_slot(slot);
        xdp_conn_slots_forget_owner(&slots, slot);
        atomic_store(&owner->slot, 0);
        result = XDP_CONN_CLOSED;
    } else if (!xdp_conn_refs_add(&conn_index, slot, 0)
               || (!(entry->flags & XDP_CONN_NEW)
                   && !xdp_conn_refs_add(&conn_index, slot, 1))) {
        withdraw_slot(slot);
        n_full++;
        result = XDP_CONN_FULL;
    } else {
        n_inserted++;
    }

out:
    ovs_mutex_unlock(&mutex);
    return result;
}

/* Returns the entry of 'owner', which may have been withdrawn, or NULL.
 * Without the lock of 'owner', it may be looked at until the next quiescent
 * state of the thread. */
struct xdp_conn *
xdp_conn_table_get(const struct xdp_conn_owner *owner)
{
    uint32_t slot;

    atomic_read(&CONST_CAST(struct xdp_conn_owner *, owner)->slot, &slot);
    return slot ? &entries[slot - 1] : NULL;
}

/* Makes 'mark' and 'label' those of the entry of 'owner', if there is one.
 * The caller has the lock of 'owner'. */
void
xdp_conn_table_set_attrs(struct xdp_conn_owner *owner, uint32_t mark,
                         const uint64_t label[2])
{
    struct xdp_conn *entry = xdp_conn_table_get(owner);

    if (!entry || (entry->mark == mark && entry->label[0] == label[0]
                   && entry->label[1] == label[1])) {
        return;
    }
    __atomic_store_n(&entry->seq, entry->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&entry->mark, mark, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->label[0], label[0], __ATOMIC_RELAXED);
    __atomic_store_n(&entry->label[1], label[1], __ATOMIC_RELAXED);
    __atomic_store_n(&entry->seq, entry->seq + 1, __ATOMIC_RELEASE);
}

/* Returns true if 'slot' is that of 'owner', not one that it had once. */
static bool
is_slot_of(uint32_t slot, const struct xdp_conn_owner *owner)
    OVS_REQUIRES(mutex)
{
    return xdp_conn_slots_owner(&slots, slot) == owner;
}

/* Withdraws the slot of 'owner', if it has one that programs find. */
static void
withdraw_owner(struct xdp_conn_owner *owner)
    OVS_REQUIRES(mutex)
{
    uint32_t slot;

    atomic_read(&owner->slot, &slot);
    if (slot && is_slot_of(slot - 1, owner)
        && xdp_conn_slots_is_valid(&slots, slot - 1)) {
        withdraw_slot(slot - 1);
    }
}

/* Withdraws the entry of 'owner', if it has one. */
void
xdp_conn_table_withdraw(struct xdp_conn_owner *owner)
{
    ovs_mutex_lock(&mutex);
    withdraw_owner(owner);
    ovs_mutex_unlock(&mutex);
}

/* Withdraws the entries that have a tuple of 'entry', except that of 'owner'.
 * Each new connection comes here, so there is no lock unless there may be one.
 * Who inserts one that is not seen here sees what the caller has written
 * before. */
void
xdp_conn_table_withdraw_others(const struct xdp_conn_owner *owner,
                               const struct xdp_conn *entry)
{
    bool active;

    /* Once it was active, there is an index. */
    atomic_read_explicit(&xdp_conn_table_active, &active,
                         memory_order_acquire);
    if (!active || !xdp_conn_refs_may_find(&conn_index, entry)) {
        return;
    }
    ovs_mutex_lock(&mutex);
    for (int dir = 0; slots.n_valid && dir < 2; dir++) {
        uint32_t slot = xdp_conn_refs_find(&conn_index, entry, dir);

        if (slot != XDP_CONN_NO_SLOT && !is_slot_of(slot, owner)) {
            withdraw_slot(slot);
        }
    }
    ovs_mutex_unlock(&mutex);
}

/* Withdraws all entries.  Their owners can have others as soon as they have
 * forgotten these. */
void
xdp_conn_table_withdraw_all(void)
{
    ovs_mutex_lock(&mutex);
    withdraw_all();
    ovs_mutex_unlock(&mutex);
}

/* Makes sure that 'owner' has no entry that programs find, and never again
 * gets one.  If 'gone', it is not told to forget the one that it has, and may
 * be freed after a grace period.  Returns true if it has one, which programs
 * may have found before. */
bool
xdp_conn_table_close_owner(struct xdp_conn_owner *owner, bool gone)
{
    uint32_t slot;

    atomic_store(&owner->closed, true);
    atomic_read(&owner->slot, &slot);
    if (slot) {
        ovs_mutex_lock(&mutex);
        withdraw_owner(owner);
        if (gone && is_slot_of(slot - 1, owner)) {
            xdp_conn_slots_forget_owner(&slots, slot - 1);
        }
        ovs_mutex_unlock(&mutex);
    }
    return slot != 0;
}

/* Reclaiming. */

/* Makes the slots in 'released_' free, which no thread can know any more. */
static void
free_released(struct released *released_)
{
    size_t i = 0;

    while (i < released_->n) {
        size_t end = MIN(i + RECLAIM_BATCH, released_->n);

        ovs_mutex_lock(&mutex);
        while (i < end) {
            free_slot(released_->slots[i++]);
        }
        ovs_mutex_unlock(&mutex);
    }
    free(released_->slots);
    free(released_);
}

/* Returns a number that changes when there are entries to reclaim. */
uint64_t
xdp_conn_table_seq(void)
{
    return seq_read(get_seq());
}

/* Has poll_block() wake up when xdp_conn_table_seq() is not 'seq'. */
void
xdp_conn_table_seq_wait(uint64_t seq)
{
    seq_wait(get_seq(), seq);
}

/* If there are entries that were withdrawn, ends the epoch, stores its number
 * in '*epoch', and returns true: after xdp_grace_wait(),
 * xdp_conn_table_reclaim() can free those of this epoch. */
bool
xdp_conn_table_begin_reclaim(uint64_t *epoch)
{
    bool any;

    ovs_mutex_lock(&mutex);
    any = xdp_conn_slots_end_epoch(&slots, epoch);
    ovs_mutex_unlock(&mutex);
    return any;
}

/* Has the owners of entries that were withdrawn in 'epoch' or before forget
 * them, and makes them free as soon as no thread can know them.  Takes the
 * locks of owners.  The caller is not in a quiescent state, so that owners
 * that go meanwhile are not freed. */
void
xdp_conn_table_reclaim(uint64_t epoch)
{
    struct released *released_ = xzalloc(sizeof *released_);
    struct xdp_conn_owner *owners[RECLAIM_BATCH];
    uint32_t numbers[RECLAIM_BATCH];
    xdp_conn_release_func *func;
    size_t n;

    do {
        ovs_mutex_lock(&mutex);
        n = xdp_conn_slots_release(&slots, epoch, numbers, owners,
                                   RECLAIM_BATCH);
        func = release;
        ovs_mutex_unlock(&mutex);

        for (size_t i = 0; i < n; i++) {
            if (owners[i]) {
                func(owners[i], &entries[numbers[i]]);
            }
            if (released_->n >= released_->allocated) {
                released_->slots = x2nrealloc(released_->slots,
                                              &released_->allocated,
                                              sizeof *released_->slots);
            }
            released_->slots[released_->n++] = numbers[i];
        }
    } while (n);

    /* Who waits is not told of those that were withdrawn meanwhile. */
    ovs_mutex_lock(&mutex);
    if (xdp_conn_slots_any_withdrawn(&slots)) {
        seq_change(get_seq());
    }
    ovs_mutex_unlock(&mutex);
    ovsrcu_postpone(free_released, released_);
}

/* Reporting. */

/* Stores what the table is like in '*stats'. */
void
xdp_conn_table_get_stats(struct xdp_conn_table_stats *stats)
{
    ovs_mutex_lock(&mutex);
    *stats = (struct xdp_conn_table_stats) {
        .max_conns = get_max_conns(),
        .n_conns = slots.n_valid,
        .n_inserted = n_inserted,
        .n_full = n_full,
        .n_displaced = n_displaced,
        .memory = (!count_users(&conns) ? 0
                   : (uint64_t) slots.n * sizeof(struct xdp_conn)
                     + (sizeof(struct xdp_conn_refs)
                        << conn_index.bits)),
    };
    ovs_mutex_unlock(&mutex);
}

/* Stores in '*entry' the next entry from '*position', which starts at 0, that
 * programs find.  Returns false if there is none. */
bool
xdp_conn_table_next(uint32_t *position, struct xdp_conn *entry)
{
    bool found = false, more = true;

    while (!found && more) {
        uint32_t end;

        ovs_mutex_lock(&mutex);
        end = MIN(*position + NEXT_BATCH, slots.n);
        while (!found && *position < end) {
            found = xdp_conn_slots_is_valid(&slots, *position);
            if (found) {
                *entry = entries[*position];
            }
            (*position)++;
        }
        more = *position < slots.n;
        ovs_mutex_unlock(&mutex);
    }
    return found;
}
