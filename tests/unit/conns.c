/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of the connections in XDP: how programs find them, and what
 * becomes of an entry.
 */

#include <config.h>

#undef NDEBUG
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "unit.h"
#include "util.h"
#include "waits.h"
#include "xdp-abi.h"
#include "xdp-conn-refs.h"
#include "xdp-conn-report.h"
#include "xdp-conn-slots.h"
#include "xdp-conn-table.h"
#include "xdp-grace.h"

#define SECOND UINT64_C(1000000000)
#define REF_MASK ((UINT32_C(1) << XDP_CONN_REF_BITS) - 1)

/* Connections that the table of this process is for, and the time. */
#define N_CONNS 4000
static uint64_t now = 1000 * SECOND;

/* An owner that remembers what it was told. */
struct owner {
    struct xdp_conn_owner up;
    uint64_t window;            /* Of direction 0 when it was released. */
    unsigned int n_released;
};

/* Implements xdp_conn_release_func. */
static void
release(struct xdp_conn_owner *up, const struct xdp_conn *entry)
{
    struct owner *owner = CONTAINER_OF(up, struct owner, up);

    owner->window = entry->dirs[0].window;
    owner->n_released++;
    atomic_store(&up->slot, 0);
}

/* Makes '*entry' connection 'i' of UDP, with 'timeout'. */
static void
make_entry(uint32_t i, uint64_t timeout, struct xdp_conn *entry)
{
    union xdp_conn_id id = { .zone = 5, .proto = IPPROTO_UDP };

    memset(entry, 0, sizeof *entry);
    entry->expiration = now + timeout;
    entry->timeout = timeout;
    id.src = htons(1000);
    id.dst = htons(2000);
    entry->dirs[0].id = id.word;
    entry->dirs[0].address = (uint64_t) i << 32 | 1;
    id.src = htons(2000);
    id.dst = htons(1000);
    entry->dirs[1].id = id.word;
    entry->dirs[1].address = UINT64_C(1) << 32 | i;
}

/* The maps, as a program has them. */
static int conns_fd, refs_fd;

/* Opens the maps, with room for N_CONNS connections. */
static bool
open_table(void)
{
    char *message;

    xdp_conn_table_configure(N_CONNS);
    xdp_conn_table_init(release);
    conns_fd = xdp_conn_table_open(&message);
    if (conns_fd < 0) {
        free(message);
        return false;
    }
    refs_fd = xdp_conn_table_open_refs(&message);
    if (refs_fd < 0) {
        xdp_conn_table_close();
        free(message);
        return false;
    }
    return true;
}

/* Closes the maps. */
static void
close_table(void)
{
    xdp_conn_table_close_refs();
    xdp_conn_table_close();
}

/* For ovsrcu_postpone(): tells that a grace period has ended. */
static void
set_flag(atomic_bool *flag)
{
    atomic_store(flag, true);
}

/* Reclaims what was withdrawn, and waits until it is free. */
static bool
reclaim(void)
{
    static atomic_bool done;
    uint64_t epoch;
    bool any = xdp_conn_table_begin_reclaim(&epoch);
    bool is_done;

    if (any) {
        if (xdp_grace_wait()) {
            return false;
        }
        xdp_conn_table_reclaim(epoch);
    }
    atomic_store(&done, false);
    ovsrcu_postpone(set_flag, &done);
    do {
        ovsrcu_quiesce();
        atomic_read(&done, &is_done);
    } while (!is_done);
    return any;
}

/* Finds the tuple of direction 'dir' of 'tuple' as a program does, and stores
 * in '*entry' what is there and in '*found_dir' the direction. */
