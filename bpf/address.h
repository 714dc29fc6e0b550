/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Address: those of a tuple, in the form that holds either family's (struct weir_address), and the
 * tuple that an IPv4 packet has among IPv6's flows.
 */
#pragma once

#include "bpf/csum.h"
#include "bpf/packet.h"

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

static __always_inline void nat_source(long family, const union weir_any_tuple *tuple,
                                       struct weir_address *address) {
    if (family == WEIR_V4)
        nat_map_v4(address, tuple->v4.saddr);
    else
        *address = tuple->v6.saddr;
}

static __always_inline void nat_destination(long family, const union weir_any_tuple *tuple,
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
static __always_inline int nat_is_host(long family, const union weir_any_tuple *tuple) {
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

/* Of a flow in IPv6's tables, the family of the packets with this tuple. */
static __always_inline long nat_wire(long family, const union weir_any_tuple *tuple) {
    long mapped = tuple->head.mapped & 1;

    return family == WEIR_V6 ? family - mapped * (WEIR_V6 - WEIR_V4) : family;
}

/* The key of an IPv4 packet in IPv6's tables. `tuple` and `mapped` may be one. */
static __always_inline void nat_map_tuple(const union weir_any_tuple *tuple,
                                          union weir_any_tuple *mapped) {
    __be32 saddr = tuple->v4.saddr;
    __be32 daddr = tuple->v4.daddr;

    mapped->head = tuple->head;
    mapped->head.mapped = 1;
    nat_map_v4(&mapped->v6.saddr, saddr);
    nat_map_v4(&mapped->v6.daddr, daddr);
}

/* And back. */
static __always_inline void nat_unmap_tuple(union weir_any_tuple *tuple) {
    __be32 saddr = tuple->v6.saddr.words[3];
    __be32 daddr = tuple->v6.daddr.words[3];

    tuple->head.mapped = 0;
    tuple->v4.saddr = saddr;
    tuple->v4.daddr = daddr;
}

/* The key of an IPv4 packet in the tables of the family that `family` is not. */
static __always_inline void nat_cross_tuple(long family, const union weir_any_tuple *tuple,
                                            union weir_any_tuple *crossed) {
    if (family == WEIR_V4) {
        nat_map_tuple(tuple, crossed);
    } else {
        crossed->v6 = tuple->v6;
        nat_unmap_tuple(crossed);
    }
}
