/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Parse: from bytes to a tuple. What this file cannot name with certainty (another protocol, a
 * header cut short, an IPv6 route that is not at its end) is not Weir's packet and goes on
 * untouched (I1).
 */
#pragma once

#include "bpf/address.h"

static __always_inline int parse_tcp(const struct tcphdr *tcp, const void *end,
                                     struct weir_packet *packet) {
    if ((const void *)(tcp + 1) > end || tcp->doff < 5)
        return 0;
    packet->tuple.head.sport = tcp->source;
    packet->tuple.head.dport = tcp->dest;
    packet->seq = bpf_ntohl(tcp->seq);
    packet->ack_seq = bpf_ntohl(tcp->ack_seq);
    packet->l4_header = (__u16)(tcp->doff * 4);
    packet->tcp_flags = ((const __u8 *)tcp)[13];
    return 1;
}

static __always_inline int parse_udp(const struct udphdr *udp, const void *end,
                                     struct weir_packet *packet) {
    if ((const void *)(udp + 1) > end)
        return 0;
    packet->tuple.head.sport = udp->source;
    packet->tuple.head.dport = udp->dest;
    packet->l4_header = sizeof(*udp);
    return 1;
}

static __always_inline int parse_icmp(const struct weir_icmp *icmp, const void *end,
                                      struct weir_packet *packet) {
    if ((const void *)(icmp + 1) > end)
        return 0;
    packet->is_icmp = 1;
    packet->icmp_type = icmp->type;
    packet->l4_header = sizeof(*icmp);
    return 1;
}

static __always_inline int parse_l4(const void *l4, const void *end, __u8 protocol,
                                    enum weir_parse_scope scope, struct weir_packet *packet) {
    packet->tuple.head.protocol = protocol;
    if (packet->fragment == WEIR_LATER_FRAGMENT)
        return protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6;
    if (protocol == IPPROTO_TCP)
        return parse_tcp((const struct tcphdr *)l4, end, packet);
    if (protocol == IPPROTO_UDP)
        return parse_udp((const struct udphdr *)l4, end, packet);
    if (scope == WEIR_PARSE_ALL && packet->fragment == WEIR_WHOLE &&
        (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6))
        return parse_icmp((const struct weir_icmp *)l4, end, packet);
    return 0;
}

static __always_inline int parse_v4(const void *data, const void *end, __u32 l3,
                                    enum weir_parse_scope scope, struct weir_packet *packet) {
    const struct iphdr *ip = (const struct iphdr *)((const __u8 *)data + l3);
    __u32 header;
    __u16 fragment;

    if ((const void *)(ip + 1) > end)
        return 0;
    header = ip->ihl * 4U;
    fragment = bpf_ntohs(ip->frag_off);
    if (ip->version != 4 || header < sizeof(*ip))
        return 0;
    if (fragment & (WEIR_IP_MORE | WEIR_IP_OFFSET)) {
        if (scope == WEIR_PARSE_PLAIN)
            return 0;
        packet->fragment = fragment & WEIR_IP_OFFSET ? WEIR_LATER_FRAGMENT : WEIR_FIRST_FRAGMENT;
        packet->fragment_id = ip->id;
    }
    packet->tuple.v4.saddr = ip->saddr;
    packet->tuple.v4.daddr = ip->daddr;
    packet->l4_offset = (__u16)(l3 + header);
    packet->ip_length = bpf_ntohs(ip->tot_len);
    packet->ttl = ip->ttl;
    packet->tos = ip->tos;
    packet->may_fragment = !(fragment & WEIR_IP_DONT_FRAGMENT);
    return parse_l4((const __u8 *)ip + header, end, ip->protocol, scope, packet);
}

/*
 * The length of an extension header that may be walked over; 0 when it may not, and for a later
 * fragment, behind whose header no other is to be found.
 */
static __always_inline __u32 parse_extension(const struct weir_extension *extension, __u8 kind,
                                             enum weir_parse_scope scope,
                                             struct weir_packet *packet) {
    __u16 fragment = (__u16)(extension->third << 8 | extension->fourth);

    switch (kind) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_DSTOPTS:
            return 8U + extension->length * 8U;
        case IPPROTO_ROUTING: /* with segments left the destination is not the last one */
            return extension->fourth ? 0 : 8U + extension->length * 8U;
        case IPPROTO_FRAGMENT:
            if (!(fragment & (WEIR_IP6_MORE | WEIR_IP6_OFFSET)))
                return 8U; /* the atomic kind (RFC 6946) */
            if (scope == WEIR_PARSE_PLAIN)
                return 0;
            packet->fragment_id = extension->id;
            packet->fragment =
                fragment & WEIR_IP6_OFFSET ? WEIR_LATER_FRAGMENT : WEIR_FIRST_FRAGMENT;
            return 8U;
        default:
            return 0;
    }
}

