/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Maps of the socket programs alone; those that they share with the data path are in maps.h. */
#pragma once

#include "bpf/maps.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_socket_settings);
} socket_settings SEC(".maps");

/* Gone with their sockets, so that nothing has to be collected, and nothing is evicted. */
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct weir_socket);
} sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct weir_datagrams);
} datagrams SEC(".maps");

/*
 * As whom programs of this host come to a service, where they have bound themselves to no address:
 * the source that the host would give them towards its first backend.
 */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* service id */
    __type(value, struct weir_address);
} socket_sources SEC(".maps");

/* What programs may bind themselves to although it is guarded; an address of zeros stands for any,
 * and the protocol is 0. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct weir_service_key);
    __type(value, __u8);
} socket_allowed SEC(".maps");

/* -- counters -- */

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* service id */
    __type(value, struct weir_socket_stats);
} socket_service_stats SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* backend id */
    __type(value, struct weir_socket_stats);
} socket_backend_stats SEC(".maps");

/* connect() and sendmsg() that were refused. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, WEIR_DROP_REASONS);
    __type(key, __u32); /* enum weir_drop_reason */
    __type(value, __u64);
} socket_refusals SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, WEIR_SOCKET_EVENTS);
    __type(key, __u32); /* enum weir_socket_event */
    __type(value, __u64);
} socket_events SEC(".maps");

/* Sockets made, and given a backend, by cgroup. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WEIR_SOCKET_USERS);
    __type(key, struct weir_socket_user);
    __type(value, __u64);
} socket_users SEC(".maps");

/* Not per CPU: each connection adds to it three times only, and it is large. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_SOCKET_HISTOGRAMS);
    __type(key, __u32); /* service id * WEIR_SOCKET_HISTOGRAMS + enum weir_socket_histogram */
    __type(value, struct weir_latency);
} socket_histograms SEC(".maps");

static __always_inline const struct weir_socket_settings *socket_settings_get(void) {
    __u32 zero = 0;

    return (const struct weir_socket_settings *)bpf_map_lookup_elem(&socket_settings, &zero);
}
