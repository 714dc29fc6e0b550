/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the TC hooks do with ICMP. */
#pragma once

#include "bpf/tc_way.h"

/* An error about an IPv4 packet of a flow that changes its family. */
static __noinline int tc_icmp_is_of_v6(const struct weir_packet *packet,
                                       const struct icmp_embedded *in) {
    const struct weir_settings *set = settings_get();
    const struct weir_flow *entry;
    union weir_any_tuple key;

    if (!set || !set->changes_family)
        return 0;
    nat_map_tuple(&in->answer, &key);
    entry = flow_find(WEIR_V6, &key);
    if (!entry || flow_expired(entry, key.head.protocol, packet->now))
        return 0;
    event_drop(WEIR_V4, packet, NULL, WEIR_DROP_NOT_TRANSLATABLE, entry->service, entry->backend);
    return 1;
}

/* Whether an error gets a route of its own: at ingress unless it is for a program on this host, and
 * at egress when it is by one, about an answer: the stack has routed it to the VIP. */
static __always_inline int tc_icmp_is_routed(const struct weir_flow *entry, enum tc_side side) {
    int local = (entry->flags & WEIR_FLOW_LOCAL) != 0;
    int reply = (entry->flags & WEIR_FLOW_REPLY) != 0;

    return side == TC_INGRESS ? !(local && reply) : local && !reply;
}

/* An ICMP message: an echo request to a VIP, or an error about the packet of a flow. */
static __always_inline int tc_icmp(struct __sk_buff *skb, long family,
                                   const struct weir_packet *packet, enum tc_side side) {
    __u8 hops = side == TC_INGRESS; /* what the host itself sends has made none yet */
    struct weir_next_hop hop = {};
    struct icmp_embedded in;
    struct weir_flow *entry;

    if (side == TC_INGRESS && icmp_is_echo(family, packet)) {
        if (!icmp_echo(skb, family, packet)) {
            event_drop(family, packet, NULL, WEIR_DROP_REWRITE_FAILED, WEIR_NO_SERVICE,
                       WEIR_NO_BACKEND);
            return TC_ACT_SHOT;
        }
        count_icmp(WEIR_ICMP_ANSWERED);
        return (int)bpf_redirect(skb->ifindex, 0);
    }
    if (!icmp_is_error(family, packet) || !icmp_read(family, skb, packet, &in))
        return TC_ACT_OK;
    entry = flow_find(family, &in.answer);
    if (!entry && family == WEIR_V4 && tc_icmp_is_of_v6(packet, &in))
        return TC_ACT_SHOT;
    if (!entry || flow_expired(entry, in.answer.head.protocol, packet->now))
        return TC_ACT_OK;
    if (entry_new_family(family, entry) != family) {
        event_drop(family, packet, NULL, WEIR_DROP_NOT_TRANSLATABLE, entry->service,
                   entry->backend);
        return TC_ACT_SHOT;
    }
    if (tc_icmp_is_routed(entry, side))
        route_find(skb, packet, family, entry, &hop);
    if (hop.ifindex == WEIR_HOP_STACK && side == TC_INGRESS &&
        tc_is_for_client(family, packet, entry))
        return TC_ACT_OK; /* as a reply: with the VIP as its source, the stack might refuse it */
    if (hop.ifindex == WEIR_HOP_UNREACHABLE || (hop.ifindex && packet->ttl <= hops)) {
        event_drop(
            family, packet, NULL,
            hop.ifindex == WEIR_HOP_UNREACHABLE ? WEIR_DROP_UNREACHABLE : WEIR_DROP_TTL_EXPIRED,
            entry->service, entry->backend);
        return TC_ACT_SHOT;
    }
    if (!icmp_translate(skb, family, packet, &in, entry)) {
        event_drop(family, packet, NULL, WEIR_DROP_REWRITE_FAILED, entry->service, entry->backend);
        return TC_ACT_SHOT;
    }
    count_icmp(WEIR_ICMP_TRANSLATED);
    count_trace(entry->service, entry->backend,
                entry->flags & WEIR_FLOW_REPLY ? WEIR_TRACE_REPLY : WEIR_TRACE_ESTABLISHED,
                WEIR_DROP_NONE);
    if (hop.ifindex == WEIR_HOP_STACK)
        return TC_ACT_OK;
    rewrite_ttl(family, skb, packet->l3_offset, packet->ttl, packet->ttl - hops);
    return tc_send(skb, packet, &hop, side);
}
