/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The world around a packet: what time it is, how long it was on the wire, and where an address is
 * found (route.h). In a replay all come from the capture, so that the same input gives the same
 * bytes on every machine; `options` is read-only data, and the verifier removes the branch that is
 * not taken.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/maps.h"

const volatile struct weir_options options;

static __always_inline __u64 world_now(void) {
    if (options.replay) {
        const struct weir_replay *told = replay_get();

        return told ? told->now : 0;
    }
    return bpf_ktime_get_coarse_ns();
}

/* The frame's length; in a replay, that before the capture cut it. 0 there: it is whole. */
static __always_inline __u32 world_length(__u32 length) {
    if (options.replay) {
        const struct weir_replay *told = replay_get();

        return told && told->length ? told->length : length;
    }
    return length;
}