static bool
find(const struct xdp_conn *tuple, int dir, struct xdp_conn *entry,
     int *found_dir)
{
    const union xdp_conn_id id = { .word = tuple->dirs[dir].id };
    const uint64_t hash = xdp_conn_hash(
        id.word, tuple->dirs[dir].address, tuple->more[dir], id.is_ipv6,
        (const __u64 *) xdp_conn_table_secret());
    const struct xdp_conn_place place
        = xdp_conn_place(hash, xdp_conn_table_bits());
    struct xdp_conn_refs bucket;

    if (bpf_map_lookup_elem(refs_fd, &place.bucket, &bucket)) {
        return false;
    }
    for (uint32_t half = 0; half < 2; half++) {
        const uint32_t *refs = bucket.refs[place.half ^ half];

        for (size_t i = 0; i < XDP_CONN_REFS; i++) {
            if (refs[i] && (refs[i] & ~REF_MASK) == place.tag) {
                uint32_t where = (refs[i] & REF_MASK) - 1;
                uint32_t index = where / 2;

                *found_dir = where & 1;
                if (!bpf_map_lookup_elem(conns_fd, &index, entry)
                    && entry->valid
                    && entry->dirs[where & 1].id == id.word
                    && (entry->dirs[where & 1].address
                        == tuple->dirs[dir].address)
                    && !memcmp(entry->more[where & 1], tuple->more[dir],
                               sizeof tuple->more[0])) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* Returns true if programs find both directions of 'tuple', or none. */
static bool
both_are(const struct xdp_conn *tuple, bool found)
{
    struct xdp_conn entry;
    int dir;

    for (int i = 0; i < 2; i++) {
        if (find(tuple, i, &entry, &dir) != found || (found && dir != i)) {
            return false;
        }
    }
    return true;
}

/* Returns how many connections are in the table. */
static uint32_t
n_conns(void)
{
    struct xdp_conn_table_stats stats;

    xdp_conn_table_get_stats(&stats);
    return stats.n_conns;
}

/* Connections come, are found, and go. */
static void
test_conns(void)
{
    struct owner owner = { .n_released = 0 };
    struct xdp_conn entry, found, other;
    uint32_t valid, slot;
    uint64_t n_waits;
    int dir;

    make_entry(7, 30 * SECOND, &entry);
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_OFF);
    CHECK(open_table());
    CHECK(both_are(&entry, false));
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_OK);
    CHECK(both_are(&entry, true));
    CHECK(n_conns() == 1);
    make_entry(8, 30 * SECOND, &other);
    CHECK(both_are(&other, false));
    CHECK(find(&entry, 0, &found, &dir));
    valid = found.valid;

    /* A program raises the window when the entry has been withdrawn. */
    slot = owner.up.slot;
    xdp_conn_table_withdraw(&owner.up);
    CHECK(both_are(&entry, false));
    CHECK(n_conns() == 0);
    CHECK(owner.up.slot == slot);
    CHECK(xdp_conn_raise(&xdp_conn_table_get(&owner.up)->dirs[0].window, 3,
                         4));
    CHECK(reclaim());
    CHECK(owner.n_released == 1 && owner.window == xdp_conn_window(3, 4));
    CHECK(!owner.up.slot && !xdp_conn_table_get(&owner.up));
    CHECK(!reclaim());

    /* Again, in the same place. */
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_OK);
    CHECK(owner.up.slot == slot);
    CHECK(find(&entry, 0, &found, &dir));
    CHECK(found.valid && found.valid != valid && !found.dirs[0].window);

    /* Just the original direction. */
    xdp_conn_table_withdraw_all();
    CHECK(reclaim());
    entry.flags = XDP_CONN_NEW;
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_OK);
    CHECK(find(&entry, 0, &found, &dir) && !find(&entry, 1, &found, &dir));

    /* When the maps go, so do the connections, with what they know. */
    close_table();
    n_waits = count_waits();
    CHECK(n_conns() == 0 && reclaim() && owner.n_released == 3);
    CHECK(count_waits() == n_waits + 1);
}

/* What of an owner that is not to have an entry any more. */
static void
test_conns_owners(void)
{
    struct owner owner = { .n_released = 0 }, gone = { .n_released = 0 };
    struct xdp_conn entry, other;

    CHECK(open_table());
    make_entry(1, 30 * SECOND, &entry);
    make_entry(2, 30 * SECOND, &other);
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_OK);
    CHECK(xdp_conn_table_insert(&gone.up, &other, now) == XDP_CONN_OK);
    xdp_conn_table_close_owner(&owner.up, false);
    xdp_conn_table_close_owner(&gone.up, true);
    CHECK(both_are(&entry, false) && both_are(&other, false));
    CHECK(reclaim());
    CHECK(owner.n_released == 1 && !owner.up.slot);
    CHECK(gone.n_released == 0);
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_CLOSED);

    /* None while tuples may belong to several datapaths. */
    gone = (struct owner) { .n_released = 0 };
    CHECK(xdp_conn_table_insert(&gone.up, &other, now) == XDP_CONN_OK);
    xdp_conn_table_block(true);
    CHECK(both_are(&other, false) && reclaim());
    CHECK(xdp_conn_table_insert(&gone.up, &other, now) == XDP_CONN_OFF);
    xdp_conn_table_block(false);
    CHECK(xdp_conn_table_insert(&gone.up, &other, now) == XDP_CONN_OK);

    /* Or if there shall be none. */
    xdp_conn_table_configure(0);
    CHECK(both_are(&other, false) && reclaim());
    CHECK(xdp_conn_table_insert(&gone.up, &other, now) == XDP_CONN_OFF);
    close_table();
    reclaim();
}

