/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Rate: so many a second, and no more. */
#pragma once

#include "bpf/abi.h"

/*
 * One event of at most `rate` per second. Two CPUs may take the same place in the queue: the limit
 * is then exceeded by one.
 */
static __always_inline int rate_admits(struct weir_rate *bucket, __u32 rate, __u64 now) {
    __u64 due = bucket->due > now ? bucket->due : now;
    __u64 cost = 1000000000ULL / rate;

    if (due - now + cost > 1000000000ULL)
        return 0;
    bucket->due = due + cost;
    return 1;
}

/* Of one that was admitted, and is asked about once more. */
static __always_inline void rate_take_back(struct weir_rate *bucket, __u32 rate) {
    bucket->due -= 1000000000ULL / rate;
}
