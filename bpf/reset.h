/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reset: the RST that ends a connection whose backend is gone, in the place of a client's segment.
 */
#pragma once

#include "bpf/icmp_send.h"

/* RFC 9293, 3.5.2: what makes the client take it for one of its connection. */
static __always_inline void reset_write_tcp(struct tcphdr *tcp, const struct weir_packet *packet) {
    __builtin_memset(tcp, 0, sizeof(*tcp));
    tcp->source = packet->tuple.head.dport;
    tcp->dest = packet->tuple.head.sport;
    tcp->doff = sizeof(*tcp) / 4;
    tcp->rst = 1;
    if (packet->tcp_flags & WEIR_TCP_ACK) {
        tcp->seq = bpf_htonl(packet->ack_seq);
    } else {
        tcp->ack = 1;
        tcp->ack_seq = bpf_htonl(packet->seq + 1); /* without ACK only a SYN is sent */
    }
}

/* Writes the IP header; returns the sum of the pseudo header. */
static __always_inline __u32 reset_write_ip(long family, struct icmp_scratch *s,
                                            const struct weir_packet *packet) {
    __be32 rest[2] = {bpf_htonl(sizeof(struct tcphdr)), bpf_htonl(IPPROTO_TCP)};

    if (family == WEIR_V6)
        return answer_write_v6(s, packet, &packet->tuple.v6.daddr, IPPROTO_TCP,
                               sizeof(struct tcphdr));
    answer_write_v4(s, packet, packet->tuple.v4.daddr, IPPROTO_TCP, sizeof(struct tcphdr));
    return icmp_sum(&s->ip.v4.saddr, 8, icmp_sum(rest, sizeof(rest), 0));
}

/*
 * Turns the skb into the RST that answers the segment in it. Where the device is to finish the
 * checksum, which shows as in icmp_cut(), the field gets the pseudo header, and the TCP header must
 * stay where it is. False when it could not; what is left is to be dropped.
 */
static __noinline int reset_send(struct __sk_buff *skb, long family,
                                 const struct weir_packet *packet) {
    __u32 header = family == WEIR_V4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
    __u32 at = packet->l3_offset + header;
    struct icmp_scratch *s = icmp_scratch_get();
    int unfinished;
    __u32 sum;

    if (!s || packet->tcp_flags & WEIR_TCP_RST || !icmp_read_l2(skb, s))
        return 0;
    unfinished = bpf_skb_change_tail(skb, packet->l4_offset + 4U, 0) != 0;
    if ((unfinished && packet->l4_offset != at) ||
        bpf_skb_change_tail(skb, at + (__u32)sizeof(s->tcp), 0))
        return 0;
    reset_write_tcp(&s->tcp, packet);
    sum = reset_write_ip(family, s, packet);
    s->tcp.check = unfinished ? csum_fold(sum) : icmp_fold(icmp_sum(&s->tcp, sizeof(s->tcp), sum));
    if (icmp_write_l2(skb, packet, s))
        return 0;
    bpf_skb_store_bytes(skb, packet->l3_offset, &s->ip, header, 0);
    bpf_skb_store_bytes(skb, at, &s->tcp, sizeof(s->tcp), 0);
    return 1;
}
