// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * TC. Ingress: all that XDP left, and everything on interfaces that hand over offloaded packets
 * (veth, virtio). Egress: replies that the kernel sends or forwards, and the packets of programs on
 * this host.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/capture.h"
#include "bpf/tc_icmp.h"
#include "bpf/tc_way.h"

/* Of an IPv4 packet whose flow is in IPv6's tables: it is dealt with there, as WEIR_WAY_V6 says. */
enum { TC_IN_V6 = 1000 };

/* What parsing may read: headers up to the latest place where L4 can start. */
enum { TC_HEADERS = WEIR_OFFSET_MASK + 1 + sizeof(struct tcphdr) };

/* Global functions, as further below: the verifier looks at them once, and not for each number of
 * VLAN tags. */
__noinline int tc_parse_v4(struct __sk_buff *skb, struct weir_packet *packet) {
    return packet && parse_v4((void *)(long)skb->data, (void *)(long)skb->data_end,
                              packet->l3_offset & WEIR_OFFSET_MASK, WEIR_PARSE_ALL, packet);
}

__noinline int tc_parse_v6(struct __sk_buff *skb, struct weir_packet *packet) {
    return packet && parse_v6((void *)(long)skb->data, (void *)(long)skb->data_end,
                              packet->l3_offset & WEIR_OFFSET_MASK, WEIR_PARSE_ALL, packet);
}

/* As parse_packet(). */
static __always_inline int tc_parse_headers(struct __sk_buff *skb, struct weir_packet *packet) {
    __be16 type = parse_frame((void *)(long)skb->data, (void *)(long)skb->data_end,
                              world_length(skb->len), WEIR_PARSE_ALL, packet);
    int family = 0;

    if (type == bpf_htons(ETH_P_IP) && tc_parse_v4(skb, packet))
        family = WEIR_V4;
    else if (type == bpf_htons(ETH_P_IPV6) && tc_parse_v6(skb, packet))
        family = WEIR_V6;
    return family && parse_fits(packet) ? family : 0;
}

/*
 * Parses an skb, whose headers may lie outside its linear part: then they are pulled there. Of one
 * that is still to be cut into segments (GSO) the length to compare with an MTU is a segment's.
 */
static __always_inline int tc_parse(struct __sk_buff *skb, struct weir_packet *packet) {
    __u32 wanted = skb->len < TC_HEADERS ? skb->len : TC_HEADERS;
    int family = tc_parse_headers(skb, packet);

    if (!family && skb->data_end - skb->data < wanted && !bpf_skb_pull_data(skb, wanted))
        family = tc_parse_headers(skb, packet);
    if (!family)
        return 0;
    if (skb->gso_size)
        packet->ip_length =
            packet->l4_offset - packet->l3_offset + packet->l4_header + skb->gso_size;
    packet->now = world_now();
    packet->ifindex = skb->ifindex;
    return family;
}

static __always_inline int tc_hands_over(void) {
    const struct weir_settings *set = settings_get();

    return set && set->handover != WEIR_HANDOVER_NONE;
}

/* What the stack would get next, the programs of other tables get before it (enum weir_handover).
 */
static __always_inline int tc_result(int verdict) {
    return verdict == TC_ACT_OK && tc_hands_over() ? TC_ACT_UNSPEC : verdict;
}

/* A later fragment whose first one is not known, or has no flow: to a VIP, it is a service's, or
 * will be. */
static __always_inline int tc_orphan(long family, struct __sk_buff *skb,
                                     const struct weir_packet *packet, int unnoted) {
    struct weir_address to;

    nat_destination(family, &packet->tuple, &to);
    if (!bpf_map_lookup_elem(&vips, &to) || tc_hands_over())
        return TC_ACT_OK;
    if (hold_fragment(skb, family, packet, unnoted))
        return TC_ACT_SHOT; /* what is kept is a copy */
    event_drop(family, packet, NULL, WEIR_DROP_FRAGMENT_ORPHAN, WEIR_NO_SERVICE, WEIR_NO_BACKEND);
    return TC_ACT_SHOT;
}

