/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Socket join: a program of this host that was given a backend which is another program of this
 * host. What one writes is put into the other's socket, past TCP, for as long as that changes
 * nothing for either:
 *
 * - A socket of a sockmap has two queues, what came past TCP and what came by TCP, and tells its
 *   program of one at a time: epoll says once that there is something, FIONREAD counts the one, a
 *   recv() that was given less than it asked for left the other. So a socket has data in one of
 * them only. The first byte that comes by TCP makes it an ordinary socket for good, and is not let
 * in before what came past TCP is read.
 * - What waits in a socket is bounded by its receive buffer, with what the kernel needs to keep it;
 *   beyond that its peer uses TCP, which makes the writer wait.
 * - Only sockets that do not block. A socket of a sockmap waits but once in recv(): whatever wakes
 *   it, a signal or the acknowledgement of its FIN, is EAGAIN to a program that did not ask for it.
 */
#pragma once

#include <linux/in.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "bpf/address.h"
#include "bpf/join_maps.h"
#include "bpf/kernel_socket.h"

/* Valued as the kernel's headers have them. */
enum { WEIR_AF_INET = 2, WEIR_SOL_TCP = 6, WEIR_TCP_ULP = 31, WEIR_EBUSY = 16 };
enum {
    WEIR_JOIN_ESTABLISHED = 1,
    WEIR_JOIN_FIN_WAIT1 = 4,
    WEIR_JOIN_CLOSE = 7,
    WEIR_JOIN_CLOSE_WAIT = 8,
};

/* A TCP option for experiments (RFC 6994). */
enum { WEIR_JOIN_OPTION = 253, WEIR_JOIN_OPTION_SIZE = 4 };

/* -- which sockets -- */

/* The addresses of both families are read and one is taken: of branches that read the context, the
 * compiler merges the last access ("dereference of modified ctx ptr", clang 14). */
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

/* A socket that connects once more, after connect() with AF_UNSPEC: what waits there is of its old
 * connection, and leaves with it. */
static __always_inline void join_begin_anew(struct bpf_sock *sk) {
    const struct weir_joined *old = bpf_sk_storage_get(&joined, sk, NULL, 0);

    if (!old)
        return;
    bpf_map_delete_elem(&join_ends, &old->cookie);
    bpf_sk_storage_delete(&joined, sk);
}

/* A program connects. Was it given a backend? */
static __always_inline void join_connect(struct bpf_sock_ops *ctx, struct bpf_sock *sk) {
    const struct weir_socket *socket = bpf_sk_storage_get(&sockets, sk, NULL, 0);
    /* of a type that may be read at any offset */
    const struct sock *kernel = (const struct sock *)bpf_skc_to_tcp_sock(sk);
    struct weir_join_pair pair = {};
    struct weir_join_key key;

    join_begin_anew(sk);
    if (!socket || !socket->way.seen || !kernel || kernel_socket_blocks(kernel) ||
        kernel_socket_is_mptcp(kernel))
        return;
    pair.service = socket->way.service;
    pair.client = bpf_get_socket_cookie(ctx);
    join_read_key(ctx, WEIR_JOIN_CLIENT, &key);
    bpf_map_update_elem(&join_pairs, &key, &pair, BPF_ANY);
}

/* A SYN came to a socket that listens. Whether one that it accepts will block is not known yet: it
 * is taken to be like the one that listens, and looked at again once it is accepted. Not one of an
 * MPTCP listener: in a sockmap the kernel warns of it at accept() (before 6.19). */
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

/* Whether an end that is established is the one that a pair is about. */
static __always_inline int join_is_of(const struct weir_join_pair *pair, __u32 side, __u64 cookie) {
    if (!pair->heard)
        return 0;
    return side == WEIR_JOIN_CLIENT ? pair->client == cookie
                                    : pair->ends[WEIR_JOIN_CLIENT].cookie == pair->client;
}

