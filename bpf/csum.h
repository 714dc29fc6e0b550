/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Ones' complement arithmetic for checksums that are updated, never recomputed: RFC 1624, eqn 3,
 *     HC' = ~(~HC + ~m + m')
 * where "~m + m'" is a delta (entry.h). Sums are taken over words as they stand in memory, so no
 * byte is swapped (RFC 1071, 2B).
 */
#pragma once

#include <linux/stddef.h>
#include <linux/types.h>

/* Folds a sum of at most 2^16 words to 16 bits. */
static __always_inline __u16 csum_fold(__u32 sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)sum;
}

/* The same of a sum below 2^48. */
static __always_inline __u16 csum_fold64(__u64 sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)((sum & 0xffff) + (sum >> 16)); /* of 0x1fffe at most */
}

static __always_inline __u16 csum_delta16(__u16 from, __u16 to) {
    return csum_fold((__u32)(__u16)~from + to);
}

static __always_inline __u16 csum_delta32(__u32 from, __u32 to) {
    __u32 sum = (~from & 0xffff) + (~from >> 16) + (to & 0xffff) + (to >> 16);

    return csum_fold(sum);
}

static __always_inline __u16 csum_add(__u16 a, __u16 b) {
    return csum_fold((__u32)a + b);
}

/* The delta that takes a change back. */
static __always_inline __u16 csum_negate(__u16 delta) {
    return (__u16)~delta;
}

/* `delta` need not be folded: below 2^47. */
static __always_inline __u16 csum_apply(__u16 checksum, __u64 delta) {
    return (__u16)~csum_fold64(0xffff - checksum + delta);
}

/* UDP: zero says "no checksum" and stays; a sum that comes out as zero is sent as 0xffff (RFC 768).
 */
static __always_inline __u16 csum_apply_udp(__u16 checksum, __u64 delta) {
    __u16 updated;

    if (checksum == 0)
        return 0;
    updated = csum_apply(checksum, delta);
    return updated ? updated : 0xffff;
}