/* Two connections with one tuple. */
static void
test_conns_ambiguous(void)
{
    struct owner owner = { .n_released = 0 }, second = { .n_released = 0 };
    struct owner third = { .n_released = 0 };
    struct xdp_conn entry, other;

    /* An old one that has expired makes room. */
    CHECK(open_table());
    make_entry(1, SECOND, &entry);
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_OK);
    make_entry(1, 30 * SECOND, &other);
    CHECK(xdp_conn_table_insert(&second.up, &other, now) == XDP_CONN_OK);
    CHECK(both_are(&entry, true) && n_conns() == 1);
    CHECK(reclaim() && owner.n_released == 1 && second.n_released == 0);

    /* Of two that have not, neither stays: the reply of one is what the other
     * begins with. */
    make_entry(3, 30 * SECOND, &entry);
    entry.dirs[0] = other.dirs[1];
    CHECK(xdp_conn_table_insert(&third.up, &entry, now)
          == XDP_CONN_AMBIGUOUS);
    CHECK(n_conns() == 0 && both_are(&other, false));
    CHECK(reclaim() && second.n_released == 1 && !second.up.closed);
    CHECK(xdp_conn_table_insert(&second.up, &other, now) == XDP_CONN_CLOSED);
    CHECK(xdp_conn_table_insert(&third.up, &entry, now) == XDP_CONN_CLOSED);
    close_table();
}

/* Fills the table, of which there are all slots, and stores in 'ids' which
 * connections the 'owners' have: rarely is there one whose place in the index
 * is full.  Returns false if something else is wrong. */
static bool
fill_table(struct owner *owners, uint32_t *ids)
{
    uint32_t id = 0;

    for (uint32_t i = 0; i < N_CONNS; id++) {
        enum xdp_conn_result result;
        struct xdp_conn entry;

        make_entry(id, 30 * SECOND, &entry);
        result = xdp_conn_table_insert(&owners[i].up, &entry, now);
        if (result == XDP_CONN_OK) {
            ids[i++] = id;
        } else if (result == XDP_CONN_FULL && id < i + 10) {
            xdp_conn_table_close_owner(&owners[i].up, true);
            owners[i] = (struct owner) { .n_released = 0 };
        } else {
            return false;
        }
    }
    return true;
}

