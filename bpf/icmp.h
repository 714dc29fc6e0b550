/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ICMP and ICMPv6 errors (RFC 792, RFC 4443) carry the beginning of the packet that caused them.
 * Its addresses say which flow they are about; they are translated as the flow's packets are,
 * embedded packet included (RFC 5508, 4.2), and neither refresh nor end it.
 */
#pragma once

#include "bpf/flow.h"

enum {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACHABLE = 3,
    ICMP4_ECHO = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER_PROBLEM = 12,
    ICMP6_UNREACHABLE = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAMETER_PROBLEM = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
};

static __always_inline int icmp_is_error(long family, const struct weir_packet *packet) {
    __u8 type = packet->icmp_type;

    if (family == WEIR_V6)
        return packet->tuple.head.protocol == IPPROTO_ICMPV6 && type >= ICMP6_UNREACHABLE &&
               type <= ICMP6_PARAMETER_PROBLEM;
    return packet->tuple.head.protocol == IPPROTO_ICMP &&
           (type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED ||
            type == ICMP4_PARAMETER_PROBLEM);
}

/* The packet inside an error. */
struct icmp_embedded {
    union weir_any_tuple answer; /* the tuple that answers it: the key of the flow it belongs to */
    __u32 l3;                    /* offsets in the frame */
    __u32 l4;
    __u16 ip_check; /* IPv4 */
    __u16 l4_check;
    __u8 has_l4_check; /* the error holds enough of the packet, and the packet has one */
    __u8 zero[3];
};

static __always_inline int icmp_read_v4(struct __sk_buff *skb, struct icmp_embedded *in) {
    struct iphdr ip;

    if (bpf_skb_load_bytes(skb, in->l3, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
        ip.frag_off & bpf_htons(WEIR_IP_OFFSET))
        return 0;
    in->l4 = in->l3 + ip.ihl * 4U;
    in->ip_check = ip.check;
    in->answer.head.protocol = ip.protocol;
    in->answer.v4.saddr = ip.daddr;
    in->answer.v4.daddr = ip.saddr;
    return 1;
}

/* Extension headers other than that of a first fragment hide the ports: such an error is rare. */
static __always_inline int icmp_read_v6(struct __sk_buff *skb, struct icmp_embedded *in) {
    struct weir_extension extension;
    struct ipv6hdr ip;

    if (bpf_skb_load_bytes(skb, in->l3, &ip, sizeof(ip)) || ip.version != 6)
        return 0;
    in->l4 = in->l3 + sizeof(ip);
    in->answer.head.protocol = ip.nexthdr;
    if (ip.nexthdr == IPPROTO_FRAGMENT) {
        if (bpf_skb_load_bytes(skb, in->l4, &extension, sizeof(extension)) ||
            (extension.third << 8 | extension.fourth) & WEIR_IP6_OFFSET)
            return 0;
        in->l4 += sizeof(extension);
        in->answer.head.protocol = extension.next;
    }
    __builtin_memcpy(&in->answer.v6.saddr, &ip.daddr, sizeof(ip.daddr));
    __builtin_memcpy(&in->answer.v6.daddr, &ip.saddr, sizeof(ip.saddr));
    return 1;
}

static __always_inline int icmp_read(long family, struct __sk_buff *skb,
                                     const struct weir_packet *packet, struct icmp_embedded *in) {
    __u8 protocol;
    __be16 ports[2];
    __u32 check;

    __builtin_memset(in, 0, sizeof(*in));
    in->l3 = packet->l4_offset + sizeof(struct weir_icmp);
    if (!(family == WEIR_V4 ? icmp_read_v4(skb, in) : icmp_read_v6(skb, in)))
        return 0;
    protocol = in->answer.head.protocol;
    /* what follows the IP packet in the frame is padding, and in no sum */
    if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) ||
        in->l4 + sizeof(ports) > packet->l3_offset + packet->ip_length ||
        bpf_skb_load_bytes(skb, in->l4, ports, sizeof(ports)))
        return 0;
    in->answer.head.sport = ports[1];
    in->answer.head.dport = ports[0];
    check = in->l4 + (protocol == IPPROTO_UDP ? offsetof(struct udphdr, check)
                                              : offsetof(struct tcphdr, check));
    if (check + 2 <= packet->l3_offset + packet->ip_length &&
        !bpf_skb_load_bytes(skb, check, &in->l4_check, sizeof(in->l4_check)))
        in->has_l4_check = protocol == IPPROTO_TCP || in->l4_check != 0;
    return 1;
}

/*
 * BPF_F_RECOMPUTE_CSUM: where the NIC summed up the frame (CHECKSUM_COMPLETE), its sum follows
 * every byte. Only the first call can fail.
 */
