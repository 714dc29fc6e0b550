/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Pick: which backend of a service the next flow gets, whether that is opened by a packet
 * (service.h) or by a program's connect() or sendmsg() (socket_choose.h). The two keep what is
 * being picked in different places, so the callbacks of bpf_loop() are theirs.
 */
#pragma once

#include "bpf/admit.h"
#include "bpf/schedule.h"

/* Backends tried for a new flow before the last one's answer counts. */
enum { WEIR_OPEN_TRIES = 4 };

/* Slots of the ring that are looked at for another backend than the one that refused. */
enum { WEIR_SLOT_TRIES = 32 };

/* Backends that least-conn weighs for one flow, from a random one on. */
enum { WEIR_LEAST_TRIES = 32 };

typedef long (*pick_callback)(__u32 index, void *context);

/*
 * The ring of a service. This key and those below are copies: Linux 6.1 takes none from what a
 * global function has a pointer to (socket_pick(): "R2 type=mem expected=fp, pkt, pkt_meta,
 * map_key, map_value"). They can go with 6.1.
 */
static __always_inline void *pick_ring(const struct weir_pick *p) {
    __u32 id = p->service.id;

    return bpf_map_lookup_elem(&rings, &id);
}

/* The backend in the slot that p->hash leads to; WEIR_NO_BACKEND when the ring is empty. */
static __always_inline __u32 pick_from_ring(const struct weir_pick *p) {
    void *ring = pick_ring(p);
    __u32 slot = 0;
    __u32 *value;

    if (!ring)
        return WEIR_NO_BACKEND;
    value = bpf_map_lookup_elem(ring, &slot);
    if (!value || *value == 0)
        return WEIR_NO_BACKEND;
    slot = p->in_turn ? 1 + p->hash % *value : schedule_slot(p->hash, *value);
    value = bpf_map_lookup_elem(ring, &slot);
    return value ? *value : WEIR_NO_BACKEND;
}

/* One try of pick_other(); 0: try again. */
static __always_inline long pick_try_slot(struct weir_pick *p) {
    __u32 picked;

    p->in_turn = 0;
    p->hash = schedule_mix(p->hash + 1);
    picked = pick_from_ring(p);
    if (picked == p->backend)
        return 0;
    p->backend = picked;
    return 1;
}

/* Another backend than p->backend, which has refused. False when there seems to be none.
 * `try_slot` calls pick_try_slot(). */
static __always_inline int pick_other(struct weir_pick *p, pick_callback try_slot, void *context) {
    __u32 refused = p->backend;

    bpf_loop(WEIR_SLOT_TRIES, try_slot, context, 0);
    return p->backend != refused;
}

/*
 * Weighs the backend in a slot of a least-conn ring, which has one for each backend, against the
 * best so far; 0: go on.
 */
static __always_inline long pick_weigh(struct weir_pick *p, __u32 index) {
    const struct weir_backend *backend;
    __u32 *value, slot = 0;
    void *ring;
    __s64 flows;

    ring = pick_ring(p);
    value = ring ? bpf_map_lookup_elem(ring, &slot) : NULL;
    if (!value || index >= *value)
        return 1;
    slot = 1 + (p->hash % *value + index) % *value;
    value = bpf_map_lookup_elem(ring, &slot);
    backend = value ? bpf_map_lookup_elem(&backends, value) : NULL;
    if (!backend)
        return 0;
    flows = admit_flows_of(*value);
    if (p->backend == WEIR_NO_BACKEND ||
        (flows + 1) * p->weight < ((__s64)p->flows + 1) * backend->weight) {
        p->backend = *value;
        p->flows = (__s32)flows;
        p->weight = backend->weight;
    }
    return 0;
}

/* A turn is taken where it decides: a client with an affinity leaves it to the next one. */
static __always_inline void pick_take_turn(struct weir_pick *p) {
    __u32 id = p->service.id;
    __u32 *turn = bpf_map_lookup_elem(&turns, &id);

    if (!turn)
        return;
    p->in_turn = 1;
    p->hash = __sync_fetch_and_add(turn, 1);
}

/* What the scheduler says. `weigh` calls pick_weigh(). */
static __always_inline __u32 pick_scheduled(struct weir_pick *p, pick_callback weigh,
                                            void *context) {
    if (p->service.scheduler == WEIR_SCHEDULE_TURN)
        pick_take_turn(p);
    if (p->service.scheduler != WEIR_SCHEDULE_LEAST)
        return pick_from_ring(p);
    p->backend = WEIR_NO_BACKEND;
    bpf_loop(WEIR_LEAST_TRIES, weigh, context, 0);
    return p->backend;
}

/* The backend p->backend, or NULL, and in p->reason why it takes no flow. */
static __always_inline const struct weir_backend *pick_check(struct weir_pick *p, int from_ring,
                                                             __u64 now) {
    __u32 id = p->backend;
    const struct weir_backend *backend = bpf_map_lookup_elem(&backends, &id);

    p->reason = WEIR_DROP_NO_BACKEND;
    /* the ring is right about who takes new flows; affinity knows nothing of it */
    if (!backend || backend->service != p->service.id ||
        (!from_ring && (backend->state != WEIR_BACKEND_ACTIVE || !backend->weight)))
        return NULL;
    p->reason = WEIR_DROP_BACKEND_FULL;
    if (p->service.flows_per_backend &&
        admit_backend_full(p->backend, p->service.flows_per_backend, now))
        return NULL;
    return backend;
}
