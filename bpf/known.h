/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Known: whether a packet can concern a service at all. It does if it goes to a VIP or comes from a
 * backend; of most others a Bloom filter of one hash tells that they do neither, for a few loads in
 * place of two look-ups in hash tables. Its bits are never taken back, because flows outlive the
 * service and the backend that they are of. ICMP errors may come from anywhere: they are looked for
 * without it (tc_icmp.h).
 */
#pragma once

#include "bpf/address.h"
#include "bpf/maps.h"

static __always_inline int known_as(enum weir_known kind, const struct weir_address *address) {
    __u64 bit = weir_known_bit(kind, address);
    __u32 index = (__u32)(bit / 64);
    const __u64 *word = bpf_map_lookup_elem(&known_addresses, &index);

    return word && *word >> bit % 64 & 1;
}

static __always_inline int known_vip(long family, const union weir_any_tuple *tuple) {
    struct weir_address address;

    nat_destination(family, tuple, &address);
    return known_as(WEIR_KNOWN_VIP, &address);
}

static __always_inline int known_tuple(long family, const union weir_any_tuple *tuple) {
    struct weir_address address;

    nat_source(family, tuple, &address);
    return known_vip(family, tuple) || known_as(WEIR_KNOWN_BACKEND, &address);
}
