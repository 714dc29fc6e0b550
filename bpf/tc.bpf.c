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

#include "bpf/hold.h"
#include "bpf/icmp_send.h"
#include "bpf/ingress.h"
#include "bpf/nat64.h"

/*
 * What parsing may read: headers up to the latest place where L4 can start. An skb with less in its
 * linear part has it pulled there.
 */
enum { TC_HEADERS = WEIR_OFFSET_MASK + 1 + sizeof(struct tcphdr) };

enum tc_side {
    TC_INGRESS = 0,
    TC_EGRESS = 1,
};

/*
 * Parses an skb, whose headers may lie outside its linear part. Of one that is still to be cut into
 * segments (GSO) the length to compare with an MTU is a segment's.
 */
static __always_inline int tc_parse(struct __sk_buff *skb, struct weir_packet *packet) {
    __u32 wanted = skb->len < TC_HEADERS ? skb->len : TC_HEADERS;
    int family;

    if (skb->data_end - skb->data < wanted && bpf_skb_pull_data(skb, wanted))
        return 0;
    family = parse_packet((void *)(long)skb->data, (void *)(long)skb->data_end,
                          world_length(skb->len), WEIR_PARSE_ALL, packet);
    if (!family)
        return 0;
    if (skb->gso_size)
        packet->ip_length =
            packet->l4_offset - packet->l3_offset + packet->l4_header + skb->gso_size;
    packet->now = world_now();
    packet->ifindex = skb->ifindex;
    return family;
}

static __always_inline void tc_count(struct __sk_buff *skb, const struct weir_packet *packet,
                                     const struct weir_flow *flow, __u8 opened) {
    __u32 segments = skb->gso_segs ? skb->gso_segs : 1;
    __u32 headers = packet->l4_offset + packet->l4_header;

    count_translated(flow, opened, segments, skb->len + (segments - 1) * headers);
}

/*
 * Sends the skb to its next hop. Out of the interface by which it came, VLAN tags stay; another
 * interface has tags of its own (a VLAN interface) or none.
 */
static __always_inline int tc_send(struct __sk_buff *skb, const struct weir_packet *packet,
                                   const struct weir_next_hop *hop, enum tc_side side) {
    if (hop->ifindex != skb->ifindex) {
        if (skb->vlan_present)
            bpf_skb_vlan_pop(skb);
        if (packet->l3_offset > ETH_HLEN)
            bpf_skb_vlan_pop(skb);
    }
    if (!world_is_resolved(hop))
        return (int)bpf_redirect_neigh(hop->ifindex, NULL, 0, 0);
    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_dest), hop->dmac, ETH_ALEN, 0);
    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_source), hop->smac, ETH_ALEN, 0);
    if (side == TC_EGRESS && hop->ifindex == skb->ifindex)
        return TC_ACT_OK;
    return (int)bpf_redirect(hop->ifindex, 0);
}

/* Drops the packet, and tells its sender where that helps. */
static __noinline int tc_drop(struct __sk_buff *skb, int family, const struct weir_packet *packet,
                              const struct weir_decision *decision, enum tc_side side) {
    const struct weir_flow *entry = decision->entry;
    struct weir_address from;
    struct icmp_error error;
    __u16 mtu = 0;

    if (entry) {
        mtu = entry->mtu;
        if (entry->family == WEIR_V6 && family == WEIR_V4)
            mtu -= sizeof(struct ipv6hdr) - sizeof(struct iphdr);
        if (entry->family == WEIR_V4 && family == WEIR_V6)
            mtu += sizeof(struct ipv6hdr) - sizeof(struct iphdr);
    }
    count_drop(decision->reason, decision->service, decision->backend);
    error = icmp_error_of(family, decision->reason, mtu);
    if (!error.type || packet->fragment == WEIR_LATER_FRAGMENT)
        return TC_ACT_SHOT;
    /* the sender knows the VIP, and not who is behind it */
    nat_destination(family, &packet->tuple, &from);
    if (entry && entry->direction == WEIR_REPLY && entry->family == family)
        from = entry->saddr;
    if (!icmp_send_error(skb, family, packet, &from, &error))
        return TC_ACT_SHOT;
    count_icmp(WEIR_ICMP_SENT);
    return (int)bpf_redirect(skb->ifindex, side == TC_EGRESS ? BPF_F_INGRESS : 0);
}

