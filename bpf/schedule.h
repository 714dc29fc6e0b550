/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Schedule: which backend a new flow gets. The hash takes the whole tuple and no seed, so that
 * every node with the same configuration picks the same backend.
 */
#pragma once

#include <linux/stddef.h>
#include <linux/types.h>

#include "bpf/parse.h"

/* The final mix of MurmurHash3 (public domain, Austin Appleby): every input bit moves every output
 * bit. */
static __always_inline __u32 schedule_mix(__u32 h) {
    h ^= h >> 16;
    h *= 0x85ebca6bU;
    h ^= h >> 13;
    h *= 0xc2b2ae35U;
    h ^= h >> 16;
    return h;
}

static __always_inline __u32 schedule_mix_address(__u32 h, const struct weir_address *address) {
    for (int i = 0; i < 4; i++)
        h = schedule_mix(h ^ address->words[i]);
    return h;
}

static __always_inline __u32 schedule_hash(long family, const union weir_any_tuple *tuple) {
    __u32 h = schedule_mix(((__u32)tuple->head.sport << 16 | tuple->head.dport) ^ 0x9e3779b9U);

    h = schedule_mix(h ^ tuple->head.protocol);
    if (family == WEIR_V4)
        return schedule_mix(schedule_mix(h ^ tuple->v4.saddr) ^ tuple->v4.daddr);
    return schedule_mix_address(schedule_mix_address(h, &tuple->v6.saddr), &tuple->v6.daddr);
}

/* Of the client's address alone. */
static __always_inline __u32 schedule_source_hash(long family, const union weir_any_tuple *tuple) {
    __u32 h = 0x9e3779b9U;

    return family == WEIR_V4 ? schedule_mix(schedule_mix(h) ^ tuple->v4.saddr)
                             : schedule_mix_address(schedule_mix(h), &tuple->v6.saddr);
}

/* The slot of a ring with `slots` slots, 1..slots: slot 0 holds the length. */
static __always_inline __u32 schedule_slot(__u32 hash, __u32 slots) {
    return 1 + (__u32)(((__u64)hash * slots) >> 32);
}
