/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * NAT64 and NAT46: a packet changes its IP version (RFC 7915, sections 4 and 5). IPv4 options and
 * IPv6 extension headers are left behind. Fragments, and UDP over IPv4 without a checksum, are not
 * translated: the first would need all of the datagram, the second all of the payload.
 * `family` is that of the packet; its flow is in the tables of IPv6 (abi.h).
 */
#pragma once

#include "bpf/rewrite.h"

/* RFC 7915, 5.1: below this an IPv4 packet may be fragmented on its way. */
enum { NAT64_MAY_FRAGMENT = 1260 };

static __always_inline int nat64_can(long family, struct __sk_buff *skb,
                                     const struct weir_packet *packet) {
    __u16 check = 1;

    if (packet->fragment != WEIR_WHOLE || packet->l3_offset != ETH_HLEN)
        return 0;
    if (family == WEIR_V4 && packet->tuple.head.protocol == IPPROTO_UDP)
        bpf_skb_load_bytes(skb, packet->l4_offset + offsetof(struct udphdr, check), &check,
                           sizeof(check));
    return check != 0;
}

static __always_inline void nat64_write_v6(struct __sk_buff *skb, const struct weir_packet *packet,
                                           const struct weir_flow_v6 *flow, __u32 payload) {
    struct ipv6hdr ip = {.version = 6,
                         .priority = packet->tos >> 4,
                         .flow_lbl = {(__u8)(packet->tos << 4), 0, 0},
                         .payload_len = bpf_htons((__u16)payload),
                         .nexthdr = packet->tuple.head.protocol,
                         .hop_limit = packet->ttl};
    __be16 type = bpf_htons(ETH_P_IPV6);

    __builtin_memcpy(&ip.saddr, &flow->saddr, sizeof(ip.saddr));
    __builtin_memcpy(&ip.daddr, &flow->daddr, sizeof(ip.daddr));
    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0);
    bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline void nat64_write_v4(struct __sk_buff *skb, const struct weir_packet *packet,
                                           const struct weir_flow_v6 *flow, __u32 payload) {
    struct iphdr ip = {.version = 4,
                       .ihl = 5,
                       .tos = packet->tos,
                       .tot_len = bpf_htons((__u16)(sizeof(ip) + payload)),
                       .ttl = packet->ttl,
                       .protocol = packet->tuple.head.protocol,
                       .saddr = flow->saddr.words[3],
                       .daddr = flow->daddr.words[3]};
    const __u16 *word = (const __u16 *)&ip;
    __be16 type = bpf_htons(ETH_P_IP);
    __u32 sum = 0;

    if (sizeof(ip) + payload > NAT64_MAY_FRAGMENT || skb->gso_size)
        ip.frag_off = bpf_htons(WEIR_IP_DONT_FRAGMENT);
    else if (!options.replay)
        ip.id = (__be16)bpf_get_prandom_u32();
    for (int i = 0; i < 10; i++)
        sum += word[i];
    ip.check = (__sum16)~csum_fold(sum);
    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0);
    bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
}

/*
 * Translates the packet and describes it anew. False when the kernel refuses, for want of memory or
 * because it cannot (UDP with segmentation offload): the packet is then to be dropped.
 */
static __always_inline int nat64_change(struct __sk_buff *skb, long family,
                                        struct weir_packet *packet,
                                        const struct weir_flow_v6 *flow) {
    __u32 base = family == WEIR_V4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
    __u32 other = family == WEIR_V4 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
    __u32 header = packet->l4_offset - (__u32)ETH_HLEN;
    __u32 total = skb->gso_size ? skb->len - ETH_HLEN : packet->ip_length;
    __be16 type = family == WEIR_V4 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

    if (header > base && bpf_skb_adjust_room(skb, -(__s32)(header - base), BPF_ADJ_ROOM_NET,
                                             BPF_F_ADJ_ROOM_NO_CSUM_RESET))
        return 0;
    if (bpf_skb_change_proto(skb, type, 0))
        return 0;
    if (family == WEIR_V4)
        nat64_write_v6(skb, packet, flow, total - header);
    else
        nat64_write_v4(skb, packet, flow, total - header);
    packet->l4_offset = (__u16)(ETH_HLEN + other);
    packet->ip_length += other - header;
    rewrite_l4(WEIR_V6, skb, packet, packet->l4_offset, &flow->flow);
    return 1;
}

/* Global, as further below: the verifier looks at it once. */
__noinline int nat64_rewrite(struct __sk_buff *skb, long family, struct weir_packet *packet,
                             const struct weir_flow_v6 *flow) {
    return packet && flow && nat64_change(skb, family, packet, flow);
}
