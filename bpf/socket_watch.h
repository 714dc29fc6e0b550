/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Socket watch: how the TCP connections of local programs to services fare, as this host's TCP sees
 * them: how long they take to be established, their round trips, and what is sent again.
 */
#pragma once

#include "bpf/socket_count.h"

/* Valued as <netinet/tcp.h> has it. */
enum { WEIR_TCP_STATE_CLOSE = 7 };

/* TCP keeps its smoothed round trip as eighths of a microsecond. */
enum { WEIR_SRTT_SHIFT = 3, WEIR_NS_PER_US = 1000 };

static __noinline void watch_note(__u32 service, __u32 kind, __u64 value) {
    static const __u64 times[] = WEIR_LATENCY_BOUNDS;
    static const __u64 numbers[] = WEIR_RETRANSMIT_BOUNDS;
    __u32 index = service * WEIR_SOCKET_HISTOGRAMS + kind;
    struct weir_latency *of_service = bpf_map_lookup_elem(&socket_histograms, &index);
    __u32 i;

    if (!of_service)
        return;
    for (i = 0; i < WEIR_LATENCY_BUCKETS - 1; i++)
        if (value <= (kind == WEIR_SOCKET_RETRANSMITS ? numbers[i] : times[i]))
            break;
    __sync_fetch_and_add(&of_service->sum, value);
    __sync_fetch_and_add(&of_service->buckets[i & (WEIR_LATENCY_BUCKETS - 1)], 1);
}
_Static_assert(sizeof((__u64[])WEIR_LATENCY_BOUNDS) == sizeof((__u64[])WEIR_RETRANSMIT_BOUNDS),
               "as many buckets");

/* Of a connection that has ended, or was never there. */
static __always_inline void watch_end(struct bpf_sock_ops *ctx, struct weir_socket *socket) {
    socket_count_closed(socket);
    if (socket->connecting) {
        socket->connecting = 0;
        return socket_count_failed(&socket->way);
    }
    watch_note(socket->way.service, WEIR_SOCKET_RTT,
               (__u64)(ctx->srtt_us >> WEIR_SRTT_SHIFT) * WEIR_NS_PER_US);
    watch_note(socket->way.service, WEIR_SOCKET_RETRANSMITS, ctx->total_retrans);
}

/* Of the ten calls that a connection has the three that are of use: for the others its socket is
 * not looked up. */
static __always_inline int watch_wants(__u32 op, __u32 state) {
    return op == BPF_SOCK_OPS_TCP_CONNECT_CB || op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB ||
           (op == BPF_SOCK_OPS_STATE_CB && state == WEIR_TCP_STATE_CLOSE);
}

static __always_inline void watch_socket(struct bpf_sock_ops *ctx) {
    __u32 op = ctx->op, state = ctx->args[1];
    struct bpf_sock *sk = ctx->sk;
    struct weir_socket *socket;

    if (!sk || !watch_wants(op, state))
        return;
    socket = bpf_sk_storage_get(&sockets, sk, NULL, 0);
    if (!socket || !socket->way.seen)
        return;
    switch (op) {
        case BPF_SOCK_OPS_TCP_CONNECT_CB:
            socket->connecting = bpf_ktime_get_ns();
            bpf_sock_ops_cb_flags_set(ctx,
                                      (int)ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
            break;
        case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
            if (socket->connecting)
                watch_note(socket->way.service, WEIR_SOCKET_CONNECT,
                           bpf_ktime_get_ns() - socket->connecting);
            socket->connecting = 0;
            break;
        default:
            watch_end(ctx, socket);
            break;
    }
}
