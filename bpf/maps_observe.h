/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The maps by which the data path is looked at: counters, events, accounts and captures. */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

/* -- counters -- */

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* service id */
    __type(value, struct weir_stats);
} service_stats SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* backend id */
    __type(value, struct weir_stats);
} backend_stats SEC(".maps");

/* Not per CPU: each flow adds to it twice only, and it is large. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_LATENCIES);
    __type(key, __u32); /* service id * WEIR_LATENCIES + enum weir_latency_kind */
    __type(value, struct weir_latency);
} service_latencies SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, WEIR_DROP_REASONS);
    __type(key, __u32); /* enum weir_drop_reason */
    __type(value, __u64);
} drop_stats SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, WEIR_ICMP_EVENTS);
    __type(key, __u32); /* enum weir_icmp_event */
    __type(value, __u64);
} icmp_stats SEC(".maps");

/* -- events and accounts -- */

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_watch);
} watch SEC(".maps");

/* struct weir_event */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, WEIR_EVENTS_BYTES);
} events SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_event_stats);
} event_stats SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_tuple_v4);
    __type(value, struct weir_account);
} accounts_v4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_tuple_v6);
    __type(value, struct weir_account);
} accounts_v6 SEC(".maps");

/* -- capture -- */

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_capture);
} capture SEC(".maps");

/* Where the listener of each CPU gets its events, struct weir_captured. */
struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(__u32));
} captured SEC(".maps");

/* What is gathered of the packet that is captured, of each hook. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, WEIR_HOOKS);
    __type(key, __u32); /* enum weir_hook */
    __type(value, struct weir_captured);
} capturing SEC(".maps");

/* What `drop_stats` were before the packet that is captured, of each hook. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, WEIR_HOOKS *WEIR_DROP_REASONS);
    __type(key, __u32);
    __type(value, __u64);
} drops_before SEC(".maps");
