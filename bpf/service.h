/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Service: does the packet open a flow to one, which backend gets it, and how it is entered. */
#pragma once

#include "bpf/flow.h"
#include "bpf/latency.h"
#include "bpf/pick.h"

/* SNAT ports tried towards one backend, from a random one on; the first of them must be free. */
enum { WEIR_SNAT_TRIES = 128, WEIR_SNAT_FREE_TRIES = 16 };

/* From one try to the next: not the neighbour, which is taken more often than others. A prime that
 * is larger than any pool, so that every port has its turn. */
enum { WEIR_SNAT_STEP = 4194301 };
_Static_assert(WEIR_SNAT_STEP > WEIR_MAX_SNAT * 65535, "a step may be a pool's multiple");

/* <errno.h> is none of BPF's headers */
enum { WEIR_EEXIST = 17 };

static __always_inline struct weir_opening *service_opening(void) {
    __u32 zero = 0;

    return bpf_map_lookup_elem(&opening, &zero);
}

static __always_inline struct weir_service *service_find(int family,
                                                         const union weir_any_tuple *tuple) {
    struct weir_service_key key = {.port = tuple->head.dport, .protocol = tuple->head.protocol};

    nat_destination(family, tuple, &key.vip);
    return bpf_map_lookup_elem(&services, &key);
}

/* Whether the owner of a reply tuple that is wanted is done with it. Where ports are short, that is
 * so as soon as its connection is over and a second has passed without a packet of it: of those in
 * the other direction an entry hears within three. */
static __always_inline int service_is_over(const struct weir_opening *o,
                                           const struct weir_flow *owner) {
    return flow_expired(owner, o->answer.head.protocol, o->now) ||
           (o->urgent && owner->state == WEIR_FLOW_CLOSED &&
            o->now >= owner->seen + 4ULL * WEIR_REFRESH_NS);
}

/* Both directions of the flow that owns the reply tuple: its client's packets lead to where those
 * of the new flow do. The key is no variable, for the stack's sake. */
static __always_inline void service_end(struct weir_opening *o, int family,
                                        const struct weir_flow *owner) {
    __u8 other = owner->family;
    const struct weir_flow *peer;

    nat_answer_tuple(owner, o->answer.head.protocol, &o->old);
    peer = flow_find(other, &o->old);
    if (peer && flow_same_target(peer, &o->flow))
        flow_delete(other, &o->old);
    flow_delete(family, &o->answer);
}

/*
 * Claims the reply tuple for this flow alone (I4). An entry that is this flow's own (its forward
 * half was evicted) or that is over gives way; a live one does not.
 */
static __always_inline enum weir_drop_reason service_claim(struct weir_opening *o, int family) {
    const struct weir_flow *owner = flow_find(family, &o->answer);
    long error;

    if (owner) {
        if (flow_same_target(owner, &o->reply))
            flow_delete(family, &o->answer);
        else if (service_is_over(o, owner))
            service_end(o, family, owner);
        else
            return WEIR_DROP_TUPLE_IN_USE;
    }
    error = bpf_map_update_elem(flow_new_table(family), &o->answer, &o->reply, BPF_NOEXIST);
    if (!error)
        return WEIR_DROP_NONE;
    if (error != -WEIR_EEXIST)
        return WEIR_DROP_FLOW_TABLE_FULL;
    /* another CPU was faster: with another packet of this very flow, or with another flow */
    owner = flow_find(family, &o->answer);
    return owner && flow_same_target(owner, &o->reply) ? WEIR_DROP_NONE : WEIR_DROP_TUPLE_IN_USE;
}

/*
 * Enters both directions of the flow that is being opened, the reply first. A global function, as
 * others here: the verifier looks at it once, and not for each try.
 */
__noinline int service_enter(void) {
    struct weir_opening *o = service_opening();
    enum weir_drop_reason reason;
    struct weir_flow *flow;
    long error;

    if (!o)
        return WEIR_DROP_FLOW_TABLE_FULL;
    flow = &o->flow;
    nat_measure(o->family, &o->tuple, flow);
    /* what was read is read again: kept, it would take stack ("combined stack size", 6.1) */
    barrier();
    nat_answer_tuple(flow, o->tuple.head.protocol, &o->answer);
    o->reply = *flow;
    nat_turn(o->family, &o->tuple, &o->reply);
    o->reply.ack = o->midstream ? 0 : latency_stamp(o->now);
    reason = service_claim(o, flow->family);
    if (reason != WEIR_DROP_NONE)
        return reason;
    error = bpf_map_update_elem(flow_new_table(o->family), &o->tuple, flow, BPF_NOEXIST);
    /* another CPU was faster: its entry holds, and a port that this one claimed comes free in time
     */
    return error && error != -WEIR_EEXIST ? WEIR_DROP_FLOW_TABLE_FULL : WEIR_DROP_NONE;
}

/*
 * One address and port of the pool, counted from o->first. After a few tries, or where the pool
 * ends, those whose connection is over count as well, and the pool is gone through once more.
 */
