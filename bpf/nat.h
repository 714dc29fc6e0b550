/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* NAT: how a translation is written into a frame. */
#pragma once

#include "bpf/entry.h"
#include "bpf/parse.h"

/*
 * Writes the translation into the headers. False, with nothing written, when they do not lie within
 * [data, end): every bound is checked before the first write (I5).
 */
static __always_inline int nat_rewrite(long family, void *data, const void *end,
                                       const struct weir_packet *packet,
                                       const struct weir_flow *flow) {
    __u8 *l3 = (__u8 *)data + (packet->l3_offset & WEIR_OFFSET_MASK);
    __u8 *l4 = (__u8 *)data + (packet->l4_offset & WEIR_OFFSET_MASK);
    struct entry_sum sums = entry_sums(family, &packet->tuple, flow);
    __u64 sum = sums.addresses + sums.ports;
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
        ip->saddr = flow->v4.saddr;
        ip->daddr = flow->v4.daddr;
        ip->check = csum_apply(ip->check, sums.addresses);
    } else {
        __builtin_memcpy(&ip6->saddr, &entry_v6(flow)->saddr, sizeof(ip6->saddr));
        __builtin_memcpy(&ip6->daddr, &entry_v6(flow)->daddr, sizeof(ip6->daddr));
    }
    ports[0] = flow->sport;
    ports[1] = flow->dport;
    *check = tcp ? csum_apply(*check, sum) : csum_apply_udp(*check, sum);
    return 1;
}

/*
 * One hop less to live, as a router does (RFC 1812, 5.3.1; RFC 8200, 3). The caller saw that it is
 * above 1. A TTL is the high byte of a word that is summed, which becomes less by 0x0100.
 * False, with nothing written, when the header does not lie within [data, end).
 */
static __always_inline int nat_decrement_ttl(long family, void *l3, const void *end) {
    struct iphdr *ip = (struct iphdr *)l3;
    struct ipv6hdr *ip6 = (struct ipv6hdr *)l3;

    if (family == WEIR_V6) {
        if ((const void *)(ip6 + 1) > end)
            return 0;
        ip6->hop_limit--;
        return 1;
    }
    if ((const void *)(ip + 1) > end)
        return 0;
    ip->ttl--;
    ip->check = csum_apply(ip->check, bpf_htons(0xffff - 0x0100));
    return 1;
}
