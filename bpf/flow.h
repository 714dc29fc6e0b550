/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Flow: find the entry of a packet, keep it alive, and know its next hop. A packet of an
 * established flow does one look-up and one comparison with the clock here; once a second per
 * direction it does more.
 * Functions on the way of every packet get the family as a constant and exist once per family;
 * those that are not inlined are for the few packets that change something.
 */
#pragma once

#include "bpf/known.h"
#include "bpf/route.h"

static __always_inline void *flow_established_table(int family) {
    return family == WEIR_V4 ? (void *)&flows_v4 : (void *)&flows_v6;
}

static __always_inline void *flow_new_table(int family) {
    return family == WEIR_V4 ? (void *)&flows_new_v4 : (void *)&flows_new_v6;
}

static __always_inline struct weir_flow *flow_find(int family, const union weir_any_tuple *tuple) {
    void *entry = bpf_map_lookup_elem(flow_established_table(family), tuple);

    return entry ? entry : bpf_map_lookup_elem(flow_new_table(family), tuple);
}

static __always_inline void flow_delete(int family, const union weir_any_tuple *tuple) {
    bpf_map_delete_elem(flow_established_table(family), tuple);
    bpf_map_delete_elem(flow_new_table(family), tuple);
}

/*
 * A packet's tuple as a key, on the stack: kernels before 6.2 take none from an argument of a
 * global function ("R2 type=mem expected=fp, pkt, pkt_meta, map_key, map_value").
 */
static __always_inline void flow_key(int family, const union weir_any_tuple *tuple,
                                     union weir_any_tuple *key) {
    if (family == WEIR_V4)
        key->v4 = tuple->v4;
    else
        key->v6 = tuple->v6;
}

/* The entry of a packet, or NULL. What does not concern any service is not looked for among the new
 * flows. */
static __always_inline struct weir_flow *flow_of(int family, const struct weir_packet *packet) {
    union weir_any_tuple key;
    void *entry;

    flow_key(family, &packet->tuple, &key);
    entry = bpf_map_lookup_elem(flow_established_table(family), &key);
    if (entry || !known_tuple(family, &key))
        return entry;
    return bpf_map_lookup_elem(flow_new_table(family), &key);
}

