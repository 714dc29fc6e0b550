/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Socket count: what becomes of the sockets of local programs, and who they belong to. Atomically,
 * for programs are interrupted by others on their CPU. */
#pragma once

#include "bpf/address.h"
#include "bpf/socket_maps.h"

static __always_inline void socket_count_event(enum weir_socket_event event) {
    __u32 index = event;
    __u64 *times = bpf_map_lookup_elem(&socket_events, &index);

    if (times)
        __sync_fetch_and_add(times, 1);
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
        __sync_fetch_and_add(connected ? &of_service->connected : &of_service->chosen, 1);
    if (of_backend)
        __sync_fetch_and_add(connected ? &of_backend->connected : &of_backend->chosen, 1);
    socket_count_user(service);
}

static __always_inline void socket_count_refused(__u32 service, __u8 reason) {
    struct weir_socket_stats *of_service = bpf_map_lookup_elem(&socket_service_stats, &service);
    __u32 index = reason;
    __u64 *times = bpf_map_lookup_elem(&socket_refusals, &index);

    if (of_service)
        __sync_fetch_and_add(&of_service->refused, 1);
    if (times)
        __sync_fetch_and_add(times, 1);
}

static __always_inline void socket_count_failed(const struct weir_socket_way *way) {
    __u32 service = way->service, backend = way->backend;
    struct weir_socket_stats *of_service = bpf_map_lookup_elem(&socket_service_stats, &service);
    struct weir_socket_stats *of_backend = bpf_map_lookup_elem(&socket_backend_stats, &backend);

    if (of_service)
        __sync_fetch_and_add(&of_service->failed, 1);
    if (of_backend)
        __sync_fetch_and_add(&of_backend->failed, 1);
}

/* The socket is, or is no more, one of those that are connected to its backend. */
static __always_inline void socket_count_live(const struct weir_socket *socket, __s32 change) {
    __u32 backend = socket->way.backend;
    __s32 *live = bpf_map_lookup_elem(&socket_flows, &backend);

    if (live)
        __sync_fetch_and_add(live, change);
}

static __always_inline void socket_count_open(struct weir_socket *socket) {
    socket->epoch = socket_epoch_get(socket->way.backend);
    socket->counted = 1;
    socket_count_live(socket, 1);
}

/* Once, whether its program closes it or it ends by itself. Not where the id is of another epoch by
 * now, of whose count this never was. */
static __always_inline void socket_count_closed(struct weir_socket *socket) {
    if (__sync_lock_test_and_set(&socket->counted, 0) &&
        socket->epoch == socket_epoch_get(socket->way.backend))
        socket_count_live(socket, -1);
}