/* A full table, and who has to make room in it. */
static void
test_conns_full(void)
{
    struct owner *owners = xcalloc(N_CONNS + 1, sizeof *owners);
    uint32_t *ids = xcalloc(N_CONNS + 1, sizeof *ids);
    struct xdp_conn_table_stats before, after;
    struct xdp_conn entry;
    uint32_t n_found = 0;

    CHECK(open_table());
    CHECK(fill_table(owners, ids));
    ids[N_CONNS] = ids[N_CONNS - 1] + 1;
    xdp_conn_table_get_stats(&before);
    CHECK(before.max_conns == N_CONNS && before.memory);
    for (uint32_t i = 0; i < N_CONNS; i++) {
        make_entry(ids[i], 30 * SECOND, &entry);
        CHECK(both_are(&entry, true));
    }

    /* All have been busy. */
    make_entry(ids[N_CONNS], 30 * SECOND, &entry);
    CHECK(xdp_conn_table_insert(&owners[N_CONNS].up, &entry, now)
          == XDP_CONN_FULL);
    xdp_conn_table_get_stats(&after);
    CHECK(after.n_conns == N_CONNS && after.n_full == before.n_full + 1);

    /* Nobody looks for room again at once, unless there is some. */
    CHECK(!xdp_conn_table_has_room(now));
    CHECK(xdp_conn_table_has_room(now + SECOND));
    xdp_conn_table_withdraw(&owners[0].up);
    CHECK(xdp_conn_table_has_room(now) && reclaim());
    CHECK(owners[0].n_released == 1);
    owners[0].n_released = 0;
    make_entry(ids[0], 30 * SECOND, &entry);
    CHECK(xdp_conn_table_insert(&owners[0].up, &entry, now) == XDP_CONN_OK);

    /* All but one have not been for a while. */
    now += 5 * SECOND;
    xdp_conn_table_get(&owners[7].up)->expiration = now + 30 * SECOND;
    make_entry(ids[N_CONNS], 30 * SECOND, &entry);
    CHECK(xdp_conn_table_insert(&owners[N_CONNS].up, &entry, now)
          == XDP_CONN_OK);
    CHECK(both_are(&entry, true));
    for (uint32_t i = 0; i < N_CONNS; i++) {
        make_entry(ids[i], 30 * SECOND, &entry);
        n_found += both_are(&entry, true);
    }
    make_entry(ids[7], 30 * SECOND, &entry);
    CHECK(n_found == N_CONNS - 1 && both_are(&entry, true));
    xdp_conn_table_get_stats(&after);
    CHECK(after.n_conns == N_CONNS);
    CHECK(after.n_displaced == before.n_displaced + 1);

    /* All of them are told. */
    xdp_conn_table_withdraw_all();
    CHECK(n_conns() == 0);
    CHECK(reclaim());
    for (uint32_t i = 0; i <= N_CONNS; i++) {
        CHECK(owners[i].n_released == 1);
    }
    close_table();
    free(owners);
    free(ids);
}

/* For ovs_thread_create(): switches the table off. */
static void *
switch_off(void *aux OVS_UNUSED)
{
    xdp_conn_table_block(true);
    return NULL;
}

/* While the table is switched off, which takes several steps, no new
 * connection gets a twin there. */
static void
test_conns_off(void)
{
    struct owner *owners = xcalloc(N_CONNS, sizeof *owners);
    uint32_t *ids = xcalloc(N_CONNS, sizeof *ids);
    struct owner late = { .n_released = 0 };
    uint32_t n_left = 0;
    bool active;

    CHECK(open_table());

    /* Until we come between two of them. */
    while (!n_left) {
        uint32_t last_slot = 0;
        struct xdp_conn last;
        pthread_t thread;

        CHECK(fill_table(owners, ids));
        for (uint32_t i = 0; i < N_CONNS; i++) {
            if (owners[i].up.slot > last_slot) {
                last_slot = owners[i].up.slot;
                make_entry(ids[i], 30 * SECOND, &last);
            }
        }
        thread = ovs_thread_create("off", switch_off, NULL);
        while (n_conns() == N_CONNS) {
            sched_yield();
        }
        atomic_read(&xdp_conn_table_active, &active);
        xdp_conn_table_withdraw_others(&late.up, &last);
        CHECK(both_are(&last, false));
        CHECK(xdp_conn_table_insert(&late.up, &last, now) == XDP_CONN_OFF);
        n_left = n_conns();
        CHECK(active || !n_left);
        xpthread_join(thread, NULL);
        atomic_read(&xdp_conn_table_active, &active);
        CHECK(!active && !n_conns());
        xdp_conn_table_block(false);
        CHECK(reclaim());
    }
    close_table();
    free(owners);
    free(ids);
}

