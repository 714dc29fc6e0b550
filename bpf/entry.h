/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Entry: what the entry of a flow says, in the table of either family (abi.h); what a translation
 * is (worked out once per flow), and its inverse. The inverse of a tuple's translation is the
 * translation of the tuple that answers it (I3).
 * Of IPv6's tables, a struct weir_flow is the beginning of a struct weir_flow_v6.
 */
#pragma once

#include "bpf/address.h"

static __always_inline const struct weir_flow_v6 *entry_v6(const struct weir_flow *flow) {
    return (const struct weir_flow_v6 *)flow;
}

/* The family of packets after translation. */
static __always_inline long entry_new_family(long family, const struct weir_flow *flow) {
    long to_v4 = (flow->flags / WEIR_FLOW_TO_V4) & 1;

    return family == WEIR_V6 ? family - to_v4 * (WEIR_V6 - WEIR_V4) : family;
}

static __always_inline int entry_changes_family(long family, const union weir_any_tuple *tuple,
                                                const struct weir_flow *flow) {
    return family == WEIR_V6 && tuple->head.mapped ^ ((flow->flags / WEIR_FLOW_TO_V4) & 1);
}

static __always_inline void entry_source(long family, const struct weir_flow *flow,
                                         struct weir_address *address) {
    if (family == WEIR_V4)
        nat_map_v4(address, flow->v4.saddr);
    else
        *address = entry_v6(flow)->saddr;
}

static __always_inline void entry_destination(long family, const struct weir_flow *flow,
                                              struct weir_address *address) {
    if (family == WEIR_V4)
        nat_map_v4(address, flow->v4.daddr);
    else
        *address = entry_v6(flow)->daddr;
}

static __always_inline void entry_set_source(long family, struct weir_flow_v6 *flow,
                                             const struct weir_address *address) {
    if (family == WEIR_V4)
        flow->flow.v4.saddr = address->words[3];
    else
        flow->saddr = *address;
}

static __always_inline void entry_set_destination(long family, struct weir_flow_v6 *flow,
                                                  const struct weir_address *address) {
    if (family == WEIR_V4)
        flow->flow.v4.daddr = address->words[3];
    else
        flow->daddr = *address;
}

/* A copy of an entry; of IPv4's, the part that those tables hold. */
static __always_inline void entry_copy(long family, const struct weir_flow *flow,
                                       struct weir_flow_v6 *copy) {
    if (family == WEIR_V4)
        copy->flow = *flow;
    else
        *copy = *entry_v6(flow);
}

/* Whether two entries translate to the same tuple, and so belong to the same flow. */
static __always_inline int entry_same_target(long family, const struct weir_flow *a,
                                             const struct weir_flow *b) {
    if (a->sport != b->sport || a->dport != b->dport)
        return 0;
    if (family == WEIR_V4)
        return a->v4.saddr == b->v4.saddr && a->v4.daddr == b->v4.daddr;
    return !((a->flags ^ b->flags) & WEIR_FLOW_TO_V4) &&
           nat_same_address(&entry_v6(a)->saddr, &entry_v6(b)->saddr) &&
           nat_same_address(&entry_v6(a)->daddr, &entry_v6(b)->daddr);
}

/* Whether packets with `answer` are what answers those that `flow` translates. */
static __always_inline int entry_is_answered_by(long family, const struct weir_flow *flow,
                                                const union weir_any_tuple *answer) {
    if (flow->sport != answer->head.dport || flow->dport != answer->head.sport)
        return 0;
    if (family == WEIR_V4)
        return flow->v4.saddr == answer->v4.daddr && flow->v4.daddr == answer->v4.saddr;
    return answer->head.mapped == ((flow->flags / WEIR_FLOW_TO_V4) & 1) &&
           nat_same_address(&entry_v6(flow)->saddr, &answer->v6.daddr) &&
           nat_same_address(&entry_v6(flow)->daddr, &answer->v6.saddr);
}

