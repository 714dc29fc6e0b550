/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Fragment: only the first fragment of a datagram has ports. It tells those that follow to which
 * flow they belong, for as long as a host waits for them. One that overtakes the first is kept
 * (hold.h).
 */
#pragma once

#include "bpf/address.h"
#include "bpf/world.h"

static __always_inline void fragment_key(long family, const struct weir_packet *packet,
                                         struct weir_fragment_key *key) {
    __builtin_memset(key, 0, sizeof(*key));
    nat_source(family, &packet->tuple, &key->saddr);
    nat_destination(family, &packet->tuple, &key->daddr);
    key->id = packet->fragment_id;
    if (nat_wire(family, &packet->tuple) == WEIR_V4)
        key->protocol = packet->tuple.head.protocol;
}

/* A first fragment that belongs to a flow. */
static __noinline void fragment_note(long family, const struct weir_packet *packet) {
    struct weir_fragment note = {.seen = packet->now,
                                 .sport = packet->tuple.head.sport,
                                 .dport = packet->tuple.head.dport,
                                 .protocol = packet->tuple.head.protocol};
    struct weir_fragment_key key;

    fragment_key(family, packet, &key);
    bpf_map_update_elem(&fragments, &key, &note, BPF_ANY);
}

static __always_inline const struct weir_fragment *fragment_find(
    const struct weir_fragment_key *key, __u64 now) {
    const struct weir_fragment *note = bpf_map_lookup_elem(&fragments, key);

    return note && now < note->seen + WEIR_FRAGMENT_NS ? note : NULL;
}

/* Completes the tuple of a later fragment. False when its first one is not known. */
static __noinline int fragment_recall(long family, struct weir_packet *packet) {
    const struct weir_fragment *note;
    struct weir_fragment_key key;

    fragment_key(family, packet, &key);
    note = fragment_find(&key, packet->now);
    if (!note)
        return 0;
    packet->tuple.head.sport = note->sport;
    packet->tuple.head.dport = note->dport;
    packet->tuple.head.protocol = note->protocol;
    return 1;
}