/* Tags that are the same, halves and buckets that are full. */
static void
test_conns_refs(void)
{
    enum { N = 2 * XDP_CONN_REFS + 1 };
    static struct xdp_conn entries[N];
    struct xdp_conn_refs bucket;
    struct xdp_conn_index index = {
        .entries = entries,
        .buckets = &bucket,
    };
    uint32_t n = 0, half = 0, tag = 0;

    CHECK(xdp_conn_refs_bits(1) == 0 && xdp_conn_refs_bits(65536) == 15);
    CHECK(xdp_conn_refs_bits(65537) == 16);
    CHECK(xdp_conn_refs_bits(XDP_CONN_MAX) == 21);
    for (size_t i = 0; i < XDP_CONN_KEY_WORDS; i++) {
        index.secret[i] = 0x9ddfea08eb382d69 * (2 * i + 1);
    }

    /* Three with one tag and one half. */
    memset(&bucket, 0, sizeof bucket);
    for (uint32_t i = 0; n < 3; i++) {
        struct xdp_conn_place place;

        make_entry(i, SECOND, &entries[n]);
        place = xdp_conn_place(xdp_conn_hash(entries[n].dirs[0].id,
                                             entries[n].dirs[0].address,
                                             NULL, false,
                                             (const __u64 *) index.secret),
                               0);
        if (!n || (place.tag == tag && place.half == half)) {
            tag = place.tag;
            half = place.half;
            n++;
        }
    }
    CHECK(xdp_conn_refs_add(&index, 0, 0));
    CHECK(bucket.refs[half][0] == (tag | 1));
    CHECK(xdp_conn_refs_add(&index, 1, 0));
    CHECK(bucket.refs[!half][0] == (tag | 3) && !bucket.refs[half][1]);
    CHECK(!xdp_conn_refs_add(&index, 2, 0));
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(xdp_conn_refs_find(&index, &entries[i], 0)
              == (i < 2 ? i : XDP_CONN_NO_SLOT));
    }
    xdp_conn_refs_remove(&index, 2, 0);
    xdp_conn_refs_remove(&index, 0, 0);
    CHECK(!bucket.refs[half][0] && bucket.refs[!half][0]);
    CHECK(xdp_conn_refs_find(&index, &entries[1], 0) == 1);
    CHECK(xdp_conn_refs_add(&index, 2, 0));
    CHECK(bucket.refs[half][0] == (tag | 5));

    /* As many as fit, of different tags, wherever they belong. */
    memset(&bucket, 0, sizeof bucket);
    n = 0;
    for (uint32_t i = 0; n < 2 * XDP_CONN_REFS; i++) {
        make_entry(i, SECOND, &entries[n]);
        n += xdp_conn_refs_add(&index, n, 0);
        CHECK(i < 10000);
    }
    for (uint32_t i = 0; i < n; i++) {
        CHECK(xdp_conn_refs_find(&index, &entries[i], 0) == i);
    }
    for (uint32_t i = 20000; i < 20100; i++) {
        make_entry(i, SECOND, &entries[n]);
        CHECK(!xdp_conn_refs_add(&index, n, 0));
    }

    /* Addresses of IPv6 count as a whole. */
    memset(&bucket, 0, sizeof bucket);
    for (uint32_t i = 0; i < 4; i++) {
        union xdp_conn_id id = { .proto = IPPROTO_TCP, .is_ipv6 = 1 };

        make_entry(1, SECOND, &entries[i]);
        entries[i].dirs[0].id = id.word;
        if (i) {
            entries[i].more[0][i - 1] = 1;
        }
        CHECK(xdp_conn_refs_find(&index, &entries[i], 0) == XDP_CONN_NO_SLOT);
        CHECK(xdp_conn_refs_add(&index, i, 0));
        CHECK(xdp_conn_refs_find(&index, &entries[i], 0) == i);
    }
}

