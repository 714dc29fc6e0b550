/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Classify and decide: what the hooks do with a parsed packet before anything is written. */
#pragma once

#include "bpf/count.h"
#include "bpf/service.h"
#include "bpf/track.h"

enum weir_way {
    WEIR_WAY_UNTOUCHED = 0, /* on, as it came */
    WEIR_WAY_UP = 1,        /* translated, up this host's stack */
    WEIR_WAY_OUT = 2,       /* translated, to the next hop */
    WEIR_WAY_DROP = 3,
    WEIR_WAY_V6 = 4, /* IPv4, but of a flow in IPv6's tables, and its tuple is mapped: for TC */
};

struct weir_decision {
    struct weir_flow *entry;  /* NULL: not ours, or dropped */
    struct weir_next_hop hop; /* where it goes */
    __u32 service;            /* of a drop */
    __u32 backend;            /* of a drop */
    __u8 way;                 /* enum weir_way */
    __u8 reason;              /* enum weir_drop_reason */
    __u8 opened;              /* this packet opened the flow */
    __u8 zero;
};

static __always_inline void decide_drop(struct weir_decision *decision, __u8 reason) {
    decision->way = WEIR_WAY_DROP;
    decision->reason = reason;
    if (decision->entry) {
        decision->service = decision->entry->service;
        decision->backend = decision->entry->backend;
    }
}

/*
 * What is to become of a flow that was not looked at for a second, as enum weir_on_down has it: a
 * client starts over on one that went silent. The rest is for a client's packets: an opening that
 * its backend has not answered loses nothing by another one, and the flows of a backend that was
 * removed stay, also when its id went to another. Not inlined: for the stack's sake.
 */
static __noinline __u32 ingress_look(long family, const struct weir_packet *packet,
                                     const struct weir_flow *flow) {
    const struct weir_backend *backend;
    struct weir_address to;

    if (flow_expired(flow, packet->tuple.head.protocol, packet->now))
        return WEIR_FLOWS_RESELECT;
    backend = bpf_map_lookup_elem(&backends, &flow->backend);
    entry_destination(family, flow, &to);
    if (!backend || backend->service != flow->service || flow->flags & WEIR_FLOW_REPLY ||
        backend->port != flow->dport || !nat_same_address(&backend->address, &to))
        return WEIR_FLOWS_STAY;
    if (backend->state >= WEIR_BACKEND_DOWN && flow->state == WEIR_FLOW_NEW)
        return WEIR_FLOWS_RESELECT;
    return backend->flows;
}

