/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every map of the data path; only maps_observe.h beside this declares some. Capacities are those
 * of the smallest useful instance: the control plane sets the real ones from `limits` before it
 * loads the objects.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"
#include "bpf/maps_observe.h"
#include "bpf/scratch.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_service_key);
    __type(value, struct weir_service);
} services SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32); /* backend id */
    __type(value, struct weir_backend);
} backends SEC(".maps");

/* The addresses of the services: written before a service, removed after the last one. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_address);
    __type(value, struct weir_vip);
} vips SEC(".maps");

/* The addresses of the backends. A client with one of them needs its source translated (hairpin).
 */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_address);
    __type(value, __u32); /* backends that have it */
} backend_addresses SEC(".maps");

/* A bit for each address that services and one for each that backends have, or had while flows may
 * be left of them (known.h): set before a packet can find the address anywhere else, and never
 * taken back. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_KNOWN_WORDS);
    __type(key, __u32);   /* weir_known_bit() / 64 */
    __type(value, __u64); /* the lowest bit first */
} known_addresses SEC(".maps");

/* Service id -> ring. Rings may differ in length; swapping one is a single update (I10). */
struct weir_ring_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __type(key, __u32);
    __type(value, __u32);
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32); /* service id */
    __array(values, struct weir_ring_map);
} rings SEC(".maps");

/*
 * Flows whose far end has not yet proved to be there, and those where it has. Two tables, so that
 * a flood of spoofed openings can evict only its own kind.
 */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_tuple_v4);
    __type(value, struct weir_flow);
} flows_new_v4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_tuple_v4);
    __type(value, struct weir_flow);
} flows_v4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_tuple_v6);
    __type(value, struct weir_flow_v6);
} flows_new_v6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_tuple_v6);
    __type(value, struct weir_flow_v6);
} flows_v6 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_fragment_key);
    __type(value, struct weir_fragment);
} fragments SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_HELD_SETS *WEIR_HELD_WAYS);
    __type(key, __u32);
    __type(value, struct weir_held);
} held SEC(".maps");

/* -- who may open flows, and how many -- */

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct weir_source_range);
    __type(value, __u8);
} source_ranges SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_client);
    __type(value, struct weir_affinity);
} affinity SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* service id */
    __type(value, struct weir_rate);
} service_rates SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct weir_client);
    __type(value, struct weir_rate);
} source_rates SEC(".maps");

/* The scheduler `wrr`: flows that were opened. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* service id */
    __type(value, __u32);
} turns SEC(".maps");

/*
 * Flows of each backend that are not closed: counted as they open and close, and counted anew by
 * the daemon, because others expire. Signed: the two may cross.
 */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* backend id */
    __type(value, __s32);
} backend_flows SEC(".maps");

/* Sockets of local programs that are connected to each backend (sock.bpf.c). Signed, as above. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32); /* backend id */
    __type(value, __s32);
} socket_flows SEC(".maps");

/* The SNAT pool: IPv4 from index 0, IPv6 from WEIR_MAX_SNAT. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2 * WEIR_MAX_SNAT);
    __type(key, __u32);
    __type(value, struct weir_address);
} snat_addresses SEC(".maps");

/* The interfaces that carry this instance's XDP program; written after it is attached. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WEIR_MAX_XDP_DEVICES);
    __type(key, __u32);   /* ifindex */
    __type(value, __u32); /* enum weir_xdp_mode */
} xdp_devices SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_settings);
} settings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct weir_replay);
} replay SEC(".maps");

/* -- scratch -- */

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_opening);
} opening SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_packet);
} parsed SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct icmp_scratch);
} icmp_scratch SEC(".maps");

static __always_inline const struct weir_settings *settings_get(void) {
    __u32 zero = 0;

    return (const struct weir_settings *)bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline struct weir_replay *replay_get(void) {
    __u32 zero = 0;

    return (struct weir_replay *)bpf_map_lookup_elem(&replay, &zero);
}

static __always_inline struct weir_opening *opening_get(void) {
    __u32 zero = 0;

    return bpf_map_lookup_elem(&opening, &zero);
}