/* Slots are withdrawn while others are released, and are free again. */
static void
test_conns_slots(void)
{
    struct xdp_conn_slots s = XDP_CONN_SLOTS_INITIALIZER;
    struct xdp_conn_owner owners[4] = { { .slot = 0 } };
    struct xdp_conn_owner *had[4];
    uint32_t slots[4];
    uint64_t epoch;

    CHECK(!xdp_conn_slots_any_free(&s));
    CHECK(!xdp_conn_slots_end_epoch(&s, &epoch));
    CHECK(!xdp_conn_slots_release(&s, epoch, slots, had, 4));
    CHECK(xdp_conn_slots_init(&s, 4));
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(xdp_conn_slots_any_free(&s));
        CHECK(xdp_conn_slots_take(&s, &owners[i]) == i);
        CHECK(xdp_conn_slots_is_valid(&s, i));
    }
    CHECK(!xdp_conn_slots_any_free(&s) && s.n_used == 4 && s.n_valid == 4);

    /* Only the first one of an epoch is news. */
    CHECK(xdp_conn_slots_withdraw(&s, 2));
    CHECK(!xdp_conn_slots_withdraw(&s, 0));
    CHECK(!xdp_conn_slots_is_valid(&s, 2));
    CHECK(xdp_conn_slots_owner(&s, 2) == &owners[2]);
    xdp_conn_slots_forget_owner(&s, 2);
    CHECK(xdp_conn_slots_end_epoch(&s, &epoch));
    CHECK(xdp_conn_slots_withdraw(&s, 1));
    CHECK(s.n_used == 4 && s.n_valid == 1);

    /* Those of the next one stay, and none is free. */
    CHECK(xdp_conn_slots_release(&s, epoch, slots, had, 1) == 1);
    CHECK(slots[0] == 2 && !had[0]);
    CHECK(xdp_conn_slots_release(&s, epoch, &slots[1], &had[1], 3) == 1);
    CHECK(slots[1] == 0 && had[1] == &owners[0]);
    CHECK(!xdp_conn_slots_release(&s, epoch, &slots[2], had, 2));
    CHECK(xdp_conn_slots_any_withdrawn(&s) && !xdp_conn_slots_any_free(&s));
    xdp_conn_slots_free(&s, slots[0]);
    CHECK(s.n_used == 3 && s.n_valid == 1);
    CHECK(xdp_conn_slots_take(&s, &owners[2]) == 2);

    CHECK(xdp_conn_slots_end_epoch(&s, &epoch));
    CHECK(xdp_conn_slots_release(&s, epoch, slots, had, 4) == 1);
    CHECK(slots[0] == 1 && !xdp_conn_slots_any_withdrawn(&s));
    CHECK(!xdp_conn_slots_end_epoch(&s, &epoch));
    CHECK(xdp_conn_slots_withdraw(&s, 3));
    free(s.slots);
}

/* What a thread that changes attributes works on. */
struct attrs_aux {
    struct xdp_conn_owner *owner;
    atomic_bool stop;
};

/* Changes mark and label again and again, all words to the same value. */
static void *
change_attrs(void *aux_)
{
    struct attrs_aux *aux = aux_;
    bool stop = false;

    for (uint32_t i = 0; !stop; i++) {
        const uint64_t label[2] = { i, i };

        xdp_conn_table_set_attrs(aux->owner, i, label);
        if (i % 64 == 0) {
            /* A moment in which a reader gets through. */
            sched_yield();
        }
        atomic_read(&aux->stop, &stop);
    }
    return NULL;
}

/* No program sees a part of a change. */
static void
test_conns_attrs(void)
{
    struct owner owner = { .n_released = 0 };
    struct attrs_aux aux = { .owner = &owner.up };
    const volatile struct xdp_conn *e;
    uint64_t label[2] = { 5, 6 };
    struct xdp_conn entry;
    uint32_t seq;
    int n_seen = 0;
    pthread_t thread;

    CHECK(open_table());
    xdp_conn_table_set_attrs(&owner.up, 1, label);
    make_entry(1, 30 * SECOND, &entry);
    entry.mark = 3;
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_OK);
    e = xdp_conn_table_get(&owner.up);
    CHECK(e->mark == 3 && !e->label[0] && !(e->seq & 1));
    seq = e->seq;
    xdp_conn_table_set_attrs(&owner.up, 4, label);
    CHECK(e->mark == 4 && e->label[0] == 5 && e->label[1] == 6);
    CHECK(e->seq == seq + 2);
    xdp_conn_table_set_attrs(&owner.up, 4, label);
    CHECK(e->seq == seq + 2);

    label[0] = label[1] = 4;
    xdp_conn_table_set_attrs(&owner.up, 4, label);
    atomic_init(&aux.stop, false);
    thread = ovs_thread_create("attrs", change_attrs, &aux);
    for (int i = 0; i < 2000000; i++) {
        uint32_t before = e->seq, mark;
        uint64_t lo, hi;

        atomic_thread_fence(memory_order_acquire);
        mark = e->mark;
        lo = e->label[0];
        hi = e->label[1];
        atomic_thread_fence(memory_order_acquire);
        if (!(before & 1) && e->seq == before) {
            n_seen++;
            if (mark != lo || mark != hi) {
                fail("mark %u, label %llx %llx", mark,
                     (unsigned long long) lo, (unsigned long long) hi);
                break;
            }
        }
    }
    atomic_store(&aux.stop, true);
    xpthread_join(thread, NULL);
    CHECK(n_seen > 0);
    close_table();
    reclaim();
}

