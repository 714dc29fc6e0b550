/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Flow: find the entry of a packet, keep it alive, and know its next hop. A packet of an
 * established flow within a family does one look-up and one comparison with the clock here; once a
 * second per direction it does more. `family` is that of the tables (abi.h). Functions on the way
 * of every packet get it as a constant and exist once per family; those that are not inlined are
 * for the few packets that change something.
 */
#pragma once

#include "bpf/known.h"
#include "bpf/route.h"

static __always_inline void *flow_established_table(long family) {
    return family == WEIR_V4 ? (void *)&flows_v4 : (void *)&flows_v6;
}

static __always_inline void *flow_new_table(long family) {
    return family == WEIR_V4 ? (void *)&flows_new_v4 : (void *)&flows_new_v6;
}

/* An entry that is not among the established. One that another CPU promotes meanwhile is at any
 * moment in one of the tables, but may be in neither when it is looked for there: so once more. */
static __always_inline struct weir_flow *flow_find_new(long family,
                                                       const union weir_any_tuple *tuple) {
    void *entry = bpf_map_lookup_elem(flow_new_table(family), tuple);

    return entry ? entry : bpf_map_lookup_elem(flow_established_table(family), tuple);
}

static __always_inline struct weir_flow *flow_find(long family, const union weir_any_tuple *tuple) {
    void *entry = bpf_map_lookup_elem(flow_established_table(family), tuple);

    return entry ? entry : flow_find_new(family, tuple);
}

static __always_inline void flow_delete(long family, const union weir_any_tuple *tuple) {
    bpf_map_delete_elem(flow_established_table(family), tuple);
    bpf_map_delete_elem(flow_new_table(family), tuple);
}

/*
 * A packet's tuple as a key, on the stack: kernels before 6.2 take none from an argument of a
 * global function ("R2 type=mem expected=fp, pkt, pkt_meta, map_key, map_value").
 */
static __always_inline void flow_key(long family, const union weir_any_tuple *tuple,
                                     union weir_any_tuple *key) {
    if (family == WEIR_V4)
        key->v4 = tuple->v4;
    else
        key->v6 = tuple->v6;
}

/* The entry of a packet, or NULL. What does not concern any service is not looked for among the new
 * flows. */
