/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The way of an skb whose flow is known: decide, translate, send; or drop it and say why. */
#pragma once

#include <linux/pkt_cls.h>

#include "bpf/account.h"
#include "bpf/hold.h"
#include "bpf/icmp_send.h"
#include "bpf/ingress.h"
#include "bpf/nat64.h"
#include "bpf/reset.h"

enum tc_side {
    TC_INGRESS = 0,
    TC_EGRESS = 1,
};

/*
 * What marks an skb, in its control block, as sent by these programs: they need not look at it
 * again where it leaves. Random, and another one each time they are loaded, for others leave there
 * what they like; 0: nothing is marked (test runs).
 */
const volatile __u64 sent_mark;

static __always_inline void tc_mark_sent(struct __sk_buff *skb) {
    skb->cb[0] = (__u32)sent_mark;
    skb->cb[1] = (__u32)(sent_mark >> 32);
}

static __always_inline int tc_is_sent(const struct __sk_buff *skb) {
    return sent_mark && skb->cb[0] == (__u32)sent_mark && skb->cb[1] == (__u32)(sent_mark >> 32);
}

static __always_inline void tc_count(struct __sk_buff *skb, long family,
                                     const struct weir_packet *packet, const struct weir_flow *flow,
                                     __u8 opened, __u32 segments) {
    __u32 headers = packet->l4_offset + packet->l4_header;
    __u32 bytes = skb->len + (segments - 1) * headers;

    count_translated(flow, opened, segments, bytes);
    if (options.account)
        account_packet(family, packet, flow, segments, bytes);
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
    tc_mark_sent(skb);
    if (!route_is_resolved(hop))
        return (int)bpf_redirect_neigh(hop->ifindex, NULL, 0, 0);
    bpf_skb_store_bytes(skb, 0, hop->dmac, 2 * ETH_ALEN, 0);
    if (side == TC_EGRESS && hop->ifindex == skb->ifindex)
        return TC_ACT_OK;
    return (int)bpf_redirect(hop->ifindex, 0);
}

/* Sends what took the packet's place back to where that came from. */
static __always_inline int tc_answer(struct __sk_buff *skb, enum tc_side side) {
    return (int)bpf_redirect(skb->ifindex, side == TC_EGRESS ? BPF_F_INGRESS : 0);
}

/* What a packet may have so that its translation fits through the route. */
static __always_inline __u16 tc_mtu(long family, const struct weir_packet *packet,
                                    const struct weir_flow *entry) {
    __u16 more = sizeof(struct ipv6hdr) - sizeof(struct iphdr);

    if (!entry_changes_family(family, &packet->tuple, entry))
        return entry->mtu;
    return entry_new_family(family, entry) == WEIR_V6 ? entry->mtu - more : entry->mtu + more;
}

/* In the place of a packet that is dropped: what its sender is told, as the family of the packet
 * has it. */
static __always_inline int tc_tell(struct __sk_buff *skb, long family,
                                   const struct weir_packet *packet,
                                   const struct weir_address *from, struct icmp_error error,
                                   enum tc_side side) {
    if (!error.type || packet->fragment == WEIR_LATER_FRAGMENT ||
        !icmp_send_error(skb, family, packet, from, &error))
        return TC_ACT_SHOT;
    count_icmp(WEIR_ICMP_SENT);
    return tc_answer(skb, side);
}

/* Drops the packet, and tells its sender where that helps. */
static __noinline int tc_drop(struct __sk_buff *skb, long family, struct weir_packet *packet,
                              const struct weir_decision *decision, enum tc_side side) {
    int is_down = decision->entry && decision->reason == WEIR_DROP_BACKEND_DOWN;
    const struct weir_flow *entry = decision->entry;
    struct weir_address from;
    __u16 mtu = entry ? tc_mtu(family, packet, entry) : 0;

    event_drop(family, packet, entry, decision->reason, decision->service, decision->backend);
    /* the sender knows the VIP, and not who is behind it */
    nat_destination(family, &packet->tuple, &from);
    if (entry && entry->flags & WEIR_FLOW_REPLY &&
        !entry_changes_family(family, &packet->tuple, entry))
        entry_source(family, entry, &from);
    if (is_down)
        flow_forget(family, &packet->tuple, entry);
    if (nat_wire(family, &packet->tuple) != family) {
        nat_unmap_tuple(&packet->tuple);
        family = WEIR_V4;
    }
    if (is_down && packet->tuple.head.protocol == IPPROTO_TCP)
        return packet->fragment == WEIR_WHOLE && reset_send(skb, family, packet)
                   ? tc_answer(skb, side)
                   : TC_ACT_SHOT;
    return tc_tell(skb, family, packet, &from, icmp_error_of(family, decision->reason, mtu), side);
}

/* Whether the packet is for a flow's client, and addressed to it: the flow leaves its address as it
 * is, and its replies are the stack's to forward. */