/* The same for any flow: also on one whose connection ended a client starts over. */
static __always_inline __u32 ingress_leaves(long family, const struct weir_packet *packet,
                                            const struct weir_flow *flow) {
    if (!(flow->flags & WEIR_FLOW_REPLY) && flow->state == WEIR_FLOW_CLOSED &&
        (packet->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN)
        return WEIR_FLOWS_RESELECT;
    return flow_due(flow, packet->now) ? ingress_look(family, packet, flow) : WEIR_FLOWS_STAY;
}

/* Whether all packets are for the programs behind these (enum weir_handover). */
static __always_inline int ingress_is_idle(void) {
    const struct weir_settings *set = settings_get();

    return set && set->handover == WEIR_HANDOVER_ALL;
}

/*
 * Whether a packet of no flow may belong to one that is still to be brought over from other tables,
 * and so is for the programs behind these.
 */
static __noinline int ingress_hands_over(const struct weir_packet *packet) {
    const struct weir_settings *set = settings_get();

    return set && set->handover == WEIR_HANDOVER_MIDSTREAM &&
           packet->tuple.head.protocol == IPPROTO_TCP &&
           (packet->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) != WEIR_TCP_SYN;
}

/* The same where there is a flow, but one that was brought over and is closed: those programs may
 * have given its tuple to another since. */
static __always_inline int ingress_distrusts(const struct weir_packet *packet,
                                             const struct weir_flow *entry) {
    return entry && entry->state == WEIR_FLOW_CLOSED && entry->flags & WEIR_FLOW_BROUGHT &&
           ingress_hands_over(packet);
}

/*
 * Whether an IPv4 packet that has no flow in IPv4's tables has one in IPv6's; its tuple is mapped
 * then. A flow that is to be left is forgotten, so that the packet opens another.
 */
static __noinline int ingress_is_in_v6(struct weir_packet *packet) {
    const struct weir_settings *set = settings_get();
    const struct weir_flow *entry;
    union weir_any_tuple key;

    if (!set || !set->changes_family || !known_tuple(WEIR_V4, &packet->tuple))
        return 0;
    nat_map_tuple(&packet->tuple, &key);
    entry = flow_find(WEIR_V6, &key);
    if (!entry)
        return 0;
    if (ingress_leaves(WEIR_V6, packet, entry) == WEIR_FLOWS_RESELECT) {
        flow_forget(WEIR_V6, &key, entry);
        return 0;
    }
    packet->tuple = key;
    return 1;
}

/* False when the entry that was made is not there. */
static __always_inline int ingress_opened(long family, const struct weir_packet *packet,
                                          struct weir_decision *decision) {
    decision->opened = 1;
    decision->entry = flow_of(family, packet);
    if (!decision->entry)
        return 0;
    count_opened(decision->service, decision->backend);
    event_flow(WEIR_EVENT_OPENED, family, packet, decision->entry);
    return 1;
}

/* A packet of no flow: it may open one. */
static __always_inline void ingress_open(long family, struct weir_packet *packet, __u8 flags,
                                         struct weir_decision *decision) {
    const struct weir_service *service;
    __u8 reason;

    if (!known_vip(family, &packet->tuple))
        return;
    service = service_find(family, &packet->tuple);
    if (!service || ingress_hands_over(packet))
        return;
    decision->service = service->id;
    reason = (__u8)service_open(family, packet, service, flags, &decision->backend);
    if (reason == WEIR_DROP_NONE) {
        if (ingress_opened(family, packet, decision))
            return;
        if (family == WEIR_V4 && ingress_is_in_v6(packet) &&
            ingress_opened(WEIR_V6, packet, decision)) {
            packet->opened = 1;
            decision->entry = NULL;
            decision->way = WEIR_WAY_V6;
            return;
        }
        reason = WEIR_DROP_FLOW_TABLE_FULL; /* evicted within this very packet */
    }
    decide_drop(decision, reason);
}

/*
 * Flow, or service and new flow, or neither. Leaves an entry, a drop, the way to IPv6's tables, or
 * nothing. `entry` is what flow_of() says; `flags` are those of a flow that it opens.
 */
static __always_inline void ingress_classify(long family, struct weir_packet *packet,
                                             struct weir_flow *entry, __u8 flags,
                                             struct weir_decision *decision) {
    __u32 leaves = entry ? ingress_leaves(family, packet, entry) : WEIR_FLOWS_STAY;

    __builtin_memset(decision, 0, sizeof(*decision));
    decision->service = WEIR_NO_SERVICE;
    decision->backend = WEIR_NO_BACKEND;
    decision->reason = WEIR_DROP_NONE;
    decision->opened = packet->opened;
    if (ingress_distrusts(packet, entry))
        return;
    if (entry && leaves == WEIR_FLOWS_RESELECT) {
        flow_forget(family, &packet->tuple, entry);
        entry = NULL;
    }
    decision->entry = entry;
    if (entry && leaves == WEIR_FLOWS_RESET)
        return decide_drop(decision, WEIR_DROP_BACKEND_DOWN);
    if (entry)
        return;
    if (family == WEIR_V6 && packet->tuple.head.mapped)
        return decide_drop(decision, WEIR_DROP_FLOW_TABLE_FULL); /* evicted since it was found */
    if (family == WEIR_V4 && ingress_is_in_v6(packet))
        decision->way = WEIR_WAY_V6;
    else if (packet->fragment != WEIR_LATER_FRAGMENT)
        ingress_open(family, packet, flags, decision);
}