static __always_inline struct weir_flow *flow_of(long family, const struct weir_packet *packet) {
    union weir_any_tuple key;
    void *entry;

    flow_key(family, &packet->tuple, &key);
    entry = bpf_map_lookup_elem(flow_established_table(family), &key);
    if (entry || !known_tuple(family, &key))
        return entry;
    return flow_find_new(family, &key);
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

/* Since the entry was refreshed, ticks. Several CPUs refresh entries: one may be a little ahead of
 * this one's clock. */
static __always_inline __s32 flow_idle(const struct weir_flow *flow, __u64 now) {
    return (__s32)((__u32)(now >> WEIR_TICK_SHIFT) - flow->refreshed);
}

static __always_inline int flow_due(const struct weir_flow *flow, __u64 now) {
    return flow_idle(flow, now) >= WEIR_REFRESH_TICKS;
}

static __always_inline int flow_expired(const struct weir_flow *flow, __u8 protocol, __u64 now) {
    const struct weir_settings *set;

    if (!flow_due(flow, now))
        return 0;
    set = settings_get();
    return set && flow_idle(flow, now) >=
                      (__s32)(flow_timeout_s(set, protocol, flow->state) * 1000000000ULL >>
                              WEIR_TICK_SHIFT);
}

/* Whether packets with this tuple leave with a source that is not their sender's. */
static __always_inline int flow_hides_client(long family, const union weir_any_tuple *tuple,
                                             const struct weir_flow *entry) {
    struct weir_address from;
    struct weir_address to;

    nat_source(family, tuple, &from);
    entry_source(family, entry, &to);
    return !(entry->flags & WEIR_FLOW_REPLY) && !nat_same_address(&from, &to);
}

/*
 * Both directions; the other one only if no other flow has taken its tuple meanwhile. Of a
 * connection that is over the SNAT port stays taken, by its reply's entry: the backend may be in
 * TIME-WAIT, and would take the next client's SYN for a segment of the old connection.
 */
static __noinline void flow_forget(long family, const union weir_any_tuple *tuple,
                                   const struct weir_flow *entry) {
    const struct weir_flow *peer;
    struct weir_flow_v6 reverse;
    union weir_any_tuple key;

    entry_copy(family, entry, &reverse);
    entry_answer(family, entry, tuple->head.protocol, &key);
    entry_turn(family, tuple, &reverse);
    peer = flow_find(family, &key);
    if (peer && entry_same_target(family, peer, &reverse.flow) &&
        !(entry->state == WEIR_FLOW_CLOSED && flow_hides_client(family, tuple, entry)))
        flow_delete(family, &key);
    flow_key(family, tuple, &key);
    flow_delete(family, &key);
}

/* What was written before is there for all others before this CPU looks any further: an atomic that
 * returns the old value is a full barrier. */
static __always_inline void flow_barrier(struct weir_opening *o) {
    __u64 before = __sync_fetch_and_add(&o->claims, 1);

    barrier_var(before);
}

/*
 * Whether an IPv4 tuple is a flow's in the tables of the other family. It is one flow's in both: an
 * entry that was evicted is not made again beside that of another.
 */
static __noinline int flow_is_in_other(long family, const union weir_any_tuple *tuple) {
    const struct weir_settings *set = settings_get();
    struct weir_opening *o = opening_get();
    union weir_any_tuple key;

    if (!set || !o || !set->changes_family || nat_wire(family, tuple) != WEIR_V4)
        return 0;
    flow_barrier(o);
    nat_cross_tuple(family, tuple, &key);
    return flow_find(family == WEIR_V4 ? WEIR_V6 : WEIR_V4, &key) != NULL;
}

/*
 * The other direction of a flow. When the table evicted it, it is made again from this one, in the
 * table of its kind, so that a flow lives as long as either direction has traffic. NULL when
 * another flow has taken the tuple meanwhile, or the connection is over. For the stack's sake it is
 * made where flows are opened (scratch.h): by then that is done.
 */
static __noinline struct weir_flow *flow_peer(long family, const union weir_any_tuple *tuple,
                                              const struct weir_flow *entry) {
    struct weir_opening *o = opening_get();
    __u8 state = entry->state;
    struct weir_flow *peer;

    if (!o)
        return NULL;
    entry_answer(family, entry, tuple->head.protocol, &o->answer);
    entry_copy(family, entry, &o->reply);
    entry_turn(family, tuple, &o->reply);
    peer = flow_find(family, &o->answer);
    if (!peer && state != WEIR_FLOW_CLOSED && !flow_is_in_other(family, &o->answer)) {
        if (state == WEIR_FLOW_NEW || state == WEIR_FLOW_REPLIED)
            bpf_map_update_elem(flow_new_table(family), &o->answer, &o->reply, BPF_NOEXIST);
        else
            bpf_map_update_elem(flow_established_table(family), &o->answer, &o->reply, BPF_NOEXIST);
        peer = flow_find(family, &o->answer);
        if (peer && entry_same_target(family, peer, &o->reply.flow) &&
            flow_is_in_other(family, &o->answer)) { /* claimed meanwhile */
            flow_delete(family, &o->answer);
            peer = NULL;
        }
    }
    return peer && entry_same_target(family, peer, &o->reply.flow) ? peer : NULL;
}

/* Of an entry that the next packet takes for one that is over: longer ago than any timeout. */
enum { WEIR_LONG_AGO_TICKS = 1 << 30 };

/*
 * Once a second and direction: the entry stays young, and the other direction stays in the table.
 * A direction without packets of its own is kept young by the other one, and its next hop is looked
 * up anew when it is needed.
 */
static __always_inline void flow_keep(long family, const struct weir_packet *packet,
                                      struct weir_flow *entry) {
    struct weir_flow *peer = flow_peer(family, &packet->tuple, entry);
    __u32 tick = (__u32)(packet->now >> WEIR_TICK_SHIFT);

    /* without the other direction answers go astray: the next packet starts over */
    entry->refreshed =
        peer || entry->state == WEIR_FLOW_CLOSED ? tick : tick - (__u32)WEIR_LONG_AGO_TICKS;
    if (peer && flow_idle(peer, packet->now) >= 2 * WEIR_REFRESH_TICKS) {
        peer->refreshed = tick;
        peer->next_hop.ifindex = WEIR_HOP_UNKNOWN;
    }
}

/* Global functions: the verifier looks at them once. */
__noinline int flow_touch_v4(const struct weir_packet *packet, struct weir_flow *entry) {
    if (packet && entry)
        flow_keep(WEIR_V4, packet, entry);
    return 0;
}

__noinline int flow_touch_v6(const struct weir_packet *packet, struct weir_flow_v6 *entry) {
    if (packet && entry)
        flow_keep(WEIR_V6, packet, &entry->flow);
    return 0;
}

static __always_inline void flow_touch(long family, const struct weir_packet *packet,
                                       struct weir_flow *entry) {
    if (family == WEIR_V4)
        flow_touch_v4(packet, entry);
    else
        flow_touch_v6(packet, (struct weir_flow_v6 *)entry);
}

/* Asks the FIB, and keeps the answer. It is built apart: another CPU may read or renew the entry.
 */
static __noinline void flow_refresh(void *ctx, long family, const struct weir_packet *packet,
                                    struct weir_flow *entry, struct weir_next_hop *hop) {
    const __u8 of_hop = WEIR_FLOW_XDP | WEIR_FLOW_NO_TX;
    __u16 mtu = route_find(ctx, packet, family, entry, hop);
    __u8 flags = route_xdp_flags(hop->ifindex);

    flow_touch(family, packet, entry);
    entry->mtu = mtu;
    /* read again: another CPU may have seen a FIN, or the entry be another flow's by now */
    entry->flags = (entry->flags & (__u8)~of_hop) | flags;
    entry->next_hop = *hop;
}

/*
 * Where the packet goes next: what the entry says, asked of the FIB again at most once a second,
 * and as long as the neighbour is not known. The answer is a copy, because another CPU may renew
 * the entry meanwhile.
 */
static __always_inline void flow_route(void *ctx, long family, const struct weir_packet *packet,
                                       struct weir_flow *entry, struct weir_next_hop *hop) {
    *hop = entry->next_hop;
    if (flow_due(entry, packet->now) || hop->ifindex == WEIR_HOP_UNKNOWN ||
        (hop->ifindex && hop->ifindex != WEIR_HOP_UNREACHABLE && !route_is_resolved(hop)))
        flow_refresh(ctx, family, packet, entry, hop);
}
