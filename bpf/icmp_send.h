/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ICMP that Weir sends itself, in the place of the packet that causes it and from the VIP: errors
 * about packets that it drops, and echo replies.
 */
#pragma once

#include "bpf/admit.h"
#include "bpf/icmp.h"
#include "bpf/rewrite.h"

enum { ICMP_TTL = 64 };

/* Errors per second and CPU at most. */
enum { ICMP_RATE = 1000 };

struct icmp_error {
    __u8 type;
    __u8 code;
    __u16 mtu;
};

/* What is said about a drop; type 0 where nothing is. RFC 1812, 4.3.2.7 and RFC 4443, 2.4: nothing
 * about errors, nor about fragments but the first. */
static __always_inline struct icmp_error icmp_error_of(long family, __u8 reason, __u16 mtu) {
    struct icmp_error none = {};
    int v4 = family == WEIR_V4;

    switch (reason) {
        case WEIR_DROP_NO_BACKEND:
        case WEIR_DROP_BACKEND_DOWN:
        case WEIR_DROP_SNAT_EXHAUSTED: /* port unreachable: a connect() fails at once */
            return v4 ? (struct icmp_error){ICMP4_UNREACHABLE, 3, 0}
                      : (struct icmp_error){ICMP6_UNREACHABLE, 4, 0};
        case WEIR_DROP_UNREACHABLE: /* host unreachable, no route */
            return v4 ? (struct icmp_error){ICMP4_UNREACHABLE, 1, 0}
                      : (struct icmp_error){ICMP6_UNREACHABLE, 0, 0};
        case WEIR_DROP_TTL_EXPIRED:
            return v4 ? (struct icmp_error){ICMP4_TIME_EXCEEDED, 0, 0}
                      : (struct icmp_error){ICMP6_TIME_EXCEEDED, 0, 0};
        case WEIR_DROP_TOO_BIG:
            return v4 ? (struct icmp_error){ICMP4_UNREACHABLE, 4, mtu}
                      : (struct icmp_error){ICMP6_TOO_BIG, 0, mtu};
        default:
            return none;
    }
}

/* Sums up `size` bytes, a multiple of 4 and at most ICMP_CARRIED. */
static __always_inline __u32 icmp_sum(const void *from, __u32 size, __u32 seed) {
    return (__u32)bpf_csum_diff(NULL, 0, (__be32 *)from, size, seed);
}

static __always_inline __u16 icmp_fold(__u32 sum) {
    return (__u16)~csum_fold(sum);
}

/*
 * Cuts the packet down to what is carried. An skb whose checksum the device is to finish would have
 * it put into the carried packet: it refuses to be cut off before that field, by which it is known,
 * and what the device will make of the sum is worked out (linux/skbuff.h, "CHECKSUM_PARTIAL").
 * Returns the sum of the carried bytes as they are sent, or -1.
 */
static __always_inline __s64 icmp_cut(struct __sk_buff *skb, const struct weir_packet *packet,
                                      struct icmp_scratch *s, __u32 size) {
    __u32 l3 = packet->l3_offset;
    __u32 l4 = packet->l4_offset - l3;
    __u32 field =
        l4 + (packet->tuple.head.protocol == IPPROTO_UDP ? offsetof(struct udphdr, check)
                                                         : offsetof(struct tcphdr, check));
    __u16 pseudo = 0;

    if (bpf_skb_load_bytes(skb, l3, s->carried, size))
        return -1;
    if (packet->fragment == WEIR_LATER_FRAGMENT || !bpf_skb_change_tail(skb, l3 + l4 + 4, 0)) {
        if (bpf_skb_change_tail(skb, l3 + size, 0) ||
            bpf_skb_store_bytes(skb, l3, s->carried, size, 0))
            return -1;
        return icmp_sum(s->carried, size, 0);
    }
    if (bpf_skb_change_tail(skb, l3 + size, 0) || bpf_skb_load_bytes(skb, l3 + field, &pseudo, 2))
        return -1;
    /* up to L4 as it stands; from there on the finished sum leaves minus the pseudo header */
    return icmp_sum(s->carried, l4 & WEIR_OFFSET_MASK & ~3U, (__u16)~pseudo);
}

