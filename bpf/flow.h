/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Flow: find the entry of a packet, keep it alive, and follow the connection's state. A packet of
 * an established flow does one look-up and one comparison with the clock here; once a second per
 * direction, and on SYN, FIN and RST, it does more.
 */
#pragma once

#include "bpf/count.h"
#include "bpf/nat.h"
#include "bpf/world.h"

static __always_inline struct weir_flow_v4 *flow_find_v4(const struct weir_tuple_v4 *tuple) {
    struct weir_flow_v4 *entry = bpf_map_lookup_elem(&flows_v4, tuple);

    return entry ? entry : bpf_map_lookup_elem(&flows_new_v4, tuple);
}

static __always_inline __u32 flow_timeout_s(const struct weir_settings *set, __u8 protocol,
                                            __u8 state) {
    if (protocol == IPPROTO_UDP)
        return set->udp_s;
    if (state == WEIR_FLOW_ESTABLISHED)
        return set->tcp_established_s;
    return state == WEIR_FLOW_CLOSING ? set->tcp_transitory_s : set->tcp_new_s;
}

static __always_inline int flow_expired(const struct weir_flow *flow, __u8 protocol, __u64 now) {
    const struct weir_settings *set;

    /* entries are refreshed by several CPUs: one may be a little ahead of this one's clock */
    if (now < flow->seen + WEIR_REFRESH_NS)
        return 0;
    set = settings_get();
    return set && now - flow->seen >= flow_timeout_s(set, protocol, flow->state) * 1000000000ULL;
}

/*
 * The other direction of a flow. When the table evicted it, it is made again from this one, in the
 * table of its kind, so that a flow lives as long as either direction has traffic.
 */
static __noinline struct weir_flow_v4 *flow_peer_v4(const struct weir_tuple_v4 *tuple,
                                                    const struct weir_flow_v4 *entry) {
    struct weir_tuple_v4 answer;
    struct weir_flow_v4 reverse;
    struct weir_flow_v4 *peer;

    nat_answer_tuple_v4(entry, tuple->protocol, &answer);
    peer = flow_find_v4(&answer);
    if (peer)
        return peer;
    nat_reverse_v4(tuple, entry, &reverse);
    if (entry->flow.state == WEIR_FLOW_NEW || entry->flow.state == WEIR_FLOW_REPLIED)
        bpf_map_update_elem(&flows_new_v4, &answer, &reverse, BPF_NOEXIST);
    else
        bpf_map_update_elem(&flows_v4, &answer, &reverse, BPF_NOEXIST);
    return flow_find_v4(&answer);
}

/* Moves both directions to the established table; at no moment does neither table have them. */
static __always_inline void flow_promote_v4(const struct weir_tuple_v4 *tuple,
                                            const struct weir_flow_v4 *entry) {
    struct weir_flow_v4 *peer = flow_peer_v4(tuple, entry);
    struct weir_flow_v4 copy = *entry;
    struct weir_tuple_v4 answer;

    nat_answer_tuple_v4(&copy, tuple->protocol, &answer);
    copy.flow.state = WEIR_FLOW_ESTABLISHED;
    bpf_map_update_elem(&flows_v4, tuple, &copy, BPF_ANY);
    if (peer) {
        copy = *peer;
        copy.flow.state = WEIR_FLOW_ESTABLISHED;
        bpf_map_update_elem(&flows_v4, &answer, &copy, BPF_ANY);
    }
    bpf_map_delete_elem(&flows_new_v4, tuple);
    bpf_map_delete_elem(&flows_new_v4, &answer);
}

static __always_inline void flow_set_state(struct weir_flow_v4 *entry, struct weir_flow_v4 *peer,
                                           __u8 state) {
    entry->flow.state = state;
    if (peer)
        peer->flow.state = state;
}

/*
 * Follows the connection, after the packet was rewritten: promotion moves the entry, and the
 * pointer must not be used again. A new flow is promoted by the client's ACK of the backend's ISN
 * + 1, by an answer that is no SYN-ACK (UDP, or TCP that was picked up in mid-stream), and by
 * nothing else. RST and FIN only shorten the idle timeout: a forged one does no harm while packets
 * pass.
 */
static __noinline void flow_track_v4(const struct weir_packet *packet, struct weir_flow_v4 *entry) {
    struct weir_flow *flow = &entry->flow;
    int reply = flow->direction == WEIR_REPLY;
    struct weir_flow_v4 *peer;

    if (packet->tcp_flags & (WEIR_TCP_FIN | WEIR_TCP_RST)) {
        flow_set_state(entry, flow_peer_v4(&packet->tuple, entry), WEIR_FLOW_CLOSING);
    } else if (reply && flow->state == WEIR_FLOW_NEW && packet->tcp_flags & WEIR_TCP_SYN) {
        peer = flow_peer_v4(&packet->tuple, entry);
        if (peer)
            peer->flow.ack = packet->seq + 1;
        flow_set_state(entry, peer, WEIR_FLOW_REPLIED);
    } else if (reply && flow->state == WEIR_FLOW_NEW) {
        flow_promote_v4(&packet->tuple, entry);
    } else if (!reply && flow->state == WEIR_FLOW_REPLIED && packet->ack_seq == flow->ack &&
               (packet->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_ACK) {
        flow_promote_v4(&packet->tuple, entry);
    }
}

/* Whether a packet can change the state at all; on an established flow few can. */
static __always_inline int flow_needs_tracking(const struct weir_packet *packet,
                                               const struct weir_flow *flow) {
    return flow->state != WEIR_FLOW_ESTABLISHED ||
           packet->tcp_flags & (WEIR_TCP_FIN | WEIR_TCP_RST);
}

/*
 * Once a second and direction: the entry stays young, and the other direction stays in the table.
 * A direction without packets of its own is kept young by the other one, and its next hop is looked
 * up anew when it is needed.
 */
static __noinline void flow_touch_v4(const struct weir_packet *packet, struct weir_flow_v4 *entry,
                                     __u64 now) {
    struct weir_flow_v4 *peer = flow_peer_v4(&packet->tuple, entry);

    entry->flow.seen = now;
    if (peer && now >= peer->flow.seen + 2ULL * WEIR_REFRESH_NS) {
        peer->flow.seen = now;
        peer->flow.next_hop.ifindex = WEIR_HOP_UNKNOWN;
    }
}

static __always_inline int flow_due(const struct weir_flow *flow, __u64 now) {
    return now >= flow->seen + WEIR_REFRESH_NS;
}

/*
 * Where the packet goes next: what the entry says, asked of the FIB again at most once a second.
 * The answer is a copy, because another CPU may renew the entry meanwhile.
 */
static __always_inline void flow_route_v4(void *ctx, __u32 ifindex,
                                          const struct weir_packet *packet,
                                          struct weir_flow_v4 *entry, __u64 now,
                                          struct weir_next_hop *hop) {
    *hop = entry->flow.next_hop;
    if (flow_due(&entry->flow, now) || hop->ifindex == WEIR_HOP_UNKNOWN) {
        flow_touch_v4(packet, entry, now);
        world_route_v4(ctx, ifindex, packet, entry);
        *hop = entry->flow.next_hop;
    }
    if (hop->ifindex != WEIR_HOP_UNREACHABLE && packet->ip_length > entry->flow.mtu)
        hop->ifindex = WEIR_HOP_STACK;
}
