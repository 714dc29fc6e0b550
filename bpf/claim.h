/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Claim: a reply tuple for one flow alone (I4), and both directions of the flow entered. */
#pragma once

#include "bpf/flow.h"
#include "bpf/latency.h"

/* <errno.h> is none of BPF's headers */
enum { WEIR_EEXIST = 17 };

/* Whether the owner of a reply tuple that is wanted is done with it. Where ports are short, that is
 * so as soon as its connection is over and a second has passed without a packet of it: of those in
 * the other direction an entry hears within three. */
static __always_inline int claim_is_over(const struct weir_opening *o,
                                         const struct weir_flow *owner) {
    return flow_expired(owner, o->answer.head.protocol, o->now) ||
           (o->urgent && owner->state == WEIR_FLOW_CLOSED &&
            flow_idle(owner, o->now) > 4 * WEIR_REFRESH_TICKS);
}

/*
 * Takes the reply tuple `key` from a flow that is over, and deletes both its directions. False when
 * that is not over, or another CPU was faster: of all that find it so, one alone has the word, and
 * for the others it is young again. The other key is no variable, for the stack's sake.
 */
static __always_inline int claim_take(struct weir_opening *o, long family, struct weir_flow *owner,
                                      const union weir_any_tuple *key) {
    __u32 refreshed = owner->refreshed;
    const struct weir_flow *peer;

    if (!claim_is_over(o, owner) ||
        __sync_val_compare_and_swap(&owner->refreshed, refreshed,
                                    (__u32)(o->now >> WEIR_TICK_SHIFT)) != refreshed)
        return 0;
    entry_answer(family, owner, o->answer.head.protocol, &o->old);
    peer = flow_find(family, &o->old);
    if (peer && entry_is_answered_by(family, peer, key))
        flow_delete(family, &o->old);
    flow_delete(family, key);
    return 1;
}

/*
 * The entry of an IPv4 tuple in the other family's tables, or NULL. In this one's it was entered
 * before: of two CPUs that enter it at once, in one each, at least one sees the other's.
 */
static __always_inline struct weir_flow *claim_other(struct weir_opening *o, long family,
                                                     const union weir_any_tuple *tuple) {
    const struct weir_settings *set = settings_get();

    if (!set || !set->changes_family)
        return NULL;
    nat_cross_tuple(family, tuple, &o->crossed);
    flow_barrier(o);
    return flow_find(family == WEIR_V4 ? WEIR_V6 : WEIR_V4, &o->crossed);
}

/* Whether the reply tuple, if it is IPv4's, is a live flow's in the other family's tables. */
static __always_inline int claim_is_in_other(struct weir_opening *o, long family) {
    struct weir_flow *owner = o->to == WEIR_V4 ? claim_other(o, family, &o->answer) : NULL;

    return owner && !claim_take(o, family == WEIR_V4 ? WEIR_V6 : WEIR_V4, owner, &o->crossed);
}

/*
 * Claims the reply tuple for this flow alone (I4). An entry that is this flow's own (its forward
 * half was evicted) or that is over gives way; a live one does not.
 */
static __always_inline enum weir_drop_reason claim_answer(struct weir_opening *o, long family) {
    struct weir_flow *owner = flow_find(family, &o->answer);
    long error;

    if (owner) {
        if (entry_same_target(family, owner, &o->reply.flow))
            flow_delete(family, &o->answer);
        else if (!claim_take(o, family, owner, &o->answer))
            return WEIR_DROP_TUPLE_IN_USE;
    }
    if (claim_is_in_other(o, family))
        return WEIR_DROP_TUPLE_IN_USE;
    error = bpf_map_update_elem(flow_new_table(family), &o->answer, &o->reply, BPF_NOEXIST);
    if (!error && claim_is_in_other(o, family)) {
        bpf_map_delete_elem(flow_new_table(family), &o->answer);
        return WEIR_DROP_TUPLE_IN_USE;
    }
    if (!error)
        return WEIR_DROP_NONE;
    if (error != -WEIR_EEXIST)
        return WEIR_DROP_FLOW_TABLE_FULL;
    /* another CPU was faster: with another packet of this very flow, or with another flow */
    owner = flow_find(family, &o->answer);
    if (!owner || !entry_same_target(family, owner, &o->reply.flow) || claim_is_in_other(o, family))
        return WEIR_DROP_TUPLE_IN_USE;
    return WEIR_DROP_NONE;
}

static __always_inline enum weir_drop_reason claim_both(struct weir_opening *o, long family) {
    enum weir_drop_reason reason;
    long error;

    entry_measure(family, &o->tuple, &o->flow);
    /* what was read is read again: kept, it would take stack ("combined stack size", 6.1) */
    barrier();
    entry_answer(family, &o->flow.flow, o->tuple.head.protocol, &o->answer);
    o->reply = o->flow;
    entry_turn(family, &o->tuple, &o->reply);
    o->reply.flow.ack = o->midstream ? 0 : latency_stamp(o->now);
    reason = claim_answer(o, family);
    if (reason != WEIR_DROP_NONE)
        return reason;
    error = bpf_map_update_elem(flow_new_table(family), &o->tuple, &o->flow, BPF_NOEXIST);
    if (!error && o->wire == WEIR_V4 && claim_other(o, family, &o->tuple)) {
        bpf_map_delete_elem(flow_new_table(family), &o->tuple);
        bpf_map_delete_elem(flow_new_table(family), &o->answer);
        return WEIR_DROP_NONE; /* another CPU was faster, with a backend of the other family */
    }
    /* another CPU was faster: its entry holds, and a port that this one claimed comes free in time
     */
    return error && error != -WEIR_EEXIST ? WEIR_DROP_FLOW_TABLE_FULL : WEIR_DROP_NONE;
}

/*
 * Enters both directions of the flow that is being opened, the reply first. A global function, as
 * others here: the verifier looks at it once, and not for each try.
 */
__noinline int claim_enter(void) {
    struct weir_opening *o = opening_get();

    if (!o)
        return WEIR_DROP_FLOW_TABLE_FULL;
    return o->family == WEIR_V4 ? claim_both(o, WEIR_V4) : claim_both(o, WEIR_V6);
}
