/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Track: follow a connection's state, and move its flow to the established table when both ends
 * have proved to be there. On an established flow only FIN and RST have work to do here.
 */
#pragma once

#include "bpf/flow.h"

/* Moves one direction to the established table. It stays where it is if that table refuses. */
static __always_inline void flow_establish(enum weir_family family,
                                           const union weir_any_tuple *tuple,
                                           const union weir_any_flow *entry) {
    union weir_any_flow copy;

    flow_copy(family, &copy, entry);
    copy.flow.state = WEIR_FLOW_ESTABLISHED;
    if (!bpf_map_update_elem(flow_established_table(family), tuple, &copy, BPF_ANY))
        bpf_map_delete_elem(flow_new_table(family), tuple);
}

/* Both directions; at no moment is one of them in neither table. */
static __always_inline void flow_promote(enum weir_family family, const union weir_any_tuple *tuple,
                                         const union weir_any_flow *entry) {
    const union weir_any_flow *peer = flow_peer(family, tuple, entry);
    union weir_any_tuple answer;

    nat_answer_tuple(family, entry, tuple->head.protocol, &answer);
    if (peer)
        flow_establish(family, &answer, peer);
    flow_establish(family, tuple, entry);
}

static __always_inline void flow_set_state(union weir_any_flow *entry, union weir_any_flow *peer,
                                           __u8 state) {
    entry->flow.state = state;
    if (peer)
        peer->flow.state = state;
}

/*
 * Follows the connection, after the packet was rewritten: promotion moves the entry, and the
 * pointer must not be used again. A new flow is promoted by the client's ACK of the backend's ISN
 * + 1, by an answer that is no SYN-ACK (UDP, or TCP that was picked up in mid-stream), and by
 * nothing else. On a flow that was promoted, RST and FIN shorten the idle timeout: a forged one
 * does no harm while packets pass. On another they change nothing, for it has the shortest already.
 */
static __always_inline void flow_follow(enum weir_family family, const struct weir_packet *packet,
                                        union weir_any_flow *entry) {
    struct weir_flow *flow = &entry->flow;
    int reply = flow->direction == WEIR_REPLY;
    union weir_any_flow *peer;

    if (packet->tcp_flags & (WEIR_TCP_FIN | WEIR_TCP_RST)) {
        if (flow->state == WEIR_FLOW_NEW || flow->state == WEIR_FLOW_REPLIED)
            return;
        flow_set_state(entry, flow_peer(family, &packet->tuple, entry), WEIR_FLOW_CLOSING);
    } else if (reply && flow->state == WEIR_FLOW_NEW && packet->tcp_flags & WEIR_TCP_SYN) {
        peer = flow_peer(family, &packet->tuple, entry);
        if (peer)
            peer->flow.ack = packet->seq + 1;
        flow_set_state(entry, peer, WEIR_FLOW_REPLIED);
    } else if (reply && flow->state == WEIR_FLOW_NEW) {
        flow_promote(family, &packet->tuple, entry);
    } else if (!reply && flow->state == WEIR_FLOW_REPLIED && packet->ack_seq == flow->ack &&
               (packet->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_ACK) {
        flow_promote(family, &packet->tuple, entry);
    }
}

static __noinline void flow_track_v4(const struct weir_packet *packet, union weir_any_flow *entry) {
    flow_follow(WEIR_V4, packet, entry);
}

static __noinline void flow_track_v6(const struct weir_packet *packet, union weir_any_flow *entry) {
    flow_follow(WEIR_V6, packet, entry);
}

/* Follows the connection where the packet can change its state; on an established flow few can. */
static __always_inline void flow_track(enum weir_family family, const struct weir_packet *packet,
                                       union weir_any_flow *entry) {
    if (entry->flow.state == WEIR_FLOW_ESTABLISHED &&
        !(packet->tcp_flags & (WEIR_TCP_FIN | WEIR_TCP_RST)))
        return;
    if (family == WEIR_V4)
        flow_track_v4(packet, entry);
    else
        flow_track_v6(packet, entry);
}