static __always_inline void join_enter(struct bpf_sock_ops *ctx, struct bpf_sock *sk, __u32 side) {
    __u64 cookie = bpf_get_socket_cookie(ctx);
    struct weir_join_stats *stats;
    struct weir_join_pair *pair;
    struct weir_joined *own;
    struct weir_join_key key;
    __u32 service;

    join_read_key(ctx, side, &key);
    pair = bpf_map_lookup_elem(&join_pairs, &key);
    if (!pair)
        return;
    own = join_is_of(pair, side, cookie)
              ? bpf_sk_storage_get(&joined, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE)
              : NULL;
    if (!own) {
        bpf_map_delete_elem(&join_pairs, &key);
        return;
    }
    own->key = key;
    own->cookie = cookie;
    own->side = side;
    if (bpf_sock_hash_update(ctx, &join_ends, &cookie, BPF_ANY)) {
        own->left = 1;
        return;
    }
    pair->ends[side].socket = (__u64)sk;
    __sync_lock_test_and_set(&pair->ends[side].cookie, cookie);
    bpf_sock_ops_cb_flags_set(ctx, (int)ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG |
                                       BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG |
                                       BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
    service = pair->service;
    stats = bpf_map_lookup_elem(&join_stats, &service);
    if (stats && side == WEIR_JOIN_SERVER)
        __sync_fetch_and_add(&stats->connections, 1);
}

/* -- until when -- */

static __always_inline struct weir_join_pair *join_pair_of(const struct weir_joined *own) {
    struct weir_join_pair *pair = bpf_map_lookup_elem(&join_pairs, &own->key);

    return pair && pair->ends[own->side & 1].cookie == own->cookie ? pair : NULL;
}

static __always_inline void join_leave(struct weir_joined *own) {
    own->left = 1;
    bpf_map_delete_elem(&join_ends, &own->cookie);
}

/* A program has closed its direction, and may wait for the answer in recv(). If nothing was ever
 * put into its socket, that leaves; otherwise it would lose what it has not read. */
static __always_inline void join_close_half(struct weir_joined *own) {
    struct weir_join_pair *pair = join_pair_of(own);
    struct weir_join_end *end;

    if (!pair)
        return;
    end = &pair->ends[own->side & 1];
    __sync_lock_test_and_set(&end->left, 1);
    if (*(volatile __u32 *)&end->given)
        end->left = 0;
    else
        join_leave(own);
}

static __always_inline void join_state(struct bpf_sock_ops *ctx, struct bpf_sock *sk) {
    struct weir_joined *own = bpf_sk_storage_get(&joined, sk, NULL, 0);

    if (!own)
        return;
    if (ctx->args[1] == WEIR_JOIN_FIN_WAIT1 && !own->left)
        join_close_half(own);
    else if (ctx->args[1] == WEIR_JOIN_CLOSE && own->side == WEIR_JOIN_CLIENT && join_pair_of(own))
        bpf_map_delete_elem(&join_pairs, &own->key);
}

/* A segment is about to be put into a socket. join_admit() lets it come so far where nothing waits
 * that came past TCP; its peer puts nothing there once it has used TCP. */
static __always_inline void join_receive(struct bpf_sock_ops *ctx, struct bpf_sock *sk) {
    struct weir_joined *own = bpf_sk_storage_get(&joined, sk, NULL, 0);
    const struct tcphdr *tcp = ctx->skb_data;
    const struct sock *kernel = (const struct sock *)bpf_skc_to_tcp_sock(sk);
    struct weir_join_pair *pair;

    if (!own || own->left || !kernel || !kernel_socket_is_empty(kernel) ||
        ((const void *)(tcp + 1) <= ctx->skb_data_end && ctx->skb_len <= tcp->doff * 4U))
        return;
    pair = join_pair_of(own);
    if (pair)
        __sync_lock_test_and_set(&pair->ends[own->side & 1].left, 1);
    join_leave(own);
}

/* What a joined socket sends by TCP carries an option that says nothing: the kernel's fast path
 * takes segments with the usual options alone, and does not show them to join_receive(). Until the
 * other end is an ordinary socket. */
static __always_inline void join_reserve_option(struct bpf_sock_ops *ctx, struct bpf_sock *sk) {
    const struct weir_joined *own = bpf_sk_storage_get(&joined, sk, NULL, 0);
    const struct weir_join_pair *pair = own ? join_pair_of(own) : NULL;

    if (pair && pair->ends[~own->side & 1].left)
        bpf_sock_ops_cb_flags_set(
            ctx, (int)ctx->bpf_sock_ops_cb_flags & ~BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
    else if (own)
        bpf_reserve_hdr_opt(ctx, WEIR_JOIN_OPTION_SIZE, 0);
}

static __always_inline void join_write_option(struct bpf_sock_ops *ctx, struct bpf_sock *sk) {
    const __u8 option[WEIR_JOIN_OPTION_SIZE] = {WEIR_JOIN_OPTION, WEIR_JOIN_OPTION_SIZE, 'W', 'j'};

    if (bpf_sk_storage_get(&joined, sk, NULL, 0))
        bpf_store_hdr_opt(ctx, option, sizeof(option), 0);
}

/* Whether a packet for a socket of the cgroup may come in. One with data for a socket where
 * something waits that came past TCP may not: it is sent again. */
static __always_inline int join_admit(struct __sk_buff *skb) {
    struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : NULL;
    const struct weir_joined *own = sk ? bpf_sk_storage_get(&joined, sk, NULL, 0) : NULL;
    const struct sock *kernel;
    __u8 first = 0, next = 0, length = 0;
    __u32 at;

    if (!own || own->left)
        return 1;
    bpf_skb_load_bytes(skb, 0, &first, sizeof(first));
    at = first >> 4 == 6 ? sizeof(struct ipv6hdr) : (first & 0xfU) * 4;
    bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, nexthdr), &next, sizeof(next));
    if (first >> 4 == 6 && next != IPPROTO_TCP)
        return 1; /* where TCP begins is not looked for behind extension headers */
    bpf_skb_load_bytes(skb, at + offsetof(struct tcphdr, seq) + 8, &length, sizeof(length));
    kernel = (const struct sock *)bpf_skc_to_tcp_sock(sk);
    return skb->len <= at + (length >> 4) * 4U || !kernel || kernel_socket_is_empty(kernel);
}
