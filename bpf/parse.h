/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Parse: from bytes to a tuple. What this file cannot name with certainty (not IPv4, a header cut
 * short, a fragment, another protocol) is not Weir's packet and goes on untouched (I1).
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/stddef.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "bpf/abi.h"

enum {
    WEIR_TCP_FIN = 0x01,
    WEIR_TCP_SYN = 0x02,
    WEIR_TCP_RST = 0x04,
    WEIR_TCP_ACK = 0x10,
};

#define WEIR_IP_FRAGMENT 0x3fff /* more fragments, or an offset (RFC 791) */

/*
 * An offset read back from memory is masked with this before it is added to a packet pointer. The
 * verifier tracks packet pointers up to 64 KiB only, and refuses a 16-bit offset with "R9 offset is
 * outside of the packet". No header that parsing accepts starts later than this.
 */
#define WEIR_OFFSET_MASK 0x1ff

/* What parsing found. Offsets count from the start of the frame. */
struct weir_packet {
    struct weir_tuple_v4 tuple;
    __u32 seq;     /* TCP, host order */
    __u32 ack_seq; /* TCP, host order */
    __u16 l3_offset;
    __u16 l4_offset;
    __u16 l4_header; /* bytes of the TCP or UDP header */
    __u16 ip_length; /* as the IP header gives it */
    __u8 tcp_flags;  /* WEIR_TCP_*; 0 for UDP */
    __u8 ttl;
    __u8 tos;
    __u8 zero;
};

static __always_inline int parse_tcp(const struct tcphdr *tcp, const void *end,
                                     struct weir_packet *packet) {
    if ((const void *)(tcp + 1) > end || tcp->doff < 5)
        return 0;
    packet->tuple.sport = tcp->source;
    packet->tuple.dport = tcp->dest;
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
    packet->tuple.sport = udp->source;
    packet->tuple.dport = udp->dest;
    packet->l4_header = sizeof(*udp);
    return 1;
}

/* True: `packet` describes a TCP segment or UDP datagram whose headers lie within [data, end). */
static __always_inline int parse_packet(const void *data, const void *end,
                                        struct weir_packet *packet) {
    const struct ethhdr *eth = (const struct ethhdr *)data;
    const struct iphdr *ip = (const struct iphdr *)(eth + 1);
    const void *l4;
    __u32 header;

    if ((const void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
        return 0;
    header = ip->ihl * 4U;
    if (ip->version != 4 || header < sizeof(*ip) || ip->frag_off & bpf_htons(WEIR_IP_FRAGMENT))
        return 0;

    __builtin_memset(packet, 0, sizeof(*packet));
    packet->tuple.saddr = ip->saddr;
    packet->tuple.daddr = ip->daddr;
    packet->tuple.protocol = ip->protocol;
    packet->l3_offset = sizeof(*eth);
    packet->l4_offset = (__u16)(sizeof(*eth) + header);
    packet->ip_length = bpf_ntohs(ip->tot_len);
    packet->ttl = ip->ttl;
    packet->tos = ip->tos;

    l4 = (const __u8 *)ip + header;
    if (ip->protocol == IPPROTO_TCP)
        return parse_tcp((const struct tcphdr *)l4, end, packet);
    if (ip->protocol == IPPROTO_UDP)
        return parse_udp((const struct udphdr *)l4, end, packet);
    return 0;
}
