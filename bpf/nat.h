/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * NAT: what a translation is (worked out once per flow), its inverse, and how it is written into a
 * frame. The inverse of a tuple's translation is the translation of the tuple that answers it (I3).
 */
#pragma once

#include "bpf/csum.h"
#include "bpf/parse.h"

/* Fills the translation of `from` so that it becomes `to`. */
static __always_inline void nat_describe_v4(const struct weir_tuple_v4 *from,
                                            const struct weir_tuple_v4 *to,
                                            struct weir_flow_v4 *entry) {
    entry->saddr = to->saddr;
    entry->daddr = to->daddr;
    entry->flow.sport = to->sport;
    entry->flow.dport = to->dport;
    entry->flow.address_delta =
        csum_add(csum_delta32(from->saddr, to->saddr), csum_delta32(from->daddr, to->daddr));
    entry->flow.port_delta =
        csum_add(csum_delta16(from->sport, to->sport), csum_delta16(from->dport, to->dport));
}

/* The tuple that answers a packet translated by `entry`: the key of the other direction. */
static __always_inline void nat_answer_tuple_v4(const struct weir_flow_v4 *entry, __u8 protocol,
                                                struct weir_tuple_v4 *answer) {
    __builtin_memset(answer, 0, sizeof(*answer));
    answer->saddr = entry->daddr;
    answer->daddr = entry->saddr;
    answer->sport = entry->flow.dport;
    answer->dport = entry->flow.sport;
    answer->protocol = protocol;
}

/* The other direction of the flow whose packets arrive with `tuple` and are translated by `entry`.
 */
static __always_inline void nat_reverse_v4(const struct weir_tuple_v4 *tuple,
                                           const struct weir_flow_v4 *entry,
                                           struct weir_flow_v4 *reverse) {
    __builtin_memset(reverse, 0, sizeof(*reverse));
    reverse->saddr = tuple->daddr;
    reverse->daddr = tuple->saddr;
    reverse->flow.sport = tuple->dport;
    reverse->flow.dport = tuple->sport;
    reverse->flow.address_delta = csum_negate(entry->flow.address_delta);
    reverse->flow.port_delta = csum_negate(entry->flow.port_delta);
    reverse->flow.seen = entry->flow.seen;
    reverse->flow.next_hop.ifindex = WEIR_HOP_UNKNOWN;
    reverse->flow.service = entry->flow.service;
    reverse->flow.backend = entry->flow.backend;
    reverse->flow.state = entry->flow.state;
    reverse->flow.direction = entry->flow.direction == WEIR_FORWARD ? WEIR_REPLY : WEIR_FORWARD;
}

/*
 * Writes the translation into the headers. False, with nothing written, when they do not lie within
 * [data, end): every bound is checked before the first write (I5).
 */
static __always_inline int nat_rewrite_v4(void *data, const void *end,
                                          const struct weir_packet *packet,
                                          const struct weir_flow_v4 *entry) {
    struct iphdr *ip = (struct iphdr *)((__u8 *)data + (packet->l3_offset & WEIR_OFFSET_MASK));
    void *l4 = (__u8 *)data + (packet->l4_offset & WEIR_OFFSET_MASK);
    __u16 delta = csum_add(entry->flow.address_delta, entry->flow.port_delta);
    struct tcphdr *tcp = (struct tcphdr *)l4;
    struct udphdr *udp = (struct udphdr *)l4;

    if ((const void *)(ip + 1) > end || (const void *)(udp + 1) > end)
        return 0;
    if (packet->tuple.protocol == IPPROTO_TCP) {
        if ((const void *)(tcp + 1) > end)
            return 0;
        tcp->check = csum_apply(tcp->check, delta);
    } else {
        udp->check = csum_apply_udp(udp->check, delta);
    }
    /* source and destination port stand at the same place in both headers */
    udp->source = entry->flow.sport;
    udp->dest = entry->flow.dport;
    ip->saddr = entry->saddr;
    ip->daddr = entry->daddr;
    ip->check = csum_apply(ip->check, entry->flow.address_delta);
    return 1;
}

/* One hop less to live, as a router does (RFC 1812, 5.3.1). The caller saw that ttl is above 1. */
static __always_inline void nat_decrement_ttl(struct iphdr *ip) {
    __u16 delta =
        csum_delta16(bpf_htons((__u16)(ip->ttl << 8)), bpf_htons((__u16)((ip->ttl - 1) << 8)));

    ip->ttl--;
    ip->check = csum_apply(ip->check, delta);
}