static __always_inline int parse_v6(const void *data, const void *end, __u32 l3,
                                    enum weir_parse_scope scope, struct weir_packet *packet) {
    const struct ipv6hdr *ip = (const struct ipv6hdr *)((const __u8 *)data + l3);
    __u32 at = l3 + sizeof(*ip);
    __u8 next;

    if ((const void *)(ip + 1) > end || ip->version != 6)
        return 0;
    __builtin_memcpy(&packet->tuple.v6.saddr, &ip->saddr, sizeof(ip->saddr));
    __builtin_memcpy(&packet->tuple.v6.daddr, &ip->daddr, sizeof(ip->daddr));
    /* these stand for IPv4 addresses here, and no packet has them by right (RFC 4291, 2.5.5.2) */
    if (nat_family_of(&packet->tuple.v6.saddr) == WEIR_V4 ||
        nat_family_of(&packet->tuple.v6.daddr) == WEIR_V4)
        return 0;
    packet->ip_length = (__u32)sizeof(*ip) + bpf_ntohs(ip->payload_len);
    packet->ttl = ip->hop_limit;
    packet->tos = (__u8)(ip->priority << 4 | ip->flow_lbl[0] >> 4);
    next = ip->nexthdr;
    for (int i = 0; i <= WEIR_MAX_EXTENSIONS; i++) {
        const struct weir_extension *extension =
            (const struct weir_extension *)((const __u8 *)data + at);
        __u32 length;

        if (next == IPPROTO_TCP || next == IPPROTO_UDP || next == IPPROTO_ICMPV6 ||
            packet->fragment == WEIR_LATER_FRAGMENT) {
            packet->l4_offset = (__u16)at;
            return parse_l4(extension, end, next, scope, packet);
        }
        if ((const void *)(extension + 1) > end)
            return 0;
        length = parse_extension(extension, next, scope, packet);
        next = extension->next;
        at += length;
        if (length == 0 || at > WEIR_OFFSET_MASK)
            return 0;
    }
    return 0;
}

/* The EtherType behind the tags that stand in the frame, of which XDP takes none and TC two. */
static __always_inline __be16 parse_l2(const void *data, const void *end,
                                       enum weir_parse_scope scope, __u32 *l3) {
    const struct ethhdr *eth = (const struct ethhdr *)data;
    __be16 type = eth->h_proto;

    *l3 = sizeof(*eth);
    for (int i = 0; scope == WEIR_PARSE_ALL && i < 2; i++) {
        const struct weir_vlan_tag *tag = (const struct weir_vlan_tag *)((const __u8 *)data + *l3);

        if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
            break;
        if ((const void *)(tag + 1) > end)
            return 0;
        type = tag->type;
        *l3 += sizeof(*tag);
    }
    return type;
}

/*
 * The first step: the EtherType of what the frame carries, at packet->l3_offset; 0 when it is none
 * of Weir's. `length` is that of the whole frame, of which [data, end) may be only the beginning.
 * Frames to a group of hosts are nobody's connection.
 */
static __always_inline __be16 parse_frame(const void *data, const void *end, __u32 length,
                                          enum weir_parse_scope scope, struct weir_packet *packet) {
    const struct ethhdr *eth = (const struct ethhdr *)data;
    __be16 type;
    __u32 l3;

    if ((const void *)(eth + 1) > end || eth->h_dest[0] & 1)
        return 0;
    __builtin_memset(packet, 0, sizeof(*packet));
    packet->length = length;
    type = parse_l2(data, end, scope, &l3);
    packet->l3_offset = (__u16)l3;
    return type;
}

/* The last one: what the IP header says must hold the L4 header, and be there. */
static __always_inline int parse_fits(const struct weir_packet *packet) {
    return packet->ip_length + packet->l3_offset >= (__u32)packet->l4_offset + packet->l4_header &&
           packet->ip_length + packet->l3_offset <= packet->length;
}

/*
 * All steps. The family of the frame's packet, which `packet` then describes: its headers lie
 * within [data, end); 0 when it is none of Weir's.
 */
static __always_inline int parse_packet(const void *data, const void *end, __u32 length,
                                        enum weir_parse_scope scope, struct weir_packet *packet) {
    __be16 type = parse_frame(data, end, length, scope, packet);
    int family = 0;

    if (type == bpf_htons(ETH_P_IP) && parse_v4(data, end, packet->l3_offset, scope, packet))
        family = WEIR_V4;
    else if (type == bpf_htons(ETH_P_IPV6) && parse_v6(data, end, packet->l3_offset, scope, packet))
        family = WEIR_V6;
    return family && parse_fits(packet) ? family : 0;
}
