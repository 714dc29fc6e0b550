/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Service: does the packet open a flow to one, and which backend and SNAT port does it get. */
#pragma once

#include "bpf/claim.h"
#include "bpf/pick.h"
#include "bpf/snat.h"

static __always_inline struct weir_service *service_find(long family,
                                                         const union weir_any_tuple *tuple) {
    struct weir_service_key key = {.port = tuple->head.dport, .protocol = tuple->head.protocol};

    nat_destination(family, tuple, &key.vip);
    return bpf_map_lookup_elem(&services, &key);
}

/* For bpf_loop(): 0 goes on. */
static long snat_try(__u32 index, void *unused) {
    const struct weir_settings *set = settings_get();
    struct weir_opening *o = opening_get();

    (void)unused;
    if (!o || !set)
        return 1;
    o->reason = WEIR_DROP_SNAT_EXHAUSTED;
    if (!snat_choose(o, set, index))
        return 1;
    o->reason = (__u8)claim_enter();
    if (o->reason != WEIR_DROP_TUPLE_IN_USE)
        return 1;
    o->reason = WEIR_DROP_SNAT_EXHAUSTED;
    return 0;
}

/* Whose tables the flow is in, and the packet's key there. */
static __always_inline void service_set_family(struct weir_opening *o,
                                               const struct weir_backend *backend) {
    __u8 family;

    o->to = nat_family_of(&backend->address);
    family = o->to == WEIR_V4 ? o->wire : WEIR_V6;
    if (family == o->family)
        return;
    o->family = family;
    if (family == WEIR_V4)
        nat_unmap_tuple(&o->tuple);
    else
        nat_map_tuple(&o->tuple, &o->tuple);
}

/* To the backend o->pick.backend. */
static __always_inline enum weir_drop_reason service_open_to(struct weir_opening *o,
                                                             const struct weir_backend *backend) {
    struct weir_flow *flow = &o->flow.flow;

    service_set_family(o, backend);
    __builtin_memset(&o->flow, 0, sizeof(o->flow));
    flow->refreshed = (__u32)(o->now >> WEIR_TICK_SHIFT);
    flow->service = backend->service;
    flow->backend = o->pick.backend;
    flow->next_hop.ifindex = WEIR_HOP_UNKNOWN;
    flow->flags = o->flags;
    flow->dport = backend->port;
    if (o->family == WEIR_V6 && o->to == WEIR_V4)
        flow->flags |= WEIR_FLOW_TO_V4;
    entry_set_destination(o->family, &o->flow, &backend->address);
    o->urgent = 0;
    if (o->snat == WEIR_SNAT_NONE) {
        entry_set_source(o->family, &o->flow, &o->pick.client.address);
        flow->sport = o->tuple.head.sport;
        return (enum weir_drop_reason)claim_enter();
    }
    bpf_loop(SNAT_TRIES, snat_try, NULL, 0);
    return (enum weir_drop_reason)o->reason;
}

/*
 * What leads to a slot. A segment from the middle of a connection goes by a hash whatever the
 * scheduler, so that all of them, here and on another node, find one backend.
 */
static __always_inline void service_set_hash(struct weir_opening *o, long family,
                                             const struct weir_packet *packet) {
    __u8 scheduler = o->pick.service.scheduler;

    o->midstream =
        packet->tuple.head.protocol == IPPROTO_TCP && !(packet->tcp_flags & WEIR_TCP_SYN);
    o->pick.in_turn = 0;
    if (scheduler == WEIR_SCHEDULE_SOURCE) {
        o->pick.hash = family == WEIR_V4 ? schedule_source_hash(WEIR_V4, &packet->tuple)
                                         : schedule_source_hash(WEIR_V6, &packet->tuple);
        return;
    }
    o->pick.hash = family == WEIR_V4 ? schedule_hash(WEIR_V4, &packet->tuple)
                                     : schedule_hash(WEIR_V6, &packet->tuple);
    if (o->midstream)
        o->pick.service.scheduler = WEIR_SCHEDULE_TUPLE;
    else if (scheduler != WEIR_SCHEDULE_TUPLE && scheduler != WEIR_SCHEDULE_TURN && !options.replay)
        o->pick.hash = bpf_get_prandom_u32(); /* a replay is to be the same every time */
}