static __always_inline int tc_is_for_client(long family, const struct weir_packet *packet,
                                            const struct weir_flow *entry) {
    struct weir_address is;
    struct weir_address to;

    nat_destination(family, &packet->tuple, &is);
    entry_destination(family, entry, &to);
    return (entry->flags & (WEIR_FLOW_REPLY | WEIR_FLOW_LOCAL)) == WEIR_FLOW_REPLY &&
           nat_same_address(&is, &to);
}

/* The packet's length after translation. */
static __always_inline __u32 tc_length(long family, const struct weir_packet *packet,
                                       const struct weir_flow *entry) {
    __u32 header = (__u32)packet->l4_offset - packet->l3_offset;

    if (!entry_changes_family(family, &packet->tuple, entry))
        return packet->ip_length;
    return packet->ip_length - header +
           (entry_new_family(family, entry) == WEIR_V6 ? sizeof(struct ipv6hdr)
                                                       : sizeof(struct iphdr));
}

/*
 * Finds the way on of a packet that has an entry. What is for the stack goes up translated, except
 * a reply with the VIP as its source, which it might take for its own: that is translated on its
 * way out, at TC egress.
 */
static __always_inline void tc_decide(long family, struct __sk_buff *skb,
                                      const struct weir_packet *packet, enum tc_side side,
                                      struct weir_decision *decision) {
    struct weir_flow *entry = decision->entry;
    int dnat_reply = tc_is_for_client(family, packet, entry);
    int changes = entry_changes_family(family, &packet->tuple, entry);

    decision->way = WEIR_WAY_UP;
    if (side == TC_INGRESS && entry->flags & WEIR_FLOW_REPLY && entry->flags & WEIR_FLOW_LOCAL) {
        if (flow_due(entry, packet->now))
            flow_touch(family, packet, entry);
        return;
    }
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
    if (tc_length(family, packet, entry) <= entry->mtu ||
        (changes && packet->fragment != WEIR_WHOLE))
        return; /* such a fragment is not translated, however short it is */
    if (!packet->may_fragment || changes || side == TC_EGRESS ||
        flow_hides_client(family, &packet->tuple, entry)) /* the stack takes it for a martian */
        return decide_drop(decision, WEIR_DROP_TOO_BIG);
    decision->way = dnat_reply ? WEIR_WAY_UNTOUCHED : WEIR_WAY_UP; /* the stack cuts it up */
}

/* The translation. False when it cannot be done; the reason is noted. */
static __always_inline int tc_rewrite(long family, struct __sk_buff *skb,
                                      struct weir_packet *packet, enum tc_side side,
                                      struct weir_decision *decision) {
    const struct weir_flow *entry = decision->entry;
    int changes = entry_changes_family(family, &packet->tuple, entry);
    long wire = nat_wire(family, &packet->tuple);
    __u8 ttl = packet->ttl - (side == TC_INGRESS && decision->way == WEIR_WAY_OUT);

    if (!changes && rewrite_headers(family, skb, packet, entry, ttl))
        return 1;
    if (changes) {
        if (!nat64_can(wire, skb, packet)) {
            decide_drop(decision, WEIR_DROP_NOT_TRANSLATABLE);
            return 0;
        }
        if (nat64_rewrite(skb, wire, packet, entry_v6(entry))) {
            if (ttl != packet->ttl)
                rewrite_ttl(entry_new_family(family, entry), skb, packet->l3_offset, packet->ttl,
                            ttl);
            return 1;
        }
    }
    decide_drop(decision, WEIR_DROP_REWRITE_FAILED);
    return 0;
}

/* How many segments the wire has of it. Who takes packets from outside of the kernel (virtio, tun)
 * leaves that for later to be counted. */
static __always_inline __u32 tc_segments(const struct __sk_buff *skb,
                                         const struct weir_packet *packet) {
    __u32 headers = packet->l4_offset + packet->l4_header;

    if (skb->gso_segs || !skb->gso_size || skb->len <= headers)
        return skb->gso_segs ? skb->gso_segs : 1;
    return (skb->len - headers + skb->gso_size - 1) / skb->gso_size;
}

/* A packet whose entry is known: translates it, and sends it on its way. */
static __always_inline int tc_translate(long family, struct __sk_buff *skb,
                                        struct weir_packet *packet, enum tc_side side,
                                        struct weir_decision *decision) {
    const struct weir_flow *entry = decision->entry;
    __u32 segments = tc_segments(skb, packet); /* NAT64 resets what says so */

    if (packet->fragment == WEIR_FIRST_FRAGMENT) {
        fragment_note(family, packet);
        if (side == TC_INGRESS && hold_release(skb, family, packet))
            return TC_ACT_SHOT; /* it comes again */
    }
    if (decision->way == WEIR_WAY_DROP || !tc_rewrite(family, skb, packet, side, decision))
        return tc_drop(skb, family, packet, decision, side);
    tc_count(skb, family, packet, entry, decision->opened, segments);
    flow_track(family, packet, decision->entry);
    if (decision->way == WEIR_WAY_UP)
        return TC_ACT_OK;
    return tc_send(skb, packet, &decision->hop, side);
}
