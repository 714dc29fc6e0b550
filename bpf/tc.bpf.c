// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * TC: the ingress hook of interfaces that hand over offloaded packets (veth, virtio), and on every
 * interface the egress hook, where replies that the kernel sends or forwards are translated.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/ingress.h"

/* An skb can be sent out of any interface. */
static __always_inline int hook_can_send(__u32 from, __u32 to) {
    (void)from;
    (void)to;
    return 1;
}

/*
 * What parsing may read: headers up to the latest place where L4 can start. An skb with less in its
 * linear part has it pulled there.
 */
enum { WEIR_HEADERS = WEIR_OFFSET_MASK + 1 + sizeof(struct tcphdr) };

/*
 * Parses an skb, whose headers may lie outside its linear part. Of one that is still to be cut into
 * segments (GSO) the length to compare with an MTU is a segment's. A tag that the NIC took off
 * belongs to the frame all the same.
 */
static __always_inline int tc_parse(struct __sk_buff *skb, struct weir_packet *packet) {
    __u32 wanted = skb->len < WEIR_HEADERS ? skb->len : WEIR_HEADERS;
    int family;

    if (skb->vlan_present)
        return 0;
    if (skb->data_end - skb->data < wanted && bpf_skb_pull_data(skb, wanted))
        return 0;
    family = parse_packet((void *)(long)skb->data, (void *)(long)skb->data_end,
                          world_length(skb->len), packet);
    if (!family)
        return 0;
    if (skb->gso_size)
        packet->ip_length =
            packet->l4_offset - packet->l3_offset + packet->l4_header + skb->gso_size;
    packet->now = world_now();
    packet->ifindex = skb->ifindex;
    return family;
}

/*
 * The translation, through the helpers that know about offloaded checksums: where the device will
 * finish the sum (CHECKSUM_PARTIAL), the field holds the pseudo header only, and ports must not be
 * added to it. Only the first call can fail, for want of memory, and then nothing was written (I5).
 */
static __always_inline int tc_rewrite(enum weir_family family, struct __sk_buff *skb,
                                      const struct weir_packet *packet,
                                      const union weir_any_flow *entry) {
    int udp = packet->tuple.head.protocol == IPPROTO_UDP;
    __u32 ip = packet->l3_offset;
    __u32 l4 = packet->l4_offset;
    __u32 check = l4 + (udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check));
    __u64 zero = udp ? BPF_F_MARK_MANGLED_0 : 0;
    __be16 ports[2] = {entry->flow.sport, entry->flow.dport};

    if (bpf_skb_store_bytes(skb, l4, ports, sizeof(ports), 0))
        return 0;
    if (family == WEIR_V4) {
        __be32 addresses[2] = {entry->v4.saddr, entry->v4.daddr};

        bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, saddr), addresses, sizeof(addresses),
                            0);
        bpf_l3_csum_replace(skb, ip + offsetof(struct iphdr, check), 0, entry->flow.address_delta,
                            0);
    } else {
        struct weir_address addresses[2] = {entry->v6.saddr, entry->v6.daddr};

        bpf_skb_store_bytes(skb, ip + offsetof(struct ipv6hdr, saddr), addresses, sizeof(addresses),
                            0);
    }
    bpf_l4_csum_replace(skb, check, 0, entry->flow.address_delta, BPF_F_PSEUDO_HDR | zero);
    bpf_l4_csum_replace(skb, check, 0, entry->flow.port_delta, zero);
    return 1;
}

static __always_inline void tc_count(struct __sk_buff *skb, const struct weir_packet *packet,
                                     const struct weir_flow *flow, __u8 opened) {
    __u32 segments = skb->gso_segs ? skb->gso_segs : 1;
    __u32 headers = packet->l4_offset + packet->l4_header;

    count_translated(flow, opened, segments, skb->len + (segments - 1) * headers);
}

