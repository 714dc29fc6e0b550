/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Service: does the packet open a flow to one, which backend gets it, and how it is entered. */
#pragma once

#include "bpf/flow.h"
#include "bpf/schedule.h"

/* Backends tried for a new flow before its tuple counts as taken. */
enum { WEIR_OPEN_TRIES = 4 };

/* <errno.h> is none of BPF's headers */
enum { WEIR_EEXIST = 17 };

static __always_inline struct weir_service *service_find(enum weir_family family,
                                                         const union weir_any_tuple *tuple) {
    struct weir_service_key key = {.port = tuple->head.dport, .protocol = tuple->head.protocol};

    if (family == WEIR_V4) {
        key.vip.words[2] = bpf_htonl(0xffff);
        key.vip.words[3] = tuple->v4.daddr;
    } else {
        key.vip = tuple->v6.daddr;
    }
    return bpf_map_lookup_elem(&services, &key);
}

/* The backend in the ring's slot for `hash`; NULL when the ring is empty or names none. */
static __always_inline struct weir_backend *service_pick(__u32 service, __u32 hash, __u32 *id) {
    void *ring = bpf_map_lookup_elem(&rings, &service);
    __u32 slot = 0;
    __u32 *value;

    if (!ring)
        return NULL;
    value = bpf_map_lookup_elem(ring, &slot);
    if (!value || *value == 0)
        return NULL;
    slot = schedule_slot(hash, *value);
    value = bpf_map_lookup_elem(ring, &slot);
    if (!value)
        return NULL;
    *id = *value;
    return bpf_map_lookup_elem(&backends, id);
}

/*
 * Claims the reply tuple for this flow alone (I4). An entry that is this flow's own (its forward
 * half was evicted) or has expired gives way; a live one does not.
 */
static __always_inline enum weir_drop_reason service_claim(enum weir_family family,
                                                           const union weir_any_tuple *answer,
                                                           const union weir_any_flow *reply,
                                                           __u64 now) {
    const union weir_any_flow *owner = flow_find(family, answer);
    long error;

    if (owner) {
        if (!flow_same_target(family, owner, reply) &&
            !flow_expired(&owner->flow, answer->head.protocol, now))
            return WEIR_DROP_TUPLE_IN_USE;
        flow_delete(family, answer);
    }
    error = bpf_map_update_elem(flow_new_table(family), answer, reply, BPF_NOEXIST);
    if (!error)
        return WEIR_DROP_NONE;
    if (error != -WEIR_EEXIST)
        return WEIR_DROP_FLOW_TABLE_FULL;
    /* another CPU was faster: with another packet of this very flow, or with another flow */
    owner = flow_find(family, answer);
    return owner && flow_same_target(family, owner, reply) ? WEIR_DROP_NONE
                                                           : WEIR_DROP_TUPLE_IN_USE;
}

/*
 * Enters both directions of a flow to `backend`, the reply first. One entry on the stack serves for
 * both: with two, IPv6 runs into "combined stack size of 3 calls is 560. Too large".
 */
static __always_inline enum weir_drop_reason service_enter(enum weir_family family,
                                                           const union weir_any_tuple *tuple,
                                                           const struct weir_backend *backend,
                                                           __u32 id, __u64 now) {
    union weir_any_flow entry = {};
    union weir_any_tuple answer;
    enum weir_drop_reason reason;

    entry.flow.seen = now;
    entry.flow.service = backend->service;
    entry.flow.backend = id;
    nat_to_backend(family, tuple, backend, &entry);
    nat_answer_tuple(family, &entry, tuple->head.protocol, &answer);
    nat_turn(family, tuple, &entry);
    reason = service_claim(family, &answer, &entry, now);
    if (reason != WEIR_DROP_NONE)
        return reason;
    nat_to_backend(family, tuple, backend, &entry);
    return bpf_map_update_elem(flow_new_table(family), tuple, &entry, BPF_ANY)
               ? WEIR_DROP_FLOW_TABLE_FULL
               : WEIR_DROP_NONE;
}

/*
 * Opens a flow. On WEIR_DROP_NONE both directions are in the table of new flows. `chosen` is the
 * last backend that was considered, for the count.
 */
static __always_inline enum weir_drop_reason service_open(enum weir_family family,
                                                          const union weir_any_tuple *tuple,
                                                          __u32 service, __u64 now, __u32 *chosen) {
    __u32 hash = schedule_hash(family, tuple);
    enum weir_drop_reason reason = WEIR_DROP_NO_BACKEND;

    for (int attempt = 0; attempt < WEIR_OPEN_TRIES; attempt++) {
        const struct weir_backend *backend = service_pick(service, hash, chosen);

        if (!backend)
            return WEIR_DROP_NO_BACKEND;
        reason = service_enter(family, tuple, backend, *chosen, now);
        if (reason != WEIR_DROP_TUPLE_IN_USE)
            return reason;
        hash = schedule_mix(hash + 1);
    }
    return reason;
}

static __noinline enum weir_drop_reason service_open_v4(const union weir_any_tuple *tuple,
                                                        __u32 service, __u64 now, __u32 *chosen) {
    return service_open(WEIR_V4, tuple, service, now, chosen);
}

static __noinline enum weir_drop_reason service_open_v6(const union weir_any_tuple *tuple,
                                                        __u32 service, __u64 now, __u32 *chosen) {
    return service_open(WEIR_V6, tuple, service, now, chosen);
}
