/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Rewrite, for skbs: through the helpers that know about offloaded checksums. Where the device will
 * finish the sum (CHECKSUM_PARTIAL), the field holds the pseudo header only, and ports must not be
 * added to it. Where the NIC has summed up the frame (CHECKSUM_COMPLETE), its sum must follow what
 * no checksum of the header takes back: in IPv6 every byte (BPF_F_RECOMPUTE_CSUM).
 */
#pragma once

#include "bpf/entry.h"

/* Ports and checksum. Cannot fail: the caller has made the headers writable. */
static __always_inline void rewrite_l4(long family, struct __sk_buff *skb,
                                       const struct weir_packet *packet, __u32 l4,
                                       const struct weir_flow *flow) {
    struct entry_delta deltas = entry_deltas(family, &packet->tuple, flow);
    int udp = packet->tuple.head.protocol == IPPROTO_UDP;
    __u32 check = l4 + (udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check));
    __u64 zero = udp ? BPF_F_MARK_MANGLED_0 : 0;
    __be16 ports[2] = {flow->sport, flow->dport};

    if (packet->fragment == WEIR_LATER_FRAGMENT)
        return;
    bpf_skb_store_bytes(skb, l4, ports, sizeof(ports), 0);
    bpf_l4_csum_replace(skb, check, 0, deltas.addresses, BPF_F_PSEUDO_HDR | zero);
    if (deltas.ports != 0 && deltas.ports != 0xffff) /* both are zero */
        bpf_l4_csum_replace(skb, check, 0, deltas.ports, zero);
}

/* What of an IP header is rewritten, and lies between: one write costs less than three. */
struct rewrite_v4 {
    __u8 ttl;
    __u8 protocol;
    __u16 check;
    __be32 saddr;
    __be32 daddr;
};
_Static_assert(sizeof(struct rewrite_v4) == sizeof(struct iphdr) - offsetof(struct iphdr, ttl),
               "not the end of an IPv4 header");

struct rewrite_v6 {
    __be16 payload_len;
    __u8 nexthdr;
    __u8 hop_limit;
    struct weir_address saddr;
    struct weir_address daddr;
};
_Static_assert(sizeof(struct rewrite_v6) ==
                   sizeof(struct ipv6hdr) - offsetof(struct ipv6hdr, payload_len),
               "not the end of an IPv6 header");

static __always_inline int rewrite_ip4(struct __sk_buff *skb, const struct weir_packet *packet,
                                       const struct weir_flow *flow, __u8 ttl) {
    const void *end = (const void *)(long)skb->data_end;
    const struct iphdr *ip = (const void *)(long)skb->data + (packet->l3_offset & WEIR_OFFSET_MASK);
    struct rewrite_v4 part = {.ttl = ttl, .protocol = packet->tuple.head.protocol};
    __u16 delta;

    if ((const void *)(ip + 1) > end)
        return 0;
    delta = csum_delta16(bpf_htons((__u16)(packet->ttl << 8)), bpf_htons((__u16)(ttl << 8)));
    delta = csum_add(delta, entry_deltas(WEIR_V4, &packet->tuple, flow).addresses);
    part.check = csum_apply(ip->check, delta);
    part.saddr = flow->v4.saddr;
    part.daddr = flow->v4.daddr;
    return !bpf_skb_store_bytes(skb, packet->l3_offset + offsetof(struct iphdr, ttl), &part,
                                sizeof(part), 0);
}

static __always_inline int rewrite_ip6(struct __sk_buff *skb, const struct weir_packet *packet,
                                       const struct weir_flow *flow, __u8 ttl) {
    const void *end = (const void *)(long)skb->data_end;
    const struct ipv6hdr *ip =
        (const void *)(long)skb->data + (packet->l3_offset & WEIR_OFFSET_MASK);
    struct rewrite_v6 part = {.hop_limit = ttl};

    if ((const void *)(ip + 1) > end)
        return 0;
    part.payload_len = ip->payload_len;
    part.nexthdr = ip->nexthdr;
    part.saddr = entry_v6(flow)->saddr;
    part.daddr = entry_v6(flow)->daddr;
    return !bpf_skb_store_bytes(skb, packet->l3_offset + offsetof(struct ipv6hdr, payload_len),
                                &part, sizeof(part), BPF_F_RECOMPUTE_CSUM);
}

/*
 * Addresses, ports, checksums, and the TTL or hop limit, within a family. Only the first write can
 * fail, for want of memory, and then nothing was written (I5).
 */
static __always_inline int rewrite_headers(long family, struct __sk_buff *skb,
                                           const struct weir_packet *packet,
                                           const struct weir_flow *flow, __u8 ttl) {
    if (!(family == WEIR_V4 ? rewrite_ip4(skb, packet, flow, ttl)
                            : rewrite_ip6(skb, packet, flow, ttl)))
        return 0;
    rewrite_l4(family, skb, packet, packet->l4_offset, flow);
    return 1;
}

static __always_inline void rewrite_ttl(long family, struct __sk_buff *skb, __u32 ip, __u8 from,
                                        __u8 to) {
    if (family == WEIR_V6) {
        bpf_skb_store_bytes(skb, ip + offsetof(struct ipv6hdr, hop_limit), &to, sizeof(to),
                            BPF_F_RECOMPUTE_CSUM);
        return;
    }
    bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, ttl), &to, sizeof(to), 0);
    bpf_l3_csum_replace(skb, ip + offsetof(struct iphdr, check), bpf_htons((__u16)(from << 8)),
                        bpf_htons((__u16)(to << 8)), 2);
}