/* Whether it is a later fragment whose first one is not known. One that comes here from IPv4 was
 * asked about there. */
static __always_inline int tc_lacks_ports(long family, struct weir_packet *packet) {
    return packet->fragment == WEIR_LATER_FRAGMENT && !packet->tuple.head.mapped &&
           !fragment_recall(family, packet);
}

static __always_inline int tc_ingress(long family, struct __sk_buff *skb,
                                      struct weir_packet *packet) {
    struct weir_decision decision;

    if (tc_lacks_ports(family, packet))
        return tc_orphan(family, skb, packet, 1);
    ingress_classify(family, packet, flow_of(family, packet), 0, &decision);
    if (decision.way == WEIR_WAY_DROP)
        return tc_drop(skb, family, packet, &decision, TC_INGRESS);
    if (decision.way == WEIR_WAY_V6)
        return TC_IN_V6;
    if (!decision.entry)
        return packet->fragment == WEIR_LATER_FRAGMENT ? tc_orphan(family, skb, packet, 0)
                                                       : TC_ACT_OK;
    tc_decide(family, skb, packet, TC_INGRESS, &decision);
    if (decision.way == WEIR_WAY_UNTOUCHED)
        return TC_ACT_OK;
    return tc_translate(family, skb, packet, TC_INGRESS, &decision);
}

/*
 * A packet of a program on this host to a VIP, or of one that has been there before. Its next hop
 * was found for the VIP, and is found anew.
 */
static __always_inline int tc_local(long family, struct __sk_buff *skb, struct weir_packet *packet,
                                    struct weir_decision *decision) {
    if (decision->way == WEIR_WAY_DROP)
        return tc_drop(skb, family, packet, decision, TC_EGRESS);
    if (decision->way == WEIR_WAY_V6)
        return TC_IN_V6;
    if (!decision->entry)
        return TC_ACT_OK;
    tc_decide(family, skb, packet, TC_EGRESS, decision);
    return tc_translate(family, skb, packet, TC_EGRESS, decision);
}

/* A reply that the kernel has routed already; of another family it needs a route of its own. */
static __always_inline int tc_reply(long family, struct __sk_buff *skb, struct weir_packet *packet,
                                    struct weir_decision *decision) {
    struct weir_flow *entry = decision->entry;

    if (entry_changes_family(family, &packet->tuple, entry)) {
        tc_decide(family, skb, packet, TC_EGRESS, decision);
    } else {
        decision->way = WEIR_WAY_UP; /* on, as it is routed */
        if (flow_due(entry, packet->now))
            flow_touch(family, packet, entry);
    }
    return tc_translate(family, skb, packet, TC_EGRESS, decision);
}

static __always_inline int tc_egress(long family, struct __sk_buff *skb,
                                     struct weir_packet *packet) {
    struct weir_decision decision = {.reason = WEIR_DROP_NONE};

    if (tc_lacks_ports(family, packet))
        return TC_ACT_OK;
    decision.entry = flow_of(family, packet);
    if (family == WEIR_V4 && !decision.entry && ingress_is_in_v6(packet))
        return TC_IN_V6;
    if (ingress_distrusts(packet, decision.entry))
        return TC_ACT_OK;
    if (decision.entry && decision.entry->flags & WEIR_FLOW_REPLY) {
        if (flow_expired(decision.entry, packet->tuple.head.protocol, packet->now))
            return TC_ACT_OK;
        return tc_reply(family, skb, packet, &decision);
    }
    if (skb->ingress_ifindex || (decision.entry && !(decision.entry->flags & WEIR_FLOW_LOCAL)))
        return TC_ACT_OK;
    ingress_classify(family, packet, decision.entry, WEIR_FLOW_LOCAL, &decision);
    return tc_local(family, skb, packet, &decision);
}

/*
 * Global functions: the verifier looks at them once, with any packet, and not again for each of the
 * many ways through parsing.
 */
__noinline int tc_ingress_v4(struct __sk_buff *skb, struct weir_packet *packet) {
    return packet ? tc_ingress(WEIR_V4, skb, packet) : TC_ACT_OK;
}

