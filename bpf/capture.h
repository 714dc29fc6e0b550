/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Capture: tells a listener (weir capture --verdicts) of each frame as it comes to a program and as
 * that leaves it. Without a listener it is one look at an array.
 */
#pragma once

#include "bpf/maps.h"
#include "bpf/world.h"

/* NULL: nobody wants the frames of this interface. */
static __always_inline const struct weir_capture *capture_wanted(__u32 ifindex) {
    const struct weir_capture *wanted;
    __u32 zero = 0;

    if (options.replay)
        return 0;
    wanted = bpf_map_lookup_elem(&capture, &zero);
    if (!wanted || !wanted->until || (wanted->ifindex && wanted->ifindex != ifindex))
        return 0;
    return bpf_ktime_get_coarse_ns() < wanted->until ? wanted : 0;
}

/*
 * The drop reason is the one whose counter this packet has raised: counters are per CPU, and a
 * packet is dealt with to its end before the next one.
 */
static __always_inline __u64 capture_drops(__u32 reason) {
    const __u64 *drops = bpf_map_lookup_elem(&drop_stats, &reason);

    return drops ? *drops : 0;
}

static __always_inline __u64 *capture_drops_before(__u32 hook, __u32 reason) {
    __u32 place = hook * WEIR_DROP_REASONS + reason;

    return bpf_map_lookup_elem(&drops_before, &place);
}

static __always_inline void capture_remember_drops(__u32 hook) {
    for (__u32 reason = 0; reason < WEIR_DROP_REASONS; reason++) {
        __u64 *before = capture_drops_before(hook, reason);

        if (before)
            *before = capture_drops(reason);
    }
}

static __always_inline __u8 capture_reason(__u32 hook) {
    for (__u32 reason = 0; reason < WEIR_DROP_REASONS; reason++) {
        const __u64 *before = capture_drops_before(hook, reason);

        if (before && *before != capture_drops(reason))
            return (__u8)reason;
    }
    return WEIR_DROP_NONE;
}

static __always_inline struct weir_captured *capture_frame(__u32 hook) {
    return bpf_map_lookup_elem(&capturing, &hook);
}

/* Sends `capturing`, which knows its interface and its tag, and at most so many bytes. */
static __always_inline void capture_send(void *ctx, struct weir_captured *frame, __u32 length,
                                         __u32 most) {
    frame->time = bpf_ktime_get_ns();
    frame->length = length;
    frame->kept = length < most ? length : most;
    bpf_perf_event_output(ctx, &captured, BPF_F_CURRENT_CPU | (__u64)frame->kept << 32, frame,
                          sizeof(*frame));
}

static __always_inline void capture_before(void *ctx, struct weir_captured *frame, __u32 hook,
                                           __u32 length) {
    const struct weir_capture *wanted = capture_wanted(frame->ifindex);

    frame->hook = (__u8)hook;
    frame->after = 0;
    frame->number++;
    frame->snaplen = wanted ? wanted->snaplen : 0;
    capture_send(ctx, frame, length, frame->snaplen);
    capture_remember_drops(hook);
}

/* As much of it as before, also where the listener has just gone. */
static __always_inline void capture_after(void *ctx, struct weir_captured *frame, int answer,
                                          __u32 length) {
    frame->after = 1;
    frame->answer = (__u32)answer;
    frame->reason = capture_reason(frame->hook);
    capture_send(ctx, frame, length, frame->snaplen);
}
