/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Latency: how long backends take to answer new flows, and clients to complete a handshake. When a
 * flow was opened stands in the entry of its replies until it is promoted, in units of 1024 ns,
 * which come round every 73 minutes.
 */
#pragma once

#include "bpf/world.h"

/* Never 0, which says that it is not known. The packet's own time is right to some milliseconds
 * only. */
static __always_inline __u32 latency_stamp(__u64 now) {
    __u64 time = options.replay ? now : bpf_ktime_get_ns();

    return (__u32)(time >> 10) | 1;
}

static __noinline void latency_note(__u32 service, __u32 kind, __u32 opened, __u64 now) {
    static const __u64 bounds[] = WEIR_LATENCY_BOUNDS;
    __u32 index = service * WEIR_LATENCIES + kind;
    struct weir_latency *of_service;
    __u64 took;
    __u32 i;

    if (!opened)
        return;
    of_service = bpf_map_lookup_elem(&service_latencies, &index);
    if (!of_service)
        return;
    took = (__u64)(latency_stamp(now) - opened) << 10;
    for (i = 0; i < WEIR_LATENCY_BUCKETS - 1; i++)
        if (took <= bounds[i])
            break;
    __sync_fetch_and_add(&of_service->sum, took);
    __sync_fetch_and_add(&of_service->buckets[i & (WEIR_LATENCY_BUCKETS - 1)], 1);
}
_Static_assert(sizeof((__u64[])WEIR_LATENCY_BOUNDS) / sizeof(__u64) == WEIR_LATENCY_BUCKETS - 1,
               "a bucket more than bounds");
_Static_assert((WEIR_LATENCY_BUCKETS & (WEIR_LATENCY_BUCKETS - 1)) == 0, "used as a mask");
