/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Parse: from bytes to a tuple. What this file cannot name with certainty (another protocol, a
 * header cut short, a fragment, a route that is not at its end) is not Weir's packet and goes on
 * untouched (I1).
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/stddef.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "bpf/abi.h"

/* Valued as AF_INET and AF_INET6. Functions that take one get a constant, and exist once per
 * family. */
enum weir_family {
    WEIR_V4 = 2,
    WEIR_V6 = 10,
};

/* Room for either family; `head` and `flow` are the part that both share. */
union weir_any_tuple {
    struct weir_tuple head;
    struct weir_tuple_v4 v4;
    struct weir_tuple_v6 v6;
};

union weir_any_flow {
    struct weir_flow flow;
    struct weir_flow_v4 v4;
    struct weir_flow_v6 v6;
};

enum {
    WEIR_TCP_FIN = 0x01,
    WEIR_TCP_SYN = 0x02,
    WEIR_TCP_RST = 0x04,
    WEIR_TCP_ACK = 0x10,
};

#define WEIR_IP_FRAGMENT    0x3fff /* more fragments, or an offset (RFC 791) */
#define WEIR_IP6_FRAGMENT   0xfff9 /* the same in a fragment header (RFC 8200, 4.5) */
#define WEIR_MAX_EXTENSIONS 6      /* IPv6 extension headers that are walked over */

/*
 * An offset read back from memory is masked with this before it is added to a packet pointer. The
 * verifier tracks packet pointers up to 64 KiB only, and refuses a 16-bit offset with "R9 offset is
 * outside of the packet". A packet whose L4 header starts later than this is not parsed.
 */
#define WEIR_OFFSET_MASK 0x1ff

/* A packet, as parsing found it. Offsets count from the start of the frame. */
struct weir_packet {
    union weir_any_tuple tuple;
    __u64 now;       /* set by the entry program: when it came, ns */
    __u32 ifindex;   /* set by the entry program: where it came from */
    __u32 seq;       /* TCP, host order */
    __u32 ack_seq;   /* TCP, host order */
    __u32 ip_length; /* header and payload, as the IP header gives them */
    __u16 l3_offset;
    __u16 l4_offset;
    __u16 l4_header; /* bytes of the TCP or UDP header */
    __u8 tcp_flags;  /* WEIR_TCP_*; 0 for UDP */
    __u8 ttl;        /* or hop limit */
    __u8 tos;        /* IPv4 */
    __u8 zero[3];
};

struct weir_extension {
    __u8 next;
    __u8 length; /* in units of 8 bytes, the first not counted */
    __u8 third;  /* routing header: type; fragment header: with the fourth, offset and flags */
    __u8 fourth; /* routing header: segments left */
    __u8 rest[4];
};

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

static __always_inline int parse_l4(const void *l4, const void *end, __u8 protocol,
                                    struct weir_packet *packet) {
    packet->tuple.head.protocol = protocol;
    if (protocol == IPPROTO_TCP)
        return parse_tcp((const struct tcphdr *)l4, end, packet);
    if (protocol == IPPROTO_UDP)
        return parse_udp((const struct udphdr *)l4, end, packet);
    return 0;
}

static __always_inline int parse_v4(const void *data, const void *end, struct weir_packet *packet) {
    const struct iphdr *ip = (const struct iphdr *)((const __u8 *)data + ETH_HLEN);
    __u32 header;

    if ((const void *)(ip + 1) > end)
        return 0;
    header = ip->ihl * 4U;
    if (ip->version != 4 || header < sizeof(*ip) || ip->frag_off & bpf_htons(WEIR_IP_FRAGMENT))
        return 0;
    packet->tuple.v4.saddr = ip->saddr;
    packet->tuple.v4.daddr = ip->daddr;
    packet->l4_offset = (__u16)(ETH_HLEN + header);
    packet->ip_length = bpf_ntohs(ip->tot_len);
    packet->ttl = ip->ttl;
    packet->tos = ip->tos;
    return parse_l4((const __u8 *)ip + header, end, ip->protocol, packet);
}

/* The length of an extension header that may be walked over; 0 when it may not. */
static __always_inline __u32 parse_extension(const struct weir_extension *extension, __u8 kind) {
    switch (kind) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_DSTOPTS:
            return 8U + extension->length * 8U;
        case IPPROTO_ROUTING: /* with segments left the destination is not the last one */
            return extension->fourth ? 0 : 8U + extension->length * 8U;
        case IPPROTO_FRAGMENT: /* only the atomic kind (RFC 6946) */
            return (extension->third << 8 | extension->fourth) & WEIR_IP6_FRAGMENT ? 0 : 8U;
        default:
            return 0;
    }
}

static __always_inline int parse_v6(const void *data, const void *end, struct weir_packet *packet) {
    const struct ipv6hdr *ip = (const struct ipv6hdr *)((const __u8 *)data + ETH_HLEN);
    __u32 at = ETH_HLEN + sizeof(*ip);
    __u8 next;

    if ((const void *)(ip + 1) > end || ip->version != 6)
        return 0;
    __builtin_memcpy(&packet->tuple.v6.saddr, &ip->saddr, sizeof(ip->saddr));
    __builtin_memcpy(&packet->tuple.v6.daddr, &ip->daddr, sizeof(ip->daddr));
    packet->ip_length = (__u32)sizeof(*ip) + bpf_ntohs(ip->payload_len);
    packet->ttl = ip->hop_limit;
    next = ip->nexthdr;
    for (int i = 0; i <= WEIR_MAX_EXTENSIONS; i++) {
        const struct weir_extension *extension =
            (const struct weir_extension *)((const __u8 *)data + at);
        __u32 length;

        if (next == IPPROTO_TCP || next == IPPROTO_UDP) {
            packet->l4_offset = (__u16)at;
            return parse_l4(extension, end, next, packet);
        }
        if ((const void *)(extension + 1) > end)
            return 0;
        length = parse_extension(extension, next);
        next = extension->next;
        at += length;
        if (length == 0 || at > WEIR_OFFSET_MASK)
            return 0;
    }
    return 0;
}

/*
 * The family of the frame's TCP segment or UDP datagram, whose headers then lie within [data, end)
 * and are described by `packet`; 0 when there is none. `length` is that of the whole frame, of
 * which [data, end) may be the beginning. Frames to a group of hosts are nobody's connection, and
 * frames with a VLAN tag belong to the interface of that VLAN.
 */
static __always_inline int parse_packet(const void *data, const void *end, __u32 length,
                                        struct weir_packet *packet) {
    const struct ethhdr *eth = (const struct ethhdr *)data;
    int family = 0;

    if ((const void *)(eth + 1) > end || eth->h_dest[0] & 1)
        return 0;
    __builtin_memset(packet, 0, sizeof(*packet));
    packet->l3_offset = sizeof(*eth);
    if (eth->h_proto == bpf_htons(ETH_P_IP) && parse_v4(data, end, packet))
        family = WEIR_V4;
    else if (eth->h_proto == bpf_htons(ETH_P_IPV6) && parse_v6(data, end, packet))
        family = WEIR_V6;
    /* what the IP header says must hold the L4 header, and be there */
    if (packet->ip_length + sizeof(*eth) < (__u32)packet->l4_offset + packet->l4_header ||
        packet->ip_length + sizeof(*eth) > length)
        return 0;
    return family;
}
