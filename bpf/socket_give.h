/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Socket give: which way what a joined socket sends goes. */
#pragma once

#include "bpf/socket_join.h"

/* Who sends more at once sends bulk, for which TCP is the faster way. */
enum { WEIR_JOIN_LARGEST = 32768 };

/* What a message takes while it waits, beside its bytes. */
enum { WEIR_JOIN_MESSAGE = 1024 };

static __always_inline void join_count_tcp(__u32 service, __u32 bytes) {
    struct weir_join_stats *stats = bpf_map_lookup_elem(&join_stats, &service);

    if (stats) /* sk_msg programs may be preempted */
        __sync_fetch_and_add(&stats->tcp_bytes, bytes);
}

/*
 * Whether `bytes` more may wait in a socket. Kernels that do not count in sk_rmem_alloc what comes
 * past TCP (before 6.14, and stable ones of before 2025) tell only whether anything waits; and none
 * counts the 712 bytes in which each message waits, however short it is.
 */
static __always_inline int join_has_room(const struct sock *sk, struct weir_joined *own,
                                         __u32 bytes) {
    __u32 waiting = (__u32)BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
    __u32 room = (__u32)BPF_CORE_READ(sk, sk_rcvbuf) / 2;

    if (kernel_socket_is_empty(sk))
        own->ahead = 0;
    if (waiting < own->ahead)
        waiting = own->ahead;
    if ((__u64)waiting + bytes > room)
        return 0;
    own->ahead += bytes + WEIR_JOIN_MESSAGE;
    return 1;
}

/* Whether `own` may put what it sends into the other end now. Nothing may be under way to there by
 * TCP, and its direction is open. That holds until it is there, unless two threads send at once:
 * the kernel lets go of the lock in between. */
static __always_inline int join_may_give(struct sk_msg_md *msg, struct bpf_sock *sk,
                                         struct weir_joined *own,
                                         const struct weir_join_end *other) {
    const struct tcp_sock *tcp = (const struct tcp_sock *)bpf_skc_to_tcp_sock(sk);
    const struct sock *kernel = (const struct sock *)other->socket;

    return tcp && (sk->state == WEIR_JOIN_ESTABLISHED || sk->state == WEIR_JOIN_CLOSE_WAIT) &&
           msg->size <= WEIR_JOIN_LARGEST &&
           BPF_CORE_READ((const struct tcp_sock *)kernel, copied_seq) == tcp->write_seq &&
           !kernel_socket_blocks(kernel) && join_has_room(kernel, own, msg->size) &&
           (__u64)BPF_CORE_READ(kernel, __sk_common.skc_cookie.counter) == other->cookie;
}

/* A joined socket sends. */
static __always_inline void join_give(struct sk_msg_md *msg) {
    struct bpf_sock *sk = msg->sk;
    struct weir_joined *own = sk ? bpf_sk_storage_get(&joined, sk, NULL, 0) : NULL;
    struct weir_join_pair *pair = own ? join_pair_of(own) : NULL;
    struct weir_join_stats *stats;
    struct weir_join_end *other;
    __u32 service;
    __u64 cookie;

    if (!pair)
        return;
    other = &pair->ends[~own->side & 1];
    cookie = other->cookie;
    service = pair->service;
    if (!cookie || other->left || !join_may_give(msg, sk, own, other))
        return join_count_tcp(service, msg->size);
    /* it is told first: then either it stays, or is seen to leave */
    if (!other->given)
        __sync_lock_test_and_set(&other->given, 1);
    if (*(volatile __u32 *)&other->left ||
        bpf_msg_redirect_hash(msg, &join_ends, &cookie, BPF_F_INGRESS) != SK_PASS)
        return join_count_tcp(service, msg->size);
    stats = bpf_map_lookup_elem(&join_stats, &service);
    if (stats)
        __sync_fetch_and_add(&stats->bytes, msg->size);
}

/* kTLS would decrypt what comes by TCP alone: who asks for it is refused, and does it in the
 * program. Returns whether the option may be set. */
static __always_inline int join_allow_option(struct bpf_sockopt *ctx) {
    const struct weir_joined *own;

    /* longer than a page: as it is */
    if (ctx->optlen > ctx->optval_end - ctx->optval)
        ctx->optlen = 0;
    if (ctx->level != WEIR_SOL_TCP || ctx->optname != WEIR_TCP_ULP || !ctx->sk)
        return 1;
    own = bpf_sk_storage_get(&joined, ctx->sk, NULL, 0);
    if (!own || own->left)
        return 1;
    bpf_set_retval(-WEIR_EBUSY);
    return 0;
}
