/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Socket count: what becomes of the sockets of local programs, and who they belong to. */
#pragma once

#include "bpf/socket_maps.h"

static __always_inline void socket_count_event(enum weir_socket_event event) {
    __u32 index = event;
    __u64 *times = bpf_map_lookup_elem(&socket_events, &index);

    if (times)
        (*times)++;
}

/* For the cgroup of the program that is at work. A cgroup for which there is no room counts among
 * the others (I11). */
static __noinline void socket_count_user(__u32 service) {
    struct weir_socket_user user = {.cgroup = bpf_get_current_cgroup_id(), .service = service};
    __u64 *times = bpf_map_lookup_elem(&socket_users, &user);
    __u64 none = 0;

    if (!times) {
        if (bpf_map_update_elem(&socket_users, &user, &none, BPF_NOEXIST))
            user.cgroup = 0;
        times = bpf_map_lookup_elem(&socket_users, &user);
    }
    if (!times) { /* the first of the others, in a table that was full before there were any */
        bpf_map_update_elem(&socket_users, &user, &none, BPF_NOEXIST);
        times = bpf_map_lookup_elem(&socket_users, &user);
    }
    if (times)
        __sync_fetch_and_add(times, 1);
}

/* A socket was given a backend. */
static __always_inline void socket_count_given(__u32 service, __u32 backend, int connected) {
    struct weir_socket_stats *of_service = bpf_map_lookup_elem(&socket_service_stats, &service);
    struct weir_socket_stats *of_backend = bpf_map_lookup_elem(&socket_backend_stats, &backend);

    if (of_service)
        connected ? of_service->connected++ : of_service->chosen++;
    if (of_backend)
        connected ? of_backend->connected++ : of_backend->chosen++;
    socket_count_user(service);
}

static __always_inline void socket_count_refused(__u32 service, __u8 reason) {
    struct weir_socket_stats *of_service = bpf_map_lookup_elem(&socket_service_stats, &service);
    __u32 index = reason;
    __u64 *times = bpf_map_lookup_elem(&socket_refusals, &index);

    if (of_service)
        of_service->refused++;
    if (times)
        (*times)++;
}

static __always_inline void socket_count_failed(const struct weir_socket_way *way) {
    __u32 service = way->service, backend = way->backend;
    struct weir_socket_stats *of_service = bpf_map_lookup_elem(&socket_service_stats, &service);
    struct weir_socket_stats *of_backend = bpf_map_lookup_elem(&socket_backend_stats, &backend);

    if (of_service)
        of_service->failed++;
    if (of_backend)
        of_backend->failed++;
}

/* The socket is, or is no more, one of those that are connected to its backend. */
static __always_inline void socket_count_live(struct weir_socket *socket, __s32 change) {
    __u32 backend = socket->way.backend;
    __s32 *live = bpf_map_lookup_elem(&socket_flows, &backend);

    if (live)
        __sync_fetch_and_add(live, change);
    socket->counted = change > 0;
}

static __always_inline void socket_count_closed(struct weir_socket *socket) {
    const struct weir_socket_settings *set = socket_settings_get();

    if (set && socket->counted && socket->epoch == set->epoch)
        socket_count_live(socket, -1);
    socket->counted = 0;
}
