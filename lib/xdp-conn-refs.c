/* SPDX-License-Identifier: Apache-2.0 */
/* See xdp-conn-refs.h. */

#include <config.h>

#include "xdp-conn-refs.h"

#include <string.h>

#include "ovs-atomic.h"
#include "util.h"

/* Bits of a reference that say where it leads. */
#define REF_MASK ((UINT32_C(1) << XDP_CONN_REF_BITS) - 1)

/* Returns the logarithm of the number of buckets for 'n_conns' connections:
 * each has two references, and on average there are two in a half. */
uint32_t
xdp_conn_refs_bits(uint32_t n_conns)
{
    return n_conns > 2 ? log_2_ceil((n_conns + 1) / 2) : 0;
}

/* Returns where references to direction 'dir' of 'entry' are. */
static struct xdp_conn_place
get_place(const struct xdp_conn_index *index, const struct xdp_conn *entry,
          int dir)
{
    const union xdp_conn_id id = { .word = entry->dirs[dir].id };
    uint64_t hash = xdp_conn_hash(id.word, entry->dirs[dir].address,
                                  entry->more[dir], id.is_ipv6,
                                  (const __u64 *) index->secret);

    return xdp_conn_place(hash, index->bits);
}

/* Returns the half 'half' of the bucket of 'place'. */
static uint32_t *
get_half(const struct xdp_conn_index *index,
         const struct xdp_conn_place *place, uint32_t half)
{
    return index->buckets[place->bucket].refs[half];
}

/* Returns true if direction 'a_dir' of 'a' has the tuple of 'b_dir' of 'b'. */
static bool
same_tuple(const struct xdp_conn *a, int a_dir,
           const struct xdp_conn *b, int b_dir)
{
    return (a->dirs[a_dir].id == b->dirs[b_dir].id
            && a->dirs[a_dir].address == b->dirs[b_dir].address
            && !memcmp(a->more[a_dir], b->more[b_dir], sizeof a->more[0]));
}

/* Returns a reference to 'dir' of 'slot' with 'tag'. */
static uint32_t
make_ref(uint32_t slot, int dir, uint32_t tag)
{
    return tag | (2 * slot + dir + 1);
}

/* Returns the slot that has the tuple of direction 'dir' of 'entry', or
 * XDP_CONN_NO_SLOT. */
uint32_t
xdp_conn_refs_find(const struct xdp_conn_index *index,
                   const struct xdp_conn *entry, int dir)
{
    struct xdp_conn_place place = get_place(index, entry, dir);

    for (uint32_t half = 0; half < 2; half++) {
        const uint32_t *refs = get_half(index, &place, half);

        for (size_t i = 0; i < XDP_CONN_REFS; i++) {
            uint32_t where = (refs[i] & REF_MASK) - 1;

            if (refs[i] && (refs[i] & ~REF_MASK) == place.tag
                && same_tuple(&index->entries[where / 2], where & 1,
                              entry, dir)) {
                return where / 2;
            }
        }
    }
    return XDP_CONN_NO_SLOT;
}

/* Returns false if no slot has a tuple of 'entry', after everything that the
 * caller has written can be seen.  If it returns true, one may.  The caller
 * need not have the lock. */
bool
xdp_conn_refs_may_find(const struct xdp_conn_index *index,
                       const struct xdp_conn *entry)
{
    struct xdp_conn_place places[2];

    /* Most of the time is spent waiting for memory: for all at a time. */
    for (int dir = 0; dir < 2; dir++) {
        places[dir] = get_place(index, entry, dir);
        OVS_PREFETCH(&index->buckets[places[dir].bucket]);
    }
    atomic_thread_fence(memory_order_seq_cst);
    for (int dir = 0; dir < 2; dir++) {
        for (uint32_t half = 0; half < 2; half++) {
            const uint32_t *refs = get_half(index, &places[dir], half);

            for (size_t i = 0; i < XDP_CONN_REFS; i++) {
                uint32_t ref = __atomic_load_n(&refs[i], __ATOMIC_RELAXED);

                if (ref && (ref & ~REF_MASK) == places[dir].tag) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* Returns where a reference with the tag of 'place' can be added to its half
 * 'half', or NULL. */
static uint32_t *
find_room(const struct xdp_conn_index *index,
          const struct xdp_conn_place *place, uint32_t half)
{
    uint32_t *refs = get_half(index, place, half);
    uint32_t *room = NULL;

    for (size_t i = 0; i < XDP_CONN_REFS; i++) {
        if (!refs[i]) {
            room = room ? room : &refs[i];
        } else if ((refs[i] & ~REF_MASK) == place->tag) {
            return NULL;
        }
    }
    return room;
}

/* Lets programs find direction 'dir' of 'slot'.  Returns false if there is no
 * room. */
bool
xdp_conn_refs_add(const struct xdp_conn_index *index, uint32_t slot, int dir)
{
    struct xdp_conn_place place = get_place(index, &index->entries[slot], dir);
    uint32_t *room = find_room(index, &place, place.half);

    if (!room) {
        room = find_room(index, &place, !place.half);
    }
    if (!room) {
        return false;
    }
    __atomic_store_n(room, make_ref(slot, dir, place.tag), __ATOMIC_RELEASE);
    return true;
}

/* Takes the reference to direction 'dir' of 'slot' away, if there is one. */
void
xdp_conn_refs_remove(const struct xdp_conn_index *index, uint32_t slot,
                     int dir)
{
    struct xdp_conn_place place = get_place(index, &index->entries[slot], dir);
    uint32_t ref = make_ref(slot, dir, place.tag);

    for (uint32_t half = 0; half < 2; half++) {
        uint32_t *refs = get_half(index, &place, half);

        for (size_t i = 0; i < XDP_CONN_REFS; i++) {
            if (refs[i] == ref) {
                __atomic_store_n(&refs[i], 0, __ATOMIC_RELAXED);
                return;
            }
        }
    }
}
