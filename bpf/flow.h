/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Flow: find the entry of a packet, keep it alive, and know its next hop. A packet of an
 * established flow does one look-up and one comparison with the clock here; once a second per
 * direction it does more.
 *
 * Functions that are not inlined exist once per family, with that family's name: the verifier then
 * knows the size of the entry that it follows.
 */
#pragma once

#include "bpf/nat.h"
#include "bpf/world.h"

static __always_inline void *flow_established_table(enum weir_family family) {
    return family == WEIR_V4 ? (void *)&flows_v4 : (void *)&flows_v6;
}

static __always_inline void *flow_new_table(enum weir_family family) {
    return family == WEIR_V4 ? (void *)&flows_new_v4 : (void *)&flows_new_v6;
}

static __always_inline union weir_any_flow *flow_find(enum weir_family family,
                                                      const union weir_any_tuple *tuple) {
    void *entry = bpf_map_lookup_elem(flow_established_table(family), tuple);

    return entry ? entry : bpf_map_lookup_elem(flow_new_table(family), tuple);
}

static __always_inline void flow_delete(enum weir_family family,
                                        const union weir_any_tuple *tuple) {
    bpf_map_delete_elem(flow_established_table(family), tuple);
    bpf_map_delete_elem(flow_new_table(family), tuple);
}

/* Both directions. */
static __always_inline void flow_forget(enum weir_family family, const union weir_any_tuple *tuple,
                                        const union weir_any_flow *entry) {
    union weir_any_tuple answer;

    nat_answer_tuple(family, entry, tuple->head.protocol, &answer);
    flow_delete(family, tuple);
    flow_delete(family, &answer);
}

/* As much of an entry as its family has. */
static __always_inline void flow_copy(enum weir_family family, union weir_any_flow *to,
                                      const union weir_any_flow *from) {
    if (family == WEIR_V4)
        to->v4 = from->v4;
    else
        to->v6 = from->v6;
}

static __always_inline __u32 flow_timeout_s(const struct weir_settings *set, __u8 protocol,
                                            __u8 state) {
    if (protocol == IPPROTO_UDP)
        return set->udp_s;
    if (state == WEIR_FLOW_ESTABLISHED)
        return set->tcp_established_s;
    return state == WEIR_FLOW_CLOSING ? set->tcp_transitory_s : set->tcp_new_s;
}

static __always_inline int flow_due(const struct weir_flow *flow, __u64 now) {
    /* entries are refreshed by several CPUs: one may be a little ahead of this one's clock */
    return now >= flow->seen + WEIR_REFRESH_NS;
}

static __always_inline int flow_expired(const struct weir_flow *flow, __u8 protocol, __u64 now) {
    const struct weir_settings *set;

    if (!flow_due(flow, now))
        return 0;
    set = settings_get();
    return set && now - flow->seen >= flow_timeout_s(set, protocol, flow->state) * 1000000000ULL;
}

static __always_inline int flow_same_address(const struct weir_address *a,
                                             const struct weir_address *b) {
    return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->words[2] == b->words[2] &&
           a->words[3] == b->words[3];
}

/* Whether two entries translate to the same tuple, and so belong to the same flow. */
static __always_inline int flow_same_target(enum weir_family family, const union weir_any_flow *a,
                                            const union weir_any_flow *b) {
    if (a->flow.sport != b->flow.sport || a->flow.dport != b->flow.dport)
        return 0;
    if (family == WEIR_V4)
        return a->v4.saddr == b->v4.saddr && a->v4.daddr == b->v4.daddr;
    return flow_same_address(&a->v6.saddr, &b->v6.saddr) &&
           flow_same_address(&a->v6.daddr, &b->v6.daddr);
}

/*
 * The other direction of a flow. When the table evicted it, it is made again from this one, in the
 * table of its kind, so that a flow lives as long as either direction has traffic. NULL when
 * another flow has taken the tuple meanwhile.
 */
