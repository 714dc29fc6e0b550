/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Maps of the programs that join sockets alone. */
#pragma once

#include "bpf/abi_join.h"
#include "bpf/socket_maps.h"

/* Connections to a service whose other end may be on this host. One that is evicted goes by TCP. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct weir_join_key);
    __type(value, struct weir_join_pair);
} join_pairs SEC(".maps");

/* The sockets that are joined. One that closes leaves it. It never empties under a live connection:
 * its sockets hold the sk_msg program, which holds it. */
struct {
    __uint(type, BPF_MAP_TYPE_SOCKHASH);
    __uint(max_entries, 131072);
    __type(key, __u64); /* bpf_get_socket_cookie() */
    __type(value, __u64);
} join_ends SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct weir_joined);
} joined SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* service id */
    __type(value, struct weir_join_stats);
} join_stats SEC(".maps");
