// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * TC: the ingress hook of interfaces that hand over offloaded packets (veth, virtio), and on every
 * interface the egress hook, where replies that the kernel sends or forwards are translated.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/ingress.h"

/* Longest headers that parsing can read: Ethernet, IPv4 with options, TCP without. */
enum { WEIR_HEADERS = ETH_HLEN + 60 + sizeof(struct tcphdr) };

/* Parses an skb whose headers may lie outside its linear part. */
static __always_inline int tc_parse(struct __sk_buff *skb, struct weir_packet *packet) {
    __u32 wanted = skb->len < WEIR_HEADERS ? skb->len : WEIR_HEADERS;

    if (skb->data_end - skb->data < wanted && bpf_skb_pull_data(skb, wanted))
        return 0;
    if (!parse_packet((void *)(long)skb->data, (void *)(long)skb->data_end, packet))
        return 0;
    if (skb->gso_size)
        packet->ip_length = 0; /* it is cut to the MTU later: nothing to compare */
    return 1;
}

/*
 * The translation, through the helpers that know about offloaded checksums: where the device will
 * finish the sum (CHECKSUM_PARTIAL), the field holds the pseudo header only, and ports must not be
 * added to it. Only the first call can fail, for want of memory, and then nothing was written (I5).
 */
static __always_inline int tc_rewrite_v4(struct __sk_buff *skb, const struct weir_packet *packet,
                                         const struct weir_flow_v4 *entry) {
    int udp = packet->tuple.protocol == IPPROTO_UDP;
    __u32 ip = packet->l3_offset;
    __u32 l4 = packet->l4_offset;
    __u32 check = l4 + (udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check));
    __u64 zero = udp ? BPF_F_MARK_MANGLED_0 : 0;
    __be32 addresses[2] = {entry->saddr, entry->daddr};
    __be16 ports[2] = {entry->flow.sport, entry->flow.dport};

    if (bpf_skb_store_bytes(skb, l4, ports, sizeof(ports), 0))
        return 0;
    bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, saddr), addresses, sizeof(addresses), 0);
    bpf_l4_csum_replace(skb, check, 0, entry->flow.address_delta, BPF_F_PSEUDO_HDR | zero);
    bpf_l4_csum_replace(skb, check, 0, entry->flow.port_delta, zero);
    bpf_l3_csum_replace(skb, ip + offsetof(struct iphdr, check), 0, entry->flow.address_delta, 0);
    return 1;
}

static __always_inline void tc_count(struct __sk_buff *skb, const struct weir_packet *packet,
                                     const struct weir_flow *flow, __u8 opened) {
    __u32 segments = skb->gso_segs ? skb->gso_segs : 1;
    __u32 headers = packet->l4_offset + packet->l4_header;

    count_translated(flow, opened, segments, skb->len + (segments - 1) * headers);
}

static __always_inline int tc_forward(struct __sk_buff *skb, const struct weir_packet *packet,
                                      const struct weir_next_hop *hop) {
    __u32 ip = packet->l3_offset;
    __u8 ttl = packet->ttl - 1;

    if (hop->ifindex == WEIR_HOP_STACK)
        return TC_ACT_OK;
    bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, ttl), &ttl, sizeof(ttl), 0);
    bpf_l3_csum_replace(skb, ip + offsetof(struct iphdr, check),
                        bpf_htons((__u16)(packet->ttl << 8)), bpf_htons((__u16)(ttl << 8)), 2);
    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_dest), hop->dmac, ETH_ALEN, 0);
    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_source), hop->smac, ETH_ALEN, 0);
    return (int)bpf_redirect(hop->ifindex, 0);
}

SEC("tc")
int weir_tc_ingress(struct __sk_buff *skb) {
    struct weir_decision decision;
    struct weir_packet packet;
    __u64 now;

    if (!tc_parse(skb, &packet))
        return TC_ACT_OK;
    now = world_now();
    ingress_classify(&packet, now, &decision);
    if (decision.entry)
        ingress_decide(skb, skb->ifindex, &packet, now, &decision);
    if (decision.entry && decision.reason == WEIR_DROP_NONE && !decision.untouched &&
        !tc_rewrite_v4(skb, &packet, decision.entry))
        decision.reason = WEIR_DROP_REWRITE_FAILED;
    if (decision.reason != WEIR_DROP_NONE) {
        count_drop(decision.reason, decision.service, decision.backend);
        return TC_ACT_SHOT;
    }
    if (!decision.entry || decision.untouched)
        return TC_ACT_OK;

    tc_count(skb, &packet, &decision.entry->flow, decision.opened);
    if (flow_needs_tracking(&packet, &decision.entry->flow))
        flow_track_v4(&packet, decision.entry);
    return tc_forward(skb, &packet, &decision.hop);
}

SEC("tc")
int weir_tc_egress(struct __sk_buff *skb) {
    struct weir_flow_v4 *entry;
    struct weir_packet packet;
    __u64 now;

    if (!tc_parse(skb, &packet))
        return TC_ACT_OK;
    entry = flow_find_v4(&packet.tuple);
    if (!entry || entry->flow.direction != WEIR_REPLY)
        return TC_ACT_OK;
    now = world_now();
    if (flow_expired(&entry->flow, packet.tuple.protocol, now))
        return TC_ACT_OK;
    if (!tc_rewrite_v4(skb, &packet, entry)) {
        count_drop(WEIR_DROP_REWRITE_FAILED, entry->flow.service, entry->flow.backend);
        return TC_ACT_SHOT;
    }

    tc_count(skb, &packet, &entry->flow, 0);
    if (flow_due(&entry->flow, now))
        flow_touch_v4(&packet, entry, now);
    if (flow_needs_tracking(&packet, &entry->flow))
        flow_track_v4(&packet, entry);
    return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
