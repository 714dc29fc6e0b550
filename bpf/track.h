/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Track: follow a connection's state, and move its flow to the established table when both ends
 * have proved to be there. On an established flow only FIN and RST have work to do here.
 */
#pragma once

#include "bpf/account.h"
#include "bpf/event.h"
#include "bpf/flow.h"
#include "bpf/latency.h"

/* Moves one direction to the established table. It stays where it is if that table refuses. */
static __noinline void flow_establish(long family, const union weir_any_tuple *tuple,
                                      const struct weir_flow *entry) {
    struct weir_flow_v6 copy;

    entry_copy(family, entry, &copy);
    copy.flow.state = WEIR_FLOW_ESTABLISHED;
    if (!bpf_map_update_elem(flow_established_table(family), tuple, &copy, BPF_ANY))
        bpf_map_delete_elem(flow_new_table(family), tuple);
}

/* Both directions, `peer` the other one's entry or NULL; at no moment is one of them in neither
 * table. */
static __noinline void flow_promote(long family, const struct weir_packet *packet,
                                    const struct weir_flow *entry, const struct weir_flow *peer) {
    union weir_any_tuple key;

    entry_answer(family, entry, packet->tuple.head.protocol, &key);
    if (peer)
        flow_establish(family, &key, peer);
    flow_key(family, &packet->tuple, &key);
    flow_establish(family, &key, entry);
}

static __always_inline void flow_set_state(struct weir_flow *entry, struct weir_flow *peer,
                                           __u8 state) {
    entry->state = state;
    if (peer)
        peer->state = state;
}

static __always_inline void flow_count_closed(__u32 backend) {
    __s32 *flows = bpf_map_lookup_elem(&backend_flows, &backend);

    if (flows)
        __sync_fetch_and_add(flows, -1);
}

/* A FIN or an RST on a flow that was promoted. */
static __always_inline void flow_close(long family, const struct weir_packet *packet,
                                       struct weir_flow *entry) {
    struct weir_flow *peer = flow_peer(family, &packet->tuple, entry);
    __u8 state = WEIR_FLOW_CLOSED;

    if (packet->tcp_flags & WEIR_TCP_FIN) {
        entry->flags |= WEIR_FLOW_FIN;
        if (entry->state != WEIR_FLOW_CLOSED && (!peer || !(peer->flags & WEIR_FLOW_FIN)))
            state = WEIR_FLOW_CLOSING;
    }
    if (state == WEIR_FLOW_CLOSED && entry->state != WEIR_FLOW_CLOSED) {
        flow_count_closed(entry->backend);
        event_flow(WEIR_EVENT_CLOSED, family, packet, entry);
    }
    flow_set_state(entry, peer, state);
}

/* The backend's SYN: from now on the client's ACK of it completes the handshake. */
static __always_inline void flow_answered(long family, const struct weir_packet *packet,
                                          struct weir_flow *entry) {
    struct weir_flow *peer = flow_peer(family, &packet->tuple, entry);

    if (peer)
        peer->ack = packet->seq + 1;
    if (entry->state == WEIR_FLOW_NEW)
        latency_note(entry->service, WEIR_LATENCY_ANSWER, entry->ack, packet->now);
    flow_set_state(entry, peer, WEIR_FLOW_REPLIED);
}

/* Both ends have proved to be there. */
static __always_inline void flow_complete(long family, const struct weir_packet *packet,
                                          struct weir_flow *entry) {
    struct weir_flow *peer = flow_peer(family, &packet->tuple, entry);

    if (entry->flags & WEIR_FLOW_REPLY)
        latency_note(entry->service, WEIR_LATENCY_ANSWER, entry->ack, packet->now);
    else if (peer)
        latency_note(entry->service, WEIR_LATENCY_HANDSHAKE, peer->ack, packet->now);
    event_flow(WEIR_EVENT_ESTABLISHED, family, packet, entry);
    if (options.account)
        account_establish(family, packet);
    flow_promote(family, packet, entry, peer);
}

/*
 * Follows the connection, after the packet was rewritten: promotion moves the entry, and the
 * pointer must not be used again. A new flow is promoted by the client's ACK of the backend's ISN
 * + 1, by an answer that is no SYN (UDP, or TCP that was picked up in mid-stream), and by nothing
 * else. In a simultaneous open (RFC 9293, 3.5) the backend's SYN comes without ACK, and the
 * client's ACK with SYN. On a flow that was promoted, RST and FIN shorten the idle timeout: a
 * forged one does no harm while packets pass. On another they change nothing, for it has the
 * shortest already.
 */
static __always_inline void flow_follow(long family, const struct weir_packet *packet,
                                        struct weir_flow *entry) {
    int reply = (entry->flags & WEIR_FLOW_REPLY) != 0;
    int fresh = entry->state == WEIR_FLOW_NEW || entry->state == WEIR_FLOW_REPLIED;

    if (packet->tcp_flags & (WEIR_TCP_FIN | WEIR_TCP_RST)) {
        if (!fresh)
            flow_close(family, packet, entry);
        else if (packet->tcp_flags & WEIR_TCP_RST) /* refused: told, and left to its timeout */
            event_flow(WEIR_EVENT_CLOSED, family, packet, entry);
    } else if (reply && packet->tcp_flags & WEIR_TCP_SYN && fresh) {
        flow_answered(family, packet, entry);
    } else if ((reply && entry->state == WEIR_FLOW_NEW) ||
               (!reply && entry->state == WEIR_FLOW_REPLIED && packet->ack_seq == entry->ack &&
                packet->tcp_flags & WEIR_TCP_ACK)) {
        flow_complete(family, packet, entry);
    }
}

/* Global functions: the verifier looks at them once. */
__noinline int flow_follow_v4(const struct weir_packet *packet, struct weir_flow *entry) {
    if (packet && entry)
        flow_follow(WEIR_V4, packet, entry);
    return 0;
}

__noinline int flow_follow_v6(const struct weir_packet *packet, struct weir_flow_v6 *entry) {
    if (packet && entry)
        flow_follow(WEIR_V6, packet, &entry->flow);
    return 0;
}

/* Follows the connection where the packet can change its state; on an established flow few can. */
static __always_inline void flow_track(long family, const struct weir_packet *packet,
                                       struct weir_flow *entry) {
    if (packet->fragment == WEIR_LATER_FRAGMENT)
        return;
    if (entry->state == WEIR_FLOW_ESTABLISHED &&
        !(packet->tcp_flags & (WEIR_TCP_FIN | WEIR_TCP_RST)))
        return;
    if (family == WEIR_V4)
        flow_follow_v4(packet, entry);
    else
        flow_follow_v6(packet, (struct weir_flow_v6 *)entry);
}
