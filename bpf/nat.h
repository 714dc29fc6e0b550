/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * NAT: what a translation is (worked out once per flow), its inverse, and how it is written into a
 * frame. The inverse of a tuple's translation is the translation of the tuple that answers it (I3).
 */
#pragma once

#include "bpf/csum.h"
#include "bpf/parse.h"

static __always_inline __u16 nat_address_delta(const struct weir_address *from,
                                               const struct weir_address *to) {
    __u16 delta = 0;

    for (int i = 0; i < 4; i++)
        delta = csum_add(delta, csum_delta32(from->words[i], to->words[i]));
    return delta;
}

/* DNAT: the destination becomes the backend. */
static __always_inline void nat_to_backend(enum weir_family family,
                                           const union weir_any_tuple *tuple,
                                           const struct weir_backend *backend,
                                           union weir_any_flow *entry) {
    struct weir_flow *flow = &entry->flow;

    flow->direction = WEIR_FORWARD;
    flow->sport = tuple->head.sport;
    flow->dport = backend->port;
    flow->port_delta = csum_delta16(tuple->head.dport, backend->port);
    if (family == WEIR_V4) {
        entry->v4.saddr = tuple->v4.saddr;
        entry->v4.daddr = backend->address.words[3];
        flow->address_delta = csum_delta32(tuple->v4.daddr, entry->v4.daddr);
    } else {
        entry->v6.saddr = tuple->v6.saddr;
        entry->v6.daddr = backend->address;
        flow->address_delta = nat_address_delta(&tuple->v6.daddr, &backend->address);
    }
}

/* The tuple that answers a packet translated by `entry`: the key of the other direction. */
static __always_inline void nat_answer_tuple(enum weir_family family,
                                             const union weir_any_flow *entry, __u8 protocol,
                                             union weir_any_tuple *answer) {
    __builtin_memset(answer, 0, sizeof(*answer));
    answer->head.sport = entry->flow.dport;
    answer->head.dport = entry->flow.sport;
    answer->head.protocol = protocol;
    if (family == WEIR_V4) {
        answer->v4.saddr = entry->v4.daddr;
        answer->v4.daddr = entry->v4.saddr;
    } else {
        answer->v6.saddr = entry->v6.daddr;
        answer->v6.daddr = entry->v6.saddr;
    }
}

/*
 * Turns the entry under which packets with `tuple` are translated into that of the other direction.
 * Its next hop is for its own packets to find.
 */
static __always_inline void nat_turn(enum weir_family family, const union weir_any_tuple *tuple,
                                     union weir_any_flow *entry) {
    struct weir_flow *flow = &entry->flow;

    flow->sport = tuple->head.dport;
    flow->dport = tuple->head.sport;
    flow->address_delta = csum_negate(flow->address_delta);
    flow->port_delta = csum_negate(flow->port_delta);
    flow->next_hop.ifindex = WEIR_HOP_UNKNOWN;
    flow->direction = flow->direction == WEIR_FORWARD ? WEIR_REPLY : WEIR_FORWARD;
    if (family == WEIR_V4) {
        entry->v4.saddr = tuple->v4.daddr;
        entry->v4.daddr = tuple->v4.saddr;
    } else {
        entry->v6.saddr = tuple->v6.daddr;
        entry->v6.daddr = tuple->v6.saddr;
    }
}

/*
 * Writes the translation into the headers. False, with nothing written, when they do not lie within
 * [data, end): every bound is checked before the first write (I5).
 */
static __always_inline int nat_rewrite(enum weir_family family, void *data, const void *end,
                                       const struct weir_packet *packet,
                                       const union weir_any_flow *entry) {
    __u8 *l3 = (__u8 *)data + (packet->l3_offset & WEIR_OFFSET_MASK);
    __u8 *l4 = (__u8 *)data + (packet->l4_offset & WEIR_OFFSET_MASK);
    const struct weir_flow *flow = &entry->flow;
    __u16 delta = csum_add(flow->address_delta, flow->port_delta);
    int tcp = packet->tuple.head.protocol == IPPROTO_TCP;
    __u16 *check =
        (__u16 *)(l4 + (tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check)));
    __be16 *ports = (__be16 *)l4; /* at the same place in both headers */
    struct iphdr *ip = (struct iphdr *)l3;
    struct ipv6hdr *ip6 = (struct ipv6hdr *)l3;

    if ((const void *)(l4 + sizeof(struct udphdr)) > end || (const void *)(check + 1) > end ||
        (const void *)(l3 + (family == WEIR_V4 ? sizeof(*ip) : sizeof(*ip6))) > end)
        return 0;
    if (family == WEIR_V4) {
        ip->saddr = entry->v4.saddr;
        ip->daddr = entry->v4.daddr;
        ip->check = csum_apply(ip->check, flow->address_delta);
    } else {
        __builtin_memcpy(&ip6->saddr, &entry->v6.saddr, sizeof(ip6->saddr));
        __builtin_memcpy(&ip6->daddr, &entry->v6.daddr, sizeof(ip6->daddr));
    }
    ports[0] = flow->sport;
    ports[1] = flow->dport;
    *check = tcp ? csum_apply(*check, delta) : csum_apply_udp(*check, delta);
    return 1;
}

/*
 * One hop less to live, as a router does (RFC 1812, 5.3.1; RFC 8200, 3). The caller saw that it is
 * above 1. False, with nothing written, when the header does not lie within [data, end).
 */
static __always_inline int nat_decrement_ttl(enum weir_family family, void *l3, const void *end) {
    struct iphdr *ip = (struct iphdr *)l3;
    struct ipv6hdr *ip6 = (struct ipv6hdr *)l3;
    __u16 delta;

    if (family == WEIR_V6) {
        if ((const void *)(ip6 + 1) > end)
            return 0;
        ip6->hop_limit--;
        return 1;
    }
    if ((const void *)(ip + 1) > end)
        return 0;
    delta = csum_delta16(bpf_htons((__u16)(ip->ttl << 8)), bpf_htons((__u16)((ip->ttl - 1) << 8)));
    ip->ttl--;
    ip->check = csum_apply(ip->check, delta);
    return 1;
}