/* The header of an answer to the packet, `size` bytes of `protocol` long. */
static __always_inline void answer_write_v4(struct icmp_scratch *s,
                                            const struct weir_packet *packet, __be32 from,
                                            __u8 protocol, __u32 size) {
    struct iphdr *ip = &s->ip.v4;

    __builtin_memset(ip, 0, sizeof(*ip));
    ip->version = 4;
    ip->ihl = 5;
    if (protocol == IPPROTO_ICMP)
        ip->tos = 0xc0; /* internetwork control: RFC 1812, 4.3.2.5 */
    ip->tot_len = bpf_htons((__u16)(sizeof(*ip) + size));
    ip->ttl = ICMP_TTL;
    ip->protocol = protocol;
    ip->saddr = from;
    ip->daddr = packet->tuple.v4.saddr;
    ip->check = icmp_fold(icmp_sum(ip, sizeof(*ip), 0));
}

/* Returns the sum of the pseudo header. */
static __always_inline __u32 answer_write_v6(struct icmp_scratch *s,
                                             const struct weir_packet *packet,
                                             const struct weir_address *from, __u8 protocol,
                                             __u32 size) {
    struct ipv6hdr *ip = &s->ip.v6;
    __be32 rest[2] = {bpf_htonl(size), bpf_htonl(protocol)};

    __builtin_memset(ip, 0, sizeof(*ip));
    ip->version = 6;
    ip->payload_len = bpf_htons((__u16)size);
    ip->nexthdr = protocol;
    ip->hop_limit = ICMP_TTL;
    __builtin_memcpy(&ip->saddr, from, sizeof(ip->saddr));
    __builtin_memcpy(&ip->daddr, &packet->tuple.v6.saddr, sizeof(ip->daddr));
    return icmp_sum(&ip->saddr, 32, icmp_sum(rest, sizeof(rest), 0));
}

/* Ethernet header and tags, turned round. */
static __always_inline int icmp_read_l2(struct __sk_buff *skb, struct icmp_scratch *s) {
    __u8 address[ETH_ALEN];

    if (bpf_skb_load_bytes(skb, 0, s->l2, sizeof(s->l2)))
        return 0;
    __builtin_memcpy(address, s->l2, ETH_ALEN);
    __builtin_memcpy(s->l2, s->l2 + ETH_ALEN, ETH_ALEN);
    __builtin_memcpy(s->l2 + ETH_ALEN, address, ETH_ALEN);
    return 1;
}

/* Sizes are constants: the verifier refuses one that may be zero ("invalid zero-sized read").
 */
static __always_inline long icmp_write_l2(struct __sk_buff *skb, const struct weir_packet *packet,
                                          const struct icmp_scratch *s) {
    if (packet->l3_offset == ETH_HLEN)
        return bpf_skb_store_bytes(skb, 0, s->l2, ETH_HLEN, 0);
    if (packet->l3_offset == ETH_HLEN + sizeof(struct weir_vlan_tag))
        return bpf_skb_store_bytes(skb, 0, s->l2, ETH_HLEN + sizeof(struct weir_vlan_tag), 0);
    return bpf_skb_store_bytes(skb, 0, s->l2, sizeof(s->l2), 0);
}

static __always_inline struct icmp_scratch *icmp_scratch_get(void) {
    __u32 zero = 0;

    return bpf_map_lookup_elem(&icmp_scratch, &zero);
}

/*
 * Makes room before the packet that is carried. bpf_skb_adjust_room() knows IP only, and the skb of
 * a frame with tags in it is "of 802.1Q"; in bpf_skb_change_head() the network header stays with
 * what is carried, which only those look at who classify a frame on its way out.
 */
static __always_inline long icmp_make_room(struct __sk_buff *skb, const struct weir_packet *packet,
                                           __u32 size) {
    if (packet->l3_offset > ETH_HLEN)
        return bpf_skb_change_head(skb, size, 0);
    return bpf_skb_adjust_room(skb, (__s32)size, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET);
}

/*
 * Turns the skb into an error about the packet that it holds, to the sender of that. False when it
 * could not, or not that often; what is left is to be dropped.
 */
