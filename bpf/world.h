/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The world around a packet: what time it is, how long it was on the wire, and where an address is
 * found. In a replay all come from the capture, so that the same input gives the same bytes on
 * every machine; `options` is read-only data, and the verifier removes the branch that is not
 * taken.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#include "bpf/maps.h"
#include "bpf/parse.h"

const volatile struct weir_options options;

static __always_inline __u64 world_now(void) {
    if (options.replay) {
        const struct weir_settings *set = settings_get();

        return set ? set->replay_now : 0;
    }
    return bpf_ktime_get_coarse_ns();
}

/* The frame's length; in a replay, that before the capture cut it. 0 there: it is whole. */
static __always_inline __u32 world_length(__u32 length) {
    if (options.replay) {
        const struct weir_settings *set = settings_get();

        return set && set->replay_length ? set->replay_length : length;
    }
    return length;
}

/*
 * Whether this hook can send a frame that came in on `from` out of `to`. Each entry file has its
 * own answer.
 */
static int hook_can_send(__u32 from, __u32 to);

/*
 * Next hops of a replay, reached through the interface of arrival: a.b.c.d is at 02:00:a:b:c:d, an
 * IPv6 address at 02:01 and its last four bytes.
 */
static __always_inline __u16 world_replay_route(enum weir_family family, __u32 ifindex,
                                                const union weir_any_flow *entry,
                                                struct weir_next_hop *hop) {
    hop->ifindex = ifindex;
    hop->dmac[0] = 0x02;
    hop->dmac[1] = family == WEIR_V4 ? 0x00 : 0x01;
    if (family == WEIR_V4)
        __builtin_memcpy(hop->dmac + 2, &entry->v4.daddr, 4);
    else
        __builtin_memcpy(hop->dmac + 2, &entry->v6.daddr.words[3], 4);
    for (int i = 0; i < ETH_ALEN; i++)
        hop->smac[i] = options.replay_mac[i];
    return 0xffff;
}

/*
 * Finds the next hop of a packet, as it is after translation by `entry`.
 * Returns the route's MTU.
 */
static __always_inline __u16 world_route(enum weir_family family, void *ctx,
                                         const struct weir_packet *packet,
                                         const union weir_any_flow *entry,
                                         struct weir_next_hop *hop) {
    struct bpf_fib_lookup fib = {};
    long result;

    if (options.replay)
        return world_replay_route(family, packet->ifindex, entry, hop);

    /* tot_len stays 0: the MTU is reported and compared with every packet, not only with this one
     */
    fib.family = (__u8)family;
    fib.l4_protocol = packet->tuple.head.protocol;
    fib.sport = entry->flow.sport;
    fib.dport = entry->flow.dport;
    fib.ifindex = packet->ifindex;
    if (family == WEIR_V4) {
        fib.tos = packet->tos;
        fib.ipv4_src = entry->v4.saddr;
        fib.ipv4_dst = entry->v4.daddr;
    } else {
        __builtin_memcpy(fib.ipv6_src, &entry->v6.saddr, sizeof(fib.ipv6_src));
        __builtin_memcpy(fib.ipv6_dst, &entry->v6.daddr, sizeof(fib.ipv6_dst));
    }
    result = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);

    hop->ifindex = WEIR_HOP_STACK;
    if (result == BPF_FIB_LKUP_RET_BLACKHOLE || result == BPF_FIB_LKUP_RET_UNREACHABLE ||
        result == BPF_FIB_LKUP_RET_PROHIBIT)
        hop->ifindex = WEIR_HOP_UNREACHABLE;
    if (result != BPF_FIB_LKUP_RET_SUCCESS || !hook_can_send(packet->ifindex, fib.ifindex))
        return 0xffff;
    hop->ifindex = fib.ifindex;
    __builtin_memcpy(hop->dmac, fib.dmac, ETH_ALEN);
    __builtin_memcpy(hop->smac, fib.smac, ETH_ALEN);
    return fib.mtu_result;
}
