/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Socket join: a program of this host that was given a backend which is another program of this
 * host. What one writes is put into the other's socket, past TCP, wherever that changes nothing for
 * either:
 *
 * - in order: only while the other has read all that went by TCP. It reads what came past TCP
 *   first, so what then goes by TCP follows it.
 * - bounded: what waits in the other is at most half of its receive buffer; beyond that, TCP, which
 *   makes the writer wait.
 * - only into sockets that do not block. A socket of a sockmap waits but once in recv(): anything
 *   that wakes it, a signal or the acknowledgement of its FIN, is EAGAIN to a program that did not
 *   ask for it.
 */
#pragma once

#include "bpf/join_maps.h"
#include "bpf/kernel_socket.h"
#include "bpf/nat.h"

/* Valued as the kernel's headers have them. */
enum { WEIR_AF_INET = 2, WEIR_SOL_TCP = 6, WEIR_TCP_ULP = 31, WEIR_EBUSY = 16 };
enum { WEIR_JOIN_FIN_WAIT1 = 4, WEIR_JOIN_CLOSE = 7 };

static __always_inline void join_count_tcp(__u32 service, __u32 bytes) {
    struct weir_join_stats *stats = bpf_map_lookup_elem(&join_stats, &service);

    if (stats)
        stats->tcp_bytes += bytes;
}

/* -- which sockets -- */

/* The addresses of both families are read and one is taken: of branches that read the context, the
 * compiler merges the last access ("dereference of modified ctx ptr" in Linux 6.1 to 6.18, clang
 * 14). */
static __always_inline void join_read_key(struct bpf_sock_ops *ctx, __u32 side,
                                          struct weir_join_key *key) {
    struct weir_address *local = side == WEIR_JOIN_CLIENT ? &key->client : &key->server;
    struct weir_address *remote = side == WEIR_JOIN_CLIENT ? &key->server : &key->client;
    __u32 remote_port = bpf_ntohl(ctx->remote_port), local_port = ctx->local_port;
    __u32 local_v4 = ctx->local_ip4, remote_v4 = ctx->remote_ip4;

    key->netns = bpf_get_netns_cookie(ctx);
    key->client_port = side == WEIR_JOIN_CLIENT ? local_port : remote_port;
    key->server_port = side == WEIR_JOIN_CLIENT ? remote_port : local_port;
    local->words[0] = ctx->local_ip6[0];
    local->words[1] = ctx->local_ip6[1];
    local->words[2] = ctx->local_ip6[2];
    local->words[3] = ctx->local_ip6[3];
    remote->words[0] = ctx->remote_ip6[0];
    remote->words[1] = ctx->remote_ip6[1];
    remote->words[2] = ctx->remote_ip6[2];
    remote->words[3] = ctx->remote_ip6[3];
    barrier_var(local_v4);
    barrier_var(remote_v4);
    if (ctx->family != WEIR_AF_INET)
        return;
    nat_map_v4(local, local_v4);
    nat_map_v4(remote, remote_v4);
}

