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

/* Counts the times that `socket_flows` was begun anew; goes with it. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} socket_epoch SEC(".maps");

/* The same for one backend: the times that its id was given to another. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* backend id */
    __type(value, __u32);
} socket_generations SEC(".maps");

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

/* Connected UDP sockets once more, by their cookies: the kernel lists UDP sockets to the daemon
 * without what is stored with them. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, __u64); /* bpf_get_socket_cookie() */
    __type(value, struct weir_socket);
} udp_sockets SEC(".maps");

/* As whom programs of this host come to a service: from the source that the host has towards its
 * first backend. */
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

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_LISTENERS);
    __type(key, __u32);
    __type(value, struct weir_listener);
} listeners SEC(".maps");

/* A socket that closes leaves it. */
struct {
    __uint(type, BPF_MAP_TYPE_SOCKMAP);
    __uint(max_entries, WEIR_LISTENERS);
    __type(key, __u32);
    __type(value, __u64);
} listener_sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_listener_wanted);
} listener_wanted SEC(".maps");

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

/* What is counted for a backend now is of this epoch. Both only grow, so that the sum is never one
 * that was. */
static __always_inline __u32 socket_epoch_get(__u32 backend) {
    __u32 zero = 0;
    const __u32 *epoch = bpf_map_lookup_elem(&socket_epoch, &zero);
    const __u32 *generation = bpf_map_lookup_elem(&socket_generations, &backend);

    return (epoch ? *epoch : 0) + (generation ? *generation : 0);
}

static __always_inline const struct weir_socket_settings *socket_settings_get(void) {
    __u32 zero = 0;

    return (const struct weir_socket_settings *)bpf_map_lookup_elem(&socket_settings, &zero);
}