static __always_inline int snat_choose(struct weir_opening *o, const struct weir_settings *set,
                                       __u32 index) {
    __u32 base = o->flow.family == WEIR_V4 ? 0 : WEIR_MAX_SNAT;
    __u32 addresses = o->flow.family == WEIR_V4 ? set->snat_v4 : set->snat_v6;
    __u32 all = (o->snat == WEIR_SNAT_HAIRPIN ? 1 : addresses) * set->snat_ports;
    __u32 patience = all < WEIR_SNAT_FREE_TRIES ? all : WEIR_SNAT_FREE_TRIES;
    const struct weir_address *address;
    __u32 place;

    if (index >= patience + all || all == 0 || set->snat_ports == 0)
        return 0;
    o->urgent = index >= patience;
    place = (o->first + index * WEIR_SNAT_STEP) % all;
    base += place / set->snat_ports;
    o->flow.sport = bpf_htons((__u16)(set->snat_port_first + place % set->snat_ports));
    if (o->snat == WEIR_SNAT_HAIRPIN) {
        o->flow.saddr = o->source;
        return 1;
    }
    address = bpf_map_lookup_elem(&snat_addresses, &base);
    if (address)
        o->flow.saddr = *address;
    return address != NULL;
}

/* For bpf_loop(): 0 goes on. */
static long snat_try(__u32 index, void *unused) {
    const struct weir_settings *set = settings_get();
    struct weir_opening *o = service_opening();

    (void)unused;
    if (!o || !set)
        return 1;
    o->reason = WEIR_DROP_SNAT_EXHAUSTED;
    if (!snat_choose(o, set, index))
        return 1;
    o->reason = (__u8)service_enter();
    if (o->reason != WEIR_DROP_TUPLE_IN_USE)
        return 1;
    o->reason = WEIR_DROP_SNAT_EXHAUSTED;
    return 0;
}

/* To the backend o->pick.backend. */
static __always_inline enum weir_drop_reason service_open_to(struct weir_opening *o,
                                                             const struct weir_backend *backend) {
    struct weir_flow *flow = &o->flow;

    __builtin_memset(flow, 0, sizeof(*flow));
    flow->seen = o->now;
    flow->service = backend->service;
    flow->backend = o->pick.backend;
    flow->next_hop.ifindex = WEIR_HOP_UNKNOWN;
    flow->flags = o->flags;
    flow->daddr = backend->address;
    flow->dport = backend->port;
    flow->family = nat_family_of(&backend->address);
    o->urgent = 0;
    if (o->snat == WEIR_SNAT_NONE) {
        flow->saddr = o->pick.client.address;
        flow->sport = o->tuple.head.sport;
        return (enum weir_drop_reason)service_enter();
    }
    bpf_loop(WEIR_SNAT_TRIES, snat_try, NULL, 0);
    return (enum weir_drop_reason)o->reason;
}

/* Whose address the backend sees. */
static __always_inline void service_choose_snat(struct weir_opening *o) {
    const __u32 *is_backend = bpf_map_lookup_elem(&backend_addresses, &o->pick.client.address);

    o->snat = o->pick.service.mode == WEIR_MODE_FULLNAT ? WEIR_SNAT_POOL
              : is_backend                              ? WEIR_SNAT_HAIRPIN
                                                        : WEIR_SNAT_NONE;
    if (o->snat == WEIR_SNAT_NONE)
        return;
    /* a replay is to be the same every time */
    o->first = options.replay ? o->pick.hash : bpf_get_prandom_u32();
    o->first &= 0x7fffffff; /* so that adding to it does not overflow */
}

/*
 * What leads to a slot. A segment from the middle of a connection goes by a hash whatever the
 * scheduler, so that all of them, here and on another node, find one backend.
 */
static __always_inline void service_set_hash(struct weir_opening *o, int family,
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
    struct weir_opening *o = service_opening();

    (void)index;
    (void)unused;
    return o ? pick_try_slot(&o->pick) : 1;
}

/* For bpf_loop(): 0 goes on. */
static long service_weigh(__u32 index, void *unused) {
    struct weir_opening *o = service_opening();

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

/*
 * Opens a flow. On WEIR_DROP_NONE both directions are in the table of new flows. `chosen` is the
 * last backend that was considered, for the count. A global function: the verifier looks at it
 * once.
 */
__noinline int service_open(int family, const struct weir_packet *packet,
                            const struct weir_service *service, __u32 flags, __u32 *chosen) {
    struct weir_opening *o = service_opening();
    enum weir_drop_reason reason;

    if (!o || !packet || !service || !chosen)
        return WEIR_DROP_FLOW_TABLE_FULL;
    o->tuple = packet->tuple;
    o->pick.service = *service;
    o->family = (__u8)family;
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
    service_choose_snat(o);
    reason = service_schedule(o);
    *chosen = o->pick.backend;
    return reason;
}