/* Whether the flow leaves the client's address as it is: its replies are addressed to the client.
 */
static __always_inline int tc_is_dnat_reply(int family, const struct weir_packet *packet,
                                            const struct weir_flow *entry) {
    struct weir_address to;

    nat_destination(family, &packet->tuple, &to);
    return entry->direction == WEIR_REPLY && entry->dport == packet->tuple.head.dport &&
           flow_same_address(&to, &entry->daddr);
}

/* The packet's length after translation. */
static __always_inline __u32 tc_length(int family, const struct weir_packet *packet,
                                       const struct weir_flow *entry) {
    __u32 header = (__u32)packet->l4_offset - packet->l3_offset;

    if (entry->family == family)
        return packet->ip_length;
    return packet->ip_length - header +
           (entry->family == WEIR_V6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
}

/*
 * Finds the way on of a packet that has an entry. What is for the stack goes up translated, except
 * a reply with the VIP as its source, which it might take for its own: that is translated on its
 * way out, at TC egress.
 */
static __always_inline void tc_decide(int family, struct __sk_buff *skb,
                                      const struct weir_packet *packet, enum tc_side side,
                                      struct weir_decision *decision) {
    struct weir_flow *entry = decision->entry;
    int dnat_reply = tc_is_dnat_reply(family, packet, entry);

    decision->way = WEIR_WAY_UP;
    if (side == TC_INGRESS && entry->direction == WEIR_REPLY && entry->flags & WEIR_FLOW_LOCAL)
        return;
    flow_route(skb, family, packet, entry, &decision->hop);
    if (decision->hop.ifindex == WEIR_HOP_UNREACHABLE)
        return decide_drop(decision, WEIR_DROP_UNREACHABLE);
    if (decision->hop.ifindex == WEIR_HOP_STACK) {
        if (side == TC_EGRESS)
            return decide_drop(decision, WEIR_DROP_UNREACHABLE);
        decision->way = dnat_reply ? WEIR_WAY_UNTOUCHED : WEIR_WAY_UP;
        return;
    }
    if (side == TC_INGRESS && packet->ttl <= 1)
        return decide_drop(decision, WEIR_DROP_TTL_EXPIRED);
    decision->way = WEIR_WAY_OUT;
    if (tc_length(family, packet, entry) <= entry->mtu)
        return;
    if (!packet->may_fragment || entry->family != family || side == TC_EGRESS)
        return decide_drop(decision, WEIR_DROP_TOO_BIG);
    decision->way = dnat_reply ? WEIR_WAY_UNTOUCHED : WEIR_WAY_UP; /* the stack cuts it up */
}

/* The translation. False when it cannot be done; the reason is noted. */
static __always_inline int tc_rewrite(int family, struct __sk_buff *skb, struct weir_packet *packet,
                                      struct weir_decision *decision) {
    const struct weir_flow *entry = decision->entry;

    if (entry->family == family && rewrite_addresses(family, skb, packet, entry))
        return 1;
    if (entry->family != family) {
        if (!nat64_can(family, skb, packet)) {
            decide_drop(decision, WEIR_DROP_NOT_TRANSLATABLE);
            return 0;
        }
        if (nat64_rewrite(skb, family, packet, entry))
            return 1;
    }
    decide_drop(decision, WEIR_DROP_REWRITE_FAILED);
    return 0;
}

/* A packet whose entry is known: translates it, and sends it on its way. */
static __always_inline int tc_translate(int family, struct __sk_buff *skb,
                                        struct weir_packet *packet, enum tc_side side,
                                        struct weir_decision *decision) {
    const struct weir_flow *entry = decision->entry;
    __u8 to = entry->family;

    if (packet->fragment == WEIR_FIRST_FRAGMENT) {
        fragment_note(family, packet);
        if (side == TC_INGRESS && hold_release(skb, family, packet))
            return TC_ACT_SHOT; /* it comes again */
    }
    if (decision->way == WEIR_WAY_DROP || !tc_rewrite(family, skb, packet, decision))
        return tc_drop(skb, family, packet, decision, side);
    tc_count(skb, packet, entry, decision->opened);
    flow_track(family, packet, decision->entry);
    if (decision->way == WEIR_WAY_UP)
        return TC_ACT_OK;
    if (side == TC_INGRESS)
        rewrite_ttl(to, skb, packet->l3_offset, packet->ttl, packet->ttl - 1);
    return tc_send(skb, packet, &decision->hop, side);
}

/* An ICMP message: an echo request to a VIP, or an error about the packet of a flow. */
static __always_inline int tc_icmp(struct __sk_buff *skb, int family,
                                   const struct weir_packet *packet, enum tc_side side) {
    struct weir_next_hop hop = {};
    struct icmp_embedded in;
    struct weir_flow *entry;

    if (side == TC_INGRESS && icmp_is_echo(family, packet)) {
        if (!icmp_echo(skb, family, packet))
            return TC_ACT_SHOT;
        count_icmp(WEIR_ICMP_ANSWERED);
        return (int)bpf_redirect(skb->ifindex, 0);
    }
    if (!icmp_is_error(family, packet) || !icmp_read(family, skb, packet, &in))
        return TC_ACT_OK;
    entry = flow_find(family, &in.answer);
    if (!entry || flow_expired(entry, in.answer.head.protocol, packet->now))
        return TC_ACT_OK;
    if (entry->family != family) {
        count_drop(WEIR_DROP_NOT_TRANSLATABLE, entry->service, entry->backend);
        return TC_ACT_SHOT;
    }
    if (side == TC_INGRESS && !(entry->flags & WEIR_FLOW_LOCAL && entry->direction == WEIR_REPLY))
        world_route(skb, packet, entry, &hop);
    if (hop.ifindex == WEIR_HOP_UNREACHABLE || (hop.ifindex && packet->ttl <= 1)) {
        count_drop(
            hop.ifindex == WEIR_HOP_UNREACHABLE ? WEIR_DROP_UNREACHABLE : WEIR_DROP_TTL_EXPIRED,
            entry->service, entry->backend);
        return TC_ACT_SHOT;
    }
    if (!icmp_translate(skb, family, packet, &in, entry)) {
        count_drop(WEIR_DROP_REWRITE_FAILED, entry->service, entry->backend);
        return TC_ACT_SHOT;
    }
    count_icmp(WEIR_ICMP_TRANSLATED);
    count_trace(entry->service, entry->backend,
                entry->direction == WEIR_REPLY ? WEIR_TRACE_REPLY : WEIR_TRACE_ESTABLISHED,
                WEIR_DROP_NONE);
    if (hop.ifindex == WEIR_HOP_STACK)
        return TC_ACT_OK;
    rewrite_ttl(family, skb, packet->l3_offset, packet->ttl, packet->ttl - 1);
    return tc_send(skb, packet, &hop, side);
}

/* A later fragment whose first one is not known: to a VIP, it is a service's, or will be. */
static __always_inline int tc_orphan(int family, struct __sk_buff *skb,
                                     const struct weir_packet *packet) {
    struct weir_address to;

    nat_destination(family, &packet->tuple, &to);
    if (!bpf_map_lookup_elem(&vips, &to))
        return TC_ACT_OK;
    if (hold_fragment(skb, family, packet))
        return TC_ACT_SHOT; /* what is kept is a copy */
    count_drop(WEIR_DROP_FRAGMENT_ORPHAN, WEIR_NO_SERVICE, WEIR_NO_BACKEND);
    return TC_ACT_SHOT;
}

static __always_inline int tc_ingress(int family, struct __sk_buff *skb,
                                      struct weir_packet *packet) {
    struct weir_decision decision;

    if (packet->fragment == WEIR_LATER_FRAGMENT && !fragment_recall(family, packet))
        return tc_orphan(family, skb, packet);
    ingress_classify(family, packet, 0, &decision);
    if (decision.way == WEIR_WAY_DROP)
        return tc_drop(skb, family, packet, &decision, TC_INGRESS);
    if (!decision.entry)
        return packet->fragment == WEIR_LATER_FRAGMENT ? tc_orphan(family, skb, packet) : TC_ACT_OK;
    tc_decide(family, skb, packet, TC_INGRESS, &decision);
    if (decision.way == WEIR_WAY_UNTOUCHED)
        return TC_ACT_OK;
    return tc_translate(family, skb, packet, TC_INGRESS, &decision);
}

/*
 * A packet of a program on this host to a VIP, or of one that has been there before. Its next hop
 * was found for the VIP, and is found anew.
 */
static __always_inline int tc_local(int family, struct __sk_buff *skb, struct weir_packet *packet,
                                    struct weir_decision *decision) {
    if (decision->way == WEIR_WAY_DROP)
        return tc_drop(skb, family, packet, decision, TC_EGRESS);
    if (!decision->entry)
        return TC_ACT_OK;
    tc_decide(family, skb, packet, TC_EGRESS, decision);
    return tc_translate(family, skb, packet, TC_EGRESS, decision);
}

/* A reply that the kernel has routed already; of another family it needs a route of its own. */
static __always_inline int tc_reply(int family, struct __sk_buff *skb, struct weir_packet *packet,
                                    struct weir_decision *decision) {
    struct weir_flow *entry = decision->entry;

    if (entry->family != family) {
        tc_decide(family, skb, packet, TC_EGRESS, decision);
    } else {
        decision->way = WEIR_WAY_UP; /* on, as it is routed */
        if (flow_due(entry, packet->now))
            flow_touch(family, packet, entry);
    }
    return tc_translate(family, skb, packet, TC_EGRESS, decision);
}

static __always_inline int tc_egress(int family, struct __sk_buff *skb,
                                     struct weir_packet *packet) {
    struct weir_decision decision = {.reason = WEIR_DROP_NONE};

    if (packet->fragment == WEIR_LATER_FRAGMENT && !fragment_recall(family, packet))
        return TC_ACT_OK;
    decision.entry = flow_of(family, packet);
    if (decision.entry && decision.entry->direction == WEIR_REPLY) {
        if (flow_expired(decision.entry, packet->tuple.head.protocol, packet->now))
            return TC_ACT_OK;
        return tc_reply(family, skb, packet, &decision);
    }
    if (skb->ingress_ifindex || (decision.entry && !(decision.entry->flags & WEIR_FLOW_LOCAL)))
        return TC_ACT_OK;
    ingress_classify(family, packet, WEIR_FLOW_LOCAL, &decision);
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

SEC("tc")
int weir_tc_ingress(struct __sk_buff *skb) {
    struct weir_packet *packet = tc_packet();

    /* seen in passing, by a bridge port or in promiscuous mode; a test run's frames are for nobody
     */
    if (!packet || (!options.replay && skb->pkt_type != PACKET_HOST))
        return TC_ACT_OK;
    switch (tc_parse(skb, packet)) {
        case WEIR_V4:
            return packet->is_icmp ? tc_icmp_v4(skb, packet, TC_INGRESS)
                                   : tc_ingress_v4(skb, packet);
        case WEIR_V6:
            return packet->is_icmp ? tc_icmp_v6(skb, packet, TC_INGRESS)
                                   : tc_ingress_v6(skb, packet);
        default:
            return TC_ACT_OK;
    }
}

SEC("tc")
int weir_tc_egress(struct __sk_buff *skb) {
    struct weir_packet *packet = tc_packet();

    if (!packet)
        return TC_ACT_OK;
    switch (tc_parse(skb, packet)) {
        case WEIR_V4:
            return packet->is_icmp ? tc_icmp_v4(skb, packet, TC_EGRESS) : tc_egress_v4(skb, packet);
        case WEIR_V6:
            return packet->is_icmp ? tc_icmp_v6(skb, packet, TC_EGRESS) : tc_egress_v6(skb, packet);
        default:
            return TC_ACT_OK;
    }
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