static __always_inline int icmp_become_error(struct __sk_buff *skb, long family,
                                             const struct weir_packet *packet,
                                             const struct weir_address *from,
                                             const struct icmp_error *error) {
    struct icmp_scratch *s = icmp_scratch_get();
    __u32 header = family == WEIR_V4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
    __u32 have = skb->len - packet->l3_offset;
    __u32 size = packet->ip_length;
    __u32 sum = 0;
    __s64 carried;

    if (!s || !nat_is_host(family, &packet->tuple) ||
        !rate_admits(&s->sent, ICMP_RATE, packet->now) || !icmp_read_l2(skb, s))
        return 0;
    if (size > have)
        size = have; /* replay: the capture cut the frame */
    if (size > ICMP_CARRIED)
        size = ICMP_CARRIED;
    size &= ~3U;
    if (size < 20 || size > ICMP_CARRIED)
        return 0;
    carried = icmp_cut(skb, packet, s, size);
    if (carried < 0 || icmp_make_room(skb, packet, header + (__u32)sizeof(s->icmp)))
        return 0;
    if (family == WEIR_V4)
        answer_write_v4(s, packet, from->words[3], IPPROTO_ICMP, (__u32)sizeof(s->icmp) + size);
    else
        sum = answer_write_v6(s, packet, from, IPPROTO_ICMPV6, (__u32)sizeof(s->icmp) + size);
    s->icmp.type = error->type;
    s->icmp.code = error->code;
    s->icmp.check = 0;
    s->icmp.rest = bpf_htonl(error->mtu);
    s->icmp.check = icmp_fold(csum_fold(icmp_sum(&s->icmp, sizeof(s->icmp), sum)) +
                              (__u32)csum_fold((__u32)carried));
    if (icmp_write_l2(skb, packet, s))
        return 0;
    bpf_skb_store_bytes(skb, packet->l3_offset, &s->ip, header, 0);
    bpf_skb_store_bytes(skb, packet->l3_offset + header, &s->icmp, sizeof(s->icmp), 0);
    return 1;
}

/* Global, as further below: the verifier looks at it once. */
__noinline int icmp_send_error(struct __sk_buff *skb, long family, const struct weir_packet *packet,
                               const struct weir_address *from, const struct icmp_error *error) {
    return packet && from && error && icmp_become_error(skb, family, packet, from, error);
}

/* Whether the packet is an echo request to a VIP. */
static __always_inline int icmp_is_echo(long family, const struct weir_packet *packet) {
    struct weir_address vip;

    if (family == WEIR_V4
            ? packet->tuple.head.protocol != IPPROTO_ICMP || packet->icmp_type != ICMP4_ECHO
            : packet->tuple.head.protocol != IPPROTO_ICMPV6 || packet->icmp_type != ICMP6_ECHO)
        return 0;
    nat_destination(family, &packet->tuple, &vip);
    return nat_is_host(family, &packet->tuple) && bpf_map_lookup_elem(&vips, &vip) != NULL;
}

/* Turns an echo request into its reply. Swapped addresses leave every sum as it is. */
static __noinline int icmp_echo(struct __sk_buff *skb, long family,
                                const struct weir_packet *packet) {
    struct icmp_scratch *s = icmp_scratch_get();
    __u8 type = family == WEIR_V4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
    __u32 at = packet->l4_offset + offsetof(struct weir_icmp, check);
    __u32 ip = packet->l3_offset;
    __u16 check;

    if (!s || !icmp_read_l2(skb, s) || bpf_skb_load_bytes(skb, at, &check, sizeof(check)))
        return 0;
    if (icmp_write_l2(skb, packet, s))
        return 0;
    if (family == WEIR_V4) {
        __be32 pair[2] = {packet->tuple.v4.daddr, packet->tuple.v4.saddr};

        bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, saddr), pair, sizeof(pair), 0);
    } else {
        bpf_skb_store_bytes(skb, ip + offsetof(struct ipv6hdr, saddr), &packet->tuple.v6.daddr, 16,
                            0);
        bpf_skb_store_bytes(skb, ip + offsetof(struct ipv6hdr, daddr), &packet->tuple.v6.saddr, 16,
                            0);
    }
    check = csum_apply(check, csum_delta16(bpf_htons((__u16)(packet->icmp_type << 8)),
                                           bpf_htons((__u16)(type << 8))));
    rewrite_ttl(family, skb, ip, packet->ttl, ICMP_TTL);
    bpf_skb_store_bytes(skb, packet->l4_offset, &type, sizeof(type), 0);
    bpf_skb_store_bytes(skb, at, &check, sizeof(check), 0);
    return 1;
}
