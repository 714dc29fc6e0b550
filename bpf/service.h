/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Service: does the packet open a flow to one, which backend gets it, and how it is entered. */
#pragma once

#include "bpf/flow.h"
#include "bpf/schedule.h"

/* Backends tried for a new flow before its tuple counts as taken. */
enum { WEIR_OPEN_TRIES = 4 };

static __always_inline struct weir_service *service_find_v4(const struct weir_tuple_v4 *tuple) {
    struct weir_service_key key = {
        .vip = {.bytes = {[10] = 0xff, [11] = 0xff}},
        .port = tuple->dport,
        .protocol = tuple->protocol,
    };

    __builtin_memcpy(key.vip.bytes + 12, &tuple->daddr, sizeof(tuple->daddr));
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

static __always_inline void service_translate_v4(const struct weir_tuple_v4 *tuple,
                                                 const struct weir_backend *backend,
                                                 struct weir_flow_v4 *entry) {
    struct weir_tuple_v4 to = *tuple;

    __builtin_memcpy(&to.daddr, backend->address.bytes + 12, sizeof(to.daddr));
    to.dport = backend->port;
    nat_describe_v4(tuple, &to, entry);
}

/*
 * Enters the reply direction, which claims the reply tuple for this flow alone (I4). An entry that
 * is this flow's own (its forward half was evicted) or has expired gives way; a live one does not.
 */
static __noinline enum weir_drop_reason service_claim_v4(const struct weir_tuple_v4 *tuple,
                                                         const struct weir_flow_v4 *entry,
                                                         __u64 now) {
    struct weir_tuple_v4 answer;
    struct weir_flow_v4 reverse;
    struct weir_flow_v4 *owner;
    long error;

    nat_answer_tuple_v4(entry, tuple->protocol, &answer);
    nat_reverse_v4(tuple, entry, &reverse);
    owner = flow_find_v4(&answer);
    if (owner) {
        int own = owner->saddr == reverse.saddr && owner->daddr == reverse.daddr &&
                  owner->flow.sport == reverse.flow.sport &&
                  owner->flow.dport == reverse.flow.dport;

        if (!own && !flow_expired(&owner->flow, tuple->protocol, now))
            return WEIR_DROP_TUPLE_IN_USE;
        bpf_map_delete_elem(&flows_v4, &answer);
        bpf_map_delete_elem(&flows_new_v4, &answer);
    }
    error = bpf_map_update_elem(&flows_new_v4, &answer, &reverse, BPF_NOEXIST);
    if (!error)
        return WEIR_DROP_NONE;
    return error == -17 /* EEXIST: another CPU was faster */ ? WEIR_DROP_TUPLE_IN_USE
                                                             : WEIR_DROP_FLOW_TABLE_FULL;
}

/*
 * Opens a flow. On WEIR_DROP_NONE both directions are in the table of new flows, and `entry` is the
 * forward one. `backend` is the last one considered, for the count.
 */
static __noinline enum weir_drop_reason service_open_v4(const struct weir_packet *packet,
                                                        __u32 service, __u64 now, __u32 *chosen) {
    __u32 hash = schedule_hash_v4(&packet->tuple);
    enum weir_drop_reason reason = WEIR_DROP_NO_BACKEND;

    for (int attempt = 0; attempt < WEIR_OPEN_TRIES; attempt++) {
        struct weir_flow_v4 entry = {};
        struct weir_backend *backend = service_pick(service, hash, chosen);

        if (!backend)
            return WEIR_DROP_NO_BACKEND;
        entry.flow.seen = now;
        entry.flow.next_hop.ifindex = WEIR_HOP_UNKNOWN;
        entry.flow.service = service;
        entry.flow.backend = *chosen;
        service_translate_v4(&packet->tuple, backend, &entry);
        reason = service_claim_v4(&packet->tuple, &entry, now);
        if (reason == WEIR_DROP_NONE)
            return bpf_map_update_elem(&flows_new_v4, &packet->tuple, &entry, BPF_ANY)
                       ? WEIR_DROP_FLOW_TABLE_FULL
                       : WEIR_DROP_NONE;
        if (reason != WEIR_DROP_TUPLE_IN_USE)
            return reason;
        hash = schedule_mix(hash + 1);
    }
    return reason;
}
