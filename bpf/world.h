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

#define WEIR_AF_INET 2

const volatile struct weir_options options;

static __always_inline __u64 world_now(void) {
    if (options.replay) {
        const struct weir_settings *set = settings_get();

        return set ? set->replay_now : 0;
    }
    return bpf_ktime_get_coarse_ns();
}

/* Next hops of a replay: a.b.c.d is at 02:00:a:b:c:d, reached through the interface of arrival. */
static __always_inline void world_replay_route(__u32 ifindex, __be32 daddr,
                                               struct weir_flow *flow) {
    __u8 *mac = flow->next_hop.dmac;

    flow->next_hop.ifindex = ifindex;
    flow->mtu = 0xffff;
    mac[0] = 0x02;
    mac[1] = 0x00;
    __builtin_memcpy(mac + 2, &daddr, sizeof(daddr));
    for (int i = 0; i < ETH_ALEN; i++)
        flow->next_hop.smac[i] = options.replay_mac[i];
}

/*
 * Sets the next hop and MTU of an entry for a packet that arrived on `ifindex`, as it is after
 * translation.
 */
static __always_inline void world_route_v4(void *ctx, __u32 ifindex,
                                           const struct weir_packet *packet,
                                           struct weir_flow_v4 *entry) {
    struct bpf_fib_lookup fib = {};
    struct weir_flow *flow = &entry->flow;
    long result;

    if (options.replay) {
        world_replay_route(ifindex, entry->daddr, flow);
        return;
    }

    /* tot_len stays 0: the MTU is reported and compared with every packet, not only with this one
     */
    fib.family = WEIR_AF_INET;
    fib.tos = packet->tos;
    fib.l4_protocol = packet->tuple.protocol;
    fib.sport = flow->sport;
    fib.dport = flow->dport;
    fib.ipv4_src = entry->saddr;
    fib.ipv4_dst = entry->daddr;
    fib.ifindex = ifindex;
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