static __always_inline __u32 flow_timeout_s(const struct weir_settings *set, __u8 protocol,
                                            __u8 state) {
    if (protocol == IPPROTO_UDP)
        return set->udp_s;
    if (state == WEIR_FLOW_ESTABLISHED)
        return set->tcp_established_s;
    return state == WEIR_FLOW_CLOSING || state == WEIR_FLOW_CLOSED ? set->tcp_transitory_s
                                                                   : set->tcp_new_s;
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

/* Whether two entries translate to the same tuple, and so belong to the same flow. */
static __always_inline int flow_same_target(const struct weir_flow *a, const struct weir_flow *b) {
    return a->sport == b->sport && a->dport == b->dport && nat_same_address(&a->saddr, &b->saddr) &&
           nat_same_address(&a->daddr, &b->daddr);
}

/* Whether packets with this tuple leave with a source that is not their sender's. */
static __always_inline int flow_hides_client(int family, const union weir_any_tuple *tuple,
                                             const struct weir_flow *entry) {
    struct weir_address from;

    nat_source(family, tuple, &from);
    return entry->direction == WEIR_FORWARD && !nat_same_address(&from, &entry->saddr);
}

/*
 * Both directions; the other one only if no other flow has taken its tuple meanwhile. Of a
 * connection that is over the SNAT port stays taken, by its reply's entry: the backend may be in
 * TIME-WAIT, and would take the next client's SYN for a segment of the old connection.
 */
static __noinline void flow_forget(int family, const union weir_any_tuple *tuple,
                                   const struct weir_flow *entry) {
    struct weir_flow reverse = *entry;
    const struct weir_flow *peer;
    __u8 other = entry->family;
    union weir_any_tuple key;

    nat_answer_tuple(entry, tuple->head.protocol, &key);
    nat_turn(family, tuple, &reverse);
    peer = flow_find(other, &key);
    if (peer && flow_same_target(peer, &reverse) &&
        !(entry->state == WEIR_FLOW_CLOSED && flow_hides_client(family, tuple, entry)))
        flow_delete(other, &key);
    flow_key(family, tuple, &key);
    flow_delete(family, &key);
}

/*
 * The other direction of a flow. When the table evicted it, it is made again from this one, in the
 * table of its kind, so that a flow lives as long as either direction has traffic. NULL when
 * another flow has taken the tuple meanwhile, or the connection is over.
 */
static __noinline struct weir_flow *flow_peer(int family, const union weir_any_tuple *tuple,
                                              const struct weir_flow *entry) {
    __u8 state = entry->state;
    __u8 other = entry->family;
    union weir_any_tuple answer;
    struct weir_flow reverse;
    struct weir_flow *peer;

    nat_answer_tuple(entry, tuple->head.protocol, &answer);
    reverse = *entry;
    nat_turn(family, tuple, &reverse);
    peer = flow_find(other, &answer);
    if (!peer && state != WEIR_FLOW_CLOSED) {
        if (state == WEIR_FLOW_NEW || state == WEIR_FLOW_REPLIED)
            bpf_map_update_elem(flow_new_table(other), &answer, &reverse, BPF_NOEXIST);
        else
            bpf_map_update_elem(flow_established_table(other), &answer, &reverse, BPF_NOEXIST);
        peer = flow_find(other, &answer);
    }
    return peer && flow_same_target(peer, &reverse) ? peer : NULL;
}

/*
 * Once a second and direction: the entry stays young, and the other direction stays in the table.
 * A direction without packets of its own is kept young by the other one, and its next hop is looked
 * up anew when it is needed.
 */
static __always_inline void flow_touch(int family, const struct weir_packet *packet,
                                       struct weir_flow *entry) {
    struct weir_flow *peer = flow_peer(family, &packet->tuple, entry);
    __u64 now = packet->now;

    /* without the other direction answers go astray: the next packet starts over */
    entry->seen = peer || entry->state == WEIR_FLOW_CLOSED ? now : 0;
    if (peer && now >= peer->seen + 2ULL * WEIR_REFRESH_NS) {
        peer->seen = now;
        peer->next_hop.ifindex = WEIR_HOP_UNKNOWN;
    }
}

/* Asks the FIB, and keeps the answer. It is built apart: another CPU may read or renew the entry.
 */
static __noinline void flow_refresh(void *ctx, int family, const struct weir_packet *packet,
                                    struct weir_flow *entry, struct weir_next_hop *hop) {
    __u8 flags = entry->flags & (__u8) ~(WEIR_FLOW_XDP | WEIR_FLOW_NO_TX);
    __u16 mtu = route_find(ctx, packet, entry, hop);

    flags |= route_xdp_flags(hop->ifindex);
    flow_touch(family, packet, entry);
    entry->mtu = mtu;
    entry->flags = flags;
    entry->next_hop = *hop;
}

/*
 * Where the packet goes next: what the entry says, asked of the FIB again at most once a second,
 * and as long as the neighbour is not known. The answer is a copy, because another CPU may renew
 * the entry meanwhile.
 */
static __always_inline void flow_route(void *ctx, int family, const struct weir_packet *packet,
                                       struct weir_flow *entry, struct weir_next_hop *hop) {
    *hop = entry->next_hop;
    if (flow_due(entry, packet->now) || hop->ifindex == WEIR_HOP_UNKNOWN ||
        (hop->ifindex && hop->ifindex != WEIR_HOP_UNREACHABLE && !route_is_resolved(hop)))
        flow_refresh(ctx, family, packet, entry, hop);
}