static __always_inline int icmp_store(struct __sk_buff *skb, __u32 at, const void *from,
                                      __u32 size) {
    return !bpf_skb_store_bytes(skb, at, from, size, BPF_F_RECOMPUTE_CSUM);
}

/* Writes the embedded packet as it was before Weir translated it. Returns what that adds to the
 * checksum of the message. */
static __always_inline __u16 icmp_write_embedded(long family, struct __sk_buff *skb,
                                                 const struct icmp_embedded *in,
                                                 const struct weir_flow *flow) {
    int udp = in->answer.head.protocol == IPPROTO_UDP;
    struct entry_delta deltas = entry_deltas(family, &in->answer, flow);
    __u16 addresses = deltas.addresses; /* of the answer's: the same words, turned round */
    __u16 change = csum_add(addresses, deltas.ports);
    __be16 ports[2] = {flow->dport, flow->sport};
    __u16 delta = change;
    __u16 check;

    icmp_store(skb, in->l4, ports, sizeof(ports));
    if (family == WEIR_V4) {
        __be32 pair[2] = {flow->v4.daddr, flow->v4.saddr};

        check = csum_apply(in->ip_check, addresses);
        delta = csum_add(delta, csum_delta16(in->ip_check, check));
        icmp_store(skb, in->l3 + offsetof(struct iphdr, saddr), pair, sizeof(pair));
        icmp_store(skb, in->l3 + offsetof(struct iphdr, check), &check, sizeof(check));
    } else {
        icmp_store(skb, in->l3 + offsetof(struct ipv6hdr, saddr), &entry_v6(flow)->daddr,
                   sizeof(entry_v6(flow)->daddr));
        icmp_store(skb, in->l3 + offsetof(struct ipv6hdr, daddr), &entry_v6(flow)->saddr,
                   sizeof(entry_v6(flow)->saddr));
    }
    if (in->has_l4_check) {
        check = udp ? csum_apply_udp(in->l4_check, change) : csum_apply(in->l4_check, change);
        delta = csum_add(delta, csum_delta16(in->l4_check, check));
        icmp_store(skb,
                   in->l4 + (udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check)),
                   &check, sizeof(check));
    }
    return delta;
}

/*
 * Writes the outer addresses: to the flow's other end, and from the VIP where the error is from the
 * very host that the flow hides; a router's own address stays. Returns the change of the sum.
 */
static __always_inline __u16 icmp_write_outer(long family, struct __sk_buff *skb,
                                              const struct weir_packet *packet,
                                              const struct icmp_embedded *in,
                                              const struct weir_flow *flow) {
    struct weir_address from;
    struct weir_address to;
    struct weir_address was;
    struct weir_address hidden;
    __u32 ip = packet->l3_offset;
    __u16 delta;

    nat_source(family, &packet->tuple, &from);
    nat_source(family, &in->answer, &hidden);
    was = from;
    if (nat_same_address(&from, &hidden))
        entry_source(family, flow, &from);
    delta = nat_address_delta(&was, &from);
    nat_destination(family, &packet->tuple, &was);
    entry_destination(family, flow, &to);
    delta = csum_add(delta, nat_address_delta(&was, &to));
    if (family == WEIR_V4) {
        __be32 pair[2] = {from.words[3], to.words[3]};

        /* the header's checksum takes this back */
        bpf_skb_store_bytes(skb, ip + offsetof(struct iphdr, saddr), pair, sizeof(pair), 0);
        bpf_l3_csum_replace(skb, ip + offsetof(struct iphdr, check), 0, delta, 0);
    } else {
        icmp_store(skb, ip + offsetof(struct ipv6hdr, saddr), &from, sizeof(from));
        icmp_store(skb, ip + offsetof(struct ipv6hdr, daddr), &to, sizeof(to));
    }
    return delta;
}

/*
 * Translates an error about a packet of a flow, whose entry for the answering direction is `flow`.
 * False, with nothing written, when the message cannot be made writable.
 */
static __noinline int icmp_translate(struct __sk_buff *skb, long family,
                                     const struct weir_packet *packet,
                                     const struct icmp_embedded *in, const struct weir_flow *flow) {
    __u32 at = packet->l4_offset + offsetof(struct weir_icmp, check);
    __u16 delta;
    __u16 outer;
    __u16 check;

    if (bpf_skb_load_bytes(skb, at, &check, sizeof(check)) ||
        !icmp_store(skb, at, &check, sizeof(check)))
        return 0;
    delta = icmp_write_embedded(family, skb, in, flow);
    outer = icmp_write_outer(family, skb, packet, in, flow);
    if (family == WEIR_V6) /* the sum covers a pseudo header as well */
        delta = csum_add(delta, outer);
    check = csum_apply(check, delta);
    icmp_store(skb, at, &check, sizeof(check));
    return 1;
}
