/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Rewrite, for skbs: through the helpers that know about offloaded checksums. Where the device will
 * finish the sum (CHECKSUM_PARTIAL), the field holds the pseudo header only, and ports must not be
 * added to it. Where the NIC has summed up the frame (CHECKSUM_COMPLETE), its sum must follow what
 * no checksum of the header takes back: in IPv6 every byte (BPF_F_RECOMPUTE_CSUM).
 */
#pragma once

#include "bpf/nat.h"

/* Ports and checksum. Cannot fail: the caller has made the headers writable. */
static __always_inline void rewrite_l4(struct __sk_buff *skb, const struct weir_packet *packet,
                                       __u32 l4, const struct weir_flow *flow) {
    int udp = packet->tuple.head.protocol == IPPROTO_UDP;
    __u32 check = l4 + (udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check));
    __u64 zero = udp ? BPF_F_MARK_MANGLED_0 : 0;
    __be16 ports[2] = {flow->sport, flow->dport};

    if (packet->fragment == WEIR_LATER_FRAGMENT)
        return;
    bpf_skb_store_bytes(skb, l4, ports, sizeof(ports), 0);
    bpf_l4_csum_replace(skb, check, 0, flow->address_delta, BPF_F_PSEUDO_HDR | zero);
    bpf_l4_csum_replace(skb, check, 0, flow->port_delta, zero);
}

/*
 * Addresses, ports and checksums, within a family. Only the first call can fail, for want of
 * memory, and then nothing was written (I5).
 */
static __always_inline int rewrite_addresses(int family, struct __sk_buff *skb,
                                             const struct weir_packet *packet,
                                             const struct weir_flow *flow) {
    __u32 ip = packet->l3_offset;

    if (family == WEIR_V4) {
        __be32 addresses[2] = {flow->saddr.words[3], flow->daddr.words[3]};

        if (bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, saddr), addresses,
                                sizeof(addresses), 0))
            return 0;
        bpf_l3_csum_replace(skb, ip + offsetof(struct iphdr, check), 0, flow->address_delta, 0);
    } else if (bpf_skb_store_bytes(skb, ip + offsetof(struct ipv6hdr, saddr), &flow->saddr,
                                   sizeof(flow->saddr) + sizeof(flow->daddr),
                                   BPF_F_RECOMPUTE_CSUM)) {
        return 0;
    }
    rewrite_l4(skb, packet, packet->l4_offset, flow);
    return 1;
}

static __always_inline void rewrite_ttl(int family, struct __sk_buff *skb, __u32 ip, __u8 from,
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
