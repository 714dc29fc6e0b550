/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Route: the next hop of a packet, from the FIB, or in a replay from its address. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#include "bpf/entry.h"
#include "bpf/world.h"

/* Both MAC addresses of a next hop, as they stand in a frame. Words, because clang copies bytes one
 * by one. */
static __always_inline const __u32 *route_macs(const struct weir_next_hop *hop) {
    return (const __u32 *)hop->dmac;
}
_Static_assert(offsetof(struct weir_next_hop, dmac) % sizeof(__u32) == 0 &&
                   offsetof(struct weir_next_hop, smac) ==
                       offsetof(struct weir_next_hop, dmac) + ETH_ALEN,
               "not as in a frame");

/* The neighbour's address is known. */
static __always_inline int route_is_resolved(const struct weir_next_hop *hop) {
    return route_macs(hop)[0] || ((const __u16 *)hop->dmac)[2];
}

/*
 * XDP sends out of interfaces that carry it natively: their drivers take frames from it. Returns
 * WEIR_FLOW_XDP where it does, and how.
 */
static __always_inline __u8 route_xdp_flags(__u32 ifindex) {
    const __u32 *mode = bpf_map_lookup_elem(&xdp_devices, &ifindex);

    if (mode && *mode == WEIR_XDP_NO_TX)
        return WEIR_FLOW_XDP | WEIR_FLOW_NO_TX;
    return mode && *mode == WEIR_XDP_NATIVE ? WEIR_FLOW_XDP : 0;
}

/*
 * Next hops of a replay, reached through the interface of arrival: a.b.c.d is at 02:00:a:b:c:d, an
 * IPv6 address at 02:01 and its last four bytes.
 */
static __always_inline __u16 route_of_replay(__u32 ifindex, long family,
                                             const struct weir_flow *entry,
                                             struct weir_next_hop *hop) {
    struct weir_address to;

    entry_destination(family, entry, &to);
    hop->ifindex = ifindex;
    hop->dmac[0] = 0x02;
    hop->dmac[1] = entry_new_family(family, entry) == WEIR_V4 ? 0x00 : 0x01;
    __builtin_memcpy(hop->dmac + 2, &to.words[3], 4);
    for (int i = 0; i < ETH_ALEN; i++)
        hop->smac[i] = options.replay_mac[i];
    return 0xffff;
}

/* Asks the FIB where a packet of this length goes, as it is after translation by `entry`. */
static __always_inline long route_look_up(void *ctx, const struct weir_packet *packet, long family,
                                          const struct weir_flow *entry, __u16 length,
                                          struct bpf_fib_lookup *fib) {
    struct weir_address from;
    struct weir_address to;

    entry_source(family, entry, &from);
    entry_destination(family, entry, &to);
    __builtin_memset(fib, 0, sizeof(*fib));
    fib->family = (__u8)entry_new_family(family, entry);
    fib->l4_protocol = packet->tuple.head.protocol;
    fib->sport = entry->sport;
    fib->dport = entry->dport;
    fib->ifindex = packet->ifindex;
    fib->tot_len = length;
    if (fib->family == WEIR_V4) {
        fib->tos = packet->tos;
        fib->ipv4_src = from.words[3];
        fib->ipv4_dst = to.words[3];
    } else {
        __builtin_memcpy(fib->ipv6_src, &from, sizeof(fib->ipv6_src));
        __builtin_memcpy(fib->ipv6_dst, &to, sizeof(fib->ipv6_dst));
    }
    return bpf_fib_lookup(ctx, fib, sizeof(*fib), 0);
}

/*
 * Finds the next hop of a packet, as it is after translation by `entry`. Returns the route's MTU,
 * which is compared with every packet later: it is told with the neighbour's address, or, as long
 * as that is not known, about a packet that no link takes.
 */
static __noinline __u16 route_find(void *ctx, const struct weir_packet *packet, long family,
                                   const struct weir_flow *entry, struct weir_next_hop *hop) {
    struct bpf_fib_lookup fib;
    long result;

    if (options.replay)
        return route_of_replay(packet->ifindex, family, entry, hop);

    result = route_look_up(ctx, packet, family, entry, 1, &fib);
    __builtin_memset(hop, 0, sizeof(*hop));
    if (result == BPF_FIB_LKUP_RET_SUCCESS) {
        hop->ifindex = fib.ifindex;
        __builtin_memcpy(hop->dmac, fib.dmac, ETH_ALEN);
        __builtin_memcpy(hop->smac, fib.smac, ETH_ALEN);
        return fib.mtu_result;
    }
    if (result == BPF_FIB_LKUP_RET_NO_NEIGH) {
        hop->ifindex = fib.ifindex;
        if (route_look_up(ctx, packet, family, entry, 0xffff, &fib) == BPF_FIB_LKUP_RET_FRAG_NEEDED)
            return fib.mtu_result;
    } else if (result == BPF_FIB_LKUP_RET_BLACKHOLE || result == BPF_FIB_LKUP_RET_UNREACHABLE ||
               result == BPF_FIB_LKUP_RET_PROHIBIT) {
        hop->ifindex = WEIR_HOP_UNREACHABLE;
    }
    return 0xffff;
}