static __always_inline union weir_any_flow *flow_make_peer(enum weir_family family,
                                                           const union weir_any_tuple *tuple,
                                                           const union weir_any_flow *entry) {
    __u8 state = entry->flow.state;
    union weir_any_tuple answer;
    union weir_any_flow reverse;
    union weir_any_flow *peer;

    nat_answer_tuple(family, entry, tuple->head.protocol, &answer);
    flow_copy(family, &reverse, entry);
    nat_turn(family, tuple, &reverse);
    peer = flow_find(family, &answer);
    if (!peer) {
        if (state == WEIR_FLOW_NEW || state == WEIR_FLOW_REPLIED)
            bpf_map_update_elem(flow_new_table(family), &answer, &reverse, BPF_NOEXIST);
        else
            bpf_map_update_elem(flow_established_table(family), &answer, &reverse, BPF_NOEXIST);
        peer = flow_find(family, &answer);
    }
    return peer && flow_same_target(family, peer, &reverse) ? peer : NULL;
}

static __noinline union weir_any_flow *flow_peer_v4(const union weir_any_tuple *tuple,
                                                    const union weir_any_flow *entry) {
    return flow_make_peer(WEIR_V4, tuple, entry);
}

static __noinline union weir_any_flow *flow_peer_v6(const union weir_any_tuple *tuple,
                                                    const union weir_any_flow *entry) {
    return flow_make_peer(WEIR_V6, tuple, entry);
}

static __always_inline union weir_any_flow *flow_peer(enum weir_family family,
                                                      const union weir_any_tuple *tuple,
                                                      const union weir_any_flow *entry) {
    return family == WEIR_V4 ? flow_peer_v4(tuple, entry) : flow_peer_v6(tuple, entry);
}

/*
 * Once a second and direction: the entry stays young, and the other direction stays in the table.
 * A direction without packets of its own is kept young by the other one, and its next hop is looked
 * up anew when it is needed.
 */
static __always_inline void flow_touch(enum weir_family family, const struct weir_packet *packet,
                                       union weir_any_flow *entry) {
    union weir_any_flow *peer = flow_peer(family, &packet->tuple, entry);
    __u64 now = packet->now;

    entry->flow.seen = now;
    if (peer && now >= peer->flow.seen + 2ULL * WEIR_REFRESH_NS) {
        peer->flow.seen = now;
        peer->flow.next_hop.ifindex = WEIR_HOP_UNKNOWN;
    }
}

/* Asks the FIB, and keeps the answer. It is built apart: another CPU may read or renew the entry.
 */
static __always_inline void flow_refresh(enum weir_family family, void *ctx,
                                         const struct weir_packet *packet,
                                         union weir_any_flow *entry, struct weir_next_hop *hop) {
    __u16 mtu = world_route(family, ctx, packet, entry, hop);

    flow_touch(family, packet, entry);
    entry->flow.mtu = mtu;
    entry->flow.next_hop = *hop;
}

static __noinline void flow_refresh_v4(void *ctx, const struct weir_packet *packet,
                                       union weir_any_flow *entry, struct weir_next_hop *hop) {
    flow_refresh(WEIR_V4, ctx, packet, entry, hop);
}

static __noinline void flow_refresh_v6(void *ctx, const struct weir_packet *packet,
                                       union weir_any_flow *entry, struct weir_next_hop *hop) {
    flow_refresh(WEIR_V6, ctx, packet, entry, hop);
}

/*
 * Where the packet goes next: what the entry says, asked of the FIB again at most once a second.
 * The answer is a copy, because another CPU may renew the entry meanwhile.
 */
static __always_inline void flow_route(enum weir_family family, void *ctx,
                                       const struct weir_packet *packet, union weir_any_flow *entry,
                                       struct weir_next_hop *hop) {
    *hop = entry->flow.next_hop;
    if (flow_due(&entry->flow, packet->now) || hop->ifindex == WEIR_HOP_UNKNOWN) {
        if (family == WEIR_V4)
            flow_refresh_v4(ctx, packet, entry, hop);
        else
            flow_refresh_v6(ctx, packet, entry, hop);
    }
    if (hop->ifindex != WEIR_HOP_UNREACHABLE && packet->ip_length > entry->flow.mtu)
        hop->ifindex = WEIR_HOP_STACK;
}