static __always_inline void join_watch_state(struct bpf_sock_ops *ctx) {
    bpf_sock_ops_cb_flags_set(ctx, (int)ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

/* A program connects. Was it given a backend? */
static __always_inline void join_connect(struct bpf_sock_ops *ctx, struct bpf_sock *sk) {
    const struct weir_socket *socket = bpf_sk_storage_get(&sockets, sk, NULL, 0);
    /* of a type that may be read at any offset */
    const struct sock *kernel = (const struct sock *)bpf_skc_to_tcp_sock(sk);
    struct weir_join_pair pair = {};
    struct weir_join_key key;

    if (!socket || !socket->way.seen || !kernel || kernel_socket_blocks(kernel) ||
        kernel_socket_is_mptcp(kernel))
        return;
    pair.service = socket->way.service;
    join_read_key(ctx, WEIR_JOIN_CLIENT, &key);
    bpf_map_update_elem(&join_pairs, &key, &pair, BPF_ANY);
}

/* A SYN came to a socket that listens. Whether those that it accepts will block is not known yet:
 * they are taken to be like the one that listens, and looked at before anything is put into them.
 * Kernels before 6.19 warn of sockets of an MPTCP listener that are in a sockmap, at accept(). */
static __always_inline void join_hear(struct bpf_sock_ops *ctx) {
    const struct sock *listener;
    struct weir_join_pair *pair;
    struct weir_join_key key;

    join_read_key(ctx, WEIR_JOIN_SERVER, &key);
    pair = bpf_map_lookup_elem(&join_pairs, &key);
    if (!pair)
        return;
    listener = kernel_socket_listener(ctx);
    if (!kernel_socket_blocks(listener) && !kernel_socket_is_mptcp(listener))
        pair->heard = 1;
}

/* An end is established. */
static __always_inline void join_enter(struct bpf_sock_ops *ctx, struct bpf_sock *sk, __u32 side) {
    struct weir_join_stats *stats;
    struct weir_joined *own;
    struct weir_join_pair *pair;
    struct weir_join_key key;
    __u64 cookie;
    __u32 service;

    join_read_key(ctx, side, &key);
    pair = bpf_map_lookup_elem(&join_pairs, &key);
    if (!pair)
        return;
    if (!pair->heard) {
        bpf_map_delete_elem(&join_pairs, &key);
        return;
    }
    own = bpf_sk_storage_get(&joined, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
    if (!own)
        return;
    cookie = bpf_get_socket_cookie(ctx);
    own->key = key;
    own->side = side;
    if (bpf_sock_hash_update(ctx, &join_ends, &cookie, BPF_ANY)) {
        bpf_sk_storage_delete(&joined, sk);
        return;
    }
    own->cookie = cookie;
    pair->ends[side].socket = (__u64)sk;
    __sync_lock_test_and_set(&pair->ends[side].cookie, cookie);
    join_watch_state(ctx);
    service = pair->service;
    stats = bpf_map_lookup_elem(&join_stats, &service);
    if (stats && side == WEIR_JOIN_SERVER)
        stats->connections += 1;
}

/* -- what is put where -- */

static __always_inline struct weir_join_pair *join_pair_of(const struct weir_joined *own) {
    struct weir_join_pair *pair = bpf_map_lookup_elem(&join_pairs, &own->key);

    return pair && pair->ends[own->side & 1].cookie == own->cookie ? pair : NULL;
}

/* A program has closed its direction. It may block now: without the map's recv() it may. Only while
 * nothing was ever put into it past TCP, for with the map it loses what it has not read. */
static __always_inline void join_leave(const struct weir_joined *own) {
    struct weir_join_pair *pair = join_pair_of(own);
    struct weir_join_end *end;

    if (!pair)
        return;
    end = &pair->ends[own->side & 1];
    __sync_lock_test_and_set(&end->left, 1);
    if (*(volatile __u32 *)&end->given)
        end->left = 0;
    else
        bpf_map_delete_elem(&join_ends, &own->cookie);
}

static __always_inline void join_state(struct bpf_sock_ops *ctx, struct bpf_sock *sk) {
    const struct weir_joined *own = bpf_sk_storage_get(&joined, sk, NULL, 0);

    if (!own)
        return;
    if (ctx->args[1] == WEIR_JOIN_FIN_WAIT1)
        join_leave(own);
    else if (ctx->args[1] == WEIR_JOIN_CLOSE && own->side == WEIR_JOIN_CLIENT && join_pair_of(own))
        bpf_map_delete_elem(&join_pairs, &own->key);
}

/* Whether `bytes` more may wait in it. Kernels that do not count in sk_rmem_alloc what comes past
 * TCP (before 6.14, and stable ones before 2025) tell only whether anything waits. */
static __always_inline int join_has_room(const struct sock *sk, struct weir_joined *own,
                                         __u32 bytes) {
    __u32 waiting = (__u32)BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
    __u32 room = (__u32)BPF_CORE_READ(sk, sk_rcvbuf) / 2;

    if (!waiting) {
        if (kernel_socket_is_empty(sk))
            own->ahead = 0;
        waiting = own->ahead;
    }
    if ((__u64)waiting + bytes > room)
        return 0;
    own->ahead += bytes;
    return 1;
}

/* Whether `own` may put `bytes` into the other end now. Holds until it does: only what `own` sends,
 * under its lock, can make it otherwise. */
static __always_inline int join_may_give(struct sk_msg_md *msg, struct bpf_sock *sk,
                                         struct weir_joined *own,
                                         const struct weir_join_end *other) {
    const struct tcp_sock *tcp = (const struct tcp_sock *)bpf_skc_to_tcp_sock(sk);
    const struct sock *kernel = (const struct sock *)other->socket;

    return tcp && BPF_CORE_READ((const struct tcp_sock *)kernel, copied_seq) == tcp->write_seq &&
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
    if (!cookie || !join_may_give(msg, sk, own, other))
        return join_count_tcp(service, msg->size);
    /* it is told first: then either it stays, or is seen to leave */
    if (!other->given)
        __sync_lock_test_and_set(&other->given, 1);
    if (*(volatile __u32 *)&other->left ||
        bpf_msg_redirect_hash(msg, &join_ends, &cookie, BPF_F_INGRESS) != SK_PASS)
        return join_count_tcp(service, msg->size);
    stats = bpf_map_lookup_elem(&join_stats, &service);
    if (stats)
        stats->bytes += msg->size;
}

/* kTLS would decrypt what comes by TCP alone: who asks for it is refused, and does it in the
 * program. Returns whether the option may be set. */
static __always_inline int join_allow_option(struct bpf_sockopt *ctx) {
    /* longer than a page: as it is */
    if (ctx->optlen > ctx->optval_end - ctx->optval)
        ctx->optlen = 0;
    if (ctx->level != WEIR_SOL_TCP || ctx->optname != WEIR_TCP_ULP || !ctx->sk ||
        !bpf_sk_storage_get(&joined, ctx->sk, NULL, 0))
        return 1;
    bpf_set_retval(-WEIR_EBUSY);
    return 0;
}
