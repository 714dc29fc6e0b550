/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Event: tells who watches (weir monitor) what befalls flows, and of dropped packets. Packets of
 * established flows tell nothing, and ask nothing; without a watcher the others ask one array.
 */
#pragma once

#include "bpf/count.h"
#include "bpf/entry.h"
#include "bpf/rate.h"
#include "bpf/world.h"

static __always_inline const struct weir_watch *event_watch(__u32 kind) {
    const struct weir_watch *watched;
    __u32 zero = 0;

    watched = bpf_map_lookup_elem(&watch, &zero);
    return watched && watched->kinds & 1U << kind && world_now() < watched->until ? watched : NULL;
}

/* Whether there are not too many: the counters of those that are left out, or NULL. */
static __always_inline struct weir_event_stats *event_admit(const struct weir_watch *watched,
                                                            __u64 now) {
    struct weir_event_stats *stats;
    struct weir_rate rate;
    __u32 zero = 0;

    stats = bpf_map_lookup_elem(&event_stats, &zero);
    if (!stats || !watched->per_second)
        return NULL;
    rate.due = stats->due;
    if (!rate_admits(&rate, watched->per_second, now)) {
        stats->sampled++;
        return NULL;
    }
    stats->due = rate.due;
    return stats;
}

/* `what`: the kind, and above its 8 bits the drop reason; `whose`: the service's id, and above its
 * 32 bits the backend's. */
static __always_inline void event_write(long family, const struct weir_packet *packet,
                                        const struct weir_flow *entry, __u32 what, __u64 whose) {
    const struct weir_watch *watched = event_watch(what & 0xff);
    struct weir_event_stats *stats = watched ? event_admit(watched, packet->now) : NULL;
    struct weir_event *event;

    if (!stats)
        return;
    /* compared with NULL once only: Linux 6.1 takes it for NULL again ("Unreleased reference") */
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event) {
        stats->full++;
        return;
    }
    __builtin_memset(event, 0, sizeof(*event));
    event->time = packet->now;
    nat_source(family, &packet->tuple, &event->saddr);
    nat_destination(family, &packet->tuple, &event->daddr);
    event->sport = packet->tuple.head.sport;
    event->dport = packet->tuple.head.dport;
    event->service = (__u32)whose;
    event->backend = (__u32)(whose >> 32);
    event->ifindex = packet->ifindex;
    event->length = packet->length;
    event->kind = (__u8)what;
    event->reason = (__u8)(what >> 8);
    event->protocol = packet->tuple.head.protocol;
    event->tcp_flags = packet->tcp_flags;
    if (entry) {
        event->flow = 1;
        event->direction = entry->flags & WEIR_FLOW_REPLY ? WEIR_REPLY : WEIR_FORWARD;
        entry_source(family, entry, &event->new_saddr);
        entry_destination(family, entry, &event->new_daddr);
        event->new_sport = entry->sport;
        event->new_dport = entry->dport;
    }
    /* the reader looks for itself, several times a second: waking it up costs more than the event
     */
    bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* Global functions: the verifier looks at them once. */
__noinline int event_send_v4(const struct weir_packet *packet, const struct weir_flow *entry,
                             __u32 what, __u64 whose) {
    if (packet)
        event_write(WEIR_V4, packet, entry, what, whose);
    return 0;
}

__noinline int event_send_v6(const struct weir_packet *packet, const struct weir_flow_v6 *entry,
                             __u32 what, __u64 whose) {
    if (packet)
        event_write(WEIR_V6, packet, entry ? &entry->flow : NULL, what, whose);
    return 0;
}

static __always_inline void event_send(long family, const struct weir_packet *packet,
                                       const struct weir_flow *entry, __u32 what, __u64 whose) {
    if (family == WEIR_V4)
        event_send_v4(packet, entry, what, whose);
    else
        event_send_v6(packet, (const struct weir_flow_v6 *)entry, what, whose);
}

/* Something has befallen the flow of a packet. */
static __always_inline void event_flow(__u32 kind, long family, const struct weir_packet *packet,
                                       const struct weir_flow *entry) {
    if (event_watch(kind))
        event_send(family, packet, entry, kind | WEIR_DROP_NONE << 8,
                   entry->service | (__u64)entry->backend << 32);
}

/* Counts a drop, and tells of it. `entry` may be NULL. */
static __always_inline void event_drop(long family, const struct weir_packet *packet,
                                       const struct weir_flow *entry, __u8 reason, __u32 service,
                                       __u32 backend) {
    count_drop(reason, service, backend);
    if (event_watch(WEIR_EVENT_DROPPED))
        event_send(family, packet, entry, WEIR_EVENT_DROPPED | (__u32)reason << 8,
                   service | (__u64)backend << 32);
}