/*
 * What a translation adds to the ones' complement sums that cover what it changes (RFC 1624). Of
 * addresses of four bytes it is worked out for each packet, for less than room for it in the entry
 * costs, and not folded (csum.h); of others, when the flow is opened.
 */
struct entry_sum {
    __u64 addresses;
    __u64 ports;
};

static __always_inline __u32 entry_port_sum(const union weir_any_tuple *tuple,
                                            const struct weir_flow *flow) {
    return 2 * 0xffffU - tuple->head.sport - tuple->head.dport + flow->sport + flow->dport;
}

static __always_inline struct entry_sum entry_sums(long family, const union weir_any_tuple *tuple,
                                                   const struct weir_flow *flow) {
    struct entry_sum sums;

    if (family == WEIR_V4) {
        sums.addresses =
            2 * 0xffffffffULL - tuple->v4.saddr - tuple->v4.daddr + flow->v4.saddr + flow->v4.daddr;
        sums.ports = entry_port_sum(tuple, flow);
    } else {
        sums.addresses = flow->v6.address_delta;
        sums.ports = flow->v6.port_delta;
    }
    return sums;
}

/* The same, folded. */
struct entry_delta {
    __u16 addresses;
    __u16 ports;
};

static __always_inline struct entry_delta entry_deltas(long family,
                                                       const union weir_any_tuple *tuple,
                                                       const struct weir_flow *flow) {
    struct entry_sum sums = entry_sums(family, tuple, flow);
    struct entry_delta deltas = {csum_fold64(sums.addresses), csum_fold64(sums.ports)};

    return deltas;
}

/* Works out the deltas that the entry holds, once addresses and ports are set. */
static __always_inline void entry_measure(long family, const union weir_any_tuple *tuple,
                                          struct weir_flow_v6 *flow) {
    if (family == WEIR_V4)
        return;
    flow->flow.v6.address_delta = csum_add(nat_address_delta(&tuple->v6.saddr, &flow->saddr),
                                           nat_address_delta(&tuple->v6.daddr, &flow->daddr));
    flow->flow.v6.port_delta = csum_fold(entry_port_sum(tuple, &flow->flow));
}

/* The tuple that answers a packet translated by `flow`: the key of the other direction. */
static __always_inline void entry_answer(long family, const struct weir_flow *flow, __u8 protocol,
                                         union weir_any_tuple *answer) {
    __builtin_memset(answer, 0, sizeof(*answer));
    answer->head.sport = flow->dport;
    answer->head.dport = flow->sport;
    answer->head.protocol = protocol;
    if (family == WEIR_V4) {
        answer->v4.saddr = flow->v4.daddr;
        answer->v4.daddr = flow->v4.saddr;
    } else {
        answer->head.mapped = (flow->flags & WEIR_FLOW_TO_V4) != 0;
        answer->v6.saddr = entry_v6(flow)->daddr;
        answer->v6.daddr = entry_v6(flow)->saddr;
    }
}

/*
 * Turns the entry under which packets with `tuple` are translated into that of the other direction.
 * Its next hop is for its own packets to find.
 */
static __always_inline void entry_turn(long family, const union weir_any_tuple *tuple,
                                       struct weir_flow_v6 *entry) {
    struct weir_flow *flow = &entry->flow;

    flow->sport = tuple->head.dport;
    flow->dport = tuple->head.sport;
    flow->flags = (flow->flags & WEIR_FLOW_LOCAL) | (~flow->flags & WEIR_FLOW_REPLY);
    flow->next_hop.ifindex = WEIR_HOP_UNKNOWN;
    flow->ack = 0;
    if (family == WEIR_V4) {
        flow->v4.saddr = tuple->v4.daddr;
        flow->v4.daddr = tuple->v4.saddr;
    } else {
        if (tuple->head.mapped)
            flow->flags |= WEIR_FLOW_TO_V4;
        flow->v6.address_delta = csum_negate(flow->v6.address_delta);
        flow->v6.port_delta = csum_negate(flow->v6.port_delta);
        entry->saddr = tuple->v6.daddr;
        entry->daddr = tuple->v6.saddr;
    }
}
