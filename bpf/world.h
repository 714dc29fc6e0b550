/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The world around a packet: what time it is, and where an address is found. In a replay both come
 * from the capture, so that the same input gives the same bytes on every machine; `options` is
 * read-only data, and the verifier removes the branch that is not taken.
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

/*
 * Next hops of a replay, reached through the interface of arrival: a.b.c.d is at 02:00:a:b:c:d, an
 * IPv6 address at 02:01 and its last four bytes.
 */
static __always_inline void world_replay_route(enum weir_family family, __u32 ifindex,
                                               union weir_any_flow *entry) {
    __u8 *mac = entry->flow.next_hop.dmac;

    entry->flow.next_hop.ifindex = ifindex;
    entry->flow.mtu = 0xffff;
    mac[0] = 0x02;
    mac[1] = family == WEIR_V4 ? 0x00 : 0x01;
    if (family == WEIR_V4)
        __builtin_memcpy(mac + 2, &entry->v4.daddr, 4);
    else
        __builtin_memcpy(mac + 2, entry->v6.daddr.bytes + 12, 4);
    for (int i = 0; i < ETH_ALEN; i++)
        entry->flow.next_hop.smac[i] = options.replay_mac[i];
}

/*
 * Sets the next hop and MTU of an entry for a packet that arrived on `ifindex`, as it is after
 * translation.
 */
static __always_inline void world_route(enum weir_family family, void *ctx, __u32 ifindex,
                                        const struct weir_packet *packet,
                                        union weir_any_flow *entry) {
    struct bpf_fib_lookup fib = {};
    struct weir_flow *flow = &entry->flow;
    long result;

    if (options.replay) {
        world_replay_route(family, ifindex, entry);
        return;
    }

    /* tot_len stays 0: the MTU is reported and compared with every packet, not only with this one
     */
    fib.family = (__u8)family;
    fib.l4_protocol = packet->tuple.head.protocol;
    fib.sport = flow->sport;
    fib.dport = flow->dport;
    fib.ifindex = ifindex;
    if (family == WEIR_V4) {
        fib.tos = packet->tos;
        fib.ipv4_src = entry->v4.saddr;
        fib.ipv4_dst = entry->v4.daddr;
    } else {
        __builtin_memcpy(fib.ipv6_src, &entry->v6.saddr, sizeof(fib.ipv6_src));
        __builtin_memcpy(fib.ipv6_dst, &entry->v6.daddr, sizeof(fib.ipv6_dst));
    }
    result = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);

    if (result == BPF_FIB_LKUP_RET_SUCCESS) {
        flow->mtu = fib.mtu_result;
        __builtin_memcpy(flow->next_hop.dmac, fib.dmac, ETH_ALEN);
        __builtin_memcpy(flow->next_hop.smac, fib.smac, ETH_ALEN);
        flow->next_hop.ifindex = fib.ifindex;
    } else if (result == BPF_FIB_LKUP_RET_BLACKHOLE || result == BPF_FIB_LKUP_RET_UNREACHABLE ||
               result == BPF_FIB_LKUP_RET_PROHIBIT) {
        flow->next_hop.ifindex = WEIR_HOP_UNREACHABLE;
    } else {
        flow->next_hop.ifindex = WEIR_HOP_STACK;
    }
}