/* Whoever reclaims is told again of what is withdrawn meanwhile. */
static void
test_conns_seq(void)
{
    struct owner owners[3] = { { .n_released = 0 } };
    struct xdp_conn entry;
    uint64_t epoch, seq;

    CHECK(open_table());
    for (uint32_t i = 0; i < 3; i++) {
        make_entry(i, 30 * SECOND, &entry);
        CHECK(xdp_conn_table_insert(&owners[i].up, &entry, now)
              == XDP_CONN_OK);
    }
    seq = xdp_conn_table_seq();
    xdp_conn_table_withdraw(&owners[0].up);
    CHECK(xdp_conn_table_seq() != seq);

    CHECK(xdp_conn_table_begin_reclaim(&epoch));
    seq = xdp_conn_table_seq();
    xdp_conn_table_withdraw(&owners[1].up);
    CHECK(xdp_conn_table_seq() != seq);
    seq = xdp_conn_table_seq();
    xdp_conn_table_withdraw(&owners[2].up);
    CHECK(xdp_conn_table_seq() == seq);
    CHECK(!xdp_grace_wait());
    xdp_conn_table_reclaim(epoch);
    CHECK(owners[0].n_released == 1 && owners[1].n_released == 0);
    CHECK(reclaim());
    CHECK(owners[1].n_released == 1 && owners[2].n_released == 1);
    close_table();
    reclaim();
}

/* What users see. */
static void
test_conns_report(void)
{
    const ovs_be32 addresses[2][2] = {
        { htonl(0x0a000001), htonl(0x0a000002) },
        { htonl(0x0a000002), htonl(0x0a000009) },
    };
    struct ds s = DS_EMPTY_INITIALIZER;
    struct owner owner = { .n_released = 0 };
    struct xdp_conn entry;
    unsigned int zone = 5;

    make_entry(0, 30 * SECOND, &entry);
    memcpy(&entry.dirs[0].address, addresses[0], sizeof addresses[0]);
    memcpy(&entry.dirs[1].address, addresses[1], sizeof addresses[1]);
    entry.dirs[0].packets = 3;
    entry.dirs[0].bytes = 180;
    entry.dirs[1].packets = 4;
    entry.dirs[1].bytes = 240;
    entry.flags = XDP_CONN_SRC_NAT;
    entry.mark = 0xab;
    entry.label[0] = 0x12;
    xdp_conn_report_entry(&entry, now / 1000000, &s);
    CHECK(!strcmp(ds_cstr(&s),
                  "udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=2000,"
                  "packets=3,bytes=180),reply=(src=10.0.0.2,dst=10.0.0.9,"
                  "sport=2000,dport=1000,packets=4,bytes=240),zone=5,"
                  "state=established,nat=src,mark=0xab,labels=0x12,"
                  "timeout=30\n"));

    CHECK(open_table());
    entry.dirs[0].packets = 0;
    CHECK(xdp_conn_table_insert(&owner.up, &entry, now) == XDP_CONN_OK);
    ds_clear(&s);
    xdp_conn_report_all(&zone, &s);
    CHECK(!strncmp(ds_cstr(&s), "udp,orig=", 9));
    zone = 6;
    ds_clear(&s);
    xdp_conn_report_all(&zone, &s);
    CHECK(!s.length);
    close_table();
    reclaim();
    ds_destroy(&s);
}

const struct unit_case unit_conns[] = {
    { "conns", test_conns, NEED_BPF },
    { "conns-owners", test_conns_owners, NEED_BPF },
    { "conns-ambiguous", test_conns_ambiguous, NEED_BPF },
    { "conns-full", test_conns_full, NEED_BPF },
    { "conns-off", test_conns_off, NEED_BPF },
    { "conns-refs", test_conns_refs, NEED_NOTHING },
    { "conns-slots", test_conns_slots, NEED_NOTHING },
    { "conns-attrs", test_conns_attrs, NEED_BPF },
    { "conns-seq", test_conns_seq, NEED_BPF },
    { "conns-report", test_conns_report, NEED_BPF },
    { NULL, NULL, 0 }
};
