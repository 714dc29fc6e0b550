/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Hold: a fragment that overtakes the first one of its datagram has no ports, and so no flow. It is
 * kept, whole, in a table of fixed size. When the first one comes, both go back to the interface's
 * ingress, the first one first, and are dealt with as if they had come in order. What is not
 * claimed in time counts as a fragment without a first one when its place is taken.
 */
#pragma once

#include "bpf/count.h"
#include "bpf/flow.h"
#include "bpf/fragment.h"
#include "bpf/schedule.h"

static __always_inline __u32 hold_set(const struct weir_fragment_key *key) {
    __u32 hash = schedule_mix_address(key->id ^ key->protocol, &key->saddr);

    return schedule_mix_address(hash, &key->daddr) % WEIR_HELD_SETS * WEIR_HELD_WAYS;
}

static __always_inline int hold_same(const struct weir_fragment_key *a,
                                     const struct weir_fragment_key *b) {
    return a->id == b->id && a->protocol == b->protocol && nat_same_address(&a->saddr, &b->saddr) &&
           nat_same_address(&a->daddr, &b->daddr);
}

static __always_inline int hold_seize(struct weir_held *place, __u32 from) {
    return __sync_val_compare_and_swap(&place->state, from, WEIR_HELD_BUSY) == from;
}

static __always_inline void hold_leave(struct weir_held *place, __u32 state) {
    __sync_lock_test_and_set(&place->state, state);
}

/* A place of the set that nothing is in, or nothing that is still waited for. */
static __always_inline struct weir_held *hold_find_room(__u32 set, __u64 now) {
    for (__u32 way = 0; way < WEIR_HELD_WAYS; way++) {
        __u32 index = set + way;
        struct weir_held *place = bpf_map_lookup_elem(&held, &index);

        if (!place)
            return NULL;
        if (hold_seize(place, WEIR_HELD_FREE))
            return place;
        if (place->state == WEIR_HELD_FULL && now >= place->seen + WEIR_FRAGMENT_NS &&
            hold_seize(place, WEIR_HELD_FULL)) {
            count_drop(WEIR_DROP_FRAGMENT_ORPHAN, WEIR_NO_SERVICE, WEIR_NO_BACKEND);
            return place;
        }
    }
    return NULL;
}

/*
 * Whether the length is one that may be kept, said where it is used. Two comparisons and not
 * clang's one ("length - 14 > 1522"), of which the verifier of 6.1 makes no bounds: "invalid access
 * to map value, size=0".
 */
static __always_inline int hold_fits(__u32 *length) {
    barrier_var(*length);
    if (*length < ETH_HLEN)
        return 0;
    barrier_var(*length);
    return *length <= WEIR_HELD_FRAME;
}

/* Turns the skb into the frame that was kept, and sends a copy back to ingress. */
static __always_inline void hold_send_back(struct __sk_buff *skb, const struct weir_held *place) {
    __u32 length = place->length;

    if (bpf_skb_change_tail(skb, length, 0) || !hold_fits(&length) ||
        bpf_skb_store_bytes(skb, 0, place->frame, length, BPF_F_RECOMPUTE_CSUM) ||
        bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS))
        count_drop(WEIR_DROP_FRAGMENT_ORPHAN, WEIR_NO_SERVICE, WEIR_NO_BACKEND);
}

/*
 * Keeps the fragment. False when it cannot; a replay has no ingress to send it back to. `unnoted`:
 * its first one was not known, which it may be by now, to a CPU that found nothing to release yet.
 * Then it goes back to ingress; where the first one is known, but has no flow, it would for ever.
 */
__noinline int hold_fragment(struct __sk_buff *skb, long family, const struct weir_packet *packet,
                             int unnoted) {
    struct weir_fragment_key key;
    struct weir_held *place;
    __u32 length = skb->len;
    int kept = 0;

    if (options.replay || !packet || !hold_fits(&length))
        return 0;
    fragment_key(family, packet, &key);
    place = hold_find_room(hold_set(&key), packet->now);
    if (!place)
        return 0;
    if (hold_fits(&length) && !bpf_skb_load_bytes(skb, 0, place->frame, length)) {
        place->key = key;
        place->seen = packet->now;
        place->length = length;
        kept = 1;
    }
    hold_leave(place, kept ? WEIR_HELD_FULL : WEIR_HELD_FREE);
    if (kept && unnoted && fragment_find(&key, packet->now) && hold_seize(place, WEIR_HELD_FULL)) {
        hold_send_back(skb, place);
        hold_leave(place, WEIR_HELD_FREE);
    }
    return kept;
}

/*
 * A first fragment, which fragment_note() knows already: sends it and those that were kept for it
 * back to ingress. False when there were none; otherwise the skb is used up.
 */
__noinline int hold_release(struct __sk_buff *skb, long family, const struct weir_packet *packet) {
    struct weir_fragment_key key;
    int released = 0;
    __u32 set;

    if (options.replay || !packet)
        return 0;
    fragment_key(family, packet, &key);
    set = hold_set(&key);
    for (__u32 way = 0; way < WEIR_HELD_WAYS; way++) {
        __u32 index = set + way;
        struct weir_held *place = bpf_map_lookup_elem(&held, &index);

        if (!place)
            return released;
        /* a full barrier: either the note is seen where a fragment is kept, or that is seen here */
        if (!way)
            __sync_fetch_and_add(&place->state, 0);
        if (place->state != WEIR_HELD_FULL || !hold_same(&place->key, &key) ||
            !hold_seize(place, WEIR_HELD_FULL))
            continue;
        if (!released && bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS)) {
            hold_leave(place, WEIR_HELD_FULL);
            return 0;
        }
        released = 1;
        hold_send_back(skb, place);
        hold_leave(place, WEIR_HELD_FREE);
    }
    return released;
}
