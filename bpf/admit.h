/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Admit: who may open flows to a service, and how many. Read for new flows only. What refuses the
 * cheapest comes first, so that a flood costs little and a client that is not let in uses up
 * nobody's share.
 */
#pragma once

#include "bpf/rate.h"
#include "bpf/world.h"

static __always_inline int admit_source(__u32 service, const struct weir_address *client) {
    struct weir_source_range range = {.prefix = 32 + 128, .service = service, .address = *client};
    const __u8 *allowed = bpf_map_lookup_elem(&source_ranges, &range);

    return allowed && *allowed;
}

static __always_inline int admit_client_rate(const struct weir_client *client, __u32 rate,
                                             __u64 now) {
    struct weir_rate *bucket = bpf_map_lookup_elem(&source_rates, client);
    struct weir_rate fresh = {.due = now + 1000000000ULL / rate};

    if (bucket)
        return rate_admits(bucket, rate, now);
    bpf_map_update_elem(&source_rates, client, &fresh, BPF_ANY);
    return 1;
}

/* WEIR_DROP_NONE, or why not. */
static __always_inline enum weir_drop_reason admit_flow(const struct weir_service *service,
                                                        const struct weir_address *client,
                                                        __u64 now) {
    struct weir_client key = {.address = *client, .service = service->id};
    struct weir_rate *bucket;

    if (service->flags & WEIR_SERVICE_RANGES && !admit_source(service->id, client))
        return WEIR_DROP_SOURCE_DENIED;
    if (service->source_flows_rate && !admit_client_rate(&key, service->source_flows_rate, now))
        return WEIR_DROP_SOURCE_RATE;
    if (service->new_flows_rate) {
        bucket = bpf_map_lookup_elem(&service_rates, &key.service);
        if (bucket && !rate_admits(bucket, service->new_flows_rate, now))
            return WEIR_DROP_SERVICE_RATE;
    }
    return WEIR_DROP_NONE;
}

/* For a packet that was admitted, and will be asked about at the next hook again. */
static __always_inline void admit_take_back(const struct weir_service *service,
                                            const struct weir_client *client) {
    struct weir_rate *bucket;

    bucket = service->source_flows_rate ? bpf_map_lookup_elem(&source_rates, client) : NULL;
    if (bucket)
        rate_take_back(bucket, service->source_flows_rate);
    bucket = service->new_flows_rate ? bpf_map_lookup_elem(&service_rates, &client->service) : NULL;
    if (bucket)
        rate_take_back(bucket, service->new_flows_rate);
}

/* The flows of a backend, and the sockets of local programs that are connected to it. Not inlined:
 * for the stack's sake. */
static __noinline __s64 admit_flows_of(__u32 backend) {
    const __s32 *flows = bpf_map_lookup_elem(&backend_flows, &backend);
    const __s32 *sockets = bpf_map_lookup_elem(&socket_flows, &backend);

    return (flows ? *flows : 0) + (__s64)(sockets && *sockets > 0 ? *sockets : 0);
}

/*
 * Whether a backend has as many flows as it may. The count is the daemon's, and the data path's
 * since; without a daemon it only grows, and holds nobody back (I7).
 * A function of its own for the stack's sake: what it keeps would be eight bytes too many for
 * Linux 6.1.
 */
static __noinline int admit_backend_full(__u32 backend, __u32 most, __u64 now) {
    const struct weir_settings *set = settings_get();

    return set && admit_flows_of(backend) >= (__s64)most &&
           (options.replay || now < set->counted_at + WEIR_COUNT_VALID_NS);
}

static __always_inline void admit_count(__u32 backend) {
    __s32 *flows = bpf_map_lookup_elem(&backend_flows, &backend);

    if (flows)
        __sync_fetch_and_add(flows, 1);
}

/* The backend that the client had last; WEIR_NO_BACKEND when that is too long ago. */
static __always_inline __u32 admit_affinity(const struct weir_client *client, __u32 timeout_s,
                                            __u64 now) {
    const struct weir_affinity *last = bpf_map_lookup_elem(&affinity, client);

    return last && now < last->seen + timeout_s * 1000000000ULL ? last->backend : WEIR_NO_BACKEND;
}

static __always_inline void admit_remember(const struct weir_client *client, __u32 backend,
                                           __u64 now) {
    struct weir_affinity entry = {.seen = now, .backend = backend};

    bpf_map_update_elem(&affinity, client, &entry, BPF_ANY);
}