__noinline int tc_ingress_v6(struct __sk_buff *skb, struct weir_packet *packet) {
    return packet ? tc_ingress(WEIR_V6, skb, packet) : TC_ACT_OK;
}

__noinline int tc_egress_v4(struct __sk_buff *skb, struct weir_packet *packet) {
    return packet ? tc_egress(WEIR_V4, skb, packet) : TC_ACT_OK;
}

__noinline int tc_egress_v6(struct __sk_buff *skb, struct weir_packet *packet) {
    return packet ? tc_egress(WEIR_V6, skb, packet) : TC_ACT_OK;
}

__noinline int tc_icmp_v4(struct __sk_buff *skb, const struct weir_packet *packet, int side) {
    return packet ? tc_icmp(skb, WEIR_V4, packet, side) : TC_ACT_OK;
}

__noinline int tc_icmp_v6(struct __sk_buff *skb, const struct weir_packet *packet, int side) {
    return packet ? tc_icmp(skb, WEIR_V6, packet, side) : TC_ACT_OK;
}

static __always_inline struct weir_packet *tc_packet(void) {
    __u32 zero = 0;

    return bpf_map_lookup_elem(&parsed, &zero);
}

static __always_inline int tc_v6(struct __sk_buff *skb, struct weir_packet *packet,
                                 enum tc_side side) {
    if (packet->is_icmp)
        return tc_icmp_v6(skb, packet, side);
    return side == TC_INGRESS ? tc_ingress_v6(skb, packet) : tc_egress_v6(skb, packet);
}

static __always_inline int tc_v4(struct __sk_buff *skb, struct weir_packet *packet,
                                 enum tc_side side) {
    int verdict;

    if (packet->is_icmp)
        return tc_icmp_v4(skb, packet, side);
    verdict = side == TC_INGRESS ? tc_ingress_v4(skb, packet) : tc_egress_v4(skb, packet);
    return verdict == TC_IN_V6 ? tc_v6(skb, packet, side) : verdict;
}

static __always_inline int tc_process(struct __sk_buff *skb, struct weir_packet *packet,
                                      enum tc_side side) {
    if (ingress_is_idle() || (side == TC_EGRESS && tc_is_sent(skb)))
        return TC_ACT_OK;
    switch (tc_parse(skb, packet)) {
        case WEIR_V4:
            return tc_v4(skb, packet, side);
        case WEIR_V6:
            return tc_v6(skb, packet, side);
        default:
            return TC_ACT_OK;
    }
}

/* Not inlined, as it is seldom called: for the stack's sake. */
static __noinline void tc_capture(struct __sk_buff *skb, __u32 hook, int after, int answer) {
    struct weir_captured *frame = capture_frame(hook);

    if (!frame)
        return;
    frame->ifindex = skb->ifindex;
    frame->vlan_proto = skb->vlan_present ? (__be16)skb->vlan_proto : 0;
    frame->vlan_tci = (__u16)skb->vlan_tci;
    if (after)
        capture_after(skb, frame, answer, skb->len);
    else
        capture_before(skb, frame, hook, skb->len);
}

static __always_inline int tc_run(struct __sk_buff *skb, enum tc_side side) {
    __u32 hook = side == TC_INGRESS ? WEIR_TC_INGRESS : WEIR_TC_EGRESS;
    int listened = capture_wanted(skb->ifindex) != 0;
    struct weir_packet *packet = tc_packet();
    int answer;

    if (!packet)
        return TC_ACT_OK;
    if (listened)
        tc_capture(skb, hook, 0, 0);
    answer = tc_result(tc_process(skb, packet, side));
    if (listened)
        tc_capture(skb, hook, 1, answer);
    return answer;
}

SEC("tc")
int weir_tc_ingress(struct __sk_buff *skb) {
    /* seen in passing, by a bridge port or in promiscuous mode; a test run's frames are for nobody
     */
    if (!options.replay && skb->pkt_type != PACKET_HOST)
        return TC_ACT_OK;
    return tc_run(skb, TC_INGRESS);
}

SEC("tc")
int weir_tc_egress(struct __sk_buff *skb) {
    return tc_run(skb, TC_EGRESS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