static __always_inline void tc_decrement_ttl(enum weir_family family, struct __sk_buff *skb,
                                             const struct weir_packet *packet) {
    __u32 ip = packet->l3_offset;
    __u8 ttl = packet->ttl - 1;

    if (family == WEIR_V6) {
        bpf_skb_store_bytes(skb, ip + offsetof(struct ipv6hdr, hop_limit), &ttl, sizeof(ttl), 0);
        return;
    }
    bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, ttl), &ttl, sizeof(ttl), 0);
    bpf_l3_csum_replace(skb, ip + offsetof(struct iphdr, check),
                        bpf_htons((__u16)(packet->ttl << 8)), bpf_htons((__u16)(ttl << 8)), 2);
}

static __always_inline int tc_forward(enum weir_family family, struct __sk_buff *skb,
                                      const struct weir_packet *packet,
                                      const struct weir_next_hop *hop) {
    if (hop->ifindex == WEIR_HOP_STACK)
        return TC_ACT_OK;
    tc_decrement_ttl(family, skb, packet);
    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_dest), hop->dmac, ETH_ALEN, 0);
    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_source), hop->smac, ETH_ALEN, 0);
    return (int)bpf_redirect(hop->ifindex, 0);
}

static __always_inline int tc_ingress(enum weir_family family, struct __sk_buff *skb,
                                      const struct weir_packet *packet) {
    struct weir_decision decision;

    ingress_classify(family, packet, &decision);
    if (decision.entry)
        ingress_decide(family, skb, packet, &decision);
    if (decision.entry && decision.reason == WEIR_DROP_NONE && !decision.untouched &&
        !tc_rewrite(family, skb, packet, decision.entry))
        decision.reason = WEIR_DROP_REWRITE_FAILED;
    if (decision.reason != WEIR_DROP_NONE) {
        count_drop(decision.reason, decision.service, decision.backend);
        return TC_ACT_SHOT;
    }
    if (!decision.entry || decision.untouched)
        return TC_ACT_OK;

    tc_count(skb, packet, &decision.entry->flow, decision.opened);
    flow_track(family, packet, decision.entry);
    return tc_forward(family, skb, packet, &decision.hop);
}

static __always_inline int tc_egress(enum weir_family family, struct __sk_buff *skb,
                                     const struct weir_packet *packet) {
    union weir_any_flow *entry = flow_find(family, &packet->tuple);

    if (!entry || entry->flow.direction != WEIR_REPLY ||
        flow_expired(&entry->flow, packet->tuple.head.protocol, packet->now))
        return TC_ACT_OK;
    if (!tc_rewrite(family, skb, packet, entry)) {
        count_drop(WEIR_DROP_REWRITE_FAILED, entry->flow.service, entry->flow.backend);
        return TC_ACT_SHOT;
    }

    tc_count(skb, packet, &entry->flow, 0);
    if (flow_due(&entry->flow, packet->now))
        flow_touch(family, packet, entry);
    flow_track(family, packet, entry);
    return TC_ACT_OK;
}

SEC("tc")
int weir_tc_ingress(struct __sk_buff *skb) {
    struct weir_packet packet;

    /* seen in passing, by a bridge port or in promiscuous mode; a test run's frames are for nobody
     */
    if (!options.replay && skb->pkt_type != PACKET_HOST)
        return TC_ACT_OK;
    switch (tc_parse(skb, &packet)) {
        case WEIR_V4:
            return tc_ingress(WEIR_V4, skb, &packet);
        case WEIR_V6:
            return tc_ingress(WEIR_V6, skb, &packet);
        default:
            return TC_ACT_OK;
    }
}

SEC("tc")
int weir_tc_egress(struct __sk_buff *skb) {
    struct weir_packet packet;

    switch (tc_parse(skb, &packet)) {
        case WEIR_V4:
            return tc_egress(WEIR_V4, skb, &packet);
        case WEIR_V6:
            return tc_egress(WEIR_V6, skb, &packet);
        default:
            return TC_ACT_OK;
    }
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
