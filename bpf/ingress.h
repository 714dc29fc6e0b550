/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Classify and decide: what both ingress hooks do with a parsed packet before anything is written.
 */
#pragma once

#include "bpf/count.h"
#include "bpf/service.h"
#include "bpf/track.h"

struct weir_decision {
    union weir_any_flow *entry; /* NULL: not ours, or dropped */
    struct weir_next_hop hop;   /* where it goes, if entry */
    __u32 service;              /* of a drop */
    __u32 backend;              /* of a drop */
    __u8 reason;                /* enum weir_drop_reason */
    __u8 opened;                /* this packet opened the flow */
    __u8 untouched;             /* to the stack, as it came */
};

/* A client that starts over on a tuple whose last connection ended or went silent. */
static __always_inline int ingress_starts_over(const struct weir_packet *packet,
                                               const struct weir_flow *flow) {
    if (flow_expired(flow, packet->tuple.head.protocol, packet->now))
        return 1;
    return flow->direction == WEIR_FORWARD && flow->state == WEIR_FLOW_CLOSING &&
           (packet->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN;
}

/* Flow, or service and new flow, or neither. */
static __always_inline void ingress_classify(enum weir_family family,
                                             const struct weir_packet *packet,
                                             struct weir_decision *decision) {
    union weir_any_flow *entry = flow_find(family, &packet->tuple);
    struct weir_service *service;

    decision->reason = WEIR_DROP_NONE;
    decision->opened = 0;
    decision->untouched = 0;
    decision->service = WEIR_NO_SERVICE;
    decision->backend = WEIR_NO_BACKEND;
    if (entry && ingress_starts_over(packet, &entry->flow)) {
        flow_forget(family, &packet->tuple, entry);
        entry = NULL;
    }
    if (!entry) {
        service = service_find(family, &packet->tuple);
        if (service) {
            decision->service = service->id;
            decision->reason =
                (__u8)(family == WEIR_V4 ? service_open_v4(&packet->tuple, service->id, packet->now,
                                                           &decision->backend)
                                         : service_open_v6(&packet->tuple, service->id, packet->now,
                                                           &decision->backend));
            decision->opened = decision->reason == WEIR_DROP_NONE;
        }
        if (decision->opened)
            entry = bpf_map_lookup_elem(flow_new_table(family), &packet->tuple);
        if (decision->opened && !entry)
            decision->reason = WEIR_DROP_FLOW_TABLE_FULL; /* evicted within this very packet */
    }
    decision->entry = entry;
}

/*
 * Finds the way on. May drop, or leave the packet as it came to the stack:
 * - a reply that this hook cannot forward: with the VIP as its source the stack might refuse it, so
 *   it is translated on its way out, at TC egress;
 * - a packet at the end of its TTL: the stack answers it as the router that it is.
 */
static __always_inline void ingress_decide(enum weir_family family, void *ctx,
                                           const struct weir_packet *packet,
                                           struct weir_decision *decision) {
    union weir_any_flow *entry = decision->entry;
    int reply = entry->flow.direction == WEIR_REPLY;
    __u32 hop;

    flow_route(family, ctx, packet, entry, &decision->hop);
    hop = decision->hop.ifindex;
    if (hop == WEIR_HOP_UNREACHABLE && !reply) {
        decision->service = entry->flow.service;
        decision->backend = entry->flow.backend;
        decision->reason = WEIR_DROP_UNREACHABLE;
    } else if (hop == WEIR_HOP_UNREACHABLE || hop == WEIR_HOP_STACK) {
        decision->hop.ifindex = WEIR_HOP_STACK;
        decision->untouched = (__u8)reply;
    } else {
        decision->untouched = packet->ttl <= 1;
    }
}
