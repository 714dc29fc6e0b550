/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * NAT: what a translation is (worked out once per flow), its inverse, and how it is written into a
 * frame. The inverse of a tuple's translation is the translation of the tuple that answers it (I3).
 */
#pragma once

#include "bpf/csum.h"
#include "bpf/parse.h"

/* What replacing one address by another adds to a ones' complement sum: mapped IPv4 counts as IPv4,
 * for its 0xffff is zero there. */
static __always_inline __u16 nat_address_delta(const struct weir_address *from,
                                               const struct weir_address *to) {
    __u16 delta = 0;

    for (int i = 0; i < 4; i++)
        delta = csum_add(delta, csum_delta32(from->words[i], to->words[i]));
    return delta;
}

static __always_inline void nat_map_v4(struct weir_address *address, __be32 v4) {
    address->words[0] = 0;
    address->words[1] = 0;
    address->words[2] = bpf_htonl(0xffff);
    address->words[3] = v4;
}

static __always_inline void nat_source(int family, const union weir_any_tuple *tuple,
                                       struct weir_address *address) {
    if (family == WEIR_V4)
        nat_map_v4(address, tuple->v4.saddr);
    else
        *address = tuple->v6.saddr;
}

static __always_inline void nat_destination(int family, const union weir_any_tuple *tuple,
                                            struct weir_address *address) {
    if (family == WEIR_V4)
        nat_map_v4(address, tuple->v4.daddr);
    else
        *address = tuple->v6.daddr;
}

/*
 * Whether the source is a single host, and not this one: to others nobody sends ICMP (RFC 1812,
 * 4.3.2.7; RFC 4443, 2.4 e).
 */
static __always_inline int nat_is_host(int family, const union weir_any_tuple *tuple) {
    const struct weir_address *source = &tuple->v6.saddr;
    __u8 net;

    if (family == WEIR_V6) /* no group, nor :: or ::1 */
        return source->bytes[0] != 0xff && (source->words[0] || source->words[1] ||
                                            source->words[2] || bpf_ntohl(source->words[3]) > 1);
    net = (__u8)(bpf_ntohl(tuple->v4.saddr) >> 24);
    return net != 0 && net != 127 && net < 224;
}

static __always_inline __u8 nat_family_of(const struct weir_address *address) {
    int mapped = !address->words[0] && !address->words[1] && address->words[2] == bpf_htonl(0xffff);

    return mapped ? WEIR_V4 : WEIR_V6;
}

static __always_inline int nat_same_address(const struct weir_address *a,
                                            const struct weir_address *b) {
    return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->words[2] == b->words[2] &&
           a->words[3] == b->words[3];
}

/* Works out the deltas, once addresses and ports are set. */
static __always_inline void nat_measure(int family, const union weir_any_tuple *tuple,
                                        struct weir_flow *flow) {
    struct weir_address from;
    __u16 delta;

    nat_source(family, tuple, &from);
    delta = nat_address_delta(&from, &flow->saddr);
    nat_destination(family, tuple, &from);
    flow->address_delta = csum_add(delta, nat_address_delta(&from, &flow->daddr));
    flow->port_delta = csum_add(csum_delta16(tuple->head.sport, flow->sport),
                                csum_delta16(tuple->head.dport, flow->dport));
}

/* The tuple that answers a packet translated by `flow`, of flow->family: the key of the other
 * direction. */
static __always_inline void nat_answer_tuple(const struct weir_flow *flow, __u8 protocol,
                                             union weir_any_tuple *answer) {
    __builtin_memset(answer, 0, sizeof(*answer));
    answer->head.sport = flow->dport;
    answer->head.dport = flow->sport;
    answer->head.protocol = protocol;
    if (flow->family == WEIR_V4) {
        answer->v4.saddr = flow->daddr.words[3];
        answer->v4.daddr = flow->saddr.words[3];
    } else {
        answer->v6.saddr = flow->daddr;
        answer->v6.daddr = flow->saddr;
    }
}

/*
 * Turns the entry under which packets with `tuple` are translated into that of the other direction.
 * Its next hop is for its own packets to find.
 */
static __always_inline void nat_turn(int family, const union weir_any_tuple *tuple,
                                     struct weir_flow *flow) {
    flow->sport = tuple->head.dport;
    flow->dport = tuple->head.sport;
    nat_destination(family, tuple, &flow->saddr);
    nat_source(family, tuple, &flow->daddr);
    flow->family = (__u8)family;
    flow->address_delta = csum_negate(flow->address_delta);
    flow->port_delta = csum_negate(flow->port_delta);
    flow->next_hop.ifindex = WEIR_HOP_UNKNOWN;
    flow->direction = flow->direction == WEIR_FORWARD ? WEIR_REPLY : WEIR_FORWARD;
    flow->flags &= WEIR_FLOW_LOCAL;
    flow->ack = 0;
}

/*
 * Writes the translation into the headers. False, with nothing written, when they do not lie within
 * [data, end): every bound is checked before the first write (I5).
 */
static __always_inline int nat_rewrite(int family, void *data, const void *end,
                                       const struct weir_packet *packet,
                                       const struct weir_flow *flow) {
    __u8 *l3 = (__u8 *)data + (packet->l3_offset & WEIR_OFFSET_MASK);
    __u8 *l4 = (__u8 *)data + (packet->l4_offset & WEIR_OFFSET_MASK);
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
        ip->saddr = flow->saddr.words[3];
        ip->daddr = flow->daddr.words[3];
        ip->check = csum_apply(ip->check, flow->address_delta);
    } else {
        __builtin_memcpy(&ip6->saddr, &flow->saddr, sizeof(ip6->saddr));
        __builtin_memcpy(&ip6->daddr, &flow->daddr, sizeof(ip6->daddr));
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
static __always_inline int nat_decrement_ttl(int family, void *l3, const void *end) {
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