/* For bpf_loop(): 0 goes on. */
static long service_try_slot(__u32 index, void *unused) {
    struct weir_opening *o = opening_get();

    (void)index;
    (void)unused;
    return o ? pick_try_slot(&o->pick) : 1;
}

/* For bpf_loop(): 0 goes on. */
static long service_weigh(__u32 index, void *unused) {
    struct weir_opening *o = opening_get();

    (void)unused;
    return o ? pick_weigh(&o->pick, index) : 1;
}

/* One try: with the backend of the client's affinity, or that of the hash. */
static __always_inline enum weir_drop_reason service_attempt(struct weir_opening *o,
                                                             int from_ring) {
    const struct weir_backend *backend = pick_check(&o->pick, from_ring, o->now);
    enum weir_drop_reason reason;

    if (!backend)
        return (enum weir_drop_reason)o->pick.reason;
    reason = service_open_to(o, backend);
    if (reason != WEIR_DROP_NONE)
        return reason;
    admit_count(o->pick.backend);
    if (o->pick.service.affinity_s)
        admit_remember(&o->pick.client, o->pick.backend, o->now);
    return WEIR_DROP_NONE;
}

/* The affinity's backend first, if there is one; then that which the scheduler picks, and when it
 * refuses, others. */
static __always_inline enum weir_drop_reason service_schedule(struct weir_opening *o) {
    enum weir_drop_reason reason = WEIR_DROP_NO_BACKEND;
    int from_ring = 1;

    if (o->pick.service.affinity_s) {
        o->pick.backend = admit_affinity(&o->pick.client, o->pick.service.affinity_s, o->now);
        from_ring = o->pick.backend == WEIR_NO_BACKEND;
    }
    if (from_ring)
        o->pick.backend = pick_scheduled(&o->pick, service_weigh, NULL);
    for (int attempt = 0; attempt < WEIR_OPEN_TRIES; attempt++) {
        if (o->pick.backend == WEIR_NO_BACKEND)
            return WEIR_DROP_NO_BACKEND;
        reason = service_attempt(o, from_ring);
        if (reason == WEIR_DROP_NONE || reason == WEIR_DROP_FLOW_TABLE_FULL ||
            (reason == WEIR_DROP_NO_BACKEND && from_ring) ||
            !pick_other(&o->pick, service_try_slot, NULL))
            return reason;
        from_ring = 1;
    }
    return reason;
}

/* What service_open() took of the limits, when it could open nothing and the next hook tries. */
static __always_inline void service_take_back(void) {
    const struct weir_opening *o = opening_get();

    if (o)
        admit_take_back(&o->pick.service, &o->pick.client);
}

/*
 * Opens a flow. On WEIR_DROP_NONE both directions are in the table of new flows. `chosen` is the
 * last backend that was considered, for the count. A global function: the verifier looks at it
 * once.
 */
__noinline int service_open(long family, const struct weir_packet *packet,
                            const struct weir_service *service, __u32 flags, __u32 *chosen) {
    struct weir_opening *o = opening_get();
    enum weir_drop_reason reason;

    if (!o || !packet || !service || !chosen)
        return WEIR_DROP_FLOW_TABLE_FULL;
    o->tuple = packet->tuple;
    o->pick.service = *service;
    o->family = (__u8)family;
    o->wire = (__u8)family;
    o->flags = (__u8)flags;
    o->now = packet->now;
    o->pick.backend = WEIR_NO_BACKEND;
    o->pick.client.service = service->id;
    nat_source(family, &packet->tuple, &o->pick.client.address);
    nat_destination(family, &packet->tuple, &o->source);
    if (bpf_map_lookup_elem(&vips, &o->pick.client.address))
        return WEIR_DROP_SOURCE_DENIED; /* two services would answer each other for ever */
    reason = admit_flow(service, &o->pick.client.address, packet->now);
    if (reason != WEIR_DROP_NONE)
        return reason;
    service_set_hash(o, family, packet);
    snat_decide(o);
    reason = service_schedule(o);
    *chosen = o->pick.backend;
    return reason;
}
