/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which bit of the map `known_addresses` an address has. Included by bpf/abi.h, whose rules hold
 * here as well.
 */
#pragma once

#include "bpf/abi.h"

/* Whose address it is, or was. */
enum weir_known { WEIR_KNOWN_VIP = 0, WEIR_KNOWN_BACKEND = 1, WEIR_KNOWN_KINDS };

/* 16 KiB for each kind: beside 30,000 addresses of it nearly every fourth other one looks known. */
enum {
    WEIR_KNOWN_BITS_LOG2 = 17,
    WEIR_KNOWN_WORDS = WEIR_KNOWN_KINDS << (WEIR_KNOWN_BITS_LOG2 - 6)
};

/* Below 64 * WEIR_KNOWN_WORDS. Another hash or size is a map of another name, for its bits are
 * taken over as they are. Multiplied by 2^64 divided by the golden ratio, as in Knuth's
 * multiplicative hashing (The Art of Computer Programming, 6.4). */
static inline __u64 weir_known_bit(enum weir_known kind, const struct weir_address *address) {
    const __u64 golden = 0x9e3779b97f4a7c15ULL;
    __u64 high = address->words[1];
    __u64 low = address->words[3];
    __u64 first = kind;

    high = high << 32 | address->words[0];
    low = low << 32 | address->words[2];
    return first << WEIR_KNOWN_BITS_LOG2 |
           ((high * golden ^ low) * golden) >> (64 - WEIR_KNOWN_BITS_LOG2);
}
