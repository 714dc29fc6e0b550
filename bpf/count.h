/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Count: per-CPU counters, and in a replay the note of what became of the packet. */
#pragma once

#include "bpf/maps.h"
#include "bpf/world.h"

static __always_inline void count_one(struct weir_stats *stats, int reply, __u32 packets,
                                      __u32 bytes) {
    if (!stats)
        return;
    if (!reply) {
        stats->forward_packets += packets;
        stats->forward_bytes += bytes;
    } else {
        stats->reply_packets += packets;
        stats->reply_bytes += bytes;
    }
}

static __always_inline void count_trace(__u32 service, __u32 backend, __u8 flow, __u8 reason) {
    struct weir_replay *told = options.replay ? replay_get() : 0;

    if (!told)
        return;
    told->seen.service = service;
    told->seen.backend = backend;
    told->seen.flow = flow;
    told->seen.reason = reason;
}

static __always_inline void count_opened(__u32 service, __u32 backend) {
    struct weir_stats *of_service = bpf_map_lookup_elem(&service_stats, &service);
    struct weir_stats *of_backend = bpf_map_lookup_elem(&backend_stats, &backend);

    if (of_service)
        of_service->new_flows++;
    if (of_backend)
        of_backend->new_flows++;
    count_trace(service, backend, WEIR_TRACE_NEW, WEIR_DROP_NONE);
}

/* A packet that was translated and goes on. */
static __always_inline void count_translated(const struct weir_flow *flow, __u8 opened,
                                             __u32 packets, __u32 bytes) {
    __u32 service = flow->service;
    __u32 backend = flow->backend;
    int reply = flow->flags & WEIR_FLOW_REPLY;

    count_one(bpf_map_lookup_elem(&service_stats, &service), reply, packets, bytes);
    count_one(bpf_map_lookup_elem(&backend_stats, &backend), reply, packets, bytes);
    count_trace(service, backend,
                opened  ? WEIR_TRACE_NEW
                : reply ? WEIR_TRACE_REPLY
                        : WEIR_TRACE_ESTABLISHED,
                WEIR_DROP_NONE);
}

static __always_inline void count_drop(__u8 reason, __u32 service, __u32 backend) {
    __u32 index = reason;
    __u64 *drops = bpf_map_lookup_elem(&drop_stats, &index);

    if (drops)
        (*drops)++;
    count_trace(service, backend, WEIR_TRACE_NONE, reason);
}

static __always_inline void count_icmp(enum weir_icmp_event event) {
    __u32 index = event;
    __u64 *times = bpf_map_lookup_elem(&icmp_stats, &index);

    if (times)
        (*times)++;
}
