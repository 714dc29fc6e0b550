/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* SNAT: whose address the backend sees, and which address and port of the pool are tried. */
#pragma once

#include "bpf/flow.h"

/* Ports tried towards one backend, from a random one on; the first of them must be free. */
enum { SNAT_TRIES = 128, SNAT_FREE_TRIES = 16 };

/* From one try to the next: not the neighbour, which is taken more often than others. A prime that
 * is larger than any pool, so that every port has its turn. */
enum { SNAT_STEP = 4194301 };
_Static_assert(SNAT_STEP > WEIR_MAX_SNAT * 65535, "a step may be a pool's multiple");

/*
 * One address and port of the pool, counted from o->first. After a few tries, or where the pool
 * ends, those whose connection is over count as well, and the pool is gone through once more.
 */
static __always_inline int snat_choose(struct weir_opening *o, const struct weir_settings *set,
                                       __u32 index) {
    __u32 base = o->to == WEIR_V4 ? 0 : WEIR_MAX_SNAT;
    __u32 addresses = o->to == WEIR_V4 ? set->snat_v4 : set->snat_v6;
    __u32 all = (o->snat == WEIR_SNAT_HAIRPIN ? 1 : addresses) * set->snat_ports;
    __u32 patience = all < SNAT_FREE_TRIES ? all : SNAT_FREE_TRIES;
    const struct weir_address *address = &o->source;
    __u32 place;

    if (index >= patience + all || all == 0 || set->snat_ports == 0)
        return 0;
    o->urgent = index >= patience;
    place = (o->first + index * SNAT_STEP) % all;
    base += place / set->snat_ports;
    o->flow.flow.sport = bpf_htons((__u16)(set->snat_port_first + place % set->snat_ports));
    if (o->snat != WEIR_SNAT_HAIRPIN)
        address = bpf_map_lookup_elem(&snat_addresses, &base);
    if (address)
        entry_set_source(o->family, &o->flow, address);
    return address != NULL;
}

/* Whose address the backend sees. */
static __always_inline void snat_decide(struct weir_opening *o) {
    const __u32 *is_backend = bpf_map_lookup_elem(&backend_addresses, &o->pick.client.address);

    o->snat = o->pick.service.mode == WEIR_MODE_FULLNAT ? WEIR_SNAT_POOL
              : is_backend                              ? WEIR_SNAT_HAIRPIN
                                                        : WEIR_SNAT_NONE;
    if (o->snat == WEIR_SNAT_NONE)
        return;
    /* a replay is to be the same every time */
    o->first = options.replay ? o->pick.hash : bpf_get_prandom_u32();
    o->first &= 0x7fffffff; /* so that adding to it does not overflow */
}
